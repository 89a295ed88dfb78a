//! Requests to be called, from forms and bots: kept once, with the consent that came with them.
//!
//! In: a request that was checked. Out: what its sender is answered.
//! **Invariant:** one key of a sender makes one request, however often and from however many processes it comes.

use diesel::prelude::*;

use super::cases::{Asked, open_asked};
use super::dialect::{cached::Cache as _, columns, hold};
use super::schema::requests;
use super::{Database, StoreError, audit, dnc, notes};
use crate::audit::{Action, Entry, details};
use crate::clock::UnixMs;
use crate::ids::{CaseId, QueueName};
use crate::missed::case::Reason;
use crate::phone::E164;

/// A request to be called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// SHA-256 of the sender and his key; none if he gave none: then each is a new one.
    pub key_hash: Option<String>,
    /// SHA-256 of what was sent.
    pub body_hash: String,
    /// Whom to call.
    pub number: E164,
    /// His name, as he wrote it.
    pub name: Option<String>,
    /// Where he is written to.
    pub email: Option<String>,
    /// What he wants.
    pub text: Option<String>,
    /// When he wants to be called; none: as soon as may be.
    pub wanted_at: Option<UnixMs>,
    /// The language that he reads: `en` or `ru`.
    pub language: Option<String>,
    /// How he asked: by a form or a bot.
    pub reason: Reason,
    /// The form or bot that it came by.
    pub source: String,
    /// The page or campaign, as the sender says.
    pub page: Option<String>,
    /// Who is to call him.
    pub queue: Option<QueueName>,
    /// The text that he consented to.
    pub consent_text: String,
    /// When he did.
    pub consent_at: UnixMs,
    /// The text by which he consented to get SMS, at the same time; none if he did not.
    pub sms_consent_text: Option<String>,
    /// Whether its sender is authenticated: who is not puts no call off, and the consent to SMS holds only for the case
    /// that this request opens or joins.
    pub known: bool,
    /// The network address that it came from.
    pub address: String,
    /// The business day on which it came, as `YYYY-MM-DD`.
    pub business_day: String,
    /// When it came.
    pub at: UnixMs,
}

/// What became of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// Its number.
    pub id: i64,
    /// When the request came: the first time.
    pub received_at: UnixMs,
    /// The case that it opened or joined.
    pub case: Option<CaseId>,
    /// Whether it had come before.
    pub replayed: bool,
}

type Before = (i64, Option<String>, UnixMs, Option<CaseId>);

/// The request that came with this key before, if its body was the same.
///
/// # Errors
/// [`StoreError::Exists`] when another body came with the key.
pub fn earlier(c: &mut Database, key_hash: &str, body_hash: &str) -> Result<Option<Received>, StoreError> {
    let before: Option<Before> = requests::table
        .filter(requests::key_hash.eq(key_hash))
        .select((requests::id, requests::body_hash, requests::received_at, requests::case_id))
        .first(c)
        .optional()?;
    match before {
        None => Ok(None),
        Some((id, Some(body), received_at, case)) if body == body_hash => {
            Ok(Some(Received { id, received_at, case, replayed: true }))
        }
        Some((id, ..)) => Err(StoreError::Exists { kind: "request", name: id.to_string() }),
    }
}

/// Keeps a request and opens its case, in one transaction. What comes again with the same key is answered as before.
///
/// # Errors
/// [`StoreError::Exists`] when another body came with the same key.
pub fn receive(c: &mut Database, new: &Request) -> Result<Received, StoreError> {
    hold::number(c, &new.number)?;
    if let Some(key_hash) = &new.key_hash {
        hold::name(c, key_hash)?;
        if let Some(before) = earlier(c, key_hash, &new.body_hash)? {
            return Ok(before);
        }
    }
    let id = insert(c, new)?;
    note(c, new, id)?;
    let case = open_case_of_request(c, new, id)?;
    Ok(Received { id, received_at: new.at, case, replayed: false })
}

