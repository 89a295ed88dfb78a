//! Callbacks that do not go as planned: wishes of customers, actions of colleagues, and our own failures.

use std::sync::Arc;
use std::time::Duration;

use dozvon::clock::UnixMs;
use dozvon::config::retention::Settings;
use dozvon::event::EventKind;
use dozvon::ids::CaseId;
use dozvon::missed::attempt::Disposition;
use dozvon::missed::case::{Closed, Reason};
use dozvon::missed::regulation::Guard;
use dozvon::rules::{Destination, Rules};
use dozvon::store::callbacks::{self, CallbackResult, CallbackRules, NotReserved};
use dozvon::store::requests::{self, Request};
use dozvon::store::retention;
use dozvon::store::{Database, case_closing, case_opening, dnc};

use crate::store::calling_back::{App, DAY, MINUTE, MOSCOW, min, unreached};
use crate::support::company::{NUMBER, TODAY, queue, request};
use crate::support::database::for_each_database;

/// Somebody asks by a program of ours to be called.
async fn asks(app: &App, number: &str, wanted_at: Option<UnixMs>, at: UnixMs) -> CaseId {
    let number = number.parse().unwrap();
    let new = Request { key_hash: None, number, wanted_at, known: true, consent_at: at, at, ..request() };
    app.write(move |c, _| requests::receive(c, &new)).await.case.unwrap()
}

/// One of us opens a case.
async fn opened_by_hand(app: &App, number: &'static str, at: UnixMs) -> CaseId {
    app.write(move |c, _| {
        let (number, queue) = (&number.parse().unwrap(), queue("sales"));
        let asked = case_opening::CallbackRequest {
            number,
            reason: Reason::ByHand,
            queue: Some(&queue),
            business_day: TODAY.parse().unwrap(),
            not_before: None,
            request: None,
            by: "olga",
            known: true,
            at,
        };
        case_opening::open_requested(c, &asked)
    })
    .await
}

#[test]
fn only_a_persons_own_act_lets_them_be_called_at_any_hour() {
    for_each_database(async |db| {
        let app = App::open(db).await;
        // Three o'clock in Moscow: the owner of a mobile may be in Kamchatka, and asleep.
        let case = opened_by_hand(&app, NUMBER, min(180)).await;
        app.tick(min(180)).await;
        assert_eq!(app.stage(case).await, "deferred");
        assert_eq!(app.case(case).await.last_miss_at, min(180));
        assert_eq!(opened_by_hand(&app, NUMBER, min(181)).await, case);
        assert_eq!(app.case(case).await.last_miss_at, min(180), "nobody was missed");
        assert!(app.now(case, min(181)).await.is_err_and(|refusal| refusal.guard == Guard::CalleeWindow));
        assert_eq!(asks(&app, NUMBER, None, min(182)).await, case);
        assert_eq!(app.now(case, min(183)).await, Ok(()));

        let case = opened_by_hand(&app, "+79007654321", min(190)).await;
        app.tick(min(190)).await;
        assert_eq!(app.stage(case).await, "deferred");
        assert_eq!(app.miss("+79007654321", "sales", min(191)).await, case);
        assert_eq!(app.now(case, min(250)).await, Ok(()), "within an hour of their call");
        assert_eq!(app.case(case).await.last_miss_at, min(191));
    });
}

#[test]
fn a_call_requested_for_three_is_made_at_three_and_is_not_a_delay() {
    for_each_database(async |db| {
        let app = App::open(db).await;
        let case = asks(&app, MOSCOW, Some(min(180)), min(0)).await;
        app.tick(min(179)).await;
        assert_eq!(app.stage(case).await, "settling");
        app.tick(min(180)).await;
        let row = app.case(case).await;
        assert_eq!((row.stage.as_str(), row.due_at, row.react_by), ("due", Some(min(180)), Some(min(195))));
        let told = "SELECT count(*) AS v FROM escalations";
        assert_eq!(db.raw().number(told), 0);
        // The caller changes their mind while waiting for us.
        assert_eq!(asks(&app, MOSCOW, Some(min(240)), min(181)).await, case);
        assert_eq!(app.lease("sales", min(182)).await.len(), 0);
        assert_eq!(app.stage(case).await, "deferred");
        app.tick(min(240)).await;
        assert_eq!(app.lease("sales", min(240)).await.len(), 1);
    });
}

