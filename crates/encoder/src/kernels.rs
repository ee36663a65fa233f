//! Matrix products and row operations for each kind of processor, chosen at run time.
//!
//! One product serves the whole model: rows of small integers times panels of sixteen columns, summed exactly in
//! 32 bits, then scaled to `f32` in a fixed order. Sums of integers do not depend on their order, so every level
//! gives the same bits; the tests demand it. This folder is the only one with `unsafe` arithmetic: raw loads and
//! instructions that the processor was asked for.
#![allow(unsafe_code)]
// Rows and panels of a tile are indices into registers.
#![allow(clippy::needless_range_loop)]

#[cfg(target_arch = "x86_64")]
mod amx;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "aarch64")]
mod neon;
mod portable;

use crate::weights::PANEL;

/// Which instructions are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Plain Rust.
    Portable,
    /// 256-bit integer arithmetic (x86-64, from 2013).
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// 512-bit dot products of bytes (x86-64, from 2019).
    #[cfg(target_arch = "x86_64")]
    Avx512Vnni,
    /// The matrix unit (x86-64 servers, from 2023), and the level before for all else.
    #[cfg(target_arch = "x86_64")]
    Amx,
    /// 128-bit arithmetic of 64-bit ARM.
    #[cfg(target_arch = "aarch64")]
    Neon,
}

impl Level {
    /// What this processor can do, slowest first. Never empty.
    pub fn available() -> Vec<Self> {
        let mut levels = vec![Self::Portable];
        #[cfg(all(target_arch = "x86_64", not(miri)))]
        {
            if is_x86_feature_detected!("avx2") {
                levels.push(Self::Avx2);
            }
            if is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512vl")
                && is_x86_feature_detected!("avx512vnni")
            {
                levels.push(Self::Avx512Vnni);
                if amx::available() {
                    levels.push(Self::Amx);
                }
            }
        }
        #[cfg(target_arch = "aarch64")]
        levels.push(Self::Neon);
        levels
    }

    /// The fastest of [`Level::available`].
    pub fn best() -> Self {
        Self::available().pop().unwrap_or(Self::Portable)
    }
}

/// Both sides of a product: rows of the left side, panels of the right one.
#[derive(Clone, Copy)]
pub(crate) enum Sides<'a> {
    /// Signed bytes times unsigned bytes with zero point 128, four to a step.
    Bytes { left: &'a [i8], panels: &'a [u8] },
    /// Signed 16-bit values on both sides, two to a step.
    Words { left: &'a [i16], panels: &'a [[i16; 2]] },
}

/// `out[r][c] = (Σ left[r][k] · right[k][c] − corrections[r]) · row_scales[r] · column_scales[c] + biases[c]`.
///
/// Panels hold the right side as `[columns / 16][steps][16][4 bytes]`. The caller keeps sums within 32 bits.
pub(crate) struct Product<'a> {
    pub sides: Sides<'a>,
    /// From one row of the left side to the next, in values.
    pub left_stride: usize,
    pub rows: usize,
    /// Groups of four bytes in a row.
    pub steps: usize,
    /// What is taken away from each row's sums: 128 times the sum of a row of bytes, zero for words.
    pub corrections: &'a [i32],
    pub row_scales: &'a [f32],
    /// One for each column, padded to whole panels.
    pub column_scales: &'a [f32],
    pub biases: &'a [f32],
    pub out: &'a mut [f32],
    /// From one row of the result to the next, in values.
    pub out_stride: usize,
}

/// A checked [`Product`] as the kernels see it: pointers and counts.
#[derive(Clone, Copy)]
struct Raw {
    left: *const u8,
    left_stride: usize,
    rows: usize,
    steps: usize,
    panels: *const u8,
    panel_count: usize,
    corrections: *const i32,
    row_scales: *const f32,
    column_scales: *const f32,
    biases: *const f32,
    out: *mut f32,
    out_stride: usize,
}

impl Product<'_> {
    /// Bytes from one panel to the next.
    fn panel_bytes(steps: usize) -> usize {
        steps * PANEL * 4
    }

    /// Checks every length once, so that the kernels need not.
    ///
    /// # Panics
    /// When a slice is too short, which is a fault of this crate.
    fn check(&mut self) -> Raw {
        let columns = self.column_scales.len();
        let panel_count = columns / PANEL;
        let width = match self.sides {
            Sides::Bytes { .. } => 1,
            Sides::Words { .. } => 2,
        };
        let (left, left_bytes, panels, panel_bytes) = match self.sides {
            Sides::Bytes { left, panels } => {
                (left.as_ptr().cast::<u8>(), left.len(), panels.as_ptr(), panels.len())
            }
            Sides::Words { left, panels } => {
                (left.as_ptr().cast::<u8>(), left.len() * 2, panels.as_ptr().cast::<u8>(), panels.len() * 4)
            }
        };
        let left_stride = self.left_stride * width;
        assert!(columns.is_multiple_of(PANEL) && self.biases.len() == columns);
        assert!(panel_bytes >= panel_count * Self::panel_bytes(self.steps));
        assert!(self.corrections.len() >= self.rows && self.row_scales.len() >= self.rows);
        if let Some(before_last) = self.rows.checked_sub(1) {
            assert!(self.steps * 4 <= left_stride && columns <= self.out_stride);
            assert!(left_bytes >= before_last * left_stride + self.steps * 4);
            assert!(self.out.len() >= before_last * self.out_stride + columns);
        }
        Raw {
            left,
            left_stride,
            rows: self.rows,
            steps: self.steps,
            panels,
            panel_count,
            corrections: self.corrections.as_ptr(),
            row_scales: self.row_scales.as_ptr(),
            column_scales: self.column_scales.as_ptr(),
            biases: self.biases.as_ptr(),
            out: self.out.as_mut_ptr(),
            out_stride: self.out_stride,
        }
    }
}

