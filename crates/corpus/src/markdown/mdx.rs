//! MDX to plain Markdown: imports, exports, JSX tags, expressions and comments leave the text, what they
//! say to the reader stays as marks, and indentation is brought to what CommonMark means by it. The pass
//! never fails; what is not clearly MDX is kept as text.

use std::collections::{HashMap, HashSet};

use super::lines::{Prefix, ends_paragraph, fence_start, is_rule, leading, split_prefix};
use super::marks::{CodeSource, MARK_CLOSE, MARK_OPEN, Mark, Prepared, Syntax};
use super::tags::{self, Effort, Tag};

/// Blank lines that an `import` or `export` may hold, as a component written in place does.
const MAX_BLANK_LINES: usize = 64;

/// Prepares a page's body, which [`clean`](super::marks::clean) has seen. Lines are counted from 1 at the start of the body.
pub(crate) fn prepare(body: &str, syntax: Syntax) -> Prepared {
    let mut scanner = Scanner {
        body,
        at: 0,
        line: 1,
        syntax,
        out: Prepared { lines: vec![1], ..Prepared::default() },
        lists: Vec::new(),
        fence: None,
        unwrapped: Vec::new(),
        admonitions: Vec::new(),
        imports: HashMap::new(),
        constants: HashMap::new(),
        tabs: Vec::new(),
        closed: closed_names(body, syntax),
        unclosed: HashMap::new(),
        effort: Effort::default(),
        flow_start: true,
        heading: false,
        indent: String::new(),
    };
    while scanner.at < body.len() {
        scanner.next_line();
    }
    scanner.out
}

/// Names that are closed somewhere: a lone `<T>` in running text is a sign, not a tag.
fn closed_names(body: &str, syntax: Syntax) -> HashSet<&str> {
    let mut names = HashSet::new();
    if syntax.jsx {
        for (at, _) in body.match_indices("</") {
            let rest = &body[at + 2..];
            let end = rest
                .bytes()
                .position(|b| !(b.is_ascii_alphanumeric() || matches!(b, b'_' | b'$' | b'.' | b'-')));
            names.insert(&rest[..end.unwrap_or(rest.len())]);
        }
    }
    names
}

/// An open code fence.
struct Fence {
    sign: u8,
    length: usize,
    /// Columns before its content, in the source and in the prepared text.
    from: usize,
    to: usize,
    /// Column of the list item that holds it; a line left of it ends the fence.
    container: usize,
    quotes: usize,
}

struct Scanner<'a> {
    body: &'a str,
    at: usize,
    line: usize,
    syntax: Syntax,
    out: Prepared,
    /// Open list items: column of their content in the source and in the prepared text.
    lists: Vec<(usize, usize)>,
    fence: Option<Fence>,
    /// Lengths of the `mdx-code-block` fences that were taken away and still wait for their end.
    unwrapped: Vec<usize>,
    /// Colons of the open admonitions.
    admonitions: Vec<usize>,
    imports: HashMap<&'a str, &'a str>,
    constants: HashMap<&'a str, String>,
    /// Labels by value of the open `<Tabs values>`.
    tabs: Vec<Vec<(String, String)>>,
    closed: HashSet<&'a str>,
    /// Backtick runs known to have no partner before the given place.
    unclosed: HashMap<usize, usize>,
    effort: Effort,
    /// Imports and exports count only at the start of a block.
    flow_start: bool,
    heading: bool,
    /// Spaces before the content of the current line, for lines that are put in.
    indent: String,
}

