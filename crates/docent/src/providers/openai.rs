//! Any server that speaks OpenAI's chat, embedding and model calls: OpenAI itself, llama.cpp, vLLM, Ollama, text-embedding
//! servers and gateways. They differ in small ways; where one refuses a field, the call is made again without it.

mod decode;
mod errors;
mod request;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use reqwest::header::{AUTHORIZATION, HeaderValue, RETRY_AFTER};
use reqwest::{Client, Method, Response};
use serde_json::Value;
use tokio::time::Instant;
use tracing::debug;

use self::decode::OpenAiDecoder;
use self::errors::Failure;
use self::request::Dialect;
use super::delta_reader::DeltaReader;
use super::http::{key_header, path_piece, read_body, read_error_body, send, trim_base};
use super::rest::Rests;
use super::retry::{Attempts, Budget, parse_duration, told};
use super::vectors::{REPLY_BYTES, read_vector, refuse_empty};
use super::{
    Allowance, Delta, DeltaStream, EmbedRole, FinishReason, ModelCheck, ModelUse, Prompt, Provider,
    ProviderError,
};
use crate::secret::Secret;
use crate::status::{Gauge, Service, Services};
use crate::times;

const PROVIDER: Provider = Provider::OpenAi;

/// Variables named in errors.
const KEY_VARIABLE: &str = "OPENAI_API_KEY";
const MODEL_VARIABLE: &str = "OPENAI_MODEL";
const EMBEDDING_VARIABLE: &str = "OPENAI_EMBEDDING_MODEL";
const ADDRESS_VARIABLE: &str = "OPENAI_BASE_URL";

/// Largest list of models that is read.
const MODELS_BYTES: usize = 4 * 1024 * 1024;

/// How to reach an OpenAI-compatible server and what to ask for.
#[derive(Debug, Clone)]
pub struct OpenAiOptions {
    /// Address up to and including the version, such as `https://api.openai.com/v1`.
    pub base_url: String,
    /// The key, when the server wants one; sent as a bearer token.
    pub key: Option<Secret>,
    /// Chat model.
    pub model: String,
    /// Embedding model.
    pub embedding_model: String,
    /// Length of the vectors asked for; `None` takes what the model gives.
    pub dimensions: Option<usize>,
    /// Put in front of a question before it is embedded, for models that want it (`query: `).
    pub query_prefix: String,
    /// Put in front of a passage before it is embedded (`passage: `).
    pub passage_prefix: String,
    /// Texts per embedding call.
    pub embedding_batch: usize,
    /// Time for everything until the first delta of an answer (or for one batch of embeddings), over all attempts and waits.
    pub time_budget: Duration,
    /// Longest wait for the first byte of one attempt.
    pub first_byte_timeout: Duration,
    /// Longest silence inside an answer.
    pub idle_timeout: Duration,
}

impl Default for OpenAiOptions {
    fn default() -> Self {
        Self {
            base_url: String::new(),
            key: None,
            model: String::new(),
            embedding_model: String::new(),
            dimensions: None,
            query_prefix: String::new(),
            passage_prefix: String::new(),
            // The default limit of text-embeddings-inference, the lowest of the servers we know.
            embedding_batch: 32,
            time_budget: times::ANSWER / times::FIRST_WORD_SHARE,
            first_byte_timeout: times::ANSWER / times::FIRST_WORD_SHARE,
            idle_timeout: times::SILENCE,
        }
    }
}

/// A client of an OpenAI-compatible server. Cheap to clone: clones share connections and what was learned of the server.
#[derive(Debug, Clone)]
pub struct OpenAi {
    client: Client,
    options: OpenAiOptions,
    authorization: Option<HeaderValue>,
    learned: Arc<Learned>,
    rests: Arc<Rests>,
    allowance: Arc<Allowance>,
    generating: Gauge,
    embedding: Gauge,
}

/// Fields that the server refused once and that are not sent again.
#[derive(Debug, Default)]
struct Learned {
    completion_tokens: AtomicBool,
    no_stream_options: AtomicBool,
}

impl Learned {
    fn dialect(&self) -> Dialect {
        Dialect {
            completion_tokens: self.completion_tokens.load(Ordering::Relaxed),
            stream_options: !self.no_stream_options.load(Ordering::Relaxed),
        }
    }

