//! An incremental parser for `text/event-stream`: bytes go in as the network cuts them, events come out as soon as
//! they are complete. Lines that the format does not know come out as [`Item::Stray`] instead of being dropped,
//! because model servers put errors there after they have already said HTTP 200.
//!
//! # Grammar
//! The WHATWG HTML standard, section 9.2.6: lines end in CR, LF or CRLF; a leading byte order mark is skipped; a line
//! that starts with `:` is a comment; `data` lines of one event are joined by LF; an empty line ends the event; an
//! event without data is dropped but its `id` and `retry` stay in force.

use std::time::Duration;

#[cfg(test)]
mod tests;

/// Largest line, and largest event, that is kept: far above any answer chunk, far below what hurts.
pub const DEFAULT_LIMIT_BYTES: usize = 1024 * 1024;

/// One event of the stream.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Event {
    /// The `event` field; empty means the default, `message`.
    pub name: String,
    /// The `data` lines, joined by LF.
    pub data: String,
    /// The last `id` seen in the stream so far.
    pub id: Option<String>,
    /// The last `retry` seen in the stream so far.
    pub retry: Option<Duration>,
}

/// What the parser hands out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// A complete event with data.
    Event(Event),
    /// A line whose field the format does not know, as it stood. The standard says to ignore it; servers put raw
    /// JSON errors there.
    Stray(String),
}

/// A line or an event grew over the limit; the stream is of no use any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an event is longer than {limit_bytes} bytes")]
pub struct TooLong {
    /// The limit that was passed.
    pub limit_bytes: usize,
}

/// The parser: holds one unfinished line and one unfinished event, never more than the limit of each.
#[derive(Debug)]
pub struct SseParser {
    limit_bytes: usize,
    line: Vec<u8>,
    /// The last byte was a CR: a LF right after it belongs to the same line end.
    after_cr: bool,
    /// Nothing but (a part of) the byte order mark was read so far.
    at_start: bool,
    name: String,
    data: String,
    has_data: bool,
    id: Option<String>,
    retry: Option<Duration>,
}

impl Default for SseParser {
    fn default() -> Self {
        Self::with_limit(DEFAULT_LIMIT_BYTES)
    }
}

impl SseParser {
    /// A parser that accepts lines and events of up to `limit_bytes` bytes each.
    pub fn with_limit(limit_bytes: usize) -> Self {
        Self {
            limit_bytes,
            line: Vec::new(),
            after_cr: false,
            at_start: true,
            name: String::new(),
            data: String::new(),
            has_data: false,
            id: None,
            retry: None,
        }
    }

    /// Reads `bytes` and appends to `items` what they complete. Linear in the bytes.
    ///
    /// # Errors
    /// [`TooLong`] when a line or an event passes the limit; items before it are still in `items`.
    pub fn push(&mut self, bytes: &[u8], items: &mut Vec<Item>) -> Result<(), TooLong> {
        let mut rest = bytes;
        while let Some(&first) = rest.first() {
            if std::mem::take(&mut self.after_cr) && first == b'\n' {
                rest = &rest[1..];
                continue;
            }
            match rest.iter().position(|&byte| byte == b'\n' || byte == b'\r') {
                Some(end) => {
                    self.extend_line(&rest[..end])?;
                    self.after_cr = rest[end] == b'\r';
                    rest = &rest[end + 1..];
                    self.end_line(items)?;
                }
                None => {
                    self.extend_line(rest)?;
                    rest = &[];
                }
            }
        }
        Ok(())
    }

    /// The stream has ended: hands out what an unfinished last line or event holds.
    ///
    /// The standard drops an event without its empty line; model servers now and then forget that line after the last
    /// event, and whoever reads the data can tell whether it is whole.
    pub fn finish(&mut self, items: &mut Vec<Item>) -> Result<(), TooLong> {
        if !self.line.is_empty() {
            self.end_line(items)?;
        }
        self.dispatch(items);
        Ok(())
    }

    fn extend_line(&mut self, bytes: &[u8]) -> Result<(), TooLong> {
        if self.line.len() + bytes.len() > self.limit_bytes {
            return Err(TooLong { limit_bytes: self.limit_bytes });
        }
        self.line.extend_from_slice(bytes);
        Ok(())
    }

    fn end_line(&mut self, items: &mut Vec<Item>) -> Result<(), TooLong> {
        // A character never spans lines, so decoding by line is decoding of the whole.
        let bytes = std::mem::take(&mut self.line);
        let mut line = String::from_utf8_lossy(&bytes);
        if std::mem::take(&mut self.at_start)
            && let Some(stripped) = line.strip_prefix('\u{feff}')
        {
            line = stripped.to_owned().into();
        }
        let outcome = self.field(&line, items);
        drop(line);
        self.line = bytes;
        self.line.clear();
        outcome
    }

    fn field(&mut self, line: &str, items: &mut Vec<Item>) -> Result<(), TooLong> {
        if line.is_empty() {
            self.dispatch(items);
            return Ok(());
        }
        let (field, value) = match line.split_once(':') {
            Some((field, value)) => (field, value.strip_prefix(' ').unwrap_or(value)),
            None => (line, ""),
        };
        match field {
            "" => {}
            "data" => {
                if self.data.len() + value.len() + 1 > self.limit_bytes {
                    return Err(TooLong { limit_bytes: self.limit_bytes });
                }
                if self.has_data {
                    self.data.push('\n');
                }
                self.data.push_str(value);
                self.has_data = true;
            }
            "event" => value.clone_into(&mut self.name),
            "id" if !value.contains('\0') => self.id = Some(value.to_owned()),
            "retry" if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) => {
                self.retry = value.parse().ok().map(Duration::from_millis).or(self.retry);
            }
            "id" | "retry" => {}
            _ => items.push(Item::Stray(line.to_owned())),
        }
        Ok(())
    }

    fn dispatch(&mut self, items: &mut Vec<Item>) {
        let name = std::mem::take(&mut self.name);
        let data = std::mem::take(&mut self.data);
        if std::mem::take(&mut self.has_data) {
            items.push(Item::Event(Event { name, data, id: self.id.clone(), retry: self.retry }));
        }
    }
}

/// Collects stray lines until they form one whole JSON value, counting brackets outside of strings.
///
/// Gemini sends a pretty-printed `{"error": …}` (or `[{"error": …}]`) without `data:` when it fails after HTTP 200.
#[derive(Debug, Default)]
pub struct StrayJson {
    text: String,
    depth: usize,
    in_string: bool,
    escaped: bool,
}

impl StrayJson {
    /// Adds one line; returns the JSON text when its brackets balance. Lines outside of any bracket are ignored, and
    /// a text over [`DEFAULT_LIMIT_BYTES`] is given up.
    pub fn push(&mut self, line: &str) -> Option<String> {
        if self.depth == 0 && !line.trim_start().starts_with(['{', '[']) {
            return None;
        }
        if self.text.len() + line.len() > DEFAULT_LIMIT_BYTES {
            *self = Self::default();
            return None;
        }
        self.text.push_str(line);
        self.text.push('\n');
        for byte in line.bytes() {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' if self.in_string => self.escaped = true,
                b'"' => self.in_string = !self.in_string,
                b'{' | b'[' if !self.in_string => self.depth += 1,
                b'}' | b']' if !self.in_string => self.depth = self.depth.saturating_sub(1),
                _ => {}
            }
        }
        (self.depth == 0).then(|| std::mem::take(self).text)
    }

    /// Whether a JSON value has begun and not ended.
    pub fn is_open(&self) -> bool {
        self.depth > 0
    }
}
