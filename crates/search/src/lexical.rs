//! BM25 over four fields. A query is read once into [`Asked`]; its terms' postings are added up chunk by chunk; the
//! best chunks are then looked at again to say which field and which words made their score.

use std::collections::HashMap;

use crate::analyzer::{Analyzer, Role};
use crate::fields::{BODY, CODE, HEADINGS, TITLE};
use crate::format::FIELDS;
use crate::postings::{Postings, TermPostings};
use crate::steps::{Step, Steps};
use crate::top::Top;
use crate::{Hit, Ordinal, Statistics, Term, term_place};

/// How soon further occurrences of a term stop to count; the usual value.
pub(crate) const K1: f32 = 1.2;

/// What an occurrence in a field is worth against one in the body, and how much a field's length counts against it.
/// Round numbers in the middle of a plateau: on two whole question sets in windows of 180 words, nDCG@10 moves by about
/// 0.005 at most when a weight is anything from 1 to 4, a title's length part from 0 to 0.75, a body's from 0.6 to 0.9
/// or `K1` from 0.9 to 2.
const FIELD_WEIGHTS: [f32; FIELDS] = [2.0, 2.0, 1.0, 1.0];
const FIELD_LENGTH_PARTS: [f32; FIELDS] = [0.5, 0.5, 0.75, 0.75];

/// A piece of a name that the book knows as a whole says less than the whole.
const PIECE_WEIGHT: f32 = 0.5;

/// Stop words beside other words only break ties (`while let` over `if let`): in a short book `how` is rare enough to
/// look telling, and with their full weight nDCG@10 falls by 0.01 to 0.07.
const STOP_WORD_WEIGHT: f32 = 0.1;

/// A word that the book never uses is read as one that it uses and that is one slip of the finger away, when it has at
/// least so many letters: short words are too near to each other.
const LEAST_MISSPELT: usize = 6;

/// What a guess counts against a word that the book uses.
const GUESS_WEIGHT: f32 = 0.5;

/// More terms than this are scored by the most telling ones only, which bounds the cost of a long query.
const MAX_SCORED_TERMS: usize = 64;

/// A field's part in a lexical score; they sum to it.
#[derive(Debug, Clone, Copy, Default, PartialEq, serde::Serialize)]
pub struct FieldScores {
    /// From the page's title.
    pub title: f32,
    /// From the headings that enclose the chunk.
    pub headings: f32,
    /// From its running text.
    pub body: f32,
    /// From its code blocks.
    pub code: f32,
}

/// A lexical hit that explains itself.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct LexicalHit {
    /// Which chunk.
    pub ordinal: Ordinal,
    /// BM25 over all fields.
    pub score: f32,
    /// The same by field.
    pub fields: FieldScores,
    /// Share of the query's idf mass whose words occur in the chunk, 0 to 1; stop words do not count unless the
    /// query holds nothing else. A name counts whole when it occurs as such, else by its pieces.
    pub coverage: f32,
}

/// A term of a query and what the book knows of it.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct QueryTerm {
    /// The word as the reader wrote it.
    pub text: String,
    /// Its term.
    #[serde(serialize_with = "serialize_term")]
    pub term: Term,
    /// How telling it is; the highest for a term that the book never uses.
    pub idf: f32,
    /// Number of chunks that hold it; of a misspelt word, those that hold what it was meant to be.
    pub document_frequency: u32,
    /// Too common in the language to carry a question.
    pub stop_word: bool,
}

#[allow(clippy::needless_pass_by_value, reason = "serde gives a reference")]
fn serialize_term<S: serde::Serializer>(term: &Term, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&term.0)
}

/// Inverse document frequency: `ln(1 + (n - df + ½) / (df + ½))`, never below 0.
pub(crate) fn idf(chunks: usize, document_frequency: usize) -> f32 {
    let (chunks, frequency) = (chunks as f64, document_frequency as f64);
    (1.0 + (chunks - frequency + 0.5) / (frequency + 0.5)).ln() as f32
}

