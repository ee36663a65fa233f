//! Every error that a caller can get: one table from kind to status, code and words.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

/// What went wrong with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ApiError {
    /// The body is no JSON.
    InvalidJson(String),
    /// The body is not `application/json`.
    UnsupportedMediaType,
    /// The body is over the limit.
    BodyTooLarge,
    /// The body does not come.
    BodyTooSlow,
    /// One or more fields are wrong.
    InvalidFields(Vec<FieldError>),
    /// An owner's route, and the token is missing or wrong.
    TokenNeeded,
    /// An owner's route, and there is no token.
    OwnerRoutesOff,
    /// The site that asks is not listed.
    OriginNotAllowed(String),
    /// There is no such conversation.
    ConversationNotFound,
    /// There is no such answer, or it can no longer be resumed.
    MessageNotFound,
    /// There is no such page or route.
    RouteNotFound,
    /// The route does not know this method.
    MethodNotAllowed,
    /// All answer slots are taken.
    Busy,
    /// This reader asks too often.
    TooManyQuestions {
        /// Seconds until the next question is free.
        retry_after: u64,
    },
    /// The parts are still being opened.
    Starting,
    /// The program is about to end.
    Stopping,
    /// The store failed.
    StoreUnavailable,
    /// A fault of ours.
    Internal,
}

/// One wrong field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// Name of the field, or of the query or path parameter.
    pub field: String,
    /// What was found and what was expected.
    pub message: String,
}

impl FieldError {
    /// A wrong field.
    pub fn new(field: &str, message: impl Into<String>) -> Self {
        Self { field: field.to_owned(), message: message.into() }
    }
}

/// The body of every error: RFC 9457 problem details.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Problem {
    /// Always `about:blank`; `code` names the problem.
    pub r#type: &'static str,
    /// Words of the status.
    pub title: String,
    /// HTTP status.
    pub status: u16,
    /// Name of the problem, for programs.
    pub code: &'static str,
    /// What happened and what to do, for people.
    pub detail: String,
    /// Names this request in the log.
    pub request_id: String,
    /// The wrong fields, when that is the problem.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
}

impl ApiError {
    /// One wrong field.
    pub fn field(field: &str, message: impl Into<String>) -> Self {
        Self::InvalidFields(vec![FieldError::new(field, message)])
    }

    /// Status, code, words and seconds after which another try makes sense.
    fn row(&self) -> (StatusCode, &'static str, String, Option<u32>) {
        use StatusCode as S;
        match self {
            Self::InvalidJson(what) => {
                (S::BAD_REQUEST, "invalid_json", format!("the body is not valid JSON: {what}"), None)
            }
            Self::UnsupportedMediaType => (
                S::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_media_type",
                "send the body as JSON with the header content-type: application/json".into(),
                None,
            ),
            Self::BodyTooLarge => {
                (S::PAYLOAD_TOO_LARGE, "body_too_large", "the body is over 64 KiB; shorten it".into(), None)
            }
            Self::BodyTooSlow => (
                S::REQUEST_TIMEOUT,
                "body_too_slow",
                "the body did not come in time; send it again".into(),
                None,
            ),
            Self::InvalidFields(fields) => {
                let words: Vec<String> =
                    fields.iter().map(|error| format!("{}: {}", error.field, error.message)).collect();
                (S::UNPROCESSABLE_ENTITY, "invalid_fields", words.join("; "), None)
            }
            Self::TokenNeeded => (
                S::UNAUTHORIZED,
                "token_needed",
                "send the admin token: `Authorization: Bearer` and the value of DOCENT_ADMIN_TOKEN".into(),
                None,
            ),
            Self::OwnerRoutesOff => (
                S::FORBIDDEN,
                "owner_routes_off",
                "owner's routes are closed; set DOCENT_ADMIN_TOKEN to open them".into(),
                None,
            ),
            Self::OriginNotAllowed(origin) => (
                S::FORBIDDEN,
                "origin_not_allowed",
                format!("pages of {origin} may not ask here; its owner can add it to ALLOWED_ORIGINS"),
                None,
            ),
            Self::ConversationNotFound => (
                S::NOT_FOUND,
                "conversation_not_found",
                "there is no such conversation; leave conversation_id out to begin a new one".into(),
                None,
            ),
            Self::MessageNotFound => (
                S::NOT_FOUND,
                "message_not_found",
                "there is no such answer, or it can no longer be resumed".into(),
                None,
            ),
            Self::RouteNotFound => {
                (S::NOT_FOUND, "not_found", "there is nothing here; /docs lists the routes".into(), None)
            }
            Self::MethodNotAllowed => (
                S::METHOD_NOT_ALLOWED,
                "method_not_allowed",
                "this route does not know this method; /docs lists the routes".into(),
                None,
            ),
            Self::Busy => (
                S::TOO_MANY_REQUESTS,
                "busy",
                "Service temporarily busy, please try again in a moment".into(),
                Some(2),
            ),
            Self::TooManyQuestions { retry_after } => (
                S::TOO_MANY_REQUESTS,
                "too_many_questions",
                format!("too many questions in a short time; please wait {retry_after} s"),
                Some(u32::try_from(*retry_after).unwrap_or(u32::MAX)),
            ),
            Self::Starting => (
                S::SERVICE_UNAVAILABLE,
                "starting",
                "the service is starting; try again in a moment".into(),
                Some(1),
            ),
            Self::Stopping => (
                S::SERVICE_UNAVAILABLE,
                "stopping",
                "the service is restarting; try again in a moment".into(),
                Some(5),
            ),
            Self::StoreUnavailable => (
                S::SERVICE_UNAVAILABLE,
                "store_unavailable",
                "conversations cannot be read right now; try again in a moment".into(),
                Some(5),
            ),
            Self::Internal => {
                (S::INTERNAL_SERVER_ERROR, "internal", "something went wrong on our side".into(), None)
            }
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (status, code, detail, retry_after) = self.row();
        let problem = Problem {
            r#type: "about:blank",
            title: status.canonical_reason().unwrap_or_default().to_owned(),
            status: status.as_u16(),
            code,
            detail,
            request_id: super::guard::request_id(),
            errors: if let Self::InvalidFields(errors) = self { errors } else { Vec::new() },
        };
        let mut response = (status, Json(problem)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
