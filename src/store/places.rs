//! Places in queues that a call takes over from an earlier one, which was cut off.

use std::collections::HashMap;
use std::time::Duration;

use diesel::prelude::*;
use diesel::sql_types::Bool;

use super::dialect::hold;
use super::schema::{calls, resumed_places};
use super::{Database, StoreError};
use crate::clock::UnixMs;
use crate::ids::{CallId, QueueName};
use crate::missed::ending::Direction;
use crate::phone::E164;

/// Returns since when the caller of a call stands in queues. None: since the arrival.
pub(super) fn of(c: &mut Database, call: CallId) -> Result<Option<UnixMs>, StoreError> {
    Ok(resumed_places::table.find(call).select(resumed_places::place_at).first(c).optional()?)
}

/// Returns since when the callers of open calls stand in queues, if not since their arrival.
pub(super) fn open(c: &mut Database) -> Result<HashMap<CallId, UnixMs>, StoreError> {
    let open = resumed_places::table
        .inner_join(calls::table.on(calls::id.eq(resumed_places::call)))
        .filter(calls::ended_at.is_null());
    let rows: Vec<(CallId, UnixMs)> =
        open.select((resumed_places::call, resumed_places::place_at)).load(c)?;
    Ok(rows.into_iter().collect())
}

/// Returns the earlier call whose place a call took over.
///
/// # Errors
/// When the database fails.
pub fn taken_over(c: &mut Database, call: CallId) -> Result<Option<CallId>, StoreError> {
    Ok(resumed_places::table.find(call).select(resumed_places::earlier).first(c).optional()?)
}

/// Gives a call that has just joined a queue the place of an earlier call from the same `number`, which was cut off while
/// waiting there, at most `within` before `at`. Returns since when the caller stands there. A place is taken over once.
///
/// # Errors
/// When the database fails.
pub fn resume(
    c: &mut Database,
    call: CallId,
    (number, queue): (&E164, &QueueName),
    within: Duration,
    at: UnixMs,
) -> Result<Option<UnixMs>, StoreError> {
    let since = at - within;
    if within.is_zero() || cut_off(c, number, queue, since)?.is_none() {
        return Ok(None);
    }
    // Two calls of the number may want the place at the same time.
    hold::number(c, number)?;
    let has_place = of(c, call)?.is_some();
    let Some((earlier, place_at)) = cut_off(c, number, queue, since)?.filter(|_| !has_place) else {
        return Ok(None);
    };
    diesel::insert_into(resumed_places::table)
        .values((
            resumed_places::call.eq(call),
            resumed_places::earlier.eq(earlier),
            resumed_places::place_at.eq(place_at),
        ))
        .execute(c)?;
    Ok(Some(place_at))
}

/// Returns the last call of a number that was cut off in this queue since `since`, unless its place was taken over: the
/// call, and since when its caller stood in queues.
fn cut_off(
    c: &mut Database,
    number: &E164,
    queue: &QueueName,
    since: UnixMs,
) -> Result<Option<(CallId, UnixMs)>, StoreError> {
    // The words stand in the text, as in the condition of the index: SQLite prepares a statement anew for each value that
    // it compares with the condition of an index.
    let was_cut_off =
        diesel::dsl::sql::<Bool>("ending IN ('abandoned', 'lost') AND stage IN ('waiting', 'ringing')");
    let last = calls::table
        .filter(calls::number.eq(number).and(calls::ended_at.ge(since)))
        .filter(was_cut_off)
        .filter(calls::queue.eq(queue).and(calls::direction.eq(Direction::Inbound)))
        .order(calls::ended_at.desc())
        .select((calls::id, calls::arrived_at));
    let Some((earlier, arrived_at)) = last.first::<(CallId, UnixMs)>(c).optional()? else { return Ok(None) };
    let taken = resumed_places::table.filter(resumed_places::earlier.eq(earlier)).count();
    if taken.get_result::<i64>(c)? > 0 {
        return Ok(None);
    }
    Ok(Some((earlier, of(c, earlier)?.unwrap_or(arrived_at))))
}
