//! What happens to a caller, as his story hears it.

use crate::ids::ChannelId;

use super::PlayId;

/// Something that happened to the caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallerEvent {
    /// A sound has ended: one that was to be played once, or endless sound that ended by itself, which it must not.
    Played {
        /// Which.
        id: PlayId,
        /// Whether there was such a sound, and it was heard out or stopped. False of endless sound.
        ok: bool,
    },
    /// He is connected with another channel.
    Bridged {
        /// Which.
        other: ChannelId,
    },
    /// He is no longer connected with the other channel.
    Unbridged,
    /// He is gone. The last event.
    HungUp {
        /// FreeSWITCH's word for why; `UNKNOWN` if the news was missed.
        cause: String,
    },
    /// His socket died; he may still be there, in the hands of the dialplan. The last event.
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
