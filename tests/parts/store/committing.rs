//! Group commit: transactions share one commit, each fails alone; reads; and how a process learns of other processes'
//! changes.

use std::sync::mpsc;
use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use dozvon::config::database::DatabaseUrl;
use dozvon::config::store::Settings;
use dozvon::store::{Awaited, Database, Store, StoreError};
use futures_util::future::poll_immediate;

use crate::support::database::{Db, for_each_database, on_postgres, runtime};

fn note(c: &mut Database, source: &str) -> Result<(), StoreError> {
    c.batch_execute(&format!("INSERT INTO prompts (name, source) VALUES ('{source}', '{source}')"))?;
    Ok(())
}

fn notes(db: &Db) -> Vec<String> {
    db.raw().texts("SELECT name AS v FROM prompts ORDER BY name")
}

/// A transaction that has begun, and holds the writer until it is told to end: what follows waits.
async fn hold(store: &Store) -> (mpsc::Sender<()>, impl Future<Output = Result<(), StoreError>>) {
    let ((go_on, told), (begun, begins)) = (mpsc::channel(), tokio::sync::oneshot::channel());
    let store = store.clone();
    let held = tokio::spawn(async move {
        let wait = move |_: &mut Database| {
            begun.send(()).unwrap();
            told.recv().unwrap();
            Ok(())
        };
        store.write("hold", wait).await
    });
    begins.await.unwrap();
    (go_on, async { held.await.unwrap() })
}

/// Queues the transactions while the writer is held, lets it go, and returns their results.
pub async fn together<T: Send + 'static>(store: &Store, work: Vec<Work<T>>) -> Vec<Result<T, StoreError>> {
    let (go_on, held) = hold(store).await;
    let waiting: Vec<_> = work
        .into_iter()
        .map(|work| {
            let store = store.clone();
            tokio::spawn(async move { store.write("shared", work).await })
        })
        .collect();
    while store.waiting() < waiting.len() {
        tokio::task::yield_now().await;
    }
    go_on.send(()).unwrap();
    held.await.unwrap();
    let mut results = Vec::new();
    for one in waiting {
        results.push(one.await.unwrap());
    }
    results
}

pub type Work<T> = Box<dyn FnOnce(&mut Database) -> Result<T, StoreError> + Send>;

#[test]
fn many_transactions_share_one_commit_and_fail_alone() {
    for_each_database(async |db| {
        db.write(|_| Ok(())).await;
        let before = db.store.take_stats().commits;
        let mut work: Vec<Work<()>> = Vec::new();
        for name in ["a", "b", "c", "d"] {
            work.push(Box::new(move |c| note(c, name)));
        }
        work.push(Box::new(|c| {
            note(c, "undone")?;
            Err(StoreError::Refused("no".to_owned()))
        }));
        work.push(Box::new(|c| note(c, "a")));
        work.push(Box::new(|c| {
            note(c, "panicked")?;
            c.transaction(|c| {
                note(c, "deeper")?;
                panic!("a fault, as the test wants it")
            })
        }));
        work.push(Box::new(|c| note(c, "e")));
        let results = together(&db.store, work).await;
        let done: Vec<bool> = results.iter().map(Result::is_ok).collect();
        assert_eq!(done, [true, true, true, true, false, false, false, true]);
        assert!(matches!(results[4], Err(StoreError::Refused(_))));
        assert!(matches!(results[5], Err(StoreError::Database(_))));
        assert!(matches!(results[6], Err(StoreError::Panicked { name: "shared" })), "{:?}", results[6]);
        assert_eq!(notes(db), ["a", "b", "c", "d", "e"]);
        let stats = db.store.take_stats();
        assert_eq!(stats.commits - before, 2, "one that held the writer, one for all that waited");
        let shared = stats.transactions["shared"];
        assert_eq!((shared.done, shared.failed), (5, 3));
        assert!(stats.transactions["hold"].time > Duration::ZERO);
        assert_eq!(stats.commit_times.len(), 2, "the time of each commit is kept");
        db.write(|c| note(c, "f")).await;
    });
}

