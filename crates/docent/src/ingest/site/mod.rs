//! A built site over HTTP becomes a book: the pages under an address, found by their links or listed by a sitemap.
//!
//! It fetches one page after the other, from one scheme, host and port, as `robots.txt` allows, and keeps what it
//! fetched, so that an interrupted run goes on and a later one fetches only what has changed.

mod address;
mod cache;
mod client;
mod robots;

use std::collections::{HashSet, VecDeque};
use std::path::Path;
use std::time::Duration;

use corpus::{Book, Page, Warning, page_links, read_fetched, read_sitemap};
use reqwest::{StatusCode, Url};

use super::progress::{Progress, Work};
use cache::Cache;
pub use client::FetchError;
use client::{Fetched, SiteClient};
use robots::Robots;

/// Pages that are read at most; a sitemap file holds no more either.
const MOST_PAGES: usize = 50_000;

/// Longest page, as for files on disk.
const MAX_PAGE_BYTES: usize = 5 * 1024 * 1024;

/// Longest sitemap, as its protocol says.
const MAX_SITEMAP_BYTES: usize = 50 * 1024 * 1024;

/// Sitemaps that one index may name; each is one request.
const MOST_SITEMAPS: usize = 200;

/// As much of `robots.txt` as RFC 9309 asks for.
const MAX_ROBOTS_BYTES: usize = 500 * 1024;

/// Failures in a row after which the site counts as away.
const MOST_FAILURES: usize = 5;

/// Warnings of one kind that are printed one by one; more are counted.
const SINGLE_WARNINGS: usize = 10;

/// Addresses that end so are no pages; they are not even asked for.
const NO_PAGES: [&str; 34] = [
    "png", "jpg", "jpeg", "gif", "svg", "webp", "avif", "ico", "css", "js", "mjs", "map", "json", "xml",
    "txt", "md", "pdf", "zip", "gz", "tgz", "tar", "bz2", "xz", "7z", "exe", "dmg", "mp3", "mp4", "webm",
    "woff", "woff2", "ttf", "wasm", "csv",
];

/// How a site is fetched.
#[derive(Debug, Clone, PartialEq)]
pub struct SiteOptions {
    /// Take the pages that the sitemap lists, instead of following links.
    pub sitemap: bool,
    /// Time between two requests; the site may ask for more in `robots.txt`.
    pub pause: Duration,
}

/// Why a site could not be fetched.
#[derive(Debug, thiserror::Error)]
pub enum SiteError {
    /// The address itself cannot be fetched.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// The site wants no programs there.
    #[error(
        "robots.txt of {0} closes this address to programs; ask its owner, or read the book's source instead"
    )]
    Closed(Url),
    /// Nobody knows what the site allows.
    #[error("robots.txt cannot be read, so nothing was fetched: {0}")]
    Robots(FetchError),
    /// No sitemap lists a page.
    #[error(
        "no sitemap of {0} lists a page below it; name the sitemap's own address, or leave --sitemap out to follow links"
    )]
    NoSitemap(Url),
    /// Too many failures in a row.
    #[error(
        "the site stopped answering after {done} pages: {last}; what was fetched is kept, run it again to go on"
    )]
    Away {
        /// Pages that were fetched.
        done: usize,
        /// The last failure.
        last: FetchError,
    },
    /// No page has text.
    #[error("no page with text was found at {0}; pages that are drawn by scripts alone cannot be read")]
    Empty(Url),
    /// The file of fetched pages.
    #[error("the file of fetched pages cannot be used: {0}")]
    Cache(#[from] std::io::Error),
}

impl SiteError {
    /// Whether the site failed for the moment, so that what was read from it before may still be true.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Fetch(error) | Self::Robots(error) => error.is_passing(),
            Self::Away { .. } => true,
            _ => false,
        }
    }
}

