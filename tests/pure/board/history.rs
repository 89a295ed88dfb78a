//! Random histories of a board.

use std::collections::BTreeMap;

use dozvon::queue::offer::Outcome;
use dozvon::rules::Strategy as Order;
use proptest::prelude::*;

pub const QUEUES: u8 = 3;
pub const AGENTS: u8 = 6;
pub const CALLS: u8 = 24;

#[derive(Debug, Clone)]
pub enum Event {
    SetQueue { queue: u8, order: Order, priority: i32, tiers: BTreeMap<u8, (i32, i32)> },
    RemoveQueue(u8),
    Ready { agent: u8, idle_ms: i64, delay_ms: i64 },
    ReadyAll,
    Unready(u8),
    Join { call: u8, queue: u8, waited_ms: i64, priority: i32 },
    Leave(u8),
    GoOnIn { call: u8, queue: u8 },
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
        4 => (0..CALLS, 0..QUEUES).prop_map(|(call, queue)| Event::GoOnIn { call, queue }),
        24 => (0..AGENTS, outcome()).prop_map(|(agent, outcome)| Event::End { agent, outcome }),
        4 => outcome().prop_map(Event::EndAll),
        1 => (0..CALLS, 0..AGENTS, outcome())
            .prop_map(|(call, agent, outcome)| Event::EndNoSuch { call, agent, outcome }),
        6 => (0..10_i64).prop_map(Event::Pass),
    ]
}

/// How often the board is asked for a proposal after an event; mostly until it has none.
fn attempts() -> impl Strategy<Value = usize> {
    prop_oneof![3 => Just(usize::MAX), 1 => 0..3_usize]
}

/// Three queues, then anything.
fn anything() -> impl Strategy<Value = Vec<(Event, usize)>> {
    let queues = prop::collection::vec((set_queue(), attempts()), 3);
    let rest = prop::collection::vec((event(), attempts()), 0..120);
    (queues, rest).prop_map(|(queues, rest)| queues.into_iter().chain(rest).collect())
}

/// One queue of few agents, who are ready again at once and let nearly every caller go.
fn stubborn() -> impl Strategy<Value = Vec<(Event, usize)>> {
    let tiers = prop::collection::vec((1..3, 1..3), 4).prop_map(|tiers| (0..4_u8).zip(tiers).collect());
    let queue = (prop::sample::select(Order::ALL), tiers)
        .prop_map(|(order, tiers)| (Event::SetQueue { queue: 0, order, priority: 0, tiers }, 0));
    let end = (0..4_u8, prop::sample::select(vec![Outcome::Rejected, Outcome::NoAnswer, Outcome::Cancelled]));
    let event = prop_oneof![
        1 => (0..3_u8).prop_map(|call| Event::Join { call, queue: 0, waited_ms: 0, priority: 0 }),
        4 => end.prop_map(|(agent, outcome)| Event::End { agent, outcome }),
        4 => (0..4_u8).prop_map(|agent| Event::Ready { agent, idle_ms: 0, delay_ms: 0 }),
        1 => Just(Event::ReadyAll),
    ];
    (queue, prop::collection::vec((event, attempts()), 0..80))
        .prop_map(|(queue, rest)| std::iter::once(queue).chain(rest).collect())
}

/// What happens, and how often the board is asked after each event.
pub fn history() -> impl Strategy<Value = Vec<(Event, usize)>> {
    prop_oneof![3 => anything(), 1 => stubborn()]
}
