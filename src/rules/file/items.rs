//! The entries of the file: each read into the type of its kind.

use std::borrow::Cow;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::str::FromStr;

use chrono_tz::Tz;
use serde::Serialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::document::nearest::nearest;
use crate::document::{Document, text};
use crate::rules::file::schedules;
use crate::rules::policy::{Policy, Profile};
use crate::rules::references::Kind;
use crate::rules::{Agent, Destination, Duty, Menu, Queue, Route, Rules, Voicemail};

/// An entry of a list, with its place.
type Item<'a> = Spanned<DeTable<'a>>;

/// Makes rules of all entries without mistakes. The mistakes of the others go into the document.
pub(super) fn read(document: &mut Document<'_>, root: &DeTable<'_>, zone: Tz) -> Rules {
    let mut rules = Rules::default();
    for item in items(root, Kind::Prompt) {
        required(document, &item, &["name", "source"]);
        read_named(document, Kind::Prompt, item, &mut rules.prompts, |document, _, item| {
            document.read_item(item, "")
        });
    }
    for item in items(root, Kind::Schedule) {
        required(document, &item, &["name"]);
        read_named(document, Kind::Schedule, item, &mut rules.schedules, |document, _, item| {
            schedules::read(document, item, zone)
        });
    }
    let mut policies = BTreeMap::new();
    for item in items(root, Kind::Policy) {
        required(document, &item, &["name"]);
        read_named(document, Kind::Policy, item, &mut policies, policy);
    }
    rules.policies.extend(policies);
    for item in items(root, Kind::Agent) {
        required(document, &item, &["name"]);
        read_named(document, Kind::Agent, item, &mut rules.agents, agent);
    }
    for item in items(root, Kind::Duty) {
        required(document, &item, &["name", "start", "people"]);
        read_named(document, Kind::Duty, item, &mut rules.duties, |document, name, item| {
            duty(document, name, item, zone)
        });
    }
    for item in items(root, Kind::Queue) {
        required(document, &item, &["name"]);
        read_named(document, Kind::Queue, item, &mut rules.queues, queue);
    }
    for item in items(root, Kind::Menu) {
        required(document, &item, &["name", "prompts", "options"]);
        read_named(document, Kind::Menu, item, &mut rules.menus, menu);
    }
    for item in items(root, Kind::Voicemail) {
        required(document, &item, &["name"]);
        read_named(document, Kind::Voicemail, item, &mut rules.voicemails, voicemail);
    }
    let mut names = BTreeSet::new();
    for item in items(root, Kind::Route) {
        let Some(route) = route(document, item.clone()) else { continue };
        if !names.insert(route.name.clone()) {
            two_of_a_name(document, Kind::Route, &item, &route.name);
        }
        rules.routes.push(route);
    }
    rules
}

/// The entries of a kind.
pub(super) fn items<'a>(root: &DeTable<'a>, kind: Kind) -> Vec<Item<'a>> {
    let list = root.get(kind.as_str()).and_then(|list| list.get_ref().as_array());
    let table =
        |item: &Spanned<DeValue<'a>>| Some(Spanned::new(item.span(), item.get_ref().as_table()?.clone()));
    list.into_iter().flatten().filter_map(table).collect()
}

/// Adds a fault for every required key that is missing or misspelt.
fn required(document: &mut Document<'_>, item: &Item<'_>, keys: &[&str]) {
    for key in keys.iter().filter(|key| !item.get_ref().contains_key(**key)) {
        if let Some(misspelt) = item.get_ref().keys().find(|given| nearest(given.get_ref(), [*key]).is_some())
        {
            document.unknown_key(&misspelt.span(), misspelt.get_ref(), [*key]);
        }
        if !document.is_doubtful(&item.span()) {
            document.fault(&item.span(), format!("`{key}` is missing"), format!("add {key} = …"));
        }
    }
}

/// Reads an entry and puts it under its name. A name that is taken is a fault.
fn read_named<'a, N, T>(
    document: &mut Document<'_>,
    kind: Kind,
    mut item: Item<'a>,
    map: &mut BTreeMap<N, T>,
    read: impl FnOnce(&mut Document<'_>, &str, &Item<'a>) -> Option<T>,
) where
    N: Ord + Display + FromStr,
    N::Err: Display,
{
    let name = item.get_mut().remove("name");
    let parsed = name.as_ref().and_then(|name| {
        let read = document.read_value::<String>(name)?.parse::<N>();
        read.map_err(|error| document.fault_of(&name.span(), &error)).ok()
    });
    let shown = parsed.as_ref().map_or_else(|| "without a name".to_owned(), ToString::to_string);
    let (Some(value), Some(key)) = (read(document, &shown, &item), parsed) else { return };
    match map.entry(key) {
        Entry::Vacant(free) => {
            free.insert(value);
        }
        Entry::Occupied(taken) => {
            let name = name.map_or_else(|| item.span(), |name| name.span());
            two_named(document, kind, &name, taken.key());
        }
    }
}

