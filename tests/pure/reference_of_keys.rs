//! The pages of `docs/reference/` that describe every key of dozvon.toml and rules.toml, generated from the types that
//! read these files.
//!
//! A key, its type and its meaning come from the field and the comment above it. Its default is the program's default.
//! Its example comes from the file that `dozvon init` writes.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use dozvon::config::Settings;
use dozvon::duration;
use dozvon::rules::policy::{Policy, Profile};
use dozvon::rules::{Agent, Destination, Duty, Menu, Queue, Strategy, Voicemail};
use regex::Regex;
use toml::{Table, Value};

use crate::markdown::root;
use crate::reference::is_current;

/// A key as its field describes it.
struct Key {
    name: String,
    attributes: String,
    rust: String,
    meaning: String,
}

fn pattern(text: &str) -> Regex {
    Regex::new(text).unwrap()
}

/// The keys of a struct, in its order; those that no file has are left out.
fn keys_of(file: &str, name: &str) -> Vec<Key> {
    let source = std::fs::read_to_string(root().join("src").join(file)).unwrap();
    let start = pattern(&format!(r"(?m)^(pub )?struct {name} \{{$"));
    let start = start.find(&source).unwrap_or_else(|| panic!("{file} has no struct {name}")).end();
    let body = source[start..].split("\n}").next().unwrap();
    let field = pattern(r"^(?:pub )?([a-z_0-9]+): (.*),$");
    let (mut meaning, mut attributes, mut keys) = (Vec::new(), String::new(), Vec::new());
    for line in body.lines().map(str::trim) {
        if let Some(text) = line.strip_prefix("///") {
            meaning.push(text.trim().to_owned());
        } else if line.starts_with("#[") {
            attributes.push_str(line);
        } else if let Some(parts) = field.captures(line) {
            let renamed = pattern("rename = \"([^\"]+)\"").captures(&attributes).map(|it| it[1].to_owned());
            if !attributes.contains("serde(skip") || attributes.contains("skip_serializing_if") {
                let name = renamed.unwrap_or_else(|| parts[1].to_owned());
                let rust = parts[2].to_owned();
                keys.push(Key { name, attributes: attributes.clone(), rust, meaning: meaning.join(" ") });
            }
            (meaning, attributes) = (Vec::new(), String::new());
        }
    }
    assert!(!keys.is_empty(), "{file}: {name}");
    keys
}

/// A number of milliseconds as the source writes it: `0`, `HOUR`, `{ 10 * duration::MINUTE }`.
fn ms(text: &str) -> u64 {
    let factor = |text: &str| match text.trim().rsplit("::").next().unwrap() {
        "HEARD" => duration::HEARD,
        "SECOND" => duration::SECOND,
        "MINUTE" => duration::MINUTE,
        "HOUR" | "LONGEST_PATIENCE_MS" => duration::HOUR,
        "DAY" => duration::DAY,
        "YEAR" => duration::YEAR,
        number => number.parse().unwrap_or_else(|_| panic!("which time is {number:?}?")),
    };
    text.trim_matches(['{', '}', ' ']).split('*').map(factor).product()
}

