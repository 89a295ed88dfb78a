//! Finds cases, and counts them.

use diesel::prelude::*;

use super::row::{CaseRow, MissRow};
use crate::clock::UnixMs;
use crate::ids::{CallId, CaseId, QueueName};
use crate::missed::case::{Stage, State};
use crate::phone::E164;
use crate::store::dialect::columns;
use crate::store::schema::{asked_callbacks, calls, case_misses, cases, requests};
use crate::store::{Database, StoreError};

/// Returns the open case of a number.
///
/// # Errors
/// When the database fails.
pub fn open_of(c: &mut Database, number: &E164) -> Result<Option<CaseRow>, StoreError> {
    let open = cases::table.filter(cases::number.eq(number).and(cases::closed_at.is_null()));
    Ok(open.select(columns::<CaseRow>()).first(c).optional()?)
}

/// Returns cases, oldest first: all of them, or those in one state, or those of one queue.
///
/// # Errors
/// When the database fails.
pub fn list(
    c: &mut Database,
    state: Option<State>,
    queue: Option<&QueueName>,
    limit: i64,
) -> Result<Vec<CaseRow>, StoreError> {
    let oldest = cases::table.select(columns::<CaseRow>()).order((cases::opened_at, cases::id));
    let query = oldest.limit(limit).into_boxed();
    let query = match state {
        None => query,
        Some(State::Open) => query.filter(cases::closed_at.is_null()),
        Some(State::Closed) => query.filter(cases::closed_at.is_not_null()),
    };
    let query = match queue {
        None => query,
        Some(queue) => query.filter(cases::queue.eq(queue)),
    };
    Ok(query.load(c)?)
}

/// Returns the case that a missed call opened or joined.
///
/// # Errors
/// When the database fails.
pub fn of_call(c: &mut Database, call: CallId) -> Result<Option<CaseId>, StoreError> {
    let missed = case_misses::table.find(call).select(case_misses::case_id);
    Ok(missed.first(c).optional()?)
}

/// Returns the missed calls of a case, oldest first.
///
/// # Errors
/// When the database fails.
pub fn misses(c: &mut Database, id: CaseId) -> Result<Vec<MissRow>, StoreError> {
    Ok(case_misses::table
        .inner_join(calls::table.on(calls::id.eq(case_misses::call)))
        .filter(case_misses::case_id.eq(id))
        .order(case_misses::at)
        .select(columns::<MissRow>())
        .load(c)?)
}

/// Returns the name of a case's customer: the name in the latest request, or else in the latest missed call.
///
/// # Errors
/// When the database fails.
pub fn name_of(c: &mut Database, id: CaseId) -> Result<Option<String>, StoreError> {
    let asked: Option<Option<String>> = requests::table
        .filter(requests::case_id.eq(id).and(requests::name.is_not_null()))
        .order(requests::id.desc())
        .select(requests::name)
        .first(c)
        .optional()?;
    if let Some(Some(name)) = asked {
        return Ok(Some(name));
    }
    let called = case_misses::table
        .inner_join(calls::table.on(calls::id.eq(case_misses::call)))
        .filter(case_misses::case_id.eq(id).and(calls::caller_name.ne("")))
        .order(case_misses::at.desc())
        .select(calls::caller_name);
    Ok(called.first(c).optional()?)
}

/// Returns when a call of a case's customer was last missed.
pub(in crate::store) fn missed_at(c: &mut Database, id: CaseId) -> Result<Option<UnixMs>, StoreError> {
    let missed = case_misses::table
        .left_join(asked_callbacks::table.on(asked_callbacks::call.eq(case_misses::call)))
        .filter(case_misses::case_id.eq(id).and(asked_callbacks::number.is_null()));
    Ok(missed.select(diesel::dsl::max(case_misses::at)).first(c)?)
}

/// Returns when a form or a bot last asked for a call.
pub(in crate::store) fn asked_at(c: &mut Database, id: CaseId) -> Result<Option<UnixMs>, StoreError> {
    let asked = requests::table.filter(requests::case_id.eq(id));
    Ok(asked.select(diesel::dsl::max(requests::received_at)).first(c)?)
}

/// Returns how many cases of a queue are open.
pub(in crate::store) fn open_in(c: &mut Database, queue: &QueueName) -> Result<i64, StoreError> {
    let open = cases::table.filter(cases::closed_at.is_null().and(cases::queue.eq(queue)));
    Ok(open.count().get_result(c)?)
}

/// Returns how many open cases are due, are being called, or become so by `now`.
///
/// # Errors
/// When the database fails.
pub fn in_hand(c: &mut Database, now: UnixMs) -> Result<i64, StoreError> {
    let busy = [Stage::Due, Stage::Claimed, Stage::Attempting];
    let soon = cases::next_at.assume_not_null().le(now);
    Ok(cases::table
        .filter(
            cases::closed_at
                .is_null()
                .and(cases::stage.eq_any(busy).or(cases::next_at.is_not_null().and(soon))),
        )
        .count()
        .get_result(c)?)
}
