//! The grammar of an index file and the check that a file follows it. After the check every offset in the file is
//! known to be good, so that the rest of the crate reads the mapped bytes in place.
//!
//! All numbers are little-endian. `n` is the number of chunks, `d` the length of a vector.
//!
//! ```text
//! file    = header, table, padding, section*, footer
//! header  = "DOCENTIX", version u32, number of sections u32, length of the file u64, n u32, d u32
//! table   = (offset u64, length in bytes u64) for each section, in the order of `Section`
//! section = its elements, then zeros up to a multiple of 64 bytes
//! footer  = CRC-32 of everything before it u32, "END\n"
//!
//! metadata          JSON object of `Metadata`
//! string ends       u64 for each string: where it ends in `strings`
//! strings           UTF-8, one after the other
//! ids               16 bytes for each chunk, strictly ascending: an ordinal is a place in this order
//! hashes            16 bytes for each chunk: its content hash
//! records           14 × u32 for each chunk, in the order of `Column`; NONE = 0xFFFFFFFF is an absent string
//! headings          u32 string numbers; a record names a run of them
//! sentences         (start u32, end u32, kind u32); a record names a run of them; bytes of the content
//! reading order     u32 for each chunk: ordinals in the order of the book
//! lengths           4 × u32 for each chunk: words in title, headings, body, code
//! term ends         u64 for each term: where it ends in `terms`
//! terms             UTF-8, one after the other, strictly ascending by bytes
//! posting ends      u64 for each term: where its postings end
//! posting ordinals  u32 for each posting, strictly ascending within a term
//! posting counts    4 × u8 for each posting: occurrences in title, headings, body, code, at most 255; not all 0
//! vectors           d × f32 for each chunk, of unit length, or all 0 when the chunk has none
//! codes             nothing, or d × u8 for each chunk: its vector in steps of its scale, plus 128
//! scales            nothing, or (step f32, length of the rounding error f32) for each chunk with codes
//! sentence ends     nothing, or u64 for each chunk: where the vectors of its sentences end
//! sentence codes    d × u8 for each of them: a vector in steps, plus 128
//! sentence steps    f32 for each of them
//! ```

use std::ops::Range;

use bytemuck::{AnyBitPattern, NoUninit};

pub(crate) const MAGIC: &[u8; 8] = b"DOCENTIX";
pub(crate) const END: &[u8; 4] = b"END\n";
/// Raised whenever the grammar or the meaning of terms changes: an index of another version must be rebuilt.
pub(crate) const VERSION: u32 = 2;
/// Sections start on cache lines, which is also enough for every element.
pub(crate) const ALIGNMENT: usize = 64;
pub(crate) const HEADER_BYTES: usize = 32;
pub(crate) const FOOTER_BYTES: usize = 8;
/// An absent string.
pub(crate) const NONE: u32 = u32::MAX;
/// Title, headings, body, code.
pub(crate) const FIELDS: usize = 4;

#[cfg(target_endian = "big")]
compile_error!("the index file is read in place and needs a little-endian machine");

/// A part of the file; its number is its place in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Section {
    Metadata,
    StringEnds,
    Strings,
    Ids,
    Hashes,
    Records,
    Headings,
    Sentences,
    ReadingOrder,
    Lengths,
    TermEnds,
    Terms,
    PostingEnds,
    PostingOrdinals,
    PostingCounts,
    Vectors,
    Codes,
    Scales,
    SentenceEnds,
    SentenceCodes,
    SentenceSteps,
}

pub(crate) const SECTIONS: usize = Section::SentenceSteps as usize + 1;

/// A number of a chunk's record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Column {
    FilePath,
    Title,
    Url,
    Anchor,
    Version,
    Locale,
    Content,
    FirstHeading,
    Headings,
    FirstSentence,
    Sentences,
    Position,
    TokenCount,
    Depth,
}

pub(crate) const COLUMNS: usize = Column::Depth as usize + 1;

/// The numbers of one chunk.
pub(crate) type Record = [u32; COLUMNS];

