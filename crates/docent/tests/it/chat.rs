//! `POST /api/chat`: the order and the fields of the stream, the same as one object, and the front end that exists.

use doubles::{Fault, GeminiDouble, OpenAiDouble, Pace, Planned};
use serde_json::{Value, json};

use crate::support::{QUESTION, Setup, TestServer, Transcript};

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().expect("an object").keys().map(String::as_str).collect()
}

/// Same names, whatever their order.
fn check_keys(value: &Value, expected: &[&str]) {
    let mut found = keys(value);
    let mut expected = expected.to_vec();
    found.sort_unstable();
    expected.sort_unstable();
    assert_eq!(found, expected, "{value}");
}

const SOURCE: &[&str] = &["n", "file", "heading", "similarity", "title", "url", "anchor", "quote", "href"];

#[tokio::test]
async fn an_answer_comes_in_the_documented_order_with_the_documented_fields() {
    let server = TestServer::start().await;
    let reply = server.try_ask(&json!({"message": QUESTION})).await;
    assert_eq!(reply.headers()["cache-control"], "no-cache, no-transform");
    assert_eq!(reply.headers()["x-accel-buffering"], "no");
    let answer = server.ask(&json!({"message": QUESTION})).await;

    assert_eq!(answer.order(), "metadata sources token done", "{}", answer.raw);
    let ids: Vec<Option<usize>> = answer.frames.iter().map(|frame| frame.id).collect();
    assert_eq!(ids, (1..=answer.frames.len()).map(Some).collect::<Vec<_>>());
    check_keys(&answer.event("metadata"), &["type", "conversation_id", "message_id"]);
    check_keys(&answer.event("sources"), &["type", "sources"]);
    check_keys(&answer.event("token"), &["type", "content"]);
    let done = answer.event("done");
    check_keys(&done, &["type", "sources", "outcome", "degraded", "usage", "suggestions"]);
    assert_eq!(done["outcome"], "answered");
    assert_eq!(done["degraded"], false);
    let source = &done["sources"][0];
    check_keys(source, SOURCE);
    assert_eq!(source["file"], "docs/motors.md");
    assert_eq!(source["heading"], "Torque");
    assert_eq!(source["url"], "/docs/motors");
    assert_eq!(source["anchor"], "torque");
    assert_eq!(source["quote"], "The torque of a motor is measured in newton metres.");
    let href = source["href"].as_str().expect("a link");
    assert!(href.starts_with("/docs/motors#torque:~:text=The%20torque%20of"), "{href}");
    let similarity = source["similarity"].as_f64().expect("a number");
    assert!((0.0..=1.0).contains(&similarity));
    assert!(answer.text().contains("newton metres. [1]"), "{}", answer.text());
}

#[tokio::test]
async fn every_marker_in_the_text_has_its_source() {
    let gemini = GeminiDouble::start().await;
    let server = Setup::new().gemini(&gemini).start().await;
    gemini
        .answer_next("Newton metres [1]. A lie [9]. [Source 1] and [77] more [link](https://evil.example).");
    let answer = server.ask(&json!({"message": QUESTION})).await;
    let done = answer.event("done");
    let numbers: Vec<u64> =
        done["sources"].as_array().into_iter().flatten().filter_map(|source| source["n"].as_u64()).collect();
    assert_eq!(numbers, [1], "{}", answer.raw);
    let text = answer.text();
    assert!(text.contains("[1]") && !text.contains("[9]") && !text.contains("77"), "{text}");
    assert!(!text.contains("evil.example"), "{text}");
}

#[tokio::test]
async fn the_front_end_that_exists_gets_id_text_and_sources() {
    let server = TestServer::start().await;
    let body = json!({"message": QUESTION, "mode": "general", "context": null, "conversation_id": null});
    let text = server.try_ask(&body).await.text().await.expect("a stream");
    let (mut id, mut answer, mut sources) = (Value::Null, String::new(), Value::Null);
    for line in text.split('\n') {
        let Some(json) = line.strip_prefix("data: ") else { continue };
        let event: Value = serde_json::from_str(json).expect("JSON behind every data:");
        match event["type"].as_str() {
            Some("metadata") => id = event["conversation_id"].clone(),
            Some("token") => answer.push_str(event["content"].as_str().expect("text")),
            Some("done") => sources = event["sources"].clone(),
            _ => {}
        }
    }
    assert_eq!(id.as_str().map(str::len), Some(36));
    assert!(answer.starts_with("The torque of a motor is measured in newton metres."), "{answer}");
    assert_eq!(sources[0]["file"], "docs/motors.md");
    assert_eq!(sources[0]["heading"], "Torque");
    assert!(sources[0]["similarity"].is_number());
}

