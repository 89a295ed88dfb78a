//! An attempt as reports and pages show it.

use diesel::prelude::*;

use crate::calendar::business_day::BusinessDay;
use crate::clock::UnixMs;
use crate::ids::{AgentName, AttemptId, CallId, CaseId};
use crate::missed::attempt::{Disposition, State, Way};
use crate::missed::plan::Attempt;
use crate::phone::E164;
use crate::store::dialect::columns;
use crate::store::error::Found as _;
use crate::store::schema::attempts;
use crate::store::{Database, StoreError};

/// An attempt as reports and pages show it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, Queryable, Selectable)]
#[diesel(table_name = attempts)]
pub struct AttemptRow {
    /// The number of the attempt.
    pub id: AttemptId,
    /// The attempt's case.
    pub case_id: CaseId,
    /// The number that was dialled.
    pub number: E164,
    /// The business day of the attempt.
    pub business_day: BusinessDay,
    /// The attempt's place among the counted attempts to that number on that day.
    pub ordinal: Option<i32>,
    /// Whether the attempt counts.
    pub counted: bool,
    /// The time of the attempt.
    pub at: UnixMs,
    /// The person or program that made the attempt.
    pub by: String,
    /// The disposition. None while nobody has recorded one.
    #[serde(rename = "result")]
    pub disposition: Option<Disposition>,
    /// The note on the attempt.
    pub note: Option<String>,
    /// The attempt's state.
    pub state: State,
    /// How the attempt was made.
    pub way: Way,
    /// The agent who talks with the customer.
    pub agent: Option<AgentName>,
    /// The row of the attempt's call.
    pub call: Option<CallId>,
    /// When the customer answered.
    pub answered_at: Option<UnixMs>,
    /// When the talk ended, or the ringing if nobody answered.
    pub ended_at: Option<UnixMs>,
}

impl From<&AttemptRow> for Attempt {
    fn from(row: &AttemptRow) -> Self {
        Self {
            id: row.id,
            state: row.state,
            way: row.way,
            has_agent: row.agent.is_some(),
            at: row.at,
            answered_at: row.answered_at,
            ended_at: row.ended_at,
        }
    }
}

/// Returns one attempt.
///
/// # Errors
/// [`StoreError::NotFound`] when no attempt has this number.
pub fn get(c: &mut Database, id: AttemptId) -> Result<AttemptRow, StoreError> {
    attempts::table.find(id).select(columns::<AttemptRow>()).first(c).found("attempt", id)
}

/// Returns the attempts of a case, oldest first.
///
/// # Errors
/// When the database fails.
pub fn of_case(c: &mut Database, case: CaseId) -> Result<Vec<AttemptRow>, StoreError> {
    Ok(attempts::table
        .filter(attempts::case_id.eq(case))
        .order(attempts::id)
        .select(columns::<AttemptRow>())
        .load(c)?)
}

/// Returns the attempt that was made with a call.
///
/// # Errors
/// When the database fails.
pub fn of_call(c: &mut Database, call: CallId) -> Result<Option<AttemptRow>, StoreError> {
    Ok(attempts::table.filter(attempts::call.eq(call)).select(columns::<AttemptRow>()).first(c).optional()?)
}

/// Returns the attempt to a number that is under way or waits for its disposition.
///
/// # Errors
/// When the database fails.
pub fn unfinished(c: &mut Database, number: &E164) -> Result<Option<AttemptRow>, StoreError> {
    let open = attempts::table.filter(attempts::number.eq(number).and(attempts::disposition.is_null()));
    Ok(open.select(columns::<AttemptRow>()).first(c).optional()?)
}
