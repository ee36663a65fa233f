//! Vectors that were computed but are not in an index yet.
//!
//! Grammar of the file: `magic fingerprint_length:u32 fingerprint record*`, where
//! `record = hash:[u8; 16] dimensions:u32 value:f32{dimensions} checksum:u32`, all little-endian. The checksum
//! covers the record before it. Reading stops at the first record that is cut or damaged, and writing goes on from there.

use std::collections::HashMap;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::path::Path;

use corpus::ChunkId;
use fs_err::{File, OpenOptions};
use tempfile::SpooledTempFile;

use super::spool::spool;

const MAGIC: &[u8; 8] = b"docvec02";

/// No embedder makes longer vectors; a larger number is damage.
const MOST_DIMENSIONS: usize = 65_536;

/// Vectors by the hash of their text; memory holds only where each is.
pub(crate) struct Journal {
    bytes: Bytes,
    end: u64,
    places: HashMap<ChunkId, Place>,
}

/// Where a vector's values are.
#[derive(Clone, Copy)]
struct Place {
    start: u64,
    dimensions: usize,
}

enum Bytes {
    Named(File),
    Nameless(SpooledTempFile),
}

trait Stream: Read + Write + Seek {}
impl<T: Read + Write + Seek> Stream for T {}

impl Bytes {
    fn stream(&mut self) -> &mut dyn Stream {
        match self {
            Self::Named(file) => file,
            Self::Nameless(file) => file,
        }
    }
}

impl Journal {
    /// A journal that nobody will find again; see [`spool`].
    pub(crate) fn nameless(folder: Option<&Path>) -> Self {
        Self { bytes: Bytes::Nameless(spool(folder)), end: 0, places: HashMap::new() }
    }

    /// Opens the journal of this embedder; one of another embedder is thrown away.
    pub(crate) fn open(path: &Path, fingerprint: &str) -> io::Result<Self> {
        let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        let mut header = MAGIC.to_vec();
        header.extend((fingerprint.len() as u32).to_le_bytes());
        header.extend(fingerprint.as_bytes());
        let mut places = HashMap::new();
        let mut end = header.len() as u64;
        let mut reader = BufReader::new(&mut file);
        let mut found = vec![0; header.len()];
        let is_ours = reader.read_exact(&mut found).is_ok() && found == header;
        if is_ours {
            while let Some((hash, dimensions)) = read_record(&mut reader) {
                places.insert(hash, Place { start: end + RECORD_HEAD as u64, dimensions });
                end += (RECORD_HEAD + 4 * dimensions + 4) as u64;
            }
            file.set_len(end)?;
        } else {
            file.set_len(0)?;
            file.seek(SeekFrom::Start(0))?;
            file.write_all(&header)?;
        }
        Ok(Self { bytes: Bytes::Named(file), end, places })
    }

    /// Whether the text with this hash has its vector.
    pub(crate) fn holds(&self, hash: ChunkId) -> bool {
        self.places.contains_key(&hash)
    }

    /// The vector of the text with this hash.
    pub(crate) fn vector(&mut self, hash: ChunkId) -> io::Result<Option<Vec<f32>>> {
        let Some(place) = self.places.get(&hash) else { return Ok(None) };
        let mut bytes = vec![0; 4 * place.dimensions];
        let stream = self.bytes.stream();
        stream.seek(SeekFrom::Start(place.start))?;
        stream.read_exact(&mut bytes)?;
        let values = bytes.chunks_exact(4);
        Ok(Some(values.map(|value| f32::from_le_bytes([value[0], value[1], value[2], value[3]])).collect()))
    }

    /// Adds vectors; those of a journal with a file of its own are on disk when this returns.
    pub(crate) fn append(&mut self, entries: impl Iterator<Item = (ChunkId, Vec<f32>)>) -> io::Result<()> {
        let mut bytes = Vec::new();
        let mut places = Vec::new();
        for (hash, vector) in entries {
            let start = bytes.len();
            bytes.extend(hash.0);
            bytes.extend((vector.len() as u32).to_le_bytes());
            bytes.extend(vector.iter().flat_map(|value| value.to_le_bytes()));
            let sum = checksum(&bytes[start..]);
            bytes.extend(sum.to_le_bytes());
            let start = self.end + (start + RECORD_HEAD) as u64;
            places.push((hash, Place { start, dimensions: vector.len() }));
        }
        let stream = self.bytes.stream();
        stream.seek(SeekFrom::Start(self.end))?;
        stream.write_all(&bytes)?;
        if let Bytes::Named(file) = &self.bytes {
            file.sync_data()?;
        }
        self.end += bytes.len() as u64;
        self.places.extend(places);
        Ok(())
    }
}

