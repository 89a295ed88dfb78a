//! Cases that are paid back: what is due, who has it, and what an attempt leaves.
//!
//! In: [`Terms`], the rules of the house, and instants. Out: cases that have moved one step on, each in one transaction
//! with its attempt, its refusal and what must be told of it.
//! **Invariant:** whatever is decided here is decided on rows that are held, by the pure rules of `missed`.

use std::sync::Arc;
use std::time::Duration;

use chrono_tz::Tz;
use diesel::prelude::*;

use super::dialect::{cached::Cache as _, hold};
use super::schema::{calls, cases, escalations, refusals};
use super::{Database, StoreError, attempts, calls as call_rows, dnc, offers, read, read_option};
use crate::call::ending::{Ending, Stage as CallStage};
use crate::clock::UnixMs;
use crate::ids::{AgentName, AttemptId, CallId, CaseId, ChannelId, CoreId, NodeName, OfferId, QueueName};
use crate::missed::attempt::{Consequence, Outcome, Way};
use crate::missed::case::{Closed, Stage, Step, step};
use crate::missed::policy::Policy;
use crate::missed::regulation::{self, Bounds, Guard, Next, Permit, Refusal, Standing};
use crate::missed::verdict::{Verdict, Why};
use crate::missed::working_time::WorkingTime;
use crate::missed::zone::Whereabouts;
use crate::notify::EventKind;
use crate::phone::{E164, Party};
use crate::routing::rules::Rules;
use crate::store::attempts::{Finish, Reservation};
use crate::store::calls::Arrival;
use crate::store::cases::CaseRow;
use crate::store::notes::{Note, note};

/// The rules of the house for paying back. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Terms {
    /// Queues, their hours and their policies.
    pub rules: Arc<Rules>,
    /// The zone of what has no queue.
    pub zone: Tz,
    /// Our own country.
    pub home: phonenumber::country::Id,
    /// Who calls back those who reached no queue; the only queue, if there is but one.
    pub queue: Option<QueueName>,
    /// Who takes up what could not be reached within a day.
    pub repeat_queue: Option<QueueName>,
    /// How long an attempt may last.
    pub watchdog: Duration,
}

/// What applies to one case.
struct Applies<'a> {
    policy: Policy,
    hours: WorkingTime<'a>,
    whereabouts: Whereabouts,
}

impl Applies<'_> {
    const fn bounds(&self, terms: &Terms) -> Bounds<'_> {
        Bounds { policy: &self.policy, hours: self.hours, whereabouts: &self.whereabouts, home: terms.home }
    }
}

impl Terms {
    /// The hours of a queue.
    #[must_use]
    pub fn hours(&self, queue: Option<&QueueName>) -> WorkingTime<'_> {
        let schedule = queue.and_then(|name| self.rules.queues.get(name)?.schedule.as_ref());
        WorkingTime::new(schedule.and_then(|name| self.rules.schedules.get(name)), self.zone)
    }

    /// The most attempts that a case's number may have on a business day.
    ///
    /// # Errors
    /// When the row is not readable.
    pub fn cap(&self, case: &CaseRow) -> Result<i32, StoreError> {
        Ok(self.rules.policy(self.queue_of(case)?.as_ref()).cap_day)
    }

    /// The queue whose agents call back for a case.
    pub(super) fn queue_of(&self, case: &CaseRow) -> Result<Option<QueueName>, StoreError> {
        Ok(self.queue_or(read_option("cases.queue", case.queue.as_ref())?))
    }

    /// The queue that is named, or else the one that calls back who reached none.
    fn queue_or(&self, named: Option<QueueName>) -> Option<QueueName> {
        let only = || Some(self.rules.queues.keys().next()?.clone()).filter(|_| self.rules.queues.len() == 1);
        let fallback = || self.queue.clone().filter(|name| self.rules.queues.contains_key(name));
        named.or_else(fallback).or_else(only)
    }

    /// Until when somebody must have called, of what is owed in this queue since then.
    #[must_use]
    pub fn react_by(&self, queue: Option<QueueName>, from: UnixMs) -> Option<UnixMs> {
        let queue = self.queue_or(queue);
        self.hours(queue.as_ref()).after(from, self.rules.policy(queue.as_ref()).reaction)
    }

    fn applies(&self, case: &CaseRow) -> Result<(E164, Applies<'_>), StoreError> {
        let number: E164 = read("cases.number", &case.number)?;
        let queue = self.queue_of(case)?;
        let applies = Applies {
            policy: self.rules.policy(queue.as_ref()),
            hours: self.hours(queue.as_ref()),
            whereabouts: Whereabouts::of(&number, None),
        };
        Ok((number, applies))
    }
}

fn stage_of(case: &CaseRow) -> Result<Stage, StoreError> {
    read("cases.stage", &case.stage)
}

/// Everything that the guards ask of a case's number.
fn standing(c: &mut Database, case: &CaseRow, terms: &Terms, at: UnixMs) -> Result<Standing, StoreError> {
    let (number, applies) = terms.applies(case)?;
    let day = applies.hours.business_day(at).to_string();
    let unfinished = attempts::unfinished(c, &case.number)?;
    let last = attempts::last_counted(c, &case.number)?;
    let since = |c: &mut Database, span| attempts::counted_since(c, &case.number, at - span);
    Ok(Standing {
        open: case.closed_at.is_none(),
        live_call: live_call(c, case)? || unfinished.as_ref().is_some_and(|row| row.state != "wrapping_up"),
        suppressed: dnc::suppressed(c, &number, at)?.is_some(),
        counted_today: attempts::counted(c, &case.number, &day)?,
        counted_24h: since(c, regulation::DAY)?,
        counted_week: since(c, regulation::WEEK)?,
        counted_month: since(c, regulation::MONTH)?,
        last_counted_at: last.map(|(at, _)| at),
        gap_until: last.and_then(|(_, gap)| gap),
        undisposed: unfinished.is_some_and(|row| row.state == "wrapping_up"),
        contact_at: Some(UnixMs(case.last_miss_at)),
        number,
    })
}

