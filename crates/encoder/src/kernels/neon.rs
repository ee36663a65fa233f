//! The product with 128-bit arithmetic of 64-bit ARM. Uses only what every such processor has: products of bytes
//! in 16 bits, added in pairs. The weights' zero point is taken away first, so a pair is at most 32,512.

use std::arch::aarch64::*;

use super::{Product, Raw};
use crate::weights::PANEL;

const ROWS: usize = 4;

/// # Safety
/// `raw` comes from [`Product::check`].
#[target_feature(enable = "neon")]
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

#[target_feature(enable = "neon")]
unsafe fn tile<const R: usize, const WORDS: bool>(raw: Raw, row: usize, panel: usize) {
    let panel_bytes = Product::panel_bytes(raw.steps);
    let zero_point = vdupq_n_u8(128);
    let mut sums = [[vdupq_n_s32(0); 4]; R];
    // SAFETY: rows `row..row + R` and panel `panel` lie inside `raw`, and no step reads past them.
    unsafe {
        let left = raw.left.add(row * raw.left_stride);
        let right = raw.panels.add(panel * panel_bytes);
        for step in 0..raw.steps {
            for quarter in 0..4 {
                let weights = vld1q_u8(right.add(step * PANEL * 4 + quarter * 16));
                for r in 0..R {
                    let group = left.add(r * raw.left_stride + step * 4).cast::<i32>().read_unaligned();
                    let group = vdupq_n_s32(group);
                    sums[r][quarter] = if WORDS {
                        let (a, b) = (vreinterpretq_s16_s32(group), vreinterpretq_s16_u8(weights));
                        let low = vmull_s16(vget_low_s16(a), vget_low_s16(b));
                        let pairs = vpaddq_s32(low, vmull_high_s16(a, b));
                        vaddq_s32(sums[r][quarter], pairs)
                    } else {
                        let (a, b) =
                            (vreinterpretq_s8_s32(group), vreinterpretq_s8_u8(veorq_u8(weights, zero_point)));
                        let low = vmull_s8(vget_low_s8(a), vget_low_s8(b));
                        vpadalq_s16(sums[r][quarter], vpaddq_s16(low, vmull_high_s8(a, b)))
                    };
                }
            }
        }
        for r in 0..R {
            let row_scale = vdupq_n_f32(*raw.row_scales.add(row + r));
            for quarter in 0..4 {
                let column = panel * PANEL + quarter * 4;
                let value = vmulq_f32(vcvtq_f32_s32(sums[r][quarter]), row_scale);
                let value = vmulq_f32(value, vld1q_f32(raw.column_scales.add(column)));
                let value = vaddq_f32(value, vld1q_f32(raw.biases.add(column)));
                vst1q_f32(raw.out.add((row + r) * raw.out_stride + column), value);
            }
        }
    }
}
