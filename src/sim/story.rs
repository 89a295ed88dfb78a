//! The story of one caller, as seen from the caller's phone.

use std::time::Duration;

use uuid::Uuid;

/// Something that happened to a caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Happening {
    /// The controller at this address accepted the socket.
    Connected(String),
    /// No controller of the list accepted the socket.
    NobodyThere,
    /// The call was answered.
    Answered,
    /// Endless music, a tone or a stream began.
    Music(String),
    /// A sound with an end began.
    Message(String),
    /// The sound was heard to its end.
    HeardOut(String),
    /// A recording of the caller has ended, in this file.
    Recorded(String),
    /// Connected with an agent, by the contact that was dialled.
    Talked(String),
    /// No longer connected with anybody.
    TalkEnded,
    /// Sent to an extension of the dialplan.
    Transferred(String),
    /// The dialplan's fallback began.
    Fallback,
    /// The call from an agent's phone was passed on to the administrator's own dialplan.
    PassedOn,
    /// Endless silence: nothing has the caller any more.
    Abandoned,
}

/// Who ended a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndedBy {
    /// The caller hung up.
    Caller,
    /// FreeSWITCH ended it: for the controller, the agent or the dialplan.
    Switch,
    /// FreeSWITCH itself ended.
    Restart,
}

/// The story of one caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Story {
    /// The caller's channel.
    pub channel: Uuid,
    /// What happened, and how long after the start of the call.
    pub happenings: Vec<(Duration, Happening)>,
    /// The longest time in which the caller heard nothing, while the call was up.
    pub longest_silence: Duration,
    /// How long the call was.
    pub lasted: Duration,
    /// FreeSWITCH's hangup cause.
    pub cause: String,
    /// Who ended it.
    pub ended_by: EndedBy,
}

impl Story {
    pub(super) const fn new(channel: Uuid) -> Self {
        Self {
            channel,
            happenings: Vec::new(),
            longest_silence: Duration::ZERO,
            lasted: Duration::ZERO,
            cause: String::new(),
            ended_by: EndedBy::Switch,
        }
    }

    /// Whether something happened.
    #[must_use]
    pub fn has(&self, what: impl Fn(&Happening) -> bool) -> bool {
        self.happenings.iter().any(|(_, happening)| what(happening))
    }

    /// Whether the caller heard music.
    #[must_use]
    pub fn heard_music(&self) -> bool {
        self.has(|happening| matches!(happening, Happening::Music(_)))
    }

    /// Whether the caller heard the dialplan's fallback.
    #[must_use]
    pub fn heard_fallback(&self) -> bool {
        self.has(|happening| *happening == Happening::Fallback)
    }

    /// The contacts with whom the caller talked, in order.
    #[must_use]
    pub fn talked_to(&self) -> Vec<&str> {
        let talks = self.happenings.iter().filter_map(|(_, happening)| match happening {
            Happening::Talked(contact) => Some(contact.as_str()),
            _ => None,
        });
        talks.collect()
    }

    /// How long the caller waited for the first talk; none if there was no talk.
    #[must_use]
    pub fn waited(&self) -> Option<Duration> {
        self.happenings.iter().find(|(_, what)| matches!(what, Happening::Talked(_))).map(|(at, _)| *at)
    }
}
