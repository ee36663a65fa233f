//! A book that is being written: its index follows, questions run on, and no state of the files ends the watching.

use std::path::Path;
use std::process::Command;

use docent::providers::http_client;
use doubles::{Fault, GeminiDouble, Operation, Planned, Quota};
use serde_json::Value;
use tempfile::TempDir;

use crate::support::{MOTORS, Running, docent, eventually, run, write_book};

fn folder() -> TempDir {
    let folder = TempDir::new().expect("a folder");
    write_book(&folder.path().join("book"), MOTORS);
    folder
}

/// The best hit's text, asserting that the search was answered.
async fn best(url: &str, query: &str) -> String {
    let reply = http_client().get(format!("{url}/api/search?q={query}")).send().await.expect("a reply");
    assert_eq!(reply.status(), 200);
    let body: Value = reply.json().await.expect("JSON");
    body["hits"][0]["content"].as_str().unwrap_or_default().to_owned()
}

async fn finds(url: &str, query: &str, words: &str) {
    eventually(words, async || best(url, query).await.contains(words).then_some(())).await;
}

fn watching(folder: &Path, command: &str) -> Command {
    let mut program = docent(folder);
    // These tests look far more often than one reader may.
    program.args([command, "book", "--watch"]).env("DOCENT_ADDRESS_LIMIT", "0");
    program
}

#[tokio::test(flavor = "multi_thread")]
async fn a_served_book_answers_from_what_was_just_written() {
    let folder = folder();
    let book = folder.path().join("book");
    let mut server = Running::start(&mut watching(folder.path(), "serve"));
    let url = server.url();
    assert!(best(&url, "grease").await.contains("Ball bearings"));

    write_book(&book, &[("docs/gears.md", "# Gears\n\nHelical gears are quieter than spur gears.\n")]);
    // Every look on the way is answered: from the old index, then from the new one.
    finds(&url, "helical", "quieter than spur").await;
    write_book(&book, &[("docs/gears.md", "# Gears\n\nHelical gears whisper, spur gears whine.\n")]);
    finds(&url, "helical", "whisper").await;

    // A book without pages, and one that is gone, leave the last index in use.
    let away = folder.path().join("away");
    std::fs::rename(&book, &away).expect("moved away");
    server.line_with("the last index stays in use");
    assert!(best(&url, "helical").await.contains("whisper"));
    std::fs::rename(&away, &book).expect("moved back");
    std::fs::remove_file(book.join("docs/wheels.md")).expect("removed");
    eventually("the removed page going", async || {
        (!best(&url, "grease").await.contains("Ball bearings")).then_some(())
    })
    .await;
    assert!(best(&url, "helical").await.contains("whisper"));
    server.terminate();
    assert_eq!(server.end().code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watching_ingest_follows_the_book_until_it_is_interrupted() {
    let folder = folder();
    let book = folder.path().join("book");
    let mut ingest = Running::start(&mut watching(folder.path(), "ingest"));
    ingest.line_with("watching book");
    let search = |query: &str| run(docent(folder.path()).args(["search", query, "--json"])).stdout;
    assert!(search("grease").contains("Ball bearings"));
    write_book(&book, &[("docs/gears.md", "# Gears\n\nHelical gears are quieter than spur gears.\n")]);
    eventually("the new page", async || search("helical").contains("quieter").then_some(())).await;
    std::fs::rename(&book, folder.path().join("away")).expect("moved away");
    ingest.line_with("the index stays as it was");
    std::fs::rename(folder.path().join("away"), &book).expect("moved back");
    // What is asked for code that lies in a broken page is still read; half a page is a page.
    write_book(&book, &[("docs/gears.md", "---\ntitle: [half\n\n<Tabs>\n```rust\nworm gears lock")]);
    eventually("the half page", async || search("worm gears").contains("worm gears lock").then_some(()))
        .await;
    ingest.interrupt();
    assert_eq!(ingest.end().code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watching_ingest_keeps_the_pace_of_the_quota() {
    let gemini = GeminiDouble::start().await;
    let folder = folder();
    // More refusals than one call would try again.
    let limit = Fault::RateLimited { quota: Quota::Minute, retry_after_ms: 20 };
    gemini.plan(Planned::new(limit).on(Operation::Embed).times(6));
    let mut command = watching(folder.path(), "ingest");
    command
        .env("DOCENT_EMBEDDER", "gemini")
        .env("DOCENT_EMBEDDING_DIMENSIONS", "64")
        .env("DOCENT_EMBEDDINGS_PER_MINUTE", "6000")
        .env("GEMINI_API_KEY", gemini.key())
        .env("DOCENT_GEMINI_BASE_URL", gemini.base_url());
    let mut ingest = Running::start(&mut command);
    ingest.line_with("watching book");
    // Without patience this first reading would have failed and left no index.
    assert!(run(docent(folder.path()).args(["search", "grease", "--json"])).stdout.contains("Ball bearings"));
}

#[test]
fn what_cannot_be_watched_is_refused_at_once() {
    let folder = folder();
    for (arguments, words) in [
        (&["serve", "--watch"][..], "<BOOK>"),
        (&["ingest", "book", "--watch", "--plan"], "--plan"),
        (&["ingest", "nowhere", "--watch"], "does not exist"),
    ] {
        let output = run(docent(folder.path()).args(arguments));
        assert!(output.code.is_some_and(|code| code != 0), "{arguments:?}");
        assert!(output.stderr.contains(words), "{}", output.stderr);
    }
}
