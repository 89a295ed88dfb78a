//! Who is to be told of an event: a delivery for each.

use diesel::prelude::*;

use super::line::next_in_line;
use super::{LOCK, State};
use crate::clock::UnixMs;
use crate::ids::DestinationName;
use crate::store::dialect::{cached::Cache as _, hold};
use crate::store::schema::{deliveries, outbox};
use crate::store::{Database, StoreError};

/// What is left of an event whose person was erased. It is told to nobody.
pub(in crate::store) const ERASED: &str = r#"{"erased":true}"#;

/// Why a delivery of it is not made.
pub(in crate::store) const WAS_ERASED: &str = "the person was erased";

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

/// What the oldest event happened to that has no deliveries yet, and to none of `skipped`.
///
/// # Errors
/// When the database fails.
pub fn unspread(c: &mut Database, skipped: &[String]) -> Result<Option<String>, StoreError> {
    let fresh = outbox::table.filter(outbox::spread_at.is_null().and(outbox::aggregate.ne_all(skipped)));
    Ok(fresh.order(outbox::seq).select(outbox::aggregate).first(c).optional()?)
}

/// Makes the deliveries of the oldest events that have none yet, as `targets` says: at most `limit`, and none of what
/// happened to one of `skipped`. How many events it were.
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
