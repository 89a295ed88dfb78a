//! A callback in progress, and the steps that do not depend on who is dialled first.

use std::sync::Arc;

use tokio::sync::{OnceCell, mpsc};

use crate::call::attempt::BRIDGE_FAILED;
use crate::call::talk::{Between, Talk, TalkOver};
use crate::context::App;
use crate::dispatch::answered::{AgentAnswered, BridgeResult};
use crate::dispatch::queued_caller::{FirstRing, QueuedCaller};
use crate::dispatch::trunks::{CallSlot, Customer};
use crate::ids::{AttemptId, ChannelId, OfferId};
use crate::missed::attempt::Disposition;
use crate::missed::outgoing::ContactVerdict;
use crate::queue::preferred::PreferredAgent;
use crate::store::StoreError;
use crate::store::callbacks::{CallbackResult, CallbackRules, LeasedCase, NotReserved};
use crate::switch::{Cancel, Confirm, Leg, Node};

pub(super) const CALLER_IS_HERE: &str = "CALLER_IS_HERE";

/// A callback under way.
pub(super) struct Callback {
    pub(super) app: Arc<App>,
    pub(super) callback_rules: CallbackRules,
    pub(super) work: LeasedCase,
    pub(super) node: Node,
    /// Its room on the trunks.
    slot: OnceCell<CallSlot>,
}

impl Callback {
    /// A callback without a `slot` gets its room on the trunks when it dials.
    pub(super) fn new(
        app: Arc<App>,
        callback_rules: CallbackRules,
        work: LeasedCase,
        node: Node,
        slot: Option<CallSlot>,
    ) -> Self {
        Self { app, callback_rules, work, node, slot: OnceCell::new_with(slot) }
    }

    /// Returns the room on the trunks, and waits for it if there is none yet.
    pub(super) async fn slot(&self) -> &CallSlot {
        self.slot.get_or_init(|| self.app.trunks.room()).await
    }

    pub(super) fn queued(&self, answered: mpsc::Sender<AgentAnswered>) -> QueuedCaller {
        let settings = &self.app.settings.callback;
        let until = self.app.clock.now() + settings.assignee_first;
        QueuedCaller {
            call: self.work.call,
            queue: self.work.queue.clone(),
            joined_at: self.work.place_at.unwrap_or(self.work.due_at),
            first_ring: FirstRing::awaited(),
            node: self.node.clone(),
            channel: None,
            number: self.work.number.to_string(),
            name: format!("{} {}", settings.display_prefix, self.work.name).trim().to_owned(),
            answered,
            confirm: settings.confirm.then(|| Confirm {
                sound: settings.confirm_sound.clone(),
                within: self.node.confirm_timeout(),
            }),
            rest: settings.agent_pause,
            yields: self.work.place_at.is_none(),
            preferred: self.work.first.clone().map(|agent| PreferredAgent { agent, until }),
        }
    }

    pub(super) const fn customer(&self, offer: OfferId, channel: ChannelId) -> Customer<'_> {
        let LeasedCase { ref number, call, ring, .. } = self.work;
        Customer { channel, number, call, offer, ring }
    }

    /// Counts whether the policy for outgoing contact allowed the attempt.
    pub(super) fn count(&self, reserved: &Result<Option<AttemptId>, CallbackResult>) {
        let said = match reserved {
            Ok(attempt) => attempt.map(|_| ContactVerdict::Allowed),
            Err(CallbackResult::Refused(guard)) => ContactVerdict::by_guard(*guard),
            Err(_) => None,
        };
        self.app.metrics.dial_decided(said);
    }

    /// The customer answered: connects the customer with the agent, and waits for the end of the talk.
    pub(super) async fn connect(
        &self,
        answered: AgentAnswered,
        attempt: AttemptId,
        mut leg: Leg,
        channel: ChannelId,
    ) -> CallbackResult {
        let sides = (channel, answered.channel);
        let Some(talk) = Talk::of_legs(&self.app, self.work.call, &self.node, sides).await else {
            leg.hang_up(Cancel::OriginatorCancel).await;
            answered.answer(BridgeResult::Failed);
            return CallbackResult::without_talk(attempt, Disposition::Abandoned, BRIDGE_FAILED);
        };
        leg.in_talk();
        // The end of the agent's offer checks whether a disposition is missing, so the talk is recorded before it. If
        // this record fails, the end of the talk is still recorded.
        let _ = talk.record(Between::CustomerAndAgent(attempt, answered.offer)).await;
        tracing::info!(agent = %answered.agent, "the customer is reached");
        answered.answer(BridgeResult::Bridged);
        let TalkOver { since: answered_at, cause } = talk.until_leg_ends(&mut leg).await;
        CallbackResult::Talked { attempt, cause, answered_at }
    }
}

/// Returns the result of a reservation. None if another agent was first.
pub(super) fn reserved<T>(
    written: Result<Result<T, NotReserved>, StoreError>,
) -> Result<Option<T>, CallbackResult> {
    match written {
        Ok(Ok(reserved)) => Ok(Some(reserved)),
        Ok(Err(NotReserved::Taken)) => Ok(None),
        Ok(Err(NotReserved::NotOurs)) => Err(CallbackResult::Released("NOT_OURS")),
        Ok(Err(NotReserved::Guard(refusal))) => {
            tracing::warn!(guard = %refusal.guard, why = refusal.why, "the customer is not dialled");
            Err(CallbackResult::Refused(refusal.guard))
        }
        Err(error) => {
            tracing::error!(%error, "the attempt cannot be recorded: the customer is not dialled");
            Err(CallbackResult::Released("NOT_RECORDED"))
        }
    }
}
