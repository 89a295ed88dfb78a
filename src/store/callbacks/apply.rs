//! Asks the planner what happens to a case, and applies its changes.

use diesel::prelude::*;

use super::callback_rules::CallbackRules;
use super::guards::{number_history, refused};
use super::steps::{close, look_again, take_step};
use crate::clock::UnixMs;
use crate::event::EventKind;
use crate::missed::attempt::Consequence;
use crate::missed::case::Step;
use crate::missed::plan::{Again, AttemptEnded, Case, Change, Event, plan};
use crate::store::attempts::{self, Finish};
use crate::store::cases::{self as case_rows, CaseRow};
use crate::store::dialect::cached::Cache as _;
use crate::store::notes::{Note, note};
use crate::store::schema::{cases, escalations};
use crate::store::{Database, StoreError, dnc};

/// Applies the planner's answer to an event to a locked case. `by` is the person or program that caused the event.
pub(super) fn happen(
    c: &mut Database,
    case: &CaseRow,
    callback_rules: &CallbackRules,
    event: Event<'_>,
    by: &str,
    at: UnixMs,
) -> Result<(), StoreError> {
    let for_case = callback_rules.for_case(case);
    let mut case = case.clone();
    for change in plan(&Case::from(&case), event, &for_case.case_rules(callback_rules), at) {
        apply(c, &mut case, callback_rules, change, by, at)?;
    }
    Ok(())
}

/// Makes one change. `case` is the row as it was read, with its present stage.
fn apply(
    c: &mut Database,
    case: &mut CaseRow,
    callback_rules: &CallbackRules,
    change: Change<'_>,
    by: &str,
    at: UnixMs,
) -> Result<(), StoreError> {
    match change {
        Change::Step(step, next_at) => take_step(c, case, step, next_at, (step == Step::Dial).then_some(by)),
        Change::LookAgain(next_at) => look_again(c, case, next_at),
        Change::BecomeDue { due_at, react_by, next_at } => {
            become_due(c, case, callback_rules, (due_at, react_by, next_at), at)
        }
        Change::HandOver { queue, next_at } => {
            take_step(c, case, Step::HandOver, Some(next_at), None)?;
            let had = (
                cases::handed_over_at.eq(case.handed_over_at.unwrap_or(at)),
                cases::repeat_days.eq(case.repeat_days + 1),
                cases::queue.eq(queue.as_ref().or(case.queue.as_ref())),
            );
            diesel::update(cases::table.find(case.id)).set(had).returning(cases::id).count_changed(c)?;
            if case.handed_over_at.is_some() {
                return Ok(());
            }
            let case = case_rows::get(c, case.id)?;
            note(c, &case, Note::Told(EventKind::CaseHandedOver), at)
        }
        Change::TryAgain { counted, asked } => try_again(c, case, callback_rules, (counted, asked), at),
        Change::Close(reason) => close(c, case, reason, at),
        Change::ForbidCalls(reason) => dnc::suppress(c, &case.number, reason, "system", at),
        Change::RestartReaction => {
            case.due_at = None;
            let row = diesel::update(cases::table.find(case.id)).set(cases::due_at.eq(case.due_at));
            row.returning(cases::id).count_changed(c)?;
            Ok(())
        }
        Change::RestartRepeatDays => {
            case.repeat_days = 0;
            let row = diesel::update(cases::table.find(case.id)).set(cases::repeat_days.eq(0));
            row.returning(cases::id).count_changed(c)?;
            Ok(())
        }
        Change::KeepRefusal(refusal) => refused(c, case, &callback_rules.policy(case), refusal, by, at),
        Change::TellPeople(refusal) => note(c, case, Note::ForPeople(refusal), at),
        Change::Escalate(pct) => escalate(c, case, callback_rules, pct, at),
        Change::AskDisposition(attempt) => {
            let row = attempts::get(c, attempt)?;
            note(c, case, Note::Undisposed(&row), at)
        }
        Change::EndTalk(attempt, cause, remind_at) => {
            if attempts::talk_ended(c, attempt, cause, at)? && case.closed_at.is_none() {
                look_again(c, case, Some(remind_at))?;
            }
            Ok(())
        }
        Change::FinishAttempt { attempt, disposition, cause, note } => {
            let finish = Finish { cause, note, ..Finish::new(attempt, disposition, at) };
            finish_and_follow(c, case, callback_rules, &finish, None)
        }
    }
}

