//! Small books for tests: chunks by hand, without reading any file.

use corpus::{Chunk, ChunkId};

use crate::{Index, IndexBuilder, Metadata, Ordinal};

/// A chunk of the page `title` with a body; its id is the number in both.
pub(crate) fn chunk(number: u32, title: &str, headings: &[&str], content: &str) -> Chunk {
    let mut id = [0; 16];
    id[..4].copy_from_slice(&number.to_be_bytes());
    Chunk {
        id: ChunkId(id),
        file_path: format!("docs/{title}.md"),
        title: title.to_owned(),
        url: format!("/docs/{title}"),
        anchor: headings.last().map(|heading| heading.to_lowercase()),
        heading_path: headings.iter().map(|heading| (*heading).to_owned()).collect(),
        section_depth: headings.len() as u8,
        position: number,
        content: content.to_owned(),
        sentences: Vec::new(),
        token_count: 1,
        version: None,
        locale: "en".to_owned(),
        content_hash: ChunkId([7; 16]),
    }
}

/// An index without vectors.
pub(crate) fn index_of(chunks: &[Chunk]) -> Index {
    index_in(Metadata::default(), chunks)
}

/// The same with facts of its own.
pub(crate) fn index_in(metadata: Metadata, chunks: &[Chunk]) -> Index {
    let mut builder = IndexBuilder::new(metadata);
    chunks.iter().for_each(|chunk| builder.push(chunk, &[]));
    Index::from_bytes(builder.build()).expect("a fresh index opens")
}

/// The number that [`chunk`] was made with.
pub(crate) fn number_of(index: &Index, ordinal: Ordinal) -> u32 {
    index.chunk(ordinal).position
}
