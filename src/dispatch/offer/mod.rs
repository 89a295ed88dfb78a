//! One offer: claims the agent, rings the agent's phones, and releases the agent at the end.
//!
//! In: a proposal of the board. Out: an [`AgentAnswered`](crate::dispatch::answered::AgentAnswered) for the caller's
//! story, and rows that say how the offer ended.
//! **Invariants:** no phone rings before the claim is committed; the claim is released in the transaction that records
//! how the offer ended, after every leg of it is known to be gone.

mod pause;
mod ringing;

use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use self::pause::{is_of_link, pause_after};
use self::ringing::{RingResult, ring};
use crate::dispatch::context::DispatchContext;
use crate::dispatch::dispatcher::Dispatcher;
use crate::dispatch::queued_caller::QueuedCaller;
use crate::ids::{AgentName, CallId, OfferId};
use crate::queue::offer::Outcome;
use crate::rules::Agent;
use crate::store::agents::AgentRow;
use crate::store::{self, Awaited, Database, StoreError};
use crate::switch::{Cancel, Leg};

/// How long the board may take to learn that a call has an agent.
const BOARD_LEARNS: Duration = Duration::from_millis(200);

/// An agent to be rung for a caller.
#[derive(Debug, Clone)]
pub struct Offer {
    /// The id of the offer, which its legs carry.
    pub id: OfferId,
    /// Who is rung.
    pub agent: AgentName,
    /// The version of the agent's row that the dispatcher knows: the claim fails if the row is newer.
    pub version: i64,
    /// The agent's contacts and limits.
    pub rules: Agent,
    /// The caller or callback for whom the agent is rung.
    pub queued: QueuedCaller,
    /// How many offers in a row before this one failed through no fault of the agent.
    pub failures: u32,
    /// When the board proposed the offer.
    pub proposed: Instant,
}

/// Carries out one offer from claim to release.
pub(super) async fn run(
    context: DispatchContext,
    dispatcher: Dispatcher,
    offer: Offer,
    stop: oneshot::Receiver<Cancel>,
) {
    let _guard = context.in_flight.offer(offer.id);
    if !claim(&context, &offer).await {
        dispatcher.refused(offer.queued.call, offer.id, offer.agent).await;
        return;
    }
    tracing::info!(agent = %offer.agent, queue = %offer.queued.queue, "the agent's phone rings");
    let began = context.clock.now();
    context.metrics.claim_seconds.observe(offer.proposed.elapsed().as_secs_f64());
    let rang = ring(&context, &offer, stop).await;
    let rang_for = context.clock.now().since(began).as_secs_f64();
    context.metrics.ring_seconds.with_label_values(&[offer.queued.queue.as_str()]).observe(rang_for);
    match rang {
        RingResult::Over(outcome, cause) => give_back(&context, &dispatcher, offer, outcome, cause).await,
        RingResult::Talking(leg) => talk(&context, &dispatcher, offer, leg).await,
    }
}

/// Commits the claim. Returns whether the agent may be rung. The claim is tried until its result is known: an agent
/// must not stay claimed for an offer that nobody carries out.
async fn claim(context: &DispatchContext, offer: &Offer) -> bool {
    let claim = store::offers::Claim {
        offer: offer.id,
        call: offer.queued.call,
        queue: offer.queued.queue.clone(),
        agent: offer.agent.clone(),
        version: offer.version,
        controller: context.controller.clone(),
        at: context.clock.now(),
    };
    match context.store.record("claim", move |c| store::offers::claim(c, &claim)).await {
        Ok(Ok(())) => true,
        Ok(Err(refusal)) => {
            tracing::debug!(agent = %offer.agent, ?refusal, "the claim is refused");
            if refusal == store::offers::Refusal::Call {
                // The call is being connected or is ending, and the board does not know that yet.
                tokio::time::sleep(BOARD_LEARNS).await;
            }
            false
        }
        Err(error) => {
            tracing::error!(agent = %offer.agent, %error, "the claim cannot be recorded: the agent is not rung");
            false
        }
    }
}

