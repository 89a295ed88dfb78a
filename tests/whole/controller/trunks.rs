//! Over which trunk a customer is dialled, and what happens to calls for which no trunk has room.

use std::collections::BTreeMap;
use std::time::Duration;

use diesel::RunQueryDsl as _;
use dozvon::config::callback::Trunk;
use dozvon::ids::CaseId;
use dozvon::queue::agent::{Activity, Step};
use dozvon::sim::{Behaviour, CallerScript, Pickup};
use dozvon::store::attempts::AttemptRow;
use dozvon::store::{attempts, cases};

use super::callbacks::{NUMBER, agrees, completed, later, made, miss, set_with, stands, trunk};
use super::handsets::refused;
use super::stage::{ANNA, BORIS, DUTY, Stage, answers, story, until};

/// Another fixed line in Moscow.
pub const SECOND: &str = "+74951234568";

/// A stage with these trunks, on which every agent may call back.
async fn set(trunks: Vec<Trunk>) -> Stage {
    let stage = set_with(|settings| {
        settings.callback.trunks = trunks;
        settings.callback.agent_share_pct = 100;
    })
    .await;
    for phone in [ANNA, BORIS] {
        stage.phone(phone, agrees()).await;
    }
    stage
}

/// Both customers answer, whichever of these gateways calls them.
async fn customers_behind(stage: &Stage, gateways: &[&str], behaviour: Behaviour) {
    for gateway in gateways {
        for number in [NUMBER, SECOND] {
            stage.phone(&format!("gateway/{gateway}/{number}"), behaviour.clone()).await;
        }
    }
}

/// How many customers each trunk has.
async fn calls(stage: &Stage) -> BTreeMap<String, u64> {
    let mut calls = BTreeMap::new();
    for Trunk { name, .. } in &stage.settings.callback.trunks {
        calls.insert(name.clone(), stage.metric("dozvon_trunk_calls", &format!("\"{name}\"")).await);
    }
    calls
}

fn on(one: u64, two: u64) -> BTreeMap<String, u64> {
    [("one".to_owned(), one), ("two".to_owned(), two)].into()
}

