//! Events of the Markdown parser to headings and blocks. Every piece of text that the parser reports ends
//! in a block or in a heading; what has no text of its own only decides where blocks end.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use pulldown_cmark::{
    BlockQuoteKind, BrokenLink, CodeBlockKind, CowStr, Event, Options, Parser, Tag, TagEnd,
};

use super::html::{Piece, read_html};
use super::marks::{CodeSource, MARK_CLOSE, MARK_OPEN, Mark, Prepared};
use super::tags::is_block_element;
use super::{Dialect, Reader};
use crate::BlockKind;
use crate::slug::{GithubSlugger, MdBookSlugger};

/// Reads a prepared text into the reader's outline.
pub(crate) fn render(
    reader: &mut Reader<'_>,
    prepared: &Prepared,
    definitions: &HashSet<String>,
    math: bool,
) {
    let options = options(reader.dialect, math);
    let callback = |link: BrokenLink<'_>| {
        let known = definitions.contains(&link.reference.to_lowercase());
        known.then_some((CowStr::Borrowed("#"), CowStr::Borrowed("")))
    };
    let parser = Parser::new_with_broken_link_callback(&prepared.text, options, Some(callback));
    let starts: Vec<usize> = std::iter::once(0)
        .chain(prepared.text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1))
        .collect();
    let mut renderer = Renderer {
        reader,
        prepared,
        starts,
        line: prepared.lines.first().copied().unwrap_or(1),
        inline: String::new(),
        inline_line: 0,
        heading: None,
        raw_headings: 0,
        lists: Vec::new(),
        marker: None,
        table: None,
        code: None,
        html: None,
        images: 0,
        skipped_element: None,
        github: GithubSlugger::default(),
        mdbook: MdBookSlugger::default(),
        footnotes: HashMap::new(),
    };
    for (event, range) in parser.into_offset_iter() {
        renderer.event(event, range);
    }
    renderer.end_heading();
    renderer.flush();
}

fn options(dialect: Dialect, math: bool) -> Options {
    let mut options = Options::ENABLE_TABLES
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS;
    if let Dialect::MdBook { smart_punctuation, definition_lists, admonitions } = dialect {
        options |= Options::ENABLE_HEADING_ATTRIBUTES;
        options.set(Options::ENABLE_SMART_PUNCTUATION, smart_punctuation);
        options.set(Options::ENABLE_DEFINITION_LIST, definition_lists);
        options.set(Options::ENABLE_GFM, admonitions);
    }
    if dialect == Dialect::Plain {
        options |= Options::ENABLE_GFM;
    }
    options.set(Options::ENABLE_MATH, math);
    options
}

/// A heading whose text is still being read.
#[derive(Default)]
struct Heading {
    level: u8,
    line: usize,
    /// What the reader sees.
    text: String,
    /// What the anchor is made of.
    slug: String,
    id: Option<String>,
    /// `{/* #id */}`, as long as nothing follows it.
    comment_id: Option<String>,
    /// Written as a tag: it has the id it says and no other.
    raw: bool,
}

struct Renderer<'r, 'a> {
    reader: &'r mut Reader<'a>,
    prepared: &'r Prepared,
    /// Byte at which each line of the prepared text begins.
    starts: Vec<usize>,
    line: usize,
    inline: String,
    inline_line: usize,
    heading: Option<Heading>,
    /// Headings written as tags whose end was not seen.
    raw_headings: usize,
    /// Open lists: the number of the next item, or none for bullets.
    lists: Vec<Option<u64>>,
    /// Marker of an item that has no text yet.
    marker: Option<String>,
    table: Option<Table>,
    code: Option<Code>,
    html: Option<String>,
    images: usize,
    /// `script` or `style` inside a line: its text is not shown.
    skipped_element: Option<String>,
    github: GithubSlugger,
    mdbook: MdBookSlugger,
    /// Numbers of the footnotes, in the order of their first use.
    footnotes: HashMap<String, usize>,
}

struct Table {
    rows: String,
    row: String,
    cell: String,
    line: usize,
}

