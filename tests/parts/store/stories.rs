//! Calls from the arrival to the case, as the controller records them.

use std::time::Duration;

use dozvon::ids::{CallId, ChannelId, OfferId};
use dozvon::missed::attempt::Disposition;
use dozvon::missed::case::{Closed, Reason, State};
use dozvon::missed::ending::{Ending, Stage};
use dozvon::missed::verdict::{Verdict, Why};
use dozvon::phone::Party;
use dozvon::queue::agent::{Activity, Status, Step};
use dozvon::queue::offer::Outcome;
use dozvon::store::agents::{self, AgentRow};
use dozvon::store::attempts::{self, ReportedAttempt};
use dozvon::store::calls::{self, Ended};
use dozvon::store::offers::{self, Answer, EndUnanswered, Refusal};
use dozvon::store::{Database, StoreError, case_closing, cases, recovery, waits};

use crate::support::company::{
    NOON, NUMBER, TODAY, abandoned, agent, arrival, arrive, at, call_of, claim_of, open_for_business, queue,
    ring, step, talk,
};
use crate::support::database::{Db, for_each_database};

const WRAP_UP: Duration = Duration::from_secs(10);

fn answered(call: CallId, at_: u64) -> Ended {
    Ended {
        grace: Duration::from_secs(60),
        min_talk: Duration::from_secs(5),
        flood: dozvon::missed::flood::Limits::default(),
        tell: false,
        menus: Vec::new(),
        left_message: false,
        calls_back: None,
        call,
        ending: Ending::Answered,
        stage: Stage::Talking,
        cause: "NORMAL_CLEARING".to_owned(),
        answered_at: None,
        asked: None,
        verdict: Verdict::Nothing(Why::GotThrough),
        at: at(at_),
        now: at(at_),
    }
}

fn unanswered(offer: OfferId, outcome: Outcome, at_: u64) -> EndUnanswered {
    let ready_at = at(at_ + 5000);
    EndUnanswered { offer, outcome, cause: "CAUSE".to_owned(), at: at(at_), ready_at, max_no_answer: 3 }
}

fn is(row: &AgentRow, status: Status, activity: Activity) -> bool {
    (row.status, row.activity) == (status, activity)
}

#[test]
fn a_caller_gets_through_and_every_step_may_be_repeated() {
    for_each_database(async |db| {
        db.write(open_for_business).await;
        let call = db.write(|c| arrive(c, "sales", at(0))).await;
        let claim = db.write(move |c| claim_of(c, call, "anna", at(1000))).await;
        let offer = claim.offer;
        for _ in 0..2 {
            let claim = claim.clone();
            assert_eq!(db.write(move |c| offers::claim(c, &claim)).await, Ok(()));
            let leg = ChannelId::new();
            assert!(db.write(move |c| offers::win(c, offer, call, leg, at(6000))).await);
        }
        for later in 0..2 {
            db.write(move |c| offers::bridged(c, offer, call, at(6100 + later))).await;
            let row = db.write(|c| agents::get(c, &agent("anna"))).await;
            assert!(is(&row, Status::Available, Activity::Talking), "{row:?}");
            assert_eq!((row.since_at, row.offer), (at(6100), Some(offer)));
        }
        db.write(move |c| offers::unwin(c, offer, call)).await;
        for later in 0..2 {
            let row = db.write(move |c| offers::end_talk(c, offer, at(36_100 + later), WRAP_UP)).await;
            assert!(is(&row, Status::Available, Activity::WrappingUp), "{row:?}");
            assert_eq!((row.ready_at, row.idle_since_at, row.offer), (at(46_100), at(36_100), None));
        }
        for later in 0..2 {
            assert_eq!(db.write(move |c| calls::end(c, &answered(call, 36_200 + later))).await, None);
        }
        let row = db.write(move |c| call_of(c, call)).await;
        assert_eq!(
            (row.ending.map(|word| word.as_str()), row.agent.as_ref().map(|name| name.as_str())),
            (Some("answered"), Some("anna"))
        );
        assert_eq!((row.wait_ms, row.talk_ms, row.ended_at), (Some(6100), Some(30_100), Some(at(36_200))));
        assert_eq!(row.caller_name, "O'Brien \"${x}\" \u{1f600}");
        let waits = db.write(move |c| waits::waits(c, call)).await;
        assert_eq!(waits.len(), 1);
        assert_eq!(
            (waits[0].left_at, waits[0].outcome.map(|word| word.as_str())),
            (Some(at(6100)), Some("answered"))
        );
        let rung = db.write(move |c| offers::of_call(c, call)).await;
        assert_eq!((rung[0].ring_ms, rung[0].talk_ms), (Some(5000), Some(30_000)));
        let row = db.write(|c| step(c, "anna", Step::EndWrapUp, at(46_100))).await;
        assert!(is(&row, Status::Available, Activity::Idle));
        let steps = db.write(|c| agents::changes(c, &agent("anna"), 10)).await;
        let steps: Vec<_> = steps.iter().rev().map(|step| step.to_activity.as_str()).collect();
        assert_eq!(steps, ["idle", "ringing", "talking", "wrapping_up", "idle"]);
    });
}

