//! The product with 512-bit dot products of bytes (`vpdpbusd`) and of 16-bit values (`vpdpwssd`).
//!
//! A tile of up to six rows by four panels stays in registers: 24 sums, 4 loads of weights and one broadcast, so
//! each loaded byte of weights is used six times and each broadcast four times.

use std::arch::asm;
use std::arch::x86_64::*;

use super::{Product, Raw};
use crate::weights::PANEL;

const ROWS: usize = 6;
const PANELS: usize = 4;

/// # Safety
/// `raw` comes from [`Product::check`], and the processor has the features named below.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
pub(super) unsafe fn multiply<const WORDS: bool>(raw: Raw) {
    let mut panel = 0;
    // Panels outside, rows inside: a group of panels stays in the first cache while all rows pass.
    while panel < raw.panel_count {
        // Groups of nearly equal size: a group of one panel would load more than it multiplies.
        let left = raw.panel_count - panel;
        let count = left.div_ceil(left.div_ceil(PANELS));
        let mut row = 0;
        while row < raw.rows {
            let rows = (raw.rows - row).min(ROWS);
            // SAFETY: the tile lies inside `raw`.
            unsafe {
                match count {
                    4 => strip::<4, WORDS>(raw, row, rows, panel),
                    3 => strip::<3, WORDS>(raw, row, rows, panel),
                    2 => strip::<2, WORDS>(raw, row, rows, panel),
                    _ => strip::<1, WORDS>(raw, row, rows, panel),
                }
            }
            row += rows;
        }
        panel += count;
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
unsafe fn strip<const P: usize, const WORDS: bool>(raw: Raw, row: usize, rows: usize, panel: usize) {
    // SAFETY: the caller's.
    unsafe {
        match rows {
            6 => tile::<6, P, WORDS>(raw, row, panel),
            5 => tile::<5, P, WORDS>(raw, row, panel),
            4 => tile::<4, P, WORDS>(raw, row, panel),
            3 => tile::<3, P, WORDS>(raw, row, panel),
            2 => tile::<2, P, WORDS>(raw, row, panel),
            _ => tile::<1, P, WORDS>(raw, row, panel),
        }
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
unsafe fn tile<const R: usize, const P: usize, const WORDS: bool>(raw: Raw, row: usize, panel: usize) {
    let panel_bytes = Product::panel_bytes(raw.steps);
    let mut sums = [[_mm512_setzero_si512(); P]; R];
    // SAFETY: rows `row..row + R` and panels `panel..panel + P` lie inside `raw`, and no step reads past them.
    unsafe {
        let left = raw.left.add(row * raw.left_stride);
        let right = raw.panels.add(panel * panel_bytes);
        // Each of the first tiles of rows calls a panel of the next group into the second cache.
        let next = right.wrapping_add((P + row / ROWS) * panel_bytes);
        let prefetch = !WORDS && row / ROWS < P;
        for step in 0..raw.steps {
            if prefetch {
                _mm_prefetch::<_MM_HINT_T1>(next.wrapping_add(step * PANEL * 4).cast());
            }
            let mut weights = [_mm512_setzero_si512(); P];
            for p in 0..P {
                weights[p] = _mm512_loadu_si512(right.add(p * panel_bytes + step * PANEL * 4).cast());
            }
            for r in 0..R {
                let group = left.add(r * raw.left_stride + step * 4).cast::<i32>().read_unaligned();
                let group = _mm512_set1_epi32(group);
                for p in 0..P {
                    sums[r][p] = if WORDS {
                        dot_words(sums[r][p], weights[p], group)
                    } else {
                        _mm512_dpbusd_epi32(sums[r][p], weights[p], group)
                    };
                }
            }
        }
        for r in 0..R {
            let correction = _mm512_set1_epi32(*raw.corrections.add(row + r));
            let row_scale = _mm512_set1_ps(*raw.row_scales.add(row + r));
            for p in 0..P {
                let column = (panel + p) * PANEL;
                let value = _mm512_cvtepi32_ps(_mm512_sub_epi32(sums[r][p], correction));
                let value = _mm512_mul_ps(value, row_scale);
                let value = _mm512_mul_ps(value, _mm512_loadu_ps(raw.column_scales.add(column)));
                let value = _mm512_add_ps(value, _mm512_loadu_ps(raw.biases.add(column)));
                _mm512_storeu_ps(raw.out.add((row + r) * raw.out_stride + column), value);
            }
        }
    }
}

/// `_mm512_dpwssd_epi32`, which the compiler would take apart into a product and a sum: half as fast here.
#[inline]
#[target_feature(enable = "avx512f,avx512vnni")]
fn dot_words(mut sums: __m512i, a: __m512i, b: __m512i) -> __m512i {
    // SAFETY: one instruction that reads and writes registers alone; the caller has its feature.
    unsafe {
        asm!("vpdpwssd {sums}, {a}, {b}", sums = inout(zmm_reg) sums, a = in(zmm_reg) a, b = in(zmm_reg) b,
            options(pure, nomem, nostack, preserves_flags));
    }
    sums
}
