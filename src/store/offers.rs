//! Offers: the claim that lets a phone ring, the winner, and how it ended.

use std::collections::BTreeMap;
use std::time::Duration;

use diesel::dsl::exists;
use diesel::prelude::*;

use super::agents::{self as agent_rows, AgentRow};
use super::calls::{self as call_rows, WaitOutcome};
use super::dialect::{cached::Cache as _, hold};
use super::error::Found as _;
use super::schema::{agents, calls, offers};
use super::{Database, StoreError, attempts, read};
use crate::clock::UnixMs;
use crate::ids::{AgentName, CallId, ChannelId, OfferId, QueueName};
use crate::queue::agent::{Activity, Status};
use crate::queue::offer::{self, Outcome};

/// An agent to be claimed for a call.
#[derive(Debug, Clone)]
pub struct Claim {
    /// The offer's identity.
    pub offer: OfferId,
    /// The call.
    pub call: CallId,
    /// The queue it waits in.
    pub queue: QueueName,
    /// Whom.
    pub agent: AgentName,
    /// The newest version of his row that is known: anything newer refuses the claim.
    pub version: i64,
    /// Who claims.
    pub controller: String,
    /// When.
    pub at: UnixMs,
}

/// Why a claim was refused: the agent or the call is not what we believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The agent was changed by somebody, or is not free.
    Agent,
    /// The call has ended, or has an agent.
    Call,
}

/// Claims an agent: the only thing that may make a phone ring. Repeating a claim that was made is no refusal.
///
/// # Errors
/// When the database fails; a refusal is a result.
pub fn claim(c: &mut Database, claim: &Claim) -> Result<Result<(), Refusal>, StoreError> {
    let (offer, call) = (claim.offer.to_string(), claim.call.to_string());
    hold::call(c, &call)?;
    let free = agents::table.find(claim.agent.as_str()).filter(
        agents::version
            .eq(claim.version)
            .and(agents::status.eq(Status::Available.as_str()))
            .and(agents::activity.eq(Activity::Idle.as_str()))
            .and(agents::ready_at.le(claim.at.0))
            .and(exists(waiting(&call))),
    );
    let claimed = diesel::update(free)
        .set((
            agents::activity.eq(Activity::Ringing.as_str()),
            agents::offer.eq(&offer),
            agents::since_at.eq(claim.at.0),
            agents::version.eq(claim.version + 1),
            agents::changed_by.eq("system"),
            agents::changed_why.eq("offered a call"),
        ))
        .returning(agents::version)
        .count_changed(c)?;
    if claimed == 0 {
        return refusal(c, &offer, &call);
    }
    diesel::insert_into(offers::table)
        .values((
            offers::id.eq(&offer),
            offers::call.eq(&call),
            offers::queue.eq(claim.queue.as_str()),
            offers::agent.eq(claim.agent.as_str()),
            offers::controller.eq(&claim.controller),
            offers::offered_at.eq(claim.at.0),
        ))
        .insert(c)?;
    Ok(Ok(()))
}

/// The call, as long as nobody has it and it goes on.
#[diesel::dsl::auto_type(no_type_alias)]
fn waiting<'a>(call: &'a str) -> _ {
    calls::table.filter(calls::id.eq(call).and(calls::ended_at.is_null()).and(calls::offer.is_null()))
}

/// Why nothing was claimed.
fn refusal(c: &mut Database, offer: &str, call: &str) -> Result<Result<(), Refusal>, StoreError> {
    let again = offers::table.find(offer).filter(offers::ended_at.is_null());
    if diesel::select(exists(again)).get_result::<bool>(c)? {
        return Ok(Ok(()));
    }
    let waits = diesel::select(exists(waiting(call))).get_result::<bool>(c)?;
    Ok(Err(if waits { Refusal::Agent } else { Refusal::Call }))
}

