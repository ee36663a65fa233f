//! Nothing that was accepted is lost: Postgres is stopped and started in the middle of chats, Docent is killed at random
//! moments, the data folder cannot be written. Afterwards every accepted message is in the database, once.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use docent::providers::http_client;
use doubles::{Fault, GeminiDouble, Pace};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{
    MOTORS, Postgres, QUESTION, Running, Setup, TestServer, docent, eventually, frames_of, within_cap,
    write_book,
};

fn serve(folder: &Path, url: &str) -> Command {
    let mut command = docent(folder);
    command.args(["serve", "book"]).env("DATABASE_URL", url).env("LOG_LEVEL", "info");
    command
}

/// A folder with the motors book in `book/`.
fn folder() -> TempDir {
    let folder = TempDir::new().expect("a folder");
    write_book(&folder.path().join("book"), MOTORS);
    folder
}

/// Waits until the database holds these contents once each, whatever their order.
async fn arrive(postgres: &Postgres, database: &str, expected: &BTreeSet<String>) {
    eventually("everything arrives", || async {
        let stored = postgres.contents(database).await;
        expected.iter().all(|content| stored.contains(content)).then_some(())
    })
    .await;
}

async fn waiting(server: &TestServer) -> usize {
    let state = server.app.parts().and_then(|parts| parts.conversations.postgres_state());
    state.expect("a Postgres store").waiting
}

/// One reader's ten chats, in five conversations of two; returns the questions.
async fn ten_chats(server: &TestServer, reader: usize, done: &AtomicUsize) -> Vec<String> {
    let mut questions = Vec::new();
    let mut conversation = Value::Null;
    for chat in 0..10 {
        let question = format!("{QUESTION} Reader {reader} asks for the {chat}. time.");
        if chat % 2 == 0 {
            conversation = Value::Null;
        }
        let answer = server.ask(&json!({"message": question, "conversation_id": conversation})).await;
        assert_eq!(answer.order(), "metadata sources token done", "{question}: {}", answer.raw);
        // Shown at once, wherever it is by now.
        let shown = server.messages(&answer.conversation()).await;
        let shown: Vec<&str> = shown.iter().filter_map(|message| message["content"].as_str()).collect();
        assert!(shown.contains(&question.as_str()), "{question}: {shown:?}");
        assert!(shown.contains(&answer.text().as_str()), "{question}: {shown:?}");
        conversation = json!(answer.conversation());
        questions.push(question);
        done.fetch_add(1, Ordering::Relaxed);
    }
    questions
}

#[tokio::test]
async fn an_outage_in_the_middle_of_a_hundred_chats_loses_nothing() {
    let Some(mut postgres) = Postgres::start().await else { return };
    let (database, url) = postgres.database().await;
    let gemini = GeminiDouble::start().await;
    gemini.set_pace(Pace { first_ms: 5, between_ms: 5, words: 1 });
    let server = Setup::new()
        .gemini(&gemini)
        .with("DATABASE_URL", &url)
        .with("DOCENT_ADDRESS_LIMIT", "0")
        .start()
        .await;
    let done = AtomicUsize::new(0);
    let after = |chats: usize| {
        let done = &done;
        eventually("chats", move || async move { (done.load(Ordering::Relaxed) >= chats).then_some(()) })
    };
    let chats = futures_util::future::join_all((0..10).map(|reader| ten_chats(&server, reader, &done)));
    let outage = async {
        after(30).await;
        postgres.stop();
        after(70).await;
        postgres.go_on().await;
    };
    let (questions, ()) = tokio::join!(chats, outage);
    let expected: BTreeSet<String> = questions.into_iter().flatten().collect();
    assert_eq!(expected.len(), 100);
    arrive(&postgres, &database, &expected).await;
    eventually("the outbox is empty", || async { (waiting(&server).await == 0).then_some(()) }).await;
    let stored = postgres.contents(&database).await;
    assert_eq!(stored.len(), 200, "a question and an answer a chat, each once");
    assert_eq!(postgres.select(&database, "SELECT count(*) FROM conversations").await, ["50"]);
    // In order: every answer follows its question.
    let roles =
        "SELECT string_agg(role, ' ' ORDER BY created_at, role DESC) FROM messages GROUP BY conversation_id";
    let roles = postgres.select(&database, roles).await;
    assert!(roles.iter().all(|roles| roles == "user assistant user assistant"), "{roles:?}");
}

