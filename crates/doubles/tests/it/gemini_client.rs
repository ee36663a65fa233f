//! The Gemini client against the Gemini double: every fault that the API has shown, and what the client makes of it.

use std::time::{Duration, Instant};

use docent::providers::{
    Delta, EmbedRole, Gemini, GeminiOptions, ModelUse, ProviderError, Secret, ThinkingLevel, http_client,
};
use doubles::{Fault, GeminiDouble, Operation, Planned, Quota};
use futures_util::StreamExt;

use crate::support::{SHORT, gemini, gemini_options, prompt, told};

const ANSWER: &str = "Torque is measured in newton metres [1].";

/// Plays `faults` one after the other and checks what the reader gets and which models were asked.
async fn check(faults: Vec<Planned>, expected: &str, asked: &[&str]) {
    let double = GeminiDouble::start().await;
    double.answer_always(ANSWER);
    for fault in &faults {
        double.plan(fault.clone());
    }
    let told = told(gemini(&double).generate(&prompt("Which unit?")).await).await;
    assert_eq!(told, expected, "{faults:?}");
    let models: Vec<String> = double.requests().into_iter().map(|request| request.model).collect();
    assert_eq!(models, asked, "{faults:?}");
}

async fn check_one(fault: Fault, expected: &str, asked: &[&str]) {
    check(vec![Planned::new(fault)], expected, asked).await;
}

const FIRST: &str = "gemini-3.5-flash-lite";
const SECOND: &str = "gemini-3.8-flash";
const WHOLE: &str = "Torque is measured in newton metres [1]. | 11+64+10 | Stop";

#[tokio::test]
async fn a_whole_answer_is_streamed() {
    check(Vec::new(), WHOLE, &[FIRST]).await;
}

#[tokio::test]
async fn the_request_is_what_the_api_wants() {
    let double = GeminiDouble::start().await;
    told(gemini(&double).generate(&prompt("Which unit?")).await).await;
    let request = double.requests().remove(0);
    assert_eq!(request.path, "/v1beta/models/gemini-3.5-flash-lite:streamGenerateContent?alt=sse");
    let keys: Vec<&(String, String)> =
        request.headers.iter().filter(|(_, value)| value.contains(GeminiDouble::KEY)).collect();
    assert_eq!(keys.len(), 1, "the key goes into exactly one header");
    assert_eq!(keys[0].0, "x-goog-api-key");
    assert_eq!(request.body["contents"][0]["role"], "user");
    assert_eq!(request.body["systemInstruction"]["parts"][0]["text"], "Answer from the passages only.");
}

#[tokio::test]
async fn a_grounded_answer_comes_without_a_script() {
    let double = GeminiDouble::start().await;
    let question = "<passage n=\"1\" page=\"A\">\nMotors hum.\n</passage>\n<passage n=\"2\" page=\"B\">\nTorque is measured \
                    in newton metres.\n</passage>\n<question>\nHow is torque measured?\n</question>";
    let told = told(gemini(&double).generate(&prompt(question)).await).await;
    assert!(told.starts_with("According to the book: Torque is measured in newton metres [2]. | "), "{told}");
}

#[tokio::test]
async fn a_stated_wait_is_honoured_then_the_same_model_answers() {
    let limited = Fault::RateLimited { quota: Quota::Minute, retry_after_ms: 150 };
    let started = Instant::now();
    check_one(limited, WHOLE, &[FIRST, FIRST]).await;
    assert!(started.elapsed() >= Duration::from_millis(150), "asked before the stated moment");
}

#[tokio::test]
async fn a_wait_that_does_not_fit_leads_to_the_next_model() {
    check_one(Fault::RateLimited { quota: Quota::Minute, retry_after_ms: 58_000 }, WHOLE, &[FIRST, SECOND])
        .await;
}

