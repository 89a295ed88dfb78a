//! The record of what was done, as a chain of hashes: its entries, its canonical form, and its proof. Pure.
//!
//! In: what was done, by whom, about which number; rows as they stand in the table. Out: the hash of a row; whether
//! a row follows the one before.
//! A row's hash is HMAC-SHA256, under a secret ([`Seal`]), over the hash before it and the row's fields, each with its
//! length. So nobody without the secret can change, remove, insert or reorder rows; and who keeps the last hash
//! elsewhere (`dozvon audit head`, the log) also notices rows that are missing at the end. Rows of versions before the
//! seal have a plain SHA-256 and stand at the beginning: whoever may write the database can write these anew.
//! **Invariant:** no phone number in clear: a number is kept as HMAC-SHA256 under a secret ([`Key`]), so is the name of
//! who did it if it looks like one (agents may be named for their numbers), and an entry is refused when its other texts
//! hold what looks like one ([`holds_number`]).

use std::fmt;
use std::sync::LazyLock;

use hmac::{Hmac, KeyInit, Mac};
use regex::Regex;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::clock::UnixMs;
use crate::phone::E164;

crate::vocabulary! {
    /// What was done.
    "audit action" pub enum Action {
        /// A customer was dialled.
        Dial = "dial",
        /// A dial was refused; the details name the guard.
        Refusal = "refusal",
        /// A person said what came of an attempt.
        Disposition = "disposition",
        /// A case was opened.
        CaseOpened = "case_opened",
        /// A case was closed.
        CaseClosed = "case_closed",
        /// A person put a case off.
        CaseDeferred = "case_deferred",
        /// A person put a case before all others, to be called now.
        CaseCalledUp = "case_called_up",
        /// A case went to the repeat-contacts queue.
        Handover = "handover",
        /// A number must not be called any more.
        DncAdded = "dnc_added",
        /// A number may be called again.
        DncRemoved = "dnc_removed",
        /// A request came from a form or a bot, with its consent.
        Request = "request",
        /// Rules or policies were changed.
        RulesChanged = "rules_changed",
        /// A person's data were erased.
        Erasure = "erasure",
        /// Old rows were deleted.
        Retention = "retention",
    }
}

/// The hash before the first row.
pub const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// The shortest secret that is taken, in characters: 128 bits as hexadecimal digits.
pub const SHORTEST_KEY: usize = 32;
/// The longest, as the table has it.
const LONGEST_KEY: usize = 256;
/// The longest name of who did something, in characters, as the table has it.
const LONGEST_NAME: usize = 64;

/// The secret under which numbers are hashed. Its text is never shown.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Key(String);

/// A text that is no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the audit key must have {SHORTEST_KEY} to {LONGEST_KEY} letters, digits, '_', '-', '+', '/' or '='; make one with `openssl rand -hex 32`"
)]
pub struct InvalidKey;

impl Key {
    /// A key of these random bytes.
    #[must_use]
    pub fn of_bytes(bytes: [u8; 32]) -> Self {
        Self(hex(&bytes))
    }

    /// The secret itself: only for the place that keeps it.
    #[must_use]
    pub fn secret(&self) -> &str {
        &self.0
    }

    /// What tells this key from every other one, and gives it away to nobody.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        self.mac("dozvon audit key")
    }

    /// What stands for a number in the audit.
    #[must_use]
    pub fn of_number(&self, number: &E164) -> NumberKey {
        NumberKey(self.mac(number.as_str()))
    }

    /// What stands for the name of who did something that is not [`fit_to_stand`].
    #[must_use]
    pub fn of_name(&self, name: &str) -> String {
        self.mac(name)
    }

    /// What rows are sealed with. Its key is made of this one by another function than names and numbers are hashed
    /// with, so that none of those hashes, which stand in the table, is that of a row.
    #[must_use]
    pub fn seal(&self) -> Seal {
        let key = Sha256::digest(format!("dozvon audit chain\0{}", self.0));
        Seal(Hmac::<Sha256>::new_from_slice(&key).ok())
    }

    fn mac(&self, text: &str) -> String {
        // HMAC takes a key of any length.
        let Ok(mac) = Hmac::<Sha256>::new_from_slice(self.0.as_bytes()) else { return String::new() };
        hex(&mac.chain_update(text.as_bytes()).finalize().into_bytes())
    }
}

impl std::str::FromStr for Key {
    type Err = InvalidKey;
    fn from_str(text: &str) -> Result<Self, InvalidKey> {
        let plain = text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-+/=".contains(&b));
        let fits = (SHORTEST_KEY..=LONGEST_KEY).contains(&text.len());
        if plain && fits { Ok(Self(text.to_owned())) } else { Err(InvalidKey) }
    }
}

