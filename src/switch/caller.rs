//! A caller's own socket: what we do with him, and what becomes of him.
//!
//! In: a socket on which `connect` was answered. Out: [`Caller`], the story's hold of one caller.
//! One task owns the connection, carries out one command at a time and passes events on; the story talks to it
//! through bounded channels, so that a dropped future of the story never cuts a command in two.
//! **Invariants:** the task never waits for the story; it ends at the first doubt about the connection, and then
//! says so once ([`CallerEvent::HungUp`] or [`CallerEvent::Lost`] is always the last event). Dropping the
//! [`Caller`] closes the socket: the dialplan goes on with a waiting caller, a talk is left alone.

use std::collections::VecDeque;
use std::time::Duration;

use smallvec::SmallVec;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};
use tracing::Instrument as _;
use uuid::Uuid;

use crate::ids::ChannelId;

use super::cause::{self, HangupCause};
use super::listener::Open;
use super::socket::{Event, Execute, Socket, SocketError};
use super::text;

/// Names one play, so that its end can be told from others'.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PlayId(Uuid);

/// How often a sound is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loops {
    /// Once. What is played later waits for its end.
    Once,
    /// Until [`Caller::stop`], a bridge or the hangup. What is played once meanwhile is heard at once, inside it;
    /// other endless sound takes its place, the same goes on as it is.
    Forever,
}

crate::words! {
    /// A variable of ours on the caller's channel, readable in the dialplan.
    "variable" pub enum Variable {
        /// Which call it is.
        Call = "dozvon_call",
        /// The offer that won it.
        Offer = "dozvon_offer",
        /// The queue it waits in.
        Queue = "dozvon_queue",
        /// Why it was handed back to the dialplan.
        State = "dozvon_state",
        /// That a controller has had him for a good while: the dialplan forgets what troubles went before.
        Served = "dozvon_served",
    }
}

/// Something that happened to the caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallerEvent {
    /// A sound has ended: one that was to be played once, or endless sound that ended by itself, which it must not.
    Played {
        /// Which.
        id: PlayId,
        /// Whether there was such a sound, and it was heard out or stopped. False of endless sound.
        ok: bool,
    },
    /// He is connected with another channel.
    Bridged {
        /// Which.
        other: ChannelId,
    },
    /// He is no longer connected with the other channel.
    Unbridged,
    /// He is gone. The last event.
    HungUp {
        /// FreeSWITCH's word for why; `UNKNOWN` if the news was missed.
        cause: String,
    },
    /// His socket died; he may still be there, in the hands of the dialplan. The last event.
    Lost,
}

impl CallerEvent {
    const fn is_last(&self) -> bool {
        matches!(self, Self::HungUp { .. } | Self::Lost)
    }
}

/// Why something could not be done with a caller.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallerError {
    /// He hung up, or his socket died: [`Caller::event`] says which.
    #[error("the caller is gone")]
    Gone,
    /// FreeSWITCH said no, or we would not ask it.
    #[error("cannot {what}: {why}")]
    Refused {
        /// What was asked.
        what: &'static str,
        /// What FreeSWITCH said.
        why: String,
    },
}

/// The story's hold of one caller.
#[derive(Debug)]
pub struct Caller {
    channel: ChannelId,
    asks: mpsc::Sender<Ask>,
    events: mpsc::Receiver<CallerEvent>,
    last: Option<CallerEvent>,
}

impl Caller {
    /// His channel.
    #[must_use]
    pub const fn channel(&self) -> ChannelId {
        self.channel
    }

    /// Takes the call, so that he can hear us and is charged for it. Returns when FreeSWITCH has the order.
    ///
    /// # Errors
    /// If he is gone or FreeSWITCH refuses.
    pub async fn answer(&self) -> Result<(), CallerError> {
        self.ask(Verb::Answer).await
    }

