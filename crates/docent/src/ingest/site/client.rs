//! One polite request after the other to one site: paced, bounded, patient with a busy server, and never led elsewhere.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{
    ACCEPT, CONTENT_TYPE, ETAG, HeaderMap, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED, LOCATION,
    RETRY_AFTER,
};
use reqwest::{Client, Response, StatusCode, Url, redirect};
use tokio::time::Instant;

use super::address::{Reach, Resolver};
use super::cache::Stamp;
use crate::providers::client_builder;

/// How long one request may take with its body.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// Redirects that are followed from one address.
const MOST_REDIRECTS: usize = 5;

/// Times that one address is asked for before it counts as failed.
const TRIES: u32 = 3;

/// Wait before the second try; it doubles with each.
const FIRST_WAIT: Duration = Duration::from_millis(250);

/// Longest `Retry-After` that is waited for.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// Fetches from one origin.
pub(super) struct SiteClient {
    client: Client,
    start: Url,
    reach: Reach,
    pause: Duration,
    next: Instant,
}

/// What a site answered.
#[derive(Debug)]
pub(super) enum Fetched {
    /// A text, and what to send to learn whether it has changed.
    Text { url: Url, text: String, stamp: Stamp },
    /// What is kept from the last time is still true.
    Same,
    /// There is something, but nothing to read.
    NoText,
}

/// Why an address gave nothing.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The address belongs to a network that is not public.
    #[error("{0} is a private address; only public sites are fetched, and this machine when you name it")]
    Private(String),
    /// A redirect leads away from the site.
    #[error("{from} redirects to {to}, another site; name that address if it is the one you mean")]
    Elsewhere {
        /// The address that was asked for.
        from: String,
        /// Where it leads.
        to: String,
    },
    /// Redirects without end.
    #[error("{0} redirects too often")]
    Redirects(String),
    /// The server refuses.
    #[error("{0} answered {1}")]
    Status(String, StatusCode),
    /// The text is too long.
    #[error("{0} is longer than {1} MB")]
    TooLong(String, usize),
    /// No answer.
    #[error("{0} cannot be fetched: {1}")]
    NoAnswer(String, String),
}

impl FetchError {
    /// Whether the server failed for the moment, so that what is kept may still be true.
    pub(super) fn is_passing(&self) -> bool {
        match self {
            Self::NoAnswer(..) => true,
            Self::Status(_, status) => status.is_server_error() || *status == StatusCode::TOO_MANY_REQUESTS,
            _ => false,
        }
    }
}

impl SiteClient {
    /// A client for the site of `start`, with `pause` between two requests.
    ///
    /// # Errors
    /// When the address itself may not be fetched.
    pub(super) fn new(start: &Url, pause: Duration) -> Result<Self, FetchError> {
        let reach = Reach::of(start);
        if !reach.allows_url(start) {
            return Err(FetchError::Private(start.to_string()));
        }
        // Redirects are followed here, where each is checked. A proxy would look names up for us, unchecked.
        let client = client_builder()
            .redirect(redirect::Policy::none())
            .dns_resolver(Arc::new(Resolver(reach)))
            .no_proxy()
            .timeout(REQUEST_TIMEOUT)
            .build()
            .map_err(|error| FetchError::NoAnswer(start.to_string(), error.to_string()))?;
        Ok(Self { client, start: start.clone(), reach, pause, next: Instant::now() })
    }

    /// Makes the pause between two requests at least this long.
    pub(super) fn slow_down(&mut self, pause: Duration) {
        self.pause = self.pause.max(pause);
    }

    /// Whether an address belongs to the site: the same scheme, host and port.
    pub(super) fn is_own(&self, url: &Url) -> bool {
        url.origin() == self.start.origin()
    }

