//! Chunks and vectors to the bytes of an index file. Memory holds each text, posting and vector once until the file
//! is written; the file itself is streamed.

use std::collections::{HashMap, HashSet};
use std::io::{self, Write};
use std::path::Path;

use corpus::{Chunk, ChunkId, SentenceKind};

use crate::analyzer::{Analyzer, Memory, Role, Token};
use crate::file::write_beside;
use crate::format::{
    ALIGNMENT, COLUMNS, Column, END, FIELDS, FOOTER_BYTES, HEADER_BYTES, MAGIC, NONE, Record, SECTIONS,
    Section, VERSION,
};
use crate::{IndexError, Metadata, codes, fields, vectors};

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
    sentences: Vec<[u32; 3]>,
    lengths: Vec<[u32; FIELDS]>,
    terms: HashMap<Box<str>, u32>,
    postings: Vec<Vec<Posting>>,
    vectors: Vec<f32>,
}

/// A chunk as it was pushed; its place in the list is its place in the book.
struct Pending {
    id: ChunkId,
    content_hash: ChunkId,
    record: Record,
}

/// Occurrences of a term in one chunk, by field.
#[derive(Clone, Copy)]
struct Posting {
    place: u32,
    counts: [u8; FIELDS],
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
    /// Starts an index. The locale in `metadata.facts["language"]` chooses the stemmer; English without it.
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
            sentences: Vec::new(),
            lengths: Vec::new(),
            terms: HashMap::new(),
            postings: Vec::new(),
            vectors: Vec::new(),
        }
    }

    /// Adds a chunk; push the chunks of a page one after the other, in the order of the book.
    ///
    /// `vector` has `metadata.dimensions` values and is scaled to unit length if it is not; a vector that is empty,
    /// zero or not finite means that the chunk has none. A chunk whose id was pushed before is the same chunk and is
    /// passed over.
    ///
    /// # Panics
    /// When `vector` has values, but another number of them than `metadata.dimensions`.
    pub fn push(&mut self, chunk: &Chunk, vector: &[f32]) {
        assert!(
            vector.is_empty() || vector.len() == self.metadata.dimensions,
            "a vector of {} values in an index of {} dimensions",
            vector.len(),
            self.metadata.dimensions
        );
        if !self.ids.insert(chunk.id) {
            return;
        }
        let place = self.chunks.len() as u32;
        let record = self.record(chunk);
        self.chunks.push(Pending { id: chunk.id, content_hash: chunk.content_hash, record });
        self.index_fields(place, chunk);
        let start = self.vectors.len();
        self.vectors.extend_from_slice(vector);
        self.vectors.resize(start + self.metadata.dimensions, 0.0);
        vectors::normalise(&mut self.vectors[start..]);
    }

    /// Number of chunks so far.
    pub fn len(&self) -> usize {
        self.chunks.len()
    }

    /// No chunk so far.
    pub fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    fn record(&mut self, chunk: &Chunk) -> Record {
        let first_heading = self.headings.len() as u32;
        for heading in &chunk.heading_path {
            let number = self.strings.shared(heading);
            self.headings.push(number);
        }
        // Chapters repeat their heading path chunk after chunk; one copy in a row is enough.
        let heading_count = chunk.heading_path.len() as u32;
        let first_heading = self.share_headings(first_heading, heading_count);
        let first_sentence = self.sentences.len() as u32;
        self.sentences.extend(chunk.sentences.iter().filter_map(|sentence| {
            // A sentence outside its text would make the file unreadable; the text itself is still found.
            chunk.content.get(sentence.start as usize..sentence.end as usize)?;
            Some([sentence.start, sentence.end, number_of(sentence.kind)])
        }));
        let mut record = [0; COLUMNS];
        let mut set = |column: Column, value: u32| record[column as usize] = value;
        set(Column::FilePath, self.strings.shared(&chunk.file_path));
        set(Column::Title, self.strings.shared(&chunk.title));
        set(Column::Url, self.strings.shared(&chunk.url));
        set(Column::Anchor, chunk.anchor.as_deref().map_or(NONE, |anchor| self.strings.shared(anchor)));
        set(Column::Version, chunk.version.as_deref().map_or(NONE, |version| self.strings.shared(version)));
        set(Column::Locale, self.strings.shared(&chunk.locale));
        set(Column::Content, self.strings.own(&chunk.content));
        set(Column::FirstHeading, first_heading);
        set(Column::Headings, heading_count);
        set(Column::FirstSentence, first_sentence);
        set(Column::Sentences, self.sentences.len() as u32 - first_sentence);
        set(Column::Position, chunk.position);
        set(Column::TokenCount, chunk.token_count);
        set(Column::Depth, u32::from(chunk.section_depth));
        record
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
        let (memory, terms, postings) = (&mut self.memory, &mut self.terms, &mut self.postings);
        fields::for_each_field(chunk, |field, text| {
            self.analyzer.for_each_token_with(memory, text, |token| {
                if matches!(token.role, Role::Word | Role::Piece) {
                    lengths[field] += 1;
                }
                if *token.number == Token::UNNUMBERED {
                    *token.number = match terms.get(token.term) {
                        Some(number) => *number,
                        None => {
                            let number = postings.len() as u32;
                            terms.insert(token.term.into(), number);
                            postings.push(Vec::new());
                            number
                        }
                    };
                }
                let list = &mut postings[*token.number as usize];
                if list.last().is_none_or(|posting| posting.place != place) {
                    list.push(Posting { place, counts: [0; FIELDS] });
                }
                if let Some(posting) = list.last_mut() {
                    posting.counts[field] = posting.counts[field].saturating_add(1);
                }
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
        let metadata = serde_json::to_vec(&self.metadata)?;
        let count = self.chunks.len();
        // An ordinal is a place in the order of ids, so that ties by ordinal are ties by id.
        let mut by_id: Vec<u32> = (0..count as u32).collect();
        by_id.sort_unstable_by_key(|place| self.chunks[*place as usize].id);
        let mut ordinal_of = vec![0u32; count];
        for (ordinal, place) in by_id.iter().enumerate() {
            ordinal_of[*place as usize] = ordinal as u32;
        }
        for list in &mut self.postings {
            for posting in &mut *list {
                posting.place = ordinal_of[posting.place as usize];
            }
            list.sort_unstable_by_key(|posting| posting.place);
        }
        let mut terms: Vec<(&str, &[Posting])> =
            self.terms.iter().map(|(term, number)| (&**term, &*self.postings[*number as usize])).collect();
        terms.sort_unstable_by_key(|(term, _)| *term);
        let coded = count >= codes::CODED_FROM && self.metadata.dimensions > 0;

        let posting_count: usize = terms.iter().map(|(_, postings)| postings.len()).sum();
        let dimensions = self.metadata.dimensions;
        let mut sizes = [0; SECTIONS];
        let mut size = |section: Section, bytes: usize| sizes[section as usize] = bytes;
        size(Section::Metadata, metadata.len());
        size(Section::StringEnds, self.strings.ends.len() * 8);
        size(Section::Strings, self.strings.bytes.len());
        size(Section::Ids, count * 16);
        size(Section::Hashes, count * 16);
        size(Section::Records, count * COLUMNS * 4);
        size(Section::Headings, self.headings.len() * 4);
        size(Section::Sentences, self.sentences.len() * 12);
        size(Section::ReadingOrder, count * 4);
        size(Section::Lengths, count * FIELDS * 4);
        size(Section::TermEnds, terms.len() * 8);
        size(Section::Terms, terms.iter().map(|(term, _)| term.len()).sum());
        size(Section::PostingEnds, terms.len() * 8);
        size(Section::PostingOrdinals, posting_count * 4);
        size(Section::PostingCounts, posting_count * FIELDS);
        size(Section::Vectors, count * dimensions * 4);
        size(Section::Codes, if coded { count * dimensions } else { 0 });
        size(Section::Scales, if coded { count * 8 } else { 0 });

        let mut file = FileWriter::start(output, &sizes, count as u32, dimensions as u32)?;
        let chunks = || by_id.iter().map(|place| &self.chunks[*place as usize]);
        file.section(|out| out(&metadata))?;
        file.section(|out| out(bytemuck::cast_slice(&self.strings.ends)))?;
        file.section(|out| out(&self.strings.bytes))?;
        file.section(|out| chunks().try_for_each(|chunk| out(&chunk.id.0)))?;
        file.section(|out| chunks().try_for_each(|chunk| out(&chunk.content_hash.0)))?;
        file.section(|out| chunks().try_for_each(|chunk| out(bytemuck::cast_slice(&chunk.record))))?;
        file.section(|out| out(bytemuck::cast_slice(&self.headings)))?;
        file.section(|out| out(bytemuck::cast_slice(&self.sentences)))?;
        file.section(|out| out(bytemuck::cast_slice(&ordinal_of)))?;
        file.section(|out| {
            by_id.iter().try_for_each(|place| out(bytemuck::cast_slice(&self.lengths[*place as usize])))
        })?;
        file.section(|out| running_sum(terms.iter().map(|(term, _)| term.len()), out))?;
        file.section(|out| terms.iter().try_for_each(|(term, _)| out(term.as_bytes())))?;
        file.section(|out| running_sum(terms.iter().map(|(_, postings)| postings.len()), out))?;
        let postings = || terms.iter().flat_map(|(_, postings)| *postings);
        file.section(|out| postings().try_for_each(|posting| out(&posting.place.to_le_bytes())))?;
        file.section(|out| postings().try_for_each(|posting| out(&posting.counts)))?;
        let vectors = || {
            by_id.iter().map(|place| {
                let start = *place as usize * dimensions;
                &self.vectors[start..start + dimensions]
            })
        };
        file.section(|out| vectors().try_for_each(|vector| out(bytemuck::cast_slice(vector))))?;
        // Coded twice, row by row: cheaper than to hold all codes until their scales may be written.
        let mut row = vec![0u8; dimensions];
        let coded_vectors = || vectors().take(if coded { count } else { 0 });
        file.section(|out| {
            coded_vectors().try_for_each(|vector| {
                codes::encode_row(vector, &mut row);
                out(&row)
            })
        })?;
        let mut row = vec![0u8; dimensions];
        file.section(|out| {
            coded_vectors()
                .try_for_each(|vector| out(bytemuck::cast_slice(&codes::encode_row(vector, &mut row))))
        })?;
        file.finish()
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
    ends: Vec<u64>,
    bytes: Vec<u8>,
    numbers: HashMap<Box<str>, u32>,
}

impl StringTable {
    /// The number of a string that is likely to come again.
    fn shared(&mut self, text: &str) -> u32 {
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        let number = self.own(text);
        self.numbers.insert(text.into(), number);
        number
    }

    fn own(&mut self, text: &str) -> u32 {
        self.bytes.extend_from_slice(text.as_bytes());
        self.ends.push(self.bytes.len() as u64);
        self.ends.len() as u32 - 1
    }
}

/// Writes header and sections, keeping place and checksum.
struct FileWriter<'a, W> {
    output: &'a mut W,
    hasher: crc32fast::Hasher,
    written: usize,
}

impl<'a, W: Write> FileWriter<'a, W> {
    fn start(output: &'a mut W, sizes: &[usize; SECTIONS], chunks: u32, dimensions: u32) -> io::Result<Self> {
        let mut table = Vec::with_capacity(SECTIONS * 16);
        let mut offset = (HEADER_BYTES + SECTIONS * 16).next_multiple_of(ALIGNMENT);
        for size in sizes {
            table.extend_from_slice(&(offset as u64).to_le_bytes());
            table.extend_from_slice(&(*size as u64).to_le_bytes());
            offset = (offset + size).next_multiple_of(ALIGNMENT);
        }
        let length = (offset + FOOTER_BYTES) as u64;
        let mut writer = Self { output, hasher: crc32fast::Hasher::new(), written: 0 };
        writer.write(MAGIC)?;
        writer.write(&VERSION.to_le_bytes())?;
        writer.write(&(SECTIONS as u32).to_le_bytes())?;
        writer.write(&length.to_le_bytes())?;
        writer.write(&chunks.to_le_bytes())?;
        writer.write(&dimensions.to_le_bytes())?;
        writer.write(&table)?;
        writer.pad()?;
        Ok(writer)
    }

    fn section(
        &mut self,
        fill: impl FnOnce(&mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<()>,
    ) -> io::Result<()> {
        // Small elements are gathered: one call of the checksum for each four bytes would cost more than the rest.
        let mut gathered: Vec<u8> = Vec::with_capacity(1 << 16);
        fill(&mut |bytes| {
            if gathered.len() + bytes.len() > 1 << 16 {
                self.write(&gathered)?;
                gathered.clear();
            }
            if bytes.len() > 1 << 15 {
                return self.write(bytes);
            }
            gathered.extend_from_slice(bytes);
            Ok(())
        })?;
        self.write(&gathered)?;
        self.pad()
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hasher.update(bytes);
        self.written += bytes.len();
        self.output.write_all(bytes)
    }

    fn pad(&mut self) -> io::Result<()> {
        let zeros = self.written.next_multiple_of(ALIGNMENT) - self.written;
        self.write(&[0; ALIGNMENT][..zeros])
    }

    fn finish(self) -> io::Result<()> {
        let checksum = self.hasher.finalize();
        self.output.write_all(&checksum.to_le_bytes())?;
        self.output.write_all(END)
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
