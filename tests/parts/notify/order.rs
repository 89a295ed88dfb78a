//! What holds whatever happens: the order, that no event is lost, and the number of tries.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use dozvon::clock::UnixMs;
use dozvon::config::notify::Settings;
use dozvon::event::{Delivery, EventKind};
use dozvon::ids::EventId;
use dozvon::notify::{Channel, Delivering, Outlet, Receipt, Trouble};
use dozvon::store::outbox::{self, Settled};
use dozvon::vital::Beat;
use serde_json::json;

use super::support::*;

/// How often it is looked: in virtual time only what is due should take time.
const HOUR: Duration = Duration::from_secs(3600);

type Answers = dyn Fn(&Delivery, UnixMs) -> Result<Receipt, Trouble> + Send + Sync;

/// A destination in memory: what came, and when.
struct Fake {
    clock: dozvon::clock::Clock,
    tried: Mutex<Vec<(String, EventId, i64, UnixMs)>>,
    answer: Box<Answers>,
}

impl std::fmt::Debug for Fake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Fake")
    }
}

impl Channel for Fake {
    fn deliver<'a>(&'a self, delivery: &'a Delivery) -> Delivering<'a> {
        let now = self.clock.now();
        let tried = (delivery.aggregate.clone(), delivery.event, delivery.sequence, now);
        self.tried.lock().unwrap().push(tried);
        Box::pin(std::future::ready((self.answer)(delivery, now)))
    }
}

fn outlet(
    app: &App,
    answer: impl Fn(&Delivery, UnixMs) -> Result<Receipt, Trouble> + Send + Sync + 'static,
) -> (Arc<Fake>, Vec<Outlet>) {
    let fake = Arc::new(Fake { clock: app.context.clock, tried: Mutex::default(), answer: Box::new(answer) });
    let outlet = Outlet {
        name: "crm".parse().unwrap(),
        events: vec!["*".parse().unwrap()],
        timeout: Duration::from_secs(15),
        channel: Arc::clone(&fake) as Arc<dyn Channel>,
    };
    (fake, vec![outlet])
}

fn arrived() -> Result<Receipt, Trouble> {
    Ok(Receipt::Done("ok".to_owned()))
}

