//! One channel: a caller's, or a leg that was originated.
//!
//! Holds what FreeSWITCH's session and channel hold, no more than a waiting caller needs (about 1.5 KB).
//! **Invariant:** a channel with a cause is down for every API, as in FreeSWITCH, though it may still have to
//! report its end and be held by a lingering socket.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use smallvec::SmallVec;
use tokio::sync::oneshot;
use tokio::time::Instant;
use uuid::Uuid;

use super::connection::Conn;
use super::originate::Originate;
use super::people::{Behaviour, CallerScript};
use super::story::Story;
use super::timers::TimerKey;

/// Names one channel in the stand-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Key(pub u64);

/// FreeSWITCH's channel states, of those that are ever shown.
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
    /// From `start` to the end; 0 if there was no such start.
    pub const fn lasted_since(&self, start: i64) -> i64 {
        if start == 0 || self.hangup == 0 { 0 } else { self.hangup - start }
    }
}

/// Variables that were set; those of the recorded texts come on top.
#[derive(Debug, Default)]
pub(super) struct Variables(Vec<(Box<str>, Box<str>)>);

impl Variables {
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(n, _)| &**n == name).map(|(_, value)| &**value)
    }

    /// An empty value unsets.
    pub fn set(&mut self, name: &str, value: &str) {
        let at = self.0.iter().position(|(n, _)| &**n == name);
        match (at, value.is_empty()) {
            (Some(at), true) => drop(self.0.remove(at)),
            (Some(at), false) => self.0[at].1 = value.into(),
            (None, true) => {}
            (None, false) => self.0.push((name.into(), value.into())),
        }
    }

    /// FreeSWITCH's idea of true (switch_utils.h, `switch_true`).
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

/// Who ran an application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum From {
    Dialplan,
    /// A `sendmsg`; `loops` are those after the present one, endless if none.
    Message {
        lock: bool,
        loops: Option<u32>,
    },
}

/// What kind of thing runs.
#[derive(Debug)]
pub(super) enum What {
    /// `socket`: connecting, waiting for `connect`, or parked.
    Socket {
        conn: Option<Conn>,
        parked: bool,
    },
    Park,
    Play,
    Sleep,
    /// `play_and_get_digits`: how many keys, which one ends them, where they go.
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

/// When it ends by itself.
#[derive(Debug, Clone, Copy)]
pub(super) enum Left {
    Never,
    At(TimerKey),
    /// Something else runs inside it meanwhile.
    Paused(Duration),
}

/// One step of the dialplan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// An application and its argument.
    App(String, String),
    /// What follows is a try, for which the caller's state is cleared.
    Try,
    /// Looks at what became of the try: hangs up after a talk, goes to the fallback, or on with a pause.
    Judge,
    /// The pause is over: back to the try.
    Again,
    /// What follows is the fallback.
    Fallback,
    /// Looks whether what an agent dialled is ours: if so it is carried out next, else it is passed on.
    Asked,
    /// Looks whether that was begun: hangs up if so, else the administrator's dialplan follows.
    PassOn,
}

/// The dialplan's steps, shared by all its calls, and where one of them is.
#[derive(Debug, Clone)]
pub(super) struct Script {
    pub steps: Arc<[Step]>,
    pub at: usize,
    /// How often the controllers were tried in vain.
    pub vain: u32,
    /// Since when, if they were.
    pub vain_since: Option<Instant>,
}

impl Script {
    pub const fn new(steps: Arc<[Step]>) -> Self {
        Self { steps, at: 0, vain: 0, vain_since: None }
    }

    /// Goes on with such a step next, if there is one.
    pub fn go_to(&mut self, step: &Step) {
        if let Some(at) = self.steps.iter().position(|known| known == step) {
            self.at = at;
        }
    }
}

/// A `sendmsg` that waits for the session.
#[derive(Debug)]
pub(super) enum Message {
    Execute { app: Box<str>, data: Box<str>, uuid: Option<Box<str>>, lock: bool, loops: Option<u32> },
    Hangup { cause: Box<str> },
}

/// The other side of a bridge, as it was when it was built.
#[derive(Debug)]
pub(super) struct Other {
    pub uuid: Uuid,
    pub name: Box<str>,
    /// Its headers.
    pub text: Vec<u8>,
}

/// The hold of two channels on each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bridge {
    pub with: Key,
    /// Whether this side carries the events.
    pub originator: bool,
    /// Whether they hear each other; before that the bridge is being built.
    pub built: bool,
}

/// A caller's side of his channel.
#[derive(Debug)]
pub(super) struct CallerSide {
    pub script: CallerScript,
    pub story: Story,
    pub done: Option<oneshot::Sender<Story>>,
    pub impatient: bool,
}

/// An originated leg's side of its channel.
#[derive(Debug)]
pub(super) struct LegSide {
    /// The contact's text.
    pub contact: String,
    pub behaviour: Behaviour,
    /// What is to be told when the leg is ready or has failed.
    pub originate: Option<Originate>,
    /// Picked up, and asked for a key.
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
    /// The sockets that control it; they hold it until they close.
    pub sockets: SmallVec<[Conn; 1]>,
    /// FreeSWITCH's CF_CONTROLLED: parked under control.
    pub controlled: bool,
    /// FreeSWITCH's CS_RESET was set, and the session has not noticed.
    pub resetting: bool,
    /// Left over when a second bridge overtook the first: up for ever, with nobody.
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

    /// Whether sound of another channel reaches it.
    pub fn is_talking(&self) -> bool {
        self.bridge.is_some_and(|bridge| bridge.built)
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

    /// The call's uuid: the originator's, for the side that was bridged to.
    pub fn call_uuid(&self) -> Uuid {
        match (self.bridge, &self.other) {
            (Some(Bridge { originator: false, .. }), Some(other)) => other.uuid,
            _ => self.uuid,
        }
    }

    /// Whether a `sendmsg` was told to keep others out and has not ended.
    pub fn is_locked(&self) -> bool {
        self.running.iter().any(|run| matches!(run.from, From::Message { lock: true, .. }))
    }

    /// Whether the session looks at its messages: not while an application keeps others out, nor before
    /// `connect`.
    pub fn hears_messages(&self) -> bool {
        let place = match self.running.last().map(|run| &run.what) {
            Some(What::Socket { parked, .. }) => *parked,
            Some(What::Park | What::Play | What::Sleep | What::Digits { .. } | What::Bridge { .. }) => true,
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

    pub fn leg(&mut self) -> Option<&mut LegSide> {
        match &mut self.role {
            Role::Leg(leg) => Some(leg),
            Role::Caller(_) => None,
        }
    }
}