impl TryFrom<String> for Key {
    type Error = InvalidKey;
    fn try_from(text: String) -> Result<Self, InvalidKey> {
        text.parse()
    }
}

impl From<Key> for String {
    fn from(key: Key) -> Self {
        key.0
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

/// What makes the hash of a row that nobody can make who has no key.
#[derive(Clone)]
pub struct Seal(Option<Hmac<Sha256>>);

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seal(..)")
    }
}

impl Seal {
    /// The MAC of the mark from which on every row has a seal, for an audit of that key. Rows begin with the hash of the
    /// one before, so none of theirs is that of a mark.
    #[must_use]
    pub fn of_mark(&self, fingerprint: &str, sealed_from: i64) -> Option<String> {
        self.of(format!("dozvon audit sealed from\0{fingerprint}\0{sealed_from}").as_bytes())
    }

    /// Never none: HMAC takes a key of any length.
    fn of(&self, text: &[u8]) -> Option<String> {
        Some(hex(&self.0.clone()?.chain_update(text).finalize().into_bytes()))
    }
}

/// The keyed hash that stands for a number: 64 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NumberKey(String);

impl NumberKey {
    /// As it stands in the table.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What was done, before it has its place in the chain.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry<'a> {
    /// When.
    pub at: UnixMs,
    /// By whom: a person, or a part of the product. The row gets the keyed hash of a name that looks like a number.
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

/// Why an entry is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the audit takes no phone number in clear, and {field} of this {action} entry holds one: give it as the entry's number, or mask it"
)]
pub struct NumberInClear {
    /// Where it stands.
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

/// Things of ours that have numbers of their own, which may grow to seven digits: `case:1234567`.
const NUMBERED: [&str; 6] = ["attempt", "call", "case", "erasure", "outbox", "request"];

/// Whether a subject is one of our own things by its number.
#[must_use]
pub fn is_numbered(subject: &str) -> bool {
    subject.split_once(':').is_some_and(|(kind, id)| NUMBERED.contains(&kind) && id.parse::<u64>().is_ok())
}

/// What looks like a number and is none: UUIDs, hashes, dates with or without a time.
static HARMLESS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"(?x) \b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b | \b[0-9a-f]{32,}\b
          | \b\d{4}-\d\d-\d\d(?:[T\ ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:\d\d)?)?",
    )
    .ok()
});

/// E.164 numbers have 7 to 15 digits (ITU-T E.164 allows 15; the shortest that we call has 7).
static NUMBER: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"\d{7,}|\+[ ().-]*\d(?:[ ().-]{0,2}\d){6,}|\d(?:[ ()-]{0,2}\d){9,}").ok());

/// Whether a text holds what can be a phone number: seven digits in a row or more, with a plus also when they stand
/// apart, without one from ten on. UUIDs, hashes and dates are none.
#[must_use]
pub fn holds_number(text: &str) -> bool {
    // Rules that cannot be read (a test reads them) let nothing pass.
    let (Some(harmless), Some(number)) = (&*HARMLESS, &*NUMBER) else { return true };
    number.is_match(&harmless.replace_all(text, "~"))
}

/// Whether the name of who did something can stand in the audit as it is: it fits, and does not look like a number.
#[must_use]
pub fn fit_to_stand(name: &str) -> bool {
    (1..=LONGEST_NAME).contains(&name.chars().count()) && !holds_number(name)
}

/// The text with everything that can be a phone number taken out: for free text that goes into details.
#[must_use]
pub fn masked(text: &str) -> String {
    if !holds_number(text) {
        return text.to_owned();
    }
    NUMBER.as_ref().map_or_else(String::new, |number| number.replace_all(text, "…").into_owned())
}

/// Whether a value, or one inside it, is a number in clear. A JSON number of seven digits is a span or an id only if
/// its key says so.
fn value_holds_number(key: &str, value: &Value) -> bool {
    let named = key.ends_with("_ms") || key.ends_with("_id") || key == "id";
    match value {
        Value::Null | Value::Bool(_) => false,
        Value::Number(number) => !named && holds_number(&number.to_string()),
        Value::String(text) => holds_number(text),
        Value::Array(items) => items.iter().any(|item| value_holds_number(key, item)),
        Value::Object(fields) => {
            fields.iter().any(|(key, value)| holds_number(key) || value_holds_number(key, value))
        }
    }
}

