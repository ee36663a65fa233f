//! Small changes that turn what a sentence says around: another digit, a denial, an opposite. The words are of English; a
//! sentence of another language stays as it is.

use super::chance::Chance;
use super::things::{numbers, words};

/// The sentence with one number changed into one that `around` does not hold.
pub(super) fn altered(sentence: &str, around: &str, chance: &mut Chance) -> Option<String> {
    let own = numbers(sentence);
    let range = chance.pick(&own, |_| true)?.clone();
    let number = &sentence[range.clone()];
    let places: Vec<usize> =
        number.char_indices().filter(|(_, c)| c.is_ascii_digit()).map(|(place, _)| place).collect();
    let changed = |chance: &mut Chance| {
        let place = places[chance.below(places.len())];
        let digit = number.as_bytes()[place] - b'0';
        // From 1 to 9 and never the same: a leading zero would not be a number that anybody writes.
        let other = (digit + chance.below(8) as u8) % 9 + 1;
        let mut text = number.to_owned();
        text.replace_range(place..=place, &other.to_string());
        text
    };
    let other =
        (0..12).map(|_| changed(chance)).find(|other| other != number && !around.contains(other.as_str()))?;
    Some(format!("{}{other}{}", &sentence[..range.start], &sentence[range.end..]))
}

/// The sentence with a denial taken out, else put in behind its first auxiliary verb.
pub(super) fn denied(sentence: &str) -> Option<String> {
    for denial in [" not ", " never ", " cannot "] {
        if sentence.contains(denial) {
            let instead = if denial == " cannot " { " can " } else { " " };
            return Some(sentence.replacen(denial, instead, 1));
        }
    }
    let (place, word) = words(sentence).find(|(_, word)| AUXILIARIES.contains(word))?;
    let (before, behind) = sentence.split_at(place + word.len());
    Some(format!("{before} not{behind}"))
}

/// The sentence with a word turned into its opposite.
pub(super) fn opposite(sentence: &str) -> Option<String> {
    let pairs = || OPPOSITES.iter().flat_map(|(one, other)| [(one, other), (other, one)]);
    words(sentence).find_map(|(place, word)| {
        let (_, other) = pairs().find(|(one, _)| **one == word)?;
        Some(format!("{}{other}{}", &sentence[..place], &sentence[place + word.len()..]))
    })
}

const AUXILIARIES: &[&str] = &[
    "is", "are", "was", "were", "has", "had", "can", "could", "will", "would", "may", "might", "should",
    "must", "did", "does", "do",
];

/// A list of its own, not that of the check: about half of these pairs stand in both.
const OPPOSITES: &[(&str, &str)] = &[
    ("first", "last"),
    ("largest", "smallest"),
    ("larger", "smaller"),
    ("large", "small"),
    ("more", "fewer"),
    ("most", "least"),
    ("before", "after"),
    ("increased", "decreased"),
    ("increase", "decrease"),
    ("northern", "southern"),
    ("north", "south"),
    ("east", "west"),
    ("always", "never"),
    ("early", "late"),
    ("earliest", "latest"),
    ("higher", "lower"),
    ("high", "low"),
    ("allowed", "forbidden"),
    ("allows", "forbids"),
    ("possible", "impossible"),
    ("required", "optional"),
    ("enabled", "disabled"),
    ("above", "below"),
    ("inside", "outside"),
    ("with", "without"),
    ("new", "old"),
    ("longer", "shorter"),
    ("long", "short"),
    ("won", "lost"),
    ("beginning", "end"),
    ("begins", "ends"),
    ("success", "failure"),
    ("strong", "weak"),
    ("same", "different"),
    ("good", "bad"),
    ("true", "false"),
    ("fast", "slow"),
    ("local", "remote"),
    ("public", "private"),
    ("rich", "poor"),
    ("few", "many"),
    ("often", "rarely"),
    ("positive", "negative"),
    ("accepted", "rejected"),
    ("supported", "opposed"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_are_turned_around() {
        assert_eq!(denied("It is not open.").as_deref(), Some("It is open."));
        assert_eq!(denied("The port was opened.").as_deref(), Some("The port was not opened."));
        assert_eq!(denied("Rain fell."), None);
        assert_eq!(opposite("The first port opens.").as_deref(), Some("The last port opens."));
        assert_eq!(opposite("Rain fell."), None);
        let other =
            altered("It took 1,250 days.", "It took 1,250 days.", &mut Chance::of("x")).expect("a number");
        assert_ne!(other, "It took 1,250 days.");
        assert_eq!(other.len(), "It took 1,250 days.".len());
        assert_eq!(altered("No number.", "", &mut Chance::of("x")), None);
    }
}
