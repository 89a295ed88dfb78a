//! Whole calls: a simulated FreeSWITCH over TCP on loopback in the same process, events of full size, every row
//! durable. The floor is measured beside them: the same messages without a store and without a queue.
//!
//! Run with `cargo bench --bench calls`. It prints its figures, and names each target that it missed.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::allow_attributes,
    reason = "a bench fails by panicking"
)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use dozvon::config::switch::{NodeSettings, Settings};
use dozvon::demo::scenario::Scenario;
use dozvon::demo::testbed::Testbed;
use dozvon::ids::{LegId, OfferId};
use dozvon::metrics::Metrics;
use dozvon::phone::Party;
use dozvon::rules::Rules;
use dozvon::rules::file;
use dozvon::sim::{Behaviour, CallerScript, Sim, SimSettings};
use dozvon::switch::{AfterTalk, CallerEvent, Incoming, LegEvent, LegRequest, Listener, Loops, Nodes};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

const AGENTS: usize = 200;
const CALLS: usize = 1_500;
/// Turn and turn about with the floor: what else the machine does falls on both.
const ROUNDS: usize = 5;
const AT_ONCE: usize = 120;
const TALK: Duration = Duration::from_millis(50);
const RING: Duration = Duration::from_millis(5);

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let (mut floors, mut all_ours, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let (floor, ours) = (floor().await, ours().await);
            floors.push(floor);
            all_ours.push(ours);
            ratios.push(ours / floor);
        }
        let (floor, ours, ratio) = (median(floors), median(all_ours), median(ratios));
        println!(
            "throughput   {ours:.0} calls/s with rows and queue, {floor:.0} calls/s without: ratio {ratio:.2} \
             (medians of {ROUNDS} rounds)"
        );
        let p99_ms = latency().await;
        let each_kib = memory().await;
        let wanted = [
            (ours >= 150.0, "150 calls/s"),
            (ratio >= 0.7, "a ratio of 0.7"),
            (p99_ms <= 10.0, "p99 of 10 ms from join to originate"),
            (each_kib < 160, "160 KiB a waiting caller"),
        ];
        for (_, what) in wanted.iter().filter(|(met, _)| !met) {
            println!("MISSED       {what}");
        }
        std::process::exit(i32::from(wanted.iter().any(|(met, _)| !met)));
    });
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// One queue with `agents` agents who answer at once.
fn rules(agents: usize) -> Rules {
    let mut text = String::from("[[prompt]]\nname = \"sorry\"\nsource = \"sorry.wav\"\n");
    let mut tiers = String::new();
    for number in 0..agents {
        text.push_str(&format!(
            "[[agent]]\nname = \"a{number}\"\ncontacts = [\"user/{}\"]\n",
            10_000 + number
        ));
        tiers.push_str(&format!("{{ agent = \"a{number}\" }}, "));
    }
    text.push_str(&format!(
        "[[queue]]\nname = \"q\"\nmax_wait = \"never\"\noverflow = {{ message = \"sorry\" }}\ntiers = [{tiers}]\n\
         [[route]]\nname = \"r\"\nnumber = \"7001\"\nopen = {{ queue = \"q\" }}\n"
    ));
    file::parse("bench", &text, chrono_tz::Europe::Moscow).unwrap_or_else(|faults| panic!("{faults:#?}"))
}

fn scenario(agents: usize) -> Scenario {
    let rules = rules(agents);
    let phone = Behaviour::answers(RING).hanging_up_after(TALK);
    let contacts = rules.agents.values().flat_map(|agent| agent.contacts.clone());
    Scenario {
        phones: contacts.map(|contact| (contact, phone.clone().into())).collect(),
        rules,
        trunk: None,
        calls: Vec::new(),
    }
}

fn script(number: usize) -> CallerScript {
    CallerScript::new(&format!("+7900{number:07}"), "7001").named("Bench")
}

