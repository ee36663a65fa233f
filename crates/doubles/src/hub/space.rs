//! Creating and looking at Spaces, their secrets, their runtime and logs.

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt as _;
use serde_json::{Map, Value, json};
use std::collections::HashMap;

use super::state::{SpaceState, StoredFile, commit_id};
use super::{Hub, HubDouble, SpacePath, broken, error, with_space};

const UPDATED: &str = "2026-11-01T00:00:00.000Z";

pub(super) async fn create(State(hub): State<Hub>, Json(body): Json<Value>) -> Response {
    let name = body["name"].as_str().unwrap_or_default();
    let owner = body["organization"].as_str().unwrap_or(HubDouble::USER);
    if body["type"] != "space" || !body["sdk"].is_string() {
        return error(400, "\"sdk\" is required for a Space", &[]);
    }
    if ![HubDouble::USER, "acme"].contains(&owner) {
        return error(
            403,
            &format!("You don't have the rights to create a space under the namespace \"{owner}\""),
            &[],
        );
    }
    let is_name = |text: &str| {
        !text.is_empty()
            && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
            && !text.contains("--")
    };
    if !is_name(name) {
        return error(400, "Invalid repo name", &[]);
    }
    let id = format!("{owner}/{name}");
    let mut state = hub.lock();
    if state.spaces.contains_key(&id) {
        let url = format!("{}/spaces/{id}", hub.base);
        let mut reply = error(409, "You already created this space repo", &[]);
        *reply.body_mut() = axum::body::Body::from(
            json!({"error": "You already created this space repo", "url": url}).to_string(),
        );
        return reply;
    }
    if state.payment_required && body["hardware"].as_str().is_none_or(|flavor| flavor == "cpu-basic") {
        return error(
            402,
            "Hosting Gradio and Docker Spaces on free cpu-basic requires a PRO subscription",
            &[],
        );
    }
    let pairs = |key: &str| {
        body[key]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|pair| Some((pair["key"].as_str()?.to_owned(), pair["value"].as_str()?.to_owned())))
            .collect()
    };
    let mut space = SpaceState {
        sdk: body["sdk"].as_str().unwrap_or_default().to_owned(),
        secrets: pairs("secrets"),
        variables: pairs("variables"),
        ..SpaceState::default()
    };
    // A new Space holds a first commit.
    space.files.insert(
        ".gitattributes".to_owned(),
        StoredFile::Regular(b"*.bin filter=lfs diff=lfs merge=lfs -text\n".to_vec()),
    );
    space.files.insert("README.md".to_owned(), StoredFile::Regular(b"---\nsdk: docker\n---\n".to_vec()));
    space.commits.push(commit_id(state.spaces.len() * 1000));
    state.spaces.insert(id.clone(), space);
    Json(json!({"url": format!("{}/spaces/{id}", hub.base), "name": id, "id": "1"})).into_response()
}

pub(super) async fn show(State(hub): State<Hub>, Path(path): SpacePath) -> Response {
    let app_url = hub.lock().app_url.clone();
    let id = format!("{}/{}", path.0, path.1);
    let subdomain = id.to_lowercase().replace(['/', '.', '_'], "-");
    let shown = with_space(&hub, &path, |space| {
        json!({
            "_id": "1", "id": id, "author": path.0, "sha": space.commits.last(), "private": false,
            "lastModified": UPDATED, "createdAt": UPDATED, "disabled": false, "likes": 0, "tags": ["docker"],
            "host": app_url.unwrap_or_else(|| format!("https://{subdomain}.hf.space")),
            "subdomain": subdomain, "sdk": space.sdk, "runtime": runtime_of(space, None),
            "siblings": space.files.keys().map(|path| json!({"rfilename": path})).collect::<Vec<_>>(),
        })
    });
    shown.map_or_else(|refusal| refusal, |shown| Json(shown).into_response())
}

pub(super) async fn show_revision(
    state: State<Hub>,
    Path((owner, name, _)): Path<(String, String, String)>,
) -> Response {
    show(state, Path((owner, name))).await
}

pub(super) async fn raw(
    State(hub): State<Hub>,
    Path((owner, name, _, path)): Path<(String, String, String, String)>,
) -> Response {
    match with_space(&hub, &(owner, name), |space| space.files.get(&path).cloned()) {
        Ok(Some(StoredFile::Regular(bytes))) => bytes.into_response(),
        Ok(Some(StoredFile::Lfs { oid, size })) => {
            format!("version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize {size}\n")
                .into_response()
        }
        Ok(None) => error(404, "Entry not found", &[("x-error-code", "EntryNotFound")]),
        Err(refusal) => refusal,
    }
}

fn pair(body: &Value) -> Option<(String, String)> {
    let (key, value) = (body["key"].as_str()?, body["value"].as_str()?);
    let is_name = !key.starts_with(|c: char| c.is_ascii_digit())
        && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    (is_name && !key.is_empty()).then(|| (key.to_owned(), value.to_owned()))
}

pub(super) async fn set_secret(
    State(hub): State<Hub>,
    Path(path): SpacePath,
    Json(body): Json<Value>,
) -> Response {
    let Some((key, value)) = pair(&body) else { return error(400, "Invalid secret key", &[]) };
    let set = with_space(&hub, &path, |space| {
        space.secrets.insert(key, value);
        described(space.secrets.keys(), |_| None)
    });
    set.map_or_else(|refusal| refusal, |secrets| Json(secrets).into_response())
}

