//! Whether a number is known to us. A number that a caller shows proves nothing, but a talk with the number was a talk
//! with its owner.

use std::time::Duration;

use diesel::prelude::*;

use crate::phone::E164;
use crate::store::schema::calls;
use crate::store::{Database, StoreError, to_ms};

/// Returns whether somebody has talked with this number for at least `least`, in a call that has ended.
pub(in crate::store) fn has_talked(
    c: &mut Database,
    number: &E164,
    least: Duration,
) -> Result<bool, StoreError> {
    let talk = calls::table
        .filter(calls::number.eq(number).and(calls::talk_ms.ge(to_ms(least))))
        .select(calls::arrived_at)
        .first::<i64>(c);
    Ok(talk.optional()?.is_some())
}
