//! Short histories that show what the rules of the board mean.

use dozvon::clock::UnixMs;
use dozvon::queue::board::{Board, QueueSpec};
use dozvon::queue::offer::Outcome;
use dozvon::rules::{Strategy, Tier};

use super::book::{agent, call, queue};

/// A board with one queue, served by agents 0, 1, 2 … in this order.
fn board(strategy: Strategy, agents: u8) -> Board {
    let mut board = Board::new();
    add(&mut board, 0, strategy, 0..agents);
    board
}

fn add(board: &mut Board, number: u8, strategy: Strategy, agents: impl Iterator<Item = u8>) {
    let tiers = agents.map(|number| (agent(number), Tier { level: 1, position: i32::from(number) }));
    board.set_queue(
        queue(number),
        QueueSpec { strategy, priority: 0, call_waiting: false, tiers: tiers.collect() },
    );
}

fn join(board: &mut Board, number: u8, at: i64) {
    board.join(call(number), &queue(0), UnixMs(at), 0).unwrap();
}

fn ready(board: &mut Board, agents: impl IntoIterator<Item = u8>) {
    agents.into_iter().for_each(|number| board.ready(&agent(number), UnixMs(0), UnixMs(0)));
}

/// An agent lets a caller go, and is ready again at once.
fn reject(board: &mut Board, caller: u8, number: u8) {
    board.ended(call(caller), &agent(number), Outcome::Rejected);
    ready(board, [number]);
}

/// An agent has talked to a caller, and is ready again.
fn talk(board: &mut Board, caller: u8, number: u8) {
    board.leave(call(caller));
    board.ended(call(caller), &agent(number), Outcome::Answered);
    ready(board, [number]);
}

/// Everything that is proposed now, as `caller-agent`.
fn proposals(board: &mut Board, now: i64) -> String {
    let number = |n: u8, p: &dozvon::queue::board::Proposal| (call(n) == p.call).then_some(n);
    let mut all = Vec::new();
    while let Some(proposal) = board.propose(UnixMs(now)) {
        let caller = (0..=9).find_map(|n| number(n, &proposal)).unwrap();
        all.push(format!("{caller}-{}", proposal.agent.as_str().trim_start_matches("agent-")));
    }
    all.join(" ")
}

#[test]
fn the_caller_that_waits_longest_is_served_first_whatever_the_order_of_joining() {
    let mut board = board(Strategy::LongestIdle, 2);
    join(&mut board, 1, 2_000);
    join(&mut board, 2, 1_000);
    board.join(call(3), &queue(0), UnixMs(3_000), 1).unwrap();
    assert_eq!([1, 2, 3].map(|n| board.position(call(n))), [Some(3), Some(2), Some(1)]);
    ready(&mut board, [0, 1]);
    assert_eq!(proposals(&mut board, 4_000), "3-0 2-1");
    assert_eq!(board.waiting(&queue(0)), 3);
}

#[test]
fn those_who_reject_take_turns() {
    let mut board = board(Strategy::Sequential, 3);
    join(&mut board, 1, 0);
    ready(&mut board, [0, 1, 2]);
    for asked in [0, 1, 2, 0, 1, 2, 0] {
        assert_eq!(proposals(&mut board, 0), format!("1-{asked}"));
        reject(&mut board, 1, asked);
    }
}

#[test]
fn an_agent_that_rejected_goes_to_another_caller_first() {
    let mut board = board(Strategy::Sequential, 1);
    join(&mut board, 1, 0);
    ready(&mut board, [0]);
    assert_eq!(proposals(&mut board, 0), "1-0");
    join(&mut board, 2, 10);
    reject(&mut board, 1, 0);
    assert_eq!(proposals(&mut board, 10), "2-0");
    board.leave(call(2));
    assert_eq!(proposals(&mut board, 10), "", "the agent's phone still rings");
    board.ended(call(2), &agent(0), Outcome::Cancelled);
    assert_eq!(proposals(&mut board, 10), "", "nobody said that the agent is ready");
    ready(&mut board, [0]);
    assert_eq!(proposals(&mut board, 10), "1-0");
}

