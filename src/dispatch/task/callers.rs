//! The callers who wait. While the link to their FreeSWITCH is down, they are off the board.

use std::collections::BTreeMap;

use tokio::time::Instant;

use super::DispatcherTask;
use super::offers::offers_of;
use crate::dispatch::message::NoSuchQueue;
use crate::dispatch::queued_caller::{Leaving, QueuedCaller};
use crate::ids::{AgentName, CallId, NodeName, QueueName};
use crate::queue::agent::Status;
use crate::queue::expected_wait::Place;
use crate::queue::preferred::PreferredCaller;
use crate::rules::Rules;
use crate::store::agents::AgentRow;
use crate::switch::Cancel;

impl DispatcherTask {
    pub(super) fn join(&mut self, queued: QueuedCaller) -> Result<(), NoSuchQueue> {
        if !self.rules.queues.contains_key(&queued.queue) {
            return Err(NoSuchQueue(queued.queue));
        }
        if !self.down.contains(queued.node.name()) {
            self.put_on_the_board(&queued)?;
        }
        self.expected_back.0.remove(&queued.call);
        self.callers.insert(queued.call, queued);
        Ok(())
    }

    /// Puts a caller on the board.
    pub(super) fn put_on_the_board(&mut self, queued: &QueuedCaller) -> Result<(), NoSuchQueue> {
        let QueuedCaller { call, queue: name, joined_at, .. } = queued;
        let first = queued.preferred.as_ref().filter(|first| {
            first.until > self.context.clock.now() && is_there(&self.rules, &self.agents, name, &first.agent)
        });
        let place = first.zip(self.rules.queues.get(name)).and_then(|(first, queue)| {
            let (priority, tier) = (queue.priority, *queue.tiers.get(&first.agent)?);
            let call_waiting = queue.call_waiting;
            let (call, queue, joined_at) = (*call, name, *joined_at);
            let yields = queued.yields;
            Some((first, PreferredCaller { call, queue, joined_at, priority, tier, yields, call_waiting }))
        });
        let joined = match place {
            Some((first, place)) => self.preferred.join(&mut self.board, &place, first),
            None => self.board.join_as(*call, name, *joined_at, (0, queued.yields)),
        };
        joined.map_err(|_| NoSuchQueue(name.clone()))
    }

    /// Moves callers to their real queues once the time of their preferred agents is over.
    pub(super) fn release_preferred(&mut self) {
        let (rules, agents) = (&self.rules, &self.agents);
        let now = self.context.clock.now();
        self.preferred.release(&mut self.board, now, |queue, agent| is_there(rules, agents, queue, agent));
    }

    /// The link to a node came up or went down: its callers are put on the board or taken off it.
    pub(super) fn node(&mut self, node: &NodeName, up: bool) {
        self.counting.link(node, up, Instant::now());
        if up {
            self.down.remove(node)
        } else {
            self.down.insert(node.clone())
        };
        let of: Vec<QueuedCaller> =
            self.callers.values().filter(|queued| queued.node.name() == node).cloned().collect();
        for queued in of {
            if up {
                self.put_back_on_the_board(&queued);
            } else {
                self.take_off_the_board(queued.call);
            }
        }
    }

    /// Puts a caller back who was to be connected and was not, unless the caller has left or their node is down.
    pub(super) fn waits_again(&mut self, call: CallId) {
        let queued =
            self.callers.get(&call).filter(|queued| !self.down.contains(queued.node.name())).cloned();
        queued.iter().for_each(|queued| self.put_back_on_the_board(queued));
    }

    /// Puts a caller on the board who was on it before.
    fn put_back_on_the_board(&mut self, queued: &QueuedCaller) {
        if let Err(error) = self.put_on_the_board(queued) {
            tracing::error!(call.id = %queued.call, %error, "the caller's queue is gone: the caller cannot be put back on the board");
        }
    }

    /// Takes a caller off the board.
    pub(super) fn take_off_the_board(&mut self, call: CallId) {
        self.board.leave(call);
        self.preferred.removed(&mut self.board, call);
    }

    pub(super) fn leave(&mut self, call: CallId, why: Leaving) -> bool {
        self.take_off_the_board(call);
        let queued = self.callers.remove(&call);
        if let Some(queued) = queued.filter(|_| why == Leaving::Answered) {
            let waited = queued.first_ring.since_join();
            self.rates.entry(queued.queue).or_default().taken(self.context.clock.now(), waited);
        }
        self.expected_back.0.remove(&call);
        let cancel = match why {
            Leaving::Answered => Cancel::LoseRace,
            Leaving::Gone => Cancel::OriginatorCancel,
        };
        let mut rang = false;
        for (_, live) in self.offers.range_mut(offers_of(call)) {
            rang = true;
            live.stop(cancel);
        }
        rang
    }

    /// Returns where a caller stands in their queue. None while they are off the board.
    pub(super) fn place(&self, call: CallId) -> Option<Place> {
        let position = self.board.position(call)?;
        let rate = self.callers.get(&call).and_then(|queued| self.rates.get(&queued.queue));
        Some(Place { position, expected: rate.and_then(|rate| rate.expected(position)) })
    }

    /// Whether a caller waits for whom no phone rings: the end of any talk may free an agent for them.
    pub(super) fn is_anybody_unserved(&self) -> bool {
        let is_unserved = |(call, queued): (&CallId, &QueuedCaller)| {
            !queued.yields && self.offers.range(offers_of(*call)).next().is_none()
        };
        self.callers.iter().any(is_unserved)
    }

    /// Whether callers of an earlier run are still expected. They may have waited longest, so nobody is rung before
    /// they are back.
    pub(super) fn awaits_earlier_callers(&mut self) -> bool {
        let (calls, until) = &mut self.expected_back;
        if *until <= Instant::now() {
            calls.clear();
        }
        !calls.is_empty()
    }
}

/// Whether an agent serves a queue and is available. An agent whose row is not known counts as available.
fn is_there(
    rules: &Rules,
    agents: &BTreeMap<AgentName, AgentRow>,
    queue: &QueueName,
    agent: &AgentName,
) -> bool {
    let serves = rules.queues.get(queue).is_some_and(|queue| queue.tiers.contains_key(agent));
    serves && agents.get(agent).is_none_or(|row| row.status == Status::Available)
}
