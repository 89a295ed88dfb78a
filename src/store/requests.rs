//! Requests for a callback, from forms and bots. Each request is stored once, with the consent that came with it.
//!
//! In: a request that was checked. Out: the answer to its sender.
//! **Invariant:** requests of a sender with the same key are one request, however often they come, and however many
//! processes receive them.

mod told;

use diesel::prelude::*;

use self::told::requested;
use super::case_opening::{CallbackRequest, open_requested};
use super::dialect::{cached::Cache as _, columns, hold};
use super::schema::requests;
use super::{Database, StoreError, audit};
use crate::audit::{Action, Entry, details};
use crate::calendar::business_day::BusinessDay;
use crate::clock::UnixMs;
use crate::ids::{CaseId, QueueName};
use crate::missed::case::Reason;
use crate::phone::E164;

/// A request for a callback.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// SHA-256 of the sender and the sender's key. None if the sender gave no key: each such request is a new one.
    pub key_hash: Option<String>,
    /// SHA-256 of what was sent.
    pub body_hash: String,
    /// The number to call.
    pub number: E164,
    /// The customer's name, as they wrote it.
    pub name: Option<String>,
    /// The customer's e-mail address.
    pub email: Option<String>,
    /// What the customer wants.
    pub text: Option<String>,
    /// When the customer wants to be called. None means as soon as possible.
    pub wanted_at: Option<UnixMs>,
    /// The language that the customer reads: `en` or `ru`.
    pub language: Option<String>,
    /// How the customer asked: by a form or a bot.
    pub reason: Reason,
    /// The form or bot that sent the request.
    pub source: String,
    /// The page or campaign that the sender named.
    pub page: Option<String>,
    /// The queue that calls the customer.
    pub queue: Option<QueueName>,
    /// The text to which the customer consented.
    pub consent_text: String,
    /// When the customer consented.
    pub consent_at: UnixMs,
    /// The text by which the customer consented to SMS, at the same time. None if they did not consent.
    pub sms_consent_text: Option<String>,
    /// Whether the sender is authenticated. A request of an unauthenticated sender puts no call off, and its consent to
    /// SMS applies only to the case that the request opens or joins.
    pub known: bool,
    /// The network address of the sender.
    pub address: String,
    /// The business day on which the request came.
    pub business_day: BusinessDay,
    /// When the request came.
    pub at: UnixMs,
}

/// What happened to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// The number of the request.
    pub id: i64,
    /// When the request came for the first time.
    pub received_at: UnixMs,
    /// The case that the request opened or joined.
    pub case: Option<CaseId>,
    /// Whether the request had come before.
    pub replayed: bool,
}

/// A request that came before.
#[derive(Queryable, Selectable)]
#[diesel(table_name = requests)]
struct Before {
    id: i64,
    body_hash: Option<String>,
    received_at: UnixMs,
    case_id: Option<CaseId>,
}

/// Returns the earlier request with this key, if its body was the same.
///
/// # Errors
/// [`StoreError::Exists`] when a different body came with the key.
pub fn earlier(c: &mut Database, key_hash: &str, body_hash: &str) -> Result<Option<Received>, StoreError> {
    let before: Option<Before> = requests::table
        .filter(requests::key_hash.eq(key_hash))
        .select(columns::<Before>())
        .first(c)
        .optional()?;
    let Some(Before { id, body_hash: body, received_at, case_id: case }) = before else { return Ok(None) };
    if body.as_deref() != Some(body_hash) {
        return Err(StoreError::Exists { kind: "request", name: id.to_string() });
    }
    Ok(Some(Received { id, received_at, case, replayed: true }))
}

/// Stores a request and opens its case, in one transaction. A request that comes again with the same key gets the same
/// answer as before.
///
/// # Errors
/// [`StoreError::Exists`] when a different body came with the same key.
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

/// Opens a case for a request, or joins the open case of the number. No other function does this.
fn open_case_of_request(c: &mut Database, new: &Request, id: i64) -> Result<Option<CaseId>, StoreError> {
    let asked = CallbackRequest {
        number: &new.number,
        reason: new.reason,
        request: Some(id),
        queue: new.queue.as_ref(),
        business_day: new.business_day,
        not_before: new.wanted_at,
        by: &new.source,
        known: new.known,
        at: new.at,
    };
    let case = open_requested(c, &asked)?;
    diesel::update(requests::table.find(id))
        .set(requests::case_id.eq(case))
        .returning(requests::id)
        .count_changed(c)?;
    requested(c, new, id, case)?;
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

/// A request of a case in the form that people are shown.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, Queryable, Selectable)]
#[diesel(table_name = requests)]
pub struct RequestRow {
    /// When the request came.
    pub received_at: UnixMs,
    /// The form, bot or program that sent the request.
    pub source: String,
    /// The page or campaign.
    pub page: Option<String>,
    /// The customer's name from the request.
    pub name: Option<String>,
    /// The e-mail address from the request.
    pub email: Option<String>,
    /// What the customer wants.
    pub text: Option<String>,
    /// When the customer wants to be called.
    pub wanted_at: Option<UnixMs>,
}

/// Returns the requests of a case, oldest first.
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
