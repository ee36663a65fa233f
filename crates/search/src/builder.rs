//! Chunks and vectors to the bytes of an index file. A builder that may spill holds neither texts nor vectors, and no
//! more than one run of postings: what its memory holds for each chunk are some 200 bytes, and for each word its text.

mod occurrences;
mod spool;
mod writer;

use std::collections::{HashMap, HashSet};
use std::io::{self, Read, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};

use corpus::{Chunk, ChunkId, SentenceKind};

use crate::analyzer::{Analyzer, Memory, Role, Token};
use crate::file::write_beside;
use crate::format::{COLUMNS, Column, FIELDS, NONE, Record, SECTIONS, Section};
use crate::{IndexError, Metadata, codes, fields, vectors};
use occurrences::Occurrences;
use spool::Spool;
use writer::FileWriter;

/// Collects chunks and writes them as an index.
///
/// The same chunks give the same bytes; only [`crate::Index::reading_order`] depends on the order of the pushes.
pub struct IndexBuilder {
    metadata: Metadata,
    analyzer: Analyzer,
    memory: Memory,
    strings: StringTable,
    ids: HashSet<ChunkId>,
    chunks: Vec<Pending>,
    headings: Vec<u32>,
    sentences: Spool,
    sentence_count: u32,
    lengths: Vec<[u32; FIELDS]>,
    terms: HashMap<Box<str>, u32>,
    occurrences: Occurrences,
    vectors: Spool,
    /// A step and a row of codes for each sentence that has a vector.
    sentence_vectors: Spool,
    sentence_vector_count: u64,
    /// Where it may spill.
    folder: Option<PathBuf>,
    /// Why it could not; said when the file is to be written.
    failed: Option<io::Error>,
}

/// How far the length of a vector of codes may be from 1: half a step in each number is far less.
const CODED_LENGTH: f64 = 0.02;

/// A chunk as it was pushed; its place in the list is its place in the book.
struct Pending {
    id: ChunkId,
    content_hash: ChunkId,
    record: Record,
    /// Where the vectors of its sentences are.
    sentence_vectors: Range<u64>,
}

impl std::fmt::Debug for IndexBuilder {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("IndexBuilder")
            .field("chunks", &self.chunks.len())
            .field("terms", &self.terms.len())
            .finish_non_exhaustive()
    }
}

impl IndexBuilder {
    /// Starts an index in memory. The locale in `metadata.facts["language"]` chooses the stemmer; English without it.
    pub fn new(metadata: Metadata) -> Self {
        let analyzer = metadata.analyzer();
        Self {
            metadata,
            analyzer,
            memory: Memory::default(),
            strings: StringTable::default(),
            ids: HashSet::new(),
            chunks: Vec::new(),
            headings: Vec::new(),
            sentences: Spool::default(),
            sentence_count: 0,
            lengths: Vec::new(),
            terms: HashMap::new(),
            occurrences: Occurrences::default(),
            vectors: Spool::default(),
            sentence_vectors: Spool::default(),
            sentence_vector_count: 0,
            folder: None,
            failed: None,
        }
    }

    /// Starts an index of any size: texts, vectors and postings wait in nameless files in `folder`. Whatever goes
    /// wrong with them is said by [`Self::write_file`].
    ///
    /// # Errors
    /// When no file can be made in `folder`.
    pub fn spilling(metadata: Metadata, folder: &Path) -> Result<Self, IndexError> {
        let mut builder = Self::new(metadata);
        builder.strings.bytes = Spool::in_file(folder)?;
        builder.strings.ends = Spool::in_file(folder)?;
        builder.sentences = Spool::in_file(folder)?;
        builder.vectors = Spool::in_file(folder)?;
        builder.sentence_vectors = Spool::in_file(folder)?;
        builder.folder = Some(folder.to_owned());
        Ok(builder)
    }

