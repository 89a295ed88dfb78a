//! The built command on a database of its own: what it prints, how it ends, and what it leaves behind.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::Duration;

use chrono_tz::Tz;
use clap::CommandFactory as _;
use dozvon::calendar::schedule::{Schedule, civil_date};
use dozvon::cli::Cli;
use dozvon::clock::{Clock, UnixMs};
use dozvon::config::database::DatabaseUrl;
use dozvon::ids::{AgentName, CallId, ChannelId, CoreId, OfferId, QueueName};
use dozvon::missed::ending::{Ending, Stage};
use dozvon::missed::verdict::{Verdict, Why, verdict};
use dozvon::phone::Party;
use dozvon::queue::agent::Step;
use dozvon::rules::policy::Policy;
use dozvon::rules::{Agent, Destination, Prompt, Queue, Route, Rules, Strategy, Tier};
use dozvon::store;
use dozvon::store::{Database, Store, StoreError, agents, calls, offers, rules};
use serde_json::Value;
use uuid::Uuid;

use crate::support::command::Workdir;

/// A folder with the schema and nothing in it.
fn fresh() -> Workdir {
    let place = Workdir::of("olga");
    place.ok("migrate --database sqlite:dozvon.db");
    place
}

/// With two queues, two agents, two routes and four calls.
fn seeded() -> (Workdir, Seeded) {
    let place = fresh();
    let seeded = store(&place, seed);
    (place, seeded)
}

/// Does something in the database that only a controller does.
fn store<T: Send + 'static>(
    place: &Workdir,
    work: impl FnOnce(&mut Database) -> Result<T, StoreError> + Send + 'static,
) -> T {
    let url = DatabaseUrl::Sqlite(place.path("dozvon.db"));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let store = Store::open(&url, dozvon::config::store::Settings::default()).await.unwrap();
        store.write("test", work).await.unwrap()
    })
}

/// The calls that were made.
struct Seeded {
    answered: CallId,
    abandoned: CallId,
    waiting: CallId,
}

fn name<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().unwrap()
}

fn agent(contact: &str) -> Agent {
    Agent { contacts: vec![name(contact)], ..Agent::new("Anna Petrova".to_owned()) }
}

fn queue(strategy: Strategy, tiers: &[(&str, i32)]) -> Queue {
    let place = |(agent, level): &(&str, i32)| (name(agent), Tier { level: *level, position: 1 });
    Queue {
        strategy,
        tiers: tiers.iter().map(place).collect(),
        ..Queue::new(Destination::message(name("closed")))
    }
}

fn route(called: &str, number: &str, to: &str, schedule: Option<&str>) -> Route {
    Route {
        name: name(called),
        number: name(number),
        from: Default::default(),
        open_case: false,
        open: Destination::Queue(name(to)),
        schedule: schedule.map(name),
        closed: Destination::message(name("closed")),
    }
}

fn stated() -> Rules {
    let office = Schedule::parse("Europe/Moscow", &["mon-fri 09:00-18:00"], &[]).unwrap();
    Rules {
        prompts: BTreeMap::from([(name("closed"), Prompt { source: name("closed.wav") })]),
        schedules: BTreeMap::from([(name("office"), office)]),
        policies: Policy::built_in(),
        menus: BTreeMap::new(),
        voicemails: BTreeMap::new(),
        duties: Default::default(),
        agents: BTreeMap::from([(name("anna"), agent("user/1001")), (name("boris"), agent("user/1002"))]),
        queues: BTreeMap::from([
            (name("sales"), queue(Strategy::LongestIdle, &[("anna", 1), ("boris", 2)])),
            (name("support"), queue(Strategy::RingAll, &[])),
        ]),
        routes: vec![
            route("main", "84951234567", "sales", Some("office")),
            route("extensions", "70*", "support", None),
        ],
    }
}

/// When the seeded calls came: some minutes ago.
fn minutes_ago(minutes: u64) -> UnixMs {
    static NOW: std::sync::LazyLock<UnixMs> = std::sync::LazyLock::new(|| Clock::system().now());
    *NOW - Duration::from_secs(60 * minutes)
}

fn arrive(c: &mut Database, party: Party, caller_name: &str, at: UnixMs) -> Result<CallId, StoreError> {
    let id = CallId::new();
    let arrival = calls::Arrival {
        id,
        node: name("fs1"),
        channel: ChannelId::new(),
        core: CoreId(Uuid::new_v4()),
        caller_number: party.number().map_or_else(String::new, ToString::to_string),
        party,
        caller_name: caller_name.to_owned(),
        dialled: "84951234567".to_owned(),
        came_by: Some("trunk@192.0.2.7".to_owned()),
        route: Some(name("main")),
        open: true,
        why: "route main matches".to_owned(),
        queue: Some(name("sales")),
        service_level: Some(Duration::from_secs(20)),
        business_day: civil_date(Tz::Europe__Moscow, at).into(),
        at,
    };
    calls::arrive(c, &arrival)?;
    Ok(id)
}

fn end(
    c: &mut Database,
    call: CallId,
    party: &Party,
    how: (Ending, Stage),
    at: UnixMs,
) -> Result<(), StoreError> {
    calls::end(c, &ended(call, party, how, at)).map(drop)
}

fn ended(call: CallId, party: &Party, (ending, stage): (Ending, Stage), at: UnixMs) -> calls::Ended {
    calls::Ended {
        call,
        ending,
        stage,
        cause: "NORMAL_CLEARING".to_owned(),
        answered_at: None,
        asked: None,
        verdict: verdict(ending, stage, party, true),
        grace: Duration::from_secs(60),
        min_talk: Duration::from_secs(5),
        flood: dozvon::missed::flood::Limits::default(),
        tell: false,
        menus: Vec::new(),
        left_message: false,
        calls_back: None,
        at,
        now: at,
    }
}

fn answer(c: &mut Database, call: CallId, agent: &AgentName, at: UnixMs) -> Result<(), StoreError> {
    let make = agents::StepRequest { agent, step: Step::LogIn, at, by: "test", why: "test" };
    let version = agents::step(c, &make)?.version;
    let offer = OfferId::new();
    let queue: QueueName = name("sales");
    let (agent, controller) = (agent.clone(), "test".to_owned());
    offers::claim(c, &offers::Claim { offer, call, queue, agent, version, controller, at })?.unwrap();
    let answered = at + Duration::from_secs(8);
    assert!(offers::win(c, offer, call, ChannelId::new(), answered)?);
    offers::bridged(c, offer, call, answered)?;
    offers::end_talk(c, offer, at + Duration::from_secs(68), Duration::ZERO)?;
    Ok(())
}

fn seed(c: &mut Database) -> Result<Seeded, StoreError> {
    rules::replace(c, &stated())?;
    let known = Party::Number(name("+79001234567"));
    let missed = Party::Number(name("+79007654321"));
    let answered = arrive(c, known.clone(), "Ivan", minutes_ago(9))?;
    answer(c, answered, &name("anna"), minutes_ago(9))?;
    end(c, answered, &known, (Ending::Answered, Stage::Talking), minutes_ago(7))?;
    let abandoned = arrive(c, missed.clone(), "=cmd \u{1b}[31mred", minutes_ago(6))?;
    end(c, abandoned, &missed, (Ending::Abandoned, Stage::Waiting), minutes_ago(5))?;
    let waiting = arrive(c, missed, "Pyotr", minutes_ago(2))?;
    arrive(c, Party::Withheld, "", minutes_ago(1))?;
    Ok(Seeded { answered, abandoned, waiting })
}

