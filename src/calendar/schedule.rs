//! Opening hours: weekly hours in a named time zone, and dates with other hours.
//!
//! One rule turns civil times into instants. A time that the clock skips (in spring) is the first instant after the
//! gap. Of a time that comes twice (in autumn), an opening is the later instant and a closing the earlier one.

use std::collections::BTreeMap;
use std::fmt;

use chrono::{Datelike, Days, LocalResult, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone};
use chrono_tz::Tz;

use crate::calendar::business_day::BusinessDay;
use crate::calendar::manual::Manual;
use crate::clock::UnixMs;

/// The minutes of a day.
const DAY_MIN: u16 = 24 * 60;
/// How many days ahead an opening or closing is searched: a leap year.
const AHEAD_DAYS: u64 = 367;

/// A time span of a day, from minute to minute, without its end. An end above 1440 is on the next day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Interval {
    /// Minutes from midnight at which it opens: 0 to 1439.
    pub opens_min: u16,
    /// Minutes from the same midnight at which it closes: after the opening, at most a day later.
    pub closes_min: u16,
}

/// Opening hours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// The time zone of the hours.
    pub zone: Tz,
    /// The week's hours, Monday first, each day's in order.
    pub weekly: [Vec<Interval>; 7],
    /// Dates with other hours than their weekday. An empty list means closed.
    pub exceptions: BTreeMap<NaiveDate, Vec<Interval>>,
    /// What a person set for a while, which counts before everything else. It is no part of the rules file.
    pub manual: Option<Manual>,
}

/// Hours that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSchedule {
    /// The zone is not in the IANA database.
    #[error("{given:?} is not a time zone{hint}; write an IANA name such as Europe/Moscow")]
    Zone {
        /// The text that was given.
        given: String,
        /// A similar name, if there is one.
        hint: String,
    },
    /// A line of hours cannot be read.
    #[error(
        "{line:?} is not hours: {problem}; write something like \"mon-fri 09:00-18:00\", \"sat 22:00-06:00\" or \"sun closed\""
    )]
    Line {
        /// The line that was given.
        line: String,
        /// What is wrong with which part.
        problem: String,
    },
    /// A dated line cannot be read.
    #[error(
        "{line:?} is not an exception: {problem}; write something like \"2026-12-31 09:00-15:00\" or \"2027-01-01 closed\""
    )]
    Exception {
        /// The line that was given.
        line: String,
        /// What is wrong with which part.
        problem: String,
    },
    /// Two lines overlap.
    #[error("{first} and {second} overlap: join them or change one")]
    Overlap {
        /// The first of the two, with its day.
        first: String,
        /// The second, with its day.
        second: String,
    },
}

impl Schedule {
    /// A schedule that never opens.
    #[must_use]
    pub fn closed(zone: Tz) -> Self {
        Self { zone, weekly: Default::default(), exceptions: BTreeMap::new(), manual: None }
    }

    /// The hours without what a person set for a while.
    #[must_use]
    pub fn regular(&self) -> Self {
        Self { manual: None, ..self.clone() }
    }

    /// Reads hours such as `mon-fri 09:00-18:00` and exceptions such as `2027-01-01 closed`.
    ///
    /// # Errors
    /// [`InvalidSchedule`] names the text, what is wrong with it and how to write it.
    pub fn parse<S: AsRef<str>>(zone: &str, hours: &[S], exceptions: &[S]) -> Result<Self, InvalidSchedule> {
        let mut schedule = Self::closed(parse_zone(zone)?);
        for line in hours.iter().map(AsRef::as_ref) {
            let (days, intervals) = weekly_line(line)
                .map_err(|problem| InvalidSchedule::Line { line: line.to_owned(), problem })?;
            for day in days {
                schedule.weekly[day].extend(&intervals);
            }
        }
        for line in exceptions.iter().map(AsRef::as_ref) {
            let (date, intervals) = dated_line(line)
                .map_err(|problem| InvalidSchedule::Exception { line: line.to_owned(), problem })?;
            schedule.exceptions.entry(date).or_default().extend(intervals);
        }
        schedule.checked()
    }