/// `CALLS` callers, `AT_ONCE` of them on the line at any time. How many a second got through.
async fn drive(sim: &Arc<Sim>) -> f64 {
    let line = Arc::new(Semaphore::new(AT_ONCE));
    let began = Instant::now();
    let mut calls = JoinSet::new();
    for number in 0..CALLS {
        let (permit, sim) = (Arc::clone(&line).acquire_owned().await.unwrap(), Arc::clone(sim));
        calls.spawn(async move {
            let story = sim.call(script(number)).await.story().await;
            drop(permit);
            story
        });
    }
    let stories = calls.join_all().await;
    let took = began.elapsed();
    let through = stories.iter().flatten().filter(|story| !story.talked_to().is_empty()).count();
    assert_eq!(through, CALLS, "callers who did not get through");
    CALLS as f64 / took.as_secs_f64()
}

async fn testbed(agents: usize, folder: &tempfile::TempDir) -> Testbed {
    testbed_with(agents, folder, SimSettings { seed: 1, ..SimSettings::default() }).await
}

async fn testbed_with(agents: usize, folder: &tempfile::TempDir, sim: SimSettings) -> Testbed {
    let database = format!("sqlite:{}/bench.db", folder.path().display()).parse().unwrap();
    Testbed::with(&scenario(agents), database, sim).await.unwrap()
}

/// Whole calls with all rows, and where the time of one goes.
async fn ours() -> f64 {
    let folder = tempfile::tempdir().unwrap();
    let testbed = testbed(AGENTS, &folder).await;
    let app = Arc::clone(&testbed.running.app);
    drop(app.store.take_stats());
    let (cpu, before) = (cpu_time(), testbed.sim.counts().await);
    let rate = drive(&testbed.sim).await;
    testbed.running.quiet().await;
    let cpu = (cpu_time() - cpu).as_secs_f64() / CALLS as f64 * 1e6;
    let after = testbed.sim.counts().await;
    let events = (after.events_sent - before.events_sent) as f64 / CALLS as f64;
    let on_links = (after.link_events_sent - before.link_events_sent) as f64 / CALLS as f64;
    let stats = app.store.take_stats();
    let inside: f64 = stats.transactions.values().map(|t| t.time.as_secs_f64()).sum();
    let transactions: u64 = stats.transactions.values().map(|t| t.done).sum();
    let store = inside / CALLS as f64 * 1e6;
    let board = app.metrics.board_seconds.get() / CALLS as f64 * 1e6;
    println!(
        "CPU of a call, both sides: {cpu:.0} µs: store {store:.0} µs ({:.1} transactions), board {board:.1} µs, the rest, \
         our reading of {events:.1} events ({on_links:.1} on links) and the simulator in it, {:.0} µs",
        transactions as f64 / CALLS as f64,
        cpu - store - board,
    );
    testbed.shut_down().await;
    rate
}

/// The same messages, with nothing remembered and nobody chosen.
async fn floor() -> f64 {
    let sim = Sim::start(SimSettings { seed: 1, ..SimSettings::default() }).await.unwrap();
    for (contact, behaviours) in scenario(AGENTS).phones {
        sim.phone(&contact.to_string(), behaviours).await;
    }
    let node = NodeSettings { port: sim.node_address().port(), ..NodeSettings::default() };
    let settings =
        Settings { listen: "127.0.0.1:0".parse().unwrap(), nodes: vec![node], ..Settings::default() };
    let nodes = Nodes::start(&settings.nodes);
    let mut listener = Listener::bind(&settings).await.unwrap();
    sim.set_controllers(&[listener.local_addr()]).await;
    nodes.wait_up().await;
    let taking = tokio::spawn(async move {
        let mut next = 0;
        while let Some(incoming) = listener.next().await {
            next = (next + 1) % AGENTS;
            tokio::spawn(connect(incoming, nodes.clone(), next));
        }
    });
    let sim = Arc::new(sim);
    let rate = drive(&sim).await;
    taking.abort();
    rate
}

