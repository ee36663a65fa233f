//! What a double does wrong when it is told to. Each fault is one that the real services have shown; a planned fault is
//! used up by the calls it fits, in the order in which it was planned.

use serde::{Deserialize, Serialize};

use crate::control::Operation;

/// Which quota a 429 speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quota {
    /// Refilled within the minute.
    Minute,
    /// Spent until the day turns.
    Day,
    /// This account has none at all (`limit: 0`).
    Zero,
}

/// One way to fail, or to answer oddly. `after` counts events of the stream that are still sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Fault {
    /// 429 with the provider's full details.
    RateLimited {
        /// Which quota.
        quota: Quota,
        /// The wait that is asked for.
        retry_after_ms: u64,
    },
    /// An error of this HTTP status, in the provider's own words and shape.
    Status {
        /// 400 to 599.
        code: u16,
    },
    /// The key is refused.
    BadKey,
    /// The cluster is suspended: what stands in front of it answers.
    Suspended,
    /// Exactly this reply.
    Raw {
        /// HTTP status.
        status: u16,
        /// Content type.
        content_type: String,
        /// Body.
        body: String,
    },
    /// A redirect to this address.
    Redirect {
        /// Where to.
        to: String,
    },
    /// Neither head nor body ever comes.
    Hang,
    /// Silence after so many events.
    HangAfter {
        /// Events sent before.
        after: usize,
    },
    /// The connection is cut after so many events.
    Cut {
        /// Events sent before.
        after: usize,
    },
    /// The body ends in order after so many events, without the finish reason.
    NoFinish {
        /// Events sent before.
        after: usize,
    },
    /// After so many events, a pretty-printed error over several lines, without `data:`, in a reply of HTTP 200.
    RawError {
        /// Events sent before.
        after: usize,
        /// Code inside of the error.
        code: u16,
    },
    /// After so many events, an error as an event.
    ErrorEvent {
        /// Events sent before.
        after: usize,
        /// Code inside of the error.
        code: u16,
    },
    /// The prompt is blocked.
    BlockedPrompt {
        /// Such as `SAFETY`.
        reason: String,
    },
    /// A complete answer without a word.
    EmptyAnswer,
    /// Thinking used up all output tokens.
    MaxTokensAfterThinking,
    /// Thoughts are sent before the answer, marked as such.
    Thoughts,
    /// The answer stops half way for this reason, such as `SAFETY` or `MAX_TOKENS`.
    Finish {
        /// The provider's own word.
        reason: String,
    },
    /// Every character of several bytes is split over two writes.
    SplitUtf8,
    /// This long a pause before each event.
    Drip {
        /// The pause.
        delay_ms: u64,
    },
    /// Vectors of another length than asked for.
    WrongDimensions,
    /// One vector too few.
    MissingVector,
    /// A vector with a value that is no number.
    BadVector,
}

impl Fault {
    /// Whether a call of this operation can show the fault.
    pub fn fits(&self, operation: Operation) -> bool {
        match self {
            Self::RateLimited { .. }
            | Self::Status { .. }
            | Self::BadKey
            | Self::Raw { .. }
            | Self::Redirect { .. }
            | Self::Hang => true,
            Self::Suspended => matches!(operation, Operation::Query | Operation::Read | Operation::Write),
            Self::WrongDimensions | Self::MissingVector | Self::BadVector => operation == Operation::Embed,
            _ => operation == Operation::Generate,
        }
    }
}

/// A fault and the calls that it is meant for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Planned {
    /// What goes wrong.
    #[serde(flatten)]
    pub fault: Fault,
    /// Only calls of this operation.
    #[serde(default)]
    pub on: Option<Operation>,
    /// Only calls that ask this model.
    #[serde(default)]
    pub model: Option<String>,
    /// How many calls.
    #[serde(default = "once")]
    pub times: u32,
}

fn once() -> u32 {
    1
}

impl Planned {
    /// For the next call that can show it.
    pub fn new(fault: Fault) -> Self {
        Self { fault, on: None, model: None, times: 1 }
    }

    /// Only for calls of `operation`.
    #[must_use]
    pub fn on(mut self, operation: Operation) -> Self {
        self.on = Some(operation);
        self
    }

    /// Only for calls that ask `model`.
    #[must_use]
    pub fn model(mut self, model: &str) -> Self {
        self.model = Some(model.to_owned());
        self
    }

    /// For `times` calls.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = times;
        self
    }

    /// For every call from now on.
    #[must_use]
    pub fn always(self) -> Self {
        self.times(u32::MAX)
    }

    pub(crate) fn meets(&self, operation: Operation, model: &str) -> bool {
        self.times > 0
            && self.fault.fits(operation)
            && self.on.is_none_or(|on| on == operation)
            && self.model.as_deref().is_none_or(|wanted| wanted == model)
    }
}
