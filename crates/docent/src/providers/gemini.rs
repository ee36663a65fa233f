//! Google's Gemini API by its native REST calls: streamed answers over a list of models, embeddings, and a check of the
//! configured models. What the API accepts and returns is in `request` and `decode`; its errors are in `errors`.

mod decode;
mod errors;
mod request;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use futures_util::{StreamExt, stream};
use reqwest::header::{HeaderValue, RETRY_AFTER};
use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::{Value, json};
use tokio::time::Instant;
use tracing::{debug, warn};

use self::decode::GeminiDecoder;
use self::errors::Failure;
pub use self::request::ThinkingLevel;
use super::delta_reader::DeltaReader;
use super::http::{key_header, path_piece, read_body, read_error_body, send, trim_base};
use super::rest::Rests;
use super::retry::{Attempts, Budget, told};
use super::vectors::{REPLY_BYTES, read_vector, refuse_empty};
use super::{
    Allowance, Delta, DeltaStream, EmbedRole, FinishReason, ModelCheck, ModelUse, Prompt, Provider,
    ProviderError, Usage,
};
use crate::secret::Secret;
use crate::status::{Gauge, Service, Services};
use crate::times;

const PROVIDER: Provider = Provider::Gemini;

/// Variables named in errors.
const KEY_VARIABLE: &str = "GEMINI_API_KEY";
const MODEL_VARIABLE: &str = "GEMINI_MODEL";
const EMBEDDING_VARIABLE: &str = "GEMINI_EMBEDDING_MODEL";

/// Replies that one answer may be continued in; more would be a loop.
const MOST_CONTINUATIONS: usize = 4;

/// How much more room an answer gets that was eaten by thinking, and the most that models give.
const MORE_ROOM: u32 = 4;
const MOST_TOKENS: u32 = 65_536;

/// Largest description of a model that is read.
const MODEL_BYTES: usize = 256 * 1024;

/// How to reach Gemini and what to ask for.
#[derive(Debug, Clone)]
pub struct GeminiOptions {
    /// Address without version and path.
    pub base_url: String,
    /// Version in the path: `v1beta` or `v1`.
    pub api_version: String,
    /// The API key, sent as a header only.
    pub key: Secret,
    /// Chat models: the preferred one first, then those that take over when it fails.
    pub models: Vec<String>,
    /// The embedding model.
    pub embedding_model: String,
    /// Length of the vectors asked for.
    pub dimensions: usize,
    /// How much the model may think; `None` leaves it to the model.
    pub thinking: Option<ThinkingLevel>,
    /// Time for everything until the first delta of an answer (or for one batch of embeddings), over all attempts,
    /// waits and models.
    pub time_budget: Duration,
    /// Longest wait for the first byte of one attempt.
    pub first_byte_timeout: Duration,
    /// Longest silence inside an answer.
    pub idle_timeout: Duration,
}

impl Default for GeminiOptions {
    fn default() -> Self {
        Self {
            base_url: "https://generativelanguage.googleapis.com".to_owned(),
            api_version: "v1beta".to_owned(),
            key: Secret::default(),
            models: vec!["gemini-3.5-flash-lite".to_owned(), "gemini-3.1-flash-lite".to_owned()],
            embedding_model: "gemini-embedding-2".to_owned(),
            dimensions: 768,
            thinking: Some(ThinkingLevel::Auto),
            time_budget: times::ANSWER / times::FIRST_WORD_SHARE,
            first_byte_timeout: times::ANSWER / times::FIRST_WORD_SHARE,
            idle_timeout: times::SILENCE,
        }
    }
}

/// A client of the Gemini API. Cheap to clone: clones share connections and the memory of which models rest.
#[derive(Debug, Clone)]
pub struct Gemini {
    client: Client,
    options: GeminiOptions,
    /// `…/v1beta/models`
    models_url: String,
    key: Option<HeaderValue>,
    rests: Arc<Rests>,
    allowance: Arc<Allowance>,
    generating: Gauge,
    embedding: Gauge,
}

