//! One FreeSWITCH: its two links, the legs that ring on it, and what is known about its health.
//!
//! In: its settings; requests to ring. Out: [`Leg`]s, answers to queries, whether it is up, which run of
//! FreeSWITCH it is, counts.
//! **Invariants:** events reach a leg's own mailbox without waiting (a full mailbox is counted and makes every
//! leg check what is true); a leg is in the router from before its originate is sent until it is over.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::ids::{ChannelId, CoreId, NodeName};

use super::cause;
use super::dial::LEG_ID;
use super::leg::{Leg, LegRequest, Talk};
use super::link::{AskError, Asker, Command, Link, Role};
use super::settings::NodeSettings;
use super::text;
use super::track::Signal;
use super::wire::{Event, WireError};

/// Counts of one node, since it was started.
#[derive(Debug, Default)]
pub struct NodeStats {
    /// Events taken.
    pub events: AtomicU64,
    /// Events lost because we did not take them fast enough.
    pub events_dropped: AtomicU64,
    /// Events that found a leg's mailbox full.
    pub mailbox_full: AtomicU64,
    /// News about legs that wait to be looked at now.
    pub queue_depth: AtomicU64,
    /// Legs alive now.
    pub legs: AtomicU64,
    /// Commands sent.
    pub commands: AtomicU64,
    /// Times that an established link to it began, both links together.
    pub connects: AtomicU64,
    /// Times that connecting or logging in failed.
    pub connect_failures: AtomicU64,
    /// Times that its heartbeat stayed out for too long.
    pub heartbeat_gaps: AtomicU64,
    /// Times that another run of FreeSWITCH was found.
    pub restarts: AtomicU64,
}

impl NodeStats {
    /// What only grows, in the order of [`crate::metrics::NODE_COUNTERS`].
    #[must_use]
    pub fn counts(&self) -> [u64; crate::metrics::NODE_COUNTERS.len()] {
        let of = [
            &self.events,
            &self.events_dropped,
            &self.mailbox_full,
            &self.commands,
            &self.connects,
            &self.connect_failures,
            &self.heartbeat_gaps,
            &self.restarts,
        ];
        of.map(|count| count.load(Ordering::Relaxed))
    }
}

/// Counts one up.
pub(super) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// A node cannot be asked to ring.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("FreeSWITCH node {node} is down; see the log for why, and `dozvon check` for what to do")]
pub struct NodeDown {
    /// Which.
    pub node: NodeName,
}

/// Why a query has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// There is no connection.
    #[error(transparent)]
    Down(#[from] NodeDown),
    /// The connection was lost over it, or no answer came in time.
    #[error("FreeSWITCH node {node} gave no answer: {why}")]
    NoAnswer {
        /// Which.
        node: NodeName,
        /// What happened.
        why: String,
    },
    /// FreeSWITCH answered with a no.
    #[error("FreeSWITCH node {node} refused: {why}")]
    Refused {
        /// Which.
        node: NodeName,
        /// What it said.
        why: String,
    },
}

/// One FreeSWITCH. Cheap to clone; its links end with the last clone and the last leg.
#[derive(Debug, Clone)]
pub struct Node {
    hub: Arc<Hub>,
    _stop_on_drop: Arc<DropGuard>,
}

