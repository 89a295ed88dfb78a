//! Databases to test on, and raw connections to them.

pub mod postgres;

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use diesel::backend::Backend;
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use diesel_migrations::{FileBasedMigrations, MigrationHarness};
use dozvon::config::database::DatabaseUrl;
use dozvon::config::store::Settings;
use dozvon::store::{Database, Store, StoreError};

/// A database of one test, with the schema in place.
pub struct Db {
    pub store: Store,
    pub url: DatabaseUrl,
    /// Removed with the test.
    folder: Option<tempfile::TempDir>,
}

/// Runs a test on an empty SQLite file and on an empty PostgreSQL database.
pub fn for_each_database(test: impl AsyncFn(&Db)) {
    on_sqlite(&test);
    match postgres::server() {
        Some(server) => {
            let db = runtime().block_on(Db::open(server.database(), None));
            run(&db, &test);
        }
        None => postgres::say_left_out(),
    }
}

/// Runs a test that is about files.
pub fn on_sqlite(test: &impl AsyncFn(&Db)) {
    let folder = tempfile::tempdir().unwrap();
    let url = DatabaseUrl::Sqlite(folder.path().join("dozvon.db"));
    run(&runtime().block_on(Db::open(url, Some(folder))), test);
}

/// Runs a test that is about a server, where there is one.
pub fn on_postgres(test: &impl AsyncFn(&Db)) {
    match postgres::server() {
        Some(server) => run(&runtime().block_on(Db::open(server.database(), None)), test),
        None => postgres::say_left_out(),
    }
}

/// An address of a database that nobody has touched: SQLite's folder goes with the test.
pub fn untouched(mut test: impl FnMut(DatabaseUrl)) {
    let folder = tempfile::tempdir().unwrap();
    test(DatabaseUrl::Sqlite(folder.path().join("dozvon.db")));
    match postgres::server() {
        Some(server) => test(server.empty()),
        None => postgres::say_left_out(),
    }
}

fn run(db: &Db, test: &impl AsyncFn(&Db)) {
    eprintln!("on {}", db.url);
    RUNTIME.with(|runtime| runtime.block_on(test(db)));
}

thread_local! {
    static RUNTIME: tokio::runtime::Runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
}

/// Blocks on the runtime of this test's thread, on which its stores live.
pub struct Runtime;

/// The runtime of this test's thread.
pub const fn runtime() -> Runtime {
    Runtime
}

impl Runtime {
    pub fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        RUNTIME.with(|runtime| runtime.block_on(future))
    }
}

impl Db {
    async fn open(url: DatabaseUrl, folder: Option<tempfile::TempDir>) -> Self {
        let store = Store::open(&url, Settings::default()).await.unwrap();
        store.migrate().await.unwrap();
        Self { store, url, folder }
    }

    /// Writes and expects it to be done.
    pub async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Database) -> Result<T, StoreError> + Send + 'static,
    ) -> T {
        self.store.write("test", work).await.unwrap()
    }

    /// Writes and expects it to be refused.
    pub async fn refused<T: Send + std::fmt::Debug + 'static>(
        &self,
        work: impl FnOnce(&mut Database) -> Result<T, StoreError> + Send + 'static,
    ) -> StoreError {
        self.store.write("test", work).await.unwrap_err()
    }

    /// Another handle with connections of its own, as another process has.
    pub async fn other(&self) -> Store {
        Store::open(&self.url, Settings::default()).await.unwrap()
    }

    /// A connection that knows nothing of dozvon: no settings, only SQL.
    pub fn raw(&self) -> Raw {
        Raw::open(&self.url)
    }

    pub fn is_sqlite(&self) -> bool {
        self.folder.is_some()
    }

    pub fn file(&self) -> PathBuf {
        self.store.file().unwrap().to_owned()
    }
}

/// Plain SQL, as any client sends it.
pub enum Raw {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = BigInt)]
    v: i64,
}

#[derive(QueryableByName)]
struct Word {
    #[diesel(sql_type = Text)]
    v: String,
}

impl Raw {
    pub fn open(url: &DatabaseUrl) -> Self {
        match url {
            DatabaseUrl::Sqlite(path) => {
                let mut c = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
                c.batch_execute("PRAGMA busy_timeout = 20000").unwrap();
                Self::Sqlite(c)
            }
            DatabaseUrl::Postgres(url) => Self::Postgres(PgConnection::establish(url).unwrap()),
        }
    }

    /// Runs statements; the error is what the database says.
    pub fn run(&mut self, sql: &str) -> Result<(), String> {
        match self {
            Self::Sqlite(c) => c.batch_execute(sql),
            Self::Postgres(c) => c.batch_execute(sql),
        }
        .map_err(|error| error.to_string())
    }

    /// Brings the schema to this step, as its program of then did.
    pub fn migrate_to(&mut self, version: &str) {
        match self {
            Self::Sqlite(c) => migrate_to(c, "migrations/sqlite", version),
            Self::Postgres(c) => migrate_to(c, "migrations/postgres", version),
        }
    }

    /// Runs statements that must be refused, with words that must be in the refusal.
    pub fn refused(&mut self, sql: &str, words: &str) {
        match self.run(sql) {
            Err(said) => assert!(said.contains(words), "{sql}: {said:?} does not say {words:?}"),
            Ok(()) => panic!("not refused: {sql}"),
        }
    }

    /// The numbers of a column named `v`.
    pub fn numbers(&mut self, sql: &str) -> Vec<i64> {
        let query = diesel::sql_query(sql);
        let rows: Vec<Number> = match self {
            Self::Sqlite(c) => query.load(c),
            Self::Postgres(c) => query.load(c),
        }
        .unwrap_or_else(|error| panic!("{sql}: {error}"));
        rows.into_iter().map(|row| row.v).collect()
    }

    pub fn number(&mut self, sql: &str) -> i64 {
        self.numbers(sql)[0]
    }

    /// The texts of a column named `v`.
    pub fn texts(&mut self, sql: &str) -> Vec<String> {
        let query = diesel::sql_query(sql);
        let rows: Vec<Word> = match self {
            Self::Sqlite(c) => query.load(c),
            Self::Postgres(c) => query.load(c),
        }
        .unwrap_or_else(|error| panic!("{sql}: {error}"));
        rows.into_iter().map(|row| row.v).collect()
    }
}

fn migrate_to<DB: Backend>(c: &mut impl MigrationHarness<DB>, folder: &str, version: &str) {
    let steps = FileBasedMigrations::from_path(folder).unwrap();
    while c.run_next_migration(steps.clone()).unwrap().to_string() != version {}
}

/// Counts up, for names that must differ.
pub fn next() -> u32 {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    COUNT.fetch_add(1, Ordering::Relaxed)
}
