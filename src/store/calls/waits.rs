//! A caller's stays in queues.

use diesel::prelude::*;

use crate::clock::UnixMs;
use crate::ids::{CallId, QueueName};
use crate::missed::ending::{Direction, Ending};
use crate::store::dialect::{cached::Cache as _, hold};
use crate::store::error::Found as _;
use crate::store::schema::{calls, queues, waits};
use crate::store::{Database, StoreError};

crate::vocabulary! {
    /// How a stay in a queue ended.
    "wait outcome" pub enum WaitOutcome {
        /// An agent took him.
        Answered = "answered",
        /// He broke it off.
        Abandoned = "abandoned",
        /// He waited for as long as he may, and went on from there.
        TimedOut = "timed_out",
        /// Somebody else took the caller out of it.
        Taken = "taken",
        /// We broke it off.
        Lost = "lost",
    }
}

impl WaitOutcome {
    /// How a stay ends with the call.
    pub(super) const fn of(ending: Ending) -> Self {
        match ending {
            Ending::Answered => Self::Answered,
            Ending::Lost => Self::Lost,
            Ending::Taken => Self::Taken,
            Ending::Abandoned => Self::Abandoned,
            Ending::TimedOut
            | Ending::LeftMessage
            | Ending::AskedCallback
            | Ending::Forwarded
            | Ending::Refused => Self::TimedOut,
        }
    }
}

/// Begins a call's stay in a queue.
pub(super) fn insert_wait(
    c: &mut Database,
    id: &str,
    ordinal: i32,
    queue: &QueueName,
    service_level_ms: Option<i64>,
    at: UnixMs,
) -> Result<(), StoreError> {
    diesel::insert_into(waits::table)
        .values((
            waits::call.eq(id),
            waits::ordinal.eq(ordinal),
            waits::queue.eq(queue.as_str()),
            waits::joined_at.eq(at.0),
            waits::service_level_ms.eq(service_level_ms),
        ))
        .insert(c)?;
    Ok(())
}

/// Records that a caller moved on to another queue, because he waited too long in the one before.
///
/// # Errors
/// [`StoreError::NotFound`] when there is no such call.
pub fn join(c: &mut Database, call: CallId, queue: &QueueName, at: UnixMs) -> Result<(), StoreError> {
    let id = call.to_string();
    hold::call(c, &id)?;
    let queued: Option<i64> = calls::table.find(&id).select(calls::queued_at).first(c).found("call", call)?;
    leave(c, &id, at, WaitOutcome::TimedOut)?;
    let last: Option<i32> =
        waits::table.filter(waits::call.eq(&id)).select(diesel::dsl::max(waits::ordinal)).first(c)?;
    let service_level_ms: Option<i64> =
        queues::table.find(queue.as_str()).select(queues::service_level_ms).first(c).optional()?;
    insert_wait(c, &id, last.unwrap_or(0) + 1, queue, service_level_ms, at)?;
    diesel::update(calls::table.find(&id))
        .set((
            calls::queue.eq(queue.as_str()),
            calls::queued_at.eq(queued.unwrap_or(at.0)),
            calls::service_level_ms.eq(service_level_ms),
        ))
        .returning(calls::arrived_at)
        .count_changed(c)?;
    Ok(())
}

/// Records that a caller left his queue because nobody took him in time.
///
/// # Errors
/// When the database fails.
pub fn time_out(c: &mut Database, call: CallId, at: UnixMs) -> Result<(), StoreError> {
    leave(c, &call.to_string(), at, WaitOutcome::TimedOut)
}

/// Ends a call's stay in a queue, if it is in one.
pub(in crate::store) fn leave(
    c: &mut Database,
    call: &str,
    at: UnixMs,
    outcome: WaitOutcome,
) -> Result<(), StoreError> {
    diesel::update(waits::table.filter(waits::call.eq(call).and(waits::left_at.is_null())))
        .set((waits::left_at.eq(at.0), waits::outcome.eq(outcome.as_str())))
        .returning(waits::joined_at)
        .count_changed(c)?;
    Ok(())
}

/// When a caller left the last queue he was in.
pub(super) fn last_left(c: &mut Database, id: &str) -> Result<Option<i64>, StoreError> {
    Ok(waits::table.filter(waits::call.eq(id)).select(diesel::dsl::max(waits::left_at)).first(c)?)
}

/// A stay in a queue, as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, Queryable)]
pub struct WaitRow {
    /// The queue.
    pub queue: String,
    /// When he joined, in milliseconds since 1970.
    pub joined_at: i64,
    /// When he left.
    pub left_at: Option<i64>,
    /// How.
    pub outcome: Option<String>,
}

/// The queues that a call was in, in their order.
///
/// # Errors
/// When the database fails.
pub fn waits(c: &mut Database, call: CallId) -> Result<Vec<WaitRow>, StoreError> {
    Ok(waits::table
        .filter(waits::call.eq(call.to_string()))
        .order(waits::ordinal)
        .select((waits::queue, waits::joined_at, waits::left_at, waits::outcome))
        .load(c)?)
}

/// A caller who waits in a queue, as he is shown.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, Queryable)]
pub struct WaitingRow {
    /// The call.
    pub call: String,
    /// The queue.
    pub queue: String,
    /// When he joined it, in milliseconds since 1970.
    pub joined_at: i64,
    /// When he came.
    pub arrived_at: i64,
    /// His number in E.164 form.
    pub number: Option<String>,
    /// His number as it came.
    pub caller_number: String,
    /// His name as it came.
    pub caller_name: String,
}

/// Who waits in which queue now, longest first.
///
/// # Errors
/// When the database fails.
pub fn waiting(c: &mut Database) -> Result<Vec<WaitingRow>, StoreError> {
    Ok(waits::table
        .inner_join(calls::table.on(calls::id.eq(waits::call)))
        .filter(calls::ended_at.is_null().and(waits::left_at.is_null()))
        .filter(calls::direction.eq(Direction::Inbound.as_str()))
        .order((waits::joined_at, waits::call))
        .select((
            waits::call,
            waits::queue,
            waits::joined_at,
            calls::arrived_at,
            calls::number,
            calls::caller_number,
            calls::caller_name,
        ))
        .load(c)?)
}

/// Whether anybody waits in a queue now.
pub(in crate::store) fn waits_in(c: &mut Database, queue: &QueueName) -> Result<bool, StoreError> {
    let waiting: i64 = waits::table
        .filter(waits::queue.eq(queue.as_str()).and(waits::left_at.is_null()))
        .count()
        .get_result(c)?;
    Ok(waiting > 0)
}
