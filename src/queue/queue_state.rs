//! One queue on the board: its callers, its ready agents, and whom it could serve now.
//!
//! In: what happens to its callers and agents. Out: for each [`OfferRound`], the caller whom it could serve first, and
//! for him the agent.
//!
//! An agent who has let a caller go is spared him until he is rung for another. So he is spared one caller at
//! most, and of any two callers he can take one: who is served next is the first of all or the second.
//!
//! **Invariants:** every caller stands in `waiting_callers` or in `ringing_callers`. After each change `publish` tells the board.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::ranked::Ranked;
use super::ready_agents::ReadyAgents;
use crate::clock::UnixMs;
use crate::ids::{AgentName, CallId, QueueName};
use crate::rules::{Strategy, Tier};

/// What the board has to know of a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueSpec {
    /// In which order agents are offered a caller.
    pub strategy: Strategy,
    /// Added to the priority of each of its callers.
    pub priority: i32,
    /// Whether agents who are in another call are offered its callers all the same.
    pub call_waiting: bool,
    /// Who serves the queue.
    pub tiers: BTreeMap<AgentName, Tier>,
}

/// For each pass, the callers whom the queues could serve now.
pub(super) type FirstCallers = [BTreeSet<Position>; OfferRound::ALL.len()];

/// In which order the callers get hold of the ready agents. A pass begins when those before it find nobody.
///
/// Who has let a caller go is spared him until he is rung for somebody else. Until then he is asked again for
/// him only when no other ready agent can take this caller and no other caller wants this agent; from then on the
/// caller has his old place in this agent's line. A refusal thus costs the caller one turn, and no more.
///
/// Where all ring at once, a round goes to those who are not spared the caller. Who lets it go is left in peace
/// until none of them rings any more, or until he has been rung for somebody else: then he joins like anybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OfferRound {
    /// A caller for whom nobody is rung gets an agent who is not spared him: the one who has let him go least
    /// often.
    Ask,
    /// Where all ring at once, an agent who is not spared the caller joins those who are rung.
    Join,
    /// A caller for whom nobody is rung gets an agent who is spared him, again the one who has let him go least
    /// often.
    AskAgain,
    /// Where all ring at once, an agent who is spared the caller joins if all who are being rung were so too.
    JoinAgain,
}

impl OfferRound {
    /// Every pass in order.
    pub(super) const ALL: [Self; 4] = [Self::Ask, Self::Join, Self::AskAgain, Self::JoinAgain];
}

/// Where a caller stands among all: who does not yield, a higher priority, an earlier time, an earlier join come first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Position {
    /// Whether all who do not are served before.
    pub(super) yields: bool,
    priority: Reverse<i64>,
    joined_at: UnixMs,
    /// Numbers the joins, so that no two turns are equal.
    pub(super) wait: u64,
    /// Whose turn it is.
    pub(super) call: CallId,
}

/// Somebody who waits.
#[derive(Debug)]
pub(super) struct Caller {
    /// Where he stands.
    pub(super) position: Position,
    /// The queue in which he waits.
    pub(super) queue: QueueName,
    /// His own, without the queue's.
    priority: i32,
    /// Agents who are being rung for him.
    live: usize,
    /// Those among them who were not spared him.
    first_asked: usize,
    /// How often each agent has let him go, for as long as he waits.
    refusals: BTreeMap<AgentName, u32>,
}

/// Who joins, where and since when.
#[derive(Debug)]
pub(super) struct NewCaller {
    pub(super) call: CallId,
    pub(super) queue: QueueName,
    /// Numbers the joins.
    pub(super) wait: u64,
    pub(super) joined_at: UnixMs,
    /// His own, without the queue's.
    pub(super) priority: i32,
    /// Whether all who do not are served before.
    pub(super) yields: bool,
}

/// A queue with all that happens in it.
#[derive(Debug)]
pub(super) struct QueueState {
    spec: QueueSpec,
    ready: ReadyAgents,
    /// The ready agents who are spared a caller, by the number of his join.
    declined_recently: BTreeMap<u64, BTreeSet<AgentName>>,
    /// Callers for whom nobody is being rung.
    waiting_callers: Ranked<Position>,
    /// Callers for whom somebody is being rung.
    ringing_callers: Ranked<Position>,
    /// The callers of `ringing_callers` for whom only agents are being rung who were spared them.
    again: BTreeSet<Position>,
    /// What `Board::first_callers` holds of this queue.
    first_callers: [Option<Position>; OfferRound::ALL.len()],
}

impl Caller {
    /// An agent has let him go.
    pub(super) fn refused_by(&mut self, agent: &AgentName) {
        let times = self.refusals.entry(agent.clone()).or_default();
        *times = times.saturating_add(1);
    }

    fn times_refused_by(&self, agent: &AgentName) -> u32 {
        self.refusals.get(agent).copied().unwrap_or_default()
    }

    /// Whether all who are being rung for him were spared him.
    const fn is_asked_again(&self) -> bool {
        self.live > 0 && self.first_asked == 0
    }
}

