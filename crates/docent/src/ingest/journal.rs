//! Vectors that were computed but are not in an index yet.
//!
//! Grammar of the file: `magic fingerprint_length:u32 fingerprint record*`, where
//! `record = hash:[u8; 16] dimensions:u32 value:f32{dimensions} checksum:u32`, all little-endian. The checksum
//! covers the record before it. Reading stops at the first record that is cut or damaged, and writing goes on from there.

use std::collections::HashMap;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

use corpus::ChunkId;
use fs_err::{File, OpenOptions};

const MAGIC: &[u8; 8] = b"docvec01";

/// No embedder makes longer vectors; a larger number is damage.
const MOST_DIMENSIONS: usize = 65_536;

/// Vectors by the hash of their text, in memory and on disk.
pub(crate) struct Journal {
    file: Option<File>,
    vectors: HashMap<ChunkId, Vec<f32>>,
}

impl Journal {
    /// A journal without file, for runs that embed nothing.
    pub(crate) fn empty() -> Self {
        Self { file: None, vectors: HashMap::new() }
    }

    /// Opens the journal of this embedder; one of another embedder is thrown away.
    pub(crate) fn open(path: &Path, fingerprint: &str) -> std::io::Result<Self> {
        let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let mut header = MAGIC.to_vec();
        header.extend((fingerprint.len() as u32).to_le_bytes());
        header.extend(fingerprint.as_bytes());
        let mut vectors = HashMap::new();
        let mut end = header.len();
        if bytes.starts_with(&header) {
            while let Some((hash, vector, length)) = record(&bytes[end..]) {
                vectors.insert(hash, vector);
                end += length;
            }
            file.set_len(end as u64)?;
        } else {
            file.set_len(0)?;
            file.seek(SeekFrom::Start(0))?;
            file.write_all(&header)?;
        }
        file.seek(SeekFrom::Start(end as u64))?;
        Ok(Self { file: Some(file), vectors })
    }

    /// Whether the text with this hash has its vector.
    pub(crate) fn holds(&self, hash: ChunkId) -> bool {
        self.vectors.contains_key(&hash)
    }

    /// The vector of the text with this hash.
    pub(crate) fn vector(&self, hash: ChunkId) -> Option<&[f32]> {
        self.vectors.get(&hash).map(Vec::as_slice)
    }

    /// Adds vectors; they are on disk when this returns.
    pub(crate) fn append(
        &mut self,
        entries: impl Iterator<Item = (ChunkId, Vec<f32>)>,
    ) -> std::io::Result<()> {
        let mut bytes = Vec::new();
        for (hash, vector) in entries {
            let start = bytes.len();
            bytes.extend(hash.0);
            bytes.extend((vector.len() as u32).to_le_bytes());
            bytes.extend(vector.iter().flat_map(|value| value.to_le_bytes()));
            let sum = checksum(&bytes[start..]);
            bytes.extend(sum.to_le_bytes());
            self.vectors.insert(hash, vector);
        }
        if let Some(file) = &mut self.file {
            file.write_all(&bytes)?;
            file.sync_data()?;
        }
        Ok(())
    }
}

fn record(bytes: &[u8]) -> Option<(ChunkId, Vec<f32>, usize)> {
    let hash = bytes.first_chunk::<16>()?;
    let dimensions = u32::from_le_bytes(*bytes.get(16..20)?.first_chunk()?) as usize;
    if dimensions > MOST_DIMENSIONS {
        return None;
    }
    let end = 20 + 4 * dimensions;
    let stored = u32::from_le_bytes(*bytes.get(end..end + 4)?.first_chunk()?);
    if stored != checksum(&bytes[..end]) {
        return None;
    }
    let values = bytes[20..end].chunks_exact(4);
    let vector = values.map(|value| f32::from_le_bytes([value[0], value[1], value[2], value[3]])).collect();
    Some((ChunkId(*hash), vector, end + 4))
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
            assert_eq!(journal.vectors.len(), expected, "cut at {cut}");
            journal.append([entry(3)].into_iter()).expect("goes on");
            assert!(Journal::open(&path, "local:x").expect("opened").holds(ChunkId([3; 16])));
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
    fn another_embedders_vectors_are_thrown_away() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("j");
        Journal::open(&path, "one").expect("made").append([entry(1)].into_iter()).expect("written");
        assert!(!Journal::open(&path, "other").expect("opened").holds(ChunkId([1; 16])));
    }
}
