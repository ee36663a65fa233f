//! Text to terms. The same analyzer reads the book and the questions, so that `Configuring` meets `configure`,
//! `resume` meets `résumé` and `use effect` meets `useEffect`.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use snowball_stemmers_rs::Stemmer;
use unicode_normalization::UnicodeNormalization;

use crate::language::{ENGLISH, Language};
use crate::scan::{Word, for_each_word};

/// A term is cut to this many bytes: longer words are data, not language.
const MAX_TERM_BYTES: usize = 128;

/// A term as it stands in the postings: folded to lower case without accents, and stemmed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Term(pub String);

/// Terms of an English query, in order, stop words and repeats included.
///
/// A plain word gives one term. A name such as `camelCase`, `snake_case`, `kebab-case`, `a::b` or `foo.bar` gives
/// its pieces run together, then each piece; a version number `1.2.3` gives itself, then `1.2` and `1`; `C++` gives
/// `c++` and `c`. Scripts without spaces give overlapping pairs of characters. O(n).
pub fn analyze(text: &str) -> Vec<Term> {
    Analyzer::default().analyze(text)
}

/// Byte ranges of the words in `text` that an English `query` asks for; see [`Analyzer::highlight`].
pub fn highlight(text: &str, query: &str) -> Vec<Range<usize>> {
    Analyzer::default().highlight(text, query)
}

/// Turns text of one language into terms.
pub struct Analyzer {
    language: Language,
    stemmer: Option<Stemmer>,
}

impl std::fmt::Debug for Analyzer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Analyzer").field("stemmer", &self.language.algorithm).finish()
    }
}

impl Default for Analyzer {
    /// The analyzer of English.
    fn default() -> Self {
        Self::new(ENGLISH)
    }
}

/// What a token is to its word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// A word of its own.
    Word,
    /// A whole name; its pieces follow.
    Whole,
    /// A piece of the name before it.
    Piece,
    /// A single character inside a longer run of unspaced script: in the postings, but not asked for.
    Inner,
}

/// A term where it stands in a text.
#[derive(Debug)]
pub(crate) struct Token<'a> {
    pub(crate) term: &'a str,
    pub(crate) role: Role,
    pub(crate) is_stop_word: bool,
    pub(crate) range: Range<usize>,
    /// A number that whoever reads the tokens may keep with the term; [`Token::UNNUMBERED`] at first, and again
    /// whenever the memory has forgotten the word.
    pub(crate) number: &'a mut u32,
}

impl Token<'_> {
    pub(crate) const UNNUMBERED: u32 = u32::MAX;
}

impl Analyzer {
    /// The analyzer for a locale tag such as `en`, `de` or `pt-BR`. Words of a language without a stemmer are folded
    /// but not stemmed.
    pub fn for_locale(locale: &str) -> Self {
        Self::new(Language::of_locale(locale))
    }

    fn new(language: Language) -> Self {
        Self { language, stemmer: language.algorithm.map(Stemmer::create) }
    }

    /// Terms of a query, in order, stop words and repeats included; see [`analyze`].
    pub fn analyze(&self, text: &str) -> Vec<Term> {
        let mut terms = Vec::new();
        self.for_each_token(text, |token| {
            if token.role != Role::Inner {
                terms.push(Term(token.term.to_owned()));
            }
        });
        terms
    }

    /// Byte ranges of the words in `text` whose term is a term of `query`, ascending, without overlap.
    ///
    /// Stop words are not marked unless the query holds nothing else. A piece of a name is marked alone when only
    /// the piece was asked for. O(text + query).
    pub fn highlight(&self, text: &str, query: &str) -> Vec<Range<usize>> {
        let (mut wanted, mut stop_words) = (HashSet::new(), HashSet::new());
        self.for_each_token(query, |token| match token {
            Token { role: Role::Inner, .. } => {}
            Token { is_stop_word: true, .. } => drop(stop_words.insert(token.term.to_owned())),
            Token { .. } => drop(wanted.insert(token.term.to_owned())),
        });
        if wanted.is_empty() {
            wanted = stop_words;
        }
        let mut ranges: Vec<Range<usize>> = Vec::new();
        self.for_each_token(text, |token| {
            if !wanted.contains(token.term) {
                return;
            }
            match ranges.last_mut() {
                Some(last) if token.range.start < last.end => last.end = last.end.max(token.range.end),
                _ => ranges.push(token.range),
            }
        });
        ranges
    }

