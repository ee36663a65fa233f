//! Asking: `POST /api/chat`, and following an answer again.

use axum::Json;
use axum::extract::State;
use axum::http::{Extensions, HeaderMap};
use axum::response::{IntoResponse, Response};
use utoipa::IntoParams;

use super::error::{ApiError, Problem};
use super::events::{StreamEvent, stream_response};
use super::wire::{ChatAnswer, ChatRequest, Fields, PathId, WireFailure, path_uuid};
use super::{App, Phase, client};
use crate::answer::{Notice, NoticeCode, Subject};
use crate::conversations::{ConversationId, MessageId};
use crate::parts::Parts;
use crate::turn::{Asked, TurnEvent, TurnReader};

/// A question may have this many characters.
const MESSAGE_CHARS: usize = 2000;

/// A marked text is cut after this many characters.
const SELECTION_CHARS: usize = 8000;

const PAGE_CHARS: usize = 2048;
const SCOPE_CHARS: usize = 64;

/// Ask a question and get the answer as a stream of events, or as one JSON object.
#[utoipa::path(
    post,
    path = "/api/chat",
    tag = "chat",
    request_body(content = ChatRequest, content_type = "application/json"),
    responses(
        (status = 200, description = "The answer: server-sent events, or one object when `stream` is false", content(
            (StreamEvent = "text/event-stream"),
            (ChatAnswer = "application/json"),
        ), links(
            ("conversation" = (operation_id = "show", parameters(("conversation_id" = "$response.body#/conversation_id")))),
            ("forget" = (operation_id = "forget", parameters(("conversation_id" = "$response.body#/conversation_id")))),
            ("resume" = (operation_id = "resume", parameters(("message_id" = "$response.body#/message_id")))),
            ("feedback" = (operation_id = "keep", request_body = json!({"message_id": "$response.body#/message_id"}))),
        )),
        (status = 400, description = "The body is no JSON", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The asking site is not listed in ALLOWED_ORIGINS", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "There is no such conversation", body = Problem, content_type = "application/problem+json"),
        (status = 408, description = "The body did not come in time", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The body is over 64 KiB", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "The body is not application/json", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "One or more fields are wrong", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "All answer slots are taken, or this reader asks too often", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The service is starting or stopping, or the store is away", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn ask(
    State(app): State<App>,
    headers: HeaderMap,
    extensions: Extensions,
    fields: Fields,
) -> Result<Response, ApiError> {
    let (asked, streamed) = read(fields)?;
    let parts = opened(&app)?;
    let address = client::address(&app, &headers, &extensions);
    app.limits().take(address, asked.conversation.map(|conversation| conversation.0))?;
    if let Some(conversation) = asked.conversation {
        known(parts, conversation).await?;
    }
    let permit = app.permits().clone().try_acquire_owned().map_err(|_| ApiError::Busy)?;
    let reader = app.turns().begin(&parts.answerer, &parts.conversations, asked, permit);
    if streamed {
        Ok(stream_response(reader))
    } else {
        whole(reader).await.map(|answer| Json(answer).into_response())
    }
}

#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[allow(dead_code, reason = "describes the headers for the OpenAPI document")]
struct ResumeHeaders {
    /// The last `id` that was seen; left out, all events come.
    #[param(rename = "Last-Event-ID", required = false, minimum = 0)]
    last_event_id: u32,
}

/// Follow an answer again after the stream was cut: the events after `Last-Event-ID`, then the rest as it comes.
#[utoipa::path(
    get,
    path = "/api/chat/{message_id}/events",
    tag = "chat",
    params(
        ("message_id" = String, Path, format = Uuid, description = "From the `metadata` event"),
        ResumeHeaders,
    ),
    responses(
        (status = 200, description = "Server-sent events", body = StreamEvent, content_type = "text/event-stream"),
        (status = 404, description = "There is no such answer, or it ended too long ago", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "message_id is no UUID or Last-Event-ID no number", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn resume(
    State(app): State<App>,
    message: PathId,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let message = path_uuid("message_id", message)?;
    let seen = match headers.get("last-event-id").map(|value| value.to_str().unwrap_or("?").trim()) {
        None | Some("") => 0,
        Some(text) => text.parse::<u32>().map_err(|_| {
            ApiError::field("Last-Event-ID", format!("is '{text}'; expected the number of an event"))
        })?,
    };
    let log = app.turns().find(MessageId(message)).ok_or(ApiError::MessageNotFound)?;
    Ok(stream_response(log.read_from(seen as usize)))
}

/// The parts, or why there are none yet.
pub(super) fn opened(app: &App) -> Result<&Parts, ApiError> {
    match app.phase() {
        Phase::Starting => Err(ApiError::Starting),
        Phase::Stopping => Err(ApiError::Stopping),
        Phase::Ready => app.parts().ok_or(ApiError::Starting),
    }
}

/// A store that is away must not keep a question from being answered: only a clear "no" is an error.
async fn known(parts: &Parts, conversation: ConversationId) -> Result<(), ApiError> {
    match parts.conversations.exists(conversation).await {
        Ok(true) => Ok(()),
        Ok(false) => Err(ApiError::ConversationNotFound),
        Err(error) => {
            tracing::warn!(conversation.id = %conversation, "cannot look the conversation up: {error}");
            Ok(())
        }
    }
}

fn read(mut fields: Fields) -> Result<(Asked, bool), ApiError> {
    let message = checked_message(&mut fields);
    let mode = fields.text("mode");
    let selected = match mode.as_deref() {
        None | Some("general") => false,
        Some("selection") => true,
        Some(other) => {
            let shown: String = other.chars().take(40).collect();
            fields.wrong("mode", format!("is '{shown}'; expected general or selection"));
            false
        }
    };
    let context_is_there = fields.has("context");
    let context = fields.text("context");
    let mut notices = Vec::new();
    let subject = match context {
        Some(context) if selected && !context.trim().is_empty() => {
            Subject::Selection(cut_selection(context, &mut notices))
        }
        Some(_) if selected => {
            fields.wrong("context", "is empty; mode selection needs the marked text");
            Subject::Book
        }
        None if selected && !context_is_there => {
            fields.wrong("context", "is missing; mode selection needs the marked text");
            Subject::Book
        }
        _ => Subject::Book,
    };
    let conversation = fields.uuid("conversation_id").map(ConversationId);
    let page = fields.short_text("page", PAGE_CHARS).filter(|page| !page.is_empty());
    let version = fields.short_text("version", SCOPE_CHARS).filter(|version| !version.is_empty());
    let locale = fields.short_text("locale", SCOPE_CHARS).filter(|locale| !locale.is_empty());
    let streamed = fields.flag("stream", true);
    fields.done()?;
    let asked = Asked { conversation, text: message, subject, version, locale, page, notices };
    Ok((asked, streamed))
}

fn checked_message(fields: &mut Fields) -> String {
    let is_there = fields.has("message");
    match fields.text("message") {
        Some(message) if message.trim().is_empty() => {
            fields.wrong("message", format!("is empty; expected 1 to {MESSAGE_CHARS} characters"));
            String::new()
        }
        Some(message) => {
            let length = message.chars().count();
            if length > MESSAGE_CHARS {
                fields.wrong(
                    "message",
                    format!("has {length} characters; at most {MESSAGE_CHARS} are allowed"),
                );
            }
            message
        }
        None => {
            if !is_there {
                fields.wrong("message", "is missing");
            }
            String::new()
        }
    }
}

fn cut_selection(context: String, notices: &mut Vec<Notice>) -> String {
    match context.char_indices().nth(SELECTION_CHARS) {
        None => context,
        Some((end, _)) => {
            let message = format!("The marked text was cut to {SELECTION_CHARS} characters.");
            notices.push(Notice { code: NoticeCode::SelectionCut, message });
            context[..end].to_owned()
        }
    }
}

/// Waits for the end of a turn and puts its events together.
async fn whole(mut reader: TurnReader) -> Result<ChatAnswer, ApiError> {
    let mut names = None;
    let mut answer = String::new();
    let mut notices = Vec::new();
    while let Some((_, event)) = reader.next().await {
        match &*event {
            TurnEvent::Begun { conversation, message } => names = Some((*conversation, *message)),
            TurnEvent::Sources(_) => {}
            TurnEvent::Delta(piece) => answer.push_str(piece),
            TurnEvent::Notice(notice) => notices.push(notice.clone()),
            TurnEvent::Ended(ending) => {
                let (conversation, message) = names.ok_or(ApiError::Internal)?;
                let error = ending.failure.as_ref().map(|failure| WireFailure {
                    code: failure.code,
                    message: failure.message.clone(),
                    retry_after: failure.retry_after,
                });
                return Ok(ChatAnswer {
                    conversation_id: conversation.0,
                    message_id: message.0,
                    answer,
                    sources: ending.sources.clone(),
                    outcome: ending.outcome,
                    degraded: ending.degraded,
                    notices,
                    usage: ending.usage,
                    suggestions: ending.suggestions.clone(),
                    unsupported: ending.support.unsupported.clone(),
                    error,
                });
            }
        }
    }
    Err(ApiError::Internal)
}