impl<'a> Scanner<'a> {
    fn next_line(&mut self) {
        let rest = &self.body[self.at..];
        let line = rest.find('\n').map_or(rest, |end| &rest[..end]);
        if self.fence.is_some() {
            if self.fence_line(line) {
                return;
            }
            self.fence = None;
        }
        if line.trim().is_empty() {
            self.at += line.len();
            self.flow_start = true;
            self.end_line();
            return;
        }
        let prefix = split_prefix(line);
        let content = &line[prefix.content..];
        if self.unwrap_line(content) {
            self.at += line.len();
            self.flow_start = true;
            self.end_line();
            return;
        }
        if self.syntax.jsx && self.flow_start && prefix.content == 0 && self.module_lines(line) {
            return;
        }
        if self.syntax.admonitions && self.admonition_line(line, &prefix) {
            return;
        }
        self.flow_start = false;
        let written = self.out.text.len();
        let (from, to) = self.write_prefix(line, &prefix);
        if let Some((sign, length)) = fence_start(content) {
            let container = self.lists.last().map_or(0, |&(column, _)| column);
            self.fence = Some(Fence { sign, length, from, to, container, quotes: prefix.quotes });
            self.out.text.push_str(content);
            self.at += line.len();
            self.end_line();
            return;
        }
        if self.syntax.math && prefix.quotes == 0 && self.display_math(line, content) {
            return;
        }
        if !self.syntax.jsx && !self.syntax.math {
            self.out.text.push_str(content);
            self.at += line.len();
            self.flow_start = is_rule(content) || content.starts_with('#');
            self.end_line();
            return;
        }
        self.heading = content.starts_with('#');
        self.at += prefix.content;
        let end = self.body.len();
        self.inline(end);
        // Behind a line of nothing but comments or tags a block begins as well.
        let nothing = self.out.text[written..].trim().is_empty();
        self.flow_start = self.heading || is_rule(content) || self.flow_start || nothing;
    }

    /// Ends the current line of both texts; the source stands at its line end or at the end.
    fn end_line(&mut self) {
        if self.body.as_bytes().get(self.at) == Some(&b'\n') {
            self.at += 1;
            self.line += 1;
        }
        self.out.text.push('\n');
        self.out.lines.push(self.line);
    }

    /// Begins a new paragraph in the prepared text.
    fn new_paragraph(&mut self) {
        for _ in 0..2 {
            self.out.text.push('\n');
            self.out.lines.push(self.line);
        }
        let indent = std::mem::take(&mut self.indent);
        self.out.text.push_str(&indent);
        self.indent = indent;
    }

    fn mark(&mut self, mark: Mark) {
        use std::fmt::Write;
        let _ = write!(self.out.text, "{MARK_OPEN}{}{MARK_CLOSE}", self.out.marks.len());
        self.out.marks.push(mark);
    }

    fn mark_paragraph(&mut self, mark: Mark) {
        self.new_paragraph();
        self.mark(mark);
        self.new_paragraph();
    }

    /// Copies source text, lines counted.
    fn copy(&mut self, length: usize) {
        let text = &self.body[self.at..self.at + length];
        for (index, part) in text.split('\n').enumerate() {
            if index > 0 {
                self.line += 1;
                self.out.text.push('\n');
                self.out.lines.push(self.line);
            }
            self.out.text.push_str(part);
        }
        self.at += length;
    }

    /// Passes over source text, lines counted.
    fn skip(&mut self, length: usize) {
        self.line += self.body[self.at..self.at + length].matches('\n').count();
        self.at += length;
    }

