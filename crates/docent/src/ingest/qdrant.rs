//! The index file's copy in Qdrant. It is made equal to the file, point by point: what is new or changed is written,
//! what is gone is removed, what is the same is left alone, so that a second run writes nothing and a run after a kill
//! goes on where the other one ended.
//!
//! The collection has a name of its own, made from its [`Facts`]; readers find it through an alias. Another embedder makes
//! another collection, and the alias moves when that is complete: readers never see half a book.

use std::collections::{HashMap, HashSet};
use std::time::Instant;

use corpus::{Chunk, ChunkId};
use reqwest::Method;
use search::{Index, SparseVector};
use serde::Serialize;
use serde_json::{Value, json};

use super::progress::Work;
use super::{Progress, title_of};
use crate::providers::qdrant::{Patience, Qdrant, QdrantError, path};
use crate::retrieve::qdrant::scheme::{self, Facts, Notes};
use crate::retrieve::topics;
use crate::times;

/// Nobody waits for an ingest.
const PATIENCE: Patience = Patience::Batch(times::QDRANT_CALL);

/// Points of one batch, as Qdrant advises.
const BATCH: usize = 128;

/// Bytes of one batch; a server takes 32 MB, and what stands in front of it may take less.
const BATCH_BYTES: usize = 8 * 1024 * 1024;

/// Bytes of a number in JSON, its comma included, at most about.
const NUMBER_BYTES: usize = 14;

/// Points of one page when a collection is read.
const PAGE: usize = 512;

/// Points of one page when vectors come along.
const PAGE_WITH_VECTORS: usize = 128;

/// Ids of one deletion.
const DELETIONS: usize = 1000;

/// The version that has collection metadata.
const METADATA_SINCE: (u32, u32) = (1, 16);

/// The version that has the query API.
const OLDEST: (u32, u32) = (1, 10);

/// What was done in Qdrant, or would be done.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct QdrantReport {
    /// The collection that holds the book.
    pub collection: String,
    /// The alias by which readers find it.
    pub alias: String,
    /// The collection did not exist.
    pub created: bool,
    /// Points written because they are new or changed.
    pub written: usize,
    /// Points removed because their chunks are gone.
    pub removed: usize,
    /// Points left alone.
    pub unchanged: usize,
    /// The alias moved here, from this collection if there was one.
    pub switched: bool,
    /// Collections of earlier embedders that nobody reads any more.
    pub dropped: Vec<String>,
    /// What the operator should know.
    pub notes: Vec<String>,
}

impl QdrantReport {
    /// Nothing had to be done.
    pub fn is_unchanged(&self) -> bool {
        !self.created && !self.switched && self.written + self.removed + self.dropped.len() == 0
    }
}

/// Why the copy could not be made.
#[derive(Debug, thiserror::Error)]
pub enum SyncError {
    /// Qdrant failed; what was written stays, and the next run goes on.
    #[error("{doing}: {error}")]
    Qdrant {
        /// What was being done.
        doing: String,
        /// Its words.
        error: QdrantError,
    },
    /// The server is too old.
    #[error("Qdrant {}.{} is too old; version 1.10 or newer is needed", .0.0, .0.1)]
    TooOld((u32, u32)),
    /// A collection with the name that ours would have is something else.
    #[error(
        "the collection {collection} exists, but {what}; delete or rename it, or set another QDRANT_COLLECTION"
    )]
    Foreign {
        /// Its name.
        collection: String,
        /// What does not fit.
        what: String,
    },
    /// The counts do not agree in the end.
    #[error(
        "the collection {collection} holds {found} chunks instead of {expected}; run `docent ingest` again"
    )]
    Incomplete {
        /// Its name.
        collection: String,
        /// Points counted.
        found: u64,
        /// Points that should be there.
        expected: usize,
    },
}

fn doing(what: impl Into<String>) -> impl FnOnce(QdrantError) -> SyncError {
    move |error| SyncError::Qdrant { doing: what.into(), error }
}

