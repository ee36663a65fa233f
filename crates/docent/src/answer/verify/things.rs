//! Names and numbers of a text, in the form in which two texts can be compared.

use std::collections::{BTreeSet, HashSet};

use search::{Analyzer, Term};

/// A number as an answer and a page may write it: `1,250`, `1250`, `two`, `19th`, `1960s`, `60m`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Number(u64);

/// Numbers are kept in ten-thousandths, so that `3.5` is one as well.
const SCALE: u64 = 10_000;

/// Words of a text with what stands right before them; points and apostrophes inside belong to a word. Scripts without
/// spaces have no words, but what stands between their characters may be one.
fn words(text: &str) -> impl Iterator<Item = (&str, &str)> {
    /// From here on: the scripts of China, Japan and Korea.
    const UNSPACED: char = '\u{2e80}';
    let is_letter = |c: char| c.is_alphanumeric() && c < UNSPACED;
    let is_part = move |c: char| is_letter(c) || "_.,'’".contains(c);
    let mut rest = text;
    std::iter::from_fn(move || {
        let start = rest.find(is_letter)?;
        let (before, behind) = rest.split_at(start);
        let end = behind.find(|c| !is_part(c)).unwrap_or(behind.len());
        let word = behind[..end].trim_end_matches(|c: char| !c.is_alphanumeric());
        rest = &behind[word.len()..];
        Some((before, word))
    })
}

/// All numbers of a text. `4 million` is 4 and 4,000,000; of English words, those from two to a million count.
pub(super) fn numbers(text: &str) -> BTreeSet<Number> {
    let mut found = BTreeSet::new();
    let mut last: Option<u64> = None;
    for (_, word) in words(text) {
        let lower = word.to_lowercase();
        if let (Some(number), Some((_, times))) = (last, TIMES.iter().find(|(name, _)| lower == *name)) {
            found.insert(Number(number.saturating_mul(*times)));
            continue;
        }
        last = digits(&lower).or_else(|| spelled(&lower));
        found.extend(last.map(Number));
    }
    found
}

/// Numbers of a statement: each as the ways in which a source may write it. Words such as `second` are no numbers here.
pub(super) fn stated_numbers(text: &str) -> Vec<Vec<Number>> {
    let mut stated: Vec<Vec<Number>> = Vec::new();
    let mut last: Option<u64> = None;
    let all: Vec<&str> = words(text).map(|(_, word)| word).collect();
    for (place, word) in all.iter().enumerate() {
        let lower = word.to_lowercase();
        if let (Some(number), Some((_, times))) = (last, TIMES.iter().find(|(name, _)| lower == *name)) {
            stated.last_mut().into_iter().for_each(|ways| ways.push(Number(number.saturating_mul(*times))));
            continue;
        }
        // "There are three ways" counts what the answer itself lists.
        let counts_itself =
            all.get(place + 1).is_some_and(|next| COUNTED.contains(&next.to_lowercase().as_str()));
        let cardinal = CARDINALS.iter().find(|(name, _)| *name == lower && !counts_itself);
        let cardinal = cardinal.map(|(_, value)| value * SCALE);
        last = digits(&lower).or(cardinal);
        stated.extend(last.map(|number| vec![Number(number)]));
    }
    stated
}

/// The number that a word begins with; letters behind it are a unit or an ending.
fn digits(word: &str) -> Option<u64> {
    if !word.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let end = word.find(|c: char| !(c.is_ascii_digit() || c == '.' || c == ',')).unwrap_or(word.len());
    let (number, unit) = word.split_at(end);
    if unit.chars().count() > 3 {
        return None;
    }
    // A comma or a point before three digits groups them; versions have several points.
    let parts: Vec<&str> = number.trim_matches([',', '.']).split([',', '.']).collect();
    let groups = parts[1..].iter().all(|part| part.len() == 3) && parts[0].len() <= 3 && parts.len() > 1;
    let (whole, part) = match &parts[..] {
        [whole] => ((*whole).to_owned(), ""),
        _ if groups => (parts.concat(), ""),
        [whole, part] => ((*whole).to_owned(), *part),
        _ => return None,
    };
    let mut fraction = 0;
    for (place, digit) in part.bytes().take(4).enumerate() {
        fraction += u64::from(digit - b'0') * 10_u64.pow(3 - place as u32);
    }
    whole.parse::<u64>().ok()?.checked_mul(SCALE)?.checked_add(fraction)
}

fn spelled(word: &str) -> Option<u64> {
    let known = CARDINALS.iter().chain(ORDINALS).find(|(name, _)| *name == word);
    known.map(|(_, value)| value * SCALE)
}

const CARDINALS: &[(&str, u64)] = &[
    ("two", 2),
    ("three", 3),
    ("four", 4),
    ("five", 5),
    ("six", 6),
    ("seven", 7),
    ("eight", 8),
    ("nine", 9),
    ("ten", 10),
    ("eleven", 11),
    ("twelve", 12),
    ("fifteen", 15),
    ("twenty", 20),
    ("thirty", 30),
    ("forty", 40),
    ("fifty", 50),
    ("sixty", 60),
    ("seventy", 70),
    ("eighty", 80),
    ("ninety", 90),
    ("hundred", 100),
    ("thousand", 1000),
];

