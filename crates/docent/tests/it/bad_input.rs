//! Every way to ask wrongly gets a clear 4xx that names what is wrong. Nothing is stored, nothing is asked of a model,
//! and the next reader is served.

use doubles::GeminiDouble;
use serde_json::{Value, json};
use sqlx::Row;

use crate::support::{QUESTION, Setup, TestServer, raw};

/// A listed site that asks for an answer from `/api/chat`, as bytes.
fn post(body: &[u8], content_type: &str) -> Vec<u8> {
    let head = format!(
        "POST /api/chat HTTP/1.1\r\nhost: x\r\n{content_type}content-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

fn post_json(body: impl AsRef<[u8]>) -> Vec<u8> {
    post(body.as_ref(), "content-type: application/json\r\n")
}

/// Sends raw bytes; the reply must be a problem with this status that speaks of `word`.
async fn check(server: &TestServer, what: &str, request: &[u8], status: u16, word: &str) {
    let reply = raw(&server.url, request).await.unwrap_or_else(|| panic!("{what}: no reply"));
    assert_eq!(reply.status, status, "{what}: {reply:?}");
    let head = reply.head.to_ascii_lowercase();
    assert!(head.contains("content-type: application/problem+json"), "{what}: {head}");
    let problem = reply.json();
    assert_eq!(problem["status"], status, "{what}");
    assert!(problem["request_id"].as_str().is_some_and(|id| id.len() == 36), "{what}");
    let detail = problem["detail"].as_str().unwrap_or_default();
    assert!(detail.contains(word), "{what}: '{word}' is not in '{detail}'");
    if status == 422 {
        let fields = problem["errors"].as_array().expect("the wrong fields");
        assert!(fields.iter().any(|field| field["field"] == word), "{what}: {fields:?}");
    }
}

/// Rows in the conversation tables, counted past the program.
async fn rows(server: &TestServer) -> i64 {
    let file = server.config.conversations_file();
    let pool =
        sqlx::SqlitePool::connect(&format!("sqlite://{}", file.display())).await.expect("the database");
    let count = "SELECT (SELECT count(*) FROM conversations) + (SELECT count(*) FROM messages) AS n";
    sqlx::query(count).fetch_one(&pool).await.expect("a count").get("n")
}

#[tokio::test]
async fn bad_bodies_are_named_and_leave_nothing_behind() {
    let gemini = GeminiDouble::start().await;
    let server = Setup::new().gemini(&gemini).store_on_disk().start().await;
    let deep = format!("{{\"message\":{}1{}}}", "[".repeat(5000), "]".repeat(5000));
    let uuid = "3f2b8c1e-8a53-4c0e-9d3e-5a1f0c2b7d64";
    for (what, body, status, word) in [
        ("no body", String::new(), 400, "not valid JSON"),
        ("half a body", r#"{"message": "a"#.into(), 400, "not valid JSON"),
        ("more than one value", r#"{"message":"a"} {"message":"b"}"#.into(), 400, "not valid JSON"),
        ("deep nesting", deep, 400, "recursion"),
        ("a lone surrogate", r#"{"message":"\ud800"}"#.into(), 400, "not valid JSON"),
        ("a number beyond all bounds", r#"{"message":1e999}"#.into(), 400, "not valid JSON"),
        ("not a number", r#"{"message":NaN}"#.into(), 400, "not valid JSON"),
        ("a list", r#"["message"]"#.into(), 422, "body"),
        ("null", "null".into(), 422, "body"),
        ("a key twice", r#"{"message":"a","message":"b"}"#.into(), 422, "message"),
        ("a key twice, differently spelt", r#"{"message":"a","mess\u0061ge":"b"}"#.into(), 422, "message"),
        ("no message", "{}".into(), 422, "message"),
        ("message null", r#"{"message":null}"#.into(), 422, "message"),
        ("message empty", r#"{"message":""}"#.into(), 422, "message"),
        ("message blank", r#"{"message":" \n\t\u2003"}"#.into(), 422, "message"),
        ("message too long", json!({"message": "ä".repeat(2001)}).to_string(), 422, "message"),
        ("message a huge number", r#"{"message":123456789012345678901234567890}"#.into(), 422, "message"),
        ("message a list", r#"{"message":["a"]}"#.into(), 422, "message"),
        ("message with NUL", r#"{"message":"a\u0000b"}"#.into(), 422, "message"),
        ("unknown mode", r#"{"message":"a","mode":"expert"}"#.into(), 422, "mode"),
        ("mode a number", r#"{"message":"a","mode":1}"#.into(), 422, "mode"),
        ("selection without context", r#"{"message":"a","mode":"selection"}"#.into(), 422, "context"),
        ("selection of null", r#"{"message":"a","mode":"selection","context":null}"#.into(), 422, "context"),
        (
            "selection of blanks",
            r#"{"message":"a","mode":"selection","context":"  "}"#.into(),
            422,
            "context",
        ),
        ("context an object", r#"{"message":"a","context":{}}"#.into(), 422, "context"),
        (
            "malformed id",
            r#"{"message":"a","conversation_id":"1; DROP TABLE"}"#.into(),
            422,
            "conversation_id",
        ),
        (
            "id without hyphens",
            json!({"message": "a", "conversation_id": uuid.replace('-', "")}).to_string(),
            422,
            "conversation_id",
        ),
        ("id a number", r#"{"message":"a","conversation_id":7}"#.into(), 422, "conversation_id"),
        ("unknown id", json!({"message": "a", "conversation_id": uuid}).to_string(), 404, "conversation"),
        ("stream a word", r#"{"message":"a","stream":"yes"}"#.into(), 422, "stream"),
        ("page too long", json!({"message": "a", "page": "p".repeat(2049)}).to_string(), 422, "page"),
        ("version too long", json!({"message": "a", "version": "v".repeat(65)}).to_string(), 422, "version"),
        ("locale a flag", r#"{"message":"a","locale":true}"#.into(), 422, "locale"),
        ("over 64 KiB", json!({"message": "a".repeat(65 * 1024)}).to_string(), 413, "64 KiB"),
    ] {
        check(&server, what, &post_json(body), status, word).await;
    }
    check(&server, "invalid UTF-8", &post_json(b"{\"message\":\"\xff\xfe\"}"), 400, "not valid JSON").await;
    assert_eq!(rows(&server).await, 0, "nothing was stored");
    assert_eq!(gemini.requests().len(), 0, "nothing was asked");

    let answer = server.ask(&json!({"message": QUESTION})).await;
    assert_eq!(answer.event("done")["outcome"], "answered");
    assert_eq!(rows(&server).await, 3, "a conversation, its question and its answer");
}

#[tokio::test]
async fn all_wrong_fields_are_named_at_once() {
    let server = TestServer::start().await;
    let body = json!({"message": "", "mode": "x", "conversation_id": "y", "stream": 1});
    let problem: Value = server.try_ask(&body).await.json().await.expect("a problem");
    let fields: Vec<&str> = problem["errors"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|error| error["field"].as_str())
        .collect();
    assert_eq!(fields, ["message", "mode", "conversation_id", "stream"]);
}

#[tokio::test]
async fn what_is_just_within_the_bounds_is_answered() {
    let server = TestServer::start().await;
    for body in [
        json!({"message": "🙂".repeat(2000)}),
        json!({"message": "a\u{1}b \u{202e}x", "page": "", "version": "", "locale": ""}),
        json!({"message": "a", "mode": null, "context": null, "conversation_id": null, "stream": null}),
        json!({"message": "a", "unknown_field": {"of": ["a newer", "client"]}}),
        json!({"message": "a", "context": "ignored in general mode"}),
    ] {
        assert_eq!(server.try_ask(&body).await.status(), 200, "{body}");
    }
}

#[tokio::test]
async fn only_json_is_read() {
    let server = TestServer::start().await;
    let body = json!({"message": QUESTION, "stream": false}).to_string();
    for content_type in [
        "",
        "content-type: text/plain\r\n",
        "content-type: application/jsonp\r\n",
        "content-type: \r\n",
        "content-type: application/x-www-form-urlencoded\r\n",
        "content-type: multipart/form-data; boundary=x\r\n",
    ] {
        check(&server, content_type, &post(body.as_bytes(), content_type), 415, "application/json").await;
    }
    for content_type in
        ["content-type: application/json; charset=utf-8\r\n", "Content-Type: Application/JSON\r\n"]
    {
        let reply = raw(&server.url, &post(body.as_bytes(), content_type)).await.expect("a reply");
        assert_eq!(reply.status, 200, "{content_type}");
    }
}

#[tokio::test]
async fn bad_paths_queries_and_methods_are_named() {
    let server = TestServer::start().await;
    let unknown = "3f2b8c1e-8a53-4c0e-9d3e-5a1f0c2b7d64";
    for (line, status, word) in [
        ("GET /api/conversation/x", 422, "conversation_id"),
        ("DELETE /api/conversation/x", 422, "conversation_id"),
        ("GET /api/conversation/%00", 422, "conversation_id"),
        ("GET /api/conversation/%FF%FE", 422, "conversation_id"),
        (&format!("GET /api/conversation/{unknown}"), 404, "conversation"),
        ("GET /api/chat/%FF/events", 422, "message_id"),
        ("GET /api/conversation/../../etc/passwd", 404, "nothing here"),
        ("GET /api/search", 422, "q"),
        ("GET /api/search?q=", 422, "q"),
        ("GET /api/search?q=a%00b", 422, "q"),
        (&format!("GET /api/search?q={}", "a".repeat(2001)), 422, "q"),
        ("GET /api/search?q=a&limit=0", 422, "limit"),
        ("GET /api/search?q=a&limit=51", 422, "limit"),
        ("GET /api/search?q=a&limit=99999999999999999999999", 422, "limit"),
        ("GET /api/search?q=a&limit=ten", 422, "limit"),
        (&format!("GET /api/search?q=a&version={}", "v".repeat(65)), 422, "version"),
        ("GET /nowhere", 404, "nothing here"),
        ("PUT /api/chat", 405, "method"),
        ("GET /api/chat", 405, "method"),
        ("POST /api/health", 405, "method"),
        ("DELETE /", 405, "method"),
        ("TRACE /api/chat", 405, "method"),
        ("OPTIONS /api/chat", 405, "method"),
    ] {
        let request = format!("{line} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        check(&server, &line.chars().take(60).collect::<String>(), request.as_bytes(), status, word).await;
    }
    let reply = raw(&server.url, b"PUT /api/chat HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
    assert!(
        reply.expect("a reply").head.to_ascii_lowercase().contains("allow: post"),
        "405 names what is allowed"
    );
}

#[tokio::test]
async fn long_bodies_are_refused_however_they_come() {
    let server = TestServer::start().await;
    let head =
        "POST /api/chat HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nconnection: close\r\n";
    let chunk = format!("4000\r\n{}\r\n", "a".repeat(0x4000));
    let chunked = format!("{head}transfer-encoding: chunked\r\n\r\n{}0\r\n\r\n", chunk.repeat(8));
    check(&server, "chunked", chunked.as_bytes(), 413, "64 KiB").await;
    let announced = format!("{head}content-length: 1000000\r\n\r\n{}", "a".repeat(70_000));
    check(&server, "announced", announced.as_bytes(), 413, "64 KiB").await;
    let chunked =
        "transfer-encoding: chunked\r\n\r\n10\r\n{\"message\":\"How \r\n13\r\nlong is a lever?\"}\r\n";
    check(&server, "a chunk that is cut", format!("{head}{chunked}zz\r\n").as_bytes(), 400, "JSON").await;
}

/// What breaks HTTP itself is refused below our routes, where no problem document can be written.
#[tokio::test]
async fn broken_http_is_refused_and_harms_nobody() {
    let server = TestServer::start().await;
    let long = "a".repeat(1 << 20);
    for (what, request) in [
        ("garbage", "\x16\x03\x01\x02\r\n\r\n".to_owned()),
        ("no version", "GET /\r\n\r\n".into()),
        ("header without colon", "GET / HTTP/1.1\r\nhost x\r\n\r\n".into()),
        ("control character in a header", "GET / HTTP/1.1\r\nhost: x\r\nx-y: a\x01b\r\n\r\n".into()),
        ("bad length", "POST /api/chat HTTP/1.1\r\nhost: x\r\ncontent-length: -5\r\n\r\n".into()),
        (
            "two lengths",
            "POST /api/chat HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nabcdef"
                .into(),
        ),
        ("a header of 1 MiB", format!("GET / HTTP/1.1\r\nhost: x\r\nx-long: {long}\r\n\r\n")),
        ("a path of 1 MiB", format!("GET /{long} HTTP/1.1\r\nhost: x\r\n\r\n")),
        ("10,000 headers", format!("GET / HTTP/1.1\r\nhost: x\r\n{}\r\n", "a: b\r\n".repeat(10_000))),
    ] {
        let status = raw(&server.url, request.as_bytes()).await.map(|reply| reply.status);
        assert!(status.is_none_or(|status| (400..500).contains(&status)), "{what}: {status:?}");
    }
    // Odd but lawful.
    for request in [
        "GET /livez HTTP/1.0\r\n\r\n",
        "GET /livez HTTP/1.1\r\nhost: \r\nconnection: close\r\n\r\n",
        "GET /livez HTTP/1.1\r\nhost: x\r\nx-odd: \u{fc}\u{1f642}\r\nconnection: close\r\n\r\n",
        "GET http://elsewhere.example/livez HTTP/1.1\r\nhost: elsewhere.example\r\nconnection: close\r\n\r\n",
    ] {
        let reply = raw(&server.url, request.as_bytes()).await.expect("a reply");
        assert_eq!(reply.status, 200, "{request:?}");
    }
    let body = json!({"message": QUESTION, "stream": false}).to_string();
    let old = format!(
        "POST /api/chat HTTP/1.0\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    assert_eq!(raw(&server.url, old.as_bytes()).await.expect("a reply").json()["outcome"], "answered");
}
