//! A folder of Markdown that belongs to no known tool: every file is a page under its own path.

use crate::docusaurus::absolute;
use crate::docusaurus::route::{apply_trailing_slash, join_url};
use crate::files::{self, BookFiles};
use crate::front_matter::split_front_matter;
use crate::markdown::{Dialect, NoLibrary, Reader, clean};
use crate::page::Pages;
use crate::{BookOptions, Page, Warning};

/// Reads all Markdown files below the root.
///
/// Routes are paths without extension; `index` and `README` stand for their folder. A `slug` or `title` in
/// front matter is honoured. `.mdx` files are read as MDX.
pub(crate) fn read(
    files: &BookFiles,
    options: &BookOptions,
    pages: &mut Pages<'_>,
    warnings: &mut Vec<Warning>,
) {
    let base_url = join_url(&[options.base_url.as_deref().unwrap_or("/"), "/"]);
    let root = join_url(&[&base_url, options.route_base_path.as_deref().unwrap_or("/")]);
    for file in files.list("", warnings) {
        let lower = file.name.to_lowercase();
        if !files::is_markdown(&lower) && !lower.ends_with(".markdown") {
            continue;
        }
        let mut own = Vec::new();
        let Some(source) = files.read(&file, &mut own) else {
            warnings.append(&mut own);
            continue;
        };
        let source = clean(&source);
        let split = split_front_matter(&source);
        if split.front_matter.draft || split.front_matter.unlisted {
            continue;
        }
        for (line, message) in &split.problems {
            own.push(Warning { file: file.name.clone(), line: *line, message: message.clone() });
        }
        let dialect = if lower.ends_with(".mdx") {
            Dialect::Docusaurus { jsx: true, math: split.body.contains("$$"), maintain_case: false }
        } else {
            Dialect::Plain
        };
        let title = split.front_matter.title.as_deref();
        let mut reader = Reader::new(dialect, &NoLibrary, title);
        reader.read(&file.name, split.body, split.first_line);
        own.append(&mut reader.warnings);
        let stem = file.name.rsplit_once('.').map_or(file.name.as_str(), |(stem, _)| stem);
        let (folder, name) = stem.rsplit_once('/').unwrap_or(("", stem));
        let path = match split.front_matter.slug.as_deref() {
            Some(slug) if slug.starts_with('/') => slug.to_owned(),
            _ if matches!(name.to_lowercase().as_str(), "index" | "readme") => format!("{folder}/"),
            _ => stem.to_owned(),
        };
        let route = apply_trailing_slash(&join_url(&[&root, &path]), options.trailing_slash, &base_url);
        let title = title
            .map(str::to_owned)
            .or_else(|| reader.outline.first_title.clone())
            .unwrap_or_else(|| name.to_owned());
        pages.push(Page {
            url: absolute(options.site_url.as_deref(), &route),
            file: file.name,
            route,
            title,
            version: None,
            locale: "en".into(),
            sections: reader.outline.finish(),
            warnings: own,
        });
    }
}
