//! Writes rules as a file that reads back the same.

use chrono_tz::Tz;
use toml::{Table, Value};

use crate::calendar::schedule::Schedule;
use crate::rules::file::items::{table_of, usual_duty, usual_menu};
use crate::rules::file::schedules;
use crate::rules::policy::Policy;
use crate::rules::references::Kind;
use crate::rules::{Agent, Queue, Route, Rules, Voicemail};

/// Returns the rules as a rules file, without values that are built-in defaults.
#[must_use]
pub fn write(rules: &Rules) -> String {
    let mut text =
        "# Rules of dozvon. `dozvon apply FILE` makes the database equal to this file.\n".to_owned();
    for (kind, table) in stated(rules) {
        text.push_str(&format!("\n[[{kind}]]\n"));
        for (key, value) in &table {
            text.push_str(&format!("{key} = {}\n", shown(value)));
        }
    }
    text
}

/// Returns the exceptions of a schedule as lines of the rules file.
#[must_use]
pub fn exceptions(schedule: &Schedule) -> Vec<String> {
    schedules::ranges(&schedule.exceptions)
}

/// Every rule with all its keys, defaults included, in the order of the file.
pub(super) fn whole(rules: &Rules) -> Vec<(Kind, Table)> {
    let mut all: Vec<(Kind, Table)> = Vec::new();
    let named = |name: &str, rest: Table| {
        let mut table = Table::from_iter([("name".to_owned(), Value::String(name.to_owned()))]);
        table.extend(rest);
        table
    };
    let prompts = rules.prompts.iter().map(|(name, it)| named(name.as_str(), table_of(it)));
    all.extend(prompts.map(|table| (Kind::Prompt, table)));
    let schedules = rules.schedules.iter().map(|(name, it)| named(name.as_str(), schedules::table(it)));
    all.extend(schedules.map(|table| (Kind::Schedule, table)));
    all.extend(rules.policies.values().map(|policy| (Kind::Policy, table_of(policy))));
    let agents = rules.agents.iter().map(|(name, it)| named(name.as_str(), table_of(it)));
    all.extend(agents.map(|table| (Kind::Agent, table)));
    let duties = rules.duties.iter().map(|(name, it)| named(name.as_str(), table_of(it)));
    all.extend(duties.map(|table| (Kind::Duty, table)));
    let queues = rules.queues.iter().map(|(name, it)| named(name.as_str(), table_of(it)));
    all.extend(queues.map(|table| (Kind::Queue, table)));
    let menus = rules.menus.iter().map(|(name, it)| named(name.as_str(), table_of(it)));
    all.extend(menus.map(|table| (Kind::Menu, table)));
    let voicemails = rules.voicemails.iter().map(|(name, it)| named(name.as_str(), table_of(it)));
    all.extend(voicemails.map(|table| (Kind::Voicemail, table)));
    all.extend(rules.routes.iter().map(|route| (Kind::Route, of_route(route))));
    all
}

/// A route that is always open does not state `closed`.
fn of_route(route: &Route) -> Table {
    let mut table = table_of(route);
    if route.schedule.is_none() {
        table.remove("closed");
    }
    table
}

/// Returns what must be stated for the rules to read back.
fn stated(rules: &Rules) -> impl Iterator<Item = (Kind, Table)> {
    whole(rules).into_iter().filter_map(|(kind, mut table)| {
        let usual = usual(rules, kind, table.get("name").and_then(Value::as_str).unwrap_or_default());
        table.retain(|key, value| usual.get(key) != Some(value));
        let says_nothing = kind == Kind::Policy && table.len() == 1;
        (!says_nothing).then_some((kind, table))
    })
}

/// Returns the values that a rule need not state.
fn usual(rules: &Rules, kind: Kind, name: &str) -> Table {
    let mut usual = match kind {
        Kind::Prompt => Table::new(),
        Kind::Route => Table::from_iter([
            ("from".to_owned(), Value::Array(Vec::new())),
            ("open_case".to_owned(), Value::Boolean(false)),
        ]),
        Kind::Menu => usual_menu(),
        Kind::Voicemail => table_of(&Voicemail::default()),
        Kind::Duty => {
            let mut usual = usual_duty(Tz::UTC);
            usual.remove("zone");
            usual
        }
        Kind::Schedule => Table::from_iter([("exceptions".to_owned(), Value::Array(Vec::new()))]),
        Kind::Policy => {
            let named = rules.policies.iter().find(|(key, _)| key.as_str() == name);
            let mut usual =
                named.map(|(_, policy)| table_of(&Policy::of(policy.profile))).unwrap_or_default();
            if named.is_none_or(|(name, _)| Policy::profile_named(name).is_none()) {
                usual.remove("profile");
            }
            usual
        }
        Kind::Agent => table_of(&Agent::new(name.to_owned())),
        Kind::Queue => {
            let named = rules.queues.iter().find(|(key, _)| key.as_str() == name);
            named.map(|(_, queue)| table_of(&Queue::new(queue.overflow.clone()))).unwrap_or_default()
        }
    };
    for key in ["name", "contacts", "strategy", "overflow"] {
        usual.remove(key);
    }
    usual
}

/// The longest list on one line, in characters.
const LONGEST_LINE: usize = 80;

/// A value as TOML. A long list has one entry on each line.
fn shown(value: &Value) -> String {
    let Value::Array(items) = value else { return value.to_string() };
    let line = value.to_string();
    let tables = items.len() > 1 && items.iter().all(Value::is_table);
    if !tables && line.chars().count() <= LONGEST_LINE {
        return line;
    }
    let lines: Vec<String> = items.iter().map(|item| format!("    {item},\n")).collect();
    format!("[\n{}]", lines.concat())
}
