//! What happens to a leg, as its owner hears it.

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
    /// It is over, and nothing of it is left. The last event.
    Ended {
        /// FreeSWITCH's word for why, or one of [`cause`](crate::cause)'s;
        /// [`cause::outcome`](crate::queue::cause::outcome) reads it.
        cause: String,
        /// Whether it could be connected.
        answered: bool,
        /// Whether the phone was picked up.
        picked_up: bool,
        /// Whether it is known that the phone rang: without this it may have, or may not.
        rang: bool,
    },
}
