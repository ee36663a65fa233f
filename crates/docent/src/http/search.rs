//! Searching without an answer: hits with their reasons.

use std::collections::HashMap;

use axum::Json;
use axum::extract::{Query, State};
use axum::http::{Extensions, HeaderMap};
use serde::Serialize;
use utoipa::ToSchema;

use super::chat::opened;
use super::error::{ApiError, FieldError, Problem};
use super::{App, client};
use crate::answer::section_href;
use crate::retrieve;

const QUERY_CHARS: usize = 2000;
const DEFAULT_LIMIT: usize = 10;
const HIGHEST_LIMIT: usize = 50;

/// What was found for a query.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SearchView {
    /// The query as it was read.
    query: String,
    /// Hits, best first.
    hits: Vec<HitView>,
    /// A part was missing and another stood in.
    degraded: bool,
}

/// One chunk of the book.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct HitView {
    /// Place, from 1.
    rank: usize,
    /// Name of the chunk.
    id: String,
    /// Fused score, 0 to 1; comparable within one query.
    score: f32,
    /// The words leg.
    lexical: Option<LexicalView>,
    /// The meaning leg: cosine, -1 to 1.
    cosine: Option<f32>,
    /// Source file.
    file: String,
    /// Title of the page.
    title: String,
    /// Headings down to the section.
    heading_path: Vec<String>,
    /// URL of the page.
    url: String,
    /// Fragment of the section.
    anchor: Option<String>,
    /// URL that opens the page at the section.
    href: String,
    /// The text.
    content: String,
    /// Where words of the query stand in the text: pairs of first byte and one past the last (UTF-8).
    highlights: Vec<[usize; 2]>,
}

/// BM25 by field; the fields sum to the score.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LexicalView {
    /// Place in that leg, from 1.
    rank: usize,
    /// Over all fields.
    score: f32,
    /// The page's title.
    title: f32,
    /// The headings.
    headings: f32,
    /// The text.
    body: f32,
    /// Code in the text.
    code: f32,
    /// Share of the query's weight whose words occur in the chunk, 0 to 1.
    coverage: f32,
}

/// Search the book.
#[utoipa::path(
    get,
    path = "/api/search",
    tag = "search",
    params(
        ("q" = String, Query, min_length = 1, max_length = 2000, pattern = r"^[^\u0000]*\S[^\u0000]*$", description = "The query"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 50, description = "Hits at most; 10 when left out"),
        ("version" = Option<String>, Query, max_length = 64, description = "Only this docs version"),
        ("locale" = Option<String>, Query, max_length = 64, description = "Only this locale"),
    ),
    responses(
        (status = 200, description = "The hits", body = SearchView),
        (status = 422, description = "A parameter is missing or wrong", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "This reader asks too often", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The service is starting or stopping", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn search(
    State(app): State<App>,
    headers: HeaderMap,
    extensions: Extensions,
    parameters: Result<Query<HashMap<String, String>>, axum::extract::rejection::QueryRejection>,
) -> Result<Json<SearchView>, ApiError> {
    let Query(parameters) = parameters
        .map_err(|_| ApiError::field("q", "the query string is not valid percent-encoded UTF-8"))?;
    let (query, limit) = read(&parameters)?;
    let parts = opened(&app)?;
    // A search may embed its query, which a provider bills like a question's.
    app.limits().take(client::address(&app, &headers, &extensions), None)?;
    let answerer = &parts.answerer;
    let found = retrieve::retrieve(&answerer.retriever, &answerer.embedder, &query, answerer.limits).await;
    let index = &found.index;
    let hits = found
        .hits
        .iter()
        .take(limit)
        .enumerate()
        .map(|(place, hit)| {
            let chunk = index.chunk(hit.ordinal);
            HitView {
                rank: place + 1,
                id: chunk.id.to_string(),
                score: hit.score,
                lexical: hit.lexical.map(|lexical| LexicalView {
                    rank: lexical.rank,
                    score: lexical.score,
                    title: lexical.fields.title,
                    headings: lexical.fields.headings,
                    body: lexical.fields.body,
                    code: lexical.fields.code,
                    coverage: lexical.coverage,
                }),
                cosine: hit.cosine,
                file: chunk.file_path.to_owned(),
                title: chunk.title.to_owned(),
                heading_path: chunk.heading_path.iter().map(|heading| (*heading).to_owned()).collect(),
                url: chunk.url.to_owned(),
                anchor: chunk.anchor.map(str::to_owned),
                href: section_href(chunk.url, chunk.anchor),
                content: chunk.content.to_owned(),
                highlights: ::search::highlight(chunk.content, &query.text)
                    .into_iter()
                    .map(|range| [range.start, range.end])
                    .collect(),
            }
        })
        .collect();
    Ok(Json(SearchView { query: query.text, hits, degraded: found.degraded.is_some() }))
}

fn read(parameters: &HashMap<String, String>) -> Result<(retrieve::Query, usize), ApiError> {
    let mut errors = Vec::new();
    let text = parameters.get("q").map(String::as_str).unwrap_or_default();
    let length = text.chars().count();
    if text.trim().is_empty() {
        errors.push(FieldError::new(
            "q",
            format!("is missing or empty; expected 1 to {QUERY_CHARS} characters"),
        ));
    } else if length > QUERY_CHARS {
        errors.push(FieldError::new(
            "q",
            format!("has {length} characters; at most {QUERY_CHARS} are allowed"),
        ));
    }
    if text.contains('\0') {
        errors.push(FieldError::new("q", "holds the character NUL; leave it out"));
    }
    let limit = match parameters.get("limit") {
        None => DEFAULT_LIMIT,
        Some(text) => match text.parse() {
            Ok(limit) if (1..=HIGHEST_LIMIT).contains(&limit) => limit,
            _ => {
                let message = format!("is not a whole number from 1 to {HIGHEST_LIMIT}");
                errors.push(FieldError::new("limit", message));
                DEFAULT_LIMIT
            }
        },
    };
    let mut scope = |name: &str| {
        let value = parameters.get(name).filter(|value| !value.is_empty())?;
        if value.chars().count() > 64 {
            errors.push(FieldError::new(name, "has more than 64 characters"));
        }
        Some(value.clone())
    };
    let query = retrieve::Query {
        text: text.to_owned(),
        version: scope("version"),
        locale: scope("locale"),
        ..retrieve::Query::default()
    };
    if errors.is_empty() { Ok((query, limit)) } else { Err(ApiError::InvalidFields(errors)) }
}
