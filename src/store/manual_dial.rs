//! Numbers and codes that an agent dials by hand at their phone: a customer's number, or a code for the disposition of
//! the agent's last talk.
//!
//! A number with an open case is dialled under the same guards, and counts the same, as a callback that the controller
//! places. The controller does not handle any other number.

use super::callbacks::{
    self, CallbackRules, DialTime, GivenDisposition, Reserved, check_dial, refused, reserve_place,
};
use super::cases::lock;
use super::dialect::hold;
use super::{Database, StoreError, attempts, calls as call_rows, case_opening, cases};
use crate::clock::UnixMs;
use crate::ids::{AgentName, AttemptId, CallId, CaseId, ChannelId, CoreId, NodeName};
use crate::missed::attempt::{Disposition, Way};
use crate::missed::ending::Direction;
use crate::missed::regulation::{Guard, Refusal};
use crate::phone::{E164, Party};
use crate::store::calls::Arrival;

/// A customer's number that an agent dials.
#[derive(Debug, Clone)]
pub struct Dialled {
    /// The number dialled.
    pub number: E164,
    /// The id of the call that the dial becomes.
    pub call: CallId,
    /// The FreeSWITCH that has the agent's channel.
    pub node: NodeName,
    /// The run of that FreeSWITCH.
    pub core: CoreId,
    /// The agent's channel.
    pub channel: ChannelId,
    /// The agent.
    pub agent: AgentName,
    /// The user of the phone, as FreeSWITCH knows it.
    pub user: String,
    /// When the agent dialled.
    pub at: UnixMs,
}

/// What happens to a number that an agent dialled and that has an open case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begun {
    /// The customer must be called back: the dial is an attempt.
    Attempt {
        /// The case of the customer.
        case: CaseId,
        /// The new attempt.
        attempt: AttemptId,
    },
    /// The customer must not be dialled.
    Refused(Refusal),
}

/// Whether a number has an open case.
///
/// # Errors
/// When the database fails.
pub fn has_open_case(c: &mut Database, number: &E164) -> Result<bool, StoreError> {
    Ok(cases::open_of(c, number)?.is_some())
}

/// Asks the guards, and reserves an attempt. Returns none if the number has no open case, or no longer has one.
///
/// # Errors
/// When the database fails. A refusal is returned, not an error.
pub fn begin(
    c: &mut Database,
    callback_rules: &CallbackRules,
    wanted: &Dialled,
) -> Result<Option<Begun>, StoreError> {
    let number = &wanted.number;
    hold::number(c, number)?;
    let Some(open) = cases::open_of(c, number)? else { return Ok(None) };
    let case = lock(c, open.id)?;
    let (policy, asked) = check_dial(c, &case, callback_rules, DialTime::Now, wanted.at)?;
    let permit = match asked {
        Ok(permit) => permit,
        Err(refusal) => {
            refused(c, &case, &policy, &refusal, wanted.agent.as_str(), wanted.at)?;
            return Ok(Some(Begun::Refused(refusal)));
        }
    };
    let case = case_opening::release_flooded(c, case, wanted.at)?;
    arrive(c, callback_rules, wanted, &case)?;
    let reserved = Reserved {
        call: wanted.call,
        agent: Some(&wanted.agent),
        by: wanted.agent.as_str(),
        way: Way::ManualDial,
        policy: &policy,
        permit: &permit,
        at: wanted.at,
    };
    let attempt = reserve_place(c, &case, callback_rules, &reserved)?;
    attempts::dialled(c, attempt, wanted.at)?;
    Ok(Some(Begun::Attempt { case: case.id, attempt }))
}

/// Records that nobody was dialled because no trunk has room for one more call. The customer's case stays as it is.
///
/// # Errors
/// When the database fails.
pub fn no_room(
    c: &mut Database,
    callback_rules: &CallbackRules,
    wanted: &Dialled,
    why: &str,
) -> Result<(), StoreError> {
    let number = &wanted.number;
    hold::number(c, number)?;
    let refusal = Refusal { guard: Guard::Budget, until: None, why: why.to_owned() };
    let Some(open) = cases::open_of(c, number)? else { return Ok(()) };
    let case = lock(c, open.id)?;
    refused(c, &case, &callback_rules.policy(&case), &refusal, wanted.agent.as_str(), wanted.at)
}

/// Inserts the row of the call.
fn arrive(
    c: &mut Database,
    callback_rules: &CallbackRules,
    wanted: &Dialled,
    case: &cases::CaseRow,
) -> Result<(), StoreError> {
    let queue = callback_rules.queue_of(case);
    let arrival = Arrival {
        id: wanted.call,
        node: wanted.node.clone(),
        channel: wanted.channel,
        core: wanted.core,
        party: Party::Number(wanted.number.clone()),
        caller_number: wanted.user.clone(),
        caller_name: wanted.agent.as_str().to_owned(),
        dialled: wanted.number.to_string(),
        came_by: None,
        route: None,
        open: true,
        why: format!("dialled by {} for case {}", wanted.agent.as_str(), case.id),
        queue: None,
        service_level: None,
        business_day: callback_rules.hours(queue.as_ref()).business_day(wanted.at),
        at: wanted.at,
    };
    call_rows::begin(c, &arrival, Direction::Manual, case.id)
}

/// Records the disposition for which an agent dialled a code. Returns the case, or none if no call of the agent is
/// waiting for a disposition.
///
/// # Errors
/// As [`callbacks::record_disposition`].
pub fn record_disposition(
    c: &mut Database,
    callback_rules: &CallbackRules,
    agent: &AgentName,
    disposition: Disposition,
    at: UnixMs,
) -> Result<Option<CaseId>, StoreError> {
    let Some(row) = attempts::latest_without_disposition(c, agent)? else { return Ok(None) };
    let case = row.case_id;
    let said = GivenDisposition { case, disposition, later: None, note: None, by: agent.as_str(), at };
    callbacks::record_disposition(c, callback_rules, &said)?;
    Ok(Some(case))
}

/// Records that the customer has answered.
///
/// # Errors
/// When the database fails.
pub fn talk(c: &mut Database, call: CallId, at: UnixMs) -> Result<(), StoreError> {
    let Some(row) = attempts::of_call(c, call)? else { return Ok(()) };
    attempts::answered(c, row.id, at)?;
    call_rows::forwarded(c, call, at)
}
