//! What passes from the preparation of a text to its rendering: the text itself, and marks in it for what
//! plain Markdown cannot say.

/// Brackets the number of a [`Mark`] in prepared text. Noncharacters, so no author's text holds them:
/// [`clean`] has replaced them.
pub(crate) const MARK_OPEN: char = '\u{fdd0}';
/// Ends the number of a [`Mark`].
pub(crate) const MARK_CLOSE: char = '\u{fdd1}';

/// What stood in the source where plain Markdown has no word for it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Mark {
    /// A block ends or begins inside a line: `</div>`.
    Break,
    /// A text of its own: the label of a tab, a title.
    Text(String),
    /// The partial imported from here stands in this place.
    Partial(String),
    /// A code block that is not a fence: `<CodeBlock>`.
    Code {
        language: String,
        title: Option<String>,
        code: CodeSource,
    },
    /// A mathematical display.
    Math(String),
    /// `<h2 id="x">` or `<Heading as="h2">`.
    HeadingStart {
        level: u8,
        id: Option<String>,
    },
    HeadingEnd,
    /// `{expression}`: its source, which counts in a heading's anchor, and its value when it is plain.
    Expression {
        source: String,
        value: Option<String>,
    },
    /// `{/* #id */}`.
    HeadingId(String),
}

/// Where the code of a `<CodeBlock>` comes from.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum CodeSource {
    Text(String),
    /// A file imported with `raw-loader`.
    File(String),
}

/// A page's text ready for the Markdown parser.
#[derive(Debug, Default)]
pub(crate) struct Prepared {
    pub(crate) text: String,
    /// Line in the source of each line of `text`.
    pub(crate) lines: Vec<usize>,
    pub(crate) marks: Vec<Mark>,
    /// Line and message.
    pub(crate) problems: Vec<(usize, String)>,
}

/// Which of the languages on top of Markdown are spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Syntax {
    /// JSX, expressions, imports; else HTML is left to the Markdown parser.
    pub(crate) jsx: bool,
    /// `:::note`.
    pub(crate) admonitions: bool,
    /// `$x$` and `$$`.
    pub(crate) math: bool,
}

/// Brings line ends to `\n` and replaces characters that no text should hold.
pub(crate) fn clean(source: &str) -> std::borrow::Cow<'_, str> {
    let strange = |c: char| matches!(c, '\r' | '\0' | '\u{fdd0}'..='\u{fdef}');
    if !source.contains(strange) {
        return source.into();
    }
    let mut text = String::with_capacity(source.len());
    let mut characters = source.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\r' if characters.peek() == Some(&'\n') => {}
            '\r' => text.push('\n'),
            '\0' | '\u{fdd0}'..='\u{fdef}' => text.push('\u{fffd}'),
            other => text.push(other),
        }
    }
    text.into()
}
