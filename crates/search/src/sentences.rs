//! Vectors of sentences: a chunk is as near to a question as the nearest of its sentences, if that is nearer than the
//! whole. Only chunks that a leg has found are looked at, so eight bits a number are exact enough and cost little.

use crate::Hit;
use crate::codes::{self, QueryCodes};
use crate::format::slice_of;
use crate::vectors::normalise;

/// The sentences' vectors of an index, as they lie in the file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SentenceVectors<'a> {
    pub(crate) dimensions: usize,
    /// Where each chunk's sentences end; empty when no chunk has any.
    pub(crate) ends: &'a [u64],
    pub(crate) codes: &'a [u8],
    pub(crate) steps: &'a [f32],
}

impl<'a> SentenceVectors<'a> {
    fn of(&self, chunk: usize) -> impl Iterator<Item = (&'a [u8], f32)> + use<'a> {
        let steps = slice_of(self.ends, self.steps, chunk);
        let first = chunk.checked_sub(1).map_or(0, |before| self.ends.get(before).copied().unwrap_or(0));
        let start = (first as usize).saturating_mul(self.dimensions);
        let codes = self.codes.get(start..).unwrap_or(&[]);
        codes.chunks_exact(self.dimensions.max(1)).zip(steps.iter().copied())
    }

    /// The vectors of a chunk's sentences, one after the other.
    pub(crate) fn values(&self, chunk: usize) -> impl Iterator<Item = f32> + use<'a> {
        self.of(chunk).flat_map(|(row, step)| codes::decode(row, step))
    }

    /// The hits in their order, each with the cosine of its best sentence where that is higher than its score.
    pub(crate) fn raise(&self, query: &[f32], hits: &[Hit]) -> Vec<Hit> {
        let mut query = query.to_vec();
        normalise(&mut query);
        let has_direction = query.iter().any(|value| *value != 0.0);
        if query.len() != self.dimensions || self.dimensions > codes::MAX_DIMENSIONS || !has_direction {
            return hits.to_vec();
        }
        let query = QueryCodes::new(&query);
        let raised = hits.iter().map(|hit| {
            let own = self.of(hit.ordinal.0 as usize).map(|(row, step)| query.score(row, [step, 0.0]).0);
            Hit { ordinal: hit.ordinal, score: own.fold(hit.score, f32::max) }
        });
        raised.collect()
    }
}
