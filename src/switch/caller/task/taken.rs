//! A caller whom somebody else took.
//!
//! In: events of bridges and of `socket`, the application in which our callers are. Out: whether the caller was taken, or
//! comes back from a bridge that was given up. From then on no command is sent that the caller would hear.

use tokio::time::{Instant, sleep_until};

use crate::ids::ChannelId;
use crate::switch::caller::CallerEvent;
use crate::switch::event::Event;
use crate::switch::frames::SocketError;

use super::{CallerTask, OnlyOpen};

impl CallerTask {
    /// `socket` has ended without a bridge of ours: somebody else has the channel. (It also ends with the call, and in earlier
    /// visits.)
    pub(super) fn hear_released(&mut self, event: &Event) -> Option<CallerEvent> {
        let number = event.get("Event-Sequence").and_then(|number| number.parse::<u64>().ok());
        let before = number.is_some_and(|number| number < self.begins_at);
        let hung_up = event.get("Answer-State").as_deref() == Some("hangup");
        if before || hung_up || self.talks_with.is_some() {
            return None;
        }
        let perhaps_ours = self.bridging.is_some() || self.abandoned_leg.is_some();
        self.released = perhaps_ours;
        (!perhaps_ours).then_some(CallerEvent::Taken)
    }

    /// Whether the channel has left our hands, and no bridge of ours can explain it.
    pub(super) const fn is_out_of_our_hands(&self) -> bool {
        self.released && self.bridging.is_none() && self.talks_with.is_none()
    }

    /// Asks who moved the channel last (switch_ivr_bridge.c and switch_ivr.c set `transfer_source`). If it was the bridge that
    /// we gave up, the caller talks with a leg that is about to end, and the dialplan brings them back.
    pub(super) async fn find_holder(&mut self) -> Result<CallerEvent, SocketError> {
        let source = match self.socket.api(&format!("uuid_getvar {} transfer_source", self.channel)).await {
            Err(SocketError::Refused(_)) => return Ok(CallerEvent::Lost),
            other => other?,
        };
        if self.abandoned_leg.is_none_or(|leg| !source.trim_end().ends_with(&format!(":uuid_br:{leg}"))) {
            return Ok(CallerEvent::Taken);
        }
        match self.resume(None).await {
            Ok(()) | Err(SocketError::Refused(_)) => Ok(CallerEvent::Lost),
            Err(error) => Err(error),
        }
    }

    /// The caller is connected: with our leg, with another channel during their talk, or by somebody else.
    pub(super) fn hear_bridged(&mut self, other: ChannelId) -> Option<CallerEvent> {
        if self.bridging == Some(other) {
            self.bridging = None;
            self.talks_with = Some(other);
        }
        if self.talks_with.is_none() && self.abandoned_leg == Some(other) {
            self.released = true;
            return Some(CallerEvent::Lost);
        }
        if self.talks_with.is_none() {
            return Some(CallerEvent::Taken);
        }
        self.push(CallerEvent::Bridged { other });
        None
    }

    /// Makes the caller stay where they are when the controller dies, unless they have come back to us meanwhile.
    pub(super) async fn leave_alone(&mut self) -> Result<(), SocketError> {
        let Some(_commands) = self.visit.commands().await else { return Ok(()) };
        match self.socket.api(&format!("uuid_setvar {} socket_resume false", self.channel)).await {
            // Refused only if the caller is gone.
            Ok(_) | Err(SocketError::Refused(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

impl OnlyOpen {
    /// Keeps the socket open until the channel ends, without events.
    pub(super) async fn until_over(mut self) {
        if let Err(error) = self.keep().await {
            tracing::debug!(%error, "the socket of a caller whom somebody else has failed");
        }
        self.visit.close_before();
        self.socket.close().await;
    }

    async fn keep(&mut self) -> Result<(), SocketError> {
        // FreeSWITCH then closes the socket with the channel.
        self.socket.all(&["noevents".to_owned(), "nolinger".to_owned()]).await?;
        loop {
            let check_at = Instant::now() + self.check;
            tokio::select! {
                biased;
                heard = self.socket.next() => match heard {
                    Ok(_) => {}
                    Err(SocketError::Closed) => return Ok(()),
                    Err(error) => return Err(error),
                },
                () = self.visit.closes() => return Ok(()),
                () = sleep_until(check_at) => {
                    let exists = self.socket.api(&format!("uuid_exists {}", self.channel)).await?;
                    if exists == "false" {
                        return Ok(());
                    }
                }
            }
        }
    }
}