/// Runs the relay until nothing waits, in virtual time.
async fn run_until_idle(app: &App, outlets: Vec<Outlet>) {
    let (relay, stop) = app.relay_to(outlets);
    let running = tokio::spawn(relay.run(Beat::new("outbox")));
    loop {
        tokio::time::sleep(HOUR).await;
        let rows = app.rows().await;
        if !rows.is_empty() && rows.iter().all(|row| row.state != "waiting") {
            break;
        }
    }
    stop.cancel();
    running.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn tries_come_as_standard_webhooks_says_and_then_it_is_given_up() {
    let none =
        Settings { jitter_pct: 0, give_up_after: Duration::ZERO, poll_interval: HOUR, ..Settings::default() };
    let app = App::new(none).await;
    app.emit(EventKind::CaseOpened, 1, json!({})).await;
    let (fake, outlets) = outlet(&app, |_, _| Err(Trouble::passing("down")));
    run_until_idle(&app, outlets.clone()).await;
    let times: Vec<UnixMs> = fake.tried.lock().unwrap().iter().map(|tried| tried.3).collect();
    let waits: Vec<u64> = times.windows(2).map(|pair| pair[1].since(pair[0]).as_secs()).collect();
    assert_eq!(waits, [5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400]);
    let row = app.rows().await.pop().unwrap();
    assert_eq!((row.state.as_str(), row.attempt_no), ("dead", 10));
    assert_eq!(row.last_error.as_deref(), Some("given up after 10 tries: down"));
    assert_eq!((app.counted("crm", "failed"), app.counted("crm", "dead")), (9, 1));
    // It is put right and tried again.
    let (fake, outlets) = outlet(&app, |_, _| arrived());
    let now = app.context.clock.now();
    let replayed = app.context.store.write("test", move |c| outbox::replay_dead(c, None, 10, now));
    assert_eq!(replayed.await.unwrap(), 1);
    run_until_idle(&app, outlets).await;
    assert_eq!(fake.tried.lock().unwrap().len(), 1);
    assert_eq!(app.rows().await[0].state, "done");
}

#[tokio::test(start_paused = true)]
async fn three_days_without_the_crm_lose_nothing_and_turn_nothing_round() {
    let app = App::new(Settings { poll_interval: HOUR, ..Settings::default() }).await;
    let back = NOW + Duration::from_secs(3 * 86_400);
    let (fake, outlets) =
        outlet(&app, move |_, now| if now < back { Err(Trouble::passing("down")) } else { arrived() });
    for case in 1..=20 {
        for kind in
            [EventKind::CaseOpened, EventKind::CaseDue, EventKind::AttemptEnded, EventKind::CaseClosed]
        {
            app.emit(kind, case, json!({"case": case})).await;
        }
    }
    run_until_idle(&app, outlets).await;
    let rows = app.rows().await;
    assert_eq!(rows.len(), 80);
    assert!(rows.iter().all(|row| row.state == "done"), "nothing is lost");
    let mut after: Vec<_> =
        fake.tried.lock().unwrap().iter().filter(|tried| tried.3 >= back).cloned().collect();
    assert_eq!(after.len(), 80, "each came once");
    after.sort_by(|a, b| a.0.cmp(&b.0));
    for pair in after.windows(2).filter(|pair| pair[0].0 == pair[1].0) {
        assert!(pair[0].2 < pair[1].2, "{} then {} of {}", pair[0].2, pair[1].2, pair[0].0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_later_event_waits_for_the_earlier_one_of_its_case_and_for_no_other() {
    let app = App::new(Settings { jitter_pct: 0, poll_interval: HOUR, ..Settings::default() }).await;
    // Every second try fails, whatever it is.
    let count = std::sync::atomic::AtomicU32::new(0);
    let (fake, outlets) = outlet(&app, move |_, _| {
        let odd = count.fetch_add(1, std::sync::atomic::Ordering::SeqCst).is_multiple_of(2);
        if odd { Err(Trouble::passing("once more")) } else { arrived() }
    });
    for round in 0..5 {
        for case in 1..=7 {
            app.emit(EventKind::CaseMissedAgain, case, json!({"round": round})).await;
        }
    }
    run_until_idle(&app, outlets).await;
    let tried = fake.tried.lock().unwrap().clone();
    for case in 1..=7 {
        let of: Vec<i64> =
            tried.iter().filter(|tried| tried.0 == format!("case:{case}")).map(|tried| tried.2).collect();
        let mut sorted = of.clone();
        sorted.sort_unstable();
        assert_eq!(of, sorted, "a case's events are tried in order, each until it has arrived");
    }
    assert!(app.rows().await.iter().all(|row| row.state == "done"));
}

#[tokio::test(start_paused = true)]
async fn a_relay_that_dies_before_recording_delivers_again_with_the_same_id() {
    let app = App::new(Settings { jitter_pct: 0, poll_interval: HOUR, ..Settings::default() }).await;
    app.emit(EventKind::CaseOpened, 1, json!({})).await;
    app.emit(EventKind::CaseClosed, 1, json!({})).await;
    let (fake, outlets) = outlet(&app, |_, _| arrived());
    // The relay that dies: it leases and delivers, and that is all.
    let now = app.context.clock.now();
    let spread = app.context.store.write("test", move |c| {
        let target = outbox::Target { destination: "crm".parse().unwrap(), recipient: Ok(String::new()) };
        outbox::spread(c, now, 10, &[], |_| vec![target.clone()])
    });
    assert_eq!(spread.await.unwrap(), 2);
    let lease = outbox::Lease {
        destination: "crm".parse().unwrap(),
        by: "dead".to_owned(),
        now,
        until: now + Duration::from_secs(120),
        limit: 10,
    };
    let leased = app.context.store.write("test", move |c| outbox::lease(c, &lease)).await.unwrap();
    assert_eq!(leased.len(), 1, "the second one waits for the first");
    fake.deliver(&leased[0]).await.unwrap();
    run_until_idle(&app, outlets).await;
    let tried = fake.tried.lock().unwrap().clone();
    assert_eq!(tried.len(), 3);
    assert_eq!(tried[0].1, tried[1].1, "the same id");
    assert!(tried[1].3.since(tried[0].3) >= Duration::from_secs(120), "not before the lease ends");
    assert!(tried[2].2 > tried[1].2);
    // The dead one's word comes late: nothing changes.
    let id = leased[0].id;
    let late =
        app.context.store.write("test", move |c| outbox::settle(c, id, &Settled::Dead("x".into()), now));
    late.await.unwrap();
    assert!(app.rows().await.iter().all(|row| row.state == "done"));
}

#[tokio::test(start_paused = true)]
async fn a_stop_gives_back_what_is_under_way() {
    #[derive(Debug)]
    struct Hangs;
    impl Channel for Hangs {
        fn deliver<'a>(&'a self, _: &'a Delivery) -> Delivering<'a> {
            Box::pin(std::future::pending())
        }
    }
    let app = App::new(Settings::default()).await;
    app.emit(EventKind::CaseOpened, 1, json!({})).await;
    let (_, mut outlets) = outlet(&app, |_, _| arrived());
    outlets[0].channel = Arc::new(Hangs);
    let (relay, stop) = app.relay_to(outlets);
    relay.tick().await.unwrap();
    stop.cancel();
    app.tasks.close();
    app.tasks.wait().await;
    let row = app.rows().await.pop().unwrap();
    assert_eq!((row.state.as_str(), row.attempt_no), ("waiting", 0), "it does not count");
    assert!(row.next_at.unwrap() <= app.context.clock.now().0);
}

/// A delivery that the database refuses is skipped for a while and counted; what happened to others is told.
#[tokio::test(start_paused = true)]
async fn an_event_that_cannot_be_spread_holds_up_no_other() {
    let app = App::new(Settings { poll_interval: Duration::from_millis(100), ..Settings::default() }).await;
    let run = async |sql: &'static str| {
        let work = move |c: &mut _| Ok(diesel::RunQueryDsl::execute(diesel::sql_query(sql), c)?);
        app.context.store.write("test", work).await.unwrap()
    };
    run("CREATE TRIGGER poison BEFORE INSERT ON deliveries WHEN NEW.aggregate = 'case:1' \
         BEGIN SELECT RAISE(ABORT, 'poisoned'); END")
    .await;
    for case in [1, 2, 3] {
        app.emit(EventKind::CaseOpened, case, json!({})).await;
    }
    let (fake, outlets) = outlet(&app, |_, _| arrived());
    let (relay, stop) = app.relay_to(outlets);
    let running = tokio::spawn(relay.run(Beat::new("outbox")));
    let told = async |wanted: usize| {
        while fake.tried.lock().unwrap().len() < wanted {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let told = fake.tried.lock().unwrap();
        told.iter().map(|tried| tried.0.clone()).collect::<Vec<_>>()
    };
    assert_eq!(told(2).await, ["case:2", "case:3"]);
    let skipped = || app.context.metrics.rows_skipped.with_label_values(&["event"]).get();
    while skipped() < 3 {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    run("DROP TRIGGER poison").await;
    assert_eq!(told(3).await, ["case:2", "case:3", "case:1"]);
    stop.cancel();
    running.await.unwrap();
}
