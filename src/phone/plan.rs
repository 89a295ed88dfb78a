//! The numbering plans of the world: which numbers exist, and how they are dialled at home.
//!
//! In: digits. Out: the number that they are, or nothing. **Invariant:** the national part of the answer is the end of
//! the digits that were given, unchanged. Digits that the library would have to rewrite (Argentine and Mexican mobiles,
//! local numbers that it completes) yield no number.
//!
//! Only this file uses the library. `rlibphonenumber` follows Google's own code and is checked against it. It reads
//! numbers of Russian cities that begin with 8 correctly.

use std::fmt;
use std::str::FromStr;

use rlibphonenumber::{
    NumberLengthType, PHONE_NUMBER_UTIL, PhoneNumber, PhoneNumberFormat, PhoneNumberType,
    Region as LibraryRegion,
};
use serde::{Deserialize, Serialize};

use super::E164;

/// A country or territory that has numbers, by ISO 3166, such as `RU`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Region(LibraryRegion);

/// A text that is not a region with phone numbers.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{given:?} is not a region: write two capital letters such as RU or DE")]
pub struct InvalidRegion {
    given: String,
}

impl Region {
    /// Russia.
    pub const RU: Self = Self(LibraryRegion::RU);

    /// The calling code, such as `7`.
    fn calling_code(self) -> i32 {
        PHONE_NUMBER_UTIL.get_country_code_for_region(self.0).unwrap_or_default()
    }

    /// Whether a number begins with the region's calling code.
    pub(super) fn has(self, number: &E164) -> bool {
        number.digits().starts_with(&self.calling_code().to_string())
    }

    /// `digits` with this region's calling code before them.
    pub(super) fn international(self, digits: &str) -> String {
        format!("{}{digits}", self.calling_code())
    }
}

impl FromStr for Region {
    type Err = InvalidRegion;
    fn from_str(text: &str) -> Result<Self, InvalidRegion> {
        let capitals = text.bytes().all(|letter| letter.is_ascii_uppercase());
        LibraryRegion::from_code(text)
            .ok()
            .filter(|region| capitals && PHONE_NUMBER_UTIL.get_country_code_for_region(*region).is_some())
            .map(Self)
            .ok_or_else(|| InvalidRegion { given: text.chars().take(20).collect() })
    }
}

impl TryFrom<String> for Region {
    type Error = InvalidRegion;
    fn try_from(text: String) -> Result<Self, InvalidRegion> {
        text.parse()
    }
}

impl From<Region> for String {
    fn from(region: Region) -> Self {
        region.to_string()
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.0.as_region_str().as_str())
    }
}

/// The entry of a number in the numbering plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// The country. `None` for numbers without one, such as satellite phones and international services.
    pub region: Option<Region>,
    /// Whether it is an ordinary fixed or mobile number: not a service, and without extra cost.
    pub ordinary: bool,
}

/// Ranges in use that the library's metadata lack: prefix in E.164 without the plus, length of the whole number,
/// country.
///
/// 497: Moscow region, by the registry of the Russian numbering plan (see `calendar/zone.rs`).
const ADDED: [(&str, usize, Region); 1] = [("7497", 11, Region::RU)];

/// Looks up a number. `None` if no numbering plan has it.
#[must_use]
pub fn look_up(number: &E164) -> Option<Entry> {
    entry(number.digits())
}

fn entry(digits: &str) -> Option<Entry> {
    if let Some((.., region)) =
        ADDED.iter().find(|(prefix, length, _)| digits.starts_with(prefix) && digits.len() == *length)
    {
        return Some(Entry { region: Some(*region), ordinary: true });
    }
    let number = split(digits).filter(PhoneNumber::is_valid)?;
    let ordinary = matches!(
        number.get_type(),
        PhoneNumberType::FixedLine
            | PhoneNumberType::Mobile
            | PhoneNumberType::FixedLineOrMobile
            | PhoneNumberType::VoIP
    );
    let region = number.get_region_code().filter(|region| *region != LibraryRegion::World).map(Region);
    Some(Entry { region, ordinary })
}

/// Splits a whole number into calling code and national part, as the library needs them. Nothing is stripped.
fn split(digits: &str) -> Option<PhoneNumber> {
    let known = |length: &usize| {
        let code = digits.get(..*length).and_then(|code| code.parse().ok());
        code.is_some_and(|code| PHONE_NUMBER_UTIL.get_region_for_country_code(code).is_some())
    };
    let (code, national) = digits.split_at_checked((1..=3).find(known)?)?;
    let zeros = national.len() - national.trim_start_matches('0').len();
    Some(PhoneNumber {
        country_code: code.parse().ok()?,
        national_number: national.parse().ok()?,
        italian_leading_zero: (zeros > 0).then_some(true),
        number_of_leading_zeros: (zeros > 1).then(|| i32::try_from(zeros)).transpose().ok()?,
        ..PhoneNumber::default()
    })
}

