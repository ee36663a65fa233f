//! The golden files of `protocol/`: each is provoked from the real server and compared. Names, times and the numbers that
//! tuning moves are made equal first. `DOCENT_WRITE_PROTOCOL=1` writes the files instead; read what changed before you
//! commit it, the widget's tests read the same files.

use std::path::PathBuf;

use doubles::{Fault, GeminiDouble, Pace, Quota};
use reqwest::Response;
use serde_json::{Value, json};

use crate::support::{Setup, TestServer, Transcript, eventually};

const CONVERSATION: &str = "7d9f3c1e-52aa-4b0e-9a41-0f6de2c8b713";

/// The book that the transcripts speak of.
const BOOK: &[(&str, &str)] = &[
    (
        "docs/installation.md",
        "# Installation\n\n## From source\n\nDocent needs nothing but a Rust toolchain. To install Docent, clone the \
         repository and run the server on your book; on Windows, install Docent by the same commands.\n",
    ),
    (
        "docs/quick-start.mdx",
        "# Quick start\n\n## Serve a book\n\nThe server listens on port 7860 unless PORT says otherwise. There is \
         nothing else to install for Docent.\n",
    ),
    ("docs/port.md", "# Ports\n\n## How do I change the port?\n\nSet PORT before or after you install it.\n"),
    (
        "docs/mdbook.md",
        "# mdBook\n\n## Can I serve an mdBook?\n\nYes, and you need not install mdBook for it.\n",
    ),
    (
        "docs/größe.md",
        "# Größe\n\n## Einführung\n\nDie Größe des Verzeichnisses hängt von der Zahl der Abschnitte ab.\n",
    ),
];

const ANSWER: &str = "Docent needs nothing but a **Rust toolchain** [1]. Two steps:\n\n1. Clone the repository.\n2. Run the \
    server on your book:\n\n```sh\ncargo run --release -- serve docs   # builds the index, then serves\n```\n\nIt listens on \
    port `7860` unless `PORT` says otherwise [2].\n\n| Variable | Default | Meaning |\n| --- | :---: | --- |\n| `PORT` | \
    7860 | where the server listens |\n| `HOST` | 0.0.0.0 | which address it binds |\n";

const INSTALL: &str = "How do I install Docent?";

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../protocol").join(name)
}

fn golden(name: &str) -> String {
    std::fs::read_to_string(path(name)).unwrap_or_else(|error| panic!("protocol/{name}: {error}"))
}

/// The request body in a golden file.
fn request(name: &str) -> Value {
    serde_json::from_str(&golden(name)).expect("JSON")
}

/// The file must hold `found`.
pub fn check_file(name: &str, found: &str) {
    if std::env::var_os("DOCENT_WRITE_PROTOCOL").is_some() {
        std::fs::write(path(name), found).expect("the golden file is written");
        return;
    }
    let hint = "DOCENT_WRITE_PROTOCOL=1 cargo test -p docent --test it goldens writes it anew";
    assert!(golden(name) == found, "protocol/{name} is not what the server sends; {hint}:\n{found}");
}

/// A stream with the fixed names that the files use; the message of file number `n`.
fn check_stream(name: &str, n: usize, answer: &Transcript) {
    check_file(name, &fixed(&answer.raw, n, answer));
}

fn fixed(text: &str, n: usize, answer: &Transcript) -> String {
    let text = text.replace(&answer.conversation(), CONVERSATION).replace(&answer.message(), &message(n));
    with_fixed_numbers(&text)
}

fn message(n: usize) -> String {
    format!("c0ffee00-0000-4000-8000-{n:012}")
}

/// Numbers that depend on weights and prompts are not part of the contract.
fn with_fixed_numbers(text: &str) -> String {
    [("similarity", "0.83"), ("prompt_tokens", "1184"), ("answer_tokens", "96")].iter().fold(
        text.to_owned(),
        |text, (name, value)| {
            let mut out = String::new();
            for (place, piece) in text.split(&format!("\"{name}\":")).enumerate() {
                match place {
                    0 => out.push_str(piece),
                    _ => {
                        let rest =
                            piece.trim_start_matches(|c: char| c == ' ' || c == '.' || c.is_ascii_digit());
                        // Zero says that no model counted; that stays.
                        let zero =
                            piece.trim_start().starts_with("0,") || piece.trim_start().starts_with("0}");
                        out.push_str(&format!("\"{name}\":{}{rest}", if zero { "0" } else { value }));
                    }
                }
            }
            out
        },
    )
}

