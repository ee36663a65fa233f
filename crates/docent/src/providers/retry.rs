//! When to ask again, and how long to wait first. One time budget covers all attempts for a question, over all
//! models; a wait that the provider asked for is honoured when it fits, else the next model is tried.

use std::future::Future;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

use futures_util::StreamExt;
use tokio::time::Instant;
use tracing::debug;

use super::rest::Rests;
use super::{Allowance, DeltaStream, Provider, ProviderError};
use crate::status::Gauge;
use crate::times;

/// The time that one question (or one batch of texts) may take until the first sign of an answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Budget {
    deadline: Instant,
}

impl Budget {
    /// Starts now.
    pub(crate) fn start(budget: Duration) -> Self {
        Self { deadline: Instant::now() + budget }
    }

    /// What is left of it.
    pub(crate) fn remaining(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// Whether another attempt is worth starting.
    pub(crate) fn has_time(&self) -> bool {
        self.remaining() >= times::SHORTEST_ATTEMPT
    }

    /// How long the next attempt may wait for its first byte. While another model waits in line an attempt gets half
    /// of what is left, so that a silent model does not eat the whole budget.
    pub(crate) fn share(&self, first_byte_timeout: Duration, others_wait: bool) -> Duration {
        let remaining = self.remaining();
        first_byte_timeout.min(if others_wait { remaining / 2 } else { remaining })
    }

    /// The pause before asking the same model again, or `None` when it should not be asked again.
    ///
    /// `attempt` counts the attempts already made with this model, from 1; `jitter` is in 0..1.
    pub(crate) fn pause(
        &self,
        error: &ProviderError,
        attempt: u32,
        others_wait: bool,
        jitter: f32,
    ) -> Option<Duration> {
        let attempts = if others_wait { times::OTHER_MODEL_ATTEMPTS } else { times::LAST_MODEL_ATTEMPTS };
        if !error.retryable() || attempt >= attempts {
            return None;
        }
        let pause = match error {
            // A silent model stays silent for a while, and silence is the dearest failure of all.
            ProviderError::Timeout { .. } if others_wait => return None,
            // Jitter only on top: asking before the stated moment is refused again.
            ProviderError::RateLimited { retry_after: Some(wait), .. } => {
                *wait + Duration::from_millis(100).mul_f32(jitter)
            }
            _ => times::FIRST_PAUSE.saturating_mul(1 << (attempt - 1).min(8)).mul_f32(0.5 + jitter),
        };
        let limit = if others_wait { self.remaining() / 2 } else { self.remaining() };
        (pause + times::SHORTEST_ATTEMPT <= limit).then_some(pause)
    }
}

/// The attempts with one model: what they share and when they end.
pub(crate) struct Attempts<'a> {
    /// Model that is asked, as the key of its rest.
    pub(crate) model: &'a str,
    /// Which models are resting.
    pub(crate) rests: &'a Rests,
    /// Who asks, for errors of our own.
    pub(crate) provider: Provider,
    /// What every attempt is counted in; `None` for work that the operator asked for.
    pub(crate) allowance: Option<&'a Allowance>,
    /// Who is told how each attempt went.
    pub(crate) gauge: &'a Gauge,
    /// Time for all attempts.
    pub(crate) budget: Budget,
    /// Another model can take over.
    pub(crate) others_wait: bool,
    /// Longest wait for the first byte of one attempt.
    pub(crate) first_byte_timeout: Duration,
}

impl Attempts<'_> {
    /// Runs `once` with its time limit until it succeeds or asking again is of no use, and remembers how it went.
    ///
    /// # Errors
    /// That of the last attempt, or at once that of a model that is resting.
    pub(crate) async fn run<T, F, R>(&self, mut once: F) -> Result<T, ProviderError>
    where
        F: FnMut(Duration) -> R,
        R: Future<Output = Result<T, ProviderError>>,
    {
        let mut attempt = 0;
        loop {
            attempt += 1;
            let resting = self.rests.check(self.model);
            let known = resting.is_err();
            let outcome = match resting {
                Ok(()) => {
                    let began = Instant::now();
                    let allowed = self.allowance.is_none_or(Allowance::spend);
                    if !allowed {
                        let spent = Err(ProviderError::BudgetSpent { provider: self.provider });
                        tell(self.gauge, began, &spent);
                        return spent;
                    }
                    let outcome = once(self.budget.share(self.first_byte_timeout, self.others_wait)).await;
                    tell(self.gauge, began, &outcome);
                    outcome
                }
                // A known wait is treated like one just heard; a failing model is not even waited for.
                Err(limited @ ProviderError::RateLimited { .. }) => Err(limited),
                Err(failing) => return Err(failing),
            };
            let error = match outcome {
                Ok(value) => {
                    self.rests.succeeded(self.model);
                    return Ok(value);
                }
                Err(error) => error,
            };
            let Some(pause) = self.budget.pause(&error, attempt, self.others_wait, jitter()) else {
                if !known {
                    self.rests.failed(self.model, &error);
                }
                return Err(error);
            };
            debug!(provider = %error.provider(), model = self.model, attempt, ?pause, "asking again: {error}");
            tokio::time::sleep(pause).await;
        }
    }
}

