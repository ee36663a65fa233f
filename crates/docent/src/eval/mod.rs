//! Measures retrieval, refusal and answers on a question set.
//!
//! The same retrieval that answers readers is asked each question of a set; hits are mapped to the ids
//! that the set judges, and scored. Layout of a set: see [`set`].

mod answers;
mod claims;
mod compare;
mod corpus;
mod draft;
mod fit;
mod floors;
mod junit;
mod metrics;
mod overview;
mod report;
mod scores;
pub mod set;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use ::corpus::{BookError, count_tokens};
use search::{IndexError, Steps};
use serde::Serialize;

use crate::answer::{Generator, mismatch, query as query_of};
use crate::conversations::Exchange;
use crate::retrieve::{
    Calibration, Embedder, PassageLimits, Query, Retrieval, Retriever, SharedIndex, Verdict, retrieve,
};
pub use claims::{Claim, Claims, ClaimsMeasurement, Group, Kind, KindScore, claims};
pub use compare::{Comparison, compare};
pub use corpus::Subject;
use corpus::{Corpus, build, id_of};
pub use draft::draft;
pub use fit::{Fit, Source, Unseen, fit};
pub use floors::shortfalls;
pub use junit::junit;
use metrics::{mrr, ndcg, precision, recall};
pub use overview::{HEADS, ablation, as_json, overview, page, rows};
pub use report::html;
pub use scores::{Counts, Detail, Figure, Latency, Ranking, Scores, Settings, Spelling};
use set::{Set, SetError, SetQuery};

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
    /// A file cannot be read or written.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// The embedder failed.
    #[error("embedding failed: {0}")]
    Embedding(String),
    /// There is nothing to search in.
    #[error("{0} has no corpus.jsonl; name the book with --book")]
    NoCorpus(String),
    /// There is nothing to compare with.
    #[error("a fit needs at least two corpora; name each with --corpus SET=BOOK")]
    TooFew,
    /// A draft would overwrite somebody's work.
    #[error("{0} holds a set already; name another folder")]
    SetExists(String),
}

/// What is measured, and with what.
#[derive(Debug)]
pub struct Measurement<'a> {
    /// The set's folder.
    pub set: &'a Path,
    /// The book that is searched instead of the set's own corpus.
    pub book: Option<Subject<'a>>,
    /// What counts as one result; by default a section of a book, an entry of a corpus.
    pub level: Option<Level>,
    /// What turns texts into vectors.
    pub embedder: &'a Embedder,
    /// What writes answers.
    pub generator: &'a Generator,
    /// Ask for an answer to every answerable question, not only to those whose answer the set knows.
    pub all_answers: bool,
    /// How the questions are spelled.
    pub spelling: Spelling,
    /// What ranking does.
    pub steps: Steps,
    /// A file that keeps embedded texts from run to run.
    pub vectors: &'a Path,
}

/// Runs every question of a set and scores what comes back.
///
/// # Errors
/// When set or book cannot be read, or the embedder fails.
pub async fn evaluate(measurement: Measurement<'_>) -> Result<(Scores, Vec<Detail>), EvalError> {
    let Measurement { set: directory, book, embedder, .. } = measurement;
    let set = Set::read(directory)?;
    let corpus = Corpus::open(&set, directory, book)?;
    let level = measurement.level.unwrap_or(if book.is_some() { Level::Section } else { Level::Doc });
    let index = build(&corpus.chunks, embedder, measurement.vectors).await?;
    let retriever = Retriever::File(SharedIndex::new(index.with_steps(measurement.steps)));
    let run = Run { set: &set, corpus: &corpus, level, retriever, measurement: &measurement };
    let mut details = Vec::with_capacity(set.queries.len());
    for query in &set.queries {
        details.push(run.ask(query).await);
    }
    let judged = || set.judgements.values().flat_map(BTreeMap::keys);
    let counts = Counts {
        queries: set.queries.len(),
        answerable: set.queries.iter().filter(|query| query.answerable).count(),
        followups: set.queries.iter().filter(|query| query.leans()).count(),
        judgements: judged().count(),
        missing_ids: judged().filter(|id| !corpus.sections.contains_key(*id)).count(),
        chunks: corpus.chunks.len(),
    };
    let settings = Settings {
        set: directory.display().to_string(),
        book: book.map(Subject::name),
        level,
        embedder: embedder.fingerprint().unwrap_or("none").to_owned(),
        generator: measurement.generator.name().to_owned(),
        spelling: measurement.spelling,
    };
    let scores = Scores::of(&details, counts, settings);
    Ok((scores, details))
}

