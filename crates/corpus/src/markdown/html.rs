//! Raw HTML inside Markdown: what a reader sees of it. Used where HTML is not JSX: mdBook, plain Markdown
//! and Docusaurus pages of format `md`.

use super::tags::{self, Effort};

/// A piece of what a raw block shows, in order.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Piece {
    /// Words of running text, white space collapsed.
    Text(String),
    /// A block ends or begins here.
    Break,
    /// A cell of a table ends here.
    Cell,
    /// Preformatted text.
    Code(String),
    HeadingStart {
        level: u8,
        id: Option<String>,
    },
    HeadingEnd,
}

/// Reads a raw HTML block. Comments, scripts and styles show nothing.
pub(crate) fn read_html(html: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut effort = Effort::default();
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        push_text(&mut pieces, &rest[..at]);
        rest = &rest[at..];
        if let Some(comment) = rest.strip_prefix("<!--") {
            let end = effort.find(comment, "-->").map_or(comment.len(), |end| end + 3);
            rest = &comment[end..];
            continue;
        }
        if rest.starts_with("<!") || rest.starts_with("<?") {
            rest = &rest[rest.find('>').map_or(rest.len(), |end| end + 1)..];
            continue;
        }
        let Some(tag) = effort.tag(rest) else {
            push_text(&mut pieces, "<");
            rest = &rest[1..];
            continue;
        };
        rest = &rest[tag.length..];
        let name = tag.name.to_ascii_lowercase();
        let opens = !tag.closing && !tag.self_closing;
        match name.as_str() {
            "script" | "style" | "template" if opens => {
                rest = after_closing(rest, &name, &mut effort).1;
            }
            "pre" if opens => {
                let (inner, after) = after_closing(rest, "pre", &mut effort);
                pieces.push(Piece::Code(plain_text(inner)));
                rest = after;
            }
            "br" => push_text(&mut pieces, " "),
            "img" => {
                if let Some(alt) = tag.text("alt") {
                    push_text(&mut pieces, &alt.replace('&', "&amp;"));
                }
            }
            "td" | "th" => pieces.push(Piece::Cell),
            _ => {
                if let Some(level) = tags::heading_level(&name) {
                    pieces.push(if opens {
                        Piece::HeadingStart { level, id: tag.text("id") }
                    } else {
                        Piece::HeadingEnd
                    });
                } else if tags::is_block_element(&name) {
                    pieces.push(Piece::Break);
                } else if !tags::is_inline_element(&name) {
                    pieces.push(Piece::Break);
                    let label = ["title", "caption", "label"].iter().find_map(|name| tag.text(name));
                    if let Some(label) = label.filter(|_| !tag.closing) {
                        pieces.extend([Piece::Text(label), Piece::Break]);
                    }
                }
            }
        }
    }
    push_text(&mut pieces, rest);
    pieces
}

/// The text before `</name` and what follows that tag.
fn after_closing<'a>(text: &'a str, name: &str, effort: &mut Effort) -> (&'a str, &'a str) {
    let Some(end) = effort.find(text, &format!("</{name}")) else { return (text, "") };
    let after = text[end..].find('>').map_or(text.len(), |close| end + close + 1);
    (&text[..end], &text[after..])
}

fn push_text(pieces: &mut Vec<Piece>, raw: &str) {
    if raw.is_empty() {
        return;
    }
    let decoded = tags::decode_entities(raw);
    let mut text = String::with_capacity(decoded.len());
    for character in decoded.chars() {
        if !character.is_ascii_whitespace() {
            text.push(character);
        } else if !text.ends_with(' ') {
            text.push(' ');
        }
    }
    match pieces.last_mut() {
        Some(Piece::Text(previous)) => {
            let text = if previous.ends_with(' ') { text.trim_start() } else { &text };
            previous.push_str(text);
        }
        _ => pieces.push(Piece::Text(text)),
    }
}

/// The text of a fragment, tags dropped and white space kept.
pub(crate) fn plain_text(html: &str) -> String {
    let mut text = String::with_capacity(html.len());
    let mut effort = Effort::default();
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        text.push_str(&rest[..at]);
        rest = &rest[at..];
        let length = effort.tag(rest).map_or(0, |tag| tag.length);
        if length == 0 {
            text.push('<');
        }
        rest = &rest[length.max(1)..];
    }
    text.push_str(rest);
    tags::decode_entities(&text)
}

#[cfg(test)]
mod tests {
    use super::{Piece, plain_text, read_html};

    #[test]
    fn a_raw_block_shows_its_text() {
        let text = |text: &str| Piece::Text(text.into());
        assert_eq!(
            read_html("<div class=\"x\">\nFish &amp;\nchips <b>now</b><!-- no --></div>"),
            [Piece::Break, text(" Fish & chips now"), Piece::Break]
        );
        assert_eq!(
            read_html("<h2 id=\"raw\">Raw</h2><script>no()</script>"),
            [Piece::HeadingStart { level: 2, id: Some("raw".into()) }, text("Raw"), Piece::HeadingEnd]
        );
        assert_eq!(read_html("<pre><code>a\n  b</code></pre>"), [Piece::Code("a\n  b".into())]);
        assert_eq!(read_html("a < b"), [text("a < b")]);
    }

    #[test]
    fn tags_leave_plain_text() {
        assert_eq!(plain_text("a <i>b</i> &lt; c < d"), "a b < c < d");
    }
}