#[test]
fn a_postponed_case_is_not_overdue_when_its_time_comes() {
    for_each_database(async |db| {
        let app = App::open(db).await;
        let case = app.due(MOSCOW, "sales", min(0)).await;
        app.write(move |c, callback_rules| {
            callbacks::defer(c, callback_rules, case, min(100), "olga", min(0))
        })
        .await;
        app.tick(min(99)).await;
        assert_eq!(app.stage(case).await, "deferred");
        app.tick(min(100)).await;
        assert_eq!(app.case(case).await.react_by, Some(min(115)));
        let (_, _) = app.dial("sales", "anna", min(101)).await;
        assert!(
            app.try_write(move |c, callback_rules| callbacks::defer(
                c,
                callback_rules,
                case,
                min(300),
                "olga",
                min(0)
            ))
            .await
            .is_err()
        );
    });
}

#[test]
fn a_wish_is_honoured_between_the_gap_and_the_cap() {
    for_each_database(async |db| {
        let app = App::open(db).await;
        let case = app.due(MOSCOW, "sales", min(0)).await;
        let tuesday = 21 * 60;
        for (at, wish, next) in [(2, 10, 32), (32, 200, 200), (200, 210, tuesday)] {
            app.tick(min(at)).await;
            app.talk("sales", "anna", min(at)).await;
            app.dispose_later(case, Disposition::CallLater, Some(min(wish)), min(at + 1)).await.unwrap();
            app.write(move |c, _| {
                crate::support::company::step(c, "anna", dozvon::queue::agent::Step::EndWrapUp, min(at + 1))
            })
            .await;
            let row = app.case(case).await;
            assert_eq!((row.stage.as_str(), row.next_at), ("waiting", Some(min(next))));
        }
    });
}

#[test]
fn a_place_that_became_free_is_taken_again_though_a_later_one_is_taken() {
    for_each_database(async |db| {
        let app = App::open(db).await;
        let case = app.due(MOSCOW, "sales", min(0)).await;
        let (accepted, attempt) = app.dial("sales", "anna", min(2)).await;
        let row = app.report(case, Disposition::NoAnswer, min(3)).await.unwrap();
        assert_eq!(row.ordinal, Some(2));
        app.end(&accepted, unreached(attempt, Disposition::TechnicalFailure), min(4)).await;
        for (at, place) in [(33, 1), (123, 3)] {
            app.tick(min(at)).await;
            let attempt = app.no_answer("sales", "anna", min(at)).await;
            let row = app.attempts(case).await.into_iter().find(|row| row.id == attempt).unwrap();
            assert_eq!(row.ordinal, Some(place));
        }
        assert_eq!(app.stage(case).await, "handed_over");
    });
}

#[test]
fn a_colleague_that_reaches_the_customer_during_an_offer_ends_it() {
    for_each_database(async |db| {
        let app = App::open(db).await;
        let case = app.due(MOSCOW, "sales", min(0)).await;
        let accepted = app.take("sales", "anna", min(2)).await;
        app.report(case, Disposition::NoAnswer, min(2)).await.unwrap();
        assert_eq!(app.stage(case).await, "claimed", "what we are about to do decides");
        app.report(case, Disposition::Reached, min(3)).await.unwrap();
        assert_eq!(app.stage(case).await, "agent_reached");
        assert!(matches!(app.reserve(&accepted, min(3)).await, Err(NotReserved::NotOurs)));
        assert_eq!(db.raw().number("SELECT count(*) AS v FROM attempts WHERE way = 'callback'"), 0);
    });
}

