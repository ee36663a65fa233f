//! The chunks of a book while it is ingested: what tells them apart is in memory, their texts are in a nameless file once
//! they are many. So memory does not grow with the book's text.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use corpus::{Chunk, ChunkId, ChunkOptions, Page, chunk_page};
use tempfile::SpooledTempFile;

use super::spool::spool;

/// What is in memory of a chunk.
#[derive(Debug, Clone, Copy)]
pub(super) struct Head {
    pub(super) id: ChunkId,
    pub(super) content_hash: ChunkId,
    /// [`link_hash`] of its address.
    pub(super) link: u64,
    pub(super) token_count: u32,
    length: u32,
    start: u64,
}

/// A hash of where a chunk links to.
pub(super) fn link_hash(url: &str, anchor: Option<&str>) -> u64 {
    let mut hasher = DefaultHasher::new();
    (url, anchor).hash(&mut hasher);
    hasher.finish()
}

/// Cuts pages as they are read, on several threads.
pub(super) struct Cutter {
    cut: Mutex<Cut>,
}

struct Cut {
    texts: SpooledTempFile,
    written: u64,
    /// By file and address; a page that is read twice has the same chunks twice.
    pages: HashMap<(String, String), Vec<Head>>,
    sections: usize,
    failed: Option<io::Error>,
}

impl Cutter {
    /// Texts wait in a [`spool`].
    pub(super) fn new(folder: Option<&Path>) -> Self {
        let cut = Cut { texts: spool(folder), written: 0, pages: HashMap::new(), sections: 0, failed: None };
        Self { cut: Mutex::new(cut) }
    }

    /// Cuts a page and takes its sections away.
    pub(super) fn cut(&self, page: &mut Page) {
        let sections = page.sections.len();
        let chunks = chunk_page(page, &ChunkOptions::default());
        page.sections = Vec::new();
        let mut bytes = Vec::new();
        let heads = chunks.iter().map(|chunk| -> io::Result<Head> {
            let start = bytes.len();
            serde_json::to_writer(&mut bytes, chunk)?;
            Ok(Head {
                id: chunk.id,
                content_hash: chunk.content_hash,
                link: link_hash(&chunk.url, chunk.anchor.as_deref()),
                token_count: chunk.token_count,
                length: (bytes.len() - start) as u32,
                start: start as u64,
            })
        });
        let heads: io::Result<Vec<Head>> = heads.collect();
        let mut cut = self.cut.lock().unwrap_or_else(PoisonError::into_inner);
        cut.sections += sections;
        let kept = heads.and_then(|heads| cut.texts.write_all(&bytes).map(|()| heads));
        match kept {
            Ok(mut heads) => {
                heads.iter_mut().for_each(|head| head.start += cut.written);
                cut.written += bytes.len() as u64;
                cut.pages.insert((page.file.clone(), page.url.clone()), heads);
            }
            Err(error) => _ = cut.failed.get_or_insert(error),
        }
    }

    /// The chunks of `pages`, in their order, each id once.
    pub(super) fn finish(self, pages: &[Page]) -> io::Result<Chunks> {
        let cut = self.cut.into_inner().unwrap_or_else(PoisonError::into_inner);
        if let Some(error) = cut.failed {
            return Err(error);
        }
        let mut seen = HashSet::new();
        let mut heads = Vec::new();
        for page in pages {
            let own = cut.pages.get(&(page.file.clone(), page.url.clone()));
            heads.extend(own.into_iter().flatten().filter(|head| seen.insert(head.id)));
        }
        Ok(Chunks { heads, sections: cut.sections, texts: Mutex::new(cut.texts) })
    }
}

/// The chunks of a book in their order.
pub(super) struct Chunks {
    heads: Vec<Head>,
    /// Sections of the pages that were cut.
    pub(super) sections: usize,
    texts: Mutex<SpooledTempFile>,
}

impl Chunks {
    pub(super) fn heads(&self) -> &[Head] {
        &self.heads
    }

    /// Reads the chunk at `place`.
    pub(super) fn read(&self, place: usize) -> io::Result<Chunk> {
        let head = &self.heads[place];
        let mut bytes = vec![0; head.length as usize];
        {
            let mut texts = self.texts.lock().unwrap_or_else(PoisonError::into_inner);
            texts.seek(SeekFrom::Start(head.start))?;
            texts.read_exact(&mut bytes)?;
        }
        Ok(serde_json::from_slice(&bytes)?)
    }

    /// Reads all of them, one after the other.
    pub(super) fn iter(&self) -> impl Iterator<Item = io::Result<Chunk>> {
        (0..self.heads.len()).map(|place| self.read(place))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use corpus::{Block, BlockKind, Section};

    fn page(number: usize, paragraphs: usize) -> Page {
        let text =
            |line| format!("Page {number} says in line {line} what no other says. {}", "Word ".repeat(150));
        let block = |line| Block { kind: BlockKind::Prose, text: text(line).trim().to_owned(), line };
        Page {
            file: format!("page-{number}.md"),
            route: format!("/page-{number}"),
            url: format!("https://book.example/page-{number}"),
            title: format!("Page {number}"),
            version: None,
            locale: "en".to_owned(),
            sections: vec![Section {
                heading_path: vec!["Part".to_owned()],
                depth: 2,
                anchor: Some("part".to_owned()),
                line: 1,
                blocks: (1..=paragraphs).map(block).collect(),
            }],
            warnings: Vec::new(),
        }
    }

    /// Reads pages out of order, as threads do, and asks for them in order.
    fn cut(pages: &[Page]) -> Chunks {
        let cutter = Cutter::new(None);
        let mut read: Vec<Page> = pages.to_vec();
        for page in read.iter_mut().rev() {
            cutter.cut(page);
            assert!(page.sections.is_empty(), "the text is in the chunks now");
        }
        cutter.finish(&read).expect("the texts are kept")
    }

    #[test]
    fn chunks_come_back_in_the_order_of_the_pages_from_memory_and_from_a_file() {
        for (count, paragraphs) in [(3, 2), (60, 300)] {
            let pages: Vec<Page> = (0..count).map(|number| page(number, paragraphs)).collect();
            let chunks = cut(&pages);
            let expected: Vec<Chunk> =
                pages.iter().flat_map(|page| chunk_page(page, &ChunkOptions::default())).collect();
            assert_eq!(chunks.sections, count);
            let on_disk = chunks.texts.lock().expect("the texts").is_rolled();
            assert_eq!(on_disk, count == 60, "a small book stays in memory, a large one does not");
            let read: Vec<Chunk> = chunks.iter().collect::<io::Result<_>>().expect("all can be read");
            assert!(read == expected, "{count} pages");
            let last = expected.len() - 1;
            assert_eq!(chunks.read(last).expect("the last"), expected[last]);
            assert_eq!(chunks.heads()[last].id, expected[last].id);
        }
    }

    #[test]
    fn a_page_that_is_read_twice_is_there_once() {
        let pages = [page(1, 2), page(2, 1), page(1, 2)];
        assert_eq!(cut(&pages).heads().len(), cut(&pages[..2]).heads().len());
    }
}
