//! Slips of the finger and misplaced spaces: a word of a question that the book never uses, read as one that it uses.
//!
//! For English, whose common words are known ([`Index::as_meant`] asks), the question itself is mended, so that both
//! legs, the evidence and the answer see what was meant. A word is tried with each of its letters changed, left out,
//! doubled by another or exchanged with its neighbour: looking for stems near its stem would miss `configuraiton`,
//! because a stemmer knows no misspelt endings.

use std::ops::Range;

use crate::analyzer::Role;
use crate::{Index, Step};

/// Shorter words are too near to each other.
const LEAST_LETTERS: usize = 4;
/// Names are near to each other sooner, and a name that the book does not know says that it is about something else.
const LEAST_LETTERS_OF_A_NAME: usize = 6;
/// Longer ones are data.
const MOST_LETTERS: usize = 32;
/// Words of one question that are mended, which bounds its cost: some 0.3 ms each.
const MOST_MENDED: usize = 8;

/// Shorter pieces of a word that was written as two, or of two that were written as one, are found everywhere.
const LEAST_LETTERS_OF_A_PIECE: usize = 3;

/// How often each kind of slip happens: a letter too many, two that changed places, one missing, another one.
///
/// # Source
/// Pollock, Zamora: "Automatic spelling correction in scientific and scholarly text", CACM 27 (4), 1984: of the slips
/// 34 % are omissions, 27 % insertions, 19 % substitutions, 13 % transpositions. The first two are shared by all letters
/// that might be meant.
const INSERTED: f32 = 0.27;
const EXCHANGED: f32 = 0.13;
const OMITTED: f32 = 0.34 / 26.0;
const REPLACED: f32 = 0.19 / 25.0;

impl Index {
    /// The question with its slips of the finger and misplaced spaces mended; `None` when there is none, or the book is not in English.
    ///
    /// A word of four letters or more, a name of six, that the book never uses and that is no word of the language
    /// (`is_word`, in lower case) is read as the likeliest word that the book uses, begins with the same letter and is
    /// one slip away, or else as two words that it uses, run together. Real words are left alone: readers have their
    /// own words for what the book calls otherwise. Two words are read as one when the book uses that one more than the
    /// rarer of the two, or when only that one is a word at all.
    pub fn as_meant(&self, question: &str, is_word: impl Fn(&str) -> bool) -> Option<String> {
        if !self.steps().has(Step::Spelling) || !self.analyzer().is_english() {
            return None;
        }
        let joined = self.joined(question, &is_word);
        let mended = self.without_slips(&joined, is_word);
        (mended != question).then_some(mended)
    }

    /// The question with each two words that are meant to be one written as one: `screen shot`, `con figuration`.
    fn joined(&self, question: &str, is_word: impl Fn(&str) -> bool) -> String {
        let mut words: Vec<(Range<usize>, u32)> = Vec::new();
        self.analyzer().for_each_token(question, |token| {
            if token.role == Role::Word && !token.is_stop_word {
                words.push((token.range, self.frequency(token.term)));
            }
        });
        let mut joined = question.to_owned();
        // From the end, so that the places before stay true.
        for ((first, first_count), (second, second_count)) in words.iter().zip(words.iter().skip(1)).rev() {
            let pieces = [&question[first.clone()], &question[second.clone()]].map(str::to_ascii_lowercase);
            if &question[first.end..second.start] != " " || !pieces.iter().all(|piece| is_plain(piece)) {
                continue;
            }
            let rarer = *first_count.min(second_count);
            let one = pieces.concat();
            let is_torn = || rarer == 0 && is_word(&one) && !pieces.iter().all(|piece| is_word(piece));
            if self.frequency_of(&one) > rarer || is_torn() {
                joined.remove(first.end);
            }
        }
        joined
    }

