//! A model of the board: it records what is true, and is not optimised.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use dozvon::clock::UnixMs;
use dozvon::ids::{AgentName, CallId, QueueName};
use dozvon::queue::board::{Board, Proposal, QueueSpec};
use dozvon::queue::offer::{Outcome, is_refusal};
use dozvon::rules::{Strategy as Order, Tier};
use uuid::Uuid;

use super::history::{AGENTS, Event};

pub fn agent(number: u8) -> AgentName {
    format!("agent-{number}").parse().unwrap()
}

pub fn queue(number: u8) -> QueueName {
    format!("queue-{number}").parse().unwrap()
}

pub fn call(number: u8) -> CallId {
    // Later callers have lower identities, so that no order can come from these by chance.
    CallId(Uuid::from_u128(u128::from(u8::MAX - number)))
}

pub type Turn = (Reverse<i32>, UnixMs, u64);

#[derive(Debug, Clone)]
pub struct Caller {
    pub call: CallId,
    pub queue: QueueName,
    pub joined_at: UnixMs,
    priority: i32,
    pub wait: u64,
    /// How often each agent has declined this caller.
    pub refusals: BTreeMap<AgentName, u32>,
    /// The agents that declined this caller and have been rung for nobody else since.
    pub spared: BTreeSet<AgentName>,
    /// How often each agent was rung for one behind this caller while no phone rang for them.
    pub passed: BTreeMap<AgentName, u32>,
}

#[derive(Debug, Clone, Copy)]
pub struct Offer {
    call: CallId,
    wait: u64,
    pub again: bool,
}

#[derive(Debug, Clone, Copy)]
pub struct Ready {
    idle_since: UnixMs,
    pub not_before: UnixMs,
    pub awake: bool,
}

/// What is true, written down without any thought of speed.
#[derive(Debug, Default)]
pub struct Book {
    pub now: UnixMs,
    queues: BTreeMap<QueueName, QueueSpec>,
    last: BTreeMap<QueueName, (i32, i32, AgentName)>,
    pub callers: Vec<Caller>,
    pub offers: BTreeMap<AgentName, Offer>,
    pub ready: BTreeMap<AgentName, Ready>,
    waits: u64,
}

impl Book {
    /// Does the same to the board and to the book.
    pub fn apply(&mut self, board: &mut Board, event: &Event) {
        match event {
            Event::SetQueue { queue: name, order, priority, tiers } => {
                let tiers = tiers
                    .iter()
                    .map(|(n, (level, position))| (agent(*n), Tier { level: *level, position: *position }));
                let (strategy, priority) = (*order, *priority);
                let spec = QueueSpec { strategy, priority, call_waiting: false, tiers: tiers.collect() };
                self.queues.insert(queue(*name), spec.clone());
                board.set_queue(queue(*name), spec);
            }
            Event::RemoveQueue(name) => {
                let name = queue(*name);
                let mut gone: Vec<Caller> =
                    self.callers.iter().filter(|c| c.queue == name).cloned().collect();
                gone.sort_by_key(|caller| self.turn(caller));
                self.callers.retain(|caller| caller.queue != name);
                self.queues.remove(&name);
                self.last.remove(&name);
                let gone: Vec<CallId> = gone.iter().map(|caller| caller.call).collect();
                assert_eq!(board.remove_queue(&name), gone);
            }
            Event::Ready { agent: name, idle_ms, delay_ms } => {
                self.ready(board, &agent(*name), *idle_ms, *delay_ms);
            }
            Event::ReadyAll => (0..AGENTS).for_each(|name| self.ready(board, &agent(name), 0, 0)),
            Event::Unready(name) => {
                self.ready.remove(&agent(*name));
                board.unready(&agent(*name));
            }
            Event::Join { call: id, queue: name, waited_ms, priority } => {
                let joined_at = UnixMs(self.now.0 - waited_ms);
                self.join(board, call(*id), &queue(*name), joined_at, *priority);
            }
            Event::Leave(id) => {
                self.callers.retain(|caller| caller.call != call(*id));
                board.leave(call(*id));
            }
            Event::GoOnIn { call: id, queue: name } => {
                let (id, name) = (call(*id), queue(*name));
                if self.queues.contains_key(&name)
                    && let Some(caller) = self.callers.iter_mut().find(|caller| caller.call == id)
                {
                    caller.queue = name.clone();
                }
                board.go_on_in(id, &name);
            }
            Event::End { agent: name, outcome } => self.end(board, &agent(*name), *outcome),
            Event::EndAll(outcome) => (0..AGENTS).for_each(|name| self.end(board, &agent(name), *outcome)),
            Event::EndNoSuch { call: id, agent: name, outcome } => {
                if self.offers.get(&agent(*name)).is_none_or(|offer| offer.call != call(*id)) {
                    board.ended(call(*id), &agent(*name), *outcome);
                }
            }
            Event::Pass(ms) => self.now = UnixMs(self.now.0 + ms),
        }
        self.forget();
    }

