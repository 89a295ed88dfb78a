//! Cases: the callbacks that a number needs. At most one case is open for each number.

use std::time::Duration;

use diesel::prelude::*;

use super::dialect::{cached::Cache as _, columns, hold};
use super::error::Found as _;
use super::notes::{Came, Note, note};
use super::schema::{calls, case_misses, cases, requests};
use super::{Database, StoreError, dnc, flood, rules};
use crate::calendar::business_day::BusinessDay;
use crate::clock::UnixMs;
use crate::ids::{AgentName, CallId, CaseId, QueueName};
use crate::missed::case::{Closed, Reason, Stage, State};
use crate::missed::contact::Contact;
use crate::missed::flood::Limits;
use crate::missed::plan::{self, Case};
use crate::missed::wish::{self, Source, Wish};
use crate::phone::E164;

/// A missed call that needs a callback.
#[derive(Debug)]
pub(super) struct Miss<'a> {
    pub call: CallId,
    /// When the call arrived.
    pub began_at: UnixMs,
    pub number: &'a E164,
    pub reason: Reason,
    pub queue: Option<&'a QueueName>,
    pub business_day: BusinessDay,
    pub wait_ms: Option<i64>,
    /// How long the caller may call again before the case becomes due.
    pub settle: Duration,
    /// How long somebody must have talked with us for their number to be known.
    pub min_talk: Duration,
    /// Where the call came from: a gateway, or the address of the other side.
    pub came_by: Option<&'a str>,
    /// How many cases missed calls may open in an hour.
    pub flood: Limits,
    pub at: UnixMs,
}

/// Opens a case for the number, or counts the missed call in the case that is open.
pub(super) fn open_or_join(c: &mut Database, miss: &Miss<'_>) -> Result<CaseId, StoreError> {
    hold::number(c, miss.number)?;
    hold::open_case(c, miss.number)?;
    let came = Came::Call { call: miss.call, began_at: miss.began_at, wait_ms: miss.wait_ms };
    let id = match open_of(c, miss.number)? {
        Some(case) => {
            diesel::update(cases::table.find(case.id))
                .set((
                    cases::misses.eq(cases::misses + 1),
                    cases::last_miss_at.eq(miss.at),
                    cases::priority.eq(cases::priority + 1),
                    cases::queue.eq(owner(c, &case, miss.queue)?),
                    cases::next_at.eq(plan::sooner(&Case::from(&case), miss.at + miss.settle)),
                    kept(wish::after_miss(wish_of(&case))),
                ))
                .returning(cases::id)
                .count_changed(c)?;
            let case = get(c, case.id)?;
            note(c, &case, Note::Again(came), miss.at)?;
            case.id
        }
        None => {
            let flooded = flood::over(c, miss)?;
            let new = New {
                number: miss.number,
                reason: miss.reason,
                queue: miss.queue,
                misses: 1,
                business_day: miss.business_day,
                next_at: Some(miss.at + miss.settle).filter(|_| !flooded),
                came_by: miss.came_by,
                flooded,
                wish: None,
                came,
                at: miss.at,
            };
            insert(c, &new)?
        }
    };
    diesel::insert_into(case_misses::table)
        .values((
            case_misses::call.eq(miss.call),
            case_misses::case_id.eq(id),
            case_misses::at.eq(miss.at),
            case_misses::reason.eq(miss.reason),
            case_misses::queue.eq(miss.queue),
            case_misses::wait_ms.eq(miss.wait_ms),
        ))
        .insert(c)?;
    Ok(id)
}

/// Returns the queue of a case after one more missed call: the queue of the latest missed call that reached one. The
/// case keeps its old queue if it was handed over, or if a stricter law applies in that queue.
fn owner(
    c: &mut Database,
    case: &CaseRow,
    queue: Option<&QueueName>,
) -> Result<Option<QueueName>, StoreError> {
    let (Some(old), Some(new)) = (&case.queue, queue) else {
        return Ok(case.queue.as_ref().or(queue).cloned());
    };
    let keeps = case.handed_over_at.is_some()
        || (old != new && rules::profile_of(c, old)? > rules::profile_of(c, new)?);
    Ok(Some(if keeps { old } else { new }.clone()))
}

