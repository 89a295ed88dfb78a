//! What moves by itself: cases become due, reminders are told, attempts that last too long are given up.

use std::time::Duration;

use diesel::prelude::*;

use super::after::finish_and_follow;
use super::end::talk_over;
use super::guards::{check, known, refused};
use super::lease::follow_refusal;
use super::steps::{Move, held, later, look_again, make};
use super::terms::Terms;
use crate::clock::UnixMs;
use crate::event::EventKind;
use crate::ids::{AttemptId, CaseId};
use crate::missed::attempt::{Outcome, State, Way};
use crate::missed::case::{Stage, Step};
use crate::missed::contact::Contact;
use crate::missed::regulation::Guard;
use crate::store::attempts::{AttemptRow, Finish};
use crate::store::cases as case_rows;
use crate::store::cases::CaseRow;
use crate::store::dialect::cached::Cache as _;
use crate::store::notes::{Note, note};
use crate::store::schema::{attempts, cases, escalations};
use crate::store::{Database, StoreError, attempts as attempt_rows};

/// The case waits for somebody to call, from now on.
pub(super) fn open(c: &mut Database, case: &CaseRow, terms: &Terms, at: UnixMs) -> Result<(), StoreError> {
    let applies = terms.applies(case);
    let from = clock_from(case, at);
    let react_by = applies.hours.after(from, applies.policy.reaction);
    make(c, case, Step::Open, &Move::default())?;
    // What has passed before anybody could call is told at once.
    let passed = !applies.policy.rungs_until(applies.hours, from, at).is_empty();
    let next = applies.policy.next_rung(applies.hours, from, at).map(|(_, at)| at);
    let next_at = if passed { Some(at) } else { next };
    diesel::update(cases::table.find(case.id))
        .set((
            cases::due_at.eq(from),
            cases::react_by.eq(react_by),
            cases::next_at.eq(next_at),
            cases::queue.eq(terms.queue_of(case)),
        ))
        .returning(cases::id)
        .count_changed(c)?;
    let case = case_rows::get(c, case.id)?;
    note(c, &case, Note::Told(EventKind::CaseDue), at)
}

/// Since when somebody is to call: since the miss, or since a retry became due; not before the person wants it. To be
/// put off meanwhile does not begin it anew.
fn clock_from(case: &CaseRow, at: UnixMs) -> UnixMs {
    let first = case.first_attempt_at.map_or(case.opened_at, |_| at);
    case.due_at.unwrap_or(first).max(case.not_before.unwrap_or(UnixMs(i64::MIN)))
}

/// What is due now, the longest overdue first: at most `limit` cases, and none of `skipped`.
///
/// # Errors
/// When the database fails.
pub fn due(c: &mut Database, at: UnixMs, limit: i64, skipped: &[CaseId]) -> Result<Vec<CaseId>, StoreError> {
    let due = cases::table.filter(cases::closed_at.is_null().and(cases::next_at.le(at)));
    let due = due.filter(cases::id.ne_all(skipped));
    Ok(due.order(cases::next_at).limit(limit).select(cases::id).load(c)?)
}

/// Talks that ended before this, of which nobody has said what came of it, though their cases are closed: at most
/// `limit`, and none of `skipped`.
///
/// # Errors
/// When the database fails.
pub fn forgotten(
    c: &mut Database,
    before: UnixMs,
    limit: i64,
    skipped: &[AttemptId],
) -> Result<Vec<AttemptId>, StoreError> {
    let unsaid = attempts::table
        .inner_join(cases::table.on(cases::id.eq(attempts::case_id)))
        .filter(attempts::result.is_null().and(attempts::state.eq(State::WrappingUp)))
        .filter(cases::closed_at.is_not_null().and(attempts::ended_at.le(before)))
        .filter(attempts::id.ne_all(skipped));
    Ok(unsaid.order(attempts::id).limit(limit).select(attempts::id).load(c)?)
}

/// Lets the length of such a talk decide, so that neither its agent nor the number waits for ever.
///
/// # Errors
/// When the database fails.
pub fn forget(c: &mut Database, id: AttemptId, terms: &Terms, at: UnixMs) -> Result<(), StoreError> {
    let case = attempt_rows::get(c, id)?.case_id;
    let case = held(c, case)?;
    // It may have been said meanwhile.
    match attempt_rows::unfinished(c, &case.number)?.filter(|row| row.id == id) {
        Some(row) => decide(c, &case, terms, &row, at),
        None => Ok(()),
    }
}

/// Moves a case on whose stage has ended by itself. Harmless to repeat.
///
/// # Errors
/// When the database fails.
pub fn advance(c: &mut Database, id: CaseId, terms: &Terms, at: UnixMs) -> Result<(), StoreError> {
    let case = held(c, id)?;
    let is_due = case.next_at.is_some_and(|next| next <= at);
    if case.closed_at.is_some() || !is_due {
        return Ok(());
    }
    match case.stage {
        Stage::Settling | Stage::Deferred | Stage::Waiting | Stage::HandedOver => {
            open_or_defer(c, &case, terms, at)
        }
        Stage::Due => remind(c, &case, terms, at),
        Stage::Claimed => make(c, &case, Step::Release, &Move { next_at: Some(at), ..Move::default() }),
        Stage::Attempting => give_up_attempt(c, &case, terms, at),
    }
}

