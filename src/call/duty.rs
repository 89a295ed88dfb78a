//! Rings the person on duty, who accepts by a key, then the others of the rota until somebody does.

use super::flow::Next;
use super::forward::{self, Dialled};
use super::{Call, Gone};
use crate::ids::DutyName;
use crate::rules::{Rules, Then};
use crate::switch::Confirm;

/// The cause of a call for which no phone of the rota could be rung.
const NOBODY_ON_DUTY: &str = "NOBODY_ON_DUTY";

/// Rings the contacts of the people of a rota, one after the other, while the caller hears music. A mailbox presses no key,
/// so it takes no caller.
pub(crate) async fn ring(call: &mut Call, rules: &Rules, name: &DutyName, then: Then) -> Result<Next, Gone> {
    forward::begin(call).await?;
    let now = call.app.clock.now();
    let people = rules.duties.get(name).map(|duty| duty.ladder(now)).unwrap_or_default();
    let mut cause = NOBODY_ON_DUTY.to_owned();
    for (agent, rule) in people.into_iter().filter_map(|agent| Some((agent, rules.agents.get(agent)?))) {
        for contact in &rule.contacts {
            tracing::info!(duty = %name, %agent, "a person on duty is rung");
            let confirm = confirm(call);
            match forward::dial(call, contact, rule.ring_timeout, Some(confirm)).await? {
                Dialled::Talked(ended) => return Ok(Next::Ended(ended)),
                Dialled::Nobody(why) => cause = why,
            }
        }
    }
    tracing::warn!(duty = %name, %cause, "nobody on duty has taken the call");
    forward::nobody(call, &cause, then).await
}

fn confirm(call: &Call) -> Confirm {
    let sound = call.app.settings.callback.confirm_sound.clone();
    Confirm { sound, within: call.node.confirm_timeout() }
}
