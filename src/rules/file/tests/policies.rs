//! Policies in a rules file.

use std::time::Duration;

use super::{faults, read};
use crate::rules::file::write::write;
use crate::rules::policy::{Policy, Profile};

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
            "rules.toml:7:24: policy collect: max_attempts_per_day = 4 is not allowed: 230-FZ article 7 part 3 (R3) allows 1",
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
        &["rules.toml:9:17", "hours within 08:00-22:00", "230-FZ"],
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
    one_fault_of_a_policy("09:00-18:00", "18:00-09:00", &["rules.toml:9:17", "not one span", "08:00-22:00"]);
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
