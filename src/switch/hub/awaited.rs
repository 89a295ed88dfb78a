//! Which events somebody waits for, so that FreeSWITCH is asked for them instead of sending them within 20 ms.
//!
//! In: legs that ring or are being ended, and whether people wait for agents who talk. Out: whether to ask.
//! The end of a talk is awaited only while somebody waits in a queue: its agent is free then. Nobody waits for the end of
//! any other talk.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::sync::Notify;

use super::Hub;

/// Which events of a node are awaited.
#[derive(Debug, Default)]
pub(in crate::switch) struct Awaited {
    /// How many legs ring or are being ended.
    legs: AtomicUsize,
    /// Whether somebody waits for the end of any talk.
    talk_ends: AtomicBool,
    begun: Notify,
}

impl Awaited {
    /// Waits until the first event is awaited. Cancel-safe.
    pub(in crate::switch) async fn begun(&self) {
        self.begun.notified().await;
    }
}

/// A leg whose next event is awaited, as long as this exists.
pub(in crate::switch) struct AwaitedLeg(Arc<Hub>);

impl AwaitedLeg {
    pub(in crate::switch) fn new(hub: &Arc<Hub>) -> Self {
        if hub.awaited.legs.fetch_add(1, Ordering::Relaxed) == 0 {
            hub.awaited.begun.notify_one();
        }
        Self(Arc::clone(hub))
    }
}

impl Drop for AwaitedLeg {
    fn drop(&mut self) {
        self.0.awaited.legs.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Hub {
    /// Whether an event is awaited.
    pub(in crate::switch) fn awaits_events(&self) -> bool {
        self.awaited.legs.load(Ordering::Relaxed) > 0
            || self.awaited.talk_ends.load(Ordering::Relaxed) && self.has_legs()
    }

    /// Sets whether somebody waits for the end of any talk.
    pub(in crate::switch) fn await_talk_ends(&self, awaited: bool) {
        if !self.awaited.talk_ends.swap(awaited, Ordering::Relaxed) && awaited {
            self.awaited.begun.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::switch::NodeSettings;
    use crate::ids::LegId;
    use crate::switch::link_commands::CommandSender;

    #[tokio::test(start_paused = true)]
    async fn a_talk_is_awaited_only_while_somebody_waits_for_its_agent() {
        let hub = Hub::new(NodeSettings::default(), CommandSender::new(1).0, CommandSender::new(1).0);
        let hub = Arc::new(hub);
        let talk = LegId::new();
        let _mailbox = hub.open_mailbox(talk);
        assert!(!hub.awaits_events());
        let rings = [AwaitedLeg::new(&hub), AwaitedLeg::new(&hub)];
        hub.awaited.begun().await;
        assert!(hub.awaits_events());
        drop(rings);
        assert!(!hub.awaits_events());
        hub.await_talk_ends(true);
        hub.awaited.begun().await;
        assert!(hub.awaits_events());
        hub.close_mailbox(talk);
        assert!(!hub.awaits_events(), "nobody talks");
        let _mailbox = hub.open_mailbox(talk);
        hub.await_talk_ends(false);
        assert!(!hub.awaits_events());
    }
}