impl Level {
    /// Computes `product`.
    pub(crate) fn multiply(self, mut product: Product<'_>) {
        let raw = product.check();
        let words = matches!(product.sides, Sides::Words { .. });
        // SAFETY: `check` proved that every row, panel and output lies inside its slice; the slices live as long as
        // `product`; `out` is borrowed mutably, so nothing overlaps it. A level other than `Portable` exists only
        // after its instructions were detected (`available`) or comes from a test that asked there.
        unsafe {
            match (self, words) {
                (Self::Portable, false) => portable::multiply::<false>(raw),
                (Self::Portable, true) => portable::multiply::<true>(raw),
                #[cfg(target_arch = "x86_64")]
                (Self::Avx2, false) => avx2::multiply::<false>(raw),
                #[cfg(target_arch = "x86_64")]
                (Self::Avx2, true) => avx2::multiply::<true>(raw),
                #[cfg(target_arch = "x86_64")]
                (Self::Amx, false) if raw.steps.is_multiple_of(amx::TILE_STEPS) => amx::multiply(raw),
                #[cfg(target_arch = "x86_64")]
                (Self::Avx512Vnni | Self::Amx, false) => avx512::multiply::<false>(raw),
                #[cfg(target_arch = "x86_64")]
                (Self::Avx512Vnni | Self::Amx, true) => avx512::multiply::<true>(raw),
                #[cfg(target_arch = "aarch64")]
                (Self::Neon, false) => neon::multiply::<false>(raw),
                #[cfg(target_arch = "aarch64")]
                (Self::Neon, true) => neon::multiply::<true>(raw),
            }
        }
    }
}

/// Compiles functions of [`crate::math`] once for each level and gives [`Level`] a method that chooses.
macro_rules! for_each_level {
    ($($(#[$doc:meta])* fn $name:ident($($argument:ident: $kind:ty),* $(,)?) $(-> $result:ty)?;)*) => {
        #[cfg(target_arch = "x86_64")]
        mod rows_avx2 {
            $(#[target_feature(enable = "avx2")]
            #[allow(clippy::too_many_arguments)]
            pub(super) fn $name($($argument: $kind),*) $(-> $result)? { crate::math::$name($($argument),*) })*
        }
        #[cfg(target_arch = "x86_64")]
        mod rows_avx512 {
            $(#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
            #[allow(clippy::too_many_arguments)]
            pub(super) fn $name($($argument: $kind),*) $(-> $result)? { crate::math::$name($($argument),*) })*
        }
        impl Level {
            $($(#[$doc])*
            pub(crate) fn $name(self, $($argument: $kind),*) $(-> $result)? {
                match self {
                    Self::Portable => crate::math::$name($($argument),*),
                    // SAFETY: a level exists only after its instructions were detected.
                    #[cfg(target_arch = "x86_64")]
                    Self::Avx2 => unsafe { rows_avx2::$name($($argument),*) },
                    // SAFETY: as above.
                    #[cfg(target_arch = "x86_64")]
                    Self::Avx512Vnni | Self::Amx => unsafe { rows_avx512::$name($($argument),*) },
                    // These instructions are part of every 64-bit ARM processor.
                    #[cfg(target_arch = "aarch64")]
                    Self::Neon => crate::math::$name($($argument),*),
                }
            })*
        }
    };
}

for_each_level! {
    fn normalise_row(row: &mut [f32], gains: &[f32], offsets: &[f32], eps: f32);
    fn add_and_normalise_row(row: &mut [f32], more: &[f32], gains: &[f32], offsets: &[f32], eps: f32);
    fn embed_row(word: &[u8], word_scale: f32, place: &[u8], place_scale: f32, out: &mut [f32]);
    fn round_row(row: &[f32], factors: &[f32], out: &mut [i8]) -> (f32, i32);
    fn gelu_row(row: &mut [f32]);
    fn round_parts(row: &[f32], size: usize, limit: f32, out: &mut [i16], scales: &mut [f32]);
    fn raise_to_magnitudes(greatest: &mut [f32], row: &[f32]);
    fn round_pairs(a: &[f32], b: &[f32], factors: &[f32], out: &mut [[i16; 2]]);
    fn softmax_rows(scores: &mut [f32], stride: usize, count: usize, out: &mut [i16], out_stride: usize);
    fn add_row(total: &mut [f32], row: &[f32]);
    fn to_unit_length(row: &mut [f32]);
}

#[cfg(test)]
mod tests;
