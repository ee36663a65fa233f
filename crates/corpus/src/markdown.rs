//! Markdown to sections: the text is prepared for the Markdown parser ([`mdx`]), parsed, and its events
//! are turned into headings with anchors and blocks of visible text ([`render`]).

mod html;
mod lines;
mod marks;
mod mdx;
mod render;
pub(crate) mod tags;

use std::collections::HashSet;

pub(crate) use marks::clean;

use crate::outline::Outline;
use crate::{Warning, files};

/// Whose Markdown a page is written in, and how that tool builds anchors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// Docusaurus. `jsx` is off for pages of format `md`.
    Docusaurus { jsx: bool, math: bool, maintain_case: bool },
    /// mdBook 0.5.
    MdBook { smart_punctuation: bool, definition_lists: bool, admonitions: bool },
    /// GitHub's Markdown, as folders of no known tool are written.
    Plain,
}

/// Gives the text of files that a page takes in: partials and code.
pub(crate) trait Library {
    /// The file that `target` names when written in `file`: its name and text.
    ///
    /// # Errors
    /// What is wrong with it, to be put after the target's name.
    fn take(&self, file: &str, target: &str) -> Result<(String, String), String>;
}

/// For pages whose text is at hand and nothing else.
pub(crate) struct NoLibrary;

impl Library for NoLibrary {
    fn take(&self, _: &str, _: &str) -> Result<(String, String), String> {
        Err("was not found; its text is missing".into())
    }
}

/// Most partials that one page takes in, those of partials included.
const MAX_PARTIALS: usize = 500;
/// Deepest nesting of partials in partials.
const MAX_PARTIAL_DEPTH: usize = 10;

/// Reads the texts of one page, the partials it takes in included, into an outline.
pub(crate) struct Reader<'a> {
    pub(crate) dialect: Dialect,
    pub(crate) library: &'a dyn Library,
    pub(crate) outline: Outline,
    pub(crate) warnings: Vec<Warning>,
    /// Whether an `h1` that is the first heading is taken out before anchors are made, as blogs do.
    pub(crate) drop_title: bool,
    headings: usize,
    /// Files being read, the page first.
    open: Vec<String>,
    partials: usize,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(dialect: Dialect, library: &'a dyn Library, title: Option<&str>) -> Self {
        Self {
            dialect,
            library,
            outline: Outline::new(title),
            warnings: Vec::new(),
            drop_title: false,
            headings: 0,
            open: Vec::new(),
            partials: 0,
        }
    }

    /// Reads a text that begins on `first_line` of `file`.
    pub(crate) fn read(&mut self, file: &str, body: &str, first_line: usize) {
        self.read_mapped(file, body, |line| first_line + line - 1);
    }

    /// Reads a text whose lines stand on the given lines of `file`.
    pub(crate) fn read_lines(&mut self, file: &str, body: &str, lines: &[usize]) {
        self.read_mapped(file, body, |line| lines.get(line - 1).or(lines.last()).copied().unwrap_or(line));
    }

    /// `place` tells for a line of the text, from 1, its line in the file.
    fn read_mapped(&mut self, file: &str, body: &str, place: impl Fn(usize) -> usize) {
        self.open.push(file.to_owned());
        let syntax = match self.dialect {
            Dialect::Docusaurus { jsx, math, .. } => marks::Syntax { jsx, admonitions: true, math },
            Dialect::MdBook { .. } => marks::Syntax { jsx: false, admonitions: false, math: false },
            Dialect::Plain => marks::Syntax { jsx: false, admonitions: true, math: body.contains("$$") },
        };
        let mut prepared = mdx::prepare(body, syntax);
        for line in &mut prepared.lines {
            *line = place(*line);
        }
        for (line, message) in &prepared.problems {
            self.warn(place(*line), message.clone());
        }
        let definitions = link_definitions(body);
        render::render(self, &prepared, &definitions, syntax.math);
        self.open.pop();
    }

    fn file(&self) -> &str {
        self.open.last().map_or("", String::as_str)
    }

    fn warn(&mut self, line: usize, message: String) {
        let file = self.file().to_owned();
        self.warnings.push(Warning { file, line, message });
    }

    /// Reads a partial in the place where it is used. It counts its repeated headings for itself.
    fn partial(&mut self, target: &str, line: usize) {
        self.partials += 1;
        if self.partials > MAX_PARTIALS {
            if self.partials == MAX_PARTIALS + 1 {
                self.warn(line, format!("takes in more than {MAX_PARTIALS} partials; the rest is missing"));
            }
            return;
        }
        if self.open.len() > MAX_PARTIAL_DEPTH {
            let message =
                format!("`{target}` is more than {MAX_PARTIAL_DEPTH} partials deep; its text is missing");
            self.warn(line, message);
            return;
        }
        match self.library.take(self.file(), target) {
            Ok((file, _)) if self.open.contains(&file) => {
                self.warn(line, format!("`{target}` takes itself in; the circle was cut here"));
            }
            Ok((file, source)) => {
                let source = clean(&source);
                let split = crate::front_matter::split_front_matter(&source);
                self.read(&file, split.body, split.first_line);
            }
            Err(reason) => self.warn(line, format!("`{target}` {reason}")),
        }
    }
}

/// Whether an import path names Markdown.
fn is_partial(path: &str) -> bool {
    !path.contains('!') && files::is_markdown(path)
}

/// Labels of the link definitions in a text, lower case. Passed to the parser as known, because a
/// definition may stand in a place that the prepared text no longer has.
fn link_definitions(body: &str) -> HashSet<String> {
    body.lines()
        .filter_map(|line| line.trim_start_matches([' ', '>', '\t']).strip_prefix('['))
        .filter(|line| !line.starts_with('^'))
        .filter_map(|line| line.split_once("]:"))
        .map(|(label, _)| label.to_lowercase())
        .collect()
}
