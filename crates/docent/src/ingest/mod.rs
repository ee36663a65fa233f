//! A book becomes an index: read, cut, embed what is new, write the file.
//!
//! Ingest is incremental and resumable. Vectors of unchanged text are taken from the index that is
//! there; new ones go through a journal, so that a kill at any moment loses nothing that was embedded.

mod cut;
pub(crate) mod journal;
mod pace;
mod progress;
pub mod qdrant;
mod site;
mod spool;
pub(crate) mod texts;
mod watch;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use corpus::{Book, BookOptions, Chunk, ChunkId, Page, Warning, read_book_with};
use search::{Index, IndexBuilder, IndexError, Metadata, Ordinal};
use serde::Serialize;

use crate::retrieve::Embedder;
use crate::retrieve::qdrant::scheme::Facts;
use cut::{Chunks, Cutter, link_hash};
use journal::Journal;
pub use pace::{FREE_TIER_DAY, Pace};
pub use progress::Progress;
pub use site::{FetchError, SiteError, SiteOptions};
use texts::Texts;
pub use watch::Watch;

/// Chunks embedded between two entries of the journal.
const BATCH: usize = 32;

/// Name of the fact that holds the book's title.
pub const TITLE_FACT: &str = "title";

/// Name of the fact that holds the language of most pages; `search` knows it by this name.
const LANGUAGE_FACT: &str = "language";

/// What an ingest did, or would do.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// The book's title.
    pub title: String,
    /// Pages read.
    pub pages: usize,
    /// Sections read.
    pub sections: usize,
    /// Chunks of the new index.
    pub chunks: usize,
    /// Chunks that were not in the old index.
    pub added: usize,
    /// Chunks of the old index that are gone.
    pub removed: usize,
    /// Texts whose vectors had to be computed.
    pub embedded: usize,
    /// Tokens of those texts, estimated.
    pub embedded_tokens: usize,
    /// Seconds that they wait for the provider's quota of the minute; null when nothing limits them.
    pub paced_seconds: Option<u64>,
    /// Embedder whose vectors the index holds; empty for none.
    pub embedder: String,
    /// Size of the index file in bytes; 0 for a plan.
    pub index_bytes: u64,
    /// Nothing had changed, so the file was left alone.
    pub unchanged: bool,
    /// How long it took.
    #[serde(serialize_with = "as_seconds")]
    pub took: Duration,
    /// What the author should know.
    pub warnings: Vec<Warning>,
    /// What was done in Qdrant, or would be done; left out when it is not configured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub qdrant: Option<qdrant::QdrantReport>,
}

fn as_seconds<S: serde::Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(duration.as_secs_f64())
}

