//! Faults of FreeSWITCH: bridges that fail, events that come late or twice.

use std::time::Duration;

/// The faults of the stand-in; none by default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Faults {
    /// How many of the next `uuid_bridge` are answered `-ERR` and do nothing.
    pub bridges_refused: u32,
    /// How many after those are answered `+OK` and do nothing.
    pub bridges_silent: u32,
    /// How many of the next successful bridges are built `slow_by` later.
    pub bridges_slow: u32,
    /// How much later.
    pub slow_by: Duration,
    /// Per cent of events that are sent twice.
    pub twice: u32,
    /// Per cent of events that are late, so that later ones overtake them.
    pub late: u32,
    /// The largest delay of late events.
    pub late_by: Duration,
    /// Per cent of events on links that are lost. Events on callers' sockets are not.
    pub lost: u32,
    /// How long the answer to `connect` takes, as when FreeSWITCH is overloaded.
    pub connect_takes: Duration,
    /// How long `uuid_getvar` takes.
    pub getvar_takes: Duration,
}

/// What becomes of a bridge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BridgeFate {
    Built,
    Refused,
    Silent,
}

impl Faults {
    /// What becomes of the next bridge.
    pub(super) fn next_bridge(&mut self) -> BridgeFate {
        if let Some(left) = self.bridges_refused.checked_sub(1) {
            self.bridges_refused = left;
            return BridgeFate::Refused;
        }
        if let Some(left) = self.bridges_silent.checked_sub(1) {
            self.bridges_silent = left;
            return BridgeFate::Silent;
        }
        BridgeFate::Built
    }

    /// How much longer than usual the next bridge takes to build.
    pub(super) fn next_bridge_delay(&mut self) -> Duration {
        let Some(left) = self.bridges_slow.checked_sub(1) else { return Duration::ZERO };
        self.bridges_slow = left;
        self.slow_by
    }
}
