//! The services that keep things: is Qdrant reached and does its collection fit the embedder, is Postgres reached and may its
//! tables be used, what waits in the outbox. Nothing is changed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Finding;
use crate::config::Config;
use crate::conversations::{look, outbox_depth};
use crate::parts::{Providers, postgres_options};
use crate::providers::qdrant::Patience;
use crate::retrieve::{Embedder, QdrantRetriever, Unavailable, Vectors};
use crate::status::Services;

/// How long Qdrant may take to say its version: a cluster on another continent, woken from idleness.
const VERSION: Duration = Duration::from_secs(10);

/// Qdrant, when it is configured.
pub(super) async fn qdrant(
    config: &Config,
    providers: &Providers,
    embedder: Option<&Embedder>,
) -> Option<Finding> {
    const CHECK: &str = "qdrant";
    let (settings, client) = (config.qdrant.as_ref()?, providers.qdrant()?);
    let address = client.address();
    let began = Instant::now();
    let (major, minor) = match client.version(Patience::Reader(VERSION)).await {
        Ok(version) => version,
        Err(error) => {
            let detail = format!("{address}: {error}");
            return Some(Finding::failed(CHECK, detail, error.recommended_action()));
        }
    };
    let took = began.elapsed().as_millis();
    let vectors = embedder.and_then(|embedder| {
        let fingerprint = embedder.fingerprint()?.to_owned();
        Some(Vectors { fingerprint, dimensions: embedder.dimensions() })
    });
    let retriever = QdrantRetriever::new(Arc::clone(client), &settings.collection, vectors, None);
    let looked = retriever.start().await;
    let place = format!("{address}, version {major}.{minor}, reached in {took} ms");
    Some(match looked {
        Err(why @ Unavailable::NoCollection { .. }) => {
            Finding::warning(CHECK, format!("{place}: {why}"), why.recommended_action())
        }
        Err(why) => Finding::failed(CHECK, format!("{place}: {why}"), why.recommended_action()),
        Ok(()) => {
            let standing = retriever.standing();
            let vectors = standing
                .vectors
                .map_or_else(String::new, |(who, length)| format!(", vectors of {who} ({length} values)"));
            let points = standing.points.unwrap_or_default();
            let detail = format!("{place}: {} with {points} points{vectors}", standing.collection);
            match standing.warning {
                Some(warning) => Finding::warning(
                    CHECK,
                    format!("{detail}; {warning}"),
                    "run `docent ingest BOOK`, or set DOCENT_EMBEDDER to what the collection was made with",
                ),
                None => Finding::ok(CHECK, detail),
            }
        }
    })
}

/// Postgres and its outbox, when it is configured.
pub(super) async fn postgres(config: &Config) -> Vec<Finding> {
    const CHECK: &str = "postgres";
    let Some(options) = postgres_options(config, &Services::default()) else { return Vec::new() };
    let database = options.database.clone();
    let road = if database.is_pooled() { "through the pooler" } else { "directly" };
    let found = match look(options).await {
        Err(error) => {
            Finding::failed(CHECK, format!("{}: {error}", database.shown()), error.recommended_action())
        }
        Ok(look) => {
            let tables = if look.has_tables { "its tables are there" } else { "its tables are not made yet" };
            let detail = format!(
                "{}, version {}, reached {road} over {}, {}, in {} ms; {tables}",
                database.shown(),
                look.version,
                look.transport.name(),
                database.protection(),
                look.took.as_millis()
            );
            match look.problem {
                Some(remedy) => Finding::failed(CHECK, detail, remedy),
                None => Finding::ok(CHECK, detail),
            }
        }
    };
    vec![found, outbox(config)]
}

fn outbox(config: &Config) -> Finding {
    const CHECK: &str = "outbox";
    let file = config.outbox_file();
    match outbox_depth(&file) {
        Ok(0) => Finding::ok(CHECK, "nothing waits for the database"),
        Ok(waiting) => Finding::warning(
            CHECK,
            format!("{waiting} records wait in {}", file.display()),
            "they are stored when a service runs on this folder and the database answers; do not delete the file",
        ),
        Err(error) => Finding::failed(
            CHECK,
            error.to_string(),
            "let this user read DOCENT_DATA_DIR; a file that is no outbox is put aside at the next start",
        ),
    }
}
