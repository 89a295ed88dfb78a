//! The mark: where the seal of the audit begins, kept under a MAC of the audit's key.
//!
//! In: the key. Out: the first row that must be sealed. The mark protects the seal. Without it, somebody who can write
//! the database but has no key could remove the seal of every row, and give each row the plain hash that earlier
//! versions used.

use diesel::prelude::*;

use super::super::dialect::hold;
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

/// The columns of the mark. They are null if the audit has no key yet.
type Columns = (String, Option<i64>, Option<String>);

/// Returns the mark, checked with this key.
pub(super) fn of(c: &mut Database, key: &Key) -> Result<Mark, StoreError> {
    let columns = (audit_key::fingerprint, audit_key::sealed_from, audit_key::sealed_from_mac);
    Ok(match audit_key::table.select(columns).first::<Columns>(c).optional()? {
        None | Some((_, None, None)) => Mark::Missing,
        Some((fingerprint, Some(from), Some(mac))) if mac_of(key, &fingerprint, from)? == mac => {
            Mark::From(from)
        }
        Some(_) => Mark::Wrong,
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
    let Some((fingerprint, secret)) = kept(c)? else { return Ok(None) };
    let key = agree(named, &fingerprint, secret.as_deref())?;
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
            audit_key::sealed_from_mac.eq(mac_of(&key, &fingerprint, from)?),
        ))
        .execute(c)?;
    tracing::warn!(
        sealed_from = from,
        "where the seal of the audit begins was not marked, and is now: this is said once, at the first start after an \
         update; at any other start, somebody has taken the mark out"
    );
    Ok(Some(from))
}
