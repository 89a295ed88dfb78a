//! Working time: counts only the time in which a queue is open.
//!
//! In: a queue's schedule (none means always open) and instants. Out: instants and sums of open time.
//! [`crate::calendar::schedule`] decides openings and closings when the clocks change. **Invariants:** `elapsed(from,
//! after(from, d)) == d`; the `elapsed` times of two neighbouring spans add up to that of both together; closed time is
//! never counted.

use std::time::Duration;

use chrono::{Days, NaiveDate};
use chrono_tz::Tz;

use crate::calendar::business_day::BusinessDay;
use crate::calendar::schedule::{Edge, Schedule, civil_date, to_instant};
use crate::clock::UnixMs;

/// How many days ahead the end of a span of open time is searched. A schedule that opens more rarely counts as never
/// open.
pub const AHEAD_DAYS: u64 = 400;

/// The hours of one queue.
#[derive(Debug, Clone, Copy)]
pub struct WorkingTime<'a> {
    schedule: Option<&'a Schedule>,
    zone: Tz,
}

impl<'a> WorkingTime<'a> {
    /// Returns the hours of a queue with this schedule. Without one, the queue is always open, and its days are those
    /// of `zone`.
    #[must_use]
    pub fn new(schedule: Option<&'a Schedule>, zone: Tz) -> Self {
        Self { schedule, zone: schedule.map_or(zone, |schedule| schedule.zone) }
    }

    /// The zone whose calendar the queue's days follow.
    #[must_use]
    pub const fn zone(self) -> Tz {
        self.zone
    }

    /// Whether the queue is open at an instant.
    #[must_use]
    pub fn is_open(self, at: UnixMs) -> bool {
        self.schedule.is_none_or(|schedule| schedule.is_open(at))
    }

    /// The business day that an instant belongs to: a night shift belongs to the day on which it started.
    #[must_use]
    pub fn business_day(self, at: UnixMs) -> BusinessDay {
        let date = || BusinessDay(civil_date(self.zone, at));
        self.schedule.map_or_else(date, |schedule| schedule.business_day(at))
    }

    /// Whether the hours of a date differ from those of its day of the week.
    #[must_use]
    pub fn differs(self, date: NaiveDate) -> bool {
        self.schedule.is_some_and(|schedule| schedule.exceptions.contains_key(&date))
    }

    /// Returns the first open instant from `from` on: `from` itself if the queue is open then. None if it does not open
    /// within a year.
    #[must_use]
    pub fn next_open(self, from: UnixMs) -> Option<UnixMs> {
        match self.schedule {
            Some(schedule) if !schedule.is_open(from) => schedule.next_opening(from),
            _ => Some(from),
        }
    }

    /// Returns the end of the open time that contains `at`. None if the queue is closed at `at`, or stays open for a
    /// year.
    #[must_use]
    pub fn closes_at(self, at: UnixMs) -> Option<UnixMs> {
        self.schedule?.next_closing(at)
    }

    /// Returns the first open instant of a later business day than that of `at`. None if there is none within a year.
    #[must_use]
    pub fn next_day(self, at: UnixMs) -> Option<UnixMs> {
        let BusinessDay(today) = self.business_day(at);
        let Some(schedule) = self.schedule else {
            let midnight = today.checked_add_days(Days::new(1))?.and_hms_opt(0, 0, 0)?;
            return Some(to_instant(self.zone, midnight, Edge::Opening));
        };
        let first = today.checked_add_days(Days::new(1))?;
        schedule.shifts(first, AHEAD_DAYS).map(|(_, opens, _)| opens).find(|opens| *opens > at)
    }

    /// The open time from one instant to another; zero if `to` is not after `from`.
    #[must_use]
    pub fn elapsed(self, from: UnixMs, to: UnixMs) -> Duration {
        match self.schedule {
            None => to.since(from),
            Some(schedule) => Duration::from_millis(schedule.working_ms(from, to).max(0).unsigned_abs()),
        }
    }

