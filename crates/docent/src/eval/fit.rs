//! Fits the model that decides what is refused.
//!
//! Each corpus is asked its own questions and, as foreign ones, questions of the other corpora and such as hardly any
//! book answers. A logistic
//! model over the evidence is fitted on all corpora; how it does on a book that it has never seen is measured by
//! fitting on all but one and asking that one. No randomness: the same corpora give the same weights.

use std::path::{Path, PathBuf};

use corpus::BookOptions;
use serde::Serialize;

use super::corpus::{Corpus, build};
use super::set::{Set, SetQuery, Style};
use super::{EvalError, Subject, metrics};
use crate::retrieve::{
    Calibration, Embedder, PassageLimits, Query, Retriever, SIGNALS, SharedIndex, retrieve,
};

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

/// Pulls weights of scaled signals towards zero.
const RIDGE: f64 = 1.0;

/// Share of a corpus' own questions that may fall below each line.
const UNCERTAIN: f64 = 0.04;
const OUT_OF_SCOPE: f64 = 0.01;

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
    /// Each corpus, asked with what was fitted on the others.
    pub unseen: Vec<Unseen>,
}

/// How one corpus fares with what was fitted on the others.
#[derive(Debug, Clone, Serialize)]
pub struct Unseen {
    /// The set's folder.
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
}

struct Example {
    corpus: usize,
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
            let query = Query { text, ..Query::default() };
            let found = retrieve(&retriever, embedder, &query, PassageLimits::default()).await;
            let signals = found.evidence.signals().map(f64::from);
            examples.push(Example { corpus: place, style, foreign, signals, weight: 0.0 });
        }
    }
    weigh(&mut examples, sources.len());
    let unseen = (0..sources.len())
        .map(|place| {
            let others: Vec<&Example> = examples.iter().filter(|example| example.corpus != place).collect();
            let own: Vec<&Example> = examples.iter().filter(|example| example.corpus == place).collect();
            judge(sources[place].set.display().to_string(), &own, &calibrate(&others))
        })
        .collect();
    Ok(Fit {
        calibration: calibrate(&examples.iter().collect::<Vec<_>>()),
        embedder: embedder.fingerprint().unwrap_or("none").to_owned(),
        unseen,
    })
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

/// Newton's method for a ridge-penalised logistic model over signals scaled to unit deviation.
fn calibrate(examples: &[&Example]) -> Calibration {
    let count = examples.len() as f64;
    let mean = |of: usize| examples.iter().map(|example| example.signals[of]).sum::<f64>() / count;
    let means: [f64; N] = std::array::from_fn(mean);
    let deviations: [f64; N] = std::array::from_fn(|of| {
        let squares: f64 = examples.iter().map(|example| (example.signals[of] - means[of]).powi(2)).sum();
        let deviation = (squares / count).sqrt();
        if deviation > 1e-9 { deviation } else { f64::INFINITY }
    });
    let scaled =
        |example: &Example| -> [f64; N + 1] {
            std::array::from_fn(|of| {
                if of == N { 1.0 } else { (example.signals[of] - means[of]) / deviations[of] }
            })
        };
    let mut beta = [0.0; N + 1];
    for _ in 0..40 {
        let mut gradient = [0.0; N + 1];
        let mut hessian = [[0.0; N + 1]; N + 1];
        for (of, row) in hessian.iter_mut().enumerate() {
            row[of] = if of == N { 1e-6 } else { RIDGE };
            gradient[of] = row[of] * beta[of];
        }
        for example in examples {
            let x = scaled(example);
            let sum: f64 = x.iter().zip(beta).map(|(one, other)| one * other).sum();
            let likely = 1.0 / (1.0 + (-sum).exp());
            let wanted = f64::from(u8::from(example.is_answerable()));
            for one in 0..=N {
                gradient[one] += example.weight * (likely - wanted) * x[one];
                for other in 0..=N {
                    hessian[one][other] += example.weight * likely * (1.0 - likely) * x[one] * x[other];
                }
            }
        }
        let step = solve(hessian, gradient);
        for (value, change) in beta.iter_mut().zip(step) {
            *value -= change;
        }
    }
    let weights: [f64; N] = std::array::from_fn(|of| beta[of] / deviations[of]);
    let bias = beta[N] - (0..N).map(|of| weights[of] * means[of]).sum::<f64>();
    let mut fitted = Calibration {
        bias: round(bias),
        weights: weights.map(round),
        uncertain_below: 0.0,
        out_of_scope_below: 0.0,
    };
    let mut own: Vec<(f64, f64)> = examples
        .iter()
        .filter(|example| example.is_answerable())
        .map(|example| (trust(&fitted, example), example.weight))
        .collect();
    own.sort_by(|one, other| one.0.total_cmp(&other.0));
    fitted.uncertain_below = round(quantile(&own, UNCERTAIN));
    fitted.out_of_scope_below = round(quantile(&own, OUT_OF_SCOPE)).min(fitted.uncertain_below);
    fitted
}

