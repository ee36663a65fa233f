//! The OpenAI-compatible client against a server that nobody here wrote: llama.cpp's own, with a small real model. Needs
//! `contract/llama/setup.sh` to have been run; required when `DOCENT_TEST_ALL=1`.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use docent::providers::{
    Delta, EmbedRole, FinishReason, OpenAi, OpenAiOptions, Prompt, PromptRole, PromptTurn, Secret,
    http_client,
};
use futures_util::StreamExt;
use serde_json::Value;

use crate::support::{prompt, python};

const KEY: &str = "local-key";

/// All that is asked of the model takes some ten seconds on one quiet core; a busy one gets much longer.
const LIMIT: Duration = Duration::from_secs(180);

/// The running server; dropping it ends the process.
struct Llama {
    process: Child,
    address: String,
}

impl Drop for Llama {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Llama {
    /// Starts the server, or says that the test was left out.
    async fn start() -> Option<Self> {
        let folder: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("contract/llama");
        let mut process = Command::new(python(&folder, "llama.cpp")?)
            .arg(folder.join("serve.py"))
            .arg(KEY)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("python starts");
        let said = process.stdout.take().expect("its output is piped");
        let read = tokio::task::spawn_blocking(move || {
            let mut line = String::new();
            BufReader::new(said).read_line(&mut line).map(|_| line)
        });
        let mut server = Self { process, address: String::new() };
        let line = read.await.expect("no panic").expect("its output is text");
        assert!(line.starts_with("http://127.0.0.1:"), "the server did not start: {line:?}");
        server.address = line.trim().to_owned();
        Some(server)
    }

    fn options(&self) -> OpenAiOptions {
        OpenAiOptions {
            base_url: format!("{}/v1", self.address),
            key: Some(Secret::new(KEY)),
            model: "smollm2".to_owned(),
            embedding_model: "smollm2".to_owned(),
            ..OpenAiOptions::default()
        }
    }

    fn client(&self) -> OpenAi {
        OpenAi::new(http_client(), self.options())
    }

    /// Whether the model is at work, as the server itself says.
    async fn is_busy(&self) -> bool {
        let request = http_client().get(format!("{}/slots", self.address)).bearer_auth(KEY);
        let slots = request.send().await.expect("the server answers").text().await.expect("a body");
        let slots: Value = serde_json::from_str(&slots).expect("JSON");
        slots[0]["is_processing"].as_bool().expect("a slot tells whether it is at work")
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_real_server_streams_counts_stops_and_refuses() {
    let Some(server) = Llama::start().await else { return };
    tokio::time::timeout(LIMIT, async {
        an_answer_is_streamed_with_its_usage(&server).await;
        a_dropped_stream_stops_the_model(&server).await;
        a_prompt_over_the_context_is_our_fault(&server).await;
        a_wrong_key_is_named(&server).await;
        an_unknown_model_is_warned_of(&server).await;
        a_server_that_does_not_embed_says_so(&server).await;
    })
    .await
    .expect("within the limit");
}

async fn an_answer_is_streamed_with_its_usage(server: &Llama) {
    let turn = |role, text: &str| PromptTurn { role, text: text.to_owned() };
    let question = Prompt {
        system: "You are a helpful guide.".to_owned(),
        turns: vec![
            turn(PromptRole::User, "Hello!"),
            turn(PromptRole::Model, "Hello, how can I help?"),
            turn(PromptRole::User, "Count from one to five, please."),
        ],
        max_tokens: 24,
    };
    let started = Instant::now();
    let mut stream = server.client().generate(&question).await.expect("the answer begins");
    let first = started.elapsed();
    let mut deltas = Vec::new();
    while let Some(delta) = stream.next().await {
        deltas.push(delta.expect("no failure"));
    }
    println!("first delta after {first:?}, {} deltas in {:?}", deltas.len(), started.elapsed());
    let texts = deltas.iter().filter(|delta| matches!(delta, Delta::Text(_))).count();
    assert!(texts >= 3, "{deltas:?}");
    let [.., Delta::Usage(usage), Delta::Finished(finish)] = deltas.as_slice() else {
        panic!("an answer ends in its usage and its reason: {deltas:?}")
    };
    assert!(usage.prompt_tokens > 20 && (3..=24).contains(&usage.answer_tokens), "{usage:?}");
    let expected = if usage.answer_tokens == 24 { FinishReason::MaxTokens } else { FinishReason::Stop };
    assert_eq!(*finish, expected);
}

async fn a_dropped_stream_stops_the_model(server: &Llama) {
    let question =
        Prompt { max_tokens: 3000, ..prompt("Write a very long story about every animal that you know.") };
    let mut stream = server.client().generate(&question).await.expect("the answer begins");
    assert!(matches!(stream.next().await, Some(Ok(Delta::Text(_)))));
    assert!(server.is_busy().await);
    let dropped = Instant::now();
    drop(stream);
    while server.is_busy().await {
        // Unstopped, the answer would go on for a minute.
        assert!(dropped.elapsed() < Duration::from_secs(15), "the model goes on writing for nobody");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    println!("the model stopped {:?} after the drop", dropped.elapsed());
}

async fn a_prompt_over_the_context_is_our_fault(server: &Llama) {
    let error = server.client().generate(&prompt(&"word ".repeat(6000))).await.err().expect("too long");
    println!("{error}");
    assert!(error.ours() && error.to_string().contains("context"), "{error}");
}

async fn a_wrong_key_is_named(server: &Llama) {
    let options = OpenAiOptions { key: Some(Secret::new("wrong")), ..server.options() };
    let error = OpenAi::new(http_client(), options).generate(&prompt("hi")).await.err().expect("a wrong key");
    assert_eq!(
        error.to_string(),
        "OpenAI-compatible server refused the key (HTTP 401: Invalid API Key); check OPENAI_API_KEY"
    );
}

/// This server answers with its one model whatever name it is given; only the check can tell.
async fn an_unknown_model_is_warned_of(server: &Llama) {
    let options =
        OpenAiOptions { model: "nobody".to_owned(), embedding_model: String::new(), ..server.options() };
    let client = OpenAi::new(http_client(), options);
    let checks = client.check().await;
    assert_eq!(checks.len(), 1);
    assert!(checks[0].problem.is_none() && checks[0].warning.is_some(), "{checks:?}");
    assert!(client.generate(&Prompt { max_tokens: 2, ..prompt("hi") }).await.is_ok());
    let checks = server.client().check().await;
    assert!(checks.iter().all(|check| check.problem.is_none() && check.warning.is_none()), "{checks:?}");
}

async fn a_server_that_does_not_embed_says_so(server: &Llama) {
    let error = server.client().embed(&["a text"], EmbedRole::Query).await.expect_err("it does not embed");
    println!("{error}");
    assert!(error.ours() && error.to_string().contains("embeddings"), "{error}");
}
