//! What can go wrong with a model provider, as one small enum. A provider error answers by type whose fault it is
//! and whether asking again may help; everything that reaches a log or a reader goes through here once.

use std::fmt;
use std::time::Duration;

use crate::status::Trouble;

/// Longest provider message kept in an error; the rest says nothing more and fills the log.
const DETAIL_CHARS: usize = 300;

/// Which kind of service answered, or should have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Provider {
    /// Google's Gemini API.
    Gemini,
    /// Any server that speaks OpenAI's chat and embedding calls.
    OpenAi,
    /// The vector database.
    Qdrant,
}

impl Provider {
    /// Short lower-case label for metrics and JSON: `gemini`, `openai`, `qdrant`.
    pub fn label(self) -> &'static str {
        match self {
            Self::Gemini => "gemini",
            Self::OpenAi => "openai",
            Self::Qdrant => "qdrant",
        }
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gemini => "Gemini",
            Self::OpenAi => "OpenAI-compatible server",
            Self::Qdrant => "Qdrant",
        })
    }
}

/// Why a provider gave no (complete) answer. No variant ever carries a key, a question or an answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProviderError {
    /// The key is missing, wrong, expired, restricted or blocked.
    #[error("{provider} refused the key ({detail}); check {variable}")]
    Unauthorized {
        /// Who refused.
        provider: Provider,
        /// The variable that holds the key.
        variable: &'static str,
        /// The provider's reason, short and redacted.
        detail: String,
    },
    /// A quota is used up, for a moment or (`daily`) until it is reset.
    #[error("{}", rate_limited(*.provider, *.retry_after, *.daily))]
    RateLimited {
        /// Who limits.
        provider: Provider,
        /// How long to wait, when the provider said so.
        retry_after: Option<Duration>,
        /// Waiting a moment does not help: the quota of the day (or of the account) is spent.
        daily: bool,
    },
    /// We do not ask: the calls that we may pay for today are used up.
    #[error("today's allowance of calls to {provider} is used up (DOCENT_DAILY_BUDGET)")]
    BudgetSpent {
        /// Who is not asked.
        provider: Provider,
    },
    /// Overloaded, broken, or not to be reached.
    #[error("{provider} is unavailable: {detail}")]
    Unavailable {
        /// Who is away.
        provider: Provider,
        /// What was seen.
        detail: String,
    },
    /// Silence for longer than we wait.
    #[error("{provider} did not answer within {after:?}")]
    Timeout {
        /// Who was silent.
        provider: Provider,
        /// How long we waited.
        after: Duration,
    },
    /// The request itself was refused; the same request will be refused again.
    #[error("{provider} rejected the request: {detail}")]
    BadRequest {
        /// Who refused.
        provider: Provider,
        /// What was wrong with it.
        detail: String,
    },
    /// The model (or the path) does not exist there.
    #[error("{provider} has no model {model:?}; check {variable}")]
    NotFound {
        /// Who was asked.
        provider: Provider,
        /// The model asked for.
        model: String,
        /// The variable that named it.
        variable: &'static str,
    },
    /// The prompt was withheld by the provider's own policy.
    #[error("{provider} blocked the prompt: {reason}")]
    Blocked {
        /// Who blocked.
        provider: Provider,
        /// The provider's reason, such as `SAFETY`.
        reason: String,
    },
    /// An answer came, but not one that we understand.
    #[error("{provider} sent an unusable reply: {detail}")]
    BadResponse {
        /// Who sent it.
        provider: Provider,
        /// What was wrong with it.
        detail: String,
    },
    /// The connection ended in the middle of an answer.
    #[error("{provider} broke off in the middle of the answer")]
    Interrupted {
        /// Who broke off.
        provider: Provider,
    },
}

impl ProviderError {
    /// Whether the same request may succeed a little later.
    pub fn retryable(&self) -> bool {
        match self {
            Self::RateLimited { daily, .. } => !daily,
            Self::Unavailable { .. } | Self::Timeout { .. } | Self::Interrupted { .. } => true,
            Self::Unauthorized { .. }
            | Self::BudgetSpent { .. }
            | Self::BadRequest { .. }
            | Self::NotFound { .. }
            | Self::Blocked { .. }
            | Self::BadResponse { .. } => false,
        }
    }

    /// Whose fault: true when our configuration or our request must change, false when the provider must recover.
    pub fn ours(&self) -> bool {
        matches!(self, Self::Unauthorized { .. } | Self::BadRequest { .. } | Self::NotFound { .. })
    }

