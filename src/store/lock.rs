//! One controller per database: a lock that a process holds while it lives, and that the system releases when the
//! process dies.
//!
//! In: where the database is. Out: the right to be its controller, or who already has that right. On SQLite, the lock
//! is the lock of a file beside the database. On PostgreSQL, it is the advisory lock of a session that does nothing
//! else.
//! **Invariant:** two processes never hold the lock at once, except after the server ended the session of the first
//! ([`Lock`] says what happens then).

mod file;
mod session;

use std::sync::{Arc, Mutex, PoisonError};

use super::StoreError;
use crate::config::database::DatabaseUrl;

/// The right to be the controller of a database. Dropping it releases the database.
///
/// On PostgreSQL the lock lives as long as its session. The lock becomes free if the server is restarted, if the server
/// ends the session, or if the network cuts the session off for long. `keep` notices that and takes the lock again,
/// unless another controller was faster. After trouble with the server, start no second controller by hand. A
/// connection pooler that shares sessions between clients (pgbouncer in any mode but `session`) makes the lock
/// worthless, and the notifications of changes too.
#[derive(Debug, Clone)]
pub struct Lock {
    held: Arc<Mutex<Held>>,
}

#[derive(Debug)]
enum Held {
    File(#[expect(dead_code, reason = "held, not read")] std::fs::File),
    Session(session::Session),
}

/// Takes the lock of the database.
///
/// # Errors
/// [`StoreError::Locked`] when another process has the lock, [`StoreError::Unwritable`] when the file cannot be
/// created, [`StoreError::Unreachable`] when the server does not answer.
pub(super) fn take(url: &DatabaseUrl) -> Result<Lock, StoreError> {
    let held = match url {
        DatabaseUrl::Sqlite(path) => Held::File(file::take(path)?),
        DatabaseUrl::Postgres(address) => Held::Session(session::take(url, address)?),
    };
    Ok(Lock { held: Arc::new(Mutex::new(held)) })
}

/// Checks that this process still has the lock. If the session of the lock has ended, takes the lock in a new session.
/// Returns false while the server has not yet noticed that the old session has ended.
///
/// # Errors
/// [`StoreError::Locked`] when another process has the lock, or the reason why the check is not possible now.
pub(super) fn keep(url: &DatabaseUrl, lock: &Lock) -> Result<bool, StoreError> {
    let mut held = lock.held.lock().unwrap_or_else(PoisonError::into_inner);
    match (&*held, url) {
        (Held::Session(session), DatabaseUrl::Postgres(address)) if !session.lives() => {
            *held = match session::take(url, address) {
                Ok(session) => Held::Session(session),
                Err(StoreError::Locked { holder, .. }) if session::is_us(&holder) => return Ok(false),
                Err(error) => return Err(error),
            };
            tracing::warn!(
                "the session that held the lock of the database had ended: the lock is taken again"
            );
            Ok(true)
        }
        _ => Ok(true),
    }
}
