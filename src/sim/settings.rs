//! What can be chosen about the stand-in.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use crate::clock::Clock;

/// One action of the dialplan: an application and its argument.
pub type Action = (String, String);

/// The settings of the stand-in. The defaults are FreeSWITCH's own.
#[derive(Debug, Clone)]
pub struct SimSettings {
    /// The address of the event socket; port 0 for any free port.
    pub listen: SocketAddr,
    /// The event socket's password.
    pub password: String,
    /// FreeSWITCH's host name.
    pub hostname: String,
    /// The controllers' addresses, `host:port`, in the order in which a caller's dialplan tries them.
    pub controllers: Vec<String>,
    /// How long the dialplan repeats `socket` before the fallback, from the first failure on. A controller that has
    /// served the caller (`dozvon_served`) before it died resets this time.
    pub patience: Duration,
    /// How often it runs `socket` at most in that time; 1 for the simplest dialplan.
    pub attempts: u32,
    /// The sound between two tries.
    pub pause_sound: String,
    /// Whether the dialplan sets `socket_resume=true` before `socket`.
    pub socket_resume: bool,
    /// Values of `dozvon_state` after which neither a retry nor the fallback follows.
    pub talk_states: Vec<String>,
    /// Values of `dozvon_state` after which the caller is refused, if there is no fallback contact.
    pub refused_states: Vec<String>,
    /// Values of `dozvon_state` after which a retry follows, as if no controller had accepted the caller. After any
    /// other value the fallback follows at once.
    pub retry_states: Vec<String>,
    /// The fallback, if no controller has accepted the call. After the last action the call is hung up.
    pub fallback: Vec<Action>,
    /// The administrator's own dialplan for numbers that an agent dials and the controller passes on.
    pub own_dialplan: Vec<Action>,
    /// The actions of extensions. Those of `queues` run the callers' dialplan; at any other extension somebody
    /// answers, listens for two seconds and hangs up.
    pub extensions: BTreeMap<String, Vec<Action>>,
    /// Extensions that lead to the controllers.
    pub queues: BTreeSet<String>,
    /// The length of sound files that `sounds` does not name.
    pub sound: Duration,
    /// The length of named sound files.
    pub sounds: BTreeMap<String, Duration>,
    /// Sound files that do not exist.
    pub missing_sounds: BTreeSet<String>,
    /// The longest time that a session's thread takes to notice a change (FreeSWITCH: one frame, 20 ms): before a leg
    /// is created, a bridge is built or a hangup is complete. Drawn anew each time.
    pub pace: Duration,
    /// How long FreeSWITCH waits for the first command on a caller's socket.
    pub first_command: Duration,
    /// The period of heartbeats.
    pub heartbeat: Duration,
    /// Events that may wait for one connection; further ones are lost.
    pub event_queue: usize,
    /// Lost events after which a connection is cut.
    pub lost_events: u32,
    /// Tells the time that events carry.
    pub clock: Clock,
    /// The seed of all randomness.
    pub seed: u64,
}

impl Default for SimSettings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            password: "ClueCon".to_owned(),
            hostname: "sim".to_owned(),
            controllers: Vec::new(),
            patience: Duration::from_secs(30),
            attempts: u32::MAX,
            pause_sound: "tone_stream://%(400,500,425)".to_owned(),
            socket_resume: true,
            talk_states: vec!["talked".to_owned(), "done".to_owned()],
            refused_states: vec!["overloaded".to_owned()],
            retry_states: vec!["drained".to_owned(), "unknown_node".to_owned()],
            fallback: vec![
                ("answer".to_owned(), String::new()),
                ("playback".to_owned(), "silence_stream://2000".to_owned()),
            ],
            own_dialplan: vec![("hangup".to_owned(), "NO_ROUTE_DESTINATION".to_owned())],
            extensions: BTreeMap::new(),
            queues: BTreeSet::new(),
            sound: Duration::from_secs(3),
            sounds: BTreeMap::new(),
            missing_sounds: BTreeSet::new(),
            pace: Duration::from_millis(20),
            first_command: Duration::from_secs(25),
            heartbeat: Duration::from_secs(20),
            event_queue: 100_000,
            lost_events: 500,
            clock: Clock::system(),
            seed: 1,
        }
    }
}
