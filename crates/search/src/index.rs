//! The index file, opened: its chunks by place or by name, and the two ways to search them.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use corpus::{Chunk, ChunkId, Sentence, SentenceKind};
use fs_err as fs;

use crate::analyzer::Analyzer;
use crate::format::{
    self, Column, FIELDS, FOOTER_BYTES, HEADER_BYTES, Layout, NONE, Record, Refusal, Section, Strings,
    VERSION,
};
use crate::lexical::{self, Asked, QueryTerm, Weighing};
use crate::postings::Postings;
use crate::sentences::SentenceVectors;
use crate::vectors::Vectors;
use crate::{Hit, LexicalHit, Ordinal, Scope, Statistics, Steps};

/// What an index says about itself.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Metadata {
    /// Fingerprint of the embedder whose vectors it holds; empty without vectors.
    pub embedder: String,
    /// Length of a vector; 0 without vectors.
    pub dimensions: usize,
    /// Further facts by name, for whoever built the index: book title, calibration, time of ingest. `language` is
    /// the locale whose stemmer reads the book, English without it.
    pub facts: BTreeMap<String, String>,
}

impl Metadata {
    /// The analyzer for this book's language.
    pub fn analyzer(&self) -> Analyzer {
        self.facts.get("language").map_or_else(Analyzer::default, |locale| Analyzer::for_locale(locale))
    }
}

/// Why an index file was refused.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// It could not be read or written; the message names the path.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It is something else.
    #[error("{} is not a Docent index; rebuild it with `docent ingest`", .0.display())]
    NotAnIndex(PathBuf),
    /// It was written by another program version.
    #[error("{} has index format {found}, this program reads {expected}; rebuild it with `docent ingest`", .path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u32,
        /// Ours.
        expected: u32,
    },
    /// It is an index, but not as it was written.
    #[error("{} is damaged ({what}); rebuild it with `docent ingest`", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What does not hold.
        what: &'static str,
    },
}

impl IndexError {
    fn new(path: &Path, refusal: Refusal) -> Self {
        let path = path.to_owned();
        match refusal {
            Refusal::NotAnIndex => Self::NotAnIndex(path),
            Refusal::Version { found } => Self::Version { path, found, expected: VERSION },
            Refusal::Damaged(what) => Self::Damaged { path, what },
        }
    }
}

/// An opened index; cheap to share behind an `Arc`.
pub struct Index {
    bytes: Bytes,
    layout: Layout,
    metadata: Metadata,
    analyzer: Analyzer,
    /// What an occurrence is worth, by chunk and field.
    pub(crate) norms: Vec<[f32; FIELDS]>,
    /// The book that this is a part of, when words are weighed by that.
    pub(crate) statistics: Option<Arc<Statistics>>,
    steps: Steps,
    /// Place in the reading order, by ordinal.
    places: Vec<u32>,
    /// String numbers of the versions and locales that occur.
    versions: BTreeSet<u32>,
    locales: BTreeSet<u32>,
}

/// A chunk's fields, borrowed from the index.
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "the fields are those of `Chunk`")]
pub struct ChunkRef<'a> {
    pub id: ChunkId,
    pub file_path: &'a str,
    pub title: &'a str,
    pub url: &'a str,
    pub anchor: Option<&'a str>,
    pub heading_path: Vec<&'a str>,
    pub section_depth: u8,
    pub position: u32,
    pub content: &'a str,
    pub sentences: Vec<Sentence>,
    pub token_count: u32,
    pub version: Option<&'a str>,
    pub locale: &'a str,
    pub content_hash: ChunkId,
}

