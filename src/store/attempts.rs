//! Attempts: each dialling of a customer, with its place among the attempts that a business day allows.
//!
//! A place is reserved before the customer's phone is called, and is never given twice. An attempt's row only gains
//! facts until its result completes it. The database refuses every other change, whoever asks (migrations/README.md).

use std::time::Duration;

use diesel::prelude::*;

use super::dialect::{cached::Cache as _, columns, hold};
use super::error::Found as _;
use super::schema::attempts;
use super::{Database, StoreError, cases};
use crate::calendar::business_day::BusinessDay;
use crate::clock::UnixMs;
use crate::ids::{AgentName, AttemptId, CallId, CaseId, QueueName};
use crate::missed::attempt::{Claim, Consequence, Outcome, Said, State, Way};
use crate::missed::plan::Attempt;
use crate::missed::regulation::{CapReached, Permit, next_ordinal};
use crate::phone::E164;
use crate::rules::policy::Policy;

/// An attempt that a person reports.
#[derive(Debug, Clone)]
pub struct Made<'a> {
    /// The case.
    pub case: CaseId,
    /// The business day of the attempt.
    pub business_day: BusinessDay,
    /// The highest number of attempts that the policy allows on that day.
    pub cap: i32,
    /// Whether the customer's phone was dialled. If it was, the attempt counts.
    pub counted: bool,
    /// The result of the attempt.
    pub result: Outcome,
    /// The person who made the attempt.
    pub by: &'a str,
    /// The person's note.
    pub note: Option<&'a str>,
    /// The time of the attempt.
    pub at: UnixMs,
}

/// An attempt as reports and pages show it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, Queryable, Selectable)]
#[diesel(table_name = attempts)]
pub struct AttemptRow {
    /// The attempt's identity.
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
    /// The result; none while the attempt lasts.
    pub result: Option<Outcome>,
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

/// Records an attempt that was made elsewhere. An attempt may stay uncounted only if the phone cannot have rung.
///
/// # Errors
/// [`StoreError::Cap`] when the day's attempts to this number are used up, also when another process took the last one;
/// [`StoreError::Refused`] when the case is closed, or when the attempt must count.
pub fn record(c: &mut Database, made: &Made<'_>) -> Result<AttemptRow, StoreError> {
    let number = cases::get(c, made.case)?.number;
    hold::number(c, &number)?;
    hold::case(c, made.case)?;
    let case = cases::get(c, made.case)?;
    if case.closed_at.is_some() {
        return Err(StoreError::Refused(format!(
            "case {} is closed: a new missed call opens a new one",
            made.case
        )));
    }
    if !made.counted && !made.result.may_be_uncounted() {
        return Err(StoreError::Refused(format!(
            "an attempt that ended in {} has rung, so it counts: only a technical_failure does not",
            made.result
        )));
    }
    let cap = |cap: CapReached| StoreError::Cap { number: case.number.to_string(), cap };
    let ordinal = if made.counted {
        Some(free_place(c, &case.number, made.business_day, made.cap)?.map_err(cap)?)
    } else {
        None
    };
    Ok(diesel::insert_into(attempts::table)
        .values((
            attempts::case_id.eq(made.case),
            attempts::number.eq(&case.number),
            attempts::business_day.eq(made.business_day),
            attempts::ordinal.eq(ordinal),
            attempts::counted.eq(made.counted),
            attempts::cap.eq(made.cap),
            attempts::at.eq(made.at),
            attempts::by.eq(made.by),
            attempts::result.eq(made.result),
            attempts::note.eq(made.note),
            attempts::state.eq(State::Completed),
            attempts::way.eq(Way::Reported),
        ))
        .returning(columns::<AttemptRow>())
        .get_result(c)?)
}

/// Returns the first free place among the counted attempts to a number on a day. An uncounted attempt has given its
/// place back, even if later attempts have places.
fn free_place(
    c: &mut Database,
    number: &E164,
    business_day: BusinessDay,
    cap: i32,
) -> Result<Result<i32, CapReached>, StoreError> {
    let taken: Vec<Option<i32>> = attempts::table
        .filter(attempts::number.eq(number).and(attempts::business_day.eq(business_day)))
        .filter(attempts::ordinal.is_not_null())
        .select(attempts::ordinal)
        .load(c)?;
    if let Err(cap) = next_ordinal(i64::try_from(taken.len()).unwrap_or(i64::MAX), cap) {
        return Ok(Err(cap));
    }
    Ok((1..=cap).find(|place| !taken.contains(&Some(*place))).ok_or(CapReached { cap }))
}

/// An attempt that is about to be made.
#[derive(Debug, Clone)]
pub struct Reservation<'a> {
    /// The case.
    pub case: CaseId,
    /// The customer's number.
    pub number: &'a E164,
    /// The business day of the attempt.
    pub business_day: BusinessDay,
    /// The row of the attempt's call.
    pub call: CallId,
    /// The agent who will talk with the customer; none if no agent is known.
    pub agent: Option<&'a AgentName>,
    /// The person or program that makes the attempt.
    pub by: &'a str,
    /// How the attempt is made.
    pub way: Way,
    /// The queue of the case.
    pub queue: Option<&'a QueueName>,
    /// The policy that permits the attempt.
    pub policy: &'a Policy,
    /// The policy's permit.
    pub permit: &'a Permit,
    /// The time of the reservation.
    pub at: UnixMs,
}

