//! Conversations in a real Postgres: its tables and those of the earlier service, poolers, sleep, TLS, SQL over HTTPS, and
//! what happens when it is away. `outbox.rs` kills things.

use std::time::Duration;

use doubles::{Fault, GeminiDouble, NeonDouble};
use serde_json::{Value, json};

use crate::support::{Postgres, QUESTION, Setup, TestServer, eventually, free_port};

/// Postgres as the earlier service left it: its two tables, no index, one conversation.
const REFERENCE: &str = r#"
CREATE TABLE conversations (id uuid PRIMARY KEY,
  created_at timestamp without time zone DEFAULT now() NOT NULL,
  updated_at timestamp without time zone DEFAULT now() NOT NULL);
CREATE TABLE messages (id uuid PRIMARY KEY,
  conversation_id uuid NOT NULL REFERENCES conversations(id) ON DELETE CASCADE,
  role varchar(20) NOT NULL, content text NOT NULL, sources jsonb,
  created_at timestamp without time zone DEFAULT now() NOT NULL);
INSERT INTO conversations VALUES ('11111111-1111-4111-8111-111111111111', '2025-01-02 03:04:05', '2025-01-02 03:04:05');
INSERT INTO messages VALUES
 ('22222222-2222-4222-8222-222222222222', '11111111-1111-4111-8111-111111111111', 'user', 'What is ROS?', NULL, '2025-01-02 03:04:05.123456'),
 ('33333333-3333-4333-8333-333333333333', '11111111-1111-4111-8111-111111111111', 'assistant', 'A framework [Source 1].',
  '[{"file": "docs/module-01/chapter-02.md", "heading": "ROS > Nodes", "similarity": 0.83}]', '2025-01-02 03:04:06');
"#;

async fn server(url: &str) -> TestServer {
    Setup::new().with("DATABASE_URL", url).start().await
}

async fn conversation(server: &TestServer, id: &str) -> Value {
    server.get(&format!("/api/conversation/{id}")).send().await.expect("a reply").json().await.expect("JSON")
}

/// Waits until nothing waits in the outbox.
async fn settled(server: &TestServer) {
    eventually("the outbox is empty", || async {
        let state = server.app.parts()?.conversations.postgres_state()?;
        (state.waiting == 0 && state.failure.is_none()).then_some(())
    })
    .await;
}

/// A conversation from its first question to its end.
async fn check_life(server: &TestServer) {
    let answer = server.ask(&json!({"message": QUESTION})).await;
    assert_eq!(answer.order(), "metadata sources token done", "{}", answer.raw);
    let id = answer.conversation();
    let body = json!({"message": "Which tyres grip wet concrete?", "conversation_id": id});
    server.ask(&body).await;
    settled(server).await;
    let messages = server.messages(&id).await;
    let of = |name: &str| messages.iter().map(|message| message[name].clone()).collect::<Vec<_>>();
    assert_eq!(of("role"), ["user", "assistant", "user", "assistant"]);
    assert_eq!(messages[0]["content"], QUESTION);
    assert_eq!(messages[1]["id"], answer.message());
    assert_eq!(messages[1]["sources"], answer.event("done")["sources"]);
    assert_eq!(messages[1]["outcome"], "answered");

    for (message, status) in
        [(answer.message(), 204), ("44444444-4444-4444-8444-444444444444".to_owned(), 404)]
    {
        let body = json!({"message_id": message, "helpful": false, "note": "no 'lever'"});
        let reply = server.post("/api/feedback", &body).send().await.expect("a reply");
        assert_eq!(reply.status(), status, "{message}");
    }
    let unknown = json!({"message": QUESTION, "conversation_id": "44444444-4444-4444-8444-444444444444"});
    assert_eq!(server.try_ask(&unknown).await.status(), 404);

    let path = format!("/api/conversation/{id}");
    assert_eq!(server.delete(&path).send().await.expect("a reply").status(), 204);
    for reply in [server.get(&path).send().await, server.delete(&path).send().await] {
        assert_eq!(reply.expect("a reply").status(), 404);
    }
}

#[tokio::test]
async fn a_conversation_lives_in_tables_that_are_made_for_it() {
    let Some(postgres) = Postgres::shared().await else { return };
    let (database, url) = postgres.database().await;
    let server = server(&url).await;
    check_life(&server).await;
    let answer = server.ask(&json!({"message": QUESTION})).await;
    let body = json!({"message_id": answer.message(), "helpful": true, "reason": "clear"});
    assert_eq!(server.post("/api/feedback", &body).send().await.expect("a reply").status(), 204);
    settled(&server).await;
    assert_eq!(postgres.select(&database, "SELECT reason FROM feedback WHERE helpful").await, ["clear"]);
    assert_eq!(postgres.contents(&database).await, [QUESTION, answer.text().as_str()]);
    let health: Value = server.get("/api/health").send().await.expect("a reply").json().await.expect("JSON");
    assert_eq!(health["services"]["postgres"]["status"], "connected", "{health}");
    assert!(!health.to_string().contains("p@ss") && !health.to_string().contains("p%40ss"));
}

