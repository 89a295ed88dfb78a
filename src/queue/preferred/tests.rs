use std::collections::BTreeSet;

use proptest::prelude::{prop, prop_assert, prop_oneof, proptest};
use proptest::strategy::Strategy as _;
use uuid::Uuid;

use super::*;
use crate::queue::offer::Outcome;

const AGENTS: [&str; 3] = ["anna", "boris", "vera"];

fn queue() -> QueueName {
    "sales".parse().unwrap()
}

fn agent(number: usize) -> AgentName {
    AGENTS[number].parse().unwrap()
}

fn call(number: usize) -> CallId {
    CallId(Uuid::from_u128(number as u128))
}

/// A queue of three, and what is true of it.
#[derive(Debug)]
struct TestQueue {
    board: Board,
    preferred: PreferredCallers,
    now: UnixMs,
    there: BTreeSet<AgentName>,
    /// Who waits, for whom first, until when.
    waits: BTreeMap<CallId, Option<PreferredAgent>>,
    rings: BTreeMap<AgentName, CallId>,
}

impl TestQueue {
    fn new(strategy: Strategy) -> Self {
        let mut board = Board::new();
        let tiers = AGENTS
            .iter()
            .zip(1..)
            .map(|(name, position)| (name.parse().unwrap(), Tier { level: 1, position }));
        board.set_queue(
            queue(),
            QueueSpec { strategy, priority: 0, call_waiting: false, tiers: tiers.collect() },
        );
        let (there, waits, rings) = (BTreeSet::new(), BTreeMap::new(), BTreeMap::new());
        Self { board, preferred: PreferredCallers::default(), now: UnixMs(1_000), there, waits, rings }
    }

    fn comes(&mut self, number: usize) {
        let agent = agent(number);
        self.there.insert(agent.clone());
        if !self.rings.contains_key(&agent) {
            self.board.ready(&agent, self.now, self.now);
        }
    }

    fn goes(&mut self, number: usize) {
        self.there.remove(&agent(number));
        self.board.unready(&agent(number));
    }

    fn joins(&mut self, number: usize, preferred_agent: Option<PreferredAgent>) {
        let (call, queue) = (call(number), queue());
        if self.waits.contains_key(&call) {
            return;
        }
        match &preferred_agent {
            Some(preferred_agent) => {
                let tier = Tier { level: 1, position: 1 };
                let (queue, joined_at) = (&queue, self.now);
                let caller = PreferredCaller {
                    call,
                    queue,
                    joined_at,
                    priority: 0,
                    tier,
                    yields: false,
                    call_waiting: false,
                };
                self.preferred.join(&mut self.board, &caller, preferred_agent).unwrap();
            }
            None => self.board.join(call, &queue, self.now, 0).unwrap(),
        }
        self.waits.insert(call, preferred_agent);
    }

    fn leaves(&mut self, call: CallId) {
        self.board.leave(call);
        self.preferred.removed(&mut self.board, call);
        self.waits.remove(&call);
    }

    fn ends(&mut self, number: usize, outcome: Outcome) {
        let agent = agent(number);
        let Some(call) = self.rings.remove(&agent) else { return };
        self.board.ended(call, &agent, outcome);
        if outcome == Outcome::Answered {
            self.leaves(call);
        } else {
            self.preferred.declined(call, &agent);
            if let Some(preferred_agent) = self.waits.get_mut(&call)
                && preferred_agent.as_ref().is_some_and(|preferred_agent| preferred_agent.agent == agent)
            {
                *preferred_agent = None;
            }
        }
        if self.there.contains(&agent) {
            self.board.ready(&agent, self.now, self.now);
        }
    }

    /// Everything that can be proposed now; each proposal is looked at.
    fn proposes(&mut self) -> Vec<(CallId, AgentName)> {
        let there = self.there.clone();
        self.preferred.release(&mut self.board, self.now, |_, agent| there.contains(agent));
        let now = self.now;
        for preferred_agent in self.waits.values_mut() {
            let over = |preferred_agent: &PreferredAgent| {
                preferred_agent.until <= now || !there.contains(&preferred_agent.agent)
            };
            if preferred_agent.as_ref().is_some_and(over) {
                *preferred_agent = None;
            }
        }
        let mut all = Vec::new();
        while let Some(proposal) = self.board.propose(now) {
            if let Some(Some(preferred_agent)) = self.waits.get(&proposal.call) {
                assert_eq!(
                    preferred_agent.agent, proposal.agent,
                    "only the preferred agent is rung for the caller"
                );
            }
            self.rings.insert(proposal.agent.clone(), proposal.call);
            all.push((proposal.call, proposal.agent));
        }
        let waiting = self.board.waiting(&queue()) + self.preferred.waiting(&queue());
        assert_eq!(waiting, self.waits.len(), "nobody is lost");
        all
    }
}

fn until(number: usize, ms: i64) -> Option<PreferredAgent> {
    Some(PreferredAgent { agent: agent(number), until: UnixMs(1_000 + ms) })
}

#[test]
fn only_the_preferred_agent_is_rung_until_the_time_is_over_and_then_any_free_agent() {
    let mut queue_of_three = TestQueue::new(Strategy::Sequential);
    queue_of_three.comes(0);
    queue_of_three.comes(1);
    queue_of_three.joins(1, until(1, 60));
    assert_eq!(queue_of_three.proposes(), [(call(1), agent(1))], "though anna would come first");
    queue_of_three.joins(2, until(1, 60));
    assert_eq!(queue_of_three.proposes(), [], "the preferred agent is busy");
    assert_eq!(queue_of_three.preferred.next_wake(), Some(UnixMs(1_060)));
    queue_of_three.now = UnixMs(1_060);
    assert_eq!(queue_of_three.proposes(), [(call(2), agent(0))]);
    assert_eq!(queue_of_three.preferred.next_wake(), None);
}

