use chrono::{Days, Months, NaiveDate, NaiveTime};
use chrono_tz::Tz;
use proptest::prelude::*;

use super::*;
use crate::calendar::schedule::tests::{any_schedule, at, schedule};
use crate::calendar::schedule::{Edge, Schedule, to_instant};
use crate::rules::policy::Profile;

fn history(number: &str) -> NumberHistory {
    NumberHistory {
        number: number.parse().unwrap(),
        open: true,
        live_call: false,
        suppressed: false,
        undisposed: false,
        counted_today: 0,
        counted_24h: 0,
        counted_week: 0,
        counted_month: 0,
        last_counted_at: None,
        gap_until: None,
        contact_at: None,
        abroad_allowed: false,
    }
}

fn asked(history: &NumberHistory, policy: &Policy, hours: &Schedule, at: UnixMs) -> Result<Permit, Refusal> {
    let whereabouts = Whereabouts::of(&history.number);
    let hours = WorkingTime::new(Some(hours), Tz::UTC);
    check(history, &DialRules { policy, hours, whereabouts: &whereabouts, home: Region::RU }, at)
}

#[test]
fn every_guard_refuses_on_its_own() {
    let noon = at("2026-11-23T12:00:00+03:00");
    let moscow = schedule("Europe/Moscow", &["mon-fri 09:00-18:00"], &[]);
    let fine = history("+74951234567");
    let service = Policy::of(Profile::Service);
    let limited = Policy { cap_24h: Some(2), cap_week: Some(4), cap_month: Some(8), ..service.clone() };
    assert_eq!(asked(&fine, &limited, &moscow, noon).unwrap().ordinal, 1);
    type Change = fn(&mut NumberHistory);
    let cases: [(Guard, Change); 12] = [
        (Guard::CaseOpen, |s| s.open = false),
        (Guard::LiveCall, |s| s.live_call = true),
        (Guard::DoNotCall, |s| s.suppressed = true),
        (Guard::Disposition, |s| s.undisposed = true),
        (Guard::DayCap, |s| s.counted_today = 3),
        (Guard::RollingCap, |s| s.counted_24h = 2),
        (Guard::WeekCap, |s| s.counted_week = 4),
        (Guard::MonthCap, |s| s.counted_month = 8),
        (Guard::Gap, |s| s.gap_until = Some(at("2026-11-23T12:00:00.001+03:00"))),
        (Guard::CalleeWindow, |s| s.number = "+74152123456".parse().unwrap()),
        (Guard::Destination, |s| s.number = "+493012345678".parse().unwrap()),
        (Guard::Destination, |s| s.number = "+78091234567".parse().unwrap()),
    ];
    for (guard, change) in cases {
        let mut history = fine.clone();
        change(&mut history);
        let when = if guard == Guard::CalleeWindow { at("2026-11-23T13:30:00+03:00") } else { noon };
        assert_eq!(asked(&history, &limited, &moscow, when).unwrap_err().guard, guard);
    }
    let night = asked(&fine, &service, &moscow, at("2026-11-23T20:00:00+03:00")).unwrap_err();
    assert_eq!((night.guard, night.until), (Guard::QueueHours, Some(at("2026-11-24T09:00:00+03:00"))));
    let full =
        asked(&NumberHistory { counted_today: 3, ..fine.clone() }, &service, &moscow, noon).unwrap_err();
    assert_eq!(full.until, Some(at("2026-11-24T09:00:00+03:00")), "the next business day");
    let hasty = NumberHistory { counted_today: 1, last_counted_at: Some(UnixMs(noon.0 - 1_799_999)), ..fine };
    assert_eq!(asked(&hasty, &service, &moscow, noon).unwrap_err().guard, Guard::Gap);
}

#[test]
fn the_least_gap_holds_between_two_business_days_too() {
    let always = schedule("Europe/Moscow", &["mon-sun 00:00-24:00"], &[]);
    let service = Policy { margin: Duration::ZERO, weekdays: (0, 1440), ..Policy::of(Profile::Service) };
    let last = at("2026-11-23T23:58:00+03:00");
    let history = NumberHistory { last_counted_at: Some(last), ..history("+74951234567") };
    let hasty = asked(&history, &service, &always, at("2026-11-24T00:01:00+03:00")).unwrap_err();
    assert_eq!((hasty.guard, hasty.until), (Guard::Gap, Some(last + LEAST_GAP)));
    assert!(asked(&history, &service, &always, last + LEAST_GAP).is_ok());
}

#[test]
fn a_rolling_cap_that_is_spent_for_today_leads_to_the_handover() {
    let moscow = schedule("Europe/Moscow", &["mon-fri 09:00-18:00"], &[]);
    let once = Policy { cap_24h: Some(1), ..Policy::of(Profile::Sales) };
    let noon = at("2026-11-23T12:00:00+03:00");
    let history = NumberHistory {
        counted_today: 1,
        counted_24h: 1,
        last_counted_at: Some(noon),
        ..history("+74951234567")
    };
    let whereabouts = Whereabouts::of(&history.number);
    let hours = WorkingTime::new(Some(&moscow), Tz::UTC);
    let rules = DialRules { policy: &once, hours, whereabouts: &whereabouts, home: Region::RU };
    assert_eq!(after_attempt(&history, &rules, None, noon), Next::HandOver);
    let wish = after_attempt(&history, &rules, Some(noon), noon);
    assert_eq!(wish, Next::Retry(at("2026-11-24T12:00:00+03:00")), "the customer's wish waits for the cap");
}