fn check_json(name: &str, found: &Value) {
    check_file(name, &(serde_json::to_string_pretty(found).expect("JSON") + "\n"));
}

async fn server(gemini: &GeminiDouble) -> TestServer {
    Setup::new().book(BOOK).site("https://book.example").gemini(gemini).start().await
}

/// Asks with one scripted answer in pieces of `words` words.
async fn scripted(words: usize, answer: &str, body: &Value) -> Transcript {
    let gemini = GeminiDouble::start().await;
    let server = server(&gemini).await;
    gemini.set_pace(Pace { words, ..Pace::default() });
    gemini.answer_next(answer);
    server.ask(body).await
}

#[tokio::test]
async fn general_answer() {
    let body = request("request-general.json");
    let answer = scripted(2, ANSWER, &body).await;
    assert_eq!(answer.text(), ANSWER);
    // A comment may stand between any two frames; after 15 quiet seconds the server sends one.
    let stream = fixed(&answer.raw, 1, &answer).replacen("\n\nid: 7\n", "\n\n: ping\n\nid: 7\n", 1);
    check_file("general-answer.sse", &stream);

    let gemini = GeminiDouble::start().await;
    let server = server(&gemini).await;
    gemini.answer_next(ANSWER);
    let mut whole = server.ask_whole(&body).await;
    whole["conversation_id"] = json!(CONVERSATION);
    whole["message_id"] = json!(message(1));
    let whole: Value = serde_json::from_str(&with_fixed_numbers(&whole.to_string())).expect("still JSON");
    check_json("general-answer.json", &whole);
}

#[tokio::test]
async fn refusals() {
    let out_of_scope = scripted(4, "", &json!({"message": "Will it rain tomorrow?"})).await;
    check_stream("refusal-out-of-scope.sse", 2, &out_of_scope);
    let words = "[0] The book speaks of the server's port [1], but no passage says how to listen on two ports at once.";
    let body = json!({"message": "On which port does the server listen?"});
    check_stream("refusal-uncertain.sse", 3, &scripted(4, words, &body).await);
}

#[tokio::test]
async fn selections() {
    let words = "It means that you may stop an ingest and start it again: what was embedded is kept.";
    let mut body = request("request-selection.json");
    check_stream("selection.sse", 4, &scripted(4, words, &body).await);
    body["context"] = json!("A kill at any moment loses nothing. ".repeat(300));
    check_stream("selection-cut.sse", 5, &scripted(4, "It may be stopped and started again.", &body).await);
}

#[tokio::test]
async fn inventions() {
    let words = "Docent needs nothing but a Rust toolchain [1]. It was written by Ada Lovelace in 1843 [1].";
    check_stream("unsupported.sse", 5, &scripted(4, words, &json!({"message": INSTALL})).await);
}

#[tokio::test]
async fn failures() {
    let gemini = GeminiDouble::start().await;
    let server = server(&gemini).await;
    gemini.fault(Fault::RateLimited { quota: Quota::Day, retry_after_ms: 1000 });
    check_stream("degraded.sse", 6, &server.ask(&json!({"message": INSTALL})).await);

    // A server of its own: after a spent quota the first one lets its model rest.
    let gemini = GeminiDouble::start().await;
    let server = self::server(&gemini).await;
    gemini.set_pace(Pace { words: 2, ..Pace::default() });
    gemini.answer_next("Docent needs nothing but a Rust toolchain [1].");
    gemini.fault(Fault::Cut { after: 2 });
    check_stream("error-after-tokens.sse", 7, &server.ask(&json!({"message": INSTALL})).await);
}

#[tokio::test]
async fn resumed_stream() {
    let gemini = GeminiDouble::start().await;
    let server = server(&gemini).await;
    gemini.set_pace(Pace { words: 2, ..Pace::default() });
    gemini.answer_next("Docent needs nothing but a Rust toolchain [1].");
    let answer = server.ask(&json!({"message": INSTALL})).await;
    let cut =
        answer.raw.find("\n\nid: 5\n").expect("frame 5") + "\n\nid: 5\ndata: {\"type\":\"token\",\"con".len();
    check_file("resume-1-cut.sse", &fixed(&answer.raw[..cut], 8, &answer));
    let path = format!("/api/chat/{}/events", answer.message());
    let reply = server.get(&path).header("last-event-id", "4").send().await.expect("a reply");
    let rest = reply.text().await.expect("a stream");
    assert!(answer.raw.ends_with(&rest));
    check_file("resume-2-rest.sse", &fixed(&rest, 8, &answer));
}

