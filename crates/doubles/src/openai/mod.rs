//! An OpenAI-compatible server on loopback: chat completions (streamed and whole), embeddings (numbers and base64) and
//! models, with the key check and the strictness of OpenAI itself.

mod chat;
mod embeddings;
mod errors;

use std::time::Instant;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, Method, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};

use self::errors::ApiError;
use crate::body;
use crate::control::{Control, Guard, Operation, Recorded};
use crate::fault::{Fault, Quota};
use crate::gemini::header_list;
use crate::server::Server;

const JSON: &str = "application/json";

/// All times of the double are this moment: nothing depends on the clock.
const CREATED: u64 = 1_700_000_000;

/// A running OpenAI-compatible double. Dropping it stops the listening.
#[derive(Debug)]
pub struct OpenAiDouble {
    server: Server,
    control: Control,
}

impl OpenAiDouble {
    /// The key that the double takes for valid.
    pub const KEY: &'static str = "sk-double-key";

    /// A chat model that takes `max_tokens`.
    pub const MODEL: &'static str = "double-chat";

    /// A chat model that refuses `max_tokens` and wants `max_completion_tokens`.
    pub const REASONING_MODEL: &'static str = "double-reasoning";

    /// An embedding model of 256 values, fewer on request.
    pub const EMBEDDING_MODEL: &'static str = "double-embedding";

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
            .route("/v1/models", get(list_models))
            .route("/v1/models/{model}", get(get_model))
            .route("/v1/chat/completions", post(chat_completions))
            .route("/v1/embeddings", post(create_embeddings))
            .with_state(control.clone());
        let server = Server::start(port, control.clone(), routes).await?;
        Ok(Self { server, control })
    }

    /// Address up to and including `/v1`.
    pub fn base_url(&self) -> String {
        format!("{}/v1", self.server.url())
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

impl std::ops::Deref for OpenAiDouble {
    type Target = Control;

    fn deref(&self) -> &Control {
        &self.control
    }
}

impl Drop for OpenAiDouble {
    fn drop(&mut self) {
        self.server.refuse();
    }
}

/// One call, after the key check.
struct Call {
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
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let head = Head { method, uri, headers };
    match admit(control, &head, Operation::Models, Value::Null).await {
        Ok(call) => {
            let models = [OpenAiDouble::MODEL, OpenAiDouble::REASONING_MODEL, OpenAiDouble::EMBEDDING_MODEL];
            whole(&json!({ "object": "list", "data": models.map(describe) }), call.guard)
        }
        Err(response) => response,
    }
}

async fn get_model(
    State(control): State<Control>,
    Path(model): Path<String>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let head = Head { method, uri, headers };
    match admit(control, &head, Operation::Models, json!({ "model": model })).await {
        Ok(call) if is_chat(&model) || model == OpenAiDouble::EMBEDDING_MODEL => {
            whole(&describe(&model), call.guard)
        }
        Ok(call) => refuse(&ApiError::no_model(&model), call.guard),
        Err(response) => response,
    }
}

async fn chat_completions(
    State(control): State<Control>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    bytes: Bytes,
) -> Response {
    let head = Head { method, uri, headers };
    let parsed = parse(&bytes);
    let recorded = parsed.clone().unwrap_or(Value::Null);
    let call = match admit(control, &head, Operation::Generate, recorded).await {
        Ok(call) => call,
        Err(response) => return response,
    };
    match parsed.and_then(|request| chat::answer(&request, &call)) {
        Ok(chat::Reply::Whole(value)) => whole(&value, call.guard),
        Ok(chat::Reply::Pieces(pieces)) => {
            body::paced("text/event-stream; charset=utf-8", pieces, call.guard)
        }
        Err(error) => refuse(&error, call.guard),
    }
}

async fn create_embeddings(
    State(control): State<Control>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    bytes: Bytes,
) -> Response {
    let head = Head { method, uri, headers };
    let parsed = parse(&bytes);
    let recorded = parsed.clone().unwrap_or(Value::Null);
    let call = match admit(control, &head, Operation::Embed, recorded).await {
        Ok(call) => call,
        Err(response) => return response,
    };
    match parsed.and_then(|request| embeddings::answer(&request, call.fault.as_ref())) {
        Ok(value) => whole(&value, call.guard),
        Err(error) => refuse(&error, call.guard),
    }
}

fn parse(bytes: &Bytes) -> Result<Value, ApiError> {
    serde_json::from_slice(bytes)
        .map_err(|_| ApiError::new(400, "We could not parse the JSON body of your request.", None, None))
}

/// Records the call, checks the key, and plays the faults that need no more than a status.
async fn admit(control: Control, head: &Head, operation: Operation, body: Value) -> Result<Call, Response> {
    let model = body.get("model").and_then(Value::as_str).unwrap_or_default().to_owned();
    let fault = control.take_fault(operation, &model);
    let guard = control.record(Recorded {
        method: head.method.to_string(),
        path: head.uri.to_string(),
        operation,
        model,
        headers: header_list(&head.headers),
        body,
        received: Instant::now(),
        pieces_sent: 0,
        completed: None,
        disconnected: None,
    });
    let key =
        head.headers.get("authorization").and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    match key {
        None => return Err(refuse(&ApiError::no_key(), guard)),
        Some(key) if key != OpenAiDouble::KEY => return Err(refuse(&ApiError::bad_key(key), guard)),
        Some(_) => {}
    }
    match &fault {
        Some(Fault::Hang) => Err(body::hang(guard).await),
        Some(Fault::BadKey) => Err(refuse(&ApiError::bad_key(OpenAiDouble::KEY), guard)),
        Some(Fault::Status { code }) => Err(refuse(&ApiError::of_status(*code), guard)),
        Some(Fault::RateLimited { quota: Quota::Minute, retry_after_ms }) => {
            Err(refuse(&ApiError::too_fast(*retry_after_ms), guard))
        }
        Some(Fault::RateLimited { .. }) => Err(refuse(&ApiError::no_quota(), guard)),
        Some(Fault::Raw { status, content_type, body }) => {
            Err(body::whole(*status, content_type, body.clone(), guard))
        }
        Some(Fault::Redirect { to }) => {
            guard.complete();
            Err(axum::response::Redirect::temporary(to).into_response())
        }
        _ => Ok(Call { fault, control, guard }),
    }
}

fn is_chat(model: &str) -> bool {
    model == OpenAiDouble::MODEL || model == OpenAiDouble::REASONING_MODEL
}

fn describe(model: &str) -> Value {
    json!({ "id": model, "object": "model", "created": CREATED, "owned_by": "doubles" })
}

fn refuse(error: &ApiError, guard: Guard) -> Response {
    let mut response = body::whole(error.status, JSON, error.body.to_string(), guard);
    if let Some(wait) = error.retry_after_ms {
        response.headers_mut().insert("retry-after-ms", HeaderValue::from(wait));
        response.headers_mut().insert("retry-after", HeaderValue::from(wait.div_ceil(1000)));
    }
    response
}

fn whole(value: &Value, guard: Guard) -> Response {
    body::whole(200, JSON, value.to_string(), guard)
}

/// Refuses names that the request does not know.
fn check_names(request: &Value, known: &[&str]) -> Result<(), ApiError> {
    let members = request
        .as_object()
        .ok_or_else(|| ApiError::new(400, "The JSON body of your request must be an object.", None, None))?;
    match members.keys().find(|name| !known.contains(&name.as_str())) {
        Some(name) => Err(ApiError::unknown_field(name)),
        None => Ok(()),
    }
}

/// Tokens of a text as the double counts them: one for every four characters.
fn tokens(text: &str) -> u32 {
    u32::try_from(text.chars().count().div_ceil(4)).unwrap_or(u32::MAX)
}
