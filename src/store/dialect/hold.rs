//! Row locks until the end of the transaction. So a row that was read is still the same when it is written.
//!
//! In: which rows. Out: nothing. Other transactions that would change these rows wait for us, and we wait for them.
//! SQLite has one writer at a time, so it needs no locks. On PostgreSQL another transaction may commit between our read
//! of a row and our write. So a transaction that reads a row, decides and writes must lock the row first, and read it
//! after that.
//! **Invariant:** a transaction takes several locks in this order: the number, the call, the offer, the agent, the
//! case, the audit. If transactions deadlock nevertheless, the server ends one of them, and that one may be repeated.

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::serialize::ToSql;
use diesel::sql_types::{BigInt, Text};

use super::Database;
use super::cached::Cache as _;
use crate::ids::{AgentName, CallId, CaseId, OfferId};
use crate::phone::E164;

/// Makes transactions about the same number run one after another.
pub(in crate::store) fn number(connection: &mut Database, number: &E164) -> QueryResult<()> {
    name(connection, number.as_str())
}

/// Makes transactions about the same thing with a name run one after another.
pub(in crate::store) fn name(connection: &mut Database, name: &str) -> QueryResult<()> {
    text(connection, "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))::text AS held", name)
}

/// Makes transactions that change the rules run one after another.
pub(in crate::store) fn rules(connection: &mut Database) -> QueryResult<()> {
    name(connection, "rules")
}

/// Makes transactions that append to the audit run one after another: its rows are numbered in the order of their
/// commits.
pub(in crate::store) fn audit(connection: &mut Database) -> QueryResult<()> {
    name(connection, "audit")
}

/// Locks an agent.
pub(in crate::store) fn agent(connection: &mut Database, name: &AgentName) -> QueryResult<()> {
    text(connection, "SELECT name AS held FROM agents WHERE name = $1 FOR NO KEY UPDATE", name)
}

/// Locks a call.
pub(in crate::store) fn call(connection: &mut Database, id: CallId) -> QueryResult<()> {
    text(connection, "SELECT id AS held FROM calls WHERE id = $1 FOR NO KEY UPDATE", id)
}

/// Locks an offer, with its call and its agent.
pub(in crate::store) fn offer(connection: &mut Database, id: OfferId) -> QueryResult<()> {
    let rows = "SELECT o.id AS held FROM calls AS c JOIN offers AS o ON o.call = c.id JOIN agents AS a ON a.name = o.agent \
                WHERE o.id = $1 FOR NO KEY UPDATE";
    text(connection, rows, id)
}

/// Locks a case.
pub(in crate::store) fn case(connection: &mut Database, id: CaseId) -> QueryResult<()> {
    let Database::Postgresql(c) = connection else { return Ok(()) };
    let sql = "SELECT number AS held FROM cases WHERE id = $1 FOR NO KEY UPDATE";
    diesel::sql_query(sql).bind::<BigInt, _>(id).cached().load::<Held>(c)?;
    Ok(())
}

/// Locks the open case of a number, if there is one.
pub(in crate::store) fn open_case(connection: &mut Database, number: &E164) -> QueryResult<()> {
    let open = "SELECT number AS held FROM cases WHERE number = $1 AND closed_at IS NULL FOR NO KEY UPDATE";
    text(connection, open, number)
}

/// The row that a locking statement returns. Nothing reads it.
#[derive(QueryableByName)]
struct Held {
    #[diesel(sql_type = Text, column_name = held)]
    _held: String,
}

fn text<Id>(connection: &mut Database, sql: &str, about: Id) -> QueryResult<()>
where
    Id: ToSql<Text, Pg>,
{
    let Database::Postgresql(c) = connection else { return Ok(()) };
    diesel::sql_query(sql).bind::<Text, _>(about).cached().load::<Held>(c)?;
    Ok(())
}
