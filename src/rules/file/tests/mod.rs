use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use crate::calendar::schedule::Schedule;
use crate::ids::PolicyName;
use crate::rules::file::*;
use crate::rules::policy::{Policy, Profile};
use crate::rules::{Agent, Destination, Prompt, Queue, Route, Strategy as Order, Tier};

const GOOD: &str = r#"
[defaults]
zone = "Europe/Moscow"
ring_timeout = "25s"
overflow = { message = "busy" }

[[prompt]]
name = "busy"
source = "tone_stream://%(500,500,480,620);loops=3"

[[prompt]]
name = "closed"
source = "ivr/closed.wav"

[[schedule]]
name = "office"
hours = ["mon-fri 09:00-18:00", "sat 22:00-06:00"]
exceptions = ["2026-12-31 09:00-15:00", "2027-01-01..2027-01-08 closed"]

[[agent]]
name = "anna"
display = "Анна"
contacts = ["user/1001", "gateway/trunk/+79001234567"]
wrap_up = "1m30s"

[[agent]]
name = "boris"
contacts = ["user/1002"]
ring_timeout = "500ms"

[[queue]]
name = "sales"
strategy = "ring_all"
max_wait = "never"
schedule = "office"
tiers = [{ agent = "anna" }, { agent = "boris", level = 2 }]

[[route]]
name = "main"
number = "7001"
open = { queue = "sales" }
schedule = "office"
closed = { message = "closed" }

[[route]]
name = "rest"
number = "*"
open = { forward = "user/1000" }
"#;

fn read(text: &str) -> Result<Rules, Faults> {
    parse("rules.toml", text, chrono_tz::UTC)
}

/// Each fault's place and text, on one line.
fn faults(text: &str) -> Vec<String> {
    let faults = read(text).unwrap_err();
    faults.0.iter().map(|fault| fault.to_string().replace('\n', " ")).collect()
}

/// Checks that the good file with `from` replaced by `to` has exactly one fault that says all of `parts`.
fn one_fault(from: &str, to: &str, parts: &[&str]) {
    assert!(GOOD.contains(from), "{from:?} is in the good file");
    let faults = faults(&GOOD.replacen(from, to, 1));
    assert_eq!(faults.len(), 1, "{from:?} → {to:?}: {faults:#?}");
    for part in parts {
        assert!(faults[0].contains(part), "{part:?} in {}", faults[0]);
    }
}

#[test]
fn a_good_file_says_what_it_says() {
    let rules = read(GOOD).unwrap();
    let anna = &rules.agents[&"anna".parse().unwrap()];
    assert_eq!((anna.display.as_str(), anna.contacts.len()), ("Анна", 2));
    assert_eq!((anna.ring_timeout, anna.wrap_up), (Duration::from_secs(25), Duration::from_secs(90)));
    assert_eq!(anna.delays(), Agent::new(String::new()).delays());
    let sales = &rules.queues[&"sales".parse().unwrap()];
    assert_eq!((sales.strategy, sales.max_wait), (Order::RingAll, None));
    assert_eq!(sales.tiers[&"boris".parse().unwrap()], Tier { level: 2, position: 2 });
    assert_eq!(sales.overflow, Destination::Message("busy".parse().unwrap()));
    let office = &rules.schedules[&"office".parse().unwrap()];
    assert_eq!((office.zone, office.exceptions.len()), (chrono_tz::Europe::Moscow, 9));
    assert_eq!(rules.routes.len(), 2);
}

