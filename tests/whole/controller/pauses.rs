//! Agents whose phones are broken, and agents who are in other calls.

use std::sync::atomic::Ordering;
use std::time::Duration;

use diesel::sql_types::BigInt;
use diesel::{QueryableByName, RunQueryDsl as _};
use dozvon::queue::agent::Step;
use dozvon::rules::file;
use dozvon::sim::{Behaviour, CallerScript, Faults, Pickup};
use dozvon::store::Database;

use super::stage::{ANNA, RULES, Stage, answers, story, until};

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    of: i64,
}

/// How many offers to an agent are over.
async fn offers(stage: &Stage, agent: &'static str) -> i64 {
    let query = "SELECT count(*) AS of FROM offers WHERE agent = ? AND ended_at IS NOT NULL";
    let count = move |c: &mut Database| {
        let query = diesel::sql_query(query).bind::<diesel::sql_types::Text, _>(agent);
        Ok(query.get_result::<Count>(c)?.of)
    };
    stage.store.read("offers", count).await.unwrap()
}

/// The controller starts again with other rules.
async fn with_rules(stage: &mut Stage, text: &str) {
    stage.kill().await;
    let rules = file::parse("rules.toml", text, stage.settings.zone).unwrap();
    stage.store.write("rules", move |c| dozvon::store::rules::replace(c, &rules).map(drop)).await.unwrap();
    stage.start().await;
}

/// Waits until the self-check has looked so often.
async fn looks(stage: &Stage, times: u64) {
    let before = stage.self_checks().await;
    until("the self-check looks", async || stage.self_checks().await >= before + times).await;
}

