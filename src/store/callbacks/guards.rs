//! Reads the facts that the guards need, and records each refusal of a dial.

use std::time::Duration;

use diesel::prelude::*;

use super::callback_rules::{CallbackRules, RulesForCase};
use super::hour_cap::{self, DialTime};
use crate::clock::UnixMs;
use crate::ids::CaseId;
use crate::missed::attempt::State;
use crate::missed::ending::Direction;
use crate::missed::plan::RefusedDial;
use crate::missed::regulation::{self, Guard, NumberHistory, Permit, Refusal};
use crate::rules::destination::Barred;
use crate::rules::limits;
use crate::rules::policy::Policy;
use crate::store::cases::CaseRow;
use crate::store::dialect::{cached::Cache as _, columns};
use crate::store::notes::{Note, note};
use crate::store::schema::{calls, refusals};
use crate::store::{Database, StoreError, attempts, cases, dnc, known_numbers};

/// Returns the facts that the guards need about a case's number.
pub(super) fn number_history(
    c: &mut Database,
    case: &CaseRow,
    callback_rules: &CallbackRules,
    for_case: &RulesForCase<'_>,
    at: UnixMs,
) -> Result<NumberHistory, StoreError> {
    let day = for_case.hours.business_day(at);
    let unfinished = attempts::unfinished(c, &case.number)?;
    let last = attempts::last_counted(c, &case.number)?;
    let since = |c: &mut Database, span| attempts::counted_since(c, &case.number, at - span);
    Ok(NumberHistory {
        open: case.closed_at.is_none(),
        live_call: live_call(c, case)?
            || unfinished.as_ref().is_some_and(|row| row.state != State::WrappingUp),
        suppressed: dnc::suppressed(c, &for_case.number, at)?.is_some(),
        counted_today: attempts::counted(c, &case.number, day)?,
        counted_24h: since(c, limits::DAY)?,
        counted_week: since(c, limits::WEEK)?,
        counted_month: since(c, limits::MONTH)?,
        last_counted_at: last.map(|(at, _)| at),
        gap_until: last.and_then(|(_, gap)| gap),
        undisposed: unfinished.is_some_and(|row| row.state == State::WrappingUp),
        contact_at: contact_at(c, case, for_case, callback_rules.min_talk)?,
        abroad_allowed: case.abroad_allowed_by.is_some(),
        number: for_case.number.clone(),
    })
}

/// Returns when the customer last contacted us. Anybody can type a number into a form, or show any number as the
/// caller's, at any hour. So a request counts only if it came within the policy's calling hours, in our own time zone.
/// The same holds for a call from a number that has never talked with us.
fn contact_at(
    c: &mut Database,
    case: &CaseRow,
    for_case: &RulesForCase<'_>,
    min_talk: Duration,
) -> Result<Option<UnixMs>, StoreError> {
    let called = cases::missed_at(c, case.id)?;
    let asked = cases::asked_at(c, case.id)?;
    let by_day = |at: &UnixMs| for_case.policy.covers(for_case.hours.zone(), *at);
    let known = known_numbers::has_talked(c, &case.number, min_talk)?;
    Ok(called.filter(|at| known || by_day(at)).max(asked.filter(by_day)))
}

/// Returns whether the number has an inbound call under way.
fn live_call(c: &mut Database, case: &CaseRow) -> Result<bool, StoreError> {
    let live: i64 = calls::table
        .filter(calls::number.eq(&case.number).and(calls::ended_at.is_null()))
        .filter(calls::direction.eq(Direction::Inbound))
        .count()
        .get_result(c)?;
    Ok(live > 0)
}

/// Asks the guards of a locked case whether it may be dialled now, and whether the hourly limit of all dials allows it.
pub(in crate::store) fn check_dial(
    c: &mut Database,
    case: &CaseRow,
    callback_rules: &CallbackRules,
    dial: DialTime,
    at: UnixMs,
) -> Result<(Policy, Result<Permit, Refusal>), StoreError> {
    let (policy, asked) = check(c, case, callback_rules, at)?;
    let asked = match asked {
        Ok(permit) => hour_cap::refuse(c, callback_rules, dial, at)?.map_or(Ok(permit), Err),
        Err(refusal) => Err(refusal),
    };
    Ok((policy, asked))
}

/// Asks the guards of a locked case, but not about the hourly limit of all dials. That limit keeps no case from
/// becoming due.
pub(super) fn check(
    c: &mut Database,
    case: &CaseRow,
    callback_rules: &CallbackRules,
    at: UnixMs,
) -> Result<(Policy, Result<Permit, Refusal>), StoreError> {
    let for_case = callback_rules.for_case(case);
    let history = number_history(c, case, callback_rules, &for_case, at)?;
    let asked = regulation::check(&history, &for_case.dial_rules(callback_rules), at);
    Ok((for_case.policy, asked))
}

