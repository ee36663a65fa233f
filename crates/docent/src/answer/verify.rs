//! Whether the sentences of an answer say what the passages say.
//!
//! Each sentence is held against the passages that it cites, or against all when it cites none: by its telling words,
//! its numbers, and, with the local encoder, its meaning. What no passage supports is told to the reader.

use std::collections::HashSet;

use search::{Index, QueryTerm, Term, analyze};
use serde::{Deserialize, Serialize};

use super::language::{book_language, language};
use super::support::text_of;
use crate::retrieve::{EmbedRole, Embedder, Passage};

/// A sentence with fewer telling words claims nothing that could be checked ("Yes.", "See also:").
const LEAST_WORDS: usize = 3;

/// Share of a sentence's telling words that a passage must hold to support it.
const ENOUGH_WORDS: f32 = 0.6;

/// A sentence in other words is supported by a passage that holds this share of its words and a sentence this near to
/// it in meaning.
const SOME_WORDS: f32 = 0.25;
const NEAR: f32 = 0.6;

/// Sentences of passages that are compared in meaning; the local encoder needs about a millisecond for each.
const COMPARED: usize = 40;

/// How far the sentences of an answer stand on their passages.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Support {
    /// Sentences that were checked.
    pub sentences: usize,
    /// Those that no passage supports, in their order, as the answer says them without markers.
    pub unsupported: Vec<String>,
}

/// A sentence of an answer and the passages it cites.
#[derive(Debug, PartialEq, Eq)]
struct Statement {
    text: String,
    cited: Vec<usize>,
}

/// A sentence of an answer and how far its sources support it.
#[derive(Debug, Clone, PartialEq)]
pub struct Weighed {
    /// The sentence, without markers.
    pub text: String,
    /// How far, 0 to 1.
    pub support: f32,
}

impl Weighed {
    /// Whether a reader may take it as what the sources say.
    pub fn is_supported(&self) -> bool {
        self.support >= ENOUGH_WORDS
    }
}

/// Holds answers to one question against its passages.
#[derive(Debug)]
pub struct Checker<'a> {
    passages: &'a [Passage],
    words: Vec<HashSet<Term>>,
    index: &'a Index,
    embedder: &'a Embedder,
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
    pub fn new(_question: &str, passages: &'a [Passage], index: &'a Index, embedder: &'a Embedder) -> Self {
        Self { passages, words: passages.iter().map(words_of).collect(), index, embedder }
    }

    /// Weighs the sentences of an answer that claim something. An answer in another language than the book's is not
    /// weighed: its words cannot be compared.
    pub async fn weigh(&mut self, answer: &str) -> Vec<Weighed> {
        if language(answer).is_some_and(|spoken| spoken != book_language(self.index)) {
            return Vec::new();
        }
        let mut weighed = Vec::new();
        for statement in statements(answer) {
            let telling: Vec<QueryTerm> = self
                .index
                .query_terms(&statement.text)
                .into_iter()
                .filter(|term| !term.stop_word && term.text.chars().any(char::is_alphanumeric))
                .collect();
            if telling.len() < LEAST_WORDS {
                continue;
            }
            let cites =
                |passage: &Passage| statement.cited.is_empty() || statement.cited.contains(&passage.n);
            let sources: Vec<(&Passage, f32)> = self
                .passages
                .iter()
                .zip(&self.words)
                .filter(|(passage, words)| cites(passage) && numbers_occur(&telling, words))
                .map(|(passage, words)| (passage, share(&telling, words)))
                .collect();
            let mut support = sources.iter().map(|(_, share)| *share).fold(0.0, f32::max);
            if support < ENOUGH_WORDS && means_the_same(&statement.text, &sources, self.embedder).await {
                support = ENOUGH_WORDS;
            }
            weighed.push(Weighed { text: statement.text, support });
        }
        weighed
    }
}

fn words_of(passage: &Passage) -> HashSet<Term> {
    let around = format!("{} {}", passage.title, passage.heading_path.join(" "));
    analyze(&passage.content).into_iter().chain(analyze(&around)).collect()
}

fn share(telling: &[QueryTerm], words: &HashSet<Term>) -> f32 {
    telling.iter().filter(|term| words.contains(&term.term)).count() as f32 / telling.len() as f32
}

/// A number that the passage does not hold is the plainest kind of invention.
fn numbers_occur(telling: &[QueryTerm], words: &HashSet<Term>) -> bool {
    let is_number =
        |term: &&QueryTerm| term.text.chars().all(|character| character.is_numeric() || character == '.');
    telling.iter().filter(is_number).all(|term| words.contains(&term.term))
}

