//! Follow-ups that a model writes out before they are searched for, and what happens when it does not.

use doubles::{Fault, GeminiDouble, Operation, Planned, Recorded};
use serde_json::{Value, json};

use crate::support::{QUESTION, Setup, TestServer, Transcript};

async fn start(gemini: &GeminiDouble) -> TestServer {
    Setup::new().gemini(gemini).with("DOCENT_FOLLOW_UPS", "model").start().await
}

/// Asks the first question and then another one in the same conversation.
async fn follow_up(gemini: &GeminiDouble, server: &TestServer, question: &str) -> Transcript {
    gemini.answer_next("In newton metres [1].");
    let first = server.ask(&json!({"message": QUESTION})).await;
    let id = first.event("metadata")["conversation_id"].clone();
    server.ask(&json!({"message": question, "conversation_id": id})).await
}

fn written(gemini: &GeminiDouble) -> Vec<Recorded> {
    gemini.requests().into_iter().filter(|request| request.operation == Operation::Generate).collect()
}

fn first_source(answer: &Transcript) -> Value {
    answer.event("sources")["sources"][0]["heading"].clone()
}

#[tokio::test]
async fn a_follow_up_is_searched_for_as_the_model_writes_it_out() {
    let gemini = GeminiDouble::start().await;
    let server = start(&gemini).await;
    gemini.answer_next("In newton metres [1].");
    let first = server.ask(&json!({"message": QUESTION})).await;
    let id = first.event("metadata")["conversation_id"].clone();
    gemini.answer_next("\"How often do ball bearings need grease?\"\n");
    gemini.answer_next("Once every season [1].");
    let question = "and those round things of the other page?";
    let answer = server.ask(&json!({"message": question, "conversation_id": id})).await;

    assert_eq!(first_source(&answer), "Bearings", "{}", answer.raw);
    assert!(answer.text().contains("Once every season"), "{}", answer.text());
    let calls = written(&gemini);
    assert_eq!(calls.len(), 3, "one for the first answer, one to write out, one to answer");
    let (asked, answered) = (calls[1].body.to_string(), calls[2].body.to_string());
    assert!(asked.contains("<conversation>") && asked.contains("In newton metres"), "{asked}");
    assert!(!asked.contains("[1]"), "numbers of earlier answers mean nothing here: {asked}");
    assert!(asked.contains(question) && !asked.contains("<passage"), "{asked}");
    assert!(answered.contains(question), "the reader's own words are answered: {answered}");
    assert!(answered.contains("Ball bearings need grease"), "{answered}");
    let tokens = |usage: &Value| usage["prompt_tokens"].as_u64().expect("a number");
    let (one, both) = (&first.event("done")["usage"], &answer.event("done")["usage"]);
    assert!(tokens(both) > tokens(one), "both calls are counted: {both} after {one}");
}

#[tokio::test]
async fn without_a_fit_sentence_the_words_of_the_conversation_are_searched_for() {
    let gemini = GeminiDouble::start().await;
    let server = start(&gemini).await;
    let unfit = ["Sure!\n\nHere it is: grease.", "?", &"Ball bearings and grease. ".repeat(30)];
    for unfit in unfit {
        gemini.answer_next("In newton metres [1].");
        let first = server.ask(&json!({"message": QUESTION})).await;
        let id = first.event("metadata")["conversation_id"].clone();
        gemini.answer_next(unfit);
        gemini.answer_next("In revolutions per minute [1].");
        let answer = server.ask(&json!({"message": "and its speed?", "conversation_id": id})).await;
        assert_eq!(first_source(&answer), "Speed", "{unfit}: {}", answer.raw);
        assert!(answer.text().contains("revolutions"), "{unfit}: {}", answer.text());
        assert_eq!(answer.event("done")["degraded"], false, "{unfit}: nothing was missing");
    }
}

#[tokio::test]
async fn a_model_that_fails_or_hangs_does_not_keep_the_reader() {
    let gemini = GeminiDouble::start().await;
    let server = start(&gemini).await;
    for fault in [Fault::Hang, Fault::BlockedPrompt { reason: "SAFETY".to_owned() }] {
        gemini.answer_next("In newton metres [1].");
        let first = server.ask(&json!({"message": QUESTION})).await;
        let id = first.event("metadata")["conversation_id"].clone();
        gemini.plan(Planned::new(fault.clone()).on(Operation::Generate));
        gemini.answer_next("In revolutions per minute [1].");
        let answer = server.ask(&json!({"message": "and its speed?", "conversation_id": id})).await;
        assert_eq!(first_source(&answer), "Speed", "{fault:?}: {}", answer.raw);
        assert!(answer.text().contains("revolutions"), "{fault:?}: {}", answer.text());
    }
    // The model is away for good: the book answers.
    gemini.answer_next("In newton metres [1].");
    let first = server.ask(&json!({"message": QUESTION})).await;
    let id = first.event("metadata")["conversation_id"].clone();
    gemini.plan(Planned::new(Fault::Status { code: 400 }).on(Operation::Generate).always());
    let answer = server.ask(&json!({"message": "and its speed?", "conversation_id": id})).await;
    assert!(answer.text().contains("revolutions per minute"), "{}", answer.text());
    assert_eq!(answer.event("done")["outcome"], "answered");
}

#[tokio::test]
async fn only_what_may_lean_back_costs_a_call() {
    let gemini = GeminiDouble::start().await;
    let server = start(&gemini).await;
    gemini.answer_always("In newton metres [1].");
    for (question, calls) in [
        ("Which tyres grip wet concrete better than the plastic ones for a robot can?", 1),
        ("and the tyres?", 2),
        ("¿y las ruedas?", 2),
    ] {
        let before = written(&gemini).len();
        follow_up(&gemini, &server, question).await;
        assert_eq!(written(&gemini).len() - before, 1 + calls, "{question}");
    }
    let words = Setup::new().gemini(&gemini).with("DOCENT_FOLLOW_UPS", "words").start().await;
    let before = written(&gemini).len();
    follow_up(&gemini, &words, "and the tyres?").await;
    assert_eq!(written(&gemini).len() - before, 2, "DOCENT_FOLLOW_UPS=words");
}
