//! The secret of the audit, and what is made with it: the hashes of numbers and names, and the seal of rows.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::audit::hash::hex;
use crate::phone::E164;

/// The shortest accepted secret, in characters: 128 bits as hexadecimal digits.
pub const SHORTEST_KEY: usize = 32;
/// The longest accepted secret, as in the table.
const LONGEST_KEY: usize = 256;
/// The secret with which numbers are hashed. Its text is never shown.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Key(pub(super) String);

/// A text that cannot be the secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the audit key must have {SHORTEST_KEY} to {LONGEST_KEY} letters, digits, '_', '-', '+', '/' or '='; make one with `openssl rand -hex 32`"
)]
pub struct InvalidKey;

impl Key {
    /// Makes a key from random bytes.
    #[must_use]
    pub fn of_bytes(bytes: [u8; 32]) -> Self {
        Self(hex(&bytes))
    }

    /// The secret itself. Only for the place that keeps it.
    #[must_use]
    pub fn secret(&self) -> &str {
        &self.0
    }

    /// Returns a fingerprint: it differs for every key, and does not reveal the key.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        self.mac("dozvon audit key")
    }

    /// Returns the hash by which the audit keeps a number.
    #[must_use]
    pub fn of_number(&self, number: &E164) -> NumberKey {
        NumberKey(self.mac(number.as_str()))
    }

    /// Returns the hash by which the audit keeps a name that is not [`fit_to_stand`](super::fit_to_stand).
    #[must_use]
    pub fn of_name(&self, name: &str) -> String {
        self.mac(name)
    }

    /// Returns the seal for rows. Its key is derived from this one by another function than the hashes of names and
    /// numbers. Otherwise one of those hashes, which are in the table, could pass for the hash of a row.
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

/// Makes the hashes of rows. Nobody can make them without the key.
#[derive(Clone)]
pub struct Seal(Option<Hmac<Sha256>>);

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seal(..)")
    }
}

impl Seal {
    /// Returns the MAC of the mark that names the first sealed row. The hashed text of a row begins with the hash of
    /// the row before, so no hash of a row equals the MAC of a mark.
    #[must_use]
    pub fn of_mark(&self, fingerprint: &str, sealed_from: i64) -> Option<String> {
        self.of(format!("dozvon audit sealed from\0{fingerprint}\0{sealed_from}").as_bytes())
    }

    /// Always present: HMAC takes keys of any length.
    pub(super) fn of(&self, text: &[u8]) -> Option<String> {
        Some(hex(&self.0.clone()?.chain_update(text).finalize().into_bytes()))
    }
}

/// The keyed hash of a number: 64 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NumberKey(String);

impl NumberKey {
    /// The text in the table.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
