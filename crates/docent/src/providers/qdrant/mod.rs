//! A client of Qdrant's REST API: the few calls that a book needs, over the one HTTP client. It speaks to every server
//! from 1.10 on, knows nothing of books, and says what went wrong as [`QdrantError`].
//!
//! An address with a port is used as it is. Without one, the usual port of the scheme comes first (Qdrant Cloud answers
//! on 443, and networks let it through), then Qdrant's own 6333; what worked is kept.

mod error;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use reqwest::header::HeaderValue;
use reqwest::{Client, Method, Response, StatusCode};
use serde_json::{Value, json};

use super::http::{ERROR_BODY_BYTES, key_header, read_body, send, trim_base};
use super::{Provider, Secret};
use crate::times;

pub use error::QdrantError;

/// Qdrant's own port for REST.
const OWN_PORT: u16 = 6333;

/// Largest reply that is read; a page of points with vectors has some megabytes.
const REPLY_BYTES: usize = 64 * 1024 * 1024;

/// First wait between them, doubled each time.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// Longest wait between them, also when the server asks for more.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// How a call is limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// A reader waits: one attempt within this time.
    Reader(Duration),
    /// Nobody waits: passing failures are tried again, each attempt within this time.
    Batch(Duration),
}

/// How many points and bytes a collection holds, and what it is made of.
#[derive(Debug, Clone, PartialEq)]
pub struct CollectionInfo {
    /// Points, about.
    pub points: u64,
    /// `green`, `yellow`, `grey` or `red`.
    pub status: String,
    /// Dense vectors by name, with their lengths; the unnamed one has the empty name.
    pub dense: Vec<(String, usize)>,
    /// Names of the sparse vectors.
    pub sparse: Vec<String>,
    /// Fields with a payload index.
    pub indexed: Vec<String>,
    /// Free facts that whoever made it has left, from 1.16 on; null otherwise.
    pub metadata: Value,
}

/// A page of points, and where the next one begins.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// Points as they came: `id`, `payload`, `vector`.
    pub points: Vec<Value>,
    /// Offset of the next page; `None` at the end.
    pub next: Option<Value>,
}

/// The client of one server.
#[derive(Debug)]
pub struct Qdrant {
    client: Client,
    /// Addresses to try, in order.
    bases: Vec<String>,
    /// The one that worked last.
    chosen: AtomicUsize,
    host: String,
    key: Option<HeaderValue>,
    secret: Option<Secret>,
}

impl Qdrant {
    /// A client of the server at `url`; nothing is sent yet.
    pub fn new(client: Client, url: &str, key: Option<&Secret>) -> Self {
        let host = reqwest::Url::parse(url)
            .ok()
            .and_then(|url| url.host_str().map(str::to_owned))
            .unwrap_or_else(|| "the server".to_owned());
        Self {
            client,
            bases: bases(url),
            chosen: AtomicUsize::new(0),
            host,
            key: key.and_then(|key| key_header("", key)),
            secret: key.cloned(),
        }
    }

    /// The address in use, without user info.
    pub fn address(&self) -> String {
        let base = &self.bases[self.chosen.load(Ordering::Relaxed).min(self.bases.len() - 1)];
        match base.split_once("://").map(|(scheme, rest)| (scheme, rest.rsplit_once('@'))) {
            Some((scheme, Some((_, rest)))) => format!("{scheme}://{rest}"),
            _ => base.clone(),
        }
    }

    /// The server's version as `(major, minor)`.
    ///
    /// # Errors
    /// When the server cannot be reached or is none of Qdrant's.
    pub async fn version(&self, patience: Patience) -> Result<(u32, u32), QdrantError> {
        let reply = self.call_raw(Method::GET, "/", None, patience).await?;
        let mut numbers = reply["version"].as_str().unwrap_or_default().split('.').map(str::parse::<u32>);
        match (numbers.next(), numbers.next()) {
            (Some(Ok(major)), Some(Ok(minor))) => Ok((major, minor)),
            _ => Err(QdrantError::BadResponse {
                detail: format!("{} does not say which version of Qdrant it is", self.host),
            }),
        }
    }

