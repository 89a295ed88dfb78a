//! Offers that an agent did not take, counted in a row, and the pause of the agent after one.

use std::time::Duration;

use dozvon::ids::ChannelId;
use dozvon::queue::offer::Outcome;
use dozvon::store::offers::{self, EndUnanswered, Refusal};
use dozvon::store::{Database, StoreError, agents};

use crate::support::company::{agent, arrive, at, claim_of, open_for_business, ring};
use crate::support::database::{Db, for_each_database};

const RESTS: Duration = Duration::from_secs(5);

/// Anna is rung, and it comes to this; how many she has missed in a row then.
async fn rung(db: &Db, from: u64, outcome: Outcome, accepts: bool) -> i32 {
    let work = move |c: &mut Database| -> Result<i32, StoreError> {
        let call = arrive(c, "sales", at(from))?;
        let offer = ring(c, call, "anna", at(from + 10))?;
        if accepts {
            assert!(offers::win(c, offer, call, ChannelId::new(), at(from + 20))?);
            assert_eq!(agents::get(c, &agent("anna"))?.misses, 0, "accepted");
        }
        let ended = at(from + 1_000);
        let end = EndUnanswered {
            offer,
            outcome,
            cause: "TEST".to_owned(),
            at: ended,
            ready_at: ended + RESTS,
            max_no_answer: 9,
        };
        Ok(offers::end_unanswered(c, &end)?.misses)
    };
    db.write(work).await
}

#[test]
fn accepting_an_offer_resets_the_misses_in_a_row() {
    for_each_database(async |db| {
        db.write(open_for_business).await;
        assert_eq!(rung(db, 0, Outcome::NoAnswer, false).await, 1);
        assert_eq!(rung(db, 20_000, Outcome::NoAnswer, false).await, 2);
        assert_eq!(rung(db, 40_000, Outcome::Cancelled, false).await, 2, "taken back: nothing is known");
        assert_eq!(rung(db, 60_000, Outcome::Cancelled, true).await, 0, "the customer was not reached");
        assert_eq!(rung(db, 80_000, Outcome::NoAnswer, false).await, 1, "the row begins anew");
    });
}

/// What else is due waits: the claim is refused until the rest is over, whatever the board believes.
#[test]
fn an_agent_that_missed_a_call_is_not_rung_before_the_delay_is_over() {
    for_each_database(async |db| {
        db.write(open_for_business).await;
        rung(db, 0, Outcome::NoAnswer, false).await;
        let refused = db
            .write(|c| {
                let call = arrive(c, "sales", at(1_000))?;
                let claim = claim_of(c, call, "anna", at(5_999))?;
                let refused = offers::claim(c, &claim)?;
                let claim = claim_of(c, call, "anna", at(6_000))?;
                Ok((refused, offers::claim(c, &claim)?))
            })
            .await;
        assert_eq!(refused, (Err(Refusal::Agent), Ok(())));
    });
}