/// The fields of the first row.
fn fields(rows: &Value) -> Vec<&str> {
    rows[0].as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn agents_come_work_rest_and_leave() {
    let place = fresh();
    assert!(place.ok("agent list").starts_with("there are no agents: add one"));
    assert_eq!(place.json("agent list"), Value::Array(Vec::new()));
    let anna =
        place.json("agent add anna --contact user/1001 --contact gateway/trunk/+79001112233 --wrap-up 10s");
    assert_eq!(anna["status"], "logged_out");
    assert_eq!(anna["wrap_up_ms"], 10_000);
    assert_eq!(anna["contacts"][1], "gateway/trunk/+79001112233");
    place.ok("agent add boris --contact user/1002");
    let rows = place.json("agent login anna boris");
    assert_eq!(rows[1]["status"], "available");
    let rows = place.json("agent break anna --reason lunch");
    assert_eq!((&rows[0]["status"], &rows[0]["break_reason"]), (&"on_break".into(), &"lunch".into()));
    assert_eq!(place.json("agent resume anna")[0]["status"], "available");
    place.ok("agent logout boris");
    let rows = place.json("agent list");
    let all = ["activity", "break_reason", "display", "misses", "name", "since_at", "status", "with"];
    assert_eq!(fields(&rows), all);
    assert!(chrono::DateTime::parse_from_rfc3339(rows[0]["since_at"].as_str().unwrap()).is_ok());
    assert_eq!(place.json("agent list --status logged_out")[0]["name"], "boris");
    let shown = place.json("agent show anna");
    let last = &shown["changes"][0];
    assert_eq!((&last["to_status"], &last["by"]), (&"available".into(), &"olga".into()));
    assert_eq!(place.json("agent break anna --reason tea --by boss")[0]["status"], "on_break");
    assert_eq!(place.json("agent show anna")["changes"][0]["by"], "boss");
}

#[test]
fn an_agent_is_changed_only_when_that_is_meant() {
    let (place, _) = seeded();
    let said = place.fails(4, "agent add anna --contact user/7");
    assert!(said.contains("there is an agent anna already") && said.contains("--replace"), "{said}");
    let anna = place.json("agent add anna --replace --ring-timeout 15s --queue support:3:2");
    assert_eq!(anna["ring_timeout_ms"], 15_000);
    assert_eq!((&anna["contacts"][0], &anna["display"]), (&"user/1001".into(), &"Anna Petrova".into()));
    assert_eq!(anna["status"], "available", "the agent's status stays");
    let support = &anna["queues"][1];
    assert_eq!(
        (&support["queue"], &support["level"], &support["position"]),
        (&"support".into(), &3.into(), &2.into())
    );
}

#[test]
fn what_an_agent_cannot_do_is_refused_and_leaves_nothing() {
    let (place, _) = seeded();
    let said = place.fails(4, "agent resume boris");
    assert!(said.contains("cannot resume") && said.contains("dozvon agent login boris"), "{said}");
    let said = place.fails(3, "agent logout anna vera");
    assert!(said.contains("no agent vera") && said.contains("dozvon agent list"), "{said}");
    assert_eq!(place.json("agent show anna")["status"], "available", "all or none");
    let said = place.fails(3, "agent add vera --contact user/9 --queue nosuch");
    assert!(said.contains("no queue nosuch"), "{said}");
    place.fails(3, "agent show vera");
}

#[test]
fn arguments_that_cannot_be_meant_are_wrong_usage() {
    let (place, _) = seeded();
    let cases = [
        ("agent add x --contact user/1001,user/2", "is not a contact"),
        ("agent add x --contact {a=b}user/1", "is not a contact"),
        ("agent add a'b --contact user/1", "is not a name"),
        ("agent add x", "--contact"),
        ("agent add x --contact user/1 --ring-timeout 20", "is not a duration"),
        ("agent add x --contact user/1 --ring-timeout 0s", "is too short; write \"100ms\" to \"1h\""),
        ("agent add x --contact user/1 --queue sales:0", "not a number from 1"),
        ("agent break anna", "--reason"),
        ("agent list --status idle", "available"),
        ("call show 12", "at least 6|last 6 digits"),
        ("call list --live --ending answered", "cannot be used with"),
        ("call list --ending hungup", "abandoned"),
        ("call list --limit 0", "1 to 100000"),
        ("case attempt 1 --result maybe", "no_answer"),
        ("case show x", "case's number"),
        ("case close 1 --reason other", "--note"),
        ("case list --state gone", "open, closed or all"),
        ("report nosuch", "calls, offers, cases"),
        ("route test", "<NUMBER>"),
        ("--database mysql://x agent list", "sqlite:FILE"),
        ("nosuch", "unrecognized subcommand"),
    ];
    for (line, expected) in cases {
        let run = place.run(line);
        assert_eq!((run.code, run.out.as_str()), (2, ""), "{line}: {}", run.err);
        assert!(expected.split('|').any(|part| run.err.contains(part)), "{line}: {}", run.err);
    }
    for line in
        ["route test 7 --at soon", "report calls --from soon", "report calls --from today --to 2026-01-01"]
    {
        place.fails(2, line);
    }
    place.fails(2, "call list --number abc");
}

#[test]
fn queues_show_who_waits_and_who_serves() {
    let (place, seeded) = seeded();
    let rows = place.json("queue list");
    assert_eq!((&rows[0]["name"], &rows[1]["name"]), (&"sales".into(), &"support".into()));
    assert_eq!(
        (&rows[0]["waiting"], &rows[0]["agents"], &rows[0]["idle"]),
        (&2.into(), &2.into(), &1.into())
    );
    assert!(rows[0]["longest_wait_ms"].as_i64().unwrap() >= 120_000);
    assert_eq!((&rows[1]["waiting"], &rows[1]["longest_wait_ms"]), (&0.into(), &Value::Null));
    let sales = place.json("queue show sales");
    assert_eq!(sales["waiting"][0]["call"], seeded.waiting.to_string());
    assert_eq!(sales["waiting"][0]["caller_number"], "+79007654321");
    let order: Vec<&str> =
        sales["agents"].as_array().unwrap().iter().map(|row| row["agent"].as_str().unwrap()).collect();
    assert_eq!(order, ["anna", "boris"]);
    assert!(place.ok("queue show support").contains("nobody waits"));
    assert!(place.fails(3, "queue show nosuch").contains("dozvon queue list"));
}

const POLICIES: &str = r#"[[prompt]]
name = "closed"
source = "closed.wav"

[[policy]]
name = "collect"
profile = "debt"
max_attempts_per_week = 1

[[queue]]
name = "sales"
overflow = { message = "closed" }
policy = "collect"
"#;

#[test]
fn policies_are_listed_shown_and_exported_with_their_versions() {
    let place = fresh();
    place.write("rules.toml", POLICIES);
    place.ok("apply rules.toml");
    let list = place.json("policy list");
    let seen: Vec<(&str, i64)> = list
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["name"].as_str().unwrap(), row["version"].as_i64().unwrap()))
        .collect();
    assert_eq!(seen, [("collect", 1), ("debt", 1), ("sales", 1), ("service", 1)]);
    let collect = &list[0];
    assert_eq!((&collect["profile"], &collect["queues"][0]), (&"debt".into(), &"sales".into()));
    assert_eq!(place.ok("policy check"), "every limit of 4 policies is allowed\n");
    assert_eq!(place.json("policy check rules.toml"), Value::Array(Vec::new()));

    place.write("rules.toml", &POLICIES.replace("max_attempts_per_week = 1", "max_attempts_per_month = 7"));
    let changes = place.json("apply rules.toml");
    let changed = |field: &str, from: Option<&str>, to: Option<&str>| {
        serde_json::json!({
            "change": "changed", "what": "policy collect", "field": field, "from": from, "to": to
        })
    };
    assert_eq!(
        changes,
        Value::Array(vec![
            changed("max_attempts_per_month", Some("8"), Some("7")),
            changed("max_attempts_per_week", Some("1"), Some("2"))
        ])
    );
    assert_eq!(place.json("queue show sales")["policy"], "collect");
    let shown = place.json("policy show collect");
    assert_eq!((&shown["version"], &shown["profile"]), (&2.into(), &"debt".into()));
    let month = serde_json::json!({
        "limit": "max_attempts_per_month", "value": "7", "allowed": "1 to 8", "lawful": true, "law": "230-FZ article 7 part 3 (R3)"
    });
    let limits = shown["limits"].as_array().unwrap();
    assert!(limits.len() == 18 && limits.contains(&month), "{limits:#?}");
    let exported = place.ok("export");
    let block = "[[policy]]\nname = \"collect\"\nprofile = \"debt\"\nmax_attempts_per_month = 7\n\n";
    assert!(exported.contains(block) && exported.contains("policy = \"collect\"\n"), "{exported}");
    assert_eq!(exported.matches("[[policy]]").count(), 1, "the others are as they are by themselves");
    assert!(place.fails(3, "policy show nobody").contains("there is no policy nobody: `dozvon policy list`"));

    let audit = place.json("audit list --action rules_changed");
    for (entry, version) in
        [r#""policy_versions":["collect 1"]"#, r#""policy_versions":["collect 2"]"#].iter().enumerate()
    {
        assert!(audit[entry]["details"].as_str().unwrap().contains(version), "{audit:#}");
    }
}