    /// Learns from a refusal; true when the next request will differ.
    fn learn(&self, error: &ProviderError, sent: Dialect) -> bool {
        let ProviderError::BadRequest { detail, .. } = error else { return false };
        if !sent.completion_tokens && detail.contains("max_completion_tokens") {
            self.completion_tokens.store(true, Ordering::Relaxed);
            return true;
        }
        if sent.stream_options && (detail.contains("stream_options") || detail.contains("include_usage")) {
            self.no_stream_options.store(true, Ordering::Relaxed);
            return true;
        }
        false
    }
}

impl OpenAi {
    /// A client over `client`; nothing is sent yet.
    pub fn new(client: Client, options: OpenAiOptions) -> Self {
        let authorization =
            options.key.as_ref().filter(|key| !key.is_empty()).and_then(|key| key_header("Bearer ", key));
        let nobody = Services::default();
        Self {
            client,
            options,
            authorization,
            learned: Arc::default(),
            rests: Arc::default(),
            allowance: Arc::default(),
            generating: nobody.gauge(Service::OpenAi, "generate"),
            embedding: nobody.gauge(Service::OpenAi, "embed"),
        }
    }

    /// Counts answers and embedded questions in `allowance`; ingest is the operator's own decision and not counted.
    #[must_use]
    pub fn within(mut self, allowance: &Arc<Allowance>) -> Self {
        self.allowance = Arc::clone(allowance);
        self
    }

    /// Tells `services` how every call went.
    #[must_use]
    pub fn telling(mut self, services: &Services) -> Self {
        self.generating = services.gauge(Service::OpenAi, "generate");
        self.embedding = services.gauge(Service::OpenAi, "embed");
        self
    }

    /// Names everything that decides the vector of a text; vectors of different fingerprints must not be compared.
    pub fn embedding_fingerprint(&self) -> String {
        let OpenAiOptions { embedding_model, dimensions, query_prefix, passage_prefix, .. } = &self.options;
        let dimensions = dimensions.map_or_else(|| "own".to_owned(), |dimensions| dimensions.to_string());
        format!("openai:{embedding_model}:{dimensions}:{query_prefix}|{passage_prefix}")
    }

    /// Begins an answer and returns once its first delta is there.
    ///
    /// Passing failures are retried within the time budget, a wait that the server asks for included. After the first
    /// delta nothing is retried; a failure is the stream's last item. A server that is known to refuse, or that failed
    /// several questions in a row, is left alone for a while.
    ///
    /// # Errors
    /// The last failure, when no answer began.
    pub async fn generate(&self, prompt: &Prompt) -> Result<DeltaStream, ProviderError> {
        let gauge = &self.generating;
        let mut attempts = self.attempts(&self.options.model, gauge, self.options.time_budget);
        attempts.allowance = Some(&self.allowance);
        let stream = attempts.run(|limit| self.attempt_any_dialect(prompt, limit)).await?;
        Ok(told(stream, gauge.clone()))
    }

    /// Unit vectors of `texts`, in their order.
    ///
    /// Texts go in batches of `embedding_batch`; each batch has the time budget of its own, a query four seconds at most.
    ///
    /// # Errors
    /// The first batch that fails fails the call. An empty text is refused without a call.
    pub async fn embed(&self, texts: &[&str], role: EmbedRole) -> Result<Vec<Vec<f32>>, ProviderError> {
        refuse_empty(PROVIDER, texts)?;
        let mut vectors: Vec<Vec<f32>> = Vec::with_capacity(texts.len());
        for batch in texts.chunks(self.options.embedding_batch.max(1)) {
            // Whatever length the first vector has, all others must have too.
            let dimensions = self.options.dimensions.or(vectors.first().map(Vec::len));
            vectors.extend(self.embed_batch(batch, role, dimensions).await?);
        }
        Ok(vectors)
    }

    /// Asks whether the configured models exist; costs no tokens. One entry a model, the chat model first.
    ///
    /// Servers that do not list models at all give a warning, not a problem.
    pub async fn check(&self) -> Vec<ModelCheck> {
        let used =
            [(&self.options.model, ModelUse::Chat), (&self.options.embedding_model, ModelUse::Embedding)];
        let used = used.into_iter().filter(|(model, _)| !model.is_empty());
        join_all(used.map(|(model, used_for)| self.check_model(model, used_for))).await
    }

