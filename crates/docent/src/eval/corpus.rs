//! What is searched: a book, or a set's own corpus, as an index whose chunks map to the ids that a set judges.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use corpus::{Book, BookOptions, Chunk, ChunkOptions, Page, chunk_page, read_book};
use search::{Index, IndexBuilder, Metadata};

use super::set::{Entry, Set};
use super::{EvalError, Level};
use crate::ingest::journal::Journal;
use crate::ingest::texts::Texts;
use crate::retrieve::{EmbedRole, Embedder};

/// Chunks embedded at a time.
const BATCH: usize = 64;

/// The book that questions are about.
#[derive(Debug, Clone, Copy)]
pub enum Subject<'a> {
    /// A folder: a book and how it is served, or one with a corpus of its own.
    Folder(&'a Path, &'a BookOptions),
    /// A site that was fetched, by its address.
    Site(&'a str, &'a Book),
}

impl Subject<'_> {
    /// Where it is, for people.
    pub(super) fn name(self) -> String {
        match self {
            Self::Folder(root, _) => root.display().to_string(),
            Self::Site(address, _) => address.to_owned(),
        }
    }
}

impl<'a> Subject<'a> {
    pub(super) fn pages(self) -> Result<Cow<'a, [Page]>, EvalError> {
        match self {
            Self::Folder(root, options) => Ok(read_book(root, options)?.pages.into()),
            Self::Site(_, book) => Ok(book.pages.as_slice().into()),
        }
    }
}

/// Chunks with the id that each level knows them by.
pub(super) struct Corpus {
    pub(super) chunks: Vec<Chunk>,
    /// Any id of the corpus to its section's id.
    pub(super) sections: HashMap<String, String>,
}

impl Corpus {
    /// The book, or what the set carries.
    pub(super) fn open(set: &Set, directory: &Path, book: Option<Subject<'_>>) -> Result<Self, EvalError> {
        match book {
            // A folder with a corpus of its own stands in for a book.
            Some(Subject::Folder(root, _)) if root.join("corpus.jsonl").exists() => {
                Ok(from_entries(&Set::entries(root)?))
            }
            Some(book) => Ok(from_book(&book.pages()?)),
            None if set.entries.is_empty() => Err(EvalError::NoCorpus(directory.display().to_string())),
            None => Ok(from_entries(&set.entries)),
        }
    }

    /// What an id counts as at a level.
    pub(super) fn unit(&self, id: &str, level: Level) -> String {
        match level {
            Level::Doc => id.to_owned(),
            Level::Section => self.sections.get(id).cloned().unwrap_or_else(|| id.to_owned()),
            Level::Page => id.split('#').next().unwrap_or(id).to_owned(),
        }
    }

    /// Grades at a level: the best of the ids that fall together.
    pub(super) fn grades(&self, judgements: &BTreeMap<String, u32>, level: Level) -> HashMap<String, u32> {
        let mut grades = HashMap::new();
        for (id, grade) in judgements {
            let best = grades.entry(self.unit(id, level)).or_insert(0);
            *best = (*best).max(*grade);
        }
        grades
    }
}

pub(super) fn id_of(file: &str, anchor: Option<&str>) -> String {
    match anchor {
        Some(anchor) => format!("{file}#{anchor}"),
        None => file.to_owned(),
    }
}

fn from_book(pages: &[Page]) -> Corpus {
    let mut sections = HashMap::new();
    for page in pages {
        let mut current = page.file.clone();
        sections.insert(page.file.clone(), page.file.clone());
        for section in &page.sections {
            let id = id_of(&page.file, section.anchor.as_deref());
            if section.depth <= 3 {
                current.clone_from(&id);
            }
            sections.insert(id, current.clone());
        }
    }
    let options = ChunkOptions::default();
    Corpus { chunks: pages.iter().flat_map(|page| chunk_page(page, &options)).collect(), sections }
}

fn from_entries(entries: &[Entry]) -> Corpus {
    let options = ChunkOptions::default();
    let mut sections = HashMap::new();
    let mut chunks = Vec::new();
    // The third heading of a path is of level 4: it belongs to the one above.
    let by_path: HashMap<(&str, &[String]), &str> =
        entries.iter().map(|entry| ((entry.path(), entry.headings.as_slice()), entry.id.as_str())).collect();
    for entry in entries {
        let above = entry.headings.get(..2).filter(|_| entry.headings.len() > 2);
        let section =
            above.and_then(|above| by_path.get(&(entry.path(), above))).copied().unwrap_or(&entry.id);
        sections.insert(entry.id.clone(), section.to_owned());
        chunks.extend(chunk_page(&entry.page(), &options));
    }
    Corpus { chunks, sections }
}

/// An index in memory. Vectors are kept in `vectors`, so that a second run embeds nothing.
pub(super) async fn build(chunks: &[Chunk], embedder: &Embedder, vectors: &Path) -> Result<Index, EvalError> {
    let mut journal = match embedder.fingerprint() {
        Some(fingerprint) => {
            if let Some(folder) = vectors.parent() {
                fs_err::create_dir_all(folder)?;
            }
            Journal::open(vectors, fingerprint)?
        }
        None => Journal::nameless(None),
    };
    if embedder.fingerprint().is_some() {
        let missing: Vec<&Chunk> = chunks.iter().filter(|chunk| !journal.holds(chunk.content_hash)).collect();
        for batch in missing.chunks(BATCH) {
            let mut texts = Texts::new();
            batch.iter().for_each(|chunk| texts.push(chunk, embedder));
            let embedded = embedder.embed(&texts.all(), EmbedRole::Passage).await;
            let embedded = embedded.map_err(|error| EvalError::Embedding(error.to_string()))?;
            journal.append(batch.iter().map(|chunk| chunk.content_hash).zip(texts.by_chunk(embedded)))?;
        }
    }
    let first = chunks.iter().find(|chunk| journal.holds(chunk.content_hash));
    let first = first.map_or(Ok(None), |chunk| journal.vector(chunk.content_hash))?;
    let dimensions = first.map_or(0, |vector| embedder.dimensions().unwrap_or(vector.len()));
    let embedder = if dimensions == 0 { "" } else { embedder.fingerprint().unwrap_or_default() };
    let mut builder =
        IndexBuilder::new(Metadata { embedder: embedder.to_owned(), dimensions, facts: BTreeMap::new() });
    for chunk in chunks {
        builder.push(chunk, &journal.vector(chunk.content_hash)?.unwrap_or_default());
    }
    Ok(Index::from_bytes(builder.build())?)
}
