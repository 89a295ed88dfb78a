//! Offers as people are shown them.

use std::collections::BTreeMap;

use diesel::prelude::*;

use crate::clock::UnixMs;
use crate::ids::{AgentName, CallId, OfferId, QueueName};
use crate::queue::offer::Outcome;
use crate::store::dialect::columns;
use crate::store::schema::{agents, calls, offers};
use crate::store::{Database, StoreError};

/// An offer in the form that people are shown.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, Queryable, Selectable)]
#[diesel(table_name = offers)]
pub struct OfferRow {
    /// The id of the offer.
    pub id: OfferId,
    /// The agent.
    pub agent: AgentName,
    /// The queue.
    pub queue: QueueName,
    /// When the offer began.
    pub offered_at: UnixMs,
    /// When the agent answered.
    pub answered_at: Option<UnixMs>,
    /// When the offer was over.
    pub ended_at: Option<UnixMs>,
    /// How the offer ended.
    pub outcome: Option<Outcome>,
    /// The cause, from FreeSWITCH or from the controller.
    pub cause: Option<String>,
    /// How long the phone rang.
    pub ring_ms: Option<i64>,
    /// How long the agent and the caller talked.
    pub talk_ms: Option<i64>,
}

/// Returns the offers of a call, in their order.
///
/// # Errors
/// When the database fails.
pub fn of_call(c: &mut Database, call: CallId) -> Result<Vec<OfferRow>, StoreError> {
    Ok(offers::table
        .filter(offers::call.eq(call))
        .order((offers::offered_at, offers::id))
        .select(columns::<OfferRow>())
        .load(c)?)
}

/// Returns the caller or customer of each agent whose phone rings or who talks: the number in E.164 form, or else the
/// number as FreeSWITCH sent it.
///
/// # Errors
/// When the database fails.
pub fn with_whom(c: &mut Database) -> Result<BTreeMap<AgentName, String>, StoreError> {
    let rows: Vec<(AgentName, Option<String>, String)> = agents::table
        .inner_join(offers::table.on(agents::offer.eq(offers::id.nullable())))
        .inner_join(calls::table.on(calls::id.eq(offers::call)))
        .filter(offers::ended_at.is_null())
        .select((agents::name, calls::number, calls::caller_number))
        .load(c)?;
    Ok(rows.into_iter().map(|(agent, number, came)| (agent, number.unwrap_or(came))).collect())
}
