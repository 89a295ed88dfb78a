//! Webhooks per second to a receiver on the loopback interface: signed, each recorded on disk before and after.
//!
//! Run with `cargo bench --bench outbox`. The events are stored first; then the relay runs as in the product, with the
//! default settings, until the last delivery is recorded as done. Receiver and relay share the machine.

#![expect(clippy::unwrap_used, reason = "a bench fails by panicking")]

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use dozvon::clock::Clock;
use dozvon::config::database::DatabaseUrl;
use dozvon::config::notify::Settings;
use dozvon::config::notify::{Destination, Kind};
use dozvon::event::{Event, EventKind};
use dozvon::metrics::Metrics;
use dozvon::notify::{RelayContext, start};
use dozvon::secret::Secret;
use dozvon::store;
use dozvon::store::Store;
use dozvon::store::outbox::{self, State};
use serde_json::json;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How many events are kept.
const EVENTS: u32 = 5_000;
/// To how many cases they happened: those of one are told one after another.
const CASES: u32 = 1_000;
/// How many are kept in one transaction.
const BATCH: u32 = 500;
/// How often all is done, each time anew.
const ROUNDS: usize = 3;
/// The events per second that must be told.
const GOAL: f64 = 500.0;

/// A receiver that counts what is signed.
async fn receive() -> (SocketAddr, watch::Receiver<u32>) {
    let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    let (count, counted) = watch::channel(0);
    let router = Router::new().fallback(move |headers: HeaderMap, body: Bytes| {
        let signed = headers.contains_key("webhook-signature") && !body.is_empty();
        count.send_modify(|count| *count += u32::from(signed));
        std::future::ready(if signed { StatusCode::NO_CONTENT } else { StatusCode::BAD_REQUEST })
    });
    tokio::spawn(async move { axum::serve(socket, router).await });
    (address, counted)
}

fn settings(receiver: SocketAddr) -> Settings {
    let mut to = Destination::new("crm".parse().unwrap(), Kind::Webhook, vec!["*".parse().unwrap()]);
    (to.url, to.allow_private, to.allow_http) = (format!("http://{receiver}/hook"), true, true);
    to.secret = Secret::from("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    Settings { destinations: vec![to], ..Settings::default() }
}

fn event(nth: u32, clock: Clock) -> Event {
    let case = nth % CASES;
    let number = format!("+7495{case:07}");
    let data = json!({
        "case": case, "number": number, "queue": "sales", "reason": "abandoned_waiting", "misses": 1,
        "due_at": null, "assignee": null, "caller": { "phone": number },
    });
    Event { kind: EventKind::CaseOpened, aggregate: format!("case:{case}"), at: clock.now(), data }
}

/// Keeps all events. How many it were in a second.
async fn keep(store: &Store, clock: Clock) -> f64 {
    let began = Instant::now();
    for from in (0..EVENTS).step_by(BATCH as usize) {
        let batch = move |c: &mut store::Database| {
            (from..from + BATCH).try_for_each(|nth| outbox::emit(c, &event(nth, clock)).map(drop))
        };
        store.write("keep", batch).await.unwrap();
    }
    f64::from(EVENTS) / began.elapsed().as_secs_f64()
}

/// Keeps all events and tells them. How many in a second of each.
async fn round() -> (f64, f64) {
    // On a disk, not in memory: what became of each is to survive.
    let folder = tempfile::tempdir_in(env!("CARGO_MANIFEST_DIR")).unwrap();
    let url = DatabaseUrl::Sqlite(folder.path().join("bench.db"));
    let store = Store::open(&url, dozvon::config::store::Settings::default()).await.unwrap();
    store.migrate().await.unwrap();
    let (address, mut received) = receive().await;
    let clock = Clock::system();
    let context = RelayContext {
        settings: Arc::new(settings(address)),
        store: store.clone(),
        clock,
        metrics: Arc::new(Metrics::new().unwrap()),
        zone: chrono_tz::Tz::Europe__Moscow,
        controller: "bench".to_owned(),
        destinations: dozvon::notify::strangers::Destinations::new(
            tokio::sync::watch::channel(Arc::default()).1,
            dozvon::config::phone::Phone::default().region,
        ),
    };
    let kept = keep(&store, clock).await;
    let before = store.take_stats().commits;
    let (tasks, stop, began) = (TaskTracker::new(), CancellationToken::new(), Instant::now());
    let vital = dozvon::vital::Vital::new(std::time::Duration::MAX, stop.clone());
    start(context, None, &vital, &tasks, stop.clone()).unwrap();
    received.wait_for(|count| *count == EVENTS).await.unwrap();
    // What has been told is recorded as told.
    stop.cancel();
    tasks.close();
    tasks.wait().await;
    let told = f64::from(EVENTS) / began.elapsed().as_secs_f64();
    let stats = store.take_stats();
    let done = store.read("done", |c| outbox::list(c, Some(State::Done), None, i64::from(EVENTS))).await;
    assert_eq!(done.unwrap().len(), EVENTS as usize);
    let commits: Duration = stats.commit_times.iter().sum();
    println!(
        "{told:.0} events/s told, {:.1} a commit of {:.2} ms; {kept:.0} events/s kept, {BATCH} a commit",
        f64::from(EVENTS) / (stats.commits - before) as f64,
        commits.as_secs_f64() * 1000.0 / stats.commit_times.len() as f64,
    );
    (told, kept)
}

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let mut told: Vec<f64> = (0..ROUNDS).map(|_| runtime.block_on(round()).0).collect();
    told.sort_by(f64::total_cmp);
    let median = told[ROUNDS / 2];
    println!("webhooks: {median:.0} events/s told (median of {ROUNDS})");
    let met = median >= GOAL;
    println!("goal {GOAL:.0}/s: {}", if met { "reached" } else { "MISSED" });
    ExitCode::from(u8::from(!met))
}
