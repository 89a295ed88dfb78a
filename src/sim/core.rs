//! The core: one owner of all channels, connections, phones and timers.
//!
//! In: [`Input`]s, and the passing of time. Out: frames into the connections' queues, and callers' stories.
//! FreeSWITCH's behaviour is in the other files, as methods of [`Core`]: `commands` and `api`, `session` and `apps`
//! (what a channel runs), `outbound` (callers' sockets), `leg`, `bridge`, `hangup`. **Invariants:** it never waits
//! while it handles an input; all randomness comes from one seed; a command is answered before the events that it
//! causes.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use rand::{Rng as _, RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use smallvec::SmallVec;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::clock::UnixMs;

use super::behaviour::Phone;
use super::channel::{Channel, Step};
use super::connection::{Connection, FromPeer, Side, carry};
use super::counts::Counts;
use super::faults::Faults;
use super::ids::{Conn, Key};
use super::originate::Originate;
use super::settings::SimSettings;
use super::story::EndedBy;
use super::timers::{TimerKey, Timers};
use super::wire::{self, Frame};

/// An input of the core.
pub(super) enum Input {
    /// A controller at this address has accepted a caller's socket, or none has.
    Dialled { channel: Key, run: u64, taken: Option<(TcpStream, String)> },
    /// A peer sent a command, or its connection has ended.
    Peer(FromPeer),
    /// A request of the stand-in's owner.
    Ask(Box<dyn FnOnce(&mut Core) + Send>),
}

impl From<FromPeer> for Input {
    fn from(what: FromPeer) -> Self {
        Self::Peer(what)
    }
}

/// What a timer does.
#[derive(Debug)]
pub(super) enum Due {
    /// An application ends.
    AppEnds(Key, u64),
    /// No first command came on a caller's socket in time.
    NoCommand(Conn),
    /// A socket has lingered long enough.
    LingerEnds(Conn),
    /// A session notices its hangup.
    Report(Key),
    /// A session notices that a socket of its channel has closed.
    Reset(Key),
    /// Two sessions notice that they are to be bridged.
    Bridge(Key),
    /// A leg is created.
    Create(Box<Originate>),
    /// A leg has rung, or waited for the confirmation key, too long.
    LegLimit(Key, &'static str),
    /// The owner of a phone does something.
    Agent(Key, AgentAct),
    /// A caller does something.
    Caller(Key, CallerAct),
    /// `sched_api`.
    Scheduled(u64),
    /// A channel was parked too long.
    ParkLimit(Key, u64, Box<str>),
    Heartbeat,
    /// A delayed event is sent.
    Late(Conn, Frame),
    /// A slow command is answered.
    Answer(Conn, Box<str>),
    /// The answer to a `connect` that takes a while.
    Connect(Conn),
}

#[derive(Debug)]
pub(super) enum AgentAct {
    PicksUp,
    Rejects,
    PressesKey,
    EndsTalk,
}

#[derive(Debug)]
pub(super) enum CallerAct {
    LosesPatience,
    EndsTalk,
    Presses(char),
}

/// The stand-in's whole state.
pub(super) struct Core {
    pub settings: SimSettings,
    pub uuid: Uuid,
    pub started: Instant,
    pub now: Instant,
    pub wall: UnixMs,
    pub sequence: u64,
    pub rng: ChaCha8Rng,
    /// The headers with which every event begins after its name.
    pub head: String,
    /// The second of the last event, and its headers.
    pub dates: (i64, String),
    pub channels: BTreeMap<Key, Box<Channel>>,
    pub keys: HashMap<Uuid, Key>,
    pub connections: BTreeMap<Conn, Connection>,
    /// Connections that may get any channel's events.
    pub wide: SmallVec<[Conn; 4]>,
    /// Connections that get only one channel's events, by channel.
    pub narrow: HashMap<Uuid, SmallVec<[Conn; 1]>>,
    pub phones: BTreeMap<String, Phone>,
    pub timers: Timers<Due>,
    pub heartbeat: Option<TimerKey>,
    pub scheduled: BTreeMap<u64, (String, String, TimerKey)>,
    pub dialplan: Arc<[Step]>,
    pub own_plan: Arc<[Step]>,
    pub counts: Counts,
    pub serial: u64,
    pub stalled_until: Option<Instant>,
    /// Whether new connections to the event socket are closed at once.
    pub refuses_links: bool,
    pub faults: Faults,
    outside: mpsc::Sender<Input>,
    tasks: TaskTracker,
}

impl Core {
    pub fn new(settings: SimSettings, outside: mpsc::Sender<Input>, tasks: TaskTracker) -> Self {
        let now = Instant::now();
        let mut core = Self {
            uuid: Uuid::nil(),
            started: now,
            now,
            wall: settings.clock.now(),
            sequence: 0,
            rng: ChaCha8Rng::seed_from_u64(settings.seed),
            head: String::new(),
            dates: (0, String::new()),
            channels: BTreeMap::new(),
            keys: HashMap::new(),
            connections: BTreeMap::new(),
            wide: SmallVec::new(),
            narrow: HashMap::new(),
            phones: BTreeMap::new(),
            timers: Timers::new(),
            heartbeat: None,
            scheduled: BTreeMap::new(),
            dialplan: Arc::from([]),
            own_plan: Arc::from([]),
            counts: Counts::default(),
            serial: 0,
            stalled_until: None,
            refuses_links: false,
            faults: Faults::default(),
            outside,
            tasks,
            settings,
        };
        core.boot();
        core.plan_calls();
        core
    }

