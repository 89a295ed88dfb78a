//! Offers: the claim that allows a phone to ring, the winner, and how the offer ended.

use std::collections::BTreeMap;
use std::time::Duration;

use diesel::dsl::exists;
use diesel::prelude::*;

use super::agents::{self as agent_rows, AgentRow};
use super::dialect::{cached::Cache as _, columns, hold};
use super::error::Found as _;
use super::schema::{agents, calls, offers};
use super::waits::{self, WaitOutcome};
use super::{Database, StoreError, attempts};
use crate::clock::UnixMs;
use crate::ids::{AgentName, CallId, ChannelId, OfferId, QueueName};
use crate::queue::agent::{Activity, Status};
use crate::queue::offer::{self, Outcome};
use crate::queue::release::{self, Released};

/// An agent to be claimed for a call.
#[derive(Debug, Clone)]
pub struct Claim {
    /// The id of the offer.
    pub offer: OfferId,
    /// The call.
    pub call: CallId,
    /// The queue in which the call waits.
    pub queue: QueueName,
    /// The agent to be claimed.
    pub agent: AgentName,
    /// The newest known version of the agent's row. The claim is refused if the row is newer.
    pub version: i64,
    /// The controller that claims the agent.
    pub controller: String,
    /// The time of the claim.
    pub at: UnixMs,
}

/// Why a claim was refused: the agent or the call has changed since the controller last read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Somebody changed the agent, or the agent is not free.
    Agent,
    /// The call has ended, or has an agent.
    Call,
}

/// Claims an agent. No phone may ring without a claim. If the same claim is repeated, the answer is the same.
///
/// # Errors
/// When the database fails. A refusal is returned, not an error.
pub fn claim(c: &mut Database, claim: &Claim) -> Result<Result<(), Refusal>, StoreError> {
    hold::call(c, claim.call)?;
    let free = agents::table.find(&claim.agent).filter(
        agents::version
            .eq(claim.version)
            .and(agents::status.eq(Status::Available))
            .and(agents::activity.eq(Activity::Idle))
            .and(agents::ready_at.le(claim.at))
            .and(exists(waiting(claim.call))),
    );
    let claimed = diesel::update(free)
        .set((
            agents::activity.eq(Activity::Ringing),
            agents::offer.eq(claim.offer),
            agents::since_at.eq(claim.at),
            agents::version.eq(claim.version + 1),
            agents::changed_by.eq("system"),
            agents::changed_why.eq("offered a call"),
        ))
        .returning(agents::version)
        .count_changed(c)?;
    if claimed == 0 {
        return refusal(c, claim.offer, claim.call);
    }
    diesel::insert_into(offers::table)
        .values((
            offers::id.eq(claim.offer),
            offers::call.eq(claim.call),
            offers::queue.eq(&claim.queue),
            offers::agent.eq(&claim.agent),
            offers::controller.eq(&claim.controller),
            offers::offered_at.eq(claim.at),
        ))
        .insert(c)?;
    Ok(Ok(()))
}

/// Selects the call while it goes on and has no agent.
#[diesel::dsl::auto_type(no_type_alias)]
fn waiting(call: CallId) -> _ {
    calls::table.filter(calls::id.eq(call).and(calls::ended_at.is_null()).and(calls::offer.is_null()))
}

/// Returns why nothing was claimed.
fn refusal(c: &mut Database, offer: OfferId, call: CallId) -> Result<Result<(), Refusal>, StoreError> {
    let again = offers::table.find(offer).filter(offers::ended_at.is_null());
    if diesel::select(exists(again)).get_result::<bool>(c)? {
        return Ok(Ok(()));
    }
    let waits = diesel::select(exists(waiting(call))).get_result::<bool>(c)?;
    Ok(Err(if waits { Refusal::Agent } else { Refusal::Call }))
}

