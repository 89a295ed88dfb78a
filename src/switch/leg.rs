//! One originated call leg, from originate until it is surely gone.
//!
//! In: a request, news of its node, the owner's wishes. Out: [`LegEvent`]s, the last one exactly once.
//! One task keeps each leg: it sends the originate, cancels until both the job's result and the end of every
//! channel are known, and asks FreeSWITCH whenever the news does not add up.
//! **Invariants:** a leg that nobody wants any more is ended, even one that FreeSWITCH has yet to create; a leg
//! in a talk is left alone; after the link was down nothing is believed before FreeSWITCH was asked; every
//! wait has an end.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::DropGuard;
use tracing::Instrument as _;

use crate::ids::{CallId, ChannelId, OfferId};
use crate::routing::contact::Contact;

use super::cause;
use super::dial;
use super::link::AskError;
use super::node::{Hub, Sight};
use super::text;
use super::track::{Signal, Track};
use super::wire::WireError;

/// Whom to ring, for whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LegRequest {
    /// The leg's identity; made by us, new for every leg.
    pub leg: ChannelId,
    /// Whom to ring.
    pub contact: Contact,
    /// The call for which it rings.
    pub call: CallId,
    /// The offer that it belongs to.
    pub offer: OfferId,
    /// How long it may ring. The owner's timer is the authority; a later one here is a safeguard.
    pub ring_timeout: Duration,
    /// The number to show; left out if it is not one.
    pub caller_number: String,
    /// The name to show; only letters, digits and ` . - _` of it are shown.
    pub caller_name: String,
    /// Whether picking up is not enough: the agent has to press 1.
    pub confirm: bool,
    /// What asks him to, if it is not the node's own sound.
    pub confirm_sound: Option<String>,
    /// Who is rung.
    pub role: LegRole,
}

crate::words! {
    /// Who is rung on a leg; the mark that it carries.
    "role of a leg" pub enum LegRole {
        /// An agent, or another contact of ours.
        Agent = "agent",
        /// A customer who is called back.
        Customer = "customer",
    }
}

crate::words! {
    /// Why a leg is ended; FreeSWITCH's own words, which come back as the cause.
    "leg cancel" pub enum Cancel {
        /// The caller for whom it rings is gone or served elsewhere.
        OriginatorCancel = "ORIGINATOR_CANCEL",
        /// Another leg of the same call was quicker.
        LoseRace = "LOSE_RACE",
        /// It rang for long enough.
        NoAnswer = "NO_ANSWER",
        /// The talk is over.
        NormalClearing = "NORMAL_CLEARING",
    }
}

/// Something that happened to a leg.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LegEvent {
    /// It exists: the phone is being called.
    Created,
    /// The phone was picked up. It cannot be connected yet: FreeSWITCH has to finish the originate, and with
    /// [`LegRequest::confirm`] the key is yet to be pressed.
    PickedUp,
    /// It can be connected.
    Answered {
        /// The channel to connect: the leg's own identity, or one that FreeSWITCH chose for a phone of a user.
        channel: ChannelId,
    },
    /// It is over, and nothing of it is left. The last event.
    Ended {
        /// FreeSWITCH's word for why, or one of [`cause`]'s; [`cause::outcome`] reads it.
        cause: String,
        /// Whether it could be connected.
        answered: bool,
        /// Whether the phone was picked up.
        picked_up: bool,
        /// Whether it is known that the phone rang: without this it may have, or may not.
        rang: bool,
    },
}

/// The owner's hold of one leg. Dropping it ends the leg, unless it is in a talk.
#[derive(Debug)]
pub struct Leg {
    id: ChannelId,
    events: mpsc::Receiver<LegEvent>,
    wish: watch::Sender<Wish>,
    last: Option<LegEvent>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Wish {
    cancel: Option<Cancel>,
    in_talk: bool,
}

impl Leg {
    /// The leg's identity. Its channel's, except for directory users: see [`LegEvent::Answered`].
    #[must_use]
    pub const fn id(&self) -> ChannelId {
        self.id
    }

