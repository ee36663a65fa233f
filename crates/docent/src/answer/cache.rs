//! Answers that a model has written are kept a while: readers of one book ask the same things, and the second one need
//! not be paid for. Only whole, cited, undisturbed answers to questions that stand on their own are kept, for as long as
//! the index is the one that they were written from.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use search::Index;
use tokio::time::Instant;

use super::{Source, Support};
use crate::retrieve::Whole;

/// Text that all kept answers may have together, in bytes; the oldest go first.
const BYTES: usize = 8 * 1024 * 1024;

/// An answer is kept no longer than this: a collection outside may change without our index changing.
const LONGEST: Duration = Duration::from_secs(3600);

/// Longest piece of a kept answer that is sent at once, in bytes.
const PIECE: usize = 48;

/// What makes two questions the same.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) question: String,
    pub(super) page: Option<String>,
    pub(super) whole: Option<Whole>,
    pub(super) version: Option<String>,
    pub(super) locale: Option<String>,
}

/// A kept answer.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    pub(super) text: String,
    pub(super) considered: Vec<Source>,
    pub(super) sources: Vec<Source>,
    pub(super) suggestions: Vec<String>,
    pub(super) support: Support,
}

/// How often the cache was asked, since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CacheCounts {
    /// The answer was there.
    pub hits: u64,
    /// It was not.
    pub misses: u64,
    /// Answers that are kept now.
    pub kept: u64,
}

/// The kept answers. Clones share them.
#[derive(Debug, Clone)]
pub struct AnswerCache {
    most: usize,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    /// The index that the answers were written from. Held weakly: it may be swapped and freed.
    index: Weak<Index>,
    answers: HashMap<Key, (Instant, Kept)>,
    oldest_first: VecDeque<Key>,
    bytes: usize,
    counts: CacheCounts,
}

impl AnswerCache {
    /// Keeps at most `most` answers; 0 keeps none.
    pub fn new(most: usize) -> Self {
        Self { most, state: Arc::default() }
    }

    /// How often it was asked.
    pub fn counts(&self) -> CacheCounts {
        let state = self.lock();
        CacheCounts { kept: state.answers.len() as u64, ..state.counts }
    }

    pub(super) fn get(&self, key: &Key, index: &Arc<Index>) -> Option<Kept> {
        if self.most == 0 {
            return None;
        }
        let mut state = self.lock();
        state.turn_to(index);
        let found = state.answers.get(key).filter(|(since, _)| since.elapsed() < LONGEST);
        let found = found.map(|(_, kept)| kept.clone());
        match found {
            Some(_) => state.counts.hits += 1,
            None => state.counts.misses += 1,
        }
        found
    }

    pub(super) fn keep(&self, key: Key, kept: Kept, index: &Arc<Index>) {
        if self.most == 0 {
            return;
        }
        let mut state = self.lock();
        state.turn_to(index);
        state.forget(&key);
        state.bytes += size_bytes(&key, &kept);
        state.oldest_first.push_back(key.clone());
        state.answers.insert(key, (Instant::now(), kept));
        while state.answers.len() > self.most || state.bytes > BYTES {
            let Some(oldest) = state.oldest_first.front().cloned() else { break };
            state.forget(&oldest);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Forgets everything when the index is another one.
    fn turn_to(&mut self, index: &Arc<Index>) {
        let index = Arc::downgrade(index);
        if !self.index.ptr_eq(&index) {
            *self = Self { index, counts: self.counts, ..Self::default() };
        }
    }

    fn forget(&mut self, key: &Key) {
        if let Some((_, kept)) = self.answers.remove(key) {
            self.bytes -= size_bytes(key, &kept);
            self.oldest_first.retain(|other| other != key);
        }
    }
}

fn size_bytes(key: &Key, kept: &Kept) -> usize {
    let sources = kept.considered.iter().chain(&kept.sources);
    let sources: usize = sources.map(|source| 256 + source.quote.len() + source.href.len()).sum();
    let page = match &key.whole {
        Some(Whole::Page(page)) => page.len(),
        _ => key.page.as_ref().map_or(0, String::len),
    };
    key.question.len() + page + kept.text.len() + sources
}

/// The text in pieces as a model would send them: cut behind spaces, all of it, in order.
pub(super) fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let long_enough = rest.char_indices().find(|(place, c)| *place >= PIECE && *c == ' ');
        let (piece, left) = rest.split_at(long_enough.map_or(rest.len(), |(place, _)| place + 1));
        rest = left;
        Some(piece)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(question: &str) -> Key {
        Key { question: question.to_owned(), page: None, whole: None, version: None, locale: None }
    }

    fn kept(text: &str) -> Kept {
        Kept {
            text: text.to_owned(),
            considered: Vec::new(),
            sources: Vec::new(),
            suggestions: Vec::new(),
            support: Support::default(),
        }
    }

    fn index() -> Arc<Index> {
        let metadata = search::Metadata { embedder: String::new(), dimensions: 0, facts: Default::default() };
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("index");
        search::IndexBuilder::new(metadata).write_file(&file).expect("written");
        Arc::new(Index::from_bytes(std::fs::read(file).expect("read")).expect("an index"))
    }

    fn text(cache: &AnswerCache, question: &str, index: &Arc<Index>) -> Option<String> {
        cache.get(&key(question), index).map(|kept| kept.text)
    }

    #[tokio::test(start_paused = true)]
    async fn answers_are_kept_for_their_index_and_an_hour() {
        let cache = AnswerCache::new(2);
        let one = index();
        assert_eq!(text(&cache, "a", &one), None);
        for question in ["a", "b", "b", "c"] {
            cache.keep(key(question), kept(question), &one);
        }
        assert_eq!(text(&cache, "a", &one), None, "the oldest went");
        assert_eq!(text(&cache, "b", &one).as_deref(), Some("b"));
        assert_eq!(cache.counts(), CacheCounts { hits: 1, misses: 2, kept: 2 });
        let scoped = Key { version: Some("2".to_owned()), ..key("b") };
        assert!(cache.get(&scoped, &one).is_none(), "another version is another question");
        assert_eq!(text(&cache, "b", &index()), None, "another index");
        assert_eq!(text(&cache, "b", &one), None, "and back: they are gone");
        cache.keep(key("d"), kept("d"), &one);
        tokio::time::advance(LONGEST).await;
        assert_eq!(text(&cache, "d", &one), None);
        let big = "x".repeat(BYTES + 1);
        cache.keep(key("e"), kept(&big), &one);
        assert_eq!(cache.counts().kept, 0);
        let none = AnswerCache::new(0);
        none.keep(key("a"), kept("a"), &one);
        assert_eq!(text(&none, "a", &one), None);
    }

    #[test]
    fn pieces_are_the_whole_text() {
        for text in ["", "short", &"ä word ".repeat(50), &"x".repeat(200)] {
            assert_eq!(pieces(text).collect::<String>(), *text);
        }
        assert!(pieces(&"a word ".repeat(50)).count() > 5);
    }
}
