//! Front matter: the YAML at the head of a page, and small YAML files beside it. It is read from parser
//! events within limits, so a hostile file costs no more than its length; aliases are never expanded.

use saphyr_parser::{Event, Parser, ScalarStyle};

/// Longest front matter that is looked at, in bytes; real ones stay under 2 KB.
const MAX_BYTES: usize = 64 * 1024;
/// Deepest nesting that is followed; known keys need two levels.
const MAX_DEPTH: usize = 32;

/// A YAML value as far as books need it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Yaml {
    /// A scalar; `quoted` tells `"true"` from `true`.
    Scalar {
        text: String,
        quoted: bool,
    },
    List(Vec<Yaml>),
    /// In source order; of repeated keys the last one counts.
    Map(Vec<(String, Yaml)>),
}

impl Yaml {
    /// The value of `key` when this is a map.
    pub(crate) fn get(&self, key: &str) -> Option<&Yaml> {
        match self {
            Self::Map(entries) => entries.iter().rev().find(|(name, _)| name == key).map(|(_, value)| value),
            _ => None,
        }
    }

    /// The text of a scalar; `null` is none.
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Scalar { text, quoted } => {
                let null = !quoted && matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL");
                (!null).then_some(text.as_str())
            }
            _ => None,
        }
    }

    /// A plain `true` or `false`.
    pub(crate) fn boolean(&self) -> Option<bool> {
        match self.text()? {
            "true" | "True" | "TRUE" => Some(true),
            "false" | "False" | "FALSE" => Some(false),
            _ => None,
        }
    }
}

/// What the head of a page says about it.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct FrontMatter {
    pub(crate) id: Option<String>,
    pub(crate) title: Option<String>,
    pub(crate) slug: Option<String>,
    pub(crate) sidebar_label: Option<String>,
    pub(crate) sidebar_position: Option<f64>,
    pub(crate) date: Option<String>,
    pub(crate) draft: bool,
    pub(crate) unlisted: bool,
    pub(crate) keep_number_prefixes: bool,
    /// `mdx.format`: `md`, `mdx` or `detect`.
    pub(crate) format: Option<String>,
}

/// A page's source, split: the front matter, the text after it, and the line on which that text begins.
pub(crate) struct Split<'a> {
    pub(crate) front_matter: FrontMatter,
    pub(crate) body: &'a str,
    pub(crate) first_line: usize,
    /// Line and message of what was not understood.
    pub(crate) problems: Vec<(usize, String)>,
}

/// Takes the front matter off a page. Text that only looks like front matter stays in the body.
pub(crate) fn split_front_matter(source: &str) -> Split<'_> {
    let source = source.strip_prefix('\u{feff}').unwrap_or(source);
    let mut split =
        Split { front_matter: FrontMatter::default(), body: source, first_line: 1, problems: Vec::new() };
    let Some((yaml, body, lines)) = cut(source) else {
        if source.starts_with("---\n") && looks_unclosed(source) {
            split.problems.push((1, "front matter has no closing `---` line; read as text".into()));
        }
        return split;
    };
    split.body = body;
    split.first_line = 1 + lines;
    match parse_yaml(yaml) {
        Ok(value) => split.front_matter = from_yaml(value.as_ref(), yaml, &mut split.problems),
        Err((line, message)) => {
            split.problems.push((1 + line, format!("front matter was not understood: {message}")));
        }
    }
    split
}

/// The YAML between the fences, the body, and the number of lines before the body.
fn cut(source: &str) -> Option<(&str, &str, usize)> {
    let first = source.lines().next()?;
    if first.trim_end() != "---" {
        return None;
    }
    let start = first_line_end(source);
    let mut position = start;
    let mut lines = 1;
    for line in source[start..].split_inclusive('\n') {
        lines += 1;
        if line.trim_end() == "---" {
            return Some((&source[start..position], &source[position + line.len()..], lines));
        }
        position += line.len();
    }
    None
}

fn first_line_end(source: &str) -> usize {
    source.find('\n').map_or(source.len(), |at| at + 1)
}

