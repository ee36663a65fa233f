//! A value that must not be printed: an API key, a token, a database password. Whatever formats it sees `***`;
//! the one way to the text is [`Secret::expose`], which is easy to search for.

use std::fmt;

/// A configured secret. `Debug` and `Display` print `***`.
#[derive(Clone, Default, serde::Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Wraps `value` as it is; trimming and unquoting belong to the configuration.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The text itself, for the one place that sends it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether nothing is inside.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// `text` with every occurrence of the secret replaced by `***`: some services repeat the key in their errors.
    pub fn redact(&self, text: &str) -> String {
        if self.0.is_empty() { text.to_owned() } else { text.replace(&self.0, "***") }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl From<String> for Secret {
    fn from(value: String) -> Self {
        Self(value)
    }
}

#[cfg(test)]
mod tests {
    use super::Secret;

    #[test]
    fn formatting_never_shows_the_text() {
        let secret = Secret::new("AQ.abc");
        assert_eq!(format!("{secret} {secret:?} {:?}", Some(&secret)), "*** *** Some(***)");
    }

    #[test]
    fn a_repeated_key_is_redacted() {
        let secret = Secret::new("AQ.abc");
        assert_eq!(
            secret.redact("Consumer 'api_key:AQ.abc' is suspended"),
            "Consumer 'api_key:***' is suspended"
        );
        assert_eq!(Secret::default().redact("unchanged"), "unchanged");
    }
}