#[tokio::test]
async fn a_failure_is_also_told_to_a_front_end_that_knows_only_tokens() {
    let gemini = GeminiDouble::start().await;
    let server = Setup::new().gemini(&gemini).start().await;
    gemini.answer_next("Torque is measured in newton metres [1] and in other units.");
    gemini.fault(Fault::Cut { after: 2 });
    let answer = server.ask(&json!({"message": QUESTION})).await;
    assert_eq!(answer.order(), "metadata sources token error", "{}", answer.raw);
    let [.., said, error] = answer.frames.as_slice() else { panic!("too short") };
    assert_eq!((said.kind(), said.id), ("token", None));
    check_keys(&error.event, &["type", "code", "message", "retry_after"]);
    let message = error.event["message"].as_str().expect("words");
    assert!(said.event["content"].as_str().is_some_and(|content| content.contains(message)));
    assert!(!answer.text().is_empty());
}

#[tokio::test]
async fn without_streaming_the_same_answer_is_one_object() {
    let server = TestServer::start().await;
    let streamed = server.ask(&json!({"message": QUESTION})).await;
    let whole = server.ask_whole(&json!({"message": QUESTION})).await;
    check_keys(
        &whole,
        &[
            "conversation_id",
            "message_id",
            "answer",
            "sources",
            "outcome",
            "degraded",
            "notices",
            "usage",
            "suggestions",
        ],
    );
    assert_eq!(whole["answer"], streamed.text());
    let done = streamed.event("done");
    for field in ["sources", "outcome", "degraded", "usage", "suggestions"] {
        assert_eq!(whole[field], done[field], "{field}");
    }
}

#[tokio::test]
async fn what_the_book_cannot_know_is_refused_without_a_model_call() {
    let gemini = GeminiDouble::start().await;
    let server = Setup::new().gemini(&gemini).start().await;
    let answer = server.ask(&json!({"message": "Who won yesterday's chess championship?"})).await;
    let done = answer.event("done");
    assert_eq!(done["outcome"], "out_of_scope", "{}", answer.raw);
    assert!(!answer.text().is_empty());
    assert_eq!(gemini.requests().len(), 0, "a refusal costs nothing");
}

/// A question made of the words of a page that answers something else.
const LOOKS_ANSWERABLE: &str = "What is the torque of a motor not measured in?";

/// What comes nearest is quoted and cited, under an opening that promises nothing.
fn check_uncertain(what: &str, answer: &Transcript) {
    let text = answer.text();
    assert!(text.starts_with("The book may not answer this."), "{what}: {text}");
    assert!(text.contains("“The torque of a motor is measured in newton metres.” [1]"), "{what}: {text}");
    let done = answer.event("done");
    assert_eq!(done["outcome"], "uncertain", "{what}: {}", answer.raw);
    assert_eq!(done["sources"][0]["n"], 1, "{what}: {}", answer.raw);
}

#[tokio::test]
async fn what_only_looks_answerable_gets_the_nearest_quotes() {
    let ask = json!({"message": LOOKS_ANSWERABLE});
    check_uncertain("no model", &TestServer::start().await.ask(&ask).await);

    let gemini = GeminiDouble::start().await;
    let server = Setup::new().gemini(&gemini).start().await;
    gemini.answer_next("[0]");
    check_uncertain("a model without a word for it", &server.ask(&ask).await);

    gemini.answer_next("[0] The book does not say it.");
    let answer = server.ask(&ask).await;
    let done = answer.event("done");
    assert_eq!(
        (answer.text().as_str(), &done["outcome"]),
        ("The book does not say it.", &json!("uncertain"))
    );
    assert_eq!(done["sources"][0]["anchor"], "torque", "the nearest places come along: {}", answer.raw);

    gemini.plan(Planned::new(Fault::Status { code: 500 }).always());
    let answer = server.ask(&ask).await;
    check_uncertain("a model that is away", &answer);
    assert_eq!(answer.notices(), ["model_resting"]);
}

#[tokio::test]
async fn both_kinds_of_model_stream_through() {
    let gemini = GeminiDouble::start().await;
    let openai = OpenAiDouble::start().await;
    for setup in [Setup::new().gemini(&gemini), Setup::new().openai(&openai)] {
        let server = setup.start().await;
        for control in [gemini.control(), openai.control()] {
            control.set_pace(Pace { words: 1, ..Pace::default() });
        }
        let answer = server.ask(&json!({"message": QUESTION})).await;
        assert_eq!(answer.order(), "metadata sources token done", "{}", answer.raw);
        assert!(answer.text().contains("newton metres [1]."), "{}", answer.text());
        let tokens = answer.frames.iter().filter(|frame| frame.kind() == "token").count();
        assert!(tokens > 5, "the pieces come one by one: {}", answer.raw);
        let usage = &answer.event("done")["usage"];
        assert!(usage["prompt_tokens"].as_u64() > Some(0) && usage["answer_tokens"].as_u64() > Some(0));
    }
}
