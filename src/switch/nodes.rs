//! Every FreeSWITCH of the configuration.

use std::sync::Arc;

use super::{Node, NodeSettings};
use crate::ids::CoreId;

/// The nodes; cheap to clone.
#[derive(Debug, Clone)]
pub struct Nodes(Arc<Vec<Node>>);

impl Nodes {
    /// Begins to link each of them.
    #[must_use]
    pub fn start(settings: &[NodeSettings]) -> Self {
        Self(Arc::new(settings.iter().cloned().map(Node::start).collect()))
    }

    /// Every node.
    #[must_use]
    pub fn all(&self) -> &[Node] {
        &self.0
    }

    /// The node that is this run of FreeSWITCH.
    #[must_use]
    pub fn of(&self, core: CoreId) -> Option<Node> {
        self.0.iter().find(|node| *node.core().borrow() == Some(core)).cloned()
    }

    /// Waits until every node can be used.
    pub async fn wait_up(&self) {
        for node in self.all() {
            // The sender lives as long as the node: it is not gone while we hold one.
            let _ = node.up().wait_for(|up| *up).await;
        }
    }

    /// Whether any of them can be used.
    #[must_use]
    pub fn any_up(&self) -> bool {
        self.0.iter().any(|node| *node.up().borrow())
    }
}
