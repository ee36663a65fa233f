//! The file of the outbox: what still has to reach the store, in order, on disk.
//!
//! Grammar: `magic acknowledged:u64 check:u64 record*`, where `record = length:u32 check:u64 payload:[u8; length]`, all
//! little-endian. `acknowledged` is the offset behind the last record that reached the store; each check is the FNV-1a
//! hash of the bytes that it stands beside. Reading stops at the first record that is cut or damaged, the file is cut
//! there, and writing goes on. Delivering a record twice does no harm, so `acknowledged` is written without a sync.

use std::io;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use fs_err::{File, OpenOptions};

const MAGIC: &[u8; 8] = b"docout01";

/// Magic, acknowledged offset, its check.
const HEADER: u64 = 24;

/// Length and check of a record.
const RECORD_HEAD: usize = 12;

/// A longer record is damage: an answer with its sources stays far below.
const MOST_RECORD_BYTES: usize = 4 * 1024 * 1024;

/// The file may grow to this size before what is acknowledged is cut off its head.
const REWRITE_BYTES: u64 = 64 * 1024 * 1024;

/// An open outbox file. Only one process holds it.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    file: Arc<File>,
    /// Where the next record goes.
    end: u64,
    /// Locked as long as the journal is open; another file, because the journal itself is replaced.
    _lock: File,
}

/// What an old journal held.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Payloads that were not acknowledged, oldest first, each with the offset behind it.
    pub(super) records: Records,
    /// What was wrong with the file, for the log.
    pub(super) damage: Option<String>,
}

impl Journal {
    /// Opens or makes the journal. A damaged tail is cut; a file that is no journal is put aside.
    pub(super) fn open(path: &Path) -> io::Result<(Self, Found)> {
        let folder = path.parent().unwrap_or(Path::new("."));
        fs_err::create_dir_all(folder)?;
        let options = || {
            let mut options = OpenOptions::new();
            options.read(true).write(true).create(true).truncate(false);
            options
        };
        let lock = options().open(path.with_extension("lock"))?;
        lock.file()
            .try_lock()
            .map_err(|error| io::Error::other(format!("another process uses {}: {error}", path.display())))?;
        let bytes = match fs_err::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(error),
        };
        let mut found = Found::default();
        let mut end = HEADER;
        if is_journal(&bytes) {
            if let Some(records) = records_of(&bytes) {
                (found.records, end) = records;
                let lost = bytes.len() as u64 - end;
                found.damage = (lost > 0).then(|| {
                    format!("{} was cut at byte {end}: {lost} bytes behind are damaged", path.display())
                });
            }
        } else if !bytes.is_empty() {
            let aside = path.with_extension("damaged");
            fs_err::rename(path, &aside)?;
            found.damage =
                Some(format!("{} is no outbox; it was moved to {}", path.display(), aside.display()));
        }
        let file = options().open(path)?;
        let mut journal = Self { path: path.to_owned(), file: Arc::new(file), end, _lock: lock };
        if found.records.is_empty() {
            journal.clear()?;
        } else {
            journal.file.set_len(end)?;
        }
        Ok((journal, found))
    }

    /// How many records wait in the journal, which is left as it is; a service may be using it.
    pub(super) fn peek(path: &Path) -> io::Result<usize> {
        let bytes = match fs_err::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
            Err(error) => return Err(error),
        };
        if !bytes.is_empty() && !is_journal(&bytes) {
            return Err(io::Error::other(format!("{} is no outbox", path.display())));
        }
        Ok(records_of(&bytes).map_or(0, |(records, _)| records.len()))
    }

    /// Adds a record and returns the offset behind it. It survives the end of the process when this returns, and a power
    /// cut once its [`file`](Self::file) is synced.
    pub(super) fn append(&mut self, payload: &[u8]) -> io::Result<u64> {
        let mut bytes = Vec::with_capacity(RECORD_HEAD + payload.len());
        bytes.extend((payload.len() as u32).to_le_bytes());
        bytes.extend(hash(payload).to_le_bytes());
        bytes.extend(payload);
        if let Err(error) = self.file.file().write_all_at(&bytes, self.end) {
            // Half a record must not stand before the next one.
            let _ = self.file.set_len(self.end);
            return Err(io::Error::new(error.kind(), format!("{}: {error}", self.path.display())));
        }
        self.end += bytes.len() as u64;
        Ok(self.end)
    }

    /// The file, to be synced outside of any lock.
    pub(super) fn file(&self) -> Arc<File> {
        Arc::clone(&self.file)
    }

    /// Notes that everything before `offset` reached the store.
    pub(super) fn acknowledge(&self, offset: u64) -> io::Result<()> {
        let mut bytes = offset.to_le_bytes().to_vec();
        bytes.extend(hash(&offset.to_le_bytes()).to_le_bytes());
        self.file.file().write_all_at(&bytes, MAGIC.len() as u64)
    }

    /// Empties the file: everything reached the store.
    pub(super) fn clear(&mut self) -> io::Result<()> {
        self.file.file().write_all_at(MAGIC, 0)?;
        self.acknowledge(HEADER)?;
        self.file.set_len(HEADER)?;
        self.end = HEADER;
        Ok(())
    }

    /// Whether the head of the file should be cut off by [`rewrite`](Self::rewrite).
    pub(super) fn is_long(&self) -> bool {
        self.end > REWRITE_BYTES
    }

    /// Writes a new file with just these payloads beside the old one, syncs it and puts it in place; returns the offsets
    /// behind the records.
    pub(super) fn rewrite<'a>(&mut self, payloads: impl Iterator<Item = &'a [u8]>) -> io::Result<Vec<u64>> {
        let beside = self.path.with_extension("new");
        let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(&beside)?;
        let mut bytes = MAGIC.to_vec();
        bytes.extend(HEADER.to_le_bytes());
        bytes.extend(hash(&HEADER.to_le_bytes()).to_le_bytes());
        let mut ends = Vec::new();
        for payload in payloads {
            bytes.extend((payload.len() as u32).to_le_bytes());
            bytes.extend(hash(payload).to_le_bytes());
            bytes.extend(payload);
            ends.push(bytes.len() as u64);
        }
        file.write_all(&bytes)?;
        file.sync_all()?;
        fs_err::rename(&beside, &self.path)?;
        if let Some(folder) = self.path.parent() {
            File::open(folder)?.sync_all()?;
        }
        self.file = Arc::new(file);
        self.end = bytes.len() as u64;
        Ok(ends)
    }
}

