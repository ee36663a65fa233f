//! Links that open a page at the quoted sentence, and text that is safe inside Markdown.

use std::fmt::Write as _;

/// Quotes longer than this many words are given by their first and last words.
const WHOLE_QUOTE_WORDS: usize = 12;

/// Words of a long quote that stand at each end, when they are enough to tell it.
const END_WORDS: usize = 5;

/// Words of the text around a quote that tell it from its like further up.
const CONTEXT_WORDS: usize = 5;

/// What stands around a quote on its page, as a reader sees it, with single spaces.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Around<'a> {
    /// Everything on the page before the quote, as far as it is known.
    pub page_before: &'a str,
    /// The text right before it in one block, its own or the one before; empty below a heading.
    pub before: &'a str,
    /// The text right behind it in one block.
    pub after: &'a str,
}

/// URL of a section: `url#anchor`.
pub fn section_href(url: &str, anchor: Option<&str>) -> String {
    href(url, anchor, "", Around::default())
}

/// URL of a section with a text fragment for `quote`: `url#anchor:~:text=…`.
///
/// An empty quote gives the section alone. The quote must be visible text of one block of the page; white space is
/// normalised. Browsers select the first place of the page that fits, so a quote that stands further up as well gets
/// the words around it, and a long quote as many words at its ends as tell it from others.
///
/// # Source
/// WICG "URL Fragment Text Directives": `text=[prefix-,]start[,end][,-suffix]`, where `-`, `,` and `&` of the text
/// itself are percent-encoded. Case does not count.
pub fn href(url: &str, anchor: Option<&str>, quote: &str, around: Around<'_>) -> String {
    let mut href = url.to_owned();
    let words: Vec<&str> = quote.split_whitespace().collect();
    if anchor.is_none() && words.is_empty() {
        return href;
    }
    href.push('#');
    if let Some(anchor) = anchor {
        encode_anchor(anchor, &mut href);
    }
    if words.is_empty() {
        return href;
    }
    href.push_str(":~:text=");
    let page_before = around.page_before.to_lowercase();
    if let Some((start, end)) = ends(&words, &page_before) {
        encode(&start, &mut href);
        href.push(',');
        encode(&end, &mut href);
        return href;
    }
    let whole = words.join(" ");
    let repeated = page_before.contains(&whole.to_lowercase());
    let before: Vec<&str> = around.before.split_whitespace().filter(|_| repeated).collect();
    let after: Vec<&str> = around.after.split_whitespace().filter(|_| repeated).take(CONTEXT_WORDS).collect();
    if !before.is_empty() {
        encode(&before[before.len().saturating_sub(CONTEXT_WORDS)..].join(" "), &mut href);
        href.push_str("-,");
    }
    encode(&whole, &mut href);
    if !after.is_empty() {
        href.push_str(",-");
        encode(&after.join(" "), &mut href);
    }
    href
}

/// URL of a section with a text fragment for a row of a table, given by its visible cells, which are blocks of their own on
/// the page: from the first words of the first to the last words of the last.
///
/// `around.before` is the block before the row. A row that cannot be told from others gets the section alone.
pub fn row_href(url: &str, anchor: Option<&str>, cells: &[String], around: Around<'_>) -> String {
    let (first, inner, last) = match cells {
        [] => return section_href(url, anchor),
        [only] => return href(url, anchor, only, around),
        [first, inner @ .., last] => (first, inner, last),
    };
    let started: Vec<&str> = first.split_whitespace().collect();
    let start = started.iter().take(WHOLE_QUOTE_WORDS).copied().collect::<Vec<_>>().join(" ");
    let page_before = around.page_before.to_lowercase();
    let mut told = String::new();
    if page_before.contains(&start.to_lowercase()) {
        let before: Vec<&str> = around.before.split_whitespace().collect();
        told = before[before.len().saturating_sub(CONTEXT_WORDS)..].join(" ");
        if told.is_empty() || page_before.contains(&format!("{told} {start}").to_lowercase()) {
            return section_href(url, anchor);
        }
    }
    // Its end must not stand in the row before its end.
    let mut rest = started.get(WHOLE_QUOTE_WORDS..).unwrap_or_default().join(" ");
    for cell in inner {
        rest.push(' ');
        rest.push_str(cell);
    }
    let rest = format!("{rest} {last}").to_lowercase();
    let ending: Vec<&str> = last.split_whitespace().collect();
    let end =
        (END_WORDS.min(ending.len())..=ending.len()).map(|count| ending[ending.len() - count..].join(" "));
    let is_told =
        |end: &String| rest.find(&end.to_lowercase()) == rest.len().checked_sub(end.to_lowercase().len());
    let Some(end) = end.into_iter().find(is_told) else {
        return section_href(url, anchor);
    };
    let mut href = href(url, anchor, "", Around::default());
    if anchor.is_none() {
        href.push('#');
    }
    href.push_str(":~:text=");
    if !told.is_empty() {
        encode(&told, &mut href);
        href.push_str("-,");
    }
    encode(&start, &mut href);
    href.push(',');
    encode(&end, &mut href);
    href
}

/// The first and last words of a long quote, as many as tell its beginning from what stands before it on the page, and
/// its end from what stands inside it; none when it must be given whole.
fn ends(words: &[&str], page_before: &str) -> Option<(String, String)> {
    if words.len() <= WHOLE_QUOTE_WORDS {
        return None;
    }
    let most = words.len() / 2;
    let start = (END_WORDS..=most).find(|count| {
        let start = words[..*count].join(" ").to_lowercase();
        !page_before.contains(&start)
    })?;
    let end = (END_WORDS..=words.len() - start).find(|count| {
        let rest = words[start..].join(" ").to_lowercase();
        let end = words[words.len() - count..].join(" ").to_lowercase();
        rest.find(&end) == Some(rest.len() - end.len())
    })?;
    Some((words[..start].join(" "), words[words.len() - end..].join(" ")))
}

/// Percent-encodes everything but unreserved characters; `-` too, because it has a meaning in a text directive.
fn encode(text: &str, out: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'~') {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
}

/// Escapes what Markdown would read as markup, outside inline code.
pub fn markdown_text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut in_code = false;
    for character in text.chars() {
        match character {
            '`' => in_code = !in_code,
            '*' | '_' | '[' | ']' | '<' | '\\' | '~' | '|' | '$' if !in_code => out.push('\\'),
            _ => {}
        }
        out.push(character);
    }
    out
}

/// Anchors keep their hyphens; browsers compare them after decoding.
fn encode_anchor(anchor: &str, out: &mut String) {
    for (place, part) in anchor.split('-').enumerate() {
        if place > 0 {
            out.push('-');
        }
        encode(part, out);
    }
}

#[cfg(test)]
mod tests;
