//! Which part does what: a provider when it is configured, an embedded part otherwise, and why.

mod searching;

use std::sync::Arc;
use std::time::Duration;

use encoder::Encoder;
use serde_json::json;

use crate::answer::{AnswerCache, Answerer, Generator};
use crate::config::{Config, EmbedderChoice, GeneratorChoice, redact_url};
use crate::conversations::{Conversations, PostgresOptions, StoreError};
use crate::providers::qdrant::Qdrant;
use crate::providers::{
    Allowance, Gemini, GeminiOptions, ModelCheck, ModelUse, OpenAi, OpenAiOptions, ThinkingLevel, http_client,
};
use crate::retrieve::{Embedder, PassageLimits, Retriever};
use crate::status::{CHECK, Service, Services};
use crate::times;
pub use searching::Searching;

/// The opened parts of a running service.
#[derive(Debug, Clone)]
pub struct Parts {
    /// Answers questions.
    pub answerer: Answerer,
    /// Keeps them.
    pub conversations: Conversations,
    /// How the outside services were when they were last used.
    pub services: Services,
    /// The model providers, for a probe.
    pub providers: Arc<Providers>,
}

/// One row of the start-up table.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct PartChoice {
    /// The part.
    pub part: &'static str,
    /// What is in use.
    pub using: String,
    /// Why.
    pub why: String,
}

