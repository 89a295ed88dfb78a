//! The rules as one flow: what leads where.
//!
//! A caller who does nothing still goes on: from a queue to its overflow, from a menu to `failed`, from a message, a
//! forward, a duty, a callback and a voicemail to `then`. **Invariant:** such a way must end. A caller who presses keys may go round as long as they like; the
//! setting `[calls] max_hops` bounds that.

use std::collections::BTreeSet;

use crate::ids::{MenuName, VoicemailName};
use crate::rules::references::Kind;
use crate::rules::{Destination, DestinationKind, Rules};

/// A way without an end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("callers who do nothing go in a circle: {path}")]
pub struct Circle {
    /// Whether a queue or a menu begins it.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// The key that leads on.
    pub key: &'static str,
    /// The way, such as `sales → support → sales`.
    pub path: String,
}

impl Circle {
    /// What to do about it.
    pub const REMEDY: &'static str =
        "let one of them lead to a message, a forward, an extension or a hangup that nothing follows";
}

impl Rules {
    /// Where a caller goes from a queue or a menu who does nothing.
    fn onward(&self, from: &Destination) -> Option<&Destination> {
        match from {
            Destination::Queue(name) => Some(&self.queues.get(name)?.overflow),
            Destination::Menu(name) => Some(&self.menus.get(name)?.failed),
            _ => None,
        }
    }

    /// The next queue or menu on the way of a caller who does nothing. Its name, and those of what is passed before.
    fn next_stop(&self, from: &Destination) -> Option<&Destination> {
        self.onward(from)?.chain().last().filter(|last| self.onward(last).is_some())
    }

    /// Every queue and menu from which a caller who does nothing comes back to it.
    #[must_use]
    pub fn circles(&self) -> Vec<Circle> {
        let queues =
            self.queues.keys().map(|name| (Destination::Queue(name.clone()), Kind::Queue, "overflow"));
        let menus = self.menus.keys().map(|name| (Destination::Menu(name.clone()), Kind::Menu, "failed"));
        let circle = |(start, kind, key): (Destination, Kind, &'static str)| {
            let path = self.circle_from(&start)?;
            Some(Circle { kind, name: start.parts().1, key, path })
        };
        queues.chain(menus).filter_map(circle).collect()
    }

    fn circle_from(&self, start: &Destination) -> Option<String> {
        let (mut path, mut at) = (start.parts().1, start);
        for _ in 0..self.queues.len() + self.menus.len() {
            at = self.next_stop(at)?;
            path.push_str(&format!(" → {}", at.parts().1));
            if at == start {
                return Some(path);
            }
        }
        None
    }

    /// The menus to which no route leads.
    #[must_use]
    pub fn unreachable_menus(&self) -> Vec<&MenuName> {
        let seen = self.reached();
        let is_seen = |name: &MenuName| seen.contains(&(DestinationKind::Menu, name.to_string()));
        self.menus.keys().filter(|name| !is_seen(name)).collect()
    }

    /// The voicemails to which no route leads.
    #[must_use]
    pub fn unreachable_voicemails(&self) -> Vec<&VoicemailName> {
        let seen = self.reached();
        let is_seen = |name: &VoicemailName| seen.contains(&(DestinationKind::Voicemail, name.to_string()));
        self.voicemails.keys().filter(|name| !is_seen(name)).collect()
    }

    /// The queues, menus and voicemails to which routes lead.
    fn reached(&self) -> BTreeSet<(DestinationKind, String)> {
        let mut seen = BTreeSet::new();
        let mut open: Vec<&Destination> =
            self.routes.iter().flat_map(|route| [&route.open, &route.closed]).collect();
        while let Some(to) = open.pop() {
            for to in to.chain() {
                match to {
                    Destination::Queue(name) if seen.insert(to.parts()) => {
                        let queue = self.queues.get(name);
                        open.extend(
                            queue.into_iter().flat_map(|queue| queue.destinations().map(|(_, to)| to)),
                        );
                    }
                    Destination::Menu(name) if seen.insert(to.parts()) => {
                        let menu = self.menus.get(name);
                        open.extend(menu.into_iter().flat_map(|menu| menu.destinations().map(|(_, to)| to)));
                    }
                    Destination::Voicemail(_, _) => {
                        seen.insert(to.parts());
                    }
                    _ => {}
                }
            }
        }
        seen
    }