struct Code {
    info: String,
    text: String,
    line: usize,
}

impl Renderer<'_, '_> {
    fn event(&mut self, event: Event<'_>, range: Range<usize>) {
        if !matches!(event, Event::End(_)) {
            let line = self.starts.partition_point(|&start| start <= range.start);
            self.line = self.prepared.lines.get(line.saturating_sub(1)).copied().unwrap_or(self.line);
        }
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(tag) => self.end(tag),
            Event::Text(text) => {
                if let Some(code) = &mut self.code {
                    code.text.push_str(&text);
                } else if let Some(html) = &mut self.html {
                    html.push_str(&text);
                } else if self.skipped_element.is_none() {
                    self.marked_text(&text);
                }
            }
            Event::Code(code) => self.inline_code(&code),
            Event::InlineMath(tex) => self.text(&format!("${tex}$"), &tex),
            Event::DisplayMath(tex) => self.display_math(&tex),
            Event::Html(html) => match &mut self.html {
                Some(block) => block.push_str(&html),
                None => self.raw_html(&html),
            },
            Event::InlineHtml(html) => self.inline_html(&html),
            Event::SoftBreak => self.text(" ", "\n"),
            Event::HardBreak => self.text(" ", ""),
            Event::Rule => self.flush(),
            Event::TaskListMarker(done) => self.text(if done { "[x] " } else { "[ ] " }, ""),
            Event::FootnoteReference(name) => self.footnote(name.into_string()),
        }
    }

    fn start(&mut self, tag: Tag<'_>) {
        match tag {
            Tag::Paragraph | Tag::HtmlBlock if self.table.is_none() => {
                self.flush();
                if tag == Tag::HtmlBlock {
                    self.html = Some(String::new());
                }
            }
            Tag::Heading { level, id, .. } => {
                self.end_heading();
                self.flush();
                self.marker = None;
                let id = id.map(CowStr::into_string);
                self.heading =
                    Some(Heading { level: level as u8, line: self.line, id, ..Heading::default() });
            }
            Tag::BlockQuote(kind) => {
                self.flush();
                if let Some(kind) = kind {
                    let label = match kind {
                        BlockQuoteKind::Note => "Note",
                        BlockQuoteKind::Tip => "Tip",
                        BlockQuoteKind::Important => "Important",
                        BlockQuoteKind::Warning => "Warning",
                        BlockQuoteKind::Caution => "Caution",
                    };
                    self.reader.outline.block(BlockKind::Prose, label, self.line);
                }
            }
            Tag::CodeBlock(kind) => {
                self.flush();
                let info = match kind {
                    CodeBlockKind::Fenced(info) => info.into_string(),
                    CodeBlockKind::Indented => String::new(),
                };
                self.code = Some(Code { info, text: String::new(), line: self.line });
            }
            Tag::List(first) => {
                self.flush();
                self.lists.push(first);
            }
            Tag::Item => {
                self.flush();
                let depth = self.lists.len().saturating_sub(1);
                let marker = match self.lists.last_mut() {
                    Some(Some(number)) => {
                        let marker = format!("{number}. ");
                        *number = number.saturating_add(1);
                        marker
                    }
                    _ => "- ".to_owned(),
                };
                // Beyond this depth more white space tells nobody anything.
                self.marker = Some("  ".repeat(depth.min(16)) + &marker);
            }
            Tag::FootnoteDefinition(_) | Tag::DefinitionList | Tag::DefinitionListDefinition => self.flush(),
            Tag::DefinitionListTitle => {
                self.flush();
                // mdBook gives terms ids as well, from the same counter as the headings.
                self.heading = Some(Heading { line: self.line, ..Heading::default() });
            }
            Tag::Table(_) => {
                self.flush();
                let (rows, row, cell) = (String::new(), String::new(), String::new());
                self.table = Some(Table { rows, row, cell, line: self.line });
            }
            Tag::Image { .. } => self.images += 1,
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Paragraph => self.flush(),
            TagEnd::Item => {
                self.flush();
                self.marker = None;
            }
            TagEnd::List(_) => {
                self.flush();
                self.lists.pop();
            }
            TagEnd::Heading(_) | TagEnd::DefinitionListTitle => self.end_heading(),
            TagEnd::CodeBlock => self.end_code(),
            TagEnd::HtmlBlock => {
                if let Some(html) = self.html.take() {
                    self.raw_html(&html);
                }
            }
            TagEnd::BlockQuote(_)
            | TagEnd::FootnoteDefinition
            | TagEnd::DefinitionListDefinition
            | TagEnd::DefinitionList => self.flush(),
            TagEnd::TableCell => {
                if let Some(table) = &mut self.table {
                    let cell = std::mem::take(&mut table.cell);
                    table.row.push_str(if table.row.is_empty() { "| " } else { " " });
                    table.row.push_str(cell.trim());
                    table.row.push_str(" |");
                }
            }
            TagEnd::TableHead | TagEnd::TableRow => {
                if let Some(table) = &mut self.table {
                    let row = std::mem::take(&mut table.row);
                    if row.contains(|c: char| c != '|' && c != ' ') {
                        if !table.rows.is_empty() {
                            table.rows.push('\n');
                        }
                        table.rows.push_str(&row);
                    }
                }
            }
            TagEnd::Table => {
                if let Some(table) = self.table.take() {
                    self.marker = None;
                    self.reader.outline.block(BlockKind::Table, &table.rows, table.line);
                }
            }
            TagEnd::Image => self.images = self.images.saturating_sub(1),
            _ => {}
        }
    }

    /// Text that the reader sees, and what it counts for in an anchor.
    fn text(&mut self, text: &str, slug: &str) {
        if let Some(table) = &mut self.table {
            table.cell.push_str(text);
        } else if let Some(heading) = &mut self.heading {
            if self.images == 0 {
                heading.text.push_str(text);
            }
            // mdBook's images are elements without text; Docusaurus counts their alternative text.
            if self.images == 0 || !matches!(self.reader.dialect, Dialect::MdBook { .. }) {
                heading.slug.push_str(slug);
            }
            if !slug.trim().is_empty() {
                heading.comment_id = None;
            }
        } else {
            if self.inline.is_empty() {
                self.inline_line = self.line;
            }
            self.inline.push_str(text);
        }
    }

    /// Text from the parser, in which marks may stand.
    fn marked_text(&mut self, text: &str) {
        let mut rest = text;
        while let Some((before, after)) = rest.split_once(MARK_OPEN) {
            self.plain_text(before);
            let Some((number, after)) = after.split_once(MARK_CLOSE) else { return };
            if let Some(mark) = number.parse().ok().and_then(|number: usize| self.prepared.marks.get(number))
            {
                self.mark(mark);
            }
            rest = after;
        }
        self.plain_text(rest);
    }

    fn plain_text(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        if !matches!(self.reader.dialect, Dialect::Docusaurus { .. }) || !text.contains(':') {
            self.text(text, text);
            return;
        }
        // `a:b` is a directive when anchors are made, and text again when the page is shown; the names of emoji
        // count in anchors and become emoji afterwards.
        let slug =
            if self.heading.is_some() && self.images == 0 { without_directives(text) } else { text.into() };
        self.text(&with_emoji(text), &slug);
    }

    fn mark(&mut self, mark: &Mark) {
        match mark {
            Mark::Break if self.table.is_some() || self.heading.is_some() => self.text(" ", ""),
            Mark::Break => self.flush(),
            Mark::Expression { source, value } => {
                self.text(value.as_deref().unwrap_or(""), source);
            }
            Mark::HeadingId(id) => {
                if let Some(heading) = &mut self.heading {
                    heading.comment_id = Some(id.clone());
                }
            }
            Mark::Text(text) => {
                if self.table.is_some() || self.heading.is_some() {
                    self.text(text, "");
                } else {
                    self.flush();
                    self.text(text, text);
                    self.flush();
                }
            }
            Mark::Math(tex) => self.display_math(tex),
            Mark::Code { language, title, code } => {
                self.flush();
                let text = match code {
                    CodeSource::Text(text) => text.clone(),
                    CodeSource::File(path) => self.imported_code(path),
                };
                if let Some(title) = title {
                    self.reader.outline.block(BlockKind::Prose, title, self.line);
                }
                self.code_block(language, &text, self.line);
            }
            Mark::Partial(path) => {
                self.flush();
                let line = self.line;
                self.reader.partial(path, line);
            }
            Mark::HeadingStart { level, id } => {
                self.end_heading();
                self.start_raw_heading(*level, id.clone());
            }
            Mark::HeadingEnd => self.end_raw_heading(),
        }
    }

    fn imported_code(&mut self, path: &str) -> String {
        let target = path.rsplit('!').next().unwrap_or(path);
        let target = target.split('?').next().unwrap_or(target);
        match self.reader.library.take(self.reader.file(), target) {
            Ok((_, text)) => text,
            Err(reason) => {
                self.reader.warn(self.line, format!("`{target}` {reason}"));
                String::new()
            }
        }
    }

    fn start_raw_heading(&mut self, level: u8, id: Option<String>) {
        self.flush();
        self.marker = None;
        self.raw_headings += 1;
        self.heading = Some(Heading { level, line: self.line, id, raw: true, ..Heading::default() });
    }

    fn end_raw_heading(&mut self) {
        if self.raw_headings > 0 {
            self.raw_headings -= 1;
            self.end_heading();
        }
    }

    fn end_heading(&mut self) {
        let Some(mut heading) = self.heading.take() else { return };
        let text = collapse(&heading.text);
        self.reader.headings += usize::from(heading.level > 0);
        if self.reader.drop_title && heading.level == 1 && self.reader.headings == 1 {
            self.reader.outline.heading(1, &text, None, heading.line);
            return;
        }
        let anchor = match self.reader.dialect {
            _ if heading.raw => heading.id,
            Dialect::MdBook { .. } => Some(heading.id.unwrap_or_else(|| self.mdbook.slug(&heading.slug))),
            Dialect::Docusaurus { maintain_case, .. } => self.docusaurus_anchor(&mut heading, maintain_case),
            Dialect::Plain => self.docusaurus_anchor(&mut heading, false),
        };
        let text = match (&self.reader.dialect, heading.raw) {
            (Dialect::MdBook { .. }, _) | (_, true) => text,
            _ => split_classic_id(&text).0.to_owned(),
        };
        if heading.level == 0 {
            self.reader.outline.block(BlockKind::Prose, &text, heading.line);
            return;
        }
        let anchor = anchor.filter(|anchor| !anchor.is_empty());
        self.reader.outline.heading(heading.level, &text, anchor, heading.line);
    }

    /// The order in which Docusaurus looks for an id: comment, `{#id}`, text. An `h1` is shown without one,
    /// but is counted.
    fn docusaurus_anchor(&mut self, heading: &mut Heading, maintain_case: bool) -> Option<String> {
        let explicit =
            heading.comment_id.take().or_else(|| split_classic_id(&heading.slug).1.map(str::to_owned));
        let anchor = explicit.unwrap_or_else(|| self.github.slug(&heading.slug, maintain_case));
        (heading.level > 1).then_some(anchor)
    }

    fn inline_code(&mut self, code: &str) {
        if self.skipped_element.is_some() {
            return;
        }
        let run = longest_run(code, '`');
        let quoted = match run {
            0 => format!("`{code}`"),
            _ => {
                let ticks = "`".repeat(run + 1);
                format!("{ticks} {code} {ticks}")
            }
        };
        if self.heading.is_some() && self.table.is_none() {
            // Headings are labels: they are shown and matched without the signs of code.
            self.text(code, code);
        } else {
            self.text(&quoted, code);
        }
    }

    /// The small number of a footnote is not part of the text, but mdBook's ids count it.
    fn footnote(&mut self, name: String) {
        if !matches!(self.reader.dialect, Dialect::MdBook { .. }) {
            return;
        }
        let next = self.footnotes.len() + 1;
        let number = *self.footnotes.entry(name).or_insert(next);
        if self.heading.is_some() {
            self.text("", &number.to_string());
        }
    }

    fn display_math(&mut self, tex: &str) {
        if self.table.is_some() || self.heading.is_some() {
            self.text(&format!("$${tex}$$"), tex);
            return;
        }
        self.flush();
        let text = format!("$${tex}$$");
        self.reader.outline.block(BlockKind::Math, if tex.trim().is_empty() { "" } else { &text }, self.line);
    }

    fn inline_html(&mut self, html: &str) {
        let name = html.trim_start_matches(['<', '/']);
        let name = name.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
        // A tag that HTML does not know flows with the line, as it does in a browser.
        let breaks = is_block_element(name) && self.table.is_none() && self.heading.is_none();
        for piece in read_html(html) {
            match piece {
                Piece::Text(text) if self.skipped_element.is_none() => self.text(&text, ""),
                Piece::Break if breaks => self.flush(),
                _ => {}
            }
        }
        match &self.skipped_element {
            None if matches!(name, "script" | "style")
                && !html.starts_with("</")
                && !html.ends_with("/>") =>
            {
                self.skipped_element = Some(name.to_owned());
            }
            Some(open) if html.starts_with("</") && name == open => self.skipped_element = None,
            _ => {}
        }
    }

    fn raw_html(&mut self, html: &str) {
        for piece in read_html(html) {
            match piece {
                Piece::Text(text) => self.text(&text, &text),
                Piece::Break => self.flush_outside_heading(),
                Piece::Cell => self.text(" ", " "),
                Piece::Code(text) => {
                    self.flush();
                    self.code_block("", &text, self.line);
                }
                Piece::HeadingStart { level, id } => {
                    self.end_heading();
                    self.start_raw_heading(level, id);
                }
                Piece::HeadingEnd => self.end_raw_heading(),
            }
        }
        // A raw block ends what it holds, except a heading that was only opened here.
        self.flush_outside_heading();
    }

    fn flush_outside_heading(&mut self) {
        if self.heading.is_none() {
            self.flush();
        }
    }

    /// Ends the running text as a block.
    fn flush(&mut self) {
        if self.table.is_some() {
            return;
        }
        if let Some(heading) = &mut self.heading {
            heading.text.push(' ');
            return;
        }
        if self.inline.trim().is_empty() {
            self.inline.clear();
            return;
        }
        let text = std::mem::take(&mut self.inline);
        let text = text.trim();
        match self.marker.take() {
            Some(marker) => {
                let text = marker + text;
                self.reader.outline.block(BlockKind::ListItem, &text, self.inline_line);
            }
            None => self.reader.outline.block(BlockKind::Prose, text, self.inline_line),
        }
    }

    fn end_code(&mut self) {
        let Some(code) = self.code.take() else { return };
        let mut words = code.info.split([' ', '\t', ',', '{']);
        let language = words.next().unwrap_or_default();
        if let Some(title) = code_title(&code.info) {
            self.reader.outline.block(BlockKind::Prose, &title, code.line);
        }
        let text = match self.reader.dialect {
            Dialect::MdBook { .. } if language == "rust" => without_hidden_lines(&code.text),
            Dialect::MdBook { .. } => code.text,
            // Beside a range such as `{1,3}` the comments count for nothing and are shown.
            _ if has_line_range(&code.info) => code.text,
            _ => without_magic_comments(&code.text),
        };
        self.code_block(language, &text, code.line);
    }

    fn code_block(&mut self, language: &str, text: &str, line: usize) {
        if text.trim().is_empty() {
            return;
        }
        let fence = "`".repeat(longest_run(text, '`').max(2) + 1);
        let block = format!("{fence}{language}\n{}\n{fence}", text.trim_matches('\n').trim_end());
        self.marker = None;
        self.reader.outline.block(BlockKind::Code, &block, line);
    }
}

