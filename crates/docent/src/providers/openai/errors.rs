//! What the errors of compatible servers mean. OpenAI's own shape is `{"error": {"message", "type", "code"}}`; others send
//! a string, a `detail`, an array, or a page of markup.

use std::time::Duration;

use serde_json::Value;

use super::super::ProviderError;
use super::super::error::tidy;
use super::super::retry::parse_duration;
use super::{ADDRESS_VARIABLE, KEY_VARIABLE, PROVIDER};
use crate::secret::Secret;

/// The call whose failure is to be understood.
pub(super) struct Failure<'a> {
    /// Model that was asked.
    pub(super) model: &'a str,
    /// Variable that named it.
    pub(super) model_variable: &'static str,
    /// Key that was sent; some servers repeat it.
    pub(super) key: Option<&'a Secret>,
}

impl Failure<'_> {
    /// Classifies a reply of `status` with `body`; `retry_after` is the header's.
    pub(super) fn classify(&self, status: u16, body: &[u8], retry_after: Option<Duration>) -> ProviderError {
        match serde_json::from_slice::<Value>(body) {
            Ok(reply) => self.classify_error(status, &reply, retry_after),
            Err(_) => {
                let text = String::from_utf8_lossy(body);
                // A page of markup says less than the status.
                let words = if text.trim_start().starts_with('<') { "" } else { &*text };
                self.classify_words(status, words, "", retry_after)
            }
        }
    }

    /// Classifies a whole error reply, or the object of an error event.
    pub(super) fn classify_error(
        &self,
        status: u16,
        reply: &Value,
        retry_after: Option<Duration>,
    ) -> ProviderError {
        let reply = reply.get(0).unwrap_or(reply);
        let error = reply.get("error").filter(|error| !error.is_null()).unwrap_or(reply);
        let message = [error.get("message"), error.get("detail"), Some(error)]
            .into_iter()
            .flatten()
            .find_map(Value::as_str)
            .map_or_else(|| error.to_string(), str::to_owned);
        let code = error.get("code").and_then(Value::as_str);
        let kind = error.get("type").and_then(Value::as_str);
        let number = error.get("code").and_then(Value::as_u64).and_then(|code| u16::try_from(code).ok());
        let status = number.filter(|code| (400..600).contains(code)).unwrap_or(status);
        self.classify_words(status, &message, code.or(kind).unwrap_or_default(), retry_after)
    }

    fn classify_words(
        &self,
        status: u16,
        message: &str,
        code: &str,
        retry_after: Option<Duration>,
    ) -> ProviderError {
        let provider = PROVIDER;
        let message = tidy(&self.key.map_or_else(|| message.to_owned(), |key| key.redact(message)));
        let detail =
            if message.is_empty() { format!("HTTP {status}") } else { format!("HTTP {status}: {message}") };
        // An event after HTTP 200 has no status of its own; the code says what it would have been.
        let status = match code {
            "invalid_api_key" => 401,
            "model_not_found" => 404,
            "insufficient_quota" | "rate_limit_exceeded" => 429,
            _ => status,
        };
        match status {
            401 | 403 => ProviderError::Unauthorized { provider, variable: KEY_VARIABLE, detail },
            404 => {
                let names_model = code == "model_not_found"
                    || (message.to_ascii_lowercase().contains("model") && !self.model.is_empty());
                let variable = if names_model { self.model_variable } else { ADDRESS_VARIABLE };
                ProviderError::NotFound { provider, model: self.model.to_owned(), variable }
            }
            429 => ProviderError::RateLimited {
                provider,
                retry_after: retry_after.or_else(|| delay_in_words(&message)),
                // The account has no money left; a minute does not change that.
                daily: code == "insufficient_quota" || message.contains("per day"),
            },
            // 501 is left out: what is not there now will not be there in a second.
            408 | 409 | 499 | 500 | 502.. => ProviderError::Unavailable { provider, detail },
            300..=399 => ProviderError::BadResponse {
                provider,
                detail: format!("HTTP {status}: it redirects to another host; check {ADDRESS_VARIABLE}"),
            },
            _ => ProviderError::BadRequest { provider, detail },
        }
    }
}

/// `… Please try again in 1.5s.` or `… in 6m0s`: said in words where headers are missing.
fn delay_in_words(message: &str) -> Option<Duration> {
    let words = message.split("again in ").nth(1)?.split_whitespace().next()?;
    parse_duration(words.trim_end_matches(['.', ',']))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn classify(status: u16, body: &str) -> ProviderError {
        let key = Secret::new("sk-k3y");
        Failure { model: "m", model_variable: "OPENAI_MODEL", key: Some(&key) }.classify(
            status,
            body.as_bytes(),
            None,
        )
    }

    #[test]
    fn errors_of_many_servers_are_understood() {
        let check = |status: u16, body: &str, expected: &str| {
            assert_eq!(classify(status, body).to_string(), expected, "{status} {body}");
        };
        check(
            401,
            r#"{"error": {"message": "Incorrect API key provided: sk-k3y.", "type": "invalid_request_error", "code": "invalid_api_key"}}"#,
            "OpenAI-compatible server refused the key (HTTP 401: Incorrect API key provided: ***.); check OPENAI_API_KEY",
        );
        check(
            404,
            r#"{"error": {"message": "The model `m` does not exist", "code": "model_not_found"}}"#,
            "OpenAI-compatible server has no model \"m\"; check OPENAI_MODEL",
        );
        check(
            404,
            r#"{"error": "model 'm' not found"}"#,
            "OpenAI-compatible server has no model \"m\"; check OPENAI_MODEL",
        );
        check(
            404,
            "<html>nginx</html>",
            "OpenAI-compatible server has no model \"m\"; check OPENAI_BASE_URL",
        );
        check(
            422,
            r#"{"detail": "batch size 64 > 32"}"#,
            "OpenAI-compatible server rejected the request: HTTP 422: batch size 64 > 32",
        );
        check(
            400,
            r#"[{"error": {"code": 400, "message": "bad", "status": "INVALID_ARGUMENT"}}]"#,
            "OpenAI-compatible server rejected the request: HTTP 400: bad",
        );
        check(
            501,
            r#"{"error": {"code": 501, "message": "This server does not support embeddings.", "type": "not_supported_error"}}"#,
            "OpenAI-compatible server rejected the request: HTTP 501: This server does not support embeddings.",
        );
        check(503, "Loading model", "OpenAI-compatible server is unavailable: HTTP 503: Loading model");
        check(503, "", "OpenAI-compatible server is unavailable: HTTP 503");
    }

    #[test]
    fn limits_are_told_apart() {
        let check = |body: &str, seconds: Option<f64>, expected_daily: bool| {
            let ProviderError::RateLimited { retry_after, daily, .. } = classify(429, body) else {
                panic!("not a limit: {body}")
            };
            assert_eq!(
                (retry_after, daily),
                (seconds.map(Duration::from_secs_f64), expected_daily),
                "{body}"
            );
        };
        check(
            r#"{"error": {"message": "Rate limit reached. Please try again in 1.5s.", "code": "rate_limit_exceeded"}}"#,
            Some(1.5),
            false,
        );
        check(
            r#"{"error": {"message": "Please try again in 6m0s. Visit", "code": null}}"#,
            Some(360.0),
            false,
        );
        check(
            r#"{"error": {"message": "You exceeded your quota", "code": "insufficient_quota"}}"#,
            None,
            true,
        );
        check(
            r#"{"error": {"message": "Limit: requests per day (RPD)", "code": "rate_limit_exceeded"}}"#,
            None,
            true,
        );
    }
}
