use proptest::prelude::*;

use super::*;
use crate::calendar::schedule::tests::at;

fn duty(zone: Tz, turn: Turn, change: u16, people: &[&str]) -> Duty {
    Duty {
        turn,
        change: ChangeTime(change),
        start: date("2026-01-05"),
        people: people.iter().map(|name| name.parse().unwrap()).collect(),
        ..Duty::new(zone)
    }
}

fn date(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn who(duty: &Duty, instant: &str) -> Option<String> {
    duty.on_duty(at(instant)).map(|it| it.agent.to_string())
}

#[test]
fn people_take_turns_and_a_night_belongs_to_the_day_it_began() {
    let daily = duty(Tz::Europe__Moscow, Turn::Day, 9 * 60, &["anna", "boris", "vera"]);
    let who = |instant: &str| who(&daily, instant);
    assert_eq!(who("2026-01-05T08:59:59+03:00"), None, "before the start");
    assert_eq!(who("2026-01-05T09:00:00+03:00").as_deref(), Some("anna"));
    assert_eq!(who("2026-01-06T03:00:00+03:00").as_deref(), Some("anna"), "the night of the fifth");
    assert_eq!(who("2026-01-06T09:00:00+03:00").as_deref(), Some("boris"));
    assert_eq!(who("2026-01-08T12:00:00+03:00").as_deref(), Some("anna"));
    let night = daily.on_duty(at("2026-01-06T03:00:00+03:00")).unwrap();
    assert_eq!((night.date, night.until), (date("2026-01-05"), Some(at("2026-01-06T09:00:00+03:00"))));
    assert_eq!(night.why, WhyOnDuty::Turn(date("2026-01-05")));
    let ladder = daily.ladder(at("2026-01-06T12:00:00+03:00"));
    assert_eq!(ladder.iter().map(|name| name.as_str()).collect::<Vec<_>>(), ["boris", "vera", "anna"]);
}

#[test]
fn a_week_begins_on_the_weekday_of_the_start_and_dates_may_have_another_person() {
    let mut weekly = duty(Tz::Europe__Moscow, Turn::Week, 9 * 60, &["anna", "boris"]);
    weekly.exceptions = vec!["2026-01-14 vera".parse().unwrap()];
    weekly.swaps.insert(date("2026-01-15"), Swap { agent: "anna".parse().unwrap(), by: "olga".to_owned() });
    assert_eq!(who(&weekly, "2026-01-12T08:00:00+03:00").as_deref(), Some("anna"));
    assert_eq!(who(&weekly, "2026-01-13T09:00:00+03:00").as_deref(), Some("boris"));
    assert_eq!(who(&weekly, "2026-01-15T08:00:00+03:00").as_deref(), Some("vera"));
    let swapped = weekly.on_duty(at("2026-01-15T09:00:00+03:00")).unwrap();
    assert!(matches!(swapped.why, WhyOnDuty::Swap(swap) if swap.by == "olga"), "{swapped:?}");
    assert_eq!(swapped.until, Some(at("2026-01-16T09:00:00+03:00")));
    assert_eq!(weekly.turn_of(date("2026-01-14")).unwrap()[0], date("2026-01-12"));
    assert_eq!(weekly.turn_of(date("2026-01-04")), None);
    assert_eq!(weekly.overlap(), None);
    weekly.exceptions.push("2026-01-10..2026-01-20 anna".parse().unwrap());
    assert!(weekly.overlap().is_some());
    let alone = duty(Tz::UTC, Turn::Day, 0, &["anna"]);
    assert_eq!(alone.on_duty(at("2026-02-01T00:00:00Z")).unwrap().until, None);
}

/// Berlin skips 02:30 on 29 March and has it twice on 25 October; New York on 8 March and 1 November; Lord Howe moves by
/// half an hour, on 4 October and 5 April.
#[test]
fn a_change_at_a_skipped_or_repeated_time_follows_the_rule() {
    for (zone, day, minute, begins) in [
        (Tz::Europe__Berlin, "2026-03-29", 150, "2026-03-29T03:00:00+02:00"),
        (Tz::Europe__Berlin, "2026-10-25", 150, "2026-10-25T02:30:00+01:00"),
        (Tz::America__New_York, "2026-03-08", 150, "2026-03-08T03:00:00-04:00"),
        (Tz::America__New_York, "2026-11-01", 90, "2026-11-01T01:30:00-05:00"),
        (Tz::Australia__Lord_Howe, "2026-10-04", 135, "2026-10-04T02:30:00+11:00"),
        (Tz::Australia__Lord_Howe, "2026-04-05", 105, "2026-04-05T01:45:00+10:30"),
    ] {
        let rota = duty(zone, Turn::Day, minute, &["anna", "boris"]);
        assert_eq!(rota.begins(date(day)), at(begins), "{zone} {day}");
    }
}

proptest! {
    /// At every instant, exactly one day of duty holds: neither a gap nor an overlap, whatever the clocks do.
    #[test]
    fn every_instant_has_one_person(
        zone in prop::sample::select(vec![
            Tz::Europe__Berlin, Tz::America__New_York, Tz::Australia__Lord_Howe, Tz::America__Havana, Tz::Europe__Moscow,
        ]),
        weekly in any::<bool>(),
        change in 0u16..1440,
        minute in 0u32..1_000_000,
        people in 1usize..5,
        odd in prop::collection::btree_map(0u64..700, 0usize..5, 0..5),
    ) {
        let names = ["anna", "boris", "vera", "dora", "egor"];
        let turn = if weekly { Turn::Week } else { Turn::Day };
        let mut rota = duty(zone, turn, change, &names[..people]);
        for (day, agent) in odd {
            let swap = Swap { agent: names[agent].parse().unwrap(), by: "olga".to_owned() };
            rota.swaps.insert(rota.start.checked_add_days(Days::new(day)).unwrap(), swap);
        }
        let instant = at("2026-01-07T00:00:00Z") + std::time::Duration::from_secs(60) * minute;
        let on = rota.on_duty(instant).unwrap();
        let next = on.date.succ_opt().unwrap();
        prop_assert!(rota.begins(on.date) <= instant && instant < rota.begins(next));
        let holds = on.date.pred_opt().unwrap().iter_days().take(3);
        let others = holds.filter(|day| rota.begins(*day) <= instant && instant < rota.begins(day.succ_opt().unwrap()));
        prop_assert_eq!(others.collect::<Vec<_>>(), [on.date]);
        prop_assert_eq!(rota.person(on.date).unwrap().0, on.agent);
        if let Some(until) = on.until {
            prop_assert_eq!(rota.on_duty(UnixMs(until.0 - 1)).unwrap().agent, on.agent);
            prop_assert_ne!(rota.on_duty(until).unwrap().agent, on.agent);
        }
        let ladder = rota.ladder(instant);
        prop_assert_eq!(ladder[0], on.agent);
        prop_assert!(rota.people.iter().all(|name| ladder.contains(&name)));
    }
}
