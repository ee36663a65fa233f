//! What a test sets before a call and reads after it: planned faults, scripted answers, the pace of streams, and the
//! record of every request with the moment its client went away.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::fault::{Fault, Planned};

/// What a call is for, whatever the provider calls it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// Writing an answer, streamed or whole.
    Generate,
    /// Embedding.
    Embed,
    /// Counting tokens.
    CountTokens,
    /// Listing or describing models.
    Models,
    /// Searching points.
    Query,
    /// Reading anything else from a database.
    Read,
    /// Changing a database.
    Write,
}

/// How fast answers are streamed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Pace {
    /// Before the first event.
    pub first_ms: u64,
    /// Between events.
    pub between_ms: u64,
    /// Words per event.
    pub words: usize,
}

impl Default for Pace {
    fn default() -> Self {
        Self { first_ms: 0, between_ms: 0, words: 3 }
    }
}

/// One request as it came, and what became of it.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// `GET` or `POST`.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// What it was for.
    pub operation: Operation,
    /// Model asked for; empty when none was.
    pub model: String,
    /// Headers in the order they came, names in lower case.
    pub headers: Vec<(String, String)>,
    /// JSON body; null without one.
    pub body: Value,
    /// When it came.
    pub received: Instant,
    /// Pieces of the body that were handed to the network.
    pub pieces_sent: usize,
    /// When the reply was complete.
    pub completed: Option<Instant>,
    /// When the client went away before that.
    pub disconnected: Option<Instant>,
}

impl Recorded {
    /// Value of a header, by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
    }
}

#[derive(Debug, Default)]
struct State {
    faults: VecDeque<Planned>,
    answers: VecDeque<String>,
    standing_answer: Option<String>,
    pace: Pace,
    requests: Vec<Recorded>,
}

/// The handle of a double; clones share one state.
#[derive(Debug, Clone, Default)]
pub struct Control {
    state: Arc<Mutex<State>>,
    changed: Arc<Notify>,
}

impl Control {
    /// Plans a fault for the next call that can show it.
    pub fn fault(&self, fault: Fault) {
        self.plan(Planned::new(fault));
    }

    /// Plans a fault.
    pub fn plan(&self, planned: Planned) {
        self.lock().faults.push_back(planned);
    }

    /// Answers the next call for an answer with `text`; several are used in order.
    pub fn answer_next(&self, text: &str) {
        self.lock().answers.push_back(text.to_owned());
    }

    /// Answers every call for an answer with `text` from now on.
    pub fn answer_always(&self, text: &str) {
        self.lock().standing_answer = Some(text.to_owned());
    }

    /// Sets how fast answers are streamed.
    pub fn set_pace(&self, pace: Pace) {
        self.lock().pace = pace;
    }

    /// All requests so far, in the order they came; calls to the control routes are not among them.
    pub fn requests(&self) -> Vec<Recorded> {
        self.lock().requests.clone()
    }

    /// Forgets faults, answers, pace and requests.
    pub fn reset(&self) {
        *self.lock() = State::default();
    }

    /// Waits until the client of request `place` (from 0) went away before its reply was complete, and returns when.
    pub async fn disconnect_of(&self, place: usize) -> Instant {
        loop {
            let changed = self.changed.notified();
            if let Some(moment) = self.lock().requests.get(place).and_then(|request| request.disconnected) {
                return moment;
            }
            // The timer only guards against a change between the look and the wait.
            let _ = tokio::time::timeout(Duration::from_millis(5), changed).await;
        }
    }

    pub(crate) fn record(&self, recorded: Recorded) -> Guard {
        let mut state = self.lock();
        state.requests.push(recorded);
        Guard { control: self.clone(), place: state.requests.len() - 1, complete: false }
    }

    pub(crate) fn take_fault(&self, operation: Operation, model: &str) -> Option<Fault> {
        let mut state = self.lock();
        let place = state.faults.iter().position(|planned| planned.meets(operation, model))?;
        let planned = &mut state.faults[place];
        if planned.times < u32::MAX {
            planned.times -= 1;
        }
        let fault = planned.fault.clone();
        if planned.times == 0 {
            state.faults.remove(place);
        }
        Some(fault)
    }

    pub(crate) fn take_answer(&self) -> Option<String> {
        let mut state = self.lock();
        state.answers.pop_front().or_else(|| state.standing_answer.clone())
    }

    pub(crate) fn pace(&self) -> Pace {
        self.lock().pace
    }

    pub(crate) fn requests_json(&self) -> Value {
        let started = self.lock().requests.first().map(|request| request.received);
        let since =
            |moment: Instant| started.map_or(0, |started| moment.duration_since(started).as_millis() as u64);
        self.requests()
            .iter()
            .map(|request| {
                json!({
                    "method": request.method,
                    "path": request.path,
                    "operation": request.operation,
                    "model": request.model,
                    "body": request.body,
                    "received_ms": since(request.received),
                    "pieces_sent": request.pieces_sent,
                    "completed_ms": request.completed.map(since),
                    "disconnected_ms": request.disconnected.map(since),
                })
            })
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Lives as long as a reply is being made and sent; dropped before it is complete, it notes that the client went away.
#[derive(Debug)]
pub(crate) struct Guard {
    control: Control,
    place: usize,
    complete: bool,
}

impl Guard {
    pub(crate) fn piece_sent(&self) {
        if let Some(request) = self.control.lock().requests.get_mut(self.place) {
            request.pieces_sent += 1;
        }
    }

    pub(crate) fn complete(mut self) {
        self.complete = true;
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(request) = self.control.lock().requests.get_mut(self.place) {
            let now = Some(Instant::now());
            if self.complete {
                request.completed = now;
            } else {
                request.disconnected = now;
            }
        }
        self.control.changed.notify_waiters();
    }
}