/// Returns why an open case would not be dialled now. None if it would be.
///
/// # Errors
/// When the database fails.
pub fn why_not(
    c: &mut Database,
    case: &CaseRow,
    callback_rules: &CallbackRules,
    at: UnixMs,
) -> Result<Option<Refusal>, StoreError> {
    if case.closed_at.is_some() {
        return Ok(None);
    }
    let (_, asked) = check(c, case, callback_rules, at)?;
    match asked.err().or_else(|| held_back(case)) {
        Some(refusal) => Ok(Some(refusal)),
        None => hour_cap::refusal(c, callback_rules, DialTime::Now, at),
    }
}

/// Returns why a case is not called automatically although no guard refuses it.
fn held_back(case: &CaseRow) -> Option<Refusal> {
    let from = case.came_by.as_deref().unwrap_or("an unknown source");
    let why = format!(
        "not called automatically: opened in a flood of calls from {from}; `dozvon callback now {}` calls it, or \
         change the limits in [callback.flood]",
        case.id
    );
    case.flooded.then_some(Refusal { guard: Guard::Flood, until: None, why })
}

/// Returns why a case waits for a person to decide, if it does: its number is abroad or expensive, or the case was
/// opened in a flood of calls.
#[must_use]
pub fn waits_for_people(case: &CaseRow, callback_rules: &CallbackRules) -> Option<Guard> {
    match case.closed_at {
        Some(_) => None,
        None if case.flooded => Some(Guard::Flood),
        None => needs_people(case, callback_rules).then_some(Guard::Destination),
    }
}

/// A refused dial as pages and commands show it.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = refusals)]
pub struct RefusalRow {
    /// When the dial was refused.
    pub at: UnixMs,
    /// The guard that refused.
    pub guard: Guard,
    /// The reason, as a sentence.
    pub why: String,
    /// The person or program that wanted to dial.
    pub by: String,
}

/// Returns the last refused dials of a case, newest first.
///
/// # Errors
/// When the database fails.
pub fn refusals_of(c: &mut Database, case: CaseId, limit: i64) -> Result<Vec<RefusalRow>, StoreError> {
    let kept = refusals::table.filter(refusals::case_id.eq(case)).order(refusals::id.desc()).limit(limit);
    Ok(kept.select(columns::<RefusalRow>()).load(c)?)
}

/// Returns whether the last refused dial of a case had the same guard and the same reason.
fn known(c: &mut Database, case: &CaseRow, refusal: &Refusal) -> Result<bool, StoreError> {
    let last = refusals_of(c, case.id, 1)?;
    Ok(last.first().is_some_and(|row| row.guard == refusal.guard && row.why == refusal.why))
}

/// Returns the facts that the planner needs about a dial that a guard refused.
pub(super) fn refused_dial<'a>(
    c: &mut Database,
    case: &CaseRow,
    callback_rules: &CallbackRules,
    refusal: &'a Refusal,
) -> Result<RefusedDial<'a>, StoreError> {
    Ok(RefusedDial {
        refusal,
        is_new: !known(c, case, refusal)?,
        for_people: needs_people(case, callback_rules),
        made: if refusal.is_final() { attempts::counted_of_case(c, case.id)? } else { 0 },
    })
}

/// Returns whether a case waits for people because its number is abroad.
pub(super) fn is_abroad(case: &CaseRow, callback_rules: &CallbackRules) -> bool {
    barred(case, callback_rules) == Some(Barred::Abroad)
}

/// Returns whether a case waits for people because of its kind of number: abroad, expensive or a service number. A
/// number that does not exist needs no people, since nobody can call it.
fn needs_people(case: &CaseRow, callback_rules: &CallbackRules) -> bool {
    barred(case, callback_rules).is_some_and(|why| why != Barred::NoSuchNumber)
}

/// Returns why the number of a case may not be called at all. None if it may.
fn barred(case: &CaseRow, callback_rules: &CallbackRules) -> Option<Barred> {
    let for_case = callback_rules.for_case(case);
    for_case.dial_rules(callback_rules).reaches(&for_case.number, case.abroad_allowed_by.is_some()).err()
}

/// Records that a guard refused a dial.
pub(in crate::store) fn refused(
    c: &mut Database,
    case: &CaseRow,
    policy: &Policy,
    refusal: &Refusal,
    by: &str,
    at: UnixMs,
) -> Result<(), StoreError> {
    diesel::insert_into(refusals::table)
        .values((
            refusals::at.eq(at),
            refusals::case_id.eq(case.id),
            refusals::number.eq(&case.number),
            refusals::guard.eq(refusal.guard),
            refusals::why.eq(&refusal.why),
            refusals::by.eq(by),
            refusals::policy.eq(&policy.name),
            refusals::policy_version.eq(policy.version),
        ))
        .insert(c)?;
    note(c, case, Note::Refused { guard: refusal.guard, by }, at)
}