/// The case becomes due if somebody may call now, or waits until somebody may.
fn open_or_defer(c: &mut Database, case: &CaseRow, terms: &Terms, at: UnixMs) -> Result<(), StoreError> {
    let wanted = case.not_before.map_or(at, |wanted| at.max(wanted));
    let (policy, asked) = check(c, case, terms, wanted)?;
    match asked {
        Ok(_) if wanted == at => open(c, case, terms, at),
        Ok(_) => later(c, case, wanted),
        Err(refusal) => {
            // What only puts it off is kept when it stands against a dial.
            let stands = matches!(refusal.guard, Guard::DoNotCall | Guard::Destination);
            let is_new = !known(c, case, &refusal)?;
            if stands && is_new {
                refused(c, case, &policy, &refusal, "system", at)?;
            }
            follow_refusal(c, case, terms, (&refusal, is_new), at)
        }
    }
}

/// Cases that are due in no queue that is there go to the one that calls back for those who reached none, if there is
/// one; so do those that somebody has now, for when he gives them back. For when the rules have changed, or the settings.
///
/// # Errors
/// When the database fails.
pub fn rehome(c: &mut Database, terms: &Terms, at: UnixMs) -> Result<(), StoreError> {
    let Some(home) = terms.queue_or(None) else { return Ok(()) };
    let homeless = cases::closed_at
        .is_null()
        .and(cases::queue.is_null().or(cases::queue.ne_all(terms.rules.queues.keys())));
    let stage_is = |stage: Stage| cases::stage.eq(stage);
    diesel::update(cases::table.filter(homeless.clone().and(stage_is(Stage::Due))))
        // Its hours may be others: what is told as time passes is reckoned anew.
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

/// A rung of the reaction time has been reached, or nobody may call any more for now.
fn remind(c: &mut Database, case: &CaseRow, terms: &Terms, at: UnixMs) -> Result<(), StoreError> {
    let applies = terms.applies(case);
    let from = case.due_at.unwrap_or(case.opened_at);
    for (pct, _) in applies.policy.rungs_until(applies.hours, from, at) {
        let known: i64 = escalations::table.find((case.id, from, pct)).count().get_result(c)?;
        if known == 0 {
            diesel::insert_into(escalations::table)
                .values((
                    escalations::case_id.eq(case.id),
                    escalations::due_at.eq(from),
                    escalations::rung_pct.eq(pct),
                    escalations::at.eq(at),
                ))
                .insert(c)?;
            note(c, case, Note::Rung { pct, rungs: &applies.policy.escalation_pct }, at)?;
        }
    }
    let next = applies.policy.next_rung(applies.hours, from, at).map(|(_, at)| at);
    look_again(c, case, next)
}

/// An attempt has lasted too long: what it is, it is. After a talk its disposition is owed.
fn give_up_attempt(c: &mut Database, case: &CaseRow, terms: &Terms, at: UnixMs) -> Result<(), StoreError> {
    match attempt_rows::unfinished(c, &case.number)? {
        None => make(c, case, Step::Release, &Move { next_at: Some(at), ..Move::default() }),
        Some(row) if row.state == State::WrappingUp => unsaid(c, case, terms, &row, at),
        Some(row) if row.state == State::Talking => talk_over(c, case, terms, row.id, "LASTED_TOO_LONG", at),
        Some(row) => {
            let orphaned = Finish::new(row.id, Outcome::Orphaned, at);
            let finish = Finish { note: Some("lasted too long"), ..orphaned };
            finish_and_follow(c, case, terms, &finish, None)
        }
    }
}

/// A talk is over, and nobody has said what came of it. Who owes that is told, and his supervisor; when even then
/// nobody does, its length decides. So it does at once where nobody is kept from work until he has said it: when he
/// dialled himself, or when no agent was there.
fn unsaid(
    c: &mut Database,
    case: &CaseRow,
    terms: &Terms,
    row: &AttemptRow,
    at: UnixMs,
) -> Result<(), StoreError> {
    let nobody_waits = row.way == Way::Handset || row.agent.is_none();
    let decided_at = row.ended_at.unwrap_or(row.at) + terms.max_attempt_time;
    if !nobody_waits && at < decided_at {
        note(c, case, Note::Undisposed(row), at)?;
        return look_again(c, case, Some(decided_at));
    }
    decide(c, case, terms, row, at)
}

/// Its length decides what a talk was.
fn decide(
    c: &mut Database,
    case: &CaseRow,
    terms: &Terms,
    row: &AttemptRow,
    at: UnixMs,
) -> Result<(), StoreError> {
    let note = Some("nobody said what came of it: its length decided");
    let finish = Finish { note, ..Finish::new(row.id, by_length(row, terms.min_talk), at) };
    finish_and_follow(c, case, terms, &finish, None)
}

/// What a talk was of which nobody says what came of it.
fn by_length(row: &AttemptRow, min_talk: Duration) -> Outcome {
    if row.way == Way::CustomerFirst && row.agent.is_none() {
        return Outcome::Abandoned;
    }
    let talk = row.answered_at.zip(row.ended_at);
    let talk = talk.map(|(from, to)| Contact { began_at: from, ended_at: to, now: to });
    if talk.is_some_and(|talk| talk.is_talk(min_talk)) { Outcome::Reached } else { Outcome::NoAnswer }
}