#[test]
fn after_the_third_or_without_a_lawful_time_the_case_is_handed_over() {
    let moscow = schedule("Europe/Moscow", &["mon-fri 09:00-18:00"], &[]);
    let hours = WorkingTime::new(Some(&moscow), Tz::UTC);
    let policy = Policy::of(Profile::Service);
    let fine = history("+74951234567");
    let whereabouts = Whereabouts::of(&fine.number);
    let rules = DialRules { policy: &policy, hours, whereabouts: &whereabouts, home: Region::RU };
    let next = |counted, at: UnixMs, asked| {
        let history = NumberHistory { counted_today: counted, last_counted_at: Some(at), ..fine.clone() };
        after_attempt(&history, &rules, asked, at)
    };
    let noon = at("2026-11-23T12:00:00+03:00");
    assert_eq!(next(1, noon, None), Next::Retry(at("2026-11-23T12:30:00+03:00")));
    assert_eq!(next(2, noon, None), Next::Retry(at("2026-11-23T13:30:00+03:00")));
    assert_eq!(next(3, noon, None), Next::HandOver);
    assert_eq!(next(1, at("2026-11-23T17:31:00+03:00"), None), Next::HandOver, "closed by then");
    let tomorrow = at("2026-11-24T10:00:00+03:00");
    assert_eq!(next(3, noon, Some(tomorrow)), Next::Retry(tomorrow), "the customer asked for that time");
    let opens = Next::Retry(at("2026-11-24T09:00:00+03:00"));
    assert_eq!(
        next(3, noon, Some(at("2026-11-23T15:00:00+03:00"))),
        opens,
        "the cap overrules the customer's wish"
    );
}

#[test]
fn no_calendar_week_or_month_is_longer_than_the_period_of_its_cap() {
    let first = |zone, date: NaiveDate| to_instant(zone, date.and_time(NaiveTime::MIN), Edge::Opening);
    let monday = NaiveDate::from_ymd_opt(2024, 1, 1).unwrap();
    let (mut longest_week, mut longest_month) = (Duration::ZERO, Duration::ZERO);
    for zone in chrono_tz::TZ_VARIANTS {
        for date in monday.iter_weeks().take(160) {
            longest_week = longest_week.max(first(zone, date + Days::new(7)).since(first(zone, date)));
        }
        for month in 0..36 {
            let date = monday + Months::new(month);
            longest_month = longest_month.max(first(zone, date + Months::new(1)).since(first(zone, date)));
        }
    }
    assert!(longest_week <= WEEK && longest_month <= MONTH, "{longest_week:?}, {longest_month:?}");
}

proptest! {
    /// A dialler that tries every few minutes for days makes exactly the attempts that a naive model allows.
    #[test]
    fn no_sequence_breaks_the_cap_the_gap_or_the_window(
        schedule in any_schedule(), start in 0u32..400_000, every_min in 1u32..90,
        profile in prop::sample::select(Profile::ALL),
    ) {
        let policy = Policy::of(profile);
        let hours = WorkingTime::new(Some(&schedule), Tz::UTC);
        let number = "+74951234567";
        let whereabouts = Whereabouts::of(&number.parse().unwrap());
        let rules = DialRules { policy: &policy, hours, whereabouts: &whereabouts, home: Region::RU };
        let mut made: Vec<UnixMs> = Vec::new();
        let mut now = at("2025-01-02T00:00:00Z") + Duration::from_secs(60) * start;
        let end = now + Duration::from_secs(4 * 86_400);
        while now < end {
            let count = |from: UnixMs| made.iter().filter(|at| **at > from).count() as i64;
            let day = hours.business_day(now);
            let history = NumberHistory {
                counted_today: made.iter().filter(|at| hours.business_day(**at) == day).count() as i64,
                counted_24h: count(UnixMs(now.0 - 86_400_000)),
                counted_week: count(UnixMs(now.0 - 7 * 86_400_000)),
                counted_month: count(UnixMs(now.0 - 31 * 86_400_000)),
                last_counted_at: made.last().copied(),
                ..history(number)
            };
            let this_week = history.counted_week;
            if let Ok(permit) = check(&history, &rules, now) {
                let last = made.last().copied();
                prop_assert!(last.is_none_or(|last| now.since(last) >= Duration::from_secs(900)));
                prop_assert!(schedule.is_open(now), "we are open");
                prop_assert!((480..1320).contains(&permit.window.local_min), "by day in Moscow");
                made.push(now);
                let today = made.iter().filter(|at| hours.business_day(**at) == day).count();
                let most = if profile == Profile::Debt { 1 } else { 3 };
                prop_assert!(today <= most, "{today} on {day}");
                prop_assert!(profile != Profile::Debt || this_week < 2);
            }
            now = now + Duration::from_secs(60) * every_min;
        }
    }
}
