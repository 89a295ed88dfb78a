//! One queue on the board: its callers, its ready agents, and whom it could serve now.
//!
//! In: what happens to its callers and agents. Out: for each [`OfferRound`], the first caller whom the queue could
//! serve, and the agent for them.
//!
//! For an agent who declined a caller (did not answer, rejected, did not confirm), other callers come first once. Only
//! the caller whom the agent declined last counts, so the agent can take one of any two callers: the next caller to be
//! served is always the first or the second.
//!
//! **Invariants:** every caller is in `waiting_callers` or in `ringing_callers`. After each change `publish` updates
//! the board.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::position::{Caller, NewCaller, Position};
use super::ranked::Ranked;
use super::ready_agents::ReadyAgents;
use crate::clock::UnixMs;
use crate::ids::{AgentName, CallId};
use crate::rules::{Strategy, Tier};

/// What the board has to know about a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueSpec {
    /// In which order agents are offered a caller.
    pub strategy: Strategy,
    /// Added to the priority of each of its callers.
    pub priority: i32,
    /// Whether its callers are offered to agents who are in another call.
    pub call_waiting: bool,
    /// Who serves the queue.
    pub tiers: BTreeMap<AgentName, Tier>,
}

/// For each round, the first callers whom the queues could serve now.
pub(super) type FirstCallers = [BTreeSet<Position>; OfferRound::ALL.len()];

/// In which order callers get the ready agents. A round begins when the rounds before it propose nobody.
///
/// An agent who declined a caller is offered the same caller again only if no other ready agent can take that caller
/// and this agent can take no other caller. Once the agent has been rung for another caller, the refusal is forgotten.
/// So a refusal costs a caller one turn.
///
/// In a queue that rings all agents at once, the agents who have not declined the caller are rung first. An agent who
/// declined is rung again when none of those is rung any more, or after being rung for another caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OfferRound {
    /// A caller for whom nobody is rung gets an agent who has not just declined them: the one who declined least often.
    Ask,
    /// With ring all, an agent who has not just declined the caller is rung as well.
    Join,
    /// A caller for whom nobody is rung gets an agent who has just declined them: the one who declined least often.
    AskAgain,
    /// With ring all, an agent who has just declined the caller is rung as well, if all who are rung had declined the
    /// caller too.
    JoinAgain,
}

impl OfferRound {
    /// Every round, in order.
    pub(super) const ALL: [Self; 4] = [Self::Ask, Self::Join, Self::AskAgain, Self::JoinAgain];
}

/// A queue with its callers and ready agents.
#[derive(Debug)]
pub(super) struct QueueState {
    spec: QueueSpec,
    ready: ReadyAgents,
    /// By the number of a caller's join, the ready agents who have just declined that caller.
    declined_recently: BTreeMap<u64, BTreeSet<AgentName>>,
    /// Callers for whom nobody is being rung.
    waiting_callers: Ranked<Position>,
    /// Callers for whom somebody is being rung.
    ringing_callers: Ranked<Position>,
    /// The callers of `ringing_callers` for whom only agents are being rung who had declined them before.
    again: BTreeSet<Position>,
    /// What this queue has published to the board.
    first_callers: [Option<Position>; OfferRound::ALL.len()],
}

impl QueueState {
    /// A queue without callers and ready agents.
    pub(super) fn new(spec: QueueSpec) -> Self {
        Self {
            ready: ReadyAgents::new(spec.strategy, None),
            spec,
            declined_recently: BTreeMap::new(),
            waiting_callers: Ranked::default(),
            ringing_callers: Ranked::default(),
            again: BTreeSet::new(),
            first_callers: [None; OfferRound::ALL.len()],
        }
    }

    /// The rules of the queue.
    pub(super) const fn spec(&self) -> &QueueSpec {
        &self.spec
    }

    /// How many callers wait.
    pub(super) fn len(&self) -> usize {
        self.waiting_callers.len() + self.ringing_callers.len()
    }

    /// Returns how many callers stand before this position.
    pub(super) fn before(&self, position: &Position) -> usize {
        self.waiting_callers.rank(position) + self.ringing_callers.rank(position)
    }

