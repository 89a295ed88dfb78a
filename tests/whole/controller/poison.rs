//! Rows that the database refuses to change: they are skipped, logged and counted, and no other row waits for them.

use diesel::RunQueryDsl as _;
use dozvon::ids::{AttemptId, CaseId};
use dozvon::missed::case::Closed;
use dozvon::queue::agent::Step;
use dozvon::sim::CallerScript;
use dozvon::store::{attempts, case_closing};

use super::callbacks::{NUMBER, agrees, later, miss, set_with, trunk};
use super::stage::{ANNA, BORIS, Stage, answers, story, until};

/// Another fixed line in Moscow.
const SECOND: &str = "+74951234568";

async fn run(stage: &Stage, sql: &'static str) {
    stage.store.write("poison", move |c| Ok(diesel::sql_query(sql).execute(c)?)).await.unwrap();
}

/// Two customers have open cases, and there are agents for both.
async fn two_are_missed() -> Stage {
    let stage = set_with(|settings| {
        settings.callback.trunks = vec![trunk("trunk")];
        settings.callback.agent_share_pct = 100;
    })
    .await;
    for phone in [ANNA, BORIS] {
        stage.phone(phone, agrees()).await;
    }
    for number in [NUMBER, SECOND] {
        let talks = answers().hanging_up_after(std::time::Duration::from_millis(20));
        stage.phone(&format!("gateway/trunk/{number}"), talks).await;
    }
    miss(&stage).await;
    let caller = stage.sim.call(CallerScript::new(SECOND, "7001")).await;
    until("the second waits", async || stage.waiting().await == 1).await;
    caller.hang_up().await;
    story(caller).await;
    until("both are owed a call", async || stage.cases().await == 2).await;
    stage
}

async fn skipped(stage: &Stage, what: &str) -> u64 {
    stage.metric("dozvon_rows_skipped_total", &format!("\"{what}\"")).await
}

/// How far the only attempt of a case is.
async fn attempt_of(stage: &Stage, case: i64) -> Option<String> {
    let made = stage.store.read("attempts", move |c| attempts::of_case(c, CaseId(case))).await.unwrap();
    made.first().map(|row| row.state.to_string())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_case_that_cannot_be_leased_holds_up_no_other() {
    let stage = two_are_missed().await;
    run(
        &stage,
        "CREATE TRIGGER poison BEFORE UPDATE OF stage ON cases WHEN NEW.id = 1 AND NEW.stage = 'claimed' \
         BEGIN SELECT RAISE(ABORT, 'poisoned lease'); END",
    )
    .await;
    later(&stage, 1);
    stage.step("anna", Step::LogIn).await;
    stage.step("boris", Step::LogIn).await;
    until("the second is called", async || attempt_of(&stage, 2).await.is_some()).await;
    assert_eq!(attempt_of(&stage, 1).await, None);
    until("it is counted", async || skipped(&stage, "case").await >= 2).await;
    assert!(
        stage.log.find(&["poisoned lease", "case.id=1", "pause=1s"]).is_some(),
        "it is logged by its number"
    );
    assert!(stage.log.find(&["poisoned lease", "case.id=1", "pause=2s"]).is_some(), "with growing pauses");
    run(&stage, "DROP TRIGGER poison").await;
    until("the first is called", async || attempt_of(&stage, 1).await.is_some()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_attempt_that_cannot_be_closed_holds_up_no_other() {
    let stage = two_are_missed().await;
    later(&stage, 1);
    stage.step("anna", Step::LogIn).await;
    stage.step("boris", Step::LogIn).await;
    for case in [1, 2] {
        let wraps_up = async || attempt_of(&stage, case).await.as_deref() == Some("wrapping_up");
        until("they have talked", wraps_up).await;
        let at = stage.now();
        let close = move |c: &mut _| {
            case_closing::close_by_hand(c, CaseId(case), Closed::Other, "test", None, at).map(drop)
        };
        stage.store.write("close", close).await.unwrap();
    }
    let first = stage.store.read("attempts", |c| attempts::of_case(c, CaseId(1))).await.unwrap();
    // Both are called at once: either may be the first in the look, which is the bad one.
    let (bad, good) = if first[0].id == AttemptId(1) { (1, 2) } else { (2, 1) };
    run(
        &stage,
        "CREATE TRIGGER poison BEFORE UPDATE OF state ON attempts WHEN NEW.id = 1 AND NEW.state = 'completed' \
         BEGIN SELECT RAISE(ABORT, 'poisoned attempt'); END",
    )
    .await;
    later(&stage, 60);
    until("the other is closed", async || attempt_of(&stage, good).await.as_deref() == Some("completed"))
        .await;
    until("it is counted", async || skipped(&stage, "attempt").await >= 2).await;
    assert!(
        stage.log.find(&["poisoned attempt", &format!("attempt={}", AttemptId(1)), "pause=2s"]).is_some(),
        "it is logged"
    );
    assert_eq!(attempt_of(&stage, bad).await.as_deref(), Some("wrapping_up"));
    run(&stage, "DROP TRIGGER poison").await;
    until("the bad one is closed", async || attempt_of(&stage, bad).await.as_deref() == Some("completed"))
        .await;
}
