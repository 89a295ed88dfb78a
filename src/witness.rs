//! Writes the head of the audit to the log, at the start and every day: a witness that is not in the database.
//!
//! In: the store, how often. Out: a line at INFO with the head as `dozvon audit verify --head` takes it.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::store::{Store, audit};

/// Writes it again and again until it is told to stop: spawn it once in a controller.
pub async fn start(store: Store, every: Duration, stop: CancellationToken) {
    let mut every = tokio::time::interval(every);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            _ = every.tick() => {}
        }
        match store.read("audit_head", audit::head).await {
            Ok(head) => {
                tracing::info!(%head, "the head of the audit; keep it for: dozvon audit verify --head")
            }
            Err(error) => tracing::error!(%error, "the head of the audit cannot be read; trying again later"),
        }
    }
}
