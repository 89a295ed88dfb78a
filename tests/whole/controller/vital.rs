//! A vital task ends or hangs.

use std::time::Duration;

use dozvon::app::{self, AppError};
use dozvon::clock::Clock;
use dozvon::queue::agent::Step;
use tokio::runtime::Runtime;
use tokio::time::timeout;

use super::stage::{BORIS, LIMIT, Stage, answers, until};
use crate::support::http::get;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_a_vital_task_dies_whoever_stands_by_takes_the_callers() {
    let mut stage = Stage::set().await;
    let caller = stage.caller(1).await;
    until("the caller waits", async || stage.waiting().await == 1).await;
    stage.kill().await;

    // A file cannot say this: it stands for whatever panics in a task.
    let sound = stage.settings.clone();
    stage.settings.callback.poll_interval = Duration::ZERO;
    stage.start().await;
    let standby = Runtime::new().unwrap();
    let taking_over = standby.spawn(app::stand_by(sound, Clock::system()));
    let (runtime, running) = stage.controller.take().unwrap();
    let ended = runtime.spawn(running.until(std::future::pending()));

    let ended = timeout(LIMIT, ended).await.expect("it goes on without callbacks").unwrap();
    let said = ended.unwrap_err();
    assert!(matches!(&said, AppError::Died(task) if &**task == "callbacks"), "{said}");
    let taken = timeout(LIMIT, taking_over).await.expect("the lock is kept").unwrap().unwrap();
    stage.sim.set_controllers(&[taken.listen]).await;
    stage.controller = Some((standby, taken));
    stage.phone(BORIS, answers()).await;
    stage.step("boris", Step::LogIn).await;
    until("they talk", async || stage.agent("boris").await.activity.as_str() == "talking").await;
    caller.hang_up().await;
    runtime.shutdown_background();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_that_hangs_is_named_by_readiness_at_once() {
    let stage = Stage::with(|settings| {
        settings.calls.stall_timeout = Duration::from_millis(100);
        settings.store.busy_timeout = Duration::from_secs(600);
    })
    .await;
    let web = stage.status();
    until("it is ready", async || get(web, "/readyz").await.unwrap().status == 200).await;

    // Somebody who works on the file by hand keeps everybody else from writing.
    let database = stage.folder.path("dozvon.db");
    let (begun, has_begun) = tokio::sync::oneshot::channel();
    let (end, ended) = std::sync::mpsc::channel::<()>();
    let by_hand = std::thread::spawn(move || {
        use diesel::connection::SimpleConnection as _;
        use diesel::{Connection as _, SqliteConnection};
        let mut connection = SqliteConnection::establish(database.to_str().unwrap()).unwrap();
        connection.batch_execute("PRAGMA busy_timeout = 10000; BEGIN IMMEDIATE").unwrap();
        begun.send(()).unwrap();
        assert!(ended.recv().is_err(), "told to end");
        connection.batch_execute("ROLLBACK").unwrap();
    });
    has_begun.await.unwrap();
    until("it is named", async || {
        let asked = tokio::time::timeout(Duration::from_secs(2), get(web, "/readyz")).await;
        asked.is_ok_and(|told| {
            let told = told.unwrap();
            told.status == 503 && told.body.contains("the task `committer` has worked on one thing for")
        })
    })
    .await;
    drop(end);
    by_hand.join().unwrap();
    until("it is ready again", async || get(web, "/readyz").await.unwrap().status == 200).await;
}
