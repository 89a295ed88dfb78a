//! A caller's stays in queues.

use diesel::prelude::*;

use crate::clock::UnixMs;
use crate::ids::{CallId, QueueName};
use crate::missed::ending::{Direction, Ending};
use crate::phone::E164;
use crate::store::dialect::{cached::Cache as _, columns, hold};
use crate::store::error::Found as _;
use crate::store::schema::{calls, queues, waits};
use crate::store::{Database, StoreError};

crate::vocabulary! {
    /// How a stay in a queue ended.
    "wait outcome" pub enum WaitOutcome {
        /// An agent answered the caller.
        Answered = "answered",
        /// The caller hung up, or left the queue by a key.
        Abandoned = "abandoned",
        /// The caller waited until the queue's max_wait, and went on to the overflow.
        TimedOut = "timed_out",
        /// Somebody else took the caller out of the queue.
        Taken = "taken",
        /// The call was lost by a failure on our side.
        Lost = "lost",
    }
}

impl WaitOutcome {
    /// Returns how a stay ends when the call ends with this ending.
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
    call: CallId,
    ordinal: i32,
    queue: &QueueName,
    service_level_ms: Option<i64>,
    at: UnixMs,
) -> Result<(), StoreError> {
    diesel::insert_into(waits::table)
        .values((
            waits::call.eq(call),
            waits::ordinal.eq(ordinal),
            waits::queue.eq(queue),
            waits::joined_at.eq(at),
            waits::service_level_ms.eq(service_level_ms),
        ))
        .insert(c)?;
    Ok(())
}

/// Records that a caller moved on to another queue, because they had waited too long in the one before.
///
/// # Errors
/// [`StoreError::NotFound`] when there is no such call.
pub fn join(c: &mut Database, call: CallId, queue: &QueueName, at: UnixMs) -> Result<(), StoreError> {
    hold::call(c, call)?;
    let queued: Option<UnixMs> =
        calls::table.find(call).select(calls::queued_at).first(c).found("call", call)?;
    leave(c, call, at, WaitOutcome::TimedOut)?;
    let last: Option<i32> =
        waits::table.filter(waits::call.eq(call)).select(diesel::dsl::max(waits::ordinal)).first(c)?;
    let service_level_ms: Option<i64> =
        queues::table.find(queue).select(queues::service_level_ms).first(c).optional()?;
    insert_wait(c, call, last.unwrap_or(0) + 1, queue, service_level_ms, at)?;
    diesel::update(calls::table.find(call))
        .set((
            calls::queue.eq(queue),
            calls::queued_at.eq(queued.unwrap_or(at)),
            calls::service_level_ms.eq(service_level_ms),
        ))
        .returning(calls::arrived_at)
        .count_changed(c)?;
    Ok(())
}

/// Ends a call's stay in a queue, if it is in one.
///
/// # Errors
/// When the database fails.
pub fn leave(c: &mut Database, call: CallId, at: UnixMs, outcome: WaitOutcome) -> Result<(), StoreError> {
    diesel::update(waits::table.filter(waits::call.eq(call).and(waits::left_at.is_null())))
        .set((waits::left_at.eq(at), waits::outcome.eq(outcome)))
        .returning(waits::joined_at)
        .count_changed(c)?;
    Ok(())
}

/// Returns when a caller left their last queue.
pub(super) fn last_left(c: &mut Database, call: CallId) -> Result<Option<UnixMs>, StoreError> {
    Ok(waits::table.filter(waits::call.eq(call)).select(diesel::dsl::max(waits::left_at)).first(c)?)
}

/// Returns whether a call was ever in a queue.
pub(super) fn has_waited_in(c: &mut Database, call: CallId, queue: &QueueName) -> Result<bool, StoreError> {
    let stays = waits::table.filter(waits::call.eq(call).and(waits::queue.eq(queue)));
    Ok(stays.count().get_result::<i64>(c)? > 0)
}

/// A stay in a queue, as pages and commands show it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, Queryable, Selectable)]
#[diesel(table_name = waits)]
pub struct WaitRow {
    /// The queue.
    pub queue: QueueName,
    /// When the caller joined it.
    pub joined_at: UnixMs,
    /// When the caller left it.
    pub left_at: Option<UnixMs>,
    /// How the stay ended.
    pub outcome: Option<WaitOutcome>,
}

/// Returns the queues that a call was in, in the order of the stays.
///
/// # Errors
/// When the database fails.
pub fn waits(c: &mut Database, call: CallId) -> Result<Vec<WaitRow>, StoreError> {
    Ok(waits::table
        .filter(waits::call.eq(call))
        .order(waits::ordinal)
        .select(columns::<WaitRow>())
        .load(c)?)
}

/// A caller who waits in a queue, as pages and commands show them.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, Queryable, Selectable)]
#[diesel(table_name = waits)]
pub struct WaitingRow {
    /// The call.
    pub call: CallId,
    /// The queue.
    pub queue: QueueName,
    /// When the caller joined it.
    pub joined_at: UnixMs,
    /// When the call arrived.
    #[diesel(select_expression = calls::arrived_at)]
    pub arrived_at: UnixMs,
    /// The caller's number in E.164 form.
    #[diesel(select_expression = calls::number)]
    pub number: Option<E164>,
    /// The caller's number as FreeSWITCH sent it.
    #[diesel(select_expression = calls::caller_number)]
    pub caller_number: String,
    /// The caller's name as FreeSWITCH sent it.
    #[diesel(select_expression = calls::caller_name)]
    pub caller_name: String,
}

/// Returns the callers who wait in a queue now, the longest wait first.
///
/// # Errors
/// When the database fails.
pub fn waiting(c: &mut Database) -> Result<Vec<WaitingRow>, StoreError> {
    Ok(waits::table
        .inner_join(calls::table.on(calls::id.eq(waits::call)))
        .filter(calls::ended_at.is_null().and(waits::left_at.is_null()))
        .filter(calls::direction.eq(Direction::Inbound))
        .order((waits::joined_at, waits::call))
        .select(columns::<WaitingRow>())
        .load(c)?)
}

/// Returns whether anybody waits in a queue now.
pub(in crate::store) fn waits_in(c: &mut Database, queue: &QueueName) -> Result<bool, StoreError> {
    let waiting: i64 =
        waits::table.filter(waits::queue.eq(queue).and(waits::left_at.is_null())).count().get_result(c)?;
    Ok(waiting > 0)
}
