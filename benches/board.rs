//! What one event costs the board, and how the cost grows with agents and callers.
//!
//! Half of the agents are talking, and callers wait in their three queues. The other half are ready in three queues in
//! which nobody waits. After each event `propose` is called until it proposes nothing more. Run with `cargo bench
//! --bench board`.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::allow_attributes,
    reason = "a bench fails by panicking"
)]

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::hint::black_box;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion};
use dozvon::clock::UnixMs;
use dozvon::ids::{AgentName, CallId, QueueName};
use dozvon::queue::board::{Board, Proposal, QueueSpec};
use dozvon::queue::offer::Outcome;
use dozvon::rules::{Strategy, Tier};
use uuid::Uuid;

/// Agents, and callers who wait.
const SIZES: [(u32, u32); 4] = [(10, 10), (100, 50), (1_000, 500), (10_000, 5_000)];
const TARGET_AT_1_000: Duration = Duration::from_micros(20);
const NOW: UnixMs = UnixMs(100_000_000);

/// A board in the middle of a busy day.
struct Floor {
    board: Board,
    busy: Vec<AgentName>,
    backlog: Vec<QueueName>,
    idle: Vec<QueueName>,
    turn: u32,
}

impl Floor {
    fn new(agents: u32, waiting: u32) -> Self {
        let name = |number: u32| format!("agent-{number:05}").parse::<AgentName>().unwrap();
        let (busy, ready): (Vec<u32>, Vec<u32>) = (0..agents).partition(|number| number % 2 == 0);
        let (busy, ready): (Vec<_>, Vec<_>) =
            (busy.into_iter().map(name).collect(), ready.into_iter().map(name).collect());
        let mut board = Board::new();
        let backlog = three_queues(&mut board, "backlog", &busy);
        let idle = three_queues(&mut board, "idle", &ready);
        for (number, agent) in (0_i64..).zip(&ready) {
            board.ready(agent, UnixMs(number), UnixMs(number));
        }
        let mut floor = Self { board, busy, backlog, idle, turn: 0 };
        for caller in 0..waiting {
            floor.join_backlog(caller);
        }
        assert_eq!(floor.propose(), None);
        floor
    }

    fn join_backlog(&mut self, caller: u32) {
        let queue = &self.backlog[caller as usize % 3];
        self.board.join(call(caller), queue, UnixMs(i64::from(caller)), 0).unwrap();
    }

    /// A different number each time, far from the last one.
    fn next(&mut self, below: u32) -> u32 {
        self.turn = self.turn.wrapping_add(0x9E37_79B9);
        ((u64::from(self.turn) * u64::from(below)) >> 32) as u32
    }

    fn next_busy(&mut self) -> AgentName {
        let below = self.busy.len() as u32;
        let number = self.next(below);
        self.busy[number as usize].clone()
    }

    /// Proposes until there is nothing left, and keeps the last proposal.
    fn propose(&mut self) -> Option<Proposal> {
        let mut last = None;
        while let Some(proposal) = self.board.propose(NOW) {
            last = Some(proposal);
        }
        last
    }

    /// An offer ends without an answer, through nobody's fault.
    fn take_back(&mut self, proposal: &Proposal) {
        self.board.ended(proposal.call, &proposal.agent, Outcome::Cancelled);
    }
}

fn call(number: u32) -> CallId {
    CallId(Uuid::from_u128(u128::from(number)))
}

/// One queue of each strategy that asks one agent at a time, all with the same agents.
fn three_queues(board: &mut Board, name: &str, agents: &[AgentName]) -> Vec<QueueName> {
    let strategies = [Strategy::LongestIdle, Strategy::RoundRobin, Strategy::Sequential];
    let set = |strategy: Strategy| {
        let queue: QueueName = format!("{name}-{strategy}").parse().unwrap();
        let tier = |position: i32| Tier { level: 1 + position % 2, position };
        let tiers = (0..).zip(agents).map(|(position, agent)| (agent.clone(), tier(position)));
        board.set_queue(
            queue.clone(),
            QueueSpec { strategy, priority: 0, call_waiting: false, tiers: tiers.collect() },
        );
        queue
    };
    strategies.map(set).into()
}

fn time(event: impl FnOnce()) -> Duration {
    let start = Instant::now();
    event();
    start.elapsed()
}

/// A caller joins behind all others.
fn joins_a_backlog(floor: &mut Floor) -> Duration {
    let queue = floor.backlog[floor.turn as usize % 3].clone();
    floor.next(1);
    let spent = time(|| {
        floor.board.join(call(u32::MAX), &queue, NOW, 0).unwrap();
        assert_eq!(floor.propose(), None);
    });
    floor.board.leave(call(u32::MAX));
    spent
}

