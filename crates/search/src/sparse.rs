//! Chunks and queries as sparse vectors, for engines that search by words themselves: the dot product of a chunk's and a
//! query's vector, each place weighed by its idf, is the BM25 score that [`Index::lexical`] gives but for its stop words. A book's [`Statistics`]
//! make the other way possible: an index of a few chunks that scores and weighs words as the whole book does.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::Index;
use crate::format::FIELDS;
use crate::lexical::{self, K1};

/// A sparse vector: each place of `indices` occurs once and is the [`term_place`] of a term, ascending.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SparseVector {
    /// Places that have a value.
    pub indices: Vec<u32>,
    /// Their values, in the same order.
    pub values: Vec<f32>,
}

/// What a whole book knows of its words: enough to weigh a query without the book.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Statistics {
    /// Number of chunks.
    pub chunks: usize,
    /// Mean length in tokens of title, headings, body and code.
    pub mean_lengths: [f32; FIELDS],
    /// Number of chunks that hold a term, by its [`term_place`].
    pub frequencies: HashMap<u32, u32>,
}

/// The place of a term in sparse vectors: FNV-1a of its bytes, 32 bits, with the bits mixed once more.
///
/// Two terms of a book of 20,000 terms share a place with a probability of some 5 %, and then count as one word.
pub fn term_place(term: &str) -> u32 {
    let hash =
        term.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    let mixed = (hash ^ (hash >> 16)).wrapping_mul(0x85eb_ca6b);
    mixed ^ (mixed >> 13)
}

impl Index {
    /// What this book knows of its words. O(terms).
    pub fn statistics(&self) -> Statistics {
        let mut frequencies = HashMap::with_capacity(self.term_count());
        for (term, postings) in self.postings().all() {
            // Terms that share a place are one word from here on.
            *frequencies.entry(term_place(term)).or_default() += postings.len() as u32;
        }
        let mean_lengths = lexical::mean_lengths(self.lengths());
        Statistics { chunks: self.len(), mean_lengths, frequencies }
    }

    /// The sparse vectors of all chunks, by ordinal. Lengths count against `mean_lengths`, which need not be this
    /// index's own: an engine keeps the vectors of unchanged chunks when others come and go. O(postings).
    pub fn sparse_vectors(&self, mean_lengths: [f32; FIELDS]) -> Vec<SparseVector> {
        let norms = lexical::norms(self.lengths(), mean_lengths, self.steps());
        let mut values: Vec<BTreeMap<u32, f32>> = vec![BTreeMap::new(); self.len()];
        for (term, postings) in self.postings().all() {
            let place = term_place(term);
            for (ordinal, counts) in postings.iter() {
                let ordinal = ordinal as usize;
                let (Some(values), Some(norm)) = (values.get_mut(ordinal), norms.get(ordinal)) else {
                    continue;
                };
                let occurrences = lexical::weigh(counts, norm).iter().sum();
                *values.entry(place).or_default() += (K1 + 1.0) * lexical::saturated(occurrences);
            }
        }
        values.into_iter().map(SparseVector::of).collect()
    }

    /// The sparse vector of a query: what each of its words counts, idf left out. Stop words are not in it, unless the
    /// query holds nothing else. Empty when no word is known.
    pub fn sparse_query(&self, query: &str) -> SparseVector {
        let mut values: BTreeMap<u32, f32> = BTreeMap::new();
        for (term, weight) in self.asked(query).weights() {
            *values.entry(term_place(term)).or_default() += weight;
        }
        SparseVector::of(values)
    }

    /// The statistics by which words are weighed, when they are not this index's own.
    pub fn shared_statistics(&self) -> Option<Arc<Statistics>> {
        self.statistics.clone()
    }

    /// The same index with words weighed as in the book that `statistics` speak of.
    pub fn with_statistics(mut self, statistics: Arc<Statistics>) -> Self {
        self.norms = lexical::norms(self.lengths(), statistics.mean_lengths, self.steps());
        self.statistics = Some(statistics);
        self
    }
}

