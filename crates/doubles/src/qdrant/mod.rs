//! A Qdrant server on loopback, in memory: collections, aliases, payload indexes, points and the query API, as strict as a
//! cluster of Qdrant Cloud (key needed, strict mode on) and as old as a test wants it.

mod collection;
mod errors;
mod filter;
mod points;
mod query;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, HeaderValue, Method, Uri};
use axum::response::Response;
use serde_json::{Value, json};

use self::collection::Collection;
use self::errors::ApiError;
use crate::body;
use crate::control::{Control, Guard, Operation, Recorded};
use crate::fault::Fault;
use crate::gemini::header_list;
use crate::server::Server;

const JSON: &str = "application/json";

/// The server's own limit of a request body.
const BODY_BYTES: usize = 32 * 1024 * 1024;

/// A running Qdrant double. Dropping it stops the listening.
#[derive(Debug)]
pub struct QdrantDouble {
    server: Server,
    shared: Shared,
}

#[derive(Debug, Clone)]
struct Shared {
    control: Control,
    state: Arc<Mutex<Database>>,
}

#[derive(Debug)]
struct Database {
    minor: u32,
    strict: bool,
    collections: BTreeMap<String, Collection>,
    aliases: BTreeMap<String, String>,
}

impl QdrantDouble {
    /// The key that the double takes for valid.
    pub const KEY: &'static str = "qdrant-double-key";

    /// Version of the server that the double plays, unless a test asks for another: 1.this.
    pub const MINOR: u32 = 19;

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
        let database = Database {
            minor: Self::MINOR,
            strict: true,
            collections: BTreeMap::new(),
            aliases: BTreeMap::new(),
        };
        let shared = Shared { control: control.clone(), state: Arc::new(Mutex::new(database)) };
        let routes =
            Router::new().fallback(serve).layer(DefaultBodyLimit::max(BODY_BYTES)).with_state(shared.clone());
        let server = Server::start(port, control, routes).await?;
        Ok(Self { server, shared })
    }

    /// Plays version 1.`minor` from now on.
    pub fn set_minor_version(&self, minor: u32) {
        self.shared.lock().minor = minor;
    }

    /// Whether new collections have strict mode on, as on Cloud.
    pub fn set_strict(&self, strict: bool) {
        self.shared.lock().strict = strict;
    }

    /// Address without path.
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

    /// Names of all collections.
    pub fn collections(&self) -> Vec<String> {
        self.shared.lock().collections.keys().cloned().collect()
    }

    /// The collection that an alias leads to.
    pub fn alias(&self, name: &str) -> Option<String> {
        self.shared.lock().aliases.get(name).cloned()
    }

    /// All points of a collection or alias with payload and vectors, in the order of their ids.
    pub fn points(&self, name: &str) -> Vec<Value> {
        let database = self.shared.lock();
        let request = json!({"limit": 1000, "with_payload": true, "with_vector": true});
        let mut points = Vec::new();
        let Ok(collection) = database.find(name) else { return points };
        let mut offset = Value::Null;
        loop {
            let mut request = request.clone();
            request["offset"] = offset;
            let Ok(mut page) = collection.scroll(&request) else { return points };
            points.extend(page["points"].as_array().cloned().unwrap_or_default());
            offset = page["next_page_offset"].take();
            if offset.is_null() {
                return points;
            }
        }
    }

    /// The handle to faults and the record, for tasks of their own.
    pub fn control(&self) -> Control {
        self.shared.control.clone()
    }
}

impl std::ops::Deref for QdrantDouble {
    type Target = Control;

    fn deref(&self) -> &Control {
        &self.shared.control
    }
}