struct Run<'a> {
    set: &'a Set,
    corpus: &'a Corpus,
    level: Level,
    retriever: Retriever,
    measurement: &'a Measurement<'a>,
}

impl Run<'_> {
    async fn ask(&self, query: &SetQuery) -> Detail {
        let history = self.history(query).await;
        let asked = match self.measurement.spelling {
            Spelling::AsWritten => Cow::Borrowed(query.text.as_str()),
            Spelling::Slips => Cow::Owned(slip(&query.text)),
            Spelling::Torn => Cow::Owned(torn(&query.text)),
            Spelling::Joined => Cow::Owned(joined(&query.text)),
        };
        let page = query.page.as_deref().map(|path| self.url_of(path).unwrap_or_else(|| path.to_owned()));
        let query_asked = query_of(&asked, &history, page.as_deref());
        let searched = query_asked.text.clone();
        let names_page = query_asked.page.is_some();
        let began = Instant::now();
        let found = self.find(query_asked).await;
        let milliseconds = began.elapsed().as_secs_f64() * 1000.0;
        let results = self.results(&found);
        let written_out = match &query.standalone {
            Some(text) if query.leans() => {
                let found = self.find(Query { text: text.clone(), ..Query::default() }).await;
                self.ranking(query, &self.results(&found)).map(|ranking| ranking.ndcg_10)
            }
            _ => None,
        };
        let wants_answer = query.answerable && (self.measurement.all_answers || !query.answers.is_empty());
        let answer = if wants_answer {
            let Measurement { embedder, generator, .. } = self.measurement;
            let answerer = answers::answerer(&self.retriever, embedder, generator);
            Some(answers::judged(&answerer, query).await)
        } else {
            None
        };
        let quotes = matches!(self.measurement.generator, Generator::Extractive)
            && searched == *asked
            && !names_page
            && found.whole.is_none()
            && !found.evidence.heading;
        let mismatch = quotes.then(|| mismatch(&found.question, &found.passages, &found.index)).flatten();
        let fingerprint = self.measurement.embedder.fingerprint().filter(|_| found.evidence.cosine.is_some());
        Detail {
            id: query.id.clone(),
            text: query.text.clone(),
            style: query.style(),
            answerable: query.answerable,
            refused: found.verdict != Verdict::Answerable || mismatch.is_some(),
            mismatch,
            verdict: found.verdict,
            trust: found.evidence.trust(Calibration::of(fingerprint)),
            evidence: found.evidence,
            ranking: self.ranking(query, &results),
            passage_recall: self.ranking(query, &self.shown(&found)).map(|ranking| ranking.recall_10),
            passage_tokens: found.passages.iter().map(|passage| count_tokens(&passage.content)).sum(),
            similarity: found.passages.first().map(|passage| passage.similarity),
            results: results.into_iter().take(10).collect(),
            searched,
            milliseconds,
            written_out,
            answer,
        }
    }

    /// The exchanges before a follow-up, as if their answers were taken from what is found first for their questions.
    async fn history(&self, query: &SetQuery) -> Vec<Exchange> {
        let mut history: Vec<Exchange> = Vec::new();
        for question in &query.history {
            let found = self.find(query_of(question, &history, None)).await;
            let page = found.passages.first().map(|passage| passage.url.clone());
            history.push(Exchange { question: question.clone(), answer: String::new(), page });
        }
        history
    }

    /// The URL of the page that was read from a file of the book.
    fn url_of(&self, path: &str) -> Option<String> {
        let index = self.retriever.index();
        let mut chunks = index.reading_order().map(|ordinal| index.chunk(ordinal));
        chunks.find(|chunk| chunk.file_path == path).map(|chunk| chunk.url.to_owned())
    }

    async fn find(&self, query: Query) -> Retrieval {
        retrieve(&self.retriever, self.measurement.embedder, &query, PassageLimits::default()).await
    }

    /// The distinct ids of what was found, best first.
    fn results(&self, found: &Retrieval) -> Vec<String> {
        let index = &found.index;
        let mut results: Vec<String> = Vec::new();
        for hit in &found.hits {
            let chunk = index.chunk(hit.ordinal);
            let id = self.corpus.unit(&id_of(chunk.file_path, chunk.anchor), self.level);
            if !results.contains(&id) {
                results.push(id);
            }
        }
        results
    }

    /// The distinct ids of the passages.
    fn shown(&self, found: &Retrieval) -> Vec<String> {
        let mut shown: Vec<String> = Vec::new();
        for passage in &found.passages {
            let id = self.corpus.unit(&id_of(&passage.file, passage.anchor.as_deref()), self.level);
            if !shown.contains(&id) {
                shown.push(id);
            }
        }
        shown
    }

    fn ranking(&self, query: &SetQuery, results: &[String]) -> Option<Ranking> {
        let judgements = self.set.judgements.get(&query.id).filter(|_| query.answerable)?;
        let grades = self.corpus.grades(judgements, self.level);
        Some(Ranking {
            ndcg_10: ndcg(results, &grades, 10),
            recall_5: recall(results, &grades, 5),
            recall_10: recall(results, &grades, 10),
            precision_5: precision(results, &grades, 5),
            mrr_10: mrr(results, &grades, 10),
        })
    }
}

