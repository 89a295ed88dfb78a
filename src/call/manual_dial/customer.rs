//! An agent dials a customer who has an open case.

use std::sync::Arc;
use std::time::Duration;

use super::{NotOurs, Phone, hear, pass_on, take, unknown};
use crate::call::Call;
use crate::call::attempt::{AGENT_LEFT, BRIDGE_FAILED, DRAINED, dialled_over, learn, not_dialled, record};
use crate::call::forward::{self, Answered};
use crate::call::talk::{Between, Talk, TalkOver};
use crate::cause::HangupCause;
use crate::dispatch::trunks::{Customer, DialFate, TrunkCall};
use crate::ids::{AttemptId, CaseId, ChannelId, OfferId};
use crate::missed::attempt::{self, Disposition};
use crate::missed::outgoing::ContactVerdict;
use crate::phone::E164;
use crate::store::StoreError;
use crate::store::callbacks::{CallbackEnd, CallbackResult};
use crate::store::manual_dial::{self, Begun, Dialled};
use crate::switch::{AfterTalk, Cancel, Leg, Loops};

/// The reason for refusing a dial when every trunk has as many calls as it may have.
const NO_ROOM: &str = "no trunk has room for one more call";
/// The cause of an attempt that was recorded only after its call had been passed on to the administrator's dialplan.
const TOO_LATE: &str = "RECORDED_TOO_LATE";

impl Phone {
    /// Returns what the store needs to know about the dial.
    fn wanted(&self, call: &Call, number: &E164) -> Dialled {
        Dialled {
            number: number.clone(),
            call: call.id,
            node: call.node.name().clone(),
            core: self.core,
            channel: call.caller.channel(),
            agent: self.agent.clone(),
            user: self.user.clone(),
            at: call.app.clock.now(),
        }
    }

    /// Dials the customer if a trunk has room and the guards allow it.
    pub(super) async fn dial(&self, call: Call, number: E164) {
        let callback_rules = call.app.callback_rules();
        let Some(slot) = call.app.trunks.reserve() else {
            let wanted = self.wanted(&call, &number);
            let kept = call
                .app
                .store
                .write("no_room", move |c| manual_dial::no_room(c, &callback_rules, &wanted, NO_ROOM));
            if let Err(error) = kept.await {
                tracing::error!(%error, "the refusal is not recorded");
            }
            return refuse(call, NO_ROOM, HangupCause::CircuitCongestion).await;
        };
        let trunk_call = slot.next_trunk().await;
        match self.begin(call, &number).await {
            Some((call, Begun::Attempt { case, attempt })) => {
                attempted(call, &trunk_call, &number, case, attempt).await;
            }
            Some((call, Begun::Refused(refusal))) => {
                refuse(call, &refusal.to_string(), HangupCause::CallRejected).await;
            }
            None => {}
        }
    }

    /// Asks the guards and reserves one of the day's attempts. If the case was closed meanwhile or the database does
    /// not answer in time, the call goes on in the administrator's own dialplan, and the result is None. A reservation
    /// that is committed later still counts as an attempt: the agent dials the customer in that dialplan.
    async fn begin(&self, call: Call, number: &E164) -> Option<(Call, Begun)> {
        let (app, callback_rules, wanted) =
            (Arc::clone(&call.app), call.app.callback_rules(), self.wanted(&call, number));
        let limit = app.settings.callback.manual_dial_lookup_timeout;
        let patience = if app.store.stalls(limit) { Duration::ZERO } else { limit };
        let writing =
            app.store.write("manual_dial", move |c| manual_dial::begin(c, &callback_rules, &wanted));
        tokio::pin!(writing);
        match tokio::time::timeout(patience, &mut writing).await {
            Ok(Ok(Some(begun))) => {
                let said = match &begun {
                    Begun::Attempt { .. } => Some(ContactVerdict::Allowed),
                    Begun::Refused(refusal) => ContactVerdict::by_guard(refusal.guard),
                };
                app.metrics.dial_decided(said);
                return Some((call, begun));
            }
            Ok(Ok(None)) => {
                pass_on(&app, call.caller, NotOurs::Foreign("the case has been closed")).await;
            }
            Ok(Err(error)) => pass_on(&app, call.caller, unknown(&error)).await,
            Err(_) => {
                let id = call.id;
                pass_on(&app, call.caller, unknown(&StoreError::Slow { limit })).await;
                if let Ok(Some(Begun::Attempt { case, attempt })) = writing.await {
                    let how = CallbackResult::without_talk(attempt, Disposition::Cancelled, TOO_LATE);
                    let end = CallbackEnd { case, call: id, how, at: app.clock.now() };
                    record(&app, &app.callback_rules(), end).await;
                }
            }
        }
        None
    }
}