    /// The question with each word that is unknown read as what it was meant to be.
    fn without_slips(&self, question: &str, is_word: impl Fn(&str) -> bool) -> String {
        let mut unknown: Vec<(Range<usize>, Role)> = Vec::new();
        let mut whole_is_known = false;
        self.analyzer().for_each_token(question, |token| {
            let is_known = token.is_stop_word || self.frequency(token.term) > 0;
            match token.role {
                Role::Whole => whole_is_known = is_known,
                Role::Piece if whole_is_known => {}
                Role::Word | Role::Piece if !is_known => unknown.push((token.range, token.role)),
                Role::Word | Role::Piece | Role::Inner => {}
            }
        });
        let mut mended = question.to_owned();
        let meant = unknown.into_iter().filter_map(|(range, role)| {
            let letters = question[range.clone()].find(|c: char| !c.is_ascii_alphabetic());
            let range = range.start..letters.map_or(range.end, |at| range.start + at);
            let word = &question[range.clone()];
            let starts = question[..range.start].trim_end().is_empty();
            // A capital inside `useEffect` makes no name.
            let is_name = role == Role::Word && !starts && word.starts_with(|c: char| c.is_ascii_uppercase());
            let least = if is_name { LEAST_LETTERS_OF_A_NAME } else { LEAST_LETTERS };
            (word.len() >= least).then(|| Some((range, self.meant(word, is_name, &is_word)?))).flatten()
        });
        // From the end, so that the places before stay true.
        let meant: Vec<(Range<usize>, String)> = meant.take(MOST_MENDED).collect();
        for (range, word) in meant.iter().rev() {
            mended.replace_range(range.clone(), word);
        }
        mended
    }

    /// Number of chunks that hold a term, in the whole book.
    fn frequency(&self, term: &str) -> u32 {
        self.weighing().of(term, &self.postings().find(term)).0
    }

    /// Number of chunks that hold the term of a word.
    fn frequency_of(&self, word: &str) -> u32 {
        self.frequency(&self.analyzer().term_of(word).0)
    }

    /// What a word was meant to be, in its own case. A name is two words only when a chunk holds both: "Firebase" is
    /// "fire base" in a book about camps at most.
    fn meant(&self, word: &str, is_name: bool, is_word: impl Fn(&str) -> bool) -> Option<String> {
        let lower = word.to_ascii_lowercase();
        let capitals = word.bytes().filter(u8::is_ascii_uppercase).count();
        let is_capitalised = capitals == 1 && word.starts_with(|c: char| c.is_ascii_uppercase());
        let is_plain = capitals == 0 || is_capitalised || capitals == word.len();
        if word.len() > MOST_LETTERS || !is_plain || is_word(&lower) {
            return None;
        }
        let apart = || self.apart(&lower, is_name && is_capitalised, &is_word);
        let mut meant = self.without_slip(&lower, &is_word).or_else(apart)?;
        if is_capitalised {
            meant[..1].make_ascii_uppercase();
        } else if capitals > 0 {
            meant.make_ascii_uppercase();
        }
        Some(meant)
    }

    /// The likeliest word that the book uses, begins with the same letter and is one slip away.
    fn without_slip(&self, word: &str, is_word: impl Fn(&str) -> bool) -> Option<String> {
        let mut best: Option<((bool, f32), String)> = None;
        for_each_slip(word.as_bytes(), |likely, variant| {
            if variant.as_bytes()[0] != word.as_bytes()[0] {
                return;
            }
            let frequency = self.frequency_of(variant);
            if frequency == 0 {
                return;
            }
            // How often the book uses a word says less than how often readers do, which nobody knows.
            let rank = (is_word(variant), likely * (frequency as f32).sqrt());
            if best.as_ref().is_none_or(|(other, _)| rank > *other) {
                best = Some((rank, variant.to_owned()));
            }
        });
        best.map(|(_, word)| word)
    }