/// Logs what failed in FreeSWITCH, and the remedy.
fn warn_of_failure(offer: &Offer, outcome: Outcome, cause: &str) {
    let agent = &offer.agent;
    match (outcome, &offer.queued.confirm) {
        (Outcome::Failed, Some(confirm)) => tracing::warn!(
            %agent, cause, sound = %confirm.sound,
            "the phone was picked up, but FreeSWITCH could not ask for the key: run `dozvon check` to see whether the \
             sound exists; put the file there, or name another with confirm_sound in [callback]"
        ),
        (Outcome::Failed, None) => tracing::warn!(
            %agent, cause, "the phone was picked up, but FreeSWITCH failed: see FreeSWITCH's log"
        ),
        (Outcome::Redirected, _) => tracing::warn!(
            %agent, "the phone redirects its calls: remove the redirect, or set follow_redirects = true for this agent"
        ),
        _ => {}
    }
}

/// Records the end of an offer without a talk, and releases the agent.
async fn give_back(
    context: &DispatchContext,
    dispatcher: &Dispatcher,
    offer: Offer,
    outcome: Outcome,
    cause: String,
) {
    context.metrics.offers.with_label_values(&[offer.queued.queue.as_str(), outcome.as_str()]).inc();
    tracing::info!(agent = %offer.agent, queue = %offer.queued.queue, %outcome, cause, "the agent did not take the call");
    let at = context.clock.now();
    warn_of_failure(&offer, outcome, &cause);
    let of_link = is_of_link(&cause);
    let awaited = match outcome {
        Outcome::LostRace => awaited(dispatcher),
        // The caller waits for the next agent.
        _ => Awaited::BySomebody,
    };
    let end = store::offers::EndUnanswered {
        offer: offer.id,
        outcome,
        at,
        ready_at: at
            + pause_after(outcome, &cause, (offer.failures, offer.queued.rest), &offer.rules.delays()),
        cause,
        max_no_answer: offer.rules.max_no_answer,
    };
    let write = move |c: &mut Database| store::offers::end_unanswered(c, &end);
    let recorded = context.store.record_awaited("end_offer", awaited, write).await;
    report(dispatcher, offer.queued.call, offer.id, offer.agent, (outcome, of_link), recorded).await;
}

/// Waits for the end of the agent's leg, records it, and releases the agent.
async fn talk(context: &DispatchContext, dispatcher: &Dispatcher, offer: Offer, leg: Leg) {
    context
        .metrics
        .offers
        .with_label_values(&[offer.queued.queue.as_str(), Outcome::Answered.as_str()])
        .inc();
    let wrap_up = offer.rules.wrap_up;
    let won = AnsweredOffer { offer: offer.id, call: offer.queued.call, agent: offer.agent, wrap_up };
    until_talk_ends(context, dispatcher, won, leg).await;
}

/// An offer whose agent talks to the caller.
#[derive(Debug, Clone)]
pub struct AnsweredOffer {
    /// The offer.
    pub offer: OfferId,
    /// The call.
    pub call: CallId,
    /// The agent.
    pub agent: AgentName,
    /// How long the agent wraps up afterwards.
    pub wrap_up: Duration,
}

/// Waits for the end of the agent's leg, records it, and releases the agent.
pub async fn until_talk_ends(
    context: &DispatchContext,
    dispatcher: &Dispatcher,
    won: AnsweredOffer,
    mut leg: Leg,
) {
    leg.ended().await;
    let (id, at, wrap_up) = (won.offer, context.clock.now(), won.wrap_up);
    let write = move |c: &mut Database| store::offers::end_talk(c, id, at, wrap_up);
    let recorded = context.store.record_awaited("end_talk", awaited(dispatcher), write).await;
    report(dispatcher, won.call, won.offer, won.agent, (Outcome::Answered, false), recorded).await;
}

/// Who waits for the end of an offer: the caller who waits longest may be waiting for its agent.
fn awaited(dispatcher: &Dispatcher) -> Awaited {
    if dispatcher.callers_wait() { Awaited::BySomebody } else { Awaited::ByNobody }
}

/// Reports the end to the dispatcher. If the database refuses the record for good, that is logged. Then the agent's row
/// is read again, and decides whether the agent is offered more calls.
async fn report(
    dispatcher: &Dispatcher,
    call: CallId,
    offer: OfferId,
    agent: AgentName,
    ended: (Outcome, bool),
    recorded: Result<AgentRow, StoreError>,
) {
    match recorded {
        Ok(row) => dispatcher.over(call, offer, ended, row).await,
        Err(error) => {
            tracing::error!(%agent, %offer, %error, "the end of an offer is not recorded");
            dispatcher.refused(call, offer, agent).await;
        }
    }
}
