//! An agent records the disposition of the last talk by dialling a code.

use super::{Phone, hear};
use crate::call::Call;
use crate::cause::HangupCause;
use crate::ids::AgentName;
use crate::missed::attempt::Disposition;
use crate::store::manual_dial;

impl Phone {
    /// Records the disposition of the agent's last talk, and confirms it by a sound.
    pub(super) async fn record_disposition(&self, mut call: Call, result: Disposition) {
        let sounds = call.app.settings.sounds.clone();
        let said = self.record(&call, &self.agent, result).await;
        hear(&mut call, if said { &sounds.done } else { &sounds.refused }).await;
        call.caller.hangup(HangupCause::NormalClearing).await;
    }

    async fn record(&self, call: &Call, agent: &AgentName, result: Disposition) -> bool {
        let (callback_rules, at, agent) = (call.app.callback_rules(), call.app.clock.now(), agent.clone());
        let who = agent.clone();
        let write = call.app.store.write("record_disposition", move |c| {
            manual_dial::record_disposition(c, &callback_rules, &who, result, at)
        });
        match write.await {
            Ok(Some(case)) => {
                tracing::info!(%agent, case.id = %case, %result, "the agent recorded the disposition of their last talk");
                true
            }
            Ok(None) => {
                let code = &call.facts.dialled;
                tracing::warn!(%agent, "{code} ignored: no call of {agent} is waiting for a result");
                false
            }
            Err(error) => {
                tracing::error!(%agent, %error, "the disposition is not recorded");
                false
            }
        }
    }
}