/// Dials a customer for whom an attempt is recorded, and records what came of it.
async fn attempted(mut call: Call, trunk_call: &TrunkCall, number: &E164, case: CaseId, attempt: AttemptId) {
    dialled_over(&call.app, attempt, trunk_call).await;
    let made = connect(&mut call, trunk_call, number).await;
    learn(&call.app, trunk_call, number, made.fate()).await;
    let how = match made {
        DialResult::NotDialled => not_dialled(attempt),
        DialResult::Unreached { cause, rang } => CallbackResult::unreached(attempt, &cause, rang),
        DialResult::Left if call.app.draining.is_cancelled() => {
            CallbackResult::without_talk(attempt, Disposition::Cancelled, DRAINED)
        }
        DialResult::Left => CallbackResult::without_talk(attempt, Disposition::Cancelled, AGENT_LEFT),
        DialResult::NotConnected => {
            CallbackResult::without_talk(attempt, Disposition::Abandoned, BRIDGE_FAILED)
        }
        DialResult::Talked { cause, answered_at } => CallbackResult::Talked { attempt, cause, answered_at },
    };
    let end = CallbackEnd { case, call: call.id, how, at: call.app.clock.now() };
    record(&call.app, &call.app.callback_rules(), end).await;
}

/// How a dial ended.
enum DialResult {
    /// Nobody was dialled, because of a failure on our side.
    NotDialled,
    /// The customer did not answer.
    Unreached { cause: String, rang: bool },
    /// The agent hung up before the customer answered.
    Left,
    /// The customer answered, but could not be connected with the agent.
    NotConnected,
    /// The agent and the customer talked.
    Talked { cause: String, answered_at: crate::clock::UnixMs },
}

impl DialResult {
    /// Returns what the result says about the trunk.
    fn fate(&self) -> DialFate<'_> {
        match self {
            Self::Unreached { cause, rang }
                if attempt::of_cause(cause, *rang) == Disposition::TechnicalFailure =>
            {
                DialFate::Failed(cause)
            }
            Self::Unreached { .. } | Self::Talked { .. } | Self::NotConnected => DialFate::Carried,
            Self::NotDialled | Self::Left => DialFate::Unknown,
        }
    }
}

/// Rings the customer while the agent hears ringing, connects the two, and waits for the end of the talk.
async fn connect(call: &mut Call, trunk_call: &TrunkCall, number: &E164) -> DialResult {
    let ring = call.app.settings.callback.manual_dial_timeout;
    let customer = Customer { channel: ChannelId::new(), number, call: call.id, offer: OfferId::new(), ring };
    if take(call).await.is_err() {
        return DialResult::Left;
    }
    let Some(leg) = trunk_call.ring(&call.node, &customer) else {
        call.caller.hangup(HangupCause::TemporaryFailure).await;
        return DialResult::NotDialled;
    };
    let ringing = call.app.settings.callback.ringback.clone();
    let hears = async {
        call.answer().await?;
        call.play(&ringing, Loops::Forever).await
    };
    if hears.await.is_err() {
        leg.cancel(Cancel::OriginatorCancel);
        return DialResult::Left;
    }
    match forward::answered(call, leg, ring).await {
        Ok(Answered::By(leg, channel)) => talk(call, leg, channel).await,
        Ok(Answered::No { cause, rang }) => {
            call.caller.hangup(HangupCause::NoAnswer).await;
            DialResult::Unreached { cause, rang }
        }
        Err(_) => DialResult::Left,
    }
}

async fn talk(call: &mut Call, leg: Leg, channel: ChannelId) -> DialResult {
    let talk = match Talk::with_caller(call, channel, AfterTalk::HangUp).await {
        Ok(Some(talk)) => talk,
        Ok(None) => {
            leg.cancel(Cancel::OriginatorCancel);
            call.caller.hangup(HangupCause::TemporaryFailure).await;
            return DialResult::NotConnected;
        }
        Err(_) => {
            leg.cancel(Cancel::OriginatorCancel);
            return DialResult::Left;
        }
    };
    leg.in_talk();
    tracing::info!("the customer is reached");
    // If this record fails, the end of the talk is still recorded.
    let _ = talk.record(Between::AgentAndDialled).await;
    let TalkOver { since: answered_at, cause } = talk.until_caller_leaves(call).await;
    DialResult::Talked { cause, answered_at }
}

/// Tells the agent by a sound that nobody is dialled.
async fn refuse(mut call: Call, why: &str, cause: HangupCause) {
    tracing::warn!(why, "the agent's dial is refused");
    let sound = call.app.settings.sounds.refused.clone();
    hear(&mut call, &sound).await;
    call.caller.hangup(cause).await;
}
