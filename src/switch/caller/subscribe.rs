//! What FreeSWITCH is to tell us of a caller.

use std::time::Duration;

use crate::ids::ChannelId;
use crate::switch::socket::{Socket, SocketError};

/// Leaner than `myevents`: four kinds of event instead of 23, and of those not the ends of applications that
/// tell us nothing, since each costs 6 to 12 KB on the way.
///
/// FreeSWITCH turns a bridge round if the caller has no media yet, and after some transfers: its events then
/// carry the other channel's identity, and the caller's as side B.
pub(super) async fn subscribe(
    socket: &mut Socket,
    channel: ChannelId,
    linger: Duration,
) -> Result<(), SocketError> {
    let orders = [
        format!("linger {}", linger.as_secs().max(1)),
        format!("filter Unique-ID {channel}"),
        format!("filter Bridge-B-Unique-ID {channel}"),
        "filter Application -answer".to_owned(),
        "filter Application -socket".to_owned(),
        format!("event plain {EVENTS}"),
    ];
    let refused = socket.all(&orders).await?.into_iter().find_map(Result::err);
    refused.map_or(Ok(()), |why| Err(SocketError::Refused(why)))
}

/// What is asked for; `filter` leaves of it what concerns this caller.
const EVENTS: &str = "CHANNEL_BRIDGE CHANNEL_UNBRIDGE CHANNEL_EXECUTE_COMPLETE CHANNEL_HANGUP_COMPLETE";