    /// Calls `found` with each token of `text` in order of their starts; a whole name comes before its pieces.
    pub(crate) fn for_each_token(&self, text: &str, found: impl FnMut(Token<'_>)) {
        self.for_each_token_with(&mut Memory::default(), text, found);
    }

    /// The same for many texts, which share their words through `memory`.
    pub(crate) fn for_each_token_with(
        &self,
        memory: &mut Memory,
        text: &str,
        mut found: impl FnMut(Token<'_>),
    ) {
        let mut term = String::new();
        for_each_word(text, self.language.splits_at_apostrophe, |word| match word {
            Word::Plain(range) => {
                memory.recall(self, &text[range.clone()]).emit(Role::Word, range, &mut found);
            }
            Word::Compound(pieces) => {
                let (Some(first), Some(last)) = (pieces.first(), pieces.last()) else { return };
                let whole: String = pieces.iter().map(|piece| &text[piece.clone()]).collect();
                memory.recall(self, &whole).emit(Role::Whole, first.start..last.end, &mut found);
                for piece in pieces {
                    memory.recall(self, &text[piece.clone()]).emit(Role::Piece, piece, &mut found);
                }
            }
            Word::Version(numbers) => {
                for count in (1..=numbers.len()).rev() {
                    term.clear();
                    for number in &numbers[..count] {
                        if !term.is_empty() {
                            term.push('.');
                        }
                        term.push_str(&text[number.clone()]);
                    }
                    cut(&mut term);
                    let role = if count == numbers.len() { Role::Whole } else { Role::Piece };
                    emit(&term, role, numbers[0].start..numbers[count - 1].end, &mut found);
                }
            }
            Word::Signed { name, end } => {
                term.clear();
                term.push_str(&text[name.start..end]);
                term.make_ascii_lowercase();
                emit(&term, Role::Whole, name.start..end, &mut found);
                memory.recall(self, &text[name.clone()]).emit(Role::Piece, name, &mut found);
            }
            Word::Unspaced(units) => {
                if let [unit] = &units[..] {
                    fold(&text[unit.clone()], &mut term);
                    emit(&term, Role::Word, unit.clone(), &mut found);
                    return;
                }
                for (at, unit) in units.iter().enumerate() {
                    if let Some(next) = units.get(at + 1) {
                        fold(&text[unit.start..next.end], &mut term);
                        emit(&term, Role::Word, unit.start..next.end, &mut found);
                    }
                    fold(&text[unit.clone()], &mut term);
                    emit(&term, Role::Inner, unit.clone(), &mut found);
                }
            }
        });
    }

    /// Whether it reads English.
    pub(crate) fn is_english(&self) -> bool {
        self.language.is_english()
    }

    /// The term of one written word, and whether it is a stop word.
    pub(crate) fn term_of(&self, word: &str) -> (String, bool) {
        let (term, scratch) = (&mut String::new(), &mut String::new());
        if self.language.folds_before_stemming || word.is_ascii() {
            fold(word, term);
        } else {
            lower(word, term);
        }
        strip_possessive(word, term);
        cut(term);
        let is_stop_word = self.language.is_stop_word(term);
        // Snowball's rules are about letters; a number or `utf8` has no ending.
        if let Some(stemmer) = &self.stemmer
            && term.chars().all(char::is_alphabetic)
        {
            scratch.clear();
            scratch.push_str(&stemmer.stem(term));
            if !scratch.is_empty() {
                std::mem::swap(term, scratch);
            }
        }
        if !term.is_ascii() {
            scratch.clear();
            scratch.push_str(term);
            fold(scratch, term);
        }
        (std::mem::take(term), is_stop_word)
    }
}

/// The terms of words that were read before: a book has far fewer words than places where they stand, and stemming
/// costs ten times as much as remembering.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    places: HashMap<Box<str>, u32>,
    words: Vec<Remembered>,
}

#[derive(Debug)]
struct Remembered {
    term: Box<str>,
    is_stop_word: bool,
    number: u32,
}

impl Memory {
    /// A book has no more words than this; a page of random data does, and must not fill the memory.
    const MAX_WORDS: usize = 200_000;

