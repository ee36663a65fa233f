//! A whole Docusaurus site: every docs instance, version and locale, and the blog and the pages of `src/pages`
//! when they are asked for.

use std::collections::HashMap;

use super::config::{Config, Instance, Locale};
use super::sidebars::{self, SidebarDoc};
use super::{BookLibrary, DocsFolder, Site, absolute, glob, is_excluded, read_doc, route};
use crate::files::{self, BookFile, BookFiles};
use crate::page::Pages;
use crate::parallel::in_parallel;
use crate::{Block, BlockKind, BookOptions, Page, Section, Warning};

/// Reads all pages of a site.
pub(crate) fn read(
    files: &BookFiles,
    config: &Config,
    options: &BookOptions,
    pages: &mut Pages<'_>,
    warnings: &mut Vec<Warning>,
) {
    for locale in &config.locales.all {
        let is_default = locale.name == config.locales.default;
        let base_url = match &locale.base_url {
            Some(base_url) => route::join_url(&[base_url, "/"]),
            None if is_default => config.base_url.clone(),
            None => route::join_url(&[&config.base_url, &locale.name, "/"]),
        };
        let site = Site {
            site_url: locale.site_url.clone().or_else(|| config.site_url.clone()),
            base_url,
            trailing_slash: config.trailing_slash,
            locale: locale.name.clone(),
            math: config.math,
            maintain_case: config.maintain_case,
            format: config.format.clone(),
        };
        let mut reader = SiteReader { files, config, locale, site: &site, pages, warnings };
        for instance in &config.docs {
            reader.instance(instance);
        }
        if options.blog
            && let Some((folder, route)) = &config.blog
        {
            reader.others(folder, route, true);
        }
        if options.pages
            && let Some((folder, route)) = &config.pages
        {
            reader.others(folder, route, false);
        }
    }
}

struct SiteReader<'a, 'p> {
    files: &'a BookFiles,
    config: &'a Config,
    locale: &'a Locale,
    site: &'a Site,
    pages: &'a mut Pages<'p>,
    warnings: &'a mut Vec<Warning>,
}

/// A version of the docs: its name, its folder, and its part of the route.
struct Version {
    name: String,
    folder: String,
    route: String,
    sidebar: Option<String>,
}

impl SiteReader<'_, '_> {
    fn instance(&mut self, instance: &Instance) {
        let versions = self.versions(instance);
        let versioned = versions.len() > 1 || versions.iter().any(|version| version.name != "current");
        for version in versions {
            let docs = DocsFolder {
                route: route::join_url(&[&self.site.base_url, &instance.route_base_path, &version.route]),
                version: versioned.then(|| version.name.clone()),
                strip_numbers: instance.strip_numbers,
                drop_title: false,
            };
            self.version(instance, &version, &docs);
        }
    }

    fn in_site(&self, path: &str) -> String {
        files::normalise(&files::join(&self.config.folder, path))
    }

    /// The versions that the build makes pages of. The latest one has no part of its own in the route.
    fn versions(&mut self, instance: &Instance) -> Vec<Version> {
        let prefix = if instance.id == "default" { String::new() } else { format!("{}_", instance.id) };
        let list = self.in_site(&format!("{prefix}versions.json"));
        let mut names: Vec<String> = Vec::new();
        if !instance.disable_versioning
            && let Some(source) = self.files.read_named(&list, self.warnings)
        {
            match serde_json::from_str(&source) {
                Ok(found) => names = found,
                Err(_) => {
                    self.warnings
                        .push(Warning::file(&list, "is not a list of version names; it was ignored"));
                }
            }
        }
        let last = instance.last_version.clone().or_else(|| names.first().cloned());
        let last = last.unwrap_or_else(|| "current".into());
        if instance.include_current {
            names.insert(0, "current".into());
        }
        if let Some(only) = &instance.only_versions {
            names.retain(|name| only.contains(name));
        }
        names
            .into_iter()
            .map(|name| {
                let own = instance.version_paths.iter().find(|(version, _)| *version == name);
                let route = match own {
                    Some((_, path)) => path.clone(),
                    None if name == last => String::new(),
                    None if name == "current" => "next".into(),
                    None => name.clone(),
                };
                let (folder, sidebar) = if name == "current" {
                    let sidebar = match instance.sidebar.as_deref() {
                        Some("") => Some(String::new()),
                        sidebar => sidebar.map(|path| self.in_site(path)),
                    };
                    (self.in_site(&instance.path), sidebar)
                } else {
                    let folder = self.in_site(&format!("{prefix}versioned_docs/version-{name}"));
                    let sidebar =
                        self.in_site(&format!("{prefix}versioned_sidebars/version-{name}-sidebars.json"));
                    (folder, Some(sidebar).filter(|sidebar| self.files.is_file(sidebar)))
                };
                Version { name, folder, route, sidebar }
            })
            .collect()
    }

