//! The chain of rows: the hash of each, and the first place where the chain is broken.

use std::fmt;

use serde::Serialize;

use crate::audit::hash::sha256;
use crate::audit::key::Seal;

/// The hash before the first row.
pub const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// A row of the table.
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
    /// Whether the hash is a seal. Rows of versions before the seal have a plain hash.
    pub keyed: bool,
}

impl Row {
    /// Returns the hash that this row must have; none if the row is sealed and `seal` is missing.
    #[must_use]
    pub fn right_hash(&self, seal: Option<&Seal>) -> Option<String> {
        let text = self.hashed();
        if self.keyed { seal?.of(&text) } else { Some(sha256(text)) }
    }

    /// Returns the bytes that are hashed: the hash of the row before and every field, each with its length.
    pub(super) fn hashed(&self) -> Vec<u8> {
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

/// A place in the chain: a row and its hash, written as `HASH@ID`. Before the first row: 0 and [`GENESIS`].
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
        let bad = || format!("{text:?} is not a head: write HASH@ID, as `dozvon audit head` prints it");
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
        /// The row is missing.
        Missing = "missing",
        /// The row does not belong there.
        Inserted = "inserted",
        /// The row was changed.
        Changed = "changed",
        /// The row does not follow the row before it: one of the two was changed, or their order.
        Misplaced = "misplaced",
        /// Rows at the end are missing, or the last one was changed.
        Truncated = "truncated",
        /// Rows at the beginning are missing, and no retention entry says why.
        Beheaded = "beheaded",
        /// A row without a seal follows a row with one: it is forged, or an older version of dozvon wrote it.
        Unsealed = "unsealed",
        /// The mark of the first sealed row is wrong: it was changed, removed, or never set.
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
    /// Moves on to the next row of the chain.
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
