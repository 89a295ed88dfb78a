//! Floods of calls: when a new case is held back, who is told, and how a held-back case is released.
//!
//! Every case of the last hour counts, including those that are held back: none of them is called automatically while
//! the flood goes on. The count is read from the rows, so a restart changes nothing. Several controllers on one
//! database may each let one more case through in the same instant.

use diesel::prelude::*;

use super::miss::Miss;
use crate::clock::UnixMs;
use crate::event::Event;
use crate::ids::{CallId, CaseId};
use crate::missed::flood::HOUR;
use crate::store::cases::{self as case_rows, CaseRow};
use crate::store::dialect::cached::Cache as _;
use crate::store::known_numbers;
use crate::store::notes::{Came, Note, note};
use crate::store::schema::{calls, case_misses, cases};
use crate::store::{Database, StoreError, outbox as events};

/// The name of the source in an alarm about all calls together.
const ALL: &str = "*";

/// Whether the case that this missed call is about to open exceeds a limit. If it does, an event is told, at most once
/// an hour.
pub(super) fn over(c: &mut Database, miss: &Miss<'_>) -> Result<bool, StoreError> {
    let limits = miss.flood;
    let source = match miss.came_by {
        Some(source) if full(c, Some(source), limits.max_per_source, miss.at)? => {
            Some((source, limits.max_per_source))
        }
        _ if full(c, None, limits.max_in_all, miss.at)? => Some((ALL, limits.max_in_all)),
        _ => None,
    };
    let Some((source, limit)) = source else { return Ok(false) };
    if known_numbers::has_talked(c, miss.number, miss.min_talk)? {
        return Ok(false);
    }
    events::emit_at_most_every(c, HOUR, &Event::of_source(source, miss.at, limit))?;
    Ok(true)
}

/// Whether calls from a source, or all calls, have opened as many cases in the last hour as the limit allows.
fn full(c: &mut Database, source: Option<&str>, limit: u32, at: UnixMs) -> Result<bool, StoreError> {
    let Some(before) = limit.checked_sub(1) else { return Ok(false) };
    let called = cases::table.filter(cases::opened_at.gt(at - HOUR).and(cases::misses.gt(0))).into_boxed();
    let called = match source {
        Some(source) => called.filter(cases::came_by.eq(source)),
        None => called,
    };
    // The query reads no further than the row that reaches the limit, however large the flood is.
    let reaching = called.order(cases::opened_at.desc()).offset(before.into()).limit(1).select(cases::id);
    Ok(reaching.first::<CaseId>(c).optional()?.is_some())
}

/// Releases a case that was held back. From now on it is a case like any other, and its opening is told. Returns the
/// row after the change.
pub(in crate::store) fn release_flooded(
    c: &mut Database,
    case: CaseRow,
    at: UnixMs,
) -> Result<CaseRow, StoreError> {
    if !case.flooded || case.closed_at.is_some() {
        return Ok(case);
    }
    diesel::update(cases::table.find(case.id))
        .set((cases::flooded.eq(false), cases::next_at.eq(at)))
        .returning(cases::id)
        .count_changed(c)?;
    let case = case_rows::get(c, case.id)?;
    let first: Option<(CallId, UnixMs, Option<i64>)> = case_misses::table
        .inner_join(calls::table.on(calls::id.eq(case_misses::call)))
        .filter(case_misses::case_id.eq(case.id))
        .order(case_misses::at)
        .select((case_misses::call, calls::arrived_at, case_misses::wait_ms))
        .first(c)
        .optional()?;
    let came = first.map_or(Came::Hand, |(call, began_at, wait_ms)| Came::Call { call, began_at, wait_ms });
    note(c, &case, Note::TakenUp(came), at)?;
    Ok(case)
}
