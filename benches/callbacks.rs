//! What callbacks cost as open cases pile up: choosing the next case and reserving its attempt, opening a case, putting
//! a case before all others, and a tick in which nothing is due.
//!
//! Run with `cargo bench --bench callbacks`; `cargo bench --bench callbacks -- 10000` runs with that many cases only.
//! Each step is a transaction of its own, durable before the next. "Work" is the time inside the transactions, less the
//! time in which the thread waited for a processor; "with commits" is the whole time until the last transaction is on
//! disk.

#![expect(clippy::unwrap_used, reason = "a bench fails by panicking")]

#[expect(dead_code, reason = "the tests use all of it")]
#[path = "../tests/support/company.rs"]
mod company;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use company::{NOON, abandoned, agent, arrival, company, log_in, queue, ring};
use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use dozvon::clock::UnixMs;
use dozvon::config::database::DatabaseUrl;
use dozvon::config::store::Settings;
use dozvon::ids::{CaseId, ChannelId, CoreId};
use dozvon::missed::attempt::Disposition;
use dozvon::phone::Party;
use dozvon::queue::offer;
use dozvon::store::callbacks::{self, CallbackEnd, CallbackResult, CallbackRules, LeaseRequest, Reserve};
use dozvon::store::calls::{self, Arrival};
use dozvon::store::offers::{self, EndUnanswered};
use dozvon::store::{Database, Store, StoreError, rules};
use tokio::runtime::Runtime;

/// How many cases are open.
const OPEN: [u32; 3] = [10_000, 100_000, 1_000_000];
/// How often each is done.
const SAMPLES: u32 = 300;
/// Done before, and not counted: statements are prepared, pages are read.
const WARM: u32 = 20;
/// The 99th percentile of the work of a pick, in milliseconds.
const PICK_MS: f64 = 2.0;
/// The same of opening a case, and of a tick that finds nothing due.
const QUICK_MS: f64 = 1.0;
/// How much slower a pick may be among the most cases than among the fewest.
const FLAT: f64 = 2.0;
const QUEUES: [&str; 3] = ["sales", "support", "repeat"];

/// What one thing took.
#[derive(Clone, Copy, Default)]
struct Took {
    work: Duration,
    whole: Duration,
}

/// Milliseconds of the work and of the whole at a percentile.
fn at_percentile(taken: &[Took], percentile: usize) -> (f64, f64) {
    let of = |what: fn(&Took) -> Duration| {
        let mut times: Vec<f64> = taken.iter().map(|took| what(took).as_secs_f64() * 1000.0).collect();
        times.sort_by(f64::total_cmp);
        times[(times.len() - 1) * percentile / 100]
    };
    (of(|took| took.work), of(|took| took.whole))
}

/// How long this thread has waited for a processor since it began; nothing where the system does not say.
fn kept_waiting() -> Duration {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    Duration::from_nanos(told.split(' ').nth(1).and_then(|ns| ns.parse().ok()).unwrap_or_default())
}

/// Runs something, and says how long it took on a processor.
fn timed<T>(work: impl FnOnce() -> Result<T, StoreError>) -> Result<(T, Duration), StoreError> {
    let (waited, began) = (kept_waiting(), Instant::now());
    let done = work()?;
    let took = began.elapsed();
    Ok((done, took.saturating_sub(kept_waiting().saturating_sub(waited))))
}

/// A company with open cases.
struct House {
    runtime: Runtime,
    store: Store,
    callback_rules: CallbackRules,
    path: std::path::PathBuf,
    _folder: tempfile::TempDir,
}

