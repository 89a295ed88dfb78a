//! The pages of `docs/reference/` that are generated from the code: each is compared with what the code says now.
//!
//! To write them again: `DOZVON_WRITE_DOCS=1 cargo test --test pure reference`.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use clap::CommandFactory as _;
use dozvon::cli::Cli;
use dozvon::clock::UnixMs;
use dozvon::config::{self, Settings};
use dozvon::event::{Event, EventKind};
use dozvon::metrics::Metrics;
use dozvon::rules::file;
use dozvon::rules::policy::{Policy, Profile};
use serde_json::{Value, json};

use crate::markdown::{page, root};

/// Compares a page with what it should say, or writes it.
#[track_caller]
pub(crate) fn is_current(name: &str, text: &str) {
    let path = root().join("docs/reference").join(name);
    if std::env::var_os("DOZVON_WRITE_DOCS").is_some() {
        std::fs::write(path, text).unwrap();
        return;
    }
    let held = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = held.lines().zip(text.lines()).find(|(held, now)| held != now);
    assert!(
        held == text,
        "{name} is not current; DOZVON_WRITE_DOCS=1 cargo test --test pure reference: {differs:?}"
    );
}

#[test]
fn the_page_of_limits_is_current() {
    let mut text = "# Limits of policies\n\nThe limits of each profile: the default, the allowed values, and the source of the bound. \
                    `dozvon policy show NAME`\nprints them for one policy. [Compliance](../compliance.md) explains the sources.\n"
        .to_owned();
    for &profile in Profile::ALL {
        write!(text, "\n## {profile}\n\n| key | default | allowed | source |\n|---|---|---|---|\n").unwrap();
        for limit in Policy::of(profile).limits() {
            writeln!(text, "| `{}` | {} | {} | {} |", limit.key, limit.value, limit.bound, limit.law)
                .unwrap();
        }
    }
    is_current("limits.md", &text);
}

#[test]
fn the_page_of_metrics_is_current() {
    let mut text =
        "# Metrics\n\nWhat `/metrics` on the port of `[status] listen` shows. Times are in seconds. \
                    [Monitoring](../operations/monitoring.md) says when to worry.\n\n\
                    | metric | type | labels | meaning |\n|---|---|---|---|\n"
            .to_owned();
    for metric in Metrics::new().unwrap().described() {
        let labels: Vec<String> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
        writeln!(text, "| `{}` | {} | {} | {} |", metric.name, metric.kind, labels.join(", "), metric.help)
            .unwrap();
    }
    is_current("metrics.md", &text);
}

#[test]
fn every_metric_that_a_page_names_is_one() {
    let metrics = Metrics::new().unwrap();
    let known: BTreeSet<&str> = metrics.described().iter().map(|metric| metric.name.as_str()).collect();
    let text = page(Path::new("docs/operations/monitoring.md")).text;
    let is_name = |c: char| c.is_ascii_lowercase() || c == '_';
    let named: BTreeSet<&str> =
        text.split(|c| !is_name(c)).filter(|word| word.starts_with("dozvon_")).collect();
    assert!(named.len() > 8, "{named:?}");
    for name in named {
        assert!(known.contains(name.trim_end_matches("_bucket")), "{name} is no metric");
    }
}

#[test]
fn the_page_of_exit_codes_is_current() {
    let help = Cli::command().get_after_help().unwrap().to_string();
    let codes = help.split("Exit codes:\n").nth(1).expect("the help tells the exit codes");
    let mut text =
        "# Exit codes\n\nScripts may rely on them: they do not change.\n\n| code | meaning |\n|---|---|\n"
            .to_owned();
    for line in codes.lines() {
        let (code, meaning) = line.trim().split_once("  ").unwrap();
        writeln!(text, "| {code} | {meaning} |").unwrap();
    }
    is_current("exit-codes.md", &text);
}

/// What stands above each word of a vocabulary in its source.
fn meanings(source: &str) -> Vec<(String, String)> {
    let mut meaning = String::new();
    let mut all = Vec::new();
    for line in source.lines().map(str::trim) {
        if let Some(more) = line.strip_prefix("///") {
            meaning = format!("{meaning}{more}");
        } else {
            if let Some(word) = line.split_once(" = \"").and_then(|(_, rest)| rest.strip_suffix("\",")) {
                all.push((word.to_owned(), meaning.trim().to_owned()));
            }
            meaning.clear();
        }
    }
    all
}

