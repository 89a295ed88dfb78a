//! The do-not-call list: numbers whose owners want no calls, and numbers that belong to somebody else.

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
    /// Why a number is on the do-not-call list.
    "reason not to call" pub enum Reason {
        /// The customer wants no calls.
        DoNotCall = "do_not_call",
        /// The number belongs to somebody else.
        WrongNumber = "wrong_number",
    }
}

/// How long a wrong number stays on the list. After that it may have another owner.
const WRONG_FOR: Duration = Duration::from_secs(365 * 86_400);

/// An entry of the do-not-call list, as pages and commands show it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, Queryable, Selectable)]
#[diesel(table_name = do_not_call)]
pub struct DncRow {
    /// The number.
    pub number: E164,
    /// The reason.
    pub reason: Reason,
    /// The person or program that added the number.
    pub by: String,
    /// The note of the entry.
    pub note: Option<String>,
    /// When the number was added.
    pub at: UnixMs,
    /// When the entry ends. None: never.
    pub expires_at: Option<UnixMs>,
}

/// A number to add to the list.
#[derive(Debug, Clone)]
pub struct Add<'a> {
    /// The number.
    pub number: &'a E164,
    /// The reason.
    pub reason: Reason,
    /// The person or program that adds the number.
    pub by: &'a str,
    /// A note on the entry.
    pub note: Option<&'a str>,
    /// When the number is added.
    pub at: UnixMs,
    /// When the entry ends. None: never.
    pub until: Option<UnixMs>,
}

/// Adds a number to the do-not-call list. An earlier entry of the number is replaced.
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

/// Takes a number off the do-not-call list.
///
/// # Errors
/// [`StoreError::NotFound`] when the number is not on the list.
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

/// Returns the entries of the do-not-call list, newest first.
///
/// # Errors
/// When the database fails.
pub fn list(c: &mut Database, limit: i64) -> Result<Vec<DncRow>, StoreError> {
    Ok(do_not_call::table.select(columns::<DncRow>()).order(do_not_call::at.desc()).limit(limit).load(c)?)
}

/// Returns why a number must not be called now. None if it may be called.
///
/// # Errors
/// When the database fails.
pub fn suppressed(c: &mut Database, number: &E164, at: UnixMs) -> Result<Option<Reason>, StoreError> {
    let holds = do_not_call::expires_at.is_null().or(do_not_call::expires_at.gt(at));
    let row = do_not_call::table.find(number).filter(holds);
    Ok(row.select(do_not_call::reason).first(c).optional()?)
}

/// Adds a number to the list because of the disposition of an attempt or the reason for closing a case. A wrong number
/// is added for `WRONG_FOR`, any other number for good.
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
