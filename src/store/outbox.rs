//! What happened and must be told, and what became of telling it.
//!
//! In: events, inside the transactions in which they happen. Out: deliveries, leased to one who tells them.
//! Those of one thing to one recipient at one destination stand in a line, in the order of events: only the first has
//! a `next_at`, and so only it is picked; when it is over, the next one gets its turn.
//! **Invariant:** nobody is told of an event as long as an earlier one of the same thing waits for him.

use diesel::prelude::*;

use super::dialect::{cached::Cache as _, hold, lease};
use super::error::Found as _;
use super::schema::{closed_destinations, deliveries, outbox};
use super::{Database, StoreError};
use crate::audit::masked;
use crate::clock::UnixMs;
use crate::ids::{DestinationName, EventId};
use crate::notify::{Delivery, Event, EventKind};

crate::words! {
    /// Where a delivery stands.
    "state of a delivery" pub enum State {
        /// It will be tried, or tried again.
        Waiting = "waiting",
        /// It arrived.
        Done = "done",
        /// It was given up: somebody should look at it.
        Dead = "dead",
        /// It was not to be made.
        Skipped = "skipped",
    }
}

/// What of the outbox one at a time may do, on PostgreSQL.
pub(super) const LOCK: &str = "outbox";

/// What is left of an event whose person was erased. It is told to nobody.
pub(super) const ERASED: &str = r#"{"erased":true}"#;

/// Why a delivery of it is not made.
pub(super) const WAS_ERASED: &str = "the person was erased";

/// Keeps an event, to be told once the transaction is committed. Events of one thing are told in the order in which
/// they are kept here. Call it after the rows of the thing were changed.
///
/// # Errors
/// When the database fails, or refuses an aggregate that is empty or longer than 200 characters.
pub fn emit(c: &mut Database, event: &Event) -> Result<EventId, StoreError> {
    let id = EventId::new();
    hold::number(c, &event.aggregate)?;
    diesel::insert_into(outbox::table)
        .values((
            outbox::id.eq(id.to_string()),
            outbox::aggregate.eq(&event.aggregate),
            outbox::kind.eq(event.kind.as_str()),
            outbox::payload.eq(event.data.to_string()),
            outbox::created_at.eq(event.at.0),
        ))
        .insert(c)?;
    Ok(id)
}

/// An event that was kept.
#[derive(Debug, Clone, PartialEq)]
pub struct Kept {
    /// What happened.
    pub kind: String,
    /// What is to be said about it.
    pub data: serde_json::Value,
}

/// Somebody who is to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Where.
    pub destination: DestinationName,
    /// Whom there, or why nobody.
    pub recipient: Result<String, String>,
}

/// Makes the deliveries of the oldest events that have none yet, as `targets` says. How many events it were.
///
/// # Errors
/// When the database fails.
pub fn spread(
    c: &mut Database,
    now: UnixMs,
    limit: i64,
    targets: impl Fn(&Kept) -> Vec<Target>,
) -> Result<usize, StoreError> {
    hold::number(c, LOCK)?;
    let fresh: Vec<(i64, String, String, String)> = outbox::table
        .filter(outbox::spread_at.is_null())
        .order(outbox::seq)
        .limit(limit)
        .select((outbox::seq, outbox::aggregate, outbox::kind, outbox::payload))
        .load(c)?;
    for (event, aggregate, kind, payload) in &fresh {
        let data = serde_json::from_str(payload).unwrap_or_default();
        let mut targets = targets(&Kept { kind: kind.clone(), data });
        if payload == ERASED {
            targets.dedup_by(|one, other| one.destination == other.destination);
            targets.iter_mut().for_each(|target| target.recipient = Err(WAS_ERASED.to_owned()));
        }
        for target in &targets {
            put(c, *event, aggregate, target, now)?;
        }
        diesel::update(outbox::table.find(event))
            .set(outbox::spread_at.eq(now.0))
            .returning(outbox::seq)
            .count_changed(c)?;
    }
    Ok(fresh.len())
}

