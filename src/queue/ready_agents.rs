//! The ready agents of one queue, in the order in which they are offered a caller.
//!
//! | strategy | order |
//! |---|---|
//! | longest idle | level, idle since, position, name |
//! | round robin | level, position, name; in the level of the agent offered last, those after that one come first |
//! | sequential, ring all | level, position, name |
//!
//! Where the order differs from mod_callcenter, and why:
//!
//! - *Sequential, equal positions*: mod_callcenter prefers the agent who was offered a caller longest ago; here the
//!   order is by name. An order without memory is the same after a restart, and round robin is there for taking turns.
//!   In a rules file, tiers without a position get different ones. `dozvon agent add` gives each tier position 1.
//! - *Round robin after an offer in level 2*: mod_callcenter continues in level 2 even if agents of level 1 are ready;
//!   here the next offer goes to level 1 again, and begins there anew. A lower level is a reserve. Offers of other
//!   queues do not move the turn either.
//! - *Longest idle*: in mod_callcenter only the end of a talk counts, so that an agent without talks comes first; here
//!   the idle time begins with the login too, so that an agent who has just logged in is not rung before those who have
//!   been idle since the morning.
//! - *Longest idle after a break*: in mod_callcenter a break changes nothing; here the idle time begins anew when the
//!   agent resumes. A break is rest, and must not put the agent in front of those who stayed.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound::{Excluded, Included, Unbounded};

use crate::clock::UnixMs;
use crate::ids::AgentName;
use crate::rules::{Strategy, Tier};

/// The ready agents of one queue.
#[derive(Debug)]
pub(super) struct ReadyAgents {
    strategy: Strategy,
    levels: BTreeMap<i32, BTreeSet<AgentRank>>,
    len: usize,
    /// Level, position and name of the agent who was offered a caller last, even if they do not serve the queue any
    /// more.
    last: Option<(i32, i32, AgentName)>,
}

/// An agent's rank within their level.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct AgentRank {
    /// Zero unless the strategy orders by it.
    idle_since: UnixMs,
    position: i32,
    agent: AgentName,
}

impl ReadyAgents {
    /// No agent is ready yet; round robin continues after `last`.
    pub(super) const fn new(strategy: Strategy, last: Option<(i32, i32, AgentName)>) -> Self {
        Self { strategy, levels: BTreeMap::new(), len: 0, last }
    }

    /// The agent who was offered a caller last: level, position, name.
    pub(super) fn last(&self) -> Option<(i32, i32, AgentName)> {
        self.last.clone()
    }

    /// Remembers the agent who was offered a caller last.
    pub(super) fn offered(&mut self, tier: Tier, agent: &AgentName) {
        self.last = Some((tier.level, tier.position, agent.clone()));
    }

    /// Whether no agent is ready.
    pub(super) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many agents are ready.
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// Adds a ready agent.
    pub(super) fn insert(&mut self, tier: Tier, idle_since: UnixMs, agent: &AgentName) {
        let rank = self.rank(tier, idle_since, agent);
        self.len += usize::from(self.levels.entry(tier.level).or_default().insert(rank));
    }

    /// Removes an agent who was ready with exactly these data.
    pub(super) fn remove(&mut self, tier: Tier, idle_since: UnixMs, agent: &AgentName) {
        let rank = self.rank(tier, idle_since, agent);
        if let Some(level) = self.levels.get_mut(&tier.level) {
            self.len -= usize::from(level.remove(&rank));
            if level.is_empty() {
                self.levels.remove(&tier.level);
            }
        }
    }

    /// The ready agents, in the order in which they are offered a caller.
    pub(super) fn agents(&self) -> impl Iterator<Item = &AgentName> {
        self.levels.iter().flat_map(|(level, ranks)| {
            let after = self.continues_after(*level);
            let (later, earlier) = match &after {
                Some(rank) => ((Excluded(rank), Unbounded), Some((Unbounded, Included(rank)))),
                None => ((Unbounded, Unbounded), None),
            };
            let earlier = earlier.map(|range| ranks.range(range));
            ranks.range(later).chain(earlier.into_iter().flatten()).map(|rank| &rank.agent)
        })
    }

    /// The rank after which round robin continues in this level.
    fn continues_after(&self, level: i32) -> Option<AgentRank> {
        let (last_level, position, agent) = self.last.as_ref()?;
        let continues = self.strategy == Strategy::RoundRobin && *last_level == level;
        continues.then(|| AgentRank {
            idle_since: UnixMs::default(),
            position: *position,
            agent: agent.clone(),
        })
    }

    fn rank(&self, tier: Tier, idle_since: UnixMs, agent: &AgentName) -> AgentRank {
        let idle_since = match self.strategy {
            Strategy::LongestIdle => idle_since,
            Strategy::RoundRobin | Strategy::Sequential | Strategy::RingAll => UnixMs::default(),
        };
        AgentRank { idle_since, position: tier.position, agent: agent.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The order of agents given as (name, level, position, idle since), after `last` was offered a caller.
    fn order(strategy: Strategy, agents: &[(&str, i32, i32, i64)], last: Option<(i32, i32, &str)>) -> String {
        let mut line = ReadyAgents::new(strategy, None);
        for (name, level, position, idle_since) in agents {
            let tier = Tier { level: *level, position: *position };
            line.insert(tier, UnixMs(*idle_since), &name.parse().unwrap());
        }
        if let Some((level, position, name)) = last {
            line.offered(Tier { level, position }, &name.parse().unwrap());
        }
        line.agents().map(AgentName::as_str).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn orders_are_total_and_as_the_table_says() {
        use Strategy::{LongestIdle, RingAll, RoundRobin, Sequential};
        let agents = [("d", 1, 2, 10), ("c", 1, 1, 30), ("b", 1, 1, 20), ("a", 2, 1, 0), ("e", 1, 3, 10)];
        assert_eq!(order(LongestIdle, &agents, Some((1, 1, "b"))), "d e b c a");
        for strategy in [Sequential, RingAll] {
            assert_eq!(order(strategy, &agents, Some((1, 1, "b"))), "b c d e a");
        }
        for (last, expected) in [
            (None, "b c d e a"),
            (Some((1, 1, "b")), "c d e b a"),
            (Some((1, 2, "d")), "e b c d a"),
            (Some((1, 3, "e")), "b c d e a"),
            (Some((2, 1, "a")), "b c d e a"),
            (Some((1, 1, "bb")), "c d e b a"),
            (Some((7, 1, "b")), "b c d e a"),
        ] {
            assert_eq!(order(RoundRobin, &agents, last), expected, "{last:?}");
        }
    }
}
