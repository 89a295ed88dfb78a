//! How many entries of the audit are verified per second: read a page at a time, hashed, and compared.
//!
//! The entries are written first, and that is timed too: each is hashed and inserted after the one before.

#![expect(clippy::unwrap_used, reason = "a bench fails by panicking")]

use std::process::ExitCode;
use std::time::Instant;

use criterion::{Criterion, Throughput};
use dozvon::audit::{Action, Entry, details};
use dozvon::clock::UnixMs;
use dozvon::config::database::DatabaseUrl;
use dozvon::config::store::Settings;
use dozvon::store::{Store, audit};

/// How long the chain is.
const ROWS: u64 = 100_000;
/// How many of them are written in one transaction.
const BATCH: u64 = 5_000;
/// The rows per second that a verification must reach.
const GOAL: f64 = 100_000.0;
const NOW: UnixMs = UnixMs(1_795_424_400_000);

fn append(c: &mut dozvon::store::Database, n: u64) -> Result<(), dozvon::store::StoreError> {
    let number = format!("+7900{:07}", n % 10_000_000);
    audit::append(
        c,
        &Entry {
            at: NOW,
            by: "callback",
            action: Action::Dial,
            number: Some(&number),
            subject: Some(format!("case:{n}")),
            details: details([
                ("attempt", (n % 3 + 1).into()),
                ("agent", "anna".into()),
                ("queue", "sales".into()),
            ]),
        },
    )
}

fn main() -> ExitCode {
    let mut criterion = Criterion::default().configure_from_args();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let folder = tempfile::tempdir_in(env!("CARGO_MANIFEST_DIR")).unwrap();
    let url = DatabaseUrl::Sqlite(folder.path().join("bench.db"));
    let store = runtime.block_on(async {
        let store = Store::open(&url, Settings::default()).await.unwrap();
        store.migrate().await.unwrap();
        store
    });
    let began = Instant::now();
    for from in (0..ROWS).step_by(BATCH as usize) {
        let batch = store.write("append", move |c| (from..from + BATCH).try_for_each(|n| append(c, n)));
        runtime.block_on(batch).unwrap();
    }
    let appended = ROWS as f64 / began.elapsed().as_secs_f64();
    let mut per_second = Vec::new();
    let mut group = criterion.benchmark_group("audit");
    group.throughput(Throughput::Elements(ROWS)).sample_size(10);
    group.bench_function("verify", |bencher| {
        bencher.iter_custom(|count| {
            let began = Instant::now();
            for _ in 0..count {
                let proof = runtime.block_on(store.read("verify", |c| audit::verify(c, None, None))).unwrap();
                assert!(proof.broken.is_none() && proof.rows == i64::try_from(ROWS).unwrap());
            }
            let took = began.elapsed();
            per_second.push((count * ROWS) as f64 / took.as_secs_f64());
            took
        });
    });
    group.finish();
    per_second.sort_by(f64::total_cmp);
    let Some(median) = per_second.get(per_second.len() / 2) else { return ExitCode::SUCCESS };
    println!("audit: {appended:.0} rows/s appended, {BATCH} a commit");
    println!("audit: {median:.0} rows/s verified (median of {})", per_second.len());
    let met = *median >= GOAL;
    println!("goal {GOAL:.0}/s: {}", if met { "reached" } else { "MISSED" });
    criterion.final_summary();
    ExitCode::from(u8::from(!met))
}
