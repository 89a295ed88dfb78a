//! The board against a model that looks at every pair of caller and agent, on random histories.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::allow_attributes,
    reason = "tests fail by panicking"
)]

use std::cmp::Reverse;
use std::collections::BTreeMap;

use dozvon::clock::UnixMs;
use dozvon::ids::{AgentName, CallId, QueueName};
use dozvon::queue::board::{Board, Proposal, QueueSpec};
use dozvon::queue::offer::{Outcome, is_refusal};
use dozvon::routing::rules::{Strategy as Order, Tier};
use proptest::prelude::*;
use uuid::Uuid;

const QUEUES: u8 = 3;
const AGENTS: u8 = 6;
const CALLS: u8 = 24;

#[derive(Debug, Clone)]
enum Event {
    SetQueue { queue: u8, order: Order, priority: i32, tiers: BTreeMap<u8, (i32, i32)> },
    RemoveQueue(u8),
    Ready { agent: u8, idle_ms: i64, delay_ms: i64 },
    ReadyAll,
    Unready(u8),
    Join { call: u8, queue: u8, waited_ms: i64, priority: i32 },
    Leave(u8),
    End { agent: u8, outcome: Outcome },
    EndAll(Outcome),
    EndNoSuch { call: u8, agent: u8, outcome: Outcome },
    Pass(i64),
}

fn set_queue() -> impl Strategy<Value = Event> {
    let order = prop::sample::select(Order::ALL);
    let tiers = prop::collection::btree_map(0..AGENTS, (1..3, 1..3), 0..=usize::from(AGENTS));
    (0..QUEUES, order, -1..2, tiers).prop_map(|(queue, order, priority, tiers)| Event::SetQueue {
        queue,
        order,
        priority,
        tiers,
    })
}

fn event() -> impl Strategy<Value = Event> {
    let outcome = || {
        use Outcome::{Answered, Busy, Cancelled, LostRace, NoAnswer, Rejected};
        prop::sample::select(vec![NoAnswer, Rejected, Rejected, Busy, Cancelled, LostRace, Answered])
    };
    prop_oneof![
        2 => set_queue(),
        1 => (0..QUEUES).prop_map(Event::RemoveQueue),
        24 => (0..AGENTS, 0..4_i64, prop_oneof![3 => Just(0), 1 => -3..20_i64])
            .prop_map(|(agent, idle_ms, delay_ms)| Event::Ready { agent, idle_ms, delay_ms }),
        4 => Just(Event::ReadyAll),
        4 => (0..AGENTS).prop_map(Event::Unready),
        24 => (0..CALLS, 0..QUEUES, 0..3_i64, prop_oneof![4 => Just(0), 1 => 0..2])
            .prop_map(|(call, queue, waited_ms, priority)| Event::Join { call, queue, waited_ms, priority }),
        8 => (0..CALLS).prop_map(Event::Leave),
        24 => (0..AGENTS, outcome()).prop_map(|(agent, outcome)| Event::End { agent, outcome }),
        4 => outcome().prop_map(Event::EndAll),
        1 => (0..CALLS, 0..AGENTS, outcome())
            .prop_map(|(call, agent, outcome)| Event::EndNoSuch { call, agent, outcome }),
        6 => (0..10_i64).prop_map(Event::Pass),
    ]
}

/// Three queues, then anything; each event is followed by so many attempts to propose.
fn history() -> impl Strategy<Value = Vec<(Event, usize)>> {
    let attempts = || prop_oneof![3 => Just(usize::MAX), 1 => 0..3_usize];
    let queues = prop::collection::vec((set_queue(), attempts()), 3);
    let rest = prop::collection::vec((event(), attempts()), 0..120);
    (queues, rest).prop_map(|(queues, rest)| queues.into_iter().chain(rest).collect())
}

fn agent(number: u8) -> AgentName {
    format!("agent-{number}").parse().unwrap()
}