#[test]
fn a_declined_caller_waits_for_one_other_however_many_follow() {
    let mut board = board(Strategy::LongestIdle, 1);
    join(&mut board, 1, 0);
    ready(&mut board, [0]);
    assert_eq!(proposals(&mut board, 0), "1-0");
    for newer in [2, 3, 4] {
        join(&mut board, newer, i64::from(newer));
        reject(&mut board, 1, 0);
        assert_eq!(proposals(&mut board, 9), format!("{newer}-0"));
        join(&mut board, 9, 9);
        talk(&mut board, newer, 0);
        assert_eq!(
            proposals(&mut board, 9),
            "1-0",
            "the first waits longer than the one that came meanwhile"
        );
        board.leave(call(9));
    }
}

#[test]
fn two_who_are_let_go_take_turns() {
    for strategy in Strategy::ALL.iter().copied() {
        let mut board = board(strategy, 1);
        join(&mut board, 1, 0);
        join(&mut board, 2, 1);
        ready(&mut board, [0]);
        for caller in [1, 2, 1, 2, 1, 2] {
            assert_eq!(proposals(&mut board, 1), format!("{caller}-0"), "{strategy}");
            reject(&mut board, caller, 0);
        }
    }
}

#[test]
fn an_offer_that_comes_to_nothing_is_an_offer_to_somebody_else() {
    let mut board = board(Strategy::LongestIdle, 1);
    join(&mut board, 1, 0);
    ready(&mut board, [0]);
    assert_eq!(proposals(&mut board, 0), "1-0");
    join(&mut board, 2, 1);
    reject(&mut board, 1, 0);
    assert_eq!(proposals(&mut board, 1), "2-0");
    board.ended(call(2), &agent(0), Outcome::Busy);
    ready(&mut board, [0]);
    assert_eq!(proposals(&mut board, 1), "1-0");
}

#[test]
fn a_change_of_the_queue_leaves_who_is_spared() {
    let mut board = board(Strategy::LongestIdle, 1);
    join(&mut board, 1, 0);
    join(&mut board, 2, 1);
    ready(&mut board, [0]);
    assert_eq!(proposals(&mut board, 1), "1-0");
    board.ended(call(1), &agent(0), Outcome::Rejected);
    add(&mut board, 0, Strategy::Sequential, 0..2);
    board.ready(&agent(0), UnixMs(1), UnixMs(9));
    add(&mut board, 0, Strategy::Sequential, 1..2);
    ready(&mut board, [0]);
    assert_eq!(proposals(&mut board, 1), "", "the agent serves no queue");
    add(&mut board, 0, Strategy::Sequential, 0..2);
    assert_eq!(proposals(&mut board, 1), "2-0");
}

#[test]
fn the_agent_with_the_fewest_refusals_of_a_caller_is_asked_first() {
    let mut board = board(Strategy::Sequential, 2);
    join(&mut board, 1, 0);
    ready(&mut board, [0]);
    assert_eq!(proposals(&mut board, 0), "1-0");
    join(&mut board, 2, 1);
    reject(&mut board, 1, 0);
    assert_eq!(proposals(&mut board, 1), "2-0");
    talk(&mut board, 2, 0);
    ready(&mut board, [1]);
    assert_eq!(
        proposals(&mut board, 2),
        "1-1",
        "agent 0 was rung for another, but the call is new to agent 1"
    );
    reject(&mut board, 1, 1);
    assert_eq!(proposals(&mut board, 2), "1-0");
    reject(&mut board, 1, 0);
    assert_eq!(proposals(&mut board, 2), "1-1", "agent 0 declined the caller twice");
}

#[test]
fn an_agent_that_rejected_rejoins_after_ringing_for_another_caller() {
    let mut board = board(Strategy::RingAll, 2);
    join(&mut board, 1, 0);
    ready(&mut board, [0, 1]);
    assert_eq!(proposals(&mut board, 0), "1-0 1-1");
    join(&mut board, 2, 1);
    for (caller, next) in [(1, 2), (2, 1), (1, 2)] {
        reject(&mut board, caller, 0);
        assert_eq!(proposals(&mut board, 1), format!("{next}-0"), "agent 1 still rings for caller 1");
    }
}

