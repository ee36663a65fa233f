//! Pages of a site that is built already: the article of an HTML page becomes sections and blocks, its
//! navigation does not. Works on what Docusaurus and mdBook write and on other pages that mark their article.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use html5gum::{DefaultEmitter, StartTag, Token, Tokenizer};

use crate::docusaurus::absolute;
use crate::docusaurus::route::{encode_path, join_url};
use crate::files::{self, BookFiles};
use crate::markdown::tags::{heading_level, is_block_element};
use crate::outline::Outline;
use crate::page::Pages;
use crate::{BlockKind, BookOptions, Page, Warning};

/// Deepest nesting of elements that is followed; what lies deeper is read as if it lay there.
const MAX_DEPTH: usize = 1_000;
/// Files of a build that are no pages for readers.
const NOT_PAGES: [&str; 4] = ["404.html", "print.html", "toc.html", "search.html"];

/// Reads one HTML page. `url` is where it was found; a canonical link in the page stands above it.
///
/// The article is the only `<article>` of the page, else its `<main>`, else its `<body>`. Headings keep the id they
/// carry, or the one their own link points to. Scripts, navigation, footers, buttons and what is hidden from
/// assistive technology are left out; panels that are only folded away are kept.
pub fn read_html_page(file: &str, url: &str, html: &str) -> Page {
    let head = Head::read(html);
    let mut reader = HtmlReader::new(head.container());
    let mut emitter = DefaultEmitter::default();
    emitter.naively_switch_states(true);
    for Ok(token) in Tokenizer::new_with_emitter(html, emitter) {
        match token {
            Token::StartTag(tag) => reader.open(&tag),
            Token::EndTag(tag) => reader.close(&String::from_utf8_lossy(&tag.name)),
            Token::String(text) => reader.text(&String::from_utf8_lossy(&text)),
            _ => {}
        }
    }
    reader.flush();
    let url = head.canonical.unwrap_or_else(|| url.to_owned());
    let route = path_of(&url).to_owned();
    let title = reader.outline.first_title.clone().or(head.title).unwrap_or_else(|| file.to_owned());
    Page {
        file: file.to_owned(),
        route,
        url,
        title,
        version: head.version.filter(|version| version != "current"),
        locale: head.language.unwrap_or_else(|| "en".into()),
        sections: reader.outline.finish(),
        warnings: Vec::new(),
    }
}

/// The path of a URL; a path is its own.
pub(crate) fn path_of(url: &str) -> &str {
    let Some((_, rest)) = url.split_once("://") else { return url };
    rest.find('/').map_or("/", |at| &rest[at..])
}

/// Whether a folder holds a built site: pages in HTML and none in Markdown.
pub(crate) fn is_built_site(files: &BookFiles) -> bool {
    let listed = files.list("", &mut Vec::new());
    listed.iter().any(|file| file.name.ends_with(".html"))
        && !listed.iter().any(|file| files::is_markdown(&file.name))
}

/// Reads all pages of a built site.
pub(crate) fn read(
    files: &BookFiles,
    options: &BookOptions,
    pages: &mut Pages<'_>,
    warnings: &mut Vec<Warning>,
) {
    let base_url = options.base_url.as_deref().unwrap_or("/");
    let (mut texts, mut index_text) = (HashSet::new(), None);
    for file in files.list("", warnings) {
        let name = file.name.rsplit('/').next().unwrap_or_default();
        if !name.ends_with(".html") || NOT_PAGES.contains(&name) {
            continue;
        }
        let mut own = Vec::new();
        let Some(html) = files.read(&file, &mut own) else {
            warnings.append(&mut own);
            continue;
        };
        let head = Head::read(&html);
        if head.hidden {
            continue;
        }
        let path = file.name.strip_suffix("index.html").unwrap_or(&file.name);
        let route = join_url(&[base_url, path]);
        let mut page = read_html_page(&file.name, &absolute(options.site_url.as_deref(), &route), &html);
        if let Some(site_url) = &options.site_url {
            page.url = absolute(Some(site_url), &page.route);
        } else if !page.url.contains("://") {
            page.url = encode_path(&page.route);
        }
        page.warnings = own;
        // mdBook writes its first chapter a second time, as the index.
        let text = text_hash(&page);
        let is_index = file.name == "index.html";
        if is_index && texts.contains(&text) {
            continue;
        }
        if page.sections.len() > 1 || page.sections.iter().any(|section| !section.blocks.is_empty()) {
            if index_text == Some(text) {
                pages.all.retain(|other| other.file != "index.html");
            }
            index_text = if is_index { Some(text) } else { index_text.filter(|index| *index != text) };
            texts.insert(text);
            pages.push(page);
        }
    }
}

