//! Token ids → vector: the BERT forward pass, in whole numbers where it multiplies matrices.
//!
//! Several texts lie end to end in one matrix of activations, a token a row, so nothing is padded; only attention
//! looks at one text at a time. Activations are rounded to 8 bits for the weights (each token with its own scale)
//! and to 16 bits for attention.

mod attention;
mod pair;

use crate::kernels::{Level, Product, Sides};
use crate::weights::{Layer, Linear, Norm, Pooling, Weights};
use attention::Attention;
pub(crate) use pair::{Half, Pair};

/// The least rows that pass through the wide middle of a layer together, where there are as many: few enough to stay
/// in the second cache, enough to use each byte of weights often.
const MIDDLE_ROWS: usize = 96;

/// Buffers of one worker, kept from text to text. They grow to the largest batch seen.
#[derive(Default)]
pub(crate) struct Scratch {
    /// `tokens × hidden`: what flows from layer to layer.
    hidden: Vec<f32>,
    /// `tokens × 3 hidden` for attention, `rows × inner` in the middle of a layer.
    wide: Vec<f32>,
    /// `tokens × hidden`: what attention and the middle give back.
    narrow: Vec<f32>,
    rounded: Rounded,
    attention: Attention,
}

/// Activations rounded to 8 bits.
#[derive(Default)]
struct Rounded {
    values: Vec<i8>,
    stride: usize,
    scales: Vec<f32>,
    corrections: Vec<i32>,
}

impl Rounded {
    /// Rounds `rows`, each `linear.inputs` values at `stride`, as `linear` wants them.
    fn set(&mut self, level: Level, rows: &mut [f32], stride: usize, linear: &Linear) {
        self.set_with(level, rows, stride, linear, |_| {});
    }

    /// As [`Rounded::set`], each row after `activate`, while it is in the first cache.
    fn set_with(
        &mut self,
        level: Level,
        rows: &mut [f32],
        stride: usize,
        linear: &Linear,
        activate: impl Fn(&mut [f32]),
    ) {
        let count = rows.len() / stride;
        self.stride = linear.padded_inputs();
        self.values.resize(self.values.len().max(count * self.stride), 0);
        self.scales.clear();
        self.corrections.clear();
        for (row, out) in rows.chunks_exact_mut(stride).zip(self.values.chunks_exact_mut(self.stride)) {
            let row = &mut row[..linear.inputs];
            activate(row);
            let (scale, sum) = level.round_row(row, &linear.factors, out);
            self.scales.push(scale);
            self.corrections.push(128 * sum);
        }
    }

    /// `out = rounded rows · linear + bias`; a row of `out` has `linear.padded_outputs()` values.
    fn multiply(&self, level: Level, weights: &Weights, linear: &Linear, out: &mut [f32]) {
        level.multiply(Product {
            sides: Sides::Bytes { left: &self.values, panels: weights.panels(linear) },
            left_stride: self.stride,
            rows: self.scales.len(),
            steps: self.stride / 4,
            corrections: &self.corrections,
            row_scales: &self.scales,
            column_scales: &linear.scales,
            biases: &linear.biases,
            out,
            out_stride: linear.padded_outputs(),
        });
    }
}

/// Makes `buffer` at least `length` long and gives its first `length` values, whatever they hold.
fn first<T: Copy + Default>(buffer: &mut Vec<T>, length: usize) -> &mut [T] {
    if buffer.len() < length {
        buffer.resize(length, T::default());
    }
    &mut buffer[..length]
}

/// Encodes texts given as token ids: one unit vector each into `out`, in order.
pub(crate) fn encode(
    weights: &Weights,
    level: Level,
    texts: &[Vec<u32>],
    scratch: &mut Scratch,
    out: &mut [f32],
) {
    let settings = &weights.settings;
    let width = settings.hidden;
    let tokens: usize = texts.iter().map(Vec::len).sum();
    let hidden = first(&mut scratch.hidden, tokens * width);
    let mut start = 0;
    for ids in texts {
        let end = start + ids.len();
        embed(weights, level, ids, 0, &mut hidden[start * width..end * width]);
        start = end;
    }
    for layer in &weights.layers {
        scratch.project(weights, level, layer, tokens);
        let stride = layer.attention.padded_outputs();
        let context = first(&mut scratch.narrow, tokens * width);
        let mut start = 0;
        for ids in texts {
            let end = start + ids.len();
            let projected = &scratch.wide[start * stride..end * stride];
            let context = &mut context[start * width..end * width];
            scratch.attention.run(level, settings, projected, stride, 0, context);
            start = end;
        }
        scratch.finish_layer(weights, level, layer, tokens);
    }
    let mut start = 0;
    for (ids, out) in texts.iter().zip(out.chunks_exact_mut(width)) {
        let end = start + ids.len();
        pool(weights, level, &scratch.hidden[start * width..end * width], out);
        start = end;
    }
}

