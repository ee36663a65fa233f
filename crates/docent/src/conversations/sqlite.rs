//! Conversations in SQLite.
//!
//! Tables and columns are those of the earlier service, with columns added behind. Times are UTC in
//! RFC 3339, ids are hyphenated UUIDs, sources are JSON.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::json;
use sqlx::query::Query;
use sqlx::sqlite::{
    Sqlite, SqliteArguments, SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
    SqliteQueryResult, SqliteRow, SqliteSynchronous,
};
use sqlx::{Executor, Row};
use tokio::sync::RwLock;

use super::{ConversationId, Feedback, Message, MessageId, Role, StoreError, read_sources};
use crate::answer::Outcome;
use crate::status::{Gauge, Service, Services, Trouble};
use crate::times;

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

/// What uses of the store are called in metrics. Only writing is told of: what cannot be read can rarely be written.
const WRITE: &str = "write";

/// Writes nothing new, but writes: the page with the header, as every change would.
const TOUCH: &str = "PRAGMA user_version = 0";

/// What a stand-in holds of each table, and how it comes into the file. Again changes nothing.
const MOVED: [(&str, &str, usize); 2] = [
    (
        "SELECT id, conversation_id, role, content, sources, created_at, outcome FROM messages ORDER BY rowid",
        "INSERT OR IGNORE INTO messages (id, conversation_id, role, content, sources, created_at, outcome)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        7,
    ),
    (
        "SELECT message_id, CAST(helpful AS TEXT), reason, note, created_at FROM feedback",
        "INSERT OR IGNORE INTO feedback (message_id, helpful, reason, note, created_at)
         VALUES (?1, CAST(?2 AS INTEGER), ?3, ?4, ?5)",
        5,
    ),
];

/// A database on disk, or in memory while that cannot be opened. Clones share it.
#[derive(Debug, Clone)]
pub struct SqliteStore {
    /// Held for writing only while a stand-in becomes the file.
    pools: Arc<RwLock<Pools>>,
    /// The file that a stand-in is to become.
    wanted: Option<PathBuf>,
    is_lasting: Arc<AtomicBool>,
    services: Services,
}

/// Connections to one database.
///
/// SQLite has one lock for writing, and whoever finds it taken sleeps before trying again. So there is
/// one connection for writing, and writers queue for it without sleeping.
#[derive(Debug, Clone)]
struct Pools {
    writer: SqlitePool,
    readers: SqlitePool,
}