/// A hash of a page's title and sections: two pages with the same show the same.
fn text_hash(page: &Page) -> u64 {
    let mut hasher = DefaultHasher::new();
    page.title.hash(&mut hasher);
    for section in &page.sections {
        (&section.heading_path, section.depth, &section.anchor).hash(&mut hasher);
        for block in &section.blocks {
            (block.kind, &block.text).hash(&mut hasher);
        }
    }
    hasher.finish()
}

/// What a page says of itself outside its article.
#[derive(Debug, Default)]
pub(crate) struct Head {
    title: Option<String>,
    /// What stands behind the last `|` or `-` of the title: the site's own name.
    pub(crate) site: Option<String>,
    canonical: Option<String>,
    language: Option<String>,
    version: Option<String>,
    /// A redirect, or not meant for search.
    pub(crate) hidden: bool,
    articles: usize,
    has_main: bool,
}

impl Head {
    pub(crate) fn read(html: &str) -> Self {
        let mut head = Self::default();
        let mut in_title = false;
        let mut emitter = DefaultEmitter::default();
        emitter.naively_switch_states(true);
        for Ok(token) in Tokenizer::new_with_emitter(html, emitter) {
            match token {
                Token::StartTag(tag) => {
                    in_title = **tag.name == *b"title" && head.title.is_none();
                    head.tag(&tag);
                }
                Token::String(text) if in_title => {
                    let text = String::from_utf8_lossy(&text).into_owned();
                    head.title.get_or_insert_default().push_str(&text);
                }
                Token::EndTag(_) => in_title = false,
                _ => {}
            }
        }
        head.site = head.title.as_deref().and_then(|title| {
            let (_, site) = title.rsplit_once(" | ").or_else(|| title.rsplit_once(" - "))?;
            Some(site.trim().to_owned()).filter(|site| !site.is_empty())
        });
        head.title = head.title.map(|title| {
            let own = title.split(" | ").next().unwrap_or_default();
            own.split(" - ").next().unwrap_or_default().trim().to_owned()
        });
        head
    }

    fn tag(&mut self, tag: &StartTag<()>) {
        let value = |name: &str| attribute(tag, name);
        match &**tag.name {
            b"html" => self.language = value("lang").filter(|language| !language.is_empty()),
            b"link" if value("rel").as_deref() == Some("canonical") => {
                self.canonical = value("href").filter(|href| href.starts_with("http"));
            }
            b"meta" => match value("name").as_deref() {
                Some("docusaurus_version") => self.version = value("content"),
                Some("docusaurus_locale") => self.language = value("content"),
                Some("robots") => {
                    self.hidden |= value("content").is_some_and(|text| text.contains("noindex"));
                }
                _ => {
                    self.hidden |=
                        value("http-equiv").is_some_and(|text| text.eq_ignore_ascii_case("refresh"));
                }
            },
            b"article" => self.articles += 1,
            b"main" => self.has_main = true,
            _ => {}
        }
    }

    fn container(&self) -> &'static str {
        match (self.articles, self.has_main) {
            (1, _) => "article",
            // Several articles are the cards or teasers of a list.
            (_, true) => "main",
            (0, false) => "body",
            _ => "article",
        }
    }
}

fn attribute(tag: &StartTag<()>, name: &str) -> Option<String> {
    tag.attributes.get(name.as_bytes()).map(|value| String::from_utf8_lossy(value).into_owned())
}

/// What an open element means.
#[derive(Debug, PartialEq)]
enum Role {
    /// The article or a part of it without a meaning of its own.
    Plain,
    Container,
    /// Not for readers.
    Skipped,
    Pre,
    /// Inline code, with the place in the text where it began.
    Code(usize),
    Heading,
    /// The number of the next item, or none for bullets.
    List(Option<u64>),
    Table,
    Row,
    Cell,
    /// A section with the id that its first heading may use.
    Section(Option<String>),
}

struct HtmlReader {
    container: &'static str,
    stack: Vec<(String, Role)>,
    /// Open containers, skipped elements and `pre`, so that the stack need not be searched.
    inside: usize,
    skipped: usize,
    pre: usize,
    outline: Outline,
    inline: String,
    marker: Option<String>,
    heading: Option<Heading>,
    language: String,
    rows: String,
    cells: Vec<String>,
    in_cell: usize,
}

struct Heading {
    level: u8,
    id: Option<String>,
    text: String,
}

