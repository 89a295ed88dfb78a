//! Legs that belong to no offer or call.

use std::time::Duration;

use crate::ids::ChannelId;
use crate::sound::Sound;
use crate::switch::{Cancel, FoundLeg, Node, QueryError};

/// How long an agent hears the tone who picked up although the caller is gone.
const HEARS: Duration = Duration::from_secs(2);

/// Whether a leg is connected with the caller for whom it was rung.
pub(super) async fn talks_to(
    node: &Node,
    leg: &FoundLeg,
    caller: Option<&ChannelId>,
) -> Result<bool, QueryError> {
    let Some(caller) = caller.filter(|_| leg.answered) else { return Ok(false) };
    Ok(node.partner(leg.channel).await? == Some(*caller))
}

/// Ends a leg that rings for nobody. An agent who picked it up hears a tone first.
pub(super) async fn release(node: &Node, leg: FoundLeg, sound: &Sound) {
    let ended = async {
        if leg.answered {
            node.play_to(leg.channel, sound).await?;
            tokio::time::sleep(HEARS).await;
        }
        node.kill(leg.channel, Cancel::OriginatorCancel).await?;
        node.kill_offer(leg.offer, Cancel::OriginatorCancel).await
    };
    if let Err(error) = ended.await {
        tracing::warn!(channel = %leg.channel, %error, "a leg could not be ended: tried again at the next pass");
    }
}
