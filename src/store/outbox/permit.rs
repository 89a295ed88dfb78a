//! What goes to whom a stranger named is counted where it is sent, before it is.

use diesel::prelude::*;

use super::LOCK;
use crate::clock::UnixMs;
use crate::missed::mailbox;
use crate::missed::outgoing::{self, Limits, Medium, Sent, Spent};
use crate::store::dialect::{cached::Cache as _, hold};
use crate::store::schema::deliveries;
use crate::store::{Database, StoreError};

/// A delivery that is to be sent.
#[derive(Debug, Clone)]
pub struct Ask {
    /// Its number.
    pub delivery: i64,
    /// To whom.
    pub recipient: String,
    /// By what.
    pub medium: Medium,
    /// How much may go.
    pub limits: Limits,
    /// When.
    pub now: UnixMs,
}

/// A limit that a delivery meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Met {
    /// Which.
    pub spent: Spent,
    /// When the first of those that use up the limit of all no longer counts.
    pub free_at: UnixMs,
}

/// Whether it may be sent, and counts it then: once, however often it is tried.
///
/// # Errors
/// When the database fails. Inside: which limit it meets.
pub fn permit(c: &mut Database, ask: &Ask) -> Result<Result<(), Met>, StoreError> {
    hold::name(c, LOCK)?;
    let row = deliveries::table.find(ask.delivery);
    let before: Option<i64> = row.select(deliveries::permitted_at).first(c)?;
    if before.is_some() {
        return Ok(Ok(()));
    }
    let since = |span| {
        let after = deliveries::permitted_at.gt(ask.now - span);
        deliveries::table.filter(deliveries::medium.eq(ask.medium.as_str()).and(after))
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
        // A limit of nothing is never free; it may be raised.
        let free_at = oldest.flatten().map_or(ask.now, UnixMs) + outgoing::HOUR;
        return Ok(Err(Met { spent, free_at }));
    }
    diesel::update(row)
        .set((
            deliveries::medium.eq(ask.medium.as_str()),
            deliveries::permitted_at.eq(ask.now),
            deliveries::recipient_key.eq(&key),
        ))
        .returning(deliveries::id)
        .count_changed(c)?;
    Ok(Ok(()))
}