/// Fetches the pages below `start` and makes a book of them. With a cache file, fetched pages are kept there. Each page is
/// shown to `each` when it is read, which may take its sections away.
///
/// `start` may be a page, a folder, or a sitemap, which is told by its ending `.xml`. Pages lie below the folder of
/// `start`; of a sitemap's address, below its host.
///
/// # Errors
/// When `start` cannot be fetched or is refused, the site stops answering, or no page has text. A single page that
/// cannot be had becomes a warning.
pub async fn fetch_site(
    start: &Url,
    options: &SiteOptions,
    cache_file: Option<&Path>,
    progress: &Progress,
    each: impl Fn(&mut Page) + Send + 'static,
) -> Result<Book, SiteError> {
    let start = without_fragment(start);
    let mut client = SiteClient::new(&start, options.pause)?;
    let robots = robots(&mut client, &start).await?;
    client.slow_down(robots.delay);
    let cache = match cache_file {
        Some(path) => Cache::open(path, &start)?,
        None => Cache::temporary(&start)?,
    };
    let named_sitemap = start.path().ends_with(".xml");
    let scope = if named_sitemap { "/".to_owned() } else { folder(start.path()) };
    let follow = !(options.sitemap || named_sitemap);
    let mut crawl = Crawl {
        client,
        cache,
        robots,
        scope,
        follow,
        waiting: VecDeque::new(),
        seen: HashSet::new(),
        closed: 0,
        beyond: 0,
        failed: 0,
        warnings: Vec::new(),
    };
    if follow {
        if !crawl.robots.allows(path_of(&start)) {
            return Err(SiteError::Closed(start));
        }
        crawl.add(&start);
    } else {
        crawl.add_listed(&start, named_sitemap).await?;
    }
    let resumed = crawl.cache.resumed();
    if resumed > 0 {
        eprintln!("{resumed} pages of the run that was interrupted are kept");
    }
    progress.begin(Work::Fetching, crawl.waiting.len());
    let met = crawl.run(&start, progress).await;
    progress.end();
    let met = met?;
    crawl.cache.finish(&met)?;
    crawl.book(&start, met, each).await
}

/// What the site says to programs. A site without the file closes nothing.
///
/// # Source
/// RFC 9309, 2.3.1: an answer 4xx means no rules; a server that fails means that everything is closed.
async fn robots(client: &mut SiteClient, start: &Url) -> Result<Robots, SiteError> {
    let Ok(url) = start.join("/robots.txt") else { return Ok(Robots::default()) };
    match client.get(&url, None, &["text/", "application/"], MAX_ROBOTS_BYTES).await {
        Ok(Fetched::Text { text, .. }) => Ok(Robots::read(&text)),
        Ok(_) | Err(FetchError::Elsewhere { .. } | FetchError::Redirects(_)) => Ok(Robots::default()),
        Err(FetchError::Status(_, status))
            if status.is_client_error() && status != StatusCode::TOO_MANY_REQUESTS =>
        {
            Ok(Robots::default())
        }
        Err(FetchError::TooLong(..)) => Ok(Robots::closed()),
        Err(error @ FetchError::Status(..)) => Err(SiteError::Robots(error)),
        Err(error) => Err(error.into()),
    }
}

/// One run over a site.
struct Crawl {
    client: SiteClient,
    cache: Cache,
    robots: Robots,
    /// Path below which pages lie, with a slash at its end.
    scope: String,
    /// Whether links lead to more pages.
    follow: bool,
    waiting: VecDeque<Url>,
    seen: HashSet<Url>,
    closed: usize,
    beyond: usize,
    failed: usize,
    warnings: Vec<Warning>,
}

impl Crawl {
    /// Queues a page, if it is one that may be read and is not queued yet.
    fn add(&mut self, url: &Url) {
        let url = without_fragment(url);
        if !self.client.is_own(&url) || !in_scope(&self.scope, url.path()) || is_no_page(url.path()) {
            return;
        }
        if self.seen.len() >= MOST_PAGES {
            self.beyond += usize::from(!self.seen.contains(&url));
            return;
        }
        if !self.seen.insert(url.clone()) {
            return;
        }
        if self.robots.allows(path_of(&url)) {
            self.waiting.push_back(url);
        } else {
            self.closed += 1;
        }
    }