fn put(
    c: &mut Database,
    event: i64,
    aggregate: &str,
    target: &Target,
    now: UnixMs,
) -> Result<(), StoreError> {
    let recipient = target.recipient.as_deref().unwrap_or_default();
    let why = target.recipient.as_ref().err();
    let state = if why.is_none() { State::Waiting } else { State::Skipped };
    diesel::insert_into(deliveries::table)
        .values((
            deliveries::event.eq(event),
            deliveries::aggregate.eq(aggregate),
            deliveries::destination.eq(target.destination.as_str()),
            deliveries::recipient.eq(recipient),
            deliveries::state.eq(state.as_str()),
            deliveries::last_error.eq(why),
            deliveries::done_at.eq(why.map(|_| now.0)),
        ))
        .insert(c)?;
    if why.is_some() {
        return Ok(());
    }
    next_in_line(c, &(target.destination.to_string(), recipient.to_owned(), aggregate.to_owned()), now)
}

/// Destination, recipient, and what the events happened to.
type Line = (String, String, String);

/// The first of a line.
fn first_in_line(c: &mut Database, line: &Line) -> Result<Option<(i64, Option<i64>)>, StoreError> {
    Ok(deliveries::table
        .filter(deliveries::destination.eq(&line.0).and(deliveries::recipient.eq(&line.1)))
        .filter(deliveries::aggregate.eq(&line.2).and(deliveries::done_at.is_null()))
        .order(deliveries::event)
        .select((deliveries::id, deliveries::next_at))
        .first(c)
        .optional()?)
}

/// Gives the first of a line its turn, if it has not got it.
fn next_in_line(c: &mut Database, line: &Line, now: UnixMs) -> Result<(), StoreError> {
    if let Some((id, None)) = first_in_line(c, line)? {
        turn(c, id, Some(now.0))?;
    }
    Ok(())
}

fn turn(c: &mut Database, id: i64, next: Option<i64>) -> Result<(), StoreError> {
    let row = deliveries::table.find(id);
    diesel::update(row).set(deliveries::next_at.eq(next)).returning(deliveries::id).count_changed(c)?;
    Ok(())
}

/// What there is to do.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Look {
    /// Whether events have no deliveries yet.
    pub unspread: bool,
    /// For each destination that was asked for and is open: when its next delivery is due.
    pub next: Vec<(DestinationName, i64)>,
}

/// Looks what there is to do for these destinations.
///
/// # Errors
/// When the database fails.
pub fn look(c: &mut Database, destinations: &[DestinationName]) -> Result<Look, StoreError> {
    let unspread = outbox::table.filter(outbox::spread_at.is_null()).select(outbox::seq).limit(1);
    let mut look = Look { unspread: unspread.first::<i64>(c).optional()?.is_some(), next: Vec::new() };
    let closed: Vec<String> = closed_destinations::table.select(closed_destinations::name).load(c)?;
    for destination in destinations.iter().filter(|name| !closed.iter().any(|shut| shut == name.as_str())) {
        let next: Option<Option<i64>> = deliveries::table
            .filter(deliveries::destination.eq(destination.as_str()).and(deliveries::done_at.is_null()))
            .filter(deliveries::next_at.is_not_null())
            .order(deliveries::next_at)
            .select(deliveries::next_at)
            .first(c)
            .optional()?;
        look.next.extend(next.flatten().map(|at| (destination.clone(), at)));
    }
    Ok(look)
}

/// Whose deliveries are leased, and for how long.
#[derive(Debug, Clone)]
pub struct Lease {
    /// Where they go.
    pub destination: DestinationName,
    /// Who takes them.
    pub by: String,
    /// When.
    pub now: UnixMs,
    /// After that they are free for others, should he have died.
    pub until: UnixMs,
    /// At most so many.
    pub limit: i64,
}

