//! Calls: committed when they arrive, completed when they end, together with what we owe.

use std::time::Duration;

use chrono::NaiveDate;
use diesel::prelude::*;

use super::dialect::{cached::Cache as _, hold};
use super::error::Found as _;
use super::notes::{Talk, talked};
use super::schema::{calls, queues, waits};
use super::{Database, StoreError, cases, to_ms};
use crate::call::ending::{Ending, Stage};
use crate::clock::UnixMs;
use crate::ids::{CallId, CaseId, ChannelId, CoreId, NodeName, QueueName, RouteName};
use crate::missed::attempt::Way;
use crate::missed::case::Closed;
use crate::missed::verdict::Verdict;
use crate::phone::Party;

crate::words! {
    /// How a stay in a queue ended.
    "wait outcome" pub enum WaitOutcome {
        /// An agent took him.
        Answered = "answered",
        /// He broke it off.
        Abandoned = "abandoned",
        /// He waited for as long as he may, and went on from there.
        TimedOut = "timed_out",
        /// We broke it off.
        Lost = "lost",
    }
}

/// A call that has come.
#[derive(Debug, Clone)]
pub struct Arrival {
    /// Its identity.
    pub id: CallId,
    /// The FreeSWITCH that has it.
    pub node: NodeName,
    /// The caller's channel.
    pub channel: ChannelId,
    /// The run of that FreeSWITCH.
    pub core: CoreId,
    /// Who calls.
    pub party: Party,
    /// The number as it came.
    pub caller_number: String,
    /// The name as it came.
    pub caller_name: String,
    /// The number dialled.
    pub dialled: String,
    /// The route that matched.
    pub route: Option<RouteName>,
    /// Whether it was open.
    pub open: bool,
    /// The plan's reasons.
    pub why: String,
    /// The queue that he joins at once.
    pub queue: Option<QueueName>,
    /// That queue's service level.
    pub service_level: Option<Duration>,
    /// The day it belongs to.
    pub business_day: NaiveDate,
    /// When.
    pub at: UnixMs,
}

/// Records a call that we make for a case, in one of the ways in which attempts are made.
///
/// # Errors
/// When the database fails.
pub(super) fn begin(c: &mut Database, new: &Arrival, way: Way, case: CaseId) -> Result<(), StoreError> {
    arrive(c, new)?;
    diesel::update(calls::table.find(new.id.to_string()))
        .set((calls::direction.eq(way.as_str()), calls::case_id.eq(case.0)))
        .returning(calls::arrived_at)
        .count_changed(c)?;
    Ok(())
}

/// Records a call's arrival, and that it joined its first queue.
///
/// # Errors
/// When the database fails.
pub fn arrive(c: &mut Database, new: &Arrival) -> Result<(), StoreError> {
    let party = match new.party {
        Party::Number(_) => "number",
        Party::Internal(_) => "internal",
        Party::Withheld => "withheld",
        Party::Invalid => "invalid",
    };
    let id = new.id.to_string();
    diesel::insert_into(calls::table)
        .values((
            (
                calls::id.eq(&id),
                calls::node.eq(new.node.as_str()),
                calls::channel.eq(new.channel.to_string()),
                calls::core.eq(new.core.to_string()),
                calls::party.eq(party),
                calls::number.eq(new.party.number().map(|number| number.as_str())),
                calls::caller_number.eq(&new.caller_number),
                calls::caller_name.eq(&new.caller_name),
            ),
            (
                calls::dialled.eq(&new.dialled),
                calls::route.eq(new.route.as_ref().map(RouteName::as_str)),
                calls::open.eq(new.open),
                calls::why.eq(&new.why),
                calls::queue.eq(new.queue.as_ref().map(QueueName::as_str)),
                calls::business_day.eq(new.business_day.to_string()),
                calls::service_level_ms.eq(new.service_level.map(to_ms)),
                calls::arrived_at.eq(new.at.0),
                calls::queued_at.eq(new.queue.as_ref().map(|_| new.at.0)),
            ),
        ))
        .insert(c)?;
    match &new.queue {
        Some(queue) => insert_wait(c, &id, 1, queue, new.service_level.map(to_ms), new.at),
        None => Ok(()),
    }
}

