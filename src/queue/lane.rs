//! One queue on the board: its callers, its ready agents, and whom it could serve now.
//!
//! In: what happens to its callers and agents. Out: for each [`Pass`], the caller whom it could serve first, and
//! for him the agent.
//!
//! **Invariants:** every caller stands in `silent` or in `ringing`. After each change `show` tells the board.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::board::QueueSpec;
use super::pool::Pool;
use super::strategy::Line;
use crate::clock::UnixMs;
use crate::ids::{AgentName, CallId, QueueName};
use crate::routing::rules::Strategy;

/// For each pass, the callers whom the queues could serve now.
pub(super) type Heads = [BTreeSet<Turn>; Pass::ALL.len()];

/// In which order the callers get hold of the ready agents. A pass begins when those before it find nobody.
///
/// Who has let a caller go is thus asked again for him only when no other ready agent can take him and no other
/// caller wants this agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pass {
    /// A caller for whom nobody is rung gets an agent who has not let him go.
    Ask,
    /// Where all ring at once, an agent who has not let the caller go joins those who are rung.
    Join,
    /// A caller for whom nobody is rung gets an agent who has let him go: the one who did so least often.
    AskAgain,
    /// Where all ring at once, an agent who has let the caller go joins, unless others are asked a first time.
    JoinAgain,
}

impl Pass {
    /// Every pass in order.
    pub(super) const ALL: [Self; 4] = [Self::Ask, Self::Join, Self::AskAgain, Self::JoinAgain];
}

/// Where a caller stands among all: a higher priority, an earlier time, an earlier join come first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Turn {
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
    /// Those among them who had not let him go before.
    fresh: usize,
    /// How often each agent has let him go.
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
}

/// A queue with all that happens in it.
#[derive(Debug)]
pub(super) struct Lane {
    spec: QueueSpec,
    line: Line,
    /// Callers for whom nobody is being rung.
    silent: Pool,
    /// Callers for whom somebody is being rung.
    ringing: Pool,
    /// The callers of `ringing` for whom only agents are being rung who had let them go before.
    again: BTreeSet<Turn>,
    /// What `Board::heads` holds of this queue.
    heads: [Option<Turn>; Pass::ALL.len()],
}

impl Caller {
    /// Whether this agent has let him go before.
    pub(super) fn was_refused_by(&self, agent: &AgentName) -> bool {
        self.refusals.contains_key(agent)
    }

    /// Whether all who are being rung for him had let him go before.
    const fn is_asked_again(&self) -> bool {
        self.live > 0 && self.fresh == 0
    }
}

impl Lane {
    /// Nobody waits, and nobody is ready.
    pub(super) fn new(spec: QueueSpec) -> Self {
        let line = Line::new(spec.strategy, None);
        let (silent, ringing) = (Pool::default(), Pool::default());
        Self { spec, line, silent, ringing, again: BTreeSet::new(), heads: [None; Pass::ALL.len()] }
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
        self.silent.before(turn) + self.ringing.before(turn)
    }

    /// Everybody who waits, the first in line first. O(n × log n).
    pub(super) fn turns(&self) -> Vec<Turn> {
        let mut turns: Vec<Turn> = self.silent.turns().chain(self.ringing.turns()).collect();
        turns.sort_unstable();
        turns
    }

    /// Goes on where another form of the queue ended; its callers are to be taken over one by one.
    pub(super) fn succeed(&mut self, old: Self) -> Vec<Turn> {
        let turns = old.turns();
        self.line = Line::new(self.spec.strategy, old.line.last());
        turns
    }

    /// A caller of another form of the queue keeps his place and his live offers.
    pub(super) fn take_over(&mut self, caller: &mut Caller) {
        caller.turn.priority = self.priority(caller.priority);
        self.take_in(caller);
    }

    /// A caller joins the queue.
    pub(super) fn join(&mut self, joined: Joined) -> Caller {
        let Joined { call, queue, wait, joined_at, priority } = joined;
        let turn = Turn { priority: self.priority(priority), joined_at, wait, call };
        let caller = Caller { turn, queue, priority, live: 0, fresh: 0, refusals: BTreeMap::new() };
        self.take_in(&caller);
        caller
    }

    fn priority(&self, own: i32) -> Reverse<i64> {
        Reverse(i64::from(self.spec.priority) + i64::from(own))
    }

    fn take_in(&mut self, caller: &Caller) {
        let pool = if caller.live == 0 { &mut self.silent } else { &mut self.ringing };
        pool.enter(caller.turn, caller.refusals.keys(), &self.line);
        if caller.is_asked_again() {
            self.again.insert(caller.turn);
        }
    }

    /// A caller leaves the queue.
    pub(super) fn let_go(&mut self, caller: &Caller) {
        let pool = if caller.live == 0 { &mut self.silent } else { &mut self.ringing };
        pool.leave(&caller.turn, caller.refusals.keys());
        self.again.remove(&caller.turn);
    }

    /// An agent who is not ready has let a caller go.
    pub(super) fn refuse(&mut self, caller: &mut Caller, agent: &AgentName) {
        let times = caller.refusals.entry(agent.clone()).or_default();
        *times = times.saturating_add(1);
        let pool = if caller.live == 0 { &mut self.silent } else { &mut self.ringing };
        pool.refuse(caller.turn, agent);
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
        // Most phones that begin or cease to ring are neither the first nor the last: the pool stays the same,
        // and nothing has to be done for each agent who has let the caller go.
        let moves = (caller.live == 0) != (live == 0);
        if moves {
            self.let_go(caller);
        }
        (caller.live, caller.fresh) = (live, fresh);
        if moves {
            self.take_in(caller);
        } else if caller.is_asked_again() {
            self.again.insert(caller.turn);
        } else {
            self.again.remove(&caller.turn);
        }
    }

    /// An agent who serves the queue became ready.
    pub(super) fn admit(&mut self, agent: &AgentName, idle_since: UnixMs) {
        if let Some(tier) = self.spec.tiers.get(agent) {
            self.line.insert(*tier, idle_since, agent);
            self.silent.admit(agent);
            self.ringing.admit(agent);
        }
    }

    /// An agent who was ready since then is so no longer.
    pub(super) fn dismiss(&mut self, agent: &AgentName, idle_since: UnixMs) {
        if let Some(tier) = self.spec.tiers.get(agent) {
            self.line.remove(*tier, idle_since, agent);
            self.silent.dismiss(agent);
            self.ringing.dismiss(agent);
        }
    }

    /// Which agent is rung for a caller who is served in this pass.
    pub(super) fn choose(&self, pass: Pass, caller: &Caller) -> Option<AgentName> {
        let times = |agent: &&AgentName| caller.refusals.get(*agent).copied().unwrap_or_default();
        let agent = match pass {
            Pass::Ask | Pass::Join => self.line.agents().find(|agent| times(agent) == 0),
            Pass::AskAgain => self.line.agents().min_by_key(times),
            Pass::JoinAgain => self.line.agents().next(),
        };
        agent.cloned()
    }

    /// Whom each pass could serve here now.
    fn first_of(&mut self, pass: Pass) -> Option<Turn> {
        let all_ring = self.spec.strategy == Strategy::RingAll;
        match pass {
            Pass::Ask => self.silent.first(&self.line),
            Pass::Join if all_ring => self.ringing.first(&self.line),
            Pass::AskAgain if !self.line.is_empty() => self.silent.head(),
            Pass::JoinAgain if all_ring && !self.line.is_empty() => self.again.first().copied(),
            Pass::Join | Pass::AskAgain | Pass::JoinAgain => None,
        }
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
