//! What refuses a callback: the database by itself, and every guard when a case is leased and when it is dialled.

use std::collections::BTreeSet;
use std::time::Duration;

use dozvon::clock::UnixMs;
use dozvon::ids::{CallId, CaseId, ChannelId, CoreId};
use dozvon::missed::attempt::{self, Disposition};
use dozvon::missed::case::{self, Closed, Stage};
use dozvon::missed::regulation::Guard;
use dozvon::queue::agent::{Activity, Step};
use dozvon::rules::Tier;
use dozvon::store::callbacks::{self, CallbackEnd, CallbackResult, GivenDisposition, NotReserved};
use dozvon::store::manual_dial::{self, Begun, Dialled};
use dozvon::store::{audit, case_closing, dnc, offers, rules};

use crate::store::calling_back::{App, DAY, MINUTE, MOSCOW, guard, min};
use crate::support::company::{TODAY, agent, phone, queue, ring, step, talk};
use crate::support::database::{Db, Raw, for_each_database, on_postgres};

#[test]
fn the_table_of_a_cases_steps_is_the_one_in_the_code() {
    for_each_database(async |db| {
        let held: BTreeSet<String> = db
            .raw()
            .texts("SELECT from_stage || ' > ' || to_stage AS v FROM case_steps")
            .into_iter()
            .collect();
        let meant: BTreeSet<String> =
            case::legal_changes().into_iter().map(|(from, to)| format!("{from} > {to}")).collect();
        assert_eq!(held, meant);
    });
}

#[test]
fn a_case_makes_every_legal_change_and_no_other_and_none_when_it_is_closed() {
    for_each_database(async |db| {
        let app = App::open(db).await;
        let id = app.miss(MOSCOW, "sales", min(0)).await;
        let mut raw = db.raw();
        let to =
            |stage: &Stage| format!("UPDATE cases SET stage = '{stage}', claimed_by = NULL WHERE id = {id}");
        // A way to every stage from a new case's.
        let way = |stage: Stage| -> &[Stage] {
            match stage {
                Stage::Settling => &[],
                Stage::Deferred => &[Stage::Deferred],
                Stage::Due => &[Stage::Due],
                Stage::Claimed => &[Stage::Due, Stage::Claimed],
                Stage::Attempting => &[Stage::Attempting],
                Stage::Waiting => &[Stage::Attempting, Stage::Waiting],
                Stage::HandedOver => &[Stage::Due, Stage::HandedOver],
            }
        };
        for &from in Stage::ALL {
            for next in Stage::ALL.iter().filter(|next| **next != from) {
                for closed in [false, true] {
                    raw.run("BEGIN").unwrap();
                    way(from).iter().for_each(|stage| raw.run(&to(stage)).unwrap());
                    if closed {
                        raw.run("UPDATE cases SET state = 'closed', closed_at = 1, close_reason = 'other'")
                            .unwrap();
                    }
                    let legal = !closed && case::legal_changes().contains(&(from, *next));
                    match raw.run(&to(next)) {
                        Ok(()) => assert!(legal, "{from} > {next}, closed: {closed}"),
                        Err(said) if closed => {
                            let words = ["a closed case has no next step", "case_steps has no such change"];
                            assert!(words.iter().any(|word| said.contains(word)), "{said}");
                        }
                        Err(said) => {
                            assert!(!legal && said.contains("case_steps has no such change"), "{said}");
                        }
                    }
                    raw.run("ROLLBACK").unwrap();
                }
            }
        }
    });
}

