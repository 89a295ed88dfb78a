//! How long rows are kept: requests, notifications, and dials that were refused.

use std::time::Duration;

use dozvon::clock::{Clock, UnixMs};
use dozvon::config::retention::Settings;
use dozvon::missed::attempt::Disposition;
use dozvon::retention::{Trust, run};
use dozvon::store::dnc::{self, Add, Reason};
use dozvon::store::retention;
use dozvon::store::retention::Deleted;

use crate::store::calling_back::{App, DAY, MOSCOW, min};
use crate::support::company::TODAY;
use crate::support::database::{Db, for_each_database};

/// Ten days later.
const NOW: UnixMs = UnixMs(min(0).0 + 10 * DAY);
/// What is older than a day is too old.
const BEFORE: i64 = NOW.0 - DAY;
const OLD: i64 = BEFORE - 1;

/// A day is kept of one kind, and everything else for ever.
fn only(change: impl FnOnce(&mut Settings)) -> Settings {
    let ever = Duration::ZERO;
    let mut settings = Settings {
        calls: ever,
        cases: ever,
        requests: ever,
        outbox: ever,
        audit: ever,
        batch: 2,
        ..Settings::default()
    };
    change(&mut settings);
    settings
}

const KEPT: Duration = Duration::from_hours(24);

/// Deletes one batch.
async fn delete_batch(db: &Db, settings: &Settings) -> Deleted {
    let settings = settings.clone();
    db.write(move |c| retention::delete_batch(c, NOW, &settings)).await
}

/// An event that was spread at an instant, with deliveries that ended at others.
fn event(seq: i64, spread_at: Option<i64>, deliveries: &[(&str, Option<i64>)]) -> String {
    let sql = |at: Option<i64>| at.map_or("NULL".to_owned(), |at| at.to_string());
    let mut all = format!(
        "INSERT INTO outbox (seq, id, aggregate, kind, payload, created_at, spread_at) \
         VALUES ({seq}, 'e{seq}', 'case:{seq}', 'case.opened', '{{}}', {BEFORE}, {});",
        sql(spread_at)
    );
    for (place, (state, done_at)) in deliveries.iter().enumerate() {
        all += &format!(
            "INSERT INTO deliveries (event, aggregate, destination, recipient, state, done_at) \
             VALUES ({seq}, 'case:{seq}', 'mail', 'r{place}', '{state}', {});",
            sql(*done_at)
        );
    }
    all
}

#[test]
fn what_was_told_to_all_goes_when_it_is_old_enough_and_what_waits_stays() {
    for_each_database(async |db| {
        let old = Some(OLD);
        let mut raw = db.raw();
        for (seq, spread_at, deliveries) in [
            (1, old, &[][..]),
            (2, old, &[("done", old), ("dead", old)]),
            (3, old, &[("skipped", old)]),
            (4, old, &[("done", old), ("waiting", None)]),
            (5, old, &[("done", old), ("done", Some(BEFORE))]),
            (6, None, &[]),
            (7, Some(BEFORE), &[("done", old)]),
        ] {
            raw.run(&event(seq, spread_at, deliveries)).unwrap();
        }
        let settings = only(|settings| settings.outbox = KEPT);
        let took = delete_batch(db, &settings).await;
        assert_eq!(took, Deleted { outbox: 2, more: true, ..Deleted::default() });
        assert_eq!(delete_batch(db, &settings).await, Deleted { outbox: 1, ..Deleted::default() });
        assert!(delete_batch(db, &settings).await.is_empty());
        assert_eq!(raw.numbers("SELECT seq AS v FROM outbox ORDER BY seq"), [4, 5, 6, 7]);
        assert_eq!(raw.numbers("SELECT event AS v FROM deliveries ORDER BY event"), [4, 4, 5, 5, 7]);
        let told = "SELECT count(*) AS v FROM audit WHERE action = 'retention'";
        assert_eq!(raw.number(told), 2, "each batch that deleted something");
    });
}

/// What nobody took is given up before it goes: people see it, and may have it tried once more.
#[test]
fn what_waits_for_too_long_is_given_up_first_and_deleted_later() {
    for_each_database(async |db| {
        let old = Some(OLD);
        let mut raw = db.raw();
        // The first and the second stand in one line; the third is tried again at this moment, as people wished.
        let rows = [1, 2, 3].map(|seq| event(seq, old, &[("done", old), ("waiting", None)])).concat();
        let rows = rows.replace(&format!("'{{}}', {BEFORE}"), &format!("'{{}}', {OLD}"));
        raw.run(&rows.replace("'case:2'", "'case:1'")).unwrap();
        let turn = |event: i64, at: i64| {
            format!("UPDATE deliveries SET next_at = {at} WHERE event = {event} AND state = 'waiting';")
        };
        raw.run(&(turn(1, OLD) + &turn(3, NOW.0))).unwrap();
        let settings = only(|settings| (settings.outbox, settings.batch) = (KEPT, 10));
        assert!(delete_batch(db, &settings).await.is_empty(), "nothing is deleted yet");
        let states = "SELECT state AS v FROM deliveries WHERE recipient <> 'r0' ORDER BY event";
        assert_eq!(raw.texts(states), ["dead", "dead", "waiting"]);
        let why = raw.texts("SELECT last_error AS v FROM deliveries WHERE state = 'dead'");
        assert!(why.iter().all(|why| why.contains("[retention] outbox")), "{why:?}");
        raw.run(&format!("UPDATE deliveries SET done_at = {OLD} WHERE state = 'dead'")).unwrap();
        assert_eq!(delete_batch(db, &settings).await, Deleted { outbox: 2, ..Deleted::default() });
    });
}

