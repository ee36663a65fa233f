//! `docent search`: hits with their reasons.

use anyhow::Context;
use clap::Args;
use serde_json::json;

use super::ask::open;
use super::source::BookSource;
use super::table::table;
use super::{IndexArguments, load_config, log};
use crate::answer::section_href;
use crate::retrieve::{Query, retrieve};

/// Characters of a hit's text that people see.
const SHOWN_CHARS: usize = 120;

#[derive(Args)]
pub(super) struct Arguments {
    /// What to look for
    query: String,
    /// Hits at most
    #[arg(long, default_value_t = 10)]
    limit: usize,
    /// Only this docs version
    #[arg(long)]
    version: Option<String>,
    /// Only this locale
    #[arg(long)]
    locale: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    index: IndexArguments,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let config = load_config(arguments.index.book.as_ref().and_then(BookSource::folder))?;
    log::start(&config);
    let answerer = open(&config, &arguments.index).await?;
    let query = Query {
        text: arguments.query,
        version: arguments.version,
        locale: arguments.locale,
        ..Query::default()
    };
    let found = retrieve(&answerer.retriever, &answerer.embedder, &query, answerer.limits).await;
    let index = &found.index;
    let hits = found.hits.iter().take(arguments.limit);
    if arguments.json {
        let hits: Vec<_> = hits
            .enumerate()
            .map(|(place, hit)| {
                let chunk = index.chunk(hit.ordinal);
                json!({
                    "rank": place + 1,
                    "id": chunk.id,
                    "score": hit.score,
                    "lexical": hit.lexical,
                    "cosine": hit.cosine,
                    "file": chunk.file_path,
                    "title": chunk.title,
                    "heading_path": chunk.heading_path,
                    "url": chunk.url,
                    "anchor": chunk.anchor,
                    "content": chunk.content,
                })
            })
            .collect();
        let out = json!({"query": query.text, "hits": hits, "evidence": found.evidence, "verdict": found.verdict, "degraded": found.degraded});
        println!("{}", serde_json::to_string_pretty(&out).context("cannot print the hits")?);
        return Ok(());
    }
    let mut people =
        table(&["#", "score", "cosine", "words", "title", "head.", "body", "code", "where and what"]);
    for (place, hit) in hits.enumerate() {
        let chunk = index.chunk(hit.ordinal);
        let number =
            |value: Option<f32>| value.map(|value| format!("{value:.2}")).unwrap_or_else(|| "–".into());
        let fields = hit.lexical.map(|lexical| lexical.fields);
        let text: String = chunk.content.split_whitespace().collect::<Vec<_>>().join(" ");
        let text: String = text.chars().take(SHOWN_CHARS).collect();
        let heading = chunk.heading_path.join(" > ");
        people.add_row([
            (place + 1).to_string(),
            format!("{:.3}", hit.score),
            number(hit.cosine),
            number(hit.lexical.map(|lexical| lexical.score)),
            number(fields.map(|fields| fields.title)),
            number(fields.map(|fields| fields.headings)),
            number(fields.map(|fields| fields.body)),
            number(fields.map(|fields| fields.code)),
            format!("{} | {heading}\n{}\n{text}", chunk.title, section_href(chunk.url, chunk.anchor)),
        ]);
    }
    println!("{people}");
    let evidence = found.evidence;
    println!(
        "verdict: {:?} (coverage {:.2}, unknown {:.2}, best cosine {})",
        found.verdict,
        evidence.coverage,
        evidence.unknown,
        evidence.cosine.map_or("–".into(), |cosine| format!("{cosine:.2}"))
    );
    Ok(())
}
