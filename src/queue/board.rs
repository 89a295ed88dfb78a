//! Who waits, who is ready, and who is offered whom next.
//!
//! In: callers who join and leave, agents who become ready or not, offers that end. Out: proposals, one at a
//! time, until there is none. The claim in the database decides whether a proposal becomes an offer.
//!
//! Callers are served by priority, then by how long they have waited, across all queues that share an agent.
//! A caller has one live offer; where all ring at once, every ready agent rings. `Pass` tells who comes first
//! when there are fewer agents than phones that could ring.
//!
//! An agent who has let a caller go is *spared* him until he has been proposed to somebody else: for one turn
//! others come first, even those who wait less long. How often he has let him go is kept for as long as the
//! caller waits: of several ready agents who are not spared him, he gets the one who did so least often.
//!
//! **Invariants:** an agent with a live offer is not ready. Equal histories give equal proposals.
//! Each operation takes O(log n) steps for each queue of the agent, [`Board::propose`] O((1 + r) × log n), where
//! r is how many agents have let the caller go who is served; only [`Board::set_queue`] and
//! [`Board::remove_queue`] go through a whole queue.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

pub use super::lane::QueueSpec;
use super::lane::{Caller, Heads, Joined, Lane, Pass, Turn};
use super::offer::{Outcome, is_refusal};
use crate::clock::UnixMs;
use crate::ids::{AgentName, CallId, QueueName};

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
    lanes: BTreeMap<QueueName, Lane>,
    callers: BTreeMap<CallId, Caller>,
    agents: BTreeMap<AgentName, Agent>,
    delayed: BTreeSet<(UnixMs, AgentName)>,
    /// For each pass, the first caller of every queue whom that pass could serve now.
    heads: Heads,
    /// Agents who are rung for one who yields: for whom, and for which caller they were taken back.
    yielding: BTreeMap<AgentName, (CallId, Option<CallId>)>,
    waits: u64,
}

#[derive(Debug, Default)]
struct Agent {
    queues: BTreeSet<QueueName>,
    state: State,
    /// Whether the agent is in a call that is none of ours: then only queues with call waiting are offered to them.
    elsewhere: bool,
    /// The join of the caller whom he is spared: whom he let go last, until he is proposed to somebody else.
    /// It is never more than one, so that forgiving takes one step. It stays the same while he is ready.
    spared: Option<u64>,
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
    /// Whether the agent was spared the caller.
    again: bool,
}

impl Board {
    /// A board without queues, callers and agents.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds or changes a queue. Waiting callers, live offers and round robin's place stay as they are.
    pub fn set_queue(&mut self, name: QueueName, spec: QueueSpec) {
        if self.lanes.get(&name).is_some_and(|lane| *lane.spec() == spec) {
            return;
        }
        let mut lane = Lane::new(spec);
        let old = self.detach(&name);
        for turn in old.as_ref().map_or_else(Vec::new, |old| lane.succeed(old)) {
            if let Some(caller) = self.callers.get_mut(&turn.call) {
                lane.take_over(caller);
            }
        }
        let served: Vec<AgentName> = lane.spec().tiers.keys().cloned().collect();
        for agent in served {
            let record = self.agents.entry(agent.clone()).or_default();
            record.queues.insert(name.clone());
            if let State::Ready(ready) = record.state {
                lane.admit(&agent, ready.idle_since, record.spared, record.elsewhere);
            }
        }
        lane.show(&mut self.heads);
        self.lanes.insert(name, lane);
        if let Some(old) = old {
            self.forget(old.spec().tiers.keys());
        }
    }

    /// Removes a queue and forgets its callers: those who waited there, the first in line first. Their live
    /// offers stay with the agents until they end.
    pub fn remove_queue(&mut self, name: &QueueName) -> Vec<CallId> {
        let Some(lane) = self.detach(name) else { return Vec::new() };
        self.forget(lane.spec().tiers.keys());
        let turns = lane.turns();
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
        self.take_out(agent);
        self.agents.entry(agent.clone()).or_default().state = State::Delayed(ready);
        self.delayed.insert((not_before, agent.clone()));
    }

    /// The agent may not be offered calls.
    pub fn unready(&mut self, agent: &AgentName) {
        if !matches!(self.state(agent), State::Offered(_)) {
            self.take_out(agent);
            self.turn_away(agent);
        }
    }

