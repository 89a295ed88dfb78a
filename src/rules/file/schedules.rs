//! Reads and writes schedules, line by line, so that a mistake is shown at its place.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use chrono::{Days, NaiveDate};
use chrono_tz::Tz;
use serde::Deserialize;
use toml::Spanned;
use toml::de::DeTable;

use crate::calendar::schedule::{Interval, InvalidSchedule, Schedule, parse_zone};
use crate::document::Document;

/// The most dates in a range of one line of exceptions.
const LONGEST_RANGE_DAYS: u64 = 366;

/// Opening hours in a time zone.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Lines {
    /// The time zone of the hours.
    zone: Option<Spanned<String>>,
    /// The opening hours of a week: days and times, such as `mon-fri 09:00-18:00`. Commas separate several times.
    hours: Vec<Spanned<String>>,
    /// Dates with other hours: `2026-12-31 09:00-15:00`, `2027-01-01..2027-01-08 closed`.
    exceptions: Vec<Spanned<String>>,
}

/// Returns the schedule without the lines that have mistakes. `default` is its zone if it states none.
pub(super) fn read(
    document: &mut Document<'_>,
    item: &Spanned<DeTable<'_>>,
    default: Tz,
) -> Option<Schedule> {
    let raw: Lines = document.read_item(item, "")?;
    let zone = raw.zone.as_ref().and_then(|given| {
        let zone = parse_zone(given.get_ref());
        zone.map_err(|error| document.fault_of(&given.span(), &error)).ok()
    });
    let zone = zone.unwrap_or(default);
    if raw.hours.is_empty() && raw.exceptions.is_empty() && !document.is_doubtful(&item.span()) {
        document.fault(&item.span(), "the schedule has no hours", "add hours = [\"mon-fri 09:00-18:00\"]");
    }
    let exceptions = dated(document, &raw.exceptions);
    let (mut hours, mut dates): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
    let mut schedule = Schedule::closed(zone);
    for line in &raw.hours {
        hours.push(line.get_ref().clone());
        grow(document, &mut schedule, zone, &mut hours, &dates, &line.span(), true);
    }
    for (span, line) in exceptions {
        dates.push(line);
        let hours = hours.clone();
        grow(document, &mut schedule, zone, &mut dates, &hours, &span, false);
    }
    Some(schedule)
}

/// Reads a schedule again with one more line. A line with a mistake is dropped.
fn grow(
    document: &mut Document<'_>,
    schedule: &mut Schedule,
    zone: Tz,
    lines: &mut Vec<String>,
    others: &[String],
    span: &Range<usize>,
    weekly: bool,
) {
    let (hours, dates): (&[String], &[String]) = if weekly { (lines, others) } else { (others, lines) };
    match Schedule::parse(zone.name(), hours, dates) {
        Ok(read) => *schedule = read,
        Err(error) => {
            let remedy = match &error {
                InvalidSchedule::Overlap { .. } => "join them or change one",
                _ => "",
            };
            match error {
                InvalidSchedule::Overlap { first, second } => {
                    document.fault(span, format!("{first} and {second} overlap"), remedy);
                }
                other => document.fault_of(span, &other),
            }
            lines.pop();
        }
    }
}

/// Returns the exceptions with each range of dates written out, such as `2027-01-01..2027-01-08 closed`. Every date
/// comes at most once.
fn dated(document: &mut Document<'_>, lines: &[Spanned<String>]) -> Vec<(Range<usize>, String)> {
    let mut all = Vec::new();
    let mut seen = BTreeSet::new();
    for line in lines {
        let text = line.get_ref().trim();
        let (date, hours) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        let dates = match date.split_once("..") {
            None => vec![date.to_owned()],
            Some((from, to)) => match range(from, to) {
                Ok(dates) => dates,
                Err(problem) => {
                    document.fault(
                        &line.span(),
                        problem,
                        "write something like \"2027-01-01..2027-01-08 closed\"",
                    );
                    continue;
                }
            },
        };
        for date in dates {
            if !seen.insert(date.clone()) {
                let remedy =
                    "state it once; write several times of a day on one line: \"… 09:00-12:00, 13:00-15:00\"";
                document.fault(&line.span(), format!("{date} is stated twice"), remedy);
            } else {
                all.push((line.span(), format!("{date} {hours}")));
            }
        }
    }
    all
}

fn range(from: &str, to: &str) -> Result<Vec<String>, String> {
    let read = |text: &str| {
        NaiveDate::parse_from_str(text, "%Y-%m-%d").map_err(|_| format!("{text:?} is not a date"))
    };
    let (from, to) = (read(from)?, read(to)?);
    if to < from || from.checked_add_days(Days::new(LONGEST_RANGE_DAYS)).is_none_or(|last| to > last) {
        return Err(format!("{from}..{to} is not a range of dates within a year"));
    }
    Ok(from.iter_days().take_while(|date| *date <= to).map(|date| date.to_string()).collect())
}

/// A schedule in the file form.
pub(super) fn table(schedule: &Schedule) -> toml::Table {
    let mut hours = Vec::new();
    let mut day = 0;
    while day < DAYS.len() {
        let same = schedule.weekly[day..].iter().take_while(|other| **other == schedule.weekly[day]).count();
        if !schedule.weekly[day].is_empty() {
            hours.push(format!("{} {}", days(day, same), times(&schedule.weekly[day])));
        }
        day += same;
    }
    if hours.is_empty() {
        hours.push("mon-sun closed".to_owned());
    }
    let mut table = toml::Table::new();
    table.insert("zone".to_owned(), schedule.zone.name().into());
    table.insert("hours".to_owned(), hours.into());
    table.insert("exceptions".to_owned(), ranges(&schedule.exceptions).into());
    table
}

/// Dates with their hours, one line for each run of days that are alike.
pub(super) fn ranges(exceptions: &BTreeMap<NaiveDate, Vec<Interval>>) -> Vec<String> {
    let mut runs: Vec<(NaiveDate, NaiveDate, &Vec<Interval>)> = Vec::new();
    for (date, hours) in exceptions {
        match runs.last_mut() {
            Some((_, last, same)) if *same == hours && last.succ_opt() == Some(*date) => *last = *date,
            _ => runs.push((*date, *date, hours)),
        }
    }
    let line = |(first, last, hours): &(NaiveDate, NaiveDate, &Vec<Interval>)| {
        let dates = if first == last { first.to_string() } else { format!("{first}..{last}") };
        format!("{dates} {}", times(hours))
    };
    runs.iter().map(line).collect()
}

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

fn days(first: usize, count: usize) -> String {
    match count {
        1 => DAYS[first].to_owned(),
        _ => format!("{}-{}", DAYS[first], DAYS[first + count - 1]),
    }
}

fn times(intervals: &[Interval]) -> String {
    match intervals {
        [] => "closed".to_owned(),
        some => some.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
    }
}
