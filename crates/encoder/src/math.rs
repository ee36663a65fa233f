//! What happens to one row of activations: normalise, activate, round to 8 or 16 bits, softmax.
//!
//! Everything here is plain Rust in one fixed order of operations (sixteen lanes, no fused multiply-add), so that
//! each compilation, for whatever processor, gives the same bits. `kernels` compiles these functions once for each
//! level; they are `inline(always)` to take on its instruction set.
// A lane is an index: it means the same place in several arrays. And loops by index vectorise for each level, where
// the methods of iterators, compiled without its instructions, stay calls.
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
    // A whole block again, so that the lanes stay in registers.
    let mut last = [0.0; LANES];
    last[..rest.len()].copy_from_slice(rest);
    for lane in 0..LANES {
        lanes[lane] += if lane < rest.len() { term(last[lane]) } else { 0.0 };
    }
    total(lanes)
}

/// An integer that is greater where the number is, and turns back into its bits in the same way.
///
/// The greatest of integers does not depend on their order, so the compiler may take many at once.
#[inline(always)]
fn in_order(bits: u32) -> i32 {
    let bits = bits as i32;
    bits ^ ((bits >> 31) as u32 >> 1) as i32
}

/// The greatest of `row` after `term`, at least `start`.
#[inline(always)]
fn greatest_of(row: &[f32], start: f32, term: impl Fn(usize, f32) -> f32) -> f32 {
    let mut greatest = in_order(start.to_bits());
    for i in 0..row.len() {
        greatest = greatest.max(in_order(term(i, row[i]).to_bits()));
    }
    f32::from_bits(in_order(greatest as u32) as u32)
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
    let (gains, offsets) = (&gains[..row.len()], &offsets[..row.len()]);
    for i in 0..row.len() {
        row[i] = (row[i] - mean) * factor * gains[i] + offsets[i];
    }
}

/// Adds `more` to `row` and normalises.
#[inline(always)]
pub(crate) fn add_and_normalise_row(row: &mut [f32], more: &[f32], gains: &[f32], offsets: &[f32], eps: f32) {
    add_row(row, more);
    normalise_row(row, gains, offsets, eps);
}

/// Puts the sum of two 8-bit rows with their scales into `out`: a word and its place.
#[inline(always)]
pub(crate) fn embed_row(word: &[u8], word_scale: f32, place: &[u8], place_scale: f32, out: &mut [f32]) {
    let (word, place) = (&word[..out.len()], &place[..out.len()]);
    for i in 0..out.len() {
        out[i] = f32::from(word[i] as i8) * word_scale + f32::from(place[i] as i8) * place_scale;
    }
}

/// Rounds `row · factors` to 8 bits with one scale. Gives the scale and the sum of the rounded values.
/// `out` may be longer than `row`; the rest is set to zero.
#[inline(always)]
pub(crate) fn round_row(row: &[f32], factors: &[f32], out: &mut [i8]) -> (f32, i32) {
    let (factors, (out, rest)) = (&factors[..row.len()], out.split_at_mut(row.len()));
    rest.fill(0);
    let greatest = greatest_of(row, 0.0, |i, x| (x * factors[i]).abs());
    if greatest <= f32::MIN_POSITIVE {
        out.fill(0);
        return (0.0, 0);
    }
    let inverse = BYTE / greatest;
    let mut sum = 0;
    for i in 0..row.len() {
        let value = to_integer(row[i] * factors[i] * inverse) as i8;
        out[i] = value;
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
    for (at, scale) in scales.iter_mut().enumerate().take(row.len() / size) {
        let (part, out) = (&row[at * size..][..size], &mut out[at * size..][..size]);
        let greatest = greatest_of(part, 0.0, |_, x| x.abs());
        if greatest <= f32::MIN_POSITIVE {
            out.fill(0);
            *scale = 0.0;
        } else {
            let inverse = limit / greatest;
            for i in 0..size {
                out[i] = to_integer(part[i] * inverse) as i16;
            }
            *scale = greatest / limit;
        }
    }
}

/// Raises each value of `greatest` to the magnitude of the value in `row`.
#[inline(always)]
pub(crate) fn raise_to_magnitudes(greatest: &mut [f32], row: &[f32]) {
    let row = &row[..greatest.len()];
    for i in 0..row.len() {
        greatest[i] = self::greatest(row[i].abs(), greatest[i]);
    }
}

/// Rounds two rows to 16 bits after a factor for each channel, and puts them side by side: `[a, b]` for each.
#[inline(always)]
pub(crate) fn round_pairs(a: &[f32], b: &[f32], factors: &[f32], out: &mut [[i16; 2]]) {
    let (b, factors, out) = (&b[..a.len()], &factors[..a.len()], &mut out[..a.len()]);
    for i in 0..a.len() {
        out[i] = [to_integer(a[i] * factors[i]) as i16, to_integer(b[i] * factors[i]) as i16];
    }
}

/// Turns rows of scores to the base of two into shares that add up to [`WORD`], as integers. A row has `count` scores
/// at `stride`; its shares are at `out_stride`, and what is left there is set to zero.
///
/// Some rows take each step together, so that one row's sum need not be waited for.
#[inline(always)]
pub(crate) fn softmax_rows(
    scores: &mut [f32],
    stride: usize,
    count: usize,
    out: &mut [i16],
    out_stride: usize,
) {
    /// Enough to fill the wait, few enough to stay in the first cache.
    const ROWS: usize = 8;
    let total = scores.len() / stride;
    let mut first = 0;
    while first < total {
        let rows = (total - first).min(ROWS);
        let (mut tops, mut factors) = ([0.0; ROWS], [0.0; ROWS]);
        for r in 0..rows {
            tops[r] = greatest_of(&scores[(first + r) * stride..][..count], f32::MIN, |_, x| x);
        }
        for r in 0..rows {
            let row = &mut scores[(first + r) * stride..][..count];
            for i in 0..count {
                row[i] = exp2(row[i] - tops[r]);
            }
            factors[r] = WORD / sum_of(row, |x| x);
        }
        for r in 0..rows {
            let row = &scores[(first + r) * stride..][..count];
            let (out, rest) = out[(first + r) * out_stride..][..out_stride].split_at_mut(count);
            for i in 0..count {
                out[i] = to_integer(row[i] * factors[r]) as i16;
            }
            rest.fill(0);
        }
        first += rows;
    }
}

/// Adds `row` to `total`.
#[inline(always)]
pub(crate) fn add_row(total: &mut [f32], row: &[f32]) {
    let row = &row[..total.len()];
    for i in 0..total.len() {
        total[i] += row[i];
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