#[tokio::test]
async fn a_spent_day_or_a_zero_quota_is_not_waited_for() {
    for quota in [Quota::Day, Quota::Zero] {
        check_one(Fault::RateLimited { quota, retry_after_ms: 10 }, WHOLE, &[FIRST, SECOND]).await;
    }
}

#[tokio::test]
async fn overload_is_retried_once_then_the_next_model_answers() {
    for code in [500, 503, 504] {
        check_one(Fault::Status { code }, WHOLE, &[FIRST, FIRST]).await;
        check(vec![Planned::new(Fault::Status { code }).times(2)], WHOLE, &[FIRST, FIRST, SECOND]).await;
    }
}

#[tokio::test]
async fn an_error_after_the_head_but_before_the_first_word_is_retried() {
    check_one(Fault::RawError { after: 0, code: 503 }, WHOLE, &[FIRST, FIRST]).await;
    check_one(Fault::ErrorEvent { after: 0, code: 503 }, WHOLE, &[FIRST, FIRST]).await;
    check_one(Fault::Cut { after: 0 }, WHOLE, &[FIRST, FIRST]).await;
    check_one(Fault::EmptyAnswer, WHOLE, &[FIRST, FIRST]).await;
}

#[tokio::test]
async fn after_the_first_word_nothing_is_retried() {
    check_one(
        Fault::RawError { after: 2, code: 503 },
        "Torque is measured in newton metres  | unavailable",
        &[FIRST],
    )
    .await;
    check_one(Fault::ErrorEvent { after: 1, code: 500 }, "Torque is measured  | unavailable", &[FIRST]).await;
    check_one(Fault::Cut { after: 1 }, "Torque is measured  | interrupted", &[FIRST]).await;
    check_one(Fault::NoFinish { after: 1 }, "Torque is measured  | interrupted", &[FIRST]).await;
}

#[tokio::test]
async fn an_answer_eaten_by_thinking_gets_more_room_then_the_next_model() {
    // The second request thinks as little as it can.
    let without_thoughts = WHOLE.replace("+64+", "+0+");
    check_one(Fault::MaxTokensAfterThinking, &without_thoughts, &[FIRST, FIRST]).await;
    let eaten = || Planned::new(Fault::MaxTokensAfterThinking);
    check(vec![eaten(), eaten()], WHOLE, &[FIRST, FIRST, SECOND]).await;
}

#[tokio::test]
async fn thoughts_never_reach_the_reader() {
    check_one(Fault::Thoughts, WHOLE, &[FIRST]).await;
}

#[tokio::test]
async fn a_blocked_prompt_is_not_tried_elsewhere() {
    check_one(Fault::BlockedPrompt { reason: "SAFETY".to_owned() }, "refused: blocked", &[FIRST]).await;
}

#[tokio::test]
async fn a_withheld_or_cut_answer_says_so() {
    let expected = "Torque is measured i | 11+64+5 | Withheld(\"SAFETY\")";
    check_one(Fault::Finish { reason: "SAFETY".to_owned() }, expected, &[FIRST]).await;
    let expected = "Torque is measured i | 11+64+5 | MaxTokens";
    check_one(Fault::Finish { reason: "MAX_TOKENS".to_owned() }, expected, &[FIRST]).await;
    let expected = "Torque is measured i | 11+64+5 | Other(\"SOMETHING_NEW\")";
    check_one(Fault::Finish { reason: "SOMETHING_NEW".to_owned() }, expected, &[FIRST]).await;
}

#[tokio::test]
async fn a_bad_key_or_request_is_not_tried_elsewhere() {
    check_one(Fault::BadKey, "refused: unauthorized", &[FIRST]).await;
    check_one(Fault::Status { code: 403 }, "refused: unauthorized", &[FIRST]).await;
    check_one(Fault::Status { code: 400 }, "refused: bad_request", &[FIRST]).await;
}

