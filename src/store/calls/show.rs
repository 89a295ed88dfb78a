//! What people see of calls.

use diesel::prelude::*;

use crate::clock::UnixMs;
use crate::ids::{AgentName, CallId, ChannelId, NodeName, QueueName, RouteName};
use crate::missed::ending::{Direction, Ending, Stage};
use crate::phone::{E164, PartyKind};
use crate::store::dialect::columns;
use crate::store::error::Found as _;
use crate::store::schema::calls;
use crate::store::{Database, StoreError};

/// A call as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, Queryable, Selectable)]
#[diesel(table_name = calls)]
pub struct CallRow {
    /// Its identity.
    pub id: CallId,
    /// Who began it: a caller, we for a case, or an agent.
    pub direction: Direction,
    /// The FreeSWITCH that had it.
    pub node: NodeName,
    /// The caller's channel.
    pub channel: ChannelId,
    /// Whether the caller can be called back.
    pub party: PartyKind,
    /// The caller's number in E.164 form.
    pub number: Option<E164>,
    /// The caller's number as it came.
    pub caller_number: String,
    /// The caller's name as it came.
    pub caller_name: String,
    /// The number that the caller dialled.
    pub dialled: String,
    /// Over what it came: the address of the other side, behind the gateway that it named, if any.
    pub came_by: Option<String>,
    /// The route.
    pub route: Option<RouteName>,
    /// The plan's reasons.
    pub why: String,
    /// The queue that the caller was in last.
    pub queue: Option<QueueName>,
    /// The day it belongs to.
    pub business_day: String,
    /// When it came.
    pub arrived_at: UnixMs,
    /// The agent who talked with the caller.
    pub agent: Option<AgentName>,
    /// When the caller got through.
    pub answered_at: Option<UnixMs>,
    /// When the call ended.
    pub ended_at: Option<UnixMs>,
    /// How it ended.
    pub ending: Option<Ending>,
    /// Where the caller was.
    pub stage: Option<Stage>,
    /// FreeSWITCH's cause, or ours.
    pub cause: Option<String>,
    /// How long the caller waited.
    pub wait_ms: Option<i64>,
    /// How long the caller talked.
    pub talk_ms: Option<i64>,
}

/// Which calls are wanted.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// Only those under way.
    pub live: bool,
    /// Only this ending.
    pub ending: Option<Ending>,
    /// Only of this queue.
    pub queue: Option<QueueName>,
    /// Only from this number (E.164).
    pub number: Option<String>,
    /// At most so many.
    pub limit: i64,
}

/// Calls, newest first.
///
/// # Errors
/// When the database fails.
pub fn list(c: &mut Database, wanted: &Wanted) -> Result<Vec<CallRow>, StoreError> {
    // Identities grow with time.
    let newest = calls::table.select(columns::<CallRow>()).order(calls::id.desc());
    let mut query = newest.limit(wanted.limit).into_boxed();
    if wanted.live {
        query = query.filter(calls::ended_at.is_null());
    }
    if let Some(ending) = wanted.ending {
        query = query.filter(calls::ending.eq(ending));
    }
    if let Some(queue) = &wanted.queue {
        query = query.filter(calls::queue.eq(queue));
    }
    if let Some(number) = &wanted.number {
        query = query.filter(calls::number.eq(number));
    }
    Ok(query.load(c)?)
}

/// One call.
///
/// # Errors
/// [`StoreError::NotFound`] when there is none.
pub fn get(c: &mut Database, id: CallId) -> Result<CallRow, StoreError> {
    calls::table.find(id).select(columns::<CallRow>()).first(c).found("call", id)
}

/// The calls whose identity ends so, at most two: people write only the last digits.
///
/// # Errors
/// When the database fails.
pub fn ending_with(c: &mut Database, tail: &str) -> Result<Vec<CallRow>, StoreError> {
    let digits: String = tail.chars().filter(|c| c.is_ascii_hexdigit() || *c == '-').collect();
    let found = calls::table.filter(calls::id.like(format!("%{digits}")));
    Ok(found.select(columns::<CallRow>()).limit(2).load(c)?)
}
