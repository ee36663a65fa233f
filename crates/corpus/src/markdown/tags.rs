//! Tags of HTML and JSX and the JavaScript expressions inside them, recognised without a parser tree.
//! Nothing here fails: what is not a tag or not closed is `None`, and the caller keeps it as text.

/// Longest tag or expression that is followed, in bytes; beyond that a `<` or `{` was only a sign.
const MAX_LENGTH: usize = 64 * 1024;
/// Bytes that one page may cost in searches that found no end. Real pages have a handful of lone signs; a
/// page of nothing but `{` would otherwise take quadratic time.
const SEARCH_BUDGET: usize = 4 * 1024 * 1024;
/// How far is still looked when the budget is spent.
const SHORT_SEARCH: usize = 256;

/// Limits searches for an end that may not be there.
#[derive(Debug, Default)]
pub(crate) struct Effort {
    spent: usize,
}

impl Effort {
    /// The part of `text` in which an end may be looked for.
    pub(crate) fn window<'a>(&self, text: &'a str) -> &'a str {
        let limit = if self.spent < SEARCH_BUDGET { MAX_LENGTH } else { SHORT_SEARCH };
        let mut end = limit.min(text.len());
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        &text[..end]
    }

    /// Counts a search that the caller made by itself.
    pub(crate) fn spend(&mut self, bytes: usize) {
        self.spent += bytes;
    }

    /// The place of `needle` in reach.
    pub(crate) fn find(&mut self, text: &str, needle: &str) -> Option<usize> {
        let window = self.window(text);
        let found = window.find(needle);
        if found.is_none() {
            self.spent += window.len();
        }
        found
    }

    /// The tag at the start of `text`.
    pub(crate) fn tag<'a>(&mut self, text: &'a str) -> Option<Tag<'a>> {
        let window = self.window(text);
        let tag = parse_tag(window);
        if tag.is_none() {
            // What is no tag usually shows it at once; only values can run on to the end.
            let bytes = window.as_bytes();
            let open = bytes.iter().skip(1).position(|byte| *byte == b'<').unwrap_or(bytes.len());
            let valued = bytes[..open].iter().any(|byte| matches!(byte, b'{' | b'"' | b'\''));
            self.spent += if valued { bytes.len() } else { open };
        }
        tag
    }

    /// Length of the balanced `{…}` at the start of `text`.
    pub(crate) fn braces(&mut self, text: &str) -> Option<usize> {
        let window = self.window(text);
        let length = braces(window);
        if length.is_none() {
            self.spent += window.len();
        }
        length
    }
}

/// An opening, closing or self-closing tag.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tag<'a> {
    /// `""` for a JSX fragment.
    pub(crate) name: &'a str,
    pub(crate) closing: bool,
    pub(crate) self_closing: bool,
    pub(crate) attributes: Vec<(&'a str, Value<'a>)>,
    /// Bytes from `<` to `>`, both included.
    pub(crate) length: usize,
}

/// The value of an attribute, as written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Value<'a> {
    None,
    Text(&'a str),
    /// What stands between the braces.
    Expression(&'a str),
}

impl Tag<'_> {
    /// The attribute's text: of a quoted value, or of an expression that is a plain string.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        let (_, value) = self.attributes.iter().find(|(found, _)| *found == name)?;
        match value {
            Value::None => None,
            Value::Text(text) => Some(decode_entities(text)),
            Value::Expression(expression) => literal(expression),
        }
    }

    /// The attribute's expression.
    pub(crate) fn expression(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find_map(|(found, value)| match value {
            Value::Expression(expression) if *found == name => Some(*expression),
            _ => None,
        })
    }
}

