//! The outbox: what was accepted and has not reached the store yet, in order.
//!
//! Every write stands in a journal on disk before anything else happens to it, so it survives the end of the process; it
//! leaves the journal when the store has it. Whoever reads a conversation in between is shown both. Ids are made here,
//! and the store takes the same id once, so delivering again after a lost reply does no harm.

mod drafts;
mod entry;
mod journal;

use std::collections::{HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use tokio::sync::{Notify, oneshot};

use drafts::Drafts;
use entry::Kind;
pub(super) use entry::{Entry, FeedbackRow, MessageRow, Packed, read_time};
use journal::Journal;

use super::{ConversationId, Message, MessageId, Role};

/// Bytes that may wait. A day of outage with some ten thousand answers fits; memory holds as much.
const MOST_BYTES: usize = 32 * 1024 * 1024;

/// Bytes of delivered messages that are remembered, for the minutes after the store went away.
const RECENT_BYTES: usize = 4 * 1024 * 1024;

/// Messages that go to the store in one statement.
const BATCH: usize = 100;

/// Bytes that go to the store in one statement: far below what services take in one request.
const BATCH_BYTES: usize = 1024 * 1024;

/// What waits for the store.
#[derive(Debug)]
pub(super) struct Outbox {
    path: PathBuf,
    state: Mutex<State>,
    /// Answers that are being written.
    drafts: Mutex<Drafts>,
    changed: Notify,
    /// Number of the last entry that a sync covered.
    synced: tokio::sync::Mutex<u64>,
}

#[derive(Debug, Default)]
struct State {
    entries: VecDeque<Waiting>,
    /// Entries at the front that are on their way to the store.
    in_flight: usize,
    bytes: usize,
    /// Number of the last entry.
    last: u64,
    journal: Option<Journal>,
    /// Messages that were delivered last, oldest first.
    recent: VecDeque<Arc<Packed>>,
    recent_bytes: usize,
}

#[derive(Debug)]
struct Waiting {
    entry: Arc<Packed>,
    /// Offset behind it in the journal; `None` when it could not be written there.
    end: Option<u64>,
    since: Timestamp,
    waiter: Option<oneshot::Sender<bool>>,
}

/// An entry that the outbox took.
#[derive(Debug)]
pub(super) struct Accepted {
    /// Told when the store has it, with the store's answer: whether there was something to do.
    pub(super) delivered: oneshot::Receiver<bool>,
    /// Whether it is in the journal.
    pub(super) journaled: bool,
    number: u64,
}

/// The outbox is at its bound.
#[derive(Debug, thiserror::Error)]
#[error("{} MiB wait for the store; nothing more fits until it is back", MOST_BYTES / 1024 / 1024)]
pub(super) struct Full;

/// What the outbox knows of a conversation.
#[derive(Debug, Default)]
pub(super) struct Pending {
    /// It is being forgotten: what the store has counts no more.
    pub(super) forgotten: bool,
    /// Messages that the store may not have yet, in the order they came.
    pub(super) messages: Vec<Message>,
}

/// How much waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Depth {
    pub(super) entries: usize,
    pub(super) bytes: usize,
    /// When the oldest was accepted.
    pub(super) since: Option<Timestamp>,
}

/// Records that wait in the outbox at `path`, which is only read; a running service may hold it.
///
/// # Errors
/// When the file cannot be read or is no outbox.
pub fn outbox_depth(path: &Path) -> std::io::Result<usize> {
    Journal::peek(path)
}

impl Outbox {
    /// Opens the journal and takes up what an earlier process left. Without a usable file everything waits in memory.
    pub(super) fn open(path: &Path) -> Self {
        let mut state = State::default();
        match Journal::open(path) {
            Ok((journal, found)) => {
                if let Some(damage) = &found.damage {
                    tracing::warn!("outbox: {damage}");
                }
                for (payload, end) in found.records {
                    match Packed::read(payload) {
                        Ok(entry) => state.push(entry, Some(end), None),
                        Err(error) => {
                            tracing::warn!("outbox: a record that is not understood is left out: {error}");
                        }
                    }
                }
                if !state.entries.is_empty() {
                    tracing::info!(
                        entries = state.entries.len(),
                        "the outbox holds what the last run could not store"
                    );
                }
                state.journal = Some(journal);
            }
            Err(error) => tracing::error!("no outbox, messages wait in memory only: {error}"),
        }
        let (mut drafts, left) = Drafts::open(&path.with_file_name("drafts.docent"));
        for row in left {
            let whole =
                |waiting: &Waiting| matches!(waiting.entry.kind(), Kind::Message { id, .. } if id == row.id);
            if !state.entries.iter().any(whole) {
                state.take(&Entry::Message(row), None);
            }
        }
        drafts.rewrite();
        Self {
            path: path.to_owned(),
            state: Mutex::new(state),
            drafts: Mutex::new(drafts),
            changed: Notify::new(),
            synced: tokio::sync::Mutex::default(),
        }
    }

