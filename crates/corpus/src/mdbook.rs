//! mdBook: `book.toml` and `SUMMARY.md` say which files are pages and what they are called; a page is served
//! under its file's name with `.html`. Follows mdBook 0.5.

mod include;

use pulldown_cmark::{Event, Parser, Tag, TagEnd};

use crate::docusaurus::absolute;
use crate::docusaurus::route::join_url;
use crate::files::{self, BookFiles};
use crate::markdown::{Dialect, NoLibrary, Reader, clean};
use crate::page::Pages;
use crate::{BookOptions, Page, Warning};

/// What `book.toml` says, as far as pages depend on it.
#[derive(Debug)]
struct Config {
    title: Option<String>,
    source_folder: String,
    language: String,
    base_url: String,
    dialect: Dialect,
}

/// The source folder of the mdBook in `files`, if it is one.
pub(crate) fn source_folder(files: &BookFiles) -> Option<String> {
    if files.is_file("book.toml") {
        let mut ignored = Vec::new();
        let folder = read_config(files, &mut ignored).source_folder;
        return files.is_file(&files::join(&folder, "SUMMARY.md")).then_some(folder);
    }
    ["", "src"]
        .into_iter()
        .find(|folder| files.is_file(&files::join(folder, "SUMMARY.md")))
        .map(str::to_owned)
}

/// Reads the book whose chapters lie in `folder`; gives its title.
pub(crate) fn read(
    files: &BookFiles,
    folder: &str,
    options: &BookOptions,
    pages: &mut Pages<'_>,
    warnings: &mut Vec<Warning>,
) -> Option<String> {
    let config = read_config(files, warnings);
    let summary_file = files::join(folder, "SUMMARY.md");
    let summary = files.read_named(&summary_file, warnings)?;
    let base_url = join_url(&[options.base_url.as_deref().unwrap_or(&config.base_url), "/"]);
    for chapter in chapters(&clean(&summary)) {
        let warn = |reason: &str| Warning {
            file: summary_file.clone(),
            line: chapter.line,
            message: format!("`{}` {reason}", chapter.path),
        };
        let file = match files.resolve(folder, &chapter.path) {
            Ok(file) => file,
            Err(reason) => {
                warnings.push(warn(reason));
                continue;
            }
        };
        let mut own = Vec::new();
        let Some(source) = files.read_named(&file, &mut own) else {
            own.push(warn("cannot be read"));
            warnings.append(&mut own);
            continue;
        };
        let route = join_url(&[&base_url, &output_path(&files::normalise(&chapter.path))]);
        let mut page = read_chapter(files, &config, &file, &chapter.title, &source);
        own.append(&mut page.warnings);
        page.warnings = own;
        page.url = absolute(options.site_url.as_deref(), &route);
        page.route = route;
        pages.push(page);
    }
    config.title
}

fn read_chapter(files: &BookFiles, config: &Config, file: &str, name: &str, source: &str) -> Page {
    let source = source.strip_prefix('\u{feff}').unwrap_or(source);
    let expanded = include::expand(files, file, &clean(source));
    let title = expanded.title.as_deref().unwrap_or(name);
    let mut reader = Reader::new(config.dialect, &NoLibrary, Some(title));
    reader.warnings = expanded.warnings;
    reader.read_lines(file, &expanded.text, &expanded.lines);
    Page {
        file: file.to_owned(),
        route: String::new(),
        url: String::new(),
        title: title.to_owned(),
        version: None,
        locale: config.language.clone(),
        sections: reader.outline.finish(),
        warnings: reader.warnings,
    }
}

/// Where mdBook writes a chapter: `.html` for its extension, `index` for `README`.
fn output_path(path: &str) -> String {
    let (folder, file) = path.rsplit_once('/').map_or(("", path), |(folder, file)| (folder, file));
    let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
    let stem = if stem.eq_ignore_ascii_case("readme") { "index" } else { stem };
    files::join(folder, &format!("{stem}.html"))
}

fn read_config(files: &BookFiles, warnings: &mut Vec<Warning>) -> Config {
    let table = match files.read_named("book.toml", warnings).map(|text| text.parse::<toml::Table>()) {
        Some(Ok(table)) => table,
        Some(Err(error)) => {
            let message = format!("was not understood: {}; default settings are used", error.message());
            warnings.push(Warning::file("book.toml", &message));
            toml::Table::new()
        }
        None => toml::Table::new(),
    };
    let section = |name: &str| table.get(name).and_then(toml::Value::as_table);
    let html = section("output").and_then(|output| output.get("html")).and_then(toml::Value::as_table);
    let text = |table: Option<&toml::Table>, key: &str| {
        table.and_then(|table| table.get(key)).and_then(toml::Value::as_str).map(str::to_owned)
    };
    let flag = |key: &str| html.and_then(|html| html.get(key)).and_then(toml::Value::as_bool).unwrap_or(true);
    let book = section("book");
    let default_source = if table.is_empty() && !files.is_folder("src") { "" } else { "src" };
    Config {
        title: text(book, "title"),
        source_folder: files::normalise(&text(book, "src").unwrap_or_else(|| default_source.into())),
        language: text(book, "language").unwrap_or_else(|| "en".into()),
        base_url: text(html, "site-url").filter(|url| url.starts_with('/')).unwrap_or_else(|| "/".into()),
        dialect: Dialect::MdBook {
            smart_punctuation: flag("smart-punctuation"),
            definition_lists: flag("definition-lists"),
            admonitions: flag("admonitions"),
        },
    }
}

/// A line of `SUMMARY.md` that has a file; drafts have none.
#[derive(Debug, PartialEq)]
struct Chapter {
    title: String,
    path: String,
    line: usize,
}

fn chapters(summary: &str) -> Vec<Chapter> {
    let mut chapters = Vec::new();
    let mut open: Option<Chapter> = None;
    for (event, range) in Parser::new(summary).into_offset_iter() {
        match event {
            Event::Start(Tag::Link { dest_url, .. }) => {
                let line = 1 + summary[..range.start].matches('\n').count();
                open = Some(Chapter { title: String::new(), path: dest_url.replace("%20", " "), line });
            }
            Event::Text(text) | Event::Code(text) => {
                if let Some(chapter) = &mut open {
                    chapter.title.push_str(&text);
                }
            }
            Event::SoftBreak => {
                if let Some(chapter) = &mut open {
                    chapter.title.push(' ');
                }
            }
            Event::End(TagEnd::Link) => {
                chapters.extend(open.take().filter(|chapter| !chapter.path.is_empty()));
            }
            _ => {}
        }
    }
    chapters
}

#[cfg(test)]
mod tests {
    use super::{chapters, output_path};

    #[test]
    fn summary_lists_chapters_and_leaves_drafts_out() {
        let summary = "# Summary\n\n[Preface](pre.md)\n\n# Part\n\n- [One `x`](a/one.md)\n  - [Two](<a/my two.md>)\n- [Draft]()\n";
        let found: Vec<_> =
            chapters(summary).into_iter().map(|c| format!("{} {} {}", c.line, c.title, c.path)).collect();
        assert_eq!(found, ["3 Preface pre.md", "7 One x a/one.md", "8 Two a/my two.md"]);
    }

    #[test]
    fn output_paths() {
        for (path, output) in [
            ("ch01.md", "ch01.html"),
            ("a/README.md", "a/index.html"),
            ("Readme.md", "index.html"),
            ("v1.2.md", "v1.2.html"),
        ] {
            assert_eq!(output_path(path), output);
        }
    }
}
