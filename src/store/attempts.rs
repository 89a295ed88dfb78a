//! Attempts: each dialling of a customer, with its place among the three that a business day allows.

use diesel::prelude::*;

use super::schema::attempts;
use super::{Database, StoreError, cases, dialect::hold};
use crate::clock::UnixMs;
use crate::ids::CaseId;
use crate::missed::attempt::{Outcome, next_ordinal};
use crate::missed::regulation::CapReached;

/// An attempt that was made.
#[derive(Debug, Clone)]
pub struct Made<'a> {
    /// For which case.
    pub case: CaseId,
    /// The business day that it belongs to, as `YYYY-MM-DD`.
    pub business_day: &'a str,
    /// Whether the customer's phone was dialled: then it counts.
    pub counted: bool,
    /// What came of it.
    pub result: Outcome,
    /// By whom.
    pub by: &'a str,
    /// What he noted.
    pub note: Option<&'a str>,
    /// When.
    pub at: UnixMs,
}

/// An attempt as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, Queryable)]
pub struct AttemptRow {
    /// Its number.
    pub id: i64,
    /// Its case.
    pub case_id: i64,
    /// The number that was dialled.
    pub number: String,
    /// The business day that it belongs to.
    pub business_day: String,
    /// Its place among the counted ones of that number and day.
    pub ordinal: Option<i32>,
    /// Whether it counts.
    pub counted: bool,
    /// When, in milliseconds since 1970.
    pub at: i64,
    /// By whom.
    pub by: String,
    /// What came of it.
    pub result: String,
    /// What he noted.
    pub note: Option<String>,
}

/// Records an attempt. Only what cannot have rung (a technical failure) may be left uncounted.
///
/// # Errors
/// [`StoreError::Cap`] when the day's attempts to this number are used up, also when another process took the
/// last one; [`StoreError::Refused`] when the case is closed, or the attempt must count.
pub fn record(c: &mut Database, made: &Made<'_>) -> Result<AttemptRow, StoreError> {
    let number = cases::get(c, made.case)?.number;
    hold::number(c, &number)?;
    hold::case(c, made.case.0)?;
    let case = cases::get(c, made.case)?;
    if case.closed_at.is_some() {
        return Err(StoreError::Refused(format!(
            "case {} is closed: a new missed call opens a new one",
            made.case
        )));
    }
    if !made.counted && made.result != Outcome::TechnicalFailure {
        return Err(StoreError::Refused(format!(
            "an attempt that ended in {} has rung, so it counts: only a technical_failure does not",
            made.result
        )));
    }
    let cap = |cap: CapReached| StoreError::Cap { number: case.number.clone(), cap };
    let ordinal = if made.counted {
        let counted = counted(c, &case.number, made.business_day)?;
        Some(next_ordinal(counted).map_err(cap)?)
    } else {
        None
    };
    Ok(diesel::insert_into(attempts::table)
        .values((
            attempts::case_id.eq(made.case.0),
            attempts::number.eq(&case.number),
            attempts::business_day.eq(made.business_day),
            attempts::ordinal.eq(ordinal),
            attempts::counted.eq(made.counted),
            attempts::at.eq(made.at.0),
            attempts::by.eq(made.by),
            attempts::result.eq(made.result.as_str()),
            attempts::note.eq(made.note),
        ))
        .returning(attempts::all_columns)
        .get_result(c)?)
}

/// How many attempts to a number count on a business day, across cases and queues.
///
/// # Errors
/// When the database fails.
pub fn counted(c: &mut Database, number: &str, business_day: &str) -> Result<i64, StoreError> {
    Ok(attempts::table
        .filter(attempts::number.eq(number).and(attempts::business_day.eq(business_day)))
        .filter(attempts::ordinal.is_not_null())
        .count()
        .get_result(c)?)
}

/// The attempts of a case, oldest first.
///
/// # Errors
/// When the database fails.
pub fn of_case(c: &mut Database, case: CaseId) -> Result<Vec<AttemptRow>, StoreError> {
    Ok(attempts::table.filter(attempts::case_id.eq(case.0)).order(attempts::id).load(c)?)
}
