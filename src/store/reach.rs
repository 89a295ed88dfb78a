//! How a customer may be told about their case: by SMS, by e-mail, or not at all.

use diesel::prelude::*;

use super::schema::requests;
use super::{Database, StoreError, dnc};
use crate::clock::UnixMs;
use crate::phone::E164;

/// How the customer of a case may be told about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reach {
    /// Whether by SMS: the customer's consent is on file, and their number is on no do-not-call list.
    pub sms: bool,
    /// The customer's e-mail address, if a request since the opening of the case gave one.
    pub email: Option<String>,
}

/// Returns how the customer may be told at `at` about their case that was opened at `since`. If an authenticated
/// program sent the consent, it applies to the number. If a form sent the consent, it applies only to the case, and so
/// does an e-mail address: anybody can tick the box and type any address for any number.
pub(super) fn reach(c: &mut Database, number: &E164, since: UnixMs, at: UnixMs) -> Result<Reach, StoreError> {
    let of_theirs = requests::table.filter(requests::number.eq(number));
    let agreed = of_theirs
        .filter(requests::sms_consent_text.is_not_null())
        .filter(requests::sms_consent_standing.eq(true).or(requests::received_at.ge(since)))
        .select(requests::id);
    let agreed = agreed.first::<i64>(c).optional()?.is_some();
    let email: Option<Option<String>> = of_theirs
        .filter(requests::email.is_not_null().and(requests::received_at.ge(since)))
        .order(requests::received_at.desc())
        .select(requests::email)
        .first(c)
        .optional()?;
    Ok(Reach { sms: agreed && dnc::suppressed(c, number, at)?.is_none(), email: email.flatten() })
}
