//! The fields of a chunk: title, headings, body and code.

use corpus::Chunk;

pub(crate) const TITLE: usize = 0;
pub(crate) const HEADINGS: usize = 1;
pub(crate) const BODY: usize = 2;
pub(crate) const CODE: usize = 3;

/// Calls `found` with each stretch of text and its field. Code is what stands between fences, info line included;
/// fences have three marks or more and close with as many, as in the grammar of [`corpus::Block`].
pub(crate) fn for_each_field(chunk: &Chunk, mut found: impl FnMut(usize, &str)) {
    found(TITLE, &chunk.title);
    for heading in &chunk.heading_path {
        found(HEADINGS, heading);
    }
    let mut open: Option<(char, usize)> = None;
    for line in chunk.content.split_inclusive('\n') {
        let trimmed = line.trim();
        let fence = fence(trimmed);
        match (open, fence) {
            (None, Some(mark)) => {
                open = Some(mark);
                found(CODE, trimmed);
            }
            (Some((mark, length)), Some((other, marks)))
                if mark == other && marks >= length && trimmed.len() == marks =>
            {
                open = None;
            }
            (Some(_), _) => found(CODE, line),
            (None, None) => found(BODY, line),
        }
    }
}

/// The mark and length of a fence that starts this line.
fn fence(line: &str) -> Option<(char, usize)> {
    let mark = line.chars().next().filter(|mark| matches!(mark, '`' | '~'))?;
    let length = line.len() - line.trim_start_matches(mark).len();
    // Inline code may start a line with three marks, but never holds an info line that has marks again.
    (length >= 3 && !(mark == '`' && line[length..].contains('`'))).then_some((mark, length))
}

#[cfg(test)]
mod tests;
