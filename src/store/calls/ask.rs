//! Callers who ask for a callback by a key.

use std::collections::HashMap;

use diesel::prelude::*;

use crate::clock::UnixMs;
use crate::ids::CallId;
use crate::missed::asked::Asked;
use crate::store::schema::{asked_callbacks, calls};
use crate::store::{Database, StoreError};

/// Records that a caller asked for a callback, or what they ask for now.
///
/// # Errors
/// When the database fails.
pub fn ask_callback(c: &mut Database, call: CallId, asked: &Asked, at: UnixMs) -> Result<(), StoreError> {
    let wanted = (asked_callbacks::queue.eq(&asked.queue), asked_callbacks::number.eq(&asked.number));
    let is_there = diesel::update(asked_callbacks::table.find(call)).set(wanted).execute(c)? > 0;
    if !is_there {
        diesel::insert_into(asked_callbacks::table)
            .values((asked_callbacks::call.eq(call), wanted, asked_callbacks::at.eq(at)))
            .execute(c)?;
    }
    Ok(())
}

/// Returns the callback that a caller asked for.
///
/// # Errors
/// When the database fails.
pub fn asked_callback(c: &mut Database, call: CallId) -> Result<Option<Asked>, StoreError> {
    let asked = asked_callbacks::table.find(call).select((asked_callbacks::queue, asked_callbacks::number));
    Ok(asked.first(c).optional()?.map(|(queue, number)| Asked { queue, number }))
}

/// Returns the callbacks that the callers of open calls asked for.
pub(in crate::store) fn open_asked(c: &mut Database) -> Result<HashMap<CallId, Asked>, StoreError> {
    let open = asked_callbacks::table
        .inner_join(calls::table.on(calls::id.eq(asked_callbacks::call)))
        .filter(calls::ended_at.is_null());
    let rows: Vec<(CallId, _, _)> =
        open.select((asked_callbacks::call, asked_callbacks::queue, asked_callbacks::number)).load(c)?;
    Ok(rows.into_iter().map(|(call, queue, number)| (call, Asked { queue, number })).collect())
}
