//! Pages of a built site that came over HTTP: what they link to, what a sitemap lists, and the book that they make.
//! Nothing here fetches; the caller brings the text.

use std::collections::{BTreeMap, HashSet};

use html5gum::{DefaultEmitter, Token, Tokenizer};

use crate::built::{Head, path_of, read_html_page};
use crate::{Book, BookKind, Page};

/// What a page says about other addresses, as it is written there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PageLinks {
    /// `<base href>`: what relative addresses are relative to, instead of the page's own.
    pub base: Option<String>,
    /// Targets of links and of a redirect by `<meta http-equiv="refresh">`, in document order.
    pub targets: Vec<String>,
}

/// The links of an HTML page. Those marked `rel="nofollow"` are left out.
pub fn page_links(html: &str) -> PageLinks {
    let mut links = PageLinks::default();
    let mut emitter = DefaultEmitter::default();
    emitter.naively_switch_states(true);
    for Ok(token) in Tokenizer::new_with_emitter(html, emitter) {
        let Token::StartTag(tag) = token else { continue };
        let value = |name: &str| {
            let value = tag.attributes.get(name.as_bytes())?;
            Some(String::from_utf8_lossy(value).trim().to_owned())
        };
        match &**tag.name {
            b"a" | b"area" => {
                let closed = value("rel").is_some_and(|rel| rel.split_ascii_whitespace().any(is_nofollow));
                links.targets.extend(value("href").filter(|_| !closed));
            }
            b"base" => links.base = links.base.take().or_else(|| value("href")),
            b"meta" if value("http-equiv").is_some_and(|name| name.eq_ignore_ascii_case("refresh")) => {
                links.targets.extend(value("content").as_deref().and_then(refresh_target));
            }
            _ => {}
        }
    }
    links
}

fn is_nofollow(word: &str) -> bool {
    word.eq_ignore_ascii_case("nofollow")
}

/// The address in `0; url=docs/`.
fn refresh_target(content: &str) -> Option<String> {
    let (_, rest) = content.split_once([';', ','])?;
    let (name, url) = rest.split_once('=')?;
    let url = url.trim().trim_matches(['\'', '"']);
    (name.trim().eq_ignore_ascii_case("url") && !url.is_empty()).then(|| url.to_owned())
}

/// What a sitemap file lists.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sitemap {
    /// Addresses of pages: `<url><loc>`.
    pub pages: Vec<String>,
    /// Addresses of further sitemaps, when the file is an index: `<sitemap><loc>`.
    pub sitemaps: Vec<String>,
}

/// Reads a sitemap or a sitemap index. At most `limit` addresses are kept; what is no sitemap gives none.
///
/// # Source
/// sitemaps.org protocol 0.9: a file holds at most 50,000 addresses.
pub fn read_sitemap(xml: &str, limit: usize) -> Sitemap {
    let mut sitemap = Sitemap::default();
    let mut of_index = false;
    let mut location: Option<String> = None;
    for Ok(token) in Tokenizer::new(xml) {
        match token {
            Token::StartTag(tag) => match &**tag.name {
                b"sitemap" => of_index = true,
                b"url" => of_index = false,
                b"loc" => location = Some(String::new()),
                _ => {}
            },
            Token::String(text) => {
                if let Some(location) = &mut location {
                    location.push_str(&String::from_utf8_lossy(&text));
                }
            }
            Token::EndTag(tag) if **tag.name == *b"loc" => {
                let Some(address) = location.take() else { continue };
                let address = address.trim();
                if sitemap.pages.len() + sitemap.sitemaps.len() >= limit {
                    break;
                }
                let list = if of_index { &mut sitemap.sitemaps } else { &mut sitemap.pages };
                if !address.is_empty() {
                    list.push(address.to_owned());
                }
            }
            _ => {}
        }
    }
    sitemap
}

