//! An answer's stream as a client sees it: frames with their numbers, in order.

use std::collections::VecDeque;
use std::pin::Pin;

use futures_util::{Stream as _, StreamExt};
use reqwest::Response;
use serde_json::Value;

use super::within_cap;

/// One event of a stream.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame {
    /// The `id:` line.
    pub id: Option<usize>,
    /// The JSON of the `data:` line.
    pub event: Value,
}

impl Frame {
    /// The event's `type`.
    pub fn kind(&self) -> &str {
        self.event["type"].as_str().unwrap_or_default()
    }
}

/// Reads whole frames strictly by the grammar; comments are left out, a frame that was cut is an error.
pub fn frames_of(text: &str) -> Vec<Frame> {
    assert!(text.is_empty() || text.ends_with("\n\n"), "the stream ends inside a frame: {text:?}");
    text.split_terminator("\n\n").filter(|frame| !frame.starts_with(':')).map(frame_of).collect()
}

fn frame_of(text: &str) -> Frame {
    let (id, data) = match text.strip_prefix("id: ").map(|rest| rest.split_once('\n')) {
        Some(Some((id, data))) => (Some(id.parse().expect("a number after id:")), data),
        _ => (None, text),
    };
    let json = data.strip_prefix("data: ").unwrap_or_else(|| panic!("no data line in {text:?}"));
    Frame { id, event: serde_json::from_str(json).expect("JSON on the data line") }
}

/// A stream that is being read. Dropping it closes the connection.
pub struct Stream {
    body: Pin<Box<dyn futures_util::Stream<Item = reqwest::Result<bytes::Bytes>> + Send>>,
    bytes: Vec<u8>,
    raw: String,
    frames: VecDeque<Frame>,
}

impl Stream {
    /// The reply must be a stream.
    pub fn of(reply: Response) -> Self {
        assert_eq!(reply.status(), 200);
        assert_eq!(reply.headers()["content-type"], "text/event-stream; charset=utf-8");
        Self {
            body: Box::pin(reply.bytes_stream()),
            bytes: Vec::new(),
            raw: String::new(),
            frames: VecDeque::new(),
        }
    }

    /// The next event; `None` after the end.
    pub async fn next(&mut self) -> Option<Frame> {
        loop {
            if let Some(frame) = self.frames.pop_front() {
                return Some(frame);
            }
            let piece = within_cap("the next event", self.body.next()).await?;
            self.bytes.extend(piece.expect("the stream is not cut"));
            let Some(end) = self.bytes.windows(2).rposition(|pair| pair == b"\n\n") else {
                assert!(self.body.size_hint().1 != Some(0), "the stream ends inside a frame");
                continue;
            };
            let whole: Vec<u8> = self.bytes.drain(..end + 2).collect();
            let whole = String::from_utf8(whole).expect("UTF-8");
            self.frames.extend(frames_of(&whole));
            self.raw.push_str(&whole);
        }
    }

    /// Reads on until an event of this type, and returns it.
    pub async fn until(&mut self, kind: &str) -> Frame {
        while let Some(frame) = self.next().await {
            if frame.kind() == kind {
                return frame;
            }
        }
        panic!("the stream ended without {kind}")
    }

    /// Reads to the end.
    pub async fn rest(mut self) -> Transcript {
        let mut frames = Vec::new();
        while let Some(frame) = self.next().await {
            frames.push(frame);
        }
        assert!(self.bytes.is_empty(), "the stream ends inside a frame");
        Transcript { raw: self.raw, frames }
    }
}

/// All events of an answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Transcript {
    /// The bytes as they came.
    pub raw: String,
    pub frames: Vec<Frame>,
}

impl Transcript {
    /// The types in order, repetitions as one.
    pub fn order(&self) -> String {
        let mut kinds: Vec<&str> = self.frames.iter().map(Frame::kind).collect();
        kinds.dedup();
        kinds.join(" ")
    }

    /// The answer's text.
    pub fn text(&self) -> String {
        let tokens = self.frames.iter().filter(|frame| frame.kind() == "token" && frame.id.is_some());
        tokens.filter_map(|frame| frame.event["content"].as_str()).collect()
    }

    /// The first event of a type; null when there is none.
    pub fn event(&self, kind: &str) -> Value {
        self.frames.iter().find(|frame| frame.kind() == kind).map_or(Value::Null, |frame| frame.event.clone())
    }

    /// Codes of all notices.
    pub fn notices(&self) -> Vec<String> {
        let notices = self.frames.iter().filter(|frame| frame.kind() == "notice");
        notices.filter_map(|frame| frame.event["code"].as_str()).map(str::to_owned).collect()
    }

    /// The conversation that the answer belongs to.
    pub fn conversation(&self) -> String {
        self.event("metadata")["conversation_id"].as_str().expect("a conversation").to_owned()
    }

    /// The answer's own name.
    pub fn message(&self) -> String {
        self.event("metadata")["message_id"].as_str().expect("a message").to_owned()
    }
}
