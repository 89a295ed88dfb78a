//! The built `dozvon demo`: what it prints, and that it refuses databases of others.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use diesel::prelude::*;
use diesel::sql_types::Text;
use serde_json::Value;

use crate::support::command::Workdir;
use crate::support::markdown;

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
    assert_eq!(sum(&day["calls_by_ending"], "count"), 20, "every caller has an ending: {day:#}");
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

/// What the day has told has the fields that docs/reference/events.md shows.
fn every_event_has_the_fields_of_its_example(place: &Workdir) {
    #[derive(QueryableByName)]
    struct Told {
        #[diesel(sql_type = Text)]
        kind: String,
        #[diesel(sql_type = Text)]
        payload: String,
    }
    let fields = |data: &str| -> BTreeSet<String> {
        let data: Value = serde_json::from_str(data).unwrap();
        data.as_object().unwrap().keys().cloned().collect()
    };
    let page = markdown::page(Path::new("docs/reference/events.md"));
    let shown: BTreeMap<&str, &str> = page
        .text
        .split("\n## ")
        .filter(|chapter| chapter.contains("```json"))
        .map(|chapter| {
            (chapter.lines().next().unwrap(), chapter.split("```").nth(1).unwrap().trim_start_matches("json"))
        })
        .collect();
    let mut day = SqliteConnection::establish(place.path("day.db").to_str().unwrap()).unwrap();
    let all: Vec<Told> = diesel::sql_query("SELECT kind, payload FROM outbox").load(&mut day).unwrap();
    let kinds: BTreeSet<&str> = all.iter().map(|told| told.kind.as_str()).collect();
    assert!(
        kinds.is_superset(&["case.opened", "case.due", "attempt.ended", "case.closed"].into()),
        "{kinds:?}"
    );
    for told in &all {
        assert_eq!(fields(&told.payload), fields(shown[told.kind.as_str()]), "{}", told.kind);
    }
}

#[test]
fn people_read_the_same_of_the_day() {
    let place = Workdir::new();
    let told = place.ok("demo --calls 20 --rate 40 --seed 1 --database sqlite:day.db");
    every_event_has_the_fields_of_its_example(&place);
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
    for part in ["sqlite:dozvon.db", "agent anna", "name a database that does not exist yet"] {
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
    for part in ["sqlite:day.db", "calls", "name a database that does not exist yet"] {
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