#[test]
fn a_claim_is_refused_unless_all_is_as_it_was_known() {
    for_each_database(async |db| {
        let call = db
            .write(|c| {
                open_for_business(c)?;
                arrive(c, "sales", at(0))
            })
            .await;
        let claim = db.write(move |c| claim_of(c, call, "anna", at(10))).await;
        let refused = async |change: &dyn Fn(&mut offers::Claim)| {
            let mut claim = claim.clone();
            claim.offer = OfferId::new();
            change(&mut claim);
            db.write(move |c| offers::claim(c, &claim)).await.unwrap_err()
        };
        assert_eq!(refused(&|claim| claim.version -= 1).await, Refusal::Agent);
        assert_eq!(refused(&|claim| claim.version += 1).await, Refusal::Agent);
        assert_eq!(refused(&|claim| claim.agent = agent("nobody")).await, Refusal::Agent);
        assert_eq!(refused(&|claim| claim.at = dozvon::clock::UnixMs(NOON.0 - 1)).await, Refusal::Agent);
        assert_eq!(refused(&|claim| claim.call = CallId::new()).await, Refusal::Call);
        db.write(|c| step(c, "boris", Step::TakeBreak, at(5))).await;
        let on_break = db.write(move |c| claim_of(c, call, "boris", at(10))).await;
        assert_eq!(db.write(move |c| offers::claim(c, &on_break)).await, Err(Refusal::Agent));
        assert_eq!(db.raw().number("SELECT count(*) AS v FROM offers"), 0);
        let offer = db.write(move |c| ring(c, call, "anna", at(10))).await;
        assert_eq!(refused(&|claim| claim.version += 1).await, Refusal::Agent);
        db.write(move |c| talk(c, call, offer, at(20))).await;
        assert_eq!(refused(&|claim| claim.agent = agent("vera")).await, Refusal::Call);
    });
}

#[test]
fn of_two_who_answer_one_wins() {
    for_each_database(async |db| {
        db.write(open_for_business).await;
        let (one, two) = (db.store.clone(), db.other().await);
        for n in 0..10_u64 {
            let (call, anna, boris) = db
                .write(move |c| {
                    let at = at(n * 100_000);
                    let call = arrive(c, "sales", at)?;
                    Ok((call, ring(c, call, "anna", at)?, ring(c, call, "boris", at)?))
                })
                .await;
            let (leg, now) = (ChannelId::new(), at(n * 100_000 + 1));
            let wins = move |c: &mut Database, offer| match n % 2 {
                0 => offers::win(c, offer, call, leg, now),
                _ => offers::connected(c, offer, call, Answer { leg, at: now }, now),
            };
            let (first, second) = tokio::join!(
                one.write("win", move |c| wins(c, anna)),
                two.write("win", move |c| wins(c, boris)),
            );
            let (first, second) = (first.unwrap(), second.unwrap());
            assert!(first != second, "{first} {second}");
            let (winner, loser) = if first { (anna, boris) } else { (boris, anna) };
            db.write(move |c| {
                offers::bridged(c, winner, call, at(n * 100_000 + 2))?;
                let lost = offers::end_unanswered(
                    c,
                    &EndUnanswered {
                        ready_at: at(n * 100_000 + 3),
                        ..unanswered(loser, Outcome::LostRace, n * 100_000 + 3)
                    },
                )?;
                assert!(is(&lost, Status::Available, Activity::Idle) && lost.misses == 0, "{lost:?}");
                offers::end_talk(c, winner, at(n * 100_000 + 4), Duration::ZERO)?;
                calls::end(c, &answered(call, n * 100_000 + 4))
            })
            .await;
        }
        let outcomes =
            "SELECT outcome AS v FROM offers GROUP BY outcome HAVING count(*) = 10 ORDER BY outcome";
        assert_eq!(db.raw().texts(outcomes), ["answered", "lost_race"]);
    });
}

