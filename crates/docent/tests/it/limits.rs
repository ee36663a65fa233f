//! How often one reader may ask, who that reader is behind a proxy, and what happens when the day's paid calls are spent.

use doubles::{Fault, GeminiDouble, Operation};
use reqwest::Response;
use serde_json::{Value, json};

use crate::support::{QUESTION, Setup, TestServer};

async fn asked_by(server: &TestServer, forwarded: &str) -> Response {
    let body = json!({"message": QUESTION, "stream": false});
    server.post("/api/chat", &body).header("x-forwarded-for", forwarded).send().await.expect("a reply")
}

async fn check_refused(reply: Response) {
    assert_eq!(reply.status(), 429);
    let wait: u64 = reply.headers()["retry-after"].to_str().expect("words").parse().expect("seconds");
    assert!((1..=60).contains(&wait), "{wait}");
    assert_eq!(reply.headers()["content-type"], "application/problem+json");
    let id = reply.headers()["x-request-id"].to_str().expect("words").to_owned();
    let body: Value = reply.json().await.expect("a problem");
    assert_eq!((&body["code"], &body["request_id"]), (&json!("too_many_questions"), &json!(id)), "{body}");
}

#[tokio::test]
async fn each_address_has_its_own_questions() {
    // The tests come from loopback, as a proxy on this machine would.
    let server = Setup::new().with("DOCENT_ADDRESS_LIMIT", "1").start().await;
    assert_eq!(asked_by(&server, "192.0.2.1").await.status(), 200);
    check_refused(asked_by(&server, "192.0.2.1").await).await;
    // What stands left of the last entry was invented by the caller.
    check_refused(asked_by(&server, "198.51.100.9, 192.0.2.1").await).await;
    assert_eq!(asked_by(&server, "192.0.2.2").await.status(), 200);
    let search = server.get("/api/search?q=torque").header("x-forwarded-for", "192.0.2.2");
    check_refused(search.send().await.expect("a reply")).await;
    // Wrong input is told first and costs nothing.
    let empty = server.post("/api/chat", &json!({"message": ""})).header("x-forwarded-for", "192.0.2.1");
    assert_eq!(empty.send().await.expect("a reply").status(), 422);
    assert_eq!(server.get("/api/health").send().await.expect("a reply").status(), 200);
}

#[tokio::test]
async fn without_a_proxy_the_header_is_not_believed() {
    let server = Setup::new().with("DOCENT_ADDRESS_LIMIT", "1").with("DOCENT_PROXY", "no").start().await;
    assert_eq!(asked_by(&server, "192.0.2.1").await.status(), 200);
    check_refused(asked_by(&server, "192.0.2.2").await).await;
}

#[tokio::test]
async fn a_conversation_has_its_own_limit() {
    let server = Setup::new().with("DOCENT_CONVERSATION_LIMIT", "1").start().await;
    let first = server.ask(&json!({"message": QUESTION})).await;
    let follow_up = json!({"message": QUESTION, "conversation_id": first.conversation()});
    assert_eq!(server.try_ask(&follow_up).await.status(), 200);
    check_refused(server.try_ask(&follow_up).await).await;
    assert_eq!(server.try_ask(&json!({"message": QUESTION})).await.status(), 200, "a new conversation");
}

#[tokio::test]
async fn when_the_day_is_spent_the_book_answers_and_health_says_so() {
    let gemini = GeminiDouble::start().await;
    let server = Setup::new().gemini(&gemini).with("DOCENT_DAILY_BUDGET", "2").start().await;
    for _ in 0..2 {
        assert_eq!(server.ask(&json!({"message": QUESTION})).await.event("done")["degraded"], false);
    }
    for _ in 0..2 {
        let answer = server.ask(&json!({"message": QUESTION})).await;
        assert_eq!(answer.notices(), ["model_resting"], "{}", answer.raw);
        assert!(answer.event("notice")["message"].as_str().is_some_and(|words| words.contains("allowance")));
        assert!(answer.text().contains("newton metres"), "{}", answer.text());
    }
    let asked = gemini.requests().iter().filter(|request| request.operation == Operation::Generate).count();
    assert_eq!(asked, 2);
    let reply = server.get("/api/health").send().await.expect("a reply");
    assert_eq!(reply.status(), 503);
    let body: Value = reply.json().await.expect("JSON");
    let row = &body["services"]["gemini"];
    assert_eq!((&row["kind"], &row["calls_today"]), (&json!("budget_spent"), &json!(2)), "{body}");
}

#[tokio::test]
async fn the_same_question_is_paid_for_once() {
    let gemini = GeminiDouble::start().await;
    let server = Setup::new().gemini(&gemini).with("DOCENT_ANSWER_CACHE", "10").start().await;
    gemini.answer_always("Torque is measured in newton metres [1].");
    let first = server.ask(&json!({"message": QUESTION})).await;
    let again = server.ask(&json!({"message": QUESTION})).await;
    assert_eq!(gemini.requests().len(), 1);
    assert_eq!((again.text(), again.order()), (first.text(), first.order()));
    assert_eq!(again.event("done")["sources"], first.event("done")["sources"]);
    assert_eq!(again.event("done")["usage"]["answer_tokens"], 0, "nothing was paid");
    assert_eq!(server.messages(&again.conversation()).await.len(), 2, "it is stored like any other");
    // Follow-ups lean on what was said, and failures are not kept.
    let follow_up = json!({"message": QUESTION, "conversation_id": first.conversation()});
    server.ask(&follow_up).await;
    assert_eq!(gemini.requests().len(), 2);
    let other = json!({"message": "How is the speed of a motor measured?"});
    gemini.fault(Fault::BadKey);
    assert_eq!(server.ask(&other).await.event("done")["degraded"], true);
    assert_eq!(server.ask(&other).await.event("done")["degraded"], false);
    assert_eq!(gemini.requests().len(), 4);
}
