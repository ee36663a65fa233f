//! Everything that a model provider does wrong, and what the reader gets: passages with a notice, or an `error` after the
//! words that came. Never silence.

use doubles::{Fault, GeminiDouble, OpenAiDouble, Planned, Quota};
use serde_json::json;

use crate::support::{QUESTION, Setup, TestServer, Transcript};

/// Seconds that an answer may take in all: the shortest that still leaves the model half of it.
const TIMEOUT: &str = "2";

async fn gemini_server(gemini: &GeminiDouble) -> TestServer {
    Setup::new().gemini(gemini).with("DOCENT_ANSWER_TIMEOUT", TIMEOUT).start().await
}

/// Asks a Gemini that always shows this fault.
async fn asked(fault: Fault) -> Transcript {
    let gemini = GeminiDouble::start().await;
    let server = gemini_server(&gemini).await;
    gemini.plan(Planned::new(fault).always());
    server.ask(&json!({"message": QUESTION})).await
}

/// Nothing of the model was shown: the book itself answers, and the reader is told why.
fn check_passages(what: &str, answer: &Transcript, notice: &str) {
    assert_eq!(answer.order(), "metadata sources token notice done", "{what}: {}", answer.raw);
    assert_eq!(answer.notices(), [notice], "{what}");
    assert!(answer.text().contains("measured in newton metres"), "{what}: {}", answer.text());
    let done = answer.event("done");
    assert_eq!((&done["degraded"], &done["outcome"]), (&json!(true), &json!("answered")), "{what}");
    assert_eq!(done["sources"][0]["anchor"], "torque", "{what}");
}

