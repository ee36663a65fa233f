//! Health tells how outside services were when they were last used, in the shape and with the codes of the earlier
//! service; it calls nobody by itself and shows no secret.

use std::time::Duration;

use docent::conversations::Conversations;
use doubles::{Fault, GeminiDouble, Operation, Planned, QdrantDouble, Quota};
use serde_json::{Value, json};

use crate::support::{QUESTION, Setup, TestServer, eventually, free_port};

const TOKEN: &str = "an-admin-token-of-a-test";

async fn health(server: &TestServer) -> (u16, Value) {
    read(server.get("/api/health")).await
}

async fn probed(server: &TestServer) -> (u16, Value) {
    read(server.get("/api/health?probe=1").bearer_auth(TOKEN)).await
}

async fn read(request: reqwest::RequestBuilder) -> (u16, Value) {
    let reply = request.send().await.expect("a reply");
    (reply.status().as_u16(), reply.json().await.expect("JSON"))
}

#[tokio::test]
async fn what_is_not_configured_says_what_stands_in() {
    let server = TestServer::start().await;
    let (code, body) = health(&server).await;
    assert_eq!((code, &body["status"]), (200, &json!("healthy")));
    assert!(body.get("failed_services").is_none() && body["services"].get("openai").is_none(), "{body}");
    let row = |instead: &str| json!({"status": "not_configured", "instead": instead});
    assert_eq!(body["services"]["qdrant"], row("index file"));
    assert_eq!(body["services"]["postgres"], row("sqlite"));
    assert_eq!(body["services"]["gemini"], row("extractive"));
}