    /// Starts FreeSWITCH anew: a new Core-UUID, and no state.
    fn boot(&mut self) {
        self.uuid = self.new_uuid();
        self.started = self.now;
        self.sequence = 0;
        self.head = format!(
            "Core-UUID: {}\nFreeSWITCH-Hostname: {host}\nFreeSWITCH-Switchname: {host}\n\
             FreeSWITCH-IPv4: 127.0.0.1\nFreeSWITCH-IPv6: %3A%3A1\n",
            self.uuid,
            host = self.settings.hostname
        );
        self.timers.clear();
        self.scheduled.clear();
        self.heartbeat = Some(self.timers.set(self.now + self.settings.heartbeat, Due::Heartbeat));
    }

    /// Handles inputs and timers until it is stopped.
    pub async fn run(
        mut self,
        listener: TcpListener,
        mut inputs: mpsc::Receiver<Input>,
        stop: CancellationToken,
    ) {
        loop {
            if let Some(until) = self.stalled_until.take() {
                tokio::select! {
                    biased;
                    () = stop.cancelled() => break,
                    () = sleep_until(until) => {}
                }
            }
            let wake = self.timers.next().unwrap_or(self.now + Duration::from_secs(3600));
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                Some(input) = inputs.recv() => self.handle(input),
                // an error concerns one peer, or means too many open files: go on with the next peer
                Ok((stream, _)) = listener.accept() => if !self.refuses_links { self.accept(stream) },
                () = sleep_until(wake) => {}
            }
            self.pass_time();
        }
    }

    fn handle(&mut self, input: Input) {
        self.look_at_the_time();
        match input {
            Input::Dialled { channel, run, taken } => self.socket_dialled(channel, run, taken),
            Input::Peer(FromPeer::Command(conn, command)) => self.command(conn, command),
            Input::Peer(FromPeer::Closed(conn)) => self.connection_closed(conn),
            Input::Ask(ask) => ask(self),
        }
    }

    fn pass_time(&mut self) {
        self.look_at_the_time();
        while let Some(due) = self.timers.pop(self.now) {
            self.do_due(due);
        }
    }

    fn look_at_the_time(&mut self) {
        self.now = Instant::now();
        self.wall = self.settings.clock.now();
    }

    fn do_due(&mut self, due: Due) {
        match due {
            Due::AppEnds(key, run) => self.app_ends(key, run),
            Due::NoCommand(conn) | Due::LingerEnds(conn) => self.close(conn),
            Due::Report(key) => self.report(key),
            Due::Reset(key) => self.reset_noticed(key),
            Due::Bridge(key) => self.build_bridge(key),
            Due::Create(originate) => self.create_leg(*originate),
            Due::LegLimit(key, cause) => self.leg_limit(key, cause),
            Due::Agent(key, act) => self.agent_acts(key, &act),
            Due::Caller(key, act) => self.caller_acts(key, &act),
            Due::Scheduled(id) => self.run_scheduled(id),
            Due::ParkLimit(key, run, cause) => self.park_limit(key, run, &cause),
            Due::Heartbeat => self.beat(),
            Due::Late(conn, frame) => self.send_event(conn, frame),
            Due::Answer(conn, command) => self.answer_late(conn, &command),
            Due::Connect(conn) => self.connect_late(conn),
        }
    }

    /// A random UUID, from the seed.
    pub fn new_uuid(&mut self) -> Uuid {
        let mut bytes = [0; 16];
        self.rng.fill_bytes(&mut bytes);
        uuid::Builder::from_random_bytes(bytes).into_uuid()
    }

    pub const fn next_serial(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }

    /// When a session's thread notices a change.
    pub fn soon(&mut self) -> Instant {
        let micros = u64::try_from(self.settings.pace.as_micros()).unwrap_or(0);
        self.now + Duration::from_micros(self.rng.random_range(0..=micros))
    }

    /// The present instant in microseconds, as FreeSWITCH writes it.
    pub const fn micros(&self) -> i64 {
        self.wall.0 * 1000
    }

    pub fn channel(&self, key: Key) -> Option<&Channel> {
        self.channels.get(&key).map(|channel| &**channel)
    }

