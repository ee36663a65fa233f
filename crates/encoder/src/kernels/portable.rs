//! The product in plain Rust: what every other kernel is checked against.

use super::{Product, Raw};
use crate::weights::PANEL;

/// # Safety
/// `raw` comes from [`Product::check`].
pub(super) unsafe fn multiply<const WORDS: bool>(raw: Raw) {
    let panel_bytes = Product::panel_bytes(raw.steps);
    for row in 0..raw.rows {
        // SAFETY: `check` proved that row and panel lie inside their slices.
        let left = unsafe { std::slice::from_raw_parts(raw.left.add(row * raw.left_stride), raw.steps * 4) };
        for panel in 0..raw.panel_count {
            // SAFETY: as above.
            let right =
                unsafe { std::slice::from_raw_parts(raw.panels.add(panel * panel_bytes), panel_bytes) };
            let sums = dot::<WORDS>(left, right);
            for (lane, sum) in sums.into_iter().enumerate() {
                let column = panel * PANEL + lane;
                // SAFETY: `row` and `column` are within the counts that `check` proved.
                unsafe {
                    let value = sum.wrapping_sub(*raw.corrections.add(row)) as f32;
                    let scaled = value * *raw.row_scales.add(row) * *raw.column_scales.add(column);
                    *raw.out.add(row * raw.out_stride + column) = scaled + *raw.biases.add(column);
                }
            }
        }
    }
}

#[inline(always)]
fn dot<const WORDS: bool>(left: &[u8], right: &[u8]) -> [i32; PANEL] {
    let mut sums = [0_i32; PANEL];
    let (left, _) = left.as_chunks::<4>();
    let (right, _) = right.as_chunks::<{ PANEL * 4 }>();
    for (a, b) in left.iter().zip(right) {
        let (b, _) = b.as_chunks::<4>();
        for lane in 0..PANEL {
            sums[lane] = sums[lane].wrapping_add(if WORDS {
                let word = |x: &[u8; 4], at: usize| i32::from(i16::from_ne_bytes([x[at], x[at + 1]]));
                word(a, 0) * word(&b[lane], 0) + word(a, 2) * word(&b[lane], 2)
            } else {
                (0..4).map(|i| i32::from(a[i] as i8) * i32::from(b[lane][i])).sum()
            });
        }
    }
    sums
}