impl House {
    fn new(open: u32) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        // On a disk, not in memory: durability is what is measured.
        let folder = tempfile::tempdir_in(env!("CARGO_MANIFEST_DIR")).unwrap();
        let path = folder.path().join("bench.db");
        let mut house = company();
        house.queues.insert(queue("repeat"), house.queues[&queue("sales")].clone());
        let callback_rules = CallbackRules::of(&dozvon::config::Settings::default(), Arc::new(house));
        let callback_rules = CallbackRules { repeat_queue: Some(queue("repeat")), ..callback_rules };
        let url = DatabaseUrl::Sqlite(path.clone());
        let store = runtime.block_on(async {
            let store = Store::open(&url, Settings::default()).await.unwrap();
            store.migrate().await.unwrap();
            store
        });
        let new = Self { runtime, store, callback_rules, path, _folder: folder };
        new.write(&mut Took::default(), |c, callback_rules| {
            rules::replace(c, &callback_rules.rules)?;
            log_in(c, "anna", UnixMs(0)).map(drop)
        });
        new.sql(&include_str!("callbacks/open.sql").replace(":open", &open.to_string()));
        new
    }

    /// Changes the rows by the way, all at once.
    fn sql(&self, text: &str) {
        let mut connection = SqliteConnection::establish(&self.path.to_string_lossy()).unwrap();
        connection
            .batch_execute(
                "PRAGMA busy_timeout = 60000; PRAGMA cache_size = -400000; PRAGMA synchronous = OFF",
            )
            .unwrap();
        connection.batch_execute(&format!("BEGIN IMMEDIATE; {text} COMMIT;")).unwrap();
        connection.batch_execute("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    }

    fn write<T: Send + 'static>(
        &self,
        took: &mut Took,
        work: impl FnOnce(&mut Database, &CallbackRules) -> Result<T, StoreError> + Send + 'static,
    ) -> T {
        let (callback_rules, began) = (self.callback_rules.clone(), Instant::now());
        let written = self.store.write("bench", move |c| timed(|| work(c, &callback_rules)));
        let (done, worked) = self.runtime.block_on(written).unwrap();
        took.work += worked;
        took.whole += began.elapsed();
        done
    }

    /// The tick when nothing is due: it looks for what has ended by itself, then into each queue.
    fn look(&self) -> Took {
        let (mut took, began) = (Took::default(), Instant::now());
        let read = self.store.read("bench", |c| timed(|| callbacks::due(c, NOON, 100, &[])));
        let (due, worked) = self.runtime.block_on(read).unwrap();
        assert!(due.is_empty());
        (took.work, took.whole) = (worked, began.elapsed());
        for name in QUEUES {
            let wanted = wanted(name);
            let ready = self.write(&mut took, move |c, _| callbacks::ready(c, &wanted.queue, 10, &[]));
            assert!(ready.is_empty());
        }
        took
    }

    /// The next case of a queue: from its lease, through the agent's claim, to the place of its attempt.
    fn pick(&self, name: &str) -> Took {
        let (mut took, wanted) = (Took::default(), wanted(name));
        let work = self.write(&mut took, move |c, callback_rules| {
            let case = callbacks::ready(c, &wanted.queue, 1, &[])?.remove(0);
            callbacks::lease(c, case, callback_rules, &wanted)
        });
        let work = work.work().unwrap();
        let call = work.call;
        let offer = self.write(&mut took, move |c, _| ring(c, call, "anna", NOON));
        let wanted = Reserve {
            case: work.case,
            call,
            offer,
            agent: agent("anna"),
            leg: ChannelId::new(),
            answered_at: NOON,
            at: NOON,
        };
        let attempt = self
            .write(&mut took, move |c, callback_rules| callbacks::reserve(c, callback_rules, &wanted))
            .unwrap();
        // Not timed: nobody answers, and the agent is free again.
        let how = CallbackResult::without_talk(attempt, Disposition::NoAnswer, "NO_ANSWER");
        let end = CallbackEnd { case: work.case, call, how, at: NOON };
        self.write(&mut Took::default(), move |c, callback_rules| {
            callbacks::end(c, callback_rules, &end)?;
            let free = EndUnanswered {
                offer,
                outcome: offer::Outcome::Cancelled,
                cause: "NO_ANSWER".to_owned(),
                at: NOON,
                ready_at: UnixMs(0),
                max_no_answer: 0,
            };
            offers::end_unanswered(c, &free).map(drop)
        });
        took
    }

    /// A caller whom nobody knows yet gives up; the arrival is not counted.
    fn miss(&self, nth: u32) -> Took {
        let number = format!("+7499{:07}", u64::from(nth) * 7_654_321 % 10_000_000);
        let party = Party::Number(number.parse().unwrap());
        let new = Arrival { party, caller_number: number, ..arrival(Some("sales"), NOON) };
        let call = new.id;
        self.write(&mut Took::default(), move |c, _| calls::arrive(c, &new));
        let mut took = Took::default();
        let owed = self.write(&mut took, move |c, _| calls::end(c, &abandoned(call, NOON)));
        assert!(owed.is_some());
        took
    }

    /// Somebody wants the nth of the deferred cases called before all others.
    fn now(&self, nth: u32) -> Took {
        let (mut took, case) = (Took::default(), CaseId(i64::from(nth) * 10 + 3));
        self.write(&mut took, move |c, callback_rules| callbacks::now(c, callback_rules, case, "anna", NOON))
            .unwrap();
        took
    }
}