/// Returns the number if `digits` are a whole number with its calling code.
pub(super) fn whole(digits: &str) -> Option<E164> {
    entry(digits)?;
    format!("+{digits}").parse().ok()
}

/// The meaning of digits that are dialled in a region.
pub(super) enum AtHome {
    /// This number, dialled with the national or international prefix, or written as in the region.
    Number(E164),
    /// This number, without the prefix that people in the region dial before it.
    WithoutPrefix(E164),
    /// As many digits as a number of the region has, but no such number exists.
    NoSuchNumber,
    /// Not a number that is dialled there.
    Nothing,
}

/// Reads `digits` as they are dialled in `home`: with the national prefix or without, or with the international one.
pub(super) fn at_home(digits: &str, home: Region) -> AtHome {
    let Ok(number) = PHONE_NUMBER_UTIL.parse(digits, Some(home.0)) else { return AtHome::Nothing };
    let e164 = number.format_as(PhoneNumberFormat::E164);
    let all = e164.trim_start_matches('+');
    let national = all.strip_prefix(&number.country_code.to_string()).unwrap_or(all);
    let kept = if number.country_code == home.calling_code() { national } else { all };
    match whole(all).filter(|_| digits.ends_with(kept)) {
        Some(found) if digits == national && !is_written_without_prefix(&number, national) => {
            AtHome::WithoutPrefix(found)
        }
        Some(found) => AtHome::Number(found),
        None if number.is_possible_with_reason() == Ok(NumberLengthType::IsPossible) => AtHome::NoSuchNumber,
        None => AtHome::Nothing,
    }
}

/// Whether people at home write the number without the prefix that they dial, as Americans do. Russians, Kazakhs and
/// their carriers do so too, although by the official format an 8 comes first.
fn is_written_without_prefix(number: &PhoneNumber, national: &str) -> bool {
    let written = number.format_as(PhoneNumberFormat::National);
    number.country_code == 7 || written.chars().filter(char::is_ascii_digit).eq(national.chars())
}

#[cfg(test)]
pub(super) mod tests {
    use rlibphonenumber::PhoneNumberType::{
        FixedLine, Mobile, PersonalNumber, PremiumRate, SharedCost, TollFree, UAN, VoIP,
    };

    use super::*;

    /// Every example number of every territory, and of the services of no country: where it belongs, and the number.
    pub fn examples() -> Vec<(Option<Region>, String)> {
        let util = &*PHONE_NUMBER_UTIL;
        let kinds = [FixedLine, Mobile, PersonalNumber, PremiumRate, SharedCost, TollFree, UAN, VoIP];
        let of_region = |region: LibraryRegion| {
            let numbers = kinds
                .into_iter()
                .filter_map(move |kind| util.get_example_number_for_type_and_region(region, kind).ok());
            numbers.map(move |number| (Some(Region(region)), number))
        };
        let territories = util.get_supported_regions().flat_map(of_region);
        let services = util.get_supported_global_network_calling_codes();
        let services = services.filter_map(|code| util.get_example_number_for_non_geo_entity(code).ok());
        let e164 = |number: PhoneNumber| number.format_as(PhoneNumberFormat::E164).into_owned();
        let mut all: Vec<_> = territories
            .chain(services.map(|number| (None, number)))
            .map(|(region, number)| (region, e164(number)))
            .collect();
        all.sort_by(|one, other| one.1.cmp(&other.1));
        all
    }

    /// How a number is dialled in its own territory: its national part alone, and with the prefix before it.
    pub fn national(number: &str) -> [String; 2] {
        let parsed = split(&number[1..]).unwrap();
        let code = format!("+{}", parsed.country_code);
        let bare = number.strip_prefix(&code).unwrap().to_owned();
        [bare, parsed.format_as(PhoneNumberFormat::National).into_owned()]
    }

    #[test]
    fn a_region_is_one_with_numbers() {
        for name in ["RU", "DE", "US", "KZ", "GB"] {
            assert_eq!(name.parse::<Region>().unwrap().to_string(), name);
        }
        for bad in ["", "ru", "R", "RUS", "001", "XX", "AQ"] {
            assert!(bad.parse::<Region>().is_err(), "{bad:?}");
        }
    }
}
