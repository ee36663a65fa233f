//! What can go wrong with Qdrant, in words that an operator can act on. Its authentication errors are plain text, the
//! others JSON; a suspended cluster answers like neither, because something in front of it does.

use std::time::Duration;

use crate::providers::ProviderError;
use crate::providers::error::tidy;

/// Hosts of Qdrant Cloud end so; only there can a cluster be suspended.
const CLOUD: &str = ".cloud.qdrant.io";

/// Why Qdrant did not do what it was asked. No variant carries a key, a question or a passage.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QdrantError {
    /// The key is missing, wrong or expired.
    #[error("Qdrant refused the key ({detail}); check QDRANT_API_KEY")]
    Unauthorized {
        /// Its reason.
        detail: String,
    },
    /// The key is valid, but not for this.
    #[error(
        "Qdrant does not allow this with the key that is set ({detail}); set QDRANT_API_KEY to a key with the rights"
    )]
    Forbidden {
        /// Its reason.
        detail: String,
    },
    /// A free cluster that was not used for a week, or an address that is none of Qdrant's.
    #[error(
        "the Qdrant cluster at {host} seems to be suspended ({detail}); resume it in the Qdrant Cloud console, or check QDRANT_URL"
    )]
    Suspended {
        /// Where it should be.
        host: String,
        /// What was seen.
        detail: String,
    },
    /// The collection, alias or point does not exist.
    #[error("Qdrant does not have that: {detail}")]
    Missing {
        /// Its words.
        detail: String,
    },
    /// The request was refused; the same request will be refused again.
    #[error("Qdrant rejected the request: {detail}")]
    Refused {
        /// Its words.
        detail: String,
    },
    /// Too many requests.
    #[error("Qdrant is rate limiting{}", retry_after.map(|wait| format!("; retry after {wait:?}")).unwrap_or_default())]
    RateLimited {
        /// How long to wait, when it said so.
        retry_after: Option<Duration>,
    },
    /// No room for more points; what is there can still be read.
    #[error(
        "Qdrant has no room left ({detail}); delete collections that nobody needs, or take a larger cluster"
    )]
    Full {
        /// Its words.
        detail: String,
    },
    /// Overloaded, broken, or not to be reached.
    #[error("Qdrant is unavailable: {detail}")]
    Unavailable {
        /// What was seen.
        detail: String,
    },
    /// Silence for longer than we wait.
    #[error("Qdrant did not answer within {after:?}")]
    Timeout {
        /// How long we waited.
        after: Duration,
    },
    /// A reply came, but not one that we understand.
    #[error("Qdrant sent an unusable reply: {detail}")]
    BadResponse {
        /// What was wrong with it.
        detail: String,
    },
}

impl QdrantError {
    /// Reads a reply that is no success.
    pub(super) fn of_reply(host: &str, status: u16, retry_after: Option<Duration>, body: &[u8]) -> Self {
        let text = String::from_utf8_lossy(body);
        let said = serde_json::from_slice::<serde_json::Value>(body)
            .ok()
            .and_then(|body| body["status"]["error"].as_str().map(tidy));
        let detail = said.clone().unwrap_or_else(|| tidy(&text));
        match status {
            401 => Self::Unauthorized { detail },
            403 if said.is_some() => Self::Forbidden { detail },
            // The edge in front of a cluster refuses keys in plain text.
            403 => Self::Unauthorized { detail },
            404 if said.is_some() => Self::Missing { detail },
            // Qdrant itself says 404 in JSON. What else stands there answers for a cluster that is not running.
            404 => Self::Suspended { host: host.to_owned(), detail: format!("404: {}", first_words(&text)) },
            408 | 500 | 502 | 503 | 504 => Self::Unavailable { detail: format!("{status}: {detail}") },
            429 => Self::RateLimited { retry_after },
            507 => Self::Full { detail },
            400..=499 => Self::Refused { detail },
            _ => Self::BadResponse { detail: format!("HTTP {status}: {detail}") },
        }
    }

    /// Reads a failure below HTTP.
    pub(super) fn of_transport(host: &str, error: ProviderError) -> Self {
        match error {
            ProviderError::Timeout { after, .. } => Self::Timeout { after },
            // The name of a deleted or long suspended cluster no longer leads anywhere.
            ProviderError::Unavailable { detail, .. }
                if host.ends_with(CLOUD) && detail.starts_with("cannot connect") =>
            {
                Self::Suspended { host: host.to_owned(), detail }
            }
            ProviderError::Unavailable { detail, .. } => Self::Unavailable { detail },
            ProviderError::BadRequest { detail, .. } => Self::Refused { detail },
            ProviderError::BadResponse { detail, .. } => Self::BadResponse { detail },
            other => Self::Unavailable { detail: other.to_string() },
        }
    }

