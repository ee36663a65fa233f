//! The book or a page as a whole: what its parts begin with.

use std::collections::HashSet;
use std::sync::Arc;

use search::{ChunkRef, Index, Ordinal};

use super::{Evidence, PassageLimits, Query, Retrieval, ScoredChunk, Verdict, Whole, is_same_page, passages};

/// Passages at most: a reader wants the parts, each in a sentence.
const PARTS: usize = 10;

/// Passages of the page that a book begins with; it says most about the book.
const OF_THE_FIRST: usize = 2;

/// Openings of a book come from as many pages at most before folders are told apart.
const PAGES: usize = 5_000;

/// Pages behind the introduction that are shown to somebody who wants to begin.
const FIRST_STEPS: usize = 4;

/// What introductions are called, in lower case.
const INTRODUCTIONS: &[&str] = &[
    "introduction",
    "intro",
    "overview",
    "welcome",
    "about this",
    "getting started",
    "einführung",
    "einleitung",
    "überblick",
    "introducción",
    "bienvenid",
    "aperçu",
    "présentation",
    "简介",
    "介绍",
    "概述",
    "はじめに",
    "概要",
    "مقدمة",
    "تعارف",
];

/// What pages for beginners are called, in lower case.
const BEGINNINGS: &[&str] = &[
    "getting started",
    "quick start",
    "quickstart",
    "start here",
    "install",
    "first",
    "hello",
    "tutorial",
    "begin",
    "erste schritte",
    "primeros pasos",
    "instalación",
    "premiers pas",
    "démarr",
    "入门",
    "开始",
    "安装",
    "始め",
    "インストール",
    "البدء",
    "التثبيت",
    "شروع",
    "تنصیب",
];

/// Chunks of fewer tokens say nothing.
const SUBSTANCE: u32 = 4;

/// What the parts begin with, in the order of the book: of a page its sections, of a book its introduction and the first
/// pages of its folders. A page that the index does not hold, such as the chat page, stands for the book. `None` when there
/// is nothing in the query's version and locale.
///
/// O(chunks).
pub(super) fn openings(
    index: Arc<Index>,
    whole: &Whole,
    query: &Query,
    limits: PassageLimits,
) -> Option<Retrieval> {
    let (whole, chosen) = match whole {
        Whole::Page(url) => match of_a_page(&index, url) {
            sections if sections.is_empty() => (Whole::Book, of_the_book(&index, query)),
            sections => (whole.clone(), sections),
        },
        Whole::Book => (Whole::Book, of_the_book(&index, query)),
        Whole::Beginning => (Whole::Beginning, of_the_beginning(&index, query)),
    };
    let hit = |ordinal| ScoredChunk { ordinal, score: 1.0, lexical: None, cosine: None };
    let hits: Vec<ScoredChunk> = chosen.into_iter().map(hit).collect();
    let limits = PassageLimits { passages: PARTS, per_page: PARTS, ..limits };
    let passages = passages::select(&index, &hits, limits);
    if passages.is_empty() {
        return None;
    }
    Some(Retrieval {
        question: query.text.clone(),
        whole: Some(whole),
        index,
        hits,
        passages,
        evidence: Evidence { coverage: 1.0, ..Evidence::default() },
        verdict: Verdict::Answerable,
        degraded: None,
        unavailable: None,
    })
}

/// The chunk that the page with this URL begins with, however the URL is written. O(chunks).
pub(super) fn first_of(index: &Index, url: &str) -> Option<Ordinal> {
    index.reading_order().find(|ordinal| is_same_page(index.chunk(*ordinal).url, url))
}

/// The first chunk of each section of a page.
fn of_a_page(index: &Index, url: &str) -> Vec<Ordinal> {
    let Some(first) = first_of(index, url) else {
        return Vec::new();
    };
    let mut sections = HashSet::new();
    let page = index.page(first).into_iter();
    page.filter(|ordinal| {
        let chunk = index.chunk(*ordinal);
        chunk.token_count >= SUBSTANCE && sections.insert((chunk.anchor, chunk.heading_path.join("\n")))
    })
    .collect()
}

