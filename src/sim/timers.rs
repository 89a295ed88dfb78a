//! Timers, in tokio's time.

use std::collections::BTreeMap;

use tokio::time::Instant;

/// The id of a timer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct TimerKey(Instant, u64);

impl TimerKey {
    /// When it is due.
    pub const fn due(self) -> Instant {
        self.0
    }
}

/// Timers in the order in which they are due; those due at once in the order in which they were set.
#[derive(Debug)]
pub(super) struct Timers<T> {
    due: BTreeMap<TimerKey, T>,
    set: u64,
}

impl<T> Timers<T> {
    pub const fn new() -> Self {
        Self { due: BTreeMap::new(), set: 0 }
    }

    pub fn set(&mut self, at: Instant, what: T) -> TimerKey {
        self.set += 1;
        let key = TimerKey(at, self.set);
        self.due.insert(key, what);
        key
    }

    pub fn cancel(&mut self, key: TimerKey) -> Option<T> {
        self.due.remove(&key)
    }

    pub fn next(&self) -> Option<Instant> {
        self.due.keys().next().map(|key| key.0)
    }

    /// The first timer that is due by `now`.
    pub fn pop(&mut self, now: Instant) -> Option<T> {
        let first = self.due.first_entry()?;
        (first.key().0 <= now).then(|| first.remove())
    }

    pub fn clear(&mut self) {
        self.due.clear();
    }
}
