//! Citation markers in a stream of text.
//!
//! Models write `[1]`, `[1, 2]`, `[Source 1]` or `【1】`, sometimes with numbers that do not exist, and the
//! pieces are cut anywhere. The filter lets through only canonical markers of known passages, and takes
//! the target out of links and images: only the book's own citations may become links.

/// Longest run that is held back while it may still become a marker.
const LONGEST_MARKER_BYTES: usize = 64;

/// Rewrites markers while text streams through it.
///
/// The output does not depend on how the input is cut. Inside code, nothing is touched.
#[derive(Debug)]
pub struct CitationFilter {
    known: usize,
    cited: Vec<bool>,
    state: State,
    /// Text that may still become a marker, or white space before one.
    held: String,
    /// Spaces before a possible marker; dropped when the marker is and punctuation follows.
    spaces: String,
    dropped_marker: bool,
    refused: bool,
    /// The last character that was let through.
    last: Option<char>,
    code: Code,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Text,
    /// After `[` or `【`.
    Marker,
    /// Inside the target of a link, with the depth of open parentheses.
    Target(u32),
}

/// Where code begins and ends: runs of backticks.
#[derive(Debug, Default, Clone, Copy)]
struct Code {
    /// Length of the run that opened the code we are in; 0 outside.
    open: usize,
    /// Length of the run being read.
    run: usize,
}

impl Code {
    /// Takes the next character; true when it belongs to code or its fence.
    fn step(&mut self, character: char) -> bool {
        if character == '`' {
            self.run += 1;
            return true;
        }
        if self.run > 0 {
            if self.open == 0 {
                self.open = self.run;
            } else if self.run == self.open || (self.open >= 3 && self.run > self.open) {
                self.open = 0;
            }
            self.run = 0;
        }
        // Inline code ends with its paragraph at the latest; a single open backtick must not swallow markers.
        if character == '\n' && self.open > 0 && self.open < 3 {
            self.open = 0;
        }
        self.open > 0
    }
}

impl CitationFilter {
    /// A filter for passages numbered 1 to `known`.
    pub fn new(known: usize) -> Self {
        Self {
            known,
            cited: vec![false; known],
            state: State::Text,
            held: String::new(),
            spaces: String::new(),
            dropped_marker: false,
            refused: false,
            last: None,
            code: Code::default(),
        }
    }

    /// Takes the next piece and returns what may be shown by now.
    pub fn push(&mut self, piece: &str) -> String {
        let mut out = String::with_capacity(piece.len());
        for character in piece.chars() {
            self.step(character, &mut out);
        }
        out
    }

    /// Ends the text and returns what was still held back.
    pub fn finish(&mut self) -> String {
        let mut out = String::new();
        match self.state {
            // An unfinished marker tells nothing.
            State::Marker if !is_marker_start(&self.held) => self.release(&mut out),
            _ => {}
        }
        self.held.clear();
        self.spaces.clear();
        self.state = State::Text;
        out
    }

    /// Numbers of the passages cited so far, ascending.
    pub fn cited(&self) -> Vec<usize> {
        (1..=self.known).filter(|n| self.cited[n - 1]).collect()
    }

    /// The text carries the marker `[0]`, by which the prompt lets a model say: not in the passages.
    pub fn refused(&self) -> bool {
        self.refused
    }

    fn step(&mut self, character: char, out: &mut String) {
        match self.state {
            State::Text => self.text(character, out),
            State::Marker => self.marker(character, out),
            State::Target(depth) => self.target(character, depth, out),
        }
    }

    fn text(&mut self, character: char, out: &mut String) {
        if self.code.step(character) {
            self.flush_spaces(out);
            self.emit(character.encode_utf8(&mut [0; 4]), out);
            return;
        }
        match character {
            // The space behind a dropped marker doubles the one before it.
            ' ' if self.dropped_marker && !self.spaces.is_empty() => self.dropped_marker = false,
            ' ' => {
                self.spaces.push(' ');
                if self.spaces.len() > LONGEST_MARKER_BYTES {
                    self.flush_spaces(out);
                }
            }
            '[' | '【' => {
                self.state = State::Marker;
                self.held.push(character);
            }
            _ => {
                if self.dropped_marker && matches!(character, '.' | ',' | ';' | ':' | '!' | '?' | ')' | '\n')
                {
                    self.spaces.clear();
                }
                self.flush_spaces(out);
                match (self.last, character) {
                    // `](` would make a link, `]:` a link definition.
                    (Some(']'), '(') => self.state = State::Target(1),
                    (Some(']'), ':') => self.emit(" :", out),
                    _ => self.emit(character.encode_utf8(&mut [0; 4]), out),
                }
            }
        }
    }

