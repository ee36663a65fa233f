//! What a database says when it does not work, sorted by what can be done about it.
//!
//! Codes are those of Postgres; hosted databases put their own failures into the text, often under a general code.

use std::time::Duration;

use crate::status::Trouble;
use crate::times;

/// Why the database did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{words}")]
pub struct DatabaseError {
    pub(super) kind: Kind,
    words: String,
}

/// What can be done about a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// No connection came about; another transport may do better.
    Unreachable,
    /// The connection ended, as it does when the database falls asleep: another one will do.
    Lost,
    /// It wakes up, or it has too much to do: again soon.
    Busy,
    /// Key, name or address is wrong, or the owner has to act: again much later.
    Refused,
    /// A quota is used up: again much later.
    Spent,
    /// A table is missing.
    NoTable,
    /// This statement will never work.
    Statement,
}

/// Text of a hosted database, its kind, what to do. Compared without case, in this order.
const TEXTS: &[(&str, Kind, &str)] = &[
    (
        "exceeded the",
        Kind::Spent,
        "the quota of the database is used up until the next period or a larger plan",
    ),
    (
        "project size limit",
        Kind::Spent,
        "the database is full; delete old conversations or take a larger plan",
    ),
    (
        "endpoint has been disabled",
        Kind::Refused,
        "the owner has disabled this database; enable it in the console",
    ),
    (
        "endpoint could not be found",
        Kind::Refused,
        "the host in DATABASE_URL does not exist any more; copy the address again",
    ),
    (
        "endpoint id is not specified",
        Kind::Refused,
        "the server needs the host's name; use the name, not an address, in DATABASE_URL",
    ),
    (
        "connection is insecure",
        Kind::Refused,
        "the server wants TLS; remove sslmode=disable from DATABASE_URL",
    ),
    ("no encryption", Kind::Refused, "the server wants TLS; add sslmode=require to DATABASE_URL"),
    (
        "does not support tls",
        Kind::Refused,
        "the server has no TLS; inside a trusted network add sslmode=disable to DATABASE_URL",
    ),
    (
        "unsupported startup parameter",
        Kind::Refused,
        "a pooler refuses a parameter; remove options from DATABASE_URL",
    ),
    ("password authentication failed", Kind::Refused, "check user and password in DATABASE_URL"),
    ("active endpoints", Kind::Busy, "too many databases of the account are awake"),
    ("couldn't connect to compute", Kind::Busy, "the database is waking up"),
    ("control plane request failed", Kind::Busy, "the database service has a failure"),
    ("failed to acquire permit", Kind::Busy, "the database service has too much to do"),
    ("query_wait_timeout", Kind::Busy, "the pooler has too much to do"),
    ("no more connections allowed", Kind::Busy, "the pooler is full"),
];

/// Beginning of an SQLSTATE, its kind, what to do. The first that fits counts.
const CODES: &[(&str, Kind, &str)] = &[
    ("57P03", Kind::Busy, "the database is starting"),
    ("57P0", Kind::Lost, "the database went to sleep or restarts"),
    ("08", Kind::Lost, "the connection broke"),
    ("53300", Kind::Busy, "the database has no free connection"),
    ("53100", Kind::Spent, "the disk of the database is full"),
    ("53", Kind::Busy, "the database is out of resources"),
    ("40", Kind::Busy, "another transaction was in the way"),
    ("55", Kind::Busy, "another transaction was in the way"),
    ("57", Kind::Busy, "the statement was cancelled"),
    ("28", Kind::Refused, "check user and password in DATABASE_URL"),
    ("3D000", Kind::Refused, "check the name of the database in DATABASE_URL"),
    ("42501", Kind::Refused, "the role of DATABASE_URL lacks a right on the tables"),
    ("25006", Kind::Refused, "this server only reads; use the primary's address in DATABASE_URL"),
    ("42P01", Kind::NoTable, "a table is missing"),
    ("42703", Kind::NoTable, "a column is missing"),
    ("22", Kind::Statement, "a value does not fit"),
    ("23", Kind::Statement, "a rule of the table is broken"),
];

impl DatabaseError {
    pub(super) fn new(kind: Kind, words: impl Into<String>) -> Self {
        Self { kind, words: words.into() }
    }

    /// A failure that the database reported itself.
    pub(super) fn reported(code: &str, message: &str) -> Self {
        let lower = message.to_lowercase();
        let by_text = TEXTS.iter().find(|(text, ..)| lower.contains(text));
        let found = by_text.or_else(|| CODES.iter().find(|(start, ..)| code.starts_with(start)));
        let message = message.lines().next().unwrap_or_default();
        let code = if code.is_empty() { String::new() } else { format!(", {code}") };
        match found {
            Some((_, kind, advice)) => Self::new(*kind, format!("{advice} ({message}{code})")),
            None => Self::new(Kind::Busy, format!("the database says: {message}{code}")),
        }
    }

