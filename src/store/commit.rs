//! Group commit: many transactions, one commit, one fsync.
//!
//! Writers hand closures to one task. The task takes all waiting closures, runs each in a savepoint of one transaction,
//! commits once, and only then answers them all. A closure whose result nobody acts on waits for a short time
//! (`commit_delay`) until others come. Each group is one `spawn_blocking`, so that a paused tokio clock stands still
//! while the database works. The same task watches for changes by other processes, since only the
//! connection that writes can tell those changes from our own.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::time::Interval;

use super::StoreError;
use super::dialect::{self, Database, watch::Watch};
use super::job::{Awaited, Job};
use super::stats::Counters;
use crate::config::database::DatabaseUrl;
use crate::config::store::Settings;
use crate::inbox::Inbox;
use crate::ticks;

/// How long after a failed connection the database is tried again, if nothing waits to be written.
const RETRY_EVERY: Duration = Duration::from_secs(1);

/// The connection that writes, with its watch for changes by others.
pub(super) struct Writer {
    connection: Database,
    watch: Watch,
    looked: Instant,
}

/// The state of the connection that writes.
pub(super) enum Line {
    Up(Box<Writer>),
    Down { tried: Instant },
}

/// The context of the one task that writes.
pub(super) struct Committer {
    url: DatabaseUrl,
    settings: Settings,
    changed: watch::Sender<u64>,
    counters: Arc<Counters>,
}

impl Committer {
    /// Creates a committer that is not connected yet.
    pub(super) const fn new(
        url: DatabaseUrl,
        settings: Settings,
        changed: watch::Sender<u64>,
        counters: Arc<Counters>,
    ) -> Self {
        Self { url, settings, changed, counters }
    }

    /// Connects to the database.
    pub(super) fn open(&self) -> Result<Line, StoreError> {
        let mut connection = dialect::open_writer(&self.url, &self.settings)?;
        let watch = Watch::new(&self.url, &mut connection)?;
        Ok(Line::Up(Box::new(Writer { connection, watch, looked: Instant::now() })))
    }

    /// Commits the jobs that arrive, until every sender is dropped.
    pub(super) async fn run(self, mut line: Line, mut jobs: Inbox<Box<dyn Job>>) {
        let committer = Arc::new(self);
        let every = committer.settings.watch_interval;
        // The watch has just begun.
        let mut look = tokio::time::interval_at(tokio::time::Instant::now() + every, every);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while let Some(group) = committer.next_group(&mut jobs, &mut look).await {
            let turn = Arc::clone(&committer);
            committer.counters.turn_begins();
            line = match tokio::task::spawn_blocking(move || turn.turn(line, group)).await {
                Ok(line) => line,
                // The process ends: nobody is left to answer.
                Err(error) if error.is_cancelled() => return,
                Err(error) => {
                    tracing::error!(%error, "the committing task broke off: opening the database again");
                    Line::Down { tried: Instant::now() }
                }
            };
            committer.counters.turn_ends(matches!(line, Line::Down { .. }));
        }
        // Closing may write, so it must not run on a thread that must not block. The end of this task includes the
        // closing.
        drop(tokio::task::spawn_blocking(move || drop((line, committer))).await);
    }

    /// Returns the jobs that are committed together. The group is empty when it is only time to look for changes by
    /// others. None when every sender is dropped and every job is committed.
    async fn next_group(
        &self,
        jobs: &mut Inbox<Box<dyn Job>>,
        look: &mut Interval,
    ) -> Option<Vec<Box<dyn Job>>> {
        let most = self.settings.max_group_commit.max(1);
        let mut group: Vec<Box<dyn Job>> = Vec::new();
        let mut until = None;
        loop {
            let before = group.len();
            tokio::select! {
                biased;
                taken = jobs.recv_many(&mut group, most - before) => {
                    let somebody = group.iter().skip(before).any(|job| job.awaited() == Awaited::BySomebody);
                    match taken {
                        0 => return (before > 0).then_some(group),
                        _ if somebody || group.len() == most => return Some(group),
                        _ => until.get_or_insert_with(|| tokio::time::Instant::now() + self.settings.commit_delay),
                    };
                }
                _ = look.tick() => return Some(group),
                () = ticks::until(until) => return Some(group),
            }
        }
    }

