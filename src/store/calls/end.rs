//! The end of a call: its ending, its verdict, and the case that it opens.

use std::time::Duration;

use diesel::prelude::*;

use crate::calendar::business_day::BusinessDay;
use crate::clock::UnixMs;
use crate::ids::{AgentName, CallId, CaseId, MenuName, QueueName};
use crate::language::Language;
use crate::missed::asked::Asked;
use crate::missed::contact::Contact;
use crate::missed::ending::{Ending, MenuOutcome, Stage};
use crate::missed::flood::Limits;
use crate::missed::verdict::Verdict;
use crate::phone::E164;
use crate::rules::Digits;
use crate::store::calls::ask_callback;
use crate::store::dialect::{cached::Cache as _, columns, hold};
use crate::store::error::Found as _;
use crate::store::notes::{self, Talk, talked};
use crate::store::schema::{calls, menu_visits};
use crate::store::waits::{WaitOutcome, has_waited_in, last_left, leave};
use crate::store::{Database, StoreError, case_closing, case_opening, cases, messages, places};

/// Records that a caller talks to a contact outside the queues.
///
/// # Errors
/// When the database fails.
pub fn forwarded(c: &mut Database, call: CallId, at: UnixMs) -> Result<(), StoreError> {
    let talks = calls::table.find(call).filter(calls::ended_at.is_null());
    diesel::update(talks).set(calls::answered_at.eq(at)).execute(c)?;
    Ok(())
}

/// A visit of a menu.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MenuVisit {
    /// The menu.
    pub menu: MenuName,
    /// When the caller came to it.
    pub at: UnixMs,
    /// How the visit ended.
    pub outcome: MenuOutcome,
    /// The option that the caller chose.
    pub digits: Option<Digits>,
}

/// Records the language that a caller chose.
///
/// # Errors
/// When the database fails.
pub fn speaks(c: &mut Database, call: CallId, language: Language) -> Result<(), StoreError> {
    let open = calls::table.find(call).filter(calls::ended_at.is_null());
    diesel::update(open).set(calls::language.eq(language)).execute(c)?;
    Ok(())
}

/// Records the menus that a caller visited. Visits before a restart of the controller are not known any more.
fn record_menus(c: &mut Database, call: CallId, menus: &[MenuVisit]) -> Result<(), StoreError> {
    for (ordinal, visit) in (1_i32..).zip(menus) {
        diesel::insert_into(menu_visits::table)
            .values((
                menu_visits::call.eq(call),
                menu_visits::ordinal.eq(ordinal),
                menu_visits::menu.eq(&visit.menu),
                menu_visits::entered_at.eq(visit.at),
                menu_visits::outcome.eq(visit.outcome),
                menu_visits::digits.eq(&visit.digits),
            ))
            .execute(c)?;
    }
    Ok(())
}

/// A call that has ended.
#[derive(Debug, Clone)]
pub struct Ended {
    /// The call.
    pub call: CallId,
    /// How the call ended.
    pub ending: Ending,
    /// Where the caller was in the call when it ended.
    pub stage: Stage,
    /// The cause from FreeSWITCH, or the controller's own.
    pub cause: String,
    /// When the caller's talk began, if the row does not say so yet.
    pub answered_at: Option<UnixMs>,
    /// The callback that the caller asked for.
    pub asked: Option<Asked>,
    /// Whether the call needs a callback, and why.
    pub verdict: Verdict,
    /// If the call needs a callback: how long the caller may call again before the case becomes due.
    pub grace: Duration,
    /// How long a caller must have talked for their case to be closed.
    pub min_talk: Duration,
    /// How many cases missed calls may open in an hour.
    pub flood: Limits,
    /// Whether a receiver wants events about talks with agents.
    pub tell: bool,
    /// The menus that the caller visited, in order.
    pub menus: Vec<MenuVisit>,
    /// Whether the caller has left messages, of which people are told.
    pub left_message: bool,
    /// The queue that calls the caller back, if the caller was in none.
    pub calls_back: Option<QueueName>,
    /// When the call ended.
    pub at: UnixMs,
    /// When the end is recorded. A recorded miss with a later time comes from before the clock was set back.
    pub now: UnixMs,
}

/// The columns of a call's row that its end needs.
#[derive(Queryable, Selectable)]
#[diesel(table_name = calls)]
struct Before {
    arrived_at: UnixMs,
    queued_at: Option<UnixMs>,
    answered_at: Option<UnixMs>,
    number: Option<E164>,
    queue: Option<QueueName>,
    agent: Option<AgentName>,
    business_day: BusinessDay,
    came_by: Option<String>,
    ended_at: Option<UnixMs>,
}