    /// What the operator can do.
    pub fn recommended_action(&self) -> String {
        self.trouble().recommended_action
    }

    /// The same for the health report.
    pub(super) fn trouble(&self) -> Trouble {
        let (kind, action) = match self.kind {
            Kind::Unreachable => (
                "unavailable",
                "check the host in DATABASE_URL and the way to port 5432; messages wait in the outbox",
            ),
            Kind::Lost | Kind::Busy => (
                "unavailable",
                "nothing; messages wait in the outbox and are stored when the database is back",
            ),
            Kind::Refused => (
                "unauthorized",
                "correct DATABASE_URL as the error says and restart; messages wait in the outbox",
            ),
            Kind::Spent => (
                "quota_exhausted",
                "take a larger plan or wait for the next period; messages wait in the outbox",
            ),
            Kind::NoTable | Kind::Statement => {
                ("bad_response", "check the tables; the log names the statement")
            }
        };
        Trouble { kind, error: self.words.clone(), recommended_action: action.to_owned() }
    }

    /// When another try makes sense, after `failures` of them in a row.
    pub(super) fn wait(&self, failures: u32) -> Duration {
        let (first, most) = match self.kind {
            Kind::Refused | Kind::Spent => times::DELIVER_AGAIN_LATER,
            _ => times::DELIVER_AGAIN,
        };
        first.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(most)
    }
}

impl From<tokio_postgres::Error> for DatabaseError {
    fn from(error: tokio_postgres::Error) -> Self {
        if let Some(report) = error.as_db_error() {
            return Self::reported(report.code().code(), report.message());
        }
        let mut cause: &dyn std::error::Error = &error;
        while let Some(source) = cause.source() {
            cause = source;
        }
        let words = cause.to_string();
        if words.to_lowercase().contains("certificate") {
            return Self::new(
                Kind::Refused,
                format!(
                    "the server's certificate is not trusted; a server with an authority of its own needs sslrootcert in DATABASE_URL ({words})"
                ),
            );
        }
        if TEXTS.iter().any(|(text, ..)| words.to_lowercase().contains(text)) {
            return Self::reported("", &words);
        }
        Self::new(Kind::Lost, format!("the connection broke ({words})"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_sorted_by_what_can_be_done() {
        for (code, message, kind) in [
            ("57P01", "terminating connection due to administrator command", Kind::Lost),
            ("57P03", "the database system is starting up", Kind::Busy),
            ("08006", "connection failure", Kind::Lost),
            ("08P01", "query_wait_timeout", Kind::Busy),
            ("53300", "remaining connection slots are reserved", Kind::Busy),
            ("40P01", "deadlock detected", Kind::Busy),
            ("XX000", "Couldn't connect to compute node", Kind::Busy),
            ("28P01", "password authentication failed for user \"x\"", Kind::Refused),
            ("XX000", "password authentication failed for user 'x'", Kind::Refused),
            ("3D000", "database \"x\" does not exist", Kind::Refused),
            (
                "XX000",
                "The requested endpoint could not be found, or you don't have access to it",
                Kind::Refused,
            ),
            ("XX000", "The endpoint has been disabled. Enable it using Neon API and retry.", Kind::Refused),
            ("XX000", "Your account or project has exceeded the compute time quota.", Kind::Spent),
            (
                "53100",
                "could not extend file because project size limit (512 MB) has been exceeded",
                Kind::Spent,
            ),
            ("08P01", "unsupported startup parameter: options", Kind::Refused),
            ("42P01", "relation \"messages\" does not exist", Kind::NoTable),
            ("22P05", "unsupported Unicode escape sequence", Kind::Statement),
            ("23503", "violates foreign key constraint", Kind::Statement),
            ("99999", "something new", Kind::Busy),
        ] {
            let error = DatabaseError::reported(code, message);
            assert_eq!(error.kind, kind, "{code} {message}");
            assert!(error.to_string().contains(message), "{error}");
        }
    }

    #[test]
    fn what_only_the_owner_can_mend_is_tried_seldom() {
        let waits =
            |kind| [1, 2, 9, 40].map(|failures| DatabaseError::new(kind, "").wait(failures).as_millis());
        assert_eq!(waits(Kind::Lost), [250, 500, 15_000, 15_000]);
        assert_eq!(waits(Kind::Spent), [60_000, 120_000, 900_000, 900_000]);
    }
}
