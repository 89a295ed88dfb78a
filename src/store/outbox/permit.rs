//! Counts messages to people whom strangers named, before each message is sent.

use diesel::prelude::*;

use super::LOCK;
use crate::clock::UnixMs;
use crate::missed::mailbox;
use crate::missed::outgoing::{self, Limits, Medium, Sent, Spent};
use crate::store::dialect::{cached::Cache as _, hold};
use crate::store::schema::deliveries;
use crate::store::{Database, StoreError};

/// A delivery that is about to be sent.
#[derive(Debug, Clone)]
pub struct Ask {
    /// The number of the delivery.
    pub delivery: i64,
    /// The recipient.
    pub recipient: String,
    /// The medium.
    pub medium: Medium,
    /// The limits that apply.
    pub limits: Limits,
    /// The current time.
    pub now: UnixMs,
}

/// A limit that forbids a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Met {
    /// Which limit.
    pub spent: Spent,
    /// When the oldest message that counts towards the limit of all recipients no longer counts.
    pub free_at: UnixMs,
}

/// Checks whether the delivery may be sent, and counts it if so. A delivery that is tried again is counted once.
///
/// # Errors
/// When the database fails. The inner result tells which limit forbids the delivery.
pub fn permit(c: &mut Database, ask: &Ask) -> Result<Result<(), Met>, StoreError> {
    hold::name(c, LOCK)?;
    let row = deliveries::table.find(ask.delivery);
    let before: Option<i64> = row.select(deliveries::permitted_at).first(c)?;
    if before.is_some() {
        return Ok(Ok(()));
    }
    let since = |span| {
        let after = deliveries::permitted_at.gt(ask.now - span);
        deliveries::table.filter(deliveries::medium.eq(ask.medium).and(after))
    };
    let key = match ask.medium {
        Medium::Letter => mailbox::key(&ask.recipient),
        Medium::Sms | Medium::Dial => ask.recipient.clone(),
    };
    let of_recipient = deliveries::recipient_key.eq(&key);
    let to_recipient = since(outgoing::DAY).filter(of_recipient).count().get_result(c)?;
    let to_all = since(outgoing::HOUR).count().get_result(c)?;
    if let Err(spent) = outgoing::check(ask.limits, Sent { to_recipient, to_all }) {
        let oldest: Option<Option<i64>> =
            since(outgoing::HOUR).select(diesel::dsl::min(deliveries::permitted_at)).first(c).optional()?;
        // A limit of 0 never becomes free by itself, but the administrator may raise it.
        let free_at = oldest.flatten().map_or(ask.now, UnixMs) + outgoing::HOUR;
        return Ok(Err(Met { spent, free_at }));
    }
    diesel::update(row)
        .set((
            deliveries::medium.eq(ask.medium),
            deliveries::permitted_at.eq(ask.now),
            deliveries::recipient_key.eq(&key),
        ))
        .returning(deliveries::id)
        .count_changed(c)?;
    Ok(Ok(()))
}
