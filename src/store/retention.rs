//! Deletes old rows by their age, in small batches, and writes each deletion into the audit.
//!
//! In: the ages. Out: how many rows one batch deleted, and whether there are more. The database allows the deletion of
//! a row only if it is older than the instant in `retention_cuts`, and each batch sets that instant before it deletes.
//! The audit loses rows only from its beginning. Its last deleted row is remembered, so that the chain can still be
//! proved.
//! **Invariant:** a batch may be repeated, or broken off at any point. Its deletions and their audit entry are one
//! transaction.

use std::time::Duration;

use diesel::prelude::*;
use diesel::sql_types::BigInt;
use serde::Serialize;

use super::dialect::cached::Cache as _;
use super::schema::{
    attempts, audit as chain, calls, case_misses, cases, clock_witness, deliveries, do_not_call, outbox,
    refusals, requests, retention_cuts,
};
use super::{Database, StoreError, audit, erase, messages};
use crate::audit::{Action, Entry, Link, details};
use crate::clock::UnixMs;
use crate::config::retention::Settings;

/// What one batch deleted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Deleted {
    /// Cases, with their attempts and misses.
    pub cases: usize,
    /// Calls.
    pub calls: usize,
    /// Requests.
    pub requests: usize,
    /// Events that were told.
    pub outbox: usize,
    /// Refused dials to numbers without a case.
    pub refusals: usize,
    /// Numbers whose time on the do-not-call list was over.
    pub do_not_call: usize,
    /// Rows of the audit.
    pub audit: i64,
    /// Attempts from which the number of an erased person was removed.
    pub erased: usize,
    /// Whether there may be more to delete.
    pub more: bool,
}

impl Deleted {
    /// Whether the batch deleted nothing.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        let rows = self.cases + self.calls + self.requests + self.outbox + self.refusals;
        rows + self.do_not_call + self.erased == 0 && self.audit == 0
    }
}

/// The rows that are deleted with a case, children first: the table, and its column with the case. A new table with
/// rows of cases needs one more line here.
const OF_A_CASE: &[(&str, &str)] =
    &[("attempts", "case_id"), ("case_misses", "case_id"), ("refusals", "case_id")];

/// Deletes rows that are too old, at most as many of each kind as the settings allow.
///
/// # Errors
/// When the database fails. Nothing was deleted then.
pub fn delete_batch(c: &mut Database, now: UnixMs, settings: &Settings) -> Result<Deleted, StoreError> {
    let limit = i64::from(settings.batch.max(1));
    let mut took = Deleted { erased: erase::finish(c, now, limit)?, ..Deleted::default() };
    if let Some(before) = before(settings.cases, now) {
        took.cases = cases_before(c, before, now, limit)?;
        took.do_not_call = do_not_call_before(c, before, limit)?;
    }
    if let Some(before) = before(settings.calls, now) {
        took.calls = calls_before(c, before, now, limit)?;
    }
    if let Some(before) = before(settings.requests, now) {
        took.requests = requests_before(c, before, limit)?;
    }
    if let Some(before) = before(settings.outbox, now) {
        took.outbox = outbox_before(c, before, now, limit)?;
        took.refusals = refusals_before(c, before, limit)?;
    }
    let mut cut = None;
    if let Some(before) = before(settings.audit, now) {
        cut = audit::cut(c, before, limit, now)?;
        took.audit = cut.as_ref().map_or(0, |(_, rows)| *rows);
    }
    let full = |rows: usize| i64::try_from(rows).is_ok_and(|rows| rows >= limit);
    took.more = full(took.cases)
        || full(took.calls)
        || full(took.requests)
        || full(took.outbox)
        || full(took.refusals)
        || full(took.do_not_call)
        || full(took.erased)
        || took.audit >= limit;
    if !took.is_empty() {
        note(c, now, &took, cut.map(|(link, _)| link))?;
    }
    Ok(took)
}

/// A clock is doubted after a period of this length without any record.
const GAP: Duration = Duration::from_hours(30 * 24);

/// The age from which a record confirms the clock. A younger record may have been written after the clock had jumped.
const SETTLED: Duration = Duration::from_hours(24);

/// Returns when the clock was last believed, or none if it never was.
///
/// # Errors
/// When the database fails.
pub fn clock_believed_at(c: &mut Database) -> Result<Option<UnixMs>, StoreError> {
    let believed: Option<i64> =
        clock_witness::table.select(clock_witness::believed_at).first(c).optional()?;
    Ok(believed.map(UnixMs))
}