    /// Queues what the sitemaps list.
    async fn add_listed(&mut self, start: &Url, named: bool) -> Result<(), SiteError> {
        let mut sitemaps: VecDeque<(Url, bool)> = if named {
            VecDeque::from([(start.clone(), true)])
        } else {
            let told = self.robots.sitemaps.iter().filter_map(|address| start.join(address).ok());
            let usual = [format!("{}sitemap.xml", self.scope), "/sitemap.xml".to_owned()];
            let usual = usual.iter().filter_map(|path| start.join(path).ok());
            told.chain(usual).map(|url| (url, true)).collect()
        };
        let (mut asked, mut listed, mut foreign) = (HashSet::new(), 0_usize, 0_usize);
        let mut last_error = None;
        while let Some((url, may_be_index)) = sitemaps.pop_front() {
            if asked.len() >= MOST_SITEMAPS || !asked.insert(url.clone()) {
                continue;
            }
            if !self.client.is_own(&url) {
                let message = "is a sitemap on another site; it was left out";
                self.warn(&url, message);
                continue;
            }
            if !named && listed > 0 && url.path().ends_with("/sitemap.xml") && may_be_index {
                // The usual places are a guess for sites that say nothing.
                continue;
            }
            let text = match self.client.get(&url, None, &["text/", "application/"], MAX_SITEMAP_BYTES).await
            {
                Ok(Fetched::Text { text, .. }) => text,
                Ok(_) => continue,
                Err(error) => {
                    last_error = Some(error);
                    continue;
                }
            };
            let sitemap = read_sitemap(&text, MOST_PAGES);
            for address in &sitemap.pages {
                match url.join(address) {
                    Ok(page) if self.client.is_own(&page) => {
                        listed += 1;
                        self.add(&page);
                    }
                    _ => foreign += 1,
                }
            }
            for address in &sitemap.sitemaps {
                match url.join(address) {
                    // An index names sitemaps, not further indexes.
                    Ok(further) if may_be_index => sitemaps.push_back((further, false)),
                    _ => {
                        self.warn(&url, "names a sitemap that was left out: indexes of indexes are not read");
                    }
                }
            }
        }
        if foreign > 0 {
            let message = format!("lists {foreign} addresses of other sites; they were left out");
            self.warn(start, &message);
        }
        match last_error {
            _ if !self.waiting.is_empty() => Ok(()),
            Some(error) if named => Err(error.into()),
            _ => Err(SiteError::NoSitemap(start.clone())),
        }
    }

    /// Fetches page after page; the addresses of those that are there, in the order in which they were met.
    async fn run(&mut self, start: &Url, progress: &Progress) -> Result<Vec<Url>, SiteError> {
        let mut met = Vec::new();
        let mut failures = 0;
        while let Some(url) = self.waiting.pop_front() {
            match self.fetch(&url).await? {
                Ok(true) => {
                    failures = 0;
                    if self.follow {
                        self.add_links(&url)?;
                    }
                    met.push(url);
                }
                Ok(false) => failures = 0,
                Err(error) if url == *start && self.follow => return Err(error.into()),
                Err(error) => {
                    let passing = error.is_passing();
                    failures = if passing { failures + 1 } else { 0 };
                    if failures >= MOST_FAILURES {
                        return Err(SiteError::Away { done: met.len(), last: error });
                    }
                    let kept = passing && self.cache.page(&url)?.is_some();
                    let what = if kept { "; its text of the last time is used" } else { "; it was left out" };
                    self.failed += 1;
                    if self.failed <= SINGLE_WARNINGS {
                        self.warn(&url, &format!("{error}{what}"));
                    }
                    if kept {
                        met.push(url);
                    }
                }
            }
            progress.set_total(met.len() + self.waiting.len());
            progress.advance(1);
        }
        Ok(met)
    }

    /// Brings one page into the cache; true when it is there.
    async fn fetch(&mut self, url: &Url) -> Result<Result<bool, FetchError>, SiteError> {
        if self.cache.is_fresh(url) {
            return Ok(Ok(self.is_first(url)));
        }
        let stamp = self.cache.stamp(url);
        let kinds = ["text/html", "application/xhtml+xml"];
        match self.client.get(url, stamp.as_ref(), &kinds, MAX_PAGE_BYTES).await {
            Ok(Fetched::Text { url: answered, text, stamp }) => {
                let answered = without_fragment(&answered);
                let elsewhere = answered != *url;
                let wanted = in_scope(&self.scope, answered.path()) && self.robots.allows(path_of(&answered));
                // A page that several addresses lead to is read once.
                if elsewhere && (!wanted || !self.seen.insert(answered.clone())) {
                    return Ok(Ok(false));
                }
                self.cache.keep(url, answered, stamp, &text)?;
                Ok(Ok(true))
            }
            Ok(Fetched::Same) => {
                self.cache.confirm(url)?;
                Ok(Ok(self.is_first(url)))
            }
            Ok(Fetched::NoText) => Ok(Ok(false)),
            Err(error) => Ok(Err(error)),
        }
    }