    /// Writes the signs before a line's content, indentation brought to CommonMark's: MDX knows no
    /// indented code, so four spaces more than the container asks for mean nothing.
    fn write_prefix(&mut self, line: &str, prefix: &Prefix) -> (usize, usize) {
        self.indent.clear();
        if !self.syntax.jsx {
            self.track_lists(prefix);
            self.out.text.push_str(&line[..prefix.content]);
            return (prefix.content_column, prefix.content_column);
        }
        while self.lists.last().is_some_and(|&(column, _)| prefix.columns < column) {
            self.lists.pop();
        }
        let (from, to) = self.lists.last().copied().unwrap_or((0, 0));
        let extra = prefix.columns - from;
        let indent = to + if extra >= 4 { 0 } else { extra };
        self.out.text.extend(std::iter::repeat_n(' ', indent));
        let mut column = indent;
        let mut start = prefix.bytes;
        if prefix.quotes == 0 {
            for &(byte, content_column) in &prefix.items {
                let marker = line[start..byte].trim_end();
                let gap = byte - start - marker.len();
                let gap = if (1..=4).contains(&gap) { gap } else { 1 };
                self.out.text.push_str(marker.trim_start());
                self.out.text.extend(std::iter::repeat_n(' ', gap));
                column += marker.trim_start().len() + gap;
                self.lists.push((content_column, column));
                start = byte;
            }
        }
        self.out.text.push_str(&line[start..prefix.content]);
        self.indent.extend(std::iter::repeat_n(' ', column));
        (prefix.content_column, if prefix.quotes == 0 { column } else { prefix.content_column })
    }

    fn track_lists(&mut self, prefix: &Prefix) {
        while self.lists.last().is_some_and(|&(column, _)| prefix.columns < column) {
            self.lists.pop();
        }
        if prefix.quotes == 0 {
            self.lists.extend(prefix.items.iter().map(|&(_, column)| (column, column)));
        }
    }

    /// A line inside a fence; `false` when the fence ended before it with its container.
    fn fence_line(&mut self, line: &str) -> bool {
        let Some(fence) = &self.fence else { return false };
        let mut content = line;
        let mut quoted = 0;
        while quoted < fence.quotes {
            let Some(inner) = content.trim_start().strip_prefix('>') else { return false };
            content = inner;
            quoted += 1;
        }
        let (columns, bytes) = leading(content);
        if fence.quotes == 0 && columns < fence.container && bytes < content.len() {
            return false;
        }
        let trimmed = content.trim();
        let run = trimmed.bytes().take_while(|&byte| byte == fence.sign).count();
        let closes = run >= fence.length && run == trimmed.len();
        if fence.quotes > 0 || !self.syntax.jsx {
            self.out.text.push_str(line);
        } else if !trimmed.is_empty() {
            let extra = if closes { 0 } else { columns.saturating_sub(fence.from) };
            self.out.text.extend(std::iter::repeat_n(' ', fence.to + extra));
            self.out.text.push_str(&content[bytes..]);
        }
        if closes {
            self.fence = None;
            self.flow_start = true;
        }
        self.at += line.len();
        self.end_line();
        true
    }

    /// Docusaurus takes ```` ```mdx-code-block ```` fences away before anything else.
    fn unwrap_line(&mut self, content: &str) -> bool {
        let trimmed = content.trim();
        let ticks = trimmed.bytes().take_while(|&byte| byte == b'`').count();
        if !(3..=4).contains(&ticks) || !self.syntax.admonitions {
            return false;
        }
        if trimmed[ticks..].trim() == "mdx-code-block" {
            self.unwrapped.push(ticks);
            return true;
        }
        if ticks == trimmed.len() && self.unwrapped.last() == Some(&ticks) {
            self.unwrapped.pop();
            return true;
        }
        false
    }

    /// Takes away an `import` or `export` with all its lines, remembering what it names.
    fn module_lines(&mut self, line: &str) -> bool {
        if !is_module_line(line) {
            return false;
        }
        let body = self.body;
        let rest = self.effort.window(&body[self.at..]);
        // A statement ends at the first blank line at which its brackets are closed; when they never
        // are, at the first blank line.
        let (mut end, mut blanks, mut first_blank, mut length) = (0, 0, None, None);
        for part in rest.split_inclusive('\n') {
            if part.trim().is_empty() {
                first_blank.get_or_insert(end);
                blanks += 1;
                if tags::is_balanced(&rest[..end]) {
                    length = Some(end);
                    break;
                }
                if blanks == MAX_BLANK_LINES {
                    break;
                }
            }
            end += part.len();
        }
        if length.is_none() {
            self.effort.spend(end * blanks);
        }
        let whole = || tags::is_balanced(&rest[..end]).then_some(end);
        let length = length.or_else(whole).or(first_blank).unwrap_or(end);
        let statement = rest[..length].trim_end();
        self.remember(statement);
        self.skip(statement.len());
        self.out.lines.pop();
        self.out.lines.push(self.line);
        self.flow_start = true;
        self.end_line();
        true
    }

