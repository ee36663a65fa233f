use super::*;
use crate::answer::Outcome;

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

fn stored(conversation: ConversationId, message: &Message) -> Entry {
    Entry::Message(MessageRow::new(conversation, message))
}

fn contents(outbox: &Outbox, conversation: ConversationId) -> Vec<String> {
    outbox.pending(conversation).messages.into_iter().map(|message| message.content).collect()
}

fn folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("outbox.docent");
    (folder, path)
}

#[tokio::test]
async fn what_was_accepted_waits_in_order_and_outlives_the_process() {
    let (_folder, path) = folder();
    let id = ConversationId::random();
    let other = ConversationId::random();
    {
        let outbox = Outbox::open(&path);
        for (conversation, text) in [(id, "one"), (other, "elsewhere"), (id, "two\0")] {
            let accepted = outbox.accept(&stored(conversation, &message(Role::User, text, 1))).expect("room");
            assert!(accepted.journaled);
            outbox.sync(&accepted).await.expect("synced");
        }
    }
    let outbox = Outbox::open(&path);
    assert_eq!(contents(&outbox, id), ["one", "two\u{fffd}"]);
    assert_eq!(outbox.next(2).await.len(), 2);
    outbox.delivered(true);
    assert_eq!(outbox.depth().entries, 1);
    assert_eq!(outbox.recent(id).len(), 1, "remembered for a while");
    assert_eq!(outbox.recent(other).len(), 1);
    drop(outbox);
    let outbox = Outbox::open(&path);
    assert_eq!(contents(&outbox, id), ["two\u{fffd}"]);
    outbox.next(10).await;
    outbox.delivered(true);
    outbox.emptied().await;
    assert_eq!(fs_err::metadata(&path).expect("there").len(), 24, "nothing but the header");
}

#[tokio::test]
async fn what_failed_stays_at_the_front() {
    let (_folder, path) = folder();
    let outbox = Outbox::open(&path);
    let id = ConversationId::random();
    let mut accepted = outbox.accept(&stored(id, &message(Role::User, "one", 1))).expect("room");
    assert_eq!(outbox.next(10).await.len(), 1);
    outbox.not_delivered();
    assert!(accepted.delivered.try_recv().is_err());
    assert_eq!(outbox.next(10).await.len(), 1);
    outbox.delivered(true);
    assert_eq!(accepted.delivered.try_recv(), Ok(true));
}

#[tokio::test]
async fn a_forgotten_conversation_leaves_the_disk_at_once() {
    let (_folder, path) = folder();
    let outbox = Outbox::open(&path);
    let (id, other) = (ConversationId::random(), ConversationId::random());
    for (conversation, text) in [(id, "in flight"), (id, "a secret"), (other, "kept")] {
        outbox.accept(&stored(conversation, &message(Role::User, text, 1))).expect("room");
    }
    assert_eq!(outbox.next(1).await.len(), 1);
    outbox.accept(&Entry::Forget(id)).expect("room");
    assert!(outbox.recent(id).is_empty());
    assert!(outbox.pending(id).forgotten);
    assert!(contents(&outbox, id).is_empty());
    let bytes = fs_err::read(&path).expect("read");
    assert!(!String::from_utf8_lossy(&bytes).contains("a secret"));
    outbox.accept(&stored(id, &message(Role::User, "again", 2))).expect("room");
    assert_eq!(contents(&outbox, id), ["again"]);

    drop(outbox);
    let outbox = Outbox::open(&path);
    let mut kinds = Vec::new();
    loop {
        let batch = outbox.next(1).await;
        kinds.push(match batch[0].entry().expect("an entry") {
            Entry::Message(row) => row.content,
            Entry::Forget(_) => "forget".to_owned(),
            Entry::Feedback(_) => "feedback".to_owned(),
        });
        outbox.delivered(true);
        if outbox.depth().entries == 0 {
            break;
        }
    }
    assert_eq!(kinds, ["in flight", "kept", "forget", "again"]);
}

