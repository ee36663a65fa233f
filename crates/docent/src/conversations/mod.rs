//! Conversations: what was asked, what was answered, kept until the reader forgets it.
//!
//! One variant a store. The tables of every store have the same shape, so that a book can move from
//! one to another.

mod outbox;
mod postgres;
mod sqlite;

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::answer::{Outcome, Source};
use crate::status::Services;
pub use outbox::outbox_depth;
pub use postgres::{DatabaseError, DatabaseLook, PostgresOptions, PostgresState, PostgresStore, look};
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
    /// URL of the page that it was taken from: that of the best passage it cites. `None` when the book did not answer.
    pub page: Option<String>,
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
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

impl StoreError {
    fn new(doing: &str, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { doing: doing.to_owned(), source: source.into() }
    }
}

/// Where conversations are kept.
#[derive(Debug, Clone)]
pub enum Conversations {
    /// A SQLite database, on disk, or in memory while the file cannot be opened.
    Sqlite(SqliteStore),
    /// A Postgres database, with an outbox for the time when it is away.
    Postgres(PostgresStore),
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

    /// A store in memory for one that cannot be opened, because of `error`: it becomes the file as soon as a
    /// [`probe`](Self::probe) can open that, and what was saved until then goes along.
    ///
    /// # Errors
    /// When SQLite itself fails.
    pub async fn stand_in(path: &Path, error: &StoreError, services: &Services) -> Result<Self, StoreError> {
        SqliteStore::stand_in(path, error, services).await.map(Self::Sqlite)
    }

    /// Tells `services` how writing to the file goes.
    #[must_use]
    pub fn telling(self, services: &Services) -> Self {
        match self {
            Self::Sqlite(store) => Self::Sqlite(store.telling(services)),
            other => other,
        }
    }

    /// Uses a Postgres database. Nothing is waited for: the database is contacted in the background, and what is saved
    /// meanwhile stands in the outbox.
    pub fn postgres(options: PostgresOptions) -> Self {
        Self::Postgres(PostgresStore::open(options))
    }

    /// How a Postgres store is, without asking it; `None` for the others.
    pub fn postgres_state(&self) -> Option<PostgresState> {
        match self {
            Self::Sqlite(_) => None,
            Self::Postgres(store) => Some(store.state()),
        }
    }

    /// Looks whether the store can be written, and tells the health report.
    pub async fn probe(&self) {
        match self {
            Self::Sqlite(store) => store.probe().await,
            Self::Postgres(store) => store.probe().await,
        }
    }

    /// Whether what is saved outlives the program.
    pub fn is_lasting(&self) -> bool {
        match self {
            Self::Sqlite(store) => store.is_lasting(),
            Self::Postgres(_) => true,
        }
    }

