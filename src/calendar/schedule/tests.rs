use std::time::Duration;

use chrono::{Offset, Timelike};
use proptest::prelude::*;

use crate::calendar::schedule::*;

pub(crate) fn at(text: &str) -> UnixMs {
    chrono::DateTime::parse_from_rfc3339(text).unwrap().to_utc().into()
}

pub(crate) fn schedule(zone: &str, hours: &[&str], exceptions: &[&str]) -> Schedule {
    Schedule::parse(zone, hours, exceptions).unwrap()
}

#[test]
fn office_hours_open_and_close_on_the_minute() {
    let office =
        schedule("Europe/Moscow", &["mon-fri 09:00-18:00", "sat 10:00-14:00"], &["2026-11-24 closed"]);
    assert!(!office.is_open(at("2026-11-23T08:59:59.999+03:00")));
    assert!(office.is_open(at("2026-11-23T09:00:00+03:00")));
    assert!(office.is_open(at("2026-11-23T17:59:59.999+03:00")));
    assert!(!office.is_open(at("2026-11-23T18:00:00+03:00")));
    let closed = at("2026-11-23T18:00:00+03:00");
    assert_eq!(
        office.next_opening(closed),
        Some(at("2026-11-25T09:00:00+03:00")),
        "the 24th is an exception"
    );
    assert_eq!(office.next_closing(at("2026-11-28T12:00:00+03:00")), Some(at("2026-11-28T14:00:00+03:00")));
}

#[test]
fn a_night_shift_belongs_to_the_day_it_started() {
    let night = schedule("Europe/Moscow", &["mon-sun 20:00-08:00"], &[]);
    let day = |text: &str| night.business_day(at(text)).to_string();
    assert_eq!(day("2026-11-23T21:00:00+03:00"), "2026-11-23");
    assert_eq!(day("2026-11-24T03:00:00+03:00"), "2026-11-23");
    assert_eq!(day("2026-11-24T07:59:59+03:00"), "2026-11-23");
    assert_eq!(day("2026-11-24T08:00:00+03:00"), "2026-11-24");
}

#[test]
fn working_time_jumps_over_the_night() {
    let office = schedule("Europe/Moscow", &["mon-fri 09:00-18:00"], &[]);
    let minutes = |from, to| office.working_ms(at(from), at(to)) / 60_000;
    assert_eq!(minutes("2026-11-23T17:58:00+03:00", "2026-11-24T09:13:00+03:00"), 15);
    assert_eq!(minutes("2026-11-27T17:00:00+03:00", "2026-11-30T10:00:00+03:00"), 120);
    assert_eq!(minutes("2026-11-24T09:13:00+03:00", "2026-11-23T17:58:00+03:00"), 0);
}

#[test]
fn skipped_and_repeated_hours_follow_the_rule() {
    // Berlin: 2026-03-29 02:00 becomes 03:00; 2026-10-25 03:00 becomes 02:00 again.
    let early = schedule("Europe/Berlin", &["sun 02:30-12:00"], &[]);
    assert_eq!(early.next_opening(at("2026-03-29T00:00:00+01:00")), Some(at("2026-03-29T03:00:00+02:00")));
    assert_eq!(early.next_opening(at("2026-10-25T00:00:00+02:00")), Some(at("2026-10-25T02:30:00+01:00")));
    let late = schedule("Europe/Berlin", &["sun 00:00-02:30"], &[]);
    assert_eq!(late.next_closing(at("2026-10-25T01:00:00+02:00")), Some(at("2026-10-25T02:30:00+02:00")));
    let whole = schedule("Europe/Berlin", &["sun 00:00-24:00"], &[]);
    let sunday = |schedule: &Schedule, from, to| schedule.working_ms(at(from), at(to)) / 3_600_000;
    assert_eq!(sunday(&whole, "2026-03-29T00:00:00+01:00", "2026-03-30T00:00:00+02:00"), 23);
    assert_eq!(sunday(&whole, "2026-10-25T00:00:00+02:00", "2026-10-26T00:00:00+01:00"), 25);
}

/// A zone, hours of one day of the week, an instant before them, the opening and the closing.
const CHANGES: [(&str, &str, &str, &str, &str); 8] = [
    (
        "Europe/Berlin",
        "sun 02:30-12:00",
        "2026-03-29T00:00:00Z",
        "2026-03-29T03:00:00+02:00",
        "2026-03-29T12:00:00+02:00",
    ),
    (
        "Europe/Berlin",
        "sat 20:00-02:30",
        "2026-10-24T12:00:00Z",
        "2026-10-24T20:00:00+02:00",
        "2026-10-25T02:30:00+02:00",
    ),
    (
        "America/New_York",
        "sun 02:30-12:00",
        "2026-03-08T05:00:00Z",
        "2026-03-08T03:00:00-04:00",
        "2026-03-08T12:00:00-04:00",
    ),
    (
        "America/New_York",
        "sun 01:30-12:00",
        "2026-11-01T04:00:00Z",
        "2026-11-01T01:30:00-05:00",
        "2026-11-01T12:00:00-05:00",
    ),
    (
        "America/New_York",
        "sat 20:00-01:30",
        "2026-10-31T20:00:00Z",
        "2026-10-31T20:00:00-04:00",
        "2026-11-01T01:30:00-04:00",
    ),
    (
        "Australia/Lord_Howe",
        "sun 02:15-12:00",
        "2026-10-03T12:00:00Z",
        "2026-10-04T02:30:00+11:00",
        "2026-10-04T12:00:00+11:00",
    ),
    (
        "Australia/Lord_Howe",
        "sun 01:45-12:00",
        "2026-04-04T12:00:00Z",
        "2026-04-05T01:45:00+10:30",
        "2026-04-05T12:00:00+10:30",
    ),
    (
        "Australia/Lord_Howe",
        "sat 20:00-01:45",
        "2026-04-04T06:00:00Z",
        "2026-04-04T20:00:00+11:00",
        "2026-04-05T01:45:00+11:00",
    ),
];

