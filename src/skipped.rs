//! Skips rows that fail, for longer after each failure. So no failing row holds up the others.
//!
//! In: which row failed, and when. Out: which rows to skip now. The list is only in memory: after a restart, every row
//! is tried again.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

/// How long a row is skipped after its first failure. Each further failure doubles the time.
const FIRST: Duration = Duration::from_secs(1);

/// The longest time for which a row is skipped.
const LONGEST: Duration = Duration::from_secs(600);

/// The most rows that are skipped. If more fail, the fault is in the database and not in the rows.
const MOST: usize = 1000;

/// The rows that are skipped, by their keys.
#[derive(Debug)]
pub struct Skipped<K>(BTreeMap<K, Failures>);

#[derive(Debug)]
struct Failures {
    times: u32,
    until: Instant,
}

impl<K> Default for Skipped<K> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<K: Ord + Clone> Skipped<K> {
    /// Notes that the row has failed again. Returns how long it is skipped now.
    pub fn failed(&mut self, row: K, now: Instant) -> Duration {
        if self.0.len() >= MOST && !self.0.contains_key(&row) {
            return Duration::ZERO;
        }
        let failures = self.0.entry(row).or_insert(Failures { times: 0, until: now });
        let pause = FIRST.saturating_mul(2_u32.saturating_pow(failures.times)).min(LONGEST);
        failures.times = failures.times.saturating_add(1);
        failures.until = now + pause;
        pause
    }

    /// Notes that the row has succeeded.
    pub fn worked(&mut self, row: &K) {
        self.0.remove(row);
    }

    /// The rows to skip now.
    #[must_use]
    pub fn now(&self, now: Instant) -> Vec<K> {
        self.0.iter().filter(|(_, failures)| failures.until > now).map(|(row, _)| row.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_that_fails_is_skipped_ever_longer_and_the_others_are_not() {
        let mut skipped = Skipped::default();
        let mut now = Instant::now();
        let mut pauses = Vec::new();
        for _ in 0..12 {
            let pause = skipped.failed(7, now);
            assert_eq!(skipped.now(now), [7]);
            now += pause;
            assert_eq!(skipped.now(now), [0; 0], "its time has come");
            pauses.push(pause.as_secs());
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 600, 600]);
        skipped.worked(&7);
        assert_eq!(skipped.failed(7, now), FIRST, "it begins anew");
    }

    #[test]
    fn no_more_rows_are_kept_than_may_be() {
        let mut skipped = Skipped::default();
        let now = Instant::now();
        (0..MOST + 5).for_each(|row| {
            skipped.failed(row, now);
        });
        assert_eq!(skipped.now(now).len(), MOST);
    }
}
