//! A collection that was looked at: what it holds, and what it can be searched for with the embedder that is in use.

use std::sync::Arc;
use std::time::Duration;

use search::{Index, IndexBuilder, Metadata};
use serde_json::json;

use super::scheme::{self, Facts, Notes};
use super::{Unavailable, found};
use crate::providers::qdrant::{CollectionInfo, Patience, Qdrant, QdrantError};
use crate::retrieve::topics;

/// Points from which topics are taken when the collection does not name them: in the order of their ids, which is no
/// order of the book, so they are spread over all of it. Below what strict mode allows.
const SAMPLE: usize = 512;

/// Time for that; nobody needs topics.
const SAMPLE_LIMIT: Duration = Duration::from_secs(2);

/// What the embedder in use makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vectors {
    /// Its fingerprint.
    pub fingerprint: String,
    /// Length of its vectors, when it is known before the first one.
    pub dimensions: Option<usize>,
}

/// A collection and what can be done with it.
#[derive(Debug)]
pub(super) struct Opened {
    /// Its own name, never an alias: what is behind an alias may be swapped between two calls.
    pub(super) collection: String,
    /// The vector to compare with, by name and length; `None` when meaning cannot be searched.
    pub(super) dense: Option<(String, usize)>,
    /// Words can be searched.
    pub(super) has_words: bool,
    /// Fields that filters may use.
    pub(super) indexed: Vec<String>,
    /// Points, about.
    pub(super) points: u64,
    /// Who made the vectors; empty when nobody knows.
    pub(super) embedder: String,
    /// Title of the book; empty when nobody knows.
    pub(super) title: String,
    /// What a reader could ask first; `None` when nobody knows yet.
    pub(super) topics: Option<Vec<String>>,
    /// An index without chunks that weighs words as the whole book does.
    pub(super) words: Arc<Index>,
    /// It knows how often words occur in the book.
    pub(super) knows_words: bool,
    /// What the operator should know.
    pub(super) warning: Option<String>,
}

impl Opened {
    /// Goes on with the words of an earlier look when they are the same: who holds answers to this book knows it by them.
    pub(super) fn keep_words_of(&mut self, before: &Self) {
        if self.collection == before.collection
            && self.points == before.points
            && self.words.shared_statistics() == before.words.shared_statistics()
        {
            self.words = Arc::clone(&before.words);
            self.topics = self.topics.take().or_else(|| before.topics.clone());
        }
    }
}

/// What a reader could ask first, from some of a collection's points: for collections whose notes do not say it. `None`
/// when the points cannot be had in time; the next look tries again.
pub(super) async fn sampled_topics(client: &Qdrant, opened: &Opened) -> Option<Vec<String>> {
    let fields =
        ["file_path", "heading_path", "title", "url", "position", "token_count", "version", "locale"];
    let request = json!({"limit": SAMPLE, "with_payload": fields, "with_vector": false});
    let page = client.scroll(&opened.collection, &request, Patience::Reader(SAMPLE_LIMIT)).await;
    let mut points = page.inspect_err(|error| tracing::debug!("no topics yet: {error}")).ok()?.points;
    for payload in points.iter_mut().filter_map(|point| point["payload"].as_object_mut()) {
        // Topics are made of headings; the texts were left where they are.
        if payload.contains_key(scheme::FILE) {
            payload.insert("content".to_owned(), "".into());
        }
    }
    let sampled = found::index_of(opened, &points).ok()?;
    Some(topics(&sampled, &opened.title))
}

/// Looks at the collection or alias `name`.
pub(super) async fn open(
    client: &Qdrant,
    name: &str,
    vectors: Option<&Vectors>,
    patience: Patience,
) -> Result<Opened, Unavailable> {
    // A key that is limited to one collection may not list aliases; then the name itself must do.
    let aliases = match client.aliases(patience).await {
        Ok(aliases) => aliases,
        Err(QdrantError::Forbidden { .. }) => Vec::new(),
        Err(error) => return Err(error.into()),
    };
    let target = |alias: &str| aliases.iter().find(|(own, _)| own == alias).map(|(_, target)| target.clone());
    // An alias of our own beside an older collection is the newer one.
    let collection =
        target(&scheme::second_name(name)).or_else(|| target(name)).unwrap_or_else(|| name.to_owned());
    let Some(info) = client.collection(&collection, patience).await? else {
        return Err(Unavailable::NoCollection { name: name.to_owned() });
    };
    let facts = Facts::from_metadata(&info.metadata);
    let asked = json!({"ids": [scheme::NOTES_ID], "with_payload": true, "with_vector": false});
    let notes = client.points(&collection, &asked, patience).await?;
    let notes = notes.first().and_then(|point| Notes::from_payload(&point["payload"]));
    judge(collection, info, facts, notes, vectors)
}

