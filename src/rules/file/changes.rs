//! Compares two sets of rules, field by field, with the keys and values of the rules file.

use std::collections::BTreeMap;

use toml::Value;

use crate::rules::Rules;
use crate::rules::file::write::whole;
use crate::rules::policy::Policy;
use crate::rules::references::Kind;

/// One field that is different.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The rule that has the field, such as `queue sales`.
    pub what: String,
    /// The key in the rules file.
    pub field: String,
    /// The old value, even if it was a default; none if there was none.
    pub from: Option<String>,
    /// The new value; none if there is none.
    pub to: Option<String>,
}

/// Returns the fields that differ, for rules that both sets have.
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

/// Returns the rules by kind and name, with defaults and built-in policies. A route has its place as a field, since the
/// first match decides.
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