fn queue(number: u8) -> QueueName {
    format!("queue-{number}").parse().unwrap()
}

fn call(number: u8) -> CallId {
    // Later callers have lower identities, so that no order can come from these by chance.
    CallId(Uuid::from_u128(u128::from(u8::MAX - number)))
}

type Turn = (Reverse<i32>, UnixMs, u64);

#[derive(Debug, Clone)]
struct Caller {
    call: CallId,
    queue: QueueName,
    joined_at: UnixMs,
    priority: i32,
    wait: u64,
    refusals: BTreeMap<AgentName, u32>,
}

#[derive(Debug, Clone, Copy)]
struct Offer {
    call: CallId,
    wait: u64,
    again: bool,
}

#[derive(Debug, Clone, Copy)]
struct Ready {
    idle_since: UnixMs,
    not_before: UnixMs,
    awake: bool,
}

/// What is true, written down without any thought of speed.
#[derive(Debug, Default)]
struct Book {
    now: UnixMs,
    queues: BTreeMap<QueueName, QueueSpec>,
    last: BTreeMap<QueueName, (i32, i32, AgentName)>,
    callers: Vec<Caller>,
    offers: BTreeMap<AgentName, Offer>,
    ready: BTreeMap<AgentName, Ready>,
    waits: u64,
}

