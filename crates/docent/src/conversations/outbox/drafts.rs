//! Answers that are being written, on disk as far as they were shown: what is left of them when the process is killed is
//! stored as `stopped` after the next start.
//!
//! A file like the outbox, `drafts.docent`, with records as JSON. It is emptied whenever no answer is being written.

use std::collections::HashMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::super::{ConversationId, MessageId};
use super::entry::MessageRow;
use super::journal::Journal;

/// The drafts of running answers.
#[derive(Debug, Default)]
pub(super) struct Drafts {
    journal: Option<Journal>,
    /// The answers that are being written, as far as they are.
    running: HashMap<MessageId, MessageRow>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Record {
    /// An answer begins, with the passages that it may cite.
    Begin(MessageRow),
    /// It goes on.
    More(MessageId, String),
    /// It is in the outbox, or nobody wants it any more.
    End(MessageId),
}

impl Drafts {
    /// Opens the file and returns what an earlier process left unfinished.
    pub(super) fn open(path: &Path) -> (Self, Vec<MessageRow>) {
        let (journal, found) = match Journal::open(path) {
            Ok(opened) => opened,
            Err(error) => {
                tracing::error!(
                    "answers that are being written will not survive the end of the process: {error}"
                );
                return (Self::default(), Vec::new());
            }
        };
        let mut left: Vec<MessageRow> = Vec::new();
        let records = found.records.iter().filter_map(|(payload, _)| serde_json::from_slice(payload).ok());
        for record in records {
            match record {
                Record::Begin(row) => left.push(row),
                Record::More(id, text) => {
                    if let Some(row) = left.iter_mut().find(|row| row.id == id) {
                        row.content.push_str(&text);
                    }
                }
                Record::End(id) => left.retain(|row| row.id != id),
            }
        }
        left.retain(|row| !row.content.is_empty());
        left.iter_mut().for_each(keep_cited);
        (Self { journal: Some(journal), running: HashMap::new() }, left)
    }

    /// An answer begins.
    pub(super) fn begin(&mut self, row: MessageRow) {
        let id = row.id;
        self.running.insert(id, row);
        if let Some(row) = self.running.get(&id) {
            append(&mut self.journal, &Record::Begin(copy(row)));
        }
    }

    /// An answer goes on. Nothing happens when it has not begun or has ended.
    pub(super) fn more(&mut self, id: MessageId, text: &str) {
        if let Some(row) = self.running.get_mut(&id) {
            row.content.push_str(text);
            append(&mut self.journal, &Record::More(id, text.to_owned()));
        }
    }

    /// An answer needs no draft any more.
    pub(super) fn end(&mut self, id: MessageId) {
        if self.running.remove(&id).is_none() {
            return;
        }
        let long = self.journal.as_ref().is_some_and(Journal::is_long);
        if self.running.is_empty() || long {
            self.rewrite();
        } else {
            append(&mut self.journal, &Record::End(id));
        }
    }

    /// A conversation is forgotten: its drafts leave the disk.
    pub(super) fn forget(&mut self, conversation: ConversationId) {
        let before = self.running.len();
        self.running.retain(|_, row| row.conversation_id != conversation);
        if self.running.len() < before {
            self.rewrite();
        }
    }

    /// Leaves nothing but the running answers in the file.
    pub(super) fn rewrite(&mut self) {
        let Some(journal) = &mut self.journal else { return };
        let records: Vec<Vec<u8>> = (self.running.values())
            .map(|row| serde_json::to_vec(&Record::Begin(copy(row))).unwrap_or_default())
            .collect();
        let done = if records.is_empty() {
            journal.clear()
        } else {
            journal.rewrite(records.iter().map(Vec::as_slice)).map(|_| ())
        };
        if let Err(error) = done {
            tracing::warn!("the drafts cannot be shortened: {error}");
        }
    }
}

fn append(journal: &mut Option<Journal>, record: &Record) {
    let Some(open) = journal else { return };
    if let Err(error) = open.append(&serde_json::to_vec(record).unwrap_or_default()) {
        tracing::error!("answers that are being written will not survive the end of the process: {error}");
        // Once is enough for the log; the outbox is tried by itself.
        *journal = None;
    }
}

fn copy(row: &MessageRow) -> MessageRow {
    MessageRow {
        content: row.content.clone(),
        sources: row.sources.clone(),
        created_at: row.created_at.clone(),
        ..*row
    }
}

/// A draft begins with every passage that may be cited; what is stored names those that are.
fn keep_cited(row: &mut MessageRow) {
    if let Some(Value::Array(sources)) = &mut row.sources {
        sources
            .retain(|source| source["n"].as_u64().is_some_and(|n| row.content.contains(&format!("[{n}]"))));
    }
}
