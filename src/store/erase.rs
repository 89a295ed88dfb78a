//! Erasure of a person: their data is removed from every table, and the act of the erasure is kept.
//!
//! In: a number, who erases the person, and when. Out: an [`Act`]: which tables, how many rows, and what is erased
//! later. The rows themselves stay, since days, queues and agents are counted by them. Only the person's data is
//! removed. A pseudonym made for this one erasure replaces the number: `+999` and the number of the act. The checks of
//! the tables still hold, and several rows of one person still belong together. Nothing leads from the pseudonym back
//! to the person, not even with the audit's key. Country code 999 belongs to nobody (ITU-T E.164, reserved), so no
//! caller has such a number, and no policy lets it be dialled. The database lets a number change only into the
//! pseudonym of a recorded act.
//! **The day's cap still protects the person.** Attempts keep their number for [`KEEP_ATTEMPTS`], without their notes.
//! If the person calls again today, the new case finds today's attempts, and the database refuses a fourth. [`finish`]
//! removes the number when the business day is over for certain (152-FZ art. 21 gives 30 days). Entries of the audit
//! hold no number in clear, and stay.
//! **To add a table, add a line to `PLACES`.** A test writes marked texts into every text column of every table, and
//! fails for a text that no line clears.
//! After the erasure [`Store::scrub`](super::Store::scrub) removes the data from the database's files too.

mod forms;

use std::time::Duration;

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use serde::Serialize;

use super::dialect::{cached::Cache as _, hold};
use super::schema::{
    attempts, attempts_to_erase, calls, cases, do_not_call, erasures, files_to_delete, outbox as outbox_rows,
};
use super::{Database, StoreError, attempts as rows, audit, case_closing, messages, outbox};
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
    /// The payload of an event that was erased.
    Gone,
    /// The pseudonym with the row's own number, unless the column was empty. Several rows of one event must differ.
    Own,
    /// A note that the text was erased, unless the column was empty.
    Why,
}
use Becomes::{Blank, Gone, Nothing, Own, Pseudonym, Why};

/// A table that holds data of persons.
struct Place {
    /// The table.
    table: &'static str,
    /// The condition for its rows of a number, `$1`.
    rows: &'static str,
    /// The columns, and the value of each after the erasure.
    columns: &'static [(&'static str, Becomes)],
}

/// The events of a number, `$1`, after [`found`] has run.
macro_rules! events_of {
    () => {
        "SELECT seq FROM outbox WHERE number = $1"
    };
}

/// The calls of a number, `$1`.
macro_rules! calls_of {
    () => {
        "SELECT id FROM calls WHERE number = $1 OR caller_number = $1 OR (dialled = $1 AND direction <> 'inbound')"
    };
}

/// Every table that holds data of persons. The number as it came identifies callers who hid their number, or whose
/// number came in another form.
const PLACES: &[Place] = &[
    // The recipient of the event is erased as well, since nobody can say whose address it is.
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
    // Events about other people that were sent to this number.
    Place {
        table: "deliveries",
        rows: "recipient = $1",
        columns: &[("recipient", Own), ("recipient_key", Nothing), ("last_status", Nothing)],
    },
    // An event that has not been delivered yet is delivered to nobody.
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
    // The files are noted before, to be deleted. Calls must come after, since their numbers find these rows.
    Place { table: "messages", rows: concat!("call IN (", calls_of!(), ")"), columns: &[("path", Nothing)] },
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
    // Somebody entered the number, so that the person is called back.
    Place { table: "asked_callbacks", rows: "number = $1", columns: &[("number", Nothing)] },
    // Calls that we made to the person.
    Place {
        table: "calls",
        rows: "dialled = $1 AND direction <> 'inbound'",
        columns: &[("dialled", Pseudonym)],
    },
    Place { table: "refusals", rows: "number = $1", columns: &[("number", Pseudonym), ("why", Blank)] },
    // The list must keep that the person wants no calls, or they would be called again. The note need not stay.
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

/// How long an attempt's business day may still last. A day lasts 24 hours at most, and a shift that begins on it ends
/// at the latest 24 hours after its beginning (the check of `schedule_hours.closes_min`).
pub const KEEP_ATTEMPTS: Duration = Duration::from_hours(48);

/// The number of changed rows in a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Erased {
    /// The table.
    pub table: &'static str,
    /// How many rows were changed.
    pub rows: usize,
}