    /// The next event. The last one is given again and again. Cancel-safe.
    pub async fn event(&mut self) -> LegEvent {
        if let Some(last) = &self.last {
            return last.clone();
        }
        let lost = || LegEvent::Ended {
            cause: cause::UNKNOWN.to_owned(),
            answered: false,
            picked_up: false,
            rang: false,
        };
        let event = self.events.recv().await.unwrap_or_else(lost);
        if matches!(event, LegEvent::Ended { .. }) {
            self.last = Some(event.clone());
        }
        event
    }

    /// Ends the leg. [`LegEvent::Ended`] follows when nothing of it is left; no `Answered` comes any more that
    /// has not come already. Only the first cause counts.
    pub fn cancel(&self, cause: Cancel) {
        self.wish.send_if_modified(|wish| {
            let first = wish.cancel.is_none();
            wish.cancel.get_or_insert(cause);
            first
        });
    }

    /// Says that the leg is in a talk: dropping this hold leaves it alone from now on.
    pub fn in_talk(&self) {
        self.wish.send_modify(|wish| wish.in_talk = true);
    }

    pub(super) fn start(hub: Arc<Hub>, links: Arc<DropGuard>, request: LegRequest) -> Self {
        Self::keep(hub, links, Begin::Ring(request))
    }

    /// Takes over a leg in a talk that was rung by an earlier run of the controller.
    pub(super) fn adopt(hub: Arc<Hub>, links: Arc<DropGuard>, talk: Talk) -> Self {
        Self::keep(hub, links, Begin::Talk(talk))
    }

    fn keep(hub: Arc<Hub>, links: Arc<DropGuard>, begin: Begin) -> Self {
        let (id, call) = begin.names();
        let (events_in, events) = mpsc::channel(4);
        let in_talk = matches!(begin, Begin::Talk(_));
        let (wish, wishes) = watch::channel(Wish { cancel: None, in_talk });
        let span = tracing::info_span!("leg", leg = %id, call.id = %call, node = %hub.settings.name);
        let keeper = Keeper::new(hub, &begin, events_in, wishes);
        let keeping = async move {
            keeper.run(begin).await;
            drop(links);
        };
        tokio::spawn(keeping.instrument(span));
        Self { id, events, wish, last: None }
    }
}

/// How the keeping of a leg begins.
enum Begin {
    Ring(LegRequest),
    Talk(Talk),
}

impl Begin {
    const fn names(&self) -> (ChannelId, CallId) {
        match self {
            Self::Ring(request) => (request.leg, request.call),
            Self::Talk(talk) => (talk.leg, talk.call),
        }
    }
}

/// A leg in a talk, as an earlier run of the controller left it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Talk {
    /// The leg's identity, which its channel carries.
    pub leg: ChannelId,
    /// Its channel.
    pub channel: ChannelId,
    /// The call.
    pub call: CallId,
}

/// First and longest wait before a cancel is repeated.
const CANCEL_AGAIN: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));
/// How long the pieces of news about one end may lie apart.
const NEWS: Duration = Duration::from_secs(2);
/// How long after a channel was found gone the news of it may come, which says why.
const LATE_NEWS: Duration = Duration::from_millis(500);
/// How long after the end of FreeSWITCH's own limit an originate without a result is given up.
const GRACE: Duration = Duration::from_secs(3);
/// How long after it was given up a leg may still be found and ended.
const GHOST: Duration = Duration::from_secs(600);

