//! What Prometheus and a load balancer see of a controller that stops.

use dozvon::queue::agent::Step;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::stage::{BORIS, LIMIT, Stage, answers, until};

/// A page with its status line and head; nothing if nobody listens.
pub async fn get(address: std::net::SocketAddr, path: &str) -> Option<String> {
    let mut socket = TcpStream::connect(address).await.ok()?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    socket.write_all(request.as_bytes()).await.ok()?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.ok()?;
    Some(answer)
}

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
    let (web, public, draining) = (running.status, running.web, running.app.draining.clone());
    assert!(get(web, "/readyz").await.unwrap().starts_with("HTTP/1.1 200"));

    let drain = runtime.spawn(running.drain());
    draining.cancelled().await;
    let ready = get(web, "/readyz").await.expect("nobody answers /readyz");
    assert!(ready.starts_with("HTTP/1.1 503") && ready.contains("the controller is stopping"), "{ready}");
    let elsewhere = get(public, "/metrics").await.expect("nobody answers on the web port");
    assert!(elsewhere.starts_with("HTTP/1.1 404") && elsewhere.contains("[status] listen"), "{elsewhere}");
    let metrics = get(web, "/metrics").await.expect("nobody answers /metrics");
    assert!(metrics.starts_with("HTTP/1.1 200") && metrics.contains("dozvon_"), "{metrics}");
    let health = get(web, "/healthz").await.expect("nobody answers /healthz");
    assert!(health.starts_with("HTTP/1.1 200"), "{health}");
    assert!(!drain.is_finished(), "the talk goes on");

    caller.hang_up().await;
    timeout(LIMIT, drain).await.expect("it does not stop").unwrap();
    assert_eq!(get(web, "/healthz").await, None, "it has stopped");
    runtime.shutdown_background();
}

/// How many transactions asked whether the database commits.
fn asked(metrics: &str) -> f64 {
    let line =
        |line: &&str| line.starts_with("dozvon_store_transactions_total") && line.contains("\"ready\"");
    metrics.lines().filter(line).filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_asks_whether_it_is_ready_costs_no_transaction_each() {
    let mut stage = Stage::set().await;
    stage.settings.status.ask_every = std::time::Duration::from_mins(1);
    stage.restart().await;
    let status = stage.controller.as_ref().unwrap().1.status;
    let ready = async || get(status, "/readyz").await.unwrap().starts_with("HTTP/1.1 200");
    until("its links are up", ready).await;
    for _ in 0..40 {
        assert!(ready().await);
    }
    let counted = async || asked(&get(status, "/metrics").await.unwrap()) == 1.0;
    until("the one question is counted", counted).await;
}