/// Makes the case due, and tells the people who should call.
fn become_due(
    c: &mut Database,
    case: &mut CaseRow,
    callback_rules: &CallbackRules,
    (due_at, react_by, next_at): (UnixMs, Option<UnixMs>, Option<UnixMs>),
    at: UnixMs,
) -> Result<(), StoreError> {
    take_step(c, case, Step::Open, next_at, None)?;
    let due = (
        cases::due_at.eq(due_at),
        cases::react_by.eq(react_by),
        cases::queue.eq(callback_rules.queue_of(case)),
    );
    diesel::update(cases::table.find(case.id)).set(due).returning(cases::id).count_changed(c)?;
    let case = case_rows::get(c, case.id)?;
    note(c, &case, Note::Told(EventKind::CaseDue), at)
}

/// Schedules the customer's next attempt, now that the attempts so far are known.
fn try_again(
    c: &mut Database,
    case: &CaseRow,
    callback_rules: &CallbackRules,
    (counted, asked): (bool, Option<UnixMs>),
    at: UnixMs,
) -> Result<(), StoreError> {
    let history = number_history(c, case, callback_rules, &callback_rules.for_case(case), at)?;
    let failed = if counted { 0 } else { attempts::failed_since(c, case.id, history.last_counted_at)? };
    let made = attempts::counted_of_case(c, case.id)?;
    let facts = Again { counted, asked, history: &history, failed, made };
    happen(c, case, callback_rules, Event::TryAgain(facts), "system", at)
}

fn escalate(
    c: &mut Database,
    case: &CaseRow,
    callback_rules: &CallbackRules,
    pct: i32,
    at: UnixMs,
) -> Result<(), StoreError> {
    diesel::insert_into(escalations::table)
        .values((
            escalations::case_id.eq(case.id),
            escalations::due_at.eq(case.due_at.unwrap_or(case.opened_at)),
            escalations::escalation_pct.eq(pct),
            escalations::at.eq(at),
        ))
        .insert(c)?;
    note(c, case, Note::Escalated { pct, all: &callback_rules.policy(case).escalation_pct }, at)
}

/// Completes an attempt, and moves its case on. `later` is when the customer wants to be called.
pub(super) fn finish_and_follow(
    c: &mut Database,
    case: &CaseRow,
    callback_rules: &CallbackRules,
    finish: &Finish<'_>,
    later: Option<UnixMs>,
) -> Result<(), StoreError> {
    if !attempts::finish(c, finish)? {
        return Ok(());
    }
    let row = attempts::get(c, finish.attempt)?;
    note(c, case, Note::Attempt(&row), finish.at)?;
    if case.closed_at.is_some() {
        // The case needs no callback any more, but the customer's wish about further calls still holds.
        return match finish.disposition.consequence() {
            Consequence::Suppress(reason) => dnc::suppress(c, &case.number, reason, "system", finish.at),
            Consequence::Again | Consequence::Close(_) => Ok(()),
        };
    }
    if finish.counted() {
        case_rows::use_place(c, case.id)?;
    } else {
        let first = attempts::first_counted(c, case.id)?;
        diesel::update(cases::table.find(case.id))
            .set(cases::first_attempt_at.eq(first))
            .returning(cases::id)
            .count_changed(c)?;
    }
    let began_at = row.answered_at.unwrap_or(row.at);
    let ended = AttemptEnded { disposition: finish.disposition, counted: finish.counted(), later, began_at };
    happen(c, case, callback_rules, Event::AttemptEnded(ended), "system", finish.at)
}
