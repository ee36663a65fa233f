//! SQL over HTTPS, for places where only port 443 leads outside.
//!
//! One statement a request: `{"query", "params"}` goes out, `{"rows": [[…]]}` comes back with every value as text, or an
//! error object with the fields of a Postgres error.
//!
//! # Source
//! The driver `@neondatabase/serverless`.

use std::time::Duration;

use reqwest::header::HeaderValue;
use serde::Deserialize;
use serde_json::json;

use super::failure::{DatabaseError, Kind};
use super::{Row, Statement};
use crate::database::{Database, Host};
use crate::secret::Secret;

/// A longer reply is not read: a conversation of that size is none.
const MOST_BYTES: usize = 64 * 1024 * 1024;

/// Where statements go, and in whose name.
#[derive(Debug, Clone)]
pub(super) struct Https {
    client: reqwest::Client,
    address: String,
    connection: Secret,
}

#[derive(Deserialize)]
struct Reply {
    rows: Vec<Vec<Row>>,
}

#[derive(Deserialize)]
struct Report {
    message: String,
    #[serde(default)]
    code: Option<String>,
}

impl Https {
    pub(super) fn new(client: reqwest::Client, address: String, database: &Database) -> Self {
        Self { client, address, connection: Secret::new(connection_string(database)) }
    }

    /// The host that is spoken with.
    pub(super) fn host(&self) -> &str {
        let (_, rest) = self.address.split_once("://").unwrap_or(("", &self.address));
        rest.split('/').next().unwrap_or(rest)
    }

    pub(super) async fn run(
        &self,
        statement: &Statement<'_>,
        patience: Duration,
    ) -> Result<Vec<Row>, DatabaseError> {
        let mut connection = HeaderValue::from_str(self.connection.expose()).map_err(|_| {
            DatabaseError::new(Kind::Refused, "DATABASE_URL has characters that no header can carry")
        })?;
        connection.set_sensitive(true);
        let request = self
            .client
            .post(&self.address)
            .header("neon-connection-string", connection)
            .header("neon-raw-text-output", "true")
            .header("neon-array-mode", "true")
            .json(&json!({"query": statement.sql, "params": statement.parameters}));
        let exchange = async {
            let mut response = request.send().await.map_err(|error| self.unreachable(&error))?;
            let status = response.status();
            let mut body = Vec::new();
            while let Some(bytes) = response.chunk().await.map_err(|error| self.unreachable(&error))? {
                if body.len() + bytes.len() > MOST_BYTES {
                    return Err(DatabaseError::new(Kind::Statement, "the reply is too long"));
                }
                body.extend_from_slice(&bytes);
            }
            Ok((status, body))
        };
        let (status, body) = match tokio::time::timeout(patience, exchange).await {
            Ok(exchanged) => exchanged?,
            Err(_) => {
                let words = format!("{} did not answer within {patience:?}", self.host());
                return Err(DatabaseError::new(Kind::Unreachable, words));
            }
        };
        if status.is_success() {
            let reply: Reply = serde_json::from_slice(&body).map_err(|error| {
                DatabaseError::new(Kind::Busy, format!("{} sent no rows: {error}", self.host()))
            })?;
            return Ok(reply.rows.into_iter().map(|row| row.into_iter().next().flatten()).collect());
        }
        Err(match serde_json::from_slice::<Report>(&body) {
            Ok(report) => DatabaseError::reported(
                report.code.as_deref().unwrap_or_default(),
                &self.connection.redact(&report.message),
            ),
            Err(_) => DatabaseError::new(Kind::Busy, format!("{} answers with status {status}", self.host())),
        })
    }

    fn unreachable(&self, error: &reqwest::Error) -> DatabaseError {
        let mut cause: &dyn std::error::Error = error;
        while let Some(source) = cause.source() {
            cause = source;
        }
        DatabaseError::new(Kind::Unreachable, format!("cannot reach {} over HTTPS: {cause}", self.host()))
    }
}

/// The address as the service reads it, with every part encoded.
fn connection_string(database: &Database) -> String {
    let (host, port) = match &database.host {
        Host::Network(host, port) => (host.as_str(), *port),
        Host::Socket(_, port) => ("localhost", *port),
    };
    let password = database.password.as_ref().map(|password| format!(":{}", encoded(password.expose())));
    let mut text = format!("postgresql://{}{}@{host}", encoded(&database.user), password.unwrap_or_default());
    if port != 5432 {
        text.push_str(&format!(":{port}"));
    }
    text.push_str(&format!("/{}", encoded(&database.name)));
    if let Some(options) = &database.options {
        text.push_str(&format!("?options={}", encoded(options)));
    }
    text
}

fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_connection_string_survives_every_character() {
        let pasted = "psql 'postgres://me:p%40s:s/w?rd@ep-a.us.aws.neon.tech/d b?options=endpoint%3Dx'";
        let database = Database::parse(pasted).expect("an address");
        let text = connection_string(&database);
        assert_eq!(
            text,
            "postgresql://me:p%40s%3As%2Fw%3Frd@ep-a.us.aws.neon.tech/d%20b?options=endpoint%3Dx"
        );
        let again = Database::parse(&text).expect("an address");
        assert_eq!(again.password.expect("a password").expose(), "p@s:s/w?rd");
    }
}
