//! A passage as a source: its sentences with their terms, numbers and denials.

use std::collections::{BTreeSet, HashSet};

use corpus::visible_text;
use search::{Analyzer, Term};

use super::super::support::text_of;
use super::things::{Number, initials, numbers};
use super::turned::{Turned, turned};
use crate::retrieve::Passage;

/// A pronoun among so many first words speaks of what the sentence before says: "In 1087 he died".
const OPENING: usize = 5;

/// Pronouns of English, German, French, Spanish and Italian.
const PRONOUNS: &[&str] = &[
    "he", "she", "it", "they", "his", "her", "its", "their", "him", "them", "this", "these", "that", "those",
    "such", "er", "sie", "es", "ihr", "ihre", "sein", "seine", "dies", "diese", "dieser", "dieses", "il",
    "elle", "ils", "elles", "son", "sa", "ses", "leur", "ce", "cette", "ces", "él", "ella", "ellos", "su",
    "sus", "este", "esta", "esto", "lui", "lei", "loro", "suo", "sua", "questo", "questa",
];

/// What one sentence of a source says.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) text: String,
    pub(super) terms: HashSet<Term>,
    pub(super) numbers: BTreeSet<Number>,
    pub(super) turned: Turned,
    /// It speaks of somebody whom the sentence before names.
    pub(super) leans: bool,
}

/// A passage, read.
#[derive(Debug)]
pub(super) struct Source {
    /// The number by which answers cite it.
    pub(super) n: usize,
    pub(super) sentences: Vec<Said>,
    /// Terms and numbers of its title and headings, which count as said with each of its sentences.
    pub(super) above: HashSet<Term>,
    pub(super) above_numbers: BTreeSet<Number>,
    /// All terms, those of title and headings included.
    pub(super) terms: HashSet<Term>,
    pub(super) numbers: BTreeSet<Number>,
    pub(super) initials: HashSet<String>,
}

impl Source {
    /// Reads a passage. What stands between its sentences is no sentence, but said.
    pub(super) fn read(passage: &Passage, analyzer: &Analyzer) -> Self {
        let sentences: Vec<Said> =
            passage.sentences.iter().map(|sentence| said(text_of(passage, sentence), analyzer)).collect();
        let headings = format!("{}\n{}", passage.title, passage.heading_path.join("\n"));
        let above: HashSet<Term> = analyzer.analyze(&headings).into_iter().collect();
        let above_numbers = numbers(&headings);
        let mut terms: HashSet<Term> = analyzer.analyze(&passage.content).into_iter().collect();
        terms.extend(above.iter().cloned());
        let mut all = numbers(&passage.content);
        all.extend(&above_numbers);
        let initials = initials(&format!("{headings}\n{}", passage.content));
        Self { n: passage.n, sentences, above, above_numbers, terms, numbers: all, initials }
    }
}

fn said(text: &str, analyzer: &Analyzer) -> Said {
    let text = visible_text(text).split_whitespace().collect::<Vec<_>>().join(" ");
    let first = text.split_whitespace().take(OPENING);
    Said {
        leans: first.map(str::to_lowercase).any(|word| PRONOUNS.contains(&word.as_str())),
        terms: analyzer.analyze(&text).into_iter().collect(),
        numbers: numbers(&text),
        turned: turned(&text, analyzer),
        text,
    }
}
