//! A missed call opens a case, or joins the open one.

use diesel::prelude::*;

use super::flood;
use super::insert::{New, insert};
use super::miss::Miss;
use crate::ids::{CaseId, QueueName};
use crate::missed::case::Reason;
use crate::missed::plan::{self, Case};
use crate::missed::wish;
use crate::store::cases::{CaseRow, get, open_of, place_columns, wish_columns, wish_of};
use crate::store::dialect::{cached::Cache as _, hold};
use crate::store::notes::{Came, Note, note};
use crate::store::schema::{case_misses, cases};
use crate::store::{Database, StoreError, rules};

/// Opens a case for the number, or counts the missed call in the case that is open.
pub(in crate::store) fn open_or_join(c: &mut Database, miss: &Miss<'_>) -> Result<CaseId, StoreError> {
    hold::number(c, miss.number)?;
    hold::open_case(c, miss.number)?;
    let came = Came::Call { call: miss.call, began_at: miss.began_at, wait_ms: miss.wait_ms };
    let id = match open_of(c, miss.number)? {
        Some(case) => {
            let again_at = miss.at + miss.grace;
            let next_at = match miss.reason {
                Reason::AskedCallback => plan::at_once(&Case::from(&case), again_at),
                _ => plan::sooner(&Case::from(&case), again_at),
            };
            diesel::update(cases::table.find(case.id))
                .set((
                    cases::misses.eq(cases::misses + 1),
                    cases::last_miss_at.eq(miss.at),
                    cases::priority.eq(cases::priority + 1),
                    cases::queue.eq(owner(c, &case, miss.queue)?),
                    cases::next_at.eq(next_at),
                    place_columns(miss.place.map(|at| (miss.queue, at)).or(case.place())),
                    wish_columns(wish::after_miss(wish_of(&case))),
                ))
                .returning(cases::id)
                .count_changed(c)?;
            let case = get(c, case.id)?;
            note(c, &case, Note::Again(came), miss.at)?;
            case.id
        }
        None => {
            let flooded = flood::over(c, miss)?;
            let new = New {
                number: miss.number,
                reason: miss.reason,
                queue: miss.queue,
                misses: 1,
                business_day: miss.business_day,
                next_at: Some(miss.at + miss.grace).filter(|_| !flooded),
                came_by: miss.came_by,
                flooded,
                wish: None,
                place: miss.place,
                came,
                at: miss.at,
            };
            insert(c, &new)?
        }
    };
    diesel::insert_into(case_misses::table)
        .values((
            case_misses::call.eq(miss.call),
            case_misses::case_id.eq(id),
            case_misses::at.eq(miss.at),
            case_misses::reason.eq(miss.reason),
            case_misses::queue.eq(miss.queue),
            case_misses::wait_ms.eq(miss.wait_ms),
        ))
        .insert(c)?;
    Ok(id)
}

/// Returns the queue of a case after one more missed call: the queue of the latest missed call that reached one. The
/// case keeps its old queue if it was handed over, or if a stricter law applies in that queue.
fn owner(
    c: &mut Database,
    case: &CaseRow,
    queue: Option<&QueueName>,
) -> Result<Option<QueueName>, StoreError> {
    let (Some(old), Some(new)) = (&case.queue, queue) else {
        return Ok(case.queue.as_ref().or(queue).cloned());
    };
    let keeps = case.handed_over_at.is_some()
        || (old != new && rules::profile_of(c, old)? > rules::profile_of(c, new)?);
    Ok(Some(if keeps { old } else { new }.clone()))
}
