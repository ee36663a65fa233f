//! Exact vector search: one dot product for each chunk, over one contiguous block of the file. Large indexes are
//! first scanned in eight bits, with an error bound that makes the result the same.

use crate::Hit;
use crate::codes::{self, QueryCodes};
use crate::top::Top;

/// The vectors of an index, as they lie in the file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Vectors<'a> {
    pub(crate) dimensions: usize,
    pub(crate) values: &'a [f32],
    /// Empty when the index is too small to need them.
    pub(crate) codes: &'a [u8],
    pub(crate) scales: &'a [[f32; 2]],
}

impl<'a> Vectors<'a> {
    /// The vector of a chunk; `None` when it has none.
    pub(crate) fn get(&self, ordinal: usize) -> Option<&'a [f32]> {
        let start = ordinal.checked_mul(self.dimensions)?;
        let vector = self.values.get(start..start.checked_add(self.dimensions)?)?;
        vector.iter().any(|value| *value != 0.0).then_some(vector)
    }

    /// The `limit` vectors with the highest cosine to `query` among the chunks that `matches` lets through.
    pub(crate) fn nearest(&self, query: &[f32], limit: usize, matches: impl Fn(u32) -> bool) -> Vec<Hit> {
        let mut query = query.to_vec();
        normalise(&mut query);
        let has_direction = query.iter().any(|value| *value != 0.0);
        if self.dimensions == 0 || query.len() != self.dimensions || limit == 0 || !has_direction {
            return Vec::new();
        }
        if self.codes.is_empty() || self.dimensions > codes::MAX_DIMENSIONS {
            self.scan(&query, limit, matches)
        } else {
            self.scan_codes(&query, limit, matches)
        }
    }

    fn scan(&self, query: &[f32], limit: usize, matches: impl Fn(u32) -> bool) -> Vec<Hit> {
        let mut top = Top::new(limit);
        for (ordinal, vector) in (0..).zip(self.values.chunks_exact(self.dimensions)) {
            self.offer(&mut top, ordinal, dot(query, vector), &matches);
        }
        top.into_hits()
    }

    fn offer(&self, top: &mut Top, ordinal: u32, score: f32, matches: &impl Fn(u32) -> bool) {
        // A chunk without vector scores exactly 0 and is no neighbour of anything.
        if top.accepts(score, ordinal)
            && matches(ordinal)
            && (score != 0.0 || self.get(ordinal as usize).is_some())
        {
            top.push(score, ordinal);
        }
    }

    /// The same as [`Self::scan`] in two passes. The first finds for each chunk the least and the highest score that
    /// its code allows; the `limit`-th best of the least scores is a floor that the true results all reach. The
    /// second scores exactly those chunks whose highest score reaches the floor.
    fn scan_codes(&self, query: &[f32], limit: usize, matches: impl Fn(u32) -> bool) -> Vec<Hit> {
        let codes = QueryCodes::new(query);
        let mut floors = Top::new(limit);
        let mut highest = Vec::with_capacity(self.scales.len());
        let rows = self.codes.chunks_exact(self.dimensions).zip(self.scales);
        for (ordinal, (row, scale)) in (0..).zip(rows) {
            let (score, error) = codes.score(row, *scale);
            highest.push(score + error);
            let floor = score - error;
            // A chunk without vector has a step of 0.
            if floors.accepts(floor, ordinal) && scale[0] != 0.0 && matches(ordinal) {
                floors.push(floor, ordinal);
            }
        }
        let floor = floors.threshold().unwrap_or(f32::NEG_INFINITY);
        let mut top = Top::new(limit);
        for (ordinal, highest) in (0..).zip(highest) {
            if highest >= floor {
                let start = ordinal as usize * self.dimensions;
                let vector = &self.values[start..start + self.dimensions];
                self.offer(&mut top, ordinal, dot(query, vector), &matches);
            }
        }
        top.into_hits()
    }
}

/// Scales to unit length. What has no direction (empty, zero, not finite) becomes zero; what is of unit length
/// already keeps its bits.
pub(crate) fn normalise(vector: &mut [f32]) {
    let length = vector.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>().sqrt();
    if !length.is_finite() || length == 0.0 {
        vector.fill(0.0);
    } else if (length - 1.0).abs() > 1e-5 {
        for value in vector {
            *value = (f64::from(*value) / length) as f32;
        }
    }
}

/// Dot product in sixteen running sums, which the compiler keeps in registers. The order of the additions is fixed,
/// so the same vectors give the same bits.
pub(crate) fn dot(left: &[f32], right: &[f32]) -> f32 {
    const LANES: usize = 16;
    let (left_blocks, left_rest) = left.as_chunks::<LANES>();
    let (right_blocks, right_rest) = right.as_chunks::<LANES>();
    let mut sums = [0.0f32; LANES];
    for (left, right) in left_blocks.iter().zip(right_blocks) {
        for lane in 0..LANES {
            sums[lane] += left[lane] * right[lane];
        }
    }
    let rest: f32 = left_rest.iter().zip(right_rest).map(|(left, right)| left * right).sum();
    sums.iter().sum::<f32>() + rest
}

#[cfg(test)]
mod tests;
