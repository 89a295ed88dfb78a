//! What another process writes between our reading and our writing, on PostgreSQL: our transaction sees it and never
//! undoes it.
//!
//! In each test the other process changes a row and does not commit. Our transaction begins, and either waits for the
//! other process or, as it would without the guard, ends. Then the other process commits.

use std::time::Duration;

use diesel::prelude::*;
use dozvon::config::store::Settings;
use dozvon::ids::{CallId, CaseId, OfferId};
use dozvon::missed::attempt::Disposition;
use dozvon::missed::ending::{Ending, Stage};
use dozvon::queue::agent::{Activity, Status, Step};
use dozvon::queue::offer::Outcome;
use dozvon::store::attempts::{self, ReportedAttempt};
use dozvon::store::offers::{self, EndUnanswered, Refusal};
use dozvon::store::{Database, Store, StoreError, agents, calls, cases, waits};

use super::committing::{Work, together};
use crate::support::company::{
    TODAY, abandoned, agent, arrive, at, call_of, claim_of, open_for_business, ring, step, talk,
};
use crate::support::database::{Db, Raw, on_postgres};

/// Sessions of this database that wait for another one.
const WAITING: &str = "SELECT count(*) AS v FROM pg_stat_activity \
                       WHERE datname = current_database() AND wait_event_type = 'Lock'";

#[derive(diesel::QueryableByName)]
struct Setting {
    #[diesel(sql_type = diesel::sql_types::Text)]
    v: String,
}

/// Begins what another process does.
fn begin(db: &Db, sql: &str) -> Raw {
    let mut other = db.raw();
    other.run("BEGIN").unwrap();
    other.run(sql).unwrap();
    other
}

/// Runs `work` while another process has done `sql` and is about to commit it.
async fn meanwhile<T: Send + 'static>(
    db: &Db,
    sql: &str,
    work: impl FnOnce(&mut Database) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let (mut other, mut watch) = (begin(db, sql), db.raw());
    let store = db.store.clone();
    let ours = tokio::spawn(async move { store.write("test", work).await });
    while !ours.is_finished() && watch.number(WAITING) == 0 {
        tokio::task::yield_now().await;
    }
    other.run("COMMIT").unwrap();
    ours.await.unwrap()
}

/// Anna is rung for a call.
async fn ringing(db: &Db) -> (CallId, OfferId) {
    db.write(|c| {
        open_for_business(c)?;
        let call = arrive(c, "sales", at(0))?;
        Ok((call, ring(c, call, "anna", at(10))?))
    })
    .await
}

fn unanswered(offer: OfferId) -> EndUnanswered {
    EndUnanswered {
        offer,
        outcome: Outcome::NoAnswer,
        cause: "NO_ANSWER".to_owned(),
        at: at(20_000),
        ready_at: at(25_000),
        max_no_answer: 3,
    }
}

const LOGS_OUT: &str = "UPDATE agents SET status = 'logged_out' WHERE name = 'anna'";

#[test]
fn a_logout_stays_when_the_offer_ends() {
    on_postgres(&async |db| {
        let (_, offer) = ringing(db).await;
        let row =
            meanwhile(db, LOGS_OUT, move |c| offers::end_unanswered(c, &unanswered(offer))).await.unwrap();
        assert_eq!((row.status, row.activity, row.misses), (Status::LoggedOut, Activity::Idle, 1));
        assert_eq!(db.write(|c| agents::get(c, &agent("anna"))).await, row);
    });
}

#[test]
fn a_logout_stays_when_the_agent_would_be_sent_on_break() {
    on_postgres(&async |db| {
        let (_, offer) = ringing(db).await;
        let end = EndUnanswered { max_no_answer: 1, ..unanswered(offer) };
        let row = meanwhile(db, LOGS_OUT, move |c| offers::end_unanswered(c, &end)).await.unwrap();
        assert_eq!((row.status, row.activity, row.break_reason), (Status::LoggedOut, Activity::Idle, None));
    });
}

#[test]
fn a_logout_stays_when_the_talk_ends_and_both_leave_their_trace() {
    on_postgres(&async |db| {
        let (call, offer) = ringing(db).await;
        db.write(move |c| talk(c, call, offer, at(20))).await;
        let end = move |c: &mut Database| offers::end_talk(c, offer, at(9000), Duration::from_secs(10));
        let row = meanwhile(db, LOGS_OUT, end).await.unwrap();
        assert_eq!((row.status, row.activity), (Status::LoggedOut, Activity::WrappingUp));
        let trace = "SELECT \"by\" || ' ' || why AS v FROM agent_changes WHERE agent = 'anna' ORDER BY id DESC LIMIT 2";
        assert_eq!(db.raw().texts(trace), ["system talk ended", "sql changed by SQL, not by dozvon"]);
    });
}

