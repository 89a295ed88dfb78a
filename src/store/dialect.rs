//! The only place where SQLite and PostgreSQL differ: opening, transactions and errors. The files below it contain the
//! versions of the schema, prepared statements, row locks, lock timeouts, and the watch for changes by others.

pub(super) mod cached;
pub(super) mod hold;
pub(super) mod lease;
pub(super) mod stall;
pub(super) mod versions;
pub(super) mod watch;

use std::fmt;
use std::path::Path;
use std::time::Duration;

use diesel::connection::{AnsiTransactionManager, SimpleConnection, TransactionManager};
use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind as Kind, Error};
use diesel::serialize::{IsNull, Output, ToSql};
use diesel::sql_types::Text;

use super::{StoreError, private};
use crate::calendar::business_day::BusinessDay;
use crate::config::database::DatabaseUrl;
use crate::config::store::Settings;
use crate::ids::{CallId, ChannelId, CoreId, EventId, OfferId};
use crate::rules::NumberPattern;
use crate::rules::contact::Contact;

/// A connection to either database.
#[derive(diesel::MultiConnection)]
pub enum Database {
    /// A PostgreSQL server.
    Postgresql(PgConnection),
    /// A SQLite file.
    Sqlite(SqliteConnection),
}

/// Binds values as the text that they display. diesel binds a text that is built at run time in a different way for
/// each database.
macro_rules! display_binds {
    ($($name:ty),+) => { $(
        impl ToSql<Text, <Database as Connection>::Backend> for $name {
            fn to_sql<'b>(
                &'b self,
                out: &mut Output<'b, '_, <Database as Connection>::Backend>,
            ) -> diesel::serialize::Result {
                out.set_value((Text, self));
                Ok(IsNull::No)
            }
        }
    )+ };
}

display_binds!(BusinessDay, CallId, OfferId, ChannelId, CoreId, EventId, Contact, NumberPattern);

/// Returns the columns of a row. (diesel's `as_select` binds them to one backend, but a prepared statement here runs on
/// either.)
pub(super) fn columns<Row: Selectable<<Database as Connection>::Backend>>() -> Row::SelectExpression {
    Row::construct_selection()
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Postgresql(_) => "Database::Postgresql",
            Self::Sqlite(_) => "Database::Sqlite",
        })
    }
}

/// Opens the connection that writes.
pub(super) fn open_writer(url: &DatabaseUrl, settings: &Settings) -> Result<Database, StoreError> {
    let mut connection = open(url, settings)?;
    if let (Database::Sqlite(sqlite), DatabaseUrl::Sqlite(path)) = (&mut connection, url) {
        let trouble = |error: Error| sqlite_trouble(path, &error.to_string(), settings.busy_timeout);
        let mode = diesel::sql_query("PRAGMA journal_mode = WAL").get_result::<Mode>(sqlite);
        if mode.map_err(trouble)?.journal_mode != "wal" {
            let reason = "it cannot keep a write-ahead log here (is it on a network file system?)".to_owned();
            return Err(StoreError::Unwritable { path: path.clone(), reason });
        }
        // If SQLite may not write a file, it opens it for reading, and even begins a transaction. Only a write shows
        // the error.
        let probe =
            sqlite.batch_execute("BEGIN IMMEDIATE; CREATE TABLE dozvon_may_write (no INTEGER); ROLLBACK;");
        probe.map_err(trouble)?;
    }
    Ok(connection)
}

#[derive(QueryableByName)]
struct Mode {
    #[diesel(sql_type = Text)]
    journal_mode: String,
}

/// Opens a connection that only reads.
pub(super) fn open_reader(url: &DatabaseUrl, settings: &Settings) -> Result<Database, StoreError> {
    let mut connection = open(url, settings)?;
    if let Database::Sqlite(sqlite) = &mut connection {
        sqlite.batch_execute("PRAGMA query_only = ON;")?;
    }
    Ok(connection)
}

