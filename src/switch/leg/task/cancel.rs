//! Ending a leg: the command is repeated until the leg is over.

use std::time::Duration;

use tokio::time::Instant;

use crate::switch::leg_request::LEG_ID;

use super::{Cancel, EVENTS_APART, LegTask};

/// First and longest wait before a cancel is repeated.
pub(super) const CANCEL_AGAIN: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

impl LegTask {
    pub(super) fn cancel(&mut self, cause: Cancel) {
        if self.cancel.is_none() {
            self.cancel = Some(cause);
            self.cancel_at = Some(Instant::now());
        }
    }

    /// Ends the leg, if that is due (again).
    pub(super) async fn kill_when_due(&mut self, now: Instant) {
        if let Some(cause) = self.cancel.filter(|_| self.cancel_at.is_some_and(|at| at <= now)) {
            self.kill(cause).await;
            self.cancel_at = Some(Instant::now() + self.cancel_again);
            self.cancel_again = (self.cancel_again * 2).min(CANCEL_AGAIN.1);
            self.check_at = self.check_at.min(now + EVENTS_APART);
        }
    }

    /// Ends the leg's channels. They may not exist yet, so the cancel is repeated until the leg is over.
    pub(super) async fn kill(&self, cause: Cancel) {
        let suspects = self.state.suspects();
        for channel in &suspects {
            self.ask(format!("uuid_kill {channel} {cause}")).await;
        }
        if suspects.is_empty() && !self.state.all_gone() {
            self.ask(format!("hupall {cause} {LEG_ID} {}", self.leg)).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::sync::{mpsc, watch};
    use tokio::time::timeout;

    use super::*;
    use crate::config::switch::NodeSettings;
    use crate::ids::{CallId, LegId};
    use crate::switch::hub::Hub;
    use crate::switch::leg::command::LegCommand;
    use crate::switch::leg_event::LegEvent;
    use crate::switch::leg_request::{Begin, LegInTalk};
    use crate::switch::link_commands::{CommandSender, Role};

    #[tokio::test(start_paused = true)]
    async fn the_end_of_a_talk_is_awaited_once_the_leg_is_being_ended() {
        let hub = Hub::new(NodeSettings::default(), CommandSender::new(1).0, CommandSender::new(1).0);
        let hub = Arc::new(hub);
        hub.link_up(Role::Events);
        let leg = LegId::new();
        let begin =
            Begin::InTalk(LegInTalk { leg, channel: leg.channel(), call: CallId::new(), may_be_over: false });
        let (events_in, mut events) = mpsc::channel(4);
        let (command, commands) = watch::channel(LegCommand { cancel: None, in_talk: true });
        tokio::spawn(LegTask::new(Arc::clone(&hub), &begin, events_in, commands).run(begin));
        while events.recv().await != Some(LegEvent::Answered { channel: leg.channel() }) {}
        let begun = timeout(Duration::from_secs(60), hub.awaited.begun()).await;
        assert!(begun.is_err() && !hub.awaits_events(), "nobody waits for the end of this talk");
        command.send_modify(|command| command.cancel = Some(Cancel::NormalClearing));
        hub.awaited.begun().await;
        assert!(hub.awaits_events());
    }
}