impl Drop for QdrantDouble {
    fn drop(&mut self) {
        self.server.refuse();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Database> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Every call: recorded, checked for its key, made to fail when a fault is planned, else answered.
async fn serve(
    State(shared): State<Shared>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    bytes: Bytes,
) -> Response {
    let body: Value = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
    let path = decoded(uri.path());
    let pieces: Vec<&str> = path.split('/').filter(|piece| !piece.is_empty()).collect();
    let operation = operation_of(&method, &pieces);
    let collection = if pieces.first() == Some(&"collections") { pieces.get(1).copied() } else { None };
    let fault = shared.control.take_fault(operation, collection.unwrap_or_default());
    let guard = shared.control.record(Recorded {
        method: method.to_string(),
        path: uri.to_string(),
        operation,
        model: collection.unwrap_or_default().to_owned(),
        headers: header_list(&headers),
        body: body.clone(),
        received: Instant::now(),
        pieces_sent: 0,
        completed: None,
        disconnected: None,
    });
    match &fault {
        Some(Fault::Hang) => return body::hang(guard).await,
        Some(Fault::Suspended) => return refuse(&ApiError::suspended(), guard),
        Some(Fault::BadKey) => return refuse(&ApiError::bad_key(), guard),
        Some(Fault::Status { code }) => return refuse(&ApiError::of_status(*code), guard),
        Some(Fault::RateLimited { retry_after_ms, .. }) => {
            return refuse(&ApiError::rate_limited(*retry_after_ms), guard);
        }
        Some(Fault::Raw { status, content_type, body }) => {
            return body::whole(*status, content_type, body.clone(), guard);
        }
        _ => {}
    }
    let is_open = matches!(&pieces[..], [] | ["healthz" | "livez" | "readyz"]);
    if !is_open && let Err(error) = check_key(&headers) {
        return refuse(&error, guard);
    }
    if !bytes.is_empty() && body.is_null() {
        return refuse(&ApiError::json_body("expected value at line 1 column 1"), guard);
    }
    match shared.lock().answer(&method, &pieces, &body) {
        Ok(Reply::Result(result)) => {
            let whole = json!({"result": result, "status": "ok", "time": 0.000_1});
            body::whole(200, JSON, whole.to_string(), guard)
        }
        Ok(Reply::Bare(value)) => body::whole(200, JSON, value.to_string(), guard),
        Ok(Reply::Text(text)) => body::whole(200, "text/plain", text, guard),
        Err(error) => refuse(&error, guard),
    }
}

enum Reply {
    /// Inside of the envelope.
    Result(Value),
    /// Without it.
    Bare(Value),
    Text(&'static str),
}

fn check_key(headers: &HeaderMap) -> Result<(), ApiError> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let key = text("api-key").or(text("authorization").and_then(|value| value.strip_prefix("Bearer ")));
    match key {
        None => Err(ApiError::no_key()),
        Some(QdrantDouble::KEY) => Ok(()),
        Some(_) => Err(ApiError::bad_key()),
    }
}

fn operation_of(method: &Method, pieces: &[&str]) -> Operation {
    match (method.as_str(), pieces) {
        (_, ["collections", _, "points", "query", ..]) => Operation::Query,
        ("GET", _)
        | (
            _,
            ["collections", _, "points"]
            | ["collections", _, "points", "scroll" | "count"]
            | ["collections", _, "facet"],
        ) if method != Method::PUT => Operation::Read,
        _ => Operation::Write,
    }
}

impl Database {
    fn find(&self, name: &str) -> Result<&Collection, ApiError> {
        let name = self.aliases.get(name).map_or(name, String::as_str);
        self.collections.get(name).ok_or_else(|| ApiError::no_collection(name))
    }

    fn find_mut(&mut self, name: &str) -> Result<&mut Collection, ApiError> {
        let name = self.aliases.get(name).map_or(name, String::as_str);
        self.collections.get_mut(name).ok_or_else(|| ApiError::no_collection(name))
    }

    fn answer(&mut self, method: &Method, pieces: &[&str], body: &Value) -> Result<Reply, ApiError> {
        let result = match (method.as_str(), pieces) {
            ("GET", []) => {
                let version = format!("1.{}.0", self.minor);
                let commit = "0000000000000000000000000000000000000000";
                return Ok(Reply::Bare(
                    json!({"title": "qdrant - vector search engine", "version": version, "commit": commit}),
                ));
            }
            ("GET", ["healthz"]) => return Ok(Reply::Text("healthz check passed")),
            ("GET", ["livez"]) => return Ok(Reply::Text("livez check passed")),
            ("GET", ["readyz"]) => return Ok(Reply::Text("all shards are ready")),
            ("GET", ["collections"]) => {
                let names: Vec<Value> = self.collections.keys().map(|name| json!({"name": name})).collect();
                json!({"collections": names})
            }
            ("GET", ["aliases"]) => self.list_aliases(None),
            ("POST", ["collections", "aliases"]) => self.change_aliases(body)?,
            ("GET", ["collections", name]) => self.find(name)?.describe(),
            ("PUT", ["collections", name]) => self.create(name, body)?,
            ("PATCH", ["collections", name]) => {
                self.find_mut(name)?.update(body);
                json!(true)
            }
            ("DELETE", ["collections", name]) => {
                self.aliases.retain(|_, collection| collection != name);
                json!(self.collections.remove(*name).is_some())
            }
            ("GET", ["collections", name, "exists"]) => json!({"exists": self.find(name).is_ok()}),
            ("GET", ["collections", name, "aliases"]) => {
                self.find(name)?;
                self.list_aliases(Some(name))
            }
            ("PUT", ["collections", name, "index"]) => self.find_mut(name)?.create_index(body)?,
            ("DELETE", ["collections", name, "index", field]) => self.find_mut(name)?.drop_index(field),
            ("PUT", ["collections", name, "points"]) => self.find_mut(name)?.upsert(body)?,
            ("POST", ["collections", name, "points"]) => self.find(name)?.retrieve(body)?,
            ("POST", ["collections", name, "points", "delete"]) => self.find_mut(name)?.delete(body)?,
            ("POST", ["collections", name, "points", "payload"]) => {
                self.find_mut(name)?.set_payload(body, false)?
            }
            ("PUT", ["collections", name, "points", "payload"]) => {
                self.find_mut(name)?.set_payload(body, true)?
            }
            ("POST", ["collections", name, "points", "payload", "delete"]) => {
                self.find_mut(name)?.delete_payload(body)?
            }
            ("POST", ["collections", name, "points", "scroll"]) => self.find(name)?.scroll(body)?,
            ("POST", ["collections", name, "points", "count"]) => self.find(name)?.count(body)?,
            ("POST", ["collections", name, "facet"]) => self.find(name)?.facet(body)?,
            ("POST", ["collections", name, "points", "query"]) => query::answer(self.find(name)?, body)?,
            ("POST", ["collections", name, "points", "query", "batch"]) => {
                let searches = body["searches"].as_array();
                let searches = searches.ok_or_else(|| ApiError::json_body("missing field `searches`"))?;
                let collection = self.find(name)?;
                let answers = searches.iter().map(|search| query::answer(collection, search));
                Value::Array(answers.collect::<Result<_, _>>()?)
            }
            _ => {
                return Err(ApiError {
                    status: 404,
                    plain: true,
                    body: String::new(),
                    retry_after_seconds: None,
                });
            }
        };
        Ok(Reply::Result(result))
    }

    fn create(&mut self, name: &str, body: &Value) -> Result<Value, ApiError> {
        if self.collections.contains_key(name) {
            return Err(ApiError::collection_exists(name));
        }
        if self.aliases.contains_key(name) {
            return Err(ApiError::input(format!(
                "Can't create collection with name {name}. Alias with the same name already exists"
            )));
        }
        let collection = Collection::create(body, self.minor, self.strict)?;
        self.collections.insert(name.to_owned(), collection);
        Ok(json!(true))
    }

    fn list_aliases(&self, collection: Option<&str>) -> Value {
        let aliases: Vec<Value> = self
            .aliases
            .iter()
            .filter(|(_, target)| collection.is_none_or(|wanted| wanted == target.as_str()))
            .map(|(alias, target)| json!({"alias_name": alias, "collection_name": target}))
            .collect();
        json!({"aliases": aliases})
    }

    /// All actions or none.
    fn change_aliases(&mut self, body: &Value) -> Result<Value, ApiError> {
        let actions =
            body["actions"].as_array().ok_or_else(|| ApiError::json_body("missing field `actions`"))?;
        let mut aliases = self.aliases.clone();
        let text = |value: &Value, name: &str| {
            value[name]
                .as_str()
                .map(str::to_owned)
                .ok_or_else(|| ApiError::json_body(format!("missing field `{name}`")))
        };
        for action in actions {
            if let Some(create) = action.get("create_alias") {
                let (collection, alias) = (text(create, "collection_name")?, text(create, "alias_name")?);
                if !self.collections.contains_key(&collection) {
                    return Err(ApiError::no_collection(&collection));
                }
                if self.collections.contains_key(&alias) {
                    return Err(ApiError::collection_exists(&alias));
                }
                aliases.insert(alias, collection);
            } else if let Some(delete) = action.get("delete_alias") {
                aliases.remove(&text(delete, "alias_name")?);
            } else if let Some(rename) = action.get("rename_alias") {
                let (old, new) = (text(rename, "old_alias_name")?, text(rename, "new_alias_name")?);
                let target = aliases
                    .remove(&old)
                    .ok_or_else(|| ApiError::new(404, format!("Not found: Alias {old} does not exists!")))?;
                aliases.insert(new, target);
            } else {
                return Err(ApiError::json_body(
                    "data did not match any variant of untagged enum AliasOperations",
                ));
            }
        }
        self.aliases = aliases;
        Ok(json!(true))
    }
}

fn refuse(error: &ApiError, guard: Guard) -> Response {
    let content_type = if error.plain { "text/plain; charset=utf-8" } else { JSON };
    let mut response = body::whole(error.status, content_type, error.body.clone(), guard);
    if let Some(seconds) = error.retry_after_seconds {
        response.headers_mut().insert("retry-after", HeaderValue::from(seconds));
    }
    response
}

/// A path with its percent-encoded characters as themselves.
fn decoded(path: &str) -> String {
    let bytes = path.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut place = 0;
    while place < bytes.len() {
        let code = bytes.get(place + 1..place + 3).and_then(|code| std::str::from_utf8(code).ok());
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(byte) if bytes[place] == b'%' => {
                plain.push(byte);
                place += 3;
            }
            _ => {
                plain.push(bytes[place]);
                place += 1;
            }
        }
    }
    String::from_utf8_lossy(&plain).into_owned()
}
