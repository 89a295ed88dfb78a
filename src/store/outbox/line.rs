//! The order of deliveries.
//!
//! Deliveries of one aggregate to one recipient at one destination form a line, in the order of their events. Only the
//! first delivery in a line has a `next_at`, so only the first is leased. When it is over, the next one gets a
//! `next_at`.

use diesel::prelude::*;

use crate::clock::UnixMs;
use crate::ids::DestinationName;
use crate::store::dialect::cached::Cache as _;
use crate::store::schema::deliveries;
use crate::store::{Database, StoreError};

/// Identifies a line.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Queryable, Selectable)]
#[diesel(table_name = deliveries)]
pub(in crate::store) struct Line {
    pub destination: DestinationName,
    pub recipient: String,
    /// The aggregate of the events.
    pub aggregate: String,
}

/// Returns the first delivery of a line.
pub(super) fn first_in_line(c: &mut Database, line: &Line) -> Result<Option<(i64, Option<i64>)>, StoreError> {
    Ok(deliveries::table
        .filter(deliveries::destination.eq(&line.destination).and(deliveries::recipient.eq(&line.recipient)))
        .filter(deliveries::aggregate.eq(&line.aggregate).and(deliveries::done_at.is_null()))
        .order(deliveries::event)
        .select((deliveries::id, deliveries::next_at))
        .first(c)
        .optional()?)
}

/// Makes the first delivery of a line due, unless it already has a `next_at`.
pub(in crate::store) fn next_in_line(c: &mut Database, line: &Line, now: UnixMs) -> Result<(), StoreError> {
    if let Some((id, None)) = first_in_line(c, line)? {
        turn(c, id, Some(now.0))?;
    }
    Ok(())
}

fn turn(c: &mut Database, id: i64, next: Option<i64>) -> Result<(), StoreError> {
    let row = deliveries::table.find(id);
    diesel::update(row).set(deliveries::next_at.eq(next)).returning(deliveries::id).count_changed(c)?;
    Ok(())
}

/// Takes the `next_at` from a delivery that still waits: it is not the first of its line.
pub(super) fn drop_turn(c: &mut Database, id: i64) -> Result<(), StoreError> {
    let row = deliveries::table.filter(deliveries::id.eq(id).and(deliveries::done_at.is_null()));
    diesel::update(row)
        .set(deliveries::next_at.eq(None::<i64>))
        .returning(deliveries::id)
        .count_changed(c)?;
    Ok(())
}