#[test]
fn if_the_commit_fails_everybody_is_told_and_nothing_is_kept() {
    for_each_database(async |db| {
        // A reference is checked at the commit: this one breaks everybody's.
        let broken: Work<()> = Box::new(|c| {
            let queue = "INSERT INTO routes (ordinal, name, number, open_kind, open_to, closed_kind, closed_to) \
                         VALUES (1, 'r', '1', 'queue', 'nowhere', 'queue', 'nowhere')";
            Ok(c.batch_execute(queue)?)
        });
        let results = together(&db.store, vec![Box::new(|c: &mut Database| note(c, "a")), broken]).await;
        for result in results {
            let error = result.unwrap_err();
            assert!(matches!(error, StoreError::Commit(_)) && error.is_passing(), "{error}");
        }
        assert_eq!(notes(db), [""; 0]);
        assert!(db.store.take_stats().commits_failed == 1);
        db.write(|c| note(c, "b")).await;
        assert_eq!(notes(db), ["b"]);
    });
}

#[test]
fn one_that_fails_alone_leaves_nothing() {
    for_each_database(async |db| {
        let refused = db
            .refused(|c| {
                note(c, "a")?;
                Err::<(), _>(StoreError::Refused("no".to_owned()))
            })
            .await;
        assert_eq!(refused.to_string(), "no");
        let fault = |c: &mut Database| note(c, "a").map(|()| panic!("a fault, as the test wants it"));
        let panicked = db.refused::<()>(fault).await;
        assert!(matches!(panicked, StoreError::Panicked { name: "test" }), "{panicked}");
        assert_eq!(notes(db), [""; 0]);
    });
}

#[test]
fn what_failed_inside_is_not_taken_for_done() {
    on_postgres(&async |db| {
        // PostgreSQL would answer COMMIT with a silent ROLLBACK.
        let result = db
            .store
            .write("test", |c| {
                note(c, "a")?;
                assert!(note(c, "a").is_err());
                Ok(())
            })
            .await;
        assert!(result.is_err());
        assert_eq!(notes(db), [""; 0]);
    });
}

#[test]
fn a_full_queue_refuses_at_once() {
    for_each_database(async |db| {
        let store = Store::open(
            &db.url,
            Settings { max_queued_writes: 2, max_group_commit: 1, ..Settings::default() },
        )
        .await
        .unwrap();
        let (go_on, held) = hold(&store).await;
        let mut waiting = Vec::new();
        let refused = loop {
            let again = store.clone();
            let mut one = tokio::spawn(async move { again.write("test", |_| Ok(())).await });
            match tokio::time::timeout(Duration::from_millis(20), &mut one).await {
                Ok(answer) => break answer.unwrap().unwrap_err(),
                Err(_) => waiting.push(one),
            }
            assert!(waiting.len() < 5, "the queue has no end");
        };
        assert!(
            matches!(refused, StoreError::Overloaded { waiting: 2 }) && refused.is_passing(),
            "{refused}"
        );
        go_on.send(()).unwrap();
        held.await.unwrap();
        for one in waiting {
            one.await.unwrap().unwrap();
        }
    });
}

#[test]
fn a_transaction_is_done_even_if_nobody_waits_for_it() {
    for_each_database(async |db| {
        let (go_on, held) = hold(&db.store).await;
        let store = db.store.clone();
        let given_up = tokio::spawn(async move { store.write("test", |c| note(c, "a")).await });
        while db.store.waiting() == 0 {
            tokio::task::yield_now().await;
        }
        given_up.abort();
        assert!(given_up.await.unwrap_err().is_cancelled());
        go_on.send(()).unwrap();
        held.await.unwrap();
        db.write(|_| Ok(())).await;
        assert_eq!(notes(db), ["a"]);
    });
}

#[test]
fn all_that_one_reads_is_of_one_moment_and_none_of_it_is_written() {
    for_each_database(async |db| {
        fn count(c: &mut Database) -> Result<i64, StoreError> {
            #[derive(QueryableByName)]
            struct Count {
                #[diesel(sql_type = diesel::sql_types::BigInt)]
                v: i64,
            }
            Ok(diesel::sql_query("SELECT count(*) AS v FROM prompts").get_result::<Count>(c)?.v)
        }
        let ((read_once, once), (write_done, done)) = (mpsc::channel(), mpsc::channel());
        let store = db.store.clone();
        let reading = tokio::spawn(async move {
            let twice = move |c: &mut Database| {
                let first = count(c)?;
                read_once.send(()).unwrap();
                done.recv().unwrap();
                Ok((first, count(c)?))
            };
            store.read("test", twice).await
        });
        tokio::task::spawn_blocking(move || once.recv().unwrap()).await.unwrap();
        db.write(|c| note(c, "a")).await;
        write_done.send(()).unwrap();
        assert_eq!(reading.await.unwrap().unwrap(), (0, 0));
        assert_eq!(db.store.read("test", count).await.unwrap(), 1);
        assert!(db.store.read("test", |c| note(c, "b")).await.is_err());
        assert_eq!(db.store.read("test", count).await.unwrap(), 1);
    });
}