    /// Where the translations of a folder lie, when they are used.
    fn translations(&self, plugin: &str, inner: &str) -> Option<String> {
        let folder = self.in_site(&files::join(&self.config.locales.folder, &self.locale.path));
        let used = self.locale.translate.unwrap_or_else(|| self.files.is_folder(&folder));
        used.then(|| files::join(&files::join(&folder, plugin), inner))
            .filter(|folder| self.files.is_folder(folder))
    }

    fn version(&mut self, instance: &Instance, version: &Version, docs: &DocsFolder) {
        let plugin = match instance.id.as_str() {
            "default" => "docusaurus-plugin-content-docs".to_owned(),
            id => format!("docusaurus-plugin-content-docs-{id}"),
        };
        let inner = match version.name.as_str() {
            "current" => "current".to_owned(),
            name => format!("version-{name}"),
        };
        let translations = self.translations(&plugin, &inner);
        let mut listed = self.files.list(&version.folder, self.warnings);
        listed.retain(|file| match &instance.exclude {
            None => !is_excluded(&file.inner),
            Some(patterns) => {
                files::is_markdown(&file.inner)
                    && !patterns.iter().any(|pattern| glob::matches(pattern, &file.inner))
            }
        });
        let docs_read = in_parallel(&listed, |file| {
            let translated = translations
                .as_ref()
                .map(|folder| files::join(folder, &file.inner))
                .filter(|name| self.files.is_file(name));
            let mut read = self.read_file(docs, file, translated);
            if let Ok(doc) = &mut read
                && !doc.hidden
            {
                self.pages.show(&mut doc.page);
            }
            read
        });
        let mut sidebar_docs = Vec::new();
        let mut read: Vec<(String, Page)> = Vec::new();
        for (file, doc) in listed.iter().zip(docs_read) {
            let doc = match doc {
                Ok(doc) => doc,
                Err(mut unread) => {
                    self.warnings.append(&mut unread);
                    continue;
                }
            };
            sidebar_docs.push(SidebarDoc {
                inner: file.inner.clone(),
                place: doc.place.clone(),
                position: doc.position,
                hidden: doc.hidden,
            });
            if !doc.hidden {
                read.push((doc.place.id, doc.page));
            }
        }
        let sidebars = if version.sidebar.as_deref() == Some("") {
            sidebars::Sidebars::default()
        } else {
            let file = version.sidebar.as_deref();
            sidebars::read(
                self.files,
                &version.folder,
                file,
                &sidebar_docs,
                docs.strip_numbers,
                self.warnings,
            )
        };
        let order: HashMap<&str, usize> =
            sidebars.order.iter().enumerate().rev().map(|(index, id)| (id.as_str(), index)).collect();
        read.sort_by_key(|(id, _)| order.get(id.as_str()).copied().unwrap_or(usize::MAX));
        self.pages.all.extend(read.into_iter().map(|(_, page)| page));
        for index in sidebars.indexes {
            self.generated_index(docs, &index);
        }
    }

    /// Reads a page; of a file that cannot be read, the warnings.
    fn read_file(
        &self,
        docs: &DocsFolder,
        file: &BookFile,
        translated: Option<String>,
    ) -> Result<super::Doc, Vec<Warning>> {
        let library = BookLibrary { files: self.files, site_folder: &self.config.folder };
        let mut own = Vec::new();
        let (name, source) = match translated {
            Some(name) => {
                let source = self.files.read_named(&name, &mut own);
                (name, source)
            }
            None => (file.name.clone(), self.files.read(file, &mut own)),
        };
        let Some(source) = source else { return Err(own) };
        let mut doc = read_doc(self.site, docs, &name, &file.inner, &source, &library);
        own.append(&mut doc.page.warnings);
        doc.page.warnings = own;
        Ok(doc)
    }

    /// The page that lists a category: its title and description; the cards repeat what other pages say.
    fn generated_index(&mut self, docs: &DocsFolder, index: &sidebars::GeneratedIndex) {
        let path = route::join_url(&[&docs.route, &index.slug]);
        let route = route::apply_trailing_slash(&path, self.site.trailing_slash, &self.site.base_url);
        let blocks = index
            .description
            .iter()
            .filter(|text| !text.trim().is_empty())
            .map(|text| Block { kind: BlockKind::Prose, text: text.trim().to_owned(), line: 1 })
            .collect();
        self.pages.push(Page {
            file: index.file.clone(),
            url: absolute(self.site.site_url.as_deref(), &route),
            route,
            title: index.title.clone(),
            version: docs.version.clone(),
            locale: self.site.locale.clone(),
            sections: vec![Section { heading_path: Vec::new(), depth: 0, anchor: None, line: 1, blocks }],
            warnings: Vec::new(),
        });
    }

