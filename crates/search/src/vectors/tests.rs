use proptest::prelude::*;

use super::*;
use crate::codes::{QueryCodes, encode_row};

/// Vectors of small whole numbers, so that equal scores and zero vectors are common; some rows are made the same.
fn rows(dimensions: usize) -> impl Strategy<Value = Vec<f32>> {
    let row = prop::collection::vec(-3i8..=3, dimensions);
    prop::collection::vec(row, 0..30).prop_map(|rows| {
        let mut values = Vec::new();
        for row in rows {
            let start = values.len();
            values.extend(row.into_iter().map(f32::from));
            normalise(&mut values[start..]);
        }
        values
    })
}

fn encode(values: &[f32], dimensions: usize) -> (Vec<u8>, Vec<[f32; 2]>) {
    let mut codes = vec![0; values.len()];
    let rows = values.chunks_exact(dimensions).zip(codes.chunks_exact_mut(dimensions));
    let scales = rows.map(|(vector, row)| encode_row(vector, row)).collect();
    (codes, scales)
}

/// The best by sorting all of them.
fn naive(vectors: Vectors<'_>, query: &[f32], limit: usize, matches: impl Fn(u32) -> bool) -> Vec<Hit> {
    let mut query = query.to_vec();
    normalise(&mut query);
    let rows = (0..).zip(vectors.values.chunks_exact(vectors.dimensions));
    let mut hits: Vec<Hit> = rows
        .filter(|(ordinal, row)| matches(*ordinal) && row.iter().any(|value| *value != 0.0))
        .map(|(ordinal, row)| Hit { ordinal: crate::Ordinal(ordinal), score: dot(&query, row) })
        .collect();
    hits.sort_by(|left, right| right.score.total_cmp(&left.score).then(left.ordinal.cmp(&right.ordinal)));
    hits.truncate(if query.iter().any(|value| *value != 0.0) { limit } else { 0 });
    hits
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn nearest_is_the_head_of_the_sorted_list(
        values in rows(5),
        query in prop::collection::vec(-3i8..=3, 5),
        limit in 0usize..40,
        left_out in 2u32..9,
    ) {
        let query: Vec<f32> = query.into_iter().map(f32::from).collect();
        let matches = |ordinal: u32| !ordinal.is_multiple_of(left_out);
        let plain = Vectors { dimensions: 5, values: &values, codes: &[], scales: &[] };
        let expected = naive(plain, &query, limit, matches);
        prop_assert_eq!(&plain.nearest(&query, limit, matches), &expected);
        let (codes, scales) = encode(&values, 5);
        let coded = Vectors { codes: &codes, scales: &scales, ..plain };
        prop_assert_eq!(&coded.nearest(&query, limit, matches), &expected);
    }

    #[test]
    fn the_exact_score_lies_within_the_bounds_of_the_codes(
        mut vector in prop::collection::vec(-1.0f32..1.0, 1..200),
        seed in 0usize..200,
    ) {
        normalise(&mut vector);
        let mut query = vector.clone();
        query.rotate_left(seed % vector.len());
        let mut row = vec![0; vector.len()];
        let scale = encode_row(&vector, &mut row);
        let exact = dot(&query, &vector);
        if query.iter().any(|value| *value != 0.0) {
            let (score, error) = QueryCodes::new(&query).score(&row, scale);
            prop_assert!((score - exact).abs() <= error, "{} for {}, error {}", score, exact, error);
        }
    }

    #[test]
    fn dot_is_the_sum_of_the_products(pairs in prop::collection::vec((-1.0f32..1.0, -1.0f32..1.0), 0..100)) {
        let (left, right): (Vec<f32>, Vec<f32>) = pairs.iter().copied().unzip();
        let exact: f64 = pairs.iter().map(|(left, right)| f64::from(*left) * f64::from(*right)).sum();
        prop_assert!((f64::from(dot(&left, &right)) - exact).abs() < 1e-4);
    }
}

#[test]
fn a_query_without_direction_finds_nothing() {
    let vectors = Vectors { dimensions: 2, values: &[1.0, 0.0, 0.0, 1.0], codes: &[], scales: &[] };
    let check =
        |query: &[f32], expected: usize| assert_eq!(vectors.nearest(query, 9, |_| true).len(), expected);
    check(&[3.0, 4.0], 2);
    check(&[0.0, 0.0], 0);
    check(&[f32::NAN, 1.0], 0);
    check(&[f32::INFINITY, 1.0], 0);
    check(&[1.0], 0);
    check(&[1.0, 0.0, 0.0], 0);
}