#[test]
fn our_own_failures_are_tried_again_a_few_times_and_cost_the_customer_nothing() {
    for_each_database(async |db| {
        let app = App::open(db).await;
        let case = app.due(MOSCOW, "sales", min(0)).await;
        let mut at = min(2);
        for pause_s in [30, 120, 300] {
            let (accepted, attempt) = app.dial("sales", "anna", at).await;
            app.end(&accepted, unreached(attempt, Disposition::TechnicalFailure), at).await;
            let row = app.case(case).await;
            assert_eq!(
                (row.stage.as_str(), row.next_at),
                ("waiting", Some(UnixMs(at.0 + pause_s * MINUTE / 60)))
            );
            assert_eq!(row.first_attempt_at, None, "nobody was called");
            assert_eq!(row.react_by, Some(min(15)));
            at = row.next_at.unwrap();
            app.tick(at).await;
        }
        let (accepted, attempt) = app.dial("sales", "anna", at).await;
        app.end(&accepted, unreached(attempt, Disposition::TechnicalFailure), at).await;
        assert_eq!(app.case(case).await.next_at, Some(UnixMs(at.0 + 30 * MINUTE)), "as after any attempt");
        assert_eq!(db.raw().number("SELECT count(*) AS v FROM attempts WHERE ordinal IS NOT NULL"), 0);
        let told = format!("SELECT count(*) AS v FROM outbox WHERE kind = '{}'", EventKind::CaseReminded);
        assert_eq!(db.raw().number(&told), 1, "half of the reaction time is over");
    });
}

#[test]
fn the_call_of_an_attempt_stays_as_long_as_its_case() {
    for_each_database(async |db| {
        let app = App::open(db).await;
        let case = app.due(MOSCOW, "sales", min(0)).await;
        app.talk("sales", "anna", min(2)).await;
        app.record_disposition(case, Disposition::Reached, min(3)).await.unwrap();
        let later = UnixMs(min(3).0 + 3 * DAY);
        let day = Duration::from_secs(86_400);
        for (cases, calls) in [(day * 9, 2), (day, 0)] {
            let settings = Settings { calls: day, cases, ..Settings::default() };
            app.write(move |c, _| retention::delete_batch(c, later, &settings)).await;
            let settings = Settings { calls: day, cases, ..Settings::default() };
            app.write(move |c, _| retention::delete_batch(c, later, &settings)).await;
            assert_eq!(db.raw().number("SELECT count(*) AS v FROM calls"), calls);
        }
        assert_eq!(db.raw().number("SELECT count(*) AS v FROM cases"), 0);
    });
}

/// The company without some of its queues.
fn without(app: &App, gone: &[&str]) -> Rules {
    let mut rules = Rules::clone(&app.callback_rules.rules);
    rules.queues.retain(|name, _| !gone.contains(&name.as_str()));
    let (first, _) = rules.queues.first_key_value().unwrap();
    let there = Destination::Queue(first.clone());
    for queue in rules.queues.values_mut() {
        queue.overflow = Destination::message("sorry".parse().unwrap());
    }
    for route in &mut rules.routes {
        route.open = there.clone();
    }
    rules
}

#[test]
fn the_cases_of_a_removed_queue_go_to_the_queue_that_calls_back_or_to_the_only_one() {
    let all_but_support = ["sales", "repeat", "debt", "night"];
    // What is removed, what `[callback] queue` says, and who calls back then.
    let houses = [
        (&["sales"][..], Some("support"), "support"),
        (&all_but_support, None, "support"),
        (&all_but_support, Some("sales"), "support"),
    ];
    for (gone, named, wanted) in houses {
        for_each_database(async |db| {
            let mut app = App::open(db).await;
            // Nobody is to be told any more that this one is overdue.
            let overdue = app.due("+74957654323", "sales", min(-60)).await;
            app.tick(min(-20)).await;
            let due = app.due(MOSCOW, "sales", min(0)).await;
            let waiting = app.due("+74957654321", "sales", min(0)).await;
            app.write(move |c, callback_rules| {
                callbacks::defer(c, callback_rules, waiting, min(4), "olga", min(0))
            })
            .await;
            let new = app.miss("+74957654322", "sales", min(1)).await;
            let rules = Arc::new(without(&app, gone));
            app.callback_rules.queue = named.map(queue);
            app.callback_rules.rules = Arc::clone(&rules);
            app.write(move |c, _| dozvon::store::rules::replace(c, &rules).map(drop)).await;
            app.write(|c, callback_rules| callbacks::rehome(c, callback_rules, min(4))).await;
            app.tick(min(4)).await;
            for case in [overdue, due, waiting, new] {
                let row = app.case(case).await;
                assert_eq!(
                    (row.stage.as_str(), row.queue.as_ref().map(|name| name.as_str())),
                    ("due", Some(wanted)),
                    "{named:?}"
                );
            }
            assert_eq!(app.case(due).await.react_by, Some(min(15)), "the case's clock goes on");
            let leased: Vec<_> = app.lease(wanted, min(4)).await.into_iter().map(|work| work.case).collect();
            assert_eq!(leased, [overdue, due, new, waiting]);
        });
    }
}

