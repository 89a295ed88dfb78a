//! An attempt that was made elsewhere.

use diesel::prelude::*;

use super::reserve::free_place;
use super::row::AttemptRow;
use crate::calendar::business_day::BusinessDay;
use crate::clock::UnixMs;
use crate::ids::CaseId;
use crate::missed::attempt::{Disposition, State, Way};
use crate::missed::regulation::CapReached;
use crate::store::dialect::{columns, hold};
use crate::store::schema::attempts;
use crate::store::{Database, StoreError, cases};

/// An attempt that a person reports.
#[derive(Debug, Clone)]
pub struct ReportedAttempt<'a> {
    /// The case.
    pub case: CaseId,
    /// The business day of the attempt.
    pub business_day: BusinessDay,
    /// The highest number of attempts that the policy allows on that day.
    pub cap: i32,
    /// Whether the customer's phone was dialled. If it was, the attempt counts.
    pub counted: bool,
    /// The disposition of the attempt.
    pub disposition: Disposition,
    /// The person who made the attempt.
    pub by: &'a str,
    /// The person's note.
    pub note: Option<&'a str>,
    /// The time of the attempt.
    pub at: UnixMs,
}

/// Records an attempt that was made elsewhere. An attempt may stay uncounted only if the phone cannot have rung.
///
/// # Errors
/// [`StoreError::Cap`] when the day's attempts to this number are used up, also when another process took the last one;
/// [`StoreError::Refused`] when the case is closed, or when the attempt must count.
pub fn record(c: &mut Database, made: &ReportedAttempt<'_>) -> Result<AttemptRow, StoreError> {
    let number = cases::get(c, made.case)?.number;
    hold::number(c, &number)?;
    hold::case(c, made.case)?;
    let case = cases::get(c, made.case)?;
    if case.closed_at.is_some() {
        return Err(StoreError::Refused(format!(
            "case {} is closed: a new missed call opens a new one",
            made.case
        )));
    }
    if !made.counted && !made.disposition.may_be_uncounted() {
        return Err(StoreError::Refused(format!(
            "an attempt that ended in {} has rung, so it counts: only technical_failure and cancelled may be uncounted",
            made.disposition
        )));
    }
    let cap = |cap: CapReached| StoreError::Cap { number: case.number.to_string(), cap };
    let ordinal = if made.counted {
        Some(free_place(c, &case.number, made.business_day, made.cap)?.map_err(cap)?)
    } else {
        None
    };
    Ok(diesel::insert_into(attempts::table)
        .values((
            attempts::case_id.eq(made.case),
            attempts::number.eq(&case.number),
            attempts::business_day.eq(made.business_day),
            attempts::ordinal.eq(ordinal),
            attempts::counted.eq(made.counted),
            attempts::cap.eq(made.cap),
            attempts::at.eq(made.at),
            attempts::by.eq(made.by),
            attempts::disposition.eq(made.disposition),
            attempts::note.eq(made.note),
            attempts::state.eq(State::Completed),
            attempts::way.eq(Way::Reported),
        ))
        .returning(columns::<AttemptRow>())
        .get_result(c)?)
}
