//! Places in queues: kept by callers who ask for a callback, and given back to callers who were cut off.

use std::time::Duration;

use dozvon::clock::UnixMs;
use dozvon::ids::CallId;
use dozvon::missed::asked::{self, Asked};
use dozvon::missed::ending::{Ending, Stage};
use dozvon::missed::verdict::verdict;
use dozvon::phone::Party;
use dozvon::store::calls::{self, Ended};
use dozvon::store::{Database, StoreError, cases, places};

use crate::support::company::{NUMBER, abandoned, arrival, arrive, at, open_for_business, queue};
use crate::support::database::for_each_database;

const MINUTE: Duration = Duration::from_secs(60);

/// The caller of a call has asked for a callback, and is gone.
fn asks(c: &mut Database, call: CallId, asked: Asked, at: UnixMs) -> Result<cases::CaseRow, StoreError> {
    calls::ask_callback(c, call, &asked, at)?;
    let shown = Party::Number(NUMBER.parse().unwrap());
    let (ending, party) = asked::outcome(Some(&asked), Ending::Abandoned, &shown);
    let verdict = verdict(ending, Stage::Message, &party, true);
    let grace = asked::grace(Some(&asked), MINUTE);
    let ended = Ended { ending, verdict, grace, asked: Some(asked), ..abandoned(call, at + MINUTE) };
    let case = calls::end(c, &ended)?.unwrap();
    cases::get(c, case)
}

fn wish(name: &str) -> Asked {
    Asked { queue: queue(name), number: None }
}

#[test]
fn whoever_has_waited_where_they_ask_keeps_the_place_and_the_case_is_due_at_once() {
    for_each_database(async |db| {
        db.write(open_for_business).await;
        let elsewhere = db
            .write(|c| {
                let call = arrive(c, "sales", at(0))?;
                asks(c, call, wish("support"), at(1_000))
            })
            .await;
        assert_eq!((elsewhere.place_at, elsewhere.queue), (None, Some(queue("support"))));
        assert_eq!(elsewhere.next_at, Some(at(61_000)), "no grace");
        let here = db
            .write(|c| {
                let call = arrive(c, "sales", at(100_000))?;
                asks(c, call, wish("sales"), at(101_000))
            })
            .await;
        assert_eq!(here.id, elsewhere.id, "the open case of the number");
        assert_eq!(
            (here.place_in(&queue("sales")), here.place_in(&queue("support"))),
            (Some(at(100_000)), None)
        );
        // A call that is missed later takes no place away.
        let later = db
            .write(|c| {
                let call = arrive(c, "sales", at(300_000))?;
                let case = calls::end(c, &abandoned(call, at(301_000)))?.unwrap();
                cases::get(c, case)
            })
            .await;
        assert_eq!(later.place_in(&queue("sales")), Some(at(100_000)));
    });
}

#[test]
fn a_place_is_taken_over_once_by_the_same_number_in_the_same_queue_in_time() {
    for_each_database(async |db| {
        db.write(open_for_business).await;
        let cut_off = db
            .write(|c| {
                let call = arrive(c, "sales", at(0))?;
                calls::end(c, &abandoned(call, at(10_000))).map(|_| call)
            })
            .await;
        let resumes = async |name: &'static str, party: Option<Party>, ms: u64| {
            db.write(move |c| {
                let mut new = arrival(Some(name), at(ms));
                new.party = party.unwrap_or(new.party);
                calls::arrive(c, &new)?;
                let number = new.party.number();
                let resume = |number| places::resume(c, new.id, (number, &queue(name)), MINUTE, at(ms));
                let place = number.map_or(Ok(None), resume)?;
                Ok((place, places::taken_over(c, new.id)?, new.id))
            })
            .await
        };
        let other = Party::Number("+79001234568".parse().unwrap());
        for (name, party, ms) in [
            ("support", None, 11_000),
            ("sales", Some(other), 11_000),
            ("sales", Some(Party::Withheld), 11_000),
            ("sales", None, 70_001),
        ] {
            let (place, of, _) = resumes(name, party.clone(), ms).await;
            assert_eq!((place, of), (None, None), "{name} {party:?} {ms}");
        }
        let (place, of, second) = resumes("sales", None, 70_000).await;
        assert_eq!((place, of), (Some(at(0)), Some(cut_off)));
        assert_eq!(resumes("sales", None, 70_000).await.0, None, "once");
        // The second call is cut off too, and its place is that of the first.
        db.write(move |c| calls::end(c, &abandoned(second, at(80_000))).map(drop)).await;
        let (place, of, _) = resumes("sales", None, 81_000).await;
        assert_eq!((place, of), (Some(at(0)), Some(second)));
        let off = db
            .write(|c| {
                let call = arrive(c, "sales", at(82_000))?;
                let number = NUMBER.parse().unwrap();
                places::resume(c, call, (&number, &queue("sales")), Duration::ZERO, at(82_000))
            })
            .await;
        assert_eq!(off, None);
    });
}
