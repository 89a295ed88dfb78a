//! The stand-in over TCP, as a controller meets it. Time is virtual.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::*;

#[path = "../../../tests/support/paced.rs"]
mod paced;

mod asking;
mod legs;
mod messages;
mod sockets;

pub(super) const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub(super) const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// One frame as a peer hears it.
#[derive(Debug, Clone)]
pub(super) struct Heard {
    pub head: String,
    pub body: String,
}

impl Heard {
    /// A header of the event inside, or of the frame; decoded.
    pub fn get(&self, name: &str) -> Option<String> {
        let lines = self.body.lines().chain(self.head.lines());
        let found = lines.filter_map(|line| line.split_once(": ")).find(|(known, _)| *known == name);
        found.map(|(_, value)| template::decode(value).into_owned())
    }

    pub fn name(&self) -> String {
        self.get("Event-Name").unwrap_or_default()
    }

    /// What is after the headers of the event inside.
    pub fn inner_body(&self) -> &str {
        self.body.split_once("\n\n").map_or("", |(_, body)| body)
    }
}

/// A controller's end of one connection.
pub(super) struct Peer {
    write: OwnedWriteHalf,
    frames: mpsc::UnboundedReceiver<Heard>,
    events: VecDeque<Heard>,
}

impl Peer {
    fn new(stream: TcpStream) -> Self {
        let (read, write) = stream.into_split();
        let (told, frames) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            let mut read = BufReader::new(read);
            while let Some(frame) = next_frame(&mut read).await {
                told.send(frame).ok();
            }
        });
        Self { write, frames, events: VecDeque::new() }
    }

    async fn frame(&mut self) -> Option<Heard> {
        timeout(s(300), self.frames.recv()).await.expect("nothing was heard for five minutes")
    }

    pub async fn send(&mut self, text: &str) {
        self.write.write_all(text.as_bytes()).await.unwrap();
    }

    /// Sends a command, and gives the reply's text or the answer's body.
    pub async fn ask(&mut self, command: &str) -> String {
        self.send(&format!("{command}\n\n")).await;
        loop {
            let frame = self.frame().await.expect("the connection is closed");
            match frame.get("Content-Type").as_deref() {
                Some("command/reply") => return frame.get("Reply-Text").unwrap_or_default(),
                Some("api/response") => return frame.body,
                _ => self.events.push_back(frame),
            }
        }
    }

    pub async fn api(&mut self, command: &str) -> String {
        self.ask(&format!("api {command}")).await.trim_end().to_owned()
    }

    /// The next event of that name; others are skipped.
    pub async fn event(&mut self, name: &str) -> Heard {
        loop {
            let frame = match self.events.pop_front() {
                Some(frame) => frame,
                None => self.frame().await.unwrap_or_else(|| panic!("closed before {name}")),
            };
            if frame.name() == name {
                return frame;
            }
        }
    }

    /// The names of events heard until nothing is heard for that long; with the application, where there is one.
    pub async fn names(&mut self, quiet: Duration) -> Vec<String> {
        while let Ok(Some(frame)) = timeout(quiet, self.frames.recv()).await {
            self.events.push_back(frame);
        }
        let name = |frame: &Heard| match frame.get("Application") {
            Some(app) => format!("{} {app}", frame.name().trim_start_matches("CHANNEL_")),
            None => frame.name().trim_start_matches("CHANNEL_").to_owned(),
        };
        self.events.drain(..).map(|frame| name(&frame)).collect()
    }

    /// Everything until the connection closes.
    pub async fn rest(mut self) -> Vec<Heard> {
        let mut all: Vec<_> = self.events.drain(..).collect();
        while let Some(frame) = self.frame().await {
            all.push(frame);
        }
        all
    }

    pub async fn execute(&mut self, app: &str, arg: &str, more: &str) -> String {
        let more = if more.is_empty() { String::new() } else { format!("\n{more}") };
        self.ask(&format!(
            "sendmsg\ncall-command: execute\nexecute-app-name: {app}\nexecute-app-arg: {arg}{more}"
        ))
        .await
    }
}