/// Waits until `store` hears of a change that `change` makes.
async fn heard(store: &Store, change: impl AsyncFnOnce()) {
    let mut changes = store.changes();
    changes.mark_unchanged();
    change().await;
    tokio::time::timeout(Duration::from_secs(20), changes.changed()).await.expect("not heard").unwrap();
}

#[test]
fn changes_by_others_are_heard_and_our_own_never() {
    assert!(Settings::default().watch_interval < Duration::from_millis(100), "people wait for it");
    for_each_database(async |db| {
        let other = db.other().await;
        for name in ["a", "b"] {
            heard(&db.store, async || other.write("test", |c| note(c, name)).await.unwrap()).await;
        }
        heard(&db.store, async || db.raw().run("UPDATE prompts SET source = 'x.wav'").unwrap()).await;

        let mut changes = db.store.changes();
        changes.mark_unchanged();
        for name in ["own1", "own2", "own3"] {
            db.write(|c| note(c, name)).await;
        }
        let silence = tokio::time::timeout(Duration::from_millis(300), changes.changed()).await;
        assert!(silence.is_err(), "our own change was taken for another's");
    });
}

#[test]
fn changes_by_others_are_heard_while_we_write_all_the_time() {
    for_each_database(async |db| {
        let (store, other) = (db.store.clone(), db.other().await);
        let busy = tokio::spawn(async move {
            loop {
                let writes = (0..8).map(|_| store.write("busy", |_| Ok(())));
                futures_util::future::try_join_all(writes).await.unwrap();
            }
        });
        heard(&db.store, async || other.write("test", |c| note(c, "a")).await.unwrap()).await;
        busy.abort();
    });
}

#[test]
fn a_server_that_was_away_is_found_again() {
    on_postgres(&async |db| {
        db.write(|c| note(c, "a")).await;
        db.store.read("test", |_| Ok(())).await.unwrap();
        let kill = "SELECT count(pg_terminate_backend(pid)) AS v FROM pg_stat_activity \
                    WHERE datname = current_database() AND pid <> pg_backend_pid()";
        assert!(db.raw().number(kill) >= 3, "writer, listener and reader");
        db.write(|c| note(c, "b")).await;
        db.store.read("test", |_| Ok(())).await.unwrap();
        heard(&db.store, async || db.raw().run("UPDATE prompts SET source = 'x.wav'").unwrap()).await;

        // Cut off in the middle of a transaction: it fails, it may be tried again, and nothing of it is kept.
        let cut = db
            .refused(|c| {
                note(c, "c")?;
                c.batch_execute("SELECT pg_terminate_backend(pg_backend_pid())")?;
                note(c, "d")
            })
            .await;
        assert!(cut.is_passing(), "{cut}");
        db.write(|c| note(c, "e")).await;
        assert_eq!(notes(db), ["a", "b", "e"]);
    });
}

#[test]
fn a_paused_clock_stands_still_while_the_database_works() {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let url = dozvon::config::database::DatabaseUrl::Sqlite(folder.path().join("x.db"));
        let store = Store::open(&url, Settings::default()).await.unwrap();
        store.migrate().await.unwrap();
        let slow = |_: &mut Database| {
            let (_keep, never) = mpsc::channel::<()>();
            never.recv_timeout(Duration::from_millis(30)).unwrap_err();
            Ok(())
        };
        for _ in 0..3 {
            tokio::time::timeout(Duration::from_millis(1), store.write("slow", slow)).await.unwrap().unwrap();
            tokio::time::timeout(Duration::from_millis(1), store.read("slow", slow)).await.unwrap().unwrap();
        }
        store.close().await;
    });
}

