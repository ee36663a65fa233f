//! Conversations in SQLite.
//!
//! Tables and columns are those of the earlier service, with columns added behind. Times are UTC in
//! RFC 3339, ids are hyphenated UUIDs, sources are JSON.

use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use jiff::Timestamp;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteRow, SqliteSynchronous,
};
use sqlx::{Executor, Row};

use super::{ConversationId, Feedback, Message, MessageId, Role, StoreError, read_sources};
use crate::answer::Outcome;

/// Every step may run again on an existing database.
const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS conversations (
  id TEXT PRIMARY KEY NOT NULL,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS messages (
  id TEXT PRIMARY KEY NOT NULL,
  conversation_id TEXT NOT NULL REFERENCES conversations(id) ON DELETE CASCADE,
  role TEXT NOT NULL,
  content TEXT NOT NULL,
  sources TEXT,
  created_at TEXT NOT NULL,
  outcome TEXT
);
CREATE INDEX IF NOT EXISTS messages_by_conversation ON messages (conversation_id, created_at);
CREATE TRIGGER IF NOT EXISTS messages_make_conversation BEFORE INSERT ON messages BEGIN
  INSERT INTO conversations (id, created_at, updated_at)
  VALUES (new.conversation_id, new.created_at, new.created_at)
  ON CONFLICT (id) DO UPDATE SET updated_at = excluded.updated_at;
END;
CREATE TABLE IF NOT EXISTS feedback (
  message_id TEXT PRIMARY KEY NOT NULL REFERENCES messages(id) ON DELETE CASCADE,
  helpful INTEGER NOT NULL,
  reason TEXT,
  note TEXT,
  created_at TEXT NOT NULL
);
";

/// Connections for reading; they pass the writer.
const READERS: u32 = 4;

/// How long a writer waits for the lock before it gives up.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// Connections to one database.
///
/// SQLite has one lock for writing, and whoever finds it taken sleeps before trying again. So there is
/// one connection for writing, and writers queue for it without sleeping.
#[derive(Debug, Clone)]
pub struct SqliteStore {
    writer: SqlitePool,
    readers: SqlitePool,
}

impl SqliteStore {
    pub(super) async fn open(path: &Path) -> Result<Self, StoreError> {
        let doing = format!("opening {}", path.display());
        if let Some(folder) = path.parent() {
            fs_err::create_dir_all(folder).map_err(|error| StoreError::new(&doing, error))?;
        }
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // A process that is killed loses nothing in this mode; only a power cut may lose the last commits.
            .synchronous(SqliteSynchronous::Normal);
        let writer = connect(options.clone(), 1, &doing).await?;
        writer.execute(SCHEMA).await.map_err(failed(&doing))?;
        let readers = connect(options, READERS, &doing).await?;
        Ok(Self { writer, readers })
    }

    pub(super) async fn in_memory() -> Result<Self, StoreError> {
        let options = SqliteConnectOptions::from_str("sqlite::memory:")
            .map_err(failed("opening a database in memory"))?;
        // Each connection to `:memory:` is a database of its own.
        let only = connect(options, 1, "opening a database in memory").await?;
        only.execute(SCHEMA).await.map_err(failed("opening a database in memory"))?;
        Ok(Self { writer: only.clone(), readers: only })
    }

    pub(super) async fn save(
        &self,
        conversation: ConversationId,
        message: &Message,
    ) -> Result<(), StoreError> {
        let doing = failed("writing to table messages");
        let sources = (!message.sources.is_empty())
            .then(|| serde_json::to_string(&message.sources))
            .transpose()
            .unwrap_or_default();
        // One statement, which makes the conversation by a trigger: the driver hands each statement to a thread of
        // its own and waits for it, so a transaction of two would cost four such visits.
        sqlx::query(
            "INSERT INTO messages (id, conversation_id, role, content, sources, created_at, outcome)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
             ON CONFLICT (id) DO UPDATE SET
               content = excluded.content, sources = excluded.sources, outcome = excluded.outcome",
        )
        .bind(message.id.to_string())
        .bind(conversation.to_string())
        .bind(role_name(message.role))
        .bind(&message.content)
        .bind(sources)
        .bind(message.created_at.to_string())
        .bind(message.outcome.map(Outcome::name))
        .execute(&self.writer)
        .await
        .map_err(doing)?;
        Ok(())
    }

    pub(super) async fn exists(&self, conversation: ConversationId) -> Result<bool, StoreError> {
        let known = sqlx::query("SELECT 1 FROM conversations WHERE id = ?1")
            .bind(conversation.to_string())
            .fetch_optional(&self.readers)
            .await
            .map_err(failed("reading table conversations"))?;
        Ok(known.is_some())
    }

    pub(super) async fn messages(
        &self,
        conversation: ConversationId,
    ) -> Result<Option<Vec<Message>>, StoreError> {
        self.latest(conversation, usize::MAX).await
    }

    /// The last `limit` messages, oldest first.
    pub(super) async fn latest(
        &self,
        conversation: ConversationId,
        limit: usize,
    ) -> Result<Option<Vec<Message>>, StoreError> {
        if !self.exists(conversation).await? {
            return Ok(None);
        }
        let read = async {
            // A question and its answer may carry the same instant: the row's age decides then.
            let rows = sqlx::query(
                "SELECT id, role, content, sources, created_at, outcome FROM messages
                 WHERE conversation_id = ?1 ORDER BY created_at DESC, rowid DESC LIMIT ?2",
            )
            .bind(conversation.to_string())
            .bind(i64::try_from(limit).unwrap_or(i64::MAX))
            .fetch_all(&self.readers)
            .await?;
            let messages: Result<Vec<Message>, sqlx::Error> =
                rows.iter().rev().map(message_from_row).collect();
            messages
        };
        read.await.map(Some).map_err(failed("reading table messages"))
    }

    pub(super) async fn forget(&self, conversation: ConversationId) -> Result<bool, StoreError> {
        let done = sqlx::query("DELETE FROM conversations WHERE id = ?1")
            .bind(conversation.to_string())
            .execute(&self.writer)
            .await
            .map_err(failed("deleting from table conversations"))?;
        Ok(done.rows_affected() > 0)
    }

    pub(super) async fn save_feedback(&self, feedback: &Feedback) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "INSERT INTO feedback (message_id, helpful, reason, note, created_at)
             SELECT id, ?2, ?3, ?4, ?5 FROM messages WHERE id = ?1 AND role = 'assistant'
             ON CONFLICT (message_id) DO UPDATE SET
               helpful = excluded.helpful, reason = excluded.reason, note = excluded.note, created_at = excluded.created_at",
        )
        .bind(feedback.message.to_string())
        .bind(feedback.helpful)
        .bind(&feedback.reason)
        .bind(&feedback.note)
        .bind(feedback.created_at.to_string())
        .execute(&self.writer)
        .await
        .map_err(failed("writing to table feedback"))?;
        Ok(done.rows_affected() > 0)
    }

    pub(super) async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

