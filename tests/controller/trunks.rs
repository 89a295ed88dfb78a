//! Over which trunk a customer is dialled, and what becomes of calls for which none has room.

use std::collections::BTreeMap;
use std::time::Duration;

use dozvon::callback::settings::Trunk;
use dozvon::ids::CaseId;
use dozvon::queue::agent::Step;
use dozvon::sim::{Behaviour, CallerScript, Pickup};
use dozvon::store::{attempts, cases};

use super::callbacks::{NUMBER, agrees, completed, later, made, miss, set_with, stands, trunk};
use super::handsets::refused;
use super::stage::{ANNA, BORIS, Stage, answers, story, until};

/// Another fixed line in Moscow.
pub const SECOND: &str = "+74951234568";

/// A stage with these trunks, on which every agent may call back.
async fn set(trunks: Vec<Trunk>) -> Stage {
    let stage = set_with(|settings| {
        settings.callback.trunks = trunks;
        settings.callback.share_pct = 100;
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
fn calls(stage: &Stage) -> BTreeMap<String, usize> {
    let calls = stage.running().desk.trunks.calls();
    calls.into_iter().map(|(trunk, calls)| (trunk.name().to_owned(), calls)).collect()
}

fn on(one: usize, two: usize) -> BTreeMap<String, usize> {
    [("one".to_owned(), one), ("two".to_owned(), two)].into()
}

/// A second customer gives up, after the first.
pub async fn miss_another(stage: &Stage) {
    let caller = stage.sim.call(CallerScript::new(SECOND, "7001")).await;
    until("he waits", async || stage.waiting() == 1).await;
    caller.hang_up().await;
    story(caller).await;
    until("he is owed a call", async || stage.cases().await == 2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_first_trunk_does_not_carry_goes_over_the_next() {
    let stage = set(vec![Trunk { max_live: 1, ..trunk("one") }, trunk("two")]).await;
    customers_behind(&stage, &["one", "two"], answers()).await;
    miss(&stage).await;
    miss_another(&stage).await;
    later(&stage, 1);
    stage.step("anna", Step::LogIn).await;
    stage.step("boris", Step::LogIn).await;
    until("both are called", async || calls(&stage) == on(1, 1)).await;
    let text = "dozvon_trunk_calls{trunk=\"one\"} 1\ndozvon_trunk_calls{trunk=\"two\"} 1\n";
    let shown = async || stage.running().desk.metrics.text().unwrap().contains(text);
    until("the metric shows it", shown).await;
    let shown = stage.ask("api show channels").await;
    for gateway in ["gateway/one/", "gateway/two/"] {
        assert_eq!(shown.matches(gateway).count(), 1, "{shown}");
    }
    customers_hang_up(&stage).await;
    until("the trunks are free", async || calls(&stage) == on(0, 0)).await;
}

/// Everybody's talk ends.
async fn customers_hang_up(stage: &Stage) {
    for call in stage.calls().await.iter().filter(|call| call.ended_at.is_none()) {
        stage.ask(&format!("api uuid_kill {}", call.channel)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_failed_on_one_trunk_is_tried_again_over_the_other() {
    let stage = set(vec![trunk("one"), trunk("two")]).await;
    // No phone is behind the first: FreeSWITCH knows no such gateway.
    customers_behind(&stage, &["two"], answers()).await;
    miss(&stage).await;
    later(&stage, 1);
    stage.step("anna", Step::LogIn).await;
    completed(&stage, 1).await;
    let failed = made(&stage).await.remove(0);
    assert_eq!((failed.counted, failed.result.as_deref()), (false, Some("technical_failure")));
    later(&stage, 1);
    until("he is reached", async || made(&stage).await.iter().any(|row| row.state == "talking")).await;
    assert_eq!(calls(&stage), on(0, 1));
    assert_eq!(made(&stage).await.len(), 2);
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

/// Who dials at his phone needs room on a trunk as well; where there is none, it is kept and costs the customer no
/// attempt.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_room_nobody_is_dialled_and_nothing_is_counted() {
    let stage = set(vec![Trunk { max_live: 1, ..trunk("one") }]).await;
    customers_behind(&stage, &["one"], Behaviour::new(Pickup::NoAnswer)).await;
    miss(&stage).await;
    miss_another(&stage).await;
    later(&stage, 1);
    let boris = stage.sim.call(CallerScript::at_phone_of("boris", SECOND)).await;
    until("he is dialled", async || stage.commands("bgapi originate").await == 1).await;
    stage.step("anna", Step::LogIn).await;
    stands(&stage, "due").await;
    let anna = stage.sim.call(CallerScript::at_phone_of("anna", NUMBER)).await;
    assert_eq!(story(anna).await.cause, "NORMAL_CIRCUIT_CONGESTION");
    assert_eq!(refused(&stage).await, [("budget".to_owned(), "anna".to_owned(), Some(1))]);
    assert_eq!(made(&stage).await, []);
    assert_eq!(stage.commands("bgapi originate").await, 1, "nor is anna rung");
    boris.hang_up().await;
    until("it is his turn now", async || !made(&stage).await.is_empty()).await;
    let second = stage.store.read("attempts", |c| attempts::of_case(c, CaseId(2))).await.unwrap();
    assert_eq!(second.len(), 1);
    assert_eq!(stage.store.read("case", |c| cases::get(c, CaseId(2))).await.unwrap().number, SECOND);
}

/// A trunk without funds rejects everybody before a phone rings: that costs nobody an attempt, the next dial goes over the
/// other trunk, and the supervisor hears of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trunk_that_refuses_everybody_costs_no_attempt_and_is_told() {
    let stage = set(vec![Trunk { alarm_after: 1, ..trunk("one") }, trunk("two")]).await;
    customers_behind(&stage, &["one"], Behaviour::new(Pickup::Fails("CALL_REJECTED"))).await;
    customers_behind(&stage, &["two"], answers()).await;
    miss(&stage).await;
    later(&stage, 1);
    stage.step("anna", Step::LogIn).await;
    completed(&stage, 1).await;
    let refused = made(&stage).await.remove(0);
    assert_eq!((refused.counted, refused.result.as_deref()), (false, Some("technical_failure")));
    let told = async || {
        let told = stage.store.read("told", |c| dozvon::store::outbox::unspread(c, &[])).await.unwrap();
        told.is_some() && stage.running().desk.trunks.calls().iter().all(|(_, calls)| *calls == 0)
    };
    until("it is over", told).await;
    later(&stage, 1);
    until("the customer is reached", async || made(&stage).await.iter().any(|row| row.state == "talking"))
        .await;
    assert_eq!(calls(&stage), on(0, 1));
}
