//! `docusaurus.config.*` to what pages depend on: addresses, docs instances, locales. A value that is computed
//! is asked for by name.

use super::js::{Js, read_module};
use super::route::join_url;
use crate::files::{self, BookFiles};
use crate::{BookOptions, Warning};

/// Names under which a site's configuration may lie.
const CONFIG_NAMES: [&str; 6] = [
    "docusaurus.config.ts",
    "docusaurus.config.mts",
    "docusaurus.config.cts",
    "docusaurus.config.js",
    "docusaurus.config.mjs",
    "docusaurus.config.cjs",
];
/// Folders of a repository in which its site usually lies.
const SITE_FOLDERS: [&str; 5] = ["", "website", "site", "docs", "documentation"];

/// A site's configuration.
#[derive(Debug, Clone, Default)]
pub(crate) struct Config {
    /// Folder of the configuration, relative to the book's root.
    pub(crate) folder: String,
    pub(crate) title: Option<String>,
    pub(crate) site_url: Option<String>,
    pub(crate) base_url: String,
    pub(crate) trailing_slash: Option<bool>,
    pub(crate) locales: Locales,
    pub(crate) math: bool,
    pub(crate) maintain_case: bool,
    /// `markdown.format`: `md`, `mdx` or `detect`.
    pub(crate) format: Option<String>,
    pub(crate) docs: Vec<Instance>,
    /// Folder and route base of the blog.
    pub(crate) blog: Option<(String, String)>,
    /// Folder and route base of `src/pages`.
    pub(crate) pages: Option<(String, String)>,
}

/// The languages of a site.
#[derive(Debug, Clone, Default)]
pub(crate) struct Locales {
    pub(crate) default: String,
    pub(crate) all: Vec<Locale>,
    /// Folder of the translations.
    pub(crate) folder: String,
}

/// One language.
#[derive(Debug, Clone, Default)]
pub(crate) struct Locale {
    pub(crate) name: String,
    /// Its folder below the folder of translations.
    pub(crate) path: String,
    pub(crate) base_url: Option<String>,
    pub(crate) site_url: Option<String>,
    /// Whether its translated files are used; unset means: when there are any.
    pub(crate) translate: Option<bool>,
}

/// One instance of the docs plugin.
#[derive(Debug, Clone)]
pub(crate) struct Instance {
    pub(crate) id: String,
    /// Folder relative to the site's folder.
    pub(crate) path: String,
    pub(crate) route_base_path: String,
    pub(crate) strip_numbers: bool,
    /// Patterns of files that are no pages; unset means the plugin's own.
    pub(crate) exclude: Option<Vec<String>>,
    /// `sidebarPath`: unset means a generated sidebar, an empty text none at all.
    pub(crate) sidebar: Option<String>,
    pub(crate) include_current: bool,
    pub(crate) last_version: Option<String>,
    pub(crate) only_versions: Option<Vec<String>>,
    pub(crate) disable_versioning: bool,
    /// `versions.<name>.path`.
    pub(crate) version_paths: Vec<(String, String)>,
}

impl Instance {
    /// An instance with the plugin's own settings.
    pub(crate) fn new(route_base_path: &str) -> Self {
        Self { route_base_path: route_base_path.to_owned(), ..instance(None, &mut Vec::new()) }
    }
}

impl Locales {
    /// A site in one language.
    pub(crate) fn only(name: &str) -> Self {
        Self { default: name.to_owned(), ..locales(None) }
    }
}

/// The site's configuration file, relative to the book's root.
pub(crate) fn find(files: &BookFiles) -> Option<String> {
    SITE_FOLDERS
        .iter()
        .flat_map(|folder| CONFIG_NAMES.iter().map(move |name| files::join(folder, name)))
        .find(|name| files.is_file(name))
}

