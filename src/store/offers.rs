//! Offers: the claim that lets a phone ring, the winner, and how it ended.

use std::time::Duration;

use diesel::dsl::exists;
use diesel::prelude::*;

use super::agents::{self as agent_rows, AgentRow};
use super::schema::{agents, calls, offers, waits};
use super::{Database, StoreError, to_ms};
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

/// Claims an agent: the only thing that may make a phone ring.
///
/// # Errors
/// When the database fails; a refusal is a result.
pub fn claim(c: &mut Database, claim: &Claim) -> Result<Result<(), Refusal>, StoreError> {
    let waiting = calls::table
        .find(claim.call.to_string())
        .filter(calls::ended_at.is_null().and(calls::offer.is_null()));
    if !diesel::select(exists(waiting)).get_result::<bool>(c)? {
        return Ok(Err(Refusal::Call));
    }
    let offer = claim.offer.to_string();
    let free = agents::table.find(claim.agent.as_str()).filter(
        agents::version
            .eq(claim.version)
            .and(agents::status.eq(Status::Available.as_str()))
            .and(agents::activity.eq(Activity::Idle.as_str()))
            .and(agents::ready_at.le(claim.at.0)),
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
        .execute(c)?;
    if claimed == 0 {
        return Ok(Err(Refusal::Agent));
    }
    diesel::insert_into(offers::table)
        .values((
            offers::id.eq(&offer),
            offers::call.eq(claim.call.to_string()),
            offers::queue.eq(claim.queue.as_str()),
            offers::agent.eq(claim.agent.as_str()),
            offers::controller.eq(&claim.controller),
            offers::offered_at.eq(claim.at.0),
        ))
        .execute(c)?;
    Ok(Ok(()))
}

/// Makes an answered offer the winner of its call. Whether it is: at most one ever is at a time.
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
    let open =
        calls::table.find(call.to_string()).filter(calls::offer.is_null().and(calls::ended_at.is_null()));
    if diesel::update(open).set(calls::offer.eq(offer.to_string())).execute(c)? == 0 {
        return Ok(false);
    }
    diesel::update(offers::table.find(offer.to_string()))
        .set((offers::answered_at.eq(at.0), offers::leg.eq(leg.to_string())))
        .execute(c)?;
    Ok(true)
}

/// Takes the win back: the bridge did not come about.
///
/// # Errors
/// When the database fails.
pub fn unwin(c: &mut Database, offer: OfferId, call: CallId) -> Result<(), StoreError> {
    let won = calls::table.find(call.to_string()).filter(calls::offer.eq(offer.to_string()));
    diesel::update(won).set(calls::offer.eq(None::<String>)).execute(c)?;
    Ok(())
}

/// The two talk.
///
/// # Errors
/// When the database fails.
pub fn bridged(c: &mut Database, offer: OfferId, call: CallId, at: UnixMs) -> Result<(), StoreError> {
    let offer = offer.to_string();
    let agent: String = offers::table.find(&offer).select(offers::agent).first(c)?;
    diesel::update(offers::table.find(&offer))
        .set((offers::bridged_at.eq(at.0), offers::outcome.eq(Outcome::Answered.as_str())))
        .execute(c)?;
    diesel::update(agents::table.find(&agent).filter(agents::offer.eq(&offer)))
        .set((
            agents::activity.eq(Activity::Talking.as_str()),
            agents::since_at.eq(at.0),
            agents::misses.eq(0),
            agents::version.eq(agents::version + 1),
            agents::changed_by.eq("system"),
            agents::changed_why.eq("answered"),
        ))
        .execute(c)?;
    let call = call.to_string();
    diesel::update(calls::table.find(&call))
        .set((calls::answered_at.eq(at.0), calls::agent.eq(&agent)))
        .execute(c)?;
    diesel::update(waits::table.filter(waits::call.eq(&call).and(waits::left_at.is_null())))
        .set((waits::left_at.eq(at.0), waits::outcome.eq("answered")))
        .execute(c)?;
    Ok(())
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
    let (agent, offered_at): (String, i64) =
        offers::table.find(&id).select((offers::agent, offers::offered_at)).first(c)?;
    let name = super::read("offers.agent", &agent)?;
    let ended = diesel::update(offers::table.find(&id).filter(offers::ended_at.is_null()))
        .set((
            offers::ended_at.eq(end.at.0),
            offers::outcome.eq(end.outcome.as_str()),
            offers::cause.eq(&end.cause),
            offers::ring_ms.eq(end.at.since_ms(UnixMs(offered_at))),
        ))
        .execute(c)?;
    let before = agent_rows::get(c, &name)?;
    if ended == 0 || before.offer != Some(end.offer) {
        return Ok(before);
    }
    let misses = if offer::is_miss(end.outcome) { before.misses + 1 } else { before.misses };
    let tired = end.max_misses > 0 && i64::from(misses) >= i64::from(end.max_misses);
    let break_now = tired && offer::is_miss(end.outcome) && before.status == Status::Available;
    let status = if break_now { Status::OnBreak } else { before.status };
    let why = if break_now { "missed too many calls in a row" } else { end.outcome.as_str() };
    diesel::update(agents::table.find(&agent))
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
        .get_result::<agent_rows::Raw>(c)?
        .try_into()
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
    let id = offer.to_string();
    let (agent, offered_at, answered_at, bridged_at): (String, i64, Option<i64>, Option<i64>) = offers::table
        .find(&id)
        .select((offers::agent, offers::offered_at, offers::answered_at, offers::bridged_at))
        .first(c)?;
    let name = super::read("offers.agent", &agent)?;
    let ended = diesel::update(offers::table.find(&id).filter(offers::ended_at.is_null()))
        .set((
            offers::ended_at.eq(at.0),
            offers::outcome.eq(Outcome::Answered.as_str()),
            offers::ring_ms.eq(answered_at.map(|t| UnixMs(t).since_ms(UnixMs(offered_at)))),
            offers::talk_ms.eq(bridged_at.map(|t| at.since_ms(UnixMs(t)))),
        ))
        .execute(c)?;
    let before = agent_rows::get(c, &name)?;
    if ended == 0 || before.offer != Some(offer) {
        return Ok(before);
    }
    let rests = before.activity == Activity::Talking && !wrap_up.is_zero();
    let activity = if rests { Activity::WrappingUp } else { Activity::Idle };
    diesel::update(agents::table.find(&agent))
        .set((
            agents::activity.eq(activity.as_str()),
            agents::offer.eq(None::<String>),
            agents::since_at.eq(at.0),
            agents::idle_since_at.eq(at.0),
            agents::ready_at.eq(at.0.saturating_add(to_ms(wrap_up))),
            agents::version.eq(before.version + 1),
            agents::changed_by.eq("system"),
            agents::changed_why.eq("talk ended"),
        ))
        .returning(agent_rows::COLUMNS)
        .get_result::<agent_rows::Raw>(c)?
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
