//! However a text is cut, the filter shows the same, and no link to elsewhere comes through.
#![no_main]

#[allow(dead_code)]
#[path = "../../crates/docent/src/answer/citations.rs"]
mod citations;

use citations::CitationFilter;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((cut, rest)) = bytes.split_first() else {
        return;
    };
    let text = String::from_utf8_lossy(rest);
    let whole = shown(&text, text.len().max(1));
    assert_eq!(shown(&text, usize::from(*cut % 7) + 1), whole);
    if !text.contains('`') {
        assert!(!whole.contains("]("), "{whole}");
    }
});

fn shown(text: &str, piece: usize) -> String {
    let mut filter = CitationFilter::new(3);
    let mut shown = String::new();
    let characters: Vec<char> = text.chars().collect();
    for piece in characters.chunks(piece) {
        shown.push_str(&filter.push(&piece.iter().collect::<String>()));
    }
    shown.push_str(&filter.finish());
    for n in filter.cited() {
        assert!(shown.contains(&format!("[{n}]")));
    }
    shown
}
