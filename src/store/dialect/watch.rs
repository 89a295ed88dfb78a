//! Notices changes by other processes.

use diesel::connection::SimpleConnection;
use diesel::prelude::*;

use super::Database;
use super::cached::Cache as _;
use crate::config::database::DatabaseUrl;
use crate::store::StoreError;

/// How changes by other processes are noticed.
pub(in crate::store) enum Watch {
    /// SQLite counts the commits of other connections, as the connection that writes sees them.
    DataVersion(Option<i64>),
    /// PostgreSQL notifies a listening connection when rules or agents have changed. `own` is the server process of our
    /// writer, whose changes are ignored.
    Listen {
        /// A connection that only listens.
        connection: Box<PgConnection>,
        /// The server process id of our writer.
        own: i32,
    },
}

#[derive(QueryableByName)]
struct Version {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    data_version: i64,
}

#[derive(QueryableByName)]
struct Backend {
    #[diesel(sql_type = diesel::sql_types::Integer)]
    pid: i32,
}

impl Watch {
    /// Begins to watch for the connection that writes.
    pub(in crate::store) fn new(url: &DatabaseUrl, writer: &mut Database) -> Result<Self, StoreError> {
        match (url, writer) {
            (DatabaseUrl::Postgres(address), Database::Postgresql(writer)) => {
                let own =
                    diesel::sql_query("SELECT pg_backend_pid() AS pid").get_result::<Backend>(writer)?;
                let mut connection = super::connect(url, address)?;
                connection.batch_execute("LISTEN dozvon")?;
                Ok(Self::Listen { connection: Box::new(connection), own: own.pid })
            }
            (_, writer) => {
                let mut watch = Self::DataVersion(None);
                watch.look(writer)?;
                Ok(watch)
            }
        }
    }

    /// Returns whether another process has changed anything since the last look.
    pub(in crate::store) fn look(&mut self, writer: &mut Database) -> Result<bool, StoreError> {
        match (self, writer) {
            (Self::DataVersion(seen), Database::Sqlite(c)) => {
                let version = diesel::sql_query("PRAGMA data_version").cached();
                let now = version.get_result::<Version>(c)?.data_version;
                let before = seen.replace(now);
                Ok(before.is_some_and(|before| before != now))
            }
            (Self::Listen { connection, own }, _) => {
                let mut changed = false;
                for notification in connection.notifications_iter() {
                    changed |= notification?.process_id != *own;
                }
                Ok(changed)
            }
            (Self::DataVersion(_), Database::Postgresql(_)) => Ok(false),
        }
    }
}