/// Takes deliveries that are due, the longest due first. Each counts as a try.
///
/// # Errors
/// When the database fails.
pub fn lease(c: &mut Database, wanted: &Lease) -> Result<Vec<Delivery>, StoreError> {
    let mut taken = lease::take(c, wanted)?;
    taken.sort_by_key(|row| row.event);
    let mut leased = Vec::with_capacity(taken.len());
    for row in taken {
        let (id, kind, payload, at): (String, String, String, i64) = outbox::table
            .find(row.event)
            .select((outbox::id, outbox::kind, outbox::payload, outbox::created_at))
            .first(c)?;
        let (Ok(event), Ok(data)) = (id.parse(), serde_json::from_str(&payload)) else {
            settle(
                c,
                row.id,
                &Settled::Dead("the event cannot be read: was it changed by hand?".into()),
                wanted.now,
            )?;
            continue;
        };
        leased.push(Delivery {
            id: row.id,
            event,
            sequence: row.event,
            destination: wanted.destination.clone(),
            recipient: row.recipient,
            attempt: row.attempt_no.unsigned_abs(),
            kind,
            aggregate: row.aggregate,
            at: UnixMs(at),
            data,
        });
    }
    Ok(leased)
}

/// How a try ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settled {
    /// It arrived; what was said.
    Done(String),
    /// It was not to be made; why.
    Skipped(String),
    /// It is given up; why.
    Dead(String),
    /// It is tried again then; why.
    Again(UnixMs, String),
    /// Nothing came of it, and it does not count as a try: we had to stop.
    Released,
    /// The destination wants nothing from us any more; what it said. The delivery waits until it is opened again.
    Closed(String),
}

/// Records how a try ended. Of a delivery that is over nothing is changed. Repeating it changes nothing.
///
/// # Errors
/// When the database fails.
pub fn settle(c: &mut Database, id: i64, how: &Settled, now: UnixMs) -> Result<(), StoreError> {
    hold::number(c, LOCK)?;
    let line: Option<Line> = deliveries::table
        .filter(deliveries::id.eq(id).and(deliveries::done_at.is_null()))
        .select((deliveries::destination, deliveries::recipient, deliveries::aggregate))
        .first(c)
        .optional()?;
    let Some(line) = line else { return Ok(()) };
    match how {
        Settled::Done(said) => end(c, id, State::Done, Some(said), None, now)?,
        Settled::Skipped(why) => end(c, id, State::Skipped, None, Some(why), now)?,
        Settled::Dead(why) => end(c, id, State::Dead, None, Some(why), now)?,
        Settled::Again(next, why) => wait(c, id, *next, Some(why), false)?,
        Settled::Released => wait(c, id, now, None, true)?,
        Settled::Closed(why) => {
            wait(c, id, now, Some(why), true)?;
            shut(c, &line.0, why, now)?;
        }
    }
    next_in_line(c, &line, now)?;
    // An earlier one may have come back while this one was under way.
    let first = first_in_line(c, &line)?;
    if first.is_some_and(|(first, _)| first != id) { drop_turn(c, id) } else { Ok(()) }
}

/// What still waits gets in line again.
fn drop_turn(c: &mut Database, id: i64) -> Result<(), StoreError> {
    let row = deliveries::table.filter(deliveries::id.eq(id).and(deliveries::done_at.is_null()));
    diesel::update(row)
        .set(deliveries::next_at.eq(None::<i64>))
        .returning(deliveries::id)
        .count_changed(c)?;
    Ok(())
}

fn end(
    c: &mut Database,
    id: i64,
    state: State,
    said: Option<&String>,
    why: Option<&String>,
    now: UnixMs,
) -> Result<(), StoreError> {
    diesel::update(deliveries::table.find(id))
        .set((
            deliveries::state.eq(state.as_str()),
            deliveries::done_at.eq(now.0),
            deliveries::next_at.eq(None::<i64>),
            deliveries::lease_until.eq(None::<i64>),
            deliveries::leased_by.eq(None::<String>),
            deliveries::last_status.eq(said),
            deliveries::last_error.eq(why),
        ))
        .returning(deliveries::id)
        .count_changed(c)?;
    Ok(())
}

