//! How a leg begins: by a request to ring, or as a leg that is in a talk already.

use std::time::Duration;

use crate::ids::{CallId, ChannelId, LegId, OfferId};
use crate::rules::contact::Contact;
use crate::sound::Sound;

/// The variable on all our legs that says who is rung, and on a caller who talks without a socket.
pub(super) const LEG_ROLE: &str = "dozvon_leg";
/// The variable with our identity of the leg.
pub(super) const LEG_ID: &str = "dozvon_leg_id";
/// The same two in an event.
pub(super) const LEG_ROLE_HEADER: &str = "variable_dozvon_leg";
pub(super) const LEG_ID_HEADER: &str = "variable_dozvon_leg_id";
/// The value of [`LEG_ROLE`] on a caller who talks without a socket. Nobody is rung on such a channel, so it is no
/// [`LegRole`]: what is asked of legs finds no caller.
pub(super) const CALLER: &str = "caller";

/// A request to ring one contact for one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LegRequest {
    /// The leg's identity.
    pub leg: LegId,
    /// Whom to ring.
    pub contact: Contact,
    /// The call for which it rings.
    pub call: CallId,
    /// The offer that it belongs to.
    pub offer: OfferId,
    /// How long it may ring. The owner's timer decides; FreeSWITCH's later one is a safeguard.
    pub ring_timeout: Duration,
    /// The channel of the caller who waits for it, for colleagues who pick up the ringing phone. None if nobody waits yet.
    pub caller: Option<ChannelId>,
    /// The number to show; left out if it is not a number.
    pub caller_number: String,
    /// The name to show; only letters, digits and ` . - _` of it are shown.
    pub caller_name: String,
    /// What asks the agent to press 1, if picking up is not enough.
    pub confirm: Option<Confirm>,
    /// Whether a redirect of the phone (302) is followed; else it ends the leg.
    pub follow_redirects: bool,
    /// Who is rung.
    pub role: LegRole,
}

/// How an agent who picked up is asked to press 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confirm {
    /// What is played until the agent presses 1.
    pub sound: Sound,
    /// How long the agent may take after picking up.
    pub within: Duration,
}

crate::vocabulary! {
    /// Who is rung on a leg.
    "role of a leg" pub enum LegRole {
        /// An agent, for an offer.
        Agent = "agent",
        /// A contact outside the queues, to whom a caller is forwarded. It may be an agent's phone.
        Contact = "contact",
        /// A customer who is called back.
        Customer = "customer",
    }
}

/// A channel in a talk that is watched from now on: a leg that an earlier run of the controller rang, or a caller who talks
/// without a socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LegInTalk {
    /// The leg's identity, which its channel carries.
    pub leg: LegId,
    /// Its channel.
    pub channel: ChannelId,
    /// The call.
    pub call: CallId,
    /// Whether it may be over already, so that FreeSWITCH is asked at once.
    pub may_be_over: bool,
}

/// How a leg's task begins.
pub(in crate::switch) enum Begin {
    Ring(Box<LegRequest>),
    InTalk(LegInTalk),
}

impl Begin {
    pub(super) const fn names(&self) -> (LegId, CallId) {
        match self {
            Self::Ring(request) => (request.leg, request.call),
            Self::InTalk(talk) => (talk.leg, talk.call),
        }
    }
}
