//! A book in Qdrant: written once, found as in the index file, and never in the reader's way when the cluster is away.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use corpus::BookOptions;
use docent::config::{Config, Values};
use docent::ingest::qdrant::sync;
use docent::ingest::{Progress, plan};
use docent::parts::Providers;
use docent::providers::qdrant::{Patience, Qdrant, path};
use docent::providers::{Secret, http_client};
use docent::retrieve::{
    PassageLimits, QdrantRetriever, Query, Retrieval, Retriever, SharedIndex, Vectors, retrieve,
};
use docent::status::Services;
use doubles::{Fault, Operation, Planned, QdrantDouble, Quota};
use reqwest::Method;
use search::{Index, Step, Steps};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{MOTORS, QUESTION, Running, Setup, TestServer, docent, eventually, run, write_book};

const NAME: &str = "docusaurus-book";

fn command(folder: &Path, qdrant: &QdrantDouble) -> Command {
    let mut command = docent(folder);
    command
        .env("QDRANT_URL", qdrant.base_url())
        .env("QDRANT_API_KEY", qdrant.key())
        .env("DOCENT_EMBEDDER", "local");
    command
}

fn ingest(folder: &Path, qdrant: &QdrantDouble) -> Command {
    let mut command = command(folder, qdrant);
    command.args(["ingest", "book", "--json"]);
    command
}

fn report(command: &mut Command) -> Value {
    let output = run(command);
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    serde_json::from_str(&output.stdout).expect("JSON")
}

/// Texts of the chunks in a collection or behind an alias, notes left out.
fn contents(qdrant: &QdrantDouble, name: &str) -> Vec<String> {
    let points = qdrant.points(name);
    let text = |point: &Value| point["payload"]["content"].as_str().map(str::to_owned);
    let mut contents: Vec<String> = points.iter().filter_map(text).collect();
    contents.sort();
    contents
}

fn writes(qdrant: &QdrantDouble) -> usize {
    qdrant.requests().iter().filter(|request| request.operation == Operation::Write).count()
}

fn book(folder: &TempDir) -> std::path::PathBuf {
    let book = folder.path().join("book");
    write_book(&book, MOTORS);
    book
}