    /// Plays a sound: a file of FreeSWITCH, or a `tone_stream://`, `local_stream://` or `silence_stream://`.
    ///
    /// # Errors
    /// If he is gone, FreeSWITCH refuses, or the source could do more than sound.
    pub async fn play(&self, source: &str, loops: Loops) -> Result<PlayId, CallerError> {
        if !is_sound(source) {
            let why = format!("{} is not plainly a sound", text::Shown(source));
            return Err(CallerError::Refused { what: "play", why });
        }
        let id = PlayId(Uuid::new_v4());
        self.ask(Verb::Play { id, source: source.to_owned(), loops }).await?;
        Ok(id)
    }

    /// Stops whatever is played or waits to be played.
    pub async fn stop(&self) {
        // refused only if he is gone, which his last event says
        let _ = self.ask(Verb::Stop).await;
    }

    /// Sets a variable of ours on his channel; the value of letters, digits and `_ . : @ + -`, at most 128.
    ///
    /// # Errors
    /// If he is gone, FreeSWITCH refuses, or the value holds anything else.
    pub async fn set(&self, variable: Variable, value: &str) -> Result<(), CallerError> {
        if !is_value(value) {
            let why = format!("{} is not a fit value", text::Shown(value));
            return Err(CallerError::Refused { what: "set a variable", why });
        }
        self.ask(Verb::Set { variable, value: value.to_owned() }).await
    }

    /// Connects him with a leg that was answered. From now on our death leaves the talk alone, and the end of
    /// the talk is the end of his call.
    ///
    /// Success means only that FreeSWITCH has begun: wait for [`CallerEvent::Bridged`], and after about three
    /// seconds without it call [`Caller::unbridge_failed`]. One at a time: a second one while the first is
    /// undecided leaves a leg that is connected with nobody (facts/freeswitch.md §2.2).
    ///
    /// # Errors
    /// If either of them is gone or FreeSWITCH refuses; he is then as safe as before.
    pub async fn bridge(&self, leg: ChannelId) -> Result<(), CallerError> {
        self.ask(Verb::Bridge { leg }).await
    }

    /// Says that a bridge did not come about: our death gives him to the dialplan again.
    pub async fn unbridge_failed(&self) {
        // refused only if he is gone, which his last event says
        let _ = self.ask(Verb::Resume).await;
    }

    /// Ends his call. [`CallerEvent::HungUp`] follows.
    pub async fn hangup(&self, cause: HangupCause) {
        // refused only if he is gone, which his last event says
        let _ = self.ask(Verb::HangUp { cause }).await;
    }

    /// Gives him back to the dialplan, which goes on after `socket` and finds `reason` in `dozvon_state`.
    /// A `reason` that is no fit value of a variable is left out.
    pub async fn hand_back(self, reason: &str) {
        let reason = is_value(reason).then(|| reason.to_owned());
        // refused only if he is gone: then there is nobody to give back
        let _ = self.ask(Verb::HandBack { reason }).await;
    }

    /// The next event. The last one is given again and again. Cancel-safe.
    pub async fn event(&mut self) -> CallerEvent {
        if let Some(last) = &self.last {
            return last.clone();
        }
        let event = self.events.recv().await.unwrap_or(CallerEvent::Lost);
        if event.is_last() {
            self.last = Some(event.clone());
        }
        event
    }

    async fn ask(&self, verb: Verb) -> Result<(), CallerError> {
        let (done, answer) = oneshot::channel();
        self.asks.send(Ask { verb, done }).await.map_err(|_| CallerError::Gone)?;
        answer.await.unwrap_or(Err(CallerError::Gone))
    }

    /// Tells FreeSWITCH what we want to hear, and starts the task that owns the connection.
    pub(super) async fn take(
        channel: ChannelId,
        mut socket: Socket,
        terms: Terms,
        open: Open,
    ) -> Result<Self, SocketError> {
        if let Err(error) = subscribe(&mut socket, channel, terms.linger).await {
            socket.close().await;
            return Err(error);
        }
        let (asks, asked) = mpsc::channel(4);
        let (events_in, events) = mpsc::channel(8);
        let line = Line {
            channel,
            socket,
            asked,
            outbox: VecDeque::new(),
            plays: SmallVec::new(),
            music: None,
            check: terms.check,
            look_at: Instant::now(),
            served_at: Some(Instant::now() + SERVED_AFTER),
            bridging: None,
            gone: false,
        };
        let span = tracing::info_span!("caller", %channel);
        tokio::spawn(line.run(events_in, open).instrument(span));
        Ok(Self { channel, asks, events, last: None })
    }
}