/// Makes an answered offer the winner of its call, and returns whether it is the winner. A call has at most one winner
/// at a time, and an offer wins only while neither the offer nor the call has ended. Repeating it returns the same.
///
/// # Errors
/// When the database fails.
pub fn win(
    c: &mut Database,
    offer: OfferId,
    call: CallId,
    leg: ChannelId,
    at: UnixMs,
) -> Result<bool, StoreError> {
    hold::offer(c, offer)?;
    let live = offers::table.find(offer).filter(offers::call.eq(call).and(offers::ended_at.is_null()));
    let free = calls::table.find(call).filter(calls::ended_at.is_null()).filter(exists(live));
    let free = free.filter(calls::offer.is_null().or(calls::offer.eq(offer)));
    if diesel::update(free).set(calls::offer.eq(offer)).returning(calls::arrived_at).count_changed(c)? == 0 {
        return Ok(false);
    }
    diesel::update(offers::table.find(offer))
        .set((offers::answered_at.eq(at), offers::leg.eq(leg)))
        .returning(offers::offered_at)
        .count_changed(c)?;
    // The agent answered, whatever happens to the call, so the count of misses in a row starts again.
    diesel::update(agents::table.filter(agents::offer.eq(offer)))
        .set(agents::misses.eq(0))
        .returning(agents::version)
        .count_changed(c)?;
    Ok(true)
}

/// Hands an agent who answered for a callback to the customer who has just called in. Returns whether that was
/// possible.
///
/// # Errors
/// When the database fails.
pub fn hand_to(c: &mut Database, offer: OfferId, call: CallId) -> Result<bool, StoreError> {
    hold::call(c, call)?;
    hold::offer(c, offer)?;
    let won = calls::table.filter(calls::offer.eq(offer).and(calls::answered_at.is_null()));
    diesel::update(won)
        .set(calls::offer.eq(None::<OfferId>))
        .returning(calls::arrived_at)
        .count_changed(c)?;
    let live = offers::table.find(offer).filter(offers::ended_at.is_null().and(offers::bridged_at.is_null()));
    let live = live.filter(exists(waiting(call)));
    Ok(diesel::update(live).set(offers::call.eq(call)).returning(offers::offered_at).count_changed(c)? > 0)
}

/// Makes an offer the winner no longer, because the bridge failed. If the talk has begun, nothing changes.
///
/// # Errors
/// When the database fails.
pub fn unwin(c: &mut Database, offer: OfferId, call: CallId) -> Result<(), StoreError> {
    let won = calls::table.find(call).filter(calls::offer.eq(offer).and(calls::answered_at.is_null()));
    diesel::update(won)
        .set(calls::offer.eq(None::<OfferId>))
        .returning(calls::arrived_at)
        .count_changed(c)?;
    Ok(())
}

/// The leg on which an agent answered, and when.
#[derive(Debug, Clone, Copy)]
pub struct Answer {
    /// The channel of the leg.
    pub leg: ChannelId,
    /// When the agent answered.
    pub at: UnixMs,
}

/// Records that an agent who answered talks to the caller, if their offer wins the call by this. Returns whether it
/// does, by the rules of [`win`]. Repeating it returns the same.
///
/// # Errors
/// [`StoreError::NotFound`] when there is no such offer.
pub fn connected(
    c: &mut Database,
    offer: OfferId,
    call: CallId,
    answer: Answer,
    at: UnixMs,
) -> Result<bool, StoreError> {
    hold::offer(c, offer)?;
    let known = times(c, offer)?;
    if known.bridged_at.is_some() || known.ended_at.is_some() {
        // The end of the agent's leg may have been recorded first.
        let won = calls::table.find(call).filter(calls::offer.eq(offer));
        return Ok(diesel::select(exists(won)).get_result(c)?);
    }
    if known.call != call || !take_call(c, call, offer, &known.agent, at)? {
        return Ok(false);
    }
    talks(c, offer, &known, (Some(answer.leg), answer.at), at)?;
    waits::leave(c, call, at, WaitOutcome::Answered)?;
    Ok(true)
}

