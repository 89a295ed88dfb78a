//! The lag; it reads no clock. In: waits as they begin and end. Out: how long most of them take.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

/// Waits count for the lag while they go on, and for so long after their end.
const RECENT: Duration = Duration::from_millis(250);
/// Of fewer waits nothing is concluded: a single one may have reasons of its own.
const FEWEST: usize = 8;
/// The most ended waits that are kept.
const MOST: usize = 512;

/// The waits of the last moments.
#[derive(Debug, Default)]
pub(super) struct Waits {
    open: BTreeMap<u64, Instant>,
    next: u64,
    /// When each wait ended, and how long it was.
    ended: VecDeque<(Instant, Duration)>,
}

impl Waits {
    /// Begins a wait, and returns its id.
    pub(super) fn begin(&mut self, now: Instant) -> u64 {
        self.next += 1;
        self.open.insert(self.next, now);
        self.next
    }

    /// Ends a wait.
    pub(super) fn end(&mut self, id: u64, now: Instant) {
        if let Some(since) = self.open.remove(&id) {
            self.ended(since, now);
        }
    }

    /// Takes in a wait that is over.
    pub(super) fn ended(&mut self, since: Instant, now: Instant) {
        self.ended.push_back((now, now.saturating_duration_since(since)));
        if self.ended.len() > MOST {
            self.ended.pop_front();
        }
    }

    /// Returns the length that one of five waits has or exceeds: less than one in five may be late for reasons of its own,
    /// and of what is asked for a caller at least one thing in five is late if the node is overloaded.
    pub(super) fn lag(&mut self, now: Instant) -> Duration {
        while self.ended.front().is_some_and(|(at, _)| *at + RECENT < now) {
            self.ended.pop_front();
        }
        let open = self.open.values().map(|since| now.saturating_duration_since(*since));
        let mut all: Vec<Duration> = self.ended.iter().map(|(_, took)| *took).chain(open).collect();
        if all.len() < FEWEST {
            return Duration::ZERO;
        }
        let at = all.len() * 4 / 5;
        *all.select_nth_unstable(at).1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn after(took: &[u32]) -> Duration {
        let (mut waits, now) = (Waits::default(), Instant::now() + Duration::from_secs(60));
        for ms in took {
            waits.ended(now - MS * *ms, now);
        }
        waits.lag(now)
    }

    #[test]
    fn one_of_five_waits_shows_the_lag() {
        assert_eq!(after(&[900; 7]), Duration::ZERO, "too few");
        assert_eq!(after(&[5, 5, 5, 5, 5, 5, 5, 900]), MS * 5, "one alone may have a reason of its own");
        assert_eq!(after(&[5, 5, 5, 5, 5, 5, 800, 900]), MS * 800);
    }

    #[test]
    fn a_wait_that_goes_on_counts_with_its_age() {
        let (mut waits, begun) = (Waits::default(), Instant::now());
        let ids: Vec<u64> = (0..8).map(|_| waits.begin(begun)).collect();
        assert_eq!(waits.lag(begun + MS * 700), MS * 700);
        for id in ids {
            waits.end(id, begun + MS * 700);
        }
        assert_eq!(waits.lag(begun + MS * 700 + RECENT), MS * 700);
        assert_eq!(waits.lag(begun + MS * 701 + RECENT), Duration::ZERO, "they are forgotten");
    }

    #[test]
    fn what_is_kept_is_limited() {
        let (mut waits, now) = (Waits::default(), Instant::now());
        for _ in 0..MOST * 3 {
            waits.ended(now, now);
        }
        assert_eq!(waits.ended.len(), MOST);
    }
}
