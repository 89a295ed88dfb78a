//! Counts of connections to the listener, and permits for those that are open.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::OwnedSemaphorePermit;

/// Counts of connections to the listener since its start.
#[derive(Debug, Default)]
pub struct ListenerStats {
    /// Connections accepted by the system.
    pub accepted: AtomicU64,
    /// Connections that became callers.
    pub callers: AtomicU64,
    /// Callers' sockets open now.
    pub open: AtomicU64,
    /// Refused: the peer is not on the allow-list.
    pub not_allowed: AtomicU64,
    /// Refused: as many callers as allowed are connected already.
    pub over_connections: AtomicU64,
    /// Refused: as many handshakes as allowed are going on already.
    pub over_handshakes: AtomicU64,
    /// Dropped: did not answer `connect` in time.
    pub timed_out: AtomicU64,
    /// Dropped: closed before it answered `connect`.
    pub closed_early: AtomicU64,
    /// Dropped: sent too much, or something that is not an answer to `connect`.
    pub malformed: AtomicU64,
    /// Dropped: the dialplan calls `socket` without `async full`.
    pub wrong_mode: AtomicU64,
    /// Dropped: FreeSWITCH refused, or did not answer, the commands that follow `connect`.
    pub setup_failed: AtomicU64,
    /// Times that accepting failed, most often because file descriptors ran out.
    pub accept_failed: AtomicU64,
}

impl ListenerStats {
    /// The counts of connections by result.
    #[must_use]
    pub fn results(&self) -> [(&'static str, u64); 9] {
        let now = |count: &AtomicU64| count.load(Ordering::Relaxed);
        [
            ("callers", now(&self.callers)),
            ("not_allowed", now(&self.not_allowed)),
            ("over_connections", now(&self.over_connections)),
            ("over_handshakes", now(&self.over_handshakes)),
            ("timed_out", now(&self.timed_out)),
            ("closed_early", now(&self.closed_early)),
            ("malformed", now(&self.malformed)),
            ("wrong_mode", now(&self.wrong_mode)),
            ("setup_failed", now(&self.setup_failed)),
        ]
    }
}

/// Counts one up, and returns the new count.
pub(super) fn count(counter: &AtomicU64) -> u64 {
    counter.fetch_add(1, Ordering::Relaxed) + 1
}

/// A permit for one caller's connection, returned when it is dropped.
#[derive(Debug)]
pub(super) struct ConnectionPermit {
    stats: Arc<ListenerStats>,
    _permit: OwnedSemaphorePermit,
}

impl ConnectionPermit {
    pub(super) fn new(stats: &Arc<ListenerStats>, permit: OwnedSemaphorePermit) -> Self {
        count(&stats.open);
        Self { stats: Arc::clone(stats), _permit: permit }
    }
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        self.stats.open.fetch_sub(1, Ordering::Relaxed);
    }
}
