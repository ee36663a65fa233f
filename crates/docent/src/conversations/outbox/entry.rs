//! What waits in the outbox, as JSON: the journal holds it, and the store takes messages in the same shape.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::super::{ConversationId, Feedback, Message, MessageId, Role, read_sources};
use crate::answer::Outcome;

/// One thing that has to be done in the store.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in super::super) enum Entry {
    /// Store a message.
    Message(MessageRow),
    /// Remove a conversation.
    Forget(ConversationId),
    /// Keep what a reader thought.
    Feedback(FeedbackRow),
}

/// A row of table `messages`.
#[derive(Debug, Serialize, Deserialize)]
pub(in super::super) struct MessageRow {
    pub(in super::super) id: MessageId,
    pub(in super::super) conversation_id: ConversationId,
    pub(in super::super) role: Role,
    pub(in super::super) content: String,
    #[serde(default)]
    pub(in super::super) sources: Option<Value>,
    pub(in super::super) created_at: String,
    #[serde(default)]
    pub(in super::super) outcome: Option<Outcome>,
}

/// A row of table `feedback`.
#[derive(Debug, Serialize, Deserialize)]
pub(in super::super) struct FeedbackRow {
    pub(in super::super) message_id: MessageId,
    pub(in super::super) helpful: bool,
    pub(in super::super) reason: Option<String>,
    pub(in super::super) note: Option<String>,
    pub(in super::super) created_at: String,
}

impl MessageRow {
    pub(in super::super) fn new(conversation_id: ConversationId, message: &Message) -> Self {
        let sources = (!message.sources.is_empty())
            .then(|| serde_json::to_value(&message.sources).unwrap_or_default())
            .map(without_nul);
        Self {
            id: message.id,
            conversation_id,
            role: message.role,
            content: text_without_nul(&message.content),
            sources,
            created_at: time(message.created_at),
            outcome: message.outcome,
        }
    }

    /// The message; `None` when its time cannot be read.
    pub(in super::super) fn message(&self) -> Option<Message> {
        Some(Message {
            id: self.id,
            role: self.role,
            content: self.content.clone(),
            sources: self.sources.as_ref().map(read_sources).unwrap_or_default(),
            outcome: self.outcome,
            created_at: read_time(&self.created_at)?,
        })
    }
}

impl FeedbackRow {
    pub(in super::super) fn new(feedback: &Feedback) -> Self {
        Self {
            message_id: feedback.message,
            helpful: feedback.helpful,
            reason: feedback.reason.as_deref().map(text_without_nul),
            note: feedback.note.as_deref().map(text_without_nul),
            created_at: time(feedback.created_at),
        }
    }
}

/// A moment as the store keeps it: UTC, to the microsecond.
fn time(at: Timestamp) -> String {
    Timestamp::from_microsecond(at.as_microsecond()).unwrap_or(at).to_string()
}

/// A moment from the store: with an offset, or in UTC without one.
pub(in super::super) fn read_time(text: &str) -> Option<Timestamp> {
    text.parse().or_else(|_| format!("{text}Z").parse()).ok()
}

/// Postgres takes every character but this one.
fn text_without_nul(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

fn without_nul(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(text_without_nul(&text)),
        Value::Array(items) => items.into_iter().map(without_nul).collect(),
        Value::Object(fields) => fields.into_iter().map(|(name, value)| (name, without_nul(value))).collect(),
        other => other,
    }
}