/// What a point says of itself, as far as a comparison needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Known {
    content_hash: Option<ChunkId>,
    payload_hash: String,
}

/// What is in Qdrant before an ingest.
pub struct Survey {
    version: (u32, u32),
    /// The collection that an ingest with this embedder and language writes.
    collection: String,
    /// The alias that leads readers there.
    alias: String,
    exists: bool,
    /// Facts of the existing collection.
    facts: Option<Facts>,
    /// Where the alias leads now.
    target: Option<String>,
    /// Collections of other embedders behind the same alias.
    others: Vec<String>,
    points: HashMap<String, Known>,
    notes_hash: Option<String>,
    remarks: Vec<String>,
}

/// Looks at what is there. `facts` are those of the book; their mean lengths are replaced by those of the collection.
///
/// # Errors
/// When Qdrant fails or is too old.
pub async fn survey(client: &Qdrant, name: &str, facts: &Facts) -> Result<Survey, SyncError> {
    let version = client.version(PATIENCE).await.map_err(doing("cannot reach Qdrant"))?;
    if version < OLDEST {
        return Err(SyncError::TooOld(version));
    }
    let names = client.collections(PATIENCE).await.map_err(doing("cannot list the collections"))?;
    let aliases = client.aliases(PATIENCE).await.map_err(doing("cannot list the aliases"))?;
    let collection = facts.collection(name);
    let mut remarks = Vec::new();
    let alias = if names.iter().any(|own| own == name) {
        let alias = scheme::second_name(name);
        remarks.push(format!(
            "the collection {name} was there before Docent and is left as it is; readers are led to the new one by the alias {alias}"
        ));
        alias
    } else {
        name.to_owned()
    };
    let target = aliases.iter().find(|(own, _)| *own == alias).map(|(_, target)| target.clone());
    let others =
        names.iter().filter(|own| scheme::is_ours(own, name) && **own != collection).cloned().collect();
    let exists = names.contains(&collection);
    let mut survey = Survey {
        version,
        alias,
        exists,
        facts: None,
        target,
        others,
        points: HashMap::new(),
        notes_hash: None,
        remarks,
        collection,
    };
    if exists {
        survey.read(client, facts).await?;
    }
    Ok(survey)
}

impl Survey {
    async fn read(&mut self, client: &Qdrant, facts: &Facts) -> Result<(), SyncError> {
        let collection = self.collection.clone();
        let cannot = || doing(format!("cannot read the collection {collection}"));
        let info = client.collection(&self.collection, PATIENCE).await.map_err(cannot())?;
        let Some(info) = info else {
            self.exists = false;
            return Ok(());
        };
        let dense = info.dense.iter().find(|(name, _)| name == scheme::DENSE).map_or(0, |(_, size)| *size);
        let other_length = facts.dimensions > 0 && dense != facts.dimensions;
        if other_length || !info.sparse.iter().any(|name| name == scheme::SPARSE) {
            let what = format!("its vectors have {dense} values and not {}", facts.dimensions);
            return Err(SyncError::Foreign { collection, what });
        }
        self.facts = Facts::from_metadata(&info.metadata);
        let mut offset = Value::Null;
        loop {
            let request = json!({"limit": PAGE, "offset": offset, "with_vector": false,
                "with_payload": ["content_hash", "payload_hash", "docent"]});
            let page = client.scroll(&self.collection, &request, PATIENCE).await.map_err(cannot())?;
            for point in &page.points {
                let id = point["id"].as_str().map_or_else(|| point["id"].to_string(), str::to_owned);
                let text = |name: &str| point["payload"][name].as_str().unwrap_or_default();
                let known = Known {
                    content_hash: text("content_hash").parse().ok(),
                    payload_hash: text("payload_hash").to_owned(),
                };
                if id == scheme::NOTES_ID {
                    self.facts = self.facts.take().or_else(|| Facts::from_metadata(&point["payload"]));
                    self.notes_hash = Some(known.payload_hash);
                } else {
                    self.points.insert(id, known);
                }
            }
            match page.next {
                Some(next) => offset = next,
                None => return Ok(()),
            }
        }
    }