/// An attempt as SQL: what every column says that is worth a try, by its name.
#[derive(Clone)]
struct Sql(Vec<(&'static str, String)>);

impl Sql {
    /// A reservation that nothing stands against.
    fn reserved(case: CaseId, at: UnixMs) -> Self {
        let proof = [("zone", "'Europe/Moscow'"), ("zone_source", "'area_code'"), ("local_min", "720")];
        let window = [("window_from_min", "490"), ("window_to_min", "1309"), ("policy", "'service'")];
        let rest =
            [("policy_version", "1"), ("way", "'callback'"), ("state", "'reserved'"), ("agent", "'anna'")];
        let fixed = [("\"by\"", "'anna'"), ("counted", "true"), ("ordinal", "1"), ("cap", "3")];
        let mut row: Vec<_> = proof.into_iter().chain(window).chain(rest).chain(fixed).collect();
        row.push(("result", "NULL"));
        let mut row: Vec<_> = row.into_iter().map(|(name, value)| (name, value.to_owned())).collect();
        row.extend([
            ("case_id", case.to_string()),
            ("number", format!("'{MOSCOW}'")),
            ("business_day", format!("'{TODAY}'")),
            ("at", at.0.to_string()),
            ("gap_until", (at.0 + 30 * MINUTE).to_string()),
        ]);
        Self(row)
    }

    fn reported(case: CaseId, at: UnixMs) -> Self {
        Self::reserved(case, at)
            .with("way", "'reported'")
            .with("state", "'completed'")
            .with("result", "'no_answer'")
            .with("gap_until", "NULL")
    }

    fn with(mut self, name: &str, value: impl ToString) -> Self {
        let column = self.0.iter_mut().find(|(column, _)| *column == name).unwrap();
        column.1 = value.to_string();
        self
    }
}

impl std::fmt::Display for Sql {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let columns: Vec<_> = self.0.iter().map(|(name, _)| *name).collect();
        let values: Vec<_> = self.0.iter().map(|(_, value)| value.as_str()).collect();
        write!(f, "INSERT INTO attempts ({}) VALUES ({})", columns.join(", "), values.join(", "))
    }
}

/// Runs statements that lead to a state, then one that must be refused, and undoes all.
fn refused_after(raw: &mut Raw, before: &[String], sql: &str, words: &str) {
    raw.run("BEGIN").unwrap();
    before.iter().for_each(|sql| raw.run(sql).unwrap_or_else(|said| panic!("{sql}: {said}")));
    raw.refused(sql, words);
    raw.run("ROLLBACK").unwrap();
}

fn state(to: &str) -> String {
    let set = match to {
        "dialling" => ", dialled_at = 1",
        "talking" => ", answered_at = 2",
        "completed" => ", result = 'no_answer'",
        _ => "",
    };
    format!("UPDATE attempts SET state = '{to}'{set} WHERE result IS NULL")
}

#[test]
fn the_database_refuses_a_dial_that_a_guard_would_refuse() {
    for_each_database(async |db| {
        let app = App::open(db).await;
        let id = app.due(MOSCOW, "sales", min(0)).await;
        let mut raw = db.raw();
        let new = Sql::reserved(id, min(10));
        let sql = |new: &Sql| new.to_string();
        let next = new.clone().with("ordinal", 2);
        let talked: Vec<_> =
            [sql(&new)].into_iter().chain(["dialling", "talking", "wrapping_up"].map(state)).collect();
        let later = |new: &Sql| new.clone().with("at", min(60).0).with("gap_until", min(90).0).to_string();
        let done = [sql(&new), state("dialling"), state("completed")];
        // The cap, also a lower one of the row's policy.
        for (policy, cap, place) in
            [("service", 3, "4"), ("debt", 1, "2"), ("service", 3, "0"), ("service", 3, "NULL")]
        {
            let row =
                new.clone().with("cap", cap).with("ordinal", place).with("policy", format!("'{policy}'"));
            raw.refused(&sql(&row), "attempts_counted_have_a_place");
        }
        let lower = new.clone().with("cap", 2).with("ordinal", "2");
        raw.refused(&sql(&lower), "must name an existing version of a policy, and have its limit");
        raw.refused(
            &sql(&Sql::reported(id, min(10)).with("cap", 4).with("policy", "NULL")),
            if db.is_sqlite() { "cap" } else { "attempts_cap_check" },
        );
        // One live attempt a number, and none before the disposition of the last one.
        let one_live = if db.is_sqlite() { "attempts.number" } else { "attempts_one_live" };
        for far in 0..3 {
            let so_far: Vec<_> = talked[..=far].to_vec();
            refused_after(&mut raw, &so_far, &later(&next), one_live);
        }
        refused_after(&mut raw, &talked, &later(&next), "the last attempt has no disposition yet");
        // Spacing; and a gap that is none.
        refused_after(&mut raw, &done, &sql(&next), "too soon after the last attempt");
        let almost = next.clone().with("at", min(40).0 - 1).with("gap_until", min(90).0);
        refused_after(&mut raw, &done, &sql(&almost), "too soon after the last attempt");
        for gap in ["NULL".to_owned(), min(10).0.to_string(), (min(25).0 - 1).to_string()] {
            raw.refused(&sql(&new.clone().with("gap_until", gap)), "attempts_window");
        }
        // The calling window.
        for name in ["zone", "zone_source", "local_min", "window_from_min", "window_to_min", "policy"] {
            raw.refused(&sql(&new.clone().with(name, "NULL")), "attempts_window");
        }
        for version in ["NULL", "2"] {
            raw.refused(
                &sql(&new.clone().with("policy_version", version)),
                "must name an existing version of a policy",
            );
        }
        for minute in ["489", "1309", "1310"] {
            raw.refused(&sql(&new.clone().with("local_min", minute)), "attempts_window");
        }
        raw.run(&sql(&new)).unwrap();
    });
}

#[test]
fn the_database_refuses_an_attempt_that_nobody_may_begin() {
    for_each_database(async |db| {
        let app = App::open(db).await;
        let id = app.due(MOSCOW, "sales", min(0)).await;
        let mut raw = db.raw();
        let new = Sql::reserved(id, min(10));
        let sql = |new: &Sql| new.to_string();
        // An attempt begins at its beginning, and what is reported is no way past the window.
        let begins = "a new attempt must be reserved, or reported as completed";
        for later in ["dialling", "talking", "wrapping_up"] {
            raw.refused(&sql(&new.clone().with("state", format!("'{later}'"))), begins);
        }
        raw.refused(&sql(&new.clone().with("way", "'reported'")), begins);
        let finished = new.clone().with("state", "'completed'").with("result", "'no_answer'");
        raw.refused(&sql(&finished), begins);
        // An attempt has its case's number.
        let other = new.clone().with("number", "'+74957654321'");
        raw.refused(&sql(&other), "an attempt must have the number of its case");
        // Who is not to be called, until an instant or for ever; what was done all the same is recorded.
        let listed = |until: &str| {
            format!(
                "INSERT INTO do_not_call (number, reason, \"by\", at, expires_at) \
                 VALUES ('{MOSCOW}', 'do_not_call', 'x', 1, {until})"
            )
        };
        for until in ["NULL", &(min(10).0 + 1).to_string()] {
            refused_after(&mut raw, &[listed(until)], &sql(&new), "must not be called");
        }
        let said = Sql::reported(id, min(10)).with("policy", "NULL");
        for (until, row) in [(min(10).0.to_string(), &new), ("NULL".to_owned(), &said)] {
            raw.run("BEGIN").unwrap();
            raw.run(&listed(&until)).unwrap();
            raw.run(&sql(row)).unwrap();
            raw.run("ROLLBACK").unwrap();
        }
        // Who has a case that nobody is about to call for.
        raw.refused("UPDATE cases SET claimed_by = 'x'", "cases_claimed");
        // Whose case is closed.
        let closed = "UPDATE cases SET state = 'closed', closed_at = 1, close_reason = 'other'".to_owned();
        refused_after(&mut raw, &[closed], &sql(&new), "an attempt needs an open case");
        raw.run(&sql(&new)).unwrap();
    });
}

#[test]
fn an_attempt_goes_forward_only() {
    for_each_database(async |db| {
        let app = App::open(db).await;
        let id = app.due(MOSCOW, "sales", min(0)).await;
        let mut raw = db.raw();
        let new = Sql::reserved(id, min(10)).to_string();
        let order = ["reserved", "dialling", "talking", "wrapping_up", "completed"];
        assert_eq!(
            order.to_vec(),
            attempt::State::ALL.iter().map(|state| state.as_str()).collect::<Vec<_>>()
        );
        for (place, from) in order.iter().enumerate() {
            for (other, to) in order.iter().enumerate().filter(|(other, _)| *other != place) {
                raw.run("BEGIN").unwrap();
                raw.run(&new).unwrap();
                order[1..=place.min(3)].iter().for_each(|word| raw.run(&state(word)).unwrap());
                if place == 4 {
                    raw.run(&state("completed")).unwrap();
                }
                let result = if *to == "completed" { "'no_answer'" } else { "NULL" };
                let made = raw.run(&format!("UPDATE attempts SET state = '{to}', result = {result}"));
                let legal = place < 4 && (other == 4 || other == place + 1);
                assert_eq!(made.is_ok(), legal, "{from} > {to}: {made:?}");
                if let Err(said) = made {
                    assert!(said.contains("an attempt cannot go back"), "{said}");
                }
                raw.run("ROLLBACK").unwrap();
            }
        }
    });
}

#[test]
fn what_rang_counts() {
    for_each_database(async |db| {
        let app = App::open(db).await;
        let id = app.due(MOSCOW, "sales", min(0)).await;
        let mut raw = db.raw();
        let new = Sql::reserved(id, min(10)).to_string();
        let uncounted = |result: &str| {
            format!(
                "UPDATE attempts SET state = 'completed', counted = false, ordinal = NULL, result = '{result}'"
            )
        };
        let dialled = [new.clone(), state("dialling")];
        let talks = [new.clone(), state("dialling"), state("talking")];
        for result in ["no_answer", "busy", "orphaned", "cancelled"] {
            refused_after(&mut raw, &dialled, &uncounted(result), "attempts_uncounted_failed");
        }
        for result in ["technical_failure", "cancelled"] {
            refused_after(&mut raw, &talks, &uncounted(result), "attempts_uncounted_failed");
            raw.run("BEGIN").unwrap();
            raw.run(&new).unwrap();
            raw.run(&uncounted(result)).unwrap();
            raw.run("ROLLBACK").unwrap();
        }
    });
}

#[test]
fn what_an_attempt_was_made_for_stays_and_what_happened_has_happened() {
    for_each_database(async |db| {
        let app = App::open(db).await;
        let id = app.due(MOSCOW, "sales", min(0)).await;
        let mut raw = db.raw();
        let new = Sql::reserved(id, min(10)).to_string();
        let stays = "an attempt cannot go back, and a completed attempt cannot be changed";
        let talks = [new.clone(), state("dialling"), state("talking")];
        for set in [
            "cap = 1",
            "way = 'handset'",
            "gap_until = gap_until + 1",
            "agent = 'boris'",
            "queue = 'x'",
            "at = at + 1",
            "local_min = 721",
            "window_to_min = 1440",
            "zone = 'UTC'",
            "policy = 'debt'",
            "business_day = '2026-11-24'",
            "dialled_at = NULL",
            "answered_at = 9",
            "ordinal = 2",
            "id = id + 1",
            "case_id = case_id + 1",
            "number = '+74957654321'",
            "\"by\" = 'boris'",
            "call = (SELECT min(id) FROM calls)",
            "policy_version = 2",
            "zone_source = 'country'",
            "window_from_min = 491",
        ] {
            refused_after(&mut raw, &talks, &format!("UPDATE attempts SET {set}"), stays);
        }
        // A result and the end come together.
        for set in ["result = 'busy'", "state = 'completed'"] {
            let words = "attempts_completed_have_a_result";
            refused_after(&mut raw, &talks, &format!("UPDATE attempts SET {set}"), words);
        }
        let done = [new.clone(), state("dialling"), state("completed")];
        for set in [
            "result = 'busy'",
            "note = 'x'",
            "cause = 'x'",
            "ended_at = 5",
            "counted = false, ordinal = NULL",
        ] {
            refused_after(&mut raw, &done, &format!("UPDATE attempts SET {set}"), stays);
        }
        refused_after(&mut raw, &done, "DELETE FROM attempts", "append-only");
    });
}

/// Story 24.
#[test]
fn an_agent_is_not_free_before_recording_the_result_of_the_talk() {
    for_each_database(async |db| {
        let app = App::open(db).await;
        let id = app.due(MOSCOW, "sales", min(0)).await;
        let (accepted, _) = app.talk("sales", "anna", min(2)).await;
        let ready = || db.store.write("ready", |c| step(c, "anna", Step::EndWrapUp, min(4)));
        let owes = "must first record the disposition of the last callback";
        assert!(ready().await.unwrap_err().to_string().contains(owes));
        let mut raw = db.raw();
        raw.refused("UPDATE agents SET activity = 'idle' WHERE name = 'anna'", owes);
        assert!(app.accept(&accepted.work, "anna", min(5)).await.is_none(), "no more work");
        for stage in ["talking", "wrapping_up"] {
            // An agent without wrap-up time must record the disposition too.
            let offer = accepted.wanted.offer;
            let talks =
                format!("UPDATE agents SET activity = 'talking', offer = '{offer}' WHERE name = 'boris'");
            let ring =
                format!("UPDATE agents SET activity = 'ringing', offer = '{offer}' WHERE name = 'boris'");
            let row = Sql::reserved(id, min(100))
                .with("agent", "'boris'")
                .with("ordinal", 2)
                .with("gap_until", min(130).0);
            let mut before = vec![state("completed"), row.to_string(), state("dialling"), state("talking")];
            before.extend((stage == "wrapping_up").then(|| state(stage)));
            before.extend([ring, talks]);
            let idle = "UPDATE agents SET activity = 'idle', offer = NULL WHERE name = 'boris'";
            refused_after(&mut raw, &before, idle, owes);
        }
        assert!(
            app.record_disposition(id, Disposition::TechnicalFailure, min(5)).await.is_err(),
            "cannot be recorded by people"
        );
        app.record_disposition(id, Disposition::Voicemail, min(5)).await.unwrap();
        ready().await.unwrap();
        assert_eq!(app.stage(id).await, "waiting");
    });
}

/// What an agent dials by hand.
fn dialled(number: &str, user: &str, at: UnixMs) -> Dialled {
    Dialled {
        number: number.parse().unwrap(),
        call: CallId::new(),
        node: "fs1".parse().unwrap(),
        core: CoreId(uuid::Uuid::nil()),
        channel: ChannelId::new(),
        agent: agent("anna"),
        user: user.to_owned(),
        at,
    }
}

#[test]
fn a_dial_to_whom_we_owe_nothing_is_not_ours_and_leaves_nothing() {
    for_each_database(async |db| {
        let app = App::open(db).await;
        let wanted = dialled(MOSCOW, "1001", min(0));
        assert_eq!(
            app.write(move |c, callback_rules| manual_dial::begin(c, callback_rules, &wanted)).await,
            None
        );
        let wanted = dialled(MOSCOW, "1001", min(0));
        app.write(move |c, callback_rules| manual_dial::no_room(c, callback_rules, &wanted, "no room")).await;
        let number = MOSCOW.parse().unwrap();
        assert!(!app.write(move |c, _| manual_dial::has_open_case(c, &number)).await);
        let number = MOSCOW.parse().unwrap();
        let rows = app.write(move |c, _| {
            let number = audit::key_of(c, None, &number)?;
            audit::list(c, &audit::Wanted { number, limit: 9, ..audit::Wanted::default() })
        });
        assert_eq!(rows.await, []);
    });
}

/// An agent that dialled by hand is asked for the result, and kept from nothing.
#[test]
fn an_agent_that_dialled_by_hand_is_free_before_recording_the_result() {
    for_each_database(async |db| {
        let app = App::open(db).await;
        let case = app.due(MOSCOW, "sales", min(0)).await;
        let dialled = dialled(MOSCOW, "1001", min(2));
        let (call, number) = (dialled.call, dialled.number.clone());
        assert!(app.write(move |c, _| manual_dial::has_open_case(c, &number)).await);
        let begun = app.write(move |c, callback_rules| manual_dial::begin(c, callback_rules, &dialled)).await;
        let Some(Begun::Attempt { attempt, .. }) = begun else { panic!("{begun:?}") };
        app.write(move |c, _| manual_dial::talk(c, call, min(2))).await;
        let how =
            CallbackResult::Talked { attempt, cause: "NORMAL_CLEARING".to_owned(), answered_at: min(2) };
        let end = CallbackEnd { case, call, how, at: min(3) };
        app.write(move |c, callback_rules| callbacks::end(c, callback_rules, &end)).await;
        assert_eq!(app.attempts(case).await[0].state.as_str(), "wrapping_up");
        let caller = app.rings_in("+74957654321", min(3)).await;
        let row = app.write(move |c, _| {
            let offer = ring(c, caller, "anna", min(3))?;
            talk(c, caller, offer, min(3))?;
            offers::end_talk(c, offer, min(4), Duration::ZERO)
        });
        assert_eq!(row.await.activity, Activity::Idle);
    });
}

#[test]
fn an_agent_named_like_their_number_calls_back_like_any_other() {
    const NAME: &str = "4951112233";
    for_each_database(async |db| {
        let app = App::open(db).await;
        app.write(|c, _| {
            let tier = Tier { level: 1, position: 3 };
            rules::put_one_agent(c, &agent(NAME), &phone("1009"))?;
            rules::put_tier(c, &queue("sales"), &agent(NAME), tier)?;
            step(c, NAME, Step::LogIn, UnixMs(0)).map(drop)
        })
        .await;
        let case = app.due(MOSCOW, "sales", min(0)).await;
        app.talk("sales", NAME, min(2)).await;
        app.write(move |c, callback_rules| {
            let said = GivenDisposition {
                case,
                disposition: Disposition::Reached,
                later: None,
                note: None,
                by: NAME,
                at: min(4),
            };
            callbacks::record_disposition(c, callback_rules, &said).map(drop)
        })
        .await;
        assert_eq!(app.attempts(case).await[0].by, NAME);
        assert_eq!(app.case(case).await.close_reason.map(|word| word.as_str()), Some("agent_reached"));
    });
}

/// The second one sees what the first one did, though that is not committed yet when the second begins.
#[test]
fn inserting_an_attempt_waits_for_another_of_the_same_number() {
    on_postgres(&async |db| {
        let app = App::open(db).await;
        let id = app.due(MOSCOW, "sales", min(0)).await;
        // No index holds up the second one for what was reported.
        let reported = Sql::reported(id, min(10)).with("gap_until", min(40).0);
        let next = Sql::reserved(id, min(11)).with("ordinal", 2).to_string();
        let (mut one, mut two) = (db.raw(), db.raw());
        one.run("BEGIN").unwrap();
        one.run(&reported.to_string()).unwrap();
        two.run("SET lock_timeout = '50ms'").unwrap();
        two.refused(&next, "lock timeout");
        one.run("COMMIT").unwrap();
        two.refused(&next, "too soon after the last attempt");
    });
}

/// Where a case is after a guard has refused: put off until so many minutes after noon, or closed for a reason.
enum Then {
    Deferred(i64),
    /// It is asked again soon.
    Soon,
    Closed(&'static str),
}

/// Everything that can refuse a dial of an open case, and what follows.
const GUARDS: [(Guard, Then); 11] = [
    (Guard::LiveCall, Then::Soon),
    (Guard::DoNotCall, Then::Closed("do_not_call")),
    (Guard::Disposition, Then::Soon),
    (Guard::DayCap, Then::Deferred(21 * 60)),
    (Guard::Gap, Then::Deferred(30)),
    (Guard::Destination, Then::Deferred(3 + 60)),
    (Guard::RollingCap, Then::Deferred(4 * 60)),
    (Guard::WeekCap, Then::Deferred(3 + 60)),
    (Guard::MonthCap, Then::Deferred(3 + 60)),
    (Guard::QueueHours, Then::Deferred(21 * 60)),
    (Guard::CalleeWindow, Then::Deferred(21 * 60)),
];

/// A case that is due, and the minutes after noon at which it may be leased and at which a guard refuses it.
async fn due_for(app: &App, guard: Guard, number: &str) -> (CaseId, &'static str, i64, i64) {
    let (queue, missed, leased, refused) = match guard {
        Guard::RollingCap | Guard::WeekCap | Guard::MonthCap => ("debt", 0, 2, 3),
        Guard::QueueHours => ("sales", 350, 359, 360),
        Guard::CalleeWindow => ("sales", -60, 10, 50),
        _ => ("sales", 0, 2, 3),
    };
    (app.due(number, queue, min(missed)).await, queue, leased, refused)
}

/// Changes the world so that the guard refuses.
async fn change(db: &Db, app: &mut App, guard: Guard, case: CaseId, number: &'static str) {
    let mut raw = db.raw();
    let mut reported = |at: UnixMs, day: &str, ordinal: i64| {
        let row = Sql::reported(case, at).with("number", format!("'{number}'")).with("ordinal", ordinal);
        raw.run(&row.with("business_day", format!("'{day}'")).to_string()).unwrap();
    };
    match guard {
        Guard::LiveCall => drop(app.rings_in(number, min(1)).await),
        Guard::DoNotCall => {
            let number = number.parse().unwrap();
            let reason = dnc::Reason::DoNotCall;
            let add = move |c: &mut _, _: &_| {
                dnc::add(
                    c,
                    &dnc::Add { number: &number, reason, by: "olga", note: None, at: min(1), until: None },
                )
            };
            app.write(add).await;
        }
        Guard::Disposition => {
            let row =
                Sql::reserved(case, min(-100)).with("number", format!("'{number}'")).with("agent", "'vera'");
            raw.run(&row.to_string()).unwrap();
            ["dialling", "talking", "wrapping_up"].iter().for_each(|to| raw.run(&state(to)).unwrap());
        }
        Guard::DayCap => (1..=3).for_each(|n| reported(min(-170 + n), TODAY, n)),
        Guard::Gap => reported(min(0), TODAY, 1),
        Guard::Destination => app.callback_rules.home.region = "DE".parse().unwrap(),
        Guard::RollingCap => reported(min(-20 * 60), "2026-11-22", 1),
        Guard::WeekCap => ["2026-11-20", "2026-11-21"].iter().zip([3, 2]).for_each(|(day, ago)| {
            reported(UnixMs(min(0).0 - ago * DAY), day, 1);
        }),
        Guard::MonthCap => (0..8).for_each(|n| {
            let at = UnixMs(min(0).0 - (8 + 2 * n) * DAY);
            reported(at, &at.utc().date_naive().to_string(), 1);
        }),
        // The hour is what changes.
        Guard::QueueHours | Guard::CalleeWindow => {}
        Guard::CaseOpen => unreachable!("a closed case is not offered"),
        Guard::Flood => unreachable!("a case of a flood is never due"),
        Guard::HourCap => unreachable!("it defers nothing: tests/parts/store/hour_cap.rs"),
        Guard::Budget => unreachable!("only dialling by hand is refused for it"),
    }
}

#[test]
fn every_guard_refuses_a_lease_and_refuses_the_dial_when_the_world_has_changed_since() {
    for_each_database(async |db| {
        let app = App::open(db).await;
        let mut last = 0;
        for (guard_, then) in &GUARDS {
            for since_lease in [false, true] {
                last += 1;
                let number: &'static str = match guard_ {
                    // By Kamchatka's clock it is evening.
                    Guard::CalleeWindow => format!("+741521234{last:02}").leak(),
                    _ => format!("+749512345{last:02}").leak(),
                };
                let (case, queue, leased, refused) = due_for(&app, *guard_, number).await;
                let mut changed = app.clone();
                if since_lease {
                    let accepted = app.take(queue, "anna", min(leased)).await;
                    change(db, &mut changed, *guard_, case, number).await;
                    let said = changed.reserve(&accepted, min(refused)).await;
                    assert_eq!(guard(&said), Some(*guard_), "{said:?}");
                    app.end(&accepted, CallbackResult::Refused(*guard_), min(refused)).await;
                } else {
                    change(db, &mut changed, *guard_, case, number).await;
                    assert_eq!(changed.lease(queue, min(refused)).await.len(), 0, "{guard_}");
                }
                let row = app.case(case).await;
                let next = row.next_at.map(|at| (at.0 - min(0).0) / 1000);
                let next_is = |wanted: i64| assert_eq!(next, Some(wanted), "{guard_}: {row:?}");
                match then {
                    Then::Closed(reason) => {
                        assert_eq!(row.close_reason.map(|word| word.as_str()), Some(*reason), "{guard_}")
                    }
                    Then::Deferred(minute) => next_is(minute * 60),
                    Then::Soon => next_is(refused * 60 + 30),
                }
                assert!(row.closed_at.is_some() || row.stage.as_str() == "deferred", "{guard_}: {row:?}");
                let mut raw = db.raw();
                let by = if since_lease { "anna" } else { "system" };
                let told = format!(
                    "SELECT guard || ' ' || \"by\" || ' ' || number AS v FROM refusals WHERE case_id = {case}"
                );
                assert_eq!(raw.texts(&told), [format!("{guard_} {by} {number}")]);
                let audited = format!(
                    "SELECT \"by\" || ' ' || details AS v FROM audit WHERE action = 'refusal' AND subject = 'case:{case}'"
                );
                let entry = raw.texts(&audited);
                assert!(
                    entry.len() == 1 && entry[0].starts_with(by) && entry[0].contains(guard_.as_str()),
                    "{entry:?}"
                );
                let dialled =
                    format!("SELECT count(*) AS v FROM attempts WHERE case_id = {case} AND call IS NOT NULL");
                assert_eq!(raw.number(&dialled), 0, "{guard_}: nobody was dialled");
                raw.run(&state("completed")).unwrap();
            }
        }
        let proof = db.store.read("verify", |c| audit::verify(c, None, None)).await.unwrap();
        assert_eq!(proof.broken, None);
    });
}

#[test]
fn a_case_that_was_closed_is_neither_leased_nor_dialled() {
    for_each_database(async |db| {
        let app = App::open(db).await;
        let close = async |case: CaseId| {
            app.write(move |c, _| case_closing::close(c, case, Closed::Spam, "olga", None, min(3))).await;
        };
        let case = app.due(MOSCOW, "sales", min(0)).await;
        let accepted = app.take("sales", "anna", min(2)).await;
        close(case).await;
        let said = app.reserve(&accepted, min(3)).await;
        assert!(matches!(said, Err(NotReserved::NotOurs)), "{said:?}");
        app.end(&accepted, CallbackResult::Released("CLOSED"), min(3)).await;
        let again = app.due(MOSCOW, "sales", min(10)).await;
        assert_ne!(again, case);
        assert_eq!(app.case(again).await.previous_case, Some(case));
        close(again).await;
        assert_eq!(app.lease("sales", min(12)).await.len(), 0);
        assert_eq!(db.raw().number("SELECT count(*) AS v FROM attempts"), 0);
    });
}
