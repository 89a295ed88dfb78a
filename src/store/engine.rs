//! The store's handle: transactions that are committed in groups, reads, and notices of changes by others.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};

use crate::config::store::Settings;
use crate::inbox;
use crate::vital::Beat;

use super::blocking::blocking;
use super::commit::Committer;
use super::dialect::{self, Database};
use super::job::{Awaited, Job, Write};
use super::readers::Readers;
use super::stats::{Counters, Stats};
use super::{Lock, StoreError, backup, lock};
use crate::config::database::DatabaseUrl;

/// A handle on the database. A clone is cheap. The connections close when the last handle is dropped.
#[derive(Debug, Clone)]
pub struct Store {
    url: DatabaseUrl,
    settings: Settings,
    jobs: mpsc::Sender<Box<dyn Job>>,
    readers: Arc<Readers>,
    changes: watch::Receiver<u64>,
    counters: Arc<Counters>,
}

/// How many times `scrub` is tried, and the pause between two tries.
const SCRUBS: u32 = 5;
const SCRUB_PAUSE: Duration = Duration::from_secs(2);

impl Store {
    /// Opens the database. Creates a SQLite file that does not exist.
    ///
    /// # Errors
    /// [`StoreError`] says why the database cannot be opened.
    pub async fn open(url: &DatabaseUrl, settings: Settings) -> Result<Self, StoreError> {
        let (jobs, waiting) = inbox::channel(settings.max_queued_writes);
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

    /// Takes the lock of the controller of this database. Only one process can hold it.
    ///
    /// # Errors
    /// [`StoreError::Locked`] when another process holds it, or the reason why that cannot be known.
    pub async fn take_lock(&self) -> Result<Lock, StoreError> {
        let url = self.url.clone();
        blocking(move || lock::take(&url)).await
    }

    /// Checks that this process still holds the controller's lock. If the session with the lock has ended, takes the
    /// lock again in a new session. Returns false while the server has not noticed that the old session has ended.
    ///
    /// # Errors
    /// [`StoreError::Locked`] when another process now holds the lock, or the reason why that cannot be known now.
    pub async fn keep_lock(&self, lock: &Lock) -> Result<bool, StoreError> {
        let (url, lock) = (self.url.clone(), lock.clone());
        blocking(move || lock::keep(&url, &lock)).await
    }

    /// Returns the path of the SQLite file, if the database is one.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        match &self.url {
            DatabaseUrl::Sqlite(path) => Some(path),
            DatabaseUrl::Postgres(_) => None,
        }
    }

    /// Brings the schema up to date, with all migrations or none. Returns the migrations that were run.
    ///
    /// # Errors
    /// [`StoreError::Newer`] when a newer dozvon has changed the database, [`StoreError::Foreign`] when another program
    /// made it, [`StoreError::Migration`] when a migration fails.
    pub async fn migrate(&self) -> Result<Vec<String>, StoreError> {
        let (url, settings) = (self.url.clone(), self.settings.clone());
        blocking(move || dialect::versions::migrate(&mut dialect::open_writer(&url, &settings)?, &url)).await
    }

    /// Copies a SQLite database as it is at this moment into a new file, while others write. Returns the size of the
    /// copy in bytes.
    ///
    /// # Errors
    /// [`StoreError::Exists`] when the file exists already, [`StoreError::Unwritable`] when it cannot be written,
    /// [`StoreError::Refused`] on PostgreSQL.
    pub async fn backup(&self, to: &Path) -> Result<u64, StoreError> {
        let (url, settings, to) = (self.url.clone(), self.settings.clone(), to.to_owned());
        blocking(move || backup::copy(&url, &settings, &to)).await
    }

    /// Removes deleted data from the database's files. Call it after an erasure is committed. On PostgreSQL it does
    /// nothing: there VACUUM frees the space, and the server's log and backups keep the data for as long as they
    /// themselves are kept.
    ///
    /// # Errors
    /// [`StoreError::Busy`] when others read or wrote during every try. The erasure itself is done, and `scrub` may be
    /// repeated.
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

    /// Runs `work` as a transaction named `name` and returns when it is durable. The transaction runs even if the
    /// caller stops waiting for it. If it fails or panics, it alone is undone.
    ///
    /// # Errors
    /// The error that `work` returns, [`StoreError::Overloaded`] at once when the queue is full, or the reason why the
    /// transaction was not committed. Nothing of it was kept in that case. There is one exception: if the connection to
    /// a server broke during the commit, all of it may have been kept. So the store's functions for agents, cases and
    /// so on are safe to repeat.
    pub async fn write<T, F>(&self, name: &'static str, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Database) -> Result<T, StoreError> + Send + 'static,
    {
        self.commit(name, Awaited::BySomebody, work).await
    }

    async fn commit<T, F>(&self, name: &'static str, awaited: Awaited, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Database) -> Result<T, StoreError> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        match self.jobs.try_send(Box::new(Write::new(name, awaited, work, reply))) {
            Ok(()) => answer.await.unwrap_or(Err(StoreError::Closed)),
            Err(mpsc::error::TrySendError::Full(_)) => {
                Err(StoreError::Overloaded { waiting: self.waiting() })
            }
            Err(mpsc::error::TrySendError::Closed(_)) => Err(StoreError::Closed),
        }
    }

    /// Runs `work` on a connection that only reads. All its reads see the same state.
    ///
    /// # Errors
    /// The error that `work` returns, or the reason why there is no connection.
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

    /// Writes what must not be lost because the database is slow or unreachable. Tries again, with growing pauses,
    /// until `work` is committed or refused for good. `work` must be safe to repeat.
    ///
    /// # Errors
    /// The error with which the database refuses the transaction for good.
    pub async fn record<T, F>(&self, name: &'static str, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Database) -> Result<T, StoreError> + Clone + Send + 'static,
    {
        self.record_awaited(name, Awaited::BySomebody, work).await
    }

    /// Does the same as [`Self::record`]. If nobody acts on the result, the transaction waits for up to `commit_delay`
    /// to share the commit of others. Transactions that somebody waits for do not wait, and take it along.
    ///
    /// # Errors
    /// As [`Self::record`].
    pub async fn record_awaited<T, F>(
        &self,
        name: &'static str,
        awaited: Awaited,
        work: F,
    ) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Database) -> Result<T, StoreError> + Clone + Send + 'static,
    {
        until_settled(name, || self.commit(name, awaited, work.clone())).await
    }

    /// Reads what the controller cannot work without. Tries again, with growing pauses, until the database answers.
    ///
    /// # Errors
    /// The error of a read that fails however often it is tried.
    pub async fn recall<T, F>(&self, name: &'static str, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Database) -> Result<T, StoreError> + Clone + Send + 'static,
    {
        until_settled(name, || self.read(name, work.clone())).await
    }

    /// Returns a counter that grows when another process has changed the database: anything on SQLite, rules or agents
    /// on PostgreSQL. A change is noticed a moment after `watch_interval` at the latest.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.clone()
    }

    /// Returns how many transactions wait to be committed.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.jobs.max_capacity() - self.jobs.capacity()
    }

    /// Returns whether the database is out of reach, or has kept a group of transactions waiting for longer than
    /// `limit`.
    #[must_use]
    pub fn stalls(&self, limit: Duration) -> bool {
        self.counters.stalls(limit)
    }

    /// Returns the heartbeat of the task that commits.
    #[must_use]
    pub fn beat(&self) -> Beat {
        self.counters.beat.clone()
    }

    /// Waits until the task that commits has ended.
    pub fn ended(&self) -> impl Future<Output = ()> + Send + use<> {
        let jobs = self.jobs.clone();
        async move { jobs.closed().await }
    }

    /// Returns what was done since the store was opened, and the times of the commits since the last call.
    #[must_use]
    pub fn take_stats(&self) -> Stats {
        self.counters.take(self.waiting())
    }

    /// Drops this handle, and waits until all other handles are dropped and the writing connection is closed.
    pub async fn close(self) {
        let mut changes = self.changes.clone();
        drop(self);
        while changes.changed().await.is_ok() {}
    }
}

/// Tries again while the error is one that may pass.
async fn until_settled<T, F>(name: &'static str, mut attempt: impl FnMut() -> F) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, StoreError>>,
{
    const LONGEST: Duration = Duration::from_secs(5);
    let mut pause = Duration::from_millis(100);
    loop {
        match attempt().await {
            Err(error) if error.is_passing() => {
                tracing::error!(transaction = name, %error, "the transaction failed: trying again");
            }
            settled => return settled,
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST);
    }
}