#[tokio::test]
async fn the_earlier_services_tables_are_used_and_extended() {
    let Some(postgres) = Postgres::shared().await else { return };
    let (database, url) = postgres.database().await;
    postgres.execute(&database, &format!("SET ROLE docent; {REFERENCE}")).await;
    let server = server(&url).await;
    let id = "11111111-1111-4111-8111-111111111111";
    let old = conversation(&server, id).await;
    assert_eq!(old["messages"][0]["content"], "What is ROS?");
    assert_eq!(old["messages"][0]["created_at"], "2025-01-02T03:04:05.123456Z");
    assert_eq!(old["messages"][1]["sources"][0]["file"], "docs/module-01/chapter-02.md");
    assert_eq!(old["messages"][1]["sources"][0]["n"], 1);
    assert_eq!(old["messages"][1]["outcome"], Value::Null);

    server.ask(&json!({"message": QUESTION, "conversation_id": id})).await;
    settled(&server).await;
    assert_eq!(server.messages(id).await.len(), 4);
    let kept = "SELECT sources::text FROM messages WHERE id = '33333333-3333-4333-8333-333333333333'";
    assert!(postgres.select(&database, kept).await[0].contains("0.83"), "the old row is as it was");
    let columns =
        "SELECT count(*) FROM information_schema.columns WHERE table_name IN ('messages', 'conversations')";
    assert_eq!(postgres.select(&database, columns).await, ["10"]);
    check_life(&server).await;
}

#[tokio::test]
async fn tables_with_other_types_of_time_do_as_well() {
    let Some(postgres) = Postgres::shared().await else { return };
    let (database, url) = postgres.database().await;
    let tables = REFERENCE.replace("without time zone", "with time zone");
    postgres.execute(&database, &format!("SET ROLE docent; {tables}")).await;
    postgres.execute(&database, &format!("ALTER DATABASE {database} SET timezone = 'Asia/Karachi'")).await;
    let server = server(&url).await;
    let before = jiff::Timestamp::now();
    let answer = server.ask(&json!({"message": QUESTION})).await;
    settled(&server).await;
    let messages = server.messages(&answer.conversation()).await;
    let at: jiff::Timestamp = messages[0]["created_at"].as_str().expect("a time").parse().expect("a time");
    assert!(before.as_second() - 1 <= at.as_second() && at <= jiff::Timestamp::now(), "{at}");
}

#[tokio::test]
async fn several_start_together_on_an_empty_database_through_a_pooler() {
    let Some(postgres) = Postgres::shared().await else { return };
    let Some(pooler) = postgres.pooler().await else { return };
    let (database, _) = postgres.database().await;
    let url = format!("postgresql://docent:x@127.0.0.1:{}/{database}", pooler.port);
    let servers = futures_util::future::join_all((0..4).map(|_| server(&url))).await;
    let asked = servers.iter().flat_map(|server| {
        (0..10).map(move |_| async move {
            let answer = server.ask(&json!({"message": QUESTION})).await;
            assert!(answer.notices().is_empty(), "{}", answer.raw);
        })
    });
    futures_util::future::join_all(asked).await;
    for server in &servers {
        settled(server).await;
    }
    assert_eq!(postgres.contents(&database).await.len(), 80);
    check_life(&servers[0]).await;
}

#[tokio::test]
async fn a_database_that_fell_asleep_costs_the_reader_nothing() {
    let Some(postgres) = Postgres::shared().await else { return };
    let (database, url) = postgres.database().await;
    let server = server(&url).await;
    let first = server.ask(&json!({"message": QUESTION})).await;
    settled(&server).await;
    for _ in 0..3 {
        // What a suspension looks like from outside: 57P01, and the connections are gone.
        let sleep = format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}' AND pid <> pg_backend_pid()"
        );
        postgres.select("postgres", &sleep).await;
        assert!(!server.messages(&first.conversation()).await.is_empty());
        let answer = server.ask(&json!({"message": QUESTION})).await;
        assert_eq!(answer.order(), "metadata sources token done", "{}", answer.raw);
    }
    settled(&server).await;
    assert_eq!(postgres.contents(&database).await.len(), 8);
}

