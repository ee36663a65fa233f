//! Names, numbers and dates in a sentence: what an invention puts in the place of another. The check of answers has eyes
//! of its own; sharing them would hide what both overlook.

use std::ops::Range;

/// What a text names, so that another of the same sort can stand in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Sort {
    Name,
    Number,
    Date,
    Phrase,
}

/// The sort of a short text, such as a known answer.
pub(super) fn sort_of(text: &str) -> Sort {
    let words: Vec<&str> = words(text).map(|(_, word)| word).collect();
    let is_year = |word: &&str| word.len() == 4 && word.bytes().all(|byte| byte.is_ascii_digit());
    if words.iter().any(|word| MONTHS.contains(&word.to_lowercase().as_str())) || words.iter().any(is_year) {
        Sort::Date
    } else if words.iter().any(|word| word.starts_with(|first: char| first.is_ascii_digit()))
        || words.iter().any(|word| NUMBER_WORDS.contains(&word.to_lowercase().as_str()))
    {
        Sort::Number
    } else if words.iter().any(|word| is_name(word)) {
        Sort::Name
    } else {
        Sort::Phrase
    }
}

/// Byte ranges of the names: runs of capitalised words behind the first word, and identifiers.
pub(super) fn names(sentence: &str) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    let all: Vec<(usize, &str)> = words(sentence).collect();
    for (place, (start, word)) in all.iter().enumerate() {
        let end = start + word.len();
        // The first word is capitalised whatever it is, unless another name follows it.
        let opens =
            place == 0 || sentence[..*start].trim_end().ends_with(['.', ':', '!', '?', '"', '“', '(']);
        let followed = all.get(place + 1).is_some_and(|(next, word)| {
            is_name(word) && sentence[end..*next].chars().all(|between| between == ' ')
        });
        let counts =
            is_name(word) && (!opens || is_identifier(word) || (followed && !OPENERS.contains(word)));
        if !counts || MONTHS.contains(&word.to_lowercase().as_str()) {
            continue;
        }
        match found.last_mut() {
            Some(last) if &sentence[last.end..*start] == " " => last.end = end,
            _ => found.push(*start..end),
        }
    }
    found
}

/// Byte ranges of the numbers in digits.
pub(super) fn numbers(sentence: &str) -> Vec<Range<usize>> {
    words(sentence)
        .filter(|(_, word)| word.bytes().all(|byte| byte.is_ascii_digit() || b".,".contains(&byte)))
        .map(|(start, word)| start..start + word.len())
        .collect()
}

/// Words with their places; a hyphen, an underscore or a point inside belongs to the word.
pub(super) fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let is_part = |c: char| c.is_alphanumeric() || "-_.,'’".contains(c);
    let mut rest = 0;
    std::iter::from_fn(move || {
        let start = rest + text[rest..].find(char::is_alphanumeric)?;
        let end = text[start..].find(|c| !is_part(c)).map_or(text.len(), |end| start + end);
        rest = end;
        let word = text[start..end].trim_end_matches(|c: char| !c.is_alphanumeric());
        Some((start, word.strip_suffix("'s").or_else(|| word.strip_suffix("’s")).unwrap_or(word)))
    })
}

fn is_name(word: &str) -> bool {
    let mut letters = word.chars();
    is_identifier(word) || (letters.next().is_some_and(char::is_uppercase) && word.chars().count() > 1)
}

/// `useEffect`, `MAX_TOKENS`, `content_block`: a name wherever it stands.
fn is_identifier(word: &str) -> bool {
    let inner = word.chars().skip(1);
    word.contains('_') || (inner.clone().any(char::is_uppercase) && word.chars().any(char::is_alphabetic))
}

/// Words that open a sentence in front of a name without belonging to it.
const OPENERS: &[&str] = &[
    "The", "A", "An", "In", "On", "At", "By", "For", "From", "To", "With", "When", "While", "After",
    "Before", "During", "Since", "Until", "If", "As", "Although", "Though", "However", "Both", "Some",
    "Most", "Many", "All", "This", "That", "These", "Those", "Under", "Like", "Unlike", "Between", "Among",
    "Of", "But", "And", "Use", "See",
];

pub(super) const MONTHS: &[&str] = &[
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
];

pub(super) const NUMBER_WORDS: &[&str] = &[
    "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "hundred", "thousand", "million", "billion", "half", "twice",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_are_found() {
        let sentence =
            "In 1066 William of Normandy took London with 7,000 men; useEffect and MAX_TOKENS are set.";
        let said =
            |ranges: Vec<Range<usize>>| ranges.into_iter().map(|range| &sentence[range]).collect::<Vec<_>>();
        assert_eq!(said(names(sentence)), ["William", "Normandy", "London", "useEffect", "MAX_TOKENS"]);
        assert_eq!(said(numbers(sentence)), ["1066", "7,000"]);
    }

    #[test]
    fn a_short_text_has_a_sort() {
        for (text, sort) in [
            ("10 October 1973", Sort::Date),
            ("$12", Sort::Number),
            ("three", Sort::Number),
            ("Maria Skłodowska-Curie", Sort::Name),
            ("logistical difficulties", Sort::Phrase),
        ] {
            assert_eq!(sort_of(text), sort, "{text}");
        }
    }
}