    fn attempts<'a>(&'a self, model: &'a str, gauge: &'a Gauge, budget: Duration) -> Attempts<'a> {
        let first_byte_timeout = self.options.first_byte_timeout;
        let budget = Budget::start(budget);
        Attempts {
            model,
            rests: &self.rests,
            provider: PROVIDER,
            allowance: None,
            gauge,
            budget,
            others_wait: false,
            first_byte_timeout,
        }
    }

    /// Asks as the server is known to want it, and again whenever a refusal teaches something new.
    async fn attempt_any_dialect(
        &self,
        prompt: &Prompt,
        limit: Duration,
    ) -> Result<DeltaStream, ProviderError> {
        loop {
            let dialect = self.learned.dialect();
            match self.attempt(prompt, dialect, limit).await {
                Err(error) if self.learned.learn(&error, dialect) => {
                    debug!(provider = %PROVIDER, "asking in another dialect: {error}");
                }
                outcome => return outcome,
            }
        }
    }

    async fn attempt(
        &self,
        prompt: &Prompt,
        dialect: Dialect,
        limit: Duration,
    ) -> Result<DeltaStream, ProviderError> {
        let model = self.options.model.as_str();
        let body = request::chat(model, prompt, dialect)?;
        let started = Instant::now();
        let response = self.send(Method::POST, "chat/completions", Some(&body), limit).await?;
        let response = self.accept(response, model, MODEL_VARIABLE).await?;
        let decoder = OpenAiDecoder::new(model, self.options.key.clone().unwrap_or_default());
        let left = limit.saturating_sub(started.elapsed());
        let mut reader = DeltaReader::new(PROVIDER, response, decoder, left, self.options.idle_timeout);
        reader.until_first_delta().await?;
        // A complete answer without a word: nothing was shown yet, so asking again is harmless.
        let wordless = !reader.ready().any(|delta| matches!(delta, Delta::Text(_)));
        match reader.ready().last() {
            Some(Delta::Finished(FinishReason::Stop)) if wordless => Err(ProviderError::Unavailable {
                provider: PROVIDER,
                detail: "the answer was empty".to_owned(),
            }),
            Some(Delta::Finished(FinishReason::MaxTokens)) if wordless => Err(ProviderError::BadResponse {
                provider: PROVIDER,
                detail: "all output tokens went into thinking; raise the limit".to_owned(),
            }),
            _ => Ok(reader.into_stream()),
        }
    }

    async fn embed_batch(
        &self,
        texts: &[&str],
        role: EmbedRole,
        dimensions: Option<usize>,
    ) -> Result<Vec<Vec<f32>>, ProviderError> {
        let budget = match role {
            EmbedRole::Query => times::EMBED_QUESTION.min(self.options.time_budget),
            EmbedRole::Passage => self.options.time_budget,
        };
        let mut attempts = self.attempts(&self.options.embedding_model, &self.embedding, budget);
        attempts.allowance = (role == EmbedRole::Query).then_some(&*self.allowance);
        attempts.run(|limit| self.embed_once(texts, role, dimensions, limit)).await
    }

    async fn embed_once(
        &self,
        texts: &[&str],
        role: EmbedRole,
        dimensions: Option<usize>,
        limit: Duration,
    ) -> Result<Vec<Vec<f32>>, ProviderError> {
        let model = self.options.embedding_model.as_str();
        let prefix = match role {
            EmbedRole::Query => &self.options.query_prefix,
            EmbedRole::Passage => &self.options.passage_prefix,
        };
        let body = request::embeddings(model, texts, prefix, self.options.dimensions);
        let response = self.send(Method::POST, "embeddings", Some(&body), limit).await?;
        let response = self.accept(response, model, EMBEDDING_VARIABLE).await?;
        let reply = self.read_json(response, REPLY_BYTES, limit).await?;
        let bad = |detail: String| ProviderError::BadResponse { provider: PROVIDER, detail };
        let data = reply.get("data").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        if data.len() != texts.len() {
            return Err(bad(format!("{} embeddings came for {} texts", data.len(), texts.len())));
        }
        // `index` tells which text a vector belongs to; servers without it answer in order.
        let mut vectors: Vec<Option<Vec<f32>>> = vec![None; texts.len()];
        let mut length = dimensions;
        for (place, item) in data.iter().enumerate() {
            let index = item
                .get("index")
                .and_then(Value::as_u64)
                .map_or(Some(place), |index| usize::try_from(index).ok());
            let vector = read_vector(PROVIDER, item.get("embedding"), length)?;
            length = Some(vector.len());
            match index.and_then(|index| vectors.get_mut(index)) {
                Some(slot @ None) => *slot = Some(vector),
                _ => {
                    return Err(bad(
                        "the embeddings are not numbered from 0 to the number of texts".to_owned()
                    ));
                }
            }
        }
        Ok(vectors.into_iter().flatten().collect())
    }

    async fn check_model(&self, model: &str, used_for: ModelUse) -> ModelCheck {
        let started = Instant::now();
        let variable = match used_for {
            ModelUse::Chat => MODEL_VARIABLE,
            ModelUse::Embedding => EMBEDDING_VARIABLE,
        };
        let listed = self.is_listed(model, variable).await;
        let (problem, warning) = match listed {
            Ok(true) => (None, None),
            Ok(false) => (None, Some("is not in the server's list of models".to_owned())),
            Err(ProviderError::NotFound { variable: ADDRESS_VARIABLE, .. }) => {
                (None, Some("the server lists no models, so this one could not be checked".to_owned()))
            }
            Err(error) => (Some(error), None),
        };
        ModelCheck { model: model.to_owned(), used_for, took: started.elapsed(), problem, warning }
    }

    /// Looks into the list, which every compatible server has; few describe a single model.
    async fn is_listed(&self, model: &str, variable: &'static str) -> Result<bool, ProviderError> {
        let response = self.send(Method::GET, "models", None, times::MODEL_CHECK).await?;
        let response = self.accept(response, model, variable).await?;
        let reply = self.read_json(response, MODELS_BYTES, times::MODEL_CHECK).await?;
        let models = reply.get("data").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        if models.iter().any(|listed| listed.get("id").and_then(Value::as_str) == Some(model)) {
            return Ok(true);
        }
        // Aliases and fine-tuned models are often left out of the list but described when asked for.
        let path = format!("models/{}", path_piece(model));
        let response = self.send(Method::GET, &path, None, times::MODEL_CHECK).await?;
        Ok(response.status().is_success())
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        limit: Duration,
    ) -> Result<Response, ProviderError> {
        let mut request =
            self.client.request(method, format!("{}/{path}", trim_base(&self.options.base_url)));
        match (&self.authorization, &self.options.key) {
            (Some(authorization), _) => request = request.header(AUTHORIZATION, authorization.clone()),
            (None, Some(key)) if !key.is_empty() => {
                return Err(ProviderError::Unauthorized {
                    provider: PROVIDER,
                    variable: KEY_VARIABLE,
                    detail: "it has characters that no header can carry".to_owned(),
                });
            }
            _ => {}
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        send(PROVIDER, request, limit).await
    }

    /// Lets a successful reply through; reads and classifies any other.
    async fn accept(
        &self,
        response: Response,
        model: &str,
        model_variable: &'static str,
    ) -> Result<Response, ProviderError> {
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
        let retry_after = header("retry-after-ms")
            .and_then(|millis| millis.trim().parse().ok().map(Duration::from_millis))
            .or_else(|| header(RETRY_AFTER.as_str()).and_then(parse_duration));
        let body = read_error_body(response).await;
        let failure = Failure { model, model_variable, key: self.options.key.as_ref() };
        Err(failure.classify(status.as_u16(), &body, retry_after))
    }

    async fn read_json(
        &self,
        response: Response,
        max_bytes: usize,
        limit: Duration,
    ) -> Result<Value, ProviderError> {
        let body = read_body(PROVIDER, response, max_bytes, limit).await?;
        serde_json::from_slice(&body).map_err(|error| ProviderError::BadResponse {
            provider: PROVIDER,
            detail: format!("the reply is no JSON: {error}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refused_fields_are_learned_once() {
        let learned = Learned::default();
        let refused =
            |detail: &str| ProviderError::BadRequest { provider: PROVIDER, detail: detail.to_owned() };
        let unsupported =
            refused("Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.");
        let sent = learned.dialect();
        assert!(learned.learn(&unsupported, sent));
        assert!(learned.dialect().completion_tokens);
        assert!(
            !learned.learn(&unsupported, learned.dialect()),
            "the same refusal again would be asked for ever"
        );
        assert!(learned.learn(&refused("unknown field stream_options"), learned.dialect()));
        assert!(!learned.dialect().stream_options);
        assert!(!learned.learn(&refused("context too long"), learned.dialect()));
    }
}