fn insert_wait(
    c: &mut Database,
    id: &str,
    ordinal: i32,
    queue: &QueueName,
    service_level_ms: Option<i64>,
    at: UnixMs,
) -> Result<(), StoreError> {
    diesel::insert_into(waits::table)
        .values((
            waits::call.eq(id),
            waits::ordinal.eq(ordinal),
            waits::queue.eq(queue.as_str()),
            waits::joined_at.eq(at.0),
            waits::service_level_ms.eq(service_level_ms),
        ))
        .insert(c)?;
    Ok(())
}

/// Records that a caller moved on to another queue, because he waited too long in the one before.
///
/// # Errors
/// [`StoreError::NotFound`] when there is no such call.
pub fn join(c: &mut Database, call: CallId, queue: &QueueName, at: UnixMs) -> Result<(), StoreError> {
    let id = call.to_string();
    hold::call(c, &id)?;
    let queued: Option<i64> = calls::table.find(&id).select(calls::queued_at).first(c).found("call", call)?;
    leave(c, &id, at, WaitOutcome::TimedOut)?;
    let last: Option<i32> =
        waits::table.filter(waits::call.eq(&id)).select(diesel::dsl::max(waits::ordinal)).first(c)?;
    let service_level_ms: Option<i64> =
        queues::table.find(queue.as_str()).select(queues::service_level_ms).first(c).optional()?;
    insert_wait(c, &id, last.unwrap_or(0) + 1, queue, service_level_ms, at)?;
    diesel::update(calls::table.find(&id))
        .set((
            calls::queue.eq(queue.as_str()),
            calls::queued_at.eq(queued.unwrap_or(at.0)),
            calls::service_level_ms.eq(service_level_ms),
        ))
        .returning(calls::arrived_at)
        .count_changed(c)?;
    Ok(())
}

/// Records that a caller left his queue because nobody took him in time.
///
/// # Errors
/// When the database fails.
pub fn time_out(c: &mut Database, call: CallId, at: UnixMs) -> Result<(), StoreError> {
    leave(c, &call.to_string(), at, WaitOutcome::TimedOut)
}

/// Records that a caller talks to a contact outside the queues.
///
/// # Errors
/// When the database fails.
pub fn forwarded(c: &mut Database, call: CallId, at: UnixMs) -> Result<(), StoreError> {
    let talks = calls::table.find(call.to_string()).filter(calls::ended_at.is_null());
    diesel::update(talks).set(calls::answered_at.eq(at.0)).execute(c)?;
    Ok(())
}

/// Ends a call's stay in a queue, if it is in one.
pub(super) fn leave(
    c: &mut Database,
    call: &str,
    at: UnixMs,
    outcome: WaitOutcome,
) -> Result<(), StoreError> {
    diesel::update(waits::table.filter(waits::call.eq(call).and(waits::left_at.is_null())))
        .set((waits::left_at.eq(at.0), waits::outcome.eq(outcome.as_str())))
        .returning(waits::joined_at)
        .count_changed(c)?;
    Ok(())
}

/// A call that has ended.
#[derive(Debug, Clone)]
pub struct Ended {
    /// Which.
    pub call: CallId,
    /// How.
    pub ending: Ending,
    /// Where the caller was.
    pub stage: Stage,
    /// FreeSWITCH's cause, or ours.
    pub cause: String,
    /// Since when he talked, if the row does not say so yet.
    pub answered_at: Option<UnixMs>,
    /// What we owe.
    pub verdict: Verdict,
    /// If we owe a call: how long he may ring again before somebody is to call him.
    pub settle: Duration,
    /// Whether somebody wants to be told of talks with agents.
    pub tell: bool,
    /// When.
    pub at: UnixMs,
}

/// What is needed of a call's row to end it.
#[derive(Queryable)]
struct Before {
    arrived_at: i64,
    queued_at: Option<i64>,
    answered_at: Option<i64>,
    number: Option<String>,
    queue: Option<String>,
    agent: Option<String>,
    business_day: String,
    ended_at: Option<i64>,
}

