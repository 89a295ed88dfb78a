//! Parses times and days.

use chrono::{DateTime, Days, LocalResult, NaiveDate, NaiveDateTime, NaiveTime, TimeZone, Weekday};
use chrono_tz::Tz;

use crate::calendar::schedule::civil_date;
use crate::cli::{Exit, Failure};
use crate::clock::UnixMs;

/// A time as it was written, before its time zone and day are known.
enum Written {
    /// With an offset.
    Exact(UnixMs),
    /// A date and time in the configured zone.
    Civil(NaiveDateTime),
    /// A time without a day.
    Daily(NaiveTime),
    /// A time on a day of the week.
    Weekly(Weekday, NaiveTime),
}

/// An instant: RFC 3339, a date and time in `zone`, or a time of today in `zone`. `mon 10:00` is the next Monday,
/// today included.
pub(in crate::cli) fn instant(text: &str, zone: Tz, now: UnixMs) -> Result<UnixMs, Failure> {
    let today = civil_date(zone, now);
    match read(text, today)? {
        Written::Exact(at) => Ok(at),
        Written::Civil(civil) => by_the_clocks(zone, civil),
        Written::Daily(time) => by_the_clocks(zone, today.and_time(time)),
        Written::Weekly(weekday, time) => by_the_clocks(zone, next(weekday, today).and_time(time)),
    }
}

/// An instant in the future. Like [`instant`], but a time without a day, or with a day of the week, is the next one
/// that has not passed.
pub(in crate::cli) fn to_come(text: &str, zone: Tz, now: UnixMs) -> Result<UnixMs, Failure> {
    let at = instant(text, zone, now)?;
    if at > now {
        return Ok(at);
    }
    let today = civil_date(zone, now);
    let later = match read(text, today)? {
        Written::Daily(time) => today.checked_add_days(Days::new(1)).map(|day| day.and_time(time)),
        Written::Weekly(_, time) => today.checked_add_days(Days::new(7)).map(|day| day.and_time(time)),
        Written::Exact(_) | Written::Civil(_) => None,
    };
    let over = || usage(format!("{text} has passed: write a time in the future"));
    by_the_clocks(zone, later.ok_or_else(over)?)
}

fn read(text: &str, today: NaiveDate) -> Result<Written, Failure> {
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return Ok(Written::Exact(at.to_utc().into()));
    }
    let forms = ["%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"];
    let civil = forms.iter().find_map(|form| NaiveDateTime::parse_from_str(text, form).ok());
    civil.map(Written::Civil).or_else(|| of_day(text, today)).ok_or_else(|| {
        usage(format!(
            "{text:?} is not a time: write 18:30, \"tomorrow 09:00\", \"mon 10:00\", \"2026-12-31 18:30\" or \
             2026-12-31T18:30:00+03:00"
        ))
    })
}

/// `18:30`, `tomorrow 09:00`, `mon 10:00`.
fn of_day(text: &str, today: NaiveDate) -> Option<Written> {
    let time = |text: &str| NaiveTime::parse_from_str(text, "%H:%M").ok();
    let mut words = text.split_whitespace();
    match (words.next()?, words.next(), words.next()) {
        (clock, None, _) => Some(Written::Daily(time(clock)?)),
        ("today", Some(clock), None) => Some(Written::Civil(today.and_time(time(clock)?))),
        ("tomorrow", Some(clock), None) => {
            Some(Written::Civil(today.checked_add_days(Days::new(1))?.and_time(time(clock)?)))
        }
        (weekday, Some(clock), None) => Some(Written::Weekly(weekday.parse().ok()?, time(clock)?)),
        _ => None,
    }
}

/// The next such weekday, today included.
fn next(weekday: Weekday, today: NaiveDate) -> NaiveDate {
    today.iter_days().take(7).find(|day| chrono::Datelike::weekday(day) == weekday).unwrap_or(today)
}

fn by_the_clocks(zone: Tz, civil: NaiveDateTime) -> Result<UnixMs, Failure> {
    match zone.from_local_datetime(&civil) {
        LocalResult::Single(at) | LocalResult::Ambiguous(at, _) => Ok(at.to_utc().into()),
        LocalResult::None => Err(usage(format!(
            "there is no {civil} in {zone}, where clocks are put forward then: write another time, or an offset"
        ))),
    }
}

/// A day: `2026-12-31`, `today` or `yesterday`.
pub(in crate::cli) fn day(text: &str, zone: Tz, now: UnixMs) -> Result<NaiveDate, Failure> {
    let today = civil_date(zone, now);
    let day = match text {
        "today" => Some(today),
        "yesterday" => today.pred_opt(),
        _ => NaiveDate::parse_from_str(text, "%Y-%m-%d").ok(),
    };
    day.ok_or_else(|| usage(format!("{text:?} is not a day: write 2026-12-31, today or yesterday")))
}

fn usage(message: String) -> Failure {
    Failure::new(Exit::Usage, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ZONE: Tz = Tz::Europe__Moscow;

    /// Monday, 13:00 in Moscow.
    fn now() -> UnixMs {
        DateTime::parse_from_rfc3339("2026-11-23T10:00:00Z").unwrap().to_utc().into()
    }

    fn shown(read: Result<UnixMs, Failure>) -> Result<String, String> {
        read.map(|at| at.to_string()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_time_is_read_by_the_clocks_of_the_zone() {
        let read = |text| shown(instant(text, ZONE, now()));
        assert_eq!(read("18:30").unwrap(), "2026-11-23T15:30:00.000Z");
        assert_eq!(read("09:00").unwrap(), "2026-11-23T06:00:00.000Z", "of today, though it is over");
        assert_eq!(read("2026-12-31 18:30").unwrap(), "2026-12-31T15:30:00.000Z");
        assert_eq!(read("2026-12-31T18:30:00+01:00").unwrap(), "2026-12-31T17:30:00.000Z");
        for bad in ["soon", "tomorrow", "mon", "mon 25:00", "someday 10:00", "mon 10:00 sharp", ""] {
            assert!(read(bad).unwrap_err().contains("write 18:30"), "{bad:?}");
        }
        let skipped = instant("2026-03-29 02:30", Tz::Europe__Berlin, now()).unwrap_err().to_string();
        assert!(skipped.contains("put forward"), "{skipped}");
    }

    #[test]
    fn a_time_to_come_is_the_next_such_time() {
        let read = |text| shown(to_come(text, ZONE, now()));
        for (text, at) in [
            ("18:30", "2026-11-23T15:30:00.000Z"),
            ("09:00", "2026-11-24T06:00:00.000Z"),
            ("13:00", "2026-11-24T10:00:00.000Z"),
            ("today 18:30", "2026-11-23T15:30:00.000Z"),
            ("tomorrow 09:00", "2026-11-24T06:00:00.000Z"),
            ("mon 14:00", "2026-11-23T11:00:00.000Z"),
            ("mon 10:00", "2026-11-30T07:00:00.000Z"),
            ("Monday 10:00", "2026-11-30T07:00:00.000Z"),
            ("tue 10:00", "2026-11-24T07:00:00.000Z"),
            ("sun 10:00", "2026-11-29T07:00:00.000Z"),
            ("2026-12-31 18:30", "2026-12-31T15:30:00.000Z"),
        ] {
            assert_eq!(read(text).as_deref(), Ok(at), "{text}");
        }
        for over in ["2026-11-23 12:59", "today 09:00", "2026-11-23T13:00:00+03:00"] {
            assert_eq!(read(over), Err(format!("{over} has passed: write a time in the future")));
        }
    }
}
