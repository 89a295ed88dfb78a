//! Records how a try of a delivery ended.

use std::collections::BTreeMap;

use diesel::prelude::*;

use super::closed::shut;
use super::line::{Line, drop_turn, first_in_line, next_in_line};
use super::{LOCK, State};
use crate::clock::UnixMs;
use crate::store::dialect::{cached::Cache as _, columns, hold};
use crate::store::schema::{deliveries, outbox};
use crate::store::{Database, StoreError};

/// How a try ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settled {
    /// The delivery arrived. The value is the answer.
    Done(String),
    /// The delivery was not to be made. The value is the reason.
    Skipped(String),
    /// The delivery is given up. The value is the reason.
    Dead(String),
    /// The delivery is tried again at this time. The text is the reason.
    Again(UnixMs, String),
    /// The delivery was not tried, because it would exceed a limit of ours. It is tried at this time, and this does not
    /// count as a try. The text is the reason.
    Postponed(UnixMs, String),
    /// The try had no result, because the controller had to stop. It does not count as a try.
    Released,
    /// The destination accepts no more deliveries. The value is its answer. The delivery waits until the destination is
    /// opened.
    Closed(String),
}

/// Records how a try ended. A delivery that is already over is not changed. Repeating it changes nothing.
///
/// # Errors
/// When the database fails.
pub fn settle(c: &mut Database, id: i64, how: &Settled, now: UnixMs) -> Result<(), StoreError> {
    hold::name(c, LOCK)?;
    let line: Option<Line> = deliveries::table
        .filter(deliveries::id.eq(id).and(deliveries::done_at.is_null()))
        .select(columns::<Line>())
        .first(c)
        .optional()?;
    let Some(line) = line else { return Ok(()) };
    match how {
        Settled::Done(said) => end(c, id, State::Done, Some(said), None, now)?,
        Settled::Skipped(why) => end(c, id, State::Skipped, None, Some(why), now)?,
        Settled::Dead(why) => end(c, id, State::Dead, None, Some(why), now)?,
        Settled::Again(next, why) => wait(c, id, *next, Some(why), false)?,
        Settled::Postponed(next, why) => wait(c, id, *next, Some(why), true)?,
        Settled::Released => wait(c, id, now, None, true)?,
        Settled::Closed(why) => {
            wait(c, id, now, Some(why), true)?;
            shut(c, &line.destination, why, now)?;
        }
    }
    next_in_line(c, &line, now)?;
    // An earlier delivery may have come back while this one was under way.
    let first = first_in_line(c, &line)?;
    if first.is_some_and(|(first, _)| first != id) { drop_turn(c, id) } else { Ok(()) }
}

/// The reason that is recorded for a delivery that waited too long.
const TOO_OLD: &str =
    "it waited for longer than `[retention] outbox`: its destination is gone, or accepts nothing";

/// Gives up waiting deliveries of events from before `before`, at most `limit`. A line in which a delivery is being
/// tried is left alone. Returns how many were given up.
pub(in crate::store) fn give_up_before(
    c: &mut Database,
    before: UnixMs,
    now: UnixMs,
    limit: i64,
) -> Result<usize, StoreError> {
    hold::name(c, LOCK)?;
    let idle = deliveries::lease_until.is_null().or(deliveries::lease_until.le(now));
    let waits: Vec<(i64, Line)> = deliveries::table
        .inner_join(outbox::table.on(outbox::seq.eq(deliveries::event)))
        .filter(outbox::created_at.lt(before).and(deliveries::done_at.is_null()).and(idle))
        .filter(deliveries::next_at.is_null().or(deliveries::next_at.lt(before)))
        .order(deliveries::id)
        .limit(limit)
        .select((deliveries::id, columns::<Line>()))
        .load(c)?;
    let mut lines: BTreeMap<Line, Vec<i64>> = BTreeMap::new();
    for (id, line) in waits {
        lines.entry(line).or_default().push(id);
    }
    let mut given_up = 0;
    for (line, ids) in lines {
        let first = first_in_line(c, &line)?;
        if first.is_some_and(|(_, next)| next.is_some_and(|next| next >= before.0)) {
            continue;
        }
        for id in &ids {
            end(c, *id, State::Dead, None, Some(&TOO_OLD.to_owned()), now)?;
        }
        given_up += ids.len();
        next_in_line(c, &line, now)?;
    }
    Ok(given_up)
}

/// The length, in characters, up to which an answer from the other side is stored.
const KEPT: usize = 1000;

fn short(said: &str) -> String {
    said.chars().take(KEPT).collect()
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
            deliveries::state.eq(state),
            deliveries::done_at.eq(now),
            deliveries::next_at.eq(None::<i64>),
            deliveries::lease_until.eq(None::<i64>),
            deliveries::leased_by.eq(None::<String>),
            deliveries::last_status.eq(said.map(|said| short(said))),
            deliveries::last_error.eq(why.map(|why| short(why))),
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
            deliveries::next_at.eq(next),
            deliveries::attempt_no.eq(count),
            deliveries::lease_until.eq(None::<i64>),
            deliveries::leased_by.eq(None::<String>),
            deliveries::last_error.eq(why.or(kept.1.as_ref()).map(|why| short(why))),
        ))
        .returning(deliveries::id)
        .count_changed(c)?;
    Ok(())
}