/// Details of these fields.
#[must_use]
pub fn details<const N: usize>(fields: [(&str, Value); N]) -> Value {
    Value::Object(fields.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}

/// A JSON text that is the same for the same value: keys in order, no blanks.
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

/// A row as it stands in the table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    /// Its place in the chain, from 1.
    pub id: i64,
    /// When, in milliseconds since 1970.
    pub at: i64,
    /// By whom.
    pub by: String,
    /// What was done.
    pub action: String,
    /// The keyed hash of the number.
    pub number_key: Option<String>,
    /// The thing it is about.
    pub subject: Option<String>,
    /// More, as JSON.
    pub details: String,
    /// The hash of the row before.
    pub prev_hash: String,
    /// The hash of this one.
    pub hash: String,
    /// Whether that is sealed; rows of versions before the seal have a plain hash.
    pub keyed: bool,
}

impl Row {
    /// The hash that this row must have; none if it is sealed and `seal` is missing.
    #[must_use]
    pub fn right_hash(&self, seal: Option<&Seal>) -> Option<String> {
        let text = self.hashed();
        if self.keyed { seal?.of(&text) } else { Some(sha256(text)) }
    }

    /// What the hash is made over: the hash before it and every field, each with its length.
    fn hashed(&self) -> Vec<u8> {
        let mut text = Vec::with_capacity(256 + self.details.len());
        text.extend(self.prev_hash.as_bytes());
        text.extend(self.id.to_be_bytes());
        text.extend(self.at.to_be_bytes());
        let (by, action) = (Some(self.by.as_str()), Some(self.action.as_str()));
        let details = Some(self.details.as_str());
        for field in [by, action, self.number_key.as_deref(), self.subject.as_deref(), details] {
            text.push(u8::from(field.is_some()));
            if let Some(field) = field {
                text.extend((field.len() as u64).to_be_bytes());
                text.extend(field.as_bytes());
            }
        }
        text
    }
}

/// A place in the chain: a row and its hash; before the first one, 0 and [`GENESIS`]. Written as `HASH@ID`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The row.
    pub id: i64,
    /// Its hash.
    pub hash: String,
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.hash, self.id)
    }
}

impl std::str::FromStr for Link {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let bad = || format!("{text:?} is no head: write HASH@ID, as `dozvon audit head` prints it");
        let (hash, id) = text.trim().split_once('@').ok_or_else(bad)?;
        let plain =
            hash.len() == 64 && hash.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        match id.parse() {
            Ok(id @ 0..) if plain => Ok(Self { id, hash: hash.to_owned() }),
            _ => Err(bad()),
        }
    }
}

crate::vocabulary! {
    /// What is wrong with a chain.
    "audit fault" pub enum Fault {
        /// The row is not there.
        Missing = "missing",
        /// There is a row that does not belong there.
        Inserted = "inserted",
        /// The row is not as it was written.
        Changed = "changed",
        /// The row does not follow the one before it: one of the two was changed, or the order.
        Misplaced = "misplaced",
        /// Rows at the end are missing, or the last one was changed.
        Truncated = "truncated",
        /// Rows at the beginning are missing, and no retention entry says why.
        Beheaded = "beheaded",
        /// A row without the seal follows one that has it: it is forged, or of an older version of the program.
        Unsealed = "unsealed",
        /// Where the seal begins is not kept under the key: the mark was changed or taken out, or was never set.
        Unmarked = "unmarked",
    }
}

/// The first place where a chain is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Break {
    /// The row.
    pub id: i64,
    /// What is wrong there.
    pub fault: Fault,
}

impl Link {
    /// Goes on to the next row of the chain.
    ///
    /// # Errors
    /// [`Break`] when it does not follow this one, or is not as it was written.
    pub fn follow(&mut self, row: &Row, seal: Option<&Seal>) -> Result<(), Break> {
        let fault = if row.id > self.id + 1 {
            return Err(Break { id: self.id + 1, fault: Fault::Missing });
        } else if row.id <= self.id {
            Fault::Inserted
        } else if row.right_hash(seal).as_ref() != Some(&row.hash) {
            Fault::Changed
        } else if row.prev_hash != self.hash {
            Fault::Misplaced
        } else {
            self.id = row.id;
            self.hash.clone_from(&row.hash);
            return Ok(());
        };
        Err(Break { id: row.id, fault })
    }
}

/// SHA-256 of a text, as hexadecimal digits.
#[must_use]
pub fn sha256(text: impl AsRef<[u8]>) -> String {
    hex(&Sha256::digest(text.as_ref()))
}

/// Bytes as hexadecimal digits.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: [char; 16] =
        ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
    let digit = |half: u8| DIGITS.get(usize::from(half)).copied().unwrap_or('0');
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

#[cfg(test)]
mod tests;