    /// Of an agent who is away and serves no queue nothing is known but how often they have declined callers.
    fn forget(&mut self) {
        let Self { callers, queues, offers, ready, .. } = self;
        let known = |agent: &AgentName| {
            offers.contains_key(agent)
                || ready.contains_key(agent)
                || queues.values().any(|queue| queue.tiers.contains_key(agent))
        };
        callers.iter_mut().for_each(|caller| caller.spared.retain(known));
    }

    fn ready(&mut self, board: &mut Board, agent: &AgentName, idle_ms: i64, delay_ms: i64) {
        let (idle_since, not_before) = (UnixMs(self.now.0 - idle_ms), UnixMs(self.now.0 + delay_ms));
        board.ready(agent, idle_since, not_before);
        if !self.offers.contains_key(agent) {
            let same = |r: &&Ready| (r.idle_since, r.not_before) == (idle_since, not_before);
            let awake = self.ready.get(agent).filter(same).is_some_and(|ready| ready.awake);
            self.ready.insert(agent.clone(), Ready { idle_since, not_before, awake });
        }
    }

    fn join(&mut self, board: &mut Board, call: CallId, queue: &QueueName, joined_at: UnixMs, priority: i32) {
        let joined = board.join(call, queue, joined_at, priority);
        assert_eq!(joined.is_ok(), self.queues.contains_key(queue));
        if joined.is_err() || self.callers.iter().any(|c| c.call == call && c.queue == *queue) {
            return;
        }
        self.callers.retain(|caller| caller.call != call);
        self.waits += 1;
        let (queue, wait) = (queue.clone(), self.waits);
        let (refusals, spared, passed) = (BTreeMap::new(), BTreeSet::new(), BTreeMap::new());
        self.callers.push(Caller { call, queue, joined_at, priority, wait, refusals, spared, passed });
    }

    fn end(&mut self, board: &mut Board, agent: &AgentName, outcome: Outcome) {
        let Some(offer) = self.offers.remove(agent) else { return };
        board.ended(offer.call, agent, outcome);
        if is_refusal(outcome)
            && let Some(caller) = self.callers.iter_mut().find(|caller| caller.call == offer.call)
        {
            *caller.refusals.entry(agent.clone()).or_default() += 1;
            caller.spared.insert(agent.clone());
        }
    }

    /// Writes down that a proposal was made.
    pub fn note(&mut self, proposal: &Proposal) {
        let caller = self.callers.iter().find(|caller| caller.call == proposal.call).unwrap();
        let tier = self.queues[&proposal.queue].tiers[&proposal.agent];
        let again = caller.spared.contains(&proposal.agent);
        let offer = Offer { call: proposal.call, wait: caller.wait, again };
        let passed: Vec<u64> = self.passed(proposal).map(|caller| caller.wait).collect();
        for other in self.callers.iter_mut().filter(|other| other.call != proposal.call) {
            other.spared.remove(&proposal.agent);
            if passed.contains(&other.wait) {
                *other.passed.entry(proposal.agent.clone()).or_default() += 1;
            }
        }
        self.last.insert(proposal.queue.clone(), (tier.level, tier.position, proposal.agent.clone()));
        self.ready.remove(&proposal.agent);
        self.offers.insert(proposal.agent.clone(), offer);
    }

