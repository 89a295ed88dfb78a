//! One channel: a caller's, or a leg that was originated.
//!
//! It holds the parts of FreeSWITCH's session and channel that a waiting caller needs (about 1.5 KB). **Invariant:** a
//! channel with a cause is down for every API, as in FreeSWITCH, although it may still have to report its end, and a
//! lingering socket may hold it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use smallvec::SmallVec;
use tokio::sync::oneshot;
use tokio::time::Instant;
use uuid::Uuid;

use super::behaviour::{Behaviour, CallerScript};
use super::ids::{Conn, Key};
use super::originate::Originate;
use super::story::Story;
use super::timers::TimerKey;

/// FreeSWITCH's channel states that are ever shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Init,
    Routing,
    SoftExecute,
    Execute,
    ExchangeMedia,
    Park,
    ConsumeMedia,
    Hibernate,
    Reset,
    Hangup,
    Reporting,
}

impl State {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Init => "CS_INIT",
            Self::Routing => "CS_ROUTING",
            Self::SoftExecute => "CS_SOFT_EXECUTE",
            Self::Execute => "CS_EXECUTE",
            Self::ExchangeMedia => "CS_EXCHANGE_MEDIA",
            Self::Park => "CS_PARK",
            Self::ConsumeMedia => "CS_CONSUME_MEDIA",
            Self::Hibernate => "CS_HIBERNATE",
            Self::Reset => "CS_RESET",
            Self::Hangup => "CS_HANGUP",
            Self::Reporting => "CS_REPORTING",
        }
    }

    pub const fn number(self) -> i64 {
        match self {
            // FreeSWITCH shows the next state's number here
            Self::Init | Self::Routing => 2,
            Self::SoftExecute => 3,
            Self::Execute => 4,
            Self::ExchangeMedia => 5,
            Self::Park => 6,
            Self::ConsumeMedia => 7,
            Self::Hibernate => 8,
            Self::Reset => 9,
            Self::Hangup => 10,
            Self::Reporting => 11,
        }
    }
}

/// FreeSWITCH's call states.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Callstate {
    Down,
    Ringing,
    Early,
    Active,
    Hangup,
}

impl Callstate {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Down => "DOWN",
            Self::Ringing => "RINGING",
            Self::Early => "EARLY",
            Self::Active => "ACTIVE",
            Self::Hangup => "HANGUP",
        }
    }
}

/// When things happened, in microseconds since 1970; 0 if they did not.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Stamps {
    pub created: i64,
    pub answered: i64,
    pub progress: i64,
    pub progress_media: i64,
    pub bridged: i64,
    pub hangup: i64,
}

impl Stamps {
    /// The time from `start` to the end; 0 if `start` is 0.
    pub const fn lasted_since(&self, start: i64) -> i64 {
        if start == 0 || self.hangup == 0 { 0 } else { self.hangup - start }
    }
}

/// Variables that were set; those of the recorded texts are added to them.
#[derive(Debug, Default)]
pub(super) struct Variables(Vec<(Box<str>, Box<str>)>);

impl Variables {
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(n, _)| &**n == name).map(|(_, value)| &**value)
    }

    /// Sets a variable; an empty value unsets it.
    pub fn set(&mut self, name: &str, value: &str) {
        let at = self.0.iter().position(|(n, _)| &**n == name);
        match (at, value.is_empty()) {
            (Some(at), true) => drop(self.0.remove(at)),
            (Some(at), false) => self.0[at].1 = value.into(),
            (None, true) => {}
            (None, false) => self.0.push((name.into(), value.into())),
        }
    }

    /// Whether a variable is true by FreeSWITCH's `switch_true` (switch_utils.h).
    pub fn is_true(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| {
            let words = ["yes", "on", "true", "t", "enabled", "active", "allow"];
            words.iter().any(|word| value.eq_ignore_ascii_case(word))
                || value.parse().is_ok_and(|n: i64| n != 0)
        })
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }
}

/// An application that runs on a channel.
#[derive(Debug)]
pub(super) struct Running {
    pub id: u64,
    pub app: Box<str>,
    pub data: Box<str>,
    /// The Application-UUID.
    pub uuid: Box<str>,
    pub began: Instant,
    pub from: From,
    pub what: What,
    pub left: Left,
}

