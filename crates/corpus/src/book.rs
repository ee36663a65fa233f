//! Finds out what kind of book a folder holds and reads all its pages.

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::files::BookFiles;
use crate::page::Pages;
use crate::{Page, Warning, built, docusaurus, folder, mdbook, state};

/// What the folder turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BookKind {
    /// A Docusaurus site, or a docs folder of one.
    Docusaurus,
    /// An mdBook: `book.toml`, or `SUMMARY.md` in the folder or in `src/`.
    MdBook,
    /// Markdown files without a known tool.
    Folder,
    /// HTML pages that some tool has built.
    Built,
}

/// What the author says about a book; `None` means: find it out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BookOptions {
    /// Address of the site without path: `https://example.org`.
    pub site_url: Option<String>,
    /// Path under which the site is served: `/` or `/project/`.
    pub base_url: Option<String>,
    /// Path of the docs under the base URL: `docs`, or `/` for docs-only sites.
    pub route_base_path: Option<String>,
    /// Docusaurus' `trailingSlash`.
    pub trailing_slash: Option<bool>,
    /// Whether a Docusaurus site's blog posts are read as well.
    pub blog: bool,
    /// Whether the Markdown of a Docusaurus site's `src/pages` is read as well.
    pub pages: bool,
}

/// A whole book in memory.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Book {
    /// What it is.
    pub kind: BookKind,
    /// The book's title, from its configuration or its folder's name.
    pub title: String,
    /// Pages in reading order where the book has one (sidebars, `SUMMARY.md`), else ordered by file.
    pub pages: Vec<Page>,
    /// Files and settings that were not understood; the pages' own warnings are with the pages.
    pub warnings: Vec<Warning>,
    /// The real folders that it was read from: the one that was named, and those that the site's configuration
    /// names beside it.
    #[serde(skip)]
    pub folders: Vec<PathBuf>,
}

