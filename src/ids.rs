//! A newtype for every identity. No identity can be mistaken for another, or hold a bad value.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A text that cannot be a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{given:?} is not a name: use 1 to 64 letters, digits, '_', '-' or '.', beginning with a letter or digit"
)]
pub struct InvalidName {
    /// The text that was given, cut to 80 characters.
    pub given: String,
}

fn is_name(text: &str) -> bool {
    let inside = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    (1..=64).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(inside)
}

macro_rules! names {
    ($( $(#[$meta:meta])* $name:ident ),+ $(,)?) => { $(
        crate::stored! { Text:
            $(#[$meta])*
            ///
            /// 1 to 64 ASCII letters, digits, `_`, `-` or `.`; cheap to clone.
            #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
            #[serde(try_from = "String", into = "String")]
            pub struct $name(std::sync::Arc<str>);
        }

        impl $name {
            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str { &self.0 }
        }

        impl FromStr for $name {
            type Err = InvalidName;
            fn from_str(text: &str) -> Result<Self, InvalidName> {
                if is_name(text) { Ok(Self(text.into())) } else { Err(InvalidName { given: text.chars().take(80).collect() }) }
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidName;
            fn try_from(text: String) -> Result<Self, InvalidName> { text.parse() }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self { name.0.to_string() }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.pad(&self.0) }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { write!(f, "{:?}", self.0) }
        }
    )+ };
}

names!(
    /// Names an agent.
    AgentName,
    /// Names a queue.
    QueueName,
    /// Names a menu.
    MenuName,
    /// Names a voicemail.
    VoicemailName,
    /// Names a route.
    RouteName,
    /// Names a schedule.
    ScheduleName,
    /// Names a rota of people on duty.
    DutyName,
    /// Names one FreeSWITCH.
    NodeName,
    /// Names a sound that a caller may hear.
    PromptName,
    /// Names a destination of events.
    DestinationName,
    /// Names a policy: the limits of callbacks.
    PolicyName,
);

impl PolicyName {
    /// The name of a built-in policy. `word` is a constant that is a valid name.
    #[must_use]
    pub(crate) fn of_word(word: &'static str) -> Self {
        Self(word.into())
    }
}

impl QueueName {
    /// The part of this queue that only one agent serves. The `/` keeps it apart from all names that are read.
    #[must_use]
    pub(crate) fn of_one(&self, agent: &AgentName) -> Self {
        Self(format!("{self}/{agent}").into())
    }
}

macro_rules! uuids {
    ($( $(#[$meta:meta])* $name:ident ),+ $(,)?) => { $(
        crate::stored! { Display:
            $(#[$meta])*
            #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
            #[serde(transparent)]
            pub struct $name(pub Uuid);
        }

        impl FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, uuid::Error> { Uuid::try_parse(text).map(Self) }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { fmt::Display::fmt(&self.0.as_hyphenated(), f) }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { fmt::Display::fmt(self, f) }
        }
    )+ };
}

uuids!(
    /// One visit of a caller. Time-ordered (UUID version 7), made by dozvon.
    CallId,
    /// One attempt to ring one agent for one call. Time-ordered (UUID version 7), made by dozvon.
    OfferId,
    /// A FreeSWITCH channel. FreeSWITCH chooses the id of a caller's channel, dozvon that of a leg.
    ChannelId,
    /// One leg: an originate with its channels. Made by dozvon, new for every originate.
    LegId,
    /// One running FreeSWITCH: changes when it restarts.
    CoreId,
    /// An event. Time-ordered (UUID version 7), made by dozvon. It is the same for every destination and every try.
    EventId,
);

impl CallId {
    /// A new identity; later ones sort after earlier ones.
    #[must_use]
    pub fn new() -> Self {
        Self(Uuid::now_v7())
    }
}

impl Default for CallId {
    fn default() -> Self {
        Self::new()
    }
}

impl OfferId {
    /// A new identity; later ones sort after earlier ones.
    #[must_use]
    pub fn new() -> Self {
        Self(Uuid::now_v7())
    }
}

impl Default for OfferId {
    fn default() -> Self {
        Self::new()
    }
}

impl EventId {
    /// A new identity; later ones sort after earlier ones.
    #[must_use]
    pub fn new() -> Self {
        Self(Uuid::now_v7())
    }
}

impl Default for EventId {
    fn default() -> Self {
        Self::new()
    }
}

impl ChannelId {
    /// A new identity for a channel that we originate.
    #[must_use]
    pub fn new() -> Self {
        Self(Uuid::new_v4())
    }
}

impl Default for ChannelId {
    fn default() -> Self {
        Self::new()
    }
}

impl LegId {
    /// A new identity.
    #[must_use]
    pub fn new() -> Self {
        Self(Uuid::new_v4())
    }

    /// The leg whose only channel is this one.
    #[must_use]
    pub const fn of(channel: ChannelId) -> Self {
        Self(channel.0)
    }

    /// The leg's only channel, which has the leg's id in FreeSWITCH. The leg of a directory user has other channels
    /// instead, one for each registered phone.
    #[must_use]
    pub const fn channel(self) -> ChannelId {
        ChannelId(self.0)
    }
}

impl Default for LegId {
    fn default() -> Self {
        Self::new()
    }
}

crate::stored! { BigInt:
    /// Numbers a case. It is short, because people say it aloud.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
    #[serde(transparent)]
    pub struct CaseId(pub i64);
}

crate::stored! { BigInt:
    /// Numbers an attempt.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
    #[serde(transparent)]
    pub struct AttemptId(pub i64);
}

crate::stored! { BigInt:
    /// Numbers a message of a caller.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
    #[serde(transparent)]
    pub struct MessageId(pub i64);
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Display for AttemptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Display for CaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_hold_nothing_that_could_do_harm() {
        for good in ["anna", "sales-2", "7001", "a.b_c"] {
            assert_eq!(good.parse::<AgentName>().unwrap().as_str(), good);
        }
        let long = "x".repeat(65);
        for bad in ["", "-x", "a b", "a'b", "a\nb", "${x}", "a,b", "é", long.as_str()] {
            assert!(bad.parse::<AgentName>().is_err(), "{bad:?}");
        }
    }
}