/// The tag at the start of `text`, which begins with `<`.
fn parse_tag(text: &str) -> Option<Tag<'_>> {
    let bytes = text.as_bytes();
    let mut at = 1;
    let closing = bytes.get(at) == Some(&b'/');
    at += usize::from(closing);
    let name_start = at;
    if bytes.get(at).is_some_and(|b| b.is_ascii_alphabetic() || *b == b'_' || *b == b'$') {
        while bytes
            .get(at)
            .is_some_and(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'$' | b'.' | b'-'))
        {
            at += 1;
        }
    }
    let name = &text[name_start..at];
    let mut tag = Tag { name, closing, self_closing: false, attributes: Vec::new(), length: 0 };
    loop {
        match bytes.get(at)? {
            b' ' | b'\t' | b'\n' => at += 1,
            b'>' => {
                tag.length = at + 1;
                return Some(tag);
            }
            b'/' => {
                tag.self_closing = true;
                at += 1;
                if bytes.get(at) == Some(&b'*') {
                    tag.self_closing = false;
                    at += text[at..].find("*/")? + 2;
                }
            }
            // The rest is only for tags with a name: `<>` takes no attributes.
            _ if name.is_empty() || closing => return None,
            b'{' => at += braces(&text[at..])?,
            b'<' | b'"' | b'\'' | b'`' => return None,
            _ => {
                // Attributes are parted from the name and from each other by white space.
                if !matches!(bytes.get(at.wrapping_sub(1)), Some(b' ' | b'\t' | b'\n' | b'"' | b'\'' | b'}'))
                {
                    return None;
                }
                let start = at;
                while bytes
                    .get(at)
                    .is_some_and(|b| !matches!(b, b' ' | b'\t' | b'\n' | b'=' | b'>' | b'/' | b'<'))
                {
                    at += 1;
                }
                let attribute = &text[start..at];
                let mut next = at;
                while bytes.get(next).is_some_and(|b| b.is_ascii_whitespace()) {
                    next += 1;
                }
                if bytes.get(next) != Some(&b'=') {
                    tag.attributes.push((attribute, Value::None));
                    continue;
                }
                next += 1;
                while bytes.get(next).is_some_and(|b| b.is_ascii_whitespace()) {
                    next += 1;
                }
                let value = match bytes.get(next)? {
                    quote @ (b'"' | b'\'') => {
                        let inner = &text[next + 1..];
                        let end = inner.find(char::from(*quote))?;
                        at = next + end + 2;
                        Value::Text(&inner[..end])
                    }
                    b'{' => {
                        let length = braces(&text[next..])?;
                        at = next + length;
                        Value::Expression(&text[next + 1..next + length - 1])
                    }
                    _ => {
                        at = next;
                        while bytes.get(at).is_some_and(|b| !b.is_ascii_whitespace() && *b != b'>') {
                            at += 1;
                        }
                        Value::Text(&text[next..at])
                    }
                };
                tag.attributes.push((attribute, value));
            }
        }
    }
}

/// Length of the balanced `{…}` at the start of `text`, strings, templates and comments skipped.
fn braces(text: &str) -> Option<usize> {
    balanced(text).filter(|&end| end > 0)
}

/// Length of the JavaScript from the start of `text` until its brackets are closed; `Some(0)` when the
/// text opens none, `None` when one stays open.
fn balanced(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    // What is open, by its first sign: a bracket, a template (`) or a placeholder ($) inside one.
    let mut open: Vec<u8> = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let byte = bytes[at];
        let mut closed = false;
        if open.last() == Some(&b'`') {
            match byte {
                b'\\' => at += 1,
                b'`' => {
                    open.pop();
                    closed = true;
                }
                b'$' if bytes.get(at + 1) == Some(&b'{') => {
                    open.push(b'$');
                    at += 1;
                }
                _ => {}
            }
        } else {
            match byte {
                b'{' | b'(' | b'[' | b'`' => open.push(byte),
                b'}' | b')' | b']' => {
                    open.pop()?;
                    closed = true;
                }
                b'"' | b'\'' => at = string_end(bytes, at + 1, byte),
                b'/' if bytes.get(at + 1) == Some(&b'*') => at += 3 + find(&bytes[at + 2..], b"*/")?,
                b'/' if bytes.get(at + 1) == Some(&b'/') && (at == 0 || bytes[at - 1] != b':') => {
                    at += find(&bytes[at..], b"\n")?;
                }
                _ => {}
            }
        }
        at += 1;
        if closed && open.is_empty() {
            return Some(at);
        }
    }
    open.is_empty().then_some(0)
}