/// Records the ending, the verdict and the case, in one transaction. Returns the case that is open now, if the call
/// needs a callback. Ending a call twice changes nothing.
///
/// # Errors
/// When the database fails, or when there is no such call.
pub fn end(c: &mut Database, end: &Ended) -> Result<Option<CaseId>, StoreError> {
    hold::call(c, end.call)?;
    let row = calls::table.find(end.call).select(columns::<Before>());
    let before: Before = row.first(c).found("call", end.call)?;
    if before.ended_at.is_some() {
        return Ok(None);
    }
    let Before { queued_at, answered_at: bridged_at, .. } = before;
    let answered_at = bridged_at.or(end.answered_at);
    // A recorded bridge has already ended the stay in the queue.
    if queued_at.is_some() && bridged_at.is_none() {
        let left_at = if end.ending == Ending::Answered { answered_at.unwrap_or(end.at) } else { end.at };
        leave(c, end.call, left_at, WaitOutcome::of(end.ending))?;
    }
    let waited_to = match (answered_at, queued_at) {
        (None, Some(_)) => last_left(c, end.call)?,
        (answered_at, _) => answered_at,
    };
    let wait_ms = queued_at.zip(waited_to).map(|(from, to)| to.since_ms(from));
    diesel::update(calls::table.find(end.call).filter(calls::ended_at.is_null()))
        .set((
            calls::ending.eq(end.ending),
            calls::stage.eq(end.stage),
            calls::cause.eq(&end.cause),
            calls::answered_at.eq(answered_at),
            calls::ended_at.eq(end.at),
            calls::wait_ms.eq(wait_ms),
            calls::talk_ms.eq(answered_at.map(|at| end.at.since_ms(at))),
        ))
        .returning(calls::arrived_at)
        .count_changed(c)?;
    record_menus(c, end.call, &end.menus)?;
    if let Some(asked) = &end.asked {
        ask_callback(c, end.call, asked, end.at)?;
    }
    if end.tell && end.ending == Ending::Answered {
        tell(c, end, &before, answered_at, wait_ms)?;
    }
    if let (Some(number), Some(talked_from)) =
        (&before.number, answered_at.filter(|_| end.verdict.got_through()))
    {
        let talk = Contact { began_at: talked_from, ended_at: end.at, now: end.now };
        case_closing::reached(c, number, talk, end.min_talk)?;
    }
    let case = open_case(c, end, &before, wait_ms)?;
    if end.left_message {
        tell_messages(c, end, case, &before)?;
    }
    Ok(case)
}

/// Records the events of the messages that the caller has left.
fn tell_messages(
    c: &mut Database,
    end: &Ended,
    case: Option<CaseId>,
    before: &Before,
) -> Result<(), StoreError> {
    let case = case.map(|id| cases::get(c, id)).transpose()?;
    for message in messages::of_call(c, end.call)? {
        notes::left_message(c, &message, case.as_ref(), before.number.as_ref(), end.at)?;
    }
    Ok(())
}

/// Records the event of a talk.
fn tell(
    c: &mut Database,
    end: &Ended,
    before: &Before,
    answered_at: Option<UnixMs>,
    wait_ms: Option<i64>,
) -> Result<(), StoreError> {
    let talk = Talk {
        call: end.call,
        number: before.number.as_ref(),
        queue: before.queue.as_ref(),
        agent: before.agent.as_ref(),
        began_at: before.arrived_at,
        answered_at,
        wait_ms,
        at: end.at,
    };
    talked(c, &talk)
}

/// Opens or joins a case, if the call needs a callback. Returns the case.
fn open_case(
    c: &mut Database,
    end: &Ended,
    before: &Before,
    wait_ms: Option<i64>,
) -> Result<Option<CaseId>, StoreError> {
    let asked = end.asked.as_ref();
    let number = asked.and_then(|asked| asked.number.as_ref()).or(before.number.as_ref());
    let (Verdict::Case(reason), Some(number)) = (end.verdict, number) else {
        return Ok(None);
    };
    let place = match asked {
        Some(asked) if has_waited_in(c, end.call, &asked.queue)? => {
            Some(places::of(c, end.call)?.unwrap_or(before.arrived_at))
        }
        _ => None,
    };
    let miss = case_opening::Miss {
        call: end.call,
        began_at: before.arrived_at,
        number,
        reason,
        queue: asked.map(|asked| &asked.queue).or(before.queue.as_ref()).or(end.calls_back.as_ref()),
        business_day: before.business_day,
        wait_ms,
        grace: end.grace,
        place,
        min_talk: end.min_talk,
        came_by: before.came_by.as_deref(),
        flood: end.flood,
        at: end.at,
    };
    case_opening::open_or_join(c, &miss).map(Some)
}
