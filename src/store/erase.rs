//! Erasure of a person: what is known of a number is taken out of every table, and the act of it is kept.
//!
//! In: a number, who erases it, when. Out: an [`Act`]: which tables, how many rows, what follows later.
//! The rows themselves stay, since days, queues and agents are counted by them; but the person is gone from them.
//! A number gives way to a pseudonym made for this one erasure, `+999` and the number of the act: the tables' checks
//! hold, several rows of one person stay those of one person, and nothing leads back, not even for one who has the
//! audit's key. Country code 999 belongs to nobody (ITU-T E.164, reserved), so no caller has such a number, and no
//! policy lets it be dialled. The database lets a number change into the pseudonym of a recorded act only.
//! **The day's cap holds for him, too.** Attempts of the last [`KEEP_ATTEMPTS`] keep their number until then, without
//! what was noted of them: if he calls again today, his new case finds today's attempts, and the database refuses a
//! fourth. [`finish`] takes the number out as soon as the business day is over for certain (152-FZ art. 21 gives 30
//! days). Entries of the audit hold no number in clear, and stay.
//! **To add a table, add a line to `PLACES`.** A test plants words in every text column of every table, and fails for one
//! that no line clears.
//! After that [`Store::scrub`](super::Store::scrub) sees to it that the files hold nothing of it either.

mod forms;

use std::time::Duration;

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use serde::Serialize;

use super::dialect::{cached::Cache as _, hold};
use super::schema::{
    attempts, attempts_to_erase, calls, cases, do_not_call, erasures, outbox as outbox_rows,
};
use super::{Database, StoreError, attempts as rows, audit, cases as case_rows, outbox};
use crate::audit::{Action, Entry, details};
use crate::clock::UnixMs;
use crate::ids::CaseId;
use crate::missed::case::Closed;
use crate::phone::{E164, Home};

/// What a column holds after the erasure.
#[derive(Debug, Clone, Copy)]
enum Becomes {
    /// The pseudonym.
    Pseudonym,
    /// NULL.
    Nothing,
    /// An empty text.
    Blank,
    /// What an event says that was erased.
    Gone,
    /// The pseudonym and the row's own number, unless it was empty: several rows of one event must differ.
    Own,
    /// That it was erased, if it said anything.
    Why,
}
use Becomes::{Blank, Gone, Nothing, Own, Pseudonym, Why};

/// A table that knows persons.
struct Place {
    /// The table.
    table: &'static str,
    /// Its rows of a number, `$1`.
    rows: &'static str,
    /// What becomes of which column.
    columns: &'static [(&'static str, Becomes)],
}

/// The events of a number, `$1`, once they are [`found`].
macro_rules! events_of {
    () => {
        "SELECT seq FROM outbox WHERE number = $1"
    };
}

/// Every table that knows persons. A caller who hid his number, or one whose number came in another form, is found
/// by the number as it came.
const PLACES: &[Place] = &[
    // Whom of us it was told is gone as well: nobody can say whose address it is.
    Place {
        table: "deliveries",
        rows: concat!("event IN (", events_of!(), ")"),
        columns: &[
            ("recipient", Own),
            ("recipient_key", Nothing),
            ("last_status", Nothing),
            ("last_error", Why),
        ],
    },
    // Events of others went to this number.
    Place {
        table: "deliveries",
        rows: "recipient = $1",
        columns: &[("recipient", Own), ("recipient_key", Nothing), ("last_status", Nothing)],
    },
    // What is not told yet is told to nobody.
    Place { table: "outbox", rows: "number = $1", columns: &[("payload", Gone), ("number", Nothing)] },
    Place {
        table: "requests",
        rows: "number = $1",
        columns: &[
            ("number", Pseudonym),
            ("name", Nothing),
            ("email", Nothing),
            ("text", Nothing),
            ("page", Nothing),
            ("address", Nothing),
            ("key_hash", Nothing),
            ("body_hash", Nothing),
        ],
    },
    Place {
        table: "calls",
        rows: "number = $1",
        columns: &[
            ("number", Pseudonym),
            ("caller_number", Pseudonym),
            ("caller_name", Blank),
            ("came_by", Nothing),
        ],
    },
    Place {
        table: "calls",
        rows: "caller_number = $1",
        columns: &[("caller_number", Pseudonym), ("caller_name", Blank), ("came_by", Nothing)],
    },
    // Calls of ours to him.
    Place {
        table: "calls",
        rows: "dialled = $1 AND direction <> 'inbound'",
        columns: &[("dialled", Pseudonym)],
    },
    Place { table: "refusals", rows: "number = $1", columns: &[("number", Pseudonym), ("why", Blank)] },
    // That he wants no calls must stay known, or he would be called again; what was noted of him need not.
    Place { table: "do_not_call", rows: "number = $1 AND note IS NOT NULL", columns: &[("note", Nothing)] },
    Place {
        table: "cases",
        rows: "number = $1",
        columns: &[("number", Pseudonym), ("note", Nothing), ("came_by", Nothing)],
    },
    Place {
        table: "attempts",
        rows: "number = $1 AND id NOT IN (SELECT attempt FROM attempts_to_erase)",
        columns: &[("number", Pseudonym), ("note", Nothing)],
    },
    Place { table: "attempts", rows: "number = $1 AND note IS NOT NULL", columns: &[("note", Nothing)] },
];