#[test]
fn two_steps_at_once_follow_each_other() {
    on_postgres(&async |db| {
        db.write(open_for_business).await;
        let breaks = "UPDATE agents SET status = 'on_break' WHERE name = 'anna'";
        let row = meanwhile(db, breaks, |c| step(c, "anna", Step::LogOut, at(10))).await.unwrap();
        assert_eq!(row.status, Status::LoggedOut);
    });
}

#[test]
fn a_call_that_has_just_ended_is_not_offered() {
    on_postgres(&async |db| {
        let (call, claim) = db
            .write(|c| {
                open_for_business(c)?;
                let call = arrive(c, "sales", at(0))?;
                Ok((call, claim_of(c, call, "anna", at(10))?))
            })
            .await;
        let ends =
            format!("UPDATE calls SET ended_at = 1, ending = 'lost', stage = 'waiting' WHERE id = '{call}'");
        assert_eq!(
            meanwhile(db, &ends, move |c| offers::claim(c, &claim)).await.unwrap(),
            Err(Refusal::Call)
        );
    });
}

#[test]
fn an_offer_that_has_just_ended_does_not_win() {
    on_postgres(&async |db| {
        let (call, offer) = ringing(db).await;
        let ends = format!("UPDATE offers SET ended_at = 1, outcome = 'cancelled' WHERE id = '{offer}'");
        let leg = dozvon::ids::ChannelId::new();
        assert!(!meanwhile(db, &ends, move |c| offers::win(c, offer, call, leg, at(20))).await.unwrap());
    });
}

#[test]
fn an_offer_that_has_just_ended_is_not_bridged_and_does_not_end_again() {
    on_postgres(&async |db| {
        let (call, offer) = ringing(db).await;
        let ends = format!(
            "UPDATE offers SET ended_at = 1, outcome = 'cancelled', cause = 'X' WHERE id = '{offer}'"
        );
        meanwhile(db, &ends, move |c| offers::bridged(c, offer, call, at(20))).await.unwrap();
        let (_, again) = ringing_again(db, call).await;
        let ends = ends.replace(&offer.to_string(), &again.to_string());
        meanwhile(db, &ends, move |c| offers::end_unanswered(c, &unanswered(again))).await.unwrap();
        let rows = db.write(move |c| offers::of_call(c, call)).await;
        let ended: Vec<_> = rows.iter().map(|row| (row.ended_at, row.cause.as_deref())).collect();
        assert_eq!(
            ended,
            [(Some(dozvon::clock::UnixMs(1)), Some("X")), (Some(dozvon::clock::UnixMs(1)), Some("X"))]
        );
    });
}

/// Boris is rung for the same call.
async fn ringing_again(db: &Db, call: CallId) -> (CallId, OfferId) {
    db.write(move |c| Ok((call, ring(c, call, "boris", at(30))?))).await
}

#[test]
fn a_call_that_has_just_ended_owes_nothing_more() {
    on_postgres(&async |db| {
        let (call, _) = ringing(db).await;
        let ends = format!(
            "UPDATE calls SET ended_at = 1, ending = 'answered', stage = 'talking' WHERE id = '{call}'"
        );
        assert_eq!(
            meanwhile(db, &ends, move |c| calls::end(c, &abandoned(call, at(30)))).await.unwrap(),
            None
        );
        assert_eq!(db.raw().number("SELECT count(*) AS v FROM cases"), 0);
        let row = db.write(move |c| call_of(c, call)).await;
        assert_eq!(row.ending.map(|word| word.as_str()), Some(Ending::Answered.as_str()));
        assert_eq!(row.stage.map(|word| word.as_str()), Some(Stage::Talking.as_str()));
    });
}

#[test]
fn a_caller_who_moves_on_twice_at_once_stays_in_order() {
    on_postgres(&async |db| {
        let (call, _) = ringing(db).await;
        let moves = format!(
            "UPDATE waits SET left_at = 1, outcome = 'timed_out' WHERE call = '{call}'; \
             INSERT INTO waits (call, ordinal, queue, joined_at) VALUES ('{call}', 2, 'support', 1); \
             UPDATE calls SET queue = 'support' WHERE id = '{call}'"
        );
        let support = crate::support::company::queue("sales");
        meanwhile(db, &moves, move |c| waits::join(c, call, &support, at(40))).await.unwrap();
        let waits = db.write(move |c| waits::waits(c, call)).await;
        let queues: Vec<&str> = waits.iter().map(|wait| wait.queue.as_str()).collect();
        assert_eq!(queues, ["sales", "support", "sales"]);
        assert_eq!(waits.iter().filter(|wait| wait.left_at.is_none()).count(), 1);
    });
}

