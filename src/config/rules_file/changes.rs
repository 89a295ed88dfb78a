//! What is different between two sets of rules, field by field, in the words of the rules file.

use std::collections::BTreeMap;

use toml::Value;

use super::write;
use crate::routing::rules::Rules;

/// One field that is different.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Whose field: kind and name, such as `queue sales`.
    pub what: String,
    /// The field as the file has it.
    pub field: String,
    /// What it said; none if the default held, or nothing.
    pub from: Option<String>,
    /// What it says now; none if the default holds, or nothing.
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
                let (from, to) = shown(from, to);
                all.push(Change { what: what.clone(), field: field.clone(), from, to });
            }
        }
    }
    all
}

/// The items of the file form by kind and name; a route also says its place, since the first that matches decides.
fn items(rules: &Rules) -> BTreeMap<String, toml::Table> {
    // What we write reads back: a test holds it.
    let file: toml::Table = write(rules).parse().unwrap_or_default();
    let mut all = BTreeMap::new();
    for (kind, list) in file {
        let Value::Array(list) = list else { continue };
        for (place, item) in (1_i64..).zip(list) {
            let Value::Table(mut item) = item else { continue };
            let name = item.remove("name").as_ref().map(plain).unwrap_or_default();
            if kind == "route" {
                item.insert("place".to_owned(), Value::Integer(place));
            }
            all.insert(format!("{kind} {name}"), item);
        }
    }
    all
}

/// Both values; of two lists only what one has and the other has not.
fn shown(from: Option<&Value>, to: Option<&Value>) -> (Option<String>, Option<String>) {
    if let (Some(Value::Array(from)), Some(Value::Array(to))) = (from, to) {
        let only = |a: &[Value], b: &[Value]| {
            let items: Vec<String> = a.iter().filter(|item| !b.contains(item)).map(plain).collect();
            (!items.is_empty()).then(|| items.join(", "))
        };
        let (gone, come) = (only(from, to), only(to, from));
        if gone.is_some() || come.is_some() {
            return (gone, come);
        }
    }
    (from.map(plain), to.map(plain))
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::rules_file::parse;

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
                r#"queue sales max_wait None Some("2m")"#,
                r#"queue sales tiers Some("{ agent = \"boris\", level = 1, position = 2 }") None"#,
                r#"schedule office hours Some("mon-fri 09:00-18:00") Some("mon-fri 09:00-19:00")"#,
            ]
        );
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
