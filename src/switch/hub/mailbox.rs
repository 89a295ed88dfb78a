//! The mailbox of each leg, which receives its signals.

use std::sync::atomic::Ordering;

use tokio::sync::mpsc;

use crate::ids::LegId;
use crate::switch::leg_state::LegSignal;
use crate::switch::node_stats::count;

use super::{Hub, lock};

/// How many signals may wait for one leg; a leg gets about five.
const MAILBOX: usize = 32;

impl Hub {
    /// Opens the mailbox of a leg.
    pub(in crate::switch) fn open_mailbox(&self, leg: LegId) -> mpsc::Receiver<LegSignal> {
        let (signals, mailbox) = mpsc::channel(MAILBOX);
        lock(&self.legs).insert(leg, signals);
        count(&self.stats.legs);
        mailbox
    }

    /// Closes the mailbox of a leg.
    pub(in crate::switch) fn close_mailbox(&self, leg: LegId) {
        if lock(&self.legs).remove(&leg).is_some() {
            self.stats.legs.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Whether a leg has a mailbox.
    pub(in crate::switch) fn has(&self, leg: LegId) -> bool {
        lock(&self.legs).contains_key(&leg)
    }

    /// Whether any leg waits for signals.
    pub(in crate::switch) fn has_legs(&self) -> bool {
        self.stats.legs.load(Ordering::Relaxed) > 0
    }

    pub(super) fn deliver(&self, leg: LegId, signal: LegSignal) {
        let full = match lock(&self.legs).get(&leg) {
            Some(mailbox) => {
                // Counted first, since the leg may take it before we go on here.
                count(&self.stats.queue_depth);
                mailbox.try_send(signal).is_err()
            }
            None => return,
        };
        if full {
            self.taken();
            count(&self.stats.mailbox_full);
            self.check_all_legs();
        }
    }

    /// Counts one signal as taken.
    pub(in crate::switch) fn taken(&self) {
        self.stats.queue_depth.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::switch::NodeSettings;
    use crate::switch::link_commands::CommandSender;

    const LEG: &str = "413748d3-092b-4bc3-834a-03343ec14f5e";

    #[test]
    fn a_full_mailbox_is_counted_and_doubted() {
        let hub = Hub::new(NodeSettings::default(), CommandSender::new(1).0, CommandSender::new(1).0);
        let leg = LEG.parse().unwrap();
        let mailbox = hub.open_mailbox(leg);
        for _ in 0..=MAILBOX {
            hub.deliver(leg, LegSignal::JobLost);
        }
        assert_eq!(hub.stats.mailbox_full.load(Ordering::Relaxed), 1);
        assert_eq!(hub.stats.queue_depth.load(Ordering::Relaxed), MAILBOX as u64);
        assert_eq!(hub.link_state.borrow().missed, 1);
        drop(mailbox);
        hub.close_mailbox(leg);
        hub.deliver(leg, LegSignal::JobLost);
        assert_eq!(hub.stats.legs.load(Ordering::Relaxed), 0);
    }

    /// A leg may take a signal before the task that delivered it has counted it.
    #[test]
    fn what_waits_is_never_less_than_nothing() {
        let hub = Hub::new(NodeSettings::default(), CommandSender::new(1).0, CommandSender::new(1).0);
        let leg = LEG.parse().unwrap();
        let mut mailbox = hub.open_mailbox(leg);
        let depth = || hub.stats.queue_depth.load(Ordering::Relaxed);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for _ in 0..200_000 {
                    hub.deliver(leg, LegSignal::JobLost);
                }
                hub.close_mailbox(leg);
            });
            while mailbox.blocking_recv().is_some() {
                hub.taken();
                assert!(depth() <= MAILBOX as u64 + 1, "{}", depth());
            }
        });
        assert_eq!(depth(), 0);
    }
}
