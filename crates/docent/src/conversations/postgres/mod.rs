//! Conversations in Postgres, behind the outbox.
//!
//! Every write goes into the outbox first and from there to the database, in order, by one task. A turn waits a moment for
//! that; when the database is asleep or away, the turn goes on and the outbox keeps what was said. Reading shows both.

mod failure;
mod https;
mod link;
mod look;
mod statements;
mod tcp;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::outbox::{Accepted, Entry, FeedbackRow, MessageRow, Outbox, Packed, merged, read_time};
use super::{ConversationId, Feedback, Message, MessageId, Role, StoreError, read_sources};
use crate::answer::Outcome;
use crate::database::{Database, Transport};
use crate::status::Services;
use crate::times;
pub use failure::DatabaseError;
use failure::Kind;
use link::{Link, Use};
pub use look::{DatabaseLook, look};

/// The one column of a row, as text.
type Row = Option<String>;

/// One statement; parameters and the one column of its result are text.
#[derive(Debug, Clone, Copy)]
struct Statement<'a> {
    sql: &'static str,
    parameters: &'a [&'a str],
}

/// How to reach the database and where the outbox lies.
#[derive(Debug, Clone)]
pub struct PostgresOptions {
    /// The database.
    pub database: Database,
    /// The transport; `None` tries port 5432 first, and HTTPS when it is closed.
    pub transport: Option<Transport>,
    /// Where SQL over HTTPS is taken, when not where the host's name says.
    pub https_address: Option<String>,
    /// Sends the HTTPS requests.
    pub client: reqwest::Client,
    /// File of the outbox.
    pub outbox: PathBuf,
    /// Is told how each use went.
    pub services: Services,
}

/// How the database and the outbox are, without asking either.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostgresState {
    /// Host and database, without user and password.
    pub place: String,
    /// How it was reached last.
    pub transport: Option<Transport>,
    /// When it answered last.
    pub last_success: Option<Timestamp>,
    /// Why it did not answer since then, and what to do.
    pub failure: Option<String>,
    /// Messages that wait in the outbox.
    pub waiting: usize,
    /// Their bytes.
    pub waiting_bytes: usize,
    /// When the oldest of them was accepted.
    pub waiting_since: Option<Timestamp>,
}

/// A Postgres database with its outbox.
#[derive(Debug, Clone)]
pub struct PostgresStore(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    place: String,
    link: Link,
    outbox: Outbox,
    closing: CancellationToken,
}

impl PostgresStore {
    /// Opens the outbox and begins to deliver; the database is contacted in the background.
    pub(super) fn open(options: PostgresOptions) -> Self {
        let outbox = Outbox::open(&options.outbox);
        let place = options.database.shown();
        let link = Link::new(options);
        let store = Self(Arc::new(Inner { place, link, outbox, closing: CancellationToken::new() }));
        tokio::spawn(store.clone().look_again());
        tokio::spawn(store.clone().deliver());
        store
    }

    /// Asks the database one thing; the first time, the tables are made before.
    pub(super) async fn probe(&self) {
        let nobody = uuid::Uuid::nil().to_string();
        let statement = Statement { sql: statements::EXISTS, parameters: &[&nobody] };
        // Health and log are told by the link.
        let _ = self.0.link.run(Use::Read, statement, times::WRITE).await;
    }

    pub(super) fn state(&self) -> PostgresState {
        let (last_success, transport) = self.0.link.last();
        let failure = self.0.link.failure();
        let depth = self.0.outbox.depth();
        PostgresState {
            place: self.0.place.clone(),
            transport,
            last_success,
            failure: failure.map(|error| error.to_string()),
            waiting: depth.entries,
            waiting_bytes: depth.bytes,
            waiting_since: depth.since,
        }
    }

    /// Puts a message into the outbox. From here on it survives the end of the process.
    pub(super) fn accept(
        &self,
        conversation: ConversationId,
        message: &Message,
    ) -> Result<Accepted, StoreError> {
        self.take(&Entry::Message(MessageRow::new(conversation, message)), "writing to table messages")
    }

    /// An answer begins, with the passages that it may cite.
    pub(super) fn begin_draft(&self, conversation: ConversationId, answer: &Message) {
        self.0.outbox.begin_draft(MessageRow::new(conversation, answer));
    }

    /// An answer goes on.
    pub(super) fn draft(&self, id: MessageId, text: &str) {
        self.0.outbox.draft(id, text);
    }

    /// An answer that will not be stored.
    pub(super) fn drop_draft(&self, id: MessageId) {
        self.0.outbox.drop_draft(id);
    }

