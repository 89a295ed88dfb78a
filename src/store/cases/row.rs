//! A case and its missed calls, as pages and commands show them.

use diesel::prelude::*;

use crate::calendar::business_day::BusinessDay;
use crate::clock::UnixMs;
use crate::ids::{AgentName, CallId, CaseId, QueueName};
use crate::missed::case::{Closed, Reason, Stage, State};
use crate::missed::claim::Candidate;
use crate::missed::plan::Case;
use crate::missed::wish::Source;
use crate::phone::E164;
use crate::store::dialect::{columns, hold};
use crate::store::error::Found as _;
use crate::store::schema::{calls, case_misses, cases};
use crate::store::{Database, StoreError};

/// A case as pages and commands show it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, Queryable, Selectable)]
#[diesel(table_name = cases)]
pub struct CaseRow {
    /// The number of the case.
    pub id: CaseId,
    /// The customer's number.
    pub number: E164,
    /// Whether the case is open or closed.
    pub state: State,
    /// Why the case was opened.
    pub reason: Reason,
    /// The queue of the latest missed call.
    pub queue: Option<QueueName>,
    /// When the case was opened.
    pub opened_at: UnixMs,
    /// When the latest call was missed.
    pub last_miss_at: UnixMs,
    /// How many calls were missed.
    pub misses: i32,
    /// The business day on which the case was opened.
    pub business_day: BusinessDay,
    /// When the case was closed.
    pub closed_at: Option<UnixMs>,
    /// Why the case was closed.
    pub close_reason: Option<Closed>,
    /// The person or program that closed the case.
    pub closed_by: Option<String>,
    /// The note that was made when the case was closed.
    pub note: Option<String>,
    /// What an open case waits for.
    pub stage: Stage,
    /// When the stage ends by itself.
    pub next_at: Option<UnixMs>,
    /// The time before which the person wants no call.
    pub not_before: Option<UnixMs>,
    /// When the case last became due.
    pub due_at: Option<UnixMs>,
    /// The time by which somebody must have called.
    pub react_by: Option<UnixMs>,
    /// When the customer was first dialled.
    pub first_attempt_at: Option<UnixMs>,
    /// The priority. A higher one is called first.
    pub priority: i32,
    /// The agent who is offered the case first.
    pub assignee: Option<AgentName>,
    /// Who has the case now: an agent, or the callback's call.
    pub claimed_by: Option<String>,
    /// When the case was handed over to the repeat-contacts queue.
    pub handed_over_at: Option<UnixMs>,
    /// On how many business days that queue has had the case.
    pub repeat_days: i32,
    /// The number's case before this one.
    pub previous_case: Option<CaseId>,
    /// What kind of sender asked for no call before `not_before`.
    pub not_before_source: Option<Source>,
    /// The sender who asked for it.
    pub not_before_by: Option<String>,
    /// The colleague who allowed the call although the number is abroad.
    pub abroad_allowed_by: Option<String>,
    /// Where the call that opened the case came from: a gateway, or the address of the other side.
    pub came_by: Option<String>,
    /// Whether the case was opened in a flood of calls, and waits for people.
    pub flooded: bool,
    /// The queue in which the customer keeps their place.
    pub place_queue: Option<QueueName>,
    /// Since when they stand there.
    pub place_at: Option<UnixMs>,
}

impl From<&CaseRow> for Case {
    fn from(row: &CaseRow) -> Self {
        Self {
            stage: row.stage,
            opened_at: row.opened_at,
            last_miss_at: row.last_miss_at,
            next_at: row.next_at,
            not_before: row.not_before,
            due_at: row.due_at,
            first_attempt_at: row.first_attempt_at,
            handed_over: row.handed_over_at.is_some(),
            repeat_days: row.repeat_days,
            flooded: row.flooded,
        }
    }
}

impl<'a> From<&'a CaseRow> for Candidate<'a> {
    fn from(row: &'a CaseRow) -> Self {
        Self {
            open: row.closed_at.is_none(),
            stage: row.stage,
            not_before: row.not_before,
            claimed_by: row.claimed_by.as_deref(),
        }
    }
}

/// A missed call of a case, as pages and commands show it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, Queryable, Selectable)]
#[diesel(table_name = case_misses)]
pub struct MissRow {
    /// The call.
    pub call: CallId,
    /// When it was missed.
    pub at: UnixMs,
    /// Why it was missed.
    pub reason: Reason,
    /// The queue in which it was missed.
    pub queue: Option<QueueName>,
    /// How long the caller had waited.
    pub wait_ms: Option<i64>,
    /// The number that the caller had dialled.
    #[diesel(select_expression = calls::dialled)]
    pub dialled: String,
}

/// Returns one case.
///
/// # Errors
/// [`StoreError::NotFound`] when no case has this number.
pub fn get(c: &mut Database, id: CaseId) -> Result<CaseRow, StoreError> {
    cases::table.find(id).select(columns::<CaseRow>()).first(c).found("case", id)
}

/// Locks the row of a case and returns it.
pub(in crate::store) fn lock(c: &mut Database, id: CaseId) -> Result<CaseRow, StoreError> {
    let number = get(c, id)?.number;
    hold::number(c, &number)?;
    hold::case(c, id)?;
    get(c, id)
}
