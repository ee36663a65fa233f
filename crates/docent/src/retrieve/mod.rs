//! A question in, the book's best passages out.
//!
//! Two legs look for chunks: words (BM25) and meaning (vectors). Their hits are fused, and the best
//! become [`Passage`]s for the generator. [`Evidence`] says how far they can be trusted.

mod elsewhere;
mod embedder;
mod evidence;
mod openings;
mod passages;
pub mod qdrant;
mod retriever;
mod topics;

use std::sync::{Arc, LazyLock};

use crate::times;
use corpus::Sentence;
use search::{FieldScores, Index, Ordinal};
use serde::Serialize;
use tokio::sync::Semaphore;

pub use embedder::{EmbedError, EmbedRole, Embedder};
pub use evidence::{Calibration, Evidence, SIGNALS, Verdict};
pub use passages::PassageLimits;
pub use qdrant::{QdrantRetriever, Unavailable, Vectors};
pub use retriever::{Retriever, SharedIndex, is_same_page};
pub use topics::topics;

/// What is looked for, and where.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query {
    /// The question, standing on its own.
    pub text: String,
    /// Only this docs version.
    pub version: Option<String>,
    /// Only this locale.
    pub locale: Option<String>,
    /// URL of the page that the question probably speaks of.
    pub page: Option<String>,
    /// URL of the page that the answer before was taken from, when the question leans on what was said.
    pub earlier: Option<String>,
    /// What is asked about as a whole, in words that no passage holds.
    pub whole: Option<Whole>,
}

/// What a question may ask about as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Whole {
    /// The book: what it is about, what its parts are.
    Book,
    /// Where in the book one begins.
    Beginning,
    /// The page with this URL.
    Page(String),
}

/// A chunk that was found, with the reasons.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ScoredChunk {
    /// Which chunk of the index that was searched.
    pub ordinal: Ordinal,
    /// The fused score, 0 to about 1; comparable within one query only.
    pub score: f32,
    /// BM25 by field, when the words leg found it.
    pub lexical: Option<LexicalPart>,
    /// Cosine, when the vector leg found it.
    pub cosine: Option<f32>,
}

/// The words leg's part in a [`ScoredChunk`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct LexicalPart {
    /// Place in that leg, from 1.
    pub rank: usize,
    /// BM25 over all fields.
    pub score: f32,
    /// The same by field.
    pub fields: FieldScores,
    /// Share of the question's weight whose words occur in the chunk, 0 to 1.
    pub coverage: f32,
}

/// A piece of the book that a generator may use and cite.
#[derive(Debug, Clone, PartialEq)]
pub struct Passage {
    /// Number by which answers cite it, from 1.
    pub n: usize,
    /// Source file.
    pub file: String,
    /// Title of the page.
    pub title: String,
    /// Headings that enclose it.
    pub heading_path: Vec<String>,
    /// URL of the page.
    pub url: String,
    /// Fragment of the section.
    pub anchor: Option<String>,
    /// Place of its first chunk on the page, from 0.
    pub position: u32,
    /// The text: one chunk, or neighbours of one section joined.
    pub content: String,
    /// Its sentences, as byte ranges of `content`.
    pub sentences: Vec<Sentence>,
    /// What a reader sees of the page before it, headings included, with single spaces: links must tell a sentence
    /// from its like further up.
    pub page_before: String,
    /// The fused score of its best chunk; comparable within one query.
    pub score: f32,
    /// How well it fits, 0 to 1: the cosine when there is one, else the coverage of the question's words.
    pub similarity: f32,
}

/// Why retrieval had to do with less.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Degraded {
    /// The embedder failed: words only.
    NoVectors,
    /// Qdrant failed: the index file of the last ingest stood in, or nothing could be searched.
    NoQdrant,
}

/// All that retrieval found for one query.
#[derive(Debug, Clone)]
pub struct Retrieval {
    /// The question as it was read: slips of the finger are mended.
    pub question: String,
    /// What was asked about as a whole and is answered by what its parts begin with.
    pub whole: Option<Whole>,
    /// The index that the hits speak of: a snapshot of the book, or an index of what Qdrant has found.
    pub index: Arc<Index>,
    /// Chunks, best first.
    pub hits: Vec<ScoredChunk>,
    /// The passages for the generator, numbered from 1, best first.
    pub passages: Vec<Passage>,
    /// How far they can be trusted.
    pub evidence: Evidence,
    /// What that allows.
    pub verdict: Verdict,
    /// What was missing.
    pub degraded: Option<Degraded>,
    /// Why nothing could be searched at all.
    pub unavailable: Option<Unavailable>,
}

/// One search a core at a time: a burst of questions queues here instead of starting a thread each.
static SEARCHES: LazyLock<Semaphore> =
    LazyLock::new(|| Semaphore::new(std::thread::available_parallelism().map_or(1, usize::from)));

/// Hits kept of a query.
const HITS: usize = 50;