/// White space runs to single spaces, none at the ends.
fn collapse(text: &str) -> String {
    let mut collapsed = String::with_capacity(text.len());
    for word in text.split_ascii_whitespace() {
        if !collapsed.is_empty() {
            collapsed.push(' ');
        }
        collapsed.push_str(word);
    }
    collapsed
}

/// Heading text and the id of a trailing `{#id}`.
fn split_classic_id(text: &str) -> (&str, Option<&str>) {
    let Some(inner) = text.strip_suffix('}') else { return (text, None) };
    match inner.rfind("{#") {
        Some(at) if at + 2 < inner.len() && !inner[at..].contains('}') => {
            (text[..at].trim_end(), Some(&inner[at + 2..]))
        }
        _ => (text, None),
    }
}

/// Text with `:rocket:` and the like as the emoji they stand for.
fn with_emoji(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(':') {
        shown.push_str(before);
        let name = after.split(':').next().unwrap_or_default();
        let is_name =
            name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_+-".contains(&b));
        match emojis::get_by_shortcode(name).filter(|_| is_name && name.len() < after.len()) {
            Some(emoji) => {
                shown.push_str(emoji.as_str());
                rest = &after[name.len() + 1..];
            }
            None => {
                shown.push(':');
                rest = after;
            }
        }
    }
    shown.push_str(rest);
    shown
}

