//! The stories of callbacks, in the steps that the product makes, with the clock set by the test.

use std::time::Duration;

use dozvon::clock::UnixMs;
use dozvon::event::EventKind;
use dozvon::ids::{AttemptId, CaseId};
use dozvon::missed::attempt::Disposition;
use dozvon::phone::Party;
use dozvon::queue::agent::Step;
use dozvon::store::attempts::{self, AttemptRow};
use dozvon::store::callbacks::{self, CallbackResult, NotReserved};
use dozvon::store::{StoreError, case_closing, dnc};
use serde_json::Value;

use crate::store::calling_back::{App, MINUTE, MOSCOW, min, unreached};
use crate::support::company::{TODAY, step};
use crate::support::database::{Db, for_each_database};

/// Tuesday at nine, when the office opens.
const TUESDAY: i64 = 21 * 60;

fn told(db: &Db, kind: EventKind) -> i64 {
    db.raw().number(&format!("SELECT count(*) AS v FROM outbox WHERE kind = '{kind}'"))
}

/// Place and result of each attempt.
async fn made(app: &App, case: CaseId) -> Vec<(Option<i32>, String)> {
    let say = |row: AttemptRow| {
        (row.ordinal, row.disposition.map_or(row.state.as_str(), Disposition::as_str).to_owned())
    };
    app.attempts(case).await.into_iter().map(say).collect()
}

fn all(results: &[(i32, &str)]) -> Vec<(Option<i32>, String)> {
    results.iter().map(|(place, result)| (Some(*place), (*result).to_owned())).collect()
}

/// Story 1.
#[test]
fn after_three_attempts_without_an_answer_there_is_no_fourth_and_one_handover() {
    for_each_database(async |db| {
        let app = App::open(db).await;
        let case = app.due(MOSCOW, "sales", min(0)).await;
        for (at, stage) in [(2, "waiting"), (32, "waiting"), (122, "handed_over")] {
            app.tick(UnixMs(min(at).0 - 1)).await;
            assert_eq!(
                app.stage(case).await,
                if at == 2 { "due" } else { "waiting" },
                "not a moment too early"
            );
            app.tick(min(at)).await;
            app.no_answer("sales", "anna", min(at)).await;
            assert_eq!(app.stage(case).await, stage);
        }
        app.tick(min(300)).await;
        assert_eq!(app.lease("sales", min(300)).await.len() + app.lease("repeat", min(300)).await.len(), 0);
        let fourth = app.report(case, Disposition::NoAnswer, min(300)).await.unwrap_err();
        assert!(matches!(fourth, StoreError::Cap { .. }), "{fourth}");
        assert_eq!(made(&app, case).await, all(&[(1, "no_answer"), (2, "no_answer"), (3, "no_answer")]));
        assert_eq!(told(db, EventKind::CaseHandedOver), 1);
        let row = app.case(case).await;
        assert_eq!(
            (row.queue.as_ref().map(|name| name.as_str()), row.next_at),
            (Some("repeat"), Some(min(TUESDAY)))
        );
        let payload = "SELECT payload AS v FROM outbox WHERE kind = 'case.handed_over'";
        let payload: Value = serde_json::from_str(&db.raw().texts(payload)[0]).unwrap();
        assert_eq!((&payload["group"], &payload["queue"]), (&"repeat".into(), &"repeat".into()));
    });
}