/// What a value is, for people.
fn kind(attributes: &str, rust: &str) -> String {
    let bounds = pattern(r#"(Within|ZeroOr|OrNever)::<([^,]+), ([^>]+)>"#).captures(attributes);
    let span = |ms: u64| duration::show(std::time::Duration::from_millis(ms));
    if let Some(bounds) = bounds {
        let text = format!("duration, {} to {}", span(ms(&bounds[2])), span(ms(&bounds[3])));
        return match &bounds[1] {
            "ZeroOr" => format!("{text}, or `0s`"),
            "OrNever" => format!("{text}, or `never`"),
            _ => text,
        };
    }
    for (with, text) in [
        ("duration::Timeout", "duration, 100ms to 10m"),
        ("duration::Interval", "duration, 10ms to 1h"),
        ("deserialize_with = \"percent\"", "per cent, 0 to 100"),
        ("CapText", "whole number, or `none`"),
        ("TierList", "list of `{ agent = \"NAME\", level = 1, position = 1 }`"),
    ] {
        if attributes.contains(with) {
            return text.to_owned();
        }
    }
    let inner = |prefix: &str| rust.strip_prefix(prefix).and_then(|rest| rest.strip_suffix('>'));
    if let Some(inner) = inner("Option<").or_else(|| inner("Spanned<")) {
        return kind("", inner);
    }
    if let Some(inner) = inner("Vec<") {
        return format!("list: {}", kind("", inner));
    }
    plain(rust.rsplit("::").next().unwrap()).to_owned()
}

fn plain(rust: &str) -> &str {
    match rust {
        "bool" => "`true` or `false`",
        "String" => "text",
        "usize" | "u8" | "u16" | "u32" | "u64" | "i32" | "i64" => "whole number",
        "NonZeroU32" => "whole number above 0",
        "SocketAddr" => "address and port",
        "IpNet" => "network",
        "Tz" => "time zone (IANA)",
        "Duration" => "duration",
        "DatabaseUrl" => "`sqlite:FILE` or `postgres://…`",
        "Region" => "country (ISO 3166)",
        "AreaCode" => "digits",
        "Key" => "text of 32 characters or more",
        "Secret" => "text, `env:NAME` or `file:PATH`",
        "PathBuf" => "path",
        "Sound" => "sound",
        "PromptFolder" => "absolute path",
        "Contact" => "contact",
        "Dial" => "contact with `{number}` or `{digits}`",
        "NumberPattern" => "number pattern",
        "Minutes" => "`HH:MM-HH:MM`, or `closed`",
        "Destination" => "destination",
        "Strategy" => "strategy",
        "Profile" => "`service`, `sales` or `debt`",
        "AskNumber" => "`unknown`, `always` or `never`",
        "Language" => "`en` or `ru`",
        "LogFormat" => "`text` or `json`",
        "BodyFormat" => "`json` or `form`",
        "Tls" => "`none`, `starttls` or `tls`",
        "SmppTls" => "`none` or `tls`",
        "Callers" => "list of numbers or prefixes",
        "Source" => "sound or `say:NAME`",
        "Digits" => "1 to 8 of `0` to `9`, `*` and `#`",
        "MenuOption" | "WaitKey" => "table",
        "Survey" => "table: `questions`, `thanks`",
        "Turn" => "`day` or `week`",
        "ChangeTime" => "`HH:MM`",
        "NaiveDate" => "`YYYY-MM-DD`",
        "DutyException" => "`DATE AGENT` or `DATE..DATE AGENT`",
        "Pattern" => "event, or `case.*` and the like",
        "Preset" => "gateway",
        "Kind" => "kind",
        "BTreeMap<String, AgentName>" => "table: user of the CRM to agent",
        "BTreeMap<String, Disposition>" => "table: code to disposition",
        "BTreeMap<String, String>" => "table: name to text",
        name if name.ends_with("Name") => "name",
        other => panic!("what is a {other} to an administrator?"),
    }
}

/// A section of a file: its header, where its keys stand in the source, its defaults, its keys that are sections too.
struct Section<'a> {
    header: &'a str,
    source: (&'a str, &'a str),
    defaults: Option<&'a Table>,
    nested: &'a [&'a str],
}

/// The values of a template by section and key, those that are commented out included; the first of each counts.
fn examples(template: &str) -> BTreeMap<(String, String), String> {
    let header = pattern(r"^#? ?\[+([a-z_.]+)\]+$");
    let entry = pattern(r#"^#? ?"?([a-z_0-9*]+)"? = (.*?)(?:\s+# .*)?$"#);
    let (mut section, mut found) = (String::new(), BTreeMap::new());
    let mut lines = template.lines();
    while let Some(line) = lines.next() {
        if let Some(named) = header.captures(line) {
            section = named[1].to_owned();
        } else if let Some(parts) = entry.captures(line) {
            let mut value = parts[2].to_owned();
            while value.matches('[').count() > value.matches(']').count() {
                value.push_str(lines.next().unwrap().trim());
            }
            found.entry((section.clone(), parts[1].to_owned())).or_insert(value);
        }
    }
    found
}

/// What stands in a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

fn table(section: &Section<'_>, examples: &BTreeMap<(String, String), String>) -> String {
    let keys = keys_of(section.source.0, section.source.1);
    let path = section.header.trim_matches(['[', ']']).to_owned();
    let mut text = String::new();
    if !section.header.is_empty() {
        write!(text, "\n## {}\n\n", section.header).unwrap();
    }
    text.push_str("| key | type | default | example | meaning |\n|---|---|---|---|---|\n");
    for key in keys.iter().filter(|key| !section.nested.contains(&key.name.as_str())) {
        assert!(key.meaning.ends_with(['.', '?']), "{path} {}: {:?}", key.name, key.meaning);
        let default = section.defaults.and_then(|defaults| defaults.get(&key.name));
        let shown = default.map_or_else(String::new, |value| match value {
            Value::String(text) if text.is_empty() => String::new(),
            value => format!("`{value}`"),
        });
        let example = examples.get(&(path.clone(), key.name.clone()));
        let example = example.map_or_else(|| shown.clone(), |value| format!("`{value}`"));
        let (kind, meaning) = (cell(&kind(&key.attributes, &key.rust)), cell(&key.meaning));
        writeln!(text, "| `{}` | {kind} | {} | {} | {meaning} |", key.name, cell(&shown), cell(&example))
            .unwrap();
    }
    if let Some(defaults) = section.defaults {
        for name in defaults.keys() {
            assert!(keys.iter().any(|key| key.name == *name), "{path}: no field tells of {name}");
        }
    }
    text
}

fn at<'t>(table: &'t Table, path: &str) -> &'t Table {
    path.split('.').fold(table, |table, key| match &table[key] {
        Value::Table(inner) => inner,
        Value::Array(items) => items[0].as_table().unwrap(),
        other => panic!("{path} is {other}"),
    })
}

