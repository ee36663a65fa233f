//! The postings of a file, read in place: which chunks hold a term, and how often in each field.

use crate::format::{FIELDS, Layout, Section, Strings, slice_of};
use crate::spelling::is_one_slip;

/// All terms of a file and their postings.
#[derive(Clone, Copy)]
pub(crate) struct Postings<'a> {
    terms: Strings<'a>,
    ends: &'a [u64],
    ordinals: &'a [u32],
    counts: &'a [[u8; FIELDS]],
}

/// The postings of one term, by ascending ordinal.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TermPostings<'a> {
    ordinals: &'a [u32],
    counts: &'a [[u8; FIELDS]],
}

impl<'a> Postings<'a> {
    pub(crate) fn of(file: &'a [u8], layout: &Layout) -> Self {
        Self {
            terms: Strings::terms_of(file, layout),
            ends: layout.view(file, Section::PostingEnds),
            ordinals: layout.view(file, Section::PostingOrdinals),
            counts: layout.view(file, Section::PostingCounts),
        }
    }

    /// Number of distinct terms.
    pub(crate) fn len(&self) -> usize {
        self.terms.len()
    }

    /// All terms in ascending order with their postings.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&'a str, TermPostings<'a>)> + use<'a> {
        let Self { terms, ends, ordinals, counts } = *self;
        (0..terms.len()).map(move |place| {
            let term = std::str::from_utf8(terms.bytes(place)).unwrap_or_default();
            let postings = TermPostings {
                ordinals: slice_of(ends, ordinals, place),
                counts: slice_of(ends, counts, place),
            };
            (term, postings)
        })
    }

    /// The postings of a term; empty when the book never uses it. O(log terms).
    pub(crate) fn find(&self, term: &str) -> TermPostings<'a> {
        let (mut low, mut high) = (0, self.terms.len());
        while low < high {
            let middle = low + (high - low) / 2;
            match self.terms.bytes(middle).cmp(term.as_bytes()) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
                std::cmp::Ordering::Equal => {
                    return self.at(middle);
                }
            }
        }
        TermPostings { ordinals: &[], counts: &[] }
    }

    /// The postings of the most frequent term that is one slip of the finger from `term` and begins as it does, the first
    /// of equals; empty when there is none. O(terms).
    pub(crate) fn find_misspelt(&self, term: &str) -> TermPostings<'a> {
        let mut best = TermPostings { ordinals: &[], counts: &[] };
        for place in 0..self.terms.len() {
            let other = self.terms.bytes(place);
            if other.first() == term.as_bytes().first() && is_one_slip(term.as_bytes(), other) {
                let found = self.at(place);
                if found.len() > best.len() {
                    best = found;
                }
            }
        }
        best
    }

    fn at(&self, place: usize) -> TermPostings<'a> {
        TermPostings {
            ordinals: slice_of(self.ends, self.ordinals, place),
            counts: slice_of(self.ends, self.counts, place),
        }
    }
}

impl<'a> TermPostings<'a> {
    /// Number of chunks that hold the term.
    pub(crate) fn len(&self) -> usize {
        self.ordinals.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.ordinals.is_empty()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, [u8; FIELDS])> + use<'a> {
        self.ordinals.iter().copied().zip(self.counts.iter().copied())
    }

    /// Occurrences in one chunk; `None` when it does not hold the term. O(log chunks).
    pub(crate) fn counts(&self, ordinal: u32) -> Option<[u8; FIELDS]> {
        self.counts.get(self.ordinals.binary_search(&ordinal).ok()?).copied()
    }
}
