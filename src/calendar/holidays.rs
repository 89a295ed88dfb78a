//! Days of rest where the customer is. On these days, the law allows calls in fewer hours (R3: weekends and holidays).
//!
//! In: a date in a time zone. Out: whether it is a day of rest. This file knows Saturdays, Sundays and, in Russia, the
//! holidays of the Labour Code, article 112. The government also moves days off from year to year. The administrator
//! states those as exceptions of a queue's schedule, which [`crate::missed::window`] also treats as days of rest.

use chrono::{Datelike as _, NaiveDate, Weekday};
use chrono_tz::Tz;

use crate::calendar::zone;

/// First and last day of each holiday, as month and day: Labour Code of the Russian Federation, article 112.
const RUSSIA: [((u32, u32), (u32, u32)); 7] = [
    // New Year and Christmas
    ((1, 1), (1, 8)),
    ((2, 23), (2, 23)),
    ((3, 8), (3, 8)),
    ((5, 1), (5, 1)),
    ((5, 9), (5, 9)),
    ((6, 12), (6, 12)),
    ((11, 4), (11, 4)),
];

/// Whether a date is a day of rest in a time zone, by the calendar and the law.
#[must_use]
pub fn is_day_of_rest(date: NaiveDate, zone: Tz) -> bool {
    let weekend = matches!(date.weekday(), Weekday::Sat | Weekday::Sun);
    let day = (date.month(), date.day());
    let holiday = || RUSSIA.iter().any(|(first, last)| (*first..=*last).contains(&day));
    weekend || (zone::is_russian(zone) && holiday())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_holidays_of_the_law_are_days_of_rest_where_that_law_holds() {
        let rest = |date: &str, zone| is_day_of_rest(date.parse().unwrap(), zone);
        let moscow = Tz::Europe__Moscow;
        for date in [
            "2026-01-01",
            "2026-01-08",
            "2026-02-23",
            "2027-03-08",
            "2026-05-01",
            "2028-05-09",
            "2026-06-12",
            "2026-11-04",
        ] {
            assert!(rest(date, moscow) && rest(date, Tz::Asia__Anadyr), "{date}");
            assert!(!rest(date, Tz::Europe__Berlin), "{date}");
        }
        for (date, expected) in [
            ("2026-01-09", false),
            ("2025-12-31", false),
            ("2026-11-21", true),
            ("2026-11-22", true),
            ("2026-11-23", false),
        ] {
            assert_eq!((rest(date, moscow), rest(date, Tz::Asia__Tokyo)), (expected, expected), "{date}");
        }
    }
}