fn wait(
    c: &mut Database,
    id: i64,
    next: UnixMs,
    why: Option<&String>,
    uncounted: bool,
) -> Result<(), StoreError> {
    let kept: (i32, Option<String>) =
        deliveries::table.find(id).select((deliveries::attempt_no, deliveries::last_error)).first(c)?;
    let count = if uncounted { (kept.0 - 1).max(0) } else { kept.0 };
    diesel::update(deliveries::table.find(id))
        .set((
            deliveries::next_at.eq(next.0),
            deliveries::attempt_no.eq(count),
            deliveries::lease_until.eq(None::<i64>),
            deliveries::leased_by.eq(None::<String>),
            deliveries::last_error.eq(why.or(kept.1.as_ref())),
        ))
        .returning(deliveries::id)
        .count_changed(c)?;
    Ok(())
}

/// What was said may repeat a number, and no erasure would find it here.
fn shut(c: &mut Database, name: &str, why: &str, now: UnixMs) -> Result<(), StoreError> {
    let why = masked(why);
    let known = closed_destinations::table.find(name).select(closed_destinations::at);
    if known.first::<i64>(c).optional()?.is_none() {
        let row = (
            closed_destinations::name.eq(name),
            closed_destinations::at.eq(now.0),
            closed_destinations::reason.eq(&why),
        );
        diesel::insert_into(closed_destinations::table).values(row).insert(c)?;
        emit(c, &Event::of_destination(EventKind::DestinationClosed, name, now, &why))?;
    }
    Ok(())
}

/// A destination that wants nothing from us any more: name, since when (milliseconds since 1970), why.
///
/// # Errors
/// When the database fails.
pub fn closed(c: &mut Database) -> Result<Vec<(String, i64, String)>, StoreError> {
    Ok(closed_destinations::table.order(closed_destinations::name).load(c)?)
}

/// Opens a closed destination again: what waits for it is sent.
///
/// # Errors
/// [`StoreError::NotFound`] when it is not closed.
pub fn open(c: &mut Database, name: &DestinationName) -> Result<(), StoreError> {
    let row = closed_destinations::table.find(name.as_str());
    let opened = diesel::delete(row).returning(closed_destinations::at).count_changed(c)?;
    if opened == 0 {
        return Err(StoreError::NotFound { kind: "closed destination", name: name.to_string() });
    }
    Ok(())
}

/// A delivery as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, Queryable)]
pub struct DeliveryRow {
    /// Its number.
    pub id: i64,
    /// The event's identity.
    pub event: String,
    /// What happened.
    pub kind: String,
    /// What it happened to.
    pub aggregate: String,
    /// Where it goes.
    pub destination: String,
    /// To whom there.
    pub recipient: String,
    /// Where it stands.
    pub state: String,
    /// How often it was tried.
    pub attempt_no: i32,
    /// When the event happened, in milliseconds since 1970.
    pub created_at: i64,
    /// When it is tried next; none if it waits for an earlier one, or is over.
    pub next_at: Option<i64>,
    /// What the other side said when it arrived.
    pub last_status: Option<String>,
    /// Why it did not arrive.
    pub last_error: Option<String>,
    /// When it was over.
    pub done_at: Option<i64>,
}

/// Deliveries, the newest first; all of them, or those in one state or to one destination.
///
/// # Errors
/// When the database fails.
pub fn list(
    c: &mut Database,
    state: Option<State>,
    destination: Option<&DestinationName>,
    limit: i64,
) -> Result<Vec<DeliveryRow>, StoreError> {
    let mut query = deliveries::table
        .inner_join(outbox::table.on(outbox::seq.eq(deliveries::event)))
        .select((
            deliveries::id,
            outbox::id,
            outbox::kind,
            deliveries::aggregate,
            deliveries::destination,
            deliveries::recipient,
            deliveries::state,
            deliveries::attempt_no,
            outbox::created_at,
            deliveries::next_at,
            deliveries::last_status,
            deliveries::last_error,
            deliveries::done_at,
        ))
        .order(deliveries::id.desc())
        .limit(limit)
        .into_boxed();
    if let Some(state) = state {
        query = query.filter(deliveries::state.eq(state.as_str()));
    }
    if let Some(destination) = destination {
        query = query.filter(deliveries::destination.eq(destination.as_str()));
    }
    Ok(query.load(c)?)
}

