//! Bodies as they cross the wire, and how they are read: strictly, naming every field that is wrong.

use std::collections::HashSet;
use std::fmt;

use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, PathRejection};
use axum::extract::{FromRequest, Path};
use axum::http::{HeaderMap, StatusCode, header};
use serde::Serialize;
use serde::de::{Deserializer as _, IgnoredAny, MapAccess, Visitor};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;

use super::error::{ApiError, FieldError};
use crate::answer::{Notice, Outcome, Source, TokenUsage};
use crate::times;

/// A body may have this many bytes.
pub(super) const BODY_LIMIT: usize = 64 * 1024;

/// A JSON object from a request's body, read field by field.
pub(super) struct Fields {
    object: Map<String, Value>,
    errors: Vec<FieldError>,
}

impl<S: Send + Sync> FromRequest<S> for Fields {
    type Rejection = ApiError;

    async fn from_request(request: axum::extract::Request, state: &S) -> Result<Self, ApiError> {
        if !is_json(request.headers()) {
            return Err(ApiError::UnsupportedMediaType);
        }
        let bytes = tokio::time::timeout(times::BODY, Bytes::from_request(request, state)).await;
        let bytes = bytes.map_err(|_| ApiError::BodyTooSlow)?;
        Self::parse(&bytes.map_err(|rejection| body_error(&rejection))?)
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json")
}

fn body_error(rejection: &BytesRejection) -> ApiError {
    if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
        ApiError::BodyTooLarge
    } else {
        ApiError::InvalidJson("it could not be read to its end".into())
    }
}

impl Fields {
    fn parse(bytes: &[u8]) -> Result<Self, ApiError> {
        match serde_json::from_slice(bytes) {
            Ok(Value::Object(object)) => {
                let mut fields = Self { object, errors: Vec::new() };
                // Parsers disagree on which of two counts, so neither does.
                for field in repeated_keys(bytes) {
                    fields.wrong(&field, "is given twice");
                }
                Ok(fields)
            }
            Ok(_) => Err(ApiError::field("body", "is not an object; send {\"message\": …}")),
            Err(error) => Err(ApiError::InvalidJson(error.to_string())),
        }
    }

    /// Ends the reading; all wrong fields are reported together.
    pub(super) fn done(self) -> Result<(), ApiError> {
        if self.errors.is_empty() { Ok(()) } else { Err(ApiError::InvalidFields(self.errors)) }
    }

    /// Notes a wrong field.
    pub(super) fn wrong(&mut self, field: &str, message: impl Into<String>) {
        self.errors.push(FieldError::new(field, message));
    }

    /// A text, `None` when it is absent or null.
    pub(super) fn text(&mut self, field: &str) -> Option<String> {
        match self.object.remove(field) {
            None | Some(Value::Null) => None,
            // Databases refuse it inside a text.
            Some(Value::String(text)) if text.contains('\0') => {
                self.wrong(field, "holds the character NUL; leave it out");
                None
            }
            Some(Value::String(text)) => Some(text),
            Some(other) => {
                self.wrong(field, format!("is {}; expected a text", kind(&other)));
                None
            }
        }
    }

    /// A text of at most `limit` characters.
    pub(super) fn short_text(&mut self, field: &str, limit: usize) -> Option<String> {
        let text = self.text(field)?;
        let length = text.chars().count();
        if length > limit {
            self.wrong(field, format!("has {length} characters; at most {limit} are allowed"));
            return None;
        }
        Some(text)
    }

    /// A truth value, `default` when it is absent or null.
    pub(super) fn flag(&mut self, field: &str, default: bool) -> bool {
        match self.object.remove(field) {
            None | Some(Value::Null) => default,
            Some(Value::Bool(flag)) => flag,
            Some(other) => {
                self.wrong(field, format!("is {}; expected true or false", kind(&other)));
                default
            }
        }
    }

    /// A UUID, `None` when it is absent or null.
    pub(super) fn uuid(&mut self, field: &str) -> Option<Uuid> {
        let text = self.text(field)?;
        let uuid = parse_uuid(&text);
        if uuid.is_none() {
            self.wrong(field, NO_UUID);
        }
        uuid
    }

    /// Whether the field is present and not null.
    pub(super) fn has(&self, field: &str) -> bool {
        self.object.get(field).is_some_and(|value| !value.is_null())
    }
}

const NO_UUID: &str = "is not a UUID such as 3f2b8c1e-8a53-4c0e-9d3e-5a1f0c2b7d64";

/// An id in the path; it may not even be text.
pub(super) type PathId = Result<Path<String>, PathRejection>;

/// The UUID in the path.
pub(super) fn path_uuid(name: &str, id: PathId) -> Result<Uuid, ApiError> {
    id.ok().and_then(|Path(id)| parse_uuid(&id)).ok_or_else(|| ApiError::field(name, NO_UUID))
}

