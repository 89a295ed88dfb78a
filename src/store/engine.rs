//! The way to the database: transactions that are committed in groups, reads, and news of changes by others.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};

use crate::config::store::Settings;
use crate::vital::Beat;

use super::commit::{Committer, Job, Write};
use super::dialect::{self, Database};
use super::readers::Readers;
use super::stats::{Counters, Stats};
use super::{Lock, StoreError, backup, lock};
use crate::config::database::DatabaseUrl;

/// The way to the database; cheap to clone. The connections close when the last handle is gone.
#[derive(Debug, Clone)]
pub struct Store {
    url: DatabaseUrl,
    settings: Settings,
    jobs: mpsc::Sender<Box<dyn Job>>,
    readers: Arc<Readers>,
    changes: watch::Receiver<u64>,
    counters: Arc<Counters>,
}

/// How often it is tried to take what was deleted out of SQLite's log, and how long after another.
const SCRUBS: u32 = 5;
const SCRUB_PAUSE: Duration = Duration::from_secs(2);

impl Store {
    /// Opens the database, which is made if it is a SQLite file that is not there.
    ///
    /// # Errors
    /// [`StoreError`] says what is in the way.
    pub async fn open(url: &DatabaseUrl, settings: Settings) -> Result<Self, StoreError> {
        let (jobs, waiting) = mpsc::channel(settings.max_queued_writes.max(1));
        let (changed, changes) = watch::channel(0);
        let counters = Arc::new(Counters::default());
        let committer = Committer::new(url.clone(), settings.clone(), changed, Arc::clone(&counters));
        let (committer, line) = blocking(move || {
            let line = committer.open()?;
            Ok((committer, line))
        })
        .await?;
        tokio::spawn(committer.run(line, waiting));
        let readers = Arc::new(Readers::new(url.clone(), settings.clone()));
        Ok(Self { url: url.clone(), settings, jobs, readers, changes, counters })
    }

    /// Takes the right to be the controller of this database, of which there is one at a time.
    ///
    /// # Errors
    /// [`StoreError::Locked`] when another process has it, or why it cannot be known.
    pub async fn take_lock(&self) -> Result<Lock, StoreError> {
        let url = self.url.clone();
        blocking(move || lock::take(&url)).await
    }

    /// Looks whether this process is still the controller of this database, and becomes it again where the session that
    /// said so has ended; false while the server has not noticed that it has.
    ///
    /// # Errors
    /// [`StoreError::Locked`] when another process has become it, or why it cannot be known now.
    pub async fn keep_lock(&self, lock: &Lock) -> Result<bool, StoreError> {
        let (url, lock) = (self.url.clone(), lock.clone());
        blocking(move || lock::keep(&url, &lock)).await
    }

