//! mdBook's `{{#include}}` and its kin, expanded before the text is parsed. Files are read inside the book
//! only; of what is missing nothing is shown, and the page says so once.

use crate::files::{self, BookFiles};
use crate::{Warning, markdown::clean};

/// Deepest nesting of files that include files, as in mdBook.
const MAX_DEPTH: usize = 10;
/// Most directives that one page may expand, those of included files counted.
const MAX_INCLUDES: usize = 5_000;
/// Longest text that one page may grow to, in bytes.
const MAX_BYTES: usize = 5 * 1024 * 1024;

/// A chapter with everything it includes.
#[derive(Debug, Default)]
pub(crate) struct Expanded {
    pub(crate) text: String,
    /// Line in the chapter's file of each line of `text`.
    pub(crate) lines: Vec<usize>,
    /// From `{{#title}}`.
    pub(crate) title: Option<String>,
    pub(crate) warnings: Vec<Warning>,
}

/// Expands the directives of `source`, the text of `file`.
pub(crate) fn expand(files: &BookFiles, file: &str, source: &str) -> Expanded {
    let mut expander =
        Expander { files, out: Expanded::default(), missing: Vec::new(), count: 0, line: 1, full: false };
    expander.out.lines.push(1);
    expander.text(source, files::parent(file), 0);
    let Expander { mut out, missing, full, .. } = expander;
    if let Some((line, target, reason)) = missing.first() {
        let message = match missing.len() {
            1 => format!("`{target}` {reason}"),
            count => format!("`{target}` {reason}; the same holds for {} more on this page", count - 1),
        };
        out.warnings.push(Warning { file: file.to_owned(), line: *line, message });
    }
    if full {
        out.warnings.push(Warning::file(file, "includes more than a page may hold; the rest is missing"));
    }
    out
}

struct Expander<'a> {
    files: &'a BookFiles,
    out: Expanded,
    /// Line, target and reason of what could not be included.
    missing: Vec<(usize, String, &'static str)>,
    count: usize,
    /// Line in the chapter's own file.
    line: usize,
    full: bool,
}

impl Expander<'_> {
    fn text(&mut self, source: &str, folder: &str, depth: usize) {
        let mut rest = source;
        while let Some(at) = rest.find("{{") {
            if at > 0 && rest[..at].ends_with('\\') && rest[at + 2..].starts_with('#') {
                // `\{{#include x}}` is shown without its backslash, up to the last `}}` of the line.
                let line_end = rest[at..].find('\n').map_or(rest.len(), |end| at + end);
                if let Some(end) = rest[at..line_end].rfind("}}") {
                    self.push(&rest[..at - 1], depth);
                    self.push(&rest[at..at + end + 2], depth);
                    rest = &rest[at + end + 2..];
                    continue;
                }
            }
            let Some((directive, length)) = parse_directive(&rest[at..]) else {
                self.push(&rest[..at + 2], depth);
                rest = &rest[at + 2..];
                continue;
            };
            self.push(&rest[..at], depth);
            self.directive(&directive, folder, depth);
            if depth == 0 {
                self.line += rest[at..at + length].matches('\n').count();
            }
            rest = &rest[at + length..];
        }
        self.push(rest, depth);
    }

    fn push(&mut self, text: &str, depth: usize) {
        if self.out.text.len() + text.len() > MAX_BYTES {
            self.full = true;
            return;
        }
        for byte in text.bytes().filter(|&byte| byte == b'\n') {
            debug_assert_eq!(byte, b'\n');
            self.line += usize::from(depth == 0);
            self.out.lines.push(self.line);
        }
        self.out.text.push_str(text);
    }

    fn directive(&mut self, directive: &Directive<'_>, folder: &str, depth: usize) {
        if directive.kind == "title" {
            self.out.title = Some(directive.rest.trim().to_owned());
            return;
        }
        let mut words = directive.rest.split_whitespace();
        let target = words.next().unwrap_or_default();
        let (path, range) = match directive.kind {
            "playground" | "playpen" => (target, None),
            _ => target.split_once(':').map_or((target, None), |(path, range)| (path, Some(range))),
        };
        self.count += 1;
        if self.count > MAX_INCLUDES || depth >= MAX_DEPTH {
            self.full = true;
            return;
        }
        let name = match self.files.resolve(folder, path) {
            Ok(name) => name,
            Err(reason) => {
                self.missing.push((self.line, path.to_owned(), reason));
                return;
            }
        };
        let Some(text) = self.files.read_named(&name, &mut self.out.warnings) else { return };
        let text = clean(&text);
        let part = Part::parse(range);
        let taken = match directive.kind {
            "include" => part.take(&text),
            "rustdoc_include" => part.take_rustdoc(&text),
            _ => {
                let attributes: Vec<&str> = words.collect();
                let comma = if attributes.is_empty() { "" } else { "," };
                let end = if text.ends_with('\n') { "" } else { "\n" };
                format!("```rust{comma}{}\n{text}{end}```\n", attributes.join(","))
            }
        };
        self.text(&taken, files::parent(&name), depth + 1);
    }
}

