//! One offer: claim the agent, ring his phones, win or lose, and give him back.
//!
//! In: a proposal of the board. Out: rows of how it ended, and a knock at the caller's story.
//! **Invariant:** no phone rings before the claim is committed; the claim is released in the transaction
//! that records how the offer ended; and only after every leg of it is known to be gone.

use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::cause::{LINK_LOST, SWITCH_RESTARTED};
use crate::clock::UnixMs;
use crate::dispatch::dispatcher::{Dispatcher, Tools, Waiter};
use crate::ids::{AgentName, CallId, ChannelId, OfferId};
use crate::queue::cause::{self, Phone};
use crate::queue::offer::{self, Outcome};
use crate::rules::contact::Contact;
use crate::rules::{Agent, Delays};
use crate::store::agents::AgentRow;
use crate::store::{self, StoreError, until_recorded};
use crate::switch::{
    Cancel, Leg, LegRequest, LegRole, RingLimits, Rung, Unanswered, hang_up, until_answered,
};

/// The cause of an offer that could not be made because the link to FreeSWITCH was down.
const NODE_DOWN: &str = "NODE_DOWN";
/// The cause of an offer whose agent was there, and the customer was not.
const CUSTOMER_NOT_REACHED: &str = "CUSTOMER_NOT_REACHED";
/// How long an agent is left alone when FreeSWITCH could not be reached.
const NODE_PAUSE: Duration = Duration::from_secs(1);
/// How many agents may stand at the door of one who waits; more of them wait for their turn to be told no.
pub(crate) const DOOR: usize = 16;
/// How long a call may take from its winner to the board's knowing.
const CALL_SETTLES: Duration = Duration::from_millis(200);
/// How long after its last word a story may take to leave the board.
const STORY_LEAVES: Duration = Duration::from_secs(1);

/// An agent to be rung for a caller.
#[derive(Debug, Clone)]
pub struct Offer {
    /// Its identity; its legs carry it.
    pub id: OfferId,
    /// Who is rung.
    pub agent: AgentName,
    /// What the dispatcher knows of him: the claim fails if the database knows more.
    pub version: i64,
    /// How his phones are to be treated.
    pub rules: Agent,
    /// For whom.
    pub waiter: Waiter,
    /// How many offers before this one ended in failures that were not the agent's.
    pub failures: u32,
    /// When the board proposed it.
    pub proposed: Instant,
}

/// An agent has answered: does the caller take him?
#[derive(Debug)]
pub struct Knock {
    /// The offer.
    pub offer: OfferId,
    /// Who answered.
    pub agent: AgentName,
    /// His leg, answered.
    pub leg: ChannelId,
    /// When he answered.
    pub answered_at: UnixMs,
    /// Cancelled when he hangs up before he has an answer.
    pub left: CancellationToken,
    /// The caller's answer; dropped when he is gone.
    pub reply: oneshot::Sender<Reply>,
}

impl Knock {
    /// Tells the agent's offer what the caller does.
    pub fn answer(self, reply: Reply) {
        // The offer may be over: then its leg is gone and nobody needs the answer.
        let _ = self.reply.send(reply);
    }
}

/// What the caller's story says to an agent who answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    /// The two talk.
    Bridged,
    /// Somebody else was first.
    Lost,
    /// The bridge did not come about.
    Failed,
    /// The customer for whom he was rung was not reached.
    Unreached,
}

/// How the ringing ended.
enum Rang {
    /// Nobody talks: the outcome and FreeSWITCH's cause.
    Over(Outcome, String),
    /// He talks to the caller on this leg.
    Talking(Leg),
}

