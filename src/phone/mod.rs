//! Phone numbers: how people and carriers write them, and whether they can be called back.
//!
//! Calls, requests, phones, commands and erasure all read numbers with [`Home::number`]. A number with a country code
//! (after a plus, `00` or `8~10`) is read as it is, and nothing is stripped from it. Other numbers are read by the
//! numbering plan of our own country. **Invariant:** the result has the digits that were given, or there is no result.

mod plan;
mod written;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use plan::{AtHome, at_home, whole};
pub use plan::{Entry, InvalidRegion, Region, look_up};
use written::Written;

crate::stored! { Text:
    /// A callable number in E.164 form, such as `+79001234567`.
    #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
    #[serde(try_from = "String", into = "String")]
    pub struct E164(String);
}

/// A text that is not an E.164 number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{given:?} is not a phone number: write it with its country code, such as +79001234567")]
pub struct InvalidNumber {
    /// The text that was given, cut to 80 characters.
    pub given: String,
}

impl E164 {
    /// The number as text, beginning with `+`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The number without its plus.
    #[must_use]
    pub fn digits(&self) -> &str {
        self.0.trim_start_matches('+')
    }
}

impl FromStr for E164 {
    type Err = InvalidNumber;
    fn from_str(text: &str) -> Result<Self, InvalidNumber> {
        let digits = text.strip_prefix('+').unwrap_or_default();
        let fits = (7..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
        if fits && !digits.starts_with('0') {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidNumber { given: text.chars().take(80).collect() })
        }
    }
}

impl TryFrom<String> for E164 {
    type Error = InvalidNumber;
    fn try_from(text: String) -> Result<Self, InvalidNumber> {
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

/// Where numbers without a country code belong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Home {
    /// The country.
    pub region: Region,
    /// The area code of local numbers of 5 to 7 digits. Without one, they are not read as numbers.
    pub area_code: Option<AreaCode>,
}

/// The digits before a local number, such as `495`: 1 to 6 of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AreaCode {
    value: u32,
    length: usize,
}

/// A text that is not an area code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{given:?} is not an area code: write its 1 to 6 digits without the prefix, such as \"495\"")]
pub struct InvalidAreaCode {
    given: String,
}

impl FromStr for AreaCode {
    type Err = InvalidAreaCode;
    fn from_str(text: &str) -> Result<Self, InvalidAreaCode> {
        let digits = (1..=6).contains(&text.len()) && text.bytes().all(|digit| digit.is_ascii_digit());
        let value = text.parse().ok().filter(|_| digits);
        let invalid = || InvalidAreaCode { given: text.chars().take(20).collect() };
        value.map(|value| Self { value, length: text.len() }).ok_or_else(invalid)
    }
}

impl TryFrom<String> for AreaCode {
    type Error = InvalidAreaCode;
    fn try_from(text: String) -> Result<Self, InvalidAreaCode> {
        text.parse()
    }
}

impl From<AreaCode> for String {
    fn from(code: AreaCode) -> Self {
        code.to_string()
    }
}

impl fmt::Display for AreaCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:0length$}", self.value, length = self.length)
    }
}

impl Home {
    /// Returns the number that `text` means in this country, if that number exists.
    #[must_use]
    pub fn number(&self, text: &str) -> Option<E164> {
        self.of_written(&Written::read(text)?)
    }

    fn of_written(&self, written: &Written) -> Option<E164> {
        if !written.plus {
            return self.without_plus(&written.digits);
        }
        match (whole(&written.digits), written.with_zero.as_deref().and_then(whole)) {
            (Some(number), None) | (None, Some(number)) => Some(number),
            (None, None) | (Some(_), Some(_)) => None,
        }
    }