/// What started an application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum From {
    Dialplan,
    /// A `sendmsg`; `loops` counts the runs after the present one, endless if none.
    Message {
        lock: bool,
        loops: Option<u32>,
    },
}

/// The kind of application that runs.
#[derive(Debug)]
pub(super) enum What {
    /// `socket`: connecting, waiting for `connect`, or parked.
    Socket {
        conn: Option<Conn>,
        parked: bool,
    },
    Park,
    Play,
    /// `record`, and whether silence ends it if nobody does before.
    Record {
        by_silence: bool,
    },
    Sleep,
    /// `play_and_get_digits`: how many keys, the terminator, and the variable for the digits.
    Digits {
        most: usize,
        ends: char,
        variable: Box<str>,
        got: String,
    },
    /// `bridge`: the leg that is called, then talked to.
    Bridge {
        leg: Key,
    },
}

/// When an application ends by itself.
#[derive(Debug, Clone, Copy)]
pub(super) enum Left {
    Never,
    At(TimerKey),
    /// Paused, since another application runs inside it.
    Paused(Duration),
}

/// One step of the dialplan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// An application and its argument.
    App(String, String),
    /// The beginning of a try, which clears the caller's state.
    Try,
    /// The end of a try: hangs up after a talk, goes to the fallback, or continues with a pause.
    Judge,
    /// The end of the pause: goes back to the try.
    Again,
    /// The beginning of the fallback.
    Fallback,
    /// After the question whether a dialled number is the controller's business: if so, the controller gets the call
    /// next, else it is passed on.
    Asked,
    /// After the controller had the call: hangs up if it has begun to dial, else the administrator's dialplan follows.
    PassOn,
}

/// The dialplan's steps, shared by all calls, and the position of one call.
#[derive(Debug, Clone)]
pub(super) struct Script {
    pub steps: Arc<[Step]>,
    pub at: usize,
    /// How often the controllers were tried without success.
    pub vain: u32,
    /// Since when they were tried without success.
    pub vain_since: Option<Instant>,
}

impl Script {
    pub const fn new(steps: Arc<[Step]>) -> Self {
        Self { steps, at: 0, vain: 0, vain_since: None }
    }

    /// Continues with the next such step, if there is one.
    pub fn go_to(&mut self, step: &Step) {
        if let Some(at) = self.steps.iter().position(|known| known == step) {
            self.at = at;
        }
    }
}

/// A `sendmsg` in the session's queue.
#[derive(Debug)]
pub(super) enum Message {
    Execute { app: Box<str>, data: Box<str>, uuid: Option<Box<str>>, lock: bool, loops: Option<u32> },
    Hangup { cause: Box<str> },
}

/// The other side of a bridge, as it was when the bridge was built.
#[derive(Debug)]
pub(super) struct Other {
    pub uuid: Uuid,
    pub name: Box<str>,
    /// Its headers.
    pub text: Vec<u8>,
}

/// One side of a bridge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bridge {
    pub with: Key,
    /// Whether this side is the originator, on which the events are sent.
    pub originator: bool,
    /// Whether they hear each other; before that the bridge is being built.
    pub built: bool,
}

/// What a caller's channel has beside the common fields.
#[derive(Debug)]
pub(super) struct CallerSide {
    pub script: CallerScript,
    pub story: Story,
    pub done: Option<oneshot::Sender<Story>>,
    pub impatient: bool,
    /// Since when the caller hears nothing.
    pub silent_since: Option<Instant>,
}

/// What an originated leg has beside the common fields.
#[derive(Debug)]
pub(super) struct LegSide {
    /// The contact's text.
    pub contact: String,
    pub behaviour: Behaviour,
    /// The originate to answer when the leg is ready or has failed.
    pub originate: Option<Originate>,
    /// Answered, and waiting for the confirmation key.
    pub confirming: bool,
    pub limit: Option<TimerKey>,
}

#[derive(Debug)]
pub(super) enum Role {
    Caller(Box<CallerSide>),
    Leg(Box<LegSide>),
}