    /// Every destination of the rules.
    pub fn destinations(&self) -> impl Iterator<Item = &Destination> {
        let routes = self.routes.iter().flat_map(|route| [&route.open, &route.closed]);
        let queues = self.queues.values().flat_map(|queue| queue.destinations().map(|(_, to)| to));
        let menus = self.menus.values().flat_map(|menu| menu.destinations().map(|(_, to)| to));
        routes.chain(queues).chain(menus).flat_map(Destination::chain)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::rules::{Menu, MenuOption, Queue, Route};

    /// Queues `n0`… and menus `m0`…, and where each leads a caller who does nothing.
    fn destinations() -> impl Strategy<Value = Destination> {
        let end = prop_oneof![
            (0..4_u8).prop_map(|n| format!(r#"{{"queue":"n{n}"}}"#)),
            (0..4_u8).prop_map(|n| format!(r#"{{"menu":"m{n}"}}"#)),
            Just(r#"{"message":"p"}"#.to_owned()),
            Just(r#"{"extension":"7001"}"#.to_owned()),
        ];
        (end, 0..3_u8).prop_map(|(end, before)| {
            let text = match before {
                0 => end,
                1 => format!(r#"{{"message":"p","then":{end}}}"#),
                _ => format!(r#"{{"forward":"user/1001","then":{{"message":"p","then":{end}}}}}"#),
            };
            serde_json::from_str(&text).unwrap()
        })
    }

    /// Whether a caller who does nothing comes to an end from here.
    fn ends(rules: &Rules, from: &Destination) -> bool {
        let mut at = from.clone();
        for _ in 0..100 {
            let next = at.then().cloned().or_else(|| match &at {
                Destination::Queue(name) => Some(rules.queues[name].overflow.clone()),
                Destination::Menu(name) => Some(rules.menus[name].failed.clone()),
                _ => None,
            });
            match next {
                Some(next) => at = next,
                None => return true,
            }
        }
        false
    }

    proptest! {
        #[test]
        fn whoever_does_nothing_comes_to_an_end_unless_a_circle_is_named(
            queues in prop::collection::vec(destinations(), 4), menus in prop::collection::vec(destinations(), 4),
            options in prop::collection::vec(destinations(), 4), open in destinations(),
        ) {
            let menu = |(failed, to): (Destination, Destination)| {
                let option = MenuOption { digits: "1".parse().unwrap(), to: Some(to), back: false, language: None };
                Menu { failed, ..Menu::new(vec!["p".parse().unwrap()], vec![option]) }
            };
            let route = Route {
                name: "r".parse().unwrap(), number: "*".parse().unwrap(), from: Default::default(), open_case: false,
                closed: open.clone(), open, schedule: None,
            };
            let menus = menus.into_iter().zip(options).map(menu);
            let rules = Rules {
                queues: (0..).zip(queues).map(|(n, to): (u8, _)| (format!("n{n}").parse().unwrap(), Queue::new(to))).collect(),
                menus: (0..).zip(menus).map(|(n, menu): (u8, _)| (format!("m{n}").parse().unwrap(), menu)).collect(),
                routes: vec![route],
                ..Rules::default()
            };
            let named: BTreeSet<String> = rules.circles().into_iter().map(|circle| circle.name).collect();
            let starts = rules.queues.keys().map(|name| Destination::Queue(name.clone()))
                .chain(rules.menus.keys().map(|name| Destination::Menu(name.clone())));
            let endless = starts.filter(|start| !ends(&rules, start)).count();
            prop_assert_eq!(endless > 0, !named.is_empty(), "{:?}", named);
            let start_of = |name: &str| match name.starts_with('n') {
                true => Destination::Queue(name.parse().unwrap()),
                false => Destination::Menu(name.parse().unwrap()),
            };
            let is_right = named.iter().all(|name| !ends(&rules, &start_of(name)));
            prop_assert!(is_right, "one of these ends: {:?}", named);
            // A menu that somebody can reach is never called unreachable.
            let lost = rules.unreachable_menus();
            for to in rules.routes[0].open.chain() {
                if let Destination::Menu(name) = to {
                    prop_assert!(!lost.contains(&name));
                    let next = rules.menus[name].options[0].to.as_ref().unwrap();
                    let is_lost = next.chain().any(|to| matches!(to, Destination::Menu(name) if lost.contains(&name)));
                    prop_assert!(!is_lost);
                }
            }
        }
    }
}
