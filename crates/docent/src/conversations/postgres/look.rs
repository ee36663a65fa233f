//! A look at the database from outside of a running service: nothing is made, changed or delivered.

use std::time::{Duration, Instant};

use serde::Deserialize;

use super::failure::{DatabaseError, Kind};
use super::link::Link;
use super::{PostgresOptions, Statement, statements};
use crate::database::Transport;

/// The tables that Docent uses.
const TABLES: u32 = 3;

/// A database that wakes up needs some seconds; tries and their pauses are in it.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a database says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseLook {
    /// Version of the server.
    pub version: String,
    /// How it was reached.
    pub transport: Transport,
    /// From the first try to the answer, a sleeping database's waking included.
    pub took: Duration,
    /// All tables are there.
    pub has_tables: bool,
    /// Why it cannot be used as it is, and what to do.
    pub problem: Option<&'static str>,
}

#[derive(Deserialize)]
struct Told {
    version: String,
    tables: u32,
    may_create: bool,
    read_only: bool,
}

/// Asks the database of `options` for its version and tables, over the transport that a service would choose.
///
/// # Errors
/// Why it does not answer, with the remedy in its words.
pub async fn look(options: PostgresOptions) -> Result<DatabaseLook, DatabaseError> {
    let link = Link::new(options);
    let began = Instant::now();
    let (told, transport) = link.look(Statement { sql: statements::LOOK, parameters: &[] }, PATIENCE).await?;
    let took = began.elapsed();
    link.close().await;
    let told: Told = told
        .first()
        .and_then(|row| serde_json::from_str(row.as_deref()?).ok())
        .ok_or_else(|| DatabaseError::new(Kind::Statement, "the database does not say what it is"))?;
    let has_tables = told.tables == TABLES;
    let problem = if told.read_only {
        Some("this server only reads; use the primary's address in DATABASE_URL")
    } else if !has_tables && !told.may_create {
        Some(
            "tables are missing and the role of DATABASE_URL may not make them; GRANT CREATE on the schema to it",
        )
    } else {
        None
    };
    Ok(DatabaseLook { version: told.version, transport, took, has_tables, problem })
}
