//! The controller is killed at a chosen moment.

use std::sync::atomic::Ordering;
use std::time::Duration;

use dozvon::app;
use dozvon::clock::Clock;
use dozvon::config::database::DatabaseUrl;
use dozvon::config::switch::NodeSettings;
use dozvon::queue::agent::Step;
use dozvon::sim::{Behaviour, CallerScript, Pickup, Sim, SimSettings};
use dozvon::store::Store;
use tokio::runtime::Runtime;
use tokio::time::timeout;

use super::stage::{ANNA, BORIS, LIMIT, Stage, answers, story, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_waiting_caller_keeps_their_place() {
    let mut stage = Stage::set().await;
    stage.phone(ANNA, answers().hanging_up_after(Duration::from_millis(50))).await;
    let mut callers = Vec::new();
    for number in 1..=5 {
        callers.push(stage.caller(number).await);
        until("the caller waits", async || stage.waiting().await == u64::from(number)).await;
    }
    stage.kill().await;
    stage.start().await;
    until("all are back", async || stage.waiting().await == 5).await;
    stage.step("anna", Step::LogIn).await;
    for caller in callers {
        let told = story(caller).await;
        assert_eq!(told.talked_to(), [ANNA], "{told:?}");
        assert!(!told.heard_fallback(), "{told:?}");
    }
    stage.quiet().await;
    let rows = stage.calls().await;
    assert_eq!(rows.len(), 5, "one call each: {rows:#?}");
    assert!(rows.windows(2).all(|pair| pair[0].answered_at < pair[1].answered_at), "in order: {rows:#?}");
    assert!(rows.iter().all(|row| row.ending.map(|word| word.as_str()) == Some("answered")), "{rows:#?}");
    assert_eq!((stage.cases().await, stage.repairs().await), (0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_free_agent_waits_until_those_who_waited_longest_are_back() {
    let mut stage = Stage::set().await;
    stage.phone(ANNA, answers().hanging_up_after(Duration::from_millis(20))).await;
    let mut callers = Vec::new();
    for number in 1..=12 {
        callers.push(stage.caller(number).await);
        until("the caller waits", async || stage.waiting().await == u64::from(number)).await;
    }
    stage.kill().await;
    stage.step("anna", Step::LogIn).await;
    stage.start().await;
    for caller in callers {
        assert_eq!(story(caller).await.talked_to(), [ANNA]);
    }
    stage.quiet().await;
    let rows = stage.calls().await;
    let order: Vec<_> = rows.iter().map(|row| row.answered_at).collect();
    assert!(order.is_sorted(), "in order: {order:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_that_never_comes_back_is_not_waited_for() {
    let mut stage = Stage::set().await;
    stage.settings.calls.recovery_wait = Duration::from_secs(3_600);
    stage.phone(ANNA, answers().hanging_up_after(Duration::from_millis(20))).await;
    let (gone, stays) = (stage.caller(1).await, stage.caller(2).await);
    until("they wait", async || stage.waiting().await == 2).await;
    stage.kill().await;
    gone.hang_up().await;
    stage.step("anna", Step::LogIn).await;
    stage.start().await;
    assert_eq!(story(stays).await.talked_to(), [ANNA]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_that_stays_away_is_waited_for_only_so_long() {
    let mut stage = Stage::set().await;
    stage.settings.calls.recovery_wait = Duration::from_millis(300);
    stage.phone(ANNA, answers().hanging_up_after(Duration::from_millis(20))).await;
    let _stays_away = stage.caller(1).await;
    until("the caller waits", async || stage.waiting().await == 1).await;
    stage.sim.set_controllers(&[]).await;
    stage.kill().await;
    stage.step("anna", Step::LogIn).await;
    stage.start().await;
    let comes = stage.caller(2).await;
    stage.sim.set_controllers(&[]).await;
    assert_eq!(story(comes).await.talked_to(), [ANNA]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_handed_back_at_a_stop_keeps_their_place_with_the_next_controller() {
    let mut stage = Stage::set().await;
    let caller = stage.caller(1).await;
    until("the caller waits", async || stage.waiting().await == 1).await;
    let (runtime, running) = stage.controller.take().unwrap();
    timeout(LIMIT, running.drain()).await.unwrap();
    runtime.shutdown_background();
    stage.start().await;
    until("the caller is back", async || stage.waiting().await == 1).await;
    caller.hang_up().await;
    stage.quiet().await;
    let rows = stage.calls().await;
    assert_eq!(
        rows.iter().map(|row| row.ending.map(|word| word.as_str())).collect::<Vec<_>>(),
        [Some("abandoned")]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_controller_takes_over() {
    let mut stage = Stage::set().await;
    let caller = stage.caller(1).await;
    until("the caller waits", async || stage.waiting().await == 1).await;
    let second = Runtime::new().unwrap();
    let refused = second.spawn(app::start(stage.settings.clone(), Clock::system())).await.unwrap();
    assert!(refused.unwrap_err().to_string().contains("another"), "without standing by it refuses");
    let standing = second.spawn(app::stand_by(stage.settings.clone(), Clock::system()));
    stage.kill().await;
    let running = timeout(LIMIT, standing).await.unwrap().unwrap().unwrap();
    stage.controller = Some((second, running));
    until("the caller is back", async || stage.waiting().await == 1).await;
    stage.phone(ANNA, answers().hanging_up_after(Duration::from_millis(50))).await;
    stage.step("anna", Step::LogIn).await;
    assert_eq!(story(caller).await.talked_to(), [ANNA]);
    stage.quiet().await;
    assert_eq!(stage.calls().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_made_while_serving_is_whole_and_goes_on_from_there() {
    let mut stage = Stage::set().await;
    let caller = stage.caller(1).await;
    until("the caller waits", async || stage.waiting().await == 1).await;
    let copy = stage.folder.path("copy.db");
    assert!(stage.store.backup(&copy).await.unwrap() > 0);
    let again = stage.store.backup(&copy).await.unwrap_err();
    assert!(again.to_string().contains("there already") || again.to_string().contains("already"), "{again}");
    caller.hang_up().await;
    stage.kill().await;
    stage.settings.database = DatabaseUrl::Sqlite(copy);
    stage.store = Store::open(&stage.settings.database, stage.settings.store.clone()).await.unwrap();
    stage.start().await;
    until("the call has its end", async || stage.calls().await[0].ended_at.is_some()).await;
    assert_eq!(stage.calls().await[0].ending.map(|word| word.as_str()), Some("lost"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_talk_goes_on_and_its_end_is_recorded() {
    for contact in [ANNA, BORIS] {
        let mut stage = Stage::set().await;
        stage.phone(contact, answers()).await;
        let agent = if contact == ANNA { "anna" } else { "boris" };
        stage.step(agent, Step::LogIn).await;
        let caller = stage.caller(1).await;
        until("they talk", async || stage.agent(agent).await.activity.as_str() == "talking").await;
        stage.restart().await;
        until("the talk is watched", async || stage.is_watching().await).await;
        assert_eq!(stage.agent(agent).await.activity.as_str(), "talking");
        caller.hang_up().await;
        until("the agent is idle", async || stage.agent(agent).await.activity.as_str() == "idle").await;
        until("the call has its end", async || stage.calls().await[0].ended_at.is_some()).await;
        let row = stage.calls().await.remove(0);
        assert_eq!(row.ending.map(|word| word.as_str()), Some("answered"), "{row:?}");
        assert!(row.talk_ms.is_some());
        assert_eq!(
            (stage.sim.counts().await.talks_cut, stage.cases().await, stage.repairs().await),
            (0, 0, 0)
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_phone_that_rings_for_nobody_falls_silent_and_its_agent_takes_the_caller() {
    for (contact, agent) in [(ANNA, "anna"), (BORIS, "boris")] {
        let mut stage = Stage::set().await;
        stage.phone(contact, Behaviour::new(Pickup::NoAnswer)).await;
        stage.step(agent, Step::LogIn).await;
        let caller = stage.caller(1).await;
        until("it rings", async || stage.sim.counts().await.legs_up == 1).await;
        stage.kill().await;
        stage.phone(contact, answers().hanging_up_after(Duration::from_millis(50))).await;
        stage.start().await;
        let told = story(caller).await;
        assert_eq!(told.talked_to(), [contact], "{told:?}");
        until("the agent is idle", async || stage.agent(agent).await.activity.as_str() == "idle").await;
        let counts = stage.sim.counts().await;
        assert_eq!((counts.legs_up, counts.double_rings, stage.repairs().await), (0, 0, 0));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_who_picked_up_for_nobody_is_told_and_released() {
    let mut stage = Stage::set().await;
    stage.phone(ANNA, Behaviour::answers(Duration::from_millis(300))).await;
    stage.step("anna", Step::LogIn).await;
    let caller = stage.caller(1).await;
    until("it rings", async || stage.sim.counts().await.legs_up == 1).await;
    stage.kill().await;
    until("she has picked up", async || {
        stage.ask("api show channels").await.contains(",outbound,") && {
            let legs = stage.ask("api show channels as json").await;
            legs.matches("\"callstate\":\"ACTIVE\"").count() == 2
        }
    })
    .await;
    caller.hang_up().await;
    stage.start().await;
    until("she is idle", async || stage.agent("anna").await.activity.as_str() == "idle").await;
    let counts = stage.sim.counts().await;
    assert_eq!(counts.legs_up, 0);
    assert_eq!(counts.of("api uuid_broadcast"), 1, "she hears that nobody is there");
    until("the call has its end", async || stage.calls().await[0].ended_at.is_some()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_that_left_while_no_controller_ran_is_lost_and_has_a_case() {
    let mut stage = Stage::set().await;
    let caller = stage.caller(1).await;
    until("the caller waits", async || stage.waiting().await == 1).await;
    stage.kill().await;
    caller.hang_up().await;
    caller.story().await;
    stage.start().await;
    until("the call has its end", async || stage.calls().await[0].ended_at.is_some()).await;
    let row = stage.calls().await.remove(0);
    assert_eq!(row.ending.map(|word| word.as_str()), Some("lost"), "{row:?}");
    assert_eq!((stage.cases().await, stage.repairs().await), (1, 0));
    let bounds = "SELECT unwatched_from AS n FROM calls";
    let from = stage
        .store
        .read("bounds", move |c| {
            use diesel::RunQueryDsl;
            Ok(diesel::sql_query(bounds).get_result::<Number>(c)?.n)
        })
        .await
        .unwrap();
    assert!(
        from.is_some_and(
            |from| (row.arrived_at..=row.ended_at.unwrap()).contains(&dozvon::clock::UnixMs(from))
        ),
        "{from:?} {row:?}"
    );
}

#[derive(diesel::QueryableByName)]
struct Number {
    #[diesel(sql_type = diesel::sql_types::Nullable<diesel::sql_types::BigInt>)]
    n: Option<i64>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forwarded_talk_goes_on() {
    let mut stage = Stage::set().await;
    stage.phone("user/duty", answers()).await;
    let caller = stage.sim.call(CallerScript::new("+79001230001", "7002")).await;
    until("they talk", async || stage.calls().await.first().is_some_and(|call| call.answered_at.is_some()))
        .await;
    stage.restart().await;
    until("it is watched", async || stage.is_watching().await).await;
    let counts = stage.sim.counts().await;
    let looks = counts.of("api show");
    until("it was looked at again", async || stage.sim.counts().await.of("api show") >= looks + 3).await;
    assert_eq!(counts.of("api uuid_broadcast") + counts.of("api uuid_kill"), 0, "they are left alone");
    caller.hang_up().await;
    until("the call has its end", async || stage.calls().await[0].ended_at.is_some()).await;
    let row = stage.calls().await.remove(0);
    assert_eq!(row.ending.map(|word| word.as_str()), Some("forwarded"), "{row:?}");
    assert_eq!((stage.cases().await, stage.repairs().await), (0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_freeswitch_dies_all_its_calls_end_and_agents_are_free() {
    let stage = Stage::set().await;
    stage.phone(ANNA, answers()).await;
    stage.step("anna", Step::LogIn).await;
    let talks = stage.caller(1).await;
    until("they talk", async || stage.agent("anna").await.activity.as_str() == "talking").await;
    let waits = stage.caller(2).await;
    until("the second caller waits", async || stage.calls().await.len() == 2 && stage.waiting().await == 1)
        .await;
    stage.sim.restart().await;
    drop((talks, waits));
    until("the calls have their ends", async || {
        stage.calls().await.iter().all(|call| call.ended_at.is_some())
    })
    .await;
    until("she is idle", async || stage.agent("anna").await.activity.as_str() == "idle").await;
    let rows = stage.calls().await;
    let endings: Vec<_> = rows.iter().map(|row| row.ending.map(|word| word.as_str()).unwrap()).collect();
    assert_eq!(endings, ["answered", "lost"], "{rows:#?}");
    assert_eq!((stage.cases().await, stage.repairs().await), (1, 0));
    let next = stage.caller(3).await;
    until("they talk", async || stage.agent("anna").await.activity.as_str() == "talking").await;
    drop(next);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callers_of_another_node_go_on_while_one_is_away() {
    let mut stage = Stage::set().await;
    let other = Sim::start(SimSettings { seed: 2, ..SimSettings::default() }).await.unwrap();
    let node = NodeSettings {
        name: "other".parse().unwrap(),
        port: other.node_address().port(),
        ..stage.settings.switch.nodes[0].clone()
    };
    stage.settings.switch.nodes.push(node);
    stage.restart().await;
    other.set_controllers(&[stage.settings.switch.listen]).await;
    until("both nodes are linked", async || stage.linked().await == 2).await;
    let takes = answers().hanging_up_after(Duration::from_millis(20));
    stage.phone(ANNA, takes.clone()).await;
    other.phone(ANNA, takes).await;
    let first = stage.caller(1).await;
    until("the caller waits", async || stage.waiting().await == 1).await;
    stage.sim.refuse_links(true).await;
    stage.sim.drop_link().await;
    until("the link is down", async || stage.linked().await == 1).await;
    let second = other.call(CallerScript::new("+79001230002", "7001")).await;
    until("both wait", async || stage.waiting().await == 2).await;
    stage.step("anna", Step::LogIn).await;
    assert_eq!(story(second).await.talked_to(), [ANNA]);
    assert_eq!(stage.sim.counts().await.legs, 0, "nobody is claimed through the node that is away");
    stage.sim.refuse_links(false).await;
    let told = story(first).await;
    assert!(told.talked_to() == [ANNA] && !told.heard_fallback(), "{told:?}");
    stage.quiet().await;
    assert_eq!((stage.cases().await, stage.repairs().await), (0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_does_not_rest_for_an_hour_because_the_clock_was_set_back() {
    let stage = Stage::set().await;
    stage.phone(ANNA, answers().hanging_up_after(Duration::from_millis(20))).await;
    stage.step("anna", Step::LogIn).await;
    let first = stage.caller(1).await;
    assert_eq!(story(first).await.talked_to(), [ANNA]);
    stage.quiet().await;
    stage.wrong_by.store(-3_600_000, Ordering::Relaxed);
    let second = stage.caller(2).await;
    assert_eq!(story(second).await.talked_to(), [ANNA]);
    assert_eq!(stage.repairs().await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leg_of_ours_that_nobody_keeps_is_ended_and_counted() {
    let stage = Stage::set().await;
    stage.phone(ANNA, Behaviour::new(Pickup::NoAnswer)).await;
    until("what an earlier run left was looked for", async || stage.self_checks().await > 0).await;
    let stray = format!(
        "bgapi originate {{dozvon_leg=agent,dozvon_leg_id={0},dozvon_offer={0},dozvon_call={0}}}{ANNA} &park()",
        dozvon::ids::ChannelId::new()
    );
    stage.ask(&stray).await;
    until("it is found", async || stage.repairs().await == 1).await;
    until("it is ended", async || stage.sim.counts().await.legs_up == 0).await;
    assert_eq!(stage.sim.counts().await.legs, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_rung_through_a_link_that_is_down_and_everybody_keeps_their_place() {
    let mut stage = Stage::set().await;
    stage.phone(ANNA, answers().hanging_up_after(Duration::from_millis(50))).await;
    let first = stage.caller(1).await;
    until("the caller waits", async || stage.waiting().await == 1).await;
    // Nobody answers at the node's port any more: the links do not come back.
    until("the node is linked", async || stage.linked().await == 1).await;
    stage.sim.refuse_links(true).await;
    stage.sim.drop_link().await;
    until("the link is down", async || stage.linked().await == 0).await;
    stage.step("anna", Step::LogIn).await;
    until("the agent is known", async || {
        stage.metric("dozvon_agents", "activity=\"idle\",status=\"available\"").await == 1
    })
    .await;
    assert_eq!(
        (stage.waiting().await, stage.sim.counts().await.legs),
        (1, 0),
        "the caller waits, nobody is rung"
    );
    let offers = |c: &mut dozvon::store::Database| {
        use diesel::RunQueryDsl;
        Ok(diesel::sql_query("SELECT count(*) AS n FROM offers").get_result::<Number>(c)?.n)
    };
    assert_eq!(stage.store.read("offers", offers).await.unwrap(), Some(0), "and nobody is claimed");
    stage.sim.refuse_links(false).await;
    let told = story(first).await;
    assert_eq!(told.talked_to(), [ANNA], "{told:?}");
    stage.kill().await;
}

/// The end of a talk may wait to be recorded, but not while a caller waits for the agent.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_is_free_at_once_for_a_caller_who_waits() {
    let never = Duration::from_secs(24 * 3_600);
    let stage = Stage::with(|settings| {
        settings.store.commit_delay = never;
        settings.store.watch_interval = never;
        // The self-check writes, and would take the end of the talk along.
        settings.calls.reconcile_interval = never;
    })
    .await;
    stage.phone(ANNA, answers()).await;
    let first = stage.caller(1).await;
    until("the first caller waits", async || stage.waiting().await == 1).await;
    let _second = stage.caller(2).await;
    until("both wait", async || stage.waiting().await == 2).await;
    stage.step("anna", Step::LogIn).await;
    let talks = async |talks: u64| stage.metric("dozvon_offer_bridge_seconds_count", "").await == talks;
    until("the first caller talks", async || talks(1).await).await;
    first.hang_up().await;
    until("the second caller talks", async || talks(2).await).await;
}
