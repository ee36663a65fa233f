//! What happens to one row of activations: normalise, activate, round to 8 or 16 bits, softmax.
//!
//! Everything here is plain Rust in one fixed order of operations (sixteen lanes, no fused multiply-add), so that
//! each compilation, for whatever processor, gives the same bits. `kernels` compiles these functions once for each
//! level; they are `inline(always)` to take on its instruction set.
// A lane is an index: it means the same place in several arrays.
#![allow(clippy::needless_range_loop)]

pub(crate) const LANES: usize = 16;

/// Largest magnitude of an 8-bit value.
const BYTE: f32 = 127.0;
/// Largest magnitude of a 16-bit value.
pub(crate) const WORD: f32 = 32_767.0;

/// Adding and taking away this rounds to the nearest integer, ties to even, and leaves the integer in the low bits.
const ROUND: f32 = 12_582_912.0;

#[inline(always)]
fn to_integer(value: f32) -> i32 {
    (value + ROUND).to_bits().wrapping_sub(ROUND.to_bits()) as i32
}

#[inline(always)]
fn greatest(a: f32, b: f32) -> f32 {
    if a > b { a } else { b }
}

/// Adds the lanes in the order of a tree.
#[inline(always)]
fn total(mut lanes: [f32; LANES]) -> f32 {
    let mut width = LANES / 2;
    while width > 0 {
        for lane in 0..width {
            lanes[lane] += lanes[lane + width];
        }
        width /= 2;
    }
    lanes[0]
}

#[inline(always)]
fn sum_of(row: &[f32], term: impl Fn(f32) -> f32) -> f32 {
    let mut lanes = [0.0; LANES];
    let (blocks, rest) = row.as_chunks::<LANES>();
    for block in blocks {
        for lane in 0..LANES {
            lanes[lane] += term(block[lane]);
        }
    }
    for (lane, value) in rest.iter().enumerate() {
        lanes[lane] += term(*value);
    }
    total(lanes)
}

/// The greatest of the lanes.
#[inline(always)]
fn greatest_lane(mut lanes: [f32; LANES]) -> f32 {
    let mut width = LANES / 2;
    while width > 0 {
        for lane in 0..width {
            lanes[lane] = greatest(lanes[lane + width], lanes[lane]);
        }
        width /= 2;
    }
    lanes[0]
}

#[inline(always)]
fn greatest_of(row: &[f32], start: f32, term: impl Fn(f32) -> f32) -> f32 {
    let mut lanes = [start; LANES];
    let (blocks, rest) = row.as_chunks::<LANES>();
    for block in blocks {
        for lane in 0..LANES {
            lanes[lane] = greatest(term(block[lane]), lanes[lane]);
        }
    }
    for (lane, value) in rest.iter().enumerate() {
        lanes[lane] = greatest(term(*value), lanes[lane]);
    }
    greatest_lane(lanes)
}

/// 2 to the power of `x`, for `x` ≤ 127. Relative error below 4e-6, a tenth of a step of a share of 16 bits;
/// 2⁻¹²⁶ below −126.
///
/// # Source
/// A minimax polynomial of degree 4 for the fraction between −½ and ½.
#[inline(always)]
pub(crate) fn exp2(x: f32) -> f32 {
    let x = greatest(x, -126.0);
    let shifted = x + ROUND;
    let power = shifted.to_bits().wrapping_sub(ROUND.to_bits()).wrapping_add(127) << 23;
    let r = x - (shifted - ROUND);
    let fraction =
        (((9.570_058e-3 * r + 5.591_785_5e-2) * r + 0.240_247_46) * r + 0.693_121_8) * r + 0.999_999_3;
    fraction * f32::from_bits(power)
}

/// The Gaussian error linear unit, x · Φ(x), with an absolute error below 4e-5: a five-hundredth of the step of
/// the 8 bits that it is rounded to.
///
/// # Source
/// x · Φ(x) = max(x, 0) − u · Φ(−u) with u = |x|. The last term is a bump that is gone at 4.5; the polynomial is
/// its minimax fit of degree 10 on that range.
#[inline(always)]
pub(crate) fn gelu(x: f32) -> f32 {
    const END: f32 = 4.5;
    /// In ascending order of powers.
    const BUMP: [f32; 11] = [
        2.7497135e-2,
        -1.3303949e-1,
        2.4659237e-1,
        -1.4721602e-1,
        -2.0296802e-1,
        4.347822e-1,
        -2.0490818e-1,
        -1.7631617e-1,
        1.7638169e-1,
        2.1783024e-2,
        -4.2587362e-2,
    ];
    let u = x.abs();
    let u = if u < END { u } else { END };
    let t = u * (2.0 / END) - 1.0;
    let mut bump = BUMP[10];
    for power in (0..10).rev() {
        bump = bump * t + BUMP[power];
    }
    greatest(x, 0.0) - bump
}

/// Replaces `row` by its layer normalisation.
#[inline(always)]
pub(crate) fn normalise_row(row: &mut [f32], gains: &[f32], offsets: &[f32], eps: f32) {
    let count = row.len() as f32;
    let mean = sum_of(row, |x| x) / count;
    let variance = sum_of(row, |x| (x - mean) * (x - mean)) / count;
    let factor = 1.0 / (variance + eps).sqrt();
    for ((x, gain), offset) in row.iter_mut().zip(gains).zip(offsets) {
        *x = (*x - mean) * factor * gain + offset;
    }
}