/// The introduction, then the first page of each folder, then the pages behind them, as many as are shown; all in the order
/// of the book. Of several versions and locales, the query's, else the first one.
fn of_the_book(index: &Index, query: &Query) -> Vec<Ordinal> {
    let (introduction, others) = introduction(index, pages(index, query));
    let room = PARTS - OF_THE_FIRST;
    let mut folders = HashSet::new();
    let of_its_own = |place: &usize| folders.insert(folder(index.chunk(others[*place]).file_path));
    let mut places: Vec<usize> = (0..others.len()).filter(of_its_own).collect();
    if places.len() > room {
        places = spread(&places, room);
    } else {
        let more: Vec<usize> = (0..others.len()).filter(|place| !places.contains(place)).collect();
        places.extend(spread(&more, room - places.len()));
        places.sort_unstable();
    }
    introduction.into_iter().chain(places.into_iter().map(|place| others[place])).collect()
}

/// The introduction, then the pages that are named for beginners, then the first pages of the book.
fn of_the_beginning(index: &Index, query: &Query) -> Vec<Ordinal> {
    let (introduction, others) = introduction(index, pages(index, query));
    let (named, unnamed): (Vec<Ordinal>, Vec<Ordinal>) =
        others.into_iter().partition(|ordinal| is_named(&index.chunk(*ordinal), BEGINNINGS));
    introduction.into_iter().chain(named.into_iter().chain(unnamed).take(FIRST_STEPS)).collect()
}

/// The page that introduces the book, by its first chunks, and the others: the first one with the name of an introduction,
/// else the first one at all.
fn introduction(index: &Index, mut pages: Vec<Ordinal>) -> (Vec<Ordinal>, Vec<Ordinal>) {
    if pages.is_empty() {
        return Default::default();
    }
    let named = pages.iter().position(|ordinal| is_named(&index.chunk(*ordinal), INTRODUCTIONS));
    let first = pages.remove(named.unwrap_or_default());
    let opening = index.page(first).into_iter();
    (opening.filter(|ordinal| says_something(index, *ordinal)).take(OF_THE_FIRST).collect(), pages)
}

/// Whether title or file name holds one of `names`.
fn is_named(chunk: &ChunkRef<'_>, names: &[&str]) -> bool {
    let file = chunk.file_path.rsplit('/').next().unwrap_or_default();
    let stem = file.split_once('.').map_or(file, |(stem, _)| stem);
    let spoken: String = format!("{} {stem}", chunk.title).to_lowercase().replace(['-', '_'], " ");
    names.iter().any(|name| spoken.contains(name))
}

/// `count` of the places, or as many as there are, one from each of as many equal parts.
fn spread(places: &[usize], count: usize) -> Vec<usize> {
    let count = count.min(places.len());
    (0..count).map(|part| places[part * places.len() / count]).collect()
}

fn says_something(index: &Index, ordinal: Ordinal) -> bool {
    index.chunk(ordinal).token_count >= SUBSTANCE
}

/// The chunk that each page begins with, in reading order.
fn pages(index: &Index, query: &Query) -> Vec<Ordinal> {
    let fits = |chunk: &ChunkRef<'_>| {
        query.version.as_deref().is_none_or(|version| chunk.version == Some(version))
            && query.locale.as_deref().is_none_or(|locale| chunk.locale == locale)
    };
    let mut pages: Vec<Ordinal> = Vec::new();
    let mut home = None;
    let mut seen = HashSet::new();
    for ordinal in index.reading_order() {
        let chunk = index.chunk(ordinal);
        let here = (chunk.version, chunk.locale);
        if !fits(&chunk) || here != *home.get_or_insert(here) || chunk.token_count < SUBSTANCE {
            continue;
        }
        if seen.insert(chunk.url) {
            pages.push(ordinal);
        }
        if pages.len() == PAGES {
            break;
        }
    }
    pages
}

