//! A conversation over several questions: what is kept, what a follow-up sees, what a selection does not see.

use doubles::{Fault, GeminiDouble};
use serde_json::{Value, json};

use crate::support::{QUESTION, Setup, TestServer};

/// The texts of all turns that the model was sent in its last call, oldest first. Markers of earlier answers are gone.
fn prompt(gemini: &GeminiDouble) -> Vec<String> {
    let request = gemini.requests().pop().expect("a call");
    let contents = request.body["contents"].as_array().cloned().unwrap_or_default();
    contents.iter().filter_map(|turn| turn["parts"][0]["text"].as_str()).map(str::to_owned).collect()
}

#[tokio::test]
async fn question_and_answer_are_kept_in_order() {
    let server = TestServer::start().await;
    let answer = server.ask(&json!({"message": QUESTION})).await;
    let reply = server.get(&format!("/api/conversation/{}", answer.conversation())).send().await;
    let body: Value = reply.expect("a reply").json().await.expect("JSON");
    assert_eq!(body["conversation_id"], answer.conversation());
    let [asked, answered] = body["messages"].as_array().expect("a list").as_slice() else {
        panic!("two messages: {body}")
    };
    assert_eq!(asked["role"], "user");
    assert_eq!(asked["content"], QUESTION);
    assert_eq!(asked["sources"], Value::Null);
    assert_eq!(answered["role"], "assistant");
    assert_eq!(answered["id"], answer.message());
    assert_eq!(answered["content"], answer.text());
    assert_eq!(answered["sources"], answer.event("done")["sources"]);
    assert_eq!(answered["outcome"], "answered");
    for message in [asked, answered] {
        let at = message["created_at"].as_str().expect("a time");
        assert!(at.parse::<jiff::Timestamp>().is_ok(), "{at}");
    }
}

#[tokio::test]
async fn a_follow_up_sees_the_last_three_exchanges() {
    let gemini = GeminiDouble::start().await;
    let server = Setup::new().gemini(&gemini).start().await;
    let questions = [
        "What does a motor turn current into?",
        "How is the torque of a motor measured?",
        "Which tyres grip wet concrete?",
        "When do ball bearings need grease?",
    ];
    let mut conversation = Value::Null;
    for (place, question) in questions.iter().enumerate() {
        gemini.answer_next(&format!("Reply {place} [1]."));
        let answer = server.ask(&json!({"message": question, "conversation_id": conversation})).await;
        assert_eq!(answer.text(), format!("Reply {place} [1]."));
        conversation = json!(answer.conversation());
    }
    let last = "How is the speed of a motor measured?";
    let answer = server.ask(&json!({"message": last, "conversation_id": conversation})).await;
    assert_eq!(json!(answer.conversation()), conversation);

    let turns = prompt(&gemini);
    let (asked, history) = turns.split_last().expect("turns");
    let expected: Vec<String> =
        (1..=3).flat_map(|place| [questions[place].to_owned(), format!("Reply {place}.")]).collect();
    assert_eq!(history, expected);
    assert!(asked.contains(last));
    let kept = server.messages(conversation.as_str().expect("an id")).await;
    assert_eq!(kept.len(), 10);
}

#[tokio::test]
async fn a_follow_up_is_looked_up_with_the_words_it_leans_on() {
    let server = TestServer::start().await;
    let first = server.ask(&json!({"message": "Which tyres grip wet concrete?"})).await;
    let alone = server.ask(&json!({"message": "Why do they grip?"})).await;
    let body = json!({"message": "Why do they grip?", "conversation_id": first.conversation()});
    let leaning = server.ask(&body).await;
    assert_eq!(leaning.event("done")["outcome"], "answered", "{}", leaning.raw);
    assert_eq!(leaning.event("done")["sources"][0]["anchor"], "tyres");
    assert_ne!(alone.conversation(), first.conversation());
}

#[tokio::test]
async fn a_selection_is_answered_from_itself_alone() {
    let gemini = GeminiDouble::start().await;
    let server = Setup::new().gemini(&gemini).start().await;
    let first = server.ask(&json!({"message": QUESTION})).await;
    gemini.answer_next("It slows down.");
    let body = json!({
        "message": "What does the flywheel do?", "mode": "selection",
        "context": "The flywheel slows down when the lamp is lit.",
        "conversation_id": first.conversation(),
    });
    let answer = server.ask(&body).await;
    assert_eq!(answer.text(), "It slows down.");
    assert_eq!(answer.event("sources")["sources"], json!([]));
    let turns = prompt(&gemini);
    assert_eq!(turns.len(), 1, "no history");
    assert!(turns[0].contains("The flywheel slows down when the lamp is lit."));
    assert!(!turns[0].contains("torque"), "nothing of the book: {}", turns[0]);
    let system = gemini.requests().pop().expect("a call").body["systemInstruction"].to_string();
    assert!(!system.contains("torque"));
}

