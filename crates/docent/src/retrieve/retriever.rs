//! Where chunks are looked for, and how two legs become one list.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, RwLock};

use search::{Hit, Index, LexicalHit, Ordinal, Scope, Step, Term, fuse_weighted};

use super::qdrant::QdrantRetriever;
use super::{LexicalPart, Query, ScoredChunk, topics};

/// Hits taken from each leg before fusion: deep enough that the scaling of scores is steady.
pub(super) const CANDIDATES: usize = 200;

/// Weights of meaning and words in the fused score: min-max scaled per query, this beat reciprocal ranks
/// on every development set (0.6 to 0.7 for meaning is flat).
const VECTOR_WEIGHT: f32 = 0.6;
const LEXICAL_WEIGHT: f32 = 0.4;

/// What goes over from words to meaning as the best chunk of the words leg holds less than [`FEW_WORDS`] of the
/// question's weight: all of it when it holds nothing.
const PARAPHRASE: f32 = 0.2;
const FEW_WORDS: f32 = 0.5;

/// What a section gets on top whose heading says just what was asked.
const OWN_HEADING: f32 = 0.1;

/// What a section gets of its page's best score: the right page often holds more than one section that is near.
const PAGE: f32 = 0.1;

/// Hits whose headings are compared with the question.
const HEADINGS_LOOKED_AT: usize = 20;

/// Where chunks are looked for.
#[derive(Debug, Clone)]
pub enum Retriever {
    /// The index file on this machine.
    File(SharedIndex),
    /// A collection in Qdrant, with the index file as its stand-in.
    Qdrant(QdrantRetriever),
}

impl From<SharedIndex> for Retriever {
    fn from(index: SharedIndex) -> Self {
        Self::File(index)
    }
}

impl Retriever {
    /// The index as it is now; a snapshot that stays whole while a newer one is swapped in. With Qdrant it is the index
    /// file when there is one, else an index without chunks that only weighs words; hits speak of [`super::Retrieval::index`].
    pub fn index(&self) -> Arc<Index> {
        match self {
            Self::File(shared) => shared.get(),
            Self::Qdrant(qdrant) => qdrant.index(),
        }
    }

    /// What a reader could ask first about the book with this title; see [`topics`]. Asks nobody.
    pub fn topics(&self, book: &str) -> Vec<String> {
        match self {
            Self::File(shared) => topics(&shared.get(), book),
            Self::Qdrant(qdrant) => match qdrant.fallback() {
                Some(shared) => topics(&shared.get(), book),
                None => qdrant.topics(),
            },
        }
    }
}

/// An index that can be swapped whole while questions run.
#[derive(Clone)]
pub struct SharedIndex(Arc<RwLock<Arc<Index>>>);

impl SharedIndex {
    /// Shares an opened index.
    pub fn new(index: Index) -> Self {
        Self(Arc::new(RwLock::new(Arc::new(index))))
    }

    /// The current index.
    pub fn get(&self) -> Arc<Index> {
        Arc::clone(&self.0.read().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    /// Puts another index in its place; running questions keep the one they began with.
    pub fn swap(&self, index: Index) {
        *self.0.write().unwrap_or_else(std::sync::PoisonError::into_inner) = Arc::new(index);
    }
}

impl std::fmt::Debug for SharedIndex {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "SharedIndex({} chunks)", self.get().len())
    }
}

/// Asks both legs and fuses them, best first, ties by chunk id.
pub(super) fn search(index: &Index, query: &Query, vector: Option<&[f32]>, limit: usize) -> Vec<ScoredChunk> {
    let scope = Scope { version: query.version.as_deref(), locale: query.locale.as_deref() };
    let steps = index.steps();
    let lexical =
        if steps.has(Step::Words) { index.lexical(&query.text, scope, CANDIDATES) } else { Vec::new() };
    let vector = vector.filter(|_| steps.has(Step::Meaning));
    let nearest = vector.map(|vector| with_cosines(index, vector, scope, &lexical)).unwrap_or_default();
    let scored: Vec<Hit> = lexical.iter().map(|hit| Hit { ordinal: hit.ordinal, score: hit.score }).collect();
    let coverage = lexical.first().map(|hit| hit.coverage).filter(|_| steps.has(Step::Paraphrase));
    // Evidence goes on weighing whole chunks: a foreign question finds a near sentence more easily than a near chunk.
    let raised = vector
        .filter(|_| steps.has(Step::Sentences))
        .map(|vector| index.raised_by_sentences(vector, &nearest));
    let mut fused = fuse_legs(&scored, raised.as_deref().unwrap_or(&nearest), coverage);
    favour(index, &query.text, &mut fused);

    let words: HashMap<Ordinal, LexicalPart> = lexical
        .iter()
        .enumerate()
        .map(|(place, hit)| {
            let part =
                LexicalPart { rank: place + 1, score: hit.score, fields: hit.fields, coverage: hit.coverage };
            (hit.ordinal, part)
        })
        .collect();
    let cosines: HashMap<Ordinal, f32> = nearest.iter().map(|hit| (hit.ordinal, hit.score)).collect();
    fused
        .into_iter()
        .take(limit)
        .map(|hit| ScoredChunk {
            ordinal: hit.ordinal,
            score: hit.score,
            lexical: words.get(&hit.ordinal).copied(),
            cosine: cosines.get(&hit.ordinal).copied(),
        })
        .collect()
}

