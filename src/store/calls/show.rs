//! What people see of calls.

use diesel::prelude::*;

use crate::ids::{CallId, QueueName};
use crate::missed::ending::Ending;
use crate::store::error::Found as _;
use crate::store::schema::calls;
use crate::store::{Database, StoreError};

/// A call as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct CallRow {
    /// Its identity.
    pub id: String,
    /// Who began it: a caller, we for a case, or an agent.
    pub direction: String,
    /// The FreeSWITCH that had it.
    pub node: String,
    /// The caller's channel.
    pub channel: String,
    /// Whether the caller can be called back.
    pub party: String,
    /// His number in E.164 form.
    pub number: Option<String>,
    /// His number as it came.
    pub caller_number: String,
    /// His name as it came.
    pub caller_name: String,
    /// The number he dialled.
    pub dialled: String,
    /// Over what it came: the address of the other side, behind the gateway that it named, if any.
    pub came_by: Option<String>,
    /// The route.
    pub route: Option<String>,
    /// The plan's reasons.
    pub why: String,
    /// The queue he was in last.
    pub queue: Option<String>,
    /// The day it belongs to.
    pub business_day: String,
    /// When he came, in milliseconds since 1970.
    pub arrived_at: i64,
    /// The agent he talked to.
    pub agent: Option<String>,
    /// When he got through.
    pub answered_at: Option<i64>,
    /// When the call ended.
    pub ended_at: Option<i64>,
    /// How it ended.
    pub ending: Option<String>,
    /// Where he was.
    pub stage: Option<String>,
    /// FreeSWITCH's cause, or ours.
    pub cause: Option<String>,
    /// How long he waited.
    pub wait_ms: Option<i64>,
    /// How long he talked.
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

#[expect(clippy::type_complexity, reason = "a list of columns has a long type")]
const COLUMNS: (
    (
        calls::id,
        calls::node,
        calls::channel,
        calls::party,
        calls::number,
        calls::caller_number,
        calls::caller_name,
    ),
    (
        calls::dialled,
        calls::route,
        calls::why,
        calls::queue,
        calls::business_day,
        calls::arrived_at,
        calls::agent,
    ),
    (
        calls::answered_at,
        calls::ended_at,
        calls::ending,
        calls::stage,
        calls::cause,
        calls::wait_ms,
        calls::talk_ms,
        calls::direction,
        calls::came_by,
    ),
) = (
    (
        calls::id,
        calls::node,
        calls::channel,
        calls::party,
        calls::number,
        calls::caller_number,
        calls::caller_name,
    ),
    (
        calls::dialled,
        calls::route,
        calls::why,
        calls::queue,
        calls::business_day,
        calls::arrived_at,
        calls::agent,
    ),
    (
        calls::answered_at,
        calls::ended_at,
        calls::ending,
        calls::stage,
        calls::cause,
        calls::wait_ms,
        calls::talk_ms,
        calls::direction,
        calls::came_by,
    ),
);

type First = (String, String, String, String, Option<String>, String, String);
type Second = (String, Option<String>, String, Option<String>, String, i64, Option<String>);
type Third = (
    Option<i64>,
    Option<i64>,
    Option<String>,
    Option<String>,
    Option<String>,
    Option<i64>,
    Option<i64>,
    String,
    Option<String>,
);

impl From<(First, Second, Third)> for CallRow {
    fn from((a, b, c): (First, Second, Third)) -> Self {
        let (id, node, channel, party, number, caller_number, caller_name) = a;
        let (dialled, route, why, queue, business_day, arrived_at, agent) = b;
        let (answered_at, ended_at, ending, stage, cause, wait_ms, talk_ms, direction, came_by) = c;
        Self {
            id,
            direction,
            node,
            channel,
            party,
            number,
            caller_number,
            caller_name,
            dialled,
            came_by,
            route,
            why,
            queue,
            business_day,
            arrived_at,
            agent,
            answered_at,
            ended_at,
            ending,
            stage,
            cause,
            wait_ms,
            talk_ms,
        }
    }
}

/// Calls, newest first.
///
/// # Errors
/// When the database fails.
pub fn list(c: &mut Database, wanted: &Wanted) -> Result<Vec<CallRow>, StoreError> {
    // Identities grow with time.
    let mut query = calls::table.select(COLUMNS).order(calls::id.desc()).limit(wanted.limit).into_boxed();
    if wanted.live {
        query = query.filter(calls::ended_at.is_null());
    }
    if let Some(ending) = wanted.ending {
        query = query.filter(calls::ending.eq(ending.as_str()));
    }
    if let Some(queue) = &wanted.queue {
        query = query.filter(calls::queue.eq(queue.as_str().to_owned()));
    }
    if let Some(number) = &wanted.number {
        query = query.filter(calls::number.eq(number.clone()));
    }
    Ok(query.load::<(First, Second, Third)>(c)?.into_iter().map(CallRow::from).collect())
}

/// One call.
///
/// # Errors
/// [`StoreError::NotFound`] when there is none.
pub fn get(c: &mut Database, id: CallId) -> Result<CallRow, StoreError> {
    let found = calls::table.find(id.to_string()).select(COLUMNS).first::<(First, Second, Third)>(c);
    found.found("call", id).map(CallRow::from)
}

/// The calls whose identity ends so, at most two: people write only the last digits.
///
/// # Errors
/// When the database fails.
pub fn ending_with(c: &mut Database, tail: &str) -> Result<Vec<CallRow>, StoreError> {
    let digits: String = tail.chars().filter(|c| c.is_ascii_hexdigit() || *c == '-').collect();
    Ok(calls::table
        .filter(calls::id.like(format!("%{digits}")))
        .select(COLUMNS)
        .limit(2)
        .load::<(First, Second, Third)>(c)?
        .into_iter()
        .map(CallRow::from)
        .collect())
}
