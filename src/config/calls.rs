//! The section `[calls]`.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::duration;

/// Limits of calls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Calls {
    /// How long a contact outside the queues rings, such as the duty phone.
    #[serde(with = "duration::Within::<{ duration::SECOND }, { duration::HOUR }>")]
    pub forward_timeout: Duration,
    /// Whether FreeSWITCH follows a redirect (302) of such a contact. No policy is asked where it leads: the number may
    /// be expensive.
    pub forward_follows_redirects: bool,
    /// How many queues, menus, messages and other destinations one call may go through. After that, the call ends.
    pub max_hops: usize,
    /// Whether FreeSWITCH searches the audio of callers in menus for the tones of keys. It costs CPU, and is needed only if a
    /// trunk sends keys neither by RFC 2833 nor by SIP INFO.
    pub in_band_digits: bool,
    /// How long talks may continue after the process was told to stop.
    #[serde(with = "duration::Within::<0, { duration::DAY }>")]
    pub drain_timeout: Duration,
    /// The most calls at one time. Further calls go to the dialplan's fallback at once.
    pub max_calls: usize,
    /// How far FreeSWITCH and the controller may be behind. While they take longer than this for what takes milliseconds
    /// otherwise, some of the new callers go to the dialplan's fallback at once, so that the others are served in time.
    #[serde(with = "duration::Timeout")]
    pub max_lag: Duration,
    /// How long the database may take to record an arrival, while the caller hears nothing. After that, the caller goes
    /// to the dialplan's fallback. Further callers go there at once until the database answers again.
    #[serde(with = "duration::Timeout")]
    pub arrival_timeout: Duration,
    /// When the socket of a caller breaks, the dialplan brings the caller back. A caller who is not back this long
    /// after `[dialplan] retry_time` counts as lost.
    #[serde(with = "duration::Within::<0, { duration::HOUR }>")]
    pub return_timeout: Duration,
    /// How long free agents wait after a start of the controller for callers who are on their way back. This keeps the
    /// order of the callers.
    #[serde(with = "duration::Within::<0, { duration::MINUTE }>")]
    pub recovery_wait: Duration,
    /// How often the rows of the database are compared with the channels of FreeSWITCH.
    #[serde(with = "duration::Interval")]
    pub reconcile_interval: Duration,
    /// How long a vital task may work on one thing before `/readyz` names the task.
    #[serde(with = "duration::Within::<100, { duration::HOUR }>")]
    pub stall_timeout: Duration,
}

impl Default for Calls {
    fn default() -> Self {
        Self {
            forward_timeout: Duration::from_secs(30),
            forward_follows_redirects: false,
            max_hops: 50,
            in_band_digits: false,
            drain_timeout: Duration::from_secs(30),
            max_calls: 4_000,
            max_lag: Duration::from_millis(150),
            arrival_timeout: Duration::from_secs(5),
            return_timeout: Duration::from_secs(30),
            recovery_wait: Duration::from_secs(2),
            reconcile_interval: Duration::from_secs(5),
            stall_timeout: Duration::from_mins(1),
        }
    }
}