    fn remember(&mut self, statement: &'a str) {
        for line in statement.lines() {
            if let Some(import) = line.strip_prefix("import ")
                && let Some((names, path)) = import.rsplit_once(" from ")
            {
                let path = path.trim().trim_end_matches(';').trim_matches(['"', '\'']);
                let name = names.split(',').next().unwrap_or_default().trim();
                if !name.starts_with(['{', '*']) {
                    self.imports.insert(name, path);
                }
            } else if let Some(export) = line.strip_prefix("export const ")
                && let Some((name, value)) = export.split_once('=')
                && let Some(value) = tags::literal(value.trim().trim_end_matches(';'))
            {
                self.constants.insert(name.trim(), value);
            }
        }
    }

    /// `:::note Title`, `:::note[Title]{attributes}` and `:::`.
    fn admonition_line(&mut self, line: &str, prefix: &Prefix) -> bool {
        let content = &line[prefix.content..];
        let colons = content.bytes().take_while(|&byte| byte == b':').count();
        if colons < 3 {
            return false;
        }
        let rest = content[colons..].trim_end();
        let name_length = rest
            .bytes()
            .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
            .count();
        if rest.is_empty() {
            let Some(open) = self.admonitions.iter().rposition(|&open| open <= colons) else { return false };
            self.admonitions.truncate(open);
        } else if name_length == 0 || !rest.as_bytes()[0].is_ascii_alphabetic() {
            return false;
        } else {
            self.admonitions.push(colons);
        }
        self.write_prefix(line, prefix);
        self.new_paragraph();
        let after = &rest[name_length..];
        let start = self.at + prefix.content + colons + name_length;
        let (title, end) = if let Some(label) = after.strip_prefix('[') {
            (start + 1, start + 1 + closing_bracket(label))
        } else if let Some(title) = attribute_title(after) {
            self.mark(Mark::Text(title));
            (start, start)
        } else if after.starts_with('{') {
            (start, start)
        } else {
            (start, start + after.len())
        };
        self.at = title;
        self.heading = false;
        self.inline(end);
        self.new_paragraph();
        let line_end = self.body[self.at..].find('\n').map_or(self.body.len(), |end| self.at + end);
        self.at = line_end;
        self.flow_start = true;
        self.end_line();
        true
    }

    /// A display that stands on lines of its own, blank lines included.
    fn display_math(&mut self, line: &str, content: &str) -> bool {
        let Some(first) = content.trim_end().strip_prefix("$$") else { return false };
        if first.contains("$$") || first.starts_with('$') {
            return false;
        }
        let start = self.at + (line.len() - content.len()) + 2;
        let Some(length) = self.effort.find(&self.body[start..], "$$") else { return false };
        let tex = self.body[start..start + length].trim();
        if !tex.is_empty() {
            self.mark_paragraph(Mark::Math(tex.to_owned()));
        }
        self.skip(start + length + 2 - self.at);
        let end = self.body.len();
        self.inline(end);
        true
    }

