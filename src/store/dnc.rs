//! Numbers that are not to be called: the person said so, or it is somebody else's.

use std::time::Duration;

use diesel::prelude::*;

use super::dialect::{cached::Cache as _, columns, hold};
use super::schema::do_not_call;
use super::{Database, StoreError, audit};
use crate::audit::{Action, Entry};
use crate::clock::UnixMs;
use crate::missed::case::Closed;
use crate::phone::E164;

crate::vocabulary! {
    /// Why a number is not to be called.
    "reason not to call" pub enum Reason {
        /// The person wants no calls.
        DoNotCall = "do_not_call",
        /// The number is somebody else's.
        WrongNumber = "wrong_number",
    }
}

/// How long a wrong number stays one: it may get another owner.
const WRONG_FOR: Duration = Duration::from_secs(365 * 86_400);

/// A number that is not to be called, as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, Queryable, Selectable)]
#[diesel(table_name = do_not_call)]
pub struct DncRow {
    /// The number.
    pub number: E164,
    /// Why.
    pub reason: Reason,
    /// Who says so.
    pub by: String,
    /// What they noted.
    pub note: Option<String>,
    /// Since when.
    pub at: UnixMs,
    /// Until when; for ever if empty.
    pub expires_at: Option<UnixMs>,
}

/// A number that must not be called.
#[derive(Debug, Clone)]
pub struct Add<'a> {
    /// Which.
    pub number: &'a E164,
    /// Why.
    pub reason: Reason,
    /// Who says so.
    pub by: &'a str,
    /// What he notes.
    pub note: Option<&'a str>,
    /// When.
    pub at: UnixMs,
    /// Until when; for ever if none.
    pub until: Option<UnixMs>,
}

/// Forbids calls to a number; what was said of it before is replaced.
///
/// # Errors
/// When the database fails.
pub fn add(c: &mut Database, add: &Add<'_>) -> Result<(), StoreError> {
    hold::number(c, add.number)?;
    diesel::delete(do_not_call::table.find(add.number)).execute(c)?;
    diesel::insert_into(do_not_call::table)
        .values((
            do_not_call::number.eq(add.number),
            do_not_call::reason.eq(add.reason),
            do_not_call::by.eq(add.by),
            do_not_call::note.eq(add.note),
            do_not_call::at.eq(add.at),
            do_not_call::expires_at.eq(add.until),
        ))
        .insert(c)?;
    note(c, Action::DncAdded, add.number, add.by, Some(add.reason), add.at)
}

/// Allows calls to a number again.
///
/// # Errors
/// [`StoreError::NotFound`] when they were not forbidden.
pub fn remove(c: &mut Database, number: &E164, by: &str, at: UnixMs) -> Result<(), StoreError> {
    if diesel::delete(do_not_call::table.find(number)).execute(c)? == 0 {
        return Err(StoreError::NotFound {
            kind: "number on the do-not-call list",
            name: number.to_string(),
        });
    }
    note(c, Action::DncRemoved, number, by, None, at)
}

fn note(
    c: &mut Database,
    action: Action,
    number: &E164,
    by: &str,
    reason: Option<Reason>,
    at: UnixMs,
) -> Result<(), StoreError> {
    let details = crate::audit::details([("reason", reason.map(Reason::as_str).into())]);
    audit::append(c, &Entry { at, by, action, number: Some(number.as_str()), subject: None, details })
}

/// Numbers that are not to be called, the newest first.
///
/// # Errors
/// When the database fails.
pub fn list(c: &mut Database, limit: i64) -> Result<Vec<DncRow>, StoreError> {
    Ok(do_not_call::table.select(columns::<DncRow>()).order(do_not_call::at.desc()).limit(limit).load(c)?)
}

/// Why a number is not to be called now, if it is not.
///
/// # Errors
/// When the database fails.
pub fn suppressed(c: &mut Database, number: &E164, at: UnixMs) -> Result<Option<Reason>, StoreError> {
    let holds = do_not_call::expires_at.is_null().or(do_not_call::expires_at.gt(at));
    let row = do_not_call::table.find(number).filter(holds);
    Ok(row.select(do_not_call::reason).first(c).optional()?)
}

/// The result of an attempt, or whoever closes a case, says that this number is not to be called.
pub(super) fn suppress(
    c: &mut Database,
    number: &E164,
    reason: Closed,
    by: &str,
    at: UnixMs,
) -> Result<(), StoreError> {
    let (reason, until) = match reason {
        Closed::WrongNumber => (Reason::WrongNumber, Some(at + WRONG_FOR)),
        _ => (Reason::DoNotCall, None),
    };
    add(c, &Add { number, reason, by, note: None, at, until })
}
