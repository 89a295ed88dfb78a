//! A running controller acts at once on changes that the command line makes.

use std::time::Duration;

use diesel::sql_types::BigInt;
use diesel::{QueryableByName, RunQueryDsl as _};
use tokio::process::Command;
use tokio::time::timeout;

use super::stage::{ANNA, LIMIT, Stage, answers, until};

/// How often it is tried.
const ROUNDS: u32 = 5;

#[derive(QueryableByName)]
struct Delay {
    #[diesel(sql_type = BigInt)]
    ms: i64,
}

/// From each log-in to the offer that it brought, in milliseconds.
async fn delays(stage: &Stage) -> Vec<i64> {
    let query = "SELECT (SELECT min(offered_at) FROM offers WHERE offered_at >= a.at) - a.at AS ms \
                 FROM agent_changes a WHERE from_status = 'logged_out' AND to_status = 'available'";
    let read = stage.store.read("delays", move |c| Ok(diesel::sql_query(query).load::<Delay>(c)?));
    read.await.unwrap().into_iter().map(|delay| delay.ms).collect()
}

/// Runs the built command on the database of the stage.
pub async fn dozvon(stage: &Stage, line: &str) {
    let mut command = stage.folder.command(line);
    command.args(["--database", &stage.settings.database.to_string()]);
    let output = Command::from(command).output().await.unwrap();
    assert!(output.status.success(), "dozvon {line}: {}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_that_logs_in_on_the_command_line_is_offered_a_caller_at_once() {
    // The offer comes in time only if the controller notices the change at once.
    let stage = Stage::with(|settings| settings.calls.reconcile_interval = Duration::from_secs(3_600)).await;
    stage.phone(ANNA, answers().hanging_up_after(Duration::from_millis(20))).await;
    for round in 1..=ROUNDS {
        let caller = stage.caller(round).await;
        until("the caller waits", async || stage.waiting().await == 1).await;
        dozvon(&stage, "agent login anna").await;
        let story = timeout(LIMIT, caller.story()).await.expect("the caller is held for ever").unwrap();
        assert_eq!(story.talked_to(), [ANNA], "{story:?}");
        until("anna is idle", async || stage.agent("anna").await.activity.as_str() == "idle").await;
        dozvon(&stage, "agent logout anna").await;
    }
    let delays = delays(&stage).await;
    assert_eq!(delays.len(), ROUNDS as usize);
    println!("offered after {delays:?} ms");
}
