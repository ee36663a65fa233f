//! Links that open a page at the quoted sentence, and text that is safe inside Markdown.

use std::fmt::Write as _;

/// Quotes longer than this many words are given by their first and last words.
const WHOLE_QUOTE_WORDS: usize = 12;

/// Words of a long quote that stand at each end.
const END_WORDS: usize = 5;

/// URL of a section with a text fragment for `quote`: `url#anchor:~:text=…`.
///
/// An empty quote gives the section alone. The quote must be visible text of one block of the page;
/// white space is normalised.
///
/// # Source
/// WICG "URL Fragment Text Directives": `text=[prefix-,]start[,end][,-suffix]`, where `-`, `,` and `&`
/// of the text itself are percent-encoded.
pub fn href(url: &str, anchor: Option<&str>, quote: &str) -> String {
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
    if words.len() <= WHOLE_QUOTE_WORDS {
        encode(&words.join(" "), &mut href);
    } else {
        encode(&words[..END_WORDS].join(" "), &mut href);
        href.push(',');
        encode(&words[words.len() - END_WORDS..].join(" "), &mut href);
    }
    href
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
