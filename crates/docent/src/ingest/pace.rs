//! How fast texts may be embedded. Gemini counts every text of a batch against the quota of the minute, so a bucket of
//! texts fills evenly and each batch waits until it holds enough; a wait that the provider asks for is kept to. What was
//! embedded before is in the journal, so whoever stops a long wait loses nothing.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::Progress;
use crate::providers::ProviderError;
use crate::retrieve::{EmbedError, EmbedRole, Embedder};
use crate::times;

/// Texts a minute that Gemini's free tier embeds.
const FREE_TIER_MINUTE: u32 = 100;

/// Texts a day that Gemini's free tier embeds.
pub const FREE_TIER_DAY: usize = 1000;

/// Part of the quota that a running service leaves to its readers, whose questions are embedded too: a quarter.
const FOR_READERS: u32 = 4;

/// Wait when the provider is limiting and does not say how long.
const UNSTATED_WAIT: Duration = Duration::from_secs(30);

/// How fast texts may be embedded. Clones take from one bucket, because the provider has one quota for all of them.
#[derive(Debug, Clone)]
pub struct Pace {
    per_minute: Option<u32>,
    bucket: Arc<Mutex<Bucket>>,
    /// Waits in a row that are kept to.
    waits: u32,
}

/// Texts that may be embedded.
#[derive(Debug)]
struct Bucket {
    left: f64,
    at: Instant,
}

impl Pace {
    /// `configured` texts a minute, 0 for no limit; left out, the free tier's for Gemini and none for all others.
    pub fn of(embedder: &Embedder, configured: Option<u32>) -> Self {
        let usual = (embedder.name() == "gemini").then_some(FREE_TIER_MINUTE);
        Self::new(configured.map_or(usual, |per_minute| (per_minute > 0).then_some(per_minute)))
    }

    /// The same bucket for somebody who cannot wait long: the provider's first refusal ends the work.
    #[must_use]
    pub fn hasty(&self) -> Self {
        Self { waits: 0, ..self.clone() }
    }

    /// A pace that leaves a part of the quota to readers' questions.
    #[must_use]
    pub fn beside_readers(self) -> Self {
        let left = self.per_minute.map(|per_minute| (per_minute - per_minute / FOR_READERS).max(1));
        Self { waits: self.waits, ..Self::new(left) }
    }

    /// No limit of our own, and no wait for the provider's: the first refusal ends the work.
    pub fn impatient() -> Self {
        Self { waits: 0, ..Self::new(None) }
    }

    fn new(per_minute: Option<u32>) -> Self {
        let bucket = Bucket { left: per_minute.map_or(0.0, f64::from), at: Instant::now() };
        Self { per_minute, bucket: Arc::new(Mutex::new(bucket)), waits: times::QUOTA_WAITS }
    }

    /// How long so many texts will wait for their turn; `None` without a pace.
    pub fn estimate(&self, texts: usize) -> Option<Duration> {
        let per_minute = self.per_minute?;
        let waiting = texts.saturating_sub(per_minute as usize);
        Some(Duration::from_secs_f64(waiting as f64 * 60.0 / f64::from(per_minute)))
    }

    /// Embeds one batch when it is its turn.
    ///
    /// # Errors
    /// What the embedder says, unless waiting helps.
    pub async fn embed(
        &self,
        embedder: &Embedder,
        texts: &[&str],
        progress: &Progress,
    ) -> Result<Vec<Vec<f32>>, EmbedError> {
        let mut waits = 0;
        loop {
            if let Some(wait) = self.take(texts.len(), Instant::now()) {
                tokio::time::sleep(wait).await;
            }
            match embedder.embed(texts, EmbedRole::Passage).await {
                Err(EmbedError::Provider(error)) => {
                    let Some(wait) = asked_wait(&error).filter(|_| waits < self.waits) else {
                        return Err(error.into());
                    };
                    waits += 1;
                    progress.waits(wait);
                    tokio::time::sleep(wait).await;
                }
                outcome => return outcome,
            }
        }
    }

    /// Takes `texts` out of the bucket; how long to wait before they are really there.
    fn take(&self, texts: usize, now: Instant) -> Option<Duration> {
        let per_minute = f64::from(self.per_minute?);
        let mut bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
        let came = now.saturating_duration_since(bucket.at).as_secs_f64() * per_minute / 60.0;
        bucket.left = (bucket.left + came).min(per_minute) - texts as f64;
        bucket.at = now;
        (bucket.left < 0.0).then(|| Duration::from_secs_f64(-bucket.left * 60.0 / per_minute))
    }
}

/// The wait after which the same texts may be embedded; `None` when waiting does not help today.
fn asked_wait(error: &ProviderError) -> Option<Duration> {
    match error {
        ProviderError::RateLimited { daily: false, retry_after, .. } => {
            Some(retry_after.unwrap_or(UNSTATED_WAIT).min(times::QUOTA_WAIT))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn every_text_of_a_batch_counts() {
        let pace = Pace::new(Some(100));
        let took =
            |pace: &Pace, texts| pace.take(texts, Instant::now()).map(|wait| wait.as_secs_f64().round());
        assert_eq!(took(&pace, 32), None);
        assert_eq!(took(&pace, 32), None);
        assert_eq!(took(&pace, 32), None);
        // 4 are left: 28 more come in 16.8 s.
        assert_eq!(took(&pace, 32), Some(17.0));
        tokio::time::advance(Duration::from_secs(17)).await;
        assert_eq!(took(&pace.clone(), 32), Some(19.0));
        tokio::time::advance(Duration::from_secs(3600)).await;
        assert_eq!(took(&pace, 100), None, "an hour saves up one minute's worth");
        assert_eq!(took(&pace, 1), Some(1.0));
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_is_hasty_takes_from_the_same_bucket() {
        let pace = Pace::new(Some(100)).beside_readers();
        assert_eq!(pace.hasty().take(75, Instant::now()), None);
        assert_eq!(pace.take(5, Instant::now()), Some(Duration::from_secs(4)), "a quarter is the readers'");
        assert_eq!((pace.waits, pace.hasty().waits), (times::QUOTA_WAITS, 0));
        assert_eq!(Pace::new(Some(1)).beside_readers().per_minute, Some(1));
        assert_eq!(Pace::new(None).beside_readers().per_minute, None);
    }

    #[tokio::test]
    async fn a_pace_says_how_long_it_takes() {
        let check = |per_minute, texts, seconds: Option<u64>| {
            let pace = Pace::new(per_minute);
            assert_eq!(pace.estimate(texts), seconds.map(Duration::from_secs), "{per_minute:?} {texts}");
        };
        check(Some(100), 80, Some(0));
        check(Some(100), 850, Some(450));
        check(None, 850, None);
    }
}
