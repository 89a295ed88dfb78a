//! Whole numbers: how many, and which place.

use super::{Phrase, english, russian};
use crate::language::Language;

/// The largest number that has sounds. A larger number is said as this one.
pub(super) const LARGEST: u64 = 9_999;

/// The gender of the noun that is counted. Russian has "один час", but "одна минута".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gender {
    /// As of "час".
    Masculine,
    /// As of "минута".
    Feminine,
    /// As of "обращение".
    Neuter,
}

/// The case of a counted noun that is no living being.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Case {
    /// "у вас две минуты", "одна минута".
    Nominative,
    /// "около двух минут".
    Genitive,
    /// "через одну минуту".
    Accusative,
}

/// Says how many. English has one form, whatever the gender and the case. Numbers above 9,999 are said as 9,999.
#[must_use]
pub fn cardinal(language: Language, number: u64, gender: Gender, case: Case) -> Phrase {
    let number = small(number);
    match language {
        Language::En => english::cardinal(number),
        Language::Ru => russian::cardinal(number, gender, case),
    }
}

/// Says which place: "двадцать первый", "number twenty-one". Numbers above 9,999 are said as 9,999.
#[must_use]
pub fn place(language: Language, number: u64) -> Phrase {
    let number = small(number);
    match language {
        Language::En => Phrase::default().word("number").then(english::cardinal(number)),
        Language::Ru => russian::ordinal(number),
    }
}

fn small(number: u64) -> u16 {
    u16::try_from(number.min(LARGEST)).unwrap_or(u16::MAX)
}