impl Node {
    /// Starts to keep links to it. Returns at once; [`Node::up`] says when it can be used.
    #[must_use]
    pub fn start(settings: NodeSettings) -> Self {
        let (main, main_asked) = Asker::new(settings.command_queue);
        let (queries, queries_asked) = Asker::new(settings.command_queue);
        let hub = Arc::new(Hub::new(settings.clone(), main, queries));
        let stop = CancellationToken::new();
        for (role, asked) in [(Role::Events, main_asked), (Role::Queries, queries_asked)] {
            let (node, hub, stop) = (settings.clone(), Arc::clone(&hub), stop.clone());
            tokio::spawn(Link { role, node, hub, asked, stop }.run());
        }
        Self { hub, _stop_on_drop: Arc::new(stop.drop_guard()) }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &NodeName {
        &self.hub.settings.name
    }

    /// Whether both links are up, now and as it changes.
    #[must_use]
    pub fn up(&self) -> watch::Receiver<bool> {
        self.hub.up.subscribe()
    }

    /// Which run of FreeSWITCH it is, as far as known, now and as it changes.
    #[must_use]
    pub fn core(&self) -> watch::Receiver<Option<CoreId>> {
        self.hub.core.subscribe()
    }

    /// What happened so far.
    #[must_use]
    pub fn stats(&self) -> &NodeStats {
        &self.hub.stats
    }

    /// Rings a contact. The timer of the offer is the caller's matter: [`Leg::cancel`].
    ///
    /// # Errors
    /// If the node is down. Everything else is told by the leg's events.
    pub fn ring(&self, request: LegRequest) -> Result<Leg, NodeDown> {
        if !*self.hub.up.borrow() {
            return Err(NodeDown { node: self.name().clone() });
        }
        Ok(Leg::start(Arc::clone(&self.hub), Arc::clone(&self._stop_on_drop), request))
    }

    /// Watches a leg in a talk that an earlier run of the controller rang. Its last event tells the end of it.
    #[must_use]
    pub fn adopt(&self, talk: Talk) -> Leg {
        Leg::adopt(Arc::clone(&self.hub), Arc::clone(&self._stop_on_drop), talk)
    }

    /// Whether a leg is kept by this process.
    #[must_use]
    pub fn keeps(&self, leg: ChannelId) -> bool {
        lock(&self.hub.legs).contains_key(&leg)
    }

    /// Runs an API command on the link for queries, and returns what it printed. The command's text must be
    /// our own: nothing that a peer sent may be in it.
    ///
    /// # Errors
    /// If the node is down, does not answer in time, or refuses (`-ERR …`, `-USAGE …`).
    pub async fn query(&self, command: &str) -> Result<String, QueryError> {
        let node = self.name().clone();
        self.hub.queries.ask(Command::Api(command.to_owned())).await.map_err(|error| match error {
            AskError::Down => NodeDown { node }.into(),
            AskError::Wire(WireError::Refused(why)) => QueryError::Refused { node, why },
            AskError::Wire(error) => QueryError::NoAnswer { node, why: error.to_string() },
        })
    }
}

/// What legs see of their node's event link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Sight {
    /// Whether events come in.
    pub up: bool,
    /// Grows when a session begins: jobs of the one before are lost.
    pub session: u64,
    /// Grows when events may have been missed.
    pub missed: u64,
    /// Which run of FreeSWITCH.
    pub core: Option<CoreId>,
}

/// What the node, its links and its legs share.
#[derive(Debug)]
pub(super) struct Hub {
    pub settings: NodeSettings,
    pub stats: NodeStats,
    main: Asker,
    queries: Asker,
    legs: Mutex<HashMap<ChannelId, mpsc::Sender<Signal>>>,
    links: Mutex<[bool; 2]>,
    up: watch::Sender<bool>,
    core: watch::Sender<Option<CoreId>>,
    sight: watch::Sender<Sight>,
    last_heartbeat: Mutex<Instant>,
    alarmed: AtomicBool,
}

impl Hub {
    fn new(settings: NodeSettings, main: Asker, queries: Asker) -> Self {
        Self {
            settings,
            stats: NodeStats::default(),
            main,
            queries,
            legs: Mutex::default(),
            links: Mutex::default(),
            up: watch::Sender::new(false),
            core: watch::Sender::new(None),
            sight: watch::Sender::default(),
            last_heartbeat: Mutex::new(Instant::now()),
            alarmed: AtomicBool::new(false),
        }
    }

    /// A mailbox for one leg, and its news.
    pub(super) fn enter(&self, leg: ChannelId) -> mpsc::Receiver<Signal> {
        let (signals, mailbox) = mpsc::channel(MAILBOX);
        lock(&self.legs).insert(leg, signals);
        count(&self.stats.legs);
        mailbox
    }

