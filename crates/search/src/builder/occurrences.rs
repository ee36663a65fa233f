//! Occurrences of terms, collected chunk by chunk and read term by term: sorted runs that are merged at the end
//! (single-pass in-memory indexing: Manning, Raghavan, Schütze, Introduction to Information Retrieval, section 4.3).

use std::io::{self, Read};
use std::path::Path;

use super::spool::Spool;
use crate::format::FIELDS;

/// Postings that are in memory at most, when there is a folder for the others: 12 MB, and 8 MB more while they are
/// sorted.
const RUN: usize = 1 << 20;

/// Occurrences of a term in one chunk, by field.
#[derive(Debug, Clone, Copy)]
pub(super) struct Posting {
    /// The chunk's place among the pushed ones.
    pub(super) place: u32,
    /// Occurrences by field, at most 255.
    pub(super) counts: [u8; FIELDS],
}

/// Bytes of a posting in a run.
const POSTING_BYTES: usize = 4 + FIELDS;

/// Postings of all terms so far.
#[derive(Debug)]
pub(super) struct Occurrences {
    /// Postings of a full run.
    pub(super) run: usize,
    buffer: Vec<(u32, Posting)>,
    /// Of each term: where its latest posting is in the buffer, and how many postings it has in all.
    latest: Vec<u32>,
    totals: Vec<u32>,
    runs: Vec<Spool>,
}

impl Default for Occurrences {
    fn default() -> Self {
        Self { run: RUN, buffer: Vec::new(), latest: Vec::new(), totals: Vec::new(), runs: Vec::new() }
    }
}

impl Occurrences {
    /// The number of a new term. `terms` are numbered from 0.
    pub(super) fn add_term(&mut self) -> u32 {
        self.latest.push(u32::MAX);
        self.totals.push(0);
        self.totals.len() as u32 - 1
    }

    /// Counts one occurrence of `term` in the chunk at `place`; the chunks come one after the other.
    pub(super) fn count(&mut self, term: u32, place: u32, field: usize) {
        let latest = self.latest[term as usize] as usize;
        let at = match self.buffer.get(latest) {
            Some((of, posting)) if *of == term && posting.place == place => latest,
            _ => {
                self.buffer.push((term, Posting { place, counts: [0; FIELDS] }));
                self.totals[term as usize] += 1;
                self.latest[term as usize] = self.buffer.len() as u32 - 1;
                self.buffer.len() - 1
            }
        };
        let count = &mut self.buffer[at].1.counts[field];
        *count = count.saturating_add(1);
    }

    /// To be called between two chunks: whether the buffer should be written as a run.
    pub(super) fn is_full(&self) -> bool {
        self.buffer.len() >= self.run
    }

    /// Number of postings of a term.
    pub(super) fn total(&self, term: u32) -> usize {
        self.totals[term as usize] as usize
    }

    /// Sorts what is in the buffer and puts it away. `terms` are the texts by number; runs are in their order.
    pub(super) fn end_run(&mut self, terms: &[&str], folder: Option<&Path>) -> io::Result<()> {
        let mut starts = vec![0u32; terms.len()];
        for (term, _) in &self.buffer {
            starts[*term as usize] += 1;
        }
        let mut order: Vec<(u32, u32)> = (0u32..)
            .zip(&starts)
            .filter(|(_, count)| **count > 0)
            .map(|(term, count)| (term, *count))
            .collect();
        order.sort_unstable_by_key(|(term, _)| terms[*term as usize]);
        let mut start = 0;
        for (term, count) in &order {
            starts[*term as usize] = start;
            start += count;
        }
        let mut sorted = vec![Posting { place: 0, counts: [0; FIELDS] }; self.buffer.len()];
        for (term, posting) in self.buffer.drain(..) {
            let place = &mut starts[term as usize];
            sorted[*place as usize] = posting;
            *place += 1;
        }
        let mut run = match folder {
            Some(folder) => Spool::in_file(folder)?,
            None => Spool::default(),
        };
        let mut postings = sorted.iter();
        for (term, count) in order {
            run.write(&term.to_le_bytes())?;
            run.write(&count.to_le_bytes())?;
            for posting in postings.by_ref().take(count as usize) {
                run.write(&posting.place.to_le_bytes())?;
                run.write(&posting.counts)?;
            }
        }
        self.runs.push(run);
        Ok(())
    }

    /// Reads all runs at once, term after term. Every run must have ended.
    pub(super) fn merge(&mut self) -> io::Result<Merge<'_>> {
        self.buffer = Vec::new();
        let mut runs = Vec::with_capacity(self.runs.len());
        for run in &mut self.runs {
            let left = run.len();
            runs.push(RunReader { bytes: run.reader()?, left, head: None });
        }
        for run in &mut runs {
            run.advance()?;
        }
        Ok(Merge { runs })
    }
}

/// Runs that are read side by side.
pub(super) struct Merge<'a> {
    runs: Vec<RunReader<'a>>,
}

struct RunReader<'a> {
    bytes: Box<dyn Read + 'a>,
    left: u64,
    /// Term and number of the postings that come next.
    head: Option<(u32, u32)>,
}

impl RunReader<'_> {
    fn read<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.bytes.read_exact(&mut bytes)?;
        self.left -= N as u64;
        Ok(bytes)
    }

    fn advance(&mut self) -> io::Result<()> {
        self.head = match self.left {
            0 => None,
            _ => Some((u32::from_le_bytes(self.read()?), u32::from_le_bytes(self.read()?))),
        };
        Ok(())
    }
}

impl Merge<'_> {
    /// Fills `postings` with those of `term`, by place. Terms must be asked for in the order of their texts.
    pub(super) fn read(&mut self, term: u32, postings: &mut Vec<Posting>) -> io::Result<()> {
        postings.clear();
        for run in &mut self.runs {
            let Some((_, count)) = run.head.filter(|(next, _)| *next == term) else { continue };
            for _ in 0..count {
                let bytes: [u8; POSTING_BYTES] = run.read()?;
                let (place, counts) = bytes.split_at(4);
                postings.push(Posting {
                    place: u32::from_le_bytes(place.try_into().unwrap_or_default()),
                    counts: counts.try_into().unwrap_or_default(),
                });
            }
            run.advance()?;
        }
        Ok(())
    }
}
