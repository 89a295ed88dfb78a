//! Whether a schedule is open at an instant, why, and until when.

use chrono::NaiveDate;

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
}
