//! Cases: what we owe a number. At most one is open for each.

use std::time::Duration;

use diesel::prelude::*;

use super::dialect::{cached::Cache as _, columns, hold};
use super::error::Found as _;
use super::notes::{Came, Note, note};
use super::schema::{calls, case_misses, cases, requests};
use super::{Database, StoreError, dnc, flood, rules};
use crate::clock::UnixMs;
use crate::ids::{AgentName, CallId, CaseId, QueueName};
use crate::missed::case::{Closed, Reason, Stage, State};
use crate::missed::contact::Contact;
use crate::missed::flood::Limits;
use crate::missed::plan::{self, Case};
use crate::missed::wish::{self, Source, Wish};
use crate::phone::E164;

/// A missed call that is owed.
#[derive(Debug)]
pub(super) struct Miss<'a> {
    pub call: CallId,
    /// When it came.
    pub began_at: UnixMs,
    pub number: &'a E164,
    pub reason: Reason,
    pub queue: Option<&'a QueueName>,
    pub business_day: &'a str,
    pub wait_ms: Option<i64>,
    /// How long the caller may ring again before somebody is to call him.
    pub settle: Duration,
    /// How long somebody must have talked with us to be known.
    pub min_talk: Duration,
    /// Over what it came.
    pub came_by: Option<&'a str>,
    /// How many cases missed calls may open in an hour.
    pub flood: Limits,
    pub at: UnixMs,
}

/// Opens a case for the number, or counts the miss in the one that is open.
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

/// Whose case it is after one more miss: of the queue of the latest miss that reached one, unless it was handed over,
/// or a stricter law holds for it where it is.
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

/// A case that is opened.
struct New<'a> {
    number: &'a E164,
    reason: Reason,
    queue: Option<&'a QueueName>,
    misses: i32,
    business_day: &'a str,
    /// When it is looked at; never while it waits for people.
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

/// What somebody asks for who did not ring: a form, a bot, one of us.
#[derive(Debug, Clone)]
pub struct Asked<'a> {
    /// Whom to call.
    pub number: &'a E164,
    /// How he asked.
    pub reason: Reason,
    /// His request, if a form or a bot sent one.
    pub request: Option<i64>,
    /// Whose matter it is.
    pub queue: Option<&'a QueueName>,
    /// The day on which he asked, as `YYYY-MM-DD`.
    pub business_day: &'a str,
    /// Not before this.
    pub not_before: Option<UnixMs>,
    /// Who asks: one of us, a form or a program.
    pub by: &'a str,
    /// Whether it is known who that is: who is not known puts no call off.
    pub known: bool,
    /// When.
    pub at: UnixMs,
}

impl Asked<'_> {
    fn wish(&self) -> Option<Wish> {
        let source = Some(if self.request.is_some() { Source::Request } else { Source::Person });
        let by = Some(self.by.to_owned());
        self.not_before.map(|not_before| Wish { not_before, source, by })
    }

    /// Before which time the case is not called after this. One of us who names no time changes none.
    fn leaves(&self, stands: Option<Wish>) -> Option<Wish> {
        match (self.not_before, self.request) {
            (None, None) => stands,
            _ => wish::after_request(stands, self.wish(), self.known),
        }
    }
}

/// The columns of a wish.
type KeptWish = (
    diesel::dsl::Eq<cases::not_before, Option<UnixMs>>,
    diesel::dsl::Eq<cases::not_before_source, Option<Source>>,
    diesel::dsl::Eq<cases::not_before_by, Option<String>>,
);

/// Writes the time before which a case is not called, and who said so.
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

/// Opens a case for somebody who asks for a call, or honours his wish in the one that is open.
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
            // Who asks again without naming a time wants to be called as soon as may be.
            kept(asked.leaves(wish_of(&case))),
            cases::next_at.eq(plan::sooner(&Case::from(&case), asked.at)),
            // He is there, and what he did counts like a call of his; what one of us does, does not.
            cases::last_miss_at.eq(asked.request.map_or(case.last_miss_at, |_| asked.at)),
        ))
        .returning(cases::id)
        .count_changed(c)?;
    let case = get(c, case.id)?;
    note(c, &case, Note::Again(came), asked.at)?;
    Ok(case.id)
}

/// When a call of a case's person was missed last.
pub(super) fn missed_at(c: &mut Database, id: CaseId) -> Result<Option<UnixMs>, StoreError> {
    let missed = case_misses::table.filter(case_misses::case_id.eq(id));
    Ok(missed.select(diesel::dsl::max(case_misses::at)).first(c)?)
}

