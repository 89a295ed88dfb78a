//! The record of what was done, as a chain of hashes: its entries, its canonical form, and its proof. Pure.
//!
//! In: what was done, by whom, about which number; rows of the table. Out: the hash of a row; whether a row follows the
//! row before it.
//!
//! The hash of a row is HMAC-SHA256, under a secret ([`Seal`]), over the hash of the row before it and the fields of
//! the row, each with its length. Without the secret, nobody can change, remove, insert or reorder rows. Rows missing
//! at the end are found by comparison with a last hash that is kept elsewhere (`dozvon audit head`, the log). Rows of
//! versions before the seal are at the beginning and have a plain SHA-256: anybody who can write to the database can
//! forge them. **Invariant:** no phone number is in clear. A number is kept as HMAC-SHA256 under a secret ([`Key`]),
//! and so is the name of the person who acted if it looks like a number (agents may be named after their numbers). An
//! entry is refused if its other texts hold something that looks like a number ([`holds_number`]).

mod chain;
mod clear;
mod hash;
mod key;

use serde_json::Value;

use crate::clock::UnixMs;

pub use self::chain::{Break, Fault, GENESIS, Link, Row};
use self::clear::value_holds_number;
pub use self::clear::{fit_to_stand, holds_number, is_numbered, masked};
pub use self::hash::{hex, sha256};
pub use self::key::{InvalidKey, Key, NumberKey, SHORTEST_KEY, Seal};

crate::vocabulary! {
    /// What was done.
    "audit action" pub enum Action {
        /// A customer was dialled.
        Dial = "dial",
        /// A dial was refused; the details name the guard.
        Refusal = "refusal",
        /// A person recorded the disposition of an attempt.
        Disposition = "disposition",
        /// A case was opened.
        CaseOpened = "case_opened",
        /// A case was closed.
        CaseClosed = "case_closed",
        /// A person put a case off.
        CaseDeferred = "case_deferred",
        /// A person asked for a case to be called before all others.
        CaseCalledUp = "case_called_up",
        /// A case went to the repeat-contacts queue.
        Handover = "handover",
        /// A number was put on the do-not-call list.
        DncAdded = "dnc_added",
        /// A number was taken off the do-not-call list.
        DncRemoved = "dnc_removed",
        /// A request came from a form or a bot, with its consent.
        Request = "request",
        /// Rules or policies were changed.
        RulesChanged = "rules_changed",
        /// A person opened or closed a schedule by hand, or ended that.
        HoursChanged = "hours_changed",
        /// A person changed who is on duty.
        DutyChanged = "duty_changed",
        /// A person's data were erased.
        Erasure = "erasure",
        /// Old rows were deleted.
        Retention = "retention",
    }
}

/// An entry before it gets its place in the chain.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry<'a> {
    /// When.
    pub at: UnixMs,
    /// By whom: a person, or a part of dozvon. If the name looks like a number, the row gets its keyed hash.
    pub by: &'a str,
    /// What.
    pub action: Action,
    /// The number it is about, in clear; the row gets its keyed hash.
    pub number: Option<&'a str>,
    /// The thing it is about, such as `case:17`.
    pub subject: Option<String>,
    /// More, as JSON: instants as RFC 3339 text, spans under keys that end in `_ms`. No number in clear.
    pub details: Value,
}

/// Why an entry is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the audit takes no phone number in clear, and {field} of this {action} entry holds one: give it as the entry's number, or mask it"
)]
pub struct NumberInClear {
    /// The field with the number.
    pub field: &'static str,
    /// The entry's action.
    pub action: Action,
}

impl Entry<'_> {
    /// Refuses an entry whose texts hold a phone number.
    ///
    /// # Errors
    /// [`NumberInClear`] names the field.
    pub fn check(&self) -> Result<(), NumberInClear> {
        let refuse = |field| Err(NumberInClear { field, action: self.action });
        if self.subject.as_deref().is_some_and(|subject| !is_numbered(subject) && holds_number(subject)) {
            return refuse("subject");
        }
        if value_holds_number("", &self.details) { refuse("details") } else { Ok(()) }
    }
}

/// Makes details of these fields.
#[must_use]
pub fn details<const N: usize>(fields: [(&str, Value); N]) -> Value {
    Value::Object(fields.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}

/// Returns JSON that is the same for the same value: sorted keys, no blanks.
#[must_use]
pub fn canonical(value: &Value) -> String {
    match value {
        Value::Array(items) => {
            format!("[{}]", items.iter().map(canonical).collect::<Vec<_>>().join(","))
        }
        Value::Object(fields) => {
            let mut keys: Vec<&String> = fields.keys().collect();
            keys.sort();
            let field = |key: &&String| {
                let value = fields.get(*key).map_or_else(|| "null".to_owned(), canonical);
                format!("{}:{value}", Value::String((*key).clone()))
            };
            format!("{{{}}}", keys.iter().map(field).collect::<Vec<_>>().join(","))
        }
        plain => plain.to_string(),
    }
}

#[cfg(test)]
mod tests;
