//! `DATABASE_URL` in every form that people paste, read into the address of one Postgres database.
//!
//! Consoles offer URLs, `psql` commands and key-value lines; guides for Python add a driver to the scheme; forms add
//! quotes and line breaks. What is meant is clear in all of them, so all are taken. What is not understood is named.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;

use crate::secret::Secret;

/// The port that Postgres listens on when nobody says otherwise.
const PORT: u16 = 5432;

/// Domain of the databases that also speak SQL over HTTPS.
const NEON: &str = ".neon.tech";

/// Where a database is and who asks.
#[derive(Debug, Clone)]
pub struct Database {
    /// The server.
    pub host: Host,
    /// The role.
    pub user: String,
    /// Its password, when one is needed.
    pub password: Option<Secret>,
    /// The database on that server.
    pub name: String,
    /// How the connection is protected.
    pub tls: Tls,
    /// The `options` of the address, which some servers route by.
    pub options: Option<String>,
}

/// The server of a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Host {
    /// A name or address, and a port.
    Network(String, u16),
    /// Folder of a Unix socket, and the port that is part of the socket's name.
    Socket(PathBuf, u16),
}

/// How a connection is protected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tls {
    /// Not at all: the server is on this machine, or the address says `sslmode=disable`.
    Off,
    /// TLS with a verified certificate: by the roots that are compiled in, or those of a PEM file.
    Verified(Option<PathBuf>),
}

/// A way to speak with Postgres.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// Postgres' own protocol.
    Tcp,
    /// SQL over HTTPS, as Neon offers it.
    Https,
}

impl Transport {
    /// A word for tables and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Https => "https",
        }
    }
}

impl Database {
    /// Reads an address. The error says what was expected and never repeats a password.
    ///
    /// # Errors
    /// When it is no address of a Postgres database, or a part is missing.
    pub fn parse(pasted: &str) -> Result<Self, String> {
        let text = unwrap(pasted);
        let mut parts = match text.split_once("://") {
            Some((scheme, rest)) => {
                let scheme = scheme.trim_start_matches("jdbc:").to_lowercase();
                let base = scheme.split('+').next().unwrap_or_default();
                if !matches!(base, "postgres" | "postgresql") {
                    return Err(format!(
                        "begins with '{base}:'; expected postgresql://USER:PASSWORD@HOST/DATABASE"
                    ));
                }
                from_url(rest)?
            }
            None if text.contains('=') => from_pairs(text)?,
            None => return Err("is no address; expected postgresql://USER:PASSWORD@HOST/DATABASE".into()),
        };
        let mut take = |name: &str| parts.remove(name).filter(|value| !value.is_empty());
        let (host, port) = (take("host"), take("port"));
        let user = take("user").ok_or("names no user; expected postgresql://USER:PASSWORD@HOST/DATABASE")?;
        let password = take("password");
        let name = take("dbname").unwrap_or_else(|| user.clone());
        let mode = take("sslmode").or_else(|| take("ssl")).map(|mode| mode.to_lowercase());
        let root = take("sslrootcert").filter(|path| path != "system").map(PathBuf::from);
        let options = take("options");

        let port = match port {
            Some(port) => port.parse().map_err(|_| format!("has the port '{port}'; expected a number"))?,
            None => PORT,
        };
        let host = host.ok_or("names no host; expected postgresql://USER:PASSWORD@HOST/DATABASE")?;
        if host.contains(',') {
            return Err("names several hosts; name one".into());
        }
        if password.as_deref().is_some_and(is_hidden) {
            return Err(
                "has its password hidden; let the console show it, then copy the address again".into()
            );
        }
        let host = if host.starts_with('/') {
            Host::Socket(PathBuf::from(host), port)
        } else {
            Host::Network(host.to_lowercase(), port)
        };
        let tls = match mode.as_deref() {
            Some("disable" | "false") => Tls::Off,
            Some("allow" | "prefer" | "require" | "verify-ca" | "verify-full" | "true") | None => {
                let asked = matches!(mode.as_deref(), Some("require" | "verify-ca" | "verify-full" | "true"));
                match &host {
                    Host::Socket(..) => Tls::Off,
                    Host::Network(name, _) if is_loopback(name) && !asked && root.is_none() => Tls::Off,
                    Host::Network(..) => Tls::Verified(root),
                }
            }
            Some(other) => {
                return Err(format!("has sslmode={other}; expected require, verify-full or disable"));
            }
        };
        Ok(Self { host, user, password: password.map(Secret::new), name, tls, options })
    }

