//! Rows that are held until the transaction ends, so that what was read of them is still so when it is written.
//!
//! In: whose rows. Out: nothing; whoever else would change them waits for us, as we do for him.
//! SQLite has one writer at a time, and nothing to hold. On PostgreSQL another transaction may commit between our
//! reading of a row and our writing: what reads a row, decides, and writes holds the row first, and reads then.
//! **Invariant:** who holds several takes them in one order: the number, the call, the offer, the agent, the case, the audit.
//! What meets in a circle all the same is broken up by the server, and may be repeated.

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::serialize::ToSql;
use diesel::sql_types::{BigInt, Text};

use super::Database;
use super::cached::Cache as _;
use crate::ids::{AgentName, CallId, CaseId, OfferId};
use crate::phone::E164;

/// Lets transactions that concern one number follow each other.
pub(in crate::store) fn number(connection: &mut Database, number: &E164) -> QueryResult<()> {
    name(connection, number.as_str())
}

/// The same for what concerns anything else that has a name.
pub(in crate::store) fn name(connection: &mut Database, name: &str) -> QueryResult<()> {
    text(connection, "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))::text AS held", name)
}

/// Lets those who change the rules follow each other.
pub(in crate::store) fn rules(connection: &mut Database) -> QueryResult<()> {
    name(connection, "rules")
}

/// Lets those who append to the audit follow each other: its rows are numbered in the order of their commits.
pub(in crate::store) fn audit(connection: &mut Database) -> QueryResult<()> {
    name(connection, "audit")
}

/// Holds an agent.
pub(in crate::store) fn agent(connection: &mut Database, name: &AgentName) -> QueryResult<()> {
    text(connection, "SELECT name AS held FROM agents WHERE name = $1 FOR NO KEY UPDATE", name)
}

/// Holds a call.
pub(in crate::store) fn call(connection: &mut Database, id: CallId) -> QueryResult<()> {
    text(connection, "SELECT id AS held FROM calls WHERE id = $1 FOR NO KEY UPDATE", id)
}

/// Holds an offer, with its call and its agent.
pub(in crate::store) fn offer(connection: &mut Database, id: OfferId) -> QueryResult<()> {
    let rows = "SELECT o.id AS held FROM calls AS c JOIN offers AS o ON o.call = c.id JOIN agents AS a ON a.name = o.agent \
                WHERE o.id = $1 FOR NO KEY UPDATE";
    text(connection, rows, id)
}

/// Holds a case.
pub(in crate::store) fn case(connection: &mut Database, id: CaseId) -> QueryResult<()> {
    let Database::Postgresql(c) = connection else { return Ok(()) };
    let sql = "SELECT number AS held FROM cases WHERE id = $1 FOR NO KEY UPDATE";
    diesel::sql_query(sql).bind::<BigInt, _>(id).cached().load::<Held>(c)?;
    Ok(())
}

/// Holds the open case of a number, if there is one.
pub(in crate::store) fn open_case(connection: &mut Database, number: &E164) -> QueryResult<()> {
    let open = "SELECT number AS held FROM cases WHERE number = $1 AND closed_at IS NULL FOR NO KEY UPDATE";
    text(connection, open, number)
}

/// What a statement that holds returns; nobody needs it.
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
