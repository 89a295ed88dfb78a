//! One queue on the board: its callers, its ready agents, and whom it could serve now.
//!
//! In: what happens to its callers and agents. Out: for each [`Pass`], the caller whom it could serve first, and
//! for him the agent.
//!
//! An agent who has let a caller go is spared him until he is rung for another. So he is spared one caller at
//! most, and of any two callers he can take one: who is served next is the first of all or the second.
//!
//! **Invariants:** every caller stands in `silent` or in `ringing`. After each change `show` tells the board.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::ranked::Ranked;
use super::strategy::Line;
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
pub(super) type Heads = [BTreeSet<Turn>; Pass::ALL.len()];

/// In which order the callers get hold of the ready agents. A pass begins when those before it find nobody.
///
/// Who has let a caller go is spared him until he is rung for somebody else. Until then he is asked again for
/// him only when no other ready agent can take this caller and no other caller wants this agent; from then on the
/// caller has his old place in this agent's line. A refusal thus costs the caller one turn, and no more.
///
/// Where all ring at once, a round goes to those who are not spared the caller. Who lets it go is left in peace
/// until none of them rings any more, or until he has been rung for somebody else: then he joins like anybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pass {
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

impl Pass {
    /// Every pass in order.
    pub(super) const ALL: [Self; 4] = [Self::Ask, Self::Join, Self::AskAgain, Self::JoinAgain];
}

/// Where a caller stands among all: who does not yield, a higher priority, an earlier time, an earlier join come first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Turn {
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
    pub(super) turn: Turn,
    /// The queue in which he waits.
    pub(super) queue: QueueName,
    /// His own, without the queue's.
    priority: i32,
    /// Agents who are being rung for him.
    live: usize,
    /// Those among them who were not spared him.
    fresh: usize,
    /// How often each agent has let him go, for as long as he waits.
    refusals: BTreeMap<AgentName, u32>,
}

/// Who joins, where and since when.
#[derive(Debug)]
pub(super) struct Joined {
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
pub(super) struct Lane {
    spec: QueueSpec,
    line: Line,
    /// The ready agents who are spared a caller, by the number of his join.
    spared: BTreeMap<u64, BTreeSet<AgentName>>,
    /// Callers for whom nobody is being rung.
    silent: Ranked<Turn>,
    /// Callers for whom somebody is being rung.
    ringing: Ranked<Turn>,
    /// The callers of `ringing` for whom only agents are being rung who were spared them.
    again: BTreeSet<Turn>,
    /// What `Board::heads` holds of this queue.
    heads: [Option<Turn>; Pass::ALL.len()],
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
        self.live > 0 && self.fresh == 0
    }
}

impl Lane {
    /// Nobody waits, and nobody is ready.
    pub(super) fn new(spec: QueueSpec) -> Self {
        Self {
            line: Line::new(spec.strategy, None),
            spec,
            spared: BTreeMap::new(),
            silent: Ranked::default(),
            ringing: Ranked::default(),
            again: BTreeSet::new(),
            heads: [None; Pass::ALL.len()],
        }
    }

