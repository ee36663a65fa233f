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

/// An entry as the journal holds it, and what is asked of it while it waits. Its fields would take several times the
/// memory of its JSON, and thousands may wait.
#[derive(Debug)]
pub(in super::super) struct Packed {
    kind: Kind,
    json: Box<[u8]>,
}

/// What a packed entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Kind {
    /// A message.
    Message { id: MessageId, conversation: ConversationId, role: Role },
    /// The order to remove a conversation.
    Forget(ConversationId),
    /// What a reader thought.
    Feedback,
}

impl Packed {
    pub(in super::super) fn new(entry: &Entry) -> Self {
        Self { kind: Kind::of(entry), json: serde_json::to_vec(entry).unwrap_or_default().into() }
    }

    /// Takes a record of the journal.
    ///
    /// # Errors
    /// When it is no entry.
    pub(in super::super) fn read(json: Vec<u8>) -> serde_json::Result<Self> {
        let kind = Kind::of(&serde_json::from_slice(&json)?);
        Ok(Self { kind, json: json.into() })
    }

    pub(in super::super) fn kind(&self) -> Kind {
        self.kind
    }

    pub(in super::super) fn json(&self) -> &[u8] {
        &self.json
    }

    /// The entry with its fields. Both ways in have seen to it that the JSON is one.
    pub(in super::super) fn entry(&self) -> serde_json::Result<Entry> {
        serde_json::from_slice(&self.json)
    }

    /// The message; `None` for what is none.
    pub(in super::super) fn row(&self) -> Option<MessageRow> {
        match self.entry() {
            Ok(Entry::Message(row)) => Some(row),
            _ => None,
        }
    }

    pub(in super::super) fn is_message_of(&self, conversation: ConversationId) -> bool {
        matches!(self.kind, Kind::Message { conversation: of, .. } if of == conversation)
    }
}

impl Kind {
    fn of(entry: &Entry) -> Self {
        match entry {
            Entry::Message(row) => {
                Self::Message { id: row.id, conversation: row.conversation_id, role: row.role }
            }
            Entry::Forget(conversation) => Self::Forget(*conversation),
            Entry::Feedback(_) => Self::Feedback,
        }
    }
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
    pub(in super::super) fn message(self) -> Option<Message> {
        Some(Message {
            id: self.id,
            role: self.role,
            content: self.content,
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
