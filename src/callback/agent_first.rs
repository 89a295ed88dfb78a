//! The agent has accepted the callback: the customer is dialled.

use tokio::sync::mpsc;

use super::in_progress::{CALLER_IS_HERE, Callback, no_more, reserved};
use super::redial::{Dialling, ended};
use crate::call::attempt::{AGENT_LEFT, DRAINED, not_dialled};
use crate::cause::SWITCH_RESTARTED;
use crate::dispatch::answered::{Knock, Reply};
use crate::dispatch::meeting::Meeting;
use crate::dispatch::queued_caller::Leaving;
use crate::ids::{AttemptId, ChannelId};
use crate::missed::attempt::Outcome;
use crate::store::attempts;
use crate::store::callbacks::{self, How, Reserve};
use crate::switch::{Answer, Cancel, Leg};

impl Callback {
    /// An agent is there. None when nothing came of him, and the next one may be asked.
    pub(super) async fn dial(&self, mut knock: Knock, meetings: &mut mpsc::Receiver<Meeting>) -> Option<How> {
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
        let dialled = self.app.store.record("dialled", move |c| attempts::dialled(c, attempt, at));
        if let Err(error) = dialled.await {
            tracing::error!(%error, "that the customer is dialled is not recorded; it counts all the same");
        }
        if let Err(error) = self.node.tell(agent, &self.app.settings.callback.ringing).await {
            tracing::warn!(%error, "the agent hears nothing while the customer is called");
        }
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
