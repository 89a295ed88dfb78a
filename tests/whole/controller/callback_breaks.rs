//! Callbacks during which the controller or FreeSWITCH breaks: the attempt counts, nothing is left behind, and the case
//! goes on.

use diesel::RunQueryDsl as _;
use dozvon::missed::attempt::Disposition;
use dozvon::queue::agent::{Activity, Step};
use dozvon::sim::{Behaviour, CallerScript, Pickup};
use dozvon::store::recovery::{self, Open};

use super::callbacks::{
    CUSTOMER, NUMBER, agrees, case, completed, later, made, miss, says, set, set_with, stands,
};
use super::stage::{ANNA, Stage, answers, until};

/// A stage whose controller dials the customer before an agent is there.
async fn set_customer_first() -> Stage {
    set_with(|settings| {
        settings.callback.customer_first = true;
        settings.callback.confirm = false;
    })
    .await
}

fn rings() -> Behaviour {
    Behaviour::new(Pickup::NoAnswer)
}

/// A caller is missed, and their callback begins: how far its attempt is to go.
async fn called_back(stage: &Stage, wanted: &str) {
    miss(stage).await;
    later(stage, 1);
    stands(stage, "due").await;
    stage.step("anna", Step::LogIn).await;
    until(wanted, async || made(stage).await.iter().any(|row| row.state.as_str() == wanted)).await;
}

/// The two talk, and the rows say so.
async fn talk(stage: &Stage) {
    called_back(stage, "talking").await;
    until("it is on record", async || stage.agent("anna").await.activity == Activity::Talking).await;
}

/// No phone rings, and no row waits for its end.
async fn nothing_is_left(stage: &Stage) {
    until("every call and offer has its end", async || {
        stage.store.read("open", recovery::open).await.unwrap() == Open::default()
    })
    .await;
    until("no leg is left", async || stage.sim.counts().await.legs_up == 0).await;
}

/// The second attempt is made as usual, in this way.
async fn the_next_attempt_is_made(stage: &Stage, way: &str) {
    stands(stage, "waiting").await;
    until("anna is free", async || stage.agent("anna").await.activity == Activity::Idle).await;
    stage.phone(ANNA, agrees()).await;
    stage.phone(CUSTOMER, Behaviour::new(Pickup::Busy)).await;
    later(stage, 31);
    completed(stage, 2).await;
    let second = made(stage).await.remove(1);
    assert_eq!((second.way.as_str(), second.ordinal), (way, Some(2)), "{second:?}");
    assert_eq!(second.disposition.map(|word| word.as_str()), Some("busy"), "{second:?}");
    nothing_is_left(stage).await;
}

#[derive(diesel::QueryableByName)]
struct Cause {
    #[diesel(sql_type = diesel::sql_types::Nullable<diesel::sql_types::Text>)]
    cause: Option<String>,
}

/// Why the first attempt ended, in FreeSWITCH's words or ours.
async fn cause(stage: &Stage) -> Option<String> {
    let sql = "SELECT cause FROM attempts ORDER BY id LIMIT 1";
    let read = stage.store.read("cause", move |c| Ok(diesel::sql_query(sql).get_result::<Cause>(c)?.cause));
    read.await.unwrap()
}

/// How the first attempt ended: its place, whether it counts, its result.
async fn first(stage: &Stage) -> (Option<i32>, bool, String) {
    let row = made(stage).await.remove(0);
    (
        row.ordinal,
        row.counted,
        row.disposition.map_or(row.state.as_str(), |result| result.as_str()).to_owned(),
    )
}

/// Story 16.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_attempt_during_which_freeswitch_dies_counts_and_another_one_follows() {
    let stage = set().await;
    stage.phone(ANNA, agrees()).await;
    stage.phone(CUSTOMER, rings()).await;
    called_back(&stage, "dialling").await;
    stage.sim.restart().await;
    completed(&stage, 1).await;
    let (ordinal, counted, result) = first(&stage).await;
    // The agent's leg is gone, too: whichever is noticed first.
    assert!(["no_answer", "cancelled"].contains(&result.as_str()), "{result}");
    assert_eq!((ordinal, counted), (Some(1), true));
    nothing_is_left(&stage).await;
    the_next_attempt_is_made(&stage, "callback").await;
    stage.quiet().await;
    assert_eq!(stage.repairs().await, 0);
}

/// Story 16.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_talk_that_freeswitch_takes_with_it_is_a_talk_whose_result_the_agent_owes() {
    let stage = set().await;
    stage.phone(ANNA, agrees()).await;
    stage.phone(CUSTOMER, answers()).await;
    talk(&stage).await;
    stage.sim.restart().await;
    until("the result is awaited", async || made(&stage).await[0].state.as_str() == "wrapping_up").await;
    until("anna wraps up", async || stage.agent("anna").await.activity == Activity::WrappingUp).await;
    nothing_is_left(&stage).await;
    assert_eq!(case(&stage).await.stage.as_str(), "attempting");
    says(&stage, Disposition::NoAnswer).await.unwrap();
    assert_eq!(first(&stage).await, (Some(1), true, "no_answer".to_owned()));
    the_next_attempt_is_made(&stage, "callback").await;
    stage.quiet().await;
    assert_eq!(stage.repairs().await, 0);
}