#[tokio::test]
async fn gemini_is_told_from_its_last_use() {
    let gemini = GeminiDouble::start().await;
    let server = Setup::new().gemini(&gemini).with("DOCENT_ANSWER_TIMEOUT", "2").start().await;
    let (code, body) = health(&server).await;
    assert_eq!((code, &body["services"]["gemini"]["status"]), (200, &json!("configured")), "{body}");
    assert_eq!(body["services"]["gemini"]["model"], "gemini-3.5-flash-lite");

    server.ask(&json!({"message": QUESTION})).await;
    let (code, body) = health(&server).await;
    assert_eq!((code, &body["services"]["gemini"]["status"]), (200, &json!("connected")), "{body}");

    for (fault, kind, action) in [
        (Fault::BadKey, "unauthorized", "check GEMINI_API_KEY"),
        (Fault::RateLimited { quota: Quota::Day, retry_after_ms: 10 }, "quota_exhausted", "wait until"),
    ] {
        gemini.reset();
        gemini.plan(Planned::new(fault).on(Operation::Generate).always());
        let answer = server.ask(&json!({"message": QUESTION})).await;
        assert_eq!(answer.notices(), ["model_resting"], "{kind}");
        let (code, body) = health(&server).await;
        assert_eq!((code, &body["status"]), (503, &json!("degraded")), "{body}");
        assert_eq!(body["failed_services"], json!(["gemini"]));
        let row = &body["services"]["gemini"];
        assert_eq!((&row["status"], &row["kind"]), (&json!("disconnected"), &json!(kind)));
        assert!(row["recommended_action"].as_str().is_some_and(|words| words.contains(action)), "{row}");
        assert!(!body.to_string().contains(gemini.key()), "{body}");
        // Ready means that questions are answered, if need be from the book.
        assert_eq!(server.get("/readyz").send().await.expect("a reply").status(), 200);
    }
    let asked = gemini.requests().len();
    for _ in 0..20 {
        health(&server).await;
    }
    assert_eq!(gemini.requests().len(), asked, "health calls nobody");
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_told() {
    let gemini = GeminiDouble::start().await;
    let server = Setup::new().gemini(&gemini).start().await;
    gemini.answer_next("Torque is measured in newton metres [1] and in nothing else that we know of.");
    gemini.fault(Fault::Cut { after: 2 });
    server.ask(&json!({"message": QUESTION})).await;
    let (code, body) = health(&server).await;
    assert_eq!((code, &body["services"]["gemini"]["kind"]), (503, &json!("interrupted")), "{body}");
    server.ask(&json!({"message": QUESTION})).await;
    assert_eq!(health(&server).await.0, 200, "the next use went well");
}

#[tokio::test]
async fn a_probe_wants_the_token_and_looks_once() {
    let gemini = GeminiDouble::start().await;
    let setup = Setup::new().gemini(&gemini).with("DOCENT_ADMIN_TOKEN", TOKEN);
    let server = setup.with("DOCENT_ANSWER_TIMEOUT", "2").start().await;
    gemini.plan(Planned::new(Fault::BadKey).on(Operation::Generate));
    server.ask(&json!({"message": QUESTION})).await;
    assert_eq!(health(&server).await.0, 503);
    let reply = server.get("/api/health?probe=1").send().await.expect("a reply");
    assert_eq!(
        (reply.status().as_u16(), &reply.headers()["www-authenticate"]),
        (401, &"Bearer".parse().expect("a header"))
    );
    let wrong = read(server.get("/api/health?probe=1").bearer_auth("an-admin-token-of-a-tesx")).await;
    assert_eq!((wrong.0, &wrong.1["code"]), (401, &json!("token_needed")));

    let before = gemini.requests().len();
    let (code, body) = probed(&server).await;
    assert_eq!((code, &body["services"]["gemini"]["status"]), (200, &json!("connected")), "{body}");
    let looked = gemini.requests().len();
    assert!(looked > before);
    assert!(gemini.requests()[before..].iter().all(|request| request.operation == Operation::Models));
    probed(&server).await;
    assert_eq!(gemini.requests().len(), looked, "the second one comes too soon");
}

#[tokio::test]
async fn without_a_token_nobody_probes() {
    let server = TestServer::start().await;
    let (code, body) = read(server.get("/api/health?probe=1").bearer_auth("")).await;
    assert_eq!((code, &body["code"]), (403, &json!("owner_routes_off")));
    assert_eq!(read(server.get("/api/health?probe=0")).await.0, 200);
}

#[tokio::test]
async fn starting_and_stopping_are_told() {
    let server = Setup::new().start_without_parts().await;
    let (code, body) = health(&server).await;
    assert_eq!((code, &body["status"]), (503, &json!("starting")));
    assert!(body["message"].is_string() && body["timestamp"].is_string(), "{body}");
    server.app.stop();
    assert_eq!(health(&server).await.1["status"], "unhealthy");
}

#[tokio::test]
async fn metrics_are_the_owners() {
    let gemini = GeminiDouble::start().await;
    // Nobody listens there: messages wait.
    let database = format!("postgresql://me@127.0.0.1:{}/book", free_port());
    let server = Setup::new()
        .gemini(&gemini)
        .with("DOCENT_ADMIN_TOKEN", TOKEN)
        .with("DOCENT_ANSWER_CACHE", "10")
        .with("DATABASE_URL", &database)
        .start()
        .await;
    gemini.answer_always("Torque is measured in newton metres [1].");
    server.ask(&json!({"message": QUESTION})).await;
    server.ask(&json!({"message": QUESTION})).await;
    gemini.plan(Planned::new(Fault::BadKey).on(Operation::Generate).always());
    server.ask(&json!({"message": "Which tyres grip?"})).await;
    server.get("/no/such/page?secret=1").send().await.expect("a reply");
    assert_eq!(server.get("/metrics").send().await.expect("a reply").status(), 401);
    let reply = server.get("/metrics").bearer_auth(TOKEN).send().await.expect("a reply");
    assert_eq!(reply.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    let text = reply.text().await.expect("text");
    for line in [
        "docent_requests_total{route=\"/api/chat\",status=\"200\"} 3",
        "docent_requests_total{route=\"/metrics\",status=\"401\"} 1",
        "docent_requests_total{route=\"other\",status=\"404\"} 1",
        "docent_answers_total{outcome=\"answered\"} 3",
        "docent_degraded_answers_total 1",
        "docent_first_token_seconds_count 3",
        "docent_answer_cache_total{result=\"hit\"} 1",
        "docent_outbox_messages 6",
        "docent_service_uses_total{service=\"gemini\",operation=\"generate\",result=\"ok\"} 1",
        "docent_service_uses_total{service=\"gemini\",operation=\"generate\",result=\"unauthorized\"} 1",
        "docent_service_seconds_count{service=\"gemini\",operation=\"generate\"} 2",
        "docent_service_up{service=\"gemini\"} 0",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is missing in\n{text}");
    }
    let prompt = text.lines().find_map(|line| line.strip_prefix("docent_tokens_total{kind=\"prompt\"} "));
    assert!(prompt.and_then(|count| count.parse::<u64>().ok()).is_some_and(|count| count > 0), "{text}");
    assert!(text.contains("docent_index_age_seconds ") && !text.contains("secret"), "{text}");
    let closed = TestServer::start().await.get("/metrics").bearer_auth("").send().await.expect("a reply");
    assert_eq!(closed.status(), 403);
}

/// What was away comes back into the report by itself; nobody is asked while all is well.
#[tokio::test]
async fn a_service_in_trouble_is_looked_at_again_without_a_question() {
    let (gemini, qdrant) = (GeminiDouble::start().await, QdrantDouble::start().await);
    let setup = Setup::new().gemini(&gemini).qdrant(&qdrant).with("DOCENT_ANSWER_TIMEOUT", "2");
    let server = setup.start().await;
    let pause = (Duration::from_millis(20), Duration::from_millis(100));
    let looking = tokio::spawn(server.app.parts().expect("parts").clone().look_again(pause));
    server.ask(&json!({"message": QUESTION})).await;
    let asked = (gemini.requests().len(), qdrant.requests().len());
    tokio::time::sleep(pause.1 * 3).await;
    assert_eq!((gemini.requests().len(), qdrant.requests().len()), asked, "all is well: nobody is asked");

    gemini.refuse_connections();
    qdrant.refuse_connections();
    server.ask(&json!({"message": QUESTION})).await;
    let (code, body) = health(&server).await;
    assert_eq!((code, &body["failed_services"]), (503, &json!(["qdrant", "gemini"])), "{body}");
    gemini.accept_connections().await.expect("the port is still free");
    qdrant.accept_connections().await.expect("the port is still free");
    eventually("health is well again", async || (health(&server).await.0 == 200).then_some(())).await;
    let since = &gemini.requests()[asked.0..];
    assert!(since.iter().all(|request| request.operation == Operation::Models), "{since:#?}");
    looking.abort();
}

/// A store that cannot be opened is told, and what was kept in memory meanwhile is in the file as soon as there can be one.
#[tokio::test]
async fn a_store_that_cannot_be_opened_is_told_until_it_can() {
    let server = Setup::new().block_store().start().await;
    let pause = (Duration::from_millis(20), Duration::from_millis(100));
    let looking = tokio::spawn(server.app.parts().expect("parts").clone().look_again(pause));
    let first = server.ask(&json!({"message": QUESTION})).await;
    assert_eq!(first.notices(), ["conversation_not_stored"]);
    let (code, body) = health(&server).await;
    assert_eq!((code, &body["failed_services"]), (503, &json!(["sqlite"])), "{body}");
    let row = &body["services"]["sqlite"];
    assert!(
        row["recommended_action"].as_str().is_some_and(|words| words.contains("DOCENT_DATA_DIR")),
        "{row}"
    );

    let file = server.config.conversations_file();
    std::fs::remove_dir(&file).expect("out of the way");
    eventually("health is well again", async || (health(&server).await.0 == 200).then_some(())).await;
    let second = server.ask(&json!({"message": QUESTION})).await;
    assert_eq!(second.notices(), Vec::<String>::new());
    looking.abort();
    let kept = Conversations::open(&file).await.expect("a database");
    for id in [first.conversation(), second.conversation()] {
        let messages = kept.messages(id.parse().expect("an id")).await.expect("read").expect("kept");
        assert_eq!(messages.len(), 2, "{messages:?}");
    }
}
