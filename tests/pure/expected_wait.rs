//! The expected wait against the wait that came, for a queue that is played in virtual time on the real board.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::time::Duration;

use dozvon::clock::UnixMs;
use dozvon::ids::{AgentName, CallId, QueueName};
use dozvon::queue::board::{Board, QueueSpec};
use dozvon::queue::expected_wait::ServiceRate;
use dozvon::queue::offer::Outcome;
use dozvon::rules::{Strategy, Tier};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

const AGENTS: i32 = 6;
/// A talk and what follows it.
const HANDLING_S: f64 = 180.0;
const CALLS: u32 = 3_000;

/// What happens next.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Arrives,
    GivesUp(CallId),
    IsFree(AgentName),
}

struct Play {
    rng: ChaCha8Rng,
    now_ms: u64,
    events: BinaryHeap<Reverse<(u64, Event)>>,
    board: Board,
    queue: QueueName,
    rate: ServiceRate,
    /// When each waiting caller came, and what was expected then.
    waiting: BTreeMap<CallId, (u64, Option<Duration>)>,
    /// What was expected and what came, in seconds, of each caller who was told something and was answered.
    told: Vec<(f64, f64)>,
}

impl Play {
    fn new(seed: u64) -> Self {
        let queue: QueueName = "sales".parse().unwrap();
        let agents = (1..=AGENTS).map(|n| format!("a{n}").parse::<AgentName>().unwrap());
        let tiers =
            agents.clone().zip(1..).map(|(name, position)| (name, Tier { level: 1, position })).collect();
        let mut board = Board::new();
        let spec = QueueSpec { strategy: Strategy::LongestIdle, priority: 0, call_waiting: false, tiers };
        board.set_queue(queue.clone(), spec);
        agents.for_each(|agent| board.ready(&agent, UnixMs::default(), UnixMs::default()));
        let (rng, events) =
            (ChaCha8Rng::seed_from_u64(seed), BinaryHeap::from([Reverse((0, Event::Arrives))]));
        let (rate, waiting, told) = (ServiceRate::default(), BTreeMap::new(), Vec::new());
        Self { rng, now_ms: 0, events, board, queue, rate, waiting, told }
    }

    fn now(&self) -> UnixMs {
        UnixMs::default() + Duration::from_millis(self.now_ms)
    }

    /// After a time of this mean, exponentially distributed.
    fn after(&mut self, mean_s: f64, event: Event) {
        let ms = -self.rng.random::<f64>().ln() * mean_s * 1000.0;
        self.events.push(Reverse((self.now_ms + ms as u64, event)));
    }

    /// Plays calls that come at this share of what the agents can do, and give up after a time of this mean.
    fn run(mut self, load: f64, patience_s: f64) -> Vec<(f64, f64)> {
        let (mut left, between_s) = (CALLS, HANDLING_S / f64::from(AGENTS) / load);
        while let Some(Reverse((at, event))) = self.events.pop() {
            self.now_ms = at;
            match event {
                Event::Arrives => {
                    self.arrives(patience_s);
                    left -= 1;
                    if left > 0 {
                        self.after(between_s, Event::Arrives);
                    }
                }
                Event::GivesUp(call) => {
                    if self.waiting.remove(&call).is_some() {
                        self.board.leave(call);
                    }
                }
                Event::IsFree(agent) => {
                    let now = self.now();
                    self.board.ready(&agent, now, now);
                }
            }
            self.connect();
        }
        self.told
    }

    fn arrives(&mut self, patience_s: f64) {
        let call = CallId(uuid::Builder::from_random_bytes(self.rng.random()).into_uuid());
        self.board.join(call, &self.queue, self.now(), 0).unwrap();
        let expected = self.rate.expected(self.board.position(call).unwrap());
        self.waiting.insert(call, (self.now_ms, expected));
        if patience_s.is_finite() {
            self.after(patience_s, Event::GivesUp(call));
        }
    }

    fn connect(&mut self) {
        while let Some(proposal) = self.board.propose(self.now()) {
            self.board.leave(proposal.call);
            self.board.ended(proposal.call, &proposal.agent, Outcome::Answered);
            let (came_ms, expected) = self.waiting.remove(&proposal.call).unwrap();
            let waited = Duration::from_millis(self.now_ms - came_ms);
            self.rate.taken(self.now(), waited);
            // Who is served at once is told nothing.
            if let Some(expected) = expected.filter(|_| !waited.is_zero()) {
                self.told.push((expected.as_secs_f64(), waited.as_secs_f64()));
            }
            self.after(HANDLING_S, Event::IsFree(proposal.agent));
        }
    }
}

/// The mean wait, and the mean and the mean absolute error of what was expected, over days that seeds draw.
fn errors(load: f64, patience_s: f64) -> (f64, f64, f64) {
    let told: Vec<_> = (0..20).flat_map(|seed| Play::new(seed).run(load, patience_s)).collect();
    let mean = |of: fn(&(f64, f64)) -> f64| told.iter().map(of).sum::<f64>() / told.len() as f64;
    let errors = (mean(|it| it.1), mean(|it| it.0 - it.1), mean(|it| (it.0 - it.1).abs()));
    println!(
        "load {load}, patience {patience_s} s, {} callers: mean wait {:.0} s, mean error {:+.0} s, absolute {:.0} s",
        told.len(),
        errors.0,
        errors.1,
        errors.2
    );
    errors
}

#[test]
fn the_expected_wait_is_right_on_average() {
    for load in [0.7, 0.8, 0.9, 0.97, 1.05] {
        let (wait, error, absolute) = errors(load, f64::INFINITY);
        assert!(error.abs() < 0.1 * wait, "a mean error of {error} s in {wait} s");
        assert!(absolute < 0.5 * wait, "a mean absolute error of {absolute} s in {wait} s");
    }
}

/// Callers ahead who will give up are counted, so callers wait less than they are told, but not by so much that it is wrong.
#[test]
fn the_expected_wait_is_rather_too_long_when_callers_give_up() {
    let (wait, error, _) = errors(1.2, 600.0);
    assert!(error > -0.1 * wait && error < 0.6 * wait, "a mean error of {error} s in {wait} s");
}