/// The task that keeps one leg.
struct Keeper {
    hub: Arc<Hub>,
    leg: ChannelId,
    /// Whether picking up is not enough.
    confirm: bool,
    track: Track,
    signals: mpsc::Receiver<Signal>,
    events: mpsc::Sender<LegEvent>,
    wishes: watch::Receiver<Wish>,
    /// Whether the owner still holds the leg.
    held: bool,
    cancel: Option<Cancel>,
    sight: watch::Receiver<Sight>,
    seen: Sight,
    /// When to cancel (again).
    cancel_at: Option<Instant>,
    cancel_again: Duration,
    /// When to give up an originate that has not led to an answer.
    stop_at: Instant,
    /// When to ask FreeSWITCH what is true.
    look_at: Instant,
    /// Whether the session that was to tell the originate's result is over.
    orphaned: bool,
    /// Whether the last look found something gone whose news is out.
    doubted: bool,
    /// When to give up the leg, since the link is down.
    lost_at: Option<Instant>,
}

impl Keeper {
    fn new(
        hub: Arc<Hub>,
        begin: &Begin,
        events: mpsc::Sender<LegEvent>,
        wishes: watch::Receiver<Wish>,
    ) -> Self {
        let now = Instant::now();
        let (leg, own, confirm, limit) = match begin {
            Begin::Ring(request) => (
                request.leg,
                dial::has_own_channel(&request.contact).then_some(request.leg),
                request.confirm,
                dial::originate_limit(request, &hub.settings),
            ),
            Begin::Talk(talk) => (talk.leg, Some(talk.channel), false, Duration::ZERO),
        };
        let mut sight = hub.sight();
        let seen = *sight.borrow_and_update();
        Self {
            track: Track::new(own),
            signals: hub.enter(leg),
            events,
            wishes,
            held: true,
            cancel: None,
            seen,
            sight,
            cancel_at: None,
            cancel_again: CANCEL_AGAIN.0,
            stop_at: now + limit + GRACE,
            look_at: now + hub.settings.leg_check,
            orphaned: false,
            doubted: false,
            lost_at: None,
            leg,
            confirm,
            hub,
        }
    }

    async fn run(mut self, begin: Begin) {
        match begin {
            Begin::Ring(request) => self.originate(&request).await,
            Begin::Talk(talk) => {
                self.feed(Signal::Won(talk.channel));
                // It may have ended between our asking and our listening.
                self.look_at = Instant::now();
            }
        }
        let last = self.keep().await;
        self.leave();
        if let Some(last) = last {
            tracing::debug!(?last, "leg over");
            // nobody listens if the owner let go of it
            let _ = self.events.send(last).await;
        }
        if self.lost_at.is_some() {
            self.haunt().await;
        }
    }

    async fn originate(&mut self, request: &LegRequest) {
        let command = dial::originate(request, &self.hub.settings);
        match self.hub.job(command).await {
            Ok(_) => {}
            Err(AskError::Down) => self.feed(Signal::Failed(cause::LINK_LOST.to_owned())),
            Err(AskError::Wire(WireError::Refused(why))) => {
                tracing::error!(
                    why,
                    "FreeSWITCH refused to originate; may this login run `bgapi originate`?"
                );
                self.feed(Signal::Failed(cause::UNKNOWN.to_owned()));
            }
            Err(AskError::Wire(error)) => {
                tracing::warn!(%error, "it is unknown whether FreeSWITCH got the originate");
                self.orphaned = true;
                self.cancel(Cancel::OriginatorCancel);
            }
        }
    }

    /// Until the leg is over, given up, or left alone in its talk (none).
    async fn keep(&mut self) -> Option<LegEvent> {
        loop {
            if let Some(last) = self.track.ended() {
                return Some(last);
            }
            let wake = self.wake();
            tokio::select! {
                biased;
                changed = self.wishes.changed(), if self.held => {
                    let wish = *self.wishes.borrow_and_update();
                    self.held = changed.is_ok();
                    if !self.held && wish.in_talk && wish.cancel.is_none() {
                        return None;
                    }
                    if let Some(cause) = wish.cancel.or((!self.held).then_some(Cancel::OriginatorCancel)) {
                        self.cancel(cause);
                    }
                }
                signal = self.signals.recv() => if let Some(signal) = signal {
                    self.hub.looked();
                    self.feed(signal);
                },
                _ = self.sight.changed() => if let Some(last) = self.see() { return Some(last) },
                () = sleep_until(wake) => if let Some(last) = self.act().await { return Some(last) },
            }
        }
    }

