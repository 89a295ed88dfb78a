//! Destinations that accept no more deliveries. A person has to open them again.

use diesel::prelude::*;

use super::emit::emit;
use crate::audit::masked;
use crate::clock::UnixMs;
use crate::event::{Event, EventKind};
use crate::ids::DestinationName;
use crate::store::dialect::{cached::Cache as _, columns};
use crate::store::schema::closed_destinations;
use crate::store::{Database, StoreError};

/// Closes a destination. Numbers in the answer are masked, because an erasure would not find them here.
pub(super) fn shut(
    c: &mut Database,
    name: &DestinationName,
    why: &str,
    now: UnixMs,
) -> Result<(), StoreError> {
    let why = masked(why);
    let known = closed_destinations::table.find(name).select(closed_destinations::at);
    if known.first::<UnixMs>(c).optional()?.is_none() {
        let row = (
            closed_destinations::name.eq(name),
            closed_destinations::at.eq(now),
            closed_destinations::reason.eq(&why),
        );
        diesel::insert_into(closed_destinations::table).values(row).insert(c)?;
        emit(c, &Event::of_destination(EventKind::DestinationClosed, name.as_str(), now, &why))?;
    }
    Ok(())
}

/// A destination that accepts no more deliveries.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = closed_destinations)]
pub struct ClosedDestination {
    /// The destination.
    pub name: DestinationName,
    /// When the destination was closed.
    pub at: UnixMs,
    /// Its answer.
    pub reason: String,
}

/// Returns the closed destinations by name.
///
/// # Errors
/// When the database fails.
pub fn closed(c: &mut Database) -> Result<Vec<ClosedDestination>, StoreError> {
    Ok(closed_destinations::table
        .order(closed_destinations::name)
        .select(columns::<ClosedDestination>())
        .load(c)?)
}

/// Opens a closed destination again. Waiting deliveries are sent.
///
/// # Errors
/// [`StoreError::NotFound`] when the destination is not closed.
pub fn open(c: &mut Database, name: &DestinationName) -> Result<(), StoreError> {
    let row = closed_destinations::table.find(name);
    let opened = diesel::delete(row).returning(closed_destinations::at).count_changed(c)?;
    if opened == 0 {
        return Err(StoreError::NotFound { kind: "closed destination", name: name.to_string() });
    }
    Ok(())
}