/// Why bytes are not an index that this program can read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    NotAnIndex,
    Version { found: u32 },
    Damaged(&'static str),
}

use Refusal::Damaged;

/// Where the sections are, once they are known to be good.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    ranges: [Range<usize>; SECTIONS],
    pub(crate) chunks: usize,
    pub(crate) dimensions: usize,
}

impl Layout {
    /// The bytes of a section.
    pub(crate) fn bytes<'a>(&self, file: &'a [u8], section: Section) -> &'a [u8] {
        file.get(self.ranges[section as usize].clone()).unwrap_or(&[])
    }

    /// A section as its elements. Empty when `T` does not fit, which [`read_layout`] has ruled out.
    pub(crate) fn view<'a, T: AnyBitPattern + NoUninit>(&self, file: &'a [u8], section: Section) -> &'a [T] {
        bytemuck::try_cast_slice(self.bytes(file, section)).unwrap_or(&[])
    }
}

/// Checks a file from end to end. `file` must be aligned to 8 bytes. O(n), one pass for the checksum and one for
/// the structure.
pub(crate) fn read_layout(file: &[u8]) -> Result<Layout, Refusal> {
    let layout = read_table(file)?;
    let (checked, footer) = file.split_at(file.len() - FOOTER_BYTES);
    if footer[..4] != crc32fast::hash(checked).to_le_bytes() {
        return Err(Damaged("its checksum does not match"));
    }
    check_structure(file, &layout)?;
    Ok(layout)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at.checked_add(8)?)?.try_into().ok()?))
}

/// Reads header and table; the sections lie inside the file, aligned and in order.
fn read_table(file: &[u8]) -> Result<Layout, Refusal> {
    const SHORT: Refusal = Damaged("it is cut short");
    if !file.starts_with(MAGIC) {
        return Err(Refusal::NotAnIndex);
    }
    let found = u32_at(file, 8).ok_or(SHORT)?;
    if found != VERSION {
        return Err(Refusal::Version { found });
    }
    let sections = u32_at(file, 12).ok_or(SHORT)?;
    let length = u64_at(file, 16).ok_or(SHORT)?;
    let chunks = u32_at(file, 24).ok_or(SHORT)? as usize;
    let dimensions = u32_at(file, 28).ok_or(SHORT)? as usize;
    if (file.len() as u64) < length {
        return Err(SHORT);
    }
    if (file.len() as u64) > length {
        return Err(Damaged("it is longer than it says"));
    }
    if sections as usize != SECTIONS {
        return Err(Damaged("its table has another number of sections"));
    }
    let end = file.len().checked_sub(FOOTER_BYTES).ok_or(SHORT)?;
    if file[end + 4..] != *END {
        return Err(Damaged("its end is missing"));
    }
    let mut previous_end = HEADER_BYTES + SECTIONS * 16;
    let mut ranges: [Range<usize>; SECTIONS] = std::array::from_fn(|_| 0..0);
    for (index, range) in ranges.iter_mut().enumerate() {
        let entry = HEADER_BYTES + index * 16;
        let start = u64_at(file, entry).ok_or(SHORT)?;
        let bytes = u64_at(file, entry + 8).ok_or(SHORT)?;
        let outside = Damaged("a section lies outside the file");
        let start = usize::try_from(start).map_err(|_| outside)?;
        let stop = usize::try_from(bytes).ok().and_then(|bytes| start.checked_add(bytes)).ok_or(outside)?;
        if start < previous_end || stop > end || start % ALIGNMENT != 0 {
            return Err(outside);
        }
        *range = start..stop;
        previous_end = stop;
    }
    Ok(Layout { ranges, chunks, dimensions })
}

