//! The built `dozvon demo`: what it tells of its day, and that it lets other people's databases be.

use serde_json::Value;

use crate::support::command::Workdir;

/// The sum of a column of a table.
fn sum(table: &Value, field: &str) -> i64 {
    table.as_array().unwrap().iter().map(|row| row[field].as_i64().unwrap()).sum()
}

#[test]
fn the_demo_tells_every_part_of_its_day() {
    let place = Workdir::new();
    let told = place.ok("demo --calls 20 --rate 40 --seed 1 --json");
    let day: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(
        (&day["callers"], &day["phones_rung_twice"], &day["legs_left_behind"]),
        (&20.into(), &0.into(), &0.into()),
        "{day:#}"
    );
    assert_eq!(sum(&day["calls_by_ending"], "count"), 20, "every caller has his ending: {day:#}");
    assert!(day["wait_p50_ms"].as_i64().unwrap() <= day["wait_p95_ms"].as_i64().unwrap(), "{day:#}");
    let (queues, agents) = (&day["queues"], &day["agents"]);
    let answered = sum(queues, "answered");
    assert!(answered > 0 && sum(queues, "calls") <= 20, "{queues:#}");
    assert!(answered <= sum(agents, "answered"), "who was answered was answered by somebody: {day:#}");
    assert_eq!(sum(agents, "offers"), sum(&day["offers_by_outcome"], "count"), "{day:#}");
    assert!(sum(agents, "talk_ms") > 0, "{agents:#}");
    let cases = sum(&day["cases_by_reason"], "count");
    assert!(cases > 0 && cases <= 20 - answered, "{day:#}");
    assert_eq!(sum(&day["cases_by_end"], "count"), cases, "{day:#}");
    let open = ["due", "claimed", "attempting", "waiting", "settling"];
    let ends = day["cases_by_end"].as_array().unwrap();
    assert!(
        ends.iter().all(|row| !open.contains(&row["end"].as_str().unwrap())),
        "everybody was called: {day:#}"
    );
    let attempts = sum(&day["attempts_by_result"], "count");
    assert!(attempts >= cases && attempts <= 3 * cases, "each one to three times: {day:#}");
    for text in ["database", "web"] {
        assert!(day[text].as_str().is_some_and(|text| text.contains(':')), "{text}: {day:#}");
    }
    assert_eq!(std::fs::read_dir(place.folder()).unwrap().count(), 0, "it leaves nothing here");
}

#[test]
fn people_read_the_same_of_the_day() {
    let told = Workdir::new().ok("demo --calls 20 --rate 40 --seed 1");
    let heads = [
        "calls by ending",
        "queues",
        "offers by outcome",
        "cases by reason",
        "agents",
        "phones rung twice",
        "attempts by result",
        "cases by end",
    ];
    for part in heads.iter().chain(&["sales", "agent01", "answered", "/metrics"]) {
        assert!(told.contains(part), "{part:?} in {told}");
    }
}

#[test]
fn the_demo_lets_the_rules_of_others_be() {
    let place = Workdir::new();
    place.ok("migrate --database sqlite:dozvon.db");
    place.ok("agent add anna --contact user/1001");
    let before = place.ok("export");
    let said = place.fails(4, "demo --calls 1 --database sqlite:dozvon.db");
    for part in ["sqlite:dozvon.db", "agent anna", "name a database that is not there yet"] {
        assert!(said.contains(part), "{part:?} in {said}");
    }
    assert_eq!(place.ok("export"), before);
}

#[test]
fn the_demo_does_not_mix_its_day_with_another() {
    let place = Workdir::new();
    let run = "demo --calls 2 --rate 40 --database sqlite:day.db";
    place.ok(run);
    let calls =
        || -> Value { serde_json::from_str(&place.ok("call list --json --database sqlite:day.db")).unwrap() };
    let before = calls();
    assert_eq!(before.as_array().unwrap().len(), 2, "the rows are kept");
    let said = place.prints_nothing(4, run);
    for part in ["sqlite:day.db", "calls", "name a database that is not there yet"] {
        assert!(said.contains(part), "{part:?} in {said}");
    }
    assert_eq!(calls(), before);
}

#[test]
fn a_rate_that_nobody_can_call_at_is_wrong_usage() {
    let place = Workdir::new();
    for rate in ["0", "-1", "nan", "inf", "fast"] {
        let said = place.prints_nothing(2, &format!("demo --calls 1 --rate={rate}"));
        assert!(said.contains("callers a second, more than 0"), "{rate}: {said}");
    }
}