/// The book that fetched pages make, in the given order; each item is an address and its HTML.
///
/// Pages that ask not to be found, redirects and pages without text are left out. A canonical link stands above a
/// page's address when it names the same site; two addresses with one canonical link are one page. The title is what
/// most pages have behind the last `|` or `-` of their `<title>`, else `fallback_title`.
///
/// Each page is shown to `each` when it is read, as [`crate::read_book_with`] does.
pub fn read_fetched(
    fallback_title: &str,
    fetched: impl IntoIterator<Item = (String, String)>,
    each: &dyn Fn(&mut Page),
) -> Book {
    let mut pages: Vec<Page> = Vec::new();
    let mut seen = HashSet::new();
    let mut titles: BTreeMap<String, usize> = BTreeMap::new();
    let mut total = 0;
    for (url, html) in fetched {
        let head = Head::read(&html);
        if head.hidden {
            continue;
        }
        let path = path_of(&url).trim_start_matches('/');
        let mut page = read_html_page(if path.is_empty() { "/" } else { path }, &url, &html);
        if site_of(&page.url) != site_of(&url) {
            path_of(&url).clone_into(&mut page.route);
            page.url = url;
        }
        total += 1;
        if let Some(site) = head.site {
            *titles.entry(site).or_default() += 1;
        }
        let has_text =
            page.sections.len() > 1 || page.sections.iter().any(|section| !section.blocks.is_empty());
        if has_text && seen.insert(page.url.clone()) {
            each(&mut page);
            pages.push(page);
        }
    }
    let title = titles.into_iter().max_by_key(|(_, count)| *count).filter(|(_, count)| 2 * count > total);
    crate::docusaurus::warn_of_shared_routes(&mut pages);
    Book {
        kind: BookKind::Built,
        title: title.map_or_else(|| fallback_title.to_owned(), |(title, _)| title),
        pages,
        warnings: Vec::new(),
        folders: Vec::new(),
    }
}

/// Scheme and host of an address.
fn site_of(url: &str) -> &str {
    let start = url.find("://").map_or(0, |at| at + 3);
    url[start..].find('/').map_or(url, |at| &url[..start + at])
}

#[cfg(test)]
mod tests {
    use super::{page_links, read_fetched, read_sitemap};

    #[test]
    fn links_are_found_where_readers_follow_them() {
        let links = page_links(
            "<base href='/docs/'><meta http-equiv=Refresh content='0; URL=\"start\"'><a href=' a?x=1&amp;y#z '>A</a>\
             <a rel='noopener NoFollow' href=b>B</a><script>'<a href=c>'</script><!-- <a href=d> --><a>E</a>",
        );
        assert_eq!(links.base.as_deref(), Some("/docs/"));
        assert_eq!(links.targets, ["start", "a?x=1&y#z"]);
    }

    #[test]
    fn a_sitemap_and_an_index_of_sitemaps_are_told_apart_and_bounded() {
        let xml = "<?xml version='1.0'?><urlset><url><loc> https://a.org/x?a=1&amp;b </loc><lastmod>2026</lastmod></url><url><loc>https://a.org/y</loc></url></urlset>";
        assert_eq!(read_sitemap(xml, 9).pages, ["https://a.org/x?a=1&b", "https://a.org/y"]);
        assert_eq!(read_sitemap(xml, 1).pages.len(), 1);
        let index = "<sitemapindex><sitemap><loc>https://a.org/s1.xml</loc></sitemap></sitemapindex>";
        assert_eq!(read_sitemap(index, 9).sitemaps, ["https://a.org/s1.xml"]);
        for other in ["", "<html><body>404", "<loc>", "<loc><loc></loc>", "\0<url><loc>"] {
            assert_eq!(read_sitemap(other, 9).pages.len(), 0, "{other}");
        }
    }

    #[test]
    fn canonical_links_count_within_the_site_only() {
        let page = |canonical: &str, name: &str| {
            format!(
                "<title>{name} | The Book</title><link rel=canonical href='{canonical}'><main><h1>{name}</h1><p>Text of {name}.</main>"
            )
        };
        let book = read_fetched(
            "a.org",
            [
                ("https://a.org/x?from=menu".to_owned(), page("https://a.org/x", "X")),
                ("https://a.org/x".to_owned(), page("https://a.org/x", "X")),
                ("https://a.org/y".to_owned(), page("https://evil.org/y", "Y")),
                (
                    "https://a.org/z".to_owned(),
                    "<meta name=robots content=noindex><main>hidden</main>".to_owned(),
                ),
            ],
            &|_| {},
        );
        let urls: Vec<_> = book.pages.iter().map(|page| (page.url.as_str(), page.route.as_str())).collect();
        assert_eq!(urls, [("https://a.org/x", "/x"), ("https://a.org/y", "/y")]);
        assert_eq!(book.title, "The Book");
    }
}
