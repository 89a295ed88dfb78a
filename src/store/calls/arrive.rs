//! The beginning of a call: a caller arrives, or a call is about to be made.

use std::time::Duration;

use diesel::prelude::*;

use crate::calendar::business_day::BusinessDay;
use crate::clock::UnixMs;
use crate::ids::{CallId, CaseId, ChannelId, CoreId, NodeName, QueueName, RouteName};
use crate::missed::ending::Direction;
use crate::phone::Party;
use crate::store::dialect::cached::Cache as _;
use crate::store::schema::calls;
use crate::store::waits::insert_wait;
use crate::store::{Database, StoreError, to_ms};

/// A call that has arrived.
#[derive(Debug, Clone)]
pub struct Arrival {
    /// The id of the call.
    pub id: CallId,
    /// The FreeSWITCH that has the call.
    pub node: NodeName,
    /// The caller's channel.
    pub channel: ChannelId,
    /// The run of that FreeSWITCH.
    pub core: CoreId,
    /// Whether the caller can be called back, and at which number.
    pub party: Party,
    /// The caller's number as FreeSWITCH sent it.
    pub caller_number: String,
    /// The caller's name as FreeSWITCH sent it.
    pub caller_name: String,
    /// The dialled number.
    pub dialled: String,
    /// Where the call comes from: a gateway, or the address of the other side.
    pub came_by: Option<String>,
    /// The route that matched.
    pub route: Option<RouteName>,
    /// Whether the route was open.
    pub open: bool,
    /// The reasons for the routing decision.
    pub why: String,
    /// The queue that the caller joins at once.
    pub queue: Option<QueueName>,
    /// The service level of that queue.
    pub service_level: Option<Duration>,
    /// The business day of the call.
    pub business_day: BusinessDay,
    /// The time of arrival.
    pub at: UnixMs,
}

/// Records a call that the controller or an agent makes for a case.
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

/// Records a call's arrival. Also records that it joined its first queue, if it did.
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
                calls::business_day.eq(new.business_day),
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

/// Records the channel on which a call of the controller continues. Returns whether the call has not ended.
pub(in crate::store) fn on_channel(
    c: &mut Database,
    call: CallId,
    channel: ChannelId,
) -> Result<bool, StoreError> {
    let open = calls::table.find(call).filter(calls::ended_at.is_null());
    let moved = diesel::update(open).set(calls::channel.eq(channel));
    Ok(moved.returning(calls::arrived_at).count_changed(c)? > 0)
}
