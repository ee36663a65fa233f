//! One question to one collection, and what came back as an index and hits.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use corpus::{Chunk, ChunkId};
use search::{Hit, Index, IndexBuilder, Metadata, Ordinal, Scope};
use serde_json::{Value, json};

use super::super::retriever::{CANDIDATES, favour, fuse_legs};
use super::super::{LexicalPart, Query, ScoredChunk};
use super::Unavailable;
use super::opened::Opened;
use super::scheme;
use crate::providers::qdrant::{Patience, Qdrant};

/// Points that come with their text. The fifty best of our own fusion are nearly always among them: they are the best
/// of Qdrant's, which sees the same two lists.
const WITH_TEXT: usize = 80;

/// What one call brought.
pub(super) struct Answer {
    /// Points with payload.
    pub(super) points: Vec<Value>,
    /// Cosines: the nearest points, best first, then those that only the words leg found.
    nearest: Vec<(ChunkId, f32)>,
    /// Word scores, best first; `None` when the collection knows no words.
    words: Option<Vec<(ChunkId, f32)>>,
}

/// Asks for both legs and their fusion in one call.
pub(super) async fn ask(
    client: &Qdrant,
    opened: &Opened,
    query: &Query,
    vector: Option<&[f32]>,
    limit: Duration,
) -> Result<Answer, Unavailable> {
    let scope = Scope { version: query.version.as_deref(), locale: query.locale.as_deref() };
    let filter = scheme::filter(scope, &opened.indexed);
    let leg = |query: Value, using: &str| {
        let mut leg = json!({"query": query, "limit": CANDIDATES, "with_payload": false});
        if !using.is_empty() {
            leg["using"] = using.into();
        }
        if let Some(filter) = &filter {
            leg["filter"] = filter.clone();
        }
        leg
    };
    let dense = match (&opened.dense, vector) {
        (Some((name, _)), Some(vector)) => Some(leg(json!(vector), name)),
        _ => None,
    };
    let sparse = opened.words.sparse_query(&query.text);
    let words = (opened.has_words && !sparse.indices.is_empty()).then(|| leg(json!(sparse), scheme::SPARSE));
    let searches = match (dense, words) {
        (Some(dense), Some(words)) => {
            vec![hybrid(&dense, &words), compared(&dense, &words), dense, words]
        }
        (Some(only), None) | (None, Some(only)) => vec![with_text(only)],
        (None, None) if opened.has_words => {
            return Ok(Answer { points: Vec::new(), nearest: Vec::new(), words: Some(Vec::new()) });
        }
        (None, None) => return Err(Unavailable::NoVector { collection: opened.collection.clone() }),
    };
    let mut lists = client.query_batch(&opened.collection, &searches, Patience::Reader(limit)).await?;
    Ok(match (lists.len(), vector.is_some()) {
        (4, _) => {
            let words = scores(&lists.pop().unwrap_or_default());
            let mut nearest = scores(&lists.pop().unwrap_or_default());
            let known: HashSet<ChunkId> = nearest.iter().map(|(id, _)| *id).collect();
            let compared = scores(&lists.pop().unwrap_or_default());
            nearest.extend(compared.into_iter().filter(|(id, _)| !known.contains(id)));
            Answer { points: lists.pop().unwrap_or_default(), nearest, words: Some(words) }
        }
        (_, true) => {
            let points = lists.pop().unwrap_or_default();
            let words = opened.has_words.then(Vec::new);
            Answer { nearest: scores(&points), words, points }
        }
        (_, false) => {
            let points = lists.pop().unwrap_or_default();
            Answer { nearest: Vec::new(), words: Some(scores(&points)), points }
        }
    })
}

/// The words leg's points with their cosines: a chunk that both legs know must not lose against one of them for standing
/// just below the cut of the other.
fn compared(dense: &Value, words: &Value) -> Value {
    let mut query = dense.clone();
    query["prefetch"] = json!([prefetched(words)]);
    query
}

fn prefetched(leg: &Value) -> Value {
    let mut leg = leg.clone();
    if let Some(fields) = leg.as_object_mut() {
        fields.remove("with_payload");
    }
    leg
}

/// Both legs fused by Qdrant. Reciprocal ranks with its own `k` are understood by every server; they only choose which
/// points come with their text.
fn hybrid(dense: &Value, words: &Value) -> Value {
    json!({
        "prefetch": [prefetched(dense), prefetched(words)],
        "query": {"fusion": "rrf"},
        "limit": WITH_TEXT,
        "with_payload": true,
    })
}

fn with_text(mut leg: Value) -> Value {
    leg["limit"] = WITH_TEXT.into();
    leg["with_payload"] = true.into();
    leg
}

fn scores(points: &[Value]) -> Vec<(ChunkId, f32)> {
    let score = |point: &Value| Some((scheme::chunk_id(point)?, point["score"].as_f64()? as f32));
    points.iter().filter_map(score).collect()
}