#[test]
fn a_policy_above_the_law_is_refused_wherever_it_comes_from() {
    let place = fresh();
    // Story 21.
    place.write("rules.toml", &POLICIES.replace("max_attempts_per_week = 1", "max_attempts_per_day = 4"));
    for line in ["apply rules.toml", "apply rules.toml --dry-run", "policy check rules.toml"] {
        let run = place.run(line);
        assert_eq!((run.code, run.out.as_str()), (2, ""), "dozvon {line}: {}", run.err);
        for words in [
            "one mistake, nothing was changed",
            "rules.toml:8:24: policy collect: max_attempts_per_day = 4 is not allowed: 230-FZ article 7 part 3 (R3) allows 1",
            " 8 | max_attempts_per_day = 4",
            "state what is allowed, or take `max_attempts_per_day` out: profile debt has 1",
        ] {
            assert!(run.err.contains(words), "dozvon {line}: {}", run.err);
        }
    }
    assert_eq!(place.json("policy list").as_array().unwrap().len(), 3, "nothing was changed");

    // What a program of before allowed, or a hand put there.
    let route = "[[route]]\nname = \"all\"\nnumber = \"*\"\nopen = { queue = \"sales\" }\n";
    place.write("good.toml", &format!("{POLICIES}{route}"));
    place.ok("apply good.toml");
    store(&place, |c| {
        use diesel::connection::SimpleConnection as _;
        let newer = "CREATE TEMP TABLE newer AS SELECT * FROM policy_versions WHERE policy = 'sales'; \
                     UPDATE newer SET version = 2, gaps_ms = '60000'; \
                     INSERT INTO policy_versions SELECT * FROM newer; DROP TABLE newer; \
                     UPDATE policies SET version = 2 WHERE name = 'sales'";
        Ok(c.batch_execute(newer)?)
    });
    let run = place.run("policy check --json");
    assert_eq!((run.code, run.err.as_str()), (1, ""));
    let faults: Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!((&faults[0]["policy"], &faults[0]["limit"]), (&"sales".into(), &"retry_delays".into()));
    let lines: Value = serde_json::from_str(&place.run("check --json").out).unwrap();
    let told = lines.as_array().unwrap().iter().find(|line| line["check"] == "policy sales").unwrap();
    assert_eq!(told["state"], "wrong", "{told}");
    place.ok("apply good.toml");
    assert_eq!(place.json("policy list")[2]["version"], 3, "as it would be by itself");
    place.ok("policy check");
}

#[test]
fn a_route_is_explained_for_any_time() {
    let (place, _) = seeded();
    let rows = place.json("route list");
    assert_eq!((&rows[0]["name"], &rows[0]["closed_to"]), (&"main".into(), &"message closed".into()));
    assert_eq!((&rows[1]["open"], &rows[1]["until_at"]), (&true.into(), &Value::Null));
    let open = place.json("route test 84951234567 --at 2026-11-23T12:00:00+03:00");
    assert_eq!((&open["open"], &open["goes_to"]), (&true.into(), &"queue sales".into()));
    assert_eq!((&open["at"], &open["zone"]), (&"2026-11-23T09:00:00.000Z".into(), &"Europe/Moscow".into()));
    assert_eq!(open["agents"][0]["agent"], "anna");
    let run = place.run(&["route", "test", "84951234567", "--at", "2026-11-23 20:00", "--json"]);
    let closed: Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!((&closed["open"], &closed["goes_to"]), (&false.into(), &"message closed".into()));
    assert!(closed["why"].as_str().unwrap().contains("closed until 2026-11-24 09:00"), "{}", closed["why"]);
    assert_eq!(place.json("route test 7012")["goes_to"], "queue support");
    let run = place.run("route test 1 --json");
    let none: Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!((run.code, &none["goes_to"]), (3, &Value::Null));
    assert_eq!(none["routes"].as_array().unwrap().len(), 2);
}

#[test]
fn calls_are_found_and_told() {
    let (place, seeded) = seeded();
    let rows = place.json("call list");
    assert_eq!(rows.as_array().unwrap().len(), 4);
    assert_eq!(rows[0]["caller_number"], "withheld", "newest first");
    assert_eq!(rows[0]["direction"], "inbound");
    let count = |line: &str| place.json(line).as_array().unwrap().len();
    assert_eq!(count("call list --live"), 2);
    assert_eq!(count("call list --ending abandoned --queue sales"), 1);
    assert_eq!(count("call list --queue support"), 0);
    assert_eq!(count("call list --number 89007654321"), 2, "as people dial it");
    assert_eq!(count("call list --limit 1"), 1);

    let id = seeded.answered.to_string();
    let told = place.json(&format!("call show {id}"));
    assert_eq!(
        (&told["agent"], &told["ending"], &told["wait_ms"]),
        (&"anna".into(), &"answered".into(), &8000.into())
    );
    let story: Vec<&str> =
        told["timeline"].as_array().unwrap().iter().map(|row| row["event"].as_str().unwrap()).collect();
    assert_eq!(story, ["arrived", "joined", "offered", "left_queue", "picked_up", "talk_over", "ended"]);
    let tail = id.rsplit('-').next().unwrap();
    assert_eq!(place.json(&format!("call show {tail}"))["id"], id, "the digits that lists show");

    let missed = place.json(&format!("call show {}", seeded.abandoned));
    assert_eq!((&missed["case"], &missed["came_by"]), (&1.into(), &"trunk@192.0.2.7".into()));
    let russian = place.ok(&format!("call show {} --lang ru", seeded.abandoned));
    assert!(russian.contains("источник") && russian.contains("trunk@192.0.2.7"), "{russian}");
    assert!(place.fails(3, "call show ffffffffffffff").contains("no call ffffffffffffff"));
}

