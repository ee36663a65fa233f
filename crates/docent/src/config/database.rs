//! The database of the conversations, when one is configured.

use super::{Reader, redact_url};
use crate::database::{Database, Transport, is_loopback};

/// How to reach the database.
#[derive(Debug, Clone)]
pub struct DatabaseSettings {
    /// The database.
    pub database: Database,
    /// The transport; `None` tries port 5432 first, and HTTPS when it is closed.
    pub transport: Option<Transport>,
    /// Where SQL over HTTPS is taken, when the host's name does not say.
    pub https_address: Option<String>,
}

impl Reader<'_> {
    pub(super) fn database(&mut self) -> Option<DatabaseSettings> {
        let transport = self.choice(
            "DOCENT_POSTGRES_TRANSPORT",
            &[("auto", None), ("tcp", Some(Transport::Tcp)), ("https", Some(Transport::Https))],
        );
        let https_address = self.optional("DOCENT_POSTGRES_HTTPS_URL").inspect(|address| {
            let url = reqwest::Url::parse(address).ok();
            let safe = url.is_some_and(|url| {
                let local = url.host_str().is_some_and(is_loopback);
                url.scheme() == "https" || (url.scheme() == "http" && local)
            });
            if !safe {
                self.problem(
                    "DOCENT_POSTGRES_HTTPS_URL",
                    format!("is '{}'; expected an address such as https://host/sql", redact_url(address)),
                );
            }
        });
        let address = self.optional("DATABASE_URL")?;
        let database = match Database::parse(&address) {
            Ok(database) => database,
            Err(problem) => {
                self.problem("DATABASE_URL", problem);
                return None;
            }
        };
        if transport == Some(Transport::Https)
            && https_address.is_none()
            && database.https_address().is_none()
        {
            self.problem(
                "DOCENT_POSTGRES_TRANSPORT",
                "is https, but the host of DATABASE_URL is not known to take it; use tcp or set DOCENT_POSTGRES_HTTPS_URL".into(),
            );
        }
        Some(DatabaseSettings { database, transport, https_address })
    }
}
