//! What must not be lost: every query of the product, on SQLite (embedded) or PostgreSQL.
//!
//! In: closures over a [`Database`], named. Out: their results, after they are committed and durable.
//! One file a noun holds the queries; `engine` is the way in, `commit` runs and commits what writes in groups,
//! `readers` runs what reads; `dialect` is the only place where the two databases differ; `lock` keeps a second
//! controller off. Tables, triggers and views stand in migrations/, described in its README.
//! **Invariant:** a `write` that returned `Ok` is on disk. One that returned an error left nothing behind.
//! **Invariant:** what must never be (two claims on an agent, a fourth attempt, an illegal step, a second ending)
//! is refused by the database, whoever writes; the functions here only say it more politely.
//! *Deliberately absent:* the clock: every instant is an argument.

pub mod agents;
pub mod attempts;
pub mod audit;
mod backup;
pub mod callbacks;
pub mod calls;
pub mod cases;
mod commit;
pub mod crm;
pub mod customer_first;
mod dialect;
pub mod dnc;
pub mod elsewhere;
mod engine;
pub mod erase;
mod error;
mod flood;
pub mod handset;
mod lock;
mod notes;
pub mod offers;
pub mod outbox;
pub mod private;
mod readers;
pub mod recovery;
pub mod reports;
pub mod requests;
pub mod retention;
pub mod rules;
mod schema;
mod stats;

pub use dialect::Database;
pub use engine::Store;
pub use error::StoreError;
pub use lock::Lock;
pub use stats::{Stats, TransactionStats};

use crate::column::Unreadable;

/// Reads a word or an id that the database holds; the database's checks make a failure a sign of tampering.
fn read<T: std::str::FromStr>(column: &'static str, text: &str) -> Result<T, StoreError> {
    crate::column::parse(text)
        .map_err(|Unreadable { value }| StoreError::Unreadable { column: column.to_owned(), value })
}

/// The same for a column that may be empty.
fn read_option<T: std::str::FromStr>(
    column: &'static str,
    text: Option<&String>,
) -> Result<Option<T>, StoreError> {
    text.map(|text| read(column, text)).transpose()
}

/// A duration as the database holds it.
fn to_ms(span: std::time::Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

/// A duration as the code holds it.
fn from_ms(ms: i64) -> std::time::Duration {
    std::time::Duration::from_millis(ms.max(0).unsigned_abs())
}