/// Refuses to go on when the clock may have been put forward, because by such a clock every row would be too old. The
/// clock is doubted if it is a month or more ahead of the instant at which it was last believed. A clock that was never
/// believed is doubted if there are older rows, but none from the month before the last day.
///
/// # Errors
/// [`StoreError::Refused`] names the clock, the last instant that confirms it, and the remedy.
pub fn doubt_clock(c: &mut Database, now: UnixMs) -> Result<(), StoreError> {
    let last = match clock_believed_at(c)? {
        Some(believed) => Some(believed),
        None => last_record(c, now - SETTLED)?,
    };
    let Some(last) = last.filter(|last| *last < now - GAP) else { return Ok(()) };
    Err(StoreError::Refused(format!(
        "nothing is deleted: this machine's clock says {now}, and the last record before that jump is of {last}: the clock \
         may have been put forward, and would make every row too old. If the clock is wrong, set it right; if it is \
         right, run `dozvon retention run --clock-is-right`"
    )))
}

/// Records that the clock is believed now.
///
/// # Errors
/// When the database fails.
pub fn believe_clock(c: &mut Database, now: UnixMs) -> Result<(), StoreError> {
    let believed = clock_witness::believed_at.eq(now);
    if diesel::update(clock_witness::table).set(believed).execute(c)? == 0 {
        diesel::insert_into(clock_witness::table).values((clock_witness::one.eq(1), believed)).execute(c)?;
    }
    Ok(())
}

/// Returns the time of the last record that is not later than `until`. The queries follow indexes, because these tables
/// are large.
fn last_record(c: &mut Database, until: UnixMs) -> Result<Option<UnixMs>, StoreError> {
    let until = until.0;
    let call: Option<Option<i64>> = calls::table
        .filter(calls::ended_at.le(until))
        .order(calls::ended_at.desc())
        .select(calls::ended_at)
        .first(c)
        .optional()?;
    let case: Option<i64> = cases::table
        .filter(cases::opened_at.le(until))
        .order(cases::opened_at.desc())
        .select(cases::opened_at)
        .first(c)
        .optional()?;
    let entry: Option<i64> = chain::table
        .filter(chain::at.le(until))
        .order(chain::id.desc())
        .select(chain::at)
        .first(c)
        .optional()?;
    let event: Option<i64> = outbox::table
        .filter(outbox::created_at.le(until))
        .order(outbox::seq.desc())
        .select(outbox::created_at)
        .first(c)
        .optional()?;
    Ok(call.flatten().max(case).max(entry).max(event).map(UnixMs))
}

fn before(age: Duration, now: UnixMs) -> Option<UnixMs> {
    (!age.is_zero()).then(|| now - age)
}

/// Writes the audit entry of a batch. The entry also attests where the audit begins from now on.
fn note(c: &mut Database, now: UnixMs, took: &Deleted, cut: Option<Link>) -> Result<(), StoreError> {
    let details = details([
        ("cases", took.cases.into()),
        ("calls", took.calls.into()),
        ("requests", took.requests.into()),
        ("outbox", took.outbox.into()),
        ("refusals", took.refusals.into()),
        ("do_not_call", took.do_not_call.into()),
        ("audit", took.audit.into()),
        ("erased", took.erased.into()),
        ("cut_id", cut.as_ref().map(|cut| cut.id).into()),
        ("cut_hash", cut.map(|cut| cut.hash).into()),
    ]);
    let (action, subject) = (Action::Retention, None);
    audit::append(c, &Entry { at: now, by: "retention", action, number: None, subject, details })
}

/// Allows the database to delete rows older than `before`. The allowed instant never moves back.
fn allow(c: &mut Database, kind: &str, before: UnixMs, now: UnixMs) -> Result<(), StoreError> {
    let set: Option<i64> =
        retention_cuts::table.find(kind).select(retention_cuts::before_at).first(c).optional()?;
    match set {
        None => {
            diesel::insert_into(retention_cuts::table)
                .values((
                    retention_cuts::kind.eq(kind),
                    retention_cuts::before_at.eq(before),
                    retention_cuts::at.eq(now),
                ))
                .insert(c)?;
        }
        Some(set) if set < before.0 => {
            diesel::update(retention_cuts::table.find(kind))
                .set((retention_cuts::before_at.eq(before), retention_cuts::at.eq(now)))
                .returning(retention_cuts::before_at)
                .count_changed(c)?;
        }
        Some(_) => {}
    }
    Ok(())
}

