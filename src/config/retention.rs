//! The section `[retention]`.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::duration;

/// How long rows are kept; `0s` is for ever.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Calls, with their waits and offers, after they ended. Default 400 days: a year can be compared with the one
    /// before. A call that a case tells of stays as long as the case.
    #[serde(with = "duration::ZeroOr::<{ duration::DAY }, { 100 * duration::YEAR }>")]
    pub calls: Duration,
    /// Cases, with their attempts, after they were closed; so long, too, numbers on the do-not-call list after that has
    /// expired. Default 400 days.
    #[serde(with = "duration::ZeroOr::<{ duration::DAY }, { 100 * duration::YEAR }>")]
    pub cases: Duration,
    /// Requests from forms and bots, after they came. Default 400 days.
    #[serde(with = "duration::ZeroOr::<{ duration::DAY }, { 100 * duration::YEAR }>")]
    pub requests: Duration,
    /// What was told, or was given up, after that; what still waits so long after it happened is given up: then its
    /// destination was removed or is closed. More than `[notify] give_up_after`. So long are kept, too, dials that were refused to numbers without a
    /// case. Default 90 days.
    #[serde(with = "duration::ZeroOr::<{ duration::DAY }, { 100 * duration::YEAR }>")]
    pub outbox: Duration,
    /// The audit. Default 1100 days: proof of erasures is asked for during three years (Roskomnadzor order 179).
    #[serde(with = "duration::ZeroOr::<{ duration::DAY }, { 100 * duration::YEAR }>")]
    pub audit: Duration,
    /// Rows of each kind that one transaction deletes at most: calls wait for it. Default 500.
    pub batch: u32,
    /// How often it is looked for old rows. Default 10 minutes.
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
