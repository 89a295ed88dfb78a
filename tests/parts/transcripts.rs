//! Holds the stand-in to recordings of FreeSWITCH 1.11.1: each story of tests/transcripts is told again.
//!
//! The test sends what the recorded controller sent, at the same times, on the same two connections ("node", to the
//! event socket; "call", the caller's own), and lets the stand-in's people do what the recorded ones did.
//!
//! **Compared, exactly and in order:**
//! - the replies to commands, and the answers to `api`, word for word (recorded uuids put for ours);
//! - on "call": every event and its headers named in [`HEADERS`], with uuids replaced by roles;
//! - on "node": the same, for each channel on its own; and the results of background jobs.
//! - for each of these events, its size: within a quarter of the recorded one; and of `connect`'s data, its form.
//!
//! **Left out, and why:**
//! - FreeSWITCH called itself over SIP, so "node" also heard the far ends of the caller's and the agents' channels,
//!   and the last of channels of earlier stories. There are no far ends here.
//! - The order across channels, and of replies against events: each channel is a thread of its own, and events go
//!   through a queue that is looked at every 20 ms, so that two recordings of one story differ in it.
//! - CHANNEL_PARK on "call": it comes if the caller was parked after `myevents`, which is a race (two of the
//!   recordings have it, one has not; "node" has it always, and there it is compared).
//! - HEARTBEAT: its phase. Rows of `show channels`: they hold other stories' channels. Where among the events the
//!   notice of a lingering socket stands (its text is compared): FreeSWITCH's poll decides.
//! - Whatever comes after the recording's end.

use std::collections::BTreeMap;
use std::time::Duration;

use dozvon::clock::{Clock, UnixMs};
use dozvon::sim::{Action, Behaviour, Behaviours, CallerScript, Pickup, Sim, SimSettings};
use tokio::io::{AsyncWriteExt as _, BufReader};
use tokio::net::tcp::OwnedWriteHalf;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use crate::support::esl::{Frame, next_frame};
use crate::support::paced::Pacer;

/// What of an event is compared.
const HEADERS: [&str; 16] = [
    "Event-Name",
    "Channel-State",
    "Channel-Call-State",
    "Answer-State",
    "Call-Direction",
    "Hangup-Cause",
    "Application",
    "Application-Data",
    "Application-Response",
    "Application-UUID",
    "Bridge-A-Unique-ID",
    "Bridge-B-Unique-ID",
    "Other-Type",
    "Other-Leg-Unique-ID",
    "DTMF-Digit",
    "variable_dz_offer",
];

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stream {
    Node,
    Call,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    FromSwitch,
    FromController,
    End,
}

/// One entry of a recording.
#[derive(Debug, Clone)]
struct Entry {
    at: Duration,
    stream: Stream,
    way: Way,
    text: String,
}

/// Who is who in one telling of a story.
struct Roles(BTreeMap<String, String>);

impl Roles {
    fn name(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, (uuid, role)| text.replace(uuid, role))
    }

    fn has(&self, uuid: &str) -> bool {
        self.0.contains_key(uuid)
    }
}

/// What is compared of one telling.
#[derive(Debug, Default, PartialEq, Eq)]
struct Told {
    replies: BTreeMap<Stream, Vec<String>>,
    events: BTreeMap<String, Vec<String>>,
    notices: Vec<String>,
    ended: bool,
}

impl Told {
    fn hear(&mut self, stream: Stream, frame: &Frame, roles: &Roles, sizes: &mut Vec<(String, usize)>) {
        match frame.kind() {
            "command/reply" if frame.get("Event-Name").is_none() => {
                let text = roles.name(frame.get("Reply-Text").unwrap_or_default());
                self.replies.entry(stream).or_default().push(text);
            }
            "command/reply" => {
                let ends = ["Event-Name", "Reply-Text", "Socket-Mode", "Control"].map(|name| frame.get(name));
                self.replies.entry(stream).or_default().push(format!("{ends:?}"));
                sizes.push((
                    "connect".to_owned(),
                    frame.headers.iter().map(|(n, v)| n.len() + v.len() + 3).sum(),
                ));
            }
            "api/response" => {
                let body = if frame.body.starts_with('{') { "{…}" } else { &frame.body };
                self.replies.entry(stream).or_default().push(roles.name(body).trim_end().to_owned());
            }
            "text/disconnect-notice" => {
                let texts = ["Controlled-Session-UUID", "Content-Disposition", "Linger-Time"];
                self.notices.push(roles.name(&format!("{:?}", texts.map(|name| frame.get(name)))));
            }
            _ => {}
        }
        if let Some(event) = frame.event() {
            self.hear_event(stream, &event, frame.body.trim_end().len(), roles, sizes);
        }
    }

