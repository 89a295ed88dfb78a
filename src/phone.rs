//! Phone numbers: who calls, as far as we can call back; and what may be dialled.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A callable number in E.164 form, such as `+79001234567`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct E164(String);

/// A text that is not an E.164 number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{given:?} is not a phone number: write it with its country code, such as +79001234567")]
pub struct BadNumber {
    /// The text that was given, cut to 80 characters.
    pub given: String,
}

impl E164 {
    /// The number as text, beginning with `+`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for E164 {
    type Err = BadNumber;
    fn from_str(text: &str) -> Result<Self, BadNumber> {
        let digits = text.strip_prefix('+').unwrap_or_default();
        let fits = (7..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
        if fits && !digits.starts_with('0') {
            Ok(Self(text.to_owned()))
        } else {
            Err(BadNumber { given: text.chars().take(80).collect() })
        }
    }
}

impl TryFrom<String> for E164 {
    type Error = BadNumber;
    fn try_from(text: String) -> Result<Self, BadNumber> {
        text.parse()
    }
}

impl From<E164> for String {
    fn from(number: E164) -> Self {
        number.0
    }
}

impl fmt::Display for E164 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for E164 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// Who is calling, as far as a call back is concerned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Party {
    /// A number that can be called back.
    Number(E164),
    /// An extension of our own: up to `internal_digits` digits.
    Internal(String),
    /// The caller hid his number, or none came.
    Withheld,
    /// Something came that is no number anywhere.
    Invalid,
}

impl Party {
    /// Reads what FreeSWITCH gives as the caller's number.
    ///
    /// `privacy` is the caller's wish to hide his number; `region` (ISO 3166, such as `RU`) is where
    /// a number without a country code belongs; numbers of at most `internal_digits` digits are our own.
    #[must_use]
    pub fn read(raw: &str, privacy: bool, region: phonenumber::country::Id, internal_digits: usize) -> Self {
        let raw = raw.trim();
        let hidden = ["", "anonymous", "restricted", "unavailable", "unknown", "private", "0000000000"];
        if privacy || hidden.iter().any(|word| raw.eq_ignore_ascii_case(word)) {
            return Self::Withheld;
        }
        if raw.len() > 32 || !raw.chars().all(|c| c.is_ascii_digit() || "+-() .*#".contains(c)) {
            return Self::Invalid;
        }
        if raw.len() <= internal_digits && raw.bytes().all(|b| b.is_ascii_digit() || b == b'*' || b == b'#') {
            return Self::Internal(raw.to_owned());
        }
        Self::callable(raw, region).map_or(Self::Invalid, Self::Number)
    }

    /// The number in E.164 form if the numbering plan knows it: as dialled in `region`, else as written
    /// by a carrier that leaves out the plus.
    fn callable(raw: &str, region: phonenumber::country::Id) -> Option<E164> {
        let known = |text: &str| {
            let number = phonenumber::parse(Some(region), text).ok()?;
            phonenumber::is_valid(&number)
                .then(|| number.format().mode(phonenumber::Mode::E164).to_string())?
                .parse()
                .ok()
        };
        known(raw).or_else(|| if raw.starts_with('+') { None } else { known(&format!("+{raw}")) })
    }

    /// The number that can be called back, if there is one.
    #[must_use]
    pub const fn number(&self) -> Option<&E164> {
        match self {
            Self::Number(number) => Some(number),
            Self::Internal(_) | Self::Withheld | Self::Invalid => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use phonenumber::country::Id;

    fn read(raw: &str) -> Party {
        Party::read(raw, false, Id::RU, 5)
    }

    #[test]
    fn numbers_of_one_person_are_one_number() {
        let one = Party::Number("+79001234567".parse().unwrap());
        for raw in ["+79001234567", "79001234567", "89001234567", "9001234567", "+7 (900) 123-45-67"] {
            assert_eq!(read(raw), one, "{raw}");
        }
        assert_eq!(read("+4930123456"), Party::Number("+4930123456".parse().unwrap()));
        assert_eq!(read("493012345678"), Party::Number("+493012345678".parse().unwrap()));
    }

    #[test]
    fn what_cannot_be_called_back_is_told_apart() {
        assert_eq!(read(""), Party::Withheld);
        assert_eq!(read("Anonymous"), Party::Withheld);
        assert_eq!(Party::read("+79001234567", true, Id::RU, 5), Party::Withheld);
        assert_eq!(read("1001"), Party::Internal("1001".into()));
        let long = "9".repeat(4096);
        for raw in ["${x}", "a'b", "+7900", "123456789012345678901", "79\n00", long.as_str(), "\u{fffd}"] {
            assert_eq!(read(raw), Party::Invalid, "{raw:?}");
        }
    }
}