const DURATIONS: &str = "Durations are text: `\"500ms\"`, `\"20s\"`, `\"15m\"`, `\"1h30m\"`, `\"1d\"`. Each key has a range, and a value outside of it is refused.\n";

#[test]
fn the_page_of_dozvon_toml_is_current() {
    let template = std::fs::read_to_string(root().join("src/cli/init/dozvon.toml")).unwrap();
    let (all, examples) = (Settings::example(), examples(&template));
    let mut text = format!(
        "# dozvon.toml\n\nThe settings of the process, read at its start. `dozvon init` makes the file with every key. An environment variable \
         overrides a key:\n`DOZVON_SECTION__KEY`, such as `DOZVON_WEB__LISTEN`; of a list, an item by its place from 0: \
         `DOZVON_SWITCH__NODES__0__PORT`.\n{DURATIONS}\n"
    );
    let top: Vec<&str> =
        all.iter().filter(|(_, value)| value.is_table()).map(|(key, _)| key.as_str()).collect();
    let section = |header, source, defaults, nested| Section { header, source, defaults, nested };
    text.push_str(&table(&section("", ("config/mod.rs", "Settings"), Some(&all), &top), &examples));
    let lists = [
        ("[phone]", ("config/phone.rs", "Phone"), &[][..]),
        ("[switch]", ("config/switch.rs", "Settings"), &["nodes"]),
        ("[[switch.nodes]]", ("config/switch.rs", "NodeSettings"), &[]),
        ("[web]", ("config/web.rs", "Web"), &[]),
        ("[status]", ("config/status.rs", "Status"), &[]),
        ("[requests]", ("config/requests.rs", "Settings"), &["sources", "forms"]),
        ("[[requests.sources]]", ("config/requests.rs", "Source"), &[]),
        ("[[requests.forms]]", ("config/requests.rs", "Form"), &[]),
        ("[callback]", ("config/callback.rs", "Settings"), &["trunks", "flood"]),
        ("[[callback.trunks]]", ("config/callback.rs", "Trunk"), &[]),
        ("[callback.flood]", ("missed/flood.rs", "Limits"), &[]),
        (
            "[notify]",
            ("config/notify/mod.rs", "Settings"),
            &["callers", "mail", "smpp", "people", "destinations"],
        ),
        ("[notify.callers]", ("config/notify/strangers.rs", "Settings"), &[]),
        ("[notify.mail]", ("config/notify/mod.rs", "Mail"), &[]),
        ("[notify.smpp]", ("config/notify/smpp.rs", "Smpp"), &[]),
        ("[[notify.people]]", ("config/notify/mod.rs", "Person"), &[]),
        ("[[notify.destinations]]", ("config/notify/mod.rs", "Destination"), &[]),
        ("[crm]", ("config/crm.rs", "Settings"), &[]),
        ("[sounds]", ("config/sounds.rs", "Sounds"), &[]),
        ("[voicemail]", ("config/voicemail.rs", "Settings"), &[]),
        ("[calls]", ("config/calls.rs", "Calls"), &[]),
        ("[store]", ("config/store.rs", "Settings"), &[]),
        ("[audit]", ("config/audit.rs", "Audit"), &[]),
        ("[retention]", ("config/retention.rs", "Settings"), &[]),
        ("[log]", ("config/log.rs", "Log"), &[]),
        ("[dialplan]", ("config/dialplan.rs", "Dialplan"), &[]),
    ];
    for (header, source, nested) in lists {
        let defaults = at(&all, header.trim_matches(['[', ']']));
        text.push_str(&table(&section(header, source, Some(defaults), nested), &examples));
    }
    for name in top {
        assert!(
            lists.iter().any(|(header, ..)| *header == format!("[{name}]")),
            "[{name}] is not on the page"
        );
    }
    is_current("dozvon.toml.md", &text);
}