async fn connect(incoming: Incoming, nodes: Nodes, agent: usize) {
    let Incoming { mut caller, facts, .. } = incoming;
    caller.answer().await.unwrap();
    caller.play(&"local_stream://moh".parse().unwrap(), Loops::Forever).await.unwrap();
    let request = LegRequest {
        leg: LegId::new(),
        contact: format!("user/{}", 10_000 + agent).parse().unwrap(),
        call: dozvon::ids::CallId::new(),
        offer: OfferId::new(),
        caller: Some(facts.channel),
        ring_timeout: Duration::from_secs(20),
        caller_number: facts.caller_number,
        caller_name: facts.caller_name,
        confirm: None,
        follow_redirects: false,
        role: dozvon::switch::LegRole::Agent,
    };
    let mut leg = nodes.of(facts.core).unwrap().ring(request).unwrap();
    loop {
        match leg.event().await {
            LegEvent::Answered { channel } => {
                caller.bridge(channel, AfterTalk::HangUp).await.unwrap();
                leg.in_talk();
            }
            LegEvent::Ended { .. } => break,
            _ => {}
        }
    }
    while !matches!(caller.event().await, CallerEvent::HungUp { .. } | CallerEvent::Lost) {}
}

/// At 100 calls a second: how long from joining the queue to the `originate` command; 99 of 100, in milliseconds.
async fn latency() -> f64 {
    let folder = tempfile::tempdir().unwrap();
    // FreeSWITCH creates a leg as soon as it hears the command: what is measured is ours.
    let sim = SimSettings { seed: 1, pace: Duration::ZERO, ..SimSettings::default() };
    let testbed = testbed_with(AGENTS, &folder, sim).await;
    let begun = tokio::time::Instant::now();
    let mut calls = JoinSet::new();
    for number in 0..1_000_u32 {
        let sim = Arc::clone(&testbed.sim);
        calls.spawn(async move {
            tokio::time::sleep_until(begun + Duration::from_millis(10) * number).await;
            sim.call(script(number as usize)).await.story().await
        });
    }
    calls.join_all().await;
    testbed.running.quiet().await;
    let (half, most) =
        (quantile(&testbed.running.app.metrics, 0.5), quantile(&testbed.running.app.metrics, 0.99));
    println!("join to originate at 100 calls/s: p50 at most {half:.1} ms, p99 at most {most:.1} ms");
    testbed.shut_down().await;
    most
}

/// The upper bound of the bucket in which a share of the first rings lies, in milliseconds.
fn quantile(metrics: &Metrics, share: f64) -> f64 {
    let text = metrics.text().unwrap();
    let buckets = text.lines().filter_map(|line| {
        let (bound, count) =
            line.strip_prefix("dozvon_first_ring_seconds_bucket{le=\"")?.split_once("\"} ")?;
        Some((bound.parse::<f64>().unwrap_or(f64::INFINITY), count.parse::<f64>().ok()?))
    });
    let buckets: Vec<_> = buckets.collect();
    let all = buckets.last().map_or(0.0, |(_, count)| *count);
    buckets
        .iter()
        .find(|(_, count)| *count >= all * share)
        .map_or(f64::INFINITY, |(bound, _)| bound * 1_000.0)
}

/// What one of 2,000 callers who wait costs, the simulator's side included, in KiB.
async fn memory() -> i64 {
    const WAITING: usize = 2_000;
    let folder = tempfile::tempdir().unwrap();
    let testbed = testbed(0, &folder).await;
    assert!(matches!(
        Party::read("+79001234567", false, &dozvon::config::phone::Phone::default().home(), 5),
        Party::Number(_)
    ));
    let before = resident_bytes();
    let mut callers = Vec::with_capacity(WAITING);
    for number in 0..WAITING {
        callers.push(testbed.sim.call(script(number)).await);
        if number % 50 == 49 {
            waiting(&testbed, number + 1).await;
        }
    }
    let each = (resident_bytes() - before) / WAITING as i64 / 1024;
    println!("memory       {each} KiB for each of {WAITING} waiting callers, both sides");
    for caller in &callers {
        caller.hang_up().await;
    }
    testbed.running.quiet().await;
    testbed.shut_down().await;
    each
}

/// Waits until so many callers wait.
async fn waiting(testbed: &Testbed, callers: usize) {
    let gauge = testbed.running.app.metrics.waiting.with_label_values(&["q"]);
    while gauge.get() < callers as i64 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// The CPU time of this process so far, from the kernel's count of ticks of 10 ms.
fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    Duration::from_millis(ticks * 10)
}

fn resident_bytes() -> i64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split_whitespace().nth(1).unwrap().parse::<i64>().unwrap() * 4096
}