    /// When something is due next.
    fn wake(&self) -> Instant {
        let stop = (!self.track.is_answered() && self.cancel.is_none()).then_some(self.stop_at);
        [self.cancel_at, self.lost_at, stop].into_iter().flatten().fold(self.look_at, Instant::min)
    }

    /// Takes news in and passes on what is new; nothing more once the owner has cancelled.
    fn feed(&mut self, signal: Signal) {
        let now = Instant::now();
        if self.cancel.is_some() && !matches!(signal, Signal::HungUp(..) | Signal::Failed(_)) {
            self.cancel_at = Some(now);
        }
        let wanted = self.cancel.is_none() && self.wishes.borrow().cancel.is_none();
        for event in self.track.hear(signal) {
            if wanted && self.events.try_send(event).is_err() {
                tracing::debug!("nobody listens to this leg");
            }
        }
        // where one half of the news has come, the other must follow soon
        let picked_up = self.track.is_picked_up() && !self.confirm;
        let half = if self.track.is_pending() {
            self.track.all_gone() || picked_up
        } else {
            !self.track.is_answered()
        };
        if half {
            self.look_at = self.look_at.min(now + NEWS);
        }
    }

    fn cancel(&mut self, cause: Cancel) {
        if self.cancel.is_none() {
            self.cancel = Some(cause);
            self.cancel_at = Some(Instant::now());
        }
    }

    /// The link went or came: jobs of an earlier session are lost, and nothing is believed unasked. After a
    /// restart nothing is left to ask for.
    fn see(&mut self) -> Option<LegEvent> {
        let before = std::mem::replace(&mut self.seen, *self.sight.borrow_and_update());
        let now = Instant::now();
        if before.core.is_some() && self.seen.core != before.core {
            self.lost_at = None;
            return Some(self.given_up(cause::SWITCH_RESTARTED));
        }
        if self.seen.session != before.session {
            self.orphaned = true;
            if self.confirm && !self.track.is_answered() {
                // whether the key was pressed cannot be known any more
                self.cancel(Cancel::OriginatorCancel);
            }
        }
        if self.seen.session != before.session || self.seen.missed != before.missed {
            self.doubted = false;
            self.look_at = now;
        }
        // A talk goes on whether or not we see it.
        let blind = !self.seen.up && !self.wishes.borrow().in_talk;
        self.lost_at = blind.then(|| self.lost_at.unwrap_or(now + self.hub.settings.lost_leg));
        None
    }

    /// Does what is due.
    async fn act(&mut self) -> Option<LegEvent> {
        let now = Instant::now();
        if self.lost_at.is_some_and(|at| at <= now) {
            return Some(self.given_up(cause::LINK_LOST));
        }
        if self.stop_at <= now && !self.track.is_answered() && self.cancel.is_none() {
            tracing::warn!(link_up = self.seen.up, "neither answered nor ended in time: cancelled here");
            self.cancel(Cancel::NoAnswer);
        }
        if let Some(cause) = self.cancel.filter(|_| self.cancel_at.is_some_and(|at| at <= now)) {
            self.kill(cause).await;
            self.cancel_at = Some(Instant::now() + self.cancel_again);
            self.cancel_again = (self.cancel_again * 2).min(CANCEL_AGAIN.1);
            self.look_at = self.look_at.min(now + NEWS);
        }
        if self.look_at <= now {
            self.look().await;
        }
        None
    }

    /// Ends whatever exists of the leg. It may not exist yet: the cancel is repeated until it is over.
    async fn kill(&self, cause: Cancel) {
        let suspects = self.track.suspects();
        for channel in &suspects {
            self.ask(format!("uuid_kill {channel} {cause}")).await;
        }
        if suspects.is_empty() && !self.track.all_gone() {
            self.ask(format!("hupall {cause} {} {}", dial::LEG_ID, self.leg)).await;
        }
    }

