use jiff::Timestamp;

use super::*;

fn message(role: Role, content: &str, second: i64) -> Message {
    Message {
        id: MessageId::random(),
        role,
        content: content.to_owned(),
        sources: Vec::new(),
        outcome: (role == Role::Assistant).then_some(Outcome::Answered),
        created_at: Timestamp::from_second(second).expect("in range"),
    }
}

async fn store() -> Conversations {
    Conversations::in_memory().await.expect("a database in memory")
}

#[tokio::test]
async fn messages_come_back_oldest_first() {
    let store = store().await;
    let id = ConversationId::random();
    let written =
        [message(Role::User, "q", 1), message(Role::Assistant, "a", 1), message(Role::User, "r", 2)];
    for message in &written {
        store.save(id, message).await.expect("saved");
    }
    assert_eq!(store.messages(id).await.expect("read"), Some(written.to_vec()));
}

#[tokio::test]
async fn saving_again_replaces_the_text_and_keeps_one_row() {
    let store = store().await;
    let id = ConversationId::random();
    let mut answer = message(Role::Assistant, "half", 1);
    store.save(id, &answer).await.expect("saved");
    answer.content = "whole".into();
    answer.outcome = Some(Outcome::Stopped);
    store.save(id, &answer).await.expect("saved again");
    assert_eq!(store.messages(id).await.expect("read"), Some(vec![answer]));
}

#[tokio::test]
async fn exchanges_are_the_last_pairs_and_skip_open_questions() {
    let store = store().await;
    let id = ConversationId::random();
    for (second, (role, text)) in [
        (Role::User, "q1"),
        (Role::Assistant, "a1"),
        (Role::User, "open"),
        (Role::User, "q2"),
        (Role::Assistant, "a2"),
    ]
    .into_iter()
    .enumerate()
    {
        store.save(id, &message(role, text, second as i64)).await.expect("saved");
    }
    let pairs = store.exchanges(id, 3).await.expect("read").expect("known");
    let questions: Vec<&str> = pairs.iter().map(|pair| pair.question.as_str()).collect();
    assert_eq!(questions, ["q1", "q2"]);
    assert_eq!(store.exchanges(id, 1).await.expect("read").expect("known")[0].question, "q2");
}

#[tokio::test]
async fn a_forgotten_conversation_is_gone() {
    let store = store().await;
    let id = ConversationId::random();
    store.save(id, &message(Role::User, "q", 1)).await.expect("saved");
    assert!(store.forget(id).await.expect("deleted"));
    assert!(!store.forget(id).await.expect("nothing left"));
    assert_eq!(store.messages(id).await.expect("read"), None);
}

#[tokio::test]
async fn feedback_needs_an_answer() {
    let store = store().await;
    let id = ConversationId::random();
    let answer = message(Role::Assistant, "a", 1);
    store.save(id, &answer).await.expect("saved");
    let feedback = |message| Feedback {
        message,
        helpful: true,
        reason: None,
        note: None,
        created_at: Timestamp::UNIX_EPOCH,
    };
    assert!(store.save_feedback(&feedback(answer.id)).await.expect("kept"));
    assert!(!store.save_feedback(&feedback(MessageId::random())).await.expect("refused"));
}

#[tokio::test]
async fn a_file_is_made_with_its_folders_and_read_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("deep/er/c.sqlite");
    let id = ConversationId::random();
    let question = message(Role::User, "q", 1);
    {
        let store = Conversations::open(&path).await.expect("made");
        store.save(id, &question).await.expect("saved");
        store.close().await;
    }
    let store = Conversations::open(&path).await.expect("opened");
    assert_eq!(store.messages(id).await.expect("read"), Some(vec![question]));
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused_by_name() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("c.sqlite");
    fs_err::write(&path, "x".repeat(4096)).expect("written");
    let error = Conversations::open(&path).await.expect_err("no database");
    assert!(error.to_string().contains("c.sqlite"), "{error}");
}

#[test]
fn an_exchange_knows_the_page_of_the_best_passage_that_its_answer_cites() {
    let sources = read_sources(&serde_json::json!([
        {"file": "old.md", "heading": "Of the earlier service", "similarity": 0.9},
        {"n": 3, "file": "b.md", "heading": "", "url": "/b"},
        {"n": 2, "file": "a.md", "heading": "", "url": "/a"},
    ]));
    let page = |outcome: Option<Outcome>, sources: Vec<Source>| {
        let answer = Message { sources, outcome, ..message(Role::Assistant, "a", 1) };
        pair_up(&[message(Role::User, "q", 1), answer], 3)[0].page.clone()
    };
    assert_eq!(page(Some(Outcome::Answered), sources.clone()).as_deref(), Some("/a"));
    assert_eq!(page(Some(Outcome::Uncertain), sources.clone()), None, "nearest places are no answer");
    assert_eq!(page(Some(Outcome::Answered), sources[..1].to_vec()), None);
    assert_eq!(page(None, sources), None);
}
