//! The real router on a free port, with a book written by the test and a store in memory.

use std::sync::Arc;

use corpus::BookOptions;
use docent::config::{Config, Values};
use docent::conversations::Conversations;
use docent::http::{App, Patience, router, serve_connections};
use docent::ingest::qdrant::sync;
use docent::ingest::{Progress, plan, title_of};
use docent::parts::{Parts, Providers, answerer, postgres};
use docent::providers::http_client;
use docent::retrieve::SharedIndex;
use docent::status::Services;
use doubles::{GeminiDouble, OpenAiDouble, QdrantDouble};
use reqwest::{Client, RequestBuilder, Response};
use search::Index;
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpListener;

use super::stream::{Stream, Transcript};
use super::{MOTORS, write_book};

/// How a server is to be.
#[derive(Default)]
pub struct Setup {
    settings: Vec<(String, String)>,
    pages: Option<Vec<(String, String)>>,
    site_url: Option<String>,
    store_on_disk: bool,
    outbox_blocked: bool,
    store_blocked: bool,
    only_qdrant: bool,
}

impl Setup {
    /// The motors book, words only, the extractive generator, a store in memory, no cache, one call for each answer.
    pub fn new() -> Self {
        Self::default()
            .with("DOCENT_EMBEDDER", "none")
            .with("DOCENT_ANSWER_CACHE", "0")
            .with("DOCENT_FOLLOW_UPS", "words")
    }

    /// Sets a variable.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Serves another book.
    pub fn book(mut self, pages: &[(&str, &str)]) -> Self {
        self.pages =
            Some(pages.iter().map(|(file, text)| ((*file).to_owned(), (*text).to_owned())).collect());
        self
    }

    /// Says where the book's site is.
    pub fn site(mut self, url: &str) -> Self {
        self.site_url = Some(url.to_owned());
        self
    }

    /// Lets Gemini write the answers, with one model and a budget that fits a test.
    pub fn gemini(self, double: &GeminiDouble) -> Self {
        self.with("GEMINI_API_KEY", double.key())
            .with("DOCENT_GEMINI_BASE_URL", &double.base_url())
            .with("GEMINI_MODEL", "gemini-3.5-flash-lite")
    }

    /// Lets an OpenAI-compatible server write the answers.
    pub fn openai(self, double: &OpenAiDouble) -> Self {
        self.with("OPENAI_API_KEY", double.key())
            .with("OPENAI_BASE_URL", &double.base_url())
            .with("OPENAI_MODEL", OpenAiDouble::MODEL)
    }

    /// Copies the book to Qdrant and searches it there.
    pub fn qdrant(self, double: &QdrantDouble) -> Self {
        self.with("QDRANT_URL", &double.base_url()).with("QDRANT_API_KEY", double.key())
    }

    /// The collection is what it is, and no index file stands in.
    pub fn only_qdrant(mut self) -> Self {
        self.only_qdrant = true;
        self
    }

    /// Keeps the conversations in a file.
    pub fn store_on_disk(mut self) -> Self {
        self.store_on_disk = true;
        self
    }

    /// Puts a folder where the outbox file should be.
    pub fn block_outbox(mut self) -> Self {
        self.outbox_blocked = true;
        self
    }

    /// Puts a folder where the file of the conversations should be.
    pub fn block_store(mut self) -> Self {
        self.store_blocked = true;
        self.store_on_disk()
    }

