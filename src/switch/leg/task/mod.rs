//! The task of one leg.
//!
//! In: how the leg begins, signals, commands of the owner, the state of the link. Out: events for the owner, commands to
//! FreeSWITCH. The other files hold methods of [`LegTask`]: `originate` begins the leg, `cancel` ends it, `look` asks
//! FreeSWITCH for its state, and `link_state` reacts to the link.

mod cancel;
mod link_state;
mod look;
mod originate;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

use crate::cause;
use crate::ids::LegId;
use crate::switch::dial;
use crate::switch::hub::{AwaitedLeg, Hub, LinkState};
use crate::switch::leg_state::{LegSignal, LegState};
use crate::switch::load::Wait;
use crate::switch::originate_pool::OriginateConnection;

use self::cancel::CANCEL_AGAIN;
use self::originate::result_on;
use super::command::LegCommand;
use super::{Cancel, LegEvent, LegRequest};
use crate::switch::leg_request::Begin;

/// How far apart the events about the end of one leg may come.
const EVENTS_APART: Duration = Duration::from_secs(2);

/// How long after FreeSWITCH's own limit an originate without a result is given up.
const GRACE: Duration = Duration::from_secs(3);

/// The task of one leg.
pub(super) struct LegTask {
    hub: Arc<Hub>,
    leg: LegId,
    /// Whether a key must be pressed after picking up.
    confirm: bool,
    state: LegState,
    /// The wait for the leg's first channel.
    awaits_channel: Option<Wait>,
    /// Where the originate's result comes, if the leg has a connection of its own.
    connection: Option<OriginateConnection>,
    signals: mpsc::Receiver<LegSignal>,
    events: mpsc::Sender<LegEvent>,
    commands: watch::Receiver<LegCommand>,
    /// Whether the owner's handle still exists.
    held: bool,
    cancel: Option<Cancel>,
    link_state: watch::Receiver<LinkState>,
    seen: LinkState,
    /// When to cancel (again).
    cancel_at: Option<Instant>,
    cancel_again: Duration,
    /// When to give up an originate that has not led to an answer.
    stop_at: Instant,
    /// When to ask FreeSWITCH for the leg's state.
    check_at: Instant,
    /// Whether the session is over that would have received the originate's result.
    orphaned: bool,
    /// Whether the last check found that a channel is gone while its hangup event has not come.
    in_doubt: bool,
    /// When to give up the leg because the link is down.
    lost_at: Option<Instant>,
    /// Set while somebody waits for the leg's next event: an answer, or the end of a leg that is being ended.
    awaited: Option<AwaitedLeg>,
}

impl LegTask {
    pub(super) fn new(
        hub: Arc<Hub>,
        begin: &Begin,
        events: mpsc::Sender<LegEvent>,
        commands: watch::Receiver<LegCommand>,
    ) -> Self {
        let now = Instant::now();
        let (leg, own, confirm, limit) = match begin {
            Begin::Ring(request) => (
                request.leg,
                dial::has_own_channel(&request.contact).then_some(request.leg.channel()),
                request.confirm.is_some(),
                dial::originate_limit(request),
            ),
            Begin::InTalk(talk) => (talk.leg, Some(talk.channel), false, Duration::ZERO),
        };
        let mut link_state = hub.link_state();
        let seen = *link_state.borrow_and_update();
        Self {
            state: LegState::new(own),
            awaits_channel: None,
            connection: None,
            signals: hub.open_mailbox(leg),
            events,
            commands,
            held: true,
            cancel: None,
            seen,
            link_state,
            cancel_at: None,
            cancel_again: CANCEL_AGAIN.0,
            stop_at: now + limit + GRACE,
            check_at: now + hub.settings.leg_check_interval,
            orphaned: false,
            in_doubt: false,
            lost_at: None,
            awaited: None,
            leg,
            confirm,
            hub,
        }
    }