/// What is told of a case, and to whom.
fn of_case(people: &Value, more: &Value) -> Value {
    let mut data = json!({
        "case": 17, "number": "+74951234567", "caller": { "name": "Ivan", "phone": "+74951234567" },
        "queue": "sales", "reason": "abandoned_waiting", "misses": 1, "due_at": 1_796_044_984_630_i64, "sms_consent": false,
    });
    for more in [people, more] {
        data.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    }
    data
}

/// An event of each kind, as a run of the product made it.
fn example(kind: EventKind) -> Event {
    let at = UnixMs(1_796_044_104_630);
    let call = "01a22c91-f2d2-76d2-b2a6-4e063124204c";
    let all = json!({ "assignee": "anna", "group": "sales", "supervisor": "supervisor", "duty": "duty" });
    let above = json!({ "supervisor": "supervisor" });
    let told = |data: Value| Event { kind, aggregate: "case:17".to_owned(), at, data };
    let attempt = || {
        json!({
            "agent": "anna", "call": call, "way": "callback", "began_at": at.0 - 8_520, "answered_at": at.0 - 8_285,
            "talk_ms": 4_709, "counted": true, "result": "reached", "note": "wants an offer by Friday",
        })
    };
    match kind {
        EventKind::CaseOpened | EventKind::CaseMissedAgain => {
            told(of_case(&all, &json!({ "call": call, "began_at": at.0 - 8_100, "wait_ms": 8_100 })))
        }
        EventKind::CaseDue | EventKind::CaseHandedOver => told(of_case(&all, &json!({}))),
        EventKind::CaseReminded => told(of_case(&json!({ "group": "sales" }), &json!({ "share_pct": 80 }))),
        EventKind::CaseEscalated => told(of_case(&above, &json!({ "share_pct": 100 }))),
        EventKind::CaseForPeople => told(of_case(&above, &json!({ "note": "the number is abroad" }))),
        EventKind::CaseClosed => told(of_case(&all, &json!({ "result": "agent_reached", "note": null }))),
        EventKind::AttemptEnded => told(of_case(&all, &attempt())),
        EventKind::AttemptUndisposed => {
            let mut unsaid = attempt();
            (unsaid["result"], unsaid["note"]) = (Value::Null, Value::Null);
            told(of_case(&json!({ "assignee": "anna", "supervisor": "supervisor" }), &unsaid))
        }
        EventKind::CallEnded => told(json!({
            "call": call, "number": "+74951234567", "queue": "sales", "agent": "anna",
            "began_at": at.0 - 8_100, "answered_at": at.0 - 7_965, "wait_ms": 135, "talk_ms": 8_200,
            "caller": { "phone": "+74951234567" },
        })),
        EventKind::MessageLeft => told(of_case(
            &all,
            &json!({
                "message": 5, "voicemail": "sales", "call": call, "began_at": at.0 - 9_200, "length_ms": 8_120,
                "file": "/var/lib/dozvon/messages/0d6f1c4e-6b1f-4f0e-9d53-0b8f3a2f7c11.wav", "reason": "left_message",
            }),
        )),
        EventKind::RequestReceived => told(json!({
            "request": 1, "case": 17, "number": "+79161234567", "name": "Ivan", "queue": "sales", "source": "site", "page": null,
            "caller": { "name": "Ivan", "phone": "+79161234567" }, "note": "A quote for 20 phones", "wanted_at": null, "sms_consent": false,
        })),
        EventKind::TrunkFailing => Event::of_trunk("trunk", at, "NORMAL_TEMPORARY_FAILURE", 5),
        EventKind::CasesFlooded => Event::of_source("trunk@192.0.2.7", at, 100),
        EventKind::DialsLimited => Event::of_dials(at, 1000),
        EventKind::DestinationClosed => Event::of_destination(kind, "site", at, "410 Gone"),
    }
}