    fn hear_event(
        &mut self,
        stream: Stream,
        event: &Frame,
        size: usize,
        roles: &Roles,
        sizes: &mut Vec<(String, usize)>,
    ) {
        let name = event.get("Event-Name").unwrap_or_default();
        if name == "BACKGROUND_JOB" {
            let job = event.get("Job-UUID").unwrap_or_default();
            let result = roles.name(event.body.trim_end());
            let command = event.get("Job-Command").unwrap_or_default();
            // the job that made the recorded caller call is not ours
            if roles.has(job) {
                self.events
                    .entry(format!("job {}", roles.name(job)))
                    .or_default()
                    .push(format!("{command}: {result}"));
            }
            return;
        }
        let uuid = event.get("Unique-ID").unwrap_or_default();
        if !roles.has(uuid) || (stream, name) == (Stream::Call, "CHANNEL_PARK") {
            return;
        }
        let said: Vec<String> = HEADERS
            .iter()
            .filter_map(|header| Some((header, event.get(header)?)))
            .filter(|(header, value)| **header != "Application-UUID" || !looks_random(value))
            .map(|(header, value)| format!("{header}={}", roles.name(value)))
            .collect();
        let line = said.join(" ");
        sizes.push((format!("{stream:?} {} {line}", roles.name(uuid)), size));
        self.events.entry(format!("{stream:?} {}", roles.name(uuid))).or_default().push(line);
    }
}

/// Whether an Application-UUID was made up by FreeSWITCH: ours have a word and a number.
fn looks_random(text: &str) -> bool {
    text.len() == 36 && text.matches('-').count() == 4
}

fn read(name: &str) -> Vec<Entry> {
    let path = format!("{}/tests/transcripts/{name}.esl", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).unwrap();
    let mut entries = Vec::new();
    for chunk in text.split("\n@ ").skip(1) {
        let (head, text) = chunk.split_once('\n').unwrap_or((chunk, ""));
        let mut words = head.split(' ');
        let at = Duration::from_secs_f64(words.next().unwrap().parse().unwrap());
        let stream = if words.next() == Some("node") { Stream::Node } else { Stream::Call };
        let way = match words.next() {
            Some("<") => Way::FromSwitch,
            Some(">") => Way::FromController,
            _ => Way::End,
        };
        entries.push(Entry { at, stream, way, text: text.to_owned() });
    }
    assert!(entries.len() > 20, "{name}");
    entries
}

/// One story: how the people behaved who are not in the recording.
struct Cast {
    name: &'static str,
    phones: Vec<(&'static str, Behaviours)>,
    hangs_up: Option<Duration>,
    presses: Option<(Duration, char)>,
}

fn cast(name: &'static str) -> Cast {
    Cast { name, phones: Vec::new(), hangs_up: None, presses: None }
}

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

impl Cast {
    fn phone(mut self, number: &'static str, behaviours: impl Into<Behaviours>) -> Self {
        self.phones.push((number, behaviours.into()));
        self
    }

    const fn caller_hangs_up(mut self, at: Duration) -> Self {
        self.hangs_up = Some(at);
        self
    }

    const fn caller_presses(mut self, at: Duration, digit: char) -> Self {
        self.presses = Some((at, digit));
        self
    }

