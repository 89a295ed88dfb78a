//! Asking FreeSWITCH for the state of a leg when the signals do not add up.

use std::time::Duration;

use tokio::time::Instant;

use crate::cause;
use crate::ids::ChannelId;
use crate::switch::leg_state::LegSignal;
use crate::switch::link_commands::CommandError;
use crate::switch::wire::WireError;

use super::{Cancel, EVENTS_APART, GRACE, LegTask};

/// How long to wait for the hangup event of a channel that was found gone. The event has the cause.
const LATE_EVENTS: Duration = Duration::from_millis(500);

impl LegTask {
    /// Asks FreeSWITCH which channels of the leg exist. A channel that is found gone twice counts as hung up. A channel that
    /// exists is asked whether it was answered. A result that cannot come any more is not waited for.
    pub(super) async fn check(&mut self) {
        if !self.seen.up {
            // Another run of FreeSWITCH may answer, which knows nothing of this leg. The link for events tells which run
            // it is, before this is due again.
            self.check_at = Instant::now() + EVENTS_APART;
            return;
        }
        self.check_at = Instant::now() + self.hub.settings.leg_check_interval;
        let mut gone = Vec::new();
        for channel in self.state.suspects() {
            match self.ask(format!("uuid_exists {channel}")).await.as_deref() {
                Some("false") => gone.push(channel),
                Some("true") => self.check_channel(channel).await,
                Some(_) | None => {
                    self.check_at = Instant::now() + EVENTS_APART;
                    return;
                }
            }
        }
        let alive = self.state.alive();
        gone.retain(|channel| alive.contains(channel));
        if gone.is_empty() && !self.is_resultless() {
            self.in_doubt = false;
        } else if std::mem::replace(&mut self.in_doubt, true) {
            self.conclude(&gone).await;
        } else {
            self.check_at = Instant::now() + LATE_EVENTS;
        }
    }

    /// Whether the originate's result ought to have come, or can come no more.
    fn is_resultless(&self) -> bool {
        let overdue = self.stop_at + GRACE <= Instant::now();
        self.state.is_pending() && (self.orphaned || overdue || self.state.all_gone())
    }

    async fn conclude(&mut self, gone: &[ChannelId]) {
        self.in_doubt = false;
        for channel in gone {
            self.feed(LegSignal::HungUp(*channel, cause::UNKNOWN.to_owned()));
        }
        if self.is_resultless() {
            if self.state.suspects().is_empty() {
                self.kill(self.cancel.unwrap_or(Cancel::OriginatorCancel)).await;
            }
            self.feed(LegSignal::JobLost);
        }
    }

    async fn check_channel(&mut self, channel: ChannelId) {
        self.feed(LegSignal::Created(channel));
        if self.state.is_answered() || self.confirm {
            return;
        }
        let before = self.state.is_picked_up();
        let dump = self.ask(format!("uuid_dump {channel}")).await.unwrap_or_default();
        if dump.lines().any(|line| line.trim_end() == "Answer-State: answered") {
            // It was answered a while ago and the result has not come: the result was lost.
            self.feed(if before { LegSignal::Succeeded(channel) } else { LegSignal::Answered(channel) });
        }
    }

    /// The answer to an API command; none if it failed or was refused.
    pub(super) async fn ask(&self, command: String) -> Option<String> {
        match self.hub.api(command).await {
            Ok(said) => Some(said),
            Err(CommandError::Wire(WireError::Refused(why))) => {
                tracing::trace!(why, "FreeSWITCH refused");
                None
            }
            Err(error) => {
                tracing::debug!(%error, "FreeSWITCH cannot be asked");
                None
            }
        }
    }
}
