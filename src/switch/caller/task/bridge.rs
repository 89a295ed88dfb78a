//! Connecting a caller with a leg, and what happens to the caller if the controller dies before and after.

use tokio::time::Instant;

use crate::ids::ChannelId;
use crate::switch::caller::{AfterTalk, CallerEvent};
use crate::switch::dialplan_files::SURVEY;
use crate::switch::event::Event;
use crate::switch::frames::SocketError;
use crate::switch::variable::Variable;

use super::CallerTask;
use super::keys::TERMINATORS;

/// FreeSWITCH's variable that says where a channel goes after a bridge.
const TRANSFER: &str = "transfer_after_bridge";

/// The context of our dialplan.
const CONTEXT: &str = "dozvon";

/// The value of `dozvon_state` for a caller who was connected.
const TALKED: &str = "talked";

impl CallerTask {
    /// Connects the caller with a leg. The variables are set before the bridge: once the two talk, a crash of the controller
    /// must not cut the talk, and the dialplan must not take the end of the talk for a call that nobody answered.
    pub(super) async fn bridge(&mut self, leg: ChannelId, after: AfterTalk) -> Result<(), SocketError> {
        let channel = self.channel;
        let mut commands = vec![
            format!("api uuid_setvar {channel} socket_resume false"),
            format!("api uuid_setvar {channel} hangup_after_bridge true"),
            format!("api uuid_setvar {channel} {} {TALKED}", Variable::State),
        ];
        // By a command, since an application would have to wait for what is played.
        if std::mem::take(&mut self.in_early_media) {
            commands.push(format!("api uuid_answer {channel}"));
        }
        if let AfterTalk::Survey(call) = after {
            // It goes before `hangup_after_bridge` (switch_ivr_bridge.c, audio_bridge_on_exchange_media).
            commands.push(format!("api uuid_setvar {channel} {TRANSFER} {SURVEY}{call}:XML:{CONTEXT}"));
        }
        commands.push(format!("api uuid_bridge {channel} {leg}"));
        match self.socket.all(&commands).await?.pop() {
            Some(Ok(_)) => {
                self.music = None;
                Ok(())
            }
            Some(Err(why)) => {
                self.bridge_failed().await?;
                Err(SocketError::Refused(why))
            }
            None => Err(SocketError::Malformed("no answer to a bridge")),
        }
    }

    /// Gives the bridge up, even one that has come about. The dialplan may take the caller back again, and the channel is
    /// checked at once, since it may be gone. If the channel has left our hands, no command is sent: `taken` finds out who
    /// has it.
    pub(super) async fn bridge_failed(&mut self) -> Result<(), SocketError> {
        let talked_with = self.talks_with.take();
        if let Some(leg) = self.bridging.take().or(talked_with) {
            self.abandoned_leg = Some(leg);
        }
        if self.released && talked_with.is_none() {
            return Ok(());
        }
        if !self.gone {
            self.check_at = Instant::now();
        }
        self.resume(None).await
    }

    /// Makes the dialplan continue when our socket closes, and find this state. Refused only if the caller is gone.
    pub(super) async fn resume(&mut self, state: Option<&str>) -> Result<(), SocketError> {
        let channel = self.channel;
        let state = state.map_or(String::new(), |state| format!(" {state}"));
        let mut commands = vec![
            format!("api uuid_setvar {channel} {}{state}", Variable::State),
            format!("api uuid_setvar {channel} socket_resume true"),
        ];
        self.in_band = false;
        if self.end_keys.take().is_some() {
            commands.push(format!("api uuid_setvar {channel} {TERMINATORS}"));
        }
        // If the bridge comes about after all, ending the agent's leg must not end the caller's call. A call that was never
        // bridged keeps what its own dialplan has set.
        if self.bridge_tried.is_some() {
            commands.push(format!("api uuid_setvar {channel} hangup_after_bridge false"));
        }
        if matches!(self.bridge_tried, Some(AfterTalk::Survey(_))) {
            commands.push(format!("api uuid_setvar {channel} {TRANSFER}"));
        }
        self.socket.all(&commands).await.map(drop)
    }

    /// Reads from the hangup event with whom the call was connected last (switch_ivr_bridge.c, where CHANNEL_BRIDGE is fired),
    /// since after a short talk the bridge's event may come after the hangup's.
    pub(super) fn hear_of_bridge(&mut self, end: &Event) {
        let last = end.get("variable_last_bridge_to").and_then(|channel| channel.parse().ok());
        let since_us = end.get("Caller-Channel-Bridged-Time").and_then(|time| time.parse::<u64>().ok());
        let was = since_us.is_some_and(|since_us| since_us > 0);
        if let Some(other) = self.bridging.take().filter(|leg| was && Some(*leg) == last) {
            self.push(CallerEvent::Bridged { other });
        }
    }

    /// The other channel of a bridge, on whichever side FreeSWITCH puts it.
    pub(super) fn other(&self, event: &Event) -> Option<ChannelId> {
        ["Bridge-B-Unique-ID", "Bridge-A-Unique-ID", "Other-Leg-Unique-ID"]
            .iter()
            .filter_map(|header| event.get(header)?.parse().ok())
            .find(|channel| *channel != self.channel)
    }
}
