//! Grows the sections of a page while its text is read, heading by heading and block by block.

use crate::{Block, BlockKind, Section};

/// The sections of one page under construction.
#[derive(Debug)]
pub(crate) struct Outline {
    sections: Vec<Section>,
    /// Whether a heading or a block was seen.
    started: bool,
    /// Enclosing headings with their levels, outermost first.
    open: Vec<(u8, String)>,
    /// The title that a leading `h1` repeats; such a heading opens no path.
    title: Option<String>,
    /// Text of the first `h1` at the head of the page.
    pub(crate) head_title: Option<String>,
    /// Text of the first `h1` anywhere.
    pub(crate) first_title: Option<String>,
}

impl Outline {
    /// An empty page; `title` is what front matter or a table of contents says, if anything.
    pub(crate) fn new(title: Option<&str>) -> Self {
        let head = Section { heading_path: Vec::new(), depth: 0, anchor: None, line: 1, blocks: Vec::new() };
        Self {
            sections: vec![head],
            started: false,
            open: Vec::new(),
            title: title.map(str::to_owned),
            head_title: None,
            first_title: None,
        }
    }

    /// Opens the section of a heading.
    pub(crate) fn heading(&mut self, level: u8, text: &str, anchor: Option<String>, line: usize) {
        let at_head = !self.started;
        self.started = true;
        if level == 1 {
            if at_head {
                self.head_title = Some(text.to_owned());
            }
            self.first_title.get_or_insert_with(|| text.to_owned());
        }
        let is_title = level == 1
            && self.open.is_empty()
            && match &self.title {
                Some(title) => title == text,
                None => at_head,
            };
        self.open.retain(|&(outer, _)| outer < level);
        let mut heading_path: Vec<String> = self.open.iter().map(|(_, text)| text.clone()).collect();
        if !is_title && !text.is_empty() {
            heading_path.push(text.to_owned());
            self.open.push((level, text.to_owned()));
        }
        let depth = if is_title && anchor.is_none() { 0 } else { level };
        let section = Section { heading_path, depth, anchor, line, blocks: Vec::new() };
        if at_head {
            // The page head had no text: the heading takes its place.
            self.sections[0] = section;
        } else {
            self.sections.push(section);
        }
    }

    /// Adds a block to the open section; white space alone adds nothing.
    pub(crate) fn block(&mut self, kind: BlockKind, text: &str, line: usize) {
        let text = match kind {
            // The two spaces a level of a nested item carry meaning.
            BlockKind::ListItem => text.trim_end(),
            _ => text.trim(),
        };
        if text.trim().is_empty() {
            return;
        }
        self.started = true;
        if let Some(section) = self.sections.last_mut() {
            section.blocks.push(Block { kind, text: text.to_owned(), line });
        }
    }

    /// The finished sections.
    pub(crate) fn finish(self) -> Vec<Section> {
        self.sections
    }
}
