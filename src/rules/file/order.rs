//! How the entries work together: routes in each other's shadow, queues that overflow in circles.

use toml::Spanned;
use toml::de::DeValue;

use crate::document::{Document, Step, place};
use crate::ids::QueueName;
use crate::rules::references::Kind;
use crate::rules::{Destination, Route, Rules};

/// Notes every rule that can never do anything.
pub(super) fn check(document: &mut Document<'_>, root: &Spanned<DeValue<'_>>, rules: &Rules) {
    shadows(document, root, &rules.routes);
    circles(document, root, rules);
}

/// Where a key of an entry stands, or the entry if it has no such key.
fn at(root: &Spanned<DeValue<'_>>, kind: Kind, name: &str, key: &'static str) -> std::ops::Range<usize> {
    let item = [Step::Key(kind.as_str()), Step::Named("name", name.to_owned()), Step::Key(key)];
    place(Some(root), &item)
}

/// A route below another that takes every number it would take can never match.
fn shadows(document: &mut Document<'_>, root: &Spanned<DeValue<'_>>, routes: &[Route]) {
    for (n, route) in routes.iter().enumerate() {
        let Some(taker) = routes[..n].iter().find(|above| above.number.covers(&route.number)) else {
            continue;
        };
        let line = document.line(&at(root, Kind::Route, taker.name.as_str(), "number"));
        let (name, by) = (&route.name, &taker.name);
        let problem = format!(
            "route {name} can never match: route {by} (line {line}) takes {} before it",
            taker.number
        );
        let span = at(root, Kind::Route, name.as_str(), "number");
        document.fault(&span, problem, format!("put it above route {by}, or take it out"));
    }
}

/// A caller who is sent from queue to queue for ever gets nowhere.
fn circles(document: &mut Document<'_>, root: &Spanned<DeValue<'_>>, rules: &Rules) {
    for name in rules.queues.keys() {
        let Some(path) = circle_from(rules, name) else { continue };
        let remedy = "let one of them overflow to a message or a forward";
        let span = at(root, Kind::Queue, name.as_str(), "overflow");
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
