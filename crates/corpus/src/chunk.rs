//! Cuts sections into chunks, the unit that is indexed, retrieved and cited.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Names a chunk for good: a hash of page, heading path, position and text.
///
/// The same text at the same place keeps its id over any number of ingests. Ordered by its bytes;
/// written as 32 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChunkId(pub [u8; 16]);

impl fmt::Display for ChunkId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.0 {
            write!(formatter, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for ChunkId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "ChunkId({self})")
    }
}

impl FromStr for ChunkId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || format!("'{text}' is not a chunk id; expected 32 hex digits");
        if text.len() != 32 || !text.is_ascii() {
            return Err(wrong());
        }
        let mut bytes = [0; 16];
        for (index, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[index * 2..index * 2 + 2], 16).map_err(|_| wrong())?;
        }
        Ok(Self(bytes))
    }
}

impl Serialize for ChunkId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ChunkId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Sentences of a chunk that are embedded one by one; more are rows of a table of numbers.
const MOST_SENTENCES: usize = 48;

/// One piece of a section, at most [`ChunkOptions::max_tokens`] long unless a single unbreakable line is longer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chunk {
    /// Stable name.
    pub id: ChunkId,
    /// Source file, as [`Page::file`].
    pub file_path: String,
    /// The page's title.
    pub title: String,
    /// The page's URL without fragment, as [`Page::url`].
    pub url: String,
    /// Fragment of the section; `None` at the head of a page.
    pub anchor: Option<String>,
    /// Headings that enclose the text, outermost first.
    pub heading_path: Vec<String>,
    /// Level of the section's heading, 0 at the head of a page.
    pub section_depth: u8,
    /// Place of this chunk among its page's chunks, from 0.
    pub position: u32,
    /// The text, in the grammar of [`crate::Block`], blank lines between blocks.
    pub content: String,
    /// Its sentences in reading order; they do not overlap.
    pub sentences: Vec<Sentence>,
    /// [`crate::count_tokens`] of `content`.
    pub token_count: u32,
    /// Docs version; `None` in a book without versions.
    pub version: Option<String>,
    /// Locale of the page.
    pub locale: String,
    /// Hash of everything that is embedded (title, heading path, content): equal hash, equal vector.
    pub content_hash: ChunkId,
}

/// What a sentence is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SentenceKind {
    /// A sentence of running text.
    Prose,
    /// One list item without its marker, or a sentence of a long one.
    ListItem,
    /// One row of a table.
    TableRow,
    /// One whole code block, fences included, or a mathematical display.
    Code,
}

/// A sentence by its place in [`Chunk::content`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Sentence {
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
    /// What it is made of.
    pub kind: SentenceKind,
}

/// How long chunks may become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChunkOptions {
    /// Upper bound of [`Chunk::token_count`]; a line that cannot be cut may exceed it.
    pub max_tokens: usize,
    /// Neighbours under one heading below this many tokens are merged.
    pub min_tokens: usize,
}

impl Default for ChunkOptions {
    /// 220 leaves room for title and headings in the 256 tokens that small encoders see of a text.
    fn default() -> Self {
        Self { max_tokens: 220, min_tokens: 32 }
    }
}

impl Chunk {
    /// The text that embedders see: title and heading path in front of the content.
    pub fn embedding_text(&self) -> String {
        self.with_headings(&self.content)
    }

    /// Its sentences as embedders see them, each with title and heading path in front, [`MOST_SENTENCES`] at most: one
    /// that answers a question is nearer to it than the whole. Empty for a chunk of one sentence, which is the whole.
    pub fn sentence_texts(&self) -> Vec<String> {
        if self.sentences.len() < 2 {
            return Vec::new();
        }
        let texts = self
            .sentences
            .iter()
            .take(MOST_SENTENCES)
            .filter_map(|sentence| self.content.get(sentence.start as usize..sentence.end as usize));
        texts.map(|text| self.with_headings(text)).collect()
    }

    fn with_headings(&self, text: &str) -> String {
        let mut all = self.title.clone();
        for heading in &self.heading_path {
            all.push_str(" > ");
            all.push_str(heading);
        }
        all.push('\n');
        all.push_str(text);
        all
    }
}