    fn recall(&mut self, analyzer: &Analyzer, word: &str) -> &mut Remembered {
        let place = match self.places.get(word) {
            Some(place) => *place as usize,
            None => {
                if self.words.len() >= Self::MAX_WORDS {
                    *self = Self::default();
                }
                let (term, is_stop_word) = analyzer.term_of(word);
                self.places.insert(word.into(), self.words.len() as u32);
                self.words.push(Remembered { term: term.into(), is_stop_word, number: Token::UNNUMBERED });
                self.words.len() - 1
            }
        };
        &mut self.words[place]
    }
}

impl Remembered {
    fn emit(&mut self, role: Role, range: Range<usize>, found: &mut impl FnMut(Token<'_>)) {
        let is_stop_word = self.is_stop_word && role != Role::Whole;
        // A word of marks alone folds to nothing.
        if !self.term.is_empty() {
            found(Token { term: &self.term, role, is_stop_word, range, number: &mut self.number });
        }
    }
}

/// A term that is not worth remembering.
fn emit(term: &str, role: Role, range: Range<usize>, found: &mut impl FnMut(Token<'_>)) {
    if !term.is_empty() {
        found(Token { term, role, is_stop_word: false, range, number: &mut { Token::UNNUMBERED } });
    }
}

/// `book's` is a form of `book`; other apostrophes are gone already.
fn strip_possessive(word: &str, term: &mut String) {
    let is_possessive = ["'s", "’s", "'S", "’S"].iter().any(|ending| word.ends_with(ending));
    if is_possessive && term.len() > 1 {
        term.pop();
    }
}

/// Lower case in compatibility form, accents kept, signs dropped.
fn lower(word: &str, into: &mut String) {
    into.clear();
    into.extend(word.nfkc().flat_map(char::to_lowercase).filter(|c| is_kept(*c)));
}

/// Lower case in compatibility form without accents and signs.
///
/// Only marks that are accents of Latin, Greek, Cyrillic, Hebrew or Arabic letters go: in Indic scripts and kana
/// marks are part of the spelling.
fn fold(word: &str, into: &mut String) {
    into.clear();
    if word.is_ascii() {
        into.extend(
            word.bytes().filter(u8::is_ascii_alphanumeric).map(|byte| byte.to_ascii_lowercase() as char),
        );
        return;
    }
    let unaccented = word.nfkd().filter(|c| !is_accent(*c)).nfc();
    for c in unaccented.flat_map(char::to_lowercase).filter(|c| is_kept(*c) && !is_accent(*c)) {
        match c {
            'ß' => into.push_str("ss"),
            'æ' => into.push_str("ae"),
            'œ' => into.push_str("oe"),
            'þ' => into.push_str("th"),
            'ø' => into.push('o'),
            'đ' | 'ð' => into.push('d'),
            'ł' => into.push('l'),
            'ı' => into.push('i'),
            'ς' => into.push('σ'),
            _ => into.push(c),
        }
    }
}

fn is_kept(c: char) -> bool {
    c.is_alphanumeric() || unicode_normalization::char::is_combining_mark(c)
}

fn is_accent(c: char) -> bool {
    matches!(c as u32,
        0x0300..=0x036F | 0x0591..=0x05C7 | 0x064B..=0x065F | 0x0670 | 0x1AB0..=0x1AFF | 0x1DC0..=0x1DFF
        | 0x20D0..=0x20FF | 0xFE00..=0xFE0F | 0xFE20..=0xFE2F)
}

fn cut(term: &mut String) {
    if term.len() > MAX_TERM_BYTES {
        let end = (0..=MAX_TERM_BYTES).rev().find(|end| term.is_char_boundary(*end));
        term.truncate(end.unwrap_or(0));
    }
}

#[cfg(test)]
mod tests;