#[tokio::test]
async fn what_is_forgotten_in_an_outage_does_not_come_back() {
    let Some(mut postgres) = Postgres::start().await else { return };
    let (database, url) = postgres.database().await;
    let server = Setup::new().with("DATABASE_URL", &url).start().await;
    let before = server.ask(&json!({"message": QUESTION})).await.conversation();
    eventually("the outbox is empty", || async { (waiting(&server).await == 0).then_some(()) }).await;
    postgres.stop();
    let during = server.ask(&json!({"message": QUESTION})).await;
    let body = json!({"message_id": during.message(), "helpful": true});
    assert_eq!(server.post("/api/feedback", &body).send().await.expect("a reply").status(), 204);
    let kept = server.ask(&json!({"message": "Which tyres grip wet concrete?"})).await;
    let body = json!({"message_id": kept.message(), "helpful": true});
    assert_eq!(server.post("/api/feedback", &body).send().await.expect("a reply").status(), 204);
    for id in [before, during.conversation()] {
        let path = format!("/api/conversation/{id}");
        assert_eq!(server.delete(&path).send().await.expect("a reply").status(), 204, "{id}");
        assert_eq!(server.get(&path).send().await.expect("a reply").status(), 404, "{id}");
    }
    let outbox = std::fs::read(server.config.outbox_file()).expect("the outbox");
    assert!(!String::from_utf8_lossy(&outbox).contains(QUESTION), "forgotten on disk as well");
    postgres.go_on().await;
    eventually("the outbox is empty", || async { (waiting(&server).await == 0).then_some(()) }).await;
    assert_eq!(postgres.contents(&database).await, ["Which tyres grip wet concrete?", kept.text().as_str()]);
    assert_eq!(postgres.select(&database, "SELECT count(*) FROM feedback").await, ["1"]);
}

#[tokio::test]
async fn without_database_and_data_folder_the_reader_is_told() {
    let Some(mut postgres) = Postgres::start().await else { return };
    let (_, url) = postgres.database().await;
    // Root writes everywhere; a file where the outbox's lock should be a file is in everybody's way.
    let blocked = Setup::new().with("DATABASE_URL", &url).block_outbox().start().await;
    let answer = blocked.ask(&json!({"message": QUESTION})).await;
    assert_eq!(answer.order(), "metadata sources token done", "the database takes it: {}", answer.raw);
    postgres.stop();
    let answer = blocked.ask(&json!({"message": QUESTION})).await;
    assert_eq!(answer.notices(), ["conversation_not_stored"], "{}", answer.raw);
    assert_eq!(answer.event("done")["outcome"], "answered");
}

/// A generator of numbers that is the same on every run (SplitMix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut value = self.0;
        value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (value ^ (value >> 31)) % most
    }
}

/// Asks, and notes what the reader saw before the connection broke: the question once `metadata` came, the answer once
/// `done` came.
async fn ask_and_note(url: String, question: String) -> Vec<String> {
    let request = http_client().post(format!("{url}/api/chat")).json(&json!({"message": question}));
    let Ok(mut reply) = request.send().await else { return Vec::new() };
    let mut text = String::new();
    while let Ok(Some(chunk)) = reply.chunk().await {
        text.push_str(&String::from_utf8_lossy(&chunk));
    }
    let whole = &text[..text.rfind("\n\n").map_or(0, |end| end + 2)];
    let frames = frames_of(whole);
    let mut seen = Vec::new();
    if frames.iter().any(|frame| frame.kind() == "metadata") {
        seen.push(question);
    }
    if frames.iter().any(|frame| frame.kind() == "done") {
        let message = frames.iter().find_map(|frame| frame.event["message_id"].as_str().map(str::to_owned));
        seen.push(format!("answer {}", message.expect("an id")));
    }
    seen
}

