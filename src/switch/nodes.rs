//! Every FreeSWITCH of the configuration.

use std::sync::Arc;
use std::time::Duration;

use super::Node;
use crate::config::switch::NodeSettings;
use crate::ids::{CoreId, NodeName};

/// The nodes; cheap to clone.
#[derive(Debug, Clone)]
pub struct Nodes(Arc<Vec<Node>>);

impl Nodes {
    /// Starts the links to each node.
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

    /// The node of this name.
    #[must_use]
    pub fn named(&self, name: &NodeName) -> Option<&Node> {
        self.0.iter().find(|node| node.name() == name)
    }

    /// The node that is this run of FreeSWITCH. It may take a moment to be known, since after a start waiting callers are back
    /// before the links are up.
    pub async fn found(&self, core: CoreId, limit: Duration) -> Option<Node> {
        if let Some(node) = self.of(core) {
            return Some(node);
        }
        let learnt = self.0.iter().map(|node| {
            let mut known = node.core();
            Box::pin(async move {
                // The sender lives as long as the node, which we hold.
                let _ = known.wait_for(|known| *known == Some(core)).await;
                node.clone()
            })
        });
        let learnt: Vec<_> = learnt.collect();
        if learnt.is_empty() {
            return None;
        }
        let first = futures_util::future::select_all(learnt);
        tokio::time::timeout(limit, first).await.ok().map(|(node, ..)| node)
    }

    /// Waits until a node comes up or goes down.
    pub async fn changed(&self) {
        let changes = self.0.iter().map(|node| {
            let mut up = node.up();
            Box::pin(async move { up.changed().await })
        });
        let changes: Vec<_> = changes.collect();
        if changes.is_empty() {
            return std::future::pending().await;
        }
        // An error would mean that a node is gone, which we hold.
        let _ = futures_util::future::select_all(changes).await;
    }

    /// Waits until every node can be used.
    pub async fn wait_up(&self) {
        for node in self.all() {
            // The sender lives as long as the node, which we hold.
            let _ = node.up().wait_for(|up| *up).await;
        }
    }

    /// Sets whether somebody waits for the end of any talk, since its agent is free then.
    pub fn await_talk_ends(&self, awaited: bool) {
        self.0.iter().for_each(|node| node.hub.await_talk_ends(awaited));
    }

    /// Whether any of them can be used.
    #[must_use]
    pub fn any_up(&self) -> bool {
        self.0.iter().any(|node| *node.up().borrow())
    }
}