#[test]
fn a_bridge_that_failed_leaves_the_caller_to_the_next_agent() {
    for_each_database(async |db| {
        db.write(|c| {
            open_for_business(c)?;
            // Taken back, and not: the end of the offer takes it back then.
            for (taken_back, name, from) in [(true, "anna", 0), (false, "boris", 20_000)] {
                let call = arrive(c, "sales", at(from))?;
                let offer = ring(c, call, name, at(from))?;
                assert!(offers::win(c, offer, call, ChannelId::new(), at(from + 10))?);
                if taken_back {
                    offers::unwin(c, offer, call)?;
                }
                let row = offers::end_unanswered(c, &unanswered(offer, Outcome::Cancelled, from + 20))?;
                assert!(is(&row, Status::Available, Activity::Idle));
                assert!(
                    !offers::win(c, offer, call, ChannelId::new(), at(from + 30))?,
                    "an offer that is over won"
                );
                let next = ring(c, call, "vera", at(from + 40))?;
                talk(c, call, next, at(from + 50))?;
                offers::end_talk(c, next, at(from + 60), Duration::ZERO)?;
            }
            Ok(())
        })
        .await;
    });
}

/// Checks the call's row, and returns its offers.
async fn waited_3_s_and_talked_10_s_to_anna(db: &Db, call: CallId) -> Vec<offers::OfferRow> {
    let row = db.write(move |c| call_of(c, call)).await;
    assert_eq!(
        (row.wait_ms, row.talk_ms, row.agent.as_ref().map(|name| name.as_str())),
        (Some(3000), Some(10_000), Some("anna"))
    );
    db.write(move |c| offers::of_call(c, call)).await
}

#[test]
fn a_bridge_that_was_not_recorded_is_known_by_the_end_of_the_talk() {
    for_each_database(async |db| {
        let call = db
            .write(|c| {
                open_for_business(c)?;
                let call = arrive(c, "sales", at(0))?;
                let offer = ring(c, call, "anna", at(1000))?;
                assert!(offers::win(c, offer, call, ChannelId::new(), at(3000))?);
                let row = offers::end_talk(c, offer, at(13_000), WRAP_UP)?;
                assert!(is(&row, Status::Available, Activity::WrappingUp));
                calls::end(c, &answered(call, 13_000))?;
                Ok(call)
            })
            .await;
        let rung = waited_3_s_and_talked_10_s_to_anna(db, call).await;
        assert_eq!((rung[0].ring_ms, rung[0].talk_ms), (Some(2000), Some(10_000)));
    });
}

#[test]
fn who_was_connected_after_the_call_had_ended_has_not_won() {
    for_each_database(async |db| {
        db.write(|c| {
            open_for_business(c)?;
            let call = arrive(c, "sales", at(0))?;
            let offer = ring(c, call, "anna", at(1000))?;
            let other = arrive(c, "sales", at(0))?;
            let answer = Answer { leg: ChannelId::new(), at: at(2000) };
            assert!(!offers::connected(c, offer, other, answer, at(2000))?, "another call");
            calls::end(c, &abandoned(call, at(2000)))?;
            assert!(!offers::connected(c, offer, call, answer, at(2001))?);
            let row = agents::get(c, &agent("anna"))?;
            assert!(is(&row, Status::Available, Activity::Ringing), "{row:?}");
            Ok(())
        })
        .await;
    });
}