    /// Hashes of texts whose vectors are in the collection.
    pub fn texts(&self) -> HashSet<ChunkId> {
        self.points.values().filter_map(|known| known.content_hash).collect()
    }

    /// Fetches the vectors of these texts; those that are not there are left out.
    ///
    /// # Errors
    /// When Qdrant fails.
    pub async fn vectors(
        &self,
        client: &Qdrant,
        texts: &HashSet<ChunkId>,
    ) -> Result<Vec<(ChunkId, Vec<f32>)>, SyncError> {
        let mut wanted: HashMap<&str, ChunkId> = HashMap::new();
        let mut seen = HashSet::new();
        for (id, known) in &self.points {
            if let Some(hash) = known.content_hash.filter(|hash| texts.contains(hash) && seen.insert(*hash)) {
                wanted.insert(id, hash);
            }
        }
        let ids: Vec<&str> = wanted.keys().copied().collect();
        let mut vectors = Vec::new();
        for ids in ids.chunks(PAGE_WITH_VECTORS) {
            let request = json!({"ids": ids, "with_payload": false, "with_vector": [scheme::DENSE]});
            let points = client.points(&self.collection, &request, PATIENCE).await;
            for point in points.map_err(doing("cannot fetch vectors that are there already"))? {
                let numbers = point["vector"][scheme::DENSE].as_array();
                let vector: Option<Vec<f32>> = numbers.and_then(|numbers| {
                    numbers.iter().map(|number| number.as_f64().map(|n| n as f32)).collect()
                });
                let hash = point["id"].as_str().and_then(|id| wanted.get(id));
                if let (Some(vector), Some(hash)) = (vector, hash) {
                    vectors.push((*hash, vector));
                }
            }
        }
        Ok(vectors)
    }

    /// What would be done to hold exactly `chunks`.
    pub fn plan(&self, chunks: &[Chunk]) -> QdrantReport {
        let ids: HashSet<String> = chunks.iter().map(|chunk| scheme::point_id(chunk.id)).collect();
        let written = chunks.iter().filter(|chunk| !self.holds(chunk)).count();
        let switched = self.target.as_deref() != Some(self.collection.as_str());
        QdrantReport {
            collection: self.collection.clone(),
            alias: self.alias.clone(),
            created: !self.exists,
            written,
            removed: self.points.keys().filter(|id| !ids.contains(*id)).count(),
            unchanged: chunks.len() - written,
            switched,
            // The one that readers have just left stays until the next ingest.
            dropped: self
                .others
                .iter()
                .filter(|own| !(switched && self.target.as_ref() == Some(*own)))
                .cloned()
                .collect(),
            notes: self.remarks.clone(),
        }
    }

    fn holds(&self, chunk: &Chunk) -> bool {
        let Some(known) = self.points.get(&scheme::point_id(chunk.id)) else { return false };
        scheme::payload(chunk)["payload_hash"].as_str() == Some(known.payload_hash.as_str())
    }
}

/// Makes the collection equal to `index`, then leads readers there.
///
/// # Errors
/// When Qdrant fails; what was written stays and is not written again.
pub async fn sync(
    client: &Qdrant,
    name: &str,
    index: &Index,
    progress: &Progress,
) -> Result<QdrantReport, SyncError> {
    let began = Instant::now();
    let survey = survey(client, name, &Facts::of(index)).await?;
    let chunks: Vec<Chunk> = index.reading_order().map(|ordinal| index.chunk(ordinal).to_chunk()).collect();
    let report = survey.plan(&chunks);
    let facts = survey.facts.clone().unwrap_or_else(|| Facts::of(index));
    if report.created {
        create(client, &report.collection, &facts, survey.version).await?;
    }
    index_fields(client, &report.collection).await?;
    let written = write(client, &survey, index, &chunks, &facts, progress).await;
    progress.end();
    written?;
    remove(client, &survey, &chunks).await?;
    write_notes(client, &survey, index, &facts).await?;
    if !report.is_unchanged() {
        check_count(client, &report.collection, chunks.len()).await?;
    }
    if report.switched {
        lead_readers(client, &survey).await?;
    }
    for old in &report.dropped {
        let dropped = client.call(Method::DELETE, &path(old, ""), None, PATIENCE).await;
        dropped.map_err(doing(format!("cannot drop the old collection {old}")))?;
    }
    tracing::debug!(written = report.written, took = ?began.elapsed(), "Qdrant holds the book");
    Ok(report)
}

