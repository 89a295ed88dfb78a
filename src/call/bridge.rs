//! Joining the caller with a leg that has answered. Success is FreeSWITCH's event, never its `+OK`.

use super::{BRIDGE_LIMIT, Call, Gone, TAKEN};
use crate::clock::UnixMs;
use crate::dispatch::offer::{Knock, Reply};
use crate::ids::{AgentName, ChannelId};
use crate::store::{self, until_recorded};
use crate::switch::CallerEvent;

/// The caller talks to somebody.
#[derive(Debug)]
pub(crate) struct Bridged {
    /// The agent; none for a contact outside the queues.
    pub agent: Option<AgentName>,
    /// Since when.
    pub at: UnixMs,
}

/// Takes the agent who knocks, if he is the first. `None` when nothing came of it and the caller still waits.
pub(crate) async fn take(call: &mut Call, knock: Knock) -> Result<Option<Bridged>, Gone> {
    let (id, offer, leg, at) = (call.id, knock.offer, knock.leg, knock.answered_at);
    let won = call.app.store.write("win", move |c| store::offers::win(c, offer, id, leg, at)).await;
    match won {
        Ok(true) => call.app.dispatcher.won(id, offer).await,
        Ok(false) => {
            knock.answer(Reply::Lost);
            return Ok(None);
        }
        Err(error) => {
            tracing::error!(%error, "the winner cannot be recorded: not connected");
            knock.answer(Reply::Failed);
            return Ok(None);
        }
    }
    let joined = join(call, leg).await;
    if joined != Ok(true) {
        let store = &call.app.store;
        let undone =
            until_recorded("unwin", || store.write("unwin", move |c| store::offers::unwin(c, offer, id)));
        if let Err(error) = undone.await {
            tracing::error!(%error, "the winner who could not be connected stays on record");
        }
        knock.answer(Reply::Failed);
        return joined.map(|_| None);
    }
    let now = call.app.clock.now();
    call.app.metrics.bridge_seconds.observe(now.since(at).as_secs_f64());
    let agent = knock.agent.clone();
    knock.answer(Reply::Bridged);
    let store = &call.app.store;
    let recorded = until_recorded("bridged", || {
        store.write("bridged", move |c| store::offers::bridged(c, offer, id, now))
    });
    if let Err(error) = recorded.await {
        tracing::error!(%error, "the talk is not recorded yet; its end will be");
    }
    tracing::info!(%agent, "the caller got through");
    Ok(Some(Bridged { agent: Some(agent), at: now }))
}

/// Bridges the caller with `leg` and waits for FreeSWITCH's word. Whether they are joined.
pub(crate) async fn join(call: &mut Call, leg: ChannelId) -> Result<bool, Gone> {
    if let Err(error) = call.caller.bridge(leg).await {
        tracing::warn!(%leg, %error, "the bridge was refused");
        call.caller.unbridge_failed().await;
        return Ok(false);
    }
    let limit = tokio::time::sleep(BRIDGE_LIMIT);
    tokio::pin!(limit);
    loop {
        tokio::select! {
            biased;
            event = call.next_in_talk() => if event? == (CallerEvent::Bridged { other: leg }) {
                return Ok(true);
            },
            () = &mut limit => {
                tracing::warn!(%leg, "the bridge did not come about in time");
                call.caller.unbridge_failed().await;
                return Ok(false);
            }
        }
    }
}

/// Stays with a caller who talks until their channel ends, or comes back to us as another call. Returns the cause.
pub(crate) async fn until_hangup(call: &mut Call) -> String {
    loop {
        match call.next_in_talk().await {
            Ok(_) => {}
            Err(Gone::HungUp(cause)) => return cause,
            Err(Gone::Taken) => return TAKEN.to_owned(),
            Err(Gone::Lost | Gone::Drained) => {
                // The talk goes on whether or not his socket does.
                call.node.until_gone(call.caller.channel()).await;
                return "SOCKET_LOST".to_owned();
            }
        }
    }
}
