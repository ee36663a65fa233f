//! Books that live in Qdrant, with and without an index file beside it. The whole manual in Qdrant and in the index file: the same questions find the same passages, although Qdrant fuses the
//! legs in its own way first and sends only the best of that.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use corpus::BookOptions;
use docent::config::{Config, Values};
use docent::ingest::qdrant::sync;
use docent::ingest::{Progress, plan};
use docent::parts::Providers;
use docent::providers::qdrant::{Patience, Qdrant, path};
use docent::providers::{Secret, http_client};
use docent::retrieve::{
    PassageLimits, QdrantRetriever, Query, Retrieval, Retriever, SharedIndex, Vectors, Verdict, retrieve,
};
use docent::status::Services;
use doubles::{Fault, GeminiDouble, Operation, Planned, QdrantDouble};
use reqwest::Method;
use search::{Index, Step, Steps};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{MOTORS, QUESTION, Setup, TestServer};

/// Every so many questions of the set is asked: enough to see a difference, and seconds instead of a minute.
const EVERY: usize = 2;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_manual_is_found_in_qdrant_as_in_the_file() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let folder = TempDir::new().expect("a folder");
    let settings = Values::with(&[("DOCENT_EMBEDDER", "local")]);
    let config = Config::from_values(&settings, Vec::new()).expect("valid settings");
    let (embedder, _) =
        Providers::new(&config, &Services::default()).embedder(&config).expect("the local encoder");
    let path = folder.path().join("index.docent");
    let plan = plan(&root.join("docs"), &BookOptions::default(), &embedder, &path).await.expect("a plan");
    plan.run(&embedder, &Progress::Silent).await.expect("an index");
    // A collection holds no vectors of sentences, and no file stands beside it.
    let index = Index::open(&path).expect("the index").with_steps(Steps::ALL.without(Step::Sentences));

    let double = QdrantDouble::start().await;
    let client = Arc::new(Qdrant::new(http_client(), &double.base_url(), Some(&Secret::new(double.key()))));
    sync(&client, "manual", &index, &Progress::Silent).await.expect("a copy");
    let vectors = Vectors {
        fingerprint: embedder.fingerprint().expect("vectors").to_owned(),
        dimensions: embedder.dimensions(),
    };
    let qdrant = QdrantRetriever::new(client, "manual", Some(vectors), None);
    qdrant.start().await.expect("a collection");
    let (qdrant, file) = (Retriever::Qdrant(qdrant), Retriever::File(SharedIndex::new(index)));

    let set = std::fs::read_to_string(root.join("evals/manual/queries.jsonl")).expect("the question set");
    let limits = PassageLimits::default();
    let (mut asked, mut answered) = (0, 0);
    let (mut verdicts, mut first, mut ten, mut passages, mut links) = (0, 0, 0, 0, 0);
    double.control().reset();
    for line in set.lines().step_by(EVERY) {
        let question: Value = serde_json::from_str(line).expect("JSON");
        let text = question["text"].as_str().expect("a question").to_owned();
        let query = Query { text, ..Query::default() };
        let expected = retrieve(&file, &embedder, &query, limits).await;
        let found = retrieve(&qdrant, &embedder, &query, limits).await;
        assert_eq!(found.degraded, None, "{}", query.text);
        let contents = |found: &Retrieval| -> Vec<String> {
            found.passages.iter().map(|passage| passage.content.clone()).collect()
        };
        let before = |found: &Retrieval| -> Vec<String> {
            found.passages.iter().map(|passage| passage.page_before.clone()).collect()
        };
        let best = |found: &Retrieval, count: usize| -> Vec<_> {
            found.hits.iter().take(count).map(|hit| found.index.chunk(hit.ordinal).to_chunk().id).collect()
        };
        asked += 1;
        verdicts += usize::from(found.verdict == expected.verdict);
        first += usize::from(best(&found, 1) == best(&expected, 1));
        ten += usize::from(best(&found, 10) == best(&expected, 10));
        if (found.verdict, expected.verdict) == (Verdict::Answerable, Verdict::Answerable) {
            answered += 1;
            passages += usize::from(contents(&found) == contents(&expected));
            links += usize::from(found.passages == expected.passages || before(&found) == before(&expected));
        }
    }
    println!(
        "{asked} questions, as in the file: verdict {verdicts}, first hit {first}, ten hits in order {ten}; of {answered} answered, passages {passages}, text before them {links}"
    );
    let calls = |operation| double.requests().iter().filter(|request| request.operation == operation).count();
    assert_eq!(calls(Operation::Query), asked, "one call searches");
    assert!(calls(Operation::Read) <= asked, "and at most one brings what stands around the passages");
    assert!(asked > 40, "{asked}");
    // Far from what a fault leaves of them (4 of 53 with all ten hits), and below what a change of the manual moves.
    let share = |count: usize| count * 100 / asked;
    assert!(share(verdicts) >= 92, "the same verdict for {verdicts} of {asked}");
    assert!(share(first) >= 92, "the same first hit for {first} of {asked}");
    assert!(share(ten) >= 70, "the same ten hits for {ten} of {asked}");
    assert!(passages * 100 / answered >= 80, "the same passages for {passages} of {answered}");
}