fn folder(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

#[cfg(test)]
mod tests {
    use corpus::{ChunkOptions, chunk_page, read_page};
    use search::{IndexBuilder, Metadata};

    use super::*;

    /// A book of pages (file, text).
    fn book(pages: &[(&str, &str)]) -> Arc<Index> {
        let mut builder = IndexBuilder::new(Metadata::default());
        for (file, text) in pages {
            let page = read_page(file, text);
            for mut chunk in chunk_page(&page, &ChunkOptions::default()) {
                chunk.url = format!("https://book.example/{}", file.trim_end_matches(".md"));
                builder.push(&chunk, &[]);
            }
        }
        Arc::new(Index::from_bytes(builder.build()).expect("an index"))
    }

    /// Each section is long enough to be a chunk of its own and says something else.
    fn text(title: &str, sections: &[&str]) -> String {
        let filler = |name: &str| (0..70).map(|number| format!("{name} {number} ")).collect::<String>();
        let mut text = format!("# {title}\n\n{title} comes first. {}\n", filler(title));
        for name in sections {
            text.push_str(&format!("\n## {name}\n\n{name} is one part. {}\n", filler(name)));
        }
        text
    }

    fn check(index: &Arc<Index>, whole: &Whole, expected: &[&str]) {
        let found = openings(Arc::clone(index), whole, &Query::default(), PassageLimits::default());
        let places: Vec<String> = found
            .map(|found| found.passages)
            .unwrap_or_default()
            .iter()
            .map(|passage| format!("{}#{}", passage.file, passage.anchor.as_deref().unwrap_or_default()))
            .collect();
        assert_eq!(places, expected, "{whole:?}");
    }

    fn robots() -> Arc<Index> {
        book(&[
            ("foreword.md", &text("Foreword", &[])),
            ("intro.md", &text("Introduction", &["Readers"])),
            ("a/motors.md", &text("Motors", &["Torque", "Heat"])),
            ("a/gears.md", &text("Gears", &[])),
            ("b/install.md", &text("Install", &[])),
        ])
    }

    #[test]
    fn a_book_is_its_introduction_and_a_page_of_each_folder_before_others() {
        let all =
            ["intro.md#", "intro.md#readers", "foreword.md#", "a/motors.md#", "a/gears.md#", "b/install.md#"];
        check(&robots(), &Whole::Book, &all);
        let many: Vec<(String, String)> = (0..40)
            .map(|number| (format!("{number:02}/a.md"), text(&format!("Part {number}"), &[])))
            .collect();
        let many: Vec<(&str, &str)> =
            many.iter().map(|(file, text)| (file.as_str(), text.as_str())).collect();
        let limits = PassageLimits { tokens: 100_000, ..PassageLimits::default() };
        let found = openings(book(&many), &Whole::Book, &Query::default(), limits).expect("a book");
        let files: Vec<&str> = found.passages.iter().map(|passage| passage.file.as_str()).collect();
        assert_eq!(files[0], "00/a.md");
        assert!(files.len() >= 8 && files.is_sorted() && files.iter().any(|file| *file > "30"), "{files:?}");
    }

    #[test]
    fn who_wants_to_begin_gets_the_pages_for_beginners_first() {
        let expected =
            ["intro.md#", "intro.md#readers", "b/install.md#", "foreword.md#", "a/motors.md#", "a/gears.md#"];
        check(&robots(), &Whole::Beginning, &expected);
    }

    #[test]
    fn a_page_is_its_sections() {
        let here = Whole::Page("http://localhost:3000/a/motors/#heat".into());
        check(&robots(), &here, &["a/motors.md#", "a/motors.md#torque", "a/motors.md#heat"]);
    }

    #[test]
    fn a_page_outside_the_book_stands_for_the_book() {
        let found = openings(
            robots(),
            &Whole::Page("https://space.example/".into()),
            &Query::default(),
            PassageLimits::default(),
        );
        assert_eq!(found.expect("the book").whole, Some(Whole::Book));
    }

    #[test]
    fn nothing_comes_of_an_empty_book_or_another_locale() {
        check(&book(&[]), &Whole::Book, &[]);
        let french = Query { locale: Some("fr".into()), ..Query::default() };
        assert!(openings(robots(), &Whole::Book, &french, PassageLimits::default()).is_none());
    }
}
