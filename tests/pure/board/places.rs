//! Places that are kept: whoever asked for a callback stands where they stood, whenever their case comes back to the
//! board; against a model that only sorts.

use dozvon::clock::UnixMs;
use dozvon::queue::board::{Board, QueueSpec};
use dozvon::queue::offer::Outcome;
use dozvon::rules::{Strategy, Tier};
use proptest::prelude::*;
use proptest::strategy::Strategy as _;

use super::book::{agent, call, queue};

/// What somebody in the queue does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Waits on the line.
    Waits,
    /// Asks for a callback after some time, whose case comes to the board some time after that.
    Asks { after: i64, back: i64 },
    /// Never called: an ordinary callback, which is due from then on.
    IsCalledBack,
}

fn way() -> impl proptest::strategy::Strategy<Value = Way> {
    prop_oneof![
        3 => Just(Way::Waits),
        3 => (0..40_i64, 1..30_i64).prop_map(|(after, back)| Way::Asks { after, back }),
        1 => Just(Way::IsCalledBack),
    ]
}

/// One who stands in the queue: the number of the call, whether it yields, and since when it stands there.
type Standing = (u8, bool, i64);

/// Who is on the board at `now`.
fn standing(people: &[(i64, Way)], served: &[u8], now: i64) -> Vec<Standing> {
    let all = (0..).zip(people).filter(|(n, (at, _))| *at <= now && !served.contains(n));
    let stands = all.filter_map(|(n, (at, way))| match *way {
        Way::Waits => Some((n, false, *at)),
        Way::IsCalledBack => Some((n, true, *at)),
        Way::Asks { after, back } => {
            let is_between = (at + after..at + after + back).contains(&now);
            (!is_between).then_some((n, false, *at))
        }
    });
    stands.collect()
}

proptest! {
    #[test]
    fn whoever_keeps_a_place_is_served_neither_before_nor_after_their_turn(
        mut people in prop::collection::vec((0..60_i64, way()), 1..9),
        mut frees in prop::collection::vec(0..150_i64, 1..12),
        agents in 1..3_u8,
    ) {
        people.sort_by_key(|(at, _)| *at);
        // No two arrive in the same millisecond.
        (0..).zip(&mut people).for_each(|(n, person)| person.0 = person.0 * 10 + n);
        frees.sort_unstable();
        let mut board = Board::new();
        let tiers = (0..agents).map(|n| (agent(n), Tier { level: 1, position: 1 })).collect();
        let spec = QueueSpec { strategy: Strategy::LongestIdle, priority: 0, call_waiting: false, tiers };
        board.set_queue(queue(0), spec);
        let (mut served, mut on_board) = (Vec::new(), Vec::<Standing>::new());
        for (turn, free) in frees.iter().enumerate() {
            let now = free * 10;
            let expected = standing(&people, &served, now);
            for gone in on_board.iter().filter(|it| !expected.contains(it)) {
                board.leave(call(gone.0));
            }
            // In any order: what counts is since when they stand there.
            for (n, yields, at) in expected.iter().rev().filter(|it| !on_board.contains(it)) {
                board.join_as(call(*n), &queue(0), UnixMs(*at), (0, *yields)).unwrap();
            }
            on_board = expected;
            let who = agent(u8::try_from(turn).unwrap() % agents);
            board.ready(&who, UnixMs(now), UnixMs(now));
            let next = on_board.iter().min_by_key(|(_, yields, at)| (*yields, *at)).map(|it| it.0);
            let proposed = board.propose(UnixMs(now));
            prop_assert_eq!(proposed.as_ref().map(|it| it.call), next.map(call), "at {}: {:?}", now, on_board);
            if let Some(n) = next {
                prop_assert_eq!(board.take_back(), None, "a kept place is not given up to a caller");
                served.push(n);
                on_board.retain(|it| it.0 != n);
                board.leave(call(n));
                board.ended(call(n), &who, Outcome::Answered);
            }
            board.unready(&who);
        }
    }
}