/// What the settings say about callers' sockets.
pub(super) struct Terms {
    pub linger: Duration,
    pub check: Duration,
}

/// Leaner than `myevents`: four kinds of event instead of 23, and of those not the ends of applications that
/// tell us nothing, since each costs 6 to 12 KB on the way.
///
/// FreeSWITCH turns a bridge round if the caller has no media yet, and after some transfers: its events then
/// carry the other channel's identity, and the caller's as side B.
async fn subscribe(socket: &mut Socket, channel: ChannelId, linger: Duration) -> Result<(), SocketError> {
    let orders = [
        format!("linger {}", linger.as_secs().max(1)),
        format!("filter Unique-ID {channel}"),
        format!("filter Bridge-B-Unique-ID {channel}"),
        "filter Application -answer".to_owned(),
        "filter Application -socket".to_owned(),
        format!("event plain {EVENTS}"),
    ];
    let refused = socket.all(&orders).await?.into_iter().find_map(Result::err);
    refused.map_or(Ok(()), |why| Err(SocketError::Refused(why)))
}

/// What is asked for; `filter` leaves of it what concerns this caller.
const EVENTS: &str = "CHANNEL_BRIDGE CHANNEL_UNBRIDGE CHANNEL_EXECUTE_COMPLETE CHANNEL_HANGUP_COMPLETE";

/// Whether a source is a file's path or a harmless stream, without anything that FreeSWITCH would expand,
/// split or run.
fn is_sound(source: &str) -> bool {
    const STREAMS: [&str; 3] = ["tone_stream://", "local_stream://", "silence_stream://"];
    let stream = STREAMS.iter().find_map(|scheme| source.strip_prefix(scheme));
    let path = stream.unwrap_or(source);
    let safe = |c: char| {
        c.is_alphanumeric() || "/_-. ".contains(c) || (stream.is_some() && "%(),;=+*:<>".contains(c))
    };
    (1..=256).contains(&source.len())
        && !path.contains("..")
        && !path.starts_with(' ')
        && path.chars().all(safe)
}

fn is_value(value: &str) -> bool {
    (1..=128).contains(&value.len())
        && value.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.:@+-".contains(&b))
}

#[derive(Debug)]
struct Ask {
    verb: Verb,
    done: oneshot::Sender<Result<(), CallerError>>,
}

#[derive(Debug)]
enum Verb {
    Answer,
    Play { id: PlayId, source: String, loops: Loops },
    Stop,
    Set { variable: Variable, value: String },
    Bridge { leg: ChannelId },
    Resume,
    HangUp { cause: HangupCause },
    HandBack { reason: Option<String> },
}

impl Verb {
    const fn what(&self) -> &'static str {
        match self {
            Self::Answer => "answer",
            Self::Play { .. } => "play",
            Self::Stop => "stop playing",
            Self::Set { .. } => "set a variable",
            Self::Bridge { .. } => "bridge",
            Self::Resume => "change what our death means to him",
            Self::HangUp { .. } => "hang up",
            Self::HandBack { .. } => "hand back",
        }
    }
}

/// What the dialplan finds in `dozvon_state` of a caller who was connected.
const TALKED: &str = "talked";
/// Events that may wait for the story; beyond that the oldest are dropped.
const OUTBOX: usize = 64;
/// How long a controller must live with a caller before that is service. One that dies sooner, again and again,
/// has used up his patience (fs-dialplan/dozvon.xml).
const SERVED_AFTER: Duration = Duration::from_secs(10);
/// How long the news of a hangup may take once the channel is found gone.
const NEWS: Duration = Duration::from_millis(500);
/// When to look whether a channel is gone that we have hung up.
const AFTER_HANGUP: Duration = Duration::from_secs(2);

