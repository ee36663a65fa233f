//! OpenAI's errors, in its shape and words.

use serde_json::{Value, json};

/// An error to be sent: HTTP status, body, and the wait to be put into the headers.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ApiError {
    /// HTTP status.
    pub(super) status: u16,
    /// `{"error": …}`
    pub(super) body: Value,
    /// Milliseconds for `retry-after` and `retry-after-ms`.
    pub(super) retry_after_ms: Option<u64>,
}

impl ApiError {
    /// An error with all fields of OpenAI's shape.
    pub(super) fn new(
        status: u16,
        message: impl Into<String>,
        param: Option<&str>,
        code: Option<&str>,
    ) -> Self {
        let kind = match status {
            401 | 403 | 400 | 404 => "invalid_request_error",
            429 => "requests",
            _ => "server_error",
        };
        let body =
            json!({ "error": { "message": message.into(), "type": kind, "param": param, "code": code } });
        Self { status, body, retry_after_ms: None }
    }

    /// The error of this status as the server words it when it happens by itself.
    pub(super) fn of_status(status: u16) -> Self {
        let message = match status {
            401 => "Incorrect API key provided.",
            403 => "You are not allowed to use this model.",
            500 => "The server had an error while processing your request. Sorry about that!",
            503 => "The engine is currently overloaded, please try again later.",
            _ => "The request could not be processed.",
        };
        Self::new(status, message, None, None)
    }

    /// A field that the server does not know.
    pub(super) fn unknown_field(name: &str) -> Self {
        Self::new(400, format!("Unrecognized request argument supplied: {name}"), None, None)
    }

    /// A field of the wrong kind, or missing.
    pub(super) fn bad_field(name: &str, message: &str) -> Self {
        Self::new(400, message, Some(name), None)
    }

    /// A key that is none; a part of it is repeated, as the real server does.
    pub(super) fn bad_key(key: &str) -> Self {
        let shown: String = key.chars().take(8).collect();
        let message = format!(
            "Incorrect API key provided: {shown}***. You can find your API key at https://platform.openai.com/account/api-keys."
        );
        Self::new(401, message, None, Some("invalid_api_key"))
    }

    /// No key at all.
    pub(super) fn no_key() -> Self {
        let message = "You didn't provide an API key. You need to provide your API key in an Authorization header using \
                       Bearer auth (i.e. Authorization: Bearer YOUR_KEY).";
        Self::new(401, message, None, None)
    }

    /// A model that does not exist.
    pub(super) fn no_model(model: &str) -> Self {
        let message = format!("The model `{model}` does not exist or you do not have access to it.");
        Self::new(404, message, None, Some("model_not_found"))
    }

    /// Too many requests in a short time.
    pub(super) fn too_fast(retry_after_ms: u64) -> Self {
        let seconds = retry_after_ms as f64 / 1000.0;
        let message = format!(
            "Rate limit reached for requests per min (RPM): Limit 3, Used 3, Requested 1. Please try again in {seconds}s."
        );
        let mut error = Self::new(429, message, None, Some("rate_limit_exceeded"));
        error.retry_after_ms = Some(retry_after_ms);
        error
    }

    /// The account is empty.
    pub(super) fn no_quota() -> Self {
        let message = "You exceeded your current quota, please check your plan and billing details.";
        let mut error = Self::new(429, message, None, Some("insufficient_quota"));
        error.body["error"]["type"] = json!("insufficient_quota");
        error
    }
}
