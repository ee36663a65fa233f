//! Pages, sections and blocks: a book as the reader sees it, without markup.

use serde::Serialize;

use crate::Warning;

/// One page of the built site.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Page {
    /// Source file relative to the book's root, `/` separators: `docs/guide/intro.md`. Begins with `../` when
    /// the site's configuration places its docs beside the root. A generated category page names the file that
    /// asks for it.
    pub file: String,
    /// Path of the page on the site, base URL included, as the real build serves it: `/base/docs/intro`.
    pub route: String,
    /// Absolute URL when the site's address is known, else the same as `route`. Percent-encoded.
    pub url: String,
    /// Title from front matter, else the first heading, else the file's id.
    pub title: String,
    /// Docs version this page belongs to; `None` in a book without versions.
    pub version: Option<String>,
    /// Locale such as `en` or `zh-CN`; the site's default when the page has no other.
    pub locale: String,
    /// Sections in reading order. Text before the first heading is a section of its own with `anchor: None`.
    pub sections: Vec<Section>,
    /// What the author should know about this file.
    pub warnings: Vec<Warning>,
}

/// The pages of a book while it is read. Each is shown to whoever reads the book, who may take its text away.
pub(crate) struct Pages<'a> {
    /// Those that were shown.
    pub(crate) all: Vec<Page>,
    each: PageVisitor<'a>,
}

/// Sees every page of a book once, when its text and address are known; from several threads, in any order.
pub(crate) type PageVisitor<'a> = &'a (dyn Fn(&mut Page) + Sync);

impl<'a> Pages<'a> {
    pub(crate) fn new(each: PageVisitor<'a>) -> Self {
        Self { all: Vec::new(), each }
    }

    /// Shows a page that will be added to `all` later.
    pub(crate) fn show(&self, page: &mut Page) {
        (self.each)(page);
    }

    pub(crate) fn push(&mut self, mut page: Page) {
        self.show(&mut page);
        self.all.push(page);
    }
}

/// The text from one heading to the next.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Section {
    /// Headings that enclose this section, outermost first, its own last; the page title is not repeated.
    /// Empty for the text at the head of the page and below an `h1` that is the page title.
    pub heading_path: Vec<String>,
    /// Level of its own heading, 1 to 6; 0 for the head of the page.
    pub depth: u8,
    /// Fragment of its heading on the built page; `None` where the heading has none (an `h1`, the page head).
    pub anchor: Option<String>,
    /// Line of the heading in `Page::file`, from 1.
    pub line: usize,
    /// Content in reading order.
    pub blocks: Vec<Block>,
}

/// What kind of content a block holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BlockKind {
    /// Running text: a paragraph, an admonition's text, a summary, a caption.
    Prose,
    /// One item of a list with its marker, indented two spaces a level: `- text`, `1. text`, `- [x] text`.
    /// Further paragraphs of an item are prose.
    ListItem,
    /// One fenced or indented code block with its fences: "```rust\n…\n```".
    Code,
    /// One table, a row a line, cells between `|`, the header row first, no rule line.
    Table,
    /// A mathematical display, in its TeX source between `$$`.
    Math,
}

/// A piece of a section that is kept whole when it fits.
///
/// `text` is what a reader sees: markup, JSX and link targets are gone, entities are decoded, inline
/// code keeps its backticks. It has no leading or trailing white space, but for the indentation of nested
/// list items, and is never empty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Block {
    /// What it holds.
    pub kind: BlockKind,
    /// Its visible text.
    pub text: String,
    /// Line in the page's file where it begins, from 1.
    pub line: usize,
}

impl Section {
    /// The section's content: its blocks in order, blank lines between them, but single line breaks
    /// between neighbouring list items.
    pub fn text(&self) -> String {
        let mut text = String::new();
        let mut previous: Option<BlockKind> = None;
        for block in &self.blocks {
            if let Some(kind) = previous {
                let tight = kind == BlockKind::ListItem && block.kind == BlockKind::ListItem;
                text.push_str(if tight { "\n" } else { "\n\n" });
            }
            text.push_str(&block.text);
            previous = Some(block.kind);
        }
        text
    }
}