/// A case that is about to be opened.
struct New<'a> {
    number: &'a E164,
    reason: Reason,
    queue: Option<&'a QueueName>,
    misses: i32,
    business_day: BusinessDay,
    /// When the case is looked at next; never while it waits for people.
    next_at: Option<UnixMs>,
    came_by: Option<&'a str>,
    flooded: bool,
    wish: Option<Wish>,
    came: Came,
    at: UnixMs,
}

fn insert(c: &mut Database, new: &New<'_>) -> Result<CaseId, StoreError> {
    let previous: Option<CaseId> =
        cases::table.filter(cases::number.eq(new.number)).select(diesel::dsl::max(cases::id)).first(c)?;
    let id = diesel::insert_into(cases::table)
        .values((
            cases::number.eq(new.number),
            cases::state.eq(State::Open),
            cases::stage.eq(Stage::Settling),
            cases::reason.eq(new.reason),
            cases::queue.eq(new.queue),
            cases::opened_at.eq(new.at),
            cases::last_miss_at.eq(new.at),
            cases::misses.eq(new.misses),
            cases::business_day.eq(new.business_day),
            cases::next_at.eq(new.next_at),
            cases::came_by.eq(new.came_by),
            cases::flooded.eq(new.flooded),
            kept(new.wish.clone()),
            cases::previous_case.eq(previous),
        ))
        .returning(cases::id)
        .get_result(c)?;
    let case = get(c, id)?;
    note(c, &case, Note::Opened(new.came), new.at)?;
    Ok(id)
}

/// A request for a callback that is not a call: from a form, a bot or a colleague.
#[derive(Debug, Clone)]
pub struct Asked<'a> {
    /// The number to call.
    pub number: &'a E164,
    /// The way in which the callback was asked for.
    pub reason: Reason,
    /// The request, if a form or a bot sent one.
    pub request: Option<i64>,
    /// The queue that the request concerns.
    pub queue: Option<&'a QueueName>,
    /// The business day of the request.
    pub business_day: BusinessDay,
    /// The time before which the person wants no call.
    pub not_before: Option<UnixMs>,
    /// The sender: a colleague, a form or a program.
    pub by: &'a str,
    /// Whether the sender is known. An unknown sender cannot put a call off.
    pub known: bool,
    /// The time of the request.
    pub at: UnixMs,
}

impl Asked<'_> {
    fn wish(&self) -> Option<Wish> {
        let source = Some(if self.request.is_some() { Source::Request } else { Source::Person });
        let by = Some(self.by.to_owned());
        self.not_before.map(|not_before| Wish { not_before, source, by })
    }

    /// Returns the time before which the case is not called after this request. A colleague who names no time changes
    /// none.
    fn leaves(&self, stands: Option<Wish>) -> Option<Wish> {
        match (self.not_before, self.request) {
            (None, None) => stands,
            _ => wish::after_request(stands, self.wish(), self.known),
        }
    }
}

/// The columns that hold the time before which a case is not called.
type KeptWish = (
    diesel::dsl::Eq<cases::not_before, Option<UnixMs>>,
    diesel::dsl::Eq<cases::not_before_source, Option<Source>>,
    diesel::dsl::Eq<cases::not_before_by, Option<String>>,
);

/// Returns the values of these columns: the time, and who asked for it.
pub(super) fn kept(wish: Option<Wish>) -> KeptWish {
    let (at, source) = wish.as_ref().map_or((None, None), |wish| (Some(wish.not_before), wish.source));
    (
        cases::not_before.eq(at),
        cases::not_before_source.eq(source),
        cases::not_before_by.eq(wish.and_then(|wish| wish.by)),
    )
}

fn wish_of(case: &CaseRow) -> Option<Wish> {
    let (source, by) = (case.not_before_source, case.not_before_by.clone());
    case.not_before.map(|not_before| Wish { not_before, source, by })
}

