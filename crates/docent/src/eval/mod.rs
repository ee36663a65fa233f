//! Measures retrieval and refusal on a question set.
//!
//! The same retrieval that answers readers is asked each question of a set; hits are mapped to the ids
//! that the set judges, and scored. Layout of a set: see [`set`].

mod floors;
mod metrics;
pub mod set;

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::time::{Duration, Instant};

use corpus::{BookOptions, Chunk, ChunkOptions, Page, chunk_page, read_book};
use search::{Index, IndexBuilder, IndexError, Metadata};
use serde::Serialize;

use crate::answer::{AnswerEvent, Answerer, Generator, Question, answer};
use crate::ingest::journal::Journal;
use crate::retrieve::{
    EmbedRole, Embedder, Evidence, PassageLimits, Query, Retriever, SharedIndex, Verdict, retrieve,
};
pub use floors::shortfalls;
use metrics::{mean, mrr, ndcg, percentile, recall};
use set::{Set, SetError};

/// Chunks embedded at a time.
const BATCH: usize = 64;

/// What counts as one result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// The exact id.
    Doc,
    /// The nearest heading of level 2 or 3.
    Section,
    /// The file.
    Page,
}

/// What happened to one question.
#[derive(Debug, Clone, Serialize)]
pub struct Detail {
    /// The question's name.
    pub id: String,
    /// The question.
    pub text: String,
    /// Whether the corpus answers it.
    pub answerable: bool,
    /// Whether Docent would refuse it.
    pub refused: bool,
    /// What that was decided on.
    pub evidence: Evidence,
    /// The first ten results.
    pub results: Vec<String>,
    /// This question's nDCG@10; null without judgement.
    #[serde(rename = "ndcg@10")]
    pub ndcg_10: Option<f64>,
}

/// The figures of one run.
#[derive(Debug, Clone, Serialize)]
pub struct Scores {
    /// Normalised discounted cumulative gain of the first ten, gain `2^grade - 1`.
    #[serde(rename = "ndcg@10")]
    pub ndcg_10: Option<f64>,
    /// Share of the relevant results among the first five.
    #[serde(rename = "recall@5")]
    pub recall_5: Option<f64>,
    /// Share of the relevant results among the first ten.
    #[serde(rename = "recall@10")]
    pub recall_10: Option<f64>,
    /// Reciprocal rank of the first relevant result among the first ten.
    #[serde(rename = "mrr@10")]
    pub mrr_10: Option<f64>,
    /// Share of the unanswerable questions that were refused; null without such questions.
    pub refusal_recall: Option<f64>,
    /// Share of the answerable questions that were refused; null without such questions.
    pub wrong_refusals: Option<f64>,
    /// Share of the questions with known answers whose extractive answer contains one, refusals counting as misses;
    /// null for a set without answers.
    pub answer_recall: Option<f64>,
    /// Words of an extractive answer, on average; null for a set without answers.
    pub answer_words: Option<f64>,
    /// Time from question to hits, embedding included.
    pub latency_ms: Latency,
    /// How much was measured.
    pub counts: Counts,
    /// With what.
    pub settings: Settings,
}

/// Percentiles in milliseconds.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Latency {
    /// Half of the questions took less.
    pub p50: f64,
    /// 95 of 100 questions took less.
    pub p95: f64,
}

/// How much was measured.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Counts {
    /// All questions.
    pub queries: usize,
    /// Questions that the book answers.
    pub answerable: usize,
    /// Judgements.
    pub judgements: usize,
    /// Judged ids that the corpus does not hold.
    pub missing_ids: usize,
    /// Chunks of the index.
    pub chunks: usize,
}

/// With what was measured.
#[derive(Debug, Clone, Serialize)]
pub struct Settings {
    /// The set's folder.
    pub set: String,
    /// The book's folder; null when the set carries its own corpus.
    pub book: Option<String>,
    /// What counts as one result.
    pub level: Level,
    /// The embedder's fingerprint; `none` without vectors.
    pub embedder: String,
}