/// A caller joins where agents are ready, and one is rung for them.
fn joins_ready_agents(floor: &mut Floor) -> Duration {
    let number = floor.next(3);
    let queue = floor.idle[number as usize].clone();
    let mut made = None;
    let spent = time(|| {
        floor.board.join(call(u32::MAX), &queue, NOW, 0).unwrap();
        made = floor.propose();
    });
    let made = made.unwrap();
    floor.board.leave(made.call);
    floor.take_back(&made);
    floor.board.ready(&made.agent, UnixMs(i64::from(floor.turn)), NOW);
    assert_eq!(floor.propose(), None);
    spent
}

/// An agent has finished a talk, and is rung for the caller who waits longest.
fn agent_freed(floor: &mut Floor) -> Duration {
    let agent = floor.next_busy();
    let mut made = None;
    let spent = time(|| {
        floor.board.ready(&agent, NOW, NOW);
        made = floor.propose();
    });
    floor.take_back(&made.unwrap());
    spent
}

/// An agent rejects a call, is ready again, and is rung for the next one.
fn offer_ended(floor: &mut Floor) -> Duration {
    let agent = floor.next_busy();
    floor.board.ready(&agent, NOW, NOW);
    let made = floor.propose().unwrap();
    let mut next = None;
    let spent = time(|| {
        floor.board.ended(made.call, &agent, Outcome::Rejected);
        floor.board.ready(&agent, NOW, NOW);
        next = floor.propose();
    });
    floor.take_back(&next.unwrap());
    // The caller comes back to their place as one whom nobody has declined.
    floor.board.leave(made.call);
    floor.join_backlog(made.call.0.as_u128() as u32);
    spent
}

/// The only free agent declines the callers in front, one after the other, and nothing else happens.
fn refuser_freed(floor: &mut Floor) -> Duration {
    let agent = floor.busy[0].clone();
    let mut made = None;
    let spent = time(|| {
        floor.board.ready(&agent, NOW, NOW);
        made = floor.propose();
    });
    floor.board.ended(made.unwrap().call, &agent, Outcome::Rejected);
    spent
}

/// One event on a board: how long it took, without the work that restores the board afterwards.
type Event = fn(&mut Floor) -> Duration;

const EVENTS: [(&str, Event); 5] = [
    ("caller joins a backlog", joins_a_backlog),
    ("caller joins, an agent is rung", joins_ready_agents),
    ("agent freed, next caller", agent_freed),
    ("offer ended, next caller", offer_ended),
    ("refuser freed, next caller", refuser_freed),
];

type Samples = BTreeMap<(&'static str, u32), Vec<Duration>>;

fn measure(criterion: &mut Criterion) -> Samples {
    let samples = RefCell::new(Samples::new());
    for (name, event) in EVENTS {
        let mut group = criterion.benchmark_group(name);
        for (agents, waiting) in SIZES {
            let mut floor = Floor::new(agents, waiting);
            // What happens once on a floor is no part of the figure.
            event(&mut floor);
            let id = BenchmarkId::from_parameter(format!("{agents} agents, {waiting} waiting"));
            group.bench_function(id, |bencher| {
                bencher.iter_custom(|times| {
                    let spent: Vec<Duration> = (0..times).map(|_| black_box(event(&mut floor))).collect();
                    let sum = spent.iter().sum();
                    samples.borrow_mut().entry((name, agents)).or_default().extend(spent);
                    sum
                });
            });
        }
        group.finish();
    }
    samples.into_inner()
}

/// Whether every target was met.
fn show(samples: &mut Samples) -> bool {
    let [smallest, .., largest] = SIZES.map(|(agents, _)| agents);
    let logarithms = f64::from(largest).ln() / f64::from(smallest).ln();
    println!("\nMedian of one event in µs, by agents and callers waiting");
    print!("{:<32}", "");
    SIZES.iter().for_each(|(agents, waiting)| print!("{:>14}", format!("{agents}/{waiting}")));
    println!("{:>10}", "growth");
    let mut all_met = true;
    for (name, _) in EVENTS {
        let mut median = |agents: u32| {
            let all = samples.get_mut(&(name, agents)).unwrap();
            all.sort_unstable();
            all[all.len() / 2]
        };
        let medians = SIZES.map(|(agents, _)| median(agents));
        print!("{name:<32}");
        medians.iter().for_each(|median| print!("{:>14.2}", median.as_secs_f64() * 1e6));
        let growth = medians[SIZES.len() - 1].as_secs_f64() / medians[0].as_secs_f64();
        let met = medians[2] < TARGET_AT_1_000 && growth <= logarithms;
        all_met &= met;
        let met = if met { "" } else { "  MISSED" };
        println!("{:>10}{met}", format!("×{growth:.1}"));
    }
    println!(
        "target: under {} µs at 1000/500, and growth of at most ln {largest} / ln {smallest} = {logarithms:.1}",
        TARGET_AT_1_000.as_micros()
    );
    all_met
}

fn main() -> ExitCode {
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .configure_from_args();
    let mut samples = measure(&mut criterion);
    criterion.final_summary();
    // A filter on the command line leaves events out: then there is no whole table.
    let met = samples.len() < EVENTS.len() * SIZES.len() || show(&mut samples);
    ExitCode::from(u8::from(!met))
}