fn open(url: &DatabaseUrl, settings: &Settings) -> Result<Database, StoreError> {
    match url {
        DatabaseUrl::Postgres(address) => {
            let mut postgres = connect(url, address)?;
            // Durability may be turned off for the whole server. It must stay on for this connection.
            let wait_ms = settings.lock_timeout.as_millis();
            postgres.batch_execute(&format!(
                "SET client_min_messages = warning; SET lock_timeout = {wait_ms}; \
                 SELECT set_config('synchronous_commit', 'on', false) \
                 WHERE current_setting('synchronous_commit') = 'off';"
            ))?;
            Ok(Database::Postgresql(postgres))
        }
        DatabaseUrl::Sqlite(path) => {
            let trouble = |reason: &str| sqlite_trouble(path, reason, settings.busy_timeout);
            private::create(path).map_err(|error| trouble(&error.to_string()))?;
            let mut sqlite = SqliteConnection::establish(&path.to_string_lossy())
                .map_err(|error| trouble(&error.to_string()))?;
            let busy_ms = settings.busy_timeout.as_millis();
            sqlite
                .batch_execute(&format!(
                    "PRAGMA busy_timeout = {busy_ms}; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; \
                     PRAGMA secure_delete = ON; \
                     PRAGMA recursive_triggers = ON; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -16384; \
                     PRAGMA wal_autocheckpoint = 4000; PRAGMA journal_size_limit = 67108864;"
                ))
                .map_err(|error| trouble(&error.to_string()))?;
            Ok(Database::Sqlite(sqlite))
        }
    }
}

/// Removes deleted data from the write-ahead log of a SQLite file. The pages of the file itself are overwritten as they
/// are freed. On PostgreSQL the server does all that (VACUUM, its own log, its backups). The function never waits for
/// readers, because meanwhile SQLite would let nobody write.
pub(super) fn scrub(url: &DatabaseUrl, settings: &Settings) -> Result<(), StoreError> {
    let settings = Settings { busy_timeout: Duration::ZERO, ..settings.clone() };
    let Database::Sqlite(mut sqlite) = open(url, &settings)? else { return Ok(()) };
    let done: Checkpoint = diesel::sql_query("PRAGMA wal_checkpoint(TRUNCATE)").get_result(&mut sqlite)?;
    if done.busy == 0 {
        return Ok(());
    }
    Err(StoreError::Busy { waited: settings.busy_timeout, holder: String::new() })
}

#[derive(QueryableByName)]
struct Checkpoint {
    #[diesel(sql_type = diesel::sql_types::Integer)]
    busy: i32,
}

/// Connects to the server at `address`, which is the address of `url`.
pub(super) fn connect(url: &DatabaseUrl, address: &str) -> Result<PgConnection, StoreError> {
    let unreachable =
        |error: ConnectionError| StoreError::Unreachable { url: url.to_string(), reason: error.to_string() };
    PgConnection::establish(&DatabaseUrl::libpq(address)).map_err(unreachable)
}

/// Turns SQLite's message about a file into an error that names the remedy.
fn sqlite_trouble(path: &Path, reason: &str, waited: Duration) -> StoreError {
    let path = path.to_owned();
    if reason.contains("not a database") {
        StoreError::NotADatabase { path }
    } else if is_busy(reason) {
        StoreError::Busy { waited, holder: String::new() }
    } else {
        StoreError::Unwritable { path, reason: reason.to_owned() }
    }
}

fn is_busy(message: &str) -> bool {
    message.contains("database is locked") || message.contains("database table is locked")
}

/// Begins the transaction of a group. On SQLite it takes the right to write at once, so that a later write cannot fail
/// for lack of it.
pub(super) fn begin_write(connection: &mut Database, settings: &Settings) -> Result<(), StoreError> {
    let begun = match connection {
        Database::Sqlite(c) => AnsiTransactionManager::begin_transaction_sql(c, "BEGIN IMMEDIATE"),
        Database::Postgresql(c) => AnsiTransactionManager::begin_transaction(c),
    };
    begun.map_err(|error| match &error {
        Error::DatabaseError(_, info) if is_busy(info.message()) => {
            StoreError::Busy { waited: settings.busy_timeout, holder: String::new() }
        }
        _ => error.into(),
    })
}

