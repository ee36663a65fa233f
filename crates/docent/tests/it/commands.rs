//! The command line: what it prints for programs, and how it refuses.

use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{MOTORS, Output, QUESTION, docent, run, write_book};

fn folder() -> TempDir {
    let folder = TempDir::new().expect("a folder");
    write_book(&folder.path().join("book"), MOTORS);
    folder
}

/// Runs `docent` with these words in `folder`.
fn said(folder: &Path, words: &[&str]) -> Output {
    run(docent(folder).args(words))
}

/// The one JSON value on standard output of a run that went well.
fn json_of(folder: &Path, words: &[&str]) -> Value {
    let output = said(folder, words);
    assert_eq!(output.code, Some(0), "{words:?}: {}", output.stderr);
    serde_json::from_str(&output.stdout)
        .unwrap_or_else(|error| panic!("{words:?}: {error}: {}", output.stdout))
}

fn keys(value: &Value) -> Vec<&str> {
    let mut keys: Vec<&str> = value.as_object().expect("an object").keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

#[test]
fn all_configuration_problems_are_told_at_once() {
    let folder = folder();
    std::fs::write(
        folder.path().join("docent.toml"),
        "colour = \"green\"\nGEMINI_API_KEY = \"secret-in-file\"\n",
    )
    .expect("written");
    for words in [&["serve", "book"][..], &["ingest", "book"], &["ask", QUESTION], &["config"]] {
        let output = run(docent(folder.path())
            .args(words)
            .env("PORT", "http")
            .env("DOCENT_EMBEDDER", "magic")
            .env("ALLOWED_ORIGINS", "*, https://book.example")
            .env("OPENAI_API_KEY", "sk-very-secret")
            .env("DOCENT_MAX_STREAMS", "0"));
        assert_eq!(output.code, Some(78), "{words:?}: {}", output.stderr);
        let variables = [
            "colour",
            "GEMINI_API_KEY",
            "PORT",
            "DOCENT_EMBEDDER",
            "ALLOWED_ORIGINS",
            "OPENAI_BASE_URL",
            "DOCENT_MAX_STREAMS",
        ];
        for variable in variables {
            assert!(
                output.stderr.contains(variable),
                "{words:?}: {variable} is not named in\n{}",
                output.stderr
            );
        }
        assert!(output.stderr.contains("7 configuration problems"), "{}", output.stderr);
        assert!(output.stderr.contains("from 0 to 65535") && output.stderr.contains("auto, local, gemini"));
        let all = output.stderr + &output.stdout;
        assert!(
            !all.contains("very-secret") && !all.contains("secret-in-file"),
            "{words:?} shows a secret:\n{all}"
        );
    }
}

#[test]
fn config_shows_values_and_who_set_them_but_no_secret() {
    let folder = folder();
    std::fs::write(folder.path().join("docent.toml"), "log_level = \"warn\"\n").expect("written");
    std::fs::write(folder.path().join(".env"), "export GEMINI_MODEL='gemini-3.8-flash'\n").expect("written");
    let output = run(docent(folder.path())
        .args(["config", "--json"])
        .env("GEMINI_API_KEY", " \"AQ.very-secret\" ")
        .env("OPENAI_BASE_URL", "https://user:very-secret@host.example/v1?key=very-secret")
        .env("OPENAI_MODEL", "m"));
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    assert!(!output.stdout.contains("very-secret"), "{}", output.stdout);
    let config: Value = serde_json::from_str(&output.stdout).expect("JSON");
    let shown = |name: &str| {
        let setting =
            config["settings"].as_array().into_iter().flatten().find(|setting| setting["name"] == name);
        let setting = setting.unwrap_or_else(|| panic!("no {name}"));
        format!(
            "{} from {}",
            setting["value"].as_str().unwrap_or("?"),
            setting["origin"].as_str().unwrap_or("?")
        )
    };
    assert_eq!(shown("LOG_LEVEL"), "warn from docent.toml");
    assert_eq!(shown("GEMINI_MODEL"), "gemini-3.8-flash from .env");
    assert_eq!(shown("GEMINI_API_KEY"), "*** from environment");
    assert_eq!(shown("OPENAI_BASE_URL"), "https://host.example/v1 from environment");
    assert_eq!(shown("DOCENT_MAX_STREAMS"), "1024 from default");
}

#[test]
fn a_book_that_is_not_there_is_named() {
    let folder = folder();
    std::fs::create_dir(folder.path().join("empty")).expect("a folder");
    std::fs::write(folder.path().join("file"), "text").expect("a file");
    for (book, reason) in
        [("nowhere", "does not exist"), ("empty", "holds no Markdown page"), ("file", "is not a folder")]
    {
        for words in
            [&["serve", book][..], &["ingest", book], &["inspect", book], &["ask", "x", "--book", book]]
        {
            let output = said(folder.path(), words);
            assert_eq!(output.code, Some(66), "{words:?}: {}", output.stderr);
            assert!(output.stderr.contains(book) && output.stderr.contains(reason), "{}", output.stderr);
        }
    }
    for words in [&["serve"][..], &["ask", "x"], &["search", "x"]] {
        let output = said(folder.path(), words);
        assert_eq!(output.code, Some(66), "{words:?}: {}", output.stderr);
        assert!(output.stderr.contains("index.docent") && output.stderr.contains("docent ingest"));
    }
}

#[test]
fn ask_prints_one_object_for_programs_and_text_with_links_for_people() {
    let folder = folder();
    let answer = json_of(folder.path(), &["ask", QUESTION, "--book", "book", "--json"]);
    assert_eq!(
        keys(&answer),
        ["answer", "degraded", "error", "notices", "outcome", "sources", "suggestions", "usage"]
    );
    assert_eq!(answer["outcome"], "answered");
    assert_eq!(answer["sources"][0]["file"], "docs/motors.md");
    // The index of the last ingest is used from here on.
    let people = said(folder.path(), &["ask", QUESTION]);
    assert_eq!(people.code, Some(0), "{}", people.stderr);
    assert!(people.stdout.starts_with(answer["answer"].as_str().expect("text")), "{}", people.stdout);
    assert!(
        people.stdout.contains("[1] Motors | Torque\n    /docs/motors#torque:~:text="),
        "{}",
        people.stdout
    );
    let selection = json_of(
        folder.path(),
        &["ask", "When does it slow down?", "--selection", "The wheel slows down at dusk.", "--json"],
    );
    assert!(
        selection["answer"].as_str().is_some_and(|text| text.contains("slows down at dusk")),
        "{selection}"
    );
    let refused = json_of(folder.path(), &["ask", "Who won yesterday's chess championship?", "--json"]);
    assert_eq!(refused["outcome"], "out_of_scope");
}

#[test]
fn search_explains_itself() {
    let folder = folder();
    let found =
        json_of(folder.path(), &["search", "wet concrete", "--book", "book", "--json", "--limit", "2"]);
    assert!(
        ["degraded", "evidence", "hits", "query", "verdict"].iter().all(|key| keys(&found).contains(key))
    );
    let hit = &found["hits"][0];
    assert_eq!(
        keys(hit),
        [
            "anchor",
            "content",
            "cosine",
            "file",
            "heading_path",
            "id",
            "lexical",
            "rank",
            "score",
            "title",
            "url"
        ]
    );
    assert_eq!(
        (&hit["rank"], &hit["file"], &hit["anchor"]),
        (&json!(1), &json!("docs/wheels.md"), &json!("tyres"))
    );
    let lexical = &hit["lexical"];
    let fields = ["title", "headings", "body", "code"]
        .map(|field| lexical["fields"][field].as_f64().expect("a score"));
    let sum: f64 = fields.iter().sum();
    assert!((sum - lexical["score"].as_f64().expect("a score")).abs() < 1e-3, "{lexical}");
    let people = said(folder.path(), &["search", "wet concrete"]);
    assert!(
        people.stdout.contains("/docs/wheels#tyres") && people.stdout.contains("verdict"),
        "{}",
        people.stdout
    );
}

#[test]
fn inspect_prints_one_line_a_section() {
    let folder = folder();
    let output = said(folder.path(), &["inspect", "book", "--json"]);
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    let lines: Vec<Value> =
        output.stdout.lines().map(|line| serde_json::from_str(line).expect("JSON on every line")).collect();
    for line in &lines {
        assert_eq!(
            keys(line),
            ["anchor", "chunks", "file", "heading_path", "route", "tokens", "url", "warnings"]
        );
    }
    let places: Vec<String> = lines
        .iter()
        .map(|line| {
            format!("{}#{}", line["route"].as_str().unwrap_or("?"), line["anchor"].as_str().unwrap_or(""))
        })
        .collect();
    assert_eq!(
        places,
        [
            "/docs/motors#",
            "/docs/motors#torque",
            "/docs/motors#speed",
            "/docs/wheels#",
            "/docs/wheels#tyres",
            "/docs/wheels#bearings"
        ]
    );
    assert!(lines.iter().all(|line| line["chunks"] == 1 && line["tokens"].as_u64() > Some(0)));
    assert!(!folder.path().join(".docent").exists(), "looking writes nothing");
}

#[test]
fn eval_prints_one_object_with_the_agreed_figures() {
    let folder = folder();
    let set = folder.path().join("set");
    std::fs::create_dir(&set).expect("a folder");
    let corpus = [
        json!({"id": "a", "title": "Levers", "text": "A lever multiplies force over a short way."}),
        json!({"id": "b", "title": "Wheels", "text": "Rubber tyres grip wet concrete."}),
        json!({"id": "c", "title": "Gears", "text": "Gears change speed and direction of a shaft."}),
    ];
    let queries = [
        json!({"id": "1", "text": "What multiplies force?", "answerable": true}),
        json!({"id": "2", "text": "Which tyres grip wet concrete?", "answerable": true}),
        json!({"id": "3", "text": "Who painted yonder cathedral?", "answerable": false}),
    ];
    let lines = |values: &[Value]| values.iter().map(|value| format!("{value}\n")).collect::<String>();
    for (name, text) in [
        ("corpus.jsonl", lines(&corpus)),
        ("queries.jsonl", lines(&queries)),
        ("qrels.tsv", "query-id\tcorpus-id\tgrade\n1\ta\t2\n2\tb\t1\n".into()),
    ] {
        std::fs::write(set.join(name), text).expect("written");
    }
    let scores = json_of(folder.path(), &["eval", "--set", "set", "--embedder", "none", "--json"]);
    for measure in ["ndcg@10", "recall@5", "recall@10", "mrr@10", "refusal_recall"] {
        assert_eq!(scores[measure], 1.0, "{measure}: {scores}");
    }
    assert_eq!(scores["wrong_refusals"], 0.0);
    assert!(scores["latency_ms"]["p50"].is_number() && scores["latency_ms"]["p95"].is_number());
    assert_eq!(scores["counts"]["queries"], 3);
    assert!(scores["settings"].is_object());
    let scores = json_of(
        folder.path(),
        &[
            "eval",
            "--set",
            "set",
            "--embedder",
            "none",
            "--answers",
            "--json",
            "--details",
            "one.jsonl",
            "--html",
            "report.html",
            "--junit",
            "junit.xml",
        ],
    );
    for measure in ["citation_validity", "citation_support", "auroc", "out_of_scope_precision"] {
        assert_eq!(scores[measure], 1.0, "{measure}: {scores}");
    }
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).expect(name);
    assert_eq!(read("junit.xml").matches("<testcase").count(), 4, "{}", read("junit.xml"));
    let page = read("report.html");
    assert!(page.contains("<svg") && !page.contains("http"), "it loads nothing: {page}");
    let same = said(folder.path(), &["eval", "--compare", "one.jsonl", "one.jsonl"]);
    assert_eq!(same.code, Some(0), "{}", same.stderr);
    let worse = read("one.jsonl").replace("\"ndcg@10\":1.0", "\"ndcg@10\":0.0");
    let many: String =
        (0..9).map(|copy| read("one.jsonl").replace("\"id\":\"", &format!("\"id\":\"{copy}"))).collect();
    let many_worse: String =
        (0..9).map(|copy| worse.replace("\"id\":\"", &format!("\"id\":\"{copy}"))).collect();
    std::fs::write(folder.path().join("many.jsonl"), many).expect("written");
    std::fs::write(folder.path().join("worse.jsonl"), many_worse).expect("written");
    let worse = said(folder.path(), &["eval", "--compare", "many.jsonl", "worse.jsonl"]);
    assert_eq!(worse.code, Some(1), "{}", worse.stdout);
    assert!(worse.stderr.contains("worse by more than chance: ndcg@10"), "{}", worse.stderr);
    let missing = said(folder.path(), &["eval", "--set", "nowhere", "--json"]);
    assert_eq!(missing.code, Some(66), "{}", missing.stderr);
    assert!(missing.stderr.contains("nowhere"), "{}", missing.stderr);
}

