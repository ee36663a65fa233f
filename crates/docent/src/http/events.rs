//! A turn as a stream of server-sent events.
//!
//! Grammar: `stream = *(event / ping)`, `event = "id: " number LF "data: " json LF LF`, `ping = ": ping" LF LF`.
//! Each JSON object has a `type`: `metadata`, `sources`, `token`s, `notice`s, then exactly one of `done` and `error`.
//! Numbers count from 1, so that `Last-Event-ID` says how many events were seen. Before an `error`, a `token` without
//! number says the same for front ends that know only tokens.

use std::fmt::Write as _;

use axum::body::{Body, Bytes};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde::Serialize;
use utoipa::ToSchema;

use crate::answer::{NoticeCode, Outcome, Source, TokenUsage};
use crate::times;
use crate::turn::{TurnEvent, TurnReader};

/// The object in the `data` of an event.
#[derive(Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
#[schema(as = StreamEventData)]
pub(super) enum Frame<'a> {
    /// The names of the conversation and of the answer that is being written.
    Metadata {
        #[schema(format = Uuid)]
        conversation_id: String,
        #[schema(format = Uuid)]
        message_id: String,
    },
    /// What was given to the generator.
    Sources { sources: &'a [Source] },
    /// The next piece of the answer.
    Token { content: &'a str },
    /// Something that the reader should know.
    Notice { code: NoticeCode, message: &'a str },
    /// The end; the sources are those that were cited.
    Done {
        sources: &'a [Source],
        outcome: Outcome,
        degraded: bool,
        usage: TokenUsage,
        suggestions: &'a [String],
        /// Sentences of the answer that no passage supports; absent when there is none.
        #[serde(skip_serializing_if = "<[String]>::is_empty")]
        unsupported: &'a [String],
    },
    /// The end of an answer that broke off; what was said stays valid.
    Error { code: &'a str, message: &'a str, retry_after: Option<u64> },
}

/// One server-sent event.
#[derive(ToSchema)]
#[allow(dead_code, reason = "describes the stream for the OpenAPI document; events are written as text")]
pub(super) struct StreamEvent {
    /// Its number, from 1; absent on the token that tells a failure to clients that know only tokens.
    #[schema(pattern = r"^[0-9]+$", nullable = false)]
    id: Option<String>,
    /// A `StreamEventData` as JSON on one line.
    #[schema(content_media_type = "application/json")]
    data: String,
}

/// The turn as an HTTP response. Dropping the body drops the reader.
pub(super) fn stream_response(reader: TurnReader) -> Response {
    let frames = stream::unfold(reader, |mut reader| async move {
        let bytes = match tokio::time::timeout(times::PING_EVERY, reader.next()).await {
            Ok(None) => return None,
            Ok(Some((number, event))) => Bytes::from(frame(number + 1, &event)),
            Err(_) => Bytes::from_static(b": ping\n\n"),
        };
        Some((Ok::<_, std::convert::Infallible>(bytes), reader))
    });
    (
        [
            // Without the charset some clients read text as Latin-1.
            (header::CONTENT_TYPE, "text/event-stream; charset=utf-8"),
            (header::CACHE_CONTROL, "no-cache, no-transform"),
            (header::HeaderName::from_static("x-accel-buffering"), "no"),
        ],
        Body::from_stream(frames),
    )
        .into_response()
}

/// One event of a turn as it stands in the stream.
pub(super) fn frame(id: usize, event: &TurnEvent) -> String {
    let frame = match event {
        TurnEvent::Begun { conversation, message } => {
            Frame::Metadata { conversation_id: conversation.to_string(), message_id: message.to_string() }
        }
        TurnEvent::Sources(sources) => Frame::Sources { sources },
        TurnEvent::Delta(content) => Frame::Token { content },
        TurnEvent::Notice(notice) => Frame::Notice { code: notice.code, message: &notice.message },
        TurnEvent::Ended(ending) => match &ending.failure {
            None => Frame::Done {
                sources: &ending.sources,
                outcome: ending.outcome,
                degraded: ending.degraded,
                usage: ending.usage,
                suggestions: &ending.suggestions,
                unsupported: &ending.support.unsupported,
            },
            Some(failure) => {
                // Clients of the earlier service know only tokens: they are told in one.
                let said = format!("\n\n{}", failure.message);
                let mut text = String::new();
                let _ = write!(text, "data: {}\n\n", json(&Frame::Token { content: &said }));
                let error = Frame::Error {
                    code: failure.code,
                    message: &failure.message,
                    retry_after: failure.retry_after,
                };
                let _ = write!(text, "id: {id}\ndata: {}\n\n", json(&error));
                return text;
            }
        },
    };
    format!("id: {id}\ndata: {}\n\n", json(&frame))
}

fn json(frame: &Frame<'_>) -> String {
    // Only maps with odd keys and failing `Serialize`s can make this fail; there are none in a frame.
    serde_json::to_string(frame).unwrap_or_else(|_| "{}".into())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures_util::StreamExt;

    use super::*;
    use crate::conversations::{ConversationId, MessageId};
    use crate::turn::TurnLog;

    #[tokio::test(start_paused = true)]
    async fn silence_is_filled_with_pings() {
        let log = Arc::new(TurnLog::new(ConversationId::random(), MessageId::random()));
        let mut body = stream_response(log.read_from(0)).into_body().into_data_stream();
        let began = tokio::time::Instant::now();
        for pings in 1..=3 {
            let piece = body.next().await.expect("the stream goes on").expect("bytes");
            assert_eq!(piece, ": ping\n\n");
            assert_eq!(began.elapsed(), pings * times::PING_EVERY);
        }
    }
}
