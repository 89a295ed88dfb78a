//! What FreeSWITCH is to tell us of a caller.

use crate::ids::ChannelId;
use crate::switch::socket::{Socket, SocketError};

use super::CallerSetup;

/// Leaner than `myevents`: four kinds of event instead of 23, and of those not the ends of applications that
/// tell us nothing, since each costs 6 to 12 KB on the way. The end of `socket` tells that somebody else has the caller.
///
/// FreeSWITCH turns a bridge round if the caller has no media yet, and after some transfers: its events then
/// carry the other channel's identity, and the caller's as side B.
pub(super) async fn subscribe(
    socket: &mut Socket,
    channel: ChannelId,
    setup: &CallerSetup,
) -> Result<(), SocketError> {
    let orders = [
        format!("linger {}", setup.linger.as_secs().max(1)),
        format!("filter Unique-ID {channel}"),
        format!("filter Bridge-B-Unique-ID {channel}"),
        "filter Application -answer".to_owned(),
        format!("event plain {EVENTS}"),
    ];
    let refused = socket.all(&orders).await?.into_iter().find_map(Result::err);
    if let Some(why) = refused {
        return Err(SocketError::Refused(why));
    }
    if setup.visit.is_first() {
        return Ok(());
    }
    // The visit before may have said that our death leaves the caller where they are.
    match socket.api(&format!("uuid_setvar {channel} socket_resume true")).await {
        // refused only if the caller is gone, which the last event says
        Ok(_) | Err(SocketError::Refused(_)) => Ok(()),
        Err(error) => Err(error),
    }
}

/// What is asked for; `filter` leaves of it what concerns this caller.
const EVENTS: &str = "CHANNEL_BRIDGE CHANNEL_UNBRIDGE CHANNEL_EXECUTE_COMPLETE CHANNEL_HANGUP_COMPLETE";