    /// Waits a moment for an accepted message to arrive; in the outbox it is as good as stored.
    pub(super) async fn stored(&self, accepted: Accepted) -> Result<(), StoreError> {
        let doing = "writing to table messages";
        if self.settle(accepted, times::DELIVERY, doing).await? {
            return Ok(());
        }
        let words = "the database refuses the message; it was written beside the outbox, see the log";
        Err(StoreError::new(doing, DatabaseError::new(Kind::Statement, words)))
    }

    /// Waits up to `patience` for the store's answer to an accepted entry. `Ok(true)` also when it waits safely in the outbox.
    async fn settle(
        &self,
        mut accepted: Accepted,
        patience: Duration,
        doing: &str,
    ) -> Result<bool, StoreError> {
        let inner = &self.0;
        if inner.link.away().is_none()
            && let Ok(Ok(answer)) = tokio::time::timeout(patience, &mut accepted.delivered).await
        {
            return Ok(answer);
        }
        if accepted.journaled {
            match inner.outbox.sync(&accepted).await {
                Ok(()) => return Ok(true),
                Err(error) => tracing::error!("the outbox cannot be written: {error}"),
            }
        }
        match tokio::time::timeout(times::ONLY_DELIVERY, &mut accepted.delivered).await {
            Ok(Ok(answer)) => Ok(answer),
            _ => {
                let words = "neither the database nor the outbox takes it; see the log".to_owned();
                let error = inner.link.away().unwrap_or_else(|| DatabaseError::new(Kind::Busy, words));
                Err(StoreError::new(doing, error))
            }
        }
    }

    pub(super) async fn exists(&self, conversation: ConversationId) -> Result<bool, StoreError> {
        let pending = self.0.outbox.pending(conversation);
        if !pending.messages.is_empty() {
            return Ok(true);
        }
        if pending.forgotten {
            return Ok(false);
        }
        let id = conversation.to_string();
        let rows = self.read(statements::EXISTS, &[&id], "reading table conversations").await?;
        Ok(!rows.is_empty())
    }

    /// The last `limit` messages, oldest first, those in the outbox among them.
    pub(super) async fn latest(
        &self,
        conversation: ConversationId,
        limit: usize,
    ) -> Result<Option<Vec<Message>>, StoreError> {
        let pending = self.0.outbox.pending(conversation);
        if pending.forgotten {
            return Ok((!pending.messages.is_empty()).then_some(pending.messages));
        }
        let (id, count) = (conversation.to_string(), i64::try_from(limit).unwrap_or(i64::MAX).to_string());
        let stored = match self.read(statements::LATEST, &[&id, &count], "reading table messages").await {
            Ok(rows) => rows,
            // Better the last messages than none.
            Err(error) => {
                let mut all = merged(self.0.outbox.recent(conversation), pending.messages);
                let last = all.split_off(all.len().saturating_sub(limit));
                return if last.is_empty() { Err(error) } else { Ok(Some(last)) };
            }
        };
        // What was delivered since the first look is in the store now, what came since is not in it yet.
        let mut waiting = pending.messages;
        waiting.extend(self.0.outbox.pending(conversation).messages);
        if stored.is_empty() && waiting.is_empty() {
            return Ok(None);
        }
        let mut messages =
            stored.iter().flatten().map(|json| message_of(json)).collect::<Result<Vec<_>, _>>()?;
        messages.reverse();
        let mut all = merged(messages, waiting);
        Ok(Some(all.split_off(all.len().saturating_sub(limit))))
    }

    pub(super) async fn forget(&self, conversation: ConversationId) -> Result<bool, StoreError> {
        let waited = !self.0.outbox.pending(conversation).messages.is_empty();
        let accepted = self.take(&Entry::Forget(conversation), "deleting from table conversations")?;
        let gone = self.settle(accepted, times::REPLY, "deleting from table conversations").await?;
        Ok(gone || waited)
    }

    pub(super) async fn save_feedback(&self, feedback: &Feedback) -> Result<bool, StoreError> {
        let waits = self.0.outbox.holds_answer(feedback.message);
        let accepted =
            self.take(&Entry::Feedback(FeedbackRow::new(feedback)), "writing to table feedback")?;
        let kept = self.settle(accepted, times::REPLY, "writing to table feedback").await?;
        Ok(kept || waits)
    }

    /// Gives what waits a last chance, then lets go of the database.
    pub(super) async fn close(&self) {
        if self.0.link.away().is_none() {
            let _ = tokio::time::timeout(times::LAST_MESSAGES, self.0.outbox.emptied()).await;
        }
        let left = self.0.outbox.depth().entries;
        if left > 0 {
            tracing::warn!(
                entries = left,
                "the outbox keeps what the database did not take; it is stored after the next start"
            );
        }
        self.0.closing.cancel();
        self.0.link.close().await;
    }

