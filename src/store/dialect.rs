//! The only place where SQLite and PostgreSQL differ.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use diesel::connection::{AnsiTransactionManager, SimpleConnection, TransactionManager};
use diesel::migration::MigrationSource;
use diesel::prelude::*;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::StoreError;
use super::engine::Settings;

const SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");
const POSTGRES: EmbeddedMigrations = embed_migrations!("migrations/postgres");

/// A connection to either database.
#[derive(diesel::MultiConnection)]
pub enum Database {
    /// A PostgreSQL server.
    Postgresql(PgConnection),
    /// A SQLite file.
    Sqlite(SqliteConnection),
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Postgresql(_) => "Database::Postgresql",
            Self::Sqlite(_) => "Database::Sqlite",
        })
    }
}

/// Where the database is: `sqlite:FILE` or `postgres://USER@HOST/NAME`.
#[derive(Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum DatabaseUrl {
    /// A file of our own.
    Sqlite(PathBuf),
    /// A server, as libpq reads it.
    Postgres(String),
}

impl FromStr for DatabaseUrl {
    type Err = StoreError;
    fn from_str(text: &str) -> Result<Self, StoreError> {
        if let Some(path) = text.strip_prefix("sqlite:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            if !path.is_empty() && !path.starts_with(':') {
                return Ok(Self::Sqlite(path.into()));
            }
        } else if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return Ok(Self::Postgres(text.to_owned()));
        }
        Err(StoreError::BadUrl { given: without_password(text) })
    }
}

impl TryFrom<String> for DatabaseUrl {
    type Error = StoreError;
    fn try_from(text: String) -> Result<Self, StoreError> {
        text.parse()
    }
}

impl From<DatabaseUrl> for String {
    fn from(url: DatabaseUrl) -> Self {
        match url {
            DatabaseUrl::Sqlite(path) => format!("sqlite:{}", path.display()),
            DatabaseUrl::Postgres(url) => url,
        }
    }
}

/// Shown without a password.
impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&without_password(&String::from(self.clone())))
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn without_password(url: &str) -> String {
    let cut = |(start, rest): (&str, &str)| {
        let (account, host) = rest.split_once('@')?;
        let (user, _) = account.split_once(':')?;
        Some(format!("{start}://{user}:***@{host}"))
    };
    url.split_once("://").and_then(cut).unwrap_or_else(|| url.chars().take(200).collect())
}

/// Opens the connection that writes.
pub(super) fn open_writer(url: &DatabaseUrl, settings: &Settings) -> Result<Database, StoreError> {
    let mut connection = open(url, settings)?;
    if let Database::Sqlite(sqlite) = &mut connection {
        let unwritable = |error: diesel::result::Error| match url {
            DatabaseUrl::Sqlite(path) => {
                StoreError::Unwritable { path: path.clone(), reason: error.to_string() }
            }
            DatabaseUrl::Postgres(_) => StoreError::Database(error),
        };
        sqlite.batch_execute("PRAGMA journal_mode = WAL;").map_err(unwritable)?;
        sqlite.batch_execute("BEGIN IMMEDIATE; ROLLBACK;").map_err(unwritable)?;
    }
    Ok(connection)
}

/// Opens a connection that only reads.
pub(super) fn open_reader(url: &DatabaseUrl, settings: &Settings) -> Result<Database, StoreError> {
    let mut connection = open(url, settings)?;
    match &mut connection {
        Database::Sqlite(sqlite) => sqlite.batch_execute("PRAGMA query_only = ON;")?,
        Database::Postgresql(postgres) => {
            postgres.batch_execute("SET default_transaction_read_only = on;")?;
        }
    }
    Ok(connection)
}

fn open(url: &DatabaseUrl, settings: &Settings) -> Result<Database, StoreError> {
    let unreachable =
        |error: ConnectionError| StoreError::Unreachable { url: url.to_string(), reason: error.to_string() };
    match url {
        DatabaseUrl::Postgres(address) => {
            let mut postgres = PgConnection::establish(address).map_err(unreachable)?;
            postgres.batch_execute("SET client_min_messages = warning;")?;
            Ok(Database::Postgresql(postgres))
        }
        DatabaseUrl::Sqlite(path) => {
            let mut sqlite = SqliteConnection::establish(&path.to_string_lossy()).map_err(unreachable)?;
            let busy_ms = settings.busy_timeout.as_millis();
            sqlite
                .batch_execute(&format!(
                    "PRAGMA busy_timeout = {busy_ms}; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; \
                     PRAGMA temp_store = MEMORY; PRAGMA cache_size = -16384; PRAGMA wal_autocheckpoint = 4000;"
                ))
                .map_err(|error| StoreError::Unreachable { url: url.to_string(), reason: error.to_string() })?;
            Ok(Database::Sqlite(sqlite))
        }
    }
}

