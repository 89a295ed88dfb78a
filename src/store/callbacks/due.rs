//! What happens as time passes: cases become due, reminders are sent, and attempts that last too long are given up.

use diesel::prelude::*;

use super::apply::happen;
use super::callback_rules::CallbackRules;
use super::guards::{check, refused_dial};
use crate::clock::UnixMs;
use crate::ids::{AttemptId, CaseId};
use crate::missed::attempt::State;
use crate::missed::case::Stage;
use crate::missed::plan::{Attempt, Case, Event};
use crate::store::cases::{CaseRow, lock};
use crate::store::dialect::cached::Cache as _;
use crate::store::schema::{attempts, cases, escalations};
use crate::store::{Database, StoreError, attempts as attempt_rows};

/// Returns the cases that are due now, the longest overdue first: at most `limit`, and none of `skipped`.
///
/// # Errors
/// When the database fails.
pub fn due(c: &mut Database, at: UnixMs, limit: i64, skipped: &[CaseId]) -> Result<Vec<CaseId>, StoreError> {
    let due = cases::table.filter(cases::closed_at.is_null().and(cases::next_at.le(at)));
    let due = due.filter(cases::id.ne_all(skipped));
    Ok(due.order(cases::next_at).limit(limit).select(cases::id).load(c)?)
}

/// Returns talks that ended before `before` and have no disposition although their cases are closed: at most `limit`,
/// and none of `skipped`.
///
/// # Errors
/// When the database fails.
pub fn missing_dispositions(
    c: &mut Database,
    before: UnixMs,
    limit: i64,
    skipped: &[AttemptId],
) -> Result<Vec<AttemptId>, StoreError> {
    let missing = attempts::table
        .inner_join(cases::table.on(cases::id.eq(attempts::case_id)))
        .filter(attempts::disposition.is_null().and(attempts::state.eq(State::WrappingUp)))
        .filter(cases::closed_at.is_not_null().and(attempts::ended_at.le(before)))
        .filter(attempts::id.ne_all(skipped));
    Ok(missing.order(attempts::id).limit(limit).select(attempts::id).load(c)?)
}

/// Decides the disposition of a talk by its length, if nobody has recorded one and the case is closed. Otherwise the
/// agent would get no more work, and the number no more calls.
///
/// # Errors
/// When the database fails.
pub fn decide_disposition(
    c: &mut Database,
    id: AttemptId,
    callback_rules: &CallbackRules,
    at: UnixMs,
) -> Result<(), StoreError> {
    let case = attempt_rows::get(c, id)?.case_id;
    let case = lock(c, case)?;
    // The agent may have given the disposition meanwhile.
    match attempt_rows::unfinished(c, &case.number)?.filter(|row| row.id == id) {
        Some(row) => {
            let attempt = Attempt::from(&row);
            happen(c, &case, callback_rules, Event::DispositionMissing(&attempt), "system", at)
        }
        None => Ok(()),
    }
}

/// Moves a case on if the time of its stage is over. Safe to repeat.
///
/// # Errors
/// When the database fails.
pub fn advance(
    c: &mut Database,
    id: CaseId,
    callback_rules: &CallbackRules,
    at: UnixMs,
) -> Result<(), StoreError> {
    let case = lock(c, id)?;
    let is_due = case.next_at.is_some_and(|next| next <= at);
    if case.closed_at.is_some() || !is_due {
        return Ok(());
    }
    match case.stage {
        Stage::Settling | Stage::Deferred | Stage::Waiting | Stage::HandedOver => {
            pause_over(c, &case, callback_rules, at)
        }
        Stage::Due => {
            let from = case.due_at.unwrap_or(case.opened_at);
            let of_this = escalations::case_id.eq(case.id).and(escalations::due_at.eq(from));
            let told: Vec<i32> =
                escalations::table.filter(of_this).select(escalations::escalation_pct).load(c)?;
            happen(c, &case, callback_rules, Event::ReminderDue(&told), "system", at)
        }
        Stage::Claimed => happen(c, &case, callback_rules, Event::Released, "system", at),
        Stage::Attempting => match attempt_rows::unfinished(c, &case.number)?.as_ref().map(Attempt::from) {
            Some(attempt) => happen(c, &case, callback_rules, Event::AttemptTooLong(&attempt), "system", at),
            None => happen(c, &case, callback_rules, Event::Released, "system", at),
        },
    }
}

/// Asks the guards whether the customer may be called now, or at the time that the customer asked for.
fn pause_over(
    c: &mut Database,
    case: &CaseRow,
    callback_rules: &CallbackRules,
    at: UnixMs,
) -> Result<(), StoreError> {
    let (_, asked) = check(c, case, callback_rules, Case::from(case).wanted(at))?;
    let Err(refusal) = asked else {
        return happen(c, case, callback_rules, Event::PauseOver(Ok(())), "system", at);
    };
    let refused = refused_dial(c, case, callback_rules, &refusal)?;
    happen(c, case, callback_rules, Event::PauseOver(Err(refused)), "system", at)
}

/// Moves due cases whose queue is missing or no longer exists to the queue that calls back callers who reached no
/// queue. If there is no such queue, nothing changes. Cases that are being called now move too, since they may be
/// released and become due again. Call it when the rules or the settings have changed.
///
/// # Errors
/// When the database fails.
pub fn rehome(c: &mut Database, callback_rules: &CallbackRules, at: UnixMs) -> Result<(), StoreError> {
    let Some(home) = callback_rules.queue_or(None) else { return Ok(()) };
    let homeless = cases::closed_at
        .is_null()
        .and(cases::queue.is_null().or(cases::queue.ne_all(callback_rules.rules.queues.keys())));
    let stage_is = |stage: Stage| cases::stage.eq(stage);
    diesel::update(cases::table.filter(homeless.clone().and(stage_is(Stage::Due))))
        // The new queue may have other hours, so its reminders are computed again.
        .set((cases::queue.eq(&home), cases::next_at.eq(at)))
        .returning(cases::id)
        .count_changed(c)?;
    let had = stage_is(Stage::Claimed).or(stage_is(Stage::Attempting));
    diesel::update(cases::table.filter(homeless.and(had)))
        .set(cases::queue.eq(&home))
        .returning(cases::id)
        .count_changed(c)?;
    Ok(())
}