impl Pools {
    async fn open(path: &Path) -> Result<Self, StoreError> {
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

    async fn in_memory() -> Result<Self, StoreError> {
        let options = SqliteConnectOptions::from_str("sqlite::memory:")
            .map_err(failed("opening a database in memory"))?;
        // Each connection to `:memory:` is a database of its own.
        let only = connect(options, 1, "opening a database in memory").await?;
        only.execute(SCHEMA).await.map_err(failed("opening a database in memory"))?;
        Ok(Self { writer: only.clone(), readers: only })
    }

    /// Copies everything to another database, in one transaction there.
    async fn copy_to(&self, other: &Self) -> Result<(), sqlx::Error> {
        let mut there = other.writer.begin().await?;
        for (read, write, columns) in MOVED {
            for row in sqlx::query(read).fetch_all(&self.readers).await? {
                let mut insert = sqlx::query(write);
                for column in 0..columns {
                    insert = insert.bind(row.try_get::<Option<String>, _>(column)?);
                }
                insert.execute(&mut *there).await?;
            }
        }
        there.commit().await
    }

    async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

impl SqliteStore {
    pub(super) async fn open(path: &Path) -> Result<Self, StoreError> {
        Ok(Self::of(Pools::open(path).await?, None))
    }

    pub(super) async fn in_memory() -> Result<Self, StoreError> {
        Ok(Self::of(Pools::in_memory().await?, None))
    }

    pub(super) async fn stand_in(
        path: &Path,
        error: &StoreError,
        services: &Services,
    ) -> Result<Self, StoreError> {
        let store = Self::of(Pools::in_memory().await?, Some(path.to_owned())).telling(services);
        store.gauge().failed(Duration::ZERO, trouble_of(error));
        Ok(store)
    }

    fn of(pools: Pools, wanted: Option<PathBuf>) -> Self {
        Self {
            pools: Arc::new(RwLock::new(pools)),
            is_lasting: Arc::new(AtomicBool::new(wanted.is_none())),
            wanted,
            services: Services::default(),
        }
    }

    pub(super) fn telling(self, services: &Services) -> Self {
        services.in_use(Service::Sqlite, json!({}));
        Self { services: services.clone(), ..self }
    }

    pub(super) fn is_lasting(&self) -> bool {
        self.is_lasting.load(Ordering::Acquire)
    }

    /// Writes a page, or tries again to open the file that this one stands in for.
    pub(super) async fn probe(&self) {
        let began = Instant::now();
        let touched = match self.wanted.as_ref().filter(|_| !self.is_lasting()) {
            Some(path) => self.become_lasting(path).await,
            None => {
                let pools = self.pools.read().await;
                pools.writer.execute(TOUCH).await.map(drop).map_err(failed("writing a page"))
            }
        };
        self.tell(began, touched.as_ref().err());
    }

    async fn become_lasting(&self, path: &Path) -> Result<(), StoreError> {
        let opened = Pools::open(path).await?;
        let mut pools = self.pools.write().await;
        if let Err(error) = pools.copy_to(&opened).await {
            opened.close().await;
            return Err(failed("moving what was kept in memory to the file")(error));
        }
        *pools = opened;
        self.is_lasting.store(true, Ordering::Release);
        tracing::info!("conversations are kept in {} now", path.display());
        Ok(())
    }

    fn gauge(&self) -> Gauge {
        self.services.gauge(Service::Sqlite, WRITE)
    }

    fn tell(&self, began: Instant, error: Option<&StoreError>) {
        match error {
            Some(error) => self.gauge().failed(began.elapsed(), trouble_of(error)),
            None => self.gauge().worked(began.elapsed()),
        }
    }

    /// Runs one change, and tells how it went when it went to the file.
    async fn change(
        &self,
        doing: &str,
        query: Query<'_, Sqlite, SqliteArguments>,
    ) -> Result<SqliteQueryResult, StoreError> {
        let began = Instant::now();
        let pools = self.pools.read().await;
        let done = query.execute(&pools.writer).await.map_err(failed(doing));
        if self.is_lasting() {
            self.tell(began, done.as_ref().err());
        }
        done
    }

    pub(super) async fn save(
        &self,
        conversation: ConversationId,
        message: &Message,
    ) -> Result<(), StoreError> {
        let sources = (!message.sources.is_empty())
            .then(|| serde_json::to_string(&message.sources))
            .transpose()
            .unwrap_or_default();
        // One statement, which makes the conversation by a trigger: the driver hands each statement to a thread of
        // its own and waits for it, so a transaction of two would cost four such visits.
        let query = sqlx::query(
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
        .bind(message.outcome.map(Outcome::name));
        self.change("writing to table messages", query).await.map(drop)
    }

    pub(super) async fn exists(&self, conversation: ConversationId) -> Result<bool, StoreError> {
        let known = sqlx::query("SELECT 1 FROM conversations WHERE id = ?1")
            .bind(conversation.to_string())
            .fetch_optional(&self.readers().await)
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
        let readers = self.readers().await;
        let read = async {
            // A question and its answer may carry the same instant: the row's age decides then.
            let rows = sqlx::query(
                "SELECT id, role, content, sources, created_at, outcome FROM messages
                 WHERE conversation_id = ?1 ORDER BY created_at DESC, rowid DESC LIMIT ?2",
            )
            .bind(conversation.to_string())
            .bind(i64::try_from(limit).unwrap_or(i64::MAX))
            .fetch_all(&readers)
            .await?;
            let messages: Result<Vec<Message>, sqlx::Error> =
                rows.iter().rev().map(message_from_row).collect();
            messages
        };
        read.await.map(Some).map_err(failed("reading table messages"))
    }

    pub(super) async fn forget(&self, conversation: ConversationId) -> Result<bool, StoreError> {
        let query = sqlx::query("DELETE FROM conversations WHERE id = ?1").bind(conversation.to_string());
        let done = self.change("deleting from table conversations", query).await?;
        Ok(done.rows_affected() > 0)
    }

    pub(super) async fn save_feedback(&self, feedback: &Feedback) -> Result<bool, StoreError> {
        let query = sqlx::query(
            "INSERT INTO feedback (message_id, helpful, reason, note, created_at)
             SELECT id, ?2, ?3, ?4, ?5 FROM messages WHERE id = ?1 AND role = 'assistant'
             ON CONFLICT (message_id) DO UPDATE SET
               helpful = excluded.helpful, reason = excluded.reason, note = excluded.note, created_at = excluded.created_at",
        )
        .bind(feedback.message.to_string())
        .bind(feedback.helpful)
        .bind(&feedback.reason)
        .bind(&feedback.note)
        .bind(feedback.created_at.to_string());
        let done = self.change("writing to table feedback", query).await?;
        Ok(done.rows_affected() > 0)
    }

    /// Connections for reading, as they are now.
    async fn readers(&self) -> SqlitePool {
        self.pools.read().await.readers.clone()
    }

    pub(super) async fn close(&self) {
        self.pools.read().await.close().await;
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
        .acquire_slow_threshold(times::SQLITE_LOCK)
        .connect_with(options.foreign_keys(true).busy_timeout(times::SQLITE_LOCK))
        .await
        .map_err(failed(doing))
}

fn failed(doing: &str) -> impl Fn(sqlx::Error) -> StoreError {
    let doing = doing.to_owned();
    move |source| StoreError::new(&doing, source)
}

/// What health says of a failed write. Primary result codes are the low byte of SQLite's extended ones.
///
/// # Source
/// <https://sqlite.org/rescode.html>
fn trouble_of(error: &StoreError) -> Trouble {
    let cause = error.source.downcast_ref::<sqlx::Error>().and_then(sqlx::Error::as_database_error);
    let code = cause.and_then(|cause| cause.code()).and_then(|code| code.parse::<u32>().ok());
    let (kind, action) = match code.map(|code| code & 0xff) {
        Some(13) => ("disk_full", "make room on the disk of DOCENT_DATA_DIR"),
        Some(8) => ("read_only", "let this user write to DOCENT_DATA_DIR, or set another folder"),
        Some(5 | 6) => ("busy", "end the other program that holds the database in DOCENT_DATA_DIR"),
        Some(11 | 26) => ("damaged", "move the database in DOCENT_DATA_DIR away, then start Docent again"),
        _ => ("unavailable", "see that DOCENT_DATA_DIR is there and can be written"),
    };
    let recommended_action =
        format!("{action}; until then conversations are lost with the program, and readers are told");
    Trouble { kind, error: error.to_string(), recommended_action }
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