#[test]
fn a_case_on_offer_when_its_queue_is_removed_is_offered_in_another_one() {
    for_each_database(async |db| {
        let mut app = App::open(db).await;
        let case = app.due(MOSCOW, "sales", min(0)).await;
        let work = app.lease("sales", min(2)).await.remove(0);
        let rules = Arc::new(without(&app, &["sales"]));
        (app.callback_rules.queue, app.callback_rules.rules) = (Some(queue("support")), rules);
        app.write(|c, callback_rules| callbacks::rehome(c, callback_rules, min(3))).await;
        assert_eq!(
            app.case(case).await.next_at,
            Some(UnixMs(work.lease_until.0 + MINUTE / 2)),
            "as long as it was"
        );
        assert_eq!(app.end_work(&work, CallbackResult::Released("QUEUE_GONE"), min(3)).await, "due");
        app.tick(min(4)).await;
        assert_eq!(app.lease("support", min(4)).await.len(), 1);
    });
}

#[test]
fn a_caller_that_calls_or_asks_again_is_not_put_off_until_tomorrow() {
    for_each_database(async |db| {
        let app = App::open(db).await;
        // An hour after its call a mobile may be anywhere again.
        let case = app.due(NUMBER, "sales", min(120)).await;
        assert_eq!(app.lease("sales", min(200)).await.len(), 0);
        assert_eq!(app.stage(case).await, "deferred");
        assert_eq!(app.miss(NUMBER, "sales", min(210)).await, case);
        app.tick(min(211)).await;
        assert_eq!(app.stage(case).await, "due");
        let asked = asks(&app, MOSCOW, Some(min(24 * 60)), min(0)).await;
        assert_eq!(asks(&app, MOSCOW, None, min(1)).await, asked);
        app.tick(min(1)).await;
        assert_eq!(app.stage(asked).await, "due", "as soon as may be");
    });
}

/// Anybody can write a number into a form, at any hour.
#[test]
fn a_request_by_night_calls_nobody_up_by_night() {
    for_each_database(async |db| {
        let app = App::open(db).await;
        for (at, open, stage) in [(3 * 60, "sales", "due"), (15 * 60, "night", "handed_over")] {
            let number = NUMBER.replace("4567", &format!("{at:04}"));
            let (wanted_at, at) = (None, min(at));
            let queue = Some(queue(open));
            let number = number.parse().unwrap();
            let new = Request { key_hash: None, number, wanted_at, queue, consent_at: at, at, ..request() };
            let case = app.write(move |c, _| requests::receive(c, &new)).await.case.unwrap();
            app.tick(at).await;
            assert_eq!(app.stage(case).await, stage);
        }
    });
}

/// And show any number as the caller's.
#[test]
fn a_call_by_night_calls_nobody_up_by_night_who_never_talked_with_us() {
    for_each_database(async |db| {
        let app = App::open(db).await;
        let night = 15 * 60;
        for (known, stage) in [(false, "handed_over"), (true, "due")] {
            let number = NUMBER.replace("4567", if known { "4561" } else { "4562" });
            if known {
                let call = app.rings_in(&number, min(60)).await;
                app.talked(call, min(60), min(62)).await;
            }
            let case = app.miss(&number, "night", min(night)).await;
            app.tick(min(night + 2)).await;
            assert_eq!(app.stage(case).await, stage, "known: {known}");
        }
    });
}

