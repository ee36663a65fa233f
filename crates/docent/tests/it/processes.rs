//! The program as a process: how it starts, how it ends, and what survives when it is not asked.

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use docent::providers::http_client;
use doubles::{Fault, GeminiDouble, Pace, Planned, Quota};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{Disk, MOTORS, QUESTION, Running, docent, eventually, frames_of, run, write_book};

/// A folder with the motors book in `book/`.
fn folder() -> TempDir {
    let folder = TempDir::new().expect("a folder");
    write_book(&folder.path().join("book"), MOTORS);
    folder
}

fn with_gemini(mut command: Command, gemini: &GeminiDouble) -> Command {
    command
        .env("GEMINI_API_KEY", gemini.key())
        .env("DOCENT_GEMINI_BASE_URL", gemini.base_url())
        .env("GEMINI_MODEL", "gemini-3.5-flash-lite");
    command
}

fn serve(folder: &Path) -> Command {
    let mut command = docent(folder);
    command.args(["serve", "book"]);
    command
}

async fn ask(url: &str) -> reqwest::Response {
    let request = http_client().post(format!("{url}/api/chat")).json(&json!({"message": QUESTION}));
    request.send().await.expect("the server answers")
}

async fn conversation(url: &str, id: &str) -> Value {
    let reply = http_client().get(format!("{url}/api/conversation/{id}")).send().await.expect("a reply");
    reply.json().await.expect("JSON")
}

/// Reads one chunk after the other until `word` came by; returns all of it.
async fn read_until(reply: &mut reqwest::Response, word: &str) -> String {
    let mut text = String::new();
    while !text.contains(word) {
        let chunk = reply.chunk().await.expect("the stream goes on").expect("the stream goes on");
        text.push_str(&String::from_utf8_lossy(&chunk));
    }
    text
}

#[tokio::test]
async fn a_fresh_folder_is_served_with_one_command() {
    let folder = folder();
    let mut server = Running::start(&mut serve(folder.path()));
    let url = server.url();
    let text = ask(&url).await.text().await.expect("a stream");
    assert!(text.contains("newton metres"), "{text}");
    let health = http_client().get(format!("{url}/api/health")).send().await.expect("a reply");
    assert_eq!(health.status(), 200);
    server.terminate();
    assert_eq!(server.end().code(), Some(0));
    assert!(folder.path().join(".docent/index.docent").is_file());

    // The next start needs no book.
    let mut again = docent(folder.path());
    let mut server = Running::start(again.arg("serve"));
    let text = ask(&server.url()).await.text().await.expect("a stream");
    assert!(text.contains("newton metres"), "{text}");
}

#[tokio::test]
async fn sigterm_lets_running_answers_finish() {
    let gemini = GeminiDouble::start().await;
    let folder = folder();
    let mut server = Running::start(&mut with_gemini(serve(folder.path()), &gemini));
    let url = server.url();
    gemini.set_pace(Pace { first_ms: 0, between_ms: 100, words: 1 });
    gemini.answer_next("Torque is measured in newton metres [1], says the book.");
    let mut reply = ask(&url).await;
    let mut text = read_until(&mut reply, "\"token\"").await;
    server.terminate();
    server.line_with("stopping");
    while let Some(chunk) = reply.chunk().await.expect("the stream is not cut") {
        text.push_str(&String::from_utf8_lossy(&chunk));
    }
    let last = frames_of(&text).pop().expect("events").event;
    assert_eq!((&last["type"], &last["outcome"]), (&json!("done"), &json!("answered")), "{text}");
    assert_eq!(server.end().code(), Some(0));
}

#[tokio::test]
async fn sigterm_stops_answers_that_would_take_too_long_and_keeps_them() {
    let gemini = GeminiDouble::start().await;
    let folder = folder();
    let mut server = Running::start(&mut with_gemini(serve(folder.path()), &gemini));
    let url = server.url();
    gemini.answer_next("Torque is measured in newton metres [1], says the book.");
    gemini.fault(Fault::HangAfter { after: 2 });
    let mut reply = ask(&url).await;
    let text = read_until(&mut reply, "\"token\"").await;
    server.terminate();
    let rest = reply.text().await.expect("the stream is not cut");
    let frames = frames_of(&(text + &rest));
    let last = &frames.last().expect("events").event;
    assert_eq!((&last["type"], &last["outcome"]), (&json!("done"), &json!("stopped")));
    assert_eq!(server.end().code(), Some(0));

    let id = frames[0].event["conversation_id"].as_str().expect("an id");
    let mut again = docent(folder.path());
    let mut server = Running::start(again.arg("serve"));
    let kept = conversation(&server.url(), id).await;
    assert_eq!(kept["messages"][1]["outcome"], "stopped");
    assert!(kept["messages"][1]["content"].as_str().is_some_and(|text| text.starts_with("Torque is")));
}

