//! A Gemini on loopback: generateContent, streamGenerateContent (events and the JSON array), embedContent,
//! batchEmbedContents, countTokens and models, under `v1` and `v1beta`, with the key check and the strictness of the
//! real API.

mod embed;
mod errors;
mod generate;
mod models;
mod schema;

use std::time::Instant;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Method, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};

use self::errors::ApiError;
use self::schema::{Field, violations};
use crate::body;
use crate::control::{Control, Guard, Operation, Recorded};
use crate::fault::Fault;
use crate::server::Server;

const JSON: &str = "application/json; charset=UTF-8";

/// A running Gemini double. Dropping it stops the listening.
#[derive(Debug)]
pub struct GeminiDouble {
    server: Server,
    control: Control,
}

impl GeminiDouble {
    /// The key that the double takes for valid.
    pub const KEY: &'static str = "AQ.double-key";

    /// Starts on a free port.
    ///
    /// # Panics
    /// When loopback cannot be listened on.
    pub async fn start() -> Self {
        Self::start_on(0).await.expect("loopback has a free port")
    }

    /// Starts on `port`; 0 means any free one.
    ///
    /// # Errors
    /// When the port is taken.
    pub async fn start_on(port: u16) -> std::io::Result<Self> {
        let control = Control::default();
        let routes = Router::new()
            .route("/{version}/models", get(list_models))
            .route("/{version}/models/{model}", get(get_model))
            .route("/{version}/models/{model}", post(call))
            .with_state(control.clone());
        let server = Server::start(port, control.clone(), routes).await?;
        Ok(Self { server, control })
    }

    /// Address without version and path, such as `http://127.0.0.1:4711`.
    pub fn base_url(&self) -> String {
        self.server.url()
    }

    /// The valid key.
    pub fn key(&self) -> &'static str {
        Self::KEY
    }

    /// Refuses connections from now on; running replies go on.
    pub fn refuse_connections(&self) {
        self.server.refuse();
    }

    /// Takes connections again, on the same port.
    ///
    /// # Errors
    /// When somebody else took the port meanwhile.
    pub async fn accept_connections(&self) -> std::io::Result<()> {
        self.server.accept().await
    }

    /// The handle to faults, answers and the record, for tasks of their own.
    pub fn control(&self) -> Control {
        self.control.clone()
    }
}

impl std::ops::Deref for GeminiDouble {
    type Target = Control;

    fn deref(&self) -> &Control {
        &self.control
    }
}

impl Drop for GeminiDouble {
    fn drop(&mut self) {
        self.server.refuse();
    }
}

/// One call, after the key check.
struct Call {
    version: String,
    model: String,
    fault: Option<Fault>,
    control: Control,
    guard: Guard,
}

/// Head of a request, as every route needs it.
struct Head {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
}

async fn list_models(
    State(control): State<Control>,
    Path(version): Path<String>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let head = Head { method, uri, headers };
    let call = match admit(control, &head, Operation::Models, version, String::new(), Value::Null).await {
        Ok(call) => call,
        Err(response) => return response,
    };
    let size =
        query(&head.uri, "pageSize").and_then(|size| size.parse().ok()).unwrap_or(50usize).clamp(1, 1000);
    let from = query(&head.uri, "pageToken").and_then(|token| token.parse().ok()).unwrap_or(0usize);
    let listed: Vec<Value> =
        models::all().iter().skip(from).take(size).map(models::Model::describe).collect();
    let mut reply = json!({ "models": listed });
    if from + size < models::all().len() {
        reply["nextPageToken"] = json!((from + size).to_string());
    }
    pretty(&reply, call.guard)
}

async fn get_model(
    State(control): State<Control>,
    Path((version, model)): Path<(String, String)>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let head = Head { method, uri, headers };
    let call = match admit(control, &head, Operation::Models, version, model, Value::Null).await {
        Ok(call) => call,
        Err(response) => return response,
    };
    match models::find(&call.model, &call.version) {
        Some(model) => pretty(&model.describe(), call.guard),
        None => {
            let message =
                format!("Model is not found: models/{} for api version {}", call.model, call.version);
            refuse(&ApiError::new(404, message), call.guard)
        }
    }
}

async fn call(
    State(control): State<Control>,
    Path((version, target)): Path<(String, String)>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    bytes: Bytes,
) -> Response {
    let (model, verb) = target.split_once(':').unwrap_or((&target, ""));
    let operation = match verb {
        "generateContent" | "streamGenerateContent" => Operation::Generate,
        "embedContent" | "batchEmbedContents" => Operation::Embed,
        "countTokens" => Operation::CountTokens,
        _ => return (axum::http::StatusCode::NOT_FOUND, "").into_response(),
    };
    let parsed: Result<Value, _> = serde_json::from_slice(&bytes);
    let head = Head { method, uri, headers };
    let recorded = parsed.as_ref().cloned().unwrap_or(Value::Null);
    let call = match admit(control, &head, operation, version, model.to_owned(), recorded).await {
        Ok(call) => call,
        Err(response) => return response,
    };
    let events = query(&head.uri, "alt") == Some("sse");
    let outcome = match parsed {
        Ok(request) => answer(verb, &request, &call, events),
        Err(error) => Err(ApiError::new(400, format!("Invalid JSON payload received. {error}"))),
    };
    match outcome {
        Ok(Reply::Whole(value)) => pretty(&value, call.guard),
        Ok(Reply::Pieces(content_type, pieces)) => body::paced(content_type, pieces, call.guard),
        // Without `alt=sse` the stream is an array, and so is its error.
        Err(error) if verb == "streamGenerateContent" && !events => {
            let array = json!([error.body]);
            body::whole(
                error.code,
                JSON,
                serde_json::to_string_pretty(&array).unwrap_or_default(),
                call.guard,
            )
        }
        Err(error) => refuse(&error, call.guard),
    }
}

