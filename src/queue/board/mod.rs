//! Which callers wait, which agents are ready, and who is rung for whom next.
//!
//! In: callers who join and leave, agents who become ready or stop being ready, offers that end. Out: proposals, one at
//! a time, until there are no more. The claim in the database decides whether a proposal becomes an offer.
//!
//! Callers are served by priority, then by how long they have waited, across all queues that share an agent. One agent
//! at a time is rung for a caller; with the strategy ring all, every ready agent is. `OfferRound` decides who comes
//! first when there are fewer ready agents than callers want.
//!
//! For an agent who declined a caller (did not answer, rejected, did not confirm), other callers come first once, even
//! those who have waited less. The board counts how often each agent declined a
//! caller who waits, and chooses the agent who did so least often.
//!
//! **Invariants:** an agent with a live offer is not ready. Equal histories give equal proposals.
//! Each operation takes O(log n) steps for each queue of the agent, [`Board::propose`] O((1 + r) × log n), where
//! r is how many agents have declined the caller who is served; only [`Board::set_queue`] and
//! [`Board::remove_queue`] go through a whole queue.

mod agents;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use self::agents::{Agent, LiveOffer, State};
use crate::clock::UnixMs;
use crate::ids::{AgentName, CallId, QueueName};
use crate::queue::offer::{Outcome, is_refusal};
use crate::queue::position::{Caller, NewCaller, Position};
pub use crate::queue::queue_state::QueueSpec;
use crate::queue::queue_state::{FirstCallers, OfferRound, QueueState};

/// An agent should be rung for a caller. The agent is not ready any more, and the call has a live offer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// The call.
    pub call: CallId,
    /// The queue in which the caller waits.
    pub queue: QueueName,
    /// The agent to ring.
    pub agent: AgentName,
}

/// A caller was sent to a queue that is not on the board.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no queue {queue} on the board: add it to the rules, or route the call elsewhere")]
pub struct NoSuchQueue {
    /// The queue that was named.
    pub queue: QueueName,
}

/// Who waits and who is ready, in memory. One task owns it.
#[derive(Debug, Default)]
pub struct Board {
    queues: BTreeMap<QueueName, QueueState>,
    callers: BTreeMap<CallId, Caller>,
    agents: BTreeMap<AgentName, Agent>,
    delayed: BTreeSet<(UnixMs, AgentName)>,
    /// For each round, the first caller of every queue whom the round could serve now.
    first_callers: FirstCallers,
    /// Agents who are rung for a call that yields: the call, and for which caller the agent was taken back.
    yielding: BTreeMap<AgentName, (CallId, Option<CallId>)>,
    waits: u64,
}

impl Board {
    /// A board without queues, callers and agents.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds or changes a queue. Waiting callers, live offers and the turn of round robin stay as they are.
    pub fn set_queue(&mut self, name: QueueName, spec: QueueSpec) {
        if self.queues.get(&name).is_some_and(|state| *state.spec() == spec) {
            return;
        }
        let mut state = QueueState::new(spec);
        let old = self.detach(&name);
        for position in old.as_ref().map_or_else(Vec::new, |old| state.continue_from(old)) {
            if let Some(caller) = self.callers.get_mut(&position.call) {
                state.adopt(caller);
            }
        }
        let served: Vec<AgentName> = state.spec().tiers.keys().cloned().collect();
        for agent in served {
            let record = self.agents.entry(agent.clone()).or_default();
            record.queues.insert(name.clone());
            if let State::Ready(ready) = record.state {
                state.agent_ready(&agent, ready.idle_since, record.declined_recently, record.elsewhere);
            }
        }
        state.publish(&mut self.first_callers);
        self.queues.insert(name, state);
        if let Some(old) = old {
            self.forget(old.spec().tiers.keys());
        }
    }

    /// Removes a queue, and returns the callers who waited there, in order. Their live offers stay with the agents
    /// until they end.
    pub fn remove_queue(&mut self, name: &QueueName) -> Vec<CallId> {
        let Some(state) = self.detach(name) else { return Vec::new() };
        self.forget(state.spec().tiers.keys());
        let positions = state.positions();
        for position in &positions {
            self.callers.remove(&position.call);
        }
        positions.into_iter().map(|position| position.call).collect()
    }