/// Story 2.
#[test]
fn two_processes_that_race_make_three_attempts_and_one_handover() {
    for_each_database(async |db| {
        let one = App::open(db).await;
        let two = one.beside(db).await;
        let case = one.due(MOSCOW, "sales", min(0)).await;
        for at in [2, 32, 122].map(min) {
            tokio::join!(one.tick(at), two.tick(at));
            let (mut ours, theirs) = tokio::join!(one.lease("sales", at), two.lease("sales", at));
            ours.extend(theirs);
            assert_eq!(ours.len(), 1, "{ours:?}");
            let accepted = one.accept(&ours[0], "anna", at).await.unwrap();
            let (ours, theirs) = tokio::join!(one.reserve(&accepted, at), two.reserve(&accepted, at));
            let attempts: Vec<AttemptId> = [ours, theirs].into_iter().filter_map(Result::ok).collect();
            assert_eq!(attempts.len(), 1);
            let how = || unreached(attempts[0], Disposition::Busy);
            tokio::join!(one.end(&accepted, how(), at), two.end(&accepted, how(), at));
        }
        let (ours, theirs) = tokio::join!(
            one.report(case, Disposition::Busy, min(200)),
            two.report(case, Disposition::Busy, min(200))
        );
        assert!(ours.is_err() && theirs.is_err());
        assert_eq!(made(&one, case).await, all(&[(1, "busy"), (2, "busy"), (3, "busy")]));
        assert_eq!(told(db, EventKind::CaseHandedOver), 1);
        assert_eq!(told(db, EventKind::AttemptEnded), 3);
    });
}

/// Story 3.
#[test]
fn two_queues_and_two_cases_of_one_caller_share_three_attempts() {
    for_each_database(async |db| {
        let app = App::open(db).await;
        let case = app.due(MOSCOW, "sales", min(0)).await;
        app.no_answer("sales", "anna", min(2)).await;
        assert_eq!(app.miss(MOSCOW, "support", min(10)).await, case);
        assert_eq!(
            app.case(case).await.queue.as_ref().map(|name| name.as_str()),
            Some("support"),
            "of the latest miss"
        );
        app.tick(min(32)).await;
        app.no_answer("support", "vera", min(32)).await;
        app.write(move |c, _| {
            case_closing::close(c, case, dozvon::missed::case::Closed::Other, "olga", None, min(40))
        })
        .await;
        let again = app.miss(MOSCOW, "sales", min(50)).await;
        app.tick(min(51)).await;
        assert_eq!(app.stage(again).await, "deferred", "the gap is the number's, not the case's");
        app.tick(min(122)).await;
        app.no_answer("sales", "anna", min(122)).await;
        assert_eq!(app.stage(again).await, "handed_over");
        assert_eq!(made(&app, again).await, all(&[(3, "no_answer")]));
    });
}

/// Story 5.
#[test]
fn getting_through_between_attempts_closes_the_case_but_a_short_talk_does_not() {
    for_each_database(async |db| {
        let app = App::open(db).await;
        let case = app.due(MOSCOW, "sales", min(0)).await;
        app.no_answer("sales", "anna", min(2)).await;
        for (talk_ms, stage) in [(4999, "waiting"), (5000, "caller_reached_us")] {
            let call = app.rings_in(MOSCOW, min(10)).await;
            app.talked(call, min(10), min(10) + Duration::from_millis(talk_ms)).await;
            assert_eq!(app.stage(case).await, stage);
        }
        app.tick(min(40)).await;
        assert_eq!(app.lease("sales", min(40)).await.len(), 0);
        assert_eq!(told(db, EventKind::CaseClosed), 1);
    });
}

/// Story 7.
#[test]
fn two_minutes_before_closing_are_two_minutes_of_the_reaction_time() {
    for_each_database(async |db| {
        let app = App::open(db).await;
        let case = app.due(MOSCOW, "sales", min(358)).await;
        let react_by = Some(min(TUESDAY + 13));
        assert_eq!(app.case(case).await.react_by, react_by);
        assert_eq!(app.lease("sales", min(361)).await.len(), 0);
        assert_eq!(app.stage(case).await, "deferred");
        app.tick(min(TUESDAY)).await;
        let row = app.case(case).await;
        assert_eq!((row.stage.as_str(), row.react_by, row.due_at), ("due", react_by, Some(min(358))));
        let half = min(TUESDAY).0 + MINUTE * 11 / 2;
        for (at, reminders) in [(half - 1, 0), (half, 1), (half, 1)] {
            app.tick(UnixMs(at)).await;
            assert_eq!(told(db, EventKind::CaseReminded), reminders);
        }
    });
}