#[test]
fn what_a_file_does_not_say_has_the_promised_defaults() {
    let rules = read(
        r#"
        prompt = [{ name = "busy", source = "ivr/busy.wav" }]
        agent = [{ name = "anna", contacts = ["user/1001"] }]
        queue = [{ name = "sales", overflow = { message = "busy" }, tiers = [{ agent = "anna" }] }]
        "#,
    )
    .unwrap();
    let seconds = Duration::from_secs;
    let anna = Agent {
        display: "anna".to_owned(),
        contacts: vec!["user/1001".parse().unwrap()],
        ring_timeout: seconds(20),
        wrap_up: seconds(0),
        no_answer_delay: seconds(5),
        busy_delay: seconds(30),
        rejected_delay: seconds(10),
        unreachable_delay: seconds(30),
        max_no_answer: 3,
        follow_redirects: false,
    };
    assert_eq!(rules.agents, [("anna".parse().unwrap(), anna)].into());
    let sales = Queue {
        strategy: Order::LongestIdle,
        priority: 0,
        music: None,
        service_level: seconds(20),
        max_wait: Some(seconds(300)),
        overflow: Destination::Message("busy".parse().unwrap()),
        schedule: None,
        policy: "service".parse().unwrap(),
        call_waiting: false,
        tiers: [("anna".parse().unwrap(), Tier { level: 1, position: 1 })].into(),
    };
    assert_eq!(rules.queues, [("sales".parse().unwrap(), sales)].into());
}

#[test]
fn what_is_exported_reads_back_the_same() {
    let rules = read(GOOD).unwrap();
    let text = write(&rules);
    assert!(text.contains("\"2027-01-01..2027-01-08 closed\""), "{text}");
    assert_eq!(
        parse("exported", &text, chrono_tz::UTC).unwrap_or_else(|faults| panic!("{faults}\n{text}")),
        rules
    );
    assert_eq!(read(&write(&Rules::default())).unwrap(), Rules::default());
}

#[test]
fn an_unknown_key_is_told_with_the_nearest() {
    one_fault(
        "wrap_up =",
        "wrapup =",
        &["rules.toml:24:1", "unknown key `wrapup`", "did you mean `wrap_up`?"],
    );
    one_fault("name = \"rest\"", "naem = \"rest\"", &["unknown key `naem`", "did you mean `name`?"]);
    let section = faults(&GOOD.replace("[defaults]", "[default]"));
    assert!(section[0].contains("rules.toml:2:2: unknown key `default`"), "{section:#?}");
    assert!(section[0].ends_with("did you mean `defaults`?"), "{section:#?}");
}

#[test]
fn a_wrong_type_is_told() {
    one_fault(
        "wrap_up = \"1m30s\"",
        "wrap_up = 90",
        &["rules.toml:24:11", "the number 90", "text in quotes"],
    );
    one_fault("level = 2", "level = \"two\"", &["rules.toml:36:57", "the text \"two\"", "a whole number"]);
    one_fault("[\"user/1002\"]", "\"user/1002\"", &["rules.toml:28:12", "a list in [brackets]"]);
}

#[test]
fn a_value_that_cannot_be_meant_is_told() {
    one_fault("\"1m30s\"", "\"90\"", &["not a duration", "1h30m"]);
    one_fault("ring_all", "ringall", &["not a strategy", "longest_idle, round_robin, sequential, ring_all"]);
    one_fault(
        "user/1002",
        "user/1002,user/1003",
        &["rules.toml:28:13", "the user holds ','", "user/NAME@DOMAIN"],
    );
    one_fault("user/1002", "${system(id)}", &["not a contact"]);
    one_fault("ivr/closed.wav", "${x}.wav", &["not a sound"]);
    let name = faults(&GOOD.replace("\"boris\"", "\"bo ris\""));
    assert!(name.len() == 2 && name.iter().all(|told| told.contains("not a name")), "{name:#?}");
    one_fault("number = \"7001\"", "number = \"70 01\"", &["not a number pattern"]);
    one_fault(
        "ring_timeout = \"500ms\"",
        "ring_timeout = \"0s\"",
        &["rules.toml:29:16", "\"0s\" is too short", "write \"100ms\" to \"1h\""],
    );
    one_fault("level = 2", "level = 0", &["begin with 1"]);
    one_fault("\"Анна\"", "\"\"", &["cannot be shown"]);
}