#[test]
fn people_say_who_is_called_when_and_who_never() {
    let (place, _) = seeded();
    // The number has talked with us before, so its calls count as the customer's at any hour.
    store(&place, |c| {
        let caller = Party::Number(name("+74957654321"));
        let call = arrive(c, caller.clone(), "", minutes_ago(30))?;
        let talk = ended(call, &caller, (Ending::Answered, Stage::Talking), minutes_ago(28));
        calls::end(c, &calls::Ended { answered_at: Some(minutes_ago(29)), ..talk })
    });
    let opened = place.json("case open 84957654321 --queue sales");
    let id = opened["id"].as_i64().unwrap();
    assert_eq!((id, &opened["reason"]), (2, &"by_hand".into()));
    // Then the caller calls, so for an hour every hour of the day is lawful; sales is always open.
    store(&place, |c| {
        let caller = Party::Number(name("+74957654321"));
        let call = arrive(c, caller.clone(), "", minutes_ago(1))?;
        end(c, call, &caller, (Ending::Abandoned, Stage::Waiting), minutes_ago(0))
    });
    let due = place.json(&format!("callback now {id}"));
    assert_eq!((&due["state"], &due["stage"]), (&"open".into(), &"due".into()));
    let put_off = place.json(&format!("callback defer {id} --at 2099-01-01T10:00:00Z"));
    assert_eq!(
        (&put_off["stage"], &put_off["next_at"]),
        (&"deferred".into(), &"2099-01-01T10:00:00.000Z".into())
    );
    assert_eq!(
        place.json(&format!("callback now {id}"))["stage"],
        "due",
        "the caller's wish is not before ours"
    );

    assert_eq!(place.json("dnc add 84957654321")["number"], "+74957654321");
    let listed = place.json("dnc list");
    assert_eq!((&listed[0]["reason"], &listed[0]["by"]), (&"do_not_call".into(), &"olga".into()));
    assert!(place.fails(4, &format!("callback now {id}")).contains("do_not_call"));
    let audit = place.ok("audit list --number 84957654321");
    assert!(audit.contains("dial refused") && audit.contains("do not call: added"), "{audit}");
    // What is new exists; what rows hold may have ceased to exist.
    for command in ["case open", "dnc add"] {
        let said = place.fails(2, &format!("{command} +74951234"));
        assert!(
            said.contains("\"+74951234\" is not a phone number that exists in RU: write it with"),
            "{said}"
        );
    }
    for command in ["call list --number", "audit list --number", "erase --yes"] {
        place.ok(&format!("{command} +74951234"));
    }
    assert!(place.fails(2, "dnc add 84957654321 --at 2020-01-01T00:00:00Z").contains("time in the future"));
    place.ok("dnc remove 84957654321");
    assert_eq!(place.json("dnc list"), Value::Array(Vec::new()));
    assert!(place.fails(3, "dnc remove 84957654321").contains("`dozvon dnc list` lists them"));

    // The gap after an attempt holds for people, too.
    place.ok(&format!("case attempt {id} --result no_answer"));
    let said = place.fails(4, &format!("callback now {id}"));
    assert!(said.contains("gap") && said.contains("allowed from"), "{said}");
    place.ok(&format!("callback close {id} --reason agent_reached"));
    assert!(place.fails(4, &format!("callback now {id}")).contains("closed"));
    assert!(place.fails(4, &format!("callback defer {id} --at 2099-01-01T10:00:00Z")).contains("closed"));
}

#[test]
fn a_case_has_three_attempts_a_day_and_one_end() {
    let (place, _) = seeded();
    let rows = place.json("case list");
    assert_eq!((&rows[0]["id"], &rows[0]["number"]), (&1.into(), &"+79007654321".into()));
    assert_eq!((&rows[0]["reason"], &rows[0]["attempts_today"]), (&"abandoned_waiting".into(), &0.into()));
    assert_eq!(place.json("case list --queue support"), Value::Array(Vec::new()));
    assert_eq!((&rows[0]["attempts_left"], &rows[0]["stage"]), (&3.into(), &"settling".into()));
    assert!(rows[0]["next_at"].is_string(), "{rows}");
    for ordinal in 1..=3 {
        let made = place.json("case attempt 1 --result no_answer");
        assert_eq!((&made["ordinal"], &made["by"]), (&ordinal.into(), &"olga".into()));
    }
    let said = place.fails(4, "case attempt 1 --result reached");
    assert!(said.contains("3 attempts") && said.contains("next"), "{said}");
    let run = place.run(&[
        "case",
        "attempt",
        "1",
        "--result",
        "technical_failure",
        "--not-counted",
        "--note",
        "the trunk was down",
    ]);
    assert_eq!(run.code, 0, "{}", run.err);
    let shown = place.json("case show 1");
    assert_eq!((&shown["attempts_today"], &shown["attempts"][3]["ordinal"]), (&3.into(), &Value::Null));
    assert_eq!(shown["attempts"][3]["note"], "the trunk was down");
    assert_eq!(shown["misses"][0]["dialled"], "84951234567");
    let closed = place.json("case close 1 --reason agent_reached");
    assert_eq!((&closed["state"], &closed["closed_by"]), (&"closed".into(), &"olga".into()));
    assert_eq!(closed["stage"], Value::Null, "a closed case waits for nothing");
    assert!(place.fails(4, "case close 1 --reason spam").contains("closed already"));
    assert!(place.fails(4, "case attempt 1 --result busy --not-counted").contains("is closed"));
    assert_eq!(place.json("case list"), Value::Array(Vec::new()));
    assert_eq!(place.json("case list --state all")[0]["close_reason"], "agent_reached");
    for line in ["case show 9", "case attempt 9 --result busy", "case close 9 --reason spam"] {
        assert!(place.fails(3, line).contains("there is no case 9"), "{line}");
    }
}

