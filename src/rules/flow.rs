//! The rules as one flow: what leads where.
//!
//! A caller who does nothing still goes on: from a queue to its overflow, from a menu to `failed`, from a message and a
//! forward to `then`. **Invariant:** such a way must end. A caller who presses keys may go round as long as they like; the
//! setting `[calls] max_hops` bounds that.

use std::collections::BTreeSet;

use crate::ids::MenuName;
use crate::rules::references::Kind;
use crate::rules::{Destination, Rules};

/// A way without an end.
#[derive(Debug, Clone, PartialEq, Eq)]
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
        let mut seen: BTreeSet<(u8, String)> = BTreeSet::new();
        let mut open: Vec<&Destination> =
            self.routes.iter().flat_map(|route| [&route.open, &route.closed]).collect();
        while let Some(to) = open.pop() {
            for to in to.chain() {
                let id = match to {
                    Destination::Queue(name) => (0, name.to_string()),
                    Destination::Menu(name) => (1, name.to_string()),
                    _ => continue,
                };
                if !seen.insert(id) {
                    continue;
                }
                match to {
                    Destination::Queue(name) => {
                        open.extend(self.queues.get(name).map(|queue| &queue.overflow))
                    }
                    Destination::Menu(name) => {
                        let menu = self.menus.get(name);
                        open.extend(menu.into_iter().flat_map(|menu| menu.destinations().map(|(_, to)| to)));
                    }
                    _ => {}
                }
            }
        }
        self.menus.keys().filter(|name| !seen.contains(&(1, name.to_string()))).collect()
    }

    /// Every destination of the rules.
    pub fn destinations(&self) -> impl Iterator<Item = &Destination> {
        let routes = self.routes.iter().flat_map(|route| [&route.open, &route.closed]);
        let overflows = self.queues.values().map(|queue| &queue.overflow);
        let menus = self.menus.values().flat_map(|menu| menu.destinations().map(|(_, to)| to));
        routes.chain(overflows).chain(menus).flat_map(Destination::chain)
    }
}