impl QueueState {
    /// Nobody waits, and nobody is ready.
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

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.waiting_callers.len() + self.ringing_callers.len()
    }

    /// How many wait who are to be served before this turn.
    pub(super) fn before(&self, position: &Position) -> usize {
        self.waiting_callers.rank(position) + self.ringing_callers.rank(position)
    }

    /// The first for whom nobody is rung, who does not yield, and is not among these; none if an agent who is in another
    /// call is not offered them.
    pub(super) fn first_unserved(&self, elsewhere: bool, taken: &BTreeSet<CallId>) -> Option<Position> {
        let callers = (0..self.waiting_callers.len())
            .map_while(|rank| self.waiting_callers.at(rank).filter(|position| !position.yields));
        let mut free = callers.filter(|position| !taken.contains(&position.call));
        free.next().filter(|_| !elsewhere || self.spec.call_waiting)
    }

    /// Everybody who waits, the first in line first. O(n × log n).
    pub(super) fn positions(&self) -> Vec<Position> {
        let both = [&self.waiting_callers, &self.ringing_callers].into_iter();
        let positions = both.flat_map(|callers| (0..callers.len()).filter_map(move |rank| callers.at(rank)));
        let mut positions: Vec<Position> = positions.collect();
        positions.sort_unstable();
        positions
    }

    /// Goes on where another form of the queue ended; its callers are to be taken over one by one.
    pub(super) fn continue_from(&mut self, old: &Self) -> Vec<Position> {
        self.ready = ReadyAgents::new(self.spec.strategy, old.ready.last());
        old.positions()
    }

    /// A caller of another form of the queue, or of another queue, keeps his place and his live offers.
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

    /// An agent is being rung for a caller.
    pub(super) fn ring(&mut self, caller: &mut Caller, agent: &AgentName, again: bool) {
        if let Some(tier) = self.spec.tiers.get(agent) {
            self.ready.offered(*tier, agent);
        }
        self.set_live(caller, caller.live + 1, caller.first_asked + usize::from(!again));
    }

    /// An agent is no longer being rung for a caller.
    pub(super) fn offer_ended(&mut self, caller: &mut Caller, again: bool) {
        let (live, first_asked) =
            (caller.live.saturating_sub(1), caller.first_asked.saturating_sub(usize::from(!again)));
        self.set_live(caller, live, first_asked);
    }

    /// Puts a caller where he belongs when so many are rung for him.
    fn set_live(&mut self, caller: &mut Caller, live: usize, first_asked: usize) {
        self.remove(caller);
        (caller.live, caller.first_asked) = (live, first_asked);
        self.insert(caller);
    }

    /// An agent who serves the queue became ready, idle since then; they are spared the caller of this join. An agent
    /// who is in a call elsewhere is let in only where calls wait.
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

    /// An agent who was ready with just these data is so no longer.
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

    /// Which agent is rung for a caller who is served in this pass. O((1 + r) × log n), where r is how many
    /// agents have let him go: who has not is taken as soon as he is found.
    pub(super) fn choose(&self, round: OfferRound, caller: &Caller) -> Option<AgentName> {
        let declined_recently = self.declined_recently.get(&caller.position.wait);
        let has_declined = |agent: &AgentName| declined_recently.is_some_and(|agents| agents.contains(agent));
        let agent = match round {
            OfferRound::Ask | OfferRound::AskAgain => self.least_often(caller, has_declined),
            // All who may join will: who is the first is all the same.
            OfferRound::Join => self.ready.agents().find(|agent| !has_declined(agent)),
            OfferRound::JoinAgain => self.ready.agents().next(),
        };
        agent.cloned()
    }

    /// Who has let the caller go least often, of those who are spared him only if there are no others.
    fn least_often(&self, caller: &Caller, has_declined: impl Fn(&AgentName) -> bool) -> Option<&AgentName> {
        let never = self.ready.agents().find(|agent| caller.times_refused_by(agent) == 0);
        let times = |agent: &&AgentName| (has_declined(agent), caller.times_refused_by(agent));
        never.or_else(|| self.ready.agents().min_by_key(times))
    }

    /// Whom each pass could serve here now.
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

    /// The first of these callers whom not every ready agent is spared; somebody is ready.
    fn first_wanted(&self, callers: &Ranked<Position>) -> Option<Position> {
        let first = callers.first()?;
        let declined_recently = self.declined_recently.get(&first.wait).map_or(0, BTreeSet::len);
        if declined_recently < self.ready.len() { Some(first) } else { callers.at(1) }
    }

    /// Tells the board whom each pass could serve here now.
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

    /// Takes back all that was told.
    pub(super) fn unpublish(&mut self, first_callers: &mut FirstCallers) {
        for (told, first_callers) in self.first_callers.iter_mut().zip(first_callers) {
            if let Some(position) = told.take() {
                first_callers.remove(&position);
            }
        }
    }
}
