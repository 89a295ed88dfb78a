//! Agents who are in a call that is none of ours: what `agent list` shows beside what agents do for us.

use std::collections::BTreeMap;

use diesel::prelude::*;

use super::schema::{agents, talks_elsewhere};
use super::{Database, StoreError, read};
use crate::clock::UnixMs;
use crate::ids::AgentName;

/// Who is in another call, and since when.
///
/// # Errors
/// When the database fails.
pub fn all(c: &mut Database) -> Result<BTreeMap<AgentName, UnixMs>, StoreError> {
    let rows: Vec<(String, i64)> = talks_elsewhere::table.load(c)?;
    rows.iter().map(|(name, since)| Ok((read("talks_elsewhere.agent", name)?, UnixMs(*since)))).collect()
}

/// Records who began such a call, and who ended one. An agent who was removed meanwhile is left out.
///
/// # Errors
/// When the database fails.
pub fn record(c: &mut Database, changes: &[(AgentName, bool)], at: UnixMs) -> Result<(), StoreError> {
    for (name, begins) in changes {
        diesel::delete(talks_elsewhere::table.find(name.as_str())).execute(c)?;
        let there = agents::table.filter(agents::name.eq(name.as_str())).count().get_result::<i64>(c)? > 0;
        if *begins && there {
            let row = (talks_elsewhere::agent.eq(name.as_str()), talks_elsewhere::since_at.eq(at.0));
            diesel::insert_into(talks_elsewhere::table).values(row).execute(c)?;
        }
    }
    Ok(())
}

/// Forgets them all: nobody has looked yet.
///
/// # Errors
/// When the database fails.
pub fn forget(c: &mut Database) -> Result<(), StoreError> {
    diesel::delete(talks_elsewhere::table).execute(c)?;
    Ok(())
}