    /// Agents who are delayed no longer have become ready, for good.
    pub fn wake(&mut self) {
        for ready in self.ready.values_mut() {
            ready.awake |= ready.not_before <= self.now;
        }
    }

    pub fn turn(&self, caller: &Caller) -> Turn {
        (Reverse(self.queues[&caller.queue].priority + caller.priority), caller.joined_at, caller.wait)
    }

    pub fn live(&self, caller: &Caller) -> impl Iterator<Item = &Offer> {
        self.offers.values().filter(|offer| offer.call == caller.call && offer.wait == caller.wait)
    }

    pub fn rings_all(&self, caller: &Caller) -> bool {
        self.queues[&caller.queue].strategy == Order::RingAll
    }

    /// The agents who are ready for a caller.
    pub fn agents(&self, caller: &Caller) -> impl Iterator<Item = &AgentName> {
        let awake = self.ready.iter().filter(|(_, ready)| ready.awake).map(|(agent, _)| agent);
        awake.filter(|agent| self.queues[&caller.queue].tiers.contains_key(*agent))
    }

    /// The callers without a ringing phone that stand before the proposed one and could have this agent.
    pub fn passed(&self, proposal: &Proposal) -> impl Iterator<Item = &Caller> {
        let served = self.callers.iter().find(|caller| caller.call == proposal.call).unwrap();
        let before = self.callers.iter().filter(|caller| self.turn(caller) < self.turn(served));
        before.filter(|caller| {
            self.live(caller).next().is_none() && self.agents(caller).any(|agent| *agent == proposal.agent)
        })
    }

    /// Whether the caller would take this ready agent, who is not spared the caller.
    pub fn wants(&self, caller: &Caller, agent: &AgentName) -> bool {
        self.queues[&caller.queue].tiers.contains_key(agent)
            && !caller.spared.contains(agent)
            && (self.live(caller).next().is_none() || self.rings_all(caller))
    }

    /// In which pass the caller gets this ready agent of their queue.
    fn pass(&self, caller: &Caller, agent: &AgentName) -> Option<u8> {
        let rings = self.live(caller).next().is_some();
        let again = caller.spared.contains(agent);
        match (rings, again) {
            (false, false) => Some(1),
            (true, false) => self.rings_all(caller).then_some(2),
            (false, true) => Some(3),
            (true, true) => {
                (self.rings_all(caller) && self.live(caller).all(|offer| offer.again)).then_some(4)
            }
        }
    }

    /// An agent's place in the queue.
    fn place(&self, queue: &QueueName, agent: &AgentName) -> (i32, bool, UnixMs, i32, AgentName) {
        let spec = &self.queues[queue];
        let Tier { level, position } = spec.tiers[agent];
        let had_his_turn = self.last.get(queue).is_some_and(|(last_level, last_position, last)| {
            *last_level == level && (position, agent) <= (*last_position, last)
        });
        let idle_since = self.ready[agent].idle_since;
        match spec.strategy {
            Order::LongestIdle => (level, false, idle_since, position, agent.clone()),
            Order::RoundRobin => (level, had_his_turn, UnixMs::default(), position, agent.clone()),
            Order::Sequential | Order::RingAll => (level, false, UnixMs::default(), position, agent.clone()),
        }
    }

    /// What the board ought to propose.
    pub fn expected(&self) -> Option<Proposal> {
        let pairs =
            self.callers.iter().flat_map(|caller| self.agents(caller).map(move |agent| (caller, agent)));
        let ranked = pairs.filter_map(|(caller, agent)| {
            let pass = self.pass(caller, agent)?;
            let times = caller.refusals.get(agent).copied().unwrap_or_default();
            let times = if pass % 2 == 1 { times } else { 0 };
            Some(((pass, self.turn(caller), times, self.place(&caller.queue, agent)), caller, agent))
        });
        let (_, caller, agent) = ranked.min_by(|(a, ..), (b, ..)| a.cmp(b))?;
        Some(Proposal { call: caller.call, queue: caller.queue.clone(), agent: agent.clone() })
    }
}
