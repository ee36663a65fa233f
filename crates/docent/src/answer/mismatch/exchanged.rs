//! Whether a question puts another name, rank or month into a place of the sentences: "the second item of business" where
//! they say "the first item of business".

use search::Index;

use super::words::{Word, is_season, kind, read};
use super::{Around, Asked};
use crate::retrieve::Passage;

/// Names that begin with the same letters belong together: Scotland, Scottish; Sept, September.
const SAME_LETTERS: usize = 4;

/// Whether the best sentences have another word of the same kind where the question has one that they do not hold: both
/// neighbours are the same, or the telling word behind it, or the two words before a name, or the one before a month.
pub(super) fn is_exchanged(asked: &Asked, around: &Around<'_>, index: &Index) -> bool {
    let others: Vec<usize> =
        (0..around.said.len()).filter(|place| !asked.holds(&around.said[*place].stem)).collect();
    let is_taken = |place: usize| {
        others.iter().any(|other| {
            is_of_one_kind(&asked.words[place], &around.said[*other], index)
                && is_same_place(asked, place, around.said, *other)
        })
    };
    asked.words.iter().enumerate().any(|(place, word)| {
        let stands_for_one = kind(&word.lower).is_some() || word.capital && !word.begins;
        stands_for_one
            && !around.holds(&word.stem)
            && is_taken(place)
            && !is_said_elsewhere(asked, place, around.passages)
    })
}

fn is_of_one_kind(asked: &Word, said: &Word, index: &Index) -> bool {
    match (kind(&asked.lower), kind(&said.lower)) {
        (Some(one), Some(other)) => one == other,
        (None, None) => asked.capital && said.capital && !is_akin(asked, said) && !is_filler(said, index),
        _ => false,
    }
}

/// "The" at the start of a sentence is no name.
fn is_filler(word: &Word, index: &Index) -> bool {
    word.begins && index.query_terms(&word.lower).iter().all(|term| term.stop_word)
}

fn is_akin(one: &Word, other: &Word) -> bool {
    let (one, other) = (&one.lower, &other.lower);
    let alike = one.chars().zip(other.chars()).take_while(|(one, other)| one == other).count();
    alike >= SAME_LETTERS.min(one.chars().count()).min(other.chars().count())
}

/// Whether a word of the question and one of the sentences have the same neighbours.
fn is_same_place(asked: &Asked, place: usize, said: &[Word], other: usize) -> bool {
    let word = asked.words[place].lower.as_str();
    let same = |by: isize| {
        let neighbour = stem(&asked.words, place, by);
        neighbour.is_some() && neighbour == stem(said, other, by)
    };
    let next_tells = || stem(&asked.words, place, 1).is_some_and(|stem| asked.telling.contains(stem));
    same(1) && (same(-1) || next_tells()) || same(-1) && (is_season(word) || kind(word).is_none() && same(-2))
}

fn stem(words: &[Word], place: usize, by: isize) -> Option<&str> {
    words.get(place.checked_add_signed(by)?).map(|word| word.stem.as_str())
}

/// Whether a passage has the word of the question beside a telling neighbour, or uses a name of the same family.
fn is_said_elsewhere(asked: &Asked, place: usize, passages: &[Passage]) -> bool {
    let word = &asked.words[place];
    let neighbour = |by: isize| stem(&asked.words, place, by).filter(|stem| asked.telling.contains(*stem));
    let is_name = kind(&word.lower).is_none();
    passages.iter().any(|passage| {
        let words = read(&format!("{} {}", passage.title, passage.content));
        words.iter().enumerate().any(|(other, said)| {
            let beside = |by: isize| neighbour(by).is_some() && neighbour(by) == stem(&words, other, by);
            if said.stem == word.stem {
                beside(1) || beside(-1)
            } else {
                is_name && said.capital && is_akin(word, said)
            }
        })
    })
}
