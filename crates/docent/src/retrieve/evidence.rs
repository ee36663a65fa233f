//! How far the found passages can be trusted to hold an answer.

use search::Index;
use serde::Serialize;

use super::{Query, ScoredChunk};

/// What speaks for an answer being in the book. Computed before any paid call.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Evidence {
    /// Best share of the question's weight whose words stand together in one of the first chunks, 0 to 1.
    pub coverage: f32,
    /// Share of the question's weight whose words occur nowhere in the book, 0 to 1.
    pub unknown: f32,
    /// How far the best BM25 score stands above the mean of the first ten, as a share of the best, 0 to 1.
    pub peak: f32,
    /// Best cosine; `None` without vectors.
    pub cosine: Option<f32>,
    /// How far the best cosine stands above the mean of ranks 11 to 50; 0 without vectors.
    pub margin: f32,
    /// The question has no word with a meaning of its own ("what is it?").
    pub empty: bool,
}

/// What the evidence allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Answer from the passages.
    Answerable,
    /// The book's subject, but no passage is good enough.
    Uncertain,
    /// Not the book's subject.
    OutOfScope,
}

/// How many of the best chunks are looked at for coverage.
const LOOKED_AT: usize = 5;

pub(super) fn weigh(index: &Index, query: &Query, hits: &[ScoredChunk]) -> Evidence {
    let terms = index.query_terms(&query.text);
    let meaningful = || terms.iter().filter(|term| !term.stop_word);
    let mass: f32 = meaningful().map(|term| term.idf).sum();
    let unknown: f32 = meaningful().filter(|term| term.document_frequency == 0).map(|term| term.idf).sum();
    let coverage = hits
        .iter()
        .take(LOOKED_AT)
        .filter_map(|hit| hit.lexical)
        .map(|lexical| lexical.coverage)
        .fold(0.0, f32::max);
    let mut scores: Vec<f32> =
        hits.iter().filter_map(|hit| hit.lexical).map(|lexical| lexical.score).collect();
    scores.sort_unstable_by(|one, other| other.total_cmp(one));
    let peak = match scores.first() {
        Some(best) if *best > 0.0 => 1.0 - average(&scores[..scores.len().min(10)]) / best,
        _ => 0.0,
    };
    let mut cosines: Vec<f32> = hits.iter().filter_map(|hit| hit.cosine).collect();
    cosines.sort_unstable_by(|one, other| other.total_cmp(one));
    let cosine = cosines.first().copied();
    let margin =
        cosine.map_or(0.0, |best| best - average(cosines.get(10..50.min(cosines.len())).unwrap_or(&[])));
    Evidence {
        coverage,
        unknown: if mass > 0.0 { unknown / mass } else { 0.0 },
        peak,
        cosine,
        margin,
        empty: mass == 0.0,
    }
}

fn average(values: &[f32]) -> f32 {
    if values.is_empty() { 0.0 } else { values.iter().sum::<f32>() / values.len() as f32 }
}

impl Evidence {
    /// What the evidence allows, by the calibration of the embedder that found it.
    pub fn verdict(&self, calibration: &Calibration) -> Verdict {
        let trust = self.trust(calibration);
        if trust >= UNCERTAIN_BELOW {
            Verdict::Answerable
        } else if trust >= OUT_OF_SCOPE_BELOW {
            Verdict::Uncertain
        } else {
            Verdict::OutOfScope
        }
    }

    /// How likely it is that the passages answer the question, 0 to 1.
    pub fn trust(&self, calibration: &Calibration) -> f32 {
        let sum = calibration.bias
            + calibration.coverage * self.coverage
            + calibration.unknown * self.unknown
            + calibration.peak * self.peak
            + calibration.cosine * self.cosine.unwrap_or(0.0)
            + calibration.margin * self.margin;
        1.0 / (1.0 + (-sum).exp())
    }
}

/// Weights of a logistic model over [`Evidence`]. Cosines of different embedders mean different things, so each
/// embedder has its own.
///
/// # Source
/// Fitted by logistic regression over four corpora (a product's documentation, encyclopaedia paragraphs, this
/// program's manual, a library's documentation), each with its own questions and with questions of the others;
/// classes weighted equally. Leaving one corpus out, the area under the ROC curve is 0.94 to 1.00 with vectors and
/// 0.91 to 0.99 with words alone; `docs/development/benches.md` says how to measure it on a book.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Calibration {
    bias: f32,
    coverage: f32,
    unknown: f32,
    peak: f32,
    cosine: f32,
    margin: f32,
}

/// For words alone, and for embedders that nobody has calibrated.
const WORDS: Calibration =
    Calibration { bias: -2.83, coverage: 6.23, unknown: -2.81, peak: 2.0, cosine: 0.0, margin: 0.0 };

/// For the built-in encoder.
const MINILM: Calibration =
    Calibration { bias: -6.89, coverage: 2.71, unknown: -1.92, peak: 2.12, cosine: 11.72, margin: 4.15 };

impl Calibration {
    /// The calibration for what actually searched: `fingerprint` is `None` when only words did.
    pub fn of(fingerprint: Option<&str>) -> &'static Self {
        match fingerprint {
            Some(fingerprint) if fingerprint.starts_with("local:all-MiniLM-L6-v2") => &MINILM,
            _ => &WORDS,
        }
    }
}

/// Below this trust, passages are not good enough. At 0.4, nine of ten foreign questions are refused, and fewer than
/// one of a hundred of a book's own direct questions.
const UNCERTAIN_BELOW: f32 = 0.4;

/// Below this trust, the question is not about the book.
const OUT_OF_SCOPE_BELOW: f32 = 0.15;
