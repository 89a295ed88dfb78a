//! Dialling the customer before an agent is there: the counts that decide whether it is allowed, and the attempt.
//! [`missed::customer_first`](crate::missed::customer_first) decides whether it is allowed.

use diesel::prelude::*;

use super::callbacks::{CallbackRules, DialTime, NotReserved, Reserved, permitted, reserve_place};
use super::cases::{CaseRow, lock};
use super::dialect::cached::Cache as _;
use super::schema::{agents, attempts};
use super::{Database, StoreError, attempts as rows, offers};
use crate::clock::UnixMs;
use crate::ids::{AgentName, AttemptId, CallId, CaseId, ChannelId, OfferId};
use crate::missed::attempt::{Disposition, State, Way};
use crate::missed::claim::Candidate;
use crate::missed::customer_first::{Counts, PAUSE, SHARE_OVER, may_dial};
use crate::queue::agent::{Activity, Status};

/// A case whose customer is to be dialled first.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    /// The case.
    pub case: CaseId,
    /// The callback's call.
    pub call: CallId,
    /// The time of the request.
    pub at: UnixMs,
}

/// Asks every guard, and takes a place among the day's attempts. None if the agent must be rung first.
///
/// # Errors
/// When the database fails. A refusal is a result, not an error.
pub fn reserve(
    c: &mut Database,
    callback_rules: &CallbackRules,
    wanted: &Wanted,
) -> Result<Result<Option<AttemptId>, NotReserved>, StoreError> {
    let case = lock(c, wanted.case)?;
    if !Candidate::from(&case).is_claimed_by(wanted.call) {
        return Ok(Err(NotReserved::NotOurs));
    }
    let (policy, permit) = match permitted(c, &case, callback_rules, DialTime::Now, "system", wanted.at)? {
        Ok(permitted) => permitted,
        Err(refusal) => return Ok(Err(NotReserved::Guard(refusal))),
    };
    if !may_dial(policy.profile, &counts(c, callback_rules, &case, wanted.at)?) {
        return Ok(Ok(None));
    }
    let reserved = Reserved {
        call: wanted.call,
        agent: None,
        by: "system",
        way: Way::CustomerFirst,
        policy: &policy,
        permit: &permit,
        at: wanted.at,
    };
    let attempt = reserve_place(c, &case, callback_rules, &reserved)?;
    rows::dialled(c, attempt, wanted.at)?;
    Ok(Ok(Some(attempt)))
}

/// Counts the dials of this kind, and the agents who are free.
fn counts(
    c: &mut Database,
    callback_rules: &CallbackRules,
    case: &CaseRow,
    at: UnixMs,
) -> Result<Counts, StoreError> {
    let recent = attempts::way.eq(Way::CustomerFirst).and(attempts::at.gt(at - SHARE_OVER));
    let recent = attempts::table.filter(recent);
    let abandoned = recent.filter(attempts::disposition.eq(Disposition::Abandoned));
    let to_this = abandoned.filter(attempts::number.eq(&case.number)).filter(attempts::at.gt(at - PAUSE));
    let under_way = recent.filter(attempts::disposition.is_null());
    let answered =
        recent.filter(attempts::answered_at.is_not_null().and(attempts::disposition.is_not_null()));
    Ok(Counts {
        answered: answered.count().get_result(c)?,
        abandoned: abandoned.count().get_result(c)?,
        under_way: under_way.count().get_result(c)?,
        abandoned_of_late: to_this.count().get_result(c)?,
        free_agents: free_agents(c, callback_rules, case)?,
    })
}

/// Returns how many agents of the case's queue are free now.
fn free_agents(c: &mut Database, callback_rules: &CallbackRules, case: &CaseRow) -> Result<i64, StoreError> {
    let Some(queue) = callback_rules.queue_of(case) else { return Ok(0) };
    let serves = callback_rules.rules.queues.get(&queue).into_iter().flat_map(|queue| queue.tiers.keys());
    let free = agents::status.eq(Status::Available).and(agents::activity.eq(Activity::Idle));
    Ok(agents::table.filter(free.and(agents::name.eq_any(serves))).count().get_result(c)?)
}

/// Makes an agent who answered for the waiting customer the winner, and gives the agent the attempt. Returns whether
/// the agent was the first.
///
/// # Errors
/// When the database fails.
pub fn win(
    c: &mut Database,
    attempt: AttemptId,
    offer: OfferId,
    call: CallId,
    leg: ChannelId,
    agent: &AgentName,
    at: UnixMs,
) -> Result<bool, StoreError> {
    let waits = attempts::table.find(attempt).filter(attempts::state.eq(State::Talking));
    let waiting: i64 = waits.count().get_result(c)?;
    if waiting == 0 || !offers::win(c, offer, call, leg, at)? {
        return Ok(false);
    }
    diesel::update(attempts::table.find(attempt).filter(attempts::agent.is_null()))
        .set(attempts::agent.eq(agent))
        .returning(attempts::id)
        .count_changed(c)?;
    Ok(true)
}
