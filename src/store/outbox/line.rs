//! Whose turn it is.
//!
//! Deliveries of one thing to one recipient at one destination stand in a line, in the order of events: only the
//! first has a `next_at`, and so only it is picked; when it is over, the next one gets its turn.

use diesel::prelude::*;

use crate::clock::UnixMs;
use crate::store::dialect::cached::Cache as _;
use crate::store::schema::deliveries;
use crate::store::{Database, StoreError};

/// Destination, recipient, and what the events happened to.
pub(super) type Line = (String, String, String);

/// The first of a line.
pub(super) fn first_in_line(c: &mut Database, line: &Line) -> Result<Option<(i64, Option<i64>)>, StoreError> {
    Ok(deliveries::table
        .filter(deliveries::destination.eq(&line.0).and(deliveries::recipient.eq(&line.1)))
        .filter(deliveries::aggregate.eq(&line.2).and(deliveries::done_at.is_null()))
        .order(deliveries::event)
        .select((deliveries::id, deliveries::next_at))
        .first(c)
        .optional()?)
}

/// Gives the first of a line its turn, if it has not got it.
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

/// What still waits gets in line again.
pub(super) fn drop_turn(c: &mut Database, id: i64) -> Result<(), StoreError> {
    let row = deliveries::table.filter(deliveries::id.eq(id).and(deliveries::done_at.is_null()));
    diesel::update(row)
        .set(deliveries::next_at.eq(None::<i64>))
        .returning(deliveries::id)
        .count_changed(c)?;
    Ok(())
}
