//! iCalendar: an event of whole days closes them, and an event with times is open at those times.

use chrono::{Days, NaiveDate, NaiveDateTime, TimeZone as _, Timelike as _};
use chrono_tz::Tz;
use icalendar::{Calendar, CalendarComponent, CalendarDateTime, Component as _, DatePerhapsTime, Event};

use super::{Dates, Day, InvalidCalendar};
use crate::calendar::schedule::Interval;

/// The minutes of a day.
const DAY_MIN: i64 = 24 * 60;

/// Reads the events. On a date that has both kinds, the times count.
pub(super) fn read(text: &str, zone: Tz) -> Result<Dates, InvalidCalendar> {
    let calendar: Calendar = text.parse().map_err(|reason| InvalidCalendar::Events { reason })?;
    let mut dates = Dates::new();
    for component in &calendar.components {
        let CalendarComponent::Event(event) = component else { continue };
        if event.property_value("RRULE").is_some() {
            return Err(InvalidCalendar::Repeats { summary: summary(event) });
        }
        add(&mut dates, event, zone).ok_or_else(|| InvalidCalendar::Event { summary: summary(event) })?;
    }
    Ok(dates)
}

fn summary(event: &Event) -> String {
    event.get_summary().unwrap_or_default().to_owned()
}

/// Adds the dates of an event. None if its times cannot be read.
fn add(dates: &mut Dates, event: &Event, zone: Tz) -> Option<()> {
    match (event.get_start()?, event.get_end()) {
        (DatePerhapsTime::Date(first), None) => close(dates, first, first.checked_add_days(Days::new(1))?),
        (DatePerhapsTime::Date(first), Some(DatePerhapsTime::Date(end))) => close(dates, first, end),
        (DatePerhapsTime::DateTime(from), Some(DatePerhapsTime::DateTime(to))) => {
            open(dates, civil(from, zone)?, civil(to, zone)?)
        }
        _ => None,
    }
}

/// Closes the dates before `end`, which is the day after the last one.
fn close(dates: &mut Dates, first: NaiveDate, end: NaiveDate) -> Option<()> {
    /// The longest event of whole days that is meant: a year.
    const LONGEST_DAYS: i64 = 366;
    let days = end.signed_duration_since(first).num_days();
    for date in
        first.iter_days().take(usize::try_from(days).ok().filter(|_| (1..=LONGEST_DAYS).contains(&days))?)
    {
        dates.entry(date).or_insert(Day::Off);
    }
    Some(())
}

/// Opens the date at which an event begins.
fn open(dates: &mut Dates, from: NaiveDateTime, to: NaiveDateTime) -> Option<()> {
    let length = to.signed_duration_since(from).num_minutes();
    let opens_min = u16::try_from(from.hour() * 60 + from.minute()).ok()?;
    let closes_min =
        opens_min.checked_add(u16::try_from(length).ok().filter(|_| (1..=DAY_MIN).contains(&length))?)?;
    let day = dates.entry(from.date()).or_insert(Day::Off);
    let interval = Interval { opens_min, closes_min };
    match day {
        Day::Open(hours) => hours.push(interval),
        other => *other = Day::Open(vec![interval]),
    }
    Some(())
}

/// A time of an event on the clocks of the schedule's zone. A time without a zone is one of them.
fn civil(time: CalendarDateTime, zone: Tz) -> Option<NaiveDateTime> {
    match time {
        CalendarDateTime::Floating(civil) => Some(civil),
        CalendarDateTime::Utc(at) => Some(at.with_timezone(&zone).naive_local()),
        CalendarDateTime::WithTimezone { date_time, tzid } => {
            let theirs: Tz = tzid.parse().ok()?;
            Some(theirs.from_local_datetime(&date_time).earliest()?.with_timezone(&zone).naive_local())
        }
    }
}