/// The clock goes on, and the dispatcher hears that something has changed.
async fn later(stage: &Stage, by: Duration) {
    stage.wrong_by.fetch_add(i64::try_from(by.as_millis()).unwrap(), Ordering::Relaxed);
    stage.tell_dispatcher(stage.agent("anna").await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_phone_that_stays_unreachable_is_rung_ever_more_seldom_and_the_self_check_agrees() {
    let mut stage =
        Stage::with(|settings| settings.calls.reconcile_interval = Duration::from_millis(50)).await;
    with_rules(&mut stage, &RULES.replace("unreachable_delay = \"0s\"", "unreachable_delay = \"30s\"")).await;
    stage.phone(ANNA, Behaviour::new(Pickup::Unreachable)).await;
    stage.step("anna", Step::LogIn).await;
    let _waits = stage.caller(1).await;
    until("anna is unreachable", async || offers(&stage, "anna").await == 1).await;
    later(&stage, Duration::from_secs(31)).await;
    until("anna is unreachable again", async || offers(&stage, "anna").await == 2).await;
    let rests_until = stage.agent("anna").await.ready_at;
    looks(&stage, 4).await;
    assert_eq!(stage.repairs().await, 0, "a growing pause is no fault");
    assert_eq!(stage.agent("anna").await.ready_at, rests_until);
    later(&stage, Duration::from_secs(55)).await;
    looks(&stage, 2).await;
    assert_eq!(offers(&stage, "anna").await, 2, "sixty seconds are not over");
    later(&stage, Duration::from_secs(6)).await;
    until("anna is rung a third time", async || offers(&stage, "anna").await == 3).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_that_logs_in_or_comes_back_is_offered_calls_at_once() {
    let mut stage = Stage::set().await;
    with_rules(&mut stage, &RULES.replace("unreachable_delay = \"0s\"", "unreachable_delay = \"30s\"")).await;
    stage.phone(ANNA, Behaviour::new(Pickup::Unreachable)).await;
    stage.step("anna", Step::LogIn).await;
    let waits = stage.caller(1).await;
    // Each way to say "I am here" after a failure: the pause is over, and does not grow.
    for (times, steps) in
        [(1, &[Step::LogIn][..]), (2, &[Step::TakeBreak, Step::Resume]), (3, &[Step::LogIn])]
    {
        until("anna is unreachable", async || offers(&stage, "anna").await == times).await;
        let row = stage.agent("anna").await;
        let rests = row.ready_at.since(row.since_at);
        assert_eq!(rests, Duration::from_secs(30), "failure {times} after {steps:?}");
        if times == 3 {
            stage.phone(ANNA, answers().hanging_up_after(Duration::from_millis(20))).await;
        }
        for step in steps {
            stage.step("anna", *step).await;
        }
    }
    assert_eq!(story(waits).await.talked_to(), [ANNA]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_who_talks_on_a_forwarded_call_is_not_rung() {
    let mut stage = Stage::set().await;
    let rules = RULES.replace("contacts = [\"sofia/internal/anna@10.0.0.1\"]", "contacts = [\"user/duty\"]");
    with_rules(&mut stage, &rules).await;
    stage.phone("user/duty", answers()).await;
    let forwarded = stage.dials(1, "7002").await;
    until("the duty phone talks", async || stage.calls().await.iter().any(|call| call.answered_at.is_some()))
        .await;
    stage.step("anna", Step::LogIn).await;
    let _waits = stage.caller(2).await;
    until("the caller waits", async || stage.waiting().await == 1).await;
    looks(&stage, 2).await;
    assert_eq!((offers(&stage, "anna").await, stage.sim.counts().await.double_rings), (0, 0));
    let shown = stage.store.read("elsewhere", dozvon::store::elsewhere::all).await.unwrap();
    assert_eq!(shown.len(), 1, "anna is shown in another call");
    drop(forwarded);
}

/// After a start it takes a while until FreeSWITCH has said who is in other calls.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_in_another_call_is_rung_while_a_new_controller_finds_out() {
    let mut stage = Stage::set().await;
    let rules = RULES.replace("contacts = [\"sofia/internal/anna@10.0.0.1\"]", "contacts = [\"user/duty\"]");
    with_rules(&mut stage, &rules).await;
    stage.phone("user/duty", answers()).await;
    stage.ask("api originate user/duty &park()").await;
    let in_another_call =
        async || !stage.store.read("elsewhere", dozvon::store::elsewhere::all).await.unwrap().is_empty();
    until("anna is in another call", in_another_call).await;
    stage.step("anna", Step::LogIn).await;
    let _waits = stage.caller(1).await;
    until("the caller waits", async || stage.waiting().await == 1).await;
    stage.sim.set_faults(Faults { getvar_takes: Duration::from_millis(200), ..Faults::default() }).await;
    stage.kill().await;
    stage.store.write("forget", dozvon::store::elsewhere::forget).await.unwrap();
    stage.start().await;
    let in_another_call =
        async || !stage.store.read("elsewhere", dozvon::store::elsewhere::all).await.unwrap().is_empty();
    until("anna is seen in another call", in_another_call).await;
    until("the caller waits again", async || stage.waiting().await == 1).await;
    looks(&stage, 2).await;
    assert_eq!(stage.originates().await, 1, "anna is in another call, which the test originated");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_that_gave_up_while_the_clock_was_set_back_has_a_case() {
    let stage = Stage::with(|settings| settings.callback.min_wait = Duration::from_millis(50)).await;
    let patient = CallerScript::new("+79001230001", "7001").patient_for(Duration::from_millis(500));
    let caller = stage.sim.call(patient).await;
    until("the caller waits", async || stage.waiting().await == 1).await;
    stage.wrong_by.store(-60_000, Ordering::Relaxed);
    story(caller).await;
    stage.quiet().await;
    assert_eq!(stage.cases().await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_talk_settles_what_was_missed_before_the_clock_was_set_back() {
    let stage = Stage::with(|settings| settings.callback.min_talk = Duration::ZERO).await;
    let gives_up = stage.caller(1).await;
    until("the caller waits", async || stage.waiting().await == 1).await;
    gives_up.hang_up().await;
    story(gives_up).await;
    stage.quiet().await;
    let open = async || {
        let cases =
            stage.store.read("cases", |c| dozvon::store::cases::list(c, None, None, 100)).await.unwrap();
        cases.iter().filter(|case| case.closed_at.is_none()).count()
    };
    assert_eq!(open().await, 1);
    stage.wrong_by.store(-60_000, Ordering::Relaxed);
    stage.phone(ANNA, answers().hanging_up_after(Duration::from_millis(20))).await;
    stage.step("anna", Step::LogIn).await;
    let again = stage.caller(1).await;
    assert_eq!(story(again).await.talked_to(), [ANNA]);
    stage.quiet().await;
    assert_eq!(open().await, 0, "they have talked since");
}