#[test]
fn closing_waits_until_the_file_is_closed() {
    runtime().block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.db");
        let store =
            Store::open(&dozvon::config::database::DatabaseUrl::Sqlite(path.clone()), Settings::default())
                .await
                .unwrap();
        store.migrate().await.unwrap();
        let log = path.with_file_name("x.db-wal");
        assert!(log.exists());
        store.close().await;
        assert!(!log.exists(), "the write-ahead log is still there");
    });
}

/// A store that commits nothing because it looks for changes.
async fn patient(url: &DatabaseUrl, commit_delay: Duration) -> Store {
    let settings = Settings { commit_delay, watch_interval: NEVER, ..Settings::default() };
    Store::open(url, settings).await.unwrap()
}

/// Longer than any test.
const NEVER: Duration = Duration::from_secs(24 * 3_600);

/// A transaction that nobody waits for, and that the committing task has.
async fn unawaited(
    store: &Store,
    name: &'static str,
) -> impl Future<Output = Result<(), StoreError>> + Unpin {
    let handle = store.clone();
    let write = move |c: &mut Database| note(c, name);
    let mut answer = Box::pin(async move { handle.record_awaited("late", Awaited::ByNobody, write).await });
    assert!(poll_immediate(&mut answer).await.is_none());
    while store.waiting() > 0 {
        tokio::task::yield_now().await;
    }
    answer
}

#[test]
fn what_nobody_waits_for_is_taken_along_by_what_somebody_waits_for() {
    for_each_database(async |db| {
        let store = patient(&db.url, NEVER).await;
        let before = store.take_stats().commits;
        let (mut a, mut b) = (unawaited(&store, "a").await, unawaited(&store, "b").await);
        assert_eq!(notes(db), [""; 0]);
        for one in [&mut a, &mut b] {
            assert!(poll_immediate(one).await.is_none(), "answered before it is on disk");
        }
        store.write("test", |c| note(c, "c")).await.unwrap();
        assert_eq!(notes(db), ["a", "b", "c"]);
        for one in [a, b] {
            one.await.unwrap();
        }
        assert_eq!(store.take_stats().commits - before, 1, "they share a commit");
    });
}

#[test]
fn what_nobody_waits_for_is_committed_when_the_store_closes() {
    for_each_database(async |db| {
        let store = patient(&db.url, NEVER).await;
        drop(unawaited(&store, "a").await);
        assert_eq!(notes(db), [""; 0]);
        store.close().await;
        assert_eq!(notes(db), ["a"]);
    });
}

#[test]
fn a_full_group_of_what_nobody_waits_for_is_committed_at_once() {
    for_each_database(async |db| {
        let settings = Settings {
            commit_delay: NEVER,
            watch_interval: NEVER,
            max_group_commit: 2,
            ..Settings::default()
        };
        let store = Store::open(&db.url, settings).await.unwrap();
        let (a, b) = (unawaited(&store, "a").await, unawaited(&store, "b").await);
        for one in [a, b] {
            one.await.unwrap();
        }
        assert_eq!(notes(db), ["a", "b"]);
    });
}

#[test]
fn what_nobody_waits_for_waits_no_longer_than_it_may() {
    const DELAY: Duration = Duration::from_millis(70);
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let url = DatabaseUrl::Sqlite(folder.path().join("x.db"));
        Store::open(&url, Settings::default()).await.unwrap().migrate().await.unwrap();
        let store = patient(&url, DELAY).await;
        let began = tokio::time::Instant::now();
        // The second comes later, and the first does not wait longer because of it.
        let (first, second) = (unawaited(&store, "a").await, async {
            tokio::time::sleep(DELAY / 2).await;
            unawaited(&store, "b").await.await.unwrap();
        });
        let ((), ()) = tokio::join!(async { first.await.unwrap() }, second);
        assert_eq!(began.elapsed().as_millis() / 10, DELAY.as_millis() / 10);
        let began = tokio::time::Instant::now();
        store.write("test", |c| note(c, "c")).await.unwrap();
        assert_eq!(began.elapsed(), Duration::ZERO, "somebody waits for this one");
        let at_once = patient(&url, Duration::ZERO).await;
        let write = |c: &mut Database| note(c, "d");
        at_once.record_awaited("late", Awaited::ByNobody, write).await.unwrap();
        assert_eq!(began.elapsed().as_millis() / 2, 0, "without a delay, nothing waits");
    });
}
