//! A sound as an administrator states it.

use serde::{Deserialize, Serialize};

use crate::sound::{InvalidSound, Sound};

/// A sound that has a name. The type is the file form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prompt {
    /// A file below FreeSWITCH's sounds folder, or `tone_stream://…`, `local_stream://NAME`, `silence_stream://MS`.
    pub source: Sound,
}

impl std::str::FromStr for Prompt {
    type Err = InvalidSound;
    fn from_str(text: &str) -> Result<Self, InvalidSound> {
        Ok(Self { source: text.parse()? })
    }
}
