//! Runs transactions: many closures, one commit, one fsync.
//!
//! Writers hand closures to one task. It takes all that wait, runs each in a savepoint of one transaction,
//! commits once, and only then answers them all. Readers have connections of their own.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use diesel::Connection as _;
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio::time::Instant;

use super::dialect::{self, Database, DatabaseUrl, Watch};
use super::{Lock, StoreError, lock};

/// Limits of the store.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// How many transactions may wait; one more is refused. Default 8192.
    pub queue: usize,
    /// How many transactions share a commit at most. Default 256.
    pub group: usize,
    /// How many connections read at the same time. Default 2.
    pub readers: usize,
    /// How long a writer waits for another process that writes. Default 5 s.
    #[serde(with = "crate::config::humane")]
    pub busy_timeout: Duration,
    /// How often changes by other processes are looked for. Default 50 ms.
    #[serde(with = "crate::config::humane")]
    pub watch_every: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            queue: 8192,
            group: 256,
            readers: 2,
            busy_timeout: Duration::from_secs(5),
            watch_every: Duration::from_millis(50),
        }
    }
}

/// What the store has done since it was opened.
#[derive(Debug, Clone, Default)]
pub struct Stats {
    /// Commits.
    pub commits: u64,
    /// Commits that failed: nothing of them was kept.
    pub commits_failed: u64,
    /// How long each commit took, fsync included, since the last reading.
    pub commit_times: Vec<Duration>,
    /// Transactions by name.
    pub transactions: BTreeMap<&'static str, TransactionStats>,
    /// Transactions that wait now.
    pub waiting: usize,
}

/// Transactions of one name.
#[derive(Debug, Clone, Copy, Default)]
pub struct TransactionStats {
    /// Done and committed.
    pub done: u64,
    /// Failed: nothing was kept.
    pub failed: u64,
    /// Time inside them, without the shared commit.
    pub time: Duration,
}

/// How many commit times are kept between two readings of the statistics.
const KEPT_TIMES: usize = 4096;

/// The way to the database; cheap to clone. The connections close when the last handle is gone.
#[derive(Debug, Clone)]
pub struct Store {
    url: DatabaseUrl,
    jobs: mpsc::Sender<Box<dyn Job>>,
    readers: Arc<Readers>,
    changes: watch::Receiver<u64>,
    stats: Arc<Mutex<Stats>>,
}

#[derive(Debug)]
struct Readers {
    settings: Settings,
    permits: Semaphore,
    idle: Mutex<Vec<Database>>,
}

impl Store {
    /// Opens the database, which is made if it is a SQLite file that is not there.
    ///
    /// # Errors
    /// [`StoreError`] says what is in the way.
    pub async fn open(url: &DatabaseUrl, settings: Settings) -> Result<Self, StoreError> {
        let (jobs, waiting) = mpsc::channel(settings.queue.max(1));
        let (changed, changes) = watch::channel(0);
        let stats = Arc::new(Mutex::new(Stats::default()));
        let (address, limits) = (url.clone(), settings.clone());
        let writer = blocking(move || {
            let mut connection = dialect::open_writer(&address, &limits)?;
            let watch = Watch::new(&address, &mut connection)?;
            Ok(Writer { connection, watch })
        })
        .await?;
        let committer =
            Committer { url: url.clone(), settings: settings.clone(), changed, stats: Arc::clone(&stats) };
        tokio::spawn(committer.run(writer, waiting));
        let readers = Arc::new(Readers {
            permits: Semaphore::new(settings.readers.max(1)),
            settings,
            idle: Mutex::default(),
        });
        Ok(Self { url: url.clone(), jobs, readers, changes, stats })
    }

    /// Takes the right to be the controller of this database: one on a SQLite file, any number on PostgreSQL.
    ///
    /// # Errors
    /// [`StoreError::Locked`] when another process has it.
    pub fn take_lock(&self) -> Result<Option<Lock>, StoreError> {
        match &self.url {
            DatabaseUrl::Sqlite(path) => lock::take(path).map(Some),
            DatabaseUrl::Postgres(_) => Ok(None),
        }
    }

