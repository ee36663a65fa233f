//! How a book lies in Qdrant: names, ids, payloads, and the notes that a collection carries about itself. Ingest writes
//! by this, retrieval reads by it, and both read what the earlier service wrote.

use std::collections::HashMap;

use corpus::{Chunk, ChunkId, ChunkOptions, Sentence, SentenceKind, chunk_page, read_page};
use search::{Index, Scope, Statistics};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use uuid::Uuid;

/// Name of the vector of meaning.
pub const DENSE: &str = "dense";

/// Name of the vector of words.
pub const SPARSE: &str = "bm25";

/// Field of a chunk's source file.
pub const FILE: &str = "file_path";

/// Field of a chunk's place on its page.
pub const POSITION: &str = "position";

/// Fields that filters use, with the kind of their index. Cloud refuses a filter on a field without index.
pub const INDEXED: [(&str, &str); 4] =
    [("version", "keyword"), ("locale", "keyword"), (FILE, "keyword"), (POSITION, "integer")];

/// The one point that is no chunk: it has no vectors, so no search finds it, and its payload holds the [`Facts`] for
/// servers without collection metadata, the book's title and its word statistics.
pub const NOTES_ID: &str = "d0ce4700-0000-4000-8000-000000000000";

/// Key of our facts in a collection's metadata and in the notes.
const FACTS: &str = "docent";

/// Raised when points of older programs must be written anew.
const SCHEME: u32 = 1;

/// What all points of a collection have in common; another embedder or language makes another collection.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// [`SCHEME`] of the program that made it.
    pub scheme: u32,
    /// Fingerprint of the embedder; empty without vectors.
    pub embedder: String,
    /// Length of the dense vectors; 0 without.
    pub dimensions: usize,
    /// Locale whose stemmer read the book.
    pub language: String,
    /// Mean lengths by which the sparse vectors were weighed; kept for the life of the collection, so that a changed
    /// page changes its own points only.
    pub mean_lengths: [f32; 4],
}

/// What the notes of a collection say.
#[derive(Debug, Clone, PartialEq)]
pub struct Notes {
    /// The facts; for servers without metadata.
    pub facts: Facts,
    /// The book's title.
    pub title: String,
    /// What a reader could ask first; `None` in notes of older programs.
    pub topics: Option<Vec<String>>,
    /// Its words.
    pub statistics: Statistics,
}

impl Facts {
    /// The facts of a book that is not indexed yet.
    pub fn new(embedder: &str, dimensions: usize, language: &str) -> Self {
        let (embedder, language) = (embedder.to_owned(), language.to_owned());
        Self { scheme: SCHEME, embedder, dimensions, language, mean_lengths: [1.0; 4] }
    }

    /// The facts of a collection made from this index.
    pub fn of(index: &Index) -> Self {
        let metadata = index.metadata();
        let language = metadata.facts.get("language").map_or("en", String::as_str);
        let mean_lengths = index.statistics().mean_lengths;
        Self { mean_lengths, ..Self::new(&metadata.embedder, metadata.dimensions, language) }
    }

    /// Whether points made with `other` can stand beside points made with these.
    pub fn fit(&self, other: &Self) -> bool {
        let key =
            |facts: &Self| (facts.scheme, facts.embedder.clone(), facts.dimensions, facts.language.clone());
        key(self) == key(other)
    }

    /// The collection's own name behind the alias `name`: equal facts, equal name.
    pub fn collection(&self, name: &str) -> String {
        // The fingerprint decides the length, which need not be known yet.
        let key = format!("{}|{}|{}", self.scheme, self.embedder, self.language);
        format!("{name}-{:016x}", hash(&key))
    }

    /// As they stand in a collection's metadata.
    pub fn metadata(&self) -> Value {
        json!({ FACTS: self })
    }

    /// Reads them from a collection's metadata.
    pub fn from_metadata(metadata: &Value) -> Option<Self> {
        serde_json::from_value(metadata.get(FACTS)?.clone()).ok()
    }
}

