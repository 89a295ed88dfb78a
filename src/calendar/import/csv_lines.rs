//! Calendars in CSV: lines of `DATE,HOURS`, or a production calendar as the government's open data have it: a line for each
//! year, a column for each month with its days off, where `*` marks a short day and `+` a moved day off.

use chrono::{Datelike as _, NaiveDate};

use super::{Dates, Day, InvalidCalendar};
use crate::calendar::schedule::Schedule;

/// Reads the lines. A first line of headings is skipped.
pub(super) fn read(text: &str) -> Result<Dates, InvalidCalendar> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(csv::Trim::All)
        .comment(Some(b'#'))
        .from_reader(text.trim_start_matches('\u{feff}').as_bytes());
    let mut dates = Dates::new();
    for (n, record) in (1..).zip(reader.records()) {
        let record = record.map_err(|error| InvalidCalendar::Line { line: n, given: error.to_string() })?;
        let line = record.position().map_or(n, csv::Position::line);
        let fields: Vec<&str> = record.iter().collect();
        let read = match fields.as_slice() {
            [year, months @ ..] if year.len() == 4 && months.len() >= 12 => of_year(year, &months[..12]),
            [date, hours @ ..] => of_date(date, hours),
            [] => Some(Vec::new()),
        };
        match read {
            Some(read) => dates.extend(read),
            None if n == 1 => {}
            None => return Err(InvalidCalendar::Line { line, given: fields.join(",") }),
        }
    }
    Ok(dates)
}

/// `2027-02-20,10:00-16:00`.
fn of_date(date: &str, hours: &[&str]) -> Option<Vec<(NaiveDate, Day)>> {
    let read: NaiveDate = date.parse().ok()?;
    let day = match hours {
        [] => return None,
        ["short"] => Day::Short,
        ["working"] => Day::Working,
        hours => {
            let line = format!("{date} {}", hours.join(", "));
            let schedule = Schedule::parse("UTC", &[], &[line]).ok()?;
            let hours = schedule.exceptions.into_values().next()?;
            if hours.is_empty() { Day::Off } else { Day::Open(hours) }
        }
    };
    Some(vec![(read, day)])
}

/// `2027,"1,2,3,4,5,6,7,8,9,…","6,7,13,…,22*",…`: all other days are working days.
fn of_year(year: &str, months: &[&str]) -> Option<Vec<(NaiveDate, Day)>> {
    let year: i32 = year.parse().ok()?;
    let first = NaiveDate::from_ymd_opt(year, 1, 1)?;
    let all = first.iter_days().take_while(|date| date.year() == year).map(|date| (date, Day::Working));
    let mut days: Dates = all.collect();
    for (month, cell) in (1..).zip(months) {
        for item in cell.split(',').map(str::trim).filter(|item| !item.is_empty()) {
            let day = if item.ends_with('*') { Day::Short } else { Day::Off };
            let number = item.trim_end_matches(['*', '+']).parse().ok()?;
            days.insert(NaiveDate::from_ymd_opt(year, month, number)?, day);
        }
    }
    Some(days.into_iter().collect())
}
