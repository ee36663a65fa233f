//! Questions about the book and the page as a whole, and questions that point at the page that the reader looks at.

use doubles::{GeminiDouble, Operation};
use serde_json::{Value, json};

use crate::support::{Setup, TestServer, Transcript};

const PAGE: &str = "https://preview.example/docs/wheels/?from=mail#tyres";

fn headings(answer: &Transcript) -> Vec<String> {
    let sources = answer.event("sources")["sources"].clone();
    let heading = |source: &Value| source["heading"].as_str().unwrap_or_default().to_owned();
    sources.as_array().into_iter().flatten().map(heading).collect()
}

fn asked_of(gemini: &GeminiDouble) -> Vec<String> {
    let requests = gemini.requests().into_iter();
    requests
        .filter(|request| request.operation == Operation::Generate)
        .map(|request| request.body.to_string())
        .collect()
}

#[tokio::test]
async fn without_a_model_the_book_is_told_by_what_its_parts_begin_with() {
    let server = TestServer::start().await;
    for question in [
        "What is this book about?",
        "Where should I start?",
        "Which topics are covered?",
        "Worum geht es in diesem Buch?",
    ] {
        let answer = server.ask(&json!({"message": question})).await;
        let done = answer.event("done");
        assert_eq!(done["outcome"], "answered", "{question}: {}", answer.raw);
        let text = answer.text();
        assert!(text.starts_with("A motor turns current into motion. [1]"), "{question}: {text}");
        assert!(text.contains("- Wheels: Wheels carry the robot. ["), "{question}: {text}");
        let next = done["suggestions"].as_array().expect("suggestions");
        assert!(next.iter().any(|part| part == "Wheels: Tyres" || part == "Wheels"), "{question}: {done}");
        assert!(done["unsupported"].is_null(), "{question}: {done}");
        for source in done["sources"].as_array().expect("sources") {
            assert!(!source["quote"].as_str().expect("a quote").is_empty(), "{source}");
        }
    }
}

#[tokio::test]
async fn a_page_is_told_by_its_sections() {
    let server = TestServer::start().await;
    for question in ["Summarise this page", "What is this about?", "tl;dr", "Résume cette page"] {
        let answer = server.ask(&json!({"message": question, "page": PAGE})).await;
        assert_eq!(answer.event("done")["outcome"], "answered", "{question}");
        let text = answer.text();
        assert!(text.starts_with("Wheels carry the robot. ["), "{question}: {text}");
        assert!(
            text.contains("- Bearings: Ball bearings need grease once every season. ["),
            "{question}: {text}"
        );
        assert!(!text.contains("otor"), "{question}: {text}");
    }
}

#[tokio::test]
async fn a_page_that_is_not_in_the_book_stands_for_the_book() {
    let server = TestServer::start().await;
    for page in [
        "https://space.example/",
        "https://book.example/blog/news",
        "javascript:alert(1)",
        "",
        "://",
        "/docs/wheelsx",
    ] {
        let answer = server.ask(&json!({"message": "What is this about?", "page": page})).await;
        assert!(answer.text().starts_with("A motor turns"), "{page}: {}", answer.text());
    }
}

#[tokio::test]
async fn a_question_that_points_at_something_means_the_page() {
    let server = TestServer::start().await;
    for (question, first) in
        [("How often do they need grease?", "Bearings"), ("Which of these grip better?", "Tyres")]
    {
        let answer = server.ask(&json!({"message": question, "page": PAGE})).await;
        assert_eq!(headings(&answer)[0], first, "{question}: {}", answer.raw);
    }
    let book: &[(&str, &str)] = &[
        ("docs/a.md", "# Alpha\n\nThe speed of the alpha wheel is high.\n\nIts colour is red."),
        ("docs/b.md", "# Beta\n\nThe speed of the beta wheel is low.\n\nIts colour is blue."),
    ];
    let server = Setup::new().book(book).start().await;
    for (page, file) in [("/docs/a", "docs/a.md"), ("/docs/b", "docs/b.md")] {
        for question in ["What is its speed?", "What does this page say about colour?"] {
            let answer = server.ask(&json!({"message": question, "page": page})).await;
            let sources = answer.event("sources")["sources"].clone();
            assert_eq!(sources[0]["file"], file, "{page}, {question}: {}", answer.raw);
        }
        // Whoever names the thing gets it, whatever page is open.
        let answer = server.ask(&json!({"message": "Which speed has the beta wheel?", "page": page})).await;
        assert_eq!(answer.event("sources")["sources"][0]["file"], "docs/b.md", "{}", answer.raw);
    }
}

#[tokio::test]
async fn a_model_is_told_where_the_reader_is_and_answers_are_kept_apart() {
    let gemini = GeminiDouble::start().await;
    let server = Setup::new().gemini(&gemini).with("DOCENT_ANSWER_CACHE", "10").start().await;
    gemini.answer_always("It introduces everything that keeps machines rolling and upright [1].");
    for (page, kept) in
        [(PAGE, false), ("/docs/motors", false), ("https://preview.example/docs/wheels/#top", true)]
    {
        let before = asked_of(&gemini).len();
        let answer = server.ask(&json!({"message": "Summarise this page", "page": page})).await;
        assert_eq!(asked_of(&gemini).len() - before, usize::from(!kept), "{page}");
        // A summary is in words of its own.
        assert_eq!(answer.event("done")["outcome"], "answered");
        assert!(answer.notices().is_empty(), "{}", answer.raw);
    }
    let asked = asked_of(&gemini);
    assert!(asked[0].contains("The reader looks at the page \\\"Wheels\\\"."), "{}", asked[0]);
    assert!(asked[0].contains("Ball bearings") && !asked[0].contains("newton"), "{}", asked[0]);
    assert!(asked[1].contains("newton") && !asked[1].contains("Ball bearings"), "{}", asked[1]);

    server.ask(&json!({"message": "How often do they need grease?", "page": PAGE})).await;
    let asked = asked_of(&gemini);
    let last = asked.last().expect("a request");
    assert!(last.contains("The reader looks at the page \\\"Wheels\\\"; the question may point"), "{last}");
    server.ask(&json!({"message": "How often do ball bearings need grease?", "page": PAGE})).await;
    let asked = asked_of(&gemini);
    assert!(
        !asked.last().expect("a request").contains("The reader looks at"),
        "a plain question says all itself"
    );
}