/// The mean length of each field, at least 1.
pub(crate) fn mean_lengths(lengths: &[[u32; FIELDS]]) -> [f32; FIELDS] {
    let mut sums = [0u64; FIELDS];
    for chunk in lengths {
        for field in 0..FIELDS {
            sums[field] += u64::from(chunk[field]);
        }
    }
    sums.map(|sum| (sum as f64 / lengths.len().max(1) as f64).max(1.0) as f32)
}

/// What an occurrence is worth in each field of each chunk: the field's weight over its relative length. Without the step
/// for it, all fields weigh the same.
pub(crate) fn norms(
    lengths: &[[u32; FIELDS]],
    mean_lengths: [f32; FIELDS],
    steps: Steps,
) -> Vec<[f32; FIELDS]> {
    let weights = if steps.has(Step::Fields) { FIELD_WEIGHTS } else { [1.0; FIELDS] };
    let norm = |chunk: &[u32; FIELDS]| {
        std::array::from_fn(|field| {
            let part = FIELD_LENGTH_PARTS[field];
            weights[field] / (1.0 - part + part * chunk[field] as f32 / mean_lengths[field].max(1.0))
        })
    };
    lengths.iter().map(norm).collect()
}

/// The book that words are weighed by.
#[derive(Clone, Copy)]
pub(crate) struct Weighing<'a> {
    /// Number of chunks of the index itself.
    pub(crate) chunks: usize,
    /// The book that the index is a part of.
    pub(crate) whole: Option<&'a Statistics>,
}

impl Weighing<'_> {
    /// Number of chunks that hold a term, and its idf.
    pub(crate) fn of(self, term: &str, postings: &TermPostings<'_>) -> (u32, f32) {
        let (chunks, frequency) = match self.whole {
            None => (self.chunks, postings.len() as u32),
            Some(whole) => {
                (whole.chunks, whole.frequencies.get(&term_place(term)).copied().unwrap_or_default())
            }
        };
        (frequency, idf(chunks, frequency as usize))
    }
}

/// A query as the scorer sees it.
#[derive(Debug)]
pub(crate) struct Asked<'a> {
    terms: Vec<AskedTerm<'a>>,
    words: Vec<AskedWord>,
}

#[derive(Debug)]
struct AskedTerm<'a> {
    query_term: QueryTerm,
    postings: TermPostings<'a>,
    /// Occurrences in the query, less for stop words and pieces.
    weight: f32,
    /// Not a stop word beside other words: only such a term makes a chunk a hit.
    tells: bool,
}

/// A word of the query: its term and, for a name, those of its pieces; places in `Asked::terms`.
#[derive(Debug, PartialEq, Eq, Hash)]
struct AskedWord {
    whole: usize,
    pieces: Vec<usize>,
}

impl<'a> Asked<'a> {
    /// Reads a query against the postings of an index.
    pub(crate) fn new(
        query: &str,
        analyzer: &Analyzer,
        postings: Postings<'a>,
        weighing: Weighing<'_>,
    ) -> Self {
        let mut terms: Vec<AskedTerm<'a>> = Vec::new();
        let mut words: Vec<AskedWord> = Vec::new();
        let mut roles: Vec<(usize, Role)> = Vec::new();
        let mut places: HashMap<String, usize> = HashMap::new();
        analyzer.for_each_token(query, |token| {
            if token.role == Role::Inner {
                return;
            }
            let place = *places.entry(token.term.to_owned()).or_insert_with(|| {
                let found = postings.find(token.term);
                let (document_frequency, idf) = weighing.of(token.term, &found);
                let query_term = QueryTerm {
                    text: query[token.range.clone()].to_owned(),
                    term: Term(token.term.to_owned()),
                    idf,
                    document_frequency,
                    stop_word: true,
                };
                terms.push(AskedTerm { query_term, postings: found, weight: 0.0, tells: true });
                terms.len() - 1
            });
            terms[place].query_term.stop_word &= token.is_stop_word;
            roles.push((place, token.role));
            match (token.role, words.last_mut()) {
                (Role::Piece, Some(word)) => word.pieces.push(place),
                _ => words.push(AskedWord { whole: place, pieces: Vec::new() }),
            }
        });
        let only_stop_words = terms.iter().all(|term| term.query_term.stop_word);
        let mut word_is_known = false;
        for (place, role) in roles {
            let term = &mut terms[place];
            if role != Role::Piece {
                word_is_known = term.query_term.document_frequency > 0;
            }
            let of_role = if role == Role::Piece && word_is_known { PIECE_WEIGHT } else { 1.0 };
            term.tells = only_stop_words || !term.query_term.stop_word;
            let of_kind = if term.tells { 1.0 } else { STOP_WORD_WEIGHT };
            term.weight += of_role * of_kind;
        }
        let mut asked = Self { terms, words };
        asked.drop_silent_words();
        // English questions were mended as a whole.
        if !analyzer.is_english() {
            asked.guess_misspelt_words(postings, weighing);
        }
        asked
    }

