//! Counts of the store's work.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::vital::Beat;

/// The work of the store since it was opened.
#[derive(Debug, Clone, Default)]
pub struct Stats {
    /// Successful commits.
    pub commits: u64,
    /// Failed commits. Nothing of them was stored.
    pub commits_failed: u64,
    /// The duration of each commit, fsync included, since the last reading; at most 4096 of them.
    pub commit_times: Vec<Duration>,
    /// Transactions and reads by name. The names are written in the code, so there are few of them.
    pub transactions: BTreeMap<&'static str, TransactionStats>,
    /// Transactions that are waiting now.
    pub waiting: usize,
}

/// The transactions of one name.
#[derive(Debug, Clone, Copy, Default)]
pub struct TransactionStats {
    /// Transactions that were done and committed.
    pub done: u64,
    /// Transactions that failed. Nothing of them was stored.
    pub failed: u64,
    /// The time inside the transactions, without the shared commit.
    pub time: Duration,
    /// For each bound in [`TransactionStats::BOUNDS`], at the same position: how many transactions took at most that
    /// long. Transactions longer than every bound are counted in none.
    pub within: [u64; TransactionStats::BOUNDS.len()],
}

impl TransactionStats {
    /// The upper bounds of the histogram.
    pub const BOUNDS: [Duration; 9] = [
        Duration::from_micros(50),
        Duration::from_micros(100),
        Duration::from_micros(200),
        Duration::from_micros(500),
        Duration::from_millis(1),
        Duration::from_millis(5),
        Duration::from_millis(20),
        Duration::from_millis(100),
        Duration::from_millis(1000),
    ];

    fn note(&mut self, done: bool, took: Duration) {
        if done {
            self.done += 1;
        } else {
            self.failed += 1;
        }
        self.time += took;
        for (count, bound) in self.within.iter_mut().zip(Self::BOUNDS) {
            *count += u64::from(took <= bound);
        }
    }
}

/// How many commit durations are kept between two readings.
const KEPT_TIMES: usize = 4096;

/// The counters of a store.
#[derive(Debug)]
pub(super) struct Counters {
    stats: Mutex<Stats>,
    /// The progress of the committing task.
    pub beat: Beat,
    /// Whether the database was unreachable at the end of the last group.
    down: AtomicBool,
}

impl Default for Counters {
    fn default() -> Self {
        Self { stats: Mutex::default(), beat: Beat::new("committer"), down: AtomicBool::default() }
    }
}

impl Counters {
    /// Counts one transaction or read.
    pub(super) fn transaction(&self, name: &'static str, done: bool, took: Duration) {
        self.stats().transactions.entry(name).or_default().note(done, took);
    }

    /// Counts the transactions of a group, and the group's commit if there was one.
    pub(super) fn group(
        &self,
        transactions: &[(&'static str, bool, Duration)],
        commit: Option<(bool, Duration)>,
    ) {
        let mut stats = self.stats();
        for (name, done, took) in transactions {
            stats.transactions.entry(name).or_default().note(*done, *took);
        }
        let Some((kept, took)) = commit else { return };
        if kept {
            stats.commits += 1;
        } else {
            stats.commits_failed += 1;
        }
        if stats.commit_times.len() < KEPT_TIMES {
            stats.commit_times.push(took);
        }
    }

    /// Records that the committing task begins to work on the database.
    pub(super) fn turn_begins(&self) {
        self.beat.works();
    }

    /// Records that the committing task has finished, and whether the database was unreachable.
    pub(super) fn turn_ends(&self, down: bool) {
        self.down.store(down, Ordering::Relaxed);
        self.beat.rests();
    }

    /// Whether the database is unreachable, or has kept the committing task busy for longer than `limit`.
    pub(super) fn stalls(&self, limit: Duration) -> bool {
        self.down.load(Ordering::Relaxed) || self.beat.busy_for().is_some_and(|busy| busy > limit)
    }

    /// Returns all counts so far. Each commit duration is returned once.
    pub(super) fn take(&self, waiting: usize) -> Stats {
        let mut stats = self.stats();
        let commit_times = std::mem::take(&mut stats.commit_times);
        Stats { waiting, commit_times, ..stats.clone() }
    }

    fn stats(&self) -> MutexGuard<'_, Stats> {
        self.stats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transaction_is_counted_under_every_bound_that_it_kept() {
        let mut stats = TransactionStats::default();
        for (done, took) in [(true, 50), (true, 5_000), (false, 5_001), (true, 1_000_001)] {
            stats.note(done, Duration::from_micros(took));
        }
        assert_eq!((stats.done, stats.failed), (3, 1));
        assert_eq!(stats.time, Duration::from_micros(1_010_052));
        assert_eq!(stats.within, [1, 1, 1, 1, 1, 2, 3, 3, 3]);
    }
}
