//! Looks for rows that are too old, every few minutes, and takes them away bite by bite.

use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::clock::{Clock, UnixMs};
use crate::store::retention::{Bite, Settings, believe_clock, bite, doubt_clock};
use crate::store::{Database, Store, StoreError};

/// Whether the clock is believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// Unless it is a month ahead of when it was believed last: see [`doubt_clock`].
    Doubtful,
    /// A person says that it is right.
    Right,
}

/// Deletes everything that is too old now, a transaction a bite. What went, all together.
///
/// # Errors
/// What the database says of the bite that failed; those before it are done. [`StoreError::Refused`] when the clock is
/// doubted.
pub async fn run(store: &Store, clock: Clock, settings: &Settings, trust: Trust) -> Result<Bite, StoreError> {
    let mut all = Bite::default();
    loop {
        let (now, ours) = (clock.now(), settings.clone());
        let bite = move |c: &mut Database| {
            if trust == Trust::Doubtful {
                doubt_clock(c, now)?;
            }
            believe_clock(c, now)?;
            bite(c, now, &ours)
        };
        let took = store.write("retention", bite).await?;
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
            tracing::warn!(%error, "what was deleted is still in the database's log for now");
        }
        return Ok(all);
    }
}

/// How far the clock may run ahead of the time that has gone by since the start.
const AHEAD: Duration = Duration::from_hours(24);

/// The time that has gone by, which nobody can set, beside what the clock says.
#[derive(Debug)]
struct Witness {
    clock: UnixMs,
    started: Instant,
}

impl Witness {
    /// How far the clock has been put forward since the start, if that is too far.
    fn ahead(&self, now: UnixMs) -> Option<Duration> {
        let ahead = now.since(self.clock).saturating_sub(self.started.elapsed());
        (ahead > AHEAD).then_some(ahead)
    }
}

/// Does the same again and again until it is told to stop: spawn it once in a controller.
pub async fn start(store: Store, clock: Clock, settings: Settings, stop: CancellationToken) {
    let witness = Witness { clock: clock.now(), started: Instant::now() };
    let mut every = tokio::time::interval(settings.every.max(Duration::from_secs(1)));
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            _ = every.tick() => {}
        }
        if let Some(ahead) = witness.ahead(clock.now()) {
            tracing::error!(
                now = %clock.now(), ahead_hours = ahead.as_secs() / 3600,
                "nothing is deleted: the clock was put forward since the controller started. Set it right if it is \
                 wrong; if it is right now, restart the controller"
            );
            continue;
        }
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
                "what was too old is deleted"
            ),
            Err(error) => tracing::error!(%error, "what is too old cannot be deleted; trying again later"),
        }
    }
}
