//! The story of one callback, from the board to its end: an agent accepts, the customer is dialled, they talk.
//!
//! In: a case that was leased, with the row of its call. Out: its end, recorded on every path in one transaction with
//! what follows for the case.

use std::sync::Arc;

use tracing::Instrument as _;

use super::in_progress::{CALLER_IS_HERE, Callback};
use crate::call::attempt::{DRAINED, record};
use crate::clock::UnixMs;
use crate::context::App;
use crate::dispatch::answered::ANSWER_BACKLOG;
use crate::dispatch::callbacks_under_way::{AgentRequest, CallbackGuard};
use crate::dispatch::queued_caller::Leaving;
use crate::dispatch::trunks::CallSlot;
use crate::inbox::{self, Inbox};
use crate::store::callbacks::{self, CallbackEnd, CallbackResult, CallbackRules, LeasedCase};
use crate::switch::Node;

/// Carries out one callback. `slot` is its room on the trunks; a callback whose customer keeps a place in the queue gets
/// it when it dials. `under_way` keeps it among the callbacks under way, and
/// `requests` come from callers who are to get its agent.
pub async fn run(
    app: Arc<App>,
    callback_rules: CallbackRules,
    work: LeasedCase,
    node: Node,
    slot: Option<CallSlot>,
    (under_way, requests): (CallbackGuard, Inbox<AgentRequest>),
) {
    let call = work.call;
    let guard = app.in_flight.call(call);
    let span = tracing::info_span!("callback", call.id = %call, case.id = %work.case);
    let story = Callback::new(app, callback_rules, work, node, slot);
    async {
        let how = story.call_back(requests).await;
        story.app.dispatcher.leave(call, Leaving::Gone).await;
        story.end(how).await;
    }
    .instrument(span)
    .await;
    drop(under_way);
    drop(guard);
}

impl Callback {
    /// Waits on the board for an agent, and connects them with the customer.
    async fn call_back(&self, mut requests: Inbox<AgentRequest>) -> CallbackResult {
        if self.app.draining.is_cancelled() {
            return CallbackResult::Released(DRAINED);
        }
        // A place is reached when an agent is free for it.
        if self.app.settings.callback.customer_first
            && self.work.place_at.is_none()
            && let Some(how) = self.customer_first(&mut requests).await
        {
            return how;
        }
        let (answered, mut answers) = inbox::channel(ANSWER_BACKLOG);
        if let Err(error) = self.app.dispatcher.join(self.queued(answered)).await {
            tracing::warn!(%error, "the callback cannot wait in its queue");
            return CallbackResult::Released("NO_QUEUE");
        }
        let mut lease = self.app.clock.instant_of(self.work.lease_until);
        let draining = self.app.draining.clone();
        loop {
            tokio::select! {
                biased;
                () = draining.cancelled() => return CallbackResult::Released(DRAINED),
                // The customer calls us. Dropping the request lets them wait like any caller.
                Some(_) = requests.recv() => return CallbackResult::Released(CALLER_IS_HERE),
                answered = answers.recv() => match answered {
                    Some(answered) => match self.dial(answered, &mut requests).await {
                        Some(how) => return how,
                        None => continue,
                    },
                    None => return CallbackResult::Released("QUEUE_GONE"),
                },
                () = tokio::time::sleep_until(lease) => match self.renew().await {
                    Some(until) => lease = self.app.clock.instant_of(until),
                    None => return CallbackResult::Released("LEASE_OVER"),
                },
            }
        }
    }

    /// Keeps the case for another lease, if the customer keeps a place. Returns until when.
    async fn renew(&self) -> Option<UnixMs> {
        self.work.place_at?;
        let (work, callback_rules, at) = (self.work.clone(), self.app.callback_rules(), self.app.clock.now());
        let renewed = self.app.store.write("renew", move |c| callbacks::renew(c, &work, &callback_rules, at));
        renewed.await.unwrap_or_else(|error| {
            tracing::error!(%error, "the callback cannot keep its case: the case is offered again");
            None
        })
    }

    /// Records the end.
    async fn end(&self, how: CallbackResult) {
        let end = CallbackEnd { case: self.work.case, call: self.work.call, how, at: self.app.clock.now() };
        record(&self.app, &self.callback_rules, end).await;
    }
}

/// Gives a lease back at once.
pub(super) async fn withdraw(app: &App, callback_rules: &CallbackRules, work: &LeasedCase) {
    let how = CallbackResult::Released("UNDER_WAY");
    record(app, callback_rules, CallbackEnd { case: work.case, call: work.call, how, at: app.clock.now() })
        .await;
}
