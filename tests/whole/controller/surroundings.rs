//! The database is slow, full or out of reach, or too many callers arrive: talks go on, callers who wait keep their
//! music, new callers go to the dialplan's fallback at once, and nothing is reported as recorded before it is.

use std::time::Duration;

use diesel::connection::SimpleConnection as _;
use dozvon::queue::agent::Step;
use dozvon::sim::{Faults, Happening, Story};
use dozvon::store::{Store, StoreError};
use tokio::sync::oneshot;

use super::stage::{ANNA, BORIS, LIMIT, Stage, answers, story, until};

/// A database that takes longer than this is slow, here.
const SLOW: Duration = Duration::from_secs(3);

/// Two callers: one who has been talking to Boris, and one who waits.
async fn a_talk_and_one_who_waits(stage: &Stage) -> [dozvon::sim::CallerHandle; 2] {
    stage.phone(BORIS, answers()).await;
    stage.step("boris", Step::LogIn).await;
    let talks = stage.caller(1).await;
    until("they talk", async || stage.agent("boris").await.activity.as_str() == "talking").await;
    let waits = stage.caller(2).await;
    until("the caller waits", async || stage.waiting().await == 1).await;
    [talks, waits]
}

/// How long after their call the caller got the fallback.
fn after(story: &Story) -> Duration {
    let fallback = story.happenings.iter().find(|(_, what)| *what == Happening::Fallback);
    fallback.unwrap_or_else(|| panic!("no fallback: {story:?}")).0
}

async fn handed_back(stage: &Stage, reason: &str) -> u64 {
    stage.metric("dozvon_handed_back_total", &format!("\"{reason}\"")).await
}

/// Somebody else writes to the database, until told to stop.
pub async fn hold(store: &Store) -> oneshot::Sender<()> {
    let (release, released) = oneshot::channel::<()>();
    let (begun, has_begun) = oneshot::channel();
    let store = store.clone();
    tokio::spawn(async move {
        let held = store.write("hold", move |c| {
            c.batch_execute("UPDATE prompts SET source = source")?;
            begun.send(()).unwrap();
            drop(released.blocking_recv());
            Ok(())
        });
        held.await.unwrap();
    });
    has_begun.await.unwrap();
    release
}

