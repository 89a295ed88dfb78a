//! A place among the attempts of a business day.

use diesel::prelude::*;

use crate::calendar::business_day::BusinessDay;
use crate::clock::UnixMs;
use crate::ids::{AgentName, AttemptId, CallId, CaseId, QueueName};
use crate::missed::attempt::{State, Way};
use crate::missed::regulation::{CapReached, Permit, next_ordinal};
use crate::phone::E164;
use crate::rules::policy::Policy;
use crate::store::schema::attempts;
use crate::store::{Database, StoreError};

/// An attempt that is about to be made.
#[derive(Debug, Clone)]
pub struct Reservation<'a> {
    /// The case.
    pub case: CaseId,
    /// The customer's number.
    pub number: &'a E164,
    /// The business day of the attempt.
    pub business_day: BusinessDay,
    /// The row of the attempt's call.
    pub call: CallId,
    /// The agent who will talk with the customer. None if no agent is known yet.
    pub agent: Option<&'a AgentName>,
    /// The person or program that makes the attempt.
    pub by: &'a str,
    /// How the attempt is made.
    pub way: Way,
    /// The queue of the case.
    pub queue: Option<&'a QueueName>,
    /// The policy that permits the attempt.
    pub policy: &'a Policy,
    /// The policy's permit.
    pub permit: &'a Permit,
    /// The time of the reservation.
    pub at: UnixMs,
}

/// Takes a place among the day's attempts. Returns the attempt and its place. The guards have been asked before; the
/// database checks the same rules again.
///
/// # Errors
/// [`StoreError::Cap`] when no place is left; [`StoreError::Refused`] when the database refuses the attempt.
pub fn reserve(c: &mut Database, new: &Reservation<'_>) -> Result<(AttemptId, i32), StoreError> {
    let place = free_place(c, new.number, new.business_day, new.policy.cap_day)?
        .map_err(|cap| StoreError::Cap { number: new.number.to_string(), cap })?;
    let (permit, window) = (new.permit, &new.permit.window);
    let minute = |minute: u16| i32::from(minute);
    let id = diesel::insert_into(attempts::table)
        .values((
            (
                attempts::case_id.eq(new.case),
                attempts::number.eq(new.number),
                attempts::business_day.eq(new.business_day),
                attempts::ordinal.eq(place),
                attempts::counted.eq(true),
                attempts::at.eq(new.at),
                attempts::by.eq(new.by),
                attempts::state.eq(State::Reserved),
                attempts::way.eq(new.way),
                attempts::agent.eq(new.agent),
                attempts::call.eq(new.call),
            ),
            (
                attempts::queue.eq(new.queue),
                attempts::cap.eq(new.policy.cap_day),
                attempts::policy.eq(&new.policy.name),
                attempts::policy_version.eq(new.policy.version),
                attempts::gap_until.eq(permit.gap_until),
                attempts::zone.eq(window.zone.name()),
                attempts::zone_source.eq(window.source),
                attempts::local_min.eq(minute(window.local_min)),
                attempts::window_from_min.eq(minute(window.from_min)),
                attempts::window_to_min.eq(minute(window.to_min)),
            ),
        ))
        .returning(attempts::id)
        .get_result(c)?;
    Ok((id, place))
}

/// Returns the first free place among the counted attempts to a number on a day. An attempt that turned out not to
/// count has given its place back, so a free place may stand before taken ones.
pub(super) fn free_place(
    c: &mut Database,
    number: &E164,
    business_day: BusinessDay,
    cap: i32,
) -> Result<Result<i32, CapReached>, StoreError> {
    let taken: Vec<Option<i32>> = attempts::table
        .filter(attempts::number.eq(number).and(attempts::business_day.eq(business_day)))
        .filter(attempts::ordinal.is_not_null())
        .select(attempts::ordinal)
        .load(c)?;
    if let Err(cap) = next_ordinal(i64::try_from(taken.len()).unwrap_or(i64::MAX), cap) {
        return Ok(Err(cap));
    }
    Ok((1..=cap).find(|place| !taken.contains(&Some(*place))).ok_or(CapReached { cap }))
}
