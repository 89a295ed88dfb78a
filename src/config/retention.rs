//! The section `[retention]`.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::duration;

/// How long rows are kept. `0s`: for ever.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// How long calls are kept after their end, with their waits and offers. A call that a case refers to is kept as
    /// long as the case. `0s`: for ever.
    #[serde(with = "duration::ZeroOr::<{ duration::DAY }, { 100 * duration::YEAR }>")]
    pub calls: Duration,
    /// How long cases and their attempts are kept after the case was closed, and numbers on the do-not-call list after
    /// their time has expired. `0s`: for ever.
    #[serde(with = "duration::ZeroOr::<{ duration::DAY }, { 100 * duration::YEAR }>")]
    pub cases: Duration,
    /// How long requests from forms and bots are kept. `0s`: for ever.
    #[serde(with = "duration::ZeroOr::<{ duration::DAY }, { 100 * duration::YEAR }>")]
    pub requests: Duration,
    /// How long an event is kept after it was told or given up. An event that still waits after this time is given up.
    /// It must be longer than `[notify] give_up_after`. Refused dials without a case are kept as long. `0s`: for ever.
    #[serde(with = "duration::ZeroOr::<{ duration::DAY }, { 100 * duration::YEAR }>")]
    pub outbox: Duration,
    /// How long the audit is kept. The law (Roskomnadzor order 179) asks for proof of an erasure during three years.
    /// `0s`: for ever.
    #[serde(with = "duration::ZeroOr::<{ duration::DAY }, { 100 * duration::YEAR }>")]
    pub audit: Duration,
    /// The most rows of each kind that one transaction deletes. Calls wait for such a transaction.
    pub batch: u32,
    /// How often old rows are looked up.
    #[serde(with = "duration::Within::<{ duration::SECOND }, { 7 * duration::DAY }>")]
    pub poll_interval: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            calls: Duration::from_hours(400 * 24),
            cases: Duration::from_hours(400 * 24),
            requests: Duration::from_hours(400 * 24),
            outbox: Duration::from_hours(90 * 24),
            audit: Duration::from_hours(1100 * 24),
            batch: 500,
            poll_interval: Duration::from_mins(10),
        }
    }
}
