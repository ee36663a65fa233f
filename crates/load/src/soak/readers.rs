//! Readers who ask one question after the other, alone, as a follow-up or about a marked text, and now and then leave in
//! the middle. Each stream is checked as it comes; what was accepted goes into the ledger.

use std::rc::Rc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout};

use super::ledger::{Accepted, HowFar};
use super::wire::{Reply, ask, get};
use super::{Dice, World};
use crate::QUESTIONS;

/// A stream that is not over after this is stuck.
pub const STUCK: Duration = Duration::from_secs(30);

/// Notices that the manual describes and that these faults may bring. That a message is not stored is not among them:
/// the outbox can always be written here.
const NOTICES: [&str; 5] =
    ["model_resting", "answer_withheld", "answer_cut", "answer_unsupported", "sentences_unsupported"];

/// Milliseconds that a reader thinks at most before the next question.
const LONGEST_THOUGHT_MS: usize = 1000;

/// Between two tries while Docent is not there.
const RETRY: Duration = Duration::from_millis(200);

/// One reader, until `end`.
pub async fn read_on(reader: usize, end: Instant, mut dice: Dice, world: Rc<World>) {
    let mut conversation: Option<String> = None;
    let mut number = 0;
    while Instant::now() < end {
        number += 1;
        // No two questions are alike, so that one that is stored twice is found.
        let question = format!("{} [{reader}.{number}]", QUESTIONS[dice.below(QUESTIONS.len())]);
        let mut body = json!({ "message": question });
        let kind = dice.below(8);
        if kind == 0 {
            body["mode"] = "selection".into();
            body["context"] = "Docent listens on port 7860. Set PORT to change it.".into();
        } else if kind < 4
            && let Some(conversation) = &conversation
        {
            body["conversation_id"] = conversation.as_str().into();
        }
        let leaves_at = match kind {
            6 if dice.below(2) == 0 => Some("metadata"),
            7 => Some("token"),
            _ => None,
        };
        world.asked(&question);
        let (ends, kills) = world.ends_and_kills();
        let Ok(reply) = timeout(STUCK, ask(world.address, &body, leaves_at)).await else {
            world.wrong(format!("stuck for {STUCK:?}: {question}"));
            continue;
        };
        if reply.status != 200 {
            // Only a restart may turn a reader away.
            if world.is_down() || world.ends_and_kills().0 != ends {
                world.count_ending("turned away by a restart");
            } else {
                world.wrong(format!("status {}: {} {:?}", reply.status, reply.text, reply.broken));
            }
            sleep(RETRY).await;
            continue;
        }
        let said = Said::of(&reply, leaves_at.is_some());
        let killed = world.ends_and_kills().1 != kills;
        let how_far = match (leaves_at.is_some(), &reply.broken) {
            (true, _) => HowFar::Left,
            (false, None) => HowFar::Whole,
            (false, Some(_)) if killed => HowFar::Killed,
            (false, Some(error)) => {
                world.wrong(format!("broken off without a kill: {error}; {question}"));
                continue;
            }
        };
        check(&said, how_far, &world);
        let accepted = !said.conversation.is_empty();
        if accepted {
            world.accepted(Accepted {
                conversation: said.conversation.clone(),
                message: said.message.clone(),
                question,
                shown: said.text.clone(),
                how_far,
            });
        }
        if how_far == HowFar::Whole {
            is_shown(&said, ends, &world).await;
            conversation = Some(said.conversation);
        }
        sleep(Duration::from_millis(dice.below(LONGEST_THOUGHT_MS) as u64)).await;
    }
}

/// What a stream said.
#[derive(Default)]
struct Said {
    conversation: String,
    message: String,
    text: String,
    events: Vec<Value>,
}

impl Said {
    fn of(reply: &Reply, leaves: bool) -> Self {
        let mut said = Self::default();
        let is_cut = leaves || reply.broken.is_some();
        // What a cut left of the last event was not seen.
        let whole = if is_cut { reply.text.rfind("\n\n").map_or(0, |end| end + 2) } else { reply.text.len() };
        let frames = reply.text[..whole].split("\n\n");
        for frame in frames.filter(|frame| !frame.is_empty() && !frame.starts_with(':')) {
            let numbered = frame.starts_with("id: ");
            let data = frame.lines().find_map(|line| line.strip_prefix("data: ")).unwrap_or_default();
            let event: Value = serde_json::from_str(data).unwrap_or(Value::Null);
            let word = |field: &str| event[field].as_str().unwrap_or_default();
            match word("type") {
                "metadata" => {
                    said.conversation = word("conversation_id").to_owned();
                    said.message = word("message_id").to_owned();
                }
                // Without a number it tells a failure to old clients, and is not part of the answer.
                "token" if numbered => said.text.push_str(word("content")),
                _ => {}
            }
            said.events.push(event);
        }
        said
    }
}

/// Checks the events of a stream against what the manual allows, and counts its end.
fn check(said: &Said, how_far: HowFar, world: &World) {
    let mut ends = 0;
    let mut last = "";
    for event in &said.events {
        let word = |field: &str| event[field].as_str().unwrap_or_default();
        last = word("type");
        match last {
            "metadata" | "token" | "sources" => {}
            "notice" if NOTICES.contains(&word("code")) => world.count_notice(word("code")),
            "notice" => world.wrong(format!("notice {}", word("code"))),
            "done" => {
                ends += 1;
                world.count_done(word("outcome"), event["degraded"] == true);
            }
            "error" => {
                ends += 1;
                world.count_ending(&format!("error {}", word("code")));
                if word("code") != "interrupted" {
                    world.wrong(format!("error {}", word("code")));
                }
            }
            _ => world.wrong(format!("an event of no known type: {event}")),
        }
    }
    match how_far {
        HowFar::Left => world.count_ending("left"),
        HowFar::Killed if ends == 0 => world.count_ending("broken by SIGKILL"),
        _ if ends != 1 || !matches!(last, "done" | "error") => {
            world.wrong(format!("{ends} ends, the last event is '{last}'"));
        }
        _ if said.text.trim().is_empty() => world.wrong("an answer without a word".to_owned()),
        _ => {}
    }
}

/// While the same Docent lives, a conversation shows question and answer at once, wherever the database is.
async fn is_shown(said: &Said, ends: u64, world: &World) {
    let found = get(world.address, &format!("/api/conversation/{}", said.conversation)).await;
    if world.is_down() || world.ends_and_kills().0 != ends {
        return;
    }
    let (code, body) = match found {
        Ok(found) => found,
        Err(error) => return world.wrong(error),
    };
    let messages = body["messages"].as_array().cloned().unwrap_or_default();
    let place = messages.iter().position(|message| message["id"] == said.message.as_str());
    match place {
        Some(place) if messages[place]["content"] != said.text.as_str() => {
            world.wrong(format!("the answer is shown otherwise: {}", messages[place]["content"]));
        }
        Some(place) if messages[..place].iter().any(|message| message["role"] == "user") => {
            world.count_shown();
        }
        Some(_) => world.wrong("a question is not shown".to_owned()),
        None => world.wrong(format!("an answer is not shown ({code}): {body}")),
    }
}