#[test]
fn callers_of_a_ring_all_queue_ring_side_by_side() {
    let mut board = board(Strategy::RingAll, 5);
    join(&mut board, 1, 0);
    join(&mut board, 2, 1);
    ready(&mut board, [0, 1, 2, 3]);
    assert_eq!(proposals(&mut board, 1), "1-0 2-1 1-2 1-3");
    join(&mut board, 3, 2);
    assert_eq!(proposals(&mut board, 2), "");
    ready(&mut board, [4]);
    assert_eq!(
        proposals(&mut board, 2),
        "3-4",
        "no phone rings for this caller, who comes before those with a ringing phone"
    );
    board.leave(call(1));
    for loser in [0, 2, 3] {
        board.ended(call(1), &agent(loser), Outcome::LostRace);
        ready(&mut board, [loser]);
    }
    assert_eq!(proposals(&mut board, 3), "2-0 2-2 2-3");
}

#[test]
fn an_agent_that_rejected_is_not_asked_again_before_the_others() {
    let mut board = board(Strategy::RingAll, 2);
    join(&mut board, 1, 0);
    ready(&mut board, [0, 1]);
    assert_eq!(proposals(&mut board, 0), "1-0 1-1");
    reject(&mut board, 1, 0);
    assert_eq!(proposals(&mut board, 0), "", "the other phone still rings");
    board.ended(call(1), &agent(1), Outcome::NoAnswer);
    assert_eq!(proposals(&mut board, 0), "1-0", "the second round begins");
    ready(&mut board, [1]);
    assert_eq!(proposals(&mut board, 0), "1-1", "and all ring in it");
}

#[test]
fn round_robin_keeps_its_place_through_changes() {
    let mut board = board(Strategy::RoundRobin, 4);
    for (caller, asked) in [(1, 0), (2, 1)] {
        join(&mut board, caller, 0);
        ready(&mut board, [0, 1, 2, 3]);
        assert_eq!(proposals(&mut board, 0), format!("{caller}-{asked}"));
        board.leave(call(caller));
        board.ended(call(caller), &agent(asked), Outcome::Answered);
    }
    add(&mut board, 0, Strategy::RoundRobin, [0, 2, 3].into_iter());
    add(&mut board, 1, Strategy::RoundRobin, 0..4);
    ready(&mut board, [0]);
    board.join(call(3), &queue(1), UnixMs(0), 0).unwrap();
    assert_eq!(proposals(&mut board, 0), "3-0", "another queue has its own place");
    join(&mut board, 4, 0);
    assert_eq!(proposals(&mut board, 0), "4-2");
}

#[test]
fn a_delayed_agent_comes_in_time() {
    let mut board = board(Strategy::LongestIdle, 1);
    join(&mut board, 1, 0);
    board.ready(&agent(0), UnixMs(0), UnixMs(500));
    assert_eq!(board.next_wake(), Some(UnixMs(500)));
    assert_eq!(proposals(&mut board, 499), "");
    assert_eq!(proposals(&mut board, 500), "1-0");
    assert_eq!(board.next_wake(), None);
}

#[test]
fn a_queue_that_is_gone_takes_nobody() {
    let mut board = board(Strategy::LongestIdle, 1);
    join(&mut board, 2, 1);
    join(&mut board, 1, 0);
    assert_eq!(board.remove_queue(&queue(0)), [call(1), call(2)]);
    ready(&mut board, [0]);
    assert_eq!(proposals(&mut board, 1), "");
    let refused = board.join(call(1), &queue(0), UnixMs(0), 0).unwrap_err();
    assert!(refused.to_string().contains("queue-0"), "{refused}");
}

#[test]
fn what_remains_of_an_earlier_wait_does_not_touch_the_new_one() {
    let mut board = board(Strategy::Sequential, 3);
    join(&mut board, 1, 0);
    ready(&mut board, [0, 1, 2]);
    assert_eq!(proposals(&mut board, 0), "1-0");
    board.leave(call(1));
    join(&mut board, 1, 5);
    assert_eq!(proposals(&mut board, 5), "1-1");
    board.ended(call(1), &agent(0), Outcome::Cancelled);
    assert_eq!(proposals(&mut board, 5), "", "agent 1 rings for the caller");
}

