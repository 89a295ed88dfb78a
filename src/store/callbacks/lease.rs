//! Which cases are called back next, and which callback has them meanwhile.

use std::time::Duration;

use diesel::prelude::*;

use super::apply::happen;
use super::callback_rules::CallbackRules;
use super::due::advance;
use super::guards::{check_dial, refused_dial};
use super::hour_cap::DialTime;
use super::steps::take_step;
use crate::clock::UnixMs;
use crate::ids::{AgentName, CallId, CaseId, ChannelId, CoreId, NodeName, QueueName};
use crate::missed::case::{Stage, Step};
use crate::missed::claim::{Candidate, Claim, Claimable};
use crate::missed::ending::Direction;
use crate::missed::plan::Event;
use crate::missed::regulation::{Permit, Refusal};
use crate::phone::{E164, Party};
use crate::rules::policy::Policy;
use crate::store::calls::Arrival;
use crate::store::cases::{CaseRow, get, lock};
use crate::store::schema::{calls, cases};
use crate::store::{Database, StoreError, calls as call_rows};

/// A request to lease cases of a queue, and the FreeSWITCH that will dial them.
#[derive(Debug, Clone)]
pub struct LeaseRequest {
    /// The queue.
    pub queue: QueueName,
    /// The FreeSWITCH that will make the calls.
    pub node: NodeName,
    /// The run of that FreeSWITCH.
    pub core: CoreId,
    /// The time of the request.
    pub at: UnixMs,
}

/// A leased case, with the row of its call.
#[derive(Debug, Clone)]
pub struct LeasedCase {
    /// The case.
    pub case: CaseId,
    /// The call.
    pub call: CallId,
    /// The channel that the customer's leg will have.
    pub channel: ChannelId,
    /// The customer's number.
    pub number: E164,
    /// The customer's name, as it was last shown.
    pub name: String,
    /// The queue whose agents are offered the case.
    pub queue: QueueName,
    /// The agent who is offered the case first.
    pub first: Option<AgentName>,
    /// Since when the case is due. This decides its position among the callbacks.
    pub due_at: UnixMs,
    /// Since when the customer stands in the queue, if they keep their place there. Then this decides their position among
    /// the callers who wait.
    pub place_at: Option<UnixMs>,
    /// The time by which an agent must have accepted the case.
    pub lease_until: UnixMs,
    /// How long the customer's phone rings.
    pub ring: Duration,
}

/// Returns the due cases of a queue, the most urgent first: at most `limit`, and none of `skipped`.
///
/// # Errors
/// When the database fails.
pub fn ready(
    c: &mut Database,
    queue: &QueueName,
    limit: i64,
    skipped: &[CaseId],
) -> Result<Vec<CaseId>, StoreError> {
    let due = cases::table
        .filter(cases::closed_at.is_null().and(cases::stage.eq(Stage::Due)))
        .filter(cases::queue.eq(queue))
        .filter(cases::id.ne_all(skipped))
        .order((cases::priority.desc(), cases::due_at, cases::id));
    Ok(due.limit(limit).select(cases::id).load(c)?)
}

/// Returns the due cases whose customers keep their places in the cases' queues, in order, with the queues: at most
/// `limit`, and none of `skipped`.
///
/// # Errors
/// When the database fails.
pub fn kept_places(
    c: &mut Database,
    limit: i64,
    skipped: &[CaseId],
) -> Result<Vec<(QueueName, CaseId)>, StoreError> {
    let due = cases::table
        .filter(cases::closed_at.is_null().and(cases::stage.eq(Stage::Due)))
        .filter(cases::place_at.is_not_null().and(cases::queue.eq(cases::place_queue)))
        .filter(cases::id.ne_all(skipped))
        .order((cases::place_at, cases::id));
    Ok(due.limit(limit).select((cases::place_queue.assume_not_null(), cases::id)).load(c)?)
}

/// Leases a case again for the callback that has it, so that the customer keeps their place on the board while they wait
/// longer than one lease. Whoever is to be reminded of the case is reminded. Returns until when the callback has the
/// case. None if it has the case no longer.
///
/// # Errors
/// When the database fails.
pub fn renew(
    c: &mut Database,
    work: &LeasedCase,
    callback_rules: &CallbackRules,
    at: UnixMs,
) -> Result<Option<UnixMs>, StoreError> {
    let case = lock(c, work.case)?;
    if !Candidate::from(&case).is_claimed_by(work.call) {
        return Ok(None);
    }
    happen(c, &case, callback_rules, Event::Released, "system", at)?;
    advance(c, work.case, callback_rules, at)?;
    let mut case = get(c, work.case)?;
    if case.place_in(&work.queue).is_none() || case.queue.as_ref() != Some(&work.queue) {
        return Ok(None);
    }
    if !matches!(Candidate::from(&case).claimable(at), Claimable::IfPermitted) {
        return Ok(None);
    }
    let dial = DialTime::AfterAgent;
    let Ok((policy, _)) = permitted(c, &case, callback_rules, dial, "system", at)? else { return Ok(None) };
    let claim = Claim::of(work.call, policy.lease, at);
    take_step(c, &mut case, Step::Claim, Some(claim.next_at), Some(&claim.claimed_by))?;
    Ok(Some(claim.lease_until))
}

