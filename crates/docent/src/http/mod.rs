//! The program as the web sees it. Only this room knows status codes, headers and event names.

mod assets;
mod chat;
mod client;
mod connections;
mod conversation;
mod error;
mod events;
mod feedback;
mod guard;
mod health;
mod limits;
mod metrics;
mod openapi;
pub mod origins;
mod owner;
mod pages;
mod router;
mod search;
mod streamz;
mod wire;

use std::sync::{Arc, OnceLock};

use tokio::sync::{Semaphore, watch};
use tokio::time::Instant;

use crate::config::Config;
use crate::metrics::Metrics;
use crate::parts::Parts;
use crate::times;
use crate::turn::Turns;

use limits::Limits;

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
    limits: Limits,
    metrics: Metrics,
    probed: tokio::sync::Mutex<Option<Instant>>,
}

impl App {
    /// An application that is still starting.
    pub fn new(config: Config) -> Self {
        let metrics = Metrics::default();
        let turns = Turns::new(config.resume_window, metrics.clone());
        let permits = Arc::new(Semaphore::new(config.max_streams));
        let limits = Limits::new(config.questions_per_address, config.questions_per_conversation);
        let (phase, _) = watch::channel(Phase::Starting);
        let probed = tokio::sync::Mutex::default();
        Self(Arc::new(Inner {
            config,
            phase,
            parts: OnceLock::new(),
            turns,
            permits,
            limits,
            metrics,
            probed,
        }))
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

    /// Looks at the outside services, unless somebody has just looked: a dashboard must not become a load.
    async fn probe(&self, parts: &Parts) {
        let mut probed = self.0.probed.lock().await;
        if probed.is_none_or(|last| last.elapsed() >= times::PROBE_EVERY) {
            parts.probe(times::PROBE).await;
            *probed = Some(Instant::now());
        }
    }

    fn config(&self) -> &Config {
        &self.0.config
    }

    /// What is counted.
    pub fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    fn limits(&self) -> &Limits {
        &self.0.limits
    }

    fn permits(&self) -> &Arc<Semaphore> {
        &self.0.permits
    }
}
