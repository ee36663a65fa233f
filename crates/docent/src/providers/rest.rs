//! Which models are resting. A model that said how long it will refuse is not asked before, one whose quota of the day is
//! spent not until it is new, and one that failed several questions in a row gets half a minute: the next reader should not
//! wait for what the last one already found out.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use tokio::time::Instant;

use super::ProviderError;
use crate::times;

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
            *until = Instant::now() + times::MODEL_TRIAL;
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
            ProviderError::RateLimited { retry_after: Some(wait), .. } => {
                (*wait).min(times::LONGEST_MODEL_REST)
            }
            ProviderError::Unavailable { .. } | ProviderError::Timeout { .. } => {
                state.failures += 1;
                if state.failures < times::MODEL_FAILURES {
                    return;
                }
                times::MODEL_REST
            }
            _ => return,
        };
        state.rest = Some((Instant::now() + rest, error.clone()));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, State>> {
        self.models.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Until the next midnight in Pacific time, when Gemini's quotas of the day are new.
fn rest_of_the_day(unix_seconds: u64) -> Duration {
    let seconds = unix_seconds as i64;
    let pacific = seconds - pacific_offset_hours(seconds) * 3600;
    let midnight = (pacific.div_euclid(86_400) + 1) * 86_400;
    // The clocks change at two in the morning: the offset at midnight is what counts.
    let guess = midnight + pacific_offset_hours(seconds) * 3600;
    let turn = midnight + pacific_offset_hours(guess) * 3600;
    Duration::from_secs(u64::try_from(turn - seconds).unwrap_or(1).max(1))
}

/// Hours that Pacific time is behind UTC: 7 from the second Sunday of March to the first of November (10:00 and 09:00
/// UTC), else 8. As in the rule of 2007; no time zone database is needed for one zone.
fn pacific_offset_hours(unix_seconds: i64) -> i64 {
    let Ok(now) = Timestamp::from_second(unix_seconds) else { return 8 };
    let now = now.to_zoned(TimeZone::UTC).datetime();
    let sunday = |month: i8, which: i8, hour: i8| {
        let day = Date::new(now.year(), month, 1).ok()?.nth_weekday_of_month(which, Weekday::Sunday).ok()?;
        Some(day.at(hour, 0, 0, 0))
    };
    match (sunday(3, 2, 10), sunday(11, 1, 9)) {
        (Some(begin), Some(end)) if (begin..end).contains(&now) => 7,
        _ => 8,
    }
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
    async fn a_spent_day_rests_until_the_quota_is_new() {
        let rests = Rests::default();
        rests.failed("a", &limited(2, true));
        let Err(ProviderError::RateLimited { retry_after: Some(left), daily: true, .. }) = rests.check("a")
        else {
            panic!("it is not resting")
        };
        assert!(left <= Duration::from_secs(25 * 3600), "{left:?}");
        tokio::time::advance(left - Duration::from_millis(1)).await;
        assert!(rests.check("a").is_err(), "not before");
        tokio::time::advance(Duration::from_millis(2)).await;
        assert_eq!(rests.check("a"), Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn failures_in_a_row_rest_and_one_question_tries_again() {
        let rests = Rests::default();
        let silent = ProviderError::Timeout { provider: PROVIDER, after: Duration::from_secs(9) };
        for _ in 0..times::MODEL_FAILURES {
            assert_eq!(rests.check("a"), Ok(()));
            rests.failed("a", &silent);
        }
        assert_eq!(rests.check("a"), Err(silent.clone()));
        tokio::time::advance(times::MODEL_REST).await;
        assert_eq!(rests.check("a"), Ok(()), "the trial");
        assert_eq!(rests.check("a"), Err(silent.clone()), "everybody else");
        rests.failed("a", &silent);
        tokio::time::advance(times::MODEL_TRIAL).await;
        assert_eq!(rests.check("a"), Err(silent.clone()), "the trial failed");
        tokio::time::advance(times::MODEL_REST).await;
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
        let check = |now: &str, expected_minutes: u64| {
            let now: Timestamp = now.parse().expect("a time");
            let rest = rest_of_the_day(u64::try_from(now.as_second()).expect("after 1970"));
            assert_eq!(rest, Duration::from_secs(expected_minutes * 60), "{now}");
        };
        check("2026-11-25T07:00:00Z", 60);
        check("2026-11-25T08:00:00Z", 24 * 60);
        check("2026-07-01T06:45:00Z", 15);
        check("2026-07-01T07:00:00Z", 24 * 60);
        // Clocks go forward on 8 March 2026 and back on 1 November.
        check("2026-03-08T08:00:00Z", 23 * 60);
        check("2026-03-08T07:59:00Z", 1);
        check("2026-11-01T07:00:00Z", 25 * 60);
        check("2026-11-01T06:59:00Z", 1);
        check("2026-03-09T06:30:00Z", 30);
    }
}
