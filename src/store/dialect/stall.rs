//! After a transaction gave up waiting for a lock: which transaction has the lock, and shorter waits for the rest of
//! the group.

use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::result::Error;
use diesel::sql_types::{BigInt, Integer, Text};

use super::Database;
use crate::store::StoreError;

/// Returns whether PostgreSQL gave up waiting for a lock.
pub(in crate::store) fn is_one(error: &StoreError) -> bool {
    matches!(error, StoreError::Database(Error::DatabaseError(_, info)) if info.message().contains("lock timeout"))
}

#[derive(QueryableByName)]
struct Oldest {
    #[diesel(sql_type = Integer)]
    session: i32,
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = BigInt)]
    since_ms: i64,
}

/// The oldest transaction of this database that holds more than a reader's locks.
const OLDEST: &str = "SELECT a.pid AS session, coalesce(a.application_name, '') AS name, \
    CAST(extract(epoch FROM clock_timestamp() - a.xact_start) * 1000 AS bigint) AS since_ms \
    FROM pg_stat_activity AS a \
    WHERE a.datname = current_database() AND a.pid <> pg_backend_pid() AND a.xact_start IS NOT NULL \
    AND EXISTS (SELECT 1 FROM pg_locks AS l WHERE l.pid = a.pid AND l.granted AND l.locktype = 'relation' \
        AND l.mode <> 'AccessShareLock') \
    ORDER BY a.xact_start LIMIT 1";

/// Returns an error that names the transaction in the way, and sets the lock timeout of the rest of the group to 10 ms
/// each. Otherwise one forgotten transaction would delay every transaction of the group in turn. Call it in the group's
/// transaction, outside of the savepoint that failed.
pub(in crate::store) fn explain(connection: &mut Database, waited: Duration) -> StoreError {
    let nobody = StoreError::Busy { waited, holder: String::new() };
    let Database::Postgresql(c) = connection else { return nobody };
    // In a savepoint, so that a failure here does not break the group's transaction.
    let found = c.transaction(|c| {
        c.batch_execute("SET LOCAL lock_timeout = 10")?;
        diesel::sql_query(OLDEST).get_result::<Oldest>(c).optional()
    });
    match found {
        Ok(Some(Oldest { session, name, since_ms })) => {
            let name = if name.is_empty() { String::new() } else { format!("{name}, ") };
            let holder = format!(" ({name}session {session} of the server)");
            StoreError::Busy { waited: waited.max(crate::store::from_ms(since_ms)), holder }
        }
        Ok(None) => nobody,
        Err(error) => {
            tracing::warn!(%error, "the transaction that holds the lock cannot be found");
            nobody
        }
    }
}