    /// Sorts the hours of every day, and refuses hours that overlap on one day or into the next.
    ///
    /// # Errors
    /// [`InvalidSchedule::Overlap`] names the two.
    pub fn checked(mut self) -> Result<Self, InvalidSchedule> {
        for intervals in self.weekly.iter_mut().chain(self.exceptions.values_mut()) {
            intervals.sort_unstable();
        }
        for day in 0..7 {
            let today = Named(DAYS[day], &self.weekly[day]);
            today.check()?;
            today.check_into(Named(DAYS[(day + 1) % 7], &self.weekly[(day + 1) % 7]))?;
        }
        for (date, intervals) in &self.exceptions {
            Named(&date.to_string(), intervals).check()?;
        }
        Ok(self)
    }

    /// The hours that begin on a date.
    #[must_use]
    pub fn hours_on(&self, date: NaiveDate) -> &[Interval] {
        self.exceptions.get(&date).unwrap_or(&self.weekly[date.weekday().num_days_from_monday() as usize])
    }

    /// Whether the schedule is open at an instant.
    #[must_use]
    pub fn is_open(&self, at: UnixMs) -> bool {
        self.shift_of(at).is_some()
    }

    /// Returns the first opening after `at`, which lies in closed time. None if there is none within a year.
    #[must_use]
    pub fn next_opening(&self, at: UnixMs) -> Option<UnixMs> {
        // A night that was closed by hand for a while opens again as a shift of the day before.
        let from = civil_date(self.zone, at).checked_sub_days(Days::new(2))?;
        self.shifts(from, AHEAD_DAYS + 2).map(|(_, opens, _)| opens).find(|opens| *opens > at)
    }

    /// Returns the first closing after `at`, which lies in open time. None if there is none within a year.
    #[must_use]
    pub fn next_closing(&self, at: UnixMs) -> Option<UnixMs> {
        let (_, _, mut closes) = self.shift_of(at)?;
        let from = civil_date(self.zone, at).checked_sub_days(Days::new(1))?;
        for (_, opens, then) in self.shifts(from, AHEAD_DAYS) {
            if opens > closes {
                return Some(closes);
            }
            closes = closes.max(then);
        }
        None
    }

    /// Returns the day that an instant belongs to: the day on which its shift began or, outside of shifts, the date in
    /// the time zone.
    #[must_use]
    pub fn business_day(&self, at: UnixMs) -> BusinessDay {
        BusinessDay(self.shift_of(at).map_or_else(|| civil_date(self.zone, at), |(date, _, _)| date))
    }

    /// Returns how many milliseconds of `from..to` are open.
    #[must_use]
    pub fn working_ms(&self, from: UnixMs, to: UnixMs) -> i64 {
        let first = civil_date(self.zone, from).checked_sub_days(Days::new(2));
        let last = civil_date(self.zone, to);
        let Some(first) = first else { return 0 };
        let days = last.signed_duration_since(first).num_days().max(0).unsigned_abs() + 1;
        let (mut sum, mut counted_to) = (0, from);
        for (_, opens, closes) in self.shifts(first, days) {
            let (opens, closes) = (opens.max(counted_to), closes.min(to));
            sum += closes.since_ms(opens);
            counted_to = counted_to.max(closes);
        }
        sum
    }

    /// Returns the shift that contains an instant: its date, opening and closing. If two shifts meet there, the later
    /// one.
    pub(crate) fn shift_of(&self, at: UnixMs) -> Option<(NaiveDate, UnixMs, UnixMs)> {
        let first = civil_date(self.zone, at).checked_sub_days(Days::new(2))?;
        self.shifts(first, 4).filter(|(_, opens, closes)| *opens <= at && at < *closes).last()
    }

