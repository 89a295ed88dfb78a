//! Calendars of other programs: which dates are days off, short or working days, or have hours of their own.
//!
//! In: the text of a file, in one of three formats. Out: dates, and with a schedule the hours of its exceptions. Weekends
//! are days off only where the schedule is closed then, so a day off on a closed day and a working day on an open one are no
//! exception.

mod csv_lines;
mod events;
mod production;

use std::collections::BTreeMap;

use chrono::{Datelike as _, NaiveDate};
use chrono_tz::Tz;

use crate::calendar::schedule::{Interval, InvalidSchedule, Schedule};

crate::vocabulary! {
    /// The format of a calendar: the ending of its file.
    "format of a calendar" pub enum Format {
        /// iCalendar (RFC 5545).
        Ics = "ics",
        /// A production calendar as xmlcalendar.ru publishes it.
        Xml = "xml",
        /// Lines of `DATE,HOURS`, or a production calendar with a line for each year.
        Csv = "csv",
    }
}

/// What a calendar says of a date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Day {
    /// Closed.
    Off,
    /// A working day that ends earlier.
    Short,
    /// A working day, perhaps a moved one.
    Working,
    /// Open at these hours.
    Open(Vec<Interval>),
}

/// What a calendar says of its dates.
pub type Dates = BTreeMap<NaiveDate, Day>;

/// A calendar that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidCalendar {
    /// The text is no XML.
    #[error("the file is not XML ({reason}): name a calendar.xml as xmlcalendar.ru publishes it")]
    Xml {
        /// What the parser says.
        reason: String,
    },
    /// The first element has no year.
    #[error("the calendar has no year: its first element must be like <calendar year=\"2027\">")]
    Year,
    /// An element of a day is not understood.
    #[error(
        "day {given:?} of the calendar is not understood: it needs d=\"MM.DD\" and t=\"1\" (off), \"2\" (short) or \"3\" (working)"
    )]
    Day {
        /// The element.
        given: String,
    },
    /// A line is not understood.
    #[error(
        "line {line}: {given:?} is not understood: write a date with hours, closed, short or working, such as 2027-01-01,closed"
    )]
    Line {
        /// The number of the line.
        line: u64,
        /// Its text.
        given: String,
    },
    /// The text is not iCalendar.
    #[error("the file is not iCalendar ({reason}): export it as .ics again")]
    Events {
        /// What the parser says.
        reason: String,
    },
    /// An event repeats.
    #[error(
        "event {summary:?} repeats, and repetitions are not read: export the calendar with single events"
    )]
    Repeats {
        /// Its name.
        summary: String,
    },
    /// The times of an event are not understood.
    #[error("event {summary:?} has no beginning and end within a day that can be read: correct its times")]
    Event {
        /// Its name.
        summary: String,
    },
    /// Nothing is in the file.
    #[error("the calendar names no day: name another file")]
    Empty,
}

/// Reads a calendar. `zone` is that of the schedule: times of events are converted to it.
///
/// # Errors
/// [`InvalidCalendar`] names the part that is not understood.
pub fn read(format: Format, text: &str, zone: Tz) -> Result<Dates, InvalidCalendar> {
    let dates = match format {
        Format::Ics => events::read(text, zone),
        Format::Xml => production::read(text),
        Format::Csv => csv_lines::read(text),
    }?;
    if dates.is_empty() { Err(InvalidCalendar::Empty) } else { Ok(dates) }
}

/// Returns the schedule with the dates of a calendar among its exceptions. A date of the calendar replaces an exception.
/// A short day ends `shorter_min` minutes earlier. A working day has the hours of its weekday or, if that is closed, of the
/// first open weekday.
///
/// # Errors
/// [`InvalidSchedule::Overlap`] when the hours of a date overlap.
pub fn with_dates(schedule: &Schedule, dates: &Dates, shorter_min: u16) -> Result<Schedule, InvalidSchedule> {
    let mut schedule = schedule.regular();
    for (date, day) in dates {
        let weekday = &schedule.weekly[date.weekday().num_days_from_monday() as usize];
        let working = || {
            let open = schedule.weekly.iter().find(|hours| !hours.is_empty());
            if weekday.is_empty() { open.cloned().unwrap_or_default() } else { weekday.clone() }
        };
        let hours = match day {
            Day::Off => Vec::new(),
            Day::Working => working(),
            Day::Short => shortened(working(), shorter_min),
            Day::Open(hours) => hours.clone(),
        };
        if hours == *weekday {
            schedule.exceptions.remove(date);
        } else {
            schedule.exceptions.insert(*date, hours);
        }
    }
    schedule.checked()
}

/// Cuts minutes from the end of a day's hours.
fn shortened(mut hours: Vec<Interval>, mut minutes: u16) -> Vec<Interval> {
    while let Some(last) = hours.last_mut() {
        let length = last.closes_min - last.opens_min;
        if length > minutes {
            last.closes_min -= minutes;
            return hours;
        }
        minutes -= length;
        hours.pop();
    }
    hours
}

#[cfg(test)]
mod tests;
