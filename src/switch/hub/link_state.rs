//! The state of the links to a FreeSWITCH: whether they are up, to which run of it, and whether events were missed.

use tokio::sync::watch;
use tokio::time::Instant;

use crate::ids::CoreId;
use crate::switch::link_commands::Role;
use crate::switch::node_stats::count;

use super::{Hub, lock};

/// The state of a node's event link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::switch) struct LinkState {
    /// Whether events come in.
    pub up: bool,
    /// Grows when a session begins: jobs of the one before are lost.
    pub session: u64,
    /// Grows when events may have been missed.
    pub missed: u64,
    /// Which run of FreeSWITCH.
    pub core: Option<CoreId>,
}

impl Hub {
    /// The state of the event link, now and as it changes.
    pub(in crate::switch) fn link_state(&self) -> watch::Receiver<LinkState> {
        self.link_state.subscribe()
    }

    /// A link is up.
    pub(in crate::switch) fn link_up(&self, role: Role) {
        count(&self.stats.connects);
        self.set_link(role, true);
        if role == Role::Events {
            self.link_state.send_modify(|link_state| {
                link_state.up = true;
                link_state.session += 1;
            });
        }
    }

    /// A link is down.
    pub(in crate::switch) fn link_down(&self, role: Role) {
        self.set_link(role, false);
        if role == Role::Events {
            self.originates.clear();
            self.link_state.send_modify(|link_state| link_state.up = false);
        }
    }

    fn set_link(&self, role: Role, up: bool) {
        let mut links = lock(&self.links);
        links[usize::from(role == Role::Queries)] = up;
        let both = links.iter().all(|up| *up);
        self.up.send_if_modified(|up| std::mem::replace(up, both) != both);
    }

    /// The event link is about to be up, to this run of FreeSWITCH if it is known.
    pub(in crate::switch) fn session_begins(&self, core: Option<CoreId>) {
        *lock(&self.last_heartbeat) = Instant::now();
        if let Some(core) = core {
            self.learn_core(core);
        }
    }

    pub(super) fn learn_core(&self, core: CoreId) {
        let known = *self.core.borrow();
        if known == Some(core) {
            return;
        }
        if known.is_some() {
            count(&self.stats.restarts);
            tracing::warn!(node = %self.settings.name, %core, "FreeSWITCH was restarted: its calls are gone");
        }
        self.core.send_replace(Some(core));
        self.link_state.send_modify(|link_state| link_state.core = Some(core));
    }

    /// Makes every leg check its state, since events may have been missed.
    pub(super) fn check_all_legs(&self) {
        self.link_state.send_modify(|link_state| link_state.missed += 1);
    }
}