/// When a form or a bot last asked for a call.
pub(super) fn asked_at(c: &mut Database, id: CaseId) -> Result<Option<UnixMs>, StoreError> {
    let asked = requests::table.filter(requests::case_id.eq(id));
    Ok(asked.select(diesel::dsl::max(requests::received_at)).first(c)?)
}

/// How many cases of a queue are open.
pub(super) fn open_in(c: &mut Database, queue: &QueueName) -> Result<i64, StoreError> {
    let open = cases::table.filter(cases::closed_at.is_null().and(cases::queue.eq(queue)));
    Ok(open.count().get_result(c)?)
}

/// The open case of a number.
///
/// # Errors
/// When the database fails.
pub fn open_of(c: &mut Database, number: &E164) -> Result<Option<CaseRow>, StoreError> {
    let open = cases::table.filter(cases::number.eq(number).and(cases::closed_at.is_null()));
    Ok(open.select(columns::<CaseRow>()).first(c).optional()?)
}

/// A person of this number has talked with us past the case: nothing more is owed, if the talk settles it. An attempt
/// that is under way, or waits for its disposition, decides for itself.
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

/// A case as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, Queryable, Selectable)]
#[diesel(table_name = cases)]
pub struct CaseRow {
    /// Its number.
    pub id: CaseId,
    /// The caller's number.
    pub number: E164,
    /// Where it stands.
    pub state: State,
    /// Why it was opened.
    pub reason: Reason,
    /// The queue of the latest miss.
    pub queue: Option<QueueName>,
    /// When it was opened.
    pub opened_at: UnixMs,
    /// When the latest call was missed.
    pub last_miss_at: UnixMs,
    /// How many calls were missed.
    pub misses: i32,
    /// The day it was opened on.
    pub business_day: String,
    /// When it was closed.
    pub closed_at: Option<UnixMs>,
    /// Why.
    pub close_reason: Option<Closed>,
    /// By whom.
    pub closed_by: Option<String>,
    /// What was noted when it was closed.
    pub note: Option<String>,
    /// What an open one waits for.
    pub stage: Stage,
    /// When that ends by itself.
    pub next_at: Option<UnixMs>,
    /// The person asked for no call before this.
    pub not_before: Option<UnixMs>,
    /// When it last became due.
    pub due_at: Option<UnixMs>,
    /// Until when somebody must have called.
    pub react_by: Option<UnixMs>,
    /// When the customer was first dialled.
    pub first_attempt_at: Option<UnixMs>,
    /// The higher is called first.
    pub priority: i32,
    /// Who is offered it first.
    pub assignee: Option<AgentName>,
    /// Who has it now: an agent, or the call of a callback.
    pub claimed_by: Option<String>,
    /// When it went to the repeat-contacts queue.
    pub handed_over_at: Option<UnixMs>,
    /// On how many business days that has had it.
    pub repeat_days: i32,
    /// The case before this one of the same number.
    pub previous_case: Option<CaseId>,
    /// What kind of sender asked for no call before `not_before`.
    pub not_before_source: Option<Source>,
    /// Who did.
    pub not_before_by: Option<String>,
    /// Who of us said that the number may be called though it is abroad.
    pub abroad_allowed_by: Option<String>,
    /// Over what the call came that opened it: a gateway, or the address of the other side.
    pub came_by: Option<String>,
    /// Whether it was opened in a flood of calls, and waits for people.
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

/// How many open cases are due, or being called, or will be at `now`.
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

/// Cases, oldest first; all of them, or those in one state, or of one queue.
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

/// One case.
///
/// # Errors
/// [`StoreError::NotFound`] when there is none.
pub fn get(c: &mut Database, id: CaseId) -> Result<CaseRow, StoreError> {
    cases::table.find(id).select(columns::<CaseRow>()).first(c).found("case", id)
}

/// The case that a missed call opened or joined.
///
/// # Errors
/// When the database fails.
pub fn of_call(c: &mut Database, call: CallId) -> Result<Option<CaseId>, StoreError> {
    let missed = case_misses::table.find(call).select(case_misses::case_id);
    Ok(missed.first(c).optional()?)
}

/// The name under which a case's person is known: that of the latest request, else of the latest missed call.
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

/// A missed call of a case, as it is shown.
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

/// The missed calls of a case, oldest first.
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

/// Closes an open case because a person says so. What he says of further calls holds: a number that is not to be called,
/// or is somebody else's, goes on the do-not-call list.
///
/// # Errors
/// As [`close`]; [`StoreError::Refused`] also for [`Closed::Erased`]: only the erasure of its person closes a case so.
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
/// [`StoreError::NotFound`] when there is none; [`StoreError::Refused`] when it is closed already.
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
