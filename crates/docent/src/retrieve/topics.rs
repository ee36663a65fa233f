//! What a reader could ask first: headings of the book that ask something, else titles of its pages.

use std::collections::HashSet;

use search::Index;

/// Topics at most: more are a list to read, not an invitation.
const LIMIT: usize = 4;
/// Chunks looked at: a large book is sampled, because this runs while a page is asked for.
const LOOKED_AT: usize = 2_000;
/// Pages with less text than this, in tokens of one chunk, hold a list of links rather than an answer.
const SUBSTANCE: u32 = 60;

/// Up to four topics in reading order, from different pages spread over the whole book: a heading that ends in a
/// question mark where a page has one, else the page's title. Only the first version and language of the book are looked
/// at. Empty for a book without pages of some length. O(chunks), at most 2,000 of them.
pub fn topics(index: &Index, book: &str) -> Vec<String> {
    let mut pages: Vec<Page<'_>> = Vec::new();
    let mut home = None;
    let step = index.len() / LOOKED_AT + 1;
    for ordinal in index.reading_order().step_by(step) {
        let chunk = index.chunk(ordinal);
        if (chunk.version, chunk.locale) != *home.get_or_insert((chunk.version, chunk.locale)) {
            continue;
        }
        if pages.last().is_none_or(|page| page.url != chunk.url) {
            pages.push(Page { url: chunk.url, title: chunk.title, question: None, substance: 0 });
        }
        let Some(page) = pages.last_mut() else { continue };
        page.substance = page.substance.max(chunk.token_count);
        let asks = chunk.heading_path.last().copied().filter(|heading| heading.ends_with(['?', '？', '؟']));
        page.question = page.question.or(asks);
    }
    let mut seen = HashSet::from([book.to_lowercase(), String::new()]);
    let mut fresh = |text: &str| seen.insert(text.trim().to_lowercase());
    pages.retain(|page| page.substance >= SUBSTANCE && fresh(page.topic()));
    if pages.iter().filter(|page| page.question.is_some()).count() >= LIMIT {
        pages.retain(|page| page.question.is_some());
    }
    let count = pages.len().min(LIMIT);
    // The middle of each of `count` equal parts of the book.
    (0..count)
        .map(|part| pages[(2 * part + 1) * pages.len() / (2 * count)].topic().trim().to_owned())
        .collect()
}

struct Page<'a> {
    url: &'a str,
    title: &'a str,
    question: Option<&'a str>,
    substance: u32,
}

impl<'a> Page<'a> {
    fn topic(&self) -> &'a str {
        self.question.unwrap_or(self.title)
    }
}
