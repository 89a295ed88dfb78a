//! Statements that are prepared once.
//!
//! In: a diesel statement that returns rows. Out: the same statement, prepared only at its first use. diesel prepares
//! every UPDATE (and plain SQL) anew, since its text may depend on which values are left out. Preparing one of our
//! statements, with its triggers, takes twice as long as running it. Our statements always have the same text, so a
//! prepared statement is kept under its text. A different text would only add a prepared statement. An INSERT of plain
//! values needs none of this: diesel itself keeps it prepared.
//! **Invariant:** only statements with one text each: no list of values, no optional part.

use diesel::backend::Backend;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::query_dsl::RunQueryDsl;
use diesel::query_dsl::methods::{ExecuteDsl, LoadQuery};
use diesel::result::{Error, QueryResult};
use diesel::{PgConnection, SqliteConnection};

use super::Database;

/// A statement that is kept prepared. Use `load`, not `execute`: diesel's `execute` asks the inner statement whether it
/// may be kept.
#[derive(Debug, Clone, Copy)]
pub(in crate::store) struct Cached<Q>(Q);

/// Runs statements on the inner connection. Through `Database`, diesel would build their text three times.
pub(in crate::store) trait Cache: Sized {
    /// Returns the same statement, kept prepared.
    fn cached(self) -> Cached<Self> {
        Cached(self)
    }

    /// Inserts rows with a statement that diesel itself keeps prepared. Returns the number of rows.
    fn insert(self, connection: &mut Database) -> QueryResult<usize>
    where
        Self: ExecuteDsl<SqliteConnection> + ExecuteDsl<PgConnection>,
    {
        match connection {
            Database::Sqlite(c) => ExecuteDsl::execute(self, c),
            Database::Postgresql(c) => ExecuteDsl::execute(self, c),
        }
    }

    /// Runs the statement, kept prepared, and returns its result for each changed row.
    fn changed<'query, U>(self, connection: &mut Database) -> QueryResult<Vec<U>>
    where
        Cached<Self>: LoadQuery<'query, SqliteConnection, U> + LoadQuery<'query, PgConnection, U>,
    {
        match connection {
            Database::Sqlite(c) => RunQueryDsl::load(self.cached(), c),
            Database::Postgresql(c) => RunQueryDsl::load(self.cached(), c),
        }
    }

    /// Runs the statement, kept prepared, and returns its one row. [`Error::NotFound`] if it returns none.
    fn returned_one<'query, U>(self, connection: &mut Database) -> QueryResult<U>
    where
        Cached<Self>: LoadQuery<'query, SqliteConnection, U> + LoadQuery<'query, PgConnection, U>,
    {
        self.changed::<U>(connection)?.into_iter().next().ok_or(Error::NotFound)
    }

    /// Runs the statement, kept prepared, and returns how many rows it changes. The statement must return one number
    /// for each row.
    fn count_changed<'query>(self, connection: &mut Database) -> QueryResult<usize>
    where
        Cached<Self>: LoadQuery<'query, SqliteConnection, i64> + LoadQuery<'query, PgConnection, i64>,
    {
        Ok(self.changed::<i64>(connection)?.len())
    }
}

impl<Q> Cache for Q {}

impl<Q, DB> QueryFragment<DB> for Cached<Q>
where
    DB: Backend,
    Q: QueryFragment<DB>,
{
    fn walk_ast<'b>(&'b self, pass: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        self.0.walk_ast(pass)
    }

    fn is_safe_to_cache_prepared(&self, _backend: &DB) -> QueryResult<bool> {
        Ok(true)
    }
}

/// The statement has no query id, so diesel uses its text as the key.
impl<Q> QueryId for Cached<Q> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<Q: Query> Query for Cached<Q> {
    type SqlType = Q::SqlType;
}

impl<Q, C> RunQueryDsl<C> for Cached<Q> {}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use diesel::connection::{Connection as _, InstrumentationEvent, SimpleConnection as _};
    use diesel::prelude::*;

    use super::{Cache as _, Database};
    use crate::store::schema::prompts;

    #[test]
    fn an_update_is_prepared_once_and_sees_each_value() {
        let prepared = Arc::new(AtomicU32::new(0));
        let mut sqlite = SqliteConnection::establish(":memory:").unwrap();
        sqlite.batch_execute("CREATE TABLE prompts (name TEXT PRIMARY KEY, source TEXT)").unwrap();
        let count = Arc::clone(&prepared);
        sqlite.set_instrumentation(move |event: InstrumentationEvent<'_>| {
            if matches!(event, InstrumentationEvent::CacheQuery { .. }) {
                count.fetch_add(1, Ordering::Relaxed);
            }
        });
        let c = &mut Database::Sqlite(sqlite);
        for name in ["a", "b", "c"] {
            let new = (prompts::name.eq(name), prompts::source.eq("old"));
            assert_eq!(diesel::insert_into(prompts::table).values(new).insert(c).unwrap(), 1);
        }
        for name in ["a", "b", "none"] {
            let renewed = diesel::update(prompts::table.find(name)).set(prompts::source.eq(name));
            let changed = renewed.returning(prompts::source).changed::<String>(c).unwrap();
            assert_eq!(changed, Vec::from_iter([name].into_iter().filter(|name| *name != "none")));
        }
        assert_eq!(prepared.load(Ordering::Relaxed), 2, "one INSERT, one UPDATE");
    }
}
