//! Which events of a caller FreeSWITCH sends.

use crate::ids::ChannelId;
use crate::switch::frames::SocketError;
use crate::switch::socket::Socket;

use super::CallerSetup;

/// Subscribes to four kinds of event instead of the 23 of `myevents`, since each event has 6 to 12 KB. The end of the
/// application `socket` shows that somebody else has the caller.
///
/// FreeSWITCH reverses a bridge if the caller has no media yet, and after some transfers. Its events then carry the other
/// channel's identity, and the caller's as side B.
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
    // The earlier visit may have set it to false.
    match socket.api(&format!("uuid_setvar {channel} socket_resume true")).await {
        // Refused only if the caller is gone, which the last event reports.
        Ok(_) | Err(SocketError::Refused(_)) => Ok(()),
        Err(error) => Err(error),
    }
}

/// The kinds of event; `filter` reduces them to those of this caller.
const EVENTS: &str = "CHANNEL_BRIDGE CHANNEL_EXECUTE_COMPLETE CHANNEL_HANGUP_COMPLETE DTMF";