impl Book {
    /// Does the same to the board and to the book.
    fn apply(&mut self, board: &mut Board, event: &Event) {
        match event {
            Event::SetQueue { queue: name, order, priority, tiers } => {
                let tiers = tiers
                    .iter()
                    .map(|(n, (level, position))| (agent(*n), Tier { level: *level, position: *position }));
                let spec = QueueSpec { strategy: *order, priority: *priority, tiers: tiers.collect() };
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
            Event::End { agent: name, outcome } => self.end(board, &agent(*name), *outcome),
            Event::EndAll(outcome) => (0..AGENTS).for_each(|name| self.end(board, &agent(name), *outcome)),
            Event::EndNoSuch { call: id, agent: name, outcome } => {
                if self.offers.get(&agent(*name)).is_none_or(|offer| offer.call != call(*id)) {
                    board.ended(call(*id), &agent(*name), *outcome);
                }
            }
            Event::Pass(ms) => self.now = UnixMs(self.now.0 + ms),
        }
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
        self.callers.push(Caller { call, queue, joined_at, priority, wait, refusals: BTreeMap::new() });
    }

    fn end(&mut self, board: &mut Board, agent: &AgentName, outcome: Outcome) {
        let Some(offer) = self.offers.remove(agent) else { return };
        board.ended(offer.call, agent, outcome);
        if is_refusal(outcome)
            && let Some(caller) = self.callers.iter_mut().find(|caller| caller.call == offer.call)
        {
            *caller.refusals.entry(agent.clone()).or_default() += 1;
        }
    }

    /// Writes down that a proposal was made.
    fn note(&mut self, proposal: &Proposal) {
        let caller = self.callers.iter().find(|caller| caller.call == proposal.call).unwrap();
        let tier = self.queues[&proposal.queue].tiers[&proposal.agent];
        let again = caller.refusals.contains_key(&proposal.agent);
        let offer = Offer { call: proposal.call, wait: caller.wait, again };
        self.last.insert(proposal.queue.clone(), (tier.level, tier.position, proposal.agent.clone()));
        self.ready.remove(&proposal.agent);
        self.offers.insert(proposal.agent.clone(), offer);
    }

    /// Agents who are delayed no longer have become ready, for good.
    fn wake(&mut self) {
        for ready in self.ready.values_mut() {
            ready.awake |= ready.not_before <= self.now;
        }
    }

    fn turn(&self, caller: &Caller) -> Turn {
        (Reverse(self.queues[&caller.queue].priority + caller.priority), caller.joined_at, caller.wait)
    }

    fn live(&self, caller: &Caller) -> impl Iterator<Item = &Offer> {
        self.offers.values().filter(|offer| offer.call == caller.call && offer.wait == caller.wait)
    }

    fn rings_all(&self, caller: &Caller) -> bool {
        self.queues[&caller.queue].strategy == Order::RingAll
    }

    /// The agents who are ready for a caller.
    fn agents(&self, caller: &Caller) -> impl Iterator<Item = &AgentName> {
        let awake = self.ready.iter().filter(|(_, ready)| ready.awake).map(|(agent, _)| agent);
        awake.filter(|agent| self.queues[&caller.queue].tiers.contains_key(*agent))
    }

    /// Whether the caller would take this ready agent, who has not let him go.
    fn wants(&self, caller: &Caller, agent: &AgentName) -> bool {
        self.queues[&caller.queue].tiers.contains_key(agent)
            && !caller.refusals.contains_key(agent)
            && (self.live(caller).next().is_none() || self.rings_all(caller))
    }

    /// In which pass the caller gets this ready agent of his queue.
    fn pass(&self, caller: &Caller, agent: &AgentName) -> Option<u8> {
        let rings = self.live(caller).next().is_some();
        let again = caller.refusals.contains_key(agent);
        match (rings, again) {
            (false, false) => Some(1),
            (true, false) => self.rings_all(caller).then_some(2),
            (false, true) => Some(3),
            (true, true) => {
                (self.rings_all(caller) && self.live(caller).all(|offer| offer.again)).then_some(4)
            }
        }
    }

    /// An agent's place in his queue.
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
    fn expected(&self) -> Option<Proposal> {
        let pairs =
            self.callers.iter().flat_map(|caller| self.agents(caller).map(move |agent| (caller, agent)));
        let ranked = pairs.filter_map(|(caller, agent)| {
            let pass = self.pass(caller, agent)?;
            let times = caller.refusals.get(agent).copied().unwrap_or_default();
            let times = if pass == 3 { times } else { 0 };
            Some(((pass, self.turn(caller), times, self.place(&caller.queue, agent)), caller, agent))
        });
        let (_, caller, agent) = ranked.min_by(|(a, ..), (b, ..)| a.cmp(b))?;
        Some(Proposal { call: caller.call, queue: caller.queue.clone(), agent: agent.clone() })
    }
}

/// Plays a history; `look` sees the book before each answer of `propose`, and the answer.
fn play(
    history: &[(Event, usize)],
    look: impl Fn(&Book, Option<&Proposal>) -> Result<(), TestCaseError>,
) -> Result<(), TestCaseError> {
    let (mut board, mut book) = (Board::new(), Book::default());
    for (event, attempts) in history {
        book.apply(&mut board, event);
        for _ in 0..*attempts {
            book.wake();
            let proposal = board.propose(book.now);
            look(&book, proposal.as_ref())?;
            let Some(proposal) = proposal else { break };
            book.note(&proposal);
        }
        agree(&board, &book)?;
    }
    Ok(())
}

/// What can be seen of the board is what is in the book.
fn agree(board: &Board, book: &Book) -> Result<(), TestCaseError> {
    let asleep = book.ready.values().filter(|ready| !ready.awake).map(|ready| ready.not_before);
    prop_assert_eq!(board.next_wake(), asleep.min());
    for name in (0..QUEUES).map(queue) {
        let mut here: Vec<&Caller> = book.callers.iter().filter(|caller| caller.queue == name).collect();
        here.sort_by_key(|caller| book.turn(caller));
        prop_assert_eq!(board.waiting(&name), here.len());
        for (index, caller) in here.iter().enumerate() {
            prop_assert_eq!(board.position(caller.call), Some(index + 1));
        }
    }
    Ok(())
}

fn caller<'a>(book: &'a Book, proposal: &Proposal) -> Result<&'a Caller, TestCaseError> {
    let here = |caller: &&Caller| caller.call == proposal.call && caller.queue == proposal.queue;
    book.callers.iter().find(here).ok_or_else(|| TestCaseError::fail(format!("{proposal:?} waits nowhere")))
}