    /// Adds a chunk; push the chunks of a page one after the other, in the order of the book.
    ///
    /// `vector` has `metadata.dimensions` values, and as many again for each sentence that has a vector of its own. Each
    /// is scaled to unit length if it is not; one that is empty, zero or not finite means that there is none. A chunk
    /// whose id was pushed before is the same chunk and is passed over.
    ///
    /// # Panics
    /// When `vector` has values, but not a multiple of `metadata.dimensions`.
    pub fn push(&mut self, chunk: &Chunk, vector: &[f32]) {
        let width = self.metadata.dimensions;
        assert!(
            vector.is_empty() || (width > 0 && vector.len().is_multiple_of(width)),
            "a vector of {} values in an index of {} dimensions",
            vector.len(),
            self.metadata.dimensions
        );
        if self.failed.is_some() || !self.ids.insert(chunk.id) {
            return;
        }
        if let Err(error) = self.take(chunk, vector) {
            self.failed = Some(error);
        }
    }

    fn take(&mut self, chunk: &Chunk, vector: &[f32]) -> io::Result<()> {
        let place = self.chunks.len() as u32;
        let record = self.record(chunk)?;
        let (vector, sentences) = vector.split_at(vector.len().min(self.metadata.dimensions));
        let sentence_vectors = self.take_sentences(sentences)?;
        let Chunk { id, content_hash, .. } = *chunk;
        self.chunks.push(Pending { id, content_hash, record, sentence_vectors });
        self.index_fields(place, chunk);
        if self.folder.is_some() && self.occurrences.is_full() {
            self.end_run()?;
        }
        let mut unit = vector.to_vec();
        unit.resize(self.metadata.dimensions, 0.0);
        vectors::normalise(&mut unit);
        self.vectors.write(bytemuck::cast_slice(&unit))
    }

    /// Codes the vectors of a chunk's sentences; where they are.
    fn take_sentences(&mut self, vectors: &[f32]) -> io::Result<Range<u64>> {
        let first = self.sentence_vector_count;
        let mut code = vec![0u8; self.metadata.dimensions];
        for vector in vectors.chunks_exact(self.metadata.dimensions.max(1)) {
            let mut unit = vector.to_vec();
            // One that was read from an index is as long as its codes are exact, and must keep them.
            let length = unit.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>().sqrt();
            if !length.is_finite() || (length - 1.0).abs() > CODED_LENGTH {
                vectors::normalise(&mut unit);
            }
            let step = codes::encode_sentence(&unit, &mut code);
            self.sentence_vectors.write(&step.to_le_bytes())?;
            self.sentence_vectors.write(&code)?;
            self.sentence_vector_count += 1;
        }
        Ok(first..self.sentence_vector_count)
    }

    fn end_run(&mut self) -> io::Result<()> {
        let mut terms = vec![""; self.terms.len()];
        for (term, number) in &self.terms {
            terms[*number as usize] = term;
        }
        self.occurrences.end_run(&terms, self.folder.as_deref())
    }

    /// Number of chunks so far.
    pub fn len(&self) -> usize {
        self.chunks.len()
    }

    /// No chunk so far.
    pub fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    fn record(&mut self, chunk: &Chunk) -> io::Result<Record> {
        let first_heading = self.headings.len() as u32;
        for heading in &chunk.heading_path {
            let number = self.strings.shared(heading)?;
            self.headings.push(number);
        }
        // Chapters repeat their heading path chunk after chunk; one copy in a row is enough.
        let heading_count = chunk.heading_path.len() as u32;
        let first_heading = self.share_headings(first_heading, heading_count);
        let first_sentence = self.sentence_count;
        for sentence in &chunk.sentences {
            // A sentence outside its text would make the file unreadable; the text itself is still found.
            if chunk.content.get(sentence.start as usize..sentence.end as usize).is_some() {
                let numbers = [sentence.start, sentence.end, number_of(sentence.kind)];
                self.sentences.write(bytemuck::cast_slice(&numbers))?;
                self.sentence_count += 1;
            }
        }
        let mut record = [0; COLUMNS];
        let mut set = |column: Column, value: u32| record[column as usize] = value;
        set(Column::FilePath, self.strings.once(&chunk.file_path)?);
        set(Column::Title, self.strings.shared(&chunk.title)?);
        set(Column::Url, self.strings.once(&chunk.url)?);
        set(Column::Anchor, chunk.anchor.as_deref().map_or(Ok(NONE), |anchor| self.strings.shared(anchor))?);
        set(
            Column::Version,
            chunk.version.as_deref().map_or(Ok(NONE), |version| self.strings.once(version))?,
        );
        set(Column::Locale, self.strings.once(&chunk.locale)?);
        set(Column::Content, self.strings.own(&chunk.content)?);
        set(Column::FirstHeading, first_heading);
        set(Column::Headings, heading_count);
        set(Column::FirstSentence, first_sentence);
        set(Column::Sentences, self.sentence_count - first_sentence);
        set(Column::Position, chunk.position);
        set(Column::TokenCount, chunk.token_count);
        set(Column::Depth, u32::from(chunk.section_depth));
        Ok(record)
    }

