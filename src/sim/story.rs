//! What became of one caller, as he would tell it.

use std::time::Duration;

use uuid::Uuid;

/// Something that a caller saw happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Happening {
    /// A controller took the socket, at that address.
    Connected(String),
    /// No controller took it: the whole list was tried.
    NobodyThere,
    /// The call was answered.
    Answered,
    /// Endless music, a tone or a stream began.
    Music(String),
    /// A sound with an end began.
    Message(String),
    /// He heard it out.
    HeardOut(String),
    /// Connected with an agent, by the contact that was dialled.
    Talked(String),
    /// No longer connected with anybody.
    TalkEnded,
    /// Sent to an extension of the dialplan.
    Transferred(String),
    /// The dialplan gave him its fallback.
    Fallback,
    /// What was dialled at this phone went on in the administrator's own dialplan.
    PassedOn,
    /// In the hands of nobody: silence without end.
    Abandoned,
}

/// Who ended a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndedBy {
    /// The caller hung up.
    Caller,
    /// FreeSWITCH did: for the controller, the agent or the dialplan.
    Switch,
    /// FreeSWITCH itself went away.
    Restart,
}

/// What became of one caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Story {
    /// His channel.
    pub channel: Uuid,
    /// What happened, and how long after the start of the call.
    pub happenings: Vec<(Duration, Happening)>,
    /// How long the call was.
    pub lasted: Duration,
    /// FreeSWITCH's word for the end.
    pub cause: String,
    /// Who ended it.
    pub ended_by: EndedBy,
}

impl Story {
    pub(super) const fn new(channel: Uuid) -> Self {
        Self {
            channel,
            happenings: Vec::new(),
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

    /// Whether he heard music.
    #[must_use]
    pub fn heard_music(&self) -> bool {
        self.has(|happening| matches!(happening, Happening::Music(_)))
    }

    /// Whether he heard the dialplan's fallback.
    #[must_use]
    pub fn heard_fallback(&self) -> bool {
        self.has(|happening| *happening == Happening::Fallback)
    }

    /// The contacts with whom he talked, in order.
    #[must_use]
    pub fn talked_to(&self) -> Vec<&str> {
        let talks = self.happenings.iter().filter_map(|(_, happening)| match happening {
            Happening::Talked(contact) => Some(contact.as_str()),
            _ => None,
        });
        talks.collect()
    }

    /// How long he waited for the first talk; for ever, if none.
    #[must_use]
    pub fn waited(&self) -> Option<Duration> {
        self.happenings.iter().find(|(_, what)| matches!(what, Happening::Talked(_))).map(|(at, _)| *at)
    }
}
