//! A book becomes an index: only what is new is embedded, a kill loses nothing, a damaged file is refused and made anew.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use doubles::{Fault, GeminiDouble, Operation, Planned, Quota, Recorded};
use serde_json::Value;
use tempfile::TempDir;

use crate::support::{MOTORS, Running, docent, eventually, run, within_cap, write_book};

fn index_file(folder: &Path) -> PathBuf {
    folder.join(".docent/index.docent")
}

fn ingest(folder: &Path) -> Command {
    let mut command = docent(folder);
    command.args(["ingest", "book", "--json"]);
    command
}

fn with_embedder(mut command: Command, gemini: &GeminiDouble) -> Command {
    command
        .env("DOCENT_EMBEDDER", "gemini")
        .env("DOCENT_EMBEDDING_DIMENSIONS", "64")
        .env("DOCENT_EMBEDDINGS_PER_MINUTE", "0")
        .env("GEMINI_API_KEY", gemini.key())
        .env("DOCENT_GEMINI_BASE_URL", gemini.base_url());
    command
}

fn report(command: &mut Command) -> Value {
    let output = run(command);
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    serde_json::from_str(&output.stdout).expect("JSON")
}

/// Texts in all embedding calls that were answered.
fn embedded(gemini: &GeminiDouble) -> Vec<String> {
    let mut texts = Vec::new();
    for request in gemini.requests().iter().filter(|request| request.operation == Operation::Embed) {
        if request.completed.is_none() {
            continue;
        }
        let single = [request.body.clone()];
        let items = request.body["requests"].as_array().map_or(&single[..], Vec::as_slice);
        texts.extend(items.iter().map(|item| item["content"]["parts"][0]["text"].to_string()));
    }
    texts
}

#[test]
fn ingesting_twice_changes_nothing() {
    let folder = TempDir::new().expect("a folder");
    write_book(&folder.path().join("book"), MOTORS);
    let first = report(&mut ingest(folder.path()));
    assert_eq!((first["chunks"].as_u64(), first["added"].as_u64()), (Some(6), Some(6)));
    let bytes = std::fs::read(index_file(folder.path())).expect("the index");
    let second = report(&mut ingest(folder.path()));
    assert_eq!(second["unchanged"], true);
    assert_eq!((second["added"].as_u64(), second["removed"].as_u64()), (Some(0), Some(0)));
    assert_eq!(std::fs::read(index_file(folder.path())).expect("the index"), bytes);
    // Made from nothing, the same book gives the same bytes.
    std::fs::remove_file(index_file(folder.path())).expect("removed");
    report(&mut ingest(folder.path()));
    assert_eq!(std::fs::read(index_file(folder.path())).expect("the index"), bytes);
}

