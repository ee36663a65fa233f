//! Whether the sentences that look like the answer answer something else: the question denies what they say, names the
//! opposite, puts another name or number in a place of theirs, or asks for a date or a number where they have none.
//!
//! Retrieval cannot tell such questions from answerable ones, because they are made of the very words of a passage.
//! Only words of languages that are known here are looked at; in any other nothing is found.

mod exchanged;
pub(super) mod words;

use std::collections::HashSet;

use corpus::SentenceKind;
use search::{Index, Term, analyze};
use serde::Serialize;

use super::language::{book_language, language};
use super::support::text_of;
use crate::retrieve::Passage;
use exchanged::is_exchanged;
use words::{Word, asks_for_none, has_opposite, is_century, is_date, is_number, is_year, may_deny, read};

/// Why a question is not answered by the sentences that hold its words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mismatch {
    /// The question denies; the sentences do not.
    Denied,
    /// The question names the opposite of what the sentences say.
    Opposite,
    /// The question holds a number that the passage does not.
    OtherNumber,
    /// Where the question has a name, a rank or a month, the sentences have another one.
    Exchanged,
    /// It asks when, and the sentences hold no date.
    NoDate,
    /// It asks how many, and the sentences hold no number.
    NoNumber,
}

/// Passages that are looked at: those that an extractive answer is made of.
const PASSAGES: usize = 3;

/// What a second sentence costs, so that one that says it alone is preferred.
const SECOND_SENTENCE: f32 = 0.05;

/// Below this share of the question's weight the sentences do not hold its words: they were found by meaning, and
/// nothing can be said about single words.
const LEAST_SHARE: f32 = 0.4;

/// Finds out what is wrong with the best sentences of the passages; `None` when nothing is, or nothing can be told.
///
/// The best are the one or two neighbouring sentences that hold most of the question's weight, which is the rarity of
/// its words in `index`; headings count as said by each of their sentences.
pub fn mismatch(question: &str, passages: &[Passage], index: &Index) -> Option<Mismatch> {
    if book_language(index) != "en" || language(question).is_some_and(|asked| asked != "en") {
        return None;
    }
    let asked = Asked::read(question, index);
    let best = best_sentences(question, passages, index)?;
    let said = read(&best.text);
    if asked.denies && !said.iter().any(|word| may_deny(&word.lower)) {
        return Some(Mismatch::Denied);
    }
    let headings = format!("{} {}", best.passage.title, best.passage.heading_path.join(" "));
    if asked.numbers.iter().any(|number| !headings.contains(number) && !best.passage.content.contains(number))
    {
        return Some(Mismatch::OtherNumber);
    }
    let headings = read(&headings);
    if asked.is_of_facts {
        let around = Around { said: &said, headings: &headings, passages };
        if !asked.may_deny && names_the_opposite(&asked, &around) {
            return Some(Mismatch::Opposite);
        }
        if is_exchanged(&asked, &around, index) {
            return Some(Mismatch::Exchanged);
        }
    }
    let is_new = |word: &&Word| !asked.words.iter().any(|asked| asked.lower == word.lower);
    // Release notes say when in their headings.
    let holds = |wanted: fn(&str) -> bool| {
        said.iter().chain(&headings).filter(is_new).any(|word| wanted(&word.lower))
    };
    match asked.wants {
        Some(Wanted::Date(is_told)) if !holds(is_told) => Some(Mismatch::NoDate),
        Some(Wanted::Number) if !holds(is_number) => Some(Mismatch::NoNumber),
        _ => None,
    }
}

#[derive(Debug)]
enum Wanted {
    /// What tells it: a year for a year, any word of time for "when".
    Date(fn(&str) -> bool),
    Number,
}

/// What of a question can be held against a sentence.
struct Asked {
    words: Vec<Word>,
    /// The stems of the words that carry the question.
    telling: HashSet<String>,
    /// It asks for a person, a thing, a place, a time or a number. "How do I … without", "Why does it not …" ask for a
    /// way or a reason, and sentences say that in many words.
    is_of_facts: bool,
    /// It asks for what is not so.
    denies: bool,
    /// A word of it denies something.
    may_deny: bool,
    /// Years and other numbers of two digits or more, as written.
    numbers: Vec<String>,
    wants: Option<Wanted>,
}