/// Records that the agent and the caller talk: the offer is answered, the agent talks, the caller no longer waits. An
/// offer whose win is not recorded yet wins by this, unless another offer has won the call. Repeating it changes nothing.
///
/// # Errors
/// [`StoreError::NotFound`] when there is no such offer.
pub fn bridged(c: &mut Database, offer: OfferId, call: CallId, at: UnixMs) -> Result<(), StoreError> {
    hold::offer(c, offer)?;
    let known = times(c, offer)?;
    if known.bridged_at.is_some() || known.ended_at.is_some() {
        return Ok(());
    }
    talks(c, offer, &known, (None, known.answered_at.unwrap_or(at)), at)?;
    take_call(c, call, offer, &known.agent, at)?;
    waits::leave(c, call, at, WaitOutcome::Answered)
}

/// Gives the call to the offer and its agent. Returns false if another offer has won the call, or the call has ended
/// without an answer.
fn take_call(
    c: &mut Database,
    call: CallId,
    offer: OfferId,
    agent: &AgentName,
    at: UnixMs,
) -> Result<bool, StoreError> {
    let free = calls::table.find(call).filter(calls::offer.is_null().or(calls::offer.eq(offer)));
    let free = free.filter(calls::ended_at.is_null().or(calls::answered_at.is_not_null()));
    let taken = diesel::update(free)
        .set((calls::offer.eq(offer), calls::answered_at.eq(at), calls::agent.eq(agent)))
        .returning(calls::arrived_at)
        .count_changed(c)?;
    Ok(taken > 0)
}

/// Records in the offer and the agent's row that the agent talks.
fn talks(
    c: &mut Database,
    offer: OfferId,
    known: &Times,
    (leg, answered_at): (Option<ChannelId>, UnixMs),
    at: UnixMs,
) -> Result<(), StoreError> {
    diesel::update(offers::table.find(offer))
        .set((
            offers::leg.eq(leg.or(known.leg)),
            offers::answered_at.eq(answered_at),
            offers::bridged_at.eq(at),
            offers::outcome.eq(Outcome::Answered),
            offers::ring_ms.eq(known.ring_ms(at)),
        ))
        .returning(offers::offered_at)
        .count_changed(c)?;
    diesel::update(agents::table.find(&known.agent).filter(agents::offer.eq(offer)))
        .set((
            agents::activity.eq(Activity::Talking),
            agents::since_at.eq(at),
            agents::misses.eq(0),
            agents::version.eq(agents::version + 1),
            agents::changed_by.eq("system"),
            agents::changed_why.eq("answered"),
        ))
        .returning(agents::version)
        .count_changed(c)?;
    Ok(())
}

/// Which agent was offered which call, and when the agent answered, talked and was done.
#[derive(Queryable, Selectable)]
#[diesel(table_name = offers)]
struct Times {
    agent: AgentName,
    call: CallId,
    offered_at: UnixMs,
    answered_at: Option<UnixMs>,
    leg: Option<ChannelId>,
    bridged_at: Option<UnixMs>,
    ended_at: Option<UnixMs>,
}

impl Times {
    /// Returns how long the phone rang, if it rang until `until`.
    fn ring_ms(&self, until: UnixMs) -> i64 {
        self.answered_at.unwrap_or(until).since_ms(self.offered_at)
    }
}

fn times(c: &mut Database, offer: OfferId) -> Result<Times, StoreError> {
    offers::table.find(offer).select(columns::<Times>()).first(c).found("offer", offer)
}

/// An offer that ended without a talk.
#[derive(Debug, Clone)]
pub struct EndUnanswered {
    /// The offer.
    pub offer: OfferId,
    /// How the offer ended.
    pub outcome: Outcome,
    /// The cause, from FreeSWITCH or from the controller.
    pub cause: String,
    /// When the offer ended.
    pub at: UnixMs,
    /// The agent is offered no call before this.
    pub ready_at: UnixMs,
    /// The number of misses in a row after which the agent goes on break. 0 means never.
    pub max_no_answer: u32,
}

