//! A caller who talks, and has no socket any more: the node's link reports the end of their channel.
//!
//! In: a caller who is connected. Out: their last event.
//! FreeSWITCH spends more on an open socket than on the talk's own events: its thread wakes up 50 times a second, and every
//! event of the switch is compared with the filters of every socket (mod_event_socket.c, read_packet and event_handler).

use tokio::sync::mpsc;

use crate::ids::{CallId, LegId};
use crate::switch::caller::{CallerEvent, Visit};
use crate::switch::frames::SocketError;
use crate::switch::leg::Leg;
use crate::switch::leg_request::{CALLER, LEG_ID, LEG_ROLE, LegInTalk};
use crate::switch::node::Node;

use super::CallerTask;

/// A caller who talks without a socket.
pub(super) struct Watched {
    pub leg: Leg,
    pub visit: Visit,
}

impl CallerTask {
    /// Marks the channel, so that the node's link reports its end. None if the socket must stay: the link is down, the caller
    /// is gone, or the channel has the mark of a leg, by which somebody else waits for its end.
    pub(super) async fn watch(&mut self, node: &Node, call: CallId) -> Result<Option<Leg>, SocketError> {
        if self.talks_with.is_none() || self.is_leg || !*node.up().borrow() {
            return Ok(None);
        }
        let (leg, channel) = (LegId::new(), self.channel);
        // First, so that no event with the mark comes too early.
        let watch = node.adopt(LegInTalk { leg, channel, call, may_be_over: false });
        let commands = [
            format!("api uuid_setvar {channel} {LEG_ID} {leg}"),
            format!("api uuid_setvar {channel} {LEG_ROLE} {CALLER}"),
            format!("api uuid_exists {channel}"),
        ];
        // A channel that exists after it was marked has its hangup still ahead, and the event will carry the mark.
        let answers = self.socket.all(&commands).await?;
        let is_marked = answers.iter().all(Result::is_ok) && answers.last() == Some(&Ok("true".to_owned()));
        Ok(is_marked.then_some(watch))
    }
}

impl Watched {
    /// Waits for the caller's last event; none if the story lets go of the caller.
    pub(super) async fn until_over(mut self, events: &mpsc::Sender<CallerEvent>) -> Option<CallerEvent> {
        tokio::select! {
            biased;
            cause = self.leg.ended() => Some(CallerEvent::HungUp { cause }),
            () = self.visit.over() => Some(CallerEvent::Taken),
            () = events.closed() => None,
        }
    }
}
