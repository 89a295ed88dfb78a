//! Takes deliveries, so that each is taken by one notifier only.
//!
//! In: who takes how many deliveries, and for which destination. Out: the taken deliveries. On PostgreSQL rows that
//! another transaction is taking are skipped.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Integer, Text};

use super::Database;
use super::cached::Cache as _;
use crate::clock::UnixMs;
use crate::ids::DestinationName;
use crate::store::StoreError;

/// A request to lease deliveries.
#[derive(Debug, Clone)]
pub struct Lease {
    /// The destination of the deliveries.
    pub destination: DestinationName,
    /// The worker that leases them.
    pub by: String,
    /// The current time.
    pub now: UnixMs,
    /// The end of the lease. Afterwards others may take the deliveries, in case the worker has died.
    pub until: UnixMs,
    /// The largest number of deliveries to lease.
    pub limit: i64,
}

/// A delivery that was taken.
#[derive(Debug, QueryableByName)]
pub(in crate::store) struct Taken {
    #[diesel(sql_type = BigInt)]
    pub id: i64,
    #[diesel(sql_type = BigInt)]
    pub event: i64,
    #[diesel(sql_type = Text)]
    pub aggregate: String,
    #[diesel(sql_type = Text)]
    pub recipient: String,
    #[diesel(sql_type = Integer)]
    pub attempt_no: i32,
}

/// Takes deliveries that are due. When its lease ends, a delivery is due again.
pub(in crate::store) fn take(c: &mut Database, wanted: &Lease) -> Result<Vec<Taken>, StoreError> {
    let sql = |p: [&str; 6], skip: &str| {
        let [lease, next, by, destination, now, limit] = p;
        format!(
            "UPDATE deliveries SET attempt_no = attempt_no + 1, lease_until = {lease}, next_at = {next}, \
             leased_by = {by} WHERE id IN (SELECT id FROM deliveries WHERE destination = {destination} \
             AND done_at IS NULL AND next_at <= {now} ORDER BY next_at LIMIT {limit}{skip}) \
             RETURNING id, event, aggregate, recipient, attempt_no"
        )
    };
    let taken = match c {
        Database::Sqlite(c) => diesel::sql_query(sql(["?"; 6], ""))
            .bind::<BigInt, _>(wanted.until.0)
            .bind::<BigInt, _>(wanted.until.0)
            .bind::<Text, _>(&wanted.by)
            .bind::<Text, _>(wanted.destination.as_str())
            .bind::<BigInt, _>(wanted.now.0)
            .bind::<BigInt, _>(wanted.limit)
            .cached()
            .load(c)?,
        Database::Postgresql(c) => {
            diesel::sql_query(sql(["$1", "$2", "$3", "$4", "$5", "$6"], " FOR UPDATE SKIP LOCKED"))
                .bind::<BigInt, _>(wanted.until.0)
                .bind::<BigInt, _>(wanted.until.0)
                .bind::<Text, _>(&wanted.by)
                .bind::<Text, _>(wanted.destination.as_str())
                .bind::<BigInt, _>(wanted.now.0)
                .bind::<BigInt, _>(wanted.limit)
                .cached()
                .load(c)?
        }
    };
    Ok(taken)
}
