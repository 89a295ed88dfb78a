//! The story of one callback, from the board to its end: an agent accepts, the customer is dialled, they talk.
//!
//! In: a case that was leased, with the row of its call. Out: [`End`], recorded on every path in one transaction with
//! what follows for the case.

use std::sync::Arc;

use tokio::sync::mpsc;
use tracing::Instrument as _;

use super::redial::{Dialling, ended};
use crate::call::attempt::{AGENT_LEFT, BRIDGE_FAILED, DRAINED, not_dialled, record};
use crate::call::talk::{Between, Talk, TalkOver};
use crate::cause::SWITCH_RESTARTED;
use crate::context::App;
use crate::dispatch::answered::{DOOR, Knock, Reply};
use crate::dispatch::meeting::{Entry, Meeting};
use crate::dispatch::queued_caller::{FirstRing, Leaving, Waiter};
use crate::dispatch::trunks::{Customer, Place};
use crate::ids::{AttemptId, ChannelId, OfferId};
use crate::missed::attempt::Outcome;
use crate::missed::outgoing::Said;
use crate::queue::first::First;
use crate::store::callbacks::{self, End, How, NotReserved, Reserve, Terms, Work};
use crate::store::{StoreError, attempts, until_recorded};
use crate::switch::{Answer, Cancel, Confirm, Leg, Node};

pub(super) const CALLER_IS_HERE: &str = "CALLER_IS_HERE";

/// A callback under way.
pub(super) struct Story {
    pub(super) app: Arc<App>,
    pub(super) terms: Terms,
    pub(super) work: Work,
    pub(super) node: Node,
    pub(super) place: Place,
}

/// Carries out one callback. `place` is its room on the trunks, `entry` and `meetings` its part among those under way.
pub async fn run(
    app: Arc<App>,
    terms: Terms,
    work: Work,
    node: Node,
    place: Place,
    (entry, meetings): (Entry, mpsc::Receiver<Meeting>),
) {
    let call = work.call;
    let hold = app.held.call(call);
    let span = tracing::info_span!("callback", call.id = %call, case.id = %work.case);
    let story = Story { app, terms, work, node, place };
    async {
        let how = story.tell(meetings).await;
        story.app.dispatcher.leave(call, Leaving::Gone).await;
        story.end(how).await;
    }
    .instrument(span)
    .await;
    drop(entry);
    drop(hold);
}

impl Story {
    /// Waits on the board for an agent, and has him talk to the customer.
    async fn tell(&self, mut meetings: mpsc::Receiver<Meeting>) -> How {
        if self.app.draining.is_cancelled() {
            return How::Released(DRAINED);
        }
        if self.app.settings.callback.customer_first
            && let Some(how) = self.customer_first(&mut meetings).await
        {
            return how;
        }
        let (knock, mut knocks) = mpsc::channel(DOOR);
        if let Err(error) = self.app.dispatcher.join(self.waiter(knock)).await {
            tracing::warn!(%error, "the callback cannot wait there");
            return How::Released("NO_QUEUE");
        }
        let lease = self.app.clock.instant_of(self.work.lease_until);
        let draining = self.app.draining.clone();
        loop {
            tokio::select! {
                biased;
                () = draining.cancelled() => return How::Released(DRAINED),
                // He is here himself: dropping what he asks with lets him wait like anybody.
                Some(_) = meetings.recv() => return How::Released(CALLER_IS_HERE),
                knock = knocks.recv() => match knock {
                    Some(knock) => match self.dial(knock, &mut meetings).await {
                        Some(how) => return how,
                        None => continue,
                    },
                    None => return How::Released("QUEUE_GONE"),
                },
                () = tokio::time::sleep_until(lease) => return How::Released("LEASE_OVER"),
            }
        }
    }

    pub(super) fn waiter(&self, knock: mpsc::Sender<Knock>) -> Waiter {
        let settings = &self.app.settings.callback;
        let until = self.app.clock.now() + settings.assignee_first;
        Waiter {
            call: self.work.call,
            queue: self.work.queue.clone(),
            joined_at: self.work.due_at,
            first_ring: FirstRing::awaited(),
            node: self.node.clone(),
            channel: None,
            number: self.work.number.to_string(),
            name: format!("{} {}", settings.shown_as, self.work.name).trim().to_owned(),
            knock,
            confirm: settings.confirm.then(|| Confirm {
                sound: settings.confirm_sound.clone(),
                within: self.node.confirm_timeout(),
            }),
            rest: settings.agent_rest,
            yields: true,
            first: self.work.first.clone().map(|agent| First { agent, until }),
        }
    }

