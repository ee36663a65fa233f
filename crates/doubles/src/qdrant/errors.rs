//! Qdrant's refusals in its own words: JSON with `status.error`, except those of the key check, which are plain text.

use serde_json::json;

/// A refusal: HTTP status, content type and body.
#[derive(Debug, Clone)]
pub(super) struct ApiError {
    pub(super) status: u16,
    pub(super) plain: bool,
    pub(super) body: String,
    pub(super) retry_after_seconds: Option<u64>,
}

impl ApiError {
    pub(super) fn new(status: u16, error: impl Into<String>) -> Self {
        let body = json!({"status": {"error": error.into()}, "time": 0.000_01}).to_string();
        Self { status, plain: false, body, retry_after_seconds: None }
    }

    fn plain(status: u16, text: &str) -> Self {
        Self { status, plain: true, body: text.to_owned(), retry_after_seconds: None }
    }

    pub(super) fn no_key() -> Self {
        Self::plain(401, "Must provide an API key or an Authorization bearer token")
    }

    pub(super) fn bad_key() -> Self {
        Self::plain(401, "Invalid API key or JWT")
    }

    /// What stands in front of a suspended cluster.
    pub(super) fn suspended() -> Self {
        Self::plain(404, "404 page not found\n")
    }

    pub(super) fn input(error: impl AsRef<str>) -> Self {
        Self::new(400, format!("Wrong input: {}", error.as_ref()))
    }

    pub(super) fn json_body(error: impl AsRef<str>) -> Self {
        Self::new(400, format!("Format error in JSON body: {}", error.as_ref()))
    }

    pub(super) fn no_collection(name: &str) -> Self {
        Self::new(404, format!("Not found: Collection `{name}` doesn't exist!"))
    }

    pub(super) fn collection_exists(name: &str) -> Self {
        Self::new(409, format!("Wrong input: Collection `{name}` already exists!"))
    }

    pub(super) fn dimensions(expected: usize, got: usize) -> Self {
        Self::input(format!("Vector dimension error: expected dim: {expected}, got {got}"))
    }

    pub(super) fn no_vector(name: &str) -> Self {
        Self::input(format!("Not existing vector name error: {name}"))
    }

    /// Strict mode, as Cloud has it on.
    pub(super) fn unindexed(key: &str) -> Self {
        Self::new(
            400,
            format!(
                "Bad request: Index required but not found for \"{key}\" of one of the following types: [keyword]. Help: \
                 Create an index for this key or use a different filter."
            ),
        )
    }

    pub(super) fn over_limit(value: usize, limit: usize, name: &str) -> Self {
        Self::new(
            400,
            format!(
                "Bad request: Limit exceeded {value} > {limit} for \"{name}\". Help: Reduce the \"{name}\" parameter to or \
                 below {limit}."
            ),
        )
    }

    pub(super) fn rate_limited(retry_after_ms: u64) -> Self {
        let seconds = retry_after_ms.div_ceil(1000);
        let error = Self::new(429, "Rate limiting exceeded: Read rate limit exceeded");
        Self { retry_after_seconds: Some(seconds), ..error }
    }

    pub(super) fn of_status(status: u16) -> Self {
        let error = match status {
            408 => "Timeout: Operation 'Search' timed out after 60s",
            500 => "Service internal error: task failed",
            503 => "Shard temporarily unavailable: The shard is not ready",
            507 => "Insufficient storage: disk usage quota is reached",
            403 => "Forbidden: Write access to collection is required",
            _ => "Wrong input: refused as planned",
        };
        Self::new(status, error)
    }
}
