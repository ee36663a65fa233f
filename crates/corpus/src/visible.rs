//! What a reader sees of a piece of chunk text, for quotes: the signs that stand for layout are gone.

use std::borrow::Cow;

use crate::cut::marker_length;

/// The visible words of a piece of [`crate::Chunk::content`]: list markers, the bars of tables, code fences
/// and backticks are removed, lines are kept.
///
/// Borrows when nothing had to go. A sentence's visible text is found in the built page as it is, except
/// across cells of a table.
pub fn visible_text(content: &str) -> Cow<'_, str> {
    let plain = |line: &str| {
        !line.contains('`') && !line.contains('$') && !line.starts_with('|') && marker_length(line) == 0
    };
    if content.lines().all(plain) {
        return Cow::Borrowed(content);
    }
    let mut visible = String::with_capacity(content.len());
    let mut fence: Option<&str> = None;
    for line in content.split('\n') {
        let ticks = line.trim_start().bytes().take_while(|&byte| byte == b'`').count();
        if let Some(open) = fence {
            if line == open {
                fence = None;
                continue;
            }
            add_line(&mut visible, line);
        } else if ticks >= 3 && !line[ticks..].contains('`') {
            fence = Some(&line[..ticks]);
        } else {
            add_line(&mut visible, &visible_line(line));
        }
    }
    Cow::Owned(visible)
}

/// The visible text of each cell of a table's row, as it stands in [`crate::Chunk::content`], without empty ones; none for
/// what is no row. Each cell is a block of its own on the built page.
pub fn visible_cells(line: &str) -> Option<Vec<String>> {
    Some(raw_cells(line.trim())?.map(visible_line).collect())
}

fn raw_cells(line: &str) -> Option<impl Iterator<Item = &str>> {
    let row = line.strip_prefix("| ")?.strip_suffix('|')?;
    Some(row.split(" | ").map(str::trim).filter(|cell| !cell.is_empty()))
}

fn add_line(visible: &mut String, line: &str) {
    if !visible.is_empty() {
        visible.push('\n');
    }
    visible.push_str(line);
}

fn visible_line(line: &str) -> String {
    let line = &line[marker_length(line)..];
    let row;
    let line = match raw_cells(line) {
        Some(cells) => {
            row = cells.collect::<Vec<_>>().join(" ");
            row.as_str()
        }
        None => line,
    };
    let line = line.strip_prefix("$$").and_then(|tex| tex.strip_suffix("$$")).unwrap_or(line);
    let mut visible = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(at) = rest.find('`') {
        let run = rest[at..].bytes().take_while(|&byte| byte == b'`').count();
        let inner = &rest[at + run..];
        let Some(end) = closing_run(inner, run) else {
            visible.push_str(&rest[..at + run]);
            rest = inner;
            continue;
        };
        visible.push_str(&rest[..at]);
        let code = &inner[..end];
        // Code that holds backticks is set off from its own by spaces.
        let padded =
            (run > 1).then(|| code.strip_prefix(' ').and_then(|code| code.strip_suffix(' '))).flatten();
        visible.push_str(padded.unwrap_or(code));
        rest = &inner[end + run..];
    }
    visible.push_str(rest);
    visible
}

fn closing_run(text: &str, run: usize) -> Option<usize> {
    let mut at = 0;
    while let Some(found) = text[at..].find('`') {
        let start = at + found;
        let length = text[start..].bytes().take_while(|&byte| byte == b'`').count();
        if length == run {
            return Some(start);
        }
        at = start + length;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::visible_text;

    fn check(content: &str, expected: &str) {
        assert_eq!(visible_text(content), expected);
    }

    #[test]
    fn layout_signs_are_removed() {
        check("Plain words, 3 * 4.", "Plain words, 3 * 4.");
        check("Call `run()` and `` a`b ``.", "Call run() and a`b.");
        check("- one\n  - [x] two\n3. three", "one\ntwo\nthree");
        check("| A | B |\n| `x` | y |", "A B\nx y");
        check("```rust\nfn main() {}\n```", "fn main() {}");
        check("Text\n\n```\n- a `b`\n```\n\nend", "Text\n\n- a `b`\n\nend");
        check("an unpaired ` sign", "an unpaired ` sign");
    }
}
