//! A queue as an administrator states it.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::ids::{AgentName, PolicyName, PromptName, ScheduleName};
use crate::rules::route::Destination;

crate::vocabulary! {
    /// In which order the agents of a queue are offered a caller.
    "strategy" pub enum Strategy {
        /// Level, then who has been idle longest, then position.
        LongestIdle = "longest_idle",
        /// The next position after the last one offered in this queue, level by level.
        RoundRobin = "round_robin",
        /// Level, then position, always from the top.
        Sequential = "sequential",
        /// Everybody who is ready at once; the first to answer wins.
        RingAll = "ring_all",
    }
}

/// Callers who wait in order, agents who serve them, and the rules between them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queue {
    /// In which order agents are offered a caller.
    pub strategy: Strategy,
    /// Callers of a higher priority are served first, across queues that share agents. Default 0.
    pub priority: i32,
    /// What waiting callers hear; the configuration's default if none.
    pub music: Option<PromptName>,
    /// An answer within this time counts for the service level. Default 20 s.
    pub service_level: Duration,
    /// How long a caller may wait before the overflow; none means for ever. Default 5 minutes.
    pub max_wait: Option<Duration>,
    /// Where a caller goes who waited too long.
    pub overflow: Destination,
    /// Whose hours and zone decide business days; the configuration's zone and all days if none.
    pub schedule: Option<ScheduleName>,
    /// The limits of calls back of this queue. Default service.
    pub policy: PolicyName,
    /// Whether agents who are in another call, such as an internal one, are offered the queue's callers. Default no.
    pub call_waiting: bool,
    /// Who serves the queue, with level and position.
    pub tiers: BTreeMap<AgentName, Tier>,
}

/// An agent's place in one queue: lower levels are asked first, then lower positions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tier {
    /// 1 is asked first.
    pub level: i32,
    /// Order within the level.
    pub position: i32,
}
