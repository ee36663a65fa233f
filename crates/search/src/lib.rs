//! Chunks and vectors in one index file; a query in, hits out. Synchronous and pure.
//!
//! [`IndexBuilder`] reads chunks and writes the file, [`Index`] maps it and answers: [`Index::lexical`] by words,
//! [`Index::nearest`] by vectors, [`fuse`] and [`fuse_weighted`] bring the two together.

// Text to terms.
mod analyzer;
mod language;
mod scan;
// Chunks to a file.
mod builder;
mod codes;
mod fields;
mod file;
mod format;
// A file to hits.
mod fusion;
mod index;
mod lexical;
mod postings;
mod sentences;
mod sparse;
mod spelling;
mod steps;
mod top;
mod vectors;

pub use analyzer::{Analyzer, Term, analyze, highlight};
pub use builder::{IndexBuilder, write_index_file};
pub use fusion::{fuse, fuse_weighted};
pub use index::{ChunkRef, Index, IndexError, Metadata};
pub use lexical::{FieldScores, LexicalHit, QueryTerm};
pub use sparse::{SparseVector, Statistics, term_place};
pub use steps::{Step, Steps};

/// Place of a chunk in its index, from 0. Only meaningful together with that index.
///
/// Ordinals follow the chunk ids, so ties broken by ordinal are ties broken by chunk id. They say nothing about the
/// order of the book: [`Index::reading_order`] and [`Index::page`] do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
pub struct Ordinal(pub u32);

/// A chunk that answers a query, with the score of the leg that found it.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Hit {
    /// Which chunk.
    pub ordinal: Ordinal,
    /// Higher is better; the unit belongs to the leg.
    pub score: f32,
}

/// Which part of the book a query looks at; `None` looks at all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Scope<'a> {
    /// Only this docs version. Chunks without version always match.
    pub version: Option<&'a str>,
    /// Only this locale.
    pub locale: Option<&'a str>,
}

#[cfg(test)]
mod testing;