/// A pass of endless sound that is shorter than this was the last one (switch_ivr.c, switch_ivr_parse_event).
const SHORTEST_PASS: Duration = Duration::from_millis(500);

/// Endless sound that is being played.
struct Music {
    /// Its name on the wire.
    name: PlayId,
    /// Its name for the story: the latest play that asked for it.
    id: PlayId,
    source: String,
    /// When the present pass began.
    since: Instant,
}

/// The task that owns the connection.
struct Line {
    channel: ChannelId,
    socket: Socket,
    asked: mpsc::Receiver<Ask>,
    outbox: VecDeque<CallerEvent>,
    /// What is played once and has not ended.
    plays: SmallVec<[PlayId; 2]>,
    music: Option<Music>,
    check: Duration,
    look_at: Instant,
    /// When to tell the dialplan that he was served; none once that is done.
    served_at: Option<Instant>,
    /// The leg that he is to be connected with, until FreeSWITCH says that he is.
    bridging: Option<ChannelId>,
    gone: bool,
}

impl Line {
    async fn run(mut self, events: mpsc::Sender<CallerEvent>, open: Open) {
        let last = self.live(&events).await;
        let Self { socket, outbox, asked, .. } = self;
        drop(asked);
        socket.close().await;
        drop(open);
        for event in outbox.into_iter().chain(last) {
            if events.send(event).await.is_err() {
                return;
            }
        }
    }

    /// Until he is gone, his socket is, or the story lets go of him (none).
    async fn live(&mut self, events: &mpsc::Sender<CallerEvent>) -> Option<CallerEvent> {
        loop {
            tokio::select! {
                biased;
                heard = self.socket.next() => match heard {
                    Ok(event) => if let Some(last) = self.hear(&event) { return Some(last) },
                    Err(error) => return Some(lost(&error)),
                },
                permit = events.reserve(), if !self.outbox.is_empty() => match (permit, self.outbox.pop_front()) {
                    (Ok(permit), Some(event)) => permit.send(event),
                    (Err(_), _) => return None,
                    (Ok(_), None) => {}
                },
                ask = self.asked.recv() => match self.obey(ask?).await {
                    Ok(Next::Go) => {}
                    Ok(Next::LetGo) => return None,
                    Err(error) => return Some(lost(&error)),
                },
                () = sleep_until(self.served_at.unwrap_or(self.look_at)), if self.served_at.is_some() => {
                    if let Err(error) = self.served().await { return Some(lost(&error)) }
                },
                () = sleep_until(self.look_at) => match self.look().await {
                    Ok(None) => {}
                    Ok(last) => return last,
                    Err(error) => return Some(lost(&error)),
                },
            }
        }
    }

    /// Takes an event in; the last one is returned.
    fn hear(&mut self, event: &Event) -> Option<CallerEvent> {
        let own = event.get("Unique-ID").and_then(|id| id.parse().ok()) == Some(self.channel);
        match event.kind() {
            "CHANNEL_HANGUP_COMPLETE" if own => {
                self.hear_of_bridge(event);
                let cause = text::word(&event.get("Hangup-Cause").unwrap_or_default());
                return Some(CallerEvent::HungUp { cause });
            }
            "CHANNEL_BRIDGE" => {
                let other = self.other(event)?;
                self.bridging = self.bridging.filter(|leg| *leg != other);
                self.tell(CallerEvent::Bridged { other });
            }
            "CHANNEL_UNBRIDGE" => self.tell(CallerEvent::Unbridged),
            "CHANNEL_EXECUTE_COMPLETE" if own => self.hear_played(event),
            _ => {}
        }
        None
    }

