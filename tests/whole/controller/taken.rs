//! Somebody else takes a caller from the controller, at any point of the call: no phone rings for the caller any more,
//! nothing is played to them, no case is opened, and whoever has the caller keeps them.

use std::time::Duration;

use dozvon::ids::ChannelId;
use dozvon::queue::agent::Step;
use dozvon::sim::{Behaviour, CallerHandle, Happening, Pickup, Story};
use dozvon::store::calls::CallRow;

use super::stage::{ANNA, BORIS, BOSS, DUTY, Stage, answers, story, until};

const RINGS: Behaviour = Behaviour::new(Pickup::NoAnswer);

/// How somebody takes a caller.
#[derive(Debug, Clone, Copy)]
enum By {
    /// The channel is sent to an extension that connects it.
    Transfer,
    /// A phone is called and connected with the channel.
    Intercept,
}

impl By {
    const ALL: [Self; 2] = [Self::Transfer, Self::Intercept];

    async fn take(self, stage: &Stage, caller: ChannelId) {
        stage.phone(BOSS, answers()).await;
        let command = match self {
            Self::Transfer => format!("api uuid_transfer {caller} boss XML default"),
            Self::Intercept => format!("bgapi originate {BOSS} &intercept({caller})"),
        };
        let said = stage.ask(&command).await;
        assert!(said.contains("+OK"), "{said}");
    }
}

/// The only call, once it has ended.
async fn ended(stage: &Stage) -> CallRow {
    until("the call has ended", async || stage.calls().await.iter().all(|call| call.ended_at.is_some()))
        .await;
    let mut rows = stage.calls().await;
    assert_eq!(rows.len(), 1, "{rows:#?}");
    rows.remove(0)
}

/// What we have told FreeSWITCH to do to callers whom we have.
async fn meddling(stage: &Stage) -> [u64; 4] {
    let counts = stage.sim.counts().await;
    ["sendmsg execute playback", "api uuid_break", "api uuid_kill", "api uuid_bridge"]
        .map(|command| counts.of(command))
}