    /// Whether the same request may succeed a little later.
    pub fn retryable(&self) -> bool {
        matches!(self, Self::RateLimited { .. } | Self::Unavailable { .. } | Self::Timeout { .. })
    }

    /// The wait that it asked for.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { retry_after } => *retry_after,
            _ => None,
        }
    }

    /// A stable word for metrics, health and JSON.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Unauthorized { .. } => "unauthorized",
            Self::Forbidden { .. } => "forbidden",
            Self::Suspended { .. } => "suspended",
            Self::Missing { .. } => "not_found",
            Self::Refused { .. } => "bad_request",
            Self::RateLimited { .. } => "rate_limited",
            Self::Full { .. } => "full",
            Self::Unavailable { .. } => "unavailable",
            Self::Timeout { .. } => "timeout",
            Self::BadResponse { .. } => "bad_response",
        }
    }

    /// What the operator can do.
    pub fn recommended_action(&self) -> &'static str {
        match self {
            Self::Unauthorized { .. } => "check QDRANT_API_KEY; make a new key in the Qdrant Cloud console",
            Self::Forbidden { .. } => {
                "set QDRANT_API_KEY to a key that may read, and for ingest write, this collection"
            }
            Self::Suspended { .. } => {
                "open the Qdrant Cloud console and resume the cluster; free clusters are suspended after a week without use"
            }
            Self::Missing { .. } => "run `docent ingest BOOK`, or check QDRANT_COLLECTION",
            Self::Refused { .. } | Self::BadResponse { .. } => {
                "check QDRANT_URL and the server's version (1.10 or newer)"
            }
            Self::RateLimited { .. } => "wait a minute, or raise the limits of the collection's strict mode",
            Self::Full { .. } => "delete collections that nobody needs, or take a larger cluster",
            Self::Unavailable { .. } | Self::Timeout { .. } => {
                "check that the server runs and QDRANT_URL names it"
            }
        }
    }

    /// What a reader may know of it.
    pub fn for_readers(&self) -> &'static str {
        match self {
            Self::Unauthorized { .. } | Self::Forbidden { .. } => {
                "the search service refuses the key of this site"
            }
            Self::Suspended { .. } => "the search service is suspended",
            Self::Missing { .. } => "the book has not been indexed yet",
            Self::RateLimited { .. } => "the search service has too much to do",
            Self::Timeout { .. } => "the search service does not answer",
            _ => "the search service is not available",
        }
    }
}

/// The beginning of a page that is no message, tags left out.
fn first_words(text: &str) -> String {
    let mut plain = String::new();
    let mut inside = false;
    for c in text.chars().take(2000) {
        match c {
            '<' => inside = true,
            '>' => {
                inside = false;
                plain.push(' ');
            }
            _ if !inside => plain.push(c),
            _ => {}
        }
    }
    let words: Vec<&str> = plain.split_whitespace().take(12).collect();
    if words.is_empty() { "an empty page".to_owned() } else { words.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_are_understood_in_all_their_shapes() {
        let check = |status: u16, body: &str, kind: &str, part: &str| {
            let error = QdrantError::of_reply("h.cloud.qdrant.io", status, None, body.as_bytes());
            assert_eq!(error.kind(), kind, "{error}");
            assert!(error.to_string().contains(part), "{error}");
        };
        check(
            401,
            "Must provide an API key or an Authorization bearer token",
            "unauthorized",
            "Must provide",
        );
        check(401, "Invalid API key or JWT", "unauthorized", "QDRANT_API_KEY");
        check(403, "forbidden", "unauthorized", "forbidden");
        check(403, r#"{"status":{"error":"Forbidden: Write access"},"time":0}"#, "forbidden", "Write access");
        check(404, r#"{"status":{"error":"Not found: Collection `x` doesn't exist!"}}"#, "not_found", "`x`");
        check(404, "404 page not found", "suspended", "h.cloud.qdrant.io");
        check(404, "<html><body><h1>Not Found</h1></body></html>", "suspended", "404: Not Found");
        check(
            400,
            r#"{"status":{"error":"Wrong input: Vector dimension error: expected dim: 4, got 2"}}"#,
            "bad_request",
            "got 2",
        );
        check(503, r#"{"status":{"error":"Service: Shard temporarily unavailable"}}"#, "unavailable", "503");
        check(507, r#"{"status":{"error":"Insufficient storage: disk"}}"#, "full", "no room");
        check(302, "", "bad_response", "302");
    }

    #[test]
    fn an_unreachable_cloud_host_is_a_suspended_cluster() {
        let away = ProviderError::Unavailable {
            provider: crate::providers::Provider::Qdrant,
            detail: "cannot connect to x: no such name".to_owned(),
        };
        let kind = |host: &str| QdrantError::of_transport(host, away.clone()).kind();
        assert_eq!(kind("a.eu.aws.cloud.qdrant.io"), "suspended");
        assert_eq!(kind("qdrant.example"), "unavailable");
    }
}
