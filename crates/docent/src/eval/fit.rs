//! Fits the model that decides what is refused.
//!
//! Each corpus is asked its own questions and, as foreign ones, questions of the other corpora and such as hardly any
//! book answers. A logistic
//! model over the evidence is fitted on all corpora; how it does on a book that it has never seen is measured by
//! fitting on all but one and asking that one, and how it does on questions that it has never seen by leaving out a
//! tenth of the questions in turn. No randomness: the same corpora give the same weights.

mod logistic;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use corpus::BookOptions;
use serde::Serialize;

use super::corpus::{Corpus, build};
use super::set::{Set, SetQuery, Style};
use super::{EvalError, Subject, metrics};
use crate::retrieve::{
    Calibration, Embedder, PassageLimits, Query, Retriever, SIGNALS, SharedIndex, retrieve,
};
use logistic::{calibrate, trust};

const N: usize = SIGNALS.len();

/// Foreign questions that a corpus lends to each other one.
const LENT: usize = 40;

/// How much a kind of question weighs, whatever its number: paraphrased questions and near misses are what readers
/// really ask, the others are easy. Both classes weigh the same in the end.
const PARAPHRASED: f64 = 3.0;
const PLAIN: f64 = 2.0;
const EASY: f64 = 1.0;

/// A kind with fewer questions than this weighs less.
const FEW: f64 = 20.0;

/// Parts that the questions are cut into for the cross-validation.
const FOLDS: u64 = 10;

/// Share of a book's own questions that may be refused at the working point that is reported.
const WRONG_AT_MOST: f64 = 0.05;

/// One corpus to learn from: a folder with questions, and what they are about: a book or another set's folder, whose
/// corpus is searched and whose questions are asked as well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The set's folder.
    pub set: PathBuf,
    /// What is searched; the set's own corpus when missing.
    pub book: Option<PathBuf>,
}

impl Source {
    /// Set and book, as on the command line.
    pub fn name(&self) -> String {
        match &self.book {
            Some(book) => format!("{}={}", self.set.display(), book.display()),
            None => self.set.display().to_string(),
        }
    }
}

/// What was fitted, and how it does on corpora that it has not seen.
#[derive(Debug, Clone, Serialize)]
pub struct Fit {
    /// Fitted on all corpora.
    pub calibration: Calibration,
    /// The embedder that it is for.
    pub embedder: String,
    /// Each corpus, asked with what was fitted on the others; all together last.
    pub unseen_books: Vec<Unseen>,
    /// Each corpus, a tenth of all questions at a time asked with what was fitted on the other nine tenths; all
    /// together last. A question that is asked of several corpora is left out of all of them at once.
    pub unseen_questions: Vec<Unseen>,
}

/// How questions fare that were left out of a fit.
#[derive(Debug, Clone, Serialize)]
pub struct Unseen {
    /// The set's folder; `all` for all corpora together.
    pub set: String,
    /// Own questions that are answered.
    pub answerable: usize,
    /// Questions that are not answered, foreign ones included.
    pub unanswerable: usize,
    /// Area under the ROC curve.
    pub auroc: Option<f64>,
    /// Share of the answerable questions that would be refused.
    pub wrong_refusals: Option<f64>,
    /// The same of the paraphrased ones alone.
    pub wrong_refusals_paraphrased: Option<f64>,
    /// Share of the unanswerable questions that would be refused.
    pub refusal_recall: Option<f64>,
    /// The same of the near misses alone.
    pub refusal_recall_near_misses: Option<f64>,
    /// Share of the unanswerable questions that would be refused with the line where 5 % of the answerable ones are:
    /// a point of the ROC curve, whatever line the calibration draws.
    pub refusal_recall_at_5: Option<f64>,
}

struct Example {
    corpus: usize,
    fold: u64,
    style: Style,
    foreign: bool,
    signals: [f64; N],
    weight: f64,
}

impl Example {
    fn is_answerable(&self) -> bool {
        !self.foreign && matches!(self.style, Style::Direct | Style::Paraphrase)
    }
}

/// Asks every corpus and fits. The questions of the sets in `foreign` are asked of every corpus as well; none of them
/// answers one.
///
/// # Errors
/// When a set or book cannot be read, the embedder fails, or there are fewer than two corpora.
pub async fn fit(
    sources: &[Source],
    foreign: &[PathBuf],
    embedder: &Embedder,
    vectors: &Path,
) -> Result<Fit, EvalError> {
    if sources.len() < 2 {
        return Err(EvalError::TooFew);
    }
    let mut sets = Vec::new();
    for source in sources {
        let mut set = Set::read(&source.set)?;
        if let Some(book) = source.book.as_deref().filter(|book| book.join("queries.jsonl").exists()) {
            set.queries.extend(Set::read(book)?.queries);
        }
        sets.push(set);
    }
    let mut nobodys = Vec::new();
    for set in foreign {
        nobodys.extend(Set::read(set)?.queries);
    }
    let mut examples = Vec::new();
    for (place, source) in sources.iter().enumerate() {
        let options = BookOptions::default();
        let book = source.book.as_deref().map(|book| Subject::Folder(book, &options));
        let corpus = Corpus::open(&sets[place], &source.set, book)?;
        let retriever = Retriever::File(SharedIndex::new(build(&corpus.chunks, embedder, vectors).await?));
        for (text, style, foreign) in questions(&sets, place, &nobodys) {
            let fold = fold_of(&text);
            let query = Query { text, ..Query::default() };
            let found = retrieve(&retriever, embedder, &query, PassageLimits::default()).await;
            let signals = found.evidence.signals_to_fit().map(f64::from);
            examples.push(Example { corpus: place, fold, style, foreign, signals, weight: 0.0 });
        }
    }
    weigh(&mut examples, sources.len());
    let names: Vec<String> = sources.iter().map(|source| source.set.display().to_string()).collect();
    Ok(Fit {
        calibration: calibrate(&examples.iter().collect::<Vec<_>>()),
        embedder: embedder.fingerprint().unwrap_or("none").to_owned(),
        unseen_books: by_corpus(&left_out(&examples, |example| example.corpus as u64), &names),
        unseen_questions: by_corpus(&left_out(&examples, |example| example.fold), &names),
    })
}

