//! Schedules that a person opened or closed for a while: one row for each, which ends by itself.

use diesel::prelude::*;

use super::dialect::columns;
use super::error::OfTable as _;
use super::schema::{schedule_overrides as overrides, schedules};
use super::{Database, StoreError, audit};
use crate::audit::{Action, Entry, masked};
use crate::calendar::manual::Manual;
use crate::clock::UnixMs;
use crate::ids::ScheduleName;

#[derive(Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = overrides)]
struct Row {
    schedule: ScheduleName,
    open: bool,
    from_at: UnixMs,
    until_at: UnixMs,
    by: String,
    reason: Option<String>,
}

/// Reads what people set, also what has ended.
pub(super) fn load(c: &mut Database) -> Result<Vec<(ScheduleName, Manual)>, StoreError> {
    let rows: Vec<Row> = overrides::table.select(columns::<Row>()).load(c).of_table("schedule_overrides")?;
    let named = rows.into_iter().map(|row| {
        let Row { schedule, open, from_at: from, until_at: until, by, reason } = row;
        (schedule, Manual { open, from, until, by, reason })
    });
    Ok(named.collect())
}

/// Opens or closes a schedule for a while. What was set before is replaced.
///
/// # Errors
/// [`StoreError::NotFound`] when there is no such schedule.
pub fn set(c: &mut Database, name: &ScheduleName, manual: &Manual) -> Result<(), StoreError> {
    let known: i64 = schedules::table.filter(schedules::name.eq(name)).count().get_result(c)?;
    if known == 0 {
        return Err(StoreError::NotFound { kind: "schedule", name: name.to_string() });
    }
    diesel::delete(overrides::table.find(name)).execute(c)?;
    let row = Row {
        schedule: name.clone(),
        open: manual.open,
        from_at: manual.from,
        until_at: manual.until,
        by: manual.by.clone(),
        // Reasons of calls name it, and those hold no number.
        reason: manual.reason.as_deref().map(masked),
    };
    diesel::insert_into(overrides::table).values(row).execute(c)?;
    let details = crate::audit::details([
        ("schedule", masked(name.as_str()).into()),
        ("hours", if manual.open { "open" } else { "closed" }.into()),
        ("until", manual.until.to_string().into()),
        ("reason", manual.reason.as_deref().map(masked).into()),
    ]);
    note(c, &manual.by, manual.from, details)
}

/// Ends what a person set, so that the schedule follows its own hours.
///
/// # Errors
/// [`StoreError::NotFound`] when nothing is set.
pub fn end(c: &mut Database, name: &ScheduleName, by: &str, at: UnixMs) -> Result<(), StoreError> {
    let holds = overrides::table.find(name).filter(overrides::until_at.gt(at));
    if diesel::update(holds).set(overrides::until_at.eq(at)).execute(c)? == 0 {
        return Err(StoreError::NotFound {
            kind: "change of hours by hand for schedule",
            name: name.to_string(),
        });
    }
    let details =
        crate::audit::details([("schedule", masked(name.as_str()).into()), ("hours", "auto".into())]);
    note(c, by, at, details)
}

fn note(c: &mut Database, by: &str, at: UnixMs, details: serde_json::Value) -> Result<(), StoreError> {
    audit::append(c, &Entry { at, by, action: Action::HoursChanged, number: None, subject: None, details })
}
