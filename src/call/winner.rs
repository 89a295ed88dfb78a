//! The first agent who answers gets the caller.

use std::sync::Arc;

use super::talk::{Between, Talk};
use super::{Call, Gone};
use crate::context::App;
use crate::dispatch::answered::{AgentAnswered, BridgeResult};
use crate::ids::{AgentName, CallId};
use crate::store;

/// The caller talks to an agent.
pub(crate) struct Bridged {
    /// The agent.
    pub agent: AgentName,
    /// The talk.
    pub talk: Talk,
}

/// Connects the caller with an agent who answered. None if they were not connected: the caller still waits.
///
/// This task alone decides which agent gets its caller, so the agent's win is committed while FreeSWITCH connects the
/// two, which takes it about 40 ms. The database refuses a win only if somebody else has changed its rows meanwhile.
pub(crate) async fn connect(call: &mut Call, answered: AgentAnswered) -> Result<Option<Bridged>, Gone> {
    let (offer, leg, at) = (answered.offer, answered.channel, answered.answered_at);
    let win = win(Arc::clone(&call.app), call.id, &answered);
    let (wins, talk) = tokio::join!(win, Talk::with_caller(call, leg));
    if !wins {
        return refused(call, answered, talk).await;
    }
    let talk = match talk {
        Ok(Some(talk)) => talk,
        not_connected => {
            let id = call.id;
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

/// Records that an agent has won the call, and stops the other agents' phones. Returns false if the database refuses: the
/// offer or the call has ended, or another agent has won. If it gives no answer, the talk's record, which is repeated,
/// includes this one.
async fn win(app: Arc<App>, call: CallId, answered: &AgentAnswered) -> bool {
    let (offer, leg, at) = (answered.offer, answered.channel, answered.answered_at);
    match app.store.write("win", move |c| store::offers::win(c, offer, call, leg, at)).await {
        Ok(false) => return false,
        Ok(true) => {}
        Err(error) => {
            tracing::error!(%error, "it is not recorded yet which agent answered; the talk's record includes that");
        }
    }
    app.dispatcher.connecting(call, offer).await;
    true
}

/// The agent must not have the caller. If FreeSWITCH has connected them, the end of the agent's leg gives the caller
/// back to the dialplan, which brings them back to us.
async fn refused(
    call: &Call,
    answered: AgentAnswered,
    talk: Result<Option<Talk>, Gone>,
) -> Result<Option<Bridged>, Gone> {
    let connected = talk?.is_some();
    if connected {
        tracing::error!(
            offer = %answered.offer,
            "the caller was connected with an agent who, by the database, has not won the call: parting them"
        );
        call.caller.unbridge_failed().await;
    }
    answered.answer(BridgeResult::Lost);
    if connected { Err(Gone::Lost) } else { Ok(None) }
}