/// Whether the number has a call of its own under way, or another callback.
fn live_call(c: &mut Database, case: &CaseRow) -> Result<bool, StoreError> {
    let live: i64 = calls::table
        .filter(calls::number.eq(&case.number).and(calls::ended_at.is_null()))
        .filter(calls::direction.eq("in"))
        .count()
        .get_result(c)?;
    Ok(live > 0)
}

/// Asks the guards of a case that is held.
pub(super) fn check(
    c: &mut Database,
    case: &CaseRow,
    terms: &Terms,
    at: UnixMs,
) -> Result<(Policy, Result<Permit, Refusal>), StoreError> {
    let standing = standing(c, case, terms, at)?;
    let (_, applies) = terms.applies(case)?;
    let asked = regulation::check(&standing, &applies.bounds(terms), at);
    Ok((applies.policy, asked))
}

/// Writes down that a guard refused a dial.
pub(super) fn refused(
    c: &mut Database,
    case: &CaseRow,
    policy: &Policy,
    refusal: &Refusal,
    by: &str,
    at: UnixMs,
) -> Result<(), StoreError> {
    refusal_row(c, Some(case.id), &case.number, policy, refusal, by, at)?;
    note(c, case, Note::Refused { guard: refusal.guard, by }, at)
}

/// The same for a number that we owe nothing.
pub(super) fn refuse_unowed(
    c: &mut Database,
    terms: &Terms,
    number: &E164,
    refusal: &Refusal,
    by: &str,
    at: UnixMs,
) -> Result<(), StoreError> {
    let policy = terms.rules.policy(terms.queue.as_ref());
    refusal_row(c, None, number.as_str(), &policy, refusal, by, at)?;
    dnc::refused(c, number, by, at)
}

fn refusal_row(
    c: &mut Database,
    case: Option<i64>,
    number: &str,
    policy: &Policy,
    refusal: &Refusal,
    by: &str,
    at: UnixMs,
) -> Result<(), StoreError> {
    diesel::insert_into(refusals::table)
        .values((
            refusals::at.eq(at.0),
            refusals::case_id.eq(case),
            refusals::number.eq(number),
            refusals::guard.eq(refusal.guard.as_str()),
            refusals::why.eq(&refusal.why),
            refusals::by.eq(by),
            refusals::policy.eq(policy.name.as_str()),
            refusals::policy_version.eq(policy.version),
        ))
        .insert(c)?;
    Ok(())
}

/// The row of one case, held.
pub(super) fn held(c: &mut Database, id: CaseId) -> Result<CaseRow, StoreError> {
    let number = super::cases::get(c, id)?.number;
    hold::number(c, &number)?;
    hold::case(c, id.0)?;
    super::cases::get(c, id)
}

/// A step of a case, with what goes with it.
#[derive(Debug, Clone, Default)]
struct Move<'a> {
    next_at: Option<UnixMs>,
    claimed_by: Option<&'a str>,
}

fn make(c: &mut Database, case: &CaseRow, made: Step, to: &Move<'_>) -> Result<(), StoreError> {
    let stage = step(stage_of(case)?, made)
        .map_err(|refused| StoreError::Refused(format!("case {}: {refused}", case.id)))?;
    diesel::update(cases::table.find(case.id).filter(cases::closed_at.is_null()))
        .set((
            cases::stage.eq(stage.as_str()),
            cases::next_at.eq(to.next_at.map(|at| at.0)),
            cases::claimed_by.eq(to.claimed_by),
        ))
        .returning(cases::id)
        .count_changed(c)?;
    Ok(())
}

/// The case waits for somebody to call, from now on.
fn open(c: &mut Database, case: &CaseRow, terms: &Terms, at: UnixMs) -> Result<(), StoreError> {
    let (_, applies) = terms.applies(case)?;
    let from = clock_from(case, at);
    let react_by = applies.hours.after(from, applies.policy.reaction);
    make(c, case, Step::Open, &Move::default())?;
    // What has passed before anybody could call is told at once.
    let passed = !applies.policy.rungs_until(applies.hours, from, at).is_empty();
    let next = applies.policy.next_rung(applies.hours, from, at).map(|(_, at)| at.0);
    let next_at = if passed { Some(at.0) } else { next };
    diesel::update(cases::table.find(case.id))
        .set((
            cases::due_at.eq(from.0),
            cases::react_by.eq(react_by.map(|at| at.0)),
            cases::next_at.eq(next_at),
            cases::queue.eq(terms.queue_of(case)?.map(|name| name.to_string())),
        ))
        .returning(cases::id)
        .count_changed(c)?;
    let case = super::cases::get(c, CaseId(case.id))?;
    note(c, &case, Note::Told(EventKind::CaseDue), at)
}

