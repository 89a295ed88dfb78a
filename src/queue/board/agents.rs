//! The agents on the board: away, delayed, ready, or with a live offer.

use std::collections::BTreeSet;

use super::Board;
use crate::clock::UnixMs;
use crate::ids::{AgentName, CallId, QueueName};

#[derive(Debug, Default)]
pub(super) struct Agent {
    pub(super) queues: BTreeSet<QueueName>,
    pub(super) state: State,
    /// Whether the agent is in a call that dozvon does not control: then only queues with `call_waiting` offer them
    /// callers.
    pub(super) elsewhere: bool,
    /// The caller whom the agent declined last, by the number of the caller's join. None once the agent was proposed
    /// for another caller. It does not change while the agent is ready.
    pub(super) declined_recently: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum State {
    #[default]
    Away,
    Delayed(Ready),
    Ready(Ready),
    Offered(LiveOffer),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ready {
    pub(super) idle_since: UnixMs,
    pub(super) not_before: UnixMs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LiveOffer {
    pub(super) call: CallId,
    pub(super) wait: u64,
    /// Whether the agent had declined the caller before.
    pub(super) again: bool,
}

impl Board {
    /// The agent may be offered calls from `not_before` on. Ignored while the agent has a live offer: call it after
    /// [`Board::ended`].
    pub fn ready(&mut self, agent: &AgentName, idle_since: UnixMs, not_before: UnixMs) {
        let ready = Ready { idle_since, not_before };
        match self.state(agent) {
            State::Offered(_) => return,
            State::Ready(same) | State::Delayed(same) if same == ready => return,
            State::Away | State::Ready(_) | State::Delayed(_) => {}
        }
        self.withdraw_agent(agent);
        self.agents.entry(agent.clone()).or_default().state = State::Delayed(ready);
        self.delayed.insert((not_before, agent.clone()));
    }

    /// The agent may not be offered calls.
    pub fn unready(&mut self, agent: &AgentName) {
        if !matches!(self.state(agent), State::Offered(_)) {
            self.withdraw_agent(agent);
            self.set_away(agent);
        }
    }

    /// The agent begins or ends a call that dozvon does not control. Live offers stay as they are.
    pub fn elsewhere(&mut self, agent: &AgentName, elsewhere: bool) {
        let record = self.agents.entry(agent.clone()).or_default();
        if record.elsewhere == elsewhere {
            self.forget(std::iter::once(agent));
            return;
        }
        record.elsewhere = elsewhere;
        if let State::Ready(ready) = record.state {
            self.agent_unready(agent, ready);
            self.agent_ready(agent, ready);
        }
        self.forget(std::iter::once(agent));
    }

    /// Makes each delayed agent ready whose delay is over.
    pub(super) fn end_delays(&mut self, now: UnixMs) {
        while self.delayed.first().is_some_and(|(at, _)| *at <= now) {
            let Some((_, agent)) = self.delayed.pop_first() else { return };
            let Some(record) = self.agents.get_mut(&agent) else { continue };
            let State::Delayed(ready) = record.state else { continue };
            record.state = State::Ready(ready);
            self.agent_ready(&agent, ready);
        }
    }

    /// Adds a ready agent to each of their queues.
    pub(super) fn agent_ready(&mut self, agent: &AgentName, ready: Ready) {
        let Some(record) = self.agents.get(agent) else { return };
        for name in &record.queues {
            if let Some(state) = self.queues.get_mut(name) {
                state.agent_ready(agent, ready.idle_since, record.declined_recently, record.elsewhere);
                state.publish(&mut self.first_callers);
            }
        }
    }

    /// Removes an agent from the ready and the delayed agents.
    pub(super) fn withdraw_agent(&mut self, agent: &AgentName) {
        match self.state(agent) {
            State::Away | State::Offered(_) => {}
            State::Delayed(ready) => {
                self.delayed.remove(&(ready.not_before, agent.clone()));
            }
            State::Ready(ready) => self.agent_unready(agent, ready),
        }
    }

    /// Removes a ready agent from each of their queues.
    pub(super) fn agent_unready(&mut self, agent: &AgentName, ready: Ready) {
        let Some(record) = self.agents.get(agent) else { return };
        for name in &record.queues {
            if let Some(state) = self.queues.get_mut(name) {
                state.agent_unready(agent, ready.idle_since, record.declined_recently);
                state.publish(&mut self.first_callers);
            }
        }
    }

    /// The agent is away, and forgotten if they serve no queue.
    pub(super) fn set_away(&mut self, agent: &AgentName) {
        if let Some(record) = self.agents.get_mut(agent) {
            record.state = State::Away;
            self.forget(std::iter::once(agent));
        }
    }

    /// Forgets each of these agents that serves no queue and is away.
    pub(super) fn forget<'a>(&mut self, agents: impl Iterator<Item = &'a AgentName>) {
        for agent in agents {
            let idle =
                |record: &Agent| record.queues.is_empty() && record.state == State::Away && !record.elsewhere;
            if self.agents.get(agent).is_some_and(idle) {
                self.agents.remove(agent);
            }
        }
    }
}
