//! The section `[defaults]`: values for entries that state none themselves.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::calendar::schedule::parse_zone;
use crate::document::{Document, Step};
use crate::rules::file::items::{table_of, usual_agent, usual_queue};
use crate::rules::references::{Kind, Owner, Reference};
use crate::rules::{Agent, Queue};

/// The keys for schedules.
const OF_SCHEDULES: &[&str] = &["zone"];

/// The keys of `[defaults]`, by the kind of entry that they are for.
const KEYS: [(Kind, &[&str]); 4] = [
    (Kind::Schedule, OF_SCHEDULES),
    (Kind::Duty, OF_SCHEDULES),
    (Kind::Agent, Agent::DEFAULTS),
    (Kind::Queue, Queue::DEFAULTS),
];

/// Puts the defaults of the file into the entries that leave them out, and returns the names that the defaults refer
/// to. A default with a mistake is reported once and not used.
pub(super) fn fill(document: &mut Document<'_>, root: &mut DeTable<'_>) -> Vec<Reference> {
    let Some(defaults) = root.get("defaults").map(Spanned::get_ref).and_then(DeValue::as_table) else {
        return Vec::new();
    };
    let mut defaults = defaults.clone();
    let references = check(document, &defaults);
    let faulty: Vec<String> = defaults
        .iter()
        .filter(|(_, value)| document.is_faulty(&value.span()))
        .map(|(key, _)| key.get_ref().to_string())
        .collect();
    for key in faulty {
        defaults.remove(key.as_str());
    }
    for (kind, keys) in KEYS {
        let Some(DeValue::Array(items)) = root.get_mut(kind.as_str()).map(Spanned::get_mut) else { continue };
        for item in items.iter_mut() {
            let DeValue::Table(item) = item.get_mut() else { continue };
            for (key, value) in only(&defaults, keys) {
                if !item.contains_key(key.get_ref().as_ref()) {
                    item.insert(key, value);
                }
            }
        }
    }
    references
}

/// The entries with one of these keys.
fn only<'t>(table: &DeTable<'t>, keys: &[&str]) -> DeTable<'t> {
    let entries = table.iter().filter(|(key, _)| keys.contains(&key.get_ref().as_ref()));
    entries.map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// Reads the defaults as if an agent, a queue and a schedule stated them.
fn check(document: &mut Document<'_>, defaults: &DeTable<'_>) -> Vec<Reference> {
    let known: Vec<&str> = KEYS.iter().flat_map(|(_, keys)| keys.iter().copied()).collect();
    for (key, _) in defaults.iter().filter(|(key, _)| !known.contains(&key.get_ref().as_ref())) {
        document.unknown_key(&key.span(), key.get_ref(), known.iter().copied());
    }
    if let Some(zone) = defaults.get("zone") {
        let read = document.read_value::<String>(zone).map(|text| parse_zone(&text));
        if let Some(Err(error)) = read {
            document.fault_of(&zone.span(), &error);
        }
    }
    let stated = |keys| Spanned::new(0..0, only(defaults, keys));
    document.read_item::<Agent>(&stated(Agent::DEFAULTS), &usual_agent("defaults"));
    let Some(usual) = usual_queue("defaults") else { return Vec::new() };
    let queue = document.read_item::<Queue>(&stated(Queue::DEFAULTS), &table_of(&usual).to_string());
    let owner = Owner { name: "[defaults]".to_owned(), at: vec![Step::Key("defaults")] };
    let references = queue.iter().flat_map(|queue| queue.references(&owner));
    references.filter(|it| it.at.get(1).is_some_and(|step| is_stated(defaults, step))).collect()
}

fn is_stated(defaults: &DeTable<'_>, step: &Step) -> bool {
    matches!(step, Step::Key(key) if defaults.contains_key(*key))
}