    /// Tells the story again and compares.
    async fn play(self) {
        let _pacer = Pacer::start();
        let recording = read(self.name);
        let telling = Telling::begin(&self, &recording).await;
        let (recorded, sizes) = telling.recorded(&recording);
        let (told, own_sizes) = telling.tell(&recording).await;
        let none = Vec::new();
        let mut wrong = Vec::new();
        for (stream, replies) in &recorded.replies {
            wrong.extend(difference(stream, told.replies.get(stream).unwrap_or(&none), replies));
        }
        for (channel, events) in &recorded.events {
            wrong.extend(difference(channel, told.events.get(channel).unwrap_or(&none), events));
        }
        assert!(wrong.is_empty(), "{}\n{}", self.name, wrong.join("\n"));
        assert_eq!(told, recorded, "{}", self.name);
        compare_sizes(self.name, &sizes, &own_sizes);
    }
}

/// Where two lists part.
fn difference(what: impl std::fmt::Debug, own: &[String], recorded: &[String]) -> Option<String> {
    let at = (0..own.len().max(recorded.len())).find(|at| own.get(*at) != recorded.get(*at))?;
    let end = "(nothing more)".to_owned();
    let (ours, theirs) = (own.get(at).unwrap_or(&end), recorded.get(at).unwrap_or(&end));
    Some(format!("{what:?}, line {at}\n    FreeSWITCH: {theirs}\n    stand-in:   {ours}"))
}

/// Sizes are compared per kind of event, since the orders of channels differ.
fn compare_sizes(name: &str, recorded: &[(String, usize)], own: &[(String, usize)]) {
    let mut recorded = recorded.to_vec();
    let mut own = own.to_vec();
    recorded.sort();
    own.sort();
    for ((event, size), (same, mine)) in recorded.iter().zip(&own) {
        assert_eq!(event, same, "{name}");
        let ratio = *mine as f64 / *size as f64;
        assert!((0.75..1.25).contains(&ratio), "{name}: {mine} bytes instead of {size}: {event}");
    }
}

/// Both connections of one telling.
struct Telling {
    sim: Sim,
    began: Instant,
    port: u16,
    controller: TcpListener,
    script: CallerScript,
    caller: String,
    recorded_caller: String,
    legs: Vec<String>,
    jobs: Vec<String>,
    node: OwnedWriteHalf,
    call: Option<OwnedWriteHalf>,
    told: mpsc::UnboundedSender<(Stream, Frame)>,
    frames: mpsc::UnboundedReceiver<(Stream, Frame)>,
}

fn find_all(recording: &[Entry], way: Way, header: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in recording.iter().filter(|entry| entry.way == way) {
        for part in entry.text.split(header).skip(1) {
            let uuid: String = part.chars().take_while(|c| c.is_ascii_hexdigit() || *c == '-').collect();
            if !found.contains(&uuid) {
                found.push(uuid);
            }
        }
    }
    found
}

impl Telling {
    async fn begin(cast: &Cast, recording: &[Entry]) -> Self {
        let data = recording.iter().find(|entry| entry.text.starts_with("Event-Name: CHANNEL_DATA")).unwrap();
        let data = Frame::parse(&data.text);
        let micros: i64 = data.get("Event-Date-Timestamp").unwrap().parse().unwrap();
        let settings = SimSettings {
            pace: Duration::ZERO,
            attempts: 1,
            fallback: recorded_fallback(),
            // whole seconds of the clock decide when an originate times out
            clock: Clock::starting_at(UnixMs(micros / 1000)),
            ..SimSettings::default()
        };
        let sim = Sim::start(settings).await.unwrap();
        let controller = TcpListener::bind("127.0.0.1:0").await.unwrap();
        sim.set_controllers(&[controller.local_addr().unwrap()]).await;
        for (number, behaviours) in &cast.phones {
            sim.phone(&format!("sofia/internal/{number}@127.0.0.1:5060"), behaviours.clone()).await;
        }
        let mut script = CallerScript::new("79001234567", "7001").named("Ivan");
        script.patience = cast.hangs_up; // both count from the call's start, a few milliseconds in
        script.keys.extend(cast.presses);
        let node = TcpStream::connect(sim.node_address()).await.unwrap();
        let (told, frames) = mpsc::unbounded_channel();
        let node = listen(Stream::Node, node, &told);
        Self {
            port: controller.local_addr().unwrap().port(),
            controller,
            script,
            caller: String::new(),
            recorded_caller: data.get("Unique-ID").unwrap().to_owned(),
            legs: find_all(recording, Way::FromController, "origination_uuid="),
            jobs: find_all(recording, Way::FromController, "Job-UUID: "),
            sim,
            began: Instant::now(),
            node,
            call: None,
            told,
            frames,
        }
    }

    fn roles(&self, caller: &str) -> Roles {
        let numbered = |kind: &'static str, uuids: &[String]| {
            uuids
                .iter()
                .enumerate()
                .map(move |(at, uuid)| (uuid.clone(), format!("{kind}{at}")))
                .collect::<Vec<_>>()
        };
        let mut roles: BTreeMap<_, _> = numbered("leg", &self.legs).into_iter().collect();
        roles.extend(numbered("job", &self.jobs));
        roles.insert(caller.to_owned(), "caller".to_owned());
        roles.insert(format!("127.0.0.1%3A{}", self.port), "127.0.0.1%3A8084".to_owned());
        Roles(roles)
    }

    fn recorded(&self, recording: &[Entry]) -> (Told, Vec<(String, usize)>) {
        let roles = self.roles(&self.recorded_caller);
        let (mut told, mut sizes) = (Told::default(), Vec::new());
        for entry in recording.iter().filter(|entry| entry.way == Way::FromSwitch) {
            told.hear(entry.stream, &Frame::parse(entry.text.trim_end_matches('\n')), &roles, &mut sizes);
        }
        told.ended = recording.iter().any(|entry| entry.way == Way::End);
        (told, sizes)
    }