impl ChunkRef<'_> {
    /// An owned copy.
    pub fn to_chunk(&self) -> Chunk {
        Chunk {
            id: self.id,
            file_path: self.file_path.to_owned(),
            title: self.title.to_owned(),
            url: self.url.to_owned(),
            anchor: self.anchor.map(str::to_owned),
            heading_path: self.heading_path.iter().map(|heading| (*heading).to_owned()).collect(),
            section_depth: self.section_depth,
            position: self.position,
            content: self.content.to_owned(),
            sentences: self.sentences.clone(),
            token_count: self.token_count,
            version: self.version.map(str::to_owned),
            locale: self.locale.to_owned(),
            content_hash: self.content_hash,
        }
    }
}

/// Where the bytes of an index live.
enum Bytes {
    Mapped(memmap2::Mmap),
    Owned(Vec<u8>),
    /// A copy for bytes that did not start at a multiple of 8.
    Aligned(Vec<u64>, usize),
}

impl Bytes {
    fn as_slice(&self) -> &[u8] {
        match self {
            Self::Mapped(map) => map,
            Self::Owned(bytes) => bytes,
            Self::Aligned(words, length) => &bytemuck::cast_slice(words)[..*length],
        }
    }
}

impl std::fmt::Debug for Index {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Index")
            .field("chunks", &self.layout.chunks)
            .field("size_bytes", &self.size_bytes())
            .field("metadata", &self.metadata)
            .finish_non_exhaustive()
    }
}

impl Index {
    /// Maps the file and checks it from end to end: magic, version, length, checksum and every offset.
    ///
    /// The pages are read once for the check and then shared with other processes. The file is never changed in
    /// place: [`crate::write_index_file`] replaces it, and an open index goes on reading the old one. Bounded by
    /// the size of the file; a 5,000-chunk book opens in a few milliseconds.
    ///
    /// # Errors
    /// [`IndexError::Io`] when it cannot be read, else why it was refused.
    pub fn open(path: &Path) -> Result<Self, IndexError> {
        // A pipe would wait for its writer, so look before opening.
        let found = fs::metadata(path)?;
        if !found.is_file() || found.len() < (HEADER_BYTES + FOOTER_BYTES) as u64 {
            return Err(IndexError::NotAnIndex(path.to_owned()));
        }
        let file = fs::File::open(path)?;
        let at_path = |error: io::Error| {
            io::Error::new(error.kind(), format!("could not map {}: {error}", path.display()))
        };
        // SAFETY: the map is read-only, and the bytes behind it stay as they are: nothing in this program writes to an
        // index file once it has its name, it is replaced by rename, which leaves the mapped bytes alone. That no
        // other program changes or shortens the file in place is the operator's part, as for the program's own
        // binary. What the file says is not trusted: `read_layout` checks the checksum and every offset, and all
        // later reads go through checked slices.
        #[allow(unsafe_code)]
        let map = unsafe { memmap2::Mmap::map(file.file()) }.map_err(at_path)?;
        Self::check(Bytes::Mapped(map), path)
    }

