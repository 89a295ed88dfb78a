//! What an earlier run left open, closed: no agent stays claimed, every call gets its ending.

use diesel::prelude::*;

use super::schema::{agents, calls, offers};
use super::{Database, StoreError, calls as call_rows, offers as offer_rows};
use crate::call::ending::{Ending, Stage};
use crate::clock::UnixMs;
use crate::ids::OfferId;
use crate::missed::verdict::{Verdict, verdict};
use crate::phone::Party;
use crate::queue::offer::Outcome;

/// What was closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Left {
    /// Calls that had no ending.
    pub calls: usize,
    /// Offers that had no end.
    pub offers: usize,
    /// Cases that were opened or joined.
    pub cases: usize,
}

/// What the cause of every such ending is.
const CAUSE: &str = "CONTROLLER_RESTARTED";

/// Ends every offer and call that has no end. Only for the one controller of a database, before it takes calls.
///
/// # Errors
/// When the database fails.
pub fn tidy(c: &mut Database, at: UnixMs) -> Result<Left, StoreError> {
    let mut left = Left::default();
    let live: Vec<(String, Option<String>)> =
        offers::table.filter(offers::ended_at.is_null()).select((offers::id, offers::outcome)).load(c)?;
    for (id, outcome) in live {
        left.offers += 1;
        let offer: OfferId = super::read("offers.id", &id)?;
        if outcome.is_some() {
            offer_rows::end_talk(c, offer, at, std::time::Duration::ZERO)?;
        } else {
            let cause = CAUSE.to_owned();
            let end = offer_rows::EndUnanswered {
                offer,
                outcome: Outcome::Cancelled,
                cause,
                at,
                ready_at: at,
                max_misses: 0,
            };
            offer_rows::end_unanswered(c, &end)?;
        }
    }
    free_agents(c, at)?;
    let open: Vec<Open> = calls::table
        .filter(calls::ended_at.is_null())
        .select((calls::id, calls::party, calls::number, calls::answered_at, calls::open))
        .load(c)?;
    for (id, party, number, answered_at, open) in open {
        left.calls += 1;
        let party = read_party(&party, number)?;
        let (ending, stage) = match answered_at {
            Some(_) => (Ending::Answered, Stage::Talking),
            None => (Ending::Lost, Stage::Waiting),
        };
        let verdict: Verdict = verdict(ending, stage, &party, open);
        let call = super::read("calls.id", &id)?;
        let ended =
            call_rows::Ended { call, ending, stage, cause: CAUSE.to_owned(), answered_at: None, verdict, at };
        left.cases += usize::from(call_rows::end(c, &ended)?.is_some());
    }
    Ok(left)
}

/// What is needed of a call's row to end it.
type Open = (String, String, Option<String>, Option<i64>, bool);

/// Agents whom no offer holds any more, whatever they were doing, are idle.
fn free_agents(c: &mut Database, at: UnixMs) -> Result<(), StoreError> {
    for from in ["ringing", "talking"] {
        diesel::update(agents::table.filter(agents::activity.eq(from)))
            .set((
                agents::activity.eq("idle"),
                agents::offer.eq(None::<String>),
                agents::since_at.eq(at.0),
                agents::version.eq(agents::version + 1),
                agents::changed_by.eq("system"),
                agents::changed_why.eq("the controller was restarted"),
            ))
            .execute(c)?;
    }
    Ok(())
}

fn read_party(word: &str, number: Option<String>) -> Result<Party, StoreError> {
    Ok(match (word, number) {
        ("number", Some(number)) => Party::Number(super::read("calls.number", &number)?),
        ("internal", _) => Party::Internal(String::new()),
        ("withheld", _) => Party::Withheld,
        _ => Party::Invalid,
    })
}
