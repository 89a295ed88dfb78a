//! A caller on the board, and their position.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use crate::clock::UnixMs;
use crate::ids::{AgentName, CallId, QueueName};

/// A caller's position among all callers: those who do not yield come first. Then priority, waiting time and the order
/// of joining decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Position {
    /// Whether every caller who does not yield is served before this one.
    pub(super) yields: bool,
    pub(super) priority: Reverse<i64>,
    pub(super) joined_at: UnixMs,
    /// The number of the join, so that no two positions are equal.
    pub(super) wait: u64,
    /// The call.
    pub(super) call: CallId,
}

/// A caller on the board.
#[derive(Debug)]
pub(super) struct Caller {
    /// The caller's position.
    pub(super) position: Position,
    /// The queue in which the caller waits.
    pub(super) queue: QueueName,
    /// The caller's own priority, without the queue's.
    pub(super) priority: i32,
    /// How many agents are being rung for the caller.
    pub(super) live: usize,
    /// How many of those had not declined the caller before.
    pub(super) first_asked: usize,
    /// How often each agent has declined the caller.
    pub(super) refusals: BTreeMap<AgentName, u32>,
}

/// A caller who joins.
#[derive(Debug)]
pub(super) struct NewCaller {
    pub(super) call: CallId,
    pub(super) queue: QueueName,
    /// The number of the join.
    pub(super) wait: u64,
    pub(super) joined_at: UnixMs,
    /// The caller's own priority, without the queue's.
    pub(super) priority: i32,
    /// Whether every caller who does not yield is served before this one.
    pub(super) yields: bool,
}

impl Caller {
    /// An agent declined the caller.
    pub(super) fn refused_by(&mut self, agent: &AgentName) {
        let times = self.refusals.entry(agent.clone()).or_default();
        *times = times.saturating_add(1);
    }

    pub(super) fn times_refused_by(&self, agent: &AgentName) -> u32 {
        self.refusals.get(agent).copied().unwrap_or_default()
    }

    /// Whether all agents who are being rung had declined the caller before.
    pub(super) const fn is_asked_again(&self) -> bool {
        self.live > 0 && self.first_asked == 0
    }
}
