use super::*;

const HERE: Option<&str> = Some("https://book.example/docs/quotes");

fn exchange() -> Exchange {
    Exchange { question: "What is a quote?".into(), answer: "A sentence [1].".into(), page: None }
}

fn book(questions: &[&str]) {
    for question in questions {
        assert_eq!(whole(question, &[], None), Some(Whole::Book), "{question}");
    }
}

fn page(questions: &[&str]) {
    for question in questions {
        let here = HERE.map(|page| Whole::Page(page.to_owned()));
        assert_eq!(whole(question, &[], HERE), here, "{question}");
    }
}

#[test]
fn the_book_as_a_whole() {
    book(&[
        "What is this book about?",
        "what's the book about",
        "Give me an overview.",
        "Summarise the book in three sentences, please",
        "Which topics are covered?",
        "What does this guide cover?",
        "tl;dr",
        "What is it about?",
        "Summary",
        "List the chapters",
        "Wovon handelt dieses Buch?",
        "Resume el libro",
        "Fais un résumé du livre",
        "请总结一下这本书",
        "この本を要約してください",
    ]);
}

#[test]
fn the_beginning() {
    for question in [
        "Where should I start?",
        "How do I get started?",
        "Where do I start reading?",
        "Where do I start with this book?",
        "Wo fange ich an?",
        "Wie beginne ich?",
        "Par où commencer ?",
    ] {
        assert_eq!(whole(question, &[], HERE), Some(Whole::Beginning), "{question}");
    }
}

#[test]
fn the_page_that_the_reader_looks_at() {
    page(&[
        "Summarise this page",
        "What is this chapter about?",
        "What are the key points of this section?",
        "tl;dr",
        "What is this about?",
        "What does this page say?",
        "Fasse dieses Kapitel zusammen",
        "Worum geht es auf dieser Seite?",
        "¿De qué trata esta página?",
        "Résume ce chapitre",
        "ما هذه الصفحة؟",
        "لخص هذا الفصل",
        "یہ باب کس بارے میں ہے؟",
        "这一页讲什么?",
        "总结这一章",
        "この章の内容は?",
        "このページを要約して",
    ]);
    assert_eq!(whole("Summarise this page", &[], None), None);
}

#[test]
fn any_other_word_makes_it_an_ordinary_question() {
    for question in [
        "What is ownership about?",
        "What does this page say about quotes?",
        "How do I start the server?",
        "Who wrote this book?",
        "Summarise the chapter on traits",
        "Where is the data folder?",
        "What is a chapter?",
        "How do I start it?",
        "Which chapters of it are read?",
        "What is it?",
        "",
        "?",
        "这本书讲所有权吗?",
        "この本の著者は?",
    ] {
        assert_eq!(whole(question, &[], HERE), None, "{question}");
    }
}

#[test]
fn in_a_conversation_the_whole_must_be_named() {
    let history = [exchange()];
    for question in ["Give me an overview.", "tl;dr", "Where should I start?", "What is it about?"] {
        assert_eq!(whole(question, &history, HERE), None, "{question}");
    }
    assert_eq!(whole("And what is this book about?", &history, HERE), Some(Whole::Book));
    assert!(matches!(whole("Summarise this page", &history, HERE), Some(Whole::Page(_))));
}

/// What the chat window offers to begin with must be answered.
#[test]
fn the_questions_that_the_widget_offers_are_about_the_book() {
    let languages: serde_json::Value =
        serde_json::from_str(include_str!("../../../../../web/widget/languages.json")).expect("JSON");
    let languages = languages.as_object().expect("an object by language");
    assert!(languages.len() >= 7);
    for (language, words) in languages {
        let read: Vec<_> = words["starters"]
            .as_str()
            .expect("starters")
            .split('|')
            .map(|asked| whole(asked, &[], None))
            .collect();
        assert_eq!(read, [Some(Whole::Book), Some(Whole::Beginning), Some(Whole::Book)], "{language}");
    }
    let english = include_str!("../../../../../web/widget/src/en.ts");
    assert!(english.contains("'What is this book about?|Where should I start?|Which topics are covered?'"));
}

#[test]
fn a_page_may_be_named_beside_other_words() {
    let cases = [
        ("What does this page say about quotes?", Some("What does say about quotes?")),
        ("Was sagt dieses Kapitel über Zitate?", Some("Was sagt über Zitate?")),
        ("この章の引用とは?", Some(" の引用とは?")),
        ("What does the page say about quotes?", None),
        ("Is this quote right?", None),
    ];
    for (question, expected) in cases {
        assert_eq!(beside_the_page(question).as_deref(), expected, "{question}");
    }
}
