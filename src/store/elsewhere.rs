//! Agents in calls that do not pass through the controller. `agent list` shows them beside the agent's activity.

use std::collections::BTreeMap;

use diesel::prelude::*;

use super::schema::{agents, talks_elsewhere};
use super::{Database, StoreError};
use crate::clock::UnixMs;
use crate::ids::AgentName;

/// Returns the agents who are in such a call, and since when.
///
/// # Errors
/// When the database fails.
pub fn all(c: &mut Database) -> Result<BTreeMap<AgentName, UnixMs>, StoreError> {
    Ok(talks_elsewhere::table.load::<(AgentName, UnixMs)>(c)?.into_iter().collect())
}

/// Records which agents began such a call, and which ended one. Agents who were removed meanwhile are left out.
///
/// # Errors
/// When the database fails.
pub fn record(c: &mut Database, changes: &[(AgentName, bool)], at: UnixMs) -> Result<(), StoreError> {
    for (name, begins) in changes {
        diesel::delete(talks_elsewhere::table.find(name)).execute(c)?;
        let there = agents::table.filter(agents::name.eq(name)).count().get_result::<i64>(c)? > 0;
        if *begins && there {
            let row = (talks_elsewhere::agent.eq(name), talks_elsewhere::since_at.eq(at));
            diesel::insert_into(talks_elsewhere::table).values(row).execute(c)?;
        }
    }
    Ok(())
}

/// Forgets all these calls, because nobody has checked them yet.
///
/// # Errors
/// When the database fails.
pub fn forget(c: &mut Database) -> Result<(), StoreError> {
    diesel::delete(talks_elsewhere::table).execute(c)?;
    Ok(())
}