/// A case, and a call of the same number that is still here.
async fn owed(db: &Db) -> (CaseId, CallId) {
    db.write(|c| {
        open_for_business(c)?;
        let call = arrive(c, "sales", at(0))?;
        let case = calls::end(c, &abandoned(call, at(1000)))?.unwrap();
        Ok((case, arrive(c, "sales", at(2000))?))
    })
    .await
}

fn closes(case: CaseId) -> String {
    format!("UPDATE cases SET state = 'closed', closed_at = 1, close_reason = 'other' WHERE id = {case}")
}

#[test]
fn a_miss_does_not_vanish_in_a_case_that_has_just_been_closed() {
    on_postgres(&async |db| {
        let (case, call) = owed(db).await;
        let missed = move |c: &mut Database| calls::end(c, &abandoned(call, at(3000)));
        let next = meanwhile(db, &closes(case), missed).await.unwrap().unwrap();
        assert_ne!(next, case);
        let row = db.write(move |c| cases::get(c, next)).await;
        assert_eq!((row.misses, row.closed_at), (1, None));
    });
}

#[test]
fn an_attempt_for_a_case_that_has_just_been_closed_is_refused() {
    on_postgres(&async |db| {
        let (case, _) = owed(db).await;
        let attempt = move |c: &mut Database| {
            let made = ReportedAttempt {
                case,
                cap: 3,
                business_day: TODAY.parse().unwrap(),
                counted: true,
                disposition: Disposition::NoAnswer,
                by: "test",
                note: None,
                at: at(2000),
            };
            attempts::record(c, &made)
        };
        let refused = meanwhile(db, &closes(case), attempt).await.unwrap_err();
        assert!(matches!(refused, StoreError::Refused(_)), "{refused}");
        assert_eq!(db.raw().number("SELECT count(*) AS v FROM attempts"), 0);
    });
}

#[test]
fn a_forgotten_transaction_is_named_and_holds_up_only_who_needs_it() {
    on_postgres(&async |db| {
        db.write(open_for_business).await;
        let mut forgotten = begin(db, &format!("SET application_name = 'psql'; {LOGS_OUT}"));
        let session = forgotten.number("SELECT pg_backend_pid()::bigint AS v");
        let settings = Settings { lock_timeout: Duration::from_millis(300), ..Settings::default() };
        let store = Store::open(&db.url, settings).await.unwrap();
        let mut group: Vec<Work<String>> = Vec::new();
        for _ in 0..50 {
            group.push(Box::new(|c| step(c, "anna", Step::LogOut, at(10)).map(|row| row.status.to_string())));
        }
        group.push(Box::new(|c| step(c, "boris", Step::LogOut, at(10)).map(|row| row.status.to_string())));
        group.push(Box::new(|c| {
            let waits = diesel::sql_query("SELECT current_setting('lock_timeout') AS v");
            Ok(waits.get_result::<Setting>(c)?.v)
        }));
        let mut results = together(&store, group).await;
        let (waits, other) = (results.pop().unwrap(), results.pop().unwrap());
        assert_eq!(waits.unwrap(), "10ms", "each of the group waits as long as the first one");
        assert_eq!(other.unwrap(), Status::LoggedOut.to_string());
        for error in results.into_iter().map(Result::unwrap_err) {
            assert!(matches!(error, StoreError::Busy { .. }) && error.is_passing(), "{error}");
            let said = error.to_string();
            let holder =
                format!("another process (psql, session {session} of the server) has been writing for");
            assert!(said.contains(&holder) && said.contains("end it or try again"), "{said}");
        }
        forgotten.run("ROLLBACK").unwrap();
        store.write("step", |c| step(c, "anna", Step::LogOut, at(10))).await.unwrap();
    });
}

#[test]
fn a_number_that_is_just_being_forbidden_is_not_dialled() {
    on_postgres(&async |db| {
        use crate::store::calling_back::{App, MOSCOW, guard, min};
        let app = App::open(db).await;
        let case = app.due(MOSCOW, "sales", min(0)).await;
        let accepted = app.take("sales", "anna", min(2)).await;
        let forbid = format!(
            "SELECT pg_advisory_xact_lock(hashtextextended('{MOSCOW}', 0)); \
             INSERT INTO do_not_call (number, reason, \"by\", at) VALUES ('{MOSCOW}', 'do_not_call', 'olga', 1)"
        );
        let (callback_rules, wanted) = (app.callback_rules.clone(), accepted.wanted.clone());
        let said =
            meanwhile(db, &forbid, move |c| dozvon::store::callbacks::reserve(c, &callback_rules, &wanted));
        let said = said.await.unwrap();
        assert_eq!(guard(&said), Some(dozvon::missed::regulation::Guard::DoNotCall), "{said:?}");
        assert_eq!(app.stage(case).await, "do_not_call");
    });
}
