//! One reader: opens a connection, asks, follows the stream to its end and notes when what arrived. A plain socket and a
//! small parser, because a full HTTP client would cost more than the server that it measures.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use serde::Deserialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::clock;
use crate::provider::find;
use crate::stamp::stamps;

/// A stream that is silent for so long is given up.
const SILENCE: Duration = Duration::from_secs(60);

/// What to ask, and of whom.
#[derive(Debug, Clone)]
pub struct Call {
    /// Who is asked.
    pub address: SocketAddr,
    /// The whole request, head and body.
    pub request: String,
    /// Docent's own events are expected; else only stamps.
    pub is_docent: bool,
    /// Stamped deltas that make a whole answer; 0 when the answer is not from the paced provider.
    pub deltas: u64,
}

impl Call {
    /// A question to Docent.
    pub fn question(address: SocketAddr, question: &str, deltas: u64) -> Self {
        let body = serde_json::json!({ "message": question }).to_string();
        let request = post(address, "/api/chat", &body);
        Self { address, request, is_docent: true, deltas }
    }

    /// The same number of deltas straight from the paced provider.
    pub fn straight(address: SocketAddr, deltas: u64) -> Self {
        let body = r#"{"contents":[{"role":"user","parts":[{"text":"alone"}]}]}"#;
        let path = "/v1beta/models/paced:streamGenerateContent?alt=sse";
        Self { address, request: post(address, path, body), is_docent: false, deltas }
    }
}

fn post(address: SocketAddr, path: &str, body: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nAccept: text/event-stream\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// What one reader saw; times in microseconds since it began to connect.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// The head of the response.
    pub head: u64,
    /// The first event.
    pub first_event: u64,
    /// The first piece of the answer.
    pub first_token: u64,
    /// Of that, the time between the provider's reading of the request and its sending of the first delta.
    pub provider: u64,
    /// For each later delta, how long it travelled from the provider to the reader.
    pub travelled: Vec<u32>,
    /// The end.
    pub whole: u64,
}

/// A frame of either stream, as far as it matters here.
#[derive(Deserialize)]
struct Frame<'a> {
    #[serde(rename = "type", default)]
    kind: &'a str,
    #[serde(default)]
    message: Option<String>,
    #[serde(default)]
    outcome: Option<String>,
}

/// Asks and follows the answer to its end.
///
/// # Errors
/// Says what went wrong: the connection, the status, a missing or misplaced event, a delta that did not come.
pub async fn read(call: &Call) -> Result<Seen, String> {
    let began = clock::now();
    let mut connection =
        TcpStream::connect(call.address).await.map_err(|error| format!("connect: {error}"))?;
    let _ = connection.set_nodelay(true);
    connection.write_all(call.request.as_bytes()).await.map_err(|error| format!("send: {error}"))?;
    let mut buffer = Vec::with_capacity(8 * 1024);
    let head_length = loop {
        if let Some(length) = find(&buffer, b"\r\n\r\n") {
            break length;
        }
        receive(&mut connection, &mut buffer).await.map_err(|error| format!("head: {error}"))?;
    };
    let mut notes = Notes::new(call, began);
    notes.seen.head = clock::now() - began;
    let head = String::from_utf8_lossy(&buffer[..head_length]).into_owned();
    if !head.starts_with("HTTP/1.1 200") {
        return Err(format!("status: {}", head.lines().next().unwrap_or_default()));
    }
    buffer.drain(..head_length + 4);
    let mut chunked = Chunked::default();
    let mut text = Vec::new();
    loop {
        let ended = chunked.decode(&mut buffer, &mut text)?;
        notes.events(&mut text)?;
        if ended {
            break;
        }
        receive(&mut connection, &mut buffer).await.map_err(|error| format!("body: {error}"))?;
    }
    notes.seen.whole = clock::now() - began;
    notes.done()
}

async fn receive(connection: &mut TcpStream, buffer: &mut Vec<u8>) -> io::Result<()> {
    match tokio::time::timeout(SILENCE, connection.read_buf(buffer)).await {
        Ok(Ok(0)) => Err(io::ErrorKind::UnexpectedEof.into()),
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(error),
        Err(_) => Err(io::ErrorKind::TimedOut.into()),
    }
}

/// Collects what is seen and checks the order of events.
struct Notes<'a> {
    call: &'a Call,
    began: u64,
    events: u64,
    next_delta: u64,
    ended: bool,
    seen: Seen,
}

impl<'a> Notes<'a> {
    fn new(call: &'a Call, began: u64) -> Self {
        let seen = Seen { travelled: Vec::with_capacity(call.deltas as usize), ..Seen::default() };
        Self { call, began, events: 0, next_delta: 0, ended: false, seen }
    }

    /// Takes the whole lines out of `text`.
    fn events(&mut self, text: &mut Vec<u8>) -> Result<(), String> {
        let Some(end) = text.iter().rposition(|byte| *byte == b'\n') else { return Ok(()) };
        let now = clock::now();
        for line in text[..end].split(|byte| *byte == b'\n') {
            let Some(data) = line.strip_prefix(b"data: ") else { continue };
            let data = std::str::from_utf8(data).map_err(|_| "an event is no UTF-8".to_owned())?;
            self.event(data, now)?;
        }
        text.drain(..=end);
        Ok(())
    }