fn wanted(name: &str) -> LeaseRequest {
    LeaseRequest {
        queue: queue(name),
        node: "fs1".parse().unwrap(),
        core: CoreId(uuid::Uuid::nil()),
        at: NOON,
    }
}

/// Does it often. The 99th percentile of its work, in milliseconds.
fn measure(what: &str, open: u32, mut once: impl FnMut(u32) -> Took) -> f64 {
    let taken: Vec<Took> = (0..WARM + SAMPLES).map(&mut once).skip(WARM as usize).collect();
    let ((work, whole), (most_work, most_whole)) = (at_percentile(&taken, 50), at_percentile(&taken, 99));
    println!(
        "{open:>9} open, {what}: work p50 {work:.2} ms, p99 {most_work:.2} ms; \
         with commits p50 {whole:.2} ms, p99 {most_whole:.2} ms"
    );
    most_work
}

/// Whether it is reached.
fn goal(what: &str, figure: f64, limit: f64, unit: &str) -> bool {
    let met = if figure < limit { "reached" } else { "MISSED" };
    println!("goal {what} < {limit}{unit}: {figure:.2}{unit}, {met}");
    figure < limit
}

fn main() -> ExitCode {
    let wished: Vec<u32> = std::env::args().filter_map(|word| word.parse().ok()).collect();
    let (mut picks, mut others) = (Vec::new(), [0.0_f64; 3]);
    for open in if wished.is_empty() { OPEN.to_vec() } else { wished } {
        let began = Instant::now();
        let house = House::new(open);
        println!("{open:>9} open, made in {:.0} s", began.elapsed().as_secs_f64());
        let looks = measure("nothing due", open, |_| house.look());
        house.sql(include_str!("callbacks/due.sql"));
        let pick = measure("pick and reserve", open, |n| house.pick(QUEUES[n as usize % QUEUES.len()]));
        let opened = measure("open a case", open, |n| house.miss(n));
        let first = measure("before all others", open, |n| house.now(n));
        picks.push(pick);
        for (most, p99) in others.iter_mut().zip([looks, opened, first]) {
            *most = most.max(p99);
        }
    }
    let [looks, opened, first] = others;
    let (least, most) = picks.iter().fold((f64::MAX, 0.0_f64), |(a, b), p| (a.min(*p), b.max(*p)));
    let met = [
        goal("pick and reserve, p99", most, PICK_MS, " ms"),
        goal("the same, slowest to quickest size", most / least, FLAT, "x"),
        goal("open a case, p99", opened, QUICK_MS, " ms"),
        goal("nothing due, p99", looks, QUICK_MS, " ms"),
        goal("before all others, p99", first, PICK_MS, " ms"),
    ];
    ExitCode::from(u8::from(met.contains(&false)))
}