/// Begins the transaction of a group. SQLite's takes the right to write at once, so that it cannot fail later.
pub(super) fn begin(connection: &mut Database) -> QueryResult<()> {
    match connection {
        Database::Sqlite(c) => AnsiTransactionManager::begin_transaction_sql(c, "BEGIN IMMEDIATE"),
        Database::Postgresql(c) => AnsiTransactionManager::begin_transaction(c),
    }
}

/// Makes what the group did durable.
pub(super) fn commit(connection: &mut Database) -> QueryResult<()> {
    match connection {
        Database::Sqlite(c) => AnsiTransactionManager::commit_transaction(c),
        Database::Postgresql(c) => AnsiTransactionManager::commit_transaction(c),
    }
}

/// Undoes the group.
pub(super) fn rollback(connection: &mut Database) -> QueryResult<()> {
    match connection {
        Database::Sqlite(c) => AnsiTransactionManager::rollback_transaction(c),
        Database::Postgresql(c) => AnsiTransactionManager::rollback_transaction(c),
    }
}

/// Brings the schema up to date. Returns the migrations that were run.
pub(super) fn migrate(connection: &mut Database) -> Result<Vec<String>, StoreError> {
    let done = match connection {
        Database::Sqlite(c) => run_pending(c, SQLITE)?,
        Database::Postgresql(c) => run_pending(c, POSTGRES)?,
    };
    Ok(done)
}

fn run_pending<DB, C>(connection: &mut C, ours: EmbeddedMigrations) -> Result<Vec<String>, StoreError>
where
    DB: diesel::backend::Backend,
    C: MigrationHarness<DB>,
    EmbeddedMigrations: MigrationSource<DB>,
{
    refuse_newer(connection, &ours)?;
    let failed = |error: Box<dyn std::error::Error + Send + Sync>| StoreError::Migration(error.to_string());
    Ok(connection.run_pending_migrations(ours).map_err(failed)?.iter().map(ToString::to_string).collect())
}

/// Refuses a database that a newer program has changed, or one that lacks what this program needs.
pub(super) fn check_version(connection: &mut Database) -> Result<(), StoreError> {
    match connection {
        Database::Sqlite(c) => check_pending(c, SQLITE),
        Database::Postgresql(c) => check_pending(c, POSTGRES),
    }
}

fn check_pending<DB, C>(connection: &mut C, ours: EmbeddedMigrations) -> Result<(), StoreError>
where
    DB: diesel::backend::Backend,
    C: MigrationHarness<DB>,
    EmbeddedMigrations: MigrationSource<DB>,
{
    refuse_newer(connection, &ours)?;
    let failed = |error: Box<dyn std::error::Error + Send + Sync>| StoreError::Migration(error.to_string());
    match connection.pending_migrations(ours).map_err(failed)?.len() {
        0 => Ok(()),
        pending => Err(StoreError::Older { pending }),
    }
}

fn refuse_newer<DB, C>(connection: &mut C, ours: &EmbeddedMigrations) -> Result<(), StoreError>
where
    DB: diesel::backend::Backend,
    C: MigrationHarness<DB>,
    EmbeddedMigrations: MigrationSource<DB>,
{
    let failed = |error: Box<dyn std::error::Error + Send + Sync>| StoreError::Migration(error.to_string());
    let mut known: Vec<String> =
        ours.migrations().map_err(failed)?.iter().map(|m| m.name().version().to_string()).collect();
    known.sort();
    let applied = connection.applied_migrations().map_err(failed)?;
    let newest = applied.iter().map(ToString::to_string).max();
    match newest.filter(|version| !known.contains(version)) {
        Some(version) => {
            Err(StoreError::Newer { version, known: known.pop().unwrap_or_else(|| "none".to_owned()) })
        }
        None => Ok(()),
    }
}

/// Notices what other processes change.
pub(super) enum Watch {
    /// SQLite counts the changes that others make, as seen by the connection that writes.
    DataVersion(Option<i64>),
    /// PostgreSQL tells a connection that listens; `own` is the process that serves our writer.
    Listen { connection: Box<PgConnection>, own: i32 },
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
    /// Begins to watch on behalf of the connection that writes.
    pub(super) fn new(url: &DatabaseUrl, writer: &mut Database) -> Result<Self, StoreError> {
        match (url, writer) {
            (DatabaseUrl::Postgres(address), Database::Postgresql(writer)) => {
                let own =
                    diesel::sql_query("SELECT pg_backend_pid() AS pid").get_result::<Backend>(writer)?.pid;
                let mut connection = PgConnection::establish(address).map_err(|error| {
                    StoreError::Unreachable { url: url.to_string(), reason: error.to_string() }
                })?;
                connection.batch_execute("LISTEN dozvon")?;
                Ok(Self::Listen { connection: Box::new(connection), own })
            }
            _ => Ok(Self::DataVersion(None)),
        }
    }

    /// Whether another process has changed anything since the last look.
    pub(super) fn look(&mut self, writer: &mut Database) -> Result<bool, StoreError> {
        match (self, writer) {
            (Self::DataVersion(seen), Database::Sqlite(c)) => {
                let now = diesel::sql_query("PRAGMA data_version").get_result::<Version>(c)?.data_version;
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
