//! The section `[store]`.

use std::time::Duration;

use crate::duration;

/// Limits of the store.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// How many transactions may wait; one more is refused. Default 8192.
    pub max_queued_writes: usize,
    /// How many transactions share a commit at most. Default 256.
    pub max_group_commit: usize,
    /// How many connections read at the same time. Default 2.
    pub max_readers: usize,
    /// How long a writer waits for another process that writes, on SQLite. Default 5 s.
    #[serde(with = "duration::Within::<10, { 10 * duration::MINUTE }>")]
    pub busy_timeout: Duration,
    /// How long a statement waits for a row or a table that another transaction holds, on PostgreSQL: what a person
    /// forgot to commit holds up calls for so long. More than the server's `deadlock_timeout` (1 s). Default 2 s.
    #[serde(with = "duration::Within::<10, { 10 * duration::MINUTE }>")]
    pub lock_timeout: Duration,
    /// How often changes by other processes are looked for. Default 50 ms.
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
            max_readers: 2,
            busy_timeout: Duration::from_secs(5),
            lock_timeout: Duration::from_secs(2),
            watch_interval: Duration::from_millis(50),
            audit_key: None,
        }
    }
}
