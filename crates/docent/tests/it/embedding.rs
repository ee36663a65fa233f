//! Whatever embeds a book keeps the pace of the provider's quota, and readers do not wait for it: a service answers from
//! words until the book is embedded.

use std::path::Path;
use std::process::Command;

use docent::providers::http_client;
use doubles::{Fault, GeminiDouble, Operation, Planned, QdrantDouble, Quota};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{MOTORS, QUESTION, Running, docent, eventually, run, write_book};

fn folder() -> TempDir {
    let folder = TempDir::new().expect("a folder");
    write_book(&folder.path().join("book"), MOTORS);
    folder
}

fn program(folder: &Path, gemini: &GeminiDouble, per_minute: &str) -> Command {
    let mut command = docent(folder);
    command
        .env("DOCENT_EMBEDDER", "gemini")
        .env("DOCENT_GENERATOR", "extractive")
        .env("DOCENT_EMBEDDING_DIMENSIONS", "64")
        .env("DOCENT_EMBEDDINGS_PER_MINUTE", per_minute)
        .env("DOCENT_ADDRESS_LIMIT", "0")
        .env("GEMINI_API_KEY", gemini.key())
        .env("DOCENT_GEMINI_BASE_URL", gemini.base_url());
    command
}

fn serve(folder: &Path, gemini: &GeminiDouble, per_minute: &str) -> Command {
    let mut command = program(folder, gemini, per_minute);
    command.args(["serve", "book"]);
    command
}

/// More refusals than one call would try again.
fn limited(gemini: &GeminiDouble, quota: Quota, times: u32) {
    let limit = Fault::RateLimited { quota, retry_after_ms: 20 };
    gemini.plan(Planned::new(limit).on(Operation::Embed).times(times));
}

async fn outcome(url: &str) -> Value {
    let body = json!({"message": QUESTION, "stream": false});
    let reply = http_client().post(format!("{url}/api/chat")).json(&body).send().await.expect("a reply");
    reply.json::<Value>().await.expect("JSON")["outcome"].clone()
}

/// The cosine of the best hit; null while only words are searched.
async fn cosine(url: &str) -> Value {
    let reply = http_client().get(format!("{url}/api/search?q=torque")).send().await.expect("a reply");
    reply.json::<Value>().await.expect("JSON")["hits"][0]["cosine"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_are_answered_from_words_until_the_quota_lets_the_book_through() {
    let (gemini, qdrant) = (GeminiDouble::start().await, QdrantDouble::start().await);
    let folder = folder();
    limited(&gemini, Quota::Minute, 10);
    let mut command = serve(folder.path(), &gemini, "6000");
    let command = command.env("QDRANT_URL", qdrant.base_url()).env("QDRANT_API_KEY", qdrant.key());
    let mut server = Running::start(command);
    let url = server.url();
    assert_eq!(outcome(&url).await, "answered");
    eventually("the book is searched by meaning", async || cosine(&url).await.is_number().then_some(()))
        .await;
    eventually("the copy in Qdrant", async || qdrant.alias("docusaurus-book")).await;
    assert_eq!(qdrant.collections().len(), 1, "the index of words that stood in was not copied");
    server.terminate();
    assert_eq!(server.end().code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_does_not_wait_for_minutes_of_quota() {
    let gemini = GeminiDouble::start().await;
    let folder = folder();
    // Six texts at three a minute, because a quarter of the quota is the readers'.
    let mut server = Running::start(&mut serve(folder.path(), &gemini, "4"));
    server.line_with("until the book is embedded");
    let url = server.url();
    assert_eq!(outcome(&url).await, "answered");
    assert_eq!(cosine(&url).await, Value::Null);
    assert!(gemini.requests().iter().all(|request| request.operation != Operation::Embed));
    server.terminate();
    assert_eq!(server.end().code(), Some(0), "a wait for the quota holds nobody up");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_in_the_terminal_waits_for_the_quota_of_the_minute() {
    let gemini = GeminiDouble::start().await;
    let folder = folder();
    limited(&gemini, Quota::Minute, 6);
    let answer = run(program(folder.path(), &gemini, "6000").args(["ask", "--book", "book", QUESTION]));
    assert!(answer.code == Some(0) && answer.stdout.contains("newton metres"), "{}", answer.stderr);
}

/// The index of words that stands in must not cost what was embedded before.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_embedded_outlives_a_start_with_words_alone() {
    let gemini = GeminiDouble::start().await;
    let folder = TempDir::new().expect("a folder");
    let sections: String = (0..1500)
        .map(|n| format!("## Part {n}\n\nThe part number {n} weighs {} grams.\n\n", n * 3))
        .collect();
    write_book(&folder.path().join("book"), &[("docs/parts.md", &format!("# Parts\n\n{sections}"))]);
    let batches = || {
        let requests = gemini.requests().into_iter();
        requests
            .filter(|request| request.operation == Operation::Embed && request.completed.is_some())
            .count()
    };
    let ingest = || {
        let mut command = program(folder.path(), &gemini, "0");
        command.args(["ingest", "book", "--json"]);
        command
    };
    let mut broken = Running::start(&mut ingest());
    eventually("two batches", async || (batches() >= 2).then_some(())).await;
    limited(&gemini, Quota::Day, u32::MAX);
    assert_eq!(broken.end().code(), Some(1));
    let mut server = Running::start(&mut serve(folder.path(), &gemini, "0"));
    let url = server.url();
    assert_eq!(cosine(&url).await, Value::Null, "words alone");
    server.kill();
    gemini.reset();
    let output = run(&mut ingest());
    let report: Value = serde_json::from_str(&output.stdout).expect("JSON");
    assert_eq!(report["chunks"], 1500, "{report}");
    assert!(report["embedded"].as_u64().is_some_and(|count| count <= 1500 - 64), "{report}");
}
