//! What follows from an attempt: another one, a handover, or the end of the case.

use std::time::Duration;

use diesel::prelude::*;

use super::guards::standing;
use super::steps::{Move, close, make};
use super::terms::{Applies, Terms};
use crate::clock::UnixMs;
use crate::event::EventKind;
use crate::ids::QueueName;
use crate::missed::attempt::{Consequence, Outcome};
use crate::missed::case::{Closed, Step};
use crate::missed::contact::Contact;
use crate::missed::regulation::{self, Next};
use crate::rules::limits;
use crate::store::attempts::Finish;
use crate::store::cases as case_rows;
use crate::store::cases::CaseRow;
use crate::store::dialect::cached::Cache as _;
use crate::store::notes::{Note, note};
use crate::store::schema::cases;
use crate::store::{Database, StoreError, attempts, dnc};

/// Completes an attempt and moves its case on.
pub(super) fn finish_and_follow(
    c: &mut Database,
    case: &CaseRow,
    terms: &Terms,
    finish: &Finish<'_>,
    later: Option<UnixMs>,
) -> Result<(), StoreError> {
    if !attempts::finish(c, finish)? {
        return Ok(());
    }
    let row = attempts::get(c, finish.attempt)?;
    note(c, case, Note::Attempt(&row), finish.at)?;
    if case.closed_at.is_some() {
        // Nothing is owed any more; but what he says of further calls holds.
        return suppress(c, case, finish.result, finish.at);
    }
    if !finish.counted() {
        let first = attempts::first_counted(c, case.id)?;
        diesel::update(cases::table.find(case.id))
            .set(cases::first_attempt_at.eq(first))
            .returning(cases::id)
            .count_changed(c)?;
    }
    let began_at = row.answered_at.unwrap_or(row.at);
    let after = After { result: finish.result, counted: finish.counted(), later, began_at, at: finish.at };
    follow(c, case, terms, &after)
}

/// An attempt that has ended.
pub(super) struct After {
    pub(super) result: Outcome,
    pub(super) counted: bool,
    /// When the customer wants to be called.
    pub(super) later: Option<UnixMs>,
    /// When contact began: the talk, or the dial if there was none.
    pub(super) began_at: UnixMs,
    pub(super) at: UnixMs,
}

/// What follows for a case from the result of an attempt.
pub(super) fn follow(
    c: &mut Database,
    case: &CaseRow,
    terms: &Terms,
    after: &After,
) -> Result<(), StoreError> {
    suppress(c, case, after.result, after.at)?;
    let contact = Contact { began_at: after.began_at, ended_at: after.at, now: after.at };
    match after.result.consequence() {
        Consequence::Suppress(reason) => close(c, case, reason, after.at),
        Consequence::Close(reason) if contact.follows(case.last_miss_at) => close(c, case, reason, after.at),
        // Somebody was missed since: that is still owed, and begins anew.
        Consequence::Close(_) => {
            let case = owed_anew(c, case)?;
            again(c, &case, terms, after)
        }
        Consequence::Again => again(c, case, terms, after),
    }
}

/// What was owed until the talk is paid: the days that the repeat-contacts queue has are for what was missed since. The
/// case as it is then.
fn owed_anew(c: &mut Database, case: &CaseRow) -> Result<CaseRow, StoreError> {
    let row = diesel::update(cases::table.find(case.id)).set(cases::repeat_days.eq(0));
    row.returning(cases::id).count_changed(c)?;
    case_rows::get(c, case.id)
}

/// Forbids further calls to the number, if the result says so.
fn suppress(c: &mut Database, case: &CaseRow, result: Outcome, at: UnixMs) -> Result<(), StoreError> {
    match result.consequence() {
        Consequence::Suppress(reason) => dnc::suppress(c, &case.number, reason, "system", at),
        Consequence::Again | Consequence::Close(_) => Ok(()),
    }
}

/// How soon a dial that failed by our own fault is made again, the first, second and third time; then as after any
/// attempt.
const FAILED: [Duration; 3] = [Duration::from_secs(30), Duration::from_secs(120), Duration::from_secs(300)];

/// Another attempt is owed: later today, or by the repeat-contacts queue.
fn again(c: &mut Database, case: &CaseRow, terms: &Terms, after: &After) -> Result<(), StoreError> {
    let at = after.at;
    let applies = terms.applies(case);
    let standing = standing(c, case, terms, &applies, at)?;
    let asked = after.later.filter(|_| after.result == Outcome::CallLater);
    let pause = if after.counted {
        // The retry has a reaction time of its own, from when it is due.
        let attempted = diesel::update(cases::table.find(case.id)).set(cases::due_at.eq(None::<UnixMs>));
        attempted.returning(cases::id).count_changed(c)?;
        Duration::ZERO
    } else {
        let failed = attempts::failed_since(c, case.id, standing.last_counted_at)?;
        FAILED.get(failed.saturating_sub(1)).copied().unwrap_or_else(|| applies.policy.gap_after(0))
    };
    if asked.is_none() && case.handed_over_at.is_some() && all_made(c, case, &applies)? {
        return close(c, case, Closed::Unreachable, at);
    }
    match regulation::after_attempt(&standing, &applies.bounds(terms), asked, at) {
        Next::Retry(then) => {
            let to = Move { next_at: Some(then.max(at + pause)), ..Move::default() };
            make(c, case, Step::Retry, &to)
        }
        Next::HandOver => hand_over(c, case, terms, &applies, at),
    }
}

/// Whether as many attempts have been made for a case as may be.
fn all_made(c: &mut Database, case: &CaseRow, applies: &Applies<'_>) -> Result<bool, StoreError> {
    Ok(attempts::counted_of_case(c, case.id)? >= i64::from(applies.policy.repeat_total))
}

/// The day's attempts or its lawful time are used up.
pub(super) fn hand_over(
    c: &mut Database,
    case: &CaseRow,
    terms: &Terms,
    applies: &Applies<'_>,
    at: UnixMs,
) -> Result<(), StoreError> {
    let spent = case.repeat_days >= applies.policy.repeat_days || all_made(c, case, applies)?;
    if spent && case.handed_over_at.is_some() {
        return close(c, case, Closed::Unreachable, at);
    }
    // A queue under a law that lets more be done does not take over what a stricter one is for.
    let takes_over = |name: &&QueueName| {
        terms.rules.queues.contains_key(*name)
            && terms.rules.policy(Some(*name)).profile >= applies.policy.profile
    };
    let queue = terms.repeat_queue.as_ref().filter(takes_over);
    let hours = terms.hours(queue.or(terms.queue_of(case).as_ref()));
    // After midnight of a night shift the next business day may have begun by the other queue's calendar.
    let begun = hours.business_day(at) > applies.hours.business_day(at);
    let next_at = if begun { hours.next_open(at) } else { hours.next_day(at) };
    // One that does not open within a year is asked again all the same: its hours may be changed.
    let next_at = Some(next_at.unwrap_or(at + limits::DAY));
    make(c, case, Step::HandOver, &Move { next_at, ..Move::default() })?;
    diesel::update(cases::table.find(case.id))
        .set((
            cases::handed_over_at.eq(case.handed_over_at.unwrap_or(at)),
            cases::repeat_days.eq(case.repeat_days + 1),
            cases::queue.eq(queue.or(case.queue.as_ref())),
        ))
        .returning(cases::id)
        .count_changed(c)?;
    if case.handed_over_at.is_none() {
        let case = &case_rows::get(c, case.id)?;
        note(c, case, Note::Told(EventKind::CaseHandedOver), at)?;
    }
    Ok(())
}
