//! The outbox in the form that people are shown.

use diesel::prelude::*;

use super::State;
use crate::clock::UnixMs;
use crate::ids::DestinationName;
use crate::store::dialect::columns;
use crate::store::schema::{deliveries, outbox};
use crate::store::{Database, StoreError};

/// A delivery in the form that people are shown.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, Queryable, Selectable)]
#[diesel(table_name = deliveries)]
pub struct DeliveryRow {
    /// The number of the delivery.
    pub id: i64,
    /// The id of the event.
    #[diesel(select_expression = outbox::id)]
    pub event: String,
    /// The kind of the event.
    #[diesel(select_expression = outbox::kind)]
    pub kind: String,
    /// The aggregate of the event: what it happened to.
    pub aggregate: String,
    /// The destination.
    pub destination: String,
    /// The recipient at the destination.
    pub recipient: String,
    /// The state of the delivery. It is a text: people also see states that only a newer program knows.
    pub state: String,
    /// How often the delivery was tried.
    pub attempt_no: i32,
    /// When the event happened, in milliseconds since 1970.
    #[diesel(select_expression = outbox::created_at)]
    pub created_at: i64,
    /// When the delivery is tried next. None if it waits for an earlier one, or is over.
    pub next_at: Option<i64>,
    /// The answer of the other side when the delivery arrived.
    pub last_status: Option<String>,
    /// Why the delivery did not arrive.
    pub last_error: Option<String>,
    /// When the delivery was over.
    pub done_at: Option<i64>,
}

/// Returns deliveries, the newest first: all of them, or those in one state or to one destination.
///
/// # Errors
/// When the database fails.
pub fn list(
    c: &mut Database,
    state: Option<State>,
    destination: Option<&DestinationName>,
    limit: i64,
) -> Result<Vec<DeliveryRow>, StoreError> {
    let mut query = deliveries::table
        .inner_join(outbox::table.on(outbox::seq.eq(deliveries::event)))
        .select(columns::<DeliveryRow>())
        .order(deliveries::id.desc())
        .limit(limit)
        .into_boxed();
    if let Some(state) = state {
        query = query.filter(deliveries::state.eq(state));
    }
    if let Some(destination) = destination {
        query = query.filter(deliveries::destination.eq(destination));
    }
    Ok(query.load(c)?)
}

/// Returns how many deliveries wait, and when the oldest event among them happened.
///
/// # Errors
/// When the database fails.
pub fn backlog(c: &mut Database) -> Result<(i64, Option<UnixMs>), StoreError> {
    let waiting = deliveries::table.filter(deliveries::done_at.is_null());
    let count = waiting.count().get_result(c)?;
    let oldest: Option<UnixMs> = waiting
        .inner_join(outbox::table.on(outbox::seq.eq(deliveries::event)))
        .order(deliveries::event)
        .select(outbox::created_at)
        .first(c)
        .optional()?;
    Ok((count, oldest))
}
