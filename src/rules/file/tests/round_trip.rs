//! Whatever is exported reads back the same.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::NaiveDate;
use proptest::prelude::*;

use crate::calendar::schedule::Schedule;
use crate::ids::PolicyName;
use crate::rules::Voicemail;
use crate::rules::file::parse;
use crate::rules::file::write::write;
use crate::rules::policy::{Policy, Profile};
use crate::rules::{
    Agent, ChangeTime, Destination, Duty, Menu, MenuOption, Prompt, Queue, Route, Rules, Strategy as Order,
    Survey, Tier, Turn, WaitKey,
};

fn interval() -> impl proptest::strategy::Strategy<Value = String> {
    (0..23_u16, 0..59_u16)
        .prop_map(|(hour, minute)| format!("{hour:02}:{minute:02}-{:02}:{:02}", hour, minute + 1))
}

fn schedules() -> impl proptest::strategy::Strategy<Value = Schedule> {
    let lines = proptest::collection::btree_map(0..7_usize, interval(), 0..7);
    let dates = proptest::collection::btree_map(1..28_u32, proptest::option::of(interval()), 0..4);
    (lines, dates, 0..chrono_tz::TZ_VARIANTS.len()).prop_map(|(lines, dates, zone)| {
        let days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
        let hours: Vec<String> = lines.iter().map(|(day, at)| format!("{} {at}", days[*day])).collect();
        let line = |(day, at): (&u32, &Option<String>)| {
            format!("2027-01-{day:02} {}", at.as_deref().unwrap_or("closed"))
        };
        let exceptions: Vec<String> = dates.iter().map(line).collect();
        Schedule::parse(chrono_tz::TZ_VARIANTS[zone].name(), &hours, &exceptions).unwrap()
    })
}

fn agents() -> impl proptest::strategy::Strategy<Value = crate::rules::Agent> {
    ("[a-zA-Zа-я'\"\\\\ ]{0,20}x", 0..4_u64, 100..100_000_u64, 0..5_u32).prop_map(
        |(display, wrap, ring, misses)| crate::rules::Agent {
            display: display.trim().to_owned(),
            contacts: vec!["user/1001".parse().unwrap(), "loopback/9004/default".parse().unwrap()],
            ring_timeout: Duration::from_millis(ring),
            wrap_up: Duration::from_secs(wrap),
            max_no_answer: misses,
            follow_redirects: misses % 2 == 1,
            ..Agent::new(String::new())
        },
    )
}

fn policy_names() -> impl proptest::strategy::Strategy<Value = PolicyName> {
    let own = "[a-z][a-z0-9_.-]{0,8}".prop_map(|name| name.parse().unwrap());
    prop_oneof![own, proptest::sample::select(Policy::built_in().into_keys().collect::<Vec<_>>())]
}

/// A policy under its name: one that is named like a profile has it.
fn fitting((name, policy): (PolicyName, Policy)) -> (PolicyName, Policy) {
    let policy = match Policy::profile_named(&name) {
        Some(profile) if profile != policy.profile => Policy::of(profile),
        _ => Policy { name: name.clone(), ..policy },
    };
    (name, policy)
}

