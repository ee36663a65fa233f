//! Everything beside asking: health in each phase, the chat page, the API's description.

use reqwest::header::ACCEPT;
use serde_json::{Value, json};

use crate::support::{QUESTION, Setup, TestServer};

async fn status_and_body(server: &TestServer, path: &str) -> (u16, String) {
    let reply = server.get(path).send().await.expect("a reply");
    (reply.status().as_u16(), reply.text().await.expect("a body"))
}

#[tokio::test]
async fn a_server_that_starts_says_so_in_json() {
    let server = Setup::new().start_without_parts().await;
    assert_eq!(status_and_body(&server, "/livez").await, (200, "ok\n".into()));
    assert_eq!(status_and_body(&server, "/readyz").await.0, 503);
    let (status, body) = status_and_body(&server, "/api/health").await;
    let health: Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!((status, health["status"].as_str()), (503, Some("starting")));
    assert!(health["message"].is_string() && health["timestamp"].is_string());
    for path in ["/api/search?q=x", "/api/conversation/3f2b8c1e-8a53-4c0e-9d3e-5a1f0c2b7d64"] {
        assert_eq!(status_and_body(&server, path).await.0, 503, "{path}");
    }
    let reply = server.try_ask(&json!({"message": QUESTION})).await;
    assert_eq!(reply.status(), 503);
    assert_eq!(reply.headers()["content-type"], "application/problem+json");
    assert_eq!(reply.headers()["retry-after"], "1");
    let problem: Value = reply.json().await.expect("a problem");
    assert_eq!(problem["code"], "starting");
    assert_eq!(status_and_body(&server, "/").await.0, 200, "the page is there and waits");
}

#[tokio::test]
async fn a_ready_server_is_healthy_and_names_its_parts() {
    let server = TestServer::start().await;
    assert_eq!(status_and_body(&server, "/readyz").await, (200, "ok\n".into()));
    let (status, body) = status_and_body(&server, "/api/health").await;
    let health: Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!((status, health["status"].as_str()), (200, Some("healthy")));
    assert_eq!(health["services"]["api"], "ok");
    assert!(health["services"]["index"]["chunks"].as_u64() > Some(0));
    for service in ["qdrant", "postgres", "gemini"] {
        assert!(health["services"][service]["status"].is_string(), "{service}");
    }
    assert!(health.get("failed_services").is_none());
    assert!(health["version"].is_string());
}

#[tokio::test]
async fn a_server_that_stops_takes_no_questions() {
    let server = TestServer::start().await;
    let answer = server.ask(&json!({"message": QUESTION})).await;
    server.app.stop();
    let reply = server.try_ask(&json!({"message": QUESTION})).await;
    assert_eq!(reply.status(), 503);
    assert_eq!(reply.json::<Value>().await.expect("a problem")["code"], "stopping");
    assert_eq!(status_and_body(&server, "/readyz").await.0, 503);
    assert_eq!(status_and_body(&server, "/livez").await.0, 200);
    assert_eq!(status_and_body(&server, "/api/health").await.0, 503);
    let rest = status_and_body(&server, &format!("/api/chat/{}/events", answer.message())).await;
    assert_eq!(rest, (200, answer.raw), "what was begun can still be read");
}