/// A rule (`---`) may open a page of its own; a `key:` line right below tells that front matter was meant.
fn looks_unclosed(source: &str) -> bool {
    source.lines().nth(1).is_some_and(|line| {
        line.split_once(':').is_some_and(|(key, _)| {
            !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        })
    })
}

fn from_yaml(value: Option<&Yaml>, yaml: &str, problems: &mut Vec<(usize, String)>) -> FrontMatter {
    // Below the opening fence; of repeated keys the last one counts.
    let line_of = |key: &str| {
        let is_key =
            |line: &str| line.strip_prefix(key).is_some_and(|rest| rest.trim_start().starts_with(':'));
        let place = yaml.lines().enumerate().filter(|(_, line)| is_key(line)).last();
        place.map_or(1, |(index, _)| index + 2)
    };
    let mut front_matter = FrontMatter::default();
    let Some(value) = value else { return front_matter };
    if !matches!(value, Yaml::Map(_)) {
        problems.push((1, "front matter is not a list of `key: value` lines; it was ignored".into()));
        return front_matter;
    }
    let mut text = |key: &str| match value.get(key) {
        Some(Yaml::Scalar { .. }) => value.get(key).and_then(Yaml::text).map(str::to_owned),
        Some(_) => {
            problems.push((line_of(key), format!("front matter `{key}` must be a text; it was ignored")));
            None
        }
        None => None,
    };
    front_matter.id = text("id").filter(|id| !id.is_empty());
    front_matter.title = text("title");
    front_matter.slug = text("slug").filter(|slug| !slug.is_empty());
    front_matter.sidebar_label = text("sidebar_label");
    front_matter.date = text("date");
    let position = text("sidebar_position");
    front_matter.sidebar_position = position.as_ref().and_then(|number| number.parse().ok());
    if position.is_some() && front_matter.sidebar_position.is_none() {
        let message = "front matter `sidebar_position` must be a number; it was ignored";
        problems.push((line_of("sidebar_position"), message.into()));
    }
    let mut flag = |key: &str| match value.get(key) {
        None => None,
        Some(found) if found.boolean().is_some() => found.boolean(),
        Some(_) => {
            let message = format!("front matter `{key}` must be true or false; it was ignored");
            problems.push((line_of(key), message));
            None
        }
    };
    front_matter.draft = flag("draft").unwrap_or(false);
    front_matter.unlisted = flag("unlisted").unwrap_or(false);
    front_matter.keep_number_prefixes = flag("parse_number_prefixes") == Some(false);
    front_matter.format =
        value.get("mdx").and_then(|mdx| mdx.get("format")).and_then(Yaml::text).map(str::to_owned);
    if front_matter.id.as_ref().is_some_and(|id| id.contains('/')) {
        problems.push((line_of("id"), "front matter `id` must not contain a slash; it was ignored".into()));
        front_matter.id = None;
    }
    front_matter
}