    /// An agent is there. None when nothing came of him, and the next one may be asked.
    async fn dial(&self, mut knock: Knock, meetings: &mut mpsc::Receiver<Meeting>) -> Option<How> {
        let line = tokio::select! {
            biased;
            () = knock.left.cancelled() => {
                knock.answer(Reply::Unreached);
                return None;
            }
            line = self.place.turn() => line,
        };
        let attempt = match self.reserve(&knock).await {
            Ok(Some(attempt)) => attempt,
            Ok(None) => {
                knock.answer(Reply::Lost);
                return None;
            }
            Err(how) => {
                self.app.dispatcher.leave(self.work.call, Leaving::Gone).await;
                knock.answer(Reply::Unreached);
                return Some(how);
            }
        };
        // Nobody else is rung for him from now on, whatever comes of it.
        self.app.dispatcher.leave(self.work.call, Leaving::Answered).await;
        let mut dialling = Dialling::begin(self, attempt, line);
        loop {
            let Some(leg) = dialling.ring(knock.offer).await else {
                knock.answer(Reply::Unreached);
                return Some(not_dialled(attempt));
            };
            let (back, cause) = match self.ring(knock, attempt, leg, meetings).await {
                Ok(how) => return Some(dialling.over(how).await),
                Err(refused) => refused,
            };
            knock = back;
            let left = knock.left.clone();
            match dialling.next(cause, left.cancelled()).await {
                Ok(next) => dialling = next,
                Err(how) => {
                    knock.answer(Reply::Unreached);
                    return Some(how);
                }
            }
        }
    }

    /// Asks the guards and takes a place among the day's attempts. None: another agent was first.
    async fn reserve(&self, knock: &Knock) -> Result<Option<AttemptId>, How> {
        let reserve = Reserve {
            case: self.work.case,
            call: self.work.call,
            offer: knock.offer,
            agent: knock.agent.clone(),
            leg: knock.leg,
            answered_at: knock.answered_at,
            at: self.app.clock.now(),
        };
        let terms = self.terms.clone();
        let write = self.app.store.write("reserve", move |c| callbacks::reserve(c, &terms, &reserve));
        let reserved = reserved(write.await);
        self.count(&reserved);
        reserved
    }

    /// Counts what a reservation says of the policy for outgoing contact.
    pub(super) fn count(&self, reserved: &Result<Option<AttemptId>, How>) {
        let said = match reserved {
            Ok(attempt) => attempt.map(|_| Said::Allowed),
            Err(How::Refused(guard)) => Said::by_guard(*guard),
            Err(_) => None,
        };
        self.app.metrics.dial_said(said);
    }