    /// Text of one line up to `end`, and of the lines that a tag, a code span or an expression takes along.
    fn inline(&mut self, end: usize) {
        let mut line_start = true;
        while self.at < end {
            let rest = &self.body[self.at..end];
            let byte = rest.as_bytes()[0];
            match byte {
                b'\n' => {
                    self.end_line();
                    return;
                }
                b'\\' => {
                    let length =
                        1 + rest[1..].chars().next().filter(|&c| c != '\n').map_or(0, char::len_utf8);
                    self.copy(length);
                }
                b'`' => self.code_span(end),
                b'$' if self.syntax.math => self.inline_math(rest),
                b'<' if self.syntax.jsx => {
                    self.less_than(rest, line_start);
                    continue;
                }
                b'{' if self.syntax.jsx => self.expression(rest),
                _ => {
                    let special = |b: &u8| matches!(b, b'\n' | b'\\' | b'`' | b'$' | b'<' | b'{');
                    let length = 1 + rest.as_bytes()[1..].iter().position(special).unwrap_or(rest.len() - 1);
                    self.copy(length);
                }
            }
            line_start = false;
        }
        if self.at >= self.body.len() {
            self.end_line();
        }
    }

    fn code_span(&mut self, end: usize) {
        let rest = &self.body[self.at..end];
        let run = rest.bytes().take_while(|&byte| byte == b'`').count();
        let none_before = self.unclosed.get(&run).copied().unwrap_or(0);
        if self.at < none_before {
            self.copy(run);
            return;
        }
        let mut at = run;
        let bytes = rest.as_bytes();
        while at < bytes.len() {
            match bytes[at] {
                b'`' => {
                    let found = bytes[at..].iter().take_while(|&&byte| byte == b'`').count();
                    at += found;
                    if found == run {
                        self.copy(at);
                        return;
                    }
                }
                b'\n' => {
                    at += 1;
                    if self.heading || ends_paragraph(&rest[at..]) {
                        break;
                    }
                }
                _ => at += 1,
            }
        }
        self.unclosed.insert(run, self.at + at);
        self.copy(run);
    }

    fn inline_math(&mut self, rest: &str) {
        let delimiter = if rest.starts_with("$$") { "$$" } else { "$" };
        let inner = &rest[delimiter.len()..];
        let line = inner.find('\n').map_or(inner, |end| &inner[..end]);
        let math = line.find(delimiter).filter(|&end| {
            let text = &line[..end];
            !text.is_empty() && !text.starts_with(' ') && !text.ends_with(' ')
        });
        self.copy(math.map_or(delimiter.len(), |end| end + 2 * delimiter.len()));
    }

    fn less_than(&mut self, rest: &'a str, line_start: bool) {
        if let Some(comment) = rest.strip_prefix("<!--") {
            match self.effort.find(comment, "-->") {
                Some(end) => self.skip(end + 7),
                None => self.literal_less_than(),
            }
            return;
        }
        match self.effort.tag(rest) {
            Some(tag) if self.is_tag(&tag) => {
                let tag_line = self.line;
                self.skip(tag.length);
                self.tag(&tag, line_start, tag_line);
            }
            _ => match autolink_length(rest) {
                Some(length) => self.copy(length),
                None => self.literal_less_than(),
            },
        }
    }

    fn literal_less_than(&mut self) {
        self.out.text.push_str("\\<");
        self.at += 1;
    }

    /// `Vec<String>` and `<your-name>` in running text are not tags: nothing closes them.
    fn is_tag(&self, tag: &Tag<'_>) -> bool {
        tag.name.is_empty()
            || tag.closing
            || tag.self_closing
            || tags::is_block_element(tag.name)
            || tags::is_inline_element(tag.name)
            || self.closed.contains(tag.name)
    }