/// A hosted database falls asleep only when no transaction is open, and a pooler has few places.
#[tokio::test]
async fn no_transaction_is_open_while_an_answer_streams() {
    let Some(postgres) = Postgres::shared().await else { return };
    let (database, url) = postgres.database().await;
    let gemini = GeminiDouble::start().await;
    let server = Setup::new().gemini(&gemini).with("DATABASE_URL", &url).start().await;
    settled(&server).await;
    gemini.fault(Fault::HangAfter { after: 1 });
    let mut stream = server.stream(&json!({"message": QUESTION})).await;
    stream.until("token").await;
    settled(&server).await;
    let states = format!(
        "SELECT DISTINCT state FROM pg_stat_activity WHERE application_name = 'docent' AND datname = '{database}'"
    );
    assert_eq!(postgres.select("postgres", &states).await, ["idle"], "neither active nor in a transaction");
    assert_eq!(postgres.contents(&database).await, [QUESTION], "the question is stored already");
}

#[tokio::test]
async fn an_idle_hour_sends_no_statement_and_holds_no_connection() {
    let Some(postgres) = Postgres::shared().await else { return };
    let (database, url) = postgres.database().await;
    let server = server(&url).await;
    server.ask(&json!({"message": QUESTION})).await;
    settled(&server).await;
    let before = postgres.statements_of_docent(&database);
    assert!(before >= 3, "tables, question, answer: {before}");
    for _ in 0..60 {
        tokio::time::pause();
        tokio::time::advance(Duration::from_secs(60)).await;
        tokio::time::resume();
        // A monitor that looks every minute.
        let health = server.get("/api/health").send().await.expect("a reply");
        assert!(matches!(health.status().as_u16(), 200 | 503));
    }
    assert_eq!(postgres.statements_of_docent(&database), before);
    eventually("the connections are closed", || async {
        (postgres.connections_of_docent(&database).await == "0").then_some(())
    })
    .await;
}

