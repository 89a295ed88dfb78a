//! Durations as people write them: `20s`, `15m`, `1h30m`, `500ms`, `0s`.
//!
//! As a serde module (`#[serde(with = "crate::config::humane")]`) it reads and writes such text;
//! [`option`] does the same where `never` means that there is no limit.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serializer};

/// A text that is not a duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{given:?} is not a duration: {problem}; write such as \"500ms\", \"20s\", \"15m\" or \"1h30m\"")]
pub struct BadDuration {
    /// The text that was given, cut to 80 characters.
    pub given: String,
    /// What is wrong with it.
    pub problem: &'static str,
}

/// Units from long to short, in milliseconds; a text must use them in this order.
const UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];
/// A hundred years: nothing of ours lasts longer, and every sum of instants stays in range.
const LONGEST_MS: u64 = 100 * 365 * 86_400_000;

/// Reads a duration; whole milliseconds are the finest that can be said.
///
/// # Errors
/// [`BadDuration`] says what is wrong and how to write it.
pub fn parse(text: &str) -> Result<Duration, BadDuration> {
    let bad = |problem| BadDuration { given: text.chars().take(80).collect(), problem };
    let mut rest = text.trim();
    let (mut total_ms, mut next_unit) = (0_u64, 0);
    if rest.is_empty() {
        return Err(bad("it is empty"));
    }
    while !rest.is_empty() {
        let (digits, after) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len()));
        let count: u64 = digits.parse().map_err(|_| bad("a whole number must come before each unit"))?;
        let (unit, after) =
            after.split_at(after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len()));
        let found = UNITS.iter().position(|(name, _)| *name == unit);
        let place = found.ok_or_else(|| bad("the units are d, h, m, s and ms"))?;
        if place < next_unit {
            return Err(bad("the units must come from long to short, each once"));
        }
        next_unit = place + 1;
        let part_ms = count.checked_mul(UNITS[place].1);
        total_ms = part_ms.and_then(|part_ms| total_ms.checked_add(part_ms)).unwrap_or(u64::MAX);
        rest = after;
    }
    if total_ms > LONGEST_MS {
        return Err(bad("it is longer than a hundred years"));
    }
    Ok(Duration::from_millis(total_ms))
}

/// Writes a duration so that [`parse`] reads it back; less than a millisecond is left out.
#[must_use]
pub fn show(span: Duration) -> String {
    let mut rest_ms = u64::try_from(span.as_millis()).unwrap_or(LONGEST_MS);
    let mut text = String::new();
    for (unit, unit_ms) in UNITS {
        if rest_ms >= unit_ms {
            text.push_str(&format!("{}{unit}", rest_ms / unit_ms));
            rest_ms %= unit_ms;
        }
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}

/// Writes a duration as text.
///
/// # Errors
/// The serializer's.
pub fn serialize<S: Serializer>(span: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&show(*span))
}

/// Reads a duration from text.
///
/// # Errors
/// When it is not text, or not a duration.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse(&text).map_err(serde::de::Error::custom)
}

/// The same for a limit that may be absent: `never`.
pub mod option {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    /// Reads a duration, or `never`.
    ///
    /// # Errors
    /// [`super::BadDuration`].
    pub fn parse(text: &str) -> Result<Option<Duration>, super::BadDuration> {
        if text.trim() == "never" { Ok(None) } else { super::parse(text).map(Some) }
    }

    /// Writes a duration, or `never`.
    #[must_use]
    pub fn show(span: Option<Duration>) -> String {
        span.map_or_else(|| "never".to_owned(), super::show)
    }

    /// Writes it as text.
    ///
    /// # Errors
    /// The serializer's.
    pub fn serialize<S: Serializer>(span: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&show(*span))
    }

    /// Reads it from text.
    ///
    /// # Errors
    /// When it is not text, or neither a duration nor `never`.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
        let text = String::deserialize(deserializer)?;
        parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_people_write_is_read() {
        for (text, ms) in [
            ("500ms", 500),
            ("20s", 20_000),
            ("15m", 900_000),
            ("1h30m", 5_400_000),
            ("0s", 0),
            ("1d", 86_400_000),
        ] {
            assert_eq!(parse(text).unwrap(), Duration::from_millis(ms), "{text}");
        }
        assert_eq!(option::parse("never"), Ok(None));
    }

    #[test]
    fn what_could_be_misunderstood_is_refused() {
        for text in [
            "",
            "20",
            "s",
            "-5s",
            "1.5h",
            "20 s",
            "5s1m",
            "1s1s",
            "20sec",
            "1h 30m",
            "99999999999999999999s",
            "200000d",
        ] {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn a_duration_reads_back_as_it_was_written(ms in 0..LONGEST_MS) {
            let span = Duration::from_millis(ms);
            prop_assert_eq!(parse(&show(span)).unwrap(), span);
        }

        #[test]
        fn no_text_makes_it_fall(text in "\\PC{0,20}") {
            if let Ok(span) = parse(&text) {
                prop_assert_eq!(parse(&show(span)).unwrap(), span);
            }
        }
    }
}
