//! The phones of one offer: rung, answered, connected or hung up.

use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::Offer;
use super::pause::{CUSTOMER_NOT_REACHED, NODE_DOWN};
use crate::dispatch::answered::{AgentAnswered, BridgeResult};
use crate::dispatch::context::DispatchContext;
use crate::ids::{ChannelId, LegId};
use crate::queue::cause::{self, Phone};
use crate::queue::offer::Outcome;
use crate::rules::contact::Contact;
use crate::switch::{
    Cancel, Leg, LegRequest, LegRole, RingLimits, Rung, Unanswered, hang_up, until_answered,
};
use std::time::Duration;

/// How long to wait until a story that did not reply has left the board.
const STORY_LEAVES: Duration = Duration::from_secs(1);

/// How the ringing ended.
pub(super) enum RingResult {
    /// Nobody talks: the outcome and FreeSWITCH's cause.
    Over(Outcome, String),
    /// The agent talks to the caller on this leg.
    Talking(Leg),
}

/// Rings every contact until one answers, all have ended, or the dispatcher stops the offer.
pub(super) async fn ring(
    context: &DispatchContext,
    offer: &Offer,
    mut stop: oneshot::Receiver<Cancel>,
) -> RingResult {
    if let Ok(cancel) = stop.try_recv() {
        return stopped(cancel);
    }
    let legs = originate(offer);
    if legs.is_empty() {
        return RingResult::Over(Outcome::Cancelled, NODE_DOWN.to_owned());
    }
    let limits = RingLimits {
        ring: offer.rules.ring_timeout,
        confirm: offer.queued.confirm.as_ref().map(|confirm| confirm.within),
    };
    let created = async {
        if let Some(took) = offer.queued.first_ring.heard() {
            context.metrics.first_ring_seconds.observe(took.as_secs_f64());
        }
    };
    match until_answered(legs, limits, created, &mut stop).await {
        Rung::Answered { leg, channel, others } => {
            answered(context, offer, PickedUp { leg, channel, others }, stop).await
        }
        Rung::Ended(ended) => most_telling(&ended),
        Rung::Stopped { legs, by } => {
            let cancel = by.unwrap_or(Cancel::OriginatorCancel);
            hang_up(legs, cancel).await;
            stopped(cancel)
        }
    }
}

/// Starts one leg for each contact. While the node is down, there are none.
fn originate(offer: &Offer) -> Vec<Leg> {
    let ring = |contact: &Contact| {
        let request = LegRequest {
            leg: LegId::new(),
            contact: contact.clone(),
            call: offer.queued.call,
            offer: offer.id,
            caller: offer.queued.channel,
            ring_timeout: offer.rules.ring_timeout,
            caller_number: offer.queued.number.clone(),
            caller_name: offer.queued.name.clone(),
            confirm: offer.queued.confirm.clone(),
            follow_redirects: offer.rules.follow_redirects,
            role: LegRole::Agent,
        };
        let leg = offer.queued.node.ring(request);
        leg.inspect_err(
            |error| tracing::warn!(agent = %offer.agent, %contact, %error, "the phone cannot be rung"),
        )
        .ok()
    };
    offer.rules.contacts.iter().filter_map(ring).collect()
}

const fn stopped_outcome(cancel: Cancel) -> Outcome {
    match cancel {
        Cancel::LoseRace => Outcome::LostRace,
        Cancel::OriginatorCancel | Cancel::NoAnswer | Cancel::NormalClearing => Outcome::Cancelled,
    }
}

fn stopped(cancel: Cancel) -> RingResult {
    RingResult::Over(stopped_outcome(cancel), cancel.as_str().to_owned())
}

/// A phone that was picked up, and the agent's other phones, which still ring.
struct PickedUp {
    leg: Leg,
    channel: ChannelId,
    others: Vec<Leg>,
}

/// Tells the caller's story that an agent has answered, and acts on its reply.
async fn answered(
    context: &DispatchContext,
    offer: &Offer,
    picked: PickedUp,
    stop: oneshot::Receiver<Cancel>,
) -> RingResult {
    let PickedUp { mut leg, channel, others } = picked;
    for other in &others {
        other.cancel(Cancel::LoseRace);
    }
    let (reply, answer) = oneshot::channel();
    let left = CancellationToken::new();
    let answered = AgentAnswered {
        left: left.clone(),
        offer: offer.id,
        agent: offer.agent.clone(),
        channel,
        answered_at: context.clock.now(),
        reply,
    };
    let reply = match offer.queued.answered.send(answered).await {
        Ok(()) => answered_by_story(&mut leg, answer, &left).await,
        Err(_) => None,
    };
    if reply == Some(BridgeResult::Bridged) {
        leg.in_talk();
    }
    hang_up(others, Cancel::LoseRace).await;
    match reply {
        Some(BridgeResult::Bridged) => RingResult::Talking(leg),
        Some(BridgeResult::Lost) => too_late(leg, Cancel::LoseRace).await,
        Some(BridgeResult::Failed) => {
            leg.hang_up(Cancel::OriginatorCancel).await;
            RingResult::Over(Outcome::Cancelled, "BRIDGE_FAILED".to_owned())
        }
        Some(BridgeResult::Unreached) => {
            leg.hang_up(Cancel::NormalClearing).await;
            RingResult::Over(Outcome::Cancelled, CUSTOMER_NOT_REACHED.to_owned())
        }
        // The story has gone on without this agent; the dispatcher knows why.
        None => {
            let said = tokio::time::timeout(STORY_LEAVES, stop).await;
            let cancel = said.ok().and_then(Result::ok).unwrap_or(Cancel::OriginatorCancel);
            too_late(leg, cancel).await
        }
    }
}

/// Waits for the story's reply. The story of a callback replies only after it has dialled the customer, so `left` tells
/// it if the agent hangs up before that.
async fn answered_by_story(
    leg: &mut Leg,
    mut answer: oneshot::Receiver<BridgeResult>,
    left: &CancellationToken,
) -> Option<BridgeResult> {
    tokio::select! {
        biased;
        reply = &mut answer => return reply.ok(),
        _ = leg.ended() => left.cancel(),
    }
    answer.await.ok()
}

async fn too_late(leg: Leg, cancel: Cancel) -> RingResult {
    leg.hang_up(cancel).await;
    stopped(cancel)
}

/// Returns how an offer ended, from the ends of its legs. The most telling leg decides, and of equal ones the first.
fn most_telling(legs: &[Unanswered]) -> RingResult {
    let weight = |outcome: Outcome| match outcome {
        Outcome::NotConfirmed => 5,
        Outcome::Failed => 4,
        Outcome::Rejected => 3,
        Outcome::Busy => 2,
        Outcome::NoAnswer => 1,
        _ => 0,
    };
    let outcome = |leg: &Unanswered| cause::outcome(&leg.cause, Phone::of(leg.rang, leg.picked_up));
    let ended = legs.iter().rev().map(|leg| (outcome(leg), &leg.cause));
    match ended.max_by_key(|(outcome, _)| weight(*outcome)) {
        Some((outcome, cause)) => RingResult::Over(outcome, cause.clone()),
        None => RingResult::Over(Outcome::Unreachable, "NO_LEG".to_owned()),
    }
}