/// Takes a place among the day's attempts. Returns the attempt and its place. The guards have been asked before; the
/// database checks the same rules again.
///
/// # Errors
/// [`StoreError::Cap`] when no place is left; [`StoreError::Refused`] when the database refuses the attempt.
pub fn reserve(c: &mut Database, new: &Reservation<'_>) -> Result<(AttemptId, i32), StoreError> {
    let place = free_place(c, new.number, new.business_day, new.policy.cap_day)?
        .map_err(|cap| StoreError::Cap { number: new.number.to_string(), cap })?;
    let (permit, window) = (new.permit, &new.permit.window);
    let minute = |minute: u16| i32::from(minute);
    let id = diesel::insert_into(attempts::table)
        .values((
            (
                attempts::case_id.eq(new.case),
                attempts::number.eq(new.number),
                attempts::business_day.eq(new.business_day),
                attempts::ordinal.eq(place),
                attempts::counted.eq(true),
                attempts::at.eq(new.at),
                attempts::by.eq(new.by),
                attempts::state.eq(State::Reserved),
                attempts::way.eq(new.way),
                attempts::agent.eq(new.agent),
                attempts::call.eq(new.call),
            ),
            (
                attempts::queue.eq(new.queue),
                attempts::cap.eq(new.policy.cap_day),
                attempts::policy.eq(&new.policy.name),
                attempts::policy_version.eq(new.policy.version),
                attempts::gap_until.eq(permit.gap_until),
                attempts::zone.eq(window.zone.name()),
                attempts::zone_source.eq(window.source),
                attempts::local_min.eq(minute(window.local_min)),
                attempts::window_from_min.eq(minute(window.from_min)),
                attempts::window_to_min.eq(minute(window.to_min)),
            ),
        ))
        .returning(attempts::id)
        .get_result(c)?;
    Ok((id, place))
}

/// Records that the customer's phone is being called. From now on the attempt counts, unless it ends in a technical
/// failure.
///
/// # Errors
/// When the database fails.
pub fn dialled(c: &mut Database, attempt: AttemptId, at: UnixMs) -> Result<(), StoreError> {
    let reserved = attempts::table.find(attempt).filter(attempts::state.eq(State::Reserved));
    diesel::update(reserved)
        .set((attempts::state.eq(State::Dialling), attempts::dialled_at.eq(at)))
        .returning(attempts::id)
        .count_changed(c)?;
    Ok(())
}

