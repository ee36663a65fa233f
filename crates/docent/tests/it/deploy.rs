//! `docent space deploy` and its companions against a Hub on loopback: the whole way, and every way in which it can end.

use std::path::Path;

use doubles::{HubDouble, HubFault, StoredFile};
use tempfile::TempDir;

use crate::support::{MOTORS, Output, Setup, TestServer, docent, run, write_book};

const SPACE: &str = "reader/rag-chatbot";

struct Stage {
    hub: HubDouble,
    service: TestServer,
    folder: TempDir,
}

impl Stage {
    /// A Hub, the service that its Spaces show, and a folder with a book whose index is the upload: small, so that a test
    /// need not send the program.
    async fn set() -> Self {
        let site = super::doctor::site_of_the_book().await;
        let service = Setup::new().with("ALLOWED_ORIGINS", "https://book.example").site(&site).start().await;
        let hub = HubDouble::start().await;
        hub.serve_apps_at(&service.url);
        let folder = TempDir::new().expect("a folder");
        write_book(&folder.path().join("book"), MOTORS);
        Self { hub, service, folder }
    }

    async fn said(&self, token: &str, words: &[&str]) -> Output {
        let mut command = docent(self.folder.path());
        command
            .arg("space")
            .args(words)
            .env("HF_ENDPOINT", self.hub.base_url())
            .env("HF_TOKEN", token)
            .env("GEMINI_API_KEY", "AQ.very-secret")
            .env("ALLOWED_ORIGINS", "https://book.example");
        tokio::task::spawn_blocking(move || run(&mut command)).await.expect("no panic")
    }