/// A second reader's question is answered from the cache, with the index file beside Qdrant and without it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_question_to_a_book_in_qdrant_is_paid_for_once() {
    for only_qdrant in [false, true] {
        let (gemini, qdrant) = (GeminiDouble::start().await, QdrantDouble::start().await);
        gemini.answer_always("Torque is measured in newton metres [1].");
        let setup = || Setup::new().gemini(&gemini).qdrant(&qdrant).with("DOCENT_ANSWER_CACHE", "10");
        let with_file = setup().start().await;
        let server = if only_qdrant { setup().only_qdrant().start().await } else { with_file };
        let row =
            server.get("/api/health").send().await.expect("a reply").json::<Value>().await.expect("JSON");
        let file = if only_qdrant { "not_configured" } else { "ok" };
        assert_eq!(row["services"]["index"]["status"], file, "{row}");
        for _ in 0..3 {
            let answer = server.ask(&json!({"message": QUESTION})).await;
            assert_eq!(answer.text(), "Torque is measured in newton metres [1].");
            // What a look at the unchanged collection finds is the same book.
            server.app.parts().expect("parts").probe(Duration::from_secs(10)).await;
        }
        let written =
            gemini.requests().iter().filter(|request| request.operation == Operation::Generate).count();
        assert_eq!(written, 1, "only Qdrant: {only_qdrant}");
    }
}

/// A page of a long section in three chunks; what is asked stands in the middle one.
fn long_page() -> String {
    let filler =
        |word: &str| format!("The {word} of the mill is old and turns slowly in the wind. ").repeat(30);
    format!(
        "# Mill\n\n## Sails\n\n{}\n\nA quagga weighs the flour on Tuesdays. {}\n\n{}\n",
        filler("roof"),
        filler("wheel"),
        filler("stone")
    )
}