#[tokio::test]
async fn the_root_is_a_page_for_people_and_json_for_programs() {
    let title = "Levers & <Motors>";
    let config = format!("title = \"{title}\"\n");
    let server = Setup::new()
        .book(&[("docs/a.md", "# A\n\nText about levers.\n"), ("book.toml", ""), ("notes.txt", &config)])
        .start()
        .await;
    let reply =
        server.get("/").header(ACCEPT, "text/html,application/xhtml+xml").send().await.expect("a reply");
    assert_eq!(reply.headers()["content-type"], "text/html; charset=utf-8");
    assert!(
        reply.headers()["content-security-policy"].to_str().expect("words").contains("default-src 'none'")
    );
    let html = reply.text().await.expect("a page");
    assert!(html.starts_with("<!doctype html>") && !html.contains("{{"));
    // Every file of ours that the page names is there, and is kept for good under the name that the page gives it.
    let files: Vec<&str> =
        html.split(['"', '\'']).filter(|piece| piece.contains(".js") || piece.contains(".css")).collect();
    assert_eq!(files.len(), 3, "{files:?}");
    for file in files {
        let reply = server.get(&format!("/{file}")).send().await.expect("a reply");
        assert_eq!(reply.status(), 200, "{file}");
        assert_eq!(reply.headers()["cache-control"], "public, max-age=31536000, immutable", "{file}");
    }
    let reply = server.get("/").header(ACCEPT, "application/json").send().await.expect("a reply");
    let json: Value = reply.json().await.expect("JSON");
    assert_eq!(json["docs"], "/docs");
    assert!(json["message"].is_string());
}

const LONG: &str = "A lever lifts a stone with little force. ";

/// The topics that the chat page of a book of such pages carries.
async fn topics(pages: &[(&str, String)]) -> Vec<String> {
    let files: Vec<(&str, &str)> = pages.iter().map(|(path, text)| (*path, text.as_str())).collect();
    let server = Setup::new().book(&files).start().await;
    let (_, html) = status_and_body(&server, "/").await;
    let (_, rest) = html.split_once("docent-topics\" content=\"").expect("topics");
    let (list, _) = rest.split_once('"').expect("an end");
    serde_json::from_str(&list.replace("&quot;", "\"").replace("&#39;", "'")).expect("JSON")
}

#[tokio::test]
async fn the_chat_page_knows_what_the_book_speaks_of() {
    let page = |title: &str, rest: &str| format!("# {title}\n\n{}\n\n{rest}\n", LONG.repeat(10));
    let titled = topics(&[
        ("docs/1.md", page("Levers", "")),
        ("docs/2.md", "# Links\n\nA short page.\n".into()),
        ("docs/3.md", page("Motors \"fast\"", "## What turns them?\n\nCurrent.")),
        ("docs/4.md", page("Levers", "")),
    ])
    .await;
    assert_eq!(
        titled,
        ["Levers", "What turns them?"],
        "no short page, no page twice, a question before a title"
    );
    let many: Vec<(String, String)> =
        (10..30).map(|n| (format!("docs/{n}.md"), page(&format!("Page {n}"), ""))).collect();
    let many: Vec<(&str, String)> = many.iter().map(|(path, text)| (path.as_str(), text.clone())).collect();
    assert_eq!(topics(&many).await, ["Page 12", "Page 17", "Page 22", "Page 27"], "spread over the book");
    assert!(topics(&[("docs/a.md", "# A\n\nWords.\n".into())]).await.is_empty());
}