/// Records the end of an offer and frees the agent, in one transaction. Repeating it changes nothing.
///
/// # Errors
/// When the database fails, or there is no such offer.
pub fn end_unanswered(c: &mut Database, end: &EndUnanswered) -> Result<AgentRow, StoreError> {
    hold::offer(c, end.offer)?;
    let known = times(c, end.offer)?;
    let before = agent_rows::get(c, &known.agent)?;
    if known.ended_at.is_some() {
        return Ok(before);
    }
    diesel::update(offers::table.find(end.offer))
        .set((
            offers::ended_at.eq(end.at),
            offers::outcome.eq(end.outcome),
            offers::cause.eq(&end.cause),
            offers::ring_ms.eq(known.ring_ms(end.at)),
        ))
        .returning(offers::offered_at)
        .count_changed(c)?;
    if known.answered_at.is_some() {
        // The offer may still be the winner, and the caller must not wait for its agent for ever.
        unwin(c, end.offer, known.call)?;
    }
    if before.offer != Some(end.offer) {
        return Ok(before);
    }
    give_back(c, end, &before)
}

/// Makes the agent idle again, or puts them on break after too many misses.
fn give_back(c: &mut Database, end: &EndUnanswered, before: &AgentRow) -> Result<AgentRow, StoreError> {
    let missed = offer::is_miss(end.outcome, outcome_before(c, end)?);
    let Released { misses, takes_break: break_now } =
        release::after_offer(before.status, before.misses, missed, end.max_no_answer);
    let status = if break_now { Status::OnBreak } else { before.status };
    let why = if break_now { "missed too many calls in a row" } else { end.outcome.as_str() };
    let changed = diesel::update(agents::table.find(&before.name))
        .set((
            agents::status.eq(status),
            agents::break_reason.eq(if break_now { Some(why) } else { before.break_reason.as_deref() }),
            agents::activity.eq(Activity::Idle),
            agents::offer.eq(None::<OfferId>),
            agents::since_at.eq(end.at),
            agents::ready_at.eq(end.ready_at),
            agents::misses.eq(misses),
            agents::version.eq(before.version + 1),
            agents::changed_by.eq("system"),
            agents::changed_why.eq(why),
        ))
        .returning(columns::<AgentRow>());
    Ok(changed.changed_one(c)?)
}

/// Returns how the agent's previous offer ended. None if there was no previous offer, or if the answer does not matter:
/// then the query does not run.
fn outcome_before(c: &mut Database, end: &EndUnanswered) -> Result<Option<Outcome>, StoreError> {
    if end.outcome != Outcome::NotConfirmed {
        return Ok(None);
    }
    let agent: AgentName = offers::table.find(end.offer).select(offers::agent).first(c)?;
    let before: Option<Option<Outcome>> = offers::table
        .filter(offers::agent.eq(agent).and(offers::ended_at.is_not_null()))
        .filter(offers::id.ne(end.offer))
        .order(offers::ended_at.desc())
        .select(offers::outcome)
        .first(c)
        .optional()?;
    Ok(before.flatten())
}

