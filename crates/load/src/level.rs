//! One level of load: so many readers, arriving together or one after another, each following its answers to the end.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use tokio::time::{Instant, sleep_until};

use crate::reader::{Call, Seen, read};

/// How readers come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Arrival {
    /// All in the same moment, one answer each.
    Together,
    /// Spread evenly over the time of one answer; whoever has finished asks again. After the first round as many
    /// answers are under way as there are readers, all at different places.
    Steady,
}

impl Arrival {
    /// A word for the table.
    pub fn name(self) -> &'static str {
        match self {
            Self::Together => "together",
            Self::Steady => "steady",
        }
    }
}

/// So many readers, how they come, and how often each asks.
#[derive(Debug, Clone, Copy)]
pub struct Level {
    /// Streams at the same time.
    pub readers: usize,
    /// How they come.
    pub arrival: Arrival,
    /// Answers for each reader.
    pub rounds: usize,
    /// How long one answer takes by its pace alone.
    pub answer_takes: Duration,
}

/// What all readers of a level saw.
#[derive(Debug, Default)]
pub struct Outcome {
    /// One for each whole answer.
    pub seen: Vec<Seen>,
    /// What went wrong, and how often.
    pub errors: BTreeMap<String, usize>,
}

/// Runs a level; reader `i` asks `calls[i % calls.len()]`, then the ones after it.
pub async fn run(level: Level, calls: &[Call]) -> Outcome {
    let began = Instant::now();
    let readers: Vec<_> = (0..level.readers)
        .map(|reader| {
            let calls = calls.to_vec();
            let begins = match level.arrival {
                Arrival::Together => began,
                Arrival::Steady => began + level.answer_takes.mul_f64(reader as f64 / level.readers as f64),
            };
            tokio::spawn(async move {
                sleep_until(begins).await;
                let mut results = Vec::with_capacity(level.rounds);
                for round in 0..level.rounds {
                    results.push(read(&calls[(reader + round) % calls.len()]).await);
                }
                results
            })
        })
        .collect();
    let mut outcome = Outcome::default();
    for reader in readers {
        let results = reader.await.unwrap_or_else(|error| vec![Err(format!("a reader broke: {error}"))]);
        for result in results {
            match result {
                Ok(seen) => outcome.seen.push(seen),
                Err(error) => *outcome.errors.entry(error).or_default() += 1,
            }
        }
    }
    outcome
}