/// Has a delivery that was given up, or waits for its next try, tried at once, as often as a new one.
///
/// # Errors
/// [`StoreError::NotFound`] when there is none; [`StoreError::Refused`] when it is done or was not to be made.
pub fn replay(c: &mut Database, id: i64, now: UnixMs) -> Result<(), StoreError> {
    hold::number(c, LOCK)?;
    let (state, destination, recipient, aggregate): (String, String, String, String) = deliveries::table
        .find(id)
        .select((deliveries::state, deliveries::destination, deliveries::recipient, deliveries::aggregate))
        .first(c)
        .found("delivery", id)?;
    if state != State::Dead.as_str() && state != State::Waiting.as_str() {
        return Err(StoreError::Refused(format!("delivery {id} is not to be made again: it is {state}")));
    }
    let idle = deliveries::table.filter(deliveries::id.eq(id).and(deliveries::lease_until.is_null()));
    let changed = diesel::update(idle)
        .set((
            deliveries::state.eq(State::Waiting.as_str()),
            deliveries::done_at.eq(None::<i64>),
            deliveries::attempt_no.eq(0),
            deliveries::next_at.eq(None::<i64>),
        ))
        .returning(deliveries::id)
        .count_changed(c)?;
    if changed == 0 {
        return Err(StoreError::Refused(format!("delivery {id} is under way at this moment")));
    }
    let line = (destination, recipient, aggregate);
    next_in_line(c, &line, now)?;
    // Who had the turn behind it waits again, unless he is under way.
    let others = deliveries::table
        .filter(deliveries::destination.eq(&line.0).and(deliveries::recipient.eq(&line.1)))
        .filter(deliveries::aggregate.eq(&line.2).and(deliveries::done_at.is_null()))
        .filter(deliveries::next_at.is_not_null().and(deliveries::lease_until.is_null()))
        .select(deliveries::id);
    let turns: Vec<i64> = others.load(c)?;
    let first = first_in_line(c, &line)?.map(|(first, _)| first);
    turns.into_iter().filter(|id| Some(*id) != first).try_for_each(|id| drop_turn(c, id))
}

/// Does [`replay`] to the oldest of those that were given up. How many it were.
///
/// # Errors
/// When the database fails.
pub fn replay_dead(
    c: &mut Database,
    destination: Option<&DestinationName>,
    limit: i64,
    now: UnixMs,
) -> Result<usize, StoreError> {
    let mut query = deliveries::table
        .filter(deliveries::state.eq(State::Dead.as_str()))
        .select(deliveries::id)
        .order(deliveries::id)
        .limit(limit)
        .into_boxed();
    if let Some(destination) = destination {
        query = query.filter(deliveries::destination.eq(destination.as_str()));
    }
    let dead: Vec<i64> = query.load(c)?;
    for id in &dead {
        replay(c, *id, now)?;
    }
    Ok(dead.len())
}

/// How many deliveries wait, and when the oldest event among them happened.
///
/// # Errors
/// When the database fails.
pub fn backlog(c: &mut Database) -> Result<(i64, Option<UnixMs>), StoreError> {
    let waiting = deliveries::table.filter(deliveries::done_at.is_null());
    let count = waiting.count().get_result(c)?;
    let oldest: Option<i64> = waiting
        .inner_join(outbox::table.on(outbox::seq.eq(deliveries::event)))
        .order(deliveries::event)
        .select(outbox::created_at)
        .first(c)
        .optional()?;
    Ok((count, oldest.map(UnixMs)))
}
