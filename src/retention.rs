//! Deletes rows that are too old, every few minutes, in small batches.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::clock::{Clock, UnixMs};
use crate::config::retention::Settings;
use crate::recordings::Recordings;
use crate::store::messages::{self, FileToDelete};
use crate::store::retention::{Deleted, believe_clock, clock_believed_at, delete_batch, doubt_clock};
use crate::store::{Database, Store, StoreError};
use crate::ticks::Ticks;

/// Whether the clock is trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// It is trusted unless it is a month ahead of the last time at which it was trusted: see [`doubt_clock`].
    Doubtful,
    /// It is trusted, because a person confirms that it is right.
    Right,
}

/// Deletes everything that is too old now, one transaction per batch. Returns how much was deleted in all.
///
/// # Errors
/// The database's error for the batch that failed; earlier batches are deleted. [`StoreError::Refused`] if the clock is not trusted.
pub async fn run(
    store: &Store,
    clock: Clock,
    settings: &Settings,
    trust: Trust,
) -> Result<Deleted, StoreError> {
    let mut all = Deleted::default();
    loop {
        let (now, ours) = (clock.now(), settings.clone());
        let batch = move |c: &mut Database| {
            if trust == Trust::Doubtful {
                doubt_clock(c, now)?;
            }
            believe_clock(c, now)?;
            delete_batch(c, now, &ours)
        };
        let took = store.write("retention", batch).await?;
        all.cases += took.cases;
        all.calls += took.calls;
        all.requests += took.requests;
        all.outbox += took.outbox;
        all.refusals += took.refusals;
        all.do_not_call += took.do_not_call;
        all.audit += took.audit;
        all.erased += took.erased;
        if took.more {
            continue;
        }
        if !all.is_empty()
            && let Err(error) = store.scrub().await
        {
            tracing::warn!(%error, "deleted rows are still in SQLite's write-ahead log; the next run empties it");
        }
        return Ok(all);
    }
}

/// What was done with files that must be deleted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Files {
    /// How many are deleted.
    pub deleted: usize,
    /// How many could not be deleted. Each is tried again.
    pub left: usize,
}

/// How many files are looked up at once.
const FILES: i64 = 100;

/// Deletes the files of messages that are not wanted any more. One that cannot be deleted stays on the list, with the reason.
///
/// # Errors
/// When the database fails.
pub async fn delete_files(store: &Store, recordings: &Recordings, clock: Clock) -> Result<Files, StoreError> {
    let (mut done, began) = (Files::default(), clock.now());
    loop {
        let due = store.read("files_to_delete", move |c| messages::files_to_delete(c, began, FILES)).await?;
        if due.is_empty() {
            return Ok(done);
        }
        for FileToDelete { path, last_error, .. } in due {
            let (failed, at) =
                (recordings.delete(&path).await.err().map(|error| error.to_string()), clock.now());
            match &failed {
                None => done.deleted += 1,
                Some(error) => {
                    done.left += 1;
                    // The same reason is logged once.
                    if last_error.as_ref() != Some(error) {
                        tracing::error!(
                            file = path,
                            error,
                            "the file of a message cannot be deleted; trying again later"
                        );
                    }
                }
            }
            let noted = move |c: &mut Database| match failed {
                None => messages::deleted(c, &path),
                Some(error) => messages::not_deleted(c, &path, &error, at.max(began)),
            };
            store.write("file_deleted", noted).await?;
        }
    }
}

/// How far the clock may run ahead of the monotonic time that has passed.
const AHEAD: Duration = Duration::from_hours(24);

/// How long the clock must agree with monotonic time before it is trusted, if according to the clock no controller ran
/// for longer than [`AHEAD`]. Meanwhile a time server, or a person, can correct the clock.
const PROBATION: Duration = Duration::from_hours(24);

/// Compares the clock with monotonic time, which nobody can set.
#[derive(Debug)]
struct ClockAtStart {
    clock: UnixMs,
    started: Instant,
}

/// Why a clock is not trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doubt {
    /// It was put forward by this much since the start.
    PutForward(Duration),
    /// According to the clock no controller ran for this long before the start. Either that is true, or the clock was
    /// put forward meanwhile.
    Away(Duration),
}