/// Since when somebody is to call: since the miss, or since a retry became due; not before the person wants it. To be
/// put off meanwhile does not begin it anew.
fn clock_from(case: &CaseRow, at: UnixMs) -> UnixMs {
    let first = case.first_attempt_at.map_or(case.opened_at, |_| at.0);
    let from = case.due_at.unwrap_or(first);
    UnixMs(case.not_before.map_or(from, |wanted| from.max(wanted)))
}

/// What is due now, the longest overdue first: at most `limit` cases.
///
/// # Errors
/// When the database fails.
pub fn due(c: &mut Database, at: UnixMs, limit: i64) -> Result<Vec<CaseId>, StoreError> {
    let due = cases::table.filter(cases::closed_at.is_null().and(cases::next_at.le(at.0)));
    let ids: Vec<i64> = due.order(cases::next_at).limit(limit).select(cases::id).load(c)?;
    Ok(ids.into_iter().map(CaseId).collect())
}

/// Moves a case on whose stage has ended by itself. Harmless to repeat.
///
/// # Errors
/// When the database fails.
pub fn advance(c: &mut Database, id: CaseId, terms: &Terms, at: UnixMs) -> Result<(), StoreError> {
    let case = held(c, id)?;
    let is_due = case.next_at.is_some_and(|next| next <= at.0);
    if case.closed_at.is_some() || !is_due {
        return Ok(());
    }
    match stage_of(&case)? {
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
    let wanted = case.not_before.map_or(at, |wanted| at.max(UnixMs(wanted)));
    let (_, asked) = check(c, case, terms, wanted)?;
    match asked {
        Ok(_) if wanted == at => open(c, case, terms, at),
        Ok(_) => later(c, case, wanted),
        Err(Refusal { guard: Guard::DoNotCall, .. }) => close(c, case, Closed::DoNotCall, at),
        Err(Refusal { until: Some(until), .. }) => later(c, case, until.max(at + SOON)),
        Err(Refusal { guard: Guard::QueueHours | Guard::CalleeWindow, until: None, .. }) => {
            no_hour(c, case, terms, at)
        }
        // Whatever else stands against it now is asked again when it is offered.
        Err(refusal) if refusal.guard == Guard::Destination => {
            refused(c, case, &terms.applies(case)?.1.policy, &refusal, "system", at)?;
            close(c, case, Closed::Unreachable, at)
        }
        Err(_) => later(c, case, at + SOON),
    }
}

/// How soon what cannot be decided now is asked again.
const SOON: Duration = Duration::from_secs(30);

fn later(c: &mut Database, case: &CaseRow, until: UnixMs) -> Result<(), StoreError> {
    if stage_of(case)? == Stage::Deferred {
        diesel::update(cases::table.find(case.id))
            .set(cases::next_at.eq(until.0))
            .returning(cases::id)
            .count_changed(c)?;
        return Ok(());
    }
    make(c, case, Step::Defer, &Move { next_at: Some(until), ..Move::default() })
}

/// Closes a case by rule.
fn close(c: &mut Database, case: &CaseRow, reason: Closed, at: UnixMs) -> Result<(), StoreError> {
    super::cases::close(c, CaseId(case.id), reason, "system", None, at).map(drop)
}

/// A rung of the reaction time has been reached, or nobody may call any more for now.
fn remind(c: &mut Database, case: &CaseRow, terms: &Terms, at: UnixMs) -> Result<(), StoreError> {
    let (_, applies) = terms.applies(case)?;
    let from = case.due_at.map_or(UnixMs(case.opened_at), UnixMs);
    for (pct, _) in applies.policy.rungs_until(applies.hours, from, at) {
        let known: i64 = escalations::table.find((case.id, from.0, pct)).count().get_result(c)?;
        if known == 0 {
            diesel::insert_into(escalations::table)
                .values((
                    escalations::case_id.eq(case.id),
                    escalations::due_at.eq(from.0),
                    escalations::rung_pct.eq(pct),
                    escalations::at.eq(at.0),
                ))
                .insert(c)?;
            note(c, case, Note::Rung(pct), at)?;
        }
    }
    let next = applies.policy.next_rung(applies.hours, from, at).map(|(_, at)| at.0);
    diesel::update(cases::table.find(case.id))
        .set(cases::next_at.eq(next))
        .returning(cases::id)
        .count_changed(c)?;
    Ok(())
}

/// An attempt has lasted too long: what it is, it is. After a talk its disposition is owed, and waited for.
fn give_up_attempt(c: &mut Database, case: &CaseRow, terms: &Terms, at: UnixMs) -> Result<(), StoreError> {
    match attempts::unfinished(c, &case.number)? {
        None => make(c, case, Step::Release, &Move { next_at: Some(at), ..Move::default() }),
        Some(row) if row.state == "wrapping_up" && row.way == Way::Handset.as_str() => {
            let finish = Finish {
                attempt: AttemptId(row.id),
                result: by_length(&row),
                counted: true,
                cause: None,
                note: Some("nobody said what came of it: its length decided"),
                at,
            };
            finish_and_follow(c, case, terms, &finish, None)
        }
        Some(row) if matches!(row.state.as_str(), "talking" | "wrapping_up") => {
            attempts::talk_ended(c, AttemptId(row.id), "LASTED_TOO_LONG", at)?;
            diesel::update(cases::table.find(case.id))
                .set(cases::next_at.eq((at + terms.watchdog).0))
                .returning(cases::id)
                .count_changed(c)?;
            Ok(())
        }
        Some(row) => {
            let finish = Finish {
                attempt: AttemptId(row.id),
                result: Outcome::Orphaned,
                counted: true,
                cause: None,
                note: Some("lasted too long"),
                at,
            };
            finish_and_follow(c, case, terms, &finish, None)
        }
    }
}

/// What a talk was of which nobody says what came of it.
fn by_length(row: &attempts::AttemptRow) -> Outcome {
    let talked = row.answered_at.zip(row.ended_at).map(|(from, to)| UnixMs(to).since(UnixMs(from)));
    if talked.is_some_and(|talked| talked >= call_rows::REACHED) {
        Outcome::Reached
    } else {
        Outcome::NoAnswer
    }
}

/// How long an agent who dialled himself has to say what came of it.
const WORD_WITHIN: Duration = Duration::from_secs(600);

/// A queue's share of the cases that are due.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// The queue.
    pub queue: QueueName,
    /// At most so many.
    pub limit: i64,
    /// The FreeSWITCH on which they will be made.
    pub node: NodeName,
    /// Its run.
    pub core: CoreId,
    /// When.
    pub at: UnixMs,
}