/// Why a book could not be ingested.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// The book cannot be read.
    #[error(transparent)]
    Book(#[from] corpus::BookError),
    /// The site cannot be fetched.
    #[error(transparent)]
    Site(#[from] SiteError),
    /// The index cannot be written.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// The journal of vectors cannot be written.
    #[error("the journal of vectors cannot be written: {0}")]
    Journal(#[from] std::io::Error),
    /// The texts of a large book cannot be kept while it is ingested.
    #[error("the book's texts cannot be kept beside the index while it is read: {0}")]
    Texts(io::Error),
    /// The embedder failed; what was embedded is kept.
    #[error(
        "embedding stopped after {done} of {total} texts: {error}; what was embedded is kept, run it again to go on"
    )]
    Embedding {
        /// Texts that have their vectors.
        done: usize,
        /// Texts that needed vectors.
        total: usize,
        /// The embedder's words.
        error: String,
    },
    /// Work on another thread stopped.
    #[error("ingest broke off: {0}")]
    Broken(#[from] tokio::task::JoinError),
}

/// A book that was read and cut, held against the index that is there.
pub struct Plan {
    book: Book,
    chunks: Chunks,
    old: Option<Index>,
    /// Vectors by content hash, from the old index.
    known: HashMap<ChunkId, Ordinal>,
    /// Vectors by content hash, from somewhere else.
    lent: Journal,
    index_file: PathBuf,
    fingerprint: String,
    report: Report,
    pace: Option<Pace>,
    began: Instant,
}

/// Reads and cuts `book` and compares it with the index file. Nothing is embedded or written.
///
/// # Errors
/// When the book cannot be read. A damaged or foreign index file counts as absent.
pub async fn plan(
    book: &Path,
    options: &BookOptions,
    embedder: &Embedder,
    index_file: &Path,
) -> Result<Plan, IngestError> {
    let began = Instant::now();
    let fingerprint = embedder.fingerprint().unwrap_or_default().to_owned();
    let (book, options, index_file) = (book.to_owned(), options.clone(), index_file.to_owned());
    let plan = tokio::task::spawn_blocking(move || {
        let cutter = Cutter::new(index_file.parent());
        let book = read_book_with(&book, &options, &|page| cutter.cut(page))?;
        compare(book, cutter, index_file, fingerprint, began)
    });
    plan.await?
}

/// Fetches the built site at `start`, cuts it and compares it with the index file. Nothing is embedded; fetched pages are
/// kept beside the index file, as `index.pages`.
///
/// # Errors
/// When the site cannot be fetched. A damaged or foreign index file counts as absent.
pub async fn plan_site(
    start: &reqwest::Url,
    options: &SiteOptions,
    embedder: &Embedder,
    index_file: &Path,
    progress: &Progress,
) -> Result<Plan, IngestError> {
    let began = Instant::now();
    let fingerprint = embedder.fingerprint().unwrap_or_default().to_owned();
    let cutter = Arc::new(Cutter::new(index_file.parent()));
    let cut = {
        let cutter = Arc::clone(&cutter);
        move |page: &mut Page| cutter.cut(page)
    };
    let kept = index_file.with_extension("pages");
    let book = site::fetch_site(start, options, Some(&kept), progress, cut).await?;
    let index_file = index_file.to_owned();
    let cutter = Arc::into_inner(cutter).ok_or_else(|| io::Error::other("pages are still being read"));
    let cutter = cutter.map_err(IngestError::Texts)?;
    tokio::task::spawn_blocking(move || compare(book, cutter, index_file, fingerprint, began)).await?
}

/// Fetches the built site at `start` and reads it; nothing is kept.
///
/// # Errors
/// When the site cannot be fetched.
pub async fn read_site(
    start: &reqwest::Url,
    options: &SiteOptions,
    progress: &Progress,
) -> Result<Book, SiteError> {
    site::fetch_site(start, options, None, progress, |_| {}).await
}

fn compare(
    mut book: Book,
    cutter: Cutter,
    index_file: PathBuf,
    fingerprint: String,
    began: Instant,
) -> Result<Plan, IngestError> {
    let chunks = cutter.finish(&book.pages).map_err(IngestError::Texts)?;
    let old = Index::open(&index_file).ok();
    let known = match &old {
        Some(old) if !fingerprint.is_empty() && old.metadata().embedder == fingerprint => {
            ordinals(old).map(|ordinal| (old.chunk(ordinal).content_hash, ordinal)).collect()
        }
        _ => HashMap::new(),
    };
    let new_ids: HashSet<ChunkId> = chunks.heads().iter().map(|head| head.id).collect();
    let old_ids: HashSet<ChunkId> =
        old.iter().flat_map(|old| ordinals(old).map(|ordinal| old.chunk(ordinal).id)).collect();
    let mut warnings = std::mem::take(&mut book.warnings);
    warnings.extend(book.pages.iter_mut().flat_map(|page| std::mem::take(&mut page.warnings)));
    let report = Report {
        title: book.title.clone(),
        pages: book.pages.len(),
        sections: chunks.sections,
        chunks: chunks.heads().len(),
        added: new_ids.difference(&old_ids).count(),
        removed: old_ids.difference(&new_ids).count(),
        embedded: 0,
        embedded_tokens: 0,
        paced_seconds: None,
        embedder: fingerprint.clone(),
        index_bytes: 0,
        unchanged: false,
        took: Duration::ZERO,
        warnings,
        qdrant: None,
    };
    let lent = Journal::nameless(index_file.parent());
    let mut plan =
        Plan { book, chunks, old, known, lent, index_file, fingerprint, report, pace: None, began };
    plan.count_missing(&HashSet::new());
    plan.report.took = plan.began.elapsed();
    Ok(plan)
}

fn ordinals(index: &Index) -> impl Iterator<Item = Ordinal> {
    (0..index.len() as u32).map(Ordinal)
}

impl Plan {
    /// What running this plan will do.
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// Embeds no faster than `pace`, and says in the report how long that takes. Without it nothing waits.
    #[must_use]
    pub fn paced(mut self, pace: Pace) -> Self {
        self.report.paced_seconds = pace.estimate(self.report.embedded).map(|wait| wait.as_secs());
        self.pace = Some(pace);
        self
    }

    /// The folders that the book was read from.
    pub fn folders(&self) -> &[PathBuf] {
        &self.book.folders
    }

    /// Places of the chunks whose text has no vector yet, each text once.
    fn missing(&self) -> Vec<usize> {
        if self.fingerprint.is_empty() {
            return Vec::new();
        }
        let mut seen = HashSet::new();
        let heads = self.chunks.heads();
        (0..heads.len())
            .filter(|place| {
                let hash = heads[*place].content_hash;
                !self.known.contains_key(&hash) && !self.lent.holds(hash) && seen.insert(hash)
            })
            .collect()
    }

    /// The chunks of the book as it is now.
    ///
    /// # Errors
    /// When the texts of a large book cannot be read back.
    pub fn chunks(&self) -> Result<Vec<Chunk>, IngestError> {
        self.chunks.iter().collect::<io::Result<_>>().map_err(IngestError::Texts)
    }

    /// The facts by which a copy in Qdrant is told from others. `dimensions` are the embedder's, as far as known.
    pub fn facts(&self, dimensions: usize) -> Facts {
        let language = facts_of(&self.book).remove(LANGUAGE_FACT).unwrap_or_default();
        Facts::new(&self.fingerprint, dimensions, &language)
    }

    /// Hashes of the texts that have no vector yet.
    pub fn missing_texts(&self) -> HashSet<ChunkId> {
        self.missing().into_iter().map(|place| self.chunks.heads()[place].content_hash).collect()
    }

    /// Counts what is to be embedded when the vectors of the texts `elsewhere` can be had for nothing.
    pub fn count_missing(&mut self, elsewhere: &HashSet<ChunkId>) {
        let missing = self.missing().into_iter().map(|place| &self.chunks.heads()[place]);
        let tokens: Vec<usize> = missing
            .filter(|head| !elsewhere.contains(&head.content_hash))
            .map(|head| head.token_count as usize)
            .collect();
        self.report.embedded = tokens.len();
        self.report.embedded_tokens = tokens.iter().sum();
    }

    /// Takes vectors of this embedder that were kept elsewhere, by the hash of their text.
    ///
    /// # Errors
    /// When there is no room for them on the disk.
    pub fn lend(&mut self, vectors: Vec<(ChunkId, Vec<f32>)>) -> Result<(), IngestError> {
        self.lent.append(vectors.into_iter())?;
        self.count_missing(&HashSet::new());
        Ok(())
    }

    /// Embeds what is missing and writes the index file, unless nothing has changed.
    ///
    /// # Errors
    /// When the embedder fails or a file cannot be written; the old index stays as it was.
    pub async fn run(mut self, embedder: &Embedder, progress: &Progress) -> Result<Report, IngestError> {
        if self.is_current() {
            self.report.unchanged = true;
            self.report.index_bytes = self.old.as_ref().map_or(0, |old| old.size_bytes() as u64);
            self.report.took = self.began.elapsed();
            return Ok(self.report);
        }
        let journal_path = self.index_file.with_extension("vectors");
        let missing = self.missing();
        let mut journal = if missing.is_empty() {
            Journal::nameless(None)
        } else {
            if let Some(folder) = journal_path.parent() {
                fs_err::create_dir_all(folder)?;
            }
            Journal::open(&journal_path, &self.fingerprint)?
        };
        let hash_of = |place: usize| self.chunks.heads()[place].content_hash;
        let wanted: Vec<usize> =
            missing.into_iter().filter(|place| !journal.holds(hash_of(*place))).collect();
        self.report.embedded = wanted.len();
        let pace = self.pace.take().unwrap_or_else(Pace::impatient);
        progress.begin(progress::Work::Embedding, wanted.len());
        for (batch_number, batch) in wanted.chunks(BATCH).enumerate() {
            let mut texts = Texts::new();
            for place in batch {
                texts.push(&self.chunks.read(*place).map_err(IngestError::Texts)?, embedder);
            }
            let vectors = pace.embed(embedder, &texts.all(), progress).await.map_err(|error| {
                progress.end();
                IngestError::Embedding {
                    done: batch_number * BATCH,
                    total: wanted.len(),
                    error: error.to_string(),
                }
            })?;
            let entries = batch.iter().map(|place| hash_of(*place)).zip(texts.by_chunk(vectors));
            journal.append(entries)?;
            progress.advance(batch.len());
        }
        progress.end();
        let width = embedder.dimensions();
        let written = tokio::task::spawn_blocking(move || self.write(journal, width));
        let report = written.await??;
        // The vectors are in the index now, unless this is an index of words that stands in until the book is embedded. A
        // journal that cannot be removed only costs space.
        if report.embedder.is_empty() {
            return Ok(report);
        }
        if let Err(error) = fs_err::remove_file(&journal_path)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!("{error}");
        }
        Ok(report)
    }

    fn is_current(&self) -> bool {
        let Some(old) = &self.old else {
            return false;
        };
        old.metadata().embedder == self.fingerprint
            && old.metadata().facts == facts_of(&self.book)
            && old.len() == self.chunks.heads().len()
            && old.reading_order().zip(self.chunks.heads()).all(|(ordinal, head)| {
                let stored = old.chunk(ordinal);
                stored.id == head.id
                    && stored.content_hash == head.content_hash
                    && link_hash(stored.url, stored.anchor) == head.link
            })
    }

    /// Writes the file. `width` is the length of a vector, when a row of the journal may hold more than one.
    fn write(mut self, mut journal: Journal, width: Option<usize>) -> Result<Report, IngestError> {
        let lent = &mut self.lent;
        let mut vector_of = |hash: ChunkId| -> io::Result<Option<Vec<f32>>> {
            if let Some(vector) = journal.vector(hash)? {
                return Ok(Some(vector));
            }
            let ordinal = self.known.get(&hash).copied();
            match ordinal.and_then(|ordinal| self.old.as_ref()?.vectors_of(ordinal)) {
                Some(vectors) => Ok(Some(vectors)),
                None => lent.vector(hash),
            }
        };
        let mut dimensions = 0;
        for head in self.chunks.heads() {
            dimensions = vector_of(head.content_hash)?.map_or(0, |vector| vector.len());
            if dimensions > 0 {
                dimensions = width.unwrap_or(dimensions);
                break;
            }
        }
        let facts = facts_of(&self.book);
        let embedder = if dimensions == 0 { String::new() } else { self.fingerprint.clone() };
        let folder = self.index_file.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new("."));
        fs_err::create_dir_all(folder)?;
        let mut builder = IndexBuilder::spilling(Metadata { embedder, dimensions, facts }, folder)?;
        for chunk in self.chunks.iter() {
            let chunk = chunk.map_err(IngestError::Texts)?;
            builder.push(&chunk, &vector_of(chunk.content_hash)?.unwrap_or_default());
        }
        builder.write_file(&self.index_file)?;
        self.report.index_bytes = fs_err::metadata(&self.index_file)?.len();
        self.report.took = self.began.elapsed();
        Ok(self.report)
    }
}

fn facts_of(book: &Book) -> BTreeMap<String, String> {
    let mut pages: BTreeMap<&str, usize> = BTreeMap::new();
    for page in &book.pages {
        *pages.entry(page.locale.as_str()).or_default() += 1;
    }
    // The language of most pages decides how words are stemmed.
    let language = pages.into_iter().max_by_key(|(_, count)| *count).map_or("en", |(locale, _)| locale);
    BTreeMap::from([
        (TITLE_FACT.to_owned(), book.title.clone()),
        (LANGUAGE_FACT.to_owned(), language.to_owned()),
    ])
}

/// The title of the book that an index was made from.
pub fn title_of(index: &Index) -> String {
    index.metadata().facts.get(TITLE_FACT).cloned().unwrap_or_else(|| "this book".to_owned())
}