    fn event(&mut self, data: &str, now: u64) -> Result<(), String> {
        if self.ended {
            return Err("an event came after the end".to_owned());
        }
        let is_token = if self.call.is_docent {
            let frame: Frame<'_> =
                serde_json::from_str(data).map_err(|error| format!("an event is no JSON: {error}"))?;
            let kind = frame.kind;
            if (self.events == 0) != (kind == "metadata") {
                return Err(format!("event {} is {kind}", self.events));
            }
            match kind {
                "notice" | "error" => {
                    return Err(format!("{kind}: {}", frame.message.unwrap_or_default()));
                }
                "done" => {
                    self.ended = true;
                    match frame.outcome.as_deref() {
                        Some("answered") => {}
                        other => return Err(format!("the outcome is {}", other.unwrap_or("missing"))),
                    }
                }
                _ => {}
            }
            kind == "token"
        } else {
            true
        };
        if self.events == 0 {
            self.seen.first_event = now - self.began;
        }
        self.events += 1;
        if !is_token {
            return Ok(());
        }
        if self.seen.first_token == 0 {
            self.seen.first_token = now - self.began;
        }
        // The end repeats nothing of the answer, so stamps stand in tokens only.
        for stamp in stamps(data) {
            if stamp.place != self.next_delta {
                return Err(format!("delta {} came instead of {}", stamp.place, self.next_delta));
            }
            self.next_delta += 1;
            if stamp.place == 0 {
                self.seen.provider = stamp.sent - stamp.received;
            } else {
                self.seen.travelled.push(u32::try_from(now.saturating_sub(stamp.sent)).unwrap_or(u32::MAX));
            }
        }
        Ok(())
    }

    fn done(self) -> Result<Seen, String> {
        if self.call.is_docent && !self.ended {
            return Err("the stream ended without `done`".to_owned());
        }
        if self.next_delta != self.call.deltas {
            return Err(format!("{} deltas of {}", self.next_delta, self.call.deltas));
        }
        Ok(self.seen)
    }
}

/// Undoes chunked transfer encoding, as the network cuts it.
#[derive(Debug, Default)]
pub struct Chunked {
    /// Bytes of the current chunk that are still to come, its line end included.
    left: usize,
}

impl Chunked {
    /// Moves what is complete from `buffer` to `text`; true after the last chunk.
    ///
    /// # Errors
    /// When a chunk has no size.
    pub fn decode(&mut self, buffer: &mut Vec<u8>, text: &mut Vec<u8>) -> Result<bool, String> {
        let mut at = 0;
        let ended = loop {
            if self.left > 0 {
                let taken = self.left.min(buffer.len() - at);
                let data = taken.min(self.left.saturating_sub(2));
                text.extend_from_slice(&buffer[at..at + data]);
                at += taken;
                self.left -= taken;
                if self.left > 0 {
                    break false;
                }
            }
            let Some(line) = find(&buffer[at..], b"\r\n") else { break false };
            let size = std::str::from_utf8(&buffer[at..at + line])
                .ok()
                .and_then(|size| usize::from_str_radix(size.split(';').next()?.trim(), 16).ok())
                .ok_or("a chunk has no size")?;
            if size == 0 {
                break true;
            }
            at += line + 2;
            self.left = size + 2;
        };
        buffer.drain(..at);
        Ok(ended)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds `body` in pieces of `step` bytes.
    fn decoded(body: &str, step: usize) -> (String, bool) {
        let mut chunked = Chunked::default();
        let (mut buffer, mut text, mut ended) = (Vec::new(), Vec::new(), false);
        for piece in body.as_bytes().chunks(step) {
            buffer.extend_from_slice(piece);
            ended = chunked.decode(&mut buffer, &mut text).expect("the body is well formed");
        }
        (String::from_utf8(text).expect("UTF-8"), ended)
    }

    #[test]
    fn chunks_are_joined_however_they_are_cut() {
        let body = "6\r\nid: 1\n\r\n19\r\ndata: {\"type\":\"metadata\"}\r\n0\r\n\r\n";
        for step in 1..body.len() {
            let (text, ended) = decoded(body, step);
            assert_eq!(text, "id: 1\ndata: {\"type\":\"metadata\"}", "in pieces of {step}");
            assert!(ended, "in pieces of {step}");
        }
    }

    #[test]
    fn a_gap_in_the_deltas_is_an_error() {
        let call = Call::question(SocketAddr::from(([127, 0, 0, 1], 1)), "?", 2);
        let check = |events: &[&str], expected: Result<usize, &str>| {
            let mut notes = Notes::new(&call, clock::now());
            let outcome = events.iter().try_for_each(|event| notes.event(event, clock::now()));
            let outcome = outcome.and_then(|()| notes.done()).map(|seen| seen.travelled.len());
            assert_eq!(outcome, expected.map_err(str::to_owned));
        };
        let metadata = r#"{"type":"metadata"}"#;
        let token = |place| format!(r##"{{"type":"token","content":"#{place},0,0# x"}}"##);
        let done = r#"{"type":"done","outcome":"answered"}"#;
        check(&[metadata, &token(0), &token(1), done], Ok(1));
        check(&[metadata, &token(1), done], Err("delta 1 came instead of 0"));
        check(&[metadata, &token(0), done], Err("1 deltas of 2"));
        check(&[metadata, &token(0), &token(1)], Err("the stream ended without `done`"));
        check(&[&token(0)], Err("event 0 is token"));
        check(&[metadata, r#"{"type":"notice","message":"resting"}"#], Err("notice: resting"));
    }
}