    /// A caller waits in a queue since `joined_at`. A caller who waits there already keeps their position. A caller who
    /// waits in another queue leaves that one.
    ///
    /// # Errors
    ///
    /// The queue is not on the board; nothing has changed.
    pub fn join(
        &mut self,
        call: CallId,
        queue: &QueueName,
        joined_at: UnixMs,
        priority: i32,
    ) -> Result<(), NoSuchQueue> {
        self.join_as(call, queue, joined_at, (priority, false))
    }

    /// As [`Board::join`]. A call that `yields` comes after all that do not, in every queue, and gives its agents up to
    /// them: see [`Board::take_back`].
    ///
    /// # Errors
    ///
    /// The queue is not on the board; nothing has changed.
    pub fn join_as(
        &mut self,
        call: CallId,
        queue: &QueueName,
        joined_at: UnixMs,
        (priority, yields): (i32, bool),
    ) -> Result<(), NoSuchQueue> {
        if self.callers.get(&call).is_some_and(|caller| caller.queue == *queue) {
            return Ok(());
        }
        if !self.queues.contains_key(queue) {
            return Err(NoSuchQueue { queue: queue.clone() });
        }
        self.leave(call);
        if let Some(state) = self.queues.get_mut(queue) {
            self.waits += 1;
            let joined =
                NewCaller { call, queue: queue.clone(), wait: self.waits, joined_at, priority, yields };
            self.callers.insert(call, state.join(joined));
            state.publish(&mut self.first_callers);
        }
        Ok(())
    }

    /// Moves a caller to another queue. The caller keeps their position, live offers, and which agents declined them.
    /// Nothing changes if the caller does not wait, or the queue is not on the board.
    pub fn go_on_in(&mut self, call: CallId, queue: &QueueName) {
        let Some(caller) = self.callers.get_mut(&call).filter(|_| self.queues.contains_key(queue)) else {
            return;
        };
        if let Some(state) = self.queues.get_mut(&caller.queue) {
            state.remove(caller);
            state.publish(&mut self.first_callers);
        }
        caller.queue = queue.clone();
        if let Some(state) = self.queues.get_mut(queue) {
            state.adopt(caller);
            state.publish(&mut self.first_callers);
        }
    }

    /// The caller does not wait any more. Live offers stay with their agents until they end.
    pub fn leave(&mut self, call: CallId) {
        self.yielding.retain(|_, (of, _)| *of != call);
        self.yielding.values_mut().for_each(|(_, taken_for)| {
            taken_for.take_if(|taken_for| *taken_for == call);
        });
        let Some(caller) = self.callers.remove(&call) else { return };
        if let Some(state) = self.queues.get_mut(&caller.queue) {
            state.remove(&caller);
            state.publish(&mut self.first_callers);
        }
    }

    /// A live offer is over. If the call still waits and nobody else is being rung for it, it may be offered again. The
    /// agent is not ready before [`Board::ready`] is called. If the offer is not live, nothing changes.
    pub fn ended(&mut self, call: CallId, agent: &AgentName, outcome: Outcome) {
        let State::Offered(live) = self.state(agent) else { return };
        if live.call != call {
            return;
        }
        self.set_away(agent);
        self.yielding.remove(agent);
        let Some(caller) = self.callers.get_mut(&call) else { return };
        let Some(state) = self.queues.get_mut(&caller.queue) else { return };
        if is_refusal(outcome) {
            caller.refused_by(agent);
            if let Some(record) = self.agents.get_mut(agent) {
                record.declined_recently = Some(caller.position.wait);
            }
        }
        if live.wait == caller.position.wait {
            state.offer_ended(caller, live.again);
        }
        state.publish(&mut self.first_callers);
    }

