//! A question set on disk.
//!
//! - `queries.jsonl`: one object a line with `id`, `text`, `answerable`, and optionally `answers`, texts of which an
//!   answer must contain one.
//! - `qrels.tsv` (optional: without it only refusal is measured): a header line, then `query-id`, `corpus-id`, `grade`, separated by tabs; grade > 0 is relevant.
//! - `corpus.jsonl` (optional): `id`, `title`, `text`, and for documentation `path`, `anchor`, `headings`.
//!
//! Ids of documentation are `path#anchor`; the head of a page is `path`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use corpus::{Page, PagePart, page_from_parts};
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// A set, read whole.
#[derive(Debug)]
pub struct Set {
    /// The questions, in the file's order.
    pub queries: Vec<SetQuery>,
    /// Grades by question, then by id.
    pub judgements: BTreeMap<String, BTreeMap<String, u32>>,
    /// The set's own corpus; empty when the book is needed.
    pub entries: Vec<Entry>,
}

/// One question.
#[derive(Debug, Deserialize)]
pub struct SetQuery {
    /// Its name.
    pub id: String,
    /// The question.
    pub text: String,
    /// Whether the corpus answers it.
    #[serde(default = "yes")]
    pub answerable: bool,
    /// Texts of which an answer must contain one; empty when the set has none.
    #[serde(default)]
    pub answers: Vec<String>,
    /// What the set's author would answer.
    #[serde(default)]
    pub answer: Option<String>,
    /// How it is asked: `direct`, `paraphrase`, `out-of-scope`, `adversarial` …
    #[serde(default)]
    style: Option<String>,
    /// What kind of question it is: `fact`, `near-miss`, `off-topic` …
    #[serde(default, rename = "type")]
    kind: Option<String>,
    /// The entry that it was written against.
    #[serde(default)]
    doc: Option<String>,
    /// Earlier questions of the conversation, oldest first; empty when it is asked first.
    #[serde(default)]
    pub history: Vec<String>,
    /// File of the page that the reader looks at.
    #[serde(default)]
    pub page: Option<String>,
    /// A follow-up as it would be asked first in a conversation.
    #[serde(default)]
    pub standalone: Option<String>,
}

/// What a question tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Style {
    /// Answered, and asked in the corpus' words.
    Direct,
    /// Answered, but asked with few words of the corpus.
    Paraphrase,
    /// Not answered, though plausible.
    NearMiss,
    /// Not answered, and of another subject.
    OffTopic,
    /// Not answered, but written against a passage that looks like the answer.
    Adversarial,
}

impl SetQuery {
    /// Whether it may lean on what was said, or on the page that the reader looks at.
    pub fn leans(&self) -> bool {
        !self.history.is_empty() || self.page.is_some()
    }

    /// The question as it would be asked first in a conversation.
    pub fn asked_first(&self) -> &str {
        self.standalone.as_deref().unwrap_or(&self.text)
    }

    /// What it tests, by its `style` and `type`; one that is written against an entry and not answered by it is
    /// adversarial.
    pub fn style(&self) -> Style {
        let says = |word: &str| [&self.style, &self.kind].into_iter().flatten().any(|said| said == word);
        match self.answerable {
            true if says("paraphrase") => Style::Paraphrase,
            true => Style::Direct,
            false if says("adversarial") || self.doc.is_some() => Style::Adversarial,
            false if says("off-topic") => Style::OffTopic,
            false => Style::NearMiss,
        }
    }
}

/// One entry of a corpus.
#[derive(Debug, Deserialize)]
pub struct Entry {
    /// Its name, as judgements use it.
    pub id: String,
    /// Its title.
    #[serde(default)]
    pub title: String,
    /// Its text.
    pub text: String,
    /// File or URL of the page.
    #[serde(default)]
    path: Option<String>,
    /// Fragment of the section.
    #[serde(default)]
    anchor: Option<String>,
    /// Headings down to the section.
    #[serde(default)]
    pub headings: Vec<String>,
}

/// Why a set cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SetError {
    /// A file is missing or unreadable.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// A line is not what it should be.
    #[error("{}:{line}: {message}", .path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What was expected.
        message: String,
    },
}

fn yes() -> bool {
    true
}

impl Set {
    /// Reads the set in `directory`.
    ///
    /// # Errors
    /// When a file is missing or a line is malformed; the message names file and line.
    pub fn read(directory: &Path) -> Result<Self, SetError> {
        let queries = lines(&directory.join("queries.jsonl"))?;
        let judged = directory.join("qrels.tsv");
        let judgements = if judged.exists() { judgements(&judged)? } else { BTreeMap::new() };
        Ok(Self { queries, judgements, entries: Self::entries(directory)? })
    }

    /// The corpus in `directory`; empty without `corpus.jsonl`.
    ///
    /// # Errors
    /// When the file is unreadable or a line is malformed.
    pub fn entries(directory: &Path) -> Result<Vec<Entry>, SetError> {
        let corpus = directory.join("corpus.jsonl");
        if corpus.exists() { lines(&corpus) } else { Ok(Vec::new()) }
    }
}

impl Entry {
    /// The page's file or URL; the id itself when the entry has none.
    pub fn path(&self) -> &str {
        self.path.as_deref().unwrap_or(&self.id)
    }

    /// The entry as a page of its own.
    pub fn page(&self) -> Page {
        let anchor = self.anchor.as_deref().filter(|anchor| !anchor.is_empty());
        let headings: Vec<&str> = self.headings.iter().map(String::as_str).collect();
        let part = PagePart {
            heading_path: &headings,
            depth: if anchor.is_some() { (self.headings.len() as u8).saturating_add(1).min(6) } else { 0 },
            anchor,
            text: &self.text,
        };
        page_from_parts(self.path(), &self.title, self.path(), &[part])
    }
}

fn lines<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>, SetError> {
    let text = fs_err::read_to_string(path)?;
    let mut values = Vec::new();
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let value = serde_json::from_str(line).map_err(|error| SetError::Line {
            path: path.to_owned(),
            line: number + 1,
            message: error.to_string(),
        })?;
        values.push(value);
    }
    Ok(values)
}

fn judgements(path: &Path) -> Result<BTreeMap<String, BTreeMap<String, u32>>, SetError> {
    let text = fs_err::read_to_string(path)?;
    let mut judgements: BTreeMap<String, BTreeMap<String, u32>> = BTreeMap::new();
    for (number, line) in text.lines().enumerate().skip(1).filter(|(_, line)| !line.trim().is_empty()) {
        let fields: Vec<&str> = line.split('\t').collect();
        let wrong = || SetError::Line {
            path: path.to_owned(),
            line: number + 1,
            message: "expected query-id, corpus-id and grade, separated by tabs".into(),
        };
        let [query, id, grade] = fields[..] else {
            return Err(wrong());
        };
        let grade = grade.trim().parse().map_err(|_| wrong())?;
        judgements.entry(query.to_owned()).or_default().insert(id.to_owned(), grade);
    }
    Ok(judgements)
}