fn is_journal(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC) && bytes.len() as u64 >= HEADER
}

/// Payloads, each with the offset behind it.
type Records = Vec<(Vec<u8>, u64)>;

/// Whole records that were not acknowledged, and where they end; `None` when the file ends before.
fn records_of(bytes: &[u8]) -> Option<(Records, u64)> {
    let mut end = is_journal(bytes).then(|| acknowledged(bytes).unwrap_or(HEADER))?;
    let mut records = Vec::new();
    while let Some((payload, length)) = record(bytes.get(end as usize..)?) {
        end += length as u64;
        records.push((payload.to_vec(), end));
    }
    Some((records, end))
}

fn acknowledged(bytes: &[u8]) -> Option<u64> {
    let offset = bytes.get(8..16)?;
    let check = u64::from_le_bytes(*bytes.get(16..24)?.first_chunk()?);
    let value = u64::from_le_bytes(*offset.first_chunk()?);
    (check == hash(offset) && value >= HEADER).then_some(value)
}

fn record(bytes: &[u8]) -> Option<(&[u8], usize)> {
    let length = u32::from_le_bytes(*bytes.first_chunk()?) as usize;
    let check = u64::from_le_bytes(*bytes.get(4..RECORD_HEAD)?.first_chunk()?);
    if length > MOST_RECORD_BYTES {
        return None;
    }
    let payload = bytes.get(RECORD_HEAD..RECORD_HEAD + length)?;
    (check == hash(payload)).then_some((payload, RECORD_HEAD + length))
}