#[test]
fn a_person_is_erased_and_the_audit_says_so_without_their_number() {
    let (place, seeded) = seeded();
    assert!(place.fails(4, "erase +79001234567").contains("add --yes"));
    assert!(place.fails(2, "erase nobody --yes").contains("is not a phone number that exists"));
    let number = place.json("case list")[0]["number"].as_str().unwrap().to_owned();
    assert!(place.fails(4, &format!("erase {number} --yes")).contains("is in a call now"));
    let ended = Verdict::Nothing(Why::GotThrough);
    store(&place, move |c| {
        let (call, ending, stage, cause) = (seeded.waiting, Ending::Lost, Stage::Waiting, "x".to_owned());
        let (answered_at, at) = (None, minutes_ago(0));
        calls::end(
            c,
            &calls::Ended {
                call,
                ending,
                stage,
                cause,
                answered_at,
                asked: None,
                verdict: ended,
                grace: Duration::from_secs(60),
                min_talk: Duration::from_secs(5),
                flood: dozvon::missed::flood::Limits::default(),
                tell: false,
                menus: Vec::new(),
                left_message: false,
                calls_back: None,
                at,
                now: at,
            },
        )
    });
    let kept = place.ok("audit head");
    let act = place.json(&format!("erase {number} --yes"));
    assert_eq!(act["cases_closed"], 1, "{act}");
    assert!(!act.to_string().contains(number.trim_start_matches('+')), "{act}");
    let entries = place.json(&format!("audit list --number {number} --action erasure"));
    assert_eq!(entries[0]["by"], "olga");
    assert!(!entries.to_string().contains(number.trim_start_matches('+')));
    assert_eq!(place.json("audit list --number +79990000000").as_array().map(Vec::len), Some(0));
    assert!(place.ok("audit verify").contains("in order"));
    assert!(place.ok(&format!("audit verify --head {}", kept.trim())).contains("in order"));
    let strange = format!("audit verify --head {}@1", "0".repeat(64));
    assert!(place.fails(1, &strange).contains("broken at entry 1"));
    let bad = place.run("audit verify --head 17");
    assert!(bad.code == 2 && bad.err.contains("write HASH@ID"), "{}", bad.err);
    assert!(place.ok("retention run").starts_with("deleted: 0 cases"));
}

