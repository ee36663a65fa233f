//! Measures retrieval and refusal on a question set.
//!
//! The same retrieval that answers readers is asked each question of a set; hits are mapped to the ids
//! that the set judges, and scored. Layout of a set: see [`set`].

mod corpus;
mod fit;
mod floors;
mod metrics;
pub mod set;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use ::corpus::{BookError, BookOptions};
use search::IndexError;
use serde::Serialize;

use crate::answer::{AnswerCache, AnswerEvent, Answerer, Generator, Question, answer};
use crate::retrieve::{Embedder, Evidence, PassageLimits, Query, Retriever, SharedIndex, Verdict, retrieve};
use corpus::{Corpus, build, id_of};
pub use fit::{Fit, Source, Unseen, fit};
pub use floors::shortfalls;
use metrics::{mean, mrr, ndcg, percentile, recall};
use set::{Set, SetError};

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
    Book(#[from] BookError),
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
    /// There is nothing to compare with.
    #[error("a fit needs at least two corpora; name each with --corpus SET=BOOK")]
    TooFew,
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
    let corpus = Corpus::open(&set, directory, book)?;
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
        cache: AnswerCache::new(0),
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