/// What stands around a passage comes by a call of its own; when that fails, the answer stands without it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_does_not_hang_on_what_stands_around_its_passages() {
    let qdrant = QdrantDouble::start().await;
    let page = long_page();
    let book: Vec<(&str, &str)> = MOTORS.iter().copied().chain([("docs/mill.md", page.as_str())]).collect();
    let server = Setup::new().book(&book).qdrant(&qdrant).start().await;
    let ask = async || server.ask_whole(&json!({"message": "Who weighs the flour of the mill?"})).await;
    let whole = ask().await;
    qdrant.control().reset();
    let faults = [Fault::Status { code: 503 }, Fault::BadKey, Fault::Hang];
    for fault in faults {
        qdrant.plan(Planned::new(fault.clone()).on(Operation::Read).times(1));
        let bare = ask().await;
        assert_eq!(
            (&bare["outcome"], &bare["degraded"]),
            (&json!("answered"), &json!(false)),
            "{fault:?} {bare}"
        );
        assert!(bare["answer"].as_str().is_some_and(|text| text.contains("quagga")), "{fault:?} {bare}");
        assert_eq!(bare["sources"], whole["sources"], "{fault:?}");
    }
    let health = server.get("/api/health").send().await.expect("a reply");
    assert_eq!(health.status(), 200, "the search itself went well");
    qdrant.control().reset();
    server.ask_whole(&json!({"message": "Who won the cup final in Rome?"})).await;
    let reads = |qdrant: &QdrantDouble| -> Vec<Value> {
        let scrolls = qdrant.requests().into_iter().filter(|request| request.path.ends_with("/scroll"));
        scrolls.map(|request| request.body).collect()
    };
    assert_eq!(reads(&qdrant), [] as [Value; 0], "a question that is refused needs no more");

    // A collection of an older program knows no places until the next ingest; strict mode would refuse them.
    let client = Qdrant::new(http_client(), &qdrant.base_url(), Some(&Secret::new(qdrant.key())));
    let index = path("docusaurus-book", "/index/position");
    client.call(Method::DELETE, &index, None, Patience::Batch(Duration::from_secs(10))).await.expect("done");
    let older = Setup::new().book(&book).qdrant(&qdrant).only_qdrant().start().await;
    let found = older.ask_whole(&json!({"message": QUESTION})).await;
    assert_eq!(found["outcome"], "answered", "{found}");
    let asked = reads(&qdrant);
    assert_eq!(asked.len(), 1, "{asked:#?}");
    assert!(!asked[0].to_string().contains("position"), "{asked:#?}");
}

/// What the chat page of a server offers to ask.
async fn topics(server: &TestServer) -> Vec<String> {
    let html = server.get("/").send().await.expect("a reply").text().await.expect("a page");
    let (_, rest) = html.split_once("docent-topics\" content=\"").expect("topics");
    let (list, _) = rest.split_once('"').expect("an end");
    serde_json::from_str(&list.replace("&quot;", "\"")).expect("JSON")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_book_that_is_only_in_qdrant_says_what_it_speaks_of() {
    let text = "A lever lifts a stone with little force. ".repeat(10);
    let pages: Vec<(String, String)> =
        (10..30).map(|n| (format!("docs/{n}.md"), format!("# Page {n}\n\n{text}\n"))).collect();
    let pages: Vec<(&str, &str)> = pages.iter().map(|(file, text)| (file.as_str(), text.as_str())).collect();
    let qdrant = QdrantDouble::start().await;
    let with_file = Setup::new().book(&pages).qdrant(&qdrant).start().await;
    let expected = topics(&with_file).await;
    assert_eq!(expected.len(), 4, "{expected:?}");
    let reads = |path: &str| qdrant.requests().iter().filter(|request| request.path.ends_with(path)).count();

    qdrant.control().reset();
    let only = Setup::new().qdrant(&qdrant).only_qdrant().start().await;
    assert_eq!(topics(&only).await, expected, "as the notes of the collection say");
    assert_eq!(reads("/scroll"), 0);

    // Notes of an older program do not say it: some points are looked at, once.
    let client = Qdrant::new(http_client(), &qdrant.base_url(), Some(&Secret::new(qdrant.key())));
    let patience = Patience::Batch(Duration::from_secs(10));
    let name = qdrant.alias("docusaurus-book").expect("an alias");
    let gone = json!({"keys": ["topics"], "points": ["d0ce4700-0000-4000-8000-000000000000"]});
    client
        .call(Method::POST, &path(&name, "/points/payload/delete"), Some(&gone), patience)
        .await
        .expect("done");
    qdrant.control().reset();
    let older = Setup::new().qdrant(&qdrant).only_qdrant().start().await;
    assert_eq!(topics(&older).await, expected, "as its points say");
    older.app.parts().expect("parts").probe(Duration::from_secs(10)).await;
    assert_eq!(topics(&older).await, expected);
    assert_eq!(older.get("/api/health").send().await.expect("a reply").status(), 200);
    assert_eq!(reads("/scroll"), 1, "{:#?}", qdrant.requests());
}
