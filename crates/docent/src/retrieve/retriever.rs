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

/// What a section gets on the page that the question names or leans on.
const PAGE_MEANT: f32 = 0.3;

/// What a section gets for a follow-up on the page that the answer before was taken from: follow-ups as often go on to
/// another page, so it only decides between equals.
const PAGE_BEFORE: f32 = 0.03;

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

    /// The index file, when there is one.
    pub(super) fn file(&self) -> Option<&SharedIndex> {
        match self {
            Self::File(shared) => Some(shared),
            Self::Qdrant(qdrant) => qdrant.fallback(),
        }
    }

    /// What a reader could ask first about the book with this title; see [`topics`]. Asks nobody.
    pub fn topics(&self, book: &str) -> Vec<String> {
        match (self.file(), self) {
            (Some(shared), _) => topics(&shared.get(), book),
            (None, Self::Qdrant(qdrant)) => qdrant.topics(),
            (None, Self::File(_)) => Vec::new(),
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
    favour(index, query, &mut fused);

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

/// What a hit gains from where it stands: from its page, from its heading, and from where the reader is.
pub(super) fn favour(index: &Index, query: &Query, hits: &mut [Hit]) {
    if index.steps().has(Step::Page) {
        favour_page(index, hits);
    }
    if index.steps().has(Step::Heading) {
        favour_own_heading(index, &query.text, hits);
    }
    for (page, bonus) in [(&query.page, PAGE_MEANT), (&query.earlier, PAGE_BEFORE)] {
        if let Some(page) = page {
            favour_one_page(index, page, bonus, hits);
        }
    }
}

/// Adds to each hit on one page.
fn favour_one_page(index: &Index, page: &str, bonus: f32, hits: &mut [Hit]) {
    for hit in hits.iter_mut().filter(|hit| is_same_page(index.chunk(hit.ordinal).url, page)) {
        hit.score += bonus;
    }
    sort(hits);
}

/// Whether two URLs are of one page of a book, whichever host serves it: a preview, or this machine. At the root of a host
/// stands something else on each of them, such as the chat page, so there the hosts must be the same.
pub fn is_same_page(one: &str, other: &str) -> bool {
    let (one, other) = (host_and_route(one), host_and_route(other));
    one.1 == other.1 && (!one.1.is_empty() || (one.0 == other.0 && !one.0.is_empty()))
}

/// The host of a URL and what tells a page of one site from another, in whatever way it is written: no query or fragment, no
/// slash or file name of a folder's page at the end.
fn host_and_route(url: &str) -> (&str, &str) {
    let whole = url.split(['?', '#']).next().unwrap_or_default();
    let rest = whole.split_once("://").map(|(_, rest)| rest);
    let (host, path) = match rest {
        Some(rest) => rest.split_at(rest.find('/').unwrap_or(rest.len())),
        None => ("", whole),
    };
    let path = path.strip_suffix(".html").unwrap_or(path);
    (host, path.strip_suffix("/index").unwrap_or(path).trim_matches('/'))
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
    let asked = telling(index, question);
    for hit in hits.iter_mut().take(HEADINGS_LOOKED_AT) {
        if is_heading(index, &asked, hit.ordinal) {
            hit.score += OWN_HEADING;
        }
    }
    sort(hits);
}

/// Whether the question says nothing but the heading of one of these chunks, the best first: whoever asks so has read it in
/// the book, or clicked on it.
pub(super) fn names_a_heading(index: &Index, question: &str, found: impl Iterator<Item = Ordinal>) -> bool {
    let asked = telling(index, question);
    found.take(HEADINGS_LOOKED_AT).any(|ordinal| is_heading(index, &asked, ordinal))
}

/// Whether these words are those of the chunk's own heading, with its page's title before it or without.
fn is_heading(index: &Index, asked: &BTreeSet<Term>, ordinal: Ordinal) -> bool {
    let chunk = index.chunk(ordinal);
    let title = telling(index, chunk.title);
    let heading = chunk.heading_path.last().map(|heading| telling(index, heading));
    let mut own = heading.unwrap_or_else(|| title.clone());
    if !asked.is_empty() && own == *asked {
        return true;
    }
    own.extend(title);
    !asked.is_empty() && own == *asked
}

/// The words of a text that tell something.
fn telling(index: &Index, text: &str) -> BTreeSet<Term> {
    let terms = index.query_terms(text).into_iter();
    terms.filter(|term| !term.stop_word).map(|term| term.term).collect()
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

#[cfg(test)]
mod tests {
    use corpus::{ChunkOptions, chunk_page, read_page};
    use search::{Index, IndexBuilder, Metadata};

    use super::{is_same_page, search};
    use crate::retrieve::Query;

    #[test]
    fn between_equals_the_page_of_the_answer_before_comes_first() {
        let mut builder = IndexBuilder::new(Metadata::default());
        for file in ["a.md", "b.md"] {
            for mut chunk in
                chunk_page(&read_page(file, "# Wheel\n\nIts colour is red."), &ChunkOptions::default())
            {
                chunk.url = format!("/{}", file.trim_end_matches(".md"));
                builder.push(&chunk, &[]);
            }
        }
        let index = Index::from_bytes(builder.build()).expect("an index");
        for page in ["/a", "/b"] {
            let earlier = Some(format!("https://book.example{page}/"));
            let query = Query { text: "And its colour?".into(), earlier, ..Query::default() };
            let hits = search(&index, &query, None, 2);
            assert_eq!(index.chunk(hits[0].ordinal).url, page);
            assert_eq!(hits.len(), 2);
        }
    }

    #[test]
    fn a_page_is_the_same_however_its_url_is_written() {
        let page = "https://book.example/docs/motors";
        for same in [
            "/docs/motors",
            "/docs/motors/",
            "https://preview.example/docs/motors/?from=mail#units",
            "http://localhost:3000/docs/motors.html",
            "/docs/motors/index.html",
        ] {
            assert!(is_same_page(page, same) && is_same_page(same, page), "{same}");
        }
        for other in ["/docs/motor", "/motors", "https://docs/motors", "", "/", "://", "#docs/motors"] {
            assert!(!is_same_page(page, other), "{other}");
        }
    }

    #[test]
    fn the_root_of_another_host_is_another_page() {
        assert!(is_same_page("https://book.example/", "https://book.example/index.html#top"));
        assert!(!is_same_page("https://book.example/", "https://space.example/"));
        assert!(!is_same_page("/", "https://space.example"));
    }
}