    /// Returns every shift that begins on one of `days` dates from `first`, in the order of the openings.
    pub(crate) fn shifts(
        &self,
        first: NaiveDate,
        days: u64,
    ) -> impl Iterator<Item = (NaiveDate, UnixMs, UnixMs)> + '_ {
        let dates = (0..days).filter_map(move |n| first.checked_add_days(Days::new(n)));
        dates.flat_map(move |date| {
            self.shifts_on(date).into_iter().map(move |(opens, closes)| (date, opens, closes))
        })
    }

    /// Returns the openings and closings of the shifts that begin on a date.
    fn shifts_on(&self, date: NaiveDate) -> Vec<(UnixMs, UnixMs)> {
        let instant = |minute, edge| self.instant(date, minute, edge);
        let regular = self.hours_on(date).iter().filter_map(|interval| {
            let opens = instant(interval.opens_min, Edge::Opening)?;
            let closes = instant(interval.closes_min, Edge::Closing)?;
            (opens < closes).then_some((opens, closes))
        });
        let Some(manual) = &self.manual else { return regular.collect() };
        let day = instant(0, Edge::Opening).zip(instant(DAY_MIN, Edge::Opening));
        manual.applied_to(regular.collect(), day)
    }

    /// Returns the instant of a minute that is counted from the midnight of a date.
    fn instant(&self, date: NaiveDate, minute: u16, edge: Edge) -> Option<UnixMs> {
        let day = date.checked_add_days(Days::new(u64::from(minute / DAY_MIN)))?;
        let minute = u32::from(minute % DAY_MIN);
        let civil = day.and_time(NaiveTime::from_hms_opt(minute / 60, minute % 60, 0)?);
        Some(to_instant(self.zone, civil, edge))
    }
}

/// The end of an interval, which decides an ambiguous time.
#[derive(Clone, Copy)]
pub(crate) enum Edge {
    Opening,
    Closing,
}

/// Returns the instant of a civil time in a time zone, by the rule of this module.
pub(crate) fn to_instant(zone: Tz, civil: NaiveDateTime, edge: Edge) -> UnixMs {
    match zone.from_local_datetime(&civil) {
        LocalResult::Single(at) => at.to_utc().into(),
        LocalResult::Ambiguous(earlier, later) => match edge {
            Edge::Opening => later.to_utc().into(),
            Edge::Closing => earlier.to_utc().into(),
        },
        LocalResult::None => after_gap(zone, civil),
    }
}

/// Returns the first instant after the gap that skips `civil`.
fn after_gap(zone: Tz, civil: NaiveDateTime) -> UnixMs {
    let found = (1..=DAY_MIN).find_map(|minutes| {
        let later = civil.checked_add_signed(TimeDelta::minutes(i64::from(minutes)))?;
        zone.from_local_datetime(&later).earliest()
    });
    found.map_or_else(|| civil.and_utc().into(), |at| at.to_utc().into())
}

/// Returns the date in a time zone at an instant.
#[must_use]
pub fn civil_date(zone: Tz, at: UnixMs) -> NaiveDate {
    at.utc().with_timezone(&zone).date_naive()
}

const DAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

/// A day's hours with the day's name, for messages.
#[derive(Clone, Copy)]
struct Named<'a>(&'a str, &'a [Interval]);

impl Named<'_> {
    fn says(&self, interval: Interval) -> String {
        format!("{} {interval}", self.0)
    }

    fn check(&self) -> Result<(), InvalidSchedule> {
        match self.1.windows(2).find(|pair| pair[0].closes_min > pair[1].opens_min) {
            Some(pair) => {
                Err(InvalidSchedule::Overlap { first: self.says(pair[0]), second: self.says(pair[1]) })
            }
            None => Ok(()),
        }
    }

    /// Refuses a shift that reaches past midnight into the next day's first one.
    fn check_into(&self, next: Named<'_>) -> Result<(), InvalidSchedule> {
        match (self.1.last(), next.1.first()) {
            (Some(late), Some(early)) if late.closes_min > DAY_MIN + early.opens_min => {
                Err(InvalidSchedule::Overlap { first: self.says(*late), second: next.says(*early) })
            }
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let closes = if self.closes_min > DAY_MIN { self.closes_min - DAY_MIN } else { self.closes_min };
        let (opens_h, opens_m) = (self.opens_min / 60, self.opens_min % 60);
        write!(f, "{opens_h:02}:{opens_m:02}-{:02}:{:02}", closes / 60, closes % 60)
    }
}