/// Records the trunk over which the customer is dialled. Returns whether the attempt still has no result.
///
/// # Errors
/// When the database fails.
pub fn over_trunk(c: &mut Database, attempt: AttemptId, trunk: &str) -> Result<bool, StoreError> {
    let open = attempts::table.find(attempt).filter(attempts::result.is_null());
    Ok(diesel::update(open).set(attempts::trunk.eq(trunk)).returning(attempts::id).count_changed(c)? > 0)
}

/// How long a trunk's claim about a number is remembered. After that the number may belong to somebody else.
const REMEMBERED: Duration = Duration::from_secs(30 * 86_400);

/// Returns the earlier attempts, over any trunk, whose cause makes the same claim about this attempt's number.
///
/// # Errors
/// When the database fails.
pub fn said_before(c: &mut Database, attempt: AttemptId, claim: Claim) -> Result<Vec<Said>, StoreError> {
    let this: (E164, UnixMs, Option<String>) =
        attempts::table.find(attempt).select((attempts::number, attempts::at, attempts::trunk)).first(c)?;
    let (number, at, Some(trunk)) = this else { return Ok(Vec::new()) };
    let earlier = attempts::table
        .filter(attempts::number.eq(&number).and(attempts::id.ne(attempt)))
        .filter(attempts::at.between(at - REMEMBERED, at))
        .filter(attempts::cause.eq_any(claim.causes()).and(attempts::answered_at.is_null()));
    let earlier: Vec<(UnixMs, Option<String>)> = earlier.select((attempts::at, attempts::trunk)).load(c)?;
    let known = earlier.into_iter().filter_map(|(at, by)| Some((at, by?)));
    let mut said = Vec::new();
    for (since, by) in known {
        let by_another = by != trunk;
        said.push(Said { by_another, works_since: !by_another && has_worked(c, &trunk, since)? });
    }
    Ok(said)
}

/// Returns whether anybody has answered over a trunk since `since`.
fn has_worked(c: &mut Database, trunk: &str, since: UnixMs) -> Result<bool, StoreError> {
    let answered = attempts::answered_at.is_not_null();
    let answered =
        attempts::table.filter(attempts::trunk.eq(trunk).and(attempts::at.gt(since)).and(answered));
    Ok(answered.select(attempts::id).first::<AttemptId>(c).optional()?.is_some())
}

/// Records that the customer and the agent have begun to talk.
///
/// # Errors
/// When the database fails.
pub fn answered(c: &mut Database, attempt: AttemptId, at: UnixMs) -> Result<(), StoreError> {
    dialled(c, attempt, at)?;
    let dialling = attempts::table.find(attempt).filter(attempts::state.eq(State::Dialling));
    diesel::update(dialling)
        .set((attempts::state.eq(State::Talking), attempts::answered_at.eq(at)))
        .returning(attempts::id)
        .count_changed(c)?;
    Ok(())
}

/// Records that the talk is over; a person then gives the disposition. Returns whether the end was not recorded before.
///
/// # Errors
/// When the database fails.
pub fn talk_ended(c: &mut Database, attempt: AttemptId, cause: &str, at: UnixMs) -> Result<bool, StoreError> {
    let talking = attempts::table.find(attempt).filter(attempts::state.eq(State::Talking));
    let changed = diesel::update(talking)
        .set((attempts::state.eq(State::WrappingUp), attempts::ended_at.eq(at), attempts::cause.eq(cause)))
        .returning(attempts::id)
        .count_changed(c)?;
    Ok(changed > 0)
}

/// The end of an attempt.
#[derive(Debug, Clone)]
pub struct Finish<'a> {
    /// The attempt.
    pub attempt: AttemptId,
    /// The result of the attempt.
    pub result: Outcome,
    /// The cause from FreeSWITCH, or the controller's own.
    pub cause: Option<&'a str>,
    /// A note on the attempt.
    pub note: Option<&'a str>,
    /// The time of the end.
    pub at: UnixMs,
}

