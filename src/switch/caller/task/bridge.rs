//! Whom a caller is connected with, and what our death means to him before and after.

use tokio::time::Instant;

use crate::ids::ChannelId;
use crate::switch::caller::CallerEvent;
use crate::switch::socket::{Event, SocketError};
use crate::switch::variable::Variable;

use super::CallerTask;

/// What the dialplan finds in `dozvon_state` of a caller who was connected.
const TALKED: &str = "talked";

impl CallerTask {
    /// The order matters: from the moment they talk, our death must not cut the talk, nor the dialplan take the
    /// end of the talk for a caller whom nobody took.
    pub(super) async fn bridge(&mut self, leg: ChannelId) -> Result<(), SocketError> {
        let channel = self.channel;
        let commands = [
            format!("api uuid_setvar {channel} socket_resume false"),
            format!("api uuid_setvar {channel} hangup_after_bridge true"),
            format!("api uuid_setvar {channel} {} {TALKED}", Variable::State),
            format!("api uuid_bridge {channel} {leg}"),
        ];
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

    /// Gives the bridge up. The dialplan gets its right back, and the caller is asked after at once: they may be what
    /// was missing. If the channel has left our hands, nothing is said to it: `taken` finds out whose it is.
    pub(super) async fn bridge_failed(&mut self) -> Result<(), SocketError> {
        if let Some(leg) = self.bridging.take() {
            self.abandoned_leg = Some(leg);
        }
        if self.released {
            return Ok(());
        }
        if !self.gone {
            self.check_at = Instant::now();
        }
        self.resume(None).await
    }

    /// Has the dialplan go on with him when our socket closes, and find this state. Refused only if he is gone.
    pub(super) async fn resume(&mut self, state: Option<&str>) -> Result<(), SocketError> {
        let channel = self.channel;
        let state = state.map_or(String::new(), |state| format!(" {state}"));
        let mut commands = vec![
            format!("api uuid_setvar {channel} {}{state}", Variable::State),
            format!("api uuid_setvar {channel} socket_resume true"),
        ];
        // A bridge that comes about after all must not end the caller's call when we end the agent's leg. A call that was
        // never to be bridged keeps what its own dialplan has said of it.
        if self.bridge_tried {
            commands.push(format!("api uuid_setvar {channel} hangup_after_bridge false"));
        }
        self.socket.all(&commands).await.map(drop)
    }

    /// The end of a call says with whom it was connected last (switch_ivr_bridge.c, where CHANNEL_BRIDGE is fired):
    /// the news of a short talk may come after that of its end.
    pub(super) fn hear_of_bridge(&mut self, end: &Event) {
        let last = end.get("variable_last_bridge_to").and_then(|channel| channel.parse().ok());
        let since_us = end.get("Caller-Channel-Bridged-Time").and_then(|time| time.parse::<u64>().ok());
        let was = since_us.is_some_and(|since_us| since_us > 0);
        if let Some(other) = self.bridging.take().filter(|leg| was && Some(*leg) == last) {
            self.push(CallerEvent::Bridged { other });
        }
    }

    /// The other side of a bridge, whichever way round FreeSWITCH sees it.
    pub(super) fn other(&self, event: &Event) -> Option<ChannelId> {
        ["Bridge-B-Unique-ID", "Bridge-A-Unique-ID", "Other-Leg-Unique-ID"]
            .iter()
            .filter_map(|header| event.get(header)?.parse().ok())
            .find(|channel| *channel != self.channel)
    }
}