    /// Sends what was sent, when it was sent, and gathers what is heard until the recording's end.
    async fn tell(mut self, recording: &[Entry]) -> (Told, Vec<(String, usize)>) {
        let mut ended = false;
        for entry in recording.iter().filter(|entry| entry.way != Way::FromSwitch) {
            sleep_until(self.began + entry.at).await;
            if entry.way == Way::End {
                // recorded where the controller closed its side
                self.call.take().unwrap().shutdown().await.unwrap();
                ended = true;
                continue;
            }
            if entry.text.starts_with("connect") {
                self.caller_calls().await;
            }
            let command = self.command(&entry.text);
            let to = if entry.stream == Stream::Node { &mut self.node } else { self.call.as_mut().unwrap() };
            to.write_all(command.as_bytes()).await.unwrap();
        }
        let end = recording.last().unwrap().at + ms(60);
        sleep_until(self.began + end).await;
        let roles = self.roles(&self.caller);
        let (mut told, mut sizes) = (Told { ended, ..Told::default() }, Vec::new());
        while let Ok((stream, frame)) = self.frames.try_recv() {
            told.hear(stream, &frame, &roles, &mut sizes);
        }
        self.sim.stop().await;
        (told, sizes)
    }

    async fn caller_calls(&mut self) {
        self.caller = self.sim.call(self.script.clone()).await.channel().to_string();
        let (call, _) = self.controller.accept().await.unwrap();
        self.call = Some(listen(Stream::Call, call, &self.told));
    }

    /// A recorded command in the form in which it was on the wire: the recorder left the last newline out where a
    /// body follows.
    fn command(&self, text: &str) -> String {
        let text = text.trim_end_matches('\n').replace(&self.recorded_caller, &self.caller);
        let text = text.replace("auth ********", &format!("auth {}", self.sim.password()));
        if text.contains("content-length: ") { text } else { text + "\n\n" }
    }
}

fn listen(
    stream: Stream,
    socket: TcpStream,
    told: &mpsc::UnboundedSender<(Stream, Frame)>,
) -> OwnedWriteHalf {
    let (read, write) = socket.into_split();
    let told = told.clone();
    tokio::spawn(async move {
        let mut read = BufReader::new(read);
        while let Some(frame) = next_frame(&mut read).await {
            told.send((stream, frame)).ok();
        }
    });
    write
}

/// What the recorded dialplan did after `socket`.
fn recorded_fallback() -> Vec<Action> {
    let action = |app: &str, data: &str| (app.to_owned(), data.to_owned());
    vec![action("log", "WARNING socket-returned"), action("playback", "tone_stream://%(500,500,400);loops=2")]
}

#[tokio::test(start_paused = true)]
async fn answered() {
    cast("answered").phone("9004", Behaviour::answers(ms(2000))).play().await;
}

#[tokio::test(start_paused = true)]
async fn abandoned() {
    cast("abandoned").phone("9001", Pickup::NoAnswer).caller_hangs_up(ms(395)).play().await;
}

#[tokio::test(start_paused = true)]
async fn busy() {
    cast("busy").phone("9002", Pickup::Busy).caller_hangs_up(ms(880)).play().await;
}

#[tokio::test(start_paused = true)]
async fn rejected() {
    cast("rejected").phone("9003", Pickup::Rejects(ms(0))).caller_hangs_up(ms(880)).play().await;
}

#[tokio::test(start_paused = true)]
async fn no_answer() {
    cast("no_answer").phone("9001", Pickup::NoAnswer).caller_hangs_up(ms(880)).play().await;
}

#[tokio::test(start_paused = true)]
async fn late_answer() {
    cast("late_answer").phone("9004", Behaviour::answers(ms(2000))).caller_hangs_up(ms(880)).play().await;
}

#[tokio::test(start_paused = true)]
async fn ring_all() {
    let cast = cast("ring_all").phone("9004", Behaviour::answers(ms(2000))).phone("9001", Pickup::NoAnswer);
    cast.caller_hangs_up(ms(3940)).play().await;
}

#[tokio::test(start_paused = true)]
async fn confirm_timeout() {
    let never = Behaviour { confirms: None, ..Behaviour::answers(ms(0)) };
    cast("confirm_timeout").phone("9000", never).caller_hangs_up(ms(6070)).play().await;
}

#[tokio::test(start_paused = true)]
async fn transferred() {
    let transfers = Behaviour::answers(ms(0)).transferring_after(ms(540), "9100");
    cast("transferred").phone("9000", transfers).play().await;
}

#[tokio::test(start_paused = true)]
async fn drop_while_waiting() {
    cast("drop_while_waiting").play().await;
}

#[tokio::test(start_paused = true)]
async fn drop_while_talking() {
    cast("drop_while_talking").phone("9000", Behaviour::answers(ms(0))).play().await;
}

#[tokio::test(start_paused = true)]
async fn menu() {
    cast("menu").caller_presses(ms(1050), '2').caller_hangs_up(ms(2080)).play().await;
}
