mod duties;
mod policies;
mod round_trip;

use std::time::Duration;

use crate::rules::file::*;
use crate::rules::{Agent, Destination, Queue, Strategy as Order, Tier};

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
    assert_eq!(sales.overflow, Destination::message("busy".parse().unwrap()));
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
        overflow: Destination::message("busy".parse().unwrap()),
        schedule: None,
        policy: "service".parse().unwrap(),
        call_waiting: false,
        survey: None,
        tiers: [("anna".parse().unwrap(), Tier { level: 1, position: 1 })].into(),
        early_media: false,
        greeting: None,
        greeting_skip: true,
        announcements: Vec::new(),
        announce_after: seconds(30),
        announce_interval: Some(seconds(60)),
        announce_position: false,
        announce_wait: false,
        wait_floor: seconds(60),
        wait_rise: seconds(60),
        keys: Vec::new(),
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
        &["`overflow` is missing", "callers go who waited too long"],
    );
    one_fault(
        "{ queue = \"sales\" }",
        "{ queue = \"sales\", message = \"busy\" }",
        &["exactly one destination"],
    );
    one_fault("{ queue = \"sales\" }", "{ }", &["exactly one destination"]);
}

#[test]
fn keys_of_a_queue_that_cannot_be_meant_are_told() {
    let with = |keys: &str| format!("name = \"sales\"\nkeys = [{keys}]");
    let one = r#"{ digits = "1", to = { message = "busy" } }"#;
    for (keys, parts) in [
        (format!("{one}, {one}"), ["the keys 1 stand here twice", "take one of them out"]),
        (
            r#"{ digits = "2" }"#.to_owned(),
            ["key 2 has neither `to` nor `position`", "add to = { … } or position = true"],
        ),
        (
            one.replace("} }", "}, position = true }"),
            ["key 1 has `to` and `position`", "take one of them out"],
        ),
        (one.replace("busy", "bsy"), ["no prompt bsy", "busy"]),
    ] {
        let text = GOOD.replacen("name = \"sales\"", &with(&keys), 1);
        let told = faults(&text);
        assert!(told.len() == 1 && parts.iter().all(|part| told[0].contains(part)), "{told:#?}");
    }
    let text = GOOD.replacen(
        "name = \"sales\"",
        "name = \"sales\"\ngreeting = \"helo\"\nannouncements = [\"busi\"]",
        1,
    );
    assert_eq!(faults(&text).len(), 2, "{text}");
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