#[test]
fn an_agent_in_another_call_is_offered_only_where_calls_wait() {
    let mut board = board(Strategy::Sequential, 1);
    let tiers = [(agent(0), Tier { level: 1, position: 1 })].into();
    let waits = QueueSpec { strategy: Strategy::Sequential, priority: 0, call_waiting: true, tiers };
    board.set_queue(queue(1), waits);
    ready(&mut board, [0]);
    board.elsewhere(&agent(0), true);
    join(&mut board, 0, 10);
    assert_eq!(board.propose(UnixMs(20)), None, "in another call");
    board.join(call(1), &queue(1), UnixMs(15), 0).unwrap();
    assert_eq!(board.propose(UnixMs(20)).map(|proposal| proposal.call), Some(call(1)), "calls wait there");
    board.leave(call(1));
    board.ended(call(1), &agent(0), Outcome::Cancelled);
    ready(&mut board, [0]);
    assert_eq!(board.propose(UnixMs(30)), None, "still in another call");
    board.elsewhere(&agent(0), false);
    assert_eq!(board.propose(UnixMs(40)).map(|proposal| proposal.call), Some(call(0)), "free again");
}

/// A callback waits, due since this time.
fn callback(board: &mut Board, number: u8, at: i64) {
    board.join_as(call(number), &queue(0), UnixMs(at), (0, true)).unwrap();
}

#[test]
fn a_caller_comes_before_a_callback_that_was_due_long_before() {
    let mut board = board(Strategy::Sequential, 1);
    callback(&mut board, 0, 1);
    join(&mut board, 1, 1_000);
    ready(&mut board, [0]);
    assert_eq!(board.propose(UnixMs(1_000)).map(|proposal| proposal.call), Some(call(1)));
}

#[test]
fn the_only_agent_is_taken_back_from_a_callback_for_a_caller_and_only_once() {
    let mut board = board(Strategy::Sequential, 1);
    callback(&mut board, 0, 1);
    ready(&mut board, [0]);
    assert_eq!(board.propose(UnixMs(10)).map(|proposal| proposal.call), Some(call(0)));
    assert_eq!(board.take_back(), None, "nobody waits: the callback goes on");
    callback(&mut board, 2, 2);
    assert_eq!(board.take_back(), None, "another callback is no caller");
    join(&mut board, 1, 20);
    assert_eq!(board.propose(UnixMs(20)), None);
    assert_eq!(board.take_back(), Some((call(0), agent(0))));
    assert_eq!(board.take_back(), None);
    board.ended(call(0), &agent(0), Outcome::Cancelled);
    ready(&mut board, [0]);
    assert_eq!(board.propose(UnixMs(30)).map(|proposal| proposal.call), Some(call(1)), "the caller");
}

#[test]
fn a_callback_that_was_accepted_keeps_its_agent() {
    let mut board = board(Strategy::Sequential, 1);
    callback(&mut board, 0, 1);
    ready(&mut board, [0]);
    board.propose(UnixMs(10)).unwrap();
    board.leave(call(0));
    join(&mut board, 1, 20);
    assert_eq!(board.take_back(), None);
}

#[test]
fn two_callers_take_two_agents_back_and_one_who_leaves_lets_the_next_do_so() {
    let mut board = board(Strategy::Sequential, 2);
    callback(&mut board, 0, 1);
    callback(&mut board, 1, 2);
    ready(&mut board, [0, 1]);
    while board.propose(UnixMs(10)).is_some() {}
    join(&mut board, 2, 20);
    assert_eq!(board.take_back(), Some((call(1), agent(1))));
    assert_eq!(board.take_back(), None);
    join(&mut board, 3, 30);
    assert_eq!(board.take_back(), Some((call(0), agent(0))));
    join(&mut board, 4, 40);
    assert_eq!(board.take_back(), None);
}
