//! Finds the words of a text: runs of letters and digits, names joined by `_`, `-`, `.`, `::` or a change of case,
//! version numbers, and runs of scripts that are written without spaces. Only places are found here; `analyzer.rs`
//! makes terms of them.

use std::ops::Range;

use unicode_normalization::char::is_combining_mark;

/// A name longer than this many pieces is cut: dotted rows and base64 are not names.
const MAX_PIECES: usize = 16;

/// One word of a text, by the byte ranges of its pieces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Word {
    /// A plain word.
    Plain(Range<usize>),
    /// `camelCase`, `snake_case`, `a::b`: two pieces or more.
    Compound(Vec<Range<usize>>),
    /// `1.2.3` or `v2.0`: the numbers, two or more.
    Version(Vec<Range<usize>>),
    /// `C++`, `C#`: the name and, from its end, the signs.
    Signed { name: Range<usize>, end: usize },
    /// Chinese, Japanese, Korean, Thai and their like: the units (a character with its marks) of one run.
    Unspaced(Vec<Range<usize>>),
}

/// What a character is to the scanner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Letter,
    Unspaced,
    Mark,
    Other,
}

fn class(c: char) -> Class {
    if c.is_ascii() {
        return if c.is_ascii_alphanumeric() { Class::Letter } else { Class::Other };
    }
    match c as u32 {
        // Soft hyphen, zero-width joiners, variation selectors, half-width voicing: part of a word, never its start.
        0xAD | 0x200C | 0x200D | 0xFE00..=0xFE0F | 0xFF9E | 0xFF9F => Class::Mark,
        // Thai, Lao, Myanmar, Khmer; Hangul; kana and their extensions; Han with its extensions; half-width kana.
        0x0E00..=0x0EFF
        | 0x1000..=0x109F
        | 0x1780..=0x17FF
        | 0x1100..=0x11FF
        | 0xAC00..=0xD7AF
        | 0x3005..=0x3007
        | 0x3040..=0x30FA
        | 0x30FC..=0x31FF
        | 0x3400..=0x4DBF
        | 0x4E00..=0x9FFF
        | 0xF900..=0xFAFF
        | 0xFF66..=0xFF9F
        | 0x20000..=0x3FFFF
            if c.is_alphanumeric() =>
        {
            Class::Unspaced
        }
        _ if is_combining_mark(c) => Class::Mark,
        _ if c.is_alphanumeric() => Class::Letter,
        _ => Class::Other,
    }
}

/// Calls `found` with each word of `text`, in order. O(n).
pub(crate) fn for_each_word(text: &str, splits_at_apostrophe: bool, mut found: impl FnMut(Word)) {
    let mut scanner = Scanner { text, at: 0, splits_at_apostrophe };
    while let Some(c) = scanner.peek() {
        match class(c) {
            Class::Letter => found(scanner.name()),
            Class::Unspaced => found(scanner.unspaced()),
            Class::Mark | Class::Other => scanner.at += c.len_utf8(),
        }
    }
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
    splits_at_apostrophe: bool,
}