async fn next_frame(read: &mut BufReader<OwnedReadHalf>) -> Option<Heard> {
    let mut head = String::new();
    while !head.ends_with("\n\n") {
        if read.read_line(&mut head).await.ok()? == 0 {
            return None;
        }
    }
    let length =
        head.lines().find_map(|line| line.strip_prefix("Content-Length: ")).and_then(|n| n.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    read.read_exact(&mut body).await.ok()?;
    Some(Heard { head, body: String::from_utf8(body).ok()? })
}

/// A stand-in, a controller's listener, an authenticated node link that hears everything of callers and legs.
pub(super) struct Stage {
    pub sim: Sim,
    pub listener: TcpListener,
    pub node: Peer,
    _pacer: paced::Pacer,
}

pub(super) const EVERYTHING: &str = "event plain CHANNEL_CREATE CHANNEL_ORIGINATE CHANNEL_PROGRESS \
    CHANNEL_PROGRESS_MEDIA CHANNEL_ANSWER CHANNEL_PARK CHANNEL_UNPARK CHANNEL_BRIDGE CHANNEL_UNBRIDGE \
    CHANNEL_EXECUTE CHANNEL_EXECUTE_COMPLETE CHANNEL_HANGUP CHANNEL_HANGUP_COMPLETE CHANNEL_DESTROY BACKGROUND_JOB";

impl Stage {
    pub async fn set(change: impl FnOnce(&mut SimSettings)) -> Self {
        let pacer = paced::Pacer::start();
        let mut settings = SimSettings { attempts: 1, ..SimSettings::default() };
        change(&mut settings);
        let sim = Sim::start(settings).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        sim.set_controllers(&[listener.local_addr().unwrap()]).await;
        let mut node = link(&sim).await;
        node.ask(EVERYTHING).await;
        Self { sim, listener, node, _pacer: pacer }
    }

    pub fn address(&self) -> SocketAddr {
        self.listener.local_addr().unwrap()
    }

    pub async fn accept(&self) -> Peer {
        let (stream, _) = self.listener.accept().await.unwrap();
        Peer::new(stream)
    }

    /// A caller who waits with music: answered, `socket_resume` as the settings say.
    pub async fn waiting(&self, script: CallerScript) -> (CallerHandle, Peer) {
        let caller = self.sim.call(script).await;
        let mut peer = self.accept().await;
        peer.ask("connect").await;
        peer.ask("linger 30").await;
        peer.ask("myevents").await;
        peer.execute("answer", "", "").await;
        peer.execute("playback", "local_stream://moh", "loops: -1").await;
        (caller, peer)
    }

    /// A leg that was dialled and has answered.
    pub async fn leg(&mut self, contact: &str) -> String {
        let uuid = Uuid::new_v4().to_string();
        self.originate(&uuid, contact, "").await;
        loop {
            let job = self.node.event("BACKGROUND_JOB").await;
            if job.get("Job-UUID").as_deref() == Some(&uuid) {
                assert_eq!(job.inner_body(), format!("+OK {uuid}\n"));
                return uuid;
            }
        }
    }

    /// Dials a leg under that identity, as a job of the same name.
    pub async fn originate(&mut self, uuid: &str, contact: &str, more: &str) {
        let command = format!(
            "bgapi originate {{origination_uuid={uuid},ignore_early_media=true,originate_timeout=30,\
             dozvon_offer={uuid}{more}}}{contact} &park()\nJob-UUID: {uuid}"
        );
        assert_eq!(self.node.ask(&command).await, format!("+OK Job-UUID: {uuid}"));
    }

    /// Connects a caller with a leg, and waits for it.
    pub async fn bridge(&mut self, caller: &CallerHandle, leg: &str) {
        let answer = self.node.api(&format!("uuid_bridge {} {leg}", caller.channel())).await;
        assert_eq!(answer, format!("+OK {leg}"));
        let event = self.node.event("CHANNEL_BRIDGE").await;
        assert_eq!(event.get("Bridge-B-Unique-ID").as_deref(), Some(leg));
    }

    pub async fn set_variable(&mut self, caller: &CallerHandle, name: &str, value: &str) {
        let answer = self.node.api(&format!("uuid_setvar {} {name} {value}", caller.channel())).await;
        assert_eq!(answer, "+OK");
    }
}

pub(super) async fn link(sim: &Sim) -> Peer {
    let mut node = Peer::new(TcpStream::connect(sim.node_address()).await.unwrap());
    node.frame().await.unwrap();
    assert_eq!(node.ask("auth ClueCon").await, "+OK accepted");
    node
}

pub(super) fn caller() -> CallerScript {
    CallerScript::new("79001234567", "7001").named("Ivan").patient_for(s(120))
}