#[tokio::test]
async fn what_is_no_gemini_is_said_so() {
    let page = |status| Fault::Raw {
        status,
        content_type: "text/html".to_owned(),
        body: "<html>\n<body>Sign in to the network</body>\n</html>\n".to_owned(),
    };
    check(vec![Planned::new(page(200)).always()], "refused: bad_response", &[FIRST, SECOND]).await;
    check_one(page(502), WHOLE, &[FIRST, FIRST]).await;
}

#[tokio::test]
async fn characters_cut_by_the_network_stay_whole() {
    let double = GeminiDouble::start().await;
    let text = "Größe: 你好, 🙂 – «naïve» [1].";
    double.answer_always(text);
    double.fault(Fault::SplitUtf8);
    let told = told(gemini(&double).generate(&prompt("q")).await).await;
    assert!(told.starts_with(&format!("{text} | ")), "{told}");
}

#[tokio::test]
async fn a_silent_model_leads_to_the_next() {
    let double = GeminiDouble::start().await;
    double.answer_always(ANSWER);
    let options = GeminiOptions { first_byte_timeout: SHORT, ..gemini_options(&double) };
    let client = Gemini::new(http_client(), options);
    double.plan(Planned::new(Fault::Hang).model(FIRST));
    assert_eq!(told(client.generate(&prompt("q")).await).await.split(" | ").next(), Some(ANSWER));
    double.plan(Planned::new(Fault::HangAfter { after: 0 }).model(FIRST));
    assert_eq!(told(client.generate(&prompt("q")).await).await.split(" | ").next(), Some(ANSWER));
    double.plan(Planned::new(Fault::Hang).always());
    assert_eq!(told(client.generate(&prompt("q")).await).await, "refused: timeout");
}

#[tokio::test]
async fn silence_inside_an_answer_ends_it() {
    let double = GeminiDouble::start().await;
    double.answer_always(ANSWER);
    let options = GeminiOptions { idle_timeout: SHORT, ..gemini_options(&double) };
    double.fault(Fault::HangAfter { after: 1 });
    let told = told(Gemini::new(http_client(), options).generate(&prompt("q")).await).await;
    assert_eq!(told, "Torque is measured  | timeout");
    tokio::time::timeout(Duration::from_secs(5), double.disconnect_of(0))
        .await
        .expect("the connection is given up");
}

#[tokio::test]
async fn refused_connections_are_survived() {
    let double = GeminiDouble::start().await;
    double.answer_always(ANSWER);
    let client = gemini(&double);
    double.refuse_connections();
    let begun = tokio::spawn(async move { told(client.generate(&prompt("q")).await).await });
    tokio::time::sleep(Duration::from_millis(50)).await;
    double.accept_connections().await.expect("the port is still ours");
    let told = begun.await.expect("no panic");
    assert!(told.starts_with(ANSWER), "{told}");

    double.refuse_connections();
    let options = GeminiOptions { time_budget: SHORT, ..gemini_options(&double) };
    let error =
        Gemini::new(http_client(), options).generate(&prompt("q")).await.err().expect("nobody listens");
    assert_eq!(error.kind(), "unavailable");
    assert!(error.to_string().contains("cannot connect to 127.0.0.1"), "{error}");
}

#[tokio::test]
async fn a_model_that_does_not_exist_leads_to_the_next() {
    let double = GeminiDouble::start().await;
    double.answer_always(ANSWER);
    let models = vec!["models/gemini-2.0-flash".to_owned(), SECOND.to_owned()];
    let client = Gemini::new(http_client(), GeminiOptions { models, ..gemini_options(&double) });
    assert!(told(client.generate(&prompt("q")).await).await.starts_with(ANSWER));
    let models = vec!["gemini-2.0-flash".to_owned()];
    let client = Gemini::new(http_client(), GeminiOptions { models, ..gemini_options(&double) });
    let error = client.generate(&prompt("q")).await.err().expect("no such model");
    assert_eq!(error.to_string(), "Gemini has no model \"gemini-2.0-flash\"; check GEMINI_MODEL");
}