    /// Commits a group, and checks for changes by others if it is time.
    fn turn(&self, line: Line, group: Vec<Box<dyn Job>>) -> Line {
        let _secret = super::audit::lend(self.settings.audit_key.as_ref());
        let mut writer = match line {
            Line::Up(writer) => writer,
            Line::Down { tried } if group.is_empty() && tried.elapsed() < RETRY_EVERY => return line,
            Line::Down { .. } => match self.open() {
                Ok(Line::Up(writer)) => {
                    tracing::info!(database = %self.url, "the database is back");
                    // Changes by others may have been missed while the database was away.
                    self.changed.send_modify(|count| *count += 1);
                    writer
                }
                Ok(down @ Line::Down { .. }) => return down,
                Err(error) => return self.down(group, &error),
            },
        };
        let looking = group.is_empty() || writer.looked.elapsed() >= self.settings.watch_interval;
        if !group.is_empty()
            && let Err(line) = self.commit(&mut writer, group)
        {
            return line;
        }
        if looking { self.look(writer) } else { Line::Up(writer) }
    }

    fn down(&self, group: Vec<Box<dyn Job>>, error: &StoreError) -> Line {
        tracing::error!(%error, "the database is out of reach");
        self.finish(group, Err(error), None);
        Line::Down { tried: Instant::now() }
    }

    /// Runs a group and answers its writers. On an error the connection is lost.
    fn commit(&self, writer: &mut Box<Writer>, mut group: Vec<Box<dyn Job>>) -> Result<(), Line> {
        if let Err(error) = dialect::begin_write(&mut writer.connection, &self.settings) {
            match error {
                StoreError::Busy { .. } => {
                    tracing::error!(%error, "a group of transactions could not begin, and none of them was made");
                    self.finish(group, Err(&error), None);
                    return Ok(());
                }
                // The connection was lost while it was idle, so no job of the group has run yet.
                _ => *writer = self.again().map_err(|error| self.down(std::mem::take(&mut group), &error))?,
            }
        }
        let connection = &mut writer.connection;
        let savepoints = group.len() > 1 || dialect::always_savepoint(connection);
        let mut work = false;
        for job in &mut group {
            work |= job.run(connection, savepoints);
        }
        if !work {
            let undone = dialect::unwind(connection, 0).map_err(StoreError::from);
            self.finish(group, undone.as_ref().map(drop), None);
            return if dialect::is_broken(connection) {
                Err(Line::Down { tried: Instant::now() })
            } else {
                Ok(())
            };
        }
        let began = Instant::now();
        let committed = dialect::commit(connection).map_err(|error| StoreError::Commit(error.to_string()));
        let took = began.elapsed();
        if let Err(error) = &committed {
            tracing::error!(%error, transactions = group.len(), "a commit failed");
            drop(dialect::unwind(connection, 0));
        }
        self.finish(group, committed.as_ref().map(drop), Some(took));
        if dialect::is_broken(connection) { Err(Line::Down { tried: Instant::now() }) } else { Ok(()) }
    }

    /// Connects again and begins a transaction.
    fn again(&self) -> Result<Box<Writer>, StoreError> {
        let Line::Up(mut writer) = self.open()? else { return Err(StoreError::Closed) };
        dialect::begin_write(&mut writer.connection, &self.settings)?;
        self.changed.send_modify(|count| *count += 1);
        Ok(writer)
    }

    fn finish(&self, group: Vec<Box<dyn Job>>, fate: Result<(), &StoreError>, commit: Option<Duration>) {
        // Counted before it is answered, so that a writer who has the answer also finds it in the statistics.
        let ended: Vec<_> = group.iter().map(|job| job.tally(fate)).collect();
        self.counters.group(&ended, commit.map(|took| (fate.is_ok(), took)));
        group.into_iter().for_each(|job| job.finish(fate));
    }

    fn look(&self, mut writer: Box<Writer>) -> Line {
        writer.looked = Instant::now();
        match writer.watch.look(&mut writer.connection) {
            Ok(changed) => {
                if changed {
                    self.changed.send_modify(|count| *count += 1);
                }
                Line::Up(writer)
            }
            Err(error) => self.down(Vec::new(), &error),
        }
    }
}
