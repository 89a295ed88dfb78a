//! Claims per second with full durability: each claim is committed and on disk before its task makes the next.
//!
//! A claim is the conditional update of an agent, with its guard and its history, and the offer's row. Every claim
//! takes a free agent; agents and calls are made first and not timed.

#![expect(clippy::unwrap_used, reason = "a bench fails by panicking")]

use std::hint::black_box;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput};
use dozvon::clock::UnixMs;
use dozvon::config::database::DatabaseUrl;
use dozvon::config::store::Settings;
use dozvon::ids::{AgentName, CallId, ChannelId, CoreId, OfferId, QueueName};
use dozvon::phone::Party;
use dozvon::queue::agent::Step;
use dozvon::rules::Agent;
use dozvon::store::agents::{self, StepRequest};
use dozvon::store::calls::{self, Arrival};
use dozvon::store::offers::{self, Claim};
use dozvon::store::{Database, Store, StoreError, rules};
use tokio::runtime::Runtime;

/// How many write at once in the second case.
const WRITERS: usize = 64;
/// The claims per second that 64 writers must reach.
const GOAL: f64 = 10_000.0;
const NOW: UnixMs = UnixMs(1_795_424_400_000);

fn phone() -> Agent {
    let delay = Duration::from_secs(5);
    Agent {
        contacts: vec!["user/1001".parse().unwrap()],
        no_answer_delay: delay,
        busy_delay: delay,
        rejected_delay: delay,
        unreachable_delay: delay,
        ..Agent::new("Agent".to_owned())
    }
}

fn arrival() -> Arrival {
    Arrival {
        id: CallId::new(),
        node: "fs1".parse().unwrap(),
        channel: ChannelId::new(),
        core: CoreId(uuid::Uuid::nil()),
        party: Party::Number("+79001234567".parse().unwrap()),
        caller_number: "+79001234567".to_owned(),
        caller_name: "Caller".to_owned(),
        dialled: "7001".to_owned(),
        came_by: None,
        route: None,
        open: true,
        why: "bench".to_owned(),
        queue: Some("sales".parse().unwrap()),
        service_level: Some(Duration::from_secs(20)),
        business_day: "2026-11-23".parse().unwrap(),
        at: NOW,
    }
}

/// A free agent and a call that waits, ready to be claimed.
fn prepare(c: &mut Database, number: usize) -> Result<Claim, StoreError> {
    let agent: AgentName = format!("agent-{number}").parse().unwrap();
    rules::put_one_agent(c, &agent, &phone())?;
    let row = agents::step(
        c,
        &StepRequest { agent: &agent, step: Step::LogIn, at: NOW, by: "bench", why: "bench" },
    )?;
    let call = arrival();
    calls::arrive(c, &call)?;
    let queue: QueueName = "sales".parse().unwrap();
    let controller = "bench".to_owned();
    Ok(Claim {
        offer: OfferId::new(),
        call: call.id,
        queue,
        agent,
        version: row.version,
        controller,
        at: NOW,
    })
}

struct Bench {
    runtime: Runtime,
    store: Store,
    _folder: tempfile::TempDir,
    made: usize,
}

impl Bench {
    fn new() -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        // On a disk, not in memory: durability is what is measured.
        let folder = tempfile::tempdir_in(env!("CARGO_MANIFEST_DIR")).unwrap();
        let url = DatabaseUrl::Sqlite(folder.path().join("bench.db"));
        let store = runtime.block_on(async {
            let store = Store::open(&url, Settings::default()).await.unwrap();
            store.migrate().await.unwrap();
            store
        });
        Self { runtime, store, _folder: folder, made: 0 }
    }

    fn claims(&mut self, count: usize) -> Vec<Claim> {
        let mut claims = Vec::with_capacity(count);
        while claims.len() < count {
            let (from, batch) = (self.made, (count - claims.len()).min(2000));
            self.made += batch;
            let made =
                self.store.write("prepare", move |c| (from..from + batch).map(|n| prepare(c, n)).collect());
            claims.extend::<Vec<_>>(self.runtime.block_on(made).unwrap());
        }
        claims
    }

    /// The time of all `claims`, made by so many tasks, each waiting for its own to be durable.
    fn time(&self, claims: Vec<Claim>, writers: usize) -> Duration {
        let claims = Arc::new(std::sync::Mutex::new(claims));
        let store = &self.store;
        self.runtime.block_on(async move {
            let began = Instant::now();
            let tasks: Vec<_> = (0..writers)
                .map(|_| {
                    let (claims, store) = (Arc::clone(&claims), store.clone());
                    tokio::spawn(async move {
                        loop {
                            let Some(claim) = claims.lock().unwrap().pop() else { return };
                            let claimed =
                                store.write("claim", move |c| offers::claim(c, &claim)).await.unwrap();
                            black_box(claimed).unwrap();
                        }
                    })
                })
                .collect();
            for task in tasks {
                task.await.unwrap();
            }
            began.elapsed()
        })
    }
}

fn main() -> ExitCode {
    let mut criterion = Criterion::default().configure_from_args();
    let mut bench = Bench::new();
    let mut group = criterion.benchmark_group("claims");
    group.throughput(Throughput::Elements(1)).sample_size(20);
    let mut best = Vec::new();
    for (name, writers) in [("one writer", 1), ("64 writers", WRITERS)] {
        let mut per_second = Vec::new();
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|count| {
                let count = usize::try_from(count).unwrap();
                let claims = bench.claims(count);
                drop(bench.store.take_stats());
                let took = bench.time(claims, writers);
                if count >= 10 * writers {
                    let stats = bench.store.take_stats();
                    let commits: Duration = stats.commit_times.iter().sum();
                    let share = commits.as_secs_f64() / took.as_secs_f64();
                    per_second.push((count as f64 / took.as_secs_f64(), share));
                }
                took
            });
        });
        per_second.sort_by(|a, b| a.0.total_cmp(&b.0));
        best.push((name, per_second));
    }
    group.finish();
    let mut missed = false;
    for (name, per_second) in best {
        let Some((median, share)) = per_second.get(per_second.len() / 2) else { continue };
        println!(
            "claims, {name}: {median:.0}/s (median of {}), {:.0} % of it in commits",
            per_second.len(),
            share * 100.0
        );
        if name.starts_with("64") {
            missed = *median < GOAL;
            println!("goal {GOAL:.0}/s: {}", if missed { "MISSED" } else { "reached" });
        }
    }
    criterion.final_summary();
    ExitCode::from(u8::from(missed))
}
