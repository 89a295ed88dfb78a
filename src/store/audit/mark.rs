//! The mark: where the seal of the audit begins. A MAC with the audit's key protects it.
//!
//! In: the key. Out: the first row that must be sealed. The mark protects the seal. Without it, somebody who can write
//! the database but has no key could remove the seal of every row, and give each row the plain hash that earlier
//! versions used.

use diesel::prelude::*;

use super::super::dialect::{columns, hold};
use super::super::schema::{audit, audit_key};
use super::super::{Database, StoreError};
use super::{SECRET, agree, head, kept};
use crate::audit::Key;

/// The state of the mark in the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mark {
    /// Every row from this one on is sealed.
    From(i64),
    /// No mark has been set yet.
    Missing,
    /// The mark is not the one that was set under this key.
    Wrong,
}

/// The mark, and the fingerprint of the key with which it was set. The mark is NULL in an audit that began under a
/// version without marks.
#[derive(Queryable, Selectable)]
#[diesel(table_name = audit_key)]
struct MarkRow {
    fingerprint: String,
    sealed_from: Option<i64>,
    sealed_from_mac: Option<String>,
}

/// Returns the mark, checked with this key.
pub(super) fn of(c: &mut Database, key: &Key) -> Result<Mark, StoreError> {
    let row: Option<MarkRow> = audit_key::table.select(columns::<MarkRow>()).first(c).optional()?;
    let Some(row) = row else { return Ok(Mark::Missing) };
    Ok(match (row.sealed_from, row.sealed_from_mac) {
        (None, None) => Mark::Missing,
        (Some(from), Some(mac)) if mac_of(key, &row.fingerprint, from)? == mac => Mark::From(from),
        _ => Mark::Wrong,
    })
}

/// Returns the MAC that is kept beside the mark.
pub(super) fn mac_of(key: &Key, fingerprint: &str, sealed_from: i64) -> Result<String, StoreError> {
    let mac = key.seal().of_mark(fingerprint, sealed_from);
    mac.ok_or_else(|| StoreError::Unreadable {
        column: "audit_key.secret".to_owned(),
        value: "a key of no length".to_owned(),
    })
}

/// Sets the mark of an audit that began under a version without marks. The mark is its first sealed row, or the next
/// row if none is sealed. Returns the marked row, or none when there is nothing to do.
///
/// # Errors
/// When the database fails; [`StoreError::Refused`] when the key is not the one that this audit began with.
pub fn mark(c: &mut Database) -> Result<Option<i64>, StoreError> {
    let named = SECRET.with_borrow(Clone::clone);
    let Some(kept) = kept(c)? else { return Ok(None) };
    let key = agree(named, &kept)?;
    hold::audit(c)?;
    if of(c, &key)? != Mark::Missing {
        return Ok(None);
    }
    let first =
        audit::table.filter(audit::keyed).select(diesel::dsl::min(audit::id)).first::<Option<i64>>(c)?;
    let from = match first {
        Some(first) => first,
        None => head(c)?.id + 1,
    };
    diesel::update(audit_key::table)
        .set((
            audit_key::sealed_from.eq(from),
            audit_key::sealed_from_mac.eq(mac_of(&key, &kept.fingerprint, from)?),
        ))
        .execute(c)?;
    tracing::warn!(
        sealed_from = from,
        "the row where the seal of the audit begins is marked now. This is normal once, at the first start after an update; \
         at any other start it means that somebody has removed the mark"
    );
    Ok(Some(from))
}
