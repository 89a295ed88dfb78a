//! Schedules, line by line: a mistake is shown where it stands.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use chrono::{Days, NaiveDate};
use chrono_tz::Tz;
use toml::Spanned;

use crate::calendar::schedule::{BadSchedule, Schedule};
use crate::document::Document;
use crate::rules::file::check::{read_zone, tell};
use crate::rules::file::raw::RawSchedule;

/// The most dates that one line of exceptions may stand for.
const LONGEST_RANGE_DAYS: u64 = 366;

/// The schedule as far as it can be read; `default` is the zone if it names none.
pub(super) fn read(document: &mut Document<'_>, item: &Spanned<RawSchedule>, default: Tz) -> Schedule {
    let raw = item.get_ref();
    let zone = raw.zone.as_ref().and_then(|given| read_zone(document, given)).unwrap_or(default);
    if raw.hours.is_empty() && raw.exceptions.is_empty() && !document.is_doubtful(&item.span()) {
        document.fault(&item.span(), "the schedule has no hours", "add hours = [\"mon-fri 09:00-18:00\"]");
    }
    let exceptions = dated(document, &raw.exceptions);
    let (mut hours, mut dates): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
    let mut schedule = Schedule { zone, weekly: Default::default(), exceptions: BTreeMap::new() };
    for line in &raw.hours {
        hours.push(line.get_ref().clone());
        grow(document, &mut schedule, zone, &mut hours, &dates, &line.span(), true);
    }
    for (span, line) in exceptions {
        dates.push(line);
        let hours = hours.clone();
        grow(document, &mut schedule, zone, &mut dates, &hours, &span, false);
    }
    schedule
}

/// Reads a schedule again with one line more; the line is dropped if it does not fit.
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
                BadSchedule::Overlap { .. } => "join them or change one",
                _ => "",
            };
            match error {
                BadSchedule::Overlap { first, second } => {
                    document.fault(span, format!("{first} and {second} overlap"), remedy);
                }
                other => tell(document, span, &other),
            }
            lines.pop();
        }
    }
}

/// Exceptions with ranges such as `2027-01-01..2027-01-08 closed` written out, each date at most once.
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
                    document.fault(&line.span(), problem, "write such as \"2027-01-01..2027-01-08 closed\"");
                    continue;
                }
            },
        };
        for date in dates {
            if !seen.insert(date.clone()) {
                let remedy =
                    "say it once; several times of a day stand in one line: \"… 09:00-12:00, 13:00-15:00\"";
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
