//! Callers who are offered to one agent before all others (pure).
//!
//! In: the preferred agent, and until when. Out: the caller on the board, first in a queue of the caller's own that
//! only this agent serves, then in the real queue. In both queues the caller has the same waiting time and priority, so
//! the agent gets the caller in turn with the callers of the agent's other queues.
//! **Invariant:** only the preferred agent is rung for the caller, until the time is over, the agent has declined, or
//! the agent is no longer available. Then the caller moves to the real queue, and keeps their position and live offers.

use std::collections::BTreeMap;

use super::board::{Board, NoSuchQueue, QueueSpec};
use crate::clock::UnixMs;
use crate::ids::{AgentName, CallId, QueueName};
use crate::rules::{Strategy, Tier};

/// The agent who is offered a caller before all others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreferredAgent {
    /// The agent.
    pub agent: AgentName,
    /// Until when only this agent is offered the caller.
    pub until: UnixMs,
}

/// A caller who has a preferred agent.
#[derive(Debug)]
pub(crate) struct PreferredCaller<'a> {
    /// The call.
    pub(crate) call: CallId,
    /// The queue.
    pub(crate) queue: &'a QueueName,
    /// Since when the caller waits.
    pub(crate) joined_at: UnixMs,
    /// The queue's priority.
    pub(crate) priority: i32,
    /// The agent's tier in the queue.
    pub(crate) tier: Tier,
    /// Whether the call yields to callers, as a callback does.
    pub(crate) yields: bool,
    /// The queue's `call_waiting`.
    pub(crate) call_waiting: bool,
}

/// The callers who wait for one agent.
#[derive(Debug, Default)]
pub(crate) struct PreferredCallers(BTreeMap<CallId, (QueueName, PreferredAgent)>);

impl PreferredCallers {
    /// Puts a caller on the board who waits for one agent only.
    ///
    /// # Errors
    /// Never: the queue of the caller's own exists.
    pub(crate) fn join(
        &mut self,
        board: &mut Board,
        caller: &PreferredCaller<'_>,
        preferred_agent: &PreferredAgent,
    ) -> Result<(), NoSuchQueue> {
        let own_queue = caller.queue.of_one(&preferred_agent.agent);
        let tiers = BTreeMap::from([(preferred_agent.agent.clone(), caller.tier)]);
        let PreferredCaller { priority, call_waiting, .. } = *caller;
        let spec = QueueSpec { strategy: Strategy::Sequential, priority, call_waiting, tiers };
        board.set_queue(own_queue.clone(), spec);
        self.0.insert(caller.call, (caller.queue.clone(), preferred_agent.clone()));
        board.join_as(caller.call, &own_queue, caller.joined_at, (0, caller.yields))
    }

    /// Forgets a caller who has left the board.
    pub(crate) fn removed(&mut self, board: &mut Board, call: CallId) {
        if let Some((queue, preferred_agent)) = self.0.remove(&call) {
            clear(board, &queue.of_one(&preferred_agent.agent));
        }
    }

    /// The preferred agent declined the caller.
    pub(crate) fn declined(&mut self, call: CallId, agent: &AgentName) {
        if let Some((_, preferred_agent)) =
            self.0.get_mut(&call).filter(|(_, preferred_agent)| preferred_agent.agent == *agent)
        {
            preferred_agent.until = UnixMs::default();
        }
    }

    /// Moves each caller to the real queue when the time for the preferred agent is over, or when that agent is not
    /// available.
    pub(crate) fn release(
        &mut self,
        board: &mut Board,
        now: UnixMs,
        is_there: impl Fn(&QueueName, &AgentName) -> bool,
    ) {
        self.0.retain(|call, (queue, preferred_agent)| {
            let stays = now < preferred_agent.until && is_there(queue, &preferred_agent.agent);
            if !stays {
                board.go_on_in(*call, queue);
                clear(board, &queue.of_one(&preferred_agent.agent));
            }
            stays
        });
    }

    /// Removes the callers of a queue that was removed, and returns those who waited for one agent.
    pub(crate) fn remove_queue(&mut self, board: &mut Board, name: &QueueName) -> Vec<CallId> {
        let of: Vec<CallId> =
            self.0.iter().filter(|(_, (queue, _))| queue == name).map(|(call, _)| *call).collect();
        for call in &of {
            board.leave(*call);
            self.removed(board, *call);
        }
        of
    }

    /// Returns when the time of the next preferred agent is over.
    pub(crate) fn next_wake(&self) -> Option<UnixMs> {
        self.0.values().map(|(_, preferred_agent)| preferred_agent.until).min()
    }

    /// How many callers of a queue wait for one agent.
    pub(crate) fn waiting(&self, name: &QueueName) -> usize {
        self.0.values().filter(|(queue, _)| queue == name).count()
    }
}

/// Takes a caller's own queue off the board once nobody waits in it.
fn clear(board: &mut Board, own_queue: &QueueName) {
    if board.waiting(own_queue) == 0 {
        board.remove_queue(own_queue);
    }
}

#[cfg(test)]
mod tests;