#[test]
fn a_reference_to_nothing_is_told_with_the_nearest() {
    one_fault(
        "agent = \"anna\"",
        "agent = \"ana\"",
        &["rules.toml:36:20", "there is no agent ana", "did you mean anna?"],
    );
    one_fault(
        "queue = \"sales\"",
        "queue = \"support\"",
        &["no queue support", "[[queue]] name = \"support\""],
    );
    one_fault(
        "schedule = \"office\"\nclosed",
        "schedule = \"ofice\"\nclosed",
        &["no schedule ofice", "office"],
    );
    one_fault("message = \"closed\"", "message = \"close\"", &["no prompt close", "did you mean closed?"]);
    one_fault("{ message = \"busy\" }", "{ message = \"bsy\" }", &["no prompt bsy"]);
}

#[test]
fn hours_that_cannot_be_meant_are_told() {
    one_fault(
        "Europe/Moscow",
        "Europe/Moskow",
        &["rules.toml:3:8", "not a time zone", "did you mean Europe/Moscow?"],
    );
    one_fault("mon-fri 09:00-18:00", "mon-fri 9-18", &["rules.toml:17:10", "is not a time of day"]);
    one_fault("sat 22:00-06:00", "fri 17:00-20:00", &["rules.toml:17:33", "friday 09:00-18:00", "overlap"]);
    one_fault(
        "sat 22:00-06:00",
        "sun 22:00-10:00",
        &["monday 09:00-18:00", "overlap", "join them or change one"],
    );
    one_fault("2026-12-31", "2026-13-31", &["not a date"]);
    one_fault("2026-12-31 09:00-15:00", "2027-01-05 closed", &["2027-01-05 is stated twice"]);
    one_fault("2027-01-01..2027-01-08", "2027-01-08..2027-01-01", &["not a range of dates"]);
    one_fault(
        "hours = [\"mon-fri 09:00-18:00\", \"sat 22:00-06:00\"]\nexceptions = [\"2026-12-31 09:00-15:00\", \"2027-01-01..2027-01-08 closed\"]",
        "",
        &["has no hours"],
    );
}

#[test]
fn what_is_missing_is_told() {
    one_fault(
        "name = \"boris\"\ncontacts = [\"user/1002\"]",
        "name = \"boris\"",
        &["agent boris has no contacts"],
    );
    one_fault("number = \"7001\"\n", "", &["rules.toml:38:1", "`number` is missing"]);
    one_fault("closed = { message = \"closed\" }", "", &["`closed` is missing"]);
    one_fault(
        "overflow = { message = \"busy\" }",
        "",
        &["does not say where callers go who waited too long"],
    );
    one_fault("{ queue = \"sales\" }", "{ queue = \"sales\", message = \"busy\" }", &["exactly one thing"]);
    one_fault("{ queue = \"sales\" }", "{ }", &["exactly one thing"]);
}

#[test]
fn what_is_there_twice_is_told() {
    let twice = faults(&GOOD.replace("name = \"rest\"", "name = \"main\"").replace("\"boris\"", "\"anna\""));
    assert_eq!(twice.len(), 3, "{twice:#?}");
    for (told, part) in
        twice.iter().zip(["two agents named anna", "anna stands here twice", "two routes named main"])
    {
        assert!(told.contains(part), "{part:?} in {told}");
    }
}

#[test]
fn a_route_in_the_shadow_of_another_is_told() {
    let shadowed = GOOD.replace("\"7001\"", "\"7*\"").replace("number = \"*\"", "number = \"7001\"");
    let told = faults(&shadowed);
    assert_eq!(told.len(), 1);
    assert!(
        told[0].contains("route rest can never match: route main (line 40) takes 7* before it"),
        "{}",
        told[0]
    );
}

#[test]
fn queues_that_overflow_in_a_circle_are_told() {
    let text = format!(
        "{GOOD}\n[[queue]]\nname = \"a\"\noverflow = {{ queue = \"b\" }}\n[[queue]]\nname = \"b\"\noverflow = {{ queue = \"a\" }}\n"
    );
    let told = faults(&text);
    assert_eq!(told.len(), 2, "{told:#?}");
    assert!(told[0].contains("a → b → a"), "{}", told[0]);
}

#[test]
fn all_mistakes_are_told_at_once() {
    let text = GOOD
        .replace("ring_all", "ringall")
        .replace("user/1001", "1001")
        .replace("Europe/Moscow", "Moscow")
        .replace("agent = \"boris\"", "agent = \"bob\"")
        .replace("closed = {", "close = {");
    assert_eq!(faults(&text).len(), 5, "{:#?}", faults(&text));
}

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

