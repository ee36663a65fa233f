//! Docusaurus sites and bare docs folders: which files are pages, where the build serves them, and their
//! text.

pub(crate) mod config;
mod glob;
mod js;
pub(crate) mod route;
mod sidebars;
pub(crate) mod site;

use std::collections::HashMap;

use crate::files::{self, BookFiles};
use crate::front_matter::split_front_matter;
use crate::markdown::{Dialect, Library, NoLibrary, Reader, clean};
use crate::{BookOptions, Page, Section, Warning};

/// What a site's configuration says, as far as pages depend on it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Site {
    pub(crate) site_url: Option<String>,
    pub(crate) base_url: String,
    pub(crate) trailing_slash: Option<bool>,
    pub(crate) locale: String,
    pub(crate) math: bool,
    pub(crate) maintain_case: bool,
    /// `markdown.format`; pages may say otherwise.
    pub(crate) format: Option<String>,
}

/// What the docs of one folder have in common.
#[derive(Debug, Clone)]
pub(crate) struct DocsFolder {
    /// Path under which its docs are served, base URL included.
    pub(crate) route: String,
    pub(crate) version: Option<String>,
    /// Whether `01-` and the like are taken off names.
    pub(crate) strip_numbers: bool,
    /// Blogs show the title above the post and take it out of the text.
    pub(crate) drop_title: bool,
}

/// Reads one page, whatever its place in a site, as Docusaurus would with its default settings.
///
/// Meant for texts at hand and for tests: nothing is read from disk, so partials are missing and said to be.
/// `file` decides the route: `docs/guide/intro.md` gives `/docs/guide/intro`. Drafts are read too.
pub fn read_page(file: &str, source: &str) -> Page {
    let site = Site { base_url: "/".into(), locale: "en".into(), ..Site::default() };
    let inner = file.strip_prefix("docs/").unwrap_or(file);
    let docs = DocsFolder { route: "/docs".into(), version: None, strip_numbers: true, drop_title: false };
    read_doc(&site, &docs, file, inner, source, &NoLibrary).page
}

/// A page and what is needed to place it among the others.
pub(crate) struct Doc {
    pub(crate) page: Page,
    /// Draft or unlisted: not for readers.
    pub(crate) hidden: bool,
    pub(crate) place: route::DocPlace,
    pub(crate) position: Option<f64>,
    /// `slug` of the front matter.
    pub(crate) slug: Option<String>,
}

pub(crate) fn read_doc(
    site: &Site,
    docs: &DocsFolder,
    file: &str,
    inner: &str,
    source: &str,
    library: &dyn Library,
) -> Doc {
    let source = clean(source);
    let split = split_front_matter(&source);
    let front_matter = &split.front_matter;
    let place = route::doc_place(inner, front_matter, docs.strip_numbers);
    let path = route::join_url(&[&docs.route, &place.slug]);
    let route = route::apply_trailing_slash(&path, site.trailing_slash, &site.base_url);
    let jsx = match front_matter.format.as_deref().or(site.format.as_deref()) {
        Some("md") => false,
        Some("detect") => inner.ends_with(".mdx"),
        _ => true,
    };
    let math = site.math || split.body.contains("$$");
    let dialect = Dialect::Docusaurus { jsx, math, maintain_case: site.maintain_case };
    let mut reader = Reader::new(dialect, library, front_matter.title.as_deref());
    reader.drop_title = docs.drop_title;
    for (line, message) in &split.problems {
        reader.warnings.push(Warning { file: file.into(), line: *line, message: message.clone() });
    }
    reader.read(file, split.body, split.first_line);
    let title = front_matter
        .title
        .clone()
        .filter(|title| !title.is_empty())
        .or_else(|| reader.outline.head_title.clone())
        .or_else(|| reader.outline.first_title.clone())
        .unwrap_or_else(|| place.base_id.clone());
    let page = Page {
        file: file.to_owned(),
        url: absolute(site.site_url.as_deref(), &route),
        route,
        title,
        version: docs.version.clone(),
        locale: site.locale.clone(),
        sections: reader.outline.finish(),
        warnings: reader.warnings,
    };
    Doc {
        page,
        hidden: front_matter.draft || front_matter.unlisted,
        place,
        position: front_matter.sidebar_position,
        slug: split.front_matter.slug,
    }
}

