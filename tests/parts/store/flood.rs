//! How many cases missed calls open before further cases wait until a person decides.

use std::collections::BTreeMap;
use std::time::Duration;

use dozvon::clock::UnixMs;
use dozvon::ids::CaseId;
use dozvon::missed::attempt::Disposition;
use dozvon::missed::flood::Limits;
use dozvon::missed::regulation::Guard;
use dozvon::phone::Party;
use dozvon::store::requests::{self, Request};
use dozvon::store::{callbacks, calls, reports};

use crate::store::calling_back::{App, DAY, MOSCOW, min};
use crate::support::company::{abandoned, arrival, request};
use crate::support::database::{Db, for_each_database};

const FEW: Limits = Limits { max_per_source: 3, max_in_all: 5 };

/// A call of this number, over this source, is missed.
async fn misses(app: &App, number: &str, source: Option<&str>, at: UnixMs) -> CaseId {
    let (party, came_by) = (Party::Number(number.parse().unwrap()), source.map(str::to_owned));
    app.write(move |c, _| {
        let new = calls::Arrival { party, came_by, ..arrival(Some("sales"), at) };
        calls::arrive(c, &new)?;
        calls::end(c, &calls::Ended { flood: FEW, ..abandoned(new.id, at) })
    })
    .await
    .unwrap()
}

fn number(n: i64) -> String {
    format!("+7495{:07}", 1_000_000 + n)
}

/// Calls of so many numbers from `from` on, a second apart: which cases are held back.
async fn flood(app: &App, source: &str, numbers: std::ops::Range<i64>, at: UnixMs) -> Vec<bool> {
    let mut held = Vec::new();
    for n in numbers {
        let at = at + Duration::from_secs(n.unsigned_abs() % 60);
        let case = misses(app, &number(n), Some(source), at).await;
        held.push(app.case(case).await.flooded);
    }
    held
}

/// The events of a kind and what they are of, in order.
async fn told(db: &Db, kind: &'static str) -> Vec<String> {
    db.raw().texts(&format!("SELECT aggregate AS v FROM outbox WHERE kind = '{kind}' ORDER BY seq"))
}

#[test]
fn what_comes_beyond_the_cap_of_a_source_waits_for_people() {
    for_each_database(async |db| {
        let app = App::open(db).await;
        assert_eq!(flood(&app, "trunk", 0..5, min(0)).await, [false, false, false, true, true]);
        // Another source is not held back, until all together are too many.
        assert_eq!(flood(&app, "192.0.2.7", 10..12, min(1)).await, [true, true], "five in all by now");
        // Nobody is called automatically, however long it lasts, and however often the number is shown again.
        let case = misses(&app, &number(4), Some("trunk"), min(2)).await;
        app.tick(min(120)).await;
        let row = app.case(case).await;
        assert_eq!((row.stage.as_str(), row.next_at, row.misses, row.flooded), ("settling", None, 2, true));
        assert_eq!(app.lease("sales", min(120)).await.len(), 3);
        // The supervisor hears of it once, a CRM only of what is called.
        assert_eq!(told(db, "cases.flooded").await, ["source:trunk", "source:*"]);
        assert_eq!(told(db, "case.opened").await.len(), 3);
        assert_eq!(told(db, "case.missed_again").await.len(), 0);
        let gauges = app.store.read("gauges", reports::gauges).await.unwrap();
        assert_eq!((gauges.cases_open, gauges.cases_flooded), (7, 4));
    });
}

#[test]
fn the_hour_is_counted_in_the_rows_so_a_restart_changes_nothing() {
    for_each_database(async |db| {
        let app = App::open(db).await;
        flood(&app, "trunk", 0..3, min(0)).await;
        let other = app.beside(db).await;
        assert_eq!(flood(&other, "trunk", 3..4, min(30)).await, [true]);
        // What is held back counts: while the flood goes on nobody is called, and the alarm comes every hour.
        assert_eq!(flood(&other, "trunk", 4..6, min(59)).await, [true, true]);
        assert_eq!(flood(&other, "trunk", 6..7, min(61)).await, [true]);
        assert_eq!(told(db, "cases.flooded").await.len(), 1);
        assert_eq!(flood(&other, "trunk", 7..8, min(91)).await, [true]);
        assert_eq!(told(db, "cases.flooded").await.len(), 2);
        assert_eq!(flood(&other, "trunk", 8..9, min(240)).await, [false], "the flood is over");
    });
}

#[test]
fn many_sources_are_one_flood_and_a_call_without_a_source_counts_too() {
    for_each_database(async |db| {
        let app = App::open(db).await;
        let mut held = Vec::new();
        for n in 0..7 {
            let source = (n != 2).then(|| format!("192.0.2.{n}"));
            let case = misses(&app, &number(n), source.as_deref(), min(n)).await;
            held.push(app.case(case).await.flooded);
        }
        assert_eq!(held, [false, false, false, false, false, true, true]);
        assert_eq!(told(db, "cases.flooded").await, ["source:*"]);
    });
}

