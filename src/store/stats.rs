//! What the store has done, counted.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::vital::Beat;

/// What the store has done since it was opened.
#[derive(Debug, Clone, Default)]
pub struct Stats {
    /// Commits.
    pub commits: u64,
    /// Commits that failed: nothing of them was kept.
    pub commits_failed: u64,
    /// How long each commit took, fsync included, since the last reading; at most 4096 of them.
    pub commit_times: Vec<Duration>,
    /// Transactions and reads by name: the names stand in the code, so there are few.
    pub transactions: BTreeMap<&'static str, TransactionStats>,
    /// Transactions that wait now.
    pub waiting: usize,
}

/// Transactions of one name.
#[derive(Debug, Clone, Copy, Default)]
pub struct TransactionStats {
    /// Done and committed.
    pub done: u64,
    /// Failed: nothing was kept.
    pub failed: u64,
    /// Time inside them, without the shared commit.
    pub time: Duration,
    /// How many took at most as long as the bound of the same place in [`TransactionStats::BOUNDS`]; longer ones
    /// are in none.
    pub within: [u64; TransactionStats::BOUNDS.len()],
}

impl TransactionStats {
    /// Upper bounds of the histogram.
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

/// How many commit times are kept between two readings.
const KEPT_TIMES: usize = 4096;

/// Where it is counted.
#[derive(Debug)]
pub(super) struct Counters {
    stats: Mutex<Stats>,
    /// What the committing task is at.
    pub beat: Beat,
    /// Whether the database was out of reach the last time.
    down: AtomicBool,
}

impl Default for Counters {
    fn default() -> Self {
        Self { stats: Mutex::default(), beat: Beat::new("committer"), down: AtomicBool::default() }
    }
}

impl Counters {
    /// Counts one transaction, or read.
    pub(super) fn transaction(&self, name: &'static str, done: bool, took: Duration) {
        self.stats().transactions.entry(name).or_default().note(done, took);
    }

    /// Counts the transactions of a group, and its commit if it came to one.
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

    /// The committing task turns to the database.
    pub(super) fn turn_begins(&self) {
        self.beat.works();
    }

    /// It is done, and the database is there or not.
    pub(super) fn turn_ends(&self, down: bool) {
        self.down.store(down, Ordering::Relaxed);
        self.beat.rests();
    }

    /// Whether the database is out of reach, or has kept the committing task for longer than that.
    pub(super) fn stalls(&self, limit: Duration) -> bool {
        self.down.load(Ordering::Relaxed) || self.beat.busy_for().is_some_and(|busy| busy > limit)
    }

    /// Everything so far; commit times are handed over once.
    pub(super) fn take(&self, waiting: usize) -> Stats {
        let mut stats = self.stats();
        let commit_times = std::mem::take(&mut stats.commit_times);
        Stats { waiting, commit_times, ..stats.clone() }
    }

    fn stats(&self) -> MutexGuard<'_, Stats> {
        self.stats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
