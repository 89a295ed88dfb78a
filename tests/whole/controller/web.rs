//! What Prometheus and a load balancer see of a controller that stops.

use dozvon::queue::agent::Step;
use tokio::time::timeout;

use crate::support::http::{get, metric};

use super::stage::{BORIS, LIMIT, Stage, answers, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_talks_go_on_a_stopping_controller_says_that_it_stops() {
    let mut stage = Stage::set().await;
    stage.settings.calls.drain_timeout = LIMIT;
    stage.restart().await;
    stage.phone(BORIS, answers()).await;
    stage.step("boris", Step::LogIn).await;
    let caller = stage.caller(1).await;
    until("they talk", async || stage.agent("boris").await.activity.as_str() == "talking").await;
    let (runtime, running) = stage.controller.take().unwrap();
    let (web, public) = (running.status, running.web);
    assert!(get(web, "/readyz").await.unwrap().status == 200);

    let drain = runtime.spawn(running.drain());
    let stops = async || get(web, "/readyz").await.is_some_and(|ready| ready.status == 503);
    until("it says that it stops", stops).await;
    let ready = get(web, "/readyz").await.expect("nobody answers /readyz");
    assert!(ready.status == 503 && ready.body.contains("the controller is stopping"), "{ready:?}");
    let elsewhere = get(public, "/metrics").await.expect("nobody answers on the web port");
    assert!(elsewhere.status == 404 && elsewhere.body.contains("[status] listen"), "{elsewhere:?}");
    let metrics = get(web, "/metrics").await.expect("nobody answers /metrics");
    assert!(metrics.status == 200 && metrics.body.contains("dozvon_"), "{metrics:?}");
    let health = get(web, "/healthz").await.expect("nobody answers /healthz");
    assert!(health.status == 200, "{health:?}");
    assert!(!drain.is_finished(), "the talk goes on");

    caller.hang_up().await;
    timeout(LIMIT, drain).await.expect("it does not stop").unwrap();
    assert!(get(web, "/healthz").await.is_none(), "it has stopped");
    runtime.shutdown_background();
}

/// How many transactions asked whether the database commits.
fn asked(metrics: &str) -> Option<f64> {
    metric(metrics, "dozvon_store_transactions_total", "\"ready\"")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readiness_checks_cost_no_transaction_each() {
    let mut stage = Stage::set().await;
    stage.settings.status.database_check_interval = std::time::Duration::from_mins(1);
    stage.restart().await;
    let status = stage.status();
    let ready = async || get(status, "/readyz").await.unwrap().status == 200;
    until("its links are up", ready).await;
    for _ in 0..40 {
        assert!(ready().await);
    }
    let counted = async || asked(&get(status, "/metrics").await.unwrap().body) == Some(1.0);
    until("the one question is counted", counted).await;
}