    /// The end of a call says with whom it was connected last (switch_ivr_bridge.c, where CHANNEL_BRIDGE is fired):
    /// the news of a short talk may come after that of its end.
    fn hear_of_bridge(&mut self, end: &Event) {
        let last = end.get("variable_last_bridge_to").and_then(|channel| channel.parse().ok());
        let since_us = end.get("Caller-Channel-Bridged-Time").and_then(|time| time.parse::<u64>().ok());
        let was = since_us.is_some_and(|since_us| since_us > 0);
        if let Some(other) = self.bridging.take().filter(|leg| was && Some(*leg) == last) {
            self.tell(CallerEvent::Bridged { other });
        }
    }

    /// The other side of a bridge, whichever way round FreeSWITCH sees it.
    fn other(&self, event: &Event) -> Option<ChannelId> {
        ["Bridge-B-Unique-ID", "Bridge-A-Unique-ID", "Other-Leg-Unique-ID"]
            .iter()
            .filter_map(|header| event.get(header)?.parse().ok())
            .find(|channel| *channel != self.channel)
    }

    fn hear_played(&mut self, event: &Event) {
        let name = event.get("Application-UUID").and_then(|id| Uuid::try_parse(&id).ok()).map(PlayId);
        let Some(name) = name else { return };
        let ok = event.get("Application-Response").as_deref() == Some("FILE PLAYED");
        if let Some(at) = self.plays.iter().position(|play| *play == name) {
            self.plays.swap_remove(at);
            self.tell(CallerEvent::Played { id: name, ok });
        } else if let Some(music) = self.music.as_mut().filter(|music| music.name == name) {
            let id = music.id;
            if ok && music.since.elapsed() >= SHORTEST_PASS {
                music.since = Instant::now();
                return;
            }
            self.music = None;
            // what ends with the call needs no word of its own
            if event.get("Answer-State").as_deref() != Some("hangup") {
                self.tell(CallerEvent::Played { id, ok: false });
            }
        }
    }

    fn tell(&mut self, event: CallerEvent) {
        if self.outbox.len() >= OUTBOX {
            self.outbox.pop_front();
            tracing::warn!("nobody listens to this caller: his oldest event is dropped");
        }
        self.outbox.push_back(event);
    }

    /// Carries out what the story asks; an error is doubt about the connection.
    async fn obey(&mut self, ask: Ask) -> Result<Next, SocketError> {
        let what = ask.verb.what();
        let lets_go = matches!(ask.verb, Verb::HandBack { .. });
        let (answer, next) = match self.perform(ask.verb).await {
            Ok(()) => (Ok(()), Ok(if lets_go { Next::LetGo } else { Next::Go })),
            Err(SocketError::Refused(why)) => {
                let next = if lets_go { Next::LetGo } else { Next::Go };
                (Err(CallerError::Refused { what, why }), Ok(next))
            }
            Err(error) => (Err(CallerError::Gone), Err(error)),
        };
        // nobody waits for the answer if the story has gone on
        let _ = ask.done.send(answer);
        next
    }

    async fn perform(&mut self, verb: Verb) -> Result<(), SocketError> {
        match verb {
            Verb::Answer => {
                let answer = Execute { app: "answer", arg: "", id: "", lock: false, forever: false };
                self.socket.execute(&answer).await
            }
            Verb::Play { id, source, loops } => self.play(id, &source, loops).await,
            Verb::Stop => self.stop().await,
            Verb::Set { variable, value } => self.set_variable(variable.as_str(), &value).await,
            Verb::Bridge { leg } => {
                self.bridging = Some(leg);
                self.bridge(leg).await
            }
            Verb::Resume => self.bridge_failed().await,
            Verb::HangUp { cause } => {
                self.look_at = Instant::now() + AFTER_HANGUP;
                self.api(format!("uuid_kill {} {cause}", self.channel)).await
            }
            Verb::HandBack { reason } => self.resume(reason.as_deref()).await,
        }
    }

