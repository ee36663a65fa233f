//! Passages for the tests of this room.

use corpus::{Chunk, ChunkOptions, chunk_page, read_page};
use search::{Index, IndexBuilder, Metadata};

use crate::retrieve::Passage;

/// The chunks of one page in Markdown, numbered from 1.
pub(super) fn passages(page: &str) -> Vec<Passage> {
    let passage = |(place, chunk): (usize, Chunk)| Passage {
        page_before: String::new(),
        position: 0,
        n: place + 1,
        file: chunk.file_path,
        title: chunk.title,
        heading_path: chunk.heading_path,
        url: chunk.url,
        anchor: chunk.anchor,
        content: chunk.content,
        sentences: chunk.sentences,
        score: 1.0,
        similarity: 1.0,
    };
    chunks(page).into_iter().enumerate().map(passage).collect()
}

/// An index of the same chunks, in a book of this language.
pub(super) fn index(page: &str, language: &str) -> Index {
    let facts = [("language".to_owned(), language.to_owned())].into();
    let mut builder = IndexBuilder::new(Metadata { facts, ..Metadata::default() });
    chunks(page).iter().for_each(|chunk| builder.push(chunk, &[]));
    Index::from_bytes(builder.build()).expect("an index")
}

fn chunks(page: &str) -> Vec<Chunk> {
    chunk_page(&read_page("motors.md", page), &ChunkOptions::default())
}