/// Makes an answered offer the winner of its call. Whether it is: at most one ever is at a time, and only while
/// neither has ended. Repeating it says the same.
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
    let (offer, call) = (offer.to_string(), call.to_string());
    hold::offer(c, &offer)?;
    let live = offers::table.find(&offer).filter(offers::call.eq(&call).and(offers::ended_at.is_null()));
    let free = calls::table.find(&call).filter(calls::ended_at.is_null()).filter(exists(live));
    let free = free.filter(calls::offer.is_null().or(calls::offer.eq(&offer)));
    if diesel::update(free).set(calls::offer.eq(&offer)).returning(calls::arrived_at).count_changed(c)? == 0 {
        return Ok(false);
    }
    diesel::update(offers::table.find(&offer))
        .set((offers::answered_at.eq(at.0), offers::leg.eq(leg.to_string())))
        .returning(offers::offered_at)
        .count_changed(c)?;
    // The agent is there, whatever comes of the call: nothing is missed in a row any more.
    diesel::update(agents::table.filter(agents::offer.eq(&offer)))
        .set(agents::misses.eq(0))
        .returning(agents::version)
        .count_changed(c)?;
    Ok(true)
}

/// Hands an agent who answered for a callback to the customer who has just rung in himself. Whether he could be.
///
/// # Errors
/// When the database fails.
pub fn hand_to(c: &mut Database, offer: OfferId, call: CallId) -> Result<bool, StoreError> {
    let (offer, call) = (offer.to_string(), call.to_string());
    hold::call(c, &call)?;
    hold::offer(c, &offer)?;
    let won = calls::table.filter(calls::offer.eq(&offer).and(calls::answered_at.is_null()));
    diesel::update(won).set(calls::offer.eq(None::<String>)).returning(calls::arrived_at).count_changed(c)?;
    let live =
        offers::table.find(&offer).filter(offers::ended_at.is_null().and(offers::bridged_at.is_null()));
    let live = live.filter(exists(waiting(&call)));
    Ok(diesel::update(live).set(offers::call.eq(&call)).returning(offers::offered_at).count_changed(c)? > 0)
}

/// Takes the win back: the bridge did not come about. A talk that has begun is not taken back.
///
/// # Errors
/// When the database fails.
pub fn unwin(c: &mut Database, offer: OfferId, call: CallId) -> Result<(), StoreError> {
    free_call(c, &offer.to_string(), &call.to_string())
}

/// The call has no winner any more, if it was this one and the two have not talked.
fn free_call(c: &mut Database, offer: &str, call: &str) -> Result<(), StoreError> {
    let won = calls::table.find(call).filter(calls::offer.eq(offer).and(calls::answered_at.is_null()));
    diesel::update(won).set(calls::offer.eq(None::<String>)).returning(calls::arrived_at).count_changed(c)?;
    Ok(())
}

/// The two talk: the offer is answered, the agent talks, the caller waits no more. Repeating it changes nothing.
///
/// # Errors
/// [`StoreError::NotFound`] when there is no such offer.
pub fn bridged(c: &mut Database, offer: OfferId, call: CallId, at: UnixMs) -> Result<(), StoreError> {
    let id = offer.to_string();
    hold::offer(c, &id)?;
    let (agent, _, offered_at, answered_at, bridged_at, ended_at) = times(c, offer)?;
    if bridged_at.is_some() || ended_at.is_some() {
        return Ok(());
    }
    diesel::update(offers::table.find(&id))
        .set((
            offers::bridged_at.eq(at.0),
            offers::outcome.eq(Outcome::Answered.as_str()),
            offers::ring_ms.eq(answered_at.map_or(at, UnixMs).since_ms(UnixMs(offered_at))),
        ))
        .returning(offers::offered_at)
        .count_changed(c)?;
    diesel::update(agents::table.find(&agent).filter(agents::offer.eq(&id)))
        .set((
            agents::activity.eq(Activity::Talking.as_str()),
            agents::since_at.eq(at.0),
            agents::misses.eq(0),
            agents::version.eq(agents::version + 1),
            agents::changed_by.eq("system"),
            agents::changed_why.eq("answered"),
        ))
        .returning(agents::version)
        .count_changed(c)?;
    let call = call.to_string();
    diesel::update(calls::table.find(&call).filter(calls::offer.eq(&id)))
        .set((calls::answered_at.eq(at.0), calls::agent.eq(&agent)))
        .returning(calls::arrived_at)
        .count_changed(c)?;
    call_rows::leave(c, &call, at, WaitOutcome::Answered)
}

/// Agent and call, and when the one was offered the other, answered, talked and was done.
type Times = (String, String, i64, Option<i64>, Option<i64>, Option<i64>);

fn times(c: &mut Database, offer: OfferId) -> Result<Times, StoreError> {
    offers::table
        .find(offer.to_string())
        .select((
            offers::agent,
            offers::call,
            offers::offered_at,
            offers::answered_at,
            offers::bridged_at,
            offers::ended_at,
        ))
        .first(c)
        .found("offer", offer)
}