impl ClockAtStart {
    /// Why the clock is not trusted now, if so; `believed` is when it was trusted last.
    fn doubts(&self, now: UnixMs, believed: Option<UnixMs>) -> Option<Doubt> {
        let gone_by = self.started.elapsed();
        let ahead_of =
            |since: UnixMs| Some(now.since(since).saturating_sub(gone_by)).filter(|ahead| *ahead > AHEAD);
        let away = || believed.filter(|_| gone_by < PROBATION).and_then(ahead_of);
        ahead_of(self.clock).map(Doubt::PutForward).or_else(|| away().map(Doubt::Away))
    }
}

/// Logs why nothing is deleted.
fn log_doubt(doubt: Doubt, now: UnixMs) {
    match doubt {
        Doubt::PutForward(ahead) => tracing::error!(
            %now, ahead_hours = ahead.as_secs() / 3600,
            "nothing is deleted: the clock was put forward since the controller started. Set it right if it is wrong; if \
             it is right now, restart the controller"
        ),
        Doubt::Away(away) => tracing::warn!(
            %now, away_hours = away.as_secs() / 3600,
            "nothing is deleted for a day: according to the clock no controller has run for away_hours. If the clock was \
             put forward, set it right; if it is right, run: dozvon retention run --clock-is-right"
        ),
    }
}

/// Deletes every few minutes until told to stop. A controller spawns it once.
pub async fn start(
    store: Store,
    recordings: Arc<Recordings>,
    clock: Clock,
    settings: Settings,
    stop: CancellationToken,
) {
    let at_start = ClockAtStart { clock: clock.now(), started: Instant::now() };
    let mut ticks = Ticks::new(settings.poll_interval.max(Duration::from_secs(1)), stop.clone());
    let mut told = None;
    while ticks.next().await.is_some() {
        if let Err(error) = delete_files(&store, &recordings, clock).await {
            tracing::error!(%error, "files that must be deleted cannot be looked up; trying again later");
        }
        let believed = match store.read("clock_believed", clock_believed_at).await {
            Ok(believed) => believed,
            Err(error) => {
                tracing::error!(%error, "rows that are too old cannot be looked up; trying again later");
                continue;
            }
        };
        let doubt = at_start.doubts(clock.now(), believed);
        if let Some(doubt) = doubt {
            // How far it is ahead changes with each look; the doubt is logged once.
            if told != Some(std::mem::discriminant(&doubt)) {
                log_doubt(doubt, clock.now());
            }
            told = Some(std::mem::discriminant(&doubt));
            continue;
        }
        told = None;
        let done = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            done = run(&store, clock, &settings, Trust::Doubtful) => done,
        };
        match done {
            Ok(took) if took.is_empty() => {}
            Ok(took) => tracing::info!(
                cases = took.cases,
                calls = took.calls,
                requests = took.requests,
                outbox = took.outbox,
                refusals = took.refusals,
                do_not_call = took.do_not_call,
                audit = took.audit,
                erased = took.erased,
                "deleted rows that were too old"
            ),
            Err(error) => {
                tracing::error!(%error, "rows that are too old cannot be deleted; trying again later")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_clock_that_is_ahead_at_the_start_is_believed_after_a_day_beside_the_time_that_goes_by() {
        let days = |days: i64| UnixMs(days * 86_400_000);
        let at_start = ClockAtStart { clock: days(107), started: Instant::now() };
        let clock = Clock::starting_at(days(107));
        let doubts = |believed: Option<i64>| at_start.doubts(clock.now(), believed.map(days));
        assert_eq!(doubts(Some(100)), Some(Doubt::Away(Duration::from_hours(7 * 24))));
        assert_eq!((doubts(Some(106)), doubts(Some(107)), doubts(None)), (None, None, None));
        // Correcting the clock ends the doubt at once.
        assert_eq!(at_start.doubts(days(100), Some(days(100))), None);
        tokio::time::advance(PROBATION - Duration::from_secs(1)).await;
        assert_eq!(doubts(Some(100)), Some(Doubt::Away(Duration::from_hours(7 * 24))));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(doubts(Some(100)), None);
        let forward = at_start.doubts(clock.now() + Duration::from_hours(48), Some(days(100)));
        assert_eq!(forward, Some(Doubt::PutForward(Duration::from_hours(48))));
    }
}