#[tokio::test]
async fn a_selection_needs_no_model() {
    let server = TestServer::start().await;
    let body = json!({
        "message": "What does the flywheel do?", "mode": "selection",
        "context": "Lamps are bright. The flywheel slows down when the lamp is lit.",
    });
    let answer = server.ask(&body).await;
    assert_eq!(answer.order(), "metadata sources token done");
    assert!(answer.text().contains("The flywheel slows down"), "{}", answer.text());
    assert!(!answer.text().contains("motor"));
}

#[tokio::test]
async fn a_long_selection_is_cut_and_the_reader_is_told() {
    let gemini = GeminiDouble::start().await;
    let server = Setup::new().gemini(&gemini).start().await;
    let context = format!("{}beyond the limit", "ä".repeat(8000));
    let body = json!({"message": "What is this?", "mode": "selection", "context": context});
    let answer = server.ask(&body).await;
    assert_eq!(answer.order(), "metadata sources token notice done", "{}", answer.raw);
    assert_eq!(answer.notices(), ["selection_cut"]);
    let text = prompt(&gemini).pop().expect("a turn");
    assert!(text.contains(&"ä".repeat(8000)) && !text.contains("beyond"));
}

#[tokio::test]
async fn a_forgotten_conversation_is_gone() {
    let server = TestServer::start().await;
    let answer = server.ask(&json!({"message": QUESTION})).await;
    let path = format!("/api/conversation/{}", answer.conversation());
    assert_eq!(server.delete(&path).send().await.expect("a reply").status(), 204);
    for reply in [server.get(&path).send().await, server.delete(&path).send().await] {
        assert_eq!(reply.expect("a reply").status(), 404);
    }
    let body = json!({"message": QUESTION, "conversation_id": answer.conversation()});
    assert_eq!(server.try_ask(&body).await.status(), 404);
}

#[tokio::test]
async fn a_conversation_that_is_forgotten_while_it_is_answered_stays_forgotten() {
    let gemini = GeminiDouble::start().await;
    let server = Setup::new().gemini(&gemini).start().await;
    gemini.fault(Fault::HangAfter { after: 1 });
    let mut stream = server.stream(&json!({"message": QUESTION})).await;
    let begun = stream.next().await.expect("metadata").event;
    stream.until("token").await;
    let path = format!("/api/conversation/{}", begun["conversation_id"].as_str().expect("an id"));
    assert_eq!(server.delete(&path).send().await.expect("a reply").status(), 204);
    let end = stream.until("done").await;
    assert_eq!(end.event["outcome"], "stopped", "the model call ends with it");
    assert_eq!(server.get(&path).send().await.expect("a reply").status(), 404);
    let events = format!("/api/chat/{}/events", begun["message_id"].as_str().expect("an id"));
    assert_eq!(server.get(&events).send().await.expect("a reply").status(), 404, "nor can it be read again");
}

#[tokio::test]
async fn feedback_is_kept_for_answers_only() {
    let server = TestServer::start().await;
    let answer = server.ask(&json!({"message": QUESTION})).await;
    let question = server.messages(&answer.conversation()).await[0]["id"].clone();
    for (body, status) in [
        (json!({"message_id": answer.message(), "helpful": true}), 204),
        (json!({"message_id": answer.message(), "helpful": false, "reason": "wrong", "note": "no"}), 204),
        (json!({"message_id": question, "helpful": true}), 404),
        (json!({"message_id": "3f2b8c1e-8a53-4c0e-9d3e-5a1f0c2b7d64", "helpful": true}), 404),
        (json!({"message_id": "x", "helpful": true}), 422),
        (json!({"message_id": answer.message()}), 422),
        (json!({"message_id": answer.message(), "helpful": "yes"}), 422),
        (json!({"message_id": answer.message(), "helpful": true, "note": "n".repeat(2001)}), 422),
    ] {
        let reply = server.post("/api/feedback", &body).send().await.expect("a reply");
        assert_eq!(reply.status(), status, "{body}");
    }
}
