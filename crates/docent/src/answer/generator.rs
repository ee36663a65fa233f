//! What writes answers: a model, or the book itself.

use std::sync::Arc;

use crate::providers::{DeltaStream, Gemini, OpenAi, Prompt, ProviderError};

/// What writes answers.
#[derive(Clone)]
pub enum Generator {
    /// Gemini.
    Gemini(Arc<Gemini>),
    /// An OpenAI-compatible server.
    OpenAi(Arc<OpenAi>),
    /// No model: the best sentences of the book in reading order.
    Extractive,
}

impl Generator {
    /// A word for tables and logs.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Gemini(_) => "gemini",
            Self::OpenAi(_) => "openai",
            Self::Extractive => "extractive",
        }
    }

    /// Starts the model; `None` when there is none. Dropping the stream ends the call.
    pub(super) async fn generate(&self, prompt: &Prompt) -> Option<Result<DeltaStream, ProviderError>> {
        match self {
            Self::Gemini(gemini) => Some(gemini.generate(prompt).await),
            Self::OpenAi(openai) => Some(openai.generate(prompt).await),
            Self::Extractive => None,
        }
    }
}

impl std::fmt::Debug for Generator {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Generator({})", self.name())
    }
}
