//! More calls are missed in an hour than may open cases that are called automatically.

use std::time::Duration;

use dozvon::ids::CaseId;
use dozvon::missed::attempt::Disposition;
use dozvon::missed::flood::Limits;
use dozvon::queue::agent::Step;
use dozvon::store::{attempts, callbacks, cases};

use super::callbacks::{CUSTOMER, agrees, completed, later, miss, says, set_with};
use super::stage::{ANNA, Stage, answers, until};
use super::trunks::{SECOND, miss_another};

async fn attempts_of_second(stage: &Stage) -> usize {
    stage.store.read("attempts", |c| attempts::of_case(c, CaseId(2))).await.unwrap().len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_case_of_a_flood_is_called_when_somebody_says_so_and_not_before() {
    let mut stage =
        set_with(|settings| settings.callback.flood = Limits { max_per_source: 1, max_in_all: 0 }).await;
    stage.phone(ANNA, agrees()).await;
    let hangs_up = answers().hanging_up_after(Duration::from_millis(20));
    stage.phone(CUSTOMER, hangs_up.clone()).await;
    stage.phone(&format!("gateway/trunk/{SECOND}"), hangs_up).await;
    miss(&stage).await;
    // The cap holds across a restart: it is counted in the rows.
    stage.restart().await;
    miss_another(&stage).await;
    let row = stage.store.read("case", |c| cases::get(c, CaseId(2))).await.unwrap();
    assert_eq!((row.came_by.as_deref(), row.flooded, row.next_at), (Some("127.0.0.1"), true, None));
    later(&stage, 1);
    stage.step("anna", Step::LogIn).await;
    until("the first customer has been reached", async || says(&stage, Disposition::Reached).await.is_ok())
        .await;
    completed(&stage, 1).await;
    assert_eq!(attempts_of_second(&stage).await, 0);
    let shown = async || stage.metrics().await.contains("\ndozvon_cases_flooded 1\n");
    until("the metric shows it", shown).await;
    let (callback_rules, at) = (stage.callback_rules().await, stage.now());
    let now = move |c: &mut _| callbacks::now(c, &callback_rules, CaseId(2), "olga", at);
    assert_eq!(stage.store.write("now", now).await.unwrap(), Ok(()));
    until("the second customer is called", async || attempts_of_second(&stage).await == 1).await;
}