    /// Stores a message; the conversation is made when it is new. Storing the same message id again
    /// replaces content, sources and outcome.
    ///
    /// With Postgres the message is in the outbox when this returns; the future waits for the database, but not long. In
    /// the outbox it counts as stored.
    ///
    /// # Errors
    /// When the store fails; nothing was stored then.
    pub fn save<'a>(
        &'a self,
        conversation: ConversationId,
        message: &'a Message,
    ) -> impl Future<Output = Result<(), StoreError>> + Send + 'a {
        let accepted = match self {
            Self::Sqlite(_) => None,
            Self::Postgres(store) => Some((store, store.accept(conversation, message))),
        };
        async move {
            match (self, accepted) {
                (_, Some((store, accepted))) => store.stored(accepted?).await,
                (Self::Sqlite(store), _) => store.save(conversation, message).await,
                (Self::Postgres(_), None) => Ok(()),
            }
        }
    }

    /// An answer begins: `answer` has no text yet, the passages that it may cite, and the outcome `stopped`. A store with
    /// an outbox keeps what [`draft`](Self::draft) adds as far as it came when the process is killed; [`save`](Self::save)
    /// or [`drop_draft`](Self::drop_draft) ends it.
    pub fn begin_draft(&self, conversation: ConversationId, answer: &Message) {
        if let Self::Postgres(store) = self {
            store.begin_draft(conversation, answer);
        }
    }

    /// An answer goes on by `text`.
    pub fn draft(&self, answer: MessageId, text: &str) {
        if let Self::Postgres(store) = self {
            store.draft(answer, text);
        }
    }

    /// An answer that will not be saved.
    pub fn drop_draft(&self, answer: MessageId) {
        if let Self::Postgres(store) = self {
            store.drop_draft(answer);
        }
    }

    /// Whether there is such a conversation.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn exists(&self, conversation: ConversationId) -> Result<bool, StoreError> {
        match self {
            Self::Sqlite(store) => store.exists(conversation).await,
            Self::Postgres(store) => store.exists(conversation).await,
        }
    }

    /// All messages, oldest first; `None` when there is no such conversation.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn messages(&self, conversation: ConversationId) -> Result<Option<Vec<Message>>, StoreError> {
        match self {
            Self::Sqlite(store) => store.messages(conversation).await,
            Self::Postgres(store) => store.latest(conversation, usize::MAX).await,
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
            Self::Sqlite(store) => store.latest(conversation, 2 * limit + 1).await?,
            Self::Postgres(store) => store.latest(conversation, 2 * limit + 1).await?,
        };
        Ok(messages.map(|messages| pair_up(&messages, limit)))
    }

    /// Removes a conversation with everything in it; `false` when there was none.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn forget(&self, conversation: ConversationId) -> Result<bool, StoreError> {
        match self {
            Self::Sqlite(store) => store.forget(conversation).await,
            Self::Postgres(store) => store.forget(conversation).await,
        }
    }

    /// Keeps what a reader thought of an answer, replacing what they said before; `false` when there is
    /// no such answer.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn save_feedback(&self, feedback: &Feedback) -> Result<bool, StoreError> {
        match self {
            Self::Sqlite(store) => store.save_feedback(feedback).await,
            Self::Postgres(store) => store.save_feedback(feedback).await,
        }
    }

    /// Writes everything out; called once before the program ends.
    pub async fn close(&self) {
        match self {
            Self::Sqlite(store) => store.close().await,
            Self::Postgres(store) => store.close().await,
        }
    }
}

/// Sources from a store. The earlier service kept only file, heading and similarity; the rest stays empty then.
fn read_sources(json: &Value) -> Vec<Source> {
    let text = |source: &Value, name: &str| source[name].as_str().unwrap_or_default().to_owned();
    let read = |(place, source): (usize, &Value)| {
        Source::deserialize(source).unwrap_or_else(|_| Source {
            n: source["n"].as_u64().map_or(place + 1, |n| n as usize),
            file: text(source, "file"),
            heading: text(source, "heading"),
            similarity: source["similarity"].as_f64().unwrap_or_default() as f32,
            title: text(source, "title"),
            url: text(source, "url"),
            anchor: source["anchor"].as_str().map(str::to_owned),
            quote: text(source, "quote"),
            href: text(source, "href"),
        })
    };
    json.as_array().into_iter().flatten().enumerate().map(read).collect()
}

/// The page of the best passage that an answer cites. Sources of the earlier service know no page.
fn page_of(answer: &Message) -> Option<String> {
    if !matches!(answer.outcome, Some(Outcome::Answered | Outcome::Stopped)) {
        return None;
    }
    let known = answer.sources.iter().filter(|source| !source.url.is_empty());
    known.min_by_key(|source| source.n).map(|source| source.url.clone())
}

fn pair_up(messages: &[Message], limit: usize) -> Vec<Exchange> {
    let mut exchanges = Vec::new();
    for pair in messages.windows(2) {
        if let [question, answer] = pair
            && question.role == Role::User
            && answer.role == Role::Assistant
        {
            exchanges.push(Exchange {
                question: question.content.clone(),
                answer: answer.content.clone(),
                page: page_of(answer),
            });
        }
    }
    exchanges.split_off(exchanges.len().saturating_sub(limit))
}

#[cfg(test)]
mod tests;