/// Records that the agent's leg has ended after a talk. Wrap-up begins, or the agent is idle at once. Repeating it
/// changes nothing.
///
/// # Errors
/// When the database fails, or there is no such offer.
pub fn end_talk(
    c: &mut Database,
    offer: OfferId,
    at: UnixMs,
    wrap_up: Duration,
) -> Result<AgentRow, StoreError> {
    hold::offer(c, offer)?;
    let known = times(c, offer)?;
    if known.ended_at.is_some() {
        return agent_rows::get(c, &known.agent);
    }
    let talked_from = known.bridged_at.or(known.answered_at).unwrap_or(at);
    if known.bridged_at.is_none() {
        // The bridge could not be recorded when it was made.
        bridged(c, offer, known.call, talked_from)?;
    }
    diesel::update(offers::table.find(offer))
        .set((offers::ended_at.eq(at), offers::talk_ms.eq(at.since_ms(talked_from))))
        .returning(offers::offered_at)
        .count_changed(c)?;
    let before = agent_rows::get(c, &known.agent)?;
    if before.offer != Some(offer) {
        return Ok(before);
    }
    let lacks_disposition = attempts::lacks_disposition_of(c, &known.agent)?;
    let activity = release::after_talk(before.activity, lacks_disposition, wrap_up);
    let changed = diesel::update(agents::table.find(&known.agent))
        .set((
            agents::activity.eq(activity),
            agents::offer.eq(None::<OfferId>),
            agents::since_at.eq(at),
            agents::idle_since_at.eq(at),
            agents::ready_at.eq(at + wrap_up),
            agents::version.eq(before.version + 1),
            agents::changed_by.eq("system"),
            agents::changed_why.eq("talk ended"),
        ))
        .returning(columns::<AgentRow>());
    Ok(changed.changed_one(c)?)
}

/// Whether an offer of a queue or an agent is under way. A queue or an agent with such an offer cannot be removed.
pub(super) fn live(
    c: &mut Database,
    agent: Option<&AgentName>,
    queue: Option<&QueueName>,
) -> Result<bool, StoreError> {
    let mut live = offers::table.filter(offers::ended_at.is_null()).into_boxed();
    if let Some(agent) = agent {
        live = live.filter(offers::agent.eq(agent));
    }
    if let Some(queue) = queue {
        live = live.filter(offers::queue.eq(queue));
    }
    let count: i64 = live.count().get_result(c)?;
    Ok(count > 0)
}

/// An offer in the form that people are shown.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, Queryable, Selectable)]
#[diesel(table_name = offers)]
pub struct OfferRow {
    /// The id of the offer.
    pub id: OfferId,
    /// The agent.
    pub agent: AgentName,
    /// The queue.
    pub queue: QueueName,
    /// When the offer began.
    pub offered_at: UnixMs,
    /// When the agent answered.
    pub answered_at: Option<UnixMs>,
    /// When the offer was over.
    pub ended_at: Option<UnixMs>,
    /// How the offer ended.
    pub outcome: Option<Outcome>,
    /// The cause, from FreeSWITCH or from the controller.
    pub cause: Option<String>,
    /// How long the phone rang.
    pub ring_ms: Option<i64>,
    /// How long the agent and the caller talked.
    pub talk_ms: Option<i64>,
}

/// Returns the offers of a call, in their order.
///
/// # Errors
/// When the database fails.
pub fn of_call(c: &mut Database, call: CallId) -> Result<Vec<OfferRow>, StoreError> {
    Ok(offers::table
        .filter(offers::call.eq(call))
        .order((offers::offered_at, offers::id))
        .select(columns::<OfferRow>())
        .load(c)?)
}

/// Returns the caller or customer of each agent whose phone rings or who talks: the number in E.164 form, or else the
/// number as FreeSWITCH sent it.
///
/// # Errors
/// When the database fails.
pub fn with_whom(c: &mut Database) -> Result<BTreeMap<AgentName, String>, StoreError> {
    let rows: Vec<(AgentName, Option<String>, String)> = agents::table
        .inner_join(offers::table.on(agents::offer.eq(offers::id.nullable())))
        .inner_join(calls::table.on(calls::id.eq(offers::call)))
        .filter(offers::ended_at.is_null())
        .select((agents::name, calls::number, calls::caller_number))
        .load(c)?;
    Ok(rows.into_iter().map(|(agent, number, came)| (agent, number.unwrap_or(came))).collect())
}
