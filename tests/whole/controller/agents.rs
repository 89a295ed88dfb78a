//! Agents whom callbacks and callers want at the same time, or one after the other.

use std::time::Duration;

use dozvon::queue::agent::{Activity, Step};
use dozvon::sim::{Behaviour, CallerScript, Pickup};
use dozvon::store::offers;

use super::callbacks::{CUSTOMER, agrees, case, later, made, miss, set, set_with, stands};
use super::stage::{ANNA, Stage, answers, story, until};

/// How the offers of anna ended, in their order.
async fn outcomes(stage: &Stage) -> Vec<String> {
    let mut ended = Vec::new();
    for call in stage.calls().await {
        let id = call.id;
        let offers = stage.store.read("offers", move |c| offers::of_call(c, id)).await.unwrap();
        ended.extend(offers.into_iter().map(|offer| (offer.offered_at, offer.outcome)));
    }
    ended.sort();
    ended
        .into_iter()
        .map(|(_, outcome)| outcome.map_or_else(String::new, |outcome| outcome.to_string()))
        .collect()
}

/// The only agent is asked to press the key for a callback when a caller comes. The caller gets the agent, and the callback
/// is made afterwards.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_comes_before_a_callback_that_nobody_has_accepted() {
    let stage = set().await;
    // The agent picks up, and does not press the key.
    stage.phone(ANNA, Behaviour { confirms: None, ..answers() }).await;
    stage.phone(CUSTOMER, Behaviour::new(Pickup::Busy)).await;
    miss(&stage).await;
    later(&stage, 1);
    stage.step("anna", Step::LogIn).await;
    let asked = async || stage.ask("api show channels").await.contains("ACTIVE");
    until("she is asked for the key", asked).await;
    let caller = stage.sim.call(CallerScript::new("+79001230009", "7001")).await;
    until("she talks to the caller", async || stage.agent("anna").await.activity == Activity::Talking).await;
    assert_eq!(outcomes(&stage).await, ["cancelled", "answered"]);
    assert_eq!((made(&stage).await, stage.agent("anna").await.misses), (Vec::new(), 0));
    stage.phone(ANNA, agrees()).await;
    caller.hang_up().await;
    assert_eq!(story(caller).await.talked_to(), [ANNA]);
    until("the customer is called", async || !made(&stage).await.is_empty()).await;
    stage.quiet().await;
    assert_eq!(stage.repairs().await, 0);
}

/// A customer is not reached: the agent is offered nothing for a while.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_customer_who_was_not_reached_the_agent_rests() {
    let rest = Duration::from_secs(600);
    let stage = set_with(|settings| settings.callback.agent_pause = rest).await;
    stage.phone(ANNA, agrees()).await;
    stage.phone(CUSTOMER, Behaviour::new(Pickup::Busy)).await;
    miss(&stage).await;
    later(&stage, 1);
    stage.step("anna", Step::LogIn).await;
    stands(&stage, "waiting").await;
    until("she is free", async || stage.agent("anna").await.activity == Activity::Idle).await;
    let row = stage.agent("anna").await;
    let rests = row.ready_at.since(row.since_at);
    assert_eq!(rests, rest, "{row:?}");
    assert_eq!(case(&stage).await.stage.as_str(), "waiting");
}