/// Checks what the sections say about each other.
fn check_structure(file: &[u8], layout: &Layout) -> Result<(), Refusal> {
    let chunks = layout.chunks;
    let size_of = |section, bytes_each: usize| {
        chunks.checked_mul(bytes_each) == Some(layout.bytes(file, section).len())
    };
    let vector_bytes = layout.dimensions.checked_mul(4).ok_or(Damaged("its vectors are too long"))?;
    let codes_fit = match layout.bytes(file, Section::Codes).len() {
        0 => layout.bytes(file, Section::Scales).is_empty(),
        _ => size_of(Section::Codes, layout.dimensions) && size_of(Section::Scales, 8),
    };
    let fits = size_of(Section::Ids, 16)
        && size_of(Section::Hashes, 16)
        && size_of(Section::Records, COLUMNS * 4)
        && size_of(Section::ReadingOrder, 4)
        && size_of(Section::Lengths, FIELDS * 4)
        && size_of(Section::Vectors, vector_bytes)
        && codes_fit;
    if !fits {
        return Err(Damaged("a section has another length than its chunks need"));
    }
    let ids: &[[u8; 16]] = layout.view(file, Section::Ids);
    if !ids.is_sorted_by(|left, right| left < right) {
        return Err(Damaged("its chunk ids are out of order"));
    }
    check_sentence_vectors(file, layout)?;
    check_reading_order(layout.view(file, Section::ReadingOrder))?;
    let strings = Strings::of(file, layout);
    strings.check()?;
    check_records(file, layout, strings)?;
    check_postings(file, layout)
}

fn check_sentence_vectors(file: &[u8], layout: &Layout) -> Result<(), Refusal> {
    const CUT: &str = "the vectors of its sentences are cut";
    let ends: &[u64] = layout.view(file, Section::SentenceEnds);
    let steps: &[f32] = layout.view(file, Section::SentenceSteps);
    check_ends(ends, steps.len(), CUT)?;
    let fits = layout.bytes(file, Section::SentenceEnds).len() == ends.len() * 8
        && layout.bytes(file, Section::SentenceSteps).len() == steps.len() * 4
        && steps.len().checked_mul(layout.dimensions)
            == Some(layout.bytes(file, Section::SentenceCodes).len())
        && (ends.is_empty() || ends.len() == layout.chunks);
    if fits { Ok(()) } else { Err(Damaged(CUT)) }
}

fn check_reading_order(order: &[u32]) -> Result<(), Refusal> {
    let mut seen = vec![false; order.len()];
    for ordinal in order {
        match seen.get_mut(*ordinal as usize) {
            Some(seen) if !*seen => *seen = true,
            _ => return Err(Damaged("its reading order is wrong")),
        }
    }
    Ok(())
}

/// The strings of a file.
#[derive(Clone, Copy)]
pub(crate) struct Strings<'a> {
    ends: &'a [u64],
    bytes: &'a [u8],
}

impl<'a> Strings<'a> {
    pub(crate) fn of(file: &'a [u8], layout: &Layout) -> Self {
        Self { ends: layout.view(file, Section::StringEnds), bytes: layout.bytes(file, Section::Strings) }
    }

    pub(crate) fn terms_of(file: &'a [u8], layout: &Layout) -> Self {
        Self { ends: layout.view(file, Section::TermEnds), bytes: layout.bytes(file, Section::Terms) }
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(crate) fn bytes(&self, number: usize) -> &'a [u8] {
        slice_of(self.ends, self.bytes, number)
    }

    pub(crate) fn get(&self, number: u32) -> &'a str {
        std::str::from_utf8(self.bytes(number as usize)).unwrap_or("")
    }

    pub(crate) fn check(&self) -> Result<(), Refusal> {
        check_ends(self.ends, self.bytes.len(), "its strings are out of order")?;
        let text = std::str::from_utf8(self.bytes).map_err(|_| Damaged("its strings are not UTF-8"))?;
        match self.ends.iter().all(|end| text.is_char_boundary(*end as usize)) {
            true => Ok(()),
            false => Err(Damaged("a string ends inside a character")),
        }
    }
}

