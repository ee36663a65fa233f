//! Which of the found chunks are shown to the generator.

use std::collections::{HashMap, HashSet};

use corpus::{Sentence, visible_text};
use search::{ChunkRef, Index, Ordinal};

use super::{Passage, ScoredChunk};

/// How much text a generator gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PassageLimits {
    /// Passages at most.
    pub passages: usize,
    /// Tokens of all passages together.
    pub tokens: usize,
    /// Passages of one page.
    pub per_page: usize,
}

impl Default for PassageLimits {
    fn default() -> Self {
        Self { passages: 6, tokens: 2400, per_page: 2 }
    }
}

/// A hit this far below the best one is left out: it would only distract.
const SCORE_FLOOR: f32 = 0.25;

/// How many of the best passages may grow by their neighbours.
const GROWING: usize = 3;

/// As much of a page is looked through for sentences that repeat; what is longer is a reference, not a text.
const MOST_PAGE_TEXT: usize = 256 * 1024;

/// Takes the best hits in order, two a page, and lets the first ones grow by neighbours of their section.
pub(super) fn select(index: &Index, hits: &[ScoredChunk], limits: PassageLimits) -> Vec<Passage> {
    let best = hits.first().map_or(0.0, |hit| hit.score);
    let mut taken: Vec<(&ScoredChunk, ChunkRef<'_>)> = Vec::new();
    let mut pages: HashMap<String, usize> = HashMap::new();
    let mut tokens = 0;
    for hit in hits {
        if taken.len() == limits.passages || hit.score < SCORE_FLOOR * best {
            break;
        }
        let chunk = index.chunk(hit.ordinal);
        let on_page = pages.entry(page_key(&chunk)).or_default();
        let cost = chunk.token_count as usize;
        let repeated = taken.iter().any(|(_, other)| other.content == chunk.content);
        if *on_page == limits.per_page || repeated || (tokens + cost > limits.tokens && !taken.is_empty()) {
            continue;
        }
        *on_page += 1;
        tokens += cost;
        taken.push((hit, chunk));
    }

    let mut used: HashSet<Ordinal> = taken.iter().map(|(hit, _)| hit.ordinal).collect();
    let mut passages = Vec::with_capacity(taken.len());
    for (place, (hit, chunk)) in taken.into_iter().enumerate() {
        let mut parts = vec![chunk];
        if place < GROWING {
            for ordinal in neighbours(index, hit.ordinal) {
                if used.contains(&ordinal) {
                    continue;
                }
                let next = index.chunk(ordinal);
                // An index of what Qdrant has found holds a page with gaps.
                let follows = parts.iter().any(|part| part.position.abs_diff(next.position) == 1);
                let fits = tokens + next.token_count as usize <= limits.tokens;
                if !follows || !fits || !same_section(&parts[0], &next) {
                    continue;
                }
                tokens += next.token_count as usize;
                used.insert(ordinal);
                let before = next.position < parts[0].position;
                parts.insert(if before { 0 } else { parts.len() }, next);
            }
        }
        let mut passage = join(place + 1, hit, &parts);
        passage.page_before = page_before(index, hit.ordinal, parts[0].position);
        passages.push(passage);
    }
    passages
}

/// The next and the previous chunk of the page; what comes after usually says more.
fn neighbours(index: &Index, ordinal: Ordinal) -> Vec<Ordinal> {
    let page = index.page(ordinal);
    let Some(place) = page.iter().position(|other| *other == ordinal) else {
        return Vec::new();
    };
    let previous = place.checked_sub(1).map(|place| page[place]);
    page.get(place + 1).copied().into_iter().chain(previous).collect()
}

/// What stands on the page before the chunk at `position`.
fn page_before(index: &Index, ordinal: Ordinal, position: u32) -> String {
    let mut text = String::new();
    let mut heading = None;
    for other in index.page(ordinal) {
        let chunk = index.chunk(other);
        if text.len() > MOST_PAGE_TEXT {
            break;
        }
        let own = chunk.heading_path.last().copied().or(Some(chunk.title));
        let pieces = own.filter(|_| heading != own).into_iter();
        heading = own;
        for word in pieces.flat_map(str::split_whitespace) {
            text.push_str(word);
            text.push(' ');
        }
        if chunk.position >= position {
            break;
        }
        for word in visible_text(chunk.content).split_whitespace() {
            text.push_str(word);
            text.push(' ');
        }
    }
    text
}

fn page_key(chunk: &ChunkRef<'_>) -> String {
    format!("{}\n{}\n{}", chunk.version.unwrap_or_default(), chunk.locale, chunk.file_path)
}

fn same_section(one: &ChunkRef<'_>, other: &ChunkRef<'_>) -> bool {
    one.file_path == other.file_path
        && one.version == other.version
        && one.locale == other.locale
        && one.anchor == other.anchor
        && one.heading_path == other.heading_path
}

fn join(n: usize, hit: &ScoredChunk, parts: &[ChunkRef<'_>]) -> Passage {
    let first = &parts[0];
    let mut content = String::new();
    let mut sentences = Vec::new();
    for part in parts {
        if !content.is_empty() {
            content.push_str("\n\n");
        }
        let offset = content.len() as u32;
        content.push_str(part.content);
        sentences.extend(part.sentences.iter().map(|sentence| Sentence {
            start: sentence.start + offset,
            end: sentence.end + offset,
            kind: sentence.kind,
        }));
    }
    Passage {
        n,
        file: first.file_path.to_owned(),
        title: first.title.to_owned(),
        heading_path: first.heading_path.iter().map(|heading| (*heading).to_owned()).collect(),
        url: first.url.to_owned(),
        anchor: first.anchor.map(str::to_owned),
        content,
        sentences,
        page_before: String::new(),
        score: hit.score,
        similarity: similarity(hit),
    }
}

fn similarity(hit: &ScoredChunk) -> f32 {
    let similarity = hit.cosine.or(hit.lexical.map(|lexical| lexical.coverage)).unwrap_or(hit.score);
    similarity.clamp(0.0, 1.0)
}