    /// Opens bytes in memory, with the same checks as [`Index::open`].
    ///
    /// # Errors
    /// Why the bytes were refused; the path in the message is `index`.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, IndexError> {
        let bytes = if bytes.as_ptr().cast::<u64>().is_aligned() {
            Bytes::Owned(bytes)
        } else {
            let mut words = vec![0u64; bytes.len().div_ceil(8)];
            bytemuck::cast_slice_mut(&mut words)[..bytes.len()].copy_from_slice(&bytes);
            Bytes::Aligned(words, bytes.len())
        };
        Self::check(bytes, Path::new("index"))
    }

    fn check(bytes: Bytes, path: &Path) -> Result<Self, IndexError> {
        let file = bytes.as_slice();
        let refused = |refusal| IndexError::new(path, refusal);
        let layout = format::read_layout(file).map_err(refused)?;
        let metadata: Metadata = serde_json::from_slice(layout.bytes(file, Section::Metadata))
            .map_err(|_| refused(Refusal::Damaged("its metadata cannot be read")))?;
        if metadata.dimensions != layout.dimensions {
            return Err(refused(Refusal::Damaged("its metadata names other dimensions")));
        }
        let records: &[Record] = layout.view(file, Section::Records);
        let occurring = |column: Column| {
            records.iter().map(|record| record[column as usize]).filter(|number| *number != NONE).collect()
        };
        let (versions, locales) = (occurring(Column::Version), occurring(Column::Locale));
        let lengths = layout.view(file, Section::Lengths);
        let norms = lexical::norms(lengths, lexical::mean_lengths(lengths), Steps::ALL);
        let mut places = vec![0; layout.chunks];
        for (place, ordinal) in (0..).zip(layout.view::<u32>(file, Section::ReadingOrder)) {
            places[*ordinal as usize] = place;
        }
        let analyzer = metadata.analyzer();
        Ok(Self {
            layout,
            metadata,
            analyzer,
            norms,
            statistics: None,
            steps: Steps::ALL,
            places,
            versions,
            locales,
            bytes,
        })
    }

    /// Number of chunks.
    pub fn len(&self) -> usize {
        self.layout.chunks
    }

    /// No chunk at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Size of the file in bytes.
    pub fn size_bytes(&self) -> usize {
        self.bytes.as_slice().len()
    }

    /// Number of distinct terms.
    pub fn term_count(&self) -> usize {
        self.postings().len()
    }

    /// What it says about itself.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// What ranking does.
    pub fn steps(&self) -> Steps {
        self.steps
    }

    /// The same index, ranking with `steps` alone.
    pub fn with_steps(mut self, steps: Steps) -> Self {
        let lengths = self.view(Section::Lengths);
        self.norms = lexical::norms(lengths, lexical::mean_lengths(lengths), steps);
        self.steps = steps;
        self
    }

    /// The analyzer that read the book.
    pub fn analyzer(&self) -> &Analyzer {
        &self.analyzer
    }

    fn view<T: bytemuck::AnyBitPattern + bytemuck::NoUninit>(&self, section: Section) -> &[T] {
        self.layout.view(self.bytes.as_slice(), section)
    }

    /// Number of tokens by chunk and field.
    pub(crate) fn lengths(&self) -> &[[u32; FIELDS]] {
        self.view(Section::Lengths)
    }

    pub(crate) fn postings(&self) -> Postings<'_> {
        Postings::of(self.bytes.as_slice(), &self.layout)
    }

    fn vectors(&self) -> Vectors<'_> {
        Vectors {
            dimensions: self.layout.dimensions,
            values: self.view(Section::Vectors),
            codes: self.view(Section::Codes),
            scales: self.view(Section::Scales),
        }
    }

    fn sentence_vectors(&self) -> SentenceVectors<'_> {
        SentenceVectors {
            dimensions: self.layout.dimensions,
            ends: self.view(Section::SentenceEnds),
            codes: self.view(Section::SentenceCodes),
            steps: self.view(Section::SentenceSteps),
        }
    }

    /// A chunk by place.
    ///
    /// # Panics
    /// When `ordinal` is not below [`Index::len`]; ordinals of another index are meaningless here.
    pub fn chunk(&self, ordinal: Ordinal) -> ChunkRef<'_> {
        let number = ordinal.0 as usize;
        assert!(number < self.len(), "chunk {number} of an index of {} chunks", self.len());
        let strings = Strings::of(self.bytes.as_slice(), &self.layout);
        let record = self.view::<Record>(Section::Records)[number];
        let cell = |column: Column| record[column as usize];
        let text = |column: Column| strings.get(cell(column));
        let optional = |column: Column| (cell(column) != NONE).then(|| text(column));
        let headings =
            format::run(self.view(Section::Headings), cell(Column::FirstHeading), cell(Column::Headings));
        let sentences: Option<&[[u32; 3]]> =
            format::run(self.view(Section::Sentences), cell(Column::FirstSentence), cell(Column::Sentences));
        ChunkRef {
            id: ChunkId(self.view(Section::Ids)[number]),
            file_path: text(Column::FilePath),
            title: text(Column::Title),
            url: text(Column::Url),
            anchor: optional(Column::Anchor),
            heading_path: headings.unwrap_or(&[]).iter().map(|heading: &u32| strings.get(*heading)).collect(),
            section_depth: cell(Column::Depth) as u8,
            position: cell(Column::Position),
            content: text(Column::Content),
            sentences: sentences.unwrap_or(&[]).iter().map(sentence).collect(),
            token_count: cell(Column::TokenCount),
            version: optional(Column::Version),
            locale: text(Column::Locale),
            content_hash: ChunkId(self.view(Section::Hashes)[number]),
        }
    }

    /// A chunk by name. O(log n).
    pub fn find(&self, id: ChunkId) -> Option<Ordinal> {
        let ids: &[[u8; 16]] = self.view(Section::Ids);
        ids.binary_search(&id.0).ok().map(|number| Ordinal(number as u32))
    }

    /// All chunks in the order in which they were pushed, which is the order of the book. (Ordinals themselves
    /// follow the chunk ids and say nothing about neighbours.)
    pub fn reading_order(&self) -> impl ExactSizeIterator<Item = Ordinal> + '_ {
        self.view::<u32>(Section::ReadingOrder).iter().map(|ordinal| Ordinal(*ordinal))
    }

    /// The chunks of the page that holds `ordinal`, in reading order, itself among them. Empty when out of range.
    pub fn page(&self, ordinal: Ordinal) -> Vec<Ordinal> {
        let Some(place) = self.places.get(ordinal.0 as usize) else { return Vec::new() };
        let (records, order): (&[Record], &[u32]) =
            (self.view(Section::Records), self.view(Section::ReadingOrder));
        let page_of = |ordinal: u32| {
            let record = records[ordinal as usize];
            [Column::FilePath, Column::Url, Column::Version, Column::Locale]
                .map(|column| record[column as usize])
        };
        let page = page_of(ordinal.0);
        let (before, after) = order.split_at(*place as usize);
        let same = |other: &&u32| page_of(**other) == page;
        let first = before.len() - before.iter().rev().take_while(same).count();
        let end = before.len() + after.iter().take_while(same).count();
        order[first..end].iter().map(|ordinal| Ordinal(*ordinal)).collect()
    }

    /// The vector of a chunk, of unit length; `None` when it has none or is out of range.
    pub fn vector(&self, ordinal: Ordinal) -> Option<&[f32]> {
        self.vectors().get(ordinal.0 as usize)
    }

    /// The vector of a chunk and behind it those of its sentences, as [`crate::IndexBuilder::push`] takes them; sentences
    /// that were read from an index make the same index again. `None` when the chunk has no vector or is out of range.
    pub fn vectors_of(&self, ordinal: Ordinal) -> Option<Vec<f32>> {
        let mut all = self.vector(ordinal)?.to_vec();
        all.extend(self.sentence_vectors().values(ordinal.0 as usize));
        Some(all)
    }

    /// The same hits in the same order, each with the cosine of its best sentence where that is higher than its score.
    /// O(sentences of the hits × dimensions).
    pub fn raised_by_sentences(&self, query: &[f32], hits: &[Hit]) -> Vec<Hit> {
        self.sentence_vectors().raise(query, hits)
    }

    /// BM25 over title, headings, body and code: the best `limit` chunks of `scope`, best first, ties by ascending
    /// chunk id. A chunk is a hit when it holds a term of the query that is no stop word, or any term of a query of
    /// stop words alone.
    ///
    /// The score of a term is its idf times its saturated occurrences, where an occurrence in a field counts by the
    /// field's weight over the field's relative length (BM25F); each field gets its share of it. O(postings of the
    /// terms + n).
    ///
    /// # Source
    /// Robertson, Zaragoza, Taylor: "Simple BM25 extension to multiple weighted fields", CIKM 2004.
    pub fn lexical(&self, query: &str, scope: Scope<'_>, limit: usize) -> Vec<LexicalHit> {
        self.asked(query).search(&self.norms, limit, self.filter(scope))
    }

    /// Exact nearest vectors by cosine: the best `limit` chunks of `scope`, best first, ties by ascending chunk id.
    ///
    /// The query is scaled to unit length; one of another length than the index's vectors, or without direction,
    /// finds nothing. Chunks without vector are not found. O(n × dimensions).
    pub fn nearest(&self, query: &[f32], scope: Scope<'_>, limit: usize) -> Vec<Hit> {
        self.vectors().nearest(query, limit, self.filter(scope))
    }

    /// Inverse document frequency of a term over all fields, `ln(1 + (n - df + ½) / (df + ½))`; that of an unseen
    /// term is the highest.
    pub fn idf(&self, term: &crate::Term) -> f32 {
        self.weighing().of(&term.0, &self.postings().find(&term.0)).1
    }

    /// The distinct terms of a query in its order, with what the book knows of them.
    pub fn query_terms(&self, query: &str) -> Vec<QueryTerm> {
        self.asked(query).into_terms()
    }

    /// The words of a query, as written and without stop words, that the book never uses: neither whole nor, for a
    /// name such as `useEffect`, in all of its pieces.
    pub fn unknown_words(&self, query: &str) -> Vec<String> {
        self.asked(query).unknown_words()
    }

    /// The words of a query, as written and without stop words, that none of `chunks` holds: neither whole nor, for a
    /// name such as `useEffect`, in all of its pieces. Of all words, when `chunks` is empty.
    pub fn missing_words(&self, query: &str, chunks: &[Ordinal]) -> Vec<String> {
        self.asked(query).missing_words(chunks)
    }

    /// Byte ranges of the words in `text` whose term is a term of `query`, in the book's language; see
    /// [`Analyzer::highlight`].
    pub fn highlight(&self, text: &str, query: &str) -> Vec<Range<usize>> {
        self.analyzer.highlight(text, query)
    }

    pub(crate) fn asked(&self, query: &str) -> Asked<'_> {
        Asked::new(query, &self.analyzer, self.postings(), self.weighing())
    }

    pub(crate) fn weighing(&self) -> Weighing<'_> {
        Weighing { chunks: self.len(), whole: self.statistics.as_deref() }
    }

    /// Whether a chunk lies in the scope.
    fn filter(&self, scope: Scope<'_>) -> impl Fn(u32) -> bool + '_ {
        let strings = Strings::of(self.bytes.as_slice(), &self.layout);
        // Strings that are equal have one number in files that we write, but a reader must not count on it.
        let numbers = |wanted: Option<&str>, occurring: &BTreeSet<u32>| {
            wanted.map(|wanted| {
                occurring
                    .iter()
                    .copied()
                    .filter(|number| strings.get(*number) == wanted)
                    .collect::<Vec<u32>>()
            })
        };
        let versions = numbers(scope.version, &self.versions);
        let locales = numbers(scope.locale, &self.locales);
        let records: &[Record] = self.view(Section::Records);
        move |ordinal| {
            let record = &records[ordinal as usize];
            let version = record[Column::Version as usize];
            let locale = record[Column::Locale as usize];
            versions.as_ref().is_none_or(|wanted| version == NONE || wanted.contains(&version))
                && locales.as_ref().is_none_or(|wanted| wanted.contains(&locale))
        }
    }
}

fn sentence([start, end, kind]: &[u32; 3]) -> Sentence {
    let kind = match kind {
        1 => SentenceKind::ListItem,
        2 => SentenceKind::TableRow,
        3 => SentenceKind::Code,
        _ => SentenceKind::Prose,
    };
    Sentence { start: *start, end: *end, kind }
}
