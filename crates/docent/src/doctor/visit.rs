//! Requests to the examined service: every one with a limit, every failure in words.

use std::time::{Duration, Instant};

use reqwest::header::{HeaderMap, ORIGIN};
use reqwest::{Client, Method, RequestBuilder};
use serde_json::Value;

use super::Examination;
use crate::providers::http_client;
use crate::providers::sse::{Item, SseParser};

/// Larger bodies are not read to their end: the pages that are looked at are smaller.
const MAX_BODY_BYTES: usize = 8 * 1024 * 1024;

/// The examined service, and how it is spoken to.
#[derive(Debug, Clone)]
pub struct Visit {
    client: Client,
    /// Address without a slash at the end.
    pub(super) base: String,
    pub(super) patience: Duration,
    limit: Duration,
}

/// A reply that was read to its end.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) text: String,
    pub(super) took: Duration,
}

impl Reply {
    pub(super) fn json(&self) -> Option<Value> {
        serde_json::from_str(&self.text).ok()
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The reply in a few words, for messages.
    pub(super) fn shown(&self) -> String {
        let kind = self.header("content-type").split(';').next().unwrap_or_default().to_owned();
        let detail = self.json().and_then(|body| {
            let text = body.get("detail").or_else(|| body.get("message"))?;
            Some(format!(": {}", text.as_str()?.chars().take(200).collect::<String>()))
        });
        format!(
            "status {} ({}){}",
            self.status,
            if kind.is_empty() { "no type" } else { &kind },
            detail.unwrap_or_default()
        )
    }
}

/// A stream with the moment at which each event came.
#[derive(Debug)]
pub(super) struct Arrivals {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) events: Vec<(Duration, Value)>,
    /// Why it ended before its end.
    pub(super) broken: Option<String>,
}

impl Arrivals {
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The last event when the stream came to its end.
    pub(super) fn last_of(&self, kind: &str) -> Option<&Value> {
        self.events.iter().rev().map(|(_, event)| event).find(|event| event["type"] == kind)
    }
}

impl Visit {
    pub(super) fn new(examination: &Examination) -> Self {
        Self {
            client: http_client(),
            base: examination.url.trim_end_matches('/').to_owned(),
            patience: examination.patience,
            limit: examination.limit,
        }
    }

    pub(super) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.base))
    }

    pub(super) async fn get(&self, path: &str) -> Result<Reply, String> {
        self.whole(self.request(Method::GET, path)).await
    }

    /// A page anywhere; redirects are followed by hand, because the client follows none to other hosts.
    pub(super) async fn page(&self, url: &str) -> Result<Reply, String> {
        let mut url = url.to_owned();
        for _ in 0..5 {
            let reply = self.whole(self.client.get(&url)).await?;
            let location = reply.header("location");
            if !(300..400).contains(&reply.status) || location.is_empty() {
                return Ok(reply);
            }
            url = reqwest::Url::parse(&url)
                .and_then(|from| from.join(location))
                .map_err(|_| format!("a redirect leads to '{location}'"))?
                .to_string();
        }
        Err("redirects lead in a circle".to_owned())
    }

    /// Sends a body that no question can be made of: it is refused without any cost, after the origin was checked.
    pub(super) async fn ask_nothing(&self, origin: &str) -> Result<Reply, String> {
        let request = self.request(Method::POST, "/api/chat").header(ORIGIN, origin);
        self.whole(request.json(&serde_json::json!({"message": ""}))).await
    }

    pub(super) async fn whole(&self, request: RequestBuilder) -> Result<Reply, String> {
        let began = Instant::now();
        let read = async {
            let mut response = request.send().await.map_err(|error| cause(&error))?;
            let (status, headers) = (response.status().as_u16(), response.headers().clone());
            let mut body = Vec::new();
            while let Some(bytes) = response.chunk().await.map_err(|error| cause(&error))? {
                body.extend_from_slice(&bytes);
                if body.len() > MAX_BODY_BYTES {
                    break;
                }
            }
            let text = String::from_utf8_lossy(&body).into_owned();
            Ok(Reply { status, headers, text, took: began.elapsed() })
        };
        tokio::time::timeout(self.limit, read).await.unwrap_or_else(|_| Err(self.too_slow()))
    }

    /// Reads an event stream to its end.
    pub(super) async fn stream(&self, request: RequestBuilder) -> Result<Arrivals, String> {
        let began = Instant::now();
        let sent = tokio::time::timeout(self.limit, request.send()).await.map_err(|_| self.too_slow())?;
        let mut response = sent.map_err(|error| cause(&error))?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let mut arrivals = Arrivals { status, headers, events: Vec::new(), broken: None };
        let mut parser = SseParser::default();
        let mut items = Vec::new();
        loop {
            let chunk = match tokio::time::timeout(self.limit, response.chunk()).await {
                Ok(Ok(Some(chunk))) => chunk,
                Ok(Ok(None)) => break,
                Ok(Err(error)) => {
                    arrivals.broken = Some(cause(&error));
                    break;
                }
                Err(_) => {
                    arrivals.broken = Some(self.too_slow());
                    break;
                }
            };
            if parser.push(&chunk, &mut items).is_err() {
                arrivals.broken = Some("an event without end".to_owned());
                break;
            }
            for item in items.drain(..) {
                if let Item::Event(event) = item
                    && let Ok(data) = serde_json::from_str(&event.data)
                {
                    arrivals.events.push((began.elapsed(), data));
                }
            }
        }
        Ok(arrivals)
    }

    fn too_slow(&self) -> String {
        format!("no answer within {} s", self.limit.as_secs())
    }
}

/// The innermost cause of a failed request.
fn cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
