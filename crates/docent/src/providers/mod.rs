//! Clients of the outside services. Two are models: Gemini natively, and every server that speaks OpenAI's calls. Both stream answers as
//! [`Delta`]s, embed texts as unit vectors, and say what went wrong as [`ProviderError`], so that the rooms above need
//! not know who answered. The third, [`qdrant`], is a vector database.
//!
//! Limits and retries live here: connect, first byte and silence have timeouts; passing failures before the first delta
//! are retried inside one time budget, a provider's stated wait included; after the first delta nothing is retried.
//! A model that refused, or failed several questions in a row, rests a while. Prompts and answers are never logged.

mod allowance;
mod delta_reader;
mod error;
pub mod gemini;
mod http;
pub mod openai;
pub mod qdrant;
mod rest;
mod retry;
pub mod sse;
mod vectors;

use std::fmt;
use std::pin::Pin;
use std::time::Duration;

use futures_util::Stream;

pub use allowance::Allowance;
pub use error::{Provider, ProviderError};
pub use gemini::{Gemini, GeminiOptions, ThinkingLevel};
pub(crate) use http::client_builder;
pub use http::http_client;
pub use openai::{OpenAi, OpenAiOptions};

pub use crate::secret::Secret;

/// Who speaks in a [`PromptTurn`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PromptRole {
    /// The reader, and what we put into the question on the reader's behalf.
    User,
    /// An earlier answer.
    Model,
}

/// One turn of the conversation that is given to the model.
#[derive(Clone, PartialEq, Eq)]
pub struct PromptTurn {
    /// Who speaks.
    pub role: PromptRole,
    /// What was said.
    pub text: String,
}

/// What a model is asked to answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompt {
    /// The standing instructions; may be empty.
    pub system: String,
    /// The conversation, oldest first; the last turn is the user's.
    ///
    /// Empty turns are dropped, neighbours of one role merged, and leading model turns left out: providers refuse them.
    pub turns: Vec<PromptTurn>,
    /// Upper bound of the answer in the model's tokens.
    pub max_tokens: u32,
}

/// Shows the length only: prompts do not belong in logs.
impl fmt::Debug for PromptTurn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}({} bytes)", self.role, self.text.len())
    }
}

/// What a call cost, as the provider counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Tokens that were read.
    pub prompt_tokens: u32,
    /// Tokens of the answer's text.
    pub answer_tokens: u32,
    /// Tokens of unseen thinking, billed like the answer's.
    pub thought_tokens: u32,
}

/// Why a model stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FinishReason {
    /// The answer is complete.
    Stop,
    /// The answer reached its upper bound and is cut.
    MaxTokens,
    /// The provider's policy withheld the rest; its reason, such as `SAFETY`.
    Withheld(String),
    /// The answer stopped at a limit of one request; the same request with this token brings the rest. Never leaves the
    /// provider's room.
    Continue(String),
    /// Anything else, as the provider named it.
    Other(String),
}

/// One step of a streamed answer. Order: `Text`*, `Usage`?, `Finished`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delta {
    /// The next piece of text, never empty.
    Text(String),
    /// What the call cost.
    Usage(Usage),
    /// The last delta.
    Finished(FinishReason),
}

/// A streamed answer: ends after [`Delta::Finished`] or after the first error. It is lazy, and dropping it closes the
/// connection to the provider.
pub type DeltaStream = Pin<Box<dyn Stream<Item = Result<Delta, ProviderError>> + Send>>;

/// Which side of retrieval a text stands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EmbedRole {
    /// What a reader asks.
    Query,
    /// What the book says.
    Passage,
}

/// What a checked model is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModelUse {
    /// Writing answers.
    Chat,
    /// Embedding texts.
    Embedding,
}

/// What a provider says about one configured model, asked without spending a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelCheck {
    /// The model's id as configured.
    pub model: String,
    /// What we use it for.
    pub used_for: ModelUse,
    /// How long the answer took.
    pub took: Duration,
    /// Why it cannot be used, when it cannot.
    pub problem: Option<ProviderError>,
    /// Something worth a warning, such as a model that is to be shut down.
    pub warning: Option<String>,
}

/// The turns as providers accept them: none empty, roles alternating, the first one the user's.
fn tidy_turns(turns: &[PromptTurn]) -> Vec<PromptTurn> {
    let mut tidied: Vec<PromptTurn> = Vec::new();
    for turn in turns.iter().filter(|turn| !turn.text.trim().is_empty()) {
        match tidied.last_mut() {
            Some(last) if last.role == turn.role => {
                last.text.push_str("\n\n");
                last.text.push_str(&turn.text);
            }
            None if turn.role == PromptRole::Model => {}
            _ => tidied.push(turn.clone()),
        }
    }
    tidied
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_alternate_and_begin_with_the_user() {
        let check = |turns: &[(PromptRole, &str)], expected: &[(PromptRole, &str)]| {
            let turn = |&(role, text): &(PromptRole, &str)| PromptTurn { role, text: text.to_owned() };
            let turns: Vec<PromptTurn> = turns.iter().map(turn).collect();
            let expected: Vec<PromptTurn> = expected.iter().map(turn).collect();
            assert!(tidy_turns(&turns) == expected, "{turns:?}");
        };
        use PromptRole::{Model, User};
        check(&[(User, "q")], &[(User, "q")]);
        check(&[(Model, "a"), (User, "q")], &[(User, "q")]);
        check(&[(User, "q"), (User, "r")], &[(User, "q\n\nr")]);
        check(&[(User, "q"), (Model, " "), (User, "r")], &[(User, "q\n\nr")]);
        check(&[(User, "q"), (Model, "a"), (User, "r")], &[(User, "q"), (Model, "a"), (User, "r")]);
        check(&[(User, "")], &[]);
    }

    #[test]
    fn debug_output_shows_no_text() {
        let prompt = Prompt {
            system: "be brief".to_owned(),
            turns: vec![PromptTurn { role: PromptRole::User, text: "my secret question".to_owned() }],
            max_tokens: 9,
        };
        assert!(!format!("{prompt:?}").contains("secret question"), "{prompt:?}");
    }
}