/// Reads it. Options that the author gave stand above the file.
pub(crate) fn read(
    files: &BookFiles,
    name: &str,
    options: &BookOptions,
    warnings: &mut Vec<Warning>,
) -> Config {
    let source = files.read_named(name, warnings).unwrap_or_default();
    let folder = files::parent(name);
    let load = |path: &str| load_module(files, folder, path);
    let js = read_module(&source, &["baseUrl", "presets"], &load);
    let mut unread: Vec<(&str, &str)> = Vec::new();
    let mut text = |key: &'static str, option: &Option<String>, ask: &'static str| match (option, js.get(key))
    {
        (Some(option), _) => Some(option.clone()),
        (None, Some(Js::Text(text))) => Some(text.clone()),
        (None, Some(Js::Unknown)) => {
            unread.push((key, ask));
            None
        }
        _ => None,
    };
    let site_url = text("url", &options.site_url, "site_url");
    let base_url = text("baseUrl", &options.base_url, "base_url");
    if !matches!(js, Js::Map(_)) {
        unread.extend([("url", "site_url"), ("baseUrl", "base_url")]);
    }
    let trailing_slash = options.trailing_slash.or(match js.get("trailingSlash") {
        Some(Js::Bool(slash)) => Some(*slash),
        Some(Js::Unknown) => {
            unread.push(("trailingSlash", "trailing_slash"));
            None
        }
        _ => None,
    });
    let mut config = Config {
        folder: files::parent(name).to_owned(),
        title: js.get("title").and_then(Js::text).map(str::to_owned),
        site_url: site_url.filter(|url| url.contains("://")),
        base_url: join_url(&[base_url.as_deref().unwrap_or("/"), "/"]),
        trailing_slash,
        locales: locales(js.get("i18n")),
        math: source.contains("remark-math"),
        ..Config::default()
    };
    let markdown = js.get("markdown");
    config.format =
        markdown.and_then(|markdown| markdown.get("format")).and_then(Js::text).map(str::to_owned);
    config.maintain_case =
        markdown.and_then(|markdown| markdown.get("anchors")).and_then(|anchors| anchors.get("maintainCase"))
            == Some(&Js::Bool(true));
    for preset in js.get("presets").map_or(&[][..], Js::list) {
        let (name, settings) = named(preset);
        if name.is_some_and(|name| name.contains("classic")) {
            classic(&mut config, settings, &mut unread);
        }
    }
    for plugin in js.get("plugins").map_or(&[][..], Js::list) {
        let (name, settings) = named(plugin);
        let Some(name) = name else { continue };
        if name.contains("content-docs") {
            config.docs.push(instance(settings, &mut unread));
        } else if name.contains("content-blog") && config.blog.is_none() {
            config.blog = Some(place(settings, "blog", "blog"));
        } else if name.contains("content-pages") && config.pages.is_none() {
            config.pages = Some(place(settings, "src/pages", "/"));
        }
    }
    // Where it cannot be told what the site is made of, it most probably has docs as every new site has them. A site
    // with neither presets nor plugins has no pages at all, so that was not the whole file.
    let is_told = match js.get("presets") {
        Some(Js::List(presets)) => !presets.contains(&Js::Unknown),
        Some(_) => false,
        None => js.get("plugins").is_some(),
    };
    if config.docs.is_empty() && !is_told {
        config.docs.push(Instance::new("docs"));
        unread.push(("presets", "route_base_path"));
    }
    if let (Some(route), Some(first)) = (&options.route_base_path, config.docs.first_mut()) {
        first.route_base_path.clone_from(route);
        unread.retain(|(_, ask)| *ask != "route_base_path");
    }
    for (key, ask) in unread {
        let message = format!(
            "`{key}` is computed and was not understood; say what it is with `{ask}` under [book] in docent.toml"
        );
        warnings.push(Warning::file(name, &message));
    }
    config
}

/// The source of a module of the site that the configuration imports.
fn load_module(files: &BookFiles, folder: &str, path: &str) -> Option<String> {
    const ENDINGS: [&str; 9] = ["", ".ts", ".js", ".mjs", ".cjs", ".mts", ".cts", "/index.ts", "/index.js"];
    let path = files::normalise(&files::join(folder, path));
    ENDINGS.iter().find_map(|ending| files.read_named(&format!("{path}{ending}"), &mut Vec::new()))
}