/// Keys that the object in `bytes` has more than once, each once.
fn repeated_keys(bytes: &[u8]) -> Vec<String> {
    struct Keys;

    impl<'de> Visitor<'de> for Keys {
        type Value = Vec<String>;

        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut seen = HashSet::new();
            let mut repeated = Vec::new();
            while let Some((key, IgnoredAny)) = map.next_entry::<String, IgnoredAny>()? {
                if !seen.insert(key.clone()) && !repeated.contains(&key) {
                    repeated.push(key);
                }
            }
            Ok(repeated)
        }
    }

    serde_json::Deserializer::from_slice(bytes).deserialize_map(Keys).unwrap_or_default()
}

/// A hyphenated UUID; other spellings are refused, because ids are compared as text elsewhere.
fn parse_uuid(text: &str) -> Option<Uuid> {
    (text.len() == 36).then(|| Uuid::try_parse(text).ok()).flatten()
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// A question about the book.
#[derive(ToSchema)]
#[allow(dead_code, reason = "describes the body for the OpenAPI document; it is read field by field")]
pub(super) struct BookQuestion {
    /// The question, 1 to 2,000 characters, not only white space.
    #[schema(min_length = 1, max_length = 2000, pattern = r"^[^\u0000]*\S[^\u0000]*$")]
    message: String,
    #[schema(inline)]
    mode: Option<GeneralMode>,
    /// Continues a conversation; left out, a new one begins.
    #[schema(format = Uuid, value_type = Option<String>, pattern = r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$")]
    conversation_id: Option<Uuid>,
    /// URL of the page that the reader looks at: what "it" and "this page" mean.
    #[schema(max_length = 2048, pattern = r"^[^\u0000]*$")]
    page: Option<String>,
    /// Docs version that the reader looks at; retrieval stays inside it.
    #[schema(max_length = 64, pattern = r"^[^\u0000]*$")]
    version: Option<String>,
    /// Locale that the reader looks at; retrieval stays inside it.
    #[schema(max_length = 64, pattern = r"^[^\u0000]*$")]
    locale: Option<String>,
    /// `true` (default) streams events; `false` returns one JSON object.
    stream: Option<bool>,
}

/// The mode of a question about the book.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[allow(dead_code, reason = "describes the body for the OpenAPI document")]
enum GeneralMode {
    General,
}

/// A question about a text that the reader has marked: only that text is used.
#[derive(ToSchema)]
#[allow(dead_code, reason = "describes the body for the OpenAPI document; it is read field by field")]
pub(super) struct SelectionQuestion {
    /// The question, 1 to 2,000 characters, not only white space.
    #[schema(min_length = 1, max_length = 2000, pattern = r"^[^\u0000]*\S[^\u0000]*$")]
    message: String,
    #[schema(inline)]
    mode: SelectionMode,
    /// The marked text. What is over 8,000 characters is cut, with a notice.
    #[schema(min_length = 1, pattern = r"^[^\u0000]*\S[^\u0000]*$")]
    context: String,
    /// Continues a conversation; left out, a new one begins.
    #[schema(format = Uuid, value_type = Option<String>, pattern = r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$")]
    conversation_id: Option<Uuid>,
    /// URL of the page that the reader looks at: what "it" and "this page" mean.
    #[schema(max_length = 2048, pattern = r"^[^\u0000]*$")]
    page: Option<String>,
    /// `true` (default) streams events; `false` returns one JSON object.
    stream: Option<bool>,
}

/// The mode of a question about a marked text.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[allow(dead_code, reason = "describes the body for the OpenAPI document")]
enum SelectionMode {
    Selection,
}

/// A question: about the book (`mode` is `general` or left out) or about a marked text.
#[derive(ToSchema)]
#[schema(as = ChatRequest)]
#[allow(dead_code, reason = "describes the body for the OpenAPI document")]
#[serde(untagged)]
pub(super) enum ChatRequest {
    Book(BookQuestion),
    Selection(SelectionQuestion),
}

/// A whole answer, for callers that do not stream.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ChatAnswer {
    /// The conversation, new or continued.
    #[schema(format = Uuid, value_type = String)]
    pub conversation_id: Uuid,
    /// The answer's name.
    #[schema(format = Uuid, value_type = String)]
    pub message_id: Uuid,
    /// Markdown; `[n]` cites the source with that number.
    pub answer: String,
    /// The cited sources.
    pub sources: Vec<Source>,
    /// How it ended.
    pub outcome: Outcome,
    /// A part was missing and another stood in.
    pub degraded: bool,
    /// What the reader should know.
    pub notices: Vec<Notice>,
    /// What a model counted.
    pub usage: TokenUsage,
    /// Questions that could come next.
    pub suggestions: Vec<String>,
    /// Sentences of the answer that no passage supports; absent when there is none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unsupported: Vec<String>,
    /// Why it broke off, when the outcome is `failed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<WireFailure>,
}

/// Why an answer broke off.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct WireFailure {
    /// For programs.
    pub code: &'static str,
    /// For people.
    pub message: String,
    /// Seconds after which another try makes sense.
    pub retry_after: Option<u64>,
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::Request;
    use futures_util::stream;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_body_that_never_ends_is_not_waited_for() {
        let request = Request::builder()
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>()))
            .expect("a request");
        let read = Fields::from_request(request, &()).await;
        assert_eq!(read.err(), Some(ApiError::BodyTooSlow));
    }
}
