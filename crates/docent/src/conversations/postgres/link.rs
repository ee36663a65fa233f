//! The way to the database: which transport, one retry on a fresh connection, and what is known of its state.
//!
//! Nothing is asked for its own sake: an idle program sends no statement, so a hosted database may sleep.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::failure::{DatabaseError, Kind};
use super::https::Https;
use super::tcp::{self, Lane};
use super::{PostgresOptions, Row, Statement, statements};
use crate::database::{Database, Transport};
use crate::status::{Gauge, Service};
use crate::times;

/// Whose connection a statement takes: a long read must not hold up the writes, nor the other way round.
#[derive(Debug, Clone, Copy)]
pub(super) enum Use {
    Read,
    Write,
}

#[derive(Debug)]
pub(super) struct Link {
    database: Database,
    /// `None` decides by itself.
    wanted: Option<Transport>,
    https: Option<Https>,
    read: Lane,
    write: Lane,
    /// The tables are there.
    prepared: tokio::sync::Mutex<bool>,
    facts: Mutex<Facts>,
    gauge: Gauge,
    /// Told at every failure.
    failing: Notify,
}

#[derive(Debug, Clone, Default)]
struct Facts {
    /// What served last.
    transport: Option<Transport>,
    last_success: Option<Timestamp>,
    failure: Option<(DatabaseError, Instant)>,
    /// Failures since the last success.
    failures: u32,
}

impl Link {
    pub(super) fn new(options: PostgresOptions) -> Self {
        let PostgresOptions { database, transport, https_address, client, services, .. } = options;
        let address = https_address.or_else(|| database.https_address());
        let https = address.map(|address| Https::new(client, address, &database));
        Self {
            database,
            wanted: transport,
            https,
            read: Lane::default(),
            write: Lane::default(),
            prepared: tokio::sync::Mutex::default(),
            facts: Mutex::default(),
            gauge: services.gauge(Service::Postgres, "statement"),
            failing: Notify::new(),
        }
    }

    /// The last success, and what served then.
    pub(super) fn last(&self) -> (Option<Timestamp>, Option<Transport>) {
        let facts = self.facts();
        (facts.last_success, facts.transport)
    }

    /// The failure since the last success.
    pub(super) fn failure(&self) -> Option<DatabaseError> {
        self.facts().failure.map(|(error, _)| error)
    }

    /// Waits for a failure, and says when another look makes sense.
    pub(super) async fn failed(&self) -> Duration {
        loop {
            let changed = self.failing.notified();
            let facts = self.facts();
            if let Some((error, _)) = facts.failure {
                return error.wait(facts.failures);
            }
            changed.await;
        }
    }

    /// The failure of a database that failed a moment ago.
    pub(super) fn away(&self) -> Option<DatabaseError> {
        let facts = self.facts();
        let (first, longest) = times::POSTGRES_AWAY;
        let away = first.saturating_mul(1 << facts.failures.saturating_sub(1).min(8)).min(longest);
        facts.failure.filter(|(_, at)| at.elapsed() < away).map(|(error, _)| error)
    }

    /// Runs a statement within `patience`; the tables are made before the first one.
    pub(super) async fn run(
        &self,
        lane: Use,
        statement: Statement<'_>,
        patience: Duration,
    ) -> Result<Vec<Row>, DatabaseError> {
        let began = Instant::now();
        let result = match tokio::time::timeout(patience, self.prepared_run(lane, &statement)).await {
            Ok(result) => result,
            Err(_) => {
                // A connection that is silent may be dead; another one is opened next time.
                self.lane(lane).close().await;
                let words = format!("{} did not answer within {patience:?}", self.database.shown());
                Err(DatabaseError::new(Kind::Lost, words))
            }
        };
        self.remember(&result, began.elapsed());
        result
    }

    /// Runs a statement within `patience` without making tables, and says what served.
    pub(super) async fn look(
        &self,
        statement: Statement<'_>,
        patience: Duration,
    ) -> Result<(Vec<Row>, Transport), DatabaseError> {
        let looked = tokio::time::timeout(patience, self.patient_run(Use::Read, &statement)).await;
        let rows = looked.unwrap_or_else(|_| {
            let words = format!("{} did not answer within {patience:?}", self.database.shown());
            Err(DatabaseError::new(Kind::Lost, words))
        })?;
        Ok((rows, self.wanted.or_else(|| self.facts().transport).unwrap_or(Transport::Tcp)))
    }

    /// Closes the connections.
    pub(super) async fn close(&self) {
        self.read.close().await;
        self.write.close().await;
    }

