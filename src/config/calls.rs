//! The section `[calls]`.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::duration;

/// Limits of calls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Calls {
    /// How long a contact outside the queues is rung. Default 30 s.
    #[serde(with = "duration::Within::<{ duration::SECOND }, { duration::HOUR }>")]
    pub forward_timeout: Duration,
    /// Whether a redirect (302) of a contact outside the queues, such as the duty phone, is followed. Where it leads no
    /// policy of ours is asked: it may be a dear number, or one abroad. Default no.
    pub forward_follows_redirects: bool,
    /// How long talks may go on after the process was told to stop. Default 30 s.
    #[serde(with = "duration::Within::<0, { duration::DAY }>")]
    pub drain_timeout: Duration,
    /// How many calls may be under way; the next one goes to the dialplan's fallback at once. Default 4000.
    pub max_calls: usize,
    /// How long the database may take to record an arrival, while the caller hears nothing; then he goes to the
    /// dialplan's fallback, and those after him at once, until the database moves again. Default 5 s.
    #[serde(with = "duration::Timeout")]
    pub arrival_timeout: Duration,
    /// How much longer than `[dialplan] retry_time` a caller whose line to us broke may take to come back by the
    /// dialplan, before he counts as lost. Default 30 s.
    #[serde(with = "duration::Within::<0, { duration::HOUR }>")]
    pub return_timeout: Duration,
    /// After a start: how long free agents wait for callers who waited before and are on their way back, so that
    /// who came first is served first. Default 2 s.
    #[serde(with = "duration::Within::<0, { duration::MINUTE }>")]
    pub recovery_wait: Duration,
    /// How often what the rows say is compared with FreeSWITCH. Default 5 s.
    #[serde(with = "duration::Interval")]
    pub reconcile_interval: Duration,
    /// How long a task that everything depends on may work on one thing before `/readyz` names it. Default 1 min.
    #[serde(with = "duration::Within::<100, { duration::HOUR }>")]
    pub stall_timeout: Duration,
}

impl Default for Calls {
    fn default() -> Self {
        Self {
            forward_timeout: Duration::from_secs(30),
            forward_follows_redirects: false,
            drain_timeout: Duration::from_secs(30),
            max_calls: 4_000,
            arrival_timeout: Duration::from_secs(5),
            return_timeout: Duration::from_secs(30),
            recovery_wait: Duration::from_secs(2),
            reconcile_interval: Duration::from_secs(5),
            stall_timeout: Duration::from_mins(1),
        }
    }
}
