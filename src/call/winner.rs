//! The first agent who answers gets the caller.

use super::talk::{Between, Talk};
use super::{Call, Gone};
use crate::dispatch::answered::{AgentAnswered, BridgeResult};
use crate::ids::AgentName;
use crate::store;

/// The caller talks to an agent.
pub(crate) struct Bridged {
    /// The agent.
    pub agent: AgentName,
    /// The talk.
    pub talk: Talk,
}

/// Connects the caller with an agent who answered, if no other agent was first. None if they were not connected: the
/// caller still waits.
pub(crate) async fn connect(call: &mut Call, answered: AgentAnswered) -> Result<Option<Bridged>, Gone> {
    let (id, offer, leg, at) = (call.id, answered.offer, answered.channel, answered.answered_at);
    let won = call.app.store.write("win", move |c| store::offers::win(c, offer, id, leg, at)).await;
    match won {
        Ok(true) => call.app.dispatcher.connecting(id, offer).await,
        Ok(false) => {
            answered.answer(BridgeResult::Lost);
            return Ok(None);
        }
        Err(error) => {
            tracing::error!(%error, "the agent who answered cannot be recorded: not connected");
            answered.answer(BridgeResult::Failed);
            return Ok(None);
        }
    }
    let talk = match Talk::with_caller(call, leg).await {
        Ok(Some(talk)) => talk,
        not_connected => {
            let undone = call.app.store.record("unwin", move |c| store::offers::unwin(c, offer, id));
            if let Err(error) = undone.await {
                tracing::error!(%error, "it is not recorded that the agent who answered could not be connected");
            }
            answered.answer(BridgeResult::Failed);
            return not_connected.map(|_| None);
        }
    };
    call.app.metrics.bridge_seconds.observe(talk.since().since(at).as_secs_f64());
    let agent = answered.agent.clone();
    answered.answer(BridgeResult::Bridged);
    // If this record fails, the end of the talk is still recorded.
    let _ = talk.record(Between::CallerAndAgent(offer)).await;
    tracing::info!(%agent, "the caller got through");
    Ok(Some(Bridged { agent, talk }))
}