    /// Host, port and database for people: no user, no password.
    pub fn shown(&self) -> String {
        match &self.host {
            Host::Network(host, PORT) => format!("{host}/{}", self.name),
            Host::Network(host, port) => format!("{host}:{port}/{}", self.name),
            Host::Socket(folder, port) => format!("{}:{port}/{}", folder.display(), self.name),
        }
    }

    /// Whether the host is Neon's transaction pooler, as its first label says.
    pub fn is_pooled(&self) -> bool {
        let Host::Network(host, _) = &self.host else { return false };
        host.ends_with(NEON) && host.split('.').next().is_some_and(|label| label.ends_with("-pooler"))
    }

    /// How the connection is protected, in words.
    pub fn protection(&self) -> &'static str {
        match self.tls {
            Tls::Off => "without TLS",
            Tls::Verified(_) => "TLS with a verified certificate",
        }
    }

    /// Where this database takes SQL over HTTPS; `None` when its host is not known to.
    ///
    /// # Source
    /// Neon's own driver posts to `https://api.<host without its first label>/sql`.
    pub fn https_address(&self) -> Option<String> {
        let Host::Network(host, _) = &self.host else { return None };
        let (_, region) = host.split_once('.')?;
        host.ends_with(NEON).then(|| format!("https://api.{region}/sql"))
    }
}

/// Whether a host is this machine.
pub fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Takes off what comes along when an address is copied: a command, an assignment, quotes, white space.
fn unwrap(pasted: &str) -> &str {
    const QUOTES: [char; 9] = ['"', '\'', '`', '“', '”', '‘', '’', '<', '>'];
    let mut text = pasted;
    loop {
        let before = text;
        text = text.trim().trim_end_matches(';').trim_matches(QUOTES);
        for word in ["export ", "psql ", "DATABASE_URL=", "DATABASE_URL:"] {
            if text.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word)) {
                text = &text[word.len()..];
            }
        }
        if text == before {
            return text;
        }
    }
}

/// Parts of `user:password@host:port/name?key=value`. Passwords may hold characters that should have been encoded.
fn from_url(rest: &str) -> Result<BTreeMap<String, String>, String> {
    let head = rest.split('?').next().unwrap_or_default();
    let at = match head.rfind('@') {
        Some(at) => Some(at),
        // A question mark inside a password; a query has a key and `=` before any `@`.
        None => rest.rfind('@').filter(|at| !rest[head.len()..*at].contains('=')),
    };
    let (user_info, place) = at.map_or(("", rest), |at| (&rest[..at], &rest[at + 1..]));
    let (place, query) = place.split_once('?').unwrap_or((place, ""));
    let (authority, name) = place.split_once('/').unwrap_or((place, ""));
    let (user, password) = user_info.split_once(':').unwrap_or((user_info, ""));
    let (host, port) = match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, port)) => (address, port.trim_start_matches(':')),
        None => authority.rsplit_once(':').unwrap_or((authority, "")),
    };
    let mut parts = BTreeMap::new();
    let query = query.split('#').next().unwrap_or_default();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        parts.insert(decoded(key).to_lowercase(), decoded(value));
    }
    for (key, value) in
        [("user", user), ("password", password), ("host", host), ("port", port), ("dbname", name)]
    {
        if !value.is_empty() {
            parts.insert(key.to_owned(), decoded(value));
        }
    }
    Ok(parts)
}

/// Parts of `host=… user=… password='…'`, with backslash escapes inside quotes.
fn from_pairs(text: &str) -> Result<BTreeMap<String, String>, String> {
    let mut parts = BTreeMap::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (key, after) = rest.split_once('=').ok_or("has a word without '='; expected host=… user=…")?;
        let mut value = String::new();
        let mut characters = after.trim_start().chars();
        let quoted = characters.as_str().starts_with('\'');
        if quoted {
            characters.next();
        }
        while let Some(character) = characters.next() {
            match character {
                '\\' => value.extend(characters.next()),
                '\'' if quoted => break,
                space if space.is_whitespace() && !quoted => break,
                other => value.push(other),
            }
        }
        parts.insert(key.trim().to_lowercase(), value);
        rest = characters.as_str().trim_start();
    }
    Ok(parts)
}

/// Percent-decodes; a `%` that begins no byte, or bytes that are no text, stay as they are.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let byte = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let byte = byte.filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
        match byte.and_then(|digits| u8::from_str_radix(digits, 16).ok()).filter(|_| first == b'%') {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}

/// A console's stand-in for a password.
fn is_hidden(password: &str) -> bool {
    password.chars().all(|character| matches!(character, '*' | '•' | '●'))
        || (password.starts_with('[') && password.ends_with(']'))
        || matches!(password.to_uppercase().as_str(), "<PASSWORD>" | "PASSWORD_HERE" | "YOUR_PASSWORD")
}

#[cfg(test)]
mod tests;
