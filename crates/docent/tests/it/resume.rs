//! Following an answer again: from every event on, while it runs and after its end.

use doubles::{GeminiDouble, Pace};
use serde_json::json;

use crate::support::{QUESTION, Setup, TestServer, frames_of};

#[tokio::test]
async fn a_stream_goes_on_after_any_event() {
    let server = TestServer::start().await;
    let answer = server.ask(&json!({"message": QUESTION})).await;
    let path = format!("/api/chat/{}/events", answer.message());
    for seen in 0..=answer.frames.len() {
        let reply =
            server.get(&path).header("last-event-id", seen.to_string()).send().await.expect("a reply");
        assert_eq!(reply.status(), 200);
        let rest = frames_of(&reply.text().await.expect("a stream"));
        assert_eq!(rest, answer.frames[seen..], "after event {seen}");
    }
    let all = server.get(&path).send().await.expect("a reply").text().await.expect("a stream");
    assert_eq!(all, answer.raw, "without a number everything comes again");
}

#[tokio::test]
async fn a_second_reader_follows_an_answer_that_is_still_written() {
    let gemini = GeminiDouble::start().await;
    let server = Setup::new().gemini(&gemini).start().await;
    gemini.set_pace(Pace { first_ms: 0, between_ms: 30, words: 1 });
    gemini.answer_next("Torque is measured in newton metres [1], as the book says.");
    let mut first = server.stream(&json!({"message": QUESTION})).await;
    let message = first.next().await.expect("metadata").event["message_id"].as_str().expect("id").to_owned();
    let reply = server.get(&format!("/api/chat/{message}/events")).header("last-event-id", "1").send().await;
    let followed = frames_of(&reply.expect("a reply").text().await.expect("a stream"));
    assert_eq!(followed, first.rest().await.frames);
    assert_eq!(followed.last().map(|frame| frame.kind().to_owned()).as_deref(), Some("done"));
}

#[tokio::test]
async fn what_cannot_be_resumed_is_said() {
    let server = Setup::new().with("DOCENT_RESUME_SECONDS", "0").start().await;
    let ended = server.ask(&json!({"message": QUESTION})).await.message();
    for (message, id, status, word) in [
        (ended.as_str(), "0", 404, "message_not_found"),
        ("3f2b8c1e-8a53-4c0e-9d3e-5a1f0c2b7d64", "0", 404, "message_not_found"),
        ("nonsense", "0", 422, "message_id"),
        ("3f2b8c1e-8a53-4c0e-9d3e-5a1f0c2b7d64", "one", 422, "Last-Event-ID"),
        ("3f2b8c1e-8a53-4c0e-9d3e-5a1f0c2b7d64", "-1", 422, "Last-Event-ID"),
        ("3f2b8c1e-8a53-4c0e-9d3e-5a1f0c2b7d64", "99999999999999999999", 422, "Last-Event-ID"),
    ] {
        let reply =
            server.get(&format!("/api/chat/{message}/events")).header("last-event-id", id).send().await;
        let reply = reply.expect("a reply");
        assert_eq!(reply.status(), status, "{message} {id}");
        let body = reply.text().await.expect("a problem");
        assert!(body.contains(word), "{body}");
    }
}