/// Records the ending, the verdict and the case, in one transaction. The case that is open now, if one is owed.
/// Ending a call twice changes nothing.
///
/// # Errors
/// When the database fails, or there is no such call.
pub fn end(c: &mut Database, end: &Ended) -> Result<Option<CaseId>, StoreError> {
    let id = end.call.to_string();
    hold::call(c, &id)?;
    let before = before_end(c, end.call)?;
    if before.ended_at.is_some() {
        return Ok(None);
    }
    let Before { queued_at, answered_at: bridged_at, .. } = before;
    let answered_at = bridged_at.or(end.answered_at.map(|at| at.0));
    // A bridge that was recorded has ended the stay already.
    if queued_at.is_some() && bridged_at.is_none() {
        let left_at =
            if end.ending == Ending::Answered { answered_at.map_or(end.at, UnixMs) } else { end.at };
        leave(c, &id, left_at, wait_outcome(end.ending))?;
    }
    let waited_to = match (answered_at, queued_at) {
        (None, Some(_)) => last_left(c, &id)?,
        (answered_at, _) => answered_at,
    };
    let wait_ms = queued_at.zip(waited_to).map(|(from, to)| UnixMs(to).since_ms(UnixMs(from)));
    diesel::update(calls::table.find(&id).filter(calls::ended_at.is_null()))
        .set((
            calls::ending.eq(end.ending.as_str()),
            calls::stage.eq(end.stage.as_str()),
            calls::cause.eq(&end.cause),
            calls::answered_at.eq(answered_at),
            calls::ended_at.eq(end.at.0),
            calls::wait_ms.eq(wait_ms),
            calls::talk_ms.eq(answered_at.map(|at| end.at.since_ms(UnixMs(at)))),
        ))
        .returning(calls::arrived_at)
        .count_changed(c)?;
    if end.tell && end.ending == Ending::Answered {
        tell(c, end, &before, answered_at, wait_ms)?;
    }
    if let (Some(number), Some(talked_from)) =
        (&before.number, answered_at.filter(|_| end.verdict.got_through()))
        && end.at.since(UnixMs(talked_from)) >= REACHED
    {
        cases::reached(c, number, Closed::CallerReachedUs, end.at)?;
    }
    owe(c, end, &before, wait_ms)
}

/// What is known of a call that ends.
fn before_end(c: &mut Database, call: CallId) -> Result<Before, StoreError> {
    let row = calls::table.find(call.to_string()).select((
        calls::arrived_at,
        calls::queued_at,
        calls::answered_at,
        calls::number,
        calls::queue,
        calls::agent,
        calls::business_day,
        calls::ended_at,
    ));
    row.first(c).found("call", call)
}

/// Tells of a talk.
fn tell(
    c: &mut Database,
    end: &Ended,
    before: &Before,
    answered_at: Option<i64>,
    wait_ms: Option<i64>,
) -> Result<(), StoreError> {
    let talk = Talk {
        call: end.call,
        number: before.number.as_deref(),
        queue: before.queue.as_deref(),
        agent: before.agent.as_deref(),
        began_at: UnixMs(before.arrived_at),
        answered_at,
        wait_ms,
        at: end.at,
    };
    talked(c, &talk)
}

/// The case that is open now, if the caller is owed one.
fn owe(
    c: &mut Database,
    end: &Ended,
    before: &Before,
    wait_ms: Option<i64>,
) -> Result<Option<CaseId>, StoreError> {
    let (Verdict::Case(reason), Some(number)) = (end.verdict, &before.number) else {
        return Ok(None);
    };
    let miss = cases::Miss {
        call: &end.call.to_string(),
        began_at: UnixMs(before.arrived_at),
        number,
        reason,
        queue: before.queue.as_deref(),
        business_day: &before.business_day,
        wait_ms,
        settle: end.settle,
        at: end.at,
    };
    cases::open_or_join(c, &miss).map(Some)
}

/// So long somebody must have talked to have been reached (facts/callbacks.md §5.2).
pub(super) const REACHED: Duration = Duration::from_secs(5);

/// When a caller left the last queue he was in.
fn last_left(c: &mut Database, id: &str) -> Result<Option<i64>, StoreError> {
    Ok(waits::table.filter(waits::call.eq(id)).select(diesel::dsl::max(waits::left_at)).first(c)?)
}