#[test]
fn a_talk_whose_win_was_not_recorded_is_the_win() {
    for_each_database(async |db| {
        let (call, [anna, boris]) = db
            .write(|c| {
                open_for_business(c)?;
                let call = arrive(c, "sales", at(0))?;
                let rung = [ring(c, call, "anna", at(1000))?, ring(c, call, "boris", at(1000))?];
                offers::bridged(c, rung[0], call, at(3000))?;
                Ok((call, rung))
            })
            .await;
        db.write(move |c| {
            let answer = |at| Answer { leg: ChannelId::new(), at };
            let late =
                |c: &mut Database, offer, ms| offers::connected(c, offer, call, answer(at(ms)), at(ms));
            assert!(offers::win(c, anna, call, ChannelId::new(), at(3000))?, "repeating it");
            assert!(late(c, anna, 3005)?, "repeating it");
            assert!(!offers::win(c, boris, call, ChannelId::new(), at(3001))?);
            assert!(!late(c, boris, 3006)?);
            offers::end_unanswered(c, &unanswered(boris, Outcome::LostRace, 3010))?;
            assert!(!late(c, boris, 3011)?, "an offer that is over");
            offers::end_talk(c, anna, at(13_000), Duration::ZERO)?;
            assert!(late(c, anna, 13_001)?, "its end was recorded first");
            calls::end(c, &answered(call, 13_000))
        })
        .await;
        let rung = waited_3_s_and_talked_10_s_to_anna(db, call).await;
        assert_eq!(rung[0].answered_at, Some(at(3000)));
    });
}

#[test]
fn too_many_misses_in_a_row_send_on_break() {
    for_each_database(async |db| {
        db.write(|c| {
            open_for_business(c)?;
            let call = arrive(c, "sales", at(0))?;
            let mut miss = |n: u64, outcome| {
                let offer = ring(c, call, "anna", at(n * 10_000))?;
                let row = offers::end_unanswered(c, &unanswered(offer, outcome, n * 10_000 + 5000))?;
                let again = offers::end_unanswered(c, &unanswered(offer, outcome, n * 10_000 + 9000))?;
                assert_eq!(row, again, "repeating it changes nothing");
                Ok::<_, StoreError>(row)
            };
            let first = miss(1, Outcome::NoAnswer)?;
            assert_eq!((first.misses, first.ready_at), (1, at(20_000)));
            assert_eq!(miss(2, Outcome::Rejected)?.misses, 1);
            assert_eq!(miss(3, Outcome::NoAnswer)?.misses, 2);
            let tired = miss(4, Outcome::NoAnswer)?;
            assert!(is(&tired, Status::OnBreak, Activity::Idle), "{tired:?}");
            assert_eq!(tired.break_reason.as_deref(), Some("missed too many calls in a row"));
            let back = step(c, "anna", Step::Resume, at(60_000))?;
            assert_eq!((back.misses, back.break_reason), (0, None));
            Ok(())
        })
        .await;
    });
}

#[test]
fn a_status_that_a_person_chooses_leaves_their_activity() {
    for_each_database(async |db| {
        db.write(|c| {
            open_for_business(c)?;
            let call = arrive(c, "sales", at(0))?;
            let offer = ring(c, call, "anna", at(0))?;
            let out = step(c, "anna", Step::LogOut, at(10))?;
            assert!(is(&out, Status::LoggedOut, Activity::Ringing) && out.offer == Some(offer));
            let same = step(c, "anna", Step::LogOut, at(20))?;
            assert_eq!(same, out, "nothing changed, so nothing is written");
            let released = offers::end_unanswered(c, &unanswered(offer, Outcome::Cancelled, 30))?;
            assert!(is(&released, Status::LoggedOut, Activity::Idle));
            let refused = step(c, "anna", Step::TakeBreak, at(40)).unwrap_err();
            assert_eq!(
                refused.to_string(),
                "agent anna: an agent who is logged_out and idle cannot take a break"
            );
            let claim = step(c, "boris", Step::Claim, at(50)).unwrap_err();
            assert!(matches!(claim, StoreError::Refused(_)), "{claim}");
            let nobody = step(c, "nobody", Step::LogIn, at(50)).unwrap_err();
            assert_eq!(nobody.to_string(), "there is no agent nobody");
            Ok(())
        })
        .await;
    });
}