/// A law that forbids more goes with the case.
#[test]
fn what_is_owed_under_a_stricter_law_stays_with_the_queue_that_keeps_it() {
    for_each_database(async |db| {
        let app = App::open(db).await;
        let case = app.due(MOSCOW, "debt", min(0)).await;
        assert_eq!(app.miss(MOSCOW, "sales", min(1)).await, case);
        assert_eq!(
            app.case(case).await.queue.as_ref().map(|name| name.as_str()),
            Some("debt"),
            "the caller calls the other queue"
        );
        app.no_answer("debt", "anna", min(2)).await;
        let row = app.case(case).await;
        assert_eq!(
            (row.stage.as_str(), row.queue.as_ref().map(|name| name.as_str())),
            ("handed_over", Some("debt"))
        );
        let rules = without(&app, &["debt"]);
        let removed = app.try_write(move |c, _| dozvon::store::rules::replace(c, &rules).map(drop)).await;
        let refused = removed.unwrap_err().to_string();
        assert!(refused.contains("queue debt has open cases") && refused.contains("case list"), "{refused}");
    });
}

/// An agent, or their number, is not kept waiting for what nobody needs any more.
#[test]
fn a_talk_whose_case_is_closed_is_decided_by_its_length_in_the_end() {
    for_each_database(async |db| {
        let app = App::open(db).await;
        let case = app.due(MOSCOW, "sales", min(0)).await;
        let (_, attempt) = app.talk("sales", "anna", min(2)).await;
        app.write(move |c, _| case_closing::close(c, case, Closed::Other, "olga", None, min(3)).map(drop))
            .await;
        let forgotten = async |at: UnixMs| {
            let before = at - app.callback_rules.disposition_timeout;
            app.store
                .read("forgotten", move |c| callbacks::missing_dispositions(c, before, 10, &[]))
                .await
                .unwrap()
        };
        assert_eq!(forgotten(min(12)).await, []);
        assert_eq!(forgotten(min(13)).await, [attempt]);
        app.write(move |c, callback_rules| {
            callbacks::decide_disposition(c, attempt, callback_rules, min(13))
        })
        .await;
        assert_eq!(app.attempts(case).await[0].disposition.map(|word| word.as_str()), Some("reached"));
        assert_eq!(forgotten(min(13)).await, []);
        let next = app.due(MOSCOW, "sales", min(40)).await;
        assert_eq!(app.lease("sales", min(41)).await.len(), 1, "case {next}");
    });
}

#[test]
fn a_caller_with_no_lawful_hour_in_their_queue_goes_to_the_repeat_contacts_queue() {
    for_each_database(async |db| {
        let app = App::open(db).await;
        // A mobile may be anywhere from Kaliningrad to Kamchatka: no hour of the night is lawful in all of these.
        let mobile = "+79001234567";
        let case = app.miss(mobile, "night", min(710)).await;
        app.tick(min(780)).await;
        let row = app.case(case).await;
        assert_eq!(
            (row.stage.as_str(), row.queue.as_ref().map(|name| name.as_str())),
            ("handed_over", Some("repeat"))
        );
        app.tick(min(21 * 60)).await;
        app.tick(min(21 * 60 + 10)).await;
        app.no_answer("repeat", "anna", min(21 * 60 + 10)).await;
        let mut alone = App::open(db).await;
        alone.callback_rules.repeat_queue = None;
        let case = alone.miss("+79001234568", "night", min(710)).await;
        alone.tick(min(711)).await;
        assert_eq!(alone.lease("night", min(780)).await.len(), 0);
        for day in 0..3 {
            assert_eq!(alone.stage(case).await, "handed_over", "day {day}");
            alone.tick(min(710 + (day + 1) * 24 * 60)).await;
        }
        assert_eq!(alone.stage(case).await, "unreachable");
    });
}

#[test]
fn a_new_case_of_a_number_that_is_being_dialled_waits() {
    for_each_database(async |db| {
        let app = App::open(db).await;
        let case = app.due(MOSCOW, "sales", min(0)).await;
        app.dial("sales", "anna", min(2)).await;
        app.write(move |c, _| {
            case_closing::close(c, case, dozvon::missed::case::Closed::Other, "olga", None, min(3))
        })
        .await;
        let again = app.miss(MOSCOW, "sales", min(39)).await;
        app.tick(min(40)).await;
        assert_eq!(app.stage(again).await, "deferred", "past the gap, and the customer's phone still rings");
        assert_eq!(db.raw().number("SELECT count(*) AS v FROM attempts"), 1);
    });
}

