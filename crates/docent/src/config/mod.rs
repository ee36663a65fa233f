//! The effective configuration: environment, then `.env`, then `docent.toml`, then defaults.
//!
//! Values are trimmed and unquoted. All problems are collected and reported together, each naming the
//! variable, what was expected and how to fix it.

mod database;
mod sources;
mod variables;

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use database::DatabaseSettings;
pub use sources::{Origin, Values};
pub use variables::{VARIABLES, Variable};

use crate::http::origins::AllowedOrigins;
use crate::secret::Secret;

/// Shortest admin token: a shorter one could be guessed.
const ADMIN_TOKEN_BYTES: usize = 16;

/// Name of the index file in the data folder.
pub const INDEX_FILE: &str = "index.docent";

/// Everything that can be configured, checked.
#[derive(Debug, Clone)]
pub struct Config {
    /// Address to listen on.
    pub host: IpAddr,
    /// Port to listen on; 0 lets the system choose.
    pub port: u16,
    /// Sites whose pages may ask.
    pub allowed_origins: AllowedOrigins,
    /// A `tracing` filter.
    pub log_level: String,
    /// One JSON object a line instead of text.
    pub log_json: bool,
    /// Questions and answers may be logged.
    pub log_content: bool,
    /// Folder of the index file, the conversations and the outbox.
    pub data_dir: PathBuf,
    /// The index file when it lies elsewhere, as in an image whose file system is read-only.
    pub index_file: Option<PathBuf>,
    /// Which embedder is wanted.
    pub embedder: EmbedderChoice,
    /// Weights file of the local embedder; `None` for the built-in one.
    pub encoder_file: Option<PathBuf>,
    /// Which generator is wanted.
    pub generator: GeneratorChoice,
    /// Gemini, when a key is there.
    pub gemini: Option<GeminiSettings>,
    /// An OpenAI-compatible server, when its address is there.
    pub openai: Option<OpenAiSettings>,
    /// The Postgres database of the conversations, when its address is there.
    pub database: Option<DatabaseSettings>,
    /// A Qdrant server, when its address is there.
    pub qdrant: Option<QdrantSettings>,
    /// Length of vectors asked from a provider.
    pub embedding_dimensions: usize,
    /// Upper bound of a generated answer in tokens.
    pub max_answer_tokens: u32,
    /// Time that one answer may take in all.
    pub answer_timeout: Duration,
    /// Answers at the same time.
    pub max_streams: usize,
    /// How long a finished stream can be resumed.
    pub resume_window: Duration,
    /// Answers of a model that are kept for the same question.
    pub cached_answers: usize,
    /// Whether a model writes follow-ups out before they are searched for.
    pub writes_out: bool,
    /// Texts a minute at ingest; 0 for no limit, `None` for what suits the embedder.
    pub embeddings_per_minute: Option<u32>,
    /// Questions a minute from one address; 0 for no limit.
    pub questions_per_address: u32,
    /// Questions a minute in one conversation; 0 for no limit.
    pub questions_per_conversation: u32,
    /// Whether a proxy names the client.
    pub proxy: Proxy,
    /// Calls to models a day; 0 for no limit.
    pub daily_budget: u32,
    /// Opens the owner's routes; `None` closes them.
    pub admin_token: Option<Secret>,
}

/// Whether a proxy in front says who the client is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proxy {
    /// When it runs on this machine.
    Auto,
    /// Always.
    Yes,
    /// Never.
    No,
}

/// Which embedder is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EmbedderChoice {
    /// A provider whose embedding model is set explicitly, else the local encoder.
    Auto,
    /// The local encoder.
    Local,
    /// Gemini.
    Gemini,
    /// An OpenAI-compatible server.
    OpenAi,
    /// No vectors: lexical retrieval only.
    None,
}

/// Which generator is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GeneratorChoice {
    /// Gemini when it has a key, else an OpenAI-compatible server when it has an address, else extractive.
    Auto,
    /// Gemini.
    Gemini,
    /// An OpenAI-compatible server.
    OpenAi,
    /// No model: sentences of the book.
    Extractive,
}