impl SparseVector {
    fn of(values: BTreeMap<u32, f32>) -> Self {
        let (indices, values) = values.into_iter().unzip();
        Self { indices, values }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{chunk, index_of, number_of};
    use crate::{IndexBuilder, Metadata, Ordinal, Scope};

    fn book() -> Vec<corpus::Chunk> {
        vec![
            chunk(1, "Torque", &["Units"], "Torque is measured in newton metres, never in `useEffect`."),
            chunk(2, "Force", &["Units"], "A force is measured in newtons. A torque is not a force."),
            chunk(3, "Hooks", &["useEffect"], "```js\nuseEffect(() => listen());\n```\n\nThen clean up."),
            chunk(4, "Effects", &[], "What the effect of a hook is. How to use one."),
            chunk(5, "Empty", &[], ""),
        ]
    }

    const QUERIES: [&str; 5] =
        ["torque units", "What is the effect of useEffect?", "newton force", "what is it?", "gearbox"];

    /// As an engine with the modifier `idf` does it.
    fn dot(document: &SparseVector, query: &SparseVector, statistics: &Statistics) -> f32 {
        let values: HashMap<u32, f32> =
            document.indices.iter().copied().zip(document.values.iter().copied()).collect();
        let part = |(place, weight): (&u32, &f32)| {
            let frequency = statistics.frequencies.get(place).copied().unwrap_or_default();
            values.get(place).unwrap_or(&0.0) * weight * lexical::idf(statistics.chunks, frequency as usize)
        };
        query.indices.iter().zip(&query.values).map(part).sum()
    }

    #[test]
    fn the_dot_product_is_the_lexical_score() {
        let index = index_of(&book());
        let statistics = index.statistics();
        let documents = index.sparse_vectors(statistics.mean_lengths);
        for query in QUERIES {
            let sparse = index.sparse_query(query);
            for hit in index.lexical(query, Scope::default(), 10) {
                let score = dot(&documents[hit.ordinal.0 as usize], &sparse, &statistics);
                let stop_words = index.query_terms(query).iter().any(|term| term.stop_word)
                    && !query.starts_with("what is it");
                let most = if stop_words { 0.3 * hit.score } else { 1e-4 };
                assert!(
                    (0.0..most).contains(&(hit.score - score + 1e-5)),
                    "{query}: {score} for {}",
                    hit.score
                );
            }
        }
        assert_eq!(index.sparse_query("gearbox"), SparseVector::default());
        assert!(documents.iter().all(|document| document.indices.is_sorted_by(|one, other| one < other)));
    }

    #[test]
    fn a_part_of_a_book_weighs_words_as_the_whole_does() {
        let (whole, chunks) = (index_of(&book()), book());
        let statistics = Arc::new(whole.statistics());
        let part = index_of(&chunks[..2]).with_statistics(statistics.clone());
        let nothing = IndexBuilder::new(Metadata::default()).build();
        let nothing = Index::from_bytes(nothing).expect("opens").with_statistics(statistics);
        for query in QUERIES {
            assert_eq!(part.query_terms(query), whole.query_terms(query), "{query}");
            assert_eq!(nothing.query_terms(query), whole.query_terms(query), "{query}");
            assert_eq!(nothing.sparse_query(query), whole.sparse_query(query), "{query}");
            assert_eq!(part.unknown_words(query), whole.unknown_words(query), "{query}");
            let scores = |index: &Index| -> Vec<(u32, f32, f32)> {
                let hits = index.lexical(query, Scope::default(), 10).into_iter();
                hits.map(|hit| (number_of(index, hit.ordinal), hit.score, hit.coverage))
                    .filter(|(number, ..)| *number <= 2)
                    .collect()
            };
            assert_eq!(scores(&part), scores(&whole), "{query}");
        }
        assert!(nothing.lexical("torque", Scope::default(), 10).is_empty());
        assert_eq!(part.chunk(Ordinal(0)).title, "Torque");
    }
}
