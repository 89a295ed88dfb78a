//! Who waits, who is ready, and who is offered whom next.
//!
//! In: callers who join and leave, agents who become ready or not, offers that end. Out: proposals, one at a
//! time, until there is none. The claim in the database decides whether a proposal becomes an offer.
//!
//! Callers are served by priority, then by how long they have waited, across all queues that share an agent.
//! A caller has one live offer; where all ring at once, every ready agent rings. [`Pass`] tells who comes first
//! when there are fewer agents than phones that could ring.
//!
//! **Invariants:** an agent with a live offer is not ready. Equal histories give equal proposals.
//! Each operation takes O((1 + r) × log² n) steps, where r is how many agents have let the caller in question
//! go; only [`Board::set_queue`] and [`Board::remove_queue`] go through a whole queue.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::offer::{Outcome, is_refusal};
use super::pool::Pool;
use super::strategy::Line;
use crate::clock::UnixMs;
use crate::ids::{AgentName, CallId, QueueName};
use crate::routing::rules::{Strategy, Tier};

/// What the board has to know of a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueSpec {
    /// In which order agents are offered a caller.
    pub strategy: Strategy,
    /// Added to the priority of each of its callers.
    pub priority: i32,
    /// Who serves the queue.
    pub tiers: BTreeMap<AgentName, Tier>,
}

/// An agent should be rung for a caller. He is not ready any more, and the call has a live offer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// The call of the caller.
    pub call: CallId,
    /// The queue in which he waits.
    pub queue: QueueName,
    /// The agent to ring.
    pub agent: AgentName,
}

/// A caller was sent to a queue that is not on the board.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no queue {queue} on the board: add it to the rules, or route the call elsewhere")]
pub struct NoSuchQueue {
    /// The queue that was named.
    pub queue: QueueName,
}

/// Who waits and who is ready, in memory. One task owns it.
#[derive(Debug, Default)]
pub struct Board {
    queues: BTreeMap<QueueName, Queue>,
    callers: BTreeMap<CallId, Caller>,
    agents: BTreeMap<AgentName, Agent>,
    delayed: BTreeSet<(UnixMs, AgentName)>,
    /// For each pass, the first caller of every queue whom that pass could serve now.
    heads: [BTreeSet<Turn>; Pass::ALL.len()],
    waits: u64,
}

/// Where a caller stands among all: a higher priority, an earlier time, an earlier join come first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Turn {
    priority: Reverse<i64>,
    joined_at: UnixMs,
    /// Numbers the joins, so that no two turns are equal.
    wait: u64,
    call: CallId,
}

#[derive(Debug)]
struct Caller {
    turn: Turn,
    queue: QueueName,
    /// His own, without the queue's.
    priority: i32,
    /// Agents who are being rung for him.
    live: usize,
    /// Those among them who had not let him go before.
    fresh: usize,
    /// How often each agent has let him go.
    refusals: BTreeMap<AgentName, u32>,
}