    /// The SQLite file, if it is one.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        match &self.url {
            DatabaseUrl::Sqlite(path) => Some(path),
            DatabaseUrl::Postgres(_) => None,
        }
    }

    /// Brings the schema up to date. Returns the migrations that were run.
    ///
    /// # Errors
    /// [`StoreError::Newer`] when a newer program has been here; [`StoreError::Migration`] when one fails.
    pub async fn migrate(&self) -> Result<Vec<String>, StoreError> {
        let (url, settings) = (self.url.clone(), self.readers.settings.clone());
        blocking(move || dialect::migrate(&mut dialect::open_writer(&url, &settings)?)).await
    }

    /// Checks that the schema is the one that this program was made for.
    ///
    /// # Errors
    /// [`StoreError::Newer`] or [`StoreError::Older`].
    pub async fn check_version(&self) -> Result<(), StoreError> {
        let (url, settings) = (self.url.clone(), self.readers.settings.clone());
        blocking(move || dialect::check_version(&mut dialect::open_writer(&url, &settings)?)).await
    }

    /// Runs `work` as a transaction named `name` and returns when it is durable. It is run even if the caller
    /// stops waiting for it.
    ///
    /// # Errors
    /// What `work` returns, [`StoreError::Overloaded`] when the queue is full, or why it could not be committed:
    /// then nothing of it was kept.
    pub async fn write<T, F>(&self, name: &'static str, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Database) -> Result<T, StoreError> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job = Box::new(Write {
            name,
            work: Some(work),
            result: None,
            took: Duration::ZERO,
            reply: Some(reply),
        });
        if self.jobs.try_send(job).is_err() {
            let waiting = self.waiting();
            return Err(if self.jobs.is_closed() {
                StoreError::Closed
            } else {
                StoreError::Overloaded { waiting }
            });
        }
        answer.await.unwrap_or(Err(StoreError::Closed))
    }

    /// Runs `work` on a connection that only reads.
    ///
    /// # Errors
    /// What `work` returns, or why there is no connection.
    pub async fn read<T, F>(&self, name: &'static str, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Database) -> Result<T, StoreError> + Send + 'static,
    {
        let _permit = self.readers.permits.acquire().await.map_err(|_| StoreError::Closed)?;
        let idle = self.readers.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let (url, settings) = (self.url.clone(), self.readers.settings.clone());
        let began = Instant::now();
        let (connection, result) = blocking(move || {
            let mut connection = match idle {
                Some(connection) => connection,
                None => dialect::open_reader(&url, &settings)?,
            };
            let result = work(&mut connection);
            Ok((connection, result))
        })
        .await?;
        let broken = matches!(&result, Err(error) if error.is_passing());
        if !broken {
            self.readers.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        }
        note(&self.stats, name, result.is_ok(), began.elapsed());
        result
    }

    /// A number that grows when another process has changed the database.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.clone()
    }

    /// How many transactions wait to be committed.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.jobs.max_capacity() - self.jobs.capacity()
    }

    /// What was done since the last call; times are handed over once.
    #[must_use]
    pub fn take_stats(&self) -> Stats {
        let mut stats = self.stats.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = Stats { waiting: self.waiting(), ..stats.clone() };
        stats.commit_times.clear();
        taken
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(_) => Err(StoreError::Closed),
    }
}

fn note(stats: &Mutex<Stats>, name: &'static str, done: bool, took: Duration) {
    let mut stats = stats.lock().unwrap_or_else(PoisonError::into_inner);
    let entry = stats.transactions.entry(name).or_default();
    entry.time += took;
    if done {
        entry.done += 1;
    } else {
        entry.failed += 1;
    }
}

/// A transaction that waits for its commit.
trait Job: Send {
    /// Does the work in a savepoint of its own.
    fn run(&mut self, connection: &mut Database);
    /// Answers, when the commit is made or has failed. Name, whether it was kept, and the time inside.
    fn finish(self: Box<Self>, committed: Result<(), &str>) -> (&'static str, bool, Duration);
}

struct Write<T, F> {
    name: &'static str,
    work: Option<F>,
    result: Option<Result<T, StoreError>>,
    took: Duration,
    reply: Option<oneshot::Sender<Result<T, StoreError>>>,
}

impl<T, F> Job for Write<T, F>
where
    T: Send + 'static,
    F: FnOnce(&mut Database) -> Result<T, StoreError> + Send + 'static,
{
    fn run(&mut self, connection: &mut Database) {
        let Some(work) = self.work.take() else { return };
        let began = Instant::now();
        self.result = Some(connection.transaction(work));
        self.took = began.elapsed();
    }

    fn finish(mut self: Box<Self>, committed: Result<(), &str>) -> (&'static str, bool, Duration) {
        let result = match (committed, self.result.take()) {
            (Ok(()), Some(result)) => result,
            (Err(reason), Some(Ok(_)) | None) => Err(StoreError::Commit(reason.to_owned())),
            (Err(_), Some(Err(error))) => Err(error),
            (Ok(()), None) => Err(StoreError::Closed),
        };
        let kept = result.is_ok();
        if let Some(reply) = self.reply.take() {
            // The caller may be gone: then nobody needs the answer.
            drop(reply.send(result));
        }
        (self.name, kept, self.took)
    }
}

struct Writer {
    connection: Database,
    watch: Watch,
}

/// The one task that writes.
struct Committer {
    url: DatabaseUrl,
    settings: Settings,
    changed: watch::Sender<u64>,
    stats: Arc<Mutex<Stats>>,
}

impl Committer {
    async fn run(self, writer: Writer, mut jobs: mpsc::Receiver<Box<dyn Job>>) {
        let mut writer = Some(writer);
        let mut look = tokio::time::interval(self.settings.watch_every);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let mut group = Vec::new();
            tokio::select! {
                biased;
                taken = jobs.recv_many(&mut group, self.settings.group.max(1)) => {
                    if taken == 0 {
                        return;
                    }
                    writer = self.commit(writer, group).await;
                }
                _ = look.tick() => writer = self.look(writer).await,
            }
        }
    }

