//! The section `[audit]`.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::audit::Key;
use crate::duration;

/// The record of what was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Audit {
    /// The secret with which the audit hashes phone numbers and seals its entries. Never change it. Empty: the
    /// controller makes a key and keeps it in the database. Then anybody who can read and write the database can forge
    /// the audit.
    #[serde(with = "audit_key")]
    pub key: Option<Key>,
    /// How often the last hash of the audit is written to the log.
    #[serde(with = "duration::Within::<{ duration::MINUTE }, { duration::YEAR }>")]
    pub head_log_interval: Duration,
}

impl Default for Audit {
    fn default() -> Self {
        Self { key: None, head_log_interval: Duration::from_hours(24) }
    }
}

mod audit_key {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use super::Key;

    pub fn serialize<S: Serializer>(key: &Option<Key>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(key.as_ref().map_or("", Key::secret))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Key>, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.is_empty() { Ok(None) } else { text.parse().map(Some).map_err(D::Error::custom) }
    }
}
