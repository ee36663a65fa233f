//! Attention of one text: every token looks at every other. Queries, keys, values and shares are rounded to 16
//! bits, which is as good as exact here, and makes both products sums of integers.

use super::first;
use crate::kernels::{Level, Product, Sides};
use crate::math::WORD;
use crate::weights::{PANEL, Settings};

/// Queries whose scores are held at once: with 256 keys, 48 rows of scores stay in the first two caches.
const QUERY_ROWS: usize = 48;

/// Buffers, kept from text to text. Heads lie one behind the other.
#[derive(Default)]
pub(super) struct Attention {
    /// `[token][head][channel]`
    queries: Vec<i16>,
    /// `[head][token]`
    query_scales: Vec<f32>,
    /// `[head][token / 16][channel / 2][token % 16]`, pairs of channels
    keys: Vec<[i16; 2]>,
    /// `[head][token]`, padded to whole panels
    key_scales: Vec<f32>,
    /// `[head][channel / 16][token / 2][channel % 16]`, pairs of tokens
    values: Vec<[i16; 2]>,
    /// `[head][channel]`, padded to whole panels
    value_scales: Vec<f32>,
    scores: Vec<f32>,
    shares: Vec<i16>,
    result: Vec<f32>,
    row: Vec<i16>,
    row_scales: Vec<f32>,
    factors: Vec<f32>,
    zeros: Vec<f32>,
    no_corrections: Vec<i32>,
}

/// Counts that all steps share.
#[derive(Clone, Copy)]
struct Shape {
    tokens: usize,
    /// `tokens`, padded to whole panels.
    columns: usize,
    /// `tokens`, in pairs.
    pairs: usize,
    heads: usize,
    /// Channels of a head.
    size: usize,
    /// `size`, padded to whole panels.
    padded_size: usize,
    /// Channels of all heads.
    width: usize,
}

impl Attention {
    /// `projected`: a row for each token with query, key and value side by side, at `stride`.
    /// `context`: a row of `hidden` values for each of the tokens that ask, from `first_query` on.
    pub fn run(
        &mut self,
        level: Level,
        settings: &Settings,
        projected: &[f32],
        stride: usize,
        first_query: usize,
        context: &mut [f32],
    ) {
        let tokens = projected.len() / stride;
        let size = settings.head_dimensions();
        let shape = Shape {
            tokens,
            columns: tokens.next_multiple_of(PANEL),
            pairs: tokens.div_ceil(2),
            heads: settings.heads,
            size,
            padded_size: size.next_multiple_of(PANEL),
            width: settings.hidden,
        };
        first(&mut self.zeros, shape.columns.max(shape.padded_size).max(shape.width));
        first(&mut self.no_corrections, tokens);
        self.round_queries_and_keys(level, shape, projected, stride);
        self.round_values(level, shape, projected, stride);
        for head in 0..shape.heads {
            for (part, context) in context.chunks_mut(QUERY_ROWS * shape.width).enumerate() {
                self.attend(level, shape, head, first_query + part * QUERY_ROWS, context);
            }
        }
    }

    fn round_queries_and_keys(&mut self, level: Level, shape: Shape, projected: &[f32], stride: usize) {
        let Shape { tokens, columns, heads, size, width, .. } = shape;
        // Two factors of this magnitude, multiplied and added `size` times, stay within 32 bits.
        let limit = ((i32::MAX as f32 / size as f32).sqrt().floor() - 1.0).min(WORD);
        // The softmax takes powers of two.
        let temperature = std::f32::consts::LOG2_E / (size as f32).sqrt();
        let scales = first(&mut self.row_scales, heads);
        let queries = first(&mut self.queries, tokens * width);
        let query_scales = first(&mut self.query_scales, heads * tokens);
        let key_row = first(&mut self.row, width);
        // Lanes without a token hold an earlier text's keys. Their scores are computed and not looked at.
        let keys = first(&mut self.keys, heads * columns * size / 2);
        let key_scales = first(&mut self.key_scales, heads * columns);
        for (token, row) in projected.chunks_exact(stride).enumerate() {
            level.round_parts(&row[..width], size, limit, &mut queries[token * width..][..width], scales);
            for (head, scale) in scales.iter().enumerate() {
                query_scales[head * tokens + token] = scale * temperature;
            }
            level.round_parts(&row[width..2 * width], size, limit, key_row, scales);
            for (head, scale) in scales.iter().enumerate() {
                key_scales[head * columns + token] = *scale;
            }
            let (lane, block) = (token % PANEL, token / PANEL * PANEL * (size / 2));
            for (head, part) in key_row.chunks_exact(size).enumerate() {
                let panel = &mut keys[head * columns * size / 2 + block..][..size / 2 * PANEL];
                for (step, pair) in panel.as_chunks_mut::<PANEL>().0.iter_mut().zip(part.as_chunks::<2>().0) {
                    step[lane] = *pair;
                }
            }
        }
    }

