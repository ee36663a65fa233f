//! The best few of many, in a total order: score, then ordinal. Ordinals follow chunk ids, so ties do too.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use crate::{Hit, Ordinal};

/// Keeps the best `limit` hits that it was shown. O(log limit) for a hit that enters, O(1) for one that does not.
#[derive(Debug)]
pub(crate) struct Top {
    limit: usize,
    heap: BinaryHeap<Reverse<Ranked>>,
}

#[derive(Debug, Clone, Copy)]
struct Ranked {
    score: f32,
    ordinal: u32,
}

impl Ord for Ranked {
    fn cmp(&self, other: &Self) -> Ordering {
        self.score.total_cmp(&other.score).then(other.ordinal.cmp(&self.ordinal))
    }
}

impl PartialOrd for Ranked {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Ranked {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Ranked {}

impl Top {
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit, heap: BinaryHeap::new() }
    }

    /// The least score among the kept ones once `limit` of them are there; a hit below it cannot enter.
    pub(crate) fn threshold(&self) -> Option<f32> {
        (self.heap.len() == self.limit).then(|| self.heap.peek().map(|Reverse(worst)| worst.score)).flatten()
    }

    /// Whether a hit would enter now. Scores that are not numbers never do.
    pub(crate) fn accepts(&self, score: f32, ordinal: u32) -> bool {
        if self.heap.len() < self.limit {
            return !score.is_nan();
        }
        match self.heap.peek() {
            Some(Reverse(worst)) => !score.is_nan() && Ranked { score, ordinal } > *worst,
            None => false,
        }
    }

    pub(crate) fn push(&mut self, score: f32, ordinal: u32) {
        if !self.accepts(score, ordinal) {
            return;
        }
        if self.heap.len() == self.limit {
            self.heap.pop();
        }
        self.heap.push(Reverse(Ranked { score, ordinal }));
    }

    /// The kept hits, best first.
    pub(crate) fn into_hits(self) -> Vec<Hit> {
        let ascending = self.heap.into_sorted_vec();
        ascending
            .into_iter()
            .map(|Reverse(Ranked { score, ordinal })| Hit { ordinal: Ordinal(ordinal), score })
            .collect()
    }
}
