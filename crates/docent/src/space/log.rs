//! A Space's two logs, as streams of events that the Hub keeps open.

use std::collections::VecDeque;
use std::time::Duration;

use reqwest::Response;
use serde_json::Value;
use tokio::time::Instant;

use crate::providers::sse::{Item, SseParser};

/// One of a Space's two logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Log {
    /// What building the image printed.
    Build,
    /// What the container prints.
    Container,
}

impl Log {
    /// As the Hub's addresses name it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Build => "build",
            Self::Container => "run",
        }
    }
}

/// One line of a log. Two lines are the same when they are equal in both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// Without its end.
    pub text: String,
    /// When it was written, as the Hub says it.
    pub timestamp: String,
}

/// A log that is being read.
#[derive(Debug)]
pub struct LogStream {
    response: Response,
    parser: SseParser,
    items: Vec<Item>,
    lines: VecDeque<LogLine>,
    heard: Instant,
}

impl LogStream {
    /// Of a reply whose body is still to come.
    pub(super) fn of(response: Response) -> Self {
        Self {
            response,
            parser: SseParser::default(),
            items: Vec::new(),
            lines: VecDeque::new(),
            heard: Instant::now(),
        }
    }

    /// The next line that is not empty; `None` when the connection ended, in whatever way. Nothing is lost when the future is
    /// dropped.
    pub async fn next(&mut self) -> Option<LogLine> {
        while self.lines.is_empty() {
            let chunk = self.response.chunk().await.ok()??;
            self.heard = Instant::now();
            self.parser.push(&chunk, &mut self.items).ok()?;
            for item in self.items.drain(..) {
                // What is no object with text is there to keep the connection open.
                let Item::Event(event) = item else { continue };
                let body: Value = serde_json::from_str(&event.data).unwrap_or_default();
                let text = |key: &str| body[key].as_str().unwrap_or_default();
                let line = LogLine {
                    text: text("data").trim_end().to_owned(),
                    timestamp: text("timestamp").to_owned(),
                };
                self.lines.extend((!line.text.is_empty()).then_some(line));
            }
        }
        self.lines.pop_front()
    }

    /// How long nothing came, not even what keeps the connection open.
    pub fn silence(&self) -> Duration {
        self.heard.elapsed()
    }
}
