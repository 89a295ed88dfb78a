//! The hourly limit of dials to customers is reached.

use dozvon::ids::CaseId;
use dozvon::queue::agent::{Activity, Step};
use dozvon::sim::{Behaviour, CallerScript, Pickup};
use dozvon::store::{attempts, cases};

use super::callbacks::{CUSTOMER, agrees, completed, later, miss, set_with};
use super::handsets::{dials_said, refused};
use super::stage::{ANNA, Stage, story, until};
use super::trunks::{SECOND, miss_another};

async fn second(stage: &Stage) -> (String, usize) {
    let row = stage.store.read("case", |c| cases::get(c, CaseId(2))).await.unwrap();
    let made = stage.store.read("attempts", |c| attempts::of_case(c, CaseId(2))).await.unwrap();
    (row.stage.to_string(), made.len())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_beyond_the_hourly_cap_waits_across_a_restart_and_by_hand_too() {
    let mut stage = set_with(|settings| settings.callback.max_dials_per_hour = 1).await;
    stage.phone(ANNA, agrees()).await;
    for customer in [CUSTOMER, &format!("gateway/trunk/{SECOND}")] {
        stage.phone(customer, Behaviour::new(Pickup::Busy)).await;
    }
    miss(&stage).await;
    miss_another(&stage).await;
    later(&stage, 1);
    stage.step("anna", Step::LogIn).await;
    completed(&stage, 1).await;
    until("anna is free", async || stage.agent("anna").await.activity == Activity::Idle).await;
    until("the second waits for the hour", async || dials_said(&stage, "hour").await > 0).await;
    let by_anna = stage.sim.call(CallerScript::at_phone_of("anna", SECOND)).await;
    assert_eq!(story(by_anna).await.cause, "CALL_REJECTED", "nor does an agent get past it");
    stage.restart().await;
    until("it is asked in the rows", async || dials_said(&stage, "hour").await > 0).await;
    assert_eq!(second(&stage).await, ("due".to_owned(), 0), "not an attempt");
    let asked = refused(&stage).await;
    let of_second = |by: &str| ("hour_cap".to_owned(), by.to_owned(), Some(2));
    assert!(asked.contains(&of_second("system")) && asked.contains(&of_second("anna")), "{asked:?}");
    later(&stage, 61);
    until("the second is called", async || second(&stage).await.1 == 1).await;
    stage.quiet().await;
    assert_eq!(stage.repairs().await, 0);
}
