//! The lock of a PostgreSQL database: an advisory lock that a session of its own holds.

use std::fmt;
use std::sync::{LazyLock, Mutex, PoisonError};

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Integer, Text};

use crate::config::database::DatabaseUrl;
use crate::store::{StoreError, dialect};

/// The key of the controller's advisory lock. Advisory locks are separate for each database.
const CONTROLLING: i64 = 0x0064_6f7a_766f_6e01;

/// A session that does nothing but hold the lock.
pub(super) struct Session(Mutex<PgConnection>);

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Session")
    }
}

impl Session {
    /// Whether the server still has the session, and with it the lock.
    pub(super) fn lives(&self) -> bool {
        let mut session = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        session.batch_execute("SELECT 1").is_ok()
    }
}

/// Releases the lock at once. Without this, the server would notice the end of the session a moment later.
impl Drop for Session {
    fn drop(&mut self) {
        if let Ok(session) = self.0.get_mut() {
            drop(session.batch_execute(&format!("SELECT pg_advisory_unlock({CONTROLLING})")));
        }
    }
}

#[derive(QueryableByName)]
struct Tried {
    #[diesel(sql_type = Bool)]
    taken: bool,
}

#[derive(QueryableByName)]
struct Holder {
    #[diesel(sql_type = Integer)]
    backend: i32,
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text)]
    address: String,
}

/// How often taking the lock is tried. The holder of the lock may be gone before its name is read.
const TRIES: usize = 3;

/// Takes the lock in a new session.
pub(super) fn take(url: &DatabaseUrl, address: &str) -> Result<Session, StoreError> {
    let mut session = dialect::connect(url, address)?;
    introduce(&mut session)?;
    for _ in 0..TRIES {
        let tried =
            diesel::sql_query("SELECT pg_try_advisory_lock($1) AS taken").bind::<BigInt, _>(CONTROLLING);
        if tried.get_result::<Tried>(&mut session)?.taken {
            return Ok(Session(Mutex::new(session)));
        }
        if let Some(holder) = holder(&mut session)? {
            return Err(holder.locked(url));
        }
    }
    Err(StoreError::Locked { database: url.to_string(), holder: String::new(), last_resort: String::new() })
}

/// Returns the name of this process for the server. The server keeps 63 bytes of a name, and 24 of them are used for
/// another part. So the token that distinguishes this process from others comes first.
fn us() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let (token, process) = (TOKEN.as_str(), std::process::id());
    match host.trim() {
        "" => format!("{token} process {process}"),
        host => format!("{token} process {process} on {host}"),
    }
}

/// Distinguishes this process from every other one: two containers may both run process 1 on hosts with the same name.
static TOKEN: LazyLock<String> = LazyLock::new(|| format!("{:016x}", rand::random::<u64>()));

/// Whether a holder of the lock is an earlier session of this process.
pub(super) fn is_us(holder: &str) -> bool {
    holder.contains(TOKEN.as_str())
}

/// Tells the server the name of this process, keeps the session from ending because it is idle, and lets the server
/// notice soon that this machine is gone.
fn introduce(session: &mut PgConnection) -> QueryResult<()> {
    let us = format!(", {}", us());
    // PostgreSQL keeps 63 bytes of the name. `idle_session_timeout` exists since PostgreSQL 14.
    diesel::sql_query(
        "SELECT set_config('application_name', left(current_setting('application_name'), 24) || $1, false)",
    )
    .bind::<Text, _>(us)
    .execute(session)?;
    session.batch_execute(
        "SELECT set_config('idle_session_timeout', '0', false) FROM pg_settings WHERE name = 'idle_session_timeout'; \
         SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3;",
    )
}

/// Returns who has the lock now. Another user of the server cannot see the name of the holder, but can see the number
/// of the session.
fn holder(session: &mut PgConnection) -> QueryResult<Option<Holder>> {
    diesel::sql_query(
        "SELECT l.pid AS backend, coalesce(a.application_name, '') AS name, \
         coalesce(host(a.client_addr), '') AS address \
         FROM pg_locks AS l LEFT JOIN pg_stat_activity AS a ON a.pid = l.pid \
         WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 \
         AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) \
         AND (l.classid::bigint << 32 | l.objid::bigint) = $1",
    )
    .bind::<BigInt, _>(CONTROLLING)
    .get_result(session)
    .optional()
}

impl Holder {
    fn locked(&self, url: &DatabaseUrl) -> StoreError {
        let Self { backend, name, address } = self;
        let mut who: Vec<String> = Some(name.clone()).filter(|name| !name.is_empty()).into_iter().collect();
        if !address.is_empty() {
            who.push(format!("from {address}"));
        }
        who.push(format!("session {backend} of the server"));
        StoreError::Locked {
            database: url.to_string(),
            holder: format!(" ({})", who.join(", ")),
            last_resort: format!(
                "; if it is dead and the server has not noticed: SELECT pg_terminate_backend({backend})"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two containers from one image both run as process 1, on hosts with the same name.
    #[test]
    fn a_process_with_our_number_on_a_host_of_our_name_is_not_us() {
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
        let twin = format!(
            " (dozvon, 00000000 process {} on {}, session 7 of the server)",
            std::process::id(),
            host.trim()
        );
        assert!(!is_us(&twin), "{twin}");
        let kept: String = format!("{}, {}", "x".repeat(24), us()).chars().take(63).collect();
        assert!(is_us(&format!(" ({kept}, session 7 of the server)")), "{kept}");
    }
}
