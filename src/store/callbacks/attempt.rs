//! An attempt, from taking its place among the day's attempts to the talk.

use super::callback_rules::CallbackRules;
use super::hour_cap::DialTime;
use super::lease::permitted;
use super::steps::{begun, take_step};
use crate::clock::UnixMs;
use crate::ids::{AgentName, AttemptId, CallId, CaseId, ChannelId, OfferId};
use crate::missed::attempt::Way;
use crate::missed::case::Step;
use crate::missed::claim::Candidate;
use crate::missed::regulation::{Permit, Refusal};
use crate::rules::policy::Policy;
use crate::store::attempts::Reservation;
use crate::store::cases::{CaseRow, lock};
use crate::store::notes::{Note, note};
use crate::store::{Database, StoreError, attempts, calls, offers};

/// A request to dial the customer, made when an agent has accepted the offer.
#[derive(Debug, Clone)]
pub struct Reserve {
    /// The case.
    pub case: CaseId,
    /// The callback's call.
    pub call: CallId,
    /// The agent's offer.
    pub offer: OfferId,
    /// The agent.
    pub agent: AgentName,
    /// The agent's leg.
    pub leg: ChannelId,
    /// When the agent accepted.
    pub answered_at: UnixMs,
    /// The time of the request.
    pub at: UnixMs,
}

/// Why the customer is not dialled.
#[derive(Debug, Clone)]
pub enum NotReserved {
    /// The case no longer belongs to this callback: it is closed, or another callback has it.
    NotOurs,
    /// Another agent accepted first.
    Taken,
    /// A guard refused the dial.
    Guard(Refusal),
}

/// Makes the agent the winner, asks every guard again, and takes a place among the day's attempts.
///
/// # Errors
/// When the database fails. A refusal is a result, not an error.
pub fn reserve(
    c: &mut Database,
    callback_rules: &CallbackRules,
    wanted: &Reserve,
) -> Result<Result<AttemptId, NotReserved>, StoreError> {
    let case = lock(c, wanted.case)?;
    if !Candidate::from(&case).is_claimed_by(wanted.call) {
        return Ok(Err(NotReserved::NotOurs));
    }
    let (policy, permit) =
        match permitted(c, &case, callback_rules, DialTime::Now, wanted.agent.as_str(), wanted.at)? {
            Ok(permitted) => permitted,
            Err(refusal) => return Ok(Err(NotReserved::Guard(refusal))),
        };
    if !offers::win(c, wanted.offer, wanted.call, wanted.leg, wanted.answered_at)? {
        return Ok(Err(NotReserved::Taken));
    }
    let reserved = Reserved {
        call: wanted.call,
        agent: Some(&wanted.agent),
        by: wanted.agent.as_str(),
        way: Way::Callback,
        policy: &policy,
        permit: &permit,
        at: wanted.at,
    };
    Ok(Ok(reserve_place(c, &case, callback_rules, &reserved)?))
}

/// An attempt that every guard permits.
pub(in crate::store) struct Reserved<'a> {
    pub(in crate::store) call: CallId,
    pub(in crate::store) agent: Option<&'a AgentName>,
    pub(in crate::store) by: &'a str,
    pub(in crate::store) way: Way,
    pub(in crate::store) policy: &'a Policy,
    pub(in crate::store) permit: &'a Permit,
    pub(in crate::store) at: UnixMs,
}

/// Takes the attempt's place among the day's attempts. The case then waits for the end of the attempt.
pub(in crate::store) fn reserve_place(
    c: &mut Database,
    case: &CaseRow,
    callback_rules: &CallbackRules,
    wanted: &Reserved<'_>,
) -> Result<AttemptId, StoreError> {
    let queue = callback_rules.queue_of(case);
    let day = callback_rules.business_day(case, wanted.at);
    let (attempt, ordinal) = attempts::reserve(
        c,
        &Reservation {
            case: case.id,
            number: &case.number,
            business_day: day,
            call: wanted.call,
            agent: wanted.agent,
            by: wanted.by,
            way: wanted.way,
            queue: queue.as_ref(),
            policy: wanted.policy,
            permit: wanted.permit,
            at: wanted.at,
        },
    )?;
    let until = wanted.at + callback_rules.max_attempt_time;
    take_step(c, &mut case.clone(), Step::Dial, Some(until), Some(wanted.by))?;
    begun(c, case, wanted.at)?;
    note(c, case, Note::Dial { agent: wanted.by, ordinal }, wanted.at)?;
    Ok(attempt)
}

/// The next dial of an attempt, after a trunk refused the one before.
#[derive(Debug, Clone)]
pub struct Redial {
    /// The attempt.
    pub attempt: AttemptId,
    /// The callback's call.
    pub call: CallId,
    /// The channel that the customer's next leg will have.
    pub channel: ChannelId,
    /// The trunk that will dial it.
    pub trunk: String,
}

/// Records the trunk and the channel of an attempt's next dial. Returns whether it may be dialled: neither the attempt
/// nor its call has ended. A repeated call gives the same answer.
///
/// # Errors
/// When the database fails.
pub fn redial(c: &mut Database, next: &Redial) -> Result<bool, StoreError> {
    Ok(attempts::over_trunk(c, next.attempt, &next.trunk)? && calls::on_channel(c, next.call, next.channel)?)
}

/// Records that the agent and the customer talk.
///
/// # Errors
/// When the database fails.
pub fn talk(
    c: &mut Database,
    attempt: AttemptId,
    offer: OfferId,
    call: CallId,
    at: UnixMs,
) -> Result<(), StoreError> {
    offers::bridged(c, offer, call, at)?;
    attempts::answered(c, attempt, at)
}