async fn connect(
    options: SqliteConnectOptions,
    connections: u32,
    doing: &str,
) -> Result<SqlitePool, StoreError> {
    SqlitePoolOptions::new()
        .max_connections(connections)
        .min_connections(1)
        .idle_timeout(None)
        .max_lifetime(None)
        // A connection to a file does not go away by itself; asking before each use costs as much as the use.
        .test_before_acquire(false)
        // When a thousand answers end together, waiting a few seconds is the queue at work, not worth a line each.
        .acquire_slow_threshold(BUSY_TIMEOUT)
        .connect_with(options.foreign_keys(true).busy_timeout(BUSY_TIMEOUT))
        .await
        .map_err(failed(doing))
}

fn failed(doing: &str) -> impl Fn(sqlx::Error) -> StoreError {
    let doing = doing.to_owned();
    move |source| StoreError::new(&doing, source)
}

fn role_name(role: Role) -> &'static str {
    match role {
        Role::User => "user",
        Role::Assistant => "assistant",
    }
}

/// Rows may come from another program: what does not parse is a decoding error, not a panic.
fn message_from_row(row: &SqliteRow) -> Result<Message, sqlx::Error> {
    let wrong =
        |column: &str, value: &str| sqlx::Error::Decode(format!("messages.{column} is '{value}'").into());
    let id: String = row.try_get("id")?;
    let role: String = row.try_get("role")?;
    let created_at: String = row.try_get("created_at")?;
    let sources: Option<String> = row.try_get("sources")?;
    let outcome: Option<String> = row.try_get("outcome")?;
    Ok(Message {
        id: id.parse::<MessageId>().map_err(|_| wrong("id", &id))?,
        role: match role.as_str() {
            "user" => Role::User,
            "assistant" => Role::Assistant,
            other => return Err(wrong("role", other)),
        },
        content: row.try_get("content")?,
        sources: sources
            .and_then(|json| serde_json::from_str(&json).ok())
            .map(|json| read_sources(&json))
            .unwrap_or_default(),
        outcome: outcome.as_deref().and_then(Outcome::from_name),
        created_at: created_at.parse::<Timestamp>().map_err(|_| wrong("created_at", &created_at))?,
    })
}