/// Carries out one offer from claim to release.
pub(super) async fn run(tools: Tools, dispatcher: Dispatcher, offer: Offer, stop: oneshot::Receiver<Cancel>) {
    let _held = tools.held.offer(offer.id);
    if !claim(&tools, &offer).await {
        dispatcher.refused(offer.waiter.call, offer.id, offer.agent).await;
        return;
    }
    tracing::info!(agent = %offer.agent, queue = %offer.waiter.queue, "the agent's phone rings");
    let began = tools.clock.now();
    tools.metrics.claim_seconds.observe(offer.proposed.elapsed().as_secs_f64());
    let rang = ring(&tools, &offer, stop).await;
    let rang_for = tools.clock.now().since(began).as_secs_f64();
    tools.metrics.ring_seconds.with_label_values(&[offer.waiter.queue.as_str()]).observe(rang_for);
    match rang {
        Rang::Over(outcome, cause) => give_back(&tools, &dispatcher, offer, outcome, cause).await,
        Rang::Talking(leg) => talk(&tools, &dispatcher, offer, leg).await,
    }
}

/// Commits the claim. Whether this agent may be rung. It is repeated until its fate is known: an agent must not
/// stay claimed for an offer that nobody carries out.
async fn claim(tools: &Tools, offer: &Offer) -> bool {
    let claim = store::offers::Claim {
        offer: offer.id,
        call: offer.waiter.call,
        queue: offer.waiter.queue.clone(),
        agent: offer.agent.clone(),
        version: offer.version,
        controller: tools.controller.clone(),
        at: tools.clock.now(),
    };
    let made = until_recorded("claim", || {
        let claim = claim.clone();
        tools.store.write("claim", move |c| store::offers::claim(c, &claim))
    });
    match made.await {
        Ok(Ok(())) => true,
        Ok(Err(refusal)) => {
            tracing::debug!(agent = %offer.agent, ?refusal, "claim refused");
            if refusal == store::offers::Refusal::Call {
                // The call is being bridged or ends: the board hears of it in a moment.
                tokio::time::sleep(CALL_SETTLES).await;
            }
            false
        }
        Err(error) => {
            tracing::error!(agent = %offer.agent, %error, "the claim could not be made");
            false
        }
    }
}

/// Rings every contact until one answers, all have ended, or somebody says stop. Each phone has its own time: for
/// ringing, and after it was picked up for the key.
async fn ring(tools: &Tools, offer: &Offer, mut stop: oneshot::Receiver<Cancel>) -> Rang {
    if let Ok(cancel) = stop.try_recv() {
        return stopped(cancel);
    }
    let legs = originate(offer);
    if legs.is_empty() {
        return Rang::Over(Outcome::Cancelled, NODE_DOWN.to_owned());
    }
    let limits = RingLimits {
        ring: offer.rules.ring_timeout,
        confirm: offer.waiter.confirm.as_ref().map(|confirm| confirm.within),
    };
    let created = async {
        if let Some(took) = offer.waiter.first_ring.heard() {
            tools.metrics.first_ring_seconds.observe(took.as_secs_f64());
        }
    };
    match until_answered(legs, limits, created, &mut stop).await {
        Rung::Answered { leg, channel, others } => {
            answered(tools, offer, Picked { leg, channel, others }, stop).await
        }
        Rung::Ended(ended) => most_telling(&ended),
        Rung::Stopped { legs, by } => {
            let cancel = by.unwrap_or(Cancel::OriginatorCancel);
            hang_up(legs, cancel).await;
            stopped(cancel)
        }
    }
}