    /// The rules of the queue.
    pub(super) const fn spec(&self) -> &QueueSpec {
        &self.spec
    }

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.silent.len() + self.ringing.len()
    }

    /// How many wait who are to be served before this turn.
    pub(super) fn before(&self, turn: &Turn) -> usize {
        self.silent.rank(turn) + self.ringing.rank(turn)
    }

    /// The first for whom nobody is rung, who does not yield, and is not among these; none if an agent who is in another
    /// call is not offered them.
    pub(super) fn first_without(&self, elsewhere: bool, taken: &BTreeSet<CallId>) -> Option<Turn> {
        let callers =
            (0..self.silent.len()).map_while(|rank| self.silent.at(rank).filter(|turn| !turn.yields));
        let mut free = callers.filter(|turn| !taken.contains(&turn.call));
        free.next().filter(|_| !elsewhere || self.spec.call_waiting)
    }

    /// Everybody who waits, the first in line first. O(n × log n).
    pub(super) fn turns(&self) -> Vec<Turn> {
        let both = [&self.silent, &self.ringing].into_iter();
        let turns = both.flat_map(|callers| (0..callers.len()).filter_map(move |rank| callers.at(rank)));
        let mut turns: Vec<Turn> = turns.collect();
        turns.sort_unstable();
        turns
    }

    /// Goes on where another form of the queue ended; its callers are to be taken over one by one.
    pub(super) fn succeed(&mut self, old: &Self) -> Vec<Turn> {
        self.line = Line::new(self.spec.strategy, old.line.last());
        old.turns()
    }

    /// A caller of another form of the queue, or of another queue, keeps his place and his live offers.
    pub(super) fn take_over(&mut self, caller: &mut Caller) {
        caller.turn.priority = self.priority(caller.priority);
        self.take_in(caller);
    }

    /// A caller joins the queue.
    pub(super) fn join(&mut self, joined: Joined) -> Caller {
        let Joined { call, queue, wait, joined_at, priority, yields } = joined;
        let turn = Turn { yields, priority: self.priority(priority), joined_at, wait, call };
        let caller = Caller { turn, queue, priority, live: 0, fresh: 0, refusals: BTreeMap::new() };
        self.take_in(&caller);
        caller
    }

    fn priority(&self, own: i32) -> Reverse<i64> {
        Reverse(i64::from(self.spec.priority) + i64::from(own))
    }

    fn take_in(&mut self, caller: &Caller) {
        self.callers_like(caller).insert(caller.turn);
        if caller.is_asked_again() {
            self.again.insert(caller.turn);
        }
    }

    /// A caller leaves the queue.
    pub(super) fn let_go(&mut self, caller: &Caller) {
        self.callers_like(caller).remove(&caller.turn);
        self.again.remove(&caller.turn);
    }

    const fn callers_like(&mut self, caller: &Caller) -> &mut Ranked<Turn> {
        if caller.live == 0 { &mut self.silent } else { &mut self.ringing }
    }

    /// An agent is being rung for a caller.
    pub(super) fn ring(&mut self, caller: &mut Caller, agent: &AgentName, again: bool) {
        if let Some(tier) = self.spec.tiers.get(agent) {
            self.line.offered(*tier, agent);
        }
        self.rung(caller, caller.live + 1, caller.fresh + usize::from(!again));
    }

    /// An agent is no longer being rung for a caller.
    pub(super) fn hush(&mut self, caller: &mut Caller, again: bool) {
        let (live, fresh) = (caller.live.saturating_sub(1), caller.fresh.saturating_sub(usize::from(!again)));
        self.rung(caller, live, fresh);
    }

    /// Puts a caller where he belongs when so many are rung for him.
    fn rung(&mut self, caller: &mut Caller, live: usize, fresh: usize) {
        self.let_go(caller);
        (caller.live, caller.fresh) = (live, fresh);
        self.take_in(caller);
    }

    /// An agent who serves the queue became ready, idle since then; they are spared the caller of this join. An agent
    /// who is in a call elsewhere is let in only where calls wait.
    pub(super) fn admit(
        &mut self,
        agent: &AgentName,
        idle_since: UnixMs,
        spared: Option<u64>,
        elsewhere: bool,
    ) {
        let Some(tier) = self.spec.tiers.get(agent).filter(|_| !elsewhere || self.spec.call_waiting) else {
            return;
        };
        self.line.insert(*tier, idle_since, agent);
        if let Some(wait) = spared {
            self.spared.entry(wait).or_default().insert(agent.clone());
        }
    }

    /// An agent who was ready with just these data is so no longer.
    pub(super) fn dismiss(&mut self, agent: &AgentName, idle_since: UnixMs, spared: Option<u64>) {
        let Some(tier) = self.spec.tiers.get(agent) else { return };
        self.line.remove(*tier, idle_since, agent);
        if let Some(wait) = spared
            && let Some(agents) = self.spared.get_mut(&wait)
        {
            agents.remove(agent);
            if agents.is_empty() {
                self.spared.remove(&wait);
            }
        }
    }

    /// Which agent is rung for a caller who is served in this pass. O((1 + r) × log n), where r is how many
    /// agents have let him go: who has not is taken as soon as he is found.
    pub(super) fn choose(&self, pass: Pass, caller: &Caller) -> Option<AgentName> {
        let spared = self.spared.get(&caller.turn.wait);
        let is_spared = |agent: &AgentName| spared.is_some_and(|agents| agents.contains(agent));
        let agent = match pass {
            Pass::Ask | Pass::AskAgain => self.least_often(caller, is_spared),
            // All who may join will: who is the first is all the same.
            Pass::Join => self.line.agents().find(|agent| !is_spared(agent)),
            Pass::JoinAgain => self.line.agents().next(),
        };
        agent.cloned()
    }

    /// Who has let the caller go least often, of those who are spared him only if there are no others.
    fn least_often(&self, caller: &Caller, is_spared: impl Fn(&AgentName) -> bool) -> Option<&AgentName> {
        let never = self.line.agents().find(|agent| caller.times_refused_by(agent) == 0);
        let times = |agent: &&AgentName| (is_spared(agent), caller.times_refused_by(agent));
        never.or_else(|| self.line.agents().min_by_key(times))
    }

    /// Whom each pass could serve here now.
    fn first_of(&self, pass: Pass) -> Option<Turn> {
        let all_ring = self.spec.strategy == Strategy::RingAll;
        if self.line.is_empty() {
            return None;
        }
        match pass {
            Pass::Ask => self.first_wanted(&self.silent),
            Pass::AskAgain => self.silent.first(),
            Pass::Join if all_ring => self.first_wanted(&self.ringing),
            Pass::JoinAgain if all_ring => self.again.first().copied(),
            Pass::Join | Pass::JoinAgain => None,
        }
    }

    /// The first of these callers whom not every ready agent is spared; somebody is ready.
    fn first_wanted(&self, callers: &Ranked<Turn>) -> Option<Turn> {
        let first = callers.first()?;
        let spared = self.spared.get(&first.wait).map_or(0, BTreeSet::len);
        if spared < self.line.len() { Some(first) } else { callers.at(1) }
    }

    /// Tells the board whom each pass could serve here now.
    pub(super) fn show(&mut self, heads: &mut Heads) {
        for (index, pass) in Pass::ALL.into_iter().enumerate() {
            let now = self.first_of(pass);
            if now != self.heads[index] {
                if let Some(turn) = self.heads[index] {
                    heads[index].remove(&turn);
                }
                heads[index].extend(now);
                self.heads[index] = now;
            }
        }
    }

    /// Takes back all that was told.
    pub(super) fn withdraw(&mut self, heads: &mut Heads) {
        for (told, heads) in self.heads.iter_mut().zip(heads) {
            if let Some(turn) = told.take() {
                heads.remove(&turn);
            }
        }
    }
}
