//! Conversations: what was asked, what was answered, kept until the reader forgets it.
//!
//! One variant a store. The tables of every store have the same shape, so that a book can move from
//! one to another.

mod sqlite;

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::answer::{Outcome, Source};
use sqlite::SqliteStore;

/// Names a conversation; unguessable, because who knows it may read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ConversationId(pub Uuid);

/// Names a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MessageId(pub Uuid);

macro_rules! id {
    ($name:ident) => {
        impl $name {
            /// A new random id.
            pub fn random() -> Self {
                Self(Uuid::new_v4())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(formatter)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    };
}

id!(ConversationId);
id!(MessageId);

/// Who wrote a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The reader.
    User,
    /// Docent.
    Assistant,
}

/// One question or one answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// Its name.
    pub id: MessageId,
    /// Who wrote it.
    pub role: Role,
    /// The text as it was shown.
    pub content: String,
    /// The cited sources of an answer.
    pub sources: Vec<Source>,
    /// How an answer ended; `None` for questions.
    pub outcome: Option<Outcome>,
    /// When it was accepted (a question) or began (an answer).
    pub created_at: Timestamp,
}

/// A question and its answer, as later questions see them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    /// What the reader asked.
    pub question: String,
    /// What Docent answered.
    pub answer: String,
}

/// What a reader thought of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feedback {
    /// The answer.
    pub message: MessageId,
    /// Helpful or not.
    pub helpful: bool,
    /// One of a few reasons, as the page offers them.
    pub reason: Option<String>,
    /// Free text.
    pub note: Option<String>,
    /// When it was given.
    pub created_at: Timestamp,
}

/// Why the store could not do its work.
#[derive(Debug, thiserror::Error)]
#[error("the conversation store {doing} failed: {source}")]
pub struct StoreError {
    /// What was tried, with the table or file.
    pub doing: String,
    /// The driver's words.
    #[source]
    pub source: sqlx::Error,
}

/// Where conversations are kept.
#[derive(Debug, Clone)]
pub enum Conversations {
    /// A SQLite database, on disk or in memory.
    Sqlite(SqliteStore),
    /// A stand-in while the real store cannot be opened: in memory, gone with the program.
    StandIn(SqliteStore),
}

impl Conversations {
    /// Opens or makes the database file; folders on the way are made too.
    ///
    /// # Errors
    /// When the file cannot be made or is no database.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        SqliteStore::open(path).await.map(Self::Sqlite)
    }

    /// A database that lives as long as the value.
    ///
    /// # Errors
    /// When SQLite itself fails.
    pub async fn in_memory() -> Result<Self, StoreError> {
        SqliteStore::in_memory().await.map(Self::Sqlite)
    }

    /// A stand-in for a store that cannot be opened.
    ///
    /// # Errors
    /// When SQLite itself fails.
    pub async fn stand_in() -> Result<Self, StoreError> {
        SqliteStore::in_memory().await.map(Self::StandIn)
    }

    /// Whether what is saved outlives the program.
    pub fn is_lasting(&self) -> bool {
        matches!(self, Self::Sqlite(_))
    }

    /// Stores a message; the conversation is made when it is new. Storing the same message id again
    /// replaces content, sources and outcome.
    ///
    /// # Errors
    /// When the store fails; nothing was stored then.
    pub async fn save(&self, conversation: ConversationId, message: &Message) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(store) | Self::StandIn(store) => store.save(conversation, message).await,
        }
    }

    /// Whether there is such a conversation.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn exists(&self, conversation: ConversationId) -> Result<bool, StoreError> {
        match self {
            Self::Sqlite(store) | Self::StandIn(store) => store.exists(conversation).await,
        }
    }

    /// All messages, oldest first; `None` when there is no such conversation.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn messages(&self, conversation: ConversationId) -> Result<Option<Vec<Message>>, StoreError> {
        match self {
            Self::Sqlite(store) | Self::StandIn(store) => store.messages(conversation).await,
        }
    }

    /// The last `limit` exchanges, oldest first; questions without an answer are left out.
    /// `None` when there is no such conversation.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn exchanges(
        &self,
        conversation: ConversationId,
        limit: usize,
    ) -> Result<Option<Vec<Exchange>>, StoreError> {
        let messages = match self {
            // One more: the question that is being asked may be stored already.
            Self::Sqlite(store) | Self::StandIn(store) => store.latest(conversation, 2 * limit + 1).await?,
        };
        Ok(messages.map(|messages| pair_up(&messages, limit)))
    }

    /// Removes a conversation with everything in it; `false` when there was none.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn forget(&self, conversation: ConversationId) -> Result<bool, StoreError> {
        match self {
            Self::Sqlite(store) | Self::StandIn(store) => store.forget(conversation).await,
        }
    }

    /// Keeps what a reader thought of an answer, replacing what they said before; `false` when there is
    /// no such answer.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn save_feedback(&self, feedback: &Feedback) -> Result<bool, StoreError> {
        match self {
            Self::Sqlite(store) | Self::StandIn(store) => store.save_feedback(feedback).await,
        }
    }

    /// Writes everything out; called once before the program ends.
    pub async fn close(&self) {
        match self {
            Self::Sqlite(store) | Self::StandIn(store) => store.close().await,
        }
    }
}

fn pair_up(messages: &[Message], limit: usize) -> Vec<Exchange> {
    let mut exchanges = Vec::new();
    for pair in messages.windows(2) {
        if let [question, answer] = pair
            && question.role == Role::User
            && answer.role == Role::Assistant
        {
            exchanges.push(Exchange { question: question.content.clone(), answer: answer.content.clone() });
        }
    }
    exchanges.split_off(exchanges.len().saturating_sub(limit))
}

#[cfg(test)]
mod tests;
