//! The row of a new case.

use diesel::prelude::*;

use crate::calendar::business_day::BusinessDay;
use crate::clock::UnixMs;
use crate::ids::{CaseId, QueueName};
use crate::missed::case::{Reason, Stage, State};
use crate::missed::wish::Wish;
use crate::phone::E164;
use crate::store::cases::{get, place_columns, wish_columns};
use crate::store::notes::{Came, Note, note};
use crate::store::schema::cases;
use crate::store::{Database, StoreError};

/// A case that is about to be opened.
pub(super) struct New<'a> {
    pub(super) number: &'a E164,
    pub(super) reason: Reason,
    pub(super) queue: Option<&'a QueueName>,
    pub(super) misses: i32,
    pub(super) business_day: BusinessDay,
    /// When the case is checked next. None while it waits for people.
    pub(super) next_at: Option<UnixMs>,
    pub(super) came_by: Option<&'a str>,
    pub(super) flooded: bool,
    pub(super) wish: Option<Wish>,
    /// The place that the customer keeps in the queue.
    pub(super) place: Option<UnixMs>,
    pub(super) came: Came,
    pub(super) at: UnixMs,
}

pub(super) fn insert(c: &mut Database, new: &New<'_>) -> Result<CaseId, StoreError> {
    let previous: Option<CaseId> =
        cases::table.filter(cases::number.eq(new.number)).select(diesel::dsl::max(cases::id)).first(c)?;
    let id = diesel::insert_into(cases::table)
        .values((
            cases::number.eq(new.number),
            cases::state.eq(State::Open),
            cases::stage.eq(Stage::Settling),
            cases::reason.eq(new.reason),
            cases::queue.eq(new.queue),
            cases::opened_at.eq(new.at),
            cases::last_miss_at.eq(new.at),
            cases::misses.eq(new.misses),
            cases::business_day.eq(new.business_day),
            cases::next_at.eq(new.next_at),
            cases::came_by.eq(new.came_by),
            cases::flooded.eq(new.flooded),
            wish_columns(new.wish.clone()),
            place_columns(new.place.map(|at| (new.queue, at))),
            cases::previous_case.eq(previous),
        ))
        .returning(cases::id)
        .get_result(c)?;
    let case = get(c, id)?;
    note(c, &case, Note::Opened(new.came), new.at)?;
    Ok(id)
}