    /// All aliases, as (alias, collection).
    ///
    /// # Errors
    /// Those of every call.
    pub async fn aliases(&self, patience: Patience) -> Result<Vec<(String, String)>, QdrantError> {
        let result = self.call(Method::GET, "/aliases", None, patience).await?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let aliases = result["aliases"].as_array().into_iter().flatten();
        Ok(aliases.map(|alias| (text(&alias["alias_name"]), text(&alias["collection_name"]))).collect())
    }

    /// Names of all collections.
    ///
    /// # Errors
    /// Those of every call.
    pub async fn collections(&self, patience: Patience) -> Result<Vec<String>, QdrantError> {
        let result = self.call(Method::GET, "/collections", None, patience).await?;
        let collections = result["collections"].as_array().into_iter().flatten();
        Ok(collections.filter_map(|collection| Some(collection["name"].as_str()?.to_owned())).collect())
    }

    /// What a collection, or the one behind an alias, is made of; `None` when there is none.
    ///
    /// # Errors
    /// Those of every call.
    pub async fn collection(
        &self,
        name: &str,
        patience: Patience,
    ) -> Result<Option<CollectionInfo>, QdrantError> {
        match self.call(Method::GET, &path(name, ""), None, patience).await {
            Ok(result) => Ok(Some(info_of(&result))),
            Err(QdrantError::Missing { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// One call; its `result`.
    ///
    /// # Errors
    /// What Qdrant said, or that it said nothing.
    pub async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        patience: Patience,
    ) -> Result<Value, QdrantError> {
        let mut reply = self.call_raw(method, path, body, patience).await?;
        match reply.get_mut("result") {
            Some(result) => Ok(result.take()),
            None => Err(QdrantError::BadResponse { detail: "a reply without result".to_owned() }),
        }
    }

    /// One page of points in the order of their ids. `with_payload` and `with_vector` are Qdrant's own.
    ///
    /// # Errors
    /// Those of every call.
    pub async fn scroll(
        &self,
        collection: &str,
        request: &Value,
        patience: Patience,
    ) -> Result<Page, QdrantError> {
        let mut result =
            self.call(Method::POST, &path(collection, "/points/scroll"), Some(request), patience).await?;
        let next = Some(result["next_page_offset"].take()).filter(|next| !next.is_null());
        let points = match result["points"].take() {
            Value::Array(points) => points,
            _ => return Err(QdrantError::BadResponse { detail: "a page without points".to_owned() }),
        };
        Ok(Page { points, next })
    }

    /// Points by id; those that do not exist are left out.
    ///
    /// # Errors
    /// Those of every call.
    pub async fn points(
        &self,
        collection: &str,
        request: &Value,
        patience: Patience,
    ) -> Result<Vec<Value>, QdrantError> {
        match self.call(Method::POST, &path(collection, "/points"), Some(request), patience).await? {
            Value::Array(points) => Ok(points),
            _ => Err(QdrantError::BadResponse { detail: "no list of points".to_owned() }),
        }
    }

    /// Number of points that match, counted and not estimated.
    ///
    /// # Errors
    /// Those of every call.
    pub async fn count(
        &self,
        collection: &str,
        filter: &Value,
        patience: Patience,
    ) -> Result<u64, QdrantError> {
        let request = json!({"exact": true, "filter": filter});
        let result =
            self.call(Method::POST, &path(collection, "/points/count"), Some(&request), patience).await?;
        result["count"].as_u64().ok_or_else(|| QdrantError::BadResponse { detail: "no count".to_owned() })
    }

    /// Several queries in one call: the points of each, best first.
    ///
    /// # Errors
    /// Those of every call.
    pub async fn query_batch(
        &self,
        collection: &str,
        searches: &[Value],
        patience: Patience,
    ) -> Result<Vec<Vec<Value>>, QdrantError> {
        let request = json!({"searches": searches});
        let path = path(collection, "/points/query/batch");
        let result = self.call(Method::POST, &path, Some(&request), patience).await?;
        let Value::Array(lists) = result else {
            return Err(QdrantError::BadResponse { detail: "no list of results".to_owned() });
        };
        let points = |mut list: Value| match list["points"].take() {
            Value::Array(points) => points,
            _ => Vec::new(),
        };
        let lists: Vec<Vec<Value>> = lists.into_iter().map(points).collect();
        if lists.len() == searches.len() {
            Ok(lists)
        } else {
            Err(QdrantError::BadResponse { detail: "fewer results than queries".to_owned() })
        }
    }

    async fn call_raw(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        patience: Patience,
    ) -> Result<Value, QdrantError> {
        let body = body.map(Value::to_string);
        let (limit, attempts) = match patience {
            Patience::Reader(limit) => (limit, 1),
            Patience::Batch(limit) => (limit, times::QDRANT_ATTEMPTS),
        };
        let mut attempt = 0;
        loop {
            attempt += 1;
            let error = match self.attempt(&method, path, body.as_deref(), limit).await {
                Ok(reply) => return Ok(reply),
                Err(error) => error,
            };
            if attempt >= attempts || !error.retryable() {
                return Err(error);
            }
            let pause = match &error {
                QdrantError::RateLimited { retry_after: Some(wait) } => *wait,
                _ => FIRST_PAUSE.saturating_mul(1 << (attempt - 1)),
            };
            tracing::info!(attempt, "asking Qdrant again in {pause:?}: {error}");
            tokio::time::sleep(pause.min(LONGEST_PAUSE)).await;
        }
    }

    /// One attempt on each address, the one that worked last first.
    async fn attempt(
        &self,
        method: &Method,
        path: &str,
        body: Option<&str>,
        limit: Duration,
    ) -> Result<Value, QdrantError> {
        let deadline = tokio::time::Instant::now() + limit;
        let chosen = self.chosen.load(Ordering::Relaxed);
        let mut first_error = None;
        for turn in 0..self.bases.len() {
            let place = (chosen + turn) % self.bases.len();
            let left = deadline.saturating_duration_since(tokio::time::Instant::now());
            // A port that swallows connections must leave time for the other one.
            let share = if turn + 1 < self.bases.len() { left / 2 } else { left };
            let url = format!("{}{path}", self.bases[place]);
            match self.once(method, &url, body, share).await {
                Ok(reply) => {
                    self.chosen.store(place, Ordering::Relaxed);
                    return Ok(reply);
                }
                Err(error) => {
                    let elsewhere = matches!(
                        error,
                        QdrantError::Unavailable { .. }
                            | QdrantError::Timeout { .. }
                            | QdrantError::Suspended { .. }
                            | QdrantError::BadResponse { .. }
                    );
                    let error = first_error.get_or_insert(error);
                    if !elsewhere {
                        return Err(error.clone());
                    }
                }
            }
        }
        Err(first_error.unwrap_or(QdrantError::Timeout { after: limit }))
    }

    async fn once(
        &self,
        method: &Method,
        url: &str,
        body: Option<&str>,
        limit: Duration,
    ) -> Result<Value, QdrantError> {
        let mut request = self.client.request(method.clone(), url);
        if let Some(key) = &self.key {
            request = request.header("api-key", key.clone());
        }
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_owned());
        }
        let transport = |error| QdrantError::of_transport(&self.host, error);
        let response = send(Provider::Qdrant, request, limit).await.map_err(transport)?;
        let status = response.status();
        let retry_after = retry_after(&response);
        let most = if status.is_success() { REPLY_BYTES } else { ERROR_BODY_BYTES };
        let bytes = read_body(Provider::Qdrant, response, most, limit).await.map_err(transport)?;
        if !matches!(status, StatusCode::OK | StatusCode::ACCEPTED) {
            let bytes = match &self.secret {
                Some(secret) => secret.redact(&String::from_utf8_lossy(&bytes)).into_bytes(),
                None => bytes,
            };
            return Err(QdrantError::of_reply(&self.host, status.as_u16(), retry_after, &bytes));
        }
        serde_json::from_slice(&bytes).map_err(|_| QdrantError::BadResponse {
            detail: format!("{} does not answer in JSON; is it Qdrant's REST address?", self.host),
        })
    }
}

/// Path below a collection.
pub fn path(collection: &str, rest: &str) -> String {
    format!("/collections/{}{rest}", super::http::path_piece(collection))
}

fn retry_after(response: &Response) -> Option<Duration> {
    let seconds = response.headers().get("retry-after")?.to_str().ok()?.trim().parse::<f64>().ok()?;
    (0.0..=86_400.0).contains(&seconds).then(|| Duration::from_secs_f64(seconds))
}

fn info_of(result: &Value) -> CollectionInfo {
    let params = &result["config"]["params"];
    let size = |vector: &Value| vector["size"].as_u64().map(|size| size as usize);
    let dense = match (size(&params["vectors"]), params["vectors"].as_object()) {
        (Some(size), _) => vec![(String::new(), size)],
        (None, Some(named)) => {
            named.iter().filter_map(|(name, vector)| Some((name.clone(), size(vector)?))).collect()
        }
        (None, None) => Vec::new(),
    };
    let names = |value: &Value| -> Vec<String> {
        value.as_object().map(|fields| fields.keys().cloned().collect()).unwrap_or_default()
    };
    CollectionInfo {
        points: result["points_count"].as_u64().unwrap_or_default(),
        status: result["status"].as_str().unwrap_or_default().to_owned(),
        dense,
        sparse: names(&params["sparse_vectors"]),
        indexed: names(&result["payload_schema"]),
        metadata: result["config"]["metadata"].clone(),
    }
}

/// The addresses that `url` may mean.
fn bases(url: &str) -> Vec<String> {
    let url = trim_base(url);
    let Some((scheme, rest)) = url.split_once("://") else { return vec![url.to_owned()] };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    // The colons of an IPv6 address stand in brackets. `Url::port` would not do: it hides a port that is the usual one.
    let has_port = host.rsplit_once(']').map_or(host, |(_, rest)| rest).contains(':');
    if has_port {
        return vec![url.to_owned()];
    }
    vec![url.to_owned(), format!("{scheme}://{authority}:{OWN_PORT}{path}")]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_given_port_is_kept_and_others_are_tried_in_order() {
        let check = |url: &str, expected: &[&str]| assert_eq!(bases(url), expected, "{url}");
        check("https://a.example:443", &["https://a.example:443"]);
        check("http://localhost:6333/", &["http://localhost:6333"]);
        check("https://a.example", &["https://a.example", "https://a.example:6333"]);
        check("https://a.example/qdrant", &["https://a.example/qdrant", "https://a.example:6333/qdrant"]);
        check("http://[::1]", &["http://[::1]", "http://[::1]:6333"]);
        check("http://[::1]:6333", &["http://[::1]:6333"]);
        check("https://u:p@a.example", &["https://u:p@a.example", "https://u:p@a.example:6333"]);
    }

    #[test]
    fn the_address_shows_no_user() {
        let client = Qdrant::new(crate::providers::http_client(), "https://user:pass@a.example:6333", None);
        assert_eq!(client.address(), "https://a.example:6333");
        assert!(
            !format!(
                "{:?}",
                Qdrant::new(crate::providers::http_client(), "http://h:1", Some(&Secret::new("k3y")))
            )
            .contains("k3y")
        );
    }

    #[test]
    fn a_collection_tells_its_vectors_in_both_forms() {
        let unnamed = json!({"config": {"params": {"vectors": {"size": 768, "distance": "Cosine"}}}});
        assert_eq!(info_of(&unnamed).dense, [(String::new(), 768)]);
        let named = json!({"points_count": 3, "config": {"params": {"vectors": {"dense": {"size": 4}}, "sparse_vectors": {"bm25": {}}}},
            "payload_schema": {"version": {"data_type": "keyword"}}});
        let info = info_of(&named);
        assert_eq!((info.dense, info.sparse), (vec![("dense".to_owned(), 4)], vec!["bm25".to_owned()]));
        assert_eq!((info.points, info.indexed), (3, vec!["version".to_owned()]));
    }
}
