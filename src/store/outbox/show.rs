//! What people see of the outbox.

use diesel::prelude::*;

use super::State;
use crate::clock::UnixMs;
use crate::ids::DestinationName;
use crate::store::schema::{deliveries, outbox};
use crate::store::{Database, StoreError};

/// A delivery as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, Queryable)]
pub struct DeliveryRow {
    /// Its number.
    pub id: i64,
    /// The event's identity.
    pub event: String,
    /// What happened.
    pub kind: String,
    /// What it happened to.
    pub aggregate: String,
    /// Where it goes.
    pub destination: String,
    /// To whom there.
    pub recipient: String,
    /// Where it stands.
    pub state: String,
    /// How often it was tried.
    pub attempt_no: i32,
    /// When the event happened, in milliseconds since 1970.
    pub created_at: i64,
    /// When it is tried next; none if it waits for an earlier one, or is over.
    pub next_at: Option<i64>,
    /// What the other side said when it arrived.
    pub last_status: Option<String>,
    /// Why it did not arrive.
    pub last_error: Option<String>,
    /// When it was over.
    pub done_at: Option<i64>,
}

/// Deliveries, the newest first; all of them, or those in one state or to one destination.
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
        .select((
            deliveries::id,
            outbox::id,
            outbox::kind,
            deliveries::aggregate,
            deliveries::destination,
            deliveries::recipient,
            deliveries::state,
            deliveries::attempt_no,
            outbox::created_at,
            deliveries::next_at,
            deliveries::last_status,
            deliveries::last_error,
            deliveries::done_at,
        ))
        .order(deliveries::id.desc())
        .limit(limit)
        .into_boxed();
    if let Some(state) = state {
        query = query.filter(deliveries::state.eq(state.as_str()));
    }
    if let Some(destination) = destination {
        query = query.filter(deliveries::destination.eq(destination.as_str()));
    }
    Ok(query.load(c)?)
}

/// How many deliveries wait, and when the oldest event among them happened.
///
/// # Errors
/// When the database fails.
pub fn backlog(c: &mut Database) -> Result<(i64, Option<UnixMs>), StoreError> {
    let waiting = deliveries::table.filter(deliveries::done_at.is_null());
    let count = waiting.count().get_result(c)?;
    let oldest: Option<i64> = waiting
        .inner_join(outbox::table.on(outbox::seq.eq(deliveries::event)))
        .order(deliveries::event)
        .select(outbox::created_at)
        .first(c)
        .optional()?;
    Ok((count, oldest.map(UnixMs)))
}
