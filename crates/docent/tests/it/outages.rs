//! The rows of the fault table (`docs/deployment/faults.md`) that take more than one service or the whole program: every
//! combination of services that are away, a full disk beside a database that is away, an end in the middle of an answer,
//! a damaged index. Of each: what the reader gets, what health says, what is in the store afterwards.

use std::path::Path;
use std::process::Command;

use docent::providers::http_client;
use doubles::{GeminiDouble, Pace, QdrantDouble};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{
    Disk, MOTORS, Postgres, QUESTION, Running, Setup, TestServer, Transcript, docent, eventually, frames_of,
    run, write_book,
};

/// What the double of the model answers.
const ANSWER: &str = "Torque is measured in newton metres [1].";

/// The outside services, and what happens to them.
struct Around {
    gemini: GeminiDouble,
    qdrant: QdrantDouble,
    postgres: Postgres,
}

impl Around {
    async fn start() -> Option<Self> {
        let postgres = Postgres::start().await?;
        let around =
            Self { gemini: GeminiDouble::start().await, qdrant: QdrantDouble::start().await, postgres };
        around.gemini.answer_always(ANSWER);
        Some(around)
    }

    async fn take_away(&mut self, services: &[&str]) {
        for service in services {
            match *service {
                "qdrant" => self.qdrant.refuse_connections(),
                "postgres" => self.postgres.stop(),
                _ => self.gemini.refuse_connections(),
            }
        }
    }

    async fn bring_back(&mut self, services: &[&str]) {
        for service in services {
            match *service {
                "qdrant" => self.qdrant.accept_connections().await.expect("the port is still free"),
                "postgres" => self.postgres.go_on().await,
                _ => self.gemini.accept_connections().await.expect("the port is still free"),
            }
        }
    }
}

async fn health(server: &TestServer) -> (u16, Value) {
    let reply = server.get("/api/health").send().await.expect("a reply");
    (reply.status().as_u16(), reply.json().await.expect("JSON"))
}