    fn round_values(&mut self, level: Level, shape: Shape, projected: &[f32], stride: usize) {
        let Shape { pairs, heads, size, padded_size, width, .. } = shape;
        let factors = first(&mut self.factors, width);
        // Above zero, so that a silent channel has a finite factor.
        factors.fill(1e-20);
        for row in projected.chunks_exact(stride) {
            level.raise_to_magnitudes(factors, &row[2 * width..3 * width]);
        }
        let scales = first(&mut self.value_scales, heads * padded_size);
        for (scales, factors) in scales.chunks_exact_mut(padded_size).zip(factors.chunks_exact_mut(size)) {
            scales.fill(0.0);
            for (scale, factor) in scales.iter_mut().zip(factors) {
                // Shares add up to `WORD`, so they count as fractions of it.
                *scale = *factor / WORD / WORD;
                *factor = WORD / *factor;
            }
        }
        let values = first(&mut self.values, heads * padded_size * pairs);
        for (pair, rows) in projected.chunks(2 * stride).enumerate() {
            let (a, b) = rows.split_at(stride);
            let b = if b.is_empty() { &self.zeros[..width] } else { &b[2 * width..3 * width] };
            for head in 0..heads {
                for start in (0..size).step_by(PANEL) {
                    let channels = head * size + start..head * size + (start + PANEL).min(size);
                    let step = ((head * padded_size + start) * pairs) + pair * PANEL;
                    let a = &a[2 * width..][channels.clone()];
                    level.round_pairs(
                        a,
                        &b[channels.clone()],
                        &factors[channels],
                        &mut values[step..step + PANEL],
                    );
                }
            }
        }
    }

    /// Computes the context of some queries of one head, from the query `start`, as many as `context` has rows.
    fn attend(&mut self, level: Level, shape: Shape, head: usize, start: usize, context: &mut [f32]) {
        let Shape { tokens, columns, pairs, size, padded_size, width, .. } = shape;
        let rows = context.len() / width;
        let scores = first(&mut self.scores, rows * columns);
        level.multiply(Product {
            sides: Sides::Words {
                left: &self.queries[start * width + head * size..],
                panels: &self.keys[head * columns * size / 2..],
            },
            left_stride: width,
            rows,
            steps: size / 2,
            corrections: &self.no_corrections,
            row_scales: &self.query_scales[head * tokens + start..],
            column_scales: &self.key_scales[head * columns..][..columns],
            biases: &self.zeros[..columns],
            out: scores,
            out_stride: columns,
        });
        let shares = first(&mut self.shares, rows * pairs * 2);
        level.softmax_rows(scores, columns, tokens, shares, pairs * 2);
        // Whole panels go straight to their place; a narrower head goes there by way of a buffer.
        let whole = size == padded_size;
        let (out, out_stride) = if whole {
            (&mut context[head * size..], width)
        } else {
            (first(&mut self.result, rows * padded_size), padded_size)
        };
        self.row_scales.clear();
        self.row_scales.resize(rows.max(shape.heads), 1.0);
        level.multiply(Product {
            sides: Sides::Words { left: shares, panels: &self.values[head * padded_size * pairs..] },
            left_stride: pairs * 2,
            rows,
            steps: pairs,
            corrections: &self.no_corrections,
            row_scales: &self.row_scales,
            column_scales: &self.value_scales[head * padded_size..][..padded_size],
            biases: &self.zeros[..padded_size],
            out,
            out_stride,
        });
        if !whole {
            for (row, context) in self.result.chunks_exact(padded_size).zip(context.chunks_exact_mut(width)) {
                context[head * size..][..size].copy_from_slice(&row[..size]);
            }
        }
    }
}
