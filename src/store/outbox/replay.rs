//! Deliveries that people want to be sent again.

use diesel::prelude::*;

use super::line::{Line, drop_turn, first_in_line, next_in_line};
use super::{LOCK, State};
use crate::clock::UnixMs;
use crate::ids::DestinationName;
use crate::store::dialect::{cached::Cache as _, columns, hold};
use crate::store::error::Found as _;
use crate::store::schema::deliveries;
use crate::store::{Database, StoreError};

/// Makes a delivery due at once, if it was given up or waits for its next try. It gets as many tries as a new delivery.
///
/// # Errors
/// [`StoreError::NotFound`] when there is no such delivery; [`StoreError::Refused`] when it is done or was not to be
/// made.
pub fn replay(c: &mut Database, id: i64, now: UnixMs) -> Result<(), StoreError> {
    hold::name(c, LOCK)?;
    let (state, line): (State, Line) = deliveries::table
        .find(id)
        .select((deliveries::state, columns::<Line>()))
        .first(c)
        .found("delivery", id)?;
    if !matches!(state, State::Dead | State::Waiting) {
        return Err(StoreError::Refused(format!("delivery {id} cannot be sent again: it is {state}")));
    }
    let idle = deliveries::table.filter(deliveries::id.eq(id).and(deliveries::lease_until.is_null()));
    let changed = diesel::update(idle)
        .set((
            deliveries::state.eq(State::Waiting),
            deliveries::done_at.eq(None::<i64>),
            deliveries::attempt_no.eq(0),
            deliveries::next_at.eq(None::<i64>),
        ))
        .returning(deliveries::id)
        .count_changed(c)?;
    if changed == 0 {
        return Err(StoreError::Refused(format!("delivery {id} is under way at this moment")));
    }
    next_in_line(c, &line, now)?;
    // A later delivery of the line that was due waits again, unless it is under way.
    let others = deliveries::table
        .filter(deliveries::destination.eq(&line.destination).and(deliveries::recipient.eq(&line.recipient)))
        .filter(deliveries::aggregate.eq(&line.aggregate).and(deliveries::done_at.is_null()))
        .filter(deliveries::next_at.is_not_null().and(deliveries::lease_until.is_null()))
        .select(deliveries::id);
    let turns: Vec<i64> = others.load(c)?;
    let first = first_in_line(c, &line)?.map(|(first, _)| first);
    turns.into_iter().filter(|id| Some(*id) != first).try_for_each(|id| drop_turn(c, id))
}

/// Makes the oldest deliveries that were given up due again, as [`replay`] does. Returns how many there were.
///
/// # Errors
/// When the database fails.
pub fn replay_dead(
    c: &mut Database,
    destination: Option<&DestinationName>,
    limit: i64,
    now: UnixMs,
) -> Result<usize, StoreError> {
    let mut query = deliveries::table
        .filter(deliveries::state.eq(State::Dead))
        .select(deliveries::id)
        .order(deliveries::id)
        .limit(limit)
        .into_boxed();
    if let Some(destination) = destination {
        query = query.filter(deliveries::destination.eq(destination));
    }
    let dead: Vec<i64> = query.load(c)?;
    for id in &dead {
        replay(c, *id, now)?;
    }
    Ok(dead.len())
}