/// Heading text without `:name`, which Docusaurus' parser takes for a directive without text.
fn without_directives(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut start = 0;
    for (at, _) in text.match_indices(':') {
        let rest = &text[at + 1..];
        let name = rest
            .bytes()
            .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
            .count();
        let (word, after) = rest.split_at(name);
        let is_directive = word.starts_with(|c: char| c.is_ascii_alphabetic())
            && !word.ends_with(['-', '_'])
            && !text[..at].ends_with(':')
            && !after.starts_with(':');
        if is_directive && at >= start {
            kept.push_str(&text[start..at]);
            start = at + 1 + name;
        }
    }
    kept.push_str(&text[start..]);
    kept
}

/// `title="src/x.js"` of a fence's info string.
fn code_title(info: &str) -> Option<String> {
    let (_, rest) = info.split_once("title=")?;
    let quote = rest.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
    rest[1..].split_once(quote).map(|(title, _)| title.to_owned()).filter(|title| !title.trim().is_empty())
}

/// Whether an info string holds `{1,3-5}`.
fn has_line_range(info: &str) -> bool {
    info.split('{').skip(1).any(|rest| {
        rest.split_once('}').is_some_and(|(range, _)| {
            !range.is_empty()
                && range.chars().all(|c| c.is_ascii_digit() || matches!(c, ',' | '-' | '.' | ' '))
        })
    })
}