/// An offer that nobody talked on is over.
#[derive(Debug, Clone)]
pub struct EndUnanswered {
    /// Which.
    pub offer: OfferId,
    /// How it ended.
    pub outcome: Outcome,
    /// FreeSWITCH's cause, or ours.
    pub cause: String,
    /// When.
    pub at: UnixMs,
    /// The agent is offered nothing before this.
    pub ready_at: UnixMs,
    /// So many misses in a row send him on break; 0: never.
    pub max_misses: u32,
}

/// Records the end of an offer and gives the agent back, in one transaction. Repeating it changes nothing.
///
/// # Errors
/// When the database fails, or there is no such offer.
pub fn end_unanswered(c: &mut Database, end: &EndUnanswered) -> Result<AgentRow, StoreError> {
    let id = end.offer.to_string();
    hold::offer(c, &id)?;
    let (agent, call, offered_at, answered_at, _, ended_at) = times(c, end.offer)?;
    let before = agent_rows::get(c, &super::read("offers.agent", &agent)?)?;
    if ended_at.is_some() {
        return Ok(before);
    }
    diesel::update(offers::table.find(&id))
        .set((
            offers::ended_at.eq(end.at.0),
            offers::outcome.eq(end.outcome.as_str()),
            offers::cause.eq(&end.cause),
            offers::ring_ms.eq(answered_at.map_or(end.at, UnixMs).since_ms(UnixMs(offered_at))),
        ))
        .returning(offers::offered_at)
        .count_changed(c)?;
    if answered_at.is_some() {
        // He may be the winner still: the caller must not wait for him for ever.
        free_call(c, &id, &call)?;
    }
    if before.offer != Some(end.offer) {
        return Ok(before);
    }
    give_back(c, end, &before)
}

/// The agent is idle again; on break if he let too many calls go.
fn give_back(c: &mut Database, end: &EndUnanswered, before: &AgentRow) -> Result<AgentRow, StoreError> {
    let missed = offer::is_miss(end.outcome, outcome_before(c, end)?);
    let misses = if missed { before.misses + 1 } else { before.misses };
    let tired = end.max_misses > 0 && i64::from(misses) >= i64::from(end.max_misses);
    let break_now = tired && missed && before.status == Status::Available;
    let status = if break_now { Status::OnBreak } else { before.status };
    let why = if break_now { "missed too many calls in a row" } else { end.outcome.as_str() };
    diesel::update(agents::table.find(before.name.as_str()))
        .set((
            agents::status.eq(status.as_str()),
            agents::break_reason.eq(if break_now { Some(why) } else { before.break_reason.as_deref() }),
            agents::activity.eq(Activity::Idle.as_str()),
            agents::offer.eq(None::<String>),
            agents::since_at.eq(end.at.0),
            agents::ready_at.eq(end.ready_at.0),
            agents::misses.eq(misses),
            agents::version.eq(before.version + 1),
            agents::changed_by.eq("system"),
            agents::changed_why.eq(why),
        ))
        .returning(agent_rows::COLUMNS)
        .changed_one::<agent_rows::Raw>(c)?
        .try_into()
}

/// How the agent's offer before this one ended; none if that is over for long, or there was none. Only looked up where
/// it matters.
fn outcome_before(c: &mut Database, end: &EndUnanswered) -> Result<Option<Outcome>, StoreError> {
    if end.outcome != Outcome::NotConfirmed {
        return Ok(None);
    }
    let agent: String = offers::table.find(end.offer.to_string()).select(offers::agent).first(c)?;
    let word: Option<Option<String>> = offers::table
        .filter(offers::agent.eq(agent).and(offers::ended_at.is_not_null()))
        .filter(offers::id.ne(end.offer.to_string()))
        .order(offers::ended_at.desc())
        .select(offers::outcome)
        .first(c)
        .optional()?;
    super::read_option("offers.outcome", word.flatten().as_ref())
}