/// Why a book could not be read at all.
#[derive(Debug, thiserror::Error)]
pub enum BookError {
    /// The path does not exist.
    #[error("{} does not exist; name the folder that holds the book", .0.display())]
    Missing(PathBuf),
    /// The path is a file.
    #[error("{} is not a folder; name the folder that holds the book", .0.display())]
    NotAFolder(PathBuf),
    /// No Markdown page was found.
    #[error("{} holds no Markdown page (*.md, *.mdx) and no built site (index.html)", .0.display())]
    Empty(PathBuf),
    /// The folder could not be listed.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// Reads the book in `root`.
///
/// # Errors
/// Only when the folder is missing, unreadable or holds no page. A file that cannot be read becomes a
/// warning that names it; the other pages are returned.
pub fn read_book(root: &Path, options: &BookOptions) -> Result<Book, BookError> {
    read_book_with(root, options, &|_| {})
}

/// Reads the book in `root` and shows each of its pages to `each`, which may take the page's sections away: then a book
/// of any size is never in memory as a whole.
///
/// Pages are shown as they are read, from several threads and in any order; the book that is returned has them in
/// theirs. A page may be shown that the book does not have in the end, because another shows the same. Warnings that
/// concern several pages come only with the book.
///
/// # Errors
/// Those of [`read_book`].
pub fn read_book_with(
    root: &Path,
    options: &BookOptions,
    each: &(dyn Fn(&mut Page) + Sync),
) -> Result<Book, BookError> {
    if !root.exists() {
        return Err(BookError::Missing(root.to_owned()));
    }
    if !root.is_dir() {
        return Err(BookError::NotAFolder(root.to_owned()));
    }
    let mut files = BookFiles::new(root)?;
    let mut warnings = Vec::new();
    let mut pages = Pages::new(each);
    let (options, own_title) = with_settings(&files, options, &mut warnings);
    let (kind, title) = if let Some(name) = docusaurus::config::find(&files) {
        let config = docusaurus::config::read(&files, &name, &options, &mut warnings);
        for instance in &config.docs {
            files.allow(&crate::files::join(&config.folder, &instance.path));
        }
        docusaurus::site::read(&files, &config, &options, &mut pages, &mut warnings);
        (BookKind::Docusaurus, config.title)
    } else if let Some(folder) = mdbook::source_folder(&files) {
        (BookKind::MdBook, mdbook::read(&files, &folder, &options, &mut pages, &mut warnings))
    } else if built::is_built_site(&files) {
        built::read(&files, &options, &mut pages, &mut warnings);
        (BookKind::Built, None)
    } else if files.is_folder("docs") || has_docusaurus_features(&files) {
        let config = docusaurus::bare_config(&files, &options);
        docusaurus::site::read(&files, &config, &options, &mut pages, &mut warnings);
        (BookKind::Docusaurus, None)
    } else {
        folder::read(&files, &options, &mut pages, &mut warnings);
        (BookKind::Folder, None)
    };
    let mut pages = pages.all;
    docusaurus::warn_of_shared_routes(&mut pages);
    if pages.is_empty() {
        return Err(BookError::Empty(root.to_owned()));
    }
    let folder_name = || {
        let name = std::path::absolute(root)
            .ok()
            .and_then(|root| root.file_name().map(|name| name.to_string_lossy().into_owned()));
        name.unwrap_or_else(|| "book".to_owned())
    };
    let title = own_title.or(title).unwrap_or_else(folder_name);
    Ok(Book { kind, title, pages, warnings, folders: state::outermost(files.folders()) })
}

/// Fills options that were not given from `[book]` in the book's `docent.toml`; gives its title as well.
fn with_settings(
    files: &BookFiles,
    options: &BookOptions,
    warnings: &mut Vec<Warning>,
) -> (BookOptions, Option<String>) {
    let mut options = options.clone();
    let Some(text) = files.read_named("docent.toml", warnings) else { return (options, None) };
    let table = match text.parse::<toml::Table>() {
        Ok(table) => table,
        Err(error) => {
            let line = error.span().map_or(0, |span| 1 + text[..span.start].matches('\n').count());
            let message = format!("was not understood: {}", error.message());
            warnings.push(Warning { file: "docent.toml".into(), line, message });
            return (options, None);
        }
    };
    let Some(book) = table.get("book").and_then(toml::Value::as_table) else { return (options, None) };
    let mut text = |key: &str| match book.get(key) {
        Some(toml::Value::String(text)) => Some(text.clone()),
        Some(_) => {
            let message = format!("`book.{key}` must be a text; it was ignored");
            warnings.push(Warning::file("docent.toml", &message));
            None
        }
        None => None,
    };
    let title = text("title");
    let (site_url, base_url, route_base_path) = (text("site_url"), text("base_url"), text("route_base_path"));
    options.site_url = options.site_url.or(site_url);
    options.base_url = options.base_url.or(base_url);
    options.route_base_path = options.route_base_path.or(route_base_path);
    let mut flag = |key: &str| match book.get(key) {
        Some(toml::Value::Boolean(flag)) => Some(*flag),
        Some(_) => {
            let message = format!("`book.{key}` must be true or false; it was ignored");
            warnings.push(Warning::file("docent.toml", &message));
            None
        }
        None => None,
    };
    options.trailing_slash = options.trailing_slash.or(flag("trailing_slash"));
    options.blog |= flag("blog").unwrap_or(false);
    options.pages |= flag("pages").unwrap_or(false);
    (options, title)
}

/// Whether the Markdown of a folder speaks Docusaurus: MDX files, categories, admonitions or its own keys in
/// front matter.
fn has_docusaurus_features(files: &BookFiles) -> bool {
    const KEYS: [&str; 6] = [
        "sidebar_position:",
        "sidebar_label:",
        "slug:",
        "hide_table_of_contents:",
        "pagination_next:",
        "sidebar:",
    ];
    let mut ignored = Vec::new();
    let listed = files.list("", &mut ignored);
    listed.iter().any(|file| {
        let name = file.name.rsplit('/').next().unwrap_or_default();
        name.ends_with(".mdx") || name.starts_with("_category_.") || name == "sidebars.js"
    }) || listed.iter().filter(|file| crate::files::is_markdown(&file.name)).any(|file| {
        let Some(text) = files.read(file, &mut ignored) else { return false };
        let head = text.lines().take(20).any(|line| KEYS.iter().any(|key| line.starts_with(key)));
        let front_matter = text.trim_start_matches('\u{feff}').starts_with("---");
        (front_matter && head)
            || text.lines().any(|line| line.starts_with(":::") && line.len() > 3)
            || text.contains(" from '@theme/")
    })
}