/// Docusaurus takes comments that only highlight lines out of the code.
fn without_magic_comments(code: &str) -> String {
    if !code.contains("highlight-") {
        return code.to_owned();
    }
    let is_magic = |line: &str| {
        let inner = line.trim().trim_start_matches(['/', '*', '{', '#', '<', '!', '-', '%', ';', '"', '\'']);
        let inner = inner.trim().trim_end_matches(['/', '*', '}', '>', '-', '"', '\'']).trim();
        matches!(inner, "highlight-next-line" | "highlight-start" | "highlight-end")
    };
    code.split_inclusive('\n').filter(|line| !is_magic(line)).collect()
}

/// mdBook hides lines of Rust code that begin with `# `; `##` stands for one `#`.
fn without_hidden_lines(code: &str) -> String {
    let mut shown = String::with_capacity(code.len());
    for line in code.split_inclusive('\n') {
        let content = line.trim_end_matches('\n');
        let trimmed = content.trim_start();
        match trimmed.strip_prefix('#') {
            Some("") => {}
            Some(rest) if rest.starts_with(' ') => {}
            Some(rest) if rest.starts_with('#') => {
                shown.push_str(&content[..content.len() - trimmed.len()]);
                shown.push_str(rest);
                shown.push('\n');
            }
            _ => shown.push_str(line),
        }
    }
    shown
}

fn longest_run(text: &str, sign: char) -> usize {
    let (mut longest, mut run) = (0, 0);
    for character in text.chars() {
        run = if character == sign { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    longest
}
