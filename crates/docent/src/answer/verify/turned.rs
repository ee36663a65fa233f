//! What turns a sentence around: denials and opposites. Only English is known.

use std::collections::HashSet;

use search::{Analyzer, Term};

use super::super::mismatch::words::{OPPOSITES, is_denial, is_form};

/// Words that may stand for a denial.
const SOFT_DENIALS: &[&str] = &[
    "no", "none", "nor", "neither", "without", "except", "only", "but", "lack", "lacks", "lacked", "rather",
    "instead", "fail", "fails", "failed", "refuse", "refused", "refuses", "unlike", "however", "despite",
];

/// Words behind a denial that it denies, at most; a clause ends them earlier.
const REACH: usize = 3;

/// What of a sentence can turn it around.
#[derive(Debug, Clone, Default)]
pub(super) struct Turned {
    /// Words in lower case.
    pub(super) words: Vec<String>,
    /// It holds a "not" or "never".
    pub(super) denies: bool,
    /// It holds a word that may stand for one, such as "without".
    pub(super) denies_softly: bool,
    /// Terms right behind a denial and nowhere else.
    pub(super) denied: HashSet<Term>,
}

/// Reads a sentence.
pub(super) fn turned(text: &str, analyzer: &Analyzer) -> Turned {
    let mut turned = Turned::default();
    let mut affirmed = HashSet::new();
    for clause in text.split([',', ';', ':', '(', ')', '–', '.', '|']) {
        let words: Vec<String> = clause
            .split(|c: char| !(c.is_alphanumeric() || "'’".contains(c)))
            .map(|word| word.trim_matches(['\'', '’']).replace('’', "'").to_lowercase())
            .filter(|word| !word.is_empty())
            .collect();
        let mut reached = 0;
        for (place, word) in words.iter().enumerate() {
            if !is_denial(word) || word == "non" {
                if place >= reached {
                    affirmed.extend(analyzer.analyze(word));
                }
                continue;
            }
            // "not only … but also" denies nothing.
            if words.get(place + 1).is_some_and(|next| next == "only") {
                turned.denies_softly = true;
                continue;
            }
            turned.denies = true;
            reached = place + 1 + REACH;
            let behind = words[place + 1..].iter().take(REACH);
            turned.denied.extend(behind.flat_map(|word| analyzer.analyze(word)));
        }
        turned.denies_softly |= words.iter().any(|word| SOFT_DENIALS.contains(&word.as_str()));
        turned.words.extend(words);
    }
    turned.denied.retain(|term| !affirmed.contains(term));
    turned
}

/// "The passages do not mention its price": an honest word about what is missing, not about the subject.
pub(super) fn owns_up(text: &str) -> bool {
    const SOURCES: &[&str] = &[
        "passage",
        "passages",
        "book",
        "source",
        "sources",
        "text",
        "texts",
        "documentation",
        "excerpts",
        "context",
    ];
    const SAYING: &[&str] = &[
        "say",
        "mention",
        "state",
        "specify",
        "tell",
        "explain",
        "describe",
        "provide",
        "contain",
        "include",
        "give",
        "cover",
        "mentioned",
        "stated",
        "specified",
        "described",
        "provided",
        "covered",
        "answer",
        "address",
    ];
    let words: Vec<String> = text
        .split(|c: char| !(c.is_alphanumeric() || "'’".contains(c)))
        .map(|word| word.replace('’', "'").to_lowercase())
        .filter(|word| !word.is_empty())
        .collect();
    let has = |list: &[&str]| words.iter().any(|word| list.contains(&word.as_str()));
    let denial = words.iter().position(|word| is_denial(word));
    let says_not = denial.is_some_and(|place| {
        words[place + 1..].iter().take(REACH).any(|word| SAYING.contains(&word.as_str()))
    });
    says_not && has(SOURCES)
}

impl Turned {
    /// Both together.
    pub(super) fn and(mut self, other: &Self) -> Self {
        self.words.extend(other.words.iter().cloned());
        self.denies |= other.denies;
        self.denies_softly |= other.denies_softly;
        self.denied.extend(other.denied.iter().cloned());
        self
    }

    fn holds(&self, stem: &str) -> bool {
        self.words.iter().any(|word| is_form(word, stem))
    }

    /// Names the opposite of a word of `source`, which does not use the word itself.
    pub(super) fn names_the_opposite_of(&self, source: &Self) -> bool {
        let pairs = OPPOSITES.iter().chain(MORE_OPPOSITES);
        pairs.flat_map(|(one, other)| [(one, other), (other, one)]).any(|(one, other)| {
            self.holds(one) && !self.holds(other) && source.holds(other) && !source.holds(one)
        })
    }
}

/// Opposites that questions are not held against: in them, such words often only ask.
const MORE_OPPOSITES: &[(&str, &str)] = &[
    ("first", "last"),
    ("before", "after"),
    ("more", "less"),
    ("more", "fewer"),
    ("most", "fewest"),
    ("many", "few"),
    ("early", "late"),
    ("earlier", "later"),
    ("new", "old"),
    ("same", "different"),
    ("with", "without"),
    ("true", "false"),
    ("good", "bad"),
    ("east", "west"),
    ("smaller", "larger"),
    ("longer", "shorter"),
    ("local", "remote"),
    ("support", "reject"),
    ("allow", "refuse"),
    ("beginning", "end"),
    ("enabled", "disabled"),
    ("minimum", "maximum"),
];