pub(super) async fn secrets(State(hub): State<Hub>, Path(path): SpacePath) -> Response {
    let secrets = with_space(&hub, &path, |space| described(space.secrets.keys(), |_| None));
    secrets.map_or_else(|refusal| refusal, |secrets| Json(secrets).into_response())
}

pub(super) async fn set_variable(
    State(hub): State<Hub>,
    Path(path): SpacePath,
    Json(body): Json<Value>,
) -> Response {
    let Some((key, value)) = pair(&body) else { return error(400, "Invalid variable key", &[]) };
    let set = with_space(&hub, &path, |space| {
        space.variables.insert(key, value);
        described(space.variables.keys(), |key| space.variables.get(key).cloned())
    });
    set.map_or_else(|refusal| refusal, |variables| Json(variables).into_response())
}

pub(super) async fn variables(State(hub): State<Hub>, Path(path): SpacePath) -> Response {
    let variables = with_space(&hub, &path, |space| {
        described(space.variables.keys(), |key| space.variables.get(key).cloned())
    });
    variables.map_or_else(|refusal| refusal, |variables| Json(variables).into_response())
}

fn described<'a>(keys: impl Iterator<Item = &'a String>, value: impl Fn(&str) -> Option<String>) -> Value {
    let mut all = Map::new();
    for key in keys {
        let mut about = json!({"key": key, "description": null, "updatedAt": UPDATED});
        if let Some(value) = value(key) {
            about["value"] = value.into();
        }
        all.insert(key.clone(), about);
    }
    Value::Object(all)
}

/// The runtime as it is, moved one stage on by each look.
pub(super) async fn runtime(State(hub): State<Hub>, Path(path): SpacePath) -> Response {
    let message = hub.lock().error_message.clone();
    let runtime = with_space(&hub, &path, |space| {
        let shown = runtime_of(space, message.as_deref());
        if space.to_come.len() > 1 {
            space.to_come.remove(0);
        }
        shown
    });
    runtime.map_or_else(|refusal| refusal, |runtime| Json(runtime).into_response())
}

fn runtime_of(space: &SpaceState, message: Option<&str>) -> Value {
    let stage = space.to_come.first().map_or("NO_APP_FILE", String::as_str);
    let (stage, commit) = stage.split_once('@').unwrap_or((stage, "new"));
    let new = space.commits.last();
    let sha = if commit == "old" { space.running.as_ref() } else { new };
    let mut runtime = json!({
        "stage": stage,
        "hardware": {"current": "cpu-basic", "requested": "cpu-basic"},
        "storage": null,
        "gcTimeout": 172_800,
        "replicas": {"current": 1, "requested": 1},
        "devMode": false,
        "domains": [{"domain": "reader-rag-chatbot.hf.space", "stage": "READY"}],
    });
    if let Some(sha) = sha {
        runtime["sha"] = sha.as_str().into();
    }
    if let Some(message) = message.filter(|_| stage.ends_with("ERROR")) {
        runtime["errorMessage"] = message.into();
    }
    runtime
}

pub(super) async fn restart(
    State(hub): State<Hub>,
    Path(path): SpacePath,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    let restarted = with_space(&hub, &path, |space| {
        let factory = query.get("factory").is_some_and(|value| value == "true");
        space.restarts.push(if factory { "factory" } else { "restart" }.to_owned());
        space.to_come = ["APP_STARTING@new", "RUNNING@new"].map(str::to_owned).to_vec();
        runtime_of(space, None)
    });
    restarted.map_or_else(|refusal| refusal, |runtime| Json(runtime).into_response())
}

/// The log from its beginning, as events; it ends, so that the reader comes again.
/// All lines from the beginning, then those to come when streams stay open.
pub(super) async fn logs(
    State(hub): State<Hub>,
    Path((owner, name, kind)): Path<(String, String, String)>,
) -> Response {
    let (changes, cuts) = {
        let mut state = hub.lock();
        if state.log(&kind).is_none() {
            return error(404, "Not found", &[]);
        }
        (state.log_changes.subscribe(), state.log_cuts)
    };
    if let Err(refusal) = with_space(&hub, &(owner, name), |_| ()) {
        return refusal;
    }
    let opening = futures_util::stream::iter([Ok(": keep-alive\n\ndata: \n\n".to_owned())]);
    let lines = futures_util::stream::try_unfold((0, changes), move |(place, mut changes)| {
        let (hub, kind) = (hub.clone(), kind.clone());
        async move {
            loop {
                let (line, stays_open) = {
                    let mut state = hub.lock();
                    if state.log_cuts != cuts {
                        return Err(broken());
                    }
                    (state.log(&kind).and_then(|lines| lines.get(place).cloned()), state.logs_stay_open)
                };
                if let Some(line) = line {
                    let event = json!({"data": line, "timestamp": UPDATED});
                    return Ok(Some((format!("data: {event}\n\n"), (place + 1, changes))));
                }
                if !stays_open || changes.changed().await.is_err() {
                    return Ok(None);
                }
            }
        }
    });
    let body = axum::body::Body::from_stream(opening.chain(lines));
    ([(header::CONTENT_TYPE, "text/event-stream")], body).into_response()
}