    /// The agent begins or ends a call that is none of ours. Offers that are live stay as they are.
    pub fn elsewhere(&mut self, agent: &AgentName, elsewhere: bool) {
        let record = self.agents.entry(agent.clone()).or_default();
        if record.elsewhere == elsewhere {
            self.forget(std::iter::once(agent));
            return;
        }
        record.elsewhere = elsewhere;
        if let State::Ready(ready) = record.state {
            self.dismiss(agent, ready);
            self.admit(agent, ready);
        }
        self.forget(std::iter::once(agent));
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
        self.join_as(call, queue, joined_at, (priority, false))
    }

    /// As [`Board::join`]; who `yields` stands behind all who do not, of every queue, and lets them have its agents:
    /// see [`Board::take_back`].
    ///
    /// # Errors
    ///
    /// The queue is not on the board; nothing has changed.
    pub fn join_as(
        &mut self,
        call: CallId,
        queue: &QueueName,
        joined_at: UnixMs,
        (priority, yields): (i32, bool),
    ) -> Result<(), NoSuchQueue> {
        if self.callers.get(&call).is_some_and(|caller| caller.queue == *queue) {
            return Ok(());
        }
        if !self.lanes.contains_key(queue) {
            return Err(NoSuchQueue { queue: queue.clone() });
        }
        self.leave(call);
        if let Some(lane) = self.lanes.get_mut(queue) {
            self.waits += 1;
            let joined = Joined { call, queue: queue.clone(), wait: self.waits, joined_at, priority, yields };
            self.callers.insert(call, lane.join(joined));
            lane.show(&mut self.heads);
        }
        Ok(())
    }

    /// A caller goes on waiting in another queue: with his place, his live offers, and what is known of who has let him
    /// go. Nothing changes if he does not wait, or the queue is not on the board.
    pub fn go_on_in(&mut self, call: CallId, queue: &QueueName) {
        let Some(caller) = self.callers.get_mut(&call).filter(|_| self.lanes.contains_key(queue)) else {
            return;
        };
        if let Some(lane) = self.lanes.get_mut(&caller.queue) {
            lane.let_go(caller);
            lane.show(&mut self.heads);
        }
        caller.queue = queue.clone();
        if let Some(lane) = self.lanes.get_mut(queue) {
            lane.take_over(caller);
            lane.show(&mut self.heads);
        }
    }

    /// The caller waits no more: he left, or is talking. His live offers stay with their agents until they end.
    pub fn leave(&mut self, call: CallId) {
        self.yielding.retain(|_, (of, _)| *of != call);
        self.yielding.values_mut().for_each(|(_, taken_for)| {
            taken_for.take_if(|taken_for| *taken_for == call);
        });
        let Some(caller) = self.callers.remove(&call) else { return };
        if let Some(lane) = self.lanes.get_mut(&caller.queue) {
            lane.let_go(&caller);
            lane.show(&mut self.heads);
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
        self.yielding.remove(agent);
        let Some(caller) = self.callers.get_mut(&call) else { return };
        let Some(lane) = self.lanes.get_mut(&caller.queue) else { return };
        if is_refusal(outcome) {
            caller.refused_by(agent);
            if let Some(record) = self.agents.get_mut(agent) {
                record.spared = Some(caller.turn.wait);
            }
        }
        if live.wait == caller.turn.wait {
            lane.hush(caller, live.again);
        }
        lane.show(&mut self.heads);
    }

    /// Whom to ring next for whom: call it until it has nothing to propose.
    pub fn propose(&mut self, now: UnixMs) -> Option<Proposal> {
        self.wake(now);
        let (pass, turn) =
            Pass::ALL.iter().zip(&self.heads).find_map(|(pass, heads)| Some((*pass, *heads.first()?)))?;
        let caller = self.callers.get_mut(&turn.call)?;
        let lane = self.lanes.get_mut(&caller.queue)?;
        let agent = lane.choose(pass, caller)?;
        let Agent { state: State::Ready(ready), spared, .. } = *self.agents.get(&agent)? else { return None };
        let again = spared == Some(turn.wait);
        lane.ring(caller, &agent, again);
        let proposal = Proposal { call: turn.call, queue: caller.queue.clone(), agent };
        self.dismiss(&proposal.agent, ready);
        if let Some(record) = self.agents.get_mut(&proposal.agent) {
            record.state = State::Offered(Live { call: turn.call, wait: turn.wait, again });
            record.spared = spared.filter(|_| again);
        }
        if turn.yields {
            self.yielding.insert(proposal.agent.clone(), (turn.call, None));
        }
        Some(proposal)
    }

    /// Whose ringing should end, so that a caller gets the agent: an agent who is rung for one who yields, while a
    /// caller waits for whom nobody is rung and whom that agent serves. For [`Board::propose`] has nothing more to
    /// propose; call it until it is none. Each caller takes one agent back, the first in line first; the agent comes
    /// free by [`Board::ended`]. An offer that was accepted must have left the board by [`Board::leave`].
    pub fn take_back(&mut self) -> Option<(CallId, AgentName)> {
        let taken: BTreeSet<CallId> =
            self.yielding.values().filter_map(|(_, taken_for)| *taken_for).collect();
        let rung = self.yielding.iter().filter(|(_, (_, taken_for))| taken_for.is_none());
        let wanted = rung.filter_map(|(agent, (call, _))| {
            let since = self.callers.get(call).map(|caller| caller.turn);
            Some((self.waits_for(agent, &taken)?, Reverse(since), *call, agent.clone()))
        });
        let (turn, _, call, agent) = wanted.min()?;
        if let Some((_, taken_for)) = self.yielding.get_mut(&agent) {
            *taken_for = Some(turn.call);
        }
        Some((call, agent))
    }

    /// The first who waits for this agent, does not yield, has nobody, and has taken nobody back.
    fn waits_for(&self, agent: &AgentName, taken: &BTreeSet<CallId>) -> Option<Turn> {
        let record = self.agents.get(agent)?;
        let lanes = record.queues.iter().filter_map(|name| self.lanes.get(name));
        lanes.filter_map(|lane| lane.first_without(record.elsewhere, taken)).min()
    }

    /// When the next delayed agent becomes ready.
    #[must_use]
    pub fn next_wake(&self) -> Option<UnixMs> {
        self.delayed.first().map(|(at, _)| *at)
    }

    /// How many callers wait in a queue, those for whom an agent is being rung included.
    #[must_use]
    pub fn waiting(&self, queue: &QueueName) -> usize {
        self.lanes.get(queue).map_or(0, Lane::len)
    }

    /// The caller's place in his queue; 1 is the next one.
    #[must_use]
    pub fn position(&self, call: CallId) -> Option<usize> {
        let caller = self.callers.get(&call)?;
        let lane = self.lanes.get(&caller.queue)?;
        Some(1 + lane.before(&caller.turn))
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
            self.admit(&agent, ready);
        }
    }

