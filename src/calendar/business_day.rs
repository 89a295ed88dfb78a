//! The day to which a call, an attempt or a case belongs. Pure.

use std::fmt;
use std::str::FromStr;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

crate::stored! { Display:
    /// A day of a queue's calendar. A night shift belongs to the day on which it started.
    ///
    /// As text it is `YYYY-MM-DD`, in columns as for people, so texts have the order of the days.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
    #[serde(transparent)]
    pub struct BusinessDay(pub NaiveDate);
}

impl fmt::Display for BusinessDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for BusinessDay {
    type Err = chrono::ParseError;
    fn from_str(text: &str) -> Result<Self, chrono::ParseError> {
        text.parse().map(Self)
    }
}

impl From<NaiveDate> for BusinessDay {
    fn from(date: NaiveDate) -> Self {
        Self(date)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_read_as_it_is_written_and_as_json_shows_it() {
        let day: BusinessDay = "2026-11-03".parse().unwrap();
        assert_eq!(day.to_string(), "2026-11-03");
        assert_eq!(serde_json::to_string(&day).unwrap(), "\"2026-11-03\"");
        assert!("3.11.2026".parse::<BusinessDay>().is_err());
        assert!(day < "2026-11-10".parse().unwrap() && day.to_string().as_str() < "2026-11-10");
    }
}