#[test]
fn a_policy_is_its_profile_with_what_the_file_says_otherwise() {
    let rules = read(POLICIES).unwrap();
    let hours = Duration::from_secs(3600);
    let collect = Policy {
        name: "collect".parse().unwrap(),
        cap_week: Some(1),
        retry_delays: vec![hours * 2, hours * 4],
        weekdays: (540, 1080),
        weekends: (0, 0),
        escalation_pct: vec![100, 150],
        repeat_days: 1,
        ..Policy::of(Profile::Debt)
    };
    let service = Policy {
        cap_day: 2,
        recent_contact: None,
        destinations: vec!["+7495".to_owned(), "+7499".to_owned()],
        premium: true,
        ..Policy::of(Profile::Service)
    };
    assert_eq!(rules.policies[&collect.name], collect);
    assert_eq!(rules.policies[&service.name], service);
    assert_eq!(rules.policies[&Profile::Sales.into()], Policy::of(Profile::Sales));
    assert_eq!(rules.policies.len(), 4);
    assert_eq!(rules.policy(Some(&"sales".parse().unwrap())), collect);
    assert_eq!(rules.policy(None), service, "who reached no queue is called back as for service");
    let text = write(&rules);
    assert_eq!(read(&text).unwrap(), rules, "{text}");
    assert!(
        !text.contains("max_attempts_per_month") && !text.contains("sales\"\nmax_attempts"),
        "only what differs: {text}"
    );
}

const POLICIES: &str = r#"
prompt = [{ name = "busy", source = "ivr/busy.wav" }]

[[policy]]
name = "collect"
profile = "debt"
max_attempts_per_week = 1
retry_delays = ["2h", "4h"]
weekday_hours = "09:00-18:00"
weekend_hours = "closed"
escalation_pct = [100, 150]
repeat_days = 1

[[policy]]
name = "service"
max_attempts_per_day = 2
recent_contact = "never"
allowed_destinations = ["+7495", "+7499"]
allow_premium = true

[[queue]]
name = "sales"
overflow = { message = "busy" }
policy = "collect"
"#;

/// Checks that the file of policies with `from` replaced by `to` has exactly one fault that says all of `parts`.
fn one_fault_of_a_policy(from: &str, to: &str, parts: &[&str]) {
    assert!(POLICIES.contains(from), "{from:?} is in the file");
    let faults = faults(&POLICIES.replacen(from, to, 1));
    assert_eq!(faults.len(), 1, "{from:?} → {to:?}: {faults:#?}");
    for part in parts {
        assert!(faults[0].contains(part), "{part:?} in {}", faults[0]);
    }
}

#[test]
fn a_limit_above_the_law_is_refused_with_its_place_and_its_source() {
    // Story 21.
    one_fault_of_a_policy(
        "max_attempts_per_week = 1",
        "max_attempts_per_day = 4",
        &[
            "rules.toml:7:24: policy collect: max_attempts_per_day = 4 is not allowed: by 230-FZ article 7 part 3 (R3) it is 1",
            "max_attempts_per_day = 4",
            "take `max_attempts_per_day` out: profile debt has 1",
        ],
    );
    one_fault_of_a_policy(
        "\"4h\"",
        "\"14m\"",
        &["rules.toml:8:16", "retry_delays = 2h, 14m", "of 15m to 1d", "R20"],
    );
    one_fault_of_a_policy(
        "09:00-18:00",
        "07:00-18:00",
        &["rules.toml:9:17", "08:00-22:00 at most", "230-FZ"],
    );
    one_fault_of_a_policy(
        "repeat_days = 1",
        "hours_margin = \"5h\"",
        &["rules.toml:9:17", "weekday_hours = 09:00-18:00"],
    );
    one_fault_of_a_policy(
        "max_attempts_per_day = 2",
        "max_attempts_per_day = 0",
        &["rules.toml:16:24", "1 to 3"],
    );
    one_fault_of_a_policy("\"+7499\"", "\"8499\"", &["rules.toml:18:24", "prefixes such as +7495"]);
    one_fault_of_a_policy("profile = \"debt\"", "profile = \"sales\"\nrecent_contact = \"5m\"", &["38-FZ"]);
}