/// Lawful policies, many of whose limits are not those of their profile.
fn policies() -> impl proptest::strategy::Strategy<Value = Policy> {
    let seconds = |range: std::ops::Range<u64>| proptest::option::of(range.prop_map(Duration::from_secs));
    let times =
        (seconds(15..61), seconds(1..86_401), seconds(1..3600), seconds(1..86_401), seconds(1..86_401));
    let lists = (
        proptest::option::of(proptest::collection::vec(
            (900..86_401_u64).prop_map(Duration::from_secs),
            1..4,
        )),
        proptest::option::of(proptest::collection::btree_set(1..1001_i32, 1..11)),
        proptest::collection::vec("\\+[0-9]{1,15}", 0..3),
    );
    let caps = proptest::array::uniform3(proptest::option::of(1..9_i64));
    let day =
        (0..7_u16, proptest::option::of(9 * 60..12 * 60_u16), proptest::option::of(18 * 60..20 * 60_u16));
    let rest = (1..4_i32, 1..32_i32, 1..101_i32, proptest::bool::ANY, seconds(1..3601), proptest::bool::ANY);
    let profile = proptest::sample::select(Profile::ALL);
    (profile, times, lists, caps, day, rest).prop_map(|(profile, times, lists, caps, day, rest)| {
        let usual = Policy::of(profile);
        let mut policy = Policy {
            ring: times.0.unwrap_or(usual.ring),
            reaction: times.1.unwrap_or(usual.reaction),
            margin: times.2.unwrap_or(usual.margin),
            grace: times.3.unwrap_or(usual.grace),
            lease: times.4.unwrap_or(usual.lease),
            retry_delays: lists.0.unwrap_or(usual.retry_delays.clone()),
            escalation_pct: lists.1.map_or(usual.escalation_pct.clone(), |rungs| rungs.into_iter().collect()),
            destinations: lists.2,
            weekdays: (day.1.unwrap_or(usual.weekdays.0), day.2.unwrap_or(usual.weekdays.1)),
            weekends: if day.0 == 0 { (0, 0) } else { usual.weekends },
            repeat_days: rest.1,
            repeat_total: rest.2,
            premium: rest.3,
            ..usual
        };
        if profile == Profile::Debt {
            policy.cap_week = caps[1].filter(|cap| *cap <= 2).or(policy.cap_week);
            policy.cap_month = caps[2].filter(|cap| *cap <= 8).or(policy.cap_month);
        } else {
            (policy.cap_24h, policy.cap_week, policy.cap_month) = (caps[0], caps[1], caps[2]);
            policy.cap_day = rest.0;
        }
        if profile == Profile::Service {
            policy.recent_contact = rest.4.filter(|_| rest.5);
        }
        assert_eq!(policy.faults(), []);
        policy
    })
}