    /// Returns which agent to ring next for which caller. Call it until it returns none.
    pub fn propose(&mut self, now: UnixMs) -> Option<Proposal> {
        self.end_delays(now);
        let (round, position) = OfferRound::ALL
            .iter()
            .zip(&self.first_callers)
            .find_map(|(round, first_callers)| Some((*round, *first_callers.first()?)))?;
        let caller = self.callers.get_mut(&position.call)?;
        let state = self.queues.get_mut(&caller.queue)?;
        let agent = state.choose(round, caller)?;
        let Agent { state: State::Ready(ready), declined_recently, .. } = *self.agents.get(&agent)? else {
            return None;
        };
        let again = declined_recently == Some(position.wait);
        state.ring(caller, &agent, again);
        let proposal = Proposal { call: position.call, queue: caller.queue.clone(), agent };
        self.agent_unready(&proposal.agent, ready);
        if let Some(record) = self.agents.get_mut(&proposal.agent) {
            record.state = State::Offered(LiveOffer { call: position.call, wait: position.wait, again });
            record.declined_recently = declined_recently.filter(|_| again);
        }
        if position.yields {
            self.yielding.insert(proposal.agent.clone(), (position.call, None));
        }
        Some(proposal)
    }

    /// Returns an offer to cancel, so that a caller gets its agent: the agent is rung for a call that yields, while a
    /// caller of the agent's queues waits and nobody is rung for that caller. Call it after [`Board::propose`] returned
    /// none, until it returns none too. Each caller takes back one agent, in order of position. [`Board::ended`] makes
    /// that agent free. A call whose offer was accepted must have left the board before, by [`Board::leave`].
    pub fn take_back(&mut self) -> Option<(CallId, AgentName)> {
        let taken: BTreeSet<CallId> =
            self.yielding.values().filter_map(|(_, taken_for)| *taken_for).collect();
        let not_taken = self.yielding.iter().filter(|(_, (_, taken_for))| taken_for.is_none());
        let wanted = not_taken.filter_map(|(agent, (call, _))| {
            let since = self.callers.get(call).map(|caller| caller.position);
            Some((self.first_waiting_for(agent, &taken)?, Reverse(since), *call, agent.clone()))
        });
        let (position, _, call, agent) = wanted.min()?;
        if let Some((_, taken_for)) = self.yielding.get_mut(&agent) {
            *taken_for = Some(position.call);
        }
        Some((call, agent))
    }

    /// Returns the first caller in this agent's queues for whom nobody is rung, who does not yield, and who has taken
    /// no agent back.
    fn first_waiting_for(&self, agent: &AgentName, taken: &BTreeSet<CallId>) -> Option<Position> {
        let record = self.agents.get(agent)?;
        let queues = record.queues.iter().filter_map(|name| self.queues.get(name));
        queues.filter_map(|state| state.first_unserved(record.elsewhere, taken)).min()
    }

    /// Returns when the next delayed agent becomes ready.
    #[must_use]
    pub fn next_wake(&self) -> Option<UnixMs> {
        self.delayed.first().map(|(at, _)| *at)
    }

    /// Returns how many callers wait in a queue, including those for whom an agent is being rung.
    #[must_use]
    pub fn waiting(&self, queue: &QueueName) -> usize {
        self.queues.get(queue).map_or(0, QueueState::len)
    }

    /// Returns the caller's position in the queue, from 1.
    #[must_use]
    pub fn position(&self, call: CallId) -> Option<usize> {
        let caller = self.callers.get(&call)?;
        let state = self.queues.get(&caller.queue)?;
        Some(1 + state.before(&caller.position))
    }

    fn state(&self, agent: &AgentName) -> State {
        self.agents.get(agent).map_or(State::Away, |record| record.state)
    }

    /// Takes a queue off the board and out of its agents' lists.
    fn detach(&mut self, name: &QueueName) -> Option<QueueState> {
        let mut state = self.queues.remove(name)?;
        state.unpublish(&mut self.first_callers);
        for agent in state.spec().tiers.keys() {
            if let Some(record) = self.agents.get_mut(agent) {
                record.queues.remove(name);
            }
        }
        Some(state)
    }
}