/// How long an attempt's business day may still be going on: a day lasts 24 hours at most, and a shift that begins on
/// it ends 24 hours after its beginning at the latest (the check of `schedule_hours.closes_min`).
pub const KEEP_ATTEMPTS: Duration = Duration::from_hours(48);

/// Rows of a table that were changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Erased {
    /// The table.
    pub table: &'static str,
    /// How many rows.
    pub rows: usize,
}

/// The act of an erasure, as it is kept and shown. It holds no number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Act {
    /// Its number.
    pub erasure: i64,
    /// When.
    pub at: UnixMs,
    /// By whom.
    pub by: String,
    /// What stands for the number in the audit.
    pub number_key: String,
    /// What stands for the person in the rows.
    pub pseudonym: String,
    /// What was erased.
    pub tables: Vec<Erased>,
    /// Cases that were open, and are closed as `erased`.
    pub cases_closed: usize,
    /// Attempts that keep the number until their business day is over.
    pub attempts_later: usize,
    /// When these are erased, too.
    pub attempts_at: Option<UnixMs>,
    /// The tables that keep the number on purpose: `do_not_call`, or the person would be called again.
    pub kept: Vec<&'static str>,
}

/// Erases a person. A number of whom nothing is known gets an act as well: it says that nothing was there. `home` says what
/// the numbers mean that are kept as they came.
///
/// # Errors
/// [`StoreError::Refused`] while they are on the line.
pub fn person(
    c: &mut Database,
    number: &E164,
    home: &Home,
    by: &str,
    now: UnixMs,
) -> Result<Act, StoreError> {
    hold::number(c, number)?;
    // Nobody shares out or settles meanwhile what is erased.
    hold::name(c, outbox::LOCK)?;
    let forms = forms::of(c, number, home)?;
    refuse_live(c, number, &forms)?;
    let number_key = audit::key(c, now)?.of_number(number).as_str().to_owned();
    let erasure: i64 = diesel::insert_into(erasures::table)
        .values((erasures::number_key.eq(&number_key), erasures::at.eq(now), erasures::by.eq(by)))
        .returning(erasures::id)
        .get_result(c)?;
    let pseudonym = format!("+999{erasure:012}");
    diesel::update(erasures::table.find(erasure))
        .set(erasures::pseudonym.eq(&pseudonym))
        .returning(erasures::id)
        .count_changed(c)?;
    let cases_closed = close_cases(c, number, by, now)?;
    let (attempts_later, attempts_at) = put_off(c, number, erasure, now)?;
    found(c, number, &forms)?;
    tell_nobody(c, number, now)?;
    let tables = everywhere(c, &forms, &pseudonym)?;
    let act = Act {
        erasure,
        at: now,
        by: by.to_owned(),
        number_key,
        pseudonym,
        tables,
        cases_closed,
        attempts_later,
        attempts_at,
        kept: kept(c, number)?,
    };
    keep(c, number, &act)?;
    Ok(act)
}

/// The tables that keep the number on purpose.
fn kept(c: &mut Database, number: &E164) -> Result<Vec<&'static str>, StoreError> {
    let listed: i64 =
        do_not_call::table.filter(do_not_call::number.eq(number.as_str())).count().get_result(c)?;
    Ok(if listed > 0 { vec!["do_not_call"] } else { Vec::new() })
}

fn keep(c: &mut Database, number: &E164, act: &Act) -> Result<(), StoreError> {
    let text = serde_json::to_string(act).map_err(|error| StoreError::Refused(error.to_string()))?;
    diesel::update(erasures::table.find(act.erasure))
        .set(erasures::act.eq(text))
        .returning(erasures::id)
        .count_changed(c)?;
    let tables = act.tables.iter().map(|erased| (erased.table.to_owned(), erased.rows.into())).collect();
    let tables = serde_json::Value::Object(tables);
    audit::append(
        c,
        &Entry {
            at: act.at,
            by: &act.by,
            action: Action::Erasure,
            number: Some(number.as_str()),
            subject: Some(format!("erasure:{}", act.erasure)),
            details: details([
                ("tables", tables),
                ("cases_closed", act.cases_closed.into()),
                ("attempts_later", act.attempts_later.into()),
            ]),
        },
    )
}