    /// Takes an entry. It is in the journal when this returns, if there is one that can be written.
    pub(super) fn accept(&self, entry: &Entry) -> Result<Accepted, Full> {
        let (waiter, delivered) = oneshot::channel();
        let (whole, forgotten) = match entry {
            Entry::Message(row) => (Some(row.id), None),
            Entry::Forget(conversation) => (None, Some(*conversation)),
            Entry::Feedback(_) => (None, None),
        };
        if let Some(conversation) = forgotten {
            self.drafts().forget(conversation);
        }
        let mut state = self.lock();
        if let Some(conversation) = forgotten {
            state.drop_messages_of(conversation);
        }
        let journaled = state.take(entry, Some(waiter)).ok_or(Full)?;
        let accepted = Accepted { delivered, journaled, number: state.last };
        drop(state);
        if let Some(id) = whole {
            self.drafts().end(id);
        }
        self.changed.notify_one();
        Ok(accepted)
    }

    /// An answer begins: `row` has no text yet, and the passages that it may cite.
    pub(super) fn begin_draft(&self, row: MessageRow) {
        self.drafts().begin(row);
    }

    /// An answer goes on. The text survives the end of the process when this returns.
    pub(super) fn draft(&self, id: MessageId, text: &str) {
        self.drafts().more(id, text);
    }

    /// An answer that will not be stored.
    pub(super) fn drop_draft(&self, id: MessageId) {
        self.drafts().end(id);
    }

    /// Makes sure that an accepted entry survives a power cut. Calls that come together share one sync.
    pub(super) async fn sync(&self, accepted: &Accepted) -> std::io::Result<()> {
        let mut synced = self.synced.lock().await;
        if *synced >= accepted.number {
            return Ok(());
        }
        let (file, last) = {
            let state = self.lock();
            (state.journal.as_ref().map(Journal::file), state.last)
        };
        let Some(file) = file else { return Err(std::io::Error::other("there is no outbox file")) };
        tokio::task::spawn_blocking(move || file.sync_data()).await??;
        *synced = last;
        Ok(())
    }

    /// The next entries for the store, waiting until there is one: messages, at most `limit`, or one other entry.
    pub(super) async fn next(&self, limit: usize) -> Vec<Arc<Packed>> {
        loop {
            let changed = self.changed.notified();
            {
                let mut state = self.lock();
                let mut bytes = 0;
                let mut batch: Vec<Arc<Packed>> = Vec::new();
                for waiting in state.entries.iter().take(limit.min(BATCH)) {
                    bytes += waiting.entry.json().len();
                    let message = matches!(waiting.entry.kind(), Kind::Message { .. });
                    if !batch.is_empty() && (!message || bytes > BATCH_BYTES) {
                        break;
                    }
                    batch.push(Arc::clone(&waiting.entry));
                    if !message {
                        break;
                    }
                }
                if !batch.is_empty() {
                    state.in_flight = batch.len();
                    return batch;
                }
            }
            changed.await;
        }
    }

    /// The entries in flight reached the store; `answer` is what it said to them.
    pub(super) fn delivered(&self, answer: bool) {
        let mut state = self.lock();
        let count = std::mem::take(&mut state.in_flight);
        let mut end = None;
        for _ in 0..count {
            let Some(waiting) = state.entries.pop_front() else { break };
            state.bytes -= waiting.entry.json().len();
            end = waiting.end.or(end);
            if answer && matches!(waiting.entry.kind(), Kind::Message { .. }) {
                state.remember(waiting.entry);
            }
            if let Some(waiter) = waiting.waiter {
                let _ = waiter.send(answer);
            }
        }
        if let Err(error) = state.acknowledge(end) {
            // Harmless: what was delivered is delivered once more after a restart.
            tracing::warn!("the outbox cannot be shortened: {error}");
        }
        drop(state);
        self.changed.notify_waiters();
    }

    /// The store will never take the entries in flight: they are written into a file beside the journal, for people.
    pub(super) fn put_aside(&self) {
        let state = self.lock();
        let lines: Vec<u8> = (state.entries.iter().take(state.in_flight))
            .flat_map(|waiting| [waiting.entry.json(), b"\n"])
            .flatten()
            .copied()
            .collect();
        drop(state);
        let file = self.path.with_extension("rejected");
        let opened = fs_err::OpenOptions::new().create(true).append(true).open(&file);
        if let Err(error) = opened.and_then(|mut file| std::io::Write::write_all(&mut file, &lines)) {
            tracing::error!("a record that the database refuses is lost: {error}");
        }
        self.delivered(false);
    }

    /// The entries in flight did not reach the store; they stay at the front.
    pub(super) fn not_delivered(&self) {
        self.lock().in_flight = 0;
    }

    /// What waits of one conversation.
    pub(super) fn pending(&self, conversation: ConversationId) -> Pending {
        let mut pending = Pending::default();
        for waiting in &self.lock().entries {
            match waiting.entry.kind() {
                Kind::Message { id, conversation: of, .. } if of == conversation => {
                    pending.messages.retain(|message| message.id != id);
                    pending.messages.extend(waiting.entry.row().and_then(MessageRow::message));
                }
                Kind::Forget(forgotten) if forgotten == conversation => {
                    pending = Pending { forgotten: true, messages: Vec::new() };
                }
                _ => {}
            }
        }
        pending
    }

