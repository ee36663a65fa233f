//! Any text is read as a page, and its chunks hold every visible character of its sections.
#![no_main]

use corpus::{ChunkOptions, Page, chunk_page, read_page};
use libfuzzer_sys::fuzz_target;

/// What fits into a page is as good as what fits into a book.
const MOST_BYTES: usize = 20_000;

fuzz_target!(|bytes: &[u8]| {
    if bytes.len() > MOST_BYTES {
        return;
    }
    let text = String::from_utf8_lossy(bytes);
    let page = read_page("docs/page.mdx", &text);
    let options = ChunkOptions { max_tokens: 24, min_tokens: 8 };
    let mut chunks = chunk_page(&page, &options).into_iter().peekable();
    let mut sections = page.sections.iter().peekable();
    while let Some(section) = sections.next() {
        let alike = |anchor: &Option<String>, path: &[String], depth: u8| {
            *anchor == section.anchor && path == section.heading_path && depth == section.depth
        };
        let mut wanted = section.text();
        // Two headings without text follow each other: their chunks cannot be told apart by name.
        while let Some(next) = sections.next_if(|next| alike(&next.anchor, &next.heading_path, next.depth)) {
            wanted.push_str(&next.text());
        }
        let mut held = String::new();
        while let Some(chunk) =
            chunks.next_if(|chunk| alike(&chunk.anchor, &chunk.heading_path, chunk.section_depth))
        {
            for sentence in &chunk.sentences {
                assert!(chunk.content.get(sentence.start as usize..sentence.end as usize).is_some());
            }
            held.push_str(&chunk.content);
        }
        covers(&page, &held, &wanted);
    }
    assert!(chunks.next().is_none(), "a chunk of {} belongs to no section", page.file);
});

/// Every character that is not white space stands in the chunks, in order; chunks may repeat fences and header rows.
fn covers(page: &Page, held: &str, text: &str) {
    let mut rest = held.chars().filter(|character| !character.is_whitespace());
    for wanted in text.chars().filter(|character| !character.is_whitespace()) {
        assert!(rest.any(|character| character == wanted), "{wanted:?} was dropped from {}", page.file);
    }
}
