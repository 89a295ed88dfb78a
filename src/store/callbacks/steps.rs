//! The steps of a case, each made on a locked row.

use diesel::prelude::*;

use crate::clock::UnixMs;
use crate::missed::case::{Closed, Step, step};
use crate::store::cases::CaseRow;
use crate::store::dialect::cached::Cache as _;
use crate::store::schema::cases;
use crate::store::{Database, StoreError, case_closing};

/// Makes a step of a case. The case waits in its new stage until `next_at`, and `claimed_by` has it.
pub(super) fn take_step(
    c: &mut Database,
    case: &mut CaseRow,
    made: Step,
    next_at: Option<UnixMs>,
    claimed_by: Option<&str>,
) -> Result<(), StoreError> {
    case.stage = step(case.stage, made)
        .map_err(|refused| StoreError::Refused(format!("case {}: {refused}", case.id)))?;
    diesel::update(cases::table.find(case.id).filter(cases::closed_at.is_null()))
        .set((cases::stage.eq(case.stage), cases::next_at.eq(next_at), cases::claimed_by.eq(claimed_by)))
        .returning(cases::id)
        .count_changed(c)?;
    Ok(())
}

/// Records that an attempt has been made for a case. Only the first one changes the row.
pub(super) fn begun(c: &mut Database, case: &CaseRow, at: UnixMs) -> Result<(), StoreError> {
    diesel::update(cases::table.find(case.id).filter(cases::first_attempt_at.is_null()))
        .set(cases::first_attempt_at.eq(at))
        .returning(cases::id)
        .count_changed(c)?;
    Ok(())
}

/// Sets when a case is checked again. None: only when something happens to it. The stage stays.
pub(super) fn look_again(c: &mut Database, case: &CaseRow, at: Option<UnixMs>) -> Result<(), StoreError> {
    diesel::update(cases::table.find(case.id))
        .set(cases::next_at.eq(at))
        .returning(cases::id)
        .count_changed(c)?;
    Ok(())
}

/// Closes a case because a rule says so.
pub(super) fn close(c: &mut Database, case: &CaseRow, reason: Closed, at: UnixMs) -> Result<(), StoreError> {
    case_closing::close(c, case.id, reason, "system", None, at).map(drop)
}