/// What answers count that list it.
const COUNTED: &[&str] = &[
    "ways",
    "steps",
    "things",
    "kinds",
    "types",
    "options",
    "reasons",
    "examples",
    "cases",
    "main",
    "key",
    "different",
    "possible",
    "required",
    "important",
    "common",
    "methods",
    "approaches",
    "points",
    "places",
];

const ORDINALS: &[(&str, u64)] = &[
    ("one", 1),
    ("first", 1),
    ("second", 2),
    ("twice", 2),
    ("both", 2),
    ("pair", 2),
    ("third", 3),
    ("fourth", 4),
    ("fifth", 5),
    ("sixth", 6),
    ("seventh", 7),
    ("eighth", 8),
    ("ninth", 9),
    ("tenth", 10),
    ("twelfth", 12),
    ("nineteenth", 19),
    ("twentieth", 20),
    ("dozen", 12),
];

const TIMES: &[(&str, u64)] =
    &[("hundred", 100), ("thousand", 1000), ("million", 1_000_000), ("billion", 1_000_000_000)];

/// A word that names somebody or something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Name {
    /// As written.
    pub(super) text: String,
    /// Its terms: one, or those of the pieces of an identifier.
    pub(super) terms: Vec<Term>,
    /// It opens the sentence, so that its capital says nothing.
    pub(super) opens: bool,
}

/// The names of a statement: words with a capital, where capitals mark names, and identifiers.
pub(super) fn names(text: &str, analyzer: &Analyzer, capitals_name: bool) -> Vec<Name> {
    let mut names = Vec::new();
    let is_capital =
        |word: &str| word.chars().next().is_some_and(char::is_uppercase) && word.chars().count() > 1;
    let all: Vec<(&str, &str)> = words(text).collect();
    for (place, (before, word)) in all.iter().enumerate() {
        let before = before.trim_end();
        let followed = all.get(place + 1).is_some_and(|(between, next)| *between == " " && is_capital(next));
        let opens = place == 0 || before.ends_with([':', '"', '“', '.', '!', '?']);
        let is_capital = is_capital(word);
        if !(is_identifier(word) || (capitals_name && is_capital)) {
            continue;
        }
        let terms = analyzer.analyze(word);
        if !terms.is_empty() {
            let opens = opens && !followed && !is_identifier(word);
            names.push(Name { text: (*word).to_owned(), terms, opens });
        }
    }
    names
}

fn is_identifier(word: &str) -> bool {
    let has_digit = word.chars().any(|c| c.is_ascii_digit()) && word.starts_with(char::is_alphabetic);
    let inner = || word.chars().skip(1);
    let has_capital = inner().any(char::is_uppercase) && word.chars().any(char::is_alphabetic);
    word.contains('_') || has_digit || has_capital
}

/// Short forms that a text explains by its words: `EU` where it says European Union.
pub(super) fn initials(text: &str) -> HashSet<String> {
    let mut found = HashSet::new();
    let mut run = String::new();
    for (before, word) in words(text) {
        let broken = before.contains(['.', ',', ';', ':', '(', ')']);
        match word.chars().next().filter(|first| first.is_uppercase()) {
            Some(first) => {
                if broken {
                    run.clear();
                }
                run.push(first);
                // Every end of the run: the words before may be another name.
                let letters: Vec<char> = run.chars().collect();
                for start in 0..letters.len().saturating_sub(1) {
                    found.insert(letters[start..].iter().collect());
                }
            }
            None if matches!(word, "of" | "the" | "and" | "for" | "in") => {}
            None => run.clear(),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_meet_however_they_are_written() {
        for (said, written) in [
            ("1250 days", "1,250 days"),
            ("two parts", "in 2 parts"),
            ("19 of them", "the 19th century"),
            ("in 1960", "during the 1960s"),
            ("60 million", "a bribe of 60m, or 60,000,000"),
            ("4,000,000 people", "some 4 million people"),
            ("3.5 litres", "3.50 litres"),
            ("twelve months", "twelve months"),
            ("每500小时", "齿轮箱每500小时"),
        ] {
            let written = numbers(written);
            let is_said = |ways: &Vec<Number>| ways.iter().any(|way| written.contains(way));
            assert!(stated_numbers(said).iter().all(is_said), "{said}: {written:?}");
        }
        assert!(!numbers("1,251").contains(&stated_numbers("1250")[0][0]));
        assert!(stated_numbers("see section x86 of 1.2.3").is_empty(), "no numbers");
        assert!(stated_numbers("There are three ways to do it").is_empty(), "counted by the answer itself");
    }

    #[test]
    fn names_are_capitalised_or_identifiers() {
        let said = |text: &str, capitals| -> Vec<String> {
            names(text, &Analyzer::default(), capitals).into_iter().map(|name| name.text).collect()
        };
        assert_eq!(
            said("Here William met Anna and set maxTokens", true),
            ["Here", "William", "Anna", "maxTokens"]
        );
        assert_eq!(said("Der Motor hat max_tokens", false), ["max_tokens"]);
        assert!(initials("the Scottish National Party ran").contains("SNP"));
        assert!(initials("of the Court of Justice").contains("CJ"));
    }
}