/// The elements of run `number`, where `ends` says where each run ends.
pub(crate) fn slice_of<'a, T>(ends: &[u64], elements: &'a [T], number: usize) -> &'a [T] {
    let Some(end) = ends.get(number) else { return &[] };
    let start = number.checked_sub(1).map_or(0, |before| ends[before]);
    elements.get(start as usize..*end as usize).unwrap_or(&[])
}

/// Ends ascend, and the last is the length of what they cut.
fn check_ends(ends: &[u64], length: usize, what: &'static str) -> Result<(), Refusal> {
    let holds = ends.is_sorted() && ends.last().copied().unwrap_or(0) == length as u64;
    if holds { Ok(()) } else { Err(Damaged(what)) }
}

fn check_records(file: &[u8], layout: &Layout, strings: Strings<'_>) -> Result<(), Refusal> {
    let records: &[Record] = layout.view(file, Section::Records);
    let headings: &[u32] = layout.view(file, Section::Headings);
    let sentences: &[[u32; 3]] = layout.view(file, Section::Sentences);
    if layout.bytes(file, Section::Headings).len() != headings.len() * 4
        || layout.bytes(file, Section::Sentences).len() != sentences.len() * 12
    {
        return Err(Damaged("its headings or sentences are cut"));
    }
    let known = |number: u32| (number as usize) < strings.len();
    if !headings.iter().all(|heading| known(*heading)) {
        return Err(Damaged("a heading has no text"));
    }
    for record in records {
        let cell = |column: Column| record[column as usize];
        let required = [Column::FilePath, Column::Title, Column::Url, Column::Locale, Column::Content];
        let optional = [Column::Anchor, Column::Version];
        if !required.iter().all(|column| known(cell(*column)))
            || !optional.iter().all(|column| cell(*column) == NONE || known(cell(*column)))
        {
            return Err(Damaged("a chunk names a string that is not there"));
        }
        if run(headings, cell(Column::FirstHeading), cell(Column::Headings)).is_none() {
            return Err(Damaged("a chunk names headings that are not there"));
        }
        let Some(own) = run(sentences, cell(Column::FirstSentence), cell(Column::Sentences)) else {
            return Err(Damaged("a chunk names sentences that are not there"));
        };
        let content = strings.get(cell(Column::Content));
        let boundary = |at: u32| content.is_char_boundary(at as usize);
        if !own
            .iter()
            .all(|[start, end, kind]| start <= end && boundary(*start) && boundary(*end) && *kind < 4)
        {
            return Err(Damaged("a sentence lies outside its chunk"));
        }
        if cell(Column::Depth) > u32::from(u8::MAX) {
            return Err(Damaged("a section is too deep"));
        }
    }
    Ok(())
}

/// `count` elements from `first`.
pub(crate) fn run<T>(elements: &[T], first: u32, count: u32) -> Option<&[T]> {
    let first = first as usize;
    elements.get(first..first.checked_add(count as usize)?)
}

fn check_postings(file: &[u8], layout: &Layout) -> Result<(), Refusal> {
    let terms = Strings::terms_of(file, layout);
    terms.check()?;
    if !(1..terms.len()).all(|number| terms.bytes(number - 1) < terms.bytes(number)) {
        return Err(Damaged("its terms are out of order"));
    }
    let ends: &[u64] = layout.view(file, Section::PostingEnds);
    let ordinals: &[u32] = layout.view(file, Section::PostingOrdinals);
    let counts: &[[u8; FIELDS]] = layout.view(file, Section::PostingCounts);
    check_ends(ends, ordinals.len(), "its postings are out of order")?;
    if ends.len() != terms.len() || counts.len() != ordinals.len() {
        return Err(Damaged("its postings do not fit its terms"));
    }
    let ascending = (0..ends.len()).all(|term| {
        let own = slice_of(ends, ordinals, term);
        own.is_sorted_by(|left, right| left < right)
            && own.last().is_none_or(|last| (*last as usize) < layout.chunks)
    });
    if !ascending || counts.contains(&[0; FIELDS]) {
        return Err(Damaged("a term names chunks that are not there"));
    }
    Ok(())
}
