//! The heartbeat of a FreeSWITCH, and the alarm when it stops.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::Instant;

use crate::switch::node_stats::count;

use super::{Hub, lock};

impl Hub {
    /// Takes in a heartbeat, and ends the alarm.
    pub(super) fn heartbeat(&self, now: Instant) {
        *lock(&self.last_heartbeat) = now;
        if self.alarmed.swap(false, Ordering::Relaxed) {
            tracing::info!(node = %self.settings.name, "FreeSWITCH's heartbeat is back");
        }
    }

    /// Raises the alarm, once, when no heartbeat has come for too long.
    pub(in crate::switch) fn check_heartbeat(&self, now: Instant, gap: Duration) {
        let silent = now.saturating_duration_since(*lock(&self.last_heartbeat));
        if silent > gap && !self.alarmed.swap(true, Ordering::Relaxed) {
            count(&self.stats.heartbeat_gaps);
            tracing::error!(
                node = %self.settings.name, silent_ms = silent.as_millis(),
                "no heartbeat of FreeSWITCH: it hangs, or a client of its event socket does not read"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::switch::NodeSettings;
    use crate::switch::event::Event;
    use crate::switch::link_commands::CommandSender;

    const LEG: &str = "413748d3-092b-4bc3-834a-03343ec14f5e";

    #[tokio::test(start_paused = true)]
    async fn a_silent_heart_alarms_once() {
        let hub = Hub::new(NodeSettings::default(), CommandSender::new(1).0, CommandSender::new(1).0);
        let gap = Duration::from_secs(45);
        let begun = Instant::now();
        let gaps = || hub.stats.heartbeat_gaps.load(Ordering::Relaxed);
        hub.check_heartbeat(begun + gap, gap);
        assert_eq!(gaps(), 0);
        hub.check_heartbeat(begun + gap * 2, gap);
        hub.check_heartbeat(begun + gap * 3, gap);
        assert_eq!(gaps(), 1);
        hub.take(&Event::new(&[("Event-Name", "HEARTBEAT"), ("Core-UUID", LEG)], None), begun + gap * 3);
        hub.check_heartbeat(begun + gap * 3, gap);
        hub.check_heartbeat(begun + gap * 5, gap);
        assert_eq!(gaps(), 2);
        assert_eq!(*hub.core.borrow(), Some(LEG.parse().unwrap()));
    }
}