/// Encodes one half of a text's tokens, beside the thread that encodes the other half; then each has all rows of the
/// last layer in `rows`.
///
/// Tokens meet in attention alone: there the two exchange their projections. All else is done row by row, so the bits
/// are those of [`encode`].
pub(crate) fn encode_half(
    weights: &Weights,
    level: Level,
    ids: &[u32],
    half: &Half<'_>,
    scratch: &mut Scratch,
    rows: &mut Vec<f32>,
) {
    let width = weights.settings.hidden;
    let mine = half.part(ids.len());
    let tokens = mine.len();
    embed(weights, level, &ids[mine.clone()], mine.start, first(&mut scratch.hidden, tokens * width));
    for layer in &weights.layers {
        scratch.project(weights, level, layer, tokens);
        let stride = layer.attention.padded_outputs();
        half.exchange(&scratch.wide[..tokens * stride], rows);
        let context = first(&mut scratch.narrow, tokens * width);
        scratch.attention.run(level, &weights.settings, rows, stride, mine.start, context);
        scratch.finish_layer(weights, level, layer, tokens);
    }
    half.exchange(&scratch.hidden[..tokens * width], rows);
}

/// The rows of tokens before the first layer; `place` is the first one's.
fn embed(weights: &Weights, level: Level, ids: &[u32], place: usize, rows: &mut [f32]) {
    let Norm { gains, offsets } = &weights.embedding_norm;
    for ((at, id), row) in ids.iter().enumerate().zip(rows.chunks_exact_mut(weights.settings.hidden)) {
        let (word, word_scale) = weights.row(&weights.words, *id as usize);
        let (place, place_scale) = weights.row(&weights.places, place + at);
        level.embed_row(word, word_scale, place, place_scale, row);
        level.normalise_row(row, gains, offsets, weights.settings.layer_norm_eps);
    }
}

/// The vector of a text from the rows of its tokens.
pub(crate) fn pool(weights: &Weights, level: Level, rows: &[f32], out: &mut [f32]) {
    let width = weights.settings.hidden;
    match weights.settings.pooling {
        Pooling::FirstToken => out.copy_from_slice(&rows[..width]),
        Pooling::Mean => {
            out.fill(0.0);
            rows.chunks_exact(width).for_each(|row| level.add_row(out, row));
        }
    }
    // A mean and a sum point the same way.
    level.to_unit_length(out);
}

impl Scratch {
    /// Query, key and value of each token, into `wide`.
    fn project(&mut self, weights: &Weights, level: Level, layer: &Layer, tokens: usize) {
        let width = weights.settings.hidden;
        let projected = first(&mut self.wide, tokens * layer.attention.padded_outputs());
        self.rounded.set(level, &mut self.hidden[..tokens * width], width, &layer.attention);
        self.rounded.multiply(level, weights, &layer.attention, projected);
    }

    /// All that follows attention, whose result is in `narrow`.
    fn finish_layer(&mut self, weights: &Weights, level: Level, layer: &Layer, tokens: usize) {
        let width = weights.settings.hidden;
        let Self { hidden, wide, narrow, rounded, .. } = self;
        let hidden = &mut hidden[..tokens * width];
        rounded.set(level, &mut narrow[..tokens * width], width, &layer.context);
        add_back(level, weights, &layer.context, &layer.context_norm, rounded, wide, hidden);

        // Equal parts: a short last one would read all weights for little.
        let parts = (tokens / MIDDLE_ROWS).max(1);
        for rows in hidden.chunks_mut(tokens.div_ceil(parts).max(1) * width) {
            let stride = layer.expand.padded_outputs();
            let middle = first(wide, rows.len() / width * stride);
            rounded.set(level, rows, width, &layer.expand);
            rounded.multiply(level, weights, &layer.expand, middle);
            rounded.set_with(level, middle, stride, &layer.contract, |row| level.gelu_row(row));
            add_back(level, weights, &layer.contract, &layer.contract_norm, rounded, narrow, rows);
        }
    }
}

/// `hidden = norm(hidden + rounded · linear)`.
fn add_back(
    level: Level,
    weights: &Weights,
    linear: &Linear,
    norm: &Norm,
    rounded: &Rounded,
    buffer: &mut Vec<f32>,
    hidden: &mut [f32],
) {
    let width = weights.settings.hidden;
    let stride = linear.padded_outputs();
    let more = first(buffer, hidden.len() / width * stride);
    rounded.multiply(level, weights, linear, more);
    for (row, more) in hidden.chunks_exact_mut(width).zip(more.chunks_exact(stride)) {
        level.add_and_normalise_row(
            row,
            &more[..width],
            &norm.gains,
            &norm.offsets,
            weights.settings.layer_norm_eps,
        );
    }
}
