//! Every level against the naive loop and against the portable one, bit for bit, on every shape of tile.

use proptest::prelude::*;

use super::*;

/// A product in the plain order of rows and columns, before it is laid out in panels.
#[derive(Debug, Clone)]
struct Case {
    rows: usize,
    columns: usize,
    inner: usize,
    left: Vec<i32>,
    right: Vec<i32>,
    scales: Vec<f32>,
}

/// Shapes are drawn and shrunk by proptest; the numbers follow from a seed, which is a thousand times quicker.
fn cases(width: usize, left: i32, right: i32) -> impl Strategy<Value = Case> {
    // Whole tiles of sixteen steps as often as odd numbers: the matrix unit takes only those.
    let steps = prop_oneof![1_usize..20, (1_usize..4).prop_map(|tiles| tiles * 16)];
    (1_usize..40, 1_usize..6, steps, any::<u64>()).prop_map(move |(rows, panels, steps, seed)| {
        let (columns, inner) = (panels * PANEL, steps * width);
        let mut state = seed;
        let mut next = move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as i32
        };
        // The extremes are as likely as all the rest: they are where a kernel would overflow.
        let mut value = |low: i32, high: i32| match next() % 4 {
            0 => low,
            1 => high,
            _ => low + next() % (high - low + 1),
        };
        Case {
            rows,
            columns,
            inner,
            left: (0..rows * inner).map(|_| value(-left, left)).collect(),
            right: (0..inner * columns).map(|_| value(-right - 1, right)).collect(),
            scales: (0..rows + 2 * columns).map(|_| value(-2000, 2000) as f32 / 999.0).collect(),
        }
    })
}

impl Case {
    /// `[columns / 16][steps][16][width]`, from `inner × columns`.
    fn panels(&self, width: usize) -> impl Iterator<Item = i32> {
        let (columns, steps) = (self.columns, self.inner / width);
        (0..columns / PANEL).flat_map(move |panel| {
            (0..steps).flat_map(move |step| {
                (0..PANEL * width).map(move |i| {
                    self.right[(step * width + i % width) * columns + panel * PANEL + i / width]
                })
            })
        })
    }

    fn naive(&self) -> Vec<f32> {
        let (row_scales, rest) = self.scales.split_at(self.rows);
        let (column_scales, biases) = rest.split_at(self.columns);
        let mut out = Vec::new();
        for row in 0..self.rows {
            for column in 0..self.columns {
                let terms = (0..self.inner).map(|k| {
                    i64::from(self.left[row * self.inner + k])
                        * i64::from(self.right[k * self.columns + column])
                });
                let sum = i32::try_from(terms.sum::<i64>()).expect("cases keep sums within 32 bits");
                out.push(sum as f32 * row_scales[row] * column_scales[column] + biases[column]);
            }
        }
        out
    }

    fn multiply(&self, level: Level, sides: Sides<'_>, width: usize) -> Vec<f32> {
        let (row_scales, rest) = self.scales.split_at(self.rows);
        let (column_scales, biases) = rest.split_at(self.columns);
        let sum = |row: &[i32]| 128 * row.iter().sum::<i32>();
        let corrections: Vec<i32> =
            self.left.chunks_exact(self.inner).map(|row| if width == 4 { sum(row) } else { 0 }).collect();
        // A row of the result is longer than its columns: what lies between must stay as it is.
        let stride = self.columns + 3;
        let mut out = vec![7.0; self.rows * stride];
        level.multiply(Product {
            sides,
            left_stride: self.inner,
            rows: self.rows,
            steps: self.inner / width,
            corrections: &corrections,
            row_scales,
            column_scales,
            biases,
            out: &mut out,
            out_stride: stride,
        });
        assert!(
            out.chunks_exact(stride).all(|row| row[self.columns..] == [7.0; 3]),
            "{level:?} wrote too far"
        );
        out.chunks_exact(stride).flat_map(|row| row[..self.columns].to_vec()).collect()
    }
}

fn cases_per_test() -> ProptestConfig {
    // Miri is a thousand times slower and looks for another kind of fault.
    ProptestConfig {
        cases: if cfg!(miri) { 4 } else { 256 },
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(cases_per_test())]

    #[test]
    fn products_of_bytes_are_exact_on_every_level(case in cases(4, 127, 127)) {
        let left: Vec<i8> = case.left.iter().map(|x| *x as i8).collect();
        let panels: Vec<u8> = case.panels(4).map(|x| (x + 128) as u8).collect();
        for level in Level::available() {
            let got = case.multiply(level, Sides::Bytes { left: &left, panels: &panels }, 4);
            prop_assert_eq!(got, case.naive(), "{:?}", level);
        }
    }

    #[test]
    fn products_of_words_are_exact_on_every_level(case in cases(2, 7000, 7000)) {
        let left: Vec<i16> = case.left.iter().map(|x| *x as i16).collect();
        let panels: Vec<i16> = case.panels(2).map(|x| x as i16).collect();
        let panels = panels.as_chunks::<2>().0;
        for level in Level::available() {
            let got = case.multiply(level, Sides::Words { left: &left, panels }, 2);
            prop_assert_eq!(got, case.naive(), "{:?}", level);
        }
    }

    #[test]
    fn row_operations_give_the_same_bits_on_every_level(
        row in prop::collection::vec(-30.0_f32..30.0, 1..80),
        seed in 0.1_f32..3.0,
    ) {
        let factors: Vec<f32> = (0..row.len()).map(|i| seed + (i % 7) as f32).collect();
        let run = |level: Level| {
            let (mut bytes, mut words) = (vec![0; row.len() + 4], vec![0; row.len() + 4]);
            let (mut gelu, mut normal, mut scores) = (row.clone(), row.clone(), row.clone());
            let rounded = level.round_row(&row, &factors, &mut bytes);
            let mut scales = [0.0; 3];
            level.round_parts(&row, row.len().div_ceil(3), 8000.0, &mut words, &mut scales);
            let mut pairs = vec![[0; 2]; row.len()];
            level.round_pairs(&row, &factors, &factors, &mut pairs);
            let mut magnitudes = factors.clone();
            level.raise_to_magnitudes(&mut magnitudes, &row);
            level.gelu_row(&mut gelu);
            level.add_and_normalise_row(&mut normal, &factors, &factors, &row, 1e-12);
            // Several rows, the last group not full.
            let mut shares = vec![1; 10 * (row.len() + 1)];
            let mut many = row.repeat(10);
            level.softmax_rows(&mut many, row.len(), row.len() - row.len() / 3, &mut shares, row.len() + 1);
            level.to_unit_length(&mut scores);
            let bits = [gelu, normal, scores, many, magnitudes].concat().iter().map(|x| x.to_bits()).collect::<Vec<_>>();
            (bytes, words, rounded, scales, pairs, shares, bits)
        };
        let expected = run(Level::Portable);
        for level in Level::available() {
            prop_assert_eq!(&run(level), &expected, "{:?}", level);
        }
    }
}
