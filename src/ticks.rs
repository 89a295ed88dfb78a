//! The timer of a task that repeats its work until it is told to stop, and a deadline that there may be.

use std::time::Duration;

use tokio::time::{Instant, Interval, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

/// Ticks at once, then after each period. A round that takes longer delays the next tick.
#[derive(Debug)]
pub struct Ticks {
    every: Interval,
    stop: CancellationToken,
}

impl Ticks {
    /// Ticks with the period `every`, until `stop`. Settings allow no period of zero, for which tokio panics.
    #[must_use]
    pub fn new(every: Duration, stop: CancellationToken) -> Self {
        let mut every = tokio::time::interval(every);
        every.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { every, stop }
    }

    /// Waits for the next tick; none if the task is to stop.
    pub async fn next(&mut self) -> Option<()> {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => None,
            _ = self.every.tick() => Some(()),
        }
    }
}

/// Sleeps until the deadline, or for ever if there is none.
pub async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_ticks_at_once_then_at_its_pace_until_the_stop() {
        let stop = CancellationToken::new();
        let begun = tokio::time::Instant::now();
        let mut ticks = Ticks::new(Duration::from_secs(10), stop.clone());
        assert_eq!(ticks.next().await, Some(()));
        assert_eq!(begun.elapsed(), Duration::ZERO);
        assert_eq!(ticks.next().await, Some(()));
        // A round that took long delays the next tick.
        tokio::time::sleep(Duration::from_secs(25)).await;
        assert_eq!((ticks.next().await, begun.elapsed().as_secs()), (Some(()), 35));
        assert_eq!((ticks.next().await, begun.elapsed().as_secs()), (Some(()), 45));
        stop.cancel();
        assert_eq!((ticks.next().await, begun.elapsed().as_secs()), (None, 45));
    }
}