#[tokio::test]
async fn a_model_that_will_refuse_is_not_asked_again() {
    for (quota, retry_after_ms) in [(Quota::Day, 10), (Quota::Minute, 58_000)] {
        let double = GeminiDouble::start().await;
        double.answer_always(ANSWER);
        double.plan(Planned::new(Fault::RateLimited { quota, retry_after_ms }).model(FIRST).always());
        let client = gemini(&double);
        for _ in 0..3 {
            assert_eq!(told(client.generate(&prompt("Which unit?")).await).await, WHOLE);
        }
        let models: Vec<String> = double.requests().into_iter().map(|request| request.model).collect();
        assert_eq!(models, [FIRST, SECOND, SECOND, SECOND], "{quota:?}");
        let options = GeminiOptions { models: vec![FIRST.to_owned()], ..gemini_options(&double) };
        let alone = Gemini::new(http_client(), options);
        let asked = double.requests().len();
        for _ in 0..2 {
            let error = alone.generate(&prompt("q")).await.err().expect("refused");
            assert!(error.retry_after().is_some(), "{error}");
        }
        assert_eq!(double.requests().len(), asked + 1, "{quota:?}");
    }
}

#[tokio::test]
async fn a_model_that_fails_in_a_row_rests() {
    let double = GeminiDouble::start().await;
    double.answer_always(ANSWER);
    let options =
        GeminiOptions { models: vec![FIRST.to_owned()], time_budget: SHORT, ..gemini_options(&double) };
    let client = Gemini::new(http_client(), options);
    double.plan(Planned::new(Fault::Hang).times(3));
    for _ in 0..3 {
        assert_eq!(told(client.generate(&prompt("q")).await).await, "refused: timeout");
    }
    assert_eq!(double.requests().len(), 3);
    let started = Instant::now();
    assert_eq!(told(client.generate(&prompt("q")).await).await, "refused: timeout");
    assert_eq!(double.requests().len(), 3, "the resting model was asked");
    assert!(started.elapsed() < SHORT, "the reader waited for a resting model");
}

#[tokio::test]
async fn thinking_levels_suit_each_model() {
    for model in [FIRST, SECOND, "gemini-3.6-flash", "gemma-4-31b-it"] {
        for thinking in [None, Some(ThinkingLevel::Minimal), Some(ThinkingLevel::High)] {
            let double = GeminiDouble::start().await;
            double.answer_always(ANSWER);
            let options =
                GeminiOptions { models: vec![model.to_owned()], thinking, ..gemini_options(&double) };
            let told = told(Gemini::new(http_client(), options).generate(&prompt("q")).await).await;
            assert!(told.starts_with(ANSWER), "{model} {thinking:?}: {told}");
            assert_eq!(double.requests().len(), 1, "{model} {thinking:?}");
        }
    }
}

#[tokio::test]
async fn a_refused_thinking_level_is_left_out() {
    let refusal = serde_json::json!({"error": {"code": 400, "message": "Thinking level LOW is not supported for this model.",
        "status": "INVALID_ARGUMENT"}});
    let fault =
        Fault::Raw { status: 400, content_type: "application/json".to_owned(), body: refusal.to_string() };
    let double = GeminiDouble::start().await;
    double.fault(fault);
    double.answer_always(ANSWER);
    assert!(told(gemini(&double).generate(&prompt("q")).await).await.starts_with(ANSWER));
    let requests = double.requests();
    assert_eq!(requests[0].body["generationConfig"]["thinkingConfig"]["thinkingLevel"], "low");
    assert!(requests[1].body["generationConfig"].get("thinkingConfig").is_none());
}

