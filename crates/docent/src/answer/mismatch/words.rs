//! Words as they are held against each other, and the lists that say what a word is.

use std::sync::LazyLock;

use search::analyze;

/// A word where it stands in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word {
    /// In lower case.
    pub(super) lower: String,
    /// As the index knows it.
    pub(super) stem: String,
    /// Written like a name: a capital at its start and nowhere else. Acronyms are left out, because a text may spell
    /// them out.
    pub(super) capital: bool,
    /// It begins a sentence, where every word has a capital.
    pub(super) begins: bool,
}

/// The words of a text; an apostrophe is part of a word, a hyphen ends one.
pub(super) fn read(text: &str) -> Vec<Word> {
    let mut found = Vec::new();
    let mut begins = true;
    let is_inside = |character: char| character.is_alphanumeric() || "'’".contains(character);
    let mut rest = text;
    while let Some(start) = rest.find(is_inside) {
        begins |= rest[..start].contains(['.', '?', '!', ':', '"', '“', '\n']);
        let end = rest[start..].find(|character| !is_inside(character)).map_or(rest.len(), |end| start + end);
        let written = rest[start..end].trim_matches(['\'', '’']).replace('’', "'");
        rest = &rest[end..];
        if written.is_empty() {
            continue;
        }
        let lower = written.to_lowercase();
        let stem = analyze(&lower).into_iter().next().map_or_else(|| lower.clone(), |term| term.0);
        let first = written.starts_with(char::is_uppercase);
        let capital = first
            && written.chars().filter(|character| character.is_uppercase()).count() == 1
            && written.chars().count() >= SHORTEST_NAME;
        found.push(Word { lower, stem, capital, begins });
        begins = false;
    }
    found
}

/// Shorter words with a capital are abbreviations.
const SHORTEST_NAME: usize = 3;

/// Whether a word denies by itself.
pub(in crate::answer) fn is_denial(word: &str) -> bool {
    word.ends_with("n't") || ["not", "never", "cannot", "non", "unable"].contains(&word)
}

/// Whether a word of a question denies: also what says that there is none.
pub(super) fn asks_for_none(word: &str) -> bool {
    is_denial(word) || ["no", "none", "nobody", "nothing", "neither", "nor"].contains(&word)
}

/// Whether a sentence with this word may be meant by a question that denies.
pub(super) fn may_deny(word: &str) -> bool {
    let un = word.strip_prefix("un").is_some_and(|base| base.len() > 3 && encoder::is_word(base));
    is_denial(word) || un && word != "unless" || DENIALS.contains(&word)
}

pub(super) fn is_number(word: &str) -> bool {
    word.bytes().any(|byte| byte.is_ascii_digit()) || NUMBERS.contains(&word)
}

pub(super) fn is_date(word: &str) -> bool {
    word.bytes().any(|byte| byte.is_ascii_digit()) || DATES.contains(&word)
}

/// A year or a decade of three or four digits.
pub(super) fn is_year(word: &str) -> bool {
    let digits = word.bytes().take_while(u8::is_ascii_digit).count();
    (digits == 3 || digits == 4) && matches!(&word[digits..], "" | "s")
}

/// What a century can be told from.
pub(super) fn is_century(word: &str) -> bool {
    is_year(word) || word.starts_with("centur") || is_ordinal(word)
}

fn is_ordinal(word: &str) -> bool {
    let digits = word.bytes().take_while(u8::is_ascii_digit).count();
    digits > 0 && ["st", "nd", "rd", "th"].contains(&&word[digits..])
}

/// The kind of a word of which something has only one: `19th` and `third` are of one kind, `June` of another. `None` for
/// all other words.
pub(super) fn kind(word: &str) -> Option<usize> {
    if is_ordinal(word) {
        return Some(ORDINALS);
    }
    if !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(CARDINALS);
    }
    KINDS.iter().position(|kind| kind.contains(&word))
}

/// Whether a word names a time of the year or the week, which a preposition alone puts into its place.
pub(super) fn is_season(word: &str) -> bool {
    kind(word).is_some_and(|kind| SEASONS.contains(&kind))
}

/// Whether `word` has the opposite meaning of a word in `said`; neither has to stand in its plain form.
pub(super) fn has_opposite(word: &str, said: &[Word]) -> bool {
    OPPOSITES
        .iter()
        .flat_map(|&(one, other)| [(one, other), (other, one)])
        .any(|(one, other)| is_form(word, one) && said.iter().any(|said| is_form(&said.lower, other)))
}

/// The word without what makes it its own opposite: `non-slave`, `unestablished`.
pub(super) fn without_denial(word: &str) -> Option<&str> {
    let base = DENYING.iter().find_map(|denying| word.strip_prefix(denying))?;
    (base.len() > 3 && encoder::is_word(base)).then_some(base)
}