/// What the reader gets while these services are away: always an answer from the book, and a word when the model is not
/// the one who gives it.
fn check_answer(away: &[&str], answer: &Transcript) {
    let without_model = away.contains(&"gemini");
    let order =
        if without_model { "metadata sources token notice done" } else { "metadata sources token done" };
    assert_eq!(answer.order(), order, "{away:?}: {}", answer.raw);
    assert_eq!(answer.notices(), if without_model { vec!["model_resting"] } else { vec![] }, "{away:?}");
    assert!(answer.text().contains("newton metres"), "{away:?}: {}", answer.text());
    let done = answer.event("done");
    let degraded = without_model || away.contains(&"qdrant");
    assert_eq!((&done["degraded"], &done["outcome"]), (&json!(degraded), &json!("answered")), "{away:?}");
    assert_eq!(done["sources"][0]["anchor"], "torque", "{away:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_away_together_the_reader_is_answered_and_nothing_is_lost() {
    let Some(mut around) = Around::start().await else { return };
    let (database, url) = around.postgres.database().await;
    let server = Setup::new()
        .gemini(&around.gemini)
        .qdrant(&around.qdrant)
        .with("DOCENT_EMBEDDER", "gemini")
        .with("DATABASE_URL", &url)
        .with("DOCENT_ADDRESS_LIMIT", "0")
        .start()
        .await;
    let all = ["qdrant", "postgres", "gemini"];
    for combination in 1..8_usize {
        let chosen = all.iter().enumerate().filter(|(place, _)| combination & (1 << place) != 0);
        let away: Vec<&str> = chosen.map(|(_, service)| *service).collect();
        around.take_away(&away).await;
        let question = format!("{QUESTION} Outage {combination}.");
        let answer = server.ask(&json!({"message": question})).await;
        check_answer(&away, &answer);
        let shown = server.messages(&answer.conversation()).await;
        assert_eq!(
            (shown.len(), &shown[0]["content"], &shown[1]["content"]),
            (2, &json!(question), &json!(answer.text())),
            "{away:?}: shown at once, wherever it is"
        );
        let (code, body) = eventually("health names all that is away", || async {
            let (code, body) = health(&server).await;
            (body["failed_services"] == json!(away)).then_some((code, body))
        })
        .await;
        let status = if away.len() == 1 { "degraded" } else { "unhealthy" };
        assert_eq!((code, &body["status"]), (503, &json!(status)), "{body}");
        for service in &away {
            let row = &body["services"][service];
            assert_eq!(
                (&row["status"], &row["kind"]),
                (&json!("disconnected"), &json!("unavailable")),
                "{row}"
            );
            assert!(row["recommended_action"].is_string(), "{row}");
        }
        if away.contains(&"postgres") {
            assert_eq!(body["services"]["postgres"]["waiting"], 2, "{body}");
        }
        assert_eq!(server.get("/readyz").send().await.expect("a reply").status(), 200, "{away:?}");

        around.bring_back(&away).await;
        eventually("everything is used again and well", || async {
            let answer = server.ask(&json!({"message": QUESTION})).await;
            let is_whole = answer.event("done")["degraded"] == false;
            (is_whole && health(&server).await.0 == 200).then_some(())
        })
        .await;
        let stored = eventually("the question arrives", || async {
            let stored = around.postgres.contents(&database).await;
            stored.contains(&question).then_some(stored)
        })
        .await;
        let times = |content: &str| stored.iter().filter(|stored| *stored == content).count();
        assert_eq!(times(&question), 1, "{away:?}: {stored:?}");
        let kept = format!("SELECT content FROM messages WHERE id = '{}'", answer.message());
        eventually("the answer arrives", || async { around.postgres.select(&database, &kept).await.pop() })
            .await;
    }
}

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

async fn ask(url: &str, question: &str) -> reqwest::Response {
    let request = http_client().post(format!("{url}/api/chat")).json(&json!({"message": question}));
    request.send().await.expect("the server answers")
}

/// The whole answer, as its events.
async fn asked(url: &str, question: &str) -> Vec<Value> {
    let text = ask(url, question).await.text().await.expect("a whole stream");
    frames_of(&text).into_iter().map(|frame| frame.event).collect()
}

fn notices(events: &[Value]) -> Vec<&str> {
    events
        .iter()
        .filter(|event| event["type"] == "notice")
        .filter_map(|event| event["code"].as_str())
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigterm_while_the_database_is_away_ends_in_order_and_the_next_start_delivers() {
    let Some(mut postgres) = Postgres::start().await else { return };
    let (database, url) = postgres.database().await;
    let gemini = GeminiDouble::start().await;
    gemini.set_pace(Pace { first_ms: 0, between_ms: 150, words: 1 });
    gemini.answer_next("Torque is measured in newton metres [1], says the book, and nowhere else.");
    let folder = folder();
    let mut command = serve(folder.path(), &url);
    command
        .env("GEMINI_API_KEY", gemini.key())
        .env("DOCENT_GEMINI_BASE_URL", gemini.base_url())
        .env("GEMINI_MODEL", "gemini-3.5-flash-lite");
    let mut server = Running::start(&mut command);
    let address = server.url();
    postgres.stop();
    let mut reply = ask(&address, QUESTION).await;
    let mut text = String::new();
    while !text.contains("\"token\"") {
        let chunk = reply.chunk().await.expect("the stream goes on").expect("the stream goes on");
        text.push_str(&String::from_utf8_lossy(&chunk));
    }
    server.terminate();
    server.line_with("stopping");
    // Nobody else is let in: the port is closed while the answer runs on.
    eventually("a closed port", || async {
        http_client().get(format!("{address}/api/health")).send().await.is_err().then_some(())
    })
    .await;
    while let Some(chunk) = reply.chunk().await.expect("the stream is not cut") {
        text.push_str(&String::from_utf8_lossy(&chunk));
    }
    let frames = frames_of(&text);
    let last = &frames.last().expect("events").event;
    assert_eq!((&last["type"], &last["outcome"]), (&json!("done"), &json!("answered")), "{text}");
    server.line_with("the outbox keeps what the database did not take");
    assert_eq!(server.end().code(), Some(0));

    postgres.go_on().await;
    let mut again = docent(folder.path());
    let mut server = Running::start(again.arg("serve").env("DATABASE_URL", &url));
    server.url();
    eventually("question and answer arrive", || async {
        (postgres.contents(&database).await.len() == 2).then_some(())
    })
    .await;
    assert_eq!(postgres.contents(&database).await[0], QUESTION);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_costs_no_message_while_the_database_is_there() {
    let Some(mut postgres) = Postgres::start().await else { return };
    let (database, url) = postgres.database().await;
    let folder = folder();
    let Some(disk) = Disk::mounted(&folder.path().join(".docent"), 512) else { return };
    let mut server = Running::start(&mut serve(folder.path(), &url));
    let address = server.url();
    disk.fill();
    for number in 0..3 {
        let events = asked(&address, &format!("{QUESTION} Question {number}.")).await;
        assert_eq!(notices(&events), Vec::<&str>::new(), "{events:?}");
    }
    eventually("everything arrives", || async {
        (postgres.contents(&database).await.len() == 6).then_some(())
    })
    .await;
    // With the database away as well there is no place left, and the reader is told.
    postgres.stop();
    let mut told = Vec::new();
    for number in 3..40 {
        let events = asked(&address, &format!("{QUESTION} Question {number}.")).await;
        let last = events.last().expect("events");
        assert_eq!((&last["type"], &last["outcome"]), (&json!("done"), &json!("answered")));
        told.extend(notices(&events).iter().map(|code| (*code).to_owned()));
        if !told.is_empty() {
            break;
        }
    }
    assert_eq!(told, ["conversation_not_stored"]);
    server.terminate();
    assert_eq!(server.end().code(), Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_index_at_the_start_is_made_anew_or_replaced_by_qdrant_or_named() {
    let qdrant = QdrantDouble::start().await;
    let folder = folder();
    let with_qdrant = |mut command: Command| {
        command.env("QDRANT_URL", qdrant.base_url()).env("QDRANT_API_KEY", qdrant.key());
        command
    };
    let command = |words: &[&str]| {
        let mut command = docent(folder.path());
        command.args(words);
        command
    };
    assert_eq!(run(&mut with_qdrant(command(&["ingest", "book"]))).code, Some(0));
    let index = folder.path().join(".docent/index.docent");
    let whole = std::fs::read(&index).expect("the index");
    let damage = || {
        let mut bytes = whole.clone();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0xff;
        std::fs::write(&index, &bytes).expect("damaged");
    };

    damage();
    let output = run(&mut command(&["serve"]));
    assert_eq!(output.code, Some(1), "{}", output.stderr);
    assert!(
        output.stderr.contains("index.docent") && output.stderr.contains("docent ingest"),
        "{}",
        output.stderr
    );

    let mut server = Running::start(&mut with_qdrant(command(&["serve"])));
    server.line_with("there is no index file to stand in for Qdrant");
    let address = server.url();
    let events = asked(&address, QUESTION).await;
    let done = events.last().expect("events");
    assert_eq!((&done["outcome"], &done["degraded"]), (&json!("answered"), &json!(false)), "{done}");
    qdrant.refuse_connections();
    let events = asked(&address, QUESTION).await;
    assert_eq!(notices(&events), ["search_resting"], "{events:?}");
    let health = http_client().get(format!("{address}/api/health")).send().await.expect("a reply");
    assert_eq!(health.status(), 503);
    drop(server);

    let mut server = Running::start(&mut command(&["serve", "book"]));
    let events = asked(&server.url(), QUESTION).await;
    let done = events.last().expect("events");
    assert_eq!((&done["outcome"], &done["degraded"]), (&json!("answered"), &json!(false)), "{done}");
    assert_eq!(std::fs::read(&index).expect("the index"), whole, "the book makes the same bytes again");
}