/// Adds `more` to `row` and normalises.
#[inline(always)]
pub(crate) fn add_and_normalise_row(row: &mut [f32], more: &[f32], gains: &[f32], offsets: &[f32], eps: f32) {
    for (x, y) in row.iter_mut().zip(more) {
        *x += y;
    }
    normalise_row(row, gains, offsets, eps);
}

/// Puts the sum of two 8-bit rows with their scales into `out`: a word and its place.
#[inline(always)]
pub(crate) fn embed_row(word: &[u8], word_scale: f32, place: &[u8], place_scale: f32, out: &mut [f32]) {
    for ((out, word), place) in out.iter_mut().zip(word).zip(place) {
        *out = f32::from(*word as i8) * word_scale + f32::from(*place as i8) * place_scale;
    }
}

/// Rounds `row · factors` to 8 bits with one scale. Gives the scale and the sum of the rounded values.
/// `out` may be longer than `row`; the rest is set to zero.
#[inline(always)]
pub(crate) fn round_row(row: &[f32], factors: &[f32], out: &mut [i8]) -> (f32, i32) {
    let (factors, (out, rest)) = (&factors[..row.len()], out.split_at_mut(row.len()));
    rest.fill(0);
    let (blocks, tail) = row.as_chunks::<LANES>();
    let (factor_blocks, factor_tail) = factors.as_chunks::<LANES>();
    let mut lanes = [0.0_f32; LANES];
    for (x, f) in blocks.iter().zip(factor_blocks) {
        for lane in 0..LANES {
            lanes[lane] = greatest((x[lane] * f[lane]).abs(), lanes[lane]);
        }
    }
    for (lane, (x, f)) in tail.iter().zip(factor_tail).enumerate() {
        lanes[lane] = greatest((x * f).abs(), lanes[lane]);
    }
    let greatest = greatest_lane(lanes);
    if greatest <= f32::MIN_POSITIVE {
        out.fill(0);
        return (0.0, 0);
    }
    let inverse = BYTE / greatest;
    let mut sum = 0;
    for ((x, f), out) in row.iter().zip(factors).zip(out.iter_mut()) {
        let value = to_integer(x * f * inverse) as i8;
        *out = value;
        sum += i32::from(value);
    }
    (greatest / BYTE, sum)
}

/// Applies [`gelu`] to each value.
#[inline(always)]
pub(crate) fn gelu_row(row: &mut [f32]) {
    for x in row {
        *x = gelu(*x);
    }
}

/// Rounds each part of `size` values to integers of magnitude at most `limit`, with a scale for each part.
#[inline(always)]
pub(crate) fn round_parts(row: &[f32], size: usize, limit: f32, out: &mut [i16], scales: &mut [f32]) {
    for ((part, out), scale) in row.chunks_exact(size).zip(out.chunks_exact_mut(size)).zip(scales) {
        let greatest = greatest_of(part, 0.0, f32::abs);
        if greatest <= f32::MIN_POSITIVE {
            out.fill(0);
            *scale = 0.0;
        } else {
            let inverse = limit / greatest;
            for (x, out) in part.iter().zip(out) {
                *out = to_integer(x * inverse) as i16;
            }
            *scale = greatest / limit;
        }
    }
}

/// Raises each value of `greatest` to the magnitude of the value in `row`.
#[inline(always)]
pub(crate) fn raise_to_magnitudes(greatest: &mut [f32], row: &[f32]) {
    for (g, x) in greatest.iter_mut().zip(row) {
        *g = self::greatest(x.abs(), *g);
    }
}

/// Rounds two rows to 16 bits after a factor for each channel, and puts them side by side: `[a, b]` for each.
#[inline(always)]
pub(crate) fn round_pairs(a: &[f32], b: &[f32], factors: &[f32], out: &mut [[i16; 2]]) {
    for (((a, b), factor), out) in a.iter().zip(b).zip(factors).zip(out) {
        *out = [to_integer(a * factor) as i16, to_integer(b * factor) as i16];
    }
}

/// Turns scores to the base of two into shares that add up to [`WORD`], as integers. `out` may be longer; the rest
/// is set to zero.
#[inline(always)]
pub(crate) fn softmax_row(scores: &mut [f32], out: &mut [i16]) {
    let greatest = greatest_of(scores, f32::MIN, |x| x);
    for x in scores.iter_mut() {
        *x = exp2(*x - greatest);
    }
    let factor = WORD / sum_of(scores, |x| x);
    let (out, rest) = out.split_at_mut(scores.len());
    rest.fill(0);
    for (x, out) in scores.iter().zip(out) {
        *out = to_integer(x * factor) as i16;
    }
}

/// Adds `row` to `total`.
#[inline(always)]
pub(crate) fn add_row(total: &mut [f32], row: &[f32]) {
    for (t, x) in total.iter_mut().zip(row) {
        *t += x;
    }
}

/// Scales `row` to unit length. A row of zeros stays.
#[inline(always)]
pub(crate) fn to_unit_length(row: &mut [f32]) {
    let length = sum_of(row, |x| x * x).sqrt();
    if length > 0.0 {
        for x in row {
            *x /= length;
        }
    }
}

#[cfg(test)]
mod tests;