#[tokio::test]
async fn kill_9_keeps_the_question_and_all_that_was_finished() {
    let gemini = GeminiDouble::start().await;
    let folder = folder();
    let mut server = Running::start(&mut with_gemini(serve(folder.path()), &gemini));
    let url = server.url();
    let finished = frames_of(&ask(&url).await.text().await.expect("a stream"));
    gemini.fault(Fault::HangAfter { after: 1 });
    let mut reply = ask(&url).await;
    let text = read_until(&mut reply, "\"token\"").await;
    server.kill();

    let mut again = docent(folder.path());
    let mut server = Running::start(again.arg("serve"));
    let url = server.url();
    let first = conversation(&url, finished[0].event["conversation_id"].as_str().expect("an id")).await;
    assert_eq!(first["messages"].as_array().map(Vec::len), Some(2));
    let cut =
        text.split("\"conversation_id\":\"").nth(1).and_then(|rest| rest.split('"').next()).expect("an id");
    let second = conversation(&url, cut).await;
    assert_eq!(second["messages"][0]["content"], QUESTION);
}

#[tokio::test]
async fn the_port_is_bound_before_the_index_is_made() {
    let gemini = GeminiDouble::start().await;
    let folder = folder();
    // The embedder is silent, so the index is not ready for as long as we look.
    gemini.plan(doubles::Planned::new(Fault::Hang).on(doubles::Operation::Embed).always());
    let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = free.local_addr().expect("an address").port();
    drop(free);
    let mut command = with_gemini(serve(folder.path()), &gemini);
    let mut server = Running::start(command.env("DOCENT_EMBEDDER", "gemini").env("PORT", port.to_string()));
    let url = format!("http://127.0.0.1:{port}/api/health");
    let health = eventually("the first health", async || http_client().get(&url).send().await.ok()).await;
    assert_eq!(health.status(), 503);
    assert_eq!(health.json::<Value>().await.expect("JSON")["status"], "starting");
    eventually("the embedder being asked", async || gemini.requests().first().map(drop)).await;
    server.terminate();
    assert_eq!(server.end().code(), Some(0), "it also ends cleanly while starting");
}