/// Opens a case for somebody who asks for a call. If a case is open already, applies the request to that case.
///
/// # Errors
/// When the database fails.
pub fn open_asked(c: &mut Database, asked: &Asked<'_>) -> Result<CaseId, StoreError> {
    let number = asked.number;
    hold::number(c, number)?;
    hold::open_case(c, number)?;
    let came = asked.request.map_or(Came::Hand, Came::Request);
    let Some(case) = open_of(c, number)? else {
        let new = New {
            number,
            reason: asked.reason,
            queue: asked.queue,
            misses: 0,
            business_day: asked.business_day,
            next_at: Some(asked.not_before.unwrap_or(asked.at)),
            came_by: None,
            flooded: false,
            wish: asked.wish(),
            came,
            at: asked.at,
        };
        return insert(c, &new);
    };
    let case = flood::taken_up(c, case, asked.at)?;
    diesel::update(cases::table.find(case.id))
        .set((
            cases::priority.eq(cases::priority + 1),
            // A person who asks again without naming a time wants to be called as soon as possible.
            kept(asked.leaves(wish_of(&case))),
            cases::next_at.eq(plan::sooner(&Case::from(&case), asked.at)),
            // A request from the customer shows that they can be reached, so it counts like a call of theirs. A request
            // from a colleague does not.
            cases::last_miss_at.eq(asked.request.map_or(case.last_miss_at, |_| asked.at)),
        ))
        .returning(cases::id)
        .count_changed(c)?;
    let case = get(c, case.id)?;
    note(c, &case, Note::Again(came), asked.at)?;
    Ok(case.id)
}

/// Returns when a call of a case's customer was last missed.
pub(super) fn missed_at(c: &mut Database, id: CaseId) -> Result<Option<UnixMs>, StoreError> {
    let missed = case_misses::table.filter(case_misses::case_id.eq(id));
    Ok(missed.select(diesel::dsl::max(case_misses::at)).first(c)?)
}

/// Returns when a form or a bot last asked for a call.
pub(super) fn asked_at(c: &mut Database, id: CaseId) -> Result<Option<UnixMs>, StoreError> {
    let asked = requests::table.filter(requests::case_id.eq(id));
    Ok(asked.select(diesel::dsl::max(requests::received_at)).first(c)?)
}

/// Returns how many cases of a queue are open.
pub(super) fn open_in(c: &mut Database, queue: &QueueName) -> Result<i64, StoreError> {
    let open = cases::table.filter(cases::closed_at.is_null().and(cases::queue.eq(queue)));
    Ok(open.count().get_result(c)?)
}

/// Returns the open case of a number.
///
/// # Errors
/// When the database fails.
pub fn open_of(c: &mut Database, number: &E164) -> Result<Option<CaseRow>, StoreError> {
    let open = cases::table.filter(cases::number.eq(number).and(cases::closed_at.is_null()));
    Ok(open.select(columns::<CaseRow>()).first(c).optional()?)
}

/// Closes the open case of a number after a talk outside the case, if the talk was long enough and began after the
/// latest missed call. An attempt that is under way, or waits for its disposition, goes on unchanged.
///
/// # Errors
/// When the database fails.
pub(super) fn reached(
    c: &mut Database,
    number: &E164,
    talk: Contact,
    min_talk: Duration,
) -> Result<(), StoreError> {
    hold::number(c, number)?;
    hold::open_case(c, number)?;
    match open_of(c, number)?.filter(|case| talk.settles(case.last_miss_at, min_talk)) {
        Some(case) => close(c, case.id, Closed::CallerReachedUs, "system", None, talk.ended_at).map(drop),
        None => Ok(()),
    }
}

