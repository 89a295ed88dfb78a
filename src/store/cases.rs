//! Cases: what we owe a number. At most one is open for each.

use diesel::prelude::*;

use super::dialect::{cached::Cache as _, hold};
use super::error::Found as _;
use super::schema::{calls, case_misses, cases};
use super::{Database, StoreError};
use crate::clock::UnixMs;
use crate::ids::{CallId, CaseId};
use crate::missed::case::{Closed, Reason, State};

/// A missed call that is owed.
#[derive(Debug)]
pub(super) struct Miss<'a> {
    pub call: &'a str,
    pub number: &'a str,
    pub reason: Reason,
    pub queue: Option<&'a str>,
    pub business_day: &'a str,
    pub wait_ms: Option<i64>,
    pub at: UnixMs,
}

/// Opens a case for the number, or counts the miss in the one that is open.
pub(super) fn open_or_join(c: &mut Database, miss: &Miss<'_>) -> Result<CaseId, StoreError> {
    hold::number(c, miss.number)?;
    hold::open_case(c, miss.number)?;
    let open: Option<(i64, Option<String>)> = cases::table
        .filter(cases::number.eq(miss.number).and(cases::closed_at.is_null()))
        .select((cases::id, cases::queue))
        .first(c)
        .optional()?;
    let id = match open {
        Some((id, queue)) => {
            diesel::update(cases::table.find(id))
                .set((
                    cases::misses.eq(cases::misses + 1),
                    cases::last_miss_at.eq(miss.at.0),
                    // The queue of the latest miss that reached one owns the case.
                    cases::queue.eq(miss.queue.or(queue.as_deref())),
                ))
                .returning(cases::id)
                .count_changed(c)?;
            id
        }
        None => diesel::insert_into(cases::table)
            .values((
                cases::number.eq(miss.number),
                cases::state.eq(State::Open.as_str()),
                cases::reason.eq(miss.reason.as_str()),
                cases::queue.eq(miss.queue),
                cases::opened_at.eq(miss.at.0),
                cases::last_miss_at.eq(miss.at.0),
                cases::misses.eq(1),
                cases::business_day.eq(miss.business_day),
            ))
            .returning(cases::id)
            .get_result(c)?,
    };
    diesel::insert_into(case_misses::table)
        .values((
            case_misses::call.eq(miss.call),
            case_misses::case_id.eq(id),
            case_misses::at.eq(miss.at.0),
            case_misses::reason.eq(miss.reason.as_str()),
            case_misses::queue.eq(miss.queue),
            case_misses::wait_ms.eq(miss.wait_ms),
        ))
        .insert(c)?;
    Ok(CaseId(id))
}

/// A case as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, Queryable)]
pub struct CaseRow {
    /// Its number.
    pub id: i64,
    /// The caller's number.
    pub number: String,
    /// Where it stands.
    pub state: String,
    /// Why it was opened.
    pub reason: String,
    /// The queue of the latest miss.
    pub queue: Option<String>,
    /// When it was opened, in milliseconds since 1970.
    pub opened_at: i64,
    /// When the latest call was missed.
    pub last_miss_at: i64,
    /// How many calls were missed.
    pub misses: i32,
    /// The day it was opened on.
    pub business_day: String,
    /// When it was closed.
    pub closed_at: Option<i64>,
    /// Why.
    pub close_reason: Option<String>,
    /// By whom.
    pub closed_by: Option<String>,
    /// What he noted.
    pub note: Option<String>,
}

/// Cases, oldest first; all of them, or those in one state.
///
/// # Errors
/// When the database fails.
pub fn list(c: &mut Database, state: Option<State>, limit: i64) -> Result<Vec<CaseRow>, StoreError> {
    let query = cases::table.order((cases::opened_at, cases::id)).limit(limit).into_boxed();
    let query = match state {
        None => query,
        Some(State::Open) => query.filter(cases::closed_at.is_null()),
        Some(State::Closed) => query.filter(cases::closed_at.is_not_null()),
    };
    Ok(query.load(c)?)
}

/// One case.
///
/// # Errors
/// [`StoreError::NotFound`] when there is none.
pub fn get(c: &mut Database, id: CaseId) -> Result<CaseRow, StoreError> {
    cases::table.find(id.0).first(c).found("case", id)
}

/// The case that a missed call opened or joined.
///
/// # Errors
/// When the database fails.
pub fn of_call(c: &mut Database, call: CallId) -> Result<Option<CaseId>, StoreError> {
    let missed = case_misses::table.find(call.to_string()).select(case_misses::case_id);
    Ok(missed.first(c).optional()?.map(CaseId))
}

/// A missed call of a case, as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, Queryable)]
pub struct MissRow {
    /// The call.
    pub call: String,
    /// When, in milliseconds since 1970.
    pub at: i64,
    /// Why it was missed.
    pub reason: String,
    /// Where.
    pub queue: Option<String>,
    /// How long he had waited.
    pub wait_ms: Option<i64>,
    /// The number he had dialled.
    pub dialled: String,
}

/// The missed calls of a case, oldest first.
///
/// # Errors
/// When the database fails.
pub fn misses(c: &mut Database, id: CaseId) -> Result<Vec<MissRow>, StoreError> {
    Ok(case_misses::table
        .inner_join(calls::table.on(calls::id.eq(case_misses::call)))
        .filter(case_misses::case_id.eq(id.0))
        .order(case_misses::at)
        .select((
            case_misses::call,
            case_misses::at,
            case_misses::reason,
            case_misses::queue,
            case_misses::wait_ms,
            calls::dialled,
        ))
        .load(c)?)
}

/// Closes an open case.
///
/// # Errors
/// [`StoreError::NotFound`] when there is none; [`StoreError::Refused`] when it is closed already.
pub fn close(
    c: &mut Database,
    id: CaseId,
    reason: Closed,
    by: &str,
    note: Option<&str>,
    at: UnixMs,
) -> Result<CaseRow, StoreError> {
    let open = cases::table.find(id.0).filter(cases::closed_at.is_null());
    let closed = diesel::update(open)
        .set((
            cases::state.eq(State::Closed.as_str()),
            cases::closed_at.eq(at.0),
            cases::close_reason.eq(reason.as_str()),
            cases::closed_by.eq(by),
            cases::note.eq(note),
        ))
        .returning(cases::id)
        .count_changed(c)?;
    let case = get(c, id)?;
    if closed == 0 {
        let why = case.close_reason.unwrap_or_default();
        return Err(StoreError::Refused(format!("case {id} is closed already ({why})")));
    }
    Ok(case)
}