/// FNV-1a, 64 bits: tells a cut or flipped record from a whole one.
fn hash(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payloads(found: &Found) -> Vec<&str> {
        found.records.iter().map(|(payload, _)| std::str::from_utf8(payload).expect("text")).collect()
    }

    /// A folder with a journal of these records.
    fn written(records: &[&str]) -> (tempfile::TempDir, PathBuf, Vec<u64>) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("deep/outbox.docent");
        let (mut journal, _) = Journal::open(&path).expect("made");
        let ends = records.iter().map(|record| journal.append(record.as_bytes()).expect("written")).collect();
        (folder, path, ends)
    }

    #[test]
    fn a_journal_that_is_cut_anywhere_keeps_its_whole_records_and_goes_on() {
        let (_folder, path, ends) = written(&["one", "two", "three"]);
        let whole = fs_err::read(&path).expect("read");
        for cut in 0..whole.len() {
            fs_err::write(&path, &whole[..cut]).expect("cut");
            let (mut journal, found) = Journal::open(&path).expect("opened");
            let expected = ends.iter().filter(|end| **end <= cut as u64).count();
            assert_eq!(found.records.len(), expected, "cut at {cut}");
            journal.append(b"next").expect("goes on");
            drop(journal);
            let (_, found) = Journal::open(&path).expect("opened");
            assert_eq!(found.records.len(), expected + 1, "cut at {cut}");
            assert!(found.damage.is_none(), "the damage was cut off");
        }
    }

    #[test]
    fn a_flipped_bit_ends_the_reading() {
        let (_folder, path, ends) = written(&["one", "two", "three"]);
        let whole = fs_err::read(&path).expect("read");
        for place in ends[0] as usize..whole.len() {
            let mut bytes = whole.clone();
            bytes[place] ^= 4;
            fs_err::write(&path, &bytes).expect("flipped");
            let (_, found) = Journal::open(&path).expect("opened");
            let expected = if place < ends[1] as usize { vec!["one"] } else { vec!["one", "two"] };
            assert_eq!(payloads(&found), expected, "byte {place}");
            assert!(found.damage.is_some());
        }
    }

    #[test]
    fn what_is_acknowledged_does_not_come_back() {
        let (_folder, path, ends) = written(&["one", "two", "three"]);
        {
            let (journal, _) = Journal::open(&path).expect("opened");
            journal.acknowledge(ends[1]).expect("noted");
        }
        let (mut journal, found) = Journal::open(&path).expect("opened");
        assert_eq!(payloads(&found), ["three"]);
        journal.clear().expect("emptied");
        drop(journal);
        assert!(Journal::open(&path).expect("opened").1.records.is_empty());
    }

    #[test]
    fn a_damaged_acknowledgement_brings_everything_back() {
        let (_folder, path, ends) = written(&["one", "two"]);
        Journal::open(&path).expect("opened").0.acknowledge(ends[0]).expect("noted");
        let mut bytes = fs_err::read(&path).expect("read");
        bytes[17] ^= 1;
        fs_err::write(&path, bytes).expect("flipped");
        assert_eq!(payloads(&Journal::open(&path).expect("opened").1), ["one", "two"]);
    }

    #[test]
    fn rewriting_keeps_just_what_is_given() {
        let (_folder, path, _) = written(&["one", "two"]);
        {
            let (mut journal, _) = Journal::open(&path).expect("opened");
            journal.rewrite([b"two".as_slice()].into_iter()).expect("rewritten");
            journal.append(b"three").expect("written");
        }
        assert_eq!(payloads(&Journal::open(&path).expect("opened").1), ["two", "three"]);
        let bytes = fs_err::read(&path).expect("read");
        assert!(!String::from_utf8_lossy(&bytes).contains("one"));
    }

    #[test]
    fn a_foreign_file_is_put_aside() {
        let (_folder, path, _) = written(&[]);
        fs_err::write(&path, "something else, and longer than a header").expect("written");
        let (_, found) = Journal::open(&path).expect("opened");
        assert!(found.damage.is_some_and(|words| words.contains("moved")));
        assert!(path.with_extension("damaged").is_file());
    }

    #[test]
    fn only_one_holds_it() {
        let (_folder, path, _) = written(&[]);
        let (_held, _) = Journal::open(&path).expect("opened");
        assert!(Journal::open(&path).expect_err("held").to_string().contains("another process"));
    }
}