impl HtmlReader {
    fn new(container: &'static str) -> Self {
        Self {
            container,
            stack: Vec::new(),
            inside: 0,
            skipped: 0,
            pre: 0,
            outline: Outline::new(None),
            inline: String::new(),
            marker: None,
            heading: None,
            language: String::new(),
            rows: String::new(),
            cells: Vec::new(),
            in_cell: 0,
        }
    }

    fn open(&mut self, tag: &StartTag<()>) {
        let name = String::from_utf8_lossy(&tag.name).into_owned();
        let reads = self.inside > 0 && self.skipped == 0;
        match name.as_str() {
            "br" if reads => return self.line_break(),
            "img" if reads && self.pre == 0 => {
                if let Some(alt) = attribute(tag, "alt") {
                    self.text(&alt);
                }
                return;
            }
            "area" | "base" | "br" | "col" | "embed" | "hr" | "img" | "input" | "link" | "meta" | "param"
            | "source" | "track" | "wbr" => return,
            _ => {}
        }
        // A new item or cell ends the one before it, whose end tag may be left out.
        if matches!(name.as_str(), "li" | "tr" | "td" | "th" | "p" | "dt" | "dd") {
            self.close_implied(&name);
        }
        let role = self.role(tag, &name);
        match role {
            Role::Container => self.inside += 1,
            Role::Skipped => self.skipped += 1,
            Role::Pre => self.pre += 1,
            Role::Cell => self.in_cell += 1,
            _ => {}
        }
        if self.stack.len() < MAX_DEPTH {
            self.stack.push((name, role));
        } else {
            self.undo(&role);
        }
    }

    fn undo(&mut self, role: &Role) {
        match role {
            Role::Container => self.inside -= 1,
            Role::Skipped => self.skipped -= 1,
            Role::Pre => self.pre -= 1,
            Role::Cell => self.in_cell -= 1,
            _ => {}
        }
    }

    fn role(&mut self, tag: &StartTag<()>, name: &str) -> Role {
        if self.skipped > 0 || is_skipped(tag, name) {
            return if self.skipped == 0 { Role::Skipped } else { Role::Plain };
        }
        if name == self.container {
            self.flush();
            return Role::Container;
        }
        if self.inside == 0 {
            return Role::Plain;
        }
        if let Some(language) = attribute(tag, "class").as_deref().and_then(language_class) {
            self.language = language;
        }
        if let (Some(heading), "a") = (&mut self.heading, name) {
            let own = attribute(tag, "id").or_else(|| attribute(tag, "name"));
            let target = attribute(tag, "href").and_then(|href| href.strip_prefix('#').map(str::to_owned));
            heading.id = heading.id.take().or(own).or(target);
        }
        if let Some(level) = heading_level(name) {
            self.flush();
            let id = attribute(tag, "id").or_else(|| self.section_id());
            self.heading = Some(Heading { level, id, text: String::new() });
            return Role::Heading;
        }
        match name {
            "pre" => {
                self.flush();
                Role::Pre
            }
            "code" | "kbd" | "samp" if self.pre == 0 && self.heading.is_none() => {
                Role::Code(self.target().len())
            }
            "ul" | "menu" => {
                self.flush();
                Role::List(None)
            }
            "ol" => {
                self.flush();
                Role::List(Some(attribute(tag, "start").and_then(|start| start.parse().ok()).unwrap_or(1)))
            }
            "li" => {
                self.flush();
                self.item();
                Role::Plain
            }
            "table" => {
                self.flush();
                Role::Table
            }
            "tr" => Role::Row,
            "td" | "th" => {
                self.cells.push(String::new());
                Role::Cell
            }
            "section" | "div" => {
                self.flush();
                Role::Section(attribute(tag, "id"))
            }
            _ => {
                if is_block_element(name) {
                    self.flush();
                }
                Role::Plain
            }
        }
    }

    /// The id of the section that begins right before a heading, as Sphinx writes it.
    fn section_id(&mut self) -> Option<String> {
        match self.stack.last_mut() {
            Some((_, Role::Section(id))) => id.take(),
            _ => None,
        }
    }

    fn item(&mut self) {
        let depth = self.stack.iter().filter(|(_, role)| matches!(role, Role::List(_))).count();
        let list = self.stack.iter_mut().rev().find_map(|(_, role)| match role {
            Role::List(next) => Some(next),
            _ => None,
        });
        let marker = match list {
            Some(Some(number)) => {
                let marker = format!("{number}. ");
                *number = number.saturating_add(1);
                marker
            }
            _ => "- ".to_owned(),
        };
        self.marker = Some("  ".repeat(depth.saturating_sub(1).min(16)) + &marker);
    }

