//! The program as the web sees it. Only this room knows status codes, headers and event names.

mod chat;
mod connections;
mod conversation;
mod error;
mod events;
mod feedback;
mod guard;
mod health;
mod openapi;
pub mod origins;
mod pages;
mod router;
mod search;
mod wire;

use std::sync::{Arc, OnceLock};

use tokio::sync::{Semaphore, watch};

use crate::config::Config;
use crate::parts::Parts;
use crate::turn::Turns;

pub use connections::{Patience, serve_connections};
pub use openapi::document as openapi_document;
pub use router::router;

/// What the program is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// The port is bound, the parts are being opened.
    Starting,
    /// Questions are answered.
    Ready,
    /// Running answers may finish, new ones are refused.
    Stopping,
}

/// What every handler shares.
#[derive(Clone)]
pub struct App(Arc<Inner>);

struct Inner {
    config: Config,
    phase: watch::Sender<Phase>,
    parts: OnceLock<Parts>,
    turns: Turns,
    permits: Arc<Semaphore>,
}

impl App {
    /// An application that is still starting.
    pub fn new(config: Config) -> Self {
        let turns = Turns::new(config.resume_window);
        let permits = Arc::new(Semaphore::new(config.max_streams));
        let (phase, _) = watch::channel(Phase::Starting);
        Self(Arc::new(Inner { config, phase, parts: OnceLock::new(), turns, permits }))
    }

    /// Puts the opened parts in place; from here on questions are answered.
    pub fn ready(&self, parts: Parts) {
        if self.0.parts.set(parts).is_ok() {
            self.0.phase.send_if_modified(|phase| {
                let starting = *phase == Phase::Starting;
                if starting {
                    *phase = Phase::Ready;
                }
                starting
            });
        }
    }

    /// Refuses new questions from here on.
    pub fn stop(&self) {
        self.0.phase.send_replace(Phase::Stopping);
    }

    /// What the program is doing.
    pub fn phase(&self) -> Phase {
        *self.0.phase.borrow()
    }

    /// The turns that run or can be resumed.
    pub fn turns(&self) -> &Turns {
        &self.0.turns
    }

    /// The opened parts; `None` while starting.
    pub fn parts(&self) -> Option<&Parts> {
        self.0.parts.get()
    }

    fn config(&self) -> &Config {
        &self.0.config
    }

    fn permits(&self) -> &Arc<Semaphore> {
        &self.0.permits
    }
}