/// A destination that ends: prompt `p`, menus `m0` to `m2`.
fn destinations() -> impl proptest::strategy::Strategy<Value = Destination> {
    let end = prop_oneof![
        Just(r#"{"queue":"q"}"#),
        Just(r#"{"extension":"7001@office"}"#),
        Just(r#"{"hang_up":"USER_BUSY"}"#),
        Just(r#"{"message":"p"}"#),
        Just(r#"{"voicemail":"v","then":{"message":"p"}}"#),
        Just(r#"{"message":"p","then":{"forward":"user/1001","then":{"queue":"q"}}}"#),
        Just(r#"{"forward":"user/1001","then":{"extension":"7001"}}"#),
    ];
    end.prop_map(|text| serde_json::from_str(text).unwrap())
}

fn menus() -> impl proptest::strategy::Strategy<Value = Menu> {
    let to = prop_oneof![
        destinations().prop_map(Some),
        (0..3_u8).prop_map(|n| Some(Destination::Menu(format!("m{n}").parse().unwrap()))),
        Just(None),
    ];
    let option = (to, any::<bool>(), 0..3_usize).prop_map(|(to, back, language)| {
        (to, back, [None, Some(crate::language::Language::En), Some(crate::language::Language::Ru)][language])
    });
    let options = proptest::collection::btree_map("[0-9*#]{1,8}", option, 1..6);
    (options, destinations(), 0..=9_u32, any::<[bool; 4]>(), 100..60_000_u64).prop_map(
        |(options, failed, retries, flags, ms)| {
            let options = options.into_iter().map(|(digits, (to, back, language))| MenuOption {
                digits: digits.parse().unwrap(),
                back: back && to.is_none(),
                to,
                language,
            });
            let prompt = |wanted: bool| wanted.then(|| "p".parse().unwrap());
            Menu {
                timeout: Duration::from_millis(ms),
                retries,
                invalid: prompt(flags[0]),
                no_input: prompt(flags[1]),
                barge_in: flags[2],
                missed: flags[3],
                failed,
                ..Menu::new(vec!["p".parse().unwrap(); 2], options.collect())
            }
        },
    )
}

proptest! {
    #[test]
    fn any_rules_read_back_as_they_were_exported(
        schedules in proptest::collection::btree_map("[a-z][a-z0-9_.-]{0,8}", schedules(), 1..4),
        agents in proptest::collection::btree_map("[a-z][a-z0-9_.-]{0,8}", agents(), 0..5),
        policies in proptest::collection::btree_map(policy_names(), policies(), 0..4), named in 0..9_usize,
        menus in proptest::collection::vec(menus(), 3), to in destinations(), from in 0..4_usize,
        level in 1..5_i32, priority in -3..3_i32, wait_ms in proptest::option::of(100..1_000_000_u64),
    ) {
        let prompt = Prompt { source: "tone_stream://%(200,800,440);loops=-1".parse().unwrap() };
        let first = schedules.keys().next().unwrap().parse().unwrap();
        let message = Destination::message("p".parse().unwrap());
        let policies = policies.into_iter().map(fitting).collect::<BTreeMap<_, _>>();
        let names: Vec<PolicyName> = Policy::built_in().into_keys().chain(policies.keys().cloned()).collect();
        let policy = &names[named % names.len()];
        let tiers = agents.keys().enumerate().map(|(n, name)| {
            (name.parse().unwrap(), Tier { level, position: i32::try_from(n).unwrap() + 1 })
        });
        let people: Vec<_> = agents.keys().map(|name| name.parse().unwrap()).collect();
        let duty = people.first().map(|first: &crate::ids::AgentName| Duty {
            turn: if from == 0 { Turn::Day } else { Turn::Week },
            change: ChangeTime(u16::try_from(level).unwrap() * 61),
            start: NaiveDate::from_ymd_opt(2027, 1, 1 + u32::try_from(from).unwrap()).unwrap(),
            exceptions: ["2027-02-01", "2027-02-03..2027-02-09"].map(|dates| format!("{dates} {first}").parse().unwrap()).into(),
            people: people.clone(),
            ..Duty::new(chrono_tz::TZ_VARIANTS[named * 7])
        });
        let duties = duty.map(|duty| ("d".parse().unwrap(), duty)).into_iter().collect();
        let queue = Queue {
            strategy: Order::Sequential, priority, music: Some("p".parse().unwrap()),
            max_wait: wait_ms.map(Duration::from_millis),
            policy: policy.clone(), call_waiting: priority % 2 == 0,
            greeting: wait_ms.map(|_| "p".parse().unwrap()), greeting_skip: priority % 3 == 0,
            early_media: from == 2,
            announcements: vec!["p".parse().unwrap(); from], announce_after: Duration::from_secs(10 + u64::from(from == 1)),
            announce_interval: wait_ms.map(|ms| Duration::from_millis(ms.clamp(100, 3_600_000))),
            announce_position: from == 1, announce_wait: from > 1,
            wait_floor: Duration::from_mins(from as u64), wait_rise: Duration::from_mins(2 * from as u64),
            keys: vec![
                WaitKey { digits: "1".parse().unwrap(), to: Some(to.clone()), position: false },
                WaitKey { digits: "12".parse().unwrap(), to: None, position: true },
            ],
            survey: (priority > 0).then(|| Survey::new(vec!["p".parse().unwrap()], (from == 1).then(|| "p".parse().unwrap())).unwrap()),
            tiers: tiers.collect(), ..Queue::new(message.clone())
        };
        let voicemail = Voicemail {
            greeting: wait_ms.map(|_| "p".parse().unwrap()), queue: (from == 1).then(|| "q".parse().unwrap()),
            max_length: Duration::from_secs(10 + u64::try_from(from).unwrap()), review: from > 1,
            again: ["3", "*", "0", "9"][from].parse().unwrap(), ..Voicemail::default()
        };
        let route = Route {
            name: "r".parse().unwrap(), number: "+7*".parse().unwrap(), open: to,
            from: ["", "+7495*", "+7495* 1001", "*"][from].parse().unwrap(), open_case: from == 2,
            schedule: Some(first), closed: message,
        };
        let rules = Rules {
            prompts: [("p".parse().unwrap(), prompt)].into(),
            policies: Policy::built_in().into_iter().chain(policies).collect(),
            schedules: schedules.into_iter().map(|(name, schedule)| (name.parse().unwrap(), schedule)).collect(),
            agents: agents.into_iter().map(|(name, agent)| (name.parse().unwrap(), agent)).collect(),
            duties,
            queues: [("q".parse().unwrap(), queue)].into(),
            menus: (0..).zip(menus).map(|(n, menu): (u8, _)| (format!("m{n}").parse().unwrap(), menu)).collect(),
            voicemails: [("v".parse().unwrap(), voicemail)].into(),
            routes: vec![route],
        };
        let text = write(&rules);
        prop_assert_eq!(parse("exported", &text, chrono_tz::UTC).unwrap_or_else(|faults| panic!("{faults}\n{text}")), rules);
    }
}
