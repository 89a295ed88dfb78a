//! The columns that hold the time before which a case is not called, and who set that time.

use diesel::prelude::*;

use super::row::CaseRow;
use crate::clock::UnixMs;
use crate::missed::wish::{Source, Wish};
use crate::store::schema::cases;

/// The columns that hold the time before which a case is not called.
pub(in crate::store) type KeptWish = (
    diesel::dsl::Eq<cases::not_before, Option<UnixMs>>,
    diesel::dsl::Eq<cases::not_before_source, Option<Source>>,
    diesel::dsl::Eq<cases::not_before_by, Option<String>>,
);

/// Returns the values of these columns: the time, and who asked for it.
pub(in crate::store) fn wish_columns(wish: Option<Wish>) -> KeptWish {
    let (at, source) = wish.as_ref().map_or((None, None), |wish| (Some(wish.not_before), wish.source));
    (
        cases::not_before.eq(at),
        cases::not_before_source.eq(source),
        cases::not_before_by.eq(wish.and_then(|wish| wish.by)),
    )
}

pub(in crate::store) fn wish_of(case: &CaseRow) -> Option<Wish> {
    let (source, by) = (case.not_before_source, case.not_before_by.clone());
    case.not_before.map(|not_before| Wish { not_before, source, by })
}