/// Begins a transaction in which all reads see the same state.
pub(super) fn begin_read(connection: &mut Database) -> QueryResult<()> {
    match connection {
        Database::Sqlite(c) => AnsiTransactionManager::begin_transaction_sql(c, "BEGIN DEFERRED"),
        Database::Postgresql(c) => AnsiTransactionManager::begin_transaction_sql(
            c,
            "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        ),
    }
}

/// Returns whether a group of one job needs a savepoint too. On PostgreSQL it does: PostgreSQL answers the COMMIT of a
/// transaction in which something failed with a silent ROLLBACK.
pub(super) const fn always_savepoint(connection: &Database) -> bool {
    matches!(connection, Database::Postgresql(_))
}

/// Sets a savepoint.
pub(super) fn savepoint(connection: &mut Database) -> QueryResult<()> {
    <Database as TransactionManager<Database>>::begin_transaction(connection)
}

/// Commits the transaction, or releases the last savepoint if one is open.
pub(super) fn commit(connection: &mut Database) -> QueryResult<()> {
    <Database as TransactionManager<Database>>::commit_transaction(connection)
}

/// Returns how many transactions and savepoints are open.
pub(super) fn depth(connection: &mut Database) -> u32 {
    use diesel::connection::TransactionManagerStatus::{InError, Valid};
    match <Database as TransactionManager<Database>>::transaction_manager_status_mut(connection) {
        Valid(status) => status.transaction_depth().map_or(0, std::num::NonZeroU32::get),
        InError => 0,
    }
}

/// Undoes everything until only `to` transactions and savepoints are open.
pub(super) fn unwind(connection: &mut Database, to: u32) -> QueryResult<()> {
    while depth(connection) > to {
        <Database as TransactionManager<Database>>::rollback_transaction(connection)?;
    }
    Ok(())
}

/// Returns whether the connection is useless: it is lost, or has a transaction that could not be undone.
pub(super) fn is_broken(connection: &mut Database) -> bool {
    <Database as TransactionManager<Database>>::is_broken_transaction_manager(connection)
        || depth(connection) > 0
}

/// Returns the message of one of our triggers that refused a change, without the prefix that tells it from the
/// database's own messages.
pub(super) fn refusal(error: &Error) -> Option<&str> {
    match error {
        Error::DatabaseError(_, info) => info.message().strip_prefix("refused: "),
        _ => None,
    }
}

/// Returns whether the same transaction may succeed when it is tried again later: it met another transaction, or the
/// database was out of reach for a moment. Both databases mark some of these errors only by their message.
pub(super) fn may_pass(error: &Error) -> bool {
    const WORDS: [&str; 8] = [
        "database is locked",
        "disk is full",
        "disk I/O error",
        "deadlock detected",
        "lock timeout",
        "terminating connection",
        "the database system is",
        "No space left",
    ];
    match error {
        Error::BrokenTransactionManager | Error::RollbackErrorOnCommit { .. } => true,
        Error::DatabaseError(
            Kind::SerializationFailure
            | Kind::ClosedConnection
            | Kind::UnableToSendCommand
            | Kind::ReadOnlyTransaction,
            _,
        ) => true,
        Error::DatabaseError(Kind::Unknown, info) => WORDS.iter().any(|word| info.message().contains(word)),
        _ => false,
    }
}

/// Checks references now, which the database otherwise checks at the commit. So the transaction that broke a reference
/// gets the error, and not every transaction of its group.
pub(super) fn check_references(connection: &mut Database) -> Result<(), StoreError> {
    match connection {
        Database::Postgresql(c) => {
            c.batch_execute("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")?
        }
        Database::Sqlite(c) => {
            let broken: Vec<Broken> = diesel::sql_query(
                "SELECT \"table\" AS child, parent FROM pragma_foreign_key_check('queues') \
                 UNION SELECT \"table\", parent FROM pragma_foreign_key_check('routes') \
                 UNION SELECT \"table\", parent FROM pragma_foreign_key_check('tiers')",
            )
            .load(c)?;
            if let Some(Broken { child, parent }) = broken.into_iter().next() {
                return Err(StoreError::Refused(format!("a row of {child} refers to none of {parent}")));
            }
        }
    }
    Ok(())
}

#[derive(QueryableByName)]
struct Broken {
    #[diesel(sql_type = Text)]
    child: String,
    #[diesel(sql_type = Text)]
    parent: String,
}