    /// Drops the run of headings that was just added when the run before it is the same.
    fn share_headings(&mut self, first: u32, count: u32) -> u32 {
        let (first, count) = (first as usize, count as usize);
        let shared =
            first.checked_sub(count).filter(|before| self.headings[*before..first] == self.headings[first..]);
        match shared {
            Some(before) => {
                self.headings.truncate(first);
                before as u32
            }
            None => first as u32,
        }
    }

    fn index_fields(&mut self, place: u32, chunk: &Chunk) {
        let mut lengths = [0; FIELDS];
        let (memory, terms, occurrences) = (&mut self.memory, &mut self.terms, &mut self.occurrences);
        fields::for_each_field(chunk, |field, text| {
            self.analyzer.for_each_token_with(memory, text, |token| {
                if matches!(token.role, Role::Word | Role::Piece) {
                    lengths[field] += 1;
                }
                if *token.number == Token::UNNUMBERED {
                    *token.number = match terms.get(token.term) {
                        Some(number) => *number,
                        None => {
                            let number = occurrences.add_term();
                            terms.insert(token.term.into(), number);
                            number
                        }
                    };
                }
                occurrences.count(*token.number, place, field);
            });
        });
        self.lengths.push(lengths);
    }

    /// The bytes of the index file.
    pub fn build(self) -> Vec<u8> {
        let mut bytes = Vec::new();
        // Writing to memory cannot fail.
        let _ = self.write_to(&mut bytes);
        bytes
    }

    /// Writes the index file at `path` without holding its bytes; see [`write_index_file`].
    ///
    /// # Errors
    /// Those of [`write_index_file`].
    pub fn write_file(self, path: &Path) -> Result<(), IndexError> {
        write_beside(path, |file| {
            let mut buffered = io::BufWriter::with_capacity(1 << 20, file);
            self.write_to(&mut buffered)?;
            buffered.flush()
        })
    }

    fn write_to(mut self, output: &mut impl Write) -> io::Result<()> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        self.end_run()?;
        let metadata = serde_json::to_vec(&self.metadata)?;
        let count = self.chunks.len();
        // An ordinal is a place in the order of ids, so that ties by ordinal are ties by id.
        let mut by_id: Vec<u32> = (0..count as u32).collect();
        by_id.sort_unstable_by_key(|place| self.chunks[*place as usize].id);
        let mut ordinal_of = vec![0u32; count];
        for (ordinal, place) in by_id.iter().enumerate() {
            ordinal_of[*place as usize] = ordinal as u32;
        }
        let mut terms: Vec<(&str, u32)> =
            self.terms.iter().map(|(term, number)| (&**term, *number)).collect();
        terms.sort_unstable_by_key(|(term, _)| *term);
        let totals: Vec<usize> = terms.iter().map(|(_, number)| self.occurrences.total(*number)).collect();
        let posting_count: usize = totals.iter().sum();
        let dimensions = self.metadata.dimensions;
        let coded = if dimensions > 0 && count >= codes::CODED_FROM { count } else { 0 };

