//! The nodes that have not said yet which agents are in other calls. FreeSWITCH is asked when the controller starts,
//! and when a link comes up after a long time. Until it has answered, or for a few seconds, nobody is rung.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::Instant;

use crate::ids::NodeName;

/// How long to wait for the answer after a link came up.
const LIMIT: Duration = Duration::from_secs(5);

/// Which nodes have told who is in other calls.
#[derive(Debug, Default)]
pub(super) struct Counting {
    /// The nodes whose other calls are known.
    counted: BTreeSet<NodeName>,
    /// The nodes that are being asked, and until when to wait for the answer.
    asked: BTreeMap<NodeName, Instant>,
}

impl Counting {
    /// The link to a node came up, or went down.
    pub(super) fn link(&mut self, node: &NodeName, up: bool, now: Instant) {
        if !up {
            self.asked.remove(node);
        } else if !self.counted.contains(node) {
            self.asked.insert(node.clone(), now + LIMIT);
        }
    }

    /// A node's other calls are known, or no longer known.
    pub(super) fn counted(&mut self, node: NodeName, known: bool) {
        if known {
            self.asked.remove(&node);
            self.counted.insert(node);
        } else {
            self.counted.remove(&node);
        }
    }

    /// Returns until when nobody is rung. None if agents may be rung now.
    pub(super) fn waits_until(&self) -> Option<Instant> {
        self.asked.values().max().copied()
    }

    /// Whether nobody may be rung now. A node that takes too long does not hold up the others.
    pub(super) fn waits(&mut self, now: Instant) -> bool {
        self.asked.retain(|node, until| {
            let waits = *until > now;
            if !waits {
                tracing::warn!(%node, limit = ?LIMIT, "FreeSWITCH takes long to say who is in other calls: agents are rung now");
            }
            waits
        });
        !self.asked.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn nobody_is_rung_before_every_node_that_is_up_is_counted_or_for_a_few_seconds() {
        let [one, two] = ["one", "two"].map(|name| name.parse::<NodeName>().unwrap());
        let (mut counting, now) = (Counting::default(), Instant::now());
        assert!(!counting.waits(now), "no link is up");
        counting.link(&one, true, now);
        counting.link(&two, true, now);
        counting.counted(one.clone(), true);
        assert!(counting.waits(now), "two is asked");
        counting.counted(two.clone(), true);
        assert!(!counting.waits(now) && counting.waits_until().is_none());
        counting.link(&one, false, now);
        counting.link(&one, true, now);
        assert!(!counting.waits(now), "the link was away for a moment");
        counting.link(&one, false, now);
        counting.counted(one.clone(), false);
        counting.link(&one, true, now);
        assert!(counting.waits(now) && counting.waits_until() == Some(now + LIMIT));
        assert!(!counting.waits(now + LIMIT), "a node is waited for no longer than that");
        counting.link(&two, false, now);
        counting.counted(two.clone(), false);
        counting.link(&two, true, now);
        counting.link(&two, false, now);
        assert!(!counting.waits(now), "nobody is rung over a link that is down");
    }
}