/// A case that was leased, with the row of the call that it is.
#[derive(Debug, Clone)]
pub struct Work {
    /// The case.
    pub case: CaseId,
    /// The call.
    pub call: CallId,
    /// The channel that the customer's leg will have.
    pub channel: ChannelId,
    /// The customer.
    pub number: E164,
    /// His name, as it was shown last.
    pub name: String,
    /// The queue whose agents are asked.
    pub queue: QueueName,
    /// Who of them is asked first.
    pub first: Option<AgentName>,
    /// Since when it is due: its place among those who wait.
    pub due_at: UnixMs,
    /// Until when an agent must have accepted it.
    pub lease_until: UnixMs,
    /// How long the customer's phone rings.
    pub ring: Duration,
}

/// Leases cases of a queue that are due, the most urgent first. What a guard refuses is deferred, or ends.
///
/// # Errors
/// When the database fails.
pub fn lease(c: &mut Database, terms: &Terms, wanted: &Wanted) -> Result<Vec<Work>, StoreError> {
    let due = cases::table
        .filter(cases::closed_at.is_null().and(cases::stage.eq(Stage::Due.as_str())))
        .filter(cases::queue.eq(wanted.queue.as_str()))
        .order((cases::priority.desc(), cases::due_at, cases::id));
    let ids: Vec<i64> = due.limit(wanted.limit).select(cases::id).load(c)?;
    let mut leased = Vec::new();
    for id in ids {
        leased.extend(lease_one(c, CaseId(id), terms, wanted)?);
    }
    Ok(leased)
}

fn lease_one(
    c: &mut Database,
    id: CaseId,
    terms: &Terms,
    wanted: &Wanted,
) -> Result<Option<Work>, StoreError> {
    let case = held(c, id)?;
    if case.closed_at.is_some() || stage_of(&case)? != Stage::Due {
        return Ok(None);
    }
    if let Some(until) = case.not_before.map(UnixMs).filter(|until| *until > wanted.at) {
        later(c, &case, until)?;
        return Ok(None);
    }
    let (policy, asked) = check(c, &case, terms, wanted.at)?;
    if let Err(refusal) = asked {
        refused(c, &case, &policy, &refusal, "system", wanted.at)?;
        follow_refusal(c, &case, terms, &refusal, wanted.at)?;
        return Ok(None);
    }
    let work = Work {
        case: id,
        call: CallId::new(),
        channel: ChannelId::new(),
        number: read("cases.number", &case.number)?,
        name: last_name(c, &case)?,
        queue: wanted.queue.clone(),
        first: read_option("cases.assignee", case.assignee.as_ref())?,
        due_at: UnixMs(case.due_at.unwrap_or(case.opened_at)),
        lease_until: wanted.at + policy.lease,
        ring: policy.ring,
    };
    let claimed = work.call.to_string();
    make(
        c,
        &case,
        Step::Claim,
        &Move { next_at: Some(work.lease_until + SOON), claimed_by: Some(&claimed) },
    )?;
    arrive(c, terms, wanted, &work)?;
    Ok(Some(work))
}

/// What a case becomes whose dial a guard has refused.
fn follow_refusal(
    c: &mut Database,
    case: &CaseRow,
    terms: &Terms,
    refusal: &Refusal,
    at: UnixMs,
) -> Result<(), StoreError> {
    match (refusal.guard, refusal.until) {
        (Guard::DoNotCall, _) => close(c, case, Closed::DoNotCall, at),
        (Guard::Destination, _) => close(c, case, Closed::Unreachable, at),
        (_, Some(until)) => later(c, case, until.max(at + SOON)),
        (Guard::QueueHours | Guard::CalleeWindow, None) => no_hour(c, case, terms, at),
        (_, None) => later(c, case, at + SOON),
    }
}

/// None of the queue's hours is lawful where he may be: the repeat-contacts queue may have others.
fn no_hour(c: &mut Database, case: &CaseRow, terms: &Terms, at: UnixMs) -> Result<(), StoreError> {
    let (_, applies) = terms.applies(case)?;
    if !matches!(stage_of(case)?, Stage::Due | Stage::Claimed) {
        make(c, case, Step::Open, &Move::default())?;
    }
    let due = super::cases::get(c, CaseId(case.id))?;
    hand_over(c, &due, terms, &applies, at)
}