/// The agent's leg has ended after a talk: wrap-up begins, or he is idle at once. Repeating it changes nothing.
///
/// # Errors
/// When the database fails, or there is no such offer.
pub fn end_talk(
    c: &mut Database,
    offer: OfferId,
    at: UnixMs,
    wrap_up: Duration,
) -> Result<AgentRow, StoreError> {
    hold::offer(c, &offer.to_string())?;
    let (agent, call, _, answered_at, bridged_at, ended_at) = times(c, offer)?;
    let name = super::read("offers.agent", &agent)?;
    if ended_at.is_some() {
        return agent_rows::get(c, &name);
    }
    let talked_from = bridged_at.or(answered_at).map_or(at, UnixMs);
    if bridged_at.is_none() {
        // The bridge could not be recorded when it came about.
        bridged(c, offer, super::read("offers.call", &call)?, talked_from)?;
    }
    diesel::update(offers::table.find(offer.to_string()))
        .set((offers::ended_at.eq(at.0), offers::talk_ms.eq(at.since_ms(talked_from))))
        .returning(offers::offered_at)
        .count_changed(c)?;
    let before = agent_rows::get(c, &name)?;
    if before.offer != Some(offer) {
        return Ok(before);
    }
    // Who called a customer back has no more work before he has said what came of it.
    let owes = attempts::owes_disposition(c, &name)?;
    let rests = before.activity == Activity::Talking && (owes || !wrap_up.is_zero());
    let activity = if rests { Activity::WrappingUp } else { Activity::Idle };
    diesel::update(agents::table.find(&agent))
        .set((
            agents::activity.eq(activity.as_str()),
            agents::offer.eq(None::<String>),
            agents::since_at.eq(at.0),
            agents::idle_since_at.eq(at.0),
            agents::ready_at.eq((at + wrap_up).0),
            agents::version.eq(before.version + 1),
            agents::changed_by.eq("system"),
            agents::changed_why.eq("talk ended"),
        ))
        .returning(agent_rows::COLUMNS)
        .changed_one::<agent_rows::Raw>(c)?
        .try_into()
}

/// Whether any offer of a queue or an agent is under way: then neither can be removed.
pub(super) fn live(c: &mut Database, agent: Option<&str>, queue: Option<&str>) -> Result<bool, StoreError> {
    let mut live = offers::table.filter(offers::ended_at.is_null()).into_boxed();
    if let Some(agent) = agent {
        live = live.filter(offers::agent.eq(agent.to_owned()));
    }
    if let Some(queue) = queue {
        live = live.filter(offers::queue.eq(queue.to_owned()));
    }
    let count: i64 = live.count().get_result(c)?;
    Ok(count > 0)
}

/// An offer as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, Queryable)]
pub struct OfferRow {
    /// Its identity.
    pub id: String,
    /// The agent.
    pub agent: String,
    /// The queue.
    pub queue: String,
    /// When, in milliseconds since 1970.
    pub offered_at: i64,
    /// When he answered.
    pub answered_at: Option<i64>,
    /// When it was over.
    pub ended_at: Option<i64>,
    /// How it ended.
    pub outcome: Option<String>,
    /// FreeSWITCH's cause, or ours.
    pub cause: Option<String>,
    /// How long the phone rang.
    pub ring_ms: Option<i64>,
    /// How long they talked.
    pub talk_ms: Option<i64>,
}

/// The offers of a call, in their order.
///
/// # Errors
/// When the database fails.
pub fn of_call(c: &mut Database, call: CallId) -> Result<Vec<OfferRow>, StoreError> {
    Ok(offers::table
        .filter(offers::call.eq(call.to_string()))
        .order((offers::offered_at, offers::id))
        .select((
            offers::id,
            offers::agent,
            offers::queue,
            offers::offered_at,
            offers::answered_at,
            offers::ended_at,
            offers::outcome,
            offers::cause,
            offers::ring_ms,
            offers::talk_ms,
        ))
        .load(c)?)
}

/// With whom agents are: the caller or customer of each agent who is rung or talks, by number or else as it came.
///
/// # Errors
/// When the database fails.
pub fn with_whom(c: &mut Database) -> Result<BTreeMap<AgentName, String>, StoreError> {
    let rows: Vec<(String, Option<String>, String)> = agents::table
        .inner_join(offers::table.on(agents::offer.eq(offers::id.nullable())))
        .inner_join(calls::table.on(calls::id.eq(offers::call)))
        .filter(offers::ended_at.is_null())
        .select((agents::name, calls::number, calls::caller_number))
        .load(c)?;
    rows.into_iter()
        .map(|(agent, number, came)| Ok((read("agents.name", &agent)?, number.unwrap_or(came))))
        .collect()
}
