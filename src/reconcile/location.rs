//! Where the FreeSWITCH of a call or an offer is.

use super::Reconciler;
use crate::cause::SWITCH_RESTARTED;
use crate::ids::{CoreId, NodeName};
use crate::switch::Node;

/// The cause of an end that this run records for a call or offer of an earlier run.
pub(super) const RESTARTED: &str = "CONTROLLER_RESTARTED";

/// Where the FreeSWITCH of a call is.
pub(super) enum Location {
    /// The FreeSWITCH is this node, which can be asked.
    On(Node),
    /// The FreeSWITCH is gone, and its calls have ended with this cause.
    Gone(&'static str),
    /// The FreeSWITCH cannot be asked now.
    Unknown,
}

impl Reconciler {
    pub(super) fn location(&self, name: &NodeName, core: CoreId) -> Location {
        let Some(node) = self.app.nodes.named(name) else { return Location::Gone("NODE_REMOVED") };
        let known = *node.core().borrow();
        match known {
            Some(now) if now != core => Location::Gone(SWITCH_RESTARTED),
            Some(_) if *node.up().borrow() => Location::On(node.clone()),
            _ => Location::Unknown,
        }
    }
}
