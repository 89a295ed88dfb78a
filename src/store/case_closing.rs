//! What closes a case: a talk, a rule, or a person.

use std::time::Duration;

use diesel::prelude::*;

use super::cases::{CaseRow, get, lock, open_of};
use super::dialect::{cached::Cache as _, hold};
use super::notes::{Note, note};
use super::schema::cases;
use super::{Database, StoreError, dnc};
use crate::clock::UnixMs;
use crate::ids::CaseId;
use crate::missed::case::{Closed, State};
use crate::missed::contact::Contact;
use crate::phone::E164;

/// Closes the open case of a number after a talk outside the case, if the talk was long enough and began after the
/// latest missed call. An attempt that is under way, or that waits for its disposition, is not changed.
///
/// # Errors
/// When the database fails.
pub(super) fn reached(
    c: &mut Database,
    number: &E164,
    talk: Contact,
    min_talk: Duration,
) -> Result<(), StoreError> {
    hold::number(c, number)?;
    hold::open_case(c, number)?;
    match open_of(c, number)?.filter(|case| talk.settles(case.last_miss_at, min_talk)) {
        Some(case) => close(c, case.id, Closed::CallerReachedUs, "system", None, talk.ended_at).map(drop),
        None => Ok(()),
    }
}

/// Closes an open case because a person asks for it. If the reason is that the customer wants no calls or that the
/// number belongs to somebody else, the number is put on the do-not-call list.
///
/// # Errors
/// As [`close`]; [`StoreError::Refused`] also for [`Closed::Erased`]: only the erasure of the case's customer closes a
/// case with that reason.
pub fn close_by_hand(
    c: &mut Database,
    id: CaseId,
    reason: Closed,
    by: &str,
    remark: Option<&str>,
    at: UnixMs,
) -> Result<CaseRow, StoreError> {
    let case = lock(c, id)?;
    match reason {
        Closed::Erased => return Err(StoreError::Refused(Closed::ONLY_BY_ERASURE.to_owned())),
        Closed::DoNotCall | Closed::WrongNumber if case.closed_at.is_none() => {
            dnc::suppress(c, &case.number, reason, by, at)?;
        }
        _ => {}
    }
    close(c, id, reason, by, remark, at)
}

/// Closes an open case.
///
/// # Errors
/// [`StoreError::NotFound`] when there is no such case; [`StoreError::Refused`] when it is closed already.
pub fn close(
    c: &mut Database,
    id: CaseId,
    reason: Closed,
    by: &str,
    remark: Option<&str>,
    at: UnixMs,
) -> Result<CaseRow, StoreError> {
    let open = cases::table.find(id).filter(cases::closed_at.is_null());
    let closed = diesel::update(open)
        .set((
            cases::state.eq(State::Closed),
            cases::closed_at.eq(at),
            cases::close_reason.eq(reason),
            cases::closed_by.eq(by),
            cases::note.eq(remark),
            cases::next_at.eq(None::<UnixMs>),
        ))
        .returning(cases::id)
        .count_changed(c)?;
    let case = get(c, id)?;
    if closed == 0 {
        let why = case.close_reason.map_or("", Closed::as_str);
        return Err(StoreError::Refused(format!("case {id} is closed already ({why})")));
    }
    note(c, &case, Note::Closed { reason, by }, at)?;
    Ok(case)
}
