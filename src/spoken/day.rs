//! Days: "tomorrow", "on Monday", "on the first of December".

use chrono::{Datelike, NaiveDate, Weekday};

use super::{Phrase, english, russian};
use crate::language::Language;

/// Within how many days a weekday says which day is meant.
const WEEK: i64 = 7;

/// A day as it is said to somebody who calls today.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Day {
    /// "today".
    Today,
    /// "tomorrow".
    Tomorrow,
    /// "on Monday": the next one, two to six days from now.
    Weekday(Weekday),
    /// "on the first of December": any other day.
    Date(NaiveDate),
}

impl Day {
    /// How a day is said today.
    #[must_use]
    pub fn seen_from(today: NaiveDate, day: NaiveDate) -> Self {
        match (day - today).num_days() {
            0 => Self::Today,
            1 => Self::Tomorrow,
            2..WEEK => Self::Weekday(day.weekday()),
            _ => Self::Date(day),
        }
    }

    /// Says the day as an answer to "when?".
    #[must_use]
    pub fn said(self, language: Language) -> Phrase {
        match self {
            Self::Today => Phrase::default().word("today"),
            Self::Tomorrow => Phrase::default().word("tomorrow"),
            Self::Weekday(day) => weekday(day),
            Self::Date(day) => date(language, day),
        }
    }
}

/// Says on which weekday: "on Monday", "во вторник".
#[must_use]
pub fn weekday(day: Weekday) -> Phrase {
    Phrase::default().word(match day {
        Weekday::Mon => "on-monday",
        Weekday::Tue => "on-tuesday",
        Weekday::Wed => "on-wednesday",
        Weekday::Thu => "on-thursday",
        Weekday::Fri => "on-friday",
        Weekday::Sat => "on-saturday",
        Weekday::Sun => "on-sunday",
    })
}

/// Says on which day of the year: "on the first of December", "первого декабря".
#[must_use]
pub fn date(language: Language, day: NaiveDate) -> Phrase {
    // At most 31 and 12.
    let (number, month) = (day.day() as u16, day.month() as u16);
    let said = match language {
        Language::En => Phrase::default().word("on-the").then(english::ordinal(number)),
        Language::Ru => russian::day_of_month(number),
    };
    said.numbered("of-month", month, "")
}
