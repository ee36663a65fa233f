//! Any bytes are refused or searched, never a panic or a read outside the file. Half of the inputs are a real index
//! with a few bytes changed, with its checksum made good again where the format allows it.
#![no_main]

use std::sync::OnceLock;

use corpus::{ChunkOptions, chunk_page, read_page};
use libfuzzer_sys::fuzz_target;
use search::{Index, IndexBuilder, Metadata, Ordinal, Scope};

static WHOLE: OnceLock<Vec<u8>> = OnceLock::new();

fuzz_target!(|bytes: &[u8]| {
    let Some((kind, rest)) = bytes.split_first() else {
        return;
    };
    let file = if kind & 1 == 0 {
        rest.to_vec()
    } else {
        let mut file = WHOLE.get_or_init(whole).clone();
        for change in rest.chunks_exact(3) {
            let place = usize::from(u16::from_le_bytes([change[0], change[1]])) % file.len();
            file[place] = change[2];
        }
        file
    };
    let Ok(index) = Index::from_bytes(file) else {
        return;
    };
    for number in 0..index.len().min(8) {
        let chunk = index.chunk(Ordinal(number as u32)).to_chunk();
        let _ = index.find(chunk.id);
        let _ = index.page(Ordinal(number as u32));
    }
    let _ = index.lexical("torque of the small motor", Scope::default(), 5);
    let nearest = index.nearest(&[0.5; 4], Scope::default(), 5);
    let _ = index.raised_by_sentences(&[0.5; 4], &nearest);
    let _ = (0..8).map(|number| index.vectors_of(Ordinal(number))).collect::<Vec<_>>();
});

fn whole() -> Vec<u8> {
    let page = read_page("a.md", "# Motors\n\nThe torque of the small motor.\n\n## Code\n\n```rust\nfn turn() {}\n```\n");
    let metadata = Metadata { embedder: "x".into(), dimensions: 4, ..Metadata::default() };
    let mut builder = IndexBuilder::new(metadata);
    for chunk in chunk_page(&page, &ChunkOptions::default()) {
        // The chunk as a whole, and two sentences.
        builder.push(&chunk, &[0.5, 0.5, 0.5, 0.5, 1.0, 0.0, 0.0, 0.0, 0.0, 0.6, 0.8, 0.0]);
    }
    builder.build()
}
