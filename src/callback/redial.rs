//! One attempt over several trunks: when a trunk refuses the dial before the customer's phone rings, the next trunk
//! dials at once.
//!
//! In: a recorded attempt, and its first trunk. Out: legs, one at a time, and how the attempt ended.
//! **Invariants:** no leg is dialled before the previous one is known to be gone; each trunk is tried once; each leg
//! has its own channel, recorded before it is dialled, so that after a crash the next controller finds it.

use super::in_progress::Callback;
use crate::call::attempt::{dialled_over, learn, why_unanswered};
use crate::dispatch::trunks::{DialFate, TriedTrunks, TrunkCall};
use crate::ids::{AttemptId, ChannelId, OfferId};
use crate::missed::attempt::{Disposition, of_cause};
use crate::store::callbacks::{self, CallbackResult, Redial, TrunkRefusal};
use crate::switch::{Leg, Unanswered};

/// An attempt that is being dialled.
pub(super) struct Dialling<'a> {
    callback: &'a Callback,
    attempt: AttemptId,
    trunk_call: TrunkCall,
    channel: ChannelId,
    tried: TriedTrunks,
    refused: Vec<TrunkRefusal>,
}

/// How the attempt ends after its leg ended.
///
/// # Errors
/// The cause, if the trunk refused the dial before the customer's phone rang: the next one may be tried.
pub(super) fn ended(attempt: AttemptId, end: Unanswered) -> Result<CallbackResult, String> {
    let (cause, rang) = why_unanswered(end);
    match of_cause(&cause, rang) {
        Disposition::TechnicalFailure => Err(cause),
        _ => Ok(CallbackResult::unreached(attempt, &cause, rang)),
    }
}

impl<'a> Dialling<'a> {
    /// Begins with the first trunk.
    pub(super) fn begin(callback: &'a Callback, attempt: AttemptId, trunk_call: TrunkCall) -> Self {
        let channel = callback.work.channel;
        Self { callback, attempt, trunk_call, channel, tried: TriedTrunks::default(), refused: Vec::new() }
    }

    /// Dials the customer. None if that cannot be done; the reason is logged.
    pub(super) async fn ring(&self, offer: OfferId) -> Option<Leg> {
        let leg = self.trunk_call.ring(&self.callback.node, &self.callback.customer(offer, self.channel))?;
        if self.refused.is_empty() {
            dialled_over(&self.callback.app, self.attempt, &self.trunk_call).await;
        }
        Some(leg)
    }

    /// Ends the attempt, and updates the trunk.
    pub(super) async fn over(self, how: CallbackResult) -> CallbackResult {
        learn(&self.callback.app, &self.trunk_call, &self.callback.work.number, DialFate::from(&how)).await;
        how.after(self.refused)
    }

    /// The trunk refused the dial for this cause. Returns the attempt with the next trunk, unless there is none, the
    /// record of it fails, or `stop` comes first.
    ///
    /// # Errors
    /// How the attempt ends.
    pub(super) async fn next(
        self,
        cause: String,
        stop: impl Future<Output = ()>,
    ) -> Result<Self, CallbackResult> {
        let Self { callback, attempt, trunk_call, mut tried, mut refused, .. } = self;
        learn(&callback.app, &trunk_call, &callback.work.number, DialFate::Failed(&cause)).await;
        let trunk = trunk_call.trunk().name().to_owned();
        // A slot allows one trunk call at a time, so this one ends before the next begins.
        tried.add(trunk_call);
        let next = tokio::select! {
            biased;
            () = stop => None,
            () = callback.app.draining.cancelled() => None,
            trunk_call = async { callback.slot().await.next_untried(&tried).await } => trunk_call,
        };
        let ends = CallbackResult::without_talk(attempt, Disposition::TechnicalFailure, &cause);
        let Some(trunk_call) = next else { return Err(ends.after(refused)) };
        let channel = ChannelId::new();
        if !is_recorded(callback, attempt, channel, &trunk_call).await {
            return Err(ends.after(refused));
        }
        tracing::info!(
            refused_by = trunk,
            cause,
            trunk = trunk_call.trunk().name(),
            "the customer is dialled over the next trunk"
        );
        refused.push(TrunkRefusal { trunk, cause });
        Ok(Self { callback, attempt, trunk_call, channel, tried, refused })
    }
}

/// Records the channel of the next leg. Returns whether the leg may be dialled, which is only if it is surely recorded.
async fn is_recorded(
    callback: &Callback,
    attempt: AttemptId,
    channel: ChannelId,
    trunk_call: &TrunkCall,
) -> bool {
    let redial =
        Redial { attempt, call: callback.work.call, channel, trunk: trunk_call.trunk().name().to_owned() };
    let write = callback.app.store.write("redial", move |c| callbacks::redial(c, &redial));
    write.await.unwrap_or_else(|error| {
        tracing::error!(%error, "the next trunk cannot be recorded: the customer is not dialled over it");
        false
    })
}
