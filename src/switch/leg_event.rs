//! The events of a leg.

use crate::ids::ChannelId;

/// Something that happened to a leg.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LegEvent {
    /// It exists: the phone is being called.
    Created,
    /// The phone was picked up. It cannot be connected yet: FreeSWITCH has to finish the originate, and with
    /// [`LegRequest::confirm`](super::LegRequest::confirm) the key is yet to be pressed.
    PickedUp,
    /// It can be connected.
    Answered {
        /// The channel to connect: the leg's own identity, or one that FreeSWITCH chose for a phone of a user.
        channel: ChannelId,
    },
    /// It is over, and no channel of it is left. The last event.
    Ended {
        /// FreeSWITCH's cause, or one of [`cause`](crate::cause)'s.
        cause: String,
        /// Whether it could be connected.
        answered: bool,
        /// Whether the phone was picked up.
        picked_up: bool,
        /// Whether the phone is known to have rung. If false, it may or may not have.
        rang: bool,
    },
}
