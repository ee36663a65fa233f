//! Text to vectors: the local encoder, a provider, or none.

use std::sync::Arc;

use encoder::{Encoder, Role};
use tokio::sync::Semaphore;

use crate::providers::{Gemini, OpenAi, ProviderError};

pub use crate::providers::EmbedRole;

/// What turns text into vectors.
#[derive(Clone)]
pub enum Embedder {
    /// The encoder of this program, on the CPU.
    Local(LocalEmbedder),
    /// Gemini.
    Gemini(Arc<Gemini>, String),
    /// An OpenAI-compatible server.
    OpenAi(Arc<OpenAi>, String),
    /// No vectors.
    None,
}

/// The local encoder with a gate, so that questions queue instead of fighting for the cores.
#[derive(Clone)]
pub struct LocalEmbedder {
    encoder: Arc<Encoder>,
    fingerprint: String,
    gate: Arc<Semaphore>,
}

/// Why there is no vector.
#[derive(Debug, thiserror::Error)]
pub enum EmbedError {
    /// A provider failed.
    #[error(transparent)]
    Provider(#[from] ProviderError),
    /// The local encoder stopped half way.
    #[error("the local encoder failed: {0}")]
    Local(String),
}

impl Embedder {
    /// Wraps the local encoder; at most one question a core is encoded at a time.
    pub fn local(encoder: Encoder) -> Self {
        let fingerprint = format!("local:{}", encoder.fingerprint());
        let gate = Arc::new(Semaphore::new(cores()));
        Self::Local(LocalEmbedder { encoder: Arc::new(encoder), fingerprint, gate })
    }

    /// A word for tables and logs.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Local(_) => "local",
            Self::Gemini(..) => "gemini",
            Self::OpenAi(..) => "openai",
            Self::None => "none",
        }
    }

    /// Whether a vector costs no call to a provider.
    pub fn is_free(&self) -> bool {
        matches!(self, Self::Local(_) | Self::None)
    }

    /// Whether it also embeds the sentences of a passage one by one: only where that costs nothing.
    pub fn reads_sentences(&self) -> bool {
        matches!(self, Self::Local(_))
    }

    /// Names model, dimensions and prefixes: equal fingerprints, comparable vectors. `None` without vectors.
    pub fn fingerprint(&self) -> Option<&str> {
        match self {
            Self::Local(local) => Some(&local.fingerprint),
            Self::Gemini(_, fingerprint) | Self::OpenAi(_, fingerprint) => Some(fingerprint),
            Self::None => None,
        }
    }

    /// Length of the vectors, when it is known before the first one.
    pub fn dimensions(&self) -> Option<usize> {
        match self {
            Self::Local(local) => Some(local.encoder.dimensions()),
            // The length is a setting of ours, and part of the fingerprint.
            Self::Gemini(_, fingerprint) => fingerprint.split(':').nth(2)?.parse().ok(),
            Self::OpenAi(..) | Self::None => None,
        }
    }

    /// One unit vector a text, in order; an empty list without vectors.
    ///
    /// # Errors
    /// When a provider refuses, fails or answers nonsense.
    pub async fn embed(&self, texts: &[&str], role: EmbedRole) -> Result<Vec<Vec<f32>>, EmbedError> {
        match self {
            Self::Local(local) => local.embed(texts, role).await,
            Self::Gemini(gemini, _) => Ok(gemini.embed(texts, role).await?),
            Self::OpenAi(openai, _) => Ok(openai.embed(texts, role).await?),
            Self::None => Ok(Vec::new()),
        }
    }
}

impl LocalEmbedder {
    async fn embed(&self, texts: &[&str], role: EmbedRole) -> Result<Vec<Vec<f32>>, EmbedError> {
        let _turn = self.gate.acquire().await;
        let encoder = Arc::clone(&self.encoder);
        let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
        let (role, threads) = match role {
            EmbedRole::Query => (Role::Query, 1),
            EmbedRole::Passage => (Role::Passage, cores()),
        };
        let work = tokio::task::spawn_blocking(move || {
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            let values = encoder.encode(&texts, role, threads);
            values.chunks_exact(encoder.dimensions()).map(<[f32]>::to_vec).collect()
        });
        work.await.map_err(|error| EmbedError::Local(error.to_string()))
    }
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

impl std::fmt::Debug for Embedder {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Embedder({})", self.fingerprint().unwrap_or("none"))
    }
}
