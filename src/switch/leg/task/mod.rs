//! The task that keeps one leg.
//!
//! In: how it begins, news, wishes, what is seen of its node. Out: events for the owner, commands to FreeSWITCH.
//! What it does when not all goes well is in the other files, as methods of [`Keeper`]: `cancel` ends what nobody
//! wants, `look` asks FreeSWITCH what is true, `sight` is what a lost link means.

mod cancel;
mod link_state;
mod look;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

use crate::cause;
use crate::ids::ChannelId;
use crate::switch::ask::AskError;
use crate::switch::dial;
use crate::switch::hub::{Hub, Sight};
use crate::switch::track::{Signal, Track};
use crate::switch::wire::WireError;

use self::cancel::CANCEL_AGAIN;
use super::command::Wish;
use super::{Cancel, LegEvent, LegRequest};
use crate::switch::leg_request::Begin;

/// How long the pieces of news about one end may lie apart.
const NEWS: Duration = Duration::from_secs(2);

/// How long after the end of FreeSWITCH's own limit an originate without a result is given up.
const GRACE: Duration = Duration::from_secs(3);

/// The task that keeps one leg.
pub(super) struct Keeper {
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
    pub(super) fn new(
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
                request.confirm.is_some(),
                dial::originate_limit(request),
            ),
            Begin::InTalk(talk) => (talk.leg, Some(talk.channel), false, Duration::ZERO),
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

    pub(super) async fn run(mut self, begin: Begin) {
        match begin {
            Begin::Ring(request) => self.originate(&request).await,
            Begin::InTalk(talk) => {
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
                    self.limit_blindness();
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
        self.kill_when_due(now).await;
        if self.look_at <= now {
            self.look().await;
        }
        None
    }

    fn leave(&mut self) {
        self.hub.leave(self.leg);
        self.signals.close();
        while self.signals.try_recv().is_ok() {
            self.hub.looked();
        }
    }
}