    /// Starts the server and opens its parts.
    pub async fn start(self) -> TestServer {
        let pages = self.pages.clone();
        let on_disk = self.store_on_disk;
        let outbox_blocked = self.outbox_blocked;
        let store_blocked = self.store_blocked;
        let only_qdrant = self.only_qdrant;
        let options = BookOptions { site_url: self.site_url.clone(), ..BookOptions::default() };
        let server = self.start_without_parts().await;
        let book = server.folder.path().join("book");
        match pages {
            Some(pages) => {
                let pages: Vec<(&str, &str)> =
                    pages.iter().map(|(file, text)| (file.as_str(), text.as_str())).collect();
                write_book(&book, &pages);
            }
            None => write_book(&book, MOTORS),
        }
        let config = &server.config;
        let services = Services::default();
        let providers = Arc::new(Providers::new(config, &services));
        let (embedder, _) = providers.embedder(config).expect("an embedder");
        let (generator, _) = providers.generator(config);
        let index_file = config.index_file();
        let plan = plan(&book, &options, &embedder, &index_file).await.expect("a plan");
        plan.run(&embedder, &Progress::Silent).await.expect("an index");
        let index = Index::open(&index_file).expect("the index opens");
        let title = title_of(&index);
        if let (Some(client), Some(settings), false) = (providers.qdrant(), &config.qdrant, only_qdrant) {
            sync(client, &settings.collection, &index, &Progress::Silent).await.expect("a copy in Qdrant");
        }
        let file = (!only_qdrant).then(|| SharedIndex::new(index));
        let searching = providers.searching(config, &embedder, file).await.expect("something to search");
        if outbox_blocked {
            std::fs::create_dir_all(config.outbox_file()).expect("a folder in its way");
        }
        let file = config.conversations_file();
        if store_blocked {
            std::fs::create_dir_all(&file).expect("a folder in its way");
        }
        let conversations = match postgres(config, &services) {
            Some((store, _)) => Ok(store),
            None if on_disk => match Conversations::open(&file).await {
                Ok(store) => Ok(store.telling(&services)),
                Err(error) => Conversations::stand_in(&file, &error, &services).await,
            },
            None => Conversations::in_memory().await,
        };
        providers.announce(config, &embedder, &generator);
        server.app.ready(Parts {
            answerer: answerer(config, title, searching.retriever, embedder, generator),
            conversations: conversations.expect("a store"),
            services,
            providers,
        });
        server
    }

    /// Binds the port and stays in the state `starting`.
    pub async fn start_without_parts(self) -> TestServer {
        let folder = TempDir::new().expect("a folder for the test");
        let data_dir = folder.path().join("data").display().to_string();
        let mut settings: Vec<(&str, &str)> =
            self.settings.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        settings.push(("DOCENT_DATA_DIR", &data_dir));
        let config =
            Config::from_values(&Values::with(&settings), Vec::new()).expect("a valid configuration");
        let app = App::new(config.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let service = router(app.clone());
        tokio::spawn(serve_connections(listener, service, Patience::default(), std::future::pending()));
        TestServer { url, app, config, client: http_client(), folder }
    }
}

/// A running server and a client that speaks with it.
pub struct TestServer {
    /// `http://127.0.0.1:port`
    pub url: String,
    /// The application, to move it from phase to phase.
    pub app: App,
    pub config: Config,
    pub client: Client,
    /// Holds the data and the book as long as the server runs.
    folder: TempDir,
}

impl TestServer {
    /// The motors book with the extractive generator.
    pub async fn start() -> Self {
        Setup::new().start().await
    }

    pub fn get(&self, path: &str) -> RequestBuilder {
        self.client.get(format!("{}{path}", self.url))
    }

    pub fn delete(&self, path: &str) -> RequestBuilder {
        self.client.delete(format!("{}{path}", self.url))
    }

    pub fn post(&self, path: &str, body: &Value) -> RequestBuilder {
        self.client.post(format!("{}{path}", self.url)).json(body)
    }

    /// Sends a question and returns the reply, whatever it is.
    pub async fn try_ask(&self, body: &Value) -> Response {
        self.post("/api/chat", body).send().await.expect("the server answers")
    }

    /// Asks and follows the answer event by event.
    pub async fn stream(&self, body: &Value) -> Stream {
        Stream::of(self.try_ask(body).await)
    }

    /// Asks and reads the whole answer.
    pub async fn ask(&self, body: &Value) -> Transcript {
        self.stream(body).await.rest().await
    }

    /// Asks with `stream: false`.
    pub async fn ask_whole(&self, body: &Value) -> Value {
        let mut body = body.clone();
        body["stream"] = false.into();
        let reply = self.try_ask(&body).await;
        assert_eq!(reply.status(), 200);
        reply.json().await.expect("one JSON object")
    }

    /// The messages of a conversation, oldest first; empty when there is no such conversation.
    pub async fn messages(&self, conversation: &str) -> Vec<Value> {
        let reply = self.get(&format!("/api/conversation/{conversation}")).send().await.expect("a reply");
        if reply.status() == 404 {
            return Vec::new();
        }
        let body: Value = reply.json().await.expect("a conversation");
        body["messages"].as_array().cloned().unwrap_or_default()
    }
}
