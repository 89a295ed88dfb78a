//! Who may put off a case, and what cancels that.

use std::time::Duration;

use dozvon::clock::UnixMs;
use dozvon::ids::CaseId;
use dozvon::missed::attempt::Disposition;
use dozvon::store::callbacks;
use dozvon::store::requests::{self, Request};

use crate::store::calling_back::{App, DAY, MOSCOW, min};
use crate::support::company::request;
use crate::support::database::for_each_database;

/// Somebody asks to be called: by the public form, or through a program that is known.
async fn asks(app: &App, wanted_at: Option<UnixMs>, known: bool, at: UnixMs) -> CaseId {
    let number = MOSCOW.parse().unwrap();
    let new = Request { key_hash: None, number, wanted_at, known, consent_at: at, at, ..request() };
    app.write(move |c, _| requests::receive(c, &new)).await.case.unwrap()
}

fn in_days(days: i64) -> UnixMs {
    UnixMs(min(0).0 + days * DAY)
}

#[test]
fn nobody_puts_off_by_a_form_who_was_missed() {
    for_each_database(async |db| {
        let app = App::open(db).await;
        let case = app.due(MOSCOW, "sales", min(0)).await;
        assert_eq!(asks(&app, Some(in_days(30)), false, min(2)).await, case);
        assert_eq!(app.case(case).await.not_before, None);
        assert_eq!(app.lease("sales", min(3)).await.len(), 1, "the caller is called back all the same");
    });
}

#[test]
fn a_form_hastens_and_a_program_that_is_known_puts_off() {
    for_each_database(async |db| {
        let app = App::open(db).await;
        let case = asks(&app, Some(in_days(2)), false, min(0)).await;
        let row = app.case(case).await;
        assert_eq!(row.not_before, Some(in_days(2)));
        let said = (row.not_before_source.map(|word| word.as_str()), row.not_before_by.as_deref());
        assert_eq!(said, (Some("request"), Some(request().source.as_str())));
        for (wanted, known, then) in [
            (Some(in_days(30)), false, Some(in_days(2))),
            (Some(in_days(1)), false, Some(in_days(1))),
            (Some(in_days(3)), true, Some(in_days(3))),
            (None, false, None),
        ] {
            asks(&app, wanted, known, min(1)).await;
            assert_eq!(app.case(case).await.not_before, then, "{wanted:?} {known}");
        }
    });
}

#[test]
fn a_miss_overrules_what_a_request_put_off_and_not_what_one_of_us_did() {
    for_each_database(async |db| {
        let app = App::open(db).await;
        let case = asks(&app, Some(in_days(30)), false, min(0)).await;
        app.tick(min(1)).await;
        assert_eq!(app.miss(MOSCOW, "sales", min(2)).await, case);
        app.tick(min(2) + Duration::from_secs(60)).await;
        assert_eq!(app.stage(case).await, "due");
        app.write(move |c, callback_rules| {
            dozvon::store::callbacks::defer(c, callback_rules, case, in_days(1), "olga", min(4))
        })
        .await;
        app.miss(MOSCOW, "sales", min(5)).await;
        app.tick(min(7)).await;
        let row = app.case(case).await;
        assert_eq!((row.stage.as_str(), row.not_before_by.as_deref()), ("deferred", Some("olga")));
        app.report(case, Disposition::Reached, min(8)).await.unwrap();
    });
}

/// A number abroad is not called by itself, and not given up either: one of us may say that it is called.
#[test]
fn a_case_from_abroad_waits_for_people_who_may_have_it_called() {
    for_each_database(async |db| {
        let app = App::open(db).await;
        let berlin = app.miss("+4930123456", "sales", min(0)).await;
        let satellite = app.miss("+8823421234", "sales", min(0)).await;
        app.tick(min(1)).await;
        let row = app.case(berlin).await;
        let why = app
            .write(move |c, callback_rules| callbacks::why_not(c, &row, callback_rules, min(1)))
            .await
            .unwrap();
        assert!(
            why.to_string().starts_with("destination: not called automatically: the number is abroad"),
            "{why}"
        );
        let kept = app.write(move |c, _| callbacks::refusals_of(c, berlin, 10)).await;
        assert_eq!(kept.iter().map(|row| row.guard.as_str()).collect::<Vec<_>>(), ["destination"]);
        assert_eq!(app.now(berlin, min(2)).await, Ok(()));
        assert_eq!(app.lease("sales", min(2)).await.len(), 1);
        assert!(app.now(satellite, min(2)).await.is_err(), "it costs extra, or is nobody's");
        assert_eq!(app.case(satellite).await.abroad_allowed_by, None);
    });
}

/// The reminders of a case that was put off begin when it is called up, not when it was put off to.
#[test]
fn the_reminders_of_a_postponed_case_begin_when_it_is_called_up() {
    for_each_database(async |db| {
        let app = App::open(db).await;
        let case = app.due(MOSCOW, "sales", min(0)).await;
        app.write(move |c, callback_rules| {
            callbacks::defer(c, callback_rules, case, min(300), "olga", min(4))
        })
        .await;
        assert!(
            app.write(move |c, callback_rules| callbacks::now(c, callback_rules, case, "olga", min(60)))
                .await
                .is_ok()
        );
        let row = app.case(case).await;
        assert_eq!((row.stage.as_str(), row.not_before), ("due", None));
        assert_eq!(row.react_by, Some(min(75)));
        assert!(row.next_at.is_some_and(|next| next > min(60) && next <= min(75)), "{:?}", row.next_at);
    });
}

/// Who was refused has allowed nothing: the number would be dialled in the morning all the same.
#[test]
fn a_call_abroad_that_is_refused_is_not_allowed_for_later() {
    for_each_database(async |db| {
        let app = App::open(db).await;
        let berlin = app.miss("+4930123456", "sales", min(0)).await;
        app.tick(min(1)).await;
        let refused = app.now(berlin, min(12 * 60)).await.unwrap_err();
        assert_ne!(refused.guard.as_str(), "destination", "{}", refused.why);
        assert_eq!(app.case(berlin).await.abroad_allowed_by, None);
    });
}

/// Numbers that are dear are shown by people as well: one of us decides. Nobody can call a number that does not exist.
#[test]
fn a_case_whose_number_is_dear_waits_for_people_who_are_told_once() {
    for_each_database(async |db| {
        let app = App::open(db).await;
        let hotline = app.miss("+78001234567", "sales", min(0)).await;
        let berlin = app.miss("+4930123456", "sales", min(0)).await;
        for minute in [1, 70, 140] {
            app.tick(min(minute)).await;
        }
        for case in [hotline, berlin] {
            let row = app.case(case).await;
            assert_eq!(
                (row.closed_at, row.close_reason.map(|word| word.as_str())),
                (None, None),
                "{}",
                row.number
            );
        }
        let refused = app.now(hotline, min(141)).await.unwrap_err();
        assert!(refused.why.contains("allow_premium = true"), "the same guard is asked: {}", refused.why);
        let told = "SELECT aggregate AS v FROM outbox WHERE kind = 'case.for_people' ORDER BY aggregate";
        let mut cases = [hotline, berlin].map(|case| format!("case:{case}"));
        cases.sort();
        assert_eq!(db.raw().texts(told), cases);
    });
}