/// Whether all brackets, strings and templates of some JavaScript are closed.
pub(crate) fn is_balanced(text: &str) -> bool {
    let mut rest = text;
    loop {
        match balanced(rest) {
            None => return false,
            Some(0) => return true,
            Some(length) => rest = &rest[length..],
        }
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

/// The place of the closing quote. An apostrophe in JSX text has none on its line and is only a sign.
fn string_end(bytes: &[u8], start: usize, quote: u8) -> usize {
    let mut at = start;
    while at < bytes.len() && bytes[at] != b'\n' {
        match bytes[at] {
            b'\\' => at += 1,
            found if found == quote => return at,
            _ => {}
        }
        at += 1;
    }
    start - 1
}

/// The text of an expression that is one string, one number or one template without placeholders.
pub(crate) fn literal(expression: &str) -> Option<String> {
    let expression = expression.trim();
    let quote = expression.chars().next()?;
    if matches!(quote, '"' | '\'' | '`') {
        let inner = expression.strip_prefix(quote)?.strip_suffix(quote)?;
        if quote == '`' && inner.contains("${") {
            return None;
        }
        let mut text = String::with_capacity(inner.len());
        let mut characters = inner.chars();
        while let Some(character) = characters.next() {
            if character == quote {
                return None;
            }
            if character != '\\' {
                text.push(character);
                continue;
            }
            match characters.next()? {
                'n' => text.push('\n'),
                't' => text.push('\t'),
                '\n' => {}
                other => text.push(other),
            }
        }
        return Some(text);
    }
    let number = !expression.is_empty() && expression.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    number.then(|| expression.to_owned())
}

/// Decodes character references, as in `Fish &amp; chips`.
pub(crate) fn decode_entities(text: &str) -> String {
    let mut decoded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        decoded.push_str(&rest[..at]);
        rest = &rest[at..];
        // The longest name in HTML has 31 letters.
        let end = rest.bytes().take(34).position(|b| b == b';');
        match end.and_then(|end| decode_entity(&rest[..=end]).map(|text| (text, end))) {
            Some((text, end)) => {
                decoded.push_str(&text);
                rest = &rest[end + 1..];
            }
            None => {
                decoded.push('&');
                rest = &rest[1..];
            }
        }
    }
    decoded.push_str(rest);
    decoded
}

/// The Markdown parser carries the full table of names; a lone reference is a paragraph of its own to it.
fn decode_entity(reference: &str) -> Option<String> {
    if !reference[1..reference.len() - 1].bytes().all(|b| b.is_ascii_alphanumeric() || b == b'#') {
        return None;
    }
    let text: String = pulldown_cmark::Parser::new(reference)
        .filter_map(|event| match event {
            pulldown_cmark::Event::Text(text) => Some(text.into_string()),
            _ => None,
        })
        .collect();
    // A space-like character is trimmed from the paragraph by the parser.
    match reference {
        "&nbsp;" | "&#160;" => Some("\u{a0}".into()),
        _ => (!text.is_empty() && text != reference).then_some(text),
    }
}

/// Elements of HTML that flow inside a line.
pub(crate) fn is_inline_element(name: &str) -> bool {
    matches!(
        name,
        "a" | "abbr"
            | "b"
            | "bdi"
            | "bdo"
            | "big"
            | "button"
            | "cite"
            | "code"
            | "data"
            | "del"
            | "dfn"
            | "em"
            | "font"
            | "i"
            | "img"
            | "input"
            | "ins"
            | "kbd"
            | "label"
            | "mark"
            | "q"
            | "rp"
            | "rt"
            | "ruby"
            | "s"
            | "samp"
            | "small"
            | "span"
            | "strike"
            | "strong"
            | "sub"
            | "sup"
            | "svg"
            | "path"
            | "time"
            | "tt"
            | "u"
            | "var"
            | "wbr"
            | "br"
            | "picture"
            | "source"
            | "Link"
    )
}

/// Other elements of HTML: each begins a block of its own.
pub(crate) fn is_block_element(name: &str) -> bool {
    matches!(
        name,
        "address"
            | "article"
            | "aside"
            | "audio"
            | "blockquote"
            | "body"
            | "canvas"
            | "caption"
            | "center"
            | "col"
            | "colgroup"
            | "dd"
            | "details"
            | "dialog"
            | "div"
            | "dl"
            | "dt"
            | "embed"
            | "fieldset"
            | "figcaption"
            | "figure"
            | "footer"
            | "form"
            | "h1"
            | "h2"
            | "h3"
            | "h4"
            | "h5"
            | "h6"
            | "head"
            | "header"
            | "hgroup"
            | "hr"
            | "html"
            | "iframe"
            | "legend"
            | "li"
            | "main"
            | "menu"
            | "nav"
            | "noscript"
            | "object"
            | "ol"
            | "optgroup"
            | "option"
            | "output"
            | "p"
            | "param"
            | "pre"
            | "progress"
            | "script"
            | "search"
            | "section"
            | "select"
            | "style"
            | "summary"
            | "table"
            | "tbody"
            | "td"
            | "template"
            | "textarea"
            | "tfoot"
            | "th"
            | "thead"
            | "tr"
            | "track"
            | "ul"
            | "video"
    )
}

/// The level of `h1` to `h6`.
pub(crate) fn heading_level(name: &str) -> Option<u8> {
    match name.as_bytes() {
        [b'h', digit @ b'1'..=b'6'] => Some(digit - b'0'),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{braces, decode_entities, is_balanced, literal, parse_tag};

    #[test]
    fn tags_end_where_they_end() {
        for (text, length) in [
            ("<Tabs>x", Some(6)),
            ("<Tabs\n values={[{a: '>'}]}\n>x", Some(28)),
            ("<a b=\"x > y\" c='>'/>", Some(20)),
            ("</Tabs>", Some(7)),
            ("<>x</>", Some(2)),
            ("< b", None),
            ("<3", None),
            ("<https://x.org>", None),
            ("<Tabs", None),
            ("<T a={`x${`}`}`}>y", Some(17)),
        ] {
            assert_eq!(parse_tag(text).map(|tag| tag.length), length, "{text}");
        }
    }

    #[test]
    fn attributes_are_read() {
        let tag =
            parse_tag(r#"<TabItem value="mac" label={'mac OS'} default title="a &amp; b">"#).expect("a tag");
        assert_eq!(tag.text("value").as_deref(), Some("mac"));
        assert_eq!(tag.text("label").as_deref(), Some("mac OS"));
        assert_eq!(tag.text("default"), None);
        assert_eq!(tag.text("title").as_deref(), Some("a & b"));
    }

    #[test]
    fn braces_are_balanced_over_strings_templates_and_comments() {
        for (text, length) in [
            ("{a}b", Some(3)),
            ("{'}'}", Some(5)),
            ("{`}${'}'}`}x", Some(11)),
            ("{/* } */}", Some(9)),
            ("{a{b}c}", Some(7)),
            ("{it's}", Some(6)),
            ("{", None),
            ("{`", None),
        ] {
            assert_eq!(braces(text), length, "{text}");
        }
        assert!(is_balanced("const a = {b: [1]}; f(`x${y}`)"));
        assert!(!is_balanced("const a = () => {"));
    }

    #[test]
    fn literals_are_evaluated() {
        assert_eq!(literal(" 'a\\'b' ").as_deref(), Some("a'b"));
        assert_eq!(literal("`a\nb`").as_deref(), Some("a\nb"));
        assert_eq!(literal("`a${b}`"), None);
        assert_eq!(literal("'a' + 'b'"), None);
        assert_eq!(literal("3.10").as_deref(), Some("3.10"));
        assert_eq!(literal("props.x"), None);
    }

    #[test]
    fn entities_are_decoded() {
        assert_eq!(decode_entities("a &amp; b &#65;&unknown; & c&nbsp;d"), "a & b A&unknown; & c\u{a0}d");
    }
}