/// The same rule in zones that change at other hours and by other amounts: New York on 8 March and 1 November, Lord Howe by
/// half an hour on 4 October and 5 April.
#[test]
fn the_rule_of_the_clocks_holds_in_every_zone() {
    for (zone, hours, from, opens, closes) in CHANGES {
        let schedule = schedule(zone, &[hours], &[]);
        assert_eq!(schedule.next_opening(at(from)), Some(at(opens)), "{zone} {hours}");
        assert_eq!(schedule.next_closing(at(opens)), Some(at(closes)), "{zone} {hours}");
        let begun: NaiveDate = opens[..10].parse().unwrap();
        assert_eq!(schedule.business_day(UnixMs(at(closes).0 - 1)).0, begun, "{zone} {hours}");
    }
}

/// What a person set begins and ends on the millisecond, also inside a night, and a business day stays a day.
#[test]
fn hours_set_by_hand_cut_and_add_to_the_day() {
    let manual = |open: bool, from: &str, until: &str| Schedule {
        manual: Some(Manual { open, from: at(from), until: at(until), by: "maria".to_owned(), reason: None }),
        ..schedule("Europe/Moscow", &["mon-sun 20:00-08:00"], &["2026-11-25 20:00-02:00"])
    };
    let night = manual(false, "2026-11-24T01:00:00+03:00", "2026-11-24T03:00:00+03:00");
    assert_eq!(night.next_closing(at("2026-11-23T22:00:00+03:00")), Some(at("2026-11-24T01:00:00+03:00")));
    assert_eq!(night.next_opening(at("2026-11-24T01:00:00+03:00")), Some(at("2026-11-24T03:00:00+03:00")));
    assert_eq!(night.business_day(at("2026-11-24T05:00:00+03:00")).to_string(), "2026-11-23");
    let hour = |schedule: &Schedule, from, to| schedule.working_ms(at(from), at(to)) / 3_600_000;
    assert_eq!(hour(&night, "2026-11-23T20:00:00+03:00", "2026-11-24T08:00:00+03:00"), 10);
    let longer = manual(true, "2026-11-26T01:00:00+03:00", "2026-11-28T09:00:00+03:00");
    assert_eq!(longer.next_closing(at("2026-11-25T21:00:00+03:00")), Some(at("2026-11-28T09:00:00+03:00")));
    assert_eq!(longer.business_day(at("2026-11-26T12:00:00+03:00")).to_string(), "2026-11-26");
    assert_eq!(longer.business_day(at("2026-11-27T12:00:00+03:00")).to_string(), "2026-11-27");
    assert_eq!(hour(&longer, "2026-11-26T00:00:00+03:00", "2026-11-28T00:00:00+03:00"), 48);
}

#[test]
fn hours_without_an_end_have_no_closing() {
    let always = schedule("Europe/Moscow", &["mon-sun 00:00-24:00"], &[]);
    assert_eq!(always.next_closing(at("2026-11-23T12:00:00+03:00")), None);
    let never = schedule("Europe/Moscow", &[], &[]);
    assert_eq!(never.next_opening(at("2026-11-23T12:00:00+03:00")), None);
}

#[test]
fn errors_name_the_text_and_the_remedy() {
    let said = |zone: &str, hours: &[&str], dates: &[&str]| {
        Schedule::parse(zone, hours, dates).unwrap_err().to_string()
    };
    let zone = said("Europe/Moskow", &[], &[]);
    assert!(zone.contains("\"Europe/Moskow\" is not a time zone (did you mean Europe/Moscow?)"), "{zone}");
    let overlap = said("Europe/Moscow", &["mon 09:00-18:00", "mon-fri 17:00-19:00"], &[]);
    assert!(overlap.contains("monday 09:00-18:00 and monday 17:00-19:00 overlap"), "{overlap}");
    let midnight = said("Europe/Moscow", &["sun 22:00-06:00", "mon 05:00-09:00"], &[]);
    assert!(midnight.contains("sunday 22:00-06:00 and monday 05:00-09:00 overlap"), "{midnight}");
    assert!(said("Europe/Moscow", &["mo 09:00-18:00"], &[]).contains("\"mo\" is not a day"));
    assert!(said("Europe/Moscow", &["mon 9:00-18:00"], &[]).contains("\"9:00\" is not a time of day"));
    assert!(said("Europe/Moscow", &[], &["2026-02-30 closed"]).contains("\"2026-02-30\" is not a date"));
}

