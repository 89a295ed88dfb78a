//! A missed call, with the facts that its case needs.

use std::time::Duration;

use crate::calendar::business_day::BusinessDay;
use crate::clock::UnixMs;
use crate::ids::{CallId, QueueName};
use crate::missed::case::Reason;
use crate::missed::flood::Limits;
use crate::phone::E164;

/// A missed call that needs a callback.
#[derive(Debug)]
pub(in crate::store) struct Miss<'a> {
    pub call: CallId,
    /// When the call arrived.
    pub began_at: UnixMs,
    pub number: &'a E164,
    pub reason: Reason,
    pub queue: Option<&'a QueueName>,
    pub business_day: BusinessDay,
    pub wait_ms: Option<i64>,
    /// How long the caller may call again before the case becomes due.
    pub grace: Duration,
    /// The place that the caller keeps in the queue: since when they stand there.
    pub place: Option<UnixMs>,
    /// How long somebody must have talked with us for their number to be known.
    pub min_talk: Duration,
    /// Where the call came from: a gateway, or the address of the other side.
    pub came_by: Option<&'a str>,
    /// How many cases missed calls may open in an hour.
    pub flood: Limits,
    pub at: UnixMs,
}
