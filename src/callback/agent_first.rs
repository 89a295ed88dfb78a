//! The agent has accepted the callback: the customer is dialled.

use super::in_progress::{CALLER_IS_HERE, Callback, reserved};
use super::redial::{Dialling, ended};
use crate::call::attempt::{AGENT_LEFT, DRAINED, not_dialled};
use crate::cause::SWITCH_RESTARTED;
use crate::dispatch::answered::{AgentAnswered, BridgeResult};
use crate::dispatch::callbacks_under_way::AgentRequest;
use crate::dispatch::queued_caller::Leaving;
use crate::ids::{AttemptId, ChannelId};
use crate::inbox::Inbox;
use crate::missed::attempt::Disposition;
use crate::store::attempts;
use crate::store::callbacks::{self, CallbackResult, Reserve};
use crate::switch::{Answer, Cancel, Leg};

impl Callback {
    /// An agent has accepted: dials the customer. None if this agent cannot take the callback and the next one may.
    pub(super) async fn dial(
        &self,
        mut answered: AgentAnswered,
        requests: &mut Inbox<AgentRequest>,
    ) -> Option<CallbackResult> {
        let trunk_call = tokio::select! {
            biased;
            () = answered.left.cancelled() => {
                answered.answer(BridgeResult::Unreached);
                return None;
            }
            trunk_call = async { self.slot().await.next_trunk().await } => trunk_call,
        };
        let attempt = match self.reserve(&answered).await {
            Ok(Some(attempt)) => attempt,
            Ok(None) => {
                answered.answer(BridgeResult::Lost);
                return None;
            }
            Err(how) => {
                self.app.dispatcher.leave(self.work.call, Leaving::Gone).await;
                answered.answer(BridgeResult::Unreached);
                return Some(how);
            }
        };
        // From now on nobody else is rung for this callback.
        self.app.dispatcher.leave(self.work.call, Leaving::Answered).await;
        let mut dialling = Dialling::begin(self, attempt, trunk_call);
        loop {
            let Some(leg) = dialling.ring(answered.offer).await else {
                answered.answer(BridgeResult::Unreached);
                return Some(not_dialled(attempt));
            };
            let (back, cause) = match self.ring(answered, attempt, leg, requests).await {
                Ok(how) => return Some(dialling.over(how).await),
                Err(refused) => refused,
            };
            answered = back;
            let left = answered.left.clone();
            match dialling.next(cause, left.cancelled()).await {
                Ok(next) => dialling = next,
                Err(how) => {
                    answered.answer(BridgeResult::Unreached);
                    return Some(how);
                }
            }
        }
    }

    /// Asks the guards and reserves one of the day's attempts. None when another agent was first.
    async fn reserve(&self, answered: &AgentAnswered) -> Result<Option<AttemptId>, CallbackResult> {
        let reserve = Reserve {
            case: self.work.case,
            call: self.work.call,
            offer: answered.offer,
            agent: answered.agent.clone(),
            leg: answered.channel,
            answered_at: answered.answered_at,
            at: self.app.clock.now(),
        };
        let callback_rules = self.callback_rules.clone();
        let write =
            self.app.store.write("reserve", move |c| callbacks::reserve(c, &callback_rules, &reserve));
        let reserved = reserved(write.await);
        self.count(&reserved);
        reserved
    }

    /// Rings the customer until they answer, their ring time is over, the agent leaves, or the customer calls us.
    ///
    /// # Errors
    /// The agent and the cause, if the trunk refused the dial.
    async fn ring(
        &self,
        answered: AgentAnswered,
        attempt: AttemptId,
        leg: Leg,
        requests: &mut Inbox<AgentRequest>,
    ) -> Result<CallbackResult, (AgentAnswered, String)> {
        let (left, agent) = (answered.left.clone(), answered.channel);
        let stop = async {
            tokio::select! {
                biased;
                Some(request) = requests.recv() => Stop::CallerIsHere(request),
                () = self.app.draining.cancelled() => Stop::Drained,
                () = left.cancelled() => Stop::AgentLeft,
            }
        };
        let (leg, why) = match leg.until_answered(self.work.ring, self.dialled(attempt, agent), stop).await {
            Answer::Answered(leg, channel) => {
                // A caller from this number now waits like any other.
                requests.shut();
                return Ok(self.connect(answered, attempt, leg, channel).await);
            }
            Answer::Ended(end) => return let_go(answered, ended(attempt, end)),
            Answer::Stopped(leg, why) => (leg, why),
        };
        let cause = leg.hang_up(Cancel::OriginatorCancel).await;
        let cancelled = |why| CallbackResult::without_talk(attempt, Disposition::Cancelled, why);
        Ok(match why {
            Stop::CallerIsHere(request) => {
                tracing::info!("the customer calls us: they get the agent who was calling them");
                if let Err(answered) = request.send(answered) {
                    answered.answer(BridgeResult::Unreached);
                }
                cancelled(CALLER_IS_HERE)
            }
            Stop::Drained => {
                answered.answer(BridgeResult::Unreached);
                cancelled(DRAINED)
            }
            Stop::AgentLeft => {
                answered.answer(BridgeResult::Unreached);
                // If FreeSWITCH died, both legs ended with it: the agent did not leave.
                if cause == SWITCH_RESTARTED {
                    CallbackResult::unreached(attempt, &cause, true)
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
            tracing::error!(%error, "the dial is not recorded, but the attempt counts");
        }
        if let Err(error) = self.node.play_to(agent, &self.app.settings.callback.ringback).await {
            tracing::warn!(%error, "the ringing tone could not be played to the agent");
        }
    }
}

/// What ends the ringing of the customer's phone early.
enum Stop {
    /// The customer calls us, and asks for the agent.
    CallerIsHere(AgentRequest),
    /// The controller stops.
    Drained,
    /// The agent hung up.
    AgentLeft,
}

/// Releases the agent if the customer was not reached. If the trunk refused the dial, the agent stays for the next
/// trunk.
fn let_go(
    answered: AgentAnswered,
    ended: Result<CallbackResult, String>,
) -> Result<CallbackResult, (AgentAnswered, String)> {
    match ended {
        Ok(how) => {
            answered.answer(BridgeResult::Unreached);
            Ok(how)
        }
        Err(refused) => Err((answered, refused)),
    }
}
