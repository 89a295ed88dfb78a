//! Types for texts in `[notify]`.

use serde::{Deserialize, Serialize};

use crate::document::nearest::nearest;
use crate::event::EventKind;
use crate::language::Language;

/// Selects events: one kind (`case.opened`), all kinds with a prefix (`case.*`), or all (`*`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Pattern(String);

/// A text that selects no events.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{given:?} names no events; {remedy}")]
pub struct InvalidPattern {
    given: String,
    remedy: String,
}

impl Pattern {
    /// Whether the pattern selects this kind.
    #[must_use]
    pub fn matches(&self, kind: &str) -> bool {
        match self.0.strip_suffix('*') {
            Some(beginning) => kind.starts_with(beginning),
            None => self.0 == kind,
        }
    }
}

impl std::str::FromStr for Pattern {
    type Err = InvalidPattern;
    fn from_str(text: &str) -> Result<Self, InvalidPattern> {
        let pattern = Self(text.to_owned());
        let shaped = text == "*" || text.ends_with(".*") || !text.contains('*');
        if shaped && EventKind::ALL.iter().any(|kind| pattern.matches(kind.as_str())) {
            return Ok(pattern);
        }
        let kinds = EventKind::ALL.iter().map(|kind| kind.as_str());
        let remedy = match nearest(text, kinds.clone()) {
            Some(near) => format!("did you mean {near:?}?"),
            None => format!("write \"*\", \"case.*\", or one of: {}", kinds.collect::<Vec<_>>().join(", ")),
        };
        Err(InvalidPattern { given: text.chars().take(80).collect(), remedy })
    }
}

impl TryFrom<String> for Pattern {
    type Error = InvalidPattern;
    fn try_from(text: String) -> Result<Self, InvalidPattern> {
        text.parse()
    }
}

impl From<Pattern> for String {
    fn from(pattern: Pattern) -> Self {
        pattern.0
    }
}

pub(super) const fn english() -> Language {
    Language::En
}

pub(super) fn post() -> String {
    "POST".to_owned()
}

pub(super) mod durations {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use crate::duration;

    /// A wait before the next try. It is never zero, because tries without a pause would never end.
    type Pause = duration::Within<100, { 30 * duration::DAY }>;

    pub fn serialize<S: Serializer>(spans: &[Duration], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(spans.iter().map(|span| duration::show(*span)))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Duration>, D::Error> {
        let texts = Vec::<String>::deserialize(deserializer)?;
        texts.iter().map(|text| Pause::parse(text).map_err(D::Error::custom)).collect()
    }
}

pub(super) mod maybe {
    use std::time::Duration;

    use serde::{Deserializer, Serializer};

    use crate::duration;

    pub fn serialize<S: Serializer>(span: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
        duration::Timeout::serialize(&span.unwrap_or_default(), serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
        duration::Timeout::deserialize(deserializer).map(Some)
    }
}