/// How to reach Gemini.
#[derive(Debug, Clone)]
pub struct GeminiSettings {
    /// Key of the API.
    pub key: Secret,
    /// Address without version and path.
    pub base_url: String,
    /// Version in the path.
    pub api_version: String,
    /// Chat models, preferred first.
    pub models: Vec<String>,
    /// Embedding model.
    pub embedding_model: String,
    /// The embedding model was named by the operator.
    pub embedding_model_is_set: bool,
    /// Thinking level, `None` for the model's own.
    pub thinking: Option<String>,
}

/// How to reach an OpenAI-compatible server.
#[derive(Debug, Clone)]
pub struct OpenAiSettings {
    /// Address up to and including `/v1`.
    pub base_url: String,
    /// Key, when the server wants one.
    pub key: Option<Secret>,
    /// Chat model; empty when it only embeds.
    pub model: String,
    /// Embedding model; empty when it only chats.
    pub embedding_model: String,
}

/// How to reach Qdrant.
#[derive(Debug, Clone)]
pub struct QdrantSettings {
    /// Address, with or without port.
    pub url: String,
    /// Key, when the server wants one.
    pub key: Option<Secret>,
    /// Name of the collection or alias.
    pub collection: String,
}

/// One thing that is wrong with the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The variable to change.
    pub variable: String,
    /// What was found, what was expected, what to do.
    pub message: String,
}

/// All that is wrong with the configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ConfigError(pub Vec<Problem>);

impl fmt::Display for ConfigError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.0.len();
        write!(formatter, "{count} configuration problem{}:", if count == 1 { "" } else { "s" })?;
        for problem in &self.0 {
            write!(formatter, "\n  {}: {}", problem.variable, problem.message)?;
        }
        Ok(())
    }
}

impl Config {
    /// Reads the process environment, `.env` and `docent.toml` of the working folder, and `docent.toml` of `book`.
    ///
    /// # Errors
    /// All problems at once.
    pub fn load(book: Option<&Path>) -> Result<(Self, Values), ConfigError> {
        let (values, problems) = Values::gather(book);
        let config = Self::from_values(&values, problems)?;
        Ok((config, values))
    }

    /// Checks gathered values; `problems` are those found while gathering.
    ///
    /// # Errors
    /// All problems at once.
    pub fn from_values(values: &Values, problems: Vec<Problem>) -> Result<Self, ConfigError> {
        let mut reader = Reader { values, problems };
        let config = reader.read();
        if reader.problems.is_empty() { Ok(config) } else { Err(ConfigError(reader.problems)) }
    }

    /// The index file.
    pub fn index_file(&self) -> PathBuf {
        self.index_file.clone().unwrap_or_else(|| self.data_dir.join(INDEX_FILE))
    }

    /// The conversations' database.
    pub fn conversations_file(&self) -> PathBuf {
        self.data_dir.join("conversations.sqlite")
    }

    /// What waits for the Postgres database.
    pub fn outbox_file(&self) -> PathBuf {
        self.data_dir.join("outbox.docent")
    }
}

/// Turns values into types and remembers what did not fit.
struct Reader<'a> {
    values: &'a Values,
    problems: Vec<Problem>,
}