#[derive(Debug, Default)]
struct Agent {
    queues: BTreeSet<QueueName>,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    #[default]
    Away,
    Delayed(Ready),
    Ready(Ready),
    Offered(Live),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Ready {
    idle_since: UnixMs,
    not_before: UnixMs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Live {
    call: CallId,
    wait: u64,
    /// Whether the agent had let the caller go before.
    again: bool,
}

#[derive(Debug)]
struct Queue {
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

/// In which order the callers get hold of the ready agents. A pass begins when those before it find nobody.
///
/// Who has let a caller go is thus asked again for him only when no other ready agent can take him and no other
/// caller wants this agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pass {
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
    const ALL: [Self; 4] = [Self::Ask, Self::Join, Self::AskAgain, Self::JoinAgain];
}

impl Board {
    /// A board without queues, callers and agents.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds or changes a queue. Waiting callers, live offers and round robin's place stay as they are.
    pub fn set_queue(&mut self, name: QueueName, spec: QueueSpec) {
        let old = self.queues.remove(&name);
        let mut queue = Queue::new(spec);
        if let Some(mut old) = old {
            old.withdraw(&mut self.heads);
            self.detach(&name, &old.spec);
            let turns: Vec<Turn> = old.turns().collect();
            queue.line = Line::new(queue.spec.strategy, old.line.last());
            for turn in turns {
                if let Some(caller) = self.callers.get_mut(&turn.call) {
                    caller.turn = Turn { priority: queue.priority(caller.priority), ..turn };
                    queue.take_in(caller);
                }
            }
        }
        for (agent, tier) in &queue.spec.tiers {
            let record = self.agents.entry(agent.clone()).or_default();
            record.queues.insert(name.clone());
            if let State::Ready(ready) = record.state {
                queue.line.insert(*tier, ready.idle_since, agent);
                queue.silent.admit(agent);
                queue.ringing.admit(agent);
            }
        }
        queue.show(&mut self.heads);
        self.queues.insert(name, queue);
    }

    /// Removes a queue and forgets its callers: those who waited there, the first in line first.
    pub fn remove_queue(&mut self, name: &QueueName) -> Vec<CallId> {
        let Some(mut queue) = self.queues.remove(name) else { return Vec::new() };
        queue.withdraw(&mut self.heads);
        self.detach(name, &queue.spec);
        let mut turns: Vec<Turn> = queue.turns().collect();
        turns.sort_unstable();
        for turn in &turns {
            self.callers.remove(&turn.call);
        }
        turns.into_iter().map(|turn| turn.call).collect()
    }

    /// The agent may be offered calls from `not_before` on. Of one who has a live offer this is not believed:
    /// say it after [`Board::ended`].
    pub fn ready(&mut self, agent: &AgentName, idle_since: UnixMs, not_before: UnixMs) {
        let ready = Ready { idle_since, not_before };
        match self.state(agent) {
            State::Offered(_) => return,
            State::Ready(same) | State::Delayed(same) if same == ready => return,
            State::Away | State::Ready(_) | State::Delayed(_) => {}
        }
        self.unready(agent);
        self.agents.entry(agent.clone()).or_default().state = State::Delayed(ready);
        self.delayed.insert((not_before, agent.clone()));
    }

    /// The agent may not be offered calls.
    pub fn unready(&mut self, agent: &AgentName) {
        match self.state(agent) {
            State::Away | State::Offered(_) => return,
            State::Delayed(ready) => {
                self.delayed.remove(&(ready.not_before, agent.clone()));
            }
            State::Ready(ready) => self.dismiss(agent, ready.idle_since),
        }
        self.turn_away(agent);
    }

    /// A caller waits in a queue, since `joined_at`. One who waits there already keeps his place; one who waits
    /// elsewhere leaves there.
    ///
    /// # Errors
    ///
    /// The queue is not on the board; nothing has changed.
    pub fn join(
        &mut self,
        call: CallId,
        queue: &QueueName,
        joined_at: UnixMs,
        priority: i32,
    ) -> Result<(), NoSuchQueue> {
        if !self.queues.contains_key(queue) {
            return Err(NoSuchQueue { queue: queue.clone() });
        }
        if self.callers.get(&call).is_some_and(|caller| caller.queue == *queue) {
            return Ok(());
        }
        self.leave(call);
        self.waits += 1;
        if let Some(record) = self.queues.get_mut(queue) {
            let turn = Turn { priority: record.priority(priority), joined_at, wait: self.waits, call };
            let caller = Caller::new(turn, queue.clone(), priority);
            record.take_in(&caller);
            record.show(&mut self.heads);
            self.callers.insert(call, caller);
        }
        Ok(())
    }

    /// The caller waits no more: he left, or is talking. His live offers stay with their agents until they end.
    pub fn leave(&mut self, call: CallId) {
        let Some(caller) = self.callers.remove(&call) else { return };
        if let Some(queue) = self.queues.get_mut(&caller.queue) {
            queue.let_go(&caller);
            queue.show(&mut self.heads);
        }
    }

    /// A live offer is over. The call, if it still waits and nobody else is being rung for it, may be offered
    /// again. The agent is not ready until [`Board::ready`] says so. An offer that is not live changes nothing.
    pub fn ended(&mut self, call: CallId, agent: &AgentName, outcome: Outcome) {
        let State::Offered(live) = self.state(agent) else { return };
        if live.call != call {
            return;
        }
        self.turn_away(agent);
        let Some(caller) = self.callers.get_mut(&call) else { return };
        let Some(queue) = self.queues.get_mut(&caller.queue) else { return };
        if is_refusal(outcome) {
            queue.refuse(caller, agent);
        }
        if live.wait == caller.turn.wait {
            queue.hush(caller, live.again);
        }
        queue.show(&mut self.heads);
    }

    /// Whom to ring next for whom: call it until it has nothing to propose.
    pub fn propose(&mut self, now: UnixMs) -> Option<Proposal> {
        self.wake(now);
        let (pass, turn) =
            Pass::ALL.iter().zip(&self.heads).find_map(|(pass, heads)| Some((*pass, *heads.first()?)))?;
        let caller = self.callers.get_mut(&turn.call)?;
        let queue = self.queues.get_mut(&caller.queue)?;
        let agent = queue.choose(pass, caller)?;
        let State::Ready(ready) = self.agents.get(&agent)?.state else { return None };
        let again = caller.refusals.contains_key(&agent);
        queue.ring(caller, &agent, again);
        let proposal = Proposal { call: turn.call, queue: caller.queue.clone(), agent };
        self.dismiss(&proposal.agent, ready.idle_since);
        if let Some(record) = self.agents.get_mut(&proposal.agent) {
            record.state = State::Offered(Live { call: turn.call, wait: turn.wait, again });
        }
        Some(proposal)
    }

    /// When the next delayed agent becomes ready.
    #[must_use]
    pub fn next_wake(&self) -> Option<UnixMs> {
        self.delayed.first().map(|(at, _)| *at)
    }

    /// How many callers wait in a queue, those for whom an agent is being rung included.
    #[must_use]
    pub fn waiting(&self, queue: &QueueName) -> usize {
        self.queues.get(queue).map_or(0, |queue| queue.silent.len() + queue.ringing.len())
    }

    /// The caller's place in his queue; 1 is the next one.
    #[must_use]
    pub fn position(&self, call: CallId) -> Option<usize> {
        let caller = self.callers.get(&call)?;
        let queue = self.queues.get(&caller.queue)?;
        Some(1 + queue.silent.before(&caller.turn) + queue.ringing.before(&caller.turn))
    }

    fn state(&self, agent: &AgentName) -> State {
        self.agents.get(agent).map_or(State::Away, |record| record.state)
    }

    /// Lets the delayed agents in whose time has come.
    fn wake(&mut self, now: UnixMs) {
        while self.delayed.first().is_some_and(|(at, _)| *at <= now) {
            let Some((_, agent)) = self.delayed.pop_first() else { return };
            let Some(record) = self.agents.get_mut(&agent) else { continue };
            let State::Delayed(ready) = record.state else { continue };
            record.state = State::Ready(ready);
            for name in &record.queues {
                if let Some(queue) = self.queues.get_mut(name) {
                    queue.admit(&agent, ready.idle_since);
                    queue.show(&mut self.heads);
                }
            }
        }
    }

    /// Takes a ready agent out of the line of each of his queues.
    fn dismiss(&mut self, agent: &AgentName, idle_since: UnixMs) {
        let Some(record) = self.agents.get(agent) else { return };
        for name in &record.queues {
            if let Some(queue) = self.queues.get_mut(name) {
                queue.dismiss(agent, idle_since);
                queue.show(&mut self.heads);
            }
        }
    }

    /// The agent is away, and forgotten if he serves no queue.
    fn turn_away(&mut self, agent: &AgentName) {
        if let Some(record) = self.agents.get_mut(agent) {
            record.state = State::Away;
            if record.queues.is_empty() {
                self.agents.remove(agent);
            }
        }
    }

    /// The agents of a queue serve it no more.
    fn detach(&mut self, name: &QueueName, spec: &QueueSpec) {
        for agent in spec.tiers.keys() {
            if let Some(record) = self.agents.get_mut(agent) {
                record.queues.remove(name);
                if record.queues.is_empty() && record.state == State::Away {
                    self.agents.remove(agent);
                }
            }
        }
    }
}

impl Caller {
    const fn new(turn: Turn, queue: QueueName, priority: i32) -> Self {
        Self { turn, queue, priority, live: 0, fresh: 0, refusals: BTreeMap::new() }
    }

    /// Whether all who are being rung for him had let him go before.
    const fn is_asked_again(&self) -> bool {
        self.live > 0 && self.fresh == 0
    }
}

impl Queue {
    fn new(spec: QueueSpec) -> Self {
        let line = Line::new(spec.strategy, None);
        let (silent, ringing) = (Pool::default(), Pool::default());
        Self { spec, line, silent, ringing, again: BTreeSet::new(), heads: [None; Pass::ALL.len()] }
    }

    fn priority(&self, own: i32) -> Reverse<i64> {
        Reverse(i64::from(self.spec.priority) + i64::from(own))
    }

    fn turns(&self) -> impl Iterator<Item = Turn> {
        self.silent.turns().chain(self.ringing.turns())
    }

    fn take_in(&mut self, caller: &Caller) {
        let pool = if caller.live == 0 { &mut self.silent } else { &mut self.ringing };
        pool.enter(caller.turn, caller.refusals.keys(), &self.line);
        if caller.is_asked_again() {
            self.again.insert(caller.turn);
        }
    }

    fn let_go(&mut self, caller: &Caller) {
        let pool = if caller.live == 0 { &mut self.silent } else { &mut self.ringing };
        pool.leave(&caller.turn, caller.refusals.keys());
        self.again.remove(&caller.turn);
    }

    /// An agent who is not ready has let a caller go.
    fn refuse(&mut self, caller: &mut Caller, agent: &AgentName) {
        let times = caller.refusals.entry(agent.clone()).or_default();
        *times = times.saturating_add(1);
        let pool = if caller.live == 0 { &mut self.silent } else { &mut self.ringing };
        pool.refuse(caller.turn, agent);
    }

    /// An agent is being rung for a caller.
    fn ring(&mut self, caller: &mut Caller, agent: &AgentName, again: bool) {
        if let Some(tier) = self.spec.tiers.get(agent) {
            self.line.offered(*tier, agent);
        }
        self.rung(caller, caller.live + 1, caller.fresh + usize::from(!again));
    }

    /// An agent is no longer being rung for a caller.
    fn hush(&mut self, caller: &mut Caller, again: bool) {
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

    fn admit(&mut self, agent: &AgentName, idle_since: UnixMs) {
        if let Some(tier) = self.spec.tiers.get(agent) {
            self.line.insert(*tier, idle_since, agent);
            self.silent.admit(agent);
            self.ringing.admit(agent);
        }
    }

    fn dismiss(&mut self, agent: &AgentName, idle_since: UnixMs) {
        if let Some(tier) = self.spec.tiers.get(agent) {
            self.line.remove(*tier, idle_since, agent);
            self.silent.dismiss(agent);
            self.ringing.dismiss(agent);
        }
    }

    /// Which agent is rung for a caller who is served in this pass.
    fn choose(&self, pass: Pass, caller: &Caller) -> Option<AgentName> {
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
    fn show(&mut self, heads: &mut [BTreeSet<Turn>; Pass::ALL.len()]) {
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
    fn withdraw(&mut self, heads: &mut [BTreeSet<Turn>; Pass::ALL.len()]) {
        for (told, heads) in self.heads.iter_mut().zip(heads) {
            if let Some(turn) = told.take() {
                heads.remove(&turn);
            }
        }
    }
}