fn cases_before(c: &mut Database, before: UnixMs, now: UnixMs, limit: i64) -> Result<usize, StoreError> {
    let old: Vec<i64> = cases::table
        .filter(cases::closed_at.lt(before))
        .order(cases::closed_at)
        .limit(limit)
        .select(cases::id)
        .load(c)?;
    if !old.is_empty() {
        allow(c, "cases", before, now)?;
    }
    for id in &old {
        for (table, column) in OF_A_CASE {
            let sql = format!("DELETE FROM {table} WHERE {column} = $1");
            diesel::sql_query(sql).bind::<BigInt, _>(*id).execute(c)?;
        }
        diesel::delete(cases::table.find(id)).execute(c)?;
    }
    Ok(old.len())
}

fn calls_before(c: &mut Database, before: UnixMs, now: UnixMs, limit: i64) -> Result<usize, StoreError> {
    let of_a_case = case_misses::table.filter(case_misses::call.eq(calls::id));
    let of_an_attempt = attempts::table.filter(attempts::call.eq(calls::id.nullable()));
    let old: Vec<String> = calls::table
        .filter(calls::ended_at.lt(before))
        .filter(diesel::dsl::not(diesel::dsl::exists(of_a_case)))
        .filter(diesel::dsl::not(diesel::dsl::exists(of_an_attempt)))
        .order(calls::ended_at)
        .limit(limit)
        .select(calls::id)
        .load(c)?;
    if !old.is_empty() {
        allow(c, "calls", before, now)?;
    }
    for id in &old {
        messages::forget(c, id, now)?;
        diesel::delete(calls::table.find(id)).execute(c)?;
    }
    Ok(old.len())
}

fn requests_before(c: &mut Database, before: UnixMs, limit: i64) -> Result<usize, StoreError> {
    let old: Vec<i64> = requests::table
        .filter(requests::received_at.lt(before))
        .order(requests::received_at)
        .limit(limit)
        .select(requests::id)
        .load(c)?;
    for id in &old {
        diesel::delete(requests::table.find(id)).execute(c)?;
    }
    Ok(old.len())
}

/// Deletes old refusals of dials to numbers without a case.
fn refusals_before(c: &mut Database, before: UnixMs, limit: i64) -> Result<usize, StoreError> {
    let old: Vec<i64> = refusals::table
        .filter(refusals::case_id.is_null().and(refusals::at.lt(before)))
        .order(refusals::id)
        .limit(limit)
        .select(refusals::id)
        .load(c)?;
    diesel::delete(refusals::table.filter(refusals::id.eq_any(&old))).execute(c)?;
    Ok(old.len())
}

/// Deletes entries of the do-not-call list that ended before `before`. Until then people can see why a number was
/// listed.
fn do_not_call_before(c: &mut Database, before: UnixMs, limit: i64) -> Result<usize, StoreError> {
    let old: Vec<String> = do_not_call::table
        .filter(do_not_call::expires_at.lt(before))
        .order((do_not_call::expires_at, do_not_call::number))
        .limit(limit)
        .select(do_not_call::number)
        .load(c)?;
    diesel::delete(do_not_call::table.filter(do_not_call::number.eq_any(&old))).execute(c)?;
    Ok(old.len())
}

/// Deletes old events whose deliveries are over. A delivery that has waited just as long, because its destination is
/// gone or accepts nothing, is given up first. People then see it, and can send it again.
fn outbox_before(c: &mut Database, before: UnixMs, now: UnixMs, limit: i64) -> Result<usize, StoreError> {
    let given_up = super::outbox::give_up_before(c, before, now, limit)?;
    if given_up > 0 {
        tracing::warn!(given_up, "deliveries that waited for longer than [retention] outbox are given up");
    }
    let wanted = deliveries::table
        .filter(deliveries::event.eq(outbox::seq))
        .filter(deliveries::done_at.ge(before).or(deliveries::done_at.is_null()));
    let old: Vec<i64> = outbox::table
        .filter(outbox::spread_at.lt(before))
        .filter(diesel::dsl::not(diesel::dsl::exists(wanted)))
        .order(outbox::seq)
        .limit(limit)
        .select(outbox::seq)
        .load(c)?;
    diesel::delete(deliveries::table.filter(deliveries::event.eq_any(&old))).execute(c)?;
    diesel::delete(outbox::table.filter(outbox::seq.eq_any(&old))).execute(c)?;
    Ok(old.len())
}