/// A second customer gives up, after the first.
pub async fn miss_another(stage: &Stage) {
    let caller = stage.sim.call(CallerScript::new(SECOND, "7001")).await;
    until("the caller waits", async || stage.waiting().await == 1).await;
    caller.hang_up().await;
    story(caller).await;
    until("the caller has an open case", async || stage.cases().await == 2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_first_trunk_does_not_carry_goes_over_the_next() {
    let stage = set(vec![Trunk { max_calls: 1, ..trunk("one") }, trunk("two")]).await;
    customers_behind(&stage, &["one", "two"], answers()).await;
    miss(&stage).await;
    miss_another(&stage).await;
    later(&stage, 1);
    stage.step("anna", Step::LogIn).await;
    stage.step("boris", Step::LogIn).await;
    until("both are called", async || calls(&stage).await == on(1, 1)).await;
    until("a leg goes over each", async || {
        let shown = stage.ask("api show channels").await;
        ["gateway/one/", "gateway/two/"].iter().all(|gateway| shown.matches(gateway).count() == 1)
    })
    .await;
    customers_hang_up(&stage).await;
    until("the trunks are free", async || calls(&stage).await == on(0, 0)).await;
}

/// Everybody's talk ends.
async fn customers_hang_up(stage: &Stage) {
    for call in stage.calls().await.iter().filter(|call| call.ended_at.is_none()) {
        stage.ask(&format!("api uuid_kill {}", call.channel)).await;
    }
}

/// The only attempt, over which trunk it was made last, and why that ended.
async fn only_attempt(stage: &Stage) -> (AttemptRow, Option<String>, Option<String>) {
    #[derive(diesel::QueryableByName)]
    struct Row {
        #[diesel(sql_type = diesel::sql_types::Nullable<diesel::sql_types::Text>)]
        trunk: Option<String>,
        #[diesel(sql_type = diesel::sql_types::Nullable<diesel::sql_types::Text>)]
        cause: Option<String>,
    }
    let rows = made(stage).await;
    let [row] = rows.try_into().unwrap();
    let sql = "SELECT trunk, cause FROM attempts";
    let read = move |c: &mut _| Ok(diesel::sql_query(sql).get_result::<Row>(c)?);
    let Row { trunk, cause } = stage.store.read("trunk", read).await.unwrap();
    (row, trunk, cause)
}

/// What one trunk refuses before any ringing, the next one dials at once: in the same attempt, by the same agent.
async fn the_next_trunk_is_tried_at_once(customer_first: bool) {
    let stage = set_with(|settings| {
        settings.callback.trunks = vec![trunk("one"), trunk("two"), trunk("three")];
        settings.callback.customer_first = customer_first;
    })
    .await;
    stage.phone(ANNA, agrees()).await;
    // No phone is behind the first: FreeSWITCH knows no such gateway. The second has no funds.
    customers_behind(&stage, &["two"], Behaviour::new(Pickup::Fails("CALL_REJECTED"))).await;
    customers_behind(&stage, &["three"], answers()).await;
    miss(&stage).await;
    later(&stage, 1);
    stage.step("anna", Step::LogIn).await;
    until("the customer is reached", async || {
        made(&stage).await.iter().any(|row| row.state.as_str() == "talking")
    })
    .await;
    let (row, trunk, _) = only_attempt(&stage).await;
    assert_eq!((row.ordinal, trunk.as_deref()), (Some(1), Some("three")));
    let carried = async || stage.metric("dozvon_trunk_calls", "").await == 1;
    until("each trunk has its own calls only", carried).await;
    // An agent's leg and three of the customer, one after the other.
    until("all are rung", async || stage.originates().await >= 4).await;
    until("they talk", async || stage.agent("anna").await.activity == Activity::Talking).await;
    assert_eq!(stage.originates().await, 4);
    let talk = stage.calls().await.pop().unwrap();
    let shown = stage.ask("api show channels").await;
    assert!(shown.contains(&talk.channel.to_string()), "the row has the channel on which they talk: {shown}");
    customers_hang_up(&stage).await;
    until("it is over", async || made(&stage).await[0].state.as_str() == "wrapping_up").await;
    stage.quiet().await;
    assert_eq!(stage.repairs().await, 0);
}

/// A trunk that does not answer the dial at all is not somebody who does not answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_our_time_is_up_the_cause_says_whether_a_phone_rang() {
    for (phone, cause) in [(Pickup::Silent, "RECOVERY_ON_TIMER_EXPIRE"), (Pickup::NoAnswer, "NO_ANSWER")] {
        let stage = Stage::with(|settings| settings.calls.forward_timeout = Duration::from_secs(1)).await;
        stage.phone(DUTY, Behaviour::new(phone)).await;
        story(stage.dials(1, "7002").await).await;
        stage.quiet().await;
        assert_eq!(stage.calls().await[0].cause.as_deref(), Some(cause));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_trunk_refuses_the_next_dials_in_the_same_attempt() {
    the_next_trunk_is_tried_at_once(false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn so_it_is_where_the_customer_is_dialled_first() {
    the_next_trunk_is_tried_at_once(true).await;
}

/// While every trunk refuses, nothing is counted, and each is asked once an attempt.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_every_trunk_refuses_is_no_attempt_of_the_day() {
    let stage = set(vec![trunk("one"), trunk("two")]).await;
    customers_behind(&stage, &["one", "two"], Behaviour::new(Pickup::Fails("CALL_REJECTED"))).await;
    miss(&stage).await;
    later(&stage, 1);
    stage.step("anna", Step::LogIn).await;
    completed(&stage, 1).await;
    let (row, trunk, cause) = only_attempt(&stage).await;
    assert_eq!(
        (row.ordinal, row.counted, row.disposition.map(|word| word.as_str())),
        (None, false, Some("technical_failure"))
    );
    assert_eq!((trunk.as_deref(), cause.as_deref()), (Some("two"), Some("CALL_REJECTED")));
    assert_eq!(row.note.as_deref(), Some("refused before by trunk one (CALL_REJECTED)"));
    assert_eq!(stage.originates().await, 3);
    stands(&stage, "waiting").await;
    until("the trunks are free", async || calls(&stage).await == on(0, 0)).await;
    stage.quiet().await;
    assert_eq!(stage.repairs().await, 0);
}

/// Two trunks that say in one attempt that the number does not exist are believed, as in two attempts.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_trunks_of_one_attempt_that_do_not_know_the_number_are_believed() {
    let stage = set(vec![trunk("one"), trunk("two")]).await;
    customers_behind(&stage, &["one", "two"], Behaviour::new(Pickup::Fails("UNALLOCATED_NUMBER"))).await;
    miss(&stage).await;
    later(&stage, 1);
    stage.step("anna", Step::LogIn).await;
    completed(&stage, 1).await;
    assert_eq!(made(&stage).await[0].disposition.map(|word| word.as_str()), Some("invalid_number"));
    let row = stage.store.read("case", |c| cases::get(c, CaseId(1))).await.unwrap();
    assert_eq!(row.close_reason.map(|word| word.as_str()), Some("wrong_number"));
}

/// We die while the second trunk rings: the next controller finds the leg by the channel on record, ends it, and the
/// attempt counts.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leg_of_the_next_trunk_is_found_after_our_death() {
    let mut stage = set(vec![trunk("one"), trunk("two")]).await;
    customers_behind(&stage, &["one"], Behaviour::new(Pickup::Fails("CALL_REJECTED"))).await;
    customers_behind(&stage, &["two"], Behaviour::new(Pickup::NoAnswer)).await;
    miss(&stage).await;
    later(&stage, 1);
    stage.step("anna", Step::LogIn).await;
    let rings = async || stage.ask("api show channels").await.contains("gateway/two/");
    until("the second trunk rings", rings).await;
    stage.restart().await;
    completed(&stage, 1).await;
    let (row, ..) = only_attempt(&stage).await;
    assert_eq!(
        (row.ordinal, row.counted, row.disposition.map(|word| word.as_str())),
        (Some(1), true, Some("orphaned"))
    );
    until("no leg is left", async || stage.sim.counts().await.legs_up == 0).await;
    stage.quiet().await;
    assert_eq!(stage.repairs().await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_failed_under_an_agents_hand_is_tried_again_over_the_other() {
    let stage = set(vec![trunk("one"), trunk("two")]).await;
    customers_behind(&stage, &["two"], answers().hanging_up_after(Duration::from_millis(20))).await;
    miss(&stage).await;
    later(&stage, 1);
    stands(&stage, "due").await;
    let dials = async || story(stage.sim.call(CallerScript::at_phone_of("anna", NUMBER)).await).await;
    assert_eq!(dials().await.cause, "NO_ANSWER");
    assert_eq!(dials().await.talked_to().len(), 1);
}

/// Dialling by hand needs room on a trunk as well; where there is none, the dial is kept and costs the customer no
/// attempt.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_room_nobody_is_dialled_and_nothing_is_counted() {
    let stage = set(vec![Trunk { max_calls: 1, ..trunk("one") }]).await;
    customers_behind(&stage, &["one"], Behaviour::new(Pickup::NoAnswer)).await;
    miss(&stage).await;
    miss_another(&stage).await;
    later(&stage, 1);
    let boris = stage.sim.call(CallerScript::at_phone_of("boris", SECOND)).await;
    until("the customer is dialled", async || stage.originates().await == 1).await;
    stage.step("anna", Step::LogIn).await;
    stands(&stage, "due").await;
    let anna = stage.sim.call(CallerScript::at_phone_of("anna", NUMBER)).await;
    assert_eq!(story(anna).await.cause, "NORMAL_CIRCUIT_CONGESTION");
    assert_eq!(refused(&stage).await, [("budget".to_owned(), "anna".to_owned(), Some(1))]);
    assert_eq!(made(&stage).await, []);
    assert_eq!(stage.originates().await, 1, "nor is anna rung");
    boris.hang_up().await;
    until("it is the customer's turn now", async || !made(&stage).await.is_empty()).await;
    let second = stage.store.read("attempts", |c| attempts::of_case(c, CaseId(2))).await.unwrap();
    assert_eq!(second.len(), 1);
    assert_eq!(stage.store.read("case", |c| cases::get(c, CaseId(2))).await.unwrap().number.as_str(), SECOND);
}

/// A trunk without funds rejects everybody before a phone rings: that costs nobody an attempt, the other trunk dials at
/// once, and the supervisor hears of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trunk_that_refuses_everybody_costs_no_attempt_and_is_told() {
    let stage = set(vec![Trunk { alarm_after: 1, ..trunk("one") }, trunk("two")]).await;
    customers_behind(&stage, &["one"], Behaviour::new(Pickup::Fails("CALL_REJECTED"))).await;
    customers_behind(&stage, &["two"], answers()).await;
    miss(&stage).await;
    later(&stage, 1);
    stage.step("anna", Step::LogIn).await;
    until("the customer is reached", async || {
        made(&stage).await.iter().any(|row| row.state.as_str() == "talking")
    })
    .await;
    until("only the second trunk has a call", async || calls(&stage).await == on(0, 1)).await;
    let (row, trunk, _) = only_attempt(&stage).await;
    assert_eq!((row.ordinal, trunk.as_deref()), (Some(1), Some("two")));
    let told = told(&stage).await;
    assert_eq!(told.len(), 1, "{told:?}");
    let event: serde_json::Value = serde_json::from_str(&told[0]).unwrap();
    assert_eq!(
        (&event["name"], &event["reason"], &event["times"]),
        (&"one".into(), &"CALL_REJECTED".into(), &1.into())
    );
}

/// What is told of trunks that fail.
async fn told(stage: &Stage) -> Vec<String> {
    #[derive(diesel::QueryableByName)]
    struct Told {
        #[diesel(sql_type = diesel::sql_types::Text)]
        payload: String,
    }
    let sql = "SELECT payload FROM outbox WHERE kind = 'trunk.failing'";
    let read = move |c: &mut _| Ok(diesel::sql_query(sql).load::<Told>(c)?);
    stage.store.read("told", read).await.unwrap().into_iter().map(|told| told.payload).collect()
}

/// A customer's phone, or a system that answers for it, redirects the call. The policy was not asked about the new number,
/// so the redirect is followed only if the trunk's settings allow it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_customer_who_redirects_is_followed_only_where_the_trunk_says_so() {
    for follows in [false, true] {
        let stage = set(vec![Trunk { follow_redirects: follows, ..trunk("one") }]).await;
        customers_behind(&stage, &["one"], Behaviour::new(Pickup::Redirects)).await;
        miss(&stage).await;
        later(&stage, 1);
        stage.step("anna", Step::LogIn).await;
        if follows {
            let talks = async || made(&stage).await.iter().any(|row| row.state.as_str() == "talking");
            until("whoever answers is reached", talks).await;
            continue;
        }
        completed(&stage, 1).await;
        let refused = made(&stage).await.remove(0);
        assert_eq!(
            (refused.counted, refused.disposition.map(|word| word.as_str())),
            (false, Some("technical_failure"))
        );
    }
}
