//! Faults of FreeSWITCH: bridges that fail, events that come late or twice.

use std::time::Duration;

use rand::RngExt as _;
use smallvec::SmallVec;

use super::core::{Core, Due};
use super::ids::Conn;
use super::wire::Frame;

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

impl Core {
    /// What becomes of the next bridge.
    pub fn next_bridge(&mut self) -> BridgeFate {
        let faults = &mut self.faults;
        if let Some(left) = faults.bridges_refused.checked_sub(1) {
            faults.bridges_refused = left;
            return BridgeFate::Refused;
        }
        if let Some(left) = faults.bridges_silent.checked_sub(1) {
            faults.bridges_silent = left;
            return BridgeFate::Silent;
        }
        BridgeFate::Built
    }

    /// How much longer than usual the next bridge takes to build.
    pub fn next_bridge_delay(&mut self) -> Duration {
        let faults = &mut self.faults;
        let Some(left) = faults.bridges_slow.checked_sub(1) else { return Duration::ZERO };
        faults.bridges_slow = left;
        faults.slow_by
    }

    /// Sends an event's frames, with the delays and repetitions of the faults.
    pub fn deliver(&mut self, frames: SmallVec<[(Conn, Frame); 4]>) {
        for (conn, frame) in frames {
            let Faults { twice, late, late_by, lost, .. } = self.faults;
            let mut befalls = |percent: u32| percent > 0 && self.rng.random_range(0..100) < percent;
            let (again, is_late, is_lost) = (befalls(twice), befalls(late), befalls(lost));
            if is_lost && self.is_link(conn) {
                continue;
            }
            if again {
                self.send_event(conn, frame.clone());
            }
            if is_late {
                let at = self.now + late_by.mul_f64(self.rng.random_range(0.0..1.0));
                self.timers.set(at, Due::Late(conn, frame));
            } else {
                self.send_event(conn, frame);
            }
        }
    }

    /// Sends an event's frame, if the connection is still open.
    pub fn send_event(&mut self, conn: Conn, frame: Frame) {
        self.counts.events_sent += 1;
        if self.is_link(conn) {
            self.counts.link_events_sent += 1;
        }
        self.send(conn, frame);
    }

    fn is_link(&self, conn: Conn) -> bool {
        self.connections.get(&conn).is_some_and(|connection| !connection.is_outbound())
    }
}
