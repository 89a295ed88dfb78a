//! Which attempts have a disposition, and which wait for one.

use diesel::prelude::*;
use diesel::sql_types::Bool;

use super::row::AttemptRow;
use crate::ids::AgentName;
use crate::missed::attempt::{Disposition, State, Way};
use crate::store::dialect::cached::Cache as _;
use crate::store::dialect::columns;
use crate::store::schema::attempts;
use crate::store::{Database, StoreError};

/// Returns whether an agent is in the talk of a callback, or has not recorded the disposition of an earlier one. Such
/// an agent gets no more work. An agent who dialled by hand is asked for a disposition too, but still gets work.
///
/// # Errors
/// When the database fails.
pub fn lacks_disposition_of(c: &mut Database, agent: &AgentName) -> Result<bool, StoreError> {
    // The words stand in the text, as in the condition of the index: SQLite prepares a statement anew for each value that
    // it compares with the condition of an index.
    let undisposed = diesel::dsl::sql::<Bool>("state IN ('talking', 'wrapping_up')");
    let open = attempts::table
        .filter(attempts::agent.eq(agent))
        .filter(undisposed)
        .filter(attempts::way.ne(Way::ManualDial));
    Ok(open.count().returned_one::<i64>(c)? > 0)
}

/// Returns the dispositions of all attempts that have one.
///
/// # Errors
/// When the database fails.
pub fn dispositions(c: &mut Database) -> Result<Vec<Disposition>, StoreError> {
    let results: Vec<Option<Disposition>> =
        attempts::table.filter(attempts::disposition.is_not_null()).select(attempts::disposition).load(c)?;
    Ok(results.into_iter().flatten().collect())
}

/// Returns all attempts whose talk is over and that have no disposition.
///
/// # Errors
/// When the database fails.
pub fn without_disposition(c: &mut Database) -> Result<Vec<AttemptRow>, StoreError> {
    let open = attempts::table.filter(attempts::state.eq(State::WrappingUp));
    Ok(open.order(attempts::id).select(columns::<AttemptRow>()).load(c)?)
}

/// Returns the attempt for which an agent may give a disposition: the agent's latest one that has none.
///
/// # Errors
/// When the database fails.
pub fn latest_without_disposition(
    c: &mut Database,
    agent: &AgentName,
) -> Result<Option<AttemptRow>, StoreError> {
    let open = attempts::table.filter(attempts::agent.eq(agent).and(attempts::state.eq(State::WrappingUp)));
    Ok(open.order(attempts::id.desc()).select(columns::<AttemptRow>()).first(c).optional()?)
}