#[tokio::test]
async fn characters_of_several_bytes() {
    let words = "Größe, naïve café, Ελληνικά, 日本語の本, العربية, اردو, हिन्दी, 👩🏽‍🚀🇩🇪 — und ein Zitat [1].";
    let body = json!({"message": "Wovon hängt die Größe des Verzeichnisses ab?"});
    let answer = scripted(1, words, &body).await;
    assert_eq!(answer.text(), words);
    check_stream("multi-byte.sse", 9, &answer);
}

#[tokio::test]
async fn stored_conversation() {
    let gemini = GeminiDouble::start().await;
    let server = server(&gemini).await;
    gemini.answer_next(ANSWER);
    let first = server.ask(&request("request-general.json")).await;
    gemini.set_pace(Pace { words: 4, ..Pace::default() });
    gemini.answer_next("On Windows the same commands install it [1].");
    gemini.fault(Fault::HangAfter { after: 1 });
    let body = json!({"message": "And on Windows?", "conversation_id": first.conversation()});
    let mut second = server.stream(&body).await;
    second.until("token").await;
    drop(second);
    let mut messages = eventually("the stopped message", async || {
        let messages = server.messages(&first.conversation()).await;
        (messages.len() == 4).then_some(messages)
    })
    .await;
    let names = [
        ("11111111-0000-4000-8000-000000000001", "2026-11-23T05:40:00Z"),
        (&message(1), "2026-11-23T05:40:02Z"),
        ("11111111-0000-4000-8000-000000000002", "2026-11-23T05:41:00Z"),
        (&message(3), "2026-11-23T05:41:01Z"),
    ];
    for (message, (id, at)) in messages.iter_mut().zip(names) {
        message["id"] = json!(id);
        message["created_at"] = json!(at);
    }
    let found = json!({"conversation_id": CONVERSATION, "messages": messages});
    let found: Value = serde_json::from_str(&with_fixed_numbers(&found.to_string())).expect("still JSON");
    check_json("conversation.json", &found);
}

#[tokio::test]
async fn feedback() {
    let server = Setup::new().book(BOOK).site("https://book.example").start().await;
    let mut body = request("feedback.json");
    body["message_id"] = json!(server.ask(&json!({"message": INSTALL})).await.message());
    assert_eq!(server.post("/api/feedback", &body).send().await.expect("a reply").status(), 204);
}

#[tokio::test]
async fn problems() {
    async fn check_problem(name: &str, reply: Response) {
        assert_eq!(reply.headers()["content-type"], "application/problem+json");
        let named = reply.headers()["x-request-id"].to_str().expect("an id").to_owned();
        let mut body: Value = reply.json().await.expect("a problem");
        assert_eq!(body["request_id"], named);
        body["request_id"] = json!("3f2b8c1e-8a53-4c0e-9d3e-5a1f0c2b7d64");
        check_json(name, &body);
    }
    let starting = Setup::new().start_without_parts().await;
    check_problem("problem-starting.json", starting.try_ask(&json!({"message": INSTALL})).await).await;

    let gemini = GeminiDouble::start().await;
    let server = Setup::new()
        .book(BOOK)
        .site("https://book.example")
        .gemini(&gemini)
        .with("DOCENT_MAX_STREAMS", "1")
        .start()
        .await;
    let body = json!({"message": INSTALL, "mode": "selection"});
    check_problem("problem-validation.json", server.try_ask(&body).await).await;

    gemini.fault(Fault::HangAfter { after: 1 });
    let _held = server.stream(&json!({"message": INSTALL})).await;
    check_problem("problem-busy.json", server.try_ask(&json!({"message": INSTALL})).await).await;
}

/// Every file of the folder is provoked by a test above, and the README speaks of it.
#[test]
fn no_file_is_forgotten() {
    let read_by_us = include_str!("goldens.rs").to_owned() + include_str!("pages.rs");
    let readme = golden("README.md");
    for entry in std::fs::read_dir(path("")).expect("the folder") {
        let name = entry.expect("an entry").file_name().into_string().expect("a plain name");
        if name == "README.md" {
            continue;
        }
        assert!(read_by_us.contains(&format!("\"{name}\"")), "{name} is not provoked");
        let group = name.split_once('-').map_or(name.clone(), |(group, _)| format!("{group}-*.json"));
        assert!(readme.contains(&name) || readme.contains(&group), "{name} is not in the README");
    }
}
