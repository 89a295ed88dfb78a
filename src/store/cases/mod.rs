//! Cases: the callbacks that a number needs. At most one case is open for each number.
//!
//! `row` holds the rows of a case as they are read, `find` finds cases, `wish` keeps the time before which a case is
//! not called, `place` the place that the customer keeps in a queue.
//! *Deliberately absent:* the changes of a case: [`case_opening`](super::case_opening),
//! [`callbacks`](super::callbacks), [`case_closing`](super::case_closing).

mod find;
mod place;
mod row;
mod wish;

pub use find::{in_hand, list, misses, name_of, of_call, open_of};
pub use row::{CaseRow, MissRow, get};

pub(super) use find::{asked_at, missed_at, open_in};
pub(super) use place::{place_columns, use_place};
pub(super) use row::lock;
pub(super) use wish::{wish_columns, wish_of};
