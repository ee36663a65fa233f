//! The one table of everything that can be configured: name, default, meaning.

/// One setting: an environment variable, and the same name in lower case as a key of `docent.toml`.
#[derive(Debug, Clone, Copy)]
pub struct Variable {
    /// Name in the environment.
    pub name: &'static str,
    /// Value when nobody sets it; empty means: not set.
    pub default: &'static str,
    /// Its value is printed as `***`.
    pub secret: bool,
    /// What it does, in one line.
    pub about: &'static str,
}

const fn variable(name: &'static str, default: &'static str, about: &'static str) -> Variable {
    Variable { name, default, secret: false, about }
}

const fn secret(name: &'static str, about: &'static str) -> Variable {
    Variable { name, default: "", secret: true, about }
}

/// Every setting, in the order in which `docent config` prints them.
pub const VARIABLES: &[Variable] = &[
    variable("HOST", "0.0.0.0", "address to listen on"),
    variable("PORT", "7860", "port to listen on; 0 lets the system choose one"),
    variable(
        "ALLOWED_ORIGINS",
        "http://localhost:3000",
        "sites whose pages may ask, comma-separated; one * inside a host label",
    ),
    variable("LOG_LEVEL", "info", "error, warn, info, debug, trace, or a filter such as docent=debug,info"),
    variable("DOCENT_LOG_FORMAT", "text", "text or json"),
    variable("DOCENT_DATA_DIR", ".docent", "folder of the index file, the conversations and the outbox"),
    variable("DOCENT_INDEX_FILE", "", "index file, when it is not in DOCENT_DATA_DIR"),
    variable("DOCENT_EMBEDDER", "auto", "auto, local, gemini, openai or none"),
    variable("DOCENT_ENCODER_FILE", "", "weights file for the local embedder instead of the built-in one"),
    variable("DOCENT_GENERATOR", "auto", "auto, gemini, openai or extractive"),
    secret("GEMINI_API_KEY", "key of the Gemini API"),
    variable(
        "GEMINI_MODEL",
        "gemini-3.5-flash-lite,gemini-3.1-flash-lite",
        "chat models, comma-separated: the first one is used, the others when it fails",
    ),
    variable(
        "GEMINI_EMBEDDING_MODEL",
        "gemini-embedding-2",
        "embedding model; set it to embed with Gemini when DOCENT_EMBEDDER is auto",
    ),
    variable(
        "DOCENT_GEMINI_BASE_URL",
        "https://generativelanguage.googleapis.com",
        "address of the Gemini API",
    ),
    variable("DOCENT_GEMINI_API_VERSION", "v1beta", "version in the path of the Gemini API"),
    variable(
        "DOCENT_GEMINI_THINKING",
        "auto",
        "thinking level: auto (what suits the model), minimal, low, medium, high, or default for the model's own",
    ),
    variable("OPENAI_BASE_URL", "", "address of an OpenAI-compatible server, up to and including /v1"),
    secret("OPENAI_API_KEY", "key of that server, when it wants one"),
    variable("OPENAI_MODEL", "", "chat model of that server"),
    variable("OPENAI_EMBEDDING_MODEL", "", "embedding model of that server"),
    secret(
        "DATABASE_URL",
        "address of the Postgres database for conversations; without it they are kept in DOCENT_DATA_DIR",
    ),
    variable(
        "DOCENT_POSTGRES_TRANSPORT",
        "auto",
        "tcp (port 5432), https (SQL over port 443, Neon only), or auto: https when the port is closed",
    ),
    variable(
        "DOCENT_POSTGRES_HTTPS_URL",
        "",
        "where SQL over HTTPS is taken, when the host's name does not say",
    ),
    variable("QDRANT_URL", "", "address of a Qdrant server; the book is then searched there"),
    secret("QDRANT_API_KEY", "key of that server, when it wants one"),
    variable(
        "QDRANT_COLLECTION",
        "docusaurus-book",
        "name of the book's collection, or of the alias in front of it",
    ),
    variable("DOCENT_EMBEDDING_DIMENSIONS", "768", "length of the vectors asked from Gemini"),
    variable(
        "DOCENT_EMBEDDINGS_PER_MINUTE",
        "",
        "texts a minute at ingest; 0 for no limit; not set: 100 with Gemini (its free tier), else no limit",
    ),
    variable("DOCENT_MAX_ANSWER_TOKENS", "2048", "upper bound of a generated answer, thinking included"),
    variable(
        "DOCENT_ANSWER_CACHE",
        "500",
        "answers of a model that are kept for the same question; 0 for none",
    ),
    variable(
        "DOCENT_FOLLOW_UPS",
        "model",
        "how follow-ups are made to stand alone: model (one short call, when there is a model) or words",
    ),
    variable("DOCENT_ANSWER_TIMEOUT", "60", "seconds that one answer may take in all"),
    variable("DOCENT_MAX_STREAMS", "1024", "answers at the same time; more get 429 at once"),
    variable("DOCENT_ADDRESS_LIMIT", "60", "questions a minute from one address; 0 for no limit"),
    variable("DOCENT_CONVERSATION_LIMIT", "20", "questions a minute in one conversation; 0 for no limit"),
    variable(
        "DOCENT_PROXY",
        "auto",
        "whether a proxy in front names the client: yes, no, or auto (on this machine, or on a Space)",
    ),
    variable(
        "DOCENT_DAILY_BUDGET",
        "1000",
        "calls to models a day (UTC), after which answers quote the book; 0 for no limit",
    ),
    variable(
        "DOCENT_REQUIRE",
        "",
        "services that must be configured, comma-separated: gemini, openai, qdrant, postgres",
    ),
    variable("DOCENT_RESUME_SECONDS", "300", "how long a finished stream can be resumed"),
    secret("DOCENT_ADMIN_TOKEN", "opens the owner's routes (probes, metrics); without it they are closed"),
    variable("DOCENT_LOG_CONTENT", "false", "write questions and answers to the log"),
    secret("HF_TOKEN", "token of the Hugging Face Hub, for docent space"),
    variable("HF_ENDPOINT", "https://huggingface.co", "address of the Hugging Face Hub"),
];