/// What a hit gains from where it stands: from its page, and from its heading.
pub(super) fn favour(index: &Index, question: &str, hits: &mut [Hit]) {
    if index.steps().has(Step::Page) {
        favour_page(index, hits);
    }
    if index.steps().has(Step::Heading) {
        favour_own_heading(index, question, hits);
    }
}

/// Adds to each hit a part of the best score on its page.
fn favour_page(index: &Index, hits: &mut [Hit]) {
    let mut best: HashMap<(&str, &str), f32> = HashMap::new();
    for hit in &*hits {
        let chunk = index.chunk(hit.ordinal);
        let score = best.entry((chunk.file_path, chunk.url)).or_default();
        *score = score.max(hit.score);
    }
    for hit in &mut *hits {
        let chunk = index.chunk(hit.ordinal);
        hit.score += PAGE * best.get(&(chunk.file_path, chunk.url)).copied().unwrap_or_default();
    }
    sort(hits);
}

fn sort(hits: &mut [Hit]) {
    hits.sort_by(|one, other| other.score.total_cmp(&one.score).then(one.ordinal.cmp(&other.ordinal)));
}

/// Puts sections first whose heading is the question: "What is ownership?", "Installation".
fn favour_own_heading(index: &Index, question: &str, hits: &mut [Hit]) {
    let telling = |text: &str| -> BTreeSet<Term> {
        let terms = index.query_terms(text).into_iter();
        terms.filter(|term| !term.stop_word).map(|term| term.term).collect()
    };
    let asked = telling(question);
    if asked.is_empty() {
        return;
    }
    for hit in hits.iter_mut().take(HEADINGS_LOOKED_AT) {
        let chunk = index.chunk(hit.ordinal);
        if telling(chunk.heading_path.last().unwrap_or(&chunk.title)) == asked {
            hit.score += OWN_HEADING;
        }
    }
    sort(hits);
}

/// The nearest chunks, and the cosine of each chunk that the words leg found: a chunk that both legs know
/// must not lose against one of them for standing just below the cut.
fn with_cosines(index: &Index, vector: &[f32], scope: Scope<'_>, lexical: &[LexicalHit]) -> Vec<Hit> {
    let mut nearest = index.nearest(vector, scope, CANDIDATES);
    let known: HashSet<Ordinal> = nearest.iter().map(|hit| hit.ordinal).collect();
    let others = lexical.iter().filter(|hit| !known.contains(&hit.ordinal)).filter_map(|hit| {
        let own = index.vector(hit.ordinal)?;
        Some(Hit {
            ordinal: hit.ordinal,
            score: own.iter().zip(vector).map(|(one, other)| one * other).sum(),
        })
    });
    nearest.extend(others);
    nearest
}

/// Fuses what the words leg and the vector leg found. `coverage` is the share of the question's weight that the best
/// chunk of the words leg holds, as far as it is known.
pub(super) fn fuse_legs(words: &[Hit], nearest: &[Hit], coverage: Option<f32>) -> Vec<Hit> {
    match (words.is_empty(), nearest.is_empty()) {
        (_, true) => fuse_weighted(&[(1.0, words.to_vec())]),
        (true, false) => fuse_weighted(&[(1.0, nearest.to_vec())]),
        (false, false) => {
            let moved = PARAPHRASE * (1.0 - coverage.unwrap_or(1.0) / FEW_WORDS).max(0.0);
            fuse_weighted(&[
                (VECTOR_WEIGHT + moved, nearest.to_vec()),
                (LEXICAL_WEIGHT - moved, words.to_vec()),
            ])
        }
    }
}
