//! Dialling the customer before an agent is there, so that agents need not wait for people who do not pick up. This is
//! off by default, since the law sets more conditions for it than for ringing the agent first.
//!
//! In: a leased case. Out: as of any callback. The customer who answers hears who calls, then music for `[callback]
//! customer_max_wait` at most. If no agent has come by then, the customer hears an apology, and the attempt counts as
//! abandoned.
//! **Invariant:** `missed::customer_first` refuses such attempts while too many were abandoned recently.

use tokio::time::Instant;

use super::in_progress::{CALLER_IS_HERE, Callback, reserved};
use super::redial::{Dialling, ended};
use crate::call::attempt::{DRAINED, not_dialled};
use crate::dispatch::answered::{ANSWER_BACKLOG, AgentAnswered, BridgeResult};
use crate::dispatch::callbacks_under_way::AgentRequest;
use crate::dispatch::queued_caller::Leaving;
use crate::ids::{AttemptId, ChannelId, OfferId};
use crate::inbox::{self, Inbox};
use crate::missed::attempt::Disposition;
use crate::missed::customer_first::CONNECT_WITHIN;
use crate::rules::policy::Profile;
use crate::sound::Sound;
use crate::store::attempts;
use crate::store::callbacks::CallbackResult;
use crate::store::customer_first::{self, Wanted};
use crate::switch::{Answer, Cancel, Leg};

impl Callback {
    /// Dials the customer, and rings an agent when the customer answers. None if that is not allowed now: the agent is
    /// rung first, as usual.
    pub(super) async fn customer_first(&self, requests: &mut Inbox<AgentRequest>) -> Option<CallbackResult> {
        let attempt = match self.reserve_first().await {
            Ok(Some(attempt)) => attempt,
            Ok(None) => return None,
            Err(how) => return Some(how),
        };
        let mut dialling = Dialling::begin(self, attempt, self.slot().await.next_trunk().await);
        loop {
            let Some(leg) = dialling.ring(OfferId::new()).await else {
                return Some(not_dialled(attempt));
            };
            let cause = match self.until_answered(attempt, leg, requests).await {
                Ok(how) => return Some(dialling.over(how).await),
                Err(cause) => cause,
            };
            // No agent waits meanwhile.
            match dialling.next(cause, std::future::pending()).await {
                Ok(next) => dialling = next,
                Err(how) => return Some(how),
            }
        }
    }

    async fn reserve_first(&self) -> Result<Option<AttemptId>, CallbackResult> {
        let wanted = Wanted { case: self.work.case, call: self.work.call, at: self.app.clock.now() };
        let callback_rules = self.callback_rules.clone();
        let write =
            self.app.store.write("reserve", move |c| customer_first::reserve(c, &callback_rules, &wanted));
        let reserved = reserved(write.await).map(Option::flatten);
        self.count(&reserved);
        reserved
    }

    /// Rings the customer, and returns how the attempt ended.
    ///
    /// # Errors
    /// The cause, when the trunk refused the dial.
    async fn until_answered(
        &self,
        attempt: AttemptId,
        leg: Leg,
        requests: &mut Inbox<AgentRequest>,
    ) -> Result<CallbackResult, String> {
        let stop = async {
            tokio::select! {
                biased;
                // Nobody would be there to talk to the customer.
                () = self.app.draining.cancelled() => DRAINED,
                // The customer calls us: they wait like any caller.
                Some(_) = requests.recv() => CALLER_IS_HERE,
            }
        };
        match leg.until_answered(self.work.ring, std::future::ready(()), stop).await {
            Answer::Answered(leg, channel) => {
                // A caller from this number now waits like any other.
                requests.shut();
                Ok(self.until_agent(attempt, leg, channel).await)
            }
            Answer::Ended(end) => ended(attempt, end),
            Answer::Stopped(leg, why) => {
                leg.hang_up(Cancel::OriginatorCancel).await;
                Ok(CallbackResult::without_talk(attempt, Disposition::Cancelled, why))
            }
        }
    }

    /// The customer answered: they hear who calls, and an agent is rung for them.
    async fn until_agent(&self, attempt: AttemptId, mut leg: Leg, channel: ChannelId) -> CallbackResult {
        let (at, time_up) = (self.app.clock.now(), Instant::now() + self.wait());
        let answered = self.app.store.record("answered", move |c| attempts::answered(c, attempt, at));
        if let Err(error) = answered.await {
            tracing::error!(%error, "the customer's answer is not recorded yet; the end of the attempt will be");
        }
        self.hears(channel, &self.app.settings.callback.greeting).await;
        let (answered, mut answers) = inbox::channel(ANSWER_BACKLOG);
        let mut queued = self.queued(answered);
        // The customer is on the line: the agent need not press a key first.
        queued.confirm = None;
        queued.yields = false;
        if let Err(error) = self.app.dispatcher.join(queued).await {
            tracing::warn!(%error, "the callback cannot wait in its queue");
            return self.abandon(attempt, leg, channel).await;
        }
        loop {
            tokio::select! {
                biased;
                _ = leg.ended() => return abandoned(attempt, "HUNG_UP_WAITING"),
                Some(answered) = answers.recv() => {
                    if self.won(attempt, &answered).await {
                        self.app.dispatcher.leave(self.work.call, Leaving::Answered).await;
                        return self.connect(answered, attempt, leg, channel).await;
                    }
                    answered.answer(BridgeResult::Lost);
                }
                () = tokio::time::sleep_until(time_up) => {
                    self.app.dispatcher.leave(self.work.call, Leaving::Gone).await;
                    return self.abandon(attempt, leg, channel).await;
                }
            }
        }
    }

    /// How long the customer may wait for an agent. For sales calls the law sets a limit.
    fn wait(&self) -> std::time::Duration {
        let wait = self.app.settings.callback.customer_max_wait;
        match self.callback_rules.rules.policy(Some(&self.work.queue)).profile {
            Profile::Sales => wait.min(CONNECT_WITHIN),
            Profile::Service | Profile::Debt => wait,
        }
    }

    async fn won(&self, attempt: AttemptId, answered: &AgentAnswered) -> bool {
        let (call, offer, leg, at) = (self.work.call, answered.offer, answered.channel, answered.answered_at);
        let agent = answered.agent.clone();
        let write = self
            .app
            .store
            .write("win", move |c| customer_first::win(c, attempt, offer, call, leg, &agent, at));
        write.await.unwrap_or_else(|error| {
            tracing::error!(%error, "the agent who answered cannot be recorded: not connected");
            false
        })
    }

    /// No agent has come: the customer hears an apology.
    async fn abandon(&self, attempt: AttemptId, mut leg: Leg, channel: ChannelId) -> CallbackResult {
        let settings = &self.app.settings.callback;
        self.hears(channel, &settings.apology).await;
        if tokio::time::timeout(settings.apology_length, leg.ended()).await.is_err() {
            leg.hang_up(Cancel::NormalClearing).await;
        }
        abandoned(attempt, "NO_AGENT")
    }

    async fn hears(&self, channel: ChannelId, sound: &Sound) {
        if let Err(error) = self.node.play_to(channel, sound).await {
            tracing::warn!(%error, %sound, "the sound could not be played to the customer");
        }
    }
}

fn abandoned(attempt: AttemptId, cause: &str) -> CallbackResult {
    CallbackResult::without_talk(attempt, Disposition::Abandoned, cause)
}