    /// The SQLite file, if it is one.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        match &self.url {
            DatabaseUrl::Sqlite(path) => Some(path),
            DatabaseUrl::Postgres(_) => None,
        }
    }

    /// Brings the schema up to date, all of it or nothing. Returns the migrations that were run.
    ///
    /// # Errors
    /// [`StoreError::Newer`] when a newer program has been here, [`StoreError::Foreign`] when another one has,
    /// [`StoreError::Migration`] when one fails.
    pub async fn migrate(&self) -> Result<Vec<String>, StoreError> {
        let (url, settings) = (self.url.clone(), self.settings.clone());
        blocking(move || dialect::versions::migrate(&mut dialect::open_writer(&url, &settings)?, &url)).await
    }

    /// Copies a SQLite database as it is at this moment into a new file, while others write. How many bytes it has.
    ///
    /// # Errors
    /// [`StoreError::Exists`] when something is there, [`StoreError::Unwritable`] when it cannot be written,
    /// [`StoreError::Refused`] on PostgreSQL.
    pub async fn backup(&self, to: &Path) -> Result<u64, StoreError> {
        let (url, settings, to) = (self.url.clone(), self.settings.clone(), to.to_owned());
        blocking(move || backup::copy(&url, &settings, &to)).await
    }

    /// Takes what was deleted out of the files, too: call it after an erasure is committed. On PostgreSQL nothing is
    /// done: there VACUUM makes room of it, and the server's log and backups keep it for as long as they are kept.
    ///
    /// # Errors
    /// [`StoreError::Busy`] when somebody read or wrote all the while: the erasure holds, and it may be repeated.
    pub async fn scrub(&self) -> Result<(), StoreError> {
        let mut tries = 0;
        loop {
            let (url, settings) = (self.url.clone(), self.settings.clone());
            let scrubbed = blocking(move || dialect::scrub(&url, &settings)).await;
            tries += 1;
            match scrubbed {
                Err(StoreError::Busy { holder, .. }) if tries >= SCRUBS => {
                    return Err(StoreError::Busy { waited: SCRUB_PAUSE * (SCRUBS - 1), holder });
                }
                Err(StoreError::Busy { .. }) => tokio::time::sleep(SCRUB_PAUSE).await,
                scrubbed => return scrubbed,
            }
        }
    }

    /// Checks that the schema is the one that this program was made for.
    ///
    /// # Errors
    /// [`StoreError::Newer`], [`StoreError::Older`] or [`StoreError::Foreign`].
    pub async fn check_version(&self) -> Result<(), StoreError> {
        let (url, settings) = (self.url.clone(), self.settings.clone());
        blocking(move || dialect::versions::check(&mut dialect::open_writer(&url, &settings)?, &url)).await
    }

    /// Runs `work` as a transaction named `name` and returns when it is durable. It is run even if the caller
    /// stops waiting for it. If it fails or panics, it alone is undone.
    ///
    /// # Errors
    /// What `work` returns, [`StoreError::Overloaded`] at once when the queue is full, or why it could not be
    /// committed: then nothing of it was kept (or, if the connection to a server broke during the commit,
    /// perhaps all of it: the functions of the nouns may be repeated).
    pub async fn write<T, F>(&self, name: &'static str, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Database) -> Result<T, StoreError> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        match self.jobs.try_send(Box::new(Write::new(name, work, reply))) {
            Ok(()) => answer.await.unwrap_or(Err(StoreError::Closed)),
            Err(mpsc::error::TrySendError::Full(_)) => {
                Err(StoreError::Overloaded { waiting: self.waiting() })
            }
            Err(mpsc::error::TrySendError::Closed(_)) => Err(StoreError::Closed),
        }
    }

    /// Runs `work` on a connection that only reads; all that it reads is of one moment.
    ///
    /// # Errors
    /// What `work` returns, or why there is no connection.
    pub async fn read<T, F>(&self, name: &'static str, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Database) -> Result<T, StoreError> + Send + 'static,
    {
        let began = std::time::Instant::now();
        let result = self.readers.run(work).await;
        self.counters.transaction(name, result.is_ok(), began.elapsed());
        result
    }

    /// Writes what must not be lost because the database is slow or away: tries again, with growing pauses, until `work`
    /// is committed or refused for good. `work` must be harmless to repeat.
    ///
    /// # Errors
    /// What the database refuses for good.
    pub async fn record<T, F>(&self, name: &'static str, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Database) -> Result<T, StoreError> + Clone + Send + 'static,
    {
        until_settled(name, || self.write(name, work.clone())).await
    }

    /// Reads what cannot be done without: tries again, with growing pauses, until the database answers.
    ///
    /// # Errors
    /// What cannot be read, however often it is tried.
    pub async fn recall<T, F>(&self, name: &'static str, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Database) -> Result<T, StoreError> + Clone + Send + 'static,
    {
        until_settled(name, || self.read(name, work.clone())).await
    }

    /// A number that grows when another process has changed the database: anything on SQLite, rules or agents
    /// on PostgreSQL. Seen within `watch_interval` and a moment.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.clone()
    }

    /// How many transactions wait to be committed.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.jobs.max_capacity() - self.jobs.capacity()
    }

    /// Whether the database is out of reach, or has kept a group of transactions waiting for longer than that.
    #[must_use]
    pub fn stalls(&self, limit: Duration) -> bool {
        self.counters.stalls(limit)
    }

    /// What the task that commits is at.
    #[must_use]
    pub fn beat(&self) -> Beat {
        self.counters.beat.clone()
    }

    /// Waits until the task that commits is gone.
    pub fn ended(&self) -> impl Future<Output = ()> + Send + use<> {
        let jobs = self.jobs.clone();
        async move { jobs.closed().await }
    }

    /// What was done since the store was opened; the times of commits since the last call.
    #[must_use]
    pub fn take_stats(&self) -> Stats {
        self.counters.take(self.waiting())
    }

    /// Gives this handle back and waits until every other one is gone, too, and the connection that writes is
    /// closed.
    pub async fn close(self) {
        let mut changes = self.changes.clone();
        drop(self);
        while changes.changed().await.is_ok() {}
    }
}

/// Tries again as long as the error is one that may pass.
async fn until_settled<T, F>(name: &'static str, mut attempt: impl FnMut() -> F) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, StoreError>>,
{
    const LONGEST: Duration = Duration::from_secs(5);
    let mut pause = Duration::from_millis(100);
    loop {
        match attempt().await {
            Err(error) if error.is_passing() => {
                tracing::error!(transaction = name, %error, "the database did not take it; trying again");
            }
            settled => return settled,
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST);
    }
}

/// Runs what blocks where it may.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(_) => Err(StoreError::Closed),
    }
}
