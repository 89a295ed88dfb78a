//! Stores an event in the transaction in which it happened.

use std::time::Duration;

use diesel::prelude::*;

use crate::event::Event;
use crate::ids::EventId;
use crate::store::dialect::{cached::Cache as _, hold};
use crate::store::schema::outbox;
use crate::store::{Database, StoreError};

/// Stores an event. It is told once the transaction is committed. Events of one aggregate are told in the order in
/// which they are stored here. Call this function after the rows of the aggregate were changed.
///
/// # Errors
/// When the database fails, or refuses an aggregate that is empty or longer than 200 characters.
pub fn emit(c: &mut Database, event: &Event) -> Result<EventId, StoreError> {
    let id = EventId::new();
    hold::name(c, &event.aggregate)?;
    diesel::insert_into(outbox::table)
        .values((
            outbox::id.eq(id),
            outbox::aggregate.eq(&event.aggregate),
            outbox::kind.eq(event.kind),
            outbox::payload.eq(event.data.to_string()),
            outbox::created_at.eq(event.at),
            outbox::number.eq(event.data["number"].as_str()),
        ))
        .insert(c)?;
    Ok(id)
}

/// Stores an event as [`emit`] does, unless the same kind of event of the same aggregate was stored in the last `span`.
///
/// # Errors
/// As [`emit`].
pub fn emit_at_most_every(c: &mut Database, span: Duration, event: &Event) -> Result<(), StoreError> {
    hold::name(c, &event.aggregate)?;
    let same = outbox::aggregate.eq(&event.aggregate).and(outbox::kind.eq(event.kind));
    let lately = outbox::table.filter(same.and(outbox::created_at.gt(event.at - span)));
    if lately.count().get_result::<i64>(c)? == 0 {
        emit(c, event)?;
    }
    Ok(())
}