const fn wait_outcome(ending: Ending) -> WaitOutcome {
    match ending {
        Ending::Answered => WaitOutcome::Answered,
        Ending::Lost => WaitOutcome::Lost,
        Ending::Abandoned => WaitOutcome::Abandoned,
        Ending::TimedOut
        | Ending::LeftMessage
        | Ending::AskedCallback
        | Ending::Forwarded
        | Ending::Refused => WaitOutcome::TimedOut,
    }
}

/// A call as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct CallRow {
    /// Its identity.
    pub id: String,
    /// The FreeSWITCH that had it.
    pub node: String,
    /// The caller's channel.
    pub channel: String,
    /// Whether the caller can be called back.
    pub party: String,
    /// His number in E.164 form.
    pub number: Option<String>,
    /// His number as it came.
    pub caller_number: String,
    /// His name as it came.
    pub caller_name: String,
    /// The number he dialled.
    pub dialled: String,
    /// The route.
    pub route: Option<String>,
    /// The plan's reasons.
    pub why: String,
    /// The queue he was in last.
    pub queue: Option<String>,
    /// The day it belongs to.
    pub business_day: String,
    /// When he came, in milliseconds since 1970.
    pub arrived_at: i64,
    /// The agent he talked to.
    pub agent: Option<String>,
    /// When he got through.
    pub answered_at: Option<i64>,
    /// When the call ended.
    pub ended_at: Option<i64>,
    /// How it ended.
    pub ending: Option<String>,
    /// Where he was.
    pub stage: Option<String>,
    /// FreeSWITCH's cause, or ours.
    pub cause: Option<String>,
    /// How long he waited.
    pub wait_ms: Option<i64>,
    /// How long he talked.
    pub talk_ms: Option<i64>,
}

/// Which calls are wanted.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// Only those under way.
    pub live: bool,
    /// Only this ending.
    pub ending: Option<Ending>,
    /// Only of this queue.
    pub queue: Option<QueueName>,
    /// Only from this number (E.164).
    pub number: Option<String>,
    /// At most so many.
    pub limit: i64,
}

#[expect(clippy::type_complexity, reason = "a list of columns has a long type")]
const COLUMNS: (
    (
        calls::id,
        calls::node,
        calls::channel,
        calls::party,
        calls::number,
        calls::caller_number,
        calls::caller_name,
    ),
    (
        calls::dialled,
        calls::route,
        calls::why,
        calls::queue,
        calls::business_day,
        calls::arrived_at,
        calls::agent,
    ),
    (
        calls::answered_at,
        calls::ended_at,
        calls::ending,
        calls::stage,
        calls::cause,
        calls::wait_ms,
        calls::talk_ms,
    ),
) = (
    (
        calls::id,
        calls::node,
        calls::channel,
        calls::party,
        calls::number,
        calls::caller_number,
        calls::caller_name,
    ),
    (
        calls::dialled,
        calls::route,
        calls::why,
        calls::queue,
        calls::business_day,
        calls::arrived_at,
        calls::agent,
    ),
    (
        calls::answered_at,
        calls::ended_at,
        calls::ending,
        calls::stage,
        calls::cause,
        calls::wait_ms,
        calls::talk_ms,
    ),
);

type First = (String, String, String, String, Option<String>, String, String);
type Second = (String, Option<String>, String, Option<String>, String, i64, Option<String>);
type Third =
    (Option<i64>, Option<i64>, Option<String>, Option<String>, Option<String>, Option<i64>, Option<i64>);

impl From<(First, Second, Third)> for CallRow {
    fn from((a, b, c): (First, Second, Third)) -> Self {
        let (id, node, channel, party, number, caller_number, caller_name) = a;
        let (dialled, route, why, queue, business_day, arrived_at, agent) = b;
        let (answered_at, ended_at, ending, stage, cause, wait_ms, talk_ms) = c;
        Self {
            id,
            node,
            channel,
            party,
            number,
            caller_number,
            caller_name,
            dialled,
            route,
            why,
            queue,
            business_day,
            arrived_at,
            agent,
            answered_at,
            ended_at,
            ending,
            stage,
            cause,
            wait_ms,
            talk_ms,
        }
    }
}