/// The name with which the caller was shown last.
fn last_name(c: &mut Database, case: &CaseRow) -> Result<String, StoreError> {
    let name: Option<String> = calls::table
        .filter(calls::number.eq(&case.number).and(calls::direction.eq("in")))
        .order(calls::arrived_at.desc())
        .select(calls::caller_name)
        .first(c)
        .optional()?;
    Ok(name.unwrap_or_default())
}

/// The row of the call that a callback is.
fn arrive(c: &mut Database, terms: &Terms, wanted: &Wanted, work: &Work) -> Result<(), StoreError> {
    let arrival = Arrival {
        id: work.call,
        node: wanted.node.clone(),
        channel: work.channel,
        core: wanted.core,
        party: Party::Number(work.number.clone()),
        caller_number: work.number.to_string(),
        caller_name: work.name.clone(),
        dialled: work.number.to_string(),
        route: None,
        open: true,
        why: format!("callback for case {}", work.case),
        queue: Some(work.queue.clone()),
        service_level: None,
        business_day: terms.hours(Some(&work.queue)).business_day(wanted.at),
        at: wanted.at,
    };
    call_rows::arrive(c, &arrival)?;
    diesel::update(calls::table.find(work.call.to_string()))
        .set((calls::direction.eq("callback"), calls::case_id.eq(work.case.0)))
        .returning(calls::arrived_at)
        .count_changed(c)?;
    Ok(())
}

/// An agent has accepted: may the customer be dialled?
#[derive(Debug, Clone)]
pub struct Reserve {
    /// The case.
    pub case: CaseId,
    /// The call that the callback is.
    pub call: CallId,
    /// The agent's offer.
    pub offer: OfferId,
    /// The agent.
    pub agent: AgentName,
    /// His leg.
    pub leg: ChannelId,
    /// When he accepted.
    pub answered_at: UnixMs,
    /// When.
    pub at: UnixMs,
}

/// Why the customer is not dialled.
#[derive(Debug, Clone)]
pub enum NotReserved {
    /// Another agent was first, or the case is not this callback's any more.
    Taken,
    /// A guard refused.
    Guard(Refusal),
}

/// Makes the agent the winner, asks every guard again, and takes a place among the day's attempts.
///
/// # Errors
/// When the database fails; a refusal is a result.
pub fn reserve(
    c: &mut Database,
    terms: &Terms,
    wanted: &Reserve,
) -> Result<Result<AttemptId, NotReserved>, StoreError> {
    let case = held(c, wanted.case)?;
    let ours = case.claimed_by.as_deref() == Some(wanted.call.to_string().as_str());
    if case.closed_at.is_some() || stage_of(&case)? != Stage::Claimed || !ours {
        return Ok(Err(NotReserved::Taken));
    }
    let (policy, asked) = check(c, &case, terms, wanted.at)?;
    let permit = match asked {
        Ok(permit) => permit,
        Err(refusal) => {
            refused(c, &case, &policy, &refusal, wanted.agent.as_str(), wanted.at)?;
            follow_refusal(c, &case, terms, &refusal, wanted.at)?;
            return Ok(Err(NotReserved::Guard(refusal)));
        }
    };
    if !offers::win(c, wanted.offer, wanted.call, wanted.leg, wanted.answered_at)? {
        return Ok(Err(NotReserved::Taken));
    }
    let reserved = Reserved {
        call: wanted.call,
        agent: Some(&wanted.agent),
        by: wanted.agent.as_str(),
        way: Way::Callback,
        policy: &policy,
        permit: &permit,
        at: wanted.at,
    };
    Ok(Ok(reserve_place(c, &case, terms, &reserved)?))
}

/// An attempt that every guard permits.
pub(super) struct Reserved<'a> {
    pub call: CallId,
    pub agent: Option<&'a AgentName>,
    pub by: &'a str,
    pub way: Way,
    pub policy: &'a Policy,
    pub permit: &'a Permit,
    pub at: UnixMs,
}

/// Takes the attempt's place among those of the day; the case waits for its end.
pub(super) fn reserve_place(
    c: &mut Database,
    case: &CaseRow,
    terms: &Terms,
    wanted: &Reserved<'_>,
) -> Result<AttemptId, StoreError> {
    let queue = terms.queue_of(case)?;
    let day = terms.hours(queue.as_ref()).business_day(wanted.at).to_string();
    let attempt = attempts::reserve(
        c,
        &Reservation {
            case: CaseId(case.id),
            number: &case.number,
            business_day: &day,
            call: wanted.call,
            agent: wanted.agent,
            by: wanted.by,
            way: wanted.way,
            queue: queue.as_ref(),
            policy: wanted.policy,
            permit: wanted.permit,
            at: wanted.at,
        },
    )?;
    let until = wanted.at + terms.watchdog;
    make(c, case, Step::Dial, &Move { next_at: Some(until), claimed_by: Some(wanted.by) })?;
    if case.first_attempt_at.is_none() {
        diesel::update(cases::table.find(case.id))
            .set(cases::first_attempt_at.eq(wanted.at.0))
            .returning(cases::id)
            .count_changed(c)?;
    }
    note(c, case, Note::Dial { agent: wanted.by, ordinal: wanted.permit.ordinal }, wanted.at)?;
    Ok(attempt)
}

/// The customer's phone is being called.
///
/// # Errors
/// When the database fails.
pub fn dialled(c: &mut Database, attempt: AttemptId, at: UnixMs) -> Result<(), StoreError> {
    attempts::dialled(c, attempt, at)
}

