//! What the log says at the default level: whose phone rings, who did not take a call, whose status changes, and how a
//! callback went.

use std::time::Duration;

use dozvon::queue::agent::Step;
use dozvon::sim::{Behaviour, Pickup};

use super::callbacks::{CUSTOMER, agrees, completed, later, miss, set};
use super::stage::{ANNA, BORIS, LIMIT, Stage, answers, story, until};

async fn logged(stage: &Stage, words: &[&str]) {
    let said = async || stage.log.find(words).is_some();
    let waited = tokio::time::timeout(LIMIT, until(&format!("the log says {words:?}"), said)).await;
    assert!(waited.is_ok(), "{words:?}: {}", stage.log.all());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_says_whose_phone_rings_who_did_not_take_the_call_and_who_did() {
    let stage = Stage::set().await;
    stage.phone(ANNA, Behaviour::new(Pickup::Rejects(Duration::from_millis(5)))).await;
    stage.phone(BORIS, answers().hanging_up_after(Duration::from_millis(5))).await;
    for agent in ["anna", "boris"] {
        stage.step(agent, Step::LogIn).await;
        let name = format!("agent={agent}");
        logged(&stage, &[" INFO ", "the agent's status has changed", &name, "status=available"]).await;
    }
    let told = story(stage.caller(1).await).await;
    assert_eq!(told.talked_to(), [BORIS], "{told:?}");
    let call = format!("call.id={}", stage.calls().await[0].id);
    for words in [
        &["the agent's phone rings", "agent=anna", "queue=sales"][..],
        &["the agent did not take the call", "agent=anna", "outcome=rejected"],
        &["the agent's phone rings", "agent=boris"],
        &["the caller got through", "agent=boris"],
        &["the call has ended", "ending=answered"],
    ] {
        logged(&stage, &[words, &[" INFO ", call.as_str()]].concat()).await;
    }
    stage.step("anna", Step::LogOut).await;
    logged(&stage, &[" INFO ", "the agent's status has changed", "agent=anna", "status=logged_out"]).await;
    assert_eq!(stage.log.find(&["Some("]), None, "nothing is written as a program writes it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_says_what_a_callback_did() {
    let stage = set().await;
    stage.phone(ANNA, agrees()).await;
    stage.phone(CUSTOMER, Behaviour::new(Pickup::Busy)).await;
    miss(&stage).await;
    logged(&stage, &[" INFO ", "missed: a case is open", "case.id=1"]).await;
    stage.step("anna", Step::LogIn).await;
    later(&stage, 1);
    completed(&stage, 1).await;
    logged(&stage, &[" INFO ", "the agent's phone rings", "agent=anna"]).await;
    logged(&stage, &[" INFO ", "the customer is dialled", "trunk"]).await;
    logged(&stage, &[" INFO ", "the customer was not reached", "case.id=1"]).await;
}