    /// Returns the first caller for whom nobody is rung, who does not yield, and who is not among `taken`. None for an
    /// agent in another call (`elsewhere`), unless the queue has `call_waiting`.
    pub(super) fn first_unserved(&self, elsewhere: bool, taken: &BTreeSet<CallId>) -> Option<Position> {
        let callers = (0..self.waiting_callers.len())
            .map_while(|rank| self.waiting_callers.at(rank).filter(|position| !position.yields));
        let mut free = callers.filter(|position| !taken.contains(&position.call));
        free.next().filter(|_| !elsewhere || self.spec.call_waiting)
    }

    /// The positions of all callers, in order. O(n × log n).
    pub(super) fn positions(&self) -> Vec<Position> {
        let both = [&self.waiting_callers, &self.ringing_callers].into_iter();
        let positions = both.flat_map(|callers| (0..callers.len()).filter_map(move |rank| callers.at(rank)));
        let mut positions: Vec<Position> = positions.collect();
        positions.sort_unstable();
        positions
    }

    /// Continues from the queue's state under the old rules. Returns the callers' positions, for adopting them one by
    /// one.
    pub(super) fn continue_from(&mut self, old: &Self) -> Vec<Position> {
        self.ready = ReadyAgents::new(self.spec.strategy, old.ready.last());
        old.positions()
    }

    /// Takes over a caller of the old state or of another queue. The caller keeps position and live offers.
    pub(super) fn adopt(&mut self, caller: &mut Caller) {
        caller.position.priority = self.priority(caller.priority);
        self.insert(caller);
    }

    /// A caller joins the queue.
    pub(super) fn join(&mut self, joined: NewCaller) -> Caller {
        let NewCaller { call, queue, wait, joined_at, priority, yields } = joined;
        let position = Position { yields, priority: self.priority(priority), joined_at, wait, call };
        let caller = Caller { position, queue, priority, live: 0, first_asked: 0, refusals: BTreeMap::new() };
        self.insert(&caller);
        caller
    }

    fn priority(&self, own: i32) -> Reverse<i64> {
        Reverse(i64::from(self.spec.priority) + i64::from(own))
    }

    fn insert(&mut self, caller: &Caller) {
        self.callers_like(caller).insert(caller.position);
        if caller.is_asked_again() {
            self.again.insert(caller.position);
        }
    }

    /// A caller leaves the queue.
    pub(super) fn remove(&mut self, caller: &Caller) {
        self.callers_like(caller).remove(&caller.position);
        self.again.remove(&caller.position);
    }

    const fn callers_like(&mut self, caller: &Caller) -> &mut Ranked<Position> {
        if caller.live == 0 { &mut self.waiting_callers } else { &mut self.ringing_callers }
    }

    /// Counts an agent who is being rung for a caller.
    pub(super) fn ring(&mut self, caller: &mut Caller, agent: &AgentName, again: bool) {
        if let Some(tier) = self.spec.tiers.get(agent) {
            self.ready.offered(*tier, agent);
        }
        self.set_live(caller, caller.live + 1, caller.first_asked + usize::from(!again));
    }

    /// The offer to an agent has ended: they are not rung for the caller any more.
    pub(super) fn offer_ended(&mut self, caller: &mut Caller, again: bool) {
        let (live, first_asked) =
            (caller.live.saturating_sub(1), caller.first_asked.saturating_sub(usize::from(!again)));
        self.set_live(caller, live, first_asked);
    }

    /// Sets how many agents are being rung for a caller, and moves the caller to the right set.
    fn set_live(&mut self, caller: &mut Caller, live: usize, first_asked: usize) {
        self.remove(caller);
        (caller.live, caller.first_asked) = (live, first_asked);
        self.insert(caller);
    }

    /// An agent of the queue became ready. `idle_since`: since when they are idle. `declined_recently`: the number of
    /// the join of the caller whom they have just declined. An agent in another call counts as ready only with
    /// `call_waiting`.
    pub(super) fn agent_ready(
        &mut self,
        agent: &AgentName,
        idle_since: UnixMs,
        declined_recently: Option<u64>,
        elsewhere: bool,
    ) {
        let Some(tier) = self.spec.tiers.get(agent).filter(|_| !elsewhere || self.spec.call_waiting) else {
            return;
        };
        self.ready.insert(*tier, idle_since, agent);
        if let Some(wait) = declined_recently {
            self.declined_recently.entry(wait).or_default().insert(agent.clone());
        }
    }