impl Finish<'_> {
    /// Returns an end with a result and nothing else.
    #[must_use]
    pub const fn new(attempt: AttemptId, result: Outcome, at: UnixMs) -> Self {
        Self { attempt, result, cause: None, note: None, at }
    }

    /// Returns whether the attempt counts. It does, unless the phone certainly did not ring.
    #[must_use]
    pub const fn counted(&self) -> bool {
        !matches!(self.result, Outcome::TechnicalFailure)
    }
}

/// Completes an attempt. Returns whether it was not complete before.
///
/// # Errors
/// When the database fails.
pub fn finish(c: &mut Database, end: &Finish<'_>) -> Result<bool, StoreError> {
    let open = attempts::table.find(end.attempt).filter(attempts::result.is_null());
    let known: Option<(Option<UnixMs>, Option<String>)> =
        open.select((attempts::ended_at, attempts::cause)).first(c).optional()?;
    let Some((ended_at, known_cause)) = known else { return Ok(false) };
    let place: Option<i32> = attempts::table.find(end.attempt).select(attempts::ordinal).first(c)?;
    let changed = diesel::update(open)
        .set((
            attempts::state.eq(State::Completed),
            attempts::result.eq(end.result),
            attempts::counted.eq(end.counted()),
            attempts::ordinal.eq(place.filter(|_| end.counted())),
            attempts::note.eq(end.note),
            attempts::cause.eq(known_cause.as_deref().or(end.cause)),
            attempts::ended_at.eq(ended_at.unwrap_or(end.at)),
        ))
        .returning(attempts::id)
        .count_changed(c)?;
    Ok(changed > 0)
}

/// Returns how many counted attempts to a number were made on a business day, across cases and queues.
///
/// # Errors
/// When the database fails.
pub fn counted(c: &mut Database, number: &E164, business_day: BusinessDay) -> Result<i64, StoreError> {
    Ok(attempts::table
        .filter(attempts::number.eq(number).and(attempts::business_day.eq(business_day)))
        .filter(attempts::ordinal.is_not_null())
        .count()
        .get_result(c)?)
}

/// Returns how many counted attempts to a number were made since `from`.
///
/// # Errors
/// When the database fails.
pub fn counted_since(c: &mut Database, number: &E164, from: UnixMs) -> Result<i64, StoreError> {
    Ok(attempts::table
        .filter(attempts::number.eq(number).and(attempts::at.gt(from)))
        .filter(attempts::ordinal.is_not_null())
        .count()
        .get_result(c)?)
}

/// Returns when the last counted attempt to a number was made, and until when no other may follow. The latest end of
/// all gaps applies: no attempt shortens the gap after an earlier one.
///
/// # Errors
/// When the database fails.
pub fn last_counted(c: &mut Database, number: &E164) -> Result<Option<(UnixMs, Option<UnixMs>)>, StoreError> {
    let counted = attempts::table.filter(attempts::number.eq(number).and(attempts::ordinal.is_not_null()));
    let latest = (diesel::dsl::max(attempts::at), diesel::dsl::max(attempts::gap_until));
    let (at, gap): (Option<UnixMs>, Option<UnixMs>) = counted.select(latest).first(c)?;
    Ok(at.map(|at| (at, gap)))
}

/// Returns how many attempts of a case failed for technical reasons: since `since`, or ever if it is none.
///
/// # Errors
/// When the database fails.
pub fn failed_since(c: &mut Database, case: CaseId, since: Option<UnixMs>) -> Result<usize, StoreError> {
    let failed: i64 = attempts::table
        .filter(attempts::case_id.eq(case).and(attempts::result.is_not_null()))
        .filter(attempts::ordinal.is_null().and(attempts::at.gt(since.unwrap_or(UnixMs(i64::MIN)))))
        .count()
        .get_result(c)?;
    Ok(usize::try_from(failed).unwrap_or(usize::MAX))
}