    fn emit(&mut self, text: &str, out: &mut String) {
        out.push_str(text);
        self.last = text.chars().next_back().or(self.last);
    }

    fn marker(&mut self, character: char, out: &mut String) {
        if matches!(character, ']' | '】') {
            let numbers = marker_numbers(&self.held);
            if numbers.is_empty() {
                self.release(out);
                self.state = State::Text;
                self.text(character, out);
                return;
            }
            self.held.clear();
            self.state = State::Text;
            self.refused |= numbers == [0];
            let known: Vec<usize> = numbers.into_iter().filter(|n| (1..=self.known).contains(n)).collect();
            if known.is_empty() {
                self.dropped_marker = true;
                return;
            }
            self.flush_spaces(out);
            for n in known {
                self.cited[n - 1] = true;
                self.emit(&format!("[{n}]"), out);
            }
            return;
        }
        self.held.push(character);
        if !is_marker_start(&self.held) || self.held.len() > LONGEST_MARKER_BYTES {
            // The character that broke the marker may itself begin something.
            self.held.pop();
            self.release(out);
            self.state = State::Text;
            self.text(character, out);
        }
    }

    fn target(&mut self, character: char, depth: u32, out: &mut String) {
        self.state = match character {
            '(' => State::Target(depth + 1),
            ')' if depth == 1 => State::Text,
            ')' => State::Target(depth - 1),
            // A target never spans lines; what looked like one was a parenthesis in running text.
            '\n' => {
                self.emit("\n", out);
                State::Text
            }
            _ => State::Target(depth),
        };
    }

    fn flush_spaces(&mut self, out: &mut String) {
        let spaces = std::mem::take(&mut self.spaces);
        // A marker that was dropped at the very start leaves its space behind.
        if self.last.is_some() || !self.dropped_marker {
            self.emit(&spaces, out);
        }
        self.dropped_marker = false;
    }

    fn release(&mut self, out: &mut String) {
        self.flush_spaces(out);
        let held = std::mem::take(&mut self.held);
        self.emit(&held, out);
    }
}

/// Whether `held`, which begins with a bracket, may still become a marker.
fn is_marker_start(held: &str) -> bool {
    let mut rest = held.chars().skip(1).peekable();
    while rest.peek().is_some() {
        while rest.next_if(|character| matches!(character, ' ' | '^' | '#')).is_some() {}
        let mut word = String::new();
        while let Some(letter) = rest.next_if(char::is_ascii_alphabetic) {
            word.push(letter.to_ascii_lowercase());
        }
        let more = rest.peek().is_some();
        let fits = WORDS.iter().any(|known| if more { *known == word } else { known.starts_with(&word) });
        if !word.is_empty() && !fits {
            return false;
        }
        while rest.next_if(|character| matches!(character, ' ' | '#')).is_some() {}
        let mut digits = 0;
        while rest.next_if(char::is_ascii_digit).is_some() {
            digits += 1;
        }
        while rest.next_if_eq(&' ').is_some() {}
        match rest.next() {
            None => return true,
            Some(',' | ';' | '-' | '–') if digits > 0 => {}
            // 【1†source】 is a habit of some models.
            Some('†') if digits > 0 => return true,
            Some(_) => return false,
        }
    }
    true
}

/// Words that models put in front of a number.
const WORDS: [&str; 5] = ["source", "sources", "passage", "ref", "citation"];

/// Numbers of a complete marker without its closing bracket; empty when it is none. Ranges are spelled out.
fn marker_numbers(held: &str) -> Vec<usize> {
    if !is_marker_start(held) {
        return Vec::new();
    }
    let inner: String = held.chars().skip(1).take_while(|character| *character != '†').collect();
    let mut numbers = Vec::new();
    for part in inner.split([',', ';']) {
        let bounds: Vec<usize> = part
            .split(['-', '–'])
            .filter_map(|bound| {
                bound.trim_matches(|character: char| !character.is_ascii_digit()).parse().ok()
            })
            .collect();
        match bounds[..] {
            [n] => numbers.push(n),
            [low, high] if low <= high && high - low < 20 => numbers.extend(low..=high),
            _ => {}
        }
    }
    numbers
}

#[cfg(test)]
mod tests;
