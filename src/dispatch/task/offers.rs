//! The offers that the board proposes, from the proposal to their end.

use tokio::sync::oneshot;
use tokio::time::Instant;
use tracing::Instrument as _;

use super::DispatcherTask;
use crate::dispatch::offer::{self, Offer};
use crate::ids::{AgentName, CallId, OfferId};
use crate::queue::board::Proposal;
use crate::queue::offer::{Outcome, is_refusal};
use crate::store::agents::AgentRow;
use crate::switch::Cancel;

/// An offer whose claim is being made or whose phone rings.
#[derive(Debug)]
pub(super) struct LiveOffer {
    pub(super) agent: AgentName,
    pub(super) stop: Option<oneshot::Sender<Cancel>>,
}

impl DispatcherTask {
    pub(super) fn connecting(&mut self, call: CallId, winner: OfferId) {
        self.take_off_the_board(call);
        for ((_, offer), live) in self.offers.range_mut(offers_of(call)) {
            if *offer != winner {
                live.stop(Cancel::LoseRace);
            }
        }
    }

    /// The claim was refused, so the agent's row has changed. Forgets the agent until the row is read again.
    pub(super) fn refused(&mut self, call: CallId, offer: OfferId, agent: &AgentName) {
        self.offers.remove(&(call, offer));
        self.board.ended(call, agent, Outcome::Cancelled);
        self.forget(agent);
        self.context.metrics.claims_refused.inc();
        self.refresh(agent.clone());
    }

    pub(super) fn over(&mut self, call: CallId, offer: OfferId, outcome: Outcome, agent: AgentRow) {
        self.offers.remove(&(call, offer));
        self.board.ended(call, &agent.name, outcome);
        if is_refusal(outcome) {
            self.preferred.declined(call, &agent.name);
        }
        self.learn(agent);
    }

    pub(super) fn propose(&mut self) {
        if self.awaits_earlier_callers() || self.counting.waits(Instant::now()) {
            return;
        }
        let now = self.context.clock.now();
        while let Some(proposal) = self.board.propose(now) {
            self.offer(proposal);
        }
        while let Some((call, agent)) = self.board.take_back() {
            tracing::info!(call.id = %call, %agent, "a caller waits: the agent is not rung for a callback any more");
            let offers = self.offers.range_mut(offers_of(call)).map(|(_, live)| live);
            offers.filter(|live| live.agent == agent).for_each(|live| live.stop(Cancel::OriginatorCancel));
        }
    }

    pub(super) fn offer(&mut self, proposal: Proposal) {
        let Proposal { call, agent, queue: _ } = proposal;
        let known = (self.callers.get(&call), self.agents.get(&agent), self.rules.agents.get(&agent));
        let ((Some(queued), Some(row), Some(rules)), Some(dispatcher)) = (known, self.handle()) else {
            tracing::error!(call.id = %call, %agent, "the board proposed a caller or an agent that does not exist");
            self.board.ended(call, &agent, Outcome::Cancelled);
            self.board.unready(&agent);
            return;
        };
        let id = OfferId::new();
        let offer = Offer {
            id,
            agent: agent.clone(),
            version: row.version,
            rules: rules.clone(),
            queued: queued.clone(),
            failures: self.failures.get(&agent).copied().unwrap_or_default(),
            proposed: Instant::now(),
        };
        let span = tracing::info_span!("offer", call.id = %call, %agent, offer.id = %id);
        let (stop, stopped) = oneshot::channel();
        self.offers.insert((call, id), LiveOffer { agent, stop: Some(stop) });
        let ringing = offer::run(self.context.clone(), dispatcher, offer, stopped);
        self.tasks.spawn(ringing.instrument(span));
    }
}

impl LiveOffer {
    pub(super) fn stop(&mut self, cancel: Cancel) {
        if let Some(stop) = self.stop.take() {
            // The offer may be over already: then no phone rings.
            let _ = stop.send(cancel);
        }
    }
}

/// The keys of every offer of one call.
pub(super) fn offers_of(call: CallId) -> std::ops::RangeInclusive<(CallId, OfferId)> {
    (call, OfferId(uuid::Uuid::nil()))..=(call, OfferId(uuid::Uuid::max()))
}
