//! Whether the sentences of an answer say what the passages say.
//!
//! Each sentence is held against the passages that it cites, or against all when it cites none. What no passage supports
//! is told to the reader.

mod findings;
mod source;
mod statements;
mod things;
mod turned;

use std::collections::HashSet;

use search::{Index, QueryTerm, Term};
use serde::{Deserialize, Serialize};

use super::language::{book_language, language};
use crate::retrieve::{EmbedRole, Embedder, Passage};
pub use findings::Findings;
use findings::{SUPPORTED, Statement};
use source::Source;
use statements::statements;
use things::{names, stated_numbers};
use turned::{owns_up, turned};

/// A sentence with fewer telling words claims nothing that could be checked ("Yes.", "See also:"); nor does a question, nor an
/// uncited word about what the passages do not say.
const LEAST_WORDS: usize = 3;

/// In the book's language at least one word in so many is known.
const KNOWN_PART: usize = 3;

/// Sentences of passages that are compared in meaning; the local encoder needs about a millisecond for each.
const COMPARED: usize = 40;

/// Languages that write nouns with a capital, or have none: there a capital does not tell a name.
const NO_NAMES_BY_CAPITALS: &[&str] =
    &["de", "lb", "zh", "ja", "ko", "th", "ar", "he", "fa", "hi", "bn", "ta", "ka"];

/// How far the sentences of an answer stand on their passages.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Support {
    /// Sentences that were checked.
    pub sentences: usize,
    /// Those that no passage supports, in their order, as the answer says them without markers.
    pub unsupported: Vec<String>,
}

impl Support {
    /// Most of what the answer claims is supported by no passage.
    pub fn is_mostly_missing(&self) -> bool {
        self.unsupported.len() * 2 > self.sentences
    }
}

/// A sentence of an answer and how far its sources support it.
#[derive(Debug, Clone, PartialEq)]
pub struct Weighed {
    /// The sentence, without markers.
    pub text: String,
    /// How far, 0 to 1.
    pub support: f32,
    /// What that stands on: the best of its sources.
    pub findings: Findings,
}

impl Weighed {
    /// Whether a reader may take it as what the sources say.
    pub fn is_supported(&self) -> bool {
        self.support >= SUPPORTED
    }
}

/// Holds answers to one question against its passages.
#[derive(Debug)]
pub struct Checker<'a> {
    sources: Vec<Source>,
    asked: HashSet<Term>,
    index: &'a Index,
    embedder: &'a Embedder,
    /// Vectors of each source's sentences, once they were needed.
    vectors: Vec<Option<Vec<Vec<f32>>>>,
}

/// Checks every sentence of `answer`.
pub(super) async fn verify(
    question: &str,
    answer: &str,
    passages: &[Passage],
    index: &Index,
    embedder: &Embedder,
) -> Support {
    let weighed = Checker::new(question, passages, index, embedder).weigh(answer).await;
    Support {
        sentences: weighed.len(),
        unsupported: weighed.into_iter().filter(|one| !one.is_supported()).map(|one| one.text).collect(),
    }
}

impl<'a> Checker<'a> {
    /// Reads the passages, by which the answers to `question` cite.
    pub fn new(question: &str, passages: &[Passage], index: &'a Index, embedder: &'a Embedder) -> Self {
        let analyzer = index.analyzer();
        let sources: Vec<Source> = passages.iter().map(|passage| Source::read(passage, analyzer)).collect();
        let vectors = sources.iter().map(|_| None).collect();
        Self { sources, asked: analyzer.analyze(question).into_iter().collect(), index, embedder, vectors }
    }