    /// Asks FreeSWITCH which channels of the leg exist. What is found gone twice is gone, though its news is
    /// out; what is found there is asked whether it was answered meanwhile. A result that can be told no more is
    /// waited for no longer.
    async fn look(&mut self) {
        self.look_at = Instant::now() + self.hub.settings.leg_check;
        let mut gone = Vec::new();
        for channel in self.track.suspects() {
            match self.ask(format!("uuid_exists {channel}")).await.as_deref() {
                Some("false") => gone.push(channel),
                Some("true") => self.look_closer(channel).await,
                Some(_) | None => {
                    self.look_at = Instant::now() + NEWS;
                    return;
                }
            }
        }
        let alive = self.track.alive();
        gone.retain(|channel| alive.contains(channel));
        if gone.is_empty() && !self.is_resultless() {
            self.doubted = false;
        } else if std::mem::replace(&mut self.doubted, true) {
            self.conclude(&gone).await;
        } else {
            self.look_at = Instant::now() + LATE_NEWS;
        }
    }

    /// Whether the originate's result ought to have come, or can come no more.
    fn is_resultless(&self) -> bool {
        let overdue = self.stop_at + GRACE <= Instant::now();
        self.track.is_pending() && (self.orphaned || overdue || self.track.all_gone())
    }

    async fn conclude(&mut self, gone: &[ChannelId]) {
        self.doubted = false;
        for channel in gone {
            self.feed(Signal::HungUp(*channel, cause::UNKNOWN.to_owned()));
        }
        if self.is_resultless() {
            if self.track.suspects().is_empty() {
                self.kill(self.cancel.unwrap_or(Cancel::OriginatorCancel)).await;
            }
            self.feed(Signal::JobLost);
        }
    }

    async fn look_closer(&mut self, channel: ChannelId) {
        self.feed(Signal::Created(channel));
        if self.track.is_answered() || self.confirm {
            return;
        }
        let before = self.track.is_picked_up();
        let dump = self.ask(format!("uuid_dump {channel}")).await.unwrap_or_default();
        if dump.lines().any(|line| line.trim_end() == "Answer-State: answered") {
            // answered for a while, and no result: that was lost
            self.feed(if before { Signal::Won(channel) } else { Signal::Answered(channel) });
        }
    }

    /// An API command's answer; none if there was no answer, or a no.
    async fn ask(&self, command: String) -> Option<String> {
        match self.hub.api(command).await {
            Ok(said) => Some(said),
            Err(AskError::Wire(WireError::Refused(why))) => {
                tracing::trace!(why, "FreeSWITCH refused");
                None
            }
            Err(error) => {
                tracing::debug!(%error, "FreeSWITCH cannot be asked");
                None
            }
        }
    }

    /// The last event of a leg that is out of sight.
    fn given_up(&self, why: &str) -> LegEvent {
        match self.track.ending() {
            LegEvent::Ended { answered, picked_up, rang, .. } => {
                LegEvent::Ended { cause: text::word(why), answered, picked_up, rang }
            }
            other => other,
        }
    }

    fn leave(&mut self) {
        self.hub.leave(self.leg);
        self.signals.close();
        while self.signals.try_recv().is_ok() {
            self.hub.looked();
        }
    }

    /// The leg was given up while the link was down: if it is back in time, what is left of the leg is ended,
    /// unless it was in a talk.
    async fn haunt(&mut self) {
        let back = self.sight.wait_for(|sight| sight.up);
        let in_talk = self.wishes.borrow().in_talk;
        if in_talk || !matches!(timeout(GHOST, back).await, Ok(Ok(_))) {
            return;
        }
        let cause = self.cancel.unwrap_or(Cancel::OriginatorCancel);
        self.ask(format!("hupall {cause} {} {}", dial::LEG_ID, self.leg)).await;
    }
}