/// The two talk.
///
/// # Errors
/// When the database fails.
pub fn talk(
    c: &mut Database,
    attempt: AttemptId,
    offer: OfferId,
    call: CallId,
    at: UnixMs,
) -> Result<(), StoreError> {
    offers::bridged(c, offer, call, at)?;
    attempts::answered(c, attempt, at)
}

/// How a callback ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum How {
    /// No agent came of it, for this reason: the case is offered anew.
    Released(&'static str),
    /// A guard refused the dial.
    Refused(Guard),
    /// The customer was dialled, or about to be, and not reached.
    Unreached {
        /// The attempt.
        attempt: AttemptId,
        /// What came of it.
        result: Outcome,
        /// Whether it counts.
        counted: bool,
        /// FreeSWITCH's cause, or ours.
        cause: String,
    },
    /// The customer rang in while he was dialled, and got the agent.
    Met {
        /// The attempt.
        attempt: AttemptId,
    },
    /// The two talked.
    Talked {
        /// The attempt.
        attempt: AttemptId,
        /// Why the customer's leg ended.
        cause: String,
        /// Since when they talked.
        answered_at: UnixMs,
    },
    /// We died, and nobody knows.
    Lost,
}

impl How {
    /// In one word, for the metric and the log.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Released(_) => "released",
            Self::Refused(_) => "refused",
            Self::Unreached { .. } => "unreached",
            Self::Met { .. } => "met",
            Self::Talked { .. } => "talked",
            Self::Lost => "lost",
        }
    }

    fn cause(&self) -> String {
        match self {
            Self::Released(why) => (*why).to_owned(),
            Self::Refused(guard) => guard.as_str().to_owned(),
            Self::Unreached { cause, .. } | Self::Talked { cause, .. } => cause.clone(),
            Self::Met { .. } => "CALLER_IS_HERE".to_owned(),
            Self::Lost => "CONTROLLER_RESTARTED".to_owned(),
        }
    }

    const fn ending(&self) -> (Ending, CallStage) {
        match self {
            Self::Talked { .. } => (Ending::Answered, CallStage::Talking),
            Self::Released(_) | Self::Refused(_) => (Ending::Refused, CallStage::Waiting),
            Self::Unreached { .. } | Self::Met { .. } => (Ending::TimedOut, CallStage::Ringing),
            Self::Lost => (Ending::Lost, CallStage::Ringing),
        }
    }
}

/// A callback that has ended.
#[derive(Debug, Clone)]
pub struct End {
    /// The case.
    pub case: CaseId,
    /// The call that it was.
    pub call: CallId,
    /// How.
    pub how: How,
    /// When.
    pub at: UnixMs,
}

/// Records the end of a callback: its call, its attempt, and what follows for the case, in one transaction. Where the
/// case stands now. Repeating it changes nothing.
///
/// # Errors
/// When the database fails.
pub fn end(c: &mut Database, terms: &Terms, end: &End) -> Result<String, StoreError> {
    let case = held(c, end.case)?;
    let attempt = attempts::of_call(c, &end.call.to_string())?;
    let talked = attempt.is_some_and(|row| matches!(row.state.as_str(), "talking" | "wrapping_up"));
    let (ending, stage) = if talked { (Ending::Answered, CallStage::Talking) } else { end.how.ending() };
    let answered_at = match end.how {
        How::Talked { answered_at, .. } => Some(answered_at),
        _ => None,
    };
    call_rows::end(
        c,
        &call_rows::Ended {
            call: end.call,
            ending,
            stage,
            cause: end.how.cause(),
            answered_at,
            verdict: Verdict::Nothing(Why::Internal),
            settle: Duration::ZERO,
            tell: false,
            at: end.at,
        },
    )?;
    match &end.how {
        How::Released(_) => release(c, &case, end)?,
        How::Refused(_) => {}
        How::Unreached { attempt, result, counted, cause } => {
            let finish = Finish {
                attempt: *attempt,
                result: *result,
                counted: *counted,
                cause: Some(cause),
                note: None,
                at: end.at,
            };
            finish_and_follow(c, &case, terms, &finish, None)?;
        }
        How::Met { attempt } => {
            let finish = Finish {
                attempt: *attempt,
                result: Outcome::Cancelled,
                counted: true,
                cause: Some("CALLER_IS_HERE"),
                note: None,
                at: end.at,
            };
            finish_and_follow(c, &case, terms, &finish, None)?;
        }
        How::Talked { attempt, cause, answered_at } => {
            attempts::answered(c, *attempt, *answered_at)?;
            talk_over(c, &case, *attempt, cause, end.at)?;
        }
        How::Lost => orphan(c, &case, terms, end)?,
    }
    Ok(super::cases::get(c, end.case)?.stage)
}

/// The talk is over: a person is to say what came of it. Who dialled himself may forget to, and is not waited for.
fn talk_over(
    c: &mut Database,
    case: &CaseRow,
    attempt: AttemptId,
    cause: &str,
    at: UnixMs,
) -> Result<(), StoreError> {
    attempts::talk_ended(c, attempt, cause, at)?;
    if attempts::get(c, attempt)?.way == Way::Handset.as_str() && case.closed_at.is_none() {
        diesel::update(cases::table.find(case.id))
            .set(cases::next_at.eq((at + WORD_WITHIN).0))
            .returning(cases::id)
            .count_changed(c)?;
    }
    Ok(())
}