fn missed(c: &mut Database, party: Party, verdict: Verdict, from: u64) -> Result<Option<i64>, StoreError> {
    let new = dozvon::store::calls::Arrival { party, ..arrival(Some("sales"), at(from)) };
    calls::arrive(c, &new)?;
    let end = Ended { verdict, ..abandoned(new.id, at(from + 7000)) };
    let case = calls::end(c, &end)?;
    assert_eq!(calls::end(c, &Ended { at: at(from + 9000), ..end })?, None, "a call ends once");
    Ok(case.map(|case| case.0))
}

#[test]
fn a_missed_call_does_not_end_without_its_case() {
    for_each_database(async |db| {
        let call = db
            .write(|c| {
                open_for_business(c)?;
                arrive(c, "sales", at(0))
            })
            .await;
        let (refuse, allow) = if db.is_sqlite() {
            let refuse = "CREATE TRIGGER no_cases BEFORE INSERT ON cases \
                          BEGIN SELECT RAISE(ABORT, 'refused: no cases today'); END";
            (refuse, "DROP TRIGGER no_cases")
        } else {
            let refuse = "CREATE FUNCTION no_cases() RETURNS trigger LANGUAGE plpgsql AS \
                          $$ BEGIN RAISE EXCEPTION 'refused: no cases today'; END $$; \
                          CREATE TRIGGER no_cases BEFORE INSERT ON cases \
                          FOR EACH ROW EXECUTE FUNCTION no_cases()";
            (refuse, "DROP TRIGGER no_cases ON cases")
        };
        let mut raw = db.raw();
        let mut kept = |sql: &str| {
            raw.run(sql).unwrap();
            let ended = raw.number("SELECT count(*) AS v FROM calls WHERE ended_at IS NOT NULL");
            let left = raw.number("SELECT count(*) AS v FROM waits WHERE left_at IS NOT NULL");
            (ended, left, raw.number("SELECT count(*) AS v FROM cases"))
        };
        assert_eq!(kept(refuse), (0, 0, 0));
        let refused = db.store.write("test", move |c| calls::end(c, &abandoned(call, at(7000)))).await;
        assert_eq!(kept(allow), (0, 0, 0));
        assert!(matches!(refused, Err(StoreError::Refused(_))), "{refused:?}");
        assert!(db.write(move |c| calls::end(c, &abandoned(call, at(7000)))).await.is_some());
        assert_eq!(kept("SELECT 1"), (1, 1, 1));
    });
}

#[test]
fn a_missed_call_opens_a_case_and_the_next_joins_it() {
    for_each_database(async |db| {
        let caller = || Party::Number(NUMBER.parse().unwrap());
        let owed = Verdict::Case(Reason::AbandonedWaiting);
        let first = db
            .write(move |c| {
                open_for_business(c)?;
                missed(c, caller(), owed, 0)
            })
            .await;
        let second = db.write(move |c| missed(c, caller(), Verdict::Case(Reason::TimedOut), 60_000)).await;
        assert!(first.is_some() && first == second);
        for (party, why) in
            [(Party::Withheld, Why::NotCallable), (Party::Internal("1001".into()), Why::Internal)]
        {
            assert_eq!(db.write(move |c| missed(c, party, Verdict::Nothing(why), 0)).await, None);
        }
        let id = dozvon::ids::CaseId(first.unwrap());
        let case = db.write(move |c| cases::get(c, id)).await;
        assert_eq!(
            (case.misses, case.reason.as_str(), case.queue.as_ref().map(|name| name.as_str())),
            (2, "abandoned_waiting", Some("sales"))
        );
        assert_eq!((case.opened_at, case.last_miss_at), (at(7000), at(67_000)));
        let misses = db.write(move |c| cases::misses(c, id)).await;
        assert_eq!(misses.iter().map(|miss| miss.wait_ms).collect::<Vec<_>>(), [Some(7000), Some(7000)]);
        assert_eq!(misses[1].reason.as_str(), "timed_out");
        let closed = db
            .write(move |c| case_closing::close(c, id, Closed::AgentReached, "anna", Some("ok"), at(100_000)))
            .await;
        assert_eq!((closed.state.as_str(), closed.closed_by.as_deref()), ("closed", Some("anna")));
        let twice =
            db.refused(move |c| case_closing::close(c, id, Closed::Spam, "boris", None, at(100_001))).await;
        assert!(twice.to_string().contains("closed already (agent_reached)"), "{twice}");
        let third = db.write(move |c| missed(c, caller(), owed, 200_000)).await;
        assert!(third > first);
        let open = db.write(|c| cases::list(c, Some(State::Open), None, 10)).await;
        assert_eq!(
            open.iter().map(|case| case.id).collect::<Vec<_>>(),
            [dozvon::ids::CaseId(third.unwrap())]
        );
        assert_eq!(db.write(|c| cases::list(c, None, None, 10)).await.len(), 2);
    });
}