    async fn prepared_run(&self, lane: Use, statement: &Statement<'_>) -> Result<Vec<Row>, DatabaseError> {
        self.prepare(lane).await?;
        match self.patient_run(lane, statement).await {
            // The database was emptied or replaced under us.
            Err(error) if error.kind == Kind::NoTable => {
                *self.prepared.lock().await = false;
                self.prepare(lane).await?;
                self.patient_run(lane, statement).await
            }
            result => result,
        }
    }

    async fn prepare(&self, lane: Use) -> Result<(), DatabaseError> {
        let mut prepared = self.prepared.lock().await;
        if !*prepared {
            self.patient_run(lane, &Statement { sql: statements::TABLES, parameters: &[] }).await?;
            *prepared = true;
        }
        Ok(())
    }

    async fn patient_run(&self, lane: Use, statement: &Statement<'_>) -> Result<Vec<Row>, DatabaseError> {
        let mut pause = times::POSTGRES_PAUSE;
        let mut tries = 1;
        loop {
            match self.run_once(lane, statement).await {
                Err(error) if error.kind == Kind::Busy && tries < times::POSTGRES_ATTEMPTS => {
                    tokio::time::sleep(pause + jitter(pause)).await;
                    pause *= 2;
                    tries += 1;
                }
                result => return result,
            }
        }
    }

    async fn run_once(&self, lane: Use, statement: &Statement<'_>) -> Result<Vec<Row>, DatabaseError> {
        let chosen = self.wanted.or_else(|| self.facts().transport);
        match (chosen, &self.https) {
            (Some(Transport::Https), Some(https)) => https.run(statement, times::POSTGRES_REQUEST).await,
            // Nothing is decided: port 5432 first, HTTPS when it is closed.
            (None, Some(https)) => match self.run_tcp(lane, statement, times::POSTGRES_PROBE).await {
                Err(closed) if closed.kind == Kind::Unreachable => {
                    let result = https.run(statement, times::POSTGRES_REQUEST).await;
                    if result.as_ref().err().is_none_or(|error| error.kind != Kind::Unreachable) {
                        tracing::info!("{closed}; using SQL over HTTPS at {} instead", https.host());
                        self.facts_locked().transport = Some(Transport::Https);
                    }
                    result
                }
                result => {
                    if result.is_ok() {
                        self.facts_locked().transport = Some(Transport::Tcp);
                    }
                    result
                }
            },
            _ => self.run_tcp(lane, statement, times::POSTGRES_CONNECT).await,
        }
    }

    async fn run_tcp(
        &self,
        lane: Use,
        statement: &Statement<'_>,
        connect: Duration,
    ) -> Result<Vec<Row>, DatabaseError> {
        let lane = self.lane(lane);
        loop {
            let (client, fresh) = lane.client(&self.database, connect).await?;
            let result = tcp::run(&client, statement).await;
            let Err(error) = &result else { return result };
            if error.kind == Kind::Lost {
                lane.drop_client(&client).await;
                // A database that fell asleep has closed the old connection; a fresh one wakes it.
                if !fresh {
                    continue;
                }
            }
            return result;
        }
    }

    fn lane(&self, lane: Use) -> &Lane {
        match lane {
            Use::Read => &self.read,
            Use::Write => &self.write,
        }
    }

    fn remember(&self, result: &Result<Vec<Row>, DatabaseError>, took: Duration) {
        let mut facts = self.facts_locked();
        match result {
            Ok(_) => {
                if facts.failure.take().is_some() {
                    tracing::info!("the database answers again");
                } else if facts.last_success.is_none() {
                    tracing::info!(
                        milliseconds = took.as_millis() as u64,
                        "the database {} answers",
                        self.database.shown()
                    );
                }
                self.gauge.worked(took);
                facts.failures = 0;
                facts.last_success = Some(Timestamp::now());
                let default =
                    if self.wanted == Some(Transport::Https) { Transport::Https } else { Transport::Tcp };
                facts.transport.get_or_insert(default);
            }
            // The statement is wrong, not the database.
            Err(error) if error.kind == Kind::Statement => {}
            Err(error) => {
                self.gauge.failed(took, error.trouble());
                let told = facts.failure.as_ref().is_some_and(|(last, _)| last == error);
                if !told {
                    tracing::warn!("the database is away: {error}");
                }
                facts.failure = Some((error.clone(), Instant::now()));
                facts.failures = facts.failures.saturating_add(1);
                self.failing.notify_one();
                if error.kind == Kind::Unreachable {
                    // The port may be open again, or closed by now.
                    facts.transport = None;
                }
            }
        }
    }

    fn facts(&self) -> Facts {
        self.facts_locked().clone()
    }

    fn facts_locked(&self) -> MutexGuard<'_, Facts> {
        self.facts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Up to half of `pause`, so that several processes do not come back at the same moment.
fn jitter(pause: Duration) -> Duration {
    let share = (uuid::Uuid::new_v4().as_u128() % 1000) as u32;
    pause * share / 2000
}
