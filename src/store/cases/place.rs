//! The columns that hold the place that a customer keeps in a queue.

use diesel::prelude::*;

use super::row::CaseRow;
use crate::clock::UnixMs;
use crate::ids::{CaseId, QueueName};
use crate::store::dialect::cached::Cache as _;
use crate::store::schema::cases;
use crate::store::{Database, StoreError};

/// The columns that hold the place.
pub(in crate::store) type KeptPlace<'a> = (
    diesel::dsl::Eq<cases::place_queue, Option<&'a QueueName>>,
    diesel::dsl::Eq<cases::place_at, Option<UnixMs>>,
);

/// Returns the values of these columns: the queue, and since when the customer stands there.
pub(in crate::store) fn place_columns(place: Option<(Option<&QueueName>, UnixMs)>) -> KeptPlace<'_> {
    let queue = place.and_then(|(queue, _)| queue);
    (cases::place_queue.eq(queue), cases::place_at.eq(place.map(|(_, at)| at)))
}

/// The customer was dialled: a place is used once.
pub(in crate::store) fn use_place(c: &mut Database, case: CaseId) -> Result<(), StoreError> {
    let kept = cases::table.find(case).filter(cases::place_at.is_not_null());
    diesel::update(kept).set(place_columns(None)).returning(cases::id).count_changed(c)?;
    Ok(())
}

impl CaseRow {
    /// Returns the place that the customer keeps: the queue, and since when they stand there.
    pub(in crate::store) fn place(&self) -> Option<(Option<&QueueName>, UnixMs)> {
        self.place_at.map(|at| (self.place_queue.as_ref(), at))
    }

    /// Returns since when the customer stands in a queue. None if they keep no place there.
    #[must_use]
    pub fn place_in(&self, queue: &QueueName) -> Option<UnixMs> {
        self.place_at.filter(|_| self.place_queue.as_ref() == Some(queue))
    }
}