/// Why a set could not be measured.
#[derive(Debug, thiserror::Error)]
pub enum EvalError {
    /// The set cannot be read.
    #[error(transparent)]
    Set(#[from] SetError),
    /// The book cannot be read.
    #[error(transparent)]
    Book(#[from] corpus::BookError),
    /// The index cannot be made.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// The kept vectors cannot be read or written.
    #[error("the kept vectors cannot be used: {0}")]
    Vectors(#[from] std::io::Error),
    /// The embedder failed.
    #[error("embedding failed: {0}")]
    Embedding(String),
    /// There is nothing to search in.
    #[error("{0} has no corpus.jsonl; name the book with --book")]
    NoCorpus(String),
}

/// Chunks with the id that each level knows them by.
struct Corpus {
    chunks: Vec<Chunk>,
    /// Any id of the corpus to its section's id.
    sections: HashMap<String, String>,
}

/// Runs every question of the set in `directory` and scores the hits. `vectors` is a file that keeps
/// embedded texts from run to run.
///
/// # Errors
/// When set or book cannot be read, or the embedder fails.
pub async fn evaluate(
    directory: &Path,
    book: Option<(&Path, &BookOptions)>,
    level: Option<Level>,
    embedder: &Embedder,
    vectors: &Path,
) -> Result<(Scores, Vec<Detail>), EvalError> {
    let set = Set::read(directory)?;
    let corpus = match book {
        Some((root, options)) => from_book(&read_book(root, options)?.pages),
        None if set.entries.is_empty() => return Err(EvalError::NoCorpus(directory.display().to_string())),
        None => from_entries(&set),
    };
    let level = level.unwrap_or(if book.is_some() { Level::Section } else { Level::Doc });
    let index = build(&corpus.chunks, embedder, vectors).await?;
    let retriever = Retriever::File(SharedIndex::new(index));

    let mut figures = Figures::default();
    let mut missing_ids = 0;
    let mut details: Vec<Detail> = Vec::new();
    for query in &set.queries {
        let asked = Query { text: query.text.clone(), ..Query::default() };
        let began = Instant::now();
        let found = retrieve(&retriever, embedder, &asked, PassageLimits::default()).await;
        figures.milliseconds.push(began.elapsed().as_secs_f64() * 1000.0);
        let refused = found.verdict != Verdict::Answerable;
        let index = retriever.index();
        let mut results: Vec<String> = Vec::new();
        for hit in &found.hits {
            let chunk = index.chunk(hit.ordinal);
            let id = corpus.unit(&id_of(chunk.file_path, chunk.anchor), level);
            if !results.contains(&id) {
                results.push(id);
            }
        }
        details.push(Detail {
            id: query.id.clone(),
            text: query.text.clone(),
            answerable: query.answerable,
            refused,
            evidence: found.evidence,
            results: results.iter().take(10).cloned().collect(),
            ndcg_10: None,
        });
        if !query.answerable {
            figures.refused.push(f64::from(u8::from(refused)));
            continue;
        }
        figures.wrongly_refused.push(f64::from(u8::from(refused)));
        if !query.answers.is_empty() {
            let text = extractive_answer(&retriever, embedder, &query.text).await;
            let found = query.answers.iter().any(|answer| plain(&text).contains(&plain(answer)));
            figures.answered.push(f64::from(u8::from(found)));
            figures.words.push(text.split_whitespace().count() as f64);
        }
        let Some(judgements) = set.judgements.get(&query.id) else {
            continue;
        };
        missing_ids += judgements.keys().filter(|id| !corpus.sections.contains_key(*id)).count();
        let grades = corpus.grades(judgements, level);
        if let Some(detail) = details.last_mut() {
            detail.ndcg_10 = Some(ndcg(&results, &grades, 10));
        }
        figures.ndcg.push(ndcg(&results, &grades, 10));
        figures.recall_5.push(recall(&results, &grades, 5));
        figures.recall_10.push(recall(&results, &grades, 10));
        figures.mrr.push(mrr(&results, &grades, 10));
    }
    let settings = Settings {
        set: directory.display().to_string(),
        book: book.map(|(root, _)| root.display().to_string()),
        level,
        embedder: embedder.fingerprint().unwrap_or("none").to_owned(),
    };
    let counts = Counts {
        queries: set.queries.len(),
        answerable: set.queries.iter().filter(|query| query.answerable).count(),
        judgements: set.judgements.values().map(BTreeMap::len).sum(),
        missing_ids,
        chunks: corpus.chunks.len(),
    };
    Ok((figures.scores(counts, settings), details))
}

/// What a reader would be shown without a model.
async fn extractive_answer(retriever: &Retriever, embedder: &Embedder, question: &str) -> String {
    let answerer = Answerer {
        book: String::new(),
        retriever: retriever.clone(),
        embedder: embedder.clone(),
        generator: Generator::Extractive,
        limits: PassageLimits::default(),
        max_answer_tokens: 0,
        timeout: Duration::from_secs(60),
    };
    let mut events = answer(&answerer, Question { text: question.to_owned(), ..Question::default() });
    let mut text = String::new();
    while let Some(event) = events.next().await {
        if let AnswerEvent::Delta(piece) = event {
            text.push_str(&piece);
        }
    }
    text
}

/// Letters and digits only, in lower case: markup and punctuation do not make an answer wrong.
fn plain(text: &str) -> String {
    let words = text.split(|character: char| !character.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_lowercase).collect::<Vec<_>>().join(" ")
}

#[derive(Default)]
struct Figures {
    ndcg: Vec<f64>,
    recall_5: Vec<f64>,
    recall_10: Vec<f64>,
    mrr: Vec<f64>,
    refused: Vec<f64>,
    wrongly_refused: Vec<f64>,
    milliseconds: Vec<f64>,
    answered: Vec<f64>,
    words: Vec<f64>,
}

impl Figures {
    fn scores(mut self, counts: Counts, settings: Settings) -> Scores {
        self.milliseconds.sort_by(f64::total_cmp);
        Scores {
            ndcg_10: mean(&self.ndcg),
            recall_5: mean(&self.recall_5),
            recall_10: mean(&self.recall_10),
            mrr_10: mean(&self.mrr),
            refusal_recall: mean(&self.refused),
            wrong_refusals: mean(&self.wrongly_refused),
            answer_recall: mean(&self.answered),
            answer_words: mean(&self.words),
            latency_ms: Latency {
                p50: percentile(&self.milliseconds, 0.5),
                p95: percentile(&self.milliseconds, 0.95),
            },
            counts,
            settings,
        }
    }
}

impl Corpus {
    /// What an id counts as at a level.
    fn unit(&self, id: &str, level: Level) -> String {
        match level {
            Level::Doc => id.to_owned(),
            Level::Section => self.sections.get(id).cloned().unwrap_or_else(|| id.to_owned()),
            Level::Page => id.split('#').next().unwrap_or(id).to_owned(),
        }
    }

    /// Grades at a level: the best of the ids that fall together.
    fn grades(&self, judgements: &BTreeMap<String, u32>, level: Level) -> HashMap<String, u32> {
        let mut grades = HashMap::new();
        for (id, grade) in judgements {
            let best = grades.entry(self.unit(id, level)).or_insert(0);
            *best = (*best).max(*grade);
        }
        grades
    }
}

fn id_of(file: &str, anchor: Option<&str>) -> String {
    match anchor {
        Some(anchor) => format!("{file}#{anchor}"),
        None => file.to_owned(),
    }
}

fn from_book(pages: &[Page]) -> Corpus {
    let mut sections = HashMap::new();
    for page in pages {
        let mut current = page.file.clone();
        sections.insert(page.file.clone(), page.file.clone());
        for section in &page.sections {
            let id = id_of(&page.file, section.anchor.as_deref());
            if section.depth <= 3 {
                current.clone_from(&id);
            }
            sections.insert(id, current.clone());
        }
    }
    let options = ChunkOptions::default();
    Corpus { chunks: pages.iter().flat_map(|page| chunk_page(page, &options)).collect(), sections }
}

fn from_entries(set: &Set) -> Corpus {
    let options = ChunkOptions::default();
    let mut sections = HashMap::new();
    let mut chunks = Vec::new();
    // The third heading of a path is of level 4: it belongs to the one above.
    let by_path: HashMap<(&str, &[String]), &str> = set
        .entries
        .iter()
        .map(|entry| ((entry.path(), entry.headings.as_slice()), entry.id.as_str()))
        .collect();
    for entry in &set.entries {
        let above = entry.headings.get(..2).filter(|_| entry.headings.len() > 2);
        let section =
            above.and_then(|above| by_path.get(&(entry.path(), above))).copied().unwrap_or(&entry.id);
        sections.insert(entry.id.clone(), section.to_owned());
        chunks.extend(chunk_page(&entry.page(), &options));
    }
    Corpus { chunks, sections }
}

/// An index in memory. Vectors are kept in `vectors`, so that a second run embeds nothing.
async fn build(chunks: &[Chunk], embedder: &Embedder, vectors: &Path) -> Result<Index, EvalError> {
    let mut journal = match embedder.fingerprint() {
        Some(fingerprint) => {
            if let Some(folder) = vectors.parent() {
                fs_err::create_dir_all(folder)?;
            }
            Journal::open(vectors, fingerprint)?
        }
        None => Journal::empty(),
    };
    if embedder.fingerprint().is_some() {
        let missing: Vec<&Chunk> = chunks.iter().filter(|chunk| !journal.holds(chunk.content_hash)).collect();
        for batch in missing.chunks(BATCH) {
            let texts: Vec<String> = batch.iter().map(|chunk| chunk.embedding_text()).collect();
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            let embedded = embedder.embed(&texts, EmbedRole::Passage).await;
            let embedded = embedded.map_err(|error| EvalError::Embedding(error.to_string()))?;
            journal.append(batch.iter().map(|chunk| chunk.content_hash).zip(embedded))?;
        }
    }
    let first = chunks.iter().find_map(|chunk| journal.vector(chunk.content_hash));
    let dimensions = first.map_or(0, <[f32]>::len);
    let embedder = if dimensions == 0 { "" } else { embedder.fingerprint().unwrap_or_default() };
    let mut builder =
        IndexBuilder::new(Metadata { embedder: embedder.to_owned(), dimensions, facts: BTreeMap::new() });
    for chunk in chunks {
        builder.push(chunk, journal.vector(chunk.content_hash).unwrap_or_default());
    }
    Ok(Index::from_bytes(builder.build())?)
}