/// One channel.
#[derive(Debug)]
pub(super) struct Channel {
    pub key: Key,
    pub uuid: Uuid,
    pub name: Box<str>,
    pub number: Box<str>,
    pub caller_name: Box<[u8]>,
    pub destination: Box<str>,
    pub privacy: bool,
    pub role: Role,
    pub began: Instant,
    pub state: State,
    pub callstate: Callstate,
    pub stamps: Stamps,
    pub hit_dialplan: bool,
    pub variables: Variables,
    pub cause: Option<Box<str>>,
    pub script: Script,
    pub running: Vec<Running>,
    pub last_app: (Box<str>, Box<str>),
    /// `current_application_response`.
    pub response: Option<&'static str>,
    pub messages: VecDeque<Message>,
    pub bridge: Option<Bridge>,
    pub other: Option<Box<Other>>,
    /// The sockets that control the channel; they hold it until they close.
    pub sockets: SmallVec<[Conn; 1]>,
    /// FreeSWITCH's CF_CONTROLLED: parked under control.
    pub controlled: bool,
    /// FreeSWITCH's CS_RESET is set, and the session has not noticed yet.
    pub resetting: bool,
    /// Left up for ever and connected with nobody, because a second bridge overtook the first.
    pub zombie: bool,
    pub keys: VecDeque<char>,
}

impl Channel {
    pub const fn is_down(&self) -> bool {
        self.cause.is_some()
    }

    pub const fn is_answered(&self) -> bool {
        self.stamps.answered > 0
    }

    pub const fn has_media(&self) -> bool {
        self.stamps.answered > 0 || self.stamps.progress_media > 0
    }

    pub fn is_reported(&self) -> bool {
        self.state == State::Reporting
    }

    pub const fn is_caller(&self) -> bool {
        matches!(self.role, Role::Caller(_))
    }

    /// Whether the channel hears another one.
    pub fn is_talking(&self) -> bool {
        self.bridge.is_some_and(|bridge| bridge.built)
    }

    /// Whether the channel is being recorded by `record`.
    pub fn is_recording(&self) -> bool {
        self.running.iter().any(|run| matches!(run.what, What::Record { .. }))
    }

    pub const fn direction(&self) -> &'static str {
        if self.is_caller() { "inbound" } else { "outbound" }
    }

    pub const fn answer_state(&self) -> &'static str {
        if self.is_down() {
            "hangup"
        } else if self.stamps.answered > 0 {
            "answered"
        } else if self.stamps.progress_media > 0 {
            "early"
        } else {
            "ringing"
        }
    }

    /// The call's uuid: for the other side of a bridge that of the originator.
    pub fn call_uuid(&self) -> Uuid {
        match (self.bridge, &self.other) {
            (Some(Bridge { originator: false, .. }), Some(other)) => other.uuid,
            _ => self.uuid,
        }
    }

    /// Whether a `sendmsg` with `event-lock` has not ended.
    pub fn is_locked(&self) -> bool {
        self.running.iter().any(|run| matches!(run.from, From::Message { lock: true, .. }))
    }

    /// Whether the session handles messages: not during an event lock, nor before `connect`.
    pub fn hears_messages(&self) -> bool {
        let place = match self.running.last().map(|run| &run.what) {
            Some(What::Socket { parked, .. }) => *parked,
            Some(
                What::Park
                | What::Play
                | What::Record { .. }
                | What::Sleep
                | What::Digits { .. }
                | What::Bridge { .. },
            ) => true,
            None => self.is_talking(),
        };
        place && !self.is_down() && !self.is_locked()
    }

    pub fn caller(&mut self) -> Option<&mut CallerSide> {
        match &mut self.role {
            Role::Caller(caller) => Some(caller),
            Role::Leg(_) => None,
        }
    }

    /// Sends a caller's story when the call is over, although a socket may hold the channel long after that.
    pub fn send_story(&mut self, now: Instant) {
        let lasted = now - self.began;
        let cause = self.cause.as_deref().unwrap_or_default().to_owned();
        let uuid = self.uuid;
        let Some(caller) = self.caller() else { return };
        let Some(done) = caller.done.take() else { return };
        let story = std::mem::replace(&mut caller.story, Story::new(uuid));
        // the story may not be wanted
        let _ = done.send(Story { lasted, cause, ..story });
    }

    pub fn leg(&mut self) -> Option<&mut LegSide> {
        match &mut self.role {
            Role::Leg(leg) => Some(leg),
            Role::Caller(_) => None,
        }
    }
}