#[test]
fn what_came_by_a_form_goes_when_it_is_old_enough() {
    for_each_database(async |db| {
        let mut raw = db.raw();
        for (id, at) in [(1, OLD - 2), (2, OLD - 1), (3, OLD), (4, BEFORE)] {
            raw.run(&format!(
                "INSERT INTO requests (id, number, source, consent_text, consent_at, received_at) \
                 VALUES ({id}, '{MOSCOW}', 'site', 'yes', {at}, {at})"
            ))
            .unwrap();
        }
        let settings = only(|settings| settings.requests = KEPT);
        assert_eq!(
            delete_batch(db, &settings).await,
            Deleted { requests: 2, more: true, ..Deleted::default() }
        );
        assert_eq!(raw.numbers("SELECT id AS v FROM requests ORDER BY id"), [3, 4], "the oldest first");
        assert_eq!(delete_batch(db, &settings).await, Deleted { requests: 1, ..Deleted::default() });
        assert_eq!(raw.numbers("SELECT id AS v FROM requests"), [4]);
    });
}

#[test]
fn a_refused_dial_is_kept_as_long_as_its_case_or_as_what_was_told_if_there_is_none() {
    for_each_database(async |db| {
        let app = App::open(db).await;
        let closed = app.due(MOSCOW, "sales", min(0)).await;
        app.report(closed, Disposition::Reached, min(1)).await.unwrap();
        let open = app.due("+74957654321", "sales", min(0)).await;
        let mut raw = db.raw();
        let nobody = "NULL".to_owned();
        for (id, case, at) in [
            (1, nobody.clone(), OLD - 2),
            (2, nobody.clone(), OLD - 1),
            (3, nobody.clone(), OLD),
            (4, nobody, BEFORE),
            (5, closed.to_string(), min(1).0),
            (6, open.to_string(), min(1).0),
        ] {
            raw.run(&format!(
                "INSERT INTO refusals (id, at, case_id, number, guard, why, \"by\", policy, policy_version) \
                 VALUES ({id}, {at}, {case}, '{MOSCOW}', 'do_not_call', 'x', 'anna', 'service', 1)"
            ))
            .unwrap();
        }
        let left = "SELECT id AS v FROM refusals ORDER BY id";
        raw.run("DELETE FROM outbox").unwrap();
        let settings = only(|settings| settings.outbox = KEPT);
        assert_eq!(
            delete_batch(db, &settings).await,
            Deleted { refusals: 2, more: true, ..Deleted::default() }
        );
        assert_eq!(raw.numbers(left), [3, 4, 5, 6], "in small batches, the oldest first");
        assert_eq!(delete_batch(db, &settings).await, Deleted { refusals: 1, ..Deleted::default() });
        assert_eq!(raw.numbers(left), [4, 5, 6]);
        let told = "SELECT details AS v FROM audit WHERE action = 'retention' ORDER BY id";
        let said: Vec<serde_json::Value> =
            raw.texts(told).iter().map(|text| serde_json::from_str(text).unwrap()).collect();
        assert_eq!(said.iter().map(|said| said["refusals"].clone()).collect::<Vec<_>>(), [2, 1]);
        let settings = only(|settings| settings.cases = KEPT);
        assert_eq!(delete_batch(db, &settings).await, Deleted { cases: 1, ..Deleted::default() });
        assert_eq!(raw.numbers(left), [4, 6], "with its case");
        assert_eq!(raw.texts("SELECT business_day AS v FROM cases"), [TODAY]);
    });
}

#[test]
fn a_number_leaves_the_do_not_call_list_when_its_time_is_over_for_long_enough() {
    for_each_database(async |db| {
        let until = [Some(OLD - 2), Some(OLD - 1), Some(OLD), Some(BEFORE), Some(NOW.0 + 1), None];
        db.write(move |c| {
            (1..).zip(until).try_for_each(|(n, until)| {
                let number = &format!("+7495123450{n}").parse().unwrap();
                let (reason, until) = (Reason::WrongNumber, until.map(UnixMs));
                dnc::add(c, &Add { number, reason, by: "anna", note: None, at: min(0), until })
            })
        })
        .await;
        let mut raw = db.raw();
        let settings = only(|settings| settings.cases = KEPT);
        let left = "SELECT count(*) AS v FROM do_not_call";
        assert_eq!(
            delete_batch(db, &settings).await,
            Deleted { do_not_call: 2, more: true, ..Deleted::default() }
        );
        assert_eq!(raw.number(left), 4);
        assert_eq!(delete_batch(db, &settings).await, Deleted { do_not_call: 1, ..Deleted::default() });
        assert!(delete_batch(db, &settings).await.is_empty());
        let kept = raw.texts("SELECT number AS v FROM do_not_call ORDER BY number");
        assert_eq!(kept, ["+74951234504", "+74951234505", "+74951234506"]);
        let told = raw.texts("SELECT details AS v FROM audit WHERE action = 'retention' ORDER BY id");
        assert!(told[0].contains("\"do_not_call\":2") && told[1].contains("\"do_not_call\":1"), "{told:?}");
        assert_eq!(delete_batch(db, &only(|_| {})).await, Deleted::default(), "for ever is for ever");
    });
}