#[test]
fn an_overflow_is_a_second_stay() {
    for_each_database(async |db| {
        let call = db
            .write(|c| {
                open_for_business(c)?;
                let call = arrive(c, "sales", at(0))?;
                waits::join(c, call, &queue("support"), at(300_000))?;
                calls::end(c, &abandoned(call, at(310_000)))?;
                Ok(call)
            })
            .await;
        let stays = db.write(move |c| waits::waits(c, call)).await;
        let stays: Vec<_> =
            stays.iter().map(|stay| (stay.queue.as_str(), stay.outcome.map(|word| word.as_str()))).collect();
        assert_eq!(stays, [("sales", Some("timed_out")), ("support", Some("abandoned"))]);
        let row = db.write(move |c| call_of(c, call)).await;
        assert_eq!(
            (row.queue.as_ref().map(|name| name.as_str()), row.wait_ms),
            (Some("support"), Some(310_000))
        );
        let unknown = db.refused(|c| waits::join(c, CallId::new(), &queue("sales"), at(0))).await;
        assert!(matches!(unknown, StoreError::NotFound { kind: "call", .. }), "{unknown}");
        let unknown = db.refused(|c| calls::end(c, &abandoned(CallId::new(), at(0)))).await;
        assert!(matches!(unknown, StoreError::NotFound { kind: "call", .. }), "{unknown}");
    });
}

#[test]
fn attempts_are_counted_until_the_cap() {
    for_each_database(async |db| {
        let id = db
            .write(|c| {
                open_for_business(c)?;
                let call = arrive(c, "sales", at(0))?;
                calls::end(c, &abandoned(call, at(1000)))
            })
            .await
            .unwrap();
        let made = move |counted, result| ReportedAttempt {
            case: id,
            cap: 3,
            business_day: TODAY.parse().unwrap(),
            counted,
            disposition: result,
            by: "anna",
            note: Some("note"),
            at: at(2000),
        };
        let ordinals = db
            .write(move |c| {
                let mut ordinals = Vec::new();
                for (counted, result) in [
                    (true, Disposition::NoAnswer),
                    (false, Disposition::TechnicalFailure),
                    (true, Disposition::Busy),
                    (true, Disposition::TechnicalFailure),
                ] {
                    ordinals.push(attempts::record(c, &made(counted, result))?.ordinal);
                }
                Ok(ordinals)
            })
            .await;
        assert_eq!(ordinals, [Some(1), None, Some(2), Some(3)]);
        let fourth = db.refused(move |c| attempts::record(c, &made(true, Disposition::Reached))).await;
        assert!(matches!(fourth, StoreError::Cap { .. }), "{fourth}");
        assert!(fourth.to_string().contains("has had its 3 attempts of this business day"), "{fourth}");
        let hidden = db.refused(move |c| attempts::record(c, &made(false, Disposition::NoAnswer))).await;
        assert!(matches!(hidden, StoreError::Refused(_)), "{hidden}");
        db.write(move |c| {
            attempts::record(
                c,
                &ReportedAttempt {
                    business_day: "2026-11-24".parse().unwrap(),
                    ..made(true, Disposition::Other)
                },
            )
        })
        .await;
        assert_eq!(
            db.write(|c| attempts::counted(c, &NUMBER.parse().unwrap(), TODAY.parse().unwrap())).await,
            3
        );
        assert_eq!(db.write(move |c| attempts::of_case(c, id)).await.len(), 5);
    });
}