    /// Two words of the language that the book uses, run together into `word`; of several, those whose rarer one it
    /// uses most. `together`: in one chunk.
    fn apart(&self, word: &str, together: bool, is_word: impl Fn(&str) -> bool) -> Option<String> {
        let is_piece = |piece: &str| is_plain(piece) || (piece.len() > 1 && self.analyzer().term_of(piece).1);
        let pairs = (1..word.len()).map(|at| word.split_at(at));
        let words = pairs.filter(|(first, second)| {
            [first, second].iter().all(|it| is_piece(it) && is_word(it))
                && (!together || self.stand_together(first, second))
        });
        let used = words
            .map(|(first, second)| (self.frequency_of(first).min(self.frequency_of(second)), first, second));
        let most = used.filter(|(frequency, ..)| *frequency > 0).max_by_key(|(frequency, ..)| *frequency);
        most.map(|(_, first, second)| format!("{first} {second}"))
    }

    /// Whether a chunk holds both words; a stop word stands everywhere.
    fn stand_together(&self, first: &str, second: &str) -> bool {
        let [(first, first_stops), (second, second_stops)] =
            [first, second].map(|word| self.analyzer().term_of(word));
        let (first, second) = (self.postings().find(&first), self.postings().find(&second));
        first_stops || second_stops || first.iter().any(|(ordinal, _)| second.counts(ordinal).is_some())
    }
}

/// Whether it has letters enough and nothing else.
fn is_plain(piece: &str) -> bool {
    piece.len() >= LEAST_LETTERS_OF_A_PIECE && piece.bytes().all(|byte| byte.is_ascii_alphabetic())
}

/// Calls `found` with each word that one slip may have made into `word`, of lower-case ASCII letters, and with how
/// likely that kind of slip is.
fn for_each_slip(word: &[u8], mut found: impl FnMut(f32, &str)) {
    let mut variant: Vec<u8> = Vec::with_capacity(word.len() + 1);
    let mut tell = |likely: f32, variant: &[u8]| {
        if let Ok(variant) = std::str::from_utf8(variant) {
            found(likely, variant);
        }
    };
    for place in 0..word.len() {
        variant.clear();
        variant.extend_from_slice(word);
        if place + 1 < word.len() && word[place] != word[place + 1] {
            variant.swap(place, place + 1);
            tell(EXCHANGED, &variant);
            variant.swap(place, place + 1);
        }
        for letter in (b'a'..=b'z').filter(|letter| *letter != word[place]) {
            variant[place] = letter;
            tell(REPLACED, &variant);
        }
        variant.remove(place);
        tell(INSERTED, &variant);
    }
    for place in 0..=word.len() {
        variant.clear();
        variant.extend_from_slice(word);
        variant.insert(place, b' ');
        for letter in b'a'..=b'z' {
            variant[place] = letter;
            tell(OMITTED, &variant);
        }
    }
}

