//! What is different between two sets of rules, field by field, in the words of the rules file.

use std::collections::BTreeMap;

use toml::Value;

use crate::rules::Rules;
use crate::rules::file::write::whole;
use crate::rules::policy::Policy;
use crate::rules::references::Kind;

/// One field that is different.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Whose field: kind and name, such as `queue sales`.
    pub what: String,
    /// The field as the file has it.
    pub field: String,
    /// The whole value that held, also where it was a default; none if there was nothing.
    pub from: Option<String>,
    /// The whole value that holds now; none if there is nothing.
    pub to: Option<String>,
}

/// The fields that differ of whatever is in both sets of rules.
#[must_use]
pub fn changes(old: &Rules, new: &Rules) -> Vec<Change> {
    let (before, now) = (items(old), items(new));
    let mut all = Vec::new();
    for (what, now) in &now {
        let Some(before) = before.get(what) else { continue };
        let fields: std::collections::BTreeSet<&String> = before.keys().chain(now.keys()).collect();
        for field in fields {
            let (from, to) = (before.get(field), now.get(field));
            if from != to {
                let (from, to) = (from.map(plain), to.map(plain));
                all.push(Change { what: what.clone(), field: field.clone(), from, to });
            }
        }
    }
    all
}

/// The rules by kind and name, with their defaults, and the policies that exist without being stated; a route also says
/// its place, since the first that matches decides.
fn items(rules: &Rules) -> BTreeMap<String, toml::Table> {
    let mut all = rules.clone();
    all.policies = Policy::built_in();
    all.policies.extend(rules.policies.clone());
    let mut places = 1_i64..;
    let item = |(kind, mut table): (Kind, toml::Table)| {
        let name = table.remove("name").as_ref().map(plain).unwrap_or_default();
        if kind == Kind::Route {
            table.extend(places.next().map(|place| ("place".to_owned(), Value::Integer(place))));
        }
        (format!("{kind} {name}"), table)
    };
    whole(&all).into_iter().map(item).collect()
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) if items.is_empty() => "none".to_owned(),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::file::parse;

    const RULES: &str = include_str!("../../cli/init/rules.toml");

    fn rules(text: &str) -> Rules {
        parse("rules.toml", text, chrono_tz::UTC).unwrap_or_else(|faults| panic!("{faults}"))
    }

    #[test]
    fn each_field_says_what_it_was_and_what_it_is() {
        let old = rules(RULES);
        assert_eq!(changes(&old, &old), []);
        let new = RULES
            .replace("schedule = \"office\"\n#policy", "schedule = \"office\"\nmax_wait = \"2m\"\n#policy")
            .replace("09:00-18:00", "09:00-19:00")
            .replace("    { agent = \"boris\" },\n", "");
        let told: Vec<String> = changes(&old, &rules(&new))
            .into_iter()
            .map(|it| format!("{} {} {:?} {:?}", it.what, it.field, it.from, it.to))
            .collect();
        assert_eq!(
            told,
            [
                r#"queue sales max_wait Some("5m") Some("2m")"#,
                r#"queue sales tiers Some("{ agent = \"anna\", level = 1, position = 1 }, { agent = \"boris\", level = 1, position = 2 }") Some("{ agent = \"anna\", level = 1, position = 1 }")"#,
                r#"schedule office hours Some("mon-fri 09:00-18:00") Some("mon-fri 09:00-19:00")"#,
            ]
        );
    }

    /// A policy that is stated for the first time changes the one that is built in.
    #[test]
    fn the_first_policy_says_what_held_before() {
        let old = rules(RULES);
        let stated = "\n[[policy]]\nname = \"service\"\nmax_attempts_per_day = 2\nretry_delays = [\"1h\"]\n";
        let mut without = old.clone();
        without.policies.clear();
        for before in [&old, &without] {
            let told: Vec<String> = changes(before, &rules(&format!("{RULES}{stated}")))
                .into_iter()
                .map(|it| format!("{} {} {:?} {:?}", it.what, it.field, it.from, it.to))
                .collect();
            let wanted = [
                r#"policy service max_attempts_per_day Some("3") Some("2")"#,
                r#"policy service retry_delays Some("30m, 1h30m") Some("1h")"#,
            ];
            assert_eq!(told, wanted);
        }
    }

    #[test]
    fn the_order_of_routes_is_a_change() {
        let second = "\n[[route]]\nname = \"all\"\nnumber = \"*\"\nopen = { queue = \"sales\" }\n";
        let old = rules(&format!("{RULES}{second}"));
        let mut new = old.clone();
        new.routes.reverse();
        let told = changes(&old, &new);
        assert_eq!((told.len(), told[0].field.as_str()), (2, "place"), "{told:?}");
    }
}