#[test]
fn a_lease_that_is_over_neither_dials_nor_takes_the_next_one_away() {
    for_each_database(async |db| {
        let app = App::open(db).await;
        let case = app.due(MOSCOW, "sales", min(0)).await;
        let old = app.take("sales", "anna", min(2)).await;
        app.tick(UnixMs(old.work.lease_until.0 + MINUTE / 2)).await;
        assert_eq!(app.stage(case).await, "due");
        let new = app.take("sales", "boris", min(6)).await;
        assert!(matches!(app.reserve(&old, min(6)).await, Err(NotReserved::NotOurs)));
        app.end(&old, dozvon::store::callbacks::CallbackResult::Released("LATE"), min(6)).await;
        assert_eq!(app.stage(case).await, "claimed");
        app.reserve(&new, min(6)).await.unwrap();
    });
}

/// Who closes a case says more than that it is closed: the next miss of that number is no debt either.
#[test]
fn a_number_that_somebody_gave_up_for_good_is_not_called_back_at_the_next_miss() {
    for_each_database(async |db| {
        let app = App::open(db).await;
        for (number, reason, expires) in [
            (MOSCOW, Closed::DoNotCall, None),
            ("+74957654321", Closed::WrongNumber, Some(UnixMs(min(1).0 + 365 * DAY))),
            ("+74957654322", Closed::Spam, None),
        ] {
            let case = app.due(number, "sales", min(0)).await;
            let close = move |c: &mut Database, _: &CallbackRules| {
                case_closing::close_by_hand(c, case, reason, "olga", None, min(1))
            };
            assert_eq!(app.write(close).await.closed_by.as_deref(), Some("olga"));
            assert!(app.try_write(close).await.is_err(), "closed already");
            let listed = app.write(|c, _| dnc::list(c, 9)).await;
            let found = listed.iter().find(|row| row.number.as_str() == number);
            if reason == Closed::Spam {
                assert_eq!(found, None);
                continue;
            }
            let found = found.unwrap();
            assert_eq!((found.reason.as_str(), found.by.as_str()), (reason.as_str(), "olga"));
            assert_eq!(found.expires_at, expires);
            let again = app.miss(number, "sales", min(5)).await;
            app.tick(min(60)).await;
            let row = app.case(again).await;
            assert_ne!(row.stage.as_str(), "due");
            assert_ne!(row.closed_by.as_deref(), Some("olga"));
        }
        let told = "SELECT count(*) AS v FROM audit WHERE action = 'dnc_added'";
        assert_eq!(db.raw().number(told), 2, "once each, whatever the rules close afterwards");
    });
}

#[test]
fn closing_a_case_as_erased_erases_nobody_and_is_refused() {
    for_each_database(async |db| {
        let app = App::open(db).await;
        let case = app.due(MOSCOW, "sales", min(0)).await;
        let close = move |c: &mut Database, _: &CallbackRules| {
            case_closing::close_by_hand(c, case, Closed::Erased, "olga", None, min(1))
        };
        let said = app.try_write(close).await.unwrap_err().to_string();
        assert!(said.contains("`dozvon erase NUMBER`"), "{said}");
        assert_eq!(app.case(case).await.closed_at, None);
    });
}

#[test]
fn the_audit_names_the_person_that_postponed_or_advanced_a_case() {
    for_each_database(async |db| {
        let app = App::open(db).await;
        let case = app.due(MOSCOW, "sales", min(0)).await;
        app.write(move |c, callback_rules| {
            callbacks::defer(c, callback_rules, case, min(100), "boris", min(1))
        })
        .await;
        app.now(case, min(2)).await.unwrap();
        let mut raw = db.raw();
        let told = "SELECT \"by\" || ' ' || action || ' ' || subject || ' ' || details AS v FROM audit \
                    WHERE action IN ('case_deferred', 'case_called_up') ORDER BY id";
        let deferred = format!("boris case_deferred case:{case} {{\"until\":\"{}\"}}", min(100));
        assert_eq!(raw.texts(told), [deferred, format!("olga case_called_up case:{case} {{}}")]);
        let keys = "SELECT count(*) AS v FROM audit WHERE action LIKE 'case_%' AND number_key IS NULL";
        assert_eq!(raw.number(keys), 0);
    });
}
