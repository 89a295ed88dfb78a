//! The controller's database: opened, locked against other controllers, migrated, and its lock kept.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::config::Settings;
use crate::store::{self, Lock, Store, StoreError};

/// How often a standby checks whether the database is free.
const STAND_BY: Duration = Duration::from_millis(100);

/// How often the controller checks that it still holds the database's lock.
const KEEP_LOCK: Duration = Duration::from_secs(1);

/// How long a standby waits before it tries again a database that was out of reach. It is longer than a controller
/// takes to regain its lock ([`store::Lock`] checks every second).
const RETURN: Duration = Duration::from_secs(5);

/// How long another process, such as `dozvon check`, may hold the lock to see whether it is free.
const LOOK: Duration = Duration::from_millis(500);

/// Opens the database as its controller, and migrates it. It refuses an audit key other than the database's, under
/// which nothing could be recorded.
pub(super) async fn open(settings: &Settings, standby: bool) -> Result<(Store, Lock), StoreError> {
    let store = open_store(settings, standby).await?;
    let lock = take_lock(&store, standby).await?;
    store.migrate().await?;
    let key = settings.audit.key.clone();
    let named = key.clone();
    store.read("audit_key", move |c| store::audit::check_key(c, named.as_ref())).await?;
    store.write("audit_mark", store::audit::mark).await?;
    // Callers are served nevertheless: the audit goes on, and `dozvon check` reports the tampering too.
    if let Err(error) = store.read("audit_mark", move |c| store::audit::check_mark(c, key.as_ref())).await {
        tracing::error!(%error, "the audit was changed by somebody without its key");
    }
    Ok((store, lock))
}

/// Opens the database. A standby waits as long as the database is out of reach.
async fn open_store(settings: &Settings, standby: bool) -> Result<Store, StoreError> {
    loop {
        match Store::open(&settings.database, settings.store.clone()).await {
            Err(error) if standby && error.is_passing() => out_of_reach(&error).await,
            opened => return opened,
        }
    }
}

/// Waits, so that a controller that has lost its database for a moment regains it before a standby takes it.
async fn out_of_reach(error: &StoreError) {
    tracing::warn!(%error, again_in = ?RETURN, "standing by: the database is out of reach; trying again");
    tokio::time::sleep(RETURN).await;
}

/// Takes the lock as soon as no other controller has it. A standby waits for ever, others only [`LOOK`].
async fn take_lock(store: &Store, standby: bool) -> Result<Lock, StoreError> {
    let limit = tokio::time::Instant::now() + LOOK;
    let mut told = false;
    loop {
        match store.take_lock().await {
            Err(StoreError::Locked { holder, .. }) if standby => {
                if !std::mem::replace(&mut told, true) {
                    tracing::info!("standing by: another controller has the database{holder}");
                }
            }
            Err(error) if standby && error.is_passing() => out_of_reach(&error).await,
            Err(StoreError::Locked { .. }) if tokio::time::Instant::now() < limit => {}
            lock => {
                if told {
                    tracing::warn!("the other controller has ended: taking over");
                }
                return lock;
            }
        }
        tokio::time::sleep(STAND_BY).await;
    }
}

/// Keeps the lock, and ends when another controller has it: two controllers would ring for the same callers.
pub(super) async fn keep_lock(store: Store, lock: Lock, stop: CancellationToken) {
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = tokio::time::sleep(KEEP_LOCK) => {}
        }
        let Some(kept) = stop.run_until_cancelled(store.keep_lock(&lock)).await else { return };
        match kept {
            Ok(true) => {}
            Ok(false) => {
                tracing::error!("the database server still holds the lock for the lost session; trying again")
            }
            Err(error @ StoreError::Locked { .. }) => {
                tracing::error!(%error, "the database was out of reach, and another controller has taken over");
                return;
            }
            Err(error) => tracing::error!(%error, "the database's lock was lost; trying to take it again"),
        }
    }
}
