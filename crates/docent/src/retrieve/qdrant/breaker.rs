//! Sparing readers what the last one already found out: after a failure that will not pass by itself, or several passing
//! ones, Qdrant is left alone for a while; then one question, or a look in the background, tries again.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use super::Unavailable;
use crate::times;

/// Whether Qdrant may be asked.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Permit {
    /// Yes.
    Ask,
    /// Not now.
    Rest(Unavailable),
    /// The rest is over, and whoever gets this is the one to try.
    Try(Unavailable),
}

#[derive(Debug, Default)]
pub(super) struct Breaker(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    failures: u32,
    rest: Option<(Instant, Unavailable)>,
}

impl Breaker {
    pub(super) fn permit(&self) -> Permit {
        let mut state = self.lock();
        let Some((until, why)) = &mut state.rest else { return Permit::Ask };
        if *until > Instant::now() {
            return Permit::Rest(why.clone());
        }
        *until = Instant::now() + times::QDRANT_TRIAL;
        Permit::Try(why.clone())
    }

    pub(super) fn succeeded(&self) {
        *self.lock() = State::default();
    }

    pub(super) fn failed(&self, why: &Unavailable) {
        let mut state = self.lock();
        state.failures += 1;
        let rest = match why {
            Unavailable::Qdrant(error) if error.retryable() => match error.retry_after() {
                Some(wait) => wait.min(times::LONGEST_QDRANT_REST),
                None if state.failures < times::QDRANT_FAILURES && state.rest.is_none() => return,
                None => times::QDRANT_REST,
            },
            _ => times::QDRANT_REST,
        };
        state.rest = Some((Instant::now() + rest, why.clone()));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::providers::qdrant::QdrantError;

    fn silent() -> Unavailable {
        QdrantError::Timeout { after: Duration::from_secs(3) }.into()
    }

    #[tokio::test(start_paused = true)]
    async fn a_hung_cluster_costs_two_readers_and_then_one_now_and_then() {
        let breaker = Breaker::default();
        for _ in 0..times::QDRANT_FAILURES {
            assert_eq!(breaker.permit(), Permit::Ask);
            breaker.failed(&silent());
        }
        assert_eq!(breaker.permit(), Permit::Rest(silent()));
        tokio::time::advance(times::QDRANT_REST).await;
        assert_eq!(breaker.permit(), Permit::Try(silent()));
        assert_eq!(breaker.permit(), Permit::Rest(silent()), "everybody else");
        breaker.failed(&silent());
        tokio::time::advance(times::QDRANT_TRIAL).await;
        assert_eq!(breaker.permit(), Permit::Rest(silent()), "the trial failed");
        tokio::time::advance(times::QDRANT_REST).await;
        assert_eq!(breaker.permit(), Permit::Try(silent()));
        breaker.succeeded();
        assert_eq!(breaker.permit(), Permit::Ask);
    }

    #[tokio::test(start_paused = true)]
    async fn what_will_not_pass_rests_at_once_and_a_stated_wait_is_kept() {
        let breaker = Breaker::default();
        let refused: Unavailable = QdrantError::Unauthorized { detail: "no".to_owned() }.into();
        breaker.failed(&refused);
        assert_eq!(breaker.permit(), Permit::Rest(refused));
        breaker.succeeded();
        let limited: Unavailable =
            QdrantError::RateLimited { retry_after: Some(Duration::from_secs(5)) }.into();
        breaker.failed(&limited);
        assert_eq!(breaker.permit(), Permit::Rest(limited.clone()));
        tokio::time::advance(Duration::from_secs(5)).await;
        assert_eq!(breaker.permit(), Permit::Try(limited));
    }
}
