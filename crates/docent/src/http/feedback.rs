//! What readers think of an answer.

use axum::extract::State;
use axum::http::StatusCode;
use jiff::Timestamp;
use utoipa::ToSchema;
use uuid::Uuid;

use super::App;
use super::chat::opened;
use super::conversation::unavailable;
use super::error::{ApiError, Problem};
use super::wire::Fields;
use crate::conversations::{Feedback, MessageId};

const REASON_CHARS: usize = 64;
const NOTE_CHARS: usize = 2000;

/// Thumb up or down for an answer.
#[derive(ToSchema)]
#[schema(as = FeedbackRequest)]
#[allow(dead_code, reason = "describes the body for the OpenAPI document; it is read field by field")]
pub(super) struct FeedbackRequest {
    /// The answer, from the `metadata` event.
    #[schema(format = Uuid, value_type = String)]
    message_id: Uuid,
    /// Whether it helped.
    helpful: bool,
    /// Why, as one of a few words that the page offers.
    #[schema(max_length = 64, pattern = r"^[^\u0000]*$")]
    reason: Option<String>,
    /// Why, in the reader's words.
    #[schema(max_length = 2000, pattern = r"^[^\u0000]*$")]
    note: Option<String>,
}

/// Say whether an answer helped. A later word replaces an earlier one.
#[utoipa::path(
    post,
    path = "/api/feedback",
    tag = "chat",
    request_body(content = FeedbackRequest, content_type = "application/json"),
    responses(
        (status = 204, description = "Kept"),
        (status = 400, description = "The body is no JSON", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The asking site is not listed in ALLOWED_ORIGINS", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "There is no such answer", body = Problem, content_type = "application/problem+json"),
        (status = 408, description = "The body did not come in time", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The body is over 64 KiB", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "The body is not application/json", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "One or more fields are wrong", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The service is starting or stopping, or the store is away", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn keep(State(app): State<App>, mut fields: Fields) -> Result<StatusCode, ApiError> {
    if !fields.has("message_id") {
        fields.wrong("message_id", "is missing");
    }
    if !fields.has("helpful") {
        fields.wrong("helpful", "is missing; expected true or false");
    }
    let message = fields.uuid("message_id");
    let helpful = fields.flag("helpful", true);
    let reason = fields.short_text("reason", REASON_CHARS);
    let note = fields.short_text("note", NOTE_CHARS);
    fields.done()?;
    let message = MessageId(message.ok_or(ApiError::Internal)?);
    let feedback = Feedback { message, helpful, reason, note, created_at: Timestamp::now() };
    let kept = opened(&app)?.conversations.save_feedback(&feedback).await.map_err(unavailable)?;
    if kept { Ok(StatusCode::NO_CONTENT) } else { Err(ApiError::MessageNotFound) }
}