    async fn deploy(&self) -> Output {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let source = source.canonicalize().expect("the checkout").display().to_string();
        self.said(
            HubDouble::TOKEN,
            &["deploy", SPACE, "--book", "book", "--poll", "0.01", "--source", &source],
        )
        .await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_becomes_a_verified_url() {
    let stage = Stage::set().await;
    let output = stage.deploy().await;
    assert_eq!(output.code, Some(0), "{}\n{}", output.stdout, output.stderr);
    for part in
        ["creating reader/rag-chatbot", "large file", "stage: BUILDING", "Pushing image", "stage: RUNNING"]
    {
        assert!(output.stderr.contains(part), "no {part:?} in\n{}", output.stderr);
    }
    for part in [
        stage.service.url.as_str(),
        "REACT_APP_API_BASE_URL=",
        "<docent-chat>",
        "ok    citation",
        "ok    origin",
    ] {
        assert!(output.stdout.contains(part), "no {part:?} in\n{}", output.stdout);
    }
    assert!(!(output.stdout + &output.stderr).contains("very-secret"), "a secret was printed");
    let space = stage.hub.space(SPACE).expect("the Space");
    assert_eq!(space.secrets.get("GEMINI_API_KEY").map(String::as_str), Some("AQ.very-secret"));
    assert_eq!(space.variables.get("ALLOWED_ORIGINS").map(String::as_str), Some("https://book.example"));
    assert!(!space.secrets.contains_key("HF_TOKEN") && !space.variables.contains_key("HOST"));
    assert!(matches!(space.files["crates/encoder/weights/all-MiniLM-L6-v2.weights"], StoredFile::Lfs { .. }));
    assert!(matches!(space.files["book/docs/motors.md"], StoredFile::Regular(_)));

    // Again: nothing travels. Then a page goes away and one changes: two files and the list of files travel.
    let output = stage.deploy().await;
    assert!(output.code == Some(0) && output.stderr.contains(": 0 changed"), "{}", output.stderr);
    let commits = stage.hub.space(SPACE).expect("the Space").commits.len();
    std::fs::remove_file(stage.folder.path().join("book/docs/wheels.md")).expect("removed");
    let motors = stage.folder.path().join("book/docs/motors.md");
    std::fs::write(&motors, "# Motors\n\nAnother text.\n").expect("written");
    let output = stage.deploy().await;
    assert!(
        output.stderr.contains(": 2 changed") && output.stderr.contains("1 deleted"),
        "{}",
        output.stderr
    );
    let space = stage.hub.space(SPACE).expect("the Space");
    assert!(space.commits.len() == commits + 1 && !space.files.contains_key("book/docs/wheels.md"));

    let status = stage.said(HubDouble::TOKEN, &["status", SPACE]).await;
    assert!(status.stdout.contains("reader/rag-chatbot is RUNNING at http://127.0.0.1"), "{status:?}");
    let logs = stage.said(HubDouble::TOKEN, &["logs", SPACE, "--build"]).await;
    assert!(logs.stdout.contains("Pushing image"), "{logs:?}");
    assert_eq!(stage.said(HubDouble::TOKEN, &["restart", SPACE, "--factory"]).await.code, Some(0));
    assert_eq!(stage.hub.space(SPACE).expect("the Space").restarts, ["factory"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dry_run_changes_nothing() {
    let stage = Stage::set().await;
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the checkout");
    let source = source.display().to_string();
    let words = ["deploy", SPACE, "--book", "book", "--dry-run", "--source", &source];
    let output = stage.said(HubDouble::FINE_TOKEN, &words).await;
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    assert!(
        output.stdout.contains("would be created") && output.stderr.contains("secrets: GEMINI_API_KEY"),
        "{output:?}"
    );
    assert!(stage.hub.space(SPACE).is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_hub_refuses_is_explained() {
    let cases: [(&str, HubFault, &str); 5] = [
        ("401", HubFault::status("whoami", 401, "Invalid credentials"), "set HF_TOKEN"),
        (
            "402",
            HubFault::status("repos/create", 402, "requires a PRO subscription"),
            "do not delete a Space",
        ),
        ("403", HubFault::status("repos/create", 403, "no rights"), "repo.write"),
        ("412", HubFault::status("/commit/", 412, "The branch was updated"), "somebody else changed"),
        (
            "YAML",
            HubFault::status("/commit/", 400, "Your push was rejected during YAML metadata verification"),
            "YAML metadata verification",
        ),
    ];
    for (name, fault, expected) in cases {
        let stage = Stage::set().await;
        stage.hub.fault(fault);
        let output = stage.deploy().await;
        assert!(output.code == Some(1) && output.stderr.contains(expected), "{name}: {}", output.stderr);
    }
    let stage = Stage::set().await;
    let output = stage.said(HubDouble::READ_TOKEN, &["deploy", SPACE, "--book", "book"]).await;
    assert!(output.stderr.contains("has the role read"), "{}", output.stderr);
    let output = stage.said(HubDouble::TOKEN, &["deploy", "stranger/x", "--book", "book"]).await;
    assert!(output.stderr.contains("is not in stranger"), "{}", output.stderr);
    let output = stage.said(HubDouble::TOKEN, &["deploy", "a--b", "--book", "book"]).await;
    assert!(output.stderr.contains("expected OWNER/NAME"), "{}", output.stderr);
    let output = stage.said("", &["status", SPACE]).await;
    assert!(output.stderr.contains("HF_TOKEN is not set"), "{}", output.stderr);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_passes_is_tried_again() {
    let stage = Stage::set().await;
    stage.hub.fault(HubFault::status("repos/create", 409, "another conflicting operation is in progress"));
    let output = stage.deploy().await;
    assert!(output.code == Some(1) && output.stderr.contains("try again in a minute"), "{}", output.stderr);
    stage.hub.fault(HubFault::status("/preupload/", 429, "slow down").header("ratelimit", "\"api\";r=0;t=0"));
    stage.hub.fault(HubFault::cut("PUT /lfs-store/"));
    stage.hub.fault(HubFault::status("/runtime", 503, "<html>").times(2));
    stage.hub.fault(HubFault::status("/commit/", 502, "bad gateway"));
    let output = stage.deploy().await;
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    assert_eq!(stage.hub.space(SPACE).expect("the Space").commits.len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_stage_has_its_end() {
    let cases: [(&[&str], i32, &str); 7] = [
        (&["BUILDING@new", "BUILD_ERROR@new"], 1, "failed to compile"),
        (&["BUILDING@new", "APP_STARTING@new", "RUNTIME_ERROR@new"], 1, "space logs"),
        (&["CONFIG_ERROR@new"], 1, "first lines"),
        (&["BUILDING@new", "PAUSED@new"], 1, "space restart"),
        (&["BUILDING@new", "SLEEPING@new"], 0, "it sleeps"),
        (&["QUEUED_SOMEHOW@old", "BUILDING@new", "RUNNING@new"], 0, "stage: QUEUED_SOMEHOW"),
        (&["RUNNING@old"], 0, "still runs another commit: restarting"),
    ];
    for (stages, code, expected) in cases {
        let stage = Stage::set().await;
        stage.hub.stages(stages);
        stage.hub.error_message("the build says: failed to compile");
        let output = stage.deploy().await;
        assert!(
            output.code == Some(code) && output.stderr.contains(expected),
            "{stages:?}: {:?} {}",
            output.code,
            output.stderr
        );
    }
}
