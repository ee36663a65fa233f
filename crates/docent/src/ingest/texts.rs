//! What an embedder reads of chunks: each as a whole, and behind it, where that costs nothing, sentence by sentence.

use corpus::Chunk;

use crate::retrieve::Embedder;

/// The texts of some chunks, and how many each of them has.
#[derive(Debug, Default)]
pub(crate) struct Texts {
    texts: Vec<String>,
    counts: Vec<usize>,
}

impl Texts {
    /// None yet.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Adds those of a chunk.
    pub(crate) fn push(&mut self, chunk: &Chunk, embedder: &Embedder) {
        let before = self.texts.len();
        self.texts.push(chunk.embedding_text());
        if embedder.reads_sentences() {
            self.texts.extend(chunk.sentence_texts());
        }
        self.counts.push(self.texts.len() - before);
    }

    /// All of them, in order.
    pub(crate) fn all(&self) -> Vec<&str> {
        self.texts.iter().map(String::as_str).collect()
    }

    /// The vectors of all texts, joined to one row for each chunk, as [`search::IndexBuilder::push`] takes them.
    pub(crate) fn by_chunk(&self, vectors: Vec<Vec<f32>>) -> Vec<Vec<f32>> {
        let mut vectors = vectors.into_iter();
        self.counts.iter().map(|count| vectors.by_ref().take(*count).flatten().collect()).collect()
    }
}