/// Bytes before a record's values.
const RECORD_HEAD: usize = 16 + 4;

/// Hash and dimensions of the next record, if it is whole.
fn read_record(reader: &mut impl Read) -> Option<(ChunkId, usize)> {
    let mut bytes = vec![0; RECORD_HEAD];
    reader.read_exact(&mut bytes).ok()?;
    let hash = *bytes.first_chunk::<16>()?;
    let dimensions = u32::from_le_bytes(*bytes.last_chunk()?) as usize;
    if dimensions > MOST_DIMENSIONS {
        return None;
    }
    bytes.resize(RECORD_HEAD + 4 * dimensions, 0);
    reader.read_exact(&mut bytes[RECORD_HEAD..]).ok()?;
    let mut stored = [0; 4];
    reader.read_exact(&mut stored).ok()?;
    (u32::from_le_bytes(stored) == checksum(&bytes)).then_some((ChunkId(hash), dimensions))
}

/// FNV-1a, 32 bits: enough to tell a cut record from a whole one.
fn checksum(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |sum, byte| (sum ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(byte: u8) -> (ChunkId, Vec<f32>) {
        (ChunkId([byte; 16]), vec![f32::from(byte), 0.5])
    }

    #[test]
    fn a_journal_that_is_cut_anywhere_keeps_its_whole_records() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("j");
        let mut journal = Journal::open(&path, "local:x").expect("made");
        journal.append([entry(1), entry(2)].into_iter()).expect("written");
        let whole = fs_err::read(&path).expect("read");
        let record_length = 16 + 4 + 8 + 4;
        let header_length = whole.len() - 2 * record_length;
        for cut in 0..whole.len() {
            fs_err::write(&path, &whole[..cut]).expect("cut");
            let mut journal = Journal::open(&path, "local:x").expect("opened");
            let expected = cut.saturating_sub(header_length) / record_length;
            assert_eq!(journal.places.len(), expected, "cut at {cut}");
            journal.append([entry(3)].into_iter()).expect("goes on");
            let mut again = Journal::open(&path, "local:x").expect("opened");
            assert_eq!(again.vector(ChunkId([3; 16])).expect("read"), Some(entry(3).1));
        }
    }

    #[test]
    fn a_flipped_bit_ends_the_reading() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("j");
        Journal::open(&path, "f").expect("made").append([entry(1), entry(2)].into_iter()).expect("written");
        let mut bytes = fs_err::read(&path).expect("read");
        let last = bytes.len() - 6;
        bytes[last] ^= 1;
        fs_err::write(&path, bytes).expect("flipped");
        let journal = Journal::open(&path, "f").expect("opened");
        assert!(journal.holds(ChunkId([1; 16])) && !journal.holds(ChunkId([2; 16])));
    }

    #[test]
    fn a_journal_without_a_name_gives_back_what_it_took() {
        let mut journal = Journal::nameless(None);
        let long = |byte: u8| (ChunkId([byte; 16]), vec![f32::from(byte); 60_000]);
        for byte in 0..50 {
            journal.append([entry(byte), long(byte + 100)].into_iter()).expect("kept");
        }
        assert!(
            matches!(&journal.bytes, Bytes::Nameless(file) if file.is_rolled()),
            "12 MB are not in memory"
        );
        for byte in (0..50).rev() {
            assert_eq!(journal.vector(ChunkId([byte; 16])).expect("read"), Some(entry(byte).1));
            assert_eq!(journal.vector(ChunkId([byte + 100; 16])).expect("read"), Some(long(byte + 100).1));
        }
        assert_eq!(journal.vector(ChunkId([200; 16])).expect("read"), None);
    }

    #[test]
    fn another_embedders_vectors_are_thrown_away() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("j");
        Journal::open(&path, "one").expect("made").append([entry(1)].into_iter()).expect("written");
        assert!(!Journal::open(&path, "other").expect("opened").holds(ChunkId([1; 16])));
    }
}
