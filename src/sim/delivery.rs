//! Sends events to connections, with the faults of the stand-in.

use rand::RngExt as _;
use smallvec::SmallVec;

use super::core::{Core, Due};
use super::faults::Faults;
use super::ids::Conn;
use super::wire::Frame;

impl Core {
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
