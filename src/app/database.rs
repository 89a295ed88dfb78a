//! Opens the controller's database, locks it against other controllers, migrates it, and keeps the lock.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::config::Settings;
use crate::store::{self, Lock, Store, StoreError};

/// How often a standby checks whether the database is free.
const STAND_BY: Duration = Duration::from_millis(100);

/// How often the controller checks that it still holds the database's lock.
const KEEP_LOCK: Duration = Duration::from_secs(1);

/// How long a standby waits before it tries again after the database was out of reach. That is longer than a controller
/// needs to regain its lock ([`store::Lock`] checks every second).
const RETURN: Duration = Duration::from_secs(5);

/// How long another process may hold the lock, such as `dozvon check`, which takes it to see whether it is free.
const LOOK: Duration = Duration::from_millis(500);

/// Opens the database as its controller, and migrates it. Refuses an audit key that is not the database's, because
/// nothing could be recorded with it.
pub(super) async fn open(settings: &Settings, standby: bool) -> Result<(Store, Lock), StoreError> {
    let store = open_store(settings, standby).await?;
    let lock = take_lock(&store, standby).await?;
    store.migrate().await?;
    let key = settings.audit.key.clone();
    let named = key.clone();
    store.read("audit_key", move |c| store::audit::check_key(c, named.as_ref())).await?;
    store.write("audit_mark", store::audit::mark).await?;
    // Callers are served all the same. The audit continues, and `dozvon check` reports the tampering too.
    if let Err(error) = store.read("audit_mark", move |c| store::audit::check_mark(c, key.as_ref())).await {
        tracing::error!(%error, "somebody without the key changed the audit; see `dozvon audit verify`");
    }
    Ok((store, lock))
}

/// Opens the database. A standby waits while the database is out of reach.
async fn open_store(settings: &Settings, standby: bool) -> Result<Store, StoreError> {
    loop {
        match Store::open(&settings.database, settings.store.clone()).await {
            Err(error) if standby && error.is_passing() => out_of_reach(&error).await,
            opened => return opened,
        }
    }
}

/// Waits. A controller that has lost its database for a moment must regain it before a standby takes it.
async fn out_of_reach(error: &StoreError) {
    tracing::warn!(%error, again_in = ?RETURN, "standing by: the database is out of reach; trying again");
    tokio::time::sleep(RETURN).await;
}

/// Takes the lock once no other controller has it. A standby waits without limit, others at most [`LOOK`].
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

/// Keeps the lock. Ends if another controller has it, because two controllers would ring agents for the same callers.
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
