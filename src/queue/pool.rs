//! Callers of one queue who stand alike, and which agents have let which of them go.
//!
//! In: callers come and go, agents become ready or not. Out: the first caller for whom an agent is ready who
//! has not let him go. That one is remembered together with the agent who proves it, and looked for anew only
//! when one of the two is gone: thousands of callers refused by the only agent who is ready cost nothing.
//!
//! **Invariants:** `refused` holds only callers of the pool. Nobody before `first` has a ready agent who has
//! not refused him.

use std::collections::BTreeMap;

use super::lane::Turn;
use super::ranked::Ranked;
use super::strategy::Line;
use crate::ids::AgentName;

/// Callers in the order of their turns.
#[derive(Debug, Default)]
pub(super) struct Pool {
    callers: Ranked<Turn>,
    refused: BTreeMap<AgentName, Ranked<Turn>>,
    first: First,
}

#[derive(Debug, Default)]
enum First {
    #[default]
    Nobody,
    Caller(Turn, AgentName),
    Unknown,
}

impl Pool {
    /// How many callers there are.
    pub(super) fn len(&self) -> usize {
        self.callers.len()
    }

    /// How many callers come before this turn.
    pub(super) fn before(&self, turn: &Turn) -> usize {
        self.callers.rank(turn)
    }

    /// The caller whose turn comes first.
    pub(super) fn head(&self) -> Option<Turn> {
        self.callers.first()
    }

    /// Every caller in order.
    pub(super) fn turns(&self) -> impl Iterator<Item = Turn> {
        (0..self.len()).filter_map(|rank| self.callers.at(rank))
    }

    /// A caller comes, whom `refusers` have let go. O(their number × log n).
    pub(super) fn enter<'a>(
        &mut self,
        turn: Turn,
        refusers: impl Iterator<Item = &'a AgentName>,
        line: &Line,
    ) {
        self.callers.insert(turn);
        for agent in refusers {
            self.refuse(turn, agent);
        }
        let sooner = match &self.first {
            First::Nobody => true,
            First::Caller(first, _) => turn < *first,
            First::Unknown => false,
        };
        if sooner && let Some(agent) = line.agents().find(|agent| !self.has_refused(agent, &turn)) {
            self.first = First::Caller(turn, agent.clone());
        }
    }

    /// A caller goes, whom `refusers` had let go. O(their number × log n).
    pub(super) fn leave<'a>(&mut self, turn: &Turn, refusers: impl Iterator<Item = &'a AgentName>) {
        self.callers.remove(turn);
        for agent in refusers {
            if let Some(callers) = self.refused.get_mut(agent) {
                callers.remove(turn);
                if callers.is_empty() {
                    self.refused.remove(agent);
                }
            }
        }
        if matches!(&self.first, First::Caller(first, _) if first == turn) {
            self.first = First::Unknown;
        }
    }

    /// An agent, who is not ready, has let a caller of the pool go.
    pub(super) fn refuse(&mut self, turn: Turn, agent: &AgentName) {
        self.refused.entry(agent.clone()).or_default().insert(turn);
    }

    /// An agent became ready.
    pub(super) fn admit(&mut self, agent: &AgentName) {
        let sooner = match (&self.first, self.first_for(agent)) {
            (First::Nobody, Some(turn)) => Some(turn),
            (First::Caller(first, _), Some(turn)) if turn < *first => Some(turn),
            (First::Nobody | First::Caller(..) | First::Unknown, _) => None,
        };
        if let Some(turn) = sooner {
            self.first = First::Caller(turn, agent.clone());
        }
    }

    /// An agent is no longer ready.
    pub(super) fn dismiss(&mut self, agent: &AgentName) {
        if matches!(&self.first, First::Caller(_, proof) if proof == agent) {
            self.first = First::Unknown;
        }
    }

    /// The first caller for whom one of the line is ready who has not let him go.
    pub(super) fn first(&mut self, line: &Line) -> Option<Turn> {
        if matches!(self.first, First::Unknown) {
            self.first = match self.search(line) {
                Some((turn, agent)) => First::Caller(turn, agent),
                None => First::Nobody,
            };
        }
        match &self.first {
            First::Caller(turn, _) => Some(*turn),
            First::Nobody | First::Unknown => None,
        }
    }

    /// O(r × log² n), where r is how many agents have let the head of the pool go.
    fn search(&self, line: &Line) -> Option<(Turn, AgentName)> {
        let head = self.head()?;
        if let Some(agent) = line.agents().find(|agent| !self.has_refused(agent, &head)) {
            return Some((head, agent.clone()));
        }
        // All who are ready have let the head go: they are no more than he was let go by.
        let each = line.agents().filter_map(|agent| Some((self.first_for(agent)?, agent)));
        each.min_by_key(|(turn, _)| *turn).map(|(turn, agent)| (turn, agent.clone()))
    }

    /// The first caller whom this agent has not let go.
    fn first_for(&self, agent: &AgentName) -> Option<Turn> {
        match self.refused.get(agent) {
            Some(refused) => self.callers.first_outside(refused),
            None => self.head(),
        }
    }

    fn has_refused(&self, agent: &AgentName, turn: &Turn) -> bool {
        self.refused.get(agent).is_some_and(|callers| callers.contains(turn))
    }
}
