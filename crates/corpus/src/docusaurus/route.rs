//! From a docs file and its front matter to the path at which Docusaurus serves it. Follows `docs.js`,
//! `slug.js` and `numberPrefix.js` of its docs plugin (3.10), and the way its core applies `trailingSlash`.

use crate::files;
use crate::front_matter::FrontMatter;

/// A doc's identity within one version of one docs instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DocPlace {
    /// Id that sidebars use: `tut/basics/first-step`.
    pub(crate) id: String,
    /// Last part of the id, the title of last resort.
    pub(crate) base_id: String,
    /// Path under the version's root, `trailingSlash` not applied.
    pub(crate) slug: String,
    /// Number prefix of the file, which orders it in a generated sidebar.
    pub(crate) number: Option<u64>,
}

/// The place of `source`, a path relative to the docs folder.
pub(crate) fn doc_place(source: &str, front_matter: &FrontMatter, strip_numbers: bool) -> DocPlace {
    let strip = strip_numbers && !front_matter.keep_number_prefixes;
    let folder = files::parent(source);
    let file = source.rsplit('/').next().unwrap_or(source);
    let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
    let (number, name) = if strip { split_number(stem) } else { (None, stem) };
    let folder_path = if strip { strip_path(folder) } else { folder.to_owned() };
    let base_id = front_matter.id.clone().unwrap_or_else(|| name.to_owned());
    let folder_slug = if folder.is_empty() { "/".to_owned() } else { format!("/{folder_path}/") };
    let slug = match front_matter.slug.as_deref() {
        Some(slug) if slug.starts_with('/') => slug.to_owned(),
        Some(slug) => resolve(slug, &folder_slug),
        None if is_category_index(stem, folder) => folder_slug,
        None => resolve(&base_id, &folder_slug),
    };
    DocPlace { id: files::join(&folder_path, &base_id), base_id, slug, number }
}

/// `index`, `README` and a file named like its folder stand for the folder.
fn is_category_index(stem: &str, folder: &str) -> bool {
    let stem = stem.to_lowercase();
    let parent = folder.rsplit('/').next().unwrap_or_default().to_lowercase();
    stem == "index" || stem == "readme" || (!parent.is_empty() && stem == parent)
}

/// Takes `01-` and the like off a name. Dates and versions (`2024-01-02-x`, `7.0-x`) keep their numbers.
pub(crate) fn split_number(name: &str) -> (Option<u64>, &str) {
    let digits = name.bytes().take_while(u8::is_ascii_digit).count();
    if digits == 0 {
        return (None, name);
    }
    let rest = &name[digits..];
    let signs = |c: char| matches!(c, '-' | '_' | '.');
    if rest.starts_with(signs) && rest[1..].starts_with(|c: char| c.is_ascii_digit()) {
        return (None, name);
    }
    let after = rest.trim_start();
    let suffix = after.trim_start_matches(signs);
    if suffix.len() == after.len() {
        return (None, name);
    }
    let suffix = suffix.trim_start();
    if suffix.is_empty() || suffix.starts_with(signs) {
        return (None, name);
    }
    (name[..digits].parse().ok(), suffix)
}

/// Takes the number prefixes off every folder of a path.
pub(crate) fn strip_path(path: &str) -> String {
    path.split('/').map(|part| split_number(part).1).collect::<Vec<_>>().join("/")
}

/// Resolves a path like a relative URL against a folder that ends in `/`.
fn resolve(path: &str, folder: &str) -> String {
    let mut parts: Vec<&str> = folder.trim_matches('/').split('/').filter(|part| !part.is_empty()).collect();
    let mut as_folder = true;
    for part in path.split('/') {
        as_folder = matches!(part, "" | "." | "..");
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            _ => parts.push(part),
        }
    }
    let mut resolved = format!("/{}", parts.join("/"));
    if as_folder && !resolved.ends_with('/') {
        resolved.push('/');
    }
    resolved
}

/// Joins path parts with single slashes; the result begins with one and ends with one when the last
/// non-empty part does.
pub(crate) fn join_url(parts: &[&str]) -> String {
    let mut joined = String::from("/");
    for part in parts.iter().filter(|part| !part.is_empty()) {
        if !joined.ends_with('/') {
            joined.push('/');
        }
        joined.push_str(part.trim_start_matches('/'));
    }
    let mut url = String::with_capacity(joined.len());
    for character in joined.chars() {
        if character != '/' || !url.ends_with('/') {
            url.push(character);
        }
    }
    url
}

