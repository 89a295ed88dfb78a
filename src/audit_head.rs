//! Writes the head of the audit to the log, at the start and every day. This is evidence outside of the database.
//!
//! In: the store, and an interval. Out: log lines at INFO with the head, in the form for `dozvon audit verify --head`.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::store::{Store, audit};
use crate::ticks::Ticks;

/// Writes the head regularly until told to stop. A controller spawns it once.
pub async fn start(store: Store, every: Duration, stop: CancellationToken) {
    let mut ticks = Ticks::new(every, stop);
    while ticks.next().await.is_some() {
        match store.read("audit_head", audit::head).await {
            Ok(head) => {
                tracing::info!(%head, "the head of the audit; keep it for: dozvon audit verify --head")
            }
            Err(error) => tracing::error!(%error, "the head of the audit cannot be read; trying again later"),
        }
    }
}