async fn create(
    client: &Qdrant,
    collection: &str,
    facts: &Facts,
    version: (u32, u32),
) -> Result<(), SyncError> {
    let mut request = json!({"vectors": {}, "sparse_vectors": {scheme::SPARSE: {"modifier": "idf"}}});
    if facts.dimensions > 0 {
        request["vectors"] = json!({scheme::DENSE: {"size": facts.dimensions, "distance": "Cosine"}});
    }
    if version >= METADATA_SINCE {
        request["metadata"] = facts.metadata();
    }
    match client.call(Method::PUT, &path(collection, "?timeout=60"), Some(&request), PATIENCE).await {
        // Another ingest was faster, or our own attempt before did it.
        Err(QdrantError::Refused { detail }) if detail.contains("already exists") => Ok(()),
        made => made.map(drop).map_err(doing(format!("cannot create the collection {collection}"))),
    }
}

/// Before the points: filters are built into the graph of vectors when points come. Doing it again changes nothing.
async fn index_fields(client: &Qdrant, collection: &str) -> Result<(), SyncError> {
    let info = client.collection(collection, PATIENCE).await.map_err(doing("cannot read the collection"))?;
    let indexed = info.map(|info| info.indexed).unwrap_or_default();
    let missing = scheme::INDEXED.iter().filter(|(field, _)| !indexed.iter().any(|own| own == field));
    for (field, kind) in missing {
        let request = json!({"field_name": field, "field_schema": kind});
        let made =
            client.call(Method::PUT, &path(collection, "/index?wait=true"), Some(&request), PATIENCE).await;
        made.map_err(doing(format!("cannot index the field {field} of {collection}")))?;
    }
    Ok(())
}

async fn write(
    client: &Qdrant,
    survey: &Survey,
    index: &Index,
    chunks: &[Chunk],
    facts: &Facts,
    progress: &Progress,
) -> Result<(), SyncError> {
    let wanted: Vec<&Chunk> = chunks.iter().filter(|chunk| !survey.holds(chunk)).collect();
    if wanted.is_empty() {
        return Ok(());
    }
    let sparse = index.sparse_vectors(facts.mean_lengths);
    tracing::info!(chunks = wanted.len(), collection = survey.collection, "writing to Qdrant");
    progress.begin(Work::Writing, wanted.len());
    let mut batch: Vec<Value> = Vec::new();
    let mut bytes = 0;
    for (place, chunk) in wanted.iter().enumerate() {
        bytes += NUMBER_BYTES * (facts.dimensions + 2 * chunk.token_count as usize) + 2 * chunk.content.len();
        batch.push(point(index, chunk, &sparse));
        if batch.len() == BATCH || bytes > BATCH_BYTES || place + 1 == wanted.len() {
            let count = batch.len();
            let sent = put(client, &survey.collection, Value::Array(std::mem::take(&mut batch))).await;
            if let Err(error) = sent {
                let what = format!(
                    "writing to Qdrant stopped after {} of {} chunks",
                    place + 1 - count,
                    wanted.len()
                );
                return Err(SyncError::Qdrant { doing: format!("{what}; run it again to go on"), error });
            }
            progress.advance(count);
            bytes = 0;
        }
    }
    Ok(())
}