    fn close_implied(&mut self, name: &str) {
        let same = |open: &str| match name {
            "td" | "th" => matches!(open, "td" | "th"),
            "dt" | "dd" => matches!(open, "dt" | "dd"),
            "tr" => matches!(open, "tr" | "td" | "th"),
            _ => open == name,
        };
        let bounded =
            |open: &str| matches!(open, "ul" | "ol" | "table" | "div" | "section" | "article" | "main");
        let mut reach = None;
        for (index, (open, _)) in self.stack.iter().enumerate().rev().take(8) {
            if bounded(open) {
                break;
            }
            if same(open) {
                reach = Some(index);
            }
        }
        if let Some(index) = reach {
            self.pop_to(index);
        }
    }

    fn close(&mut self, name: &str) {
        // An end tag without a start tag in reach is ignored.
        let found = self.stack.iter().rposition(|(open, _)| open == name);
        if let Some(index) = found {
            self.pop_to(index);
        }
    }

    fn pop_to(&mut self, index: usize) {
        while self.stack.len() > index {
            if let Some((name, role)) = self.stack.pop() {
                self.undo(&role);
                if self.skipped == 0 && (self.inside > 0 || role == Role::Container) {
                    self.ended(&name, &role);
                }
            }
        }
    }

    fn ended(&mut self, name: &str, role: &Role) {
        match role {
            Role::Heading => self.end_heading(),
            Role::Pre => self.end_code(),
            Role::Code(start) => self.end_inline_code(*start),
            Role::Row => self.end_row(),
            Role::Table => {
                let rows = std::mem::take(&mut self.rows);
                self.outline.block(BlockKind::Table, &rows, 1);
                self.marker = None;
            }
            Role::Cell | Role::Skipped => {}
            Role::Container | Role::List(_) | Role::Section(_) => self.flush(),
            Role::Plain if name == "li" => {
                self.flush();
                self.marker = None;
            }
            Role::Plain if is_block_element(name) => self.flush(),
            Role::Plain => {}
        }
    }

    /// Where running text goes at the moment.
    fn target(&mut self) -> &mut String {
        if self.in_cell > 0 && !self.cells.is_empty() {
            let last = self.cells.len() - 1;
            &mut self.cells[last]
        } else if let Some(heading) = &mut self.heading {
            &mut heading.text
        } else {
            &mut self.inline
        }
    }

    fn text(&mut self, text: &str) {
        if self.inside == 0 || self.skipped > 0 {
            return;
        }
        let pre = self.pre > 0;
        let target = self.target();
        if pre {
            target.push_str(text);
            return;
        }
        for character in text.chars() {
            match character {
                // Docusaurus ends the links in headings with it.
                '\u{200b}' => {}
                c if c.is_ascii_whitespace() => {
                    if !target.ends_with(' ') && !target.is_empty() {
                        target.push(' ');
                    }
                }
                other => target.push(other),
            }
        }
    }

    fn line_break(&mut self) {
        let pre = self.pre > 0;
        self.target().push(if pre { '\n' } else { ' ' });
    }

    fn end_inline_code(&mut self, start: usize) {
        let target = self.target();
        if start <= target.len() && target.is_char_boundary(start) {
            let code = target.split_off(start);
            let quoted = match code.trim() {
                "" => code,
                _ if code.contains('`') => format!("`` {code} ``"),
                _ => format!("`{code}`"),
            };
            target.push_str(&quoted);
        }
    }

    fn end_heading(&mut self) {
        let Some(heading) = self.heading.take() else { return };
        let text = heading.text.trim().trim_end_matches(['¶', '#', '\u{200b}']).trim();
        self.marker = None;
        // A title of the page needs no anchor of its own, unless it has one.
        self.outline.heading(heading.level, text, heading.id.filter(|id| !id.is_empty()), 1);
    }

    fn end_code(&mut self) {
        if self.pre > 0 {
            return;
        }
        let language = std::mem::take(&mut self.language);
        let code = std::mem::take(&mut self.inline);
        let code = code.trim_matches('\n').trim_end();
        if !code.trim().is_empty() {
            let fence = if code.contains("```") { "````" } else { "```" };
            self.outline.block(BlockKind::Code, &format!("{fence}{language}\n{code}\n{fence}"), 1);
            self.marker = None;
        }
    }