    /// Reads digits without a plus. The plan of the home comes first. Carriers also leave out the plus of whole
    /// numbers.
    ///
    /// The same digits can be a number of the home and of another country (`4951234567` in Russia, `3222123456` in the
    /// United States). Then they are the number of the home, as people there write or dial it: for the other country,
    /// people write a plus or the international prefix. Where the home's numbers are written with a prefix (Germany,
    /// Britain), the digits without it are not read as a number of the home.
    fn without_plus(&self, digits: &str) -> Option<E164> {
        if !digits.bytes().all(|digit| digit.is_ascii_digit()) {
            return None;
        }
        let read = self.as_at_home(digits)?;
        // `00` is understood everywhere, but some countries dial 001 or 004. Digits with two meanings are refused.
        let abroad = dialled_abroad(digits);
        (abroad.is_none_or(|number| number == read)).then_some(read)
    }

    /// Reads digits as people at home mean them.
    fn as_at_home(&self, digits: &str) -> Option<E164> {
        let completed = || self.completed(digits);
        match at_home(digits, self.region) {
            AtHome::Number(number) => Some(number),
            AtHome::WithoutPrefix(number) => match whole(digits) {
                None => Some(number),
                // In a country whose numbers are never written without a prefix, the digits more likely begin with its
                // calling code. If they begin with that of another country, their meaning is unclear.
                Some(whole) => self.region.has(&whole).then_some(whole),
            },
            AtHome::NoSuchNumber => completed()
                .or_else(|| dialled_abroad(digits))
                .or_else(|| whole(digits).filter(|number| self.region.has(number))),
            AtHome::Nothing => completed().or_else(|| dialled_abroad(digits)).or_else(|| whole(digits)),
        }
    }

    /// A local number with its area code.
    fn completed(&self, digits: &str) -> Option<E164> {
        let code = self.area_code.filter(|_| (5..=7).contains(&digits.len()))?;
        whole(&self.region.international(&format!("{code}{digits}")))
    }
}

/// The number behind `00`, the international prefix of most countries.
fn dialled_abroad(digits: &str) -> Option<E164> {
    whole(digits.strip_prefix("00")?)
}

/// Returns the number before the parameters that a carrier sends, as in `7001;npdi`.
#[must_use]
pub fn without_parameters(user: &str) -> &str {
    user.split_once(';').map_or(user, |(number, _)| number).trim_end()
}

/// The caller's number, and whether it can be called back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Party {
    /// A number that can be called back.
    Number(E164),
    /// An extension of our own: up to `extension_digits` digits.
    Internal(String),
    /// The caller hid the number, or none came.
    Withheld,
    /// The text is not a phone number.
    Invalid,
}

crate::vocabulary! {
    /// What kind of caller it is.
    "kind of caller" pub enum PartyKind {
        /// A number that can be called back.
        Number = "number",
        /// An extension of our own.
        Internal = "internal",
        /// The caller hid the number.
        Withheld = "withheld",
        /// The text is not a phone number.
        Invalid = "invalid",
    }
}

impl Party {
    /// What kind of caller it is.
    #[must_use]
    pub const fn kind(&self) -> PartyKind {
        match self {
            Self::Number(_) => PartyKind::Number,
            Self::Internal(_) => PartyKind::Internal,
            Self::Withheld => PartyKind::Withheld,
            Self::Invalid => PartyKind::Invalid,
        }
    }

    /// Reads what FreeSWITCH gives as a number.
    ///
    /// `privacy` says whether the caller hides the number. Numbers with at most `extension_digits` digits are
    /// extensions.
    #[must_use]
    pub fn read(raw: &str, privacy: bool, home: &Home, extension_digits: usize) -> Self {
        let raw = raw.trim();
        let hidden = ["", "anonymous", "restricted", "unavailable", "unknown", "private", "0000000000"];
        if privacy || hidden.iter().any(|word| without_parameters(raw).eq_ignore_ascii_case(word)) {
            return Self::Withheld;
        }
        let Some(written) = Written::read(raw) else { return Self::Invalid };
        if !written.plus && written.digits.len() <= extension_digits {
            return Self::Internal(written.digits);
        }
        home.of_written(&written).map_or(Self::Invalid, Self::Number)
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
mod tests;
