//! A limit on how many dials or callbacks may begin in any second.

use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::time::Duration;

use tokio::time::Instant;

pub(super) const SECOND: Duration = Duration::from_secs(1);

/// A limit on how many dials or callbacks may begin in any second.
#[derive(Debug)]
pub(crate) struct RateLimit {
    most: usize,
    begun: VecDeque<Instant>,
}

impl RateLimit {
    pub(crate) fn of(most: NonZeroU32) -> Self {
        Self { most: usize::try_from(most.get()).unwrap_or(usize::MAX), begun: VecDeque::new() }
    }

    /// How many more may begin now.
    pub(crate) fn room(&self, now: Instant) -> usize {
        self.most.saturating_sub(self.begun.len() - self.over(now))
    }

    /// Returns when the next one may begin: now, or later.
    pub(super) fn free_at(&self, now: Instant) -> Instant {
        let oldest = self.begun.get(self.over(now)).filter(|_| self.room(now) == 0);
        oldest.map_or(now, |oldest| *oldest + SECOND)
    }

    /// One begins now.
    pub(crate) fn count(&mut self, now: Instant) {
        self.begun.drain(..self.over(now));
        self.begun.push_back(now);
    }

    /// How many began more than a second ago.
    fn over(&self, now: Instant) -> usize {
        self.begun.partition_point(|at| *at + SECOND <= now)
    }
}