    /// Runs a group and answers it. Returns the connection if it is still good.
    async fn commit(&self, writer: Option<Writer>, mut group: Vec<Box<dyn Job>>) -> Option<Writer> {
        let (url, settings) = (self.url.clone(), self.settings.clone());
        let stats = Arc::clone(&self.stats);
        let ran = tokio::task::spawn_blocking(move || {
            let mut writer = match writer.map_or_else(|| reopen(&url, &settings), Ok) {
                Ok(writer) => writer,
                Err(error) => {
                    finish(&stats, group, Err(&error.to_string()), Duration::ZERO);
                    return None;
                }
            };
            let began = Instant::now();
            let committed = run_group(&mut writer.connection, &mut group).map_err(|error| error.to_string());
            let good = committed.is_ok();
            if let Err(error) = &committed {
                tracing::error!(%error, "a commit failed");
            }
            finish(&stats, group, committed.as_ref().map(|_| ()).map_err(String::as_str), began.elapsed());
            good.then_some(writer)
        });
        match ran.await {
            Ok(writer) => writer,
            Err(error) if error.is_cancelled() => None,
            Err(error) => {
                tracing::error!(%error, "a transaction broke off; opening the database again");
                None
            }
        }
    }

    async fn look(&self, writer: Option<Writer>) -> Option<Writer> {
        let (url, settings) = (self.url.clone(), self.settings.clone());
        let looked = blocking(move || {
            let mut writer = writer.map_or_else(|| reopen(&url, &settings), Ok)?;
            let changed = writer.watch.look(&mut writer.connection)?;
            Ok((writer, changed))
        });
        match looked.await {
            Ok((writer, changed)) => {
                if changed {
                    self.changed.send_modify(|count| *count += 1);
                }
                Some(writer)
            }
            // The process ends while it looks: nobody is left to be told.
            Err(StoreError::Closed) => None,
            Err(error) => {
                tracing::error!(%error, "the database cannot be watched for changes");
                None
            }
        }
    }
}

fn reopen(url: &DatabaseUrl, settings: &Settings) -> Result<Writer, StoreError> {
    let mut connection = dialect::open_writer(url, settings)?;
    let watch = Watch::new(url, &mut connection)?;
    Ok(Writer { connection, watch })
}

/// All jobs in one transaction. An error means that nothing of any of them was kept.
fn run_group(connection: &mut Database, group: &mut [Box<dyn Job>]) -> Result<(), diesel::result::Error> {
    dialect::begin(connection)?;
    for job in group.iter_mut() {
        job.run(connection);
    }
    let committed = dialect::commit(connection);
    if committed.is_err()
        && let Err(error) = dialect::rollback(connection)
    {
        tracing::debug!(%error, "nothing to roll back");
    }
    committed
}

fn finish(stats: &Mutex<Stats>, group: Vec<Box<dyn Job>>, committed: Result<(), &str>, took: Duration) {
    let ended: Vec<_> = group.into_iter().map(|job| job.finish(committed)).collect();
    let mut stats = stats.lock().unwrap_or_else(PoisonError::into_inner);
    if committed.is_ok() {
        stats.commits += 1;
    } else {
        stats.commits_failed += 1;
    }
    if stats.commit_times.len() < KEPT_TIMES {
        stats.commit_times.push(took);
    }
    for (name, kept, inside) in ended {
        let entry = stats.transactions.entry(name).or_default();
        entry.time += inside;
        if kept {
            entry.done += 1;
        } else {
            entry.failed += 1;
        }
    }
}
