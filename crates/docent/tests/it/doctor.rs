//! `docent doctor`: a service that is well, then one fault after the other planted by a proxy in front of it, each found by
//! its name; and this machine's own configuration.

use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use docent::doctor::{Examination, Report, Status, examine};
use docent::providers::http_client;
use doubles::{GeminiDouble, NeonDouble, Planned, QdrantDouble};
use futures_util::StreamExt;
use reqwest::Client;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{
    MOTORS, Postgres, Running, Setup, TestServer, docent, eventually, free_port, run, write_book,
};

const SITE: &str = "https://book.example";

/// What the proxy does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    None,
    /// Event streams are collected and sent at once.
    Buffers,
    /// Event streams are compressed.
    Compresses,
    /// Answers break off.
    Cuts,
    /// Answers lose their content type.
    Retypes,
    /// A loading page instead of the service.
    Sleeps,
    /// It never becomes ready.
    Starts,
    /// A part is away.
    Degrades,
    /// Replies with 503 are replaced by a page.
    Decorates,
    /// The health never comes.
    Hangs,
    /// `Origin` does not reach the service.
    DropsOrigin,
    /// `OPTIONS` does not reach the service.
    EatsPreflights,
    /// CORS headers do not reach the browser.
    DropsCors,
    /// Only `/api` is passed on.
    HidesPages,
    /// Another version runs there.
    Ages,
}

#[derive(Clone)]
struct Proxy {
    target: String,
    fault: Fault,
    client: Client,
}

async fn listen(router: Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async { axum::serve(listener, router).await });
    url
}

async fn proxy(target: &str, fault: Fault) -> String {
    let proxy = Proxy { target: target.to_owned(), fault, client: http_client() };
    listen(Router::new().fallback(pass).with_state(proxy)).await
}

async fn pass(State(proxy): State<Proxy>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let path = head.uri.path().to_owned();
    match proxy.fault {
        Fault::Sleeps => return Html("<h1>Your Space is waking up</h1>").into_response(),
        Fault::Starts if path == "/readyz" => {
            return (StatusCode::SERVICE_UNAVAILABLE, "starting\n").into_response();
        }
        Fault::Hangs if path == "/api/health" => std::future::pending().await,
        Fault::Degrades | Fault::Decorates if path == "/api/health" => {
            let health = json!({
                "status": "degraded",
                "failed_services": ["qdrant"],
                "services": {"qdrant": {"status": "disconnected", "error": "404 page not found"}},
                "version": env!("CARGO_PKG_VERSION"),
            });
            let unavailable = StatusCode::SERVICE_UNAVAILABLE;
            return match proxy.fault {
                Fault::Degrades => (unavailable, axum::Json(health)).into_response(),
                _ => (unavailable, Html("<h1>Sorry</h1>")).into_response(),
            };
        }
        Fault::Ages if path == "/api/health" => {
            return axum::Json(json!({"status": "healthy", "services": {}, "version": "0.0.1"}))
                .into_response();
        }
        Fault::EatsPreflights if head.method == Method::OPTIONS => {
            return StatusCode::METHOD_NOT_ALLOWED.into_response();
        }
        Fault::HidesPages if path.starts_with("/docs/") => return StatusCode::NOT_FOUND.into_response(),
        _ => {}
    }
    let bytes = axum::body::to_bytes(body, usize::MAX).await.expect("a small body");
    let address = format!("{}{}", proxy.target, head.uri);
    let mut request = proxy.client.request(head.method.clone(), address).body(bytes);
    for (name, value) in &head.headers {
        if *name != header::HOST && !(proxy.fault == Fault::DropsOrigin && *name == header::ORIGIN) {
            request = request.header(name, value);
        }
    }
    let reply = request.send().await.expect("the service answers");
    let (status, mut headers) = (reply.status(), reply.headers().clone());
    headers.remove(header::CONTENT_LENGTH);
    headers.remove(header::TRANSFER_ENCODING);
    let is_stream = headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"));
    if proxy.fault == Fault::DropsCors {
        headers.remove(header::ACCESS_CONTROL_ALLOW_ORIGIN);
    }
    if is_stream && proxy.fault == Fault::Compresses {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    if is_stream && path == "/api/chat" && proxy.fault == Fault::Retypes {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    }
    let body = match proxy.fault {
        Fault::Buffers => Body::from(reply.bytes().await.expect("a whole body")),
        Fault::Cuts if is_stream && path == "/api/chat" => {
            let whole = reply.bytes().await.expect("a whole body");
            let half = whole.slice(..whole.len() / 2);
            let cut = std::io::Error::other("cut as planned");
            Body::from_stream(futures_util::stream::iter([Ok::<Bytes, std::io::Error>(half), Err(cut)]))
        }
        _ => Body::from_stream(reply.bytes_stream().map(|bytes| bytes.map_err(std::io::Error::other))),
    };
    (status, headers, body).into_response()
}

/// The book's site: every page is there, with the anchors of the motors book.
async fn site(status: u16, anchors: &'static [&'static str]) -> String {
    let page: String = anchors.iter().map(|anchor| format!("<h2 id=\"{anchor}\">Text</h2>")).collect();
    let status = StatusCode::from_u16(status).expect("a status");
    listen(Router::new().fallback(move || std::future::ready((status, Html(page))))).await
}