#[test]
fn eval_claims_measures_what_is_seen_of_inventions() {
    let folder = folder();
    let set = folder.path().join("set");
    std::fs::create_dir(&set).expect("a folder");
    let corpus = [
        json!({"id": "a", "title": "Levers", "text": "Archimedes of Syracuse moved a ship of 40 tons with one lever."}),
        json!({"id": "b", "title": "Wheels", "text": "Potters in Uruk turned clay on 12 wheels long before Rome had any."}),
    ];
    let query = json!({"id": "1", "text": "Who moved a ship with one lever?", "answers": ["Archimedes"]});
    for (name, text) in [
        ("corpus.jsonl", corpus.iter().map(|entry| format!("{entry}\n")).collect::<String>()),
        ("queries.jsonl", query.to_string()),
        ("qrels.tsv", "query-id\tcorpus-id\tgrade\n1\ta\t2\n".into()),
        ("met.toml", "[claims.none]\nplain_caught = 1.0\nwrongly_marked = 0.0\n".into()),
        ("missed.toml", "[claims.none]\nwrongly_marked = -0.1\n".into()),
        ("other.toml", "[local]\nauroc = 0.9\n".into()),
    ] {
        std::fs::write(set.join(name), text).expect("written");
    }
    let claims = ["eval", "claims", "--set", "set", "--embedder", "none"];
    let figures = json_of(folder.path(), &[&claims[..], &["--json", "--details", "said.jsonl"]].concat());
    assert_eq!(
        (&figures["plain_caught"], &figures["wrongly_marked"]),
        (&json!(1.0), &json!(0.0)),
        "{figures}"
    );
    let told = std::fs::read_to_string(folder.path().join("said.jsonl")).expect("details");
    assert!(told.contains("Archimedes moved a ship with one lever [1]."), "{told}");
    for (floors, code, words) in [
        ("set/met.toml", Some(0), ""),
        ("set/missed.toml", Some(1), "above its ceiling"),
        ("set/other.toml", Some(1), "no table [claims.none]"),
    ] {
        let ended = said(folder.path(), &[&claims[..], &["--floors", floors]].concat());
        assert_eq!(ended.code, code, "{floors}: {}", ended.stderr);
        assert!(ended.stderr.contains(words), "{floors}: {}", ended.stderr);
    }
}