    fn tag(&mut self, tag: &Tag<'a>, line_start: bool, tag_line: usize) {
        let name = tag.name;
        if !tag.closing && !tag.self_closing && matches!(name, "script" | "style" | "head") {
            if let Some(end) = self.effort.find(&self.body[self.at..], &format!("</{name}")) {
                self.skip(end);
            }
            return;
        }
        match name {
            "" => return,
            "br" => {
                self.out.text.push(' ');
                return;
            }
            "img" => {
                if let Some(alt) = tag.text("alt").filter(|alt| !alt.trim().is_empty()) {
                    self.mark(Mark::Expression { source: String::new(), value: Some(alt) });
                }
                return;
            }
            "CodeBlock" if !tag.closing && !tag.self_closing && self.code_block(tag) => return,
            "Heading" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => {
                let level = tags::heading_level(name)
                    .or_else(|| tag.text("as").and_then(|name| tags::heading_level(&name)))
                    .unwrap_or(2);
                if tag.closing {
                    self.mark(Mark::HeadingEnd);
                    self.new_paragraph();
                } else if !tag.self_closing {
                    self.new_paragraph();
                    self.mark(Mark::HeadingStart { level, id: tag.text("id") });
                }
                return;
            }
            "Tabs" => self.tabs_tag(tag),
            _ => {}
        }
        if !tag.closing {
            if let Some(path) = self.imports.get(name).filter(|path| super::is_partial(path)) {
                let partial = Mark::Partial((*path).to_owned());
                self.out.lines.pop();
                self.out.lines.push(tag_line);
                self.mark_paragraph(partial);
                return;
            }
            if let Some(label) = self.label(tag) {
                self.mark_paragraph(Mark::Text(label));
                return;
            }
        }
        if tags::is_inline_element(name) {
            return;
        }
        let next = self.body[self.at..].bytes().find(|&byte| byte != b' ' && byte != b'\t');
        let alone = line_start && matches!(next, None | Some(b'\n'));
        let block = tags::is_block_element(name) || matches!(name, "TabItem" | "Tabs" | "Admonition");
        if alone || (block && line_start) {
            self.new_paragraph();
            self.flow_start = true;
        } else if block {
            self.mark(Mark::Break);
        }
    }

    /// What a component shows of its attributes.
    fn label(&self, tag: &Tag<'_>) -> Option<String> {
        let label = match tag.name {
            "TabItem" => {
                let value = tag.text("value").unwrap_or_default();
                let of_value = || {
                    self.tabs
                        .last()?
                        .iter()
                        .find(|(found, _)| *found == value)
                        .map(|(_, label)| label.clone())
                };
                tag.text("label").or_else(of_value).unwrap_or(value)
            }
            name if tags::is_block_element(name) || tags::is_inline_element(name) => return None,
            _ => ["title", "caption", "label"].iter().find_map(|name| tag.text(name))?,
        };
        Some(label).filter(|label| !label.trim().is_empty())
    }

    fn tabs_tag(&mut self, tag: &Tag<'_>) {
        if tag.closing {
            self.tabs.pop();
        } else if !tag.self_closing {
            let labels = tag.expression("values").map(tab_labels).unwrap_or_default();
            self.tabs.push(labels);
        }
    }

    /// `<CodeBlock language="py">{Source}</CodeBlock>`.
    fn code_block(&mut self, tag: &Tag<'_>) -> bool {
        let Some(length) = self.effort.find(&self.body[self.at..], "</CodeBlock>") else { return false };
        let inner = self.body[self.at..self.at + length].trim();
        let expression = inner.strip_prefix('{').and_then(|inner| inner.strip_suffix('}')).map(str::trim);
        let code = match expression {
            None => CodeSource::Text(inner.to_owned()),
            Some(expression) => match (tags::literal(expression), self.imports.get(expression)) {
                (Some(text), _) => CodeSource::Text(text),
                (None, Some(path)) => CodeSource::File((*path).to_owned()),
                (None, None) => match self.constants.get(expression) {
                    Some(text) => CodeSource::Text(text.clone()),
                    None => {
                        let message = "the code of a <CodeBlock> is computed; it is missing here";
                        self.out.problems.push((self.line, message.into()));
                        CodeSource::Text(String::new())
                    }
                },
            },
        };
        let language = tag.text("language").unwrap_or_default();
        self.mark_paragraph(Mark::Code { language, title: tag.text("title"), code });
        self.skip(length + "</CodeBlock>".len());
        true
    }