/// Reads the name of a time zone.
///
/// # Errors
/// [`InvalidSchedule::Zone`] with a name that is near.
pub fn parse_zone(name: &str) -> Result<Tz, InvalidSchedule> {
    name.parse().map_err(|_| {
        let likeness = |zone: &Tz| strsim::normalized_damerau_levenshtein(name, zone.name());
        let near = chrono_tz::TZ_VARIANTS.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
        let near = near.filter(|zone| likeness(zone) > 0.6);
        let hint = near.map_or_else(String::new, |zone| format!(" (did you mean {}?)", zone.name()));
        InvalidSchedule::Zone { given: name.to_owned(), hint }
    })
}

fn weekly_line(line: &str) -> Result<(Vec<usize>, Vec<Interval>), String> {
    let (days, hours) = line.trim().split_once(char::is_whitespace).ok_or("the hours are missing")?;
    let mut named = Vec::new();
    for part in days.split(',') {
        named.extend(match part.split_once('-') {
            Some((from, to)) => day_range(day(from)?, day(to)?),
            None => vec![day(part)?],
        });
    }
    Ok((named, intervals(hours)?))
}

fn day_range(from: usize, to: usize) -> Vec<usize> {
    let length = (to + 7 - from) % 7;
    (0..=length).map(|n| (from + n) % 7).collect()
}

fn day(text: &str) -> Result<usize, String> {
    let name = text.trim().to_ascii_lowercase();
    let found = DAYS.iter().position(|day| name.len() >= 3 && day.starts_with(&name));
    found.ok_or_else(|| format!("{text:?} is not a day (mon, tue, wed, thu, fri, sat, sun)"))
}

fn dated_line(line: &str) -> Result<(NaiveDate, Vec<Interval>), String> {
    let (date, hours) = line.trim().split_once(char::is_whitespace).ok_or("the hours are missing")?;
    let date = NaiveDate::parse_from_str(date, "%Y-%m-%d").map_err(|_| format!("{date:?} is not a date"))?;
    Ok((date, intervals(hours)?))
}

/// Reads the hours of a day such as `09:00-12:00, 13:00-18:00`, or `closed`.
///
/// # Errors
/// What cannot be read, in words.
pub(crate) fn intervals(text: &str) -> Result<Vec<Interval>, String> {
    if text.trim() == "closed" {
        return Ok(Vec::new());
    }
    text.split(',').map(|part| interval(part.trim())).collect()
}

fn interval(text: &str) -> Result<Interval, String> {
    let (opens, closes) = text.split_once('-').ok_or_else(|| format!("{text:?} has no '-'"))?;
    let (opens_min, closes_min) = (minute(opens)?, minute(closes)?);
    if opens_min == DAY_MIN {
        return Err(format!("{opens:?} is the end of a day, not an opening"));
    }
    let closes_min = if closes_min <= opens_min { closes_min + DAY_MIN } else { closes_min };
    Ok(Interval { opens_min, closes_min })
}

fn minute(text: &str) -> Result<u16, String> {
    let bad = || format!("{text:?} is not a time of day (00:00 to 24:00)");
    let (hours, minutes) = text.trim().split_once(':').ok_or_else(bad)?;
    let read = |part: &str| if part.len() == 2 { part.parse::<u16>().ok() } else { None };
    match (read(hours), read(minutes)) {
        (Some(24), Some(0)) => Ok(DAY_MIN),
        (Some(hours @ 0..=23), Some(minutes @ 0..=59)) => Ok(hours * 60 + minutes),
        _ => Err(bad()),
    }
}

#[cfg(test)]
pub(crate) mod tests;