    /// Gives plain words that the book never uses the postings of what they were meant to be.
    fn guess_misspelt_words(&mut self, postings: Postings<'a>, weighing: Weighing<'_>) {
        // A part of a book does not know what the whole uses.
        if weighing.whole.is_some() {
            return;
        }
        for word in self.words.iter().filter(|word| word.pieces.is_empty()) {
            let term = &mut self.terms[word.whole];
            let letters = term.query_term.term.0.as_str();
            let is_plain = letters.chars().all(char::is_alphabetic);
            if term.postings.is_empty() && is_plain && letters.chars().count() >= LEAST_MISSPELT {
                term.postings = postings.find_misspelt(letters);
                // As telling as the word that it stands for, but it may be the wrong one.
                term.weight *= GUESS_WEIGHT;
                term.query_term.idf = idf(weighing.chunks, term.postings.len());
                // Nor is it unknown to the book: a slip of the finger must not make a question foreign.
                term.query_term.document_frequency = term.postings.len() as u32;
            }
        }
    }

    /// Leaves the words that coverage counts: each once, without stop words.
    fn drop_silent_words(&mut self) {
        let terms = &self.terms;
        let counts = |place: &usize| terms[*place].tells;
        for word in &mut self.words {
            word.pieces.retain(counts);
        }
        let mut seen = std::collections::HashSet::new();
        self.words.retain(|word| counts(&word.whole) && seen.insert(word.whole));
    }

    /// The distinct terms, in the order of the query.
    pub(crate) fn into_terms(self) -> Vec<QueryTerm> {
        self.terms.into_iter().map(|term| term.query_term).collect()
    }

    /// The words as written that the book uses neither whole nor, for a name, in all of its pieces.
    pub(crate) fn unknown_words(&self) -> Vec<String> {
        let is_unseen = |place: &usize| self.terms[*place].query_term.document_frequency == 0;
        let unknown = self.words.iter().filter(|word| {
            is_unseen(&word.whole) && (word.pieces.is_empty() || word.pieces.iter().any(is_unseen))
        });
        unknown.map(|word| self.terms[word.whole].query_term.text.clone()).collect()
    }

    /// The words as written that none of `chunks` holds, neither whole nor, for a name, in all of its pieces.
    pub(crate) fn missing_words(&self, chunks: &[Ordinal]) -> Vec<String> {
        let is_held = |place: &usize, chunk: &Ordinal| {
            let term = &self.terms[*place];
            term.postings.counts(chunk.0).is_some()
        };
        let missing = self.words.iter().filter(|word| {
            !chunks.iter().any(|chunk| {
                is_held(&word.whole, chunk)
                    || (!word.pieces.is_empty() && word.pieces.iter().all(|piece| is_held(piece, chunk)))
            })
        });
        missing.map(|word| self.terms[word.whole].query_term.text.clone()).collect()
    }

    /// The `limit` chunks with the highest scores among those that `matches` lets through.
    pub(crate) fn search(
        &self,
        norms: &[[f32; FIELDS]],
        limit: usize,
        matches: impl Fn(u32) -> bool,
    ) -> Vec<LexicalHit> {
        let scored = self.scored_terms();
        let mut scores = vec![0.0f32; norms.len()];
        for term in &scored {
            let factor = term.factor();
            for (ordinal, counts) in term.postings.iter() {
                let place = ordinal as usize;
                let (Some(score), Some(norm)) = (scores.get_mut(place), norms.get(place)) else { continue };
                if term.tells || *score > 0.0 {
                    *score += factor * saturated(weigh(counts, norm).iter().sum());
                }
            }
        }
        let mut top = Top::new(limit);
        for (ordinal, score) in (0..).zip(scores) {
            if score > 0.0 && top.accepts(score, ordinal) && matches(ordinal) {
                top.push(score, ordinal);
            }
        }
        top.into_hits().into_iter().map(|hit| self.explain(hit, &scored, norms)).collect()
    }

