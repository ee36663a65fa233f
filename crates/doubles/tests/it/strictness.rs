//! The doubles refuse what the real services refuse, and their control routes do what scripts need.

use docent::providers::http_client;
use doubles::{GeminiDouble, OpenAiDouble};
use serde_json::{Value, json};

/// Sends `body` (or asks, without one) and returns status and JSON.
async fn call(url: &str, header: (&str, &str), body: Option<Value>) -> (u16, Value) {
    let client = http_client();
    let request = match body {
        Some(body) => client.post(url).json(&body),
        None => client.get(url),
    };
    let response = request.header(header.0, header.1).send().await.expect("the double answers");
    let status = response.status().as_u16();
    let text = response.text().await.expect("a body");
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

async fn gemini(double: &GeminiDouble, path: &str, body: Option<Value>) -> (u16, Value) {
    call(&format!("{}{path}", double.base_url()), ("x-goog-api-key", double.key()), body).await
}

fn hello() -> Value {
    json!({"contents": [{"role": "user", "parts": [{"text": "hello"}]}]})
}

#[tokio::test]
async fn gemini_refuses_what_the_api_refuses() {
    let double = GeminiDouble::start().await;
    let check = async |path: &str, body: Value, status: u16, part: &str| {
        let (found, reply) = gemini(&double, path, Some(body.clone())).await;
        let message = reply["error"]["message"].as_str().unwrap_or_default();
        assert!(found == status && message.contains(part), "{path} {body}: {found} {reply}");
        assert_eq!(reply["error"]["code"], status, "{path} {body}");
    };
    let flash = "/v1beta/models/gemini-3.8-flash";
    let generate = format!("{flash}:generateContent");
    check(&generate, json!({"contents": []}), 400, "contents is not specified").await;
    check(&generate, json!({"contents": [{"parts": []}]}), 400, "must not be empty").await;
    check(&generate, json!({"contents": [{"parts": [{"text": ""}]}]}), 400, "required oneof field 'data'")
        .await;
    check(
        &generate,
        json!({"contents": [{"role": "system", "parts": [{"text": "x"}]}]}),
        400,
        "valid role: user, model",
    )
    .await;
    check(&generate, json!({"messages": []}), 400, "Unknown name \"messages\": Cannot find field.").await;
    let mut both = hello();
    both["generationConfig"] = json!({"thinkingConfig": {"thinkingLevel": "low", "thinkingBudget": 0}});
    check(&generate, both, 400, "only one of thinking budget and thinking level").await;
    let mut minimal = hello();
    minimal["generation_config"] = json!({"thinking_config": {"thinking_level": "minimal"}});
    check(&generate, minimal, 400, "MINIMAL is not supported").await;
    let mut long = hello();
    long["generationConfig"] = json!({"maxOutputTokens": 100_000});
    check(&generate, long, 400, "supported range is from 1 (inclusive) to 65537").await;
    check(
        "/v1beta/models/gemini-1.5-flash:generateContent",
        hello(),
        404,
        "models/gemini-1.5-flash is not found for API version v1beta, or is not supported for generateContent",
    )
    .await;
    check("/v1beta/models/gemini-3.8-flash:embedContent", json!({}), 404, "not supported for embedContent")
        .await;
    check("/v1/models/gemini-flash-latest:generateContent", hello(), 404, "API version v1,").await;
    let embedder = "/v1beta/models/gemini-embedding-2";
    let item = json!({"model": "models/gemini-embedding-2", "content": {"parts": [{"text": "x"}]}});
    let batch = |items: usize| json!({"requests": vec![item.clone(); items]});
    check(&format!("{embedder}:batchEmbedContents"), batch(101), 400, "at most 100 requests").await;
    check(&format!("{embedder}:batchEmbedContents"), batch(0), 400, "requests is not specified").await;
    let nameless = json!({"requests": [{"content": {"parts": [{"text": "x"}]}}]});
    check(&format!("{embedder}:batchEmbedContents"), nameless, 400, "requests[0].model").await;
    check(
        &format!("{embedder}:embedContent"),
        json!({"content": {"parts": []}}),
        400,
        "contents is not specified",
    )
    .await;
    let long = json!({"content": {"parts": [{"text": "x"}]}, "outputDimensionality": 5000});
    check(&format!("{embedder}:embedContent"), long, 400, "output_dimensionality").await;
}

#[tokio::test]
async fn gemini_answers_as_the_api_does() {
    let double = GeminiDouble::start().await;
    double.answer_always("One two three four five.");
    let (status, reply) =
        gemini(&double, "/v1/models/gemini-3.5-flash-lite:generateContent", Some(hello())).await;
    assert_eq!(status, 200);
    assert_eq!(reply["candidates"][0]["content"]["parts"][0]["text"], "One two three four five.");
    let (_, array) =
        gemini(&double, "/v1beta/models/gemini-3.5-flash-lite:streamGenerateContent", Some(hello())).await;
    assert_eq!(array.as_array().map(Vec::len), Some(2), "{array}");
    let (_, counted) = gemini(&double, "/v1beta/models/gemini-3.5-flash:countTokens", Some(hello())).await;
    assert_eq!(counted["totalTokens"], 2);
    let (_, first) = gemini(&double, "/v1beta/models?pageSize=4", None).await;
    assert_eq!(first["models"].as_array().map(Vec::len), Some(4));
    let next = format!(
        "/v1beta/models?pageSize=100&pageToken={}",
        first["nextPageToken"].as_str().unwrap_or_default()
    );
    let (_, rest) = gemini(&double, &next, None).await;
    assert!(
        rest["models"].as_array().is_some_and(|models| models.len() >= 4)
            && rest.get("nextPageToken").is_none()
    );
    let (_, one) = gemini(&double, "/v1beta/models/gemini-embedding-2", None).await;
    assert_eq!(one["supportedGenerationMethods"][0], "embedContent");
}

#[tokio::test]
async fn gemini_checks_the_key_first() {
    let double = GeminiDouble::start().await;
    let url = format!("{}/v1beta/models/nobody:generateContent", double.base_url());
    let (status, reply) = call(&url, ("x-goog-api-key", "wrong"), Some(json!({}))).await;
    assert_eq!((status, &reply["error"]["details"][0]["reason"]), (400, &json!("API_KEY_INVALID")));
    let (status, _) = call(&url, ("x-other", "-"), Some(json!({}))).await;
    assert_eq!(status, 403);
    let (status, _) =
        call(&format!("{}/v1beta/models?key={}", double.base_url(), double.key()), ("x-other", "-"), None)
            .await;
    assert_eq!(status, 200);
}

#[tokio::test]
async fn openai_refuses_what_the_api_refuses() {
    let double = OpenAiDouble::start().await;
    let bearer = format!("Bearer {}", double.key());
    let check = async |path: &str, body: Value, status: u16, part: &str| {
        let url = format!("{}/{path}", double.base_url());
        let (found, reply) = call(&url, ("authorization", &bearer), Some(body.clone())).await;
        let message = reply["error"]["message"].as_str().unwrap_or_default();
        assert!(found == status && message.contains(part), "{path} {body}: {found} {reply}");
    };
    let message = json!([{"role": "user", "content": "hi"}]);
    let chat = "chat/completions";
    check(chat, json!({"messages": message}), 400, "you must provide a model").await;
    check(chat, json!({"model": "nobody", "messages": message}), 404, "The model `nobody` does not exist")
        .await;
    check(chat, json!({"model": OpenAiDouble::MODEL, "messages": []}), 400, "empty array").await;
    check(
        chat,
        json!({"model": OpenAiDouble::MODEL, "messages": [{"role": "bot", "content": "x"}]}),
        400,
        "'bot'",
    )
    .await;
    check(chat, json!({"model": OpenAiDouble::MODEL, "messages": message, "foo": 1}), 400, "supplied: foo")
        .await;
    let options =
        json!({"model": OpenAiDouble::MODEL, "messages": message, "stream_options": {"include_usage": true}});
    check(chat, options, 400, "only allowed when 'stream'").await;
    let limited = json!({"model": OpenAiDouble::REASONING_MODEL, "messages": message, "max_tokens": 5});
    check(chat, limited, 400, "Use 'max_completion_tokens'").await;
    let model = OpenAiDouble::EMBEDDING_MODEL;
    check("embeddings", json!({"model": model, "input": []}), 400, "'$.input' is invalid").await;
    check("embeddings", json!({"model": model, "input": "x", "dimensions": 9999}), 400, "'dimensions'").await;
    check("embeddings", json!({"model": model, "input": "x", "encoding_format": "hex"}), 400, "'hex'").await;
}

#[tokio::test]
async fn scripts_steer_the_doubles_over_http() {
    let double = GeminiDouble::start().await;
    let control = async |path: &str, body: Value| {
        let url = format!("{}/{path}", double.base_url());
        let (status, reply) = call(&url, ("x-other", "-"), Some(body)).await;
        assert_eq!(status, 200, "{path}: {reply}");
    };
    control(
        "__faults",
        json!([
            {"kind": "rate_limited", "quota": "day", "retry_after_ms": 1500, "on": "generate", "times": 2},
            {"kind": "status", "code": 503, "model": "gemini-3.5-flash"}
        ]),
    )
    .await;
    control("__answers", json!({"next": ["first"], "always": "always"})).await;
    let path = "/v1beta/models/gemini-3.8-flash:generateContent";
    let (status, reply) = gemini(&double, path, Some(hello())).await;
    assert_eq!(status, 429);
    let details = &reply["error"]["details"];
    assert_eq!(details[1]["violations"][0]["quotaId"], "GenerateRequestsPerDayPerProjectPerModel-FreeTier");
    assert_eq!(details[2]["retryDelay"], "1.5s");
    assert_eq!(gemini(&double, path, Some(hello())).await.0, 429);
    let text = async || {
        gemini(&double, path, Some(hello())).await.1["candidates"][0]["content"]["parts"][0]["text"].clone()
    };
    assert_eq!(text().await, "first");
    assert_eq!(text().await, "always");
    assert_eq!(
        gemini(&double, "/v1beta/models/gemini-3.5-flash:generateContent", Some(hello())).await.0,
        503
    );
    let (_, requests) = call(&format!("{}/__requests", double.base_url()), ("x-other", "-"), None).await;
    assert_eq!(requests.as_array().map(Vec::len), Some(5));
    assert_eq!(requests[0]["operation"], "generate");
    control("__reset", json!({})).await;
    assert!(double.requests().is_empty());
    control("__refuse", json!({"for_ms": 100})).await;
    // The answer to this very call was still sent; new connections wait for the port to open again.
    loop {
        let request = http_client().get(format!("{}/__requests", double.base_url()));
        if request.send().await.is_ok() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}