/// The URL of a route: absolute when the site's address is known.
pub(crate) fn absolute(site_url: Option<&str>, route: &str) -> String {
    let path = route::encode_path(route);
    match site_url {
        Some(site) => format!("{}{path}", site.trim_end_matches('/')),
        None => path,
    }
}

/// Whether the docs plugin leaves a file out: partials, tests, and what is not Markdown.
pub(crate) fn is_excluded(inner: &str) -> bool {
    let mut parts = inner.split('/').rev();
    let file = parts.next().unwrap_or_default();
    file.starts_with('_') || parts.any(|folder| folder.starts_with('_')) || !files::is_markdown(file)
}

/// Partials and imported code, read from the book's folders. `@site/` is the site's own folder.
pub(crate) struct BookLibrary<'a> {
    pub(crate) files: &'a BookFiles,
    pub(crate) site_folder: &'a str,
}

impl Library for BookLibrary<'_> {
    fn take(&self, file: &str, target: &str) -> Result<(String, String), String> {
        let (folder, target) = match target.strip_prefix("@site/") {
            Some(target) => (self.site_folder, target),
            None => (files::parent(file), target),
        };
        let name = self.files.resolve(folder, target)?;
        let mut warnings = Vec::new();
        match self.files.read_named(&name, &mut warnings) {
            Some(text) => Ok((name, text)),
            None => Err(warnings.pop().map_or("cannot be read".into(), |warning| warning.message)),
        }
    }
}

/// The settings of a docs folder that has no configuration beside it: those of a new site.
pub(crate) fn bare_config(files: &BookFiles, options: &BookOptions) -> config::Config {
    let base_url = route::join_url(&[options.base_url.as_deref().unwrap_or("/"), "/"]);
    let docs = config::Instance {
        path: if files.is_folder("docs") { "docs".into() } else { String::new() },
        ..config::Instance::new(options.route_base_path.as_deref().unwrap_or("docs"))
    };
    config::Config {
        site_url: options.site_url.clone(),
        base_url,
        trailing_slash: options.trailing_slash,
        locales: config::Locales::only("en"),
        docs: vec![docs],
        ..config::Config::default()
    }
}

/// Warns of pages that the build serves at one path; both are kept.
pub(crate) fn warn_of_shared_routes(pages: &mut [Page]) {
    let mut first: HashMap<String, usize> = HashMap::new();
    for index in 0..pages.len() {
        match first.get(&pages[index].route) {
            Some(&other) => {
                let message = format!("has the route {} of {}", pages[index].route, pages[other].file);
                let file = pages[index].file.clone();
                pages[index].warnings.push(Warning::file(&file, &message));
            }
            None => {
                first.insert(pages[index].route.clone(), index);
            }
        }
    }
}

/// A page from parts that someone else has cut: entries of an evaluation set, pages of another tool.
///
/// Each part becomes a section with its heading path, depth and anchor; its text may be plain or light
/// Markdown, and headings inside it are kept as text. `url` is used as it is, for route and URL.
pub fn page_from_parts(file: &str, title: &str, url: &str, parts: &[PagePart<'_>]) -> Page {
    let mut sections = Vec::new();
    for part in parts {
        let mut reader = Reader::new(Dialect::Plain, &NoLibrary, None);
        let text = clean(part.text);
        reader.read(file, &text, 1);
        let mut blocks = Vec::new();
        for section in reader.outline.finish() {
            if let Some(heading) = section.heading_path.last().filter(|_| section.depth > 0) {
                let (kind, text) = (crate::BlockKind::Prose, heading.clone());
                blocks.push(crate::Block { kind, text, line: section.line });
            }
            blocks.extend(section.blocks);
        }
        sections.push(Section {
            heading_path: part.heading_path.iter().map(|heading| (*heading).to_owned()).collect(),
            depth: part.depth,
            anchor: part.anchor.map(str::to_owned),
            line: 1,
            blocks,
        });
    }
    Page {
        file: file.to_owned(),
        route: url.to_owned(),
        url: url.to_owned(),
        title: title.to_owned(),
        version: None,
        locale: "en".into(),
        sections,
        warnings: Vec::new(),
    }
}

/// One part of a page for [`page_from_parts`].
#[derive(Debug, Clone, Copy)]
pub struct PagePart<'a> {
    /// Enclosing headings, outermost first.
    pub heading_path: &'a [&'a str],
    /// Level of the last of them, 0 without one.
    pub depth: u8,
    /// Fragment of the part on its page.
    pub anchor: Option<&'a str>,
    /// Plain text or light Markdown.
    pub text: &'a str,
}
