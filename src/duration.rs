//! Durations as people write them: `20s`, `15m`, `1h30m`, `500ms`, `0s`.
//!
//! Each setting states its range: `#[serde(with = "duration::Within::<SECOND, HOUR>")]` reads and writes such text, and
//! refuses shorter and longer durations. [`ZeroOr`] also accepts `0s`, which switches something off. [`OrNever`] also
//! accepts `never`, which means that there is no limit.

use std::time::Duration;

use serde::{Deserialize as _, Deserializer, Serializer};

/// A text that is not a duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{given:?} is not a duration: {problem}; write something like \"500ms\", \"20s\", \"15m\" or \"1h30m\""
)]
pub struct InvalidDuration {
    /// The text that was given, cut to 80 characters.
    pub given: String,
    /// What is wrong with it.
    pub problem: &'static str,
}

/// Units from long to short, in milliseconds; a text must use them in this order.
const UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];
/// A hundred years. No setting needs more, and every sum of instants stays in range.
const LONGEST_MS: u64 = 100 * 365 * 86_400_000;

/// Reads a duration, in whole milliseconds.
///
/// # Errors
/// [`InvalidDuration`] says what is wrong and how to write it.
pub fn parse(text: &str) -> Result<Duration, InvalidDuration> {
    let bad = |problem| InvalidDuration { given: text.chars().take(80).collect(), problem };
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

/// Writes a duration so that [`parse`] reads it back. Fractions of a millisecond are dropped.
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

/// The shortest time that people notice, in milliseconds, for ranges.
pub const HEARD: u64 = 100;
/// A second, in milliseconds.
pub const SECOND: u64 = 1000;
/// A minute, in milliseconds.
pub const MINUTE: u64 = 60 * SECOND;
/// An hour, in milliseconds.
pub const HOUR: u64 = 60 * MINUTE;
/// A day, in milliseconds.
pub const DAY: u64 = 24 * HOUR;
/// A leap year, in milliseconds.
pub const YEAR: u64 = 366 * DAY;

/// How often something is done: 10 ms to 1 h.
pub type Interval = Within<10, HOUR>;
/// How long to wait for an answer.
pub type Timeout = Within<100, { 10 * MINUTE }>;

/// A duration that a setting does not accept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// It is not a duration.
    #[error(transparent)]
    Bad(#[from] InvalidDuration),
    /// It is outside of the range.
    #[error("{given:?} is too {side}; write {allowed}")]
    Outside {
        /// The duration that was given.
        given: String,
        /// `short` or `long`.
        side: &'static str,
        /// What is allowed.
        allowed: String,
    },
}

/// Reads a duration of `least` to `most`, in milliseconds.
fn within(text: &str, least: u64, most: u64, or: &str) -> Result<Duration, Unfit> {
    let span = parse(text)?;
    let [shortest, longest] = [least, most].map(Duration::from_millis);
    if (shortest..=longest).contains(&span) {
        return Ok(span);
    }
    let side = if span < shortest { "short" } else { "long" };
    let allowed = format!("{or}\"{}\" to \"{}\"", show(shortest), show(longest));
    Err(Unfit::Outside { given: show(span), side, allowed })
}

/// The serde module of a duration of `LEAST` to `MOST` milliseconds.
#[derive(Debug)]
pub enum Within<const LEAST: u64, const MOST: u64> {}

impl<const LEAST: u64, const MOST: u64> Within<LEAST, MOST> {
    /// Reads such a duration.
    ///
    /// # Errors
    /// [`Unfit`] says what is allowed.
    pub fn parse(text: &str) -> Result<Duration, Unfit> {
        within(text, LEAST, MOST, "")
    }

    /// Writes it as text.
    ///
    /// # Errors
    /// The serializer's.
    pub fn serialize<S: Serializer>(span: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&show(*span))
    }

    /// Reads it from text.
    ///
    /// # Errors
    /// When it is not text, or [`Unfit`].
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// Like [`Within`], but `0s` is also allowed, with a meaning of its own.
#[derive(Debug)]
pub enum ZeroOr<const LEAST: u64, const MOST: u64> {}

impl<const LEAST: u64, const MOST: u64> ZeroOr<LEAST, MOST> {
    /// Writes it as text.
    ///
    /// # Errors
    /// The serializer's.
    pub fn serialize<S: Serializer>(span: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&show(*span))
    }

    /// Reads it from text.
    ///
    /// # Errors
    /// When it is not text, or [`Unfit`].
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        let text = String::deserialize(deserializer)?;
        if parse(&text) == Ok(Duration::ZERO) {
            return Ok(Duration::ZERO);
        }
        within(&text, LEAST, MOST, "\"0s\" or ").map_err(serde::de::Error::custom)
    }
}

/// Like [`Within`], for a limit that may be absent: `never`.
#[derive(Debug)]
pub enum OrNever<const LEAST: u64, const MOST: u64> {}

impl<const LEAST: u64, const MOST: u64> OrNever<LEAST, MOST> {
    /// Reads it from text.
    ///
    /// # Errors
    /// When it is not text, or [`Unfit`].
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.trim() == "never" {
            return Ok(None);
        }
        within(&text, LEAST, MOST, "\"never\" or ").map(Some).map_err(serde::de::Error::custom)
    }

    /// Writes it as text.
    ///
    /// # Errors
    /// The serializer's.
    pub fn serialize<S: Serializer>(span: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&show_limit(*span))
    }
}

/// Writes a limit that may be absent: a duration, or `never`.
#[must_use]
pub fn show_limit(span: Option<Duration>) -> String {
    span.map_or_else(|| "never".to_owned(), show)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde::Deserialize;

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
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct Sample {
        #[serde(with = "Interval")]
        every: Duration,
        #[serde(with = "ZeroOr::<DAY, YEAR>")]
        keep: Duration,
        #[serde(deserialize_with = "OrNever::<SECOND, DAY>::deserialize")]
        limit: Option<Duration>,
    }

    fn sample(every: &str, keep: &str, limit: &str) -> Result<Sample, String> {
        let text = format!("every = {every:?}\nkeep = {keep:?}\nlimit = {limit:?}\n");
        toml::from_str(&text).map_err(|error| error.message().to_owned())
    }

    #[test]
    fn what_makes_no_sense_for_a_setting_is_refused_with_what_does() {
        let read = sample("10ms", "0s", "never").unwrap();
        assert_eq!(read, Sample { every: Duration::from_millis(10), keep: Duration::ZERO, limit: None });
        assert!(sample("1h", "366d", "1d").is_ok());
        for (every, keep, limit, said) in [
            ("0s", "0s", "1s", r#""0s" is too short; write "10ms" to "1h""#),
            ("365d", "0s", "1s", r#""365d" is too long; write "10ms" to "1h""#),
            ("1s", "1s", "1s", r#""1s" is too short; write "0s" or "1d" to "366d""#),
            ("1s", "0s", "0s", r#""0s" is too short; write "never" or "1s" to "1d""#),
            (
                "soon",
                "0s",
                "1s",
                r#""soon" is not a duration: a whole number must come before each unit; write something like "500ms", "20s", "15m" or "1h30m""#,
            ),
        ] {
            assert_eq!(sample(every, keep, limit), Err(said.to_owned()));
        }
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