/// Whether a word is a form of another one.
pub(in crate::answer) fn is_form(word: &str, plain: &str) -> bool {
    if IRREGULAR.iter().any(|(form, of)| *form == word && *of == plain) {
        return true;
    }
    let has = |stem: &str, endings: &[&str]| {
        word.strip_prefix(stem).is_some_and(|ending| endings.contains(&ending))
    };
    has(plain, ENDINGS)
        || plain.strip_suffix('e').is_some_and(|stem| has(stem, &["ing"]))
        || plain.strip_suffix('y').is_some_and(|stem| has(stem, &["ies", "ied", "ily"]))
}

/// Pairs of [`OPPOSITES_FILE`].
pub(in crate::answer) static OPPOSITES: LazyLock<Vec<(&str, &str)>> = LazyLock::new(|| {
    let lines = OPPOSITES_FILE.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| line.split_once(' ')).collect()
});

const OPPOSITES_FILE: &str = include_str!("opposites.txt");

const ENDINGS: &[&str] = &["", "s", "es", "d", "ed", "ing", "ly", "n", "r", "er", "st", "est"];

const DENYING: &[&str] = &["non", "anti", "un", "dis", "in", "im", "ir", "il"];

const IRREGULAR: &[(&str, &str)] = &[
    ("began", "begin"),
    ("begun", "begin"),
    ("built", "build"),
    ("fell", "fall"),
    ("fallen", "fall"),
    ("forbade", "forbid"),
    ("forbidden", "forbid"),
    ("forgot", "forget"),
    ("forgotten", "forget"),
    ("froze", "freeze"),
    ("frozen", "freeze"),
    ("grew", "grow"),
    ("grown", "grow"),
    ("hid", "hide"),
    ("hidden", "hide"),
    ("lost", "lose"),
    ("losing", "lose"),
    ("rose", "rise"),
    ("risen", "rise"),
    ("shrank", "shrink"),
    ("withdrew", "withdraw"),
    ("won", "win"),
    ("winning", "win"),
];

/// Words that may stand for a denial in a sentence.
const DENIALS: &[&str] = &[
    "no", "none", "nor", "neither", "nobody", "nothing", "without", "except", "lack", "lacks", "lacked",
    "hardly", "instead", "fail", "fails", "failed", "refuse", "refused", "refuses", "unlike",
];

const ORDINALS: usize = 0;
const CARDINALS: usize = 1;
/// Months, days of the week, seasons.
const SEASONS: std::ops::RangeInclusive<usize> = 2..=4;

const KINDS: &[&[&str]] = &[
    &["first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth", "last"],
    &[
        "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
        "twenty", "thirty", "forty", "fifty", "hundred", "thousand", "million", "billion", "half", "quarter",
    ],
    &[
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
    ],
    &["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"],
    &["spring", "summer", "autumn", "winter"],
    &["hourly", "daily", "weekly", "monthly", "quarterly", "yearly", "annual"],
    &["north", "south", "east", "west"],
    &["northern", "southern", "eastern", "western"],
    &["red", "green", "blue", "yellow", "white", "black", "brown", "orange", "purple", "grey", "gray"],
    &["ii", "iii", "iv", "v", "vi", "vii", "viii", "ix", "x", "xi", "xii", "xiii", "xiv", "xv", "xvi"],
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_a_name_when_it_alone_has_a_capital() {
        let names: Vec<String> = read("Who led the NATO troops of Count Lorenz’s in Oz? Ida did.")
            .into_iter()
            .filter(|word| word.capital && !word.begins)
            .map(|word| word.lower)
            .collect();
        assert_eq!(names, ["count", "lorenz's"]);
    }

    #[test]
    fn forms_meet_their_plain_word() {
        for (word, plain) in [
            ("increased", "increase"),
            ("increasing", "increase"),
            ("denies", "deny"),
            ("grew", "grow"),
            ("won", "win"),
        ] {
            assert!(is_form(word, plain), "{word}");
        }
        for (word, plain) in [("window", "win"), ("grow", "grew"), ("raids", "ray"), ("shortage", "short")] {
            assert!(!is_form(word, plain), "{word}");
        }
    }

    #[test]
    fn opposites_work_both_ways_and_hold_no_word_against_itself() {
        assert!(has_opposite("declined", &read("Demand grew.")));
        assert!(has_opposite("growing", &read("It declines.")));
        assert!(!has_opposite("demand", &read("Demand grew.")));
        for (one, other) in OPPOSITES.iter() {
            assert!(one < other, "{one} {other}: in the order of the alphabet");
            assert!(!is_form(one, other) && !is_form(other, one), "{one} {other}");
        }
        assert!(OPPOSITES.is_sorted(), "a pair stands once");
    }

    #[test]
    fn years_centuries_and_kinds_are_told() {
        assert!(["1912", "1990s", "880"].iter().all(|word| is_year(word)));
        assert!(["12", "19th", "12345", "1912th", "year", ""].iter().all(|word| !is_year(word)));
        assert!(["19th", "1850", "century"].iter().all(|word| is_century(word)));
        assert_eq!(kind("19th"), kind("second"));
        assert_eq!(kind("2"), kind("three"));
        assert_ne!(kind("june"), kind("monday"));
        assert_eq!(kind("mill"), None);
        assert_eq!(without_denial("unestablished"), Some("established"));
        assert_eq!(without_denial("under"), None);
    }
}