    /// A stable word for metrics, codes and JSON.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Unauthorized { .. } => "unauthorized",
            Self::RateLimited { daily: false, .. } => "rate_limited",
            Self::RateLimited { daily: true, .. } => "quota_exhausted",
            Self::BudgetSpent { .. } => "budget_spent",
            Self::Unavailable { .. } => "unavailable",
            Self::Timeout { .. } => "timeout",
            Self::BadRequest { .. } => "bad_request",
            Self::NotFound { .. } => "not_found",
            Self::Blocked { .. } => "blocked",
            Self::BadResponse { .. } => "bad_response",
            Self::Interrupted { .. } => "interrupted",
        }
    }

    /// How long the provider asked us to wait, when it did.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// The error as health tells it; `None` when it says nothing about the provider: it answered, and withheld.
    pub fn trouble(&self) -> Option<Trouble> {
        let recommended_action = match self {
            Self::Unauthorized { variable, .. } => format!("check {variable}; make a new key if it was blocked"),
            Self::RateLimited { daily: false, .. } => {
                "wait a minute; name more models or raise the quota if it happens often".to_owned()
            }
            Self::RateLimited { daily: true, .. } => {
                "wait until the quota is reset (midnight Pacific for Gemini), name more models, or turn billing on"
                    .to_owned()
            }
            Self::BudgetSpent { .. } => "wait until midnight UTC, or raise DOCENT_DAILY_BUDGET".to_owned(),
            Self::Unavailable { .. } | Self::Timeout { .. } | Self::Interrupted { .. } => {
                "wait; if it lasts, check the network and the provider's status page".to_owned()
            }
            Self::NotFound { variable, .. } => format!("name a model that exists in {variable}"),
            Self::BadRequest { .. } | Self::BadResponse { .. } => {
                "check the model's name and the provider's address; see the log".to_owned()
            }
            Self::Blocked { .. } => return None,
        };
        Some(Trouble { kind: self.kind(), error: self.to_string(), recommended_action })
    }

    /// Who it was.
    pub fn provider(&self) -> Provider {
        match self {
            Self::Unauthorized { provider, .. }
            | Self::RateLimited { provider, .. }
            | Self::BudgetSpent { provider }
            | Self::Unavailable { provider, .. }
            | Self::Timeout { provider, .. }
            | Self::BadRequest { provider, .. }
            | Self::NotFound { provider, .. }
            | Self::Blocked { provider, .. }
            | Self::BadResponse { provider, .. }
            | Self::Interrupted { provider } => *provider,
        }
    }
}

fn rate_limited(provider: Provider, retry_after: Option<Duration>, daily: bool) -> String {
    match (daily, retry_after) {
        (true, _) => format!("{provider} has no quota left for today"),
        (false, Some(wait)) => format!("{provider} is rate limiting; retry after {wait:?}"),
        (false, None) => format!("{provider} is rate limiting"),
    }
}

/// A provider's words made fit for a log line: one line, no control characters, at most [`DETAIL_CHARS`].
pub(crate) fn tidy(text: &str) -> String {
    let mut tidied = String::new();
    let mut length = 0;
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()) {
        if length > 0 {
            tidied.push(' ');
            length += 1;
        }
        for c in word.chars() {
            if length >= DETAIL_CHARS {
                tidied.push('…');
                return tidied;
            }
            tidied.push(c);
            length += 1;
        }
    }
    tidied
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_say_what_to_do() {
        let provider = Provider::Gemini;
        let unauthorized = ProviderError::Unauthorized {
            provider,
            variable: "GEMINI_API_KEY",
            detail: "API_KEY_INVALID".to_owned(),
        };
        assert_eq!(
            unauthorized.to_string(),
            "Gemini refused the key (API_KEY_INVALID); check GEMINI_API_KEY"
        );
        let limited = |retry_after, daily| ProviderError::RateLimited { provider, retry_after, daily };
        assert_eq!(
            limited(Some(Duration::from_secs(23)), false).to_string(),
            "Gemini is rate limiting; retry after 23s"
        );
        assert_eq!(limited(None, true).to_string(), "Gemini has no quota left for today");
        assert!(limited(None, false).retryable());
        assert!(!limited(Some(Duration::from_secs(1)), true).retryable(), "a daily quota stays spent");
        assert!(unauthorized.ours() && !limited(None, true).ours());
    }

    #[test]
    fn details_are_one_short_line() {
        assert_eq!(tidy(" a\r\n\tb\u{0}c  "), "a b c");
        assert_eq!(tidy(&"x".repeat(1000)).chars().count(), DETAIL_CHARS + 1);
        assert_eq!(tidy(""), "");
    }
}
