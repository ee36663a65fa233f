//! `specs/003-hf-spaces-deploy/quickstart.md` holds what it must, and its commands run from top to bottom in an empty folder:
//! against the real program, a Hub on loopback, a bare repository in place of the Hub's, a running server in place of the Space, and a Docker
//! that only writes down what it is told. `tests/docker.sh` runs the real one.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use doubles::HubDouble;
use tempfile::TempDir;

use crate::support::{MOTORS, Setup, run, write_book};

const SITE: &str = "https://book.example";

fn quickstart() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../specs/003-hf-spaces-deploy/quickstart.md");
    std::fs::read_to_string(path).expect("the quickstart")
}

/// The blocks that a reader types, in order.
fn blocks(text: &str) -> Vec<String> {
    text.split("\n```sh\n")
        .skip(1)
        .map(|rest| rest.split("\n```").next().unwrap_or_default().to_owned())
        .collect()
}

#[test]
fn the_quickstart_has_every_part() {
    let text = quickstart();
    let parts = [
        "## Step 1: Create the Space",
        "## Step 2: Set the secrets",
        "## Step 3: Upload",
        "## Step 4: Watch the build",
        "## Step 5: Verify",
        "## Step 6: Update the front end",
        "# Frontend Configuration",
        "`REACT_APP_API_BASE_URL` has the form `https://USERNAME-rag-chatbot.hf.space`",
        "Redeploy",
        "not create-react-app",
        "## Verifying the connection",
        "blocked by CORS policy",
        "one by one",
        "# Verification checklist",
        "# Troubleshooting",
        "503",
        "Qdrant is suspended",
        "Neon: quota",
        "Gemini 404",
        "Gemini 429",
        "wrong dimensions",
        "48 hours",
        "# Redeployment",
        "# Going back to the last good version",
    ];
    for part in parts {
        assert!(text.contains(part), "the quickstart says nothing of {part}");
    }
    for name in [
        "GEMINI_API_KEY",
        "QDRANT_URL",
        "QDRANT_API_KEY",
        "QDRANT_COLLECTION",
        "DATABASE_URL",
        "ALLOWED_ORIGINS",
        "LOG_LEVEL",
    ] {
        assert!(text.contains(&format!("| `{name}` |")), "the table of secrets lacks {name}");
    }
}

/// A command that writes down its words and does nothing.
fn stand_in(folder: &Path, name: &str) {
    let path = folder.join(name);
    std::fs::write(&path, format!("#!/bin/sh\necho \"{name} $*\" >> \"$RECORD\"\n")).expect("written");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("executable");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn its_commands_run_from_top_to_bottom() {
    let folder = TempDir::new().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    write_book(&path("book"), MOTORS);
    std::fs::create_dir_all(path("bin")).expect("a folder");
    stand_in(&path("bin"), "docker");
    stand_in(&path("bin"), "git-lfs");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_docent"), path("bin/docent")).expect("linked");

    // The Space's repository as a new Space has it, and its service as the upload would start it.
    let git = |words: &[&str]| {
        let output = run(Command::new("git").args(words).current_dir(folder.path()));
        assert_eq!(output.code, Some(0), "{words:?}: {}", output.stderr);
        output.stdout
    };
    git(&["init", "-q", "--bare", "-b", "main", "hub/reader/rag-chatbot"]);
    git(&["init", "-q", "-b", "main", "seed"]);
    std::fs::write(path("seed/README.md"), "---\nsdk: docker\n---\n").expect("written");
    let author = ["-c", "user.name=Reader", "-c", "user.email=reader@book.example"];
    git(&["-C", "seed", "add", "README.md"]);
    git(&[&["-C", "seed"], &author[..], &["commit", "-q", "-m", "initial commit"]].concat());
    git(&["-C", "seed", "push", "-q", "../hub/reader/rag-chatbot", "main"]);
    let site = super::doctor::site_of_the_book().await;
    let service = Setup::new().with("ALLOWED_ORIGINS", SITE).site(&site).start().await;

    let double = HubDouble::start().await;
    double.serve_apps_at(&service.url);
    double.stages(&["RUNNING@new"]);

    let blocks = blocks(&quickstart());
    let values: Vec<&str> = blocks[0].lines().filter_map(|line| Some(line.split_once('=')?.0)).collect();
    assert_eq!(
        values,
        ["SPACE", "SPACE_URL", "SITE", "BOOK"],
        "the first block holds the values and nothing else"
    );
    let mut script = format!(
        "set -euo pipefail\nSPACE=reader/rag-chatbot\nSPACE_URL={}\nSITE={SITE}\nBOOK={}\n",
        service.url,
        path("book").display()
    );
    for block in &blocks[1..] {
        if block.contains("The book of today") {
            // Why one deploys again: the author has written something.
            script.push_str("echo 'More about motors.' >> \"$BOOK/docs/motors.md\"\n");
        }
        script.push_str(block);
        script.push('\n');
    }
    std::fs::create_dir(path("work")).expect("a folder");
    let mut command = Command::new("bash");
    command
        .args(["-c", &script])
        .current_dir(path("work"))
        .env("PATH", format!("{}:{}", path("bin").display(), std::env::var("PATH").unwrap_or_default()))
        .env("RECORD", path("record"))
        .env("HF_ENDPOINT", double.base_url())
        .env("HF_TOKEN", HubDouble::TOKEN)
        .env("HOME", folder.path())
        .env("GIT_CONFIG_GLOBAL", path("gitconfig"))
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("no_proxy", "127.0.0.1");
    let hub = format!(
        "[url \"file://{}/\"]\n\tinsteadOf = https://huggingface.co/spaces/\n[user]\n\tname = Reader\n\temail = \
         reader@book.example\n[push]\n\tdefault = simple\n",
        path("hub").display()
    );
    std::fs::write(path("gitconfig"), hub).expect("written");
    let output = tokio::task::spawn_blocking(move || run(&mut command)).await.expect("no panic");
    assert_eq!(output.code, Some(0), "{}\n{}", output.stdout, output.stderr);

    let space = double.space("reader/rag-chatbot").expect("the Space was created");
    assert!(space.files.contains_key("book/docs/motors.md"));
    let said = output.stdout;
    for part in ["ok\n", "\"status\":\"healthy\"", "\"type\":\"done\"", "403\n422\n", "ok    citation"] {
        assert!(said.contains(part), "no {part:?} in\n{said}");
    }
    let record = std::fs::read_to_string(path("record")).expect("what was told to Docker");
    for part in [
        "docker build -t hf-rag-test hf-rag-test",
        "docker run -d --rm --name hf-rag-test -p 7860:7860",
        "git-lfs install",
    ] {
        assert!(record.contains(part), "no {part:?} in\n{record}");
    }
    // Upload, redeployment, and one step back.
    let log = git(&["-C", "hub/reader/rag-chatbot", "log", "--format=%s", "main"]);
    let expected =
        ["Revert \"The book of today\"", "The book of today", "Docent and the book", "initial commit"];
    assert_eq!(log.lines().collect::<Vec<_>>(), expected);
    let files = git(&["-C", "hub/reader/rag-chatbot", "ls-tree", "-r", "--name-only", "main"]);
    for file in
        ["Dockerfile", "README.md", ".gitattributes", "book/docs/motors.md", "crates/docent/src/main.rs"]
    {
        assert!(files.lines().any(|line| line == file), "{file} was not pushed");
    }
}
