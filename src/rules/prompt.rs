//! What callers hear under a name, as an administrator states it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::sound::{InvalidSound, Sound};
use crate::spoken::{InvalidSaid, Said};

/// Something to hear that has a name. The type is the file form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prompt {
    /// A file below FreeSWITCH's sounds folder, or `tone_stream://…`, `local_stream://NAME`, `silence_stream://MS`; or
    /// `say:NAME`, which is said in the language of the call.
    pub source: Source,
}

crate::stored! { Display:
    /// What is heard.
    #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
    #[serde(try_from = "String", into = "String")]
    pub enum Source {
        /// A sound, in whatever language it is.
        Sound(Sound),
        /// A default prompt, in the language of the call.
        Said(Said),
    }
}

/// How a source begins that is said.
const SAY: &str = "say:";

/// Why a text is no source of a prompt.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSource {
    /// It is no sound.
    #[error(transparent)]
    Sound(#[from] InvalidSound),
    /// Nothing is said by that name.
    #[error(transparent)]
    Said(#[from] InvalidSaid),
}

impl Source {
    /// The sound. None if it is said.
    #[must_use]
    pub const fn sound(&self) -> Option<&Sound> {
        match self {
            Self::Sound(sound) => Some(sound),
            Self::Said(_) => None,
        }
    }
}

impl FromStr for Source {
    type Err = InvalidSource;
    fn from_str(text: &str) -> Result<Self, InvalidSource> {
        match text.strip_prefix(SAY) {
            Some(name) => Ok(Self::Said(name.parse()?)),
            None => Ok(Self::Sound(text.parse()?)),
        }
    }
}

impl TryFrom<String> for Source {
    type Error = InvalidSource;
    fn try_from(text: String) -> Result<Self, InvalidSource> {
        text.parse()
    }
}

impl From<Source> for String {
    fn from(source: Source) -> Self {
        source.to_string()
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sound(sound) => write!(f, "{sound}"),
            Self::Said(said) => write!(f, "{SAY}{said}"),
        }
    }
}

impl FromStr for Prompt {
    type Err = InvalidSource;
    fn from_str(text: &str) -> Result<Self, InvalidSource> {
        Ok(Self { source: text.parse()? })
    }
}