/// What a call gets.
enum Reply {
    Whole(Value),
    Pieces(&'static str, Vec<body::Piece>),
}

fn answer(verb: &str, request: &Value, call: &Call, events: bool) -> Result<Reply, ApiError> {
    match verb {
        "generateContent" => generate::whole(request, call).map(|(value, cut)| match cut {
            true => Reply::Pieces(JSON, vec![body::Piece::text("{\n  \"candidates\": ["), body::Piece::Cut]),
            false => Reply::Whole(value),
        }),
        "streamGenerateContent" => generate::stream(request, call, events)
            .map(|pieces| Reply::Pieces(if events { "text/event-stream" } else { JSON }, pieces)),
        "embedContent" => embed::single(request, call).map(Reply::Whole),
        "batchEmbedContents" => embed::batch(request, call).map(Reply::Whole),
        _ => generate::count_tokens(request, call).map(Reply::Whole),
    }
}

/// Records the call, checks the key, and plays the faults that need no more than a status.
async fn admit(
    control: Control,
    head: &Head,
    operation: Operation,
    version: String,
    model: String,
    body: Value,
) -> Result<Call, Response> {
    let model = model.trim_start_matches("models/").to_owned();
    let fault = control.take_fault(operation, &model);
    let guard = control.record(Recorded {
        method: head.method.to_string(),
        path: head.uri.to_string(),
        operation,
        model: model.clone(),
        headers: header_list(&head.headers),
        body,
        received: Instant::now(),
        pieces_sent: 0,
        completed: None,
        disconnected: None,
    });
    if version != "v1" && version != "v1beta" {
        return Err(body::whole(
            404,
            "text/html",
            "<!DOCTYPE html><title>Error 404 (Not Found)!!1</title>",
            guard,
        ));
    }
    let key =
        head.headers.get("x-goog-api-key").and_then(|key| key.to_str().ok()).or(query(&head.uri, "key"));
    match key {
        None => return Err(refuse(&ApiError::no_key(), guard)),
        Some(key) if key != GeminiDouble::KEY => return Err(refuse(&ApiError::bad_key(), guard)),
        Some(_) => {}
    }
    match &fault {
        Some(Fault::Hang) => Err(body::hang(guard).await),
        Some(Fault::BadKey) => Err(refuse(&ApiError::bad_key(), guard)),
        Some(Fault::Status { code }) => Err(refuse(&ApiError::of_status(*code), guard)),
        Some(Fault::RateLimited { quota, retry_after_ms }) => Err(refuse(
            &ApiError::quota(*quota, *retry_after_ms, &model, operation == Operation::Embed),
            guard,
        )),
        Some(Fault::Raw { status, content_type, body }) => {
            Err(body::whole(*status, content_type, body.clone(), guard))
        }
        Some(Fault::Redirect { to }) => Err(redirect(to, guard)),
        _ => Ok(Call { version, model, fault, control, guard }),
    }
}

fn redirect(to: &str, guard: Guard) -> Response {
    guard.complete();
    axum::response::Redirect::temporary(to).into_response()
}

/// Refuses what the tables do not know.
fn check_fields(request: &Value, fields: &'static [Field]) -> Result<(), ApiError> {
    let found = violations(request, fields);
    if found.is_empty() { Ok(()) } else { Err(ApiError::bad_fields(&found)) }
}

fn refuse(error: &ApiError, guard: Guard) -> Response {
    body::whole(error.code, JSON, error.pretty(), guard)
}

fn pretty(value: &Value, guard: Guard) -> Response {
    body::whole(200, JSON, serde_json::to_string_pretty(value).unwrap_or_default(), guard)
}

pub(crate) fn header_list(headers: &HeaderMap) -> Vec<(String, String)> {
    headers
        .iter()
        .map(|(name, value)| {
            (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        })
        .collect()
}

/// A query value; the few that the API knows need no decoding.
fn query<'a>(uri: &'a Uri, name: &str) -> Option<&'a str> {
    uri.query()?
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value)
}

/// Tokens of a text as the double counts them: one for every four characters.
fn tokens(text: &str) -> u32 {
    u32::try_from(text.chars().count().div_ceil(4)).unwrap_or(u32::MAX)
}
