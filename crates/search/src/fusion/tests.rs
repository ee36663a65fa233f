use insta::assert_snapshot;
use proptest::prelude::*;

use super::*;

fn hits(list: &[(u32, f32)]) -> Vec<Hit> {
    list.iter().map(|(ordinal, score)| Hit { ordinal: Ordinal(*ordinal), score: *score }).collect()
}

fn shown(hits: &[Hit]) -> String {
    hits.iter().map(|hit| format!("{}:{:.4}", hit.ordinal.0, hit.score)).collect::<Vec<_>>().join(" ")
}

#[test]
fn ranks_add_their_reciprocals() {
    let (one, two) = (hits(&[(1, 9.0), (2, 8.0)]), hits(&[(2, 0.5), (3, 0.4)]));
    assert_snapshot!(shown(&fuse(&[one, two], 60.0)), @"2:0.0325 1:0.0164 3:0.0161");
    assert_snapshot!(shown(&fuse(&[hits(&[(5, 1.0)]), hits(&[(4, 1.0)])], 0.0)), @"4:1.0000 5:1.0000");
    assert_snapshot!(shown(&fuse(&[vec![], vec![]], 60.0)), @"");
}

#[test]
fn scores_are_scaled_by_list_and_weighed() {
    let (one, two) = (hits(&[(1, 9.0), (2, 7.0), (3, 5.0)]), hits(&[(3, 0.9), (2, 0.1)]));
    assert_snapshot!(shown(&fuse_weighted(&[(0.4, one), (0.6, two)])), @"3:0.6000 1:0.4000 2:0.2000");
}

#[test]
fn a_list_of_equals_scales_to_one() {
    assert_snapshot!(shown(&fuse_weighted(&[(0.4, hits(&[(1, 3.0)])), (0.6, hits(&[(8, 0.2), (7, 0.2)]))])), @"7:0.6000 8:0.6000 1:0.4000");
}

#[test]
fn scores_that_are_no_numbers_are_passed_over() {
    assert_snapshot!(shown(&fuse_weighted(&[(1.0, hits(&[(1, f32::NAN), (2, 2.0), (3, f32::INFINITY), (4, 1.0)]))])), @"2:1.0000 4:0.0000");
}

/// A ranked list, each chunk once.
fn list() -> impl Strategy<Value = Vec<Hit>> {
    prop::collection::btree_map(0u32..12, -5i8..5, 0..8).prop_map(|scores| {
        let mut hits: Vec<Hit> = scores
            .into_iter()
            .map(|(ordinal, score)| Hit { ordinal: Ordinal(ordinal), score: f32::from(score) })
            .collect();
        hits.sort_by(|left, right| right.score.total_cmp(&left.score));
        hits
    })
}

/// Sums for each chunk that any list holds, by a loop over all of them.
fn naive(lists: &[Vec<Hit>], part: impl Fn(usize, &[Hit], usize) -> f64) -> Vec<(u32, f64)> {
    let mut sums: Vec<(u32, f64)> = Vec::new();
    for ordinal in 0..12 {
        let places = lists.iter().enumerate().filter_map(|(number, list)| {
            Some((number, list.iter().position(|hit| hit.ordinal.0 == ordinal)?))
        });
        let parts: Vec<f64> = places.map(|(number, place)| part(number, &lists[number], place)).collect();
        if !parts.is_empty() {
            sums.push((ordinal, parts.iter().sum()));
        }
    }
    sums
}

fn check(fused: &[Hit], naive: &[(u32, f64)]) {
    assert_eq!(fused.len(), naive.len());
    for (ordinal, sum) in naive {
        let hit = fused.iter().find(|hit| hit.ordinal.0 == *ordinal).expect("every chunk of a list is fused");
        assert!((f64::from(hit.score) - sum).abs() < 1e-5);
    }
    let in_order = |left: &Hit, right: &Hit| {
        left.score > right.score || left.score == right.score && left.ordinal < right.ordinal
    };
    assert!(fused.is_sorted_by(in_order));
}

proptest! {
    #[test]
    fn fusion_is_the_naive_sum(lists in prop::collection::vec(list(), 0..4), k in 0.0f32..100.0) {
        let fused = fuse(&lists, k);
        check(&fused, &naive(&lists, |_, _, place| 1.0 / (f64::from(k) + place as f64 + 1.0)));
        let backwards: Vec<_> = lists.iter().rev().cloned().collect();
        prop_assert_eq!(fused, fuse(&backwards, k));
    }

    #[test]
    fn weighted_fusion_is_the_naive_sum(lists in prop::collection::vec((0.0f32..1.0, list()), 0..4)) {
        let fused = fuse_weighted(&lists);
        let only: Vec<Vec<Hit>> = lists.iter().map(|(_, list)| list.clone()).collect();
        check(&fused, &naive(&only, |number, list, place| {
            let (most, least) = (f64::from(list[0].score), f64::from(list[list.len() - 1].score));
            let own = f64::from(list[place].score);
            f64::from(lists[number].0) * if most == least { 1.0 } else { (own - least) / (most - least) }
        }));
        let backwards: Vec<_> = lists.iter().rev().cloned().collect();
        prop_assert_eq!(fused, fuse_weighted(&backwards));
    }
}