/// Whether one becomes the other by one letter more, less or other, or by two neighbours changing places. Letters are
/// compared as bytes, so that an accent counts as up to two; equal words are not one slip apart. O(length).
pub(crate) fn is_one_slip(one: &[u8], other: &[u8]) -> bool {
    let (short, long) = if one.len() <= other.len() { (one, other) } else { (other, one) };
    if long.len() - short.len() > 1 || short == long {
        return false;
    }
    let same = short.iter().zip(long).take_while(|(one, other)| one == other).count();
    let (short, long) = (&short[same..], &long[same..]);
    if short.len() < long.len() {
        return *short == long[1..];
    }
    short[1..] == long[1..]
        || (short.len() > 1 && short[0] == long[1] && short[1] == long[0] && short[2..] == long[2..])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{for_each_slip, is_one_slip};
    use crate::testing::{chunk, index_of};

    /// Everything that one slip makes of a word.
    fn slips(word: &[u8]) -> Vec<Vec<u8>> {
        let mut made = Vec::new();
        for place in 0..=word.len() {
            for letter in b'a'..=b'c' {
                let mut more = word.to_vec();
                more.insert(place, letter);
                made.push(more);
            }
            if place < word.len() {
                let mut less = word.to_vec();
                less.remove(place);
                made.push(less);
                for letter in b'a'..=b'c' {
                    let mut changed = word.to_vec();
                    changed[place] = letter;
                    made.push(changed);
                }
            }
            if place + 1 < word.len() {
                let mut swapped = word.to_vec();
                swapped.swap(place, place + 1);
                made.push(swapped);
            }
        }
        made.retain(|other| other != word);
        made
    }

    proptest! {
        #[test]
        fn slips_are_those_that_a_finger_makes(one in "[a-c]{0,5}", other in "[a-c]{0,5}") {
            let made = slips(one.as_bytes()).contains(&other.as_bytes().to_vec());
            prop_assert_eq!(is_one_slip(one.as_bytes(), other.as_bytes()), made);
        }

        #[test]
        fn each_word_that_is_tried_is_one_slip_away(word in "[a-z]{2,9}") {
            let mut tried = 0;
            for_each_slip(word.as_bytes(), |_, variant| {
                tried += 1;
                assert!(is_one_slip(word.as_bytes(), variant.as_bytes()), "{variant}");
            });
            let pairs = word.as_bytes().windows(2).filter(|pair| pair[0] != pair[1]).count();
            prop_assert_eq!(tried, pairs + 26 * word.len() + 26 * (word.len() + 1));
        }
    }

    #[test]
    fn a_question_is_read_as_it_was_meant() {
        let book = index_of(&[
            chunk(1, "Gearbox", &["Configuration"], "The gearbox multiplies force. Nobody measures noise."),
            chunk(2, "useEffect", &[], "Call useEffect once."),
        ]);
        let is_word = |word: &str| ["knob", "nose", "gearbox", "configuration"].contains(&word);
        let check = |question: &str, expected: Option<&str>| {
            assert_eq!(book.as_meant(question, is_word).as_deref(), expected, "{question}");
        };
        check("Which configuraiton has the gearbox?", Some("Which configuration has the gearbox?"));
        check("GEARBX, Gaerbox's gearboxx", Some("GEARBOX, Gearbox's gearbox"));
        check("Does the nose make noise?", None);
        check("useEfect", Some("useEffect"));
        check("What is a nob?", None);
        check("Does Norse make niose?", Some("Does Norse make noise?"));
        check("gEarbxo, Getriebe, 12 gear2box", None);
        check("", None);
    }

    #[test]
    fn words_that_were_run_together_or_torn_apart_are_read_as_the_book_writes_them() {
        let book = index_of(&[
            chunk(1, "Screenshots", &["Dark mode"], "A screenshot shows the panel in the dark, in any mode."),
            chunk(2, "Databases", &[], "A database keeps the base of it. Data is plural. Callback."),
        ]);
        let is_word = |word: &str| {
            ["screen", "shot", "dark", "mode", "panel", "the", "call", "in", "panelling"].contains(&word)
        };
        let check = |question: &str, expected: Option<&str>| {
            assert_eq!(book.as_meant(question, is_word).as_deref(), expected, "{question}");
        };
        check("Is there a darkmode?", Some("Is there a dark mode?"));
        check("Does it work with Panelmode?", Some("Does it work with Panel mode?"));
        check("Does it work with Callmode?", None);
        check("Darkmode, PANELMODE", Some("Dark mode, PANEL MODE"));
        check("Where is the screen shot?", Some("Where is the screenshot?"));
        check("a Call Back, a call-back, a call, back", Some("a CallBack, a call-back, a call, back"));
        check("screens hot darkmdoe", Some("screenshot darkmdoe"));
        check("Which data base?", None);
        check("Thepanel inthe screenshto", Some("The panel in the screenshot"));
        check("parts of the pan elling", Some("parts of the panelling"));
        check("the moderate darkness", None);
    }
}