fn two_of_a_name(document: &mut Document<'_>, kind: Kind, item: &Item<'_>, name: &dyn Display) {
    let span = item.get_ref().get("name").map_or_else(|| item.span(), Spanned::span);
    two_named(document, kind, &span, name);
}

fn two_named(document: &mut Document<'_>, kind: Kind, span: &std::ops::Range<usize>, name: &dyn Display) {
    let kinds =
        kind.as_str().strip_suffix('y').map_or_else(|| format!("{kind}s"), |stem| format!("{stem}ies"));
    document.fault(
        span,
        format!("there are two {kinds} named {name}"),
        "give one of them another name, or take it out",
    );
}

/// The defaults of an agent, as TOML.
pub(super) fn usual_agent(name: &str) -> String {
    table_of(&Agent::new(name.to_owned())).to_string()
}

/// The defaults of a queue. Its overflow is only a placeholder.
pub(super) fn usual_queue(name: &str) -> Option<Queue> {
    Some(Queue::new(Destination::Queue(name.parse().ok()?)))
}

/// A rule in the file form. A test checks that it reads back.
pub(super) fn table_of<T: Serialize>(rule: &T) -> toml::Table {
    toml::Table::try_from(rule).unwrap_or_default()
}

fn agent(document: &mut Document<'_>, name: &str, item: &Item<'_>) -> Option<Agent> {
    let contacts = item.get_ref().get("contacts").and_then(|list| list.get_ref().as_array());
    twice(document, contacts.into_iter().flatten(), |contact| contact.as_str(), "");
    let agent: Option<Agent> = document.read_item(item, &usual_agent(name));
    if agent.as_ref().is_some_and(|agent| agent.contacts.is_empty()) && !document.is_doubtful(&item.span()) {
        document.fault(&item.span(), format!("agent {name} has no contacts"), "add contacts = [\"user/…\"]");
    }
    agent
}

/// Adds a fault for every text that a list has twice.
fn twice<'v, 'a: 'v>(
    document: &mut Document<'_>,
    list: impl Iterator<Item = &'v Spanned<DeValue<'a>>>,
    text: impl Fn(&'v DeValue<'a>) -> Option<&'v str>,
    what: &str,
) {
    let mut seen = BTreeSet::new();
    for item in list {
        if let Some(text) = text(item.get_ref())
            && !seen.insert(text)
        {
            document.fault(&item.span(), format!("{what}{text} stands here twice"), "take one out");
        }
    }
}

/// Adds a fault of a key, or of the entry if it has no such key.
fn fault_at(document: &mut Document<'_>, item: &Item<'_>, key: &str, problem: String, remedy: &'static str) {
    let span = item.get_ref().get(key).map_or_else(|| item.span(), Spanned::span);
    document.fault(&span, problem, remedy);
}

fn queue(document: &mut Document<'_>, name: &str, item: &Item<'_>) -> Option<Queue> {
    let tiers = item.get_ref().get("tiers").and_then(|list| list.get_ref().as_array());
    twice(document, tiers.into_iter().flatten(), |tier| text(tier, "agent"), "agent ");
    if !item.get_ref().contains_key("overflow") && !document.is_doubtful(&item.span()) {
        let remedy = "add overflow = { message = \"…\" }, { forward = \"…\" } or { queue = \"…\" }";
        document.fault(
            &item.span(),
            "`overflow` is missing: where do callers go who waited too long?",
            remedy,
        );
    }
    let usual = usual_queue(name).or_else(|| usual_queue("unnamed"))?;
    // Without an overflow there is a fault, so the placeholder never leaves this module.
    let queue: Queue = document.read_item(item, &table_of(&usual).to_string())?;
    if let Some((problem, remedy)) = queue.fault() {
        fault_at(document, item, "keys", problem, remedy);
    }
    Some(queue)
}

/// The defaults of a rota. Its start and people are missing.
pub(super) fn usual_duty(zone: Tz) -> toml::Table {
    let mut usual = table_of(&Duty::new(zone));
    usual.remove("start");
    usual.remove("people");
    usual
}

