//! The board against a model that checks every pair of caller and agent, on random histories.

mod book;
mod history;
mod places;
mod stories;

use std::collections::BTreeMap;

use dozvon::ids::AgentName;
use dozvon::queue::board::{Board, Proposal};
use proptest::prelude::*;

use book::{Book, Caller, queue};
use history::{Event, QUEUES, history};

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

/// Who let a caller go and was rung for nobody else since is asked again only if nobody else can take the
/// caller, and nobody else wants the agent.
fn spares_refusers(book: &Book, proposal: Option<&Proposal>) -> Result<(), TestCaseError> {
    let Some(proposal) = proposal else { return Ok(()) };
    let caller = caller(book, proposal)?;
    if caller.spared.contains(&proposal.agent) {
        let other = book.agents(caller).find(|agent| !caller.spared.contains(*agent));
        prop_assert!(other.is_none(), "{proposal:?}: {other:?} could be asked");
        let other = book.callers.iter().find(|other| book.wants(other, &proposal.agent));
        prop_assert!(other.is_none(), "{proposal:?}: {other:?} wants the agent");
        let fresh = book.live(caller).find(|offer| !offer.again);
        prop_assert!(fresh.is_none(), "{proposal:?}: others are still being asked");
    }
    Ok(())
}

/// Of the ready agents who need not be spared a caller, or of all if each must be, nobody has declined the caller less
/// often than the one who is asked.
fn asks_refusers_last(book: &Book, proposal: Option<&Proposal>) -> Result<(), TestCaseError> {
    let Some(proposal) = proposal else { return Ok(()) };
    let caller = caller(book, proposal)?;
    if book.live(caller).next().is_none() {
        let refusals =
            |agent: &AgentName| (caller.spared.contains(agent), caller.refusals.get(agent).copied());
        let better = book.agents(caller).find(|agent| refusals(agent) < refusals(&proposal.agent));
        prop_assert!(better.is_none(), "{proposal:?}: {better:?} has declined the caller less often");
    }
    Ok(())
}

/// A refusal costs a caller one turn: while no phone rings for a caller, no agent is rung more often for callers
/// behind them than the agent has declined them. So between two such turns the agent was rung for this caller.
fn nobody_starves(book: &Book, proposal: Option<&Proposal>) -> Result<(), TestCaseError> {
    let Some(proposal) = proposal else { return Ok(()) };
    for caller in book.passed(proposal) {
        let count =
            |times: &BTreeMap<AgentName, u32>| times.get(&proposal.agent).copied().unwrap_or_default();
        let (passed, refusals) = (1 + count(&caller.passed), count(&caller.refusals));
        prop_assert!(passed <= refusals, "{proposal:?}: {caller:?} is passed over {passed} times");
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
    fn an_agent_that_refused_is_asked_last(history in history()) {
        play(&history, |book, proposal| {
            spares_refusers(book, proposal)?;
            asks_refusers_last(book, proposal)
        })?;
    }

    #[test]
    fn a_refusal_costs_one_turn(history in history()) {
        play(&history, nobody_starves)?;
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