#[test]
fn a_report_shows_all_sets_what_each_step_brings_and_what_changed() {
    let folder = folder();
    for (set, question) in [("one", "What is torque measured in?"), ("two", "Which tyres grip wet concrete?")]
    {
        let corpus = folder.path().join(set);
        std::fs::create_dir(&corpus).expect("a folder");
        let lines = [
            ("corpus.jsonl", r#"{"id": "a", "title": "Torque", "text": "It is measured in newton metres."}"#),
            ("queries.jsonl", &json!({"id": "1", "text": question}).to_string()),
            ("qrels.tsv", "query-id\tcorpus-id\tgrade\n1\ta\t2"),
        ];
        for (name, text) in lines {
            std::fs::write(corpus.join(name), format!("{text}\n")).expect("written");
        }
    }
    let report = ["eval", "report", "--corpus", "one", "--corpus", "two", "--embedder", "none"];
    let mut runs = json_of(folder.path(), &[&report[..], &["--ablate", "--json"]].concat());
    let asked = |run: &Value| (run["set"].clone(), run["asked"].clone());
    let list = runs["runs"].as_array_mut().expect("runs");
    assert!(list.iter().any(|run| asked(run) == (json!("two"), json!("with slips"))), "{list:?}");
    assert!(list.iter().any(|run| asked(run) == (json!("one"), json!("without fields"))), "{list:?}");
    assert!(!list.iter().any(|run| run["asked"] == "without words"), "nothing would be left");
    let plain = list.iter_mut().find(|run| asked(run) == (json!("one"), json!("as it is"))).expect("a run");
    assert_eq!(plain["scores"]["ndcg@10"], 1.0);
    plain["scores"]["ndcg@10"] = json!(0.9);
    std::fs::write(folder.path().join("before.json"), runs.to_string()).expect("written");

    let compared = [&report[..], &["--ablate", "--before", "before.json", "--html", "all.html"]].concat();
    let said = said(folder.path(), &compared);
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    assert!(said.stdout.contains("1.000 (+100)"), "{}", said.stdout);
    let page = std::fs::read_to_string(folder.path().join("all.html")).expect("the page");
    assert!(page.contains("1.000 (+100)") && page.matches("<details>").count() == 2, "{page}");
    assert!(page.contains("What each step brings") && !page.contains("http"), "it loads nothing: {page}");
}

#[test]
fn a_drafted_set_can_be_measured_and_is_not_overwritten() {
    let folder = folder();
    let drafted = said(folder.path(), &["eval", "init", "book", "--set", "draft"]);
    assert_eq!(drafted.code, Some(0), "{}", drafted.stderr);
    let scores =
        json_of(folder.path(), &["eval", "--set", "draft", "--book", "book", "--embedder", "none", "--json"]);
    assert_eq!(scores["counts"]["missing_ids"], 0, "{scores}");
    assert!(scores["ndcg@10"].as_f64() > Some(0.5), "{scores}");
    let again = said(folder.path(), &["eval", "init", "book", "--set", "draft"]);
    assert_ne!(again.code, Some(0));
    assert!(again.stderr.contains("holds a set already"), "{}", again.stderr);
}

#[test]
fn openapi_prints_the_description() {
    let folder = folder();
    let document = json_of(folder.path(), &["openapi"]);
    assert!(document["paths"]["/api/chat"].is_object());
}

#[test]
fn a_reader_that_closes_the_pipe_is_no_failure() {
    let folder = folder();
    let words = format!("{} inspect book --json | head -n 1", env!("CARGO_BIN_EXE_docent"));
    let mut shell = std::process::Command::new("bash");
    let output = run(shell.args(["-o", "pipefail", "-c", &words]).current_dir(folder.path()));
    assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""));
    assert_eq!(output.stdout.lines().count(), 1);
}