        let mut sizes = [0; SECTIONS];
        let mut size = |section: Section, bytes: usize| sizes[section as usize] = bytes;
        size(Section::Metadata, metadata.len());
        size(Section::StringEnds, self.strings.ends.len() as usize);
        size(Section::Strings, self.strings.bytes.len() as usize);
        size(Section::Ids, count * 16);
        size(Section::Hashes, count * 16);
        size(Section::Records, count * COLUMNS * 4);
        size(Section::Headings, self.headings.len() * 4);
        size(Section::Sentences, self.sentences.len() as usize);
        size(Section::ReadingOrder, count * 4);
        size(Section::Lengths, count * FIELDS * 4);
        size(Section::TermEnds, terms.len() * 8);
        size(Section::Terms, terms.iter().map(|(term, _)| term.len()).sum());
        size(Section::PostingEnds, terms.len() * 8);
        size(Section::PostingOrdinals, posting_count * 4);
        size(Section::PostingCounts, posting_count * FIELDS);
        size(Section::Vectors, count * dimensions * 4);
        size(Section::Codes, coded * dimensions);
        size(Section::Scales, coded * 8);
        let sentences = self.sentence_vector_count as usize;
        let with_sentences = if sentences > 0 { count } else { 0 };
        size(Section::SentenceEnds, with_sentences * 8);
        size(Section::SentenceCodes, sentences * dimensions);
        size(Section::SentenceSteps, sentences * 4);

        let mut file = FileWriter::start(output, &sizes, count as u32, dimensions as u32)?;
        let chunks = || by_id.iter().map(|place| &self.chunks[*place as usize]);
        file.section(|out| out(&metadata))?;
        file.section(|out| copy(&mut *self.strings.ends.reader()?, out))?;
        file.section(|out| copy(&mut *self.strings.bytes.reader()?, out))?;
        file.section(|out| chunks().try_for_each(|chunk| out(&chunk.id.0)))?;
        file.section(|out| chunks().try_for_each(|chunk| out(&chunk.content_hash.0)))?;
        file.section(|out| chunks().try_for_each(|chunk| out(bytemuck::cast_slice(&chunk.record))))?;
        file.section(|out| out(bytemuck::cast_slice(&self.headings)))?;
        file.section(|out| copy(&mut *self.sentences.reader()?, out))?;
        file.section(|out| out(bytemuck::cast_slice(&ordinal_of)))?;
        file.section(|out| {
            by_id.iter().try_for_each(|place| out(bytemuck::cast_slice(&self.lengths[*place as usize])))
        })?;
        file.section(|out| running_sum(terms.iter().map(|(term, _)| term.len()), out))?;
        file.section(|out| terms.iter().try_for_each(|(term, _)| out(term.as_bytes())))?;
        file.section(|out| running_sum(totals.iter().copied(), out))?;
        // The counts wait while the ordinals are written.
        let mut counts = match &self.folder {
            Some(folder) => Spool::in_file(folder)?,
            None => Spool::default(),
        };
        let mut merge = self.occurrences.merge()?;
        file.section(|out| {
            let mut postings = Vec::new();
            terms.iter().try_for_each(|(_, number)| {
                merge.read(*number, &mut postings)?;
                postings.sort_unstable_by_key(|posting| ordinal_of[posting.place as usize]);
                postings.iter().try_for_each(|posting| {
                    counts.write(&posting.counts)?;
                    out(&ordinal_of[posting.place as usize].to_le_bytes())
                })
            })
        })?;
        file.section(|out| copy(&mut *counts.reader()?, out))?;
        // What was written last is in the file before any row of it is asked for.
        drop(self.vectors.reader()?);
        let mut vector = vec![0f32; dimensions];
        let mut code = vec![0u8; dimensions];
        file.section(|out| {
            by_id.iter().try_for_each(|place| {
                read_row(&mut self.vectors, *place, &mut vector)?;
                out(bytemuck::cast_slice(&vector))
            })
        })?;
        // Coded twice, row by row: cheaper than to hold all codes until their scales may be written.
        file.section(|out| {
            by_id.iter().take(coded).try_for_each(|place| {
                read_row(&mut self.vectors, *place, &mut vector)?;
                codes::encode_row(&vector, &mut code);
                out(&code)
            })
        })?;
        file.section(|out| {
            by_id.iter().take(coded).try_for_each(|place| {
                read_row(&mut self.vectors, *place, &mut vector)?;
                out(bytemuck::cast_slice(&codes::encode_row(&vector, &mut code)))
            })
        })?;
        drop(self.sentence_vectors.reader()?);
        let own =
            || by_id.iter().take(with_sentences).map(|place| &self.chunks[*place as usize].sentence_vectors);
        file.section(|out| running_sum(own().map(|range| (range.end - range.start) as usize), out))?;
        let record_bytes = 4 + dimensions as u64;
        file.section(|out| {
            own().flat_map(Range::clone).try_for_each(|number| {
                self.sentence_vectors.read_at(number * record_bytes + 4, &mut code)?;
                out(&code)
            })
        })?;
        file.section(|out| {
            own().flat_map(Range::clone).try_for_each(|number| {
                let mut step = [0; 4];
                self.sentence_vectors.read_at(number * record_bytes, &mut step)?;
                out(&step)
            })
        })?;
        file.finish()
    }
}

