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
    /// A recording has ended.
    Recorded {
        /// Which one.
        id: PlayId,
        /// How long it is, silence included; 0 if nothing was recorded.
        length_ms: u64,
        /// What ended it.
        by: RecordEnd,
    },
    /// The caller pressed a key. Keys come in order, whatever is done with the caller meanwhile.
    Digit {
        /// The key: `0` to `9`, `*`, `#` or `A` to `D`.
        digit: char,
        /// How it came.
        from: DigitSource,
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

/// What ended a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordEnd {
    /// A key.
    Key,
    /// The caller said nothing for a while.
    Silence,
    /// The longest time was over, or the caller hung up, or the controller has ended it.
    Other,
}

crate::vocabulary! {
    /// How a pressed key came, in FreeSWITCH's words.
    "source of a digit" pub enum DigitSource {
        /// In the audio's stream (RFC 2833, RFC 4733).
        Rtp = "RTP",
        /// By a message of the signalling, such as SIP INFO.
        Endpoint = "ENDPOINT",
        /// As a tone in the audio.
        Audio = "INBAND_AUDIO",
        /// By an application or an API command.
        App = "APP",
        /// In another way.
        Unknown = "UNKNOWN",
    }
}

impl CallerEvent {
    pub(super) const fn is_last(&self) -> bool {
        matches!(self, Self::HungUp { .. } | Self::Lost | Self::Taken)
    }
}
