//! Finds routes that another route hides, ways of callers that have no end, and music that is speech.

use toml::Spanned;
use toml::de::DeValue;

use crate::document::{Document, Step, place};
use crate::rules::flow::Circle;
use crate::rules::references::Kind;
use crate::rules::{Route, Rules};

/// Adds a fault for every rule that can never have an effect.
pub(super) fn check(document: &mut Document<'_>, root: &Spanned<DeValue<'_>>, rules: &Rules) {
    shadows(document, root, &rules.routes);
    circles(document, root, rules);
    for (queue, prompt) in rules.spoken_music() {
        let problem = format!("the music of queue {queue} is prompt {prompt}, which is said and not played");
        let span = at(root, Kind::Queue, queue.as_str(), "music");
        document.fault(&span, problem, "name a prompt that is a file or a stream");
    }
}

/// Returns the place of a key, or of the entry if it has no such key.
fn at(root: &Spanned<DeValue<'_>>, kind: Kind, name: &str, key: &'static str) -> std::ops::Range<usize> {
    let item = [Step::Key(kind.as_str()), Step::Named("name", name.to_owned()), Step::Key(key)];
    place(Some(root), &item)
}

/// A route can never match if a route above it matches every call that it matches.
fn shadows(document: &mut Document<'_>, root: &Spanned<DeValue<'_>>, routes: &[Route]) {
    for (n, route) in routes.iter().enumerate() {
        let Some(taker) = routes[..n].iter().find(|above| above.covers(route)) else {
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

/// A caller who does nothing must not go round for ever.
fn circles(document: &mut Document<'_>, root: &Spanned<DeValue<'_>>, rules: &Rules) {
    for circle in rules.circles() {
        let span = at(root, circle.kind, &circle.name, circle.key);
        document.fault(&span, circle.to_string(), Circle::REMEDY);
    }
}