#[test]
fn each_rung_of_the_reaction_time_is_told_once_also_when_all_have_passed_before_it_was_due() {
    for_each_database(async |db| {
        let app = App::open(db).await;
        let case = app.due(MOSCOW, "sales", min(0)).await;
        let rungs = format!("SELECT rung_pct AS v FROM escalations WHERE case_id = {case} ORDER BY rung_pct");
        let rungs = if db.is_sqlite() { rungs } else { rungs.replace("rung_pct AS", "rung_pct::bigint AS") };
        let second = MINUTE / 60;
        for (seconds, passed) in
            [(449, 0), (450, 1), (719, 1), (720, 2), (899, 2), (900, 3), (1799, 3), (1800, 4)]
        {
            for _ in 0..2 {
                app.tick(UnixMs(min(0).0 + seconds * second)).await;
                assert_eq!(db.raw().numbers(&rungs), [50, 80, 100, 200][..passed], "after {seconds} s");
            }
        }
        app.tick(min(10_000)).await;
        assert_eq!((told(db, EventKind::CaseReminded), told(db, EventKind::CaseEscalated)), (2, 2));
        let told_of =
            "SELECT payload AS v FROM outbox WHERE kind IN ('case.reminded', 'case.escalated') ORDER BY seq";
        let people: Vec<Vec<String>> = (db.raw().texts(told_of).iter())
            .map(|payload| {
                let data: serde_json::Value = serde_json::from_str(payload).unwrap();
                let named = |who: &&str| data.get(*who).is_some_and(|person| !person.is_null());
                ["assignee", "group", "supervisor", "duty"]
                    .iter()
                    .filter(|who| named(who))
                    .map(|who| (*who).to_owned())
                    .collect()
            })
            .collect();
        assert_eq!(people, [["group"], ["group"], ["supervisor"], ["duty"]], "one after the other");
        // It is evening in Kamchatka: on Tuesday the case is due, and long overdue.
        let far = app.miss("+74152123456", "debt", min(60)).await;
        app.tick(min(61)).await;
        assert_eq!(app.stage(far).await, "deferred");
        app.tick(min(TUESDAY)).await;
        assert_eq!((app.stage(far).await.as_str(), told(db, EventKind::CaseEscalated)), ("due", 4));
    });
}

/// Stories 13 and 14.
#[test]
fn attempts_during_which_we_died_count_and_lead_to_no_fourth() {
    for_each_database(async |db| {
        let app = App::open(db).await;
        let case = app.due(MOSCOW, "sales", min(0)).await;
        // Before the lease was accepted: nobody was called.
        let work = app.lease("sales", min(1)).await.remove(0);
        assert_eq!(app.end_work(&work, CallbackResult::Lost, min(1)).await, "due");
        for (at, dialled) in [(2, false), (32, true), (122, true)] {
            app.tick(min(at)).await;
            let accepted = app.take("sales", "anna", min(at)).await;
            let attempt = app.reserve(&accepted, min(at)).await.unwrap();
            if dialled {
                app.write(move |c, _| attempts::dialled(c, attempt, min(at))).await;
            }
            app.end(&accepted, CallbackResult::Lost, min(at)).await;
        }
        assert_eq!(app.stage(case).await, "handed_over");
        assert_eq!(made(&app, case).await, all(&[(1, "orphaned"), (2, "orphaned"), (3, "orphaned")]));
        assert!(matches!(app.report(case, Disposition::Busy, min(200)).await, Err(StoreError::Cap { .. })));
    });
}

#[test]
fn what_lasts_too_long_is_orphaned_but_a_talk_owes_its_result_and_brings_no_second_call() {
    for_each_database(async |db| {
        let app = App::open(db).await;
        let case = app.due(MOSCOW, "sales", min(0)).await;
        app.dial("sales", "anna", min(2)).await;
        app.tick(min(122)).await;
        assert_eq!(made(&app, case).await, all(&[(1, "orphaned")]));
        app.tick(min(122)).await;
        let (accepted, attempt) = app.dial("sales", "boris", min(122)).await;
        let (offer, call) = (accepted.wanted.offer, accepted.work.call);
        app.write(move |c, _| callbacks::talk(c, attempt, offer, call, min(122))).await;
        app.tick(min(250)).await;
        assert_eq!(made(&app, case).await, all(&[(1, "orphaned"), (2, "wrapping_up")]));
        assert_eq!(app.stage(case).await, "attempting");
        app.record_disposition(case, Disposition::Reached, min(251)).await.unwrap();
        assert_eq!(app.stage(case).await, "agent_reached");
    });
}

