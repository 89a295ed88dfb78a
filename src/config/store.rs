//! The section `[store]`.

use std::time::Duration;

use crate::duration;

/// Limits of the store.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The most transactions that may wait. Further transactions are refused.
    pub max_queued_writes: usize,
    /// The most transactions that share one commit.
    pub max_group_commit: usize,
    /// How long a transaction that nobody waits for, such as the end of a call, may wait for others to share its
    /// commit. `0s` commits it at once, which costs more disk writes and CPU time.
    #[serde(with = "duration::ZeroOr::<1, { duration::SECOND }>")]
    pub commit_delay: Duration,
    /// The most connections that read at one time.
    pub max_readers: usize,
    /// SQLite: how long a writer waits while another process writes.
    #[serde(with = "duration::Within::<10, { 10 * duration::MINUTE }>")]
    pub busy_timeout: Duration,
    /// PostgreSQL: how long a statement waits for a lock of another transaction. It should be longer than the server's
    /// `deadlock_timeout` (1 s).
    #[serde(with = "duration::Within::<10, { 10 * duration::MINUTE }>")]
    pub lock_timeout: Duration,
    /// How often changes by other processes are looked up.
    #[serde(with = "duration::Interval")]
    pub watch_interval: Duration,
    /// The secret that the audit hashes numbers with; that of `[audit] key`. None: the database keeps one.
    #[serde(skip)]
    pub audit_key: Option<crate::audit::Key>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_queued_writes: 8192,
            max_group_commit: 256,
            commit_delay: Duration::from_millis(10),
            max_readers: 2,
            busy_timeout: Duration::from_secs(5),
            lock_timeout: Duration::from_secs(2),
            watch_interval: Duration::from_millis(50),
            audit_key: None,
        }
    }
}
