//! The signs at the start of a Markdown line: indentation, quotes, list markers, fences. Only as much of the
//! block structure as is needed to know where code is and what indentation means.

/// The signs before a line's content.
pub(crate) struct Prefix {
    /// Columns and bytes of white space at the very start.
    pub(crate) columns: usize,
    pub(crate) bytes: usize,
    pub(crate) quotes: usize,
    /// Column of the content after each list marker.
    pub(crate) items: Vec<(usize, usize)>,
    /// Byte and column where the content begins.
    pub(crate) content: usize,
    pub(crate) content_column: usize,
}

/// Columns (tabs to the next multiple of four) and bytes of leading white space.
pub(crate) fn leading(line: &str) -> (usize, usize) {
    let mut columns = 0;
    for (at, byte) in line.bytes().enumerate() {
        match byte {
            b' ' => columns += 1,
            b'\t' => columns += 4 - columns % 4,
            _ => return (columns, at),
        }
    }
    (columns, line.len())
}

pub(crate) fn split_prefix(line: &str) -> Prefix {
    let (columns, bytes) = leading(line);
    let mut prefix =
        Prefix { columns, bytes, quotes: 0, items: Vec::new(), content: bytes, content_column: columns };
    loop {
        let rest = &line[prefix.content..];
        if let Some(after) = rest.strip_prefix('>') {
            let (space, length) = leading(after);
            prefix.quotes += 1;
            prefix.content += 1 + length;
            prefix.content_column += 1 + space;
            continue;
        }
        let Some(marker) = list_marker(rest) else { return prefix };
        let (space, length) = leading(&rest[marker..]);
        prefix.content += marker + length;
        prefix.content_column += marker + space;
        prefix.items.push((prefix.content, prefix.content_column));
    }
}

/// Length of the list marker at the start of `text`.
pub(crate) fn list_marker(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let length = match bytes.first()? {
        b'-' | b'*' | b'+' if !is_rule(text) => 1,
        b'0'..=b'9' => {
            let digits = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
            let ends = digits <= 9 && matches!(bytes.get(digits), Some(b'.' | b')'));
            ends.then_some(digits + 1)?
        }
        _ => return None,
    };
    // An item without text does not take the next line's signs along.
    let filled = matches!(bytes.get(length), Some(b' ' | b'\t')) && !text[length..].trim().is_empty();
    filled.then_some(length)
}

/// A thematic break: three or more equal signs and nothing else.
pub(crate) fn is_rule(text: &str) -> bool {
    let mut signs = text.bytes().filter(|byte| !matches!(byte, b' ' | b'\t'));
    let Some(first @ (b'-' | b'*' | b'_')) = signs.next() else { return false };
    let mut count = 1;
    for sign in signs {
        if sign != first {
            return false;
        }
        count += 1;
    }
    count >= 3
}

pub(crate) fn fence_start(content: &str) -> Option<(u8, usize)> {
    let sign = *content.as_bytes().first()?;
    let length = content.bytes().take_while(|&byte| byte == sign).count();
    let fence = length >= 3 && (sign == b'~' || (sign == b'`' && !content[length..].contains('`')));
    fence.then_some((sign, length))
}

/// Whether the line that begins here belongs to another block, as far as code spans are concerned.
pub(crate) fn ends_paragraph(rest: &str) -> bool {
    let line = rest.lines().next().unwrap_or_default().trim_start();
    line.is_empty()
        || line.starts_with(['#', '|', '>'])
        || line.starts_with(":::")
        || fence_start(line).is_some()
        || list_marker(line).is_some()
}