/// Finds the best passages for a query.
///
/// Never fails: when the embedder does not answer in time, the words leg stands alone; when Qdrant does not, the index
/// file stands in; and the result says so. Searching runs on a blocking thread.
pub async fn retrieve(
    retriever: &Retriever,
    embedder: &Embedder,
    query: &Query,
    limits: PassageLimits,
) -> Retrieval {
    if let Some(found) = as_a_whole(retriever, query, limits).await {
        return found;
    }
    let query = &with_its_page(retriever, as_meant(retriever, query));
    let qdrant = match retriever {
        Retriever::File(shared) => return in_file(shared, embedder, query, limits).await,
        Retriever::Qdrant(qdrant) => qdrant,
    };
    let unavailable = match qdrant.retrieve(embedder, query, limits).await {
        Ok(found) => return found,
        Err(unavailable) => unavailable,
    };
    let found = match qdrant.fallback() {
        Some(shared) => in_file(shared, embedder, query, limits).await,
        None => Retrieval {
            unavailable: Some(unavailable),
            ..judge(qdrant.index(), query, Vec::new(), None, limits, None)
        },
    };
    Retrieval { degraded: Some(Degraded::NoQdrant), ..found }
}

/// What answers a question about the whole; `None` for other questions, and when there is no index file to read it from.
async fn as_a_whole(retriever: &Retriever, query: &Query, limits: PassageLimits) -> Option<Retrieval> {
    let whole = query.whole.clone()?;
    let index = retriever.file()?.get();
    let query = query.clone();
    let _turn = SEARCHES.acquire().await;
    tokio::task::spawn_blocking(move || openings::openings(index, &whole, &query, limits))
        .await
        .ok()
        .flatten()
}

/// The query with slips of the finger mended, by the words that the book uses.
fn as_meant(retriever: &Retriever, query: &Query) -> Query {
    let meant = retriever.index().as_meant(&query.text, encoder::is_word);
    Query { text: meant.unwrap_or_else(|| query.text.clone()), ..query.clone() }
}

/// The query with the title of the page that it speaks of: "it" is what that page is about.
fn with_its_page(retriever: &Retriever, query: Query) -> Query {
    let title = query.page.as_deref().and_then(|page| {
        let index = retriever.file()?.get();
        openings::first_of(&index, page).map(|first| index.chunk(first).title.to_owned())
    });
    match title {
        Some(title) => Query { text: format!("{} {title}", query.text), ..query },
        None => query,
    }
}

async fn in_file(
    shared: &SharedIndex,
    embedder: &Embedder,
    query: &Query,
    limits: PassageLimits,
) -> Retrieval {
    let index = shared.get();
    let (vector, degraded) = match question_vector(&index, embedder, &query.text).await {
        Ok(vector) => (vector, None),
        Err(reason) => {
            tracing::warn!(embedder = embedder.name(), "answering from words only: {reason}");
            (None, Some(Degraded::NoVectors))
        }
    };
    let (query, question) = (query.clone(), query.text.clone());
    let _turn = SEARCHES.acquire().await;
    let searched = Arc::clone(&index);
    let search = tokio::task::spawn_blocking(move || {
        let hits = retriever::search(&searched, &query, vector.as_deref(), HITS);
        let fingerprint = searched.metadata().embedder.clone();
        let meaning = vector.as_deref().map(|vector| Meaning { embedder: &fingerprint, vector });
        judge(searched, &query, hits, meaning, limits, degraded)
    });
    search.await.unwrap_or_else(|panic| {
        tracing::error!("retrieval failed: {panic}");
        Retrieval {
            question,
            whole: None,
            index,
            hits: Vec::new(),
            passages: Vec::new(),
            evidence: Evidence::default(),
            verdict: Verdict::Uncertain,
            degraded,
            unavailable: None,
        }
    })
}

/// A question's vector, and the fingerprint of the embedder that made it.
#[derive(Clone, Copy)]
struct Meaning<'a> {
    embedder: &'a str,
    vector: &'a [f32],
}

/// Weighs hits and chooses passages. `meaning` is what the cosines of the hits were measured by.
fn judge(
    index: Arc<Index>,
    query: &Query,
    hits: Vec<ScoredChunk>,
    meaning: Option<Meaning<'_>>,
    limits: PassageLimits,
    degraded: Option<Degraded>,
) -> Retrieval {
    let elsewhere = meaning.and_then(|meaning| elsewhere::nearest_topic(meaning.embedder, meaning.vector));
    let evidence = Evidence { elsewhere, ..evidence::weigh(&index, query, &hits) };
    let embedder = meaning.map(|meaning| meaning.embedder).filter(|_| evidence.cosine.is_some());
    let verdict = evidence.verdict(Calibration::of(embedder));
    let passages = passages::select(&index, &hits, limits);
    let question = query.text.clone();
    Retrieval { question, whole: None, index, hits, passages, evidence, verdict, degraded, unavailable: None }
}

/// The query's vector; `None` when embedder or index have none.
async fn question_vector(index: &Index, embedder: &Embedder, text: &str) -> Result<Option<Vec<f32>>, String> {
    let Some(fingerprint) = embedder.fingerprint() else {
        return Ok(None);
    };
    if index.metadata().dimensions == 0 {
        return Ok(None);
    }
    if index.metadata().embedder != fingerprint {
        return Err(format!(
            "the index holds vectors of {}, the embedder is {fingerprint}; run `docent ingest` again",
            index.metadata().embedder
        ));
    }
    embed_question(embedder, text).await
}

/// The query's vector; `None` without embedder.
async fn embed_question(embedder: &Embedder, text: &str) -> Result<Option<Vec<f32>>, String> {
    match tokio::time::timeout(times::EMBED_AT_MOST, embedder.embed(&[text], EmbedRole::Query)).await {
        Ok(Ok(mut vectors)) => Ok(vectors.pop()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("no vector within {:?}", times::EMBED_AT_MOST)),
    }
}