/// The caller talks to the boss until one of them hangs up, and to nobody else; the call was taken, and nothing is
/// owed.
async fn is_left_alone(stage: &Stage, caller: CallerHandle, by: By, at: &str) -> Story {
    let row = ended(stage).await;
    assert_eq!(
        (row.ending.map(|word| word.as_str()), row.stage.map(|word| word.as_str())),
        (Some("taken"), Some(at)),
        "{by:?} {row:?}"
    );
    until("they talk", async || stage.sim.counts().await.bridges == 1).await;
    let before = meddling(stage).await;
    // The agent who is offered the next caller was not offered this one.
    stage.phone(ANNA, answers().hanging_up_after(Duration::from_millis(20))).await;
    stage.step("anna", Step::LogIn).await;
    let next = story(stage.caller(2).await).await;
    assert_eq!(next.talked_to(), [ANNA], "{next:?}");
    let [plays, breaks, _, bridges] = meddling(stage).await;
    assert_eq!([plays, breaks, bridges], [before[0] + 1, before[1], before[3] + 1], "only for the next one");
    assert_eq!(stage.sim.counts().await.talks_cut, 0);
    caller.hang_up().await;
    let told = story(caller).await;
    assert_eq!(told.talked_to().len(), 1, "{by:?} {told:?}");
    assert!(!told.heard_fallback(), "{by:?} {told:?}");
    stage.quiet().await;
    assert_eq!((stage.cases().await, stage.repairs().await), (0, 0));
    told
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_waiting() {
    for by in By::ALL {
        let stage = Stage::set().await;
        let caller = stage.caller(1).await;
        until("they wait", async || stage.waiting().await == 1).await;
        by.take(&stage, caller.channel()).await;
        is_left_alone(&stage, caller, by, "waiting").await;
        let metrics = stage.metrics().await;
        assert!(metrics.contains("dozvon_calls_total{ending=\"taken\",queue=\"sales\"} 1"), "{metrics}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_a_phone_rings() {
    for by in By::ALL {
        let stage = Stage::set().await;
        stage.phone(BORIS, RINGS).await;
        stage.step("boris", Step::LogIn).await;
        let caller = stage.caller(1).await;
        until("it rings", async || stage.sim.counts().await.legs_up == 1).await;
        by.take(&stage, caller.channel()).await;
        until("the phone is silent", async || stage.agent("boris").await.activity.as_str() == "idle").await;
        stage.step("boris", Step::LogOut).await;
        is_left_alone(&stage, caller, by, "ringing").await;
        assert_eq!(stage.agent("boris").await.misses, 0, "it is not the agent's fault");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_a_contact_outside_the_queues_rings() {
    for by in By::ALL {
        let stage = Stage::set().await;
        stage.phone(DUTY, RINGS).await;
        let caller = stage.dials(1, "7002").await;
        until("it rings", async || stage.sim.counts().await.legs_up == 1).await;
        by.take(&stage, caller.channel()).await;
        is_left_alone(&stage, caller, by, "forwarding").await;
        until("the duty phone is silent", async || stage.sim.counts().await.legs_up == 0).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_they_hear_a_message() {
    for by in By::ALL {
        let stage = Stage::set().await;
        let caller = stage.dials(1, "7007").await;
        until("they hear it", async || meddling(&stage).await[0] == 1).await;
        by.take(&stage, caller.channel()).await;
        is_left_alone(&stage, caller, by, "message").await;
    }
}

/// A colleague picks up the ringing phone of an agent: the caller talks to the colleague.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn by_a_colleague_who_picks_up_a_ringing_phone() {
    let stage = Stage::set().await;
    stage.phone(ANNA, RINGS).await;
    stage.phone(BOSS, answers()).await;
    stage.step("anna", Step::LogIn).await;
    let caller = stage.caller(1).await;
    until("it rings", async || stage.sim.counts().await.legs_up == 1).await;
    let channels = stage.ask("api show channels").await;
    let leg = channels.lines().find(|line| line.contains(",outbound,")).unwrap().split(',').next().unwrap();
    stage.ask(&format!("bgapi originate {BOSS} '&intercept(-bleg {leg})'")).await;
    until("they talk", async || stage.sim.counts().await.bridges == 1).await;
    until("her phone is silent", async || stage.agent("anna").await.activity.as_str() == "idle").await;
    let row = ended(&stage).await;
    assert_eq!(
        (row.ending.map(|word| word.as_str()), row.stage.map(|word| word.as_str())),
        (Some("taken"), Some("ringing")),
        "{row:?}"
    );
    assert_eq!(stage.agent("anna").await.misses, 0);
    caller.hang_up().await;
    assert_eq!(story(caller).await.talked_to(), [BOSS]);
    assert_eq!((stage.cases().await, stage.repairs().await), (0, 0));
}

/// An agent's phone transfers the caller.
async fn into_the_second_queue(stage: &Stage, caller: &CallerHandle) {
    let said = stage.ask(&format!("api uuid_transfer {} 7003 XML default", caller.channel())).await;
    assert!(said.contains("+OK"), "{said}");
}

/// Anna transfers a caller into the second queue and logs out, so that her phone does not ring for the caller again.
async fn transferred_by_anna_who_leaves(stage: &Stage) -> CallerHandle {
    stage.phone(ANNA, answers()).await;
    stage.step("anna", Step::LogIn).await;
    let caller = stage.caller(1).await;
    until("they talk", async || stage.agent("anna").await.activity.as_str() == "talking").await;
    stage.step("anna", Step::LogOut).await;
    into_the_second_queue(stage, &caller).await;
    until("they wait again", async || stage.calls().await.len() == 2).await;
    // Otherwise a controller that dies now would leave two calls without an end.
    until("the first call has ended", async || stage.calls().await[0].ended_at.is_some()).await;
    caller
}

/// An agent transfers a caller into a second queue: each visit is a call of its own, and ends when it is over.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn by_an_agent_who_transfers_them_into_another_queue() {
    let stage = Stage::set().await;
    stage.phone(ANNA, answers()).await;
    stage.phone(BORIS, RINGS).await;
    stage.step("anna", Step::LogIn).await;
    let caller = stage.caller(1).await;
    until("they talk", async || stage.agent("anna").await.activity.as_str() == "talking").await;
    // The second queue has both: she is free again at once, and is rung again.
    into_the_second_queue(&stage, &caller).await;
    until("she talks to the caller again", async || {
        let rows = stage.calls().await;
        rows.len() == 2 && rows[1].answered_at.is_some()
    })
    .await;
    let first = stage.calls().await.remove(0);
    assert_eq!(first.ending.map(|word| word.as_str()), Some("answered"), "{first:?}");
    assert!(stage.calls().await[1].ended_at.is_none());
    caller.hang_up().await;
    assert_eq!(story(caller).await.talked_to(), [ANNA, ANNA]);
    until("both have ended", async || stage.calls().await.iter().all(|call| call.ended_at.is_some())).await;
    let second = stage.calls().await.remove(1);
    assert_eq!(
        (second.ending.map(|word| word.as_str()), second.queue.as_ref().map(|name| name.as_str())),
        (Some("answered"), Some("all")),
        "{second:?}"
    );
    assert!(first.ended_at <= Some(second.arrived_at + Duration::from_secs(1)), "{first:?} {second:?}");
    assert_eq!((stage.cases().await, stage.repairs().await), (0, 0));
}

/// A caller who gives up in the second queue gets a case; the talk before does not count.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn by_an_agent_who_transfers_them_into_a_queue_that_nobody_serves() {
    let stage = Stage::set().await;
    let caller = transferred_by_anna_who_leaves(&stage).await;
    caller.hang_up().await;
    until("both have ended", async || stage.calls().await.iter().all(|call| call.ended_at.is_some())).await;
    let endings: Vec<_> =
        stage.calls().await.into_iter().filter_map(|call| Some(call.ending?.as_str())).collect();
    assert_eq!(endings, ["answered", "abandoned"]);
    assert_eq!((stage.cases().await, stage.repairs().await), (1, 0));
}

/// We die while a caller is with us for the second time: two sockets close, and the dialplan brings the caller back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_transferred_into_another_queue_survives_a_crash() {
    let mut stage = Stage::set().await;
    let caller = transferred_by_anna_who_leaves(&stage).await;
    stage.kill().await;
    stage.phone(BORIS, answers().hanging_up_after(Duration::from_millis(50))).await;
    stage.step("boris", Step::LogIn).await;
    stage.start().await;
    let told = story(caller).await;
    assert_eq!(told.talked_to(), [ANNA, BORIS], "{told:?}");
    assert!(!told.has(|what| *what == Happening::Abandoned), "{told:?}");
    stage.quiet().await;
    assert_eq!((stage.calls().await.len(), stage.cases().await, stage.repairs().await), (2, 0, 0));
}

/// Our death, or a stop, does not cut the talk of a caller who was taken, nor does the next run know of them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_taken_caller_talks_on_after_a_crash() {
    for by in By::ALL {
        let mut stage = Stage::set().await;
        let caller = stage.caller(1).await;
        until("they wait", async || stage.waiting().await == 1).await;
        by.take(&stage, caller.channel()).await;
        ended(&stage).await;
        until("they talk", async || stage.sim.counts().await.bridges == 1).await;
        let let_go = format!("api uuid_getvar {} socket_resume", caller.channel());
        until("our end leaves them alone", async || stage.ask(&let_go).await.contains("false")).await;
        stage.restart().await;
        until("it was looked", async || stage.sim.counts().await.of("api show") > 3).await;
        assert_eq!(stage.sim.counts().await.talks_cut, 0, "{by:?}");
        caller.hang_up().await;
        let told = story(caller).await;
        assert_eq!(told.talked_to().len(), 1, "{told:?}");
        stage.quiet().await;
        assert_eq!((stage.calls().await.len(), stage.cases().await, stage.repairs().await), (1, 0, 0));
    }
}

/// Somebody takes a caller while no controller is there. The next one finds them in other hands.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_we_are_dead() {
    for by in By::ALL {
        let mut stage = Stage::set().await;
        let caller = stage.caller(1).await;
        until("they wait", async || stage.waiting().await == 1).await;
        stage.sim.set_controllers(&[]).await;
        stage.kill().await;
        by.take(&stage, caller.channel()).await;
        until("they talk", async || stage.sim.counts().await.bridges == 1).await;
        stage.start().await;
        let row = ended(&stage).await;
        assert_eq!(
            (row.ending.map(|word| word.as_str()), row.stage.map(|word| word.as_str())),
            (Some("taken"), Some("waiting")),
            "{by:?} {row:?}"
        );
        assert_eq!(stage.sim.counts().await.talks_cut, 0, "{by:?}");
        caller.hang_up().await;
        assert_eq!(story(caller).await.talked_to().len(), 1);
        assert_eq!((stage.cases().await, stage.repairs().await), (0, 0));
    }
}