/// A case as pages and commands show it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, Queryable, Selectable)]
#[diesel(table_name = cases)]
pub struct CaseRow {
    /// The case's identity.
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

/// Returns how many open cases are due, are being called, or become so by `now`.
///
/// # Errors
/// When the database fails.
pub fn in_hand(c: &mut Database, now: UnixMs) -> Result<i64, StoreError> {
    let busy = [Stage::Due, Stage::Claimed, Stage::Attempting];
    let soon = cases::next_at.assume_not_null().le(now);
    Ok(cases::table
        .filter(
            cases::closed_at
                .is_null()
                .and(cases::stage.eq_any(busy).or(cases::next_at.is_not_null().and(soon))),
        )
        .count()
        .get_result(c)?)
}

/// Returns cases, oldest first: all of them, or those in one state, or those of one queue.
///
/// # Errors
/// When the database fails.
pub fn list(
    c: &mut Database,
    state: Option<State>,
    queue: Option<&QueueName>,
    limit: i64,
) -> Result<Vec<CaseRow>, StoreError> {
    let oldest = cases::table.select(columns::<CaseRow>()).order((cases::opened_at, cases::id));
    let query = oldest.limit(limit).into_boxed();
    let query = match state {
        None => query,
        Some(State::Open) => query.filter(cases::closed_at.is_null()),
        Some(State::Closed) => query.filter(cases::closed_at.is_not_null()),
    };
    let query = match queue {
        None => query,
        Some(queue) => query.filter(cases::queue.eq(queue)),
    };
    Ok(query.load(c)?)
}

/// Returns one case.
///
/// # Errors
/// [`StoreError::NotFound`] when no case has this identity.
pub fn get(c: &mut Database, id: CaseId) -> Result<CaseRow, StoreError> {
    cases::table.find(id).select(columns::<CaseRow>()).first(c).found("case", id)
}

/// Returns the case that a missed call opened or joined.
///
/// # Errors
/// When the database fails.
pub fn of_call(c: &mut Database, call: CallId) -> Result<Option<CaseId>, StoreError> {
    let missed = case_misses::table.find(call).select(case_misses::case_id);
    Ok(missed.first(c).optional()?)
}

/// Returns the name of a case's customer: the name in the latest request, or else in the latest missed call.
///
/// # Errors
/// When the database fails.
pub fn name_of(c: &mut Database, id: CaseId) -> Result<Option<String>, StoreError> {
    let asked: Option<Option<String>> = requests::table
        .filter(requests::case_id.eq(id).and(requests::name.is_not_null()))
        .order(requests::id.desc())
        .select(requests::name)
        .first(c)
        .optional()?;
    if let Some(Some(name)) = asked {
        return Ok(Some(name));
    }
    let called = case_misses::table
        .inner_join(calls::table.on(calls::id.eq(case_misses::call)))
        .filter(case_misses::case_id.eq(id).and(calls::caller_name.ne("")))
        .order(case_misses::at.desc())
        .select(calls::caller_name);
    Ok(called.first(c).optional()?)
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

/// Returns the missed calls of a case, oldest first.
///
/// # Errors
/// When the database fails.
pub fn misses(c: &mut Database, id: CaseId) -> Result<Vec<MissRow>, StoreError> {
    Ok(case_misses::table
        .inner_join(calls::table.on(calls::id.eq(case_misses::call)))
        .filter(case_misses::case_id.eq(id))
        .order(case_misses::at)
        .select(columns::<MissRow>())
        .load(c)?)
}

/// Closes an open case because a person asks for it. What the reason says of further calls applies: a number that is
/// not to be called, or that is somebody else's, goes on the do-not-call list.
///
/// # Errors
/// As [`close`]; [`StoreError::Refused`] also for [`Closed::Erased`]: only the erasure of the case's customer closes a
/// case with that reason.
pub fn close_by_hand(
    c: &mut Database,
    id: CaseId,
    reason: Closed,
    by: &str,
    remark: Option<&str>,
    at: UnixMs,
) -> Result<CaseRow, StoreError> {
    let case = super::callbacks::held(c, id)?;
    match reason {
        Closed::Erased => return Err(StoreError::Refused(Closed::ONLY_BY_ERASURE.to_owned())),
        Closed::DoNotCall | Closed::WrongNumber if case.closed_at.is_none() => {
            dnc::suppress(c, &case.number, reason, by, at)?;
        }
        _ => {}
    }
    close(c, id, reason, by, remark, at)
}

/// Closes an open case.
///
/// # Errors
/// [`StoreError::NotFound`] when there is no such case; [`StoreError::Refused`] when it is closed already.
pub fn close(
    c: &mut Database,
    id: CaseId,
    reason: Closed,
    by: &str,
    remark: Option<&str>,
    at: UnixMs,
) -> Result<CaseRow, StoreError> {
    let open = cases::table.find(id).filter(cases::closed_at.is_null());
    let closed = diesel::update(open)
        .set((
            cases::state.eq(State::Closed),
            cases::closed_at.eq(at),
            cases::close_reason.eq(reason),
            cases::closed_by.eq(by),
            cases::note.eq(remark),
            cases::next_at.eq(None::<UnixMs>),
        ))
        .returning(cases::id)
        .count_changed(c)?;
    let case = get(c, id)?;
    if closed == 0 {
        let why = case.close_reason.map_or("", Closed::as_str);
        return Err(StoreError::Refused(format!("case {id} is closed already ({why})")));
    }
    note(c, &case, Note::Closed { reason, by }, at)?;
    Ok(case)
}