/// A call that goes on writes its number again when it ends, and an attempt without a result is found by it.
fn refuse_live(c: &mut Database, number: &E164, forms: &[String]) -> Result<(), StoreError> {
    if let Some(row) = rows::unfinished(c, number)? {
        let who = row.agent.map_or(row.by, String::from);
        return Err(StoreError::Refused(format!(
            "{who} is calling this person, or has not recorded the result: erase the person after that (`dozvon case result {}`)",
            row.case_id
        )));
    }
    let live: i64 = calls::table
        .filter(calls::number.eq(number.as_str()).or(calls::caller_number.eq_any(forms)))
        .filter(calls::ended_at.is_null())
        .count()
        .get_result(c)?;
    if live == 0 {
        return Ok(());
    }
    let why = "this person is in a call now: erase the person when the call has ended (`dozvon call list --live` shows it)";
    Err(StoreError::Refused(why.to_owned()))
}

/// Closes what is owed to him.
fn close_cases(c: &mut Database, number: &E164, by: &str, now: UnixMs) -> Result<usize, StoreError> {
    hold::open_case(c, number)?;
    let open: Vec<CaseId> = cases::table
        .filter(cases::number.eq(number.as_str()).and(cases::closed_at.is_null()))
        .select(cases::id)
        .load(c)?;
    for id in &open {
        case_rows::close(c, *id, Closed::Erased, by, None, now)?;
    }
    Ok(open.len())
}

/// Notes which attempts keep the number for now. How many, and until when.
fn put_off(
    c: &mut Database,
    number: &E164,
    erasure: i64,
    now: UnixMs,
) -> Result<(usize, Option<UnixMs>), StoreError> {
    let recent: Vec<(i64, i64)> = attempts::table
        .filter(attempts::number.eq(number.as_str()).and(attempts::at.gt(now - KEEP_ATTEMPTS)))
        .select((attempts::id, attempts::at))
        .load(c)?;
    let mut last = None;
    for (attempt, at) in &recent {
        let due = UnixMs(*at) + KEEP_ATTEMPTS;
        last = last.max(Some(due));
        let noted: i64 = attempts_to_erase::table.find(attempt).count().get_result(c)?;
        if noted == 0 {
            diesel::insert_into(attempts_to_erase::table)
                .values((
                    attempts_to_erase::attempt.eq(attempt),
                    attempts_to_erase::erasure.eq(erasure),
                    attempts_to_erase::due_at.eq(due),
                ))
                .insert(c)?;
        }
    }
    Ok((recent.len(), last))
}

#[derive(QueryableByName)]
struct Candidate {
    #[diesel(sql_type = BigInt)]
    seq: i64,
    #[diesel(sql_type = Text)]
    payload: String,
}

/// Gives every event of a number that number: those of its cases and calls, and those whose words hold it in any form,
/// such as events that a program before this one kept of calls and cases that are gone.
fn found(c: &mut Database, number: &E164, forms: &[String]) -> Result<(), StoreError> {
    let of_cases = "UPDATE outbox SET number = $1 WHERE aggregate IN (SELECT 'case:' || id FROM cases WHERE number = $1)";
    diesel::sql_query(of_cases).bind::<Text, _>(number.as_str()).execute(c)?;
    let of_calls = "UPDATE outbox SET number = $1 WHERE aggregate IN \
         (SELECT 'call:' || id FROM calls WHERE number = $1 OR (number IS NULL AND caller_number = $2))";
    for form in forms {
        diesel::sql_query(of_calls).bind::<Text, _>(number.as_str()).bind::<Text, _>(form).execute(c)?;
        in_words(c, number, form)?;
    }
    Ok(())
}

/// Gives the events whose words hold a form of the number that number.
fn in_words(c: &mut Database, number: &E164, form: &str) -> Result<(), StoreError> {
    let like = format!("%{}%", form.replace('!', "!!").replace('%', "!%").replace('_', "!_"));
    let sql = "SELECT seq, payload FROM outbox WHERE payload LIKE $1 ESCAPE '!' ORDER BY seq";
    let candidates: Vec<Candidate> = diesel::sql_query(sql).bind::<Text, _>(like).load(c)?;
    for Candidate { seq, .. } in candidates.iter().filter(|event| holds(&event.payload, form)) {
        diesel::update(outbox_rows::table.find(seq))
            .set(outbox_rows::number.eq(number.as_str()))
            .returning(outbox_rows::seq)
            .count_changed(c)?;
    }
    Ok(())
}

