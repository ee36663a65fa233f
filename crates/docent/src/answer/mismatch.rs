//! Whether the sentences that look like the answer answer something else: the question denies what they say, names the
//! opposite, holds a number that the passage does not, or asks for a date or a number where they have none.
//!
//! Retrieval cannot tell such questions from answerable ones, because they are made of the very words of a passage.
//! Only words of languages that are known here are looked at; in any other nothing is found.

use std::collections::HashSet;

use corpus::SentenceKind;
use search::{Index, Term, analyze};
use serde::Serialize;

use super::language::{book_language, language};
use super::support::text_of;
use crate::retrieve::Passage;

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
    let asked = Asked::read(question);
    let best = best_sentences(question, passages, index)?;
    let said = words(&best.text);
    if asked.denies && !said.iter().any(|word| is_denial(word) || SOFT_DENIALS.contains(&word.as_str())) {
        return Some(Mismatch::Denied);
    }
    let passage =
        format!("{} {} {}", best.passage.title, best.passage.heading_path.join(" "), best.passage.content);
    if asked.numbers.iter().any(|number| !passage.contains(number.as_str())) {
        return Some(Mismatch::OtherNumber);
    }
    if names_the_opposite(&asked.words, &said, &words(&passage)) {
        return Some(Mismatch::Opposite);
    }
    // Release notes say when in their headings.
    let headings = words(&format!("{} {}", best.passage.title, best.passage.heading_path.join(" ")));
    let is_new = |word: &&String| !asked.words.contains(*word);
    let holds =
        |wanted: fn(&str) -> bool| said.iter().chain(&headings).filter(is_new).any(|word| wanted(word));
    match asked.wants {
        Some(Wanted::Date) if !holds(is_date) => Some(Mismatch::NoDate),
        Some(Wanted::Number) if !holds(is_number) => Some(Mismatch::NoNumber),
        _ => None,
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Wanted {
    Date,
    Number,
}

/// What of a question can be held against a sentence.
struct Asked {
    words: Vec<String>,
    denies: bool,
    /// Years and other numbers of two digits or more, as written.
    numbers: Vec<String>,
    wants: Option<Wanted>,
}

impl Asked {
    fn read(question: &str) -> Self {
        let words = words(question);
        let asks = words.iter().position(|word| ASKING.contains(&word.as_str()));
        // "How do I … without", "Why does it not …" ask for a way or a reason, and sentences say that in many words.
        let of_facts = asks.filter(|place| !matches!(words[*place].as_str(), "how" | "why"));
        let denies = of_facts.is_some_and(|place| {
            let behind = &words[place + 1..];
            // In a clause of its own a denial belongs to that clause.
            let clause = behind.iter().take_while(|word| !CLAUSES.contains(&word.as_str()));
            clause.into_iter().any(|word| is_denial(word))
        });
        let numbers = question
            .split(|character: char| !(character.is_alphanumeric() || ",.-_".contains(character)))
            .map(|word| word.trim_matches(|character: char| !character.is_alphanumeric()))
            .filter(|word| word.len() > 1 && word.bytes().all(|byte| byte.is_ascii_digit()))
            .map(str::to_owned)
            .collect();
        let pair = |one: &str, others: &[&str]| {
            words.windows(2).any(|pair| pair[0] == one && others.contains(&pair[1].as_str()))
        };
        let wants = if pair("how", &["many"]) {
            Some(Wanted::Number)
        } else if pair("when", &["did", "was", "were"])
            || ["what", "which"].iter().any(|asking| pair(asking, &["year", "date", "decade", "century"]))
        {
            Some(Wanted::Date)
        } else {
            None
        };
        Self { words, denies, numbers, wants }
    }
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

/// Words in lower case; an apostrophe is part of a word, a hyphen ends one.
fn words(text: &str) -> Vec<String> {
    text.split(|character: char| !(character.is_alphanumeric() || "'’".contains(character)))
        .map(|word| word.trim_matches(['\'', '’']).replace('’', "'").to_lowercase())
        .filter(|word| !word.is_empty())
        .collect()
}

pub(super) fn is_denial(word: &str) -> bool {
    word.ends_with("n't") || ["not", "never", "cannot", "non", "unable"].contains(&word)
}

fn is_number(word: &str) -> bool {
    word.bytes().any(|byte| byte.is_ascii_digit()) || NUMBERS.contains(&word)
}

fn is_date(word: &str) -> bool {
    word.bytes().any(|byte| byte.is_ascii_digit()) || DATES.contains(&word)
}

/// A word of the question whose opposite stands in the sentences, while the passage never uses the word itself.
fn names_the_opposite(asked: &[String], said: &[String], passage: &[String]) -> bool {
    let has = |words: &[String], stem: &str| words.iter().any(|word| is_form(word, stem));
    OPPOSITES
        .iter()
        .flat_map(|(one, other)| [(one, other), (other, one)])
        .any(|(one, other)| has(asked, one) && !has(asked, other) && !has(passage, one) && has(said, other))
}

/// Whether a word is a stem with a usual ending.
pub(super) fn is_form(word: &str, stem: &str) -> bool {
    word.strip_prefix(stem).is_some_and(|ending| ENDINGS.contains(&ending))
}

const ASKING: &[&str] = &["who", "whom", "whose", "what", "which", "where", "when", "how", "why"];

/// Words that begin a clause of its own.
const CLAUSES: &[&str] = &[
    "if", "that", "so", "because", "while", "although", "than", "why", "but", "whether", "or", "when",
    "where",
];

/// Words that may stand for a denial in a sentence.
pub(super) const SOFT_DENIALS: &[&str] = &[
    "no", "none", "nor", "neither", "without", "except", "only", "but", "lack", "lacks", "lacked", "rather",
    "instead", "fail", "fails", "failed", "refuse", "refused", "refuses", "unlike", "however", "despite",
];

const NUMBERS: &[&str] = &[
    "no",
    "none",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "hundred",
    "hundreds",
    "thousand",
    "thousands",
    "million",
    "millions",
    "billion",
    "billions",
    "dozen",
    "dozens",
    "half",
    "third",
    "quarter",
    "twice",
    "once",
    "single",
    "both",
    "several",
    "all",
    "every",
    "each",
    "any",
    "unlimited",
    "many",
    "few",
    "pair",
];

const DATES: &[&str] = &[
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
    "century",
    "centuries",
    "decade",
    "today",
    "yesterday",
    "after",
    "before",
    "during",
    "until",
    "since",
    "when",
    "once",
    "later",
];

const ENDINGS: &[&str] = &["", "s", "es", "d", "ed", "ing", "ly", "n", "r", "er", "st", "est"];

/// Stems with opposite meanings, in the senses that books of facts and of instructions use.
pub(super) const OPPOSITES: &[(&str, &str)] = &[
    ("increase", "decrease"),
    ("increase", "decline"),
    ("grow", "shrink"),
    ("rise", "fall"),
    ("raise", "lower"),
    ("gain", "loss"),
    ("win", "lose"),
    ("won", "lost"),
    ("victory", "defeat"),
    ("victory", "loss"),
    ("success", "failure"),
    ("accept", "reject"),
    ("allow", "forbid"),
    ("allow", "prohibit"),
    ("permit", "prohibit"),
    ("include", "exclude"),
    ("begin", "end"),
    ("start", "stop"),
    ("open", "close"),
    ("earliest", "latest"),
    ("oldest", "youngest"),
    ("oldest", "newest"),
    ("large", "small"),
    ("big", "small"),
    ("largest", "smallest"),
    ("high", "low"),
    ("higher", "lower"),
    ("highest", "lowest"),
    ("long", "short"),
    ("most", "least"),
    ("majority", "minority"),
    ("maximum", "minimum"),
    ("strong", "weak"),
    ("fast", "slow"),
    ("rapid", "slow"),
    ("quick", "slow"),
    ("easy", "difficult"),
    ("better", "worse"),
    ("best", "worst"),
    ("positive", "negative"),
    ("rich", "poor"),
    ("public", "private"),
    ("internal", "external"),
    ("inside", "outside"),
    ("above", "below"),
    ("north", "south"),
    ("northern", "southern"),
    ("eastern", "western"),
    ("upper", "lower"),
    ("common", "rare"),
    ("often", "rare"),
    ("always", "never"),
    ("enemy", "ally"),
    ("attack", "defend"),
    ("support", "oppose"),
    ("agree", "disagree"),
    ("import", "export"),
    ("enable", "disable"),
    ("create", "destroy"),
    ("encrypt", "decrypt"),
    ("valid", "invalid"),
    ("legal", "illegal"),
    ("possible", "impossible"),
    ("dependent", "independent"),
    ("direct", "indirect"),
    ("formal", "informal"),
    ("ancient", "modern"),
    ("urban", "rural"),
    ("birth", "death"),
    ("advantage", "disadvantage"),
    ("encourage", "discourage"),
    ("expand", "contract"),
    ("temporary", "permanent"),
    ("voluntary", "compulsory"),
    ("synchronous", "asynchronous"),
    ("mutable", "immutable"),
    ("required", "optional"),
];

#[cfg(test)]
mod tests;