#[test]
fn a_plan_says_what_would_change_and_changes_nothing() {
    let folder = TempDir::new().expect("a folder");
    let book = folder.path().join("book");
    write_book(&book, MOTORS);
    let plan = report(ingest(folder.path()).arg("--plan"));
    assert_eq!(plan["added"], 6);
    assert!(!index_file(folder.path()).exists());
    report(&mut ingest(folder.path()));
    std::fs::remove_file(book.join("docs/wheels.md")).expect("removed");
    write_book(&book, &[("docs/new.md", "# New\n\nSomething new.\n")]);
    let plan = report(ingest(folder.path()).arg("--plan"));
    assert_eq!((plan["added"].as_u64(), plan["removed"].as_u64()), (Some(1), Some(3)));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_new_text_is_embedded() {
    let gemini = GeminiDouble::start().await;
    let folder = TempDir::new().expect("a folder");
    let book = folder.path().join("book");
    write_book(&book, MOTORS);
    let ingest = || with_embedder(ingest(folder.path()), &gemini);
    report(&mut ingest());
    assert_eq!(embedded(&gemini).len(), 6);
    report(&mut ingest());
    assert_eq!(embedded(&gemini).len(), 6, "nothing changed");
    write_book(&book, &[("docs/new.md", "# New\n\nSomething new.\n")]);
    let third = report(&mut ingest());
    assert_eq!(third["embedded"], 1);
    let texts = embedded(&gemini);
    assert_eq!(texts.len(), 7);
    assert!(texts[6].contains("Something new."), "{}", texts[6]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_embeds_only_the_chunks_that_it_changes() {
    let gemini = GeminiDouble::start().await;
    let folder = TempDir::new().expect("a folder");
    let book = folder.path().join("book");
    let page = |page: usize, edited: &str| {
        let sections: String = (0..5)
            .map(|part| {
                let edit = if part == 3 { edited } else { "" };
                format!("## Part {part}\n\nPart {part} of machine {page} weighs {part} grams.{edit}\n\n")
            })
            .collect();
        format!("# Machine {page}\n\n{sections}")
    };
    for number in 0..40 {
        write_book(&book, &[(&format!("docs/{number}.md"), &page(number, ""))]);
    }
    let ingest = || with_embedder(ingest(folder.path()), &gemini);
    let first = report(&mut ingest());
    assert_eq!((first["pages"].as_u64(), first["embedded"].as_u64()), (Some(40), Some(200)));
    gemini.reset();
    // A sentence in the fourth of five sections, and a section above all others.
    write_book(&book, &[("docs/7.md", &page(7, " It is made of brass."))]);
    write_book(&book, &[("docs/8.md", &page(8, "").replacen("## ", "## New\n\nWhat is new.\n\n## ", 1))]);
    let second = report(&mut ingest());
    assert_eq!((second["added"].as_u64(), second["removed"].as_u64()), (Some(2), Some(1)), "{second}");
    let texts = embedded(&gemini);
    assert_eq!(texts.len(), 2, "{texts:?}");
    assert!(texts.iter().any(|text| text.contains("made of brass")), "{texts:?}");
    gemini.reset();
    std::fs::rename(book.join("docs/9.md"), book.join("docs/nine.md")).expect("renamed");
    assert_eq!(report(&mut ingest())["chunks"], 201);
    assert_eq!(embedded(&gemini), Vec::<String>::new(), "the text of a page that was moved is known");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_ingest_goes_on_where_it_was() {
    let gemini = GeminiDouble::start().await;
    let folder = TempDir::new().expect("a folder");
    let sections: String = (0..1500)
        .map(|n| format!("## Part {n}\n\nThe part number {n} weighs {} grams.\n\n", n * 3))
        .collect();
    write_book(&folder.path().join("book"), &[("docs/parts.md", &format!("# Parts\n\n{sections}"))]);
    let mut killed = Running::start(&mut with_embedder(ingest(folder.path()), &gemini));
    eventually("two batches", async || (embedded(&gemini).len() >= 64).then_some(())).await;
    gemini.plan(Planned::new(Fault::Hang).on(Operation::Embed).always());
    // A call that came before may still be on its way back.
    let planned = Instant::now();
    let waiting = eventually("a call that waits", async || {
        let hangs = |request: &Recorded| request.received >= planned && request.completed.is_none();
        gemini.requests().iter().rposition(hangs)
    })
    .await;
    killed.kill();
    within_cap("the double noticing", gemini.disconnect_of(waiting)).await;

    let before: BTreeSet<String> = embedded(&gemini).into_iter().collect();
    gemini.reset();
    let report = report(&mut with_embedder(ingest(folder.path()), &gemini));
    let after: BTreeSet<String> = embedded(&gemini).into_iter().collect();
    assert!(before.len() >= 64 && !after.is_empty());
    assert_eq!(before.intersection(&after).count(), 0, "nothing is embedded twice");
    assert_eq!(report["chunks"], 1500);
    assert_eq!(before.len() + after.len(), 1500);
    let left: Vec<_> = std::fs::read_dir(folder.path().join(".docent")).expect("the folder").collect();
    assert_eq!(left.len(), 1, "the journal is gone: {left:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_embedder_leaves_the_old_index_and_what_was_embedded() {
    let gemini = GeminiDouble::start().await;
    let folder = TempDir::new().expect("a folder");
    write_book(&folder.path().join("book"), MOTORS);
    gemini.plan(Planned::new(Fault::BadKey).on(Operation::Embed).always());
    let output = run(&mut with_embedder(ingest(folder.path()), &gemini));
    assert_eq!(output.code, Some(1));
    assert!(output.stderr.contains("GEMINI_API_KEY"), "{}", output.stderr);
    assert!(!output.stderr.contains(gemini.key()), "the key is not shown: {}", output.stderr);
    assert!(!index_file(folder.path()).exists());
}

#[test]
fn a_damaged_index_is_refused_and_made_anew_from_the_book() {
    let folder = TempDir::new().expect("a folder");
    write_book(&folder.path().join("book"), MOTORS);
    report(&mut ingest(folder.path()));
    let path = index_file(folder.path());
    let whole = std::fs::read(&path).expect("the index");
    let mut flipped = whole.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 0x40;
    let mut other_version = whole.clone();
    other_version[8] ^= 0x7f;
    for (what, bytes) in [
        ("cut", whole[..whole.len() - 9].to_vec()),
        ("cut to nothing", Vec::new()),
        ("flipped", flipped),
        ("another version", other_version),
        ("something else", b"PK\x03\x04 not an index at all".repeat(40)),
    ] {
        std::fs::write(&path, &bytes).expect("damaged");
        let output = run(docent(folder.path()).arg("serve"));
        assert!(output.code.is_some_and(|code| code != 0), "{what}: {}", output.stderr);
        assert!(
            output.stderr.contains("index.docent") && output.stderr.contains("docent ingest"),
            "{what}: {}",
            output.stderr
        );
        let mut command = docent(folder.path());
        let mut server = Running::start(command.args(["serve", "book"]));
        server.url();
        drop(server);
        assert_eq!(std::fs::read(&path).expect("the index"), whole, "{what}");
    }
}

#[test]
fn an_index_of_another_embedder_is_not_mixed_with_ours() {
    let folder = TempDir::new().expect("a folder");
    write_book(&folder.path().join("book"), MOTORS);
    let local = report(ingest(folder.path()).env("DOCENT_EMBEDDER", "local"));
    assert_eq!(local["embedded"], 6);
    let none = report(&mut ingest(folder.path()));
    assert_eq!((none["embedder"].as_str(), none["unchanged"].as_bool()), (Some(""), Some(false)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_of_the_minute_is_waited_for_and_one_of_the_day_is_not() {
    let gemini = GeminiDouble::start().await;
    let folder = TempDir::new().expect("a folder");
    write_book(&folder.path().join("book"), MOTORS);
    let limit = |quota| Planned::new(Fault::RateLimited { quota, retry_after_ms: 20 }).on(Operation::Embed);
    gemini.plan(limit(Quota::Day));
    let output = run(&mut with_embedder(ingest(folder.path()), &gemini));
    assert!(output.code == Some(1) && output.stderr.contains("no quota left for today"), "{}", output.stderr);
    // More refusals than one call would try again.
    gemini.plan(limit(Quota::Minute).times(6));
    let mut command = with_embedder(ingest(folder.path()), &gemini);
    let made = report(command.env("DOCENT_EMBEDDINGS_PER_MINUTE", "6000"));
    assert_eq!((made["embedded"].as_u64(), made["paced_seconds"].as_u64()), (Some(6), Some(0)));
}