#[test]
fn without_a_recorded_result_the_agent_is_asked_and_then_the_length_of_the_talk_decides() {
    for_each_database(async |db| {
        let app = App::open(db).await;
        let case = app.due(MOSCOW, "sales", min(0)).await;
        app.talk("sales", "anna", min(2)).await;
        let half = |minutes: i64| min(minutes) + Duration::from_secs(30);
        app.tick(min(12)).await;
        assert_eq!(told(db, EventKind::AttemptUndisposed), 0);
        app.tick(half(12)).await;
        app.tick(half(30)).await;
        assert_eq!(told(db, EventKind::AttemptUndisposed), 1);
        let payload = "SELECT payload AS v FROM outbox WHERE kind = 'attempt.undisposed'";
        let payload: Value = serde_json::from_str(&db.raw().texts(payload)[0]).unwrap();
        assert_eq!((&payload["assignee"], &payload["supervisor"]), (&"anna".into(), &"supervisor".into()));
        assert_eq!((&payload["agent"], &payload["talk_ms"]), (&"anna".into(), &30_000.into()));
        let free =
            async || app.store.write("ready", move |c| step(c, "anna", Step::EndWrapUp, half(122))).await;
        app.tick(min(122)).await;
        assert_eq!(app.stage(case).await, "attempting");
        assert!(free().await.is_err());
        app.tick(half(122)).await;
        assert_eq!(app.stage(case).await, "agent_reached");
        assert_eq!(
            app.attempts(case).await[0].note.as_deref(),
            Some("nobody recorded a disposition: the length of the talk decided")
        );
        free().await.unwrap();
    });
}

/// Everything that a repetition could change.
async fn picture(db: &Db, app: &App, case: CaseId) -> String {
    let count = |table: &str| db.raw().number(&format!("SELECT count(*) AS v FROM {table}"));
    let tables =
        ["outbox", "audit", "refusals", "escalations", "calls", "offers", "agent_changes"].map(count);
    format!("{:?} {:?} {tables:?}", app.case(case).await, app.attempts(case).await)
}

/// Story 15.
#[test]
fn a_step_that_is_repeated_changes_nothing() {
    for_each_database(async |db| {
        let app = App::open(db).await;
        let case = app.due(MOSCOW, "sales", min(0)).await;
        let advance = async |at| {
            app.write(move |c, callback_rules| callbacks::advance(c, case, callback_rules, at)).await
        };
        let once = picture(db, &app, case).await;
        advance(min(1)).await;
        assert_eq!(picture(db, &app, case).await, once);
        let released = app.take("sales", "anna", min(2)).await;
        app.end(&released, CallbackResult::Released("REJECTED"), min(2)).await;
        let (first, attempt) = app.dial("sales", "anna", min(2)).await;
        let once = picture(db, &app, case).await;
        app.end_work(&released.work, CallbackResult::Released("REJECTED"), min(2)).await;
        assert!(matches!(app.reserve(&first, min(2)).await, Err(NotReserved::NotOurs)));
        assert_eq!(picture(db, &app, case).await, once, "an old lease is of no account");
        app.end(&first, unreached(attempt, Disposition::NoAnswer), min(3)).await;
        let once = picture(db, &app, case).await;
        let results = [Disposition::Busy, Disposition::Cancelled].map(|result| unreached(attempt, result));
        for how in results.into_iter().chain([CallbackResult::Lost, CallbackResult::Released("LATE")]) {
            app.end(&first, how, min(4)).await;
        }
        assert_eq!(picture(db, &app, case).await, once);
        app.tick(min(40)).await;
        let (second, attempt) = app.talk("sales", "anna", min(40)).await;
        let once = picture(db, &app, case).await;
        let how = || CallbackResult::Talked { attempt, cause: "LATE".to_owned(), answered_at: min(40) };
        app.end(&second, how(), min(42)).await;
        app.end(&second, CallbackResult::Lost, min(42)).await;
        assert_eq!(picture(db, &app, case).await, once);
        app.record_disposition(case, Disposition::Voicemail, min(42)).await.unwrap();
        let once = picture(db, &app, case).await;
        assert!(app.record_disposition(case, Disposition::Voicemail, min(43)).await.is_err());
        app.end(&second, how(), min(44)).await;
        advance(min(44)).await;
        assert_eq!(picture(db, &app, case).await, once);
    });
}

