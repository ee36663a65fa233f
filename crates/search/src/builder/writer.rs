//! The frame of an index file: header, table, sections, checksum.

use std::io::{self, Write};

use crate::format::{ALIGNMENT, END, FOOTER_BYTES, HEADER_BYTES, MAGIC, SECTIONS, VERSION};

/// Bytes that are written together.
const GATHERED: usize = 1 << 16;

/// Writes header and sections, keeping place and checksum.
pub(super) struct FileWriter<'a, W> {
    output: &'a mut W,
    hasher: crc32fast::Hasher,
    written: usize,
}

impl<'a, W: Write> FileWriter<'a, W> {
    pub(super) fn start(
        output: &'a mut W,
        sizes: &[usize; SECTIONS],
        chunks: u32,
        dimensions: u32,
    ) -> io::Result<Self> {
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

    pub(super) fn section(
        &mut self,
        fill: impl FnOnce(&mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<()>,
    ) -> io::Result<()> {
        // Small elements are gathered: one call of the checksum for each four bytes would cost more than the rest.
        let mut gathered: Vec<u8> = Vec::with_capacity(GATHERED);
        fill(&mut |bytes| {
            if gathered.len() + bytes.len() > GATHERED {
                self.write(&gathered)?;
                gathered.clear();
            }
            if bytes.len() > GATHERED / 2 {
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

    pub(super) fn finish(self) -> io::Result<()> {
        let checksum = self.hasher.finalize();
        self.output.write_all(&checksum.to_le_bytes())?;
        self.output.write_all(END)
    }
}
