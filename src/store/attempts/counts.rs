//! How many attempts were made, and when.

use diesel::prelude::*;

use crate::calendar::business_day::BusinessDay;
use crate::clock::UnixMs;
use crate::ids::{AttemptId, CaseId};
use crate::missed::attempt::{Consequence, Disposition};
use crate::phone::E164;
use crate::store::schema::attempts;
use crate::store::{Database, StoreError};

/// Returns how many counted attempts to a number were made on a business day, across cases and queues.
///
/// # Errors
/// When the database fails.
pub fn counted(c: &mut Database, number: &E164, business_day: BusinessDay) -> Result<i64, StoreError> {
    Ok(attempts::table
        .filter(attempts::number.eq(number).and(attempts::business_day.eq(business_day)))
        .filter(attempts::ordinal.is_not_null())
        .count()
        .get_result(c)?)
}

/// Returns how many counted attempts to a number were made since `from`.
///
/// # Errors
/// When the database fails.
pub fn counted_since(c: &mut Database, number: &E164, from: UnixMs) -> Result<i64, StoreError> {
    Ok(attempts::table
        .filter(attempts::number.eq(number).and(attempts::at.gt(from)))
        .filter(attempts::ordinal.is_not_null())
        .count()
        .get_result(c)?)
}

/// Returns when the last counted attempt to a number was made, and until when no other may follow. The latest end of
/// all gaps applies: no attempt shortens the gap after an earlier one.
///
/// # Errors
/// When the database fails.
pub fn last_counted(c: &mut Database, number: &E164) -> Result<Option<(UnixMs, Option<UnixMs>)>, StoreError> {
    let counted = attempts::table.filter(attempts::number.eq(number).and(attempts::ordinal.is_not_null()));
    let latest = (diesel::dsl::max(attempts::at), diesel::dsl::max(attempts::gap_until));
    let (at, gap): (Option<UnixMs>, Option<UnixMs>) = counted.select(latest).first(c)?;
    Ok(at.map(|at| (at, gap)))
}

/// Returns how many attempts of a case failed for technical reasons since `since`. None counts all of them.
///
/// # Errors
/// When the database fails.
pub fn failed_since(c: &mut Database, case: CaseId, since: Option<UnixMs>) -> Result<usize, StoreError> {
    let failed: i64 = attempts::table
        .filter(attempts::case_id.eq(case).and(attempts::disposition.is_not_null()))
        .filter(attempts::ordinal.is_null().and(attempts::at.gt(since.unwrap_or(UnixMs(i64::MIN)))))
        .count()
        .get_result(c)?;
    Ok(usize::try_from(failed).unwrap_or(usize::MAX))
}

/// Returns when the first counted attempt of a case was made.
///
/// # Errors
/// When the database fails.
pub fn first_counted(c: &mut Database, case: CaseId) -> Result<Option<UnixMs>, StoreError> {
    let counted = attempts::table.filter(attempts::case_id.eq(case).and(attempts::ordinal.is_not_null()));
    Ok(counted.select(diesel::dsl::min(attempts::at)).first(c)?)
}

/// Returns how many counted attempts a case has had since an attempt last reached somebody. A case that is still open
/// after such an attempt has a later missed call.
///
/// # Errors
/// When the database fails.
pub fn counted_of_case(c: &mut Database, case: CaseId) -> Result<i64, StoreError> {
    let settles = |disposition: &&Disposition| matches!(disposition.consequence(), Consequence::Close(_));
    let of_case = || attempts::table.filter(attempts::case_id.eq(case));
    let reached = of_case().filter(attempts::disposition.eq_any(Disposition::ALL.iter().filter(settles)));
    let last: Option<AttemptId> = reached.select(diesel::dsl::max(attempts::id)).first(c)?;
    let since = of_case().filter(attempts::id.gt(last.unwrap_or(AttemptId(0))));
    Ok(since.filter(attempts::ordinal.is_not_null()).count().get_result(c)?)
}