/// Why a part could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum PartError {
    /// The weights file of the local embedder.
    #[error("the local embedder cannot be opened: {0}")]
    Encoder(#[from] encoder::EncoderError),
    /// The conversations.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The providers of a configuration, over one HTTP client.
#[derive(Debug)]
pub struct Providers {
    gemini: Option<Arc<Gemini>>,
    openai: Option<Arc<OpenAi>>,
    qdrant: Option<Arc<Qdrant>>,
    services: Services,
    allowance: Arc<Allowance>,
}

impl Providers {
    /// Makes the clients, which tell `services` how their calls go; nothing is sent yet.
    pub fn new(config: &Config, services: &Services) -> Self {
        let services = services.clone();
        if config.gemini.is_none() && config.openai.is_none() && config.qdrant.is_none() {
            return Self { gemini: None, openai: None, qdrant: None, services, allowance: Arc::default() };
        }
        let client = http_client();
        let allowance =
            Arc::new(Allowance::new(config.daily_budget, Some(config.data_dir.join("paid-calls"))));
        let gemini = config.gemini.as_ref().map(|settings| {
            let gemini = Gemini::new(
                client.clone(),
                GeminiOptions {
                    base_url: settings.base_url.clone(),
                    api_version: settings.api_version.clone(),
                    key: settings.key.clone(),
                    models: settings.models.clone(),
                    embedding_model: settings.embedding_model.clone(),
                    dimensions: config.embedding_dimensions,
                    thinking: settings.thinking.as_deref().and_then(ThinkingLevel::parse),
                    time_budget: config.answer_timeout / times::FIRST_WORD_SHARE,
                    first_byte_timeout: config.answer_timeout / times::FIRST_WORD_SHARE,
                    ..GeminiOptions::default()
                },
            );
            Arc::new(gemini.telling(&services).within(&allowance))
        });
        let qdrant = config
            .qdrant
            .as_ref()
            .map(|settings| Arc::new(Qdrant::new(client.clone(), &settings.url, settings.key.as_ref())));
        let openai = config.openai.as_ref().map(|settings| {
            let openai = OpenAi::new(
                client,
                OpenAiOptions {
                    base_url: settings.base_url.clone(),
                    key: settings.key.clone(),
                    model: settings.model.clone(),
                    embedding_model: settings.embedding_model.clone(),
                    time_budget: config.answer_timeout / times::FIRST_WORD_SHARE,
                    first_byte_timeout: config.answer_timeout / times::FIRST_WORD_SHARE,
                    ..OpenAiOptions::default()
                },
            );
            Arc::new(openai.telling(&services).within(&allowance))
        });
        Self { gemini, openai, qdrant, services, allowance }
    }

    /// The embedder that the configuration wants.
    ///
    /// # Errors
    /// When the local encoder's weights cannot be opened.
    pub fn embedder(&self, config: &Config) -> Result<(Embedder, PartChoice), PartError> {
        let named = config.gemini.as_ref().is_some_and(|settings| settings.embedding_model_is_set);
        let embeds = config.openai.as_ref().is_some_and(|settings| !settings.embedding_model.is_empty());
        let row = |using: String, why: &str| PartChoice { part: "embedder", using, why: why.to_owned() };
        Ok(match (config.embedder, &self.gemini, &self.openai) {
            (EmbedderChoice::None, ..) => {
                (Embedder::None, row("none".into(), "DOCENT_EMBEDDER is none: words only"))
            }
            (EmbedderChoice::Gemini, Some(gemini), _) => gemini_embedder(gemini, "DOCENT_EMBEDDER is gemini"),
            (EmbedderChoice::Auto, Some(gemini), _) if named => {
                gemini_embedder(gemini, "GEMINI_EMBEDDING_MODEL is set")
            }
            (EmbedderChoice::OpenAi, _, Some(openai)) => openai_embedder(openai, "DOCENT_EMBEDDER is openai"),
            (EmbedderChoice::Auto, _, Some(openai)) if embeds => {
                openai_embedder(openai, "OPENAI_EMBEDDING_MODEL is set")
            }
            (choice, ..) => {
                let encoder = match &config.encoder_file {
                    Some(path) => Encoder::open(path)?,
                    None => Encoder::builtin()?,
                };
                let embedder = Embedder::local(encoder);
                let name = embedder.fingerprint().unwrap_or("local").to_owned();
                let why = if choice == EmbedderChoice::Local {
                    "DOCENT_EMBEDDER is local"
                } else {
                    "no other embedding model is set; costs nothing"
                };
                (embedder, row(name, why))
            }
        })
    }

    /// The generator that the configuration wants.
    pub fn generator(&self, config: &Config) -> (Generator, PartChoice) {
        let row = |using: String, why: &str| PartChoice { part: "generator", using, why: why.to_owned() };
        let chats = config.openai.as_ref().is_some_and(|settings| !settings.model.is_empty());
        let gemini_row = |why: &str| {
            let models =
                config.gemini.as_ref().map(|settings| settings.models.join(", ")).unwrap_or_default();
            row(format!("gemini ({models})"), why)
        };
        let openai_row = |why: &str| {
            let settings = config.openai.as_ref();
            let model = settings.map(|settings| settings.model.as_str()).unwrap_or_default();
            let address = settings.map(|settings| redact_url(&settings.base_url)).unwrap_or_default();
            row(format!("openai ({model} at {address})"), why)
        };
        match (config.generator, &self.gemini, &self.openai) {
            (GeneratorChoice::Gemini, Some(gemini), _) => {
                (Generator::Gemini(gemini.clone()), gemini_row("DOCENT_GENERATOR is gemini"))
            }
            (GeneratorChoice::Auto, Some(gemini), _) => {
                (Generator::Gemini(gemini.clone()), gemini_row("GEMINI_API_KEY is set"))
            }
            (GeneratorChoice::OpenAi, _, Some(openai)) => {
                (Generator::OpenAi(openai.clone()), openai_row("DOCENT_GENERATOR is openai"))
            }
            (GeneratorChoice::Auto, _, Some(openai)) if chats => {
                (Generator::OpenAi(openai.clone()), openai_row("OPENAI_BASE_URL and OPENAI_MODEL are set"))
            }
            (GeneratorChoice::Extractive, ..) => {
                (Generator::Extractive, row("extractive".into(), "DOCENT_GENERATOR is extractive"))
            }
            _ => (
                Generator::Extractive,
                row("extractive".into(), "no model is configured: answers quote the book"),
            ),
        }
    }

    /// Says which providers are in use, for the health report.
    pub fn announce(&self, config: &Config, embedder: &Embedder, generator: &Generator) {
        let used = |name: &str| generator.name() == name || embedder.name() == name;
        if let Some(settings) = config.gemini.as_ref().filter(|_| used("gemini")) {
            let model = (generator.name() == "gemini").then(|| settings.models.first()).flatten();
            let embedding = (embedder.name() == "gemini").then_some(&settings.embedding_model);
            self.services.in_use(Service::Gemini, json!({"model": model, "embedding_model": embedding}));
        }
        if let Some(settings) = config.openai.as_ref().filter(|_| used("openai")) {
            let model = (generator.name() == "openai").then_some(&settings.model);
            let embedding = (embedder.name() == "openai").then_some(&settings.embedding_model);
            let facts =
                json!({"model": model, "embedding_model": embedding, "url": redact_url(&settings.base_url)});
            self.services.in_use(Service::OpenAi, facts);
        }
    }

    /// Paid calls of today and how many there may be; `None` without a limit.
    pub fn allowance_today(&self) -> Option<(u32, u32)> {
        self.allowance.today()
    }

    /// Asks the providers whether the models that are in use exist, without cost; logs what is wrong and tells health.
    pub async fn check(&self, embedder: &Embedder, generator: &Generator) {
        for (service, checks) in self.checks(embedder, generator).await {
            self.tell(service, &checks);
        }
    }

    /// What the providers say about the models that are in use, asked without cost.
    pub async fn checks(
        &self,
        embedder: &Embedder,
        generator: &Generator,
    ) -> Vec<(Service, Vec<ModelCheck>)> {
        let used = |provider: &str, used_for: ModelUse| match used_for {
            ModelUse::Chat => generator.name() == provider,
            ModelUse::Embedding => embedder.name() == provider,
        };
        let uses = |provider| used(provider, ModelUse::Chat) || used(provider, ModelUse::Embedding);
        let mut all = Vec::new();
        if let Some(gemini) = self.gemini.as_ref().filter(|_| uses("gemini")) {
            let checks = gemini.check().await.into_iter().filter(|check| used("gemini", check.used_for));
            all.push((Service::Gemini, checks.collect()));
        }
        if let Some(openai) = self.openai.as_ref().filter(|_| uses("openai")) {
            let checks = openai.check().await.into_iter().filter(|check| used("openai", check.used_for));
            all.push((Service::OpenAi, checks.collect()));
        }
        all
    }

    /// One model that is there is enough to be reached; that others are missing is a warning.
    fn tell(&self, service: Service, checks: &[ModelCheck]) {
        for check in checks {
            if let Some(error) = &check.problem {
                tracing::warn!(model = check.model, "the model check failed: {error}");
            }
            if let Some(warning) = &check.warning {
                tracing::warn!(model = check.model, "{warning}");
            }
        }
        let took = checks.iter().map(|check| check.took).max().unwrap_or_default();
        let gauge = self.services.gauge(service, CHECK);
        let trouble = checks.iter().find_map(|check| check.problem.as_ref()?.trouble());
        match trouble {
            Some(trouble) if checks.iter().all(|check| check.problem.is_some()) => {
                gauge.failed(took, trouble);
            }
            _ => {
                gauge.worked(took);
                self.services.reached(service);
            }
        }
    }
}

fn gemini_embedder(gemini: &Arc<Gemini>, why: &str) -> (Embedder, PartChoice) {
    let fingerprint = gemini.embedding_fingerprint();
    let row = PartChoice { part: "embedder", using: fingerprint.clone(), why: why.to_owned() };
    (Embedder::Gemini(gemini.clone(), fingerprint), row)
}

fn openai_embedder(openai: &Arc<OpenAi>, why: &str) -> (Embedder, PartChoice) {
    let fingerprint = openai.embedding_fingerprint();
    let row = PartChoice { part: "embedder", using: fingerprint.clone(), why: why.to_owned() };
    (Embedder::OpenAi(openai.clone(), fingerprint), row)
}

impl Parts {
    /// Looks at every outside service that is in use, once, without cost, and tells [`Parts::services`]. At most
    /// `limit`; whatever has not answered by then keeps its state.
    pub async fn probe(&self, limit: Duration) {
        let looks = async { tokio::join!(self.models(), self.passages(), self.conversations.probe()) };
        if tokio::time::timeout(limit, looks).await.is_err() {
            tracing::warn!("a probe of the services was not over within {limit:?}");
        }
    }

    /// Looks again and again at services that failed when they were last used, without cost, so that health does not wait
    /// for a reader to find out that they are back. While all is well nobody is asked. Postgres is not among them: its own
    /// store looks after it, and knows when it must be left asleep.
    pub async fn look_again(self, (first, longest): (Duration, Duration)) {
        let mut pause = first;
        loop {
            tokio::time::sleep(pause).await;
            let reports = self.services.reports();
            let failed =
                |service| reports.iter().any(|report| report.service == service && report.trouble.is_some());
            let (models, passages) =
                (failed(Service::Gemini) || failed(Service::OpenAi), failed(Service::Qdrant));
            let disk = failed(Service::Sqlite);
            if !models && !passages && !disk {
                pause = first;
                continue;
            }
            let looks = async {
                if models {
                    self.models().await;
                }
                if passages {
                    self.passages().await;
                }
                if disk {
                    self.conversations.probe().await;
                }
            };
            let _ = tokio::time::timeout(times::PROBE, looks).await;
            pause = (pause * 2).min(longest);
        }
    }

    async fn models(&self) {
        self.providers.check(&self.answerer.embedder, &self.answerer.generator).await;
    }

    async fn passages(&self) {
        if let Retriever::Qdrant(qdrant) = &self.answerer.retriever {
            qdrant.refresh().await;
        }
    }
}

/// Opens the Postgres store that the configuration wants, if any; the database itself is contacted in the background.
pub fn postgres(config: &Config, services: &Services) -> Option<(Conversations, PartChoice)> {
    let settings = config.database.as_ref()?;
    let options = postgres_options(config, services)?;
    let using = format!("postgres ({})", settings.database.shown());
    let why = "DATABASE_URL is set; the outbox in DOCENT_DATA_DIR waits with it".to_owned();
    let store = Conversations::postgres(options);
    services.in_use(Service::Postgres, json!({"url": settings.database.shown()}));
    Some((store, PartChoice { part: "conversations", using, why }))
}

/// How to reach the database of a configuration, if it names one.
pub fn postgres_options(config: &Config, services: &Services) -> Option<PostgresOptions> {
    let settings = config.database.as_ref()?;
    Some(PostgresOptions {
        database: settings.database.clone(),
        transport: settings.transport,
        https_address: settings.https_address.clone(),
        client: http_client(),
        outbox: config.outbox_file(),
        services: services.clone(),
    })
}

/// Puts an answerer together.
pub fn answerer(
    config: &Config,
    book: String,
    retriever: impl Into<Retriever>,
    embedder: Embedder,
    generator: Generator,
) -> Answerer {
    Answerer {
        book,
        retriever: retriever.into(),
        embedder,
        generator,
        limits: PassageLimits::default(),
        max_answer_tokens: config.max_answer_tokens,
        timeout: config.answer_timeout,
        cache: AnswerCache::new(config.cached_answers),
        writes_out: config.writes_out,
    }
}