    /// No more news for a leg.
    pub(super) fn leave(&self, leg: ChannelId) {
        if lock(&self.legs).remove(&leg).is_some() {
            self.stats.legs.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Whether there are legs whose news is waited for.
    pub(super) fn has_legs(&self) -> bool {
        self.stats.legs.load(Ordering::Relaxed) > 0
    }

    /// What legs see of the event link, now and as it changes.
    pub(super) fn sight(&self) -> watch::Receiver<Sight> {
        self.sight.subscribe()
    }

    /// Starts a background job on the event link.
    pub(super) async fn job(&self, command: String) -> Result<String, AskError> {
        self.main.ask(Command::BgApi(command)).await
    }

    /// Runs an API command on the link for queries, or if that is down on the other one.
    pub(super) async fn api(&self, command: String) -> Result<String, AskError> {
        match self.queries.ask(Command::Api(command.clone())).await {
            Err(AskError::Down) => self.main.ask(Command::Api(command)).await,
            answer => answer,
        }
    }

    /// A link is up.
    pub(super) fn link_up(&self, role: Role) {
        count(&self.stats.connects);
        self.set_link(role, true);
        if role == Role::Events {
            self.sight.send_modify(|sight| {
                sight.up = true;
                sight.session += 1;
            });
        }
    }

    /// A link is down.
    pub(super) fn link_down(&self, role: Role) {
        self.set_link(role, false);
        if role == Role::Events {
            self.sight.send_modify(|sight| sight.up = false);
        }
    }

    fn set_link(&self, role: Role, up: bool) {
        let mut links = lock(&self.links);
        links[usize::from(role == Role::Queries)] = up;
        let both = links.iter().all(|up| *up);
        self.up.send_if_modified(|up| std::mem::replace(up, both) != both);
    }

    /// The event link is about to be up, with this run of FreeSWITCH if it told.
    pub(super) fn session_begins(&self, core: Option<CoreId>) {
        *lock(&self.last_heartbeat) = Instant::now();
        if let Some(core) = core {
            self.learn_core(core);
        }
    }

    fn learn_core(&self, core: CoreId) {
        let known = *self.core.borrow();
        if known == Some(core) {
            return;
        }
        if known.is_some() {
            count(&self.stats.restarts);
            tracing::warn!(node = %self.settings.name, %core, "FreeSWITCH was restarted: its calls are gone");
        }
        self.core.send_replace(Some(core));
        self.sight.send_modify(|sight| sight.core = Some(core));
    }

    /// Counts events that were lost and has every leg check what is true. Returns the new total.
    pub(super) fn note_dropped(&self, before: u64, now: u64) -> u64 {
        if now > before {
            self.stats.events_dropped.fetch_add(now - before, Ordering::Relaxed);
            tracing::error!(node = %self.settings.name, events = now - before, "events of FreeSWITCH were lost");
            self.doubt();
        }
        now
    }

    fn doubt(&self) {
        self.sight.send_modify(|sight| sight.missed += 1);
    }

    /// Raises the alarm, once, if no heartbeat came for too long.
    pub(super) fn watch_heart(&self, now: Instant, gap: Duration) {
        let silent = now.saturating_duration_since(*lock(&self.last_heartbeat));
        if silent > gap && !self.alarmed.swap(true, Ordering::Relaxed) {
            count(&self.stats.heartbeat_gaps);
            tracing::error!(
                node = %self.settings.name, silent_ms = silent.as_millis(),
                "no heartbeat of FreeSWITCH: it hangs, or a client of its event socket does not read"
            );
        }
    }

    /// Takes one event: to its leg's mailbox, without waiting.
    pub(super) fn take(&self, event: &Event, now: Instant) {
        count(&self.stats.events);
        if event.kind() == "HEARTBEAT" {
            *lock(&self.last_heartbeat) = now;
            if self.alarmed.swap(false, Ordering::Relaxed) {
                tracing::info!(node = %self.settings.name, "FreeSWITCH's heartbeat is back");
            }
        }
        if self.core.borrow().is_none()
            && let Some(core) = event.get("Core-UUID").and_then(|core| core.parse().ok())
        {
            self.learn_core(core);
        }
        if let Some(leg) = rang(event) {
            self.deliver(leg.0, Signal::Rang(leg.1));
        }
        if let Some((leg, signal)) = news(event) {
            self.deliver(leg, signal);
        }
    }

    fn deliver(&self, leg: ChannelId, signal: Signal) {
        let full = match lock(&self.legs).get(&leg) {
            Some(mailbox) => {
                // first, since the leg may look at it before we go on here
                count(&self.stats.queue_depth);
                mailbox.try_send(signal).is_err()
            }
            None => return,
        };
        if full {
            self.looked();
            count(&self.stats.mailbox_full);
            self.doubt();
        }
    }

    /// One piece of news waits no more.
    pub(super) fn looked(&self) {
        self.stats.queue_depth.fetch_sub(1, Ordering::Relaxed);
    }
}

/// News that may wait for one leg; it gets about five in its life.
const MAILBOX: usize = 32;

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Which leg an event is about, and what it says.
///
/// A job is known by the leg's identity in its own command line, not by its number: so its result finds the leg
/// even if the answer that carries the number is late or lost.
fn news(event: &Event) -> Option<(ChannelId, Signal)> {
    let channel = || event.get("Unique-ID")?.parse::<ChannelId>().ok();
    let leg = || event.get(&format!("variable_{LEG_ID}"))?.parse::<ChannelId>().ok();
    match event.kind() {
        "CHANNEL_CREATE" => Some((leg()?, Signal::Created(channel()?))),
        "CHANNEL_ANSWER" => Some((leg()?, Signal::Answered(channel()?))),
        "CHANNEL_HANGUP_COMPLETE" => {
            let cause = text::word(event.get("Hangup-Cause").unwrap_or_default());
            Some((leg()?, Signal::HungUp(channel()?, cause)))
        }
        "BACKGROUND_JOB" if event.get("Job-Command") == Some("originate") => {
            let (_, after) = event.get("Job-Command-Arg")?.split_once(LEG_ID)?;
            let leg = after.strip_prefix('=')?.get(..36)?.parse().ok()?;
            Some((leg, result(event.body())))
        }
        _ => None,
    }
}

/// The leg and the channel whose end says that it had rung, or was heard to: both times are 0 where it was not.
fn rang(event: &Event) -> Option<(ChannelId, ChannelId)> {
    let heard = ["Caller-Channel-Progress-Time", "Caller-Channel-Progress-Media-Time"];
    let rang = event.kind() == "CHANNEL_HANGUP_COMPLETE"
        && heard.iter().any(|time| event.get(time).is_some_and(|time| !matches!(time, "" | "0")));
    let leg = || event.get(&format!("variable_{LEG_ID}"))?.parse().ok();
    if rang { Some((leg()?, event.get("Unique-ID")?.parse().ok()?)) } else { None }
}

/// Reads a job's result: `+OK <uuid>` or `-ERR <cause>`.
fn result(body: &str) -> Signal {
    let said = body.trim();
    if let Some(channel) = said.strip_prefix("+OK").and_then(|channel| channel.trim().parse().ok()) {
        return Signal::Won(channel);
    }
    let cause = said.strip_prefix("-ERR").map_or(cause::UNKNOWN, str::trim);
    Signal::Failed(text::word(cause))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEG: &str = "413748d3-092b-4bc3-834a-03343ec14f5e";
    const CHANNEL: &str = "538ba9be-b3c5-4ef6-89df-aac9bf2286dd";

    fn job(arg: &str, body: &str) -> Option<(ChannelId, Signal)> {
        let headers =
            [("Event-Name", "BACKGROUND_JOB"), ("Job-Command", "originate"), ("Job-Command-Arg", arg)];
        news(&Event::new(&headers, Some(body)))
    }

    #[test]
    fn a_job_finds_its_leg() {
        let leg = LEG.parse().unwrap();
        let arg = format!("{{origination_uuid={LEG},dozvon_leg_id={LEG},dozvon_leg=agent}}user/1 &park()");
        let won = Signal::Won(CHANNEL.parse().unwrap());
        assert_eq!(job(&arg, &format!("+OK {CHANNEL}\n")), Some((leg, won)));
        assert_eq!(job(&arg, "-ERR USER_BUSY\n"), Some((leg, Signal::Failed("USER_BUSY".into()))));
        for odd in ["-ERR Throttle Error! 1\n", "-USAGE: <call url>", "", "+OK", "nonsense"] {
            assert_eq!(job(&arg, odd), Some((leg, Signal::Failed("UNKNOWN".into()))), "{odd}");
        }
        assert_eq!(job("{a=b}user/1 &park()", "-ERR USER_BUSY"), None);
        assert_eq!(job("dozvon_leg_id=é", "-ERR USER_BUSY"), None);
    }

    #[test]
    fn a_channels_event_finds_its_leg() {
        let of = |kind: &str| {
            let variable = ("variable_dozvon_leg_id", LEG);
            news(&Event::new(
                &[("Event-Name", kind), ("Unique-ID", CHANNEL), variable, ("Hangup-Cause", "NO_ANSWER")],
                None,
            ))
        };
        let (leg, channel) = (LEG.parse().unwrap(), CHANNEL.parse().unwrap());
        assert_eq!(of("CHANNEL_CREATE"), Some((leg, Signal::Created(channel))));
        assert_eq!(of("CHANNEL_ANSWER"), Some((leg, Signal::Answered(channel))));
        assert_eq!(of("CHANNEL_HANGUP_COMPLETE"), Some((leg, Signal::HungUp(channel, "NO_ANSWER".into()))));
        assert_eq!(of("HEARTBEAT"), None);
        assert_eq!(news(&Event::new(&[("Event-Name", "CHANNEL_ANSWER")], None)), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_heart_alarms_once() {
        let hub = Hub::new(NodeSettings::default(), Asker::new(1).0, Asker::new(1).0);
        let gap = Duration::from_secs(45);
        let begun = Instant::now();
        let gaps = || hub.stats.heartbeat_gaps.load(Ordering::Relaxed);
        hub.watch_heart(begun + gap, gap);
        assert_eq!(gaps(), 0);
        hub.watch_heart(begun + gap * 2, gap);
        hub.watch_heart(begun + gap * 3, gap);
        assert_eq!(gaps(), 1);
        hub.take(&Event::new(&[("Event-Name", "HEARTBEAT"), ("Core-UUID", LEG)], None), begun + gap * 3);
        hub.watch_heart(begun + gap * 3, gap);
        hub.watch_heart(begun + gap * 5, gap);
        assert_eq!(gaps(), 2);
        assert_eq!(*hub.core.borrow(), Some(LEG.parse().unwrap()));
    }

    #[test]
    fn a_full_mailbox_is_counted_and_doubted() {
        let hub = Hub::new(NodeSettings::default(), Asker::new(1).0, Asker::new(1).0);
        let leg = LEG.parse().unwrap();
        let mailbox = hub.enter(leg);
        for _ in 0..=MAILBOX {
            hub.deliver(leg, Signal::JobLost);
        }
        assert_eq!(hub.stats.mailbox_full.load(Ordering::Relaxed), 1);
        assert_eq!(hub.stats.queue_depth.load(Ordering::Relaxed), MAILBOX as u64);
        assert_eq!(hub.sight.borrow().missed, 1);
        drop(mailbox);
        hub.leave(leg);
        hub.deliver(leg, Signal::JobLost);
        assert_eq!(hub.stats.legs.load(Ordering::Relaxed), 0);
    }

    /// A leg may look at its news before whoever delivered it has counted it.
    #[test]
    fn what_waits_is_never_less_than_nothing() {
        let hub = Hub::new(NodeSettings::default(), Asker::new(1).0, Asker::new(1).0);
        let leg = LEG.parse().unwrap();
        let mut mailbox = hub.enter(leg);
        let depth = || hub.stats.queue_depth.load(Ordering::Relaxed);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for _ in 0..200_000 {
                    hub.deliver(leg, Signal::JobLost);
                }
                hub.leave(leg);
            });
            while mailbox.blocking_recv().is_some() {
                hub.looked();
                assert!(depth() <= MAILBOX as u64 + 1, "{}", depth());
            }
        });
        assert_eq!(depth(), 0);
    }

    #[test]
    fn lost_events_are_counted_and_doubted() {
        let hub = Hub::new(NodeSettings::default(), Asker::new(1).0, Asker::new(1).0);
        let mut dropped = 0;
        for now in [0, 3, 3, 10] {
            dropped = hub.note_dropped(dropped, now);
            assert_eq!(hub.stats.events_dropped.load(Ordering::Relaxed), now);
        }
        assert_eq!(hub.sight.borrow().missed, 2, "once for each time that it grew");
    }
}
