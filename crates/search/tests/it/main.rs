//! The index file from outside: what comes back from it, what is refused, and how it is written.

mod contents;
mod damage;
mod writing;

use corpus::{Chunk, ChunkId, Sentence, SentenceKind};
use search::{Hit, Index, IndexBuilder, Metadata, Scope};

/// A small book that uses every part of the format: shared and absent strings, several fields, unspaced script.
fn chunks() -> Vec<Chunk> {
    let contents = [
        "Torque is measured in newton metres.\n\n```rust\nlet torque = useTorque();\n```",
        "A force is measured in newtons.",
        "日本語の本文。",
        "",
        "Release 2.1 of the gearbox.",
    ];
    let chunk = |(number, content): (u32, &str)| Chunk {
        // Out of order, so that ordinals differ from the places in the book.
        id: ChunkId([(number as u8).wrapping_mul(91); 16]),
        file_path: format!("docs/page-{}.md", number / 2),
        title: format!("Page {}", number / 2),
        url: format!("/docs/page-{}", number / 2),
        anchor: (number % 2 == 1).then(|| format!("part-{number}")),
        heading_path: (0..number % 3).map(|depth| format!("Heading {depth}")).collect(),
        section_depth: (number % 3) as u8,
        position: number % 2,
        content: content.to_owned(),
        sentences: match content.find('.') {
            Some(end) => vec![Sentence { start: 0, end: end as u32 + 1, kind: SentenceKind::Prose }],
            None => Vec::new(),
        },
        token_count: content.len() as u32 / 4,
        version: (number == 4).then(|| "2.1".to_owned()),
        locale: if number == 2 { "ja".to_owned() } else { "en".to_owned() },
        content_hash: ChunkId([number as u8; 16]),
    };
    (0..).zip(contents).map(chunk).collect()
}

fn builder() -> IndexBuilder {
    let facts = [("title".to_owned(), "Gears".to_owned())].into();
    let mut builder = IndexBuilder::new(Metadata { embedder: "test".to_owned(), dimensions: 3, facts });
    for (number, chunk) in (0u8..).zip(chunks()) {
        // The second chunk has two sentences with vectors of their own.
        let vectors = [f32::from(number), 1.0, 2.0, 0.0, 0.0, 3.0, -1.0, 0.0, 0.5];
        builder.push(&chunk, &vectors[..[3, 9, 3, 0, 3][usize::from(number)]]);
    }
    builder
}

/// Uses everything an index offers. Whatever the file says, this must not panic.
fn use_everything(index: &Index) {
    let scopes = [Scope::default(), Scope { version: Some("2.1"), locale: Some("en") }];
    for query in ["torque useTorque newton", "日本語", "2.1", "the"] {
        for scope in scopes {
            for hit in index.lexical(query, scope, 10) {
                index.chunk(hit.ordinal).to_chunk();
            }
        }
        index.query_terms(query);
        index.unknown_words(query);
        index.highlight("the torque", query);
    }
    for scope in scopes {
        index.nearest(&[1.0, 2.0, 3.0], scope, 3);
    }
    for ordinal in index.reading_order().collect::<Vec<_>>() {
        let chunk = index.chunk(ordinal).to_chunk();
        index.find(chunk.id);
        index.vectors_of(ordinal);
        index.raised_by_sentences(&[1.0, 2.0, 3.0], &[Hit { ordinal, score: 0.0 }]);
        index.page(ordinal);
        for sentence in &chunk.sentences {
            assert!(chunk.content.get(sentence.start as usize..sentence.end as usize).is_some());
        }
    }
}
