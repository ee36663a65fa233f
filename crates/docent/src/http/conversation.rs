//! Reading a conversation, and forgetting it.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::App;
use super::chat::opened;
use super::error::{ApiError, Problem};
use super::wire::{PathId, path_uuid};
use crate::answer::{Outcome, Source};
use crate::conversations::{ConversationId, Message, Role, StoreError};

/// A conversation, oldest message first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ConversationView {
    /// Its name.
    #[schema(format = Uuid, value_type = String)]
    conversation_id: Uuid,
    /// Its messages.
    messages: Vec<MessageView>,
}

/// A question or an answer.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct MessageView {
    /// Its name.
    #[schema(format = Uuid, value_type = String)]
    id: Uuid,
    /// Who wrote it.
    role: Role,
    /// The text as it was shown.
    content: String,
    /// The cited sources of an answer; null for a question.
    sources: Option<Vec<Source>>,
    /// How an answer ended; null for a question.
    outcome: Option<Outcome>,
    /// When, in UTC.
    #[schema(format = DateTime)]
    created_at: String,
}

/// Read a conversation.
#[utoipa::path(
    get,
    path = "/api/conversation/{conversation_id}",
    tag = "conversations",
    params(("conversation_id" = String, Path, format = Uuid, description = "From the `metadata` event")),
    responses(
        (status = 200, description = "The conversation", body = ConversationView),
        (status = 404, description = "There is no such conversation", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "The id is no UUID", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The service is starting or stopping, or the store is away", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn show(State(app): State<App>, id: PathId) -> Result<Json<ConversationView>, ApiError> {
    let id = ConversationId(path_uuid("conversation_id", id)?);
    let messages = opened(&app)?.conversations.messages(id).await.map_err(unavailable)?;
    let messages = messages.ok_or(ApiError::ConversationNotFound)?;
    Ok(Json(ConversationView { conversation_id: id.0, messages: messages.into_iter().map(view).collect() }))
}

/// Forget a conversation with everything in it.
#[utoipa::path(
    delete,
    path = "/api/conversation/{conversation_id}",
    tag = "conversations",
    params(("conversation_id" = String, Path, format = Uuid, description = "From the `metadata` event")),
    responses(
        (status = 204, description = "It is gone"),
        (status = 403, description = "The asking site is not listed in ALLOWED_ORIGINS", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "There is no such conversation", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "The id is no UUID", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The service is starting or stopping, or the store is away", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn forget(State(app): State<App>, id: PathId) -> Result<StatusCode, ApiError> {
    let id = ConversationId(path_uuid("conversation_id", id)?);
    let parts = opened(&app)?;
    // Before the store: an answer that is being written must not bring the conversation back.
    app.turns().forget(id);
    let gone = parts.conversations.forget(id).await.map_err(unavailable)?;
    if gone { Ok(StatusCode::NO_CONTENT) } else { Err(ApiError::ConversationNotFound) }
}

#[allow(clippy::needless_pass_by_value, reason = "made for map_err")]
pub(super) fn unavailable(error: StoreError) -> ApiError {
    tracing::error!("{error}");
    ApiError::StoreUnavailable
}

fn view(message: Message) -> MessageView {
    MessageView {
        id: message.id.0,
        role: message.role,
        content: message.content,
        sources: (message.role == Role::Assistant).then_some(message.sources),
        outcome: message.outcome,
        created_at: message.created_at.to_string(),
    }
}
