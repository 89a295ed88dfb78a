//! Whether a schedule is open at an instant, why, and until when.

use chrono::{Datelike as _, NaiveDate};

use crate::calendar::manual::Manual;
use crate::calendar::schedule::{Schedule, civil_date};
use crate::clock::UnixMs;

/// The state of a schedule at an instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State<'a> {
    /// Whether it is open.
    pub open: bool,
    /// What decides that.
    pub why: Why<'a>,
    /// The next change. None if there is none within a year.
    pub until: Option<UnixMs>,
}

/// What decides whether a schedule is open. The first that applies, from the last of these to the first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why<'a> {
    /// The hours of the week.
    Week,
    /// The exception of a date.
    Date(NaiveDate),
    /// A person.
    Manual(&'a Manual),
}

impl Schedule {
    /// Returns whether the schedule is open at an instant, why, and until when.
    #[must_use]
    pub fn state(&self, at: UnixMs) -> State<'_> {
        let shift = self.shift_of(at);
        let open = shift.is_some();
        let date = shift.map_or_else(|| civil_date(self.zone, at), |(date, _, _)| date);
        let why = match &self.manual {
            Some(manual) if manual.holds(at) => Why::Manual(manual),
            _ if self.exceptions.contains_key(&date) => Why::Date(date),
            _ => Why::Week,
        };
        let until = if open { self.next_closing(at) } else { self.next_opening(at) };
        State { open, why, until }
    }

    /// Returns the year whose holidays are missing: this year or, from November on, the next, if no date of it is an
    /// exception. None for a schedule that was never closed on a date before, because it has no calendar of holidays.
    #[must_use]
    pub fn missing_year(&self, at: UnixMs) -> Option<i32> {
        /// The month from which on the next year's holidays must be there: two months before it begins.
        const FROM_MONTH: u32 = 11;
        let today = civil_date(self.zone, at);
        let has_calendar =
            self.exceptions.iter().any(|(date, hours)| hours.is_empty() && date.year() <= today.year());
        let has = |year: i32| self.exceptions.keys().any(|date| date.year() == year);
        let needed = (today.year()..).take(if today.month() >= FROM_MONTH { 2 } else { 1 });
        needed.into_iter().find(|year| has_calendar && !has(*year))
    }
}
