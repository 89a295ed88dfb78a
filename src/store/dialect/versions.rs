//! The versions of the schema: which migrations are applied, which are pending, and which come from a newer program.

use diesel::backend::Backend;
use diesel::connection::{AnsiTransactionManager, SimpleConnection, TransactionManager};
use diesel::migration::MigrationSource;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sqlite::Sqlite;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::Database;
use crate::config::database::DatabaseUrl;
use crate::store::StoreError;

const SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");
const POSTGRES: EmbeddedMigrations = embed_migrations!("migrations/postgres");
/// The key of a PostgreSQL advisory lock: two processes must not migrate a database at the same time.
const MIGRATING: i64 = 0x0064_6f7a_766f_6e00;

/// A program still works on a database that is at most this many migrations ahead. So the old binary can run beside the
/// new one, and can be installed again after it.
const VERSIONS_AHEAD: usize = 1;

/// Brings the schema up to date, with all migrations or none. Returns the migrations that were run.
pub(in crate::store) fn migrate(c: &mut Database, url: &DatabaseUrl) -> Result<Vec<String>, StoreError> {
    refuse_foreign(c, url)?;
    // A migration may copy a whole table, and the rewrite copies the whole file: memory may be too small for that.
    keep_temporary(c, "FILE")?;
    let migrated = migrate_all(c);
    keep_temporary(c, "MEMORY")?;
    migrated
}

/// Sets where SQLite keeps temporary tables.
fn keep_temporary(c: &mut Database, place: &str) -> Result<(), StoreError> {
    if let Database::Sqlite(sqlite) = c {
        sqlite.batch_execute(&format!("PRAGMA temp_store = {place}"))?;
    }
    Ok(())
}

fn migrate_all(c: &mut Database) -> Result<Vec<String>, StoreError> {
    match c {
        Database::Sqlite(sqlite) => {
            AnsiTransactionManager::begin_transaction_sql(sqlite, "BEGIN IMMEDIATE")?;
        }
        Database::Postgresql(postgres) => {
            AnsiTransactionManager::begin_transaction(postgres)?;
            // Another process that migrates may take longer than a writer would wait.
            postgres.batch_execute(&format!(
                "SET LOCAL lock_timeout = '60s'; SELECT pg_advisory_xact_lock({MIGRATING})"
            ))?;
        }
    }
    match run_all(c) {
        Ok(done) => {
            super::commit(c)?;
            rewrite(c);
            Ok(done)
        }
        Err(error) => {
            super::unwind(c, 0)?;
            Err(error)
        }
    }
}

/// Runs the migrations that the database lacks. A database that lacks none stays untouched.
fn run_all(c: &mut Database) -> Result<Vec<String>, StoreError> {
    if pending(c)? == 0 {
        return Ok(Vec::new());
    }
    match c {
        Database::Sqlite(sqlite) => {
            let done = run_pending(sqlite, SQLITE)?;
            note_rewrite(sqlite, &done)?;
            Ok(done)
        }
        Database::Postgresql(postgres) => run_pending(postgres, POSTGRES),
    }
}

/// Since this migration, deleted data is overwritten in a SQLite file. Data that was deleted before disappears when the
/// file is rewritten.
const OVERWRITES: &str = "20261130000023";

/// Records, in the transaction of the migrations, that a SQLite file which reaches [`OVERWRITES`] must be rewritten.
/// The process may die before the rewrite.
fn note_rewrite(c: &mut SqliteConnection, done: &[String]) -> QueryResult<()> {
    if done.iter().any(|step| step == OVERWRITES) {
        c.batch_execute("PRAGMA user_version = 1")?;
    }
    Ok(())
}

#[derive(QueryableByName)]
struct UserVersion {
    #[diesel(sql_type = diesel::sql_types::Integer)]
    user_version: i32,
}

/// Rewrites a SQLite file if that is still to be done.
fn rewrite(c: &mut Database) {
    let Database::Sqlite(sqlite) = c else { return };
    let rewritten =
        diesel::sql_query("PRAGMA user_version").get_result::<UserVersion>(sqlite).and_then(|row| {
            if row.user_version == 0 {
                return Ok(());
            }
            sqlite.batch_execute("VACUUM; PRAGMA user_version = 0; PRAGMA wal_checkpoint(TRUNCATE);")
        });
    if let Err(error) = rewritten {
        tracing::warn!(
            %error,
            "the database file could not be rewritten, and may still hold data that was erased before this version: stop the \
             controller and run `sqlite3 FILE VACUUM`"
        );
    }
}