    /// Returns the first instant at which `open` working time has passed since `from`, to the millisecond; `from`
    /// itself if `open` is zero. None if that takes more than [`AHEAD_DAYS`].
    #[must_use]
    pub fn after(self, from: UnixMs, open: Duration) -> Option<UnixMs> {
        let mut left_ms = i64::try_from(open.as_millis()).unwrap_or(i64::MAX);
        let Some(schedule) = self.schedule.filter(|_| left_ms > 0) else { return Some(from + open) };
        // A shift may begin on the day before, and a zone's day may begin up to a day earlier.
        let first = civil_date(schedule.zone, from).checked_sub_days(Days::new(2))?;
        let mut counted_to = from;
        for (_, opens, closes) in schedule.shifts(first, AHEAD_DAYS + 3) {
            let opens = opens.max(counted_to);
            let here_ms = closes.since_ms(opens);
            if here_ms >= left_ms {
                return Some(UnixMs(opens.0.saturating_add(left_ms)));
            }
            left_ms -= here_ms;
            counted_to = counted_to.max(closes);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::calendar::schedule::tests::{any_schedule, at, schedule};

    const MINUTE: Duration = Duration::from_secs(60);

    fn hours(schedule: &Schedule) -> WorkingTime<'_> {
        WorkingTime::new(Some(schedule), Tz::UTC)
    }

    #[test]
    fn a_miss_at_two_minutes_to_six_is_due_at_thirteen_past_nine() {
        let office = schedule("Europe/Moscow", &["mon-fri 09:00-18:00"], &[]);
        let missed = at("2026-11-23T17:58:00+03:00");
        let opens = at("2026-11-24T09:00:00+03:00");
        assert_eq!(hours(&office).elapsed(missed, opens), MINUTE * 2, "two minutes are used up");
        assert_eq!(hours(&office).after(missed, MINUTE * 15), Some(at("2026-11-24T09:13:00+03:00")));
        assert_eq!(hours(&office).closes_at(missed), Some(at("2026-11-23T18:00:00+03:00")));
        assert_eq!(hours(&office).next_open(at("2026-11-23T18:00:00+03:00")), Some(opens));
        assert_eq!(hours(&office).next_open(missed), Some(missed));
    }

    #[test]
    fn a_friday_before_a_transferred_holiday_goes_on_when_work_does() {
        // Monday is a day off instead of a Sunday; the Saturday before is worked for it.
        let dates = ["2026-11-02 closed", "2026-11-03 10:00-15:00", "2026-10-31 09:00-13:00"];
        let office = schedule("Europe/Moscow", &["mon-fri 09:00-18:00"], &dates);
        let missed = at("2026-10-30T17:50:00+03:00");
        let due = |minutes| hours(&office).after(missed, MINUTE * minutes);
        assert_eq!(due(15), Some(at("2026-10-31T09:05:00+03:00")), "the Saturday is worked");
        assert_eq!(due(10 + 240 + 5), Some(at("2026-11-03T10:05:00+03:00")), "the Monday is not");
        assert_eq!(due(10 + 240 + 300 + 1), Some(at("2026-11-04T09:01:00+03:00")), "the Tuesday is short");
    }

    #[test]
    fn skipped_and_repeated_hours_are_counted_as_they_pass() {
        // Berlin: 2026-03-29 02:00 becomes 03:00; 2026-10-25 03:00 becomes 02:00 again.
        let night = schedule("Europe/Berlin", &["sat 22:00-06:00"], &[]);
        let spring = at("2026-03-28T22:00:00+01:00");
        let autumn = at("2026-10-24T22:00:00+02:00");
        assert_eq!(hours(&night).after(spring, MINUTE * 60 * 7), Some(at("2026-03-29T06:00:00+02:00")));
        assert_eq!(hours(&night).after(autumn, MINUTE * 60 * 9), Some(at("2026-10-25T06:00:00+01:00")));
        let early = schedule("Europe/Berlin", &["sun 02:30-12:00"], &[]);
        let due = |from| hours(&early).after(at(from), MINUTE * 15);
        assert_eq!(due("2026-03-29T00:00:00+01:00"), Some(at("2026-03-29T03:15:00+02:00")));
        assert_eq!(due("2026-10-25T00:00:00+02:00"), Some(at("2026-10-25T02:45:00+01:00")));
        let late = schedule("Europe/Berlin", &["sun 00:00-02:30"], &[]);
        let repeated = hours(&late).after(at("2026-10-25T02:20:00+02:00"), MINUTE * 15);
        assert_eq!(repeated, Some(at("2026-11-01T00:05:00+01:00")), "the second 02:20 is closed");
    }

    #[test]
    fn a_night_shift_is_one_day_across_midnight() {
        let night = schedule("Europe/Moscow", &["mon-sun 20:00-08:00"], &[]);
        let missed = at("2026-11-23T23:55:00+03:00");
        let due = hours(&night).after(missed, MINUTE * 15).unwrap();
        assert_eq!(due, at("2026-11-24T00:10:00+03:00"));
        assert_eq!(hours(&night).business_day(due), hours(&night).business_day(missed));
        let next = hours(&night).after(at("2026-11-24T07:59:00+03:00"), MINUTE * 2).unwrap();
        assert_eq!(next, at("2026-11-24T20:01:00+03:00"));
        assert_ne!(hours(&night).business_day(next), hours(&night).business_day(missed));
    }

    #[test]
    fn without_a_schedule_all_time_counts_and_a_closed_one_never_comes() {
        let always = WorkingTime::new(None, Tz::Asia__Kamchatka);
        let from = at("2026-11-23T17:58:00Z");
        assert_eq!(always.after(from, MINUTE * 15), Some(from + MINUTE * 15));
        assert_eq!((always.closes_at(from), always.next_open(from)), (None, Some(from)));
        assert_eq!(always.business_day(from).to_string(), "2026-11-24");
        let never = schedule("Europe/Moscow", &[], &["2027-11-30 09:00-09:10"]);
        assert_eq!(hours(&never).after(from, MINUTE * 10), Some(at("2027-11-30T09:10:00+03:00")));
        assert_eq!(hours(&never).after(from, MINUTE * 11), None);
        assert_eq!(hours(&never).after(at("2027-12-01T00:00:00Z"), MINUTE), None);
        assert_eq!(
            hours(&never).elapsed(at("2027-12-01T00:00:00Z"), at("2028-12-01T00:00:00Z")),
            Duration::ZERO
        );
        for unit in [Duration::MAX, Duration::from_millis(u64::MAX)] {
            assert_eq!(hours(&never).after(from, unit), None);
            assert_eq!(always.after(from, unit), Some(UnixMs(i64::MAX)));
        }
    }

    proptest! {
        #[test]
        fn so_much_time_later_so_much_time_has_passed(
            schedule in any_schedule(), minute in 0u32..1_000_000, open_ms in 0u64..200_000_000,
        ) {
            let (hours, open) = (hours(&schedule), Duration::from_millis(open_ms));
            let from = at("2025-01-02T00:00:00Z") + MINUTE * minute;
            let Some(then) = hours.after(from, open) else {
                let end = from + Duration::from_secs(AHEAD_DAYS * 86_400);
                prop_assert!(hours.elapsed(from, end) < open);
                return Ok(());
            };
            prop_assert_eq!(hours.elapsed(from, then), open);
            if open_ms > 0 {
                let before = UnixMs(then.0 - 1);
                prop_assert!(hours.is_open(before), "the last millisecond counted is an open one");
                prop_assert_eq!(hours.elapsed(from, before), open - Duration::from_millis(1), "and the first such");
            }
        }

        #[test]
        fn spans_add_up_and_later_is_later(
            schedule in any_schedule(), minute in 0u32..1_000_000, a_ms in 0u64..99_000_000, b_ms in 0u64..99_000_000,
        ) {
            let (hours, a, b) = (hours(&schedule), Duration::from_millis(a_ms), Duration::from_millis(b_ms));
            let from = at("2025-01-02T00:00:00Z") + MINUTE * minute;
            let (middle, end) = (from + a, from + a + b);
            prop_assert_eq!(hours.elapsed(from, end), hours.elapsed(from, middle) + hours.elapsed(middle, end));
            prop_assert!(hours.elapsed(from, middle) <= a.min(hours.elapsed(from, end)));
            if let (Some(after_a), Some(after_both)) = (hours.after(from, a), hours.after(from, a + b)) {
                prop_assert!(after_a <= after_both);
                if a_ms > 0 && b_ms > 0 {
                    prop_assert_eq!(hours.after(after_a, b), Some(after_both));
                }
            }
        }

        #[test]
        fn open_is_from_the_opening_to_the_closing(schedule in any_schedule(), minute in 0u32..1_000_000) {
            let (hours, from) = (hours(&schedule), at("2025-01-02T00:00:00Z") + MINUTE * minute);
            if let Some(opens) = hours.next_open(from) {
                prop_assert!(hours.is_open(opens) && opens >= from);
                prop_assert_eq!(hours.elapsed(from, opens), Duration::ZERO);
                if let Some(closes) = hours.closes_at(opens) {
                    prop_assert!(!hours.is_open(closes));
                    prop_assert_eq!(hours.elapsed(opens, closes), closes.since(opens));
                }
            }
        }
    }
}
