//! A question becomes an answer.
//!
//! [`answer`] takes values and returns a stream of [`AnswerEvent`]s: the sources that were considered,
//! the text as it grows, notices about what was missing, and exactly one end. It runs the same from
//! HTTP, the command line and the evaluation. Dropping the stream stops the model call.

mod cache;
mod citations;
mod digest;
mod doubts;
mod extractive;
mod generator;
mod language;
mod links;
mod mismatch;
mod overview;
mod pipeline;
mod prompt;
mod refusal;
mod standalone;
mod suggestions;
mod support;
#[cfg(test)]
mod testing;
mod verify;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use cache::{AnswerCache, CacheCounts};
pub use citations::CitationFilter;
pub use generator::Generator;
pub use language::{book_language, language};
pub use links::{Around, href, markdown_text, section_href};
pub use mismatch::{Mismatch, mismatch};
pub use pipeline::{AnswerStream, Answerer, answer};
pub use standalone::query;
pub use verify::{Checker, Findings, Support, Weighed};

use crate::conversations::Exchange;

/// A question, checked and with its history.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Question {
    /// What the reader typed.
    pub text: String,
    /// What the question is about.
    pub subject: Subject,
    /// The last exchanges of the conversation, oldest first.
    pub history: Vec<Exchange>,
    /// Docs version that the reader looks at.
    pub version: Option<String>,
    /// Locale that the reader looks at.
    pub locale: Option<String>,
    /// URL of the page that the reader looks at.
    pub page: Option<String>,
}

/// What a question is about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Subject {
    /// The whole book.
    #[default]
    Book,
    /// Only this text, which the reader has marked on a page.
    Selection(String),
}

/// A passage as the reader sees it: where it stands and what it says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Source {
    /// Number by which the answer cites it, from 1.
    pub n: usize,
    /// Source file: `docs/module-01/chapter-02.md`.
    pub file: String,
    /// Headings down to the section, joined by ` > `; the page's title at the head of a page.
    pub heading: String,
    /// How well it fits the question, 0 to 1.
    pub similarity: f32,
    /// Title of the page.
    pub title: String,
    /// URL of the page, without fragment.
    pub url: String,
    /// Fragment of the section.
    pub anchor: Option<String>,
    /// The sentence of the book that supports the answer, word for word.
    pub quote: String,
    /// URL that opens the page at the section and highlights the quote.
    pub href: String,
}

/// How an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The book says it.
    Answered,
    /// The book's subject, but no sufficient passage.
    Uncertain,
    /// Not the book's subject.
    OutOfScope,
    /// The reader left or pressed stop.
    Stopped,
    /// The answer broke off.
    Failed,
}

impl Outcome {
    /// The word on the wire and in the store.
    pub fn name(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Uncertain => "uncertain",
            Self::OutOfScope => "out_of_scope",
            Self::Stopped => "stopped",
            Self::Failed => "failed",
        }
    }

    /// The outcome of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Answered, Self::Uncertain, Self::OutOfScope, Self::Stopped, Self::Failed]
            .into_iter()
            .find(|outcome| outcome.name() == name)
    }
}

/// Something that the reader should know about an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Notice {
    /// What happened, for programs.
    pub code: NoticeCode,
    /// What happened, for people.
    pub message: String,
}

/// What a notice is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum NoticeCode {
    /// No model answered: the answer quotes the book.
    ModelResting,
    /// The selection was longer than the limit.
    SelectionCut,
    /// The model stopped at its length limit.
    AnswerCut,
    /// Most of the answer is supported by no passage.
    AnswerUnsupported,
    /// Some of its sentences are.
    SentencesUnsupported,
    /// The model withheld its answer; passages are shown instead.
    AnswerWithheld,
    /// Nothing could be searched, so nothing was answered.
    SearchResting,
    /// The conversation could not be read or stored.
    ConversationNotStored,
}

/// Tokens that a model counted; zero without a model.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TokenUsage {
    /// Tokens of the prompt.
    pub prompt_tokens: u32,
    /// Tokens of the answer, thinking included.
    pub answer_tokens: u32,
}

/// What happens while an answer is made, in order: `Sources`, then `Delta`s and `Notice`s, then one `End`.
#[derive(Debug, Clone, PartialEq)]
pub enum AnswerEvent {
    /// The passages that were considered, best first.
    Sources(Vec<Source>),
    /// The next piece of the text. Markers in it are `[n]` with `n` of a considered source.
    Delta(String),
    /// Something the reader should know.
    Notice(Notice),
    /// The end.
    End(Box<Ending>),
}

/// How an answer ended and what came of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Ending {
    /// How it ended: `Answered`, `Uncertain`, `OutOfScope` or `Failed`.
    pub outcome: Outcome,
    /// The sources that the text cites, with the supporting quotes, by number.
    pub sources: Vec<Source>,
    /// A part was missing and another stood in.
    pub degraded: bool,
    /// What a model counted.
    pub usage: TokenUsage,
    /// How far its sentences stand on the passages.
    pub support: Support,
    /// Questions that could come next.
    pub suggestions: Vec<String>,
    /// Why it broke off, when the outcome is `Failed`.
    pub failure: Option<Failure>,
}

/// Why an answer broke off after its text had begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// For programs.
    pub code: &'static str,
    /// For people.
    pub message: String,
    /// Seconds after which another try makes sense.
    pub retry_after: Option<u64>,
}