/// Reads the first document of a YAML text; `None` when it is empty.
///
/// # Errors
/// Line (from 1) and message when it is too long, too deep, uses aliases or is not YAML.
pub(crate) fn parse_yaml(text: &str) -> Result<Option<Yaml>, (usize, String)> {
    if text.len() > MAX_BYTES {
        return Err((1, format!("it is {} KB long, more than {} KB", text.len() / 1024, MAX_BYTES / 1024)));
    }
    /// A value that is still being read; in a map the key waits for its value.
    enum Open {
        List(Vec<Yaml>),
        Map(Vec<(String, Yaml)>, Option<String>),
    }
    let mut open: Vec<Open> = Vec::new();
    let mut parser = Parser::new_from_str(text);
    while let Some(event) = parser.next_event() {
        let (event, span) = event.map_err(|error| (error.marker().line(), error.info().to_owned()))?;
        let line = span.start.line();
        let mut done = match event {
            Event::Scalar(text, style, ..) => {
                Yaml::Scalar { text: text.into_owned(), quoted: style != ScalarStyle::Plain }
            }
            Event::SequenceStart(..) => {
                open.push(Open::List(Vec::new()));
                if open.len() > MAX_DEPTH {
                    return Err((line, format!("it is nested more than {MAX_DEPTH} levels deep")));
                }
                continue;
            }
            Event::MappingStart(..) => {
                open.push(Open::Map(Vec::new(), None));
                if open.len() > MAX_DEPTH {
                    return Err((line, format!("it is nested more than {MAX_DEPTH} levels deep")));
                }
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => match open.pop() {
                Some(Open::List(items)) => Yaml::List(items),
                Some(Open::Map(entries, _)) => Yaml::Map(entries),
                None => continue,
            },
            Event::Alias(_) => return Err((line, "aliases (`*name`) are not followed".into())),
            Event::DocumentEnd | Event::StreamEnd => return Ok(None),
            _ => continue,
        };
        match open.last_mut() {
            None => return Ok(Some(done).filter(|value| value.text().is_some() || !is_scalar(value))),
            Some(Open::List(items)) => items.push(done),
            Some(Open::Map(entries, key)) => match key.take() {
                Some(key) => entries.push((key, done)),
                None => {
                    let name = match &mut done {
                        Yaml::Scalar { text, .. } => std::mem::take(text),
                        _ => String::new(),
                    };
                    *key = Some(name);
                }
            },
        }
    }
    Ok(None)
}

fn is_scalar(value: &Yaml) -> bool {
    matches!(value, Yaml::Scalar { .. })
}

#[cfg(test)]
mod tests {
    use super::{FrontMatter, split_front_matter};

    fn read(source: &str) -> (FrontMatter, String, Vec<String>) {
        let split = split_front_matter(source);
        (split.front_matter, split.body.to_owned(), split.problems.into_iter().map(|(_, m)| m).collect())
    }

    #[test]
    fn known_keys_are_read() {
        let (front, body, problems) = read(
            "---\nid: custom\ntitle: \"A: b\"\nslug: /x\ndraft: true\nparse_number_prefixes: false\nmdx:\n  format: md\n---\nText",
        );
        assert_eq!(front.id.as_deref(), Some("custom"));
        assert_eq!(front.title.as_deref(), Some("A: b"));
        assert_eq!(front.slug.as_deref(), Some("/x"));
        assert!(front.draft && front.keep_number_prefixes && !front.unlisted);
        assert_eq!(front.format.as_deref(), Some("md"));
        assert_eq!(body, "Text");
        assert!(problems.is_empty(), "{problems:?}");
    }

    #[test]
    fn windows_lines_and_bom_are_read() {
        let (front, body, _) = read("\u{feff}---\r\ntitle: T\r\n---\r\nText\r\n");
        assert_eq!(front.title.as_deref(), Some("T"));
        assert_eq!(body, "Text\r\n");
    }

    #[test]
    fn hostile_front_matter_is_a_warning() {
        let bomb =
            "---\na: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a]\nc: [*b,*b,*b,*b]\n---\nText".to_owned();
        let deep = format!("---\na: {}\n---\nText", "[".repeat(20_000));
        let long = format!("---\na: {}\n---\nText", "x".repeat(100_000));
        let list = "---\n- a\n- b\n---\nText".to_owned();
        let broken = "---\nfoo: : bar: [\n---\nText".to_owned();
        let types = "---\nid: [a]\ndraft: maybe\n---\nText".to_owned();
        for (source, expected) in
            [(bomb, "aliases"), (deep, ""), (long, "KB"), (list, "key: value"), (broken, ""), (types, "`id`")]
        {
            let (front, body, problems) = read(&source);
            assert_eq!(front, FrontMatter::default());
            assert_eq!(body, "Text");
            assert!(problems.iter().any(|problem| problem.contains(expected)), "{problems:?}");
        }
    }

    #[test]
    fn a_rule_at_the_top_is_not_front_matter() {
        let (_, body, problems) = read("---\n\nText");
        assert_eq!(body, "---\n\nText");
        assert!(problems.is_empty());
        assert!(!read("---\ntitle: x\nText").2.is_empty());
    }
}