/// The question and the index file beside Qdrant, which knows the vectors of sentences: a collection holds none.
pub(super) struct Sentences {
    pub(super) file: Arc<Index>,
    pub(super) question: Vec<f32>,
}

impl Sentences {
    /// Each chunk with the cosine of its best sentence where that is higher. One that the file does not hold stays as it
    /// is; one that it holds has the same text, for the name is a hash of it.
    fn raised(&self, nearest: &[(ChunkId, f32)]) -> Vec<(ChunkId, f32)> {
        let raised = nearest.iter().map(|(id, score)| {
            let known = self.file.find(*id).map(|ordinal| Hit { ordinal, score: *score });
            let best = known.map(|hit| self.file.raised_by_sentences(&self.question, &[hit])[0].score);
            (*id, best.unwrap_or(*score))
        });
        raised.collect()
    }
}

/// Makes an index of the points and ranks them as the index file would. CPU work of a millisecond or two.
pub(super) fn assemble(
    opened: &Opened,
    answer: &Answer,
    query: &Query,
    sentences: Option<&Sentences>,
) -> Result<(Index, Vec<ScoredChunk>), Unavailable> {
    let index = index_of(opened, &answer.points)?;
    let local = index.lexical(&query.text, Scope::default(), CANDIDATES);
    // Chunks without text take part in the scaling of scores, under ordinals that no chunk of the index has.
    let mut names: HashMap<ChunkId, Ordinal> = HashMap::new();
    let mut ordinal = |id: ChunkId| {
        let unnamed = Ordinal((index.len() + names.len()) as u32);
        *names.entry(id).or_insert_with(|| index.find(id).unwrap_or(unnamed))
    };
    let mut hits = |list: &[(ChunkId, f32)]| -> Vec<Hit> {
        list.iter().map(|(id, score)| Hit { ordinal: ordinal(*id), score: *score }).collect()
    };
    let nearest = hits(&answer.nearest);
    let raised = match sentences {
        Some(sentences) => hits(&sentences.raised(&answer.nearest)),
        None => nearest.clone(),
    };
    let exact: HashMap<Ordinal, f32> = local.iter().map(|hit| (hit.ordinal, hit.score)).collect();
    let mut words = match &answer.words {
        Some(words) => hits(words),
        None => local.iter().map(|hit| Hit { ordinal: hit.ordinal, score: hit.score }).collect(),
    };
    // Where the text is known its score is exact, stop words included.
    for hit in &mut words {
        hit.score = exact.get(&hit.ordinal).copied().unwrap_or(hit.score);
    }
    words.sort_by(|one, other| other.score.total_cmp(&one.score).then(one.ordinal.cmp(&other.ordinal)));
    let best = words.first().and_then(|best| local.iter().find(|hit| hit.ordinal == best.ordinal));
    let mut fused = fuse_legs(&words, &raised, best.map(|hit| hit.coverage));
    fused.retain(|hit| (hit.ordinal.0 as usize) < index.len());
    favour(&index, query, &mut fused);

    let ranks: HashMap<Ordinal, usize> =
        words.iter().enumerate().map(|(place, hit)| (hit.ordinal, place + 1)).collect();
    let parts: HashMap<Ordinal, LexicalPart> = local
        .iter()
        .filter_map(|hit| {
            let rank = *ranks.get(&hit.ordinal)?;
            let part = LexicalPart { rank, score: hit.score, fields: hit.fields, coverage: hit.coverage };
            Some((hit.ordinal, part))
        })
        .collect();
    let cosines: HashMap<Ordinal, f32> = nearest.iter().map(|hit| (hit.ordinal, hit.score)).collect();
    let hits = fused
        .into_iter()
        .take(super::super::HITS)
        .map(|hit| ScoredChunk {
            ordinal: hit.ordinal,
            score: hit.score,
            lexical: parts.get(&hit.ordinal).copied(),
            cosine: cosines.get(&hit.ordinal).map(|cosine| cosine.clamp(-1.0, 1.0)),
        })
        .collect();
    Ok((index, hits))
}

pub(super) fn index_of(opened: &Opened, points: &[Value]) -> Result<Index, Unavailable> {
    let mut chunks: Vec<Chunk> = points.iter().filter_map(scheme::chunk_of).collect();
    // In the order of the book, so that neighbours stand side by side.
    chunks.sort_by(|one, other| {
        let place = |chunk: &Chunk| {
            (chunk.version.clone(), chunk.locale.clone(), chunk.file_path.clone(), chunk.position, chunk.id)
        };
        place(one).cmp(&place(other))
    });
    let known = opened.words.metadata();
    let metadata = Metadata { embedder: opened.embedder.clone(), dimensions: 0, facts: known.facts.clone() };
    let mut builder = IndexBuilder::new(metadata);
    chunks.iter().for_each(|chunk| builder.push(chunk, &[]));
    let index = Index::from_bytes(builder.build()).map_err(|error| Unavailable::Unfit(error.to_string()))?;
    Ok(match opened.words.shared_statistics() {
        Some(statistics) => index.with_statistics(statistics),
        None => index,
    })
}
