//! Ranking metrics over distinct results, best first.

use std::collections::HashMap;

/// Normalised discounted cumulative gain of the first `k`: gain `2^grade - 1`, discount `log2(rank + 1)`.
///
/// # Source
/// Burges et al.: "Learning to Rank using Gradient Descent", ICML 2005.
pub(super) fn ndcg(results: &[String], grades: &HashMap<String, u32>, k: usize) -> f64 {
    let discounted = |place: usize, grade: u32| (2f64.powi(grade as i32) - 1.0) / ((place + 2) as f64).log2();
    let found: f64 = results
        .iter()
        .take(k)
        .enumerate()
        .map(|(place, id)| discounted(place, grades.get(id).copied().unwrap_or(0)))
        .sum();
    let mut ideal: Vec<u32> = grades.values().copied().collect();
    ideal.sort_unstable_by(|one, other| other.cmp(one));
    let best: f64 =
        ideal.into_iter().take(k).enumerate().map(|(place, grade)| discounted(place, grade)).sum();
    if best > 0.0 { found / best } else { 0.0 }
}

/// Share of the relevant results among the first `k`.
pub(super) fn recall(results: &[String], grades: &HashMap<String, u32>, k: usize) -> f64 {
    let relevant = grades.values().filter(|grade| **grade > 0).count();
    let found = results.iter().take(k).filter(|id| grades.get(*id).is_some_and(|grade| *grade > 0)).count();
    if relevant > 0 { found as f64 / relevant as f64 } else { 0.0 }
}

/// Reciprocal rank of the first relevant result among the first `k`; 0 when there is none.
pub(super) fn mrr(results: &[String], grades: &HashMap<String, u32>, k: usize) -> f64 {
    let first = results.iter().take(k).position(|id| grades.get(id).is_some_and(|grade| *grade > 0));
    first.map_or(0.0, |place| 1.0 / (place + 1) as f64)
}

/// Share of the first `k` that is relevant.
pub(super) fn precision(results: &[String], grades: &HashMap<String, u32>, k: usize) -> f64 {
    let found = results.iter().take(k).filter(|id| grades.get(*id).is_some_and(|grade| *grade > 0)).count();
    found as f64 / k as f64
}

/// Area under the ROC curve: how likely a value of `inside` is above one of `outside`, ties counting half. `None`
/// when one of them is empty.
pub(super) fn auroc(inside: &[f64], outside: &[f64]) -> Option<f64> {
    let above: f64 = inside
        .iter()
        .flat_map(|one| outside.iter().map(move |other| (one, other)))
        .map(|(one, other)| if one > other { 1.0 } else { f64::from(u8::from(one == other)) * 0.5 })
        .sum();
    let pairs = inside.len() * outside.len();
    (pairs > 0).then(|| above / pairs as f64)
}

/// Share of `outside` below the highest line that at most `share` of `inside` stand below: a point of the ROC curve.
/// `None` when one of them is empty.
pub(super) fn below(inside: &[f64], outside: &[f64], share: f64) -> Option<f64> {
    let mut ascending = inside.to_vec();
    ascending.sort_unstable_by(f64::total_cmp);
    let line = *ascending.get((share * inside.len() as f64).floor() as usize)?;
    mean(&outside.iter().map(|value| f64::from(u8::from(*value < line))).collect::<Vec<_>>())
}

/// The mean; `None` of nothing.
pub(super) fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// The value below which `share` of the ascending `values` lie (nearest rank); 0 of nothing.
pub(super) fn percentile(values: &[f64], share: f64) -> f64 {
    let rank = (share * values.len() as f64).ceil() as usize;
    values.get(rank.saturating_sub(1)).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(results: &[&str], grades: &[(&str, u32)], expected: [f64; 3]) {
        let results: Vec<String> = results.iter().map(|id| (*id).to_owned()).collect();
        let grades: HashMap<String, u32> =
            grades.iter().map(|(id, grade)| ((*id).to_owned(), *grade)).collect();
        let found = [ndcg(&results, &grades, 2), recall(&results, &grades, 2), mrr(&results, &grades, 2)];
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-9, "{found} instead of {expected}");
        }
    }

    #[test]
    fn a_perfect_ranking_scores_one() {
        check(&["a", "b", "x"], &[("a", 2), ("b", 1)], [1.0, 1.0, 1.0]);
    }

    #[test]
    fn what_stands_below_k_does_not_count() {
        check(&["x", "y", "a"], &[("a", 1)], [0.0, 0.0, 0.0]);
    }

    #[test]
    fn a_second_place_is_discounted() {
        check(&["x", "a"], &[("a", 1)], [1.0 / 3f64.log2(), 1.0, 0.5]);
    }

    #[test]
    fn the_area_counts_ties_half() {
        assert_eq!(auroc(&[0.9, 0.5], &[0.5, 0.1]), Some(0.875));
        assert_eq!(auroc(&[], &[0.5]), None);
    }

    #[test]
    fn a_line_leaves_no_more_than_its_share_below() {
        let inside: Vec<f64> = (0..20).map(f64::from).collect();
        assert_eq!(below(&inside, &[0.0, 0.5, 1.0, 5.0], 0.05), Some(0.5));
        assert_eq!(
            below(&[1.0, 1.0], &[0.9, 1.0], 0.05),
            Some(0.5),
            "a tie stands on the line, not below it"
        );
        assert_eq!(below(&[], &[0.5], 0.05), None);
    }

    #[test]
    fn precision_counts_places_that_stay_empty() {
        let grades = HashMap::from([("a".to_owned(), 1)]);
        assert_eq!(precision(&["a".to_owned()], &grades, 5), 0.2);
    }

    #[test]
    fn percentiles_take_the_nearest_rank() {
        let values: Vec<f64> = (1..=20).map(f64::from).collect();
        assert_eq!(percentile(&values, 0.5), 10.0);
        assert_eq!(percentile(&values, 0.95), 19.0);
        assert_eq!(percentile(&[], 0.5), 0.0);
    }
}