    /// An agent who was ready with exactly these data is not ready any more.
    pub(super) fn agent_unready(
        &mut self,
        agent: &AgentName,
        idle_since: UnixMs,
        declined_recently: Option<u64>,
    ) {
        let Some(tier) = self.spec.tiers.get(agent) else { return };
        self.ready.remove(*tier, idle_since, agent);
        if let Some(wait) = declined_recently
            && let Some(agents) = self.declined_recently.get_mut(&wait)
        {
            agents.remove(agent);
            if agents.is_empty() {
                self.declined_recently.remove(&wait);
            }
        }
    }

    /// Returns the agent who is rung for a caller in this round. O((1 + r) × log n), where r is how many agents have
    /// declined the caller: the first agent found who never declined the caller is chosen.
    pub(super) fn choose(&self, round: OfferRound, caller: &Caller) -> Option<AgentName> {
        let declined_recently = self.declined_recently.get(&caller.position.wait);
        let has_declined = |agent: &AgentName| declined_recently.is_some_and(|agents| agents.contains(agent));
        let agent = match round {
            OfferRound::Ask | OfferRound::AskAgain => self.least_often(caller, has_declined),
            // All of them are rung anyway, so the order does not matter.
            OfferRound::Join => self.ready.agents().find(|agent| !has_declined(agent)),
            OfferRound::JoinAgain => self.ready.agents().next(),
        };
        agent.cloned()
    }

    /// Returns the agent who has declined the caller least often. An agent who has just declined is chosen only if
    /// there is no other.
    fn least_often(&self, caller: &Caller, has_declined: impl Fn(&AgentName) -> bool) -> Option<&AgentName> {
        let never = self.ready.agents().find(|agent| caller.times_refused_by(agent) == 0);
        let times = |agent: &&AgentName| (has_declined(agent), caller.times_refused_by(agent));
        never.or_else(|| self.ready.agents().min_by_key(times))
    }

    /// Returns the caller of this queue whom the round could serve now.
    fn first_of(&self, round: OfferRound) -> Option<Position> {
        let all_ring = self.spec.strategy == Strategy::RingAll;
        if self.ready.is_empty() {
            return None;
        }
        match round {
            OfferRound::Ask => self.first_wanted(&self.waiting_callers),
            OfferRound::AskAgain => self.waiting_callers.first(),
            OfferRound::Join if all_ring => self.first_wanted(&self.ringing_callers),
            OfferRound::JoinAgain if all_ring => self.again.first().copied(),
            OfferRound::Join | OfferRound::JoinAgain => None,
        }
    }

    /// Returns the first of these callers whom not every ready agent has just declined. At least one agent must be
    /// ready.
    fn first_wanted(&self, callers: &Ranked<Position>) -> Option<Position> {
        let first = callers.first()?;
        let declined_recently = self.declined_recently.get(&first.wait).map_or(0, BTreeSet::len);
        if declined_recently < self.ready.len() { Some(first) } else { callers.at(1) }
    }

    /// Updates the board's first callers of this queue.
    pub(super) fn publish(&mut self, first_callers: &mut FirstCallers) {
        for (index, round) in OfferRound::ALL.into_iter().enumerate() {
            let now = self.first_of(round);
            if now != self.first_callers[index] {
                if let Some(position) = self.first_callers[index] {
                    first_callers[index].remove(&position);
                }
                first_callers[index].extend(now);
                self.first_callers[index] = now;
            }
        }
    }

    /// Removes this queue's callers from the board's first callers.
    pub(super) fn unpublish(&mut self, first_callers: &mut FirstCallers) {
        for (published, first_callers) in self.first_callers.iter_mut().zip(first_callers) {
            if let Some(position) = published.take() {
                first_callers.remove(&position);
            }
        }
    }
}
