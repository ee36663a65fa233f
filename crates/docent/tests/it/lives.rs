//! What happens to an answer when its reader leaves, when all slots are taken, and when the store fails.

use std::time::{Duration, Instant};

use doubles::{Fault, GeminiDouble, OpenAiDouble, Pace};
use serde_json::{Value, json};

use crate::support::{QUESTION, Setup, TestServer, eventually, within_cap};

/// The stored answer of a conversation, once it is there.
async fn stored_answer(server: &TestServer, conversation: &str) -> Value {
    eventually("the stored answer", async || {
        server.messages(conversation).await.into_iter().find(|message| message["role"] == "assistant")
    })
    .await
}

#[tokio::test]
async fn the_answer_is_stored_before_its_end_is_told() {
    let server = TestServer::start().await;
    let mut stream = server.stream(&json!({"message": QUESTION})).await;
    let conversation = stream.next().await.expect("metadata").event["conversation_id"].clone();
    let done = stream.until("done").await;
    // The stream is still open: whoever saw `done` finds the answer.
    let messages = server.messages(conversation.as_str().expect("an id")).await;
    assert_eq!(messages.len(), 2);
    assert_eq!(messages[1]["sources"], done.event["sources"]);
    drop(stream);
}

#[tokio::test]
async fn the_question_is_stored_while_the_answer_is_written() {
    let gemini = GeminiDouble::start().await;
    let server = Setup::new().gemini(&gemini).start().await;
    gemini.fault(Fault::HangAfter { after: 1 });
    let mut stream = server.stream(&json!({"message": QUESTION})).await;
    let conversation = stream.next().await.expect("metadata").event["conversation_id"].clone();
    stream.until("token").await;
    let messages = server.messages(conversation.as_str().expect("an id")).await;
    assert_eq!(messages.len(), 1);
    assert_eq!(messages[0]["content"], QUESTION);
}

/// Leaves after the first token and says how long the model's side took to notice.
async fn leave_half_way(server: &TestServer, control: doubles::Control) -> Duration {
    control.set_pace(Pace { first_ms: 0, between_ms: 50, words: 1 });
    control.answer_next(&"Torque is measured in newton metres [1]. ".repeat(100));
    let mut stream = server.stream(&json!({"message": QUESTION})).await;
    let conversation = stream.next().await.expect("metadata").event["conversation_id"].clone();
    stream.until("token").await;
    let left = Instant::now();
    drop(stream);
    let noticed = within_cap("the model's side noticing", control.disconnect_of(0)).await;

    let answer = stored_answer(server, conversation.as_str().expect("an id")).await;
    assert_eq!(answer["outcome"], "stopped");
    let text = answer["content"].as_str().expect("text");
    assert!(text.starts_with("Torque") && text.len() < 1000, "what was said until then: {text}");
    let request = &control.requests()[0];
    assert!(request.completed.is_none() && request.pieces_sent < 100);
    noticed.duration_since(left)
}

#[tokio::test]
async fn a_reader_who_leaves_stops_the_model_and_leaves_a_stopped_answer() {
    let gemini = GeminiDouble::start().await;
    let openai = OpenAiDouble::start().await;
    let mut intervals = Vec::new();
    for (setup, control) in
        [(Setup::new().gemini(&gemini), gemini.control()), (Setup::new().openai(&openai), openai.control())]
    {
        let server = setup.start().await;
        intervals.push(leave_half_way(&server, control).await);
    }
    println!("the model's side noticed after {intervals:?}; the promise is 100 ms on an idle machine");
    assert!(intervals.iter().all(|interval| *interval < Duration::from_secs(5)), "{intervals:?}");
}

#[tokio::test]
async fn a_reader_who_leaves_before_the_first_token_stops_the_model_too() {
    let gemini = GeminiDouble::start().await;
    let server = Setup::new().gemini(&gemini).start().await;
    gemini.fault(Fault::Hang);
    let mut stream = server.stream(&json!({"message": QUESTION})).await;
    let conversation = stream.next().await.expect("metadata").event["conversation_id"].clone();
    eventually("the model being asked", async || gemini.requests().first().map(drop)).await;
    drop(stream);
    within_cap("the model's side noticing", gemini.disconnect_of(0)).await;
    let answer = stored_answer(&server, conversation.as_str().expect("an id")).await;
    assert_eq!((&answer["outcome"], &answer["content"]), (&json!("stopped"), &json!("")));
}

#[tokio::test]
async fn an_answer_goes_on_as_long_as_one_reader_follows_it() {
    let gemini = GeminiDouble::start().await;
    let server = Setup::new().gemini(&gemini).start().await;
    gemini.set_pace(Pace { first_ms: 0, between_ms: 20, words: 1 });
    gemini.answer_next("Torque is measured in newton metres [1], says the book on motors.");
    let mut first = server.stream(&json!({"message": QUESTION})).await;
    let message = first.next().await.expect("metadata").event["message_id"].clone();
    let path = format!("/api/chat/{}/events", message.as_str().expect("an id"));
    let second = server.get(&path).send().await.expect("a reply");
    drop(first);
    let text = second.text().await.expect("a stream");
    assert!(text.contains("\"outcome\":\"answered\""), "{text}");
}

#[tokio::test]
async fn when_all_slots_are_taken_the_next_reader_is_told_at_once() {
    let gemini = GeminiDouble::start().await;
    let server = Setup::new().gemini(&gemini).with("DOCENT_MAX_STREAMS", "2").start().await;
    gemini.plan(doubles::Planned::new(Fault::HangAfter { after: 1 }).times(2));
    let held = [
        server.stream(&json!({"message": QUESTION})).await,
        server.stream(&json!({"message": QUESTION})).await,
    ];
    let reply = server.try_ask(&json!({"message": QUESTION})).await;
    assert_eq!(reply.status(), 429);
    assert_eq!(reply.headers()["retry-after"], "2");
    assert_eq!(reply.json::<Value>().await.expect("a problem")["code"], "busy");
    // Everything that needs no slot goes on.
    assert_eq!(server.get("/readyz").send().await.expect("a reply").status(), 200);
    drop(held);
    eventually("a free slot", async || {
        let reply = server.try_ask(&json!({"message": QUESTION})).await;
        (reply.status() == 200).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_store_that_fails_costs_no_reader_an_answer() {
    let server = Setup::new().store_on_disk().start().await;
    let first = server.ask(&json!({"message": QUESTION})).await;
    // The tables are gone under the running program, as with a file that was replaced or a disk that fails.
    let file = server.config.conversations_file();
    let pool =
        sqlx::SqlitePool::connect(&format!("sqlite://{}", file.display())).await.expect("the database");
    for table in ["feedback", "messages", "conversations"] {
        sqlx::query(sqlx::AssertSqlSafe(format!("DROP TABLE {table}")))
            .execute(&pool)
            .await
            .expect("dropped");
    }
    for body in
        [json!({"message": QUESTION}), json!({"message": QUESTION, "conversation_id": first.conversation()})]
    {
        let answer = server.ask(&body).await;
        assert_eq!(answer.order(), "metadata sources token notice done", "{}", answer.raw);
        assert_eq!(answer.notices(), ["conversation_not_stored"]);
        assert_eq!(answer.event("done")["outcome"], "answered");
    }
    let path = format!("/api/conversation/{}", first.conversation());
    let reply = server.get(&path).send().await.expect("a reply");
    assert_eq!(reply.status(), 503);
    assert_eq!(reply.json::<Value>().await.expect("a problem")["code"], "store_unavailable");
}