/// Stories 17, 18 and 19.
#[test]
fn a_caller_without_a_number_has_no_case_and_a_barred_number_gets_no_call() {
    for_each_database(async |db| {
        let app = App::open(db).await;
        for party in [Party::Withheld, Party::Withheld, Party::Internal("1001".to_owned()), Party::Invalid] {
            assert_eq!(app.miss_of(party, "sales", min(0)).await, None);
        }
        for (number, stands) in
            [("+78091234567", "deferred"), ("+4930123456", "deferred"), ("+8823421234", "deferred")]
        {
            let case = app.miss(number, "sales", min(0)).await;
            for at in [1, 61, 121] {
                app.tick(min(at)).await;
            }
            assert_eq!(app.stage(case).await, stands, "{number}");
            let guards = format!("SELECT guard AS v FROM refusals WHERE number = '{number}'");
            assert_eq!(db.raw().texts(&guards), ["destination"]);
        }
        assert_eq!(db.raw().number("SELECT count(*) AS v FROM cases"), 3);
    });
}

/// Story 20.
#[test]
fn a_person_that_wants_no_calls_gets_none_whenever_they_say_so() {
    for_each_database(async |db| {
        let app = App::open(db).await;
        let case = app.due(MOSCOW, "sales", min(0)).await;
        app.no_answer("sales", "anna", min(2)).await;
        app.write(|c, _| {
            let (number, reason) = (&MOSCOW.parse().unwrap(), dnc::Reason::DoNotCall);
            dnc::add(c, &dnc::Add { number, reason, by: "olga", note: None, at: min(10), until: None })
        })
        .await;
        app.tick(min(32)).await;
        assert_eq!(app.stage(case).await, "do_not_call");
        // To the agent, after the case was closed because the customer rang in meanwhile.
        let other = "+74957654321";
        let case = app.due(other, "sales", min(0)).await;
        app.talk("sales", "anna", min(2)).await;
        app.write(move |c, _| {
            case_closing::close(
                c,
                case,
                dozvon::missed::case::Closed::CallerReachedUs,
                "system",
                None,
                min(3),
            )
        })
        .await;
        let again = app.miss(other, "sales", min(4)).await;
        assert!(
            app.record_disposition(again, Disposition::Reached, min(5)).await.is_err(),
            "the talk was the other case's"
        );
        app.record_disposition(case, Disposition::Refused, min(5)).await.unwrap();
        let listed = app.store.read("dnc", |c| dnc::suppressed(c, &"+74957654321".parse().unwrap(), min(6)));
        assert_eq!(listed.await.unwrap().map(|word| word.as_str()), Some("do_not_call"));
        app.tick(min(6)).await;
        assert_eq!(app.stage(again).await, "do_not_call");
    });
}