#[tokio::test]
async fn docent_that_is_killed_at_any_moment_loses_nothing_that_was_accepted() {
    let Some(mut postgres) = Postgres::start().await else { return };
    let (database, url) = postgres.database().await;
    let folder = folder();
    let mut dice = Dice(5);
    let mut accepted = BTreeSet::new();
    for life in 0..8 {
        let mut server = Running::start(&mut serve(folder.path(), &url));
        let address = server.url();
        // In some lives the database is away, in some it goes or comes back in between.
        let (away_at_first, changes) = (life % 4 == 1 || life % 4 == 2, life % 4 >= 2);
        if away_at_first {
            postgres.stop();
        }
        let chats: Vec<_> = (0..6)
            .map(|chat| {
                tokio::spawn(ask_and_note(address.clone(), format!("{QUESTION} Life {life}, chat {chat}.")))
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(dice.below(120))).await;
        if changes && !away_at_first {
            postgres.stop();
            tokio::time::sleep(Duration::from_millis(dice.below(50))).await;
        }
        server.kill();
        for chat in chats {
            accepted.extend(within_cap("the chat breaks off", chat).await.expect("no panic"));
        }
        if away_at_first || changes {
            postgres.go_on().await;
        }
    }
    assert!(!accepted.is_empty(), "some were accepted");
    let mut server = Running::start(&mut serve(folder.path(), &url));
    let address = server.url();
    let reply: Value = http_client()
        .post(format!("{address}/api/chat"))
        .json(&json!({"message": "Which tyres grip wet concrete?", "stream": false}))
        .send()
        .await
        .expect("a reply")
        .json()
        .await
        .expect("JSON");
    accepted.insert("Which tyres grip wet concrete?".to_owned());
    accepted.insert(format!("answer {}", reply["message_id"].as_str().expect("an id")));
    let names = "SELECT CASE role WHEN 'user' THEN content ELSE 'answer ' || id END FROM messages";
    eventually("everything arrives", || async {
        let stored = postgres.select(&database, names).await;
        accepted.iter().all(|name| stored.contains(name)).then_some(())
    })
    .await;
    server.terminate();
    assert_eq!(server.end().code(), Some(0));
    let stored = postgres.select(&database, names).await;
    let distinct: BTreeSet<&String> = stored.iter().collect();
    assert_eq!(distinct.len(), stored.len(), "each once");
    let outbox = std::fs::metadata(folder.path().join(".docent/outbox.docent")).expect("the outbox");
    assert_eq!(outbox.len(), 24, "nothing is left in it");
    eprintln!("{} accepted, {} stored", accepted.len(), stored.len());
}

#[tokio::test]
async fn what_was_shown_of_an_answer_survives_sigkill() {
    let Some(postgres) = Postgres::shared().await else { return };
    let (database, url) = postgres.database().await;
    let gemini = GeminiDouble::start().await;
    gemini.answer_next("Torque is measured in newton metres [1], says the book.");
    gemini.fault(Fault::HangAfter { after: 2 });
    let folder = folder();
    let mut command = serve(folder.path(), &url);
    command
        .env("GEMINI_API_KEY", gemini.key())
        .env("DOCENT_GEMINI_BASE_URL", gemini.base_url())
        .env("GEMINI_MODEL", "gemini-3.5-flash-lite");
    let mut server = Running::start(&mut command);
    let request =
        http_client().post(format!("{}/api/chat", server.url())).json(&json!({"message": QUESTION}));
    let mut reply = request.send().await.expect("a reply");
    let mut text = String::new();
    within_cap("two pieces", async {
        while text.matches("\"token\"").count() < 2 {
            let chunk = reply.chunk().await.expect("the stream goes on").expect("the stream goes on");
            text.push_str(&String::from_utf8_lossy(&chunk));
        }
    })
    .await;
    server.kill();
    let whole = &text[..text.rfind("\n\n").map_or(0, |end| end + 2)];
    let shown: String = frames_of(whole)
        .iter()
        .filter(|frame| frame.kind() == "token")
        .filter_map(|frame| frame.event["content"].as_str().map(str::to_owned))
        .collect();
    assert!(shown.starts_with("Torque"), "{shown}");

    let mut again = docent(folder.path());
    let mut server = Running::start(again.arg("serve").env("DATABASE_URL", &url));
    server.url();
    let stopped = "SELECT content FROM messages WHERE role = 'assistant' AND outcome = 'stopped'";
    let kept =
        eventually("the answer arrives", || async { postgres.select(&database, stopped).await.pop() }).await;
    assert!(kept.starts_with(&shown), "shown: {shown}; kept: {kept}");
    assert_eq!(postgres.contents(&database).await.len(), 2);
}