    /// The terms that the book knows with what each counts, idf left out; of too many the most telling. Without stop
    /// words, unless there is nothing else: they only break ties, and an engine would find chunks for them alone.
    pub(crate) fn weights(&self) -> impl Iterator<Item = (&str, f32)> {
        let mut known: Vec<&AskedTerm<'a>> =
            self.terms.iter().filter(|term| term.tells && term.query_term.document_frequency > 0).collect();
        known.sort_by(|left, right| right.factor().total_cmp(&left.factor()));
        known.truncate(MAX_SCORED_TERMS);
        known.into_iter().map(|term| (term.query_term.term.0.as_str(), term.weight))
    }

    /// Terms that occur in the book, stop words last, else in the order of the query; of too many the most telling.
    fn scored_terms(&self) -> Vec<&AskedTerm<'a>> {
        let mut places: Vec<usize> =
            (0..self.terms.len()).filter(|place| !self.terms[*place].postings.is_empty()).collect();
        if places.len() > MAX_SCORED_TERMS {
            places.sort_by(|left, right| self.terms[*right].factor().total_cmp(&self.terms[*left].factor()));
            places.truncate(MAX_SCORED_TERMS);
            places.sort_unstable();
        }
        places.sort_by_key(|place| !self.terms[*place].tells);
        places.into_iter().map(|place| &self.terms[place]).collect()
    }

    fn explain(&self, hit: Hit, scored: &[&AskedTerm<'a>], norms: &[[f32; FIELDS]]) -> LexicalHit {
        let Hit { ordinal: Ordinal(ordinal), score } = hit;
        let mut by_field = [0.0f32; FIELDS];
        for term in scored {
            let Some(counts) = term.postings.counts(ordinal) else { continue };
            let parts = weigh(counts, &norms[ordinal as usize]);
            let sum: f32 = parts.iter().sum();
            let gained = term.factor() * saturated(sum);
            for field in 0..FIELDS {
                by_field[field] += gained * parts[field] / sum;
            }
        }
        let fields = FieldScores {
            title: by_field[TITLE],
            headings: by_field[HEADINGS],
            body: by_field[BODY],
            code: by_field[CODE],
        };
        LexicalHit { ordinal: hit.ordinal, score, fields, coverage: self.coverage(ordinal) }
    }

    fn coverage(&self, ordinal: u32) -> f32 {
        let idf = |place: &usize| self.terms[*place].query_term.idf;
        let holds = |place: &usize| self.terms[*place].postings.counts(ordinal).is_some();
        let (mut covered, mut whole) = (0.0f32, 0.0f32);
        for word in &self.words {
            let mass = match word.pieces.iter().map(idf).max_by(f32::total_cmp) {
                Some(most) => most,
                None => idf(&word.whole),
            };
            let share = match &word.pieces[..] {
                _ if holds(&word.whole) => 1.0,
                [] => 0.0,
                pieces => {
                    let held: f32 = pieces.iter().filter(|piece| holds(piece)).map(idf).sum();
                    held / pieces.iter().map(idf).sum::<f32>().max(f32::MIN_POSITIVE)
                }
            };
            covered += mass * share;
            whole += mass;
        }
        if whole > 0.0 { (covered / whole).min(1.0) } else { 0.0 }
    }
}

impl AskedTerm<'_> {
    fn factor(&self) -> f32 {
        self.weight * self.query_term.idf * (K1 + 1.0)
    }
}

/// Occurrences by field, each weighed by its norm.
pub(crate) fn weigh(counts: [u8; FIELDS], norm: &[f32; FIELDS]) -> [f32; FIELDS] {
    std::array::from_fn(|field| f32::from(counts[field]) * norm[field])
}

pub(crate) fn saturated(occurrences: f32) -> f32 {
    occurrences / (K1 + occurrences)
}

#[cfg(test)]
mod tests;
