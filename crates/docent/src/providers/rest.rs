//! Which models are resting. A model that said how long it will refuse is not asked before, one whose quota of the day is
//! spent not for an hour, and one that failed several questions in a row gets half a minute: the next reader should not
//! wait for what the last one already found out.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

use super::ProviderError;

/// Questions that must fail one after the other before a model rests; a single failure is everyday life.
const FAILURES_IN_A_ROW: u32 = 3;

/// Rest after them: long enough to spare readers, short enough that nobody notices the return late.
const REST_AFTER_FAILURES: Duration = Duration::from_secs(30);

/// While one question tries a model again after its rest, the others go on without it for so long.
const TRIAL: Duration = Duration::from_secs(5);

/// Longest rest for a spent day: quotas are also raised by hand, and one question an hour costs nothing.
const LONGEST_REST: Duration = Duration::from_secs(3600);

/// Gemini's quotas turn at midnight Pacific time: 07:00 UTC in summer, 08:00 in winter.
const QUOTA_HOURS_UTC: [u64; 2] = [7, 8];

/// The state of every model that failed lately.
#[derive(Debug, Default)]
pub(crate) struct Rests {
    models: Mutex<HashMap<String, State>>,
}

#[derive(Debug, Default)]
struct State {
    failures: u32,
    rest: Option<(Instant, ProviderError)>,
}

impl Rests {
    /// Whether `model` may be asked now; if not, the error that it would give, with the wait that is left.
    pub(crate) fn check(&self, model: &str) -> Result<(), ProviderError> {
        let mut models = self.lock();
        let Some(state) = models.get_mut(model) else { return Ok(()) };
        let Some((until, error)) = &mut state.rest else { return Ok(()) };
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            *until = Instant::now() + TRIAL;
            // A stated wait is over for everybody; a failing model is tried by one question first.
            if matches!(error, ProviderError::RateLimited { .. }) {
                state.rest = None;
            }
            return Ok(());
        }
        Err(match error {
            ProviderError::RateLimited { provider, daily, .. } => {
                ProviderError::RateLimited { provider: *provider, retry_after: Some(left), daily: *daily }
            }
            other => other.clone(),
        })
    }

    /// `model` answered: whatever was held against it is forgotten.
    pub(crate) fn succeeded(&self, model: &str) {
        self.lock().remove(model);
    }

    /// `model` failed a whole question, retries included.
    pub(crate) fn failed(&self, model: &str, error: &ProviderError) {
        let mut models = self.lock();
        let state = models.entry(model.to_owned()).or_default();
        let rest = match error {
            ProviderError::RateLimited { daily: true, .. } => rest_of_the_day(unix_seconds()),
            ProviderError::RateLimited { retry_after: Some(wait), .. } => (*wait).min(LONGEST_REST),
            ProviderError::Unavailable { .. } | ProviderError::Timeout { .. } => {
                state.failures += 1;
                if state.failures < FAILURES_IN_A_ROW {
                    return;
                }
                REST_AFTER_FAILURES
            }
            _ => return,
        };
        state.rest = Some((Instant::now() + rest, error.clone()));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, State>> {
        self.models.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Until the quota of the day may be new, at most [`LONGEST_REST`].
fn rest_of_the_day(unix_seconds: u64) -> Duration {
    let of_day = unix_seconds % 86_400;
    let turns = QUOTA_HOURS_UTC.iter().map(|hour| (hour * 3600 + 86_400 - of_day - 1) % 86_400 + 1);
    turns.min().map_or(LONGEST_REST, |seconds| Duration::from_secs(seconds).min(LONGEST_REST))
}

fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::super::Provider;
    use super::*;

    const PROVIDER: Provider = Provider::Gemini;

    fn limited(seconds: u64, daily: bool) -> ProviderError {
        let retry_after = Some(Duration::from_secs(seconds));
        ProviderError::RateLimited { provider: PROVIDER, retry_after, daily }
    }

    #[tokio::test(start_paused = true)]
    async fn a_stated_wait_is_remembered_for_its_model() {
        let rests = Rests::default();
        rests.failed("a", &limited(40, false));
        tokio::time::advance(Duration::from_secs(10)).await;
        assert_eq!(rests.check("a"), Err(limited(30, false)));
        assert_eq!(rests.check("b"), Ok(()));
        tokio::time::advance(Duration::from_secs(30)).await;
        assert_eq!((rests.check("a"), rests.check("a")), (Ok(()), Ok(())));
    }

    #[tokio::test(start_paused = true)]
    async fn a_spent_day_rests_for_an_hour_at_most() {
        let rests = Rests::default();
        rests.failed("a", &limited(2, true));
        assert!(matches!(rests.check("a"), Err(ProviderError::RateLimited { daily: true, .. })));
        tokio::time::advance(LONGEST_REST).await;
        assert_eq!(rests.check("a"), Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn failures_in_a_row_rest_and_one_question_tries_again() {
        let rests = Rests::default();
        let silent = ProviderError::Timeout { provider: PROVIDER, after: Duration::from_secs(9) };
        for _ in 0..FAILURES_IN_A_ROW {
            assert_eq!(rests.check("a"), Ok(()));
            rests.failed("a", &silent);
        }
        assert_eq!(rests.check("a"), Err(silent.clone()));
        tokio::time::advance(REST_AFTER_FAILURES).await;
        assert_eq!(rests.check("a"), Ok(()), "the trial");
        assert_eq!(rests.check("a"), Err(silent.clone()), "everybody else");
        rests.failed("a", &silent);
        tokio::time::advance(TRIAL).await;
        assert_eq!(rests.check("a"), Err(silent.clone()), "the trial failed");
        tokio::time::advance(REST_AFTER_FAILURES).await;
        assert_eq!(rests.check("a"), Ok(()));
        rests.succeeded("a");
        assert_eq!(rests.check("a"), Ok(()));
        rests.failed("a", &silent);
        assert_eq!(rests.check("a"), Ok(()), "one failure is everyday life");
    }

    #[tokio::test(start_paused = true)]
    async fn our_own_faults_do_not_count() {
        let rests = Rests::default();
        for _ in 0..9 {
            rests.failed("a", &ProviderError::BadRequest { provider: PROVIDER, detail: String::new() });
        }
        assert_eq!(rests.check("a"), Ok(()));
    }

    #[test]
    fn the_day_turns_at_midnight_pacific() {
        let check = |hours: u64, minutes: u64, expected_minutes: u64| {
            let rest = rest_of_the_day(19_000 * 86_400 + hours * 3600 + minutes * 60);
            assert_eq!(rest, Duration::from_secs(expected_minutes * 60), "{hours}:{minutes}");
        };
        check(6, 45, 15);
        check(7, 0, 60);
        check(7, 50, 10);
        check(12, 0, 60);
        check(23, 59, 60);
    }
}