struct Directive<'a> {
    kind: &'a str,
    rest: &'a str,
}

/// `{{#kind rest}}` at the start of `text`, and its length.
fn parse_directive(text: &str) -> Option<(Directive<'_>, usize)> {
    let end = text.find('}')?;
    if !text[end..].starts_with("}}") {
        return None;
    }
    let inner = text[2..end].trim_start().strip_prefix('#')?;
    let (kind, rest) = inner.split_once(char::is_whitespace)?;
    let known = matches!(kind, "include" | "rustdoc_include" | "playground" | "playpen" | "title");
    (known && !rest.trim().is_empty()).then_some((Directive { kind, rest }, end + 2))
}

/// Which lines of a file are meant.
#[derive(Debug, PartialEq)]
enum Part<'a> {
    /// From one line, counted from 0, to before another.
    Lines(usize, usize),
    Anchor(&'a str),
}

impl<'a> Part<'a> {
    fn parse(range: Option<&'a str>) -> Self {
        let mut parts = range.unwrap_or_default().splitn(3, ':');
        let first = parts.next().unwrap_or_default();
        let start = match first.parse::<usize>() {
            Ok(line) => Some(line.saturating_sub(1)),
            Err(_) if first.is_empty() => None,
            Err(_) => return Self::Anchor(first),
        };
        match (start, parts.next().map(str::parse::<usize>)) {
            (start, Some(Ok(end))) => Self::Lines(start.unwrap_or(0), end),
            (Some(start), None) => Self::Lines(start, start + 1),
            (start, _) => Self::Lines(start.unwrap_or(0), usize::MAX),
        }
    }

    fn take(&self, text: &str) -> String {
        let lines: Vec<&str> = match *self {
            Self::Lines(start, end) => text.lines().take(end).skip(start).collect(),
            Self::Anchor(name) => {
                let after = text.lines().skip_while(|line| anchor(line, "ANCHOR:") != Some(name)).skip(1);
                after
                    .take_while(|line| anchor(line, "ANCHOR_END:") != Some(name))
                    .filter(|line| anchor(line, "ANCHOR:").or(anchor(line, "ANCHOR_END:")).is_none())
                    .collect()
            }
        };
        lines.join("\n")
    }

    /// The part in sight and everything else hidden behind `# `, which Rust blocks do not show.
    fn take_rustdoc(&self, text: &str) -> String {
        let mut lines: Vec<String> = Vec::new();
        let mut inside = false;
        for (index, line) in text.lines().enumerate() {
            let shown = match *self {
                Self::Lines(start, end) => (start..end).contains(&index),
                Self::Anchor(name) => {
                    if inside {
                        inside = anchor(line, "ANCHOR_END:") != Some(name);
                    } else if anchor(line, "ANCHOR:") == Some(name) {
                        inside = true;
                    }
                    if anchor(line, "ANCHOR:").or(anchor(line, "ANCHOR_END:")).is_some() {
                        continue;
                    }
                    inside
                }
            };
            lines.push(if shown { line.to_owned() } else { format!("# {line}") });
        }
        lines.join("\n")
    }
}

/// The name after `sign` in a line.
fn anchor<'a>(line: &'a str, sign: &str) -> Option<&'a str> {
    let (_, rest) = line.split_once(sign)?;
    let rest = rest.trim_start();
    let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '-')).unwrap_or(rest.len());
    (end > 0).then_some(&rest[..end])
}

#[cfg(test)]
mod tests {
    use super::Part;

    const TEXT: &str = "a\n// ANCHOR: x\nb\n// ANCHOR: y\nc\n// ANCHOR_END: y\n// ANCHOR_END: x\nd";

    #[test]
    fn parts_are_taken_as_mdbook_takes_them() {
        for (range, expected) in [
            (None, TEXT),
            (Some("1"), "a"),
            (Some("1:2"), "a\n// ANCHOR: x"),
            (Some("8:"), "d"),
            (Some(":1"), "a"),
            (Some("5:3"), ""),
            (Some("x"), "b\nc"),
            (Some("y"), "c"),
            (Some("z"), ""),
        ] {
            assert_eq!(Part::parse(range).take(TEXT), expected, "{range:?}");
        }
    }

    #[test]
    fn rustdoc_hides_the_rest() {
        assert_eq!(Part::parse(Some("y")).take_rustdoc(TEXT), "# a\n# b\nc\n# d");
        assert_eq!(Part::parse(Some("1")).take_rustdoc("a\nb"), "a\n# b");
    }
}
