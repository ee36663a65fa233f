//! Any text is read as a page, and its chunks hold every visible character of its sections.
#![no_main]

use corpus::{ChunkOptions, Page, chunk_sections, read_page};
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
    for (section, chunks) in page.sections.iter().zip(chunk_sections(&page, &options)) {
        let mut held = String::new();
        for chunk in chunks {
            assert_eq!((&chunk.anchor, &chunk.heading_path), (&section.anchor, &section.heading_path));
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
