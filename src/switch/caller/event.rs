//! The events of a caller.

use crate::ids::ChannelId;

use super::PlayId;

/// Something that happened to the caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallerEvent {
    /// A sound has ended: one that was played once, or endless sound, which should not end by itself.
    Played {
        /// Which one.
        id: PlayId,
        /// Whether the sound exists and was played to its end or stopped. False for endless sound.
        ok: bool,
    },
    /// The caller is connected with another channel.
    Bridged {
        /// Which one.
        other: ChannelId,
    },
    /// The channel hung up. The last event.
    HungUp {
        /// FreeSWITCH's cause; `UNKNOWN` if the event was missed.
        cause: String,
    },
    /// The socket broke; the dialplan may still have the caller. The last event.
    Lost,
    /// Somebody else has the caller now: their channel was transferred, intercepted or bridged without us, or has come
    /// back to us as another visit. No command goes into the channel any more. The last event.
    Taken,
}

impl CallerEvent {
    pub(super) const fn is_last(&self) -> bool {
        matches!(self, Self::HungUp { .. } | Self::Lost | Self::Taken)
    }
}