    async fn play(&mut self, id: PlayId, source: &str, loops: Loops) -> Result<(), SocketError> {
        let once = loops == Loops::Once;
        if let Some(music) = self.music.as_mut().filter(|_| !once) {
            if music.source == source {
                music.id = id;
                return Ok(());
            }
            self.stop().await?;
        }
        let name = id.0.to_string();
        let execute = Execute { app: "playback", arg: source, id: &name, lock: once, forever: !once };
        self.socket.execute(&execute).await?;
        if once {
            self.plays.push(id);
        } else {
            self.music = Some(Music { name: id, id, source: source.to_owned(), since: Instant::now() });
        }
        Ok(())
    }

    async fn stop(&mut self) -> Result<(), SocketError> {
        self.music = None;
        self.api(format!("uuid_break {} all", self.channel)).await
    }

    /// The order matters: from the moment they talk, our death must not cut the talk, nor the dialplan take the
    /// end of the talk for a caller whom nobody took.
    async fn bridge(&mut self, leg: ChannelId) -> Result<(), SocketError> {
        let channel = self.channel;
        let commands = [
            format!("api uuid_setvar {channel} socket_resume false"),
            format!("api uuid_setvar {channel} hangup_after_bridge true"),
            format!("api uuid_setvar {channel} {} {TALKED}", Variable::State),
            format!("api uuid_bridge {channel} {leg}"),
        ];
        match self.socket.all(&commands).await?.pop() {
            Some(Ok(_)) => {
                self.music = None;
                Ok(())
            }
            Some(Err(why)) => {
                self.bridge_failed().await?;
                Err(SocketError::Refused(why))
            }
            None => Err(SocketError::Malformed("no answer to a bridge")),
        }
    }

    /// Gives the dialplan its right back, and has him asked after at once: he may be what was missing.
    async fn bridge_failed(&mut self) -> Result<(), SocketError> {
        if !self.gone {
            self.look_at = Instant::now();
        }
        self.resume(None).await
    }

    /// Has the dialplan go on with him when our socket closes, and find this state. Refused only if he is gone.
    async fn resume(&mut self, state: Option<&str>) -> Result<(), SocketError> {
        let channel = self.channel;
        let state = state.map_or(String::new(), |state| format!(" {state}"));
        let commands = [
            format!("api uuid_setvar {channel} {}{state}", Variable::State),
            format!("api uuid_setvar {channel} socket_resume true"),
            // A bridge that comes about after all must not end his call when we end the agent's leg.
            format!("api uuid_setvar {channel} hangup_after_bridge false"),
        ];
        self.socket.all(&commands).await.map(drop)
    }

    async fn set_variable(&mut self, name: &str, value: &str) -> Result<(), SocketError> {
        self.api(format!("uuid_setvar {} {name} {value}", self.channel)).await
    }

    async fn api(&mut self, command: String) -> Result<(), SocketError> {
        self.socket.api(&command).await.map(drop)
    }

    async fn served(&mut self) -> Result<(), SocketError> {
        self.served_at = None;
        match self.set_variable(Variable::Served.as_str(), "true").await {
            // refused only if he is gone, which his last event says
            Err(SocketError::Refused(_)) => Ok(()),
            other => other,
        }
    }

    /// Asks whether his channel is still there: events can be missed, as that of a hangup between `connect` and
    /// our subscription. The news gets a moment to come by itself, since it says why.
    async fn look(&mut self) -> Result<Option<CallerEvent>, SocketError> {
        if self.gone {
            return Ok(Some(CallerEvent::HungUp { cause: cause::UNKNOWN.to_owned() }));
        }
        match self.socket.api(&format!("uuid_exists {}", self.channel)).await {
            Ok(exists) => self.gone = exists == "false",
            Err(SocketError::Refused(_)) => {}
            Err(error) => return Err(error),
        }
        self.look_at = Instant::now() + if self.gone { NEWS } else { self.check };
        Ok(None)
    }
}

enum Next {
    Go,
    LetGo,
}

fn lost(error: &SocketError) -> CallerEvent {
    tracing::warn!(%error, "a caller's socket is given up");
    CallerEvent::Lost
}