fn judge(
    collection: String,
    info: CollectionInfo,
    facts: Option<Facts>,
    notes: Option<Notes>,
    vectors: Option<&Vectors>,
) -> Result<Opened, Unavailable> {
    let facts = facts.or_else(|| notes.as_ref().map(|notes| notes.facts.clone()));
    let named = |name: &str| info.dense.iter().find(|(own, _)| own == name).cloned();
    let (dense, warning) = match (&facts, vectors) {
        (Some(_), None) => (None, None),
        (Some(facts), Some(vectors)) if facts.embedder == vectors.fingerprint => (named(scheme::DENSE), None),
        (Some(facts), Some(vectors)) => (None, Some(other_embedder(&collection, facts, vectors))),
        (None, vectors) => {
            let dense = named(scheme::DENSE).or_else(|| info.dense.first().cloned());
            let (dense, warning) = foreign(&collection, dense, vectors)?;
            (Some(dense), Some(warning))
        }
    };
    let language = facts.as_ref().map_or("en", |facts| facts.language.as_str()).to_owned();
    let metadata = Metadata { facts: [("language".to_owned(), language)].into(), ..Metadata::default() };
    let words = Index::from_bytes(IndexBuilder::new(metadata).build())
        .map_err(|error| Unavailable::Unfit(error.to_string()))?;
    let statistics = notes.as_ref().map(|notes| Arc::new(notes.statistics.clone()));
    let knows_words = statistics.is_some();
    Ok(Opened {
        has_words: facts.is_some() && info.sparse.iter().any(|name| name == scheme::SPARSE),
        embedder: match &facts {
            Some(facts) => facts.embedder.clone(),
            None => vectors.map(|vectors| vectors.fingerprint.clone()).unwrap_or_default(),
        },
        points: info.points.saturating_sub(u64::from(notes.is_some())),
        topics: notes.as_ref().and_then(|notes| notes.topics.clone()),
        title: notes.map(|notes| notes.title).unwrap_or_default(),
        words: Arc::new(match statistics {
            Some(statistics) => words.with_statistics(statistics),
            None => words,
        }),
        knows_words,
        indexed: info.indexed,
        collection,
        dense,
        warning,
    })
}

fn other_embedder(collection: &str, facts: &Facts, vectors: &Vectors) -> String {
    let length = |dimensions: Option<usize>| {
        dimensions.map_or_else(|| "their own length".to_owned(), |dimensions| format!("{dimensions} values"))
    };
    if facts.embedder.is_empty() {
        return format!(
            "the collection {collection} holds no vectors, the embedder is {} ({}); searching by words until `docent ingest BOOK` has embedded the book",
            vectors.fingerprint,
            length(vectors.dimensions)
        );
    }
    format!(
        "the collection {collection} holds vectors of {} ({} values), the embedder is {} ({}); searching by words until `docent ingest BOOK` has embedded the book anew",
        facts.embedder,
        facts.dimensions,
        vectors.fingerprint,
        length(vectors.dimensions)
    )
}

/// A collection that this program did not make: it can be searched by meaning when the lengths agree.
fn foreign(
    collection: &str,
    dense: Option<(String, usize)>,
    vectors: Option<&Vectors>,
) -> Result<((String, usize), String), Unavailable> {
    const MEND: &str = "run `docent ingest BOOK` to embed the book anew; the collection is left as it is";
    let Some((name, size)) = dense else {
        return Err(Unavailable::Unfit(format!("the collection {collection} holds no vectors; {MEND}")));
    };
    let Some(vectors) = vectors else {
        return Err(Unavailable::Unfit(format!(
            "the collection {collection} can only be searched by vectors of {size} values, and no embedder is in use; {MEND}"
        )));
    };
    match vectors.dimensions {
        Some(dimensions) if dimensions != size => Err(Unavailable::Unfit(format!(
            "the collection {collection} holds vectors of {size} values, the embedder {} makes {dimensions}; {MEND}",
            vectors.fingerprint
        ))),
        _ => {
            let warning = format!(
                "the collection {collection} does not say who made its vectors; they are taken for those of {}. If answers are poor, {MEND}",
                vectors.fingerprint
            );
            Ok(((name, size), warning))
        }
    }
}