/// Tells how one attempt went; a withheld answer is an answer.
pub(crate) fn tell<T>(gauge: &Gauge, began: Instant, outcome: &Result<T, ProviderError>) {
    match outcome.as_ref().err().and_then(ProviderError::trouble) {
        None => gauge.worked(began.elapsed()),
        Some(trouble) => gauge.failed(began.elapsed(), trouble),
    }
}

/// The same stream; when it breaks off, that is told too.
pub(crate) fn told(stream: DeltaStream, gauge: Gauge) -> DeltaStream {
    let began = Instant::now();
    Box::pin(stream.inspect(move |delta| {
        if delta.is_err() {
            tell(&gauge, began, delta);
        }
    }))
}

/// A number in 0..1 that differs between processes and calls; spreads retries, secures nothing.
pub(crate) fn jitter() -> f32 {
    let mut hasher = RandomState::new().build_hasher();
    hasher.write_u8(0);
    (hasher.finish() >> 40) as f32 / (1u64 << 24) as f32
}

/// Reads a protobuf or header duration: `23s`, `23.47s`, `850ms`, `6m0s`, `1h2m`; a bare number is seconds.
pub(crate) fn parse_duration(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    let mut seconds = 0.0f64;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let number: f64 = rest[..digits].parse().ok()?;
        let unit = rest[digits..].find(|c: char| c.is_ascii_digit()).map_or(rest.len(), |next| digits + next);
        seconds += number
            * match &rest[digits..unit] {
                "" | "s" => 1.0,
                "ms" => 0.001,
                "m" => 60.0,
                "h" => 3600.0,
                "d" => 86_400.0,
                _ => return None,
            };
        rest = &rest[unit..];
    }
    Duration::try_from_secs_f64(seconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROVIDER: Provider = Provider::Gemini;

    fn limited(seconds: u64) -> ProviderError {
        ProviderError::RateLimited {
            provider: PROVIDER,
            retry_after: Some(Duration::from_secs(seconds)),
            daily: false,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_stated_wait_is_honoured_when_it_fits() {
        let budget = Budget::start(Duration::from_secs(20));
        let check = |error: &ProviderError, attempt, others, expected: Option<u64>| {
            let pause = budget.pause(error, attempt, others, 0.0).map(|pause| pause.as_millis() as u64);
            assert_eq!(pause, expected, "{error} attempt {attempt} others {others}");
        };
        check(&limited(5), 1, true, Some(5000));
        check(&limited(12), 1, true, None);
        check(&limited(12), 1, false, Some(12_000));
        check(&limited(20), 1, false, None);
        let daily = ProviderError::RateLimited {
            provider: PROVIDER,
            retry_after: Some(Duration::from_secs(1)),
            daily: true,
        };
        check(&daily, 1, false, None);
        let overloaded = ProviderError::Unavailable { provider: PROVIDER, detail: String::new() };
        check(&overloaded, 1, true, Some(150));
        check(&overloaded, 2, true, None);
        check(&overloaded, 3, false, Some(600));
        check(&overloaded, 4, false, None);
        let silent = ProviderError::Timeout { provider: PROVIDER, after: Duration::from_secs(1) };
        check(&silent, 1, true, None);
        let wrong = ProviderError::BadRequest { provider: PROVIDER, detail: String::new() };
        check(&wrong, 1, false, None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_model_leaves_time_for_the_next() {
        let budget = Budget::start(Duration::from_secs(20));
        assert_eq!(budget.share(Duration::from_secs(60), true), Duration::from_secs(10));
        assert_eq!(budget.share(Duration::from_secs(60), false), Duration::from_secs(20));
        assert_eq!(budget.share(Duration::from_secs(5), true), Duration::from_secs(5));
        tokio::time::advance(Duration::from_secs(30)).await;
        assert_eq!((budget.remaining(), budget.has_time()), (Duration::ZERO, false));
        assert_eq!(budget.pause(&limited(0), 1, false, 0.0), None);
    }

    #[test]
    fn durations_are_read_in_every_form_seen() {
        let check = |text, millis: Option<u64>| {
            assert_eq!(parse_duration(text), millis.map(Duration::from_millis), "{text:?}");
        };
        check("23s", Some(23_000));
        check("23.47s", Some(23_470));
        check(" 20 ", Some(20_000));
        check("850ms", Some(850));
        check("6m0s", Some(360_000));
        check("1h2m", Some(3_720_000));
        check("0s", Some(0));
        check("", None);
        check("soon", None);
        check("-3s", None);
        check("1..2s", None);
        check("99999999999999999999999s", None);
        check("5 é", None);
    }

    #[test]
    fn jitter_stays_in_its_range() {
        assert!((0..100).map(|_| jitter()).all(|jitter| (0.0..1.0).contains(&jitter)));
    }
}