impl Reader<'_> {
    fn read(&mut self) -> Config {
        let gemini = self.gemini();
        let openai = self.openai();
        let database = self.database();
        let qdrant = self.qdrant();
        let embedder = self.choice(
            "DOCENT_EMBEDDER",
            &[
                ("auto", EmbedderChoice::Auto),
                ("local", EmbedderChoice::Local),
                ("gemini", EmbedderChoice::Gemini),
                ("openai", EmbedderChoice::OpenAi),
                ("none", EmbedderChoice::None),
            ],
        );
        let generator = self.choice(
            "DOCENT_GENERATOR",
            &[
                ("auto", GeneratorChoice::Auto),
                ("gemini", GeneratorChoice::Gemini),
                ("openai", GeneratorChoice::OpenAi),
                ("extractive", GeneratorChoice::Extractive),
            ],
        );
        self.check_choices(embedder, generator, gemini.as_ref(), openai.as_ref());
        self.check_required(gemini.is_some(), openai.is_some());
        Config {
            host: self
                .parse("HOST", "an IP address such as 0.0.0.0 or 127.0.0.1")
                .unwrap_or(IpAddr::from([0, 0, 0, 0])),
            port: self.parse("PORT", "a number from 0 to 65535").unwrap_or_default(),
            allowed_origins: self.origins(),
            log_level: self.log_level(),
            log_json: self.choice("DOCENT_LOG_FORMAT", &[("text", false), ("json", true)]),
            log_content: self.flag("DOCENT_LOG_CONTENT"),
            data_dir: PathBuf::from(self.values.get("DOCENT_DATA_DIR")),
            index_file: self.optional("DOCENT_INDEX_FILE").map(PathBuf::from),
            embedder,
            encoder_file: self.optional("DOCENT_ENCODER_FILE").map(PathBuf::from),
            generator,
            gemini,
            openai,
            database,
            qdrant,
            embedding_dimensions: self.between("DOCENT_EMBEDDING_DIMENSIONS", 64, 4096) as usize,
            max_answer_tokens: self.between("DOCENT_MAX_ANSWER_TOKENS", 64, 65_536) as u32,
            answer_timeout: Duration::from_secs(self.between("DOCENT_ANSWER_TIMEOUT", 1, 600)),
            max_streams: self.between("DOCENT_MAX_STREAMS", 1, 100_000) as usize,
            resume_window: Duration::from_secs(self.between("DOCENT_RESUME_SECONDS", 0, 3600)),
            cached_answers: self.between("DOCENT_ANSWER_CACHE", 0, 100_000) as usize,
            writes_out: self.choice("DOCENT_FOLLOW_UPS", &[("model", true), ("words", false)]),
            embeddings_per_minute: self
                .optional("DOCENT_EMBEDDINGS_PER_MINUTE")
                .map(|_| self.between("DOCENT_EMBEDDINGS_PER_MINUTE", 0, 1_000_000) as u32),
            questions_per_address: self.between("DOCENT_ADDRESS_LIMIT", 0, 100_000) as u32,
            questions_per_conversation: self.between("DOCENT_CONVERSATION_LIMIT", 0, 100_000) as u32,
            proxy: self.proxy(),
            daily_budget: self.between("DOCENT_DAILY_BUDGET", 0, 100_000_000) as u32,
            admin_token: self.admin_token(),
        }
    }

    fn gemini(&mut self) -> Option<GeminiSettings> {
        let base_url = self.url("DOCENT_GEMINI_BASE_URL");
        let models: Vec<String> = self.list("GEMINI_MODEL");
        if models.is_empty() {
            self.problem(
                "GEMINI_MODEL",
                "is empty; name a model such as gemini-3.5-flash-lite or unset it".into(),
            );
        }
        let thinking = self.choice(
            "DOCENT_GEMINI_THINKING",
            &[
                ("auto", Some("auto")),
                ("default", None),
                ("minimal", Some("minimal")),
                ("low", Some("low")),
                ("medium", Some("medium")),
                ("high", Some("high")),
            ],
        );
        let key = self.optional("GEMINI_API_KEY")?;
        Some(GeminiSettings {
            key: Secret::new(key),
            base_url,
            api_version: self.values.get("DOCENT_GEMINI_API_VERSION").to_owned(),
            models,
            embedding_model: self.values.get("GEMINI_EMBEDDING_MODEL").to_owned(),
            embedding_model_is_set: self.values.origin("GEMINI_EMBEDDING_MODEL") != Origin::Default,
            thinking: thinking.map(str::to_owned),
        })
    }

    fn openai(&mut self) -> Option<OpenAiSettings> {
        let key = self.optional("OPENAI_API_KEY");
        if self.optional("OPENAI_BASE_URL").is_none() {
            if key.is_some() {
                self.problem(
                    "OPENAI_BASE_URL",
                    "is not set but OPENAI_API_KEY is; set it to the server's address, for instance https://api.openai.com/v1".into(),
                );
            }
            return None;
        }
        let base_url = self.url("OPENAI_BASE_URL");
        let model = self.values.get("OPENAI_MODEL").to_owned();
        let embedding_model = self.values.get("OPENAI_EMBEDDING_MODEL").to_owned();
        if model.is_empty() && embedding_model.is_empty() {
            self.problem(
                "OPENAI_MODEL",
                "is not set but OPENAI_BASE_URL is; name the chat model of that server".into(),
            );
        }
        Some(OpenAiSettings { base_url, key: key.map(Secret::new), model, embedding_model })
    }

    fn qdrant(&mut self) -> Option<QdrantSettings> {
        let key = self.optional("QDRANT_API_KEY");
        let collection = self.values.get("QDRANT_COLLECTION").to_owned();
        // Qdrant refuses what a file system cannot name; a suffix of ours must fit as well.
        let fits = !collection.is_empty()
            && collection.len() <= 200
            && collection.chars().all(|c| !c.is_control() && !"/\\:*?\"<>|".contains(c));
        if !fits {
            self.problem(
                "QDRANT_COLLECTION",
                format!("is '{collection}'; expected a name of at most 200 letters, digits, - and _"),
            );
        }
        if self.optional("QDRANT_URL").is_none() {
            if key.is_some() {
                self.problem(
                    "QDRANT_URL",
                    "is not set but QDRANT_API_KEY is; set it to the cluster's address, for instance https://xyz.eu-central.aws.cloud.qdrant.io:6333".into(),
                );
            }
            return None;
        }
        Some(QdrantSettings { url: self.url("QDRANT_URL"), key: key.map(Secret::new), collection })
    }

    fn check_choices(
        &mut self,
        embedder: EmbedderChoice,
        generator: GeneratorChoice,
        gemini: Option<&GeminiSettings>,
        openai: Option<&OpenAiSettings>,
    ) {
        if gemini.is_none() && (embedder == EmbedderChoice::Gemini || generator == GeneratorChoice::Gemini) {
            self.problem(
                "GEMINI_API_KEY",
                "is not set but Gemini was chosen; create a key in Google AI Studio or choose another part"
                    .into(),
            );
        }
        if embedder == EmbedderChoice::OpenAi && openai.is_none_or(|openai| openai.embedding_model.is_empty())
        {
            self.problem(
                "OPENAI_EMBEDDING_MODEL",
                "is not set but DOCENT_EMBEDDER is openai; set it and OPENAI_BASE_URL".into(),
            );
        }
        if generator == GeneratorChoice::OpenAi && openai.is_none_or(|openai| openai.model.is_empty()) {
            self.problem(
                "OPENAI_MODEL",
                "is not set but DOCENT_GENERATOR is openai; set it and OPENAI_BASE_URL".into(),
            );
        }
    }

    /// The edge of a Hugging Face Space is a proxy that appends the client's address.
    fn proxy(&mut self) -> Proxy {
        let proxy =
            self.choice("DOCENT_PROXY", &[("auto", Proxy::Auto), ("yes", Proxy::Yes), ("no", Proxy::No)]);
        if proxy == Proxy::Auto && self.values.on_a_space() { Proxy::Yes } else { proxy }
    }

    fn check_required(&mut self, gemini: bool, openai: bool) {
        for name in self.list("DOCENT_REQUIRE") {
            let name = name.to_ascii_lowercase();
            let (there, variable) = match name.as_str() {
                "gemini" => (gemini, "GEMINI_API_KEY"),
                "openai" => (openai, "OPENAI_BASE_URL"),
                "qdrant" => (!self.values.get("QDRANT_URL").is_empty(), "QDRANT_URL"),
                "postgres" => (!self.values.get("DATABASE_URL").is_empty(), "DATABASE_URL"),
                _ => {
                    let message =
                        format!("names '{name}'; expected a list of gemini, openai, qdrant, postgres");
                    self.problem("DOCENT_REQUIRE", message);
                    continue;
                }
            };
            if !there {
                let message =
                    format!("is not set, but DOCENT_REQUIRE names {name}; set it, or take {name} out there");
                self.problem(variable, message);
            }
        }
    }

    fn admin_token(&mut self) -> Option<Secret> {
        let token = self.optional("DOCENT_ADMIN_TOKEN")?;
        if token.len() < ADMIN_TOKEN_BYTES {
            let message = format!(
                "is shorter than {ADMIN_TOKEN_BYTES} characters; make one with `openssl rand -hex 24`"
            );
            self.problem("DOCENT_ADMIN_TOKEN", message);
        }
        Some(Secret::new(token))
    }

    fn origins(&mut self) -> AllowedOrigins {
        let (origins, wrong) = AllowedOrigins::parse(self.values.get("ALLOWED_ORIGINS"));
        for message in wrong {
            self.problem("ALLOWED_ORIGINS", message);
        }
        origins
    }

    fn log_level(&mut self) -> String {
        let level = self.values.get("LOG_LEVEL").to_lowercase();
        // The earlier service used Python's names.
        let level = match level.as_str() {
            "warning" => "warn".to_owned(),
            "critical" => "error".to_owned(),
            _ => level,
        };
        if tracing_subscriber::EnvFilter::builder().parse(&level).is_err() {
            self.problem("LOG_LEVEL", format!("is '{level}'; expected error, warn, info, debug or trace"));
        }
        level
    }

    fn problem(&mut self, variable: &str, message: String) {
        self.problems.push(Problem { variable: variable.to_owned(), message });
    }

    fn optional(&self, name: &str) -> Option<String> {
        let value = self.values.get(name);
        (!value.is_empty()).then(|| value.to_owned())
    }

    fn list(&self, name: &str) -> Vec<String> {
        self.values
            .get(name)
            .split(',')
            .map(str::trim)
            .filter(|item| !item.is_empty())
            .map(str::to_owned)
            .collect()
    }

    fn parse<T: std::str::FromStr>(&mut self, name: &str, expected: &str) -> Option<T> {
        let value = self.values.get(name);
        match value.parse() {
            Ok(parsed) => Some(parsed),
            Err(_) => {
                self.problem(name, format!("is '{value}'; expected {expected}"));
                None
            }
        }
    }

    fn between(&mut self, name: &str, low: u64, high: u64) -> u64 {
        let value: Option<u64> =
            self.values.get(name).parse().ok().filter(|number| (low..=high).contains(number));
        value.unwrap_or_else(|| {
            self.problem(
                name,
                format!("is '{}'; expected a whole number from {low} to {high}", self.values.get(name)),
            );
            low
        })
    }

    fn flag(&mut self, name: &str) -> bool {
        self.choice(
            name,
            &[("false", false), ("true", true), ("0", false), ("1", true), ("no", false), ("yes", true)],
        )
    }

    fn choice<T: Copy>(&mut self, name: &str, choices: &[(&str, T)]) -> T {
        let value = self.values.get(name).to_lowercase();
        if let Some((_, choice)) = choices.iter().find(|(word, _)| *word == value) {
            return *choice;
        }
        let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
        self.problem(name, format!("is '{value}'; expected one of {}", words.join(", ")));
        choices[0].1
    }

    fn url(&mut self, name: &str) -> String {
        let value = self.values.get(name).trim_end_matches('/').to_owned();
        let fits = reqwest::Url::parse(&value)
            .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        if !fits {
            self.problem(
                name,
                format!("is '{}'; expected an address such as https://host/path", redact_url(&value)),
            );
        }
        value
    }
}

/// A URL without user info and query, for messages and logs. What is no URL is cut at `@` and `?`.
pub fn redact_url(url: &str) -> String {
    let url = url.split('?').next().unwrap_or_default();
    match (url.find("://"), url.rfind('@')) {
        (Some(scheme), Some(at)) if at > scheme => format!("{}{}", &url[..scheme + 3], &url[at + 1..]),
        _ => url.to_owned(),
    }
}

#[cfg(test)]
mod tests;
