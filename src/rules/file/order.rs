//! Finds routes that another route hides, and queues that overflow in a circle.

use toml::Spanned;
use toml::de::DeValue;

use crate::document::{Document, Step, place};
use crate::ids::QueueName;
use crate::rules::references::Kind;
use crate::rules::{Destination, Route, Rules};

/// Adds a fault for every rule that can never have an effect.
pub(super) fn check(document: &mut Document<'_>, root: &Spanned<DeValue<'_>>, rules: &Rules) {
    shadows(document, root, &rules.routes);
    circles(document, root, rules);
}

/// Returns the place of a key, or of the entry if it has no such key.
fn at(root: &Spanned<DeValue<'_>>, kind: Kind, name: &str, key: &'static str) -> std::ops::Range<usize> {
    let item = [Step::Key(kind.as_str()), Step::Named("name", name.to_owned()), Step::Key(key)];
    place(Some(root), &item)
}

/// A route can never match if a route above it matches every number that it matches.
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

/// Queues that overflow into each other would send a caller round for ever.
fn circles(document: &mut Document<'_>, root: &Spanned<DeValue<'_>>, rules: &Rules) {
    for name in rules.queues.keys() {
        let Some(path) = circle_from(rules, name) else { continue };
        let remedy = "let one of them overflow to a message or a forward";
        let span = at(root, Kind::Queue, name.as_str(), "overflow");
        document.fault(&span, format!("callers who waited too long go in a circle: {path}"), remedy);
    }
}

/// Returns the queues of the circle that leads from a queue back to itself.
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
