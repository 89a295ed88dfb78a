//! A call comes, or is about to be made.

use std::time::Duration;

use chrono::NaiveDate;
use diesel::prelude::*;

use super::waits::insert_wait;
use crate::clock::UnixMs;
use crate::ids::{CallId, CaseId, ChannelId, CoreId, NodeName, QueueName, RouteName};
use crate::missed::ending::Direction;
use crate::phone::Party;
use crate::store::dialect::cached::Cache as _;
use crate::store::schema::calls;
use crate::store::{Database, StoreError, to_ms};

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
    /// Over what it comes: a gateway, or the address of the other side.
    pub came_by: Option<String>,
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

/// Records a call that we or an agent make for a case.
///
/// # Errors
/// When the database fails.
pub(in crate::store) fn begin(
    c: &mut Database,
    new: &Arrival,
    direction: Direction,
    case: CaseId,
) -> Result<(), StoreError> {
    arrive(c, new)?;
    diesel::update(calls::table.find(new.id))
        .set((calls::direction.eq(direction), calls::case_id.eq(case)))
        .returning(calls::arrived_at)
        .count_changed(c)?;
    Ok(())
}

/// Records a call's arrival, and that it joined its first queue.
///
/// # Errors
/// When the database fails.
pub fn arrive(c: &mut Database, new: &Arrival) -> Result<(), StoreError> {
    diesel::insert_into(calls::table)
        .values((
            (
                calls::id.eq(new.id),
                calls::node.eq(&new.node),
                calls::channel.eq(new.channel),
                calls::core.eq(new.core),
                calls::party.eq(new.party.kind()),
                calls::number.eq(new.party.number()),
                calls::caller_number.eq(&new.caller_number),
                calls::caller_name.eq(&new.caller_name),
            ),
            (
                calls::dialled.eq(&new.dialled),
                calls::came_by.eq(&new.came_by),
                calls::route.eq(&new.route),
                calls::open.eq(new.open),
                calls::why.eq(&new.why),
                calls::queue.eq(&new.queue),
                calls::business_day.eq(new.business_day.to_string()),
                calls::service_level_ms.eq(new.service_level.map(to_ms)),
                calls::arrived_at.eq(new.at),
                calls::queued_at.eq(new.queue.as_ref().map(|_| new.at)),
            ),
        ))
        .insert(c)?;
    match &new.queue {
        Some(queue) => insert_wait(c, new.id, 1, queue, new.service_level.map(to_ms), new.at),
        None => Ok(()),
    }
}

/// A call that we make goes on, on another channel. Whether it has not ended.
pub(in crate::store) fn on_channel(
    c: &mut Database,
    call: CallId,
    channel: ChannelId,
) -> Result<bool, StoreError> {
    let open = calls::table.find(call).filter(calls::ended_at.is_null());
    let moved = diesel::update(open).set(calls::channel.eq(channel));
    Ok(moved.returning(calls::arrived_at).count_changed(c)? > 0)
}