    /// Fetches an address of the site; `kinds` are the media types that are read, at most `max_bytes` of them.
    ///
    /// # Errors
    /// When it cannot be had, also after several tries.
    pub(super) async fn get(
        &mut self,
        url: &Url,
        stamp: Option<&Stamp>,
        kinds: &[&str],
        max_bytes: usize,
    ) -> Result<Fetched, FetchError> {
        let mut url = url.clone();
        for _ in 0..=MOST_REDIRECTS {
            let response = self.patiently(&url, stamp, kinds).await?;
            let status = response.status();
            if status == StatusCode::NOT_MODIFIED && stamp.is_some() {
                return Ok(Fetched::Same);
            }
            if status.is_redirection() {
                url = self.target(&url, response.headers())?;
                continue;
            }
            if !status.is_success() {
                return Err(FetchError::Status(url.to_string(), status));
            }
            let header =
                |name| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
            let kind = header(CONTENT_TYPE).unwrap_or_default().to_ascii_lowercase();
            if !kind.is_empty() && !kinds.iter().any(|expected| kind.starts_with(expected)) {
                return Ok(Fetched::NoText);
            }
            let stamp = Stamp { etag: header(ETAG), last_modified: header(LAST_MODIFIED) };
            let text = body(&url, response, max_bytes).await?;
            return Ok(Fetched::Text { url, text, stamp });
        }
        Err(FetchError::Redirects(url.to_string()))
    }

    /// Where a redirect leads, if that is within the site.
    fn target(&self, from: &Url, headers: &HeaderMap) -> Result<Url, FetchError> {
        let location = headers.get(LOCATION).and_then(|value| value.to_str().ok());
        let Some(to) = location.and_then(|location| from.join(location).ok()) else {
            return Err(FetchError::NoAnswer(from.to_string(), "a redirect that leads nowhere".into()));
        };
        if !self.is_own(&to) {
            return Err(FetchError::Elsewhere { from: from.to_string(), to: to.to_string() });
        }
        Ok(to)
    }

    /// Asks until there is an answer that another try would not better.
    async fn patiently(
        &mut self,
        url: &Url,
        stamp: Option<&Stamp>,
        kinds: &[&str],
    ) -> Result<Response, FetchError> {
        if !self.reach.allows_url(url) {
            return Err(FetchError::Private(url.to_string()));
        }
        let mut wait = FIRST_WAIT;
        let mut tried = 1;
        loop {
            tokio::time::sleep_until(self.next).await;
            self.next = Instant::now() + self.pause;
            let mut request = self.client.get(url.clone()).header(ACCEPT, kinds.join(", "));
            if let Some(etag) = stamp.and_then(|stamp| stamp.etag.as_ref()) {
                request = request.header(IF_NONE_MATCH, etag);
            }
            if let Some(date) = stamp.and_then(|stamp| stamp.last_modified.as_ref()) {
                request = request.header(IF_MODIFIED_SINCE, date);
            }
            let failure = match request.send().await {
                Ok(response) => {
                    let status = response.status();
                    if !(status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS) {
                        return Ok(response);
                    }
                    wait = wait.max(asked_to_wait(response.headers()));
                    FetchError::Status(url.to_string(), status)
                }
                Err(error) => FetchError::NoAnswer(url.to_string(), cause(&error)),
            };
            if tried >= TRIES || wait > LONGEST_WAIT {
                return Err(failure);
            }
            tokio::time::sleep(wait).await;
            wait *= 2;
            tried += 1;
        }
    }
}

fn asked_to_wait(headers: &HeaderMap) -> Duration {
    let seconds = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
    Duration::from_secs(seconds.unwrap_or_default())
}

async fn body(url: &Url, mut response: Response, max_bytes: usize) -> Result<String, FetchError> {
    let mut bytes = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if bytes.len() + chunk.len() > max_bytes => {
                return Err(FetchError::TooLong(url.to_string(), max_bytes / 1024 / 1024));
            }
            Ok(Some(chunk)) => bytes.extend_from_slice(&chunk),
            Ok(None) => break,
            Err(error) => return Err(FetchError::NoAnswer(url.to_string(), cause(&error))),
        }
    }
    Ok(String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
}

/// The innermost cause in words.
fn cause(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return format!("no answer within {} seconds", REQUEST_TIMEOUT.as_secs());
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