/// Models die; whoever starts with the name of one reads so at once, and not when a reader asks.
#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_does_not_exist_is_named_at_the_start() {
    let gemini = GeminiDouble::start().await;
    let folder = folder();
    let mut command = with_gemini(serve(folder.path()), &gemini);
    let mut server = Running::start(command.env("GEMINI_MODEL", "gemini-2.0-flash,gemini-3.5-flash-lite"));
    // The check runs beside the start, so either line may come first.
    let url = server.url();
    let line = server.any_line_with("the model check failed");
    assert!(line.contains("WARN") && line.contains("gemini-2.0-flash"), "{line}");
    assert!(gemini.requests().iter().all(|request| request.operation == doubles::Operation::Models));
    // The next of the list is there, so nothing is away.
    let health = http_client().get(format!("{url}/api/health")).send().await.expect("a reply");
    assert_eq!(health.status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_embedder_that_is_away_does_not_keep_the_book_from_being_served() {
    let gemini = GeminiDouble::start().await;
    let folder = folder();
    let spent = Fault::RateLimited { quota: Quota::Day, retry_after_ms: 10 };
    gemini.plan(doubles::Planned::new(spent).on(doubles::Operation::Embed).always());
    let mut command = with_gemini(serve(folder.path()), &gemini);
    let mut server = Running::start(command.env("DOCENT_EMBEDDER", "gemini"));
    let text = ask(&server.url()).await.text().await.expect("a stream");
    assert!(text.contains("newton metres"), "{text}");
}

#[tokio::test]
async fn a_store_that_cannot_be_opened_does_not_keep_the_book_from_being_served() {
    let folder = folder();
    std::fs::create_dir_all(folder.path().join(".docent/conversations.sqlite"))
        .expect("a folder in its place");
    let mut server = Running::start(&mut serve(folder.path()));
    let frames = frames_of(&ask(&server.url()).await.text().await.expect("a stream"));
    assert!(frames.iter().any(|frame| frame.event["code"] == "conversation_not_stored"));
}

#[test]
fn a_taken_port_is_named() {
    let folder = folder();
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = taken.local_addr().expect("an address").port().to_string();
    let output = run(serve(folder.path()).env("PORT", &port));
    assert_eq!(output.code, Some(1));
    assert!(output.stderr.contains(&port) && output.stderr.contains("set PORT"), "{}", output.stderr);
}

#[test]
fn a_full_disk_is_said_and_the_old_index_stays() {
    let folder = folder();
    let Some(_disk) = Disk::mounted(&folder.path().join(".docent"), 64) else { return };
    let first = run(docent(folder.path()).args(["ingest", "book"]));
    assert_eq!(first.code, Some(0), "{}", first.stderr);
    let index = folder.path().join(".docent/index.docent");
    let before = std::fs::read(&index).expect("the index");
    let long: String =
        (0..3000).map(|n| format!("Sentence {n} speaks of gear number {}.\n\n", n * 7)).collect();
    write_book(&folder.path().join("book"), &[("docs/long.md", &format!("# Gears\n\n{long}"))]);
    let output = run(docent(folder.path()).args(["ingest", "book"]));
    assert_eq!(output.code, Some(1), "{}", output.stderr);
    assert!(
        output.stderr.contains("No space left") && output.stderr.contains(".docent"),
        "{}",
        output.stderr
    );
    assert_eq!(std::fs::read(&index).expect("the index"), before, "the old index is as it was");
    let found = run(docent(folder.path()).args(["search", "torque", "--json"]));
    assert_eq!(found.code, Some(0), "{}", found.stderr);
    let left = std::fs::read_dir(folder.path().join(".docent")).expect("the folder").count();
    assert_eq!(left, 1, "no half file is left behind");
}

#[tokio::test]
async fn a_store_that_cannot_be_written_costs_no_reader_an_answer() {
    let folder = folder();
    let Some(disk) = Disk::mounted(&folder.path().join(".docent"), 512) else { return };
    let mut server = Running::start(&mut serve(folder.path()));
    let url = server.url();
    disk.fill();
    let mut notices = Vec::new();
    for _ in 0..20 {
        let frames = frames_of(&ask(&url).await.text().await.expect("a stream"));
        let last = &frames.last().expect("events").event;
        assert_eq!((&last["type"], &last["outcome"]), (&json!("done"), &json!("answered")));
        notices.extend(
            frames.iter().filter(|frame| frame.kind() == "notice").map(|frame| frame.event["code"].clone()),
        );
        if !notices.is_empty() {
            break;
        }
    }
    assert_eq!(notices, ["conversation_not_stored"]);
    let health = async || -> (u16, Value) {
        let reply = http_client().get(format!("{url}/api/health")).send().await.expect("a reply");
        (reply.status().as_u16(), reply.json().await.expect("JSON"))
    };
    let (code, body) = health().await;
    assert_eq!((code, &body["failed_services"]), (503, &json!(["sqlite"])), "{body}");
    let row = &body["services"]["sqlite"];
    assert_eq!((&row["status"], &row["kind"]), (&json!("disconnected"), &json!("disk_full")), "{row}");
    assert!(row["recommended_action"].as_str().is_some_and(|words| words.contains("make room")), "{row}");
    disk.empty();
    ask(&url).await.text().await.expect("a stream");
    assert_eq!(health().await.0, 200, "the next exchange is stored");
    server.terminate();
    assert_eq!(server.end().code(), Some(0));
}

/// One id goes from the reply through every line that a request causes, also those of the tasks behind it.
#[tokio::test(flavor = "multi_thread")]
async fn every_log_line_of_a_request_carries_its_id_and_no_question() {
    let gemini = GeminiDouble::start().await;
    gemini.plan(Planned::new(Fault::BadKey).always());
    let folder = folder();
    let mut command = with_gemini(serve(folder.path()), &gemini);
    let mut running = Running::start(command.env("DOCENT_LOG_FORMAT", "json"));
    let parsed = |line: String| -> Value { serde_json::from_str(&line).expect("a JSON line") };
    let ready = parsed(running.line_with("ready at http://"));
    let url =
        ready["message"].as_str().and_then(|words| words.strip_prefix("ready at ")).expect("an address");
    let reply = ask(url).await;
    let id = reply.headers()["x-request-id"].to_str().expect("words").to_owned();
    reply.text().await.expect("the whole answer");
    // The access line may come before or after those of the tasks behind it.
    let expected =
        [("\"path\":\"/api/chat\"", "INFO"), ("the model did not answer", "WARN"), ("turn ended", "INFO")];
    let mut lines: Vec<String> = Vec::new();
    let found = |lines: &[String], words: &str| lines.iter().find(|line| line.contains(words)).cloned();
    while expected.iter().any(|(words, _)| found(&lines, words).is_none()) {
        lines.push(running.line_with("\"level\""));
    }
    for (words, level) in expected {
        let line = found(&lines, words).expect("just found");
        assert!(!line.contains("torque") && !line.contains(gemini.key()), "{line}");
        let line = parsed(line);
        assert_eq!((&line["level"], &line["span"]["request.id"]), (&json!(level), &json!(id)), "{line}");
        assert!(line["timestamp"].is_string());
    }
}

/// What is required and missing ends the start before anything is opened.
#[test]
fn a_required_service_that_is_missing_ends_the_start() {
    let folder = folder();
    let output = run(serve(folder.path()).env("DOCENT_REQUIRE", "gemini,postgres"));
    assert_eq!(output.code, Some(78), "{}", output.stderr);
    for variable in ["GEMINI_API_KEY", "DATABASE_URL"] {
        assert!(output.stderr.contains(&format!("{variable}: is not set")), "{}", output.stderr);
    }
}