impl Asked {
    fn read(question: &str, index: &Index) -> Self {
        let words = read(question);
        let terms = index.query_terms(question).into_iter().filter(|term| !term.stop_word);
        let is = |place: usize, among: &[&str]| {
            words.get(place).is_some_and(|word: &Word| among.contains(&word.lower.as_str()))
        };
        let asks = words.iter().position(|word| ASKING.contains(&word.lower.as_str()));
        let of_facts = asks.filter(|place| match words[*place].lower.as_str() {
            "why" => false,
            "how" => is(place + 1, MEASURES),
            _ => true,
        });
        let denies = of_facts.is_some_and(|place| {
            let is_clause = |word: &&Word| CLAUSES.contains(&word.lower.as_str());
            let (before, behind) = (&words[..place], &words[place + 1..]);
            // In a clause of its own a denial belongs to that clause.
            let before = if before.iter().any(|word| is_clause(&word)) { &[] } else { before };
            let behind = behind.iter().take_while(|word| !is_clause(word));
            before.iter().chain(behind).any(|word| asks_for_none(&word.lower))
        });
        let numbers = question
            .split(|character: char| !(character.is_alphanumeric() || ",.-_".contains(character)))
            .map(|word| word.trim_matches(|character: char| !character.is_alphanumeric()))
            .filter(|word| word.len() > 1 && word.bytes().all(|byte| byte.is_ascii_digit()))
            .map(str::to_owned)
            .collect();
        let pair = |one: &str, others: &[&str]| {
            (0..words.len()).any(|place| is(place, &[one]) && is(place + 1, others))
        };
        let asks_what = |others: &[&str]| pair("what", others) || pair("which", others);
        let wants = if pair("how", &["many"]) {
            Some(Wanted::Number)
        } else if asks_what(&["year"]) {
            Some(Wanted::Date(is_year))
        } else if asks_what(&["century"]) {
            Some(Wanted::Date(is_century))
        } else if pair("when", &["did", "was", "were"]) || asks_what(&["date", "decade"]) {
            Some(Wanted::Date(is_date))
        } else {
            None
        };
        Self {
            telling: terms.map(|term| term.term.0).collect(),
            is_of_facts: of_facts.is_some(),
            denies,
            may_deny: words.iter().any(|word| asks_for_none(&word.lower)),
            numbers,
            wants,
            words,
        }
    }

    fn holds(&self, stem: &str) -> bool {
        self.words.iter().any(|word| word.stem == stem)
    }
}

/// What a question is held against.
struct Around<'a> {
    /// The best sentences.
    said: &'a [Word],
    /// The headings above them.
    headings: &'a [Word],
    /// All that is shown.
    passages: &'a [Passage],
}

impl Around<'_> {
    fn holds(&self, stem: &str) -> bool {
        self.said.iter().chain(self.headings).any(|word| word.stem == stem)
    }
}

/// A telling word that the sentences do not hold, while they hold its opposite.
fn names_the_opposite(asked: &Asked, around: &Around<'_>) -> bool {
    let missing = asked.words.iter().filter(|word| !around.holds(&word.stem));
    let others: Vec<Word> = around.said.iter().filter(|word| !asked.holds(&word.stem)).cloned().collect();
    missing.filter(|word| asked.telling.contains(&word.stem)).any(|word| {
        has_opposite(&word.lower, &others)
            || words::without_denial(&word.lower)
                .and_then(|base| analyze(base).into_iter().next())
                .is_some_and(|base| around.holds(&base.0))
    })
}

struct Best<'a> {
    passage: &'a Passage,
    text: String,
}

fn best_sentences<'a>(question: &str, passages: &'a [Passage], index: &Index) -> Option<Best<'a>> {
    let terms: Vec<_> = index.query_terms(question).into_iter().filter(|term| !term.stop_word).collect();
    let mass: f32 = terms.iter().map(|term| term.idf).sum();
    let mut best: Option<(f32, Best<'a>)> = None;
    for passage in passages.iter().take(PASSAGES) {
        let headings: HashSet<Term> =
            analyze(&format!("{} {}", passage.title, passage.heading_path.join(" "))).into_iter().collect();
        let sentences: Vec<&str> = passage
            .sentences
            .iter()
            .filter(|sentence| sentence.kind != SentenceKind::Code)
            .map(|sentence| text_of(passage, sentence))
            .collect();
        for count in 1..=2 {
            for window in sentences.windows(count) {
                let text = window.join(" ");
                let held: HashSet<Term> = analyze(&text).into_iter().collect();
                let holds = |term: &Term| held.contains(term) || headings.contains(term);
                let sum: f32 = terms.iter().filter(|term| holds(&term.term)).map(|term| term.idf).sum();
                let share = sum / mass.max(f32::MIN_POSITIVE);
                let score = share - SECOND_SENTENCE * (count - 1) as f32;
                if share >= LEAST_SHARE && best.as_ref().is_none_or(|(highest, _)| score > *highest) {
                    best = Some((score, Best { passage, text }));
                }
            }
        }
    }
    best.map(|(_, best)| best)
}

const ASKING: &[&str] = &["who", "whom", "whose", "what", "which", "where", "when", "how", "why"];

/// What makes a number, a time or a length of "how".
const MEASURES: &[&str] = &["many", "much", "long", "often", "old", "far", "large", "big", "high", "tall"];

/// Words that begin a clause of its own.
const CLAUSES: &[&str] = &[
    "if", "that", "so", "because", "while", "although", "than", "why", "but", "whether", "or", "when",
    "where", "who", "which", "whose", "unless", "since", "as",
];

#[cfg(test)]
mod tests;