#[tokio::test]
async fn a_key_stays_at_home_when_redirected() {
    let double = GeminiDouble::start().await;
    let stranger = GeminiDouble::start().await;
    let to = format!("{}/v1beta/models/gemini-3.5-flash-lite:streamGenerateContent", stranger.base_url());
    double.plan(Planned::new(Fault::Redirect { to }).always());
    let told = told(gemini(&double).generate(&prompt("q")).await).await;
    assert_eq!(told, "refused: bad_response");
    assert!(stranger.requests().is_empty(), "the request, key and all, went to another host");
}

#[tokio::test]
async fn errors_never_show_the_key() {
    let double = GeminiDouble::start().await;
    let echo = format!(
        "{{\"error\": {{\"code\": 403, \"message\": \"Consumer 'api_key:{}' is suspended\"}}}}",
        double.key()
    );
    double.fault(Fault::Raw { status: 403, content_type: "application/json".to_owned(), body: echo });
    let client = gemini(&double);
    let error = client.generate(&prompt("q")).await.err().expect("suspended");
    for shown in [error.to_string(), format!("{error:?}"), format!("{client:?}")] {
        assert!(!shown.contains(double.key()), "{shown}");
    }
}

/// The promise is 100 ms; the fastest of several drops keeps a busy machine from failing the test.
#[tokio::test]
async fn a_dropped_stream_ends_the_call_within_100_ms() {
    let double = GeminiDouble::start().await;
    double.answer_always(ANSWER);
    let client = gemini(&double);
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
    println!("fastest disconnect after a drop: {fastest:?}");
    assert!(fastest < Duration::from_millis(100), "{fastest:?}");
}

#[tokio::test]
async fn giving_up_before_the_first_word_ends_the_call() {
    let double = GeminiDouble::start().await;
    double.fault(Fault::Hang);
    let client = gemini(&double);
    let question = prompt("q");
    let given_up = tokio::time::timeout(Duration::from_millis(100), client.generate(&question)).await;
    assert!(given_up.is_err());
    tokio::time::timeout(Duration::from_secs(5), double.disconnect_of(0))
        .await
        .expect("the double sees the client go");
}

#[tokio::test]
async fn connections_are_used_again() {
    let double = GeminiDouble::start().await;
    double.answer_always(ANSWER);
    let client = gemini(&double);
    for _ in 0..3 {
        told(client.generate(&prompt("q")).await).await;
    }
    assert_eq!(double.requests().len(), 3);
    assert!(
        double.requests().iter().all(|request| request.completed.is_some() && request.disconnected.is_none())
    );
}

#[tokio::test]
async fn texts_become_unit_vectors_in_their_order() {
    for model in ["gemini-embedding-2", "models/gemini-embedding-001"] {
        let double = GeminiDouble::start().await;
        let options = GeminiOptions { embedding_model: model.to_owned(), ..gemini_options(&double) };
        let client = Gemini::new(http_client(), options);
        let texts: Vec<String> = (0..205).map(|number| format!("passage number {number}")).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let vectors = client.embed(&texts, EmbedRole::Passage).await.expect("embedded");
        assert_eq!(vectors.len(), 205);
        for (text, vector) in texts.iter().zip(&vectors) {
            let expected = doubles::embed(text, 64);
            let cosine: f32 = vector.iter().zip(&expected).map(|(one, other)| one * other).sum();
            assert!((cosine - 1.0).abs() < 1e-5, "{model} {text}: {cosine}");
        }
        let batches: Vec<usize> = double
            .requests()
            .iter()
            .map(|request| request.body["requests"].as_array().map_or(1, Vec::len))
            .collect();
        assert_eq!(batches, [100, 100, 5]);
        let query = client.embed(&["passage number 7"], EmbedRole::Query).await.expect("embedded");
        let nearest = (0..205)
            .max_by(|one, other| dot(&query[0], &vectors[*one]).total_cmp(&dot(&query[0], &vectors[*other])));
        assert_eq!(nearest, Some(7));
    }
}

fn dot(one: &[f32], other: &[f32]) -> f32 {
    one.iter().zip(other).map(|(one, other)| one * other).sum()
}