/// Story 27.
#[test]
fn a_night_shift_is_one_day_with_three_attempts() {
    for_each_database(async |db| {
        let mut app = App::open(db).await;
        app.callback_rules.repeat_queue = None;
        let known = app.rings_in(MOSCOW, min(600)).await;
        app.talked(known, min(600), min(602)).await;
        // Ten to midnight; at night somebody whom we know is called only shortly after a call of their own.
        let case = app.due(MOSCOW, "night", min(710)).await;
        app.no_answer("night", "anna", min(712)).await;
        app.tick(min(742)).await;
        app.no_answer("night", "anna", min(742)).await;
        app.report(case, Disposition::NoAnswer, min(900)).await.unwrap();
        let fourth = app.report(case, Disposition::NoAnswer, min(1190)).await.unwrap_err();
        assert!(matches!(fourth, StoreError::Cap { .. }), "{fourth}");
        let days: Vec<_> =
            app.attempts(case).await.into_iter().map(|row| row.business_day.to_string()).collect();
        assert_eq!(days, [TODAY; 3]);
        let row = app.case(case).await;
        assert_eq!((row.stage.as_str(), row.next_at), ("handed_over", Some(min(32 * 60))));
        app.tick(min(32 * 60)).await;
        app.no_answer("night", "anna", min(32 * 60)).await;
        let last = app.attempts(case).await.remove(3);
        assert_eq!((last.ordinal, last.business_day.to_string().as_str()), (Some(1), "2026-11-24"));
    });
}

/// Story 28.
#[test]
fn a_caller_missed_again_goes_before_others_and_their_clock_is_not_reset() {
    for_each_database(async |db| {
        let app = App::open(db).await;
        let first = app.due("+74950000001", "sales", min(-1)).await;
        let case = app.due(MOSCOW, "sales", min(0)).await;
        let before = app.case(case).await;
        for at in [5, 6] {
            assert_eq!(app.miss(MOSCOW, "sales", min(at)).await, case);
            app.tick(min(at)).await;
        }
        let after = app.case(case).await;
        assert_eq!((after.due_at, after.react_by), (before.due_at, before.react_by));
        assert_eq!((after.due_at, after.react_by), (Some(min(0)), Some(min(15))));
        assert_eq!((after.misses, after.priority), (3, 2));
        let leased: Vec<_> = app.lease("sales", min(8)).await.into_iter().map(|work| work.case).collect();
        assert_eq!(leased, [case, first]);
    });
}

#[test]
fn a_case_has_no_more_attempts_in_all_than_its_policy_allows_whatever_the_days_were() {
    for_each_database(async |db| {
        let app = App::open(db).await;
        let evening = 330;
        let case = app.due(MOSCOW, "sales", min(evening)).await;
        app.no_answer("sales", "anna", min(evening + 2)).await;
        assert_eq!(app.stage(case).await, "handed_over", "we close in half an hour");
        let wednesday = TUESDAY + 24 * 60;
        for at in [TUESDAY, TUESDAY + 30, TUESDAY + 120, wednesday, wednesday + 30] {
            app.tick(min(at)).await;
            app.no_answer("repeat", "anna", min(at)).await;
        }
        assert_eq!(made(&app, case).await.len(), 6);
        assert_eq!(app.stage(case).await, "unreachable");
    });
}

#[test]
fn the_repeat_contacts_queue_goes_on_for_some_days_and_then_it_ends() {
    for_each_database(async |db| {
        let app = App::open(db).await;
        // Six attempts in all.
        let case = app.due(MOSCOW, "sales", min(0)).await;
        for (at, name) in
            [(2, "sales"), (32, "sales"), (122, "sales"), (TUESDAY, "repeat"), (TUESDAY + 30, "repeat")]
        {
            app.tick(min(at)).await;
            app.no_answer(name, "anna", min(at)).await;
        }
        app.tick(min(TUESDAY + 120)).await;
        app.no_answer("repeat", "anna", min(TUESDAY + 120)).await;
        assert_eq!(app.stage(case).await, "unreachable");
        // Or three more days: each time it is too late for a second attempt.
        let case = app.due("+74957654321", "sales", min(344)).await;
        let day = 24 * 60;
        for (at, name) in
            [(345, "sales"), (345 + day, "repeat"), (345 + 2 * day, "repeat"), (345 + 3 * day, "repeat")]
        {
            assert_eq!(app.case(case).await.closed_at, None);
            app.tick(min(at)).await;
            app.no_answer(name, "anna", min(at)).await;
        }
        assert_eq!((app.stage(case).await.as_str(), app.attempts(case).await.len()), ("unreachable", 4));
        assert_eq!(told(db, EventKind::CaseHandedOver), 2, "once a case");
    });
}
