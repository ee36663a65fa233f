//! What becomes of a Space: the files in `huggingface-spaces/`, and the tree that `docent space export` writes.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use docent::space::card::Card;
use serde_json::Value;
use tempfile::TempDir;

use crate::support::{MOTORS, Output, docent, run, write_book};

fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the checkout")
}

fn source(path: &str) -> String {
    std::fs::read_to_string(sources().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn folder() -> TempDir {
    let folder = TempDir::new().expect("a folder");
    write_book(&folder.path().join("book"), MOTORS);
    folder
}

fn export(folder: &Path, words: &[&str]) -> Output {
    let source = sources().display().to_string();
    let mut all = vec!["space", "export", "space", "--source", &source];
    all.extend_from_slice(words);
    run(docent(folder).args(all))
}

fn files(folder: &Path) -> BTreeSet<String> {
    fn walk(root: &Path, folder: &Path, found: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            assert!(!path.is_symlink(), "{} is a symlink", path.display());
            if path.is_dir() {
                walk(root, &path, found);
            } else {
                found.insert(path.strip_prefix(root).expect("below").display().to_string());
            }
        }
    }
    let mut found = BTreeSet::new();
    walk(folder, folder, &mut found);
    found
}

#[test]
fn the_card_is_what_the_hub_reads() {
    let card = Card::parse(&source("huggingface-spaces/README.md")).expect("a card that the Hub takes");
    let expected = [
        ("title", "RAG Chatbot Backend"),
        ("emoji", "🤖"),
        ("colorFrom", "blue"),
        ("colorTo", "purple"),
        ("sdk", "docker"),
        ("app_port", "7860"),
        ("short_description", "Rust RAG chatbot with Gemini + Qdrant"),
    ];
    let found: Vec<(&str, &str)> =
        card.entries.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    assert_eq!(found, expected);
}

#[test]
fn the_readme_names_what_an_author_sets_and_reads() {
    let readme = source("huggingface-spaces/README.md");
    let parts = [
        "## Endpoints",
        "## Secrets",
        "## Configuration",
        "### When a secret is missing or wrong",
        "### CORS",
        "### Health response",
        "### Cold start",
        "| `GEMINI_API_KEY`",
        "| `QDRANT_URL`",
        "| `QDRANT_API_KEY`",
        "| `QDRANT_COLLECTION`",
        "| `DATABASE_URL`",
        "sslmode=require",
        "| `ALLOWED_ORIGINS`",
        "| `LOG_LEVEL`",
        "POST /api/chat",
        "GET /api/health",
        "48 hours",
        "Preview deployments",
    ];
    for part in parts {
        assert!(readme.contains(part), "README.md says nothing of {part}");
    }
}

#[test]
fn the_dockerfile_keeps_the_rules_of_spaces() {
    let dockerfile = source("huggingface-spaces/Dockerfile");
    let (stages, image) = dockerfile.split_once("\nFROM scratch\n").expect("an image");
    let (build, system) = stages.split_once("FROM debian:bookworm-slim AS system").expect("a system");
    assert!(build.contains("FROM rust:1-slim-bookworm AS build"));
    // A change of the code must not build the dependencies again.
    let place = |text: &str| build.find(text).unwrap_or_else(|| panic!("no {text}"));
    let (manifests, sources) = (place("COPY --from=manifests"), build.rfind("COPY crates crates"));
    assert!(manifests < place("cargo build") && Some(place("cargo build")) < sources);
    // A crate that is added to the workspace needs no line here.
    assert!(!build.contains("crates/docent") && !build.contains("corpus"), "crates are named");
    let lines: Vec<&str> = image.lines().collect();
    let line = |start: &str| {
        lines.iter().position(|line| line.starts_with(start)).unwrap_or_else(|| panic!("no {start}"))
    };
    assert!(line("RUN useradd -m -u 1000 user") < line("USER user"));
    for (number, copy) in lines.iter().enumerate().filter(|(_, line)| line.starts_with("COPY")) {
        assert!(number > line("USER user") && copy.contains("--chown=user"), "{copy}");
    }
    for part in ["EXPOSE 7860", "HOST=0.0.0.0", "PORT=7860", "PATH=/usr/local/sbin:", "MALLOC_ARENA_MAX=2"] {
        assert!(image.contains(part), "no {part}");
    }
    // Health checks and certificates; and root's files stay root's, so they come without COPY.
    assert!(system.contains("ca-certificates curl\n") && !system.contains("\nCOPY"), "{system}");
    assert!(line("RUN --mount=type=bind,from=system") < line("RUN useradd"));
    assert!(lines[line("HEALTHCHECK") + 1].contains("\"curl\""), "no curl in the health check");
    for line in dockerfile.lines().filter(|line| !line.starts_with('#')) {
        assert!(!["KEY", "TOKEN", "DATABASE", "secret"].iter().any(|word| line.contains(word)), "{line}");
    }
    assert!(!dockerfile.contains("/data/docent \\"), "/data is not there by default");
}

#[test]
fn an_exported_tree_is_whole_and_builds() {
    let folder = folder();
    let book = folder.path().join("book");
    std::fs::write(book.join(".env"), "GEMINI_API_KEY=AQ.very-secret").expect("written");
    std::fs::write(book.join("docs/plan.png"), b"\x89PNG\0\0").expect("written");
    std::os::unix::fs::symlink("/etc/passwd", book.join("docs/link.md")).expect("linked");
    let output = export(folder.path(), &["--book", "book", "--json"]);
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    let exported: Value = serde_json::from_str(&output.stdout).expect("JSON");
    assert!(exported["left_out"].to_string().contains("a symlink"), "{exported}");
    let tree = folder.path().join("space");
    let found = files(&tree);
    for file in ["Dockerfile", "README.md", "Cargo.lock", "crates/docent/src/main.rs", "book/docs/motors.md"]
    {
        assert!(found.contains(file), "no {file} in {found:?}");
    }
    for file in ["book/.env", "book/docs/link.md", "book/docs/plan.png", "crates/docent/tests/it/main.rs"] {
        assert!(!found.contains(file), "{file} was exported");
    }
    assert!(Card::parse(&std::fs::read_to_string(tree.join("README.md")).expect("a README")).is_ok());

    // Every file that Git would call binary travels by LFS, and no other.
    let rules = std::fs::read_to_string(tree.join(".gitattributes")).expect("rules");
    for file in &found {
        let bytes = std::fs::read(tree.join(file)).expect("a file");
        let ruled = rules.contains(&format!("{file} filter=lfs diff=lfs merge=lfs -text\n"));
        assert_eq!(bytes.iter().take(8000).any(|byte| *byte == 0), ruled, "{file}");
    }

    // Cargo finds a whole workspace that agrees with its lock file.
    let cargo = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--offline", "--no-deps"])
        .current_dir(&tree)
        .output()
        .expect("cargo runs");
    assert!(cargo.status.success(), "{}", String::from_utf8_lossy(&cargo.stderr));
}

#[test]
fn an_export_replaces_the_last_one_and_nothing_else() {
    let folder = folder();
    assert_eq!(export(folder.path(), &["--book", "book"]).code, Some(0));
    let tree = folder.path().join("space");
    std::fs::write(tree.join("notes.txt"), "mine").expect("written");
    std::fs::remove_file(folder.path().join("book/docs/wheels.md")).expect("removed");
    assert_eq!(export(folder.path(), &["--book", "book"]).code, Some(0));
    assert!(!tree.join("book/docs/wheels.md").exists(), "a page that is gone from the book");
    assert!(tree.join("notes.txt").exists());

    std::fs::remove_file(tree.join(".docent-space")).expect("removed");
    let output = export(folder.path(), &["--book", "book"]);
    assert!(output.code == Some(1) && output.stderr.contains("holds other files"), "{output:?}");
    let output = export(folder.path(), &["--book", "nowhere"]);
    assert!(output.code == Some(1) && output.stderr.contains("nowhere"), "{output:?}");
}

#[test]
fn without_a_book_the_index_of_the_last_ingest_goes_along() {
    let folder = folder();
    assert_eq!(run(docent(folder.path()).args(["ingest", "book"])).code, Some(0));
    let output = run(docent(folder.path()).args(["space", "export", "space", "--prebuilt"]));
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    let tree = folder.path().join("space");
    let found = files(&tree);
    let expected =
        [".docent-space", ".dockerignore", ".gitattributes", "Dockerfile", "README.md", "bin/docent"];
    assert_eq!(
        found.iter().map(String::as_str).collect::<Vec<_>>(),
        [&expected[..], &["book/index.docent"]].concat()
    );
    let rules = std::fs::read_to_string(tree.join(".gitattributes")).expect("rules");
    assert!(rules.contains("bin/docent filter=lfs") && rules.contains("book/index.docent filter=lfs"));
    let dockerfile = std::fs::read_to_string(tree.join("Dockerfile")).expect("a Dockerfile");
    assert!(dockerfile.contains("COPY bin/docent") && !dockerfile.contains("rust"), "{dockerfile}");
}

#[test]
fn an_index_may_lie_outside_of_the_data_folder() {
    let folder = folder();
    assert_eq!(run(docent(folder.path()).args(["ingest", "book"])).code, Some(0));
    std::fs::rename(folder.path().join(".docent/index.docent"), folder.path().join("the.index"))
        .expect("moved");
    let output =
        run(docent(folder.path()).args(["search", "torque", "--json"]).env("DOCENT_INDEX_FILE", "the.index"));
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    assert!(output.stdout.contains("motors"), "{}", output.stdout);
}