/// One leg a contact; none while the node is down.
fn originate(offer: &Offer) -> Vec<Leg> {
    let ring = |contact: &Contact| {
        let request = LegRequest {
            leg: ChannelId::new(),
            contact: contact.clone(),
            call: offer.waiter.call,
            offer: offer.id,
            caller: offer.waiter.channel,
            ring_timeout: offer.rules.ring_timeout,
            caller_number: offer.waiter.number.clone(),
            caller_name: offer.waiter.name.clone(),
            confirm: offer.waiter.confirm.clone(),
            follow_redirects: offer.rules.follow_redirects,
            role: LegRole::Agent,
        };
        let leg = offer.waiter.node.ring(request);
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

fn stopped(cancel: Cancel) -> Rang {
    Rang::Over(stopped_outcome(cancel), cancel.as_str().to_owned())
}

/// A phone that was picked up, and the agent's other phones, which still ring.
struct Picked {
    leg: Leg,
    channel: ChannelId,
    others: Vec<Leg>,
}

/// Tells the caller's story that an agent is there, and does what it says.
async fn answered(tools: &Tools, offer: &Offer, picked: Picked, stop: oneshot::Receiver<Cancel>) -> Rang {
    let Picked { mut leg, channel, others } = picked;
    for other in &others {
        other.cancel(Cancel::LoseRace);
    }
    let (reply, answer) = oneshot::channel();
    let left = CancellationToken::new();
    let knock = Knock {
        left: left.clone(),
        offer: offer.id,
        agent: offer.agent.clone(),
        leg: channel,
        answered_at: tools.clock.now(),
        reply,
    };
    let reply = match offer.waiter.knock.send(knock).await {
        Ok(()) => answered_by_story(&mut leg, answer, &left).await,
        Err(_) => None,
    };
    if reply == Some(Reply::Bridged) {
        leg.in_talk();
    }
    hang_up(others, Cancel::LoseRace).await;
    match reply {
        Some(Reply::Bridged) => Rang::Talking(leg),
        Some(Reply::Lost) => too_late(leg, Cancel::LoseRace).await,
        Some(Reply::Failed) => {
            leg.hang_up(Cancel::OriginatorCancel).await;
            Rang::Over(Outcome::Cancelled, "BRIDGE_FAILED".to_owned())
        }
        Some(Reply::Unreached) => {
            leg.hang_up(Cancel::NormalClearing).await;
            Rang::Over(Outcome::Cancelled, CUSTOMER_NOT_REACHED.to_owned())
        }
        // The story has gone on without him: the dispatcher says why.
        None => {
            let said = tokio::time::timeout(STORY_LEAVES, stop).await;
            let cancel = said.ok().and_then(Result::ok).unwrap_or(Cancel::OriginatorCancel);
            too_late(leg, cancel).await
        }
    }
}

/// What the story says to the agent. A customer who is called back is dialled meanwhile, which takes a while: an agent
/// who does not want to wait is told of.
async fn answered_by_story(
    leg: &mut Leg,
    mut answer: oneshot::Receiver<Reply>,
    left: &CancellationToken,
) -> Option<Reply> {
    tokio::select! {
        biased;
        reply = &mut answer => return reply.ok(),
        _ = leg.ended() => left.cancel(),
    }
    answer.await.ok()
}

async fn too_late(leg: Leg, cancel: Cancel) -> Rang {
    leg.hang_up(cancel).await;
    stopped(cancel)
}

/// Whether an offer ended because FreeSWITCH could not be reached: that says nothing of the agent's phone.
fn is_of_link(cause: &str) -> bool {
    matches!(cause, NODE_DOWN | LINK_LOST | SWITCH_RESTARTED)
}

/// How long the agent is offered nothing: nearly nothing where it was FreeSWITCH that could not be reached, and `rest`
/// where the agent did what could be done.
fn pause_after(
    outcome: Outcome,
    cause: &str,
    (failures, rest): (u32, Duration),
    delays: &Delays,
) -> Duration {
    match cause {
        cause if is_of_link(cause) => NODE_PAUSE,
        CUSTOMER_NOT_REACHED => rest,
        _ => offer::growing_delay(outcome, failures, delays),
    }
}

/// Says what FreeSWITCH did wrong, and what helps.
fn warn_of_failure(offer: &Offer, outcome: Outcome, cause: &str) {
    let agent = &offer.agent;
    match (outcome, &offer.waiter.confirm) {
        (Outcome::Failed, Some(confirm)) => tracing::warn!(
            %agent, cause, sound = confirm.sound,
            "the phone was picked up, and FreeSWITCH could not ask for the key: is the sound there? `dozvon check` \
             looks; put the file in place, or name another with confirm_sound in [callback]"
        ),
        (Outcome::Failed, None) => tracing::warn!(
            %agent, cause, "the phone was picked up, and FreeSWITCH failed: see FreeSWITCH's log"
        ),
        (Outcome::Redirected, _) => tracing::warn!(
            %agent, "the phone redirects its calls: take the redirect off, or set follow_redirects = true for this agent"
        ),
        _ => {}
    }
}

/// Records an offer that nobody talked on, and gives the agent back.
async fn give_back(tools: &Tools, dispatcher: &Dispatcher, offer: Offer, outcome: Outcome, cause: String) {
    tools.metrics.offers.with_label_values(&[offer.waiter.queue.as_str(), outcome.as_str()]).inc();
    tracing::info!(agent = %offer.agent, queue = %offer.waiter.queue, %outcome, cause, "the agent did not take the call");
    let at = tools.clock.now();
    warn_of_failure(&offer, outcome, &cause);
    let of_link = is_of_link(&cause);
    let end = store::offers::EndUnanswered {
        offer: offer.id,
        outcome,
        at,
        ready_at: at + pause_after(outcome, &cause, (offer.failures, offer.waiter.rest), &offer.rules.delays),
        cause,
        max_misses: offer.rules.max_misses,
    };
    let recorded = until_recorded("end_offer", || {
        let end = end.clone();
        tools.store.write("end_offer", move |c| store::offers::end_unanswered(c, &end))
    })
    .await;
    report(dispatcher, offer.waiter.call, offer.id, offer.agent, (outcome, of_link), recorded).await;
}

/// Waits for the end of the talk, records it, and gives the agent back.
async fn talk(tools: &Tools, dispatcher: &Dispatcher, offer: Offer, leg: Leg) {
    tools.metrics.offers.with_label_values(&[offer.waiter.queue.as_str(), Outcome::Answered.as_str()]).inc();
    let wrap_up = offer.rules.wrap_up;
    let won = Won { offer: offer.id, call: offer.waiter.call, agent: offer.agent, wrap_up };
    until_talk_ends(tools, dispatcher, won, leg).await;
}

/// An offer whose agent talks to the caller.
#[derive(Debug, Clone)]
pub struct Won {
    /// The offer.
    pub offer: OfferId,
    /// The call.
    pub call: CallId,
    /// Who talks.
    pub agent: AgentName,
    /// How long he is offered nothing afterwards.
    pub wrap_up: Duration,
}

/// Waits for the end of a talk, records it, and gives the agent back.
pub async fn until_talk_ends(tools: &Tools, dispatcher: &Dispatcher, won: Won, mut leg: Leg) {
    leg.ended().await;
    let (id, at, wrap_up) = (won.offer, tools.clock.now(), won.wrap_up);
    let recorded = until_recorded("end_talk", || {
        tools.store.write("end_talk", move |c| store::offers::end_talk(c, id, at, wrap_up))
    })
    .await;
    report(dispatcher, won.call, won.offer, won.agent, (Outcome::Answered, false), recorded).await;
}

/// Tells the dispatcher. What the database refuses for good is a fault of ours: it says so, and the agent's row
/// decides whether he is offered more.
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

/// How an offer ended whose legs ended so: the most telling one decides, and of equal ones the first.
fn most_telling(legs: &[Unanswered]) -> Rang {
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
        Some((outcome, cause)) => Rang::Over(outcome, cause.clone()),
        None => Rang::Over(Outcome::Unreachable, "NO_LEG".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_is_not_left_alone_for_what_freeswitch_could_not_do() {
        let long = Duration::from_secs(30);
        let rejected = Duration::from_secs(10);
        let delays = Delays { no_answer: long, busy: long, rejected, unreachable: long };
        for (outcome, cause, seconds) in [
            (Outcome::Cancelled, "NODE_DOWN", 1),
            (Outcome::Unreachable, LINK_LOST, 1),
            (Outcome::Unreachable, SWITCH_RESTARTED, 1),
            (Outcome::Unreachable, "USER_NOT_REGISTERED", 30),
            (Outcome::Rejected, "CALL_REJECTED", 10),
            (Outcome::Cancelled, "ORIGINATOR_CANCEL", 0),
            (Outcome::Cancelled, CUSTOMER_NOT_REACHED, 7),
        ] {
            let rest = Duration::from_secs(7);
            assert_eq!(
                pause_after(outcome, cause, (0, rest), &delays),
                Duration::from_secs(seconds),
                "{cause}"
            );
        }
    }
}
