//! Dependencies run one way: between the crates as Cargo resolves them, and between the rooms of this crate as its sources
//! say. The allowed arrows are data; a new arrow is a decision and belongs into ARCHITECTURE.md as well.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Room of `docent/src` and the rooms that it may use. `main` and `commands` stand at the top and may use all.
const ARROWS: &[(&str, &[&str])] = &[
    ("secret", &[]),
    // How outside services are: whoever talks with one tells it here.
    ("status", &[]),
    // How long anybody waits for anything.
    ("times", &[]),
    ("metrics", &["status"]),
    ("database", &["secret"]),
    ("config", &["secret", "origins", "database"]),
    ("origins", &[]),
    ("providers", &["secret", "status", "times"]),
    ("retrieve", &["providers", "status", "times"]),
    ("answer", &["retrieve", "providers", "conversations", "times"]),
    ("conversations", &["answer", "database", "secret", "status", "times"]),
    ("turn", &["answer", "conversations", "metrics"]),
    ("parts", &["answer", "config", "conversations", "providers", "retrieve", "status", "times"]),
    (
        "http",
        &[
            "turn",
            "answer",
            "conversations",
            "retrieve",
            "parts",
            "config",
            "metrics",
            "origins",
            "secret",
            "status",
            "times",
        ],
    ),
    ("ingest", &["providers", "retrieve", "times"]),
    ("eval", &["answer", "conversations", "ingest", "retrieve"]),
    ("space", &["config", "providers", "secret"]),
    ("doctor", &["config", "conversations", "parts", "providers", "retrieve", "status"]),
];

/// Crates of the workspace and what they may build on, here and outside: `!name` must not be reached at all.
const CRATES: &[(&str, &[&str], &[&str])] = &[
    ("corpus", &[], &["tokio", "reqwest", "axum", "hyper", "sqlx"]),
    ("search", &["corpus"], &["tokio", "reqwest", "axum", "hyper", "sqlx"]),
    ("encoder", &[], &["tokio", "reqwest", "axum", "hyper", "sqlx", "corpus", "search"]),
    ("docent", &["corpus", "search", "encoder"], &["doubles"]),
];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("the sources") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
}

/// Rooms that a text uses by `crate::room`, also inside `use crate::{a, b::c}`.
fn used(source: &str) -> BTreeSet<String> {
    let mut rooms = BTreeSet::new();
    let code =
        source.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    for rest in code.split("crate::").skip(1) {
        let inner = match rest.strip_prefix('{') {
            Some(group) => group.split("};").next().unwrap_or(group),
            None => rest,
        };
        // The one part of `http` that the configuration needs is a room of its own in the picture.
        let inner = inner.replace("http::origins", "origins");
        let mut depth = 0;
        for piece in inner.split_inclusive(['{', '}', ',']) {
            let word: String =
                piece.trim_start().chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect();
            if depth == 0 && !word.is_empty() {
                rooms.insert(word);
            }
            depth += piece.matches('{').count() as i32 - piece.matches('}').count() as i32;
            if !rest.starts_with('{') {
                break;
            }
        }
    }
    rooms
}

#[test]
fn uses_are_read_from_sources() {
    let rooms = |source: &str| used(source).into_iter().collect::<Vec<_>>().join(" ");
    assert_eq!(rooms("use crate::answer::{Source, href};"), "answer");
    assert_eq!(rooms("use crate::{answer::{a, b}, turn};"), "answer turn");
    assert_eq!(rooms("let x = crate::parts::open();"), "parts");
    assert_eq!(rooms("//! [`crate::http`] is only spoken of\nuse crate::http::origins::X;"), "origins");
}

#[test]
fn rooms_use_each_other_only_along_the_arrows() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    let allowed: BTreeMap<&str, &[&str]> = ARROWS.iter().copied().collect();
    let mut wrong = Vec::new();
    for file in files {
        let inside = file.strip_prefix(&root).expect("below the root");
        let room =
            inside.iter().next().and_then(|first| first.to_str()).expect("a name").trim_end_matches(".rs");
        let room = if inside.ends_with("http/origins.rs") { "origins" } else { room };
        if matches!(room, "main" | "lib" | "commands") {
            continue;
        }
        let source = std::fs::read_to_string(&file).expect("a source");
        // Unit tests may reach further.
        let source = source.split("#[cfg(test)]\nmod").next().unwrap_or_default();
        if inside.ends_with("tests.rs") {
            continue;
        }
        let Some(allowed) = allowed.get(room) else {
            wrong.push(format!("{room} is a new room: say which rooms it may use"));
            continue;
        };
        for target in
            used(source).iter().filter(|target| *target != room && !allowed.contains(&target.as_str()))
        {
            wrong.push(format!("{} uses {target}", inside.display()));
        }
    }
    assert!(wrong.is_empty(), "arrows that point the wrong way:\n{}", wrong.join("\n"));
}

#[test]
fn crates_build_on_each_other_only_along_the_arrows() {
    let about = Command::new("rustc").arg("-vV").output().expect("rustc runs");
    let about = String::from_utf8_lossy(&about.stdout).into_owned();
    let host = about.lines().find_map(|line| line.strip_prefix("host: ")).expect("rustc names its host");
    // Crates of other platforms were never fetched, and need not be.
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--filter-platform", host])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let names: BTreeMap<String, String> = list(&metadata["packages"])
        .iter()
        .map(|package| (text(&package["id"]), text(&package["name"])))
        .collect();
    // What a crate is built with; what its tests use does not count.
    let built_with: BTreeMap<String, Vec<String>> = list(&metadata["resolve"]["nodes"])
        .iter()
        .map(|node| {
            let normal = list(&node["deps"])
                .into_iter()
                .filter(|dependency| list(&dependency["dep_kinds"]).iter().any(|kind| kind["kind"] != "dev"));
            (text(&node["id"]), normal.map(|dependency| text(&dependency["pkg"])).collect())
        })
        .collect();
    let members: BTreeSet<String> = list(&metadata["workspace_members"]).iter().map(text).collect();

    for (name, may_use, must_not_reach) in CRATES {
        let id = members.iter().find(|id| names[*id] == *name).unwrap_or_else(|| panic!("no crate {name}"));
        for dependency in &built_with[id] {
            let used = names[dependency].as_str();
            assert!(!members.contains(dependency) || may_use.contains(&used), "{name} builds on {used}");
        }
        let mut reached = BTreeSet::new();
        let mut waiting = vec![id.clone()];
        while let Some(id) = waiting.pop() {
            if reached.insert(id.clone()) {
                waiting.extend(built_with[&id].iter().cloned());
            }
        }
        let reached: BTreeSet<&str> = reached.iter().map(|id| names[id].as_str()).collect();
        for forbidden in *must_not_reach {
            assert!(!reached.contains(forbidden), "{name} reaches {forbidden}");
        }
    }
}
