//! Ranked lists into one. Both ways give a total order: score, then ordinal, which follows the chunk id; so the order
//! of the lists does not matter.

use std::collections::HashMap;

use crate::{Hit, Ordinal};

/// Fuses ranked lists into one by reciprocal rank: each list adds `1 / (k + rank)`, rank from 1.
///
/// Input scores are ignored; only order counts. The result holds each chunk once, best first, ties by ascending
/// chunk id. A chunk that a list holds twice counts by its better rank. Scores are unitless, in
/// (0, lists.len() / (k + 1)]; `k` below 0 counts as 0. Empty in, empty out. O(n log n) in the total number of hits.
///
/// # Source
/// Cormack, Clarke, Büttcher: "Reciprocal Rank Fusion outperforms Condorcet and individual rank learning methods",
/// SIGIR 2009, with `k` = 60. On short lists of book passages a `k` of 10 was better.
pub fn fuse(lists: &[Vec<Hit>], k: f32) -> Vec<Hit> {
    let k = k.max(0.0);
    sum_by_chunk(lists.iter().map(|list| {
        let rank = (1..).map(|rank: u32| 1.0 / (f64::from(k) + f64::from(rank)));
        list.iter().zip(rank).map(|(hit, score)| (hit.ordinal, score)).collect()
    }))
}

/// Fuses lists by the weighted sum of their scores, each list scaled so that its best score is 1 and its worst 0.
///
/// A list with one hit or with equal scores scales to 1. A chunk that a list does not hold gets 0 from it. The result
/// holds each chunk once, best first, ties by ascending chunk id. Hits whose score is not finite are passed over.
/// Scores lie between 0 and the sum of the weights. O(n log n) in the total number of hits.
pub fn fuse_weighted(lists: &[(f32, Vec<Hit>)]) -> Vec<Hit> {
    sum_by_chunk(lists.iter().map(|(weight, list)| {
        let finite = || list.iter().filter(|hit| hit.score.is_finite());
        let (least, most) = finite().fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), hit| {
            (least.min(f64::from(hit.score)), most.max(f64::from(hit.score)))
        });
        let scaled = |score: f32| match most > least {
            true => (f64::from(score) - least) / (most - least),
            false => 1.0,
        };
        finite().map(|hit| (hit.ordinal, f64::from(*weight) * scaled(hit.score))).collect()
    }))
}

/// Adds what the lists give to each chunk; the first mention in a list counts.
fn sum_by_chunk(lists: impl Iterator<Item = Vec<(Ordinal, f64)>>) -> Vec<Hit> {
    let mut parts: HashMap<Ordinal, Vec<f64>> = HashMap::new();
    for (number, list) in lists.enumerate() {
        for (ordinal, part) in list {
            let own = parts.entry(ordinal).or_default();
            // One part a list: those before it gave 0 where they are missing.
            if own.len() <= number {
                own.resize(number, 0.0);
                own.push(part);
            }
        }
    }
    let mut hits: Vec<Hit> = parts
        .into_iter()
        .map(|(ordinal, mut own)| {
            // Added in order of size, so that the order of the lists cannot change a bit of the sum.
            own.sort_unstable_by(f64::total_cmp);
            Hit { ordinal, score: own.iter().sum::<f64>() as f32 }
        })
        .collect();
    hits.sort_unstable_by(|left, right| {
        right.score.total_cmp(&left.score).then(left.ordinal.cmp(&right.ordinal))
    });
    hits
}

#[cfg(test)]
mod tests;
