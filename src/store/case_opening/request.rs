//! Somebody asks for a call: by a form, a bot, or a colleague.

use diesel::prelude::*;

use super::flood;
use super::insert::{New, insert};
use crate::calendar::business_day::BusinessDay;
use crate::clock::UnixMs;
use crate::ids::{CaseId, QueueName};
use crate::missed::case::Reason;
use crate::missed::plan::{self, Case};
use crate::missed::wish::{self, Source, Wish};
use crate::phone::E164;
use crate::store::cases::{get, open_of, wish_columns, wish_of};
use crate::store::dialect::{cached::Cache as _, hold};
use crate::store::notes::{Came, Note, note};
use crate::store::schema::cases;
use crate::store::{Database, StoreError};

/// A request for a callback that is not a call: from a form, a bot or a colleague.
#[derive(Debug, Clone)]
pub struct CallbackRequest<'a> {
    /// The number to call.
    pub number: &'a E164,
    /// The way in which the callback was asked for.
    pub reason: Reason,
    /// The request, if a form or a bot sent one.
    pub request: Option<i64>,
    /// The queue that the request concerns.
    pub queue: Option<&'a QueueName>,
    /// The business day of the request.
    pub business_day: BusinessDay,
    /// The time before which the person wants no call.
    pub not_before: Option<UnixMs>,
    /// The sender: a colleague, a form or a program.
    pub by: &'a str,
    /// Whether the sender is known. An unknown sender cannot put a call off.
    pub known: bool,
    /// The time of the request.
    pub at: UnixMs,
}

impl CallbackRequest<'_> {
    fn wish(&self) -> Option<Wish> {
        let source = Some(if self.request.is_some() { Source::Request } else { Source::Person });
        let by = Some(self.by.to_owned());
        self.not_before.map(|not_before| Wish { not_before, source, by })
    }

    /// Returns the wish of the case after this request. A colleague who names no time leaves the wish as it is.
    fn leaves(&self, current: Option<Wish>) -> Option<Wish> {
        match (self.not_before, self.request) {
            (None, None) => current,
            _ => wish::after_request(current, self.wish(), self.known),
        }
    }
}

/// Opens a case for somebody who asks for a call. If a case is open already, applies the request to that case.
///
/// # Errors
/// When the database fails.
pub fn open_requested(c: &mut Database, asked: &CallbackRequest<'_>) -> Result<CaseId, StoreError> {
    let number = asked.number;
    hold::number(c, number)?;
    hold::open_case(c, number)?;
    let came = asked.request.map_or(Came::Hand, Came::Request);
    let Some(case) = open_of(c, number)? else {
        let new = New {
            number,
            reason: asked.reason,
            queue: asked.queue,
            misses: 0,
            business_day: asked.business_day,
            next_at: Some(asked.not_before.unwrap_or(asked.at)),
            came_by: None,
            flooded: false,
            wish: asked.wish(),
            place: None,
            came,
            at: asked.at,
        };
        return insert(c, &new);
    };
    let case = flood::release_flooded(c, case, asked.at)?;
    diesel::update(cases::table.find(case.id))
        .set((
            cases::priority.eq(cases::priority + 1),
            // A person who asks again without naming a time wants to be called as soon as possible.
            wish_columns(asked.leaves(wish_of(&case))),
            cases::next_at.eq(plan::sooner(&Case::from(&case), asked.at)),
            // A request from the customer shows that they can be reached, so it counts like a call of theirs. A request
            // from a colleague does not.
            cases::last_miss_at.eq(asked.request.map_or(case.last_miss_at, |_| asked.at)),
        ))
        .returning(cases::id)
        .count_changed(c)?;
    let case = get(c, case.id)?;
    note(c, &case, Note::Again(came), asked.at)?;
    Ok(case.id)
}
