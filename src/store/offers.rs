//! Offers: the claim that allows a phone to ring, and how an offer without a talk ended. `talk` has the winner and the
//! talk, and `shown` what people see.

mod shown;
mod talk;

use diesel::dsl::exists;
use diesel::prelude::*;

use super::agents::{self as agent_rows, AgentRow};
use super::dialect::{cached::Cache as _, columns, hold};
use super::error::Found as _;
use super::schema::{agents, calls, offers};
use super::{Database, StoreError};
use crate::clock::UnixMs;
use crate::ids::{AgentName, CallId, ChannelId, OfferId, QueueName};
use crate::queue::agent::{Activity, Status};
use crate::queue::offer::{self, Outcome};
use crate::queue::release::{self, Released};

pub use shown::{OfferRow, of_call, with_whom};
pub use talk::{Answer, bridged, connected, end_talk, hand_to, unwin, win};

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
    Ok(changed.returned_one(c)?)
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
