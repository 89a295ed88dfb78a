//! The winner of a call, and its talk.

use std::time::Duration;

use diesel::dsl::exists;
use diesel::prelude::*;

use super::{Times, times, waiting};
use crate::clock::UnixMs;
use crate::ids::{AgentName, CallId, ChannelId, OfferId};
use crate::queue::agent::Activity;
use crate::queue::offer::Outcome;
use crate::queue::release;
use crate::store::agents::{self as agent_rows, AgentRow};
use crate::store::dialect::{cached::Cache as _, columns, hold};
use crate::store::schema::{agents, calls, offers};
use crate::store::waits::{self, WaitOutcome};
use crate::store::{Database, StoreError, attempts};

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
    Ok(changed.returned_one(c)?)
}