    /// Weighs the sentences of an answer that claim something. An answer in another language than the book's is not
    /// weighed: its words cannot be compared.
    pub async fn weigh(&mut self, answer: &str) -> Vec<Weighed> {
        let own = book_language(self.index);
        if self.is_foreign(answer, own) {
            return Vec::new();
        }
        let capitals_name = !NO_NAMES_BY_CAPITALS.contains(&own);
        let is_english = own == "en";
        let analyzer = self.index.analyzer();
        let mut weighed = Vec::new();
        for said in statements(answer) {
            let (stop_words, mut telling): (Vec<QueryTerm>, Vec<QueryTerm>) =
                self.index.query_terms(&said.text).into_iter().partition(|term| term.stop_word);
            telling.retain(|term| term.text.chars().any(char::is_alphanumeric));
            let owns_up = is_english && said.cited.is_empty() && owns_up(&said.text);
            if telling.len() < LEAST_WORDS || said.text.ends_with('?') || owns_up {
                continue;
            }
            let mut names = names(&said.text, analyzer, capitals_name);
            let is_frequent = |term: &Term| stop_words.iter().any(|stop_word| stop_word.term == *term);
            names.retain(|name| !name.terms.iter().all(is_frequent));
            let cites = |source: &Source| said.cited.is_empty() || said.cited.contains(&source.n);
            let places: Vec<usize> =
                (0..self.sources.len()).filter(|place| cites(&self.sources[*place])).collect();
            let statement = Statement {
                names,
                sources: places.len(),
                numbers: stated_numbers(&said.text),
                turned: if is_english { turned(&said.text, analyzer) } else { Default::default() },
                telling,
                cites: !said.cited.is_empty(),
                knows_openers: is_english,
                asked: &self.asked,
            };
            let cited: Vec<&Source> = places.iter().map(|place| &self.sources[*place]).collect();
            let found = statement.held_against(&cited);
            let mut best: Option<(f32, Findings)> = None;
            for (place, mut findings) in places.into_iter().zip(found) {
                if findings.is_open() {
                    findings.meaning = self.meaning(&said.text, place).await;
                }
                let support = findings.support();
                if best.as_ref().is_none_or(|(highest, _)| support > *highest) {
                    best = Some((support, findings));
                }
            }
            let (support, findings) = best.unwrap_or_default();
            weighed.push(Weighed { text: said.text, support, findings });
        }
        weighed
    }

    /// Whether the answer is in another language than the book's. Where its frequent words do not tell, hardly any of its
    /// words is one that the book's language or the book itself has.
    fn is_foreign(&self, answer: &str, own: &str) -> bool {
        if let Some(spoken) = language(answer) {
            return spoken != own;
        }
        let words: Vec<QueryTerm> = self.index.query_terms(answer);
        let words: Vec<&QueryTerm> =
            words.iter().filter(|term| term.text.chars().any(char::is_alphabetic)).collect();
        let is_known = |term: &&&QueryTerm| {
            term.stop_word
                || term.document_frequency > 0
                || (own == "en" && encoder::is_word(&term.text.to_lowercase()))
        };
        let known = words.iter().filter(is_known).count();
        words.len() >= LEAST_WORDS && known * KNOWN_PART < words.len()
    }

    /// The cosine of a statement and the nearest sentence of a source; `None` without the local encoder.
    async fn meaning(&mut self, statement: &str, place: usize) -> Option<f32> {
        if !matches!(self.embedder, Embedder::Local(_)) {
            return None;
        }
        if self.vectors[place].is_none() {
            let texts: Vec<&str> =
                self.sources[place].sentences.iter().take(COMPARED).map(|said| said.text.as_str()).collect();
            self.vectors[place] = self.embedder.embed(&texts, EmbedRole::Passage).await.ok();
        }
        let written = self.vectors[place].as_ref()?;
        let said = self.embedder.embed(&[statement], EmbedRole::Passage).await.ok()?.pop()?;
        let cosine = |other: &Vec<f32>| said.iter().zip(other).map(|(one, other)| one * other).sum::<f32>();
        written.iter().map(cosine).max_by(f32::total_cmp)
    }
}

#[cfg(test)]
mod tests;