    pub fn channel_mut(&mut self, key: Key) -> Option<&mut Channel> {
        self.channels.get_mut(&key).map(|channel| &mut **channel)
    }

    /// The channel with this uuid, if it is up: FreeSWITCH finds no others.
    pub fn locate(&self, uuid: &str) -> Option<Key> {
        let key = *self.keys.get(&Uuid::try_parse(uuid).ok()?)?;
        self.channel(key).filter(|channel| !channel.is_down()).map(|channel| channel.key)
    }

    fn accept(&mut self, stream: TcpStream) {
        self.look_at_the_time();
        let conn = self.connect(stream, Side::Inbound { authed: false }, None);
        self.send(conn, Arc::from(&b"Content-Type: auth/request\n\n"[..]));
    }

    /// Adds a TCP connection.
    pub fn connect(&mut self, stream: TcpStream, side: Side, session: Option<Uuid>) -> Conn {
        let conn = Conn(self.next_serial());
        let (out, frames) = mpsc::channel(self.settings.event_queue.max(1));
        // without it small frames wait for each other; a socket that has failed is noticed later
        let _ = stream.set_nodelay(true);
        self.connections.insert(conn, Connection::new(side, session, out));
        self.tasks.spawn(carry(stream, conn, frames, self.outside.clone()));
        self.rescope(conn);
        conn
    }

    /// Spawns a task that ends with an input.
    pub fn spawn(&self, task: impl Future<Output = Input> + Send + 'static) {
        let outside = self.outside.clone();
        self.tasks.spawn(async move {
            let input = task.await;
            // the core is gone only if the whole stand-in is
            let _ = outside.send(input).await;
        });
    }

    /// Queues a frame for a connection. A peer that reads too slowly loses frames, then the connection.
    pub fn send(&mut self, conn: Conn, frame: Frame) {
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        let bytes = frame.len() as u64;
        match connection.out.try_send(frame) {
            Ok(()) => self.counts.bytes_sent += bytes,
            Err(mpsc::error::TrySendError::Full(_)) => {
                self.counts.frames_lost += 1;
                connection.lost += 1;
                if connection.lost > self.settings.lost_events {
                    self.cut(conn);
                }
            }
            Err(mpsc::error::TrySendError::Closed(_)) => {}
        }
    }

    pub fn reply(&mut self, conn: Conn, text: &str) {
        let mute = self.connections.get_mut(&conn).is_some_and(|c| std::mem::replace(&mut c.mute, false));
        if !mute {
            self.send(conn, wire::reply(text));
        }
    }

    /// Ends a connection with FreeSWITCH's disconnect notice.
    pub fn close(&mut self, conn: Conn) {
        let session = match self.connections.get(&conn) {
            Some(connection) if connection.is_outbound() => connection.session.map(|uuid| uuid.to_string()),
            Some(_) => None,
            None => return,
        };
        self.send(conn, wire::disconnect_notice(session.as_deref()));
        self.cut(conn);
    }

    /// Ends a connection without a notice.
    pub fn cut(&mut self, conn: Conn) {
        self.connection_closed(conn);
    }

    fn connection_closed(&mut self, conn: Conn) {
        self.unscope(conn);
        let Some(connection) = self.connections.remove(&conn) else { return };
        connection.timer.and_then(|timer| self.timers.cancel(timer));
        if let Side::Outbound(key) = connection.side {
            self.socket_closed(key, conn, &connection);
        }
    }

    /// Cuts every connection to the event socket, as a broken network does.
    pub fn drop_link(&mut self) {
        let inbound = |(conn, connection): (&Conn, &Connection)| (!connection.is_outbound()).then_some(*conn);
        let conns: Vec<Conn> = self.connections.iter().filter_map(inbound).collect();
        conns.into_iter().for_each(|conn| self.cut(conn));
    }

    /// FreeSWITCH dies and comes back: no call survives, and no event is sent.
    pub fn restart(&mut self) {
        for (_, mut channel) in std::mem::take(&mut self.channels) {
            if let Some(caller) = channel.caller() {
                caller.story.ended_by = EndedBy::Restart;
            }
            channel.send_story(self.now);
        }
        self.keys.clear();
        self.connections.clear();
        self.wide.clear();
        self.narrow.clear();
        self.phones.values_mut().for_each(|phone| phone.busy_with = None);
        self.boot();
    }

    /// The counts, with the present values.
    pub fn counts(&self) -> Counts {
        let up = || self.channels.values().filter(|channel| !channel.is_down());
        let legs = || up().filter(|channel| !channel.is_caller());
        Counts {
            channels_up: up().count(),
            legs_up: legs().count(),
            zombies: legs().filter(|channel| channel.zombie).count(),
            connections: self.connections.len(),
            ..self.counts.clone()
        }
    }
}