fn duty(document: &mut Document<'_>, name: &str, item: &Item<'_>, zone: Tz) -> Option<Duty> {
    let duty: Duty = document.read_item(item, &usual_duty(zone).to_string())?;
    let mut fault = |key, problem, remedy| fault_at(document, item, key, problem, remedy);
    if duty.people.is_empty() {
        fault("people", format!("nobody takes turns in rota {name}"), "add people = [\"…\"]");
    }
    if let Some((one, other)) = duty.overlap() {
        fault("exceptions", format!("{one} and {other} overlap"), "join them or change one");
    }
    Some(duty)
}

/// The defaults of a menu. Its prompts and options are missing.
pub(super) fn usual_menu() -> toml::Table {
    table_of(&Menu::new(Vec::new(), Vec::new()))
}

fn menu(document: &mut Document<'_>, _: &str, item: &Item<'_>) -> Option<Menu> {
    let menu: Menu = document.read_item(item, &usual_menu().to_string())?;
    if !document.is_doubtful(&item.span())
        && let Some((problem, remedy)) = menu.fault()
    {
        let key = if problem.contains("retries") { "retries" } else { "options" };
        fault_at(document, item, key, problem, remedy);
    }
    Some(menu)
}

fn voicemail(document: &mut Document<'_>, _: &str, item: &Item<'_>) -> Option<Voicemail> {
    let voicemail: Voicemail = document.read_item(item, &table_of(&Voicemail::default()).to_string())?;
    if !document.is_doubtful(&item.span())
        && let Some(fault) = voicemail.fault()
    {
        let span = item.get_ref().get(fault.key).map_or_else(|| item.span(), Spanned::span);
        document.fault(&span, fault.problem, fault.remedy);
    }
    Some(voicemail)
}

/// Returns the policy if its profile is known. Limits that it does not state are those of the profile.
fn policy(document: &mut Document<'_>, name: &str, item: &Item<'_>) -> Option<Policy> {
    let profile = profile(document, name, item);
    let usual = Policy::of(profile.unwrap_or(Profile::Service));
    let policy: Policy = document.read_item(item, &table_of(&usual).to_string())?;
    let policy = Policy { name: name.parse().ok()?, profile: profile?, ..policy };
    for fault in policy.faults() {
        let key = fault.key;
        let limit = usual.limits().into_iter().find(|limit| limit.key == key);
        let limit = limit.map_or_else(String::new, |limit| limit.value);
        let span = item.get_ref().get(key).map_or_else(|| item.span(), Spanned::span);
        let remedy =
            format!("state what is allowed, or take `{key}` out: profile {} has {limit}", policy.profile);
        document.fault(&span, fault.to_string(), remedy);
    }
    Some(policy)
}

/// Returns the profile. A policy with the name of a profile has that profile; others state theirs.
fn profile(document: &mut Document<'_>, name: &str, item: &Item<'_>) -> Option<Profile> {
    let own: Option<Profile> = name.parse().ok();
    let Some(given) = item.get_ref().get("profile") else {
        if own.is_none() && !document.is_doubtful(&item.span()) {
            let remedy = "add profile = \"service\", \"sales\" or \"debt\"";
            document.fault(&item.span(), format!("policy {name} has no `profile`"), remedy);
        }
        return own;
    };
    let stated: Profile = given.get_ref().as_str()?.parse().ok()?;
    if own.is_some_and(|own| own != stated) {
        let problem = format!("policy {name} has the profile of its name, not {stated}");
        document.fault(&given.span(), problem, "take `profile` out, or give the policy another name");
        return None;
    }
    Some(stated)
}

fn route(document: &mut Document<'_>, mut item: Item<'_>) -> Option<Route> {
    required(document, &item, &["name", "number", "open"]);
    let spans = ["schedule", "closed"].map(|key| item.get_ref().get(key).map(Spanned::span));
    if spans[1].is_none()
        && let Some((key, open)) = item.get_ref().get_key_value("open")
    {
        let (closed, open) = (Spanned::new(key.span(), Cow::Borrowed("closed")), open.clone());
        item.get_mut().insert(closed, open);
    }
    // Without a number there is a fault. The placeholder `0` never leaves this module; it lets the rest of the route be
    // checked.
    let route = document.read_item(&item, "number = \"0\"");
    match spans {
        [Some(schedule), None] if !document.is_doubtful(&item.span()) => {
            let problem = "`closed` is missing: where do callers go after hours?";
            document.fault(&schedule, problem, "add closed = { message = \"…\" } or { forward = \"…\" }");
        }
        [None, Some(closed)] if !document.is_doubtful(&item.span()) => {
            let remedy = "add schedule = \"…\", or take `closed` out";
            document.fault(&closed, "without a schedule the route is never closed", remedy);
        }
        _ => {}
    }
    route
}