/// Whether a text holds this number, and not only a longer one that has its digits in it.
fn holds(text: &str, number: &str) -> bool {
    let digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
    text.match_indices(number).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let whole = !digit(before) && (number.starts_with('+') || before != Some('+'));
        whole && !digit(text[at + number.len()..].chars().next())
    })
}

/// What of his waits to be told, or was given up, is not told any more.
fn tell_nobody(c: &mut Database, number: &E164, now: UnixMs) -> Result<(), StoreError> {
    let sql = format!(
        "UPDATE deliveries SET state = 'skipped', done_at = coalesce(done_at, {}), next_at = NULL, \
         lease_until = NULL, leased_by = NULL, last_error = '{}' WHERE state IN ('waiting', 'dead') AND (event IN ({}) OR recipient = $1)",
        now.0,
        outbox::WAS_ERASED,
        events_of!()
    );
    diesel::sql_query(sql).bind::<Text, _>(number.as_str()).execute(c)?;
    Ok(())
}

fn everywhere(c: &mut Database, forms: &[String], pseudonym: &str) -> Result<Vec<Erased>, StoreError> {
    let mut tables: Vec<Erased> = Vec::new();
    for place in PLACES {
        for form in forms {
            let rows = erase(c, place, form, pseudonym)?;
            match tables.iter_mut().find(|erased| erased.table == place.table) {
                Some(erased) => erased.rows += rows,
                None => tables.push(Erased { table: place.table, rows }),
            }
        }
    }
    Ok(tables)
}

/// Erases the rows of one place. The text of the statement is made of [`PLACES`] and of our pseudonym only.
fn erase(c: &mut Database, place: &Place, number: &str, pseudonym: &str) -> Result<usize, StoreError> {
    let set: Vec<String> = place
        .columns
        .iter()
        .map(|(column, becomes)| match becomes {
            Pseudonym => format!("{column} = '{pseudonym}'"),
            Nothing => format!("{column} = NULL"),
            Blank => format!("{column} = ''"),
            Gone => format!("{column} = '{}'", outbox::ERASED),
            Own => format!("{column} = CASE WHEN {column} = '' THEN '' ELSE '{pseudonym}/' || id END"),
            Why => {
                format!("{column} = CASE WHEN {column} IS NULL THEN NULL ELSE '{}' END", outbox::WAS_ERASED)
            }
        })
        .collect();
    let sql = format!("UPDATE {} SET {} WHERE {}", place.table, set.join(", "), place.rows);
    Ok(diesel::sql_query(sql).bind::<Text, _>(number).execute(c)?)
}

#[derive(QueryableByName)]
struct Due {
    #[diesel(sql_type = BigInt)]
    attempt: i64,
    #[diesel(sql_type = Text)]
    pseudonym: String,
}

/// Takes the number out of attempts whose business day is over, at most so many. How many it was.
///
/// # Errors
/// When the database fails.
pub fn finish(c: &mut Database, now: UnixMs, limit: i64) -> Result<usize, StoreError> {
    let due: Vec<Due> = diesel::sql_query(
        "SELECT d.attempt AS attempt, e.pseudonym AS pseudonym FROM attempts_to_erase AS d \
         JOIN erasures AS e ON e.id = d.erasure WHERE d.due_at <= $1 ORDER BY d.due_at LIMIT $2",
    )
    .bind::<BigInt, _>(now.0)
    .bind::<BigInt, _>(limit)
    .load(c)?;
    for Due { attempt, pseudonym } in &due {
        diesel::update(attempts::table.find(attempt))
            .set((attempts::number.eq(pseudonym), attempts::note.eq(None::<String>)))
            .returning(attempts::id)
            .count_changed(c)?;
        diesel::delete(attempts_to_erase::table.find(attempt)).execute(c)?;
    }
    Ok(due.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_not_found_in_a_longer_one() {
        for text in ["+79001234567", "{\"n\":\"+79001234567\"}", "x+79001234567-1", "1 +79001234567."] {
            assert!(holds(text, "+79001234567"), "{text}");
        }
        assert!(holds("call 79001234567", "79001234567") && holds("8 9001234567", "9001234567"));
        for text in ["+790012345678", "+7900123456", "179001234567", "+79001234567"] {
            assert!(!holds(text, "79001234567"), "{text}");
        }
    }
}