#[test]
fn a_customer_is_called_back_whatever_strangers_do_and_one_number_is_one_case() {
    for_each_database(async |db| {
        let app = App::open(db).await;
        let call = app.rings_in(MOSCOW, UnixMs(min(0).0 - DAY)).await;
        let (from, to) = (UnixMs(min(0).0 - DAY), UnixMs(min(1).0 - DAY));
        app.talked(call, from, to).await;
        // One private number that somebody shows again and again opens one case, and no flood.
        for n in 0..20 {
            let case = misses(&app, &number(0), Some("trunk"), min(0) + Duration::from_secs(n)).await;
            assert!(!app.case(case).await.flooded);
        }
        assert_eq!(flood(&app, "trunk", 1..5, min(1)).await, [false, false, true, true]);
        let customer = misses(&app, MOSCOW, Some("trunk"), min(2)).await;
        assert!(!app.case(customer).await.flooded, "they have talked with us before");
    });
}

async fn held_back(app: &App) -> CaseId {
    flood(app, "trunk", 0..3, min(0)).await;
    let case = misses(app, MOSCOW, Some("trunk"), min(1)).await;
    assert!(app.case(case).await.flooded);
    case
}

#[test]
fn taking_up_a_case_makes_it_like_any_other_and_only_then_it_is_announced() {
    for way in ["now", "defer", "report", "request"] {
        for_each_database(async |db| {
            let app = App::open(db).await;
            let case = held_back(&app).await;
            let row = app.case(case).await;
            let why = app
                .write(move |c, callback_rules| callbacks::why_not(c, &row, callback_rules, min(1)))
                .await
                .unwrap();
            assert_eq!(why.guard, Guard::Flood);
            assert!(why.to_string().contains("a flood of calls from trunk; `dozvon callback now"), "{why}");
            let of_case = format!("case:{case}");
            let opened = |events: Vec<String>| events.iter().filter(|of| **of == of_case).count();
            assert_eq!(opened(told(db, "case.opened").await), 0);
            match way {
                "now" => assert_eq!(app.now(case, min(2)).await, Ok(())),
                "defer" => {
                    app.write(move |c, callback_rules| {
                        callbacks::defer(c, callback_rules, case, min(30), "olga", min(2))
                    })
                    .await
                }
                "report" => drop(app.report(case, Disposition::NoAnswer, min(2)).await.unwrap()),
                _ => {
                    let number = MOSCOW.parse().unwrap();
                    let new = Request { key_hash: None, number, consent_at: min(2), at: min(2), ..request() };
                    app.write(move |c, _| requests::receive(c, &new)).await;
                }
            }
            assert_eq!(opened(told(db, "case.opened").await), 1, "{way}");
            let row = app.case(case).await;
            assert!(!row.flooded && (row.next_at.is_some() || row.stage.as_str() == "due"), "{way}: {row:?}");
            app.tick(min(180)).await;
            assert_eq!(app.stage(case).await, "due", "{way}");
        });
    }
}

#[test]
fn a_case_that_nobody_took_up_is_closed_without_a_word() {
    for_each_database(async |db| {
        let app = App::open(db).await;
        let case = held_back(&app).await;
        let call = app.rings_in(MOSCOW, min(3)).await;
        app.talked(call, min(4), min(6)).await;
        assert_eq!(app.case(case).await.close_reason.map(|word| word.as_str()), Some("caller_reached_us"));
        assert_eq!(told(db, "case.closed").await, Vec::<String>::new());
    });
}

/// Whatever comes, in whatever order: no source, and not all together, open more cases in an hour that are called.
#[test]
fn no_order_of_calls_has_more_called_than_the_limits_say() {
    for seed in 0..8_u64 {
        for_each_database(async |db| {
            let app = App::open(db).await;
            let (mut state, mut at) = (seed * 2 + 1, min(0));
            let mut called: BTreeMap<String, Vec<UnixMs>> = BTreeMap::new();
            for n in 0..40 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let roll = state >> 33;
                at = at + Duration::from_secs(roll % 1500);
                let source = format!("gateway-{}", roll % 4);
                let case = misses(&app, &number(n), Some(&source), at).await;
                if !app.case(case).await.flooded {
                    called.entry(source).or_default().push(at);
                    called.entry("*".to_owned()).or_default().push(at);
                }
            }
            for (source, times) in called {
                let most = if source == "*" { FEW.max_in_all } else { FEW.max_per_source };
                for window in times.windows(most as usize + 1) {
                    let span = window[most as usize].since_ms(window[0]);
                    assert!(span >= 3_600_000, "{source}, seed {seed}: {most} and one more in {span} ms");
                }
            }
        });
    }
}
