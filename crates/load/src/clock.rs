//! One clock for the paced provider and the readers, so that a stamp written by the one can be compared by the other.

use std::sync::LazyLock;
use std::time::Instant;

static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Microseconds since the first call in this process.
pub fn now() -> u64 {
    u64::try_from(BEGAN.elapsed().as_micros()).unwrap_or(u64::MAX)
}