#[test]
fn any_agent_is_rung_when_the_preferred_agent_leaves_or_declines() {
    let mut queue_of_three = TestQueue::new(Strategy::Sequential);
    queue_of_three.comes(0);
    queue_of_three.comes(1);
    queue_of_three.joins(1, until(1, 60));
    assert_eq!(queue_of_three.proposes(), [(call(1), agent(1))]);
    queue_of_three.ends(1, Outcome::Rejected);
    assert_eq!(queue_of_three.proposes(), [(call(1), agent(0))]);
    queue_of_three.ends(0, Outcome::Answered);
    queue_of_three.ends(1, Outcome::Cancelled);
    queue_of_three.goes(0);
    queue_of_three.joins(2, until(2, 60));
    queue_of_three.comes(2);
    queue_of_three.goes(2);
    assert_eq!(queue_of_three.proposes(), [(call(2), agent(1))], "the preferred agent is not available");
}

#[test]
fn the_phone_of_the_preferred_agent_rings_on_when_the_time_is_over() {
    let mut queue_of_three = TestQueue::new(Strategy::Sequential);
    queue_of_three.comes(0);
    queue_of_three.comes(1);
    queue_of_three.joins(1, until(1, 60));
    assert_eq!(queue_of_three.proposes(), [(call(1), agent(1))]);
    queue_of_three.now = UnixMs(2_000);
    assert_eq!(queue_of_three.proposes(), [], "one phone at a time");
    queue_of_three.ends(1, Outcome::NoAnswer);
    assert_eq!(
        queue_of_three.proposes(),
        [(call(1), agent(0))],
        "the agent who declined is not offered the caller again"
    );
}

#[test]
fn a_caller_keeps_the_turn_among_all_who_wait_for_the_agent() {
    let mut queue_of_three = TestQueue::new(Strategy::Sequential);
    queue_of_three.joins(1, None);
    queue_of_three.now = UnixMs(1_010);
    queue_of_three.comes(1);
    queue_of_three.joins(2, until(1, 60));
    assert_eq!(queue_of_three.proposes(), [(call(1), agent(1))], "the caller who waits longer comes first");
    queue_of_three.leaves(call(1));
    queue_of_three.ends(1, Outcome::Cancelled);
    assert_eq!(queue_of_three.proposes(), [(call(2), agent(1))]);
}

#[test]
fn a_removed_queue_removes_its_preferred_callers() {
    let mut queue_of_three = TestQueue::new(Strategy::Sequential);
    queue_of_three.comes(1);
    queue_of_three.joins(1, until(1, 60));
    assert_eq!(queue_of_three.preferred.remove_queue(&mut queue_of_three.board, &queue()), [call(1)]);
    assert_eq!(queue_of_three.board.propose(queue_of_three.now), None);
    assert_eq!(queue_of_three.preferred.waiting(&queue()), 0);
}

#[derive(Debug, Clone)]
enum Event {
    Comes(usize),
    Goes(usize),
    Joins(usize, Option<(usize, i64)>),
    Leaves(usize),
    Ends(usize, Outcome),
    Passes(i64),
}

fn event() -> impl proptest::strategy::Strategy<Value = Event> {
    let outcome = prop::sample::select(vec![Outcome::Answered, Outcome::Rejected, Outcome::NoAnswer]);
    prop_oneof![
        4 => (0..3_usize).prop_map(Event::Comes),
        1 => (0..3_usize).prop_map(Event::Goes),
        4 => (0..9_usize, prop::option::of((0..3_usize, 0..40_i64)))
            .prop_map(|(call, preferred_agent)| Event::Joins(call, preferred_agent)),
        1 => (0..9_usize).prop_map(Event::Leaves),
        4 => (0..3_usize, outcome).prop_map(|(agent, outcome)| Event::Ends(agent, outcome)),
        2 => (0..20_i64).prop_map(Event::Passes),
    ]
}

proptest! {
    #[test]
    fn no_other_agent_is_rung_before_the_time_is_over_and_no_caller_is_forgotten_after(
        strategy in prop::sample::select(Strategy::ALL),
        events in prop::collection::vec(event(), 0..80),
    ) {
        let mut queue_of_three = TestQueue::new(strategy);
        for event in events {
            match event {
                Event::Comes(agent) => queue_of_three.comes(agent),
                Event::Goes(agent) => queue_of_three.goes(agent),
                Event::Joins(number, preferred_agent) => {
                    let until = |ms| UnixMs(queue_of_three.now.0 + ms);
                    let preferred_agent = preferred_agent.map(|(name, ms)| PreferredAgent { agent: agent(name), until: until(ms) });
                    queue_of_three.joins(number, preferred_agent);
                }
                Event::Leaves(number) => queue_of_three.leaves(call(number)),
                Event::Ends(agent, outcome) => queue_of_three.ends(agent, outcome),
                Event::Passes(ms) => queue_of_three.now = UnixMs(queue_of_three.now.0 + ms),
            }
            queue_of_three.proposes();
            for (call, preferred_agent) in queue_of_three.waits.iter().filter(|(call, _)| !queue_of_three.rings.values().any(|at| at == *call)) {
                let free = |agent: &&AgentName| !queue_of_three.rings.contains_key(*agent);
                let may = |agent: &&AgentName| preferred_agent.as_ref().is_none_or(|preferred_agent| preferred_agent.agent == **agent);
                let idle = queue_of_three.there.iter().filter(free).find(may);
                prop_assert!(idle.is_none(), "{call:?} waits while {idle:?} is free");
            }
        }
    }
}