    pub(super) async fn run(mut self, begin: Begin) {
        match begin {
            Begin::Ring(request) => self.originate(&request).await,
            Begin::InTalk(talk) => {
                self.feed(LegSignal::Succeeded(talk.channel));
                if talk.may_be_over {
                    self.check_at = Instant::now();
                }
            }
        }
        let last = self.keep().await;
        self.leave();
        if let Some(last) = last {
            tracing::debug!(?last, "leg over");
            // Nobody listens if the owner has dropped the leg.
            let _ = self.events.send(last).await;
        }
        if self.lost_at.is_some() {
            self.kill_when_link_returns().await;
        }
    }

    /// Runs until the leg is over or given up, and returns its last event; none if the leg is left alone in its talk.
    async fn keep(&mut self) -> Option<LegEvent> {
        loop {
            if let Some(last) = self.state.ended() {
                return Some(last);
            }
            self.note_awaited();
            let wake = self.wake();
            tokio::select! {
                biased;
                changed = self.commands.changed(), if self.held => {
                    let command = *self.commands.borrow_and_update();
                    self.held = changed.is_ok();
                    if !self.held && command.in_talk && command.cancel.is_none() {
                        return None;
                    }
                    self.set_loss_limit();
                    if let Some(cause) = command.cancel.or((!self.held).then_some(Cancel::OriginatorCancel)) {
                        self.cancel(cause);
                    }
                }
                signal = self.signals.recv() => if let Some(signal) = signal {
                    self.hub.taken();
                    self.feed(signal);
                },
                result = result_on(&mut self.connection) => self.take_result(result),
                _ = self.link_state.changed() => if let Some(last) = self.link_changed() { return Some(last) },
                () = sleep_until(wake) => if let Some(last) = self.act().await { return Some(last) },
            }
        }
    }

    /// Notes whether the leg's next event is awaited: of a leg in a talk it is not, nor of a leg whose phone is being called
    /// and whose own connection tells the answer, unless the leg is being ended.
    fn note_awaited(&mut self) {
        let told = self.state.is_answered() || self.connection.is_some() && self.awaits_channel.is_none();
        let awaited = !told || self.cancel.is_some();
        if awaited != self.awaited.is_some() {
            self.awaited = awaited.then(|| AwaitedLeg::new(&self.hub));
        }
    }

    /// When something is due next.
    fn wake(&self) -> Instant {
        let stop = (!self.state.is_answered() && self.cancel.is_none()).then_some(self.stop_at);
        [self.cancel_at, self.lost_at, stop].into_iter().flatten().fold(self.check_at, Instant::min)
    }

    /// Takes in a signal, and sends the owner the events that follow from it; none once the owner has cancelled.
    fn feed(&mut self, signal: LegSignal) {
        let now = Instant::now();
        if self.cancel.is_some() && !matches!(signal, LegSignal::HungUp(..) | LegSignal::Failed(_)) {
            self.cancel_at = Some(now);
        }
        self.awaits_channel = None;
        let wanted = self.cancel.is_none() && self.commands.borrow().cancel.is_none();
        for event in self.state.apply(signal) {
            if wanted && self.events.try_send(event).is_err() {
                tracing::debug!("nobody listens to this leg");
            }
        }
        // The originate's result and the events of the channel come in pairs: after one, the other must follow soon.
        let picked_up = self.state.is_picked_up() && !self.confirm;
        let half = if self.state.is_pending() {
            self.state.all_gone() || picked_up
        } else {
            !self.state.is_answered()
        };
        if half {
            self.check_at = self.check_at.min(now + EVENTS_APART);
        }
    }

    /// Does what is due.
    async fn act(&mut self) -> Option<LegEvent> {
        let now = Instant::now();
        if self.lost_at.is_some_and(|at| at <= now) {
            return Some(self.given_up(cause::LINK_LOST));
        }
        if self.stop_at <= now && !self.state.is_answered() && self.cancel.is_none() {
            tracing::warn!(link_up = self.seen.up, "the leg neither answered nor ended in time: cancelled");
            self.cancel(Cancel::NoAnswer);
        }
        self.kill_when_due(now).await;
        if self.check_at <= now {
            self.check().await;
        }
        None
    }

    fn leave(&mut self) {
        self.awaited = None;
        self.hub.close_mailbox(self.leg);
        self.signals.close();
        while self.signals.try_recv().is_ok() {
            self.hub.taken();
        }
    }
}