    fn take(&self, entry: &Entry, doing: &str) -> Result<Accepted, StoreError> {
        self.0.outbox.accept(entry).map_err(|full| StoreError::new(doing, full))
    }

    async fn read(
        &self,
        sql: &'static str,
        parameters: &[&str],
        doing: &str,
    ) -> Result<Vec<Row>, StoreError> {
        // Readers need not wait for what is known to be away.
        let result = match self.0.link.away() {
            Some(error) => Err(error),
            None => self.0.link.run(Use::Read, Statement { sql, parameters }, times::READ).await,
        };
        result.map_err(|error| StoreError::new(doing, error))
    }

    /// Makes the first contact, and looks again after a failure until the database answers, so that the health report
    /// does not wait for a reader to find out. While all is well nothing is asked.
    async fn look_again(self) {
        let closing = self.0.closing.clone();
        let looking = async {
            self.probe().await;
            loop {
                let wait = self.0.link.failed().await;
                tokio::time::sleep(wait).await;
                if self.0.link.failure().is_some() {
                    self.probe().await;
                }
            }
        };
        tokio::select! {
            () = looking => {}
            () = closing.cancelled() => {}
        }
    }

    /// Takes entries from the outbox to the database until the program ends.
    async fn deliver(self) {
        let closing = self.0.closing.clone();
        let mut failures = 0;
        let mut limit = usize::MAX;
        loop {
            let batch = tokio::select! {
                batch = self.0.outbox.next(limit) => batch,
                () = closing.cancelled() => return,
            };
            match self.deliver_batch(&batch).await {
                Ok(answer) => {
                    self.0.outbox.delivered(answer);
                    (failures, limit) = (0, usize::MAX);
                }
                Err(error) if error.kind == Kind::Statement && batch.len() > 1 => {
                    // One of them is the reason; the others must not wait for it.
                    self.0.outbox.not_delivered();
                    limit = 1;
                }
                Err(error) if error.kind == Kind::Statement => {
                    tracing::error!("the database will never take a record, it is put aside: {error}");
                    self.0.outbox.put_aside();
                }
                Err(error) => {
                    self.0.outbox.not_delivered();
                    failures += 1;
                    tokio::select! {
                        () = tokio::time::sleep(error.wait(failures)) => {}
                        () = closing.cancelled() => return,
                    }
                }
            }
        }
    }

    async fn deliver_batch(&self, batch: &[Arc<Packed>]) -> Result<bool, DatabaseError> {
        let Some(first) = batch.first() else { return Ok(true) };
        let (sql, parameter) = match first.entry() {
            Ok(Entry::Forget(conversation)) => (statements::FORGET, conversation.to_string()),
            Ok(Entry::Feedback(row)) => {
                (statements::FEEDBACK, serde_json::to_string(&row).unwrap_or_default())
            }
            Ok(Entry::Message(_)) => (statements::SAVE, rows_of(batch)),
            Err(error) => return Err(DatabaseError::new(Kind::Statement, error.to_string())),
        };
        let rows =
            self.0.link.run(Use::Write, Statement { sql, parameters: &[&parameter] }, times::WRITE).await?;
        Ok(sql == statements::SAVE || !rows.is_empty())
    }
}

/// The messages of a batch as one JSON array, each id once with its last content: a statement may meet a row only once.
fn rows_of(batch: &[Arc<Packed>]) -> String {
    let mut rows: Vec<MessageRow> = Vec::with_capacity(batch.len());
    for row in batch.iter().filter_map(|entry| entry.row()) {
        rows.retain(|earlier| earlier.id != row.id);
        rows.push(row);
    }
    serde_json::to_string(&rows).unwrap_or_default()
}

/// A row of `messages` that anyone may have written.
#[derive(Deserialize)]
struct StoredRow {
    id: MessageId,
    role: String,
    content: String,
    sources: Option<Value>,
    created_at: String,
    outcome: Option<String>,
}

fn message_of(json: &str) -> Result<Message, StoreError> {
    let wrong =
        |words: String| StoreError::new("reading table messages", DatabaseError::new(Kind::Statement, words));
    let row: StoredRow =
        serde_json::from_str(json).map_err(|error| wrong(format!("a row is not understood: {error}")))?;
    Ok(Message {
        id: row.id,
        role: match row.role.as_str() {
            "user" => Role::User,
            "assistant" => Role::Assistant,
            other => return Err(wrong(format!("messages.role is '{other}'"))),
        },
        content: row.content,
        sources: row.sources.as_ref().map(read_sources).unwrap_or_default(),
        outcome: row.outcome.as_deref().and_then(Outcome::from_name),
        created_at: read_time(&row.created_at)
            .ok_or_else(|| wrong(format!("messages.created_at is '{}'", row.created_at)))?,
    })
}
