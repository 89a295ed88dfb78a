//! Counts of one node.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts of one node since the start.
#[derive(Debug, Default)]
pub struct NodeStats {
    /// Events taken.
    pub events: AtomicU64,
    /// Events that found a leg's mailbox full.
    pub mailbox_full: AtomicU64,
    /// Signals that wait for legs now.
    pub queue_depth: AtomicU64,
    /// Legs that have a task now.
    pub legs: AtomicU64,
    /// Commands sent.
    pub commands: AtomicU64,
    /// Times that a link came up, both links together.
    pub connects: AtomicU64,
    /// Times that connecting or logging in failed.
    pub connect_failures: AtomicU64,
    /// Times that its heartbeat was overdue.
    pub heartbeat_gaps: AtomicU64,
    /// Times that another run of FreeSWITCH was found.
    pub restarts: AtomicU64,
}

impl NodeStats {
    /// The counters, in the order of [`crate::metrics::NODE_COUNTERS`].
    #[must_use]
    pub fn counts(&self) -> [u64; crate::metrics::NODE_COUNTERS.len()] {
        let of = [
            &self.events,
            &self.mailbox_full,
            &self.commands,
            &self.connects,
            &self.connect_failures,
            &self.heartbeat_gaps,
            &self.restarts,
        ];
        of.map(|count| count.load(Ordering::Relaxed))
    }
}

/// Counts one up.
pub(in crate::switch) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