/// The part that a question belongs to, by its text alone (FNV-1a).
fn fold_of(text: &str) -> u64 {
    let mixed = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    text.bytes().fold(0xcbf2_9ce4_8422_2325, mixed) % FOLDS
}

/// Own questions without the adversarial ones, what the others lend, and what belongs to none.
fn questions(sets: &[Set], place: usize, nobodys: &[SetQuery]) -> Vec<(String, Style, bool)> {
    let own = sets[place].queries.iter().map(|query| (query.text.clone(), query.style(), false));
    let mut asked: Vec<_> = own.filter(|(_, style, _)| *style != Style::Adversarial).collect();
    for (_, other) in sets.iter().enumerate().filter(|(other, _)| *other != place) {
        // Paraphrased ones name so little that they could be asked of many a book.
        let lent: Vec<_> = other.queries.iter().filter(|query| query.style() == Style::Direct).collect();
        let step = lent.len().div_ceil(LENT).max(1);
        asked.extend(lent.iter().step_by(step).map(|query| (query.text.clone(), Style::OffTopic, true)));
    }
    asked.extend(nobodys.iter().map(|query| (query.text.clone(), Style::OffTopic, true)));
    asked
}

fn weigh(examples: &mut [Example], corpora: usize) {
    for corpus in 0..corpora {
        let kinds = |example: &Example| (example.style, example.foreign);
        let mut counts = std::collections::BTreeMap::new();
        for example in examples.iter().filter(|example| example.corpus == corpus) {
            *counts.entry(kinds(example)).or_insert(0.0) += 1.0;
        }
        let mut sums = [0.0; 2];
        for example in examples.iter_mut().filter(|example| example.corpus == corpus) {
            let count: f64 = counts[&kinds(example)];
            let share = match (example.style, example.foreign) {
                (Style::Paraphrase, _) => PARAPHRASED,
                (Style::Direct | Style::NearMiss, false) => PLAIN,
                _ => EASY,
            };
            example.weight = share * (count / FEW).min(1.0) / count;
            sums[usize::from(example.is_answerable())] += example.weight;
        }
        for example in examples.iter_mut().filter(|example| example.corpus == corpus) {
            example.weight *= 200.0 / sums[usize::from(example.is_answerable())];
        }
    }
}

/// A question that was left out, and what was said of it.
struct Held<'a> {
    example: &'a Example,
    trust: f64,
    refused: bool,
}

/// Leaves out each part in turn, fits on the others and asks that part.
fn left_out(examples: &[Example], part: impl Fn(&Example) -> u64) -> Vec<Held<'_>> {
    let parts: BTreeSet<u64> = examples.iter().map(&part).collect();
    let mut asked = Vec::with_capacity(examples.len());
    for left_out in parts {
        let (held, others): (Vec<&Example>, Vec<&Example>) =
            examples.iter().partition(|example| part(example) == left_out);
        let calibration = calibrate(&others);
        let line = f64::from(calibration.uncertain_below);
        asked.extend(held.into_iter().map(|example| {
            let trust = trust(&calibration, example);
            Held { example, trust, refused: trust < line }
        }));
    }
    asked
}

fn by_corpus(asked: &[Held<'_>], names: &[String]) -> Vec<Unseen> {
    let mut judged: Vec<Unseen> = names
        .iter()
        .enumerate()
        .map(|(place, name)| {
            let own: Vec<&Held<'_>> = asked.iter().filter(|held| held.example.corpus == place).collect();
            judge(name.clone(), &own)
        })
        .collect();
    judged.push(judge("all".to_owned(), &asked.iter().collect::<Vec<_>>()));
    judged
}

fn judge(set: String, asked: &[&Held<'_>]) -> Unseen {
    let refused = |wanted: &dyn Fn(&Example) -> bool| {
        let wanted = asked.iter().filter(|held| wanted(held.example));
        metrics::mean(&wanted.map(|held| f64::from(u8::from(held.refused))).collect::<Vec<_>>())
    };
    let trusts = |answerable: bool| -> Vec<f64> {
        let held = asked.iter().filter(|held| held.example.is_answerable() == answerable);
        held.map(|held| held.trust).collect()
    };
    let (inside, outside) = (trusts(true), trusts(false));
    Unseen {
        set,
        answerable: inside.len(),
        unanswerable: outside.len(),
        auroc: metrics::auroc(&inside, &outside),
        wrong_refusals: refused(&Example::is_answerable),
        wrong_refusals_paraphrased: refused(&|example| example.style == Style::Paraphrase),
        refusal_recall: refused(&|example| !example.is_answerable()),
        refusal_recall_near_misses: refused(&|example| example.style == Style::NearMiss),
        refusal_recall_at_5: metrics::below(&inside, &outside, WRONG_AT_MOST),
    }
}

#[cfg(test)]
mod tests;
