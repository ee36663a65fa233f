//! Uploads by the commit API, with the checks of the Hub's hook.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::state::{StoredFile, commit_id};
use super::{Hub, error, with_space};

/// Larger files must travel by LFS.
const REGULAR_BYTES: u64 = 10 * 1024 * 1024;

type RevisionPath = Path<(String, String, String)>;

/// Which way each file travels, and what is there already.
pub(super) async fn preupload(
    State(hub): State<Hub>,
    Path((owner, name, _)): RevisionPath,
    Json(body): Json<Value>,
) -> Response {
    let Some(files) = body["files"].as_array().filter(|files| files.len() <= 256) else {
        return error(400, "\"files\" must be an array of at most 256 items", &[]);
    };
    let modes = with_space(&hub, &(owner, name), |space| {
        let rules = match space.files.get(".gitattributes") {
            Some(StoredFile::Regular(text)) => String::from_utf8_lossy(text).into_owned(),
            _ => String::new(),
        };
        let modes = files.iter().map(|file| {
            let path = file["path"].as_str().unwrap_or_default();
            let sample = STANDARD.decode(file["sample"].as_str().unwrap_or_default()).unwrap_or_default();
            let large = file["size"].as_u64().unwrap_or(0) > REGULAR_BYTES;
            let ruled = rules.lines().any(|line| line.starts_with(&format!("{path} filter=lfs")));
            let mode = if large || ruled || sample.contains(&0) { "lfs" } else { "regular" };
            let mut about = json!({"path": path, "uploadMode": mode, "shouldIgnore": false});
            if let Some(stored) = space.files.get(path) {
                about["oid"] = oid_of(stored).into();
            }
            about
        });
        json!({"files": modes.collect::<Vec<_>>(), "commitOid": space.commits.last()})
    });
    modes.map_or_else(|refusal| refusal, |modes| Json(modes).into_response())
}

/// What the Hub calls the content of a file: the id of Git's blob, or of the large file.
pub(super) fn oid_of(file: &StoredFile) -> String {
    match file {
        StoredFile::Lfs { oid, .. } => oid.clone(),
        StoredFile::Regular(bytes) => {
            let mut context = ring::digest::Context::new(&ring::digest::SHA1_FOR_LEGACY_USE_ONLY);
            context.update(format!("blob {}\0", bytes.len()).as_bytes());
            context.update(bytes);
            hex(context.finish().as_ref())
        }
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(super) async fn commit(
    State(hub): State<Hub>,
    Path((owner, name, _)): RevisionPath,
    headers: axum::http::HeaderMap,
    body: Bytes,
) -> Response {
    if headers.get("content-type").is_none_or(|kind| !kind.as_bytes().starts_with(b"application/x-ndjson")) {
        return error(400, "expected application/x-ndjson", &[]);
    }
    let mut lines = Vec::new();
    for line in body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        match serde_json::from_slice::<Value>(line) {
            Ok(line) => lines.push(line),
            Err(_) => return error(400, "a line is no JSON", &[]),
        }
    }
    if lines.first().is_none_or(|line| line["key"] != "header" || !line["value"]["summary"].is_string()) {
        return error(400, "the first line must be the header", &[]);
    }
    let known: Vec<String> = hub.lock().store.keys().cloned().collect();
    let script = hub.lock().script.clone();
    let outcome = with_space(&hub, &(owner.clone(), name.clone()), |space| {
        if let Some(parent) = lines[0]["value"]["parentCommit"].as_str()
            && space.commits.last().map(String::as_str) != Some(parent)
        {
            return Err(error(
                412,
                "The branch was updated since you opened this page, please refresh and try again",
                &[],
            ));
        }
        let mut files = space.files.clone();
        for line in &lines[1..] {
            let value = &line["value"];
            let path = value["path"].as_str().unwrap_or_default().to_owned();
            match line["key"].as_str().unwrap_or_default() {
                "file" => {
                    let Ok(bytes) = STANDARD.decode(value["content"].as_str().unwrap_or_default()) else {
                        return Err(error(400, "content is no base64", &[]));
                    };
                    if let Some(message) = refusal_of(&path, &bytes) {
                        return Err(error(400, &message, &[]));
                    }
                    files.insert(path, StoredFile::Regular(bytes));
                }
                "lfsFile" => {
                    let oid = value["oid"].as_str().unwrap_or_default().to_owned();
                    if !known.contains(&oid) {
                        return Err(error(400, "LFS pointer pointed to a file that does not exist", &[]));
                    }
                    let size = value["size"].as_u64().unwrap_or(0);
                    files.insert(path, StoredFile::Lfs { oid, size });
                }
                "deletedFile" => {
                    if files.remove(&path).is_none() {
                        return Err(error(400, "A file with that name does not exist", &[]));
                    }
                }
                "deletedFolder" => files.retain(|file, _| !file.starts_with(&path)),
                other => return Err(error(400, &format!("unknown operation {other}"), &[])),
            }
        }
        space.running = space.running.take().or_else(|| space.commits.last().cloned());
        space.files = files;
        let id = commit_id(space.commits.len());
        space.commits.push(id.clone());
        space.to_come = script;
        Ok(id)
    });
    match outcome {
        Ok(Ok(id)) => {
            let url = format!("{}/spaces/{owner}/{name}/commit/{id}", hub.base);
            Json(json!({"success": true, "commitOid": id, "commitUrl": url, "hookOutput": ""}))
                .into_response()
        }
        Ok(Err(refusal)) | Err(refusal) => refusal,
    }
}

/// Why the Hub's hook would refuse a file.
fn refusal_of(path: &str, bytes: &[u8]) -> Option<String> {
    if bytes.len() as u64 > REGULAR_BYTES {
        return Some(format!(
            "Your push was rejected because it contains files larger than 10 MiB. Offending files: {path}"
        ));
    }
    if bytes.iter().take(8000).any(|byte| *byte == 0) {
        return Some(format!(
            "Your push was rejected because it contains binary files. Offending files: {path}"
        ));
    }
    if path == "README.md" {
        let text = String::from_utf8_lossy(bytes);
        let description = text.lines().find_map(|line| line.strip_prefix("short_description: "));
        if description.is_some_and(|text| text.chars().count() > 60) {
            return Some(
                "Your push was rejected during YAML metadata verification: \"short_description\" length must be less \
                 than or equal to 60 characters long"
                    .to_owned(),
            );
        }
    }
    None
}
