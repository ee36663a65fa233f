//! Which sites may ask. The server enforces its list itself: a browser is not relied upon.

use doubles::GeminiDouble;
use reqwest::{Method, Response};
use serde_json::json;

use crate::support::{QUESTION, Setup, TestServer};

const LISTED: &str = "https://book.example";

async fn server() -> TestServer {
    Setup::new().with("ALLOWED_ORIGINS", "https://book.example, https://app-*-team.vercel.app").start().await
}

async fn ask_from(server: &TestServer, origin: &str) -> Response {
    let body = json!({"message": QUESTION, "stream": false});
    server.post("/api/chat", &body).header("origin", origin).send().await.expect("a reply")
}

#[tokio::test]
async fn listed_sites_may_ask_and_read_the_answer() {
    let server = server().await;
    for origin in [LISTED, "https://app-git-main-team.vercel.app"] {
        let reply = ask_from(&server, origin).await;
        assert_eq!(reply.status(), 200, "{origin}");
        assert_eq!(reply.headers()["access-control-allow-origin"], origin);
        assert_eq!(reply.headers()["access-control-allow-credentials"], "true");
        assert!(reply.headers().get_all("vary").iter().any(|vary| vary == "origin"));
    }
}

#[tokio::test]
async fn other_sites_are_refused_before_any_work() {
    let gemini = GeminiDouble::start().await;
    let server = Setup::new().gemini(&gemini).with("ALLOWED_ORIGINS", LISTED).start().await;
    for origin in [
        "https://evil.example",
        "null",
        "http://book.example",
        "https://book.example.evil.example",
        "garbage",
    ] {
        let reply = ask_from(&server, origin).await;
        assert_eq!(reply.status(), 403, "{origin}");
        assert!(reply.headers().get("access-control-allow-origin").is_none(), "{origin}");
        let body: serde_json::Value = reply.json().await.expect("a problem");
        assert_eq!(body["code"], "origin_not_allowed");
    }
    assert_eq!(gemini.requests().len(), 0);
    // Reading and forgetting are refused as well.
    let own = server.ask(&json!({"message": QUESTION})).await;
    let path = format!("/api/conversation/{}", own.conversation());
    for method in [Method::GET, Method::DELETE] {
        let request = server.client.request(method, format!("{}{path}", server.url));
        let reply = request.header("origin", "https://evil.example").send().await.expect("a reply");
        assert_eq!(reply.status(), 403);
    }
    assert_eq!(server.messages(&own.conversation()).await.len(), 2);
}

#[tokio::test]
async fn preflights_are_answered_for_listed_sites_only() {
    let server = server().await;
    for (origin, status) in [(LISTED, 204), ("https://evil.example", 403), ("null", 403)] {
        let request = server.client.request(Method::OPTIONS, format!("{}/api/chat", server.url));
        let reply = request
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "content-type")
            .send()
            .await
            .expect("a reply");
        assert_eq!(reply.status(), status, "{origin}");
        let allowed = reply.headers().get("access-control-allow-headers");
        assert_eq!(allowed.is_some(), status == 204);
        if let Some(allowed) = allowed {
            let allowed = allowed.to_str().expect("words");
            assert!(allowed.contains("content-type") && allowed.contains("last-event-id"));
            let methods = reply.headers()["access-control-allow-methods"].to_str().expect("words");
            assert!(methods.contains("POST") && methods.contains("DELETE"));
        }
    }
}

#[tokio::test]
async fn the_page_that_we_serve_may_always_ask() {
    let server = server().await;
    assert_eq!(ask_from(&server, &server.url).await.status(), 200);
    // The same host by another scheme, as behind an edge that ends TLS.
    let behind_tls = server.url.replace("http://", "https://");
    assert_eq!(ask_from(&server, &behind_tls).await.status(), 200);
    assert_eq!(server.try_ask(&json!({"message": QUESTION})).await.status(), 200, "no page at all");
}
