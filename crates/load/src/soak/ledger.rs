//! What was accepted, as readers saw it, and whether the store holds it in the end: every question once, every answer that
//! was told to be complete as it was told, and of every other one at least what was shown.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// One exchange whose acceptance a reader saw.
#[derive(Debug, Clone)]
pub struct Accepted {
    /// Its conversation.
    pub conversation: String,
    /// Id of the answer.
    pub message: String,
    /// The question; no two are alike.
    pub question: String,
    /// What was shown of the answer.
    pub shown: String,
    /// How far it came.
    pub how_far: HowFar,
}

/// How much of an answer a reader saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HowFar {
    /// To its end.
    Whole,
    /// Until Docent was killed.
    Killed,
    /// The reader left; how the answer ends is the service's affair.
    Left,
}

/// A message of the store: conversation, id, role, content.
pub type Stored = (String, String, String, String);

/// Reads messages as JSON objects with these four fields.
pub fn stored(messages: &Value) -> Vec<Stored> {
    let word = |message: &Value, field: &str| message[field].as_str().unwrap_or_default().to_owned();
    let one = |message: &Value| {
        let conversation = word(message, "conversation_id");
        (conversation, word(message, "id"), word(message, "role"), word(message, "content"))
    };
    messages.as_array().into_iter().flatten().map(one).collect()
}

/// What is wrong with the store, in words; nothing when all is there, once.
pub fn compare(accepted: &[Accepted], asked: &BTreeSet<String>, stored: &[Stored]) -> Vec<String> {
    let mut questions: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    let mut answers: BTreeMap<&str, &str> = BTreeMap::new();
    let mut wrong = Vec::new();
    for (conversation, id, role, content) in stored {
        if role == "user" {
            *questions.entry((conversation, content)).or_default() += 1;
            if !asked.contains(content) {
                wrong.push(format!("nobody asked '{content}'"));
            }
        } else if answers.insert(id, content).is_some() {
            wrong.push(format!("twice: answer {id}"));
        }
    }
    for one in accepted {
        match questions.get(&(one.conversation.as_str(), one.question.as_str())) {
            Some(1) => {}
            Some(times) => wrong.push(format!("{times} times: '{}'", one.question)),
            None => wrong.push(format!("lost: the question '{}'", one.question)),
        }
        let answer = answers.get(one.message.as_str());
        match (one.how_far, answer) {
            (HowFar::Whole, Some(kept)) if **kept == *one.shown => {}
            (HowFar::Killed, Some(kept)) if kept.starts_with(&one.shown) => {}
            (HowFar::Killed, None) if one.shown.is_empty() => {}
            (HowFar::Left, _) => {}
            (_, Some(kept)) => {
                wrong.push(format!("answer {} differs: '{kept}', shown '{}'", one.message, one.shown));
            }
            (_, None) => wrong.push(format!("lost: the answer to '{}'", one.question)),
        }
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lost_doubled_or_changed_is_named() {
        let one = |question: &str, shown: &str, how_far| Accepted {
            conversation: "c".to_owned(),
            message: format!("m-{question}"),
            question: question.to_owned(),
            shown: shown.to_owned(),
            how_far,
        };
        let row = |id: &str, role: &str, content: &str| {
            ("c".to_owned(), id.to_owned(), role.to_owned(), content.to_owned())
        };
        let accepted = [
            one("a", "whole", HowFar::Whole),
            one("b", "beg", HowFar::Killed),
            one("c", "", HowFar::Left),
            one("d", "", HowFar::Killed),
        ];
        let asked = ["a", "b", "c", "d"].map(str::to_owned).into();
        let good = [
            row("1", "user", "a"),
            row("m-a", "assistant", "whole"),
            row("2", "user", "b"),
            row("m-b", "assistant", "beginning"),
            row("3", "user", "c"),
            row("4", "user", "d"),
        ];
        assert_eq!(compare(&accepted, &asked, &good), Vec::<String>::new());
        let with = |change: fn(&mut Vec<Stored>)| {
            let mut rows = good.to_vec();
            change(&mut rows);
            compare(&accepted, &asked, &rows).join("; ")
        };
        assert_eq!(with(|rows| drop(rows.remove(0))), "lost: the question 'a'");
        assert_eq!(with(|rows| drop(rows.remove(1))), "lost: the answer to 'a'");
        assert_eq!(with(|rows| rows.push(rows[0].clone())), "2 times: 'a'");
        assert_eq!(with(|rows| rows.push(rows[1].clone())), "twice: answer m-a");
        assert_eq!(with(|rows| rows[3].3 = "other".to_owned()), "answer m-b differs: 'other', shown 'beg'");
        assert_eq!(with(|rows| rows[5].3 = "e".to_owned()), "nobody asked 'e'; lost: the question 'd'");
    }
}
