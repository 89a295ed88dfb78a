//! Days of duty that a person gives to another agent, or back to the rota.

use diesel::prelude::*;

use super::schema::duty_swaps as swaps;
use super::{Database, StoreError, audit};
use crate::audit::{Action, Entry, masked};
use crate::calendar::business_day::BusinessDay;
use crate::clock::UnixMs;
use crate::ids::{AgentName, DutyName};

/// Who changes a rota, and when.
#[derive(Debug, Clone)]
pub struct Change<'a> {
    /// The rota.
    pub duty: &'a DutyName,
    /// The person or program.
    pub by: &'a str,
    /// When.
    pub at: UnixMs,
}

/// Gives days of duty to agents. What was given before is replaced.
///
/// # Errors
/// When the database fails, or there is no such rota or agent.
pub fn give(
    c: &mut Database,
    change: &Change<'_>,
    days: &[(BusinessDay, AgentName)],
) -> Result<(), StoreError> {
    for (date, agent) in days {
        diesel::delete(swaps::table.find((change.duty, date))).execute(c)?;
        diesel::insert_into(swaps::table)
            .values((
                swaps::duty.eq(change.duty),
                swaps::date.eq(date),
                swaps::agent.eq(agent),
                swaps::by.eq(change.by),
                swaps::at.eq(change.at),
            ))
            .execute(c)?;
    }
    let days: Vec<String> = days.iter().map(|(date, agent)| masked(&format!("{date} {agent}"))).collect();
    note(c, change, days)
}

/// Gives days of duty back to the rota.
///
/// # Errors
/// [`StoreError::NotFound`] when none of them was given away.
pub fn give_back(c: &mut Database, change: &Change<'_>, days: &[BusinessDay]) -> Result<(), StoreError> {
    let mut given = Vec::new();
    for date in days {
        if diesel::delete(swaps::table.find((change.duty, date))).execute(c)? > 0 {
            given.push(format!("{date} by the rota"));
        }
    }
    if given.is_empty() {
        return Err(StoreError::NotFound { kind: "swap of duty", name: change.duty.to_string() });
    }
    note(c, change, given)
}

fn note(c: &mut Database, change: &Change<'_>, days: Vec<String>) -> Result<(), StoreError> {
    let details =
        crate::audit::details([("duty", masked(change.duty.as_str()).into()), ("days", days.into())]);
    let (at, by, action) = (change.at, change.by, Action::DutyChanged);
    audit::append(c, &Entry { at, by, action, number: None, subject: None, details })
}