/// A clock that is three years ahead would have everything deleted for good.
#[test]
fn a_clock_that_was_put_forward_deletes_nothing_unless_somebody_says_that_it_is_right() {
    for_each_database(async |db| {
        let app = App::open(db).await;
        let settings = Settings::default();
        let went = async |days: i64, trust: Trust| {
            let clock = Clock::starting_at(UnixMs(min(0).0 + days * DAY));
            run(&db.store, clock, &settings, trust).await.map(|took| took.cases)
        };
        assert_eq!(went(3 * 365, Trust::Doubtful).await.unwrap(), 0, "there is nothing");
        db.raw().run("DELETE FROM outbox").unwrap();
        let case = app.due(MOSCOW, "sales", min(0)).await;
        app.report(case, Disposition::Reached, min(1)).await.unwrap();
        assert_eq!(went(1, Trust::Doubtful).await.unwrap(), 0, "the clock is right");
        let said = went(3 * 365, Trust::Doubtful).await.unwrap_err().to_string();
        for words in ["clock says 2029-", "record before that jump is of 2026-", "--clock-is-right"] {
            assert!(said.contains(words), "{said}");
        }
        assert_eq!(went(29, Trust::Doubtful).await.unwrap(), 0, "a quiet month");
        // What comes in by the wrong clock does not make it right.
        let jumped = UnixMs(min(0).0 + 3 * 365 * DAY);
        app.miss("+74957654321", "sales", jumped).await;
        assert!(went(3 * 365, Trust::Doubtful).await.is_err());
        assert_eq!(db.raw().number("SELECT count(*) AS v FROM attempts"), 1);
        assert!(went(3 * 365 + 2, Trust::Doubtful).await.is_err(), "nor that it has gone on for two days");
        assert_eq!(db.raw().number("SELECT count(*) AS v FROM attempts"), 1);
        assert_eq!(went(3 * 365 + 2, Trust::Right).await.unwrap(), 1);
        assert_eq!(went(3 * 365 + 3, Trust::Doubtful).await.unwrap(), 0, "it is believed from now on");
    });
}

#[test]
fn a_confirmed_clock_is_believed() {
    for_each_database(async |db| {
        let app = App::open(db).await;
        let case = app.due(MOSCOW, "sales", min(0)).await;
        app.report(case, Disposition::Reached, min(1)).await.unwrap();
        let clock = Clock::starting_at(UnixMs(min(0).0 + 3 * 365 * DAY));
        let took = run(&db.store, clock, &Settings::default(), Trust::Right).await.unwrap();
        assert_eq!(took.cases, 1);
    });
}

/// What nobody can set speaks beside the clock: the time that has gone by since the controller started.
#[tokio::test(start_paused = true)]
async fn a_controller_whose_clock_is_put_forward_deletes_nothing_before_it_is_started_again() {
    let folder = tempfile::tempdir().unwrap();
    let url = dozvon::config::database::DatabaseUrl::Sqlite(folder.path().join("dozvon.db"));
    let store = dozvon::store::Store::open(&url, dozvon::config::store::Settings::default()).await.unwrap();
    store.migrate().await.unwrap();
    let wrong_by = Box::leak(Box::<std::sync::atomic::AtomicI64>::default());
    let clock = Clock::wrong_by(wrong_by);
    let stop = tokio_util::sync::CancellationToken::new();
    let every = Duration::from_mins(10);
    let settings = Settings { calls: Duration::from_hours(24), poll_interval: every, ..Settings::default() };
    let recordings = std::sync::Arc::new(dozvon::recordings::Recordings::new(&Default::default()));
    let retention =
        tokio::spawn(dozvon::retention::start(store.clone(), recordings, clock, settings, stop.clone()));
    let believed = async || {
        let believed = store.read("believed", retention::clock_believed_at).await.unwrap();
        believed.map_or(0, |at| at.0)
    };
    while believed().await == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let before = believed().await;
    wrong_by.store(3 * DAY, std::sync::atomic::Ordering::Relaxed);
    tokio::time::sleep(3 * every).await;
    assert_eq!(believed().await, before, "three days are no month, and yet were never there");
    wrong_by.store(0, std::sync::atomic::Ordering::Relaxed);
    while believed().await == before {
        tokio::time::sleep(every).await;
    }
    stop.cancel();
    retention.await.unwrap();
}
