//! A leaky bucket: a burst of requests at once, then a fixed rate. A request that finds the bucket full waits its
//! turn.
//!
//! **Invariants:** turns are given in the order of asking; no request waits longer than the patience it came with.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// The bucket of one account.
#[derive(Debug)]
pub struct Bucket {
    /// How long one request takes to leak out.
    leak: Duration,
    /// How many requests fit in.
    burst: u32,
    /// When the bucket will be empty.
    empty_at: Mutex<Instant>,
}

impl Bucket {
    /// A bucket that holds `burst` requests and leaks `per_second` of them per second; both at least 1.
    #[must_use]
    pub fn new(per_second: u32, burst: u32) -> Self {
        let leak = Duration::from_secs(1) / per_second.max(1);
        Self { leak, burst: burst.max(1), empty_at: Mutex::new(Instant::now()) }
    }

    /// Waits for a turn, at most `patience`.
    ///
    /// # Errors
    /// How long the wait would be, if that is longer than `patience`. No turn is taken then.
    pub async fn turn(&self, patience: Duration) -> Result<(), Duration> {
        let wait = self.reserve(patience)?;
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
        Ok(())
    }

    fn reserve(&self, patience: Duration) -> Result<Duration, Duration> {
        let now = Instant::now();
        let mut empty_at = self.empty_at.lock().unwrap_or_else(PoisonError::into_inner);
        let filled = empty_at.saturating_duration_since(now);
        let wait = (filled + self.leak).saturating_sub(self.leak * self.burst);
        if wait > patience {
            return Err(wait);
        }
        *empty_at = now.max(*empty_at) + self.leak;
        Ok(wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn fifty_at_once_then_two_per_second() {
        let bucket = Bucket::new(2, 50);
        let start = Instant::now();
        for _ in 0..50 {
            bucket.turn(Duration::ZERO).await.unwrap();
        }
        assert_eq!(start.elapsed(), Duration::ZERO);
        assert_eq!(bucket.turn(Duration::from_millis(499)).await, Err(Duration::from_millis(500)));
        for _ in 0..4 {
            bucket.turn(Duration::from_secs(1)).await.unwrap();
        }
        assert!(start.elapsed() >= Duration::from_secs(2) && start.elapsed() < Duration::from_millis(2100));
    }
}
