//! However a stream is cut, the parser finds the same events.
#![no_main]

#[allow(dead_code)]
#[path = "../../crates/docent/src/providers/sse.rs"]
mod sse;

use libfuzzer_sys::fuzz_target;
use sse::{Item, SseParser};

fuzz_target!(|bytes: &[u8]| {
    let Some((cut, rest)) = bytes.split_first() else {
        return;
    };
    let whole = items(rest, rest.len().max(1));
    assert_eq!(items(rest, usize::from(*cut % 7) + 1), whole);
});

fn items(bytes: &[u8], piece: usize) -> Option<Vec<Item>> {
    let mut parser = SseParser::with_limit(256);
    let mut items = Vec::new();
    for piece in bytes.chunks(piece) {
        parser.push(piece, &mut items).ok()?;
    }
    parser.finish(&mut items).ok()?;
    Some(items)
}