async fn means_the_same(statement: &str, sources: &[(&Passage, f32)], embedder: &Embedder) -> bool {
    if !matches!(embedder, Embedder::Local(_)) {
        return false;
    }
    let mut texts: Vec<&str> = vec![statement];
    for (passage, _) in sources.iter().filter(|(_, share)| *share >= SOME_WORDS) {
        texts.extend(passage.sentences.iter().map(|sentence| text_of(passage, sentence)));
    }
    texts.truncate(COMPARED + 1);
    if texts.len() < 2 {
        return false;
    }
    let Ok(vectors) = embedder.embed(&texts, EmbedRole::Passage).await else {
        return false;
    };
    let Some((said, written)) = vectors.split_first() else {
        return false;
    };
    let cosine = |other: &Vec<f32>| said.iter().zip(other).map(|(one, other)| one * other).sum::<f32>();
    written.iter().any(|other| cosine(other) >= NEAR)
}

/// The sentences of an answer outside code, each with the markers that follow it. A marker speaks for all that was said
/// on its line since the marker before.
fn statements(answer: &str) -> Vec<Statement> {
    let mut statements: Vec<Statement> = Vec::new();
    let mut in_code = false;
    for line in answer.lines() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
            continue;
        }
        // A heading claims nothing, and a row of a table is no sentence.
        if in_code || line.trim_start().starts_with(['#', '|']) {
            continue;
        }
        let mut open = statements.len();
        let mut rest = line;
        let mut fresh = true;
        while !rest.is_empty() {
            let (before, marker, after) = split_at_marker(rest);
            if !before.trim().is_empty() {
                if !fresh {
                    open = statements.len();
                }
                statements.extend(sentences(before).map(|text| Statement { text, cited: Vec::new() }));
                fresh = true;
            }
            if let Some(marker) = marker {
                statements[open..].iter_mut().for_each(|statement| statement.cited.push(marker));
                fresh = false;
            }
            rest = after;
        }
    }
    statements
}

/// What stands before the first marker `[n]`, its number, and what stands behind it.
fn split_at_marker(text: &str) -> (&str, Option<usize>, &str) {
    for (open, _) in text.match_indices('[') {
        let Some((number, after)) = text[open + 1..].split_once(']') else {
            break;
        };
        if let Ok(number) = number.parse() {
            return (&text[..open], Some(number), after);
        }
    }
    (text, None, "")
}

/// Cuts behind an end mark that white space follows, and takes list markers off.
fn sentences(text: &str) -> impl Iterator<Item = String> + '_ {
    let mut rest = text.trim_start_matches(|character: char| " -*|>".contains(character));
    std::iter::from_fn(move || {
        while !rest.is_empty() {
            let end = rest
                .char_indices()
                .find(|(place, character)| {
                    let behind = &rest[place + character.len_utf8()..];
                    matches!(character, '.' | '!' | '?') && behind.starts_with(char::is_whitespace)
                        || matches!(character, '。' | '！' | '？')
                })
                .map_or(rest.len(), |(place, character)| place + character.len_utf8());
            let (sentence, behind) = rest.split_at(end);
            rest = behind.trim_start();
            // What is left of an end mark behind the marker.
            if sentence.chars().any(char::is_alphanumeric) {
                return Some(sentence.trim().to_owned());
            }
        }
        None
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::testing::{index, passages};

    const PAGE: &str = "# Motors\n\nThe stall torque of the motor is 12 newton metres. It is measured at standstill.\n\n\
                        The gearbox needs oil every 500 hours.\n";

    async fn unsupported(answer: &str) -> (usize, Vec<String>) {
        let support = verify("", answer, &passages(PAGE), &index(PAGE, "en"), &Embedder::None).await;
        (support.sentences, support.unsupported)
    }

    #[tokio::test]
    async fn what_the_passage_says_is_supported() {
        assert_eq!(unsupported("The stall torque of the motor is 12 newton metres [1].").await, (1, vec![]));
    }

    #[tokio::test]
    async fn an_invented_number_is_not() {
        let said = "The stall torque of the motor is 15 newton metres";
        assert_eq!(unsupported(&format!("{said} [1].")).await, (1, vec![said.to_owned()]));
    }

    #[tokio::test]
    async fn an_invented_sentence_is_not_even_beside_a_true_one() {
        let answer = "The gearbox needs oil every 500 hours [1]. Elephants prefer blue bicycles on Sundays.";
        assert_eq!(
            unsupported(answer).await,
            (2, vec!["Elephants prefer blue bicycles on Sundays.".to_owned()])
        );
    }

    #[tokio::test]
    async fn what_claims_nothing_is_not_checked() {
        assert_eq!(
            unsupported("Yes. See below:\n\n```\nrm -rf nothing to see here\n```\n").await,
            (0, vec![])
        );
    }

    #[tokio::test]
    async fn another_language_is_not_checked() {
        assert_eq!(
            unsupported("Das Drehmoment ist mit dem Getriebe und der Achse nicht zu messen [1].").await.0,
            0
        );
    }

    #[test]
    fn a_marker_speaks_for_all_before_it() {
        let found = statements("- One is here. Two is there [1][2]. Three is free.\nFour [3].");
        let shown: Vec<String> =
            found.iter().map(|statement| format!("{} {:?}", statement.text, statement.cited)).collect();
        assert_eq!(shown, ["One is here. [1, 2]", "Two is there [1, 2]", "Three is free. []", "Four [3]"]);
    }
}