#[tokio::test]
async fn messages_go_together_and_orders_alone() {
    let (_folder, path) = folder();
    let outbox = Outbox::open(&path);
    let id = ConversationId::random();
    for text in ["one", "two"] {
        outbox.accept(&stored(id, &message(Role::User, text, 1))).expect("room");
    }
    outbox.accept(&Entry::Forget(ConversationId::random())).expect("room");
    outbox.accept(&stored(id, &message(Role::User, "three", 1))).expect("room");
    let mut sizes = Vec::new();
    while outbox.depth().entries > 0 {
        sizes.push(outbox.next(100).await.len());
        outbox.delivered(true);
    }
    assert_eq!(sizes, [2, 1, 1]);
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_leaves_memory() {
    let (_folder, path) = folder();
    fs_err::write(&path, "a file where a folder should be").expect("written");
    let outbox = Outbox::open(&path.join("outbox.docent"));
    let id = ConversationId::random();
    let accepted = outbox.accept(&stored(id, &message(Role::User, "one", 1))).expect("room");
    assert!(!accepted.journaled);
    assert!(outbox.sync(&accepted).await.is_err());
    assert_eq!(contents(&outbox, id), ["one"]);
}

#[tokio::test]
async fn what_the_store_never_takes_is_put_aside_and_holds_up_nothing() {
    let (_folder, path) = folder();
    let outbox = Outbox::open(&path);
    let id = ConversationId::random();
    let mut accepted = outbox.accept(&stored(id, &message(Role::User, "one", 1))).expect("room");
    outbox.next(1).await;
    outbox.put_aside();
    assert_eq!(accepted.delivered.try_recv(), Ok(false));
    assert_eq!(outbox.depth().entries, 0);
    let aside = fs_err::read_to_string(path.with_extension("rejected")).expect("a file for people");
    assert!(aside.contains("\"one\"") && aside.ends_with('\n'));
}

#[test]
fn the_outbox_is_bounded() {
    let (_folder, path) = folder();
    let outbox = Outbox::open(&path);
    let id = ConversationId::random();
    let long = message(Role::User, &"x".repeat(1024 * 1024), 1);
    let taken = (0..100).take_while(|_| outbox.accept(&stored(id, &long)).is_ok()).count();
    assert_eq!(taken, 31);
}

#[test]
fn store_and_outbox_are_merged_by_name_and_time() {
    let first = message(Role::User, "q", 1);
    let answer = message(Role::Assistant, "a", 1);
    let later = message(Role::User, "r", 2);
    let all = merged(vec![first.clone(), later.clone()], vec![answer.clone(), first.clone()]);
    assert_eq!(all, [first, answer, later]);
}

/// An answer that begins, with two passages to cite.
fn beginning(conversation: ConversationId) -> MessageRow {
    let mut row = MessageRow::new(conversation, &message(Role::Assistant, "", 1));
    row.outcome = Some(Outcome::Stopped);
    row.sources = Some(serde_json::json!([{"n": 1, "file": "a.md"}, {"n": 2, "file": "b.md"}]));
    row
}

#[tokio::test]
async fn an_answer_that_was_being_written_is_kept_as_far_as_it_was_shown() {
    let (_folder, path) = folder();
    let (id, other, gone) = (ConversationId::random(), ConversationId::random(), ConversationId::random());
    let whole = beginning(other).id;
    {
        let outbox = Outbox::open(&path);
        let (cut, forgotten) = (beginning(id), beginning(gone));
        let (cut_id, forgotten_id) = (cut.id, forgotten.id);
        let finished = MessageRow { id: whole, ..beginning(other) };
        for row in [cut, finished, forgotten] {
            outbox.begin_draft(row);
        }
        for text in ["The torque", " is measured [2]"] {
            outbox.draft(cut_id, text);
            outbox.draft(whole, text);
            outbox.draft(forgotten_id, "a secret");
        }
        let answer = Message { id: whole, ..message(Role::Assistant, "whole", 1) };
        outbox.accept(&stored(other, &answer)).expect("room");
        outbox.accept(&Entry::Forget(gone)).expect("room");
        outbox.draft(forgotten_id, "a secret");
        let drafts = fs_err::read(path.with_file_name("drafts.docent")).expect("the drafts");
        assert!(!String::from_utf8_lossy(&drafts).contains("a secret"));
    }
    for _ in 0..2 {
        let outbox = Outbox::open(&path);
        let kept = outbox.pending(id).messages;
        assert_eq!(kept.len(), 1, "once, however often the process is killed");
        assert_eq!(kept[0].content, "The torque is measured [2]");
        assert_eq!(kept[0].outcome, Some(Outcome::Stopped));
        assert_eq!(kept[0].sources.iter().map(|source| source.n).collect::<Vec<_>>(), [2]);
        assert_eq!(contents(&outbox, other), ["whole"]);
        assert!(outbox.pending(gone).messages.is_empty());
    }
    let length = fs_err::metadata(path.with_file_name("drafts.docent")).expect("the drafts").len();
    assert_eq!(length, 24, "nothing but the header");
}
