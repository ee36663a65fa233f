//! The OpenAI-compatible client against the OpenAI double.

use std::time::{Duration, Instant};

use docent::providers::{
    Delta, EmbedRole, OpenAi, OpenAiOptions, Prompt, ProviderError, Secret, http_client,
};
use doubles::{Fault, OpenAiDouble, Pace, Planned, Quota};
use futures_util::StreamExt;

use crate::support::{SHORT, openai, openai_options, prompt, told};

const ANSWER: &str = "Torque is measured in newton metres [1].";
const WHOLE: &str = "Torque is measured in newton metres [1]. | 11+0+10 | Stop";

/// Plays `faults` one after the other and checks what the reader gets and how often the server was asked.
async fn check(faults: Vec<Planned>, expected: &str, asked: usize) {
    let double = OpenAiDouble::start().await;
    double.answer_always(ANSWER);
    for fault in &faults {
        double.plan(fault.clone());
    }
    let told = told(openai(&double).generate(&prompt("Which unit?")).await).await;
    assert_eq!(told, expected, "{faults:?}");
    assert_eq!(double.requests().len(), asked, "{faults:?}");
}

async fn check_one(fault: Fault, expected: &str, asked: usize) {
    check(vec![Planned::new(fault)], expected, asked).await;
}

#[tokio::test]
async fn a_whole_answer_is_streamed() {
    check(Vec::new(), WHOLE, 1).await;
    check_one(Fault::Thoughts, WHOLE, 1).await;
    check_one(Fault::Drip { delay_ms: 5 }, WHOLE, 1).await;
}

#[tokio::test]
async fn passing_failures_are_retried_before_the_first_word() {
    check_one(Fault::RateLimited { quota: Quota::Minute, retry_after_ms: 60 }, WHOLE, 2).await;
    check(vec![Planned::new(Fault::Status { code: 503 }).times(2)], WHOLE, 3).await;
    check_one(Fault::ErrorEvent { after: 0, code: 500 }, WHOLE, 2).await;
    check_one(Fault::RawError { after: 0, code: 500 }, WHOLE, 2).await;
    check_one(Fault::Cut { after: 0 }, WHOLE, 2).await;
    check_one(Fault::EmptyAnswer, WHOLE, 2).await;
}

#[tokio::test]
async fn after_the_first_word_nothing_is_retried() {
    check_one(Fault::ErrorEvent { after: 1, code: 500 }, "Torque is measured  | unavailable", 1).await;
    check_one(Fault::RawError { after: 1, code: 500 }, "Torque is measured  | unavailable", 1).await;
    check_one(Fault::Cut { after: 1 }, "Torque is measured  | interrupted", 1).await;
    check_one(Fault::NoFinish { after: 1 }, "Torque is measured  | interrupted", 1).await;
}

#[tokio::test]
async fn lasting_failures_are_not_retried() {
    check_one(Fault::RateLimited { quota: Quota::Day, retry_after_ms: 0 }, "refused: quota_exhausted", 1)
        .await;
    check_one(Fault::BadKey, "refused: unauthorized", 1).await;
    check_one(Fault::Status { code: 400 }, "refused: bad_request", 1).await;
    check_one(Fault::BlockedPrompt { reason: "policy".to_owned() }, "refused: bad_request", 1).await;
    check_one(Fault::MaxTokensAfterThinking, "refused: bad_response", 1).await;
}

#[tokio::test]
async fn reasons_reach_the_caller() {
    check_one(Fault::Finish { reason: "length".to_owned() }, "Torque is measured i | 11+0+5 | MaxTokens", 1)
        .await;
    let expected = "Torque is measured i | 11+0+5 | Withheld(\"content_filter\")";
    check_one(Fault::Finish { reason: "content_filter".to_owned() }, expected, 1).await;
}

#[tokio::test]
async fn a_model_that_wants_other_fields_is_learned() {
    let double = OpenAiDouble::start().await;
    double.answer_always(ANSWER);
    let options =
        OpenAiOptions { model: OpenAiDouble::REASONING_MODEL.to_owned(), ..openai_options(&double) };
    let client = OpenAi::new(http_client(), options);
    let expected = "Torque is measured in newton metres [1]. | 11+64+10 | Stop";
    assert_eq!(told(client.generate(&prompt("Which unit?")).await).await, expected);
    assert_eq!(told(client.generate(&prompt("Which unit?")).await).await, expected);
    let requests = double.requests();
    assert_eq!(requests.len(), 3, "refused once, then known");
    assert!(requests[1].body.get("max_tokens").is_none());
    assert_eq!(requests[1].body["max_completion_tokens"], 2048);
}

#[tokio::test]
async fn characters_cut_by_the_network_stay_whole() {
    let double = OpenAiDouble::start().await;
    let text = "Größe: 你好, 🙂 – «naïve» [1].";
    double.answer_always(text);
    double.fault(Fault::SplitUtf8);
    let told = told(openai(&double).generate(&prompt("q")).await).await;
    assert!(told.starts_with(&format!("{text} | ")), "{told}");
}

#[tokio::test]
async fn silence_has_limits() {
    let double = OpenAiDouble::start().await;
    double.answer_always(ANSWER);
    let options = OpenAiOptions {
        idle_timeout: SHORT,
        first_byte_timeout: SHORT,
        time_budget: SHORT,
        ..openai_options(&double)
    };
    let client = OpenAi::new(http_client(), options);
    double.fault(Fault::Hang);
    assert_eq!(told(client.generate(&prompt("q")).await).await, "refused: timeout");
    double.fault(Fault::HangAfter { after: 1 });
    assert_eq!(told(client.generate(&prompt("q")).await).await, "Torque is measured  | timeout");
}