    /// Whether a kept page is not also kept under another address that leads to it.
    fn is_first(&mut self, url: &Url) -> bool {
        match self.cache.answered(url).map(without_fragment) {
            Some(answered) if answered != *url => self.seen.insert(answered),
            _ => true,
        }
    }

    /// Queues the pages that a page links to. Addresses with a query are left out: calendars and searches never end.
    fn add_links(&mut self, url: &Url) -> Result<(), SiteError> {
        let Some((answered, html)) = self.cache.page(url)? else { return Ok(()) };
        let links = page_links(&html);
        let base = links.base.and_then(|base| answered.join(&base).ok()).unwrap_or(answered);
        for target in links.targets {
            if let Ok(target) = base.join(&target)
                && target.query().is_none()
            {
                self.add(&target);
            }
        }
        Ok(())
    }

    fn warn(&mut self, url: &Url, message: &str) {
        self.warnings.push(Warning { file: url.to_string(), line: 0, message: message.to_owned() });
    }

    /// Reads the pages that are there.
    async fn book(
        mut self,
        start: &Url,
        met: Vec<Url>,
        each: impl Fn(&mut Page) + Send + 'static,
    ) -> Result<Book, SiteError> {
        for (count, message) in [
            (self.failed.saturating_sub(SINGLE_WARNINGS), "further pages could not be fetched"),
            (self.closed, "pages are closed to programs by robots.txt; they were left out"),
            (self.beyond, "pages are beyond the limit of 50000; name a folder of the site to read a part"),
        ] {
            if count > 0 {
                self.warn(start, &format!("{count} {message}"));
            }
        }
        let Self { mut cache, warnings, .. } = self;
        let title = start.host_str().unwrap_or("this site").to_owned();
        let reading = tokio::task::spawn_blocking(move || {
            let pages = met.iter().filter_map(|url| cache.page(url).ok().flatten());
            read_fetched(&title, pages.map(|(url, html)| (url.to_string(), html)), &each)
        });
        let mut book = reading.await.map_err(std::io::Error::other)?;
        book.warnings = warnings;
        if book.pages.is_empty() { Err(SiteError::Empty(start.clone())) } else { Ok(book) }
    }
}

fn without_fragment(url: &Url) -> Url {
    let mut url = url.clone();
    url.set_fragment(None);
    url
}

/// Path and query, as robots rules mean them.
fn path_of(url: &Url) -> &str {
    let length = url.path().len() + url.query().map_or(0, |query| query.len() + 1);
    &url.as_str()[url.as_str().len() - length..]
}

/// The folder that an address stands for: `/docs/` for `/docs`, `/docs/` and `/docs/index.html`.
fn folder(path: &str) -> String {
    let (before, last) = path.rsplit_once('/').unwrap_or(("", path));
    if last.is_empty() || last.contains('.') { format!("{before}/") } else { format!("{path}/") }
}

/// Whether a path lies in a folder, or is the folder itself without its slash.
fn in_scope(scope: &str, path: &str) -> bool {
    path.starts_with(scope) || Some(path) == scope.strip_suffix('/')
}

fn is_no_page(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    name.rsplit_once('.')
        .is_some_and(|(_, ending)| NO_PAGES.iter().any(|other| ending.eq_ignore_ascii_case(other)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_stands_for_its_folder() {
        for (path, expected) in [
            ("/", "/"),
            ("/docs", "/docs/"),
            ("/docs/", "/docs/"),
            ("/docs/index.html", "/docs/"),
            ("/a/b", "/a/b/"),
        ] {
            assert_eq!(folder(path), expected, "{path}");
        }
        assert!(in_scope("/docs/", "/docs") && in_scope("/docs/", "/docs/a/b") && in_scope("/", "/"));
        assert!(!in_scope("/docs/", "/docs2") && !in_scope("/docs/", "/"));
    }

    #[test]
    fn files_are_no_pages() {
        assert!(is_no_page("/a/logo.PNG") && is_no_page("/feed.xml"));
        assert!(
            !is_no_page("/v1.2") && !is_no_page("/a.html") && !is_no_page("/a/") && !is_no_page("/node.js/x")
        );
    }

    #[test]
    fn rules_are_held_against_path_and_query() {
        let url = Url::parse("http://127.0.0.1:80/a%20b?c=d").expect("a URL");
        assert_eq!(path_of(&url), "/a%20b?c=d");
    }
}