/// The result of leasing a case.
#[derive(Debug, Clone)]
pub enum Leased {
    /// The case is leased.
    Case(Box<LeasedCase>),
    /// A guard refused the dial. The case was put off or closed. If the hourly limit of all dials refused it, the case
    /// is still due.
    Refused(Refusal),
    /// The case is no longer due.
    NotDue,
}

impl Leased {
    /// Returns the leased case, if there is one.
    #[must_use]
    pub fn work(self) -> Option<LeasedCase> {
        match self {
            Self::Case(work) => Some(*work),
            Self::Refused(_) | Self::NotDue => None,
        }
    }
}

/// Leases a due case, if the guards permit its dial.
///
/// # Errors
/// When the database fails.
pub fn lease(
    c: &mut Database,
    id: CaseId,
    callback_rules: &CallbackRules,
    wanted: &LeaseRequest,
) -> Result<Leased, StoreError> {
    let mut case = lock(c, id)?;
    match Candidate::from(&case).claimable(wanted.at) {
        Claimable::No => return Ok(Leased::NotDue),
        Claimable::Later(until) => {
            happen(c, &case, callback_rules, Event::PutOff(until), "system", wanted.at)?;
            return Ok(Leased::NotDue);
        }
        Claimable::IfPermitted => {}
    }
    let (policy, _) = match permitted(c, &case, callback_rules, DialTime::AfterAgent, "system", wanted.at)? {
        Ok(permitted) => permitted,
        Err(refusal) => return Ok(Leased::Refused(refusal)),
    };
    let call = CallId::new();
    let claim = Claim::of(call, policy.lease, wanted.at);
    let work = LeasedCase {
        case: id,
        call,
        channel: ChannelId::new(),
        number: case.number.clone(),
        name: last_name(c, &case)?,
        queue: wanted.queue.clone(),
        first: case.assignee.clone(),
        due_at: case.due_at.unwrap_or(case.opened_at),
        place_at: case.place_in(&wanted.queue),
        lease_until: claim.lease_until,
        ring: policy.ring,
    };
    take_step(c, &mut case, Step::Claim, Some(claim.next_at), Some(&claim.claimed_by))?;
    arrive(c, callback_rules, wanted, &work)?;
    Ok(Leased::Case(Box::new(work)))
}

/// Asks the guards of a locked case. A refusal is kept, and the case moves to the stage that follows from it.
pub(in crate::store) fn permitted(
    c: &mut Database,
    case: &CaseRow,
    callback_rules: &CallbackRules,
    dial: DialTime,
    by: &str,
    at: UnixMs,
) -> Result<Result<(Policy, Permit), Refusal>, StoreError> {
    let (policy, asked) = check_dial(c, case, callback_rules, dial, at)?;
    match asked {
        Ok(permit) => Ok(Ok((policy, permit))),
        Err(refusal) => {
            let dial = refused_dial(c, case, callback_rules, &refusal)?;
            happen(c, case, callback_rules, Event::DialRefused(dial), by, at)?;
            Ok(Err(refusal))
        }
    }
}

/// Returns the name that was last shown for the caller.
fn last_name(c: &mut Database, case: &CaseRow) -> Result<String, StoreError> {
    let name: Option<String> = calls::table
        .filter(calls::number.eq(&case.number).and(calls::direction.eq(Direction::Inbound)))
        .order(calls::arrived_at.desc())
        .select(calls::caller_name)
        .first(c)
        .optional()?;
    Ok(name.unwrap_or_default())
}

/// Records the callback's call.
fn arrive(
    c: &mut Database,
    callback_rules: &CallbackRules,
    wanted: &LeaseRequest,
    work: &LeasedCase,
) -> Result<(), StoreError> {
    let arrival = Arrival {
        id: work.call,
        node: wanted.node.clone(),
        channel: work.channel,
        core: wanted.core,
        party: Party::Number(work.number.clone()),
        caller_number: work.number.to_string(),
        caller_name: work.name.clone(),
        dialled: work.number.to_string(),
        came_by: None,
        route: None,
        open: true,
        why: format!("callback for case {}", work.case),
        queue: Some(work.queue.clone()),
        service_level: None,
        business_day: callback_rules.hours(Some(&work.queue)).business_day(wanted.at),
        at: wanted.at,
    };
    call_rows::begin(c, &arrival, Direction::Callback, work.case)
}
