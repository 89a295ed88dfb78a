//! Peers that speak FreeSWITCH's side, byte by byte.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;

pub const CHANNEL: &str = "870cd5e5-d93e-4b5e-a916-60f61eca20a9";
pub const CORE: &str = "3b97a2b2-df8d-4c22-9b73-085c71a8c30b";

/// No test waits longer than this for anything.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub async fn soon<T>(what: impl Future<Output = T>) -> T {
    timeout(PATIENCE, what).await.expect("it should have happened by now")
}

/// Waits until a count is reached; never sleeps longer than it must.
pub async fn until(count: &AtomicU64, at_least: u64) {
    soon(async {
        while count.load(Ordering::Relaxed) < at_least {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// What a recorded FreeSWITCH answered `connect` with.
pub fn channel_data() -> String {
    let recording = include_str!("../transcripts/answered.esl");
    let start = recording.find("Event-Name: CHANNEL_DATA").unwrap();
    let end = recording[start..].find("\n\n").unwrap();
    format!("{}\n\n", &recording[start..start + end])
}

/// An event as it goes over the wire.
pub fn event(text: &str) -> String {
    format!("Content-Length: {}\nContent-Type: text/event-plain\n\n{text}", text.len())
}

pub const OK: &str = "Content-Type: command/reply\nReply-Text: +OK\n\n";

pub fn printed(text: &str) -> String {
    format!("Content-Type: api/response\nContent-Length: {}\n\n{text}", text.len())
}

/// One side of a connection.
pub struct Peer {
    pub stream: TcpStream,
    /// The caller's channel.
    channel: &'static str,
    read: Vec<u8>,
}

impl Peer {
    pub fn new(stream: TcpStream) -> Self {
        Self { stream, channel: CHANNEL, read: Vec::new() }
    }

    pub async fn to(address: SocketAddr) -> Self {
        Self::new(TcpStream::connect(address).await.unwrap())
    }

    /// A caller whose connection is set up.
    pub async fn caller(address: SocketAddr) -> Self {
        Self::caller_on(address, CHANNEL).await
    }

    /// A caller on a channel, whose connection is set up.
    pub async fn caller_on(address: SocketAddr, channel: &'static str) -> Self {
        let mut peer = Self { channel, ..Self::to(address).await };
        peer.set_up().await;
        peer
    }

    pub async fn set_up(&mut self) {
        assert_eq!(self.command().await.unwrap(), "connect");
        self.say(&channel_data().replace(CHANNEL, self.channel)).await;
        self.subscribe().await;
        self.expect_api(&format!("uuid_exists {}", self.channel), "true").await;
    }

    /// What is asked for once the caller is known.
    pub async fn subscribe(&mut self) {
        for filter in [
            "linger 10".into(),
            format!("filter Unique-ID {}", self.channel),
            format!("filter Bridge-B-Unique-ID {}", self.channel),
        ] {
            self.expect(&filter).await;
        }
        self.expect("filter Application -answer").await;
        let events = "CHANNEL_BRIDGE CHANNEL_EXECUTE_COMPLETE CHANNEL_HANGUP_COMPLETE DTMF";
        self.expect(&format!("event plain {events}")).await;
    }

    /// The next command; none if the connection has ended.
    pub async fn command(&mut self) -> Option<String> {
        soon(self.read_command()).await
    }

    pub async fn say(&mut self, text: &str) {
        self.say_bytes(text.as_bytes()).await;
    }

    pub async fn say_bytes(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    /// Expects a command and says OK.
    pub async fn expect(&mut self, command: &str) {
        assert_eq!(self.command().await.as_deref(), Some(command));
        self.say(OK).await;
    }

    /// Expects an API command and prints.
    pub async fn expect_api(&mut self, command: &str, answer: &str) {
        let again = format!("api uuid_setvar {} socket_resume true", self.channel);
        let mut said = self.command().await;
        // Said first to every caller but the first on a channel.
        if said.as_ref() == Some(&again) && command.starts_with("uuid_exists") {
            self.say(&printed("+OK")).await;
            said = self.command().await;
        }
        assert_eq!(said, Some(format!("api {command}")));
        self.say(&printed(answer)).await;
    }

    /// Whether the other side closes, whatever it still says.
    pub async fn is_closed(&mut self) -> bool {
        while self.command().await.is_some() {}
        true
    }
}

/// A FreeSWITCH that takes our two links, and does what the test says.
pub struct Switch {
    pub address: SocketAddr,
    state: Arc<State>,
    commands: mpsc::UnboundedReceiver<String>,
    accepting: tokio::task::JoinHandle<()>,
}

#[derive(Default)]
struct State {
    core: Mutex<String>,
    exists: Mutex<HashSet<String>>,
    answered: Mutex<HashSet<String>>,
    /// How commands begin that are answered late, if at all: just before the next one on their connection.
    muted: Mutex<Option<String>>,
    /// Connections that the other side closed.
    closed: AtomicU64,
    /// Variables of channels, by the channel and the name.
    variables: Mutex<HashMap<(String, String), String>>,
    /// What `show channels` prints.
    channels: Mutex<String>,
    /// What is printed for commands that begin so, before anything else is looked at.
    answers: Vec<(&'static str, String)>,
    password: &'static str,
    /// Where the result of `api originate` goes, by the leg.
    originates: Mutex<HashMap<String, mpsc::UnboundedSender<Vec<u8>>>>,
    /// Where events go: to the connections that asked for them.
    outlets: Mutex<Vec<mpsc::UnboundedSender<Vec<u8>>>>,
    connections: Mutex<Vec<tokio::task::JoinHandle<()>>>,
}

impl Switch {
    pub async fn start() -> Self {
        Self::with("ClueCon", Vec::new()).await
    }

    /// One with a password, and with answers of its own for API commands that begin so.
    pub async fn with(password: &'static str, answers: Vec<(&'static str, String)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State { core: Mutex::new(CORE.into()), password, answers, ..State::default() });
        let (told, commands) = mpsc::unbounded_channel();
        let accepting = tokio::spawn(accept(listener, Arc::clone(&state), told));
        Self { address, state, commands, accepting }
    }

    /// Serves for as long as it is waited for.
    pub async fn serve(self) {
        self.accepting.await.unwrap();
    }

    /// The next command that is neither a query nor part of logging in.
    pub async fn command(&mut self) -> String {
        soon(self.commands.recv()).await.unwrap()
    }

    /// Commands that have come and were not looked at.
    pub fn commands(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.commands.try_recv().ok()).collect()
    }

    pub fn exists(&self, channel: &str, yes: bool) {
        let mut all = self.state.exists.lock().unwrap();
        if yes {
            all.insert(channel.to_owned());
        } else {
            all.remove(channel);
        }
    }

    pub fn answered(&self, channel: &str) {
        self.state.answered.lock().unwrap().insert(channel.to_owned());
    }

    /// A channel has this variable.
    pub fn variable(&self, channel: &str, name: &str, value: &str) {
        let key = (channel.to_owned(), name.to_owned());
        self.state.variables.lock().unwrap().insert(key, value.to_owned());
    }

    /// Leaves commands that begin so without their answer until another comes; with none, answers all again.
    pub fn mute(&self, command: Option<&str>) {
        *self.state.muted.lock().unwrap() = command.map(str::to_owned);
    }

    /// Lets `show channels` print this.
    pub fn channels(&self, list: String) {
        *self.state.channels.lock().unwrap() = list;
    }

    /// How many connections the other side has closed.
    pub fn closed(&self) -> &AtomicU64 {
        &self.state.closed
    }

    pub fn event(&self, text: &str) {
        self.raw(event(text).as_bytes());
    }

    /// Says these bytes where events go.
    pub fn raw(&self, bytes: &[u8]) {
        self.state.outlets.lock().unwrap().retain(|outlet| outlet.send(bytes.to_vec()).is_ok());
    }

    /// A channel's event, with the variables that our legs carry.
    pub fn channel_event(&self, kind: &str, leg: &str, channel: &str, more: &str) {
        self.event(&format!(
            "Event-Name: {kind}\nCore-UUID: {CORE}\nUnique-ID: {channel}\nvariable_dozvon_leg: agent\n\
             variable_dozvon_leg_id: {leg}\n{more}\n"
        ));
    }

    /// A job's result.
    pub fn job(&self, leg: &str, result: &str) {
        self.event(&format!(
            "Event-Name: BACKGROUND_JOB\nCore-UUID: {CORE}\nJob-UUID: x\nJob-Command: originate\n\
             Job-Command-Arg: %7Bdozvon_leg_id%3D{leg},a%3Db%7Duser/1%20%26park()\nContent-Length: {}\n\n{result}\n",
            result.len() + 1
        ));
    }

    /// The result of an `api originate`, on its connection.
    pub fn result(&self, leg: &str, result: &str) {
        self.originate(leg).send(printed(&format!("{result}\n")).into_bytes()).unwrap();
    }

    /// Cuts the connection on which a leg is originated.
    pub fn cut_originate(&self, leg: &str) {
        self.originate(leg).send(Vec::new()).unwrap();
    }

    fn originate(&self, leg: &str) -> mpsc::UnboundedSender<Vec<u8>> {
        self.state.originates.lock().unwrap().remove(leg).expect("an originate on a connection of its own")
    }

    /// Cuts the links for events; new ones are taken.
    pub fn cut_events(&self) {
        self.raw(&[]);
    }

    /// Cuts every connection; new ones are taken.
    pub fn cut(&self) {
        self.state.outlets.lock().unwrap().clear();
        for connection in self.state.connections.lock().unwrap().drain(..) {
            connection.abort();
        }
    }

    /// Cuts every connection and takes no new ones.
    pub fn die(&self) {
        self.accepting.abort();
        self.cut();
    }

    /// Comes up again on the same port, as another run.
    pub async fn restart(&mut self, core: &str) {
        self.die();
        *self.state.core.lock().unwrap() = core.to_owned();
        self.exists_none();
        let listener = soon(async {
            loop {
                match TcpListener::bind(self.address).await {
                    Ok(listener) => return listener,
                    Err(_) => tokio::task::yield_now().await,
                }
            }
        })
        .await;
        let (told, commands) = mpsc::unbounded_channel();
        self.commands = commands;
        self.accepting = tokio::spawn(accept(listener, Arc::clone(&self.state), told));
    }

    fn exists_none(&self) {
        self.state.exists.lock().unwrap().clear();
    }
}

async fn accept(listener: TcpListener, state: Arc<State>, told: mpsc::UnboundedSender<String>) {
    while let Ok((stream, _)) = listener.accept().await {
        let serving = tokio::spawn(serve(Peer::new(stream), Arc::clone(&state), told.clone()));
        state.connections.lock().unwrap().push(serving);
    }
}

async fn serve(mut peer: Peer, state: Arc<State>, told: mpsc::UnboundedSender<String>) {
    peer.say("Content-Type: auth/request\n\n").await;
    let Some(given) = peer.read_command().await else { return };
    if given != format!("auth {}", state.password) {
        return peer.say("Content-Type: command/reply\nReply-Text: -ERR invalid\n\n").await;
    }
    peer.say("Content-Type: command/reply\nReply-Text: +OK accepted\n\n").await;
    let (outlet, mut events) = mpsc::unbounded_channel::<Vec<u8>>();
    let mut owed = String::new();
    loop {
        tokio::select! {
            biased;
            Some(event) = events.recv() => match event.as_slice() {
                [] => return,
                event => peer.say_bytes(event).await,
            },
            command = peer.read_command() => match command {
                None => {
                    state.closed.fetch_add(1, Ordering::Relaxed);
                    return;
                }
                Some(command) => {
                    if command.starts_with("event ") {
                        state.outlets.lock().unwrap().push(outlet.clone());
                    }
                    if let Some(leg) = command.strip_prefix("api originate").and_then(leg_of) {
                        state.originates.lock().unwrap().insert(leg, outlet.clone());
                        told.send(command).ok();
                        continue;
                    }
                    owed.push_str(&reply(&state, &command));
                    if state.muted.lock().unwrap().as_ref().is_some_and(|muted| command.starts_with(muted)) {
                        continue;
                    }
                    if command.starts_with("bgapi ") || command.contains("kill") || command.contains("hupall") {
                        told.send(command).ok();
                    }
                    if peer.stream.write_all(std::mem::take(&mut owed).as_bytes()).await.is_err() {
                        state.closed.fetch_add(1, Ordering::Relaxed);
                        return;
                    }
                }
            },
        }
    }
}

/// The leg that an originate is about.
fn leg_of(originate: &str) -> Option<String> {
    originate.split_once("dozvon_leg_id=")?.1.get(..36).map(str::to_owned)
}

fn reply(state: &State, command: &str) -> String {
    let asked = command.strip_prefix("api ");
    let answered =
        state.answers.iter().find(|(begin, _)| asked.is_some_and(|asked| asked.starts_with(begin)));
    if let Some((_, answer)) = answered {
        return printed(answer);
    }
    let words: Vec<&str> = command.split(' ').collect();
    let has = |set: &Mutex<HashSet<String>>| set.lock().unwrap().contains(words[2]);
    match words.as_slice() {
        ["api", "global_getvar", "core_uuid"] => printed(&state.core.lock().unwrap()),
        ["api", "global_getvar", _] => printed("-ERR no reply\n"),
        ["api", "uuid_exists", _] => printed(if has(&state.exists) { "true" } else { "false" }),
        ["api", "uuid_kill", _, _] if has(&state.exists) => printed("+OK\n"),
        ["api", "uuid_kill", ..] => printed("-ERR No such channel!\n"),
        ["api", "uuid_dump", _] if has(&state.answered) => {
            printed("Event-Name: CHANNEL_DATA\nAnswer-State: answered\n")
        }
        ["api", "uuid_dump", _] => printed("Event-Name: CHANNEL_DATA\nAnswer-State: ringing\n"),
        ["api", "uuid_getvar", channel, name] => {
            let variables = state.variables.lock().unwrap();
            printed(
                variables.get(&((*channel).to_owned(), (*name).to_owned())).map_or("_undef_", String::as_str),
            )
        }
        ["api", "show", "channels"] => printed(&state.channels.lock().unwrap()),
        ["api", "status"] => printed("UP 0 years\n"),
        ["api", "hupall", ..] => printed("+OK hangup all channels matching\n"),
        ["api", ..] => printed("-ERR no such command\n"),
        ["bgapi", ..] => "Content-Type: command/reply\nReply-Text: +OK Job-UUID: x\nJob-UUID: x\n\n".into(),
        _ => OK.into(),
    }
}

impl Peer {
    /// The next command, however long it takes. Empty lines before it are skipped, as FreeSWITCH does. Cancel-safe.
    async fn read_command(&mut self) -> Option<String> {
        loop {
            let empty = self.read.iter().take_while(|byte| **byte == b'\n').count();
            self.read.drain(..empty);
            if let Some(end) = self.read.windows(2).position(|pair| pair == b"\n\n") {
                let rest = self.read.split_off(end + 2);
                let command = std::mem::replace(&mut self.read, rest);
                return Some(String::from_utf8(command).unwrap().trim_end().to_owned());
            }
            match self.stream.read_buf(&mut self.read).await {
                Ok(0) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }
}
