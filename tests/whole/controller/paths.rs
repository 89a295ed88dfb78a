//! The paths that a call can take through the whole controller, and which step must come before which.

use std::time::Duration;

use dozvon::queue::agent::{Status, Step};
use dozvon::queue::offer::Outcome;
use dozvon::sim::{Behaviour, Faults, Happening, Pickup, Story};
use dozvon::store::Store;
use dozvon::store::agents::AgentRow;
use dozvon::store::offers::{self, EndUnanswered, OfferRow};
use tokio::time::timeout;

use super::stage::{ANNA, BORIS, DUTY, LIMIT, Stage, answers, story, until};
use super::surroundings::hold;

const SHORT: Duration = Duration::from_millis(20);

/// The ending of the only call, and in which queue it is counted.
async fn ended(stage: &Stage) -> (String, String) {
    stage.quiet().await;
    let rows = stage.calls().await;
    assert_eq!(rows.len(), 1, "{rows:#?}");
    let calls = stage.metrics().await;
    let line = calls.lines().find(|line| line.starts_with("dozvon_calls_total{")).unwrap();
    let queue = line.split_once("queue=\"").unwrap().1.split_once('"').unwrap().0;
    (rows[0].ending.unwrap().to_string(), queue.to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_that_waits_too_long_moves_on_to_the_next_queue() {
    let stage = Stage::set().await;
    stage.phone(ANNA, answers().hanging_up_after(SHORT)).await;
    stage.step("anna", Step::LogIn).await;
    let told = story(stage.dials(1, "7004").await).await;
    assert_eq!(told.talked_to(), [ANNA], "{told:?}");
    assert_eq!(ended(&stage).await, ("answered".into(), "sales".into()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_that_waits_too_long_moves_on_to_the_duty_phone() {
    let stage = Stage::set().await;
    stage.phone(DUTY, answers().hanging_up_after(SHORT)).await;
    let told = story(stage.dials(1, "7005").await).await;
    assert_eq!(told.talked_to(), [DUTY], "{told:?}");
    assert_eq!(ended(&stage).await, ("forwarded".into(), "then_duty".into()));
    assert_eq!(stage.cases().await, 0);
}

/// The policy is not asked about the number to which a phone redirects, so only the settings can allow redirects.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redirect_of_the_duty_phone_is_followed_where_the_settings_say_so() {
    let mut stage = Stage::set().await;
    stage.settings.calls.forward_follows_redirects = true;
    stage.restart().await;
    stage
        .phone(
            DUTY,
            Behaviour { talk: answers().hanging_up_after(SHORT).talk, ..Behaviour::new(Pickup::Redirects) },
        )
        .await;
    let told = story(stage.dials(1, "7002").await).await;
    assert_eq!(told.talked_to(), [DUTY], "{told:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_duty_phone_that_does_not_answer_leaves_a_case() {
    for pickup in [Pickup::Busy, Pickup::Rejects(SHORT), Pickup::NoAnswer, Pickup::Redirects] {
        let mut stage = Stage::set().await;
        stage.settings.calls.forward_timeout = Duration::from_millis(300);
        stage.restart().await;
        stage.phone(DUTY, Behaviour::new(pickup)).await;
        let told = story(stage.dials(1, "7002").await).await;
        assert!(told.talked_to().is_empty() && !told.heard_fallback(), "{told:?}");
        assert_eq!(messages(&told), [stage.settings.sounds.fallback_message.as_str()], "{told:?}");
        assert_eq!(ended(&stage).await, ("timed_out".into(), "none".into()));
        assert_eq!((stage.cases().await, stage.sim.counts().await.legs_up), (1, 0));
    }
}

/// What was said to a caller.
fn messages(told: &Story) -> Vec<&str> {
    let said = told.happenings.iter().filter_map(|(_, happening)| match happening {
        Happening::Message(sound) => Some(sound.as_str()),
        _ => None,
    });
    said.collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_whose_file_is_missing_is_replaced() {
    let stage = Stage::set().await;
    let told = story(stage.dials(1, "7006").await).await;
    assert_eq!(messages(&told), [stage.settings.sounds.fallback_message.as_str()], "{told:?}");
    ended(&stage).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_that_is_being_forwarded_at_a_stop_is_handed_back_and_no_phone_rings_on() {
    let mut stage = Stage::set().await;
    stage.settings.calls.drain_timeout = LIMIT;
    stage.restart().await;
    stage.phone(DUTY, Behaviour::new(Pickup::NoAnswer)).await;
    let caller = stage.dials(1, "7002").await;
    until("it rings", async || stage.sim.counts().await.legs_up == 1).await;
    stage.sim.set_controllers(&[]).await;
    let (runtime, running) = stage.controller.take().unwrap();
    timeout(LIMIT / 2, running.drain()).await.expect("the stop waits for the duty phone");
    runtime.shutdown_background();
    assert_eq!(stage.sim.counts().await.legs_up, 0);
    stage.start().await;
    stage.phone(DUTY, answers().hanging_up_after(SHORT)).await;
    assert_eq!(story(caller).await.talked_to(), [DUTY]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bridge_that_does_not_come_about_leaves_the_caller_to_the_next_agent() {
    let refused = Faults { bridges_refused: 1, ..Faults::default() };
    let silent = Faults { bridges_silent: 1, ..Faults::default() };
    for faults in [refused, silent] {
        let stage = Stage::set().await;
        stage.phone(ANNA, answers().hanging_up_after(SHORT)).await;
        stage.phone(BORIS, answers().hanging_up_after(SHORT)).await;
        stage.sim.set_faults(faults.clone()).await;
        let caller = stage.caller(1).await;
        until("the caller waits", async || stage.waiting().await == 1).await;
        stage.step("anna", Step::LogIn).await;
        stage.step("boris", Step::LogIn).await;
        let told = story(caller).await;
        assert_eq!(told.talked_to().len(), 1, "{faults:?} {told:?}");
        assert!(!told.heard_fallback(), "{told:?}");
        assert_eq!(ended(&stage).await, ("answered".into(), "sales".into()));
        let counts = stage.sim.counts().await;
        assert_eq!((counts.legs, counts.legs_up, counts.zombies), (2, 0, 0), "{faults:?}");
        assert_eq!((stage.cases().await, stage.repairs().await), (0, 0));
    }
}

/// FreeSWITCH ends `socket` at once and gets to the bridge after we have given it up: the agent's leg is gone by then.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_who_is_lost_to_a_bridge_that_came_too_late_has_a_case() {
    let stage = Stage::set().await;
    stage.phone(ANNA, answers()).await;
    let late = Faults { bridges_slow: 1, slow_by: Duration::from_secs(3) + 25 * SHORT, ..Faults::default() };
    stage.sim.set_faults(late).await;
    let caller = stage.caller(1).await;
    until("the caller waits", async || stage.waiting().await == 1).await;
    stage.step("anna", Step::LogIn).await;
    let told = story(caller).await;
    assert!(told.talked_to().is_empty(), "{told:?}");
    until("the call has ended", async || stage.calls().await.iter().all(|call| call.ending.is_some())).await;
    assert_ne!(ended(&stage).await.0, "taken");
    assert_eq!(stage.cases().await, 1);
    assert_eq!((stage.sim.counts().await.legs_up, stage.sim.counts().await.zombies), (0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_losers_fall_silent_before_the_bridge_is_there() {
    let stage = Stage::set().await;
    stage.phone(ANNA, Behaviour::answers(Duration::from_millis(200))).await;
    stage.phone(BORIS, Behaviour::new(Pickup::NoAnswer)).await;
    stage.step("anna", Step::LogIn).await;
    stage.step("boris", Step::LogIn).await;
    // FreeSWITCH says that it bridges, and does not: for three seconds the winner waits for it.
    stage.sim.set_faults(Faults { bridges_silent: 1, ..Faults::default() }).await;
    let caller = stage.dials(1, "7003").await;
    until("both ring", async || stage.sim.counts().await.legs_up == 2).await;
    until("a bridge was asked for", async || stage.commands("api uuid_bridge").await == 1).await;
    until("the loser is free", async || stage.agent("boris").await.activity.as_str() == "idle").await;
    let counts = stage.sim.counts().await;
    assert_eq!(
        (counts.legs_up, counts.legs, counts.bridges),
        (1, 2, 0),
        "the winner still waits for the bridge"
    );
    until("the caller is offered again", async || offers_of(&stage).await.len() > 2).await;
    let offers = offers_of(&stage).await;
    let later = offers[2].offered_at.since(offers[0].offered_at);
    assert!(
        later >= Duration::from_secs(3),
        "no further phone rings while the bridge is awaited: {offers:?}"
    );
    caller.hang_up().await;
    story(caller).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_and_an_agent_are_connected_before_the_database_says_so() {
    let stage = Stage::set().await;
    stage.phone(ANNA, Behaviour::answers(Duration::from_millis(200))).await;
    stage.step("anna", Step::LogIn).await;
    let caller = stage.caller(1).await;
    until("the phone rings", async || stage.sim.counts().await.legs_up == 1).await;
    let other = Store::open(&stage.settings.database, stage.settings.store.clone()).await.unwrap();
    let release = hold(&other).await;
    until("the two are connected", async || stage.sim.counts().await.bridges == 1).await;
    assert!(stage.calls().await[0].answered_at.is_none(), "the database is held");
    release.send(()).unwrap();
    until("the talk is recorded", async || stage.calls().await[0].answered_at.is_some()).await;
    caller.hang_up().await;
    assert_eq!(story(caller).await.talked_to(), [ANNA]);
    assert_eq!(ended(&stage).await, ("answered".into(), "sales".into()));
    assert_eq!((stage.cases().await, stage.repairs().await), (0, 0));
}

/// The offers of the first call.
async fn offers_of(stage: &Stage) -> Vec<OfferRow> {
    let call = stage.calls().await[0].id;
    stage.store.read("offers", move |c| offers::of_call(c, call)).await.unwrap()
}

/// Nobody but the controller ends its offers. Should somebody do so, the agent does not keep the caller.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_who_was_connected_with_an_agent_who_has_not_won_is_taken_back() {
    let stage = Stage::set().await;
    stage.phone(ANNA, Behaviour::answers(Duration::from_millis(300))).await;
    stage.step("anna", Step::LogIn).await;
    let caller = stage.caller(1).await;
    until("the phone rings", async || stage.sim.counts().await.legs_up == 1).await;
    let (offer, at) = (stage.agent("anna").await.offer.unwrap(), stage.now());
    let (outcome, cause) = (Outcome::Cancelled, "TEST".to_owned());
    let end = EndUnanswered { offer, outcome, cause, at, ready_at: at, max_no_answer: 0 };
    stage.store.write("end", move |c| offers::end_unanswered(c, &end)).await.unwrap();
    until("the second phone is connected", async || stage.sim.counts().await.bridges == 2).await;
    caller.hang_up().await;
    assert_eq!(story(caller).await.talked_to(), [ANNA, ANNA]);
    assert_eq!(ended(&stage).await, ("answered".into(), "sales".into()));
    let counts = stage.sim.counts().await;
    assert_eq!((counts.legs, counts.legs_up, counts.zombies), (2, 0, 0));
    assert_eq!(stage.cases().await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_hears_anything_before_the_arrival_is_recorded() {
    let stage = Stage::set().await;
    let other = Store::open(&stage.settings.database, stage.settings.store.clone()).await.unwrap();
    let release = hold(&other).await;
    let caller = stage.caller(1).await;
    until("the arrival waits to be recorded", async || stage.stalls(Duration::from_millis(100))).await;
    let heard = ["sendmsg execute answer", "sendmsg execute playback"];
    for what in heard {
        assert_eq!(stage.commands(what).await, 0, "{what}");
    }
    release.send(()).unwrap();
    until("the caller waits", async || stage.waiting().await == 1).await;
    until("the caller hears music", async || stage.commands(heard[1]).await == 1).await;
    caller.hang_up().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_phone_rings_before_its_agent_is_claimed_or_if_they_cannot_be() {
    let stage = Stage::set().await;
    stage.phone(ANNA, answers()).await;
    let _caller = stage.caller(1).await;
    until("the caller waits", async || stage.waiting().await == 1).await;
    let other = Store::open(&stage.settings.database, stage.settings.store.clone()).await.unwrap();
    // The dispatcher is told something false: the database knows that the agent is logged out.
    let lie = AgentRow { status: Status::Available, ..stage.agent("anna").await };
    let release = hold(&other).await;
    stage.tell_dispatcher(lie).await;
    until("the claim waits to be committed", async || stage.stalls(Duration::from_millis(100))).await;
    assert_eq!(stage.sim.counts().await.legs, 0, "not committed yet");
    release.send(()).unwrap();
    until("it is refused", async || stage.metric("dozvon_claims_refused_total", "").await == 1).await;
    assert_eq!(stage.sim.counts().await.legs, 0, "she was not there");
}