impl Scanner<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    /// A run of unspaced script, from its first character.
    fn unspaced(&mut self) -> Word {
        let mut units: Vec<Range<usize>> = Vec::new();
        while let Some(c) = self.peek() {
            let start = self.at;
            match class(c) {
                Class::Unspaced => {
                    self.at += c.len_utf8();
                    units.push(start..self.at);
                }
                Class::Mark => {
                    self.at += c.len_utf8();
                    if let Some(unit) = units.last_mut() {
                        unit.end = self.at;
                    }
                }
                Class::Letter | Class::Other => break,
            }
        }
        Word::Unspaced(units)
    }

    /// A word or a joined name, from its first letter.
    fn name(&mut self) -> Word {
        if let Some(range) = self.ascii_word() {
            self.at = range.end;
            return Word::Plain(range);
        }
        let mut stretches = vec![self.stretch()];
        let mut only_dots = true;
        while stretches.len() < MAX_PIECES {
            let Some(joiner) = self.joiner() else { break };
            let is_dot = self.rest().starts_with('.');
            // `1.0.0-rc.1` is the version and then its stage.
            if !is_dot && only_dots && stretches.len() > 1 && self.is_version(&mut stretches.clone()) {
                break;
            }
            only_dots &= is_dot;
            self.at += joiner;
            stretches.push(self.stretch());
        }
        if let [name] = &stretches[..]
            && let Some(end) = self.signs(name)
        {
            let name = name.clone();
            self.at = end;
            return Word::Signed { name, end };
        }
        if only_dots && stretches.len() > 1 && self.is_version(&mut stretches) {
            return Word::Version(stretches);
        }
        let mut pieces = Vec::with_capacity(stretches.len());
        for stretch in stretches {
            split_case(self.text, stretch, &mut pieces);
        }
        match <[Range<usize>; 1]>::try_from(pieces) {
            Ok([only]) => Word::Plain(only),
            Err(pieces) => Word::Compound(pieces),
        }
    }

    /// The common case, found without looking further: a word of ASCII letters, at most the first of them a capital,
    /// that nothing joins to what follows.
    fn ascii_word(&self) -> Option<Range<usize>> {
        let bytes = &self.text.as_bytes()[self.at..];
        let length = 1 + bytes[1..].iter().take_while(|byte| byte.is_ascii_lowercase()).count();
        let ends = match bytes.get(length) {
            None
            | Some(
                b' ' | b'\n' | b'\r' | b'\t' | b',' | b';' | b'!' | b'?' | b'(' | b')' | b'"' | b'/' | b'`',
            ) => true,
            Some(b'.') => bytes.get(length + 1).is_none_or(|next| next.is_ascii_whitespace()),
            Some(_) => false,
        };
        (ends && bytes[0].is_ascii_alphabetic()).then_some(self.at..self.at + length)
    }

    /// Letters, digits and marks with inner apostrophes (`don't`) and thousands commas (`1,000`).
    fn stretch(&mut self) -> Range<usize> {
        let start = self.at;
        while let Some(c) = self.peek() {
            match class(c) {
                Class::Letter | Class::Mark => self.at += c.len_utf8(),
                Class::Other if matches!(c, '\'' | '’') && !self.splits_at_apostrophe => {
                    let next = self.rest()[c.len_utf8()..].chars().next();
                    if !next.is_some_and(|next| class(next) == Class::Letter) {
                        break;
                    }
                    self.at += c.len_utf8();
                }
                Class::Other if c == ',' && self.is_thousands_comma(start) => self.at += 1,
                Class::Unspaced | Class::Other => break,
            }
        }
        start..self.at
    }

    fn is_thousands_comma(&self, start: usize) -> bool {
        // More digits than this are data; without the bound a page of them would be read again at every comma.
        const MAX_BYTES: usize = 32;
        let before = &self.text.as_bytes()[start..self.at];
        let after = &self.text.as_bytes()[self.at + 1..];
        before.len() <= MAX_BYTES
            && (1..=3).contains(&before.iter().rev().take_while(|byte| **byte != b',').count())
            && before.iter().all(|byte| byte.is_ascii_digit() || *byte == b',')
            && after.iter().take(4).take_while(|byte| byte.is_ascii_digit()).count() == 3
    }

    /// Length of a joiner that stands here with a letter after it.
    fn joiner(&self) -> Option<usize> {
        let rest = self.rest();
        let first = rest.chars().next()?;
        let length = match first {
            '_' => rest.len() - rest.trim_start_matches('_').len(),
            '-' | '.' | '\u{2010}' | '\u{2011}' => first.len_utf8(),
            ':' if rest.starts_with("::") => 2,
            _ => return None,
        };
        let next = rest[length..].chars().next()?;
        (class(next) == Class::Letter).then_some(length)
    }

    /// End of the signs of `C++`, `C#`, `F#`, when `name` has them and nothing follows.
    fn signs(&self, name: &Range<usize>) -> Option<usize> {
        let rest = self.rest();
        let letters = &self.text[name.clone()];
        if letters.len() > 2 || !letters.bytes().all(|byte| byte.is_ascii_alphabetic()) {
            return None;
        }
        let length = if rest.starts_with("++") { 2 } else { usize::from(rest.starts_with('#')) };
        let next = rest[length..].chars().next();
        (length > 0 && !next.is_some_and(|next| class(next) != Class::Other)).then_some(name.end + length)
    }

    /// Whether the stretches are the numbers of a version; a leading `v` is cut off.
    fn is_version(&self, stretches: &mut [Range<usize>]) -> bool {
        let first = &self.text[stretches[0].clone()];
        let skipped = usize::from(first.len() > 1 && first.starts_with(['v', 'V']));
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let holds = digits(&first[skipped..])
            && stretches[1..].iter().all(|stretch| digits(&self.text[stretch.clone()]));
        if holds {
            stretches[0].start += skipped;
        }
        holds
    }
}

/// Cuts `fooBar` and `HTMLParser` where the case changes; digits stay with what stands before them.
fn split_case(text: &str, stretch: Range<usize>, pieces: &mut Vec<Range<usize>>) {
    let mut start = stretch.start;
    let mut previous = [' ', ' '];
    let mut last_at = stretch.start;
    for (offset, c) in text[stretch.clone()].char_indices() {
        let at = stretch.start + offset;
        if !(c.is_alphanumeric() || matches!(c, '\'' | '’' | ',')) {
            continue;
        }
        let [before, last] = previous;
        if c.is_uppercase()
            && (last.is_lowercase() || last.is_ascii_digit() && before.is_lowercase())
            && at > start
        {
            pieces.push(start..at);
            start = at;
        } else if c.is_lowercase() && last.is_uppercase() && before.is_uppercase() && last_at > start {
            pieces.push(start..last_at);
            start = last_at;
        }
        previous = [last, c];
        last_at = at;
    }
    pieces.push(start..stretch.end);
}