/// The beginning of the page of rules.toml.
fn what_rules_have_in_common() -> String {
    let names = |keys: &[&str]| keys.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ");
    let strategies: Vec<String> = Strategy::ALL.iter().map(|word| format!("`{word}`")).collect();
    format!(
        "# rules.toml\n\nWho takes which calls, and when. `dozvon apply FILE` makes the database equal to the file, `dozvon export` writes it. \
         Every entry has a\n`name`, by which others refer to it.\n{DURATIONS}\n\
         `[defaults]` states what holds for every entry that leaves it out. It takes `zone` for schedules and rotas; {} for agents; and {} for queues.\n\n\
         A *destination* is `{{ queue = \"NAME\" }}`, `{{ menu = \"NAME\" }}`, `{{ duty = \"NAME\" }}`, `{{ forward = \"CONTACT\" }}`,\n\
         `{{ message = \"PROMPT\" }}`, `{{ voicemail = \"NAME\" }}`, `{{ callback = \"QUEUE\" }}`, `{{ extension = \"NUMBER@CONTEXT\" }}` or `{{ hang_up = \"CAUSE\" }}`.\n\
         A message, a forward, a duty, a voicemail and a callback may lead on:\n\
         `{{ message = \"PROMPT\", then = {{ menu = \"NAME\" }} }}`. An extension without a context is one of `default`. A cause is one of\n\
         `NORMAL_CLEARING`, `USER_BUSY`, `NO_ANSWER`, `CALL_REJECTED`, `UNALLOCATED_NUMBER`, `NORMAL_CIRCUIT_CONGESTION` and\n\
         `NORMAL_TEMPORARY_FAILURE`.\n\
         A *contact* is `user/NAME`, `user/NAME@DOMAIN`, `sofia/PROFILE/USER@HOST[:PORT]`, `gateway/GATEWAY/NUMBER` or `loopback/EXTENSION[/CONTEXT]`.\n\
         A *strategy* is one of {}.\n",
        names(Agent::DEFAULTS),
        names(Queue::DEFAULTS),
        strategies.join(", ")
    )
}

#[test]
fn the_page_of_rules_toml_is_current() {
    let template = std::fs::read_to_string(root().join("src/cli/init/rules.toml")).unwrap();
    let mut examples = examples(&template);
    for key in Agent::DEFAULTS.iter().chain(Queue::DEFAULTS).copied().chain(["zone"]) {
        let stated = examples.get(&("defaults".to_owned(), key.to_owned())).cloned();
        for kind in ["agent", "queue", "schedule"] {
            if let Some(value) = &stated {
                examples.entry((kind.to_owned(), key.to_owned())).or_insert_with(|| value.clone());
            }
        }
    }
    let mut text = what_rules_have_in_common();
    let of = |rule: Result<Table, toml::ser::Error>| rule.unwrap();
    let mut queue = of(Table::try_from(Queue::new(Destination::Queue("sales".parse().unwrap()))));
    let mut agent = of(Table::try_from(Agent::new(String::new())));
    let mut policy = of(Table::try_from(Policy::of(Profile::Service)));
    let mut menu = of(Table::try_from(Menu::new(Vec::new(), Vec::new())));
    let mut duty = of(Table::try_from(Duty::new(chrono_tz::UTC)));
    let voicemail = of(Table::try_from(Voicemail::default()));
    for key in ["start", "people", "zone"] {
        duty.remove(key);
    }
    menu.remove("prompts");
    menu.remove("options");
    queue.remove("overflow");
    agent.remove("contacts");
    policy.remove("name");
    let sections = [
        ("[[prompt]]", ("rules/prompt.rs", "Prompt"), None),
        ("[[schedule]]", ("rules/file/schedules.rs", "Lines"), None),
        ("[[policy]]", ("rules/policy.rs", "Policy"), Some(&policy)),
        ("[[agent]]", ("rules/agent.rs", "Agent"), Some(&agent)),
        ("[[duty]]", ("rules/duty.rs", "Duty"), Some(&duty)),
        ("[[queue]]", ("rules/queue.rs", "Queue"), Some(&queue)),
        ("[[queue]] keys", ("rules/wait_key.rs", "WaitKey"), None),
        ("[[menu]]", ("rules/menu.rs", "Menu"), Some(&menu)),
        ("[[menu]] options", ("rules/menu.rs", "MenuOption"), None),
        ("[[voicemail]]", ("rules/voicemail.rs", "Voicemail"), Some(&voicemail)),
        ("[[route]]", ("rules/route.rs", "Route"), None),
    ];
    for (header, source, defaults) in sections {
        text.push_str(&table(&Section { header, source, defaults, nested: &[] }, &examples));
        if header == "[[policy]]" {
            text.push_str("\nThe defaults are those of the profile `service`. [Limits](limits.md) tells those of the others, and what is allowed.\n");
        }
    }
    is_current("rules.toml.md", &text);
}
