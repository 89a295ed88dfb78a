//! What people ask for and report: when a customer is called, and the disposition of an attempt.

use std::time::Duration;

use diesel::prelude::*;

use super::apply::{finish_and_follow, happen};
use super::callback_rules::CallbackRules;
use super::guards::{check, is_abroad, refused};
use super::steps::begun;
use crate::clock::UnixMs;
use crate::ids::{AgentName, CaseId};
use crate::missed::attempt::{Disposition, State};
use crate::missed::case::Stage;
use crate::missed::plan::{AttemptEnded, Event};
use crate::missed::regulation::Refusal;
use crate::missed::wish::{Source, Wish};
use crate::store::attempts::Finish;
use crate::store::cases::{self as case_rows, lock};
use crate::store::dialect::cached::Cache as _;
use crate::store::notes::{Note, note};
use crate::store::schema::cases;
use crate::store::{Database, StoreError, attempts, case_opening};

/// Puts a case off until a later time, unless somebody has the case.
///
/// # Errors
/// [`StoreError::Refused`] when somebody has the case, or when it is closed.
pub fn defer(
    c: &mut Database,
    callback_rules: &CallbackRules,
    id: CaseId,
    until: UnixMs,
    by: &str,
    at: UnixMs,
) -> Result<(), StoreError> {
    let case = lock(c, id)?;
    if case.closed_at.is_some() || matches!(case.stage, Stage::Claimed | Stage::Attempting) {
        return Err(StoreError::Refused(format!(
            "case {id} is closed, or somebody is calling: it cannot be put off"
        )));
    }
    let case = case_opening::release_flooded(c, case, at)?;
    let wish = Wish { not_before: until, source: Some(Source::Person), by: Some(by.to_owned()) };
    diesel::update(cases::table.find(id))
        .set(case_rows::wish_columns(Some(wish)))
        .returning(cases::id)
        .count_changed(c)?;
    happen(c, &case, callback_rules, Event::PutOff(until), by, at)?;
    note(c, &case, Note::Deferred { until, by }, at)
}

/// Makes a case due now, before all others. Every guard is asked. A refusal is a result, and is kept.
///
/// # Errors
/// [`StoreError::Refused`] when somebody has the case, or when it is closed.
pub fn now(
    c: &mut Database,
    callback_rules: &CallbackRules,
    id: CaseId,
    by: &str,
    at: UnixMs,
) -> Result<Result<(), Refusal>, StoreError> {
    let case = lock(c, id)?;
    let stage = case.stage;
    if case.closed_at.is_some() || matches!(stage, Stage::Claimed | Stage::Attempting) {
        return Err(StoreError::Refused(format!("case {id} is closed, or somebody is calling already")));
    }
    // A person who wants the case called now also allows a number abroad by that. Every other guard is still asked. If
    // a guard refuses the call now, the permission does not stay for later.
    let allows = is_abroad(&case, callback_rules);
    if allows {
        allow_abroad(c, id, Some(by))?;
    }
    let case = case_rows::get(c, id)?;
    let (policy, asked) = check(c, &case, callback_rules, at)?;
    if let Err(refusal) = asked {
        if allows {
            allow_abroad(c, id, None)?;
        }
        refused(c, &case, &policy, &refusal, by, at)?;
        return Ok(Err(refusal));
    }
    let case = case_opening::release_flooded(c, case, at)?;
    let most: Option<i32> =
        cases::table.filter(cases::closed_at.is_null()).select(diesel::dsl::max(cases::priority)).first(c)?;
    diesel::update(cases::table.find(id))
        .set((case_rows::wish_columns(None), cases::priority.eq(most.unwrap_or_default().saturating_add(1))))
        .returning(cases::id)
        .count_changed(c)?;
    happen(c, &case, callback_rules, Event::CalledUp, by, at)?;
    note(c, &case, Note::CalledUp { by }, at)?;
    Ok(Ok(()))
}

fn allow_abroad(c: &mut Database, id: CaseId, by: Option<&str>) -> Result<(), StoreError> {
    let row = diesel::update(cases::table.find(id)).set(cases::abroad_allowed_by.eq(by));
    row.returning(cases::id).count_changed(c)?;
    Ok(())
}

/// The disposition that a person gives for an attempt.
#[derive(Debug, Clone)]
pub struct GivenDisposition<'a> {
    /// The case of the attempt.
    pub case: CaseId,
    /// The disposition.
    pub disposition: Disposition,
    /// When the customer wants to be called, if they said so.
    pub later: Option<UnixMs>,
    /// The person's note.
    pub note: Option<&'a str>,
    /// The person who gives the disposition.
    pub by: &'a str,
    /// The time of the disposition.
    pub at: UnixMs,
}

/// Records the disposition of a talk, and moves the case on. Returns the attempt's agent.
///
/// # Errors
/// [`StoreError::Refused`] when no attempt of the case waits for a disposition, or when only the controller may give
/// this disposition: a technical failure, a cancelled or orphaned attempt, or an abandoned customer.
pub fn record_disposition(
    c: &mut Database,
    callback_rules: &CallbackRules,
    said: &GivenDisposition<'_>,
) -> Result<Option<AgentName>, StoreError> {
    let case = lock(c, said.case)?;
    let waiting = attempts::unfinished(c, &case.number)?
        .filter(|row| row.state == State::WrappingUp && row.case_id == case.id);
    let Some(row) = waiting else {
        return Err(StoreError::Refused(format!(
            "no attempt of case {} waits for its disposition: `dozvon case attempt` records one that was made elsewhere",
            said.case
        )));
    };
    if said.disposition.may_be_uncounted()
        || matches!(said.disposition, Disposition::Orphaned | Disposition::Abandoned)
    {
        return Err(StoreError::Refused(format!(
            "{} cannot be recorded by people: only the controller records it",
            said.disposition
        )));
    }
    let finish = Finish { note: said.note, ..Finish::new(row.id, said.disposition, said.at) };
    finish_and_follow(c, &case, callback_rules, &finish, said.later)?;
    note(c, &case, Note::Disposition { disposition: said.disposition, by: said.by }, said.at)?;
    Ok(row.agent)
}

/// Records an attempt that a person made elsewhere, and moves the case on.
///
/// # Errors
/// As [`attempts::record`].
pub fn report(
    c: &mut Database,
    callback_rules: &CallbackRules,
    made: &attempts::ReportedAttempt<'_>,
) -> Result<attempts::AttemptRow, StoreError> {
    let case = lock(c, made.case)?;
    let row = attempts::record(c, made)?;
    let case = case_opening::release_flooded(c, case, made.at)?;
    if made.counted {
        begun(c, &case, made.at)?;
        case_rows::use_place(c, case.id)?;
    }
    note(c, &case, Note::Attempt(&row), made.at)?;
    note(c, &case, Note::Disposition { disposition: made.disposition, by: made.by }, made.at)?;
    // The report concerns every call that was missed until now.
    let began_at = made.at.max(case.last_miss_at + Duration::from_millis(1));
    let case = case_rows::get(c, made.case)?;
    let ended = AttemptEnded { disposition: made.disposition, counted: made.counted, later: None, began_at };
    happen(c, &case, callback_rules, Event::AttemptReported(ended), made.by, made.at)?;
    Ok(row)
}
