//! Which of the found chunks are shown to the generator, and as what.

use std::collections::HashSet;

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

/// How many of the best passages may grow beyond the chunk that was found.
const GROWING: usize = 3;

/// A section of at most this part of the budget is shown whole when one of the best chunks is a piece of it: three such
/// sections leave a quarter for others.
const WHOLE_SECTION: usize = 4;

/// Two chunks that share this part of the shorter one's runs of words say the same: a page and its copy in another
/// version, a note that is repeated.
const SAME: f32 = 0.8;

/// Words of a run that is compared.
const RUN: usize = 4;

/// As much of a page is looked through for sentences that repeat; what is longer is a reference, not a text.
const MOST_PAGE_TEXT: usize = 256 * 1024;

/// Takes the best hits in order, two passages a page and nothing twice. The first ones are shown as whole sections
/// where these are small; what is left of the budget then goes to the neighbours of the others.
pub(super) fn select(index: &Index, hits: &[ScoredChunk], limits: PassageLimits) -> Vec<Passage> {
    let best = hits.first().map_or(0.0, |hit| hit.score);
    let mut chosen = Chosen { index, limits, taken: Vec::new(), used: HashSet::new(), tokens: 0 };
    for hit in hits {
        if chosen.taken.len() == limits.passages || hit.score < SCORE_FLOOR * best {
            break;
        }
        chosen.take(hit);
    }
    chosen.grow();
    let taken = chosen.taken.iter().enumerate();
    taken
        .map(|(place, taken)| Passage {
            page_before: page_before(index, taken.hit.ordinal, taken.parts[0].position),
            ..join(place + 1, taken.hit, &taken.parts)
        })
        .collect()
}

struct Chosen<'a> {
    index: &'a Index,
    limits: PassageLimits,
    taken: Vec<Taken<'a>>,
    used: HashSet<Ordinal>,
    tokens: usize,
}

/// A hit and the chunks of its section that are shown with it, in reading order and without gaps.
struct Taken<'a> {
    hit: &'a ScoredChunk,
    parts: Vec<ChunkRef<'a>>,
    page: String,
    runs: HashSet<Vec<&'a str>>,
}

impl<'a> Chosen<'a> {
    fn take(&mut self, hit: &'a ScoredChunk) {
        if self.used.contains(&hit.ordinal) {
            return;
        }
        let chunk = self.index.chunk(hit.ordinal);
        let page = page_key(&chunk);
        if self.taken.iter().filter(|taken| taken.page == page).count() == self.limits.per_page {
            return;
        }
        let runs = runs(chunk.content);
        if self.taken.iter().any(|taken| says_the_same(&taken.runs, &runs)) {
            return;
        }
        let section = (self.taken.len() < GROWING).then(|| self.small_section(hit.ordinal)).flatten();
        let ordinals = section.unwrap_or_else(|| vec![hit.ordinal]);
        let parts: Vec<ChunkRef<'a>> = ordinals.iter().map(|ordinal| self.index.chunk(*ordinal)).collect();
        let cost: usize = parts.iter().map(|part| part.token_count as usize).sum();
        if self.tokens + cost > self.limits.tokens && !self.taken.is_empty() {
            return;
        }
        self.tokens += cost;
        self.used.extend(ordinals);
        self.taken.push(Taken { hit, parts, page, runs });
    }

    /// The chunks of the section that holds `ordinal`, when they are few, fit and none is shown already.
    fn small_section(&self, ordinal: Ordinal) -> Option<Vec<Ordinal>> {
        let own = self.index.chunk(ordinal);
        let page = self.index.page(ordinal);
        let section: Vec<Ordinal> =
            page.into_iter().filter(|other| same_section(&own, &self.index.chunk(*other))).collect();
        let chunks = || section.iter().map(|other| self.index.chunk(*other));
        let cost: usize = chunks().map(|chunk| chunk.token_count as usize).sum();
        // An index of what Qdrant has found holds a page with gaps.
        let is_whole = chunks().zip(chunks().skip(1)).all(|(one, next)| one.position + 1 == next.position);
        let is_free = section.iter().all(|other| !self.used.contains(other));
        let fits = cost <= self.limits.tokens / WHOLE_SECTION && self.tokens + cost <= self.limits.tokens;
        (is_whole && is_free && fits).then_some(section)
    }

    /// Gives the first passages the next and the previous chunk of their section, as far as the budget goes.
    fn grow(&mut self) {
        let Self { index, limits, taken, used, tokens } = self;
        for taken in taken.iter_mut().take(GROWING).filter(|taken| taken.parts.len() == 1) {
            for ordinal in neighbours(index, taken.hit.ordinal) {
                let next = index.chunk(ordinal);
                let own = &taken.parts[0];
                let follows = taken.parts.iter().any(|part| part.position.abs_diff(next.position) == 1);
                let fits = *tokens + next.token_count as usize <= limits.tokens;
                if used.contains(&ordinal) || !follows || !fits || !same_section(own, &next) {
                    continue;
                }
                *tokens += next.token_count as usize;
                used.insert(ordinal);
                let before = next.position < own.position;
                taken.parts.insert(if before { 0 } else { taken.parts.len() }, next);
            }
        }
    }
}

/// The runs of [`RUN`] words in a text; of a shorter text the text itself.
fn runs(text: &str) -> HashSet<Vec<&str>> {
    let words: Vec<&str> = text.split_whitespace().collect();
    if words.len() < RUN {
        return HashSet::from([words]);
    }
    words.windows(RUN).map(<[&str]>::to_vec).collect()
}

fn says_the_same(one: &HashSet<Vec<&str>>, other: &HashSet<Vec<&str>>) -> bool {
    let shared = one.intersection(other).count() as f32;
    shared >= SAME * one.len().min(other.len()) as f32
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
        position: first.position,
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

#[cfg(test)]
mod tests;