    fn expression(&mut self, rest: &'a str) {
        // `{#id}` in a heading is the classic way to name it; the renderer takes it from the text.
        let length = match self.effort.braces(rest) {
            Some(length) if !(self.heading && rest.starts_with("{#")) => length,
            _ => {
                self.copy(1);
                return;
            }
        };
        let inner = &rest[1..length - 1];
        self.skip(length);
        let trimmed = inner.trim();
        if let Some(comment) = trimmed.strip_prefix("/*").and_then(|rest| rest.strip_suffix("*/"))
            && !comment.contains("*/")
        {
            if !self.heading {
                return;
            }
            let first = comment.trim().split(' ').next().unwrap_or_default();
            if let Some(id) = first.strip_prefix('#').filter(|id| !id.is_empty()) {
                self.mark(Mark::HeadingId(id.to_owned()));
                return;
            }
        }
        let value = tags::literal(trimmed).or_else(|| self.constants.get(trimmed).cloned());
        self.mark(Mark::Expression { source: inner.to_owned(), value });
    }
}

fn is_module_line(line: &str) -> bool {
    if let Some(import) = line.strip_prefix("import") {
        let import = import.trim_start();
        let quoted = import.starts_with(['"', '\'']);
        let open = import.starts_with(['{', '*']);
        let from = import.contains(" from '") || import.contains(" from \"");
        return line[6..].starts_with([' ', '{', '\'', '"']) && (quoted || open || from);
    }
    let Some(export) = line.strip_prefix("export ") else { return false };
    let word = export.trim_start().split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default();
    export.trim_start().starts_with(['{', '*'])
        || matches!(
            word,
            "const"
                | "let"
                | "var"
                | "function"
                | "class"
                | "default"
                | "async"
                | "type"
                | "interface"
                | "enum"
        )
}

/// Length of the `<https://…>` or `<a@b.c>` at the start of `text`; addresses have an end in reach.
fn autolink_length(text: &str) -> Option<usize> {
    let bytes = &text.as_bytes()[..text.len().min(2_000)];
    let end = bytes.iter().skip(1).position(|byte| matches!(byte, b'<' | b'>' | b' ' | b'\n'))? + 1;
    let inner = &bytes[1..end];
    let scheme = inner.iter().position(|&byte| byte == b':').unwrap_or(0);
    (bytes[end] == b'>' && (scheme > 1 || inner.contains(&b'@'))).then_some(end + 1)
}

/// Length of the text before the bracket that closes a label.
fn closing_bracket(label: &str) -> usize {
    let mut depth = 0_usize;
    for (at, byte) in label.bytes().enumerate() {
        match byte {
            b'[' => depth += 1,
            b']' if depth == 0 => return at,
            b']' => depth -= 1,
            _ => {}
        }
    }
    label.len()
}

/// The title in `{#id .class title="x"}`.
fn attribute_title(text: &str) -> Option<String> {
    let inner = text.trim().strip_prefix('{')?.strip_suffix('}')?;
    let (_, rest) = inner.split_once("title=")?;
    let quote = rest.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
    rest[1..].split_once(quote).map(|(title, _)| tags::decode_entities(title))
}

/// Values and labels in `[{label: 'A', value: 'a'}, …]`, whatever the order of the keys.
fn tab_labels(expression: &str) -> Vec<(String, String)> {
    let field = |object: &str, key: &str| {
        let (_, rest) = object.split_once(key)?;
        let rest =
            rest.trim_start().trim_start_matches(['"', '\'']).trim_start().strip_prefix(':')?.trim_start();
        let quote = rest.chars().next().filter(|quote| matches!(quote, '"' | '\'' | '`'))?;
        rest[1..].split_once(quote).map(|(text, _)| text.to_owned())
    };
    expression
        .split('}')
        .filter_map(|object| Some((field(object, "value")?, field(object, "label")?)))
        .collect()
}