/// Applies the site's `trailingSlash`; the root and the base URL keep their form.
pub(crate) fn apply_trailing_slash(path: &str, trailing_slash: Option<bool>, base_url: &str) -> String {
    if path == "/" || path == base_url {
        return path.to_owned();
    }
    match trailing_slash {
        None => path.to_owned(),
        Some(true) if path.ends_with('/') => path.to_owned(),
        Some(true) => format!("{path}/"),
        Some(false) => path.strip_suffix('/').unwrap_or(path).to_owned(),
    }
}

/// Percent-encodes a path for use in a URL; characters that a path may hold as they are stay.
pub(crate) fn encode_path(path: &str) -> String {
    use std::fmt::Write;
    let mut encoded = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"/-_.!~*'();:@&=+$,%".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::{apply_trailing_slash, doc_place, encode_path, join_url};
    use crate::front_matter::split_front_matter;

    fn check(source: &str, front_matter: &str, id: &str, route: &str) {
        let text = format!("---\n{front_matter}\n---\n");
        let place = doc_place(source, &split_front_matter(&text).front_matter, true);
        assert_eq!(place.id, id, "{source}");
        assert_eq!(join_url(&["/base/", "docs", &place.slug]), route, "{source}");
    }

    #[test]
    fn routes_of_a_real_build() {
        check("intro.md", "", "intro", "/base/docs/intro");
        check("01-start.md", "", "start", "/base/docs/start");
        check("guides/index.md", "", "guides/index", "/base/docs/guides/");
        check("api/README.md", "", "api/README", "/base/docs/api/");
        check("cli/cli.md", "", "cli/cli", "/base/docs/cli/");
        check("Guide2/Guide2.md", "", "Guide2/Guide2", "/base/docs/Guide2/");
        check("04-Guide3/guide3.md", "", "Guide3/guide3", "/base/docs/Guide3/guide3");
        check("05-num/05-num.md", "", "num/num", "/base/docs/num/");
        check(
            "02-tut/01-basics/03-first-step.md",
            "",
            "tut/basics/first-step",
            "/base/docs/tut/basics/first-step",
        );
        check("a/x.md", "slug: /abs/path", "a/x", "/base/docs/abs/path");
        check("a/x.md", "slug: rel", "a/x", "/base/docs/a/rel");
        check("a/x.md", "slug: ../up", "a/x", "/base/docs/up");
        check("a/x.md", "slug: ./", "a/x", "/base/docs/a/");
        check("a/x.md", "slug: trail/", "a/x", "/base/docs/a/trail/");
        check("a/with-id.md", "id: custom", "a/custom", "/base/docs/a/custom");
        check("a/x.md", "id: cid\nslug: cs", "a/cid", "/base/docs/a/cs");
        check("a/2024-01-02-date.md", "", "a/2024-01-02-date", "/base/docs/a/2024-01-02-date");
        check("a/3.1-ver.md", "", "a/3.1-ver", "/base/docs/a/3.1-ver");
        check("a/7_under.md", "", "a/under", "/base/docs/a/under");
        check("a/8. dot.md", "", "a/dot", "/base/docs/a/dot");
        check(
            "03-x/09-nopre.md",
            "parse_number_prefixes: false",
            "03-x/09-nopre",
            "/base/docs/03-x/09-nopre",
        );
        check("sp ace/my file.md", "", "sp ace/my file", "/base/docs/sp ace/my file");
    }

    #[test]
    fn parts_are_joined_with_single_slashes() {
        for (parts, url) in [
            (&["/base/", "docs", ""][..], "/base/docs"),
            (&["/base/", "docs", "/"], "/base/docs/"),
            (&["/", "/", ""], "/"),
            (&["/", "docs/", "/a//b"], "/docs/a/b"),
            (&["", "x"], "/x"),
        ] {
            assert_eq!(join_url(parts), url, "{parts:?}");
        }
    }

    #[test]
    fn trailing_slash_spares_the_root() {
        let apply = |path, option| apply_trailing_slash(path, option, "/base/");
        assert_eq!(apply("/base/docs/a/", Some(false)), "/base/docs/a");
        assert_eq!(apply("/base/docs/a", Some(true)), "/base/docs/a/");
        assert_eq!(apply("/base/docs/a/", None), "/base/docs/a/");
        assert_eq!(apply("/base/", Some(false)), "/base/");
        assert_eq!(apply("/", Some(true)), "/");
    }

    #[test]
    fn urls_are_encoded_once() {
        assert_eq!(encode_path("/uni/héllo wörld"), "/uni/h%C3%A9llo%20w%C3%B6rld");
        assert_eq!(encode_path("/a%20b"), "/a%20b");
    }
}
