//! What a story may ask for, and which values are allowed.

use std::time::Duration;

use tokio::sync::oneshot;
use uuid::Uuid;

use crate::cause::HangupCause;
use crate::ids::{CallId, ChannelId};
use crate::sound::Sound;
use crate::switch::node::Node;
use crate::switch::variable::Variable;

use super::CallerError;

/// Identifies one play or recording, so that its end can be told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PlayId(pub(super) Uuid);

/// How often a sound is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loops {
    /// Once. A sound that is played later waits for the end of this one.
    Once,
    /// Again and again, until a bridge or the hangup. A sound that is played once interrupts it. Another endless sound
    /// replaces it; the same sound goes on.
    Forever,
}

/// What happens to a caller when the other side of their talk hangs up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AfterTalk {
    /// The call ends.
    HangUp,
    /// The dialplan brings the caller to us again, for the survey of this call.
    Survey(CallId),
}

/// How the caller is recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recording {
    /// The file, which FreeSWITCH makes. Its ending decides the format.
    pub file: Sound,
    /// The longest recording. FreeSWITCH counts whole seconds, and may record two more.
    pub longest: Duration,
    /// After so much silence the recording ends, in whole seconds.
    pub silence: Duration,
    /// A quieter frame counts as silence: FreeSWITCH's mean of the samples, above 0.
    pub level: u32,
    /// The keys of which each ends the recording.
    pub end_keys: String,
}

#[derive(Debug)]
pub(super) struct CallerRequest {
    pub command: CallerCommand,
    pub done: oneshot::Sender<Result<(), CallerError>>,
}

#[derive(Debug)]
pub(super) enum CallerCommand {
    Answer,
    PreAnswer,
    Play { id: PlayId, sound: Sound, loops: Loops },
    Stop,
    Record { id: PlayId, recording: Recording },
    Listen { keys_end_sounds: bool, in_band: bool },
    Set { variable: Variable, value: String },
    Bridge { leg: ChannelId, after: AfterTalk },
    Resume,
    CloseSocket { node: Node, call: CallId },
    HangUp { cause: HangupCause },
    HandBack { reason: Option<String> },
}

impl CallerCommand {
    pub(super) const fn what(&self) -> &'static str {
        match self {
            Self::Answer => "answer",
            Self::PreAnswer => "begin early media",
            Self::Play { .. } => "play",
            Self::Stop => "stop what is played",
            Self::Record { .. } => "record",
            Self::Listen { .. } => "listen to keys",
            Self::Set { .. } => "set a variable",
            Self::Bridge { .. } => "bridge",
            Self::Resume => "give the caller to the dialplan",
            Self::CloseSocket { .. } => "close the socket",
            Self::HangUp { .. } => "hang up",
            Self::HandBack { .. } => "hand back",
        }
    }
}

pub(super) fn is_value(value: &str) -> bool {
    (1..=128).contains(&value.len())
        && value.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.:@+-".contains(&b))
}