#[tokio::test]
async fn the_widget_is_sent_compressed_and_kept_by_browsers() {
    let server = TestServer::start().await;
    let get = async |path: &str, headers: &[(&'static str, &str)]| {
        let request =
            headers.iter().fold(server.get(path), |request, (name, value)| request.header(*name, *value));
        request.send().await.expect("a reply")
    };
    let reply = get("/widget.js", &[]).await;
    assert!(reply.headers().get("content-encoding").is_none());
    assert_eq!(reply.headers()["content-type"], "text/javascript; charset=utf-8");
    assert_eq!(reply.headers()["cross-origin-resource-policy"], "cross-origin");
    assert_eq!(reply.headers()["cache-control"], "public, max-age=3600, stale-while-revalidate=86400");
    let etag = reply.headers()["etag"].to_str().expect("words").to_owned();
    let plain = reply.bytes().await.expect("the script");

    for (accepts, coding) in [
        ("gzip, deflate, br;q=1", "br"),
        ("br;q=0, gzip;q=0.8", "gzip"),
        ("GZIP", "gzip"),
        ("gzip;q=0", ""),
        ("gzip; q=0.0, br;q=0", ""),
        ("zstd", ""),
    ] {
        let reply = get("/widget.js", &[("accept-encoding", accepts)]).await;
        assert_eq!(
            reply.headers().get("content-encoding").map_or("", |value| value.to_str().expect("a word")),
            coding,
            "{accepts}"
        );
        assert_eq!(reply.headers()["vary"], "accept-encoding");
        let bytes = reply.bytes().await.expect("the script");
        assert_eq!(bytes == plain, coding.is_empty());
        assert!(
            coding.is_empty() || bytes.len() * 2 < plain.len(),
            "{} of {} bytes",
            bytes.len(),
            plain.len()
        );
    }

    let again = get("/widget.js", &[("if-none-match", &format!("\"other\", {etag}"))]).await;
    assert_eq!(again.status(), 304);
    assert_eq!(again.headers()["etag"], etag.as_str());
    assert!(again.bytes().await.expect("nothing").is_empty());
    let version = etag.trim_matches(['W', '/', '"']);
    let kept = |reply: reqwest::Response| {
        reply.headers()["cache-control"].to_str().expect("words").contains("immutable")
    };
    assert!(kept(get(&format!("/widget.js?v={version}"), &[]).await));
    assert!(!kept(get("/widget.js?v=0123456789abcdef", &[]).await), "another version is not kept for good");

    // The widget names the version of its languages; what it asks for is kept for good.
    let script = String::from_utf8(plain.to_vec()).expect("text");
    let (_, rest) = script.split_once(".json?v=").expect("the widget asks for languages by their version");
    let languages: String = rest.chars().take_while(char::is_ascii_alphanumeric).collect();
    for language in ["ar", "de", "en", "es", "fr", "ja", "ur", "zh"] {
        let path = format!("/widget.{language}.json?v={languages}");
        let reply = get(&path, &[]).await;
        assert_eq!(reply.headers()["content-type"], "application/json");
        assert_eq!(reply.headers()["cross-origin-resource-policy"], "cross-origin");
        let words: Vec<String> = reply.json().await.expect("a list of words");
        assert!(words.iter().all(|word| !word.is_empty()), "{words:?}");
        for coding in ["br", "gzip"] {
            let reply = get(&path, &[("accept-encoding", coding)]).await;
            assert_eq!(reply.headers()["content-encoding"], coding);
            assert!(kept(reply));
        }
        assert!(!kept(get(&format!("/widget.{language}.json"), &[]).await));
        assert!(!kept(get(&format!("/widget.{language}.json?v=0123456789abcdef"), &[]).await));
    }
    assert_eq!(get("/widget.xx.json", &[]).await.status(), 404);
}

/// The first bytes of what `/widget.js` sends, and of each language's end: what is packed is joined from two parts.
const WIDGET_HEAD: &str = include_str!("../../assets/widget/head.js");

#[tokio::test]
async fn the_widget_carries_the_language_that_is_asked_for_else_the_books() {
    let german: &[(&str, &str)] = &[
        ("docusaurus.config.js", "module.exports = {i18n: {defaultLocale: 'de', locales: ['de']}};"),
        ("docs/motoren.md", "# Motoren\n\nDas Drehmoment eines Motors misst man in Newtonmetern.\n"),
    ];
    let (english, german) = (TestServer::start().await, Setup::new().book(german).start().await);
    let ask = async |server: &TestServer, query: &str, coding: &str| {
        let request = server.get(&format!("/widget.js{query}")).header("accept-encoding", coding);
        request.send().await.expect("a reply")
    };
    let text = async |server: &TestServer, query: &str| {
        ask(server, query, "identity").await.text().await.expect("the script")
    };
    let cases = [
        (&english, "", "en"),
        (&german, "", "de"),
        (&german, "?lang=ja", "ja"),
        (&english, "?lang=DE-at", "de"),
        (&german, "?lang=en", "en"),
        (&german, "?lang=xx", "de"),
        (&english, "?lang=", "en"),
        (&english, "?v=1&lang=ur", "ur"),
    ];
    let mut tags = std::collections::HashMap::new();
    for (server, query, language) in cases {
        let script = text(server, query).await;
        let words = script.strip_prefix(WIDGET_HEAD).expect("the same program");
        assert!(words.starts_with(&format!("[\"{language}\",\"")), "{query}: {words}");
        let tag = ask(server, query, "identity").await.headers()["etag"].clone();
        assert_eq!(tags.entry(language).or_insert(tag.clone()), &tag, "{query}: one version a language");
        for coding in ["br", "gzip"] {
            let reply = ask(server, query, coding).await;
            assert_eq!(reply.headers()["content-encoding"], coding, "{query}");
            let length = reply.bytes().await.expect("the script").len();
            assert!(length <= 14_336, "{query}, {coding}: {length} bytes");
        }
        let request = server.get(&format!("/widget.js{query}")).header("if-none-match", tag);
        assert_eq!(request.send().await.expect("a reply").status(), 304, "{query}");
    }
    assert_eq!(tags.values().collect::<std::collections::HashSet<_>>().len(), 4);
    // Another language's version is not this one's.
    let version = tags["de"].to_str().expect("words").trim_matches(['W', '/', '"']).to_owned();
    for (query, kept) in [(format!("?lang=de&v={version}"), true), (format!("?lang=ja&v={version}"), false)] {
        let reply = ask(&english, &query, "br").await;
        assert_eq!(reply.headers()["cache-control"].to_str().is_ok_and(|it| it.contains("immutable")), kept);
    }
    // The chat page speaks the reader's language and loads the script that does.
    for (reader, named) in
        [("ja-JP,ja;q=0.9", "lang=ja&amp;v="), ("it", "widget.js?v="), ("de", "widget.js?v=")]
    {
        let html = german.get("/").header("accept-language", reader).send().await.expect("a page");
        assert_eq!(html.headers()["vary"], "accept, accept-language");
        assert!(html.text().await.expect("text").contains(named), "{reader}");
    }
}

#[tokio::test]
async fn the_api_describes_itself_from_our_own_files() {
    let server = TestServer::start().await;
    let (status, html) = status_and_body(&server, "/docs").await;
    assert_eq!(status, 200);
    assert!(!html.contains("http://") && !html.contains("https://"), "no foreign file: {html}");
    for path in ["/docs/swagger-ui.css", "/docs/swagger-ui-bundle.js", "/docs/start.js"] {
        assert_eq!(server.get(path).send().await.expect("a reply").status(), 200, "{path}");
    }
    let (_, body) = status_and_body(&server, "/openapi.json").await;
    let document: Value = serde_json::from_str(&body).expect("JSON");
    assert!(document["openapi"].as_str().is_some_and(|version| version.starts_with("3.1")));
    for path in
        ["/api/chat", "/api/chat/{message_id}/events", "/api/conversation/{conversation_id}", "/api/search"]
    {
        assert!(document["paths"][path].is_object(), "{path}");
    }
}

/// `protocol/openapi.json` is what reviewers and other programs read; `docent openapi` prints the current one.
#[test]
fn the_described_api_is_the_one_in_protocol() {
    let document = serde_json::to_string_pretty(&docent::http::openapi_document()).expect("JSON") + "\n";
    crate::goldens::check_file("openapi.json", &document);
}

#[tokio::test]
async fn search_gives_hits_with_their_reasons() {
    let server = TestServer::start().await;
    let (status, body) = status_and_body(&server, "/api/search?q=wet%20concrete&limit=1").await;
    let found: Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!(status, 200);
    assert_eq!(found["query"], "wet concrete");
    let [hit] = found["hits"].as_array().expect("a list").as_slice() else { panic!("one hit: {body}") };
    assert_eq!(hit["file"], "docs/wheels.md");
    assert_eq!(hit["href"], "/docs/wheels#tyres");
    assert!(hit["lexical"]["body"].as_f64() > Some(0.0));
    let content = hit["content"].as_str().expect("text");
    let marked: Vec<&str> = hit["highlights"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|range| content.get(range[0].as_u64()? as usize..range[1].as_u64()? as usize))
        .collect();
    assert_eq!(marked, ["wet", "concrete"]);
}