    fn end_row(&mut self) {
        let cells = std::mem::take(&mut self.cells);
        if cells.iter().any(|cell| !cell.trim().is_empty()) {
            let row: Vec<&str> = cells.iter().map(|cell| cell.trim()).collect();
            if !self.rows.is_empty() {
                self.rows.push('\n');
            }
            self.rows.push_str(&format!("| {} |", row.join(" | ")));
        }
    }

    fn flush(&mut self) {
        if self.pre > 0 {
            // Some highlighters make each line of code an element.
            let target = self.target();
            if !target.is_empty() && !target.ends_with('\n') {
                target.push('\n');
            }
            return;
        }
        if self.in_cell > 0 {
            return;
        }
        let text = std::mem::take(&mut self.inline);
        let text = text.trim();
        if text.is_empty() {
            return;
        }
        match self.marker.take() {
            Some(marker) => self.outline.block(BlockKind::ListItem, &format!("{marker}{text}"), 1),
            None => self.outline.block(BlockKind::Prose, text, 1),
        }
    }
}

/// Elements that are not part of what an article says.
fn is_skipped(tag: &StartTag<()>, name: &str) -> bool {
    const NAMES: [&str; 12] = [
        "script", "style", "template", "noscript", "nav", "aside", "footer", "button", "form", "svg",
        "select", "iframe",
    ];
    const CLASSES: [&str; 11] = [
        "hash-link",
        "headerlink",
        "breadcrumbs",
        "pagination-nav",
        "tocCollapsible",
        "table-of-contents",
        "boring",
        "sr-only",
        "theme-doc-toc-mobile",
        "theme-doc-version",
        "footnote-reference",
    ];
    let class = attribute(tag, "class").unwrap_or_default();
    // The small numbers of footnotes and the arrows back are no words of a sentence.
    let footnote =
        ["data-footnote-ref", "data-footnote-backref"].iter().any(|name| attribute(tag, name).is_some());
    NAMES.contains(&name)
        || footnote
        || attribute(tag, "aria-hidden").as_deref() == Some("true")
        || class.split_ascii_whitespace().any(|class| CLASSES.iter().any(|name| class.starts_with(name)))
}

fn language_class(class: &str) -> Option<String> {
    let language = class.split_ascii_whitespace().find_map(|class| class.strip_prefix("language-"))?;
    Some(language.split(',').next().unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use super::read_html_page;

    fn check(html: &str, expected: &str) {
        let page = read_html_page("a.html", "https://x.org/a", html);
        let mut outline = format!("{} {}\n", page.title, page.url);
        for section in &page.sections {
            if section.depth > 0 {
                let anchor = section.anchor.as_deref().unwrap_or("-");
                outline.push_str(&format!(
                    "[{} {} #{anchor}]\n",
                    section.depth,
                    section.heading_path.join(" > ")
                ));
            }
            for block in &section.blocks {
                outline.push_str(&block.text);
                outline.push('\n');
            }
        }
        assert_eq!(outline.trim_end(), expected);
    }

    #[test]
    fn the_article_is_read_and_nothing_around_it() {
        check(
            "<html lang=de><head><title>T | Site</title><link rel=canonical href='https://x.org/b'></head><body><nav>no</nav><main><article><header><h1>Title</h1></header><p>One &amp; <code>two</code>.<p>Three.<h2 id=part>Part<a href='#part' class='hash-link'>#</a></h2><ul><li>a<ul><li>b</ul><li>c</ul><script>no('</p>')</script></article><footer>no</footer></main></body></html>",
            "Title https://x.org/b\nOne & `two`.\nThree.\n[2 Part #part]\n- a\n  - b\n- c",
        );
    }

    #[test]
    fn code_tables_and_sections_are_read() {
        check(
            "<main><h1 id=t><a class=header href='#t'>T</a></h1><pre><code class='language-rust ignore'>fn a() {\n  b\n}</code></pre><table><tr><th>A<th>B<tr><td>1<td><code>x</code></table><section id=s><h2>S<a class=headerlink href='#s'>¶</a></h2><p>x</section></main>",
            "T https://x.org/a\n[1  #t]\n```rust\nfn a() {\n  b\n}\n```\n| A | B |\n| 1 | `x` |\n[2 S #s]\nx",
        );
    }

    #[test]
    fn broken_html_is_read_in_time() {
        for piece in [
            "<div>",
            "<p>",
            "</p>",
            "<li>",
            "<td>",
            "<a href='",
            "<!--",
            "<h2>",
            "<pre>",
            "<article>",
            "&",
            "<",
        ] {
            read_html_page("a.html", "/a", &piece.repeat(20_000));
        }
    }
}