    /// Puts a ready agent into the line of each queue that they may be offered.
    fn admit(&mut self, agent: &AgentName, ready: Ready) {
        let Some(record) = self.agents.get(agent) else { return };
        for name in &record.queues {
            if let Some(lane) = self.lanes.get_mut(name) {
                lane.admit(agent, ready.idle_since, record.spared, record.elsewhere);
                lane.show(&mut self.heads);
            }
        }
    }

    /// Takes an agent out of wherever he stands because he is, or will be, ready.
    fn take_out(&mut self, agent: &AgentName) {
        match self.state(agent) {
            State::Away | State::Offered(_) => {}
            State::Delayed(ready) => {
                self.delayed.remove(&(ready.not_before, agent.clone()));
            }
            State::Ready(ready) => self.dismiss(agent, ready),
        }
    }

    /// Takes a ready agent out of the line of each of his queues.
    fn dismiss(&mut self, agent: &AgentName, ready: Ready) {
        let Some(record) = self.agents.get(agent) else { return };
        for name in &record.queues {
            if let Some(lane) = self.lanes.get_mut(name) {
                lane.dismiss(agent, ready.idle_since, record.spared);
                lane.show(&mut self.heads);
            }
        }
    }

    /// The agent is away, and forgotten if he serves no queue.
    fn turn_away(&mut self, agent: &AgentName) {
        if let Some(record) = self.agents.get_mut(agent) {
            record.state = State::Away;
            self.forget(std::iter::once(agent));
        }
    }

    /// Forgets those of the agents who serve no queue and are away.
    fn forget<'a>(&mut self, agents: impl Iterator<Item = &'a AgentName>) {
        for agent in agents {
            let idle =
                |record: &Agent| record.queues.is_empty() && record.state == State::Away && !record.elsewhere;
            if self.agents.get(agent).is_some_and(idle) {
                self.agents.remove(agent);
            }
        }
    }

    /// Takes a queue off the board; its agents serve it no more.
    fn detach(&mut self, name: &QueueName) -> Option<Lane> {
        let mut lane = self.lanes.remove(name)?;
        lane.withdraw(&mut self.heads);
        for agent in lane.spec().tiers.keys() {
            if let Some(record) = self.agents.get_mut(agent) {
                record.queues.remove(name);
            }
        }
        Some(lane)
    }
}