/// The act of an erasure, as it is kept and shown. It holds no phone number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Act {
    /// The number of the act.
    pub erasure: i64,
    /// When the person was erased.
    pub at: UnixMs,
    /// The person or program that erased them.
    pub by: String,
    /// The hash of the number in the audit.
    pub number_key: String,
    /// The pseudonym that replaces the number in the rows.
    pub pseudonym: String,
    /// What was erased.
    pub tables: Vec<Erased>,
    /// How many open cases were closed as `erased`.
    pub cases_closed: usize,
    /// How many attempts keep the number until their business day is over.
    pub attempts_later: usize,
    /// When these attempts are erased too.
    pub attempts_at: Option<UnixMs>,
    /// The tables that keep the number on purpose: `do_not_call`, or the person would be called again.
    pub kept: Vec<&'static str>,
}

/// Erases a person. A number without any data gets an act too, which says that there was nothing. `home` is the home
/// country by which numbers that were kept as they came are read.
///
/// # Errors
/// [`StoreError::Refused`] while the person is in a call, or while an attempt to call them has no disposition.
pub fn person(
    c: &mut Database,
    number: &E164,
    home: &Home,
    by: &str,
    now: UnixMs,
) -> Result<Act, StoreError> {
    hold::number(c, number)?;
    // Nobody may hand out or complete a delivery while it is erased.
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
    delete_messages(c, &forms, now)?;
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

/// Returns the tables that keep the number on purpose.
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

/// Refuses an erasure while the person has a live call or an unfinished attempt. A live call writes its number again
/// when it ends, and an attempt without a disposition is found by its number.
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

/// Closes the person's open cases.
fn close_cases(c: &mut Database, number: &E164, by: &str, now: UnixMs) -> Result<usize, StoreError> {
    hold::open_case(c, number)?;
    let open: Vec<CaseId> = cases::table
        .filter(cases::number.eq(number.as_str()).and(cases::closed_at.is_null()))
        .select(cases::id)
        .load(c)?;
    for id in &open {
        case_closing::close(c, *id, Closed::Erased, by, None, now)?;
    }
    Ok(open.len())
}

/// Records which attempts keep the number for now. Returns how many, and until when.
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

/// Writes the number into the row of every event about it: events of its cases and calls, and events whose payload
/// holds the number in any form. The last kind includes events that an earlier version kept of cases and calls that no
/// longer exist.
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

/// Writes the number into the row of each event whose payload holds this form of it.
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

/// Returns whether a text holds this number, and not only a longer number that contains its digits.
fn holds(text: &str, number: &str) -> bool {
    let digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
    text.match_indices(number).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let whole = !digit(before) && (number.starts_with('+') || before != Some('+'));
        whole && !digit(text[at + number.len()..].chars().next())
    })
}

/// Cancels the person's deliveries that wait or were given up.
fn tell_nobody(c: &mut Database, number: &E164, now: UnixMs) -> Result<(), StoreError> {
    let sql = format!(
        "UPDATE deliveries SET state = '{}', done_at = coalesce(done_at, {}), next_at = NULL, lease_until = NULL, \
         leased_by = NULL, last_error = '{}' WHERE state IN ('{}', '{}') AND (event IN ({}) OR recipient = $1)",
        outbox::State::Skipped,
        now.0,
        outbox::WAS_ERASED,
        outbox::State::Waiting,
        outbox::State::Dead,
        events_of!()
    );
    diesel::sql_query(sql).bind::<Text, _>(number.as_str()).execute(c)?;
    Ok(())
}

#[derive(QueryableByName)]
struct Recorded {
    #[diesel(sql_type = Text)]
    path: String,
}

/// Notes the files of the person's messages, to be deleted.
fn delete_messages(c: &mut Database, forms: &[String], now: UnixMs) -> Result<(), StoreError> {
    for form in forms {
        let sql = concat!("SELECT path FROM messages WHERE path IS NOT NULL AND call IN (", calls_of!(), ")");
        let files: Vec<Recorded> = diesel::sql_query(sql).bind::<Text, _>(form).load(c)?;
        for Recorded { path } in files {
            let noted: i64 = files_to_delete::table.find(&path).count().get_result(c)?;
            if noted == 0 {
                messages::delete_files(c, [path], now)?;
            }
        }
    }
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

/// Erases the rows of one place. The text of the statement consists only of [`PLACES`] and our pseudonym.
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

/// Removes the number from attempts whose business day is over, at most `limit`. Returns how many.
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