/// Three digits are enough and can be read.
fn round(value: f64) -> f32 {
    ((value * 1000.0).round() / 1000.0) as f32
}

fn trust(calibration: &Calibration, example: &Example) -> f64 {
    let weighed = example.signals.iter().zip(calibration.weights);
    let sum =
        f64::from(calibration.bias) + weighed.map(|(signal, weight)| signal * f64::from(weight)).sum::<f64>();
    1.0 / (1.0 + (-sum).exp())
}

/// The value below which `share` of the weight of the ascending `values` lies.
fn quantile(values: &[(f64, f64)], share: f64) -> f64 {
    let whole: f64 = values.iter().map(|(_, weight)| weight).sum();
    let mut sum = 0.0;
    for (value, weight) in values {
        sum += weight;
        if sum > share * whole {
            return *value;
        }
    }
    0.0
}

/// Gaussian elimination with partial pivoting; the matrix is positive definite.
fn solve(mut matrix: [[f64; N + 1]; N + 1], mut right: [f64; N + 1]) -> [f64; N + 1] {
    for column in 0..=N {
        let pivot = (column..=N)
            .max_by(|one, other| matrix[*one][column].abs().total_cmp(&matrix[*other][column].abs()))
            .unwrap_or(column);
        matrix.swap(column, pivot);
        right.swap(column, pivot);
        for row in column + 1..=N {
            let factor = matrix[row][column] / matrix[column][column];
            let above = matrix[column];
            for (value, above) in matrix[row].iter_mut().zip(above).skip(column) {
                *value -= factor * above;
            }
            right[row] -= factor * right[column];
        }
    }
    for column in (0..=N).rev() {
        for place in column + 1..=N {
            right[column] -= matrix[column][place] * right[place];
        }
        right[column] /= matrix[column][column];
    }
    right
}

fn judge(set: String, own: &[&Example], calibration: &Calibration) -> Unseen {
    let line = f64::from(calibration.uncertain_below);
    let refused = |wanted: &dyn Fn(&Example) -> bool| {
        let asked: Vec<f64> = own
            .iter()
            .filter(|example| wanted(example))
            .map(|example| f64::from(u8::from(trust(calibration, example) < line)))
            .collect();
        metrics::mean(&asked)
    };
    let trusts = |answerable: bool| -> Vec<f64> {
        let examples = own.iter().filter(|example| example.is_answerable() == answerable);
        examples.map(|example| trust(calibration, example)).collect()
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
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example(style: Style, cosine: f64) -> Example {
        let mut signals = [0.5; N];
        signals[4] = cosine;
        Example { corpus: 0, style, foreign: false, signals, weight: 1.0 }
    }

    #[test]
    fn a_telling_signal_gets_a_weight_and_a_silent_one_none() {
        let examples: Vec<Example> = (0..100)
            .flat_map(|place| {
                let noise = f64::from(place) / 500.0;
                [example(Style::Direct, 0.5 + noise), example(Style::NearMiss, 0.4 - noise)]
            })
            .collect();
        let fitted = calibrate(&examples.iter().collect::<Vec<_>>());
        assert!(fitted.weights[4] > 5.0, "{fitted:?}");
        assert_eq!(fitted.weights[0], 0.0);
        assert!(fitted.out_of_scope_below < fitted.uncertain_below, "{fitted:?}");
        let wrong = examples
            .iter()
            .filter(|example| trust(&fitted, example) < f64::from(fitted.uncertain_below))
            .filter(|example| example.is_answerable())
            .count();
        assert!((3..=6).contains(&wrong), "{wrong} of 100 below the line of 5 %");
    }

    #[test]
    fn linear_equations_are_solved() {
        let mut matrix = [[0.0; N + 1]; N + 1];
        for (place, row) in matrix.iter_mut().enumerate() {
            row[place] = 2.0;
            row[(place + 1) % (N + 1)] += 1.0;
        }
        let solution = solve(matrix, [3.0; N + 1]);
        assert!(solution.iter().all(|value| (value - 1.0).abs() < 1e-9), "{solution:?}");
    }
}