#[tokio::test]
async fn tls_is_verified_by_authority_and_name() {
    let Some(postgres) = Postgres::shared().await else { return };
    if !postgres.tls {
        assert!(std::env::var("DOCENT_TEST_ALL").as_deref() != Ok("1"), "openssl is required");
        return;
    }
    let (database, url) = postgres.database().await;
    let authority = postgres.authority().display().to_string();
    let by_name = url.replace("127.0.0.1", "localhost");
    let cases = [
        (format!("{by_name}?sslmode=require&sslrootcert={authority}&channel_binding=require"), None),
        (format!("{by_name}?sslmode=require"), Some("certificate is not trusted")),
        (format!("{url}?sslmode=verify-full&sslrootcert={authority}"), Some("certificate is not trusted")),
        (format!("{url}?sslrootcert=/nowhere.pem"), Some("/nowhere.pem holds no certificate")),
    ];
    for (url, problem) in cases {
        let server = server(&url).await;
        let failure = eventually("a first contact", || async {
            let state = server.app.parts()?.conversations.postgres_state()?;
            (state.failure.is_some() || state.last_success.is_some()).then_some(state.failure)
        })
        .await;
        match problem {
            None => {
                assert_eq!(failure, None);
                server.ask(&json!({"message": QUESTION})).await;
                settled(&server).await;
                assert_eq!(postgres.contents(&database).await.len(), 2);
            }
            Some(words) => {
                assert!(failure.as_deref().is_some_and(|failure| failure.contains(words)), "{failure:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_database_that_refuses_is_named_with_its_remedy_and_keeps_nobody_waiting() {
    let Some(postgres) = Postgres::shared().await else { return };
    let (database, url) = postgres.database().await;
    for (url, words) in [
        (url.replace("p%40ss", "wrong"), "check user and password in DATABASE_URL"),
        (url.replace(&database, "nowhere"), "check the name of the database in DATABASE_URL"),
        (url.replace(&postgres.port.to_string(), &free_port().to_string()), "cannot connect to 127.0.0.1:"),
    ] {
        let server = server(&url).await;
        let answer = server.ask(&json!({"message": QUESTION})).await;
        assert_eq!(answer.order(), "metadata sources token done", "{}", answer.raw);
        let failure =
            eventually("a failure", || async { server.app.parts()?.conversations.postgres_state()?.failure })
                .await;
        assert!(failure.contains(words), "{failure}");
        assert!(!failure.contains("wrong"), "{failure}");
        assert_eq!(server.messages(&answer.conversation()).await.len(), 2, "shown from the outbox");
    }
}

#[tokio::test]
async fn sql_goes_over_https_when_told_or_when_the_port_is_closed() {
    let Some(postgres) = Postgres::shared().await else { return };
    let double = NeonDouble::start("127.0.0.1", postgres.port).await.expect("a double");
    for transport in ["https", "auto"] {
        let (database, url) = postgres.database().await;
        let closed = url.replace(&postgres.port.to_string(), &free_port().to_string());
        let before = double.statements();
        let server = Setup::new()
            .with("DATABASE_URL", &closed)
            .with("DOCENT_POSTGRES_TRANSPORT", transport)
            .with("DOCENT_POSTGRES_HTTPS_URL", &double.address())
            .start()
            .await;
        check_life(&server).await;
        let answer = server.ask(&json!({"message": QUESTION})).await;
        settled(&server).await;
        assert_eq!(postgres.contents(&database).await, [QUESTION, answer.text().as_str()]);
        assert!(double.statements() > before);
        assert_eq!(postgres.statements_of_docent(&database), 0);
    }
    // An open port is preferred.
    let (database, url) = postgres.database().await;
    let server = Setup::new()
        .with("DATABASE_URL", &url)
        .with("DOCENT_POSTGRES_HTTPS_URL", &double.address())
        .start()
        .await;
    let before = double.statements();
    server.ask(&json!({"message": QUESTION})).await;
    settled(&server).await;
    assert_eq!(double.statements(), before);
    assert_eq!(postgres.contents(&database).await.len(), 2);
}

#[tokio::test]
async fn errors_over_https_are_told_in_the_same_words() {
    let Some(postgres) = Postgres::shared().await else { return };
    let double = NeonDouble::start("127.0.0.1", postgres.port).await.expect("a double");
    let (_, url) = postgres.database().await;
    let server = Setup::new()
        .with("DATABASE_URL", &url.replace("p%40ss", "wrong"))
        .with("DOCENT_POSTGRES_TRANSPORT", "https")
        .with("DOCENT_POSTGRES_HTTPS_URL", &double.address())
        .start()
        .await;
    let failure =
        eventually("a failure", || async { server.app.parts()?.conversations.postgres_state()?.failure })
            .await;
    assert!(failure.contains("check user and password in DATABASE_URL"), "{failure}");
}

#[tokio::test]
async fn a_database_that_wakes_up_is_asked_again_at_once_and_a_spent_quota_is_not() {
    let Some(postgres) = Postgres::shared().await else { return };
    let double = NeonDouble::start("127.0.0.1", postgres.port).await.expect("a double");
    let (database, url) = postgres.database().await;
    let server = Setup::new()
        .with("DATABASE_URL", &url)
        .with("DOCENT_CONVERSATION_LIMIT", "0")
        .with("DOCENT_POSTGRES_TRANSPORT", "https")
        .with("DOCENT_POSTGRES_HTTPS_URL", &double.address())
        .start()
        .await;
    settled(&server).await;
    double.refuse_next(2, "XX000", "Couldn't connect to compute node");
    server.ask(&json!({"message": QUESTION})).await;
    settled(&server).await;
    assert_eq!(postgres.contents(&database).await.len(), 2);

    let quota = "Your project has exceeded the compute time quota. Upgrade your plan to increase limits.";
    double.refuse_next(100, "XX000", quota);
    let before = double.statements();
    let answer = server.ask(&json!({"message": QUESTION})).await;
    assert_eq!(answer.order(), "metadata sources token done", "{}", answer.raw);
    let health = eventually("health tells it", || async {
        let reply = server.get("/api/health").send().await.ok()?;
        let body: Value = (reply.status() == 503).then_some(reply)?.json().await.ok()?;
        Some(body)
    })
    .await;
    let row = &health["services"]["postgres"];
    assert_eq!((&health["status"], &health["failed_services"]), (&json!("degraded"), &json!(["postgres"])));
    assert_eq!((&row["status"], &row["kind"]), (&json!("disconnected"), &json!("quota_exhausted")));
    assert!(
        row["error"].as_str().is_some_and(|words| words.contains("quota of the database is used up")),
        "{row}"
    );
    assert!(row["waiting"].as_u64().is_some_and(|waiting| waiting > 0), "{row}");
    for _ in 0..20 {
        server.ask(&json!({"message": QUESTION, "conversation_id": answer.conversation()})).await;
    }
    assert_eq!(double.statements(), before, "nobody knocks on a closed door");
    assert_eq!(server.messages(&answer.conversation()).await.len(), 42);
}

#[tokio::test]
async fn a_failure_is_over_when_the_database_answers_though_nobody_asks() {
    let Some(mut postgres) = Postgres::start().await else { return };
    let (_, url) = postgres.database().await;
    postgres.stop();
    let server = server(&url).await;
    let failed = || async { server.app.parts()?.conversations.postgres_state()?.failure };
    eventually("a failure", failed).await;
    postgres.go_on().await;
    eventually("health is well again", || async {
        let reply = server.get("/api/health").send().await.ok()?;
        (reply.status() == 200).then_some(())
    })
    .await;
}