/// A question with a slip of the finger: the two letters in the middle of its longest word change places. No
/// randomness, so that runs can be compared.
fn slip(text: &str) -> String {
    let longest = longest_word(text);
    let mut letters: Vec<char> = longest.chars().collect();
    let middle = letters.len() / 2;
    if middle < 2 {
        return text.to_owned();
    }
    if letters[middle - 1] == letters[middle] {
        letters.remove(middle);
    } else {
        letters.swap(middle - 1, middle);
    }
    text.replacen(longest, &letters.into_iter().collect::<String>(), 1)
}

/// A question with a space in the middle of its longest word.
fn torn(text: &str) -> String {
    let longest = longest_word(text);
    let middle = longest.char_indices().nth(longest.chars().count() / 2).map_or(0, |(at, _)| at);
    let (before, after) = longest.split_at(middle);
    if before.is_empty() { text.to_owned() } else { text.replacen(longest, &format!("{before} {after}"), 1) }
}

/// A question without the space between those two neighbouring words whose shorter one is longest.
fn joined(text: &str) -> String {
    let is_plain = |word: &&str| word.chars().all(char::is_alphabetic);
    let words: Vec<&str> = text.split(' ').collect();
    let pairs = words.windows(2).filter(|pair| pair.iter().all(is_plain));
    let longest = pairs.max_by_key(|pair| pair.iter().map(|word| word.chars().count()).min());
    longest.map_or_else(|| text.to_owned(), |pair| text.replacen(&pair.join(" "), &pair.concat(), 1))
}

fn longest_word(text: &str) -> &str {
    let is_plain = |word: &&str| word.chars().all(char::is_alphabetic);
    let words = text.split(|character: char| !character.is_alphanumeric());
    words
        .filter(is_plain)
        .fold("", |longest, word| if word.chars().count() > longest.chars().count() { word } else { longest })
}

#[cfg(test)]
mod tests {
    use super::{joined, slip, torn};

    #[test]
    fn a_slip_changes_the_longest_word() {
        assert_eq!(slip("How is torque measured?"), "How is torque meausred?");
        assert_eq!(slip("Who is it?"), "Who is it?");
        assert_eq!(slip("The gotten"), "The goten");
    }

    #[test]
    fn a_space_tears_the_longest_word_or_is_missing_between_long_ones() {
        assert_eq!(torn("How is torque measured?"), "How is torque meas ured?");
        assert_eq!(torn("?"), "?");
        assert_eq!(joined("Which gearbox measures torque best?"), "Which gearboxmeasures torque best?");
        assert_eq!(joined("Why?"), "Why?");
    }
}