/// Refuses a database that a newer program has changed, or one that lacks migrations of this program. This function
/// only reads, so a user who may only read can call it.
pub(in crate::store) fn check(c: &mut Database, url: &DatabaseUrl) -> Result<(), StoreError> {
    refuse_foreign(c, url)?;
    let pending = pending(c)?;
    if pending == 0 { Ok(()) } else { Err(StoreError::Older { pending }) }
}

fn failed(error: Box<dyn std::error::Error + Send + Sync>) -> StoreError {
    StoreError::Migration(error.to_string())
}

fn run_pending<DB, C>(c: &mut C, ours: EmbeddedMigrations) -> Result<Vec<String>, StoreError>
where
    DB: Backend,
    C: MigrationHarness<DB>,
    EmbeddedMigrations: MigrationSource<DB>,
{
    Ok(c.run_pending_migrations(ours).map_err(failed)?.iter().map(ToString::to_string).collect())
}

/// Returns how many of this program's migrations the database lacks.
///
/// # Errors
/// [`StoreError::Newer`] when a newer program has changed the database.
fn pending(c: &mut Database) -> Result<usize, StoreError> {
    let known = match c {
        Database::Sqlite(_) => versions::<Sqlite>(&SQLITE),
        Database::Postgresql(_) => versions::<Pg>(&POSTGRES),
    }?;
    let applied = applied(c)?;
    refuse_newer(&known, &applied)?;
    Ok(known.iter().filter(|version| !applied.contains(version)).count())
}

/// Returns the versions of a set of migrations, the oldest first.
fn versions<DB: Backend>(ours: &EmbeddedMigrations) -> Result<Vec<String>, StoreError> {
    let migrations = MigrationSource::<DB>::migrations(ours).map_err(failed)?;
    let mut versions: Vec<String> = migrations.iter().map(|m| m.name().version().to_string()).collect();
    versions.sort();
    Ok(versions)
}

#[derive(QueryableByName)]
struct Version {
    #[diesel(sql_type = diesel::sql_types::Text)]
    version: String,
}

/// Returns the versions of the migrations that the database has. Diesel's own function would first create its table,
/// even if the table exists, and only the owner of a PostgreSQL database may do that.
fn applied(c: &mut Database) -> Result<Vec<String>, StoreError> {
    let is_there = match c {
        Database::Sqlite(_) => {
            "SELECT name AS version FROM sqlite_master WHERE name = '__diesel_schema_migrations'"
        }
        Database::Postgresql(_) => {
            "SELECT to_regclass('__diesel_schema_migrations')::text AS version \
             WHERE to_regclass('__diesel_schema_migrations') IS NOT NULL"
        }
    };
    if diesel::sql_query(is_there).load::<Version>(c)?.is_empty() {
        return Ok(Vec::new());
    }
    let rows = diesel::sql_query("SELECT version FROM __diesel_schema_migrations").load::<Version>(c)?;
    Ok(rows.into_iter().map(|row| row.version).collect())
}

fn refuse_newer(known: &[String], applied: &[String]) -> Result<(), StoreError> {
    let strange: Vec<&String> = applied.iter().filter(|version| !known.contains(version)).collect();
    let last = known.last().cloned().unwrap_or_else(|| "none".to_owned());
    match strange.iter().max() {
        // The rules of migrations/README.md keep a database that is one version ahead readable for this program.
        Some(next) if strange.len() <= VERSIONS_AHEAD && **next > last => {
            tracing::warn!(version = next, "the database is one version ahead of this program");
            Ok(())
        }
        Some(version) => Err(StoreError::Newer { version: (*version).clone(), known: last }),
        None => Ok(()),
    }
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    tables: i64,
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    ours: i64,
}

/// Refuses a SQLite file of another program. A mistyped path must not put our tables into it.
fn refuse_foreign(c: &mut Database, url: &DatabaseUrl) -> Result<(), StoreError> {
    let (Database::Sqlite(sqlite), DatabaseUrl::Sqlite(path)) = (c, url) else { return Ok(()) };
    let found: Count = diesel::sql_query(
        "SELECT count(*) AS tables, coalesce(sum(name = '__diesel_schema_migrations'), 0) AS ours \
         FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'",
    )
    .get_result(sqlite)?;
    if found.tables > 0 && found.ours == 0 {
        return Err(StoreError::Foreign { path: path.clone() });
    }
    Ok(())
}
