//! The doubles tell the truth: the providers' own client libraries work against them, and see their errors as the
//! errors of the real services. Needs `contract/setup.sh` to have been run; required when `DOCENT_TEST_ALL=1`.

use std::path::{Path, PathBuf};
use std::process::Command;

use doubles::{GeminiDouble, HubDouble, OpenAiDouble, QdrantDouble};

use crate::support::python;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("contract")
}

/// Runs one of the scripts, or says that it was left out.
async fn run(script: &str, arguments: &[&str]) {
    let Some(python) = python(&folder(), script) else { return };
    let mut command = Command::new(python);
    // Keys of the real services must not leak into the test, nor a proxy stand between it and loopback.
    for variable in
        ["GEMINI_API_KEY", "GOOGLE_API_KEY", "OPENAI_API_KEY", "HTTP_PROXY", "http_proxy", "ALL_PROXY"]
    {
        command.env_remove(variable);
    }
    command.env("PYTHONDONTWRITEBYTECODE", "1").arg(folder().join(script)).args(arguments);
    let output = tokio::task::spawn_blocking(move || command.output())
        .await
        .expect("no panic")
        .expect("python starts");
    let said = String::from_utf8_lossy(&output.stdout);
    println!("{said}");
    assert!(output.status.success(), "{script}:\n{said}\n{}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn googles_own_client_works_against_the_double() {
    for version in ["v1beta", "v1"] {
        let double = GeminiDouble::start().await;
        run("gemini_sdk.py", &[&double.base_url(), double.key(), version]).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn openais_own_client_works_against_the_double() {
    let double = OpenAiDouble::start().await;
    run("openai_sdk.py", &[&double.base_url(), double.key()]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn qdrants_own_client_works_against_the_double() {
    let double = QdrantDouble::start().await;
    run("qdrant_sdk.py", &[&double.base_url(), double.key()]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hugging_faces_own_client_works_against_the_double() {
    let double = HubDouble::start().await;
    run("hub_client.py", &[&double.base_url(), HubDouble::TOKEN, HubDouble::READ_TOKEN]).await;
}
