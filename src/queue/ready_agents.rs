//! The ready agents of one queue, in the order in which they are offered a caller.
//!
//! | strategy | order |
//! |---|---|
//! | longest idle | level, idle since, position, name |
//! | round robin | level; in the level of the last one offered, those after him come first; position, name |
//! | sequential, ring all | level, position, name |
//!
//! Where mod_callcenter orders otherwise, and why we do not:
//!
//! - *Sequential, equal positions*: there whoever was offered a caller longest ago comes first, here always the same
//!   one, by name. An order that needs no memory is the same after a restart, and who wants turns among equals has
//!   round robin. Tiers of a rules file that name no position have different ones; those of `dozvon agent add` have 1.
//! - *Round robin after an offer in level 2*: there it goes on in level 2, though agents of level 1 are ready; here it
//!   comes back to level 1, and begins there anew, since only the last seat is kept. A lower level is a reserve: that
//!   it was needed once is no reason to spare those who come first. Nor do offers of other queues move our turn.
//! - *Longest idle*: there only the end of a talk counts, so that whoever has had none comes before everybody; here
//!   the login begins an idle time too, so that who has just come is not rung before those who wait since morning.
//! - *Longest idle after a break*: there a break changes nothing, here resuming begins the idle time anew. A break is
//!   rest, not waiting for a caller: it must not put its taker in front of those who stayed.

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
    /// Level, position and name of the agent who was offered a caller last, whether or not he still serves.
    last: Option<(i32, i32, AgentName)>,
}

/// An agent's place within his level.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct AgentRank {
    /// The beginning of time unless the strategy asks for it.
    idle_since: UnixMs,
    position: i32,
    agent: AgentName,
}

impl ReadyAgents {
    /// Nobody is ready yet; round robin goes on after `last`.
    pub(super) const fn new(strategy: Strategy, last: Option<(i32, i32, AgentName)>) -> Self {
        Self { strategy, levels: BTreeMap::new(), len: 0, last }
    }

    /// Who was offered a caller last: level, position, name.
    pub(super) fn last(&self) -> Option<(i32, i32, AgentName)> {
        self.last.clone()
    }

    /// Remembers who was offered a caller last.
    pub(super) fn offered(&mut self, tier: Tier, agent: &AgentName) {
        self.last = Some((tier.level, tier.position, agent.clone()));
    }

    /// Whether nobody is ready.
    pub(super) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many are ready.
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// The agent is ready.
    pub(super) fn insert(&mut self, tier: Tier, idle_since: UnixMs, agent: &AgentName) {
        let rank = self.rank(tier, idle_since, agent);
        self.len += usize::from(self.levels.entry(tier.level).or_default().insert(rank));
    }

    /// The agent, who was ready with just these data, is so no longer.
    pub(super) fn remove(&mut self, tier: Tier, idle_since: UnixMs, agent: &AgentName) {
        let rank = self.rank(tier, idle_since, agent);
        if let Some(level) = self.levels.get_mut(&tier.level) {
            self.len -= usize::from(level.remove(&rank));
            if level.is_empty() {
                self.levels.remove(&tier.level);
            }
        }
    }

    /// The ready agents, the one whose turn it is first.
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

    /// The seat after which round robin goes on in this level.
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
