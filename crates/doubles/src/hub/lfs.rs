//! The large file store: one PUT for small objects, parts for large ones.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use super::commit::hex;
use super::{Hub, SpacePath, error, with_space};

/// Objects above this size are sent in parts. The Hub's bound is far higher; this one lets a test meet both ways.
const PART_BYTES: u64 = 16 * 1024 * 1024;

const KIND: &str = "application/vnd.git-lfs+json";

pub(super) async fn batch(
    State(hub): State<Hub>,
    Path(path): SpacePath,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if headers.get("content-type").is_none_or(|kind| kind != KIND) {
        return error(422, "expected application/vnd.git-lfs+json", &[]);
    }
    // The Hub writes a repository's address with `.git`.
    let path = (path.0.clone(), path.1.trim_end_matches(".git").to_owned());
    if let Err(refusal) = with_space(&hub, &path, |_| ()) {
        return refusal;
    }
    let request: Value = serde_json::from_slice(&body).unwrap_or_default();
    if request["operation"] != "upload" || request["hash_algo"] != "sha256" {
        return error(422, "expected an upload by sha256", &[]);
    }
    let Some(objects) = request["objects"].as_array().filter(|objects| objects.len() <= 256) else {
        return error(422, "\"objects\" must be an array of at most 256 items", &[]);
    };
    let base = &hub.base;
    let state = hub.lock();
    let objects: Vec<Value> = objects
        .iter()
        .map(|object| {
            let (oid, size) =
                (object["oid"].as_str().unwrap_or_default(), object["size"].as_u64().unwrap_or(0));
            if state.store.contains_key(oid) {
                return json!({"oid": oid, "size": size});
            }
            let mut header = Map::new();
            if size > PART_BYTES {
                header.insert("chunk_size".to_owned(), PART_BYTES.to_string().into());
                for part in 1..=size.div_ceil(PART_BYTES) {
                    header.insert(part.to_string(), format!("{base}/lfs-store/{oid}/{part}").into());
                }
            }
            json!({"oid": oid, "size": size, "authenticated": true, "actions": {
                "upload": {"href": format!("{base}/lfs-store/{oid}"), "header": header, "expires_in": 86400},
                "verify": {"href": format!("{base}/lfs-verify"), "header": {}},
            }})
        })
        .collect();
    ([("content-type", KIND)], json!({"transfer": "basic", "objects": objects}).to_string()).into_response()
}

fn keep(hub: &Hub, oid: &str, bytes: Vec<u8>) -> Response {
    if hex(ring::digest::digest(&ring::digest::SHA256, &bytes).as_ref()) != oid {
        return error(400, "the content does not match its SHA-256", &[]);
    }
    hub.lock().store.insert(oid.to_owned(), bytes);
    ().into_response()
}

pub(super) async fn put(
    State(hub): State<Hub>,
    Path(oid): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    // The store is not the Hub, and must not see its token.
    if headers.contains_key("authorization") {
        return error(400, "Only one auth mechanism allowed", &[]);
    }
    keep(&hub, &oid, body.to_vec())
}

pub(super) async fn put_part(
    State(hub): State<Hub>,
    Path((oid, part)): Path<(String, u32)>,
    body: Bytes,
) -> Response {
    hub.lock().parts.entry(oid).or_default().insert(part, body.to_vec());
    ([("etag", format!("\"part-{part}\""))], ()).into_response()
}

pub(super) async fn complete(
    State(hub): State<Hub>,
    Path(oid): Path<String>,
    Json(body): Json<Value>,
) -> Response {
    let parts = hub.lock().parts.remove(&oid).unwrap_or_default();
    let named: Vec<u64> = body["parts"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|part| part["partNumber"].as_u64())
        .collect();
    if body["oid"] != oid.as_str() || named != (1..=parts.len() as u64).collect::<Vec<_>>() {
        return error(400, "a part is missing", &[]);
    }
    keep(&hub, &oid, parts.into_values().flatten().collect())
}

pub(super) async fn verify(State(hub): State<Hub>, Json(body): Json<Value>) -> Response {
    let state = hub.lock();
    let stored = body["oid"].as_str().and_then(|oid| state.store.get(oid));
    match stored {
        Some(bytes) if Some(bytes.len() as u64) == body["size"].as_u64() => ().into_response(),
        _ => error(404, "Object not found", &[]),
    }
}
