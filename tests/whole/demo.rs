//! The built `dozvon demo`: what it tells of its day, and that it lets other people's databases be.

use std::process::{Command, Output};

use serde_json::Value;

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn run(&self, line: &str) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dozvon"));
        command.args(line.split_whitespace()).current_dir(self.0.path()).env_clear();
        command.output().unwrap()
    }

    #[track_caller]
    fn good(&self, line: &str) -> String {
        let output = self.run(line);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), said.as_ref()), (Some(0), ""), "{line}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// What a run says that must end with `code`: nothing on standard output.
    #[track_caller]
    fn bad(&self, code: i32, line: &str) -> String {
        let output = self.run(line);
        let (out, said) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8(output.stderr).unwrap());
        assert_eq!((output.status.code(), out.as_ref()), (Some(code), ""), "{line}: {said}");
        said
    }
}

/// The sum of a column of a table.
fn sum(table: &Value, field: &str) -> i64 {
    table.as_array().unwrap().iter().map(|row| row[field].as_i64().unwrap()).sum()
}

#[test]
fn the_demo_tells_every_part_of_its_day() {
    let place = Place::new();
    let told = place.good("demo --calls 20 --rate 40 --seed 1 --json");
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
    assert_eq!(std::fs::read_dir(place.0.path()).unwrap().count(), 0, "it leaves nothing here");
}

#[test]
fn people_read_the_same_of_the_day() {
    let told = Place::new().good("demo --calls 20 --rate 40 --seed 1");
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
    let place = Place::new();
    place.good("migrate --database sqlite:dozvon.db");
    place.good("agent add anna --contact user/1001");
    let before = place.good("export");
    let said = place.bad(4, "demo --calls 1 --database sqlite:dozvon.db");
    for part in ["sqlite:dozvon.db", "agent anna", "name a database that is not there yet"] {
        assert!(said.contains(part), "{part:?} in {said}");
    }
    assert!(said.starts_with("dozvon: ") && said.lines().count() == 1, "{said}");
    assert_eq!(place.good("export"), before);
}

#[test]
fn the_demo_does_not_mix_its_day_with_another() {
    let place = Place::new();
    let run = "demo --calls 2 --rate 40 --database sqlite:day.db";
    place.good(run);
    let calls = || -> Value {
        serde_json::from_str(&place.good("call list --json --database sqlite:day.db")).unwrap()
    };
    let before = calls();
    assert_eq!(before.as_array().unwrap().len(), 2, "the rows are kept");
    let said = place.bad(4, run);
    for part in ["sqlite:day.db", "calls", "name a database that is not there yet"] {
        assert!(said.contains(part), "{part:?} in {said}");
    }
    assert_eq!(calls(), before);
}

#[test]
fn a_rate_that_nobody_can_call_at_is_wrong_usage() {
    let place = Place::new();
    for rate in ["0", "-1", "nan", "inf", "fast"] {
        let said = place.bad(2, &format!("demo --calls 1 --rate={rate}"));
        assert!(said.contains("callers a second, more than 0"), "{rate}: {said}");
    }
}