fn point(index: &Index, chunk: &Chunk, sparse: &[SparseVector]) -> Value {
    let mut vectors = json!({});
    if let Some(ordinal) = index.find(chunk.id) {
        if let Some(words) = sparse.get(ordinal.0 as usize).filter(|words| !words.indices.is_empty()) {
            vectors[scheme::SPARSE] = json!(words);
        }
        if let Some(vector) = index.vector(ordinal) {
            vectors[scheme::DENSE] = json!(vector);
        }
    }
    json!({"id": scheme::point_id(chunk.id), "vector": vectors, "payload": scheme::payload(chunk)})
}

async fn put(client: &Qdrant, collection: &str, points: Value) -> Result<(), QdrantError> {
    let request = json!({"points": points});
    let done =
        client.call(Method::PUT, &path(collection, "/points?wait=true"), Some(&request), PATIENCE).await?;
    match done["status"].as_str() {
        Some("completed") => Ok(()),
        // Accepted, but still in the queue; the count at the end tells whether it got through.
        Some("acknowledged" | "wait_timeout") => Ok(()),
        other => Err(QdrantError::BadResponse { detail: format!("an update with the status {other:?}") }),
    }
}

async fn remove(client: &Qdrant, survey: &Survey, chunks: &[Chunk]) -> Result<(), SyncError> {
    let ids: HashSet<String> = chunks.iter().map(|chunk| scheme::point_id(chunk.id)).collect();
    let gone: Vec<Value> = survey
        .points
        .keys()
        .filter(|id| !ids.contains(*id))
        // Somebody else's numbered point is a number on the wire.
        .map(|id| id.parse::<u64>().map_or_else(|_| json!(id), |number| json!(number)))
        .collect();
    for gone in gone.chunks(DELETIONS) {
        let request = json!({"points": gone});
        let path = path(&survey.collection, "/points/delete?wait=true");
        let deleted = client.call(Method::POST, &path, Some(&request), PATIENCE).await;
        deleted.map_err(doing("cannot remove chunks that are gone"))?;
    }
    Ok(())
}

async fn write_notes(
    client: &Qdrant,
    survey: &Survey,
    index: &Index,
    facts: &Facts,
) -> Result<(), SyncError> {
    let mut statistics = index.statistics();
    statistics.mean_lengths = facts.mean_lengths;
    let title = title_of(index);
    let topics = Some(topics(index, &title));
    let notes = Notes { facts: facts.clone(), title, topics, statistics };
    let payload = notes.payload();
    if survey.notes_hash.as_deref() == payload["payload_hash"].as_str() {
        return Ok(());
    }
    let points = json!([{"id": scheme::NOTES_ID, "vector": {}, "payload": payload}]);
    put(client, &survey.collection, points).await.map_err(doing("cannot write the notes of the collection"))
}

async fn check_count(client: &Qdrant, collection: &str, expected: usize) -> Result<(), SyncError> {
    let filter = json!({"must_not": [{"has_id": [scheme::NOTES_ID]}]});
    match client.count(collection, &filter, PATIENCE).await {
        Ok(found) if found == expected as u64 => Ok(()),
        Ok(found) => Err(SyncError::Incomplete { collection: collection.to_owned(), found, expected }),
        // A strict mode that forbids exact counts; every batch was confirmed.
        Err(QdrantError::Refused { .. }) => Ok(()),
        Err(error) => Err(doing("cannot count the chunks")(error)),
    }
}

/// Moves the alias in one step: readers see the old book or the new one.
async fn lead_readers(client: &Qdrant, survey: &Survey) -> Result<(), SyncError> {
    let Survey { collection, alias, target, .. } = survey;
    let mut actions = Vec::new();
    if target.is_some() {
        actions.push(json!({"delete_alias": {"alias_name": alias}}));
    }
    actions.push(json!({"create_alias": {"collection_name": collection, "alias_name": alias}}));
    let request = json!({"actions": actions});
    let moved = client.call(Method::POST, "/collections/aliases", Some(&request), PATIENCE).await;
    moved.map(drop).map_err(doing(format!("cannot lead the alias {alias} to {collection}")))
}
