//! A model that invents: what no passage supports is named, most of it missing is said aloud, and nobody else gets that
//! answer.

use doubles::GeminiDouble;
use serde_json::{Value, json};

use crate::support::{QUESTION, Setup, TestServer, Transcript};

struct Told {
    /// What the model says, and what of it no passage supports.
    answer: &'static str,
    unsupported: &'static [&'static str],
    notices: &'static [&'static str],
}

const TOLD: &[Told] = &[
    Told {
        answer: "The torque of a motor is measured in newton metres [1].",
        unsupported: &[],
        notices: &[],
    },
    Told {
        answer: "According to the book, torque is measured in newton metres, and a longer lever needs less force [1].",
        unsupported: &[],
        notices: &[],
    },
    Told {
        answer: "The torque of a motor is measured by Archimedes in Syracuse [1].",
        unsupported: &["The torque of a motor is measured by Archimedes in Syracuse"],
        notices: &["answer_unsupported"],
    },
    Told {
        answer: "The torque of a motor is not measured in newton metres [1].",
        unsupported: &["The torque of a motor is not measured in newton metres"],
        notices: &["answer_unsupported"],
    },
    Told {
        answer: "The torque of a motor is measured in newton metres [1]. A good motor reaches 900 of them [1].",
        unsupported: &["A good motor reaches 900 of them"],
        notices: &["sentences_unsupported"],
    },
];

/// Asks twice, as two readers do; the second time the model may not be needed.
async fn asked_twice(told: &Told) -> (Transcript, usize, TestServer) {
    let gemini = GeminiDouble::start().await;
    gemini.answer_always(told.answer);
    let server = Setup::new().gemini(&gemini).with("DOCENT_ANSWER_CACHE", "10").start().await;
    let answer = server.ask(&json!({"message": QUESTION})).await;
    let again = server.ask(&json!({"message": QUESTION})).await;
    assert_eq!(again.notices(), answer.notices(), "a kept answer says the same");
    let calls = gemini.requests().len();
    (answer, calls, server)
}

#[tokio::test]
async fn what_no_passage_supports_is_named_and_not_passed_on() {
    for told in TOLD {
        let (answer, calls, server) = asked_twice(told).await;
        let done = answer.event("done");
        let named: Vec<Value> = done["unsupported"].as_array().cloned().unwrap_or_default();
        assert_eq!(named, told.unsupported, "{}", answer.raw);
        assert_eq!(answer.notices(), told.notices, "{}", answer.raw);
        let doubtful = told.notices == ["answer_unsupported"];
        let outcome = if doubtful { "uncertain" } else { "answered" };
        assert_eq!(done["outcome"], outcome, "{}", answer.raw);
        assert_eq!(answer.text(), told.answer, "what was streamed stays");
        assert_eq!(calls, if doubtful { 2 } else { 1 }, "only a good answer is kept: {}", told.answer);
        let kept = server.messages(&answer.conversation()).await;
        assert_eq!(kept[1]["outcome"], outcome, "the author sees it as well");
    }
}

#[tokio::test]
async fn an_answer_in_one_piece_says_it_as_well() {
    let gemini = GeminiDouble::start().await;
    gemini.answer_next("The torque of a motor is measured by Archimedes in Syracuse [1].");
    let server = Setup::new().gemini(&gemini).start().await;
    let whole = server.ask_whole(&json!({"message": QUESTION, "stream": false})).await;
    assert_eq!(whole["notices"][0]["code"], "answer_unsupported", "{whole}");
    assert_eq!(whole["unsupported"].as_array().map(Vec::len), Some(1), "{whole}");
}
