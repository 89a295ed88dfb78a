//! Leases: a worker takes the deliveries that are due, for a limited time.

use diesel::prelude::*;

use super::settle::{Settled, settle};
use crate::clock::UnixMs;
use crate::event::Delivery;
use crate::ids::DestinationName;
use crate::store::dialect::columns;
use crate::store::dialect::lease::{self, Lease};
use crate::store::schema::{closed_destinations, deliveries, outbox};
use crate::store::{Database, StoreError};

/// The work that waits.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Look {
    /// Whether events have no deliveries yet.
    pub unspread: bool,
    /// When the next delivery is due, for each of the requested destinations that is open.
    pub next: Vec<(DestinationName, i64)>,
}

/// Returns the work that waits for these destinations.
///
/// # Errors
/// When the database fails.
pub fn look(c: &mut Database, destinations: &[DestinationName]) -> Result<Look, StoreError> {
    let unspread = outbox::table.filter(outbox::spread_at.is_null()).select(outbox::seq).limit(1);
    let mut look = Look { unspread: unspread.first::<i64>(c).optional()?.is_some(), next: Vec::new() };
    let closed: Vec<DestinationName> =
        closed_destinations::table.select(closed_destinations::name).load(c)?;
    for destination in destinations.iter().filter(|name| !closed.contains(name)) {
        let next: Option<Option<i64>> = deliveries::table
            .filter(deliveries::destination.eq(destination).and(deliveries::done_at.is_null()))
            .filter(deliveries::next_at.is_not_null())
            .order(deliveries::next_at)
            .select(deliveries::next_at)
            .first(c)
            .optional()?;
        look.next.extend(next.flatten().map(|at| (destination.clone(), at)));
    }
    Ok(look)
}

/// An event as it is stored. The id is a text, so that an event with an unreadable id is given up and does not stop the
/// others.
#[derive(Queryable, Selectable)]
#[diesel(table_name = outbox)]
struct EventRow {
    id: String,
    kind: String,
    payload: String,
    created_at: UnixMs,
}

/// Leases deliveries that are due, the longest due first. Each lease counts as a try.
///
/// # Errors
/// When the database fails.
pub fn lease(c: &mut Database, wanted: &Lease) -> Result<Vec<Delivery>, StoreError> {
    let mut taken = lease::take(c, wanted)?;
    taken.sort_by_key(|row| row.event);
    let mut leased = Vec::with_capacity(taken.len());
    for row in taken {
        let event: EventRow = outbox::table.find(row.event).select(columns::<EventRow>()).first(c)?;
        let (Ok(id), Ok(data)) = (event.id.parse(), serde_json::from_str(&event.payload)) else {
            settle(
                c,
                row.id,
                &Settled::Dead("the event cannot be read: was it changed by hand?".into()),
                wanted.now,
            )?;
            continue;
        };
        leased.push(Delivery {
            id: row.id,
            event: id,
            sequence: row.event,
            destination: wanted.destination.clone(),
            recipient: row.recipient,
            attempt: row.attempt_no.unsigned_abs(),
            kind: event.kind,
            aggregate: row.aggregate,
            at: event.created_at,
            data,
        });
    }
    Ok(leased)
}