/// What the fields of events mean.
const FIELDS: [(&str, &str); 33] = [
    ("case", "the case's number, as in `dozvon case show`"),
    ("call", "the call's identity, as in `dozvon call show`"),
    ("request", "the number of the request of a form or a bot"),
    ("number", "the customer's number"),
    ("name", "the customer's name; of a trunk, an address or a destination: its name"),
    ("caller", "how the customer is reached: `phone`, `email`, `name`"),
    ("sms_consent", "whether the customer agreed to get SMS"),
    ("queue", "the queue"),
    (
        "reason",
        "why the case was opened; of a trunk: the cause of its last failure; of a destination: its answer",
    ),
    ("misses", "how many calls of the customer were missed since the case was opened"),
    ("due_at", "the time by which somebody must call; empty until the case is due"),
    ("share_pct", "how much of the reaction time has passed, in per cent"),
    ("agent", "the agent"),
    ("assignee", "the agent who has the case; empty if any agent may take it"),
    ("group", "the queue whose agents are told"),
    ("supervisor", "the entry of `[[notify.people]]` that is told"),
    ("duty", "the entry of `[[notify.people]]` for the people on duty"),
    ("began_at", "when the call, the attempt or the message began"),
    ("answered_at", "when the call or the attempt was answered; empty if it was not"),
    ("wait_ms", "how long the caller waited"),
    ("talk_ms", "how long the talk lasted"),
    ("way", "how the attempt was made: `callback`, or by an agent"),
    ("counted", "whether the attempt counts towards the daily limit"),
    ("result", "the result of the attempt; of a case: why it was closed"),
    ("note", "what a person wrote, or why the number is not called"),
    ("source", "the form or program that sent the request"),
    ("page", "the address of the page with the form"),
    ("wanted_at", "when the customer wants to be called"),
    ("message", "the number of the message"),
    ("voicemail", "the voicemail in which the message was left"),
    ("length_ms", "how long the message is; empty if dozvon cannot read the file"),
    ("file", "the file of the message, as FreeSWITCH sees it"),
    ("times", "how often it happened; of a limit: how many are allowed in an hour"),
];

#[test]
fn the_page_of_events_is_current() {
    let mut text = "# Events\n\nWhat destinations of `[[notify.destinations]]` and the CRM are told. `events = [\"case.*\"]` selects all kinds \
                    with this prefix.\nBelow each kind is the `data` of its webhook. The body around it is a CloudEvent:\n\n\
                    ```json\n{\"specversion\": \"1.0\", \"id\": \"…\", \"source\": \"/dozvon\", \"type\": \"dozvon.case.opened\", \"subject\": \"case:17\", \
                    \"time\": \"2026-11-30T13:08:24.630Z\", \"data\": {}}\n```\n\n\
                    The headers are those of Standard Webhooks; `webhook-id` is the same at every try. Fields may be `null`, and later \
                    versions may add fields.\n\n## Fields\n\n| field | meaning |\n|---|---|\n"
        .to_owned();
    for (field, meaning) in FIELDS {
        writeln!(text, "| `{field}` | {meaning} |").unwrap();
    }
    let meanings = meanings(&std::fs::read_to_string(root().join("src/event.rs")).unwrap());
    for &kind in EventKind::ALL {
        for field in example(kind).data.as_object().unwrap().keys() {
            assert!(FIELDS.iter().any(|(known, _)| known == field), "{kind}: what does {field} mean?");
        }
        let (_, meaning) = meanings.iter().find(|(word, _)| word == kind.as_str()).unwrap();
        let data =
            serde_json::to_string_pretty(&dozvon::notify::webhook::spoken(&example(kind).data)).unwrap();
        write!(text, "\n## {kind}\n\n{meaning}\n\n```json\n{data}\n```\n").unwrap();
    }
    is_current("events.md", &text);
}

/// Every channel variable and every global of ours stands on the page, and nothing else.
#[test]
fn the_page_of_dialplan_variables_names_all_and_no_other() {
    let read = |file: &str| std::fs::read_to_string(root().join(file)).unwrap();
    let mut ours = BTreeSet::new();
    let is_name = |c: char| c.is_ascii_lowercase() || c == '_';
    let mut take = |text: &str| {
        ours.insert(text.split(|c| !is_name(c)).next().unwrap().to_owned());
    };
    for file in ["src/switch/variable.rs", "src/switch/dial.rs", "src/switch/facts.rs"] {
        let text = read(file).replace("\"variable_dozvon_", "\"dozvon_");
        text.split("\"dozvon_").skip(1).for_each(|rest| take(&format!("dozvon_{rest}")));
    }
    for file in ["dozvon.xml", "entry.xml", "handset.xml"] {
        let text = read(&format!("fs-dialplan/{file}"));
        for application in ["cmd=\"set\" data=\"", "application=\"set\" data=\"", "\"multiunset\" data=\""] {
            for rest in text.split(application).skip(1) {
                let data = rest.split('"').next().unwrap();
                data.split(' ').filter(|word| word.starts_with("dozvon_")).for_each(&mut take);
            }
        }
    }
    let page = page(Path::new("docs/reference/dialplan.md"));
    let named: BTreeSet<String> =
        page.spans().into_iter().map(|(_, span)| span).filter(|span| span.starts_with("dozvon_")).collect();
    assert_eq!(named, ours);
}

