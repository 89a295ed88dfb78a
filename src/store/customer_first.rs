//! Dialling the customer before an agent is there: whether it is allowed, and the attempt.
//!
//! The rules are stricter than for agents who are rung first (docs/compliance.md, R12 and R17: 47 CFR 64.1200(a)(7) and
//! 16 CFR 310.4(b)(4); Ofcom's statements of 2006 and 2010 for the 72 hours). At most 3 % of the customers who answered
//! in 30 days may have been abandoned. An abandoned customer is not dialled in this way for 72 hours. An agent must be
//! free now. Calls about debts are never made in this way: 230-FZ demands a person who gives their name.

use std::time::Duration;

use diesel::prelude::*;

use super::callbacks::{Asked, CallbackRules, NotReserved, Reserved, is_of, permitted, reserve_place};
use super::cases::{CaseRow, held};
use super::dialect::cached::Cache as _;
use super::schema::{agents, attempts};
use super::{Database, StoreError, attempts as rows, offers};
use crate::clock::UnixMs;
use crate::ids::{AgentName, AttemptId, CallId, CaseId, ChannelId, OfferId};
use crate::missed::attempt::{Outcome, State, Way};
use crate::missed::customer_first;
use crate::queue::agent::{Activity, Status};
use crate::rules::policy::Profile;

/// The time after the customer's answer within which an agent must be there (47 CFR 64.1200(a)(7)(i)).
pub const CONNECT_WITHIN: Duration = Duration::from_secs(2);
/// The period over which the share of abandoned customers is computed (the same source).
const OVER: Duration = Duration::from_secs(30 * 86_400);
/// How long an abandoned customer is not dialled without an agent (Ofcom 2010, §A1.55).
const SPARED: Duration = Duration::from_secs(72 * 3_600);

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
    terms: &CallbackRules,
    wanted: &Wanted,
) -> Result<Result<Option<AttemptId>, NotReserved>, StoreError> {
    let case = held(c, wanted.case)?;
    if !is_of(&case, wanted.call) {
        return Ok(Err(NotReserved::NotOurs));
    }
    let (policy, permit) = match permitted(c, &case, terms, Asked::Dial, "system", wanted.at)? {
        Ok(permitted) => permitted,
        Err(refusal) => return Ok(Err(NotReserved::Guard(refusal))),
    };
    if policy.profile == Profile::Debt || !may(c, terms, &case, wanted.at)? {
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
    let attempt = reserve_place(c, &case, terms, &reserved)?;
    rows::dialled(c, attempt, wanted.at)?;
    Ok(Ok(Some(attempt)))
}

fn may(c: &mut Database, terms: &CallbackRules, case: &CaseRow, at: UnixMs) -> Result<bool, StoreError> {
    let ours = attempts::way.eq(Way::CustomerFirst).and(attempts::at.gt(at - OVER));
    let was = attempts::result.eq(Outcome::Abandoned);
    let (live, answered) = (attempts::result.is_null(), attempts::answered_at.is_not_null());
    let of_late = attempts::table.filter(ours);
    let abandoned: i64 = of_late.filter(was).count().get_result(c)?;
    let under_way: i64 = of_late.filter(live).count().get_result(c)?;
    let answered: i64 = of_late.filter(answered.and(attempts::result.is_not_null())).count().get_result(c)?;
    let spared: i64 = of_late
        .filter(was.and(attempts::number.eq(&case.number)).and(attempts::at.gt(at - SPARED)))
        .count()
        .get_result(c)?;
    let lawful = customer_first::may_dial(answered, abandoned, under_way);
    Ok(lawful && spared == 0 && free_agents(c, terms, case)? > under_way)
}

/// Returns how many agents of the case's queue are free now.
fn free_agents(c: &mut Database, terms: &CallbackRules, case: &CaseRow) -> Result<i64, StoreError> {
    let Some(queue) = terms.queue_of(case) else { return Ok(0) };
    let serves = terms.rules.queues.get(&queue).into_iter().flat_map(|queue| queue.tiers.keys());
    let free = agents::status.eq(Status::Available).and(agents::activity.eq(Activity::Idle));
    Ok(agents::table.filter(free.and(agents::name.eq_any(serves))).count().get_result(c)?)
}

/// Makes an agent who has come to the waiting customer the winner, and gives them the attempt. Returns whether the
/// agent was the first.
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