#[test]
fn an_end_that_was_watched_stays_so() {
    for_each_database(async |db| {
        let unwatched = |table: &str| {
            db.raw().number(&format!("SELECT count(*) AS v FROM {table} WHERE unwatched_from IS NOT NULL"))
        };
        let [(ended, over), (open, rings)] = db
            .write(|c| {
                open_for_business(c)?;
                let ended = arrive(c, "sales", at(0))?;
                let over = ring(c, ended, "anna", at(10))?;
                talk(c, ended, over, at(20))?;
                offers::end_talk(c, over, at(30), std::time::Duration::ZERO)?;
                calls::end(c, &abandoned(ended, at(30)))?;
                let open = arrive(c, "sales", at(40))?;
                let rings = ring(c, open, "boris", at(50))?;
                Ok([(ended, over), (open, rings)])
            })
            .await;
        let look = |call, offer| {
            move |c: &mut Database| {
                recovery::offer_unwatched(c, offer, at(60))?;
                recovery::call_unwatched(c, call, at(60))
            }
        };
        db.write(look(ended, over)).await;
        assert_eq!((unwatched("offers"), unwatched("calls")), (0, 0));
        db.write(look(open, rings)).await;
        assert_eq!((unwatched("offers"), unwatched("calls")), (1, 1));
    });
}

#[test]
fn what_an_earlier_run_left_is_tidied_up() {
    for_each_database(async |db| {
        let (waits, rings, talks) = db
            .write(|c| {
                open_for_business(c)?;
                let waits = arrive(c, "sales", at(0))?;
                let rings = arrive(c, "sales", at(0))?;
                ring(c, rings, "anna", at(10))?;
                let talks = arrive(c, "sales", at(0))?;
                let offer = ring(c, talks, "boris", at(10))?;
                talk(c, talks, offer, at(20))?;
                Ok((waits, rings, talks))
            })
            .await;
        let open = db.write(recovery::open).await;
        assert_eq!(open.calls.iter().map(|call| call.id).collect::<Vec<_>>(), [waits, rings, talks]);
        assert_eq!(
            open.calls.iter().map(|call| (call.joined_at, call.answered_at)).collect::<Vec<_>>(),
            [(Some(at(0)), None), (Some(at(0)), None), (None, Some(at(20)))]
        );
        assert_eq!(open.offers.iter().map(|offer| offer.call).collect::<Vec<_>>(), [rings, talks]);
        assert!(open.stuck.is_empty(), "{:?}", open.stuck);
        let one = db.write(move |c| recovery::call(c, rings)).await;
        assert_eq!(one.as_ref(), open.calls.get(1));
    });
}

#[test]
fn an_agent_whom_no_offer_holds_is_freed_and_nobody_else() {
    for_each_database(async |db| {
        db.write(|c| {
            open_for_business(c)?;
            let call = arrive(c, "sales", at(0))?;
            ring(c, call, "anna", at(10)).map(drop)
        })
        .await;
        let anna = agent("anna");
        assert!(!db.write(move |c| recovery::free(c, &anna, at(20))).await, "an offer holds her");
        // What must never be: the offer has ended and the agent rings on.
        db.raw().run("UPDATE offers SET ended_at = 15, outcome = 'cancelled'").unwrap();
        assert_eq!(db.write(recovery::open).await.stuck, [agent("anna")]);
        let anna = agent("anna");
        assert!(db.write(move |c| recovery::free(c, &anna, at(20))).await);
        assert!(db.write(recovery::open).await.stuck.is_empty());
        let row = db.write(|c| agents::get(c, &agent("anna"))).await;
        assert!(is(&row, Status::Available, Activity::Idle) && row.offer.is_none(), "{row:?}");
    });
}

#[test]
fn a_controller_knows_when_the_one_before_was_seen_last() {
    for_each_database(async |db| {
        assert_eq!(db.write(|c| recovery::begin_watch(c, "one", at(0))).await, None);
        db.write(|c| recovery::watch(c, "one", at(5_000))).await;
        assert_eq!(db.write(|c| recovery::begin_watch(c, "two", at(9_000))).await, Some(at(5_000)));
        let lost = db.store.write("watch", |c| recovery::watch(c, "one", at(10_000))).await.unwrap_err();
        assert!(lost.to_string().contains("controller one"), "{lost}");
    });
}