#[tokio::test]
async fn embedding_faults_are_survived_or_named() {
    let double = GeminiDouble::start().await;
    let kind = |outcome: Result<Vec<Vec<f32>>, ProviderError>| outcome.map_err(|error| error.kind());
    // A new client each time: one that heard of a spent quota would not ask again.
    let embed = async |role| gemini(&double).embed(&["torque", "force"], role).await;
    double.fault(Fault::RateLimited { quota: Quota::Minute, retry_after_ms: 50 });
    assert!(embed(EmbedRole::Passage).await.is_ok());
    double.fault(Fault::Status { code: 503 });
    assert!(embed(EmbedRole::Query).await.is_ok());
    double.fault(Fault::RateLimited { quota: Quota::Day, retry_after_ms: 50 });
    assert_eq!(kind(embed(EmbedRole::Passage).await), Err("quota_exhausted"));
    double.fault(Fault::RateLimited { quota: Quota::Minute, retry_after_ms: 9_000 });
    assert_eq!(kind(embed(EmbedRole::Query).await), Err("rate_limited"), "a query does not wait that long");
    for fault in [Fault::WrongDimensions, Fault::MissingVector, Fault::BadVector] {
        double.fault(fault);
        assert_eq!(kind(embed(EmbedRole::Passage).await), Err("bad_response"));
    }
    let asked = double.requests().len();
    assert_eq!(kind(gemini(&double).embed(&["a", "  "], EmbedRole::Passage).await), Err("bad_request"));
    assert!(gemini(&double).embed(&[], EmbedRole::Passage).await.expect("nothing to do").is_empty());
    assert_eq!(double.requests().len(), asked, "nothing was sent");
}

#[tokio::test]
async fn configured_models_are_checked_without_spending() {
    let double = GeminiDouble::start().await;
    let models = vec![FIRST.to_owned(), "gemini-2.0-flash".to_owned(), "gemini-embedding-001".to_owned()];
    let client = Gemini::new(http_client(), GeminiOptions { models, ..gemini_options(&double) });
    let checks = client.check().await;
    let told: Vec<String> = checks
        .iter()
        .map(|check| {
            let problem = check.problem.as_ref().map_or("fine", |problem| problem.kind());
            format!("{} {problem} {}", check.model, check.warning.as_deref().unwrap_or("-"))
        })
        .collect();
    assert_eq!(
        told,
        [
            "gemini-3.5-flash-lite fine -",
            "gemini-2.0-flash not_found -",
            "gemini-embedding-001 fine does not list generateContent",
            "gemini-embedding-2 fine -"
        ]
    );
    assert_eq!(checks[3].used_for, ModelUse::Embedding);
    assert!(double.requests().iter().all(|request| request.operation == Operation::Models));

    let options = GeminiOptions { key: Secret::new("wrong"), ..gemini_options(&double) };
    let checks = Gemini::new(http_client(), options).check().await;
    assert!(
        checks
            .iter()
            .all(|check| check.problem.as_ref().is_some_and(|problem| problem.kind() == "unauthorized"))
    );
}

#[tokio::test]
async fn an_address_with_its_version_is_understood() {
    let double = GeminiDouble::start().await;
    let options =
        GeminiOptions { base_url: format!("{}/v1beta/", double.base_url()), ..gemini_options(&double) };
    assert!(Gemini::new(http_client(), options).check().await.iter().all(|check| check.problem.is_none()));
}

#[tokio::test]
async fn without_a_key_nothing_is_sent() {
    let double = GeminiDouble::start().await;
    let options = GeminiOptions { key: Secret::default(), ..gemini_options(&double) };
    let error = Gemini::new(http_client(), options).generate(&prompt("q")).await.err().expect("no key");
    assert_eq!(error.to_string(), "Gemini refused the key (it is empty); check GEMINI_API_KEY");
    assert!(double.requests().is_empty());
}