impl Gemini {
    /// Texts per embedding call, the API's own limit. Who wants to lose nothing when a later batch fails gives at most
    /// this many texts to one [`Gemini::embed`].
    pub const EMBED_BATCH: usize = 100;

    /// A client over `client`; nothing is sent yet.
    ///
    /// A base URL that already ends in the version (`…/v1beta`) is understood.
    pub fn new(client: Client, options: GeminiOptions) -> Self {
        let base = trim_base(&options.base_url);
        let base =
            base.strip_suffix(&options.api_version).and_then(|base| base.strip_suffix('/')).unwrap_or(base);
        let models_url = format!("{base}/{}/models", options.api_version);
        let key = key_header("", &options.key).filter(|_| !options.key.is_empty());
        let nobody = Services::default();
        Self {
            client,
            options,
            models_url,
            key,
            rests: Arc::default(),
            allowance: Arc::default(),
            generating: nobody.gauge(Service::Gemini, "generate"),
            embedding: nobody.gauge(Service::Gemini, "embed"),
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
        self.generating = services.gauge(Service::Gemini, "generate");
        self.embedding = services.gauge(Service::Gemini, "embed");
        self
    }

    /// Names everything that decides the vector of a text: provider, model, length, and how texts are prepared. Vectors
    /// of different fingerprints must not be compared.
    pub fn embedding_fingerprint(&self) -> String {
        let model = bare_model(&self.options.embedding_model);
        let preparation = if request::uses_task_type(model) { "tasktype" } else { "prefix1" };
        format!("gemini:{model}:{}:{preparation}", self.options.dimensions)
    }

    /// Begins an answer and returns once its first delta is there.
    ///
    /// Passing failures are retried within the time budget: a wait that Gemini asks for is honoured when it fits, then
    /// the next model of the list is asked. After the first delta nothing is retried; a failure is the stream's last item.
    /// Models that are known to refuse, or that failed several questions in a row, are passed over for a while.
    ///
    /// # Errors
    /// When no model began an answer: the first passing failure if there was one, else the preferred model's.
    /// [`ProviderError::Blocked`] when the prompt was withheld.
    pub async fn generate(&self, prompt: &Prompt) -> Result<DeltaStream, ProviderError> {
        let budget = Budget::start(self.options.time_budget);
        let models = &self.options.models;
        let mut failure: Option<ProviderError> = None;
        for (place, model) in models.iter().enumerate() {
            let others_wait = place + 1 < models.len();
            let model = bare_model(model);
            let error = match self.generate_with(model, prompt, budget, others_wait).await {
                Ok(stream) => return Ok(stream),
                Err(error) => error,
            };
            let go_on = others_wait && another_model_may_help(&error) && budget.has_time();
            if go_on {
                warn!(provider = %PROVIDER, model, next = models[place + 1], "trying the next model: {error}");
            }
            let keep = failure.as_ref().is_some_and(|first| first.retryable() || !error.retryable());
            if !keep {
                failure = Some(error);
            }
            if !go_on {
                break;
            }
        }
        Err(failure.unwrap_or_else(|| ProviderError::BadRequest {
            provider: PROVIDER,
            detail: format!("no model is configured; set {MODEL_VARIABLE}"),
        }))
    }

    /// Unit vectors of `texts`, in their order, `dimensions` long.
    ///
    /// Texts go in batches of at most [`Gemini::EMBED_BATCH`]; each batch has the time budget of its own. Every text
    /// counts as one request of the quota, also inside a batch. A query gets four seconds at most.
    ///
    /// # Errors
    /// The first batch that fails fails the call. An empty text is refused without a call.
    pub async fn embed(&self, texts: &[&str], role: EmbedRole) -> Result<Vec<Vec<f32>>, ProviderError> {
        refuse_empty(PROVIDER, texts)?;
        let mut vectors = Vec::with_capacity(texts.len());
        for batch in texts.chunks(Self::EMBED_BATCH) {
            vectors.extend(self.embed_batch(batch, role).await?);
        }
        Ok(vectors)
    }

    /// Asks for the description of every configured model; costs no tokens. One entry a model, chat models first.
    pub async fn check(&self) -> Vec<ModelCheck> {
        let chat = self.options.models.iter().map(|model| (model, ModelUse::Chat));
        let embedding = [(&self.options.embedding_model, ModelUse::Embedding)];
        let used = chat.chain(embedding).filter(|(model, _)| !model.is_empty());
        join_all(used.map(|(model, used_for)| self.check_model(model, used_for))).await
    }

    async fn generate_with(
        &self,
        model: &str,
        prompt: &Prompt,
        budget: Budget,
        others_wait: bool,
    ) -> Result<DeltaStream, ProviderError> {
        let first_byte_timeout = self.options.first_byte_timeout;
        let (rests, gauge) = (&self.rests, &self.generating);
        let attempts = Attempts {
            model,
            rests,
            provider: PROVIDER,
            allowance: Some(&self.allowance),
            gauge,
            budget,
            others_wait,
            first_byte_timeout,
        };
        let stream = attempts.run(|limit| self.attempt_any_level(model, prompt, limit)).await?;
        Ok(told(stream, gauge.clone()))
    }

    /// Asks with the configured thinking level; without one when the model knows others, and with more room when
    /// thinking has eaten the answer.
    async fn attempt_any_level(
        &self,
        model: &str,
        prompt: &Prompt,
        limit: Duration,
    ) -> Result<DeltaStream, ProviderError> {
        let began = Instant::now();
        let thinking = self.options.thinking;
        let error = match self.attempt(model, prompt, thinking, limit).await {
            Err(error) => error,
            begun => return begun,
        };
        let left = limit.saturating_sub(began.elapsed());
        if thinking.is_some() && errors::refuses_thinking_level(&error) && self.allowance.spend() {
            debug!(provider = %PROVIDER, model, "asking without a thinking level: {error}");
            self.attempt(model, prompt, None, left).await
        } else if errors::was_eaten_by_thinking(&error) && self.allowance.spend() {
            debug!(provider = %PROVIDER, model, "asking with more room: {error}");
            let max_tokens = prompt.max_tokens.saturating_mul(MORE_ROOM).min(MOST_TOKENS);
            let roomy = Prompt { max_tokens, ..prompt.clone() };
            self.attempt(model, &roomy, Some(ThinkingLevel::Minimal), left).await
        } else {
            Err(error)
        }
    }

    /// One request, up to its first delta, within `limit`.
    async fn attempt(
        &self,
        model: &str,
        prompt: &Prompt,
        thinking: Option<ThinkingLevel>,
        limit: Duration,
    ) -> Result<DeltaStream, ProviderError> {
        let body = request::generate(model, prompt, thinking)?;
        let mut reader = self.begin(model, &body, limit).await?;
        reader.until_first_delta().await?;
        // A complete answer without a word: nothing was shown yet, so asking again is harmless.
        if !reader.ready().any(|delta| matches!(delta, Delta::Text(_))) {
            match reader.ready().last() {
                Some(Delta::Finished(FinishReason::Stop)) => {
                    return Err(ProviderError::Unavailable {
                        provider: PROVIDER,
                        detail: "the answer was empty".to_owned(),
                    });
                }
                Some(Delta::Finished(FinishReason::MaxTokens)) => return Err(errors::eaten_by_thinking()),
                _ => {}
            }
        }
        Ok(self.clone().continued(model.to_owned(), body, reader.into_stream()))
    }

    /// Sends `body` and reads the head of the reply, within `limit`.
    async fn begin(
        &self,
        model: &str,
        body: &Value,
        limit: Duration,
    ) -> Result<DeltaReader<GeminiDecoder>, ProviderError> {
        let path = format!("{}:streamGenerateContent?alt=sse", path_piece(model));
        let started = Instant::now();
        let response = self.send(Method::POST, &path, Some(body), limit).await?;
        let response = self.accept(response, model, MODEL_VARIABLE).await?;
        let decoder = GeminiDecoder::new(model, self.options.key.clone());
        let left = limit.saturating_sub(started.elapsed());
        Ok(DeltaReader::new(PROVIDER, response, decoder, left, self.options.idle_timeout))
    }

    /// The stream, with the rest of an answer that stopped at a limit of one request asked for and appended.
    fn continued(self, model: String, body: Value, stream: DeltaStream) -> DeltaStream {
        let state = Continued { gemini: self, model, body, stream, usage: Usage::default(), rounds: 0 };
        Box::pin(stream::unfold(state, |mut state| async move {
            let delta = state.next().await?;
            Some((delta, state))
        }))
    }

    async fn embed_batch(&self, texts: &[&str], role: EmbedRole) -> Result<Vec<Vec<f32>>, ProviderError> {
        let budget = Budget::start(match role {
            EmbedRole::Query => times::EMBED_QUESTION.min(self.options.time_budget),
            EmbedRole::Passage => self.options.time_budget,
        });
        let model = bare_model(&self.options.embedding_model);
        let first_byte_timeout = self.options.first_byte_timeout;
        let (rests, gauge) = (&self.rests, &self.embedding);
        let attempts = Attempts {
            model,
            rests,
            provider: PROVIDER,
            allowance: (role == EmbedRole::Query).then_some(&*self.allowance),
            gauge,
            budget,
            others_wait: false,
            first_byte_timeout,
        };
        attempts.run(|limit| self.embed_once(texts, role, limit)).await
    }

    async fn embed_once(
        &self,
        texts: &[&str],
        role: EmbedRole,
        limit: Duration,
    ) -> Result<Vec<Vec<f32>>, ProviderError> {
        let model = bare_model(&self.options.embedding_model);
        let mut requests: Vec<Value> = Vec::with_capacity(texts.len());
        for text in texts {
            requests.push(request::embed(model, text, role, self.options.dimensions));
        }
        let single = requests.len() == 1;
        let (method, body) = match requests.pop() {
            Some(request) if single => ("embedContent", request),
            last => {
                requests.extend(last);
                ("batchEmbedContents", json!({ "requests": requests }))
            }
        };
        let path = format!("{}:{method}", path_piece(model));
        let response = self.send(Method::POST, &path, Some(&body), limit).await?;
        let response = self.accept(response, model, EMBEDDING_VARIABLE).await?;
        let reply = self.read_json(response, REPLY_BYTES, limit).await?;
        let embeddings: Vec<&Value> = if single {
            reply.get("embedding").into_iter().collect()
        } else {
            reply
                .get("embeddings")
                .and_then(Value::as_array)
                .map(|list| list.iter().collect())
                .unwrap_or_default()
        };
        if embeddings.len() != texts.len() {
            return Err(ProviderError::BadResponse {
                provider: PROVIDER,
                detail: format!("{} embeddings came for {} texts", embeddings.len(), texts.len()),
            });
        }
        let dimensions = Some(self.options.dimensions);
        embeddings
            .iter()
            .map(|embedding| read_vector(PROVIDER, embedding.get("values"), dimensions))
            .collect()
    }

    async fn check_model(&self, model: &str, used_for: ModelUse) -> ModelCheck {
        let started = Instant::now();
        let described = self.describe(model, used_for).await;
        let took = started.elapsed();
        let (problem, warning) = match described {
            Ok(description) => (None, errors::model_warning(&description, used_for)),
            Err(error) => (Some(error), None),
        };
        ModelCheck { model: model.to_owned(), used_for, took, problem, warning }
    }

    async fn describe(&self, model: &str, used_for: ModelUse) -> Result<Value, ProviderError> {
        let model = bare_model(model);
        let variable = match used_for {
            ModelUse::Chat => MODEL_VARIABLE,
            ModelUse::Embedding => EMBEDDING_VARIABLE,
        };
        let response = self.send(Method::GET, &path_piece(model), None, times::MODEL_CHECK).await?;
        let response = self.accept(response, model, variable).await?;
        self.read_json(response, MODEL_BYTES, times::MODEL_CHECK).await
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        limit: Duration,
    ) -> Result<Response, ProviderError> {
        let Some(key) = self.key.clone() else {
            let detail = if self.options.key.is_empty() {
                "it is empty"
            } else {
                "it has characters that no header can carry"
            };
            return Err(ProviderError::Unauthorized {
                provider: PROVIDER,
                variable: KEY_VARIABLE,
                detail: detail.to_owned(),
            });
        };
        let request = self.client.request(method, format!("{}/{path}", self.models_url));
        // The key goes into exactly one header: a second one is refused, and a query would end in logs.
        let request: RequestBuilder = request.header("x-goog-api-key", key);
        let request = match body {
            Some(body) => request.json(body),
            None => request,
        };
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
        let retry_after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        let retry_after = retry_after.and_then(super::retry::parse_duration);
        let body = read_error_body(response).await;
        let failure = Failure { model, model_variable, key: &self.options.key };
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

/// An answer that may come in several replies.
struct Continued {
    gemini: Gemini,
    model: String,
    body: Value,
    stream: DeltaStream,
    /// Of the replies before this one.
    usage: Usage,
    rounds: usize,
}

impl Continued {
    /// Every request is paid, also one that continues.
    fn may_go_on(&self) -> bool {
        self.rounds < MOST_CONTINUATIONS && self.gemini.allowance.spend()
    }

    async fn next(&mut self) -> Option<Result<Delta, ProviderError>> {
        loop {
            match self.stream.next().await? {
                Ok(Delta::Usage(usage)) => {
                    self.usage.prompt_tokens += usage.prompt_tokens;
                    self.usage.answer_tokens += usage.answer_tokens;
                    self.usage.thought_tokens += usage.thought_tokens;
                }
                Ok(Delta::Finished(FinishReason::Continue(token))) if self.may_go_on() => {
                    self.rounds += 1;
                    self.body["generationConfig"]["continuationToken"] = token.into();
                    let limit = self.gemini.options.idle_timeout;
                    match self.gemini.begin(&self.model, &self.body, limit).await {
                        Ok(reader) => self.stream = reader.into_stream(),
                        Err(error) => {
                            self.stream = Box::pin(stream::empty());
                            return Some(Err(error));
                        }
                    }
                }
                Ok(Delta::Finished(reason)) => {
                    let cut = matches!(reason, FinishReason::Continue(_));
                    let end = Delta::Finished(if cut { FinishReason::MaxTokens } else { reason });
                    if self.usage == Usage::default() {
                        self.stream = Box::pin(stream::empty());
                        return Some(Ok(end));
                    }
                    // Usage comes once and before the end, which is read again in the next round.
                    self.stream = Box::pin(stream::iter([Ok(end)]));
                    return Some(Ok(Delta::Usage(std::mem::take(&mut self.usage))));
                }
                other => return Some(other),
            }
        }
    }
}

/// Ids are configured with or without the `models/` that the API puts in front of them.
fn bare_model(model: &str) -> &str {
    let model = model.trim();
    model.strip_prefix("models/").unwrap_or(model)
}

/// Quotas, overload and existence belong to one model; keys, prompts and bad requests do not.
fn another_model_may_help(error: &ProviderError) -> bool {
    match error {
        ProviderError::RateLimited { .. }
        | ProviderError::Unavailable { .. }
        | ProviderError::Timeout { .. }
        | ProviderError::Interrupted { .. }
        | ProviderError::NotFound { .. }
        | ProviderError::BadResponse { .. } => true,
        ProviderError::Unauthorized { .. }
        | ProviderError::BudgetSpent { .. }
        | ProviderError::BadRequest { .. }
        | ProviderError::Blocked { .. } => false,
    }
}
