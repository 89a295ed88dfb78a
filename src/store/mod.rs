//! Everything that must not be lost: every query of the product, on SQLite (embedded) or PostgreSQL.
//!
//! In: named closures over a [`Database`]. Out: their results, after they are committed and durable. There is one file
//! of queries for each noun. `engine` has the [`Store`], through which all of them run. `commit` runs and commits
//! writes in groups, and `readers` runs reads. `dialect` is the only place where the two databases differ. `lock` keeps
//! a second controller away. The tables, triggers and views are in migrations/, and its README describes them.
//! **Invariant:** a `write` that returned `Ok` is on disk. A `write` that returned an error left nothing behind.
//! **Invariant:** the database refuses what must never happen (two claims on an agent, a fourth attempt, an illegal
//! step, a second ending), whoever writes. The functions here check the same things only to return a better error.
//! *Deliberately absent:* the clock: every instant is an argument.

pub mod agents;
pub mod attempts;
pub mod audit;
mod backup;
mod blocking;
pub mod callbacks;
pub mod calls;
pub mod case_closing;
pub mod case_opening;
pub mod cases;
mod commit;
pub mod crm;
pub mod customer_first;
mod dialect;
pub mod dnc;
pub mod duty;
pub mod elsewhere;
mod engine;
pub mod erase;
mod error;
pub mod hours;
mod job;
mod known_numbers;
mod lock;
pub mod manual_dial;
pub mod messages;
mod notes;
pub mod offers;
pub mod outbox;
pub mod places;
pub mod private;
mod reach;
mod readable;
mod readers;
pub mod recovery;
pub mod reports;
pub mod requests;
pub mod retention;
pub mod rules;
mod schema;
mod stats;
pub mod surveys;
pub mod waits;

pub use dialect::Database;
pub use engine::Store;
pub use error::StoreError;
pub use job::Awaited;
pub use lock::Lock;
pub use stats::{Stats, TransactionStats};

use crate::column::Unreadable;

/// Reads a word or an id from a column. The database checks these columns, so a failure is a sign of tampering.
fn read<T: std::str::FromStr>(column: &'static str, text: &str) -> Result<T, StoreError> {
    crate::column::parse(text)
        .map_err(|Unreadable { value }| StoreError::Unreadable { column: column.to_owned(), value })
}

/// Returns a duration in the form of the database.
fn to_ms(span: std::time::Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

/// Returns a duration from the form of the database.
fn from_ms(ms: i64) -> std::time::Duration {
    std::time::Duration::from_millis(ms.max(0).unsigned_abs())
}
