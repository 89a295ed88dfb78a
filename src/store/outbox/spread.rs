//! Makes the deliveries of an event, one for each recipient.

use diesel::prelude::*;

use super::line::next_in_line;
use super::{LOCK, State};
use crate::clock::UnixMs;
use crate::ids::DestinationName;
use crate::store::dialect::{cached::Cache as _, hold};
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
    let fresh: Vec<(i64, String, String, String)> = outbox::table
        .filter(outbox::spread_at.is_null().and(outbox::aggregate.ne_all(skipped)))
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
