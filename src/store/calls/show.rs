//! Calls as people see them.

use diesel::prelude::*;

use crate::calendar::business_day::BusinessDay;
use crate::clock::UnixMs;
use crate::ids::{AgentName, CallId, ChannelId, NodeName, QueueName, RouteName};
use crate::missed::ending::{Direction, Ending, Stage};
use crate::phone::{E164, PartyKind};
use crate::store::dialect::columns;
use crate::store::schema::calls;
use crate::store::{Database, StoreError};

/// A call as pages and commands show it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, Queryable, Selectable)]
#[diesel(table_name = calls)]
pub struct CallRow {
    /// The id of the call.
    pub id: CallId,
    /// Who began the call: a caller, the controller for a case, or an agent.
    pub direction: Direction,
    /// The FreeSWITCH that had the call.
    pub node: NodeName,
    /// The caller's channel.
    pub channel: ChannelId,
    /// Whether the caller can be called back.
    pub party: PartyKind,
    /// The caller's number in E.164 form.
    pub number: Option<E164>,
    /// The caller's number as FreeSWITCH sent it.
    pub caller_number: String,
    /// The caller's name as FreeSWITCH sent it.
    pub caller_name: String,
    /// The number that the caller dialled.
    pub dialled: String,
    /// Where the call came from: the address of the other side, after the gateway that it named, if any.
    pub came_by: Option<String>,
    /// The route that matched.
    pub route: Option<RouteName>,
    /// The reasons for the routing decision.
    pub why: String,
    /// The last queue that the caller was in.
    pub queue: Option<QueueName>,
    /// The business day of the call.
    pub business_day: BusinessDay,
    /// When the call arrived.
    pub arrived_at: UnixMs,
    /// The agent who talked with the caller.
    pub agent: Option<AgentName>,
    /// When the caller's talk began.
    pub answered_at: Option<UnixMs>,
    /// When the call ended.
    pub ended_at: Option<UnixMs>,
    /// How the call ended.
    pub ending: Option<Ending>,
    /// Where the caller was in the call when it ended.
    pub stage: Option<Stage>,
    /// The cause from FreeSWITCH, or the controller's own.
    pub cause: Option<String>,
    /// How long the caller waited.
    pub wait_ms: Option<i64>,
    /// How long the caller talked.
    pub talk_ms: Option<i64>,
}

/// A selection of calls.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// Only calls under way.
    pub live: bool,
    /// Only calls with this ending.
    pub ending: Option<Ending>,
    /// Only calls of this queue.
    pub queue: Option<QueueName>,
    /// Only calls from this number (E.164).
    pub number: Option<String>,
    /// The highest number of calls; the newest are returned.
    pub limit: i64,
}

/// Returns the calls of a selection, newest first.
///
/// # Errors
/// When the database fails.
pub fn list(c: &mut Database, wanted: &Wanted) -> Result<Vec<CallRow>, StoreError> {
    // Ids grow with time, so this is the order of arrival.
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

/// Returns the calls whose id ends with `tail`, at most two: more than one means that `tail` is too short. People type
/// only the last digits.
///
/// # Errors
/// When the database fails.
pub fn ending_with(c: &mut Database, tail: &str) -> Result<Vec<CallRow>, StoreError> {
    let digits: String = tail.chars().filter(|c| c.is_ascii_hexdigit() || *c == '-').collect();
    let found = calls::table.filter(calls::id.like(format!("%{digits}")));
    Ok(found.select(columns::<CallRow>()).limit(2).load(c)?)
}
