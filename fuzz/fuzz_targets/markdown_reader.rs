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
    for section in &page.sections {
        let mut held = String::new();
        while let Some(chunk) = chunks.next_if(|chunk| {
            chunk.anchor == section.anchor
                && chunk.heading_path == section.heading_path
                && chunk.section_depth == section.depth
        }) {
            for sentence in &chunk.sentences {
                assert!(chunk.content.get(sentence.start as usize..sentence.end as usize).is_some());
            }
            held.push_str(&chunk.content);
        }
        covers(&page, &held, &section.text());
    }
});

/// Every character that is not white space stands in the chunks, in order; chunks may repeat fences and header rows.
fn covers(page: &Page, held: &str, text: &str) {
    let mut rest = held.chars().filter(|character| !character.is_whitespace());
    for wanted in text.chars().filter(|character| !character.is_whitespace()) {
        assert!(rest.any(|character| character == wanted), "{wanted:?} was dropped from {}", page.file);
    }
}