fn insert(c: &mut Database, new: &Request) -> Result<i64, StoreError> {
    Ok(diesel::insert_into(requests::table)
        .values((
            (
                requests::key_hash.eq(&new.key_hash),
                requests::body_hash.eq(&new.body_hash),
                requests::number.eq(&new.number),
                requests::name.eq(&new.name),
                requests::text.eq(&new.text),
                requests::wanted_at.eq(new.wanted_at),
                requests::language.eq(&new.language),
                requests::email.eq(&new.email),
            ),
            (
                requests::source.eq(&new.source),
                requests::page.eq(&new.page),
                requests::queue.eq(&new.queue),
                requests::consent_text.eq(&new.consent_text),
                requests::consent_at.eq(new.consent_at),
                requests::sms_consent_text.eq(&new.sms_consent_text),
                requests::sms_consent_standing.eq(new.sms_consent_text.is_some() && new.known),
                requests::address.eq(&new.address),
                requests::received_at.eq(new.at),
            ),
        ))
        .returning(requests::id)
        .get_result(c)?)
}

/// How one who has a case may be told himself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reach {
    /// Whether by SMS: his consent is on file, and his number is on no list of those that are not to be called.
    pub sms: bool,
    /// Where he is written to, as his requests since then say.
    pub email: Option<String>,
}

/// How the person may be told at `at` what happens to a case of theirs that was opened at `since`. A consent for which a program
/// vouches holds for the number; one that came by a form, and an address, only for the case: anybody may tick a box, and
/// write any address, beside any number.
pub(super) fn reach(c: &mut Database, number: &E164, since: UnixMs, at: UnixMs) -> Result<Reach, StoreError> {
    let of_his = requests::table.filter(requests::number.eq(number));
    let agreed = of_his
        .filter(requests::sms_consent_text.is_not_null())
        .filter(requests::sms_consent_standing.eq(true).or(requests::received_at.ge(since)))
        .select(requests::id);
    let agreed = agreed.first::<i64>(c).optional()?.is_some();
    let email: Option<Option<String>> = of_his
        .filter(requests::email.is_not_null().and(requests::received_at.ge(since)))
        .order(requests::received_at.desc())
        .select(requests::email)
        .first(c)
        .optional()?;
    Ok(Reach { sms: agreed && dnc::suppressed(c, number, at)?.is_none(), email: email.flatten() })
}

/// The one place where a request becomes a case, or joins the one that is open.
fn open_case_of_request(c: &mut Database, new: &Request, id: i64) -> Result<Option<CaseId>, StoreError> {
    let asked = Asked {
        number: &new.number,
        reason: new.reason,
        request: Some(id),
        queue: new.queue.as_ref(),
        business_day: &new.business_day,
        not_before: new.wanted_at,
        by: &new.source,
        known: new.known,
        at: new.at,
    };
    let case = open_asked(c, &asked)?;
    diesel::update(requests::table.find(id))
        .set(requests::case_id.eq(case))
        .returning(requests::id)
        .count_changed(c)?;
    notes::requested(c, new, id, case)?;
    Ok(Some(case))
}

fn note(c: &mut Database, new: &Request, id: i64) -> Result<(), StoreError> {
    let wanted = new.wanted_at.map(|at| at.to_string());
    audit::append_or_note_gap(
        c,
        &Entry {
            at: new.at,
            by: "requests",
            action: Action::Request,
            number: Some(new.number.as_str()),
            subject: Some(format!("request:{id}")),
            details: details([
                ("source", crate::audit::masked(&new.source).into()),
                ("wanted", wanted.into()),
                ("consent_hash", crate::audit::sha256(&new.consent_text).into()),
                ("sms_consent_hash", new.sms_consent_text.as_ref().map(crate::audit::sha256).into()),
            ]),
        },
    )
}

/// A request of a case, as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, Queryable, Selectable)]
#[diesel(table_name = requests)]
pub struct RequestRow {
    /// When it came.
    pub received_at: UnixMs,
    /// The form, bot or program that it came by.
    pub source: String,
    /// The page or campaign.
    pub page: Option<String>,
    /// The name that was given.
    pub name: Option<String>,
    /// The address that was given.
    pub email: Option<String>,
    /// What the person wants.
    pub text: Option<String>,
    /// When the person wants to be called.
    pub wanted_at: Option<UnixMs>,
}

/// The requests of a case, oldest first.
///
/// # Errors
/// When the database fails.
pub fn of_case(c: &mut Database, case: CaseId) -> Result<Vec<RequestRow>, StoreError> {
    Ok(requests::table
        .filter(requests::case_id.eq(case))
        .order((requests::received_at, requests::id))
        .select(columns::<RequestRow>())
        .load(c)?)
}