#[test]
fn a_policy_that_cannot_be_meant_is_told() {
    one_fault_of_a_policy("profile = \"debt\"\n", "", &["rules.toml:4:1", "no `profile`", "add profile = "]);
    one_fault_of_a_policy("\"debt\"", "\"dept\"", &["rules.toml:6:11", "service, sales, debt"]);
    one_fault_of_a_policy(
        "max_attempts_per_day = 2",
        "profile = \"debt\"",
        &["rules.toml:16:11", "profile of its name"],
    );
    one_fault_of_a_policy(
        "09:00-18:00",
        "18:00-09:00",
        &["rules.toml:9:17", "not one stretch", "08:00-22:00"],
    );
    one_fault_of_a_policy(
        "max_attempts_per_week",
        "max_attempts_per_weak",
        &["rules.toml:7:1", "did you mean `max_attempts_per_week`?"],
    );
    one_fault_of_a_policy(
        "policy = \"collect\"",
        "policy = \"colect\"",
        &["no policy colect", "did you mean collect?"],
    );
    let unknown = "add [[policy]] name = \"vip\", or name one that is there";
    one_fault_of_a_policy("policy = \"collect\"", "policy = \"vip\"", &["rules.toml:24:10", unknown]);
    let twice = faults(&format!("{POLICIES}\n[[policy]]\nname = \"service\"\n"));
    assert!(twice[0].contains("there are two policies named service"), "{twice:#?}");
}

proptest! {
    #[test]
    fn any_rules_read_back_as_they_were_exported(
        schedules in proptest::collection::btree_map("[a-z][a-z0-9_.-]{0,8}", schedules(), 1..4),
        agents in proptest::collection::btree_map("[a-z][a-z0-9_.-]{0,8}", agents(), 0..5),
        policies in proptest::collection::btree_map(policy_names(), policies(), 0..4), named in 0..9_usize,
        level in 1..5_i32, priority in -3..3_i32, wait_ms in proptest::option::of(100..1_000_000_u64),
    ) {
        let prompt = Prompt { source: "tone_stream://%(200,800,440);loops=-1".parse().unwrap() };
        let first = schedules.keys().next().unwrap().parse().unwrap();
        let message = Destination::Message("p".parse().unwrap());
        let policies = policies.into_iter().map(fitting).collect::<BTreeMap<_, _>>();
        let names: Vec<PolicyName> = Policy::built_in().into_keys().chain(policies.keys().cloned()).collect();
        let policy = &names[named % names.len()];
        let tiers = agents.keys().enumerate().map(|(n, name)| {
            (name.parse().unwrap(), Tier { level, position: i32::try_from(n).unwrap() + 1 })
        });
        let queue = Queue {
            strategy: Order::Sequential, priority, music: Some("p".parse().unwrap()),
            max_wait: wait_ms.map(Duration::from_millis),
            policy: policy.clone(), call_waiting: priority % 2 == 0,
            tiers: tiers.collect(), ..Queue::new(message.clone())
        };
        let route = Route {
            name: "r".parse().unwrap(), number: "+7*".parse().unwrap(), open: Destination::Queue("q".parse().unwrap()),
            schedule: Some(first), closed: message,
        };
        let rules = Rules {
            prompts: [("p".parse().unwrap(), prompt)].into(),
            policies: Policy::built_in().into_iter().chain(policies).collect(),
            schedules: schedules.into_iter().map(|(name, schedule)| (name.parse().unwrap(), schedule)).collect(),
            agents: agents.into_iter().map(|(name, agent)| (name.parse().unwrap(), agent)).collect(),
            queues: [("q".parse().unwrap(), queue)].into(),
            routes: vec![route],
        };
        let text = write(&rules);
        prop_assert_eq!(parse("exported", &text, chrono_tz::UTC).unwrap_or_else(|faults| panic!("{faults}\n{text}")), rules);
    }
}