/// The case is offered anew, if this callback still has it.
fn release(c: &mut Database, case: &CaseRow, end: &End) -> Result<(), StoreError> {
    let ours = case.claimed_by.as_deref() == Some(end.call.to_string().as_str());
    if case.closed_at.is_none() && stage_of(case)? == Stage::Claimed && ours {
        make(c, case, Step::Release, &Move { next_at: Some(end.at), ..Move::default() })?;
    }
    Ok(())
}

/// Nobody knows how far it was: counted, so that there is never a fourth.
fn orphan(c: &mut Database, case: &CaseRow, terms: &Terms, end: &End) -> Result<(), StoreError> {
    let Some(row) = attempts::of_call(c, &end.call.to_string())?.filter(|row| row.result.is_none()) else {
        return release(c, case, end);
    };
    if row.state == "talking" {
        return talk_over(c, case, AttemptId(row.id), "CONTROLLER_RESTARTED", end.at);
    }
    if row.state == "wrapping_up" {
        return Ok(());
    }
    let finish = Finish {
        attempt: AttemptId(row.id),
        result: Outcome::Orphaned,
        counted: true,
        cause: Some("CONTROLLER_RESTARTED"),
        note: None,
        at: end.at,
    };
    finish_and_follow(c, case, terms, &finish, None)
}

/// Puts a case off until a later time. One that somebody has is not.
///
/// # Errors
/// [`StoreError::Refused`] when somebody has it, or it is closed.
pub fn defer(c: &mut Database, id: CaseId, until: UnixMs) -> Result<(), StoreError> {
    let case = held(c, id)?;
    if case.closed_at.is_some() || matches!(stage_of(&case)?, Stage::Claimed | Stage::Attempting) {
        return Err(StoreError::Refused(format!(
            "case {id} is closed, or somebody is calling: it cannot be put off"
        )));
    }
    diesel::update(cases::table.find(id.0))
        .set(cases::not_before.eq(until.0))
        .returning(cases::id)
        .count_changed(c)?;
    later(c, &case, until)
}

/// Makes a case due now, before all others. Every guard is asked; the refusal of one is a result, and is kept.
///
/// # Errors
/// [`StoreError::Refused`] when somebody has it, or it is closed.
pub fn now(
    c: &mut Database,
    terms: &Terms,
    id: CaseId,
    by: &str,
    at: UnixMs,
) -> Result<Result<(), Refusal>, StoreError> {
    let case = held(c, id)?;
    let stage = stage_of(&case)?;
    if case.closed_at.is_some() || matches!(stage, Stage::Claimed | Stage::Attempting) {
        return Err(StoreError::Refused(format!("case {id} is closed, or somebody is calling already")));
    }
    let (policy, asked) = check(c, &case, terms, at)?;
    if let Err(refusal) = asked {
        refused(c, &case, &policy, &refusal, by, at)?;
        return Ok(Err(refusal));
    }
    if stage != Stage::Due {
        open(c, &case, terms, at)?;
    }
    let most: Option<i32> =
        cases::table.filter(cases::closed_at.is_null()).select(diesel::dsl::max(cases::priority)).first(c)?;
    diesel::update(cases::table.find(id.0))
        .set((
            cases::not_before.eq(None::<i64>),
            cases::priority.eq(most.unwrap_or_default().saturating_add(1)),
        ))
        .returning(cases::id)
        .count_changed(c)?;
    Ok(Ok(()))
}

/// What a person says of an attempt.
#[derive(Debug, Clone)]
pub struct Disposition<'a> {
    /// Of which case's attempt.
    pub case: CaseId,
    /// What came of it.
    pub result: Outcome,
    /// When he wants to be called, if he said so.
    pub later: Option<UnixMs>,
    /// What is worth knowing.
    pub note: Option<&'a str>,
    /// Who says so.
    pub by: &'a str,
    /// When.
    pub at: UnixMs,
}

/// Records the disposition that a talk is owed, and moves the case on. The attempt's agent.
///
/// # Errors
/// [`StoreError::Refused`] when no attempt of the case waits for one, or the result says that nobody answered though
/// nobody can know it better than FreeSWITCH.
pub fn dispose(
    c: &mut Database,
    terms: &Terms,
    said: &Disposition<'_>,
) -> Result<Option<AgentName>, StoreError> {
    let case = held(c, said.case)?;
    let waiting = attempts::unfinished(c, &case.number)?
        .filter(|row| row.state == "wrapping_up" && row.case_id == case.id);
    let Some(row) = waiting else {
        return Err(StoreError::Refused(format!(
            "no attempt of case {} waits for its result: `dozvon case attempt` records one that was made elsewhere",
            said.case
        )));
    };
    if said.result.may_be_uncounted() || said.result == Outcome::Orphaned {
        return Err(StoreError::Refused(format!("{} is not for people to say", said.result)));
    }
    let finish = Finish {
        attempt: AttemptId(row.id),
        result: said.result,
        counted: true,
        cause: None,
        note: said.note,
        at: said.at,
    };
    finish_and_follow(c, &case, terms, &finish, said.later)?;
    note(c, &case, Note::Disposition { result: said.result, by: said.by }, said.at)?;
    read_option("attempts.agent", row.agent.as_ref())
}

