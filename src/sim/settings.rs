//! What can be chosen about the stand-in.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use crate::clock::Clock;

/// One action of the dialplan: an application and its argument.
pub type Action = (String, String);

/// What can be chosen about the stand-in. The defaults are FreeSWITCH's own.
#[derive(Debug, Clone)]
pub struct SimSettings {
    /// Where the event socket listens; port 0 for any free one.
    pub listen: SocketAddr,
    /// The event socket's password.
    pub password: String,
    /// What FreeSWITCH says that its host is called.
    pub hostname: String,
    /// The controllers' addresses, `host:port`, in the order in which a caller's dialplan tries them.
    pub controllers: Vec<String>,
    /// How long the dialplan runs `socket` again and again before it falls back, from the first time that it was in
    /// vain; a controller that served the caller (`dozvon_served`) before it died renews it.
    pub patience: Duration,
    /// How often it runs `socket` at most in that time; 1 for the plainest dialplan.
    pub attempts: u32,
    /// What it plays between two tries.
    pub pause_sound: String,
    /// Whether the dialplan sets `socket_resume=true` before `socket`.
    pub socket_resume: bool,
    /// Values of `dozvon_state` after which neither a retry nor the fallback follows.
    pub talk_states: Vec<String>,
    /// Values of `dozvon_state` after which a retry follows, as if nobody had taken the caller; after any other the
    /// fallback follows at once.
    pub retry_states: Vec<String>,
    /// What the dialplan does when no controller has taken the call. After the last action it hangs up.
    pub fallback: Vec<Action>,
    /// What the administrator's own dialplan does with what an agent dials and the controller does not want.
    pub own_dialplan: Vec<Action>,
    /// What a transfer to an extension leads to. The caller's own dialplan for those of `queues`; for any other
    /// extension somebody answers, listens for two seconds and hangs up.
    pub extensions: BTreeMap<String, Vec<Action>>,
    /// Extensions that lead to the controllers when a caller is transferred to them.
    pub queues: BTreeSet<String>,
    /// How long a sound file is that `sounds` does not name.
    pub sound: Duration,
    /// How long named sound files are.
    pub sounds: BTreeMap<String, Duration>,
    /// Sound files that do not exist.
    pub missing_sounds: BTreeSet<String>,
    /// The longest that a session's thread takes to notice what others did to it (FreeSWITCH: one frame, 20 ms):
    /// before a leg is created, a bridge is built and a hangup is complete. Drawn anew each time.
    pub pace: Duration,
    /// How long FreeSWITCH waits for the first command on a caller's socket.
    pub first_command: Duration,
    /// How often it says that it lives.
    pub heartbeat: Duration,
    /// Events that may wait for one connection to read them; later ones are lost.
    pub event_queue: usize,
    /// Lost events after which a connection is cut.
    pub lost_events: u32,
    /// Tells the time that events carry.
    pub clock: Clock,
    /// From which everything random is drawn.
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