#[tokio::test]
async fn a_model_that_says_nothing_is_replaced_by_the_book() {
    let raw_page =
        Fault::Raw { status: 502, content_type: "text/html".into(), body: "<h1>Bad Gateway".into() };
    for (what, fault, notice) in [
        (
            "429 of the minute",
            Fault::RateLimited { quota: Quota::Minute, retry_after_ms: 60_000 },
            "model_resting",
        ),
        ("429 of the day", Fault::RateLimited { quota: Quota::Day, retry_after_ms: 10 }, "model_resting"),
        ("no quota at all", Fault::RateLimited { quota: Quota::Zero, retry_after_ms: 10 }, "model_resting"),
        ("500", Fault::Status { code: 500 }, "model_resting"),
        ("503", Fault::Status { code: 503 }, "model_resting"),
        ("504", Fault::Status { code: 504 }, "model_resting"),
        ("404", Fault::Status { code: 404 }, "model_resting"),
        ("a bad key", Fault::BadKey, "model_resting"),
        ("a page of a proxy", raw_page, "model_resting"),
        ("silence", Fault::Hang, "model_resting"),
        ("silence after the head", Fault::HangAfter { after: 0 }, "model_resting"),
        ("a cut before the first word", Fault::Cut { after: 0 }, "model_resting"),
        ("an end without reason or word", Fault::NoFinish { after: 0 }, "model_resting"),
        ("a raw error after 200", Fault::RawError { after: 0, code: 503 }, "model_resting"),
        ("an error event after 200", Fault::ErrorEvent { after: 0, code: 429 }, "model_resting"),
        ("a blocked prompt", Fault::BlockedPrompt { reason: "SAFETY".into() }, "answer_withheld"),
        ("an empty answer", Fault::EmptyAnswer, "model_resting"),
        ("only thinking", Fault::MaxTokensAfterThinking, "model_resting"),
    ] {
        check_passages(what, &asked(fault).await, notice);
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_ends_in_an_error_and_is_kept() {
    for (what, fault) in [
        ("a cut", Fault::Cut { after: 2 }),
        ("an end without reason", Fault::NoFinish { after: 2 }),
        ("silence", Fault::HangAfter { after: 2 }),
        ("a raw error", Fault::RawError { after: 2, code: 503 }),
        ("an error event", Fault::ErrorEvent { after: 2, code: 500 }),
    ] {
        let gemini = GeminiDouble::start().await;
        let server = gemini_server(&gemini).await;
        gemini.answer_next("Torque is measured in newton metres [1] and in nothing else that we know of.");
        gemini.fault(fault);
        let answer = server.ask(&json!({"message": QUESTION})).await;
        assert_eq!(answer.order(), "metadata sources token error", "{what}: {}", answer.raw);
        assert!(answer.text().starts_with("Torque is measured"), "{what}");
        let kept = server.messages(&answer.conversation()).await;
        assert_eq!(kept[1]["outcome"], "failed", "{what}");
        assert_eq!(kept[1]["content"], answer.text(), "{what}");
        assert_eq!(gemini.requests().len(), 1, "{what}: words were shown, so nothing is asked again");
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_promises_no_passages() {
    let gemini = GeminiDouble::start().await;
    let server = gemini_server(&gemini).await;
    gemini.answer_next("Torque is measured in newton metres [1] and in nothing else that we know of.");
    gemini.fault(Fault::Cut { after: 2 });
    let answer = server.ask(&json!({"message": QUESTION})).await;
    let words = answer.event("error")["message"].to_string();
    assert!(!words.contains("what the book says"), "{words}");
}

#[tokio::test]
async fn an_answer_that_the_model_cuts_short_says_so() {
    let gemini = GeminiDouble::start().await;
    let server = gemini_server(&gemini).await;
    gemini.answer_next("Torque is measured in newton metres [1] and in nothing else that we know of.");
    gemini.fault(Fault::Finish { reason: "MAX_TOKENS".into() });
    let answer = server.ask(&json!({"message": QUESTION})).await;
    assert_eq!(answer.notices(), ["answer_cut"], "{}", answer.raw);
    assert_eq!(answer.event("done")["outcome"], "answered");
}

#[tokio::test]
async fn a_passing_failure_is_not_shown() {
    for (what, fault) in [
        ("one 503", Fault::Status { code: 503 }),
        ("one 429 with a short wait", Fault::RateLimited { quota: Quota::Minute, retry_after_ms: 50 }),
        ("one empty answer", Fault::EmptyAnswer),
        ("split characters", Fault::SplitUtf8),
        ("thoughts", Fault::Thoughts),
    ] {
        let gemini = GeminiDouble::start().await;
        let server = Setup::new().gemini(&gemini).start().await;
        gemini.answer_always("Drehmoment: Newtonmeter – größer als „nichts“ [1].");
        gemini.fault(fault);
        let answer = server.ask(&json!({"message": QUESTION})).await;
        assert_eq!(answer.order(), "metadata sources token done", "{what}: {}", answer.raw);
        assert_eq!(answer.text(), "Drehmoment: Newtonmeter – größer als „nichts“ [1].", "{what}");
        assert_eq!(answer.event("done")["degraded"], false, "{what}");
    }
}

#[tokio::test]
async fn the_next_model_of_the_list_takes_over() {
    let gemini = GeminiDouble::start().await;
    let server = Setup::new()
        .gemini(&gemini)
        .with("GEMINI_MODEL", "gemini-3.5-flash-lite, gemini-3.8-flash")
        .start()
        .await;
    let spent = Planned::new(Fault::RateLimited { quota: Quota::Day, retry_after_ms: 10 });
    gemini.plan(spent.model("gemini-3.5-flash-lite").always());
    let answer = server.ask(&json!({"message": QUESTION})).await;
    assert_eq!(answer.order(), "metadata sources token done", "{}", answer.raw);
    let models: Vec<String> = gemini.requests().into_iter().map(|request| request.model).collect();
    assert_eq!(models.last().map(String::as_str), Some("gemini-3.8-flash"), "{models:?}");
}

#[tokio::test]
async fn a_provider_that_is_away_is_replaced_by_the_book() {
    let gemini = GeminiDouble::start().await;
    let server = gemini_server(&gemini).await;
    gemini.refuse_connections();
    check_passages("no connection", &server.ask(&json!({"message": QUESTION})).await, "model_resting");

    let openai = OpenAiDouble::start().await;
    let server = Setup::new().openai(&openai).with("DOCENT_ANSWER_TIMEOUT", TIMEOUT).start().await;
    openai.plan(Planned::new(Fault::Status { code: 500 }).always());
    check_passages("OpenAI 500", &server.ask(&json!({"message": QUESTION})).await, "model_resting");
}

#[tokio::test]
async fn a_selection_survives_the_same_faults() {
    let gemini = GeminiDouble::start().await;
    let server = gemini_server(&gemini).await;
    let context = "The flywheel slows down when the lamp is lit. The lamp is bright.";
    let body =
        json!({"message": "When does the flywheel slow down?", "mode": "selection", "context": context});
    gemini.fault(Fault::RateLimited { quota: Quota::Day, retry_after_ms: 10 });
    let answer = server.ask(&body).await;
    assert_eq!(answer.notices(), ["model_resting"]);
    assert!(answer.text().contains("flywheel slows down"), "{}", answer.text());
}

#[tokio::test]
async fn an_embedder_that_fails_leaves_the_words() {
    let gemini = GeminiDouble::start().await;
    let setup = Setup::new().gemini(&gemini).with("DOCENT_EMBEDDER", "gemini");
    let server =
        setup.with("DOCENT_GENERATOR", "extractive").with("DOCENT_ANSWER_TIMEOUT", TIMEOUT).start().await;
    let whole = server.ask(&json!({"message": QUESTION})).await;
    assert_eq!(whole.event("done")["degraded"], false, "{}", whole.raw);
    gemini.plan(Planned::new(Fault::RateLimited { quota: Quota::Day, retry_after_ms: 10 }).always());
    let answer = server.ask(&json!({"message": QUESTION})).await;
    let done = answer.event("done");
    assert_eq!((&done["degraded"], &done["outcome"]), (&json!(true), &json!("answered")), "{}", answer.raw);
    assert!(answer.text().contains("newton metres"));
}

#[tokio::test]
async fn an_answer_in_several_replies_is_one_answer() {
    let gemini = GeminiDouble::start().await;
    let server = Setup::new().gemini(&gemini).start().await;
    let whole = "Torque is measured in newton metres [1], and a longer lever needs less force for the same torque [1].";
    gemini.answer_next(whole);
    gemini.plan(Planned::new(Fault::Finish { reason: "CONTINUATION".into() }).times(2));
    let answer = server.ask(&json!({"message": QUESTION})).await;
    assert_eq!(answer.text(), whole, "{}", answer.raw);
    assert_eq!(answer.order(), "metadata sources token done", "{}", answer.raw);
    assert_eq!(gemini.requests().len(), 3);
    let usage = &answer.event("done")["usage"];
    assert!(usage["answer_tokens"].as_u64() > Some(15), "all replies are counted: {usage}");
}

#[tokio::test]
async fn an_answer_that_thinking_has_eaten_gets_more_room() {
    let gemini = GeminiDouble::start().await;
    let server = Setup::new().gemini(&gemini).start().await;
    gemini.answer_always("Torque is measured in newton metres [1].");
    gemini.fault(Fault::MaxTokensAfterThinking);
    let answer = server.ask(&json!({"message": QUESTION})).await;
    assert_eq!(answer.order(), "metadata sources token done", "{}", answer.raw);
    assert_eq!(answer.text(), "Torque is measured in newton metres [1].");
    let requests = gemini.requests();
    let room = |place: usize| requests[place].body["generationConfig"]["maxOutputTokens"].as_u64();
    assert_eq!((requests.len(), room(0), room(1)), (2, Some(2048), Some(8192)));
}

/// The health report after a question that met this fault.
async fn health_after(fault: Fault) -> (u16, serde_json::Value) {
    let gemini = GeminiDouble::start().await;
    let server = gemini_server(&gemini).await;
    gemini.plan(Planned::new(fault).always());
    server.ask(&json!({"message": QUESTION})).await;
    let reply = server.get("/api/health").send().await.expect("a reply");
    (reply.status().as_u16(), reply.json().await.expect("JSON"))
}

/// The rows of `docs/deployment/faults.md`: what health says of each.
#[tokio::test]
async fn health_names_each_fault() {
    for (what, fault, kind) in [
        (
            "429 of the minute",
            Fault::RateLimited { quota: Quota::Minute, retry_after_ms: 60_000 },
            "rate_limited",
        ),
        ("429 of the day", Fault::RateLimited { quota: Quota::Day, retry_after_ms: 10 }, "quota_exhausted"),
        ("no quota at all", Fault::RateLimited { quota: Quota::Zero, retry_after_ms: 10 }, "quota_exhausted"),
        ("a bad key", Fault::BadKey, "unauthorized"),
        ("503", Fault::Status { code: 503 }, "unavailable"),
        ("silence", Fault::Hang, "timeout"),
        ("an unknown model", Fault::Status { code: 404 }, "not_found"),
        ("a cut stream", Fault::Cut { after: 2 }, "interrupted"),
    ] {
        let (code, body) = health_after(fault).await;
        let row = &body["services"]["gemini"];
        assert_eq!((code, &body["status"]), (503, &json!("degraded")), "{what}: {body}");
        assert_eq!((&row["status"], &row["kind"]), (&json!("disconnected"), &json!(kind)), "{what}");
        assert!(row["recommended_action"].is_string() && row["error"].is_string(), "{what}");
    }
    let (code, body) = health_after(Fault::BlockedPrompt { reason: "SAFETY".into() }).await;
    assert_eq!(code, 200, "it answered, and withheld: {body}");
}

#[tokio::test]
async fn with_everything_away_the_book_still_answers() {
    let gemini = GeminiDouble::start().await;
    let setup = Setup::new().gemini(&gemini).with("DOCENT_EMBEDDER", "gemini");
    let server = setup.with("DOCENT_ANSWER_TIMEOUT", TIMEOUT).start().await;
    gemini.refuse_connections();
    let answer = server.ask(&json!({"message": QUESTION})).await;
    check_passages("everything away", &answer, "model_resting");
    assert_eq!(server.messages(&answer.conversation()).await.len(), 2, "nothing is lost");
    let reply = server.get("/api/health").send().await.expect("a reply");
    assert_eq!(reply.status(), 503);
    let body: serde_json::Value = reply.json().await.expect("JSON");
    assert_eq!(body["services"]["gemini"]["kind"], "unavailable", "{body}");

    gemini.accept_connections().await.expect("the port is still free");
    let answer = server.ask(&json!({"message": QUESTION})).await;
    assert_eq!(answer.event("done")["degraded"], false, "{}", answer.raw);
    assert_eq!(server.get("/api/health").send().await.expect("a reply").status(), 200);
}

/// A spent day is remembered: no second question pays for the same refusal.
#[tokio::test]
async fn a_spent_day_is_not_asked_again() {
    let gemini = GeminiDouble::start().await;
    let server = gemini_server(&gemini).await;
    gemini.plan(Planned::new(Fault::RateLimited { quota: Quota::Zero, retry_after_ms: 10 }).always());
    for _ in 0..4 {
        check_passages("no quota", &server.ask(&json!({"message": QUESTION})).await, "model_resting");
    }
    assert_eq!(gemini.requests().len(), 1);
}