#[tokio::test(flavor = "multi_thread")]
async fn a_book_is_written_once() {
    let qdrant = QdrantDouble::start().await;
    let folder = TempDir::new().expect("a folder");
    let book = book(&folder);
    let first = report(&mut ingest(folder.path(), &qdrant));
    assert_eq!(
        (first["qdrant"]["written"].as_u64(), first["qdrant"]["created"].as_bool()),
        (Some(6), Some(true)),
        "{first}"
    );
    let collection = qdrant.alias(NAME).expect("an alias");
    assert_eq!(first["qdrant"]["collection"], json!(collection));
    let points = qdrant.points(NAME);
    assert_eq!(points.len(), 7, "six chunks and the notes");
    let torque = points.iter().find(|point| point["payload"]["anchor"] == "torque").expect("the chunk");
    for field in
        ["file_path", "heading_path", "section_depth", "content", "token_count", "title", "url", "locale"]
    {
        assert!(!torque["payload"][field].is_null(), "{field}: {torque}");
    }
    assert_eq!(torque["vector"]["dense"].as_array().map(Vec::len), Some(384));
    assert!(torque["vector"]["bm25"]["indices"].as_array().is_some_and(|places| places.len() > 5));
    let paths: Vec<String> = qdrant.requests().into_iter().map(|request| request.path).collect();
    let place = |part: &str| paths.iter().position(|path| path.contains(part));
    assert!(place("/index").expect("indexes") < place("/points?wait=true").expect("points"), "{paths:#?}");

    qdrant.control().reset();
    let second = report(&mut ingest(folder.path(), &qdrant));
    assert_eq!(second["qdrant"]["unchanged"], 6);
    assert_eq!(writes(&qdrant), 0, "{:#?}", qdrant.requests());
    assert_eq!(qdrant.points(NAME), points);

    // One page gone, one new, one changed.
    std::fs::remove_file(book.join("docs/wheels.md")).expect("removed");
    write_book(&book, &[("docs/new.md", "# New\n\nSomething new.\n")]);
    let plan = report(ingest(folder.path(), &qdrant).arg("--plan"));
    assert_eq!((plan["qdrant"]["written"].as_u64(), plan["qdrant"]["removed"].as_u64()), (Some(1), Some(3)));
    assert_eq!((writes(&qdrant), plan["embedded"].as_u64()), (0, Some(1)));
    report(&mut ingest(folder.path(), &qdrant));
    let texts = contents(&qdrant, NAME);
    assert!(texts.len() == 4 && texts.iter().any(|text| text.contains("Something new")), "{texts:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_machine_takes_the_vectors_that_are_there() {
    let qdrant = QdrantDouble::start().await;
    let (one, other) = (TempDir::new().expect("a folder"), TempDir::new().expect("a folder"));
    book(&one);
    book(&other);
    let first = report(&mut ingest(one.path(), &qdrant));
    assert_eq!(first["embedded"], 6);
    let plan = report(ingest(other.path(), &qdrant).arg("--plan"));
    assert_eq!(plan["embedded"], 0);
    let second = report(&mut ingest(other.path(), &qdrant));
    assert_eq!((second["embedded"].as_u64(), second["qdrant"]["written"].as_u64()), (Some(0), Some(0)));
    // Watching too, and a question in the terminal. The collection has all vectors; a wrong embedder would be asked.
    let third = TempDir::new().expect("a folder");
    book(&third);
    let mut watching = Running::start(ingest(third.path(), &qdrant).arg("--watch"));
    watching.line_with("watching book");
    let index = Index::open(&third.path().join(".docent/index.docent")).expect("the index");
    assert_eq!((index.len(), index.metadata().dimensions), (6, 384));
    let reads = |wanted: &Value| {
        let asked = qdrant.requests().into_iter().filter(|request| request.body["with_vector"] == *wanted);
        asked.count()
    };
    assert_eq!(reads(&json!(["dense"])), 2, "the other machine's and this one's");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_embedder_makes_another_collection_and_readers_are_led_there_at_once() {
    let qdrant = QdrantDouble::start().await;
    let folder = TempDir::new().expect("a folder");
    book(&folder);
    report(&mut ingest(folder.path(), &qdrant));
    let blue = qdrant.alias(NAME).expect("an alias");
    let plan = report(ingest(folder.path(), &qdrant).env("DOCENT_EMBEDDER", "none").arg("--plan"));
    assert_eq!((&plan["qdrant"]["created"], &plan["qdrant"]["switched"]), (&json!(true), &json!(true)));
    assert_eq!(qdrant.collections(), std::slice::from_ref(&blue));

    // Whatever breaks on the way, the alias leads to a whole book.
    qdrant.plan(Planned::new(Fault::BadKey).on(Operation::Write).times(1));
    let broken = run(ingest(folder.path(), &qdrant).env("DOCENT_EMBEDDER", "none"));
    assert!(broken.code == Some(1) && broken.stderr.contains("QDRANT_API_KEY"), "{}", broken.stderr);
    assert_eq!(qdrant.alias(NAME), Some(blue.clone()));

    let moved = report(ingest(folder.path(), &qdrant).env("DOCENT_EMBEDDER", "none"));
    let green = qdrant.alias(NAME).expect("an alias");
    assert_ne!(green, blue);
    assert_eq!((contents(&qdrant, &green).len(), &moved["qdrant"]["dropped"]), (6, &json!([])));
    assert!(qdrant.collections().contains(&blue), "readers may still look there");
    let after = report(ingest(folder.path(), &qdrant).env("DOCENT_EMBEDDER", "none"));
    assert_eq!(after["qdrant"]["dropped"], json!([blue]));
    assert_eq!(qdrant.collections(), [green]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_ingest_goes_on_where_it_was() {
    let qdrant = QdrantDouble::start().await;
    let folder = TempDir::new().expect("a folder");
    let sections: String =
        (0..400).map(|n| format!("## Part {n}\n\nThe part number {n} weighs {} grams.\n\n", n * 3)).collect();
    write_book(&folder.path().join("book"), &[("docs/parts.md", &format!("# Parts\n\n{sections}"))]);
    let begin = || {
        let mut command = ingest(folder.path(), &qdrant);
        command.env("DOCENT_EMBEDDER", "none");
        command
    };
    // Each time one write more gets through before the next one hangs and the program is killed.
    for allowed in 0..9 {
        kill_at_a_write(&qdrant, &mut begin(), allowed, async || qdrant.alias(NAME).is_some()).await;
    }
    report(&mut begin());
    assert_eq!(contents(&qdrant, NAME).len(), 400);
    qdrant.control().reset();
    assert_eq!(report(&mut begin())["qdrant"]["unchanged"], 400);
    assert_eq!(writes(&qdrant), 0);
}

/// Runs an ingest until a write hangs after so many others, or until it is `done`, and kills it.
async fn kill_at_a_write(
    qdrant: &QdrantDouble,
    begin: &mut Command,
    allowed: usize,
    done: impl AsyncFn() -> bool,
) {
    let before = writes(qdrant);
    let mut killed = Running::start(begin);
    eventually("a write that hangs", async || {
        if writes(qdrant) >= before + allowed {
            qdrant.plan(Planned::new(Fault::Hang).on(Operation::Write));
        }
        let hangs = qdrant.requests().iter().any(|request| {
            request.operation == Operation::Write
                && request.completed.is_none()
                && request.disconnected.is_none()
        });
        (hangs || done().await).then_some(())
    })
    .await;
    killed.kill();
    qdrant.control().reset();
}

/// Another embedder, and a kill at every write on the way: readers are led to a whole book at every moment.
#[tokio::test(flavor = "multi_thread")]
async fn a_re_index_that_is_killed_leads_nobody_to_half_a_book() {
    let (qdrant, gemini) = (QdrantDouble::start().await, doubles::GeminiDouble::start().await);
    let folder = TempDir::new().expect("a folder");
    let sections: String =
        (0..300).map(|n| format!("## Part {n}\n\nThe part number {n} weighs {} grams.\n\n", n * 3)).collect();
    write_book(&folder.path().join("book"), &[("docs/parts.md", &format!("# Parts\n\n{sections}"))]);
    report(ingest(folder.path(), &qdrant).env("DOCENT_EMBEDDER", "none"));
    let blue = qdrant.alias(NAME).expect("an alias");
    let begin = || {
        let mut command = ingest(folder.path(), &qdrant);
        command
            .env("DOCENT_EMBEDDER", "gemini")
            .env("DOCENT_EMBEDDING_DIMENSIONS", "64")
            .env("DOCENT_EMBEDDINGS_PER_MINUTE", "0")
            .env("GEMINI_API_KEY", gemini.key())
            .env("DOCENT_GEMINI_BASE_URL", gemini.base_url());
        command
    };
    for allowed in 0..5 {
        let moved = async || qdrant.alias(NAME).is_some_and(|target| target != blue);
        kill_at_a_write(&qdrant, &mut begin(), allowed, moved).await;
        assert_eq!(contents(&qdrant, NAME).len(), 300, "after {allowed} writes");
    }
    report(&mut begin());
    let green = qdrant.alias(NAME).expect("an alias");
    assert_ne!(green, blue);
    assert_eq!(contents(&qdrant, NAME).len(), 300);
    report(&mut begin());
    assert_eq!(qdrant.collections(), [green], "the old one is gone");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_before_1_16_keeps_the_facts_in_a_point() {
    let qdrant = QdrantDouble::start().await;
    qdrant.set_minor_version(10);
    let folder = TempDir::new().expect("a folder");
    book(&folder);
    report(&mut ingest(folder.path(), &qdrant));
    qdrant.control().reset();
    assert_eq!(report(&mut ingest(folder.path(), &qdrant))["qdrant"]["unchanged"], 6);
    assert_eq!(writes(&qdrant), 0);
    let answer = run(command(folder.path(), &qdrant).args(["ask", QUESTION]));
    assert!(answer.stdout.contains("newton metres") && !answer.stderr.contains("WARN"), "{}", answer.stderr);
    qdrant.set_minor_version(9);
    let old = run(&mut ingest(folder.path(), &qdrant));
    assert!(old.stderr.contains("Qdrant 1.9 is too old"), "{}", old.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collection_that_was_there_before_is_left_as_it_is() {
    let qdrant = QdrantDouble::start().await;
    earlier_service(&qdrant, 768).await;
    let before = qdrant.points(NAME);
    let folder = TempDir::new().expect("a folder");
    book(&folder);
    let report = report(&mut ingest(folder.path(), &qdrant));
    assert_eq!(report["qdrant"]["alias"], format!("{NAME}-docent"));
    assert!(
        report["qdrant"]["notes"][0].as_str().is_some_and(|note| note.contains("left as it is")),
        "{report}"
    );
    assert_eq!(qdrant.points(NAME), before);
    // Readers are answered from the new one.
    std::fs::remove_file(folder.path().join(".docent/index.docent")).expect("removed");
    let answer = run(command(folder.path(), &qdrant).args(["ask", QUESTION]));
    assert!(answer.stdout.contains("newton metres"), "{} {}", answer.stdout, answer.stderr);
}

/// A collection as the earlier service made it: one unnamed vector, five fields, no payload index.
async fn earlier_service(qdrant: &QdrantDouble, dimensions: usize) {
    let client = docent::providers::http_client();
    let put = async |path: &str, body: Value| {
        let url = format!("{}/collections/{NAME}{path}", qdrant.base_url());
        let reply =
            client.put(url).header("api-key", qdrant.key()).json(&body).send().await.expect("a reply");
        assert_eq!(reply.status(), 200, "{:?}", reply.text().await);
    };
    put("", json!({"vectors": {"size": dimensions, "distance": "Cosine"}})).await;
    let texts = [
        (
            "docs/module-01/motors.md",
            "Torque",
            "The torque of a motor is measured in newton metres. More is better.",
        ),
        ("docs/module-02/wheels.md", "Tyres", "Rubber tyres grip wet concrete better than plastic tyres do."),
    ];
    let points: Vec<Value> = texts
        .iter()
        .enumerate()
        .map(|(number, (file, heading, content))| {
            json!({
                "id": format!("3fa85f64-5717-4562-b3fc-2c963f66afa{number}"),
                "vector": doubles::embed(content, dimensions),
                "payload": {"file_path": file, "heading_path": [heading], "section_depth": 2, "content": content, "token_count": 12},
            })
        })
        .collect();
    put("/points?wait=true", json!({"points": points})).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_earlier_services_collection_is_readable() {
    let (qdrant, gemini) = (QdrantDouble::start().await, doubles::GeminiDouble::start().await);
    earlier_service(&qdrant, 768).await;
    let server = Setup::new()
        .with("DOCENT_EMBEDDER", "gemini")
        .with("DOCENT_GENERATOR", "extractive")
        .gemini(&gemini)
        .qdrant(&qdrant)
        .only_qdrant()
        .start()
        .await;
    let answer = server.ask_whole(&json!({"message": QUESTION, "version": "1.0", "locale": "en"})).await;
    assert!(answer["answer"].as_str().is_some_and(|text| text.contains("newton metres")), "{answer}");
    assert_eq!(answer["sources"][0]["file"], "docs/module-01/motors.md");
    assert_eq!(answer["sources"][0]["url"], "/docs/module-01/motors");
}

#[tokio::test(flavor = "multi_thread")]
async fn lengths_that_differ_are_one_message_with_both_numbers_and_the_remedy() {
    let qdrant = QdrantDouble::start().await;
    earlier_service(&qdrant, 768).await;
    let folder = TempDir::new().expect("a folder");
    let mut server = Running::start(command(folder.path(), &qdrant).arg("serve"));
    let line = server.line_with("768");
    assert!(line.contains("384") && line.contains("docent ingest BOOK"), "{line}");
    let url = server.url();
    let answer = ask(&url).await;
    assert!(answer["answer"].as_str().is_some_and(|text| text.contains("must be indexed anew")), "{answer}");
    assert_eq!(qdrant.requests().iter().filter(|request| request.operation == Operation::Query).count(), 0);
}

async fn ask(url: &str) -> Value {
    let client = docent::providers::http_client();
    let body = json!({"message": QUESTION, "stream": false});
    let reply = client.post(format!("{url}/api/chat")).json(&body).send().await.expect("a reply");
    reply.json().await.expect("JSON")
}

#[tokio::test(flavor = "multi_thread")]
async fn another_embedders_vectors_are_not_compared() {
    let qdrant = QdrantDouble::start().await;
    let folder = TempDir::new().expect("a folder");
    book(&folder);
    report(&mut ingest(folder.path(), &qdrant));
    std::fs::remove_file(folder.path().join(".docent/index.docent")).expect("removed");
    let gemini = doubles::GeminiDouble::start().await;
    let mut other = command(folder.path(), &qdrant);
    other
        .env("DOCENT_EMBEDDER", "gemini")
        .env("DOCENT_GENERATOR", "extractive")
        .env("GEMINI_API_KEY", gemini.key())
        .env("DOCENT_GEMINI_BASE_URL", gemini.base_url());
    let answer = run(other.args(["ask", "--json", QUESTION]));
    assert!(
        answer.stderr.contains("(384 values)") && answer.stderr.contains("(768 values)"),
        "{}",
        answer.stderr
    );
    let answer: Value = serde_json::from_str(&answer.stdout).expect("JSON");
    assert!(answer["answer"].as_str().is_some_and(|text| text.contains("newton metres")), "{answer}");
    assert_eq!(answer["degraded"], true);
}

/// Hits of a question as (chunk, score, cosine, word score).
async fn hits(server: &TestServer, question: &str) -> Vec<(String, f64, f64, f64)> {
    let reply = server
        .get(&format!("/api/search?limit=20&q={}", question.replace(' ', "%20").replace('?', "%3F")))
        .send()
        .await
        .expect("a reply");
    let reply: Value = reply.json().await.expect("JSON");
    let number = |value: &Value| value.as_f64().unwrap_or(-1.0);
    let hits = reply["hits"].as_array().expect("hits").iter();
    hits.map(|hit| {
        let words = number(&hit["lexical"]["score"]);
        (hit["id"].to_string(), number(&hit["score"]), number(&hit["cosine"]), words)
    })
    .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_finds_in_qdrant_what_it_finds_in_the_file() {
    let qdrant = QdrantDouble::start().await;
    let file = Setup::new().with("DOCENT_EMBEDDER", "local").start().await;
    let both = Setup::new().with("DOCENT_EMBEDDER", "local").qdrant(&qdrant).start().await;
    for question in [QUESTION, "Which tyres grip?", "What needs grease?", "speed", "Who won the cup final?"] {
        let (expected, found) = (hits(&file, question).await, hits(&both, question).await);
        assert_eq!(found.len(), expected.len(), "{question}");
        for (found, expected) in found.iter().zip(&expected) {
            assert_eq!(found.0, expected.0, "{question}");
            for (one, other) in [(found.1, expected.1), (found.2, expected.2), (found.3, expected.3)] {
                assert!((one - other).abs() < 1e-3, "{question}: {found:?} for {expected:?}");
            }
        }
        let (one, other) = (json!({"message": question}), json!({"message": question}));
        let (file, both) = (file.ask_whole(&one).await, both.ask_whole(&other).await);
        assert_eq!((&file["answer"], &file["outcome"]), (&both["answer"], &both["outcome"]), "{question}");
        assert_eq!(both["degraded"], false);
    }
    let queries = qdrant.requests();
    let queries: Vec<_> = queries.iter().filter(|request| request.operation == Operation::Query).collect();
    assert_eq!(queries.len(), 10, "one call a question");
    assert_eq!(queries[0].body["searches"][0]["prefetch"].as_array().map(Vec::len), Some(2));
    let (_, health) = health(&both).await;
    let row = &health["services"]["qdrant"];
    assert_eq!((&row["status"], &row["points"]), (&json!("connected"), &json!(6)), "{health}");
    assert_eq!(row["url"], qdrant.base_url());
}

async fn health(server: &TestServer) -> (u16, Value) {
    let reply = server.get("/api/health").send().await.expect("a reply");
    (reply.status().as_u16(), reply.json().await.expect("JSON"))
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_and_locales_are_filtered_inside_of_each_leg() {
    let qdrant = QdrantDouble::start().await;
    let server = Setup::new().qdrant(&qdrant).start().await;
    let found = server.ask_whole(&json!({"message": QUESTION, "version": "9", "locale": "en"})).await;
    assert_eq!(found["outcome"], "answered", "pages without version belong to every version: {found}");
    let none = server.ask_whole(&json!({"message": QUESTION, "locale": "fr"})).await;
    assert_ne!(none["outcome"], "answered", "{none}");
    assert_eq!(none["degraded"], false);
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_happens_to_qdrant_the_index_file_answers() {
    let faults = [
        (Fault::Suspended, "suspended"),
        (Fault::BadKey, "unauthorized"),
        (Fault::Status { code: 503 }, "unavailable"),
        (Fault::RateLimited { quota: Quota::Minute, retry_after_ms: 2000 }, "rate_limited"),
        (Fault::Raw { status: 200, content_type: "text/html".into(), body: "<html>".into() }, "bad_response"),
        (Fault::Hang, "timeout"),
    ];
    for (fault, kind) in faults {
        let qdrant = QdrantDouble::start().await;
        let server = Setup::new().qdrant(&qdrant).start().await;
        qdrant.control().reset();
        qdrant.plan(Planned::new(fault.clone()).always());
        for _ in 0..4 {
            let answer = server.ask_whole(&json!({"message": QUESTION})).await;
            assert!(answer["answer"].as_str().is_some_and(|text| text.contains("newton metres")), "{answer}");
            assert_eq!(
                (&answer["degraded"], &answer["outcome"]),
                (&json!(true), &json!("answered")),
                "{kind}"
            );
        }
        assert!(qdrant.requests().len() <= 4, "{kind}: it is left alone: {}", qdrant.requests().len());
        let (code, body) = health(&server).await;
        assert_eq!((code, &body["failed_services"]), (503, &json!(["qdrant"])), "{body}");
        assert_eq!(body["services"]["qdrant"]["kind"], kind, "{body}");
        assert!(!body.to_string().contains(qdrant.key()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_index_file_a_question_is_refused_with_the_reason_and_later_answered() {
    let qdrant = QdrantDouble::start().await;
    let folder = TempDir::new().expect("a folder");
    book(&folder);
    report(&mut ingest(folder.path(), &qdrant));
    let server = Setup::new().with("DOCENT_EMBEDDER", "local").qdrant(&qdrant).only_qdrant().start().await;
    qdrant.plan(Planned::new(Fault::Status { code: 503 }).on(Operation::Query).times(1));
    let transcript = server.ask(&json!({"message": QUESTION})).await;
    assert_eq!(transcript.notices(), ["search_resting"]);
    let answer = server.ask_whole(&json!({"message": QUESTION})).await;
    assert!(answer["answer"].as_str().is_some_and(|text| text.contains("newton metres")), "{answer}");
    assert_eq!(answer["degraded"], false);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collection_that_is_replaced_meanwhile_is_found_by_the_next_question() {
    let qdrant = QdrantDouble::start().await;
    let folder = TempDir::new().expect("a folder");
    book(&folder);
    report(ingest(folder.path(), &qdrant).env("DOCENT_EMBEDDER", "none"));
    let server = Setup::new().qdrant(&qdrant).only_qdrant().start().await;
    // Words are searched whoever made the vectors. The second run drops what the first one replaced.
    let before = qdrant.alias(NAME).expect("an alias");
    report(&mut ingest(folder.path(), &qdrant));
    report(&mut ingest(folder.path(), &qdrant));
    assert!(!qdrant.collections().contains(&before), "{:?}", qdrant.collections());
    let answer = server.ask_whole(&json!({"message": QUESTION})).await;
    assert!(answer["answer"].as_str().is_some_and(|text| text.contains("newton metres")), "{answer}");
    assert_eq!(answer["degraded"], false);
}

#[tokio::test(flavor = "multi_thread")]
async fn serving_a_book_copies_it_and_starts_without_qdrant_too() {
    let qdrant = QdrantDouble::start().await;
    let folder = TempDir::new().expect("a folder");
    book(&folder);
    let mut server = Running::start(command(folder.path(), &qdrant).args(["serve", "book"]));
    let url = server.url();
    eventually("a copy", async || (contents(&qdrant, NAME).len() == 6).then_some(())).await;
    assert_eq!(contents(&qdrant, NAME).len(), 6);
    eventually("an answer from Qdrant", async || {
        let answer = ask(&url).await;
        (answer["degraded"] == false).then_some(())
    })
    .await;
    drop(server);
    qdrant.refuse_connections();
    let mut server = Running::start(command(folder.path(), &qdrant).args(["serve", "book"]));
    let url = server.url();
    let answer = ask(&url).await;
    assert_eq!((&answer["outcome"], &answer["degraded"]), (&json!("answered"), &json!(true)), "{answer}");
}

/// The double, and a real server when `TEST_QDRANT_URL` names one: address and key.
fn places(double: &QdrantDouble) -> Vec<(String, Option<String>)> {
    let mut places = vec![(double.base_url(), Some(double.key().to_owned()))];
    if let Ok(url) = std::env::var("TEST_QDRANT_URL") {
        places.push((url, std::env::var("TEST_QDRANT_API_KEY").ok()));
    }
    places
}

#[tokio::test(flavor = "multi_thread")]
async fn the_double_and_a_real_server_say_the_same() {
    let double = QdrantDouble::start().await;
    let folder = TempDir::new().expect("a folder");
    let book = book(&folder);
    let settings = Values::with(&[("DOCENT_EMBEDDER", "local")]);
    let config = Config::from_values(&settings, Vec::new()).expect("valid settings");
    let (embedder, _) =
        Providers::new(&config, &Services::default()).embedder(&config).expect("the local encoder");
    let file = folder.path().join("index.docent");
    let plan = plan(&book, &BookOptions::default(), &embedder, &file).await.expect("a plan");
    plan.run(&embedder, &Progress::Silent).await.expect("an index");
    let index = Index::open(&file).expect("the index");
    let vectors = Vectors {
        fingerprint: embedder.fingerprint().expect("vectors").to_owned(),
        dimensions: embedder.dimensions(),
    };
    let query = Query {
        text: QUESTION.to_owned(),
        version: Some("1".to_owned()),
        locale: Some("en".to_owned()),
        ..Query::default()
    };
    let limits = PassageLimits::default();
    // A collection holds no vectors of sentences, and no file stands beside it.
    let own = Index::open(&file).expect("the index").with_steps(Steps::ALL.without(Step::Sentences));
    let own = Retriever::File(SharedIndex::new(own));
    let expected = retrieve(&own, &embedder, &query, limits).await;

    for (url, key) in places(&double) {
        let client = Arc::new(Qdrant::new(http_client(), &url, key.map(Secret::new).as_ref()));
        let patience = Patience::Batch(Duration::from_secs(30));
        let name = format!("docent-test-{}", std::process::id());
        assert_eq!(client.collection(&name, patience).await.expect("an answer"), None);
        let first = sync(&client, &name, &index, &Progress::Silent).await.expect("a copy");
        assert_eq!((first.written, first.created, first.switched), (6, true, true), "{url}");
        assert!(
            sync(&client, &name, &index, &Progress::Silent).await.expect("a copy").is_unchanged(),
            "{url}"
        );

        let strict = json!({"strict_mode_config": {"enabled": true, "unindexed_filtering_retrieve": false,
            "unindexed_filtering_update": false}});
        let collection = path(&first.collection, "");
        client.call(Method::PATCH, &collection, Some(&strict), patience).await.expect("strict mode");
        let unindexed = json!({"must": [{"key": "title", "match": {"value": "x"}}]});
        let refused = client.count(&name, &unindexed, patience).await.expect_err("no index");
        assert!(refused.to_string().contains("Index required"), "{url}: {refused}");
        let short = [json!({"query": [0.5, 0.5], "using": "dense", "limit": 3})];
        let refused = client.query_batch(&name, &short, patience).await.expect_err("two values");
        assert!(refused.to_string().contains("expected dim: 384, got 2"), "{url}: {refused}");

        let retriever = QdrantRetriever::new(client.clone(), &name, Some(vectors.clone()), None);
        retriever.start().await.expect("a collection");
        let found = retrieve(&Retriever::Qdrant(retriever), &embedder, &query, limits).await;
        assert_eq!((found.degraded, found.verdict), (None, expected.verdict), "{url}");
        let content = |found: &Retrieval| found.passages.first().map(|passage| passage.content.clone());
        assert_eq!(content(&found), content(&expected), "{url}");
        for (one, other) in found.hits.iter().zip(&expected.hits) {
            assert!((one.score - other.score).abs() < 1e-3, "{url}: {one:?} for {other:?}");
        }
        client.call(Method::DELETE, &collection, None, patience).await.expect("deleted");
    }
}
