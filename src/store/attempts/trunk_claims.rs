//! What trunks claimed about a number before.

use std::time::Duration;

use diesel::prelude::*;

use crate::clock::UnixMs;
use crate::ids::AttemptId;
use crate::missed::attempt::{Claim, EarlierClaim};
use crate::phone::E164;
use crate::store::schema::attempts;
use crate::store::{Database, StoreError};

/// How long a trunk's claim about a number is remembered. After that the number may belong to somebody else.
const REMEMBERED: Duration = Duration::from_secs(30 * 86_400);

/// Returns the earlier attempts, over any trunk, whose cause makes the same claim about this attempt's number.
///
/// # Errors
/// When the database fails.
pub fn earlier_claims(
    c: &mut Database,
    attempt: AttemptId,
    claim: Claim,
) -> Result<Vec<EarlierClaim>, StoreError> {
    let this: (E164, UnixMs, Option<String>) =
        attempts::table.find(attempt).select((attempts::number, attempts::at, attempts::trunk)).first(c)?;
    let (number, at, Some(trunk)) = this else { return Ok(Vec::new()) };
    let earlier = attempts::table
        .filter(attempts::number.eq(&number).and(attempts::id.ne(attempt)))
        .filter(attempts::at.between(at - REMEMBERED, at))
        .filter(attempts::cause.eq_any(claim.causes()).and(attempts::answered_at.is_null()));
    let earlier: Vec<(UnixMs, Option<String>)> = earlier.select((attempts::at, attempts::trunk)).load(c)?;
    let known = earlier.into_iter().filter_map(|(at, by)| Some((at, by?)));
    let mut said = Vec::new();
    for (since, by) in known {
        let by_another = by != trunk;
        said.push(EarlierClaim { by_another, works_since: !by_another && has_worked(c, &trunk, since)? });
    }
    Ok(said)
}

/// Returns whether anybody has answered over a trunk since `since`.
fn has_worked(c: &mut Database, trunk: &str, since: UnixMs) -> Result<bool, StoreError> {
    let answered = attempts::answered_at.is_not_null();
    let answered =
        attempts::table.filter(attempts::trunk.eq(trunk).and(attempts::at.gt(since)).and(answered));
    Ok(answered.select(attempts::id).first::<AttemptId>(c).optional()?.is_some())
}