/// Calls, newest first.
///
/// # Errors
/// When the database fails.
pub fn list(c: &mut Database, wanted: &Wanted) -> Result<Vec<CallRow>, StoreError> {
    // Identities grow with time.
    let mut query = calls::table.select(COLUMNS).order(calls::id.desc()).limit(wanted.limit).into_boxed();
    if wanted.live {
        query = query.filter(calls::ended_at.is_null());
    }
    if let Some(ending) = wanted.ending {
        query = query.filter(calls::ending.eq(ending.as_str()));
    }
    if let Some(queue) = &wanted.queue {
        query = query.filter(calls::queue.eq(queue.as_str().to_owned()));
    }
    if let Some(number) = &wanted.number {
        query = query.filter(calls::number.eq(number.clone()));
    }
    Ok(query.load::<(First, Second, Third)>(c)?.into_iter().map(CallRow::from).collect())
}

/// One call.
///
/// # Errors
/// [`StoreError::NotFound`] when there is none.
pub fn get(c: &mut Database, id: CallId) -> Result<CallRow, StoreError> {
    let found = calls::table.find(id.to_string()).select(COLUMNS).first::<(First, Second, Third)>(c);
    found.found("call", id).map(CallRow::from)
}

/// A stay in a queue, as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, Queryable)]
pub struct WaitRow {
    /// The queue.
    pub queue: String,
    /// When he joined, in milliseconds since 1970.
    pub joined_at: i64,
    /// When he left.
    pub left_at: Option<i64>,
    /// How.
    pub outcome: Option<String>,
}

/// The queues that a call was in, in their order.
///
/// # Errors
/// When the database fails.
pub fn waits(c: &mut Database, call: CallId) -> Result<Vec<WaitRow>, StoreError> {
    Ok(waits::table
        .filter(waits::call.eq(call.to_string()))
        .order(waits::ordinal)
        .select((waits::queue, waits::joined_at, waits::left_at, waits::outcome))
        .load(c)?)
}

/// A caller who waits in a queue, as he is shown.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, Queryable)]
pub struct WaitingRow {
    /// The call.
    pub call: String,
    /// The queue.
    pub queue: String,
    /// When he joined it, in milliseconds since 1970.
    pub joined_at: i64,
    /// When he came.
    pub arrived_at: i64,
    /// His number in E.164 form.
    pub number: Option<String>,
    /// His number as it came.
    pub caller_number: String,
    /// His name as it came.
    pub caller_name: String,
}

/// Who waits in which queue now, longest first.
///
/// # Errors
/// When the database fails.
pub fn waiting(c: &mut Database) -> Result<Vec<WaitingRow>, StoreError> {
    Ok(waits::table
        .inner_join(calls::table.on(calls::id.eq(waits::call)))
        .filter(calls::ended_at.is_null().and(waits::left_at.is_null()))
        .order((waits::joined_at, waits::call))
        .select((
            waits::call,
            waits::queue,
            waits::joined_at,
            calls::arrived_at,
            calls::number,
            calls::caller_number,
            calls::caller_name,
        ))
        .load(c)?)
}

/// The calls whose identity ends so, at most two: people write only the last digits.
///
/// # Errors
/// When the database fails.
pub fn ending_with(c: &mut Database, tail: &str) -> Result<Vec<CallRow>, StoreError> {
    let digits: String = tail.chars().filter(|c| c.is_ascii_hexdigit() || *c == '-').collect();
    Ok(calls::table
        .filter(calls::id.like(format!("%{digits}")))
        .select(COLUMNS)
        .limit(2)
        .load::<(First, Second, Third)>(c)?
        .into_iter()
        .map(CallRow::from)
        .collect())
}

/// Whether anybody waits in a queue now.
pub(super) fn waits_in(c: &mut Database, queue: &QueueName) -> Result<bool, StoreError> {
    let waiting: i64 = waits::table
        .filter(waits::queue.eq(queue.as_str()).and(waits::left_at.is_null()))
        .count()
        .get_result(c)?;
    Ok(waiting > 0)
}