    /// Messages of a conversation that were delivered not long ago, for when the store cannot be read.
    pub(super) fn recent(&self, conversation: ConversationId) -> Vec<Message> {
        let state = self.lock();
        let theirs = state.recent.iter().filter(|entry| entry.is_message_of(conversation));
        theirs.filter_map(|entry| entry.row()?.message()).collect()
    }

    /// Whether an answer of this name waits.
    pub(super) fn holds_answer(&self, id: MessageId) -> bool {
        self.lock().entries.iter().any(|waiting| {
            matches!(waiting.entry.kind(), Kind::Message { id: of, role: Role::Assistant, .. } if of == id)
        })
    }

    /// How much waits.
    pub(super) fn depth(&self) -> Depth {
        let state = self.lock();
        Depth {
            entries: state.entries.len(),
            bytes: state.bytes,
            since: state.entries.front().map(|waiting| waiting.since),
        }
    }

    /// Waits until nothing waits.
    pub(super) async fn emptied(&self) {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if self.lock().entries.is_empty() {
                return;
            }
            changed.await;
        }
    }

    fn drafts(&self) -> MutexGuard<'_, Drafts> {
        self.drafts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Writes an entry into the journal and lets it wait; says whether it is in the journal. `None` at the bound.
    fn take(&mut self, entry: &Entry, waiter: Option<oneshot::Sender<bool>>) -> Option<bool> {
        let entry = Packed::new(entry);
        if self.bytes + entry.json().len() > MOST_BYTES {
            return None;
        }
        let end = self.journal.as_mut().and_then(|journal| {
            journal
                .append(entry.json())
                .inspect_err(|error| tracing::error!("the outbox cannot be written: {error}"))
                .ok()
        });
        self.push(entry, end, waiter);
        Some(end.is_some())
    }

    fn push(&mut self, entry: Packed, end: Option<u64>, waiter: Option<oneshot::Sender<bool>>) {
        self.bytes += entry.json().len();
        self.last += 1;
        self.entries.push_back(Waiting { entry: Arc::new(entry), end, since: Timestamp::now(), waiter });
    }

    /// Drops what waits of a forgotten conversation, from memory and from disk. What is in flight stays: the order that
    /// follows it removes it from the store.
    fn drop_messages_of(&mut self, conversation: ConversationId) {
        self.recent.retain(|entry| {
            let goes = entry.is_message_of(conversation);
            self.recent_bytes -= if goes { entry.json().len() } else { 0 };
            !goes
        });
        let mut place = 0;
        let (in_flight, before) = (self.in_flight, self.entries.len());
        let mut dropped = 0;
        self.entries.retain(|waiting| {
            place += 1;
            let goes = place > in_flight && waiting.entry.is_message_of(conversation);
            dropped += if goes { waiting.entry.json().len() } else { 0 };
            !goes
        });
        self.bytes -= dropped;
        if self.entries.len() < before
            && let Err(error) = self.rewrite()
        {
            tracing::error!("the outbox cannot be rewritten without a forgotten conversation: {error}");
        }
    }

    fn remember(&mut self, entry: Arc<Packed>) {
        self.recent_bytes += entry.json().len();
        self.recent.push_back(entry);
        while self.recent_bytes > RECENT_BYTES {
            let Some(oldest) = self.recent.pop_front() else { break };
            self.recent_bytes -= oldest.json().len();
        }
    }

    fn acknowledge(&mut self, end: Option<u64>) -> std::io::Result<()> {
        let Some(journal) = &mut self.journal else { return Ok(()) };
        if self.entries.is_empty() {
            return journal.clear();
        }
        if journal.is_long() {
            return self.rewrite();
        }
        end.map_or(Ok(()), |end| journal.acknowledge(end))
    }

    fn rewrite(&mut self) -> std::io::Result<()> {
        let Some(journal) = &mut self.journal else { return Ok(()) };
        let ends = journal.rewrite(self.entries.iter().map(|waiting| waiting.entry.json()))?;
        for (waiting, end) in self.entries.iter_mut().zip(ends) {
            waiting.end = Some(end);
        }
        Ok(())
    }
}

/// Puts what the store has and what waits together: each message once, oldest first, a question before its answer.
pub(super) fn merged(stored: Vec<Message>, waiting: Vec<Message>) -> Vec<Message> {
    let mut places: HashMap<MessageId, usize> = HashMap::new();
    let mut all = Vec::with_capacity(stored.len() + waiting.len());
    for message in stored.into_iter().chain(waiting) {
        match places.get(&message.id) {
            Some(place) => all[*place] = message,
            None => {
                places.insert(message.id, all.len());
                all.push(message);
            }
        }
    }
    all.sort_by_key(|message| (message.created_at, message.role == Role::Assistant));
    all
}

#[cfg(test)]
mod tests;