/// Story 16, with nobody there to see it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_dies_with_freeswitch_and_us_is_found_by_the_next_one() {
    for (state, result) in [("dialling", "orphaned"), ("talking", "wrapping_up")] {
        let mut stage = set().await;
        stage.phone(ANNA, agrees()).await;
        stage.phone(CUSTOMER, if state == "talking" { answers() } else { rings() }).await;
        called_back(&stage, state).await;
        stage.kill().await;
        stage.sim.restart().await;
        stage.start().await;
        until(result, async || first(&stage).await.2 == result).await;
        nothing_is_left(&stage).await;
        if result == "wrapping_up" {
            says(&stage, Disposition::Voicemail).await.unwrap();
        }
        the_next_attempt_is_made(&stage, "callback").await;
        stage.quiet().await;
        assert_eq!(stage.repairs().await, 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_customer_waiting_for_an_agent_at_a_crash_was_abandoned_and_not_reached() {
    let mut stage = set_customer_first().await;
    stage.phone(ANNA, rings()).await;
    stage.phone(CUSTOMER, answers()).await;
    called_back(&stage, "talking").await;
    until("her phone rings", async || stage.agent("anna").await.activity == Activity::Ringing).await;
    assert_eq!(made(&stage).await[0].agent, None, "no agent is with the customer");
    stage.restart().await;
    completed(&stage, 1).await;
    assert_eq!(first(&stage).await, (Some(1), true, "abandoned".to_owned()));
    assert_eq!(cause(&stage).await.as_deref(), Some("CONTROLLER_RESTARTED"));
    nothing_is_left(&stage).await;
    // A customer who answered and found no agent is not dialled again without one.
    the_next_attempt_is_made(&stage, "callback").await;
    stage.quiet().await;
    assert_eq!(stage.repairs().await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_talk_with_who_was_dialled_first_goes_on_while_we_are_away_and_its_disposition_is_owed() {
    let mut stage = set_customer_first().await;
    stage.phone(ANNA, answers()).await;
    stage.phone(CUSTOMER, answers()).await;
    talk(&stage).await;
    stage.restart().await;
    until("watched again", async || stage.is_watching().await).await;
    let counts = stage.sim.counts().await;
    let looks = counts.of("api show");
    until("it was looked at again", async || stage.sim.counts().await.of("api show") >= looks + 3).await;
    assert_eq!(counts.of("api uuid_kill"), 0, "they are left alone");
    assert_eq!(stage.sim.counts().await.legs_up, 2);
    assert_eq!(made(&stage).await[0].state.as_str(), "talking");
    let attempt = made(&stage).await.remove(0);
    let call = stage.calls().await.into_iter().find(|row| Some(&row.id) == attempt.call.as_ref()).unwrap();
    stage.ask(&format!("api uuid_kill {}", call.channel)).await;
    until("the result is awaited", async || made(&stage).await[0].state.as_str() == "wrapping_up").await;
    until("anna wraps up", async || stage.agent("anna").await.activity == Activity::WrappingUp).await;
    says(&stage, Disposition::Reached).await.unwrap();
    assert_eq!(case(&stage).await.close_reason.map(|word| word.as_str()), Some("agent_reached"));
    nothing_is_left(&stage).await;
    stage.quiet().await;
    assert_eq!(stage.repairs().await, 0);
}

/// The controller is told to stop while a customer's phone rings, and another one is started.
async fn stopped_while_the_customers_phone_rings(stage: Stage) -> Stage {
    stage.phone(ANNA, agrees()).await;
    stage.phone(CUSTOMER, rings()).await;
    called_back(&stage, "dialling").await;
    stopped(stage).await
}

async fn stopped(mut stage: Stage) -> Stage {
    until("the customer's phone rings", async || stage.sim.counts().await.legs_up > 0).await;
    let (runtime, running) = stage.controller.take().unwrap();
    runtime.spawn(running.drain()).await.unwrap();
    runtime.shutdown_background();
    // No controller is there any more that could end it.
    assert_eq!(first(&stage).await, (Some(1), true, "cancelled".to_owned()));
    assert_eq!(cause(&stage).await.as_deref(), Some("DRAINED"));
    nothing_is_left(&stage).await;
    stage.start().await;
    stage
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_we_stop_the_phone_of_a_customer_who_has_not_answered_falls_silent() {
    let stage = stopped_while_the_customers_phone_rings(set().await).await;
    the_next_attempt_is_made(&stage, "callback").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_we_stop_the_phone_of_a_customer_who_is_dialled_first_falls_silent_too() {
    let stage = stopped_while_the_customers_phone_rings(set_customer_first().await).await;
    the_next_attempt_is_made(&stage, "customer_first").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_a_stop_the_dialled_phone_falls_silent_and_the_agent_is_not_blamed() {
    let stage = set().await;
    stage.phone(CUSTOMER, rings()).await;
    miss(&stage).await;
    later(&stage, 1);
    stands(&stage, "due").await;
    let anna = stage.sim.call(CallerScript::at_phone_of("anna", NUMBER)).await;
    stopped(stage).await;
    drop(anna);
}
