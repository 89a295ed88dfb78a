//! One controller a database: a lock that is held while the process lives, and freed by the system when it dies.
//!
//! In: where the database is. Out: the right to be its controller, or who has it.
//! On SQLite it is the lock of a file beside the database, on PostgreSQL that of a session which does nothing else.
//! **Invariant:** two processes never hold it at once, except after the server ended the session of the first
//! ([`Lock`] says what happens then).

mod file;
mod session;

use std::sync::{Arc, Mutex, PoisonError};

use super::StoreError;
use crate::config::database::DatabaseUrl;

/// The right to be the controller of a database. Dropping it gives the database free.
///
/// On PostgreSQL it lives as long as its session. If the server is restarted, or ends the session, or the network
/// cuts it off for long, the lock is free: `keep` notices and takes it again, unless another controller was faster.
/// That one must not be started by hand after trouble with the server. A pooler that shares sessions between clients (pgbouncer
/// in any mode but `session`) makes the lock worthless, as it does the news of changes.
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
/// [`StoreError::Locked`] when another process has it, [`StoreError::Unwritable`] when the file cannot be made,
/// [`StoreError::Unreachable`] when the server does not answer.
pub(super) fn take(url: &DatabaseUrl) -> Result<Lock, StoreError> {
    let held = match url {
        DatabaseUrl::Sqlite(path) => Held::File(file::take(path)?),
        DatabaseUrl::Postgres(address) => Held::Session(session::take(url, address)?),
    };
    Ok(Lock { held: Arc::new(Mutex::new(held)) })
}

/// Looks whether the lock is still ours; where its session has ended, takes it in a new one. False while the server has
/// not noticed that the old one has ended.
///
/// # Errors
/// [`StoreError::Locked`] when another process has it, or why that cannot be known now.
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