    /// Blog posts, or the Markdown of `src/pages`.
    fn others(&mut self, folder: &str, route_base: &str, blog: bool) {
        let plugin = if blog { "docusaurus-plugin-content-blog" } else { "docusaurus-plugin-content-pages" };
        let translations = self.translations(plugin, "");
        let docs = DocsFolder {
            route: route::join_url(&[&self.site.base_url, route_base]),
            version: None,
            strip_numbers: false,
            drop_title: blog,
        };
        for file in self.files.list(&self.in_site(folder), self.warnings) {
            if is_excluded(&file.inner) {
                continue;
            }
            let translated = translations
                .as_ref()
                .map(|folder| files::join(folder.trim_end_matches('/'), &file.inner))
                .filter(|name| self.files.is_file(name));
            let doc = match self.read_file(&docs, &file, translated) {
                Ok(doc) if doc.hidden => continue,
                Ok(doc) => doc,
                Err(mut unread) => {
                    self.warnings.append(&mut unread);
                    continue;
                }
            };
            let path = match doc.slug.filter(|_| blog) {
                Some(slug) => slug,
                None if blog => blog_slug(&file.inner),
                None => page_path(&file.inner),
            };
            let path = route::join_url(&[&docs.route, &path]);
            let mut page = doc.page;
            page.route = route::apply_trailing_slash(&path, self.site.trailing_slash, &self.site.base_url);
            page.url = absolute(self.site.site_url.as_deref(), &page.route);
            self.pages.push(page);
        }
    }
}

/// `2024-01-02-name.md` and `2024/01/02/name/index.md` to `/2024/01/02/name`; without a date, the path.
fn blog_slug(inner: &str) -> String {
    let path = inner.rsplit_once('.').map_or(inner, |(path, _)| path);
    let path = path.strip_suffix("/index").unwrap_or(path);
    // The last date in the path counts, as the greedy expression of the tool has it.
    for at in (0..path.len()).rev().filter(|&at| path.is_char_boundary(at)) {
        if let Some(length) = date_length(&path[at..]) {
            let (folder, date, text) = (&path[..at], &path[at..at + length], &path[at + length..]);
            let text = text.strip_prefix(['-', '/']).unwrap_or(text);
            return format!("/{}/{folder}{text}", date.replace('-', "/"));
        }
    }
    format!("/{path}")
}

/// Length of `YYYY-M-D` or `YYYY/M/D` at the start.
fn date_length(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let digits = |from: usize, most: usize| {
        bytes.get(from..)?.iter().take(most).take_while(|byte| byte.is_ascii_digit()).count().checked_sub(1)
    };
    let sign = |at: usize| matches!(bytes.get(at), Some(b'-' | b'/'));
    if digits(0, 4)? != 3 || !sign(4) {
        return None;
    }
    let month = 5 + digits(5, 2)? + 1;
    if !sign(month) {
        return None;
    }
    Some(month + 1 + digits(month + 1, 2)? + 1)
}

fn page_path(inner: &str) -> String {
    let path = inner.rsplit_once('.').map_or(inner, |(path, _)| path);
    match path.rsplit_once('/') {
        Some((folder, name)) if name.eq_ignore_ascii_case("index") => format!("/{folder}/"),
        None if path.eq_ignore_ascii_case("index") => "/".into(),
        _ => format!("/{path}"),
    }
}

#[cfg(test)]
mod tests {
    use super::{blog_slug, page_path};

    #[test]
    fn blog_routes_follow_the_date_in_the_name() {
        for (file, slug) in [
            ("2024-01-02-my-post.md", "/2024/01/02/my-post"),
            ("2024-01-02-my-post/index.mdx", "/2024/01/02/my-post"),
            ("2024/01/02/my-post.md", "/2024/01/02/my-post"),
            ("team/2024-1-2-x.md", "/2024/1/2/team/x"),
            ("plain.md", "/plain"),
            ("plain/index.md", "/plain"),
        ] {
            assert_eq!(blog_slug(file), slug, "{file}");
        }
    }

    #[test]
    fn page_routes_follow_the_path() {
        for (file, path) in
            [("about.md", "/about"), ("index.mdx", "/"), ("a/index.md", "/a/"), ("a/b.md", "/a/b")]
        {
            assert_eq!(page_path(file), path, "{file}");
        }
    }
}
