//! The facts that are added to an attempt's row while the attempt is under way.

use diesel::prelude::*;

use crate::clock::UnixMs;
use crate::ids::AttemptId;
use crate::missed::attempt::State;
use crate::store::dialect::cached::Cache as _;
use crate::store::schema::attempts;
use crate::store::{Database, StoreError};

/// Records that the customer's phone is being called. From now on the attempt counts, unless it ends in a technical
/// failure.
///
/// # Errors
/// When the database fails.
pub fn dialled(c: &mut Database, attempt: AttemptId, at: UnixMs) -> Result<(), StoreError> {
    let reserved = attempts::table.find(attempt).filter(attempts::state.eq(State::Reserved));
    diesel::update(reserved)
        .set((attempts::state.eq(State::Dialling), attempts::dialled_at.eq(at)))
        .returning(attempts::id)
        .count_changed(c)?;
    Ok(())
}

/// Records the trunk over which the customer is dialled. Returns whether the attempt has no disposition yet.
///
/// # Errors
/// When the database fails.
pub fn over_trunk(c: &mut Database, attempt: AttemptId, trunk: &str) -> Result<bool, StoreError> {
    let open = attempts::table.find(attempt).filter(attempts::disposition.is_null());
    Ok(diesel::update(open).set(attempts::trunk.eq(trunk)).returning(attempts::id).count_changed(c)? > 0)
}

/// Records that the customer and the agent have begun to talk.
///
/// # Errors
/// When the database fails.
pub fn answered(c: &mut Database, attempt: AttemptId, at: UnixMs) -> Result<(), StoreError> {
    dialled(c, attempt, at)?;
    let dialling = attempts::table.find(attempt).filter(attempts::state.eq(State::Dialling));
    diesel::update(dialling)
        .set((attempts::state.eq(State::Talking), attempts::answered_at.eq(at)))
        .returning(attempts::id)
        .count_changed(c)?;
    Ok(())
}

/// Records that the talk is over; a person then gives the disposition. Returns whether the end was not recorded before.
///
/// # Errors
/// When the database fails.
pub fn talk_ended(c: &mut Database, attempt: AttemptId, cause: &str, at: UnixMs) -> Result<bool, StoreError> {
    let talking = attempts::table.find(attempt).filter(attempts::state.eq(State::Talking));
    let changed = diesel::update(talking)
        .set((attempts::state.eq(State::WrappingUp), attempts::ended_at.eq(at), attempts::cause.eq(cause)))
        .returning(attempts::id)
        .count_changed(c)?;
    Ok(changed > 0)
}