/// `'name'` or `['name', {…}]`.
fn named(entry: &Js) -> (Option<&str>, Option<&Js>) {
    match entry {
        Js::Text(name) => (Some(name), None),
        Js::List(items) => (items.first().and_then(Js::text), items.get(1)),
        _ => (None, None),
    }
}

fn classic(config: &mut Config, settings: Option<&Js>, unread: &mut Vec<(&'static str, &'static str)>) {
    let part = |key: &str| settings.and_then(|settings| settings.get(key));
    if part("docs") != Some(&Js::Bool(false)) {
        config.docs.push(instance(part("docs"), unread));
    }
    if part("blog") != Some(&Js::Bool(false)) {
        config.blog = Some(place(part("blog"), "blog", "blog"));
    }
    if part("pages") != Some(&Js::Bool(false)) {
        config.pages = Some(place(part("pages"), "src/pages", "/"));
    }
}

fn place(settings: Option<&Js>, path: &str, route: &str) -> (String, String) {
    let text = |key: &str, default: &str| {
        settings.and_then(|settings| settings.get(key)).and_then(Js::text).unwrap_or(default).to_owned()
    };
    (text("path", path), text("routeBasePath", route))
}

fn instance(settings: Option<&Js>, unread: &mut Vec<(&'static str, &'static str)>) -> Instance {
    let get = |key: &str| settings.and_then(|settings| settings.get(key));
    let mut text = |key: &'static str, default: &str, ask: &'static str| match get(key) {
        Some(Js::Text(text)) => text.clone(),
        Some(Js::Unknown) => {
            unread.push((key, ask));
            default.to_owned()
        }
        _ => default.to_owned(),
    };
    let route_base_path = text("routeBasePath", "docs", "route_base_path");
    let path = get("path").and_then(Js::text).unwrap_or("docs").to_owned();
    // A computed list says nothing: the plugin's own setting is the best guess.
    let texts = |key: &str| match get(key) {
        Some(Js::List(items)) => Some(items.iter().filter_map(Js::text).map(str::to_owned).collect()),
        _ => None,
    };
    let version_paths = match get("versions") {
        Some(Js::Map(versions)) => versions
            .iter()
            .filter_map(|(name, version)| Some((name.clone(), version.get("path")?.text()?.to_owned())))
            .collect(),
        _ => Vec::new(),
    };
    Instance {
        id: get("id").and_then(Js::text).unwrap_or("default").to_owned(),
        path,
        route_base_path,
        strip_numbers: get("numberPrefixParser") != Some(&Js::Bool(false)),
        exclude: texts("exclude"),
        sidebar: match get("sidebarPath") {
            Some(Js::Text(path)) => Some(path.clone()),
            Some(Js::Bool(false)) => Some(String::new()),
            _ => None,
        },
        include_current: get("includeCurrentVersion") != Some(&Js::Bool(false)),
        last_version: get("lastVersion").and_then(Js::text).map(str::to_owned),
        only_versions: texts("onlyIncludeVersions"),
        disable_versioning: get("disableVersioning") == Some(&Js::Bool(true)),
        version_paths,
    }
}

fn locales(i18n: Option<&Js>) -> Locales {
    let get = |key: &str| i18n.and_then(|i18n| i18n.get(key));
    let default = get("defaultLocale").and_then(Js::text).unwrap_or("en").to_owned();
    let mut names: Vec<&str> = get("locales").map_or(&[][..], Js::list).iter().filter_map(Js::text).collect();
    if names.is_empty() {
        names.push(&default);
    }
    let all = names
        .into_iter()
        .map(|name| {
            let own = |key: &str| get("localeConfigs")?.get(name)?.get(key);
            let text = |key: &str| own(key).and_then(Js::text).map(str::to_owned);
            Locale {
                name: name.to_owned(),
                path: text("path").unwrap_or_else(|| name.to_owned()),
                base_url: text("baseUrl"),
                site_url: text("url"),
                translate: match own("translate") {
                    Some(Js::Bool(translate)) => Some(*translate),
                    _ => None,
                },
            }
        })
        .collect();
    let folder = get("path").and_then(Js::text).unwrap_or("i18n").to_owned();
    Locales { default, all, folder }
}