/// Fills `vector` with the one at `place`.
fn read_row(vectors: &mut Spool, place: u32, vector: &mut [f32]) -> io::Result<()> {
    let bytes: &mut [u8] = bytemuck::cast_slice_mut(vector);
    vectors.read_at(u64::from(place) * bytes.len() as u64, bytes)
}

fn copy(from: &mut dyn Read, out: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
    let mut bytes = vec![0; 1 << 16];
    loop {
        match from.read(&mut bytes)? {
            0 => return Ok(()),
            length => out(&bytes[..length])?,
        }
    }
}

fn number_of(kind: SentenceKind) -> u32 {
    match kind {
        SentenceKind::Prose => 0,
        SentenceKind::ListItem => 1,
        SentenceKind::TableRow => 2,
        SentenceKind::Code => 3,
    }
}

fn running_sum(
    lengths: impl Iterator<Item = usize>,
    out: &mut dyn FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<()> {
    let mut end = 0u64;
    for length in lengths {
        end += length as u64;
        out(&end.to_le_bytes())?;
    }
    Ok(())
}

/// The strings of a file, most of them once.
#[derive(Default)]
struct StringTable {
    ends: Spool,
    bytes: Spool,
    count: u32,
    /// Strings that tell pages apart: equal ones must have one number.
    numbers: HashMap<Box<str>, u32>,
    /// Strings that come again soon or never, [`MOST_RECENT`] at most; one that is forgotten is written twice.
    recent: HashMap<Box<str>, u32>,
}

const MOST_RECENT: usize = 1 << 15;

impl StringTable {
    /// The one number of a string.
    fn once(&mut self, text: &str) -> io::Result<u32> {
        if let Some(number) = self.numbers.get(text) {
            return Ok(*number);
        }
        let number = self.own(text)?;
        self.numbers.insert(text.into(), number);
        Ok(number)
    }

    /// A number of a string that is likely to come again.
    fn shared(&mut self, text: &str) -> io::Result<u32> {
        if let Some(number) = self.recent.get(text) {
            return Ok(*number);
        }
        if self.recent.len() >= MOST_RECENT {
            self.recent.clear();
        }
        let number = self.own(text)?;
        self.recent.insert(text.into(), number);
        Ok(number)
    }

    fn own(&mut self, text: &str) -> io::Result<u32> {
        self.bytes.write(text.as_bytes())?;
        self.ends.write(&self.bytes.len().to_le_bytes())?;
        self.count += 1;
        Ok(self.count - 1)
    }
}

/// Writes `bytes` beside `path`, syncs them, renames them to `path` and syncs the folder.
///
/// Whatever fails, a full disk included, `path` is left as it was and nothing is left beside it. What a killed
/// process has left behind is removed by the next write.
///
/// # Errors
/// [`IndexError::Io`] with the path in its message.
pub fn write_index_file(path: &Path, bytes: &[u8]) -> Result<(), IndexError> {
    write_beside(path, |file| file.write_all(bytes))
}

#[cfg(test)]
mod tests;