/// Nobody is rung twice at once, nor one who is not ready or does not serve the queue.
fn is_free(book: &Book, proposal: Option<&Proposal>) -> Result<(), TestCaseError> {
    let Some(proposal) = proposal else { return Ok(()) };
    let caller = caller(book, proposal)?;
    prop_assert!(!book.offers.contains_key(&proposal.agent), "{proposal:?}: rings already");
    prop_assert!(book.agents(caller).any(|agent| *agent == proposal.agent), "{proposal:?}: not ready");
    prop_assert!(book.live(caller).next().is_none() || book.rings_all(caller), "{proposal:?}: second offer");
    Ok(())
}

/// Nobody before this caller, for whom no phone rings, could have taken the agent.
fn is_in_turn(book: &Book, proposal: Option<&Proposal>) -> Result<(), TestCaseError> {
    let Some(proposal) = proposal else { return Ok(()) };
    let caller = caller(book, proposal)?;
    for other in book.callers.iter().filter(|other| book.turn(other) < book.turn(caller)) {
        let passed = book.live(other).next().is_none() && book.wants(other, &proposal.agent);
        prop_assert!(!passed, "{:?} is passed over by {:?}", other, proposal);
    }
    Ok(())
}

/// Who let a caller go is asked again only if nobody else can, and nobody else wants him.
fn spares_refusers(book: &Book, proposal: Option<&Proposal>) -> Result<(), TestCaseError> {
    let Some(proposal) = proposal else { return Ok(()) };
    let caller = caller(book, proposal)?;
    if caller.refusals.contains_key(&proposal.agent) {
        let other = book.agents(caller).find(|agent| !caller.refusals.contains_key(*agent));
        prop_assert!(other.is_none(), "{proposal:?}: {other:?} has not been asked");
        let other = book.callers.iter().find(|other| book.wants(other, &proposal.agent));
        prop_assert!(other.is_none(), "{proposal:?}: {other:?} wants him");
        let fresh = book.live(caller).find(|offer| !offer.again);
        prop_assert!(fresh.is_none(), "{proposal:?}: others are still being asked");
    }
    Ok(())
}

/// When nothing is proposed, nobody waits in silence for whom an agent is ready.
fn leaves_nobody(book: &Book, proposal: Option<&Proposal>) -> Result<(), TestCaseError> {
    if proposal.is_none() {
        for caller in book.callers.iter().filter(|caller| book.live(caller).next().is_none()) {
            let idle = book.agents(caller).next();
            prop_assert!(idle.is_none(), "{caller:?} waits while {idle:?} is ready");
        }
    }
    Ok(())
}

/// When nothing is proposed where all ring at once, every ready agent rings who may.
fn rings_everybody(book: &Book, proposal: Option<&Proposal>) -> Result<(), TestCaseError> {
    if proposal.is_none() {
        for caller in book.callers.iter().filter(|caller| book.rings_all(caller)) {
            let idle = book.agents(caller).find(|agent| book.wants(caller, agent));
            prop_assert!(idle.is_none(), "{caller:?} rings, but not at {idle:?}");
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn proposes_what_the_naive_model_does(history in history()) {
        play(&history, |book, proposal| {
            let expected = book.expected();
            prop_assert_eq!(proposal, expected.as_ref());
            Ok(())
        })?;
    }

    #[test]
    fn nobody_is_in_two_offers(history in history()) {
        play(&history, is_free)?;
    }

    #[test]
    fn nobody_is_passed_over(history in history()) {
        play(&history, is_in_turn)?;
    }

    #[test]
    fn who_refused_is_asked_last(history in history()) {
        play(&history, spares_refusers)?;
    }

    #[test]
    fn nobody_waits_while_somebody_is_ready(history in history()) {
        play(&history, leaves_nobody)?;
    }

    #[test]
    fn all_ring_where_all_should(history in history()) {
        play(&history, rings_everybody)?;
    }
}
