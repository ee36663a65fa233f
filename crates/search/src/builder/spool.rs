//! Bytes that are written once and read again later: in memory, or in a file without a name.

use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::Path;

/// Memory of a reader or a writer of one spool.
const BUFFER: usize = 1 << 18;

/// Where bytes wait. Each spool of a file takes [`BUFFER`] bytes of memory, however long it is.
#[derive(Debug)]
pub(super) enum Spool {
    Memory(Vec<u8>),
    File(BufWriter<File>, u64),
}

impl Default for Spool {
    /// In memory.
    fn default() -> Self {
        Self::Memory(Vec::new())
    }
}

impl Spool {
    /// In a file in `folder` that is gone when the spool is, or when the process is killed.
    pub(super) fn in_file(folder: &Path) -> io::Result<Self> {
        let file = tempfile::tempfile_in(folder).map_err(|error| {
            io::Error::new(error.kind(), format!("no file can be made in {}: {error}", folder.display()))
        })?;
        Ok(Self::File(BufWriter::with_capacity(BUFFER, file), 0))
    }

    pub(super) fn len(&self) -> u64 {
        match self {
            Self::Memory(bytes) => bytes.len() as u64,
            Self::File(_, length) => *length,
        }
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Memory(all) => all.extend_from_slice(bytes),
            Self::File(file, length) => {
                file.write_all(bytes)?;
                *length += bytes.len() as u64;
            }
        }
        Ok(())
    }

    /// All bytes, from the first to the last.
    pub(super) fn reader(&mut self) -> io::Result<Box<dyn Read + '_>> {
        Ok(match self {
            Self::Memory(bytes) => Box::new(&bytes[..]),
            Self::File(file, _) => {
                file.flush()?;
                let file = file.get_mut();
                file.seek(SeekFrom::Start(0))?;
                Box::new(io::BufReader::with_capacity(BUFFER, file))
            }
        })
    }

    /// The bytes from `offset` that fill `bytes`. What was written before must have been flushed by [`Self::reader`].
    pub(super) fn read_at(&mut self, offset: u64, bytes: &mut [u8]) -> io::Result<()> {
        match self {
            Self::Memory(all) => (&all[offset as usize..]).read_exact(bytes),
            Self::File(file, _) => {
                let file = file.get_mut();
                file.seek(SeekFrom::Start(offset))?;
                file.read_exact(bytes)
            }
        }
    }
}
