//! The product with 256-bit arithmetic, for processors without dot products of bytes.
//!
//! `vpmaddubsw` multiplies unsigned by signed bytes and adds pairs into 16 bits, where full-range operands would
//! saturate. Here the unsigned side is the magnitude of the weight (at most 128) and its sign moves to the
//! activation (at most 127), so a pair is at most 32,512 and nothing saturates.

use std::arch::x86_64::*;

use super::{Product, Raw};
use crate::weights::PANEL;

const ROWS: usize = 4;

/// # Safety
/// `raw` comes from [`Product::check`], and the processor has AVX2.
#[target_feature(enable = "avx2")]
pub(super) unsafe fn multiply<const WORDS: bool>(raw: Raw) {
    for panel in 0..raw.panel_count {
        let mut row = 0;
        while row < raw.rows {
            let rows = (raw.rows - row).min(ROWS);
            // SAFETY: the tile lies inside `raw`.
            unsafe {
                match rows {
                    4 => tile::<4, WORDS>(raw, row, panel),
                    3 => tile::<3, WORDS>(raw, row, panel),
                    2 => tile::<2, WORDS>(raw, row, panel),
                    _ => tile::<1, WORDS>(raw, row, panel),
                }
            }
            row += rows;
        }
    }
}

#[target_feature(enable = "avx2")]
unsafe fn tile<const R: usize, const WORDS: bool>(raw: Raw, row: usize, panel: usize) {
    let panel_bytes = Product::panel_bytes(raw.steps);
    let ones = _mm256_set1_epi16(1);
    let zero_point = _mm256_set1_epi8(-128);
    let mut sums = [[_mm256_setzero_si256(); 2]; R];
    // SAFETY: rows `row..row + R` and panel `panel` lie inside `raw`, and no step reads past them.
    unsafe {
        let left = raw.left.add(row * raw.left_stride);
        let right = raw.panels.add(panel * panel_bytes);
        for step in 0..raw.steps {
            for half in 0..2 {
                let weights = _mm256_loadu_si256(right.add(step * PANEL * 4 + half * 32).cast());
                let signed = _mm256_xor_si256(weights, zero_point);
                let magnitude = _mm256_abs_epi8(signed);
                for r in 0..R {
                    let group = left.add(r * raw.left_stride + step * 4).cast::<i32>().read_unaligned();
                    let group = _mm256_set1_epi32(group);
                    let products = if WORDS {
                        _mm256_madd_epi16(weights, group)
                    } else {
                        let pairs = _mm256_maddubs_epi16(magnitude, _mm256_sign_epi8(group, signed));
                        _mm256_madd_epi16(pairs, ones)
                    };
                    sums[r][half] = _mm256_add_epi32(sums[r][half], products);
                }
            }
        }
        for r in 0..R {
            // The zero point was taken from the weights above, so bytes need no correction here.
            let row_scale = _mm256_set1_ps(*raw.row_scales.add(row + r));
            for half in 0..2 {
                let column = panel * PANEL + half * 8;
                let value = _mm256_cvtepi32_ps(sums[r][half]);
                let value = _mm256_mul_ps(value, row_scale);
                let value = _mm256_mul_ps(value, _mm256_loadu_ps(raw.column_scales.add(column)));
                let value = _mm256_add_ps(value, _mm256_loadu_ps(raw.biases.add(column)));
                _mm256_storeu_ps(raw.out.add((row + r) * raw.out_stride + column), value);
            }
        }
    }
}
