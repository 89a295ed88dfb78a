//! Looks for rows that are too old, every few minutes, and takes them away bite by bite.

use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::store::retention::{Bite, Settings, bite, doubt_clock};
use crate::store::{Database, Store, StoreError};

/// Whether the clock is believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// Unless nothing was recorded for a month by it: see [`doubt_clock`].
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
        if !took.more {
            return Ok(all);
        }
    }
}

/// Does the same again and again until it is told to stop: spawn it once in a controller.
pub async fn start(store: Store, clock: Clock, settings: Settings, stop: CancellationToken) {
    let mut every = tokio::time::interval(settings.every.max(std::time::Duration::from_secs(1)));
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            _ = every.tick() => {}
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
