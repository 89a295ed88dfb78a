//! One controller a database: a lock that is held while the process lives, and freed by the system when it dies.
//!
//! In: where the database is. Out: the right to be its controller, or who has it.
//! On SQLite it is the lock of a file beside the database, on PostgreSQL that of a session which does nothing else.
//! **Invariant:** two processes never hold it at once, except after the server ended the session of the first
//! ([`Lock`] says what happens then).

mod file;
mod session;

use super::{DatabaseUrl, StoreError};

/// The right to be the controller of a database. Dropping it gives the database free.
///
/// On PostgreSQL it lives as long as its session. If the server is restarted, or ends the session, or the network
/// cuts it off for long, the lock is free and this process does not notice: it goes on with its calls, and a second
/// controller that is started then is let in and ends them (`recovery::tidy`). So do not start a second one by hand
/// after trouble with the server, but restart the first. A pooler that shares sessions between clients (pgbouncer
/// in any mode but `session`) makes the lock worthless, as it does the news of changes.
#[derive(Debug)]
pub struct Lock {
    _held: Held,
}

#[derive(Debug)]
enum Held {
    File(#[expect(dead_code, reason = "held, not read")] std::fs::File),
    Session(#[expect(dead_code, reason = "held, not read")] session::Session),
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
    Ok(Lock { _held: held })
}