/// The site of the motors book, with every page and anchor.
pub async fn site_of_the_book() -> String {
    site(200, ANCHORS).await
}

const ANCHORS: &[&str] = &["motors", "torque", "speed", "wheels", "tyres", "bearings"];

async fn service(site: &str) -> TestServer {
    Setup::new().with("ALLOWED_ORIGINS", SITE).with("DOCENT_ADDRESS_LIMIT", "0").site(site).start().await
}

async fn look(url: &str, origin: &str) -> Report {
    let examination = Examination {
        url: url.to_owned(),
        origin: Some(origin.to_owned()),
        question: None,
        patience: Duration::ZERO,
        limit: Duration::from_secs(20),
    };
    examine(&examination, |_| {}).await
}

/// The checks that are not well, each once, with `?` behind warnings.
fn unwell(report: &Report) -> String {
    let mut names: Vec<String> = report
        .findings
        .iter()
        .filter_map(|finding| match finding.status {
            Status::Failed => Some(finding.check.to_owned()),
            Status::Warning => Some(format!("{}?", finding.check)),
            _ => None,
        })
        .collect();
    names.dedup();
    for finding in report.findings.iter().filter(|finding| finding.status == Status::Failed) {
        assert!(finding.remedy.is_some(), "{finding:?} has no remedy");
    }
    names.join(" ")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_is_well_passes() {
    let service = service(&site(200, ANCHORS).await).await;
    let url = proxy(&service.url, Fault::None).await;
    let report = look(&url, SITE).await;
    assert_eq!(unwell(&report), "", "{report:#?}");
    assert!(report.healthy);
    let checks: Vec<&str> = report.findings.iter().map(|finding| finding.check).collect();
    let expected = [
        "reach",
        "ready",
        "cold-start",
        "health",
        "version",
        "streaming",
        "answer",
        "citation",
        "preflight",
        "origin",
        "foreign-origin",
        "swagger",
    ];
    assert_eq!(checks, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_planted_fault_is_found_by_its_name() {
    let service = service(&site(200, ANCHORS).await).await;
    let cases = [
        (Fault::Buffers, "streaming"),
        (Fault::Compresses, "streaming answer"),
        (Fault::Cuts, "answer"),
        (Fault::Retypes, "answer"),
        (Fault::Sleeps, "ready"),
        (Fault::Starts, "ready"),
        (Fault::Degrades, "health"),
        (Fault::Decorates, "health"),
        (Fault::DropsOrigin, "preflight origin foreign-origin"),
        (Fault::EatsPreflights, "preflight"),
        (Fault::DropsCors, "preflight origin"),
        (Fault::HidesPages, "swagger"),
        (Fault::Ages, "version?"),
    ];
    for (fault, expected) in cases {
        let url = proxy(&service.url, fault).await;
        let report = look(&url, SITE).await;
        assert_eq!(unwell(&report), expected, "{fault:?}: {report:#?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn faults_of_the_configuration_and_the_site_are_found() {
    let well = service(&site(200, ANCHORS).await).await;
    let report = look(&well.url, "https://other.example/").await;
    assert_eq!(unwell(&report), "preflight origin");
    assert!(format!("{report:?}").contains("add https://other.example to ALLOWED_ORIGINS"), "{report:#?}");

    for (status, anchors, expected) in
        [(404, ANCHORS, "citation"), (200, &["other"][..], "citation"), (401, ANCHORS, "citation?")]
    {
        let service = service(&site(status, anchors).await).await;
        let report = look(&service.url, SITE).await;
        assert_eq!(unwell(&report), expected, "{status}: {report:#?}");
    }
    let no_site = Setup::new().with("ALLOWED_ORIGINS", SITE).start().await;
    let report = look(&no_site.url, SITE).await;
    assert!(unwell(&report) == "citation" && format!("{report:?}").contains("without a site"), "{report:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hanging_part_and_a_closed_port_end_the_waiting() {
    let service = service(&site(200, ANCHORS).await).await;
    let url = proxy(&service.url, Fault::Hangs).await;
    let examination = Examination {
        url: url.clone(),
        origin: None,
        question: Some("How is the torque of a motor measured?".to_owned()),
        patience: Duration::ZERO,
        limit: Duration::from_secs(5),
    };
    assert_eq!(unwell(&examine(&examination, |_| {}).await), "health");
    let closed =
        tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port").local_addr().expect("an address");
    let report = look(&format!("http://{closed}"), SITE).await;
    assert_eq!(unwell(&report), "reach");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_prints_findings_and_ends_with_1_when_one_failed() {
    let service = service(&site(200, ANCHORS).await).await;
    let folder = TempDir::new().expect("a folder");
    let said = |words: &[&str]| {
        let mut command = docent(folder.path());
        command.arg("doctor").args(words);
        tokio::task::spawn_blocking(move || run(&mut command))
    };
    let output = said(&[&service.url, "--origin", SITE, "--wait", "0"]).await.expect("no panic");
    assert_eq!(output.code, Some(0), "{}{}", output.stdout, output.stderr);
    assert!(output.stdout.contains("ok    streaming"), "{}", output.stdout);

    let output = said(&[&service.url, "--origin", "https://other.example", "--wait", "0", "--json"])
        .await
        .expect("no panic");
    assert_eq!(output.code, Some(1), "{}", output.stderr);
    let report: Value = serde_json::from_str(&output.stdout).expect("JSON");
    assert_eq!(report["healthy"], false);
    let failed =
        report["findings"].as_array().into_iter().flatten().filter(|finding| finding["status"] == "failed");
    assert_eq!(failed.map(|finding| finding["check"].clone()).collect::<Vec<_>>(), ["preflight", "origin"]);
}

/// The findings of one check on this machine, as `status detail → remedy`.
fn found(report: &Value, check: &str) -> Vec<String> {
    let findings = report["findings"].as_array().into_iter().flatten();
    let text = |finding: &Value, key: &str| finding[key].as_str().unwrap_or_default().to_owned();
    findings
        .filter(|finding| finding["check"] == check)
        .map(|finding| {
            let remedy = text(finding, "remedy");
            assert_eq!(remedy.is_empty(), finding["status"] == "ok", "{finding}");
            format!("{} {} → {remedy}", text(finding, "status"), text(finding, "detail"))
        })
        .collect()
}

async fn local_report(folder: &TempDir, settings: &[(&str, &str)]) -> Value {
    let mut command = docent(folder.path());
    command.args(["doctor", "--json"]).envs(settings.iter().copied());
    let output = tokio::task::spawn_blocking(move || run(&mut command)).await.expect("no panic");
    for (_, value) in settings {
        assert!(
            value.len() < 12 || !value.contains("key") || !output.stdout.contains(value),
            "{value} is shown"
        );
    }
    serde_json::from_str(&output.stdout).expect("JSON")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn qdrant_is_examined_from_this_machine() {
    let qdrant = QdrantDouble::start().await;
    let folder = TempDir::new().expect("a folder");
    write_book(&folder.path().join("book"), MOTORS);
    let address = qdrant.base_url();
    let here =
        [("QDRANT_URL", address.as_str()), ("QDRANT_API_KEY", qdrant.key()), ("DOCENT_EMBEDDER", "local")];
    let check = async |settings: &[(&str, &str)], words: &[&str]| {
        let report = local_report(&folder, settings).await;
        let found = found(&report, "qdrant");
        assert_eq!(found.len(), 1, "{report:#}");
        for word in words {
            assert!(found[0].contains(word), "'{word}' is not in: {}", found[0]);
        }
    };
    check(&here, &["warning", "version 1.19", "has no collection", "docent ingest BOOK"]).await;
    let ingested = run(docent(folder.path()).args(["ingest", "book"]).envs(here));
    assert_eq!(ingested.code, Some(0), "{}", ingested.stderr);
    check(&here, &["ok", "with 6 points", "vectors of local:", "(384 values)", " ms"]).await;
    let mut other = here;
    other[2].1 = "none";
    check(&other, &["ok", "with 6 points"]).await;
    let gemini = GeminiDouble::start().await;
    let base = gemini.base_url();
    let with_gemini = [
        here[0],
        here[1],
        ("DOCENT_EMBEDDER", "gemini"),
        ("GEMINI_API_KEY", gemini.key()),
        ("DOCENT_GEMINI_BASE_URL", base.as_str()),
    ];
    check(&with_gemini, &["warning", "(384 values)", "(768 values)", "docent ingest BOOK"]).await;

    for (fault, words) in [
        (doubles::Fault::BadKey, &["failed", "QDRANT_API_KEY", "make a new key"][..]),
        (doubles::Fault::Suspended, &["failed", "suspended", "console"]),
        (doubles::Fault::Status { code: 503 }, &["failed", "unavailable"]),
    ] {
        qdrant.plan(Planned::new(fault).always());
        check(&here, words).await;
        qdrant.control().reset();
    }
    qdrant.refuse_connections();
    check(&here, &["failed", "cannot connect"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_is_examined_from_this_machine() {
    let Some(postgres) = Postgres::shared().await else { return };
    let (database, url) = postgres.database().await;
    let folder = TempDir::new().expect("a folder");
    write_book(&folder.path().join("book"), MOTORS);
    assert_eq!(run(docent(folder.path()).args(["ingest", "book"])).code, Some(0));
    let check = async |url: &str, words: &[&str]| {
        let report = local_report(&folder, &[("DATABASE_URL", url)]).await;
        let found = found(&report, "postgres");
        assert_eq!(found.len(), 1, "{report:#}");
        for word in words {
            assert!(found[0].contains(word), "'{word}' is not in: {}", found[0]);
        }
        assert!(!report.to_string().contains("p@ss") && !report.to_string().contains("p%40ss"), "{report}");
        report
    };
    let ok = ["ok", "reached directly over tcp, without TLS", "not made yet", " ms"];
    let report = check(&url, &ok).await;
    assert_eq!(found(&report, "outbox"), ["ok nothing waits for the database → "]);
    assert_eq!(postgres.contents(&database).await.len(), 0, "nothing is made");

    let mut server = Running::start(docent(folder.path()).arg("serve").env("DATABASE_URL", &url));
    let address = server.url();
    let body = json!({"message": crate::support::QUESTION, "stream": false});
    http_client().post(format!("{address}/api/chat")).json(&body).send().await.expect("a reply");
    eventually("the tables", || async { (postgres.contents(&database).await.len() == 2).then_some(()) })
        .await;
    check(&url, &["ok", "its tables are there"]).await;
    drop(server);

    if postgres.tls {
        let tls = url.replace("127.0.0.1", "localhost");
        let tls = format!("{tls}?sslmode=require&sslrootcert={}", postgres.authority().display());
        check(&tls, &["ok", "TLS with a verified certificate"]).await;
        check(&format!("{url}?sslmode=require"), &["failed", "certificate is not trusted", "sslrootcert"])
            .await;
    }
    check(&url.replace("p%40ss", "wrong"), &["failed", "check user and password in DATABASE_URL"]).await;
    check(&url.replace(&database, "nowhere"), &["failed", "check the name of the database"]).await;
    let closed = url.replace(&postgres.port.to_string(), &free_port().to_string());
    check(&closed, &["failed", "cannot connect to 127.0.0.1:", "port 5432"]).await;
    let strange = postgres.database().await;
    postgres
        .execute(
            &strange.0,
            "REVOKE CREATE ON SCHEMA public FROM PUBLIC; ALTER SCHEMA public OWNER TO postgres",
        )
        .await;
    check(&strange.1, &["failed", "GRANT CREATE"]).await;

    // What a service could not deliver is counted, and left as it is.
    let mut server = Running::start(docent(folder.path()).arg("serve").env("DATABASE_URL", &closed));
    let address = server.url();
    http_client().post(format!("{address}/api/chat")).json(&body).send().await.expect("a reply");
    for _ in 0..2 {
        let report = check(&closed, &["failed"]).await;
        let outbox = found(&report, "outbox");
        assert!(outbox[0].starts_with("warning 2 records wait in "), "{outbox:?}");
    }
}

/// Neon by its pooled and its direct address, over SQL over HTTPS: the double stands in front of a real Postgres.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pooled_address_and_sql_over_https_are_named_as_such() {
    let Some(postgres) = Postgres::shared().await else { return };
    let double = NeonDouble::start("127.0.0.1", postgres.port).await.expect("a double");
    let (database, url) = postgres.database().await;
    let folder = TempDir::new().expect("a folder");
    let address = double.address();
    let place = format!("127.0.0.1:{}", postgres.port);
    let neon = |host: &str| url.replace(&place, host);
    let pooled = neon("ep-cool-a1b2-pooler.c-2.us-east-2.aws.neon.tech");
    let direct = neon("ep-cool-a1b2.us-east-2.aws.neon.tech");
    let closed = url.replace(&postgres.port.to_string(), &free_port().to_string());
    let check = async |url: &str, transport: &str, words: &[&str]| {
        let settings = [
            ("DATABASE_URL", url),
            ("DOCENT_POSTGRES_TRANSPORT", transport),
            ("DOCENT_POSTGRES_HTTPS_URL", address.as_str()),
        ];
        let report = local_report(&folder, &settings).await;
        let found = found(&report, "postgres");
        assert_eq!(found.len(), 1, "{report:#}");
        for word in words {
            assert!(found[0].contains(word), "'{word}' is not in: {}", found[0]);
        }
        assert!(!report.to_string().contains("p@ss") && !report.to_string().contains("p%40ss"), "{report}");
    };
    let tables = "its tables are not made yet";
    check(&pooled, "https", &["ok", "-pooler.c-2.", "reached through the pooler over https", "TLS", tables])
        .await;
    check(&direct, "https", &["ok", "reached directly over https", "TLS", tables]).await;
    check(&url, "auto", &["ok", "reached directly over tcp", tables]).await;
    check(&closed, "auto", &["ok", "reached directly over https", tables]).await;
    check(&closed, "tcp", &["failed", "cannot connect to 127.0.0.1:", "the way to port 5432"]).await;
    check(
        &pooled.replace("p%40ss", "wrong"),
        "https",
        &["failed", "check user and password in DATABASE_URL"],
    )
    .await;
    assert_eq!(postgres.contents(&database).await.len(), 0, "nothing is made");
    for (message, remedy) in [
        ("Your project has exceeded the compute time quota.", "quota"),
        ("The endpoint has been disabled. Enable it using Neon API and retry.", "console"),
        ("The requested endpoint could not be found, or you don't have access to it.", "DATABASE_URL"),
    ] {
        double.refuse_next(8, "XX000", message);
        check(&pooled, "https", &["failed", remedy]).await;
        double.refuse_none();
    }
}

#[test]
fn this_machine_is_examined_without_a_url() {
    let folder = TempDir::new().expect("a folder");
    write_book(&folder.path().join("book"), MOTORS);
    let check = |words: &str, settings: &[(&str, &str)]| {
        let output = run(docent(folder.path()).args(["doctor", "--json"]).envs(settings.iter().copied()));
        let report: Value = serde_json::from_str(&output.stdout).expect("JSON");
        let findings: Vec<String> = report["findings"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|finding| finding["status"] != "ok")
            .map(|finding| {
                let text = |key: &str| finding[key].as_str().unwrap_or_default().to_owned();
                assert!(!text("remedy").is_empty(), "{finding}");
                format!("{} {}", text("check"), text("status"))
            })
            .collect();
        assert_eq!(findings.join(", "), words, "{report:#}");
        assert_eq!(output.code, Some(i32::from(words.contains("failed"))), "{}", output.stderr);
    };
    check("index warning", &[]);
    assert_eq!(run(docent(folder.path()).args(["ingest", "book"])).code, Some(0));
    check("", &[]);
    check("index warning", &[("DOCENT_EMBEDDER", "local")]);
    check("configuration failed, configuration failed", &[("PORT", "http"), ("ALLOWED_ORIGINS", "*")]);
    check("data-folder failed, index warning", &[("DOCENT_DATA_DIR", "/dev/null/x")]);
    std::fs::write(folder.path().join(".docent/index.docent"), "torn").expect("written");
    check("index failed", &[]);
    check(
        "index failed, model failed",
        &[
            ("GEMINI_API_KEY", "AQ.x"),
            ("DOCENT_GEMINI_BASE_URL", "http://127.0.0.1:9"),
            ("GEMINI_MODEL", "gemini-3.5-flash-lite"),
        ],
    );
}