#[test]
fn the_audit_names_the_person_that_adds_or_changes_an_agent() {
    let (place, _) = seeded();
    place.ok("agent add dora --contact user/1009 --queue sales --by boss");
    place.ok("agent add dora --replace --wrap-up 7s");
    place.ok("agent add dora --replace --wrap-up 7s");
    place.ok("agent add 4951112233 --contact user/1010 --by 4951112234");
    let rows = place.json("audit list --action rules_changed");
    let rows = rows.as_array().unwrap();
    assert_eq!(rows.len(), 3, "what changes nothing is not told: {rows:#?}");
    let told = |place: usize| rows[place]["details"].as_str().unwrap();
    assert_eq!(rows[0]["by"], "boss");
    assert!(
        told(0).contains(r#""added":["agent dora"]"#) && told(0).contains(r#""changed":["queue sales"]"#)
    );
    assert_eq!(rows[1]["by"], "olga");
    assert!(told(1).contains(r#""changed":["agent dora"]"#), "{rows:#?}");
    assert!(!told(2).contains("4951112233"), "{rows:#?}");
    assert_eq!(place.json("audit list --did 4951112234")[0]["id"], rows[2]["id"]);
    assert_eq!(place.json("audit list --did boss").as_array().map(Vec::len), Some(1));
}

#[test]
fn a_case_is_given_up_for_good_and_closed_as_erased_only_by_an_erasure() {
    let (place, _) = seeded();
    for line in ["case close 1 --reason erased", "callback close 1 --reason erased"] {
        let run = place.run(line);
        assert!(run.code == 2 && run.err.contains("`dozvon erase NUMBER`"), "{}", run.err);
    }
    let run = place.run("case close 1 --reason tired");
    assert!(run.code == 2 && run.err.contains("wrong_number, spam, other"), "{}", run.err);
    assert_eq!(place.json("callback close 1 --reason do_not_call")["close_reason"], "do_not_call");
    let list = place.json("dnc list");
    assert_eq!((&list[0]["number"], &list[0]["by"]), (&"+79007654321".into(), &"olga".into()));
}

#[test]
fn a_debt_has_one_attempt_a_day_and_says_so() {
    let (place, _) = seeded();
    let mut rules = stated();
    for queue in rules.queues.values_mut() {
        queue.policy = "debt".parse().unwrap();
    }
    store(&place, move |c| rules::replace(c, &rules).map(drop));
    assert_eq!(place.json("case show 1")["attempts_cap"], 1);
    let made = place.json("case attempt 1 --result no_answer");
    assert_eq!((&made["ordinal"], &made["attempts_cap"]), (&1.into(), &1.into()));
    let (place, _) = seeded();
    assert!(place.ok("case attempt 1 --result no_answer").contains("attempt 1 of 3 on"));
    assert_eq!(place.json("case show 1")["attempts_cap"], 3);
}

#[test]
fn cases_of_a_queue_are_listed_up_to_a_limit() {
    let (place, _) = seeded();
    for number in ["84951234501", "84951234502", "84951234503"] {
        place.ok(&format!("case open {number} --queue support"));
    }
    let rows = place.json("case list --queue support --limit 2");
    let numbers: Vec<_> = rows.as_array().unwrap().iter().map(|row| row["number"].clone()).collect();
    assert_eq!(numbers, ["+74951234501", "+74951234502"]);
    assert_eq!(place.json("case list --queue sales").as_array().map(Vec::len), Some(1));
}

#[test]
fn retention_doubts_a_clock_by_which_nothing_happened_for_long() {
    let (place, _) = seeded();
    store(&place, |c| {
        // As if the clock had been put forward since.
        diesel::RunQueryDsl::execute(diesel::sql_query("UPDATE cases SET opened_at = 1"), c)?;
        Ok(())
    });
    let said = place.fails(4, "retention run");
    assert!(said.contains("clock") && said.contains("--clock-is-right"), "{said}");
    assert!(place.ok("retention run --clock-is-right").starts_with("deleted: "));
}

#[test]
fn check_says_when_nobody_calls_back_those_who_reached_no_queue() {
    let (place, _) = seeded();
    let told = || {
        let run = place.run("check --json");
        let rows: Value = serde_json::from_str(&run.out).unwrap();
        let rows = rows.as_array().unwrap().clone();
        rows.into_iter().find(|row| row["check"] == "callbacks")
    };
    let found = told().unwrap();
    assert_eq!(found["state"], "advice");
    assert!(found["detail"].as_str().unwrap().contains("offered to nobody"), "{found}");
    assert!(found["remedy"].as_str().unwrap().contains("[callback] queue"), "{found}");
    let settings = place.path("dozvon.toml");
    std::fs::write(&settings, "[callback]\nqueue = \"nowhere\"\n").unwrap();
    assert!(told().unwrap()["detail"].as_str().unwrap().contains("names nowhere"));
    std::fs::write(&settings, "[callback]\nqueue = \"sales\"\n").unwrap();
    assert_eq!(told(), None);
}

#[test]
fn reports_come_in_three_forms() {
    let (place, _) = seeded();
    let rows = place.json("report calls");
    assert_eq!((&rows[0]["ending"], &rows[1]["ending"]), (&"abandoned".into(), &"answered".into()));
    assert_eq!((&rows[1]["calls"], &rows[1]["answered_in_time"]), (&1.into(), &1.into()));
    assert_eq!(rows, serde_json::from_str::<Value>(&place.ok("report calls --format json")).unwrap());
    let csv = place.ok("report calls --format csv");
    let head = "business_day,queue,ending,calls,answered_in_time,service_level_negative_abandon_pct,wait_avg_ms,wait_max_ms,talk_avg_ms";
    assert_eq!(csv.lines().next(), Some(head));
    assert_eq!(csv.lines().count(), 3);
    assert!(place.ok("report calls").contains("half at most 8s"));
    let offers = place.json("report offers");
    assert_eq!((&offers[0]["agent"], &offers[0]["outcome"]), (&"anna".into(), &"answered".into()));
    assert_eq!(place.json("report cases")[0]["number"], "+79007654321");
    let none = place.ok("report calls --from 2020-01-01 --to 2020-01-31");
    assert_eq!(none, "nothing from 2020-01-01 to 2020-01-31\n");
    assert_eq!(place.run("report calls --format csv --json").code, 2);
}

#[test]
fn the_database_is_made_and_asked_for_clearly() {
    let place = Workdir::of("olga");
    for command in ["agent list", "migrate", "serve", "apply rules.toml"] {
        place.write("rules.toml", "");
        let said = place.fails(5, command);
        for part in
            ["no settings were found", "dozvon.toml", "/etc/dozvon/dozvon.toml", "--config", "dozvon init"]
        {
            assert!(said.contains(part), "{command}: {part:?} in {said}");
        }
        assert!(!place.path("dozvon.db").exists(), "{command} makes no second database");
    }
    place.write("dozvon.toml", "");
    let said = place.fails(5, "agent list");
    assert!(said.contains("there is no database dozvon.db") && said.contains("dozvon migrate"), "{said}");
    assert!(!place.path("dozvon.db").exists(), "asking makes nothing");
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/migrations/sqlite");
    let migrations = std::fs::read_dir(folder).unwrap().count();
    assert_eq!(place.json("migrate")["migrations"].as_array().unwrap().len(), migrations);
    assert!(place.ok("migrate").contains("is up to date"));
    place.ok("agent list");
    let said = place.fails(5, "migrate --database sqlite:/proc/nosuch/dozvon.db");
    assert!(said.contains("/proc/nosuch/dozvon.db"), "{said}");
    place.write("old.db", "");
    let said = place.fails(1, "agent list --database sqlite:old.db");
    assert!(said.contains("run `dozvon migrate`"), "{said}");
    place.write("text.db", &"this is no database at all".repeat(100));
    let said = place.fails(5, "agent list --database sqlite:text.db");
    assert!(said.contains("text.db"), "{said}");
    let said = place.fails(5, "agent list --database postgres://dozvon@127.0.0.1:1/dozvon");
    assert!(said.contains("127.0.0.1"), "{said}");
}

/// Everybody on the machine sees arguments.
#[test]
fn a_password_among_the_arguments_is_warned_of_and_never_shown() {
    let place = Workdir::of("olga");
    let url = "postgres://dozvon:hunter2@127.0.0.1:1/dozvon";
    let run = place.run(&format!("agent list --database {url}"));
    assert_eq!(run.code, 5, "{}", run.err);
    let (warning, error) = run.err.split_once('\n').unwrap();
    assert!(warning.contains("--database") && warning.contains("DOZVON_DATABASE"), "{warning}");
    assert!(error.contains("127.0.0.1") && !run.err.contains("hunter2"), "{error}");
    let told = place.command(&["agent", "list"]).env("DOZVON_DATABASE", url).output().unwrap();
    let said = String::from_utf8(told.stderr).unwrap();
    assert!(said.contains("127.0.0.1") && !said.contains("hunter2") && said.lines().count() == 1, "{said}");
}

#[test]
fn settings_come_from_the_file_that_is_named() {
    let place = Workdir::of("olga");
    place.write("other.toml", "database = \"sqlite:other.db\"\nzone = \"Asia/Tokyo\"\n");
    place.ok("--config other.toml migrate");
    assert!(place.path("other.db").exists());
    let run = place.run("route test 1 --json --config other.toml");
    assert_eq!(serde_json::from_str::<Value>(&run.out).unwrap()["zone"], "Asia/Tokyo");
    place.write("bad.toml", "databse = 1\n");
    let run = place.run("agent list --config bad.toml");
    assert!(run.code == 2 && run.err.contains("bad.toml") && run.err.contains("databse"), "{}", run.err);
    assert!(place.run("agent list --config nosuch.toml").err.contains("nosuch.toml"));
}

#[test]
fn people_read_their_language_and_colours_only_where_they_want_them() {
    let (place, _) = seeded();
    assert!(place.ok("agent list --lang ru").contains("доступен"));
    let localized = place.command(&["agent", "list"]).env("LANG", "ru_RU.UTF-8").output().unwrap();
    assert!(String::from_utf8_lossy(&localized.stdout).contains("статус"));
    let plain = place.ok("agent list");
    assert!(plain.contains("available") && !plain.contains('\u{1b}'));
    assert!(place.ok("agent list --color always").contains("\u{1b}["));
    assert!(!place.ok("agent list --color never").contains('\u{1b}'));
    assert!(!place.ok("agent list --lang ru --json").contains("доступен"), "programs read one language");
}

/// Words that people type or that name something: the same in every language.
const TYPED: [&str; 101] = [
    "write",
    "extensions",
    "petrova",
    "pyotr",
    "test",
    "dozvon",
    "toml",
    "sqlite",
    "db",
    "json",
    "yes",
    "migrate",
    "check",
    "apply",
    "rules",
    "policy",
    "fs_cli",
    "x",
    "reloadxml",
    "sales",
    "service",
    "debt",
    "anna",
    "boris",
    "support",
    "user",
    "max_calls",
    "callback",
    "trunks",
    "switch",
    "nodes",
    "host",
    "port",
    "password",
    "event",
    "socket",
    "listen",
    "web",
    "status",
    "numbers",
    "dialplan",
    "dial",
    "gateway",
    "trunk",
    "number",
    "case",
    "list",
    "serve",
    "none",
    "olga",
    "init",
    "cfr",
    "r",
    "h",
    "m",
    "s",
    "ms",
    "d",
    "msk",
    "true",
    "false",
    "kz",
    "freeswitch",
    "chmod",
    "main",
    "inbound",
    "outbound",
    "orders",
    "queue",
    "agent",
    "state",
    "all",
    "add",
    "replace",
    "tiers",
    "message",
    "forward",
    "config",
    "database",
    "a",
    "c",
    "b",
    "folder",
    "force",
    "cmd",
    "red",
    "office",
    "closed",
    "europe",
    "moscow",
    "ru",
    "abc",
    "system",
    "bad",
    "nosuch",
    "nobody",
    "settings",
    "os",
    "error",
    "from",
    "to",
];

/// Words that are no language: commands, keys, settings, words that are typed, units, laws.
fn is_no_language(word: &str) -> bool {
    word.contains('_') || TYPED.contains(&word.to_lowercase().as_str())
}

/// Commands of every kind, and mistakes of every kind.
const COMMANDS: [&str; 38] = [
    "agent list",
    "agent list --status on_break",
    "agent show anna",
    "agent show nobody",
    "agent login nobody",
    "agent break boris --reason lunch",
    "queue list",
    "queue show sales",
    "queue show none",
    "route list",
    "route test 84951234567",
    "route test 5",
    "policy list",
    "policy show debt",
    "policy show service",
    "policy check",
    "policy check rules.toml",
    "case list",
    "case show 1",
    "case show 99",
    "case open +123",
    "case close 99 --reason agent_reached",
    "callback now 99",
    "call list",
    "call show 123456789abc",
    "erase +79001234567",
    "dnc list",
    "dnc remove +79001234567",
    "outbox list",
    "outbox retry 7",
    "audit list",
    "apply bad.toml",
    "apply nosuch.toml",
    "apply rules.toml",
    "agent list --config settings.toml",
    "report calls --from 2026-12-31 --to 2026-12-01",
    "check",
    "retention run",
];

#[test]
fn the_russian_texts_hold_no_english() {
    let (place, seeded) = seeded();
    place.ok("case open +74951234567 --queue sales");
    place.write("bad.toml", "[[queue]]\nname = \"a b\"\nmax_wait = \"5x\"\n[[agent]]\nnaem = 1\n");
    place.write("settings.toml", "databse = 1\n[calls]\ndrain_timeout = 5\n");
    place.write("rules.toml", "[[policy]]\nname = \"debt\"\nmax_attempts_per_day = 9\n");
    let latin = regex::Regex::new(
        "`[^`]*`|\"[^\"]*\"|\\([a-z_0-9]+\\)|[A-Za-z]*[0-9][A-Za-z0-9]*|https?://\\S+|[A-Za-z][A-Za-z_]*",
    )
    .unwrap();
    let mut english = Vec::new();
    for line in COMMANDS {
        let run = place.run(&format!("{line} --lang ru"));
        let said = format!("{}{}", run.out, run.err);
        let said: String =
            said.lines().filter(|line| !line.contains(" | ")).map(|line| format!("{line}\n")).collect();
        assert!(said.chars().any(|c| ('а'..='я').contains(&c)), "dozvon {line}: {said}");
        let words = latin.find_iter(&said).map(|word| word.as_str());
        let left: Vec<&str> = words
            .filter(|word| {
                !word.starts_with(['`', '"', '('])
                    && !word.contains(|c: char| c.is_ascii_digit())
                    && !is_no_language(word)
            })
            .collect();
        if !left.is_empty() {
            english.push(format!("dozvon {line}: {left:?}\n{said}"));
        }
    }
    assert!(english.is_empty(), "{}", english.join("\n"));
    let run = place.run(&format!("call show {} --lang ru", seeded.abandoned));
    assert!(run.out.contains("звонок") || run.out.contains("поступил"), "{}", run.out);
    assert_eq!(
        place.run("case show 99 --lang ru --json").err,
        place.run("case show 99").err,
        "programs read English"
    );
}

#[test]
fn a_callers_name_does_nothing_to_a_terminal() {
    let (place, seeded) = seeded();
    let told = place.ok(&format!("call show {}", seeded.abandoned));
    assert!(told.contains("=cmd ·[31mred") && !told.contains('\u{1b}'), "{told}");
    let told = place.json(&format!("call show {}", seeded.abandoned));
    assert_eq!(told["caller_name"], "=cmd \u{1b}[31mred");
}

/// Every command that does something: the words that lead to it, and its help.
fn leaves(command: &clap::Command, path: &str) -> Vec<(String, String)> {
    let mut below = command.get_subcommands().filter(|below| below.get_name() != "help").peekable();
    if below.peek().is_none() {
        let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        return vec![(path.to_owned(), help)];
    }
    below.flat_map(|below| leaves(below, &format!("{path} {}", below.get_name()))).collect()
}

#[test]
fn every_command_teaches_itself() {
    let place = Workdir::of("olga");
    let top = place.ok("--help");
    assert!(top.contains("Exit codes:") && top.contains("Examples:"), "{top}");
    let leaves = leaves(&Cli::command(), "dozvon");
    let silent: Vec<&str> = leaves
        .iter()
        .filter(|(path, help)| {
            let examples = help.split_once("Examples:\n").map_or("", |(_, examples)| examples);
            !examples.lines().any(|line| line.starts_with(&format!("  {path}")))
        })
        .map(|(path, _)| path.as_str())
        .collect();
    assert!(leaves.len() > 20 && silent.is_empty(), "no example of itself: {silent:?}");
    for group in ["agent", "queue", "policy", "route", "call", "case", "callback", "dnc"] {
        assert!(place.ok(&format!("{group} --help")).contains("Examples:"), "{group}");
    }
    assert!(place.ok("--version").starts_with("dozvon "));
    for shell in ["bash", "zsh", "fish"] {
        assert!(place.ok(&format!("completions {shell}")).contains("dozvon"), "{shell}");
    }
}

#[test]
fn a_reader_who_leaves_is_no_failure() {
    let place = Workdir::of("olga");
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let run = place.command(&["completions", "bash"]).stdout(writer).stderr(Stdio::piped()).output().unwrap();
    assert_eq!((run.status.code(), run.stderr), (Some(0), Vec::new()));
}

#[test]
fn a_case_shows_what_its_person_wrote_and_the_list_their_name() {
    let place = fresh();
    store(&place, |c| {
        let request = store::requests::Request {
            key_hash: None,
            body_hash: "0".repeat(64),
            number: "+79001234567".parse().unwrap(),
            name: Some("Мария".to_owned()),
            email: Some("maria@example.com".to_owned()),
            text: Some("a quote for ten phones".to_owned()),
            wanted_at: None,
            language: None,
            reason: dozvon::missed::case::Reason::WebForm,
            source: "shop".to_owned(),
            page: None,
            queue: None,
            consent_text: "call me".to_owned(),
            consent_at: minutes_ago(0),
            sms_consent_text: None,
            known: false,
            address: "127.0.0.1".to_owned(),
            business_day: "2026-11-30".parse().unwrap(),
            at: minutes_ago(0),
        };
        store::requests::receive(c, &request)
    });
    assert_eq!(place.json("case list")[0]["name"], "Мария");
    let shown = place.json("case show 1");
    let asked = &shown["requests"][0];
    assert_eq!((&shown["name"], &asked["source"]), (&"Мария".into(), &"shop".into()));
    assert_eq!(
        (&asked["email"], &asked["text"]),
        (&"maria@example.com".into(), &"a quote for ten phones".into())
    );
}

/// What others can read of files that hold numbers, tokens and passwords is told, with what to do.
#[cfg(unix)]
#[test]
fn check_names_files_that_others_may_read() {
    use std::os::unix::fs::PermissionsExt as _;
    let (place, _) = seeded();
    let database = place.path("dozvon.db");
    let settings = place.path("dozvon.toml");
    std::fs::write(&settings, "database = \"sqlite:dozvon.db\"\n").unwrap();
    let advice = |place: &Workdir| {
        let lines: Value = serde_json::from_str(&place.run("check --json").out).unwrap();
        let told = |line: &Value| line["detail"].as_str().unwrap_or_default().contains(" can read ");
        let lines = lines.as_array().unwrap().iter().filter(|line| told(line)).cloned();
        lines
            .map(|line| (line["state"].as_str().unwrap().to_owned(), line["remedy"].to_string()))
            .collect::<Vec<_>>()
    };
    let set = |path: &std::path::Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    set(&database, 0o600);
    set(&settings, 0o600);
    assert_eq!(advice(&place), []);
    set(&database, 0o644);
    set(&settings, 0o644);
    let told = advice(&place);
    assert!(told.iter().all(|(state, _)| state == "advice"), "{told:?}");
    let remedies: Vec<&str> = told.iter().map(|(_, remedy)| remedy.as_str()).collect();
    assert!(remedies.iter().any(|said| said.contains("chmod 600") && said.contains("dozvon.db")), "{told:?}");
    assert!(
        remedies.iter().any(|said| said.contains("chmod o-rwx") && said.contains("dozvon.toml")),
        "{told:?}"
    );
}

/// Whether schedules are open is shown with the reason, and a person decides for a while.
#[test]
fn a_schedule_is_opened_and_closed_by_hand() {
    let place = fresh();
    store(&place, |c| {
        let mut rules = stated();
        let always = Schedule::parse("Europe/Moscow", &["mon-sun 00:00-24:00"], &[]).unwrap();
        let never = Schedule::parse("Asia/Tokyo", &["mon-sun closed"], &[]).unwrap();
        rules.schedules.insert(name("always"), always);
        rules.schedules.insert(name("never"), never);
        rules::replace(c, &rules).map(drop)
    });
    let shown = |which: &str| {
        let all = place.json("hours");
        all.as_array().unwrap().iter().find(|it| it["schedule"] == which).unwrap().clone()
    };
    assert_eq!((&shown("always")["open"], &shown("always")["until_at"]), (&true.into(), &Value::Null));
    assert_eq!(shown("never")["why"], "the hours of the week");
    let at = place.ok("hours --at 2026-11-24T12:00:00+03:00");
    assert!(at.contains("office") && at.contains("2026-11-24 18:00"), "{at}");

    place.ok("hours close always --until 2099-12-31T12:00 --reason stocktaking --by maria");
    let closed = shown("always");
    assert_eq!(closed["open"], false, "{closed}");
    let why = "closed by hand until 2099-12-31 12:00 MSK by maria: stocktaking";
    assert_eq!((&closed["why"], &closed["until_at"]), (&why.into(), &Value::Null), "no change within a year");
    let russian = place.ok("hours --lang ru");
    assert!(russian.contains("закрыто вручную до 2099-12-31 12:00 MSK (maria: stocktaking)"), "{russian}");
    assert!(russian.contains("часы недели"), "{russian}");
    place.ok("hours auto always");
    assert_eq!(shown("always")["why"], "the hours of the week");
    assert!(place.complains(3, "hours auto always").contains("change of hours by hand for schedule always"));

    place.ok("hours open never --until 23:59");
    assert_eq!(shown("never")["open"], true);
    let state = || place.complains(4, "hours close always");
    assert!(state().contains("do not change within a year: state --until"), "{}", state());
    let already = place.complains(4, "hours open always");
    assert!(already.contains("open by its own hours: state --until"), "{already}");
    assert!(place.complains(3, "hours close nowhere").contains("schedule nowhere"));
    assert!(place.complains(2, "hours close always --until 2020-01-01T00:00:00Z").contains("has passed"));
    let audit = place.json("audit list --action hours_changed");
    assert_eq!(audit.as_array().unwrap().len(), 3, "{audit}");
}

/// Who is on duty is shown and explained; people swap days and turns.
#[test]
fn people_on_duty_are_shown_and_swapped() {
    let place = fresh();
    store(&place, |c| rules::replace(c, &stated()).map(drop));
    let rota = "\n[[duty]]\nname = \"night\"\nzone = \"Europe/Moscow\"\nturn = \"week\"\nchange = \"09:00\"\n\
                start = \"2026-12-07\"\npeople = [\"anna\", \"boris\"]\n";
    place.write("rules.toml", &format!("{}{rota}", place.ok("export")));
    assert!(place.ok("apply rules.toml").contains("duty night"));
    assert!(place.ok("export").contains("[[duty]]\nname = \"night\""));
    let on = |at: &str| place.json(&format!("duty night --at {at}"))[0].clone();
    let first = on("2026-12-09T03:00:00+03:00");
    assert_eq!((&first["agent"], &first["then"]), (&"anna".into(), &"boris".into()), "{first}");
    assert_eq!(first["until_at"], "2026-12-14T06:00:00.000Z");
    assert_eq!(first["why"], "duty of 2026-12-08: the turn that began on 2026-12-07");
    assert_eq!(on("2026-12-01T03:00:00+03:00")["why"], "the rota begins on 2026-12-07");

    place.ok("duty swap night 2026-12-09 --to boris --by olga");
    let swapped = on("2026-12-10T03:00:00+03:00");
    assert_eq!(swapped["agent"], "boris");
    assert_eq!(swapped["why"], "duty of 2026-12-09: swapped by olga");
    let russian = place.ok("duty night --at 2026-12-10T03:00:00+03:00 --lang ru");
    assert!(russian.contains("дежурство 2026-12-09: замену внёс olga"), "{russian}");
    place.ok("duty swap night 2026-12-09 --back");
    place.ok("duty swap night 2026-12-09 --with 2026-12-16");
    let who = |at: &str| on(at)["agent"].as_str().unwrap().to_owned();
    let weeks = ["2026-12-07T12:00:00+03:00", "2026-12-13T12:00:00+03:00", "2026-12-14T12:00:00+03:00"];
    assert_eq!(weeks.map(who), ["boris", "boris", "anna"]);

    assert!(place.complains(3, "duty swap day 2026-12-09 --to boris").contains("there is no duty day"));
    assert!(place.complains(3, "duty swap night 2026-12-09 --to egor").contains("there is no agent egor"));
    assert!(
        place.complains(2, "duty swap night 2026-12-01 --to boris").contains("the rota begins on 2026-12-07")
    );
    assert!(place.complains(3, "duty swap night 2026-12-23 --back").contains("swap of duty"));
    assert_eq!(place.json("audit list --action duty_changed").as_array().unwrap().len(), 3);
}

/// A calendar's dates become exceptions, which the rules file takes as they are printed.
#[test]
fn a_calendar_becomes_exceptions_of_the_rules_file() {
    let place = fresh();
    store(&place, |c| rules::replace(c, &stated()).map(drop));
    let days = "<day d=\"01.01\" t=\"1\"/><day d=\"01.02\" t=\"1\"/><day d=\"02.20\" t=\"3\"/><day d=\"02.22\" t=\"2\"/>";
    place.write("calendar.xml", &format!("<calendar year=\"2027\"><days>{days}</days></calendar>"));
    let lines = place.ok("calendar import calendar.xml --schedule office --shorter 2h");
    let expected = "exceptions = [\n    \"2027-01-01 closed\",\n    \"2027-02-20 09:00-18:00\",\n    \"2027-02-22 09:00-16:00\",\n]\n";
    assert_eq!(lines, expected);
    let hours = "hours = [\"mon-fri 09:00-18:00\"]\n";
    let exported = place.ok("export");
    assert!(exported.contains(hours), "{exported}");
    place.write("rules.toml", &exported.replace(hours, &format!("{hours}{lines}")));
    place.ok("apply rules.toml");
    assert_eq!(place.json("hours --at 2027-02-20T12:00:00+03:00")[0]["why"], "the exception of 2027-02-20");
    let json = place.json("calendar import calendar.xml --schedule office");
    assert_eq!(json["exceptions"][2], "2027-02-22 09:00-17:00");

    assert!(
        place
            .complains(3, "calendar import calendar.xml --schedule shop")
            .contains("`dozvon hours` lists them")
    );
    assert!(
        place
            .complains(1, "calendar import nothing.ics --schedule office")
            .contains("cannot read nothing.ics")
    );
    assert!(
        place
            .complains(2, "calendar import rules.toml --schedule office")
            .contains("ends in .xml, .csv or .ics")
    );
    place.write("empty.csv", "date,hours\n");
    let russian = place.run("calendar import empty.csv --schedule office --lang ru");
    assert!(russian.err.contains("в календаре нет ни одного дня"), "{}", russian.err);
}
