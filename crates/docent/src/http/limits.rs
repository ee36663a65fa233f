//! How often one reader may ask: a token bucket for each client address and for each conversation. Asking costs paid
//! calls, so a page that asks in a loop must not spend what other readers need. Buckets are bounded in number.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use uuid::Uuid;

use super::error::ApiError;

/// Buckets kept of each kind. Full ones say nothing and go first; a flood of addresses shares what is left over.
const BUCKETS: usize = 20_000;

/// The limits of the service.
#[derive(Debug)]
pub(super) struct Limits {
    addresses: Buckets<IpAddr>,
    conversations: Buckets<Uuid>,
}

impl Limits {
    /// So many questions a minute from one address, and in one conversation; 0 for no limit.
    pub(super) fn new(per_address: u32, per_conversation: u32) -> Self {
        Self { addresses: Buckets::new(per_address), conversations: Buckets::new(per_conversation) }
    }

    /// Takes one question from the buckets of who asks.
    ///
    /// # Errors
    /// [`ApiError::TooManyQuestions`] with the seconds after which another one is free.
    pub(super) fn take(&self, address: Option<IpAddr>, conversation: Option<Uuid>) -> Result<(), ApiError> {
        let now = Instant::now();
        if let Some(address) = address {
            self.addresses.take(network(address), now)?;
        }
        if let Some(conversation) = conversation {
            self.conversations.take(conversation, now)?;
        }
        Ok(())
    }
}

/// One home has one IPv4 address, but a whole /64 of IPv6.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        v4 => v4,
    }
}

#[derive(Debug)]
struct Buckets<K> {
    per_minute: u32,
    buckets: Mutex<HashMap<K, Bucket>>,
    /// Shared by everybody for whom there is no bucket left.
    overflow: Mutex<Option<Bucket>>,
}

/// Questions that are left, as of a moment.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    left: f64,
    at: Instant,
}

impl<K: Eq + Hash> Buckets<K> {
    fn new(per_minute: u32) -> Self {
        Self { per_minute, buckets: Mutex::default(), overflow: Mutex::default() }
    }

    fn take(&self, key: K, now: Instant) -> Result<(), ApiError> {
        if self.per_minute == 0 {
            return Ok(());
        }
        let full = Bucket { left: f64::from(self.per_minute), at: now };
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= BUCKETS && !buckets.contains_key(&key) {
            buckets.retain(|_, bucket| now - bucket.at < Duration::from_secs(60));
        }
        if buckets.len() >= BUCKETS && !buckets.contains_key(&key) {
            drop(buckets);
            let mut overflow = self.overflow.lock().unwrap_or_else(PoisonError::into_inner);
            return overflow.get_or_insert(full).take(self.per_minute, now);
        }
        buckets.entry(key).or_insert(full).take(self.per_minute, now)
    }
}

impl Bucket {
    /// Fills evenly over a minute, up to a minute's worth at once.
    fn take(&mut self, per_minute: u32, now: Instant) -> Result<(), ApiError> {
        let per_second = f64::from(per_minute) / 60.0;
        let came = now.saturating_duration_since(self.at).as_secs_f64() * per_second;
        self.left = (self.left + came).min(f64::from(per_minute));
        self.at = now;
        // A hair below one is one: the sum of many small refills is not exact.
        if self.left >= 1.0 - 1e-9 {
            self.left -= 1.0;
            return Ok(());
        }
        let seconds = ((1.0 - self.left) / per_second).ceil().max(1.0);
        Err(ApiError::TooManyQuestions { retry_after: seconds as u64 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOME: Option<IpAddr> = Some(IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 1, 2, 3, 4, 5, 6)));

    fn wait(outcome: Result<(), ApiError>) -> Option<u64> {
        match outcome {
            Ok(()) => None,
            Err(ApiError::TooManyQuestions { retry_after }) => Some(retry_after),
            Err(other) => panic!("{other:?}"),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_bucket_fills_evenly() {
        let limits = Limits::new(6, 0);
        for _ in 0..6 {
            assert_eq!(wait(limits.take(HOME, None)), None);
        }
        assert_eq!(wait(limits.take(HOME, None)), Some(10));
        tokio::time::advance(Duration::from_secs(4)).await;
        assert_eq!(wait(limits.take(HOME, None)), Some(6));
        tokio::time::advance(Duration::from_secs(6)).await;
        assert_eq!(wait(limits.take(HOME, None)), None);
        assert_eq!(wait(limits.take(HOME, None)), Some(10));
        tokio::time::advance(Duration::from_secs(3600)).await;
        let taken = (0..10).filter(|_| wait(limits.take(HOME, None)).is_none()).count();
        assert_eq!(taken, 6, "an hour of silence saves up one minute's worth");
    }

    #[tokio::test(start_paused = true)]
    async fn neighbours_share_and_strangers_do_not() {
        let limits = Limits::new(1, 0);
        assert_eq!(wait(limits.take(HOME, None)), None);
        for (address, free) in [
            ("2001:db8:1:2:ffff::1", false),
            ("2001:db8:1:3::1", true),
            ("192.0.2.7", true),
            ("192.0.2.8", true),
            ("::ffff:192.0.2.7", false),
        ] {
            let address = address.parse().expect("an address");
            assert_eq!(wait(limits.take(Some(address), None)).is_none(), free, "{address}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_conversation_has_its_own_limit_and_zero_is_none() {
        let limits = Limits::new(0, 2);
        let one = Some(Uuid::from_u128(1));
        let taken = |conversation| wait(limits.take(HOME, conversation)).is_none();
        assert_eq!([taken(one), taken(one), taken(one)], [true, true, false]);
        assert!(taken(Some(Uuid::from_u128(2))) && taken(None) && taken(None));
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_of_addresses_is_bounded() {
        let limits = Limits::new(1, 0);
        let address = |n: u32| Some(IpAddr::V4(std::net::Ipv4Addr::from(n)));
        let taken =
            (0..BUCKETS as u32 + 100).filter(|n| wait(limits.take(address(*n), None)).is_none()).count();
        assert_eq!(taken, BUCKETS + 1, "those without a bucket share one");
        tokio::time::advance(Duration::from_secs(61)).await;
        assert_eq!(wait(limits.take(address(u32::MAX), None)), None);
        assert_eq!(limits.addresses.buckets.lock().expect("whole").len(), 1, "full buckets went");
    }
}
