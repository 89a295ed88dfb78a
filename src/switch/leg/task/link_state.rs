//! What a leg does when the link to its node goes down or comes up.

use std::time::Duration;

use tokio::time::{Instant, timeout};

use crate::cause;
use crate::switch::leg_request::LEG_ID;
use crate::switch::text;

use super::{Cancel, LegEvent, LegTask};

/// How long after it was given up a leg may still be ended when the link returns.
const ORPHAN_LIMIT: Duration = Duration::from_secs(600);

impl LegTask {
    /// The link went down or came up: jobs of an earlier session are lost, and the leg's state is checked. After a restart of
    /// FreeSWITCH the leg is gone.
    pub(super) fn link_changed(&mut self) -> Option<LegEvent> {
        let before = std::mem::replace(&mut self.seen, *self.link_state.borrow_and_update());
        let now = Instant::now();
        if before.core.is_some() && self.seen.core != before.core {
            self.lost_at = None;
            return Some(self.given_up(cause::SWITCH_RESTARTED));
        }
        if self.seen.session != before.session && self.connection.is_none() {
            self.lose_result();
        }
        if self.seen.session != before.session || self.seen.missed != before.missed {
            self.in_doubt = false;
            self.check_at = now;
        }
        self.set_loss_limit();
        None
    }

    /// Sets when the leg is given up while the link is down. A leg in a talk is never given up.
    pub(super) fn set_loss_limit(&mut self) {
        let blind = !self.seen.up && !self.commands.borrow().in_talk;
        let limit = Instant::now() + self.hub.settings.leg_loss_timeout;
        self.lost_at = blind.then(|| self.lost_at.unwrap_or(limit));
    }

    /// The last event of a leg that is given up.
    pub(super) fn given_up(&self, why: &str) -> LegEvent {
        match self.state.ending() {
            LegEvent::Ended { answered, picked_up, rang, .. } => {
                LegEvent::Ended { cause: text::word(why), answered, picked_up, rang }
            }
            other => other,
        }
    }

    /// The leg was given up while the link was down. If the link returns in time, the leg is ended, unless it is in a talk.
    pub(super) async fn kill_when_link_returns(&mut self) {
        let back = self.link_state.wait_for(|link_state| link_state.up);
        let in_talk = self.commands.borrow().in_talk;
        if in_talk || !matches!(timeout(ORPHAN_LIMIT, back).await, Ok(Ok(_))) {
            return;
        }
        let cause = self.cancel.unwrap_or(Cancel::OriginatorCancel);
        self.ask(format!("hupall {cause} {LEG_ID} {}", self.leg)).await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::sync::{mpsc, watch};

    use super::*;
    use crate::config::switch::NodeSettings;
    use crate::ids::{CallId, LegId};
    use crate::switch::hub::Hub;
    use crate::switch::leg::command::LegCommand;
    use crate::switch::leg_request::{Begin, LegInTalk};
    use crate::switch::link_commands::{CommandSender, Role};

    /// What a leg's owner hears after the link was lost, and then, if so, the leg came to be in a talk.
    async fn heard_unseen(in_talk: bool) -> Option<LegEvent> {
        let hub =
            Arc::new(Hub::new(NodeSettings::default(), CommandSender::new(1).0, CommandSender::new(1).0));
        hub.link_up(Role::Events);
        let leg = LegId::new();
        let begin =
            Begin::InTalk(LegInTalk { leg, channel: leg.channel(), call: CallId::new(), may_be_over: true });
        let (events_in, mut events) = mpsc::channel(4);
        let (command, commands) = watch::channel(LegCommand::default());
        tokio::spawn(LegTask::new(Arc::clone(&hub), &begin, events_in, commands).run(begin));
        while events.recv().await != Some(LegEvent::Answered { channel: leg.channel() }) {}
        hub.link_down(Role::Events);
        tokio::time::advance(hub.settings.leg_loss_timeout / 2).await;
        command.send_modify(|command| command.in_talk = in_talk);
        timeout(hub.settings.leg_loss_timeout * 2, events.recv()).await.ok().flatten()
    }

    #[tokio::test(start_paused = true)]
    async fn a_talk_goes_on_unseen_also_if_it_began_when_the_link_was_lost() {
        assert!(
            matches!(heard_unseen(false).await, Some(LegEvent::Ended { cause, .. }) if cause == "LINK_LOST")
        );
        assert_eq!(heard_unseen(true).await, None);
    }
}