/// Records an attempt that somebody made elsewhere, and moves the case on.
///
/// # Errors
/// As [`attempts::record`].
pub fn report(
    c: &mut Database,
    terms: &Terms,
    made: &attempts::Made<'_>,
) -> Result<attempts::AttemptRow, StoreError> {
    let case = held(c, made.case)?;
    let row = attempts::record(c, made)?;
    if made.counted && case.first_attempt_at.is_none() {
        diesel::update(cases::table.find(case.id))
            .set(cases::first_attempt_at.eq(made.at.0))
            .returning(cases::id)
            .count_changed(c)?;
    }
    note(c, &case, Note::Attempt(&row), made.at)?;
    note(c, &case, Note::Disposition { result: made.result, by: made.by }, made.at)?;
    let stage = stage_of(&case)?;
    let theirs = matches!(stage, Stage::Claimed | Stage::Attempting);
    if made.result.consequence() == Consequence::Again && (theirs || stage == Stage::HandedOver) {
        // Somebody has it: what he does decides.
        return Ok(row);
    }
    if !theirs {
        make(c, &case, Step::Dial, &Move { claimed_by: Some(made.by), ..Move::default() })?;
    }
    let case = super::cases::get(c, made.case)?;
    follow(c, &case, terms, &After { result: made.result, counted: made.counted, later: None, at: made.at })?;
    Ok(row)
}

/// Completes an attempt and moves its case on.
fn finish_and_follow(
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
    if !finish.counted {
        let first = attempts::first_counted(c, CaseId(case.id))?;
        diesel::update(cases::table.find(case.id))
            .set(cases::first_attempt_at.eq(first))
            .returning(cases::id)
            .count_changed(c)?;
    }
    follow(c, case, terms, &After { result: finish.result, counted: finish.counted, later, at: finish.at })
}

/// An attempt that has ended.
struct After {
    result: Outcome,
    counted: bool,
    /// When the customer wants to be called.
    later: Option<UnixMs>,
    at: UnixMs,
}

/// What follows for a case from the result of an attempt.
fn follow(c: &mut Database, case: &CaseRow, terms: &Terms, after: &After) -> Result<(), StoreError> {
    suppress(c, case, after.result, after.at)?;
    match after.result.consequence() {
        Consequence::Again => again(c, case, terms, after),
        Consequence::Close(reason) | Consequence::Suppress(reason) => close(c, case, reason, after.at),
    }
}

/// Forbids further calls to the number, if the result says so.
fn suppress(c: &mut Database, case: &CaseRow, result: Outcome, at: UnixMs) -> Result<(), StoreError> {
    match result.consequence() {
        Consequence::Suppress(reason) => {
            dnc::suppress(c, &read("cases.number", &case.number)?, reason, "system", at)
        }
        Consequence::Again | Consequence::Close(_) => Ok(()),
    }
}

/// How soon a dial that failed by our own fault is made again, the first, second and third time; then as after any
/// attempt. Source: facts/callbacks.md §5.3.
const FAILED: [Duration; 3] = [Duration::from_secs(30), Duration::from_secs(120), Duration::from_secs(300)];

/// Another attempt is owed: later today, or by the repeat-contacts queue.
fn again(c: &mut Database, case: &CaseRow, terms: &Terms, after: &After) -> Result<(), StoreError> {
    let at = after.at;
    let standing = standing(c, case, terms, at)?;
    let (_, applies) = terms.applies(case)?;
    let asked = after.later.filter(|_| after.result == Outcome::CallLater);
    let pause = if after.counted {
        // The retry has a reaction time of its own, from when it is due.
        let attempted = diesel::update(cases::table.find(case.id)).set(cases::due_at.eq(None::<i64>));
        attempted.returning(cases::id).count_changed(c)?;
        Duration::ZERO
    } else {
        let failed = attempts::failed_since(c, CaseId(case.id), standing.last_counted_at)?;
        FAILED.get(failed.saturating_sub(1)).copied().unwrap_or_else(|| applies.policy.gap_after(0))
    };
    match regulation::after_attempt(&standing, &applies.bounds(terms), asked, at) {
        Next::Retry(then) => {
            let to = Move { next_at: Some(then.max(at + pause)), ..Move::default() };
            make(c, case, Step::Retry, &to)
        }
        Next::HandOver => hand_over(c, case, terms, &applies, at),
    }
}

/// The day's attempts or its lawful time are used up.
fn hand_over(
    c: &mut Database,
    case: &CaseRow,
    terms: &Terms,
    applies: &Applies<'_>,
    at: UnixMs,
) -> Result<(), StoreError> {
    let spent = attempts::counted_of_case(c, CaseId(case.id))? >= i64::from(applies.policy.repeat_total)
        || case.repeat_days >= applies.policy.repeat_days;
    if spent && case.handed_over_at.is_some() {
        return close(c, case, Closed::Unreachable, at);
    }
    let queue = terms.repeat_queue.as_ref().filter(|name| terms.rules.queues.contains_key(*name));
    let hours = terms.hours(queue.or(terms.queue_of(case)?.as_ref()));
    // After midnight of a night shift the next business day may have begun by the other queue's calendar.
    let begun = hours.business_day(at) > applies.hours.business_day(at);
    let next_at = if begun { hours.next_open(at) } else { hours.next_day(at) };
    make(c, case, Step::HandOver, &Move { next_at, ..Move::default() })?;
    diesel::update(cases::table.find(case.id))
        .set((
            cases::handed_over_at.eq(case.handed_over_at.unwrap_or(at.0)),
            cases::repeat_days.eq(case.repeat_days + 1),
            cases::queue.eq(queue.map(QueueName::as_str).or(case.queue.as_deref())),
        ))
        .returning(cases::id)
        .count_changed(c)?;
    if case.handed_over_at.is_none() {
        note(c, case, Note::Told(EventKind::CaseHandedOver), at)?;
    }
    Ok(())
}