/// Whether `collection` is one of those behind the alias `name`.
pub fn is_ours(collection: &str, name: &str) -> bool {
    let suffix = collection.strip_prefix(name).and_then(|rest| rest.strip_prefix('-'));
    suffix.is_some_and(|suffix| suffix.len() == 16 && suffix.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// The alias beside a collection that was there before us and has the name that we would take.
pub fn second_name(name: &str) -> String {
    format!("{name}-docent")
}

impl Notes {
    /// The payload of the notes.
    pub fn payload(&self) -> Value {
        let mut words: Vec<(&u32, &u32)> = self.statistics.frequencies.iter().collect();
        words.sort_unstable();
        let (places, counts): (Vec<&u32>, Vec<&u32>) = words.into_iter().unzip();
        let mut payload = json!({
            FACTS: self.facts,
            "title": self.title,
            "topics": self.topics,
            "chunks": self.statistics.chunks,
            "words": {"places": places, "counts": counts},
        });
        payload["payload_hash"] = Value::String(payload_hash(&payload));
        payload
    }

    /// Reads them.
    pub fn from_payload(payload: &Value) -> Option<Self> {
        let facts = Facts::from_metadata(payload)?;
        let numbers = |name: &str| -> Vec<u32> {
            let list = payload["words"][name].as_array().into_iter().flatten();
            list.filter_map(|number| number.as_u64().and_then(|number| u32::try_from(number).ok())).collect()
        };
        let frequencies: HashMap<u32, u32> = numbers("places").into_iter().zip(numbers("counts")).collect();
        let statistics = Statistics {
            chunks: payload["chunks"].as_u64()? as usize,
            mean_lengths: facts.mean_lengths,
            frequencies,
        };
        let texts = |list: &Vec<Value>| list.iter().filter_map(Value::as_str).map(str::to_owned).collect();
        Some(Self {
            facts,
            title: payload["title"].as_str().unwrap_or_default().to_owned(),
            topics: payload["topics"].as_array().map(texts),
            statistics,
        })
    }
}

/// The point's id of a chunk: its 16 bytes as a UUID.
pub fn point_id(chunk: ChunkId) -> String {
    Uuid::from_bytes(chunk.0).to_string()
}

/// The chunk's id of a point; a numbered point of somebody else gets one of its own.
pub fn chunk_id(point: &Value) -> Option<ChunkId> {
    match &point["id"] {
        Value::String(text) => Uuid::parse_str(text).ok().map(|uuid| ChunkId(uuid.into_bytes())),
        Value::Number(number) => {
            let mut id = [0; 16];
            id[8..].copy_from_slice(&number.as_u64()?.to_be_bytes());
            Some(ChunkId(id))
        }
        _ => None,
    }
}

/// The payload of a chunk's point, with a hash of all of it.
pub fn payload(chunk: &Chunk) -> Value {
    let sentences: Vec<[u32; 3]> = chunk
        .sentences
        .iter()
        .map(|sentence| [sentence.start, sentence.end, number_of(sentence.kind)])
        .collect();
    let mut payload = json!({
        "file_path": chunk.file_path,
        "heading_path": chunk.heading_path,
        "section_depth": chunk.section_depth,
        "content": chunk.content,
        "token_count": chunk.token_count,
        "title": chunk.title,
        "url": chunk.url,
        "anchor": chunk.anchor,
        "version": chunk.version,
        "locale": chunk.locale,
        "position": chunk.position,
        "sentences": sentences,
        "content_hash": chunk.content_hash,
    });
    payload["payload_hash"] = Value::String(payload_hash(&payload));
    payload
}

/// The chunk of a point; `None` when it has no text, as the notes have none. What the earlier service did not store is
/// made up as well as it can be.
pub fn chunk_of(point: &Value) -> Option<Chunk> {
    let id = chunk_id(point)?;
    let payload = point["payload"].as_object()?;
    let text = |name: &str| payload.get(name).and_then(Value::as_str);
    let number = |name: &str| payload.get(name).and_then(Value::as_u64);
    let content = text("content")?.to_owned();
    let file_path = text("file_path").unwrap_or_default().to_owned();
    let heading_path: Vec<String> = match payload.get("heading_path") {
        Some(Value::Array(headings)) => {
            headings.iter().filter_map(Value::as_str).map(str::to_owned).collect()
        }
        Some(Value::String(heading)) => vec![heading.clone()],
        _ => Vec::new(),
    };
    let title = text("title").map_or_else(|| title_from(&heading_path, &file_path), str::to_owned);
    Some(Chunk {
        id,
        title,
        url: text("url").map_or_else(|| route_of(&file_path), str::to_owned),
        anchor: text("anchor").map(str::to_owned),
        section_depth: number("section_depth").unwrap_or_default().min(6) as u8,
        position: number("position").unwrap_or_default() as u32,
        sentences: sentences(payload, &content),
        token_count: number("token_count")
            .map_or_else(|| corpus::count_tokens(&content) as u32, |count| count as u32),
        version: text("version").map(str::to_owned),
        locale: text("locale").unwrap_or("en").to_owned(),
        content_hash: text("content_hash").and_then(|hash| hash.parse().ok()).unwrap_or(id),
        file_path,
        heading_path,
        content,
    })
}

/// The filter of a scope, over fields that have an index; `None` when everything may be found.
pub fn filter(scope: Scope<'_>, indexed: &[String]) -> Option<Value> {
    let has = |name: &str| indexed.iter().any(|field| field == name);
    let mut must = Vec::new();
    if let Some(version) = scope.version.filter(|_| has("version")) {
        let own = json!({"key": "version", "match": {"value": version}});
        must.push(json!({"should": [own, {"is_empty": {"key": "version"}}]}));
    }
    if let Some(locale) = scope.locale.filter(|_| has("locale")) {
        must.push(json!({"key": "locale", "match": {"value": locale}}));
    }
    (!must.is_empty()).then(|| json!({"must": must}))
}

fn payload_hash(payload: &Value) -> String {
    // Members of a JSON object are kept in the order of their names.
    format!("{:016x}", hash(&format!("{SCHEME}{payload}")))
}

/// FNV-1a, 64 bits.
fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

fn number_of(kind: SentenceKind) -> u32 {
    match kind {
        SentenceKind::Prose => 0,
        SentenceKind::ListItem => 1,
        SentenceKind::TableRow => 2,
        SentenceKind::Code => 3,
    }
}

fn sentences(payload: &Map<String, Value>, content: &str) -> Vec<Sentence> {
    let Some(stored) = payload.get("sentences").and_then(Value::as_array) else {
        return sentences_of(content);
    };
    let sentence = |stored: &Value| {
        let number = |place: usize| stored[place].as_u64().and_then(|number| u32::try_from(number).ok());
        let kind = match number(2)? {
            1 => SentenceKind::ListItem,
            2 => SentenceKind::TableRow,
            3 => SentenceKind::Code,
            _ => SentenceKind::Prose,
        };
        let sentence = Sentence { start: number(0)?, end: number(1)?, kind };
        content.get(sentence.start as usize..sentence.end as usize).map(|_| sentence)
    };
    stored.iter().filter_map(sentence).collect()
}

/// The sentences of a text that nobody has cut yet. Found again in the text itself, which may be written otherwise.
fn sentences_of(content: &str) -> Vec<Sentence> {
    let page = read_page("point.md", content);
    let mut sentences = Vec::new();
    let mut from = 0;
    for chunk in chunk_page(&page, &ChunkOptions::default()) {
        for sentence in &chunk.sentences {
            let text = &chunk.content[sentence.start as usize..sentence.end as usize];
            if let Some(start) = content[from..].find(text).map(|place| from + place) {
                from = start + text.len();
                sentences.push(Sentence { start: start as u32, end: from as u32, kind: sentence.kind });
            }
        }
    }
    if sentences.is_empty() && !content.is_empty() {
        sentences.push(Sentence { start: 0, end: content.len() as u32, kind: SentenceKind::Prose });
    }
    sentences
}

fn title_from(headings: &[String], file_path: &str) -> String {
    let name = file_path.rsplit('/').next().unwrap_or_default();
    let name = name.rsplit_once('.').map_or(name, |(name, _)| name);
    headings.first().cloned().unwrap_or_else(|| name.to_owned())
}

/// Where Docusaurus serves a file of `docs/`, as far as its name alone tells.
fn route_of(file_path: &str) -> String {
    let path = file_path.trim_start_matches("./").trim_start_matches('/');
    let path = path.strip_suffix(".mdx").or_else(|| path.strip_suffix(".md")).unwrap_or(path);
    let path = path.strip_suffix("/index").or_else(|| path.strip_suffix("/README")).unwrap_or(path);
    format!("/{path}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk() -> Chunk {
        let page = read_page(
            "docs/motors.md",
            "# Motors\n\n## Torque\n\nTorque is a force. It turns.\n\n- one\n- two\n",
        );
        let mut chunk = chunk_page(&page, &ChunkOptions::default()).pop().expect("a chunk");
        chunk.version = Some("1.2".to_owned());
        chunk
    }

    #[test]
    fn a_chunk_comes_back_as_it_went() {
        let chunk = chunk();
        let point = json!({"id": point_id(chunk.id), "payload": payload(&chunk)});
        assert_eq!(chunk_of(&point), Some(chunk.clone()));
        let mut moved = chunk.clone();
        moved.anchor = Some("elsewhere".to_owned());
        assert_ne!(payload(&moved)["payload_hash"], payload(&chunk)["payload_hash"]);
    }

    #[test]
    fn points_of_the_earlier_service_are_understood() {
        let point = json!({"id": "3fa85f64-5717-4562-b3fc-2c963f66afa6", "payload": {
            "file_path": "docs/module-01/chapter-02.md", "heading_path": ["Torque", "Units"], "section_depth": 3,
            "content": "Torque has a unit. It is the newton metre.", "token_count": 11}});
        let chunk = chunk_of(&point).expect("a chunk");
        assert_eq!(chunk.url, "/docs/module-01/chapter-02");
        assert_eq!((chunk.title.as_str(), chunk.token_count, chunk.sentences.len()), ("Torque", 11, 2));
        assert_eq!(chunk_of(&json!({"id": NOTES_ID, "payload": {"docent": {}}})), None);
    }

    #[test]
    fn hostile_payloads_are_no_panic() {
        for payload in [
            json!(null),
            json!({"content": 7}),
            json!({"content": "é", "sentences": [[1, 2, 0], [0, 99, 0], ["x"], 4], "heading_path": {"a": 1}}),
            json!({"content": "", "token_count": -1, "section_depth": 9999}),
        ] {
            let _ = chunk_of(&json!({"id": 7, "payload": payload}));
        }
    }

    #[test]
    fn notes_come_back_as_they_went() {
        let facts = Facts {
            scheme: SCHEME,
            embedder: "local:x".to_owned(),
            dimensions: 384,
            language: "en".to_owned(),
            mean_lengths: [1.0, 2.5, 30.25, 4.0],
        };
        let statistics = Statistics {
            chunks: 12,
            mean_lengths: facts.mean_lengths,
            frequencies: HashMap::from([(7, 3), (u32::MAX, 1)]),
        };
        let topics = Some(vec!["What is torque?".to_owned()]);
        let notes = Notes { facts: facts.clone(), title: "Motors".to_owned(), topics, statistics };
        assert_eq!(Notes::from_payload(&notes.payload()), Some(notes.clone()));
        let mut older = notes.payload();
        older.as_object_mut().expect("an object").remove("topics");
        assert_eq!(Notes::from_payload(&older), Some(Notes { topics: None, ..notes }));
        assert!(
            is_ours(&facts.collection("a-b"), "a-b")
                && !is_ours("a-b-docent", "a-b")
                && !is_ours("a-b", "a-b")
        );
        let other = Facts { embedder: "local:y".to_owned(), ..facts.clone() };
        assert_ne!(facts.collection("a"), other.collection("a"));
    }

    #[test]
    fn only_indexed_fields_are_filtered() {
        let scope = Scope { version: Some("1"), locale: Some("de") };
        assert_eq!(filter(scope, &[]), None);
        let both = filter(scope, &["version".to_owned(), "locale".to_owned()]).expect("a filter");
        assert_eq!(both["must"].as_array().map(Vec::len), Some(2));
    }
}
