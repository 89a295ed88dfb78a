//! Makes the deliveries of an event, one for each recipient.

use diesel::prelude::*;

use super::line::{Line, next_in_line};
use super::{LOCK, State};
use crate::clock::UnixMs;
use crate::ids::DestinationName;
use crate::store::dialect::{cached::Cache as _, columns, hold};
use crate::store::schema::{deliveries, outbox};
use crate::store::{Database, StoreError};

/// The payload of an event whose person was erased. Nobody is told of such an event.
pub(in crate::store) const ERASED: &str = r#"{"erased":true}"#;

/// The reason that is recorded for a skipped delivery of such an event.
pub(in crate::store) const WAS_ERASED: &str = "the person was erased";

/// An event that is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Kept {
    /// The kind of the event.
    pub kind: String,
    /// What recipients are told about it.
    pub data: serde_json::Value,
}

/// An event without deliveries.
#[derive(Queryable, Selectable)]
#[diesel(table_name = outbox)]
struct Fresh {
    seq: i64,
    aggregate: String,
    kind: String,
    payload: String,
}

/// A recipient of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The destination.
    pub destination: DestinationName,
    /// The recipient at the destination, or the reason why there is none.
    pub recipient: Result<String, String>,
}

/// Returns the aggregate of the oldest event that has no deliveries yet. Events of an aggregate in `skipped` are left
/// out.
///
/// # Errors
/// When the database fails.
pub fn unspread(c: &mut Database, skipped: &[String]) -> Result<Option<String>, StoreError> {
    let fresh = outbox::table.filter(outbox::spread_at.is_null().and(outbox::aggregate.ne_all(skipped)));
    Ok(fresh.order(outbox::seq).select(outbox::aggregate).first(c).optional()?)
}

/// Makes the deliveries of the oldest events without deliveries, as `targets` says: at most `limit` events, and none of
/// an aggregate in `skipped`. Returns how many events there were.
///
/// # Errors
/// When the database fails.
pub fn spread(
    c: &mut Database,
    now: UnixMs,
    limit: i64,
    skipped: &[String],
    targets: impl Fn(&Kept) -> Vec<Target>,
) -> Result<usize, StoreError> {
    hold::name(c, LOCK)?;
    let fresh: Vec<Fresh> = outbox::table
        .filter(outbox::spread_at.is_null().and(outbox::aggregate.ne_all(skipped)))
        .order(outbox::seq)
        .limit(limit)
        .select(columns::<Fresh>())
        .load(c)?;
    for Fresh { seq, aggregate, kind, payload } in &fresh {
        let data = serde_json::from_str(payload).unwrap_or_default();
        let mut targets = targets(&Kept { kind: kind.clone(), data });
        if payload == ERASED {
            targets.dedup_by(|one, other| one.destination == other.destination);
            targets.iter_mut().for_each(|target| target.recipient = Err(WAS_ERASED.to_owned()));
        }
        for target in &targets {
            put(c, *seq, aggregate, target, now)?;
        }
        diesel::update(outbox::table.find(seq))
            .set(outbox::spread_at.eq(now))
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
            deliveries::destination.eq(&target.destination),
            deliveries::recipient.eq(recipient),
            deliveries::state.eq(state),
            deliveries::last_error.eq(why),
            deliveries::done_at.eq(why.map(|_| now)),
        ))
        .insert(c)?;
    if why.is_some() {
        return Ok(());
    }
    let line = Line {
        destination: target.destination.clone(),
        recipient: recipient.to_owned(),
        aggregate: aggregate.to_owned(),
    };
    next_in_line(c, &line, now)
}
