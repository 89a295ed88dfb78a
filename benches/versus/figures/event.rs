//! One of FreeSWITCH's events, as much of it as times are taken from.

/// What happened to a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `CHANNEL_CREATE`: an INVITE came, or is about to be sent.
    Create,
    /// `CHANNEL_ANSWER`.
    Answer,
    /// `CHANNEL_BRIDGE`.
    Bridge,
    /// `CHANNEL_HANGUP_COMPLETE`.
    End,
}

/// The names of the kinds, as one subscribes to them.
pub const KINDS: &str = "CHANNEL_CREATE CHANNEL_ANSWER CHANNEL_BRIDGE CHANNEL_HANGUP_COMPLETE";

impl Kind {
    fn of(name: &str) -> Option<Self> {
        Some(match name {
            "CHANNEL_CREATE" => Self::Create,
            "CHANNEL_ANSWER" => Self::Answer,
            "CHANNEL_BRIDGE" => Self::Bridge,
            "CHANNEL_HANGUP_COMPLETE" => Self::End,
            _ => return None,
        })
    }
}

/// An event of a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    pub kind: Kind,
    /// The channel's `Unique-ID`.
    pub channel: String,
    /// When FreeSWITCH fired it: microseconds since 1970, in steps of its clock of 1 ms.
    pub at_us: i64,
    /// Whether somebody called FreeSWITCH on this channel.
    pub inbound: bool,
    /// `Channel-Name`, percent-encoded: of an agent's leg, which phone it rings.
    pub name: String,
    /// The two channels of a bridge.
    pub sides: [String; 2],
    /// `Hangup-Cause`.
    pub cause: String,
}

impl Event {
    /// Reads the body of a plain event; none if it is of another kind or has no time.
    pub fn parse(body: &str) -> Option<Self> {
        let (mut kind, mut at_us) = (None, None);
        let (mut channel, mut name, mut cause) = ("", "", "");
        let (mut inbound, mut sides) = (false, ["", ""]);
        for line in body.lines() {
            let Some((header, value)) = line.split_once(": ") else { continue };
            match header {
                "Event-Name" => kind = Kind::of(value),
                "Event-Date-Timestamp" => at_us = value.parse().ok(),
                "Unique-ID" => channel = value,
                "Call-Direction" => inbound = value == "inbound",
                "Channel-Name" => name = value,
                "Bridge-A-Unique-ID" => sides[0] = value,
                "Bridge-B-Unique-ID" => sides[1] = value,
                "Hangup-Cause" => cause = value,
                _ => {}
            }
        }
        let [channel, name, cause] = [channel, name, cause].map(str::to_owned);
        Some(Self {
            kind: kind?,
            channel,
            at_us: at_us?,
            inbound,
            name,
            sides: sides.map(str::to_owned),
            cause,
        })
    }
}