    pub(super) const fn customer(&self, offer: OfferId, leg: ChannelId) -> Customer<'_> {
        let Work { ref number, call, ring, .. } = self.work;
        Customer { leg, number, call, offer, ring }
    }

    /// The customer's phone is called until he answers, his time is up, the agent leaves, or he rings in himself.
    ///
    /// # Errors
    /// The agent, and the cause, when the trunk refused the dial.
    async fn ring(
        &self,
        knock: Knock,
        attempt: AttemptId,
        leg: Leg,
        meetings: &mut mpsc::Receiver<Meeting>,
    ) -> Result<How, (Knock, String)> {
        let (left, agent) = (knock.left.clone(), knock.leg);
        let stop = async {
            tokio::select! {
                biased;
                Some(meeting) = meetings.recv() => Stop::CallerIsHere(meeting),
                () = self.app.draining.cancelled() => Stop::Drained,
                () = left.cancelled() => Stop::AgentLeft,
            }
        };
        let (leg, why) = match leg.until_answered(self.work.ring, self.dialled(attempt, agent), stop).await {
            Answer::Answered(leg, channel) => {
                no_more(meetings);
                return Ok(self.connect(knock, attempt, leg, channel).await);
            }
            Answer::Ended(end) => return let_go(knock, ended(attempt, end)),
            Answer::Stopped(leg, why) => (leg, why),
        };
        let cause = leg.hang_up(Cancel::OriginatorCancel).await;
        let cancelled = |why| How::without_talk(attempt, Outcome::Cancelled, why);
        Ok(match why {
            Stop::CallerIsHere(meeting) => {
                tracing::info!("the customer rings in: they get the agent who was calling them");
                if let Err(knock) = meeting.send(knock) {
                    knock.answer(Reply::Unreached);
                }
                cancelled(CALLER_IS_HERE)
            }
            Stop::Drained => {
                knock.answer(Reply::Unreached);
                cancelled(DRAINED)
            }
            Stop::AgentLeft => {
                knock.answer(Reply::Unreached);
                // Where both were on a FreeSWITCH that died, the agent did not leave.
                if cause == SWITCH_RESTARTED {
                    How::unreached(attempt, &cause, true)
                } else {
                    cancelled(AGENT_LEFT)
                }
            }
        })
    }

    /// Records that the customer's phone is called, and lets the agent hear it.
    async fn dialled(&self, attempt: AttemptId, agent: ChannelId) {
        let at = self.app.clock.now();
        let write = || self.app.store.write("dialled", move |c| attempts::dialled(c, attempt, at));
        if let Err(error) = until_recorded("dialled", write).await {
            tracing::error!(%error, "that the customer is dialled is not recorded; it counts all the same");
        }
        if let Err(error) = self.node.tell(agent, &self.app.settings.callback.ringing).await {
            tracing::warn!(%error, "the agent hears nothing while the customer is called");
        }
    }

    /// The customer answered: the two talk, until either hangs up.
    pub(super) async fn connect(
        &self,
        knock: Knock,
        attempt: AttemptId,
        mut leg: Leg,
        channel: ChannelId,
    ) -> How {
        let sides = (channel, knock.leg);
        let Some(talk) = Talk::of_legs(&self.app, self.work.call, &self.node, sides).await else {
            leg.hang_up(Cancel::OriginatorCancel).await;
            knock.answer(Reply::Failed);
            return How::without_talk(attempt, Outcome::Abandoned, BRIDGE_FAILED);
        };
        leg.in_talk();
        // Before the agent's offer can end, since its end asks whether a disposition is owed. The end of the talk is
        // recorded all the same.
        let _ = talk.record(Between::CustomerAndAgent(attempt, knock.offer)).await;
        tracing::info!(agent = %knock.agent, "the customer is reached");
        knock.answer(Reply::Bridged);
        let TalkOver { since: answered_at, cause } = talk.until_leg_ends(&mut leg).await;
        How::Talked { attempt, cause, answered_at }
    }

    /// Records the end, until it is recorded.
    async fn end(&self, how: How) {
        let end = End { case: self.work.case, call: self.work.call, how, at: self.app.clock.now() };
        record(&self.app, &self.terms, end).await;
    }
}

/// What ends the ringing of the customer's phone early.
enum Stop {
    /// The customer rings in, and asks for the agent.
    CallerIsHere(Meeting),
    /// The controller stops.
    Drained,
    /// The agent hung up.
    AgentLeft,
}

/// Lets the agent go when the customer was not reached; one whose trunk refused the dial stays for the next.
fn let_go(knock: Knock, ended: Result<How, String>) -> Result<How, (Knock, String)> {
    match ended {
        Ok(how) => {
            knock.answer(Reply::Unreached);
            Ok(how)
        }
        Err(refused) => Err((knock, refused)),
    }
}

/// What a reservation came to; none if another agent was first.
pub(super) fn reserved<T>(written: Result<Result<T, NotReserved>, StoreError>) -> Result<Option<T>, How> {
    match written {
        Ok(Ok(reserved)) => Ok(Some(reserved)),
        Ok(Err(NotReserved::Taken)) => Ok(None),
        Ok(Err(NotReserved::NotOurs)) => Err(How::Released("NOT_OURS")),
        Ok(Err(NotReserved::Guard(refusal))) => {
            tracing::warn!(guard = %refusal.guard, why = refusal.why, "not dialled");
            Err(How::Refused(refusal.guard))
        }
        Err(error) => {
            tracing::error!(%error, "the attempt cannot be recorded: not dialled");
            Err(How::Released("NOT_RECORDED"))
        }
    }
}

/// The two are about to talk: whoever calls from this number now waits like anybody.
pub(super) fn no_more(meetings: &mut mpsc::Receiver<Meeting>) {
    meetings.close();
    while meetings.try_recv().is_ok() {}
}

/// Gives a lease back at once.
pub(super) async fn withdraw(app: &App, terms: &Terms, work: &Work) {
    let how = How::Released("UNDER_WAY");
    record(app, terms, End { case: work.case, call: work.call, how, at: app.clock.now() }).await;
}