/// Returns when the first counted attempt of a case was made.
///
/// # Errors
/// When the database fails.
pub fn first_counted(c: &mut Database, case: CaseId) -> Result<Option<UnixMs>, StoreError> {
    let counted = attempts::table.filter(attempts::case_id.eq(case).and(attempts::ordinal.is_not_null()));
    Ok(counted.select(diesel::dsl::min(attempts::at)).first(c)?)
}

/// Returns how many counted attempts a case has had since an attempt last reached somebody. If the case is open after
/// that, the customer has called again.
///
/// # Errors
/// When the database fails.
pub fn counted_of_case(c: &mut Database, case: CaseId) -> Result<i64, StoreError> {
    let settles = |result: &&Outcome| matches!(result.consequence(), Consequence::Close(_));
    let of_case = || attempts::table.filter(attempts::case_id.eq(case));
    let reached = of_case().filter(attempts::result.eq_any(Outcome::ALL.iter().filter(settles)));
    let last: Option<AttemptId> = reached.select(diesel::dsl::max(attempts::id)).first(c)?;
    let since = of_case().filter(attempts::id.gt(last.unwrap_or(AttemptId(0))));
    Ok(since.filter(attempts::ordinal.is_not_null()).count().get_result(c)?)
}

/// Returns the attempt to a number that is under way or waits for its disposition.
///
/// # Errors
/// When the database fails.
pub fn unfinished(c: &mut Database, number: &E164) -> Result<Option<AttemptRow>, StoreError> {
    let open = attempts::table.filter(attempts::number.eq(number).and(attempts::result.is_null()));
    Ok(open.select(columns::<AttemptRow>()).first(c).optional()?)
}

/// Returns the attempt that was made with a call.
///
/// # Errors
/// When the database fails.
pub fn of_call(c: &mut Database, call: CallId) -> Result<Option<AttemptRow>, StoreError> {
    Ok(attempts::table.filter(attempts::call.eq(call)).select(columns::<AttemptRow>()).first(c).optional()?)
}

/// Returns whether an agent is in a talk that will need a disposition, or has not yet given the one for a past talk.
/// Such an agent gets no more work. An agent who dialled by hand is asked for a disposition too, but still gets work.
///
/// # Errors
/// When the database fails.
pub fn owes_disposition(c: &mut Database, agent: &AgentName) -> Result<bool, StoreError> {
    let owed = [State::Talking, State::WrappingUp];
    let open = attempts::table
        .filter(attempts::agent.eq(agent).and(attempts::state.eq_any(owed)))
        .filter(attempts::way.ne(Way::Handset));
    Ok(open.count().get_result::<i64>(c)? > 0)
}

/// Returns the results of all attempts that have one.
///
/// # Errors
/// When the database fails.
pub fn results(c: &mut Database) -> Result<Vec<Outcome>, StoreError> {
    let results: Vec<Option<Outcome>> =
        attempts::table.filter(attempts::result.is_not_null()).select(attempts::result).load(c)?;
    Ok(results.into_iter().flatten().collect())
}

/// Returns all attempts whose talk is over and that have no disposition.
///
/// # Errors
/// When the database fails.
pub fn awaiting_a_word(c: &mut Database) -> Result<Vec<AttemptRow>, StoreError> {
    let open = attempts::table.filter(attempts::state.eq(State::WrappingUp));
    Ok(open.order(attempts::id).select(columns::<AttemptRow>()).load(c)?)
}

/// Returns the attempt for which an agent may give a disposition: the agent's latest one that has none.
///
/// # Errors
/// When the database fails.
pub fn awaits_word(c: &mut Database, agent: &AgentName) -> Result<Option<AttemptRow>, StoreError> {
    let open = attempts::table.filter(attempts::agent.eq(agent).and(attempts::state.eq(State::WrappingUp)));
    Ok(open.order(attempts::id.desc()).select(columns::<AttemptRow>()).first(c).optional()?)
}

/// Returns one attempt.
///
/// # Errors
/// [`StoreError::NotFound`] when no attempt has this identity.
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