/// The promise is 100 ms; the fastest of several drops keeps a busy machine from failing the test.
#[tokio::test]
async fn a_dropped_stream_ends_the_call_within_100_ms() {
    let double = OpenAiDouble::start().await;
    double.answer_always(ANSWER);
    let client = openai(&double);
    let mut fastest = Duration::MAX;
    for round in 0..5 {
        double.fault(Fault::HangAfter { after: 1 });
        let mut stream = client.generate(&prompt("q")).await.expect("the answer begins");
        assert!(matches!(stream.next().await, Some(Ok(Delta::Text(_)))));
        let dropped = Instant::now();
        drop(stream);
        let seen = tokio::time::timeout(Duration::from_secs(5), double.disconnect_of(round)).await;
        fastest = fastest.min(seen.expect("the double sees the client go").duration_since(dropped));
    }
    assert!(fastest < Duration::from_millis(100), "{fastest:?}");
}

#[tokio::test]
async fn an_unread_stream_is_not_pulled_into_memory() {
    let double = OpenAiDouble::start().await;
    // 12 MB: more than the buffers of both sockets hold.
    double.answer_always(&format!("{} ", "x".repeat(4000)).repeat(3_000));
    double.set_pace(Pace { words: 1, ..Pace::default() });
    let question = Prompt { max_tokens: 10_000_000, ..prompt("q") };
    // Cutting so long an answer up takes the double a while.
    let minute = Duration::from_secs(60);
    let options =
        OpenAiOptions { time_budget: minute, first_byte_timeout: minute, ..openai_options(&double) };
    let client = OpenAi::new(http_client(), options);
    let mut stream = client.generate(&question).await.expect("the answer begins");
    assert!(matches!(stream.next().await, Some(Ok(Delta::Text(_)))));
    let mut sent = 0;
    loop {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let now = double.requests()[0].pieces_sent;
        if now == sent {
            break;
        }
        sent = now;
    }
    println!("{sent} of 3000 pieces were sent while nobody read");
    assert!(double.requests()[0].completed.is_none(), "all {sent} pieces were taken while nobody read");
    drop(stream);
}

#[tokio::test]
async fn texts_become_unit_vectors_in_their_order() {
    let double = OpenAiDouble::start().await;
    for dimensions in [None, Some(64)] {
        let options = OpenAiOptions { dimensions, ..openai_options(&double) };
        let client = OpenAi::new(http_client(), options);
        let texts: Vec<String> = (0..70).map(|number| format!("passage number {number}")).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let vectors = client.embed(&texts, EmbedRole::Passage).await.expect("embedded");
        for (text, vector) in texts.iter().zip(&vectors) {
            let expected = doubles::embed(text, dimensions.unwrap_or(256));
            let distance: f32 = vector.iter().zip(&expected).map(|(one, other)| (one - other).abs()).sum();
            assert!(vector.len() == expected.len() && distance < 1e-4, "{text}: {distance}");
        }
    }
    assert_eq!(double.requests().len(), 6, "three batches of at most 32, twice");
}

#[tokio::test]
async fn embedding_faults_are_named() {
    let double = OpenAiDouble::start().await;
    let client =
        OpenAi::new(http_client(), OpenAiOptions { dimensions: Some(64), ..openai_options(&double) });
    let kind = |outcome: Result<Vec<Vec<f32>>, ProviderError>| outcome.map_err(|error| error.kind());
    for fault in [Fault::WrongDimensions, Fault::MissingVector, Fault::BadVector] {
        double.fault(fault);
        assert_eq!(kind(client.embed(&["a", "b"], EmbedRole::Passage).await), Err("bad_response"));
    }
    double.fault(Fault::Status { code: 503 });
    assert!(client.embed(&["a"], EmbedRole::Query).await.is_ok());
}

#[tokio::test]
async fn configured_models_are_checked() {
    let double = OpenAiDouble::start().await;
    let options = OpenAiOptions { model: "nobody".to_owned(), ..openai_options(&double) };
    let checks = OpenAi::new(http_client(), options).check().await;
    assert_eq!(checks[0].warning.as_deref(), Some("is not in the server's list of models"));
    assert!(checks[1].problem.is_none() && checks[1].warning.is_none());
    let options = OpenAiOptions { key: None, ..openai_options(&double) };
    let checks = OpenAi::new(http_client(), options).check().await;
    assert!(
        checks
            .iter()
            .all(|check| check.problem.as_ref().is_some_and(|problem| problem.kind() == "unauthorized"))
    );
    let options =
        OpenAiOptions { base_url: format!("{}/nowhere", double.base_url()), ..openai_options(&double) };
    let checks = OpenAi::new(http_client(), options).check().await;
    assert!(checks[0].problem.is_none() && checks[0].warning.is_some(), "{checks:?}");
}

#[tokio::test]
async fn a_wrong_model_or_address_is_told_apart() {
    let double = OpenAiDouble::start().await;
    let said = async |options: OpenAiOptions| {
        let error = OpenAi::new(http_client(), options).generate(&prompt("q")).await.err().expect("wrong");
        error.to_string()
    };
    let options = OpenAiOptions { model: "nobody".to_owned(), ..openai_options(&double) };
    assert_eq!(said(options).await, "OpenAI-compatible server has no model \"nobody\"; check OPENAI_MODEL");
    let options =
        OpenAiOptions { base_url: format!("{}/nowhere", double.base_url()), ..openai_options(&double) };
    assert!(said(options).await.ends_with("check OPENAI_BASE_URL"));
    let options = OpenAiOptions { key: Some(Secret::new("sk-wrong-key")), ..openai_options(&double) };
    let said = said(options).await;
    assert!(said.contains("OPENAI_API_KEY") && !said.contains("sk-wrong-key"), "{said}");
}
