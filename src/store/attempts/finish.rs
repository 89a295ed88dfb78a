//! The end of an attempt.

use diesel::prelude::*;

use crate::clock::UnixMs;
use crate::ids::AttemptId;
use crate::missed::attempt::{Disposition, State};
use crate::store::dialect::cached::Cache as _;
use crate::store::schema::attempts;
use crate::store::{Database, StoreError};

/// The end of an attempt.
#[derive(Debug, Clone)]
pub struct Finish<'a> {
    /// The attempt.
    pub attempt: AttemptId,
    /// The disposition of the attempt.
    pub disposition: Disposition,
    /// The cause from FreeSWITCH, or the controller's own.
    pub cause: Option<&'a str>,
    /// A note on the attempt.
    pub note: Option<&'a str>,
    /// The time of the end.
    pub at: UnixMs,
}

impl Finish<'_> {
    /// Returns an end with a disposition and nothing else.
    #[must_use]
    pub const fn new(attempt: AttemptId, disposition: Disposition, at: UnixMs) -> Self {
        Self { attempt, disposition, cause: None, note: None, at }
    }

    /// Returns whether the attempt counts. It does, unless the phone certainly did not ring.
    #[must_use]
    pub const fn counted(&self) -> bool {
        !matches!(self.disposition, Disposition::TechnicalFailure)
    }
}

/// Completes an attempt. Returns whether it was not complete before.
///
/// # Errors
/// When the database fails.
pub fn finish(c: &mut Database, end: &Finish<'_>) -> Result<bool, StoreError> {
    let open = attempts::table.find(end.attempt).filter(attempts::disposition.is_null());
    let known: Option<(Option<UnixMs>, Option<String>, Option<i32>)> =
        open.select((attempts::ended_at, attempts::cause, attempts::ordinal)).first(c).optional()?;
    let Some((ended_at, known_cause, place)) = known else { return Ok(false) };
    let changed = diesel::update(open)
        .set((
            attempts::state.eq(State::Completed),
            attempts::disposition.eq(end.disposition),
            attempts::counted.eq(end.counted()),
            attempts::ordinal.eq(place.filter(|_| end.counted())),
            attempts::note.eq(end.note),
            attempts::cause.eq(known_cause.as_deref().or(end.cause)),
            attempts::ended_at.eq(ended_at.unwrap_or(end.at)),
        ))
        .returning(attempts::id)
        .count_changed(c)?;
    Ok(changed > 0)
}