/// A day's hours that do not overlap, perhaps the last one past midnight.
fn day_hours() -> impl Strategy<Value = Vec<Interval>> {
    prop_oneof![
        Just(Vec::new()),
        (0u16..1380, 1u16..600)
            .prop_map(|(opens, length)| vec![Interval { opens_min: opens, closes_min: opens + length }]),
        (0u16..600, 1u16..300, 1u16..200).prop_map(|(opens, length, gap)| {
            let first = Interval { opens_min: opens, closes_min: opens + length };
            let again = first.closes_min + gap;
            vec![first, Interval { opens_min: again, closes_min: again + length }]
        }),
    ]
}

/// Something set by hand, for a minute to a week.
fn any_manual() -> impl Strategy<Value = Manual> {
    (any::<bool>(), 0u32..1_000_000, 1u32..10_000).prop_map(|(open, minute, length)| {
        let from = at("2025-01-02T00:00:00Z") + MINUTE * minute;
        Manual { open, from, until: from + MINUTE * length, by: "maria".to_owned(), reason: None }
    })
}

pub(crate) fn any_schedule() -> impl Strategy<Value = Schedule> {
    let zones = prop::sample::select(vec![
        Tz::Europe__Moscow,
        Tz::Europe__Berlin,
        Tz::America__New_York,
        Tz::Australia__Lord_Howe,
        Tz::Asia__Kathmandu,
    ]);
    let dated = prop::collection::btree_map(0u64..900, day_hours(), 0..4);
    let hours = (zones, prop::array::uniform7(day_hours()), dated, prop::option::of(any_manual()));
    hours.prop_filter_map("overlap", |(zone, weekly, dated, manual)| {
        let first = NaiveDate::from_ymd_opt(2025, 1, 1)?;
        let exceptions = dated
            .into_iter()
            .filter_map(|(n, hours)| Some((first.checked_add_days(Days::new(n))?, hours)))
            .collect();
        Schedule { zone, weekly, exceptions, manual }.checked().ok()
    })
}

const MINUTE: Duration = Duration::from_secs(60);

/// Reads the clock on the wall and looks the minute up in the day's hours, and in those of the day before.
fn naive_is_open(schedule: &Schedule, at: UnixMs) -> bool {
    if let Some(manual) = schedule.manual.as_ref().filter(|manual| manual.holds(at)) {
        return manual.open;
    }
    let civil = at.utc().with_timezone(&schedule.zone);
    let minute = u16::try_from(civil.hour() * 60 + civil.minute()).unwrap();
    let within = |date: NaiveDate, minute: u16| {
        schedule.hours_on(date).iter().any(|i| (i.opens_min..i.closes_min).contains(&minute))
    };
    let today = civil.date_naive();
    within(today, minute) || within(today.pred_opt().unwrap(), minute + DAY_MIN)
}

fn offset(schedule: &Schedule, at: UnixMs) -> i32 {
    at.utc().with_timezone(&schedule.zone).offset().fix().local_minus_utc()
}

proptest! {
    #[test]
    fn open_is_what_the_clock_on_the_wall_says(schedule in any_schedule(), minute in 0u32..1_000_000) {
        let at = at("2025-01-02T00:00:00Z") + MINUTE * minute;
        let day = Duration::from_secs(2 * 86_400);
        // Near a change of the clocks the rule of the edges decides; it has its own test.
        prop_assume!(offset(&schedule, at - day) == offset(&schedule, at + day));
        prop_assert_eq!(schedule.is_open(at), naive_is_open(&schedule, at));
    }

    #[test]
    fn sums_and_changes_agree_with_every_minute(schedule in any_schedule(), minute in 0u32..1_000_000, length in 1u32..4_000) {
        let from = at("2025-01-02T00:00:00Z") + MINUTE * minute;
        let to = from + MINUTE * length;
        let open: Vec<bool> = (0..length).map(|n| schedule.is_open(from + MINUTE * n)).collect();
        let sum = open.iter().filter(|open| **open).count() as i64 * 60_000;
        prop_assert_eq!(schedule.working_ms(from, to), sum);
        let changes = open.iter().position(|now| *now != open[0]).map(|n| from + MINUTE * u32::try_from(n).unwrap());
        let said = if open[0] { schedule.next_closing(from) } else { schedule.next_opening(from) };
        match changes {
            Some(change) => prop_assert_eq!(said, Some(change)),
            None => prop_assert!(said.is_none_or(|change| change >= to)),
        }
    }

    #[test]
    fn a_business_day_is_the_date_or_the_one_before(schedule in any_schedule(), minute in 0u32..1_000_000) {
        let at = at("2025-01-02T00:00:00Z") + MINUTE * minute;
        let (day, date) = (schedule.business_day(at).0, civil_date(schedule.zone, at));
        prop_assert!(day == date || Some(day) == date.pred_opt());
        if !schedule.is_open(at) {
            prop_assert_eq!(day, date);
        }
    }
}
