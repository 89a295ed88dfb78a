//! The secret of the audit, and what is made with it: what stands for numbers and names, and the seal of rows.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::audit::hash::hex;
use crate::phone::E164;

/// The shortest secret that is taken, in characters: 128 bits as hexadecimal digits.
pub const SHORTEST_KEY: usize = 32;
/// The longest, as the table has it.
const LONGEST_KEY: usize = 256;
/// The secret under which numbers are hashed. Its text is never shown.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Key(pub(super) String);

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

    /// What stands for the name of who did something that is not [`fit_to_stand`](super::fit_to_stand).
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

    pub(super) fn mac(&self, text: &str) -> String {
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
    pub(super) fn of(&self, text: &[u8]) -> Option<String> {
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
