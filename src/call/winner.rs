//! The first agent who answers gets the caller.

use super::talk::Talk;
use super::{Call, Gone};
use crate::dispatch::answered::{AgentAnswered, BridgeResult};
use crate::ids::{AgentName, ChannelId};
use crate::rules::Queue;
use crate::store::offers::Answer;
use crate::switch::{AfterTalk, Cancel};

/// The caller talks to an agent.
pub(crate) struct Bridged {
    /// The agent.
    pub agent: AgentName,
    /// The talk.
    pub talk: Talk,
}

/// Connects the caller of a queue with an agent who answered. None if they were not connected: the caller still waits.
///
/// This task alone decides which agent gets its caller, so nothing is committed between the answer and the bridge: the
/// talk's record makes the agent the winner. The database refuses that only if somebody else has changed its rows
/// meanwhile.
pub(crate) async fn connect(
    call: &mut Call,
    queue: &Queue,
    answered: AgentAnswered,
) -> Result<Option<Bridged>, Gone> {
    let after = if queue.survey.is_some() { AfterTalk::Survey(call.id) } else { AfterTalk::HangUp };
    let (offer, leg, at) = (answered.offer, answered.channel, answered.answered_at);
    call.app.dispatcher.connecting(call.id, offer).await;
    let talk = match Talk::with_caller(call, leg, after).await {
        Ok(Some(talk)) => talk,
        not_connected => {
            call.app.dispatcher.waits_again(call.id).await;
            answered.answer(BridgeResult::Failed);
            return not_connected.map(|_| None);
        }
    };
    call.app.metrics.bridge_seconds.observe(talk.since().since(at).as_secs_f64());
    let agent = answered.agent.clone();
    answered.answer(BridgeResult::Bridged);
    // If this record fails, the end of the talk is still recorded.
    if let Ok(false) = talk.win(offer, Answer { leg, at }).await {
        return Err(part(call, leg).await);
    }
    tracing::info!(%agent, "the caller got through");
    Ok(Some(Bridged { agent, talk }))
}

/// Parts a caller and an agent who must not talk: the end of the agent's leg gives the caller back to the dialplan, which
/// brings them back to us.
async fn part(call: &Call, leg: ChannelId) -> Gone {
    tracing::error!(
        %leg,
        "the caller was connected with an agent who, by the database, has not won the call: parting them"
    );
    call.caller.unbridge_failed().await;
    if let Err(error) = call.node.kill(leg, Cancel::LoseRace).await {
        tracing::error!(%leg, %error, "the agent's leg cannot be ended: the two talk on");
    }
    Gone::Lost
}