/// The talk and the wait went on, and end as usual.
async fn went_on(stage: &Stage, [talks, waits]: [dozvon::sim::CallerHandle; 2]) {
    talks.hang_up().await;
    let talked = story(talks).await;
    assert_eq!((talked.talked_to(), talked.heard_fallback()), (vec![BORIS], false), "{talked:?}");
    stage.phone(ANNA, answers().hanging_up_after(Duration::from_millis(20))).await;
    stage.phone(BORIS, answers().hanging_up_after(Duration::from_millis(20))).await;
    stage.step("anna", Step::LogIn).await;
    let waited = story(waits).await;
    assert_eq!((waited.talked_to().len(), waited.heard_fallback()), (1, false), "{waited:?}");
    let comes = story(stage.caller(9).await).await;
    assert_eq!(comes.talked_to().len(), 1, "service has resumed: {comes:?}");
    stage.quiet().await;
    let counts = stage.sim.counts().await;
    assert_eq!((stage.repairs().await, counts.frames_lost, counts.talks_cut), (0, 0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_database_is_slow_new_calls_go_elsewhere_and_are_owed() {
    let mut stage = Stage::set().await;
    stage.settings.calls.arrival_timeout = SLOW;
    stage.settings.store.busy_timeout = LIMIT;
    stage.restart().await;
    let callers = a_talk_and_one_who_waits(&stage).await;
    let channel = callers[1].channel();
    let other = Store::open(&stage.settings.database, stage.settings.store.clone()).await.unwrap();
    let release = hold(&other).await;
    let first = story(stage.caller(3).await).await;
    assert!(!first.heard_music() && after(&first) >= SLOW, "{first:?}");
    until("the database is known to stall", async || stage.stalls(SLOW)).await;
    let next = story(stage.caller(4).await).await;
    assert!(!next.heard_music() && after(&next) < SLOW, "at once: {next:?}");
    assert_eq!(handed_back(&stage, "not_recorded").await, 2);
    // FreeSWITCH is heard and answered all the while.
    assert!(stage.node_has(channel).await);
    assert_eq!(stage.calls().await.len(), 2, "nothing is said to be recorded");
    release.send(()).unwrap();
    until("the lost are recorded", async || {
        stage.calls().await.iter().filter(|row| row.ended_at.is_some()).count() == 2
    })
    .await;
    went_on(&stage, callers).await;
    let endings: Vec<_> = stage.calls().await.into_iter().map(|row| row.ending.unwrap().as_str()).collect();
    assert_eq!(endings, ["answered", "answered", "lost", "lost", "answered"]);
    assert_eq!(stage.cases().await, 2, "we owe them a call");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_disk_is_full_new_calls_go_elsewhere() {
    let stage = Stage::set().await;
    let callers = a_talk_and_one_who_waits(&stage).await;
    // SQLite says of its own limit exactly what it says of a full disk (SQLITE_FULL).
    let pages = |sql: &'static str| {
        let store = stage.own_store();
        async move { store.write("pages", move |c| c.batch_execute(sql).map_err(StoreError::from)).await }
    };
    pages("PRAGMA max_page_count = 1").await.unwrap();
    let (mut refused, mut inside) = (None, Vec::new());
    while refused.is_none() {
        assert!(inside.len() < 300, "the database never was full");
        let caller = stage.caller(100 + inside.len() as u32).await;
        until("the caller is in or out", async || {
            handed_back(&stage, "not_recorded").await > 0 || stage.waiting().await == 2 + inside.len() as u64
        })
        .await;
        if handed_back(&stage, "not_recorded").await > 0 {
            refused = Some(caller);
        } else {
            inside.push(caller);
        }
    }
    let refused = story(refused.unwrap()).await;
    assert!(refused.heard_fallback() && !refused.heard_music(), "{refused:?}");
    for caller in &inside {
        caller.hang_up().await;
    }
    pages("PRAGMA max_page_count = 1000000").await.unwrap();
    let channel = refused.channel.to_string();
    assert!(stage.calls().await.iter().all(|row| row.channel.to_string() != channel), "it was not recorded");
    went_on(&stage, callers).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_call_too_many_goes_elsewhere_but_whoever_was_here_may_come_back() {
    let mut stage = Stage::set().await;
    stage.settings.calls.max_calls = 2;
    stage.restart().await;
    let callers = a_talk_and_one_who_waits(&stage).await;
    let third = story(stage.caller(3).await).await;
    assert!(!third.heard_fallback() && !third.heard_music(), "a message would be more work: {third:?}");
    assert_eq!(third.cause, "NORMAL_CIRCUIT_CONGESTION");
    assert_eq!(handed_back(&stage, "overloaded").await, 1);
    until("whoever is turned away is called back", async || stage.cases().await == 1).await;
    stage.settings.calls.max_calls = 1;
    stage.restart().await;
    until("the caller is back", async || stage.waiting().await == 1).await;
    stage.settings.calls.max_calls = 10;
    stage.restart().await;
    until("the caller is back", async || stage.waiting().await == 1).await;
    went_on(&stage, callers).await;
}

/// FreeSWITCH takes half a second for each new caller, and has one more every few milliseconds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_freeswitch_is_far_behind_some_callers_are_turned_away_and_owed() {
    let stage = Stage::with(|settings| settings.switch.max_handshakes = 2_000).await;
    let callers = a_talk_and_one_who_waits(&stage).await;
    stage.sim.set_faults(Faults { connect_takes: Duration::from_millis(500), ..Faults::default() }).await;
    let mut others = Vec::new();
    while handed_back(&stage, "overloaded").await < 3 {
        assert!(others.len() < 2_000, "nobody was turned away");
        others.push(stage.caller(10 + others.len() as u32).await);
    }
    assert!(stage.waiting().await > 0, "the others wait");
    stage.sim.set_faults(Faults::default()).await;
    for other in &others {
        other.hang_up().await;
    }
    for other in others {
        let told = story(other).await;
        assert!(!told.heard_fallback(), "{told:?}");
    }
    until("whoever was turned away is owed a call", async || {
        let calls = stage.calls().await;
        calls.iter().filter(|call| call.cause.as_deref() == Some("OVERLOADED")).count() >= 3
    })
    .await;
    // Soon nobody is turned away any more.
    let (mut in_a_row, mut tried) = (0, 0);
    while in_a_row < 20 {
        assert!(tried < 400, "callers are still turned away");
        tried += 1;
        let refused = async || handed_back(&stage, "overloaded").await;
        let before = refused().await;
        let next = stage.caller(5_000 + tried).await;
        until("the caller is taken in or not", async || {
            refused().await > before || stage.waiting().await > 1
        })
        .await;
        next.hang_up().await;
        let told = story(next).await;
        in_a_row = if told.heard_music() { in_a_row + 1 } else { 0 };
        until("they have left", async || stage.waiting().await == 1).await;
    }
    went_on(&stage, callers).await;
}
