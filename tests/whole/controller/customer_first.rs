//! Customers who are dialled before an agent is there, and the legal limits on that.

use std::time::Duration;

use dozvon::missed::attempt::Disposition;
use dozvon::queue::agent::{Activity, Step};
use dozvon::sim::{Behaviour, Faults, Pickup};

use super::callbacks::{CUSTOMER, case, completed, later, made, miss, says, set_with, stands};
use super::stage::{ANNA, Stage, answers, until};

async fn set() -> Stage {
    set_with(|settings| {
        settings.callback.customer_first = true;
        settings.callback.customer_max_wait = Duration::from_secs(5);
        settings.callback.apology_length = Duration::from_millis(50);
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_customer_that_answers_gets_an_agent_that_must_record_the_result() {
    let stage = set().await;
    stage.phone(ANNA, answers()).await;
    stage
        .phone(
            CUSTOMER,
            Behaviour::answers(Duration::from_millis(100)).hanging_up_after(Duration::from_millis(50)),
        )
        .await;
    miss(&stage).await;
    later(&stage, 1);
    stands(&stage, "due").await;
    stage.step("anna", Step::LogIn).await;
    until("the customer is rung before her", async || {
        made(&stage).await.first().is_some_and(|row| row.way.as_str() == "customer_first")
    })
    .await;
    until("anna wraps up", async || stage.agent("anna").await.activity == Activity::WrappingUp).await;
    until("the result is awaited", async || made(&stage).await[0].state.as_str() == "wrapping_up").await;
    assert_eq!(made(&stage).await[0].agent.as_ref().map(|name| name.as_str()), Some("anna"));
    says(&stage, Disposition::Reached).await.unwrap();
    assert_eq!(case(&stage).await.close_reason.map(|word| word.as_str()), Some("agent_reached"));
    stage.quiet().await;
    assert_eq!(stage.repairs().await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_abandoned_customer_is_not_called_again_without_an_agent() {
    let stage = set_with(|settings| {
        settings.callback.customer_first = true;
        settings.callback.confirm = false;
        settings.callback.customer_max_wait = Duration::from_millis(100);
        settings.callback.apology_length = Duration::from_millis(50);
    })
    .await;
    stage.phone(ANNA, Behaviour::new(Pickup::NoAnswer)).await;
    stage.phone(CUSTOMER, answers()).await;
    miss(&stage).await;
    later(&stage, 1);
    stands(&stage, "due").await;
    stage.step("anna", Step::LogIn).await;
    completed(&stage, 1).await;
    stands(&stage, "waiting").await;
    assert_eq!(made(&stage).await[0].disposition.map(|word| word.as_str()), Some("abandoned"));
    assert!(made(&stage).await[0].agent.is_none());
    // The next time the agent is rung first: nobody may be abandoned again for 72 hours.
    stage.phone(ANNA, answers()).await;
    stage.phone(CUSTOMER, Behaviour::new(Pickup::Busy)).await;
    later(&stage, 31);
    completed(&stage, 2).await;
    let second = made(&stage).await.remove(1);
    assert_eq!(
        (second.way.as_str(), second.agent.as_ref().map(|name| name.as_str())),
        ("callback", Some("anna")),
        "{second:?}"
    );
    assert!(says(&stage, Disposition::Abandoned).await.is_err(), "nobody may say so");
    stage.quiet().await;
    assert_eq!(stage.repairs().await, 0);
}

/// The customer was called first and has heard nobody.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_customer_that_answers_and_is_not_connected_was_abandoned() {
    for customer_first in [true, false] {
        let stage = set_with(|settings| {
            settings.callback.customer_first = customer_first;
            settings.callback.confirm = false;
        })
        .await;
        stage.phone(ANNA, answers()).await;
        stage.phone(CUSTOMER, answers()).await;
        stage.sim.set_faults(Faults { bridges_refused: 1, ..Faults::default() }).await;
        miss(&stage).await;
        later(&stage, 1);
        stands(&stage, "due").await;
        stage.step("anna", Step::LogIn).await;
        completed(&stage, 1).await;
        let attempt = made(&stage).await.remove(0);
        assert_eq!(
            (attempt.counted, attempt.disposition.map(|word| word.as_str())),
            (true, Some("abandoned")),
            "{attempt:?}"
        );
        assert_eq!(attempt.way.as_str() == "customer_first", customer_first);
        stands(&stage, "waiting").await;
        until("anna is free", async || stage.agent("anna").await.activity == Activity::Idle).await;
        stage.quiet().await;
        assert_eq!((stage.sim.counts().await.legs_up, stage.repairs().await), (0, 0));
    }
}

/// Seen on a real FreeSWITCH: the apology waited for the end of the greeting, and was never heard.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_abandoned_customer_hears_the_apology_whatever_they_heard_before() {
    let apology = "tone_stream://%(1000,0,950)";
    let stage = set_with(|settings| {
        settings.callback.customer_first = true;
        settings.callback.customer_max_wait = Duration::from_millis(100);
        settings.callback.greeting = "tone_stream://%(1000,0,440);loops=-1".parse().unwrap();
        settings.callback.apology = apology.parse().unwrap();
        settings.callback.apology_length = Duration::from_secs(1);
    })
    .await;
    stage.phone(ANNA, Behaviour::new(Pickup::NoAnswer)).await;
    stage.phone(CUSTOMER, answers()).await;
    miss(&stage).await;
    later(&stage, 1);
    stands(&stage, "due").await;
    stage.step("anna", Step::LogIn).await;
    until("the customer hears it", async || stage.ask("api show channels").await.contains(apology)).await;
    completed(&stage, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_dialled_when_no_agent_is_free() {
    let stage = set().await;
    stage.phone(ANNA, Behaviour::new(Pickup::NoAnswer)).await;
    stage.phone(CUSTOMER, answers()).await;
    miss(&stage).await;
    // Another caller is being rung for: anna is available, but not free.
    let waiting = stage.caller(1).await;
    until("the caller waits", async || stage.waiting().await == 1).await;
    stage.step("anna", Step::LogIn).await;
    until("her phone rings", async || stage.agent("anna").await.activity == Activity::Ringing).await;
    later(&stage, 1);
    until("the customer waits for an agent", async || stage.waiting().await == 2).await;
    assert!(made(&stage).await.is_empty());
    waiting.hang_up().await;
}
