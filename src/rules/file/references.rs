//! How the items hang together: names that must exist, routes in each other's shadow, queues that overflow in
//! circles.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

use toml::Spanned;

use crate::document::Document;
use crate::document::fault::nearest;
use crate::ids::{AgentName, PolicyName, PromptName, QueueName, ScheduleName};
use crate::rules::file::raw;
use crate::rules::file::raw::RawDestination;
use crate::rules::policy::Policy;
use crate::rules::{Destination, NumberPattern, Rules};

/// Notes every reference to what is not there, and every rule that can never do anything.
pub fn check(document: &mut Document<'_>, file: &raw::File, rules: &Rules) {
    let built_in = Policy::built_in();
    let names = Names::of(file, &built_in);
    names.music(document, file.defaults.music.as_ref());
    names.destination(document, file.defaults.overflow.as_ref());
    for queue in file.queue.iter().map(Spanned::get_ref) {
        names.music(document, queue.music.as_ref());
        names.schedule(document, queue.schedule.as_ref());
        names.policy(document, queue.policy.as_ref());
        names.destination(document, queue.overflow.as_ref());
        for tier in &queue.tiers {
            names.agent(document, tier.get_ref().agent.as_ref());
        }
    }
    for route in file.route.iter().map(Spanned::get_ref) {
        names.schedule(document, route.schedule.as_ref());
        names.destination(document, route.open.as_ref());
        names.destination(document, route.closed.as_ref());
    }
    shadows(document, file);
    circles(document, file, rules);
}

/// The names that the file gives to its items, also to those with mistakes: what is wrong with those is told once.
struct Names<'a> {
    prompts: BTreeSet<&'a PromptName>,
    schedules: BTreeSet<&'a ScheduleName>,
    policies: BTreeSet<&'a PolicyName>,
    agents: BTreeSet<&'a AgentName>,
    queues: BTreeSet<&'a QueueName>,
}

impl<'a> Names<'a> {
    fn of(file: &'a raw::File, built_in: &'a BTreeMap<PolicyName, Policy>) -> Self {
        let policies = file.policy.iter().filter_map(|item| Some(item.get_ref().name.as_ref()?.get_ref()));
        Self {
            prompts: file
                .prompt
                .iter()
                .filter_map(|item| Some(item.get_ref().name.as_ref()?.get_ref()))
                .collect(),
            schedules: file
                .schedule
                .iter()
                .filter_map(|item| Some(item.get_ref().name.as_ref()?.get_ref()))
                .collect(),
            policies: policies.chain(built_in.keys()).collect(),
            agents: file
                .agent
                .iter()
                .filter_map(|item| Some(item.get_ref().name.as_ref()?.get_ref()))
                .collect(),
            queues: file
                .queue
                .iter()
                .filter_map(|item| Some(item.get_ref().name.as_ref()?.get_ref()))
                .collect(),
        }
    }

    fn music(&self, document: &mut Document<'_>, given: Option<&Spanned<PromptName>>) {
        exists(document, "prompt", &self.prompts, PromptName::as_str, given);
    }

    fn schedule(&self, document: &mut Document<'_>, given: Option<&Spanned<ScheduleName>>) {
        exists(document, "schedule", &self.schedules, ScheduleName::as_str, given);
    }

    fn policy(&self, document: &mut Document<'_>, given: Option<&Spanned<PolicyName>>) {
        exists(document, "policy", &self.policies, PolicyName::as_str, given);
    }

    fn agent(&self, document: &mut Document<'_>, given: Option<&Spanned<AgentName>>) {
        exists(document, "agent", &self.agents, AgentName::as_str, given);
    }

    fn destination(&self, document: &mut Document<'_>, given: Option<&Spanned<RawDestination>>) {
        let Some(raw) = given.map(Spanned::get_ref) else { return };
        exists(document, "queue", &self.queues, QueueName::as_str, raw.queue.as_ref());
        exists(document, "prompt", &self.prompts, PromptName::as_str, raw.message.as_ref());
    }
}

fn exists<N: Ord + Display>(
    document: &mut Document<'_>,
    kind: &str,
    known: &BTreeSet<&N>,
    text: fn(&N) -> &str,
    given: Option<&Spanned<N>>,
) {
    let Some(given) = given.filter(|given| !known.contains(given.get_ref())) else { return };
    let name = given.get_ref();
    let remedy = match nearest(text(name), known.iter().map(|name| text(name))) {
        Some(near) => format!("did you mean {near}? else add [[{kind}]] name = \"{name}\""),
        None => format!("add [[{kind}]] name = \"{name}\", or name one that is there"),
    };
    document.fault(&given.span(), format!("there is no {kind} {name}"), remedy);
}

/// A route below another that takes every number it would take can never match.
fn shadows(document: &mut Document<'_>, file: &raw::File) {
    let mut above: Vec<(&NumberPattern, String, usize)> = Vec::new();
    for route in file.route.iter().map(Spanned::get_ref) {
        let Some(number) = &route.number else { continue };
        let pattern = &number.get_ref().0;
        let name = route
            .name
            .as_ref()
            .map_or_else(|| "without a name".to_owned(), |name| name.get_ref().to_string());
        if let Some((taker, by, line)) = above.iter().find(|(taker, _, _)| covers(taker, pattern)) {
            let problem =
                format!("route {name} can never match: route {by} (line {line}) takes {taker} before it");
            document.fault(&number.span(), problem, format!("put it above route {by}, or take it out"));
        }
        above.push((pattern, name, document.line(&number.span())));
    }
}

/// Whether every number that `below` matches is matched by `above`.
fn covers(above: &NumberPattern, below: &NumberPattern) -> bool {
    if above.prefix { below.digits.starts_with(&above.digits) } else { above == below }
}

/// A caller who is sent from queue to queue for ever gets nowhere.
fn circles(document: &mut Document<'_>, file: &raw::File, rules: &Rules) {
    for queue in file.queue.iter().map(Spanned::get_ref) {
        let Some(name) = &queue.name else { continue };
        let Some(path) = circle_from(rules, name.get_ref()) else { continue };
        let span = queue.overflow.as_ref().map_or_else(|| name.span(), Spanned::span);
        let remedy = "let one of them overflow to a message or a forward";
        document.fault(&span, format!("callers who waited too long go in a circle: {path}"), remedy);
    }
}

/// The circle that leads from a queue back to itself.
fn circle_from(rules: &Rules, start: &QueueName) -> Option<String> {
    let mut path = start.to_string();
    let mut at = start;
    for _ in 0..rules.queues.len() {
        let Destination::Queue(next) = &rules.queues.get(at)?.overflow else { return None };
        path.push_str(&format!(" → {next}"));
        if next == start {
            return Some(path);
        }
        at = next;
    }
    None
}