/// The value of each key in what `init` writes, a key that is commented out included: its sections, its name, its value.
fn written(template: &str) -> Vec<(String, String, String)> {
    let mut section = String::new();
    let mut keys = Vec::new();
    for line in template.lines().map(|line| line.trim_start_matches('#').trim_start()) {
        if let Some(head) =
            line.strip_prefix('[').and_then(|rest| rest.trim_start_matches('[').split(']').next())
        {
            head.clone_into(&mut section);
        } else if let Some((key, value)) = line.split_once(" = ")
            && key.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        {
            keys.push((
                section.clone(),
                key.to_owned(),
                value.split("  #").next().unwrap().trim().to_owned(),
            ));
        }
    }
    keys
}

/// Looks at each renamed key: its new name is one of now, its old name is none, and a file with the old name is read.
fn are_read(template: &str, renamed: &[(&str, &str)], read: impl Fn(&str) -> Result<(), String>) {
    let keys = written(template);
    let (mut sections_renamed, mut seen) = (0, 0);
    for (old, new) in renamed {
        let (section, key) = old.rsplit_once('.').unwrap();
        let of = |name: &str| keys.iter().find(|(known, key, _)| known == section && key == name);
        assert_ne!(key, *new, "{old} has the name that it had");
        assert!(of(key).is_none(), "{old} is a key of now");
        let Some((_, _, value)) = of(new) else {
            let inner = format!("{section}.{new}");
            assert!(keys.iter().any(|(known, _, _)| *known == inner), "{new} is no key of [{section}]");
            sections_renamed += 1;
            continue;
        };
        let head = match section {
            "callback.trunks" => "[[callback.trunks]]\ndial = \"gateway/trunk/{number}\"\n".to_owned(),
            "switch.nodes" => "[[switch.nodes]]\nname = \"freeswitch\"\n".to_owned(),
            "policy" => "[[policy]]\nname = \"service\"\n".to_owned(),
            "agent" => "[[agent]]\nname = \"anna\"\ncontacts = [\"user/1001\"]\n".to_owned(),
            plain => format!("[{plain}]\n"),
        };
        let text = format!("{head}{key} = {value}\n");
        read(&text).unwrap_or_else(|problem| panic!("{text}{problem}"));
        seen += 1;
    }
    assert_eq!(seen + sections_renamed, renamed.len());
}

#[test]
fn the_page_of_renamed_keys_is_current_and_the_old_keys_are_read() {
    let settings = include_str!("../../src/cli/init/dozvon.toml");
    are_read(settings, config::RENAMED, |text| {
        Settings::read(Path::new("dozvon.toml"), text, []).map(drop).map_err(|error| error.to_string())
    });
    // What the rules of `init` do not name.
    let more = "[agent]\nmax_no_answer = 3\n[policy]\nmax_attempts_per_24h = 3\nmax_attempts_per_week = 9\nmax_attempts_per_month = 9\n";
    let rules = format!("{more}{}", include_str!("../../src/cli/init/rules.toml"));
    are_read(&rules, file::renamed::RENAMED, |text| {
        file::parse("rules.toml", text, chrono_tz::Europe::Moscow)
            .map(drop)
            .map_err(|error| error.to_string())
    });
    let mut text = "# Renamed keys\n\nKeys that have a new name since version 0.1. The old names are read until the next release, with a warning that \
                    names the new one.\n"
        .to_owned();
    for (name, renamed) in [("dozvon.toml", config::RENAMED), ("rules.toml", file::renamed::RENAMED)] {
        write!(text, "\n## {name}\n\n| old | new |\n|---|---|\n").unwrap();
        for (old, new) in renamed {
            let (section, key) = old.rsplit_once('.').unwrap();
            writeln!(text, "| {key} in `[{section}]` | {new} |").unwrap();
        }
    }
    is_current("renamed.md", &text);
}
